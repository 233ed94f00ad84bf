//! What [`Address`] promises, by tables for what lists hold and by properties for all other texts.

use proptest::prelude::*;

use super::*;

#[test]
fn what_people_paste_around_an_address_is_taken_away() {
    for (pasted, meant) in [
        ("anna@example.com", "anna@example.com"),
        ("  anna@example.com\t\r\n", "anna@example.com"),
        ("\u{feff}anna@example.com", "anna@example.com"),
        ("\u{a0}anna@example.com\u{a0}", "anna@example.com"),
        ("an\u{200b}na@exam\u{ad}ple.com\u{200e}", "anna@example.com"),
        ("\u{202a}anna@example.com\u{202c}", "anna@example.com"),
        ("anna＠example．com", "anna@example.com"),
        ("ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "anna@example.com"),
        ("anna@example。com", "anna@example.com"),
        ("Anna <anna@example.com>", "anna@example.com"),
        ("Anna <anna@example.com>,", "anna@example.com"),
        ("Anna <anna@example.com", "anna@example.com"),
        ("<anna@example.com>;", "anna@example.com"),
        ("< anna@example.com >", "anna@example.com"),
        ("\"Meier, Anna\" <anna@example.com>", "anna@example.com"),
        ("Meier, Anna <anna@example.com>", "anna@example.com"),
        ("'anna@example.com' <anna@example.com>", "anna@example.com"),
        ("anna@example.com <anna@example.com>", "anna@example.com"),
        ("anna@example.com (Anna)", "anna@example.com"),
        ("(Anna) anna@example.com", "anna@example.com"),
        ("<anna@example.com> (Anna)", "anna@example.com"),
        ("mailto:anna@example.com", "anna@example.com"),
        ("MAILTO:anna@example.com?subject=a@b", "anna@example.com"),
        ("mailto:anna%40example.com", "anna@example.com"),
        ("mailto:%22a%20b%22@example.com", "\"a b\"@example.com"),
        ("Anna <mailto:anna@example.com>", "anna@example.com"),
        ("SMTP:anna@example.com", "anna@example.com"),
        ("\"anna@example.com\"", "anna@example.com"),
        ("'anna@example.com'", "anna@example.com"),
        ("'anna@example.com", "anna@example.com"),
        ("\"anna@example.com", "anna@example.com"),
        ("“anna@example.com”", "anna@example.com"),
        ("(anna@example.com)", "anna@example.com"),
        ("[anna@example.com]", "anna@example.com"),
        ("{anna@example.com}", "anna@example.com"),
        ("«anna@example.com».", "anna@example.com"),
        ("anna@example.com.", "anna@example.com"),
        ("anna@example.com...", "anna@example.com"),
        ("anna@example.com,", "anna@example.com"),
        ("anna@example.com;", "anna@example.com"),
        ("; anna@example.com", "anna@example.com"),
        ("• anna@example.com", "anna@example.com"),
        ("anna @ example.com", "anna@example.com"),
        ("E-mail: anna@example.com", "anna@example.com"),
        ("mailto://anna@example.com", "anna@example.com"),
        ("anna@example.com <>", "anna@example.com"),
        ("Anna.@docomo.ne.jp", "\"Anna.\"@docomo.ne.jp"),
        ("anna..b@DOCOMO.ne.jp", "\"anna..b\"@docomo.ne.jp"),
        ("anna@EXAMPLE.Com", "anna@example.com"),
    ] {
        let address = Address::parse(pasted).unwrap_or_else(|fault| panic!("{pasted:?}: {fault}"));
        assert_eq!(address.wire(), meant, "{pasted:?}");
    }
}

#[test]
fn well_formed_addresses_have_one_form_on_the_wire() {
    let longest_local = "a".repeat(64);
    for (text, wire) in [
        ("a@b.de", "a@b.de"),
        ("Anna.Maria+tag@b.de", "Anna.Maria+tag@b.de"),
        ("!#$%&'*+-/=?^_`{|}~@b.de", "!#$%&'*+-/=?^_`{|}~@b.de"),
        ("o'brien@b.ie", "o'brien@b.ie"),
        ("\"anna\"@b.de", "anna@b.de"),
        ("\"an\\na\"@b.de", "anna@b.de"),
        ("\"a b\"@b.de", "\"a b\"@b.de"),
        ("\"a@b\"@b.de", "\"a@b\"@b.de"),
        ("\"a,b;c\"@b.de", "\"a,b;c\"@b.de"),
        ("\"a\\\"b\\\\\"@b.de", "\"a\\\"b\\\\\"@b.de"),
        ("\"a..b\"@b.de", "\"a..b\"@b.de"),
        ("\"'a\"@b.de", "\"'a\"@b.de"),
        ("\"<a\"@b.de", "\"<a\"@b.de"),
        ("\"\"@b.de", "\"\"@b.de"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:DB8:0::1]", "a@[IPv6:2001:db8::1]"),
        ("a@[ipv6:::1]", "a@[IPv6:::1]"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
        ("a@BÜCHER.DE", "a@xn--bcher-kva.de"),
        ("a@bu\u{308}cher.de", "a@xn--bcher-kva.de"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@XN--BCHER-KVA.de", "a@xn--bcher-kva.de"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("jose\u{301}@b.es", "josé@b.es"),
        ("a@my_host.b.de", "a@my_host.b.de"),
        ("a@r3---sn-x.b.de", "a@r3---sn-x.b.de"),
        ("a@1.2.3.de", "a@1.2.3.de"),
        ("a@163.com", "a@163.com"),
        (
            &format!("{longest_local}@b.de"),
            &format!("{longest_local}@b.de"),
        ),
    ] {
        let address = Address::parse(text).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
        assert_eq!(address.wire(), wire, "{text:?}");
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one table, a line or two for each fault"
)]
fn what_is_no_address_says_which_rule_it_breaks() {
    let label = |text: &str| Box::<str>::from(text);
    let long_label = "b".repeat(64);
    let long_domain = ["b".repeat(63).as_str(); 4].join(".");
    let long_address = format!(
        "{}@{}.de",
        "a".repeat(64),
        vec!["b".repeat(62); 3].join(".")
    );
    let cases: Vec<(String, Fault)> = vec![
        (String::new(), Fault::Empty),
        (" \u{200b}, ".into(), Fault::Empty),
        ("anna".into(), Fault::NoAt),
        ("a@b.de; c@d.de".into(), Fault::Several { count: 2 }),
        ("a@b.de,c@d.de,e@f.de".into(), Fault::Several { count: 3 }),
        ("a@b.de c@d.de".into(), Fault::Several { count: 2 }),
        ("a@b.de\nc@d.de".into(), Fault::Several { count: 2 }),
        ("a@b.de / c@d.de".into(), Fault::Several { count: 2 }),
        ("A <a@b.de>, C <c@d.de>".into(), Fault::Several { count: 2 }),
        ("a@b.de <c@d.de>".into(), Fault::Several { count: 2 }),
        ("mailto:a@b.de,c@d.de".into(), Fault::Several { count: 2 }),
        (
            "<a@b.de> Anna".into(),
            Fault::TextBeside {
                text: label("Anna"),
            },
        ),
        ("mailto:a%4@b.de".into(), Fault::BadPercent),
        ("mailto:a%ff@b.de".into(), Fault::BadPercent),
        (
            "mailto:a%0d%0aRCPT@b.de".into(),
            Fault::ControlCharacter { code: 13 },
        ),
        (
            "a\r\nRCPT@b.de".into(),
            Fault::ControlCharacter { code: 13 },
        ),
        ("a\0@b.de".into(), Fault::ControlCharacter { code: 0 }),
        ("\"a\rb\"@b.de".into(), Fault::ControlCharacter { code: 13 }),
        (
            "a\u{7f}b@b.de".into(),
            Fault::ControlCharacter { code: 0x7f },
        ),
        (
            "a\u{85}b@b.de".into(),
            Fault::ControlCharacter { code: 0x85 },
        ),
        ("a b@c.de".into(), Fault::Blank),
        ("a@b c.de".into(), Fault::Blank),
        ("a(x)@b.de".into(), Fault::Comment),
        ("anna(at)b.de".into(), Fault::NoAt),
        ("a@@b.de".into(), Fault::ManyAts),
        ("a@b@c.de".into(), Fault::ManyAts),
        ("@b.de".into(), Fault::LocalEmpty),
        (
            format!("{}@b.de", "a".repeat(65)),
            Fault::LocalTooLong { octets: 65 },
        ),
        (
            format!("{}@b.de", "ü".repeat(33)),
            Fault::LocalTooLong { octets: 66 },
        ),
        (".a@b.de".into(), Fault::LocalDot),
        ("a.@b.de".into(), Fault::LocalDot),
        ("a..b@b.de".into(), Fault::LocalDot),
        (
            "a\\b@b.de".into(),
            Fault::LocalCharacter { character: '\\' },
        ),
        (
            "a\u{fffd}b@b.de".into(),
            Fault::LocalCharacter {
                character: '\u{fffd}',
            },
        ),
        ("a\"b@c.de".into(), Fault::LocalQuote),
        ("a@".into(), Fault::DomainEmpty),
        ("a@.de".into(), Fault::LabelEmpty),
        ("a@b..de".into(), Fault::LabelEmpty),
        (
            format!("a@{long_label}.de"),
            Fault::LabelTooLong {
                label: long_label.as_str().into(),
            },
        ),
        (
            format!("a@{long_domain}"),
            Fault::DomainTooLong { octets: 255 },
        ),
        (long_address, Fault::AddressTooLong { octets: 256 }),
        ("a@-b.de".into(), Fault::LabelEdge { label: label("-b") }),
        ("a@b-.de".into(), Fault::LabelEdge { label: label("b-") }),
        ("a@_b.c.de".into(), Fault::LabelEdge { label: label("_b") }),
        (
            "a@b_c.de".into(),
            Fault::Underscore {
                label: label("b_c.de"),
            },
        ),
        ("a@b!c.de".into(), Fault::DomainCharacter { character: '!' }),
        ("a@b,de".into(), Fault::DomainCharacter { character: ',' }),
        (
            "a@localhost".into(),
            Fault::Dotless {
                domain: label("localhost"),
            },
        ),
        (
            "a@b.123".into(),
            Fault::NumericTopLevel {
                label: label("123"),
            },
        ),
        (
            "a@1.2.3.4".into(),
            Fault::BareIp {
                text: label("1.2.3.4"),
            },
        ),
        (
            "a@[1.2.3]".into(),
            Fault::BadLiteral {
                text: label("[1.2.3]"),
            },
        ),
        (
            "a@[2001:db8::1]".into(),
            Fault::BadLiteral {
                text: label("[2001:db8::1]"),
            },
        ),
        (
            "a@[X400:foo]".into(),
            Fault::BadLiteral {
                text: label("[X400:foo]"),
            },
        ),
        (
            "a@xn--a.de".into(),
            Fault::BadInternational {
                domain: label("xn--a.de"),
            },
        ),
        (
            "a@b\u{2260}c.\u{301}de".into(),
            Fault::BadInternational {
                domain: label("b\u{2260}c.\u{301}de"),
            },
        ),
        ("a".repeat(5000), Fault::TextTooLong { bytes: 5000 }),
    ];
    for (text, fault) in cases {
        assert_eq!(Address::parse(&text), Err(fault), "{text:?}");
    }
    assert_eq!(Address::parse_bytes(b"a\xff@b.de"), Err(Fault::NotUtf8));
}

#[test]
fn rows_that_name_one_mailbox_have_one_key() {
    for (one, other) in [
        ("Anna@Example.com", "anna@EXAMPLE.com"),
        ("\"anna\"@example.com", "anna@example.com"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
        ("JOSÉ@b.es", "jose\u{301}@b.es"),
        ("\"A b\"@b.de", "\"a B\"@b.de"),
    ] {
        let key = |text| Address::parse(text).unwrap().key().into_owned();
        assert_eq!(key(one), key(other), "{one} {other}");
    }
    for (one, other) in [
        ("a.b@gmail.com", "ab@gmail.com"),
        ("a+x@gmail.com", "a@gmail.com"),
    ] {
        assert_ne!(
            Address::parse(one).unwrap().key(),
            Address::parse(other).unwrap().key()
        );
    }
}

#[test]
fn a_domain_is_read_both_ways() {
    let address = Address::parse("Anna@BÜCHER.de").unwrap();
    assert_eq!(address.local(), "Anna");
    assert_eq!(
        address.domain(),
        Domain::Name {
            ascii: "xn--bcher-kva.de",
            unicode: "bücher.de"
        }
    );
    assert_eq!(address.to_string(), "Anna@bücher.de");
    assert!(!address.needs_smtputf8());
    assert!(Address::parse("josé@b.es").unwrap().needs_smtputf8());
    let literal = Address::parse("a@[IPv6:2001:db8::1]").unwrap();
    assert_eq!(literal.domain().name(), None);
    assert_eq!(literal.domain().wire(), "[IPv6:2001:db8::1]");
}

#[test]
fn what_lettre_cannot_carry_is_said_without_a_panic() {
    for sendable in [
        "a@b.de",
        "\"a b\"@b.de",
        "\"a\\\"b\"@b.de",
        "josé@b.es",
        "🙂@b.de",
        "क्षमा@b.de",
        "a@[192.0.2.1]",
        "a@[IPv6:::1]",
        "a@my_host.b.de",
    ] {
        let address = Address::parse(sendable).unwrap();
        assert_eq!(
            address.envelope().unwrap().to_string(),
            address.wire(),
            "{sendable}"
        );
    }
    let refused = Address::parse("\"\"@b.de").unwrap();
    assert_eq!(refused.envelope(), Err(NotSendable));
}

#[test]
fn an_address_is_one_allocation() {
    assert!(size_of::<Address>() <= 24);
}

/// Texts near enough to addresses that many of them are some.
fn near_address() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9]{1,8}",
        1 => Just(".".to_owned()),
        1 => "[\"'<>()\\[\\]{},;: \\\\%?!_+*/|-]",
        1 => "[üéßÉİΣςʼnक्षम例•“”＠．。\u{200b}\u{200c}\u{200d}\u{202e}\u{a0}\u{301}\u{37e}\u{212a}🙂]",
        1 => "[\r\n\t\0\u{7f}\u{85}\u{2028}]",
    ];
    let side = prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    (
        side.clone(),
        prop_oneof![3 => "[a-z]{1,9}\\.(de|com)", 1 => side],
        prop::bool::ANY,
    )
        .prop_map(|(local, domain, quoted)| {
            if quoted {
                format!("\"{local}\"@{domain}")
            } else {
                format!("{local}@{domain}")
            }
        })
}

#[test]
fn what_a_backslash_kept_apart_is_one_character() {
    let escaped = Address::parse("\"c\\\u{301}\"@a.de").unwrap();
    assert_eq!(escaped.local(), "\u{107}");
    assert_eq!(Address::parse(&escaped.to_string()), Ok(escaped));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_address_reads_back_from_what_it_shows(text in near_address()) {
        if let Ok(address) = Address::parse(&text) {
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()));
            prop_assert_eq!(Address::parse(address.wire()), Ok(address.clone()));
            let parts = (address.local(), address.domain().wire());
            prop_assert_eq!(Address::from_parts(parts.0, parts.1), address.clone());
        }
    }

    #[test]
    fn no_control_character_survives(text in near_address()) {
        if let Ok(address) = Address::parse(&text) {
            prop_assert!(!address.to_string().chars().any(char::is_control));
            prop_assert!(address.domain().wire().is_ascii());
            prop_assert!(address.wire().len() <= limits::ADDRESS_OCTETS);
            if let Ok(envelope) = address.envelope() {
                prop_assert_eq!(envelope.to_string(), address.wire());
            }
        }
    }

    #[test]
    fn a_key_is_its_own_key(text in near_address()) {
        if let Ok(address) = Address::parse(&text) {
            let key = address.key().into_owned();
            // Lowering can lengthen a letter past the limit of the local part; such a key stands for itself.
            if let Ok(again) = Address::parse(&key) {
                prop_assert_eq!(again.key(), key);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_address_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Address::parse_bytes(&bytes);
        let _ = suggest_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_an_address_or_a_fault_with_a_plain_sentence(text in "\\PC{0,60}|.{0,60}") {
        if let Err(fault) = Address::parse(&text) {
            prop_assert!(!fault.to_string().is_empty());
        }
        let _ = suggest_text(&text);
    }
}
