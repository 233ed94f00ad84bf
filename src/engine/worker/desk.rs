//! Turns at the engine: what is said to it, what is looked at, which orders are taken in hand.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, sleep, timeout};

use super::asking::{Asking, Delivered, Said};
use super::assigned::Assigned;
use super::bench::Bench;
use super::inquiry::{Inquired, Inquiry};
use super::put::{at_once, change_host, delay, say, take};
use super::reply::{Reply, ended_before, passed_on};
use super::{Started, Worker, WorkerError, WorkerObserver};
use crate::engine::blocks::{Blocks, Leave};
use crate::engine::digest::key_of;
use crate::engine::lease::{Lease, Wish};
use crate::engine::roll::{Roll, RunCard, Stage, WorkerCard};
use crate::engine::{
    Answers, Changed, Delivery, Engine, EngineError, Order, Outcome, Partition, Receipt, RunId,
    Table, Terms, Unreadable, wire,
};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::route::HostKey;
use crate::probe::{Block, InVain};

/// Talks to the engine for as long as the worker works. Returns why it cannot go on.
pub(super) async fn talk(
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
    pub(super) async fn look(
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
            let moves = |host: &HostKey, terms: &Terms| {
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

/// What is to become of an order.
enum Judged {
    ToAsk(Box<Delivered>),
    Reply(Reply),
}

/// What was taken out of partitions.
type Pulled = Arc<Mutex<Vec<(Partition, Vec<Delivery>)>>>;

/// A change to a lease.
#[derive(Clone, Copy, Debug)]
enum Change {
    Write(Option<u64>),
    Remove(u64),
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
