//! The tables of a ledger, as they are made.

use rusqlite::Connection;

/// Marks the file as ours (`PRAGMA application_id`): the letters `pSnd`.
pub(super) const APPLICATION: i64 = 0x7053_6e64;

/// The schema that this program writes.
pub(super) const VERSION: i64 = 2;

/// The columns of a fact, the same for addresses and domains. `run` is the moment at which the run began that learned
/// it (an attempt that continues another shares its moment), `n` counts a run's facts, `settles` says whether a later
/// run may use it, `until` how long DNS says that it holds.
/// Moments are milliseconds since 1970, UTC.
macro_rules! fact_table {
    ($table:literal, $key:literal) => {
        concat!(
            "CREATE TABLE ",
            $table,
            " (",
            $key,
            " TEXT NOT NULL, run INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL,
             settles INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT, permanent INTEGER, stage TEXT, host TEXT,
             code INTEGER, reply TEXT, rule TEXT, until INTEGER, PRIMARY KEY (",
            $key,
            ", run, n)) WITHOUT ROWID;"
        )
    };
}

/// Everything a ledger has. `standing` holds, for each place where lists go, which mailbox stood how when a run there
/// last ended: hashes under the ledger's own key, packed, because it grows with the list. `strangers` holds what is
/// known of each domain's decoy; the table keeps its old name, for ledgers of users have it.
pub(super) const TABLES: &str = concat!(
    fact_table!("address", "key"),
    fact_table!("domain", "name"),
    "
    CREATE TABLE host (key TEXT PRIMARY KEY, at INTEGER NOT NULL, known TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE strangers (name TEXT PRIMARY KEY, run INTEGER NOT NULL, known TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE waiting (
        key TEXT PRIMARY KEY, run INTEGER NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL, again INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, place TEXT NOT NULL, list TEXT NOT NULL, began INTEGER NOT NULL,
        attempt INTEGER NOT NULL, process INTEGER NOT NULL, seed INTEGER NOT NULL, refresh INTEGER NOT NULL,
        ended INTEGER, ending TEXT, report TEXT
    );
    CREATE INDEX run_by_place ON run (place, id);
    CREATE TABLE standing (place TEXT NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL, entries BLOB NOT NULL,
        PRIMARY KEY (place, part));
    CREATE TABLE bounce (
        key TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, permanent INTEGER NOT NULL,
        status TEXT, reply TEXT NOT NULL, PRIMARY KEY (key, id)
    ) WITHOUT ROWID;
    CREATE TABLE calibration (
        segment TEXT PRIMARY KEY, total REAL NOT NULL, bounced REAL NOT NULL, hard REAL NOT NULL, at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE about (what TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE VIEW addresses AS SELECT key AS address, datetime(at / 1000, 'unixepoch') AS at_utc, kind, reason,
        permanent, stage, host, code, reply, rule FROM address;
    CREATE VIEW domains AS SELECT name AS domain, datetime(at / 1000, 'unixepoch') AS at_utc, kind, reason,
        permanent, stage, host, code, reply, rule FROM domain;
"
);

/// Signs the file as a ledger of the present schema, with a key of its own for hashes.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute(
        "INSERT INTO about VALUES ('key', lower(hex(randomblob(16))))",
        [],
    )?;
    Ok(())
}
