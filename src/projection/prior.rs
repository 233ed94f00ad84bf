//! What is believed before anything is seen: `config/priors.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::segment::Kind;

/// What is believed of the bounces among addresses of one kind: a Beta distribution by its mean and its weight, with
/// how far providers and domains scatter about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// The expected share that bounces, 0 to 1.
    pub mean: f64,
    /// How many observed addresses the belief is worth: the more, the narrower.
    pub weight: f64,
    /// How alike providers are, as a concentration about the kind's share.
    pub providers: f64,
    /// How alike domains are, as a concentration about their provider's share.
    pub domains: f64,
    /// The share of the bounces that is permanent, 0 to 1.
    pub hard: f64,
    /// From how many settled addresses of the same provider and list an address of this kind learns, as a
    /// concentration; 0 from none.
    pub borrows: f64,
}

/// The belief about each kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Priors([Prior; Kind::ALL.len()]);

/// One belief as it is written. Where it comes from is for readers of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mean: f64,
    weight: f64,
    providers: f64,
    domains: f64,
    hard: f64,
    borrows: f64,
    #[serde(rename = "source")]
    _source: String,
}

impl Priors {
    /// The beliefs that come with the program.
    ///
    /// # Panics
    ///
    /// When the file that comes with the program is malformed, which a test rules out.
    #[must_use]
    pub fn built_in() -> &'static Priors {
        static BUILT_IN: LazyLock<Priors> = LazyLock::new(Priors::read);
        &BUILT_IN
    }

    fn read() -> Priors {
        let mut entries: BTreeMap<String, Entry> =
            toml::from_str(include_str!("../../config/priors.toml"))
                .expect("config/priors.toml is well formed");
        let priors = std::array::from_fn(|at| {
            let kind = Kind::ALL[at];
            let entry = entries
                .remove(kind.as_str())
                .unwrap_or_else(|| panic!("config/priors.toml has no [{kind}]"));
            let prior = Prior {
                mean: entry.mean,
                weight: entry.weight,
                providers: entry.providers,
                domains: entry.domains,
                hard: entry.hard,
                borrows: entry.borrows,
            };
            assert!(
                prior.is_sound(),
                "config/priors.toml: [{kind}] is out of range"
            );
            prior
        });
        assert!(
            entries.is_empty(),
            "config/priors.toml names a kind that is none"
        );
        Priors(priors)
    }

    /// The belief about a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &Prior {
        &self.0[kind as usize]
    }
}

impl Prior {
    fn is_sound(&self) -> bool {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        self.mean > 0.0
            && self.mean < 1.0
            && is_share(self.hard)
            && self.borrows >= 0.0
            && [self.weight, self.providers, self.domains]
                .iter()
                .all(|&weight| weight > 0.0 && weight.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sound_belief_with_its_source() {
        let priors = Priors::built_in();
        assert!(priors.of(Kind::Proven).mean < priors.of(Kind::CatchAll).mean);
        assert!(priors.of(Kind::CatchAll).mean < priors.of(Kind::Refused).mean);
        let sources = include_str!("../../config/priors.toml")
            .lines()
            .filter(|line| line.starts_with("source = \"") && line.len() > 20)
            .count();
        assert_eq!(sources, Kind::ALL.len());
    }
}
