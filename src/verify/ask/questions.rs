//! The first reading of the rows: which mailboxes need asking, and what is known of them from before.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::so_far::{self, Standings};
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags, Lists};
use crate::input::list::{IntakeError, List, Options, Source};
use crate::input::suppression::Suppression;
use crate::ledger::{Backlog, Ledger, LedgerError, Settled, Todo};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::verdict::{Standing, Verdict};
use crate::net::route::HostKey;
use crate::probe::run::{Knock, TargetSource};
use crate::probe::{KnownDomain, KnownHost, KnownMachine, LastWord, Likelihood, Target, Turn};
use crate::verify::Tools;
use crate::verify::described::{Lack, NoAddress, read_row};
use crate::verify::error::VerifyError;
use crate::verify::guests::{Guest, Guests, News, Visiting};
use crate::verify::lanes::{Detached, Follows, Lanes, lanes, workers};
use crate::verify::seen::{Mark, Marker, Seen};

/// Rows that name whom to ask about, and guests that come meanwhile.
pub struct Rows {
    from: From,
    guests: Guests,
}

/// Where rows come from.
enum From {
    /// Those of lists, one after the other.
    Lists {
        /// What is left to read.
        lists: VecDeque<List>,
        /// How large they are.
        bytes: u64,
    },
    /// What texts hold, a row each: their addresses, or why there is none.
    Texts(VecDeque<Result<Vec<Address>, NoAddress>>),
}

impl Rows {
    /// The rows of lists, in their order.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read.
    pub fn of_lists<'s>(
        sources: impl Iterator<Item = &'s Source>,
        options: &Options,
    ) -> Result<Rows, IntakeError> {
        let (mut lists, mut bytes) = (VecDeque::new(), 0);
        for source in sources {
            lists.push_back(source.list(options)?);
            bytes += source.bytes();
        }
        Ok(From::Lists { lists, bytes }.alone())
    }

    /// What texts hold, a row each.
    #[must_use]
    pub fn of_texts(texts: VecDeque<Result<Vec<Address>, NoAddress>>) -> Rows {
        From::Texts(texts).alone()
    }

    /// A row for each address.
    pub fn of_addresses(addresses: impl IntoIterator<Item = Address>) -> Rows {
        let rows = addresses.into_iter();
        Rows::of_texts(rows.map(|address| Ok(vec![address])).collect())
    }

    /// Those who come meanwhile.
    pub(super) fn guests(&self) -> Guests {
        self.guests.clone()
    }

    /// The same, with `guests` that are asked about before them.
    #[must_use]
    pub fn beside(mut self, guests: Guests) -> Rows {
        self.guests = guests;
        self
    }
}

impl From {
    /// Nobody comes meanwhile.
    fn alone(self) -> Rows {
        Rows {
            from: self,
            guests: Guests::default(),
        }
    }

    /// About how many bytes they take.
    fn bytes(&self) -> u64 {
        match self {
            From::Lists { bytes, .. } => *bytes,
            From::Texts(texts) => texts.len() as u64 * BYTES_OF_A_TEXT,
        }
    }
}

/// About how long a text is that holds an address.
const BYTES_OF_A_TEXT: u64 = 32;

/// The mailboxes of the rows that need asking.
pub(super) struct Questions<'a> {
    ahead: Lanes<Result<Batch<Known>, VerifyError>>,
    /// The mailboxes met that may need asking.
    seen: Seen,
    /// Which of the settled mailboxes were met.
    met: Vec<bool>,
    suppression: &'a Suppression,
    lists: &'a Lists,
    ledger: &'a mut Ledger,
    backlog: Backlog,
    rows: &'a Cell<u64>,
    /// How they stand so far.
    standings: &'a RefCell<Standings>,
    /// How many mailboxes needed no asking.
    known: u64,
    guests: Guests,
    /// The guests that were let in.
    visiting: &'a Visiting,
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

/// What a mailbox is to the row that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The first.
    Leads,
    /// A further one.
    Beside,
}

/// A mailbox that a row names.
struct Mailbox<T> {
    address: Address,
    mark: Mark,
    part: Part,
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

/// Where it is told what is read.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    /// How many rows.
    pub(super) rows: &'a Cell<u64>,
    /// How their mailboxes stand so far.
    pub(super) standings: &'a RefCell<Standings>,
    /// The guests that were let in.
    pub(super) visiting: &'a Visiting,
}

impl<'a> Questions<'a> {
    /// Begins to read `rows`; what is read is `told`. No further row is taken up while much is on its way into the
    /// ledger.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub(super) fn begin(
        rows: Rows,
        tools: &'a Tools,
        (ledger, backlog): (&'a mut Ledger, Backlog),
        told: Told<'a>,
    ) -> Result<Self, LedgerError> {
        let Rows { from, guests } = rows;
        let seen = Seen::default();
        let marker = seen.marker();
        let settled = if ledger.is_small_beside(from.bytes())? {
            ledger.settled(|key| marker.mark(key).0)?
        } else {
            Settled::default()
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
            from,
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
            backlog,
            rows: told.rows,
            standings: told.standings,
            known: 0,
            guests,
            visiting: told.visiting,
        })
    }

    /// What is to be asked about a guest, where anything is. One whom a row named before is asked about for that row.
    fn let_in(&mut self, guest: &Guest) -> Result<Option<Target>, LedgerError> {
        let address = &guest.address;
        let mark = self.seen.marker().mark(&address.key());
        if self.suppression.has(address) || !self.seen.add(mark) {
            return Ok(None);
        }
        // What was learned since this asking began is newer than what is remembered of the domain.
        self.ledger.refresh();
        let wanted = match look_up_one(address, self.ledger)? {
            Known::Settled(..)
            | Known::Open {
                todo: Todo::Settled(_) | Todo::Left,
                ..
            } => None,
            Known::Open {
                todo: Todo::Owed(reading),
                ..
            } => Some(Target {
                answered: Some(reading),
                ..Target::from(address.clone())
            }),
            Known::Open {
                todo:
                    Todo::Ask {
                        waiting,
                        not_before,
                    },
                last,
            } => Some(Target {
                likelihood: Likelihood::of(last, &self.lists.signals(address)),
                waiting,
                not_before,
                turn: Turn::First,
                ..Target::from(address.clone())
            }),
        };
        if wanted.is_none() {
            guest.tell(News::Left);
        }
        Ok(wanted)
    }

    /// How many mailboxes were met.
    pub(super) fn mailboxes(&self) -> usize {
        self.seen.len() + self.met.iter().filter(|met| **met).count()
    }

    /// How many of them needed no asking.
    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// What a mailbox is to the tally of its row, and what is to be asked about it, where anything is.
    fn meet(&mut self, mailbox: Mailbox<Known>) -> (so_far::Mailbox, Option<Target>) {
        let Mailbox {
            address,
            mark,
            known,
            ..
        } = mailbox;
        let stands = |verdict, flags| (so_far::Mailbox::Stands(verdict, flags), None);
        if self.suppression.has(&address) {
            return stands(SUPPRESSED, Flags::NONE);
        }
        let is_new = match known {
            Known::Settled(place, _) => !std::mem::replace(&mut self.met[place], true),
            Known::Open { .. } => self.seen.add(mark),
        };
        if !is_new {
            return stands(ACCEPTED, Flags::NONE.with(Flag::Duplicate));
        }
        match known {
            Known::Settled(_, verdict)
            | Known::Open {
                todo: Todo::Settled(verdict),
                ..
            } => {
                self.known += 1;
                stands(verdict, self.lists.flags(&address))
            }
            Known::Open {
                todo: Todo::Left, ..
            } => stands(UNSETTLED, self.lists.flags(&address)),
            Known::Open {
                todo: Todo::Owed(reading),
                ..
            } => {
                let standings = self.standings.borrow();
                let place = standings.place(&address.key());
                let answer = standings.answer(&reading, || self.lists.flags(&address));
                let target = Target {
                    answered: Some(reading),
                    ..Target::from(address)
                };
                (so_far::Mailbox::Answered(place, answer), Some(target))
            }
            Known::Open {
                todo:
                    Todo::Ask {
                        waiting,
                        not_before,
                    },
                last,
            } => {
                let place = self.standings.borrow().place(&address.key());
                let target = Target {
                    likelihood: Likelihood::of(last, &self.lists.signals(&address)),
                    waiting,
                    not_before,
                    ..Target::from(address)
                };
                (so_far::Mailbox::Asked(place), Some(target))
            }
        }
    }
}

/// How a row stands that is left alone.
const SUPPRESSED: Verdict = Verdict {
    standing: Standing::Unknown,
    reason: Reason::Suppressed,
};

/// How a row stands that was asked about as often as it is, without an answer that settles it.
const UNSETTLED: Verdict = Verdict {
    standing: Standing::Unknown,
    reason: Reason::TryLater,
};

/// How a further row of a mailbox stands, as far as its list depends on that: at best.
const ACCEPTED: Verdict = Verdict {
    standing: Standing::Deliverable,
    reason: Reason::Accepted,
};

impl TargetSource for Questions<'_> {
    type Error = VerifyError;

    fn next(&mut self) -> Result<Option<Vec<Target>>, VerifyError> {
        let Some(batch) = self.ahead.next() else {
            return Ok(None);
        };
        let batch = batch?;
        self.rows.set(batch.until);
        let (mut wanted, mut row) = (Vec::new(), Vec::new());
        for mailbox in batch.mailboxes {
            if mailbox.part == Part::Leads {
                self.standings.borrow_mut().row(&row);
                row.clear();
            }
            let (counted, target) = self.meet(mailbox);
            row.push(counted);
            wanted.extend(target);
        }
        let mut standings = self.standings.borrow_mut();
        standings.row(&row);
        let [nameless, repairable] = batch.nameless;
        standings.nameless(nameless, repairable);
        standings.known(self.known);
        drop(standings);
        Ok(Some(wanted))
    }

    fn guests(&mut self) -> Result<Vec<Target>, VerifyError> {
        let mut wanted = Vec::new();
        for guest in self.guests.take() {
            wanted.extend(self.let_in(&guest)?);
            self.visiting.borrow_mut().push(guest);
        }
        Ok(wanted)
    }

    fn is_ready(&self) -> bool {
        !self.backlog.is_long()
    }

    fn knock(&self) -> Knock {
        let guests = self.guests.knock();
        if self.is_ready() {
            return guests;
        }
        Box::pin(async {
            let _ = tokio::time::timeout(limits::LEDGER_NAP, guests).await;
        })
    }

    fn domain(&mut self, name: &str) -> Result<KnownDomain, VerifyError> {
        let known = self.ledger.catch_all(name)?;
        self.standings.borrow_mut().remember(name, &known);
        Ok(known)
    }

    fn host(&mut self, key: &HostKey) -> Result<KnownHost, VerifyError> {
        Ok(self.ledger.host(&key.0)?.unwrap_or_default())
    }

    fn machines(&mut self) -> Result<HashMap<String, KnownMachine>, VerifyError> {
        let mut machines = self.ledger.machines()?;
        for known in machines.values_mut() {
            // No address on the suppression list is asked about, not even to test a host.
            known
                .known_good
                .take_if(|(address, _)| self.suppression.has(address));
        }
        Ok(machines)
    }
}

/// Reads the mailboxes of rows in batches.
struct Reader {
    from: From,
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
            match &mut self.from {
                From::Lists { lists, .. } => {
                    let Some(list) = lists.front_mut() else {
                        return Ok((batch, Follows::Nothing));
                    };
                    let Some(row) = list.next_row()? else {
                        lists.pop_front();
                        continue;
                    };
                    let mut part = Part::Leads;
                    read_row(&row, |named| {
                        let part = std::mem::replace(&mut part, Part::Beside);
                        batch.add(named.address, part, &self.marker);
                    });
                }
                From::Texts(texts) => match texts.pop_front() {
                    None => return Ok((batch, Follows::Nothing)),
                    Some(Err(none)) => batch.add(Err(none), Part::Leads, &self.marker),
                    Some(Ok(addresses)) => {
                        let mut part = Part::Leads;
                        for address in addresses {
                            batch.add(Ok(address), part, &self.marker);
                            part = Part::Beside;
                        }
                    }
                },
            }
            self.rows += 1;
            batch.until = self.rows;
        }
        Ok((batch, Follows::More))
    }
}

impl Batch<()> {
    /// Adds an address of a row, or why the row has none.
    fn add(&mut self, named: Result<Address, NoAddress>, part: Part, marker: &Marker) {
        match named {
            Ok(address) => {
                let mark = marker.mark(&address.key());
                self.mailboxes.push(Mailbox {
                    address,
                    mark,
                    part,
                    known: (),
                });
            }
            Err(none) => {
                self.nameless[0] += 1;
                self.nameless[1] += u64::from(none.lack == Lack::Repairable);
            }
        }
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
                part: mailbox.part,
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
