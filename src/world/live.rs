//! The internet: DNS through hickory, TCP through tokio.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::net::TcpSocket;

use super::{Clock, Dial, Later, Names, Wire, World};
use crate::limits;
use crate::moment::Moment;
use crate::route::{DnsAnswer, DnsFailure, Record, RecordKind};

/// The DNS servers to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// Those that the system uses.
    System,
    /// These.
    Named(Vec<SocketAddr>),
}

/// The system's DNS settings are of no use.
#[derive(Debug, thiserror::Error)]
#[error("the system's DNS settings cannot be used ({0}); name a DNS server with --dns IP:PORT")]
pub struct NoServers(String);

/// The world as it is.
///
/// Must be called inside the runtime that will carry it.
///
/// # Errors
///
/// [`NoServers`] when the system has no usable DNS settings.
pub fn world(servers: &Servers, seed: u64) -> Result<World, NoServers> {
    Ok(World {
        names: Arc::new(Dns::new(servers)?),
        dial: Arc::new(Tcp),
        clock: Clock::starting_at(Moment::from(SystemTime::now())),
        seed,
    })
}

/// DNS.
struct Dns {
    resolver: Resolver<TokioRuntimeProvider>,
}

impl Dns {
    fn new(servers: &Servers) -> Result<Self, NoServers> {
        let provider = TokioRuntimeProvider::default();
        let builder = match servers {
            Servers::System => {
                Resolver::builder(provider).map_err(|error| NoServers(error.to_string()))?
            }
            Servers::Named(addresses) => {
                let servers = addresses
                    .iter()
                    .map(|&address| name_server(address))
                    .collect();
                Resolver::builder_with_config(
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
        Ok(Dns { resolver })
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

impl Names for Dns {
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
            };
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
    let text = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    match (kind, data) {
        (RecordKind::A, RData::A(a)) => Some(Record::Address(IpAddr::V4(a.0))),
        (RecordKind::Aaaa, RData::AAAA(aaaa)) => Some(Record::Address(IpAddr::V6(aaaa.0))),
        (RecordKind::Mx, RData::MX(mx)) => Some(Record::Mx {
            preference: mx.preference,
            exchange: text(&mx.exchange),
        }),
        (RecordKind::Txt, RData::TXT(txt)) => Some(Record::Txt(
            txt.txt_data.iter().map(|part| part.to_vec()).collect(),
        )),
        (RecordKind::Ptr, RData::PTR(ptr)) => Some(Record::Ptr(text(&ptr.0))),
        _ => None,
    }
}

/// What a failed look-up means. Running out of sockets or a broken network is trouble, never "no such domain".
fn read_error(error: &NetError) -> DnsAnswer {
    let ttl = limits::DNS_NEGATIVE_TTL;
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

/// TCP.
struct Tcp;

impl Dial for Tcp {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            let socket = match to {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            if let Some(from) = from {
                socket.bind(SocketAddr::new(from, 0))?;
            } else {
                let any: IpAddr = match to {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                socket.bind(SocketAddr::new(any, 0))?;
            }
            let stream = socket.connect(to).await?;
            // A flight is one write: waiting for more only delays it.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }
}
