//! The coordinator: hands a run's asking out as orders, and takes in what workers learn.
//!
//! It is a [`TargetSource`] and a [`Listener`] around those of the run, so that [`run::ask_all`] reads the list,
//! looks up the routes and waits out an outage of DNS as it does on one machine. A domain whose hosts are known is handed
//! over to it instead of asked about; what workers learned is told to the listener as if it had been learned here. Beside
//! that loop a second one talks to the engine; each leaves the other what it is to do.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::gathered::Gathered;
use super::order::Global;
use super::roll::{Roll, RunCard, Share, Stage, WorkerCard};
use super::wire;
use super::{
    AnswerDelivery, Answers, Engine, EngineError, Order, Outcome, Partition, Receipt, RunId, Table,
    Terms,
};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::route::{HostKey, Route};
use crate::probe::run::{self, Ending, Knock, Listener, RunConfig, SpillError, Stop, TargetSource};
use crate::probe::scheduler::{Elsewhere, Event, Progress, Scheduler, WorkerAtWork};
use crate::probe::{KnownDomain, KnownHost, Target};
use crate::smtp::rules::Book;

/// Who is to ask for a run.
#[derive(Clone)]
pub struct Crew {
    /// The engine that all of them are connected to.
    pub engine: Arc<dyn Engine>,
    /// The run's name: the same when the same command is given again after an interruption.
    pub run: RunId,
    /// The ceilings at a host over all source addresses together.
    pub global: Global,
}

/// Receipts of answers that the ledger has.
type Committed = Arc<Mutex<Vec<Receipt>>>;

/// What is left to do at the engine when the ledger is closed.
#[must_use = "what the ledger has is to be acknowledged"]
pub struct Leave {
    crew: Crew,
    committed: Committed,
    ending: Ending,
}

impl Leave {
    /// Acknowledges what the ledger has by now; a run that is complete is forgotten by the engine.
    ///
    /// # Errors
    ///
    /// When the engine does not do it. What is not acknowledged is told again when the same command is given again.
    pub async fn take(self) -> Result<(), EngineError> {
        let Crew { engine, run, .. } = &self.crew;
        let receipts = taken(&self.committed);
        patiently(async || engine.ack_answers(&receipts).await).await?;
        match self.ending {
            Ending::Completed => patiently(async || engine.purge(run).await).await,
            Ending::Interrupted | Ending::Deadline | Ending::Stranded => Ok(()),
        }
    }
}

/// Does something at the engine, a few times where it fails in a way that may pass.
async fn patiently<T>(what: impl AsyncFn() -> Result<T, EngineError>) -> Result<T, EngineError> {
    let mut left = limits::ENGINE_TRIES;
    loop {
        left -= 1;
        match what().await {
            Err(error) if error.is_passing() && left > 0 => {
                tracing::warn!(%error, "the engine");
                sleep(limits::ENGINE_RETRY).await;
            }
            done => return done,
        }
    }
}

fn taken(committed: &Committed) -> Vec<Receipt> {
    std::mem::take(&mut *committed.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What an earlier coordinator of a run has ordered, as it stood before what was learned since was taken in.
#[must_use = "what is ordered must not be ordered again"]
#[derive(Default)]
pub struct Inherited {
    /// The digests of the keys of all addresses that are ordered.
    addresses: HashSet<u64>,
    open: HashMap<u64, Open>,
}

impl Inherited {
    /// Lists the open orders of a run.
    async fn of(crew: &Crew) -> Result<Self, EngineError> {
        let mut inherited = Inherited::default();
        let Crew { engine, run, .. } = crew;
        for order in patiently(async || engine.open_orders(run).await).await? {
            let order = order.map_err(|unreadable| {
                EngineError::Incompatible(format!("an order of this run: {unreadable}"))
            })?;
            let keys = order.targets.iter().map(|target| target.address.key());
            inherited
                .addresses
                .extend(keys.map(|key| fingerprint(&*key)));
            // What is left of an order may have gone out while the whole of it was not taken down yet.
            let addresses = order.targets.len();
            inherited.open.insert(order.number, Open { addresses });
        }
        Ok(inherited)
    }
}

/// Tells what workers learned for a run before it is asked for: its coordinator was not there any more. The ledger has it
/// when it is closed; then [`Leave::take`] is to be called. Returns what is ordered, too, for [`ask_all`].
///
/// What is ordered is listed first: of an order that is taken down meanwhile the answers are told here, or come later; one
/// that was taken down before had its answers stored by then.
///
/// # Errors
///
/// When the engine does not give it out, or the listener fails.
pub async fn drain<E: From<EngineError>>(
    crew: &Crew,
    listener: &mut dyn Listener<Error = E>,
) -> Result<(Leave, Inherited), E> {
    let mut inherited = Inherited::of(crew).await?;
    let committed = Committed::default();
    let mut heard = Heard::default();
    let (mut outstanding, mut since) = (0, Instant::now());
    loop {
        if outstanding == 0 {
            since = Instant::now();
        }
        let Crew { engine, run, .. } = crew;
        let pull = async || engine.pull_answers(run, limits::ENGINE_ANSWERS).await;
        let pulled = patiently(pull).await?;
        // What workers answer from now on is taken in while they are asked: some of them answer all the time.
        let is_last = pulled.len() < limits::ENGINE_ANSWERS;
        for AnswerDelivery { receipt, answers } in pulled {
            let answers = match answers {
                Ok(answers) => answers,
                // Left where they are: a program of their version understands them.
                Err(unreadable) => {
                    tracing::warn!(%unreadable, "answers cannot be read");
                    continue;
                }
            };
            if let Some(Outcome::Done | Outcome::Refused { .. }) = answers.outcome {
                inherited.open.remove(&answers.number);
            }
            if heard.note_if_news(&answers) {
                for event in answers.events {
                    listener.learned(event)?;
                }
            }
            outstanding += 1;
            tell_when_kept(listener, &committed, receipt)?;
        }
        if is_last {
            break;
        }
        // What is in our hands for too long comes again, and no more is handed out than so much.
        let is_long = since.elapsed() >= limits::ENGINE_ACK_WAIT / 3;
        if is_long || outstanding >= limits::ENGINE_ANSWERS_DRAINED {
            all_is_kept(listener).await?;
        }
        let receipts = taken(&committed);
        patiently(async || engine.ack_answers(&receipts).await).await?;
        outstanding -= receipts.len();
    }
    let leave = Leave {
        crew: crew.clone(),
        committed,
        ending: Ending::Interrupted,
    };
    Ok((leave, inherited))
}

/// Has a receipt put among those that may be acknowledged once the listener keeps for good all that it was told.
fn tell_when_kept<E>(
    listener: &mut dyn Listener<Error = E>,
    committed: &Committed,
    receipt: Receipt,
) -> Result<(), E> {
    let committed = Arc::clone(committed);
    listener.then(Box::new(move || {
        let mut receipts = committed.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.push(receipt);
    }))
}

/// Waits until a listener keeps for good all that it was told.
async fn all_is_kept<E>(listener: &mut dyn Listener<Error = E>) -> Result<(), E> {
    let (kept, is_kept) = std::sync::mpsc::channel();
    listener.then(Box::new(move || {
        // The receiver is there until then.
        let _ = kept.send(());
    }))?;
    // Where it cannot be kept, the listener says so when it is told something next.
    let waiting = tokio::task::spawn_blocking(move || is_kept.recv());
    let _ = waiting.await;
    Ok(())
}

/// The answers that came last, so that none counts twice.
#[derive(Default)]
struct Heard {
    ids: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl Heard {
    /// Notes answers. Returns whether they had not come before.
    fn note_if_news(&mut self, answers: &Answers) -> bool {
        let id = fingerprint(answers.id().as_str());
        if !self.ids.insert(id) {
            return false;
        }
        self.in_order.push_back(id);
        if self.in_order.len() > limits::ENGINE_ANSWERS_REMEMBERED
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

/// Has others ask about every address of `supply`, until all are settled, `stop` resolves or `deadline` has come. The
/// same as [`run::ask_all`] but for who asks, and for what is ordered already: what [`drain`] has found.
///
/// # Errors
///
/// When the supply or the listener fails, or the engine in a way that does not pass.
#[expect(clippy::too_many_arguments, reason = "as on one machine")]
pub async fn ask_all<E: From<SpillError> + From<EngineError>>(
    crew: &Crew,
    inherited: Inherited,
    world: World,
    config: RunConfig,
    book: Arc<Book>,
    providers: Arc<Providers>,
    supply: &mut dyn TargetSource<Error = E>,
    listener: &mut dyn Listener<Error = E>,
    stop: impl Into<Stop<'_>>,
) -> Result<(Ending, Leave), E> {
    let clock = world.clock;
    let terms = Terms::of(&config.limits, crew.global);
    let desk = Desk::new(crew, terms, &providers, inherited, clock.now());
    let desk = RefCell::new(desk);
    let (bell, emptied) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let listener = RefCell::new(listener);
    let mut source = Handing {
        supply,
        listener: &listener,
        desk: &desk,
        bell: Arc::clone(&bell),
        emptied: Arc::clone(&emptied),
    };
    let mut ear = Hearing {
        listener: &listener,
        desk: &desk,
    };
    let asking = run::ask_all(
        world.clone(),
        config,
        book,
        providers,
        &mut source,
        &mut ear,
        stop,
    );
    let ending = tokio::select! {
        biased;
        ending = asking => ending?,
        never = talk(crew, &desk, (&bell, &emptied), &world) => match never {},
    };
    let desk = desk.into_inner();
    if ending != Ending::Completed
        && let Err(error) = desk.take_back().await
    {
        // What was learned is not to be lost for it.
        tracing::warn!(%error, "orders are not taken back: workers go on asking for this run");
    }
    let leave = Leave {
        crew: crew.clone(),
        committed: desk.committed,
        ending,
    };
    Ok((ending, leave))
}

/// What is known of a domain whose addresses are handed out.
struct Domain {
    route: Arc<Route>,
    known: Option<Box<KnownDomain>>,
}

/// An order that is not done.
#[derive(Debug)]
struct Open {
    addresses: usize,
}

/// An order that is to go out, before it is written: what its domain and its host have in common with others is kept once.
struct Outgoing {
    number: u64,
    domain: Arc<str>,
    targets: Gathered,
}

/// What lies between the loop that reads and the loop that talks to the engine.
struct Desk<'a> {
    crew: &'a Crew,
    terms: Terms,
    providers: Arc<Providers>,
    /// The number of the next order: numbers begin with the time, so that none comes twice in whichever run of whatever
    /// name.
    next: u64,
    domains: HashMap<Arc<str>, Domain>,
    /// Routes that many domains share.
    routes: HashSet<Arc<Route>>,
    hosts: HashMap<HostKey, KnownHost>,
    /// Domains that the ledger was asked about before they are routed.
    remembered: HashMap<String, KnownDomain>,
    /// Addresses by domain until an order is worth it.
    gathering: BTreeMap<Arc<str>, Gathered>,
    gathered: usize,
    /// Addresses that need no asking but whose domain's decoy does, until the domain is routed.
    owing: HashMap<String, Vec<Target>>,
    /// Orders that are to go out.
    outbox: VecDeque<Outgoing>,
    open: HashMap<u64, Open>,
    open_addresses: usize,
    /// Addresses that an earlier coordinator of this run has ordered.
    ordered_before: HashSet<u64>,
    /// Its orders that were open when we came, with since when each was seen to be taken down.
    inherited: HashMap<u64, Option<Instant>>,
    next_listing: Option<Instant>,
    inbox: VecDeque<(Receipt, Answers)>,
    committed: Committed,
    heard: Heard,
    is_dry: bool,
    /// Whether all that was read is handed out or settled: nothing waits to be looked up any more.
    is_sorted: bool,
    stage: Stage,
    is_over: bool,
    trouble: Option<EngineError>,
    workers: Roll<WorkerCard>,
    other_versions: Vec<String>,
    /// What each worker has told of itself last, be it there or gone.
    shares: BTreeMap<String, (WorkerCard, bool)>,
    refused: Option<(u64, String)>,
}

impl<'a> Desk<'a> {
    fn new(
        crew: &'a Crew,
        terms: Terms,
        providers: &Arc<Providers>,
        inherited: Inherited,
        now: Timestamp,
    ) -> Self {
        let open_addresses = inherited.open.values().map(|open| open.addresses).sum();
        Desk {
            crew,
            terms,
            providers: Arc::clone(providers),
            next: now.as_millis() << 20,
            domains: HashMap::new(),
            routes: HashSet::new(),
            hosts: HashMap::new(),
            remembered: HashMap::new(),
            gathering: BTreeMap::new(),
            gathered: 0,
            owing: HashMap::new(),
            outbox: VecDeque::new(),
            inherited: inherited
                .open
                .keys()
                .map(|number| (*number, None))
                .collect(),
            next_listing: None,
            open: inherited.open,
            open_addresses,
            ordered_before: inherited.addresses,
            inbox: VecDeque::new(),
            committed: Committed::default(),
            heard: Heard::default(),
            is_dry: false,
            is_sorted: false,
            stage: Stage::Asking,
            is_over: false,
            trouble: None,
            workers: Roll::default(),
            other_versions: Vec::new(),
            shares: BTreeMap::new(),
            refused: None,
        }
    }

    /// Takes back what is ordered: nobody is to be asked for this run any more.
    async fn take_back(&self) -> Result<(), EngineError> {
        let Crew { engine, run, .. } = self.crew;
        patiently(async || write_stage(engine.as_ref(), run, Stage::Withdrawn).await).await?;
        patiently(async || engine.withdraw(run).await).await
    }

    /// Whether no more answers are to be asked for before those that have come are taken in.
    fn is_behind(&self) -> bool {
        self.inbox.len() >= limits::ENGINE_ANSWERS
    }

    /// Whether more of the list is to be read.
    fn has_room(&self) -> bool {
        self.open_addresses + self.gathered < limits::ENGINE_OPEN_ADDRESSES
            && self.outbox.len() < limits::ENGINE_ANSWERS
    }

    /// Sorts what was read: what is handed out already, what is to be handed out, what the run has to look up first.
    fn sort(&mut self, batch: Vec<Target>) -> Vec<Target> {
        let mut unrouted = Vec::new();
        for target in batch {
            let key = fingerprint(&*target.address.key());
            if self.ordered_before.contains(&key) {
                continue;
            }
            let domain = target.address.domain().wire();
            if self.domains.contains_key(domain) {
                self.gather(target);
            } else if target.answered.is_some() {
                // The run would keep no such address; one whose answer is not known gets the domain looked up.
                let plain = Target::from(target.address.clone());
                let domain = domain.to_owned();
                let others = self.owing.entry(domain).or_default();
                if others.is_empty() {
                    unrouted.push(plain);
                }
                others.push(target);
            } else {
                unrouted.push(target);
            }
        }
        unrouted
    }

    fn gather(&mut self, target: Target) {
        let domain = target.address.domain().wire();
        let (domain, _) = self
            .domains
            .get_key_value(domain)
            .expect("a domain whose addresses are handed out has a route");
        let domain = Arc::clone(domain);
        let there = self.gathering.entry(Arc::clone(&domain)).or_default();
        there.push(target);
        self.gathered += 1;
        if there.len() >= limits::ENGINE_ORDER_ADDRESSES {
            self.order(&domain);
        } else if self.gathered > limits::ENGINE_GATHERED {
            self.order_the_largest();
        }
    }

    /// Makes orders of the domains of which most was gathered, until there is room again. Not for one domain alone: to
    /// look at all of them for each order would take as long as all else together.
    fn order_the_largest(&mut self) {
        let gathering = self.gathering.iter();
        let mut largest: Vec<(Reverse<usize>, Arc<str>)> = gathering
            .map(|(domain, there)| (Reverse(there.len()), Arc::clone(domain)))
            .collect();
        largest.sort_unstable();
        let enough = limits::ENGINE_GATHERED - limits::ENGINE_GATHERED / 4;
        for (_, domain) in largest {
            if self.gathered <= enough {
                break;
            }
            self.order(&domain);
        }
    }

    /// Has an order go out about what was gathered of a domain.
    fn order(&mut self, domain: &str) {
        let Some((domain, targets)) = self.gathering.remove_entry(domain) else {
            return;
        };
        let addresses = targets.len();
        self.gathered -= addresses;
        let number = self.next;
        self.next += 1;
        self.open.insert(number, Open { addresses });
        self.open_addresses += addresses;
        self.outbox.push_back(Outgoing {
            number,
            domain,
            targets,
        });
    }

    /// Writes an order that goes out now, with the partition that it falls into.
    fn write(&self, outgoing: Outgoing) -> (Partition, Order) {
        let Outgoing {
            number,
            domain,
            targets,
        } = outgoing;
        let known = &self.domains[&domain];
        let key = match &*known.route {
            Route::Hosts { key, .. } => key,
            Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => {
                unreachable!("where there is no host, nothing is handed out")
            }
        };
        let order = Order {
            run: self.crew.run.clone(),
            number,
            attempt: 1,
            terms: self.terms.clone(),
            domain: domain.to_string(),
            route: Route::clone(&known.route),
            known_domain: known.known.as_deref().cloned().unwrap_or_default(),
            known_host: self.hosts.get(key).cloned().unwrap_or_default(),
            visitor: None,
            not_before: Timestamp::default(),
            targets: targets.into_targets(&domain),
        };
        let partitions = self.crew.engine.partitions();
        let partition = partitions.of(key, &domain, &self.providers, self.terms.global);
        (partition, order)
    }

    /// Has an order go out after all that did not.
    fn write_again(&mut self, order: Order) {
        let mut targets = Gathered::default();
        order
            .targets
            .into_iter()
            .for_each(|target| targets.push(target));
        self.outbox.push_back(Outgoing {
            number: order.number,
            domain: order.domain.into(),
            targets,
        });
    }

    /// Makes orders of all that was gathered.
    fn order_the_rest(&mut self) {
        while let Some(domain) = self.gathering.keys().next().cloned() {
            self.order(&domain);
        }
    }

    /// Takes in answers. Returns what was learned, if they had not come before.
    fn take_in(&mut self, answers: Answers) -> Vec<Event> {
        if !self.heard.note_if_news(&answers) {
            return Vec::new();
        }
        match answers.outcome {
            None | Some(Outcome::GoesOn { .. }) => {}
            Some(Outcome::Done) => self.close(answers.number),
            Some(Outcome::Refused { words }) => {
                self.close(answers.number);
                let count = self.refused.as_ref().map_or(0, |(count, _)| *count);
                self.refused = Some((count + 1, words));
            }
        }
        for event in &answers.events {
            match event {
                Event::CatchAll { name, known } => {
                    if let Some(domain) = self.domains.get_mut(name.as_str()) {
                        domain.known = Some(Box::new(known.clone()));
                    }
                }
                Event::Host { key, known } => {
                    // Whom a host blocks is told in the table: others may ask it.
                    let known = KnownHost {
                        blocked: None,
                        machines: BTreeMap::new(),
                        ..known.clone()
                    };
                    self.hosts.insert(key.clone(), known);
                }
                Event::Address { .. }
                | Event::Domain { .. }
                | Event::Waiting { .. }
                | Event::TakenBack { .. }
                | Event::Doubted { .. }
                | Event::Stranded { .. }
                | Event::Left { .. }
                | Event::Blocked { .. } => {}
            }
        }
        answers.events
    }

    fn close(&mut self, number: u64) {
        self.inherited.remove(&number);
        if let Some(open) = self.open.remove(&number) {
            self.open_addresses -= open.addresses;
        }
    }

    /// Whether to list what is ordered: now and then while an earlier coordinator's orders are open.
    fn wants_a_listing(&self, now: Instant) -> bool {
        !self.inherited.is_empty() && self.next_listing.is_none_or(|at| at <= now)
    }

    /// Closes those orders of an earlier coordinator that are taken down, whose end only that one may have been told: it
    /// acknowledged that before its worker took the order down, and was gone then. What was stored is acknowledged once
    /// it is kept, so all of it is known; what it had in hand, and did not acknowledge, has come to us by then.
    fn close_those_taken_down(&mut self, listed: &HashSet<u64>, now: Instant) {
        self.next_listing = Some(now + limits::ENGINE_ACK_WAIT);
        let mut over = Vec::new();
        for (number, gone) in &mut self.inherited {
            *gone = match *gone {
                _ if listed.contains(number) => None,
                None => Some(now),
                since => since,
            };
            if gone.is_some_and(|since| now - since >= limits::ENGINE_ACK_WAIT * 2) {
                over.push(*number);
            }
        }
        for number in over {
            self.close(number);
        }
    }

    /// Whether all that is to be asked was asked.
    fn is_done(&self) -> bool {
        self.is_sorted
            && self.gathering.is_empty()
            && self.owing.is_empty()
            && self.outbox.is_empty()
            && self.open.is_empty()
    }

    /// Looks at who is there.
    fn look(&mut self, table: &[(String, super::Entry)], now: Timestamp) {
        self.workers.observe(table, now);
        for (_, is_there) in self.shares.values_mut() {
            *is_there = false;
        }
        for (name, card) in self.workers.present(now) {
            self.shares.insert(name.to_owned(), (card.clone(), true));
        }
        let others = self.workers.other_versions(now);
        self.other_versions = others.iter().map(|v| v.as_str().to_owned()).collect();
    }

    /// Whether nobody who is there has anything left to tell of this run.
    fn all_have_ended(&self) -> bool {
        let there = self.shares.values().filter(|(_, is_there)| *is_there);
        let mut shares = there.filter_map(|(card, _)| card.runs.get(&self.crew.run));
        shares.all(|share| share.is_over)
    }

    /// What has been done in all, what was done here included.
    fn progress(&self, own: &Progress) -> Progress {
        let mut all = Share::default();
        let mut workers = Vec::new();
        for (name, (card, is_there)) in &self.shares {
            let share = card.runs.get(&self.crew.run).copied().unwrap_or_default();
            let share = match is_there {
                true => share,
                false => share.at_rest(),
            };
            all.add(&share);
            if *is_there {
                workers.push(WorkerAtWork {
                    name: name.clone(),
                    source: card.source,
                    hello: card.hello.clone(),
                    pending: share.pending,
                    settled: share.settled,
                    conversations: share.conversations,
                });
            }
        }
        Progress {
            pending: own.pending + self.gathered + self.open_addresses,
            settled: own.settled + all.settled,
            answered: own.answered + all.answered,
            conversations: own.conversations + all.conversations,
            opened: own.opened + all.opened,
            recipients: own.recipients + all.recipients,
            decoys: own.decoys + all.decoys,
            to_go: None,
            elsewhere: Some(Elsewhere {
                workers,
                ordered: self.open_addresses,
                other_versions: self.other_versions.clone(),
                refused: self.refused.clone(),
            }),
            ..own.clone()
        }
    }
}

/// The source of a run that hands out what it is given.
struct Handing<'a, 'b, 'c, E> {
    supply: &'a mut dyn TargetSource<Error = E>,
    listener: &'a RefCell<&'b mut dyn Listener<Error = E>>,
    desk: &'a RefCell<Desk<'c>>,
    /// Rung when answers have come.
    bell: Arc<Notify>,
    /// Rung when those are taken in that had filled the inbox.
    emptied: Arc<Notify>,
}

impl<E: From<EngineError>> TargetSource for Handing<'_, '_, '_, E> {
    type Error = E;

    fn next(&mut self) -> Result<Option<Vec<Target>>, E> {
        let batch = self.supply.next()?;
        let mut desk = self.desk.borrow_mut();
        desk.is_dry |= batch.is_none();
        Ok(batch.map(|batch| desk.sort(batch)))
    }

    fn guests(&mut self) -> Result<Vec<Target>, E> {
        let guests = self.supply.guests()?;
        let mut desk = self.desk.borrow_mut();
        desk.is_sorted &= guests.is_empty();
        let mut domains: BTreeSet<String> = BTreeSet::new();
        domains.extend(guests.iter().map(|g| g.address.domain().wire().to_owned()));
        let unrouted = desk.sort(guests);
        // They wait for no others.
        for domain in domains {
            desk.order(&domain);
        }
        Ok(unrouted)
    }

    fn knock(&self) -> Knock {
        let (inner, bell) = (self.supply.knock(), Arc::clone(&self.bell));
        Box::pin(async move {
            tokio::select! {
                biased;
                () = inner => {}
                () = bell.notified() => {}
            }
        })
    }

    fn is_ready(&self) -> bool {
        self.supply.is_ready() && self.desk.borrow().has_room()
    }

    fn stays_open(&self) -> bool {
        !self.desk.borrow().is_over || self.supply.stays_open()
    }

    fn hands_out(&self) -> bool {
        true
    }

    fn hand_out(&mut self, domain: &str, route: Route, targets: Vec<Target>) -> Result<(), E> {
        let mut desk = self.desk.borrow_mut();
        if let Route::Hosts { key, .. } = &route
            && !desk.hosts.contains_key(key)
        {
            let known = self.supply.host(key)?;
            desk.hosts.insert(key.clone(), known);
        }
        let route = Arc::new(route);
        let shared = desk.routes.get(&route).cloned();
        let route = shared.unwrap_or_else(|| {
            desk.routes.insert(Arc::clone(&route));
            route
        });
        let known = desk.remembered.remove(domain).map(Box::new);
        let of_it = Domain { route, known };
        let before = desk.domains.insert(domain.into(), of_it);
        assert!(before.is_none(), "a domain is handed over once");
        let owing = desk.owing.remove(domain).unwrap_or_default();
        let keys: HashSet<String> = owing
            .iter()
            .map(|target| target.address.key().into_owned())
            .collect();
        let others = targets.into_iter();
        let others = others.filter(|target| !keys.contains(&*target.address.key()));
        for target in others.chain(owing) {
            desk.gather(target);
        }
        Ok(())
    }

    fn tend(&mut self, scheduler: &mut Scheduler, _: Timestamp) -> Result<(), E> {
        let mut desk = self.desk.borrow_mut();
        if let Some(trouble) = desk.trouble.take() {
            return Err(trouble.into());
        }
        // What is gathered waits for more of its domain while there is more to read, and reading goes on.
        if desk.is_dry || desk.open.is_empty() {
            desk.order_the_rest();
        }
        desk.is_sorted = desk.is_dry && scheduler.is_done() && !scheduler.has_put_off();
        // DNS has settled these: no host is asked, so no decoy either.
        if desk.is_sorted {
            desk.owing.clear();
        }
        if desk.is_behind() {
            self.emptied.notify_one();
        }
        while let Some((receipt, answers)) = desk.inbox.pop_front() {
            let mut listener = self.listener.borrow_mut();
            for event in desk.take_in(answers) {
                listener.learned(event)?;
            }
            tell_when_kept(&mut **listener, &desk.committed, receipt)?;
        }
        Ok(())
    }

    fn domain(&mut self, name: &str) -> Result<KnownDomain, E> {
        let known = self.supply.domain(name)?;
        if known != KnownDomain::default() {
            let mut desk = self.desk.borrow_mut();
            desk.remembered.insert(name.to_owned(), known.clone());
        }
        // Its decoy is not asked about from here.
        Ok(KnownDomain {
            decoy_due: None,
            ..known
        })
    }

    fn host(&mut self, key: &HostKey) -> Result<KnownHost, E> {
        self.supply.host(key)
    }
}

/// The listener of a run that others ask for.
struct Hearing<'a, 'b, 'c, E> {
    listener: &'a RefCell<&'b mut dyn Listener<Error = E>>,
    desk: &'a RefCell<Desk<'c>>,
}

impl<E> Listener for Hearing<'_, '_, '_, E> {
    type Error = E;

    fn learned(&mut self, learned: Event) -> Result<(), E> {
        self.listener.borrow_mut().learned(learned)
    }

    fn progress(&mut self, progress: &Progress) {
        let progress = self.desk.borrow().progress(progress);
        self.listener.borrow_mut().progress(&progress);
    }

    fn then(&mut self, what: Box<dyn FnOnce() + Send>) -> Result<(), E> {
        self.listener.borrow_mut().then(what)
    }
}

/// Nothing: what a loop without an end comes to.
enum Never {}

/// Talks to the engine for as long as the run goes on.
async fn talk(
    crew: &Crew,
    desk: &RefCell<Desk<'_>>,
    (bell, emptied): (&Notify, &Notify),
    world: &World,
) -> Never {
    let mut next_look = Instant::now();
    let mut stage_written = None;
    loop {
        let worked = work(crew, desk, bell, world, &mut next_look, &mut stage_written).await;
        match worked {
            // The run has its turn between two: it takes in what has come.
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {
                let _ = timeout(limits::ENGINE_COLLECT, emptied.notified()).await;
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "the engine");
                sleep(limits::ENGINE_RETRY).await;
            }
            Err(error) => {
                desk.borrow_mut().trouble = Some(error);
                bell.notify_one();
                sleep(limits::ENGINE_RETRY).await;
            }
        }
    }
}

/// One turn of [`talk`]. Returns whether there was anything to do.
async fn work(
    crew: &Crew,
    desk: &RefCell<Desk<'_>>,
    bell: &Notify,
    world: &World,
    next_look: &mut Instant,
    stage_written: &mut Option<Stage>,
) -> Result<bool, EngineError> {
    let stage = desk.borrow().stage;
    if *stage_written != Some(stage) {
        write_stage(crew.engine.as_ref(), &crew.run, stage).await?;
        *stage_written = Some(stage);
    }
    let published = publish(crew, desk, bell).await?;
    let committed = Arc::clone(&desk.borrow().committed);
    let receipts = taken(&committed);
    if let Err(error) = crew.engine.ack_answers(&receipts).await {
        committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(receipts);
        return Err(error);
    }
    // Whether all had ended before what they said last was asked for.
    let mut all_have_ended = false;
    if Instant::now() >= *next_look {
        *next_look = Instant::now() + limits::ENGINE_LOOK;
        let table = crew.engine.entries(Table::Workers).await?;
        if desk.borrow().wants_a_listing(Instant::now()) {
            let orders = crew.engine.open_orders(&crew.run).await?;
            let orders = orders.into_iter().flatten();
            let listed = orders.map(|order| order.number).collect();
            let mut desk = desk.borrow_mut();
            desk.close_those_taken_down(&listed, Instant::now());
        }
        let mut desk = desk.borrow_mut();
        desk.look(&table, world.clock.now());
        all_have_ended = *stage_written == Some(Stage::Closing) && desk.all_have_ended();
    }
    let is_behind = desk.borrow().is_behind();
    let pulled = if is_behind {
        Vec::new()
    } else {
        crew.engine
            .pull_answers(&crew.run, limits::ENGINE_ANSWERS)
            .await?
    };
    let nothing_came = pulled.is_empty();
    let mut desk = desk.borrow_mut();
    for AnswerDelivery { receipt, answers } in pulled {
        match answers {
            Ok(answers) => desk.inbox.push_back((receipt, answers)),
            // Left where they are: a program of their version understands them.
            Err(unreadable) => tracing::warn!(%unreadable, "answers cannot be read"),
        }
    }
    if desk.stage == Stage::Asking && desk.is_done() && desk.inbox.is_empty() {
        desk.stage = Stage::Closing;
        return Ok(true);
    }
    if all_have_ended && nothing_came && desk.inbox.is_empty() {
        desk.is_over = true;
        bell.notify_one();
    }
    if !desk.inbox.is_empty() {
        bell.notify_one();
    }
    Ok(published || !nothing_came)
}

/// Has orders kept that are to go out. Returns whether there were any.
async fn publish(
    crew: &Crew,
    desk: &RefCell<Desk<'_>>,
    bell: &Notify,
) -> Result<bool, EngineError> {
    let mut out: Vec<(Partition, Order)> = {
        let mut desk = desk.borrow_mut();
        let count = desk.outbox.len().min(limits::ENGINE_PUBLISHED_AT_ONCE);
        let out: Vec<Outgoing> = desk.outbox.drain(..count).collect();
        out.into_iter().map(|order| desk.write(order)).collect()
    };
    if out.is_empty() {
        return Ok(false);
    }
    let mut publishing = JoinSet::new();
    for (partition, order) in out.drain(..) {
        let engine = Arc::clone(&crew.engine);
        publishing.spawn(async move {
            let published = engine.publish(partition, &order).await;
            (order, published)
        });
    }
    let mut failed = None;
    while let Some(published) = publishing.join_next().await {
        let (order, published) = published.expect("a publisher does not panic");
        if let Err(error) = published {
            desk.borrow_mut().write_again(order);
            failed = Some(error);
        }
    }
    // The run may have waited for room.
    bell.notify_one();
    failed.map_or(Ok(true), Err)
}

/// Writes where a run stands.
async fn write_stage(engine: &dyn Engine, run: &RunId, stage: Stage) -> Result<(), EngineError> {
    loop {
        let stands = engine.read(Table::Runs, run.as_str()).await?;
        let revision = stands.map(|entry| entry.revision);
        let card = wire::encode(&RunCard {
            stage,
            beat: revision.unwrap_or_default(),
        });
        let written = engine
            .write(Table::Runs, run.as_str(), &card, revision)
            .await?;
        match written {
            super::Changed::Yes(_) => return Ok(()),
            super::Changed::No => {}
        }
    }
}
