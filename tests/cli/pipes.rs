//! Bounces that a mail server pipes in, as they end for the server.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const BOUNCE: &str = include_str!("../fixtures/bounces/exim-rcpt-refused.eml");

/// Pipes a bounce in.
fn pipe(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["bounces", "-"])
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Where it ends before it has read everything, that shows in how it ends.
    let _ = program.stdin.take().unwrap().write_all(BOUNCE.as_bytes());
    program.wait_with_output().unwrap()
}

#[test]
fn a_bounce_that_cannot_be_kept_is_handed_in_again_and_not_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("notes.db"),
        "these are notes, and no ledger at all",
    )
    .unwrap();
    let lasting = pipe(folder, &["--quiet", "--ledger", "notes.db"]);
    // EX_TEMPFAIL of sysexits.h.
    assert_eq!(lasting.status.code(), Some(75), "{lasting:?}");
    let no_mapping = pipe(
        folder,
        &["--quiet", "--ledger", "l.db", "--mapping", "missing.toml"],
    );
    assert_eq!(no_mapping.status.code(), Some(75), "{no_mapping:?}");
    let kept = pipe(folder, &["--quiet", "--ledger", "l.db"]);
    assert_eq!(kept.status.code(), Some(0), "{kept:?}");
    // Of a file that was named the operator is told at once.
    fs::write(folder.join("one.eml"), BOUNCE).unwrap();
    let named = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["bounces", "one.eml", "--ledger", "notes.db"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(2), "{named:?}");
}

#[test]
fn a_second_reading_says_what_was_read_before_and_without_a_ledger_none_is_spoken_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = |arguments: &[&str]| {
        let output = pipe(folder, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&text(arguments)).unwrap() };
    assert!(text(&["--ledger", "l.db"]).contains("1 new bounces."));
    assert!(text(&["--ledger", "l.db"]).contains("0 new bounces; 1 were read before."));
    let again = json(&["--ledger", "l.db", "--json"]);
    assert_eq!(again["ledger"]["new_bounces"], 0);
    assert_eq!(again["ledger"]["read_before"], 1);
    let nowhere = text(&["--no-ledger"]);
    assert!(!nowhere.to_lowercase().contains("ledger"), "{nowhere}");
    assert_eq!(json(&["--no-ledger", "--json"])["ledger"], Value::Null);
}
