use super::*;

fn read(stage: Stage, provider: Option<&str>, text: &str) -> Reading {
    let providers = crate::model::provider::Providers::built_in();
    let context = Context {
        stage,
        provider: provider.map(|id| providers.by_id(id).unwrap()),
        echoes: &["anna@acme.test"],
        ours: &[],
    };
    let reply = Reply::from_text(text).unwrap();
    Book::built_in().diagnose(&Answer::Reply(reply), &context)
}

#[test]
fn every_rule_reads_its_own_example() {
    let book = Book::built_in();
    let rules = book.rules.ordered.iter().chain(&book.rules.fallbacks);
    let mut faults = Vec::new();
    for rule in rules {
        let example = rule.example.as_deref();
        match example {
            None => faults.push(format!("rule `{}` has no example", rule.id)),
            Some(example) => faults.extend(book.fault_of_example(rule, example)),
        }
        if rule.meaning.why.is_empty() {
            faults.push(format!("rule `{}` does not say why", rule.id));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_rule_of_ours_names_its_source() {
    let mut entries = 0;
    let mut sources = 0;
    for line in OWN.1.lines() {
        entries += usize::from(matches!(line, "[[rule]]" | "[[fallback]]" | "[[hedge]]"));
        sources += usize::from(line.starts_with("source = \""));
    }
    assert_eq!(entries, sources);
}

#[test]
fn every_code_of_refusal_is_read() {
    let book = Book::built_in();
    for code in 400..600 {
        assert!(!book.of_code(Some(code), None).is_empty(), "{code}");
    }
    for code in [450, 550, 554] {
        for number in 0..2 * 9 * 35 {
            let enhanced = EnhancedCode {
                class: if number % 2 == 0 { 4 } else { 5 },
                subject: number / 2 % 9,
                detail: number / 18,
            };
            assert!(
                !book.of_code(Some(code), Some(enhanced)).is_empty(),
                "{code} {enhanced}"
            );
        }
    }
}

#[test]
fn the_replies_that_others_read_wrongly() {
    use Reason::*;
    let table = [
        (
            "450 4.7.1 <anna@acme.test>: Recipient address rejected: Greylisted",
            Greylisted,
        ),
        (
            "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus",
            SenderBlocked,
        ),
        ("550 5.7.1 No such user!", NoSuchMailbox),
        (
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
            MailboxBusy,
        ),
        ("552 5.1.1 extended quota violation", MailboxFull),
        ("550 Mailbox unavailable or access denied", Unread),
        (
            "550 5.1.1 <spam.blocked@acme.test>: User unknown",
            NoSuchMailbox,
        ),
        ("550 go and see", Unread),
    ];
    for (text, reason) in table {
        assert_eq!(read(Stage::Rcpt, None, text).reason, reason, "{text}");
    }
}

#[test]
fn a_provider_settles_what_the_words_leave_open() {
    let text = "550 5.4.1 Recipient address rejected";
    assert_eq!(read(Stage::Rcpt, None, text).reason, Reason::Unread);
    assert_eq!(
        read(Stage::Rcpt, Some("microsoft365"), text).reason,
        Reason::NoSuchMailbox
    );
}

#[test]
fn nothing_said_before_rcpt_blames_a_mailbox() {
    for stage in [
        Stage::Connect,
        Stage::Greeting,
        Stage::Hello,
        Stage::Tls,
        Stage::Mail,
    ] {
        for text in [
            "550 5.1.1 user unknown",
            "550 mailbox full",
            "551 moved",
            "450 4.2.2 over quota",
            "550 x",
        ] {
            let reason = read(stage, None, text).reason;
            assert!(
                !matches!(reason.blame(), Blame::Mailbox | Blame::Domain),
                "{stage} {text}: {reason}"
            );
        }
    }
}

#[test]
fn doubt_never_condemns_yet_is_told() {
    let book = Book::built_in();
    let context = Context {
        stage: Stage::Rcpt,
        provider: None,
        echoes: &[],
        ours: &[],
    };
    for text in ["550 xyzzy", "550 5.2.1 xyzzy", "553 xyzzy", "551 xyzzy"] {
        let answer = Answer::Reply(Reply::from_text(text).unwrap());
        assert_eq!(
            book.diagnose(&answer, &context).reason,
            Reason::Unread,
            "{text}"
        );
        let all = book.readings(&answer, &context);
        assert_eq!(all[0].reading, book.diagnose(&answer, &context), "{text}");
        assert!(
            all.iter().any(|one| one.reading.reason.may_reject()) && all.len() > 2,
            "{text}: {all:?}"
        );
    }
}

#[test]
fn an_operators_rules_come_first() {
    let rules = r#"
        [[rule]]
        id = "our partner's gateway"
        reason = "try_later"
        text = ["user unknown"]
        code = ["550"]
        example = "550 5.1.1 User unknown"
    "#;
    let book = Book::with_operator_rules(rules, "own.toml").unwrap();
    let context = Context {
        stage: Stage::Rcpt,
        provider: None,
        echoes: &[],
        ours: &[],
    };
    let read =
        |text: &str| book.diagnose(&Answer::Reply(Reply::from_text(text).unwrap()), &context);
    assert_eq!(read("550 5.1.1 User unknown").rule, "our partner's gateway");
    assert_eq!(read("554 5.1.1 User unknown").rule, "no-such-mailbox");
}

#[test]
fn a_bad_rule_is_named_with_its_line_and_what_to_change() {
    let head = "# ours\n[[rule]]\nid = \"ours\"\n";
    let table = [
        ("reason = 'no_such_thing'\ntext = ['x']", 4, "no_such_thing"),
        ("reason = 'duplicate'\ntext = ['x']", 4, "mail host says"),
        ("reason = 'unread'", 2, "say which ones"),
        ("reason = 'unread'\ntext = ['ok', '--']", 5, "no word"),
        ("reason = 'unread'\ncode = ['250']", 5, "one such as 550"),
        ("reason = 'unread'\nstatus = ['5.1']", 5, "5.1.1"),
        ("reason = 'unread'\nstage = ['lunch']", 5, "rcpt"),
        ("reason = 'unread'\ntexts = ['x']", 5, "texts"),
        ("reason = 'unread'\ntext = 'x'", 5, "sequence"),
        ("reason = 'unread'\ntext = ['x'", 5, ""),
        (
            "reason = 'unread'\ntext = ['x']\nexample = '550 y'",
            3,
            "is read by",
        ),
        (
            "reason = 'unread'\ntext = ['x']\nexample = 'y'",
            3,
            "no reply code",
        ),
        (
            "reason = 'unread'\ntext = ['x']\n[[rule]]\nid = 'ours'\nreason = 'unread'\ntext = ['y']",
            7,
            "rename",
        ),
    ];
    for (rest, line, what) in table {
        let error = Book::with_operator_rules(&format!("{head}{rest}\n"), "own.toml").unwrap_err();
        assert_eq!(
            (error.file.as_str(), error.line),
            ("own.toml", line),
            "{error}"
        );
        assert!(error.what.contains(what), "{error}");
        assert!(error.to_string().starts_with("own.toml, line "), "{error}");
    }
}
