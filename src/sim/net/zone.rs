//! The simulated DNS: what is published under which name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::server_log::ServerLog;
use crate::model::seeded::SeededRng;
use crate::model::timestamp::Timestamp;
use crate::net::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use crate::net::{Clock, Later, Resolver};

/// Longest chain of aliases followed, as in common resolvers.
const ALIASES: usize = 8;

/// How long a resolver asks a silent name server before it gives up: three times two seconds.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(6);

/// How long "there is none" may be kept; authorities commonly publish minutes (RFC 2308 §5).
const NEGATIVE_TTL: Duration = Duration::from_secs(300);

/// How a name server treats questions about a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameServer {
    /// It answers every question.
    #[default]
    Answers,
    /// It fails (SERVFAIL).
    Fails,
    /// It refuses (REFUSED).
    Refuses,
    /// It says nothing; the resolver gives up after six seconds.
    Silent,
    /// The question never comes to an end: a client without a time limit of its own waits for ever.
    Stuck,
}

/// A time during which nothing that is asked of DNS is answered, whatever the name: the resolver or the way to it is
/// gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// How long after the beginning it begins.
    pub after: Duration,
    /// How long it lasts; `None` is for ever.
    pub lasts: Option<Duration>,
}

impl Outage {
    /// Whether it holds so long after the beginning.
    fn holds(self, since_the_beginning: Duration) -> bool {
        since_the_beginning
            .checked_sub(self.after)
            .is_some_and(|into| self.lasts.is_none_or(|lasts| into < lasts))
    }
}

/// What is published under one name.
#[derive(Debug, Default)]
pub struct Entry {
    /// Its records, in order.
    pub records: Vec<Record>,
    /// Where the name is an alias (CNAME): of what.
    pub alias: Option<String>,
    /// How long answers may be kept.
    pub ttl: Duration,
    /// How its name server treats questions.
    pub server: NameServer,
    /// After how many questions trouble passes, where it does.
    pub recovers_after: Option<u32>,
}

/// All names of a simulated internet.
#[derive(Debug, Default)]
pub struct Zones {
    entries: HashMap<String, Entry>,
}

impl Zones {
    /// The entry of a name (lower case, no trailing dot), made when there is none, along with the names above it:
    /// a name that has names below it exists (RFC 8020).
    pub fn entry(&mut self, name: &str, ttl: Duration) -> &mut Entry {
        let mut above = name;
        while let Some((_, parent)) = above.split_once('.') {
            if self.entries.contains_key(parent) {
                break;
            }
            self.entries.insert(parent.to_owned(), Entry::default());
            above = parent;
        }
        let entry = self.entries.entry(name.to_owned()).or_default();
        entry.ttl = ttl;
        entry
    }

    /// What is published under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// What a resolver would answer, without a thought for time or trouble.
    #[must_use]
    pub fn look_up(&self, name: &str, kind: RecordKind) -> DnsAnswer {
        let mut name = name;
        for _ in 0..=ALIASES {
            let Some(entry) = self.entries.get(name).or_else(|| self.wildcard(name)) else {
                return DnsAnswer::NoSuchName { ttl: NEGATIVE_TTL };
            };
            if let Some(alias) = &entry.alias {
                name = alias;
                continue;
            }
            let records: Vec<_> = entry
                .records
                .iter()
                .filter(|record| kind_of(record) == kind)
                .cloned()
                .collect();
            return if records.is_empty() {
                DnsAnswer::NoRecords { ttl: NEGATIVE_TTL }
            } else {
                DnsAnswer::Records {
                    records,
                    ttl: entry.ttl,
                }
            };
        }
        DnsAnswer::Failed(DnsFailure::ServerFailure)
    }

    /// The wildcard that answers for a name which is not there: that of its closest ancestor which is
    /// (RFC 4592 §3.3.1).
    fn wildcard(&self, name: &str) -> Option<&Entry> {
        let mut below = name;
        while let Some((_, parent)) = below.split_once('.') {
            let wildcard = self.entries.get(&format!("*.{parent}"));
            if wildcard.is_some() || self.entries.contains_key(parent) {
                return wildcard;
            }
            below = parent;
        }
        self.entries.get("*")
    }
}

impl Entry {
    /// How the name server treats a question after `asked` earlier ones.
    fn treatment(&self, asked: u64) -> NameServer {
        match self.recovers_after {
            Some(count) if asked >= u64::from(count) => NameServer::Answers,
            Some(_) | None => self.server,
        }
    }
}

fn kind_of(record: &Record) -> RecordKind {
    match record {
        Record::Address(IpAddr::V4(_)) => RecordKind::A,
        Record::Address(IpAddr::V6(_)) => RecordKind::Aaaa,
        Record::Mx { .. } => RecordKind::Mx,
        Record::Txt(_) => RecordKind::Txt,
        Record::Ptr(_) => RecordKind::Ptr,
        Record::Soa { .. } => RecordKind::Soa,
    }
}

/// The resolver that clients of a simulated internet ask.
pub(super) struct ZoneResolver {
    pub(super) zones: Arc<Zones>,
    pub(super) log: Arc<ServerLog>,
    pub(super) seed: u64,
    /// Median time of an answer.
    pub(super) latency: Duration,
    /// Share by which times vary, 0 to 1.
    pub(super) jitter: f64,
    /// When it answers nothing.
    pub(super) outage: Option<Outage>,
    pub(super) clock: Clock,
    /// When the simulated time began.
    pub(super) began: Timestamp,
}

impl ZoneResolver {
    /// Whether it answers nothing now.
    fn is_out(&self) -> bool {
        let since = self.clock.now().since(self.began);
        self.outage.is_some_and(|outage| outage.holds(since))
    }
}

impl Resolver for ZoneResolver {
    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        Box::pin(async move {
            let asked = self.log.dns_question(name, kind);
            let mut chance = SeededRng::of(self.seed, (name, kind, asked));
            tokio::time::sleep(chance.around(self.latency, self.jitter)).await;
            if self.is_out() {
                tokio::time::sleep(RESOLVER_PATIENCE).await;
                return DnsAnswer::Failed(DnsFailure::Timeout);
            }
            let treatment = self
                .zones
                .get(name)
                .map_or(NameServer::Answers, |entry| entry.treatment(asked));
            match treatment {
                NameServer::Answers => self.zones.look_up(name, kind),
                NameServer::Fails => DnsAnswer::Failed(DnsFailure::ServerFailure),
                NameServer::Refuses => DnsAnswer::Failed(DnsFailure::Refused),
                NameServer::Silent => {
                    tokio::time::sleep(RESOLVER_PATIENCE).await;
                    DnsAnswer::Failed(DnsFailure::Timeout)
                }
                NameServer::Stuck => std::future::pending().await,
            }
        })
    }
}

/// The name under which the address's own name is published, such as `5.2.0.192.in-addr.arpa`.
#[must_use]
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(72);
            for byte in address.octets().iter().rev() {
                name.extend([format!("{:x}.", byte & 15), format!("{:x}.", byte >> 4)]);
            }
            name + "ip6.arpa"
        }
    }
}
