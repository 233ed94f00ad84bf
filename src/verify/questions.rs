//! The first reading of a list: which mailboxes need asking, and what is known of them from before.

use super::lanes::{Detached, Follows, Lanes, lanes, workers};
use super::seen::{Mark, Marker, Seen};
use crate::address::Address;
use crate::flags::Lists;
use crate::intake::{IntakeError, List};
use crate::ledger::{Ledger, LedgerError, Todo};
use crate::limits;
use crate::pipeline::Supply;
use crate::probe::{KnownDomain, KnownHost, LastWord, Likelihood, Wanted};
use crate::route::HostKey;
use crate::suppression::Suppression;

/// The mailboxes of a list that need asking.
pub(super) struct Questions<'a> {
    ahead: Lanes<anyhow::Result<Batch<Known>>>,
    seen: Seen,
    suppression: &'a Suppression,
    lists: &'a Lists,
    ledger: &'a mut Ledger,
    rows: &'a std::cell::Cell<u64>,
    known: u64,
}

/// Some rows of the list.
struct Batch<T> {
    /// The number of its last row.
    until: u64,
    /// The mailboxes that its rows name.
    mailboxes: Vec<(Address, Mark, T)>,
}

/// What the ledger knows of a mailbox.
struct Known {
    todo: Todo,
    last: LastWord,
}

impl<'a> Questions<'a> {
    /// Begins to read `list`, counting its rows in `rows`.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be opened once more.
    pub(super) fn begin(
        list: List,
        (suppression, lists): (&'a Suppression, &'a Lists),
        ledger: &'a mut Ledger,
        rows: &'a std::cell::Cell<u64>,
    ) -> Result<Self, LedgerError> {
        let seen = Seen::default();
        let workers = (0..workers())
            .map(|_| {
                let mut ledger = ledger.another()?;
                Ok(move |read: Result<Batch<()>, IntakeError>| Ok(look_up(read?, &mut ledger)?))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        let mut reader = Reader {
            list,
            marker: seen.marker(),
        };
        Ok(Questions {
            ahead: lanes(&Detached, move || reader.read(), workers),
            seen,
            suppression,
            lists,
            ledger,
            rows,
            known: 0,
        })
    }

    /// How many mailboxes were met, with how many of them needed no asking.
    pub(super) fn met(&self) -> (usize, u64) {
        (self.seen.len(), self.known)
    }

    /// What is to be asked about a mailbox, where anything is.
    fn wanted(&mut self, address: Address, mark: Mark, known: Known) -> Option<Wanted> {
        if self.suppression.has(&address) || !self.seen.is_new(mark) {
            return None;
        }
        match known.todo {
            Todo::Settled(_) => {
                self.known += 1;
                None
            }
            Todo::Left => None,
            Todo::Owed(reading) => Some(Wanted {
                answered: Some(reading),
                ..Wanted::from(address)
            }),
            Todo::Ask {
                waiting,
                not_before,
            } => Some(Wanted {
                likelihood: Likelihood::of(known.last, &self.lists.signals(&address)),
                waiting,
                not_before,
                ..Wanted::from(address)
            }),
        }
    }
}

impl Supply for Questions<'_> {
    fn next(&mut self) -> anyhow::Result<Option<Vec<Wanted>>> {
        let Some(batch) = self.ahead.next() else {
            return Ok(None);
        };
        let batch = batch?;
        self.rows.set(batch.until);
        let wanted = batch
            .mailboxes
            .into_iter()
            .filter_map(|(address, mark, known)| self.wanted(address, mark, known));
        Ok(Some(wanted.collect()))
    }

    fn domain(&mut self, name: &str) -> anyhow::Result<KnownDomain> {
        Ok(self.ledger.strangers(name)?)
    }

    fn host(&mut self, key: &HostKey) -> anyhow::Result<KnownHost> {
        Ok(self.ledger.host(&key.0)?.unwrap_or_default())
    }
}

/// Reads the mailboxes of a list, in batches.
struct Reader {
    list: List,
    marker: Marker,
}

impl Reader {
    /// The next batch, and whether more follows. Of one that cannot be read to its end nobody is asked about.
    fn read(&mut self) -> (Result<Batch<()>, IntakeError>, Follows) {
        match self.fill() {
            Ok((batch, follows)) => (Ok(batch), follows),
            Err(error) => (Err(error), Follows::Nothing),
        }
    }

    fn fill(&mut self) -> Result<(Batch<()>, Follows), IntakeError> {
        let mut batch = Batch {
            until: 0,
            mailboxes: Vec::new(),
        };
        for _ in 0..limits::SUPPLY_BATCH {
            let Some(row) = self.list.next_row()? else {
                return Ok((batch, Follows::Nothing));
            };
            batch.until = row.number;
            let Ok(field) = row.address else { continue };
            let Ok(address) = Address::parse_bytes(&field) else {
                continue;
            };
            let mark = self.marker.mark(&address.key());
            batch.mailboxes.push((address, mark, ()));
        }
        Ok((batch, Follows::More))
    }
}

/// Looks up what the ledger knows of a batch's mailboxes, in one state of it.
fn look_up(batch: Batch<()>, ledger: &mut Ledger) -> Result<Batch<Known>, LedgerError> {
    let Batch { until, mailboxes } = batch;
    let mailboxes = ledger.look(|ledger| {
        let known = mailboxes.into_iter().map(|(address, mark, ())| {
            let key = address.key();
            let todo = ledger.todo(&key, address.domain().wire())?;
            let last = match todo {
                Todo::Ask { .. } => ledger.last_word(&key)?,
                Todo::Settled(_) | Todo::Left | Todo::Owed(_) => LastWord::default(),
            };
            drop(key);
            Ok((address, mark, Known { todo, last }))
        });
        known.collect::<Result<Vec<_>, LedgerError>>()
    })?;
    Ok(Batch { until, mailboxes })
}
