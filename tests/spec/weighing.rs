//! What bounces, events and exports come to: nobody is thrown away by what says nothing against them, and the dead are found.
//!
//! Every case goes through `bounces` as people run it on a file, those that are messages through `explain` as well: both must
//! say the same, for both show what `weigh` decides.

use std::fs;

use presend::bounce::explain::{self, AddressAction, Hints, Knowledge};
use presend::bounce::import::{Happening, Kind, Platforms, Season, SourceError, visit};
use presend::input::list::Options;
use presend::model::provider::Providers;
use presend::smtp::rules::Book;

use crate::bounce::fixtures;

/// What one happening must be.
struct Wanted {
    kind: Kind,
    who: Option<&'static str>,
    /// Names of reasons of which one is right; `-` for none.
    reasons: &'static [&'static str],
    fate: Fate,
}

/// What becomes of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is not written to again.
    Suppressed,
    /// It stays.
    Stays,
}

use Fate::{Stays, Suppressed};

fn wanted(kind: Kind, who: &'static str, reasons: &'static [&'static str], fate: Fate) -> Wanted {
    Wanted {
        kind,
        who: (who != "-").then_some(who),
        reasons,
        fate,
    }
}

fn happenings(name: &str, bytes: &[u8]) -> Result<Vec<Happening>, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let (platforms, book, providers) = (
        Platforms::built_in(),
        Book::built_in(),
        Providers::built_in(),
    );
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    let mut season = Season::new();
    let mut all = Vec::new();
    visit::<SourceError>(&path, &Options::default(), &mut |piece| {
        all.extend(season.take(piece, &platforms, knowledge));
        Ok(())
    })?;
    Ok(all)
}

/// Checks one source; what is wrong goes to `faults`.
fn check(name: &str, file: &str, content: &str, all: &[Wanted], faults: &mut Vec<String>) {
    let found = match happenings(file, content.as_bytes()) {
        Ok(found) => found,
        Err(error) => {
            faults.push(format!("{name}: {error}"));
            return;
        }
    };
    let told: Vec<String> = found
        .iter()
        .map(|one| {
            format!(
                "{} {:?} {:?} suppressed: {} ({})",
                one.kind.as_str(),
                one.final_recipient,
                one.reason,
                one.suppresses(),
                one.because
            )
        })
        .collect();
    let fits = |one: &Happening, wanted: &Wanted| {
        one.kind == wanted.kind
            && one.final_recipient.as_deref() == wanted.who
            && wanted.reasons.contains(
                &one.reason
                    .map_or("-", presend::model::reason::Reason::as_str),
            )
            && one.suppresses() == (wanted.fate == Suppressed)
    };
    let right =
        found.len() == all.len() && found.iter().zip(all).all(|(one, wanted)| fits(one, wanted));
    if !right {
        faults.push(format!("{name}:\n    {}", told.join("\n    ")));
    }
}

/// A report with one recipient, after the format of Postfix.
fn report(fields: &str) -> String {
    told_and_reported("The message could not be passed on.", fields)
}

/// A report with words before it.
fn told_and_reported(words: &str, fields: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@out.shop.example (Mail Delivery System)\nTo: news@shop.example\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Mon, 2 Mar 2026 06:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"cut\"\n\n--cut\nContent-Type: text/plain\n\n\
         {words}\n\n--cut\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; out.shop.example\n\n{fields}\n\n\
         --cut\nContent-Type: message/rfc822\n\nFrom: Shop <news@shop.example>\nTo: rosa@garden.example\nSubject: Seeds\n\
         Message-ID: <seeds@shop.example>\n\nHello\n\n--cut--\n"
    )
}

/// A notice in words alone.
fn words(from: &str, subject: &str, text: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: {from}\nTo: news@shop.example\nSubject: {subject}\nDate: Mon, 2 Mar 2026 06:00:00 +0000\n\n{text}\n"
    )
}

const ROSA: &str = "rosa@garden.example";

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn messages_blame_whom_they_speak_of() {
    use Kind::{Bounce, Complaint, Other};
    let dead = &["no_such_mailbox"][..];
    let cases: Vec<(&str, String, Vec<Wanted>)> = vec![
        (
            "locked for now under a permanent code",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.2.1\nDiagnostic-Code: smtp; 550 5.2.1 This account is temporarily locked, try again later"),
            vec![wanted(Bounce, ROSA, &["mailbox_disabled", "mailbox_busy", "try_later"], Stays)],
        ),
        (
            "a provider that says unknown to senders it filters",
            report("Final-Recipient: rfc822; haru@docomo.ne.jp\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mfsmax.docomo.ne.jp\nDiagnostic-Code: smtp; 550 Unknown user haru@docomo.ne.jp"),
            vec![wanted(Bounce, "haru@docomo.ne.jp", dead, Stays)],
        ),
        (
            "the same at another such provider",
            report("Final-Recipient: rfc822; haru@ezweb.ne.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 <haru@ezweb.ne.jp>: User unknown"),
            vec![wanted(Bounce, "haru@ezweb.ne.jp", dead, Stays)],
        ),
        (
            "the sender's own domain is what does not exist",
            words("Mail Delivery System <mailer-daemon@out.shop.example>", "Mail delivery failed: returning message to sender",
                "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered. The following address(es) failed:\n\n  rosa@garden.example\n    host mx.garden.example [192.0.2.4]\n    SMTP error from remote mail server after end of data:\n    550 shop.example is an unknown domain\n\n------ This is a copy of the message, including all the headers. ------\n\nFrom: news@shop.example\nTo: rosa@garden.example\n"),
            vec![wanted(Bounce, ROSA, &["sender_refused", "sender_unauthenticated", "unread"], Stays)],
        ),
        (
            "a field of the message is malformed, not the person",
            words("Mail Delivery System <mailer-daemon@out.shop.example>", "Mail failure - malformed recipient address",
                "A message that you sent contained one or more recipient addresses that were\nincorrectly constructed:\n\n  rosa@garden.example <rosa@garden.example>: malformed address: <rosa@garden.example> may not follow rosa@garden.example\n"),
            vec![wanted(Bounce, ROSA, &["sender_refused"], Stays)],
        ),
        (
            "a status derived from a bare 550",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.garden.example\nDiagnostic-Code: smtp; 550 your machine sits in the penalty box"),
            vec![wanted(Bounce, ROSA, &["unread", "sender_refused", "sender_blocked"], Stays)],
        ),
        (
            "a status derived from a bare 553",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.1.3\nDiagnostic-Code: smtp; 553 see www.garden.example/why"),
            vec![wanted(Bounce, ROSA, &["unread"], Stays)],
        ),
        (
            "a null MX under a temporary status",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 4.0.0\nDiagnostic-Code: smtp; DNS Error: DNS type 'mx' lookup of garden.example responded with code NOERROR; the domain returned Null MX"),
            vec![wanted(Bounce, ROSA, &["null_mx"], Suppressed)],
        ),
        (
            "an illegal host in the status's comment and the words",
            told_and_reported("Your message cannot be delivered to the following recipients:\n\n  Recipient address: rosa@garden.example\n  Reason: Illegal host/domain name found",
                "Original-Recipient: rfc822;rosa@garden.example\nFinal-Recipient: rfc822;rosa@garden.example\nAction: failed\nStatus: 5.4.4 (Illegal host/domain name found)"),
            vec![wanted(Bounce, ROSA, &["no_such_domain"], Suppressed)],
        ),
        (
            "a domain that cannot be reached",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.5.0\nDiagnostic-Code: smtp;554 Not delivered because the domain is not reachable; please check the domain"),
            vec![wanted(Bounce, ROSA, &["no_mail_host", "no_such_domain", "unreachable"], Stays)],
        ),
        (
            "the program that delivers knows no such user",
            told_and_reported("   ----- The following addresses had permanent fatal errors -----\n<rosa@garden.example>\n\n   ----- Transcript of session follows -----\nmail.local: unknown user: rosa\n554 <rosa@garden.example>... Service unavailable",
                "Final-Recipient: RFC822; rosa@garden.example\nAction: failed\nStatus: 5.5.0"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "the cause above the person",
            words("POSTMASTER@gate.garden.example", "Undeliverable message", "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nrosa@garden.example\n\n------- Returned Message --------\nReceived: from out.shop.example\nFrom: news@shop.example\n"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a heading that says it of those below",
            words("MAILER-DAEMON@relay.example", "Returned mail", "These recipients do not exist here:\n\n<rosa@garden.example>\n"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "the sentence after the one with the person",
            words("Postmaster@garden.example", "Mail System Error - Returned Mail", "This is the little mail agent at out.shop.example.\n\nThere was an error delivering your mail to <rosa@garden.example>.\n\nThat user is unknown here.\n\nMessage headers follow.\n\nSubject: Seeds\n"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a reason and a label around the person",
            words("postmaster@garden.example", "email bounce notification", "Your message was rejected and discarded.\n\nreject reason: Mailbox full\ntarget mail address: rosa@garden.example\n\n-----------\nbounced E-Mail:\n\nFrom: news@shop.example\n"),
            vec![wanted(Bounce, ROSA, &["mailbox_full"], Stays)],
        ),
        (
            "a refusal in what calls itself an automatic reply",
            words("mailer-daemon", "There was an error sending your mail\nAuto-Submitted: auto-replied", "We had trouble with your message.\n\nSMTP server <mx.garden.example> rejected recipient <rosa@garden.example>. It said: [550 5.1.1 No such user]\n"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a type of address with a slash",
            report("Diagnostic-Code: smtp;550 5.1.1 <rosa@garden.example>: no such user\nOriginal-Recipient: rfc/822;rosa@garden.example\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc/822;rosa@garden.example"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a quoted local part with a blank",
            report("Final-Recipient: rfc822; \"rosa l\"@garden.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user"),
            vec![wanted(Bounce, "\"rosa l\"@garden.example", dead, Suppressed)],
        ),
        (
            "several persons, a line each",
            words("mailer-daemon@mail.relay.example", "Undelivered Mail Returned to Sender", "A message that you sent could not be delivered to one or more of its recipients.\n\nrosa@garden.example Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 no such user\nudo@meadow.example Invalid Address, ERROR_CODE :550, ERROR_CODE :5.2.2 Mailbox full\n\n\nReceived: from relay.example\nFrom: news@shop.example\n"),
            vec![wanted(Bounce, ROSA, dead, Suppressed), wanted(Bounce, "udo@meadow.example", &["mailbox_full"], Stays)],
        ),
        (
            "several persons in a transcript",
            words("MAILER-DAEMON@relay.example", "Returned mail", "   ----- Transcript of session follows -----\nWhile talking to mx.garden.example:\n>>> DATA\n<<< 421 mx.garden.example closing\n554 <rosa@garden.example>... Remote protocol error\n554 <udo@meadow.example>... 550 Host unknown\n\n   ----- Unsent message follows -----\nFrom: news@shop.example\n"),
            vec![wanted(Bounce, ROSA, &["sender_refused", "protocol_fault", "host_busy", "unread"], Stays), wanted(Bounce, "udo@meadow.example", &["no_such_domain"], Suppressed)],
        ),
        (
            "help that names a fault beside another fault",
            told_and_reported("About errors of the type 5.2.2: if it says user unknown, the address is wrong.", "Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: X-Relay; no room for rosa"),
            vec![wanted(Bounce, ROSA, &["mailbox_full"], Stays)],
        ),
        (
            "help that speaks of policy beside a missing domain",
            told_and_reported("About errors of the type 5.4.4. Our privacy policy.", "Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.4.4\nDiagnostic-Code: X-Relay; Host or domain name not found"),
            vec![wanted(Bounce, ROSA, &["no_such_domain"], Suppressed)],
        ),
        (
            "a session told to the postmaster",
            words("MAILER-DAEMON@out.shop.example (Mail Delivery System)", "Postfix SMTP server: errors from unknown[192.0.2.7]", "Transcript of session follows.\n\n Out: 220 out.shop.example ESMTP Postfix\n In:  EHLO visitor.example\n Out: 250 out.shop.example\n In:  MAIL FROM:<kai@visitor.example>\n Out: 250 2.1.0 Ok\n In:  RCPT TO:<nobody@shop.example>\n Out: 550 5.1.1 <nobody@shop.example>: Recipient address rejected: User unknown\n In:  QUIT\n Out: 221 2.0.0 Bye\n"),
            vec![wanted(Other, "-", &["-"], Stays)],
        ),
        (
            "addresses of a help text are nobody's",
            words("MAILER-DAEMON@mx.college.example", "Returned mail - name server error report", " --------Message not delivered to the following:\n\n rosa    No matches to nameserver query\n\n --------Error Detail\n\n Ask ``finger NAME@directory.college.example'' for the right name; if some.body@college.example\n fails, try NAME@cs.college.example.\n"),
            vec![wanted(Bounce, "-", &["-", "unread"], Stays)],
        ),
        (
            "an exit code is no reply",
            report("Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Unix; 200"),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a refusal behind a greeting",
            report("Final-Recipient: rfc822; rosa@laposte.net\nAction: failed\nStatus: 4.2.1\nRemote-MTA: dns; smtp.laposte.net\nDiagnostic-Code: smtp; 220-laposte 421 4.2.1 Service refuse, essayez plus tard"),
            vec![wanted(Bounce, "rosa@laposte.net", &["try_later", "host_busy", "mailbox_busy", "rate_limited"], Stays)],
        ),
        (
            "a message that is not well formed",
            report("Final-Recipient: rfc822; rosa@gmail.com\nAction: failed\nStatus: 5.7.1\nRemote-MTA: dns; gmail-smtp-in.l.google.com\nDiagnostic-Code: smtp; 550-5.7.1 There are multiple Subject headers; this message is not RFC 5322\n    compliant and has been blocked. 550 5.7.1 p=RfcMessageNonCompliant a1-2 - gsmtp"),
            vec![wanted(Bounce, "rosa@gmail.com", &["sender_refused"], Stays)],
        ),
        (
            "given up after days",
            words("MAILER-DAEMON <>", "Mail delivery failed", "This is the mail agent at out.shop.example.\n\nThere was an error delivering your mail to <rosa@garden.example>.\n\nCould not deliver for the last 432000 seconds. Giving up.\n\nMessage headers follow.\n\nSubject: Seeds\n"),
            vec![wanted(Bounce, ROSA, &["expired"], Stays)],
        ),
        (
            "a group that is not there, or not open",
            told_and_reported("Hello news@shop.example,\n\nThe group you tried to contact (choir) may not exist, or you may not have permission to post messages to it.",
                "Final-Recipient: rfc822; choir@groups.example\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; Hello news@shop.example,"),
            vec![wanted(Bounce, "choir@groups.example", &["unread"], Stays)],
        ),
        (
            "feedback that is no complaint",
            "Return-Path: <>\nFrom: <reports@inbox.example>\nTo: fbl@shop.example\nSubject: FW: Seeds\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=\"feedback-report\"; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nA report.\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: not-spam\nUser-Agent: x/1\nVersion: 1\nOriginal-Rcpt-To: <rosa@garden.example>\n\n--b--\n".to_owned(),
            vec![wanted(Other, ROSA, &["-"], Stays)],
        ),
        (
            "a complaint whose person stands in a field of the message, the report's own being masked",
            "From: fbl@inbox.example\nTo: fbl@shop.example\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nA report.\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nOriginal-Rcpt-To: redacted@inbox.example\n\n--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: rosa@hotmail.com\nFrom: news@shop.example\nTo: undisclosed-recipients:;\nSubject: Seeds\n\nHello\n--b--\n".to_owned(),
            vec![wanted(Complaint, "rosa@hotmail.com", &["-"], Suppressed)],
        ),
        (
            "a complaint that is the message alone",
            "From: staff@hotmail.com\nTo: fbl@shop.example\nSubject: complaint about message from 192.0.2.9\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=j\n\n--j\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: rosa@hotmail.com\nFrom: news@shop.example\nTo: rosa@hotmail.com\nSubject: Seeds\n\nHello\n\n--j--\n".to_owned(),
            vec![wanted(Complaint, "rosa@hotmail.com", &["-"], Suppressed)],
        ),
        (
            "an event that came by e-mail",
            "Return-Path: <0101@eu-west-1.amazonses.com>\nFrom: Bounces <no-reply@sns.amazonaws.com>\nTo: bounces@shop.example\nSubject: AWS Notification Message\nDate: Mon, 2 Mar 2026 06:00:00 +0000\n\n{\"notificationType\": \"Bounce\", \"bounce\": {\"bounceType\": \"Permanent\", \"bounceSubType\": \"General\", \"bouncedRecipients\": [{\"emailAddress\": \"rosa@garden.example\", \"status\": \"5.1.1\", \"diagnosticCode\": \"smtp; 550 5.1.1 user unknown\"}]}, \"mail\": {\"source\": \"news@shop.example\"}}\n\n--\nTo stop these notices visit https://sns.example/unsubscribe\n".to_owned(),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
    ];
    let mut faults = Vec::new();
    for (name, message, all) in &cases {
        check(name, "case.eml", message, all, &mut faults);
        disagreement(name, message.as_bytes(), &mut faults);
        // However the lines end, and whatever stands before the header, it is the same message.
        let header_first = message.trim_start();
        for (form, bytes) in [
            ("empty lines first", format!("\n\n{header_first}")),
            ("carriage returns", header_first.replace('\n', "\r\n")),
            ("mixed line ends", header_first.replacen('\n', "\r\n", 5)),
            (
                "an mbox line first",
                format!("From MAILER-DAEMON Mon Mar  2 06:00:00 2026\n{header_first}"),
            ),
            (
                "an escaped mbox line first",
                format!(">From MAILER-DAEMON Mon Mar  2 06:00:00 2026\n{header_first}"),
            ),
        ] {
            check(
                &format!("{name}, {form}"),
                "case.eml",
                &bytes,
                all,
                &mut faults,
            );
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
fn a_report_that_a_gateway_wrapped_is_read_inside() {
    let inner = report(
        "Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown",
    );
    let outer = format!(
        "Return-Path: <>\nFrom: postmaster@gate.garden.example\nTo: bounces@shop.example\nSubject: Delivery Status Notification (Failure)\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"out\"\n\n--out\nContent-Type: message/rfc822\n\n{inner}\n--out\n\
         Content-Type: text/plain\n\nThis message is confidential.\n--out--\n"
    );
    let mut faults = Vec::new();
    let all = [wanted(Kind::Bounce, ROSA, &["no_such_mailbox"], Suppressed)];
    check("wrapped", "case.eml", &outer, &all, &mut faults);
    disagreement("wrapped", outer.as_bytes(), &mut faults);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn platforms_say_what_their_documentation_says() {
    use Kind::{Bounce, Complaint, Delayed, Delivered, Other, Unsubscribed};
    let known = Kind::Suppressed;
    let dead = &["no_such_mailbox"][..];
    let none = &["-"][..];
    let refused = &["sender_refused", "sender_blocked"][..];
    let cases: Vec<(&str, &str, &str, Vec<Wanted>)> = vec![
        (
            "Mailgun gave up",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"old","recipient":"rosa@garden.example","delivery-status":{"code":602,"message":"Too old"}}"#,
            vec![wanted(Bounce, ROSA, &["expired"], Stays)],
        ),
        (
            "Mailgun knows an unsubscription",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"suppress-unsubscribe","recipient":"rosa@garden.example","delivery-status":{"code":606,"description":"Not delivering to unsubscribed address"}}"#,
            vec![wanted(Unsubscribed, ROSA, none, Stays)],
        ),
        (
            "Mailgun knows a bounce",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"suppress-bounce","recipient":"rosa@garden.example","delivery-status":{"code":605,"description":"Not delivering to previously bounced address"}}"#,
            vec![wanted(known, ROSA, &["suppressed"], Suppressed)],
        ),
        (
            "Mailgun found no mail host",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"generic","recipient":"rosa@garden.example","delivery-status":{"code":498,"message":"No MX for garden.example"}}"#,
            vec![wanted(Bounce, ROSA, &["no_mail_host"], Suppressed)],
        ),
        (
            "Mailgun calls a policy permanent",
            "e.json",
            r#"[{"event":"failed","severity":"permanent","reason":"bounce","recipient":"rosa@orange.fr","delivery-status":{"code":550,"message":"5.2.0 Mail rejete. Mail rejected. ofr_506 [506]"}},{"event":"failed","severity":"permanent","reason":"bounce","recipient":"udo@orange.fr","delivery-status":{"code":554,"message":"5.7.1 Rejected"}}]"#,
            vec![
                wanted(Bounce, "rosa@orange.fr", refused, Stays),
                wanted(Bounce, "udo@orange.fr", refused, Stays),
            ],
        ),
        (
            "Mailgun with the host's words",
            "e.json",
            r#"{"event":"failed","severity":"permanent","reason":"bounce","recipient":"rosa@garden.example","delivery-status":{"code":550,"message":"5.1.1 The account does not exist"}}"#,
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "Mandrill takes an address off its list",
            "e.json",
            r#"[{"type":"blacklist","action":"remove","reject":{"reason":"hard-bounce","email":"rosa@garden.example"}}]"#,
            vec![wanted(Other, "-", none, Stays)],
        ),
        (
            "Mandrill puts addresses on its list",
            "e.json",
            r#"[{"type":"blacklist","action":"add","reject":{"reason":"hard-bounce","email":"rosa@garden.example"}},{"type":"blacklist","action":"add","reject":{"reason":"custom","email":"udo@garden.example"}},{"type":"blacklist","action":"add","reject":{"reason":"unsub","email":"ida@garden.example"}}]"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Other, "udo@garden.example", none, Stays),
                wanted(Unsubscribed, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SES knows the address",
            "e.jsonl",
            r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList","bouncedRecipients":[{"emailAddress":"rosa@garden.example","action":"failed","status":"5.1.1","diagnosticCode":"Amazon SES did not send the message to this address because it is on the suppression list for your account."}]},"mail":{"source":"news@shop.example"}}"#,
            vec![wanted(known, ROSA, &["suppressed"], Suppressed)],
        ),
        (
            "SES passes on that it is no spam",
            "e.jsonl",
            r#"{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"not-spam","complainedRecipients":[{"emailAddress":"rosa@garden.example"}]},"mail":{}}"#,
            vec![wanted(Other, ROSA, none, Stays)],
        ),
        (
            "SES with a name around the address",
            "e.jsonl",
            r#"{"notificationType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"\"Rosa L.\" <rosa@garden.example>","status":"5.2.2","diagnosticCode":"smtp; 552 5.2.2 over quota"}]},"mail":{}}"#,
            vec![wanted(Bounce, ROSA, &["mailbox_full"], Stays)],
        ),
        (
            "the suppression list of SES",
            "e.json",
            r#"{"SuppressedDestinationSummaries":[{"EmailAddress":"rosa@garden.example","Reason":"BOUNCE","LastUpdateTime":"2026-02-03T09:10:00+00:00"},{"EmailAddress":"udo@garden.example","Reason":"COMPLAINT","LastUpdateTime":"2026-02-03T09:10:00+00:00"}],"NextToken":"x"}"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Complaint, "udo@garden.example", none, Suppressed),
            ],
        ),
        (
            "SendGrid dropped what bounced, and what not",
            "e.json",
            r#"[{"email":"rosa@garden.example","event":"dropped","reason":"Bounced Address"},{"email":"udo@garden.example","event":"dropped","reason":"Unsubscribed Address"},{"email":"ida@garden.example","event":"dropped","reason":"Recipient List over Package Quota"}]"#,
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(Other, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SendGrid says that a domain has no mail",
            "b.csv",
            "status,reason,email,created\n,unable to get mx info: failed to get IPs from PTR record: lookup <nil>: unrecognized address,rosa@garden.example,1772529002\n,Mail domain mentioned in email address has no mail servers,udo@meadow.example,1772529005\n",
            vec![
                wanted(Bounce, ROSA, &["no_mail_host", "null_mx"], Suppressed),
                wanted(
                    Bounce,
                    "udo@meadow.example",
                    &["no_mail_host", "null_mx"],
                    Suppressed,
                ),
            ],
        ),
        (
            "Postmark knows the address",
            "e.json",
            r#"[{"ErrorCode":406,"Message":"You tried to send to a recipient that has been marked as inactive.","To":"rosa@garden.example"},{"RecordType":"Bounce","Type":"SpamNotification","TypeCode":512,"Email":"udo@garden.example","Description":"The message was delivered, but was either blocked by the user, or classified as spam"},{"RecordType":"Bounce","Type":"ManuallyDeactivated","TypeCode":1000,"Email":"ida@garden.example"}]"#,
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(Other, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SparkPost's classes",
            "e.json",
            r#"[{"type":"bounce","bounce_class":"90","rcpt_to":"rosa@garden.example","raw_reason":"unsubscribe"},{"type":"policy_rejection","bounce_class":"25","rcpt_to":"udo@garden.example","raw_reason":"554 5.7.1 recipient address suppressed due to customer policy"},{"type":"bounce","bounce_class":"10","rcpt_to":"ida@garden.example","raw_reason":"550 xyzzy"}]"#,
            vec![
                wanted(Unsubscribed, ROSA, none, Stays),
                wanted(known, "udo@garden.example", &["suppressed"], Suppressed),
                wanted(Bounce, "ida@garden.example", dead, Suppressed),
            ],
        ),
        (
            "Mailjet blames content and policy",
            "e.json",
            r#"[{"event":"bounce","email":"rosa@garden.example","hard_bounce":false,"error_related_to":"spam","error":"content blocked"},{"event":"bounce","email":"udo@garden.example","hard_bounce":true,"error_related_to":"content","error":"sender blocked"},{"event":"blocked","email":"ida@garden.example","error_related_to":"mailjet","error":"preblocked"}]"#,
            vec![
                wanted(Bounce, ROSA, refused, Stays),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(known, "ida@garden.example", &["suppressed"], Suppressed),
            ],
        ),
        (
            "ActiveCampaign calls everything hard",
            "b.csv",
            "Email,Date,Code,Type,Description\nrosa@garden.example,2026-03-03 09:10:00,5.4.1,Hard,No answer from host\nudo@garden.example,2026-03-03 09:10:00,5.4.7,Hard,Delivery time expired\nida@garden.example,2026-03-03 09:10:00,5.1.5,Hard,Destination mailbox address valid\nkai@garden.example,2026-03-03 09:10:00,9.1.1,Hard,Hard bounce with no bounce code found: such as from a sending limit\nlea@garden.example,2026-03-03 09:10:00,5.1.1,Hard,Bad destination mailbox address\n",
            vec![
                wanted(Bounce, ROSA, &["unreachable"], Stays),
                wanted(Bounce, "udo@garden.example", &["expired"], Stays),
                wanted(Bounce, "ida@garden.example", &["unread"], Stays),
                wanted(Bounce, "kai@garden.example", &["unread"], Stays),
                wanted(Bounce, "lea@garden.example", dead, Suppressed),
            ],
        ),
        (
            "Postal's webhooks",
            "e.jsonl",
            "{\"event\":\"MessageBounced\",\"payload\":{\"original_message\":{\"id\":1,\"message_id\":\"a@shop.example\",\"to\":\"rosa@garden.example\",\"from\":\"news@shop.example\"},\"bounce\":{\"id\":2,\"to\":\"x@psrp.shop.example\",\"from\":\"MAILER-DAEMON@mx.garden.example\",\"message_id\":\"b@mta\"}},\"uuid\":\"1\"}\n{\"event\":\"MessageDeliveryFailed\",\"payload\":{\"status\":\"HardFail\",\"details\":\"Permanent SMTP delivery error\",\"output\":\"550 5.1.1 <udo@garden.example>: User unknown\",\"message\":{\"id\":3,\"to\":\"udo@garden.example\",\"from\":\"news@shop.example\"}},\"uuid\":\"2\"}\n{\"event\":\"MessageDelayed\",\"payload\":{\"status\":\"SoftFail\",\"output\":\"450 4.2.0 greylisted\",\"message\":{\"id\":4,\"to\":\"ida@garden.example\"}},\"uuid\":\"3\"}\n{\"event\":\"MessageHeld\",\"payload\":{\"status\":\"Held\",\"details\":\"Recipient (kai@garden.example) is on the suppression list\",\"message\":{\"id\":5,\"to\":\"kai@garden.example\"}},\"uuid\":\"4\"}\n",
            vec![
                wanted(Bounce, ROSA, none, Stays),
                wanted(Bounce, "udo@garden.example", dead, Suppressed),
                wanted(Delayed, "ida@garden.example", &["greylisted"], Stays),
                wanted(known, "kai@garden.example", &["suppressed"], Suppressed),
            ],
        ),
        (
            "HubSpot's export",
            "b.csv",
            "Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce\nrosa@garden.example,TRUE,,,\nudo@garden.example,,TRUE,,\nida@garden.example,,,TRUE,\n",
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(Complaint, "ida@garden.example", none, Suppressed),
            ],
        ),
        (
            "Mailchimp's cleaned contacts",
            "b.csv",
            "Email Address,First Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nrosa@garden.example,Rosa,2026-02-03 09:10:11,Seeds\n",
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "Brevo's log",
            "b.csv",
            "st_text,ts,sub,frm,email\nHard bounce,2026-03-02 06:00:00,Seeds,news@shop.example,rosa@garden.example\nBlocked,2026-03-02 06:00:00,Seeds,news@shop.example,udo@garden.example\nDelivered,2026-03-02 06:00:00,Seeds,news@shop.example,ida@garden.example\n",
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(known, "udo@garden.example", &["suppressed"], Suppressed),
                wanted(Delivered, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "Elastic Email's categories",
            "e.json",
            r#"[{"to":"rosa@garden.example","status":"Error","category":"NoMailbox","transaction":"1"},{"to":"udo@garden.example","status":"Error","category":"Spam","transaction":"2"},{"to":"ida@garden.example","status":"Error","category":"Throttled","transaction":"3"}]"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(Bounce, "ida@garden.example", &["rate_limited"], Stays),
            ],
        ),
        (
            "Customer.io drops and bounces",
            "e.json",
            r#"[{"metric":"dropped","object_type":"email","data":{"recipient":"rosa@garden.example"}},{"metric":"suppressed","object_type":"email","data":{"recipient":"udo@garden.example"}}]"#,
            vec![
                wanted(Other, ROSA, none, Stays),
                wanted(known, "udo@garden.example", &["suppressed"], Suppressed),
            ],
        ),
    ];
    let mut faults = Vec::new();
    for (name, file, content, all) in &cases {
        check(name, file, content, all, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Where `explain` and `bounces` say different things of one message.
fn disagreement(name: &str, bytes: &[u8], faults: &mut Vec<String>) {
    let (book, providers) = (Book::built_in(), Providers::built_in());
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    let explained = explain::explain(bytes, Hints::default(), knowledge);
    let imported = happenings("case.eml", bytes).unwrap();
    let told: Vec<_> = explained
        .recipients
        .iter()
        .map(|one| {
            (
                one.final_recipient.clone(),
                one.verdict.reason,
                one.verdict.condemns,
                one.address_action,
            )
        })
        .collect();
    let learned: Vec<_> = imported
        .iter()
        .filter(|_| !told.is_empty())
        .map(|one| {
            (
                one.final_recipient.clone(),
                one.reason,
                one.suppresses(),
                one.address_action,
            )
        })
        .collect();
    if told != learned {
        faults.push(format!(
            "{name}: explain says {told:?}, bounces says {learned:?}"
        ));
    }
    let dead = imported.iter().any(Happening::suppresses);
    if told.is_empty() && dead && explained.address_action != AddressAction::Remove {
        faults.push(format!(
            "{name}: bounces gives up somebody whom explain does not name"
        ));
    }
}

#[test]
fn explain_and_bounces_agree_on_every_fixture() {
    let mut faults = Vec::new();
    let fixtures = fixtures();
    assert!(fixtures.len() >= 150);
    for (name, bytes, _) in &fixtures {
        disagreement(name, bytes, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
