//! Answers of one kind in a row, at one machine: has it begun to say the same to everybody?

use std::collections::VecDeque;

use crate::limits;
use crate::verdict::Exchange;

/// Answers of one kind in a row: some hosts begin to refuse everybody, or to accept everybody, once they have had too
/// many questions about strangers.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Acceptances since it last refused somebody, with those accepted.
    pub(super) accepted: VecDeque<(Box<str>, Exchange)>,
    /// Those refused of late; those of the present row are the last.
    pub(super) refused: VecDeque<(Box<str>, Exchange)>,
    /// How many of them there are in the present row.
    pub(super) refused_in_a_row: usize,
    /// Refusals in all, decoys among them.
    pub(super) refusals: u32,
    /// How often another decoy was refused: each time the next is due after a row twice as long.
    tested: u32,
    /// Whether another decoy is being asked about.
    pub(super) testing: bool,
    /// Whether a decoy was accepted where decoys were refused before: its acceptances are worth nothing.
    pub(super) accepts_anybody: bool,
}

impl Rows {
    /// Notes an acceptance that seemed to mean something.
    pub(super) fn accept(&mut self, key: Box<str>, exchange: Exchange) {
        self.refused_in_a_row = 0;
        let most = limits::ACCEPTED_IN_A_ROW << (limits::ROW_DOUBLINGS + 1);
        keep(&mut self.accepted, most, key, exchange);
    }

    /// Notes a refusal of somebody in the list.
    pub(super) fn refuse(&mut self, key: Box<str>, exchange: Exchange) {
        self.still_refuses();
        self.refused_in_a_row += 1;
        keep(
            &mut self.refused,
            limits::TRUST_WINDOW as usize,
            key,
            exchange,
        );
    }

    /// Notes that another decoy was refused.
    pub(super) fn passed_the_test(&mut self) {
        self.tested += 1;
        self.still_refuses();
    }

    /// Notes that a stranger was refused: the acceptances before mean what they say.
    pub(super) fn still_refuses(&mut self) {
        self.refusals += 1;
        self.accepts_anybody = false;
        self.accepted.clear();
    }

    /// Notes that somebody known to exist was accepted: the refusals before mean what they say.
    pub(super) fn still_accepts(&mut self) {
        self.refused_in_a_row = 0;
        self.refused.clear();
    }

    /// Notes that another machine of the same key accepts somebody known to exist, where this one has accepted nobody: the
    /// row was looked into. Those refused may still be held back with all of late.
    pub(super) fn was_questioned(&mut self) {
        self.refused_in_a_row = 0;
    }

    /// Whether another decoy is due; `at_the_end` when the host has nothing else left to be asked.
    pub(super) fn owe_a_decoy(&self, at_the_end: bool) -> bool {
        let most = limits::ACCEPTED_IN_A_ROW << self.tested.min(limits::ROW_DOUBLINGS);
        !self.testing && self.is_long(self.accepted.len(), most, at_the_end)
    }

    /// Whether somebody known to exist is to be asked about again.
    pub(super) fn owe_a_control(&self, at_the_end: bool) -> bool {
        self.is_long(self.refused_in_a_row, limits::REFUSALS_IN_A_ROW, at_the_end)
    }

    /// Whether a row is worth a question; a short one only at the end, at a host that has had many strangers.
    fn is_long(&self, row: usize, most: usize, at_the_end: bool) -> bool {
        let at_least = match at_the_end && self.refusals >= limits::STRANGERS {
            true => limits::SHORT_ROW,
            false => most,
        };
        self.refusals > 0 && row >= at_least
    }

    /// Takes out those refused in the present row, or all of late.
    pub(super) fn take_refused(&mut self, which: Which) -> Vec<(Box<str>, Exchange)> {
        let from = match which {
            Which::InARow => self.refused.len().saturating_sub(self.refused_in_a_row),
            Which::OfLate => 0,
        };
        self.refused_in_a_row = 0;
        self.refused.drain(from..).collect()
    }
}

/// Which refusals are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those since somebody was accepted.
    InARow,
    /// All of late.
    OfLate,
}

fn keep(row: &mut VecDeque<(Box<str>, Exchange)>, most: usize, key: Box<str>, exchange: Exchange) {
    if row.len() == most {
        row.pop_front();
    }
    row.push_back((key, exchange));
}
