//! What the text of a row's address says, without asking anyone.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::seen::AsItIs;
use crate::address::{self, Address, Domain};
use crate::flags::{Flags, Lists, OfDomain};
use crate::limits;

/// An address with what its text alone says of it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The address.
    pub address: Address,
    /// What lists and patterns say.
    pub flags: Flags,
    /// The likely intended address.
    pub suggestion: Option<Box<str>>,
}

/// A text that is no address.
#[derive(Clone, Debug)]
pub struct NoAddress {
    /// What is wrong with it.
    pub detail: Box<str>,
    /// What was probably meant.
    pub suggestion: Option<Box<str>>,
}

/// What a field holds.
pub type Text = Result<Described, NoAddress>;

/// The address that `field` holds.
///
/// # Errors
///
/// [`NoAddress`] with the first rule that it breaks.
pub fn parse_field(field: &[u8]) -> Result<Address, NoAddress> {
    Address::parse_bytes(field).map_err(|fault| NoAddress {
        detail: fault.to_string().into(),
        suggestion: std::str::from_utf8(field)
            .ok()
            .and_then(address::suggest_text)
            .map(Into::into),
    })
}

/// Describes addresses. What a domain says for all addresses in it is kept for the next row.
///
/// Domains are known by a 64-bit hash under a secret key, so that finding one again touches memory once: two of 100,000
/// share one in one run of four thousand million.
#[derive(Debug)]
pub struct Describer<'a> {
    lists: &'a Lists,
    domains: HashMap<u64, Note, BuildHasherDefault<AsItIs>>,
    keys: RandomState,
}

/// What is kept of a domain.
#[derive(Clone, Debug)]
struct Note {
    listed: OfDomain,
    meant: Option<Arc<str>>,
}

impl<'a> Describer<'a> {
    /// Describes by `lists`.
    #[must_use]
    pub fn new(lists: &'a Lists) -> Self {
        Describer {
            lists,
            domains: HashMap::default(),
            keys: RandomState::default(),
        }
    }

    /// What the text of `address` says.
    #[must_use]
    pub fn describe(&mut self, address: Address) -> Described {
        let note = self.note(address.domain());
        self.by_note(address, &note)
    }

    /// What each text says, in order. What is kept of their domains is looked up for all at once: the processor then
    /// waits for memory once and not for each.
    pub(super) fn describe_all(
        &mut self,
        parsed: Vec<Result<Address, NoAddress>>,
    ) -> impl Iterator<Item = Text> {
        let notes: Vec<Option<Note>> = parsed
            .iter()
            .map(|parsed| {
                let address = parsed.as_ref().ok()?;
                Some(self.note(address.domain()))
            })
            .collect();
        let by_note = |(parsed, note): (Result<Address, NoAddress>, Option<Note>)| {
            let address = parsed?;
            let note = note.expect("every address has a note");
            Ok(self.by_note(address, &note))
        };
        parsed.into_iter().zip(notes).map(by_note)
    }

    fn by_note(&self, address: Address, note: &Note) -> Described {
        let suggestion = address::suggest_in(&address, note.meant.as_deref());
        Described {
            flags: self.lists.flags_in(&address, note.listed),
            suggestion: suggestion.map(Into::into),
            address,
        }
    }

    fn note(&mut self, domain: Domain<'_>) -> Note {
        let known = self.keys.hash_one(domain.wire());
        if let Some(note) = self.domains.get(&known) {
            return note.clone();
        }
        if self.domains.len() >= limits::DESCRIBED_DOMAINS {
            self.domains.clear();
        }
        let meant = domain.name().and_then(address::suggest_domain);
        let note = Note {
            listed: self.lists.of_domain(domain),
            meant: meant.map(Into::into),
        };
        self.domains.insert(known, note.clone());
        note
    }
}
