//! How we behaved, as the servers' own logs tell.

use std::fmt::Write;

use crate::machine::Machine;
use crate::score::Score;
use crate::table::{Host, Server};
use crate::visit::{Ending, Visit};
use crate::{chasquid, courier, exim, opensmtpd, postfix, sendmail};

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

/// What the server has logged since it had `known` lines, if it is one that takes mail.
pub(crate) fn since<'a>(host: &'a Host, machine: &Machine, known: usize) -> Option<Manners<'a>> {
    let lines = machine.log().since(known);
    let visits = match host.server {
        Server::Nobody | Server::Postgrey | Server::Sqlgrey | Server::Dovecot => return None,
        Server::Postfix => postfix::visits(&lines),
        Server::Exim => exim::visits(&lines),
        Server::Opensmtpd => opensmtpd::visits(&lines),
        Server::Sendmail => sendmail::visits(&lines),
        Server::Courier => courier::visits(&lines),
        Server::Chasquid => chasquid::visits(&lines),
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

    /// Connections that the server made necessary: those it ended itself, and those in which it put every recipient
    /// off.
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
        // A server that ends a connection with its third refusal gets two at most.
        let refusals = self.host.error_limit.map_or(REFUSALS, |limit| limit - 1);
        let least = self
            .permanent()
            .div_ceil(refusals)
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
        "{:<52} {:>11} {:>7} {:>10} {:>8} {:>5} {:>5}\n",
        "server", "connections", "allowed", "recipients", "refusals", "quit", "lost"
    );
    for one in manners {
        let _ = writeln!(
            text,
            "{:<52} {:>11} {:>7} {:>10} {:>8} {:>5} {:>5}",
            one.host.title(),
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

/// Whether a run was killed in between, which cuts off what was under way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    None,
    Killed,
}

/// What is amiss in what the servers logged, held against what we promise.
pub(crate) fn complaints(manners: &[Manners], interruption: Interruption) -> Vec<String> {
    // A killed run had one or two connections with a host; going on needs them again.
    let cut_off = match interruption {
        Interruption::None => 0,
        Interruption::Killed => 2,
    };
    let mut complaints = Vec::new();
    for one in manners {
        let title = one.host.title();
        if one.visits.iter().any(|visit| visit.data) {
            complaints.push(format!("{title}: a message was begun"));
        }
        if one.ended(Ending::Lost) > cut_off {
            complaints.push(format!("{title}: we went without QUIT"));
        }
        if one.visits.is_empty() {
            complaints.push(format!("{title}: nobody came"));
        }
        if one.visits.len() > one.allowed() + cut_off {
            complaints.push(format!(
                "{title}: {} connections, {} would do",
                one.visits.len(),
                one.allowed()
            ));
        }
    }
    complaints
}

/// The same for a further run over the same ledger: only what is open is asked about again, beside one recipient whose
/// answer shows that a host still tells refused from accepted, and a decoy for it.
pub(crate) fn complaints_again(manners: &[Manners], scores: &[(&Host, Score)]) -> Vec<String> {
    let open = |host: &Host| {
        let score = scores.iter().find(|(of, _)| of.name == host.name);
        score.map_or(0, |(_, score)| score.open())
    };
    manners
        .iter()
        .filter(|one| one.recipients() > 2 * open(one.host) + 2)
        .map(|one| {
            format!(
                "{}: {} asked again, {} open",
                one.host.title(),
                one.recipients(),
                open(one.host)
            )
        })
        .collect()
}
