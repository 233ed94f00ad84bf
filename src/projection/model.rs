//! What is believed of each segment, once priors, real bounces and the list itself were heard.
//!
//! Beliefs stand in three storeys. A kind of address has a share; each provider's share lies about its kind's; each
//! domain's about its provider's. What was seen at one place informs the place above, but only as much as places are
//! alike: a million messages to one provider say little of another.

use std::collections::BTreeMap;

use super::Selection;
use super::draws;
use super::prior::{Prior, Priors};
use super::segment::{Kind, Segment};
use crate::model::count::float;
use crate::model::seeded::SeededRng;

/// Real outcomes in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// Messages sent; fractions, because an outcome may count in part.
    pub total: f64,
    /// Those that bounced.
    pub bounced: f64,
    /// Those of the bounced that were refused for good.
    pub hard: f64,
}

/// What counts as seen: real outcomes, or less than that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Evidence {
    total: f64,
    bounced: f64,
    hard: f64,
}

impl Evidence {
    fn add(&mut self, other: Evidence) {
        self.total += other.total;
        self.bounced += other.bounced;
        self.hard += other.hard;
    }

    /// What it is worth at a place that is only as alike as `alike` addresses: a share seen here has the variance of
    /// its own sample and of the scatter between places.
    fn elsewhere(self, alike: f64) -> Evidence {
        if self.total == 0.0 {
            return self;
        }
        let worth = alike / (self.total + alike);
        Evidence {
            total: self.total * worth,
            bounced: self.bounced * worth,
            hard: self.hard * worth,
        }
    }
}

/// What is believed of bounces.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    priors: Priors,
    /// What was seen in each segment itself.
    own: BTreeMap<Segment, Evidence>,
    /// The same with what lies below each.
    seen: BTreeMap<Segment, Evidence>,
    /// What unsettled addresses learn from settled ones of the list. It is not carried upstairs: each storey learns
    /// from the same rows, which must not count twice.
    lent: BTreeMap<Segment, Evidence>,
    /// How many different domains the addresses of a segment amount to, where it was counted.
    domains: BTreeMap<Segment, f64>,
}

/// How many bounces the prior share of permanent ones is worth. Our choice: a score of real bounces outweighs it.
const HARD_WEIGHT: f64 = 20.0;

impl Model {
    /// The beliefs after the real bounces that were imported.
    #[must_use]
    pub fn new(priors: Priors, observed: &BTreeMap<Segment, Observed>) -> Model {
        let own = observed
            .iter()
            .map(|(segment, seen)| {
                let evidence = Evidence {
                    total: seen.total.max(seen.bounced),
                    bounced: seen.bounced,
                    hard: seen.hard.min(seen.bounced),
                };
                (segment.clone(), evidence)
            })
            .collect();
        let mut model = Model {
            priors,
            own,
            seen: BTreeMap::new(),
            lent: BTreeMap::new(),
            domains: BTreeMap::new(),
        };
        model.sum_up();
        model
    }

    /// The beliefs that come with the program, nothing seen.
    #[must_use]
    pub fn built_in() -> Model {
        Model::new(Priors::built_in().clone(), &BTreeMap::new())
    }

    /// The beliefs after the list itself was looked at. An unsettled address learns from the settled ones at the same
    /// provider: a block or a greylist does not choose by mailbox. `domains` says how many different domains the
    /// addresses of a segment amount to.
    #[must_use]
    pub fn after(mut self, list: &Selection, domains: BTreeMap<Segment, f64>) -> Model {
        // At each provider; at `None` those of the whole list, for addresses of no known provider.
        let mut settled: BTreeMap<Option<&str>, Evidence> = BTreeMap::new();
        for (segment, &count) in list {
            if segment.kind.is_settled() {
                let count = float(count);
                let seen = Evidence {
                    total: count,
                    bounced: count * self.mean(segment),
                    hard: 0.0,
                };
                settled.entry(None).or_default().add(seen);
                if let Some(provider) = segment.provider.as_deref() {
                    settled.entry(Some(provider)).or_default().add(seen);
                }
            }
        }
        for (provider, seen) in settled {
            for &kind in Kind::ALL {
                let prior = *self.priors.of(kind);
                if prior.borrows > 0.0 {
                    let learnt = Evidence {
                        hard: seen.bounced * prior.hard,
                        ..seen
                    };
                    let segment = Segment {
                        kind,
                        provider: provider.map(Box::from),
                        domain: None,
                    };
                    self.lent.insert(segment, learnt.elsewhere(prior.borrows));
                }
            }
        }
        self.domains = domains;
        self
    }

    /// Carries what was seen upstairs.
    fn sum_up(&mut self) {
        let mut seen = self.own.clone();
        let storeys: [fn(&Segment) -> bool; 2] = [
            |segment| segment.domain.is_some(),
            |segment| segment.domain.is_none() && segment.provider.is_some(),
        ];
        for is_here in storeys {
            let here: Vec<(Segment, Evidence)> = seen
                .iter()
                .filter(|(segment, _)| is_here(segment))
                .map(|(segment, evidence)| (segment.clone(), *evidence))
                .collect();
            for (segment, evidence) in here {
                if let Some(broader) = segment.broader() {
                    let alike = self.alike(&segment);
                    seen.entry(broader)
                        .or_default()
                        .add(evidence.elsewhere(alike));
                }
            }
        }
        self.seen = seen;
    }

    /// How closely a segment's share lies about that of the next broader one, as a concentration; of a whole kind, how
    /// much the prior weighs.
    fn alike(&self, segment: &Segment) -> f64 {
        let prior = self.prior(segment);
        match (&segment.domain, &segment.provider) {
            (Some(_), _) => prior.domains,
            (None, Some(_)) => prior.providers,
            (None, None) => prior.weight,
        }
    }

    /// The prior belief about a segment's kind.
    pub(super) fn prior(&self, segment: &Segment) -> &Prior {
        self.priors.of(segment.kind)
    }

    fn seen(&self, segment: &Segment) -> Evidence {
        let mut seen = self.seen.get(segment).copied().unwrap_or_default();
        seen.add(self.lent.get(segment).copied().unwrap_or_default());
        seen
    }

    /// The domains with a history of their own.
    pub fn domains_with_history(&self) -> impl Iterator<Item = &str> {
        self.own
            .keys()
            .filter_map(|segment| segment.domain.as_deref())
    }

    /// The probability that a message to an address of this segment bounces.
    #[must_use]
    pub fn mean(&self, segment: &Segment) -> f64 {
        let base = segment
            .broader()
            .map_or_else(|| self.prior(segment).mean, |broader| self.mean(&broader));
        let seen = self.seen(segment);
        let alike = self.alike(segment);
        (base * alike + seen.bounced) / (alike + seen.total)
    }

    /// The expected rate of a selection; of an empty one, 0.
    #[must_use]
    pub fn rate(&self, selection: &Selection) -> f64 {
        let (mut rows, mut bounces) = (0.0, 0.0);
        for (segment, &count) in selection {
            rows += float(count);
            bounces += float(count) * self.mean(segment);
        }
        if rows > 0.0 { bounces / rows } else { 0.0 }
    }

    /// The share of a segment's bounces that is permanent.
    #[must_use]
    pub fn hard(&self, segment: &Segment) -> f64 {
        let base = segment
            .broader()
            .map_or_else(|| self.prior(segment).hard, |broader| self.hard(&broader));
        let seen = self.seen(segment);
        (base * HARD_WEIGHT + seen.hard) / (HARD_WEIGHT + seen.bounced)
    }

    /// Shares that may be true of a segment, each as likely as the others, given those of the next broader segment.
    pub(super) fn shares(&self, segment: &Segment, broader: Option<&[f64]>, seed: u64) -> Vec<f64> {
        let seen = self.seen(segment);
        let alike = self.alike(segment);
        let mut rng = SeededRng::of(seed, segment.to_string());
        let mut draw = |base: f64| {
            let weight = alike + seen.total;
            draws::beta(&mut rng, (base * alike + seen.bounced) / weight, weight)
        };
        let kind = [self.prior(segment).mean; crate::model::limits::PROJECTION_DRAWS];
        broader
            .unwrap_or(&kind)
            .iter()
            .map(|&base| draw(base))
            .collect()
    }

    /// How many different domains `count` addresses of this segment amount to. Where it was not counted, each has its
    /// own.
    pub(super) fn domains(&self, segment: &Segment, count: f64) -> f64 {
        self.domains
            .get(segment)
            .map_or(count, |domains| domains.clamp(1.0, count.max(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(name: &str) -> Segment {
        name.parse().unwrap()
    }

    fn observed(name: &str, total: f64, bounced: f64) -> BTreeMap<Segment, Observed> {
        let seen = Observed {
            total,
            bounced,
            hard: bounced,
        };
        BTreeMap::from([(segment(name), seen)])
    }

    fn model(name: &str, total: f64, bounced: f64) -> Model {
        Model::new(Priors::built_in().clone(), &observed(name, total, bounced))
    }

    #[test]
    fn with_nothing_seen_every_place_is_as_its_kind() {
        let model = Model::built_in();
        for name in [
            "catch_all",
            "catch_all@google",
            "catch_all@google/acme.test",
        ] {
            assert!((model.mean(&segment(name)) - 0.26).abs() < 1e-12, "{name}");
        }
    }

    #[test]
    fn a_catch_all_domain_is_judged_by_its_own_history() {
        let model = model("catch_all/acme.test", 50.0, 0.0);
        let own = model.mean(&segment("catch_all/acme.test"));
        let other = model.mean(&segment("catch_all/other.test"));
        assert!(own < 0.02, "{own}");
        assert!(
            other > 0.20 && other < 0.26,
            "one domain says little of another: {other}"
        );
    }

    #[test]
    fn real_bounces_outweigh_the_prior_where_they_happened() {
        let model = model("proven@google", 10_000.0, 500.0);
        assert!((model.mean(&segment("proven@google")) - 0.05).abs() < 0.005);
        let elsewhere = model.mean(&segment("proven@icloud"));
        assert!(elsewhere > 0.01 && elsewhere < 0.05, "{elsewhere}");
    }

    #[test]
    fn an_unsettled_address_learns_from_the_settled_ones_at_its_provider() {
        let list = |refused| {
            BTreeMap::from([
                (segment("proven@google"), 200 - refused),
                (segment("refused@google"), refused),
                (segment("blocked@google"), 50),
                (segment("blocked@icloud"), 50),
            ])
        };
        let mean = |refused, name: &str| {
            Model::built_in()
                .after(&list(refused), BTreeMap::new())
                .mean(&segment(name))
        };
        assert!(mean(0, "blocked@google") < 0.08);
        assert!(mean(100, "blocked@google") > 0.35);
        let prior = Model::built_in().mean(&segment("blocked@icloud"));
        let elsewhere = mean(0, "blocked@icloud");
        assert!(
            elsewhere < prior && elsewhere > mean(0, "blocked@google"),
            "the list says something of other providers too, but less: {elsewhere}"
        );
    }

    #[test]
    fn permanent_bounces_are_told_from_passing_ones() {
        let priors = Model::built_in();
        assert!(priors.hard(&segment("full")) < 0.2);
        assert!(priors.hard(&segment("refused@google")) > 0.9);
        let soft = Model::new(
            Priors::built_in().clone(),
            &BTreeMap::from([(
                segment("refused"),
                Observed {
                    total: 1000.0,
                    bounced: 1000.0,
                    hard: 0.0,
                },
            )]),
        );
        assert!(soft.hard(&segment("refused")) < 0.1);
    }
}
