//! Whether a domain is fit to send.

use std::net::IpAddr;

use serde_json::Value;

use crate::net::World;
use crate::net::route::Reach;
use crate::preflight::check::{Check, Fitness};
use crate::preflight::render::report;
use crate::preflight::sender::checks::{Sending, fit_to_send};
use crate::preflight::sender::warm_up::plan;

/// Who is to send.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The domain in the From line.
    pub domain: String,
    /// The addresses that will send.
    pub ips: Vec<IpAddr>,
    /// The DKIM selectors in use; the common ones are tried when empty.
    pub selectors: Vec<String>,
    /// MAIL FROM; without it, `postmaster` at the domain.
    pub mail_from: Option<String>,
    /// The HELO name; without it, the domain.
    pub helo: Option<String>,
    /// Messages a day; without it, the rules for large senders apply.
    pub volume: Option<u64>,
}

impl Sender {
    /// What is known of the mail to be sent, where hosts within `reach` are contacted at `port`.
    pub(super) fn sending(self, port: u16, reach: Reach) -> Sending {
        Sending {
            domain: self.domain,
            ips: self.ips,
            selectors: self.selectors,
            mail_from: self.mail_from,
            helo: self.helo,
            volume: self.volume,
            port,
            reach,
        }
    }
}

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
            warm_up: sending.volume.map(plan).unwrap_or_default(),
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
