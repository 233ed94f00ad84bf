//! What was learned about whom and when: an embedded database that people can open with ordinary tools.
//!
//! A run asks the ledger first, so running the same command again continues a killed run. Facts that settle an address
//! serve later runs until their lifetime is over; those that settle nothing serve only the run that learned them.

mod schema;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::moment::Moment;
use crate::reason::Reason;
use crate::verdict::{Evidence, Fact, Finding, Standing, Verdict, decide};

pub use writer::Writer;

/// How long what was learned may be used again, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Addresses that were accepted.
    pub accepted: Duration,
    /// Addresses that were refused.
    pub refused: Duration,
    /// How a domain treats strangers.
    pub catch_all: Duration,
    /// Findings of DNS that name no time of their own.
    pub route: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Lifetimes {
            accepted: DAY * 7,
            refused: DAY * 3,
            catch_all: DAY * 7,
            route: Duration::from_secs(3600),
        }
    }
}

/// Which world's facts a ledger holds. Those of a simulation never mix with real ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// The internet.
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

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file is something else.
    #[error("{path} is not a ledger of presend; name another file with --ledger")]
    NotALedger {
        /// Which file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "{path} was written by a newer presend (schema {found}, this program knows {known}); update presend or name another file with --ledger"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file belongs to another world.
    #[error(
        "{path} holds facts of another world ({found}, not {wanted}); name another file with --ledger"
    )]
    OtherRealm {
        /// Which file.
        path: PathBuf,
        /// Its mark.
        found: String,
        /// The one of this run.
        wanted: String,
    },
    /// The folder for it cannot be made.
    #[error(
        "cannot make the folder for the ledger {path}: {error}; name another file with --ledger"
    )]
    Folder {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// The database failed.
    #[error("the ledger {path} cannot be used: {error}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// The database's words.
        error: rusqlite::Error,
    },
    /// The thread that writes it is gone.
    #[error("the ledger stopped writing: {0}")]
    Writer(String),
}

/// The reading side of a ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
    lifetimes: Lifetimes,
    /// Facts from this moment on belong to the present run.
    run_began: Moment,
    /// What is known of domains met so far: rows of one domain tend to come together.
    domains: HashMap<String, Vec<Fact>>,
    empty: bool,
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
        now: Moment,
    ) -> Result<Self, LedgerError> {
        schema::prepare(path, &realm.mark())?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = |error| LedgerError::Database {
            path: path.to_owned(),
            error,
        };
        let connection = Connection::open_with_flags(path, flags).map_err(database)?;
        connection
            .busy_timeout(crate::limits::LEDGER_WAIT)
            .map_err(database)?;
        let empty = connection
            .query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM address) AND NOT EXISTS (SELECT 1 FROM domain)",
                [],
                |row| row.get(0),
            )
            .map_err(database)?;
        Ok(Ledger {
            path: path.to_owned(),
            connection,
            lifetimes,
            run_began: now,
            domains: HashMap::new(),
            empty,
        })
    }

    /// The writing side, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the file cannot be written.
    pub fn writer(&self) -> Result<Writer, LedgerError> {
        Writer::start(&self.path, self.run_began)
    }

    /// Whether nothing was known when it was opened.
    #[must_use]
    pub fn was_empty(&self) -> bool {
        self.empty
    }

    /// Forgets what is remembered of domains in memory: call after the writer has flushed.
    pub fn refresh(&mut self) {
        self.domains.clear();
        self.empty = false;
    }

    /// Everything usable that is known of an address at `now`: the facts of its domain, then its own.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn evidence(
        &mut self,
        key: &str,
        domain: &str,
        now: Moment,
    ) -> Result<Evidence, LedgerError> {
        let mut evidence = Evidence {
            facts: self.facts_of_domain(domain, now)?,
        };
        evidence.facts.extend(self.facts_of_address(key, now)?);
        Ok(evidence)
    }

    /// What is known of an address that settles it still, so that nobody need be asked.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Database`].
    pub fn settled(
        &mut self,
        key: &str,
        domain: &str,
        now: Moment,
    ) -> Result<Option<Verdict>, LedgerError> {
        if self.empty {
            return Ok(None);
        }
        let verdict = decide(&self.evidence(key, domain, now)?);
        Ok(is_settled(verdict).then_some(verdict))
    }

    fn facts_of_domain(&mut self, domain: &str, now: Moment) -> Result<Vec<Fact>, LedgerError> {
        if let Some(facts) = self.domains.get(domain) {
            return Ok(facts.clone());
        }
        let text = self.text("SELECT facts FROM domain WHERE name = ?1", domain)?;
        let facts: Vec<Fact> = facts_in(text.as_deref())
            .filter(|fact| self.is_fresh(fact, now))
            .collect();
        if self.domains.len() >= crate::limits::LEDGER_DOMAINS {
            self.domains.clear();
        }
        self.domains.insert(domain.to_owned(), facts.clone());
        Ok(facts)
    }

    fn facts_of_address(&self, key: &str, now: Moment) -> Result<Vec<Fact>, LedgerError> {
        let text = self.text("SELECT facts FROM address WHERE key = ?1", key)?;
        Ok(facts_in(text.as_deref())
            .filter(|fact| self.is_fresh(fact, now))
            .collect())
    }

    fn text(&self, query: &str, key: &str) -> Result<Option<String>, LedgerError> {
        self.connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                statement
                    .query_row(params![key], |row| row.get(0))
                    .optional()
            })
            .map_err(|error| LedgerError::Database {
                path: self.path.clone(),
                error,
            })
    }

    /// Whether a fact may still be used: those of this run always, others while their kind's lifetime lasts.
    fn is_fresh(&self, fact: &Fact, now: Moment) -> bool {
        if fact.at >= self.run_began {
            return true;
        }
        let lifetime = match &fact.finding {
            Finding::Domain { reason, .. } if reason.may_reject() => self.lifetimes.route,
            Finding::Asked { whom, reading, .. } => match (whom, reading.reason) {
                (
                    crate::verdict::Whom::Decoy,
                    Reason::Accepted | Reason::AcceptedProvider | Reason::NoSuchMailbox,
                ) => self.lifetimes.catch_all,
                (crate::verdict::Whom::Subject, Reason::Accepted | Reason::AcceptedProvider) => {
                    self.lifetimes.accepted
                }
                (crate::verdict::Whom::Subject, reason)
                    if reading.permanent && reason.may_reject() =>
                {
                    self.lifetimes.refused
                }
                (crate::verdict::Whom::Subject, Reason::MailboxFull | Reason::MailboxBusy) => {
                    self.lifetimes.refused
                }
                (crate::verdict::Whom::Subject | crate::verdict::Whom::Decoy, _) => return false,
            },
            Finding::Domain { .. } | Finding::Text { .. } | Finding::Withheld { .. } => {
                return false;
            }
        };
        now.since(fact.at) < lifetime
    }
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

/// The facts in a column: one JSON object a line. A line that this version cannot read is no fact.
fn facts_in(text: Option<&str>) -> impl Iterator<Item = Fact> {
    text.unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests;
