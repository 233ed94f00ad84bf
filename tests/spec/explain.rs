//! What `presend explain` says, to people as well as to programs.

use presend::bounce::explain::{self, Explanation, Hints, Knowledge, json, render};
use presend::cli::explain::{ExplainArgs, Screen, run};
use presend::model::provider::Providers;
use presend::model::reason::Reason;
use presend::smtp::rules::Book;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bounce::{assert_states, fixtures};

/// The program's own knowledge.
struct Known {
    book: Book,
    providers: Providers,
}

impl Known {
    fn built_in() -> Self {
        Known {
            book: Book::built_in(),
            providers: Providers::built_in(),
        }
    }

    fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            book: &self.book,
            providers: &self.providers,
        }
    }

    fn reply(&self, text: &str) -> Explanation {
        explain::explain_text(text, Hints::default(), self.knowledge())
    }
}

fn object(explanation: &Explanation) -> Value {
    serde_json::from_str(&json::to_string(explanation).unwrap()).unwrap()
}

#[test]
fn every_bounce_tells_where_it_was_refused() {
    let known = Known::built_in();
    let mut faults = Vec::new();
    for (name, bytes, mut expected) in fixtures() {
        let found = object(&explain::explain(
            &bytes,
            Hints::default(),
            known.knowledge(),
        ));
        let keys = ["reporting_mta", "remote_mta", "rejected_by"];
        expected
            .as_object_mut()
            .unwrap()
            .retain(|key, _| keys.contains(&key.as_str()));
        assert_states(&name, &expected, &found, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Real notices that do not say what had happened: "retry timeout exceeded" may be silence, a hang-up or DNS, and
/// "Unrouteable address" a domain or a mailbox.
const UNTOLD: [&str; 9] = [
    "courier-null-mx",
    "exim-dns-servfail",
    "exim-hung-up",
    "exim-local-unknown",
    "exim-no-mail-host",
    "exim-silent",
    "opensmtpd-null-mx-warning",
    "postfix-nxdomain",
    "sendmail-silent",
];

#[test]
fn every_bounce_is_explained() {
    let known = Known::built_in();
    let mut faults = Vec::new();
    for (name, bytes, expected) in fixtures() {
        let found = object(&explain::explain(
            &bytes,
            Hints::default(),
            known.knowledge(),
        ));
        if !expected["address_action"].is_null() {
            assert_states(
                &name,
                &json!({ "address_action": expected["address_action"] }),
                &found,
                &mut faults,
            );
        }
        let wanted = expected["recipients"].as_array().unwrap();
        for (wanted, found) in wanted.iter().zip(found["recipients"].as_array().unwrap()) {
            let mut wanted = wanted.clone();
            // Where a refusal has several right names, the fixture leaves the reason open.
            let open = wanted["reason"].is_null() || UNTOLD.contains(&name.as_str());
            let keys = ["final", "original", "action", "status", "reason"];
            wanted
                .as_object_mut()
                .unwrap()
                .retain(|key, _| keys.contains(&key.as_str()) && !(open && key == "reason"));
            assert_states(&name, &wanted, found, &mut faults);
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// A reply, the reasons and actions that the table allows, words that the advice must contain.
type Line = (
    &'static str,
    &'static [Reason],
    &'static [&'static str],
    &'static [&'static str],
);

#[test]
fn the_codes_that_senders_meet_most_mean_what_the_table_says() {
    let table: &[Line] = &[
        (
            "550 5.1.1 The email account that you tried to reach does not exist",
            &[Reason::NoSuchMailbox],
            &["remove"],
            &["Verify"],
        ),
        (
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
            &[Reason::MailboxBusy],
            &["retry"],
            &["slowly"],
        ),
        (
            "550 5.2.1 The email account that you tried to reach is disabled",
            &[Reason::MailboxDisabled],
            &["remove"],
            &[],
        ),
        (
            "550 5.4.1 Recipient address rejected",
            &[
                Reason::NoSuchMailbox,
                Reason::DomainNotServed,
                Reason::Unread,
                Reason::NotAccepting,
                Reason::NoMailHost,
            ],
            &["review"],
            &["MX"],
        ),
        (
            "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
            &[Reason::NoSuchMailbox],
            &["remove"],
            &[],
        ),
        (
            "550 5.7.1 Message rejected",
            &[Reason::SenderRefused, Reason::SenderBlocked],
            &["keep"],
            &["reputation"],
        ),
        (
            "550 5.7.26 Your email has been blocked because the sender is unauthenticated",
            &[Reason::SenderUnauthenticated],
            &["keep"],
            &["SPF", "DKIM", "DMARC", "v=spf1"],
        ),
        (
            "550 5.7.350 suspected spam / policy filtering",
            &[Reason::SenderBlocked, Reason::SenderRefused],
            &["keep"],
            &["Warm"],
        ),
        (
            "550 Permanent failure for one or more recipients (ann@example.net:blocked)",
            &[Reason::SenderBlocked, Reason::SenderRefused],
            &["keep"],
            &["blocklist"],
        ),
    ];
    let known = Known::built_in();
    let mut faults = Vec::new();
    for (text, reasons, actions, advice) in table {
        let explanation = known.reply(text);
        let first = &explanation.readings[0].reading;
        if !reasons.contains(&first.reason) || !first.permanent {
            faults.push(format!("{text}: {first:?}"));
        }
        if !actions.contains(&explanation.address_action.as_str()) {
            faults.push(format!("{text}: {}", explanation.address_action.as_str()));
        }
        for word in *advice {
            if !explanation
                .sender_action
                .iter()
                .any(|piece| piece.contains(word))
            {
                faults.push(format!(
                    "{text}: no `{word}` in {:?}",
                    explanation.sender_action
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_gateway_is_known_by_its_words_where_no_host_is_named() {
    let explanation = Known::built_in()
        .reply("550 Permanent failure for one or more recipients (ann@example.net:blocked)");
    assert_eq!(explanation.rejected_by.as_str(), "gateway");
}

#[test]
fn a_reply_is_read_the_same_however_it_is_pasted() {
    let known = Known::built_in();
    let plain = known.reply("550 5.1.1 no such user here");
    for pasted in [
        "smtp;550 5.1.1 no such user here",
        "smtp; 550 5.1.1 no such user here",
        "Remote Server returned '550 5.1.1 no such user here'",
        "<<< 550 5.1.1 no such user here",
        "550-5.1.1 no such\n550 5.1.1 user here",
        "host mx1.example.net[192.0.2.10] said: 550 5.1.1 no such user here (in reply to RCPT TO command)",
    ] {
        let explanation = known.reply(pasted);
        assert_eq!(
            explanation.readings[0].reading.reason, plain.readings[0].reading.reason,
            "{pasted}"
        );
        assert_eq!(explanation.address_action, plain.address_action, "{pasted}");
    }
}

#[test]
fn a_bounce_body_without_its_header_is_still_a_bounce() {
    let text = "This is the mail system at host out.shop.example.\n\n<ann@example.net>: host mx1.example.net[192.0.2.10] said: \
                550 5.1.1 no such user (in reply to RCPT TO command)\n";
    let found = object(&Known::built_in().reply(text));
    assert_eq!(found["recipients"][0]["final"], "ann@example.net");
    assert_eq!(found["reporting_mta"], "out.shop.example");
    assert_eq!(found["remote_mta"], "mx1.example.net");
}

#[test]
fn codes_alone_are_explained() {
    let known = Known::built_in();
    for (code, permanent) in [
        ("550", true),
        ("5.1.1", true),
        ("550 5.1.1", true),
        ("421", false),
        ("4.2.2", false),
    ] {
        let explanation = known.reply(code);
        assert_eq!(
            explanation.readings[0].reading.permanent, permanent,
            "{code}"
        );
    }
    assert_eq!(known.reply("550").address_action.as_str(), "review");
    assert!(known.reply("").readings.is_empty());
}

#[test]
fn the_object_has_the_fields_of_the_contract_in_their_order() {
    let known = Known::built_in();
    let text = json::to_string(&known.reply("550 5.1.1 no such user")).unwrap();
    let keys = [
        "kind",
        "readings",
        "address_action",
        "sender_action",
        "rejected_by",
        "reporting_mta",
        "remote_mta",
        "recipients",
    ];
    let places: Vec<usize> = keys
        .iter()
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found.as_object().unwrap().len(), keys.len());
    let reading: Vec<&String> = found["readings"][0].as_object().unwrap().keys().collect();
    assert_eq!(reading, ["blame", "permanent", "reason", "rule", "why"]);
    assert!(found["reporting_mta"].is_null() && found["recipients"].as_array().unwrap().is_empty());
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_command() {
    let known = Known::built_in();
    let hostile = "550 5.1.1 \u{1b}]0;owned\u{7}\u{1b}[2Jno such\u{202e} user\u{9b}31m";
    let message = format!(
        "From: MAILER-DAEMON@a.example\nTo: b@shop.example\n\nundeliverable message\n<c@example.net>: {hostile}\n"
    );
    for explanation in [
        known.reply(hostile),
        explain::explain(message.as_bytes(), Hints::default(), known.knowledge()),
    ] {
        let shown = render::render(&explanation, 80, render::Style::Plain);
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
        assert!(
            !shown.contains('\u{202e}') && shown.contains("no such"),
            "{shown:?}"
        );
    }
}

#[test]
fn what_people_see_fits_their_terminal() {
    let known = Known::built_in();
    for (name, bytes, _) in fixtures() {
        let explanation = explain::explain(&bytes, Hints::default(), known.knowledge());
        for width in [40, 80] {
            let shown = render::render(&explanation, width, render::Style::Plain);
            assert!(
                shown.lines().all(|line| line.chars().count() <= width),
                "{name}:\n{shown}"
            );
            assert!(shown.contains("The address"), "{name}");
        }
    }
}

/// Arguments as typed.
fn typed(words: &[&str]) -> ExplainArgs {
    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        args: ExplainArgs,
    }
    <Program as clap::Parser>::parse_from([&["explain"], words].concat()).args
}

fn output(words: &[&str]) -> anyhow::Result<String> {
    let mut out = Vec::new();
    run(
        &typed(words),
        Screen {
            width: 80,
            style: render::Style::Plain,
        },
        &mut out,
    )?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn an_existing_path_is_a_file_unless_text_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("550");
    std::fs::write(&path, "421 4.3.2 busy").unwrap();
    let path = path.to_str().unwrap();
    assert!(output(&[path]).unwrap().contains("421"));
    assert!(!output(&["--text", path]).unwrap().contains("421"));
    assert!(
        output(&["550", "5.1.1", "no such user"])
            .unwrap()
            .contains("550 5.1.1 no such user")
    );
}

#[test]
fn lines_in_are_objects_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replies.txt");
    std::fs::write(&path, "550 5.1.1 no such user\nrcpt to\t550-5.1.1 no\\n550 5.1.1 such user\n\nDATA\t554 5.7.1 spam\n").unwrap();
    let out = output(&["--lines", path.to_str().unwrap()]).unwrap();
    let objects: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 4);
    assert!(objects.iter().all(|object| object["readings"].is_array()));

    std::fs::write(&path, "550 no\nlunch\t550 no\n").unwrap();
    let error = format!(
        "{:#}",
        output(&["--lines", path.to_str().unwrap()]).unwrap_err()
    );
    assert!(
        error.contains("line 2") && error.contains("lunch") && error.contains("rcpt"),
        "{error}"
    );
}

#[test]
fn what_the_operator_got_wrong_is_named() {
    let error = format!(
        "{:#}",
        output(&["--provider", "nobody", "550"]).unwrap_err()
    );
    assert!(error.contains("nobody"), "{error}");
    let error = format!(
        "{:#}",
        output(&["--rules", "/no/such/file.toml", "550"]).unwrap_err()
    );
    assert!(error.contains("/no/such/file.toml"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_explained(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let known = Known::built_in();
        let explanation = explain::explain(&bytes, Hints::default(), known.knowledge());
        let shown = render::render(&explanation, 60, render::Style::Plain);
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    }
}
