//! The first reading of the lists: which mailboxes need asking, and what is known of them from before.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::described::{Lack, read_row};
use super::lanes::{Detached, Follows, Lanes, lanes, workers};
use super::seen::{Mark, Marker, Seen};
use super::so_far::Standings;
use super::{Task, Tools};
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags, Lists};
use crate::input::list::{IntakeError, List};
use crate::input::suppression::Suppression;
use crate::ledger::{Ledger, LedgerError, Settled, Todo};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::verdict::{Standing, Verdict};
use crate::net::route::HostKey;
use crate::probe::run::TargetSource;
use crate::probe::{KnownDomain, KnownHost, KnownMachine, LastWord, Likelihood, Target};

/// The mailboxes of the lists that need asking.
pub(super) struct Questions<'a> {
    ahead: Lanes<anyhow::Result<Batch<Known>>>,
    /// The mailboxes met that may need asking.
    seen: Seen,
    /// Which of the settled mailboxes were met.
    met: Vec<bool>,
    suppression: &'a Suppression,
    lists: &'a Lists,
    ledger: &'a mut Ledger,
    rows: &'a Cell<u64>,
    /// How they stand so far.
    standings: &'a RefCell<Standings>,
    /// How many mailboxes needed no asking.
    known: u64,
}

/// Some rows of the list.
struct Batch<T> {
    /// The number of its last row.
    until: u64,
    /// Rows without an address; those of them that the operator may repair.
    nameless: [u64; 2],
    /// The mailboxes that its rows name.
    mailboxes: Vec<Mailbox<T>>,
}

/// A mailbox that a row names.
struct Mailbox<T> {
    address: Address,
    mark: Mark,
    /// Whether it is the first that its row names, which stands for the message.
    leads: bool,
    /// What is known of it.
    known: T,
}

/// What the ledger knows of a mailbox.
enum Known {
    /// It needs no asking; its place among the settled ones, with how it stands.
    Settled(usize, Verdict),
    /// It may need asking.
    Open { todo: Todo, last: LastWord },
}

impl<'a> Questions<'a> {
    /// Begins to read the lists of `task`, counting their rows in `rows`, their mailboxes in `standings`.
    ///
    /// # Errors
    ///
    /// When a list cannot be read, or the ledger.
    pub(super) fn begin(
        task: &Task,
        tools: &'a Tools,
        ledger: &'a mut Ledger,
        rows: &'a Cell<u64>,
        standings: &'a RefCell<Standings>,
    ) -> anyhow::Result<Self> {
        let lists = task
            .lists
            .iter()
            .map(|list| list.source.list(&task.options));
        let lists = lists.collect::<Result<VecDeque<List>, IntakeError>>()?;
        let bytes = task.lists.iter().map(|list| list.source.bytes()).sum();
        let seen = Seen::default();
        let marker = seen.marker();
        let settled = match ledger.is_small_beside(bytes)? {
            true => ledger.settled(|key| marker.mark(key).0)?,
            false => Settled::default(),
        };
        let met = vec![false; settled.count()];
        let settled = Arc::new(settled);
        let looking_up = |mut ledger: Ledger| {
            let settled = Arc::clone(&settled);
            move |read: Result<Batch<()>, IntakeError>| Ok(look_up(read?, &settled, &mut ledger)?)
        };
        let workers = ledger
            .others(workers())?
            .into_iter()
            .map(looking_up)
            .collect();
        let mut reader = Reader {
            lists,
            marker,
            rows: 0,
        };
        Ok(Questions {
            ahead: lanes(&Detached, move || reader.read(), workers),
            seen,
            met,
            suppression: &tools.suppression,
            lists: &tools.lists,
            ledger,
            rows,
            standings,
            known: 0,
        })
    }

    /// How many mailboxes were met.
    pub(super) fn mailboxes(&self) -> usize {
        self.seen.len() + self.met.iter().filter(|met| **met).count()
    }

    /// Tells how a row stands, if it is one: of those that name several mailboxes the first speaks for all.
    fn stands(&self, leads: bool, verdict: Verdict, flags: Flags) {
        if leads {
            self.standings.borrow_mut().stands(verdict, flags);
        }
    }

    /// How many of them needed no asking.
    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// What is to be asked about a mailbox, where anything is. Of the others it is told how their rows stand.
    fn wanted(&mut self, mailbox: Mailbox<Known>) -> Option<Target> {
        let Mailbox {
            address,
            mark,
            leads,
            known,
        } = mailbox;
        if self.suppression.has(&address) {
            self.stands(leads, SUPPRESSED, Flags::NONE);
            return None;
        }
        let is_new = match known {
            Known::Settled(place, _) => !std::mem::replace(&mut self.met[place], true),
            Known::Open { .. } => self.seen.is_new(mark),
        };
        if !is_new {
            self.stands(leads, ACCEPTED, Flags::NONE.with(Flag::Duplicate));
            return None;
        }
        match known {
            Known::Settled(_, verdict)
            | Known::Open {
                todo: Todo::Settled(verdict),
                ..
            } => {
                self.known += 1;
                self.stands(leads, verdict, self.lists.flags(&address));
                None
            }
            Known::Open {
                todo: Todo::Left, ..
            } => None,
            Known::Open {
                todo: Todo::Owed(reading),
                ..
            } => Some(Target {
                answered: Some(reading),
                ..Target::from(address)
            }),
            Known::Open {
                todo:
                    Todo::Ask {
                        waiting,
                        not_before,
                    },
                last,
            } => Some(Target {
                likelihood: Likelihood::of(last, &self.lists.signals(&address)),
                waiting,
                not_before,
                ..Target::from(address)
            }),
        }
    }
}

/// How a row stands that is left alone.
const SUPPRESSED: Verdict = Verdict {
    standing: Standing::Unknown,
    reason: Reason::Suppressed,
};

/// How a further row of a mailbox stands, as far as its list depends on that: at best.
const ACCEPTED: Verdict = Verdict {
    standing: Standing::Deliverable,
    reason: Reason::Accepted,
};

impl TargetSource for Questions<'_> {
    fn next(&mut self) -> anyhow::Result<Option<Vec<Target>>> {
        let Some(batch) = self.ahead.next() else {
            return Ok(None);
        };
        let batch = batch?;
        self.rows.set(batch.until);
        let wanted: Vec<Target> = batch
            .mailboxes
            .into_iter()
            .filter_map(|mailbox| self.wanted(mailbox))
            .collect();
        let mut standings = self.standings.borrow_mut();
        let [nameless, repairable] = batch.nameless;
        standings.nameless(nameless, repairable);
        standings.known(self.known);
        for wanted in wanted.iter().filter(|wanted| wanted.answered.is_none()) {
            standings.wanted(wanted.address.domain().wire());
        }
        drop(standings);
        Ok(Some(wanted))
    }

    fn domain(&mut self, name: &str) -> anyhow::Result<KnownDomain> {
        let known = self.ledger.strangers(name)?;
        self.standings.borrow_mut().remember(name, &known);
        Ok(known)
    }

    fn host(&mut self, key: &HostKey) -> anyhow::Result<KnownHost> {
        Ok(self.ledger.host(&key.0)?.unwrap_or_default())
    }

    fn machines(&mut self) -> anyhow::Result<HashMap<String, KnownMachine>> {
        let mut machines = self.ledger.machines()?;
        for known in machines.values_mut() {
            // No address on the suppression list is asked about, not even to test a host.
            known
                .witness
                .take_if(|(address, _)| self.suppression.has(address));
        }
        Ok(machines)
    }
}

/// Reads the mailboxes of lists, one after the other, in batches.
struct Reader {
    /// What is left to read.
    lists: VecDeque<List>,
    marker: Marker,
    /// Rows read so far.
    rows: u64,
}

impl Reader {
    /// The next batch, and whether more follows. No address is asked about of a batch that cannot be read to its end.
    fn read(&mut self) -> (Result<Batch<()>, IntakeError>, Follows) {
        match self.fill() {
            Ok((batch, follows)) => (Ok(batch), follows),
            Err(error) => (Err(error), Follows::Nothing),
        }
    }

    fn fill(&mut self) -> Result<(Batch<()>, Follows), IntakeError> {
        let mut batch = Batch {
            until: self.rows,
            nameless: [0; 2],
            mailboxes: Vec::new(),
        };
        for _ in 0..limits::SUPPLY_BATCH {
            let Some(list) = self.lists.front_mut() else {
                return Ok((batch, Follows::Nothing));
            };
            let Some(row) = list.next_row()? else {
                self.lists.pop_front();
                continue;
            };
            self.rows += 1;
            batch.until = self.rows;
            let mut leads = true;
            read_row(&row, |named| match named.address {
                Ok(address) => {
                    let mark = self.marker.mark(&address.key());
                    batch.mailboxes.push(Mailbox {
                        address,
                        mark,
                        leads: std::mem::take(&mut leads),
                        known: (),
                    });
                }
                Err(none) => {
                    batch.nameless[0] += 1;
                    batch.nameless[1] += u64::from(none.lack == Lack::Repairable);
                }
            });
        }
        Ok((batch, Follows::More))
    }
}

/// Looks up what the ledger knows of a batch's mailboxes, in one state of it.
fn look_up(
    batch: Batch<()>,
    settled: &Settled,
    ledger: &mut Ledger,
) -> Result<Batch<Known>, LedgerError> {
    let Batch {
        until,
        nameless,
        mailboxes,
    } = batch;
    let mailboxes = ledger.look(|ledger| {
        let known = mailboxes.into_iter().map(|mailbox| {
            let known = match settled.place(mailbox.mark.0) {
                Some(place) => Known::Settled(place, settled.verdict(place)),
                None => look_up_one(&mailbox.address, ledger)?,
            };
            Ok(Mailbox {
                known,
                address: mailbox.address,
                mark: mailbox.mark,
                leads: mailbox.leads,
            })
        });
        known.collect::<Result<Vec<_>, LedgerError>>()
    })?;
    Ok(Batch {
        until,
        nameless,
        mailboxes,
    })
}

fn look_up_one(address: &Address, ledger: &mut Ledger) -> Result<Known, LedgerError> {
    let key = address.key();
    let todo = ledger.todo(&key, address.domain().wire())?;
    let last = match todo {
        Todo::Ask { .. } => ledger.last_word(&key)?,
        Todo::Settled(_) | Todo::Left | Todo::Owed(_) => LastWord::default(),
    };
    Ok(Known::Open { todo, last })
}
