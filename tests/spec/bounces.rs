//! Real bounces in: whatever the bytes.

use std::fs;

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

#[test]
fn deep_and_endless_json_is_read_in_bounded_depth() {
    let deep = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    assert!(read("deep.json", deep.as_bytes()).is_ok());
    let open = "[".repeat(100_000) + "{\"email\":\"a@b.example\",\"event\":\"bounce\"}";
    assert_eq!(read("open.json", open.as_bytes()).unwrap().len(), 1);
}
