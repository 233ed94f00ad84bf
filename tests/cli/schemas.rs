//! What `--json` writes keeps to the schemas in `config/schemas`, every field of it; and each schema can say no.

use std::path::Path;

use serde_json::Value;

use crate::list::{Run, presend, repository};
use crate::schema::{faults, faults_of_ours, schema};

/// What the program writes with these arguments.
fn written(folder: &Path, arguments: &[&str]) -> String {
    let output = presend(folder, arguments);
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 1 | 4)),
        "{arguments:?}: {code:?} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn object(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&written(folder, arguments)).unwrap()
}

fn lines(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let text = written(folder, arguments);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Holds objects against a schema, then spoils the first of them at each place.
fn hold(name: &str, objects: &[Value], wrong: &[(&str, Value)]) {
    let schema = schema(name);
    assert!(!objects.is_empty(), "{name}: nothing was written");
    for object in objects {
        assert_eq!(
            faults_of_ours(&schema, object),
            Vec::<String>::new(),
            "{name}: {object}"
        );
    }
    for (place, wrong) in wrong {
        let mut spoilt = objects[0].clone();
        *spoilt
            .pointer_mut(place)
            .unwrap_or_else(|| panic!("{name} has no {place}")) = wrong.clone();
        assert!(!faults(&schema, &spoilt).is_empty(), "{name}: {place}");
    }
}

fn world() -> String {
    repository("sample_lists/world.toml")
}

#[test]
fn check_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let checked = lines(
        folder.path(),
        &[
            "check",
            "--json",
            "--world",
            &world(),
            "anna.albrecht@nordlicht.test",
            "Nobody <nobody.at.all@nordlicht.test>",
            "no address",
            "a@nowhere.test",
            "info@gmial.com",
        ],
    );
    assert_eq!(checked.len(), 5);
    hold(
        "check",
        &checked,
        &[
            ("/verdict", Value::from("perhaps")),
            ("/flags", Value::from("role")),
            ("/evidence/0/kind", Value::from("rumour")),
            ("/bounce", Value::from("1 %")),
        ],
    );
}

#[test]
fn explain_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut explained = vec![object(
        folder.path(),
        &["explain", "--json", "550 5.1.1 No such user here"],
    )];
    let notices = std::fs::read_dir(repository("tests/fixtures/bounces")).unwrap();
    for notice in notices {
        let path = notice.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let path = path.to_str().unwrap();
            explained.push(object(folder.path(), &["explain", "--json", path]));
        }
    }
    std::fs::write(
        folder.path().join("replies"),
        "452 4.2.2 Mailbox full\nmail\t550 5.7.1 Blocked\n\n",
    )
    .unwrap();
    explained.extend(lines(folder.path(), &["explain", "--lines", "replies"]));
    for (kind, event) in [
        (
            "suppressed",
            r#"{"event":"dropped","email":"rosa@garden.example","reason":"Bounced Address","sg_event_id":"a"}"#,
        ),
        (
            "unsubscribed",
            r#"{"event":"dropped","email":"rosa@garden.example","reason":"Unsubscribed Address","sg_event_id":"b"}"#,
        ),
    ] {
        std::fs::write(folder.path().join("event.json"), event).unwrap();
        let object = object(folder.path(), &["explain", "--json", "event.json"]);
        assert_eq!(object["kind"], kind, "{object}");
        explained.push(object);
    }
    assert!(explained.len() > 20, "{}", explained.len());
    hold(
        "explain",
        &explained,
        &[
            ("/kind", Value::from("news")),
            ("/readings/0/blame", Value::from("everybody")),
            ("/address_action", Value::Null),
        ],
    );
}

#[test]
fn estimate_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let list = repository("sample_lists/leads.csv");
    let estimated = object(
        folder.path(),
        &[
            "estimate",
            &list,
            "--world",
            &world(),
            "--sample",
            "40",
            "--json",
        ],
    );
    hold(
        "estimate",
        &[estimated],
        &[
            ("/schema", Value::from(2)),
            ("/estimate/input/rate", Value::from(2)),
            ("/strata/0/rows", Value::from(-1)),
        ],
    );
}

#[test]
fn simulate_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut scores = vec![object(
        folder.path(),
        &["simulate", "--seed", "7", "--addresses", "40", "--json"],
    )];
    scores.push(object(
        folder.path(),
        &["simulate", "--worlds", "2", "--addresses", "40", "--json"],
    ));
    hold(
        "simulate",
        &scores,
        &[
            ("/seed", Value::from("seven")),
            ("/manners/data", Value::Null),
            ("/projection/input/true_rate", Value::from(1.5)),
        ],
    );
}

#[test]
fn bounces_keep_to_their_schema() {
    let list = std::fs::read(repository("sample_lists/leads.csv")).unwrap();
    let run = Run::verify(&list, &["--world", &world()]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let (mbox, events) = (
        repository("sample_lists/bounces.mbox"),
        repository("sample_lists/events.jsonl"),
    );
    let told = object(
        run.folder(),
        &[
            "bounces",
            &mbox,
            &events,
            "--run",
            "list.csv.presend",
            "--json",
        ],
    );
    let alone = object(
        run.folder(),
        &[
            "bounces",
            &mbox,
            "--suppress",
            "suppressed.csv",
            "--sent",
            "500",
            "--json",
        ],
    );
    hold(
        "bounces",
        &[told, alone],
        &[
            ("/happenings/0/kind", Value::from("rumour")),
            ("/summary/addresses", Value::Null),
            ("/run/total/rate", Value::from(-1)),
        ],
    );
}

#[test]
fn preflight_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let sound = repository("tests/scenarios/preflight/sound.toml");
    let list = repository("sample_lists/leads.csv");
    let whole = [
        "preflight",
        "example.org",
        "--ip",
        "192.0.2.10",
        "--selector",
        "s1",
        "--helo",
        "out.example.org",
        "--volume",
        "20000",
        "--list",
        &list,
        "--world",
        &sound,
        "--json",
    ];
    let machine = ["preflight", "--world", &sound, "--json"];
    let nobody = ["preflight", "nobody.example", "--world", &sound, "--json"];
    let preflights: Vec<Value> = [&whole[..], &machine, &nobody]
        .into_iter()
        .map(|arguments| object(folder.path(), arguments))
        .collect();
    hold(
        "preflight",
        &preflights,
        &[
            ("/fit", Value::from("nearly")),
            ("/checks/0/status", Value::from("perhaps")),
            ("/spf/result", Value::Null),
        ],
    );
}
