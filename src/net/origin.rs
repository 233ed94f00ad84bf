//! Where we come from: each mail host sees one address and one name of ours, always the same.

use std::net::IpAddr;

use crate::model::seeded::fingerprint;
use crate::net::route::HostKey;
use crate::smtp::HelloName;

/// An address of this machine with the name that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address; `None` leaves it to the system.
    pub address: Option<IpAddr>,
    /// Our name in EHLO.
    pub hello: HelloName,
}

/// The origin from which the mail hosts under `key` are asked when their address is `to`.
///
/// Work is spread by host, so that a host sees one client: it must, for a greylist to know us again. The choice depends
/// on nothing but key and origins (rendezvous hashing), so it holds from run to run, and another origin moves few
/// hosts. Origins of the other address family are passed over while there are any of its own: from them only a proxy
/// leads there.
///
/// # Panics
///
/// Without any origin.
#[must_use]
pub fn origin_for<'a>(origins: &'a [Origin], key: &HostKey, to: IpAddr) -> &'a Origin {
    let fits = |origin: &&Origin| {
        origin
            .address
            .is_none_or(|from| from.is_ipv4() == to.is_ipv4())
    };
    origins
        .iter()
        .max_by_key(|origin| (fits(origin), weight(key, origin)))
        .expect("there is an origin")
}

/// How strongly a key is drawn to an origin.
fn weight(key: &HostKey, origin: &Origin) -> u64 {
    let from = origin
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    fingerprint((&*key.0, from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(addresses: &[&str]) -> Vec<Origin> {
        addresses
            .iter()
            .enumerate()
            .map(|(n, address)| Origin {
                address: Some(address.parse().unwrap()),
                hello: format!("mail{n}.sender.test").parse().unwrap(),
            })
            .collect()
    }

    fn key(n: u32) -> HostKey {
        HostKey(format!("host{n}.test"))
    }

    const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(11, 0, 0, 1));

    #[test]
    fn a_host_always_sees_the_same_origin_and_all_have_work() {
        let ours = origins(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        let mut work = std::collections::BTreeMap::new();
        for n in 0..3000 {
            let chosen = origin_for(&ours, &key(n), TO);
            assert_eq!(origin_for(&ours, &key(n), TO), chosen);
            *work.entry(chosen.address).or_insert(0) += 1;
        }
        assert_eq!(work.len(), 3);
        assert!(
            work.values().all(|count| (800..1200).contains(count)),
            "{work:?}"
        );
    }

    #[test]
    fn another_origin_moves_only_the_hosts_it_takes() {
        let two = origins(&["192.0.2.1", "192.0.2.2"]);
        let three = origins(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        for n in 0..500 {
            let (before, after) = (
                origin_for(&two, &key(n), TO),
                origin_for(&three, &key(n), TO),
            );
            assert!(after == before || *after == three[2]);
        }
    }

    #[test]
    fn an_origin_of_the_other_family_is_passed_over() {
        let ours = origins(&["192.0.2.1", "2001:db8::1"]);
        let six: IpAddr = "2a00::1".parse().unwrap();
        assert!((0..50).all(|n| origin_for(&ours, &key(n), six) == &ours[1]));
        assert_eq!(
            origin_for(&ours[..1], &key(0), six),
            &ours[0],
            "there may be a proxy"
        );
        let any = [Origin {
            address: None,
            hello: "mail.sender.test".parse().unwrap(),
        }];
        assert_eq!(origin_for(&any, &key(0), six), &any[0]);
    }
}
