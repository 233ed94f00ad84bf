//! A few addresses, each with the evidence.

use std::collections::VecDeque;

use super::ask::{Asked, Rows, ask};
use super::beliefs::believed;
use super::described::{Describer, NoAddress, parse_text};
use super::error::VerifyError;
use super::judge::{Judge, Judgement};
use super::seen::Seen;
use super::{Asking, Observer, Tools};
use crate::input::address::Address;
use crate::ledger::{Ledger, LedgerError, Memory};
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Evidence, Finding};
use crate::probe::run::Stop;
use crate::projection::{Model, Segment};

/// The addresses that a text holds, or why it holds none.
pub type Contents = Result<Vec<Address>, NoAddress>;

/// What was found out about one address of a text, or about a text without any.
#[derive(Debug)]
pub struct JudgedAddress {
    /// The address; `None` where the text holds none.
    pub address: Option<Address>,
    /// What it gets.
    pub judgement: Judgement,
    /// What that follows from.
    pub evidence: Evidence,
    /// The probability that a message to this address bounces; `None` where there is no recipient.
    pub bounce: Option<f64>,
}

impl JudgedAddress {
    /// The object of `check --json`; `input` is the text that names the address.
    #[must_use]
    pub fn to_json(&self, input: &str) -> serde_json::Value {
        let judgement = &self.judgement;
        let address = self.address.as_ref().map(ToString::to_string);
        let address = address.unwrap_or_default();
        let input = if address == input { "" } else { input };
        let columns = judgement.columns(self.bounce, &address, input);
        serde_json::json!({
            "address": columns.address,
            "verdict": columns.verdict,
            "reason": columns.reason,
            "bounce": columns.bounce,
            "flags": judgement.flags.iter().map(Flag::as_str).collect::<Vec<_>>(),
            "suggestion": judgement.suggestion,
            "provider": judgement.provider,
            "reply": columns.reply,
            "checked_at": judgement.checked_at,
            "input": columns.input,
            "disposition": judgement.disposition,
            "evidence": self.evidence,
        })
    }
}

/// Asks about the addresses that `texts` hold, in any form that a cell of a list may have. Returns what each address of
/// each text gets, with how the asking ended.
///
/// # Errors
///
/// When the ledger cannot be read or written.
pub async fn check(
    texts: &[String],
    memory: Memory,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Into<Stop<'_>>,
) -> Result<(Vec<Vec<JudgedAddress>>, Ending), VerifyError> {
    let contents: VecDeque<Contents> = texts.iter().map(|text| contents_of(text)).collect();
    let rows = Rows::of_texts(contents.clone());
    let asked = ask(rows, memory, tools, asking, ledger, observer, stop).await?;
    let mut checker = Checker::new(&asked, tools, ledger)?;
    let judged = contents.into_iter().map(|text| checker.all(text, ledger));
    Ok((judged.collect::<Result<_, LedgerError>>()?, asked.ending))
}

/// The addresses that a text holds, or why it holds none.
///
/// # Errors
///
/// [`NoAddress`] with the first rule that it breaks.
pub fn contents_of(text: &str) -> Contents {
    parse_text(text.as_bytes())
}

/// Judges rows with their evidence, after the asking.
pub struct Checker<'t> {
    tools: &'t Tools,
    judge: Judge<'t>,
    describer: Describer<'t>,
    model: Model,
    /// The mailboxes that an earlier row was about.
    seen: Seen,
}

impl<'t> Checker<'t> {
    /// Judges by what is known now.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn new(asked: &Asked, tools: &'t Tools, ledger: &Ledger) -> Result<Self, LedgerError> {
        Checker::at(asked.clock.now(), asked.ending, tools, ledger)
    }

    /// Judges by what is known at `now`, after asking that ended so.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn at(
        now: Timestamp,
        ending: Ending,
        tools: &'t Tools,
        ledger: &Ledger,
    ) -> Result<Self, LedgerError> {
        Ok(Checker {
            tools,
            judge: Judge::new(tools, now, ending),
            describer: Describer::new(&tools.lists),
            model: believed(ledger, now)?,
            seen: Seen::default(),
        })
    }

    /// What each address of a text gets; one thing where it holds none.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn all(
        &mut self,
        contents: Contents,
        ledger: &mut Ledger,
    ) -> Result<Vec<JudgedAddress>, LedgerError> {
        match contents {
            Ok(addresses) => {
                let each = addresses.into_iter();
                each.map(|address| self.address(address, ledger)).collect()
            }
            Err(none) => Ok(vec![self.no_address(none)]),
        }
    }

    /// What a row gets that holds this: what its best address does, flagged where an earlier row was about its mailbox.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    ///
    /// # Panics
    ///
    /// Never: a row that names nobody says why.
    pub fn row(
        &mut self,
        contents: Contents,
        ledger: &mut Ledger,
    ) -> Result<JudgedAddress, LedgerError> {
        let all = self.all(contents, ledger)?.into_iter();
        let best = all.reduce(|best, other| {
            if other.judgement.is_better_than(&best.judgement) {
                other
            } else {
                best
            }
        });
        let mut best = best.expect("a row that names nobody says why");
        if let Some(address) = &best.address {
            let mark = self.seen.marker().mark(&address.key());
            if !self.seen.add(mark) {
                best.judgement.flag(Flag::Duplicate, &self.tools.policy);
            }
        }
        Ok(best)
    }

    fn address(
        &mut self,
        address: Address,
        ledger: &mut Ledger,
    ) -> Result<JudgedAddress, LedgerError> {
        let described = self.describer.describe(address);
        let evidence = self.judge.evidence(&described.address, ledger)?;
        let judgement = self.judge.judge(&described, &evidence);
        let address = described.address;
        Ok(JudgedAddress {
            bounce: self.bounce(&judgement, address.domain().wire()),
            judgement,
            evidence,
            address: Some(address),
        })
    }

    fn no_address(&self, none: NoAddress) -> JudgedAddress {
        let mut evidence = Evidence::new();
        let detail = none.detail.to_string();
        evidence.learn(self.judge.now(), Finding::Text { detail });
        let judgement = self.judge.no_address(none);
        JudgedAddress {
            bounce: self.bounce(&judgement, ""),
            judgement,
            evidence,
            address: None,
        }
    }

    fn bounce(&self, judgement: &Judgement, domain: &str) -> Option<f64> {
        let provider = judgement.provider_id.as_deref();
        let segment = Segment::of(judgement.verdict, judgement.flags, provider, domain);
        judgement.is_message().then(|| self.model.mean(&segment))
    }
}
