//! The pages of `presend serve`, used as people use them.

use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use serde_json::Value;

use crate::chromium::{Chromium, View};
use crate::look;
use crate::served::{PATIENCE, Served, sample, until, until_or, verified};
use crate::{VIEWS, with_browser};

/// The keys that people go by, as `WebDriver` names them (`WebDriver` §17.4.2).
pub(crate) const TAB: char = '\u{e004}';
pub(crate) const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

pub(crate) const DESK: View = View::new(1280, "light");

/// What a script comes to, as text.
pub(crate) fn text(chromium: &Chromium, script: &str) -> String {
    match chromium.run(script) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The text of an element; empty where it is not shown.
pub(crate) fn shown(chromium: &Chromium, id: &str) -> String {
    text(
        chromium,
        &format!(
            "const e = document.getElementById('{id}'); return e && e.getClientRects().length ? e.textContent : ''"
        ),
    )
}

/// Waits until an element shows these words.
pub(crate) fn until_shown(chromium: &Chromium, id: &str, wanted: &str) {
    let what = || {
        let page = "return location.href + '\\n' + document.body.innerText";
        format!("{id} shows {wanted:?}; it is {}", text(chromium, page))
    };
    until_or(what, || shown(chromium, id).contains(wanted));
}

/// Drops a file on the page, as a mouse does.
pub(crate) fn drop_file(chromium: &Chromium, name: &str, bytes: &[u8]) {
    let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
    let name = Value::from(name);
    let is_taken = chromium.run(&format!(
        "const bytes = Uint8Array.from(atob('{packed}'), (c) => c.charCodeAt(0));
         const data = new DataTransfer();
         data.items.add(new File([bytes], {name}));
         return !document.getElementById('drop').dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }}));"
    ));
    assert_eq!(is_taken, true, "the page lets the browser have the file");
}

/// The id of the list whose page is open.
fn list_of(chromium: &Chromium) -> String {
    text(
        chromium,
        "return new URLSearchParams(location.search).get('id') ?? ''",
    )
}

/// The rows of a list without the times at which they were asked about, which no two runs share.
fn without_times(list: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(list);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let times = rows[0].iter().position(|name| name == "presend_checked_at");
    let of_row = |row: &csv::StringRecord| {
        let cells = row.iter().enumerate();
        let kept = cells.filter(|(place, _)| Some(*place) != times);
        kept.map(|(_, cell)| cell.to_owned()).collect()
    };
    rows.iter().map(of_row).collect()
}

/// Follows the list whose page is open until it is done; says how often its progress moved.
fn follow(chromium: &Chromium) -> usize {
    let mut seen = Vec::new();
    let begun = Instant::now();
    while shown(chromium, "state") != "Done" {
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
        let settled = shown(chromium, "settled");
        if !settled.is_empty() && seen.last() != Some(&settled) {
            seen.push(settled);
        }
    }
    seen.len()
}

/// Everything wrong with the page that is open. Its links lead to other pages, which is what they are for.
fn faults(chromium: &Chromium) -> Vec<String> {
    let mut faults = look::faults(chromium);
    faults.retain(|fault| !fault.starts_with("a link leads out"));
    faults
}

#[test]
fn a_list_is_dropped_watched_and_taken_as_verify_makes_it() {
    with_browser(|chromium| {
        let folder = tempfile::tempdir().unwrap();
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let workbook = folder.path().join("Leads of the fair.xlsx");
        write_workbook(&list, &workbook);
        for (name, bytes) in [
            ("leads.csv", list),
            ("Leads of the fair.xlsx", std::fs::read(&workbook).unwrap()),
        ] {
            let served = Served::simulated(200);
            let own = folder.path().join(format!("{}.own", name.len()));
            std::fs::create_dir(&own).unwrap();
            let file = own.join(name);
            std::fs::write(&file, &bytes).unwrap();
            let expected = verified(&own, &file);
            let saved = own.join("saved");
            chromium.saves_to(&saved);
            chromium.visit(&served.url(""), DESK);
            drop_file(chromium, name, &bytes);
            until_shown(chromium, "name", name);
            until_shown(chromium, "counts", "298");
            assert_eq!(
                text(
                    chromium,
                    "return document.getElementById('column').selectedOptions[0].text"
                ),
                "Email"
            );
            chromium.run("document.getElementById('verify').click()");
            let moved = follow(chromium);
            assert!(moved > 2, "{name}: progress was seen {moved} times");
            let id = list_of(chromium);
            for part in ["verified", "review", "rejected"] {
                let link = format!("#three a[href=\"v1/lists/{id}/{part}.csv\"]");
                chromium.run(&format!("document.querySelector('{link}').click()"));
                let file = saved.join(format!("{part}.csv"));
                until("the file is saved", || file.exists());
                let made = std::fs::read(expected.join(format!("{part}.csv"))).unwrap();
                assert_eq!(
                    without_times(&std::fs::read(file).unwrap()),
                    without_times(&made),
                    "{name}: {part}"
                );
            }
        }
    });
}

/// The same list as a workbook.
fn write_workbook(list: &[u8], path: &Path) {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(list);
    for (row, record) in (0..).zip(reader.records()) {
        for (column, cell) in (0..).zip(record.unwrap().iter()) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    workbook.save(path).unwrap();
}

#[test]
fn a_list_goes_on_through_a_reload_and_through_the_end_of_its_server() {
    with_browser(|chromium| {
        let mut served = Served::simulated(60);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "options-title", "How it is verified");
        chromium.run("document.getElementById('verify').click()");
        until_shown(chromium, "settled", "mailboxes settled");
        chromium.run("location.reload()");
        until_shown(chromium, "settled", "mailboxes settled");
        assert_eq!(shown(chromium, "state"), "Under way");
        served.kill();
        until_shown(chromium, "lost", "The server does not answer");
        served.start_again();
        until_shown(chromium, "state", "Done");
        assert_eq!(shown(chromium, "lost"), "");
        let rows: u64 = ["verified", "review", "rejected"]
            .iter()
            .map(|part| {
                served.told(&format!("v1/lists/{id}"))["result"]["lists"][part]
                    .as_u64()
                    .unwrap()
            })
            .sum();
        assert_eq!(rows, 298);
    });
}

#[test]
fn a_list_rests_is_downloaded_meanwhile_and_goes_on() {
    with_browser(|chromium| {
        let served = Served::simulated(60);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "options-title", "How it is verified");
        chromium.run("document.getElementById('verify').click()");
        until_shown(chromium, "settled", "mailboxes settled");
        chromium.run("document.getElementById('pause').click()");
        until_shown(chromium, "state", "Rests");
        until_shown(chromium, "result-title", "What is known so far");
        assert!(
            !served
                .get(&format!("v1/lists/{id}/verified.csv"))
                .is_empty()
        );
        chromium.run("document.getElementById('resume').click()");
        until_shown(chromium, "state", "Under way");
        until_shown(chromium, "state", "Done");
        until_shown(chromium, "result-title", "What came of it");
    });
}

#[test]
fn pages_fit_are_readable_and_speak_two_languages() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let long = format!("{}.csv", "x".repeat(150));
        let done = served.send(&long, &list);
        served.verify(&done);
        let fresh = served.send("fresh.csv", &list);
        let told = served.told(&format!("v1/lists/{done}"));
        let verified = told["result"]["lists"]["verified"].to_string();
        let mut wrong = Vec::new();
        for (language, title) in [("en", "How it is verified"), ("de", "Wie geprüft wird")] {
            for view in VIEWS {
                for (page, id, words) in [
                    (String::new(), "lists-body", "fresh.csv"),
                    (format!("list?id={fresh}"), "options-title", title),
                    (format!("list?id={done}"), "three", verified.as_str()),
                    ("tools".to_owned(), "remembered", "32"),
                ] {
                    let joint = if page.contains('?') { '&' } else { '?' };
                    chromium.visit(&served.url(&format!("{page}{joint}lang={language}")), view);
                    until_shown(chromium, id, words);
                    assert_eq!(
                        text(chromium, "return document.documentElement.lang"),
                        language
                    );
                    for fault in faults(chromium) {
                        wrong.push(format!("{page} in {language} at {view}: {fault}"));
                    }
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        // What was chosen stays chosen.
        chromium.visit(&served.url("tools"), DESK);
        assert_eq!(text(chromium, "return document.documentElement.lang"), "de");
        chromium.visit(&served.url("tools?lang=en"), DESK);
    });
}

#[test]
fn a_list_under_way_and_the_evidence_of_a_row_fit_everywhere() {
    with_browser(|chromium| {
        let served = Served::simulated(60);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let id = served.send("leads.csv", &list);
        served.ask("POST", &format!("v1/lists/{id}/verify"), &[]);
        let page = served.url(&format!("list?id={id}&lang=en"));
        let mut wrong = Vec::new();
        for view in VIEWS {
            chromium.visit(&page, view);
            until_shown(chromium, "waiting-hosts", "again by");
            assert_eq!(shown(chromium, "state"), "Under way");
            wrong.extend(
                faults(chromium)
                    .iter()
                    .map(|fault| format!("under way at {view}: {fault}")),
            );
        }
        served.ask("POST", &format!("v1/lists/{id}/stop"), &[]);
        for view in VIEWS {
            chromium.visit(&page, view);
            until_shown(chromium, "rows-body", "@");
            chromium.run("document.querySelector('#rows-body button').click()");
            until_shown(chromium, "evidence-body", "What it is known from");
            wrong.extend(
                faults(chromium)
                    .iter()
                    .map(|fault| format!("evidence at {view}: {fault}")),
            );
        }
        assert_eq!(wrong, Vec::<String>::new());
    });
}

#[test]
fn a_user_who_hears_a_page_hears_what_each_part_of_it_is() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        let list = std::fs::read(sample("leads.csv")).unwrap();
        let done = served.send("leads.csv", &list);
        served.verify(&done);
        let fresh = served.send("fresh.csv", &list);
        for (page, id, words) in [
            (String::new(), "lists-body", "fresh.csv"),
            (format!("list?id={fresh}"), "counts", "298"),
            (format!("list?id={done}"), "rows-body", "@"),
            ("tools".to_owned(), "remembered", "32"),
        ] {
            chromium.visit(&served.url(&page), DESK);
            until_shown(chromium, id, words);
            if id == "rows-body" {
                chromium.run("document.querySelector('#rows-body button').click()");
                until_shown(chromium, "evidence-body", "What it is known from");
            }
            let heard = chromium.heard();
            let nameless: Vec<_> = heard.iter().filter(|(_, name)| name.is_empty()).collect();
            assert!(nameless.is_empty(), "{page}: {nameless:?}");
            assert!(heard.len() > 5, "{page}: {heard:?}");
            let begins = |role: &str| heard.iter().any(|(one, _)| one == role);
            assert!(
                begins("button") && (begins("heading") || begins("dialog")),
                "{page}: {heard:?}"
            );
        }
    });
}

#[test]
fn what_lists_and_hosts_say_is_text() {
    with_browser(|chromium| {
        let folder = tempfile::tempdir().unwrap();
        let hurt = "<img src=x onerror=window.hurt=1><script>window.hurt=1</script>";
        let world = folder.path().join("world.toml");
        let said = format!("550 5.1.1 {hurt} no such user");
        std::fs::write(
            &world,
            format!(
                "[[host]]\nname = \"mx.acme.test\"\n[host.says]\nno_such_user = '{said}'\n\n\
                 [[domain]]\nname = \"acme.test\"\nmx = [\"mx.acme.test\"]\nmailboxes = [\"anna\"]\n"
            ),
        )
        .unwrap();
        let served = Served::with(&["--world", world.to_str().unwrap()]);
        let list = format!(
            "email,{hurt}\nanna@acme.test,{hurt}\nbert@acme.test,{hurt}\n\"{hurt}\"@acme.test,x\n"
        );
        chromium.visit(&served.url(""), DESK);
        let name = format!("{hurt}\u{202e}.csv").replace('/', "");
        drop_file(chromium, &name, list.as_bytes());
        until_shown(chromium, "first-body", "onerror");
        assert!(shown(chromium, "name").contains("<img src=x onerror"));
        chromium.run("document.getElementById('verify').click()");
        until_shown(chromium, "state", "Done");
        until_shown(chromium, "rows-body", "bert@acme.test");
        chromium.run("[...document.querySelectorAll('#rows-body button')].find((b) => b.textContent.includes('bert')).click()");
        until_shown(chromium, "evidence-body", "<script>window.hurt=1</script>");
        chromium.visit(&served.url(""), DESK);
        until_shown(chromium, "lists-body", "onerror");
        chromium.visit(&served.url("tools"), DESK);
        chromium.run(&format!(
            "document.getElementById('explain-text').value = {}; document.querySelector('#explain button').click()",
            Value::from(said)
        ));
        until_shown(chromium, "explain-told", "There is no such mailbox.");
        assert_eq!(
            text(
                chromium,
                "return String(window.hurt) + document.querySelectorAll('main img, main script').length"
            ),
            "undefined0"
        );
    });
}

#[test]
fn the_keyboard_alone_leads_from_a_file_to_the_evidence_of_a_row() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        chromium.visit(&served.url(""), DESK);
        until_shown(chromium, "lists-title", "Your lists");
        let focus = || text(chromium, "return document.activeElement.id");
        let tab_to = |wanted: &str| {
            for _ in 0..80 {
                if focus() == wanted {
                    return;
                }
                chromium.press(TAB);
            }
            panic!("no tab comes to {wanted}");
        };
        chromium.press(TAB);
        chromium.press(ENTER);
        assert_eq!(focus(), "content", "the first tab leads past the head");
        tab_to("file");
        chromium.choose("#file", Path::new(&sample("leads.csv")));
        until_shown(chromium, "counts", "298");
        tab_to("verify");
        chromium.press(ENTER);
        until_shown(chromium, "state", "Done");
        until("the focus is not lost", || {
            ["live-title", "result-title"].contains(&focus().as_str())
        });
        until_shown(chromium, "rows-body", "@");
        tab_to("which");
        chromium.press(TAB);
        until("the first row has the focus", || {
            text(
                chromium,
                "return String(document.querySelector('#rows-body button') === document.activeElement)",
            ) == "true"
        });
        chromium.press(ENTER);
        until_shown(chromium, "evidence-body", "What it is known from");
        assert_eq!(
            text(
                chromium,
                "return String(document.getElementById('evidence').contains(document.activeElement))"
            ),
            "true"
        );
        chromium.press(ESCAPE);
        assert_eq!(shown(chromium, "evidence-body"), "");
        assert_eq!(
            text(
                chromium,
                "return document.activeElement.closest('tbody')?.id ?? ''"
            ),
            "rows-body",
            "the focus comes back"
        );
    });
}

#[test]
fn a_long_list_is_searched_at_once() {
    let row = |number| {
        let company = number % 997;
        format!("person{number}@company{company}.example,Company {company}\n")
    };
    let list: String = std::iter::once("email,company\n".to_owned())
        .chain((0..50_000).map(row))
        .collect();
    with_browser(|chromium| {
        let served = Served::with(&["--offline"]);
        let id = served.send("long.csv", list.as_bytes());
        served.verify(&id);
        chromium.visit(&served.url(&format!("list?id={id}")), DESK);
        until_shown(chromium, "rows-body", "person0@");
        let begun = Instant::now();
        chromium.run("const q = document.getElementById('q'); q.value = 'person49999@'; q.dispatchEvent(new Event('input'))");
        until_shown(chromium, "rows-body", "person49999@");
        let taken = begun.elapsed();
        assert!(taken.as_secs() < 5, "a search took {taken:?}");
        let elements = chromium.run("return document.querySelectorAll('*').length");
        assert!(elements.as_u64().unwrap() < 3_000, "{elements} elements");
    });
}
