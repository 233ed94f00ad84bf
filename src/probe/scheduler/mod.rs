//! The scheduler: who waits for which host, who may be asked now, what came of it.
//!
//! All of a run's decisions meet here, none of its waiting: the scheduler is told the time with every report and
//! answers with [`Action`] (start this conversation, say this next, hang up) and [`Event`] facts. Rows whose host may
//! not be asked now wait here at the size of their text; no task or timer belongs to one address.
//!
//! # A session
//!
//! | stage | what happens | what follows |
//! |---|---|---|
//! | `Opening` | it stands ([`SessionEvent::Opened`]) | a batch: `AwaitingReplies`; nothing to ask: `Quitting` |
//! | | it does not ([`SessionEvent::Failed`]) | the group's next machine: `Opening`; or it is over, and the group waits |
//! | `AwaitingReplies` | [`SessionEvent::Answered`] | the next batch: `AwaitingReplies`; soon more to ask: `Idle`; else `Quitting` |
//! | | [`SessionEvent::OutOfStep`] | its answers are taken back: `Quitting` |
//! | `Idle` | a moment has come, or a question | a batch: `AwaitingReplies`; none after all: `Quitting` |
//! | `Quitting` | [`SessionEvent::Dismissed`], [`SessionEvent::OutOfStep`] | what that teaches; `Quitting` |
//! | any | [`SessionEvent::Ended`] | it is over: what nothing has put in doubt counts, what was not answered waits again |
//!
//! # A domain
//!
//! | state | what happens | what follows |
//! |---|---|---|
//! | looked up | DNS has no usable answer | looked up again, a limited number of times; then *closed* |
//! | | there is no mail host | *closed*: its addresses are settled by that |
//! | | its mail hosts are known | *open*, in the group of domains that they serve |
//! | open, [`Unknown`](crate::probe::CatchAllState::Unknown) | an address is refused as unknown | [`RefusesSome`](crate::probe::CatchAllState::RefusesSome) |
//! | | an address is accepted | a decoy is owed, which goes before all other addresses |
//! | | the decoy is refused | [`RefusesUnknown`](crate::probe::CatchAllState::RefusesUnknown): acceptances count |
//! | | it is accepted | [`CatchAll`](crate::probe::CatchAllState::CatchAll): those likely bad are asked about, few of them; the rest is settled |
//! | | it is told to come back | owed again then; in the end [`NotTold`](crate::probe::CatchAllState::NotTold) |
//! | open, `RefusesUnknown` | many are accepted in a row | another decoy ([`integrity`]); accepted, they are taken back |
//! | open | its host is left, or takes no mail for it | *closed*: the rest is settled by its last word |

pub mod integrity;

mod admission;
mod backpressure;
mod batch;
mod counts;
mod domain;
mod domains;
mod doubling;
mod effort;
mod failures;
mod handed;
mod held;
mod host;
mod index;
mod joining;
mod known;
mod listed;
mod longest_first;
mod machine;
mod mx_group;
mod no_mail;
mod outcome;
mod outlook;
mod packed_queue;
mod progress;
mod puzzle;
mod recheck;
mod step;
mod system;
mod tested;
#[cfg(test)]
mod tests;
mod turn;
mod unsure;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::Address as Mailbox;
use serde::{Deserialize, Serialize};

use crate::input::address::Address;
use crate::model::limits;
use crate::model::provider::{Provider, Providers};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Fact, Finding};
use crate::net::route::{HostKey, Route};
use crate::probe::pace::{Ahead, Ceilings, Limiter, Rate};
use crate::probe::{
    Asked, CatchAll, Effort, KnownDomain, KnownHost, Likelihood, Spent, Target, Turn, Used, Waiting,
};
use crate::smtp::Command;
use crate::smtp::farewell::Parting;
use crate::smtp::session::{BatchPace, Encryption, Hello, Offer, Patience, Privacy};

use backpressure::Crowd;
use counts::Counts;
use domains::Domains;
use doubling::Doubling;
use held::Held;
use host::Host;
use integrity::resume::Past;
use longest_first::LongestFirst;
use machine::Machine;
use mx_group::MxGroup;
use step::Conduct;
use system::System;
use turn::Tail;
use unsure::Unsure;

pub use outlook::ToGo;
#[cfg(any(feature = "serve", test))]
pub use progress::WaitingHost;
pub use progress::{Elsewhere, Progress, QuickHosts, SecondLook, WaitingHosts, WorkerAtWork};

/// How a run asks.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Our address in MAIL; `None` is the null sender.
    pub sender: Option<Mailbox>,
    /// The ceilings at every host; a provider's own may be lower.
    pub ceilings: Ceilings,
    /// Recipients a second at a host that answers quickly for minutes without a complaint. No host is asked faster then
    /// where that is no more than its ceiling.
    pub rate_max: Rate,
    /// Recipients a second, at all hosts together.
    pub rate: Rate,
    /// Most connections at once, to all hosts together.
    pub connections: usize,
    /// Most addresses that wait in memory at a time; further ones of crowded hosts are put off.
    pub pending: usize,
    /// How long one address may wait for a host that wants us to come back.
    pub patience: Duration,
    /// When sessions are encrypted.
    pub encryption: Encryption,
    /// What randomness is derived from.
    pub seed: u64,
    /// Addresses that exist, the operator says: a host that refuses one is not believed when it refuses others.
    pub controls: Vec<Address>,
    /// The share of the refused, from 0 to 1, that are asked about again at the end on another connection.
    pub second_look: f64,
}

/// Names one conversation within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

impl SessionId {
    /// No conversation of this run.
    const NONE: SessionId = SessionId(u64::MAX);
}

/// What the scheduler wants done.
#[derive(Debug)]
pub enum Action {
    /// Open a conversation.
    Start {
        /// Its name.
        session: SessionId,
        /// The mail host's name.
        host: String,
        /// What it shares limits with.
        key: HostKey,
        /// Where to reach it.
        address: IpAddr,
        /// With which word we introduce ourselves.
        hello: Hello,
        /// How long it is waited for.
        patience: Patience,
        /// What we want of encryption.
        privacy: Privacy,
        /// Who runs it, where known.
        provider: Option<Provider>,
    },
    /// Say this in a conversation.
    Send {
        /// Which.
        session: SessionId,
        /// The commands.
        commands: Vec<Command>,
        /// Whether they travel together.
        pace: BatchPace,
    },
    /// Put no further command of the batch that is under way in a conversation.
    Halt {
        /// Which.
        session: SessionId,
    },
    /// End a conversation.
    Quit {
        /// Which.
        session: SessionId,
        /// How long what answers a command may be late there, beyond what this conversation has shown.
        patience: Duration,
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
pub enum SessionEvent {
    /// The host is ready for questions.
    Opened(Offer),
    /// It is not, and the connection is gone.
    Failed(Heard),
    /// Our own side failed, such as the proxy that did not let us through.
    Stranded(Heard),
    /// A batch was answered: an answer for each command, `None` where there was none.
    Answered(Vec<Option<Heard>>),
    /// Its replies cannot be told apart: none of its answers counts.
    OutOfStep(Heard),
    /// The host had taken its leave (421) before it heard of ours.
    Dismissed(Heard),
    /// The connection is gone, with what its end has shown of its answers.
    Ended(Parting),
}

/// Something learned, for the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
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
        again: Option<Timestamp>,
    },
    /// About a domain's decoy: what need not be asked again, or when it must.
    CatchAll {
        /// The domain's name.
        name: String,
        /// All that is known of it by now.
        known: KnownDomain,
    },
    /// What was learned last of an address is not believed any more.
    TakenBack {
        /// Of whom.
        asked: Asked,
        /// What it is read as from now on.
        reading: Reading,
        /// When.
        at: Timestamp,
    },
    /// A host is caught at saying the same of every recipient: what it says from now on is held back.
    Doubted {
        /// Which.
        key: HostKey,
        /// What it said about an address that exists, or last.
        exchange: Exchange,
        /// How many of its answers are held back so far.
        addresses: usize,
    },
    /// Our own side failed, such as the proxy that did not let us through, which says nothing of any address.
    Stranded {
        /// Why.
        words: String,
    },
    /// Connections to a mail host brought nothing, so it is left for this run.
    Left {
        /// Its name.
        host: String,
        /// Its last words, or what came instead.
        words: String,
        /// How many addresses are left without an answer for it so far.
        addresses: usize,
    },
    /// A host blocks us; no address there is asked about any more.
    Blocked {
        /// Which: a machine by its name, or a host key that acts as one.
        host: String,
        /// Its words.
        exchange: Exchange,
        /// How many addresses are left without an answer for it so far.
        addresses: usize,
    },
}

/// One conversation.
#[derive(Debug)]
struct Session {
    group: usize,
    target: usize,
    /// How long the present target is waited for.
    patience: Patience,
    offer: Option<Offer>,
    spent: Spent,
    /// Real addresses asked about, by kind: likely good, likely bad.
    kinds: [u32; 2],
    /// The domain of the open transaction, with what it has been used for so far.
    transaction: Option<(usize, Used)>,
    asked: Vec<Awaited>,
    stage: SessionStage,
    /// The batch under way, or the last one.
    batch: Batch,
    /// Recipients that were replied to.
    replied: u32,
    /// Recipients refused for good: a host that counts mistakes counts these.
    refused_for_good: u32,
    /// Whether the last recipient that was replied to was refused.
    refused_last: bool,
    /// Since when there has been nothing to ask in it, where it rests beside another.
    idle_since: Option<Timestamp>,
    /// Whether the next one may be dialled while its goodbye is answered.
    makes_way: bool,
    /// When its present target was dialled.
    began: Timestamp,
    /// How many others to the same machine stood by then.
    beside: usize,
    /// The right to ask about one recipient that was taken before it was dialled, while it is unused.
    ahead: Option<Ahead>,
    /// What was wanted of encryption when it was dialled.
    privacy: Privacy,
    /// How commands were put in it at their loosest.
    loosest: Looseness,
    /// How many of its unsure answers were in step by the words of the last of them, which name whom it was about.
    proven: usize,
    /// Until when it keeps still before its next batch, so that replies too many show, and how many of its transactions
    /// had begun before.
    still: Option<(Timestamp, u32)>,
    /// How many of its transactions had begun when it had last kept still.
    clean: u32,
    /// Whether its acceptances may have been said twice each.
    doubling: Doubling,
    /// Answers that count as long as it turns out to have been in step.
    unsure: Vec<Unsure>,
    /// That we are not wanted there, which counts as long.
    refuses_us: Option<Box<Heard>>,
    /// The last of its transactions in which an address of the list was accepted, from 1.
    welcomed: u32,
    /// What it has refused, and accepted since.
    tail: Tail,
    /// Whether a test of its host came out badly in it: what else it would answer is worth nothing.
    failed_a_test: bool,
}

impl Session {
    fn new(group: usize, target: usize, ahead: Ahead, now: Timestamp) -> Self {
        Session {
            group,
            target,
            patience: Patience::default(),
            offer: None,
            spent: Spent::default(),
            kinds: [0; 2],
            transaction: None,
            asked: Vec::new(),
            stage: SessionStage::Opening,
            batch: Batch {
                began: now,
                step: 0,
                pace: BatchPace::OneByOne,
                is_cut_short: false,
            },
            replied: 0,
            refused_for_good: 0,
            refused_last: false,
            idle_since: None,
            makes_way: false,
            began: now,
            beside: 0,
            ahead: Some(ahead),
            privacy: Privacy::WhenOffered,
            loosest: Looseness::default(),
            proven: 0,
            still: None,
            clean: 0,
            doubling: Doubling::default(),
            unsure: Vec::new(),
            refuses_us: None,
            welcomed: 0,
            tail: Tail::default(),
            failed_a_test: false,
        }
    }
}

/// How loosely commands were put: the looser, the less the order of their replies shows by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Looseness {
    /// With a fence around each answer.
    #[default]
    Fenced,
    /// Each after the answer to the one before.
    OneByOne,
    /// Together.
    Together,
}

impl From<BatchPace> for Looseness {
    fn from(pace: BatchPace) -> Self {
        match pace {
            BatchPace::Fenced => Looseness::Fenced,
            BatchPace::OneByOne => Looseness::OneByOne,
            BatchPace::Together => Looseness::Together,
        }
    }
}

/// Commands sent in one go.
#[derive(Clone, Copy, Debug)]
struct Batch {
    began: Timestamp,
    /// At which step of the run.
    step: u64,
    /// How its commands travel.
    pace: BatchPace,
    /// Whether it is cut short: its host is asked too much.
    is_cut_short: bool,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionStage {
    Opening,
    AwaitingReplies,
    Idle,
    Quitting,
}

/// One recipient asked about in the batch under way.
#[derive(Debug)]
struct Awaited {
    domain: usize,
    whom: Asking,
    /// Which command of the batch asks.
    rcpt: usize,
    /// Which command of the batch began its transaction, if that was in this batch.
    mail: Option<usize>,
    /// Which recipient of its transaction it is, from 1.
    place: u32,
    /// Which transaction of its conversation that is, from 1.
    transaction: u32,
}

/// About whom a question is.
#[derive(Debug)]
enum Asking {
    Subject(Subject),
    /// The domain's first decoy, whose answer says what an acceptance is worth.
    Decoy,
    /// Another one after many acceptances in a row: has the host begun to take every recipient?
    LateDecoy,
}

/// An address that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subject {
    address: Address,
    /// When the first answer came that settled nothing; the epoch where none did.
    since: Timestamp,
    /// How many such answers came.
    tries: u8,
    likelihood: Likelihood,
    look: Look,
}

/// Why an address is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The list names it.
    First,
    /// It was refused, and is in the sample that is asked about again.
    Second,
    /// It is known to exist: the host is being tested, not the address.
    Control,
}

impl Subject {
    /// Who it is to those who are told of it.
    fn asked(&self) -> Asked {
        Asked::Address(self.address.key().into_owned().into_boxed_str())
    }

    fn waiting(&self) -> Waiting {
        Waiting {
            tries: self.tries,
            since: (self.since != Timestamp::default()).then_some(self.since),
        }
    }
}

/// What is to be looked at when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Domain(usize),
    MxGroup(usize),
    Host(usize),
    Session(SessionId),
    /// Hosts that wait for a place among all conversations, or for the right to ask about a recipient.
    Ready,
}

/// See the module's own words.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    providers: Arc<Providers>,
    domains: Domains,
    by_name: HashMap<Arc<str>, usize>,
    groups: Vec<MxGroup>,
    by_targets: HashMap<Box<[IpAddr]>, usize>,
    hosts: Vec<Host>,
    by_key: HashMap<HostKey, usize>,
    by_address: HashMap<IpAddr, usize>,
    /// What each machine has said of us.
    machines: HashMap<IpAddr, Machine>,
    /// How many each machine has refused for good.
    unknown_refused: HashMap<IpAddr, u32>,
    /// Addresses that did not answer, with the moment from which on they may be tried again.
    dead: HashMap<IpAddr, Timestamp>,
    /// What the connections to each machine have brought, where some brought nothing.
    efforts: HashMap<IpAddr, Effort>,
    /// The last words of machines to those who tried them in vain before us.
    words_before: HashMap<IpAddr, Box<(Exchange, Reading)>>,
    /// What machines have shown of their ways, where that matters.
    conduct: HashMap<IpAddr, Conduct>,
    sessions: BTreeMap<SessionId, Session>,
    next_session: u64,
    /// Batches sent and answered so far: what tells which came first, where one moment holds many.
    steps: u64,
    wakes: BTreeSet<(Timestamp, Wake)>,
    /// Hosts that wait for a place among all conversations, by what asking them will take.
    ready: LongestFirst,
    /// Domains that the operator's control addresses name, while the list has not named them.
    unremembered: BTreeSet<usize>,
    /// Hosts of which some machines block us, and not all.
    partly_blocked: BTreeSet<usize>,
    /// Domains whose mail hosts are to be found out, by the addresses that wait in them.
    unresolved: LongestFirst,
    actions: VecDeque<Action>,
    events: Vec<Event>,
    /// What is told when it is sure.
    held: Held,
    counts: Counts,
    /// Where addresses were put off, and how many.
    put_off: BTreeMap<Crowd, u64>,
    tally: Tally,
    overall: Limiter,
    /// Those refused who are to be asked about again in the end.
    sample: Vec<Address>,
    second_look: SecondLook,
    strandings: Strandings,
    past: Past,
    /// Domains through which machines are met again, for their answers' sake alone.
    met_again: BTreeSet<usize>,
    /// Whom a machine accepted that may have turned, by domains of which it is not known whether they refuse unknown
    /// recipients.
    unproven: BTreeMap<usize, Vec<Subject>>,
    /// An address that was accepted in each domain whose decoy has not shown yet what that means.
    vouched: HashMap<usize, Address>,
    /// Systems of mailboxes that have several names.
    systems: Vec<System>,
    /// By their providers' ids.
    system_by_id: HashMap<String, usize>,
    /// Domains for which machines said that they take no mail, with their words.
    no_mail_for: BTreeMap<(usize, IpAddr), (Exchange, Reading)>,
    /// Domains whose decoy was accepted where that could not be told from a host's turn, and asked again.
    asked_afresh: BTreeSet<usize>,
    stopping: bool,
}

/// What was done so far, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Addresses of the list that a host has settled.
    answered: u64,
    resolved: usize,
    dials: u64,
    recipients: u64,
    decoys: u64,
}

/// How our own side has failed us.
#[derive(Clone, Copy, Debug, Default)]
struct Strandings {
    /// Times in a row.
    times: u32,
    /// No host is dialled before this.
    until: Timestamp,
    /// When the last conversation was dialled that got through.
    reached: Timestamp,
}

impl Strandings {
    /// Notes that a conversation got through which was dialled at `dialled`: before a failure it says nothing of it.
    fn got_through(&mut self, dialled: Timestamp) {
        self.reached = self.reached.max(dialled);
        if dialled >= self.until {
            self.times = 0;
        }
    }
}

impl Scheduler {
    /// An empty scheduler. The operator's control addresses are the first to be asked about.
    #[must_use]
    pub fn new(limits: Limits, providers: Arc<Providers>) -> Self {
        let mut scheduler = Scheduler {
            overall: Limiter::new(limits.rate),
            limits,
            providers,
            domains: Domains::new(),
            by_name: HashMap::new(),
            groups: Vec::new(),
            by_targets: HashMap::new(),
            hosts: Vec::new(),
            by_key: HashMap::new(),
            by_address: HashMap::new(),
            machines: HashMap::new(),
            unknown_refused: HashMap::new(),
            dead: HashMap::new(),
            efforts: HashMap::new(),
            words_before: HashMap::new(),
            conduct: HashMap::new(),
            sessions: BTreeMap::new(),
            next_session: 0,
            steps: 0,
            wakes: BTreeSet::new(),
            ready: LongestFirst::with_grain(limits::SHORT_WORK.as_secs()),
            unremembered: BTreeSet::new(),
            partly_blocked: BTreeSet::new(),
            unresolved: LongestFirst::with_grain(
                limits::SHORT_WORK.as_secs() * u64::from(limits::HOST_RATE),
            ),
            actions: VecDeque::new(),
            events: Vec::new(),
            held: Held::default(),
            counts: Counts::default(),
            put_off: BTreeMap::new(),
            tally: Tally::default(),
            sample: Vec::new(),
            second_look: SecondLook::default(),
            strandings: Strandings::default(),
            past: Past::default(),
            met_again: BTreeSet::new(),
            unproven: BTreeMap::new(),
            vouched: HashMap::new(),
            systems: Vec::new(),
            system_by_id: HashMap::new(),
            no_mail_for: BTreeMap::new(),
            asked_afresh: BTreeSet::new(),
            stopping: false,
        };
        for address in scheduler.limits.controls.clone() {
            let domain = scheduler.entry(address.domain().wire());
            scheduler.unremembered.insert(domain);
            scheduler.counts.take_in();
            scheduler.domains[domain].push(&control(address));
        }
        scheduler
    }

    /// Addresses that wait for their answer.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.counts.waiting()
    }

    /// Whether nothing is left to do or to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.sessions.is_empty()
            && self.actions.is_empty()
            && (self.stopping
                || (self.counts.waiting() == 0
                    && self.counts.decoys() == 0
                    && self.sample.is_empty()
                    && self.met_again.is_empty()
                    && !self.groups.iter().any(|group| group.test_owed)))
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next domain whose mail hosts are to be found out: its name, or its literal. Answered by
    /// [`Scheduler::routed`].
    pub fn next_resolution(&mut self) -> Option<String> {
        let index = self.unresolved.pop()?;
        Some(self.domains.name(index).to_string())
    }

    /// How many domains wait for their mail hosts to be found out.
    #[must_use]
    pub fn domains_to_look_up(&self) -> usize {
        self.unresolved.len()
    }

    /// What was learned since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// When to call [`Scheduler::tick`] next; `None` while only reports can change anything.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        if self.stopping {
            return None;
        }
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Asks about one more address. Its domain is resolved once, however many addresses name it.
    pub fn add(&mut self, wanted: Target, now: Timestamp) {
        let Target {
            address,
            likelihood,
            waiting,
            not_before,
            answered,
            turn,
        } = wanted;
        let index = self.entry(address.domain().wire());
        if let Some(reading) = answered {
            // Its answer is known; what the domain's decoy says of it may not be.
            if matches!(reading.reason, Reason::Accepted | Reason::AcceptedProvider) {
                self.vouches(index, &address);
            }
            let hear = |catch_all: &mut CatchAll| catch_all.hear_subject(&reading);
            self.update_catch_all(index, hear, now);
            self.offer_domain(index, now);
            return;
        }
        self.counts.take_in();
        self.unresolved.raise(index, 1);
        let subject = Subject {
            address,
            since: waiting.since.unwrap_or_default(),
            tries: waiting.tries,
            likelihood,
            look: Look::First,
        };
        // An earlier run may have had more patience.
        let not_before = not_before.min(now + self.limits.patience);
        if not_before > now {
            self.domains[index].push_later(not_before, &subject);
        } else {
            match turn {
                Turn::First => self.domains[index].push_front(&subject),
                Turn::InLine => self.domains[index].push(&subject),
            }
        }
        if turn == Turn::First {
            self.goes_first(index);
        }
        self.offer_domain(index, now);
    }

    /// Whether what is known of a domain from before was taken in.
    #[must_use]
    pub fn knows_domain(&self, name: &str) -> bool {
        self.by_name
            .get(name)
            .is_some_and(|index| !self.unremembered.contains(index))
    }

    /// Takes in what is known of a domain from before.
    pub fn know_domain(&mut self, name: &str, known: &KnownDomain, now: Timestamp) {
        if self.knows_domain(name) {
            return;
        }
        let known = &KnownDomain {
            decoy_due: known
                .decoy_due
                .map(|due| due.min(now + self.limits.patience)),
            ..known.clone()
        };
        let index = self.entry(name);
        self.unremembered.remove(&index);
        let entry = &mut self.domains[index];
        entry.keeps_waiting |= known.keeps_waiting;
        // What was heard by now was asked about for a control address.
        if entry.catch_all.has_no_decoy() {
            let remember = |catch_all: &mut CatchAll| catch_all.remember(known);
            self.update_catch_all(index, remember, now);
        }
        self.offer_domain(index, now);
    }

    /// The host key of a route that was not met before, neither by name nor by address.
    #[must_use]
    pub fn unmet_host<'a>(&self, route: &'a Route) -> Option<&'a HostKey> {
        match route {
            Route::Hosts { hosts, key, .. } => {
                let address = hosts.first().and_then(|host| host.addresses.first());
                let met = self.by_key.contains_key(key)
                    || address.is_some_and(|address| self.by_address.contains_key(address));
                (!met).then_some(key)
            }
            Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => None,
        }
    }

    /// Takes in what is known of a host key from before. A block whose time is over is forgotten.
    pub fn know_host(&mut self, key: &HostKey, mut known: KnownHost, now: Timestamp) {
        let host = self.host(key.clone());
        if let Some(mute) = &mut known.mute {
            mute.until = mute.until.min(now + self.limits.patience);
        }
        self.go_on_trying(std::mem::take(&mut known.in_vain));
        self.hosts[host].remember(known, now);
        self.know_conduct(host, now);
        self.remember_blocks(host);
        self.remember_rests(host, now);
    }

    /// Carries out what has come due.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(&(at, wake)) = self.wakes.first() {
            if at > now {
                break;
            }
            self.wakes.pop_first();
            match wake {
                Wake::Domain(index) => {
                    let entry = &mut self.domains[index];
                    if entry.next_wake.is_some_and(|wake| wake <= now) {
                        entry.next_wake = None;
                    }
                    entry.wake(now);
                    if entry.group.is_none() && !entry.closed {
                        let waiting = self.domains[index].waiting_now() as u64;
                        self.unresolved.put(index, waiting);
                    }
                    self.offer_domain(index, now);
                }
                Wake::MxGroup(group) => {
                    self.enlist(group);
                    self.consider(self.groups[group].host, now);
                }
                Wake::Host(host) => self.consider(host, now),
                Wake::Ready => self.serve_ready(now),
                Wake::Session(session) => {
                    if self
                        .sessions
                        .get(&session)
                        .is_some_and(|t| t.stage == SessionStage::Idle)
                    {
                        self.give_work(session, now);
                    }
                }
            }
        }
        self.look_again(now);
        self.has_made_a_step();
    }

    /// Takes in what a conversation reports.
    pub fn report(&mut self, session: SessionId, report: SessionEvent, now: Timestamp) {
        match report {
            SessionEvent::Opened(offer) => {
                if let Some(t) = self.sessions.get_mut(&session) {
                    self.strandings.got_through(t.batch.began);
                    t.offer = Some(offer);
                    let (group, target) = (t.group, t.target);
                    let took = now.since(t.batch.began);
                    let host = &mut self.hosts[self.groups[group].host];
                    host.pace.opened_in(took);
                    if host.met_at == Timestamp::default() {
                        host.met_at = now;
                    }
                    self.note_open(group);
                    let machine = self.groups[group].targets[target].1;
                    self.note_met(self.groups[group].host, machine);
                    self.dead.remove(&machine);
                    self.give_work(session, now);
                }
            }
            SessionEvent::Stranded(heard) => self.stranded(session, &heard, now),
            SessionEvent::Failed(heard) => self.could_not_open(session, &heard, now),
            SessionEvent::Answered(answers) => {
                if self.take_in(session, &answers, now) {
                    self.give_work(session, now);
                }
            }
            SessionEvent::OutOfStep(heard) => self.out_of_step(session, &heard, now),
            SessionEvent::Dismissed(heard) => self.heed_dismissal(session, &heard),
            SessionEvent::Ended(parting) => {
                self.part(session, parting, now);
                self.ended(session, now);
            }
        }
        self.has_made_a_step();
    }

    /// Stops: conversations end after the batch under way, nothing new is begun.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.unresolved.clear();
        let resting: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.stage == SessionStage::Idle)
            .map(|(id, _)| *id)
            .collect();
        for session in resting {
            self.session(session).stage = SessionStage::Quitting;
            let patience = self.patience_at_the_end(session);
            self.actions.push_back(Action::Quit { session, patience });
        }
    }

    fn next_step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }

    /// Says goodbye in a conversation. The next one may be dialled meanwhile.
    fn hang_up(&mut self, session: SessionId, now: Timestamp) {
        if let Some(t) = self.sessions.get_mut(&session) {
            t.stage = SessionStage::Quitting;
            self.hosts[self.groups[t.group].host]
                .first_in_line
                .take_if(|first| *first == session);
            let patience = self.patience_at_the_end(session);
            self.actions.push_back(Action::Quit { session, patience });
            self.makes_way(session, now);
        }
    }

    fn learn_of_domain(
        &mut self,
        index: usize,
        finding: Finding,
        ttl: Option<Duration>,
        now: Timestamp,
    ) {
        self.tell(Event::Domain {
            name: self.domains.name(index).to_string(),
            fact: Fact { at: now, finding },
            ttl,
        });
    }

    fn learn_of_address(&mut self, subject: &Subject, finding: Finding, now: Timestamp) {
        self.tell(Event::Address {
            key: subject.address.key().into_owned(),
            fact: Fact { at: now, finding },
        });
    }
}

/// An address that exists, to test a host with.
fn control(address: Address) -> Subject {
    Subject {
        address,
        since: Timestamp::default(),
        tries: 0,
        likelihood: Likelihood::Good,
        look: Look::Control,
    }
}
