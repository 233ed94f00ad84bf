//! An engine in memory, on the clock of its caller: what simulated time runs over.
//!
//! It keeps the promises of [`Engine`] as NATS JetStream does: what is not acknowledged comes again, messages that are
//! the same are kept once, tables change by comparison. Each [`Connection`] can be cut, as a network is, and leads over a
//! [`Way`] that takes its time and loses some of what goes there and back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    AnswerDelivery, Answers, Changed, Delivery, Engine, EngineError, Entry, Health, Later, Order,
    Partition, Partitions, Receipt, RunId, Table, Unreadable,
};
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::net::Clock;

/// The engine itself: what all connections lead to.
#[derive(Clone)]
pub struct Memory {
    clock: Clock,
    kept: Arc<Mutex<Kept>>,
}

/// What lies between the engine and a client connected to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// How long it takes there and back; each call takes between half of it and one and a half.
    pub round_trip: Duration,
    /// How many of a hundred calls fail: as often before they reach the engine as after, when they were carried out.
    pub lost: u8,
    /// What differs at random is derived from this.
    pub seed: u64,
}

/// A connection to the engine, which can be cut.
#[derive(Clone)]
pub struct Connection {
    engine: Memory,
    is_cut: Arc<AtomicBool>,
    way: Way,
    /// How many calls were made.
    calls: Arc<AtomicU64>,
}

/// An order as it is kept.
struct KeptOrder {
    to: Partition,
    run: RunId,
    number: u64,
    bytes: Vec<u8>,
    since: Timestamp,
    delivered: u64,
    /// Handed out to nobody else before this.
    free_at: Timestamp,
    /// Who may acknowledge it: the last one that it was handed out to.
    holder: u64,
}

/// Answers as they are kept.
struct KeptAnswers {
    run: RunId,
    number: u64,
    bytes: Vec<u8>,
    free_at: Timestamp,
}

/// All that is kept.
#[derive(Default)]
struct Kept {
    partitions: Partitions,
    /// Counts messages, deliveries and changes.
    counter: u64,
    orders: BTreeMap<u64, KeptOrder>,
    /// Which orders each partition has.
    by_partition: BTreeMap<Partition, BTreeSet<u64>>,
    answers: BTreeMap<u64, KeptAnswers>,
    /// Those that are not acknowledged.
    unacked: BTreeSet<u64>,
    /// The ids of messages, with when they came.
    ids: HashMap<String, Timestamp>,
    tables: BTreeMap<Table, BTreeMap<String, Entry>>,
}

impl Kept {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn keep_order(&mut self, place: u64, order: KeptOrder) {
        let there = self.by_partition.entry(order.to).or_default();
        there.insert(place);
        self.orders.insert(place, order);
    }

    fn drop_order(&mut self, place: u64) {
        let order = self.orders.remove(&place);
        if let Some(there) = order.and_then(|order| self.by_partition.get_mut(&order.to)) {
            there.remove(&place);
        }
    }

    fn drop_orders(&mut self, run: &RunId) {
        let of_it = self.orders.iter().filter(|(_, order)| order.run == *run);
        let places: Vec<u64> = of_it.map(|(place, _)| *place).collect();
        for place in places {
            self.drop_order(place);
        }
    }

    /// Notes a message of that id. Returns whether one was kept just now.
    fn note_message(&mut self, id: String, now: Timestamp) -> bool {
        if self.ids.len() >= IDS_SWEPT_AT {
            self.ids
                .retain(|_, at| now.since(*at) < limits::ENGINE_SAME_MESSAGE);
        }
        let before = self.ids.insert(id, now);
        before.is_some_and(|at| now.since(at) < limits::ENGINE_SAME_MESSAGE)
    }

    fn held(&mut self, receipt: &Receipt) -> Option<(u64, &mut KeptOrder)> {
        let (number, holder) = receipt.0.split_once('/')?;
        let (number, holder): (u64, u64) = (number.parse().ok()?, holder.parse().ok()?);
        let order = self.orders.get_mut(&number)?;
        (order.holder == holder).then_some((number, order))
    }
}

/// How many ids are kept before those that are too old are swept out.
const IDS_SWEPT_AT: usize = 100_000;

impl Memory {
    /// An empty one that lives by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Memory {
            clock,
            kept: Arc::default(),
        }
    }

    /// Divides it otherwise, before any client uses it.
    pub fn divide(&self, partitions: Partitions) {
        self.lock().partitions = partitions;
    }

    /// A connection to it that takes no time.
    #[must_use]
    pub fn connect(&self) -> Connection {
        self.connect_over(Way::default())
    }

    /// A connection to it over a way.
    #[must_use]
    pub fn connect_over(&self, way: Way) -> Connection {
        Connection {
            engine: self.clone(),
            is_cut: Arc::default(),
            way,
            calls: Arc::default(),
        }
    }

    /// Keeps a message as it is in place of an order, whatever it says.
    #[cfg(feature = "testing")]
    pub fn smuggle(&self, to: Partition, run: &RunId, number: u64, bytes: &[u8]) {
        let mut kept = self.lock();
        let place = kept.next();
        let order = KeptOrder {
            to,
            run: run.clone(),
            number,
            bytes: bytes.to_vec(),
            since: self.clock.now(),
            delivered: 0,
            free_at: Timestamp::default(),
            holder: 0,
        };
        kept.keep_order(place, order);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Cuts it: nothing gets through until it is mended.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }

    /// Something at random about a call: below `most`.
    fn draw(&self, call: u64, what: &str, most: u64) -> u64 {
        let Way { seed, .. } = self.way;
        fingerprint((seed, call, what)) % most
    }

    /// Brings a call to the engine, or its answer back.
    async fn carry(&self, call: u64, direction: &str) -> Result<(), EngineError> {
        let way = self.way.round_trip;
        if !way.is_zero() {
            let most = u64::try_from(way.as_micros()).unwrap_or(u64::MAX).max(1);
            let more = Duration::from_micros(self.draw(call, direction, most));
            tokio::time::sleep((way / 2 + more) / 2).await;
        }
        let lost = u64::from(self.way.lost);
        let is_lost = lost > 0 && self.draw(call, &format!("{direction} lost"), 200) < lost;
        if is_lost || self.is_cut.load(Ordering::Relaxed) {
            // Nobody says that it is lost: no answer comes.
            tokio::time::sleep(limits::ENGINE_REPLY).await;
            return Err(EngineError::NoConnection(
                "the connection is cut".to_owned(),
            ));
        }
        Ok(())
    }

    /// Does something at the engine.
    fn at<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Kept, Timestamp) -> T + Send + 'a,
    ) -> Later<'a, Result<T, EngineError>> {
        Box::pin(async move {
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            self.carry(call, "there").await?;
            let now = self.engine.clock.now();
            let done = work(&mut self.engine.lock(), now);
            self.carry(call, "back").await?;
            Ok(done)
        })
    }
}

impl Engine for Connection {
    fn partitions(&self) -> Partitions {
        self.engine.lock().partitions
    }

    fn publish<'a>(
        &'a self,
        to: Partition,
        order: &'a Order,
    ) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, now| {
            if kept.note_message(format!("order {}", order.id()), now) {
                return;
            }
            let place = kept.next();
            let order = KeptOrder {
                to,
                run: order.run.clone(),
                number: order.number,
                bytes: order.encode(),
                since: now,
                delivered: 0,
                free_at: now,
                holder: 0,
            };
            kept.keep_order(place, order);
        })
    }

    fn pull(
        &self,
        partition: Partition,
        most: usize,
    ) -> Later<'_, Result<Vec<Delivery>, EngineError>> {
        self.at(move |kept, now| {
            let mut holder = kept.counter;
            let there = kept.by_partition.get(&partition);
            let is_free = |place: &&u64| kept.orders[*place].free_at <= now;
            let free: Vec<u64> = there
                .into_iter()
                .flatten()
                .filter(is_free)
                .take(most)
                .copied()
                .collect();
            let handed_out = free.into_iter().filter_map(|place| {
                let order = kept.orders.get_mut(&place)?;
                holder += 1;
                order.holder = holder;
                order.delivered += 1;
                order.free_at = now + limits::ENGINE_ACK_WAIT;
                Some(Delivery {
                    receipt: Receipt(format!("{place}/{holder}")),
                    run: order.run.clone(),
                    number: order.number,
                    delivered: order.delivered,
                    order: Order::decode(&order.bytes),
                })
            });
            let handed_out = handed_out.collect();
            kept.counter = holder;
            handed_out
        })
    }

    fn ack<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, _| {
            if let Some((place, _)) = kept.held(receipt) {
                kept.drop_order(place);
            }
        })
    }

    fn delay<'a>(
        &'a self,
        receipt: &'a Receipt,
        wait: Duration,
    ) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, now| {
            if let Some((_, order)) = kept.held(receipt) {
                order.free_at = now + wait;
                order.holder = 0;
            }
        })
    }

    fn still_at_work<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, now| {
            if let Some((_, order)) = kept.held(receipt) {
                order.free_at = now + limits::ENGINE_ACK_WAIT;
            }
        })
    }

    fn open_orders<'a>(
        &'a self,
        run: &'a RunId,
    ) -> Later<'a, Result<Vec<Result<Order, Unreadable>>, EngineError>> {
        self.at(move |kept, _| {
            let orders = kept.orders.values().filter(|order| order.run == *run);
            orders.map(|order| Order::decode(&order.bytes)).collect()
        })
    }

    fn withdraw<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, _| kept.drop_orders(run))
    }

    fn answer<'a>(&'a self, answers: &'a Answers) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, now| {
            if kept.note_message(format!("answer {}", answers.id()), now) {
                return;
            }
            let place = kept.next();
            let answers = KeptAnswers {
                run: answers.run.clone(),
                number: answers.number,
                bytes: answers.encode(),
                free_at: now,
            };
            kept.answers.insert(place, answers);
            kept.unacked.insert(place);
        })
    }

    fn answers_of<'a>(
        &'a self,
        run: &'a RunId,
        number: u64,
    ) -> Later<'a, Result<Vec<Result<Answers, Unreadable>>, EngineError>> {
        self.at(move |kept, _| {
            let of_it = |answers: &&KeptAnswers| answers.run == *run && answers.number == number;
            let answers = kept.answers.values().filter(of_it);
            answers
                .map(|answers| Answers::decode(&answers.bytes))
                .collect()
        })
    }

    fn pull_answers<'a>(
        &'a self,
        run: &'a RunId,
        most: usize,
    ) -> Later<'a, Result<Vec<AnswerDelivery>, EngineError>> {
        self.at(move |kept, now| {
            let is_free = |place: &&u64| {
                let answers = &kept.answers[*place];
                answers.run == *run && answers.free_at <= now
            };
            let free = kept.unacked.iter().filter(is_free).take(most);
            let free: Vec<u64> = free.copied().collect();
            let handed_out = free.into_iter().filter_map(|place| {
                let answers = kept.answers.get_mut(&place)?;
                answers.free_at = now + limits::ENGINE_ACK_WAIT;
                Some(AnswerDelivery {
                    receipt: Receipt(place.to_string()),
                    answers: Answers::decode(&answers.bytes),
                })
            });
            handed_out.collect()
        })
    }

    fn ack_answers<'a>(&'a self, receipts: &'a [Receipt]) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, _| {
            for receipt in receipts {
                if let Ok(place) = receipt.0.parse() {
                    kept.unacked.remove(&place);
                }
            }
        })
    }

    fn read<'a>(
        &'a self,
        table: Table,
        key: &'a str,
    ) -> Later<'a, Result<Option<Entry>, EngineError>> {
        self.at(move |kept, _| kept.tables.get(&table)?.get(key).cloned())
    }

    fn write<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        value: &'a [u8],
        revision: Option<u64>,
    ) -> Later<'a, Result<Changed, EngineError>> {
        self.at(move |kept, _| {
            let counter = kept.counter + 1;
            let entries = kept.tables.entry(table).or_default();
            if entries.get(key).map(|entry| entry.revision) != revision {
                return Changed::No;
            }
            let value = value.to_vec();
            let entry = Entry {
                value,
                revision: counter,
            };
            entries.insert(key.to_owned(), entry);
            kept.counter = counter;
            Changed::Yes(counter)
        })
    }

    fn remove<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        revision: u64,
    ) -> Later<'a, Result<Changed, EngineError>> {
        self.at(move |kept, _| {
            let entries = kept.tables.entry(table).or_default();
            if entries.get(key).map(|entry| entry.revision) != Some(revision) {
                return Changed::No;
            }
            entries.remove(key);
            Changed::Yes(kept.next())
        })
    }

    fn entries(&self, table: Table) -> Later<'_, Result<Vec<(String, Entry)>, EngineError>> {
        self.at(move |kept, _| {
            let entries = kept.tables.get(&table).into_iter().flatten();
            entries
                .map(|(key, entry)| (key.clone(), entry.clone()))
                .collect()
        })
    }

    fn purge<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>> {
        self.at(move |kept, _| {
            kept.drop_orders(run);
            kept.answers.retain(|_, answers| answers.run != *run);
            let answers = &kept.answers;
            kept.unacked.retain(|place| answers.contains_key(place));
            let runs = kept.tables.entry(Table::Runs).or_default();
            runs.remove(run.as_str());
        })
    }

    fn forget<'a>(&'a self, key: &'a str) -> Later<'a, Result<u64, EngineError>> {
        self.at(move |kept, now| {
            let named = |order: &KeptOrder| {
                let order = Order::decode(&order.bytes).ok();
                order.filter(|order| order.names(key))
            };
            let orders = kept.orders.iter();
            let orders: Vec<(u64, Order)> = orders
                .filter_map(|(place, order)| Some((*place, named(order)?)))
                .collect();
            let mut count = orders.len() as u64;
            for (place, named) in orders {
                // What is left of it is a message of its own: nobody has it in hand, and it was never handed out.
                let Some(KeptOrder {
                    to, run, number, ..
                }) = kept.orders.remove(&place)
                else {
                    continue;
                };
                kept.by_partition.entry(to).or_default().remove(&place);
                let order = KeptOrder {
                    to,
                    run,
                    number,
                    bytes: named.without(key).encode(),
                    since: now,
                    delivered: 0,
                    free_at: now,
                    holder: 0,
                };
                let place = kept.next();
                kept.keep_order(place, order);
            }
            for answers in kept.answers.values_mut() {
                let read = Answers::decode(&answers.bytes).ok();
                if let Some(named) = read.filter(|answers| answers.names(key)) {
                    answers.bytes = named.without(key).encode();
                    count += 1;
                }
            }
            count
        })
    }

    fn health(&self) -> Later<'_, Result<Health, EngineError>> {
        self.at(|kept, _| {
            let bytes = kept.orders.values().map(|order| order.bytes.len());
            let answers = kept.answers.values().map(|answers| answers.bytes.len());
            Health {
                orders: kept.orders.len() as u64,
                oldest: kept.orders.values().map(|order| order.since).min(),
                answers: kept.answers.len() as u64,
                bytes: bytes.chain(answers).sum::<usize>() as u64,
                troubles: Vec::new(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Outcome;
    use crate::engine::order::tests::{order, target};
    use crate::probe::scheduler::Event;

    fn answers(place: u64, names: &[&str]) -> Answers {
        let waiting = |name: &&str| Event::Waiting {
            key: (*name).to_owned(),
            waiting: crate::probe::Waiting::default(),
            again: None,
        };
        Answers {
            run: RunId::named("run-7").unwrap(),
            number: 3,
            attempt: 1,
            by: "worker.1".to_owned(),
            place,
            events: names.iter().map(waiting).collect(),
            outcome: Some(Outcome::Done),
        }
    }

    fn in_simulated_time(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(work);
    }

    fn memory() -> Memory {
        Memory::new(Clock::starting_at(Timestamp::from_millis(
            1_700_000_000_000,
        )))
    }

    const HERE: Partition = Partition::FIRST;

    #[test]
    fn an_order_comes_again_until_it_is_acknowledged() {
        in_simulated_time(async {
            let engine = memory().connect();
            let order = order(vec![target("ann@acme.test")]);
            for _ in 0..2 {
                engine.publish(HERE, &order).await.unwrap();
            }
            let first = engine.pull(HERE, 9).await.unwrap();
            assert_eq!(first.len(), 1, "the same order is kept once");
            assert_eq!(first[0].order.as_ref(), Ok(&order));
            assert_eq!(first[0].delivered, 1);
            assert!(engine.pull(HERE, 9).await.unwrap().is_empty());

            tokio::time::sleep(limits::ENGINE_ACK_WAIT / 2).await;
            engine.still_at_work(&first[0].receipt).await.unwrap();
            tokio::time::sleep(limits::ENGINE_ACK_WAIT / 2).await;
            assert!(engine.pull(HERE, 9).await.unwrap().is_empty());

            tokio::time::sleep(limits::ENGINE_ACK_WAIT).await;
            let second = engine.pull(HERE, 9).await.unwrap();
            assert_eq!(second[0].delivered, 2);
            engine.ack(&first[0].receipt).await.unwrap();
            let open = engine.open_orders(&order.run).await.unwrap();
            assert_eq!(open.len(), 1, "who lost it cannot take it down");

            let wait = Duration::from_secs(360);
            engine.delay(&second[0].receipt, wait).await.unwrap();
            tokio::time::sleep(wait / 2).await;
            assert!(engine.pull(HERE, 9).await.unwrap().is_empty());
            tokio::time::sleep(wait / 2).await;
            let third = engine.pull(HERE, 9).await.unwrap();
            engine.ack(&third[0].receipt).await.unwrap();
            assert!(engine.open_orders(&order.run).await.unwrap().is_empty());
        });
    }

    #[test]
    fn answers_are_kept_once_and_in_their_order() {
        in_simulated_time(async {
            let engine = memory().connect();
            let run = RunId::named("run-7").unwrap();
            for place in [1, 2, 2, 3] {
                engine
                    .answer(&answers(place, &["ann@acme.test"]))
                    .await
                    .unwrap();
            }
            let places = |pulled: &[AnswerDelivery]| -> Vec<u64> {
                let read = |delivery: &AnswerDelivery| delivery.answers.as_ref().unwrap().place;
                pulled.iter().map(read).collect()
            };
            let pulled = engine.pull_answers(&run, 2).await.unwrap();
            assert_eq!(places(&pulled), [1, 2]);
            engine
                .ack_answers(&[pulled[0].receipt.clone()])
                .await
                .unwrap();
            assert_eq!(places(&engine.pull_answers(&run, 9).await.unwrap()), [3]);
            tokio::time::sleep(limits::ENGINE_ACK_WAIT).await;
            assert_eq!(places(&engine.pull_answers(&run, 9).await.unwrap()), [2, 3]);
            assert_eq!(engine.answers_of(&run, 3).await.unwrap().len(), 3);
            engine.purge(&run).await.unwrap();
            assert!(engine.answers_of(&run, 3).await.unwrap().is_empty());
        });
    }

    #[test]
    fn a_table_changes_by_comparison() {
        in_simulated_time(async {
            let memory = memory();
            let (one, two) = (memory.connect(), memory.connect());
            let write = |who: &Connection, revision| {
                let who = who.clone();
                async move { who.write(Table::Leases, "7", b"x", revision).await }
            };
            let Changed::Yes(first) = write(&one, None).await.unwrap() else {
                panic!("nothing stood there")
            };
            assert_eq!(write(&two, None).await, Ok(Changed::No));
            let Changed::Yes(second) = write(&two, Some(first)).await.unwrap() else {
                panic!("nobody changed it since")
            };
            assert_eq!(write(&one, Some(first)).await, Ok(Changed::No));
            assert_eq!(one.remove(Table::Leases, "7", first).await, Ok(Changed::No));
            one.cut();
            assert!(matches!(
                one.read(Table::Leases, "7").await,
                Err(EngineError::NoConnection(_))
            ));
            one.mend();
            let gone = one.remove(Table::Leases, "7", second).await;
            assert!(matches!(gone, Ok(Changed::Yes(_))));
            assert_eq!(one.read(Table::Leases, "7").await, Ok(None));
        });
    }

    #[test]
    fn nothing_of_a_forgotten_person_is_kept_and_all_of_the_others_is() {
        in_simulated_time(async {
            let engine = memory().connect();
            let order = order(vec![target("ann@acme.test"), target("bob@acme.test")]);
            engine.publish(HERE, &order).await.unwrap();
            let both = answers(1, &["ann@acme.test", "bob@acme.test"]);
            engine.answer(&both).await.unwrap();
            assert_eq!(engine.forget("ann@acme.test").await, Ok(2));
            let open = engine.open_orders(&order.run).await.unwrap();
            let named: Vec<&str> = open[0]
                .as_ref()
                .unwrap()
                .targets
                .iter()
                .map(|t| t.address.wire())
                .collect();
            assert_eq!(named, ["bob@acme.test"]);
            let kept = engine.answers_of(&order.run, 3).await.unwrap();
            assert_eq!(kept[0].as_ref().unwrap().events.len(), 1);
            assert_eq!(engine.forget("ann@acme.test").await, Ok(0));
        });
    }
}
