//! DNS through hickory.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::Resolver as Hickory;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::capped::Capped;
use super::checked::Whose;
use super::proof::{self, Claim, Weak};
use super::width::{Outcome, Places, Width};
use super::{NoServers, Servers};
use crate::model::limits;
use crate::net::route::{DnsAnswer, DnsFailure, Reach, RecordKind};
use crate::net::{Later, Resolver};

/// DNS through hickory, each answer checked for its proof.
pub(super) struct Dns {
    resolver: Hickory<Capped>,
    /// Each of the first servers by itself, where there are several: what one of them cannot prove is held against what
    /// the others say.
    single: Vec<Hickory<Capped>>,
    authorities: Authorities,
    /// hickory holds a socket for each question until its time is over: a question waits for a place.
    places: Semaphore,
    width: Mutex<Width>,
}

/// Whether a zone's own name servers are asked where resolvers prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authorities {
    LeftAlone,
    /// At this port, where they are within reach.
    Asked {
        port: u16,
        reach: Reach,
    },
}

impl Authorities {
    /// Where name servers are (RFC 1035 §4.2), and never inward.
    pub(super) const ON_THE_INTERNET: Authorities = Authorities::Asked {
        port: 53,
        reach: Reach::Public,
    };
}

impl Dns {
    /// A resolver that asks `servers`, at most `places` questions at a time.
    pub(super) fn new(
        servers: &Servers,
        places: usize,
        authorities: Authorities,
    ) -> Result<Self, NoServers> {
        let failed = |error: NetError| NoServers(error.to_string());
        let config = match servers {
            Servers::System => read_system_conf().map_err(failed)?.0,
            Servers::Named(addresses) => {
                let servers = addresses
                    .iter()
                    .map(|&address| name_server(address))
                    .collect();
                ResolverConfig::from_parts(None, vec![], servers)
            }
        };
        let single = match config.name_servers() {
            [] | [_] => Vec::new(),
            several => several
                .iter()
                .take(limits::DNS_OPINIONS)
                .map(|server| ResolverConfig::from_parts(None, vec![], vec![server.clone()]))
                .map(|config| {
                    resolver(config, Whose::Resolver, limits::DNS_OPINIONS_CACHE).map_err(failed)
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Dns {
            resolver: resolver(config, Whose::Resolver, limits::DNS_CACHE).map_err(failed)?,
            single,
            authorities,
            places: Semaphore::new(places.min(limits::DNS_QUESTIONS)),
            width: Mutex::new(Width::new(places)),
        })
    }

    /// Leaves a place, with what came of its question: the window may get wider or narrower by that.
    fn leave(&self, place: SemaphorePermit<'_>, outcome: Outcome) {
        let mut width = self.width.lock().unwrap_or_else(PoisonError::into_inner);
        let Places { more, is_free } = width.leave(outcome);
        drop(width);
        self.places.add_permits(more);
        if is_free { drop(place) } else { place.forget() }
    }

    /// What becomes of an answer that proves nothing: the sound answer of another server in its place, itself where two
    /// servers say the same; else what the zone's own name servers say; else trouble.
    async fn second_opinion(&self, fqdn: &Name, wanted: RecordType, weak: Weak) -> DnsAnswer {
        let mut alike = 0;
        for resolver in &self.single {
            match proof::weigh(fqdn, wanted, resolver.lookup(fqdn.clone(), wanted).await) {
                Claim::Sound(DnsAnswer::Failed(_)) => {}
                Claim::Sound(answer) => return answer,
                Claim::Weak(other) => alike += usize::from(other.says_the_same(&weak)),
            }
        }
        if alike > 1 {
            return weak.answer;
        }
        match self.zones_own_answer(fqdn, wanted).await {
            Some(Claim::Sound(answer)) => answer,
            Some(Claim::Weak(own)) if own.says_the_same(&weak) => weak.answer,
            Some(Claim::Weak(_)) | None => DnsAnswer::Failed(DnsFailure::Unproven(weak.why)),
        }
    }

    /// What the name servers of the closest zone that a name is in say themselves, as far as the resolvers tell where
    /// they are. A filter denies a name, and seldom the servers of its zone.
    async fn zones_own_answer(&self, fqdn: &Name, wanted: RecordType) -> Option<Claim> {
        let Authorities::Asked { port, reach } = self.authorities else {
            return None;
        };
        let mut zone = fqdn.clone();
        for _ in 0..limits::DNS_ZONES_TRIED {
            // Of a name under a top-level domain, that one's servers know where to ask, and no more.
            if zone.num_labels() < 2 {
                break;
            }
            let servers = self.servers_of(&zone).await;
            if !servers.is_empty() {
                for server in servers.iter().take(limits::DNS_AUTHORITIES) {
                    let Some(ip) = self.address_of(server, reach).await else {
                        continue;
                    };
                    let claim = ask_authority(SocketAddr::new(ip, port), fqdn, wanted).await;
                    if !matches!(claim, Claim::Sound(DnsAnswer::Failed(_))) {
                        return Some(claim);
                    }
                }
                return None;
            }
            zone = zone.base_name();
        }
        None
    }

    /// The names of a zone's servers; none where this is no zone, or its servers are not told.
    async fn servers_of(&self, zone: &Name) -> Vec<Name> {
        let Ok(found) = self.resolver.lookup(zone.clone(), RecordType::NS).await else {
            return Vec::new();
        };
        let servers = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::NS(server) if record.name == *zone => Some(server.0.clone()),
                _ => None,
            });
        servers.collect()
    }

    /// An address of a name server, if it is one that may be asked.
    async fn address_of(&self, server: &Name, reach: Reach) -> Option<IpAddr> {
        let found = self.resolver.lookup(server.clone(), RecordType::A).await;
        let addresses = found.ok()?;
        let mut addresses = addresses
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                _ => None,
            });
        addresses.find(|ip| reach.allows(*ip))
    }
}

/// Puts a question to one name server of a zone.
async fn ask_authority(server: SocketAddr, fqdn: &Name, wanted: RecordType) -> Claim {
    let config = ResolverConfig::from_parts(None, vec![], vec![name_server(server)]);
    match resolver(config, Whose::Authority, 1) {
        Ok(server) => proof::weigh(fqdn, wanted, server.lookup(fqdn.clone(), wanted).await),
        Err(error) => Claim::Sound(DnsAnswer::Failed(DnsFailure::Other(error.to_string()))),
    }
}

fn resolver(config: ResolverConfig, whose: Whose, cache: u64) -> Result<Hickory<Capped>, NetError> {
    let mut builder = Hickory::builder_with_config(config, Capped::to(whose));
    *builder.options_mut() = options(cache);
    builder.build()
}

/// A name server asked over UDP, over TCP where an answer is too long.
fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    udp.port = address.port();
    let mut tcp = ConnectionConfig::tcp();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn options(cache: u64) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = limits::DNS_WAIT;
    options.attempts = limits::DNS_ATTEMPTS;
    options.cache_size = cache;
    // Which names an answer leads over decides which of its records are about the question.
    options.preserve_intermediates = true;
    // A list is about the public DNS, never about this machine's own names.
    options.use_hosts_file = ResolveHosts::Never;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.negative_min_ttl = Some(limits::DNS_NEGATIVE_TTL);
    options
}

impl Resolver for Dns {
    fn places(&self) -> usize {
        self.width
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now()
    }

    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        Box::pin(async move {
            // Labels are bytes (RFC 2181 §11): SPF macros make names with slashes, colons, quotes. A name from labels
            // is a full one, so the search list is never walked.
            let Ok(fqdn) = Name::from_labels(name.split('.').map(str::as_bytes)) else {
                return DnsAnswer::NoSuchName {
                    ttl: Duration::ZERO,
                };
            };
            let wanted = proof::record_type(kind);
            let place = self
                .places
                .acquire()
                .await
                .expect("the semaphore is never closed");
            let found = self.resolver.lookup(fqdn.clone(), wanted).await;
            let answer = match proof::weigh(&fqdn, wanted, found) {
                Claim::Sound(answer) => answer,
                Claim::Weak(weak) => self.second_opinion(&fqdn, wanted, weak).await,
            };
            let is_lost = answer == DnsAnswer::Failed(DnsFailure::Timeout);
            let outcome = if is_lost {
                Outcome::Lost
            } else {
                Outcome::Answered
            };
            self.leave(place, outcome);
            answer
        })
    }
}

#[cfg(test)]
#[path = "../../../tests/support/dns.rs"]
mod server;

#[cfg(test)]
mod tests {
    use super::server::{
        A, AUTHENTIC, AUTHORITATIVE, Answer, CNAME, MX, NO_SUCH_NAME, NS, REFUSED, SERVER_FAILURE,
        Turn, mx, name_bytes, serve,
    };
    use super::*;
    use crate::net::route::{Record, Unproven};

    fn failure(code: u16) -> Answer {
        Answer {
            code,
            ..Answer::default()
        }
    }

    /// Aliases, each of the next, then whatever the last one has.
    fn alias(from: &str, to: &str, rest: Answer) -> Answer {
        let mut answer = Answer::one(from, CNAME, name_bytes(to));
        answer.records.extend(rest.records);
        Answer {
            records: answer.records,
            ..rest
        }
    }

    /// A name server on loopback. It says what `answer` gives for the first label and the kind of record.
    fn name_server(answer: fn(&str, u16) -> Answer) -> SocketAddr {
        serve(move |name, kind| {
            let (label, _) = name.split_once('.').unwrap_or((name, ""));
            Turn::Says(answer(label, kind))
        })
    }

    #[tokio::test]
    async fn answers_are_read_with_the_kinds_of_no_kept_apart() {
        let server = name_server(|label, kind| match (label, kind) {
            ("busy", MX) => Answer::one("busy.test", MX, mx(10, "MX.acme.TEST")),
            ("busy", A) => Answer::one("busy.test", A, vec![11, 0, 0, 1]),
            ("alias", A) => {
                let busy = Answer::one("busy.test", A, vec![11, 0, 0, 1]);
                alias("alias.test", "busy.test", busy)
            }
            // Aliases of a name that does not exist, of one without an address.
            ("gone", _) => alias("gone.test", "dead.test", Answer::no_such_name()),
            ("bare", _) => alias("bare.test", "dead.test", Answer::none()),
            // A resolver that validates, and says so instead of showing the zone.
            ("signed", _) => Answer {
                bits: AUTHENTIC,
                ..failure(NO_SUCH_NAME)
            },
            ("busy" | "odd_name", _) => Answer::none(),
            ("broken", _) => failure(SERVER_FAILURE),
            ("closed", _) => failure(REFUSED),
            _ => Answer::no_such_name(),
        });
        let dns = Dns::new(&Servers::Named(vec![server]), 10, Authorities::LeftAlone).unwrap();
        let ask = async |name: &str, kind| dns.query(name, kind).await;
        assert_eq!(
            ask("busy.test", RecordKind::Mx).await,
            DnsAnswer::Records {
                records: vec![Record::Mx {
                    preference: 10,
                    exchange: "mx.acme.test".to_owned()
                }],
                ttl: Duration::from_secs(300)
            }
        );
        for name in ["busy.test", "alias.test"] {
            assert!(matches!(
                ask(name, RecordKind::A).await,
                DnsAnswer::Records { records, .. } if records == [Record::Address("11.0.0.1".parse().unwrap())]
            ));
        }
        // As long as the zone says; where it does not, as long as we do.
        let ttl = Duration::from_secs(300);
        assert_eq!(
            ask("signed.test", RecordKind::Mx).await,
            DnsAnswer::NoSuchName {
                ttl: limits::DNS_NEGATIVE_TTL
            }
        );
        assert_eq!(
            ask("busy.test", RecordKind::Aaaa).await,
            DnsAnswer::NoRecords { ttl }
        );
        assert_eq!(
            ask("odd_name.test", RecordKind::Txt).await,
            DnsAnswer::NoRecords { ttl }
        );
        for name in ["dead.test", "gone.test"] {
            assert_eq!(
                ask(name, RecordKind::Mx).await,
                DnsAnswer::NoSuchName { ttl },
                "{name}"
            );
        }
        assert_eq!(
            ask("bare.test", RecordKind::A).await,
            DnsAnswer::NoRecords { ttl }
        );
        assert_eq!(
            ask("broken.test", RecordKind::Mx).await,
            DnsAnswer::Failed(DnsFailure::ServerFailure)
        );
        assert_eq!(
            ask("closed.test", RecordKind::Mx).await,
            DnsAnswer::Failed(DnsFailure::Refused)
        );
        // No server need say so of a name that is reserved.
        assert!(matches!(
            ask("acme.invalid", RecordKind::Mx).await,
            DnsAnswer::NoSuchName { .. }
        ));
    }

    /// Says in every way what proves nothing.
    fn filter(label: &str, _: u16) -> Answer {
        let elsewhere = || Answer::one("else.test", A, vec![11, 0, 0, 9]);
        let round = || Answer::one("round.test", CNAME, name_bytes("loop.test"));
        match label {
            "blocked" => Answer::one("blocked.test", A, vec![0, 0, 0, 0]),
            "loop" => alias("loop.test", "round.test", round()),
            "round" => round(),
            "other" => elsewhere(),
            // The zone shown has no say in the name.
            "foreign" => Answer {
                zone: "else.example",
                ..Answer::no_such_name()
            },
            "mixed" => Answer {
                proven: true,
                zone: "test",
                ..elsewhere()
            },
            "empty" => Answer::default(),
            "strange" => Answer {
                over_tcp: Some("else.test"),
                ..Answer::no_such_name()
            },
            _ => failure(NO_SUCH_NAME),
        }
    }

    const WEAK: [&str; 8] = [
        "blocked", "loop", "other", "empty", "strange", "dead", "foreign", "mixed",
    ];

    async fn answers(servers: Vec<SocketAddr>) -> Vec<DnsAnswer> {
        answers_with(servers, Authorities::LeftAlone).await
    }

    async fn answers_with(servers: Vec<SocketAddr>, authorities: Authorities) -> Vec<DnsAnswer> {
        let dns = Dns::new(&Servers::Named(servers), 10, authorities).unwrap();
        let mut answers = Vec::new();
        for label in WEAK {
            answers.push(dns.query(&format!("{label}.test"), RecordKind::A).await);
        }
        answers
    }

    #[tokio::test]
    async fn what_proves_nothing_condemns_nobody() {
        let answers = answers(vec![name_server(filter)]).await;
        for (label, answer) in WEAK.iter().zip(&answers) {
            assert!(
                matches!(answer, DnsAnswer::Failed(DnsFailure::Unproven(_))),
                "{label}: {answer:?}"
            );
        }
        assert_eq!(
            answers[0],
            DnsAnswer::Failed(DnsFailure::Unproven(Unproven::NoAddress))
        );
    }

    #[tokio::test]
    async fn a_second_server_decides() {
        let honest = |label: &str, _| match label {
            "blocked" => Answer::one("blocked.test", A, vec![11, 0, 0, 7]),
            _ => Answer::no_such_name(),
        };
        let told = answers(vec![name_server(filter), name_server(honest)]).await;
        assert!(matches!(&told[0], DnsAnswer::Records { records, .. }
            if *records == [Record::Address("11.0.0.7".parse().unwrap())]));
        for (label, answer) in WEAK.iter().zip(&told).skip(1) {
            assert!(
                matches!(answer, DnsAnswer::NoSuchName { .. }),
                "{label}: {answer:?}"
            );
        }
        let told = answers(vec![name_server(filter), name_server(filter)]).await;
        let said: Vec<bool> = told
            .iter()
            .map(|answer| !matches!(answer, DnsAnswer::Failed(_)))
            .collect();
        // Two say that a name is blocked, empty or dead, which counts; what they say to another question stays nothing.
        assert_eq!(
            said,
            [true, false, false, true, false, true, true, false],
            "{told:?}"
        );
    }

    /// The same, but it tells where the zones' own name servers are.
    fn filter_with_zones(label: &str, kind: u16) -> Answer {
        match (label, kind) {
            ("ns", A) => Answer::one("ns.test", A, vec![127, 0, 0, 1]),
            (_, NS) if WEAK.contains(&label) => {
                Answer::one(&format!("{label}.test"), NS, name_bytes("ns.test"))
            }
            (_, NS) => Answer::none(),
            (_, _) => filter(label, kind),
        }
    }

    #[tokio::test]
    async fn the_zones_own_name_server_decides_where_no_resolver_does() {
        let own = name_server(|label, _| {
            let said = match label {
                "blocked" => Answer::one("blocked.test", A, vec![11, 0, 0, 7]),
                // It leaves its own record out as well.
                "dead" => failure(NO_SUCH_NAME),
                "empty" => Answer::default(),
                "strange" => filter(label, A),
                _ => Answer::no_such_name(),
            };
            Answer {
                bits: AUTHORITATIVE,
                ..said
            }
        });
        let asked = |reach| Authorities::Asked {
            port: own.port(),
            reach,
        };
        let resolver = name_server(filter_with_zones);
        let told = answers_with(vec![resolver], asked(Reach::Anywhere)).await;
        assert!(matches!(&told[0], DnsAnswer::Records { records, .. }
            if *records == [Record::Address("11.0.0.7".parse().unwrap())]));
        assert!(matches!(told[3], DnsAnswer::NoRecords { .. }), "{told:?}");
        assert!(matches!(told[4], DnsAnswer::Failed(_)), "{told:?}");
        for place in [1, 2, 5, 6, 7] {
            assert!(
                matches!(told[place], DnsAnswer::NoSuchName { .. }),
                "{told:?}"
            );
        }
        // It is on this machine: nobody is asked inward.
        let told = answers_with(vec![resolver], asked(Reach::Public)).await;
        assert!(
            told.iter()
                .all(|answer| matches!(answer, DnsAnswer::Failed(_))),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn who_answers_in_the_name_of_a_zone_proves_nothing() {
        // No AA: it is no authority.
        let hijacker = name_server(|_, _| Answer::no_such_name());
        let authorities = Authorities::Asked {
            port: hijacker.port(),
            reach: Reach::Anywhere,
        };
        let told = answers_with(vec![name_server(filter_with_zones)], authorities).await;
        assert!(
            told.iter()
                .all(|answer| matches!(answer, DnsAnswer::Failed(_))),
            "{told:?}"
        );
    }
}
