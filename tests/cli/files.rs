//! What the program leaves alone, and who may read what it writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::list::{at_home, presend};

const LIST: &str = "email\nlena@tolk.test\n";
const BOUNCES: &str = "email,event,reason\n=pia@tolk.test,bounce,550 5.1.1 User unknown\n";

#[test]
fn nothing_that_is_there_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let theirs = [
        ("list.csv", LIST),
        ("bounces.csv", BOUNCES),
        ("mine.csv", "id\n7\n"),
        ("rejected.csv", "mine as well\n"),
    ];
    for (name, text) in theirs {
        fs::write(home.join(name), text).unwrap();
    }
    fs::create_dir(home.join("out")).unwrap();
    std::os::unix::fs::symlink("../list.csv", home.join("out/linked.csv")).unwrap();
    for (command, word) in [
        (
            "verify list.csv --offline --metrics list.csv",
            "the list itself",
        ),
        (
            "verify list.csv --offline --metrics out/linked.csv",
            "the list itself",
        ),
        ("verify list.csv --offline --metrics mine.csv", "--force"),
        (
            "verify list.csv --offline --all list.csv",
            "the list itself",
        ),
        ("verify list.csv --offline --all mine.csv", "--force"),
        (
            "verify list.csv --offline --out .",
            "rejected.csv was not written by presend",
        ),
        ("verify list.csv --offline --out mine.csv", "a file"),
        (
            "verify list.csv --offline --ledger list.csv",
            "not a ledger",
        ),
        (
            "verify list.csv --offline --ledger mine.csv --refresh",
            "not a ledger",
        ),
        (
            "verify list.csv mine.csv --column 1 --offline --metrics mine.csv",
            "the list itself",
        ),
        ("bounces bounces.csv --table bounces.csv", "is read here"),
        (
            "bounces bounces.csv --table out/../bounces.csv",
            "is read here",
        ),
        ("bounces bounces.csv --table mine.csv", "--table"),
        ("bounces bounces.csv --ledger mine.csv", "not a ledger"),
        ("ledger stats --ledger mine.csv", "not a ledger"),
        ("check a@b.test --offline --ledger mine.csv", "not a ledger"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let output = presend(home, &words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains(word), "{command}: {said}");
        for (name, text) in theirs {
            assert_eq!(
                fs::read_to_string(home.join(name)).unwrap(),
                text,
                "{command}"
            );
        }
        assert!(!home.join("verified.csv").exists(), "{command}");
    }
}

#[test]
fn a_table_of_bounces_may_be_written_again_and_holds_no_formula() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    fs::write(home.join("bounces.csv"), BOUNCES).unwrap();
    fs::set_permissions(home.join("bounces.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    for _ in 0..2 {
        let output = presend(
            home,
            &[
                "bounces",
                "bounces.csv",
                "--no-ledger",
                "--table",
                "table.csv",
            ],
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let table = fs::read_to_string(home.join("table.csv")).unwrap();
        assert!(
            table.contains("\n\"'=pia@tolk.test\",bounce,no_such_mailbox,"),
            "{table}"
        );
        assert_eq!(mode(&home.join("table.csv")), 0o600);
    }
}

#[test]
fn what_comes_out_keeps_to_the_umask_the_list_and_what_was_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    fs::write(home.join("list.csv"), LIST).unwrap();
    let list = |mode| {
        fs::set_permissions(home.join("list.csv"), fs::Permissions::from_mode(mode)).unwrap();
    };
    let verify = |umask: &str| {
        let script = format!("umask {umask} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_presend")]);
        command.args([
            "verify",
            "list.csv",
            "--offline",
            "--all",
            "all.csv",
            "--metrics",
            "numbers.prom",
        ]);
        let output = at_home(&mut command, home).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let all = [
        "list.csv.presend/review.csv",
        "list.csv.presend/report.json",
        "list.csv.presend/report.html",
        "all.csv",
    ];
    let modes = || all.map(|name| mode(&home.join(name)));
    list(0o644);
    verify("027");
    assert_eq!(modes(), [0o640; 4]);
    assert_eq!(mode(&home.join("numbers.prom")), 0o640);
    // They were made stricter, and stay so.
    for name in all {
        fs::set_permissions(home.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    verify("022");
    assert_eq!(modes(), [0o600; 4]);
    // So they are where the list is.
    fs::remove_dir_all(home.join("list.csv.presend")).unwrap();
    fs::remove_file(home.join("all.csv")).unwrap();
    verify("022");
    assert_eq!(modes(), [0o644; 4]);
    list(0o600);
    verify("022");
    assert_eq!(modes(), [0o600; 4]);
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
