//! A worker: asks what falls into its partitions, from its own address.
//!
//! Beside the loop that talks to the engine, [`run::ask_all`] asks for each run, fed with orders instead of a list:
//! the route of a domain comes with its order. Whether the partition is still ours is looked at in each turn of that
//! loop before anything is carried out: a machine that was stopped for a while asks nothing after it has come back.
//!
//! An order is done once nothing of its domain waits, is under way or is yet to be told. What its host's answers are
//! worth may show later: a run's asking goes on until its coordinator has closed the run, and ends as on one machine.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::answer::person;
use super::blocks::{Blocks, Leave};
use super::digest::key_of;
use super::lease::{Lease, Leases, Wish, assign};
use super::partition::{Partitions, is_large};
use super::roll::{Roll, RunCard, Share, Stage, WorkerCard};
use super::share::share;
use super::wire;
use super::{
    Answers, Changed, Delivery, Engine, EngineError, Order, Outcome, Partition, Receipt, RunId,
    Table, Unreadable,
};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::{Blame, Reason};
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;
use crate::net::World;
use crate::net::route::{HostKey, Route};
use crate::probe::run::{self, Ending, Knock, Listener, RunConfig, SpillError, TargetSource};
use crate::probe::scheduler::{Event, Progress, Scheduler};
use crate::probe::{Asked, Block, InVain, KnownDomain, KnownHost, Target};
use crate::smtp::rules::Book;

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The engine fails in a way that does not pass.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No room is left for the addresses that wait for their host.
    #[error(transparent)]
    Spill(#[from] SpillError),
}

/// What a worker tells the operator who runs it.
pub trait WorkerObserver {
    /// How it stands.
    fn stands(&mut self, card: &WorkerCard);

    /// Something that a person should know.
    fn notice(&mut self, words: &str);
}

/// What a worker needs.
pub struct Worker {
    /// What all are connected to.
    pub engine: Arc<dyn Engine>,
    /// Its name, which no other process has or had: `a-z`, `0-9` and `-`.
    pub name: String,
    /// Where it asks.
    pub world: World,
    /// How it asks where the run has no say; of its limits, those of this machine count.
    pub config: RunConfig,
    /// What replies mean.
    pub book: Arc<Book>,
    /// Who runs mail hosts.
    pub providers: Arc<Providers>,
}

impl Worker {
    /// Works until `stop` resolves, then takes leave: what is under way is given back.
    ///
    /// # Errors
    ///
    /// When the engine fails in a way that does not pass.
    pub async fn work(
        &self,
        observer: &mut dyn WorkerObserver,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WorkerError> {
        let bench = Rc::new(RefCell::new(Bench::new(&self.name)));
        let mut askings = Askings::default();
        let mut stop = std::pin::pin!(stop);
        let flushed = Arc::clone(&bench.borrow().flushed);
        let mut is_stopping = false;
        let mut give_up = Instant::now();
        let started = Rc::new(RefCell::new(Vec::new()));
        let talking = talk(self, &bench, &started, observer);
        let mut talking = std::pin::pin!(talking);
        loop {
            for asking in started.borrow_mut().drain(..) {
                askings.0.push(self.asking(&asking, &bench));
            }
            tokio::select! {
                biased;
                () = &mut stop, if !is_stopping => {
                    // What is under way has a little time to end well.
                    is_stopping = true;
                    give_up = Instant::now() + limits::STOPPING_WAIT * 2;
                    bench.borrow_mut().stop();
                }
                () = flushed.notified() => break,
                () = sleep_until(give_up), if is_stopping => break,
                failed = &mut talking => return Err(failed),
                (asking, ended) = askings.next() => bench.borrow_mut().ended(&asking, ended),
                () = started_any(&started) => {}
            }
        }
        drop(askings);
        take_leave(self, &bench).await;
        Ok(())
    }

    /// Whether an order is for a small host, which sees one visitor.
    fn is_small(&self, order: &Order) -> bool {
        let is_large = |key: &HostKey| is_large(key, &self.providers);
        !order.host().is_some_and(is_large)
    }

    /// By what hosts tell it from the others: its address, or its name where it has none of its own.
    fn source(&self) -> String {
        let address = self
            .config
            .origins
            .first()
            .and_then(|origin| origin.address);
        address.map_or_else(|| self.name.clone(), |address| address.to_string())
    }

    /// The asking for one run.
    fn asking(&self, asking: &Rc<RefCell<Asking>>, bench: &Rc<RefCell<Bench>>) -> Running {
        let (world, book) = (self.world.clone(), Arc::clone(&self.book));
        let providers = Arc::clone(&self.providers);
        let (terms, bell, breaks_off) = {
            let asking = asking.borrow();
            let breaks_off = Arc::clone(&asking.breaks_off);
            (asking.terms.clone(), Arc::clone(&asking.bell), breaks_off)
        };
        let config = RunConfig {
            limits: terms.limits(&self.config.limits),
            ..self.config.clone()
        };
        let mut feed = Feed {
            asking: Rc::clone(asking),
            bench: Rc::clone(bench),
            bell,
            next_look: Timestamp::default(),
            left: bench.borrow().left.len(),
            providers: Arc::clone(&providers),
            partitions: self.engine.partitions(),
        };
        let mut told = Telling {
            asking: Rc::clone(asking),
            bench: Rc::clone(bench),
        };
        let asking = Rc::clone(asking);
        Box::pin(async move {
            let stop = async move {
                breaks_off.notified().await;
                Ending::Interrupted
            };
            let ended = run::ask_all(world, config, book, providers, &mut feed, &mut told, stop);
            (asking, ended.await)
        })
    }
}

/// Why an asking breaks off.
#[derive(Debug)]
enum Broken {
    /// A partition that it asks for is not ours any more: nothing more is carried out.
    NotOurs,
    Spill(SpillError),
}

impl From<SpillError> for Broken {
    fn from(error: SpillError) -> Self {
        Broken::Spill(error)
    }
}

/// One asking until it ends.
type Running = Pin<Box<dyn Future<Output = (Rc<RefCell<Asking>>, Result<Ending, Broken>)>>>;

/// The askings under way.
#[derive(Default)]
struct Askings(Vec<Running>);

impl Askings {
    /// The next one to end.
    async fn next(&mut self) -> (Rc<RefCell<Asking>>, Result<Ending, Broken>) {
        poll_fn(|context| {
            for place in 0..self.0.len() {
                if let Poll::Ready(ended) = self.0[place].as_mut().poll(context) {
                    drop(self.0.swap_remove(place));
                    return Poll::Ready(ended);
                }
            }
            Poll::Pending
        })
        .await
    }
}

type Started = Rc<RefCell<Vec<Rc<RefCell<Asking>>>>>;

/// Resolves once there is an asking to begin; it is polled whenever the loop that begins them has had its turn.
async fn started_any(started: &Started) {
    poll_fn(|_| {
        if started.borrow().is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// An order in hand.
struct InHand {
    receipt: Receipt,
    partition: Partition,
    attempt: u32,
    domain: String,
    host: HostKey,
    /// The digests of the keys of its addresses.
    keys: Vec<u64>,
    /// Who gives its answers: the worker, with how often the order was handed out.
    by: String,
    /// How many answers were given.
    place: u64,
    stage: HandStage,
}

/// Where an order in hand stands.
#[derive(Debug, PartialEq)]
enum HandStage {
    /// It is being asked.
    Asked,
    /// All is told; that is to be said.
    Done,
    /// What there was to tell by now is told; this is left of it.
    GoesOn(Box<Order>),
}

/// What becomes of an order.
enum Becomes {
    /// It stays in our hands, or is not one.
    Kept,
    /// It is done.
    Done(Receipt),
    /// It is to be handed out again, as far as it is not answered.
    GivenBack(Receipt),
}

/// What is said of an order, and what becomes of it then.
struct Said {
    answers: Answers,
    becomes: Becomes,
    /// What goes out anew before it is taken down.
    next: Option<(Partition, Order)>,
}

/// The asking for one run.
struct Asking {
    run: RunId,
    terms: super::Terms,
    /// Rung when there is something new for it.
    bell: Arc<Notify>,
    /// Rung when it is to end before all is asked.
    breaks_off: Arc<Notify>,
    /// Addresses that it has not taken in yet.
    fed: Vec<Target>,
    routes: HashMap<String, Route>,
    known_domains: HashMap<String, KnownDomain>,
    known_hosts: HashMap<HostKey, KnownHost>,
    /// What is known of hosts by now, for orders that go on.
    hosts: HashMap<HostKey, KnownHost>,
    /// Hosts that have blocked others of us, and are not to be asked from here.
    barred: Vec<(HostKey, Block)>,
    /// What others have tried in vain before us, and is to be taken in.
    tried_before: BTreeMap<IpAddr, InVain>,
    /// What was tried in vain at hosts, as the others were told last.
    tried: BTreeMap<HostKey, BTreeMap<IpAddr, InVain>>,
    /// Hosts met since their shares of the ceilings were looked at.
    met: Vec<HostKey>,
    /// Which division of the ceilings is in force.
    shared_by: Option<u64>,
    /// Addresses that were taken back from those that are asked about, by order, with what is known of their domain.
    taken_back: BTreeMap<u64, (Vec<Target>, KnownDomain)>,
    in_hand: BTreeMap<u64, InHand>,
    /// Orders in hand, by domain.
    by_domain: HashMap<String, BTreeSet<u64>>,
    /// Orders in hand, by the digests of their addresses' keys.
    by_key: HashMap<u64, u64>,
    /// Domains of which something was learned since they were last looked at.
    touched: BTreeSet<String>,
    /// What was learned and is not sent yet, by order: 0 is what belongs to none.
    learned: BTreeMap<u64, Vec<Event>>,
    /// What is said of addresses whose host blocks us, by order: it is not told where another one of us may ask.
    blocked: BTreeMap<u64, Vec<Event>>,
    /// How many addresses the orders in hand have.
    addresses: usize,
    /// The partitions that they fall into, with how many do.
    partitions: BTreeMap<Partition, usize>,
    /// The hosts that are asked for them, with how many orders each.
    at_hosts: HashMap<HostKey, usize>,
    /// Who gives answers that belong to no order.
    loose: (String, u64),
    share: Share,
    /// What was done by earlier askings for the same run.
    before: Share,
    is_closing: bool,
    is_withdrawn: bool,
    is_over: bool,
}

impl Asking {
    fn new(run: RunId, terms: super::Terms, by: String) -> Self {
        Asking {
            run,
            terms,
            bell: Arc::new(Notify::new()),
            breaks_off: Arc::new(Notify::new()),
            fed: Vec::new(),
            routes: HashMap::new(),
            known_domains: HashMap::new(),
            known_hosts: HashMap::new(),
            hosts: HashMap::new(),
            barred: Vec::new(),
            tried_before: BTreeMap::new(),
            tried: BTreeMap::new(),
            met: Vec::new(),
            shared_by: None,
            taken_back: BTreeMap::new(),
            in_hand: BTreeMap::new(),
            by_domain: HashMap::new(),
            by_key: HashMap::new(),
            touched: BTreeSet::new(),
            learned: BTreeMap::new(),
            blocked: BTreeMap::new(),
            addresses: 0,
            partitions: BTreeMap::new(),
            at_hosts: HashMap::new(),
            loose: (by, 0),
            share: Share::default(),
            before: Share::default(),
            is_closing: false,
            is_withdrawn: false,
            is_over: false,
        }
    }

    /// Takes an order in hand.
    fn take(&mut self, delivery: Delivered, me: &str) {
        let Delivered {
            receipt,
            partition,
            delivered,
            order,
            answers,
        } = delivery;
        let Some(host) = order.host().cloned() else {
            return;
        };
        assert!(
            !self.in_hand.contains_key(&order.number),
            "an order is in hand once"
        );
        let rest = order.rest(&answers);
        let keys = rest.targets.iter();
        let keys: Vec<u64> = keys
            .map(|target| fingerprint(&*target.address.key()))
            .collect();
        self.by_key
            .extend(keys.iter().map(|key| (*key, order.number)));
        self.addresses += keys.len();
        *self.partitions.entry(partition).or_default() += 1;
        *self.at_hosts.entry(host.clone()).or_default() += 1;
        self.routes
            .entry(order.domain.clone())
            .or_insert(order.route);
        self.known_domains
            .entry(order.domain.clone())
            .or_insert(rest.known_domain);
        self.hosts
            .entry(host.clone())
            .or_insert_with(|| order.known_host.clone());
        if let Some(block) = &order.known_host.blocked {
            self.barred.push((host.clone(), Block::clone(block)));
        }
        let in_vain = &order.known_host.in_vain;
        if !in_vain.is_empty() {
            self.tried_before.extend(in_vain.clone());
            self.tried.insert(host.clone(), in_vain.clone());
        }
        self.known_hosts
            .entry(host.clone())
            .or_insert(order.known_host);
        self.by_domain
            .entry(order.domain.clone())
            .or_default()
            .insert(order.number);
        self.touched.insert(order.domain.clone());
        let in_hand = InHand {
            receipt,
            partition,
            attempt: order.attempt,
            domain: order.domain,
            host,
            keys,
            by: format!("{me}.{delivered}"),
            place: 0,
            stage: HandStage::Asked,
        };
        self.in_hand.insert(order.number, in_hand);
        self.fed.extend(rest.targets);
        self.bell.notify_one();
    }

    /// The order that something learned belongs to; 0 where it belongs to none.
    fn order_of(&self, event: &Event) -> u64 {
        if let Some(key) = person(event) {
            let order = self.by_key.get(&fingerprint(key));
            return order.copied().unwrap_or_default();
        }
        let domain = match event {
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => &**name,
            Event::TakenBack {
                asked: Asked::Decoy(name),
                ..
            } => name,
            Event::TakenBack {
                asked: Asked::Address(_),
                ..
            }
            | Event::Address { .. }
            | Event::Waiting { .. }
            | Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => return 0,
        };
        let orders = self.by_domain.get(domain);
        let first = orders.and_then(|orders| orders.first());
        first.copied().unwrap_or_default()
    }

    fn learned(&mut self, event: Event) {
        let domain = match &event {
            Event::Address { key, .. } | Event::Waiting { key, .. } => {
                key.rsplit_once('@').map(|(_, domain)| domain)
            }
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => Some(&**name),
            Event::TakenBack { asked, .. } => match asked {
                Asked::Address(key) => key.rsplit_once('@').map(|(_, domain)| domain),
                Asked::Decoy(name) => Some(&**name),
            },
            Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => None,
        };
        if let Some(domain) = domain {
            self.touched.insert(domain.to_owned());
        }
        if let Event::Host { key, known } = &event
            && let Some(host) = self.hosts.get_mut(key)
        {
            known.clone_into(host);
        }
        let order = self.order_of(&event);
        let there = if order != 0 && is_of_a_block(&event) {
            &mut self.blocked
        } else {
            &mut self.learned
        };
        there.entry(order).or_default().push(event);
    }

    /// What was tried in vain at small hosts since the others were told last, with the hosts where that has brought
    /// something since. Large operators are tried from several addresses at once, each with a chance of its own.
    fn tried_in_vain(
        &mut self,
        scheduler: &Scheduler,
        providers: &Providers,
    ) -> BTreeMap<HostKey, BTreeMap<IpAddr, InVain>> {
        let mut tried = scheduler.tried_in_vain();
        tried.retain(|key, _| !is_large(key, providers));
        let over = self.tried.keys().filter(|key| !tried.contains_key(*key));
        let over = over.map(|key| (key.clone(), BTreeMap::new()));
        let told = &self.tried;
        let news = tried
            .iter()
            .filter(|(key, there)| told.get(*key) != Some(*there));
        let news = news.map(|(key, there)| (key.clone(), there.clone()));
        let news = news.chain(over).collect();
        self.tried = tried;
        news
    }

    /// What a host has against us, where that is all of its machines that we know of: not what some of them have.
    fn block_of(&self, key: &HostKey, known: &KnownHost) -> Option<Block> {
        let has_all = |route: &Route| match route {
            Route::Hosts { hosts, .. } => {
                let mut addresses = hosts.iter().flat_map(|host| &host.addresses);
                addresses.all(|address| known.machines.contains_key(address))
            }
            Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => false,
        };
        let mut here = self.in_hand.values().filter(|order| order.host == *key);
        let block = if let Some(block) = &known.blocked {
            Some(&**block)
        } else if here.any(|order| self.routes.get(&order.domain).is_some_and(has_all)) {
            known.machines.values().max_by_key(|block| block.until)
        } else {
            None
        };
        // A host that has no time for any client has nothing against us.
        let block = block.filter(|block| block.reading.reason.blame() == Blame::Sender);
        block.cloned()
    }

    /// Takes back what waits in a domain.
    fn take_back(&mut self, domain: &str, scheduler: &mut Scheduler, now: Timestamp) {
        let (targets, known) = scheduler.give_back(domain, now);
        if targets.is_empty() {
            return;
        }
        for target in targets {
            // One that is asked about anew after its order was done has no order any more: its answers stand as they are.
            let order = self.by_key.get(&fingerprint(&*target.address.key()));
            if let Some(order) = order {
                let back = self.taken_back.entry(*order).or_default();
                back.0.push(target);
                back.1.clone_from(&known);
            }
        }
        self.touched.insert(domain.to_owned());
    }

    /// Takes back what waits for partitions that are being left, and what waits for a later moment.
    fn take_back_what_waits(
        &mut self,
        scheduler: &mut Scheduler,
        leaving: &BTreeSet<Partition>,
        everywhere: bool,
        now: Timestamp,
    ) {
        if !self.fed.is_empty() {
            return;
        }
        let mut domains: BTreeSet<String> = BTreeSet::new();
        if !leaving.is_empty() {
            let in_hand = self.in_hand.values();
            let left = in_hand.filter(|in_hand| leaving.contains(&in_hand.partition));
            domains.extend(left.map(|in_hand| in_hand.domain.clone()));
        }
        if everywhere {
            let names = self.by_domain.keys().map(String::as_str);
            let resting = scheduler.resting(names, now).into_iter();
            let long = resting.filter(|(_, until)| until.since(now) >= limits::ENGINE_HOLDS);
            domains.extend(long.map(|(name, _)| name.to_owned()));
        }
        for domain in domains {
            self.take_back(&domain, scheduler, now);
        }
    }

    /// What goes out anew of an order.
    fn goes_on(
        &self,
        number: u64,
        (targets, known_domain): (Vec<Target>, KnownDomain),
    ) -> Option<Order> {
        let in_hand = self.in_hand.get(&number)?;
        let not_before = targets.iter().map(|target| target.not_before).min();
        Some(Order {
            run: self.run.clone(),
            number,
            attempt: in_hand.attempt + 1,
            terms: self.terms.clone(),
            domain: in_hand.domain.clone(),
            route: self.routes.get(&in_hand.domain)?.clone(),
            known_domain,
            known_host: KnownHost {
                blocked: None,
                machines: BTreeMap::new(),
                ..self.hosts.get(&in_hand.host).cloned().unwrap_or_default()
            },
            not_before: not_before.unwrap_or_default(),
            targets,
        })
    }

    /// Notes which orders are done.
    fn look(&mut self, scheduler: &Scheduler, everywhere: bool) -> bool {
        if !self.fed.is_empty() {
            return false;
        }
        let asked_about = self.by_domain.keys().map(String::as_str);
        let touched = self.touched.iter().map(String::as_str);
        let touched = touched.filter(|name| self.by_domain.contains_key(*name));
        let candidates: Vec<&str> = if everywhere {
            asked_about.collect()
        } else {
            touched.collect()
        };
        let done = scheduler.done_with(candidates);
        let done: Vec<u64> = done
            .into_iter()
            .filter_map(|domain| self.by_domain.get(domain))
            .flatten()
            .copied()
            .collect();
        self.touched.clear();
        let mut any = false;
        for number in done {
            let back = self.taken_back.remove(&number);
            let rest = back.and_then(|back| self.goes_on(number, back));
            if let Some(in_hand) = self.in_hand.get_mut(&number)
                && in_hand.stage == HandStage::Asked
            {
                any = true;
                in_hand.stage = match rest {
                    Some(rest) => HandStage::GoesOn(Box::new(rest)),
                    None => HandStage::Done,
                };
            }
        }
        any
    }

    /// What is to be sent now: first what belongs to no order, for some of it is what an order's end rests on; then of
    /// each order what there is to say. `moves` says whether others may ask a host that has blocked us.
    fn outgoing(&mut self, moves: impl Fn(&HostKey, &super::Terms) -> bool) -> [Vec<Said>; 2] {
        let mut learned = std::mem::take(&mut self.learned);
        let loose = learned.remove(&0);
        let loose = loose.map(|events| Said {
            answers: self.answers(0, events, None),
            becomes: Becomes::Kept,
            next: None,
        });
        let mut outgoing = Vec::new();
        let done: Vec<u64> = self
            .in_hand
            .iter()
            .filter(|(_, in_hand)| in_hand.stage != HandStage::Asked)
            .map(|(number, _)| *number)
            .collect();
        for number in learned.keys().copied().collect::<Vec<_>>() {
            if done.contains(&number) {
                continue;
            }
            let events = learned.remove(&number).unwrap_or_default();
            outgoing.push(Said {
                answers: self.answers(number, events, None),
                becomes: Becomes::Kept,
                next: None,
            });
        }
        for number in done {
            let mut events = learned.remove(&number).unwrap_or_default();
            let blocked = self.blocked.remove(&number).unwrap_or_default();
            let Some(in_hand) = self.in_hand.get_mut(&number) else {
                continue;
            };
            let is_whole = in_hand.stage == HandStage::Done;
            if is_whole && !blocked.is_empty() && moves(&in_hand.host, &self.terms) {
                // The rest of it is passed on when it comes again.
                let answers = self.answers(number, events, None);
                let becomes = self
                    .put_down(number)
                    .map_or(Becomes::Kept, Becomes::GivenBack);
                outgoing.push(Said {
                    answers,
                    becomes,
                    next: None,
                });
                continue;
            }
            events.extend(blocked);
            let partition = in_hand.partition;
            let next = match std::mem::replace(&mut in_hand.stage, HandStage::Done) {
                HandStage::GoesOn(order) => Some((partition, *order)),
                HandStage::Done | HandStage::Asked => None,
            };
            let outcome = match &next {
                Some((_, order)) => Outcome::GoesOn {
                    attempt: order.attempt,
                },
                None => Outcome::Done,
            };
            outgoing.push(Said {
                answers: self.answers(number, events, Some(outcome)),
                becomes: self.put_down(number).map_or(Becomes::Kept, Becomes::Done),
                next,
            });
        }
        [loose.into_iter().collect(), outgoing]
    }

    fn answers(&mut self, number: u64, events: Vec<Event>, outcome: Option<Outcome>) -> Answers {
        let (attempt, by, place) = if let Some(in_hand) = self.in_hand.get_mut(&number) {
            in_hand.place += 1;
            (in_hand.attempt, in_hand.by.clone(), in_hand.place)
        } else {
            self.loose.1 += 1;
            (0, self.loose.0.clone(), self.loose.1)
        };
        Answers {
            run: self.run.clone(),
            number,
            attempt,
            by,
            place,
            events,
            outcome,
        }
    }

    /// Takes an order out of hand.
    fn put_down(&mut self, number: u64) -> Option<Receipt> {
        let in_hand = self.in_hand.remove(&number)?;
        if let Some(orders) = self.by_domain.get_mut(&in_hand.domain) {
            orders.remove(&number);
            if orders.is_empty() {
                self.by_domain.remove(&in_hand.domain);
                self.routes.remove(&in_hand.domain);
            }
        }
        for key in &in_hand.keys {
            if self.by_key.get(key) == Some(&number) {
                self.by_key.remove(key);
            }
        }
        self.addresses -= in_hand.keys.len();
        self.taken_back.remove(&number);
        self.blocked.remove(&number);
        if let Some(count) = self.partitions.get_mut(&in_hand.partition) {
            *count -= 1;
            if *count == 0 {
                self.partitions.remove(&in_hand.partition);
            }
        }
        if let Some(count) = self.at_hosts.get_mut(&in_hand.host) {
            *count -= 1;
            if *count == 0 {
                self.at_hosts.remove(&in_hand.host);
            }
        }
        Some(in_hand.receipt)
    }

    /// What has been done for the run in all.
    fn share(&self) -> Share {
        let mut share = self.before;
        share.add(&self.share);
        share.orders = self.in_hand.len();
        share.is_over = self.is_over && self.learned.is_empty();
        share
    }
}

/// An order that was handed out, with what is known of it.
struct Delivered {
    receipt: Receipt,
    partition: Partition,
    delivered: u64,
    order: Order,
    answers: Vec<Answers>,
}

/// What lies between the loop that talks to the engine and those that ask.
struct Bench {
    leases: Leases,
    askings: BTreeMap<RunId, Rc<RefCell<Asking>>>,
    /// Partitions that are being handed over: nothing new is taken from them.
    leaving: BTreeSet<Partition>,
    /// Partitions that were ours and are not any more, in the order in which they went.
    left: Vec<Partition>,
    /// Hosts that have blocked us, for the others to know.
    blocked: BTreeMap<HostKey, Block>,
    /// What was tried in vain at hosts, for the worker that asks them next.
    tried: BTreeMap<(RunId, HostKey), BTreeMap<IpAddr, InVain>>,
    /// Counts the times that the partitions that are ours have changed: so have our shares of the ceilings.
    shares: u64,
    notices: Vec<String>,
    /// Orders that are to be handed out again, after that time.
    given_back: Vec<(Receipt, Duration)>,
    /// Whether others are to be told at once how we stand.
    has_news: bool,
    /// Whether the worker takes leave.
    is_stopping: bool,
    /// Rung when all is said before that.
    flushed: Arc<Notify>,
    /// Rung when there is something to say.
    bell: Arc<Notify>,
}

impl Bench {
    fn new(me: &str) -> Self {
        Bench {
            leases: Leases::new(me.to_owned()),
            askings: BTreeMap::new(),
            leaving: BTreeSet::new(),
            left: Vec::new(),
            blocked: BTreeMap::new(),
            tried: BTreeMap::new(),
            shares: 0,
            notices: Vec::new(),
            given_back: Vec::new(),
            has_news: false,
            is_stopping: false,
            flushed: Arc::new(Notify::new()),
            bell: Arc::new(Notify::new()),
        }
    }

    /// Has all askings end in good order; none is begun any more.
    fn stop(&mut self) {
        self.is_stopping = true;
        for asking in self.askings.values() {
            asking.borrow().breaks_off.notify_one();
        }
    }

    /// Whether the worker takes leave, and nothing is left to be said.
    fn has_said_all(&self) -> bool {
        let mut askings = self.askings.values().map(|asking| asking.borrow());
        let all_are_over = askings.all(|asking| asking.is_over && asking.learned.is_empty());
        self.is_stopping && self.given_back.is_empty() && all_are_over
    }

    /// Whether a host is being asked for another run than `run`.
    fn is_busy(&self, host: &HostKey, run: &RunId) -> bool {
        let mut others = self.askings.iter().filter(|(other, _)| *other != run);
        others.any(|(_, asking)| asking.borrow().at_hosts.contains_key(host))
    }

    /// An asking has ended.
    fn ended(&mut self, asking: &Rc<RefCell<Asking>>, ended: Result<Ending, Broken>) {
        let mut asking = asking.borrow_mut();
        // What it did not come to is given back: at once, or when our own side works again.
        let wait = match ended {
            Ok(Ending::Completed | Ending::Interrupted | Ending::Deadline) => {
                limits::ENGINE_COLLECT
            }
            Err(Broken::NotOurs) => {
                // The worker that has them now knows better what was tried in vain.
                self.tried.retain(|(run, _), _| *run != asking.run);
                limits::ENGINE_COLLECT
            }
            Ok(Ending::Stranded) => limits::ENGINE_OTHERS_WAIT,
            Err(Broken::Spill(error)) => {
                self.notices.push(error.to_string());
                limits::ENGINE_OTHERS_WAIT
            }
        };
        for number in asking.in_hand.keys().copied().collect::<Vec<_>>() {
            let receipt = asking.put_down(number);
            self.given_back
                .extend(receipt.map(|receipt| (receipt, wait)));
        }
        asking.is_over = true;
        self.has_news = true;
        self.bell.notify_one();
    }
}

/// What an asking is fed with.
struct Feed {
    asking: Rc<RefCell<Asking>>,
    bench: Rc<RefCell<Bench>>,
    bell: Arc<Notify>,
    /// When all domains are looked at again, be something learned of them or not.
    next_look: Timestamp,
    /// How many of the partitions that are not ours any more were heeded.
    left: usize,
    providers: Arc<Providers>,
    partitions: Partitions,
}

impl TargetSource for Feed {
    type Error = Broken;

    fn next(&mut self) -> Result<Option<Vec<Target>>, Broken> {
        Ok(None)
    }

    fn guests(&mut self) -> Result<Vec<Target>, Broken> {
        Ok(std::mem::take(&mut self.asking.borrow_mut().fed))
    }

    fn knock(&self) -> Knock {
        let bell = Arc::clone(&self.bell);
        Box::pin(async move { bell.notified().await })
    }

    fn stays_open(&self) -> bool {
        !self.asking.borrow().is_closing
    }

    fn route(&mut self, domain: &str) -> Option<Route> {
        self.asking.borrow().routes.get(domain).cloned()
    }

    fn tend(&mut self, scheduler: &mut Scheduler, now: Timestamp) -> Result<(), Broken> {
        let mut asking = self.asking.borrow_mut();
        let mut bench = self.bench.borrow_mut();
        let bench = &mut *bench;
        let leases = &bench.leases;
        let is_ours = |partition: &Partition| leases.holds(*partition, now);
        if !asking.partitions.keys().all(is_ours) {
            return Err(Broken::NotOurs);
        }
        let everywhere = now >= self.next_look;
        if everywhere {
            self.next_look = now + limits::ENGINE_RETRY;
        }
        if self.left < bench.left.len() {
            // The worker that has them now is the one visitor of their small hosts.
            let left: BTreeSet<Partition> = bench.left[self.left..].iter().copied().collect();
            self.left = bench.left.len();
            let (providers, partitions) = (&self.providers, self.partitions);
            scheduler.leave_untested(|key| {
                !is_large(key, providers) && left.contains(&partitions.of_slot(key, 0))
            });
        }
        scheduler.go_on_trying(std::mem::take(&mut asking.tried_before));
        if everywhere {
            let run = asking.run.clone();
            let news = asking.tried_in_vain(scheduler, &self.providers).into_iter();
            let news = news.map(|(key, there)| ((run.clone(), key), there));
            bench.tried.extend(news);
        }
        for (key, block) in std::mem::take(&mut asking.barred) {
            let known = asking.hosts.get(&key).cloned().unwrap_or_default();
            let blocked = Some(Box::new(block));
            scheduler.know_host(&key, KnownHost { blocked, ..known }, now);
        }
        if asking.shared_by != Some(bench.shares) || !asking.met.is_empty() {
            let all = asking.shared_by != Some(bench.shares);
            asking.shared_by = Some(bench.shares);
            let met = std::mem::take(&mut asking.met);
            let keys: Vec<HostKey> = if all {
                asking.hosts.keys().cloned().collect()
            } else {
                met
            };
            for key in keys {
                let holds =
                    |partition| leases.holds(partition, now) && !bench.leaving.contains(&partition);
                let global = asking.terms.global;
                let share = share(&key, global, &self.providers, self.partitions, holds);
                if let Some(share) = share {
                    scheduler.confine(&key, share);
                }
            }
        }
        asking.take_back_what_waits(scheduler, &bench.leaving, everywhere, now);
        if asking.look(scheduler, everywhere) {
            bench.bell.notify_one();
        }
        Ok(())
    }

    fn domain(&mut self, name: &str) -> Result<KnownDomain, Broken> {
        let known = self.asking.borrow_mut().known_domains.remove(name);
        Ok(known.unwrap_or_default())
    }

    fn host(&mut self, key: &HostKey) -> Result<KnownHost, Broken> {
        let mut asking = self.asking.borrow_mut();
        asking.met.push(key.clone());
        Ok(asking.known_hosts.remove(key).unwrap_or_default())
    }
}

/// Who hears what an asking learns.
struct Telling {
    asking: Rc<RefCell<Asking>>,
    bench: Rc<RefCell<Bench>>,
}

impl Listener for Telling {
    type Error = Broken;

    fn learned(&mut self, learned: Event) -> Result<(), Broken> {
        match &learned {
            Event::Blocked { host, .. } => {
                let words = format!("{host} blocks this machine's address");
                self.bench.borrow_mut().notices.push(words);
            }
            Event::Stranded { words } => self.bench.borrow_mut().notices.push(words.clone()),
            Event::Host { key, known } => {
                let block = self.asking.borrow().block_of(key, known);
                if let Some(block) = block {
                    self.bench.borrow_mut().blocked.insert(key.clone(), block);
                }
            }
            Event::Address { .. }
            | Event::Domain { .. }
            | Event::Waiting { .. }
            | Event::CatchAll { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. } => {}
        }
        self.asking.borrow_mut().learned(learned);
        self.bench.borrow().bell.notify_one();
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.asking.borrow_mut().share = Share::of(progress);
    }
}

/// Talks to the engine for as long as the worker works. Returns why it cannot go on.
async fn talk(
    worker: &Worker,
    bench: &Rc<RefCell<Bench>>,
    started: &Started,
    observer: &mut dyn WorkerObserver,
) -> WorkerError {
    let mut desk = Desk::default();
    let bell = Arc::clone(&bench.borrow().bell);
    loop {
        let turn = async { desk.turn(worker, bench, started, observer).await };
        match turn.await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {
                // Nothing is lost by looking late: it is only where there may be orders again.
                let _ = timeout(limits::ENGINE_PULL_WAIT, bell.notified()).await;
                sleep(limits::ENGINE_COLLECT).await;
            }
            Err(error) if error.is_passing() => {
                observer.notice(&error.to_string());
                sleep(limits::ENGINE_RETRY).await;
            }
            Err(error) => return error.into(),
        }
    }
}

/// What a worker has yet to say to the engine, and when it looks for what.
struct Desk {
    workers: Roll<WorkerCard>,
    runs: Roll<RunCard>,
    /// What is to be sent, in steps of which each rests on those before it; within one, nothing rests on anything else.
    unsent: VecDeque<Vec<Said>>,
    beat: u64,
    card: Option<(WorkerCard, Option<u64>)>,
    next_look: Option<Instant>,
    next_beat: Option<Instant>,
    next_sign: Option<Instant>,
    next_tidying: Option<Instant>,
    /// Whether a run is being asked for of which no card of ours tells yet.
    is_untold: bool,
    /// When a partition is looked into again in which there was nothing.
    empty_until: BTreeMap<Partition, Instant>,
    /// Whom of us hosts have blocked, by the digests of their keys, as far as we have met them.
    blocks: HashMap<String, Blocks>,
    /// Which worker each partition is to fall to.
    assigned: Assigned,
    /// The last partition that was looked into.
    looked_into: Option<Partition>,
    /// How many addresses an order had of late.
    addresses_each: usize,
    keeps_out: bool,
    /// From when on leases are taken.
    since: Option<Instant>,
    /// The partitions that were ours when that was looked at last.
    held: BTreeSet<Partition>,
}

/// Which worker each partition is to fall to, by who is there and who holds what.
#[derive(Default)]
struct Assigned {
    to: BTreeMap<Partition, String>,
    /// Who was there, and how often a partition had been seen to change hands.
    by: Option<(Vec<String>, u64)>,
}

impl Assigned {
    /// Assigns anew where something has changed: what comes to the same is not reckoned again, for each partition is
    /// weighed against each worker.
    fn bring_up_to_date(
        &mut self,
        partitions: Partitions,
        workers: &BTreeSet<&str>,
        leases: &Leases,
    ) {
        let changes = leases.changes();
        let is_the_same = self.by.as_ref().is_some_and(|(before, seen)| {
            *seen == changes && before.iter().eq(workers.iter().copied())
        });
        if is_the_same {
            return;
        }
        let assigned = assign(partitions.all(), workers, &leases.holders()).into_iter();
        self.to = assigned
            .map(|(partition, worker)| (partition, worker.to_owned()))
            .collect();
        let workers = workers.iter().map(|&worker| worker.to_owned());
        self.by = Some((workers.collect(), changes));
    }
}

impl Default for Desk {
    fn default() -> Self {
        Desk {
            workers: Roll::default(),
            runs: Roll::default(),
            unsent: VecDeque::new(),
            beat: 0,
            card: None,
            next_look: None,
            next_beat: None,
            next_sign: None,
            next_tidying: None,
            is_untold: false,
            empty_until: BTreeMap::new(),
            blocks: HashMap::new(),
            assigned: Assigned::default(),
            looked_into: None,
            addresses_each: limits::ENGINE_USUAL_ORDER,
            keeps_out: false,
            since: None,
            held: BTreeSet::new(),
        }
    }
}

impl Desk {
    /// One turn. Returns whether there was anything to do.
    async fn turn(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        started: &Started,
        observer: &mut dyn WorkerObserver,
    ) -> Result<bool, EngineError> {
        for words in std::mem::take(&mut bench.borrow_mut().notices) {
            observer.notice(&words);
        }
        let is_due = |at: Option<Instant>| at.is_none_or(|at| at <= Instant::now());
        if self.is_untold {
            // The coordinator must know that we have something to say before we say that an order is done.
            self.tell_of_ourselves(worker, bench, observer).await?;
        }
        // Before another worker can have taken over what we have answered. Our leases do not wait for it to succeed,
        // though.
        let told = match self.tell_of_blocks(worker, bench, observer).await {
            Ok(()) => tell_of_what_was_tried(worker, bench).await,
            Err(error) => Err(error),
        };
        let sent = match told {
            Ok(()) => self.send(worker, bench).await,
            Err(error) => Err(error),
        };
        if is_due(self.next_look) {
            self.next_look = Some(Instant::now() + limits::ENGINE_LOOK);
            self.look(worker, bench, observer).await?;
            self.see_to_leases(worker, bench).await?;
        }
        let has_news = std::mem::take(&mut bench.borrow_mut().has_news);
        if has_news || is_due(self.next_beat) {
            self.tell_of_ourselves(worker, bench, observer).await?;
        }
        if is_due(self.next_sign) {
            self.next_sign = Some(Instant::now() + limits::ENGINE_SIGN_OF_WORK);
            self.give_a_sign(worker, bench).await?;
        }
        let sent = sent?;
        self.give_back(worker, bench).await?;
        if self.unsent.is_empty() && bench.borrow().has_said_all() {
            bench.borrow().flushed.notify_one();
        }
        if is_due(self.next_tidying) {
            self.next_tidying = Some(Instant::now() + limits::ENGINE_FORGETS_WORKER / 4);
            self.tidy(worker).await?;
        }
        let taken = self.take_orders(worker, bench, started, observer).await?;
        Ok(sent || taken)
    }

    /// Gives back what was not asked about.
    async fn give_back(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
    ) -> Result<(), EngineError> {
        let given_back = std::mem::take(&mut bench.borrow_mut().given_back);
        let (left, failed) = at_once(&worker.engine, given_back, delay).await;
        bench.borrow_mut().given_back.extend(left);
        failed.map_or(Ok(()), Err)
    }

    /// Removes what nobody needs any more: the entries of those who are gone without taking leave, blocks that are over.
    async fn tidy(&mut self, worker: &Worker) -> Result<(), EngineError> {
        let now = worker.world.clock.now();
        let lost = self.workers.lost(now);
        let mut over: Vec<(Table, String, u64)> = lost
            .map(|(name, revision)| (Table::Workers, name.to_owned(), revision))
            .collect();
        for (key, entry) in worker.engine.entries(Table::Hosts).await? {
            let is_over = wire::decode::<Blocks>(&entry.value)
                .is_ok_and(|blocks| blocks.count(now) == 0 && blocks.tried.is_over(now));
            if is_over {
                over.push((Table::Hosts, key, entry.revision));
            }
        }
        let remove = |engine: Arc<dyn Engine>, over: (Table, String, u64)| async move {
            let (table, key, revision) = &over;
            // Where another client has changed it, it is not over.
            let result = engine.remove(*table, key, *revision).await.map(drop);
            (over, result)
        };
        let (_, failed) = at_once(&worker.engine, over, remove).await;
        failed.map_or(Ok(()), Err)
    }

    /// Looks at the tables.
    async fn look(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        observer: &mut dyn WorkerObserver,
    ) -> Result<(), EngineError> {
        let workers = worker.engine.entries(Table::Workers).await?;
        let now = worker.world.clock.now();
        self.workers.observe(&workers, now);
        let others = self.workers.other_versions(now);
        let keeps_out = !others.is_empty();
        if keeps_out && !self.keeps_out {
            let others: Vec<&str> = others.iter().map(|version| version.as_str()).collect();
            observer.notice(&format!(
                "keeping out: there are workers of version {}, this is {}; all must be of one",
                others.join(", "),
                wire::Version::ours().as_str()
            ));
        }
        self.keeps_out = keeps_out;
        let runs = worker.engine.entries(Table::Runs).await?;
        let leases = worker.engine.entries(Table::Leases).await?;
        let now = worker.world.clock.now();
        self.runs.observe(&runs, now);
        let partitions = worker.engine.partitions();
        let leases = leases.iter().filter_map(|(key, entry)| {
            let partition = partitions.numbered(key.parse().ok()?)?;
            Some((partition, entry.value.as_slice(), entry.revision))
        });
        let mut bench = bench.borrow_mut();
        bench.leases.observe(leases, now);
        for (run, asking) in &bench.askings {
            let mut asking = asking.borrow_mut();
            match self.runs.of(run.as_str()).map(|card| card.stage) {
                Some(Stage::Asking) => {}
                Some(Stage::Closing) => {
                    if !asking.is_closing {
                        asking.is_closing = true;
                        asking.bell.notify_one();
                    }
                }
                Some(Stage::Withdrawn) | None => {
                    asking.is_withdrawn = true;
                    asking.breaks_off.notify_one();
                }
            }
        }
        // Nobody asks for these any more, and all is said.
        bench.askings.retain(|_, asking| {
            let asking = asking.borrow();
            !(asking.is_over && asking.is_withdrawn)
        });
        Ok(())
    }

    /// Writes who we are and what we do.
    async fn tell_of_ourselves(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        observer: &mut dyn WorkerObserver,
    ) -> Result<(), EngineError> {
        self.beat += 1;
        self.next_beat = Some(Instant::now() + limits::ENGINE_LEASE_RENEWAL);
        let now = worker.world.clock.now();
        let origin = worker.config.origins.first();
        let card = {
            let bench = bench.borrow();
            let runs = bench.askings.iter();
            WorkerCard {
                source: origin.and_then(|origin| origin.address),
                hello: origin.map_or_else(String::new, |origin| origin.hello.to_string()),
                beat: self.beat,
                partitions: bench.leases.held(now).count(),
                runs: runs
                    .map(|(run, asking)| {
                        let mut share = asking.borrow().share();
                        let is_of_it = |said: &Said| said.answers.run == *run;
                        share.is_over &= !self.unsent.iter().flatten().any(is_of_it);
                        (run.clone(), share)
                    })
                    .collect(),
            }
        };
        observer.stands(&card);
        let bytes = wire::encode(&card);
        let revision = self.card.as_ref().and_then(|(_, revision)| *revision);
        let engine = &worker.engine;
        let written = engine
            .write(Table::Workers, &worker.name, &bytes, revision)
            .await?;
        let revision = match written {
            Changed::Yes(revision) => Some(revision),
            // An earlier writing of ours came through after all, or another client has removed the entry.
            Changed::No => {
                let stands = engine.read(Table::Workers, &worker.name).await?;
                self.next_beat = None;
                stands.map(|entry| entry.revision)
            }
        };
        self.card = Some((card, revision));
        self.is_untold &= written == Changed::No;
        let others_are_seen = Instant::now() + limits::ENGINE_LOOK + limits::ENGINE_RETRY;
        self.since.get_or_insert(others_are_seen);
        Ok(())
    }

    /// Tells the others which hosts have blocked us.
    async fn tell_of_blocks(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        observer: &mut dyn WorkerObserver,
    ) -> Result<(), EngineError> {
        let now = worker.world.clock.now();
        let source = worker.source();
        let told = std::mem::take(&mut bench.borrow_mut().blocked).into_iter();
        let told: Vec<_> = told
            .map(|(key, block)| (key, block, source.clone()))
            .collect();
        let all_noted: Arc<Mutex<Vec<(HostKey, Blocks, bool)>>> = Arc::default();
        let all = Arc::clone(&all_noted);
        let tell = move |engine: Arc<dyn Engine>, told: (HostKey, Block, String)| {
            let all_noted = Arc::clone(&all);
            async move {
                let (key, block, source) = &told;
                let note = |blocks: &mut Blocks| blocks.note(source, block, now);
                let noted = change_host(engine.as_ref(), &key_of(&key.0), note).await;
                let noted = noted.map(|(blocks, is_news)| {
                    let mut noted = all_noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.push((key.clone(), blocks, is_news));
                });
                (told, noted)
            }
        };
        let (left, failed) = at_once(&worker.engine, told, tell).await;
        for (key, blocks, is_news) in take(&all_noted) {
            if is_news && blocks.count(now) == 2 {
                observer.notice(&format!(
                    "{key} blocks two of our addresses: none of them asks there any more"
                ));
            }
            self.blocks.insert(key_of(&key.0), blocks);
        }
        let mut bench = bench.borrow_mut();
        for (key, block, _) in left {
            bench.blocked.entry(key).or_insert(block);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes, renews and gives up leases.
    async fn see_to_leases(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
    ) -> Result<(), EngineError> {
        let now = worker.world.clock.now();
        let partitions = worker.engine.partitions();
        let wishes = {
            let mut bench = bench.borrow_mut();
            // A worker that comes together with others sees them before it takes anything.
            let is_new = self.since.is_none_or(|since| Instant::now() < since);
            let takes_part = !self.keeps_out && !is_new;
            let present = self.workers.present(now).map(|(name, _)| name);
            let all = present.chain([worker.name.as_str()]);
            let workers: BTreeSet<&str> = all.filter(|_| takes_part).collect();
            self.assigned
                .bring_up_to_date(partitions, &workers, &bench.leases);
            let assigned = &self.assigned.to;
            let falls_to_us = |partition| assigned.get(&partition) == Some(&worker.name);
            let wishes = bench.leases.wishes(falls_to_us, partitions.all(), now);
            let held: BTreeSet<Partition> = bench.leases.held(now).collect();
            let gone: Vec<Partition> = self.held.difference(&held).copied().collect();
            bench.left.extend(gone);
            let leaving: BTreeSet<Partition> = wishes
                .iter()
                .filter(|(_, wish)| *wish == Wish::HandOver)
                .map(|(partition, _)| *partition)
                .collect();
            if self.held != held || bench.leaving != leaving {
                bench.shares += 1;
            }
            self.held = held;
            bench.leaving = leaving;
            wishes
        };
        let mut to_do = Vec::new();
        for (partition, wish) in wishes {
            let mut bench = bench.borrow_mut();
            match wish {
                Wish::Write(revision) => to_do.push((partition, Change::Write(revision))),
                // Kept until its orders are done, or it runs out: nothing new is taken from it.
                Wish::HandOver if bench.is_at_work(partition) => {
                    if bench.leases.is_to_be_renewed(partition, now) {
                        let revision = bench.leases.revision(partition);
                        to_do.push((partition, Change::Write(revision)));
                    }
                }
                Wish::HandOver => {
                    let revision = bench.leases.revision(partition);
                    bench.leases.lost(partition);
                    to_do.extend(revision.map(|it| (partition, Change::Remove(it))));
                }
            }
        }
        let lease: Arc<[u8]> = wire::encode(&Lease {
            holder: worker.name.clone(),
        })
        .into();
        let clock = worker.world.clock;
        let changed: Arc<Mutex<Vec<(Partition, Changed, Timestamp)>>> = Arc::default();
        let all_changed = Arc::clone(&changed);
        let change = move |engine: Arc<dyn Engine>, to_do: (Partition, Change)| {
            let (lease, changed) = (Arc::clone(&lease), Arc::clone(&all_changed));
            async move {
                let key = to_do.0.to_string();
                let sent = clock.now();
                let result = match to_do.1 {
                    Change::Write(revision) => {
                        let written = engine.write(Table::Leases, &key, &lease, revision).await;
                        written.map(|written| {
                            let mut changed =
                                changed.lock().unwrap_or_else(PoisonError::into_inner);
                            changed.push((to_do.0, written, sent));
                        })
                    }
                    Change::Remove(revision) => {
                        let removed = engine.remove(Table::Leases, &key, revision);
                        removed.await.map(drop)
                    }
                };
                (to_do, result)
            }
        };
        let (_, failed) = at_once(&worker.engine, to_do, change).await;
        let leases = &mut bench.borrow_mut().leases;
        for (partition, written, sent) in take(&changed) {
            match written {
                Changed::Yes(revision) => leases.granted(partition, revision, sent),
                Changed::No => leases.lost(partition),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Sends what was learned. Returns whether there was anything.
    async fn send(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
    ) -> Result<bool, EngineError> {
        let askings: Vec<_> = bench.borrow().askings.values().cloned().collect();
        let mut steps: [Vec<Said>; 2] = Default::default();
        let now = worker.world.clock.now();
        for asking in askings {
            let moves = |host: &HostKey, terms: &super::Terms| {
                let blocks = self.blocks.get(&key_of(&host.0));
                let from = blocks.and_then(|blocks| blocks.another_from(&worker.source(), now));
                let another = || self.another(blocks, Partition::FIRST, worker);
                from.is_some_and(|from| from.since(now) <= terms.patience && another().is_some())
            };
            let outgoing = asking.borrow_mut().outgoing(moves);
            for (step, said) in steps.iter_mut().zip(outgoing) {
                step.extend(said);
            }
        }
        self.unsent.extend(steps);
        self.unsent.retain(|step| !step.is_empty());
        let any = !self.unsent.is_empty();
        let say = |engine: Arc<dyn Engine>, said: Said| async move {
            let result = say(engine.as_ref(), &said).await;
            (said, result)
        };
        let began = Instant::now();
        while let Some(mut step) = self.unsent.pop_front() {
            let rest = step.split_off(step.len().min(limits::ENGINE_PUBLISHED_AT_ONCE));
            let (mut left, failed) = at_once(&worker.engine, step, say).await;
            left.extend(rest);
            if !left.is_empty() {
                self.unsent.push_front(left);
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
            if began.elapsed() >= limits::ENGINE_RETRY {
                // Our leases do not wait for all of it.
                break;
            }
        }
        Ok(any)
    }

    /// Says of orders in hand that they are being worked on.
    async fn give_a_sign(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
    ) -> Result<(), EngineError> {
        let receipts: Vec<Receipt> = {
            let bench = bench.borrow();
            let in_hand = bench.askings.values().flat_map(|asking| {
                let asking = asking.borrow();
                let receipts = asking
                    .in_hand
                    .values()
                    .map(|in_hand| in_hand.receipt.clone());
                receipts.collect::<Vec<_>>()
            });
            in_hand.collect()
        };
        let sign = |engine: Arc<dyn Engine>, receipt: Receipt| async move {
            let result = engine.still_at_work(&receipt).await;
            (receipt, result)
        };
        let (_, failed) = at_once(&worker.engine, receipts, sign).await;
        failed.map_or(Ok(()), Err)
    }

    /// Takes orders in hand while there is room. Returns whether there were any.
    async fn take_orders(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        started: &Started,
        observer: &mut dyn WorkerObserver,
    ) -> Result<bool, EngineError> {
        if bench.borrow().is_stopping {
            return Ok(false);
        }
        let now = worker.world.clock.now();
        let held: Vec<Partition> = {
            let bench = bench.borrow();
            let held = bench.leases.held(now);
            let is_open = |partition: &Partition| !bench.leaving.contains(partition);
            held.filter(is_open).collect()
        };
        let is_due = |partition: &Partition| {
            let is_empty = self.empty_until.get(partition);
            is_empty.is_none_or(|until| *until <= Instant::now())
        };
        // Those come first that were not looked into last time.
        let (before, behind): (Vec<Partition>, Vec<Partition>) = held
            .into_iter()
            .filter(is_due)
            .partition(|partition| Some(*partition) <= self.looked_into);
        let mut due: VecDeque<Partition> = behind.into_iter().chain(before).collect();
        let mut any = false;
        let began = Instant::now();
        // What else there is to do does not wait for long.
        while !due.is_empty() && began.elapsed() < limits::ENGINE_RETRY {
            let (orders, addresses) = bench.borrow().room();
            // As many at once as there would be room for if each had all that is taken of it at a time.
            let each = limits::ENGINE_PULL * self.addresses_each;
            let count = orders.div_ceil(limits::ENGINE_PULL);
            let count = count.min(addresses.div_ceil(each)).min(due.len());
            if count == 0 {
                break;
            }
            self.looked_into = Some(due[count - 1]);
            let pulled = Pulled::default();
            let all = Arc::clone(&pulled);
            let pull = move |engine: Arc<dyn Engine>, partition: Partition| {
                let pulled = Arc::clone(&all);
                async move {
                    let result = engine.pull(partition, limits::ENGINE_PULL).await;
                    let result = result.map(|deliveries| {
                        let mut pulled = pulled.lock().unwrap_or_else(PoisonError::into_inner);
                        pulled.push((partition, deliveries));
                    });
                    (partition, result)
                }
            };
            let (_, failed) = at_once(&worker.engine, due.drain(..count).collect(), pull).await;
            let mut pulled = take(&pulled);
            // In a fixed order, so that a simulated run replays.
            pulled.sort_by_key(|(partition, _)| *partition);
            let mut deliveries = Vec::new();
            for (partition, of_it) in pulled {
                if of_it.is_empty() {
                    let until = Instant::now() + limits::ENGINE_PULL_WAIT;
                    self.empty_until.insert(partition, until);
                }
                deliveries.extend(of_it.into_iter().map(|delivery| (partition, delivery)));
            }
            any |= !deliveries.is_empty();
            let orders = deliveries
                .iter()
                .filter_map(|(_, delivery)| delivery.order.as_ref().ok());
            let addresses = orders.map(|order| order.targets.len()).sum::<usize>();
            if let Some(each) = addresses.checked_div(deliveries.len()) {
                self.addresses_each = each.max(1);
            }
            self.consider(worker, bench, started, observer, deliveries)
                .await?;
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(any)
    }

    /// Looks at orders that were handed out.
    async fn consider(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        started: &Started,
        observer: &mut dyn WorkerObserver,
        deliveries: Vec<(Partition, Delivery)>,
    ) -> Result<(), EngineError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let known = match self.inquire(worker, &deliveries).await {
            Ok(known) => known,
            Err(error) => {
                let receipts = deliveries.into_iter().map(|(_, delivery)| delivery.receipt);
                let given_back = receipts.map(|receipt| (receipt, limits::ENGINE_COLLECT));
                bench.borrow_mut().given_back.extend(given_back);
                return Err(error);
            }
        };
        let mut replies = Vec::new();
        for (partition, delivery) in deliveries {
            match self.judge(worker, observer, &known, (partition, delivery)) {
                Judged::ToAsk(delivered) => {
                    replies.extend(self.begin(worker, bench, started, *delivered));
                }
                Judged::Reply(reply) => replies.push(reply),
            }
        }
        let reply = |engine: Arc<dyn Engine>, reply: Reply| async move {
            let result = reply.make(engine.as_ref()).await;
            (reply, result)
        };
        let (left, failed) = at_once(&worker.engine, replies, reply).await;
        // What was not taken down comes again by itself.
        let later = left.into_iter().filter_map(|reply| match reply {
            Reply::Later(receipt, wait) => Some((receipt, wait)),
            Reply::Ended { .. } => None,
        });
        bench.borrow_mut().given_back.extend(later);
        failed.map_or(Ok(()), Err)
    }

    /// Asks the engine what has to be known of orders before they are asked about.
    async fn inquire(
        &mut self,
        worker: &Worker,
        deliveries: &[(Partition, Delivery)],
    ) -> Result<Inquired, EngineError> {
        let mut questions: BTreeSet<Inquiry> = BTreeSet::new();
        for (_, delivery) in deliveries {
            let Ok(order) = &delivery.order else {
                continue;
            };
            if let Some(host) = order.host() {
                questions.insert(Inquiry::Blocks(key_of(&host.0)));
            }
            // Another worker may have stored answers before it came to us: those are not asked again.
            if delivery.delivered > 1 || order.attempt > 1 {
                questions.insert(Inquiry::Answers(delivery.run.clone(), delivery.number));
            }
            let card = self.runs.of(delivery.run.as_str());
            if card.is_none_or(|card| card.stage == Stage::Withdrawn) {
                // The table may have changed since it was read.
                questions.insert(Inquiry::Run(delivery.run.clone()));
            }
        }
        let inquired: Arc<Mutex<Inquired>> = Arc::default();
        let all = Arc::clone(&inquired);
        let ask = move |engine: Arc<dyn Engine>, inquiry: Inquiry| {
            let inquired = Arc::clone(&all);
            async move {
                let result = inquiry.put(engine.as_ref(), &inquired).await;
                (inquiry, result)
            }
        };
        let (_, failed) = at_once(&worker.engine, questions.into_iter().collect(), ask).await;
        let inquired = take(&inquired);
        let blocks = inquired.blocks.iter();
        self.blocks
            .extend(blocks.map(|(place, blocks)| (place.clone(), blocks.clone())));
        failed.map_or(Ok(inquired), Err)
    }

    /// What is to become of an order that was handed out.
    fn judge(
        &self,
        worker: &Worker,
        observer: &mut dyn WorkerObserver,
        known: &Inquired,
        (partition, delivery): (Partition, Delivery),
    ) -> Judged {
        let Delivery {
            receipt,
            run,
            number,
            delivered,
            order,
        } = delivery;
        // Of an end of which it is not known whether it was heard, the same is said once more, under a name of its own.
        let by = format!("{}.{delivered}", worker.name);
        let end = |attempt: u32, outcome: Outcome| Answers {
            run: run.clone(),
            number,
            attempt,
            by: by.clone(),
            place: 0,
            events: Vec::new(),
            outcome: Some(outcome),
        };
        let refused = |words: String| end(0, Outcome::Refused { words });
        let mut order = match order {
            Ok(order) => order,
            Err(unreadable @ Unreadable::OtherVersion(_)) => {
                observer.notice(&format!("an order is left to others: {unreadable}"));
                return Judged::Reply(Reply::Later(receipt, limits::ENGINE_OTHERS_WAIT));
            }
            Err(unreadable @ Unreadable::Malformed(_)) => {
                let refused = refused(unreadable.to_string());
                return Judged::Reply(Reply::ended(receipt, Some(refused), None));
            }
        };
        let now = worker.world.clock.now();
        let read = self.runs.of(run.as_str()).map(|card| card.stage);
        match known.stages.get(&run).copied().or(read) {
            Some(Stage::Asking | Stage::Closing) => {}
            // Its coordinator may come back: it is kept, and not asked about.
            Some(Stage::Withdrawn) | None => {
                return Judged::Reply(Reply::Later(receipt, limits::ENGINE_OTHERS_WAIT));
            }
        }
        if order.not_before > now {
            let wait = order.not_before.since(now);
            return Judged::Reply(Reply::Later(receipt, wait));
        }
        if !order.keep_reachable(worker.config.reach) {
            let refused = refused(format!(
                "the mail hosts of {} have no address that {} may contact",
                order.domain, worker.name
            ));
            return Judged::Reply(Reply::ended(receipt, Some(refused), None));
        }
        let answers = known.answers.get(&(run.clone(), number));
        let answers = answers.cloned().unwrap_or_default();
        if let Some(reply) = ended_before((&order, partition), &answers, &receipt, &end) {
            return Judged::Reply(reply);
        }
        let source = worker.source();
        let place = order.host().map(|key| key_of(&key.0)).unwrap_or_default();
        let blocks = known.blocks.get(&place);
        let leave = blocks.map_or(Leave::Granted, |blocks| blocks.leave(&source, now));
        if let Some(blocks) = blocks
            && let Some((to, from)) = self.elsewhere(worker, blocks, leave, (&order, partition))
        {
            let is_new = worker.is_small(&order) && blocks.moved_to() != Some(to.number());
            return Judged::Reply(passed_on(
                order,
                &answers,
                (to, from),
                is_new.then_some((place, to)),
                (receipt, end),
            ));
        }
        let bars = match leave {
            Leave::Granted => false,
            // Worth waiting for as long as an address may wait.
            Leave::NotBefore(until) if until.since(now) <= order.terms.patience => {
                return Judged::Reply(Reply::Later(receipt, until.since(now)));
            }
            Leave::NotBefore(_) | Leave::Denied => true,
        };
        let bar = blocks
            .filter(|_| bars)
            .and_then(|blocks| blocks.longest(now));
        let bar = bar.cloned().map(Box::new);
        if bar.is_some() {
            order.known_host.blocked = bar;
        }
        if let Some(blocks) = blocks.filter(|_| worker.is_small(&order)) {
            order.known_host.in_vain = blocks.tried.of(&run, now);
        }
        Judged::ToAsk(Box::new(Delivered {
            receipt,
            partition,
            delivered,
            order,
            answers,
        }))
    }

    /// The partition behind `behind` that falls to one of us whom a host does not block.
    fn another(
        &self,
        blocks: Option<&Blocks>,
        behind: Partition,
        worker: &Worker,
    ) -> Option<Partition> {
        let now = worker.world.clock.now();
        let blocked: BTreeSet<&str> = blocks
            .into_iter()
            .flat_map(|blocks| blocks.in_force(now).map(|(source, _)| source))
            .collect();
        let free: BTreeSet<&str> = self
            .workers
            .present(now)
            .filter(|(name, card)| {
                let source = card.source.map(|source| source.to_string());
                *name != worker.name && !blocked.contains(source.as_deref().unwrap_or(name))
            })
            .map(|(name, _)| name)
            .collect();
        let mut theirs = self
            .assigned
            .to
            .iter()
            .filter(|(_, worker)| free.contains(worker.as_str()));
        let first = theirs.clone().next();
        let next = theirs.find(|(partition, _)| **partition > behind).or(first);
        next.map(|(partition, _)| *partition)
    }

    /// Where others may ask a host about an order instead of us, and from when on; `None` where it stays here.
    fn elsewhere(
        &self,
        worker: &Worker,
        blocks: &Blocks,
        leave: Leave,
        (order, partition): (&Order, Partition),
    ) -> Option<(Partition, Timestamp)> {
        let now = worker.world.clock.now();
        let moved_to = blocks.moved_to().filter(|_| worker.is_small(order));
        let moved_to = moved_to.and_then(|number| worker.engine.partitions().numbered(number));
        let elsewhere = moved_to.filter(|to| *to != partition);
        match leave {
            // Blocked itself: another one asks, from when on it may.
            Leave::Denied => {
                let from = blocks.another_from(&worker.source(), now)?;
                let another = self.another(Some(blocks), partition, worker)?;
                let is_worth_it = from.since(now) <= order.terms.patience;
                is_worth_it.then_some((elsewhere.unwrap_or(another), from))
            }
            // Its one visitor is the worker that holds the partition that its orders have moved to.
            Leave::Granted | Leave::NotBefore(_) => elsewhere.map(|to| (to, Timestamp::default())),
        }
    }

    /// Has an order asked about, unless it cannot be now: then, returns what is to be said of it.
    fn begin(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        started: &Started,
        delivered: Delivered,
    ) -> Option<Reply> {
        let later = |wait| Some(Reply::Later(delivered.receipt.clone(), wait));
        let run = delivered.order.run.clone();
        {
            let bench = bench.borrow();
            if bench.is_stopping {
                return later(limits::ENGINE_COLLECT);
            }
            let now = worker.world.clock.now();
            if !bench.leases.holds(delivered.partition, now) {
                // The worker that has it now is given the order when it has been in our hands for long enough.
                return None;
            }
            let asking = bench.askings.get(&run).map(|asking| asking.borrow());
            let asking = asking.filter(|asking| !asking.is_over);
            // One that is being broken off has to be over before it is begun anew; an order whose place another one
            // has taken, too: what is answered of it until then is heeded.
            let waits = asking.is_some_and(|asking| {
                let is_in_hand = asking.in_hand.contains_key(&delivered.order.number);
                asking.is_withdrawn || asking.is_closing || is_in_hand
            });
            if waits {
                return later(limits::ENGINE_LOOK);
            }
            let host = delivered.order.host();
            if host.is_some_and(|host| bench.is_busy(host, &run)) {
                // Its turn comes when the other run is done there. It is looked at the less often, the longer it waits.
                let times = delivered.delivered.min(limits::ENGINE_BUSY_LOOKS);
                let times = u32::try_from(times).unwrap_or(1);
                return later(limits::ENGINE_LOOK * times);
            }
        }
        let there = bench.borrow().askings.get(&run).cloned();
        let there = there.filter(|asking| !asking.borrow().is_over);
        let asking = if let Some(asking) = there {
            asking
        } else {
            let asking = self.start(worker, bench, &delivered.order);
            started.borrow_mut().push(Rc::clone(&asking));
            self.is_untold = true;
            asking
        };
        asking.borrow_mut().take(delivered, &worker.name);
        None
    }

    /// Begins to ask for a run, anew where an earlier asking for it has ended.
    fn start(
        &mut self,
        worker: &Worker,
        bench: &Rc<RefCell<Bench>>,
        order: &Order,
    ) -> Rc<RefCell<Asking>> {
        let mut bench = bench.borrow_mut();
        let before = bench.askings.get(&order.run);
        let before = before.map(|asking| {
            let mut before = asking.borrow_mut();
            // What it has learned and not said yet is not lost with it.
            self.unsent.extend(before.outgoing(|_, _| false));
            before.share().at_rest()
        });
        self.beat += 1;
        let by = format!("{}.r{}", worker.name, self.beat);
        let mut asking = Asking::new(order.run.clone(), order.terms.clone(), by);
        asking.before = before.unwrap_or_default();
        let asking = Rc::new(RefCell::new(asking));
        bench.askings.insert(order.run.clone(), Rc::clone(&asking));
        asking
    }
}

impl Bench {
    /// Whether orders of a partition are in hand.
    fn is_at_work(&self, partition: Partition) -> bool {
        self.askings.values().any(|asking| {
            let asking = asking.borrow();
            let mut in_hand = asking.in_hand.values();
            in_hand.any(|in_hand| in_hand.partition == partition)
        })
    }

    /// How many further orders may be taken in hand, and how many addresses.
    fn room(&self) -> (usize, usize) {
        let askings = self.askings.values().map(|asking| asking.borrow());
        let (orders, addresses) = askings.fold((0, 0), |(orders, addresses), asking| {
            (orders + asking.in_hand.len(), addresses + asking.addresses)
        });
        (
            limits::ENGINE_ORDERS_IN_HAND.saturating_sub(orders),
            limits::ENGINE_IN_HAND.saturating_sub(addresses),
        )
    }
}

/// What is to be known of orders before they are asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Inquiry {
    /// Whom of us a host has blocked, by the digest of its key.
    Blocks(String),
    /// What was answered for an order.
    Answers(RunId, u64),
    /// Where a run stands.
    Run(RunId),
}

impl Inquiry {
    /// Puts it to the engine, and keeps the answer.
    async fn put(
        &self,
        engine: &dyn Engine,
        inquired: &Mutex<Inquired>,
    ) -> Result<(), EngineError> {
        let kept = || inquired.lock().unwrap_or_else(PoisonError::into_inner);
        match self {
            Inquiry::Blocks(key) => {
                let entry = engine.read(Table::Hosts, key).await?;
                if let Some(blocks) = entry.and_then(|entry| wire::decode(&entry.value).ok()) {
                    kept().blocks.insert(key.clone(), blocks);
                }
            }
            Inquiry::Answers(run, number) => {
                let answers = engine.answers_of(run, *number).await?;
                let answers = answers.into_iter().filter_map(Result::ok).collect();
                kept().answers.insert((run.clone(), *number), answers);
            }
            Inquiry::Run(run) => {
                let entry = engine.read(Table::Runs, run.as_str()).await?;
                let card = entry.and_then(|entry| wire::decode::<RunCard>(&entry.value).ok());
                if let Some(card) = card {
                    kept().stages.insert(run.clone(), card.stage);
                }
            }
        }
        Ok(())
    }
}

/// What was found out about orders.
#[derive(Default)]
struct Inquired {
    blocks: HashMap<String, Blocks>,
    answers: HashMap<(RunId, u64), Vec<Answers>>,
    stages: HashMap<RunId, Stage>,
}

/// What is to become of an order.
enum Judged {
    ToAsk(Box<Delivered>),
    Reply(Reply),
}

/// What is said of an order that is not asked about.
enum Reply {
    /// It comes again after that time.
    Later(Receipt, Duration),
    /// It is done with here: where its host's orders have moved is told, what became of it is said, what is left of it
    /// goes out, then it is taken down.
    Ended {
        moved: Option<(String, Partition)>,
        said: Option<Answers>,
        rest: Option<(Partition, Box<Order>)>,
        receipt: Receipt,
    },
}

impl Reply {
    fn ended(
        receipt: Receipt,
        said: Option<Answers>,
        rest: Option<(Partition, Box<Order>)>,
    ) -> Self {
        Reply::Ended {
            moved: None,
            said,
            rest,
            receipt,
        }
    }

    async fn make(&self, engine: &dyn Engine) -> Result<(), EngineError> {
        match self {
            Reply::Later(receipt, wait) => engine.delay(receipt, *wait).await,
            Reply::Ended {
                moved,
                said,
                rest,
                receipt,
            } => {
                if let Some((place, to)) = moved {
                    // Told again, it is told all the same.
                    let moved = |blocks: &mut Blocks| {
                        blocks.move_to(to.number());
                        true
                    };
                    change_host(engine, place, moved).await?;
                }
                if let Some(said) = said {
                    engine.answer(said).await?;
                }
                if let Some((partition, rest)) = rest {
                    engine.publish(*partition, rest).await?;
                }
                engine.ack(receipt).await
            }
        }
    }
}

/// What was taken out of partitions.
type Pulled = Arc<Mutex<Vec<(Partition, Vec<Delivery>)>>>;

/// A change to a lease.
#[derive(Clone, Copy, Debug)]
enum Change {
    Write(Option<u64>),
    Remove(u64),
}

/// What several have gathered.
fn take<T: Default>(gathered: &Mutex<T>) -> T {
    std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What is to be done about an order that had its end before it was taken down; `None` where it had none.
fn ended_before(
    (order, partition): (&Order, Partition),
    answers: &[Answers],
    receipt: &Receipt,
    end: &impl Fn(u32, Outcome) -> Answers,
) -> Option<Reply> {
    let ends = answers
        .iter()
        .filter(|said| said.attempt >= order.attempt && said.outcome.is_some());
    let last = ends.max_by_key(|said| said.attempt)?;
    let (receipt, next) = (receipt.clone(), order.attempt + 1);
    Some(match &last.outcome {
        Some(Outcome::GoesOn { attempt }) if *attempt == next => {
            // What was left of it may not have gone out: the same is dropped where it has.
            if answers.iter().any(|said| said.attempt >= next) {
                return Some(Reply::ended(receipt, None, None));
            }
            match what_is_left(order.clone(), answers) {
                Some(rest) => Reply::ended(receipt, None, Some((partition, Box::new(rest)))),
                None => Reply::ended(receipt, Some(end(order.attempt, Outcome::Done)), None),
            }
        }
        Some(Outcome::GoesOn { .. }) | None => Reply::ended(receipt, None, None),
        // A coordinator that came back may have listed it as open after it had heard that.
        Some(outcome @ (Outcome::Done | Outcome::Refused { .. })) => {
            let again = end(last.attempt, outcome.clone());
            Reply::ended(receipt, Some(again), None)
        }
    })
}

/// What goes out anew of an order of which some is answered; `None` where all is.
fn what_is_left(order: Order, answers: &[Answers]) -> Option<Order> {
    let rest = order.rest(answers);
    let not_before = rest.targets.iter().map(|target| target.not_before).min()?;
    Some(Order {
        attempt: order.attempt + 1,
        known_domain: rest.known_domain,
        not_before,
        targets: rest.targets,
        ..order
    })
}

/// Passes an order on to the worker that holds another partition, from a moment on.
fn passed_on(
    order: Order,
    answers: &[Answers],
    (to, from): (Partition, Timestamp),
    moved: Option<(String, Partition)>,
    (receipt, end): (Receipt, impl Fn(u32, Outcome) -> Answers),
) -> Reply {
    let attempt = order.attempt;
    let rest = what_is_left(order, answers).map(|rest| Order {
        not_before: rest.not_before.max(from),
        ..rest
    });
    let outcome = match &rest {
        None => Outcome::Done,
        Some(rest) => Outcome::GoesOn {
            attempt: rest.attempt,
        },
    };
    Reply::Ended {
        moved,
        said: Some(end(attempt, outcome)),
        rest: rest.map(|rest| (to, Box::new(rest))),
        receipt,
    }
}

/// Gives an order back, to be handed out again after a time.
async fn delay(
    engine: Arc<dyn Engine>,
    (receipt, wait): (Receipt, Duration),
) -> ((Receipt, Duration), Result<(), EngineError>) {
    let result = engine.delay(&receipt, wait).await;
    ((receipt, wait), result)
}

/// Tells the others what was tried in vain at hosts.
async fn tell_of_what_was_tried(
    worker: &Worker,
    bench: &Rc<RefCell<Bench>>,
) -> Result<(), EngineError> {
    let now = worker.world.clock.now();
    let told = std::mem::take(&mut bench.borrow_mut().tried).into_iter();
    let tell = move |engine: Arc<dyn Engine>, told: Told| async move {
        let ((run, key), there) = &told;
        let note = |blocks: &mut Blocks| blocks.tried.note(run, there, now);
        let noted = change_host(engine.as_ref(), &key_of(&key.0), note).await;
        (told, noted.map(|_| ()))
    };
    let (left, failed) = at_once(&worker.engine, told.collect(), tell).await;
    let mut bench = bench.borrow_mut();
    for (of, there) in left {
        bench.tried.entry(of).or_insert(there);
    }
    failed.map_or(Ok(()), Err)
}

/// What was tried in vain at a host for a run.
type Told = ((RunId, HostKey), BTreeMap<IpAddr, InVain>);

/// Changes what the table says of the host at `place`. `change` says whether it has changed anything; it is called
/// again where another client was faster. Returns what stands there by then, and whether that was news.
async fn change_host(
    engine: &dyn Engine,
    place: &str,
    change: impl Fn(&mut Blocks) -> bool,
) -> Result<(Blocks, bool), EngineError> {
    loop {
        let stands = engine.read(Table::Hosts, place).await?;
        let revision = stands.as_ref().map(|entry| entry.revision);
        let blocks = stands.and_then(|entry| wire::decode(&entry.value).ok());
        let mut blocks: Blocks = blocks.unwrap_or_default();
        if !change(&mut blocks) {
            return Ok((blocks, false));
        }
        let bytes = wire::encode(&blocks);
        let written = engine.write(Table::Hosts, place, &bytes, revision).await?;
        if let Changed::Yes(_) = written {
            return Ok((blocks, true));
        }
    }
}

/// Does something at the engine for all of `items`, many at once; once it has failed for one, it is begun for no other.
/// Returns those for which it was not done, with why.
async fn at_once<T, F>(
    engine: &Arc<dyn Engine>,
    items: Vec<T>,
    what: impl Fn(Arc<dyn Engine>, T) -> F,
) -> (Vec<T>, Option<EngineError>)
where
    T: Send + 'static,
    F: Future<Output = (T, Result<(), EngineError>)> + Send + 'static,
{
    let (mut left, mut why) = (Vec::new(), None);
    let mut items = items.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while why.is_none()
            && under_way.len() < limits::ENGINE_PUBLISHED_AT_ONCE
            && let Some(item) = items.next()
        {
            under_way.spawn(what(Arc::clone(engine), item));
        }
        let Some(ended) = under_way.join_next().await else {
            left.extend(items);
            return (left, why);
        };
        let (item, result) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Err(error) = result {
            left.push(item);
            why = Some(error);
        }
    }
}

/// Says something of an order: first what was learned, then what is left of it, so that nothing is lost between; the
/// order is taken down last.
async fn say(engine: &dyn Engine, said: &Said) -> Result<(), EngineError> {
    engine.answer(&said.answers).await?;
    if let Some((partition, order)) = &said.next {
        engine.publish(*partition, order).await?;
    }
    match &said.becomes {
        Becomes::Done(receipt) => engine.ack(receipt).await,
        Becomes::GivenBack(receipt) => engine.delay(receipt, limits::ENGINE_COLLECT).await,
        Becomes::Kept => Ok(()),
    }
}

/// Whether something learned says of an address that its host blocks us, and no more.
fn is_of_a_block(event: &Event) -> bool {
    let Event::Address { fact, .. } = event else {
        return false;
    };
    let reason = match &fact.finding {
        Finding::Asked { reading, .. } => reading.reason,
        Finding::Withheld { reason, .. } => *reason,
        Finding::Text { .. } | Finding::Domain { .. } | Finding::Bounced { .. } => return false,
    };
    matches!(reason, Reason::SenderBlocked | Reason::RateLimited)
}

/// Gives back what is in hand, and says goodbye.
async fn take_leave(worker: &Worker, bench: &Rc<RefCell<Bench>>) {
    let leaving = async {
        let engine = &worker.engine;
        let askings: Vec<_> = bench.borrow().askings.values().cloned().collect();
        let (mut steps, mut receipts) = (<[Vec<Said>; 2]>::default(), Vec::new());
        for asking in askings {
            let mut asking = asking.borrow_mut();
            for (step, said) in steps.iter_mut().zip(asking.outgoing(|_, _| false)) {
                step.extend(said);
            }
            let numbers: Vec<u64> = asking.in_hand.keys().copied().collect();
            receipts.extend(numbers.iter().filter_map(|number| asking.put_down(*number)));
        }
        let say = |engine: Arc<dyn Engine>, said: Said| async move {
            let result = say(engine.as_ref(), &said).await;
            (said, result)
        };
        for step in steps {
            let (_, failed) = at_once(engine, step, say).await;
            failed.map_or(Ok(()), Err)?;
        }
        // First what others wait for longest where it is missing: who has what.
        let now = worker.world.clock.now();
        let mut entries: Vec<(Table, String, u64)> = {
            let bench = bench.borrow();
            let held = bench.leases.held(now);
            held.filter_map(|partition| {
                let revision = bench.leases.revision(partition)?;
                Some((Table::Leases, partition.to_string(), revision))
            })
            .collect()
        };
        let stands = engine.read(Table::Workers, &worker.name).await?;
        entries.extend(stands.map(|it| (Table::Workers, worker.name.clone(), it.revision)));
        let remove = |engine: Arc<dyn Engine>, entry: (Table, String, u64)| async move {
            let (table, key, revision) = &entry;
            let result = engine.remove(*table, key, *revision).await.map(drop);
            (entry, result)
        };
        let (_, failed) = at_once(engine, entries, remove).await;
        failed.map_or(Ok(()), Err)?;
        let given_back = std::mem::take(&mut bench.borrow_mut().given_back);
        let receipts = receipts.into_iter();
        let receipts = receipts.map(|receipt| (receipt, limits::ENGINE_COLLECT));
        let given_back = given_back.into_iter().chain(receipts).collect();
        let (_, failed) = at_once(engine, given_back, delay).await;
        failed.map_or(Ok(()), Err)
    };
    // Whatever is not given back runs out by itself.
    match timeout(limits::STOPPING_WAIT, leaving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "taking leave"),
        Err(_) => tracing::warn!("the engine did not hear that we take leave"),
    }
}
