//! `presend bounces`, as people run it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::list::{presend as run, repository};

fn sample(name: &str) -> String {
    repository(&format!("sample_lists/{name}"))
}

fn bounces(folder: &Path, more: &[&str]) -> String {
    let mut args = vec!["bounces"];
    args.extend(more);
    let output = run(folder, &args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, more: &[&str]) -> Value {
    let mut args = vec!["--json", "--no-ledger"];
    args.extend(more);
    serde_json::from_str(&bounces(folder, &args)).unwrap()
}

#[test]
fn the_whole_loop_of_the_readme_runs_offline() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (leads, world) = (sample("leads.csv"), sample("world.toml"));
    let verify = |out: &str, more: &[&str]| {
        let mut args = vec![
            "verify",
            &leads,
            "--world",
            &world,
            "--ledger",
            "season.db",
            "--out",
            out,
            "--json",
        ];
        args.extend(more);
        let output = run(folder, &args);
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let before = verify("first", &[]);
    let args = [
        &sample("bounces.mbox"),
        &sample("events.jsonl"),
        "--run",
        "first",
        "--ledger",
        "season.db",
        "--suppress",
        "suppressed.csv",
    ];
    let text = bounces(folder, &args);
    for words in [
        "10 bounces of 10 addresses (5 for good), 2 complaints",
        "The list's fault",
        "The sender's fault",
        "https://check.spamhaus.org/",
        "STOP",
        "r.obrien@gmail.com",
        "The ledger has 10 new bounces.",
        "7 addresses added",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // The same again changes nothing.
    let suppressed = fs::read(folder.join("suppressed.csv")).unwrap();
    let again = bounces(folder, &args);
    assert!(again.contains("0 new bounces; ") && again.contains("0 addresses added"));
    assert_eq!(fs::read(folder.join("suppressed.csv")).unwrap(), suppressed);
    // What bounced for good is rejected now, without being asked; whom the sender's own block kept from it is not.
    let after = verify("second", &[]);
    let rejected = fs::read_to_string(folder.join("second/rejected.csv")).unwrap();
    assert!(rejected.contains("r.obrien@gmail.com") && rejected.contains("stefan@alpenwerk.test"));
    // A second row of the same person is left out as that.
    let of_the_kept = rejected.lines().filter(|row| {
        row.contains("nils.young@icloud.com") || row.contains("j.weiss@holm-marine.test")
    });
    assert!(
        of_the_kept.clone().all(|row| row.contains("duplicate")),
        "{rejected}"
    );
    assert!(of_the_kept.count() > 0);
    let verified = |report: &Value| {
        report["counts"]["disposition"]["verified"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(verified(&before) - verified(&after), 5);
    // Who complained is left alone too, once the suppression file is given.
    let suppressing = verify("third", &["--suppress", "suppressed.csv"]);
    let rejected = fs::read_to_string(folder.join("third/rejected.csv")).unwrap();
    for complainer in ["vera@deltafreight.test", "info@nordlicht.test"] {
        let row = rejected
            .lines()
            .find(|row| row.contains(complainer))
            .unwrap();
        assert!(row.contains("suppressed"), "{row}");
    }
    assert!(verified(&suppressing) < verified(&after));
    // What was learned is shown, and forgotten when asked to.
    let config = |more: &[&str]| {
        let mut args = vec!["config", "--ledger", "season.db", "--json"];
        args.extend(more);
        let output = run(folder, &args);
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["calibration"].clone()
    };
    let learned = config(&[]);
    assert_eq!(learned["half_life_days"], 180);
    let google = learned["segments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["segment"] == "proven@google")
        .unwrap()
        .clone();
    assert!(
        google["now"].as_f64() > google["before"].as_f64(),
        "{google}"
    );
    assert_eq!(
        config(&["--reset-calibration"])["segments"],
        serde_json::json!([])
    );
}

#[test]
fn every_kind_of_source_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bounce = "From: MAILER-DAEMON@out.example\nSubject: failure notice\nDate: Mon, 2 Mar 2026 08:00:00 +0000\n\n<ann@example.net>:\n550 5.1.1 no such user\n";
    fs::write(folder.join("one.eml"), bounce).unwrap();
    for (name, who) in [("cur/1:2,S", "bob"), ("new/2", "cid"), ("tmp/3", "dan")] {
        let path = folder.join("Maildir").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bounce.replace("ann", who)).unwrap();
    }
    let table = "Date,Recipient,Bounce Type,Reason\n2026-03-02 08:00:00,eve@example.net,Hard,550 5.1.1 unknown user\n2026-03-02 09:00:00,fay@example.net,Soft,mailbox full\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(table.as_bytes()).unwrap();
    fs::write(folder.join("export.csv.gz"), packed.finish().unwrap()).unwrap();
    let events = "[{\"email\":\"gus@example.net\",\"event\":\"bounce\",\"reason\":\"550 5.1.1 no\"},{\"email\":\"hal@example.net\",\"event\":\"spamreport\"}]";
    fs::write(
        folder.join("events.json.zst"),
        zstd::encode_all(events.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    let found = json(
        folder,
        &["one.eml", "Maildir", "export.csv.gz", "events.json.zst"],
    );
    let told: Vec<String> = found["happenings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {}",
                one["kind"].as_str().unwrap(),
                one["final"].as_str().unwrap(),
                one["reason"].as_str().unwrap_or("-"),
                one["hard"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "bounce ann@example.net no_such_mailbox true",
            "bounce bob@example.net no_such_mailbox true",
            "bounce cid@example.net no_such_mailbox true",
            "bounce eve@example.net no_such_mailbox true",
            "bounce fay@example.net mailbox_full false",
            "bounce gus@example.net no_such_mailbox true",
            "complaint hal@example.net - false",
        ]
    );
    assert_eq!(found["happenings"][0]["at"], "2026-03-02T08:00:00.000Z");
    assert_eq!(found["summary"]["counts"]["bounce"], 6);
    assert_eq!(found["summary"]["addresses"]["hard"], 5);
}

#[test]
fn a_mapping_reads_a_platform_that_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("export.csv"),
        "Kunde;Adresse;Ergebnis\n1;ann@example.net;tot\n2;bob@example.net;voll\n",
    )
    .unwrap();
    fs::write(
        folder.join("mine.toml"),
        "[fields]\nrecipient = \"Adresse\"\nkind = \"Ergebnis\"\n[permanent]\nno_such_mailbox = [\"tot\"]\n[temporary]\nmailbox_full = [\"voll\"]\n",
    )
    .unwrap();
    let found = json(folder, &["export.csv", "--mapping", "mine.toml"]);
    assert_eq!(found["happenings"][0]["hard"], true, "{found}");
    assert_eq!(found["happenings"][1]["reason"], "mailbox_full");
    let wrong = run(
        folder,
        &["bounces", "export.csv", "--mapping", "export.csv"],
    );
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_cascade_is_named_with_its_hour() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = "email,event,reason,timestamp\n".to_owned();
    for n in 0..40 {
        let _ = writeln!(
            rows,
            "dead{n}@gmail.com,bounce,550 5.1.1 The email account that you tried to reach does not exist,2026-03-02 0{}:00:00",
            8 + n / 30
        );
    }
    for n in 0..60 {
        let _ = writeln!(
            rows,
            "good{n}@gmail.com,bounce,550 5.7.1 Our system has detected an unusual rate of unsolicited mail originating from your IP address and blocked it,2026-03-02 13:{n:02}:00"
        );
    }
    fs::write(folder.join("export.csv"), rows).unwrap();
    let text = bounces(folder, &["export.csv", "--no-ledger", "--sent", "500"]);
    assert!(
        text.contains("WARNING: google is shutting you out since 2026-03-02\u{a0}13:00\u{a0}UTC"),
        "{text}"
    );
    assert!(text.contains("Stop sending there") && text.contains("STOP"));
    let found = json(folder, &["export.csv", "--sent", "500"]);
    assert_eq!(found["summary"]["cascades"][0]["provider"], "google");
    assert_eq!(found["summary"]["health"]["bounces"]["level"], "stop");
}

#[test]
fn what_cannot_be_read_is_said_before_anything_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let code = |args: &[&str]| run(folder, args).status.code();
    assert_eq!(code(&["bounces", "missing.eml", "--no-ledger"]), Some(3));
    for empty in ["empty.csv", "empty.eml"] {
        fs::write(folder.join(empty), "").unwrap();
    }
    fs::write(folder.join("blank.eml"), "\r\n \n").unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"\n").unwrap();
    fs::write(folder.join("empty.mbox.gz"), packed.finish().unwrap()).unwrap();
    assert_eq!(code(&["bounces", "empty.csv", "--no-ledger"]), Some(3));
    fs::write(folder.join("one.eml"), "Subject: x\n\nx").unwrap();
    let no_run = run(folder, &["bounces", "one.eml", "--run", ".", "--no-ledger"]);
    assert_eq!(no_run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&no_run.stderr).contains("holds no finished run"));
    assert_eq!(code(&["bounces"]), Some(2));
    fs::write(folder.join("people.csv"), "who,where\nanna,here\n").unwrap();
    let table = ["bounces", "people.csv", "--no-ledger", "--column", "7"];
    assert_eq!(code(&table[..3]), Some(3), "a file that is none");
    assert_eq!(code(&table), Some(2), "a column that the table has not");
}

/// A report that a mailbox is not there, as a mail server hands it to a program.
fn report_of(person: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.shop.example\nTo: news@shop.example\nSubject: Undelivered Mail Returned to Sender\n\
         Date: Mon, 2 Mar 2026 06:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nNot delivered.\n\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.shop.example\n\n\
         Final-Recipient: rfc822; {person}@garden.example\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 user unknown\n\n--b--\n"
    )
}

#[test]
fn a_hundred_messages_piped_in_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let programs: Vec<std::process::Child> = (0..100)
        .map(|number| {
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_presend"))
                .args([
                    "bounces",
                    "-",
                    "--quiet",
                    "--ledger",
                    "season.db",
                    "--suppress",
                    "dead.csv",
                ])
                .current_dir(folder)
                .stdin(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = program.stdin.take().unwrap();
            input
                .write_all(report_of(&format!("person{number}")).as_bytes())
                .unwrap();
            program
        })
        .collect();
    for program in programs {
        let output = program.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let dead = fs::read_to_string(folder.join("dead.csv")).unwrap();
    assert_eq!(dead.lines().count(), 101, "{dead}");
    for number in 0..100 {
        fs::write(
            folder.join(format!("{number}.eml")),
            report_of(&format!("person{number}")),
        )
        .unwrap();
    }
    // All hundred are in the ledger already: none of them is new.
    let files: Vec<String> = (0..100).map(|number| format!("{number}.eml")).collect();
    let mut args: Vec<&str> = files.iter().map(String::as_str).collect();
    args.extend(["--ledger", "season.db"]);
    let text = bounces(folder, &args);
    assert!(text.contains("The ledger has 0 new bounces"), "{text}");
}

#[test]
fn an_error_leaves_no_half_object() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("good.eml"), report_of("rosa")).unwrap();
    fs::write(
        folder.join("two.csv"),
        "from,to,code\nnews@shop.example,rosa@garden.example,550\nnews@shop.example,udo@garden.example,550\n",
    )
    .unwrap();
    let output = run(
        folder,
        &["bounces", "good.eml", "two.csv", "--json", "--no-ledger"],
    );
    if output.status.success() {
        serde_json::from_slice::<Value>(&output.stdout).unwrap();
    } else {
        assert!(output.stdout.is_empty());
        assert!(!output.stderr.is_empty());
    }
    let output = run(
        folder,
        &[
            "bounces",
            "good.eml",
            "nowhere.eml",
            "--json",
            "--no-ledger",
        ],
    );
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[test]
fn rows_that_do_not_say_what_happened_are_named_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("reports.csv"),
        "ip,email,created\n192.0.2.1,rosa@garden.example,1772529000\n",
    )
    .unwrap();
    let output = run(folder, &["bounces", "reports.csv", "--json", "--no-ledger"]);
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        warned.contains("reports.csv") && warned.contains("--unsaid"),
        "{warned}"
    );
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["summary"]["not_understood"][0]["rows"], 1);
    let told = json(folder, &["reports.csv", "--unsaid", "complaint"]);
    assert_eq!(told["happenings"][0]["kind"], "complaint");
    assert_eq!(told["happenings"][0]["suppress"], true);
}

#[test]
fn an_ambiguous_provider_sends_nobody_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("list.csv"),
        "email\nhana@docomo.ne.jp\nharu@docomo.ne.jp\n",
    )
    .unwrap();
    fs::write(
        folder.join("world.toml"),
        "[[host]]\nname = \"mfsmax.docomo.ne.jp\"\npersona = \"honest\"\nsays = { no_such_user = \"550 Unknown user {address}\" }\n\
         [[domain]]\nname = \"docomo.ne.jp\"\nmx = [\"mfsmax.docomo.ne.jp\"]\nmailboxes = [\"hana\"]\n",
    )
    .unwrap();
    let args = [
        "verify",
        "list.csv",
        "--world",
        "world.toml",
        "--out",
        "out",
        "--ledger",
        "w.db",
        "--quiet",
    ];
    run(folder, &args);
    let list = |name: &str| fs::read_to_string(folder.join("out").join(name)).unwrap();
    assert!(list("verified.csv").contains("hana@"));
    assert!(list("review.csv").contains("haru@"));
    assert!(!list("rejected.csv").contains('@'));
}

#[test]
fn an_import_that_is_cut_off_counts_its_campaign_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (leads, world) = (sample("leads.csv"), sample("world.toml"));
    let args = [
        "verify",
        &leads,
        "--world",
        &world,
        "--ledger",
        "season.db",
        "--out",
        "first",
        "--quiet",
    ];
    run(folder, &args);
    let (mbox, events) = (sample("bounces.mbox"), sample("events.jsonl"));
    let import = [
        "bounces",
        &mbox,
        &events,
        "--run",
        "first",
        "--ledger",
        "season.db",
        "--quiet",
    ];
    let chances = |folder: &Path| {
        let output = run(folder, &["config", "--ledger", "season.db"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let before = chances(folder);
    // The ledger is told, then the file beside the lists cannot be written: as after a kill in between.
    fs::create_dir(folder.join("first/bounces.json")).unwrap();
    assert!(!run(folder, &import).status.success());
    let once = chances(folder);
    assert_ne!(once, before, "the import has taught something");
    fs::remove_dir(folder.join("first/bounces.json")).unwrap();
    assert!(run(folder, &import).status.success());
    assert!(folder.join("first/bounces.json").is_file());
    assert_eq!(chances(folder), once);
}

/// How large a message is that no program should hold whole.
const HUGE_BYTES: usize = 80 << 20;

/// Runs the program on a source, or with it as standard input; what it found, and the most memory that it held, in bytes.
#[cfg(target_os = "linux")]
fn read_huge(folder: &Path, source: &str, piped: bool) -> (Value, usize) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_presend"));
    command
        .args(["bounces", "--json", "--no-ledger"])
        .arg(if piped { "-" } else { source })
        .current_dir(folder)
        .stdin(if piped {
            std::process::Stdio::from(fs::File::open(folder.join(source)).unwrap())
        } else {
            std::process::Stdio::null()
        })
        .stdout(fs::File::create(folder.join("out")).unwrap());
    let mut program = command.spawn().unwrap();
    let status = format!("/proc/{}/status", program.id());
    let mut most = 0;
    // The mark only ever rises, and is gone with the program.
    while program.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        most = mark.map_or(most, |mark| mark.parse::<usize>().unwrap() * 1024);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let found = fs::read(folder.join("out")).unwrap();
    (serde_json::from_slice(&found).unwrap(), most)
}

#[test]
#[cfg(target_os = "linux")]
fn no_message_is_held_whole_that_is_larger_than_any_report() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let line = "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2Npbmc=\n";
    let body = line.repeat(HUGE_BYTES / line.len());
    let attached = format!(
        "\n--b\nContent-Type: message/rfc822\n\nSubject: Seeds\nMessage-ID: <seeds@shop.example>\n\n{body}\n--b--\n"
    );
    let message = report_of("rosa").replace("\n--b--\n", &attached);
    fs::write(folder.join("huge.eml"), &message).unwrap();
    let mbox = format!(
        "From MAILER-DAEMON Mon Mar  2 06:00:00 2026\n{message}\nFrom MAILER-DAEMON Mon Mar  2 06:00:00 2026\n{}",
        report_of("udo")
    );
    fs::write(folder.join("huge.mbox"), &mbox).unwrap();
    drop((message, mbox));
    let event = serde_json::json!({ "email": "rosa@garden.example", "event": "bounce", "reason": "550 5.1.1 no such user" });
    let events = format!("{{\"raw\":{body:?}}}\n{event}\n");
    fs::write(folder.join("huge.json"), &events).unwrap();
    drop((body, events));
    for (source, piped, people) in [
        ("huge.eml", false, 1),
        ("huge.eml", true, 1),
        ("huge.mbox", false, 2),
        ("huge.mbox", true, 2),
        ("huge.json", false, 1),
        ("huge.json", true, 1),
    ] {
        let (found, most) = read_huge(folder, source, piped);
        assert_eq!(found["summary"]["addresses"]["hard"], people, "{source}");
        assert!(most > 1 << 20, "the mark was read");
        assert!(most < 64 << 20, "{source}: {most} bytes");
    }
}

#[test]
fn a_message_piped_in_is_taken_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["bounces", "-", "--quiet", "--no-ledger"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = program.stdin.take().unwrap();
    input.write_all(report_of("rosa").as_bytes()).unwrap();
    let piece = "x".repeat(72) + "\n";
    // A mail server takes a pipe that is closed before it has written everything for a failed delivery.
    for _ in 0..(8 << 20) / piece.len() {
        input.write_all(piece.as_bytes()).unwrap();
    }
    drop(input);
    assert!(program.wait().unwrap().success());
}

#[test]
fn a_sentence_that_begins_with_from_parts_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // As a mail server hands a message to a program: begun by such a line, no other one marked.
    let message = format!(
        "From MAILER-DAEMON Mon Mar  2 06:00:00 2026\n{}\n\nFrom our shop, with love.\nudo@garden.example\n550 5.1.1 user unknown\n",
        report_of("rosa")
    );
    fs::write(folder.join("one"), message).unwrap();
    let found = json(folder, &["one"]);
    assert_eq!(found["happenings"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["happenings"][0]["final"], "rosa@garden.example");
}

#[test]
fn a_spreadsheet_of_bounces_is_read_and_never_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, who) in [
        ("May", "rosa@garden.example"),
        ("June", "tom@garden.example"),
    ] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        let rows = [
            ["Email", "Event", "Reason"],
            [who, "hard_bounce", "550 5.1.1 user unknown"],
        ];
        for (row, cells) in (0..).zip(rows) {
            for (column, cell) in (0..).zip(cells) {
                sheet.write_string(row, column, cell).unwrap();
            }
        }
    }
    book.save(folder.join("export.xlsx")).unwrap();
    let found = json(folder, &["export.xlsx"]);
    let who = |at: usize| found["happenings"][at]["final"].clone();
    assert_eq!(
        (who(0), who(1)),
        ("rosa@garden.example".into(), "tom@garden.example".into())
    );
    assert_eq!(found["happenings"][0]["reason"], "no_such_mailbox");
    // Lines behind its end would destroy it.
    let before = fs::read(folder.join("export.xlsx")).unwrap();
    let arguments = [
        "bounces",
        "export.xlsx",
        "--no-ledger",
        "--suppress",
        "export.xlsx",
    ];
    let output = run(folder, &arguments);
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("export.xlsx: is a spreadsheet") && said.contains("save it as CSV"),
        "{said}"
    );
    assert_eq!(fs::read(folder.join("export.xlsx")).unwrap(), before);
    // A sheet that is no table is named.
    let notes = book.add_worksheet().set_name("Notes").unwrap();
    notes.write_string(0, 0, "seen by Ann").unwrap();
    book.save(folder.join("export.xlsx")).unwrap();
    let output = run(folder, &["bounces", "export.xlsx", "--no-ledger"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("export.xlsx, sheet \"Notes\""), "{said}");
}

#[test]
fn a_column_that_is_named_holds_the_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("export.csv"),
        "Kundin;Absender;Event;Grund\nrosa@garden.example;news@shop.example;hard_bounce;550 5.1.1 user unknown\n",
    )
    .unwrap();
    let found = json(folder, &["export.csv", "--column", "Kundin"]);
    assert_eq!(
        found["happenings"][0]["final"], "rosa@garden.example",
        "{found}"
    );
    assert_eq!(found["happenings"][0]["hard"], true);
    let number = json(folder, &["export.csv", "--column", "1"]);
    assert_eq!(number["happenings"][0]["final"], "rosa@garden.example");
}

#[test]
fn a_ledger_that_another_program_has_for_itself_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("one.eml"), report_of("rosa")).unwrap();
    bounces(folder, &["one.eml", "--ledger", "season.db"]);
    // As `ledger forget` holds it while it rewrites the file.
    let lock = fs::File::open(folder.join("season.db.lock")).unwrap();
    lock.lock().unwrap();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        drop(lock);
    });
    let text = bounces(folder, &["one.eml", "--ledger", "season.db"]);
    assert!(text.contains("The ledger has 0 new bounces"), "{text}");
    holder.join().unwrap();
}

#[test]
fn what_is_no_bounce_is_told_with_what_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("text.txt"), "hello there, this is my text\n").unwrap();
    let noise = (0..3000_u32).map(|n| (n * n * 31 + n / 7).to_le_bytes()[1]);
    fs::write(folder.join("noise.xlsx"), noise.collect::<Vec<u8>>()).unwrap();
    for empty in ["empty.csv", "empty.eml"] {
        fs::write(folder.join(empty), "").unwrap();
    }
    fs::write(folder.join("blank.eml"), "\r\n \n").unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"\n").unwrap();
    fs::write(folder.join("empty.mbox.gz"), packed.finish().unwrap()).unwrap();
    for (file, word) in [
        ("text.txt", "text.txt: is text without an address"),
        ("noise.xlsx", "noise.xlsx: cannot be read as a spreadsheet"),
        ("empty.csv", "empty.csv: is empty"),
        ("empty.eml", "empty.eml: is empty"),
        ("blank.eml", "blank.eml: is empty"),
        ("empty.mbox.gz", "empty.mbox.gz: is empty"),
        ("-", "standard input: is text without an address"),
    ] {
        let text = fs::File::open(folder.join("text.txt")).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_presend"));
        command.args(["bounces", file, "--no-ledger"]).stdin(text);
        let output = crate::list::at_home(&mut command, folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{file}: {said}");
        assert!(said.contains(word), "{file}: {said}");
        let helps = said.contains(".eml") || said.contains("save it as XLSX");
        assert!(helps, "{file}: {said}");
    }
}
