//! What is remembered, forgotten, left alone and locked, as a user sees it.

use std::path::Path;

use presend::ledger::Lock;
use presend::model::timestamp::Timestamp;

use crate::list::{Run, presend, repository};
use crate::mailhosts::{MailHosts, Manner};
use crate::nameserver::NameServer;

fn world() -> String {
    repository("sample_lists/world.toml")
}

const LIST: &[u8] =
    b"email\nanna.albrecht@nordlicht.test\nnobody@nordlicht.test\nanyone@kontor21.test\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a ledger `known.db` that knows every address in [`LIST`].
fn known() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), LIST).unwrap();
    let world = world();
    let arguments = [
        "verify", "list.csv", "--world", &world, "--ledger", "known.db",
    ];
    assert_eq!(presend(folder.path(), &arguments).status.code(), Some(0));
    folder
}

/// What `presend ledger` prints.
fn ledger(folder: &Path, words: &[&str]) -> String {
    let mut arguments = vec!["ledger", "--ledger", "known.db"];
    arguments.extend(words);
    let output = presend(folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_ledger_tells_what_it_holds() {
    let folder = known();
    let stats = ledger(folder.path(), &["stats"]);
    for part in ["3 addresses", "2 domains", "no_such_mailbox", "completed"] {
        assert!(stats.contains(part), "{stats}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&ledger(folder.path(), &["stats", "--json"])).unwrap();
    assert_eq!(json["addresses"].as_u64(), Some(3));
    assert_eq!(json["reasons"]["no_such_mailbox"].as_u64(), Some(1));
}

#[test]
fn everything_known_comes_out_as_a_table_or_as_lines_of_json() {
    let folder = known();
    let table = ledger(folder.path(), &["export"]);
    assert!(table.starts_with("about,name,at,kind,reason,"), "{table}");
    let row = table
        .lines()
        .find(|row| row.contains(",nobody@nordlicht.test,"))
        .unwrap();
    assert!(row.contains(",asked,no_such_mailbox,true,rcpt,"), "{row}");
    let lines = ledger(folder.path(), &["export", "--format", "jsonl"]);
    assert_eq!(lines.lines().count() + 1, table.lines().count());
    for line in lines.lines() {
        let fact: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(fact["name"].is_string() && fact["at"].is_string(), "{line}");
    }
}

#[test]
fn a_person_who_asks_to_be_forgotten_is_forgotten() {
    let folder = known();
    let said = ledger(folder.path(), &["forget", "Anna.Albrecht@Nordlicht.test"]);
    assert!(said.contains("1 entry taken out"), "{said}");
    let bytes: Vec<u8> = ["known.db", "known.db-wal", "known.db-shm"]
        .iter()
        .flat_map(|name| std::fs::read(folder.path().join(name)).unwrap_or_default())
        .collect();
    assert!(!text(&bytes).to_lowercase().contains("anna.albrecht"));
    let said = ledger(folder.path(), &["forget", "nobody-knows.example"]);
    assert!(said.contains("nothing of that was known"), "{said}");
    ledger(folder.path(), &["forget", "nordlicht.test"]);
    let left = ledger(folder.path(), &["export"]);
    assert!(
        !left.contains("nordlicht") && left.contains("kontor21.test"),
        "{left}"
    );
    // The simulated world learned it all in the past.
    ledger(folder.path(), &["forget", "--older-than", "1s"]);
    let stats = ledger(folder.path(), &["stats"]);
    assert!(
        stats.contains(" 0 addresses") || stats.contains("3 addresses"),
        "{stats}"
    );
}

/// The bytes of all files of a folder, those that are hidden too, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn of_people_whom_hosts_named_in_every_way_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = MailHosts::behaving(|_| Manner::Echoes);
    let zone: String = (1..=20).fold("sender.test MX 10 mx.host1.test\n".to_owned(), |zone, n| {
        format!("{zone}corp{n}.test MX 10 mx.host{n}.test\nmx.host{n}.test A 127.0.1.{n}\n")
    });
    let names = NameServer::serving(&zone);
    let people: Vec<String> = (0..200)
        .map(|n| format!("zora{n}.quist@corp{}.test", n % 20 + 1))
        .collect();
    std::fs::write(
        folder.path().join("list.csv"),
        format!("email\n{}\n", people.join("\n")),
    )
    .unwrap();
    let (dns, port) = (names.address(), hosts.port.to_string());
    let arguments = [
        "verify",
        "list.csv",
        "--out",
        "lists",
        "--ledger",
        "known.db",
        "--dns",
        &dns,
        "--smtp-port",
        &port,
        "--allow-private",
        "--mail-from",
        "verify@sender.test",
        "--helo",
        "mail.sender.test",
        "--host-rate",
        "unlimited",
        "--wait",
        "0s",
    ];
    let output = presend(folder.path(), &arguments);
    assert!(hosts.talks().len() > 10, "{}", text(&output.stderr));
    // Words of the hosts still come with the address asked about.
    let rejected = std::fs::read_to_string(folder.path().join("lists/rejected.csv")).unwrap();
    let named = rejected
        .lines()
        .filter(|row| row.matches("quist").count() > 2);
    assert!(named.count() > 0, "{rejected}");
    let words: Vec<&str> = people.iter().map(String::as_str).collect();
    let mut forget = vec!["forget"];
    forget.extend(&words);
    let said = ledger(folder.path(), &forget);
    assert!(said.contains("nothing of it is left"), "{said}");
    std::fs::remove_file(folder.path().join("list.csv")).unwrap();
    let hidden = files(&folder.path().join("lists"));
    let hidden = hidden.into_iter().filter(|(name, _)| name.starts_with('.'));
    for (name, bytes) in files(folder.path()).into_iter().chain(hidden) {
        let bytes = text(&bytes).to_lowercase();
        let found = bytes.find("quist").map(|at| {
            bytes[at.saturating_sub(60)..]
                .chars()
                .take(120)
                .collect::<String>()
        });
        assert_eq!(found, None, "{name}");
    }
    // A copy that a user made is told of, for nothing is known of it.
    std::fs::copy(
        folder.path().join("known.db"),
        folder.path().join("known.db.old"),
    )
    .unwrap();
    std::fs::write(folder.path().join("known.db.bak"), "about zora7.quist: no").unwrap();
    let output = presend(
        folder.path(),
        &[
            "ledger",
            "--ledger",
            "known.db",
            "forget",
            "zora7.quist@corp8.test",
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("known.db.bak") && !told.contains("known.db.old"),
        "{told}"
    );
}

#[test]
fn forgetting_a_domain_leaves_the_comparison_of_all_others() {
    let folder = known();
    ledger(folder.path(), &["forget", "nordlicht.test"]);
    let world = world();
    let again = [
        "verify", "list.csv", "--world", &world, "--ledger", "known.db",
    ];
    assert_eq!(presend(folder.path(), &again).status.code(), Some(0));
    let read = |name: &str| {
        std::fs::read_to_string(folder.path().join("list.csv.presend").join(name)).unwrap()
    };
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    let changes = &report["changes"];
    assert_eq!(changes["new"].as_u64(), Some(2), "{changes}");
    assert_eq!(changes["other"].as_u64(), Some(0), "{changes}");
}

#[test]
fn a_ledger_that_is_none_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "x".repeat(5000)).unwrap();
    for (file, part) in [
        ("missing.db", "there is no ledger"),
        ("notes.txt", "is not a ledger"),
    ] {
        let output = presend(folder.path(), &["ledger", "stats", "--ledger", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(part),
            "{}",
            text(&output.stderr)
        );
    }
    let output = presend(folder.path(), &["ledger", "forget", "not an address"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_suppressed_address_is_not_asked_about_and_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unsubscribed.csv");
    std::fs::write(
        &file,
        "email;when\nANNA.Albrecht@nordlicht.test;2026\nkontor21.test;\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    for policy in ["balanced", "lenient"] {
        let run = Run::verify(
            LIST,
            &["--world", &world(), "--suppress", file, "--policy", policy],
        );
        assert_eq!(run.code(), 0, "{}", run.errors());
        let rejected = run.list("rejected.csv");
        for address in ["anna.albrecht@nordlicht.test", "anyone@kontor21.test"] {
            assert!(
                rejected.contains(&format!("{address},unknown,suppressed,")),
                "{rejected}"
            );
        }
        assert_eq!(
            run.report()["traffic"]["rcpt"].as_u64(),
            Some(1),
            "only nobody@"
        );
    }
}

#[test]
fn a_spreadsheet_of_the_suppressed_is_read_in_all_its_sheets() {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, who) in [
        ("2025", "anna.albrecht@nordlicht.test"),
        ("2026", "kontor21.test"),
    ] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (row, cells) in (0..).zip([["When", "Email"], ["May", who]]) {
            for (column, cell) in (0..).zip(cells) {
                sheet.write_string(row, column, cell).unwrap();
            }
        }
    }
    book.add_worksheet().set_name("Empty").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unsubscribed.xlsx");
    book.save(&file).unwrap();
    let arguments = ["--world", &world(), "--suppress", file.to_str().unwrap()];
    let run = Run::verify(LIST, &arguments);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let rejected = run.list("rejected.csv");
    for address in ["anna.albrecht@nordlicht.test", "anyone@kontor21.test"] {
        let row = format!("{address},unknown,suppressed,");
        assert!(rejected.contains(&row), "{rejected}");
    }
    // So may a sheet that nobody sees, which is named.
    book.worksheet_from_name("Empty").unwrap().set_hidden(true);
    book.save(&file).unwrap();
    let run = Run::verify(LIST, &arguments);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let said = "hidden sheets are not read: Empty";
    assert!(run.errors().contains(said), "{}", run.errors());
    // A sheet in which something else stands may hide an address.
    let notes = book.add_worksheet().set_name("Notes").unwrap();
    notes.write_string(0, 0, "call Ann first").unwrap();
    book.save(&file).unwrap();
    let run = Run::verify(LIST, &arguments);
    assert_eq!(run.code(), 2);
    let said = "unsubscribed.xlsx, sheet \"Notes\":1: `call Ann first` is neither";
    assert!(run.errors().contains(said), "{}", run.errors());
}

#[test]
fn an_entry_that_cannot_be_read_stops_the_run_before_any_host_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.txt");
    std::fs::write(&file, "a@b.test\nwho is this\n").unwrap();
    let run = Run::verify(
        LIST,
        &["--world", &world(), "--suppress", file.to_str().unwrap()],
    );
    assert_eq!(run.code(), 2);
    assert!(
        run.errors().contains("s.txt:2: `who is this`"),
        "{}",
        run.errors()
    );
    assert!(!run.exists("list.csv.presend"));
}

#[test]
fn a_pipe_is_kept_for_the_second_reading() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let writer = std::thread::spawn(move || std::fs::write(pipe, LIST).unwrap());
    let world = world();
    let output = presend(
        folder.path(),
        &["verify", "pipe", "--world", &world, "--out", "out"],
    );
    writer.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let verified = std::fs::read_to_string(folder.path().join("out/verified.csv")).unwrap();
    assert!(verified.contains("anna.albrecht@nordlicht.test,deliverable"));
}

#[test]
fn two_runs_never_write_the_same_lists_and_the_second_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), LIST).unwrap();
    let out = folder.path().join("list.csv.presend");
    std::fs::create_dir(&out).unwrap();
    let since: Timestamp = "2026-03-02T03:00:00Z".parse().unwrap();
    let lock = Lock::take(&out.join(".presend.lock"), "verify list.csv", since).unwrap();
    let world = world();
    let arguments = ["verify", "list.csv", "--world", &world];
    let second = presend(folder.path(), &arguments);
    assert_eq!(second.status.code(), Some(4));
    let said = text(&second.stderr);
    for part in ["2026-03-02T03:00:00Z", "verify list.csv", "--out"] {
        assert!(said.contains(part), "{said}");
    }
    drop(lock);
    assert_eq!(presend(folder.path(), &arguments).status.code(), Some(0));
    assert!(!out.join(".presend.lock").exists());
}

#[test]
fn lifetimes_are_the_operators_to_set() {
    let run = Run::verify(LIST, &["--world", &world(), "--fresh", "accepted=soon"]);
    assert_eq!(run.code(), 2);
    assert!(run.errors().contains("accepted=7d"), "{}", run.errors());
    let run = Run::verify(LIST, &["--world", &world(), "--fresh", "2d,refused=12h"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
}

#[test]
fn a_second_night_tells_what_changed_mailbox_by_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let world = |mailboxes: &str, unclaimed: &str| {
        let text = format!(
            "[[host]]\nname = \"mx.acme.test\"\n[[domain]]\nname = \"acme.test\"\nmx = [\"mx.acme.test\"]\n\
             mailboxes = [{mailboxes}]\n[[domain]]\nname = \"open.test\"\nmx = [\"mx.acme.test\"]\n\
             mailboxes = [\"eva\"]\nunclaimed = \"{unclaimed}\"\n"
        );
        write("world.toml", &text);
    };
    let night = |more: &[&str]| {
        let mut arguments = vec![
            "verify",
            "list.csv",
            "--world",
            "world.toml",
            "--ledger",
            "known.db",
        ];
        arguments.extend(more);
        let output = presend(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let read =
            |name: &str| std::fs::read_to_string(folder.path().join("list.csv.presend").join(name));
        let report: serde_json::Value =
            serde_json::from_str(&read("report.json").unwrap()).unwrap();
        (report, read("changes.csv").ok(), text(&output.stdout))
    };
    world("\"anna\", \"bert\"", "unwanted");
    write(
        "list.csv",
        "email\nanna@acme.test\nbert@acme.test\ncarl@acme.test\neva@open.test\nfay@acme.test\n",
    );
    let (report, changes, _) = night(&[]);
    assert!(
        report["changes"].is_null() && changes.is_none(),
        "nothing to compare with"
    );

    let (report, changes, said) = night(&[]);
    assert_eq!(changes.as_deref(), Some("address,change,before,now\n"));
    assert_eq!(
        report["memory"]["rows"].as_u64(),
        Some(0),
        "simulated nights begin at the same hour"
    );
    assert!(said.contains("no mailbox changed"), "{said}");

    world("\"anna\", \"carl\"", "delivered");
    write(
        "list.csv",
        "email\nANNA@acme.test\nanna@acme.test\nbert@acme.test\ncarl@acme.test\neva@open.test\ngus@acme.test\n",
    );
    let (report, changes, said) = night(&["--refresh"]);
    let expected = "address,change,before,now\n\
        bert@acme.test,died,deliverable/accepted,undeliverable/no_such_mailbox\n\
        carl@acme.test,recovered,undeliverable/no_such_mailbox,deliverable/accepted\n\
        eva@open.test,became_catch_all,deliverable/accepted,risky/catch_all\n\
        gus@acme.test,new,,undeliverable/no_such_mailbox\n\
        fay@acme.test,gone,undeliverable/no_such_mailbox,\n";
    assert_eq!(changes.as_deref(), Some(expected));
    for (name, count) in [
        ("died", 1),
        ("recovered", 1),
        ("became_catch_all", 1),
        ("new", 1),
        ("gone", 1),
        ("other", 0),
    ] {
        assert_eq!(report["changes"][name].as_u64(), Some(count), "{name}");
    }
    assert!(
        said.contains("1 died, 1 recovered, 1 became catch-all, 1 new, 1 gone"),
        "{said}"
    );
}
