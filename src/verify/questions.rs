//! The first reading of a list: which mailboxes need asking, and what is known of them from before.

use super::Seen;
use crate::address::Address;
use crate::flags::Lists;
use crate::intake::List;
use crate::ledger::{Ledger, Todo};
use crate::pipeline::Supply;
use crate::probe::{KnownDomain, KnownHost, LastWord, Likelihood, Wanted};
use crate::route::HostKey;
use crate::suppression::Suppression;

/// The mailboxes of a list that need asking.
pub(super) struct Questions<'a> {
    pub(super) list: List,
    pub(super) seen: Seen,
    pub(super) suppression: &'a Suppression,
    pub(super) lists: &'a Lists,
    pub(super) ledger: &'a mut Ledger,
    pub(super) rows: &'a std::cell::Cell<u64>,
    pub(super) known: u64,
}

impl Supply for Questions<'_> {
    fn next(&mut self, most: usize) -> anyhow::Result<Vec<Wanted>> {
        let mut batch = Vec::new();
        while batch.len() < most {
            let Some(row) = self.list.next_row()? else {
                break;
            };
            self.rows.set(row.number);
            let Ok(field) = row.address else { continue };
            let Ok(address) = Address::parse_bytes(&field) else {
                continue;
            };
            if self.suppression.has(&address) {
                continue;
            }
            let key = address.key();
            if !self.seen.is_new(&key) {
                continue;
            }
            let todo = self.ledger.todo(&key, address.domain().wire())?;
            let last = match todo {
                Todo::Ask { .. } => self.ledger.last_word(&key)?,
                Todo::Settled(_) | Todo::Left | Todo::Owed(_) => LastWord::default(),
            };
            drop(key);
            let wanted = Wanted::from(address);
            match todo {
                Todo::Settled(_) => self.known += 1,
                Todo::Left => {}
                Todo::Owed(reading) => batch.push(Wanted {
                    answered: Some(reading),
                    ..wanted
                }),
                Todo::Ask {
                    waiting,
                    not_before,
                } => batch.push(Wanted {
                    likelihood: Likelihood::of(last, &self.lists.signals(&wanted.address)),
                    waiting,
                    not_before,
                    ..wanted
                }),
            }
        }
        Ok(batch)
    }

    fn domain(&mut self, name: &str) -> anyhow::Result<KnownDomain> {
        Ok(self.ledger.strangers(name)?)
    }

    fn host(&mut self, key: &HostKey) -> anyhow::Result<KnownHost> {
        Ok(self.ledger.host(&key.0)?.unwrap_or_default())
    }
}
