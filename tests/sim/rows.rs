//! How many rows a run says that it has read.

use presend::ledger::{Ledger, Lifetimes, Memory, Realm};
use presend::model::limits;
use presend::probe::run::Ending;
use presend::probe::scheduler::Progress;
use presend::sim::net::Internet;
use presend::sim::score::in_simulated_time;
use presend::verify::{Asking, Observer, verify};

use super::{task_for, terms_of, tools};

const WORLD: &str = r#"
[[host]]
name = "mx.acme.test"
persona = "honest"

[[domain]]
name = "acme.test"
mx = ["mx.acme.test"]
mailboxes = ["anna"]
"#;

/// Keeps what was said last.
#[derive(Default)]
struct Last(u64);

impl Observer for Last {
    fn progress(&mut self, rows: u64, _progress: &Progress) {
        assert!(rows >= self.0, "rows read are never fewer than before");
        self.0 = rows;
    }

    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

/// The rows that a run of a list with so many said to have read at its end.
fn read_of(rows: usize) -> u64 {
    let internet = Internet::from_toml(WORLD, "world").unwrap();
    let list = format!("email\n{}", "anna@acme.test\n".repeat(rows));
    let folder = tempfile::tempdir().unwrap();
    let task = task_for(&list, &folder.path().join("out"), Memory::Use);
    let tools = tools();
    let mut last = Last::default();
    in_simulated_time(async {
        let world = internet.start(7).world;
        let realm = Realm::Simulated("world".to_owned());
        let ledger = folder.path().join("ledger.db");
        let mut ledger =
            Ledger::open(&ledger, &realm, Lifetimes::default(), world.clock.now()).unwrap();
        let asking = Asking::World(world, Box::new(terms_of(7)));
        let never = std::future::pending::<Ending>();
        verify(&task, &tools, asking, &mut ledger, &mut last, never)
            .await
            .unwrap();
    })
    .unwrap();
    last.0
}

#[test]
fn every_row_is_counted_also_where_the_last_reading_is_full() {
    let full = limits::SUPPLY_BATCH;
    for rows in [1, full - 1, full, full + 1, 2 * full, 3 * full] {
        assert_eq!(read_of(rows), rows as u64);
    }
}
