//! What the lists say of domains, in one table, so that an address costs one walk over its parent domains.

use foldhash::HashMap;
use std::borrow::Cow;

use super::origin::Origin;

/// Whether an entry stands for the names below it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// For itself only: names below it belong to others, as those below a public suffix do.
    Exact,
    /// For itself and everything below.
    Below,
}

/// What a list says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    /// It is on the list.
    Listed(Origin, Reach),
    /// It was taken out, and everything below it.
    TakenOut,
}

/// Why a domain alone makes an address trap-like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrapDomain {
    /// Its owner runs a blocklist.
    BlocklistOperator,
    /// It belonged to a provider that closed in this year.
    Closed(u16),
    /// The operator's own list has it.
    Own(Origin),
    /// The operator has taken it out.
    TakenOut,
}

/// Everything said of one domain.
#[derive(Clone, Copy, Debug, Default)]
struct Note {
    disposable: Option<Opinion>,
    free: Option<Opinion>,
    trap: Option<TrapDomain>,
}

/// All domains that a list speaks of.
#[derive(Debug, Default)]
pub(super) struct Domains {
    /// Index into `notes`. Most of the 56,000 names share one note, so that a name costs little more than itself.
    table: HashMap<Cow<'static, str>, u32>,
    notes: Vec<Note>,
}

/// What the lists say of one address's domain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found<'a> {
    /// The listed domain and its origin.
    pub disposable: Option<(&'a str, Origin)>,
    /// What is said of this very domain.
    pub free: Option<Opinion>,
    /// The listed domain and why.
    pub trap: Option<(&'a str, TrapDomain)>,
}

impl Domains {
    /// Takes up a long list that says the same of each of its names.
    pub(super) fn take_up_disposable(&mut self, names: &[&'static str], origin: Origin) {
        let mut note = |reach| {
            self.notes.push(Note {
                disposable: Some(Opinion::Listed(origin, reach)),
                ..Note::default()
            });
            u32::try_from(self.notes.len() - 1).unwrap_or(u32::MAX)
        };
        let (exact, below) = (note(Reach::Exact), note(Reach::Below));
        self.table.reserve(names.len());
        for &name in names {
            let index = match reach_of(name) {
                Reach::Exact => exact,
                Reach::Below => below,
            };
            self.table.insert(Cow::Borrowed(name), index);
        }
    }

    pub(super) fn set_disposable(&mut self, name: &str, opinion: Opinion) {
        self.note_of(name).disposable = Some(opinion);
    }

    pub(super) fn set_free(&mut self, name: &str, opinion: Opinion) {
        self.note_of(name).free = Some(opinion);
    }

    pub(super) fn set_trap(&mut self, name: &str, trap: TrapDomain) {
        self.note_of(name).trap = Some(trap);
    }

    /// The note of `name` alone, which may have shared one until now.
    fn note_of(&mut self, name: &str) -> &mut Note {
        let shared = self
            .table
            .get(name)
            .and_then(|&index| self.notes.get(index as usize))
            .copied();
        self.notes.push(shared.unwrap_or_default());
        let last = self.notes.len() - 1;
        self.table.insert(
            Cow::Owned(name.to_owned()),
            u32::try_from(last).unwrap_or(u32::MAX),
        );
        &mut self.notes[last]
    }

    /// What is said of `domain` (A-labels), by the most specific entry of each list.
    pub(super) fn find<'a>(&self, domain: &'a str) -> Found<'a> {
        let mut found = Found::default();
        let mut is_disposable_settled = false;
        let mut is_trap_settled = false;
        let mut name = domain;
        while let Some((_, parent)) = name.split_once('.') {
            if let Some(note) = self
                .table
                .get(name)
                .and_then(|&index| self.notes.get(index as usize))
            {
                let is_itself = name.len() == domain.len();
                if is_itself {
                    found.free = note.free;
                }
                if let Some(opinion) = note.disposable.filter(|_| !is_disposable_settled) {
                    is_disposable_settled = true;
                    found.disposable = match opinion {
                        Opinion::Listed(origin, reach) => {
                            (is_itself || reach == Reach::Below).then_some((name, origin))
                        }
                        Opinion::TakenOut => None,
                    };
                }
                if let Some(trap) = note.trap.filter(|_| !is_trap_settled) {
                    is_trap_settled = true;
                    found.trap = (trap != TrapDomain::TakenOut).then_some((name, trap));
                }
            }
            name = parent;
        }
        found
    }
}

/// Whether names below `name` belong to the owner of `name`.
pub(super) fn reach_of(name: &str) -> Reach {
    let is_public_suffix =
        psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.as_bytes().len() == name.len());
    if is_public_suffix {
        Reach::Exact
    } else {
        Reach::Below
    }
}
