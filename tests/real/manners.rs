//! How we behaved, as the servers' own logs tell.

use std::fmt::Write;

use crate::machine::Machine;
use crate::postfix;
use crate::table::{Host, Server};
use crate::visit::{Ending, Visit};

/// Connections that settle as much may be one fifth more than the least.
const SPARE: f64 = 1.2;

/// Refused recipients that one connection may hold.
const REFUSALS: usize = 9;

/// Recipients that one connection may hold.
const RECIPIENTS: usize = 50;

/// What one server logged about us.
pub(crate) struct Manners<'a> {
    host: &'a Host,
    visits: Vec<Visit>,
}

/// What the server logged, if it is one that takes mail.
pub(crate) fn of<'a>(host: &'a Host, machine: &Machine) -> Option<Manners<'a>> {
    let lines = machine.log().lines();
    let visits = match host.server {
        Server::Nobody | Server::Postgrey | Server::Dovecot => return None,
        Server::Postfix => postfix::visits(&lines),
    };
    Some(Manners { host, visits })
}

impl Manners<'_> {
    fn recipients(&self) -> usize {
        self.visits.iter().map(|visit| visit.recipients).sum()
    }

    fn permanent(&self) -> usize {
        self.visits
            .iter()
            .flat_map(|visit| &visit.refusals)
            .filter(|code| **code >= 500)
            .count()
    }

    fn ended(&self, ending: Ending) -> usize {
        self.visits
            .iter()
            .filter(|visit| visit.ending == ending)
            .count()
    }

    /// Connections that the server made necessary: those it ended itself, and those in which it put everybody off.
    fn forced(&self) -> usize {
        self.visits
            .iter()
            .filter(|visit| {
                visit.ending == Ending::TheirDecision
                    || visit.refusals.iter().any(|code| (400..500).contains(code))
            })
            .count()
    }

    /// The connections that the questions needed, by the server's own counts.
    fn allowed(&self) -> usize {
        let least = self
            .permanent()
            .div_ceil(REFUSALS)
            .max(self.recipients().div_ceil(RECIPIENTS))
            .max(1);
        scaled(least) + self.forced()
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a handful of connections"
)]
fn scaled(least: usize) -> usize {
    (least as f64 * SPARE).ceil() as usize
}

/// The table that people read.
pub(crate) fn table(manners: &[Manners]) -> String {
    let mut text = format!(
        "{:<34} {:>11} {:>7} {:>10} {:>8} {:>5} {:>5}\n",
        "persona", "connections", "allowed", "recipients", "refusals", "quit", "lost"
    );
    for one in manners {
        let _ = writeln!(
            text,
            "{:<34} {:>11} {:>7} {:>10} {:>8} {:>5} {:>5}",
            one.host.persona,
            one.visits.len(),
            one.allowed(),
            one.recipients(),
            one.permanent(),
            one.ended(Ending::Quit),
            one.ended(Ending::Lost),
        );
    }
    text
}

/// Holds what the servers logged against what we promise, wherever nothing is `owed`.
pub(crate) fn check(manners: &[Manners], owed: &[&str]) {
    for one in manners {
        let persona = &one.host.persona;
        assert!(
            one.visits.iter().all(|visit| !visit.data),
            "{persona}: a message was begun"
        );
        assert_eq!(
            one.ended(Ending::Lost),
            0,
            "{persona}: we went without QUIT"
        );
        if owed.contains(&persona.as_str()) {
            continue;
        }
        assert!(!one.visits.is_empty(), "{persona}: nobody came");
        assert!(
            one.visits.len() <= one.allowed(),
            "{persona}: more connections than needed"
        );
    }
}
