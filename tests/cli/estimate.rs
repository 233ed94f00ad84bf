//! `presend estimate` as a user runs it.

use serde_json::Value;

use crate::list::{presend, repository};

fn estimate(arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (list, world) = (
        repository("sample_lists/leads.csv"),
        repository("sample_lists/world.toml"),
    );
    let mut all = vec!["estimate", &list, "--world", &world];
    all.extend(arguments);
    let output = presend(folder.path(), &all);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "an estimate writes no lists"
    );
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_sample_is_asked_about_and_the_whole_list_projected() {
    let (code, text, errors) = estimate(&["--sample", "80", "--json"]);
    assert_eq!(code, 0, "{errors}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (found["rows"].as_u64(), found["sample"].as_u64()),
        (Some(298), Some(80))
    );
    let rcpt = found["traffic"]["rcpt"].as_u64().unwrap();
    assert!(rcpt < 130, "{rcpt} recipients for a sample of 80");
    let input = &found["estimate"]["input"];
    let (low, high) = (
        input["low"].as_f64().unwrap(),
        input["high"].as_f64().unwrap(),
    );
    // The whole list, asked about, comes to 20 %.
    assert!(low < 0.20 && 0.20 < high && high - low < 0.25, "{input}");
    let (fewest, most) = (
        found["estimate"]["verified_low"].as_u64(),
        found["estimate"]["verified_high"].as_u64(),
    );
    assert!(fewest <= Some(180) && Some(180) <= most, "{found}");
    let rows: u64 = found["strata"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(Some(rows), found["addresses"].as_u64());
}

#[test]
fn the_same_command_asks_about_the_same_people() {
    let first = estimate(&["--sample", "40", "--json"]);
    assert_eq!(first.1, estimate(&["--sample", "40", "--json"]).1);
    assert_ne!(
        first.1,
        estimate(&["--sample", "40", "--json", "--seed", "5"]).1
    );
}

#[test]
fn it_says_what_a_larger_sample_would_be_worth() {
    let (code, text, _) = estimate(&["--sample", "20"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("half as wide") && text.contains("before") && text.contains("after"),
        "{text}"
    );
}

#[test]
fn a_sample_of_every_address_is_no_guess() {
    let (_, text, _) = estimate(&["--sample", "5000", "--json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    // Only rows that name a mailbox once more are not asked about themselves.
    let of = |name: &str| found["estimate"][name].as_u64().unwrap();
    assert!(of("verified_high") - of("verified_low") <= 5, "{found}");
}

#[test]
fn an_address_that_is_listed_twice_is_one_to_ask_about() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("sample_lists/world.toml");
    let leads = std::fs::read_to_string(repository("sample_lists/leads.csv")).unwrap();
    let rows = leads.split_once('\n').unwrap().1;
    std::fs::write(folder.path().join("twice.csv"), format!("{leads}{rows}")).unwrap();
    std::fs::write(folder.path().join("once.csv"), &leads).unwrap();
    let estimated = |list: &str| -> Value {
        let words = [
            "estimate", list, "--world", &world, "--sample", "80", "--json",
        ];
        let output = presend(folder.path(), &words);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (once, twice) = (estimated("once.csv"), estimated("twice.csv"));
    for number in ["/mailboxes", "/sample"] {
        assert_eq!(once.pointer(number), twice.pointer(number), "{number}");
    }
    assert_eq!(
        twice["rows"].as_u64(),
        once["rows"].as_u64().map(|rows| rows * 2)
    );
    let most = twice["estimate"]["verified_high"].as_u64();
    assert!(most <= twice["mailboxes"].as_u64(), "{twice}");
    // As long as the list takes, it takes when every row is in it twice.
    let latest = |found: &Value| found["length"]["latest"].as_u64().unwrap();
    assert!(latest(&twice) <= latest(&once) + 60, "{once}\n{twice}");
}
