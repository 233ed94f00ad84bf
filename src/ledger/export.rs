//! Everything known of addresses and domains, row by row.

use serde::Serialize;

use super::row::{columns, read};
use super::{Ledger, LedgerError};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;

/// One fact, or one message that came back, flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// `address`, `domain` or `bounce`.
    pub about: &'static str,
    /// The address's key or the domain's name.
    pub name: String,
    /// When it was learned.
    pub at: Timestamp,
    /// `asked`, `decoy`, `dns`, `withheld`, `text` or `bounced`.
    pub kind: &'static str,
    /// What it was read as.
    pub reason: Option<&'static str>,
    /// Whether the host said "never".
    pub permanent: Option<bool>,
    /// When in the session.
    pub stage: Option<&'static str>,
    /// The mail host.
    pub host: Option<String>,
    /// The reply's code.
    pub code: Option<u16>,
    /// The reply, or what else was found.
    pub reply: String,
    /// How long it holds, where DNS said it.
    pub until: Option<Timestamp>,
}

impl Exported {
    /// The names of the fields, in their order.
    pub const COLUMNS: [&'static str; 11] = [
        "about",
        "name",
        "at",
        "kind",
        "reason",
        "permanent",
        "stage",
        "host",
        "code",
        "reply",
        "until",
    ];
}

impl Ledger {
    /// Hands out everything known of addresses and domains, one after the other, in memory that does not grow.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read, whatever `take` fails with.
    pub fn export<E: From<LedgerError>>(
        &self,
        mut take: impl FnMut(Exported) -> Result<(), E>,
    ) -> Result<(), E> {
        for (about, table, key) in [("domain", "domain", "name"), ("address", "address", "key")] {
            let query = format!(
                "SELECT {}, {key} FROM {table} ORDER BY {key}, run, n",
                columns!()
            );
            let failed = |error| self.failure(error);
            let mut statement = self.connection.prepare(&query).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let name: String = row.get(key).map_err(failed)?;
                let Some(found) = read(row, &name).map_err(failed)? else {
                    continue;
                };
                let until = found.kept.until;
                take(flat(
                    about,
                    name,
                    found.kept.fact.at,
                    found.kept.fact.finding,
                    until,
                ))?;
            }
        }
        for bounce in self.bounces()? {
            let finding = Finding::Bounced {
                reason: bounce.reason,
                permanent: bounce.permanent,
                reply: bounce.reply,
            };
            take(flat("bounce", bounce.key, bounce.at, finding, None))?;
        }
        Ok(())
    }
}

fn flat(
    about: &'static str,
    name: String,
    at: Timestamp,
    finding: Finding,
    until: Option<Timestamp>,
) -> Exported {
    let mut exported = Exported {
        about,
        name,
        at,
        kind: super::row::kind(&finding),
        reason: None,
        permanent: None,
        stage: None,
        host: None,
        code: None,
        reply: String::new(),
        until,
    };
    match finding {
        Finding::Text { detail } => exported.reply = detail,
        Finding::Domain { reason, detail } | Finding::Withheld { reason, detail } => {
            exported.reason = Some(reason.as_str());
            exported.reply = detail;
        }
        Finding::Bounced {
            reason,
            permanent,
            reply,
        } => {
            exported.reason = Some(reason.as_str());
            exported.permanent = Some(permanent);
            exported.reply = reply;
        }
        Finding::Asked {
            exchange, reading, ..
        } => {
            exported.reason = Some(reading.reason.as_str());
            exported.permanent = Some(reading.permanent);
            exported.stage = Some(exchange.stage.as_str());
            exported.host = Some(exchange.host);
            exported.code = exchange.code;
            exported.reply = exchange.reply;
        }
    }
    exported
}
