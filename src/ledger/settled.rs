//! Which addresses need no asking, found in one pass over the ledger: for a long list, a look-up for each of its rows
//! costs many times as much.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::row::{self, Found};
use super::{Ledger, LedgerError, is_settled};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Evidence;
use crate::model::verdict::Fact;
use crate::model::verdict::Verdict;
use crate::model::verdict::decide;

/// Addresses that need no asking, by marks that the reader gives them: nine bytes each. It grows with the ledger, and
/// is made where the ledger is small beside the list ([`Ledger::is_small_beside`]).
#[derive(Debug, Default)]
pub struct Settled {
    /// In ascending order.
    marks: Vec<u64>,
    /// How each stands, by its place among the verdicts.
    stand: Vec<u8>,
    /// All verdicts that any of them has.
    verdicts: Vec<Verdict>,
}

impl Settled {
    /// The place of an address among them, by its mark; `None` where it may need asking.
    #[must_use]
    pub fn place(&self, mark: u64) -> Option<usize> {
        self.marks.binary_search(&mark).ok()
    }

    /// How the address at a place stands.
    ///
    /// # Panics
    ///
    /// When it is none that [`Settled::place`] gave.
    #[must_use]
    pub fn verdict(&self, place: usize) -> Verdict {
        self.verdicts[usize::from(self.stand[place])]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.marks.len()
    }
}

/// What is known of domains, as far as verdicts depend on it. There are many domains, at about 70 bytes each while the
/// pass is under way, and few things to be known.
#[derive(Default)]
struct Gists {
    of: HashMap<Box<str>, usize>,
    gists: Vec<Vec<Fact>>,
}

impl Gists {
    fn add(&mut self, domain: &str, found: &mut Vec<Found>) {
        let gist: Vec<Fact> = found.drain(..).map(timeless).collect();
        let known = self.gists.iter().position(|known| *known == gist);
        let at = known.unwrap_or_else(|| {
            self.gists.push(gist);
            self.gists.len() - 1
        });
        self.of.insert(domain.into(), at);
    }

    fn of(&self, domain: &str) -> &[Fact] {
        self.of.get(domain).map_or(&[], |at| &self.gists[*at])
    }
}

/// A fact that may be used, without when it was learned: the verdict does not depend on it.
fn timeless(found: Found) -> Fact {
    Fact {
        at: Timestamp::default(),
        ..found.kept.fact
    }
}

impl Ledger {
    /// The addresses that [`Ledger::todo`] would call settled, in one pass; `mark` gives each key its mark. Addresses
    /// of which nothing is known but what is known of their domain are not among them.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    ///
    /// # Panics
    ///
    /// Never: a settled verdict is one of a few standings with one of fifty reasons, not all of which go together.
    pub fn settled(&self, mut mark: impl FnMut(&str) -> u64) -> Result<Settled, LedgerError> {
        if self.was_empty() {
            return Ok(Settled::default());
        }
        let mut gists = Gists::default();
        self.each(
            concat!(
                "SELECT ",
                row::wordless_columns!(),
                ", name FROM domain ORDER BY name, run, n"
            ),
            |domain, found| {
                gists.add(domain, found);
                Ok(())
            },
        )?;
        let (mut marks, mut verdicts) = (Vec::new(), Vec::new());
        let mut evidence = Evidence::new();
        self.each(
            concat!(
                "SELECT ",
                row::wordless_columns!(),
                ", key FROM address ORDER BY key, run, n"
            ),
            |key, found| {
                let domain = key.rsplit_once('@').map_or("", |(_, domain)| domain);
                evidence.facts.clear();
                evidence.facts.extend_from_slice(gists.of(domain));
                evidence.facts.extend(found.drain(..).map(timeless));
                evidence.facts.extend(self.returned(key)?);
                let verdict = decide(&evidence);
                if is_settled(verdict) {
                    let known = verdicts.iter().position(|known| *known == verdict);
                    let at = known.unwrap_or_else(|| {
                        verdicts.push(verdict);
                        verdicts.len() - 1
                    });
                    let at = u8::try_from(at).expect("there are fewer settled verdicts than 256");
                    marks.push((mark(key), at));
                }
                Ok(())
            },
        )?;
        marks.sort_unstable();
        // The pages that passed are of no further use.
        self.connection
            .release_memory()
            .map_err(|error| self.failure(error))?;
        let (marks, stand) = marks.into_iter().unzip();
        Ok(Settled {
            marks,
            stand,
            verdicts,
        })
    }

    /// Whether a pass over the whole ledger is worth while for a list of so many bytes.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn is_small_beside(&self, list: u64) -> Result<bool, LedgerError> {
        let bytes = bytes(&self.connection).map_err(|error| self.failure(error))?;
        Ok(bytes <= list.saturating_mul(crate::model::limits::LEDGER_PASS_BYTES))
    }

    /// Hands out the usable facts of a query, those with the same name (its last column) together.
    fn each(
        &self,
        query: &str,
        mut take: impl FnMut(&str, &mut Vec<Found>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let failed = |error| self.failure(error);
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        let last = statement.column_count() - 1;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut of, mut facts) = (String::new(), Vec::new());
        while let Some(row) = rows.next().map_err(failed)? {
            let name = name(row, last).map_err(failed)?;
            if name != of {
                if !facts.is_empty() {
                    take(&of, &mut facts)?;
                    facts.clear();
                }
                of.clear();
                of.push_str(name);
            }
            if let Some(found) = row::read(row, &of).map_err(failed)? {
                self.admit(&mut facts, found);
            }
        }
        if !facts.is_empty() {
            take(&of, &mut facts)?;
        }
        Ok(())
    }
}

fn name<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str().unwrap_or_default())
}

fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = pragma("page_count")?.saturating_mul(pragma("page_size")?);
    Ok(u64::try_from(bytes).unwrap_or(0))
}
