//! The keys of world files.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::dialect::{Dialect, Line};
use super::habits::{
    AfterRefusal, Door, EarlyTalkers, ErrorLimits, Greeting, Greylist, Harvest, Hello, Pipelining,
    Rate, Recipients, Senders, Speech, Tls,
};
use super::mailbox::{PlusTags, Service, Unclaimed};
use super::persona::Persona;
use super::stumble::Stumble;
use super::zone::NameServer;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) start: Option<Spanned<String>>,
    pub(super) client: Option<IpAddr>,
    #[serde(default)]
    pub(super) network: NetworkTable,
    #[serde(default)]
    pub(super) host: Vec<HostTable>,
    #[serde(default)]
    pub(super) domain: Vec<DomainTable>,
    #[serde(default)]
    pub(super) record: Vec<RecordTable>,
}

/// The table `[network]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    pub(super) round_trip: Option<Time>,
    pub(super) jitter: Option<Share>,
    pub(super) loss: Option<Share>,
    pub(super) reset: Option<Share>,
    pub(super) dns_latency: Option<Time>,
    pub(super) dns_outage: Option<OutageTable>,
    pub(super) ipv6: Option<bool>,
}

/// The inline table `dns_outage`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageTable {
    pub(super) after: Time,
    pub(super) lasts: Option<Time>,
}

/// The table `[[host]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostTable {
    pub(super) name: Spanned<String>,
    pub(super) address: Option<OneOrMany<IpAddr>>,
    pub(super) persona: Option<Persona>,
    pub(super) dialect: Option<Dialect>,
    #[serde(default)]
    pub(super) says: BTreeMap<Line, String>,
    pub(super) door: Option<Door>,
    pub(super) connections: Option<u32>,
    pub(super) greeting: Option<Greeting>,
    pub(super) greeting_wait: Option<Time>,
    pub(super) early_talkers: Option<EarlyTalkers>,
    pub(super) hello: Option<Hello>,
    pub(super) pipelining: Option<Pipelining>,
    pub(super) offers: Option<Vec<String>>,
    pub(super) tls: Option<Tls>,
    pub(super) senders: Option<Senders>,
    pub(super) recipients: Option<Recipients>,
    pub(super) greylist: Option<Greylist>,
    pub(super) errors: Option<ErrorLimits>,
    pub(super) bad_recipients: Option<u32>,
    pub(super) per_transaction: Option<u32>,
    pub(super) per_connection: Option<u32>,
    pub(super) domains_per_transaction: Option<u32>,
    pub(super) rcpt_wait: Option<Time>,
    pub(super) tarpit: Option<Time>,
    pub(super) sulks: Option<Time>,
    pub(super) harvest: Option<Harvest>,
    pub(super) turns_after: Option<u32>,
    pub(super) rate: Option<Rate>,
    pub(super) after_refusal: Option<AfterRefusal>,
    pub(super) speech: Option<Speech>,
    pub(super) stumble: Option<Stumble>,
    pub(super) round_trip: Option<Time>,
    pub(super) jitter: Option<Share>,
    pub(super) loss: Option<Share>,
    pub(super) reset: Option<Share>,
}

/// The table `[[domain]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainTable {
    pub(super) name: Spanned<OneOrMany<String>>,
    #[serde(default)]
    pub(super) mx: Vec<Spanned<Mx>>,
    pub(super) address: Option<OneOrMany<IpAddr>>,
    #[serde(default)]
    pub(super) txt: Vec<String>,
    pub(super) ttl: Option<Time>,
    #[serde(default)]
    pub(super) dns: NameServer,
    pub(super) dns_recovers_after: Option<u32>,
    #[serde(default)]
    pub(super) mailboxes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) full: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) disabled: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) busy: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) moved: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) unclaimed: Unclaimed,
    #[serde(default)]
    pub(super) plus_tags: PlusTags,
    #[serde(default)]
    pub(super) service: Service,
}

/// The table `[[record]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordTable {
    pub(super) name: Spanned<String>,
    pub(super) ttl: Option<Time>,
    pub(super) a: Option<Ipv4Addr>,
    pub(super) aaaa: Option<Ipv6Addr>,
    pub(super) mx: Option<Spanned<Mx>>,
    pub(super) txt: Option<OneOrMany<String>>,
    pub(super) ptr: Option<String>,
    pub(super) soa: Option<u32>,
    pub(super) cname: Option<String>,
}

/// The keys that say how the way to a host behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct WayTable {
    pub(super) round_trip: Option<Time>,
    pub(super) jitter: Option<Share>,
    pub(super) loss: Option<Share>,
    pub(super) reset: Option<Share>,
}

impl WayTable {
    /// Whether it says anything.
    pub(super) fn is_different(&self) -> bool {
        self.round_trip.is_some()
            || self.jitter.is_some()
            || self.loss.is_some()
            || self.reset.is_some()
    }
}

impl NetworkTable {
    pub(super) fn way(&self) -> WayTable {
        WayTable {
            round_trip: self.round_trip,
            jitter: self.jitter,
            loss: self.loss,
            reset: self.reset,
        }
    }
}

impl HostTable {
    pub(super) fn way(&self) -> WayTable {
        WayTable {
            round_trip: self.round_trip,
            jitter: self.jitter,
            loss: self.loss,
            reset: self.reset,
        }
    }
}

/// A mail host with or without its preference.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Mx(pub(super) String);

/// A duration such as `90s`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Time(#[serde(with = "super::duration")] pub(super) Duration);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(pub(super) f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |_| <D::Error as serde::de::Error>::custom("write a number from 0.0 to 1.0");
        let share = f64::deserialize(deserializer).map_err(wrong)?;
        if (0.0..=1.0).contains(&share) {
            Ok(Share(share))
        } else {
            Err(serde::de::Error::custom(format!(
                "{share} is out of range; write a number from 0.0 to 1.0"
            )))
        }
    }
}

/// One thing, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected one value or a list of them")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}
