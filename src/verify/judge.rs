//! What a row gets: its verdict from what is known, its flags, its list.

use super::Tools;
use super::described::{Described, Lack, NoAddress, Text};
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags, Signal, is_trap_like};
use crate::ledger::{Ledger, LedgerError};
use crate::model::ending::Ending;
use crate::model::provider::Provider;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::model::verdict::Evidence;
use crate::model::verdict::Finding;
use crate::model::verdict::Policy;
use crate::model::verdict::Standing;
use crate::model::verdict::Verdict;
use crate::model::verdict::Whom;
use crate::model::verdict::decide;
use crate::projection::Kind;
use crate::verify::output::Columns;

/// What becomes of a cell in which more stands than an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cells {
    /// The clean address is put there.
    #[default]
    Cleaned,
    /// It stays as it is.
    Kept,
}

/// What a row gets.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What is held to be true.
    pub verdict: Verdict,
    /// The list that it goes to.
    pub disposition: Disposition,
    /// What is to know beside.
    pub flags: Flags,
    /// The likely intended address.
    pub suggestion: Option<String>,
    /// The name of the mail host's provider, where known.
    pub provider: Option<String>,
    /// The stable id of that provider.
    pub provider_id: Option<String>,
    /// The reply that decided it, or what decided it instead.
    pub reply: String,
    /// When a host was asked.
    pub checked_at: Option<Timestamp>,
}

impl Judgement {
    /// What the answers say of the chance that a message bounces.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of(self.verdict, self.flags)
    }

    /// Adds a flag, with what the policy says of it.
    pub(super) fn flag(&mut self, flag: Flag, policy: &Policy) {
        self.flags = self.flags.with(flag);
        self.disposition = policy.disposition(self.verdict, self.flags.iter());
    }

    /// Whether the row names a recipient, so that a message could go to it.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.verdict.reason != Reason::NoAddress
    }

    /// Adds a flag about the row, of which no policy speaks.
    pub(super) fn note(&mut self, flag: Flag) {
        self.flags = self.flags.with(flag);
    }

    /// Whether a row that names the addresses of both is better written to at this one's. A row is one recipient: one
    /// that asked for no mail at one address gets none at any.
    pub(super) fn is_better_than(&self, other: &Judgement) -> bool {
        let is_suppressed = |one: &Judgement| one.verdict.reason == Reason::Suppressed;
        if is_suppressed(self) || is_suppressed(other) {
            return !is_suppressed(other);
        }
        let rank = |one: &Judgement| rank(one.disposition, one.verdict.standing);
        rank(self) < rank(other)
    }

    /// The columns for the caller's row, whose message bounces with the probability `bounce`, where it is a message;
    /// `address` is how its address is written clean, `input` what stood in its place.
    #[must_use]
    pub fn columns<'c>(
        &'c self,
        bounce: Option<f64>,
        address: &'c str,
        input: &'c str,
    ) -> Columns<'c> {
        Columns {
            address,
            input,
            verdict: self.verdict.standing.as_str(),
            reason: self.verdict.reason.as_str(),
            bounce,
            flags: if self.flags.is_empty() {
                String::new()
            } else {
                self.flags.to_string()
            },
            suggestion: self.suggestion.as_deref().unwrap_or_default(),
            provider: self.provider.as_deref().unwrap_or_default(),
            reply: &self.reply,
            checked_at: self.checked_at.map(|at| at.to_string()).unwrap_or_default(),
        }
    }
}

/// How good a list and a standing are: the lower, the better to write to.
pub(super) fn rank(list: Disposition, standing: Standing) -> impl Ord + use<> {
    let place = Standing::ALL.iter().position(|known| *known == standing);
    (list, place)
}

/// Judges rows by what is known now.
pub struct Judge<'a> {
    tools: &'a Tools,
    now: Timestamp,
    ending: Ending,
}

impl<'a> Judge<'a> {
    /// A judge at `now`, after asking that ended so.
    #[must_use]
    pub fn new(tools: &'a Tools, now: Timestamp, ending: Ending) -> Self {
        Judge { tools, now, ending }
    }

    /// What a row gets whose field holds `text`, with its address where it has one.
    pub(super) fn text(
        &self,
        text: Text,
        ledger: &mut Ledger,
    ) -> Result<(Judgement, Option<Address>), LedgerError> {
        match text {
            Ok(described) => {
                let evidence = self.evidence(&described.address, ledger)?;
                let judgement = self.judge(&described, &evidence);
                Ok((judgement, Some(described.address)))
            }
            Err(no_address) => Ok((self.no_address(no_address), None)),
        }
    }

    /// What is known of an address, with what kept us from learning more.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub(crate) fn evidence(
        &self,
        address: &Address,
        ledger: &mut Ledger,
    ) -> Result<Evidence, LedgerError> {
        if self.tools.suppression.has(address) {
            let mut evidence = Evidence::new();
            evidence.learn(
                self.now,
                Finding::Withheld {
                    reason: Reason::Suppressed,
                    detail: "on your suppression list".to_owned(),
                },
            );
            return Ok(evidence);
        }
        let mut evidence = if ledger.was_empty() {
            Evidence::new()
        } else {
            ledger.evidence(&address.key(), address.domain().wire())?
        };
        if let Some(reason) = self.unfinished() {
            evidence.learn(
                self.now,
                Finding::Withheld {
                    reason,
                    detail: String::new(),
                },
            );
        }
        Ok(evidence)
    }

    /// What an address gets by what is known of it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn address(
        &self,
        described: &Described,
        ledger: &mut Ledger,
    ) -> Result<Judgement, LedgerError> {
        let evidence = self.evidence(&described.address, ledger)?;
        Ok(self.judge(described, &evidence))
    }

    /// When this judge judges.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Why an address may have been left without an answer.
    fn unfinished(&self) -> Option<Reason> {
        match self.ending {
            Ending::Completed => None,
            Ending::Interrupted => Some(Reason::Interrupted),
            Ending::Deadline => Some(Reason::Deadline),
            Ending::Stranded => Some(Reason::NotAsked),
        }
    }

    /// What an address gets, given everything known of it.
    pub(crate) fn judge(&self, described: &Described, evidence: &Evidence) -> Judgement {
        let verdict = decide(evidence);
        let mut flags = described.flags;
        if verdict.reason == Reason::CatchAll && !flags.has(Flag::TrapLike) {
            // A typing error at a domain that refuses mail is only that; one at a catch-all is most likely a trap.
            let mut signals = self.tools.lists.signals(&described.address);
            let is_typo = signals
                .iter()
                .any(|signal| matches!(signal, Signal::TypoDomain { .. }));
            signals.push(Signal::CatchAll);
            if is_typo && is_trap_like(&signals) {
                flags = flags.with(Flag::TrapLike);
            }
        }
        let (reply, provider) = self.decisive(evidence, verdict);
        Judgement {
            verdict,
            disposition: self.tools.policy.disposition(verdict, flags.iter()),
            flags,
            suggestion: match verdict.standing {
                // An address that is accepted where unknown recipients are refused is no typing error.
                Standing::Deliverable => None,
                Standing::Risky | Standing::Unknown | Standing::Undeliverable => {
                    described.suggestion.clone().map(Into::into)
                }
            },
            provider: provider.map(|provider| provider.name.clone()),
            provider_id: provider.map(|provider| provider.id.clone()),
            reply,
            checked_at: evidence.asked_at(),
        }
    }

    pub(crate) fn no_address(&self, text: NoAddress) -> Judgement {
        let verdict = match text.lack {
            // Nothing is known of a row without a recipient.
            Lack::Nothing => Verdict {
                standing: Standing::Unknown,
                reason: Reason::NoAddress,
            },
            Lack::Malformed | Lack::Repairable => Verdict {
                standing: Standing::Undeliverable,
                reason: Reason::BadSyntax,
            },
        };
        let disposition = self.tools.policy.disposition(verdict, []);
        Judgement {
            verdict,
            disposition: match text.lack {
                Lack::Nothing | Lack::Malformed => disposition,
                // The operator may repair it, so it is not thrown away.
                Lack::Repairable => disposition.min(Disposition::Review),
            },
            flags: Flags::NONE,
            suggestion: text.suggestion.map(Into::into),
            provider: None,
            provider_id: None,
            reply: text.detail.into(),
            checked_at: None,
        }
    }

    /// The words that decided a verdict, with the provider they came from.
    fn decisive(&self, evidence: &Evidence, verdict: Verdict) -> (String, Option<&'a Provider>) {
        let mut words = String::new();
        let mut provider = None;
        for fact in &evidence.facts {
            match &fact.finding {
                Finding::Asked {
                    whom,
                    exchange,
                    reading,
                } => {
                    if let Some(found) = self.tools.providers.of_mail_host(&exchange.host) {
                        provider = Some(found);
                    }
                    let decided = match whom {
                        Whom::Subject => {
                            words.is_empty()
                                || reading.reason == verdict.reason
                                || reading.reason == Reason::Accepted
                        }
                        Whom::Decoy => {
                            verdict.reason == Reason::CatchAll
                                || verdict.reason == Reason::AcceptedProvider
                                || (words.is_empty() && reading.reason == verdict.reason)
                        }
                    };
                    if decided {
                        words.clone_from(&exchange.reply);
                    }
                }
                Finding::Domain { reason, detail } if *reason == verdict.reason => {
                    words.clone_from(detail);
                }
                Finding::Bounced { reason, reply, .. } if *reason == verdict.reason => {
                    words.clone_from(reply);
                }
                Finding::Withheld { detail, .. } if words.is_empty() => words.clone_from(detail),
                Finding::Bounced { .. }
                | Finding::Domain { .. }
                | Finding::Withheld { .. }
                | Finding::Text { .. } => {}
            }
        }
        (words, provider)
    }
}
