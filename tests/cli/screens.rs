//! What a person sees, whole: a change of it shows in the snapshots beside.

use std::path::Path;
use std::process::Command;

use crate::list::Run;

/// What the program shows that is called with these words in an empty folder: results, then what it says beside them,
/// then how it ends.
fn shown(words: &[&str]) -> String {
    shown_in(tempfile::tempdir().unwrap().path(), words)
}

/// The same in a folder.
fn shown_in(folder: &Path, words: &[&str]) -> String {
    shown_of(called(folder, words), folder)
}

/// The program, called with these words in a folder that is its user's home.
fn called(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
    command
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("TZ", "FAR-5:30");
    command
}

fn shown_of(mut command: Command, folder: &Path) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        without_chance(&text.replace(&folder.display().to_string(), "FOLDER"))
    };
    let code = output.status.code().unwrap();
    let (out, beside) = (text(&output.stdout), text(&output.stderr));
    format!("{out}── beside ──\n{beside}── exit code {code} ──\n")
}

/// A text without the chance part of the names that files have while they are written.
fn without_chance(text: &str) -> String {
    match text.split_once("/.presend-") {
        Some((before, after)) if after.contains(".part") => {
            let (_, behind) = after.split_once(".part").unwrap();
            format!("{before}/.presend-CHANCE.part{behind}")
        }
        Some(_) | None => text.to_owned(),
    }
}

/// The internet that comes with the program.
fn world() -> String {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_lists/world.toml");
    sample.display().to_string()
}

#[test]
fn check_shows_the_evidence() {
    let world = world();
    insta::assert_snapshot!(shown(&[
        "check",
        "--world",
        &world,
        "a.albrecht@nordlicht.test",
        "nobody.at.all@nordlicht.test",
        "anna@nordlicht",
        "info@gmial.com",
    ]));
}

#[test]
fn explain_shows_who_refused_and_what_to_do() {
    for words in [
        &["550 5.1.1 <anna@acme.test>: Recipient address rejected: User unknown"][..],
        &["451 4.7.1 Greylisted, please try again in 5 minutes"],
        &["550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org"],
        &["5.2.2"],
        &["good morning"],
    ] {
        insta::assert_snapshot!(shown(&[&["explain"], words].concat()));
    }
}

#[test]
fn preflight_shows_what_to_mend() {
    let world = world();
    insta::assert_snapshot!(shown(&[
        "preflight",
        "nordlicht.test",
        "--sender-only",
        "--world",
        &world,
    ]));
}

/// What each of these calls shows in one folder that has these files besides a few lists. `WORLD` stands for the internet
/// that comes with the program.
fn all_shown(files: &[(&str, &str)], calls: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let lists = [
        ("names.csv", "name\nAnna\nBert\n"),
        ("empty.csv", ""),
        ("list.csv", "email\nanna@acme.test\n"),
    ];
    for (name, text) in lists.iter().chain(files) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let world = world();
    let told = calls.iter().map(|call| {
        let words: Vec<&str> = call
            .split(' ')
            .map(|word| if word == "WORLD" { &*world } else { word })
            .collect();
        let shown = shown_in(folder.path(), &words);
        format!("$ presend {call}\n{}", shown.replace(&world, "WORLD"))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// The same of a file that is wrong in many ways, one at a time.
fn all_refused(name: &str, texts: &[&str], call: &str) -> String {
    let told = texts.iter().map(|text| {
        let shown = all_shown(&[(name, text)], &[call]);
        let (_, shown) = shown.split_once('\n').unwrap();
        format!("# {name}\n{}\n{shown}", text.trim_end())
    });
    format!(
        "$ presend {call}\n\n{}",
        told.collect::<Vec<_>>().join("\n")
    )
}

/// What the operator got wrong, told with what to change.
#[test]
fn errors_say_what_to_change() {
    let told = all_shown(
        &[],
        &[
            "verify nowhere.csv",
            "verify empty.csv",
            "verify names.csv --offline",
            "verify list.csv --column phone --offline",
            "verify list.csv --out -",
            "verify list.csv --out list.csv",
            "verify list.csv --policy kind",
            "verify list.csv --world nowhere.toml",
            "verify list.csv --world list.csv",
            "verify list.csv --format jsonl",
            "verify list.csv --suppress nowhere.csv",
            "verify list.csv --rules nowhere.toml",
            "verify list.csv --own-list role=nowhere.txt",
            "check anna@acme.test --dns 127.0.0.1:53",
            "check anna@acme.test --mail-from anna",
            "check anna@acme.test --host-rate fast",
            "check anna@acme.test --wait long",
            "check anna@acme.test --helo a.test --helo b.test --world WORLD",
            "check anna@acme.test --source-ip 192.0.2.77 --mail-from a@b.test",
            "check anna@acme.test --world WORLD --ledger list.csv",
            "explain nowhere.eml",
            "explain --provider nobody 550 no",
            "report nowhere",
            "ledger stats --ledger nowhere.db",
            "ledger forget @ --ledger nowhere.db",
            "bounces nowhere.mbox",
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_options_say_what_to_write() {
    let told = all_shown(
        &[],
        &[
            "verify",
            "nothing",
            "verify list.csv --delimiter ab",
            "verify list.csv --encoding klingon",
            "verify list.csv --format pdf",
            "verify list.csv --fail-over many",
            "verify list.csv --fail-over 101%",
            "verify list.csv --min-verified most",
            "verify list.csv --fail-on both",
            "verify list.csv --target-cap 2",
            "verify list.csv --own-list role",
            "verify list.csv --proxy http://proxy.test",
            "check anna@acme.test --seed seven",
            "check anna@acme.test --seed 99999999999999999999",
            "check anna@acme.test --smtp-port 70000",
            "check anna@acme.test --dns resolver.test",
            "check anna@acme.test --source-ip here",
            "check anna@acme.test --helo mail..test",
            "check anna@acme.test --host-connections 0",
            "check anna@acme.test --host-connections two",
            "check anna@acme.test --fresh long",
            "check anna@acme.test --fresh never=2d",
            "check anna@acme.test --control anna",
            "check anna@acme.test --starttls maybe",
            "check anna@acme.test --log-format xml",
            "estimate list.csv --sample 0",
            "explain",
            "explain --stage lunch 550",
            "bounces list.csv --lists best",
            "bounces list.csv --unsaid nothing",
            "bounces list.csv --sent many",
            "preflight --sender-only",
            "preflight acme.test --volume many",
            "preflight acme.test --ip here",
            "preflight acme.test --sender-helo mail..test",
            "ledger forget",
            "ledger forget --older-than long",
            "ledger export --format xml",
            "simulate --worlds 0",
            "serve --listen here",
            "serve --base-path here",
            "serve --trust-proxy here",
            "serve --new-token root --token-file tokens",
            "serve --keep long",
            "serve --max-lists many",
            "serve --world-speed 2",
            "worker --name Anna",
            "verify list.csv --engine http://engine.test",
            "verify list.csv --engine nats://anna:secret@engine.test",
            "verify list.csv --engine-prefix Ours",
            "verify list.csv --engine-partitions 0",
            "verify list.csv --engine-copies 9",
            "verify list.csv --engine-keep 1s",
            "completions klingon",
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_lists_and_places_say_what_to_change() {
    let wrong = format!("mail,phone\n{}", "anna@acme.test,1\n".repeat(200));
    let told = all_shown(
        &[
            ("paper.csv", "%PDF-1.7\n"),
            ("two.csv", "a@b.test,anna@acme.test\nc@d.test,x@y.test\n"),
            ("wrong.csv", &wrong),
            ("diary.csv", "Monday\n"),
            ("suppressed.txt", "a@b.test\nno body\n"),
            ("entries.txt", "*.b.test\n"),
            ("words.txt", "b.test\nin fo\n"),
        ],
        &[
            "verify folder --offline",
            "verify paper.csv --offline",
            "verify two.csv --offline",
            "verify wrong.csv --column phone --world WORLD --out out",
            "verify list.csv --column 7 --offline",
            "verify list.csv list.csv --offline",
            "verify list.csv ./list.csv --offline",
            "verify - --offline",
            "verify - - --offline",
            "verify list.csv --offline --format xlsx --all rows.csv",
            "verify list.csv --offline --all list.csv",
            "verify list.csv --offline --all diary.csv",
            "verify list.csv --offline --metrics list.csv",
            "verify list.csv --offline --metrics nowhere/metrics.prom",
            "verify list.csv --offline --out diary.csv",
            "verify list.csv --offline --out diary.csv/out",
            "check - --offline",
            "check anna@acme.test --offline --config nowhere.toml",
            "check anna@acme.test --offline --suppress suppressed.txt",
            "check anna@acme.test --offline --suppress folder",
            "check anna@acme.test --offline --own-list disposable=entries.txt",
            "check anna@acme.test --offline --own-list free=entries.txt",
            "check anna@acme.test --offline --own-list role=entries.txt",
            "check anna@acme.test --offline --own-list trap=words.txt",
            "estimate nowhere.csv",
            "lists update nowhere.txt",
            "lists update words.txt",
            "preflight acme.test --world WORLD --list nowhere.csv",
            "preflight acme.test --world WORLD --html list.csv",
            "preflight acme.test --world WORLD --list list.csv --html list.csv",
            "preflight acme.test --world WORLD --html nowhere/page.html",
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_settings_say_what_to_change() {
    let told = all_refused(
        "settings.toml",
        &[
            "mail-from = anna",
            "# ours\nmailfrom = \"verify@acme.test\"",
            "colour = \"red\"",
            "dns = [[1]]",
            "dns = \"resolver.test\"",
            "mail-from = \"anna\"",
            "smtp-port = \"many\"",
            "offline = \"perhaps\"",
            "engine-token = [\"one\", \"two\"]",
        ],
        "check anna@acme.test --offline --config settings.toml",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_a_policy_say_what_to_change() {
    let told = all_refused(
        "policy.toml",
        &[
            "deliverable",
            "catch_all = \"review\"",
            "deliverable = \"best\"",
            "[reasons]\nno_such_thing = \"review\"",
        ],
        "check anna@acme.test --offline --policy policy.toml",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_rules_say_what_to_change() {
    let rule = |rest: &str| format!("[[rule]]\nid = 'ours'\n{rest}");
    let texts = [
        rule("reason = 'no_such_thing'\ntext = ['x']"),
        rule("reason = 'duplicate'\ntext = ['x']"),
        rule("reason = 'unread'"),
        rule("reason = 'unread'\ntext = ['ok', '--']"),
        rule("reason = 'unread'\ncode = ['250']"),
        rule("reason = 'unread'\nstatus = ['5.1']"),
        rule("reason = 'unread'\nstage = ['lunch']"),
        rule("reason = 'unread'\ntexts = ['x']"),
        rule("reason = 'unread'\ntext = 'x'"),
        rule("reason = 'unread'\ntext = ['x'"),
        rule("reason = 'unread'\ntext = ['x']\nexample = '550 y'"),
        rule("reason = 'unread'\ntext = ['x']\nexample = 'y'"),
        rule(
            "reason = 'unread'\ntext = ['x']\n\n[[rule]]\nid = 'ours'\nreason = 'unread'\ntext = ['y']",
        ),
        "[[rule]]\nreason = 'unread'\ntext = ['x']".to_owned(),
        "[[rule]]\nid = ''\nreason = 'unread'\ntext = ['x']".to_owned(),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let told = all_refused("rules.toml", &texts, "explain --rules rules.toml 550 no");
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_a_world_say_what_to_change() {
    let told = all_refused(
        "world.toml",
        &[
            "start = \"noon\"",
            "[[host]]\nname = \"mx.test\"\n[[host]]\nname = \"mx.test\"",
            "[[host]]\nname = \"a.test\"\naddress = \"192.0.2.1\"\n[[host]]\nname = \"b.test\"\naddress = \"192.0.2.1\"",
            "[[host]]\nname = \"mail host\"",
            "[[host]]\nname = \"mx.test\"\nrcpt_wait = \"long\"",
            "[[host]]\nname = \"mx.test\"\nrate = \"fast\"",
            "[[domain]]\nname = \"acme.test\"\n[[domain]]\nname = \"acme.test\"",
            "[[domain]]\nname = \"acme.test\"\nmx = [\"first mx.test\"]",
            "[[domain]]\nname = \"acme.test\"\nmailboxes = [\"anna\"]\nfull = [\"anna\"]",
            "[[record]]\nname = \"acme.test\"",
            "[network]\nloss = 7",
            "[network]\nloss = \"much\"",
            "[planet]\nname = \"Mars\"",
        ],
        "check anna@acme.test --world world.toml",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_a_mapping_say_what_to_change() {
    let platform = |says: &str| {
        format!(
            "[[platform]]\nname = \"ours\"\nknown_by = [\"x\"]\nsource = \"us\"\nsays = [{says}]"
        )
    };
    let texts = [
        "colour = \"red\"".to_owned(),
        "[kinds]\nlost = [\"x\"]".to_owned(),
        "[permanent]\nno_such_thing = [\"x\"]".to_owned(),
        platform("[\"old\", \"bounce\"]"),
        platform("[\"event=old\", \"broken\"]"),
        platform("[\"event=old\", \"\"]"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let told = all_refused(
        "mapping.toml",
        &texts,
        "bounces list.csv --no-ledger --mapping mapping.toml",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_about_replies_and_runs_say_what_to_change() {
    let told = all_shown(
        &[
            ("empty.eml", ""),
            ("lines.txt", "lunch\t550 no\n"),
            ("older.json", "{}"),
            ("newer.json", "{\"schema\": 99}"),
            ("suppressed.xlsx", "PK\u{3}\u{4}"),
        ],
        &[
            "explain empty.eml",
            "explain --lines lines.txt",
            "explain --lines nowhere.txt",
            "bounces empty.eml --no-ledger",
            "bounces list.csv --no-ledger --column 7",
            "bounces list.csv --no-ledger --mapping nowhere.toml",
            "bounces list.csv --no-ledger --run folder",
            "bounces list.csv --no-ledger --unsaid bounce --table list.csv",
            "bounces list.csv --no-ledger --unsaid bounce --suppress folder",
            "bounces list.csv --no-ledger --unsaid bounce --suppress suppressed.xlsx",
            "report list.csv",
            "report older.json",
            "report newer.json",
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_about_ledgers_say_what_to_change() {
    let told = all_shown(
        &[],
        &[
            "ledger stats --ledger list.csv",
            "ledger forget acme --ledger nowhere.db",
            "ledger forget anna@acme@test --ledger nowhere.db",
            "ledger repair --ledger nowhere.db",
            "ledger repair --ledger list.csv --to names.csv",
            "config --reset-calibration --ledger nowhere.db",
            "verify list.csv --offline --ledger list.csv/ledger.db",
            "check anna@acme.test --world WORLD --ledger learned.db",
            "check anna@acme.test --offline --ledger learned.db",
        ],
    );
    insta::assert_snapshot!(told);
}

/// Without a network: nothing listens on these ports.
#[test]
fn errors_of_what_cannot_be_reached_say_what_to_change() {
    let told = all_shown(
        &[
            ("pass.toml", "engine-password = \"secret\"\n"),
            ("seed", "no seed\n"),
        ],
        &[
            "verify list.csv --mail-from a@b.test --dns 127.0.0.1:1",
            "worker --engine nats://127.0.0.1:1 --dns 127.0.0.1:1",
            "worker",
            "engine status",
            "engine status --engine nats://127.0.0.1:1",
            "engine status --engine nats://127.0.0.1:1 --engine-user anna",
            "engine status --engine nats://127.0.0.1:1 --config pass.toml",
            "engine status --engine nats://127.0.0.1:1 --engine-creds seed --engine-nkey seed",
            "engine status --engine nats://127.0.0.1:1 --engine-nkey nowhere",
            "engine status --engine nats://127.0.0.1:1 --engine-creds seed",
            "verify list.csv --engine nats://127.0.0.1:1 --world WORLD",
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_a_server_say_what_to_change() {
    let ours = format!("check {} crm\n", "0".repeat(64));
    let told = all_shown(
        &[
            ("wrong", "check abc crm\n"),
            ("none", "# nobody\n"),
            ("ours", &ours),
        ],
        &[
            "serve --offline --folder kept --listen 0.0.0.0:0",
            "serve --offline --folder list.csv",
            "serve --offline --folder kept --token-file wrong",
            "serve --offline --folder kept --token-file none",
            "serve --offline --folder kept --token-file folder",
            "serve --offline --folder kept --listen 192.0.2.9:8025 --token-file ours",
        ],
    );
    insta::assert_snapshot!(told);
}

/// As many files as the system lets it open do not do.
#[test]
fn errors_of_a_system_that_gives_little_say_what_to_change() {
    let told = ["-n 40", "-v 200000"].map(|limit| {
        let run = Run::verify_with_limit(limit, b"email\nanna@acme.test\n", &["--offline"]);
        format!("{}── exit code {} ──\n", run.errors(), run.code())
    });
    insta::assert_snapshot!(told.join("\n"));
}

/// More lists than a run or the name of a folder takes.
#[test]
fn errors_of_many_lists_say_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |count: usize, name: &str| {
        let names: Vec<String> = (0..count).map(|n| format!("{name}-{n}.csv")).collect();
        for name in &names {
            std::fs::write(folder.path().join(name), "email\nanna@acme.test\n").unwrap();
        }
        let lists = names.iter().map(String::as_str);
        let words: Vec<&str> = ["verify", "--offline"].into_iter().chain(lists).collect();
        shown_in(folder.path(), &words)
    };
    let told = [refused(65, "list"), refused(20, "a-list-with-a-long-name")];
    insta::assert_snapshot!(told.join("\n"));
}

/// What stands in the way of the program's own files.
#[test]
fn errors_of_a_home_say_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |place: &str| folder.path().join(place);
    std::fs::write(at("list.csv"), "email\nanna@acme.test\n").unwrap();
    std::fs::create_dir_all(at(".local/state/presend/disposable.txt")).unwrap();
    let mut homeless = called(folder.path(), &["ledger", "stats"]);
    homeless.env_remove("HOME");
    let unreadable = shown_in(folder.path(), &["verify", "list.csv", "--offline"]);
    std::fs::remove_dir(at(".local/state/presend/disposable.txt")).unwrap();
    std::fs::create_dir_all(at("list.csv.presend/.presend.lock")).unwrap();
    let locked = shown_in(folder.path(), &["verify", "list.csv", "--offline"]);
    std::fs::write(at("list.csv.presend/.presend.switch"), "").unwrap();
    let killed = shown_in(folder.path(), &["report", "list.csv.presend"]);
    let told = [
        shown_of(homeless, folder.path()),
        unreadable,
        locked,
        killed,
    ];
    insta::assert_snapshot!(told.join("\n"));
}

/// Where another process writes its lists.
#[test]
fn errors_about_a_folder_in_use_say_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), "email\nanna@acme.test\n").unwrap();
    let lists = folder.path().join("list.csv.presend");
    std::fs::create_dir(&lists).unwrap();
    let lock = lists.join(".presend.lock");
    let work = "process 4711\nsince 2026-03-02T06:00:00Z\nwork presend verify list.csv\n";
    std::fs::write(&lock, work).unwrap();
    let held = std::fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let told = shown_in(folder.path(), &["verify", "list.csv", "--offline"]);
    insta::assert_snapshot!(told);
    drop(held);
}
