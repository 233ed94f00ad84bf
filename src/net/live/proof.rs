//! What an answer of a name server proves.
//!
//! "There is no such name" condemns every address of a domain, so it is believed only when it comes as RFC 2308 §3
//! wants it: with the zone's SOA record. Filters, captive networks and broken servers leave that out, or give an
//! address that is none; what belongs to another question is no answer to this one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::model::limits;
use crate::net::route::{DnsAnswer, DnsFailure, Record, RecordKind, Unproven};

/// An answer, by what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may be believed.
    Sound(DnsAnswer),
    /// It proves nothing by itself.
    Weak(Weak),
}

/// An answer that proves nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weak {
    /// What it says.
    pub(super) answer: DnsAnswer,
    /// Why that proves nothing.
    pub(super) why: Unproven,
}

impl Weak {
    /// Whether another server says the same.
    pub(super) fn says_the_same(&self, other: &Weak) -> bool {
        // What was said to another question says nothing about this one, however often.
        if self.why != other.why || self.why == Unproven::OtherQuestion {
            return false;
        }
        match (&self.answer, &other.answer) {
            (DnsAnswer::NoSuchName { .. }, DnsAnswer::NoSuchName { .. })
            | (DnsAnswer::NoRecords { .. }, DnsAnswer::NoRecords { .. }) => true,
            (
                DnsAnswer::Records { records, .. },
                DnsAnswer::Records {
                    records: others, ..
                },
            ) => {
                let set = |records: &[Record]| records.iter().cloned().collect::<BTreeSet<_>>();
                set(records) == set(others)
            }
            (
                DnsAnswer::NoSuchName { .. }
                | DnsAnswer::NoRecords { .. }
                | DnsAnswer::Records { .. }
                | DnsAnswer::Failed(_),
                _,
            ) => false,
        }
    }
}

/// The number by which a kind of record is asked for.
pub(super) fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Mx => RecordType::MX,
        RecordKind::Txt => RecordType::TXT,
        RecordKind::Ptr => RecordType::PTR,
        RecordKind::Soa => RecordType::SOA,
    }
}

/// What came of asking for records of one type at `name`.
pub(super) fn weigh(name: &Name, wanted: RecordType, found: Result<Lookup, NetError>) -> Claim {
    match found {
        Ok(lookup) => weigh_records(name, wanted, &lookup),
        Err(NetError::Dns(DnsError::NoRecordsFound(no))) => weigh_no(name, wanted, &no),
        Err(error) => Claim::Sound(DnsAnswer::Failed(failure(&error))),
    }
}

fn weigh_records(name: &Name, wanted: RecordType, lookup: &Lookup) -> Claim {
    let answers = lookup.answers();
    let ttl = answers.iter().map(|record| record.ttl).min().unwrap_or(0);
    let ttl = Duration::from_secs(u64::from(ttl));
    let about = names_of(name, lookup);
    let records: Vec<Record> = answers
        .iter()
        .filter(|record| record.record_type() == wanted && about.contains(&record.name))
        .filter_map(|record| read(&record.data))
        .collect();
    if records.is_empty() {
        return Claim::Weak(Weak {
            answer: DnsAnswer::NoRecords { ttl },
            why: Unproven::OtherQuestion,
        });
    }
    let is_none = |record: &Record| matches!(record, Record::Address(ip) if ip.is_unspecified());
    let answer = |records| DnsAnswer::Records { records, ttl };
    if records.iter().all(is_none) {
        return Claim::Weak(Weak {
            answer: answer(records),
            why: Unproven::NoAddress,
        });
    }
    Claim::Sound(answer(records))
}

/// The name that was asked for with those that it is an alias of.
fn names_of(name: &Name, lookup: &Lookup) -> Vec<Name> {
    let mut names = vec![name.clone()];
    let mut at = 0;
    // Each name is looked at once, so a circle ends.
    while let Some(owner) = names.get(at).cloned() {
        at += 1;
        for record in lookup.answers() {
            if let RData::CNAME(target) = &record.data
                && record.name == owner
                && !names.contains(&target.0)
            {
                names.push(target.0.clone());
            }
        }
    }
    names
}

fn weigh_no(name: &Name, wanted: RecordType, no: &NoRecords) -> Claim {
    let ttl = no.negative_ttl.map_or(limits::DNS_NEGATIVE_TTL, |seconds| {
        Duration::from_secs(u64::from(seconds))
    });
    let (answer, why) = match no.response_code {
        ResponseCode::NXDomain => (DnsAnswer::NoSuchName { ttl }, Unproven::NoSuchName),
        _ => (DnsAnswer::NoRecords { ttl }, Unproven::NoRecords),
    };
    if no.query.name() != name || no.query.query_type() != wanted {
        let why = Unproven::OtherQuestion;
        return Claim::Weak(Weak { answer, why });
    }
    // For reserved names no server need be asked, and hickory asks none.
    if no.soa.is_some() || is_reserved(name) {
        Claim::Sound(answer)
    } else {
        Claim::Weak(Weak { answer, why })
    }
}

/// Whether a name is one of those that stand in no DNS (RFC 6761 §6.3 and §6.4, RFC 7686 §2).
fn is_reserved(name: &Name) -> bool {
    let last = name.iter().next_back().unwrap_or_default();
    [&b"invalid"[..], b"localhost", b"onion"]
        .iter()
        .any(|reserved| last.eq_ignore_ascii_case(reserved))
}

/// One record, if it is of a kind that we ask for.
fn read(data: &RData) -> Option<Record> {
    match data {
        RData::A(a) => Some(Record::Address(IpAddr::V4(a.0))),
        RData::AAAA(aaaa) => Some(Record::Address(IpAddr::V6(aaaa.0))),
        RData::MX(mx) => Some(Record::Mx {
            preference: mx.preference,
            exchange: written(&mx.exchange),
        }),
        RData::TXT(txt) => Some(Record::Txt(
            txt.txt_data.iter().map(|part| part.to_vec()).collect(),
        )),
        RData::PTR(ptr) => Some(Record::Ptr(written(&ptr.0))),
        RData::SOA(soa) => Some(Record::Soa { serial: soa.serial }),
        _ => None,
    }
}

/// A name as it is asked for: lower case, without the dot at the end, without the escapes of zone files.
fn written(name: &Name) -> String {
    let labels: Vec<_> = name.iter().map(String::from_utf8_lossy).collect();
    labels.join(".").to_ascii_lowercase()
}

/// What a failed look-up means. Running out of sockets or a broken network is trouble, never "no such domain".
fn failure(error: &NetError) -> DnsFailure {
    match error {
        NetError::Timeout => DnsFailure::Timeout,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => DnsFailure::ServerFailure,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => DnsFailure::Refused,
        other => DnsFailure::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_bytes_is_read_as_it_would_be_asked_for() {
        for text in [
            "mx.example.com",
            "foo:bar/baz.example.com",
            "a\"b %c.example.com",
            "",
        ] {
            let labels = text.split('.').filter(|label| !label.is_empty());
            let name = Name::from_labels(labels.map(str::as_bytes)).unwrap();
            assert_eq!(written(&name), text);
        }
    }
}
