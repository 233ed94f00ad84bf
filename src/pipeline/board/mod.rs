//! The board: who waits for which host, who may be asked now, what came of it.
//!
//! All of a run's decisions meet here, none of its waiting: the board is told the time with every report and answers
//! with [`Out`] (start this conversation, say this next, hang up) and [`Learned`] facts. Rows whose host may not be
//! asked now wait here at the size of their text; no task or timer belongs to one address.

mod compose;
mod domain;
mod group;
mod outcome;
mod progress;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::Address as Mailbox;

use crate::address::Address;
use crate::diagnosis::Reading;
use crate::moment::Moment;
use crate::pace::{Ceilings, Gate, Limiter, Pace, Rate};
use crate::probe::{Block, KnownDomain, KnownHost, Spent, Waiting, Wanted};
use crate::provider::{Provider, Providers, TlsHabit};
use crate::reason::Reason;
use crate::route::{HostKey, MailHost, Route};
use crate::smtp::Command;
use crate::smtp::dialogue::{FlightPace, Offer, Privacy};
use crate::verdict::{Exchange, Fact, Finding};

use domain::Entry;
use group::Group;

pub use progress::{Progress, WaitingHost};

/// How a run asks.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Our address in MAIL; `None` is the null sender.
    pub sender: Option<Mailbox>,
    /// The ceilings at every host; a provider's own may be lower.
    pub ceilings: Ceilings,
    /// Recipients a second, at all hosts together.
    pub rate: Rate,
    /// Most connections at once, to all hosts together.
    pub connections: usize,
    /// How long one address may wait for a host that wants us to come back.
    pub patience: Duration,
    /// What randomness is derived from.
    pub seed: u64,
}

/// Names one conversation within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TalkId(u64);

/// What the board wants done.
#[derive(Debug)]
pub enum Out {
    /// Open a conversation.
    Start {
        /// Its name.
        talk: TalkId,
        /// The mail host's name.
        host: String,
        /// Where to reach it.
        address: IpAddr,
        /// What we want of encryption.
        privacy: Privacy,
        /// Who runs it, where known.
        provider: Option<Provider>,
    },
    /// Say this in a conversation.
    Fly {
        /// Which.
        talk: TalkId,
        /// The commands.
        commands: Vec<Command>,
        /// Whether they travel together.
        pace: FlightPace,
    },
    /// End a conversation.
    Quit {
        /// Which.
        talk: TalkId,
    },
    /// Find out who takes mail for a domain.
    Resolve {
        /// Its name, or its literal.
        domain: String,
    },
}

/// An answer as a conversation reports it: verbatim, read, with the wait that the host named.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What was said.
    pub exchange: Exchange,
    /// What it was read as.
    pub reading: Reading,
    /// How long the host asked to wait, where it did.
    pub named_wait: Option<Duration>,
}

/// What a conversation reports.
#[derive(Debug)]
pub enum Report {
    /// The host is ready for questions.
    Opened(Offer),
    /// It is not, and the connection is gone.
    Failed(Heard),
    /// A flight has landed: an answer for each command, `None` where there was none.
    Landed(Vec<Option<Heard>>),
    /// The connection is gone.
    Ended,
}

/// Something learned, for the ledger.
#[derive(Clone, Debug)]
pub enum Learned {
    /// About one address, by its key.
    Address {
        /// Its key.
        key: String,
        /// What.
        fact: Fact,
    },
    /// About a domain, so about every address in it.
    Domain {
        /// Its name.
        name: String,
        /// What.
        fact: Fact,
        /// How long DNS says that it holds, where DNS said it.
        ttl: Option<Duration>,
    },
    /// About a host key: how it may be asked, whether it blocks us.
    Host {
        /// Which.
        key: HostKey,
        /// All that is known of it by now.
        known: KnownHost,
    },
    /// An address was answered with nothing that settles it.
    Waiting {
        /// The address's key.
        key: String,
        /// What it has been through.
        waiting: Waiting,
        /// When it is to be asked about again; `None`: this run leaves it at that.
        again: Option<Moment>,
    },
    /// About a domain's decoy: what need not be asked again, or when it must.
    Strangers {
        /// The domain's name.
        name: String,
        /// All that is known of it by now.
        known: KnownDomain,
    },
    /// A host blocks us; nobody there is asked any more.
    Blocked {
        /// Which.
        key: HostKey,
        /// Its words.
        exchange: Exchange,
        /// What they were read as.
        reading: Reading,
        /// How many addresses are left without an answer for it so far.
        addresses: usize,
    },
}

/// One host key with what is shared under it.
#[derive(Debug)]
struct Host {
    key: HostKey,
    provider: Option<Provider>,
    pace: Pace,
    groups: VecDeque<usize>,
    /// Blocks read at RCPT since the last acceptance.
    block_signs: u32,
    /// What is known of it, for later runs too.
    known: KnownHost,
}

/// One conversation.
#[derive(Debug)]
struct Talk {
    group: usize,
    target: usize,
    offer: Option<Offer>,
    spent: Spent,
    /// The domain of the open transaction, with its recipients so far.
    transaction: Option<(usize, u32)>,
    asked: Vec<Asked>,
    stage: TalkStage,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TalkStage {
    Opening,
    Flying,
    Resting,
    Quitting,
}

/// One recipient asked about in the flight under way.
#[derive(Debug)]
struct Asked {
    domain: usize,
    /// `None` is the decoy.
    subject: Option<Subject>,
    /// Which command of the flight asks.
    rcpt: usize,
    /// Which command of the flight began its transaction, if that was in this flight.
    mail: Option<usize>,
}

/// An address that waits for its answer.
#[derive(Clone, Debug)]
struct Subject {
    address: Address,
    waiting: Waiting,
}

/// What is to be looked at when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Domain(usize),
    Host(usize),
    Talk(TalkId),
}

/// See the module's own words.
#[derive(Debug)]
pub struct Board {
    manners: Manners,
    providers: Arc<Providers>,
    domains: Vec<Entry>,
    by_name: HashMap<Box<str>, usize>,
    groups: Vec<Group>,
    by_hosts: HashMap<String, usize>,
    hosts: Vec<Host>,
    by_key: HashMap<HostKey, usize>,
    talks: BTreeMap<TalkId, Talk>,
    next_talk: u64,
    wakes: BTreeSet<(Moment, Wake)>,
    ready: VecDeque<usize>,
    out: VecDeque<Out>,
    learned: Vec<Learned>,
    pending: usize,
    settled: u64,
    dials: u64,
    overall: Limiter,
    stopping: bool,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(manners: Manners, providers: Arc<Providers>) -> Self {
        Board {
            overall: Limiter::new(manners.rate),
            manners,
            providers,
            domains: Vec::new(),
            by_name: HashMap::new(),
            groups: Vec::new(),
            by_hosts: HashMap::new(),
            hosts: Vec::new(),
            by_key: HashMap::new(),
            talks: BTreeMap::new(),
            next_talk: 0,
            wakes: BTreeSet::new(),
            ready: VecDeque::new(),
            out: VecDeque::new(),
            learned: Vec::new(),
            pending: 0,
            settled: 0,
            dials: 0,
            stopping: false,
        }
    }

    /// Addresses that wait for their answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether nothing is left to do or to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.talks.is_empty()
            && self.out.is_empty()
            && (self.stopping || (self.pending == 0 && !self.owes_a_decoy()))
    }

    /// Whether a decoy is still to be asked: addresses that were accepted wait for what it tells of them.
    fn owes_a_decoy(&self) -> bool {
        self.domains
            .iter()
            .any(|entry| entry.strangers.decoy_due().is_some())
    }

    /// The next thing to do.
    pub fn next_out(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    /// What was learned since the last call.
    pub fn take_learned(&mut self) -> Vec<Learned> {
        std::mem::take(&mut self.learned)
    }

    /// When to call [`Board::tick`] next; `None` while only reports can change anything.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        if self.stopping {
            return None;
        }
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Asks about one more address. Its domain is resolved once, whoever names it.
    pub fn add(&mut self, wanted: Wanted, now: Moment) {
        let Wanted {
            address,
            likelihood: _,
            waiting,
            not_before,
            answered,
        } = wanted;
        let name = address.domain().wire().to_owned();
        let index = self.entry(&name);
        if let Some(reading) = answered {
            self.domains[index].strangers.hear_subject(&reading);
            self.offer_domain(index, now);
            return;
        }
        self.pending += 1;
        let subject = Subject { address, waiting };
        if not_before > now {
            self.domains[index].push_later(not_before, subject);
            self.wakes.insert((not_before, Wake::Domain(index)));
        } else {
            self.domains[index].push(subject);
        }
        self.offer_domain(index, now);
    }

    /// Whether a domain was named before.
    #[must_use]
    pub fn has_domain(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Takes in what is known of a domain from before.
    pub fn know_domain(&mut self, name: &str, known: &KnownDomain) {
        let index = self.entry(name);
        let entry = &mut self.domains[index];
        entry.strangers.remember(known);
        entry.keeps_waiting = known.keeps_waiting;
        if let Some(due) = known.decoy_due {
            self.wakes.insert((due, Wake::Domain(index)));
        }
    }

    /// Whether a host key was met before.
    #[must_use]
    pub fn has_host(&self, key: &HostKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Takes in what is known of a host key from before. A block whose time is over is forgotten.
    pub fn know_host(&mut self, key: &HostKey, mut known: KnownHost, now: Moment) {
        if known.blocked_at(now).is_none() {
            known.blocked = None;
        }
        let host = self.host(key.clone());
        if let Some(pace) = &known.pace {
            self.hosts[host].pace.resume(pace);
        }
        self.hosts[host].known = known;
    }

    /// The entry of a domain, made on first sight.
    fn entry(&mut self, name: &str) -> usize {
        if let Some(&index) = self.by_name.get(name) {
            return index;
        }
        let index = self.domains.len();
        self.domains.push(Entry::new(name));
        self.by_name.insert(name.into(), index);
        self.out.push_back(Out::Resolve {
            domain: name.to_owned(),
        });
        index
    }

    /// Takes in what was found out about a domain's mail hosts.
    pub fn routed(&mut self, domain: &str, route: Route, now: Moment) {
        let index = self.entry(domain);
        match route {
            Route::Hosts { hosts, key, .. } => {
                let group = self.group(hosts, key);
                self.domains[index].group = Some(group);
                self.offer_domain(index, now);
            }
            Route::Nobody {
                reason,
                detail,
                ttl,
            } => {
                let finding = Finding::Domain { reason, detail };
                self.learn_of_domain(index, finding, Some(ttl), now);
                self.close(index);
            }
            Route::NotAsked => {
                self.close(index);
            }
            Route::Trouble { detail } => {
                let finding = Finding::Domain {
                    reason: Reason::DnsTrouble,
                    detail,
                };
                self.learn_of_domain(index, finding, None, now);
                if self.domains[index].resolved_badly() {
                    let again = now + crate::limits::DNS_RETRY_WAIT;
                    self.wakes.insert((again, Wake::Domain(index)));
                } else {
                    self.close(index);
                }
            }
        }
    }

    /// The group of domains that share these mail hosts, made on first sight.
    fn group(&mut self, hosts: Vec<MailHost>, key: HostKey) -> usize {
        let name = hosts
            .iter()
            .map(|host| host.name.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        if let Some(&group) = self.by_hosts.get(&name) {
            return group;
        }
        let host = self.host(key);
        let group = self.groups.len();
        let demands = self.hosts[host]
            .provider
            .as_ref()
            .is_some_and(|p| p.tls == TlsHabit::Required);
        let privacy = if demands {
            Privacy::Required
        } else {
            Privacy::WhenOffered
        };
        let mut made = Group::new(host, hosts, privacy);
        made.transaction_cap = self.hosts[host].known.transaction_cap;
        made.chokes = self.hosts[host].known.chokes;
        self.groups.push(made);
        self.hosts[host].groups.push_back(group);
        self.by_hosts.insert(name, group);
        group
    }

    /// What is shared under a host key, made on first sight.
    fn host(&mut self, key: HostKey) -> usize {
        if let Some(&host) = self.by_key.get(&key) {
            return host;
        }
        let provider = self.providers.by_id(&key.0).cloned();
        let mut ceilings = self.manners.ceilings;
        if let Some(provider) = &provider {
            let most = provider.connections.unwrap_or(u32::MAX);
            ceilings.connections = ceilings.connections.min(most).max(1);
            let rate = provider
                .millirate
                .map_or(Rate::UNLIMITED, Rate::from_thousandths);
            ceilings.rate = ceilings.rate.min(rate);
        }
        let host = self.hosts.len();
        self.hosts.push(Host {
            key: key.clone(),
            provider,
            pace: Pace::new(ceilings),
            groups: VecDeque::new(),
            block_signs: 0,
            known: KnownHost::default(),
        });
        self.by_key.insert(key, host);
        host
    }

    /// Puts a domain up for asking, if there is something to ask and somebody to ask.
    fn offer_domain(&mut self, index: usize, now: Moment) {
        let entry = &mut self.domains[index];
        if entry.is_settled_as_a_whole() {
            self.settle_rest_of(index);
            return;
        }
        let Some(group) = entry.group else { return };
        let host = self.groups[group].host;
        if let Some(Block {
            exchange, reading, ..
        }) = self.hosts[host].known.blocked.clone()
        {
            self.settle_blocked(index, &exchange, &reading, now);
            return;
        }
        if entry.has_question(now) && !entry.listed {
            entry.listed = true;
            self.groups[group].ready.push_back(index);
        }
        self.consider(host, now);
    }

    /// Carries out what has come due.
    pub fn tick(&mut self, now: Moment) {
        while let Some(&(at, wake)) = self.wakes.first() {
            if at > now {
                break;
            }
            self.wakes.pop_first();
            match wake {
                Wake::Domain(index) => {
                    self.domains[index].wake(now);
                    if self.domains[index].group.is_none() && !self.domains[index].closed {
                        self.out.push_back(Out::Resolve {
                            domain: self.domains[index].name.to_string(),
                        });
                    }
                    self.offer_domain(index, now);
                }
                Wake::Host(host) => self.consider(host, now),
                Wake::Talk(talk) => {
                    if self
                        .talks
                        .get(&talk)
                        .is_some_and(|t| t.stage == TalkStage::Resting)
                    {
                        self.give_work(talk, now);
                    }
                }
            }
        }
    }

    /// Opens conversations at a host as far as its pace, our own bound and its rows allow.
    fn consider(&mut self, host: usize, now: Moment) {
        if self.stopping {
            return;
        }
        loop {
            let Some(group) = self.group_in_need(host, now) else {
                return;
            };
            match self.hosts[host].pace.gate(now) {
                Gate::Open => {}
                Gate::Full => return,
                Gate::Closed(until) => {
                    self.wakes.insert((until, Wake::Host(host)));
                    return;
                }
            }
            if self.talks.len() >= self.manners.connections {
                if !self.ready.contains(&host) {
                    self.ready.push_back(host);
                }
                return;
            }
            self.start(group, now);
        }
    }

    /// The next group of a host that wants a conversation more; each gets its turn.
    fn group_in_need(&mut self, host: usize, now: Moment) -> Option<usize> {
        let groups = &mut self.hosts[host].groups;
        let mut soonest = None;
        let mut found = None;
        for _ in 0..groups.len() {
            let Some(group) = groups.pop_front() else {
                break;
            };
            groups.push_back(group);
            let wants = &self.groups[group];
            if !wants.wants_a_talk() {
                continue;
            }
            if wants.not_before > now {
                soonest =
                    Some(soonest.map_or(wants.not_before, |at: Moment| at.min(wants.not_before)));
                continue;
            }
            found = Some(group);
            break;
        }
        if let (None, Some(at)) = (found, soonest) {
            self.wakes.insert((at, Wake::Host(host)));
        }
        found
    }

    /// Opens a conversation with a group's hosts.
    fn start(&mut self, group: usize, now: Moment) {
        let talk = TalkId(self.next_talk);
        self.next_talk += 1;
        let target = self.groups[group].first_target(now);
        self.groups[group].talks += 1;
        self.hosts[self.groups[group].host].pace.connecting();
        self.talks.insert(
            talk,
            Talk {
                group,
                target,
                offer: None,
                spent: Spent::default(),
                transaction: None,
                asked: Vec::new(),
                stage: TalkStage::Opening,
            },
        );
        self.dial(talk);
    }

    /// Asks for the connection to a conversation's present target.
    fn dial(&mut self, talk: TalkId) {
        self.dials += 1;
        let t = &self.talks[&talk];
        let group = &self.groups[t.group];
        let (host, address) = group.targets[t.target].clone();
        let provider = self.hosts[group.host].provider.clone();
        self.out.push_back(Out::Start {
            talk,
            host,
            address,
            privacy: group.privacy,
            provider,
        });
    }

    /// Takes in what a conversation reports.
    pub fn report(&mut self, talk: TalkId, report: Report, now: Moment) {
        match report {
            Report::Opened(offer) => {
                if let Some(t) = self.talks.get_mut(&talk) {
                    let group = &mut self.groups[t.group];
                    group.reached(t.target);
                    t.offer = Some(offer);
                    self.give_work(talk, now);
                }
            }
            Report::Failed(heard) => self.could_not_open(talk, &heard, now),
            Report::Landed(answers) => {
                if self.take_in(talk, &answers, now) {
                    self.give_work(talk, now);
                }
            }
            Report::Ended => self.ended(talk, now),
        }
    }

    /// A conversation is over: its place is free.
    fn ended(&mut self, talk: TalkId, now: Moment) {
        let Some(t) = self.talks.remove(&talk) else {
            return;
        };
        for asked in t.asked {
            self.not_answered(asked, now);
        }
        let group = &mut self.groups[t.group];
        group.talks -= 1;
        let host = group.host;
        self.hosts[host].pace.disconnected();
        self.consider(host, now);
        // A place is free for those who found all taken, first come first served.
        for _ in 0..self.ready.len() {
            if self.talks.len() >= self.manners.connections {
                break;
            }
            if let Some(next) = self.ready.pop_front() {
                self.consider(next, now);
            }
        }
    }

    /// Stops: conversations end after the flight under way, nothing new is begun.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.out
            .retain(|out| matches!(out, Out::Quit { .. } | Out::Fly { .. } | Out::Start { .. }));
        let resting: Vec<TalkId> = self
            .talks
            .iter()
            .filter(|(_, talk)| talk.stage == TalkStage::Resting)
            .map(|(id, _)| *id)
            .collect();
        for talk in resting {
            self.hang_up(talk);
        }
    }

    /// Says goodbye in a conversation.
    fn hang_up(&mut self, talk: TalkId) {
        if let Some(t) = self.talks.get_mut(&talk) {
            t.stage = TalkStage::Quitting;
            self.out.push_back(Out::Quit { talk });
        }
    }

    fn learn_of_domain(
        &mut self,
        index: usize,
        finding: Finding,
        ttl: Option<Duration>,
        now: Moment,
    ) {
        self.learned.push(Learned::Domain {
            name: self.domains[index].name.to_string(),
            fact: Fact { at: now, finding },
            ttl,
        });
    }

    /// Nobody can be asked in a domain, a decoy that an earlier attempt left owing no more than anybody.
    fn close(&mut self, index: usize) {
        self.domains[index].closed = true;
        self.domains[index].strangers.give_up();
        self.settle_rest_of(index);
    }

    /// Nobody left in a domain needs asking: what is known of the domain answers for them.
    fn settle_rest_of(&mut self, index: usize) {
        let settled = self.domains[index].drain().len();
        self.note_settled(settled);
    }

    fn note_settled(&mut self, count: usize) {
        self.pending -= count;
        self.settled += count as u64;
    }
}
