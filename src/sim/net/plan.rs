//! How an internet is described, piece by piece.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::Internet;
use super::habits::Habits;
use super::host::{Host, Way};
#[cfg(feature = "testing")]
use super::mailbox::Condition;
use super::mailbox::Mailboxes;
use super::zone::{NameServer, Outage, Zones, reverse_name};
use crate::model::timestamp::Timestamp;
use crate::net::route::{DnsAnswer, Record, RecordKind};

/// A description that grows; [`Plan::build`] makes an [`Internet`] of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When the simulated time begins.
    pub start: Timestamp,
    /// The address of clients that name no source address.
    pub client: IpAddr,
    /// How the way to hosts behaves that have none of their own.
    pub way: Way,
    /// Median time of a DNS answer.
    pub dns_latency: Duration,
    /// When no name server answers anything, where that happens.
    pub dns_outage: Option<Outage>,
    /// Whether clients have a way to IPv6 addresses.
    pub ipv6: bool,
    /// The mail hosts.
    pub hosts: Vec<PlannedHost>,
    /// The domains that exist.
    pub domains: Vec<PlannedDomain>,
    /// Further DNS records.
    pub records: Vec<PlannedRecord>,
}

/// A mail host.
#[derive(Clone, Debug)]
pub struct PlannedHost {
    /// Its name; published with its addresses.
    pub name: String,
    /// Where it can be reached; none: an address of documentation space is found for it.
    pub addresses: Vec<IpAddr>,
    /// How it behaves.
    pub habits: Habits,
    /// How the way to it behaves, where that differs.
    pub way: Option<Way>,
}

/// A domain that the list has addresses of.
#[derive(Clone, Debug)]
pub struct PlannedDomain {
    /// The name, in Unicode or A-labels.
    pub name: String,
    /// Its mail hosts with their preference; `(0, "")` says that it takes no mail (RFC 7505).
    pub mx: Vec<(u16, String)>,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// The character strings of its TXT records.
    pub texts: Vec<String>,
    /// How long answers may be kept.
    pub ttl: Duration,
    /// How its name server treats questions.
    pub name_server: NameServer,
    /// After how many questions trouble passes, where it does.
    pub recovers_after: Option<u32>,
    /// The mailboxes there.
    pub mailboxes: Arc<Mailboxes>,
}

/// A DNS record of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRecord {
    /// Where it is published.
    pub name: String,
    /// What is published.
    pub content: Content,
    /// How long answers may be kept.
    pub ttl: Duration,
}

/// What a record of its own says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An ordinary record.
    Record(Record),
    /// The name is another one's alias.
    Alias(String),
}

/// How long answers may be kept where nothing else is said.
pub const TTL: Duration = Duration::from_secs(3600);

impl Default for PlannedDomain {
    fn default() -> Self {
        PlannedDomain {
            name: String::new(),
            mx: Vec::new(),
            addresses: Vec::new(),
            texts: Vec::new(),
            ttl: TTL,
            name_server: NameServer::Answers,
            recovers_after: None,
            mailboxes: Arc::default(),
        }
    }
}

impl Default for Way {
    /// No loss; 60 ms there and back, a third more or less.
    fn default() -> Self {
        Way {
            round_trip: Duration::from_millis(60),
            jitter: 0.3,
            loss: 0.0,
            reset: 0.0,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            start: Timestamp::from_millis(1_772_431_200_000),
            client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            way: Way::default(),
            dns_latency: Duration::from_millis(20),
            dns_outage: None,
            ipv6: true,
            hosts: Vec::new(),
            domains: Vec::new(),
            records: Vec::new(),
        }
    }
}

impl Plan {
    /// Adds a host, with an address found for it.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn host(mut self, name: &str, habits: Habits) -> Self {
        self.hosts.push(PlannedHost {
            name: name.to_owned(),
            addresses: Vec::new(),
            habits,
            way: None,
        });
        self
    }

    /// Adds a domain, its mail hosts in order of preference, and its mailboxes.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn domain(mut self, name: &str, mx: &[&str], mailboxes: &[&str]) -> Self {
        let known = mailboxes
            .iter()
            .map(|local| (local.to_lowercase(), Condition::Open))
            .collect();
        self.domains.push(PlannedDomain {
            name: name.to_owned(),
            mx: (1..)
                .map(|rank: u16| rank * 10)
                .zip(mx.iter().map(|host| (*host).to_owned()))
                .collect(),
            mailboxes: Arc::new(Mailboxes {
                known,
                ..Mailboxes::default()
            }),
            ..PlannedDomain::default()
        });
        self
    }

    /// Puts everything in its place. Where two hosts claim one address, the first has it.
    #[must_use]
    pub fn build(self) -> Internet {
        let mut zones = Zones::default();
        let mut by_address = HashMap::new();
        let mut free = free_addresses();
        let taken: HashSet<_> = self
            .hosts
            .iter()
            .flat_map(|host| &host.addresses)
            .copied()
            .chain([self.client])
            .collect();
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for planned in self.hosts {
            let mut addresses = planned.addresses;
            if addresses.is_empty() {
                addresses.extend(free.find(|address| !taken.contains(address)));
            }
            for address in &addresses {
                by_address.entry(*address).or_insert(hosts.len());
                publish(&mut zones, &planned.name, TTL, Record::Address(*address));
                publish(
                    &mut zones,
                    &reverse_name(*address),
                    TTL,
                    Record::Ptr(planned.name.clone()),
                );
            }
            hosts.push(Host {
                name: planned.name,
                habits: planned.habits,
                way: planned.way.unwrap_or(self.way),
                domains: HashMap::new(),
            });
        }
        for record in self.records {
            match record.content {
                Content::Record(content) => publish(&mut zones, &record.name, record.ttl, content),
                Content::Alias(alias) => zones.entry(&record.name, record.ttl).alias = Some(alias),
            }
        }
        for domain in &self.domains {
            publish_domain(&mut zones, domain);
        }
        let mut domains = HashMap::with_capacity(self.domains.len());
        for domain in self.domains {
            for address in mail_addresses(&zones, &domain.name) {
                if let Some(number) = by_address.get(&address) {
                    hosts[*number]
                        .domains
                        .insert(domain.name.clone(), Arc::clone(&domain.mailboxes));
                }
            }
            domains.insert(domain.name, domain.mailboxes);
        }
        Internet {
            start: self.start,
            client: self.client,
            dns_latency: self.dns_latency,
            dns_outage: self.dns_outage,
            ipv6: self.ipv6,
            dns_jitter: self.way.jitter,
            zones: Arc::new(zones),
            hosts: hosts.into_iter().map(Arc::new).collect(),
            by_address: Arc::new(by_address),
            domains,
        }
    }
}

fn publish(zones: &mut Zones, name: &str, ttl: Duration, record: Record) {
    zones.entry(name, ttl).records.push(record);
}

fn publish_domain(zones: &mut Zones, domain: &PlannedDomain) {
    let entry = zones.entry(&domain.name, domain.ttl);
    entry.server = domain.name_server;
    entry.recovers_after = domain.recovers_after;
    let mx = domain.mx.iter();
    entry
        .records
        .extend(mx.map(|(preference, exchange)| Record::Mx {
            preference: *preference,
            exchange: exchange.clone(),
        }));
    entry.records.extend(
        domain
            .addresses
            .iter()
            .map(|address| Record::Address(*address)),
    );
    entry.records.extend(domain.texts.iter().map(|text| {
        // A character string holds at most 255 octets (RFC 1035 §3.3).
        Record::Txt(text.as_bytes().chunks(255).map(<[u8]>::to_vec).collect())
    }));
}

/// The addresses of the hosts that take mail for a domain (RFC 5321 §5.1), whatever its name server does.
pub(super) fn mail_addresses(zones: &Zones, domain: &str) -> Vec<IpAddr> {
    let exchanges = match zones.look_up(domain, RecordKind::Mx) {
        DnsAnswer::Records { records, .. } => exchanges(records),
        DnsAnswer::NoRecords { .. } => vec![domain.to_owned()],
        DnsAnswer::NoSuchName { .. } | DnsAnswer::Failed(_) => Vec::new(),
    };
    exchanges
        .iter()
        .flat_map(|exchange| addresses(zones, exchange))
        .collect()
}

fn exchanges(records: Vec<Record>) -> Vec<String> {
    let exchange = |record| match record {
        Record::Mx { exchange, .. } => Some(exchange).filter(|exchange| !exchange.is_empty()),
        Record::Address(_) | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. } => None,
    };
    records.into_iter().filter_map(exchange).collect()
}

fn addresses(zones: &Zones, name: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for kind in [RecordKind::A, RecordKind::Aaaa] {
        if let DnsAnswer::Records { records, .. } = zones.look_up(name, kind) {
            addresses.extend(records.iter().filter_map(|record| match record {
                Record::Address(address) => Some(*address),
                Record::Mx { .. } | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. } => None,
            }));
        }
    }
    addresses
}

/// Documentation space: three small networks of IPv4 (RFC 5737), then as much of IPv6 as is wanted (RFC 3849).
fn free_addresses() -> impl Iterator<Item = IpAddr> {
    let networks = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];
    let old = networks
        .into_iter()
        .flat_map(|[a, b, c]| (2..255).map(move |d| IpAddr::V4(Ipv4Addr::new(a, b, c, d))));
    let prefix = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0));
    old.chain((1_u128..).map(move |number| IpAddr::V6(Ipv6Addr::from(prefix + number))))
}
