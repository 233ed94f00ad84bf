//! What messages that came back come to: nobody is thrown away by what says nothing against them, and the dead are
//! found.

use presend::bounce::import::Kind;

use crate::bounce::fixtures;
use crate::happening::Fate::{Stays, Suppressed};
use crate::happening::{
    ROSA, Wanted, check, disagreement, report, told_and_reported, wanted, words,
};

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
        disagreement(name, "case.eml", message.as_bytes(), &mut faults);
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
    disagreement("wrapped", "case.eml", outer.as_bytes(), &mut faults);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_notice_in_two_languages_is_about_one_person_once() {
    use Kind::Bounce;
    let dead = &["no_such_mailbox"][..];
    let cases = [
        (
            "German and English, words alone",
            words(
                "MAILER-DAEMON@garden.example",
                "Unzustellbar / Undeliverable",
                "[English version below]\n\nIhre Nachricht konnte nicht zugestellt werden:\n\n<rosa@garden.example>:\nDer Empf\u{e4}nger ist unbekannt.\n\n\
                 ------\n\nYour message could not be delivered:\n\n<rosa@garden.example>:\nThe recipient is unknown.\n",
            ),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a full mailbox in Japanese and English",
            words(
                "Postmaster@garden.example",
                "Returned mail",
                "\u{30e1}\u{30fc}\u{30eb}\u{30dc}\u{30c3}\u{30af}\u{30b9}\u{304c}\u{3044}\u{3063}\u{3071}\u{3044}\u{3067}\u{3059}\u{3002}\n\n<rosa@garden.example>\n\nThe mailbox of the following person is full:\n\n<rosa@garden.example>\n",
            ),
            vec![wanted(Bounce, ROSA, &["mailbox_full"], Stays)],
        ),
        (
            "French and English above a report that speaks English",
            told_and_reported(
                "Votre message n'a pas pu \u{ea}tre remis \u{e0} rosa@garden.example : bo\u{ee}te pleine ?\n\nYour message to rosa@garden.example could not be delivered.",
                "Final-Recipient: rfc822; rosa@garden.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown",
            ),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "two parts, a language each",
            "Return-Path: <>\nFrom: MAILER-DAEMON@garden.example\nTo: news@shop.example\nSubject: Undeliverable\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=cut\n\n\
             --cut\nContent-Type: text/plain; charset=utf-8\nContent-Language: de\n\nDiese Adresse gibt es nicht:\n\n<rosa@garden.example>\n550 5.1.1 Benutzer unbekannt\n\n\
             --cut\nContent-Type: text/plain; charset=utf-8\nContent-Language: en\n\nThis address does not exist:\n\n<rosa@garden.example>\n550 5.1.1 User unknown\n\n--cut--\n"
                .to_owned(),
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
    ];
    let mut faults = Vec::new();
    for (name, message, all) in &cases {
        check(name, "case.eml", message, all, &mut faults);
        disagreement(name, "case.eml", message.as_bytes(), &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn explain_and_bounces_agree_on_every_fixture() {
    let mut faults = Vec::new();
    let fixtures = fixtures();
    assert!(fixtures.len() >= 150);
    for (name, bytes, _) in &fixtures {
        disagreement(name, "case.eml", bytes, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
