//! What the text of a row's address says, without asking anyone.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

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

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Text {
    /// An address.
    Address(Described),
    /// No address.
    None {
        /// What is wrong with it.
        detail: Box<str>,
        /// What was probably meant.
        suggestion: Option<Box<str>>,
    },
}

/// Describes addresses. What a domain says for all addresses in it is kept for the next row.
#[derive(Debug)]
pub struct Describer<'a> {
    lists: &'a Lists,
    domains: HashMap<Box<str>, Note>,
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
            domains: HashMap::new(),
        }
    }

    /// What `field` holds.
    #[must_use]
    pub fn text(&mut self, field: &[u8]) -> Text {
        match Address::parse_bytes(field) {
            Ok(address) => Text::Address(self.address(address)),
            Err(fault) => Text::None {
                detail: fault.to_string().into(),
                suggestion: std::str::from_utf8(field)
                    .ok()
                    .and_then(address::suggest_text)
                    .map(Into::into),
            },
        }
    }

    /// What the text of `address` says.
    #[must_use]
    pub fn address(&mut self, address: Address) -> Described {
        let note = self.note(address.domain());
        let suggestion = address::suggest_in(&address, note.meant.as_deref());
        Described {
            flags: self.lists.flags_in(&address, note.listed),
            suggestion: suggestion.map(Into::into),
            address,
        }
    }

    fn note(&mut self, domain: Domain<'_>) -> Note {
        let name = domain.wire();
        if let Some(note) = self.domains.get(name) {
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
        self.domains.insert(name.into(), note.clone());
        note
    }
}
