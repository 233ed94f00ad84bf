//! The domains of a random internet: where their mail goes, if anywhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::net::route::Record;
use crate::sim::net::mailbox::{Condition, Mailboxes, PlusTags, Service, Unclaimed};
use crate::sim::net::plan::{Content, Plan, PlannedDomain, PlannedRecord, TTL};
use crate::sim::net::zone::NameServer;

use super::climate::Climate;
use super::site::{Site, add_host};
use crate::model::seeded::SeededRng;

/// What becomes of mail for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Its hosts take it for the mailboxes that exist.
    Ordinary,
    /// Its hosts take everything; what has no mailbox bounces later.
    CatchAll,
    /// It has no MX: the mail goes to its own address (RFC 5321 §5.1).
    Implicit,
    /// Its hosts do not know that they serve it.
    Unserved,
    /// There is no such domain.
    NoSuchDomain,
    /// It says that it takes no mail (RFC 7505).
    NullMx,
    /// It exists, but has no mail host.
    NoMailHost,
    /// Its mail host's name has no address.
    HostWithoutAddress,
    /// Its mail host has a private address.
    Inward,
    /// Its name server does not answer as it should.
    NamesBroken(NameServer),
    /// Its name server fails once, then answers.
    NamesRecover,
}

/// A domain in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The name in Unicode.
    pub(super) name: String,
    pub(super) nature: Nature,
    /// The number of its site; `None` where it has no mail host.
    pub(super) site: Option<usize>,
    pub(super) known: BTreeMap<String, Condition>,
    pub(super) plus_tags: PlusTags,
}

/// The domains that sites have of their own.
pub(super) fn own_domains(sites: &[Site]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (number, site) in sites.iter().enumerate() {
        for name in site.own_domains {
            drafts.push(Draft {
                name: (*name).to_owned(),
                nature: Nature::Ordinary,
                site: Some(number),
                known: BTreeMap::new(),
                plus_tags: PlusTags::Ignored,
            });
        }
    }
    drafts
}

/// A domain of an ordinary owner, at a site drawn by lot.
pub(super) fn ordinary(
    number: usize,
    climate: &Climate,
    dice: &mut SeededRng,
    sites: &[Site],
    providers: usize,
) -> Draft {
    let nature = nature(climate, dice);
    let at_provider = providers > 0 && dice.happens(climate.at_providers);
    let site = if at_provider {
        dice.rank(providers)
    } else {
        providers + dice.rank(sites.len() - providers)
    };
    let site = match nature {
        Nature::Ordinary | Nature::CatchAll | Nature::NamesRecover | Nature::NamesBroken(_) => {
            Some(site)
        }
        // A host of another name than the domain's own shows whether the domain itself is asked.
        Nature::Implicit | Nature::Unserved => Some(providers + number % (sites.len() - providers)),
        Nature::NoSuchDomain
        | Nature::NullMx
        | Nature::NoMailHost
        | Nature::HostWithoutAddress
        | Nature::Inward => None,
    };
    let name = if dice.happens(0.03) {
        format!("firma-m\u{fc}ller{number}.test")
    } else {
        format!("firm{number}.test")
    };
    Draft {
        name,
        nature,
        site,
        known: BTreeMap::new(),
        plus_tags: *dice.one_of(&[PlusTags::Kept, PlusTags::Ignored]),
    }
}

fn nature(climate: &Climate, dice: &mut SeededRng) -> Nature {
    if dice.happens(climate.nameless) {
        return *dice.one_of(&[
            Nature::Implicit,
            Nature::Unserved,
            Nature::NoSuchDomain,
            Nature::NoSuchDomain,
            Nature::NullMx,
            Nature::NoMailHost,
            Nature::HostWithoutAddress,
            Nature::Inward,
            Nature::NamesBroken(NameServer::Fails),
            Nature::NamesBroken(NameServer::Refuses),
            Nature::NamesBroken(NameServer::Silent),
            Nature::NamesBroken(NameServer::Stuck),
            Nature::NamesRecover,
        ]);
    }
    if dice.happens(climate.catch_all) {
        Nature::CatchAll
    } else {
        Nature::Ordinary
    }
}

/// Puts a domain into the plan.
pub(super) fn publish(draft: Draft, sites: &mut [Site], dice: &mut SeededRng, plan: &mut Plan) {
    let ascii = idna::domain_to_ascii(&draft.name).expect("a name of ours");
    let site = draft.site.map(|number| &mut sites[number]);
    let mut domain = PlannedDomain {
        name: ascii.clone(),
        ttl: dice.time(Duration::from_secs(60), Duration::from_secs(86400)),
        ..PlannedDomain::default()
    };
    let mailboxes = Mailboxes {
        known: draft.known,
        unclaimed: if draft.nature == Nature::CatchAll {
            Unclaimed::Bounced
        } else {
            Unclaimed::Unwanted
        },
        plus_tags: draft.plus_tags,
        service: if draft.nature == Nature::Unserved {
            Service::Refused
        } else {
            Service::Taken
        },
    };
    domain.mailboxes = Arc::new(mailboxes);
    let mut record = |name: String, content| {
        plan.records.push(PlannedRecord {
            name,
            content,
            ttl: TTL,
        });
    };
    match draft.nature {
        Nature::NoSuchDomain => return,
        Nature::NullMx => domain.mx.push((0, String::new())),
        Nature::NoMailHost => domain.texts.push("v=spf1 -all".to_owned()),
        Nature::HostWithoutAddress => domain.mx.push((10, format!("nowhere.{ascii}"))),
        Nature::Inward => {
            let name = format!("inside.{ascii}");
            let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 25));
            record(name.clone(), Content::Record(Record::Address(address)));
            domain.mx.push((10, name));
        }
        Nature::Implicit => {
            let site = site.expect("somebody takes its mail");
            add_host(plan, &ascii, &site.habits, site.way);
            site.hosts.push(ascii);
        }
        Nature::NamesBroken(server) => {
            domain.name_server = server;
            domain.mx = exchanges(site, &ascii, dice, plan);
        }
        Nature::NamesRecover => {
            domain.name_server = NameServer::Fails;
            domain.recovers_after = Some(1);
            domain.mx = exchanges(site, &ascii, dice, plan);
        }
        Nature::Ordinary | Nature::CatchAll | Nature::Unserved => {
            domain.mx = exchanges(site, &ascii, dice, plan);
        }
    }
    plan.domains.push(domain);
}

/// The mail hosts of a domain at a site; a tenant's is made here.
fn exchanges(
    site: Option<&mut Site>,
    domain: &str,
    dice: &mut SeededRng,
    plan: &mut Plan,
) -> Vec<(u16, String)> {
    let site = site.expect("somebody takes its mail");
    if let Some(above) = site.tenants_under {
        let name = format!("{}.{above}", domain.replace('.', "-"));
        add_host(plan, &name, &site.habits, site.way);
        site.hosts.push(name.clone());
        return vec![(0, name)];
    }
    let equal = site.hosts.len() > 1 && dice.happens(0.3);
    site.hosts
        .iter()
        .zip(1u16..)
        .map(|(host, rank)| (if equal { 10 } else { rank * 10 }, host.clone()))
        .collect()
}
