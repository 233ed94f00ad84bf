//! Whole runs of the scheduler against described hosts, in a loop of events without any I/O: what the hosts count, how
//! long it takes.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

mod again;
mod economy;
mod encryption;
mod liars;
mod machines;
mod pace;
mod step;
mod turns;

use super::integrity::streak;
use super::*;
use crate::model::limits;
use crate::net::route::MailHost;
use crate::probe::CatchAllState;

/// How a host behaves.
#[derive(Clone)]
struct Habits {
    round_trip: Duration,
    /// How much longer each refusal takes.
    tarpit: Duration,
    /// What it does with the recipient `local` of a connection's `nth` (from 0) and of a transaction's `place` (from
    /// 1).
    answer: fn(Question<'_>) -> Reply,
    door: Door,
    /// A reply too many comes behind QUIT.
    surplus: bool,
    /// The most connections at once that it takes.
    connections: u32,
    /// The most recipients that it takes in any such time.
    rate: Option<(usize, Duration)>,
    /// After so many recipients refused as unknown it takes its leave of a connection.
    errors: u32,
    /// It does so in the place of the last of these refusals.
    goes_instead: bool,
}

/// How a described host meets us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// It lets us in.
    Opens,
    /// It refuses the name by which we introduce ourselves.
    MindsOurName,
    /// It refuses the address from which we come.
    MindsOurAddress,
    /// It does not answer.
    Silent,
}

/// What a described host decides by.
#[derive(Clone, Copy)]
struct Question<'a> {
    local: &'a str,
    domain: &'a str,
    /// Recipients of this connection before.
    nth: u32,
    /// Those of them that were refused.
    refused: u32,
    /// Which recipient of its transaction, from 1.
    place: u32,
    /// How often this recipient was asked about before, at the whole host.
    again: u32,
    /// Milliseconds since the run began.
    at: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    Yes,
    No,
    /// There is no such mailbox, with a code that says "not now".
    NoForNow,
    TooMany,
    ComeBack,
    /// It has begun to verify the recipient.
    Verifying,
    HangUp,
    /// The mailbox gets too much mail just now.
    Busy,
    /// For good, without a word.
    Unread,
    /// For good, in words that say nothing.
    InOwnWords,
    /// For good, for we are on a blocklist.
    Blocked,
    /// We ask too fast.
    TooFast,
    /// It has no time for any client.
    HasNoTime,
    /// For good, for the host takes no mail for the domain.
    NoMail,
}

impl Reply {
    /// What is heard of it.
    fn heard(self) -> Heard {
        match self {
            Reply::Yes => heard(Some(250), Reason::Accepted, false),
            Reply::No => heard(Some(550), Reason::NoSuchMailbox, true),
            Reply::TooMany => heard(Some(452), Reason::TooManyRecipients, false),
            Reply::ComeBack => heard(Some(450), Reason::Greylisted, false),
            Reply::Verifying => {
                let mut heard = heard(Some(450), Reason::TryLater, false);
                heard.exchange.reply =
                    "450 4.1.1 <someone>: Recipient address rejected: unverified address: \
                                        Address verification in progress"
                        .to_owned();
                heard
            }
            Reply::HangUp => heard(None, Reason::HungUp, false),
            Reply::Busy => heard(Some(450), Reason::MailboxBusy, false),
            Reply::Unread => heard(Some(550), Reason::Unread, true),
            Reply::InOwnWords => {
                let mut heard = heard(Some(554), Reason::Unread, true);
                heard.exchange.reply = "554 Transaction ended here".to_owned();
                heard
            }
            Reply::NoForNow => heard(Some(450), Reason::NoSuchMailbox, false),
            Reply::TooFast => heard(Some(450), Reason::RateLimited, false),
            Reply::HasNoTime => heard(Some(451), Reason::HostBusy, false),
            Reply::Blocked => heard(Some(554), Reason::SenderBlocked, true),
            Reply::NoMail => {
                let mut heard = heard(Some(556), Reason::NullMx, true);
                "null-mx".clone_into(&mut heard.reading.rule);
                heard
            }
        }
    }
}

/// Existing mailboxes have a name that begins with `a`; decoys begin with anything, but have eighteen letters.
fn honest(question: Question<'_>) -> Reply {
    if question.local.starts_with('a') && question.local.len() < 18 {
        Reply::Yes
    } else {
        Reply::No
    }
}

impl Default for Habits {
    fn default() -> Self {
        Habits {
            round_trip: Duration::from_millis(60),
            tarpit: Duration::ZERO,
            answer: honest,
            door: Door::Opens,
            surplus: false,
            connections: u32::MAX,
            rate: None,
            errors: u32::MAX,
            goes_instead: false,
        }
    }
}

/// What one host saw.
#[derive(Default)]
struct Seen {
    connections: u32,
    open: u32,
    open_at_most: u32,
    refused_at_most: u32,
    /// How often it took its leave for the mistakes in a connection.
    farewells: u32,
    /// Past ten recipients of a connection or of a transaction, refusals outnumbered acceptances.
    unbalanced: bool,
    asked: HashMap<String, u32>,
    /// When it last took recipients, as many as it takes in a while.
    lately: VecDeque<Timestamp>,
    /// How often it said that we ask too fast.
    complaints: u32,
    /// How often it was dialled while it answered a goodbye.
    dialled_ahead: u32,
    /// How often it turned a connection away for being one too many.
    turned_away: u32,
    questions: u32,
    last: u64,
}

impl Seen {
    /// Whether one more recipient now is more than the rate allows; if not, it is counted.
    fn count_unless_hurried(&mut self, (most, per): (usize, Duration), now: Timestamp) -> bool {
        while let Some(first) = self.lately.front()
            && now.since(*first) >= per
        {
            self.lately.pop_front();
        }
        let is_hurried = self.lately.len() >= most;
        if !is_hurried {
            self.lately.push_back(now);
        }
        is_hurried
    }
}

/// What one connection was used for.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "none of them follows from another"
)]
struct Connection {
    host: usize,
    accepted: u32,
    refused: u32,
    place: u32,
    /// Accepted in the open transaction.
    taken: u32,
    gone: bool,
    /// Whether we have said goodbye in it.
    leaving: bool,
    /// It is one too many.
    turned_away: bool,
    /// Recipients refused as unknown.
    errors: u32,
    /// Whether it has yet to be heard that the host took its leave for them.
    dismissed: bool,
}

struct Harness {
    scheduler: Scheduler,
    now: Timestamp,
    hosts: Vec<Habits>,
    seen: Vec<Seen>,
    /// Domain to host.
    served: HashMap<String, usize>,
    /// Domains with a route of their own.
    routes: HashMap<String, Route>,
    /// Addresses that are read from the list later, in the order of the moments.
    arrivals: VecDeque<(Timestamp, Address)>,
    connections: BTreeMap<SessionId, Connection>,
    events: BinaryHeap<std::cmp::Reverse<(Timestamp, u64)>>,
    reports: HashMap<u64, (SessionId, SessionEvent)>,
    sequence: u64,
    resolutions: u32,
    /// Accepted and refused, by connection.
    balances: BTreeMap<SessionId, (u32, u32)>,
    /// The last word on each address.
    facts: BTreeMap<String, Vec<Reason>>,
    learned: Vec<Event>,
}

use crate::model::reason::Reason;

const START: Timestamp = Timestamp::from_millis(1_000_000);

/// When answers came, where there is but one conversation: each surely before the next.
const IN_ORDER: streak::Span = streak::Span {
    session: SessionId(0),
    asked: 0,
    heard: 0,
    place: 0,
};

pub(super) fn limits() -> Limits {
    Limits {
        sender: Some("verify@sender.test".parse().unwrap()),
        ceilings: Ceilings {
            rate: Rate::per_seconds(10),
            connections: 2,
        },
        rate_max: Rate::per_seconds(10),
        rate: Rate::UNLIMITED,
        connections: 500,
        pending: limits::PENDING_ADDRESSES,
        patience: Duration::from_secs(1800),
        encryption: Encryption::default(),
        seed: 7,
        controls: Vec::new(),
        second_look: 0.0,
    }
}

impl Harness {
    /// A run about `list`, with domain `d` at the host that `served` names.
    fn new(limits: Limits, hosts: Vec<Habits>, served: &[(&str, usize)], list: &[String]) -> Self {
        let mut harness = Harness {
            scheduler: Scheduler::new(limits, Arc::new(Providers::default())),
            now: START,
            seen: hosts.iter().map(|_| Seen::default()).collect(),
            hosts,
            served: served
                .iter()
                .map(|&(domain, host)| (domain.to_owned(), host))
                .collect(),
            routes: HashMap::new(),
            arrivals: VecDeque::new(),
            connections: BTreeMap::new(),
            events: BinaryHeap::new(),
            reports: HashMap::new(),
            sequence: 0,
            resolutions: 0,
            balances: BTreeMap::new(),
            facts: BTreeMap::new(),
            learned: Vec::new(),
        };
        for address in list {
            harness
                .scheduler
                .add(address.parse::<Address>().unwrap().into(), START);
        }
        harness
    }

    /// Runs to the end. Returns how long it took.
    fn run(&mut self) -> Duration {
        self.run_until(Timestamp::from_millis(u64::MAX))
    }

    /// Runs until nothing more happens before `end`. Returns how long it took.
    fn run_until(&mut self, end: Timestamp) -> Duration {
        for _ in 0..50_000_000u64 {
            while let Some((at, address)) = self.arrivals.front()
                && *at <= self.now
            {
                self.scheduler.add(address.clone().into(), self.now);
                self.arrivals.pop_front();
            }
            self.scheduler.tick(self.now);
            while let Some(domain) = self.scheduler.next_resolution() {
                self.resolutions += 1;
                let own = self.routes.get(&domain).cloned();
                let route = own.unwrap_or_else(|| route_to(self.served[&domain]));
                self.scheduler.routed(&domain, route, self.now);
            }
            while let Some(out) = self.scheduler.next_action() {
                self.carry_out(out);
            }
            for learned in self.scheduler.take_events() {
                if let Event::Address { key, fact } = &learned {
                    let reason = match &fact.finding {
                        Finding::Asked { reading, .. } => reading.reason,
                        Finding::Withheld { reason, .. } | Finding::Domain { reason, .. } => {
                            *reason
                        }
                        Finding::Text { .. } | Finding::Bounced { .. } => Reason::BadSyntax,
                    };
                    self.facts.entry(key.clone()).or_default().push(reason);
                }
                if let Event::TakenBack {
                    asked: Asked::Address(key),
                    reading,
                    ..
                } = &learned
                {
                    let facts = self.facts.entry(key.to_string()).or_default();
                    facts.push(reading.reason);
                }
                self.learned.push(learned);
            }
            if self.scheduler.is_done() && self.arrivals.is_empty() {
                if self.scheduler.tests_hosts(self.now) {
                    continue;
                }
                assert_eq!(self.scheduler.pending(), 0);
                return self.now.since(START);
            }
            let arrival = self.arrivals.front().map(|(at, _)| *at);
            let wake = self.scheduler.next_wake().into_iter().chain(arrival).min();
            let event = self.events.peek().map(|event| event.0.0);
            let next = match (wake, event) {
                (Some(a), Some(b)) => a.min(b),
                (a, b) => a.or(b).unwrap_or_else(|| {
                    panic!(
                        "nothing is awaited, yet the run is not done: {:#?}",
                        self.scheduler
                    )
                }),
            };
            if next >= end {
                return self.now.since(START);
            }
            self.now = self.now.max(next);
            if event.is_some_and(|at| at <= self.now) {
                let std::cmp::Reverse((_, id)) = self.events.pop().unwrap();
                let (session, report) = self.reports.remove(&id).unwrap();
                if matches!(report, SessionEvent::Ended(_) | SessionEvent::Failed(_)) {
                    let gone = self.connections.remove(&session).unwrap();
                    self.seen[gone.host].open -= 1;
                }
                self.scheduler.report(session, report, self.now);
            }
        }
        panic!("the run does not end");
    }

    fn later(&mut self, wait: Duration, session: SessionId, report: SessionEvent) {
        self.sequence += 1;
        self.reports.insert(self.sequence, (session, report));
        self.events
            .push(std::cmp::Reverse((self.now + wait, self.sequence)));
    }

    fn carry_out(&mut self, out: Action) {
        match out {
            Action::Start {
                session, address, ..
            } => {
                let IpAddr::V4(ip) = address else { panic!() };
                let host = host_at(ip);
                let habits = self.hosts[host].clone();
                let there = self.connections.values();
                let there = there.filter(|other| other.host == host && !other.turned_away);
                let leaving = there.clone().filter(|other| other.leaving).count();
                let turned_away = there.count() >= habits.connections as usize;
                let seen = &mut self.seen[host];
                seen.dialled_ahead += u32::from(leaving > 0);
                seen.turned_away += u32::from(turned_away);
                seen.connections += 1;
                seen.open += 1;
                seen.open_at_most = seen.open_at_most.max(seen.open);
                self.connections.insert(
                    session,
                    Connection {
                        host,
                        turned_away,
                        ..Connection::default()
                    },
                );
                if turned_away {
                    let mut heard = heard(Some(421), Reason::RateLimited, false);
                    heard.exchange.stage = crate::model::stage::Stage::Greeting;
                    self.later(habits.round_trip * 2, session, SessionEvent::Failed(heard));
                } else if habits.door == Door::MindsOurName {
                    let mut heard = heard(Some(550), Reason::SenderRefused, true);
                    heard.exchange.stage = crate::model::stage::Stage::Hello;
                    "our-name".clone_into(&mut heard.reading.rule);
                    self.later(habits.round_trip * 3, session, SessionEvent::Failed(heard));
                } else if habits.door == Door::MindsOurAddress {
                    let mut heard = heard(Some(554), Reason::SenderRefused, true);
                    heard.exchange.stage = crate::model::stage::Stage::Greeting;
                    self.later(habits.round_trip * 2, session, SessionEvent::Failed(heard));
                } else if habits.door == Door::Opens {
                    let offer = Offer {
                        pipelining: true,
                        smtputf8: true,
                        ..Offer::default()
                    };
                    self.later(habits.round_trip * 3, session, SessionEvent::Opened(offer));
                } else {
                    let heard = heard(None, Reason::Silent, false);
                    self.later(
                        Duration::from_secs(15),
                        session,
                        SessionEvent::Failed(heard),
                    );
                }
            }
            Action::Send {
                session, commands, ..
            } => self.fly(session, &commands),
            // All that is said here is said at once.
            Action::Halt { .. } => {}
            Action::Quit { session, .. } => {
                let connection = self.connections.get_mut(&session).unwrap();
                connection.leaving = true;
                let host = connection.host;
                let wait = self.hosts[host].round_trip;
                if self.hosts[host].surplus {
                    let mut heard = heard(None, Reason::ProtocolFault, false);
                    heard.exchange.stage = crate::model::stage::Stage::Unknown;
                    self.later(wait, session, SessionEvent::OutOfStep(heard));
                }
                let parting = if self.connections[&session].dismissed {
                    self.later(wait, session, SessionEvent::Dismissed(too_many_errors()));
                    Parting::Untold
                } else {
                    Parting::InStep
                };
                self.later(wait, session, SessionEvent::Ended(parting));
            }
        }
    }

    fn fly(&mut self, session: SessionId, commands: &[Command]) {
        let connection = self.connections.get_mut(&session).unwrap();
        let habits = self.hosts[connection.host].clone();
        let seen = &mut self.seen[connection.host];
        let mut answers = Vec::new();
        let mut delay = Duration::ZERO;
        for command in commands {
            if std::mem::take(&mut connection.dismissed) {
                answers.push(Some(too_many_errors()));
                continue;
            }
            if connection.gone {
                answers.push(None);
                continue;
            }
            let answer = match command {
                Command::Mail { .. } => {
                    (connection.place, connection.taken) = (0, 0);
                    let mut heard = heard(Some(250), Reason::Accepted, false);
                    heard.exchange.stage = crate::model::stage::Stage::Mail;
                    heard
                }
                Command::Rcpt(recipient) => {
                    // Exim counts by transaction, before it looks the next one up.
                    seen.unbalanced |=
                        connection.place >= 10 && connection.taken * 2 < connection.place;
                    connection.place += 1;
                    seen.questions += 1;
                    seen.last = self.now.as_millis();
                    let again = seen.asked.entry(recipient.to_string()).or_default();
                    *again += 1;
                    let reply = (habits.answer)(Question {
                        local: recipient.user(),
                        domain: recipient.domain(),
                        nth: connection.accepted + connection.refused,
                        refused: connection.refused,
                        place: connection.place,
                        again: *again - 1,
                        at: self.now.as_millis() - START.as_millis(),
                    });
                    let reply = match habits.rate {
                        Some(rate) if seen.count_unless_hurried(rate, self.now) => Reply::TooFast,
                        Some(_) | None => reply,
                    };
                    seen.complaints += u32::from(reply == Reply::TooFast);
                    match reply {
                        Reply::Yes => {
                            connection.accepted += 1;
                            connection.taken += 1;
                        }
                        Reply::No
                        | Reply::TooMany
                        | Reply::ComeBack
                        | Reply::Verifying
                        | Reply::Busy
                        | Reply::Unread
                        | Reply::InOwnWords
                        | Reply::NoForNow
                        | Reply::TooFast
                        | Reply::HasNoTime
                        | Reply::NoMail
                        | Reply::Blocked => {
                            connection.refused += 1;
                            delay += habits.tarpit;
                        }
                        Reply::HangUp => connection.gone = true,
                    }
                    connection.errors += u32::from(reply == Reply::No);
                    if reply == Reply::No && connection.errors == habits.errors {
                        seen.farewells += 1;
                        (connection.gone, connection.dismissed) = (true, !habits.goes_instead);
                    }
                    seen.refused_at_most = seen.refused_at_most.max(connection.refused);
                    let all = connection.accepted + connection.refused;
                    seen.unbalanced |= all > 10 && connection.refused > connection.accepted;
                    match reply {
                        Reply::No if connection.gone && habits.goes_instead => too_many_errors(),
                        reply => reply.heard(),
                    }
                }
                Command::Rset => heard(Some(250), Reason::Accepted, false),
                Command::Ehlo(_) | Command::Helo(_) | Command::StartTls | Command::Quit => panic!(),
            };
            answers.push(Some(answer));
        }
        self.balances
            .insert(session, (connection.accepted, connection.refused));
        self.later(
            habits.round_trip + delay,
            session,
            SessionEvent::Answered(answers),
        );
    }

    fn questions(&self) -> u32 {
        self.seen.iter().map(|seen| seen.questions).sum()
    }

    fn connections(&self) -> u32 {
        self.seen.iter().map(|seen| seen.connections).sum()
    }

    /// Accepted and refused recipients of each connection, in the order in which they were opened.
    fn balances(&self) -> Vec<(u32, u32)> {
        self.balances.values().copied().collect()
    }

    /// When an address was answered first.
    fn answered(&self, address: &str) -> Duration {
        let at = self.learned.iter().find_map(|learned| match learned {
            Event::Address { key, fact } if key == address => Some(fact.at),
            Event::Address { .. }
            | Event::Host { .. }
            | Event::Domain { .. }
            | Event::Waiting { .. }
            | Event::CatchAll { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. }
            | Event::Stranded { .. }
            | Event::Blocked { .. } => None,
        });
        at.unwrap().since(START)
    }

    /// The last word on an address.
    fn word(&self, address: &str) -> Reason {
        *self.facts[address].last().unwrap()
    }
}

/// A whole run about addresses of one domain, at a host that answers so.
fn run_against(domain: &str, list: &[String], answer: fn(Question<'_>) -> Reply) -> Harness {
    let habits = Habits {
        answer,
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![habits], &[(domain, 0)], list);
    harness.run();
    harness
}

fn heard(code: Option<u16>, reason: Reason, permanent: bool) -> Heard {
    Heard {
        exchange: Exchange {
            stage: crate::model::stage::Stage::Rcpt,
            host: "mx.test".to_owned(),
            code,
            reply: String::new(),
        },
        reading: Reading {
            reason,
            permanent,
            rule: format!("harness-{}", reason.as_str()),
        },
        named_wait: None,
    }
}

/// The words of a host that takes its leave for the mistakes in a connection.
fn too_many_errors() -> Heard {
    let mut heard = heard(Some(421), Reason::HostBusy, false);
    heard.exchange.reply = "421 4.7.0 mx.test Error: too many errors".to_owned();
    heard
}

fn route_to(host: usize) -> Route {
    let [.., a, b] = u32::try_from(host).unwrap().to_be_bytes();
    Route::Hosts {
        hosts: vec![MailHost {
            name: format!("mx{host}.test"),
            addresses: vec![IpAddr::V4(Ipv4Addr::new(11, 0, a, b))],
        }],
        key: HostKey(format!("host{host}.test")),
        is_whole: true,
        ttl: Duration::from_secs(300),
    }
}

fn host_at(ip: Ipv4Addr) -> usize {
    let [_, _, a, b] = ip.octets();
    usize::from(a) << 8 | usize::from(b)
}

/// `good` addresses that exist with `bad` that do not, mixed.
fn people(domain: &str, good: usize, bad: usize) -> Vec<String> {
    let all = good + bad;
    (0..all)
        .map(|n| {
            let is_bad = (n + 1) * bad / all > n * bad / all;
            let letter = if is_bad { 'x' } else { 'a' };
            format!("{letter}{n}@{domain}")
        })
        .collect()
}

#[test]
fn one_large_domain_is_asked_at_the_full_rate_by_all_connections_allowed() {
    let list = people("big.test", 1600, 400);
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("big.test", 0)], &list);
    let took = harness.run();
    let ideal = Duration::from_secs(200);
    assert!(took < ideal * 115 / 100, "{took:?}");
    assert!(
        (2001..=2001 + 2).contains(&harness.questions()),
        "everybody once, one decoy; one tests a connection that refused three, one in the end the host: {}",
        harness.questions()
    );
    assert_eq!(harness.seen[0].open_at_most, 2);
    assert!(harness.seen[0].refused_at_most <= 9 && !harness.seen[0].unbalanced);
    assert!(harness.connections() <= 70, "{}", harness.connections());
}

/// A run about existing mailboxes and unknown recipients, each half known for what it is.
fn run_with_priors(good: usize, bad: usize, likelihood: fn(&str) -> Likelihood) -> Harness {
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("mixed.test", 0)], &[]);
    for address in people("mixed.test", good, bad) {
        let wanted = Target {
            likelihood: likelihood(&address),
            ..Target::from(address.parse::<Address>().unwrap())
        };
        harness.scheduler.add(wanted, START);
    }
    harness.run();
    harness
}

fn as_they_are(address: &str) -> Likelihood {
    if address.starts_with('a') {
        Likelihood::Good
    } else {
        Likelihood::Bad
    }
}

#[test]
fn those_who_look_bad_are_spread_over_those_who_look_good() {
    // First the bad ones, as a list that was pasted together has them: without a prior each connection is used up by
    // nine of them.
    let list = [people("mixed.test", 0, 90), people("mixed.test", 180, 0)].concat();
    let connections = |likelihood: fn(&str) -> Likelihood| {
        let mut harness =
            Harness::new(limits(), vec![Habits::default()], &[("mixed.test", 0)], &[]);
        for address in &list {
            let wanted = Target {
                likelihood: likelihood(address),
                ..Target::from(address.parse::<Address>().unwrap())
            };
            harness.scheduler.add(wanted, START);
        }
        harness.run();
        assert!(!harness.seen[0].unbalanced);
        harness
    };
    let known = connections(as_they_are);
    // Ten refusals at most in each of about as many connections, and none without acceptances to carry it.
    let balance = known.balances();
    let lopsided = balance
        .iter()
        .filter(|(accepted, refused)| refused > accepted);
    assert!(
        lopsided.count() <= 1,
        "only the last may run out of good ones: {balance:?}"
    );
    let unknown = connections(|_| Likelihood::Good);
    let lopsided = unknown
        .balances()
        .into_iter()
        .filter(|(accepted, refused)| refused > accepted);
    assert!(
        lopsided.count() > 5,
        "without a prior they come as the list has them"
    );
}

#[test]
fn a_domain_that_has_refused_most_gives_way_to_one_that_has_not() {
    // Twenty domains where no mailbox is left, twenty where all are, at one host.
    let domains: Vec<String> = (0..40).map(|n| format!("d{n}.test")).collect();
    let list: Vec<String> = domains
        .iter()
        .enumerate()
        .flat_map(|(n, domain)| match n % 2 {
            0 => people(domain, 0, 12),
            _ => people(domain, 24, 0),
        })
        .collect();
    let served: Vec<(&str, usize)> = domains.iter().map(|d| (d.as_str(), 0)).collect();
    let mut harness = Harness::new(limits(), vec![Habits::default()], &served, &list);
    harness.run();
    // Every address once, a decoy for each domain that accepts; the rest tests the host, which refuses in long rows.
    let needed = 20 * 12 + 20 * 24 + 20;
    assert!(
        harness.questions() <= needed * 105 / 100,
        "{}",
        harness.questions()
    );
    // While there are good ones, refusals do not use up a connection before acceptances have; in the end some are left.
    let balance = harness.balances();
    let lopsided = balance[..balance.len() / 2]
        .iter()
        .filter(|(accepted, refused)| refused > accepted);
    assert!(lopsided.count() <= 1, "{balance:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn refusals_outnumber_acceptances_only_where_nobody_good_is_left(good in 0usize..120, bad in 0usize..60) {
        prop_assume!(good + bad > 0);
        let harness = run_with_priors(good, bad, as_they_are);
        prop_assert!(!harness.seen[0].unbalanced);
        // While good ones wait, a connection that goes on past ten has at least as many acceptances.
        let needed = bad.div_ceil(limits::REFUSED_RECIPIENTS as usize) + good.div_ceil(limits::RECIPIENTS_OF_A_CONNECTION as usize);
        prop_assert!(harness.connections() as usize <= needed + 3, "{} for {needed}", harness.connections());
    }
}

#[test]
fn a_run_that_is_continued_does_not_begin_to_count_the_rounds_of_a_mute_host_anew() {
    let mute = || Habits {
        door: Door::Silent,
        ..Habits::default()
    };
    let list = people("mute.test", 3, 0);
    let mut harness = Harness::new(limits(), vec![mute()], &[("mute.test", 0)], &list);
    harness.run();
    let rounds = harness.connections();
    let known = harness.learned.iter().find_map(|learned| match learned {
        Event::Host { key, known } if known.mute.is_some() => Some((key.clone(), known.clone())),
        Event::Host { .. }
        | Event::Address { .. }
        | Event::Domain { .. }
        | Event::Waiting { .. }
        | Event::CatchAll { .. }
        | Event::TakenBack { .. }
        | Event::Doubted { .. }
        | Event::Left { .. }
        | Event::Stranded { .. }
        | Event::Blocked { .. } => None,
    });
    let (key, known) = known.expect("the first round is remembered");

    // Interrupted after the first round, continued at once.
    let mut harness = Harness::new(limits(), vec![mute()], &[("mute.test", 0)], &list);
    harness.scheduler.know_host(&key, known.clone(), START);
    let took = harness.run();
    assert_eq!(harness.connections(), rounds - 1);
    assert!(took >= limits::UNREACHABLE_WAIT, "{took:?}");
    assert_eq!(harness.word("a0@mute.test"), Reason::Silent);

    // The next night it is tried as if it had never been.
    let mut harness = Harness::new(limits(), vec![mute()], &[("mute.test", 0)], &list);
    let long_after = START + Duration::from_secs(86_400);
    harness.now = long_after;
    harness.scheduler.know_host(&key, known, long_after);
    harness.run();
    assert_eq!(harness.connections(), rounds);
}

#[test]
fn a_host_that_is_down_is_tried_again_when_a_short_patience_ends() {
    let rounds_within = |patience: u64| {
        let mute = Habits {
            door: Door::Silent,
            ..Habits::default()
        };
        let short = Limits {
            patience: Duration::from_secs(patience),
            ..limits()
        };
        let list = people("down.test", 3, 0);
        let mut harness = Harness::new(short, vec![mute], &[("down.test", 0)], &list);
        let took = harness.run();
        assert_eq!(harness.word("a0@down.test"), Reason::Silent);
        (harness.connections(), took)
    };
    let (usual, _) = rounds_within(1800);
    let (short, took) = rounds_within(120);
    assert_eq!(short, usual);
    let waited = Duration::from_secs(120);
    assert!((waited..2 * waited).contains(&took), "{took:?}");
    // Without any there is no end to come back at.
    let (none, _) = rounds_within(0);
    assert!(none < usual, "{none} of {usual}");
}

#[test]
fn nobody_is_dialled_once_more_after_a_stop() {
    for stops in [false, true] {
        let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
        let address: Address = "a@d.test".parse().unwrap();
        scheduler.add(address.into(), START);
        scheduler.next_resolution().unwrap();
        scheduler.routed("d.test", route_to(0), START);
        scheduler.tick(START);
        let Some(Action::Start { session, .. }) = scheduler.next_action() else {
            panic!("the host is dialled");
        };
        if stops {
            scheduler.stop();
        }
        // A failed handshake is followed by a conversation in clear.
        let mut heard = heard(None, Reason::HungUp, false);
        heard.exchange.stage = crate::model::stage::Stage::Tls;
        scheduler.report(session, SessionEvent::Failed(heard), START);
        assert_eq!(scheduler.next_action().is_none(), stops);
        assert_eq!(scheduler.is_done(), stops);
    }
}

#[test]
fn a_far_away_host_is_asked_at_the_full_rate_too() {
    let habits = Habits {
        round_trip: Duration::from_millis(400),
        ..Habits::default()
    };
    let domains: Vec<String> = (0..200).map(|n| format!("d{n}.test")).collect();
    let list: Vec<String> = domains.iter().flat_map(|d| people(d, 8, 2)).collect();
    let served: Vec<(&str, usize)> = domains.iter().map(|d| (d.as_str(), 0)).collect();
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    let took = harness.run();
    assert!(took < Duration::from_secs(220 * 125 / 100), "{took:?}");
    // In the end a decoy and an existing mailbox test the host.
    assert!((2200..=2200 + 2).contains(&harness.questions()));
}

#[test]
fn a_host_that_takes_one_recipient_at_a_time_is_learned_at_once() {
    let habits = Habits {
        answer: |question| match question.place {
            1 => honest(question),
            _ => Reply::TooMany,
        },
        ..Habits::default()
    };
    let list = people("one.test", 8, 2);
    let mut harness = Harness::new(limits(), vec![habits], &[("one.test", 0)], &list);
    let took = harness.run();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(harness.word("a0@one.test"), Reason::Accepted);
    assert!(harness.questions() <= 11 + 3, "{}", harness.questions());
}

#[test]
fn a_decoy_refused_in_any_words_is_unknown_beside_an_acceptance_that_comes_later() {
    // The second domain's decoy has a transaction of its own; the rest of the domain comes behind it.
    let habits = Habits {
        answer: |question| match honest(question) {
            Reply::No => Reply::Unread,
            answer => answer,
        },
        ..Habits::default()
    };
    let served = [("one.test", 0), ("two.test", 0)];
    let list: Vec<String> = ["one.test", "two.test"]
        .iter()
        .flat_map(|domain| people(domain, 6, 0))
        .collect();
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    harness.run();
    for domain in ["one.test", "two.test"] {
        let index = harness.scheduler.by_name[domain];
        let state = harness.scheduler.domains[index].catch_all.state();
        assert_eq!(state, CatchAllState::RefusesUnknown, "{domain}");
    }
}

#[test]
fn a_greylisting_host_starts_every_clock_in_the_first_pass() {
    let habits = Habits {
        answer: |question| match question.again {
            0 => Reply::ComeBack,
            _ => honest(question),
        },
        ..Habits::default()
    };
    let domains: Vec<String> = (0..20).map(|n| format!("d{n}.test")).collect();
    let list: Vec<String> = domains.iter().flat_map(|d| people(d, 4, 1)).collect();
    let served: Vec<(&str, usize)> = domains.iter().map(|d| (d.as_str(), 0)).collect();
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    let took = harness.run();
    assert!(
        took < Duration::from_secs(6 * 60 + 90),
        "one wait: {took:?}"
    );
    assert_eq!(harness.word("a0@d7.test"), Reason::Accepted);
    // In the end an existing mailbox tests the host.
    assert_eq!(
        harness.questions(),
        240 + 1,
        "everybody twice, each decoy twice"
    );
}

#[test]
fn a_decoy_comes_back_when_every_other_address_does() {
    // It takes two waits, the second twice as long as the first.
    let list = people("grey.test", 4, 1);
    let harness = run_against("grey.test", &list, |question| match question.at {
        0..741_000 => Reply::ComeBack,
        _ => honest(question),
    });
    assert_eq!(harness.word("a0@grey.test"), Reason::Accepted);
    let catch_all = harness
        .learned
        .iter()
        .rev()
        .find_map(|learned| match learned {
            Event::CatchAll { known, .. } => known.catch_all,
            _ => None,
        });
    assert_eq!(catch_all, Some(CatchAllState::RefusesUnknown));
    assert_eq!(harness.questions(), 3 * 6, "each three times");
}

#[test]
fn a_host_that_verifies_each_recipient_begins_with_all_of_a_domain_in_the_first_pass() {
    let list = people("acme.test", 4, 1);
    let harness = run_against("acme.test", &list, |question| match question.again {
        0 => Reply::Verifying,
        _ => honest(question),
    });
    let last = list.iter().map(|address| harness.answered(address)).max();
    assert!(
        last < Some(limits::VERIFICATION_WAIT * 2),
        "one wait: {last:?}"
    );
    assert_eq!(harness.word("a0@acme.test"), Reason::Accepted);
    assert_eq!(
        harness.questions(),
        2 * 6,
        "everybody twice, the decoy twice"
    );
}

#[test]
fn clocks_that_come_due_one_by_one_share_a_connection() {
    let list = people("grey.test", 90, 0);
    let harness = run_against("grey.test", &list, |question| match question.again {
        0 => Reply::ComeBack,
        _ => honest(question),
    });
    assert_eq!(harness.word("a0@grey.test"), Reason::Accepted);
    // Nine at a time are deferred; those that come back need one more, and another one a place for its test.
    let connections = harness.seen[0].connections;
    assert!(connections <= 13, "{connections}");
}

/// An address that is to be asked about once `wait` has passed.
fn due_in(wait: Duration, address: &str) -> Target {
    Target {
        not_before: START + wait,
        ..Target::from(address.parse::<Address>().unwrap())
    }
}

#[test]
fn a_connection_that_others_wait_for_does_not_rest() {
    let few = Limits {
        connections: 1,
        ..limits()
    };
    let served = [("slow.test", 0), ("brisk.test", 1)];
    let list = ["a0@slow.test".to_owned(), "a0@brisk.test".to_owned()];
    let hosts = vec![Habits::default(), Habits::default()];
    let mut harness = Harness::new(few, hosts, &served, &list);
    let wait = Duration::from_secs(8);
    harness.scheduler.add(due_in(wait, "a1@slow.test"), START);
    harness.run();
    assert!(harness.answered("a1@slow.test") >= wait);
    let brisk = harness.answered("a0@brisk.test");
    assert!(brisk < Duration::from_secs(2), "{brisk:?}");
}

#[test]
fn a_resting_conversation_wakes_for_an_address_read_from_the_list() {
    let list = people("d.test", 1, 0);
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &list);
    let wait = Duration::from_secs(8);
    harness.scheduler.add(due_in(wait, "a1@d.test"), START);
    let arrival = START + Duration::from_secs(3);
    harness.arrivals = [(arrival, "a2@d.test".parse().unwrap())].into();
    harness.run();
    let read = harness.answered("a2@d.test");
    assert!(read < Duration::from_secs(4), "{read:?}");
    assert!(harness.answered("a1@d.test") >= wait);
    assert_eq!(harness.connections(), 1, "it has rested");
}

/// A scheduler in which few addresses may wait, with so many at each of these domains, whose hosts are not known.
fn full(pending: usize, waiting: &[(&str, usize)]) -> Scheduler {
    let narrow = Limits {
        pending,
        ..limits()
    };
    let mut scheduler = Scheduler::new(narrow, Arc::new(Providers::default()));
    for &(domain, people_there) in waiting {
        for address in people(domain, people_there, 0) {
            scheduler.add(address.parse::<Address>().unwrap().into(), START);
        }
    }
    scheduler
}

#[test]
fn those_put_off_are_taken_back_once_there_is_room_worth_a_pass() {
    let names: Vec<String> = (0..640).map(|n| format!("d{n}.test")).collect();
    let waiting: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let mut scheduler = full(640, &waiting);
    assert!(scheduler.is_crowded("new.test"), "all room is taken");
    scheduler.put_off("new.test");
    for (gone, name) in names.iter().enumerate() {
        let enough = gone >= 640 / limits::PASSES_PER_FILLING;
        assert_eq!(scheduler.is_hungry(), enough, "{gone}");
        scheduler.routed(name, Route::NotAsked, START);
    }
}

#[test]
fn every_domain_where_an_address_was_put_off_is_remembered_before_its_host_is_known() {
    let mut scheduler = full(160, &[("small.test", 1), ("large.test", 100)]);
    scheduler.put_off("small.test");
    scheduler.put_off("large.test");
    assert!(
        scheduler.is_hungry(),
        "hardly anybody is left at the small one"
    );
    // Once their host is known they wait for it, with all others there.
    scheduler.routed("large.test", route_to(0), START);
    assert!(scheduler.is_hungry());
    scheduler.routed("small.test", route_to(0), START);
    assert!(!scheduler.is_hungry(), "it has a hundred to be asked");
}

#[test]
fn a_silent_host_delays_nobody_else() {
    let mute = Habits {
        door: Door::Silent,
        ..Habits::default()
    };
    let served = [("mute.test", 0), ("brisk.test", 1)];
    let list = [people("mute.test", 5, 0), people("brisk.test", 50, 5)].concat();
    let mut both = Harness::new(limits(), vec![mute, Habits::default()], &served, &list);
    both.run();
    let mut alone = Harness::new(
        limits(),
        vec![Habits::default(), Habits::default()],
        &served,
        &people("brisk.test", 50, 5),
    );
    alone.run();
    assert!(both.seen[1].last - alone.seen[1].last < 1000);
    assert_eq!(both.word("a0@mute.test"), Reason::Silent);
}

#[test]
fn likely_good_addresses_make_connections_last() {
    let wanted = |list: &[String], told: bool| {
        let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &[]);
        for address in list {
            let mut wanted = Target::from(address.parse::<Address>().unwrap());
            if told && address.starts_with('x') {
                wanted.likelihood = Likelihood::Bad;
            }
            harness.scheduler.add(wanted, START);
        }
        harness.run();
        harness.connections()
    };
    // Half of them bad, well mixed: without being told, refusals soon catch up with acceptances.
    let list = people("d.test", 100, 100);
    let (told, untold) = (wanted(&list, true), wanted(&list, false));
    assert!(told < untold, "{told} {untold}");
}

#[test]
fn a_host_that_drops_a_client_for_an_unknown_recipient_is_still_asked_about_every_address() {
    let list = people("drops.test", 20, 5);
    let harness = run_against("drops.test", &list, |question| match honest(question) {
        Reply::No => Reply::HangUp,
        other => other,
    });
    for address in list.iter().filter(|address| address.starts_with('a')) {
        assert_eq!(harness.word(address), Reason::Accepted, "{address}");
    }
}

#[test]
fn what_is_known_is_not_asked_again() {
    let list = people("d.test", 5, 0);
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &[]);
    let known = KnownDomain {
        catch_all: Some(CatchAllState::RefusesUnknown),
        ..KnownDomain::default()
    };
    harness.scheduler.know_domain("d.test", &known, START);
    for address in &list {
        harness
            .scheduler
            .add(address.parse::<Address>().unwrap().into(), START);
    }
    harness.run();
    assert_eq!(harness.questions(), 5, "no decoy");

    // An address whose answer is known, but not its domain's decoy.
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &[]);
    let mut wanted = Target::from("a1@d.test".parse::<Address>().unwrap());
    wanted.answered = Some(heard(Some(250), Reason::Accepted, false).reading);
    harness.scheduler.add(wanted, START);
    harness.run();
    assert_eq!(harness.questions(), 1, "the decoy alone");
}

#[test]
fn a_host_that_blocked_us_is_left_in_peace_until_its_time_is_over() {
    let key = HostKey("host0.test".to_owned());
    let Heard {
        exchange, reading, ..
    } = heard(Some(554), Reason::SenderBlocked, true);
    let blocked = |until| KnownHost {
        blocked: Some(Box::new(crate::probe::Block {
            until,
            exchange: exchange.clone(),
            reading: reading.clone(),
        })),
        ..KnownHost::default()
    };
    for (until, questions) in [(START + Duration::from_secs(1), 0), (START, 4)] {
        let list = people("d.test", 3, 0);
        let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &list);
        harness.scheduler.know_host(&key, blocked(until), START);
        harness.run();
        assert_eq!(harness.questions(), questions);
    }
}

/// The general bar, a tenth of its size: 10,000 addresses at 2,000 domains on 300 hosts, Zipf.
#[test]
fn the_wall_time_is_set_by_the_slowest_hosts_own_limits() {
    let (took, ideal, harness, addresses) = zipf(10_000, 2_000, 300);
    assert!(
        took.as_secs_f64() <= ideal.as_secs_f64() * 1.15,
        "{took:?} of {ideal:?}"
    );
    let decoys = 2_000;
    assert!(
        f64::from(harness.questions() - decoys) <= 1.05 * f64::from(addresses),
        "{}",
        harness.questions()
    );
    assert!(
        f64::from(harness.connections()) <= 0.15 * f64::from(addresses),
        "{}",
        harness.connections()
    );
    assert!(
        harness
            .seen
            .iter()
            .all(|seen| seen.refused_at_most <= 9 && !seen.unbalanced)
    );
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
/// A run of the general shape: how long it took, the ideal bound, the run, its addresses.
fn zipf(addresses: u32, domains: u32, hosts: u32) -> (Duration, Duration, Harness, u32) {
    let share = |rank: u32, of: u32| {
        let all: f64 = (1..=of).map(|n| 1.0 / f64::from(n)).sum();
        1.0 / f64::from(rank + 1) / all
    };
    let spread = |count: u32, over: u32| {
        let mut placed = Vec::new();
        for rank in 0..over {
            let mine = (share(rank, over) * f64::from(count)).round().max(1.0) as u32;
            placed.extend(std::iter::repeat_n(rank, mine as usize));
        }
        placed.resize(count as usize, over - 1);
        placed
    };
    // Domains over hosts by Zipf; addresses over domains evenly, so a host's share is that of its domains.
    let of_domain = spread(domains, hosts);
    let names: Vec<String> = (0..domains).map(|n| format!("d{n}.test")).collect();
    let served: Vec<(&str, usize)> = names
        .iter()
        .zip(&of_domain)
        .map(|(name, &host)| (name.as_str(), host as usize))
        .collect();
    let each = (addresses / domains) as usize;
    let list: Vec<String> = (0..each)
        .flat_map(|n| {
            names.iter().enumerate().map(move |(index, name)| {
                let letter = if (index * 7 + n) % 5 == 0 { 'x' } else { 'a' };
                format!("{letter}{n}@{name}")
            })
        })
        .collect();
    let busiest = of_domain.iter().filter(|&&host| host == 0).count();
    let ideal = Duration::from_secs_f64((busiest * (each + 1)) as f64 / 10.0);
    let habits = (0..hosts).map(|_| Habits::default()).collect();
    let mut harness = Harness::new(limits(), habits, &served, &list);
    let took = harness.run();
    (took, ideal, harness, addresses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a host answers, it is never annoyed, no address is forgotten, the run ends.
    #[test]
    fn no_host_is_ever_annoyed(
        sizes in proptest::collection::vec((0usize..30, 0usize..30), 1..12),
        oddity in 0usize..5,
        rate in 1u32..40,
        connections in 1u32..5,
    ) {
        let answer: fn(Question<'_>) -> Reply = [
            honest,
            |_: Question<'_>| Reply::No,
            |question: Question<'_>| if question.place > 2 { Reply::TooMany } else { honest(question) },
            |question: Question<'_>| if question.again == 0 { Reply::ComeBack } else { honest(question) },
            |question: Question<'_>| if question.nth == 6 { Reply::HangUp } else { honest(question) },
        ][oddity];
        let names: Vec<String> = (0..sizes.len()).map(|n| format!("d{n}.test")).collect();
        let served: Vec<(&str, usize)> = names.iter().enumerate().map(|(n, name)| (name.as_str(), n % 3)).collect();
        let list: Vec<String> = names.iter().zip(&sizes).flat_map(|(name, &(good, bad))| people(name, good, bad)).collect();
        let limits = Limits { ceilings: Ceilings { rate: Rate::per_seconds(rate), connections }, ..limits() };
        let habits = Habits { answer, ..Habits::default() };
        let mut harness = Harness::new(limits, vec![habits; 3], &served, &list);
        harness.run();
        for seen in &harness.seen {
            prop_assert!(seen.refused_at_most <= 9);
            prop_assert!(!seen.unbalanced);
            prop_assert!(seen.open_at_most <= connections);
        }
        let told: BTreeSet<&str> = harness.facts.keys().map(String::as_str).collect();
        prop_assert!(list.iter().all(|address| told.contains(address.as_str())));
    }
}
