//! The second reading's rows, read and judged ahead on threads of their own, in batches.
//!
//! One thread reads, and that is what a list waits for where nobody is asked: it does nothing that the threads behind
//! it can do. A batch goes round whole: what was allocated for it is let go by the thread that reads, where that costs
//! least.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::input::address::Address;
use crate::input::flags::{Flag, Lists};
use crate::input::list::{Earlier, IntakeError, List};
use crate::ledger::{Ledger, LedgerError};
use crate::model::limits;
use crate::model::verdict::Policy;
use crate::verify::described::{Describer, Named, NoAddress, read_row};
use crate::verify::error::VerifyError;
use crate::verify::judge::{Cells, Judge, Judgement};
use crate::verify::lanes::{Follows, Lanes, lanes, workers};
use crate::verify::output::{Put, Theirs};
use crate::verify::seen::{Mark, Marker, Seen};

/// Some rows of a list, with their bytes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// Each row's addresses, row by row, until they are judged.
    parsed: Vec<Result<Address, NoAddress>>,
    judged: Vec<Judged>,
}

/// Where the bytes of a row are in its batch.
#[derive(Debug)]
struct Place {
    raw: Range<usize>,
    terminator: Range<usize>,
    /// The row that a spreadsheet program shows it in.
    sheet_row: u64,
    /// How many addresses it names, or one text that says why none.
    texts: usize,
    /// Where the addresses stand.
    cells: Vec<Cell>,
    /// The same of the first, which most rows have alone, without a heap.
    first: Cell,
}

/// Where an address of a row is: clean among the batch's bytes, and in the caller's cell.
#[derive(Clone, Debug, Default)]
struct Cell {
    /// The clean address; empty where there is none.
    clean: Range<usize>,
    /// What the cell says, where that is more than the clean address and blanks; else empty.
    input: Range<usize>,
    /// Where the cell stands in the row.
    place: Option<Range<usize>>,
}

/// What a row gets.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    /// Its best address, where it names one, with what its mailbox is remembered by.
    pub(super) address: Option<(Address, Mark)>,
    /// The number of that address among those of the row.
    chosen: usize,
}

/// One row with what it gets.
#[derive(Debug)]
pub(super) struct JudgedRow<'a> {
    /// Its bytes as they are in the list, a quote that was never closed closed behind them, with the clean address in
    /// its cell where it is to stand there.
    pub(super) theirs: Theirs<'a>,
    /// The clean address; empty where there is none.
    pub(super) address: &'a str,
    /// What stood in its cell, where the clean address now does; else empty.
    pub(super) input: Cow<'a, str>,
    /// The row that a spreadsheet program shows it in, from 1.
    pub(super) sheet_row: u64,
    /// What it gets.
    pub(super) judged: &'a Judged,
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

    /// The rows, in the list's order.
    pub(super) fn rows(&self, cells: Cells) -> impl Iterator<Item = JudgedRow<'_>> {
        let bytes = &self.bytes;
        let text = |range: Range<usize>| {
            std::str::from_utf8(&bytes[range]).expect("an address is written in UTF-8")
        };
        self.places
            .iter()
            .zip(&self.judged)
            .map(move |(place, judged)| {
                let cell = place.cell(judged.chosen).clone();
                let address = text(cell.clean);
                let put = match (cells, cell.place) {
                    (Cells::Cleaned, Some(place)) if !cell.input.is_empty() => {
                        Some(Put { place, address })
                    }
                    (Cells::Cleaned | Cells::Kept, _) => None,
                };
                let input = match &put {
                    Some(_) => String::from_utf8_lossy(&bytes[cell.input]),
                    None => Cow::Borrowed(""),
                };
                JudgedRow {
                    theirs: Theirs {
                        raw: &bytes[place.raw.clone()],
                        terminator: &bytes[place.terminator.clone()],
                        put,
                    },
                    address,
                    input,
                    sheet_row: place.sheet_row,
                    judged,
                }
            })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.parsed.clear();
        self.judged.clear();
    }

    /// Judges its rows by what their text says and what the ledger knows now, which is one state for all of them.
    fn judge(
        &mut self,
        judge: &Judge<'_>,
        describer: &mut Describer<'_>,
        marker: &Marker,
        ledger: &mut Ledger,
    ) -> Result<(), LedgerError> {
        let (places, judged) = (&self.places, &mut self.judged);
        let mut texts = describer.describe_all(&mut self.parsed).map(|text| {
            let described = text.as_ref().ok();
            let mark = described.map(|described| marker.mark(&described.address.key()));
            (text, mark)
        });
        ledger.look(|ledger| {
            for place in places {
                let mut best: Option<Judged> = None;
                let (mut marks, mut differ) = (None, false);
                for (chosen, (text, mark)) in texts.by_ref().take(place.texts).enumerate() {
                    let (judgement, address) = judge.text(text, ledger)?;
                    differ |= marks.is_some() && marks != mark;
                    marks = marks.or(mark);
                    if best
                        .as_ref()
                        .is_none_or(|best| judgement.is_better_than(&best.judgement))
                    {
                        best = Some(Judged {
                            judgement,
                            address: address.zip(mark),
                            chosen,
                        });
                    }
                }
                let mut best =
                    best.expect("a row has a text, if only one that says why it names nobody");
                if differ {
                    best.judgement.note(Flag::SeveralAddresses);
                }
                if !place.cell(best.chosen).input.is_empty() {
                    best.judgement.note(Flag::Cleaned);
                }
                judged.push(best);
            }
            Ok(())
        })
    }

    /// Keeps the bytes of a row.
    fn keep(&mut self, raw: [&[u8]; 2], terminator: &[u8], sheet_row: u64) {
        let start = self.bytes.len();
        for part in raw {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len();
        self.bytes.extend_from_slice(terminator);
        self.places.push(Place {
            raw: start..end,
            terminator: end..self.bytes.len(),
            sheet_row,
            texts: 0,
            cells: Vec::new(),
            first: Cell::default(),
        });
    }

    /// Keeps where an address of the row that was kept last stands.
    fn keep_cell(&mut self, named: &Named<'_>, place: Option<Range<usize>>) {
        let mut keep = |text: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            start..self.bytes.len()
        };
        let cell = match (&named.address, &named.clean) {
            (Ok(_), Some(clean)) => Cell {
                clean: keep(clean.as_bytes()),
                input: keep(named.cell),
                place,
            },
            (Ok(_), None) => Cell {
                clean: keep(named.cell.trim_ascii()),
                input: 0..0,
                place,
            },
            (Err(_), _) => Cell::default(),
        };
        let row = self.places.last_mut().expect("a row was kept");
        match row.texts {
            0 => row.first = cell,
            _ => row.cells.push(cell),
        }
        row.texts += 1;
    }
}

impl Place {
    fn cell(&self, number: usize) -> &Cell {
        match number.checked_sub(1) {
            None => &self.first,
            Some(further) => &self.cells[further],
        }
    }
}

/// Reads rows, in batches.
struct Reader {
    list: List,
    earlier: Earlier,
    returned: Receiver<Batch>,
    /// Why the list cannot be read further; told behind the rows that were read before.
    failed: Option<IntakeError>,
}

impl Reader {
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
        while batch.places.len() < limits::AHEAD_ROWS && batch.bytes.len() < limits::AHEAD_BYTES {
            let Some(row) = self.list.next_row()? else {
                return Ok(Follows::Nothing);
            };
            let (raw, _) = self.earlier.strip(row.raw, None);
            batch.keep([&raw, row.closing], row.terminator, row.sheet_row);
            read_row(&row, |named| {
                let place = match self.earlier.is_empty() {
                    true => named.place.clone(),
                    false => self.earlier.strip(row.raw, named.place.clone()).1,
                };
                batch.keep_cell(&named, place);
                batch.parsed.push(named.address);
            });
        }
        Ok(Follows::More)
    }
}

/// The other end of the threads.
pub(super) struct Ahead {
    batches: Lanes<Result<Batch, VerifyError>>,
    spent: SyncSender<Batch>,
}

impl Ahead {
    /// The next batch; `None` behind the last one.
    pub(super) fn next_batch(&mut self) -> Option<Result<Batch, VerifyError>> {
        self.batches.next()
    }

    /// Returns a batch whose rows are listed, so that its memory serves again.
    pub(super) fn give_back(&self, batch: Batch) {
        // One that finds no room is let go.
        let _ = self.spent.try_send(batch);
    }
}

/// Reads `list` to its end on threads of `scope`, with what `judge` says of each row by what `ledger` knows; `marker`
/// gives mailboxes their marks. The reading stops when the receiver is dropped.
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
    marker: &Marker,
) -> Result<Ahead, LedgerError> {
    let judging = |mut ledger: Ledger| {
        let (mut describer, marker) = (Describer::new(lists), marker.clone());
        move |read: Result<Batch, IntakeError>| {
            let mut batch = read?;
            batch.judge(judge, &mut describer, &marker, &mut ledger)?;
            Ok::<_, VerifyError>(batch)
        }
    };
    let workers = ledger.others(workers())?.into_iter().map(judging).collect();
    let (spent, returned) = sync_channel(limits::AHEAD_BATCHES * 2);
    let mut reader = Reader {
        earlier: list.earlier().clone(),
        list,
        returned,
        failed: None,
    };
    Ok(Ahead {
        batches: lanes(&scope, move || reader.read(), workers),
        spent,
    })
}
