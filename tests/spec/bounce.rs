//! Bounce messages after real servers' formats, each with what it must be read as beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use presend::bounce::dsn::{self, Message, Notice};
use presend::model::limits;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every fixture: its name, its bytes, what is expected of it. First those written after the formats of mail systems,
/// then those that real mail systems wrote.
pub fn fixtures() -> Vec<(String, Vec<u8>, Value)> {
    let mut all = fixtures_in("tests/fixtures/bounces");
    all.extend(real_fixtures());
    all
}

/// What Postfix 3.7, Exim 4.96, Sendmail 8.17, `OpenSMTPD` 6.8, Courier 1.0 and `dma` 0.13 wrote when they were made to
/// send to mail hosts that refuse in some 30 ways. What is expected is what those hosts were told to do, not what this
/// program reads.
pub fn real_fixtures() -> Vec<(String, Vec<u8>, Value)> {
    fixtures_in("tests/fixtures/bounces/real")
}

fn fixtures_in(folder: &str) -> Vec<(String, Vec<u8>, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
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
        Message::Withheld(_) => ("withheld", Notice::default()),
        Message::Other => ("other", Notice::default()),
    }
}

#[test]
fn every_bounce_is_read_as_what_it_is() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 150, "{}", fixtures.len());
    let mut faults = Vec::new();
    for (name, bytes, expected) in &fixtures {
        let (kind, notice) = kind(&dsn::read_message(bytes));
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

/// Messages in the manner of systems that tell of a failure in a way of their own: what they are, who failed.
const MANNERS: &[(&str, &str, &str, &[&str])] = &[
    (
        "a telephone company, the address in brackets below a Japanese text",
        "Return-Path: <MAILER-DAEMON>\nFrom: Postmaster@phone.example\nSubject: Mail System Error - Returned Mail\nContent-Type: text/plain; charset=utf-8\n\n\u{5b9b}\u{5148}\u{304c}\u{898b}\u{3064}\u{304b}\u{308a}\u{307e}\u{305b}\u{3093}\u{3002}\n\n<ann@phone.example>\n",
        "bounce",
        &["ann@phone.example"],
    ),
    (
        "a label on the line of the address",
        "From: \"Postmaster\" <postmaster@mail.example>\nSubject: Undeliverable Mail\n\nUser mailbox exceeds allowed size: ann@example.net\n\nOriginal message follows.\n\nReceived: from x.example\nTo: other@example.org\n",
        "bounce",
        &["ann@example.net"],
    ),
    (
        "an address inside an X.400 one",
        "From: System Administrator <postmaster@example.net>\nSubject: Undeliverable: Offer\n\nYour message\n\n  To:      list@example.org\n  Subject: Offer\n\ndid not reach the following recipient(s):\n\nc=US;a= ;p=ACME;o=East;dda:SMTP=ann@example.net; on Fri, 4 Oct 2025 17:12:28\n    The recipient name is not recognized\n",
        "bounce",
        &["ann@example.net"],
    ),
    (
        "the cause before the recipients",
        "From: gateway@example.com\nReturn-Path: <>\nSubject: Undeliverable Mail: Offer\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected:\n    ann@example.net\n    bob@example.net\n",
        "bounce",
        &["ann@example.net", "bob@example.net"],
    ),
    (
        "no address but in the message that came back",
        "From: Mail Delivery Subsystem <MAILER-DAEMON@out.example>\nSubject: Returned mail: Cannot send message for 4 days\n\n   ----- Transcript of session follows -----\n421 example.net (smtp)... Deferred: Connection timed out\n\n   ----- Unsent message follows -----\nReceived: by out.example\nFrom: news@shop.example\nTo: ann@example.net\nSubject: Offer\n",
        "bounce",
        &["ann@example.net"],
    ),
    (
        "the daemon's name alone, no phrase that is known",
        "From: <MAILER-DAEMON@hoster.example>\nSubject: failure notice\n\nNosotros no podemos.\n\n<ann@example.net>:\nCuota superada.\n\n--- Abajo: copia.\n\nReturn-Path: <news@shop.example>\n",
        "bounce",
        &["ann@example.net"],
    ),
    (
        "a warning",
        "From: MAILER-DAEMON@out.example\nSubject: Warning: message has not yet been delivered\n\nYour message to:\n\tann@example.net\nhas not yet been delivered because the recipient server did not respond.\n",
        "delayed",
        &["ann@example.net"],
    ),
    (
        "a refusal by a filter script in the form of a receipt",
        "From: Mail Delivery Subsystem <postmaster@example.net>\nSubject: Automatically rejected mail\nAuto-Submitted: auto-replied (rejected)\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nYour message to <ann@example.net> was automatically rejected:\nQuota exceeded\n\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ann@example.net\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n",
        "bounce",
        &["ann@example.net"],
    ),
    (
        "two recipients without an empty line between",
        "From: MAILER-DAEMON@a.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\nFinal-Recipient: rfc822; ann@example.net\nAction: failed\nFinal-Recipient: rfc822; bob@example.net\nAction: failed\n--b--\n",
        "bounce",
        &["ann@example.net", "bob@example.net"],
    ),
    (
        "the daemon alone, in a language of its own",
        "From: MAILER-DAEMON@portal.example\nSubject: \u{7cfb}\u{7edf}\n\nportal.example\n\n<ann@example.net>:\n<bob@example.net>:\n\n--- \u{9644}\u{4ef6}\n",
        "bounce",
        &["ann@example.net", "bob@example.net"],
    ),
    (
        "a screen name without its domain",
        "From: Mail Delivery Subsystem <MAILER-DAEMON@portal.example>\nSubject: Mail Delivery Problem\n\nYour mail to the following recipients could not be delivered because they are not accepting mail from news@shop.example:\n\tscreenname\n",
        "bounce",
        &["screenname@portal.example"],
    ),
    (
        "a telephone company that answers the message",
        "From: post_master@phone.example\nSubject: Re:Offer\nIn-Reply-To: <1@shop.example>\n\nError: Invalid user address\n\nError message below:\n550 - Requested action not taken: no such user here\n\nMessage details:\n  Subject: Offer\n  MAIL FROM: news@shop.example\n  RCPT TO: 5550100@phone.example\n  From: news@shop.example\n",
        "bounce",
        &["5550100@phone.example"],
    ),
    (
        "a source route, and the type of a part with a stray sign",
        "From: <>\nSubject: Offer\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain;\n\nYour message could not be sent.\nAddressed To: ann@example.net\n\n--b\nContent-Type: message/delivery-status;\n\n\nAction: failed\nFinal-Recipient: rfc822;@relay.example:ann@inner.example\nOriginal-Recipient: rfc822;ann@example.net\nDiagnostic-Code: smtp; 550 no such user\nStatus: 5.0.0\n\n--b--\n",
        "bounce",
        &["ann@inner.example"],
    ),
    (
        "an absence note under the empty return path",
        "From: Ann <ann@example.net>\nReturn-Path: <>\nPrecedence: bulk\nSubject: Thank you for your message\n\nI answer next week.\n",
        "auto_reply",
        &[],
    ),
    (
        "a person's answer that quotes a bounce",
        "From: Ann <ann@example.net>\nSubject: Re: Undeliverable: Offer\nIn-Reply-To: <1@shop.example>\n\nSee below. My other address works.\n\n> Your message could not be delivered to\n> bob@example.net\n",
        "other",
        &[],
    ),
    (
        "a newsletter about delivery",
        "From: Parcel Post <news@parcel.example>\nSubject: Your parcel\n\nYour parcel for ann@example.net was delivered to the neighbour.\n",
        "other",
        &[],
    ),
];

#[test]
fn a_failure_is_found_in_whatever_manner_it_is_told() {
    let mut faults = Vec::new();
    for (manner, message, expected, recipients) in MANNERS {
        let (kind, notice) = kind(&dsn::read_message(message.as_bytes()));
        let found: Vec<&str> = notice
            .recipients
            .iter()
            .filter_map(|recipient| recipient.final_recipient.as_deref())
            .collect();
        if kind != *expected || found != *recipients {
            faults.push(format!("{manner}: {kind} {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_complaint_names_who_complained() {
    let (_, bytes, _) = fixtures()
        .into_iter()
        .find(|(name, ..)| name == "complaint-arf")
        .unwrap();
    let Message::Complaint(complaint) = dsn::read_message(&bytes) else {
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
    let message = dsn::read_message(bytes);
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
        (0..50_000)
            .map(|index| format!(
                "Final-Recipient: rfc822; x{index}@example.net\nAction: failed\n\n"
            ))
            .collect::<String>()
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
    assert_eq!(dsn::read_message(&bytes), Message::Other);
}

#[test]
fn a_cut_bounce_is_read_as_far_as_it_goes() {
    for (name, bytes, _) in fixtures() {
        for cut in (0..bytes.len()).step_by(97) {
            let _ = dsn::read_message(&bytes[..cut]);
        }
        assert!(!bytes.is_empty(), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = dsn::read_message(&bytes);
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,300}") {
        let _ = dsn::read_text(&text);
    }

    #[test]
    fn a_damaged_bounce_is_read(index in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static FIXTURES: LazyLock<Vec<(String, Vec<u8>, Value)>> = LazyLock::new(fixtures);
        let fixtures = &*FIXTURES;
        let (_, mut bytes, _) = fixtures[index.index(fixtures.len())].clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = dsn::read_message(&bytes);
    }
}
