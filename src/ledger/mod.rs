//! What was learned about which address, domain and host, and when: an embedded database that ordinary tools can open.
//!
//! A run asks the ledger first, so running the same command again continues a killed run. Facts that settle an address
//! serve later runs until their lifetime is over; those that settle nothing serve only the run that learned them, and
//! the attempts that continue it. SQL stands in this module and nowhere else.

mod bounces;
mod calibration;
mod error;
mod export;
mod forget;
mod guard;
mod known;
mod last_word;
mod lifetime;
mod lock;
mod migrate;
mod names;
mod past;
mod repair;
mod row;
mod run;
mod schema;
mod settled;
mod soundness;
mod standing;
mod stats;
mod tables;
mod todo;
mod whole;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Evidence, Fact, Finding, Standing, Verdict};

pub use bounces::Bounce;
pub use calibration::Outcomes;
pub use error::LedgerError;
pub use export::Exported;
pub use forget::{Forgotten, Target, forget};
pub use known::Clock;
pub use lifetime::{Fresh, Lifetimes};
pub use lock::{Lock, LockError};
pub use repair::{Repaired, repair};
pub use row::Kept;
pub use run::{Begun, Job};
pub use settled::Settled;
pub use standing::{Change, Changes, Register, Salt};
pub use stats::Stats;
pub use todo::Todo;
pub use writer::{Backlog, Commit, Writer};

use row::Found;
use writer::Past;

/// Whether what earlier runs learned is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// While it is fresh.
    Use,
    /// Never: every address is asked about again.
    Refresh,
}

/// Which world's facts a ledger holds. Those of a simulation never mix with real ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// The internet, not a simulated world.
    Real,
    /// A simulated world, by its file's name.
    Simulated(String),
}

impl Realm {
    fn mark(&self) -> String {
        match self {
            Realm::Real => "real".to_owned(),
            Realm::Simulated(name) => format!("simulated: {name}"),
        }
    }
}

/// The reading side of a ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
    lifetimes: Lifetimes,
    memory: Memory,
    /// Where the run's lists go, once it has begun.
    place: Option<String>,
    /// Which run this is, once it has begun.
    run_id: Option<i64>,
    /// When it was opened: what was fresh then stays usable, so that a run can list addresses that it did not ask
    /// about.
    opened: Timestamp,
    /// Facts from this moment on belong to the present run, and to the attempts that it continues.
    run_began: Timestamp,
    /// Whether the run continues one that was interrupted.
    continues: bool,
    /// What is known of domains met so far: rows of one domain tend to come together.
    domains: HashMap<String, Vec<Kept>, foldhash::fast::RandomState>,
    /// How many of them are kept.
    most_domains: usize,
    past: Past,
    /// When what is handed in is committed.
    commit: Commit,
    /// Whether any message is known to have come back: most ledgers know of none, and need not be asked for each row.
    has_bounces: bool,
    /// Looks through a large ledger.
    watch: Option<soundness::Watch>,
    guard: Option<guard::Guard>,
}

impl Drop for Ledger {
    /// Leaves one file, with everything in it.
    fn drop(&mut self) {
        self.watch = None;
        // A connection that only reads cannot take the log away, so it must not be the last one that closes.
        if let Ok(none) = Connection::open_in_memory() {
            drop(std::mem::replace(&mut self.connection, none));
        }
        self.guard = None;
        whole::end(
            &self.path,
            match self.run_id {
                Some(_) => whole::Use::Run,
                None => whole::Use::Look,
            },
        );
    }
}

impl Ledger {
    /// Opens the ledger at `path`, making it where there is none.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the file is no ledger, is newer, belongs to another world or cannot be used.
    pub fn open(
        path: &Path,
        realm: &Realm,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        schema::prepare(path, &realm.mark())?;
        Ledger::checked(path, lifetimes, now)
    }

    /// Opens the ledger that is at `path`, of whatever world.
    ///
    /// # Errors
    ///
    /// [`LedgerError`], also when there is none.
    pub fn find(path: &Path, now: Timestamp) -> Result<Self, LedgerError> {
        schema::find(path)?;
        Ledger::checked(path, Lifetimes::default(), now)
    }

    fn checked(path: &Path, lifetimes: Lifetimes, now: Timestamp) -> Result<Self, LedgerError> {
        let mut ledger = Ledger::read(path, lifetimes, now)?;
        ledger.watch = soundness::check(path)?;
        Ok(ledger)
    }

    fn read(path: &Path, lifetimes: Lifetimes, now: Timestamp) -> Result<Self, LedgerError> {
        let guard = guard::share(path)?;
        let open = || -> rusqlite::Result<(Connection, bool, bool)> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(limits::LEDGER_WAIT)?;
            connection.pragma_update(None, "cache_size", limits::LEDGER_READ_CACHE)?;
            writer::plan_once(&connection)?;
            let (facts, bounces) = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM address) OR EXISTS (SELECT 1 FROM domain),
                 EXISTS (SELECT 1 FROM bounce)",
                [],
                |row| Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?)),
            )?;
            Ok((connection, !facts && !bounces, bounces))
        };
        let (connection, empty, has_bounces) =
            open().map_err(|error| LedgerError::of(path, error))?;
        Ok(Ledger {
            path: path.to_owned(),
            connection,
            lifetimes,
            memory: Memory::Use,
            place: None,
            run_id: None,
            opened: now,
            run_began: now,
            continues: false,
            domains: HashMap::default(),
            most_domains: limits::LEDGER_DOMAINS,
            past: if empty { Past::Empty } else { Past::Present },
            commit: Commit::default(),
            has_bounces,
            watch: None,
            guard: Some(guard),
        })
    }

    /// Further reading sides of the same run, each with a connection of its own, for other threads. They share what one
    /// may keep in memory.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the file cannot be opened once more.
    pub fn others(&self, count: usize) -> Result<Vec<Self>, LedgerError> {
        (0..count).map(|_| self.another(count)).collect()
    }

    fn another(&self, of: usize) -> Result<Self, LedgerError> {
        let mut another = Ledger::read(&self.path, self.lifetimes, self.opened)?;
        let pages = limits::LEDGER_AHEAD_CACHE / i64::try_from(of).unwrap_or(i64::MAX);
        another
            .connection
            .pragma_update(None, "cache_size", pages)
            .map_err(|error| self.failure(error))?;
        another.memory = self.memory;
        another.place.clone_from(&self.place);
        another.run_id = self.run_id;
        another.run_began = self.run_began;
        another.continues = self.continues;
        another.past = self.past;
        another.most_domains = limits::LEDGER_DOMAINS / of;
        Ok(another)
    }

    /// Has many look-ups see one state of the file, however much is written meanwhile, and pay once for finding out
    /// which state that is. What is looked at should be short: the log of what is written grows until it is over.
    ///
    /// # Errors
    ///
    /// As `look`, and [`LedgerError`] when the ledger cannot be read.
    pub fn look<T>(
        &mut self,
        look: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.in_view("BEGIN")?;
        let found = look(self);
        // After some failures the view is over already; the first failure is the one to tell of.
        let ended = self.in_view("COMMIT");
        let found = found?;
        ended?;
        Ok(found)
    }

    fn in_view(&self, command: &str) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached(command)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| self.failure(error))
    }

    /// From when on what is learned counts as learned in this run.
    #[must_use]
    pub fn run_began(&self) -> Timestamp {
        self.run_began
    }

    /// The writing side, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the file cannot be written.
    pub fn writer(&self) -> Result<Writer, LedgerError> {
        Writer::start(&self.path, self.run_began, self.past, self.commit)
    }

    /// When writers made from now on commit what is handed in.
    pub fn set_commit(&mut self, commit: Commit) {
        self.commit = commit;
    }

    /// Whether nothing was known when it was opened.
    #[must_use]
    pub fn was_empty(&self) -> bool {
        self.past == Past::Empty
    }

    /// Forgets what is remembered of domains in memory: call after the writer has flushed.
    pub fn refresh(&mut self) {
        self.forget_cached();
        self.past = Past::Present;
    }

    /// Whether what earlier runs learned may be used from now on.
    pub fn recall(&mut self, memory: Memory) {
        self.memory = memory;
        self.forget_cached();
    }

    /// Looks at it anew, as one that is opened at `now`: what is learned from `since` on counts, whichever run learns it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    #[cfg(feature = "serve")]
    pub fn look_anew(&mut self, since: Timestamp, now: Timestamp) -> Result<(), LedgerError> {
        self.opened = now;
        self.run_began = since;
        self.past = Past::Present;
        self.forget_cached();
        let has = "SELECT EXISTS (SELECT 1 FROM bounce)";
        self.has_bounces = self
            .connection
            .prepare_cached(has)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| self.failure(error))?;
        Ok(())
    }

    fn forget_cached(&mut self) {
        self.domains.clear();
    }

    /// Everything usable that is known of an address: the facts of its domain, its own, then what came back.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn evidence(&mut self, key: &str, domain: &str) -> Result<Evidence, LedgerError> {
        let own = self.found_of_address(key)?;
        self.evidence_with(own, key, domain)
    }

    /// As [`Ledger::evidence`], with what is known of the address alone already read.
    fn evidence_with(
        &mut self,
        own: Vec<Found>,
        key: &str,
        domain: &str,
    ) -> Result<Evidence, LedgerError> {
        let returned = self.returned(key)?;
        let of_domain = self.of_domain(domain)?;
        let mut facts = Vec::with_capacity(of_domain.len() + own.len() + returned.len());
        facts.extend(of_domain.iter().map(|kept| kept.fact.clone()));
        facts.extend(own.into_iter().map(|found| found.kept.fact));
        facts.extend(returned);
        Ok(Evidence { facts })
    }

    /// The messages to an address that came back for good, as facts that still hold.
    fn returned(&self, key: &str) -> Result<Vec<Fact>, LedgerError> {
        if self.memory == Memory::Refresh || !self.has_bounces {
            return Ok(Vec::new());
        }
        let facts = self.bounces_of(key)?.into_iter().map(|bounce| Fact {
            at: bounce.at,
            finding: Finding::Bounced {
                reason: bounce.reason,
                permanent: bounce.permanent,
                reply: bounce.reply,
            },
        });
        Ok(facts
            .filter(|fact| self.lifetimes.allow(fact, None, self.opened))
            .collect())
    }

    /// What is known of every address of a domain.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn of_domain(&mut self, domain: &str) -> Result<&[Kept], LedgerError> {
        if !self.domains.contains_key(domain) {
            const QUERY: &str = concat!(
                "SELECT ",
                row::columns!(),
                " FROM domain WHERE name = ?1 ORDER BY run, n"
            );
            let found = self.usable(QUERY, domain)?;
            let kept = found.into_iter().map(|found| found.kept).collect();
            if self.domains.len() >= self.most_domains {
                self.domains.clear();
            }
            self.domains.insert(domain.to_owned(), kept);
        }
        Ok(self.domains.get(domain).map_or(&[], Vec::as_slice))
    }

    /// What is known of one address alone.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    #[cfg(feature = "testing")]
    pub fn of_address(&self, key: &str) -> Result<Vec<Kept>, LedgerError> {
        let found = self.found_of_address(key)?;
        Ok(found.into_iter().map(|found| found.kept).collect())
    }

    fn found_of_address(&self, key: &str) -> Result<Vec<Found>, LedgerError> {
        const QUERY: &str = concat!(
            "SELECT ",
            row::columns!(),
            " FROM address WHERE key = ?1 ORDER BY run, n"
        );
        self.usable(QUERY, key)
    }

    /// The facts that may be used: all of this run; of earlier ones those whose lifetime lasts, unless something newer
    /// of their kind is known.
    fn usable(&self, query: &str, key: &str) -> Result<Vec<Found>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<Found>> {
            let mut statement = self.connection.prepare_cached(query)?;
            let mut rows = statement.query([key])?;
            let mut all: Vec<Found> = Vec::new();
            while let Some(row) = rows.next()? {
                let Some(found) = row::read(row, key)? else {
                    continue;
                };
                self.admit(&mut all, found);
            }
            Ok(all)
        };
        read().map_err(|error| self.failure(error))
    }

    /// Adds a fact to older ones about the same, if it may be used; it takes the place of what it makes superfluous.
    fn admit(&self, all: &mut Vec<Found>, found: Found) {
        if !self.is_usable(&found) {
            return;
        }
        if found.settles {
            all.retain(|old| old.run == found.run || !is_same_kind(old, &found));
        }
        all.push(found);
    }

    fn is_usable(&self, found: &Found) -> bool {
        let is_ours = match self.run_id {
            Some(_) => found.run == self.run_began,
            // A look-up of one address begins no run: what was learned since counts, whichever run learned it.
            None => found.kept.fact.at >= self.run_began,
        };
        if is_ours {
            return true;
        }
        match self.memory {
            Memory::Use => self
                .lifetimes
                .allow(&found.kept.fact, found.kept.until, self.opened),
            Memory::Refresh => false,
        }
    }

    fn failure(&self, error: rusqlite::Error) -> LedgerError {
        LedgerError::of(&self.path, error)
    }
}

fn is_same_kind(a: &Found, b: &Found) -> bool {
    row::kind(&a.kept.fact.finding) == row::kind(&b.kept.fact.finding)
}

/// Whether a verdict from memory needs no further question.
fn is_settled(verdict: Verdict) -> bool {
    match verdict.standing {
        Standing::Deliverable | Standing::Undeliverable => true,
        // Untested: the decoy's answer is missing, so asking again may settle it.
        Standing::Risky => verdict.reason != Reason::CatchAllUntested,
        Standing::Unknown => false,
    }
}

#[cfg(test)]
mod tests;
