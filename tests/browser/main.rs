//! Pages as people see them, in headless Chromium: on a phone and on a desk, light and dark, printed.
//!
//! It takes the programs `chromium` and `chromedriver` (Debian: `chromium`, `chromium-driver`). Without them the tests
//! say so; where `CI` is set, they fail.

mod chromium;
mod lists;
mod look;
mod made;
mod pages;
mod paper;
mod served;
mod shot;
mod tools;

use chromium::{Chromium, View};
use made::Made;
use paper::Paper;

/// The widths of a phone and of a desk, each light and dark.
const VIEWS: [View; 4] = [
    View::new(390, "light"),
    View::new(390, "dark"),
    View::new(1280, "light"),
    View::new(1280, "dark"),
];

/// Runs `visit` in a browser, if there is one.
fn with_browser(visit: impl Fn(&Chromium)) {
    match Chromium::start() {
        Some(chromium) => visit(&chromium),
        None if std::env::var_os("CI").is_some() => {
            panic!("chromium or chromedriver is missing: .ci/run installs them")
        }
        None => eprintln!(
            "not judged: chromium or chromedriver is missing (Debian: apt-get install chromium chromium-driver)"
        ),
    }
}

#[test]
fn pages_fit_are_readable_and_lead_where_they_say() {
    with_browser(|chromium| {
        let made = Made::all();
        let mut faults = Vec::new();
        for (name, page) in made.pages() {
            for view in VIEWS {
                chromium.open(&page, view);
                for fault in look::faults(chromium) {
                    faults.push(format!("{name} at {view}: {fault}"));
                }
            }
        }
        assert_eq!(faults, Vec::<String>::new());
    });
}

#[test]
fn pages_print_on_few_sheets_without_orphans() {
    with_browser(|chromium| {
        let made = Made::all();
        for (name, most) in [("client", 2), ("report", 6), ("preflight", 4)] {
            let page = made.page(name);
            chromium.open(&page, View::new(1280, "dark"));
            let paper = Paper::read(&chromium.print());
            assert!(
                (1..=most).contains(&paper.sheets.len()),
                "{name}: {} sheets, at most {most} were wanted",
                paper.sheets.len()
            );
            assert_eq!(paper.faults(), Vec::<String>::new(), "{name}");
            if name == "client" {
                assert_eq!(
                    paper.sheets.len(),
                    most,
                    "the answer, then where it comes from"
                );
            }
        }
    });
}

#[test]
fn the_checks_see_what_is_wrong() {
    with_browser(|chromium| {
        let folder = tempfile::tempdir().unwrap();
        for (page, expected) in [
            ("<p style='width:2000px'>wide</p>", "wider than the window"),
            (
                "<p style='color:#999;background:#aaa'>faint</p>",
                "contrast",
            ),
            ("<p style='color:#777'>nearly</p>", "contrast"),
            (
                "<svg width='90' height='20'><text y='12' style='fill:#999'>faint</text></svg>",
                "contrast",
            ),
            ("<a href='#nowhere'>there</a>", "leads nowhere"),
            ("<p id='x'>a</p><p id='x'>b</p>", "twice"),
            (
                "<div style='overflow-x:auto;width:200px'><div style='width:900px'>far</div></div>",
                "no keyboard",
            ),
        ] {
            let path = folder.path().join("page.html");
            let text = format!(
                "<!DOCTYPE html><meta name=viewport content='width=device-width'><body style='background:#fff;color:#000'>{page}"
            );
            std::fs::write(&path, text).unwrap();
            chromium.open(&path, View::new(390, "light"));
            let faults = look::faults(chromium);
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{page}: {faults:?}"
            );
        }
        let sheets = "<!DOCTYPE html><style>@page{size:A4;margin:14mm}h2{font-size:30px;break-after:auto;margin:0}\
                      .f{height:248mm}</style><body style='margin:0'><h1>Top</h1><div class=f></div><h2>Alone</h2>\
                      <p style='break-before:page'>next</p><div style='break-before:page'></div>";
        let path = folder.path().join("sheets.html");
        std::fs::write(&path, sheets).unwrap();
        chromium.open(&path, View::new(1280, "light"));
        let faults = Paper::read(&chromium.print()).faults();
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("ends with a heading")),
            "{faults:?}"
        );
        assert!(
            faults.iter().any(|fault| fault.contains("nothing on it")),
            "{faults:?}"
        );
    });
}
