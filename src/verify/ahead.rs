//! The second reading's rows, read and judged ahead on threads of their own, in batches.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::described::{Describer, NoAddress, Text, parse_field};
use super::judge::{Judge, Judgement};
use super::lanes::{Follows, Lanes, lanes, workers};
use super::seen::{Mark, Marker, Seen};
use crate::address::Address;
use crate::flags::{Flag, Lists};
use crate::intake::{IntakeError, List};
use crate::ledger::{Ledger, LedgerError};
use crate::limits;
use crate::verdict::Policy;

/// Some rows of a list, with their bytes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// What each row's text says, until it is judged.
    texts: Vec<(Text, Option<Mark>)>,
    judged: Vec<Judged>,
}

/// Where the bytes of a row are in its batch.
#[derive(Debug)]
struct Place {
    raw: Range<usize>,
    terminator: Range<usize>,
}

/// What a row gets.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    /// Its address, where it names one, with what its mailbox is remembered by.
    pub(super) address: Option<(Address, Mark)>,
}

/// One row with what it gets.
#[derive(Debug)]
pub(super) struct JudgedRow<'a> {
    /// Its bytes as they are in the list, a quote that was never closed closed behind them.
    pub(super) raw: &'a [u8],
    /// What ends it.
    pub(super) terminator: &'a [u8],
    /// What it gets.
    pub(super) judged: Judged,
}

impl Batch {
    /// Flags the rows that name a mailbox of an earlier row. In one go, like [`Describer::describe_all`].
    pub(super) fn flag_duplicates(&mut self, seen: &mut Seen, policy: &Policy) {
        for row in &mut self.judged {
            let Some((_, mark)) = row.address else {
                continue;
            };
            if !seen.is_new(mark) {
                row.judgement.flag(Flag::Duplicate, policy);
            }
        }
    }

    /// Takes the rows out, in the list's order.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = JudgedRow<'_>> {
        let bytes = &self.bytes;
        let places = self.places.drain(..);
        places
            .zip(self.judged.drain(..))
            .map(|(place, judged)| JudgedRow {
                raw: &bytes[place.raw],
                terminator: &bytes[place.terminator],
                judged,
            })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.texts.clear();
        self.judged.clear();
    }

    /// Judges its rows by what the ledger knows now, which is one state for all of them.
    fn judge(&mut self, judge: &Judge<'_>, ledger: &mut Ledger) -> Result<(), LedgerError> {
        let (texts, judged) = (&mut self.texts, &mut self.judged);
        ledger.look(|ledger| {
            for (text, mark) in texts.drain(..) {
                let (judgement, address) = judge.text(text, ledger)?;
                judged.push(Judged {
                    judgement,
                    address: address.zip(mark),
                });
            }
            Ok(())
        })
    }

    fn keep(&mut self, raw: [&[u8]; 2], terminator: &[u8]) {
        let start = self.bytes.len();
        for part in raw {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len();
        self.bytes.extend_from_slice(terminator);
        self.places.push(Place {
            raw: start..end,
            terminator: end..self.bytes.len(),
        });
    }
}

/// Reads rows, in batches, with what their text says.
struct Reader<'a> {
    list: List,
    describer: Describer<'a>,
    marker: Marker,
    returned: Receiver<Batch>,
    /// Why the list cannot be read further; told behind the rows that were read before.
    failed: Option<IntakeError>,
}

impl Reader<'_> {
    /// The next batch, and whether more follows.
    fn read(&mut self) -> (Result<Batch, IntakeError>, Follows) {
        if let Some(error) = self.failed.take() {
            return (Err(error), Follows::Nothing);
        }
        let mut batch = self.returned.try_recv().unwrap_or_default();
        batch.clear();
        let follows = self.fill(&mut batch).unwrap_or_else(|error| {
            self.failed = Some(error);
            Follows::More
        });
        (Ok(batch), follows)
    }

    /// Fills a batch until it is full or the list is at its end. What was read before a failure is in it.
    fn fill(&mut self, batch: &mut Batch) -> Result<Follows, IntakeError> {
        let mut parsed = Vec::new();
        let follows = read_rows(&mut self.list, batch, &mut parsed);
        let texts = self.describer.describe_all(parsed).map(|text| {
            let described = text.as_ref().ok();
            let mark = described.map(|described| self.marker.mark(&described.address.key()));
            (text, mark)
        });
        batch.texts.extend(texts);
        follows
    }
}

fn read_rows(
    list: &mut List,
    batch: &mut Batch,
    parsed: &mut Vec<Result<Address, NoAddress>>,
) -> Result<Follows, IntakeError> {
    while batch.places.len() < limits::AHEAD_ROWS && batch.bytes.len() < limits::AHEAD_BYTES {
        let Some(row) = list.next_row()? else {
            return Ok(Follows::Nothing);
        };
        batch.keep([row.raw, row.closing], row.terminator);
        parsed.push(match &row.address {
            Ok(field) => parse_field(field),
            Err(fault) => Err(NoAddress {
                detail: fault.in_plain_words().into(),
                suggestion: None,
            }),
        });
    }
    Ok(Follows::More)
}

/// The other end of the threads.
pub(super) struct Ahead {
    batches: Lanes<anyhow::Result<Batch>>,
    spent: SyncSender<Batch>,
}

impl Ahead {
    /// The next batch; `None` behind the last one.
    pub(super) fn next_batch(&mut self) -> Option<anyhow::Result<Batch>> {
        self.batches.next()
    }

    /// Returns a batch whose rows were taken out, so that its memory serves again.
    pub(super) fn give_back(&self, batch: Batch) {
        // One that finds no room is let go.
        let _ = self.spent.try_send(batch);
    }
}

/// Reads `list` to its end on threads of `scope`, with what `judge` says of each row by what `ledger` knows; `marker`
/// gives mailboxes their marks. Whoever no longer listens stops the reading.
///
/// # Errors
///
/// When the ledger cannot be opened once more. What cannot be read further comes as the last batch.
pub(super) fn read<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    list: List,
    lists: &'env Lists,
    judge: &'env Judge<'env>,
    ledger: &Ledger,
    marker: Marker,
) -> Result<Ahead, LedgerError> {
    let judging = |mut ledger: Ledger| {
        move |read: Result<Batch, IntakeError>| {
            let mut batch = read?;
            batch.judge(judge, &mut ledger)?;
            anyhow::Ok(batch)
        }
    };
    let workers = ledger.others(workers())?.into_iter().map(judging).collect();
    let (spent, returned) = sync_channel(limits::AHEAD_BATCHES * 2);
    let mut reader = Reader {
        list,
        describer: Describer::new(lists),
        marker,
        returned,
        failed: None,
    };
    Ok(Ahead {
        batches: lanes(&scope, move || reader.read(), workers),
        spent,
    })
}
