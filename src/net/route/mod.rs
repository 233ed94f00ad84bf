//! The hosts that take mail for a domain: from DNS answers to a route.
//!
//! [`Exchanges::read`] says what a domain's MX records ask for, [`settle`] makes the route once the addresses of the
//! mail hosts are known. Neither does I/O.

mod reach;

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::model::dns::{DnsAnswer, DnsFailure, Record, RecordKind, Unproven};
pub use reach::Reach;

use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::seeded::fingerprint;

/// What shares a limit: the provider that runs a mail host, else the registrable domain of its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostKey(pub String);

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A mail host with the addresses it may be reached at, in the order in which to try them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MailHost {
    /// Its name, lower-case A-labels; an address literal for a domain that is one.
    pub name: String,
    /// At least one.
    pub addresses: Vec<IpAddr>,
}

/// The hosts that take mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Route {
    /// These hosts do.
    Hosts {
        /// In the order in which to try them; at least one.
        hosts: Vec<MailHost>,
        /// Whether all were found: otherwise DNS gave no usable answer to the question where another one is.
        is_whole: bool,
        /// What they share limits with.
        key: HostKey,
        /// How long DNS says that this holds.
        ttl: Duration,
    },
    /// No host does, and that is certain.
    Nobody {
        /// One of the domain reasons.
        reason: Reason,
        /// What DNS said, for display.
        detail: String,
        /// How long DNS says that this holds.
        ttl: Duration,
    },
    /// Hosts do, but the operator wants none of them asked.
    NotAsked,
    /// DNS gave no usable answer: no finding about any address of the domain.
    Trouble {
        /// What DNS said, for display.
        detail: String,
        /// Whether it said anything at all.
        answered: Answered,
    },
}

impl Route {
    /// The addresses of its mail hosts, in the order in which to try them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let hosts = match self {
            Route::Hosts { hosts, .. } => hosts.as_slice(),
            Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => &[],
        };
        hosts.iter().flat_map(|host| host.addresses.iter().copied())
    }
}

/// Whether DNS answered where it gave nothing of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// With what proves nothing.
    Yes,
    /// It failed, or kept silent.
    No,
}

impl From<&DnsFailure> for Answered {
    fn from(failure: &DnsFailure) -> Self {
        match failure {
            DnsFailure::Unproven(_) => Answered::Yes,
            DnsFailure::ServerFailure
            | DnsFailure::Refused
            | DnsFailure::Timeout
            | DnsFailure::Other(_) => Answered::No,
        }
    }
}

/// What a domain's MX records ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchanges {
    /// These mail hosts, best first.
    Named {
        /// Names in the order in which to try them.
        names: Vec<String>,
        /// How long the answer holds.
        ttl: Duration,
    },
    /// There are none: the domain itself is its mail host if it has an address (RFC 5321 §5.1).
    Implicit {
        /// How long the answer holds.
        ttl: Duration,
    },
    /// DNS says that there is no such name. Some name servers say so of a name that has an address but no MX, though
    /// NXDOMAIN is about every kind of record (RFC 2308 §2.1, RFC 8020 §2): its address is asked for before it is
    /// believed, which costs one question for each dead domain and keeps the addresses of the others.
    Doubtful {
        /// How long the answer holds.
        ttl: Duration,
    },
    /// The matter is settled without asking further.
    Settled(Route),
}

impl Exchanges {
    /// Reads the answer to a domain's MX question. Hosts of equal preference share the load by domain and `seed` (RFC
    /// 5321 §5.1 asks for a random order): a domain is asked at one of them as long as that one answers, for it is
    /// there that a greylist knows us again and that answers can be held against each other; the next domain begins at
    /// another.
    #[must_use]
    pub fn read(domain: &str, answer: &DnsAnswer, seed: u64) -> Self {
        match answer {
            DnsAnswer::Records { records, ttl } => {
                let mut mx: Vec<(u16, &str)> = records
                    .iter()
                    .filter_map(|record| match record {
                        Record::Mx {
                            preference,
                            exchange,
                        } => Some((*preference, exchange.as_str())),
                        Record::Address(_)
                        | Record::Txt(_)
                        | Record::Ptr(_)
                        | Record::Soa { .. } => None,
                    })
                    .collect();
                if mx.is_empty() {
                    return Exchanges::Implicit { ttl: *ttl };
                }
                // RFC 7505 §3: one MX, the root. Beside others it is a mistake, and the others count.
                mx.retain(|(_, exchange)| !exchange.is_empty());
                if mx.is_empty() {
                    return Exchanges::Settled(Route::Nobody {
                        reason: Reason::NullMx,
                        detail: format!("{domain} has a null MX (RFC 7505): it takes no mail"),
                        ttl: *ttl,
                    });
                }
                mx.sort_by_key(|(preference, exchange)| {
                    (*preference, spread(seed, exchange), *exchange)
                });
                // A name counts once, where it is wanted most: repetitions must not take the place of other hosts.
                let mut seen = HashSet::new();
                mx.retain(|(_, exchange)| seen.insert(*exchange));
                // Turned, not shuffled: domains with the same hosts fall into as many groups as there are equals.
                let turn = spread(seed, domain);
                for equals in mx.chunk_by_mut(|(a, _), (b, _)| a == b) {
                    let count = equals.len() as u64;
                    equals.rotate_left(usize::try_from(turn % count).unwrap_or_default());
                }
                let names = mx
                    .into_iter()
                    .take(limits::MAIL_HOST_NAMES)
                    .map(|(_, exchange)| exchange.to_owned())
                    .collect();
                Exchanges::Named { names, ttl: *ttl }
            }
            DnsAnswer::NoRecords { ttl } => Exchanges::Implicit { ttl: *ttl },
            DnsAnswer::NoSuchName { ttl } => Exchanges::Doubtful { ttl: *ttl },
            DnsAnswer::Failed(failure) => Exchanges::Settled(Route::Trouble {
                detail: format!("asking for the mail hosts of {domain}: {failure}"),
                answered: failure.into(),
            }),
        }
    }
}

/// A number that spreads names over hosts of equal preference, the same for the same seed.
fn spread(seed: u64, name: &str) -> u64 {
    fingerprint((seed, name))
}

/// What was found out about one mail host's addresses: the answers to A and AAAA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddresses {
    /// The answer to A.
    pub v4: DnsAnswer,
    /// The answer to AAAA.
    pub v6: DnsAnswer,
}

impl HostAddresses {
    /// The addresses themselves, IPv4 first: many hosts ask more of an IPv6 client (a reverse name above all), so
    /// that family serves as the fallback.
    fn list(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for answer in [&self.v4, &self.v6] {
            if let DnsAnswer::Records { records, .. } = answer {
                addresses.extend(records.iter().filter_map(|record| match record {
                    Record::Address(ip) => Some(*ip),
                    Record::Mx { .. } | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. } => {
                        None
                    }
                }));
            }
        }
        addresses
    }

    /// Whether it is not known where the host is: a question failed, and the other brought no address.
    fn is_unknown(&self) -> bool {
        self.failure().is_some() && self.list().is_empty()
    }

    /// The failure that keeps us from saying that there is no address.
    #[must_use]
    pub fn failure(&self) -> Option<&DnsFailure> {
        [&self.v4, &self.v6]
            .into_iter()
            .find_map(|answer| match answer {
                DnsAnswer::Failed(failure) => Some(failure),
                DnsAnswer::Records { .. }
                | DnsAnswer::NoSuchName { .. }
                | DnsAnswer::NoRecords { .. } => None,
            })
    }
}

/// What the addresses of a domain's mail hosts come to.
struct Places {
    /// Hosts that may be contacted, each with the addresses that no host before it has.
    usable: Vec<MailHost>,
    /// Addresses that may not be contacted.
    inward: Vec<IpAddr>,
}

impl Places {
    /// Reads what was found out about mail hosts, given in order. An address counts once, at the first host that has
    /// it: further names of one machine are no further way to the domain.
    fn of(hosts: &[(String, HostAddresses)], reach: Reach) -> Self {
        let mut seen = HashSet::new();
        let mut places = Places {
            usable: Vec::new(),
            inward: Vec::new(),
        };
        for (name, found) in hosts {
            let (reachable, private): (Vec<_>, Vec<_>) = found
                .list()
                .into_iter()
                .filter(|ip| seen.insert(*ip))
                .partition(|ip| reach.allows(*ip));
            places.inward.extend(private);
            if !reachable.is_empty() && places.usable.len() < limits::MAIL_HOSTS {
                places.usable.push(MailHost {
                    name: name.clone(),
                    addresses: reachable
                        .into_iter()
                        .take(limits::ADDRESSES_OF_A_HOST)
                        .collect(),
                });
            }
        }
        places
    }
}

/// Whether the mail hosts looked up so far are as many as are ever tried, so that no more names need be looked up.
#[must_use]
pub fn are_enough(hosts: &[(String, HostAddresses)], reach: Reach) -> bool {
    hosts.len() >= limits::MAIL_HOSTS && Places::of(hosts, reach).usable.len() >= limits::MAIL_HOSTS
}

/// Makes the route of `domain` from its mail hosts in order, each with what DNS said of its addresses.
///
/// `ttl` is that of the MX answer; `reach` says which addresses may be contacted.
#[must_use]
pub fn settle(
    domain: &str,
    hosts: &[(String, HostAddresses)],
    ttl: Duration,
    reach: Reach,
    providers: &Providers,
) -> Route {
    let Places { usable, inward } = Places::of(hosts, reach);
    if let Some(first) = usable.first() {
        let key = host_key(&first.name, providers);
        return Route::Hosts {
            is_whole: !hosts.iter().any(|(_, found)| found.is_unknown()),
            hosts: usable,
            key,
            ttl,
        };
    }
    let homeless: Vec<&(String, HostAddresses)> = hosts
        .iter()
        .filter(|(_, found)| found.list().is_empty())
        .collect();
    let failure = homeless
        .iter()
        .find_map(|(name, found)| Some((name, found.failure()?)));
    if let Some((name, failure)) = failure {
        return Route::Trouble {
            detail: format!("asking for the address of {name}: {failure}"),
            answered: failure.into(),
        };
    }
    if let Some(address) = inward.first() {
        return Route::Nobody {
            reason: Reason::MxNotPublic,
            detail: format!(
                "the mail hosts of {domain} have only addresses that are not public, such as {address}"
            ),
            ttl,
        };
    }
    let names: Vec<&str> = homeless.iter().map(|(name, _)| name.as_str()).collect();
    Route::Nobody {
        reason: Reason::NoMailHost,
        detail: if names.iter().all(|name| *name == domain) {
            format!("{domain} has neither an MX record nor an address")
        } else {
            format!(
                "no mail host of {domain} has an address ({})",
                names.join(", ")
            )
        },
        ttl,
    }
}

/// Makes the route of a domain whose MX question was answered with "no such name" (and `ttl`), once the question for
/// its address is answered too. Only when both say so is there no such domain.
#[must_use]
pub fn settle_doubtful(
    domain: &str,
    address: DnsAnswer,
    ttl: Duration,
    reach: Reach,
    providers: &Providers,
) -> Route {
    match address {
        DnsAnswer::NoSuchName { .. } => Route::Nobody {
            reason: Reason::NoSuchDomain,
            detail: format!("DNS says that there is no {domain} (NXDOMAIN)"),
            ttl,
        },
        DnsAnswer::Records { .. } | DnsAnswer::NoRecords { .. } | DnsAnswer::Failed(_) => {
            let found = HostAddresses {
                v4: address,
                v6: DnsAnswer::NoRecords { ttl },
            };
            settle(domain, &[(domain.to_owned(), found)], ttl, reach, providers)
        }
    }
}

/// What the mail host `name` shares limits with.
#[must_use]
pub fn host_key(name: &str, providers: &Providers) -> HostKey {
    if let Some(provider) = providers.of_mail_host(name) {
        return HostKey(provider.id.clone());
    }
    // An address has no registrable domain: the last two numbers of one are no neighbourhood.
    let is_an_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let domain = psl::domain_str(name).filter(|_| !is_an_address);
    HostKey(domain.unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(300);

    fn mx(records: &[(u16, &str)]) -> DnsAnswer {
        DnsAnswer::Records {
            records: records
                .iter()
                .map(|&(preference, exchange)| Record::Mx {
                    preference,
                    exchange: exchange.to_owned(),
                })
                .collect(),
            ttl: TTL,
        }
    }

    fn at(addresses: &[&str]) -> HostAddresses {
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses
            .iter()
            .map(|ip| ip.parse().unwrap())
            .partition(IpAddr::is_ipv4);
        let answer = |ips: Vec<IpAddr>| match ips.len() {
            0 => DnsAnswer::NoRecords { ttl: TTL },
            _ => DnsAnswer::Records {
                records: ips.into_iter().map(Record::Address).collect(),
                ttl: TTL,
            },
        };
        HostAddresses {
            v4: answer(v4),
            v6: answer(v6),
        }
    }

    fn route(hosts: Vec<(&str, HostAddresses)>) -> Route {
        let hosts: Vec<(String, HostAddresses)> = hosts
            .into_iter()
            .map(|(name, found)| (name.to_owned(), found))
            .collect();
        settle(
            "acme.test",
            &hosts,
            TTL,
            Reach::Public,
            &Providers::built_in(),
        )
    }

    fn reason(route: &Route) -> Option<Reason> {
        match route {
            Route::Nobody { reason, .. } => Some(*reason),
            Route::Hosts { .. } | Route::NotAsked | Route::Trouble { .. } => None,
        }
    }

    #[test]
    fn mail_hosts_are_tried_by_preference_with_equals_spread_by_the_seed() {
        let answer = mx(&[
            (20, "c.test"),
            (10, "a.test"),
            (10, "b.test"),
            (10, "a.test"),
        ]);
        let names = |seed| match Exchanges::read("acme.test", &answer, seed) {
            Exchanges::Named { names, .. } => names,
            other => panic!("{other:?}"),
        };
        let firsts: std::collections::BTreeSet<String> =
            (0..50).map(|seed| names(seed)[0].clone()).collect();
        assert_eq!(firsts, ["a.test", "b.test"].map(str::to_owned).into());
        assert_eq!(names(1), names(1));
        assert!((0..50).all(|seed| names(seed).len() == 3 && names(seed)[2] == "c.test"));
    }

    #[test]
    fn a_name_that_is_repeated_takes_no_place_of_another() {
        let repeated: Vec<(u16, String)> = (0..11)
            .map(|n| (n, format!("old{}.test", n % 2)))
            .chain([(11, "mx.test".to_owned())])
            .collect();
        let records: Vec<(u16, &str)> = repeated.iter().map(|(n, name)| (*n, &**name)).collect();
        let Exchanges::Named { names, .. } = Exchanges::read("acme.test", &mx(&records), 0) else {
            panic!("hosts are named")
        };
        assert_eq!(names, ["old0.test", "old1.test", "mx.test"]);
    }

    #[test]
    fn names_of_one_address_and_names_without_any_take_no_place_of_another() {
        let mut hosts: Vec<(String, HostAddresses)> = (0..7)
            .map(|n| (format!("mx{n}.acme.test"), at(&["11.0.0.1"])))
            .collect();
        hosts.push(("gone.acme.test".to_owned(), at(&[])));
        assert!(!are_enough(&hosts, Reach::Public));
        hosts.push(("last.acme.test".to_owned(), at(&["11.0.0.1", "11.0.0.2"])));
        let Route::Hosts { hosts: found, .. } = settle(
            "acme.test",
            &hosts,
            TTL,
            Reach::Public,
            &Providers::built_in(),
        ) else {
            panic!("there are hosts")
        };
        let told: Vec<(&str, usize)> = found
            .iter()
            .map(|host| (host.name.as_str(), host.addresses.len()))
            .collect();
        assert_eq!(told, [("mx0.acme.test", 1), ("last.acme.test", 1)]);
        hosts.extend((3..7).map(|n| (format!("mx{n}.other.test"), at(&[&format!("11.0.0.{n}")]))));
        assert!(are_enough(&hosts, Reach::Public));
    }

    #[test]
    fn domains_with_the_same_hosts_share_them_evenly() {
        let answer = mx(&[
            (10, "a.test"),
            (10, "b.test"),
            (10, "c.test"),
            (20, "d.test"),
        ]);
        let mut firsts = std::collections::BTreeMap::new();
        let mut orders = std::collections::BTreeSet::new();
        for n in 0..300 {
            let Exchanges::Named { names, .. } =
                Exchanges::read(&format!("firm{n}.test"), &answer, 7)
            else {
                panic!("hosts are named")
            };
            *firsts.entry(names[0].clone()).or_insert(0) += 1;
            orders.insert(names);
        }
        assert_eq!(firsts.len(), 3);
        assert!(
            firsts.values().all(|count| (70..130).contains(count)),
            "{firsts:?}"
        );
        assert_eq!(orders.len(), 3, "as many groups as equals");
    }

    #[test]
    fn a_null_mx_is_a_refusal_not_a_missing_record() {
        let settled = Exchanges::read("acme.test", &mx(&[(0, "")]), 0);
        let Exchanges::Settled(route) = settled else {
            panic!("{settled:?}")
        };
        assert_eq!(reason(&route), Some(Reason::NullMx));
        let beside = Exchanges::read("acme.test", &mx(&[(0, ""), (10, "mx.acme.test")]), 0);
        assert!(matches!(beside, Exchanges::Named { names, .. } if names == ["mx.acme.test"]));
    }

    #[test]
    fn the_kinds_of_no_are_kept_apart() {
        let read = |answer| Exchanges::read("acme.test", &answer, 0);
        assert!(matches!(
            read(DnsAnswer::NoRecords { ttl: TTL }),
            Exchanges::Implicit { .. }
        ));
        assert!(matches!(
            read(DnsAnswer::NoSuchName { ttl: TTL }),
            Exchanges::Doubtful { .. }
        ));
        for failure in [
            DnsFailure::ServerFailure,
            DnsFailure::Refused,
            DnsFailure::Timeout,
        ] {
            assert!(matches!(
                read(DnsAnswer::Failed(failure)),
                Exchanges::Settled(Route::Trouble { .. })
            ));
        }
    }

    #[test]
    fn no_such_name_is_believed_only_when_there_is_no_address_either() {
        let settled = |answer| {
            settle_doubtful(
                "acme.test",
                answer,
                TTL,
                Reach::Public,
                &Providers::built_in(),
            )
        };
        assert_eq!(
            reason(&settled(DnsAnswer::NoSuchName { ttl: TTL })),
            Some(Reason::NoSuchDomain)
        );
        assert!(
            matches!(settled(at(&["11.0.0.1"]).v4), Route::Hosts { hosts, .. } if hosts[0].name == "acme.test")
        );
        assert_eq!(
            reason(&settled(DnsAnswer::NoRecords { ttl: TTL })),
            Some(Reason::NoMailHost)
        );
        assert!(matches!(
            settled(DnsAnswer::Failed(DnsFailure::Timeout)),
            Route::Trouble { .. }
        ));
    }

    #[test]
    fn a_host_without_address_is_passed_over_while_another_has_one() {
        let found = route(vec![
            ("mx1.acme.test", at(&[])),
            ("mx2.acme.test", at(&["11.0.0.2"])),
        ]);
        let Route::Hosts { hosts, key, .. } = found else {
            panic!("{found:?}")
        };
        assert_eq!(
            (hosts.len(), hosts[0].name.as_str(), key.0.as_str()),
            (1, "mx2.acme.test", "acme.test")
        );
    }

    #[test]
    fn no_address_anywhere_means_no_mail_host_but_trouble_means_nothing() {
        assert_eq!(
            reason(&route(vec![("mx.acme.test", at(&[]))])),
            Some(Reason::NoMailHost)
        );
        assert_eq!(
            reason(&route(vec![("acme.test", at(&[]))])),
            Some(Reason::NoMailHost)
        );
        let half = HostAddresses {
            v4: DnsAnswer::NoRecords { ttl: TTL },
            v6: DnsAnswer::Failed(DnsFailure::Timeout),
        };
        assert!(matches!(
            route(vec![("mx.acme.test", half)]),
            Route::Trouble { .. }
        ));
    }

    #[test]
    fn private_addresses_are_never_contacted() {
        let private = at(&["10.0.0.1", "127.0.0.1", "192.168.1.1", "fe80::1"]);
        assert_eq!(
            reason(&route(vec![("mx.acme.test", private)])),
            Some(Reason::MxNotPublic)
        );
        let found = route(vec![(
            "mx.acme.test",
            at(&["10.0.0.1", "11.0.0.1", "2a00::1"]),
        )]);
        let Route::Hosts { hosts, .. } = found else {
            panic!("{found:?}")
        };
        assert_eq!(
            hosts[0].addresses,
            ["11.0.0.1", "2a00::1"].map(|ip| ip.parse::<IpAddr>().unwrap())
        );
    }
}
