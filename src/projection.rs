//! How many messages would bounce: a probability for each address, a rate with its interval for each list.

use crate::reason::Reason;
use crate::verdict::{Standing, Verdict};

/// What is believed of the bounces among addresses of one verdict: a Beta distribution by its mean and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// The expected share that bounces.
    pub mean: f64,
    /// How many observed addresses the belief is worth: the more, the narrower.
    pub weight: f64,
}

/// The belief about addresses with this verdict. The figures are published marks: about 1 % of proven addresses, 26 %
/// of catch-all ones; the rest lies between by judgement and weighs little.
#[must_use]
pub fn prior(verdict: Verdict) -> Prior {
    let prior = |mean, weight| Prior { mean, weight };
    match verdict.standing {
        Standing::Deliverable => prior(0.01, 400.0),
        Standing::Undeliverable => prior(0.97, 200.0),
        Standing::Risky if verdict.reason == Reason::MailboxFull => prior(0.70, 20.0),
        Standing::Risky if verdict.reason == Reason::MailboxBusy => prior(0.03, 20.0),
        Standing::Risky if verdict.reason == Reason::AcceptedProvider => prior(0.08, 20.0),
        Standing::Risky if verdict.reason == Reason::CatchAllUntested => prior(0.12, 20.0),
        Standing::Risky => prior(0.26, 40.0),
        Standing::Unknown => prior(0.20, 10.0),
    }
}

/// Counts of one list by verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    segments: std::collections::BTreeMap<Verdict, u64>,
}

/// A bounce rate with its 90 % interval. Shares, not per cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Projection {
    /// The expected rate.
    pub rate: f64,
    /// One time in twenty it is lower.
    pub low: f64,
    /// One time in twenty it is higher.
    pub high: f64,
    /// The expected number of bounces.
    pub expected_bounces: f64,
}

/// Standard deviations from the middle of a normal distribution to either end of its middle 90 %.
const MIDDLE_NINETY: f64 = 1.645;

impl Tally {
    /// Counts `addresses` with the same verdict.
    pub fn add(&mut self, verdict: Verdict, addresses: u64) {
        *self.segments.entry(verdict).or_default() += addresses;
    }

    /// The projected rate of the list: the luck of the draw, with our doubt about the shares. The doubt is common to
    /// all addresses of a verdict, so it does not vanish on a long list.
    #[must_use]
    pub fn project(&self) -> Projection {
        let (mut count, mut bounces, mut variance) = (0.0, 0.0, 0.0);
        for (verdict, addresses) in &self.segments {
            let Prior { mean, weight } = prior(*verdict);
            #[expect(clippy::cast_precision_loss, reason = "no list has 2^52 rows")]
            let n = *addresses as f64;
            count += n;
            bounces += n * mean;
            // The variance of a Beta-binomial count.
            variance += n * mean * (1.0 - mean) * (weight + n) / (weight + 1.0);
        }
        if count == 0.0 {
            return Projection::default();
        }
        let spread = MIDDLE_NINETY * variance.sqrt();
        Projection {
            rate: bounces / count,
            low: ((bounces - spread) / count).max(0.0),
            high: ((bounces + spread) / count).min(1.0),
            expected_bounces: bounces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Verdict = Verdict {
        standing: Standing::Deliverable,
        reason: Reason::Accepted,
    };
    const CATCH_ALL: Verdict = Verdict {
        standing: Standing::Risky,
        reason: Reason::CatchAll,
    };

    fn project(counts: &[(Verdict, u64)]) -> Projection {
        Tally {
            segments: counts.iter().copied().collect(),
        }
        .project()
    }

    #[test]
    fn an_empty_list_bounces_nowhere() {
        assert_eq!(project(&[]), Projection::default());
    }

    #[test]
    fn rates_add_up_by_verdict() {
        let projection = project(&[(GOOD, 100), (CATCH_ALL, 100)]);
        assert!((projection.expected_bounces - 27.0).abs() < 1e-9);
        assert!((projection.rate - 0.135).abs() < 1e-9);
        assert!(projection.low < projection.rate && projection.rate < projection.high);
    }

    #[test]
    fn doubt_does_not_vanish_on_a_long_list() {
        let width = |n| {
            let projection = project(&[(CATCH_ALL, n)]);
            projection.high - projection.low
        };
        assert!(width(100) > width(10_000));
        assert!(width(1_000_000) > 0.15);
    }
}
