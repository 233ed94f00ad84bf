//! How each mailbox stood when a run last ended, for telling what has changed since.
//!
//! Kept as hashes under the ledger's own key, nine bytes a mailbox, because it grows with the list.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::row::{millis, moment};
use super::writer::connect;
use super::{Ledger, LedgerError};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Standing, Verdict};

/// What became of a mailbox since the last run of the same job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It took mail, and takes none any more.
    Died,
    /// It took no mail, and takes it again.
    Recovered,
    /// Its domain has become a catch-all.
    BecameCatchAll,
    /// It was not on the list.
    New,
    /// It is not on the list any more.
    Gone,
    /// Its verdict changed in another way.
    Other,
}

impl Change {
    /// The name used in `changes.csv`, such as `died`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Died => "died",
            Change::Recovered => "recovered",
            Change::BecameCatchAll => "became_catch_all",
            Change::New => "new",
            Change::Gone => "gone",
            Change::Other => "other",
        }
    }

    /// What lies between two verdicts; `None` where they are one.
    #[must_use]
    pub fn between(then: Verdict, now: Verdict) -> Option<Change> {
        let takes_mail =
            |verdict: Verdict| matches!(verdict.standing, Standing::Deliverable | Standing::Risky);
        let is_dead = |verdict: Verdict| verdict.standing == Standing::Undeliverable;
        if then == now {
            None
        } else if takes_mail(then) && is_dead(now) {
            Some(Change::Died)
        } else if now.reason == Reason::CatchAll {
            Some(Change::BecameCatchAll)
        } else if is_dead(then) && takes_mail(now) {
            Some(Change::Recovered)
        } else {
            Some(Change::Other)
        }
    }
}

/// How many mailboxes changed in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// When the run ended with which this one is compared.
    pub since: Timestamp,
    /// Took mail, and take none any more.
    pub died: u64,
    /// Took no mail, and take it again.
    pub recovered: u64,
    /// Their domain has become a catch-all.
    pub became_catch_all: u64,
    /// Were not on the list.
    pub new: u64,
    /// Are not on the list any more.
    pub gone: u64,
    /// Any other change of verdict.
    pub other: u64,
}

impl Changes {
    /// Counts a change.
    pub fn count(&mut self, change: Change) {
        *match change {
            Change::Died => &mut self.died,
            Change::Recovered => &mut self.recovered,
            Change::BecameCatchAll => &mut self.became_catch_all,
            Change::New => &mut self.new,
            Change::Gone => &mut self.gone,
            Change::Other => &mut self.other,
        } += 1;
    }
}

/// No verdict.
const NONE: u8 = u8::MAX;

/// A verdict that is still to come.
const PENDING: u8 = u8::MAX - 1;

/// The mailboxes of a list with how they stood at the end of the last run and how they stand now: a table of hashes
/// that keeps their order, so that it can be written sorted without room for a copy.
#[derive(Debug)]
pub struct Register {
    salt: Salt,
    hashes: Vec<u64>,
    then: Vec<u8>,
    now: Vec<u8>,
    /// Places that a hash can fall on; behind them is room for those that were pushed on.
    home: usize,
    used: usize,
    verdicts: Vec<Verdict>,
    since: Option<Timestamp>,
}

/// What a ledger's hashes are made with: a mailbox cannot be told from its hash without the ledger.
#[derive(Clone, Debug)]
pub struct Salt(String);

impl Salt {
    /// The hash of a mailbox, by its key.
    #[must_use]
    pub fn hash(&self, key: &str) -> u64 {
        fingerprint((&self.0, key))
    }

    /// What a text hashes to, written beside the hashes: where another version hashes otherwise, nothing is compared.
    fn token(&self) -> String {
        format!("{:016x}", self.hash("token"))
    }
}

impl Register {
    fn new(salt: Salt, mailboxes: usize) -> Self {
        let mut register = Register {
            salt,
            hashes: Vec::new(),
            then: Vec::new(),
            now: Vec::new(),
            home: 0,
            used: 0,
            verdicts: Vec::new(),
            since: None,
        };
        register.make_room(mailboxes.max(1000) * 10 / 7);
        register
    }

    /// When the run ended with which this one is compared; `None` where there is none.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// What its hashes are made with.
    #[must_use]
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Notes the mailbox of this hash. Returns whether it is met for the first time in this run.
    pub fn add(&mut self, hash: u64) -> bool {
        let at = self.place(hash);
        let is_new = self.now[at] == NONE;
        if is_new {
            self.now[at] = PENDING;
        }
        is_new
    }

    /// Whether the mailbox of this hash was met in this run.
    #[must_use]
    pub fn has(&self, hash: u64) -> bool {
        self.find(hash).is_ok_and(|at| self.now[at] != NONE)
    }

    /// Notes how a mailbox stands that was met. Returns what changed, with how it stood before.
    pub fn note(&mut self, hash: u64, verdict: Verdict) -> Option<(Change, Option<Verdict>)> {
        let code = self.code(verdict);
        let at = self.place(hash);
        self.now[at] = code;
        self.since?;
        match self.then[at] {
            NONE => Some((Change::New, None)),
            code => {
                let then = self.verdicts[usize::from(code)];
                Change::between(then, verdict).map(|change| (change, Some(then)))
            }
        }
    }

    /// How many mailboxes were there in the last run and are not in this one.
    #[must_use]
    pub fn gone(&self) -> u64 {
        let gone = |(then, now): &(&u8, &u8)| **then != NONE && **now == NONE;
        self.then.iter().zip(&self.now).filter(gone).count() as u64
    }

    /// How a mailbox stood that is gone; `None` for one that is not.
    #[must_use]
    pub fn stood(&self, key: &str) -> Option<Verdict> {
        let at = self.find(self.salt.hash(key)).ok()?;
        (self.now[at] == NONE && self.then[at] != NONE)
            .then(|| self.verdicts[usize::from(self.then[at])])
    }

    fn code(&mut self, verdict: Verdict) -> u8 {
        let at = self.verdicts.iter().position(|known| *known == verdict);
        let at = at.unwrap_or_else(|| {
            self.verdicts.push(verdict);
            self.verdicts.len() - 1
        });
        u8::try_from(at).unwrap_or(PENDING)
    }

    /// Where a hash is, or where it belongs.
    fn find(&self, hash: u64) -> Result<usize, usize> {
        #[expect(clippy::cast_possible_truncation, reason = "less than `home`")]
        let mut at = ((u128::from(hash) * self.home as u128) >> 64) as usize;
        while at < self.hashes.len() && self.is_taken(at) {
            if self.hashes[at] == hash {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    fn is_taken(&self, at: usize) -> bool {
        self.then[at] != NONE || self.now[at] != NONE
    }

    /// The place of a hash, made where there is none.
    fn place(&mut self, hash: u64) -> usize {
        loop {
            match self.find(hash) {
                Ok(at) => return at,
                Err(at) if at < self.hashes.len() && self.used * 5 < self.home * 4 => {
                    self.hashes[at] = hash;
                    self.used += 1;
                    return at;
                }
                Err(_) => self.make_room(self.home * 2),
            }
        }
    }

    fn make_room(&mut self, home: usize) {
        /// Places behind the last home: more than are ever pushed on at this load.
        const BEHIND: usize = 1024;
        let places = home + BEHIND;
        let hashes = std::mem::replace(&mut self.hashes, vec![0; places]);
        let then = std::mem::replace(&mut self.then, vec![NONE; places]);
        let now = std::mem::replace(&mut self.now, vec![NONE; places]);
        self.home = home;
        for ((hash, then), now) in hashes.into_iter().zip(then).zip(now) {
            if then != NONE || now != NONE {
                let at = self.find(hash).unwrap_or_else(|at| at);
                (self.hashes[at], self.then[at], self.now[at]) = (hash, then, now);
            }
        }
    }

    /// Every mailbox of this run with its verdict's code, by hash.
    fn sorted(
        &self,
        mut take: impl FnMut(u64, u8) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut cluster: Vec<(u64, u8)> = Vec::new();
        for at in 0..=self.hashes.len() {
            if at < self.hashes.len() && self.is_taken(at) {
                cluster.push((self.hashes[at], self.now[at]));
                continue;
            }
            // An entry that was pushed on stays in the same row of taken places.
            cluster.sort_unstable();
            for (hash, now) in cluster.drain(..) {
                if now < PENDING {
                    take(hash, now)?;
                }
            }
        }
        Ok(())
    }
}

/// Bytes of one entry: hash and code.
const ENTRY: usize = 9;

impl Ledger {
    /// The mailboxes of the run that has begun, to be compared with the last one at its place; `None` before
    /// [`Ledger::begin`]. `mailboxes` is about how many there are.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn register(&self, mailboxes: usize) -> Result<Option<Register>, LedgerError> {
        let Some(place) = &self.place else {
            return Ok(None);
        };
        let read = || -> rusqlite::Result<Register> {
            let salt = salt(&self.connection)?;
            let head: Option<(i64, Vec<u8>)> = self
                .connection
                .query_row(
                    "SELECT at, entries FROM standing WHERE place = ?1 AND part = -1",
                    [place],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let head = head.and_then(|(at, text)| {
                let text = String::from_utf8(text).ok()?;
                let verdicts = text.strip_prefix(&salt.token())?.trim();
                let verdicts: Option<Vec<Verdict>> = verdicts.lines().map(verdict).collect();
                Some((moment(at), verdicts?))
            });
            let Some((at, verdicts)) = head else {
                return Ok(Register::new(salt, mailboxes));
            };
            let parts: i64 = self.connection.query_row(
                "SELECT count(*) FROM standing WHERE place = ?1 AND part >= 0",
                [place],
                |row| row.get(0),
            )?;
            let known = usize::try_from(parts).unwrap_or(0) * limits::STANDING_PART;
            let mut register = Register::new(salt, mailboxes.max(known));
            register.since = Some(at);
            register.verdicts = verdicts;
            let mut statement = self.connection.prepare(
                "SELECT entries FROM standing WHERE place = ?1 AND part >= 0 ORDER BY part",
            )?;
            let mut rows = statement.query([place])?;
            while let Some(row) = rows.next()? {
                for entry in row.get_ref(0)?.as_blob()?.chunks_exact(ENTRY) {
                    let (hash, code) = entry.split_at(8);
                    if let (Ok(hash), [code]) = (<[u8; 8]>::try_from(hash), code)
                        && usize::from(*code) < register.verdicts.len()
                    {
                        let at = register.place(u64::from_be_bytes(hash));
                        register.then[at] = *code;
                    }
                }
            }
            Ok(register)
        };
        read().map(Some).map_err(|error| self.failure(error))
    }

    /// Keeps how the mailboxes stand, for the next run at the same place.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn keep_register(&self, register: &Register, now: Timestamp) -> Result<(), LedgerError> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let mut connection = connect(&self.path)?;
        let mut keep = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "cache_size", limits::LEDGER_STREAM_CACHE)?;
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM standing WHERE place = ?1", [place])?;
            {
                let mut insert =
                    transaction.prepare("INSERT INTO standing VALUES (?1, ?2, ?3, ?4)")?;
                let verdicts: Vec<String> =
                    register.verdicts.iter().map(ToString::to_string).collect();
                let head = format!("{}\n{}", register.salt.token(), verdicts.join("\n"));
                insert.execute(params![place, -1, millis(now), head.as_bytes()])?;
                let mut part = 0;
                let mut entries = Vec::with_capacity(limits::STANDING_PART * ENTRY);
                register.sorted(|hash, code| {
                    entries.extend(hash.to_be_bytes());
                    entries.push(code);
                    if entries.len() == limits::STANDING_PART * ENTRY {
                        insert.execute(params![place, part, millis(now), entries])?;
                        part += 1;
                        entries.clear();
                    }
                    Ok(())
                })?;
                insert.execute(params![place, part, millis(now), entries])?;
            }
            transaction.commit()
        };
        keep().map_err(|error| self.failure(error))
    }

    /// Hands out the mailboxes that are gone and whose names are still known, with how they stood.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read, or `take` fails.
    pub fn gone<E: From<LedgerError>>(
        &self,
        register: &Register,
        mut take: impl FnMut(&str, Verdict) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error| self.failure(error);
        let mut statement = self
            .connection
            .prepare("SELECT DISTINCT key FROM address ORDER BY key")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let key = row.get_ref(0).map_err(failed)?.as_str().unwrap_or_default();
            if let Some(stood) = register.stood(key) {
                take(key, stood)?;
            }
        }
        Ok(())
    }
}

fn salt(connection: &Connection) -> rusqlite::Result<Salt> {
    connection.query_row("SELECT value FROM about WHERE what = 'key'", [], |row| {
        Ok(Salt(row.get(0)?))
    })
}

fn verdict(text: &str) -> Option<Verdict> {
    let (standing, reason) = text.split_once('/')?;
    Some(Verdict {
        standing: standing.parse().ok()?,
        reason: reason.parse().ok()?,
    })
}

/// Takes mailboxes, by their keys, out of what runs compare themselves with.
pub(super) fn forget<'a>(
    connection: &Connection,
    keys: impl IntoIterator<Item = &'a str>,
) -> rusqlite::Result<()> {
    let salt = salt(connection)?;
    let unwanted: HashSet<[u8; 8]> = keys
        .into_iter()
        .map(|key| salt.hash(key).to_be_bytes())
        .collect();
    let is_wanted = |entry: &[u8]| {
        let hash = <[u8; 8]>::try_from(&entry[..8]).expect("an entry begins with its hash");
        !unwanted.contains(&hash)
    };
    let mut changed = Vec::new();
    {
        let mut statement =
            connection.prepare("SELECT place, part, entries FROM standing WHERE part >= 0")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entries = row.get_ref(2)?.as_blob()?;
            if !entries.chunks_exact(ENTRY).all(is_wanted) {
                let left: Vec<u8> = entries
                    .chunks_exact(ENTRY)
                    .filter(|entry| is_wanted(entry))
                    .flatten()
                    .copied()
                    .collect();
                changed.push((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, left));
            }
        }
    }
    for (place, part, entries) in changed {
        connection.execute(
            "UPDATE standing SET entries = ?3 WHERE place = ?1 AND part = ?2",
            params![place, part, entries],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(text: &str) -> Verdict {
        verdict(text).unwrap()
    }

    #[test]
    fn a_change_is_called_by_what_it_means_for_sending() {
        for (then, now, change) in [
            ("deliverable/accepted", "deliverable/accepted", None),
            (
                "deliverable/accepted",
                "undeliverable/no_such_mailbox",
                Some(Change::Died),
            ),
            (
                "risky/catch_all",
                "undeliverable/no_such_domain",
                Some(Change::Died),
            ),
            (
                "undeliverable/no_such_mailbox",
                "deliverable/accepted",
                Some(Change::Recovered),
            ),
            (
                "deliverable/accepted",
                "risky/catch_all",
                Some(Change::BecameCatchAll),
            ),
            (
                "deliverable/accepted",
                "unknown/greylisted",
                Some(Change::Other),
            ),
            (
                "unknown/greylisted",
                "undeliverable/no_such_mailbox",
                Some(Change::Other),
            ),
        ] {
            assert_eq!(
                Change::between(verdict_of(then), verdict_of(now)),
                change,
                "{then} {now}"
            );
        }
    }

    #[test]
    fn a_register_keeps_its_order_however_it_grows() {
        let mut register = Register::new(Salt("salt".to_owned()), 0);
        let verdict = verdict_of("deliverable/accepted");
        for n in 0..20_000 {
            let hash = register.salt().hash(&format!("a{n}@b.test"));
            assert!(register.add(hash));
            assert_eq!(
                register.note(hash, verdict),
                None,
                "nothing to compare with"
            );
            assert!(!register.add(hash));
        }
        let mut hashes = Vec::new();
        register
            .sorted(|hash, code| {
                assert_eq!(code, 0);
                hashes.push(hash);
                Ok(())
            })
            .unwrap();
        assert_eq!(hashes.len(), 20_000);
        assert!(hashes.is_sorted());
    }
}
