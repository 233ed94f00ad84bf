//! SPF after RFC 7208, section by section. Records and zones are written after the text of the RFC.

use presend::model::timestamp::Timestamp;
use presend::preflight::auth::spf::{
    Problem, Question, Record, SpfOutcome, SpfResult, SpfTree, check_host, identity,
};
use proptest::prelude::*;

use crate::zone::Zone;

const IP: &str = "192.0.2.10";

async fn ask(zone: &str, ip: &str, mail_from: &str, helo: &str) -> SpfOutcome {
    ask_zone(Zone::new(zone), ip, mail_from, helo).await
}

async fn ask_zone(zone: Zone, ip: &str, mail_from: &str, helo: &str) -> SpfOutcome {
    let (domain, sender) = identity(mail_from, helo);
    let question = Question {
        ip: ip.parse().unwrap(),
        domain: &domain,
        sender: &sender,
        helo,
        now: Timestamp::from_millis(1_800_000_000_000),
    };
    check_host(&zone.lookups(), &question).await
}

/// The result for `news@example.org` from [`IP`], with a zone of other names.
async fn with_record(record: &str, others: &str) -> SpfOutcome {
    let zone = format!("example.org TXT {record}\n{others}");
    ask(&zone, IP, "news@example.org", "mail.example.org").await
}

async fn all_of(cases: &[(&str, SpfResult)], others: &str) {
    for (record, expected) in cases {
        let outcome = with_record(record, others).await;
        assert_eq!(outcome.result, *expected, "{record}: {outcome:?}");
    }
}

// ── §2.4, §4.3: whose policy ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn s2_4_a_null_sender_is_postmaster_at_the_helo_name() {
    for (mail_from, domain, sender) in [
        ("", "mx.example.net", "postmaster@mx.example.net"),
        ("<>", "mx.example.net", "postmaster@mx.example.net"),
        ("@example.org", "example.org", "postmaster@example.org"),
        ("example.org", "example.org", "postmaster@example.org"),
        ("<a@example.org>", "example.org", "a@example.org"),
        ("\"a@b\"@example.org", "example.org", "\"a@b\"@example.org"),
    ] {
        let expected = (domain.to_owned(), sender.to_owned());
        assert_eq!(
            identity(mail_from, "mx.example.net"),
            expected,
            "{mail_from}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s4_3_a_domain_that_cannot_exist_has_no_policy() {
    let long = format!("a@{}.example.org", "x".repeat(64));
    for mail_from in [
        long.as_str(),
        "a@one..example.org",
        "a@localhost",
        "a@[192.0.2.10]",
    ] {
        let outcome = ask("example.org TXT v=spf1 -all", IP, mail_from, "h").await;
        assert_eq!(outcome.result, SpfResult::None, "{mail_from}");
    }
}

// ── §4.4, §4.5: which record ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn s4_4_dns_trouble_is_temporary_and_a_missing_name_is_no_policy() {
    let silent = ask("example.org SILENT", IP, "a@example.org", "h").await;
    assert_eq!(silent.result, SpfResult::TempError);
    let broken = ask("example.org SERVFAIL", IP, "a@example.org", "h").await;
    assert_eq!(broken.result, SpfResult::TempError);
    let missing = ask("", IP, "a@example.org", "h").await;
    assert_eq!(missing.result, SpfResult::None);
}

#[tokio::test(start_paused = true)]
async fn s4_5_only_the_whole_version_makes_a_record() {
    all_of(
        &[
            ("v=spf1", SpfResult::Neutral),
            ("V=SPF1 -ALL", SpfResult::Fail),
            ("v=spf10 -all", SpfResult::None),
            ("v=spf1-all", SpfResult::None),
            (" v=spf1 -all", SpfResult::None),
            ("v=spf1 | -all", SpfResult::None),
            ("v=spf1  | -all", SpfResult::Fail),
            ("v=spf1 ip4:192. | 0.2.10 -all", SpfResult::Pass),
        ],
        "",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn s4_5_several_records_are_an_error_and_other_texts_are_not() {
    let two = "example.org TXT v=spf1 +all";
    let outcome = with_record("v=spf1 -all", two).await;
    let domain = "example.org".to_owned();
    assert_eq!(
        outcome.problem,
        Some(Problem::SeveralRecords { domain, count: 2 })
    );
    let other = with_record("v=spf1 +all", "example.org TXT v=DMARC1; p=none").await;
    assert_eq!(other.result, SpfResult::Pass);
}

// ── §4.6, §12: the grammar ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn s4_6_what_breaks_the_grammar_is_named_with_its_term() {
    for term in [
        // Neither a mechanism nor a modifier.
        "moo",
        "-",
        "+",
        "=x",
        "1a=b",
        "a!b=c",
        "--all",
        "a_b:c",
        "redirect:example.org",
        // `all` takes nothing (§5.1).
        "all.",
        "all:x.com",
        "all/8",
        // A domain is needed (§5.2, §5.7).
        "include",
        "include:",
        "exists",
        "exists:",
        "include/24",
        "include:a.com/24",
        "exists:a.com/24",
        // Prefix lengths (§5.6).
        "a/33",
        "a//129",
        "a/024",
        "a/",
        "a//",
        "a/8/64",
        "mx/33",
        "mx:a.com//200",
        "a/-1",
        "a/1234",
        // Networks (§5.6).
        "ip4",
        "ip4:",
        "ip4:1.2.3",
        "ip4:1.2.3.4/33",
        "ip4:1.2.3.4/032",
        "ip4:1.2.3.4//32",
        "ip4:1.2.3.04",
        "ip4:1.2.3.4:25",
        "ip4:2001:db8::1",
        "ip6",
        "ip6:",
        "ip6:1.2.3.4",
        "ip6:2001:db8::/129",
        "ip6:::1//64",
        "ip6:g::1",
        "ip4/24:1.2.3.4",
        // The end of a domain (§7.1).
        "a:museum",
        "a:museum.",
        "a:foo.123",
        "a:192.0.2.1",
        "a:foo.-com",
        "a:foo.com-",
        "a:foo-bar",
        "a:.",
        "a:..",
        "a:foo.com:25",
        "mx:foo.c_m",
        "a:",
        "mx:",
        "ptr:",
        "ptr/24",
        "redirect=",
        "exp=",
        "exp=-all",
        "redirect=com",
        // Macros (§7.1).
        "a:%",
        "a:%a.com",
        "a:%{",
        "a:%{}.com",
        "a:%{x}.com",
        "a:%{d0}",
        "a:%{dr2}",
        "a:%{d2}.",
        "a:%{d!}",
        "exists:%(i).com",
        "exists:%{c}.com",
        "exp=%{t}.com",
        "foo=%abc",
        "foo=%{r}",
        // Each once (§6).
        "redirect=a.com redirect=b.com",
        "exp=a.com exp=b.com",
        // Characters (§4.6.1).
        "a:a.com\tmx",
        "a:a\u{e9}.com",
        "a:a.com\0",
    ] {
        let text = format!("v=spf1 ip4:192.0.2.1 {term} -all");
        let parsed = Record::parse(text.as_bytes());
        assert!(parsed.is_err(), "{term}: {parsed:?}");
    }
}

#[test]
fn s4_6_what_keeps_the_grammar_is_read() {
    for term in [
        "",
        " ",
        "+all",
        "ALL",
        "?all",
        "Include:Example.COM",
        "include:_spf.example.org.",
        "a",
        "A/24",
        "a//64",
        "a/24//64",
        "a/0",
        "a//0",
        "a:example.org/0//0",
        "a:foo:bar/baz.example.org",
        "a:x.xn--zckzah",
        "a:x.c-1",
        "a:x.1c",
        "mx:%{d}",
        "mx:%{d}/24",
        "ptr",
        "ptr:example.org",
        "ip4:0.0.0.0/0",
        "ip6:::/0",
        "ip6:2001:DB8::/32",
        "ip6:::ffff:192.0.2.1",
        "exists:%{ir}.%{v}.x.org",
        "exists:%{l1r+-,/_=}.x.org",
        "exists:a%%b%_c%-d.org",
        "exists:%{D2}",
        "exists:x.%%",
        "exists:%{s999}",
        "redirect=%{o}",
        "exp=why.x.org",
        "unknown=",
        "unknown=anything/goes:here",
        "x.y-z_1=%{s}",
        "exists:%{p}.x.org",
    ] {
        let text = format!("v=spf1 {term} -all");
        let parsed = Record::parse(text.as_bytes());
        assert!(parsed.is_ok(), "{term}: {parsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s4_6_an_error_anywhere_voids_the_record_even_after_a_match() {
    let outcome = with_record("v=spf1 ip4:192.0.2.10 -all foo", "").await;
    assert_eq!(outcome.result, SpfResult::PermError);
    let words = outcome.problem.unwrap().to_string();
    assert!(
        words.contains("\"foo\"") && words.contains("example.org"),
        "{words}"
    );
}

#[tokio::test(start_paused = true)]
async fn s4_6_2_the_qualifier_of_the_first_match_is_the_result() {
    all_of(
        &[
            ("v=spf1 ip4:192.0.2.10 -all", SpfResult::Pass),
            ("v=spf1 +ip4:192.0.2.10 -all", SpfResult::Pass),
            ("v=spf1 -ip4:192.0.2.10 +all", SpfResult::Fail),
            ("v=spf1 ~ip4:192.0.2.10 +all", SpfResult::SoftFail),
            ("v=spf1 ?ip4:192.0.2.10 +all", SpfResult::Neutral),
            ("v=spf1 ip4:192.0.2.11", SpfResult::Neutral),
            ("v=spf1 all -all", SpfResult::Pass),
        ],
        "",
    )
    .await;
}

// ── §4.6.4: limits ──────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn s4_6_4_ten_terms_may_ask_dns_and_the_eleventh_voids_the_policy() {
    let others = "h.example.org A 198.51.100.1";
    let terms = |count: usize| {
        format!(
            "v=spf1 {}ip4:192.0.2.10 -all",
            "a:h.example.org ".repeat(count)
        )
    };
    let ten = with_record(&terms(10), others).await;
    assert_eq!((ten.result, ten.lookups), (SpfResult::Pass, 10));
    let eleven = with_record(&terms(11), others).await;
    assert_eq!(eleven.problem, Some(Problem::TooManyLookups));
    let early = format!(
        "v=spf1 ip4:192.0.2.10 {}-all",
        "a:h.example.org ".repeat(11)
    );
    assert_eq!(with_record(&early, others).await.result, SpfResult::Pass);
}

#[tokio::test(start_paused = true)]
async fn s4_6_4_every_kind_of_term_that_asks_dns_counts_once_and_the_others_do_not() {
    let others = "b.org TXT v=spf1 a:h.org ?all
        h.org A 198.51.100.1
        h.org MX 10 h.org
        10.2.0.192.in-addr.arpa PTR h.org
        c.org TXT v=spf1 ip4:203.0.113.1 exp=why.org -all";
    let record =
        "v=spf1 ip6:::1 include:b.org a:h.org mx:h.org ptr:x.org exists:none.org redirect=c.org";
    let outcome = with_record(record, others).await;
    assert_eq!(outcome.result, SpfResult::Fail);
    assert_eq!(outcome.lookups, 7);
    assert_eq!(outcome.void_lookups, 1);
}

#[tokio::test(start_paused = true)]
async fn s4_6_4_two_terms_may_find_nothing_and_the_third_voids_the_policy() {
    let two = with_record("v=spf1 a:x1.org mx:x2.org ?all", "").await;
    assert_eq!((two.result, two.void_lookups), (SpfResult::Neutral, 2));
    let three = with_record("v=spf1 a:x1.org mx:x2.org exists:x3.org ?all", "").await;
    assert_eq!(three.problem, Some(Problem::TooManyVoidLookups));
    let explained = with_record("v=spf1 a:x1.org a:x2.org exp=x3.org -all", "").await;
    assert_eq!(explained.result, SpfResult::Fail);
}

#[tokio::test(start_paused = true)]
async fn s4_6_4_more_than_ten_mail_hosts_void_the_policy() {
    let zone = |count: usize| -> String {
        let host = |n: usize| format!("example.org MX {n} m{n}.org\nm{n}.org A 198.51.100.{n}\n");
        (1..=count).map(host).collect()
    };
    assert_eq!(
        with_record("v=spf1 mx -all", &zone(10)).await.result,
        SpfResult::Fail
    );
    let eleven = with_record("v=spf1 mx -all", &zone(11)).await;
    assert_eq!(eleven.result, SpfResult::PermError);
}

#[tokio::test(start_paused = true)]
async fn s4_6_4_reverse_names_beyond_the_tenth_are_ignored() {
    let mut zone: String = (1..=10)
        .map(|n| format!("10.2.0.192.in-addr.arpa PTR n{n}.net\n"))
        .collect();
    zone.push_str("10.2.0.192.in-addr.arpa PTR example.org\nexample.org A 192.0.2.10");
    assert_eq!(
        with_record("v=spf1 ptr -all", &zone).await.result,
        SpfResult::Fail
    );
}

#[tokio::test(start_paused = true)]
async fn s4_6_4_loops_and_silence_end_within_the_limits() {
    let own = with_record("v=spf1 include:example.org -all", "").await;
    assert_eq!(own.problem, Some(Problem::TooManyLookups));
    let round = with_record(
        "v=spf1 redirect=b.org",
        "b.org TXT v=spf1 redirect=example.org",
    )
    .await;
    assert_eq!(round.problem, Some(Problem::TooManyLookups));
    let started = tokio::time::Instant::now();
    let terms: String = (0..9).map(|n| format!("include:s{n}.org ")).collect();
    let zone: String = (0..9).map(|n| format!("s{n}.org SILENT\n")).collect();
    let silent = with_record(&format!("v=spf1 {terms}-all"), &zone).await;
    assert_eq!(silent.result, SpfResult::TempError);
    assert!(started.elapsed() <= presend::model::limits::SPF_WAIT);
}

// ── §5: mechanisms ──────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn s5_2_include_turns_the_results_of_the_other_policy_as_the_table_says() {
    let others = "pass.org TXT v=spf1 +all
        fail.org TXT v=spf1 -all
        soft.org TXT v=spf1 ~all
        neutral.org TXT v=spf1 ?all
        broken.org TXT v=spf1 foo
        none.org TXT hello
        slow.org SERVFAIL";
    all_of(
        &[
            ("v=spf1 ~include:pass.org -all", SpfResult::SoftFail),
            ("v=spf1 include:fail.org ?all", SpfResult::Neutral),
            ("v=spf1 include:soft.org -all", SpfResult::Fail),
            ("v=spf1 include:neutral.org -all", SpfResult::Fail),
            ("v=spf1 include:broken.org +all", SpfResult::PermError),
            ("v=spf1 include:none.org +all", SpfResult::PermError),
            ("v=spf1 include:gone.org +all", SpfResult::PermError),
            ("v=spf1 include:slow.org +all", SpfResult::TempError),
        ],
        others,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn s5_3_a_compares_addresses_of_the_senders_family_within_the_prefix() {
    let zone = "example.org A 192.0.2.99
        example.org AAAA 2001:db8::99
        only6.org AAAA 2001:db8::1
        only4.org A 198.51.100.1";
    for (record, ip, expected) in [
        ("v=spf1 a -all", "192.0.2.99", SpfResult::Pass),
        ("v=spf1 a -all", "192.0.2.10", SpfResult::Fail),
        ("v=spf1 a/24 -all", "192.0.2.10", SpfResult::Pass),
        ("v=spf1 a/24 -all", "2001:db8::98", SpfResult::Fail),
        ("v=spf1 a//64 -all", "2001:db8::98", SpfResult::Pass),
        ("v=spf1 a//64 -all", "192.0.2.98", SpfResult::Fail),
        ("v=spf1 a/24//64 -all", "::ffff:192.0.2.1", SpfResult::Pass),
        ("v=spf1 a:only6.org/0 -all", "192.0.2.10", SpfResult::Fail),
        ("v=spf1 a:only4.org/0 -all", "192.0.2.10", SpfResult::Pass),
        ("v=spf1 a:only4.org//0 -all", "2001:db8::1", SpfResult::Fail),
        ("v=spf1 a:gone.org/0 -all", "192.0.2.10", SpfResult::Fail),
    ] {
        let zone = format!("example.org TXT {record}\n{zone}");
        let outcome = ask(&zone, ip, "a@example.org", "h.org").await;
        assert_eq!(outcome.result, expected, "{record} from {ip}");
    }
}

#[tokio::test(start_paused = true)]
async fn s5_4_mx_never_falls_back_to_the_address_of_the_domain() {
    let own = "example.org A 192.0.2.10";
    assert_eq!(
        with_record("v=spf1 mx -all", own).await.result,
        SpfResult::Fail
    );
    let null = "example.org A 192.0.2.10\nexample.org MX 0 .";
    assert_eq!(
        with_record("v=spf1 mx/0 -all", null).await.result,
        SpfResult::Fail
    );
    let second = "example.org MX 10 m1.org\nexample.org MX 20 m2.org\nm2.org A 192.0.2.10";
    assert_eq!(
        with_record("v=spf1 mx -all", second).await.result,
        SpfResult::Pass
    );
}

#[tokio::test(start_paused = true)]
async fn s5_5_ptr_believes_only_names_that_lead_back() {
    let confirmed = "10.2.0.192.in-addr.arpa PTR Mail.Example.Org\nmail.example.org A 192.0.2.10";
    let forged = "10.2.0.192.in-addr.arpa PTR mail.example.org\nmail.example.org A 198.51.100.1";
    let near = "10.2.0.192.in-addr.arpa PTR notexample.org\nnotexample.org A 192.0.2.10";
    assert_eq!(
        with_record("v=spf1 ptr -all", confirmed).await.result,
        SpfResult::Pass
    );
    assert_eq!(
        with_record("v=spf1 ptr:EXAMPLE.org -all", confirmed)
            .await
            .result,
        SpfResult::Pass
    );
    assert_eq!(
        with_record("v=spf1 ptr -all", forged).await.result,
        SpfResult::Fail
    );
    assert_eq!(
        with_record("v=spf1 ptr -all", near).await.result,
        SpfResult::Fail
    );
    assert_eq!(
        with_record("v=spf1 ptr -all", "10.2.0.192.in-addr.arpa SERVFAIL")
            .await
            .result,
        SpfResult::Fail
    );
}

#[tokio::test(start_paused = true)]
async fn s5_6_a_mapped_address_is_ipv4_and_never_matches_ip6() {
    for (record, ip, expected) in [
        (
            "v=spf1 ip4:192.0.2.0/28 -all",
            "192.0.2.15",
            SpfResult::Pass,
        ),
        (
            "v=spf1 ip4:192.0.2.0/28 -all",
            "192.0.2.16",
            SpfResult::Fail,
        ),
        ("v=spf1 ip4:0.0.0.0/0 -all", "203.0.113.1", SpfResult::Pass),
        ("v=spf1 ip4:0.0.0.0/0 -all", "2001:db8::1", SpfResult::Fail),
        (
            "v=spf1 ip6:2001:db8::/33 -all",
            "2001:db8:7fff::1",
            SpfResult::Pass,
        ),
        (
            "v=spf1 ip6:2001:db8::/33 -all",
            "2001:db8:8000::1",
            SpfResult::Fail,
        ),
        ("v=spf1 ip6:::/0 -all", "::ffff:192.0.2.10", SpfResult::Fail),
        (
            "v=spf1 ip4:192.0.2.10 -all",
            "::ffff:192.0.2.10",
            SpfResult::Pass,
        ),
    ] {
        let zone = format!("example.org TXT {record}");
        let outcome = ask(&zone, ip, "a@example.org", "h.org").await;
        assert_eq!(outcome.result, expected, "{record} from {ip}");
    }
}

#[tokio::test(start_paused = true)]
async fn s5_7_exists_asks_for_an_ipv4_address_whatever_the_sender_has() {
    let zone = "example.org TXT v=spf1 exists:%{i}.ok.org -all
        *.ok.org A 127.0.0.2
        six.org TXT v=spf1 exists:only6.org -all
        only6.org AAAA 2001:db8::1";
    let four = ask(zone, IP, "a@example.org", "h").await;
    let six = ask(zone, "2001:db8::1", "a@example.org", "h").await;
    assert_eq!(
        (four.result, six.result),
        (SpfResult::Pass, SpfResult::Pass)
    );
    let none = ask(zone, "2001:db8::1", "a@six.org", "h").await;
    assert_eq!(none.result, SpfResult::Fail);
}

// ── §6: modifiers ───────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn s6_1_redirect_is_used_last_replaces_the_domain_and_must_lead_somewhere() {
    let others = "b.org TXT v=spf1 a -all\nb.org A 192.0.2.10\nexample.org A 198.51.100.1\nbad.org TXT hello";
    all_of(
        &[
            ("v=spf1 redirect=b.org", SpfResult::Pass),
            ("v=spf1 redirect=b.org -ip4:192.0.2.10", SpfResult::Fail),
            ("v=spf1 redirect=b.org ?all", SpfResult::Neutral),
            ("v=spf1 redirect=bad.org", SpfResult::PermError),
            ("v=spf1 redirect=gone.org", SpfResult::PermError),
        ],
        others,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn s6_2_a_failure_is_explained_by_the_domain_that_failed_and_trouble_explains_nothing() {
    let others = "why.org TXT See http://x.org/?s=%{S}&i=%{i} for %{h}
        two.org TXT one
        two.org TXT two
        bad.org TXT 100% wrong
        b.org TXT v=spf1 -all exp=bwhy.org
        bwhy.org TXT by b
        slow.org SILENT";
    for (record, expected) in [
        (
            "v=spf1 exp=why.org -all",
            Some("See http://x.org/?s=news%40example.org&i=192.0.2.10 for mail.example.org"),
        ),
        ("v=spf1 exp=two.org -all", None),
        ("v=spf1 exp=bad.org -all", None),
        ("v=spf1 exp=gone.org -all", None),
        ("v=spf1 exp=slow.org -all", None),
        ("v=spf1 exp=why.org ~all", None),
        ("v=spf1 exp=why.org redirect=b.org", Some("by b")),
        ("v=spf1 include:b.org -all", None),
    ] {
        let outcome = with_record(record, others).await;
        assert_eq!(outcome.explanation.as_deref(), expected, "{record}");
    }
}

// ── §7: macros ──────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn s7_4_the_examples_of_the_rfc_expand_as_it_says() {
    for (text, ip, expected) in [
        ("%{s}", "192.0.2.3", "strong-bad@email.example.com"),
        ("%{o}", "192.0.2.3", "email.example.com"),
        ("%{d}", "192.0.2.3", "email.example.com"),
        ("%{d4}", "192.0.2.3", "email.example.com"),
        ("%{d2}", "192.0.2.3", "example.com"),
        ("%{d1}", "192.0.2.3", "com"),
        ("%{dr}", "192.0.2.3", "com.example.email"),
        ("%{d2r}", "192.0.2.3", "example.email"),
        ("%{l}", "192.0.2.3", "strong-bad"),
        ("%{l-}", "192.0.2.3", "strong.bad"),
        ("%{lr}", "192.0.2.3", "strong-bad"),
        ("%{lr-}", "192.0.2.3", "bad.strong"),
        ("%{l1r-}", "192.0.2.3", "strong"),
        (
            "%{ir}.%{v}._spf.%{d2}",
            "192.0.2.3",
            "3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{lr-}.lp._spf.%{d2}",
            "192.0.2.3",
            "bad.strong.lp._spf.example.com",
        ),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "192.0.2.3",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}._spf.%{d2}",
            "2001:db8::cb01",
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com",
        ),
        (
            "%{c} %{r} %{t}",
            "2001:db8::cb01",
            "2001:db8::cb01 unknown 1800000000",
        ),
        ("a%%b%_c%-d", "192.0.2.3", "a%b c%20d"),
    ] {
        let mut zone = Zone::new("email.example.com TXT v=spf1 -all exp=why.org");
        zone.add("why.org", "TXT", text);
        let outcome = ask_zone(zone, ip, "strong-bad@email.example.com", "mx.example.org").await;
        let words = outcome.explanation.unwrap().to_ascii_lowercase();
        assert_eq!(words, expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_name_that_grows_too_long_loses_labels_on_the_left() {
    let label = "l".repeat(60);
    let sender = format!("a@{label}.{label}.example.org");
    let rest = format!("{label}.{label}.{label}.{label}.x.org");
    // Of the sender's domain only `org` still fits: 3 octets, a dot, and 249 octets that follow.
    let zone = format!(
        "{label}.{label}.example.org TXT v=spf1 exists:%{{o}}.{rest} -all\norg.{rest} A 127.0.0.2"
    );
    let outcome = ask(&zone, IP, &sender, "h").await;
    assert_eq!(outcome.result, SpfResult::Pass);
}

#[tokio::test(start_paused = true)]
async fn s7_3_the_reverse_name_prefers_the_domain_itself_then_names_below_it() {
    let zone = "example.org TXT v=spf1 -all exp=why.org
        why.org TXT %{p}
        10.2.0.192.in-addr.arpa PTR other.net
        10.2.0.192.in-addr.arpa PTR mail.example.org
        11.2.0.192.in-addr.arpa PTR forged.example.org
        other.net A 192.0.2.10
        mail.example.org A 192.0.2.10";
    for (ip, expected) in [
        ("192.0.2.10", "mail.example.org"),
        ("192.0.2.11", "unknown"),
        ("192.0.2.12", "unknown"),
    ] {
        let outcome = ask(zone, ip, "a@example.org", "h").await;
        assert_eq!(outcome.explanation.as_deref(), Some(expected), "{ip}");
    }
}

// ── The tree ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(start_paused = true)]
async fn the_tree_says_what_each_include_costs_even_beyond_the_limit() {
    let mut zone = Zone::new(
        "example.org TXT v=spf1 include:small.org include:big.org mx -all
        example.org MX 10 m.org
        m.org A 198.51.100.1
        small.org TXT v=spf1 ip4:192.0.2.0/24 -all",
    );
    let many: String = (0..12).map(|n| format!("include:i{n}.org ")).collect();
    zone.add("big.org", "TXT", &format!("v=spf1 {many}-all"));
    for n in 0..12 {
        zone.add(&format!("i{n}.org"), "TXT", "v=spf1 -all");
    }
    let tree = SpfTree::draw(&zone.lookups(), "example.org", None).await;
    let costs: Vec<(&str, u32)> = tree
        .root
        .terms
        .iter()
        .map(|term| (term.text.as_str(), term.lookups))
        .collect();
    assert_eq!(
        costs,
        [("include:small.org", 1), ("include:big.org", 13), ("mx", 1)]
    );
    assert_eq!((tree.lookups, tree.void_lookups, tree.cut), (15, 0, false));
}

#[tokio::test(start_paused = true)]
async fn a_tree_without_end_is_cut_and_a_loop_is_named() {
    let zone = Zone::new("*.deep.org TXT v=spf1 include:x.%{d} include:y.%{d} -all");
    let tree = SpfTree::draw(&zone.lookups(), "a.deep.org", None).await;
    assert!(tree.cut);
    assert!(tree.lookups <= presend::model::limits::SPF_TREE_TERMS);
    let zone = Zone::new("a.org TXT v=spf1 include:b.org -all\nb.org TXT v=spf1 redirect=A.org");
    let tree = SpfTree::draw(&zone.lookups(), "a.org", None).await;
    assert!(
        matches!(tree.problem(), Some(Problem::Loop { .. })),
        "{tree:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_of_64_kilobytes_in_thousands_of_strings_is_judged_like_any_other() {
    let term = "ip4:198.51.100.77 ";
    let many = term.repeat(65_000 / term.len());
    let pieces: Vec<&str> = many
        .as_bytes()
        .chunks(16)
        .map(|chunk| std::str::from_utf8(chunk).unwrap())
        .collect();
    let record = format!("v=spf1  | {} | ip4:192.0.2.10 -all", pieces.join(" | "));
    assert_eq!(with_record(&record, "").await.result, SpfResult::Pass);
}

proptest! {
    #[test]
    fn any_bytes_parse_or_are_refused_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut text = b"v=spf1 ".to_vec();
        text.extend(bytes);
        let _ = Record::parse(&text);
    }

    #[test]
    fn anything_like_a_record_parses_or_is_refused_but_never_panics(
        text in "v=spf1( [+~?-]?(a|mx|ptr|include|exists|ip4|ip6|exp|redirect|all)?[:=/]?[a-z0-9.%{}/:_-]{0,24}){0,6}"
    ) {
        let _ = Record::parse(text.as_bytes());
    }
}
