//! Bounce messages after real servers' formats, each with what it must be read as beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use presend::bounce::{self, Message, Notice};
use presend::limits;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every fixture: its name, its bytes, what is expected of it.
pub fn fixtures() -> Vec<(String, Vec<u8>, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bounces");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let expected = fs::read_to_string(path.with_extension("json")).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (
                name,
                fs::read(&path).unwrap(),
                serde_json::from_str(&expected).unwrap(),
            )
        })
        .collect()
}

/// Checks what `expected` states against `found`; what it does not state is free.
pub fn assert_states(name: &str, expected: &Value, found: &Value, faults: &mut Vec<String>) {
    for (key, wanted) in expected.as_object().unwrap() {
        if &found[key] != wanted {
            faults.push(format!("{name}: {key} is {}, not {wanted}", found[key]));
        }
    }
}

fn kind(message: &Message) -> (&'static str, Notice) {
    match message {
        Message::Bounce(notice) => ("bounce", notice.clone()),
        Message::Delayed(notice) => ("delayed", notice.clone()),
        Message::Delivered(notice) => ("delivered", notice.clone()),
        Message::AutoReply(_) => ("auto_reply", Notice::default()),
        Message::Complaint(_) => ("complaint", Notice::default()),
        Message::Other => ("other", Notice::default()),
    }
}

#[test]
fn every_bounce_is_read_as_what_it_is() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 40, "{}", fixtures.len());
    let mut faults = Vec::new();
    for (name, bytes, expected) in &fixtures {
        let (kind, notice) = kind(&bounce::read_message(bytes));
        let mut found = json!({ "kind": kind, "original_message_id": notice.original.message_id });
        if matches!(kind, "bounce" | "delayed" | "delivered") {
            found["reporting_mta"] = json!(notice.reporting_mta);
            found["remote_mta"] = json!(
                notice
                    .recipients
                    .iter()
                    .find_map(|recipient| recipient.remote_mta.clone())
            );
        }
        let mut stated = expected.clone();
        let wanted: Vec<Value> = expected["recipients"].as_array().unwrap().clone();
        let stated = stated.as_object_mut().unwrap();
        stated.retain(|key, _| found.get(key).is_some());
        assert_states(name, &Value::Object(stated.clone()), &found, &mut faults);
        if kind == "complaint" {
            continue;
        }
        if wanted.len() != notice.recipients.len() {
            faults.push(format!(
                "{name}: {} recipients, not {}",
                notice.recipients.len(),
                wanted.len()
            ));
        }
        for (wanted, recipient) in wanted.iter().zip(&notice.recipients) {
            let found = json!({
                "final": recipient.final_recipient,
                "original": recipient.original_recipient,
                "action": recipient.outcome(),
                "status": recipient.status,
                "stage": recipient.stage,
                "code": recipient.reply.as_ref().map(|reply| reply.code),
                "reason": wanted["reason"],
            });
            assert_states(name, wanted, &found, &mut faults);
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn a_complaint_names_who_complained() {
    let (_, bytes, _) = fixtures()
        .into_iter()
        .find(|(name, ..)| name == "complaint-arf")
        .unwrap();
    let Message::Complaint(complaint) = bounce::read_message(&bytes) else {
        panic!("no complaint")
    };
    assert_eq!(complaint.feedback_type, "abuse");
    assert_eq!(complaint.recipients, ["dora@provider.example"]);
    assert_eq!(complaint.source_ip.as_deref(), Some("198.51.100.7"));
    assert_eq!(
        complaint.original.message_id.as_deref(),
        Some("offer-42@shop.example")
    );
}

/// Reads bytes and checks that it took no longer than a debug build may take.
fn read_in_time(what: &str, bytes: &[u8]) -> Message {
    let started = Instant::now();
    let message = bounce::read_message(bytes);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{what} took {:?}",
        started.elapsed()
    );
    message
}

#[test]
fn hostile_messages_are_read_in_bounded_time() {
    let report = |body: &str| {
        format!(
            "From: MAILER-DAEMON@a.example\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n{body}\n--b--\n"
        )
    };
    let many = format!(
        "Reporting-MTA: dns; a.example\n\n{}",
        "Final-Recipient: rfc822; x@example.net\nAction: failed\n\n".repeat(50_000)
    );
    let Message::Bounce(notice) = read_in_time("many recipients", report(&many).as_bytes()) else {
        panic!("no bounce")
    };
    assert_eq!(notice.recipients.len(), limits::NOTICE_RECIPIENTS);

    let level = |depth| format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n");
    let nested: Vec<String> = (0..20_000).map(level).collect();
    let nested = nested.concat();
    read_in_time("deep multiparts", nested.as_bytes());
    read_in_time(
        "deep messages",
        "Content-Type: message/rfc822\n\n".repeat(20_000).as_bytes(),
    );
    read_in_time(
        "header bomb",
        "X-Header: value\n".repeat(200_000).as_bytes(),
    );
    read_in_time(
        "folded bomb",
        format!("Subject: a\n{}\n\nx", " b\n".repeat(1_000_000)).as_bytes(),
    );
    read_in_time("one long line", &vec![b'a'; 8 << 20]);
    read_in_time(
        "one long value",
        report(&format!(
            "Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; 550 {}",
            "x ".repeat(1 << 20)
        ))
        .as_bytes(),
    );
    read_in_time(
        "many codes",
        format!(
            "From: MAILER-DAEMON@a.example\n\nundeliverable message\n{}",
            "<a@b.example>: 550 -> 550 \n".repeat(20_000)
        )
        .as_bytes(),
    );
    read_in_time(
        "many stanzas",
        format!(
            "From: MAILER-DAEMON@a.example\n\nundeliverable message\n<a@b.example>:\n\n{}",
            "x\n\n".repeat(80_000)
        )
        .as_bytes(),
    );
    read_in_time(
        "many sentences",
        format!(
            "From: MAILER-DAEMON@a.example\n\nundeliverable message {}",
            "for recipient message to ".repeat(10_000)
        )
        .as_bytes(),
    );
    read_in_time("zeroes", &vec![0; 4 << 20]);
    read_in_time("high bytes", &vec![0xff; 4 << 20]);
    read_in_time(
        "brackets",
        format!("Content-Type: text/html\n\n{}", "<".repeat(1 << 20)).as_bytes(),
    );
}

#[test]
fn what_lies_beyond_the_limit_is_not_read() {
    let mut bytes = b"From: a@example.net\nSubject: x\n\n".to_vec();
    bytes.resize(limits::MESSAGE_BYTES, b' ');
    bytes.extend(b"\nundeliverable message\n<b@example.net>: 550 no\n");
    assert_eq!(bounce::read_message(&bytes), Message::Other);
}

#[test]
fn a_cut_bounce_is_read_as_far_as_it_goes() {
    for (name, bytes, _) in fixtures() {
        for cut in (0..bytes.len()).step_by(37) {
            let _ = bounce::read_message(&bytes[..cut]);
        }
        assert!(!bytes.is_empty(), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = bounce::read_message(&bytes);
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,300}") {
        let _ = bounce::read_text(&text);
    }

    #[test]
    fn a_damaged_bounce_is_read(index in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let fixtures = fixtures();
        let (_, mut bytes, _) = fixtures[index.index(fixtures.len())].clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = bounce::read_message(&bytes);
    }
}
