//! A few addresses, each with the evidence.

use std::collections::VecDeque;

use super::ask::{Rows, ask};
use super::beliefs::believed;
use super::described::{Describer, NoAddress, parse_text};
use super::error::VerifyError;
use super::judge::{Judge, Judgement};
use super::{Asking, Observer, Tools};
use crate::input::address::Address;
use crate::ledger::{Ledger, LedgerError, Memory};
use crate::model::ending::Ending;
use crate::model::verdict::{Evidence, Finding};
use crate::probe::run::Stop;
use crate::projection::{Model, Segment};

/// What was found out about one address of a text, or about a text without any.
pub struct Checked {
    /// Which of the texts it is, from 0.
    pub text: usize,
    /// The address; `None` where the text holds none.
    pub address: Option<Address>,
    /// What it gets.
    pub judgement: Judgement,
    /// What that follows from.
    pub evidence: Evidence,
    /// The probability that a message to this address bounces; `None` where there is no recipient.
    pub bounce: Option<f64>,
}

/// Asks about the addresses that `texts` hold, in any form that a cell of a list may have. Returns what each of them
/// gets, in their order, with how the asking ended.
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
) -> Result<(Vec<Checked>, Ending), VerifyError> {
    let texts: VecDeque<_> = texts
        .iter()
        .map(|text| parse_text(text.as_bytes()))
        .collect();
    let rows = Rows::Texts(texts.clone());
    let asked = ask(rows, memory, tools, asking, ledger, observer, stop).await?;
    let mut checker = Checker {
        judge: asked.judge(tools),
        describer: Describer::new(&tools.lists),
        model: believed(ledger, asked.clock.now())?,
    };
    let mut checked = Vec::with_capacity(texts.len());
    for (number, text) in texts.into_iter().enumerate() {
        match text {
            Ok(addresses) => {
                for address in addresses {
                    checked.push(checker.address(number, address, ledger)?);
                }
            }
            Err(none) => checked.push(checker.no_address(number, none)),
        }
    }
    Ok((checked, asked.ending))
}

/// The first address that a text holds.
#[must_use]
pub fn first_in(text: &str) -> Option<Address> {
    parse_text(text.as_bytes()).ok()?.into_iter().next()
}

/// Judges addresses with their evidence.
struct Checker<'t> {
    judge: Judge<'t>,
    describer: Describer<'t>,
    model: Model,
}

impl Checker<'_> {
    fn address(
        &mut self,
        text: usize,
        address: Address,
        ledger: &mut Ledger,
    ) -> Result<Checked, LedgerError> {
        let described = self.describer.describe(address);
        let evidence = self.judge.evidence(&described.address, ledger)?;
        let judgement = self.judge.judge(&described, &evidence);
        let domain = described.address.domain();
        let segment = Segment::of(
            judgement.verdict,
            judgement.flags,
            judgement.provider_id.as_deref(),
            domain.wire(),
        );
        Ok(Checked {
            text,
            bounce: Some(self.model.mean(&segment)),
            judgement,
            evidence,
            address: Some(described.address),
        })
    }

    fn no_address(&self, text: usize, none: NoAddress) -> Checked {
        let mut evidence = Evidence::new();
        let detail = none.detail.to_string();
        evidence.learn(self.judge.now(), Finding::Text { detail });
        let judgement = self.judge.no_address(none);
        let segment = Segment::of(judgement.verdict, judgement.flags, None, "");
        Checked {
            text,
            bounce: judgement.is_message().then(|| self.model.mean(&segment)),
            judgement,
            evidence,
            address: None,
        }
    }
}
