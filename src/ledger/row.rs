//! One fact as a row of a table.

use std::borrow::Cow;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::echo;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Fact, Finding, Whom};

/// Which table a fact is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Facts about one address.
    Address,
    /// Facts about every address of a domain.
    Domain,
}

/// A fact with what is to be known of it beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was learned, and when.
    pub fact: Fact,
    /// How long it holds, where DNS said it.
    pub until: Option<Timestamp>,
}

impl From<Fact> for Kept {
    fn from(fact: Fact) -> Self {
        Kept { fact, until: None }
    }
}

/// A moment as a column.
pub(super) fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// A column as a moment; what is before 1970 is 1970.
pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The columns that [`read`] wants, in its order.
macro_rules! columns {
    () => {
        "run, at, settles, kind, reason, permanent, stage, host, code, reply, rule, until"
    };
}
pub(super) use columns;

/// As [`columns!`] without the words, which no verdict depends on: what is read of them is empty, and costs nothing.
macro_rules! wordless_columns {
    () => {
        "run, at, settles, kind, reason, permanent, stage, NULL, code, NULL, NULL, until"
    };
}
pub(super) use wordless_columns;

/// A row as it comes out.
pub(super) struct Found {
    pub(super) run: Timestamp,
    pub(super) settles: bool,
    pub(super) kept: Kept,
}

/// Writes a fact's row behind those of the same run. Its texts contain no address ([`echo`]).
pub(super) fn insert(
    connection: &Connection,
    table: Table,
    key: &str,
    run: Timestamp,
    settles: bool,
    kept: &Kept,
) -> rusqlite::Result<()> {
    let query = match table {
        Table::Address => {
            "INSERT INTO address VALUES (?1, ?2, (SELECT count(*) FROM address WHERE key = ?1 AND run = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        }
        Table::Domain => {
            "INSERT INTO domain VALUES (?1, ?2, (SELECT count(*) FROM domain WHERE name = ?1 AND run = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        }
    };
    let finding = &kept.fact.finding;
    let (reason, detail, asked) = match finding {
        Finding::Text { detail } => (None, detail, None),
        Finding::Domain { reason, detail } | Finding::Withheld { reason, detail } => {
            (Some(reason), detail, None)
        }
        Finding::Bounced { reason, reply, .. } => (Some(reason), reply, None),
        Finding::Asked {
            exchange, reading, ..
        } => (
            Some(&reading.reason),
            &exchange.reply,
            Some((exchange, reading)),
        ),
    };
    connection.prepare_cached(query)?.execute(params![
        key,
        millis(run),
        millis(kept.fact.at),
        settles,
        kind(finding),
        reason.map(|reason| reason.as_str()),
        asked.map(|(_, reading)| reading.permanent),
        asked.map(|(exchange, _)| exchange.stage.as_str()),
        asked.map(|(exchange, _)| exchange.host.as_str()),
        asked.and_then(|(exchange, _)| exchange.code),
        asked.map_or(Cow::Borrowed(detail.as_str()), |_| echo::take_out(
            detail, key
        )),
        asked.map(|(_, reading)| reading.rule.as_str()),
        kept.until.map(millis),
    ])?;
    Ok(())
}

/// What a host last answered about a key in a run.
pub(super) fn last_answer(
    connection: &Connection,
    table: Table,
    key: &str,
    run: Timestamp,
) -> rusqlite::Result<Option<Kept>> {
    let query = match table {
        Table::Address => concat!(
            "SELECT ",
            columns!(),
            " FROM address WHERE key = ?1 AND run = ?2 AND kind = 'asked' ORDER BY n DESC LIMIT 1"
        ),
        Table::Domain => concat!(
            "SELECT ",
            columns!(),
            " FROM domain WHERE name = ?1 AND run = ?2 AND kind = 'decoy' ORDER BY n DESC LIMIT 1"
        ),
    };
    let found = connection
        .prepare_cached(query)?
        .query_row(params![key, millis(run)], |row| read(row, key))
        .optional()?;
    Ok(found.flatten().map(|found| found.kept))
}

/// What a finding is, in one word.
pub(super) fn kind(finding: &Finding) -> &'static str {
    match finding {
        Finding::Text { .. } => "text",
        Finding::Domain { .. } => "dns",
        Finding::Asked {
            whom: Whom::Subject,
            ..
        } => "asked",
        Finding::Asked {
            whom: Whom::Decoy, ..
        } => "decoy",
        // Bounces have a table of their own; their word only keeps them apart from other kinds.
        Finding::Bounced { .. } => "bounced",
        Finding::Withheld { .. } => "withheld",
    }
}

/// Reads a row whose columns are [`columns!`], about `key`. `None` for one that this version does not understand, which
/// is no fact.
pub(super) fn read(row: &Row<'_>, key: &str) -> rusqlite::Result<Option<Found>> {
    let kind = text(row, 3)?.unwrap_or_default();
    let reason = text(row, 4)?.and_then(|word| word.parse::<Reason>().ok());
    let detail =
        || -> rusqlite::Result<String> { Ok(text(row, 9)?.unwrap_or_default().to_owned()) };
    let finding = match (kind, reason) {
        ("text", _) => Finding::Text { detail: detail()? },
        ("dns", Some(reason)) => Finding::Domain {
            reason,
            detail: detail()?,
        },
        ("withheld", Some(reason)) => Finding::Withheld {
            reason,
            detail: detail()?,
        },
        ("asked", Some(reason)) => {
            let mut finding = asked(row, Whom::Subject, reason)?;
            if let Finding::Asked { exchange, .. } = &mut finding
                && let Cow::Owned(named) = echo::put_back(&exchange.reply, key)
            {
                exchange.reply = named;
            }
            finding
        }
        ("decoy", Some(reason)) => asked(row, Whom::Decoy, reason)?,
        _ => return Ok(None),
    };
    Ok(Some(Found {
        run: moment(row.get(0)?),
        settles: row.get(2)?,
        kept: Kept {
            fact: Fact {
                at: moment(row.get(1)?),
                finding,
            },
            until: row.get::<_, Option<i64>>(11)?.map(moment),
        },
    }))
}

fn asked(row: &Row<'_>, whom: Whom, reason: Reason) -> rusqlite::Result<Finding> {
    Ok(Finding::Asked {
        whom,
        exchange: Exchange {
            stage: stage(text(row, 6)?.unwrap_or_default()),
            host: text(row, 7)?.unwrap_or_default().to_owned(),
            code: row.get(8)?,
            reply: text(row, 9)?.unwrap_or_default().to_owned(),
        },
        reading: Reading {
            reason,
            permanent: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
            rule: text(row, 10)?.unwrap_or_default().to_owned(),
        },
    })
}

/// A column's text, lent.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    row.get_ref(column)?.as_str_or_null().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// The stage of that name.
pub(super) fn stage(name: &str) -> Stage {
    Stage::ALL
        .into_iter()
        .find(|stage| stage.as_str() == name)
        .unwrap_or(Stage::Unknown)
}
