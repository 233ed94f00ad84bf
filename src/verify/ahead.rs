//! Reads a list ahead, on a thread of its own: rows with what their text says, in batches.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use super::described::{Describer, Text};
use crate::flags::Lists;
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
    raw: Range<usize>,
    terminator: Range<usize>,
    text: Text,
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
}

impl Batch {
    /// Takes the rows out, in the list's order.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = ReadRow<'_>> {
        let bytes = &self.bytes;
        self.rows.drain(..).map(|row| ReadRow {
            raw: &bytes[row.raw],
            terminator: &bytes[row.terminator],
            text: row.text,
        })
    }

    /// Takes in rows until it is full or the list is at its end.
    fn fill(
        &mut self,
        list: &mut List,
        describer: &mut Describer<'_>,
    ) -> Result<Filled, IntakeError> {
        while self.rows.len() < limits::AHEAD_ROWS && self.bytes.len() < limits::AHEAD_BYTES {
            let Some(row) = list.next_row()? else {
                return Ok(Filled::Last);
            };
            let text = match &row.address {
                Ok(field) => describer.text(field),
                Err(fault) => Text::None {
                    detail: fault.in_plain_words().into(),
                    suggestion: None,
                },
            };
            self.add([row.raw, row.closing], row.terminator, text);
        }
        Ok(Filled::More)
    }

    fn add(&mut self, raw: [&[u8]; 2], terminator: &[u8], text: Text) {
        let start = self.bytes.len();
        for part in raw {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len();
        self.bytes.extend_from_slice(terminator);
        self.rows.push(Placed {
            raw: start..end,
            terminator: end..self.bytes.len(),
            text,
        });
    }
}

/// Reads `list` to its end on a thread of `scope`, at most [`limits::AHEAD_BATCHES`] batches ahead. What cannot be read
/// further comes as the last item; whoever no longer listens stops the reading.
pub(super) fn read<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    list: List,
    lists: &'env Lists,
) -> Receiver<Result<Batch, IntakeError>> {
    let (sender, receiver) = sync_channel(limits::AHEAD_BATCHES);
    let reading = move || {
        if let Err(error) = send_all(list, lists, &sender) {
            // Nobody listens only when the run has failed elsewhere.
            let _ = sender.send(Err(error));
        }
    };
    let thread = Builder::new().name("reading ahead".to_owned());
    thread
        .spawn_scoped(scope, reading)
        .expect("the system has room for one more thread");
    receiver
}

fn send_all(
    mut list: List,
    lists: &Lists,
    sender: &SyncSender<Result<Batch, IntakeError>>,
) -> Result<(), IntakeError> {
    let mut describer = Describer::new(lists);
    loop {
        let mut batch = Batch::default();
        let filled = batch.fill(&mut list, &mut describer);
        // What was read before a failure goes out first.
        let is_heard = sender.send(Ok(batch)).is_ok();
        if !is_heard || filled? == Filled::Last {
            return Ok(());
        }
    }
}
