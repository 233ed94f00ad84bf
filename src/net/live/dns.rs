//! DNS through hickory.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::Resolver as Hickory;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::Semaphore;

use super::capped::Capped;
use super::{NoServers, Servers};
use crate::model::limits;
use crate::net::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use crate::net::{Later, Resolver};

/// DNS.
pub(super) struct Dns {
    resolver: Hickory<Capped>,
    /// hickory holds a socket for each question until its time is over: whoever asks waits for a place.
    places: Semaphore,
    /// How many places there are.
    at_once: usize,
}

impl Dns {
    /// A resolver that asks `servers`, `places` questions at a time.
    pub(super) fn new(servers: &Servers, places: usize) -> Result<Self, NoServers> {
        let provider = Capped::default();
        let builder = match servers {
            Servers::System => {
                Hickory::builder(provider).map_err(|error| NoServers(error.to_string()))?
            }
            Servers::Named(addresses) => {
                let servers = addresses
                    .iter()
                    .map(|&address| name_server(address))
                    .collect();
                Hickory::builder_with_config(
                    ResolverConfig::from_parts(None, vec![], servers),
                    provider,
                )
            }
        };
        let mut builder = builder;
        *builder.options_mut() = options();
        let resolver = builder
            .build()
            .map_err(|error| NoServers(error.to_string()))?;
        Ok(Dns {
            resolver,
            places: Semaphore::new(places),
            at_once: places,
        })
    }
}

/// A name server asked over UDP, over TCP where an answer is too long.
fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    udp.port = address.port();
    let mut tcp = ConnectionConfig::tcp();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = limits::DNS_WAIT;
    options.attempts = limits::DNS_ATTEMPTS;
    options.cache_size = limits::DNS_CACHE;
    // A list is about the public DNS, never about this machine's own names.
    options.use_hosts_file = ResolveHosts::Never;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.negative_min_ttl = Some(limits::DNS_NEGATIVE_TTL);
    options
}

impl Resolver for Dns {
    fn places(&self) -> usize {
        self.at_once
    }

    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        Box::pin(async move {
            // Labels are bytes (RFC 2181 §11): SPF macros make names with slashes, colons, quotes. A name from labels is
            // a full one, so the search list is never walked.
            let Ok(fqdn) = Name::from_labels(name.split('.').map(str::as_bytes)) else {
                return DnsAnswer::NoSuchName {
                    ttl: Duration::ZERO,
                };
            };
            let wanted = match kind {
                RecordKind::A => RecordType::A,
                RecordKind::Aaaa => RecordType::AAAA,
                RecordKind::Mx => RecordType::MX,
                RecordKind::Txt => RecordType::TXT,
                RecordKind::Ptr => RecordType::PTR,
                RecordKind::Soa => RecordType::SOA,
            };
            let _place = self
                .places
                .acquire()
                .await
                .expect("the semaphore is never closed");
            match self.resolver.lookup(fqdn, wanted).await {
                Ok(lookup) => {
                    let ttl = lookup
                        .answers()
                        .iter()
                        .map(|record| record.ttl)
                        .min()
                        .unwrap_or(0);
                    let ttl = Duration::from_secs(u64::from(ttl));
                    let records: Vec<Record> = lookup
                        .answers()
                        .iter()
                        .filter_map(|record| read(&record.data, kind))
                        .collect();
                    if records.is_empty() {
                        DnsAnswer::NoRecords { ttl }
                    } else {
                        DnsAnswer::Records { records, ttl }
                    }
                }
                Err(error) => read_error(&error),
            }
        })
    }
}

/// One record, if it is of the wanted kind (an answer also carries the aliases that led to it).
fn read(data: &RData, kind: RecordKind) -> Option<Record> {
    match (kind, data) {
        (RecordKind::A, RData::A(a)) => Some(Record::Address(IpAddr::V4(a.0))),
        (RecordKind::Aaaa, RData::AAAA(aaaa)) => Some(Record::Address(IpAddr::V6(aaaa.0))),
        (RecordKind::Mx, RData::MX(mx)) => Some(Record::Mx {
            preference: mx.preference,
            exchange: written(&mx.exchange),
        }),
        (RecordKind::Txt, RData::TXT(txt)) => Some(Record::Txt(
            txt.txt_data.iter().map(|part| part.to_vec()).collect(),
        )),
        (RecordKind::Ptr, RData::PTR(ptr)) => Some(Record::Ptr(written(&ptr.0))),
        (RecordKind::Soa, RData::SOA(soa)) => Some(Record::Soa { serial: soa.serial }),
        _ => None,
    }
}

/// A name as it is asked for: lower case, without the dot at the end, without the escapes of zone files.
fn written(name: &Name) -> String {
    let labels: Vec<_> = name.iter().map(String::from_utf8_lossy).collect();
    labels.join(".").to_ascii_lowercase()
}

/// What a failed look-up means. Running out of sockets or a broken network is trouble, never "no such domain".
fn read_error(error: &NetError) -> DnsAnswer {
    let ttl = match error {
        NetError::Dns(DnsError::NoRecordsFound(no)) => no
            .negative_ttl
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
        _ => None,
    }
    .unwrap_or(limits::DNS_NEGATIVE_TTL);
    if error.is_nx_domain() {
        return DnsAnswer::NoSuchName { ttl };
    }
    if error.is_no_records_found() {
        return DnsAnswer::NoRecords { ttl };
    }
    DnsAnswer::Failed(match error {
        NetError::Timeout => DnsFailure::Timeout,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => DnsFailure::ServerFailure,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => DnsFailure::Refused,
        other => DnsFailure::Other(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// A response code, with the data of one record.
    type Reply = (u8, Option<Vec<u8>>);

    /// A name server on loopback, written byte by byte so that it shares nothing with hickory. It answers what
    /// `answer` gives for the first label and the kind of record.
    fn name_server(answer: fn(&str, u16) -> Reply) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((_, from)) = socket.recv_from(&mut packet) {
                let mut end = 12;
                while packet[end] != 0 {
                    end += 1 + usize::from(packet[end]);
                }
                let label = String::from_utf8_lossy(&packet[13..13 + usize::from(packet[12])]);
                let kind = u16::from_be_bytes([packet[end + 1], packet[end + 2]]);
                let (code, data) = answer(&label, kind);
                let mut reply = packet[..2].to_vec();
                // A response, recursion desired with available; one question, no additional records.
                reply.extend([
                    0x81,
                    0x80 | code,
                    0,
                    1,
                    0,
                    u8::from(data.is_some()),
                    0,
                    0,
                    0,
                    0,
                ]);
                reply.extend(&packet[12..end + 5]);
                if let Some(data) = data {
                    reply.extend([0xc0, 12]);
                    reply.extend(kind.to_be_bytes());
                    reply.extend([0, 1, 0, 0, 0, 77]);
                    reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                    reply.extend(data);
                }
                let _ = socket.send_to(&reply, from);
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_are_read_with_the_kinds_of_no_kept_apart() {
        let server = name_server(|label, kind| match (label, kind) {
            ("busy", 15) => (0, Some(b"\x00\x0a\x02MX\x04acme\x04TEST\x00".to_vec())),
            ("busy", 1) => (0, Some(vec![11, 0, 0, 1])),
            ("busy" | "odd_name", _) => (0, None),
            ("broken", _) => (2, None),
            ("closed", _) => (5, None),
            _ => (3, None),
        });
        let dns = Dns::new(&Servers::Named(vec![server]), 10).unwrap();
        let ask = async |name: &str, kind| dns.query(name, kind).await;
        assert_eq!(
            ask("busy.test", RecordKind::Mx).await,
            DnsAnswer::Records {
                records: vec![Record::Mx {
                    preference: 10,
                    exchange: "mx.acme.test".to_owned()
                }],
                ttl: Duration::from_secs(77)
            }
        );
        assert!(matches!(
            ask("busy.test", RecordKind::A).await,
            DnsAnswer::Records { records, .. } if records == [Record::Address("11.0.0.1".parse().unwrap())]
        ));
        let ttl = limits::DNS_NEGATIVE_TTL;
        assert_eq!(
            ask("busy.test", RecordKind::Aaaa).await,
            DnsAnswer::NoRecords { ttl }
        );
        assert_eq!(
            ask("odd_name.test", RecordKind::Txt).await,
            DnsAnswer::NoRecords { ttl }
        );
        assert_eq!(
            ask("dead.test", RecordKind::Mx).await,
            DnsAnswer::NoSuchName { ttl }
        );
        assert_eq!(
            ask("broken.test", RecordKind::Mx).await,
            DnsAnswer::Failed(DnsFailure::ServerFailure)
        );
        assert_eq!(
            ask("closed.test", RecordKind::Mx).await,
            DnsAnswer::Failed(DnsFailure::Refused)
        );
    }

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
