//! How many messages would bounce: a probability for each address, a rate with its interval for each list.
//!
//! A row's verdict, flags, provider and domain put it in a [`Segment`]; a [`Model`] believes something of each segment,
//! from priors (`config/priors.toml`), from real bounces and from the list itself; a [`Forecast`] draws from these
//! beliefs and says what a selection of rows comes to. Nothing here sees a row: a list is a [`Tally`] of counts.

mod draws;
mod forecast;
mod model;
mod prior;
pub mod sample;
pub mod score;
mod segment;
mod tally;
mod target;
mod truth;
mod what_if;

use std::collections::BTreeMap;

pub use forecast::{Forecast, Projection};
pub use model::{Model, Observed};
pub use prior::Priors;
pub use segment::{Kind, Segment};
pub use tally::{Pile, Slot, Tally};
pub use target::{Basis, Goal, Takings, Target, USUAL_CAP, target};
pub use truth::Truth;
pub use what_if::{Group, WhatIf, what_if};

/// Rows by segment.
pub type Selection = BTreeMap<Segment, u64>;

impl Model {
    /// The projected bounces of a selection; for several of one list, a [`Forecast`] draws once.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn project(&self, selection: &Selection) -> Projection {
        Forecast::new(self).project(selection)
    }
}
