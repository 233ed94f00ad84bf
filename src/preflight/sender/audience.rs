//! The providers of a list's mailboxes: what a warm-up is spread over.

use std::collections::HashMap;

use serde::Serialize;
use tokio::task::JoinSet;

use crate::model::limits;
use crate::model::provider::Providers;

use crate::preflight::lookup::{Found, Lookups};

/// The addresses of a list by domain, in memory that does not grow with the list.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    counts: HashMap<String, u64>,
    beyond: u64,
}

impl Domains {
    /// Counts one address of a domain (A-labels, lower case).
    pub fn add(&mut self, domain: &str) {
        if let Some(count) = self.counts.get_mut(domain) {
            *count += 1;
        } else if self.counts.len() < limits::AUDIENCE_DOMAINS {
            self.counts.insert(domain.to_owned(), 1);
        } else {
            self.beyond += 1;
        }
    }

    /// The domains with the most addresses first; alphabetically among equals, so that a list always gives the same.
    #[must_use]
    pub fn largest_first(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self
            .counts
            .iter()
            .map(|(domain, count)| (domain.as_str(), *count))
            .collect();
        all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        all
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The provider of its mailboxes.
    pub provider: String,
    /// How many addresses.
    pub addresses: u64,
}

/// A list by the providers of its mailboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audience {
    /// All addresses of the list.
    pub addresses: u64,
    /// The providers, the largest first; [`OTHERS`] is the last.
    pub shares: Vec<Share>,
    /// Addresses of domains that were not looked up, which are among the last share.
    pub not_looked_up: u64,
}

/// What stands for all mail hosts of no known provider.
pub const OTHERS: &str = "others";

impl Audience {
    /// Asks DNS for the mail hosts of the largest domains; those of consumers are known without asking.
    pub async fn of(domains: &Domains, providers: &Providers, lookups: &Lookups) -> Audience {
        let mut shares: HashMap<String, u64> = HashMap::new();
        let mut to_ask: Vec<(String, u64)> = Vec::new();
        let mut audience = Audience {
            addresses: domains.beyond,
            not_looked_up: domains.beyond,
            ..Audience::default()
        };
        for (domain, count) in domains.largest_first() {
            audience.addresses += count;
            match providers.of_consumer_domain(domain) {
                Some(provider) => *shares.entry(provider.name.clone()).or_default() += count,
                None if to_ask.len() < limits::AUDIENCE_LOOKUPS => {
                    to_ask.push((domain.to_owned(), count));
                }
                None => audience.not_looked_up += count,
            }
        }
        let mut asking = JoinSet::new();
        for (domain, count) in to_ask {
            let lookups = lookups.clone();
            asking.spawn(async move { (lookups.mail_hosts(&domain).await, count) });
        }
        for (found, count) in asking.join_all().await {
            let hosts = match found {
                Found::Some(hosts) => hosts,
                Found::Nothing(_) => continue,
                Found::Failed(_) => {
                    audience.not_looked_up += count;
                    continue;
                }
            };
            if let Some(provider) = hosts
                .first()
                .and_then(|(_, host)| providers.of_mail_host(host))
            {
                *shares.entry(provider.name.clone()).or_default() += count;
            }
        }
        let known: u64 = shares.values().sum();
        let mut shares: Vec<Share> = shares
            .into_iter()
            .map(|(provider, addresses)| Share {
                provider,
                addresses,
            })
            .collect();
        shares.sort_unstable_by(|one, other| {
            let by_size = other.addresses.cmp(&one.addresses);
            by_size.then(one.provider.cmp(&other.provider))
        });
        if known < audience.addresses {
            shares.push(Share {
                provider: OTHERS.to_owned(),
                addresses: audience.addresses - known,
            });
        }
        audience.shares = shares;
        audience
    }

    /// The largest `most` shares, with the rest put to [`OTHERS`].
    #[must_use]
    pub fn largest(&self, most: usize) -> Vec<Share> {
        let named = self.shares.iter().filter(|share| share.provider != OTHERS);
        let mut largest: Vec<Share> = named.take(most).cloned().collect();
        let named: u64 = largest.iter().map(|share| share.addresses).sum();
        if named < self.addresses {
            largest.push(Share {
                provider: OTHERS.to_owned(),
                addresses: self.addresses - named,
            });
        }
        largest
    }
}

/// A number of messages split like the shares; the parts add up to it.
#[must_use]
pub fn split(messages: u64, shares: &[Share]) -> Vec<u64> {
    let total: u64 = shares.iter().map(|share| share.addresses).sum();
    let mut done = 0;
    let mut passed = 0;
    shares
        .iter()
        .map(|share| {
            // Each part ends where its share of the whole ends, so that what is rounded off is never lost.
            passed += share.addresses;
            let end = u128::from(messages) * u128::from(passed) / u128::from(total.max(1));
            let end = u64::try_from(end).unwrap_or(u64::MAX);
            let part = end - done;
            done = end;
            part
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_whatever_the_shares() {
        let shares = |counts: &[u64]| -> Vec<Share> {
            counts
                .iter()
                .map(|&addresses| Share {
                    provider: String::new(),
                    addresses,
                })
                .collect()
        };
        for (messages, counts) in [
            (100, &[1, 1, 1][..]),
            (7, &[5, 0, 3]),
            (0, &[1, 2]),
            (u64::MAX, &[u64::MAX / 2, 3]),
        ] {
            let parts = split(messages, &shares(counts));
            assert_eq!(parts.iter().sum::<u64>(), messages, "{counts:?}");
        }
        assert_eq!(split(100, &shares(&[3, 1])), [75, 25]);
        assert_eq!(split(5, &[]), Vec::<u64>::new());
    }
}
