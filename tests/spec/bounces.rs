//! Real bounces in: whatever the bytes.

use std::fs;

use presend::bounce::explain::{self, Hints, Knowledge};
use presend::bounce::import::{self as bounces, Kind, SourceError};
use proptest::prelude::*;

/// Reads `bytes` as a file of that name; the happenings by kind and address.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<(Kind, Option<String>)>, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let happenings = bounces::read(&path)?.into_iter();
    Ok(happenings
        .map(|happening| (happening.kind, happening.final_recipient))
        .collect())
}

/// What begins sources of each kind.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "",
        "From MAILER-DAEMON Mon Mar  2 06:00:00 2026\nFrom: MAILER-DAEMON@a.example\n\n",
        "{\"email\":\"a@b.example\",\"event\":\"bounce\",\"reason\":\"",
        "[{\"items\":[",
        "email,event,reason\na@b.example,bounce,",
        "From: MAILER-DAEMON@a.example\nContent-Type: multipart/report; boundary=b\n\n--b\n",
        "\u{1f}\u{8b}",
        "(\u{b5}/\u{fd}",
    ])
    .prop_map(|text: &str| {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_are_read_or_refused(begin in beginnings(), rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = begin;
        bytes.extend(rest);
        let _ = read("source", &bytes);
        let _ = read("source.eml", &bytes);
    }

    #[test]
    fn any_text_in_an_event_is_read(text in "\\PC{0,80}") {
        let event = serde_json::json!({ "email": "a@b.example", "event": "bounce", "reason": text });
        let found = read("events.json", event.to_string().as_bytes()).unwrap();
        prop_assert_eq!(found, [(Kind::Bounce, Some("a@b.example".to_owned()))]);
    }
}

/// Whether `explain` and `bounces` each call what a message is about permanent, where both say why it came back.
fn permanent(message: &[u8]) -> Option<(bool, bool)> {
    let explained = explain::explain(message, Hints::default(), Knowledge::built_in());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.eml");
    fs::write(&path, message).unwrap();
    let events = bounces::read(&path).ok()?;
    let event = events.iter().find(|event| event.kind == Kind::Bounce)?;
    let reading = &explained.readings.first()?.reading;
    (event.reason == Some(reading.reason)).then_some((reading.permanent, event.permanent))
}

#[test]
fn bounces_and_explain_agree_on_permanent() {
    let mut compared = 0;
    let mut apart = Vec::new();
    let mut compare = |name: &str, message: &[u8]| {
        if let Some((explained, imported)) = permanent(message) {
            compared += 1;
            if explained != imported {
                apart.push(format!("{name}: explain {explained}, bounces {imported}"));
            }
        }
    };
    for (name, message, _) in crate::bounce::fixtures() {
        compare(&name, &message);
    }
    let replies = include_str!("../fixtures/replies.tsv");
    for line in replies.lines().filter(|line| !line.starts_with('#')) {
        let Some(reply) = line.split('\t').nth(2) else {
            continue;
        };
        let status = if reply.starts_with('4') {
            "4.0.0"
        } else {
            "5.0.0"
        };
        let quoted = reply.replace("\\n", "\r\n  ");
        let message = format!(
            "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; ann@garden.example\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; {quoted}\r\n\r\n--b--\r\n"
        );
        compare(reply, message.as_bytes());
    }
    assert!(compared > 900, "{compared}");
    assert!(
        apart.is_empty(),
        "{} of {compared}:\n{}",
        apart.len(),
        apart.join("\n")
    );
}

#[test]
fn deep_and_endless_json_is_read_in_bounded_depth() {
    let deep = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    assert!(read("deep.json", deep.as_bytes()).is_ok());
    let open = "[".repeat(100_000) + "{\"email\":\"a@b.example\",\"event\":\"bounce\"}";
    assert_eq!(read("open.json", open.as_bytes()).unwrap().len(), 1);
}
