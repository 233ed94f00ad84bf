use std::path::PathBuf;

use super::*;
use crate::diagnosis::Reading;
use crate::smtp::Stage;
use crate::verdict::{Exchange, Whom};

fn asked(whom: Whom, reason: Reason, permanent: bool, at: u64) -> Fact {
    Fact {
        at: Moment::from_millis(at),
        finding: Finding::Asked {
            whom,
            exchange: Exchange {
                stage: Stage::Rcpt,
                host: "mx.acme.test".to_owned(),
                code: Some(250),
                reply: "250 ok".to_owned(),
            },
            reading: Reading {
                reason,
                permanent,
                rule: "test".to_owned(),
            },
        },
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.db");
    (folder, path)
}

fn open(path: &Path, now: u64) -> Ledger {
    Ledger::open(
        path,
        &Realm::Real,
        Lifetimes::default(),
        Moment::from_millis(now),
    )
    .unwrap()
}

const DAY: u64 = 24 * 3600 * 1000;

#[test]
fn what_was_learned_settles_the_next_run_until_it_is_stale() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    writer
        .domain(
            "acme.test".to_owned(),
            asked(Whom::Decoy, Reason::NoSuchMailbox, true, 1),
        )
        .unwrap();
    writer
        .address(
            "anna@acme.test".to_owned(),
            asked(Whom::Subject, Reason::Accepted, false, 1),
        )
        .unwrap();
    writer
        .address(
            "bert@acme.test".to_owned(),
            asked(Whom::Subject, Reason::NoSuchMailbox, true, 1),
        )
        .unwrap();
    writer
        .address(
            "carl@acme.test".to_owned(),
            asked(Whom::Subject, Reason::Greylisted, false, 1),
        )
        .unwrap();
    writer.finish().unwrap();

    let settled = |days: u64, key: &str| {
        let now = Moment::from_millis(days * DAY + 2);
        open(&path, now.as_millis())
            .settled(key, "acme.test", now)
            .unwrap()
            .map(|verdict| verdict.to_string())
    };
    assert_eq!(
        settled(1, "anna@acme.test").as_deref(),
        Some("deliverable/accepted")
    );
    assert_eq!(
        settled(1, "bert@acme.test").as_deref(),
        Some("undeliverable/no_such_mailbox")
    );
    assert_eq!(
        settled(1, "carl@acme.test"),
        None,
        "what settles nothing is asked again"
    );
    assert_eq!(settled(4, "bert@acme.test"), None);
    assert_eq!(settled(8, "anna@acme.test"), None);
    assert_eq!(settled(1, "dora@acme.test"), None);
}

#[test]
fn facts_of_one_run_add_up_and_give_way_to_the_next() {
    let (_folder, path) = place();
    let run = |began: u64, facts: Vec<Fact>| {
        let mut ledger = open(&path, began);
        let mut writer = ledger.writer().unwrap();
        for fact in facts {
            writer.address("anna@acme.test".to_owned(), fact).unwrap();
        }
        writer.finish().unwrap();
        ledger.refresh();
        ledger
            .evidence(
                "anna@acme.test",
                "acme.test",
                Moment::from_millis(began + 10),
            )
            .unwrap()
            .facts
            .len()
    };
    let greylisted = |at| asked(Whom::Subject, Reason::Greylisted, false, at);
    assert_eq!(
        run(
            100,
            vec![
                greylisted(101),
                asked(Whom::Subject, Reason::Accepted, false, 102)
            ]
        ),
        2
    );
    assert_eq!(
        run(
            200,
            vec![asked(Whom::Subject, Reason::NoSuchMailbox, true, 201)]
        ),
        1
    );
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone_with_a_clear_error() {
    let (folder, _) = place();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "a".repeat(5000)).unwrap();
    let error =
        Ledger::open(&path, &Realm::Real, Lifetimes::default(), Moment::default()).unwrap_err();
    assert!(error.to_string().contains("is not a ledger"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a".repeat(5000));
}

#[test]
fn a_newer_ledger_and_another_worlds_are_refused() {
    let (_folder, path) = place();
    drop(open(&path, 0));
    let realm = Realm::Simulated("world.toml".to_owned());
    let error = Ledger::open(&path, &realm, Lifetimes::default(), Moment::default()).unwrap_err();
    assert!(error.to_string().contains("another world"), "{error}");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error =
        Ledger::open(&path, &Realm::Real, Lifetimes::default(), Moment::default()).unwrap_err();
    assert!(error.to_string().contains("newer presend"), "{error}");
}

#[test]
fn the_ledger_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    drop(open(&path, 0));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
