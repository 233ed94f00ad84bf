//! Finds the hosts that take mail for a domain: one question per domain and mail host, shared by all that wait for it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::outage::{Heard, Sign};
use super::remembered::Remembered;
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::origin::Origin;
use crate::net::route::{
    Answered, DnsAnswer, DnsFailure, Exchanges, HostAddresses, HostKey, MailHost, Reach,
    RecordKind, Route, are_enough, settle, settle_doubtful,
};

/// What was found out about a mail host, with the time.
struct Found {
    addresses: HostAddresses,
    at: Timestamp,
}

/// Resolves domains, remembering mail hosts that several of them share.
pub(super) struct Router {
    world: World,
    reach: Reach,
    providers: Arc<Providers>,
    /// Whether mail hosts may be asked at IPv6 addresses: some of our origins lead there, or the operator allows
    /// addresses of any kind, such as this machine's own.
    wants_ipv6: bool,
    hosts: Mutex<Remembered<OnceCell<Found>>>,
    /// What domains name as their mail hosts, of which not all were found.
    unfinished: DashMap<String, (Vec<String>, Duration)>,
    questions: AtomicU64,
}

impl Router {
    pub(super) fn new(
        world: World,
        reach: Reach,
        origins: &[Origin],
        providers: Arc<Providers>,
    ) -> Self {
        let leads_out = origins
            .iter()
            .any(|origin| world.dial.reaches_ipv6(origin.address));
        Router {
            world,
            reach,
            providers,
            wants_ipv6: leads_out || reach == Reach::Anywhere,
            hosts: Mutex::new(Remembered::new(limits::MAIL_HOSTS_REMEMBERED)),
            unfinished: DashMap::new(),
            questions: AtomicU64::new(0),
        }
    }

    /// Questions put so far.
    pub(super) fn questions(&self) -> u64 {
        self.questions.load(Ordering::Relaxed)
    }

    /// The route of a domain, or of an address literal, with whether DNS answered.
    pub(super) async fn route(&self, domain: &str) -> (Route, Heard) {
        if let Some(literal) = domain
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            return (self.route_of_literal(literal), Heard::NotAsked);
        }
        let is_asked_again = self.unfinished.contains_key(domain);
        let route = self.look_up(domain).await;
        let heard = match route {
            Route::Trouble {
                answered: Answered::No,
                ..
            } => Heard::Nothing,
            // Those found are dead, and nothing was heard of the others.
            Route::Hosts {
                is_whole: false, ..
            } if is_asked_again => Heard::Nothing,
            Route::Trouble {
                answered: Answered::Yes,
                ..
            }
            | Route::Hosts { .. }
            | Route::Nobody { .. }
            | Route::NotAsked => Heard::Something,
        };
        (route, heard)
    }

    /// Forgets look-ups of mail hosts that failed: DNS was out, and is there again.
    pub(super) fn forget_failures(&self) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|cell| {
            cell.get()
                .is_none_or(|found| found.addresses.failure().is_none())
        });
    }

    /// Whether DNS answers anything to the question for an address of any of these names.
    pub(super) async fn test(&self, names: Vec<String>) -> Sign {
        let mut questions = JoinSet::new();
        for name in names {
            self.questions.fetch_add(1, Ordering::Relaxed);
            let world = self.world.clone();
            questions.spawn(async move { ask(&world, &name, RecordKind::A).await });
        }
        while let Some(answer) = questions.join_next().await {
            match answer {
                Ok(DnsAnswer::Failed(failure)) if Answered::from(&failure) == Answered::No => {}
                Err(_) => {}
                Ok(
                    DnsAnswer::Failed(_)
                    | DnsAnswer::Records { .. }
                    | DnsAnswer::NoSuchName { .. }
                    | DnsAnswer::NoRecords { .. },
                ) => return Sign::Life,
            }
        }
        Sign::None
    }

    /// The route of a domain that is a name. Where it names mail hosts that were not found, only those are asked for
    /// the next time.
    async fn look_up(&self, domain: &str) -> Route {
        if let Some((_, (names, ttl))) = self.unfinished.remove(domain) {
            return self.find_hosts(domain, names, ttl).await;
        }
        let answer = self.ask(domain, RecordKind::Mx).await;
        let (names, ttl) = match Exchanges::read(domain, &answer, self.world.seed) {
            Exchanges::Settled(route) => return route,
            Exchanges::Named { names, ttl } => (names, ttl),
            Exchanges::Implicit { ttl } => (vec![domain.to_owned()], ttl),
            Exchanges::Doubtful { ttl } => {
                let address = self.ask(domain, RecordKind::A).await;
                return settle_doubtful(domain, address, ttl, self.reach, &self.providers);
            }
        };
        self.find_hosts(domain, names, ttl).await
    }

    /// The route of a domain by the names of its mail hosts.
    async fn find_hosts(&self, domain: &str, names: Vec<String>, ttl: Duration) -> Route {
        let mut hosts = Vec::with_capacity(names.len());
        for name in &names {
            if are_enough(&hosts, self.reach) {
                break;
            }
            let found = self.addresses_of(name).await;
            hosts.push((name.clone(), found));
        }
        let route = settle(domain, &hosts, ttl, self.reach, &self.providers);
        if let Route::Hosts {
            is_whole: false, ..
        } = route
        {
            self.unfinished.insert(domain.to_owned(), (names, ttl));
        }
        route
    }

    /// An address literal names its mail host itself (RFC 5321 §4.1.3).
    fn route_of_literal(&self, literal: &str) -> Route {
        let bare = literal
            .strip_prefix("IPv6:")
            .or(literal.strip_prefix("ipv6:"))
            .unwrap_or(literal);
        let name = format!("[{literal}]");
        match bare.parse::<IpAddr>() {
            Ok(ip) if self.reach.allows(ip) => Route::Hosts {
                key: HostKey(name.clone()),
                hosts: vec![MailHost {
                    name,
                    addresses: vec![ip],
                }],
                is_whole: true,
                ttl: Duration::ZERO,
            },
            Ok(_) | Err(_) => Route::Nobody {
                reason: Reason::MxNotPublic,
                detail: format!("{name} is not a public address"),
                ttl: Duration::ZERO,
            },
        }
    }

    /// The addresses of a mail host, asked for once however many domains name it.
    async fn addresses_of(&self, name: &str) -> HostAddresses {
        // An MX must be a name (RFC 5321 §5.1); deviates, because some are addresses, and senders deliver there.
        if let Ok(ip) = name.parse::<IpAddr>() {
            let none = DnsAnswer::NoRecords {
                ttl: Duration::ZERO,
            };
            let found = DnsAnswer::Records {
                records: vec![crate::net::route::Record::Address(ip)],
                ttl: Duration::ZERO,
            };
            return HostAddresses {
                v4: found,
                v6: none,
            };
        }
        let found = self.cell(name);
        let found = found
            .get_or_init(|| async {
                Found {
                    addresses: self.look_up_addresses(name).await,
                    at: self.world.clock.now(),
                }
            })
            .await;
        found.addresses.clone()
    }

    /// Asks for the addresses of both kinds. Where no IPv6 leads out, AAAA is asked for only at names without an IPv4
    /// address: a host that we cannot reach is something else than a host that is not there.
    async fn look_up_addresses(&self, name: &str) -> HostAddresses {
        if self.wants_ipv6 {
            let (v4, v6) = tokio::join!(
                self.ask(name, RecordKind::A),
                self.ask(name, RecordKind::Aaaa)
            );
            return HostAddresses { v4, v6 };
        }
        let v4 = self.ask(name, RecordKind::A).await;
        let v6 = match v4 {
            DnsAnswer::NoRecords { .. } => self.ask(name, RecordKind::Aaaa).await,
            DnsAnswer::Records { ttl, .. } | DnsAnswer::NoSuchName { ttl } => {
                DnsAnswer::NoRecords { ttl }
            }
            DnsAnswer::Failed(_) => DnsAnswer::NoRecords {
                ttl: Duration::ZERO,
            },
        };
        HostAddresses { v4, v6 }
    }

    /// Where a mail host's addresses are, or will be. A failure is remembered for a while only, so that a name server
    /// in trouble is not asked by every domain at once, nor believed for the rest of the run.
    fn cell(&self, name: &str) -> Arc<OnceCell<Found>> {
        let now = self.world.clock.now();
        let failed_long_ago = |cell: &OnceCell<Found>| {
            cell.get().is_some_and(|found| {
                found.addresses.failure().is_some() && now.since(found.at) >= limits::DNS_RETRY_WAIT
            })
        };
        // The lock is gone before anything is awaited.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(name, failed_long_ago)
    }

    /// Puts one question to DNS.
    async fn ask(&self, name: &str, kind: RecordKind) -> DnsAnswer {
        self.questions.fetch_add(1, Ordering::Relaxed);
        ask(&self.world, name, kind).await
    }
}

/// Puts one question to DNS, and waits for the answer as long as is of use.
async fn ask(world: &World, name: &str, kind: RecordKind) -> DnsAnswer {
    timeout(limits::LOOK_UP_WAIT, world.names.query(name, kind))
        .await
        .unwrap_or(DnsAnswer::Failed(DnsFailure::Timeout))
}
