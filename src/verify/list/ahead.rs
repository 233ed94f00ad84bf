//! The second reading's rows, read and judged ahead on threads of their own, in batches.
//!
//! One thread reads: it does nothing that the threads behind it can do. A batch goes round whole, and what was allocated
//! for its rows is let go one by one where new rows need the same: so little goes through the heap from thread to thread.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::input::address::Address;
use crate::input::flags::{Flag, Lists};
use crate::input::list::{Earlier, IntakeError, List, Row, RowFault};
use crate::ledger::{Ledger, LedgerError};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::verdict::{Policy, Standing};
use crate::verify::described::{self, Describer, Named, NoAddress, read_cells};
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
    /// Each row's cells that may hold addresses, row by row.
    texts: Vec<Text>,
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
    /// How many cells it has that may hold addresses.
    texts: usize,
    /// Where it stands.
    stands: described::Place,
    /// How many addresses it names, or one text that says why none.
    named: usize,
    /// Where the addresses stand.
    cells: Vec<Cell>,
    /// The same of the first, which most rows have alone, without a heap.
    first: Cell,
}

/// A cell that may hold addresses.
#[derive(Debug)]
struct Text {
    /// Where what it says is among the batch's bytes; or why it says nothing.
    text: Result<Range<usize>, RowFault>,
    /// Where the cell stands in the row.
    place: Option<Range<usize>>,
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
    /// Its other addresses of which nothing is certain; few rows have any.
    pub(super) others: Vec<(Mark, Reason)>,
    /// The number of that address among those of the row.
    chosen: usize,
}

impl Judged {
    /// Its best address, where nothing is certain of it, with why.
    pub(super) fn open(&self) -> Option<(Mark, Reason)> {
        let (_, mark) = self.address.as_ref()?;
        let verdict = self.judgement.verdict;
        (verdict.standing == Standing::Unknown).then_some((*mark, verdict.reason))
    }
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
            if !seen.add(mark) {
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

    /// Makes room for other rows. What the old ones got stays until the new ones get theirs.
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.texts.clear();
        self.parsed.clear();
    }

    /// Reads the addresses in the cells of its rows.
    fn parse(&mut self) {
        let (bytes, texts, parsed) = (&self.bytes, &self.texts, &mut self.parsed);
        let (mut cleaned, mut next) = (String::new(), 0);
        // What stood here before goes where the same is needed at once.
        let mut spent = std::mem::take(&mut self.judged);
        for place in &mut self.places {
            drop(spent.pop());
            let texts = &texts[next..next + place.texts];
            next += place.texts;
            let said = texts
                .iter()
                .map(|text| text.text.clone().map(|range| &bytes[range]));
            read_cells(said, place.stands, |named| {
                let cell = match &named.address {
                    Ok(_) => Cell::of(&named, &texts[named.cell], bytes, &mut cleaned),
                    Err(_) => Cell::default(),
                };
                match place.named {
                    0 => place.first = cell,
                    _ => place.cells.push(cell),
                }
                place.named += 1;
                parsed.push(named.address);
            });
        }
        spent.clear();
        self.judged = spent;
        self.bytes.extend_from_slice(cleaned.as_bytes());
    }

    /// Reads its rows and judges them by what their text says and what the ledger knows now, which is one state for all of them.
    fn judge(
        &mut self,
        judge: &Judge<'_>,
        describer: &mut Describer<'_>,
        marker: &Marker,
        ledger: &mut Ledger,
    ) -> Result<(), LedgerError> {
        self.parse();
        let (places, judged) = (&self.places, &mut self.judged);
        let mut texts = describer.describe_all(&mut self.parsed).map(|text| {
            let described = text.as_ref().ok();
            let mark = described.map(|described| marker.mark(&described.address.key()));
            (text, mark)
        });
        ledger.look(|ledger| {
            for place in places {
                let mut best: Option<Judged> = None;
                let mut others = Vec::new();
                let (mut marks, mut differ) = (None, false);
                for (chosen, (text, mark)) in texts.by_ref().take(place.named).enumerate() {
                    let (judgement, address) = judge.text(text, ledger)?;
                    differ |= marks.is_some() && marks != mark;
                    marks = marks.or(mark);
                    let judged = Judged {
                        judgement,
                        address: address.zip(mark),
                        others: Vec::new(),
                        chosen,
                    };
                    let is_best = best
                        .as_ref()
                        .is_none_or(|best| judged.judgement.is_better_than(&best.judgement));
                    let worse = if is_best {
                        best.replace(judged)
                    } else {
                        Some(judged)
                    };
                    others.extend(worse.and_then(|worse| worse.open()));
                }
                let mut best =
                    best.expect("a row has a text, if only one that says why it names nobody");
                best.others = others;
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

    /// Keeps the bytes of a row, without the columns of an `earlier` run. One that ends before the header does gets its
    /// empty fields, so that what follows it stands in its own column.
    fn keep(&mut self, row: &Row<'_>, earlier: &Earlier, delimiter: Option<u8>) {
        let start = self.bytes.len();
        let (raw, _) = earlier.strip(row.raw, None);
        self.bytes.extend_from_slice(&raw);
        self.bytes.extend_from_slice(row.closing);
        if let (Some(delimiter), true) = (delimiter, earlier.is_empty()) {
            let end = self.bytes.len() + row.missing;
            self.bytes.resize(end, delimiter);
        }
        let end = self.bytes.len();
        self.bytes.extend_from_slice(row.terminator);
        self.places.push(Place {
            raw: start..end,
            terminator: end..self.bytes.len(),
            sheet_row: row.sheet_row,
            texts: 1 + row.further.len(),
            stands: described::Place::of(row),
            named: 0,
            cells: Vec::new(),
            first: Cell::default(),
        });
        let first = (&row.address, &row.place);
        let further = row.further.iter().map(|cell| (&cell.text, &cell.place));
        for (text, place) in std::iter::once(first).chain(further) {
            let start = self.bytes.len();
            let text = text.as_ref().map_err(|fault| *fault).map(|text| {
                self.bytes.extend_from_slice(text);
                start..self.bytes.len()
            });
            let place = if earlier.is_empty() {
                place.clone()
            } else {
                earlier.strip(row.raw, place.clone()).1
            };
            self.texts.push(Text { text, place });
        }
    }
}

impl Cell {
    /// The cell of an address that stands in `text`; what it is written as, where it does not stand so there, is added
    /// to `cleaned`, which will follow `bytes`.
    fn of(named: &Named, text: &Text, bytes: &[u8], cleaned: &mut String) -> Self {
        let cell = text.text.clone().unwrap_or_default();
        let place = text.place.clone();
        if let Some(clean) = &named.clean {
            let start = bytes.len() + cleaned.len();
            cleaned.push_str(clean);
            return Cell {
                clean: start..start + clean.len(),
                input: cell,
                place,
            };
        }
        let said = &bytes[cell.clone()];
        let start = cell.start + (said.len() - said.trim_ascii_start().len());
        Cell {
            clean: start..start + said.trim_ascii().len(),
            input: 0..0,
            place,
        }
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
        let delimiter = self.list.delimiter();
        while batch.places.len() < limits::AHEAD_ROWS && batch.bytes.len() < limits::AHEAD_BYTES {
            let Some(row) = self.list.next_row()? else {
                return Ok(Follows::Nothing);
            };
            batch.keep(&row, &self.earlier, delimiter);
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
