//! A described internet behind the seams of [`World`]: zones, mail hosts with habits, mailboxes.
//!
//! Everything runs over in-memory pipes on tokio's paused clock, so a run with greylisting ends in a moment, the same
//! for the same seed. The hosts have a command parser of their own, and a [`Witness`] counts what they saw.

mod chance;
mod command;
mod dialect;
mod duration;
mod file;
mod habits;
mod host;
mod mailbox;
mod server;
mod session;
mod tls;
mod witness;
mod zone;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::duplex;
use tokio::time::sleep;

use super::{Clock, Dial, Later, Wire, World};
use crate::moment::Moment;
use chance::Chance;
use habits::Door;
use host::{Host, Memory};
use server::Visit;
use zone::{Resolver, Zones};

pub use file::WorldError;
pub use mailbox::Truth;
pub use witness::{Breach, Outcome, Question, Sightings, Totals, Witness};

/// Bytes that fit into a simulated connection each way before a writer must wait.
const PIPE: usize = 64 << 10;

/// How long a system tries to reach an address where nobody is (Linux gives up after about two minutes).
const NOBODY_THERE: Duration = Duration::from_secs(127);

/// Where visitors of a simulated internet come from when they do not say.
const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A whole described internet.
#[derive(Debug)]
pub struct Internet {
    start: Moment,
    latency: Duration,
    jitter: f64,
    zones: Arc<Zones>,
    hosts: Arc<Vec<Arc<Host>>>,
    witness: Arc<Witness>,
}

impl Internet {
    /// Reads a description; `file` is its name for errors.
    ///
    /// # Errors
    ///
    /// [`WorldError`] with the line and what was expected there.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, WorldError> {
        file::read(text, file)
    }

    /// What its servers saw so far.
    #[must_use]
    pub fn witness(&self) -> Arc<Witness> {
        Arc::clone(&self.witness)
    }

    /// What is true of an address.
    #[must_use]
    pub fn truth(&self, local: &str, domain: &str) -> Truth {
        if self.zones.get(domain).is_none() {
            return Truth::NoSuchDomain;
        }
        let serving = self.hosts.iter().find_map(|host| host.domains.get(domain));
        serving.map_or(Truth::NoMailHost, |mailboxes| mailboxes.truth(local))
    }

    /// This internet behind the seams. Must be called inside the runtime that will carry it, whose clock is paused.
    #[must_use]
    pub fn world(&self, seed: u64) -> World {
        let clock = Clock::starting_at(self.start);
        let by_address = self
            .hosts
            .iter()
            .enumerate()
            .flat_map(|(number, host)| host.addresses.iter().map(move |address| (*address, number)))
            .collect();
        World {
            names: Arc::new(Resolver {
                zones: Arc::clone(&self.zones),
                witness: Arc::clone(&self.witness),
                seed,
                latency: self.latency,
                jitter: self.jitter,
            }),
            dial: Arc::new(Network {
                hosts: Arc::clone(&self.hosts),
                memories: self.hosts.iter().map(|_| Arc::default()).collect(),
                visits: self.hosts.iter().map(|_| AtomicU32::new(0)).collect(),
                by_address,
                witness: Arc::clone(&self.witness),
                clock,
                seed,
            }),
            clock,
            seed,
        }
    }
}

/// The ways to all hosts.
struct Network {
    hosts: Arc<Vec<Arc<Host>>>,
    memories: Vec<Arc<Mutex<Memory>>>,
    visits: Vec<AtomicU32>,
    by_address: HashMap<IpAddr, usize>,
    witness: Arc<Witness>,
    clock: Clock,
    seed: u64,
}

impl Dial for Network {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            let Some(&number) = self.by_address.get(&to.ip()) else {
                self.witness.stray(to.ip());
                sleep(NOBODY_THERE).await;
                return Err(io::ErrorKind::TimedOut.into());
            };
            let host = &self.hosts[number];
            self.witness.at(number).attempts += 1;
            match host.habits.door {
                Door::Open => sleep(host.line.round_trip).await,
                Door::Closed => {
                    sleep(host.line.round_trip).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Door::Silent => {
                    sleep(NOBODY_THERE).await;
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            let connection = self.visits[number].fetch_add(1, Ordering::Relaxed) + 1;
            let open = {
                let mut seen = self.witness.at(number);
                seen.connections += 1;
                seen.open += 1;
                seen.open_at_most = seen.open_at_most.max(seen.open);
                seen.sources.insert(from.unwrap_or(VISITOR));
                seen.open
            };
            let (theirs, ours) = duplex(PIPE);
            let visit = Visit {
                host: Arc::clone(host),
                number,
                memory: Arc::clone(&self.memories[number]),
                witness: Arc::clone(&self.witness),
                clock: self.clock,
                chance: Chance::of(self.seed, (host.name.as_str(), connection)),
                client: from.unwrap_or(VISITOR),
                connection,
                open,
            };
            // A host goes on whatever becomes of its visitor; it leaves by itself when the pipe closes.
            tokio::spawn(visit.serve(Box::new(theirs)));
            Ok(Box::new(ours) as Box<dyn Wire>)
        })
    }
}

#[cfg(test)]
mod tests;
