//! A described internet with a list about it, made fit for the oracle.

use std::collections::{BTreeMap, HashMap};

use super::list::ListFile;
use super::people::is_meant_as_address;
use super::prospect::{KnownAs, Prospect};
use super::site::Site;
use super::{Creation, Nature, Row};
use crate::sim::net::habits::Door;
use crate::sim::net::mailbox::Unclaimed;
use crate::sim::net::{Internet, Truth};

/// An internet that was described by hand, with a list of addresses: what a scenario is made of.
///
/// Hosts whose names share their last two labels stand under one roof; those that tell a client the same, or do not
/// answer, are one site of it. A message bounces where the truth of today says so.
#[must_use]
pub fn described(seed: u64, internet: Internet, addresses: &[String]) -> Creation {
    let (sites, site_by_host) = sites(&internet);
    let list = ListFile {
        header: b"no,email".to_vec(),
        delimiter: b',',
        line_end: b"\n",
        rows: (1..)
            .zip(addresses)
            .map(|(number, address)| format!("{number},{address}").into_bytes())
            .collect(),
        ends_well: true,
    };
    let rows = addresses
        .iter()
        .map(|address| row(address, &internet, &site_by_host))
        .collect();
    Creation {
        seed,
        internet,
        sites,
        list,
        rows,
        site_by_host,
    }
}

fn sites(internet: &Internet) -> (Vec<Site>, HashMap<String, usize>) {
    let mut sites: Vec<Site> = Vec::new();
    let mut by_roof: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut by_host = HashMap::new();
    for host in internet.hosts() {
        let labels: Vec<&str> = host.name.rsplitn(3, '.').collect();
        let roof = labels[..labels.len().min(2)].join(".");
        let prospect = Prospect::of(&host.habits, KnownAs::Nobody);
        let answers = host.habits.door == Door::Open;
        let neighbours = by_roof.entry(roof.clone()).or_default();
        let its_own = neighbours.iter().copied().find(|&site| {
            let site = &sites[site];
            !answers || site.habits.door != Door::Open || site.prospect == prospect
        });
        let number = its_own.unwrap_or(sites.len());
        by_host.insert(host.name.clone(), number);
        if number == sites.len() {
            neighbours.push(number);
            sites.push(Site {
                name: roof,
                persona: None,
                hosts: Vec::new(),
                habits: host.habits.clone(),
                way: host.way,
                prospect,
                tenants_under: None,
                own_domains: &[],
            });
        }
        let site = &mut sites[number];
        if site.habits.door != Door::Open && answers {
            // Of several hosts, the one that answers is the one that counts.
            site.habits = host.habits.clone();
            site.way = host.way;
            site.prospect = prospect;
        }
        site.hosts.push(host.name.clone());
    }
    (sites, by_host)
}

fn row(address: &str, internet: &Internet, site_by_host: &HashMap<String, usize>) -> Row {
    let Some((local, domain)) = address
        .rsplit_once('@')
        .filter(|(local, _)| !local.is_empty())
    else {
        return Row {
            is_message: is_meant_as_address(address),
            address: None,
            truth: None,
            site: None,
            nature: None,
            bounces: is_meant_as_address(address),
        };
    };
    let truth = internet.truth(address);
    let takes_all = internet
        .mailboxes(domain)
        .is_some_and(|mailboxes| mailboxes.unclaimed != Unclaimed::Unwanted);
    let nature = match truth {
        Truth::NoSuchDomain => Nature::NoSuchDomain,
        Truth::NoMailHost => Nature::Unserved,
        Truth::NamesBroken => Nature::NamesBroken(internet.name_server(domain).0),
        Truth::Exists
        | Truth::Missing
        | Truth::Full
        | Truth::Disabled
        | Truth::Busy
        | Truth::Moved
        | Truth::HostsDead
            if internet.name_server(domain).1 =>
        {
            Nature::NamesRecover
        }
        Truth::Exists
        | Truth::Missing
        | Truth::Full
        | Truth::Disabled
        | Truth::Busy
        | Truth::Moved
        | Truth::HostsDead
            if takes_all =>
        {
            Nature::CatchAll
        }
        Truth::Exists
        | Truth::Missing
        | Truth::Full
        | Truth::Disabled
        | Truth::Busy
        | Truth::Moved
        | Truth::HostsDead => Nature::Ordinary,
    };
    let hosts = internet.mail_hosts(domain);
    let is_silent = |habits| match Prospect::of(habits, KnownAs::Nobody) {
        Prospect::Silent(_) | Prospect::NoMail => true,
        Prospect::Mailboxes | Prospect::TakesAll(_) => false,
    };
    let answering = hosts
        .iter()
        .find(|host| !is_silent(&host.habits))
        .or_else(|| hosts.iter().find(|host| host.habits.door == Door::Open))
        .or(hosts.first());
    Row {
        is_message: true,
        address: Some(format!("{local}@{domain}")),
        bounces: truth.bounces(),
        truth: Some(truth),
        site: answering.map(|host| site_by_host[&host.name]),
        nature: Some(nature),
    }
}
