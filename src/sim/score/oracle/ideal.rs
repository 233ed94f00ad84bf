//! How fast a run could have been at best, given what its hosts allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::names::key_of;
use crate::sim::net::Truth;
use crate::sim::net::habits::Tls;
use crate::sim::score::{Courtesy, Creation, Nature, Prospect};

/// What has to be asked at one site.
#[derive(Default)]
struct Need {
    /// Addresses by domain.
    domains: BTreeMap<String, BTreeSet<String>>,
    takes_all: BTreeSet<String>,
    /// Addresses that exist, by domain.
    accepting: BTreeSet<String>,
    refused: u32,
}

impl Need {
    /// The fewest questions that settle every address: each address once with a decoy for each domain that accepts one;
    /// one address with one decoy at a catch-all.
    fn questions(&self) -> usize {
        self.domains
            .iter()
            .map(|(domain, addresses)| {
                if self.takes_all.contains(domain) {
                    2
                } else {
                    addresses.len() + usize::from(self.accepting.contains(domain))
                }
            })
            .sum()
    }
}

/// What had to be asked, at the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Addresses that need asking: at a catch-all, one shows it.
    pub addresses: usize,
    /// Domains that accept an address, so that a decoy has to be asked about as well.
    pub accepting_domains: usize,
}

/// What had to be asked, at the least.
#[must_use]
pub fn needs(creation: &Creation) -> Needs {
    let mut needs = Needs::default();
    for need in needs_by_site(creation).values() {
        for (domain, addresses) in &need.domains {
            let takes_all = need.takes_all.contains(domain);
            needs.addresses += if takes_all { 1 } else { addresses.len() };
            needs.accepting_domains += usize::from(takes_all || need.accepting.contains(domain));
        }
    }
    needs
}

/// The least simulated time in which a client of that courtesy, which knows everything beforehand, could ask about the
/// whole list: that of the slowest site by its own limits.
///
/// Hosts that tell nothing count as nothing: how long one hopes for them is a choice.
#[must_use]
pub fn ideal_time(creation: &Creation, courtesy: &Courtesy) -> Duration {
    needs_by_site(creation)
        .iter()
        .map(|(site, need)| time_at(creation, *site, need, courtesy))
        .max()
        .unwrap_or_default()
}

fn needs_by_site(creation: &Creation) -> BTreeMap<usize, Need> {
    let mut needs: BTreeMap<usize, Need> = BTreeMap::new();
    for row in &creation.rows {
        let (Some(address), Some(site)) = (&row.address, row.site) else {
            continue;
        };
        let prospect = creation.sites[site].prospect;
        let is_asked = match row.nature {
            Some(Nature::Ordinary | Nature::CatchAll | Nature::Implicit | Nature::NamesRecover) => {
                !matches!(prospect, Prospect::Silent(_) | Prospect::NoMail)
            }
            Some(
                Nature::Unserved
                | Nature::NoSuchDomain
                | Nature::NullMx
                | Nature::NoMailHost
                | Nature::HostWithoutAddress
                | Nature::Inward
                | Nature::NamesBroken(_),
            )
            | None => false,
        };
        if !is_asked {
            continue;
        }
        let key = key_of(address);
        let domain = super::names::domain_of(&key).to_owned();
        let need = needs.entry(site).or_default();
        if row.nature == Some(Nature::CatchAll) || matches!(prospect, Prospect::TakesAll(_)) {
            need.takes_all.insert(domain.clone());
        }
        if row.truth == Some(Truth::Exists) {
            need.accepting.insert(domain.clone());
        }
        if need.domains.entry(domain).or_default().insert(key) {
            need.refused += u32::from(row.truth == Some(Truth::Missing));
        }
    }
    needs
}

fn time_at(creation: &Creation, site: usize, need: &Need, courtesy: &Courtesy) -> Duration {
    let site = &creation.sites[site];
    let habits = &site.habits;
    let questions = u32::try_from(need.questions()).unwrap_or(u32::MAX);
    let flights = match habits.tls {
        Tls::None => 5,
        Tls::Offered | Tls::Required | Tls::Broken | Tls::HangsUp | Tls::RequiredBroken => 8,
    };
    let opening = habits.greeting_wait + site.way.round_trip * flights;
    // A bucket holds one second's worth, which need not be waited for.
    let queued = questions.saturating_sub(courtesy.recipients_per_second);
    let by_rate = match courtesy.recipients_per_second {
        0 => Duration::ZERO,
        rate => Duration::from_secs(1) * queued / rate,
    };
    let by_own_rate = habits.rate.map_or(Duration::ZERO, |rate| {
        rate.per * questions.saturating_sub(rate.recipients) / rate.recipients.max(1)
    });
    let thinking = habits.rcpt_wait * questions + habits.tarpit * need.refused;
    let by_thinking = thinking / courtesy.connections_per_host.max(1);
    let by_greylist = habits
        .greylist
        .map_or(Duration::ZERO, |greylist| greylist.wait + opening);
    opening + by_greylist + by_rate.max(by_own_rate).max(by_thinking)
}
