//! What the text of a row's address says, before any host is asked.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault};

use foldhash::quality::RandomState;

use super::seen::AsItIs;
use crate::input::address::{self, Address, Contents, Domain, Fault, Found};
use crate::input::flags::{Flags, Lists, OfDomain};
use crate::input::list::{About, Row, RowFault, Width, names_the_column};
use crate::model::limits;

/// An address with what its text alone says of it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The address as parsed.
    pub address: Address,
    /// What lists and patterns say.
    pub flags: Flags,
    /// The likely intended address.
    pub suggestion: Option<Box<str>>,
}

/// What a row has instead of an address.
#[derive(Clone, Debug)]
pub struct NoAddress {
    /// What kind of thing it is.
    pub lack: Lack,
    /// What is wrong with it.
    pub detail: Box<str>,
    /// What was probably meant.
    pub suggestion: Option<Box<str>>,
}

/// How an address is missing, the more hopeful the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The row names no recipient: it is no message.
    Nothing,
    /// It names a recipient, but not by an address.
    Malformed,
    /// An address stands there, or what is meant can be guessed: the operator may repair it.
    Repairable,
}

impl NoAddress {
    /// Nothing stands where an address belongs.
    fn nothing(detail: &str) -> Self {
        NoAddress {
            lack: Lack::Nothing,
            detail: detail.into(),
            suggestion: None,
        }
    }

    /// Text that is no address because of `fault`.
    fn text(text: &[u8], fault: &Fault, lack: Lack) -> Self {
        let text = std::str::from_utf8(text).ok();
        let suggestion = text.and_then(address::suggest_text);
        NoAddress {
            lack: match suggestion {
                Some(_) => Lack::Repairable,
                None => lack,
            },
            detail: fault.to_string().into(),
            suggestion: suggestion.map(Into::into),
        }
    }

    /// A row whose cell cannot be looked at.
    fn fault(fault: RowFault) -> Self {
        let lack = match fault {
            RowFault::NoSuchField | RowFault::EmptyField => Lack::Nothing,
            RowFault::UnclosedQuote
            | RowFault::StrayQuote
            | RowFault::TooLong
            | RowFault::NulByte => Lack::Malformed,
        };
        NoAddress {
            lack,
            detail: fault.in_plain_words().into(),
            suggestion: None,
        }
    }
}

/// What a field holds.
pub type Text = Result<Described, NoAddress>;

/// One address that a row names, or why it names none.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The address as parsed, or why there is none.
    pub(crate) address: Result<Address, NoAddress>,
    /// How it is written clean, where it does not stand so in its cell.
    pub(crate) clean: Option<Box<str>>,
    /// Which of the row's cells it stands in, from 0.
    pub(crate) cell: usize,
}

/// Tells each address that a row names, in the order of its cells; where it names none, once why.
pub(crate) fn read_row(row: &Row<'_>, with: impl FnMut(Named)) {
    let further = row.further.iter().map(|cell| &cell.text);
    let cells = std::iter::once(&row.address).chain(further);
    let texts = cells.map(|cell| cell.as_deref().map_err(|fault| *fault));
    read_cells(texts, Place::of(row), with);
}

/// Where a row stands, as far as text without an address in it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the table.
    Table,
    /// Behind a table, or between its parts: it is too short to be one of its rows or sums up others, and names no
    /// recipient.
    Footer,
}

impl Place {
    /// Where `row` stands.
    pub(crate) fn of(row: &Row<'_>) -> Self {
        let is_short = row.width == Width::Short && !row.raw.contains(&b'@');
        if is_short || row.about == About::OtherRows {
            Place::Footer
        } else {
            Place::Table
        }
    }
}

/// The same of the cells of a row at that place: what each says, or why it says nothing.
pub(crate) fn read_cells<'c>(
    cells: impl Iterator<Item = Result<&'c [u8], RowFault>>,
    place: Place,
    mut with: impl FnMut(Named),
) {
    let mut found = false;
    let mut missing: Option<NoAddress> = None;
    for (at, text) in cells.enumerate() {
        let none = match text {
            Ok(text) => {
                let mut tell = |Found { address, clean }| {
                    found = true;
                    with(Named {
                        address: Ok(address),
                        clean,
                        cell: at,
                    });
                };
                match address::contents(text) {
                    Contents::One(one) => {
                        tell(one);
                        continue;
                    }
                    Contents::Several(several) => {
                        several.into_iter().for_each(tell);
                        continue;
                    }
                    Contents::Nothing => NoAddress::nothing(RowFault::EmptyField.in_plain_words()),
                    Contents::Text(_) if place == Place::Footer => {
                        NoAddress::nothing("The row is about the list and names no recipient.")
                    }
                    Contents::Text(_) if names_the_column(text) => {
                        NoAddress::nothing("The row is a header and names no recipient.")
                    }
                    Contents::Text(fault @ Fault::DirectoryName) => {
                        NoAddress::nothing(&fault.to_string())
                    }
                    Contents::Text(fault) => NoAddress::text(text, &fault, Lack::Malformed),
                    Contents::Unsure(fault) => NoAddress::text(text, &fault, Lack::Repairable),
                }
            }
            Err(fault) => NoAddress::fault(fault),
        };
        if missing.as_ref().is_none_or(|known| known.lack < none.lack) {
            missing = Some(none);
        }
    }
    if !found && let Some(none) = missing {
        with(Named {
            address: Err(none),
            clean: None,
            cell: 0,
        });
    }
}

/// The first address that a row names.
///
/// # Errors
///
/// [`NoAddress`] when it names none.
///
/// # Panics
///
/// Never: a row without an address says why.
pub fn first_of(row: &Row<'_>) -> Result<Address, NoAddress> {
    let mut first = None;
    read_row(row, |named| {
        first.get_or_insert(named.address);
    });
    first.expect("a row that names nobody says why")
}

/// The addresses that a row names, or why it names none, with the text of the cell where they belong.
pub fn contents_of_row(row: &Row<'_>) -> (String, Result<Vec<Address>, NoAddress>) {
    let text = row.address.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    let (mut addresses, mut missing) = (Vec::new(), None);
    read_row(row, |named| match named.address {
        Ok(address) => addresses.push(address),
        Err(none) => missing = Some(none),
    });
    (text, missing.map_or(Ok(addresses), Err))
}

/// The addresses that a text holds, or why it holds none.
///
/// # Errors
///
/// [`NoAddress`] with the first rule that it breaks.
pub(super) fn parse_text(text: &[u8]) -> Result<Vec<Address>, NoAddress> {
    match address::contents(text) {
        Contents::One(found) => Ok(vec![found.address]),
        Contents::Several(found) => Ok(found.into_iter().map(|found| found.address).collect()),
        Contents::Nothing => Err(NoAddress::nothing(RowFault::EmptyField.in_plain_words())),
        Contents::Text(fault @ Fault::DirectoryName) => Err(NoAddress::nothing(&fault.to_string())),
        Contents::Text(fault) => Err(NoAddress::text(text, &fault, Lack::Malformed)),
        Contents::Unsure(fault) => Err(NoAddress::text(text, &fault, Lack::Repairable)),
    }
}

/// Describes addresses. What a domain says for all addresses in it is kept for the next row.
///
/// Domains are known by a 64-bit hash under a secret key, so that finding one again touches memory once, and little of it:
/// of nearly every domain there is nothing to say. Two of 100,000 share a hash in one run of four thousand million.
#[derive(Debug)]
pub struct Describer<'a> {
    lists: &'a Lists,
    /// The domains of which there is nothing to say.
    plain: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// The place of each other domain's note.
    noted: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// What there is to say: nothing first, then of each domain of which there is more.
    notes: Vec<Note>,
    keys: RandomState,
}

/// What is kept of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Note {
    listed: OfDomain,
    meant: Option<Box<str>>,
}

impl<'a> Describer<'a> {
    /// Describes by `lists`.
    #[must_use]
    pub fn new(lists: &'a Lists) -> Self {
        Describer {
            lists,
            plain: HashSet::default(),
            noted: HashMap::default(),
            notes: vec![Note::default()],
            keys: RandomState::default(),
        }
    }

    /// What the text of `address` says.
    #[must_use]
    pub fn describe(&mut self, address: Address) -> Described {
        self.make_room(1);
        let note = self.note(address.domain());
        self.by_note(address, note)
    }

    /// What each text says, in order. What is kept of their domains is looked up for all at once: the processor then
    /// waits for memory once and not for each.
    pub(super) fn describe_all(
        &mut self,
        parsed: &mut Vec<Result<Address, NoAddress>>,
    ) -> impl Iterator<Item = Text> {
        self.make_room(parsed.len());
        let notes: Vec<u32> = parsed
            .iter()
            .map(|parsed| match parsed {
                Ok(address) => self.note(address.domain()),
                Err(_) => 0,
            })
            .collect();
        let by_note = |(parsed, note): (Result<Address, NoAddress>, u32)| -> Text {
            Ok(self.by_note(parsed?, note))
        };
        parsed.drain(..).zip(notes).map(by_note)
    }

    fn by_note(&self, address: Address, note: u32) -> Described {
        let Note { listed, meant } = &self.notes[note as usize];
        let suggestion = address::suggest_in(&address, meant.as_deref());
        Described {
            flags: self.lists.flags_in(&address, *listed),
            suggestion: suggestion.map(Into::into),
            address,
        }
    }

    /// Forgets all domains, if there might not be room for so many more.
    fn make_room(&mut self, more: usize) {
        if self.plain.len() + self.noted.len() + more > limits::DESCRIBED_DOMAINS {
            self.plain.clear();
            self.noted.clear();
            self.notes.truncate(1);
        }
    }

    /// The place of what there is to say of a domain.
    fn note(&mut self, domain: Domain<'_>) -> u32 {
        let known = self.keys.hash_one(domain.wire());
        if self.plain.contains(&known) {
            return 0;
        }
        if let Some(place) = self.noted.get(&known) {
            return *place;
        }
        let meant = domain.name().and_then(address::suggest_domain);
        let note = Note {
            listed: self.lists.of_domain(domain),
            meant: meant.map(Into::into),
        };
        if note == self.notes[0] {
            self.plain.insert(known);
            return 0;
        }
        let place = u32::try_from(self.notes.len()).expect("fewer notes than domains are kept");
        self.notes.push(note);
        self.noted.insert(known, place);
        place
    }
}
