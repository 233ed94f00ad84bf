//! Turns at the engine: what is said to it, and when it is looked at.

mod blocks;
mod leases;
mod orders;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout};

use super::asking::Said;
use super::assigned::Assigned;
use super::bench::Bench;
use super::put::{at_once, delay, say};
use super::{Started, Worker, WorkerError, WorkerObserver};
use crate::engine::blocks::Blocks;
use crate::engine::digest::key_of;
use crate::engine::roll::{Roll, RunCard, Stage, WorkerCard};
use crate::engine::{Changed, Engine, EngineError, Partition, Receipt, Table, Terms, wire};
use crate::model::limits;
use crate::net::route::Route;

/// Talks to the engine for as long as the worker works. Returns why it cannot go on.
pub(super) async fn talk(
    worker: &Worker,
    bench: &Rc<RefCell<Bench>>,
    started: &Started,
    observer: &mut dyn WorkerObserver,
) -> WorkerError {
    let mut desk = Desk::new(worker, bench, started, observer);
    tokio::select! {
        biased;
        never = leases::keep(worker, bench) => match never {},
        error = desk.talk() => error,
    }
}

/// What came of a part of a turn; of what failed, the last is kept, or one that no waiting mends.
fn done<T>(result: Result<T, EngineError>, failed: &mut Option<EngineError>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(error) => {
            if failed.as_ref().is_none_or(EngineError::is_passing) {
                *failed = Some(error);
            }
            None
        }
    }
}

/// What a worker has yet to say to the engine, and when it looks for what.
struct Desk<'a> {
    worker: &'a Worker,
    bench: &'a RefCell<Bench>,
    /// Where askings are put that are to begin.
    started: &'a Started,
    observer: &'a mut dyn WorkerObserver,
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

impl<'a> Desk<'a> {
    fn new(
        worker: &'a Worker,
        bench: &'a RefCell<Bench>,
        started: &'a Started,
        observer: &'a mut dyn WorkerObserver,
    ) -> Self {
        Desk {
            worker,
            bench,
            started,
            observer,
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

    /// Turn after turn. Returns why there can be no further one.
    async fn talk(&mut self) -> WorkerError {
        let bell = Arc::clone(&self.bench.borrow().bell);
        loop {
            match self.turn().await {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => {
                    // Nothing is lost by looking late: it is only where there may be orders again.
                    let _ = timeout(limits::ENGINE_PULL_WAIT, bell.notified()).await;
                    sleep(limits::ENGINE_COLLECT).await;
                }
                Err(error) if error.is_passing() => {
                    self.observer.notice(&error.to_string());
                    sleep(limits::ENGINE_RETRY).await;
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// One turn. Returns whether there was anything to do.
    async fn turn(&mut self) -> Result<bool, EngineError> {
        for words in std::mem::take(&mut self.bench.borrow_mut().notices) {
            self.observer.notice(&words);
        }
        let is_due = |at: Option<Instant>| at.is_none_or(|at| at <= Instant::now());
        // What fails is done in the next turn, and keeps nothing else from being done in this one: our leases least of all.
        let mut failed = None;
        let is_told = if self.is_untold {
            // The coordinator must know that we have something to say before we say that an order is done.
            let told = self.tell_of_ourselves().await;
            done(told, &mut failed).is_some()
        } else {
            true
        };
        // Before another worker can have taken over what we have answered.
        let sent = is_told && {
            let said = self.say_what_is_known().await;
            done(said, &mut failed) == Some(true)
        };
        if is_due(self.next_look) {
            self.next_look = Some(Instant::now() + limits::ENGINE_LOOK);
            let seen = self.look().await;
            done(seen, &mut failed);
            let changed = self.see_to_leases().await;
            done(changed, &mut failed);
        }
        let has_news = std::mem::take(&mut self.bench.borrow_mut().has_news);
        if has_news || is_due(self.next_beat) {
            let told = self.tell_of_ourselves().await;
            done(told, &mut failed);
        }
        if is_due(self.next_sign) {
            self.next_sign = Some(Instant::now() + limits::ENGINE_SIGN_OF_WORK);
            let given = self.give_a_sign().await;
            done(given, &mut failed);
        }
        let given_back = self.give_back().await;
        done(given_back, &mut failed);
        let has_said_all = failed.is_none() && self.unsent.is_empty();
        if has_said_all && self.bench.borrow().has_said_all() {
            self.bench.borrow().flushed.notify_one();
        }
        if is_due(self.next_tidying) {
            self.next_tidying = Some(Instant::now() + limits::ENGINE_FORGETS_WORKER / 4);
            let tidied = self.tidy().await;
            done(tidied, &mut failed);
        }
        let taken = self.take_orders().await;
        let taken = done(taken, &mut failed) == Some(true);
        failed.map_or(Ok(sent || taken), Err)
    }

    /// Says what was learned, of hosts first. Returns whether there were answers among it.
    async fn say_what_is_known(&mut self) -> Result<bool, EngineError> {
        self.tell_of_blocks().await?;
        self.tell_of_what_was_tried().await?;
        self.send().await
    }

    /// Gives back what was not asked about.
    async fn give_back(&mut self) -> Result<(), EngineError> {
        let given_back = std::mem::take(&mut self.bench.borrow_mut().given_back);
        let (left, failed) = at_once(&self.worker.engine, given_back, delay).await;
        self.bench.borrow_mut().given_back.extend(left);
        failed.map_or(Ok(()), Err)
    }

    /// Removes what nobody needs any more: the entries of those who are gone without taking leave, blocks that are over.
    async fn tidy(&mut self) -> Result<(), EngineError> {
        let now = self.worker.world.clock.now();
        let lost = self.workers.lost(now);
        let mut over: Vec<(Table, String, u64)> = lost
            .map(|(name, revision)| (Table::Workers, name.to_owned(), revision))
            .collect();
        for (key, entry) in self.worker.engine.entries(Table::Hosts).await? {
            let is_over = wire::decode::<Blocks>(&entry.value).is_ok_and(|blocks| {
                blocks.in_force(now).next().is_none() && blocks.tried.is_over(now)
            });
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
        let (_, failed) = at_once(&self.worker.engine, over, remove).await;
        failed.map_or(Ok(()), Err)
    }

    /// Looks at the tables.
    async fn look(&mut self) -> Result<(), EngineError> {
        let workers = self.worker.engine.entries(Table::Workers).await?;
        let now = self.worker.world.clock.now();
        self.workers.observe(&workers, now);
        let others = self.workers.other_versions(now);
        let keeps_out = !others.is_empty();
        if keeps_out && !self.keeps_out {
            let others: Vec<&str> = others.iter().map(|version| version.as_str()).collect();
            self.observer.notice(&format!(
                "keeping out: there are workers of version {}, this is {}; all must be of one",
                others.join(", "),
                wire::Version::ours().as_str()
            ));
        }
        self.keeps_out = keeps_out;
        let runs = self.worker.engine.entries(Table::Runs).await?;
        let leases = self.worker.engine.entries(Table::Leases).await?;
        let now = self.worker.world.clock.now();
        self.runs.observe(&runs, now);
        let partitions = self.worker.engine.partitions();
        let leases = leases.iter().filter_map(|(key, entry)| {
            let partition = partitions.numbered(key.parse().ok()?)?;
            Some((partition, entry.value.as_slice(), entry.revision))
        });
        let mut bench = self.bench.borrow_mut();
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
    async fn tell_of_ourselves(&mut self) -> Result<(), EngineError> {
        self.beat += 1;
        self.next_beat = Some(Instant::now() + limits::ENGINE_LEASE_RENEWAL);
        let now = self.worker.world.clock.now();
        let origin = self.worker.config.origins.first();
        let card = {
            let bench = self.bench.borrow();
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
        self.observer.stands(&card);
        let bytes = wire::encode(&card);
        let revision = self.card.as_ref().and_then(|(_, revision)| *revision);
        let engine = &self.worker.engine;
        let written = engine
            .write(Table::Workers, &self.worker.name, &bytes, revision)
            .await?;
        let revision = match written {
            Changed::Yes(revision) => Some(revision),
            // An earlier writing of ours came through after all, or another client has removed the entry.
            Changed::No => {
                let stands = engine.read(Table::Workers, &self.worker.name).await?;
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

    /// Sends what was learned. Returns whether there was anything.
    async fn send(&mut self) -> Result<bool, EngineError> {
        let askings: Vec<_> = self.bench.borrow().askings.values().cloned().collect();
        let mut steps: [Vec<Said>; 2] = Default::default();
        let now = self.worker.world.clock.now();
        for asking in askings {
            let moves = |route: &Route, terms: &Terms| {
                let Route::Hosts { key, .. } = route else {
                    return false;
                };
                let blocks = self.blocks.get(&key_of(&key.0));
                let barred = blocks.map(|blocks| blocks.at(route.addresses()));
                let barred = barred.as_ref();
                let from =
                    barred.and_then(|barred| barred.another_from(&self.worker.source(), now));
                let another = || self.another(barred, Partition::FIRST);
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
            let (mut left, failed) = at_once(&self.worker.engine, step, say).await;
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
    async fn give_a_sign(&mut self) -> Result<(), EngineError> {
        let receipts: Vec<Receipt> = {
            let bench = self.bench.borrow();
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
        let (_, failed) = at_once(&self.worker.engine, receipts, sign).await;
        failed.map_or(Ok(()), Err)
    }
}
