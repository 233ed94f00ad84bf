//! A small DNS in memory for specification tests.

use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::sync::Arc;
use std::time::Duration;

use presend::net::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use presend::net::{Later, Resolver};
use presend::preflight::lookup::Lookups;

/// How a name answers beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fails,
    Silent,
}

/// How many aliases are followed, as resolvers do.
const ALIASES: usize = 8;

/// Zones as lines: `name KIND data`. Kinds are those of DNS; `SERVFAIL` and `SILENT` take no data. A `TXT` is one
/// character string, or several divided by ` | `. A name `*.zone` answers for every name under `zone` not written down.
#[derive(Default)]
pub struct Zone {
    records: BTreeMap<(String, RecordKind), Vec<Record>>,
    names: BTreeSet<String>,
    moods: BTreeMap<String, Mood>,
    aliases: BTreeMap<String, String>,
}

impl Zone {
    /// Reads zones; blank lines are skipped.
    pub fn new(lines: &str) -> Self {
        let mut zone = Zone::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let name = words.next().unwrap();
            let kind = words.next().expect("a kind");
            zone.add(name, kind, words.next().unwrap_or_default());
        }
        zone
    }

    /// Adds one record.
    pub fn add(&mut self, name: &str, kind: &str, data: &str) {
        let name = name.to_ascii_lowercase();
        let record = match kind {
            "A" => (RecordKind::A, Record::Address(data.parse().unwrap())),
            "AAAA" => (RecordKind::Aaaa, Record::Address(data.parse().unwrap())),
            "MX" => {
                let (preference, exchange) = data.split_once(' ').unwrap_or((data, ""));
                let exchange = exchange.trim_end_matches('.').to_ascii_lowercase();
                let preference = preference.parse().unwrap();
                (
                    RecordKind::Mx,
                    Record::Mx {
                        preference,
                        exchange,
                    },
                )
            }
            "TXT" => {
                let strings = data.split(" | ").map(|part| part.as_bytes().to_vec());
                (RecordKind::Txt, Record::Txt(strings.collect()))
            }
            "PTR" => (RecordKind::Ptr, Record::Ptr(data.to_ascii_lowercase())),
            "CNAME" => {
                self.names.insert(name.clone());
                self.aliases.insert(name, data.to_ascii_lowercase());
                return;
            }
            "SERVFAIL" => {
                self.moods.insert(name, Mood::Fails);
                return;
            }
            "SILENT" => {
                self.moods.insert(name, Mood::Silent);
                return;
            }
            other => panic!("unknown kind {other}"),
        };
        self.put(&name, record.0, record.1);
    }

    /// Adds one record of any content.
    pub fn put(&mut self, name: &str, kind: RecordKind, record: Record) {
        let name = name.to_ascii_lowercase();
        self.names.insert(name.clone());
        self.records.entry((name, kind)).or_default().push(record);
    }

    /// The zone within ample bounds.
    pub fn lookups(self) -> Lookups {
        Lookups::new(Arc::new(self), Duration::from_secs(3600), 100_000)
    }

    fn answer(&self, name: &str, kind: RecordKind) -> DnsAnswer {
        let ttl = Duration::from_secs(300);
        let mut name = name;
        for _ in 0..ALIASES {
            match self.aliases.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        if self.aliases.contains_key(name) {
            return DnsAnswer::Failed(DnsFailure::Other("too many aliases".to_owned()));
        }
        if let Some(records) = self.records.get(&(name.to_owned(), kind)) {
            let records = records.clone();
            return DnsAnswer::Records { records, ttl };
        }
        let beneath = format!(".{name}");
        if self
            .names
            .iter()
            .any(|known| known == name || known.ends_with(&beneath))
        {
            return DnsAnswer::NoRecords { ttl };
        }
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            let wildcard = format!("*.{parent}");
            if let Some(records) = self.records.get(&(wildcard.clone(), kind)) {
                let records = records.clone();
                return DnsAnswer::Records { records, ttl };
            }
            if self.names.contains(&wildcard) {
                return DnsAnswer::NoRecords { ttl };
            }
            rest = parent;
        }
        DnsAnswer::NoSuchName { ttl }
    }
}

impl Resolver for Zone {
    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        match self.moods.get(name) {
            Some(Mood::Silent) => Box::pin(future::pending()),
            Some(Mood::Fails) => {
                Box::pin(future::ready(DnsAnswer::Failed(DnsFailure::ServerFailure)))
            }
            None => Box::pin(future::ready(self.answer(name, kind))),
        }
    }
}
