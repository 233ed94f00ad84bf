//! What the servers of a simulated internet saw of their clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dialect::Line;
use crate::model::timestamp::Timestamp;
use crate::net::route::RecordKind;

/// Breaches of the protocol, none of which a careful client commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Breach {
    /// DATA or BDAT.
    Data,
    /// Spoke before the greeting.
    EarlyTalk,
    /// Sent commands together where that was not offered, or after a command that must end its batch (RFC 2920 §3.1).
    UninvitedFlight,
    /// A command out of its order.
    OutOfOrder,
    /// A line that is no command, or whose arguments make no sense.
    Malformed,
    /// A line without CRLF at its end, or longer than RFC 5321 §4.5.3.1.4 allows.
    BadLine,
    /// Asked for a domain that this host does not serve.
    Misrouted,
    /// An address beyond ASCII without SMTPUTF8 (RFC 6531 §3.2).
    Utf8Unasked,
    /// More than one domain in a transaction.
    DomainsMixed,
}

/// How a host answered a question for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// 2yz: it takes mail for the recipient.
    Accepted,
    /// 5yz, for there is no such mailbox, or it is closed, moved or full.
    RefusedMailbox,
    /// 4yz or 5yz for any other cause.
    RefusedOtherwise,
}

/// One RCPT, as the host saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// When the host answered.
    pub at: Timestamp,
    /// The recipient, its local part as written.
    pub address: String,
    /// Which connection of this host, counted from 1.
    pub connection: u32,
    /// Which transaction of that connection, counted from 1.
    pub transaction: u32,
    /// The code of the reply; 0 where there was none.
    pub code: u16,
    /// What the reply meant.
    pub outcome: Outcome,
    /// Why the host would not even look the recipient up, where it would not.
    pub objection: Option<Line>,
}

/// One connection, as the host saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Who came.
    pub client: IpAddr,
    /// When it came about.
    pub from: Timestamp,
    /// When it ended, as far as it has.
    pub until: Option<Timestamp>,
}

/// What one host saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Attempts to connect, with those that were refused or never answered.
    pub attempts: u32,
    /// Connections that came about.
    pub connections: u32,
    /// Connections open now.
    pub open: u32,
    /// Most connections open at once.
    pub open_at_most: u32,
    /// Greetings that the host sent.
    pub greetings: u32,
    /// EHLO commands received.
    pub ehlos: u32,
    /// HELO commands received.
    pub helos: u32,
    /// TLS handshakes that succeeded.
    pub handshakes: u32,
    /// MAIL commands received.
    pub mails: u32,
    /// RSET commands received.
    pub rsets: u32,
    /// NOOP commands received.
    pub noops: u32,
    /// VRFY or EXPN.
    pub vrfys: u32,
    /// DATA or BDAT. Must stay 0.
    pub datas: u32,
    /// Connections that the client ended with QUIT.
    pub quits: u32,
    /// Connections that the client ended without a word, while the host was still willing.
    pub hang_ups: u32,
    /// Connections that the client ended before the greeting, after a long wait for it.
    pub left_ungreeted: u32,
    /// Connections that the host ended.
    pub sent_away: u32,
    /// Reads that brought more than one command.
    pub flights: u32,
    /// Most RCPTs in one transaction.
    pub recipients_per_transaction: u32,
    /// Most RCPTs in one connection.
    pub recipients_per_connection: u32,
    /// Most RCPTs refused (4yz or 5yz) in one connection.
    pub refused_per_connection: u32,
    /// Names that clients gave in EHLO or HELO.
    pub names: BTreeSet<String>,
    /// Senders in MAIL.
    pub senders: BTreeSet<String>,
    /// Addresses from which clients came.
    pub sources: BTreeSet<IpAddr>,
    /// Breaches of the protocol, counted.
    pub breaches: BTreeMap<Breach, u32>,
    /// What the host had reason to say, counted.
    pub said: BTreeMap<Line, u32>,
    /// Every RCPT, in order.
    pub questions: Vec<Question>,
    /// Every connection, in the order in which they came about.
    pub stays: Vec<Stay>,
}

impl Sightings {
    /// How many RCPTs were answered so.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.questions
            .iter()
            .filter(|question| question.outcome == outcome)
            .count()
    }

    /// Most RCPTs within any span of `millis` milliseconds.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn most_within(&self, millis: u64) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, question) in self.questions.iter().enumerate() {
            while question.at.as_millis() - self.questions[first].at.as_millis() >= millis {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }

    /// How often the host had reason to say a line.
    #[must_use]
    pub fn times_said(&self, line: Line) -> u32 {
        self.said.get(&line).copied().unwrap_or(0)
    }

    pub(super) fn breach(&mut self, breach: Breach) {
        *self.breaches.entry(breach).or_default() += 1;
    }

    pub(super) fn says(&mut self, line: Line) {
        *self.said.entry(line).or_default() += 1;
    }
}

/// Sums over all hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Attempts to connect, anywhere.
    pub attempts: u64,
    /// Connections that came about.
    pub connections: u64,
    /// MAIL commands received.
    pub mails: u64,
    /// RCPT commands received.
    pub rcpts: u64,
    /// DATA or BDAT. Must stay 0.
    pub datas: u64,
    /// Questions to DNS.
    pub dns_questions: u64,
    /// Breaches of the protocol, counted.
    pub breaches: BTreeMap<Breach, u64>,
}

/// What all the servers saw, unjudged.
#[derive(Debug)]
pub struct ServerLog {
    names: Vec<String>,
    hosts: Vec<Mutex<Sightings>>,
    dns: Mutex<BTreeMap<String, BTreeMap<RecordKind, u64>>>,
    strays: Mutex<BTreeMap<IpAddr, u64>>,
}

impl ServerLog {
    pub(super) fn of(names: Vec<String>) -> Self {
        let hosts = names.iter().map(|_| Mutex::default()).collect();
        ServerLog {
            names,
            hosts,
            dns: Mutex::default(),
            strays: Mutex::default(),
        }
    }

    /// What each host saw, by its name.
    #[must_use]
    pub fn hosts(&self) -> BTreeMap<String, Sightings> {
        let sightings = self.hosts.iter().map(|host| locked(host).clone());
        self.names.iter().cloned().zip(sightings).collect()
    }

    /// What the host of that name saw; `None` when there is no such host.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn host(&self, name: &str) -> Option<Sightings> {
        let at = self.names.iter().position(|known| known == name)?;
        Some(self.at(at).clone())
    }

    /// How often each kind of record was asked for at each name.
    #[must_use]
    pub fn dns(&self) -> BTreeMap<(String, RecordKind), u64> {
        let dns = locked(&self.dns);
        let counts = dns.iter().flat_map(|(name, kinds)| {
            kinds
                .iter()
                .map(|(kind, count)| ((name.clone(), *kind), *count))
        });
        counts.collect()
    }

    /// Attempts to connect to addresses where there is no host.
    #[must_use]
    pub fn strays(&self) -> BTreeMap<IpAddr, u64> {
        locked(&self.strays).clone()
    }

    /// Sums over all hosts.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            attempts: locked(&self.strays).values().sum(),
            dns_questions: locked(&self.dns).values().flat_map(BTreeMap::values).sum(),
            ..Totals::default()
        };
        for host in &self.hosts {
            let host = locked(host);
            totals.attempts += u64::from(host.attempts);
            totals.connections += u64::from(host.connections);
            totals.mails += u64::from(host.mails);
            totals.rcpts += host.questions.len() as u64;
            totals.datas += u64::from(host.datas);
            for (breach, count) in &host.breaches {
                *totals.breaches.entry(*breach).or_default() += u64::from(*count);
            }
        }
        totals
    }

    /// Counts a DNS question; returns how often it had been asked before.
    pub(super) fn dns_question(&self, name: &str, kind: RecordKind) -> u64 {
        let mut dns = locked(&self.dns);
        if !dns.contains_key(name) {
            dns.insert(name.to_owned(), BTreeMap::new());
        }
        let Some(kinds) = dns.get_mut(name) else {
            return 0;
        };
        let count = kinds.entry(kind).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn stray(&self, address: IpAddr) {
        *locked(&self.strays).entry(address).or_default() += 1;
    }

    pub(super) fn at(&self, host: usize) -> MutexGuard<'_, Sightings> {
        locked(&self.hosts[host])
    }
}

/// A panic elsewhere must not hide what was seen until then.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
