//! Whether a domain is fit to send.

use crate::net::World;
use crate::preflight::check::{Check, Fitness};
use crate::preflight::sender::checks::{Sending, fit_to_send};

/// What the world can see of a domain before it sends: SPF, DKIM, DMARC, its mail hosts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preflight {
    /// Whether it is fit to send.
    pub fitness: Fitness,
    /// What was looked at; each failure says what to do.
    pub checks: Vec<Check>,
}

impl Preflight {
    pub(super) async fn of(world: &World, sending: Sending) -> Preflight {
        let checks = fit_to_send(world, &sending).await.checks;
        Preflight {
            fitness: Fitness::of(&checks),
            checks,
        }
    }
}
