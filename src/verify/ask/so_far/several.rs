//! How the rows stand that name several mailboxes: a row is one message, and as good as the best of them.
//!
//! Rows of several mailboxes are few, so each of their mailboxes is remembered by itself: 24 bytes, and its place in a
//! table.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::num::NonZero;
use std::ops::Range;

use super::domains::UnknownRecipients;
use super::stand::{Alike, Counts, Stand};
use crate::model::verdict::Disposition;
use crate::verify::seen::AsItIs;

/// See the module's own words. Mailboxes and domains are known by 64-bit hashes.
#[derive(Debug, Default)]
pub(super) struct Several {
    rows: Vec<Row>,
    mailboxes: Vec<Mailbox>,
    /// The place of each mailbox.
    by_key: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// The place of the mailbox met last at each domain.
    by_domain: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// The rows of which it is known how they stand.
    counts: Counts,
    told_rows: u64,
    told: u64,
}

/// Where a mailbox is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Place {
    pub(super) key: u64,
    pub(super) domain: u64,
}

/// How a mailbox was answered, as far as lists depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// With nothing yet that settles it.
    Untold,
    /// Accepted: where unknown recipients are refused, it goes to this list.
    Accepted(Disposition),
    Refused,
}

#[derive(Debug)]
struct Mailbox {
    domain: u64,
    row: u32,
    /// The place of the one met before it at its domain, from 1.
    before: Option<NonZero<u32>>,
    answer: Answer,
}

/// What those mailboxes of a row come to that are not asked about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside {
    /// There are none.
    Nothing,
    /// The best of them stands like this.
    Stands(Stand),
    /// One of them settles the row, whatever is said of the others: who asked for no mail gets none.
    Settles(Stand),
}

#[derive(Debug)]
struct Row {
    /// The places of those of its mailboxes that are asked about.
    asked: Range<u32>,
    beside: Beside,
    /// How it is counted.
    counted: Option<Stand>,
    /// How many of its mailboxes are counted as told.
    told: u32,
}

impl Several {
    /// Adds a row: those of its mailboxes that are asked about, what the others come to.
    pub(super) fn add(
        &mut self,
        asked: &[(Place, Answer)],
        beside: Beside,
        alike: &Alike,
        unknown_recipients: impl Fn(u64) -> UnknownRecipients,
    ) {
        let row = self.rows.len();
        let first = number(self.mailboxes.len());
        for &(place, answer) in asked {
            let here = number(self.mailboxes.len());
            self.by_key.insert(place.key, here);
            let before = self.by_domain.insert(place.domain, here);
            self.mailboxes.push(Mailbox {
                domain: place.domain,
                row: number(row),
                before: before.and_then(|before| NonZero::new(before + 1)),
                answer,
            });
        }
        self.rows.push(Row {
            asked: first..number(self.mailboxes.len()),
            beside,
            counted: None,
            told: 0,
        });
        self.count(row, alike, unknown_recipients);
    }

    /// How many rows there are of which it is not known how they stand.
    pub(super) fn untold_rows(&self) -> u64 {
        self.rows.len() as u64 - self.told_rows
    }

    /// The rows of which it is known how they stand.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Of how many mailboxes it is known how they stand.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Whether a mailbox is remembered here.
    pub(super) fn has(&self, mailbox: Place) -> bool {
        self.by_key.contains_key(&mailbox.key)
    }

    /// A mailbox was answered so.
    pub(super) fn answered(
        &mut self,
        mailbox: Place,
        answer: Answer,
        alike: &Alike,
        unknown_recipients: impl Fn(u64) -> UnknownRecipients,
    ) {
        if let Some(&here) = self.by_key.get(&mailbox.key) {
            let mailbox = &mut self.mailboxes[here as usize];
            mailbox.answer = answer;
            let row = mailbox.row as usize;
            self.count(row, alike, unknown_recipients);
        }
    }

    /// A domain answers otherwise for unknown recipients from now on.
    pub(super) fn domain_changed(
        &mut self,
        domain: u64,
        alike: &Alike,
        unknown_recipients: impl Fn(u64) -> UnknownRecipients,
    ) {
        let mut next = self.by_domain.get(&domain).copied();
        while let Some(here) = next {
            let Mailbox { row, before, .. } = self.mailboxes[here as usize];
            self.count(row as usize, alike, &unknown_recipients);
            next = before.map(|before| before.get() - 1);
        }
    }

    /// Counts a row by what is known of its mailboxes now.
    fn count(
        &mut self,
        row: usize,
        alike: &Alike,
        unknown_recipients: impl Fn(u64) -> UnknownRecipients,
    ) {
        let row = &mut self.rows[row];
        let asked = &self.mailboxes[row.asked.start as usize..row.asked.end as usize];
        let stands = || {
            asked.iter().filter_map(|mailbox| {
                let unknown_recipients = unknown_recipients(mailbox.domain);
                stand(mailbox.answer, unknown_recipients, alike)
            })
        };
        let told = stands().count();
        let best_of = |beside: Option<Stand>| {
            let best = stands().chain(beside).min_by_key(Stand::rank);
            // Nothing can come that is better than the best list.
            best.filter(|best| told == asked.len() || best.list == Disposition::Verified)
        };
        let now = match row.beside {
            Beside::Nothing => best_of(None),
            Beside::Stands(stand) => best_of(Some(stand)),
            Beside::Settles(stand) => Some(stand),
        };
        let told_before = std::mem::replace(&mut row.told, number(told));
        self.told = self.told - u64::from(told_before) + told as u64;
        if let Some(before) = std::mem::replace(&mut row.counted, now) {
            self.counts.take_out(&before);
            self.told_rows -= 1;
        }
        if let Some(now) = now {
            self.counts.add(&now, 1);
            self.told_rows += 1;
        }
    }
}

/// How a mailbox stands that was answered so; `None` while that is not known.
fn stand(answer: Answer, unknown_recipients: UnknownRecipients, alike: &Alike) -> Option<Stand> {
    match (unknown_recipients, answer) {
        (UnknownRecipients::NoMail, _) => Some(alike.no_mail),
        (_, Answer::Refused) => Some(alike.refused),
        (UnknownRecipients::Accepted, _) => Some(alike.catch_all),
        (UnknownRecipients::Refused, Answer::Accepted(list)) => Some(Alike::proven(list)),
        (UnknownRecipients::Refused | UnknownRecipients::Untold, Answer::Untold)
        | (UnknownRecipients::Untold, Answer::Accepted(_)) => None,
    }
}

/// A place in 32 bits.
fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a list has less than four thousand million mailboxes")
}
