//! Reads a list ahead, on a thread of its own: rows with what their text says, in batches.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use super::described::{Describer, NoAddress, Text, parse_field};
use super::seen::{Mark, Marker, Seen};
use crate::address::Address;
use crate::flags::{Flag, Lists};
use crate::intake::{IntakeError, List};
use crate::limits;

/// Some rows of a list, with their bytes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    rows: Vec<Placed>,
}

/// One row of a batch: where its bytes are, what its text says.
#[derive(Debug)]
struct Placed {
    place: Place,
    text: Text,
    /// What its mailbox is remembered by, where it names one.
    mark: Option<Mark>,
}

/// Where the bytes of a row are in its batch.
#[derive(Debug)]
struct Place {
    raw: Range<usize>,
    terminator: Range<usize>,
}

/// Whether more rows may follow a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    More,
    Last,
}

/// One row with what its text says.
#[derive(Debug)]
pub(super) struct ReadRow<'a> {
    /// Its bytes as they are in the list, a quote that was never closed closed behind them.
    pub(super) raw: &'a [u8],
    /// What ends it.
    pub(super) terminator: &'a [u8],
    /// What its address field says.
    pub(super) text: Text,
    /// What its mailbox is remembered by, where it names one.
    pub(super) mark: Option<Mark>,
}

impl Batch {
    /// Flags the rows that name a mailbox of an earlier row. In one go, like [`Describer::describe_all`].
    pub(super) fn flag_duplicates(&mut self, seen: &mut Seen) {
        for row in &mut self.rows {
            let (Some(mark), Ok(described)) = (row.mark, &mut row.text) else {
                continue;
            };
            if !seen.is_new_mark(mark) {
                described.flags = described.flags.with(Flag::Duplicate);
            }
        }
    }

    /// Takes the rows out, in the list's order.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = ReadRow<'_>> {
        let bytes = &self.bytes;
        self.rows.drain(..).map(|row| ReadRow {
            raw: &bytes[row.place.raw],
            terminator: &bytes[row.place.terminator],
            text: row.text,
            mark: row.mark,
        })
    }

    /// Takes in rows until it is full or the list is at its end.
    fn fill(&mut self, list: &mut List, reader: &mut Reader<'_>) -> Result<Filled, IntakeError> {
        let (mut places, mut parsed) = (Vec::new(), Vec::new());
        let filled = self.read_rows(list, &mut places, &mut parsed);
        let texts = reader.describer.describe_all(parsed);
        let placed = places.into_iter().zip(texts).map(|(place, text)| {
            let described = text.as_ref().ok();
            Placed {
                mark: described.map(|described| reader.marker.mark(&described.address.key())),
                place,
                text,
            }
        });
        self.rows.extend(placed);
        filled
    }

    fn read_rows(
        &mut self,
        list: &mut List,
        places: &mut Vec<Place>,
        parsed: &mut Vec<Result<Address, NoAddress>>,
    ) -> Result<Filled, IntakeError> {
        while places.len() < limits::AHEAD_ROWS && self.bytes.len() < limits::AHEAD_BYTES {
            let Some(row) = list.next_row()? else {
                return Ok(Filled::Last);
            };
            places.push(self.keep([row.raw, row.closing], row.terminator));
            parsed.push(match &row.address {
                Ok(field) => parse_field(field),
                Err(fault) => Err(NoAddress {
                    detail: fault.in_plain_words().into(),
                    suggestion: None,
                }),
            });
        }
        Ok(Filled::More)
    }

    fn keep(&mut self, raw: [&[u8]; 2], terminator: &[u8]) -> Place {
        let start = self.bytes.len();
        for part in raw {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len();
        self.bytes.extend_from_slice(terminator);
        Place {
            raw: start..end,
            terminator: end..self.bytes.len(),
        }
    }
}

/// What the reading thread keeps from batch to batch.
struct Reader<'a> {
    describer: Describer<'a>,
    marker: Marker,
    returned: Receiver<Batch>,
}

impl Reader<'_> {
    /// A batch to fill, in the memory of one that was returned where there is one.
    fn empty_batch(&self) -> Batch {
        let mut batch = self.returned.try_recv().unwrap_or_default();
        batch.bytes.clear();
        batch.rows.clear();
        batch
    }
}

/// The other end of a reading thread.
pub(super) struct Ahead {
    batches: Receiver<Result<Batch, IntakeError>>,
    spent: SyncSender<Batch>,
}

impl Ahead {
    /// The next batch; `None` behind the last one.
    pub(super) fn next_batch(&self) -> Option<Result<Batch, IntakeError>> {
        self.batches.recv().ok()
    }

    /// Returns a batch whose rows were taken out, so that its memory serves again.
    pub(super) fn give_back(&self, batch: Batch) {
        // One that finds no room is let go.
        let _ = self.spent.try_send(batch);
    }
}

/// Reads `list` to its end on a thread of `scope`, at most [`limits::AHEAD_BATCHES`] batches ahead; `marker` gives
/// mailboxes their marks. What cannot be read
/// further comes as the last item; whoever no longer listens stops the reading.
pub(super) fn read<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    list: List,
    lists: &'env Lists,
    marker: Marker,
) -> Ahead {
    let (sender, batches) = sync_channel(limits::AHEAD_BATCHES);
    let (spent, returned) = sync_channel(limits::AHEAD_BATCHES + 2);
    let reading = move || {
        let reader = Reader {
            describer: Describer::new(lists),
            marker,
            returned,
        };
        if let Err(error) = send_all(list, reader, &sender) {
            // Nobody listens only when the run has failed elsewhere.
            let _ = sender.send(Err(error));
        }
    };
    let thread = Builder::new().name("reading ahead".to_owned());
    thread
        .spawn_scoped(scope, reading)
        .expect("the system has room for one more thread");
    Ahead { batches, spent }
}

fn send_all(
    mut list: List,
    mut reader: Reader<'_>,
    sender: &SyncSender<Result<Batch, IntakeError>>,
) -> Result<(), IntakeError> {
    loop {
        let mut batch = reader.empty_batch();
        let filled = batch.fill(&mut list, &mut reader);
        // What was read before a failure goes out first.
        let is_heard = sender.send(Ok(batch)).is_ok();
        if !is_heard || filled? == Filled::Last {
            return Ok(());
        }
    }
}
