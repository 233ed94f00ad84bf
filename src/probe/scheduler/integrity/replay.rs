//! What mail hosts answered in a run that was interrupted, put together from the answers that a ledger has kept.

use std::collections::{HashMap, HashSet};

use super::streak::{Answer, Span};
use super::{Integrity, Observed};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::probe::{Asked, CatchAllState, KnownDomain, KnownMachine, was_to_be_asked_again};

/// An answer about a recipient, as a ledger has kept it.
#[derive(Clone, Debug)]
pub struct KeptAnswer<'a> {
    /// Whom it is about.
    pub asked: Asked,
    /// When it was heard.
    pub at: Timestamp,
    /// The mail host's name.
    pub host: &'a str,
    /// What it was read as.
    pub reason: Reason,
    /// Whether it holds for good.
    pub permanent: bool,
    /// By which rule.
    pub rule: &'a str,
    /// Whether its words are an acceptance, whatever they are worth.
    pub is_acceptance: bool,
}

/// Goes through a run's answers once more. Answers of one moment may have come in either order, so neither vouches for
/// the other.
#[derive(Debug)]
pub struct Replay {
    machines: HashMap<String, Machine>,
}

/// What one machine has answered.
#[derive(Debug, Default)]
struct Machine {
    integrity: Integrity,
    refusals: u32,
    /// The last addresses that it accepted before it refused one, the oldest first.
    candidates: Vec<Box<str>>,
}

impl Replay {
    /// Of mail hosts with these names: those that have refused a recipient. The answers of others vouch for themselves.
    #[must_use]
    pub fn of(hosts: impl IntoIterator<Item = String>) -> Self {
        let machines = hosts.into_iter().map(|host| (host, Machine::default()));
        Replay {
            machines: machines.collect(),
        }
    }

    /// Takes in an answer; one that was heard before those taken in already is out of place.
    pub fn hear(&mut self, kept: KeptAnswer<'_>) {
        if let Some(machine) = self.machines.get_mut(kept.host) {
            machine.hear(kept);
        }
    }

    /// What a run needs to know of each machine to go on with it; `domain` tells what is known of a domain.
    ///
    /// # Errors
    ///
    /// That of `domain`.
    pub fn end<E>(
        self,
        mut domain: impl FnMut(&str) -> Result<KnownDomain, E>,
    ) -> Result<HashMap<String, KnownMachine>, E> {
        let each = self.machines.into_iter();
        each.map(|(host, machine)| Ok((host, machine.known(&mut domain)?)))
            .collect()
    }
}

impl Machine {
    fn hear(&mut self, kept: KeptAnswer<'_>) {
        let span = Span::kept(kept.at);
        let asked = kept.asked;
        if let Asked::Address(key) = &asked {
            self.candidates.retain(|candidate| candidate != key);
        }
        let observed = match kept.reason {
            Reason::Accepted | Reason::AcceptedProvider => match asked {
                // Whether that means something shows in the end.
                Asked::Address(_) => Observed::Accepted(Answer { asked, span }),
                // It shows nothing of others that were refused.
                Asked::Decoy(_) => Observed::Withdrawn(asked),
            },
            // That connection was not believed, the machine is.
            Reason::ProviderAnomaly if was_to_be_asked_again(kept.rule) => {
                Observed::Withdrawn(asked)
            }
            Reason::ProviderAnomaly => Observed::TakenBack {
                asked,
                is_acceptance: kept.is_acceptance,
                span,
            },
            reason if reason.condemns(kept.permanent) => {
                self.refusals += 1;
                self.vouches_but_for(&asked);
                Observed::Refused(Answer { asked, span })
            }
            _ => return,
        };
        self.integrity.observe(observed);
    }

    /// Remembers which addresses it accepted before it refused one.
    fn vouches_but_for(&mut self, refused: &Asked) {
        let accepted = self.integrity.accepted().filter_map(|asked| match asked {
            Asked::Address(key) if asked != refused && !self.candidates.contains(key) => {
                Some(key.clone())
            }
            Asked::Address(_) | Asked::Decoy(_) => None,
        });
        let accepted: Vec<_> = accepted.collect();
        self.candidates.extend(accepted);
        let superfluous = self
            .candidates
            .len()
            .saturating_sub(limits::KNOWN_GOOD_CANDIDATES);
        self.candidates.drain(..superfluous);
    }

    fn known<E>(
        self,
        mut domain: impl FnMut(&str) -> Result<KnownDomain, E>,
    ) -> Result<KnownMachine, E> {
        let mut known = KnownMachine {
            refusals: self.refusals,
            accepts_every_recipient: self.integrity.accepts_every_recipient(),
            refuses_every_recipient: self.integrity.refuses_every_recipient(),
            ..KnownMachine::default()
        };
        let (accepted, refused) = self.integrity.in_doubt();
        let (accepted, refused) = (each_once(accepted), each_once(refused));
        known.refused = refused;
        let mut means_something = |key: &str| {
            let Ok(address) = key.parse::<Address>() else {
                return Ok(None);
            };
            let domain = domain(address.domain().wire())?;
            let refuses = domain.catch_all == Some(CatchAllState::RefusesUnknown);
            Ok(refuses.then_some((address, domain)))
        };
        for key in self.candidates {
            known.known_good = means_something(&key)?.or(known.known_good);
        }
        for asked in accepted {
            let Asked::Address(key) = &asked else {
                continue;
            };
            if let Some(known_good) = means_something(key)? {
                known.known_good = Some(known_good);
                known.accepted.push(asked);
            }
        }
        Ok(known)
    }
}

/// Of the answers about one recipient, the last.
fn each_once(mut answers: Vec<Asked>) -> Vec<Asked> {
    let mut seen = HashSet::new();
    answers.reverse();
    answers.retain(|asked| seen.insert(asked.clone()));
    answers.reverse();
    answers
}
