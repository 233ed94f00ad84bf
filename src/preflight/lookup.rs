//! Questions to DNS that always end: bounded in number, in time each, in time overall.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::model::limits;
use crate::model::text::is_harmful;
use crate::net::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use crate::net::{Later, Resolver};

/// Which kind of "no" an answer was (RFC 2308).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There is no such name.
    NoSuchName,
    /// The name exists without such records.
    NoRecords,
}

/// What a question found, by the kind of record asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// At least one record.
    Some(Vec<T>),
    /// There is none.
    Nothing(Absence),
    /// DNS did not say.
    Failed(DnsFailure),
}

/// One TXT record: its character strings, apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<Vec<u8>>);

impl Text {
    /// The strings put together without anything between them (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
    #[must_use]
    pub fn joined(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// The strings put together, for display: bytes that are no text are replaced, control characters escaped.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.joined())
    }
}

/// Bytes from DNS made safe for a terminal, cut to [`limits::SHOWN_RECORD_CHARS`].
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    // A character has at most four bytes, so more than this is never shown.
    let start = &bytes[..bytes.len().min(4 * limits::SHOWN_RECORD_CHARS + 4)];
    let text = printable(start);
    match text.char_indices().nth(limits::SHOWN_RECORD_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Bytes from DNS made safe for a terminal, whole: what is no text is replaced, control characters and marks that turn
/// the line around are escaped.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut safe = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if is_harmful(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A name as DNS is asked for it: lower case, without the dot at the end. `None` when no question can be put: an empty
/// label, one over 63 octets, or more than 253 in all (RFC 1035 §2.3.4).
#[must_use]
pub fn dns_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = !name.is_empty()
        && name.len() <= limits::DOMAIN_OCTETS
        && name
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= limits::LABEL_OCTETS);
    fits.then(|| name.to_ascii_lowercase())
}

/// The name under which the reverse of `ip` is asked for (RFC 1035 §3.5, RFC 3596 §2.5).
#[must_use]
pub fn reverse_name(ip: IpAddr) -> String {
    let zone = match ip {
        IpAddr::V4(_) => "in-addr.arpa",
        IpAddr::V6(_) => "ip6.arpa",
    };
    format!("{}.{zone}", reversed(ip))
}

/// The octets or nibbles of an address, last first, with dots between (RFC 5782 §2.1, §2.4).
#[must_use]
pub fn reversed(ip: IpAddr) -> String {
    let parts: Vec<String> = match ip {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => ip
            .octets()
            .iter()
            .rev()
            .flat_map(|octet| [octet & 15, octet >> 4])
            .map(|nibble| format!("{nibble:x}"))
            .collect(),
    };
    parts.join(".")
}

/// The kind of record that holds addresses of the family of `ip`.
#[must_use]
pub fn address_kind(ip: IpAddr) -> RecordKind {
    match ip {
        IpAddr::V4(_) => RecordKind::A,
        IpAddr::V6(_) => RecordKind::Aaaa,
    }
}

/// The best that DNS gave so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// No answer to any question.
    Nothing,
    /// A server answered, but only that no answer could be had.
    Trouble,
    /// At least one question was answered, be it with "there is none".
    Answers,
}

/// DNS within bounds. Clones share them.
#[derive(Clone)]
pub struct Lookups {
    names: Arc<dyn Resolver>,
    until: Instant,
    left: Arc<AtomicU32>,
    heard: Arc<AtomicU8>,
}

/// DNS as it would be with another record.
struct Supposed {
    names: Arc<dyn Resolver>,
    domain: String,
    record: String,
}

impl Resolver for Supposed {
    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        if kind != RecordKind::Txt || name != self.domain {
            return self.names.query(name, kind);
        }
        let strings = self.record.as_bytes().chunks(limits::TXT_STRING_OCTETS);
        let text = Record::Txt(strings.map(<[u8]>::to_vec).collect());
        Box::pin(std::future::ready(DnsAnswer::Records {
            records: vec![text],
            ttl: Duration::ZERO,
        }))
    }
}

impl Lookups {
    /// Questions to `names` for at most `wait` from now, at most `most` of them.
    #[must_use]
    pub fn new(names: Arc<dyn Resolver>, wait: Duration, most: u32) -> Self {
        Lookups {
            names,
            until: Instant::now() + wait,
            left: Arc::new(AtomicU32::new(most)),
            heard: Arc::default(),
        }
    }

    /// The best answer to any question so far.
    #[must_use]
    pub fn heard(&self) -> Heard {
        match self.heard.load(Ordering::Relaxed) {
            0 => Heard::Nothing,
            1 => Heard::Trouble,
            _ => Heard::Answers,
        }
    }

    /// The same DNS with the same bounds, as it would be if `domain` had this one TXT record and no other.
    #[must_use]
    pub fn with_record(&self, domain: &str, record: &str) -> Self {
        Lookups {
            names: Arc::new(Supposed {
                names: Arc::clone(&self.names),
                domain: domain.to_owned(),
                record: record.to_owned(),
            }),
            ..self.clone()
        }
    }

    /// The same DNS and the same count of questions, but over in `wait` at the latest.
    #[must_use]
    pub fn within(&self, wait: Duration) -> Self {
        Lookups {
            until: self.until.min(Instant::now() + wait),
            ..self.clone()
        }
    }

    /// Puts one question. A name that cannot be asked for does not exist (RFC 7208 §4.3).
    pub async fn ask(&self, name: &str, kind: RecordKind) -> DnsAnswer {
        let Some(name) = dns_name(name) else {
            return DnsAnswer::NoSuchName {
                ttl: Duration::ZERO,
            };
        };
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if taken.is_err() {
            let words = "too many questions for one check".to_owned();
            return DnsAnswer::Failed(DnsFailure::Other(words));
        }
        let until = self.until.min(Instant::now() + limits::DNS_QUESTION_WAIT);
        let answer = timeout_at(until, self.names.query(&name, kind))
            .await
            .unwrap_or(DnsAnswer::Failed(DnsFailure::Timeout));
        let heard = match &answer {
            DnsAnswer::Records { .. }
            | DnsAnswer::NoSuchName { .. }
            | DnsAnswer::NoRecords { .. } => Heard::Answers,
            DnsAnswer::Failed(
                DnsFailure::ServerFailure | DnsFailure::Refused | DnsFailure::Unproven(_),
            ) => Heard::Trouble,
            DnsAnswer::Failed(DnsFailure::Timeout | DnsFailure::Other(_)) => Heard::Nothing,
        };
        self.heard.fetch_max(heard as u8, Ordering::Relaxed);
        answer
    }

    async fn find<T>(
        &self,
        name: &str,
        kind: RecordKind,
        pick: impl Fn(Record) -> Option<T>,
    ) -> Found<T> {
        match self.ask(name, kind).await {
            DnsAnswer::Records { records, .. } => {
                let picked: Vec<T> = records.into_iter().filter_map(pick).collect();
                if picked.is_empty() {
                    Found::Nothing(Absence::NoRecords)
                } else {
                    Found::Some(picked)
                }
            }
            DnsAnswer::NoSuchName { .. } => Found::Nothing(Absence::NoSuchName),
            DnsAnswer::NoRecords { .. } => Found::Nothing(Absence::NoRecords),
            DnsAnswer::Failed(failure) => Found::Failed(failure),
        }
    }

    /// The addresses of a name, of one family: `kind` is A or AAAA.
    pub async fn addresses(&self, name: &str, kind: RecordKind) -> Found<IpAddr> {
        self.find(name, kind, |record| match record {
            Record::Address(ip) => Some(ip),
            Record::Mx { .. } | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. } => None,
        })
        .await
    }

    /// The addresses of a name, of both families. Fails only when neither family was answered with an address.
    pub async fn all_addresses(&self, name: &str) -> Found<IpAddr> {
        let (four, six) = tokio::join!(
            self.addresses(name, RecordKind::A),
            self.addresses(name, RecordKind::Aaaa)
        );
        match (four, six) {
            (Found::Some(mut four), Found::Some(six)) => {
                four.extend(six);
                Found::Some(four)
            }
            (Found::Some(some), Found::Nothing(_) | Found::Failed(_))
            | (Found::Nothing(_) | Found::Failed(_), Found::Some(some)) => Found::Some(some),
            (Found::Failed(failure), Found::Nothing(_) | Found::Failed(_))
            | (Found::Nothing(_), Found::Failed(failure)) => Found::Failed(failure),
            (Found::Nothing(Absence::NoSuchName), Found::Nothing(Absence::NoSuchName)) => {
                Found::Nothing(Absence::NoSuchName)
            }
            (Found::Nothing(_), Found::Nothing(_)) => Found::Nothing(Absence::NoRecords),
        }
    }

    /// The mail hosts of a name with their preferences, most preferred first. An empty host is the root (RFC 7505).
    pub async fn mail_hosts(&self, name: &str) -> Found<(u16, String)> {
        let found = self
            .find(name, RecordKind::Mx, |record| match record {
                Record::Mx {
                    preference,
                    exchange,
                } => Some((preference, exchange)),
                Record::Address(_) | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. } => None,
            })
            .await;
        match found {
            Found::Some(mut hosts) => {
                hosts.sort();
                Found::Some(hosts)
            }
            other @ (Found::Nothing(_) | Found::Failed(_)) => other,
        }
    }

    /// The TXT records of a name.
    pub async fn texts(&self, name: &str) -> Found<Text> {
        self.find(name, RecordKind::Txt, |record| match record {
            Record::Txt(strings) => Some(Text(strings)),
            Record::Address(_) | Record::Mx { .. } | Record::Ptr(_) | Record::Soa { .. } => None,
        })
        .await
    }

    /// The serial number of the zone that `name` is the top of.
    pub async fn zone_serial(&self, name: &str) -> Found<u32> {
        self.find(name, RecordKind::Soa, |record| match record {
            Record::Soa { serial } => Some(serial),
            Record::Address(_) | Record::Mx { .. } | Record::Txt(_) | Record::Ptr(_) => None,
        })
        .await
    }

    /// The names of an address, as its PTR records give them.
    pub async fn reverse_names(&self, ip: IpAddr) -> Found<String> {
        self.find(&reverse_name(ip), RecordKind::Ptr, |record| match record {
            Record::Ptr(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
            Record::Address(_) | Record::Mx { .. } | Record::Txt(_) | Record::Soa { .. } => None,
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_asked_for_is_seen_before_asking() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long_name = format!("{}com", "abcdefg.".repeat(32));
        for bad in ["", ".", "a..b", ".example.com", &long_label, &long_name] {
            assert_eq!(dns_name(bad), None, "{bad}");
        }
        assert_eq!(
            dns_name("_DMARC.Example.com.").as_deref(),
            Some("_dmarc.example.com")
        );
    }

    #[test]
    fn the_reverse_of_an_address_is_written_last_part_first() {
        assert_eq!(
            reverse_name("192.0.2.9".parse().unwrap()),
            "9.2.0.192.in-addr.arpa"
        );
        assert_eq!(
            reverse_name("2001:db8::cb01".parse().unwrap()),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }

    #[test]
    fn what_dns_says_cannot_drive_a_terminal() {
        assert_eq!(shown(b"v=spf1 \x1b[31m\xff"), "v=spf1 \\u{1b}[31m\u{fffd}");
        assert_eq!(
            shown(&vec![b'a'; 60_000]).chars().count(),
            limits::SHOWN_RECORD_CHARS + 1
        );
    }
}
