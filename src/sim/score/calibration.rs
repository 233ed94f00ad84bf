//! Many random worlds, each verified once: do the projected intervals hold as often as they say?

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::create;
use super::oracle;
use super::simulation::judged;
use super::trial::{Courtesy, ScoreError, tools};
use crate::projection::score::{Coverage, Sharpness};

/// How the projections of many worlds fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Worlds that were counted.
    pub worlds: u64,
    /// The intervals of the lists as they came.
    pub input: Coverage,
    /// Those of `verified.csv`.
    pub verified: Coverage,
    /// Those of `review.csv`.
    pub review: Coverage,
    /// The probabilities of single rows.
    pub rows: Sharpness,
}

/// The same as JSON.
#[derive(Serialize)]
struct Figures {
    worlds: u64,
    coverage: [f64; 4],
    brier: f64,
}

impl Calibration {
    /// The intervals of all lists together.
    #[must_use]
    pub fn all(&self) -> Coverage {
        let mut all = self.input;
        all.merge(&self.verified);
        all.merge(&self.review);
        all
    }

    fn merge(&mut self, other: &Calibration) {
        self.worlds += other.worlds;
        self.input.merge(&other.input);
        self.verified.merge(&other.verified);
        self.review.merge(&other.review);
        self.rows.merge(&other.rows);
    }

    /// The figures as a line of JSON: coverage of the list as it came, of verified, of review and of all.
    ///
    /// # Panics
    ///
    /// Never: the figures are plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        let figures = Figures {
            worlds: self.worlds,
            coverage: [self.input, self.verified, self.review, self.all()].map(|of| of.share()),
            brier: self.rows.brier(),
        };
        let mut text = serde_json::to_string(&figures).expect("plain data");
        text.push('\n');
        text
    }

    /// The figures on one screen.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = format!(
            "{} worlds: how often the truth lay within the 90 % interval\n\n  \
             of                 lists    held   below   above\n",
            self.worlds
        );
        for (name, of) in [
            ("the list as it is", self.input),
            ("verified.csv", self.verified),
            ("review.csv", self.review),
            ("all of these", self.all()),
        ] {
            let _ = writeln!(
                text,
                "  {name:<17} {:>6}  {:>5.1} %  {:>6}  {:>6}",
                of.lists,
                of.share() * 100.0,
                of.below,
                of.above
            );
        }
        let _ = writeln!(
            text,
            "\n  Brier score of {} rows: {:.4} (0 foresees everything, 0.25 is a coin)\n",
            self.rows.rows(),
            self.rows.brier()
        );
        text.push_str(&self.rows.table());
        text
    }
}

/// Verifies the lists of `worlds` random worlds from `seed` on, of so many rows each, and holds what was projected
/// against what bounces there. Each world draws its shares anew, as far apart as the beliefs allow.
///
/// # Errors
///
/// When a temporary folder cannot be written.
///
/// # Panics
///
/// When a run panicked.
pub fn calibrate(seed: u64, worlds: u64, rows: usize) -> Result<Calibration, ScoreError> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut calibration = Calibration::default();
        loop {
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= worlds {
                return Ok::<_, ScoreError>(calibration);
            }
            one(&mut calibration, seed + world, rows)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Calibration::default();
        for worker in workers {
            all.merge(&worker.join().expect("a run does not panic")?);
        }
        Ok(all)
    })
}

fn one(calibration: &mut Calibration, seed: u64, rows: usize) -> Result<(), ScoreError> {
    let creation = create(seed, rows);
    let (outcome, score) = judged(&creation, &tools(), &Courtesy::default())?;
    calibration.worlds += 1;
    let [input, verified, review] = score.projections;
    calibration.input.add(&input.projected, input.true_bounces);
    calibration
        .verified
        .add(&verified.projected, verified.true_bounces);
    calibration
        .review
        .add(&review.projected, review.true_bounces);
    let (listed, _) = oracle::read(&creation.list, &outcome.lists);
    for (row, listed) in creation.rows.iter().zip(listed) {
        if let Some(share) = listed.and_then(|listed| listed.bounce.parse().ok()) {
            calibration.rows.add(share, row.bounces);
        }
    }
    Ok(())
}
