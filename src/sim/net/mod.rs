//! A described internet behind the same seams as the real one.
//!
//! An [`Internet`] is a description: zones, hosts, mailboxes. [`Internet::start`] brings it to life on tokio's paused
//! clock, over pipes in memory, so that hours of waiting pass at once; what the servers saw of their clients is with
//! the [`ServerLog`]. One description with one seed behaves in one way. World files are described in
//! `sample_lists/world.toml`, their keys in [`scenario`].
//!
//! Hosts live in address space that is reserved for documentation: a simulated run is given
//! [`Reach::PublicOrDocumentation`](crate::net::route::Reach), so that loopback and private space stay what they are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::memory::Memory;
use crate::model::timestamp::Timestamp;
use crate::net::route::{DnsAnswer, RecordKind};
use crate::net::{Clock, World};

mod command;
pub mod dialect;
mod duration;
mod flight;
pub mod habits;
pub mod host;
mod line;
pub mod mailbox;
mod network;
pub mod persona;
pub mod plan;
pub mod scenario;
mod schema;
mod server;
pub mod server_log;
mod session;
mod speech;
pub mod stumble;
mod tls;
mod turn;
mod words;
pub mod zone;

pub use mailbox::Truth;
pub use persona::Persona;
#[cfg(feature = "testing")]
pub use plan::Plan;
pub use scenario::WorldError;
pub use server_log::{Breach, Outcome, Question, ServerLog, Sightings};

use habits::Door;
use host::Host;
use mailbox::Mailboxes;
use network::{Network, Station};
use zone::{Outage, ZoneResolver, Zones};

pub use zone::NameServer;

/// A described internet.
#[derive(Clone, Debug)]
pub struct Internet {
    start: Timestamp,
    client: IpAddr,
    dns_latency: Duration,
    dns_outage: Option<Outage>,
    ipv6: bool,
    dns_jitter: f64,
    zones: Arc<Zones>,
    hosts: Vec<Arc<Host>>,
    by_address: Arc<HashMap<IpAddr, usize>>,
    domains: HashMap<String, Arc<Mailboxes>>,
}

/// An internet that is up.
#[derive(Clone)]
pub struct Simulation {
    /// What the program is given.
    pub world: World,
    /// What the servers saw.
    pub log: Arc<ServerLog>,
    /// What machines are connected to that ask together.
    pub engine: Memory,
    network: Arc<Network>,
}

impl Internet {
    /// When no name server answers anything, where that happens.
    #[must_use]
    pub fn dns_outage(&self) -> Option<Outage> {
        self.dns_outage
    }

    /// Reads a world file; `file` is its name for errors.
    ///
    /// # Errors
    ///
    /// When it is no TOML, has a key that is none, or contradicts itself: with the line and what to change.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, WorldError> {
        scenario::read(text, file)
    }

    /// Brings the internet to life. Must be called inside the runtime that serves it, whose time should be paused.
    ///
    /// Each start is a fresh one: its hosts have met no client yet. To let a program be killed and started again before
    /// the same hosts, give the second the same [`Simulation::world`].
    #[must_use]
    pub fn start(&self, seed: u64) -> Simulation {
        let clock = Clock::starting_at(self.start);
        let log = Arc::new(ServerLog::of(
            self.hosts.iter().map(|host| host.name.clone()).collect(),
        ));
        let station = |host: &Arc<Host>| Station {
            host: Arc::clone(host),
            memory: Arc::default(),
        };
        let network = Arc::new(Network {
            hosts: self.hosts.iter().map(station).collect(),
            by_address: Arc::clone(&self.by_address),
            log: Arc::clone(&log),
            clock,
            seed,
            client: self.client,
            ipv6: self.ipv6,
            visits: Mutex::default(),
        });
        let resolver = ZoneResolver {
            zones: Arc::clone(&self.zones),
            log: Arc::clone(&log),
            seed,
            latency: self.dns_latency,
            outage: self.dns_outage,
            clock,
            began: clock.now(),
            jitter: self.dns_jitter,
        };
        let world = World {
            names: Arc::new(resolver),
            dial: Arc::<Network>::clone(&network),
            clock,
            seed,
        };
        Simulation {
            world,
            log,
            engine: Memory::new(clock),
            network,
        }
    }

    /// As [`Internet::start`], where no log is needed.
    #[must_use]
    pub fn world(&self, seed: u64) -> World {
        self.start(seed).world
    }

    /// The address that clients come from.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// When the simulated time begins.
    #[must_use]
    pub fn beginning(&self) -> Timestamp {
        self.start
    }

    /// Its mail hosts, in the order of their description.
    #[cfg(feature = "testing")]
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().map(Arc::as_ref)
    }

    /// The hosts that take mail for a domain, whatever its name server does. Those that are described, that is.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn mail_hosts(&self, domain: &str) -> Vec<&Host> {
        let Ok(domain) = idna::domain_to_ascii(domain) else {
            return Vec::new();
        };
        plan::mail_addresses(&self.zones, &domain)
            .iter()
            .filter_map(|address| self.by_address.get(address))
            .map(|number| self.hosts[*number].as_ref())
            .collect()
    }

    /// How the name server of a domain treats questions, and whether that passes.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn name_server(&self, domain: &str) -> (NameServer, bool) {
        let entry = idna::domain_to_ascii(domain)
            .ok()
            .and_then(|domain| self.zones.get(&domain));
        entry.map_or((NameServer::Answers, false), |entry| {
            (entry.server, entry.recovers_after.is_some())
        })
    }

    /// The mailboxes of a domain; `None` where there is no such domain.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn mailboxes(&self, domain: &str) -> Option<&Mailboxes> {
        let domain = idna::domain_to_ascii(domain).ok()?;
        self.domains.get(&domain).map(Arc::as_ref)
    }

    /// What is true of an address, whatever the hosts say of it.
    #[must_use]
    pub fn truth(&self, address: &str) -> Truth {
        let Some((local, domain)) = address.rsplit_once('@') else {
            return Truth::Missing;
        };
        let Ok(domain) = idna::domain_to_ascii(domain) else {
            return Truth::NoSuchDomain;
        };
        if let Some(truth) = self.obstacle(&domain) {
            return truth;
        }
        let local = local
            .strip_prefix('"')
            .and_then(|local| local.strip_suffix('"'))
            .unwrap_or(local);
        self.domains
            .get(&domain)
            .map_or(Truth::NoMailHost, |mailboxes| mailboxes.truth(local))
    }

    /// Why mail for a domain finds no host; `None` when it does.
    fn obstacle(&self, domain: &str) -> Option<Truth> {
        let entry = self.zones.get(domain);
        if entry.is_some_and(|entry| {
            entry.server != NameServer::Answers && entry.recovers_after.is_none()
        }) {
            return Some(Truth::NamesBroken);
        }
        match self.zones.look_up(domain, RecordKind::Mx) {
            DnsAnswer::NoSuchName { .. } => return Some(Truth::NoSuchDomain),
            DnsAnswer::Failed(_) => return Some(Truth::NamesBroken),
            DnsAnswer::NoRecords { .. } | DnsAnswer::Records { .. } => {}
        }
        let addresses = plan::mail_addresses(&self.zones, domain);
        let host = |address| {
            self.by_address
                .get(address)
                .map(|number| &self.hosts[*number])
        };
        let all = || {
            let reachable = addresses
                .iter()
                .filter(|address| self.ipv6 || address.is_ipv4());
            reachable.map(host)
        };
        let turns_mail_away = |host: Option<&Arc<Host>>| {
            host.is_some_and(|host| host.habits.door == Door::Open && !host.habits.take_mail())
        };
        let takes_mail =
            |host: &Arc<Host>| host.habits.door == Door::Open && host.habits.take_mail();
        if addresses.is_empty() || (all().count() > 0 && all().all(turns_mail_away)) {
            Some(Truth::NoMailHost)
        } else if all().flatten().any(takes_mail) {
            None
        } else {
            Some(Truth::HostsDead)
        }
    }
}

impl Simulation {
    /// Waits until every host has noticed that its clients are gone, so that the log is complete. Sessions
    /// that a client still holds open end after their five minutes.
    pub async fn settle(&self) {
        self.network.settle().await;
    }
}
