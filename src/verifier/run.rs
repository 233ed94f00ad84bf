//! A run under way, as its caller holds it.

use tokio::sync::{mpsc, watch};

use super::error::Error;
use crate::input::address::Address;
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Evidence, Verdict};
use crate::verify::check::JudgedAddress;

/// A list that is being verified: see [`Verifier::verify`](crate::Verifier::verify).
///
/// Dropping it ends the run in order: nothing new is asked, and sessions with mail hosts that are open say QUIT.
pub struct Run {
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) rows: mpsc::Receiver<Result<Event, Error>>,
    pub(super) is_over: bool,
}

/// What a run tells. The last event is [`Event::Ended`], unless the run fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// So far the asking has come. Told about ten times a second at most; one that comes while nobody waits for it
    /// gives way to the next.
    Progress(Progress),
    /// What a row gets. Rows come in the list's order, once all were asked about: a mail host that turns out not to
    /// tell the truth takes back what it said.
    Row(Box<Checked>),
    /// The run is over.
    Ended(Ending),
}

/// How far the asking has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows read.
    pub rows: u64,
    /// Mailboxes settled.
    pub settled: u64,
    /// Mailboxes that wait for their answer.
    pub pending: usize,
    /// Connections to mail hosts that are open.
    pub connections: usize,
}

/// What a row gets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The number of the row, from 1.
    pub row: u64,
    /// What stood where the address belongs.
    pub text: String,
    /// The address; `None` where the row has none. Of several it is the best.
    pub address: Option<Address>,
    /// What is held to be true of it, and why.
    pub verdict: Verdict,
    /// What to do with it, by the policy.
    pub disposition: Disposition,
    /// The probability that a message to it would bounce, from 0 to 1; `None` where there is no recipient.
    pub bounce: Option<f64>,
    /// What is to know beside.
    pub flags: Vec<Flag>,
    /// The address that was probably meant.
    pub suggestion: Option<String>,
    /// Who runs the mail host, where that is known.
    pub provider: Option<String>,
    /// The reply that decided it, or what decided it instead.
    pub reply: String,
    /// When a host was asked; `None` where none was.
    pub checked_at: Option<Timestamp>,
    /// All that is known, which the verdict follows from: see [`decide`](crate::decide).
    pub evidence: Evidence,
}

impl Checked {
    pub(super) fn of(row: u64, text: String, judged: JudgedAddress) -> Checked {
        let JudgedAddress {
            address,
            judgement,
            evidence,
            bounce,
            ..
        } = judged;
        Checked {
            row,
            text,
            address,
            verdict: judgement.verdict,
            disposition: judgement.disposition,
            bounce,
            flags: judgement.flags.iter().collect(),
            suggestion: judgement.suggestion,
            provider: judgement.provider,
            reply: judgement.reply,
            checked_at: judgement.checked_at,
            evidence,
        }
    }
}

impl Run {
    /// The next event; `None` once the run is over. What it would have returned is not lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// When the list cannot be read further, the ledger cannot be used or no host can be asked. Then nothing follows.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        if self.is_over {
            return None;
        }
        let event = tokio::select! {
            biased;
            Ok(()) = self.progress.changed() => {
                return Some(Ok(Event::Progress(*self.progress.borrow_and_update())));
            }
            row = self.rows.recv() => row.unwrap_or_else(|| Err(Error::broken_off())),
        };
        self.is_over = matches!(event, Ok(Event::Ended(_)) | Err(_));
        Some(event)
    }
}
