//! The four seams to the world outside: time, names, connections, randomness.
//!
//! Everything else in the program is told; only a [`World`] asks. `live` is the internet, `sim` a described one.

pub mod origin;
pub mod route;

pub mod live;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::route::{DnsAnswer, RecordKind};

pub use crate::smtp::Stream;

/// A future behind a trait object.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The seam to DNS.
pub trait Resolver: Send + Sync {
    /// Asks for the records of one kind at `name` (lower-case A-labels, no trailing dot).
    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer>;

    /// How many questions may be open at a time; further ones wait.
    fn places(&self) -> usize {
        limits::DNS_QUESTIONS
    }
}

/// The seam to connections.
pub trait Connector: Send + Sync {
    /// Connects to a mail host, from the source address `from` where one is given. No time limit of its own.
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Stream>>>;

    /// Whether mail hosts with IPv6 addresses can be connected to from the source address `from`, as far as can be told
    /// without sending anything.
    fn reaches_ipv6(&self, from: Option<IpAddr>) -> bool {
        let _ = from;
        true
    }
}

/// Our own side failed, the proxy or this machine: a connection's error that comes from no mail host, so it says
/// nothing of any address.
///
/// It travels inside an [`io::Error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OwnTrouble(pub String);

impl OwnTrouble {
    /// The trouble that an error carries, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&OwnTrouble> {
        error.get_ref()?.downcast_ref()
    }
}

/// The seam to time: tokio's clock, which a simulation pauses, anchored to a calendar.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `anchor` now. Must be made inside the runtime whose time it tells.
    #[must_use]
    pub fn starting_at(anchor: Timestamp) -> Self {
        Clock {
            anchor,
            started: Instant::now(),
        }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.anchor + self.started.elapsed()
    }

    /// The tokio instant of a moment, for sleeping until then.
    #[must_use]
    pub fn instant(&self, moment: Timestamp) -> Instant {
        self.started + moment.since(self.anchor)
    }
}

/// Everything outside the program.
#[derive(Clone)]
pub struct World {
    /// Answers DNS questions.
    pub names: Arc<dyn Resolver>,
    /// Opens connections to mail hosts.
    pub dial: Arc<dyn Connector>,
    /// Tells the time.
    pub clock: Clock,
    /// Randomness: everything random in a run is derived from this number.
    pub seed: u64,
}
