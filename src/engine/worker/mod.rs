//! A worker: asks what falls into its partitions, from its own address.
//!
//! Beside the loop that talks to the engine, [`run::ask_all`] asks for each run, fed with orders instead of a list:
//! the route of a domain comes with its order. Whether the partition is still ours is looked at in each turn of that
//! loop before anything is carried out: a machine that was stopped for a while asks nothing after it has come back.
//!
//! An order is done once nothing of its domain waits, is under way or is yet to be told. What its host's answers are
//! worth may show later: a run's asking goes on until its coordinator has closed the run, and ends as on one machine.

mod asking;
mod assigned;
mod bench;
mod desk;
mod feed;
mod inquiry;
mod put;
mod reply;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until, timeout};

use super::partition::is_large;
use super::roll::WorkerCard;
use super::{Engine, EngineError, Order, Table};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::route::HostKey;
use crate::probe::run;
use crate::probe::run::{Ending, RunConfig, SpillError};
use crate::smtp::rules::Book;
use asking::{Asking, Broken, Said};
use bench::Bench;
use desk::talk;
use feed::{Feed, Telling};
use put::{at_once, delay, say};

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
