//! A random internet with a list of known truth, and what the shipped program makes of them.
//!
//! [`create`] draws everything from a seed: zones, mail hosts of every kind, mailboxes, the list. The same seed and the
//! same size give the same internet, for ever. [`trial`] lets the shipped program verify the list there in simulated
//! time; [`oracle`] judges what came of it with no code of the program's own; [`simulate`] does it all.

mod calibration;
mod climate;
mod crew;
#[cfg(feature = "testing")]
mod crowd;
#[cfg(feature = "testing")]
mod described;
mod domain;
mod list;
pub mod oracle;
mod people;
mod prospect;
mod simulation;
mod site;
mod trial;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::sim::net::plan::Plan;
use crate::sim::net::{Internet, Truth};

use crate::model::seeded::SeededRng;
use climate::Climate;
use domain::Draft;
use people::Entry;

pub use calibration::calibrate;
#[cfg(feature = "testing")]
pub use crew::Wires;
#[cfg(feature = "testing")]
pub use crowd::{Size, clean_crowd, crowd};
#[cfg(feature = "testing")]
pub use described::described;
pub use domain::Nature;
pub use list::ListFile;
pub use prospect::Prospect;
#[cfg(feature = "testing")]
pub use prospect::{KnownAs, best_verdict, share_that_bounces};
pub use simulation::{Forecast, Score, simulate};
#[cfg(feature = "testing")]
pub use simulation::{Traffic, judge, judged, server_log_of};
pub use site::Site;
pub use trial::{Courtesy, Machines};
#[cfg(feature = "testing")]
pub use trial::{GIVE_UP, HELLO, Outcome, SENDER, Until, in_simulated_time, run, tools};

/// A random internet with a list about it.
#[derive(Clone, Debug)]
pub struct Creation {
    /// What it was drawn from.
    pub seed: u64,
    /// The internet that was drawn.
    pub internet: Internet,
    /// The sites that run its mail hosts.
    pub sites: Vec<Site>,
    /// The list as a file.
    pub list: ListFile,
    /// What is true of its rows, in their order.
    pub rows: Vec<Row>,
    site_by_host: HashMap<String, usize>,
}

impl Creation {
    /// The site that runs the mail host of that name.
    ///
    /// # Panics
    ///
    /// When the creation has no such host.
    #[must_use]
    pub fn site_of(&self, host: &str) -> &Site {
        &self.sites[self.site_by_host[host]]
    }
}

/// What is true of one row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whether the row names a recipient, if only by a text that is no address. One that does not is no message.
    pub is_message: bool,
    /// The address, without what stands around it; `None` where the row has none.
    pub address: Option<String>,
    /// What is true of the address today; `None` where the row has none.
    pub truth: Option<Truth>,
    /// Where its mail goes, as a number into [`Creation::sites`]; `None` where it has no mail host.
    pub site: Option<usize>,
    /// How its domain treats mail; `None` where the row has no address.
    pub nature: Option<Nature>,
    /// Whether a message sent some days later would really bounce.
    ///
    /// Of all addresses that deserve the same verdict, as large a share bounces as [`prospect::share_that_bounces`]
    /// drew for it, so that a projection can be held against worlds that differ as much as its beliefs allow.
    pub bounces: bool,
}

/// Draws an internet with a list of `addresses` rows (at least one).
///
/// # Panics
///
/// Never: what is drawn is well formed.
#[must_use]
pub fn create(seed: u64, addresses: usize) -> Creation {
    let addresses = addresses.max(1);
    let climate = Climate::of(seed);
    let mut dice = SeededRng::of(seed, "internet");
    let mut plan = Plan {
        dns_outage: climate.dns_outage,
        ..Plan::default()
    };
    let mut sites = site::providers(&climate, &mut dice, &mut plan);
    let providers = sites.len();
    let domain_count = (addresses / dice.between(2, 12)).max(3);
    let others = (domain_count / dice.between(1, 6)).max(2);
    for number in 0..others {
        sites.push(site::ordinary(number, &climate, &mut dice, &mut plan));
    }
    let mut domains = domain::own_domains(&sites);
    for number in 0..domain_count {
        // A site made for the address of a single domain takes no other domain's mail.
        let open = &sites[..providers + others];
        let mut draft = domain::ordinary(number, &climate, &mut dice, open, providers);
        if draft.nature == Nature::Implicit {
            draft.site = draft
                .site
                .map(|site| own_host(site, &draft.name, &mut sites));
        }
        // The largest come first, so providers' own domains are spread among the others.
        let place = dice.between(0, domains.len());
        domains.insert(place, draft);
    }
    let entries = people::populate(seed, addresses, &climate, &sites, &mut domains);
    assemble(seed, sites, domains, entries, plan, &mut dice)
}

/// Puts everything in its place, once all is drawn.
fn assemble(
    seed: u64,
    mut sites: Vec<Site>,
    domains: Vec<Draft>,
    entries: Vec<Entry>,
    mut plan: Plan,
    dice: &mut SeededRng,
) -> Creation {
    let list = list::write(seed, &entries);
    let about: Vec<_> = domains
        .iter()
        .map(|draft| (draft.site, draft.nature))
        .collect();
    for draft in domains {
        domain::publish(draft, &mut sites, dice, &mut plan);
    }
    let internet = plan.build();
    let rows = entries
        .into_iter()
        .map(|entry| row(entry, &about, &internet))
        .collect();
    let site_by_host = sites
        .iter()
        .zip(0..)
        .flat_map(|(site, number)| site.hosts.iter().map(move |host| (host.clone(), number)))
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

/// A site for a domain that takes its mail itself, with the habits of another.
fn own_host(like: usize, domain: &str, sites: &mut Vec<Site>) -> usize {
    let own = Site {
        name: domain.to_owned(),
        hosts: Vec::new(),
        ..sites[like].clone()
    };
    sites.push(own);
    sites.len() - 1
}

fn row(entry: Entry, about: &[(Option<usize>, Nature)], internet: &Internet) -> Row {
    match entry {
        Entry::Person {
            written,
            domain,
            bounces,
        } => {
            let (site, nature) = about[domain];
            let truth = match nature {
                // A host may listen there, but not to the world.
                Nature::Inward => Truth::NoMailHost,
                Nature::Ordinary
                | Nature::CatchAll
                | Nature::Implicit
                | Nature::Unserved
                | Nature::NoSuchDomain
                | Nature::NullMx
                | Nature::NoMailHost
                | Nature::HostWithoutAddress
                | Nature::NamesBroken(_)
                | Nature::NamesRecover => internet.truth(&written),
            };
            Row {
                is_message: true,
                truth: Some(truth),
                address: Some(written),
                site,
                nature: Some(nature),
                bounces,
            }
        }
        Entry::Scribble(text) => Row {
            is_message: people::is_meant_as_address(text),
            address: None,
            truth: None,
            site: None,
            nature: None,
            bounces: people::is_meant_as_address(text),
        },
    }
}
