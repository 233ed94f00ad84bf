//! Reads the description of a simulated internet from TOML.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::Internet;
use super::habits::Habits;
use super::host::{Host, NetLine};
use super::mailbox::{Condition, Mailboxes, PlusTags, Service, Unclaimed};
use super::witness::Witness;
use super::zone::{NameServer, Zones, reverse_name};
use crate::moment::Moment;
use crate::route::Record;

/// What is wrong with a description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct WorldError {
    /// The file.
    pub file: String,
    /// Where it is wrong, and what to change.
    pub message: String,
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldFile {
    /// When the simulated time begins, RFC 3339.
    #[serde(default = "default_start")]
    start: Moment,
    /// Median time of a DNS answer, and of a round trip to hosts that name none.
    #[serde(default = "default_latency", with = "super::duration")]
    latency: Duration,
    /// Share by which times vary, 0 to 1.
    #[serde(default)]
    jitter: f64,
    #[serde(default, rename = "host")]
    hosts: Vec<HostEntry>,
    #[serde(default, rename = "domain")]
    domains: Vec<DomainEntry>,
}

fn default_start() -> Moment {
    // 2026-03-02T06:00:00Z, a Monday morning.
    Moment::from_millis(1_772_431_200_000)
}

fn default_latency() -> Duration {
    Duration::from_millis(30)
}

/// One mail host: its name, where it is, how it behaves.
#[derive(Deserialize)]
struct HostEntry {
    name: String,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default, deserialize_with = "optional_duration")]
    round_trip: Option<Duration>,
    #[serde(default)]
    loss: f64,
    #[serde(default)]
    reset: f64,
    #[serde(flatten)]
    habits: Habits,
}

fn optional_duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    super::duration::deserialize(deserializer).map(Some)
}

/// One domain, or several that are alike.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainEntry {
    name: String,
    /// Mail hosts: `mx.acme.test`, or `20 mx2.acme.test` with its preference; `.` is a null MX.
    #[serde(default)]
    mx: Vec<String>,
    /// Addresses of the name itself.
    #[serde(default)]
    addresses: Vec<IpAddr>,
    /// What the name is an alias of.
    alias: Option<String>,
    #[serde(default)]
    txt: Vec<String>,
    #[serde(default)]
    dns: NameServer,
    /// After how many questions DNS trouble passes.
    recovers_after: Option<u32>,
    #[serde(default)]
    mailboxes: Vec<String>,
    #[serde(default)]
    full: Vec<String>,
    #[serde(default)]
    disabled: Vec<String>,
    #[serde(default)]
    busy: Vec<String>,
    #[serde(default)]
    moved: HashMap<String, String>,
    #[serde(default)]
    unclaimed: Unclaimed,
    #[serde(default)]
    plus_tags: PlusTags,
    #[serde(default)]
    service: Service,
}

/// How long records are said to hold.
const TTL: Duration = Duration::from_secs(3600);

/// Reads a description.
pub(super) fn read(text: &str, file: &str) -> Result<Internet, WorldError> {
    let wrong = |message: String| WorldError {
        file: file.to_owned(),
        message,
    };
    let world: WorldFile =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    let mut zones = Zones::default();
    let mut hosts = Vec::new();
    let mut next_address = 1_u32;
    for entry in world.hosts {
        let addresses = if entry.addresses.is_empty() {
            next_address += 1;
            vec![default_address(next_address - 1)]
        } else {
            entry.addresses
        };
        let name = entry.name.to_lowercase();
        for address in &addresses {
            zones
                .entry(&name, TTL)
                .records
                .push(Record::Address(*address));
            zones
                .entry(&reverse_name(*address), TTL)
                .records
                .push(Record::Ptr(name.clone()));
        }
        hosts.push(Host {
            name,
            addresses,
            habits: entry.habits,
            line: NetLine {
                round_trip: entry.round_trip.unwrap_or(world.latency),
                jitter: world.jitter,
                loss: entry.loss,
                reset: entry.reset,
            },
            domains: HashMap::new(),
        });
    }
    for entry in world.domains {
        let name = entry.name.to_lowercase();
        let exchanges = publish(&mut zones, &name, &entry).map_err(wrong)?;
        let mailboxes = Arc::new(mailboxes(entry));
        for host in &mut hosts {
            if exchanges.contains(&host.name) {
                host.domains.insert(name.clone(), Arc::clone(&mailboxes));
            }
        }
    }
    let names = hosts.iter().map(|host| host.name.clone()).collect();
    Ok(Internet {
        start: world.start,
        latency: world.latency,
        jitter: world.jitter,
        zones: Arc::new(zones),
        hosts: Arc::new(hosts.into_iter().map(Arc::new).collect()),
        witness: Arc::new(Witness::of(names)),
    })
}

/// Unless told otherwise, hosts live in 203.0.113.0/24 and, past that, in `2001:db8::/32` (RFC 5737, RFC 3849).
fn default_address(number: u32) -> IpAddr {
    match u8::try_from(number) {
        Ok(last) if last < 255 => IpAddr::from([203, 0, 113, last]),
        Ok(_) | Err(_) => {
            let space = u128::from(0x2001_0db8_u32) << 96;
            IpAddr::from((space | u128::from(number)).to_be_bytes())
        }
    }
}

/// Publishes a domain; returns the names of those who take its mail.
fn publish(zones: &mut Zones, name: &str, entry: &DomainEntry) -> Result<Vec<String>, String> {
    let mut exchanges = Vec::new();
    let mut records = Vec::new();
    for mx in &entry.mx {
        let (preference, exchange) = mx.trim().split_once(' ').unwrap_or(("10", mx.trim()));
        let preference = preference.parse().map_err(|_| {
            format!(
                "domain {name}: `{mx}` is no mail host; write \"mx.{name}\" or \"10 mx.{name}\""
            )
        })?;
        let exchange = exchange.trim().trim_end_matches('.').to_lowercase();
        exchanges.push(exchange.clone());
        records.push(Record::Mx {
            preference,
            exchange,
        });
    }
    if exchanges.is_empty() {
        exchanges.push(name.to_owned());
    }
    records.extend(
        entry
            .addresses
            .iter()
            .map(|address| Record::Address(*address)),
    );
    records.extend(
        entry
            .txt
            .iter()
            .map(|text| Record::Txt(vec![text.clone().into_bytes()])),
    );
    let published = zones.entry(name, TTL);
    published.records.extend(records);
    published.alias.clone_from(&entry.alias);
    published.server = entry.dns;
    published.recovers_after = entry.recovers_after;
    Ok(exchanges)
}

fn mailboxes(entry: DomainEntry) -> Mailboxes {
    let open = entry
        .mailboxes
        .into_iter()
        .map(|name| (name, Condition::Open));
    let full = entry.full.into_iter().map(|name| (name, Condition::Full));
    let disabled = entry
        .disabled
        .into_iter()
        .map(|name| (name, Condition::Disabled));
    let busy = entry.busy.into_iter().map(|name| (name, Condition::Busy));
    let moved = entry
        .moved
        .into_iter()
        .map(|(name, to)| (name, Condition::Moved { to }));
    Mailboxes {
        known: open
            .chain(full)
            .chain(disabled)
            .chain(busy)
            .chain(moved)
            .map(|(name, condition)| (name.to_lowercase(), condition))
            .collect(),
        unclaimed: entry.unclaimed,
        plus_tags: entry.plus_tags,
        service: entry.service,
    }
}
