//! What a person sees, whole: a change of it shows in the snapshots beside.

use std::path::Path;
use std::process::Command;

/// What the program shows that is called with these words in an empty folder: results, then what it says beside them,
/// then how it ends.
fn shown(words: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("names.csv"), "name\nAnna\nBert\n").unwrap();
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    std::fs::write(folder.path().join("list.csv"), "email\nanna@acme.test\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(words)
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("TZ", "FAR-5:30")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replace(&folder.path().display().to_string(), "FOLDER")
    };
    let code = output.status.code().unwrap();
    let (out, beside) = (text(&output.stdout), text(&output.stderr));
    format!("{out}── beside ──\n{beside}── exit code {code} ──\n")
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

/// What the operator got wrong, told with what to change.
#[test]
fn errors_say_what_to_change() {
    let world = world();
    let wrong: &[&[&str]] = &[
        &["verify", "nowhere.csv"],
        &["verify", "empty.csv"],
        &["verify", "names.csv", "--offline"],
        &["verify", "list.csv", "--column", "phone", "--offline"],
        &["verify", "list.csv", "--out", "-"],
        &["verify", "list.csv", "--out", "list.csv"],
        &["verify", "list.csv", "--policy", "kind"],
        &["verify", "list.csv", "--world", "nowhere.toml"],
        &["verify", "list.csv", "--world", "list.csv"],
        &["verify", "list.csv", "--format", "jsonl"],
        &["verify", "list.csv", "--suppress", "nowhere.csv"],
        &["verify", "list.csv", "--rules", "nowhere.toml"],
        &["verify", "list.csv", "--own-list", "role=nowhere.txt"],
        &["check", "anna@acme.test", "--dns", "127.0.0.1:53"],
        &["check", "anna@acme.test", "--mail-from", "anna"],
        &["check", "anna@acme.test", "--host-rate", "fast"],
        &["check", "anna@acme.test", "--wait", "long"],
        &[
            "check",
            "anna@acme.test",
            "--helo",
            "a.test",
            "--helo",
            "b.test",
            "--world",
            &world,
        ],
        &[
            "check",
            "anna@acme.test",
            "--source-ip",
            "192.0.2.77",
            "--mail-from",
            "a@b.test",
        ],
        &[
            "check",
            "anna@acme.test",
            "--world",
            &world,
            "--ledger",
            "list.csv",
        ],
        &["explain", "nowhere.eml"],
        &["explain", "--provider", "nobody", "550 no"],
        &["report", "nowhere"],
        &["ledger", "stats", "--ledger", "nowhere.db"],
        &["ledger", "forget", "@", "--ledger", "nowhere.db"],
        &["bounces", "nowhere.mbox"],
    ];
    let told = wrong.iter().map(|words| {
        let command = words.join(" ").replace(&world, "world.toml");
        format!(
            "$ presend {command}\n{}",
            shown(words).replace(&world, "world.toml")
        )
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}
