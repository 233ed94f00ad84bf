//! What a script builds on: exit codes, and what each is about.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::list::{Run, presend, repository};

fn world() -> String {
    repository("tests/fixtures/lists/tolk.toml")
}

fn simulated(list: &[u8], arguments: &[&str]) -> Run {
    let world = world();
    Run::verify(list, &[&["--world", &world], arguments].concat())
}

#[test]
fn a_gate_passes_a_run_that_proved_enough_and_no_other() {
    let good = b"email\nlena@tolk.test\nomar@tolk.test\nnobody@tolk.test\n";
    let run = simulated(good, &["--fail-over", "2%", "--min-verified", "60%"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    for (arguments, word) in [
        (&["--fail-over", "0.5%"][..], "projected to bounce"),
        (&["--min-verified", "3"], "--min-verified"),
        (&["--min-verified", "70%"], "--min-verified"),
    ] {
        let run = simulated(good, arguments);
        assert_eq!(run.code(), 1, "{arguments:?}");
        assert!(run.errors().contains(word), "{}", run.errors());
        assert!(run.has("verified.csv"), "the lists are there all the same");
    }
}

#[test]
fn a_run_that_proved_nothing_passes_no_gate_for_rates() {
    let nobody = simulated(b"email\nnobody@tolk.test\n", &["--fail-over", "5%"]);
    assert_eq!(nobody.code(), 1);
    assert!(
        nobody.errors().contains("nothing is verified"),
        "{}",
        nobody.errors()
    );
    let list = b"email\nlena@tolk.test\n";
    let offline = Run::verify(list, &["--offline", "--fail-over", "5%"]);
    assert_eq!(offline.code(), 1);
    assert!(offline.errors().contains("offline"), "{}", offline.errors());
    let names = simulated(list, &["--no-smtp", "--fail-over", "5%"]);
    assert_eq!(names.code(), 1);
    assert!(names.errors().contains("only DNS"), "{}", names.errors());
    // Without a gate, all of them are runs that are done.
    assert_eq!(Run::verify(list, &["--offline"]).code(), 0);
}

#[test]
fn the_wrong_column_is_told_before_any_host_is_asked() {
    let rows: Vec<String> = (1..=20)
        .map(|row| format!("Person {row},a{row:02}@tolk.test\n"))
        .collect();
    let list = format!("Name,Email\n{}", rows.concat());
    let wrong = ["--column", "Name", "--fail-over", "2%"];
    let run = simulated(list.as_bytes(), &wrong);
    assert_eq!(run.code(), 3, "{}", run.errors());
    let errors = run.errors();
    assert!(
        errors.contains("Name") && errors.contains("--column"),
        "{errors}"
    );
    assert!(!run.has("verified.csv"));
    let no_gate = simulated(list.as_bytes(), &["--column", "Name"]);
    assert_eq!(no_gate.code(), 3, "{}", no_gate.errors());
    assert!(!no_gate.has("verified.csv"));
    let right = simulated(list.as_bytes(), &["--column", "Email", "--fail-over", "2%"]);
    assert_eq!(right.code(), 0, "{}", right.errors());
    // A list that is mostly empty is no wrong column.
    let sparse = format!("Name,Email\nL,lena@tolk.test\n{}", "X,\n".repeat(40));
    let run = simulated(sparse.as_bytes(), &["--fail-over", "2%"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
}

#[test]
fn a_file_where_the_lists_would_go_stays_and_the_danger_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["leads.csv", "other.csv"] {
        std::fs::write(folder.path().join(name), "email\nlena@tolk.test\n").unwrap();
    }
    for (out, word) in [("leads.csv", "the list itself"), ("other.csv", "a file")] {
        let run = presend(
            folder.path(),
            &["verify", "leads.csv", "--out", out, "--world", &world()],
        );
        assert_eq!(run.status.code(), Some(2));
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(
            said.contains(word) && said.contains("would be lost"),
            "{said}"
        );
        let kept = std::fs::read_to_string(folder.path().join(out)).unwrap();
        assert_eq!(kept, "email\nlena@tolk.test\n");
    }
}

#[test]
fn colours_stay_out_of_a_log_and_a_reader_may_leave_early() {
    let rows: Vec<String> = (0..300).map(|row| format!("a{row}@tolk.test")).collect();
    let run = simulated(
        format!("email\n{}\n", rows.join("\n")).as_bytes(),
        &["-v", "--ledger", "known.db"],
    );
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(!run.errors().contains('\u{1b}'), "{}", run.errors());
    for format in ["csv", "jsonl"] {
        let mut export = Command::new(env!("CARGO_BIN_EXE_presend"))
            .args(["ledger", "export", "--format", format, "--ledger"])
            .arg(run.folder().join("known.db"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A reader of one line, as `head -1` is, closes the pipe.
        drop(export.stdout.take());
        let ended = export.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{format}");
    }
}

#[test]
fn addresses_that_block_or_will_bounce_are_not_added_to_the_target() {
    let list =
        b"email\nanna.albrecht@nordlicht.test\nanyone@kontor21.test\nanyone@tern-analytics.test\n\
        no@@kontor21.test\n";
    let world = repository("sample_lists/world.toml");
    let arguments = ["--world", &world, "--target", "100%"];
    let run = Run::verify(list, &arguments);
    let target = run.list("target.csv");
    assert!(target.contains("anna.albrecht@nordlicht.test"), "{target}");
    assert!(target.contains("anyone@kontor21.test"), "{target}");
    assert!(
        !target.contains("tern-analytics") && !target.contains("no@@"),
        "{target}"
    );
    let capped = run.again(&[&arguments[..], &["--target-cap", "5%"]].concat());
    assert!(
        !capped.list("target.csv").contains("kontor21"),
        "{}",
        capped.list("target.csv")
    );
}

/// Runs `presend check` with `input` on its standard input.
fn check(arguments: &[&str], input: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let world = world();
    let mut program = Command::new(env!("CARGO_BIN_EXE_presend"))
        .arg("check")
        .args(["--world", &world])
        .args(arguments)
        .current_dir(folder.path())
        .env("XDG_STATE_HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = program.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_check_ends_with_one_when_an_address_is_undeliverable() {
    assert_eq!(check(&["lena@tolk.test"], "").0, 0);
    assert_eq!(check(&["lena@tolk.test", "nobody@tolk.test"], "").0, 1);
    assert_eq!(check(&["lena@"], "").0, 1);
}

#[test]
fn a_check_reads_addresses_from_standard_input() {
    let (code, text) = check(
        &["-", "--json"],
        "mailto:lena@tolk.test\n\nomar@tolk.test\n",
    );
    assert_eq!(code, 0, "{text}");
    let objects: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(objects.len(), 2, "{text}");
    assert_eq!(objects[0]["address"], "lena@tolk.test");
    assert_eq!(objects[0]["input"], "mailto:lena@tolk.test");
    assert_eq!(
        (&objects[1]["address"], &objects[1]["input"]),
        (&"omar@tolk.test".into(), &"".into())
    );
    assert_eq!(check(&["-"], "").0, 2);
}

#[test]
fn a_file_that_is_not_there_is_not_explained_as_if_its_name_were_a_reply() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bounce.eml", "./bounce", "in/returned.txt"] {
        let output = presend(folder.path(), &["explain", name]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
        assert!(
            errors.contains(name) && output.stdout.is_empty(),
            "{errors}"
        );
        let as_text = presend(folder.path(), &["explain", "--text", name]);
        assert_eq!(as_text.status.code(), Some(0), "{name}");
    }
}

#[test]
fn nothing_is_not_explained() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.eml"), "").unwrap();
    std::fs::write(folder.path().join("blank.eml"), " \r\n\n").unwrap();
    for (words, named) in [
        (&["empty.eml"][..], "empty.eml is empty"),
        (&["blank.eml"], "blank.eml is empty"),
        (&["-"], "standard input is empty"),
        (&["--text", ""], "the text is empty"),
        (&["--json", "empty.eml"], "empty.eml is empty"),
    ] {
        let arguments = [&["explain"], words].concat();
        let output = presend(folder.path(), &arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{words:?}: {errors}");
        assert!(
            errors.contains(named) && output.stdout.is_empty(),
            "{words:?}: {errors}"
        );
    }
}

#[test]
fn every_help_shows_how_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| {
        let output = presend(folder.path(), words);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let all = help(&["--help"]);
    let commands: Vec<&str> = all
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()) && *name != "help")
        .collect();
    assert!(commands.len() >= 12, "{all}");
    for command in commands {
        for form in ["-h", "--help"] {
            let text = help(&[command, form]);
            let example = format!("presend {command}");
            let below = text.split_once("Example").map_or("", |(_, below)| below);
            assert!(below.contains(&example), "{command} {form}\n{text}");
        }
    }
    let verify = help(&["verify", "--help"]);
    assert_eq!(verify.matches("\n  presend verify ").count(), 2, "{verify}");
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "130 "] {
        let (_, codes) = verify.split_once("Exit codes:").expect(&verify);
        assert!(codes.contains(&format!("\n  {code}")), "{codes}");
    }
}
