//! A large world without oddities: what a long list of business addresses meets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::climate::Climate;
use super::domain::{Draft, Nature};
use super::people::person;
use super::prospect::{KnownAs, Prospect};
use super::site::{Site, add_host};
use super::{Creation, assemble};
use crate::model::seeded::SeededRng;
use crate::sim::net::Persona;
use crate::sim::net::habits::Habits;
use crate::sim::net::host::Way;
use crate::sim::net::mailbox::PlusTags;
use crate::sim::net::plan::Plan;

/// How large such a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Addresses; at least as many as domains.
    pub addresses: usize,
    /// Domains of the list.
    pub domains: usize,
    /// Mail hosts that serve them.
    pub hosts: usize,
}

/// Share of domains that take everything: of business domains 30 to 40 % do, as vendors of verification publish.
const CATCH_ALL: f64 = 0.35;

/// The largest domains: none of them takes everything, for that would make the list easy.
const LARGEST: usize = 20;

/// Share of mailboxes that still exist on a list of some age.
const PRESENT: f64 = 0.85;

/// Draws a world of Postfix hosts, 60 ms away at the median. Domains are spread over hosts, addresses over domains by
/// Zipf's law, each domain with one at least. `odd` hosts with their habits stand beside the ordinary ones; each has a
/// domain with twenty addresses, after all others on the list.
#[must_use]
pub fn crowd(seed: u64, size: Size, odd: &[Habits]) -> Creation {
    drawn(seed, size, odd, [PRESENT, CATCH_ALL])
}

/// The same with a clean list: every address exists, no domain takes everything, no host is odd.
#[must_use]
pub fn clean_crowd(seed: u64, size: Size) -> Creation {
    drawn(seed, size, &[], [1.0, 0.0])
}

/// See [`crowd`]: with the share of mailboxes that exist, and that of domains that take everything.
fn drawn(seed: u64, size: Size, odd: &[Habits], [present, takes_all]: [f64; 2]) -> Creation {
    let mut dice = SeededRng::of(seed, "crowd");
    let climate = Climate {
        present,
        ..Climate::fair()
    };
    let mut plan = Plan::default();
    let mut sites = Vec::with_capacity(size.hosts + odd.len());
    let postfix = Persona::Postfix.habits();
    for number in 0..size.hosts {
        sites.push(host(&format!("host{number}.test"), &postfix, &mut plan));
    }
    let mut domains = Vec::with_capacity(size.domains + odd.len());
    for number in 0..size.domains {
        let catch_all = number >= LARGEST && dice.happens(takes_all);
        let site = dice.rank(size.hosts);
        domains.push(domain(format!("firm{number}.test"), site, catch_all));
    }
    let mut entries = Vec::with_capacity(size.addresses);
    for number in 0..size.addresses {
        let at = if number < size.domains {
            number
        } else {
            dice.rank(size.domains)
        };
        entries.push(person(
            seed,
            number,
            at,
            &climate,
            &sites,
            &mut domains,
            &mut dice,
        ));
    }
    for (number, habits) in odd.iter().enumerate() {
        sites.push(host(&format!("odd{number}.test"), habits, &mut plan));
        domains.push(domain(
            format!("odd-firm{number}.test"),
            sites.len() - 1,
            false,
        ));
        for person_number in 0..20 {
            let number = size.addresses + 20 * number + person_number;
            let at = domains.len() - 1;
            entries.push(person(
                seed,
                number,
                at,
                &climate,
                &sites,
                &mut domains,
                &mut dice,
            ));
        }
    }
    assemble(seed, sites, domains, entries, plan, &mut dice)
}

fn host(name: &str, habits: &Habits, plan: &mut Plan) -> Site {
    let way = Way {
        round_trip: Duration::from_millis(60),
        jitter: 0.3,
        loss: 0.0,
        reset: 0.0,
    };
    let host = format!("mx.{name}");
    add_host(plan, &host, habits, way);
    Site {
        name: name.to_owned(),
        persona: None,
        hosts: vec![host],
        habits: habits.clone(),
        way,
        prospect: Prospect::of(habits, KnownAs::Nobody),
        tenants_under: None,
        own_domains: &[],
    }
}

fn domain(name: String, site: usize, catch_all: bool) -> Draft {
    Draft {
        name,
        nature: if catch_all {
            Nature::CatchAll
        } else {
            Nature::Ordinary
        },
        site: Some(site),
        known: BTreeMap::new(),
        plus_tags: PlusTags::Kept,
    }
}
