//! One list, many machines: the asking handed out over an engine that keeps messages.
//!
//! What a user outgrows is one address, not one processor: hosts limit what an address may ask. So the asking of a run
//! goes out to workers, each on a machine with an address, a name and a PTR of its own:
//!
//! ```text
//! list ─ coordinator ─ Order ─▶ partition ─ lease ─▶ worker ─ probe::run ─▶ hosts
//!             ▲                                        │
//!             └───────────────── Answers ◀─────────────┘
//! ```
//!
//! - An [`Order`] is a domain with its route, some of its addresses and what is known of domain and host. It goes to a
//!   [`Partition`], which one worker at a time holds by a lease: a small host has one partition, so it sees one visitor.
//! - [`Answers`] are what was learned, in the order in which it was learned. An order is taken down after they are
//!   stored, they are taken down after the ledger has them: a process that dies between leaves nothing undone, and what
//!   was stored is not asked again.
//! - Addresses that a host wants us to come back for go back to the engine, not to be handed out before their time: a
//!   greylist's clock outlives the worker, and holds no memory.
//! - The ceilings over all source addresses are divided by slots that fall with the leases ([`share`]); what a host
//!   blocks is told to all ([`blocks`]).
//! - When all orders are done the run is closed: each worker tests what its hosts' answers are worth, as one machine does
//!   in the end, and tells the rest.
//! - What decides is pure, with time as an argument; [`Engine`] is the seam to the server that keeps the messages,
//!   [`memory`] keeps them in simulated time.
//!
//! # Limits
//!
//! - What machines of a small host were tried in vain is told to all, too, so that a host that answers nothing has no new
//!   chance with each visitor ([`tried`]); but for a connection that ends with its worker in the second that it began.
//! - A worker that dies takes with it what it knew of its hosts' truthfulness: its answers stand, and are not tested in
//!   the end. A worker that leaves in good order leaves its hosts untested, too: their new visitor begins anew.
//! - When a worker joins, the partitions that fall to it are given up within seconds, also where a host's greylist knows
//!   the other one: that host meets a second address of ours, and may keep it waiting as long as the first.
//! - A host that blocks one address is asked from another no sooner than an hour later, where addresses may wait for so
//!   long ([`Terms::patience`]): its orders move to a partition of another worker. Else its rows are told blocked, as on
//!   one machine.
//! - What a host has answered and the scheduler holds back until its order is sure is lost with a lease: the worker
//!   that has the partition then asks again.
//! - The second look at a sample of the refused, and control addresses, are not asked for by an engine.
//!
//! # The plan past this
//!
//! By reckoning, not by measurement: an order takes about 600 bytes and some 30 for each address, what is learned of an
//! address about 350. 100 million addresses a night, three to a domain, are 33 million orders, or 23 GB in and 35 GB
//! out, of which only what is open is kept at a time (half a million addresses, a few hundred megabytes). That is 1,200
//! orders and 3,500 addresses a second over eight hours: a single engine's and a single coordinator's work, which ends
//! at one list a coordinator; lists larger than that are to be split by a digest of the domain, so that no domain is
//! known to two of them.
//!
//! No more machines work than there are partitions: [`limits::ENGINE_PARTITIONS`], or as many as the first command says
//! that sets an engine up. A machine is given what has changed in the tables, every [`limits::ENGINE_LOOK`], not all that
//! stands there; but each machine, and each lease, is written every [`limits::ENGINE_LEASE_RENEWAL`]. So what ends first
//! is who looks at whom: by reckoning again, a thousand machines with a partition each are told of 400 changes a second,
//! each of them, or 400,000 messages in all, which is more than one server hands out. A hundred are told of 40, or 4,000.
//!
//! What a turn of a machine takes is to stay below a lease, or nothing that it asks ends well: calls are made many at
//! once, and a machine whose engine is half a second away keeps its leases (simulated, three of them with 64 partitions).
//!
//! [`limits::ENGINE_LOOK`]: crate::model::limits::ENGINE_LOOK
//! [`limits::ENGINE_LEASE_RENEWAL`]: crate::model::limits::ENGINE_LEASE_RENEWAL
//! [`limits::ENGINE_PARTITIONS`]: crate::model::limits::ENGINE_PARTITIONS

pub mod answer;
pub mod blocks;
pub mod coordinator;
pub mod digest;
mod gathered;
pub mod lease;
pub mod memory;
#[cfg(feature = "engine")]
pub mod nats;
pub mod order;
pub mod partition;
pub mod roll;
pub mod run_id;
pub mod share;
pub mod tried;
pub mod wire;
pub mod worker;

use std::time::Duration;

use crate::model::timestamp::Timestamp;
pub use crate::net::Later;
pub use answer::{Answers, Outcome};
pub use coordinator::Crew;
pub use order::{Order, Terms};
pub use partition::{Partition, Partitions};
pub use run_id::RunId;
pub use wire::Unreadable;
pub use worker::{Worker, WorkerObserver};

/// Why the engine did not do as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no connection to it, or it does not answer: it may be there again in a moment.
    #[error(
        "the engine does not answer: {0}; see whether it runs there, and whether this machine may connect to it"
    )]
    NoConnection(String),
    /// It has no room left.
    #[error(
        "the engine has no room left: {0}; give its store more, or wait until workers and lists have caught up"
    )]
    Full(String),
    /// What it kept messages in is not there any more.
    #[error(
        "the engine has lost what it kept messages in: {0}; run the same command again, which sets it up anew"
    )]
    Gone(String),
    /// It does not let us in, or not do this.
    #[error(
        "the engine refuses us: {0}; see which user, token or key it was given, and what that one may do"
    )]
    Refused(String),
    /// It is of a kind that cannot do what is needed.
    #[error("the engine cannot do what is needed: {0}")]
    Incompatible(String),
}

impl EngineError {
    /// Whether the same may succeed when it is tried again a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            EngineError::NoConnection(_) | EngineError::Full(_) => true,
            EngineError::Gone(_) | EngineError::Refused(_) | EngineError::Incompatible(_) => false,
        }
    }
}

/// A message as it was handed out, for those who acknowledge it. What it says is the engine's own matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// An order as a worker is given it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// To acknowledge it by.
    pub receipt: Receipt,
    /// Whose it is: also known where the order itself cannot be read.
    pub run: RunId,
    /// Which of that run's orders it is.
    pub number: u64,
    /// How often it was handed out, this time included: above 1, another worker may have stored answers already.
    pub delivered: u64,
    /// What is to be asked.
    pub order: Result<Order, Unreadable>,
}

/// Answers as a coordinator is given them.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerDelivery {
    /// To acknowledge them by.
    pub receipt: Receipt,
    /// What was learned.
    pub answers: Result<Answers, Unreadable>,
}

/// What workers and coordinators tell each other besides, each under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Who holds a partition: by its number.
    Leases,
    /// Who is there: by the worker's name.
    Workers,
    /// What hosts said of our addresses, and which were tried in vain: by a digest of the host's key.
    Hosts,
    /// Which runs are being asked for: by the run's name.
    Runs,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 4] = [Table::Leases, Table::Workers, Table::Hosts, Table::Runs];
}

/// What stands in a table under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The text.
    pub value: Vec<u8>,
    /// Which of all changes to the table made it so: grows with each, from 1.
    pub revision: u64,
}

/// What became of a change to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was made, with this revision.
    Yes(u64),
    /// Another client made another one before.
    No,
}

/// How an engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Orders that wait or are being worked on.
    pub orders: u64,
    /// Since when the oldest of them has been there; `None` where there are none.
    pub oldest: Option<Timestamp>,
    /// Answers that are kept.
    pub answers: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What is wrong with it, in words; nothing where it is well.
    pub troubles: Vec<String>,
}

/// The seam to the server that keeps orders, answers and tables.
///
/// Each call either did what it says, durably, or failed with an error; one that failed may have been carried out all
/// the same, and is safe to be made again. Keys of tables consist of `a-z`, `0-9` and `-`.
pub trait Engine: Send + Sync {
    /// How many partitions it has: the same for all who are connected to it, for as long as it is there.
    fn partitions(&self) -> Partitions;

    /// Keeps an order until it is acknowledged. One with the same run, number and attempt as an earlier one of the last
    /// two minutes is dropped.
    fn publish<'a>(&'a self, to: Partition, order: &'a Order)
    -> Later<'a, Result<(), EngineError>>;

    /// Hands out at most `most` orders of a partition, without waiting for any to come. What is neither acknowledged
    /// nor called still being at work on within [`limits::ENGINE_ACK_WAIT`](crate::model::limits::ENGINE_ACK_WAIT) is
    /// handed out again.
    fn pull(
        &self,
        partition: Partition,
        most: usize,
    ) -> Later<'_, Result<Vec<Delivery>, EngineError>>;

    /// Takes an order down: it is done.
    fn ack<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>>;

    /// Gives an order back, to be handed out again after `wait`.
    fn delay<'a>(
        &'a self,
        receipt: &'a Receipt,
        wait: Duration,
    ) -> Later<'a, Result<(), EngineError>>;

    /// Says that an order is still being worked on.
    fn still_at_work<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), EngineError>>;

    /// The orders of a run that are not acknowledged, in no particular order.
    fn open_orders<'a>(
        &'a self,
        run: &'a RunId,
    ) -> Later<'a, Result<Vec<Result<Order, Unreadable>>, EngineError>>;

    /// Takes down all orders of a run: nobody is to be asked for it any more. Its answers stay.
    fn withdraw<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>>;

    /// Keeps answers, behind those kept before. Those with the same [`Answers::id`] as earlier ones of the last two
    /// minutes are dropped.
    fn answer<'a>(&'a self, answers: &'a Answers) -> Later<'a, Result<(), EngineError>>;

    /// What was kept of one order, the oldest first, acknowledged or not.
    fn answers_of<'a>(
        &'a self,
        run: &'a RunId,
        number: u64,
    ) -> Later<'a, Result<Vec<Result<Answers, Unreadable>>, EngineError>>;

    /// Hands out at most `most` answers of a run that were not acknowledged, in the order in which they were kept, and
    /// without waiting for any to come. What is not acknowledged within
    /// [`limits::ENGINE_ACK_WAIT`](crate::model::limits::ENGINE_ACK_WAIT) is handed out again.
    fn pull_answers<'a>(
        &'a self,
        run: &'a RunId,
        most: usize,
    ) -> Later<'a, Result<Vec<AnswerDelivery>, EngineError>>;

    /// Notes that answers are in the ledger.
    fn ack_answers<'a>(&'a self, receipts: &'a [Receipt]) -> Later<'a, Result<(), EngineError>>;

    /// What stands in a table under a key.
    fn read<'a>(
        &'a self,
        table: Table,
        key: &'a str,
    ) -> Later<'a, Result<Option<Entry>, EngineError>>;

    /// Writes to a table, if what stands there still has that revision; `None` where nothing may stand there.
    fn write<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        value: &'a [u8],
        revision: Option<u64>,
    ) -> Later<'a, Result<Changed, EngineError>>;

    /// Removes what stands in a table under a key, if it still has that revision.
    fn remove<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        revision: u64,
    ) -> Later<'a, Result<Changed, EngineError>>;

    /// All that stands in a table, by key.
    fn entries(&self, table: Table) -> Later<'_, Result<Vec<(String, Entry)>, EngineError>>;

    /// Forgets a run: its orders, its answers, its entry among the runs.
    fn purge<'a>(&'a self, run: &'a RunId) -> Later<'a, Result<(), EngineError>>;

    /// Forgets a person, by the [`key`](crate::input::address::Address::key) of an address, or every address of a
    /// domain, by `@` with its name: removes every message that names them, and keeps what else such a message says
    /// under a new one. Returns how many were removed.
    fn forget<'a>(&'a self, key: &'a str) -> Later<'a, Result<u64, EngineError>>;

    /// How the engine is.
    fn health(&self) -> Later<'_, Result<Health, EngineError>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let texts = error_texts!(EngineError {
            NoConnection("nats://10.0.0.1:4222: connection refused".to_owned()),
            Full("presend-orders: insufficient storage resources available".to_owned()),
            Gone("presend-orders: stream not found".to_owned()),
            Refused("nats://10.0.0.1:4222: authorization violation".to_owned()),
            Incompatible("nats-server 2.8.4 is too old; 2.9 is the oldest that will do".to_owned()),
        });
        insta::assert_snapshot!(texts, @r"
        the engine does not answer: nats://10.0.0.1:4222: connection refused; see whether it runs there, and whether this machine may connect to it
        the engine has no room left: presend-orders: insufficient storage resources available; give its store more, or wait until workers and lists have caught up
        the engine has lost what it kept messages in: presend-orders: stream not found; run the same command again, which sets it up anew
        the engine refuses us: nats://10.0.0.1:4222: authorization violation; see which user, token or key it was given, and what that one may do
        the engine cannot do what is needed: nats-server 2.8.4 is too old; 2.9 is the oldest that will do
        ");
    }
}
