//! What an earlier run, or an earlier part of this one, learned: plain data that a ledger can keep.
//!
//! The scheduler is given it before it asks, gives it back when it has changed. None of it is a verdict: it decides
//! only what need not be asked again, and how.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{CatchAllState, InVain, Likelihood, ReplyKinds, Waiting, refuses_unknown_recipient};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Fact, Finding, Whom};
use crate::probe::pace::{KnownPace, Rest};

/// An address to ask about, with what is known of it from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address to ask about.
    pub address: Address,
    /// How likely it exists.
    pub likelihood: Likelihood,
    /// What it has been through: a greylisting host's clock runs on from the run that started it.
    pub waiting: Waiting,
    /// Not to be asked about before this.
    pub not_before: Timestamp,
    /// What it was answered before its domain's decoy was: it is not asked about again, the decoy is.
    pub answered: Option<Reading>,
    /// When it is asked about among those of its host.
    pub turn: Turn,
}

/// When an address is asked about among those of its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Before those that wait there: a client waits for its answer.
    First,
    /// As it comes.
    #[default]
    InLine,
}

impl From<Address> for Target {
    /// An address of which nothing is known.
    fn from(address: Address) -> Self {
        Target {
            address,
            likelihood: Likelihood::default(),
            waiting: Waiting::default(),
            not_before: Timestamp::default(),
            answered: None,
            turn: Turn::InLine,
        }
    }
}

/// What is known of a domain from before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDomain {
    /// How it answers for unknown recipients, where a decoy was answered: then no decoy is asked about again.
    #[serde(rename = "openness", skip_serializing_if = "Option::is_none")]
    pub catch_all: Option<CatchAllState>,
    /// How often a decoy was asked about.
    #[serde(default)]
    pub decoys_asked: u32,
    /// When the decoy is to be asked about again, where its answer settled nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoy_due: Option<Timestamp>,
    /// Whether it greylisted an address: then the clocks of all its addresses are started at once.
    #[serde(default)]
    pub keeps_waiting: bool,
    /// How many of its addresses were asked about although it is a catch-all.
    #[serde(default)]
    pub exceptions_asked: u8,
}

impl KnownDomain {
    /// What the facts about a domain say, those that are still fresh given. Contradicting decoys say nothing.
    #[must_use]
    pub fn from_facts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let (mut accepted, mut refused, mut decoys_asked) = (false, false, 0);
        for fact in facts {
            if let Finding::Asked {
                whom: Whom::Decoy,
                reading,
                exchange,
            } = &fact.finding
            {
                decoys_asked += 1;
                match reading.reason {
                    Reason::Accepted | Reason::AcceptedProvider | Reason::CatchAllUntested => {
                        accepted = true;
                    }
                    _ if refuses_unknown_recipient(reading) => refused = true,
                    Reason::ProviderAnomaly if exchange.says_yes() => accepted = false,
                    Reason::ProviderAnomaly => refused = false,
                    // Every other answer says nothing of unknown recipients.
                    _ => {}
                }
            }
        }
        KnownDomain {
            catch_all: match (accepted, refused) {
                (true, false) => Some(CatchAllState::CatchAll),
                (false, true) => Some(CatchAllState::RefusesUnknown),
                (true, true) | (false, false) => None,
            },
            decoys_asked,
            decoy_due: None,
            keeps_waiting: false,
            exceptions_asked: 0,
        }
    }
}

/// A host that blocks us: its words, and until when it is left in peace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// From this moment on it may be asked again.
    pub until: Timestamp,
    /// What it said.
    pub exchange: Exchange,
    /// What that was read as.
    pub reading: Reading,
}

/// Answers about recipients at a host, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Recipients accepted by the host.
    pub accepted: u64,
    /// Recipients refused because there is no such mailbox.
    pub refused: u64,
}

/// What is known of a host key from before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownHost {
    /// It blocks us, all its machines alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Box<Block>>,
    /// Its machines that block us, by address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<IpAddr, Block>,
    /// The most recipients in a transaction that its machines were found to take, where one takes fewer than it was
    /// asked about. (Earlier versions wrote `transaction_cap`, one for all of them.)
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transaction_caps: BTreeMap<IpAddr, u32>,
    /// The most recipients in a connection it was found to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients_cap: Option<u32>,
    /// The most refused recipients in a connection it was found to bear with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals_cap: Option<u32>,
    /// The most connections at once it was found to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_cap: Option<u32>,
    /// The fewest refusals in a connection after which it was found to accept every recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_after: Option<u32>,
    /// Whether it says that commands may travel together, then chokes on it.
    #[serde(default)]
    pub chokes: bool,
    /// How fast it was asked at last, where it wanted us slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<KnownPace>,
    /// What it answered so far, this run's answers included.
    #[serde(default)]
    pub history: History,
    /// It never answered yet, however often it was tried of late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<Mute>,
    /// Its machines with which encryption failed, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub in_clear: BTreeMap<IpAddr, Timestamp>,
    /// Its machines that wanted us slower.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resting: BTreeMap<IpAddr, Rest>,
    /// Its machines with which sessions ended in step: none has ended out of step since. (Earlier versions wrote
    /// `in_step`, without the kinds of replies that those sessions had.)
    #[serde(
        default,
        rename = "shown_in_step",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub in_step: BTreeMap<IpAddr, InStep>,
    /// Its machines that sent a reply too many, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub out_of_step: BTreeMap<IpAddr, Timestamp>,
    /// Its machines that another one of us has tried in vain before us, in the same run. It is never kept: what brought
    /// nothing yesterday is tried anew.
    #[serde(skip)]
    pub in_vain: BTreeMap<IpAddr, InVain>,
}

/// A host that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Rounds through all its addresses in vain.
    pub rounds: u8,
    /// Not to be tried again before this.
    pub until: Timestamp,
}

/// A machine with which sessions ended in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InStep {
    /// When the last of them that showed something new ended.
    pub at: Timestamp,
    /// The kinds of replies that they had.
    pub kinds: ReplyKinds,
}

impl KnownHost {
    /// The block that is still in force at `now`.
    #[must_use]
    pub fn blocked_at(&self, now: Timestamp) -> Option<&Block> {
        self.blocked.as_deref().filter(|block| now < block.until)
    }

    /// Remembers that encryption failed with a machine.
    pub fn remember_in_clear(&mut self, machine: IpAddr, now: Timestamp) {
        remember(&mut self.in_clear, machine, now, |at| *at);
    }

    /// Remembers what a machine has said about our speed; those that may be asked at `now` are forgotten.
    pub fn remember_rest(&mut self, machine: IpAddr, rest: Rest, now: Timestamp) {
        self.resting.retain(|_, rest| rest.until(now).is_some());
        if self.resting.len() < limits::MACHINES_REMEMBERED {
            self.resting.insert(machine, rest);
        }
    }

    /// Remembers the kinds of replies with which sessions with a machine ended in step.
    pub fn remember_in_step(&mut self, machine: IpAddr, kinds: ReplyKinds, now: Timestamp) {
        let shown = InStep { at: now, kinds };
        remember(&mut self.in_step, machine, shown, |shown| shown.at);
    }

    /// Remembers that a machine sent a reply too many.
    pub fn remember_out_of_step(&mut self, machine: IpAddr, now: Timestamp) {
        self.in_step.remove(&machine);
        remember(&mut self.out_of_step, machine, now, |at| *at);
    }

    /// Forgets what machines did long ago: they may have been mended, or broken, since.
    pub fn forget_conduct(&mut self, now: Timestamp) {
        let is_recent = |at: Timestamp| now.since(at) < limits::CONDUCT_MEMORY;
        for machines in [&mut self.in_clear, &mut self.out_of_step] {
            machines.retain(|_, at| is_recent(*at));
        }
        self.in_step.retain(|_, shown| is_recent(shown.at));
    }
}

/// Remembers something of a machine; where there are too many, the one met longest ago makes room.
fn remember<T>(
    machines: &mut BTreeMap<IpAddr, T>,
    machine: IpAddr,
    known: T,
    met: impl Fn(&T) -> Timestamp,
) {
    machines.insert(machine, known);
    if machines.len() > limits::MACHINES_REMEMBERED
        && let Some(oldest) = machines.iter().min_by_key(|(_, known)| met(known))
    {
        let oldest = *oldest.0;
        machines.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stage::Stage;

    fn decoy(reason: Reason, permanent: bool) -> Fact {
        Fact {
            at: Timestamp::default(),
            finding: Finding::Asked {
                whom: Whom::Decoy,
                exchange: Exchange {
                    stage: Stage::Rcpt,
                    host: "mx.acme.test".to_owned(),
                    code: Some(match reason {
                        Reason::Accepted => 250,
                        _ => 550,
                    }),
                    reply: String::new(),
                },
                reading: Reading {
                    reason,
                    permanent,
                    rule: "test".to_owned(),
                },
            },
        }
    }

    #[test]
    fn a_decoy_that_was_answered_is_known_one_that_was_not_is_not() {
        let known = |facts: &[Fact]| KnownDomain::from_facts(facts).catch_all;
        assert_eq!(known(&[]), None);
        assert_eq!(
            known(&[decoy(Reason::Accepted, false)]),
            Some(CatchAllState::CatchAll)
        );
        assert_eq!(
            known(&[
                decoy(Reason::Greylisted, false),
                decoy(Reason::NoSuchMailbox, true)
            ]),
            Some(CatchAllState::RefusesUnknown)
        );
        assert_eq!(known(&[decoy(Reason::NoSuchMailbox, false)]), None);
        assert_eq!(
            known(&[
                decoy(Reason::NoSuchMailbox, true),
                decoy(Reason::ProviderAnomaly, false)
            ]),
            None
        );
        assert_eq!(
            known(&[
                decoy(Reason::Accepted, false),
                decoy(Reason::NoSuchMailbox, true)
            ]),
            None
        );
        let mut taken_back = decoy(Reason::Accepted, false);
        if let Finding::Asked { reading, .. } = &mut taken_back.finding {
            reading.reason = Reason::ProviderAnomaly;
        }
        let refused = decoy(Reason::NoSuchMailbox, true);
        assert_eq!(
            known(&[decoy(Reason::Accepted, false), taken_back, refused]),
            Some(CatchAllState::RefusesUnknown)
        );
    }

    #[test]
    fn what_is_known_of_a_domain_is_written_in_the_words_that_ledgers_have() {
        let known = KnownDomain {
            catch_all: Some(CatchAllState::RefusesUnknown),
            decoys_asked: 1,
            ..KnownDomain::default()
        };
        let text = r#"{"openness":"refuses_strangers","decoys_asked":1,"keeps_waiting":false,"exceptions_asked":0}"#;
        assert_eq!(serde_json::to_string(&known).unwrap(), text);
        assert_eq!(serde_json::from_str::<KnownDomain>(text).unwrap(), known);
    }

    #[test]
    fn a_block_is_over_when_its_time_is() {
        let Finding::Asked {
            exchange, reading, ..
        } = decoy(Reason::SenderBlocked, true).finding
        else {
            unreachable!()
        };
        let host = KnownHost {
            blocked: Some(Box::new(Block {
                until: Timestamp::from_millis(10),
                exchange,
                reading,
            })),
            ..KnownHost::default()
        };
        assert!(host.blocked_at(Timestamp::from_millis(9)).is_some());
        assert!(host.blocked_at(Timestamp::from_millis(10)).is_none());
        let text = serde_json::to_string(&host).unwrap();
        assert_eq!(serde_json::from_str::<KnownHost>(&text).unwrap(), host);
    }
}
