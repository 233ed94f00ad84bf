//! A world's true shares, drawn from what is believed: what a projection is held against.

use super::draws;
use super::prior::Priors;
use super::segment::{Kind, Segment};
use crate::model::seeded::SeededRng;

/// The true shares of one random world. Each world's are drawn anew, as far apart as the priors allow: the kind's share
/// about the prior's mean, each provider's about its kind's, each domain's about its provider's.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    seed: u64,
}

impl Truth {
    /// The shares of the world with this seed.
    #[must_use]
    pub fn of(seed: u64) -> Truth {
        Truth { seed }
    }

    /// The share of messages that bounce among addresses of `kind` at a domain of a provider.
    ///
    /// `settled` is the share that bounces among those whose mail hosts tell: recipients behind silent mail hosts leave
    /// their jobs as often as others, so the share of unsettled addresses depends on that as well.
    #[must_use]
    pub fn share(&self, kind: Kind, provider: Option<&str>, domain: &str, settled: f64) -> f64 {
        let prior = Priors::built_in().of(kind);
        let segment = |provider: Option<&str>, domain: Option<&str>| {
            let segment = Segment {
                kind,
                provider: provider.map(Box::from),
                domain: domain.map(Box::from),
            };
            SeededRng::of(self.seed, segment.to_string())
        };
        let of_kind = draws::beta(&mut segment(None, None), prior.mean, prior.weight);
        let alike = if provider.is_some() {
            prior.providers
        } else {
            prior.weight
        };
        let mean = (of_kind * alike + settled * prior.borrows) / (alike + prior.borrows);
        let of_provider = match provider {
            None if prior.borrows == 0.0 => of_kind,
            None => {
                let mut others = SeededRng::of(self.seed, format!("{kind}@"));
                draws::beta(&mut others, mean, alike + prior.borrows)
            }
            Some(_) => draws::beta(&mut segment(provider, None), mean, alike + prior.borrows),
        };
        draws::beta(
            &mut segment(provider, Some(domain)),
            of_provider,
            prior.domains,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_differ_as_much_as_the_beliefs_allow() {
        let shares: Vec<f64> = (0..2000)
            .map(|seed| Truth::of(seed).share(Kind::CatchAll, None, "acme.test", 0.0))
            .collect();
        let mean = shares.iter().sum::<f64>() / 2000.0;
        assert!((mean - 0.26).abs() < 0.02, "{mean}");
        assert!(
            shares.iter().any(|&share| share < 0.02) && shares.iter().any(|&share| share > 0.8)
        );
    }

    #[test]
    fn a_worlds_shares_are_its_own() {
        let share = |seed, provider, domain| {
            Truth::of(seed)
                .share(Kind::CatchAll, provider, domain, 0.1)
                .to_bits()
        };
        assert_eq!(share(1, None, "a.test"), share(1, None, "a.test"));
        assert_ne!(share(1, None, "a.test"), share(2, None, "a.test"));
        assert_ne!(share(1, None, "a.test"), share(1, None, "b.test"));
        assert_ne!(share(1, None, "a.test"), share(1, Some("google"), "a.test"));
    }

    #[test]
    fn unsettled_addresses_are_about_as_good_as_settled_ones() {
        let mean = |settled| {
            (0..500)
                .map(|seed| {
                    Truth::of(seed).share(Kind::Blocked, Some("google"), "gmail.com", settled)
                })
                .sum::<f64>()
                / 500.0
        };
        assert!(mean(0.05) < 0.12 && mean(0.6) > 0.45);
    }
}
