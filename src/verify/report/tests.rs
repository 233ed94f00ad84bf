use std::collections::BTreeMap;

use super::*;
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags};
use crate::model::verdict::Verdict;
use crate::projection::Basis;
use crate::projection::Forecast;
use crate::projection::Goal;
use crate::projection::Kind;
use crate::projection::Model;
use crate::projection::Pile;
use crate::projection::Tally;
use crate::projection::USUAL_CAP;
use crate::projection::target;

/// A terminal of `width` columns, where the clock shows the longest that a clock may show.
fn on(width: usize) -> Terminal<'static> {
    Terminal {
        width,
        when: &|_| "2026-03-02\u{a0}15:30\u{a0}UTC+12:45".to_owned(),
    }
}

/// Rows that a test lists: verdict, list, flags, address, suggestion, provider.
struct Row<'a> {
    standing: Standing,
    reason: Reason,
    disposition: Disposition,
    flags: Flags,
    address: &'a str,
    suggestion: Option<&'a str>,
    provider: Option<(&'a str, &'a str)>,
}

fn row(standing: Standing, reason: Reason, disposition: Disposition, address: &str) -> Row<'_> {
    Row {
        standing,
        reason,
        disposition,
        flags: Flags::NONE,
        address,
        suggestion: None,
        provider: None,
    }
}

fn report_of(list: &str, rows: &[Row<'_>], why: &str) -> Report {
    let model = Model::built_in();
    let mut tally = Tally::new(&model);
    let mut gathering = Gathering::new(list);
    // Under a header.
    for (at, row) in (2..).zip(rows) {
        let verdict = Verdict {
            standing: row.standing,
            reason: row.reason,
        };
        let address = Address::parse(row.address).ok();
        let pile = match row.disposition {
            Disposition::Verified => Pile::Verified,
            Disposition::Review => Pile::Open,
            Disposition::Rejected => Pile::Rejected,
        };
        let domain = address
            .as_ref()
            .map_or("", |address| address.domain().wire());
        tally.add(
            Kind::of(verdict, row.flags),
            row.provider.map(|(id, _)| id),
            domain,
            pile,
        );
        let seen = Seen {
            sheet_row: at,
            verdict,
            disposition: row.disposition,
            flags: row.flags,
            suggestion: row.suggestion,
            provider: row.provider.map(|(_, name)| name),
            provider_id: row.provider.map(|(id, _)| id),
            address: address.as_ref(),
        };
        gathering.count(&seen, |_| {
            row.flags
                .iter()
                .map(|flag| (flag, why.to_owned()))
                .collect()
        });
    }
    let model = tally.teach(model);
    let forecast = Forecast::new(&model);
    let (target, _) = target(
        &forecast,
        &tally,
        Goal {
            rate: 0.02,
            basis: Basis::Expected,
            cap: USUAL_CAP,
        },
    );
    gathering.finish(&tally, &forecast, target)
}

fn sample() -> Report {
    let mut rows = Vec::new();
    for _ in 0..90 {
        rows.push(Row {
            provider: Some(("google", "Google")),
            ..row(
                Standing::Deliverable,
                Reason::Accepted,
                Disposition::Verified,
                "a@acme.test",
            )
        });
    }
    for _ in 0..10 {
        rows.push(row(
            Standing::Undeliverable,
            Reason::NoSuchMailbox,
            Disposition::Rejected,
            "b@bad.test",
        ));
    }
    for _ in 0..5 {
        rows.push(row(
            Standing::Risky,
            Reason::CatchAll,
            Disposition::Review,
            "c@all.test",
        ));
    }
    rows.push(row(
        Standing::Unknown,
        Reason::SenderBlocked,
        Disposition::Review,
        "d@block.test",
    ));
    rows.push(row(
        Standing::Undeliverable,
        Reason::BadSyntax,
        Disposition::Rejected,
        "no address",
    ));
    report_of("leads.csv", &rows, "because")
}

#[test]
fn rows_are_counted_by_everything_a_person_filters_by() {
    let report = sample();
    assert_eq!((report.list.rows, report.list.addresses), (107, 106));
    assert_eq!(report.counts.disposition["verified"], 90);
    assert_eq!(report.counts.verdict["undeliverable"], 11);
    assert_eq!(report.counts.reason["catch_all"], 5);
    assert_eq!(
        report.counts.provider,
        BTreeMap::from([("Google".to_owned(), 90)])
    );
    let flow: u64 = report.flow.iter().map(|flow| flow.rows).sum();
    assert_eq!(flow, report.list.rows);
    let lines: u64 = report.providers.iter().map(|line| line.rows).sum();
    assert_eq!(lines, report.list.rows);
    assert_eq!(report.providers[1].blocked, 1);
    assert_eq!(report.domains.worst[0].domain, "bad.test");
    assert_eq!(report.domains.worst[0].refused, 10);
    assert_eq!(report.domains.catch_all[0].domain, "all.test");
    assert!(!report.domains.approximate);
    let bounces: f64 = report
        .segments
        .iter()
        .map(|line| {
            #[expect(clippy::cast_precision_loss, reason = "few rows")]
            let rows = line.rows as f64;
            rows * line.share
        })
        .sum();
    assert!((bounces - report.projection.input.expected_bounces).abs() < 1e-9);
}

#[test]
fn a_report_survives_its_json() {
    let report = sample();
    assert_eq!(
        Report::from_json(&report.to_json(), "report.json").unwrap(),
        report
    );
}

#[test]
fn a_report_of_the_first_version_is_read_still() {
    let text = r#"{"schema":1,"list":{"path":"l.csv","rows":1,"addresses":1,"duplicates":0},
        "counts":{"verdict":{"deliverable":1},"reason":{"accepted":1},"flag":{},"provider":{},"disposition":{"verified":1}},
        "projection":{"input":{"rate":0.01,"low":0.0,"high":0.02,"expected_bounces":0.01},
        "verified":{"rate":0.01,"low":0.0,"high":0.02,"expected_bounces":0.01},
        "review":{"rate":0.0,"low":0.0,"high":0.0,"expected_bounces":0.0}},
        "traffic":{"dns_queries":1,"connections":1,"rcpt":2,"decoys":1,"answered_from_ledger":0},"unread":[],
        "time":{"started":"2026-03-02T06:00:00Z","finished":"2026-03-02T06:00:01Z","seconds":1.0}}"#;
    let report = Report::from_json(text, "report.json").unwrap();
    assert_eq!(report.rows_in(Disposition::Verified), 1);
    assert!(html(&report, Edition::Full).contains("l.csv"));
    let newer = text.replacen("\"schema\":1", "\"schema\":9", 1);
    let error = Report::from_json(&newer, "r.json").unwrap_err().to_string();
    assert!(
        error.contains("r.json") && error.contains("schema 9"),
        "{error}"
    );
    let error = Report::from_json("[]", "r.json").unwrap_err().to_string();
    assert!(error.contains("r.json is no report"), "{error}");
}

/// What a hostile list, or a hostile mail host, would like a page to do.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "</style><h1>owned</h1>",
    "{{ 7*7 }}{% raw %}",
    "=cmd|'/c calc'!A1",
    "\u{202e}gnp.exe\u{2066}\u{200f}\u{1b}[31m",
];

fn hostile(words: &str) -> Report {
    let mut report = report_of(
        words,
        &[
            Row {
                flags: Flags::NONE.with(Flag::TrapLike).with(Flag::Role),
                suggestion: Some(words),
                provider: Some((words, words)),
                ..row(
                    Standing::Unknown,
                    Reason::Unread,
                    Disposition::Review,
                    "\"<script>alert(1)</script>\"@acme.test",
                )
            },
            Row {
                suggestion: Some(words),
                ..row(
                    Standing::Undeliverable,
                    Reason::BadSyntax,
                    Disposition::Rejected,
                    words,
                )
            },
        ],
        words,
    );
    report.unread.push(Unread {
        reply: words.to_owned(),
        count: 1,
    });
    report.blocked.push(BlockedHost {
        host: words.to_owned(),
        reply: words.to_owned(),
        addresses: 1,
    });
    report.traffic.busiest.push(HostLine {
        host: words.to_owned(),
        rcpt: 1,
    });
    report.traffic.rcpt = 1;
    report.domains.worst.push(DomainLine {
        domain: words.to_owned(),
        reason: words.to_owned(),
        ..DomainLine::default()
    });
    report.segments[0].segment = words.to_owned();
    report.segments[0].words = words.to_owned();
    report.program = words.to_owned();
    report
}

/// The page without what is ours: its style.
fn body(page: &str) -> &str {
    page.split_once("</style>").unwrap().1
}

#[test]
fn nothing_from_outside_becomes_markup_on_the_page() {
    for words in HOSTILE {
        let page = html(&hostile(words), Edition::Full);
        let body = body(&page);
        for markup in [
            "<script",
            "<img",
            "<svg onload",
            "<h1>owned",
            "</style",
            "onerror=alert(1)>",
        ] {
            assert!(!body.contains(markup), "{words}: {markup}");
        }
        assert_eq!(page.matches("<style>").count(), 1);
        let ordinary = html(&hostile("ordinary words"), Edition::Full);
        for tag in ["<svg", "<a ", "<h1", "<table", "<td", "<i "] {
            assert_eq!(
                page.matches(tag).count(),
                ordinary.matches(tag).count(),
                "{words} changes the number of {tag}"
            );
        }
        let reorders = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200f}' | '\u{1b}');
        assert!(!page.contains(reorders), "{words}");
    }
}

#[test]
fn nothing_from_outside_becomes_markup_in_a_chat_or_on_a_terminal_or_a_metric() {
    for words in HOSTILE {
        let report = hostile(words);
        let summary = markdown(&report);
        assert!(
            !summary.contains("<script") && !summary.contains("<img") && !summary.contains("<svg"),
            "{summary}"
        );
        for text in [
            &summary,
            &terminal(&report, words, on(80), Detail::All),
            &metrics(&report),
        ] {
            assert!(
                !text.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\u{200f}']),
                "{text}"
            );
        }
    }
    let metrics = metrics(&hostile("a\"b\\c\nd"));
    assert!(metrics.contains("list=\"a\\\"b\\\\c d\""), "{metrics}");
    let mention = markdown(&report_of("@everyone [x](http://evil.test)", &[], ""));
    assert!(
        !mention.contains("@everyone") && !mention.contains("](http"),
        "{mention}"
    );
}

#[test]
fn the_page_needs_nothing_else() {
    let page = html(&sample(), Edition::Full);
    for foreign in [
        "http://", "https://", "<script", "<link", "src=", "@import", "url(",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    assert!(page.contains("width=device-width"));
}

#[test]
fn the_first_screen_says_whether_it_bounces_and_what_to_do() {
    let report = sample();
    let headline = advice::headline(&report);
    assert!(
        headline.starts_with("Do not send this list as it is"),
        "{headline}"
    );
    let steps = advice::steps(&report);
    assert!(
        steps[0].what.contains("Send to the 90 addresses"),
        "{steps:?}"
    );
    assert!(
        steps
            .iter()
            .any(|step| step.what.contains("does not talk") || step.what.contains("do not talk"))
    );
    let page = html(&report, Edition::Full);
    assert!(page.contains("verified.csv") && page.contains("presend_reason = catch_all"));
    let screen = terminal(&report, "out", on(80), Detail::OneScreen);
    assert!(screen.lines().count() <= 23, "{screen}");
    assert!(screen.contains("Send to the 90 addresses"));
}

#[test]
fn the_summary_fits_one_screen_and_breaks_between_words() {
    let mut report = sample();
    report.since = Some(Since::between(&Numbers::from(&report), &report));
    report.memory.rows = 3;
    report.memory.oldest = Some(report.time.started);
    for width in [80, 120] {
        let screen = terminal(&report, "list.csv.presend", on(width), Detail::OneScreen);
        assert!(screen.lines().count() <= 23, "{screen}");
        assert!(
            screen.lines().all(|line| line.chars().count() <= width),
            "{screen}"
        );
        let all = terminal(&report, "list.csv.presend", on(width), Detail::All);
        assert!(all.contains("asked: ") && all.lines().count() > 23, "{all}");
        insta::assert_snapshot!(screen);
    }
}

#[test]
fn a_run_that_was_blocked_says_so_and_where_to_turn() {
    let mut report = sample();
    report.traffic.answered_from_ledger = 0;
    report.projection.input.rows = 36;
    report.projection.verified = Projection::default();
    report.flow = vec![Flow {
        verdict: Standing::Unknown,
        reason: Reason::SenderBlocked,
        disposition: Disposition::Review,
        rows: 36,
    }];
    report.blocked = (0..12)
        .map(|host| BlockedHost {
            host: format!("mx{host}.test"),
            reply: "554 5.7.1 Client host blocked using zen.spamhaus.org".to_owned(),
            addresses: 3,
        })
        .collect();
    let headline = advice::headline(&report);
    assert_eq!(
        headline,
        "We were blocked: all 12 hosts refuse this address, naming zen.spamhaus.org. Nothing is proven yet."
    );
    let steps = advice::steps(&report);
    assert!(
        steps[0].how.contains("https://check.spamhaus.org/"),
        "{steps:?}"
    );
    assert!(steps[1].how.contains("--source-ip"), "{steps:?}");
    assert_ne!(
        advice::Mood::of(&report.projection.verified),
        advice::Mood::Fine
    );
    let screen = terminal(&report, "out", on(80), Detail::OneScreen);
    assert!(!screen.contains("[fine]"), "{screen}");
    insta::assert_snapshot!(screen);
}

#[test]
fn nobody_asked_is_no_host_that_kept_silent() {
    let open = row(
        Standing::Unknown,
        Reason::NotAsked,
        Disposition::Review,
        "anna@acme.test",
    );
    let steps = advice::steps(&report_of("leads.csv", &[open], ""));
    let what: Vec<&str> = steps.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(
        what,
        ["Have the mail hosts of 1 address asked: nobody was yet."]
    );
}

#[test]
fn an_empty_list_makes_a_page_too() {
    let report = report_of("empty.csv", &[], "");
    assert!(html(&report, Edition::Full).contains("The list has no rows."));
    assert!(markdown(&report).contains("The list has no rows."));
    assert!(terminal(&report, "out", on(80), Detail::OneScreen).contains("The list has no rows."));
    assert!(metrics(&report).contains("presend_rows{list=\"empty.csv\"} 0"));
}

#[test]
fn what_changed_since_last_time_is_told() {
    let then = sample();
    let mut now = sample();
    now.counts.reason.insert("silent".to_owned(), 3);
    now.counts.disposition.insert("review".to_owned(), 9);
    let since = Since::between(&Numbers::from(&then), &now);
    assert_eq!(since.disposition["review"], [6, 9]);
    assert_eq!(since.disposition["verified"], [90, 90]);
    assert_eq!(
        since.reason,
        BTreeMap::from([("silent".to_owned(), [0, 3])])
    );
    now.since = Some(since);
    assert!(html(&now, Edition::Full).contains("Since last time"));
    assert!(markdown(&now).contains("review 6 → 9"));
}

#[test]
fn tables_stay_small_however_long_the_list() {
    let addresses: Vec<String> = (0..3_000).map(|n| format!("a@d{n}.test")).collect();
    let rows: Vec<Row<'_>> = addresses
        .iter()
        .map(|address| Row {
            suggestion: Some("a@meant.test"),
            ..row(
                Standing::Undeliverable,
                Reason::NoSuchMailbox,
                Disposition::Rejected,
                address,
            )
        })
        .collect();
    let report = report_of("long.csv", &rows, "");
    assert_eq!(
        report.domains.worst.len(),
        crate::model::limits::REPORT_LINES
    );
    assert_eq!(report.suggestions.len(), crate::model::limits::REPORT_LINES);
    assert!(html(&report, Edition::Full).len() < 100_000);
}
