//! Any bytes as what stands in the rows of a ledger that was tampered with.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use presend::ledger::{Ledger, Lifetimes, Realm};
use presend::model::timestamp::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;

/// The tables with the columns that are written to, in their order.
const TABLES: [(&str, &str, usize); 7] = [
    ("address", "'ann@acme.test'", 13),
    ("domain", "'acme.test'", 13),
    ("host", "'hosting.test'", 2),
    ("strangers", "'acme.test'", 2),
    ("waiting", "'ann@acme.test'", 4),
    ("bounce", "'ann@acme.test'", 6),
    ("calibration", "'all'", 4),
];

/// Words that columns hold where nobody has tampered with them.
const WORDS: [&str; 16] = [
    "asked",
    "domain",
    "text",
    "withheld",
    "bounced",
    "subject",
    "decoy",
    "accepted",
    "no_such_mailbox",
    "catch_all",
    "rcpt",
    "mail",
    "greeting",
    "mx.acme.test",
    "550 5.1.1 no such user",
    "{\"machines\":[]}",
];

/// The ledger of this process.
static PLACE: LazyLock<Mutex<(tempfile::TempDir, PathBuf, Connection)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let now = Timestamp::from_millis(0);
    drop(Ledger::open(&path, &Realm::Real, Lifetimes::default(), now).expect("a ledger"));
    let connection = Connection::open(&path).expect("a database");
    let fast = "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON;";
    connection.execute_batch(fast).expect("settings");
    Mutex::new((folder, path, connection))
});

/// Writes the rows, and has the ledger read them in every way.
pub fn run(data: &[u8]) {
    let place = PLACE.lock().expect("one thread");
    let (_, path, connection) = &*place;
    let mut bytes = data.iter().copied();
    for (table, key, columns) in TABLES {
        let emptied = connection.execute(&format!("DELETE FROM {table}"), []);
        emptied.expect("a table is emptied");
        let values: Vec<Value> = (0..columns).map(|_| value(&mut bytes)).collect();
        let marks = vec!["?"; columns].join(", ");
        let insert = format!("INSERT OR IGNORE INTO {table} VALUES ({key}, {marks})");
        // What a column may not hold at all is not written.
        let _ = connection.execute(&insert, rusqlite::params_from_iter(values));
    }
    let now = Timestamp::from_millis(400);
    let Ok(mut ledger) = Ledger::find(path, now) else {
        return;
    };
    let _ = ledger.stats().map(|stats| serde_json::to_string(&stats));
    for kept in ledger.of_address("ann@acme.test").unwrap_or_default() {
        let _ = kept.fact.at.to_string();
    }
    let _ = ledger.evidence("ann@acme.test", "acme.test");
    let _ = ledger.todo("ann@acme.test", "acme.test");
    let _ = ledger.catch_all("acme.test");
    let _ = (ledger.host("hosting.test"), ledger.clock("ann@acme.test"));
    let _ = (ledger.bounces(), ledger.outcomes(), ledger.machines());
    let _ = (ledger.last_word("ann@acme.test"), ledger.settled(|_| 1));
}

/// The next value of a column, of any type.
fn value(bytes: &mut impl Iterator<Item = u8>) -> Value {
    let mut next = || bytes.next().unwrap_or(0);
    match next() % 8 {
        0 => Value::Integer(i64::from(next())),
        1 => Value::Integer(i64::from_le_bytes(std::array::from_fn(|_| next()))),
        2 => Value::Real(f64::from_le_bytes(std::array::from_fn(|_| next()))),
        3 => Value::Null,
        4 => {
            let length = next();
            Value::Blob((0..length).map(|_| next()).collect())
        }
        5 => {
            let length = next();
            let text: Vec<u8> = (0..length).map(|_| next()).collect();
            Value::Text(String::from_utf8_lossy(&text).into_owned())
        }
        _ => Value::Text(WORDS[usize::from(next()) % WORDS.len()].to_owned()),
    }
}
