//! Whether a domain is fit to send.

use serde_json::Value;

use crate::net::World;
use crate::preflight::check::{Check, Fitness};
use crate::preflight::render::report;
use crate::preflight::sender::checks::{Sending, fit_to_send};
use crate::preflight::sender::warm_up::plan;

pub use crate::preflight::sender::checks::Sender;

/// What the world can see of a domain before it sends: SPF, DKIM, DMARC, its mail hosts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preflight {
    /// Whether it is fit to send.
    pub fitness: Fitness,
    /// What was looked at; each failure says what to do.
    pub checks: Vec<Check>,
    whole: report::Preflight,
}

impl Preflight {
    pub(super) async fn of(world: &World, sending: Sending) -> Preflight {
        let whole = report::Preflight {
            sender: Some(fit_to_send(world, &sending).await),
            machine: None,
            warm_up: sending.sender.volume.map(plan).unwrap_or_default(),
            audience: None,
        };
        Preflight {
            fitness: whole.fitness(),
            checks: whole.checks().into_iter().cloned().collect(),
            whole,
        }
    }

    /// All of it, as `presend preflight --sender-only --json` tells it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.whole.to_json()
    }
}
