//! What people do with a list beside watching it: read it otherwise, take what is known, ask again, learn from bounces.

use std::path::Path;

use crate::chromium::Chromium;
use crate::pages::{DESK, ENTER, TAB, drop_file, shown, text, until_shown};
use crate::served::{Served, sample, until};
use crate::with_browser;

fn click(chromium: &Chromium, id: &str) {
    chromium.run(&format!("document.getElementById('{id}').click()"));
}

/// Chooses an option of a field, as a person does.
fn choose(chromium: &Chromium, id: &str, value: &str) {
    chromium.run(&format!(
        "const field = document.getElementById('{id}'); field.value = '{value}'; field.dispatchEvent(new Event('change', {{ bubbles: true }}))"
    ));
}

#[test]
fn a_list_that_is_read_wrongly_is_read_otherwise() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        chromium.visit(&served.url(""), DESK);
        let list = b"a^b^c\nx1^anna@nordlicht.test^y\nx2^bert@nordlicht.test^z\n";
        drop_file(chromium, "odd.csv", list);
        until_shown(chromium, "name", "odd.csv");
        until_shown(chromium, "trouble", "This list cannot be read.");
        assert!(
            shown(chromium, "trouble").contains("delimiter"),
            "what to change is said"
        );
        chromium.run(
            "const field = document.getElementById('delimiter'); field.append(new Option('^', '^')); field.value = '^'; \
             field.dispatchEvent(new Event('change'))",
        );
        until_shown(chromium, "counts", "2");
        let column = || text(chromium, "return document.getElementById('column').value");
        assert_eq!(column(), "2");
        click(chromium, "verify");
        until_shown(chromium, "state", "Done");
        // Where several columns may be meant, nothing is guessed.
        chromium.visit(&served.url(""), DESK);
        let list = "what,email,email\nx,anna@nordlicht.test,bert@nordlicht.test\n";
        drop_file(chromium, "two.csv", list.as_bytes());
        until_shown(chromium, "name", "two.csv");
        until_shown(chromium, "undecided", "choose it");
        assert_eq!(column(), "");
        let is_ready = || {
            text(
                chromium,
                "return String(!document.getElementById('verify').disabled)",
            )
        };
        assert_eq!(is_ready(), "false");
        choose(chromium, "column", "2");
        until("it may be verified", || is_ready() == "true");
        until_shown(chromium, "counts", "1");
        chromium.run("document.querySelector('#further-columns input[value=\"3\"]').click()");
        until("both columns are marked", || {
            text(
                chromium,
                "return String(document.querySelectorAll('#first-head .here').length)",
            ) == "2"
        });
        click(chromium, "verify");
        until_shown(chromium, "state", "Done");
        let id = text(
            chromium,
            "return new URLSearchParams(location.search).get('id')",
        );
        let choices = served.told(&format!("v1/lists/{id}"))["choices"].clone();
        assert_eq!(
            (&choices["column"], &choices["further"][0]),
            (&"2".into(), &"3".into())
        );
    });
}

#[test]
fn a_sheet_of_a_workbook_is_chosen() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let mut workbook = rust_xlsxwriter::Workbook::new();
        for (name, rows) in [
            (
                "Old",
                [["mail"], ["anna@nordlicht.test"], ["bert@nordlicht.test"]],
            ),
            ("New", [["mail"], ["carl@nordlicht.test"], [""]]),
        ] {
            let sheet = workbook.add_worksheet();
            sheet.set_name(name).unwrap();
            for (at, cells) in (0..).zip(rows) {
                sheet.write_row(at, 0, cells).unwrap();
            }
        }
        chromium.visit(&served.url(""), DESK);
        drop_file(chromium, "leads.xlsx", &workbook.save_to_buffer().unwrap());
        until_shown(chromium, "first-body", "anna@");
        click(chromium, "reading-open");
        choose(chromium, "sheet", "New");
        until_shown(chromium, "first-body", "carl@");
        assert!(!shown(chromium, "first-body").contains("anna@"));
    });
}

#[test]
fn a_policy_of_ones_own_and_a_safe_limit_are_kept_to() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "options-title", "How it is verified");
        chromium.run("document.querySelector('input[value=own]').click()");
        until_shown(chromium, "own-line", "Your table");
        chromium.run("document.getElementById('own').value = 'deliverable = \"review\"'");
        click(chromium, "verify");
        until_shown(chromium, "trouble", "risky");
        chromium.run(
            "document.getElementById('own').value = 'deliverable = \"review\"\\nrisky = \"review\"\\nunknown = \"review\"\\nundeliverable = \"rejected\"'; \
             document.getElementById('target').value = '0.02'; document.getElementById('safe').click()",
        );
        click(chromium, "verify");
        until_shown(chromium, "state", "Done");
        let view = served.told(&format!("v1/lists/{id}"));
        assert_eq!(view["result"]["lists"]["verified"], 0);
        assert_eq!(view["choices"]["target_on"], "upper");
        assert!(shown(chromium, "everything").contains("target.csv"));
    });
}

#[test]
fn what_is_known_is_taken_while_it_runs_and_a_list_says_whom_it_waits_for() {
    with_browser(|chromium| {
        let served = Served::simulated(60);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        let later = served.send("later.csv", b"email\nanna@nordlicht.test\n");
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "options-title", "How it is verified");
        click(chromium, "verify");
        until_shown(chromium, "settled", "mailboxes settled");
        until_shown(chromium, "now", "verified.csv");
        let links = text(
            chromium,
            "return [...document.querySelectorAll('#now a')].map((a) => a.getAttribute('href')).join(' ')",
        );
        for link in links.split(' ') {
            let file = served.get(link);
            assert!(!file.is_empty(), "{link}");
            if link.ends_with("verified.csv") {
                assert!(String::from_utf8_lossy(&file).contains("presend_verdict"));
            }
        }
        assert_eq!(shown(chromium, "state"), "Under way");
        served.ask("POST", &format!("v1/lists/{later}/verify"), &[]);
        chromium.visit(&served.url(&format!("list?id={later}")), DESK);
        until_shown(chromium, "waits-for", "It waits for leads.csv.");
        chromium.run("document.querySelector('#waits-for a').click()");
        until_shown(chromium, "name", "leads.csv");
        click(chromium, "stop");
        until_shown(chromium, "state", "Done");
        until_shown(chromium, "ending", "before all were asked");
    });
}

#[test]
fn chosen_rows_are_asked_about_again() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        served.verify(&id);
        let asked = || {
            served.told(&format!("v1/lists/{id}"))["result"]["traffic"]["rcpt"]
                .as_u64()
                .unwrap()
        };
        let all = asked();
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "rows-body", "@");
        assert_eq!(
            shown(chromium, "ask-found"),
            "",
            "all rows are not asked about by a slip"
        );
        let address = text(
            chromium,
            "return document.querySelector('#rows-body button').textContent",
        );
        let begins = served.told(&format!("v1/lists/{id}"))["ended"].clone();
        chromium.run(&format!(
            "const q = document.getElementById('q'); q.value = '{address}'; q.dispatchEvent(new Event('input'))"
        ));
        until_shown(chromium, "ask-found", "Ask again about these rows");
        click(chromium, "ask-found");
        let is_over = |before: &serde_json::Value| {
            let view = served.told(&format!("v1/lists/{id}"));
            view["state"] == "done" && view["ended"] != *before
        };
        until("it was asked again", || is_over(&begins));
        assert!(asked() < all, "{} of {all}", asked());
        until_shown(chromium, "state", "Done");
        let ended = served.told(&format!("v1/lists/{id}"))["ended"].clone();
        until_shown(chromium, "rows-body", &address);
        chromium.run("document.querySelector('#rows-body button').click()");
        until_shown(chromium, "evidence-again", "Ask again about this one");
        click(chromium, "evidence-again");
        until("one row was asked about again", || is_over(&ended));
        until_shown(chromium, "state", "Done");
    });
}

#[test]
fn what_came_back_stands_beside_what_was_projected() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        served.verify(&id);
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "bounces-title", "What came back");
        for file in ["bounces.mbox", "events.jsonl"] {
            chromium.choose("#bounces-file", Path::new(&sample(file)));
            until_shown(chromium, "bounces-told", file);
        }
        until_shown(chromium, "real", "really bounced");
        assert!(shown(chromium, "real").contains("was projected"));
        let told = shown(chromium, "bounces-told");
        assert!(told.contains("added to the suppression list"), "{told}");
        chromium.run("location.reload()");
        until_shown(chromium, "real", "really bounced");
        let report = served.get(&format!("v1/lists/{id}/report.html"));
        let report = String::from_utf8_lossy(&report).into_owned();
        assert!(
            report.contains("What came of sending") || report.contains("bounced"),
            "{report}"
        );
    });
}

#[test]
fn the_keyboard_alone_pauses_goes_on_downloads_and_asks_again() {
    with_browser(|chromium| {
        let served = Served::simulated(60);
        let id = served.send("leads.csv", &std::fs::read(sample("leads.csv")).unwrap());
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "counts", "298");
        let focus = || {
            text(
                chromium,
                "const at = document.activeElement; return `${at.id} ${at.getAttribute('href') ?? ''}`",
            )
        };
        let tab_to = |wanted: &str| {
            for _ in 0..120 {
                if focus().split(' ').any(|part| part == wanted) {
                    return;
                }
                chromium.press(TAB);
            }
            panic!("no tab comes to {wanted}, but to {}", focus());
        };
        tab_to("verify");
        chromium.press(ENTER);
        until_shown(chromium, "settled", "mailboxes settled");
        tab_to(&format!("v1/lists/{id}/verified.csv"));
        tab_to("pause");
        chromium.press(ENTER);
        until_shown(chromium, "state", "Rests");
        tab_to("resume");
        chromium.press(ENTER);
        until_shown(chromium, "state", "Done");
        for name in ["verified.csv", "review.xlsx", "rejected.csv", "lists.xlsx"] {
            tab_to(&format!("v1/lists/{id}/{name}"));
        }
        tab_to("q");
        chromium.press('n');
        until_shown(chromium, "ask-found", "Ask again about these rows");
        tab_to("ask-found");
        tab_to("bounces-file");
    });
}
