//! Orders, answers and tables kept by NATS JetStream.
//!
//! | what | where |
//! |---|---|
//! | orders | stream `PREFIX-orders`, a work queue; subjects `PREFIX.order.PARTITION.RUN.NUMBER` |
//! | answers | stream `PREFIX-answers`, kept for `--engine-keep`; subjects `PREFIX.answer.RUN.NUMBER` |
//! | tables | key-value buckets `PREFIX-leases`, `PREFIX-workers`, `PREFIX-hosts`, `PREFIX-runs` |
//!
//! Neither subjects nor keys nor message ids name a person, a domain or a host.
//!
//! # What the server does with it
//!
//! Tried with nats-server 2.9.10, alone and three of them:
//!
//! - A message that a work queue's reader acknowledges leaves its bytes in the store's file until the server rewrites
//!   that file; so does a purge by subject. An order that is done is therefore *erased*, which overwrites it, and only
//!   then acknowledged. Copies that are sent between servers of a cluster stay in their log until the server trims it,
//!   which it does by itself.
//! - While a cluster chooses a leader, requests find nobody who answers, which looks like a stream that is not there.
//!   So before a stream is called gone, its servers are asked for it, and must say so.
//! - A reader with three copies takes half a second to come up, 64 of them one after the other half a minute. So a
//!   partition's reader is set up when the partition is read first.
//! - An acknowledgement for a reader that is gone is answered by nobody. There is nothing left to be acknowledged then, so
//!   it counts as heard: what that reader had handed out is handed out by the next one.
//! - Of a batch that was cut off the rest counts as handed out. So its reader is set up anew, behind the last answer that
//!   was acknowledged: what was lost on the way comes at once, and before what was kept after it.
//! - In permissions `*` stands for a whole word of a subject, never for a part of one.
//! - What the client wrote while it was cut off is sent once it is connected again. So an error says nothing of whether
//!   something was carried out, ids make it harmless for orders and answers, revisions for tables.

pub mod access;
mod code;

mod fault;
mod forget;
mod jetstream;
mod places;
mod watched;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::{
    AnswerDelivery, Answers, Changed, Delivery, Engine, EngineError, Entry, Health, Later, Order,
    Partition, Partitions, Receipt, RunId, Table, Unreadable,
};
use crate::model::limits;
use crate::model::text::counted;

use access::{Access, Refusals};
use fault::Fault;
use jetstream::{From, Handed, JetStream, Message, Pulled, Reader, Said, Stored};
use places::Places;
use watched::Watch;

pub use places::Prefix;

/// How what is kept is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// What everything of ours is called by.
    pub prefix: Prefix,
    /// How many servers of a cluster keep a copy; `None` for three where there are three.
    pub copies: Option<usize>,
    /// How long answers are kept; `None` leaves it at what it is, or at first a week.
    pub answers_for: Option<Duration>,
    /// How many partitions there are; `None` leaves it at what it is, or at first
    /// [`limits::ENGINE_PARTITIONS`]. What is there is never divided otherwise.
    pub partitions: Option<Partitions>,
}

/// What is said of a server that has no JetStream.
const NO_JETSTREAM: &str = "JetStream is not switched on; `nats-server -js` does that";

/// An engine on NATS JetStream.
pub struct Nats {
    jetstream: JetStream,
    places: Places,
    refusals: Arc<Refusals>,
    partitions: Partitions,
    /// When the stream of orders was set up that we know.
    orders_since: String,
    /// When it was last looked whether it is still that one.
    orders_seen: Mutex<Option<Instant>>,
    /// With which message readers begin that were removed, to be set up anew.
    begins: Mutex<HashMap<String, u64>>,
    /// Readers that are known to be there.
    readers: Mutex<HashSet<String>>,
    /// The tables as they were last seen.
    watched: Watch,
}

impl Nats {
    /// Connects to look at what is there, and sets nothing up.
    ///
    /// # Errors
    ///
    /// [`EngineError`], also where the server is too old.
    pub async fn visit(access: &Access, prefix: &Prefix) -> Result<Self, EngineError> {
        let mut nats = Nats::reach(access, prefix).await?;
        nats.partitions = match nats.divided(None).await {
            Ok(partitions) => partitions,
            // What is not there is told by how the engine is.
            Err(EngineError::Gone(_)) => Partitions::default(),
            Err(error) => return Err(error),
        };
        Ok(nats)
    }

    /// Connects, and sets up what is not there yet.
    ///
    /// # Errors
    ///
    /// [`EngineError`], also where the server is too old or has no JetStream.
    pub async fn connect(access: &Access, keeping: &Keeping) -> Result<Self, EngineError> {
        let mut nats = Nats::reach(access, &keeping.prefix).await?;
        nats.set_up(keeping).await?;
        nats.partitions = nats.divided(keeping.partitions).await?;
        nats.orders_since = nats.orders_created().await?;
        Ok(nats)
    }

    async fn reach(access: &Access, prefix: &Prefix) -> Result<Self, EngineError> {
        let refusals = Arc::<Refusals>::default();
        let client = access.connect(&refusals).await?;
        let nats = Nats {
            jetstream: JetStream { client },
            places: Places::called(prefix),
            refusals,
            partitions: Partitions::default(),
            orders_since: String::new(),
            orders_seen: Mutex::default(),
            begins: Mutex::default(),
            readers: Mutex::default(),
            watched: Watch::default(),
        };
        nats.is_new_enough()?;
        Ok(nats)
    }

    fn is_new_enough(&self) -> Result<(), EngineError> {
        let version = self.jetstream.client.server_info().version;
        let mut numbers = version
            .split('.')
            .map_while(|part| part.parse::<u32>().ok());
        let is_old = match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) => (major, minor) < (2, 9),
            // A version of nobody's making: whether it can do it is seen.
            (_, _) => false,
        };
        if is_old {
            Err(EngineError::Incompatible(format!(
                "nats-server {version} is too old; 2.9 is the oldest that will do"
            )))
        } else {
            Ok(())
        }
    }

    /// Sets up what is not there yet; of what is there, only how long answers are kept is changed.
    async fn set_up(&self, keeping: &Keeping) -> Result<(), EngineError> {
        let in_a_cluster = self.jetstream.client.server_info().cluster.is_some();
        let copies = keeping.copies.unwrap_or(if in_a_cluster { 3 } else { 1 });
        let answers_for = keeping.answers_for.unwrap_or(limits::ENGINE_KEEP);
        let partitions = keeping.partitions.unwrap_or_default();
        for mut stream in self.places.streams(copies, answers_for, partitions) {
            let there = self.jetstream.stream(&stream.name).await;
            match there {
                Ok(_) => {
                    if stream.name == self.places.answers
                        && let Some(time) = keeping.answers_for
                    {
                        let changed = self.jetstream.keep_for(&stream.name, time).await;
                        changed.map_err(|fault| self.told(fault, &stream.name))?;
                    }
                    continue;
                }
                Err(fault) if fault.has(code::NO_SUCH_STREAM) => {}
                Err(Fault::Nobody) if !self.jetstream.client.server_info().jetstream => {
                    return Err(EngineError::Incompatible(NO_JETSTREAM.to_owned()));
                }
                Err(fault) => return Err(self.told(fault, &stream.name)),
            }
            let mut made = self.jetstream.create_stream(&stream).await;
            let too_few = made
                .as_ref()
                .is_err_and(|fault| fault.has(code::TOO_FEW_SERVERS));
            if keeping.copies.is_none() && copies > 1 && too_few {
                // A cluster of two, or one that counts on others elsewhere. `engine status` says so, too.
                tracing::warn!(
                    stream = stream.name,
                    "there are not three servers for copies: one keeps it alone"
                );
                stream.num_replicas = 1;
                made = self.jetstream.create_stream(&stream).await;
            }
            match made {
                Ok(()) => {}
                // Another client has set it up meanwhile, and perhaps otherwise.
                Err(fault) if fault.has(code::OTHER_CONFIGURATION) => {}
                Err(fault) => return Err(self.told(fault, &stream.name)),
            }
        }
        Ok(())
    }

    /// How many partitions there are, by what the stream of orders says of itself.
    async fn divided(&self, wanted: Option<Partitions>) -> Result<Partitions, EngineError> {
        let stream = &self.places.orders;
        let there = self.jetstream.stream(stream).await;
        let there = there.map_err(|fault| self.told(fault, stream))?;
        let there = places::partitions_in(&there.config.description).unwrap_or_default();
        match wanted {
            Some(wanted) if wanted != there => Err(EngineError::Incompatible(format!(
                "it has {} partitions, not {}, and keeps them for as long as it is there; take another \
                 --engine-prefix for more",
                there.count(),
                wanted.count()
            ))),
            Some(_) | None => Ok(there),
        }
    }

    /// A fault in the engine's words. Of one that may come of what we may not do, the server says so elsewhere.
    fn told(&self, fault: Fault, about: &str) -> EngineError {
        if let Fault::Silent(_) = fault
            && let Some(words) = self.refusals.latest()
        {
            return EngineError::Refused(words);
        }
        fault.told(about)
    }

    /// The same where nothing may come because the stream was deleted: to some requests nobody answers then, to others
    /// nothing is said at all.
    async fn told_of(&self, fault: Fault, stream: &str) -> EngineError {
        let may_be_gone = match fault {
            Fault::Nobody | Fault::Silent(_) => {
                self.jetstream.client.connection_state() == State::Connected
            }
            Fault::Said { .. } | Fault::TooLarge(_) | Fault::Garbled(_) => false,
        };
        if may_be_gone
            && let Err(there) = self.jetstream.stream(stream).await
            && there.has(code::NO_SUCH_STREAM)
        {
            return self.told(there, stream);
        }
        self.told(fault, stream)
    }

    fn knows_reader(&self, name: &str) -> bool {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.contains(name)
    }

    fn know_reader(&self, name: String) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.insert(name);
    }

    fn unknow_reader(&self, name: &str) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.remove(name);
    }

    /// Hands out messages to a reader that is set up where it is not there.
    async fn read(
        &self,
        stream: &str,
        reader: &Reader<'_>,
        most: usize,
    ) -> Result<Vec<Pulled>, EngineError> {
        let name = reader.name;
        if !self.knows_reader(name) {
            let made = self.jetstream.create_reader(stream, reader).await;
            if let Err(fault) = made {
                return Err(self.told_of(fault, stream).await);
            }
            self.know_reader(name.to_owned());
        }
        match self.jetstream.pull(stream, name, most).await {
            Ok(batch) => {
                if !batch.is_whole {
                    // The next reading begins with what is not acknowledged: what was lost on the way comes again at
                    // once, and before what was kept after it.
                    self.unknow_reader(name);
                }
                Ok(batch.messages)
            }
            Err(fault) => {
                // It may be gone with the stream, or deleted by itself: the next reading sets it up.
                self.unknow_reader(name);
                Err(self.told_of(fault, stream).await)
            }
        }
    }

    /// All messages of a stream whose subject fits `filter`, the oldest first, as the stream's leader has them. They are
    /// asked for one by one: a reader for the moment may be put on a server of the cluster that is down.
    async fn all(&self, stream: &str, filter: &str) -> Result<Vec<Stored>, EngineError> {
        let mut all = Vec::new();
        let mut from = 1;
        loop {
            let next = self.jetstream.next(stream, filter, from).await;
            match next {
                Ok(Some(stored)) => {
                    from = stored.sequence + 1;
                    all.push(stored);
                }
                Ok(None) => return Ok(all),
                Err(fault) => return Err(self.told_of(fault, stream).await),
            }
        }
    }

    fn order_of(&self, pulled: &Pulled) -> Option<Delivery> {
        let (run, number) = self.places.order_in(&pulled.subject)?;
        Some(Delivery {
            receipt: receipt(pulled),
            run,
            number,
            delivered: pulled.handed.delivered,
            order: Order::decode(&pulled.payload),
        })
    }

    /// Says what became of an order.
    async fn say(&self, receipt: &Receipt, said: Said) -> Result<(), EngineError> {
        let Handout { reply, .. } = of_receipt(receipt)?;
        let heard = self.jetstream.say(reply, said).await;
        match heard {
            Ok(()) => Ok(()),
            Err(Fault::Nobody) => self.nobody_heard(&self.places.orders, reply).await,
            Err(fault) => Err(self.told_of(fault, &self.places.orders).await),
        }
    }

    /// What an acknowledgement comes to that nobody has heard: where its reader is gone there is nothing left to be
    /// acknowledged, and what it had in hand is handed out by the next one.
    async fn nobody_heard(&self, stream: &str, reply: &str) -> Result<(), EngineError> {
        let reader = Handed::reader_in(reply);
        if let Some(reader) = reader
            && let Ok(None) = self.jetstream.reader(stream, reader).await
        {
            self.unknow_reader(reader);
            return Ok(());
        }
        Err(self.told_of(Fault::Nobody, stream).await)
    }

    /// The stream of a table, and the subject of one of its keys.
    fn entry(&self, table: Table, key: &str) -> (&str, String) {
        (
            self.places.bucket_stream(table),
            self.places.entry(table, key),
        )
    }

    /// Erases all orders of a run, those of many partitions at once, each as it is found.
    async fn erase_orders(&self, run: &RunId) -> Result<(), EngineError> {
        let stream = &self.places.orders;
        let erase = async |partition: Partition| {
            let filter = self.places.orders_of_in(run, partition);
            let mut from = 1;
            while let Some(order) = self.jetstream.next(stream, &filter, from).await? {
                from = order.sequence + 1;
                self.jetstream.erase(stream, order.sequence).await?;
            }
            Ok::<(), Fault>(())
        };
        let erased = futures_util::stream::iter(self.partitions.all())
            .map(erase)
            .buffer_unordered(limits::ENGINE_REQUESTS)
            .try_for_each(async |()| Ok(()))
            .await;
        match erased {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.told_of(fault, stream).await),
        }
    }
}

/// By what a message is acknowledged.
struct Handout<'r> {
    /// Its number in the stream.
    sequence: u64,
    subject: &'r str,
    /// Where its reader hears of it.
    reply: &'r str,
}

fn receipt(pulled: &Pulled) -> Receipt {
    let Pulled {
        subject,
        reply,
        handed,
        ..
    } = pulled;
    Receipt(format!("{} {subject} {reply}", handed.sequence))
}

fn of_receipt(receipt: &Receipt) -> Result<Handout<'_>, EngineError> {
    let read = || {
        let mut words = receipt.0.splitn(3, ' ');
        Some(Handout {
            sequence: words.next()?.parse().ok()?,
            subject: words.next()?,
            reply: words.next()?,
        })
    };
    read().ok_or_else(|| EngineError::Incompatible("a receipt of another engine".to_owned()))
}

impl Engine for Nats {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    fn publish<'a>(
        &'a self,
        to: Partition,
        order: &'a Order,
    ) -> Later<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let message = Message {
                subject: &self.places.order(to, &order.run, order.number),
                payload: order.encode(),
                id: Some(format!("{}.{}.{}", order.run, order.number, order.attempt)),
                follows: None,
            };
            match self.jetstream.publish(message).await {
                Ok(_) => Ok(()),
                Err(fault) => Err(self.told_of(fault, &self.places.orders).await),
            }
        })
    }

    fn pull(
        &self,
        partition: Partition,
        most: usize,
    ) -> Later<'_, Result<Vec<Delivery>, EngineError>> {
        Box::pin(async move {
            let name = format!("partition-{}", partition.number());
            let filter = self.places.orders_in(partition);
            let reader = Reader {
                name: &name,
                filter: &filter,
                from: From::Beginning,
                ack_wait: limits::ENGINE_ACK_WAIT,
                forgotten_after: None,
            };
            let pulled = self.read(&self.places.orders, &reader, most).await?;
            let mut deliveries = Vec::new();
            for pulled in pulled {
                match self.order_of(&pulled) {
                    Some(delivery) => deliveries.push(delivery),
                    // Under a subject of nobody's: no run waits for it.
                    None => self.ack(&receipt(&pulled)).await?,
                }
            }
            Ok(deliveries)
        })
    }

    fn ack<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let Handout {
                sequence, subject, ..
            } = of_receipt(receipt)?;
            // Acknowledged alone, its bytes would stay in the store's file. A stream that was set up anew numbers from
            // its beginning: there, what has this number now may be another order.
            let stream = &self.places.orders;
            let erase = async {
                let there = self.jetstream.next(stream, subject, sequence).await?;
                if there.is_some_and(|stored| stored.sequence == sequence) {
                    self.jetstream.erase(stream, sequence).await?;
                }
                Ok::<(), Fault>(())
            };
            if let Err(fault) = erase.await {
                return Err(self.told_of(fault, stream).await);
            }
            self.say(receipt, Said::Done).await
        })
    }

    fn delay<'a>(
        &'a self,
        receipt: &'a Receipt,
        wait: Duration,
    ) -> Later<'a, Result<(), EngineError>> {
        Box::pin(self.say(receipt, Said::Later(wait)))
    }

    fn still_at_work<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>> {
        Box::pin(self.say(receipt, Said::StillAtWork))
    }

    fn open_orders<'a>(
        &'a self,
        run: &'a RunId,
    ) -> Later<'a, Result<Vec<Result<Order, Unreadable>>, EngineError>> {
        Box::pin(async move {
            let orders = self
                .all(&self.places.orders, &self.places.orders_of(run))
                .await?;
            Ok(orders
                .iter()
                .map(|stored| Order::decode(&stored.payload))
                .collect())
        })
    }

    fn withdraw<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>> {
        Box::pin(self.erase_orders(run))
    }

    fn answer<'a>(&'a self, answers: &'a Answers) -> Later<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let message = Message {
                subject: &self.places.answer(&answers.run, answers.number),
                payload: answers.encode(),
                id: Some(answers.id()),
                follows: None,
            };
            match self.jetstream.publish(message).await {
                Ok(_) => Ok(()),
                Err(fault) => Err(self.told_of(fault, &self.places.answers).await),
            }
        })
    }

    fn answers_of<'a>(
        &'a self,
        run: &'a RunId,
        number: u64,
    ) -> Later<'a, Result<Vec<Result<Answers, Unreadable>>, EngineError>> {
        Box::pin(async move {
            let subject = self.places.answer(run, number);
            let stored = self.all(&self.places.answers, &subject).await?;
            Ok(stored
                .iter()
                .map(|stored| Answers::decode(&stored.payload))
                .collect())
        })
    }

    fn pull_answers<'a>(
        &'a self,
        run: &'a RunId,
        most: usize,
    ) -> Later<'a, Result<Vec<AnswerDelivery>, EngineError>> {
        Box::pin(async move {
            let stream = &self.places.answers;
            let name = format!("run-{run}");
            let from = if self.knows_reader(&name) {
                From::Beginning
            } else {
                self.begin_again(&name).await?
            };
            let filter = self.places.answers_of(run);
            let reader = Reader {
                name: &name,
                filter: &filter,
                from,
                ack_wait: limits::ENGINE_ACK_WAIT,
                forgotten_after: Some(limits::ENGINE_FORGETS_RUN),
            };
            let pulled = self.read(stream, &reader, most).await?;
            if pulled.is_empty() {
                self.make_sure_of_orders().await?;
            }
            Ok(pulled
                .iter()
                .map(|pulled| AnswerDelivery {
                    receipt: receipt(pulled),
                    answers: Answers::decode(&pulled.payload),
                })
                .collect())
        })
    }

    fn ack_answers<'a>(&'a self, receipts: &'a [Receipt]) -> Later<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let replies: Vec<&str> = receipts
                .iter()
                .map(|receipt| of_receipt(receipt).map(|handout| handout.reply))
                .collect::<Result<_, _>>()?;
            match self.jetstream.say_done(&replies).await {
                Ok(()) => Ok(()),
                Err(Fault::Nobody) => {
                    let last = replies.last().copied().unwrap_or_default();
                    self.nobody_heard(&self.places.answers, last).await
                }
                Err(fault) => Err(self.told_of(fault, &self.places.answers).await),
            }
        })
    }

    fn read<'a>(
        &'a self,
        table: Table,
        key: &'a str,
    ) -> Later<'a, Result<Option<Entry>, EngineError>> {
        Box::pin(async move {
            let (stream, subject) = self.entry(table, key);
            match self.jetstream.latest(stream, &subject).await {
                Ok(stored) => Ok(stored.map(|stored| Entry {
                    value: stored.payload,
                    revision: stored.sequence,
                })),
                Err(fault) => Err(self.told_of(fault, stream).await),
            }
        })
    }

    fn write<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        value: &'a [u8],
        revision: Option<u64>,
    ) -> Later<'a, Result<Changed, EngineError>> {
        Box::pin(async move {
            let (stream, subject) = self.entry(table, key);
            let message = Message {
                subject: &subject,
                payload: value.to_vec(),
                id: None,
                follows: Some(revision.unwrap_or(0)),
            };
            match self.jetstream.publish(message).await {
                Ok(revision) => Ok(Changed::Yes(revision)),
                Err(fault) if fault.has(code::OTHER_REVISION) => Ok(Changed::No),
                Err(fault) => Err(self.told_of(fault, stream).await),
            }
        })
    }

    fn remove<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        revision: u64,
    ) -> Later<'a, Result<Changed, EngineError>> {
        Box::pin(async move {
            let (stream, subject) = self.entry(table, key);
            // One message a key is kept, so this one is there only as long as nobody changed it; and its number is its
            // alone, so that it may be that of another key's only where the caller mixed them up.
            let stands = self.jetstream.latest(stream, &subject).await;
            let stands = match stands {
                Ok(stored) => stored.is_some_and(|stored| stored.sequence == revision),
                Err(fault) => return Err(self.told_of(fault, stream).await),
            };
            if !stands {
                return Ok(Changed::No);
            }
            match self.jetstream.erase(stream, revision).await {
                Ok(true) => Ok(Changed::Yes(revision)),
                Ok(false) => Ok(Changed::No),
                Err(fault) => Err(self.told_of(fault, stream).await),
            }
        })
    }

    fn entries(&self, table: Table) -> Later<'_, Result<Vec<(String, Entry)>, EngineError>> {
        Box::pin(async move {
            match self.catch_up(table).await {
                Some(entries) => Ok(entries),
                None => self.whole(table).await,
            }
        })
    }

    fn purge<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>> {
        Box::pin(async move {
            self.erase_orders(run).await?;
            let answers = &self.places.answers;
            let purged = self
                .jetstream
                .purge(answers, &self.places.answers_of(run))
                .await;
            if let Err(fault) = purged {
                return Err(self.told_of(fault, answers).await);
            }
            let name = format!("run-{run}");
            self.unknow_reader(&name);
            {
                let mut begins = self.begins.lock().unwrap_or_else(PoisonError::into_inner);
                begins.remove(&name);
            }
            let removed = self.jetstream.remove_reader(answers, &name).await;
            removed.map_err(|fault| self.told(fault, answers))?;
            if let Some(entry) = Engine::read(self, Table::Runs, run.as_str()).await? {
                self.remove(Table::Runs, run.as_str(), entry.revision)
                    .await?;
            }
            // With the last messages go the files.
            self.sweep(answers).await
        })
    }

    fn forget<'a>(&'a self, key: &'a str) -> Later<'a, Result<u64, EngineError>> {
        Box::pin(self.forget_person(key))
    }

    fn health(&self) -> Later<'_, Result<Health, EngineError>> {
        Box::pin(self.look())
    }
}

impl Nats {
    /// When the stream of orders was set up.
    async fn orders_created(&self) -> Result<String, EngineError> {
        let stream = &self.places.orders;
        let there = self.jetstream.stream(stream).await;
        there
            .map(|there| there.created)
            .map_err(|fault| self.told(fault, stream))
    }

    /// Makes sure that orders are kept where they were published: a coordinator that waits for answers to them would
    /// wait for ever if they had been deleted, even where a worker has set that stream up anew meanwhile.
    async fn make_sure_of_orders(&self) -> Result<(), EngineError> {
        {
            let mut seen = self
                .orders_seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if seen.is_some_and(|at| at.elapsed() < limits::ENGINE_REPLY) {
                return Ok(());
            }
            *seen = Some(Instant::now());
        }
        if self.orders_created().await? == self.orders_since {
            Ok(())
        } else {
            Err(EngineError::Gone(format!(
                "{} was deleted, and set up anew without what it kept",
                self.places.orders
            )))
        }
    }

    /// All that stands in a table, read message by message from the stream's leader.
    async fn whole(&self, table: Table) -> Result<Vec<(String, Entry)>, EngineError> {
        let stream = self.places.bucket_stream(table);
        let all = self.places.entry(table, ">");
        // One message a key is kept; one that was changed meanwhile comes again, as it is now.
        let mut entries = BTreeMap::new();
        for stored in self.all(stream, &all).await? {
            let Some(key) = self.places.key_in(table, &stored.subject) else {
                continue;
            };
            let entry = Entry {
                value: stored.payload,
                revision: stored.sequence,
            };
            entries.insert(key, entry);
        }
        Ok(entries.into_iter().collect())
    }

    /// Where a run's answers are to be read from, where another coordinator may have read them before: with the first
    /// that was not acknowledged. What was in that one's hands comes at once, and before what was kept after it.
    async fn begin_again(&self, reader: &str) -> Result<From, EngineError> {
        let stream = &self.places.answers;
        let there = self.jetstream.reader(stream, reader).await;
        let there = match there {
            Ok(there) => there,
            Err(fault) => return Err(self.told_of(fault, stream).await),
        };
        let Some(info) = there else {
            // One that was removed here, and not set up again yet, is to begin where it was.
            let begins = self.begins.lock().unwrap_or_else(PoisonError::into_inner);
            let begins = begins.get(reader).copied();
            return Ok(begins.map_or(From::Beginning, From::Sequence));
        };
        let next = info.ack_floor.stream_seq + 1;
        {
            let mut begins = self.begins.lock().unwrap_or_else(PoisonError::into_inner);
            begins.insert(reader.to_owned(), next);
        }
        let removed = self.jetstream.remove_reader(stream, reader).await;
        removed.map_err(|fault| self.told(fault, stream))?;
        Ok(From::Sequence(next))
    }

    /// Removes the files of a stream that is empty.
    async fn sweep(&self, stream: &str) -> Result<(), EngineError> {
        let swept = async {
            let state = self.jetstream.stream(stream).await?.state;
            if state.messages == 0 {
                // Up to here: what comes meanwhile is not ours to take.
                let next = state.last_seq + 1;
                self.jetstream.purge_before(stream, next).await?;
            }
            Ok(())
        };
        match swept.await {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.told_of(fault, stream).await),
        }
    }

    async fn look(&self) -> Result<Health, EngineError> {
        let mut health = Health::default();
        for name in self.places.names() {
            let info = match self.jetstream.stream(&name).await {
                Ok(info) => info,
                Err(fault) if fault.has(code::NO_SUCH_STREAM) => {
                    health.troubles.push(format!(
                        "the stream {name} is not there: it was deleted, or no worker and no list has been here yet"
                    ));
                    continue;
                }
                Err(fault) => return Err(self.told(fault, &name)),
            };
            health.bytes += info.state.bytes;
            if name == self.places.orders {
                health.orders = info.state.messages;
                health.oldest = info.state.oldest();
            }
            if name == self.places.answers {
                health.answers = info.state.messages;
            }
            let Some(cluster) = info.cluster else {
                continue;
            };
            if info.config.num_replicas < 3 && self.jetstream.client.server_info().cluster.is_some()
            {
                health.troubles.push(format!(
                    "the stream {name} is kept {} in a cluster: whoever keeps it must not be lost",
                    counted(info.config.num_replicas as u64, "time", "times")
                ));
            }
            if cluster.leader.is_none() {
                health
                    .troubles
                    .push(format!("the stream {name} has no leader"));
            }
            for replica in cluster.replicas {
                if replica.offline {
                    let server = &replica.name;
                    health
                        .troubles
                        .push(format!("{server} is down, which keeps a copy of {name}"));
                } else if !replica.current {
                    let server = &replica.name;
                    health
                        .troubles
                        .push(format!("{server} is behind with its copy of {name}"));
                }
            }
        }
        Ok(health)
    }
}
