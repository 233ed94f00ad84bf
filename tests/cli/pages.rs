//! The pages that people open: the client's edition, and what a report says once mail was really sent.

use crate::list::{Run, presend, repository};
use crate::schema::{faults_of_ours, schema};

fn sample(arguments: &[&str]) -> Run {
    let list = std::fs::read(repository("sample_lists/leads.csv")).unwrap();
    let world = repository("sample_lists/world.toml");
    let mut all = vec!["--world", &world];
    all.extend(arguments);
    let run = Run::verify(&list, &all);
    assert_eq!(run.code(), 0, "{}", run.errors());
    run
}

/// The part of a page for the client.
fn front(page: &str) -> &str {
    let body = page.split_once("</style>").unwrap().1;
    body.split("<section class=\"operators\">").next().unwrap()
}

/// Words that a client has no use for: columns, options, commands.
const OPERATORS: [&str; 6] = ["presend_", "--", "presend ", "<code>", "csv.presend", "_"];

#[test]
fn the_first_page_names_no_column_and_no_option() {
    let run = sample(&[]);
    let page = run.list("report.html");
    assert!(page.contains("<section class=\"operators\">"));
    let front = front(&page).replace("presend 0.", "");
    for word in OPERATORS {
        // The style's own names and those of the page's parts are no words.
        let text = text_of(&front);
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(
        page.contains("presend_reason = "),
        "those who work with the list are told"
    );
}

/// What a page says, without its markup.
fn text_of(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

#[test]
fn the_clients_edition_is_the_first_page_and_where_its_numbers_come_from() {
    let run = sample(&["--client", "--title", "Acme <leads>, May"]);
    let page = run.list("client.html");
    assert!(
        page.contains("Acme &lt;leads&gt;, May")
            && page.contains("<title>Acme &lt;leads&gt;, May</title>")
    );
    assert!(page.contains("Where these numbers come from"));
    assert!(!page.contains("class=\"operators\""));
    let text = text_of(front(&page)).replace("presend 0.", "");
    for word in OPERATORS {
        assert!(!text.contains(word), "{word}: {text}");
    }
    let full = run.list("report.html");
    assert!(full.contains("Acme &lt;leads&gt;, May") && full.contains("class=\"operators\""));
    // Made again later, under another name: both pages and the numbers.
    let again = presend(
        run.folder(),
        &["report", "list.csv.presend", "--title", "Acme, June"],
    );
    assert_eq!(again.status.code(), Some(0));
    for name in ["client.html", "report.html", "report.json"] {
        assert!(run.list(name).contains("Acme, June"), "{name}");
    }
}

#[test]
fn the_clients_page_is_written_only_when_asked_for() {
    let run = sample(&[]);
    assert!(!run.has("client.html"));
    let printed = presend(
        run.folder(),
        &["report", "list.csv.presend", "--client", "--format", "html"],
    );
    let page = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(page.contains("Where these numbers come from") && !run.has("client.html"));
    let written = presend(run.folder(), &["report", "list.csv.presend", "--client"]);
    assert_eq!(written.status.code(), Some(0));
    assert_eq!(run.list("client.html"), page);
}

#[test]
fn rows_are_numbered_as_in_a_spreadsheet() {
    // The header is row 1, the line break in a name begins no row, the blank line is one.
    let list = b"name,email\n\"Anna\nAlbrecht\",anna.albrecht@nordlicht.test\n\nInfo,abuse@nordlicht.test\n";
    let run = Run::verify(list, &["--world", &repository("sample_lists/world.toml")]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let flagged = run.report()["flagged"].clone();
    let role = flagged
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["flag"] == "role")
        .unwrap();
    assert_eq!(role["first_row"], 4, "{flagged}");
}

#[test]
fn after_bounces_the_report_shows_projected_beside_real() {
    let run = sample(&["--ledger", "season.db", "--client"]);
    let before = run.list("report.html");
    assert!(!before.contains("What came of sending"));
    let (mbox, events) = (
        repository("sample_lists/bounces.mbox"),
        repository("sample_lists/events.jsonl"),
    );
    let bounces = [
        "bounces",
        &mbox,
        &events,
        "--run",
        "list.csv.presend",
        "--ledger",
        "season.db",
        "--quiet",
    ];
    let told = presend(run.folder(), &bounces);
    assert_eq!(
        told.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let report = run.report();
    assert_eq!(
        faults_of_ours(&schema("report"), &report),
        Vec::<String>::new()
    );
    let total = &report["real"]["total"];
    let (rows, bounced) = (
        total["rows"].as_u64().unwrap(),
        total["bounced"].as_u64().unwrap(),
    );
    assert!(bounced > 0 && bounced < rows, "{total}");
    let words = format!("Of the {rows} messages to verified.csv, {bounced} came back: ");
    for name in ["report.html", "client.html"] {
        let page = run.list(name);
        assert!(
            page.contains("What came of sending") && page.contains(&words),
            "{name}: {words}"
        );
        assert!(page.contains("We had projected"), "{name}");
        assert!(
            page.contains(">projected: "),
            "{name}: both are drawn side by side"
        );
    }
    assert!(
        run.list("report.html")
            .contains("Projected and real, in detail")
    );
    assert!(run.list("report.md").contains(&words));
    // The page can be made again, and still knows.
    let page = run.list("report.html");
    std::fs::remove_file(run.path("report.html")).unwrap();
    presend(run.folder(), &["report", "list.csv.presend"]);
    assert_eq!(run.list("report.html"), page);
}

#[test]
fn what_is_to_be_kept_nowhere_is_not_kept_in_the_report() {
    let run = sample(&[]);
    let page = run.list("report.html");
    let mbox = repository("sample_lists/bounces.mbox");
    let told = presend(
        run.folder(),
        &["bounces", &mbox, "--run", "list.csv.presend", "--no-ledger"],
    );
    assert_eq!(told.status.code(), Some(0));
    assert_eq!(run.list("report.html"), page);
}

#[test]
fn duplicates_cleaned_and_their_kin_stand_in_one_strip() {
    let run = Run::verify(
        b"email\nanna.albrecht@nordlicht.test\nAnna <anna.albrecht@nordlicht.test>\n          anna.albrecht@nordlicht.test; info@nordlicht.test\n\"\"\ninfo@nordlicht.test\n",
        &["--world", &repository("sample_lists/world.toml")],
    );
    assert_eq!(run.code(), 0, "{}", run.errors());
    let page = run.list("report.html");
    let strip = page.split("Also in the list").nth(1).unwrap();
    let strip = strip.split("</section>").next().unwrap();
    let counts = &run.report()["counts"];
    for (count, words) in [
        (&counts["flag"]["duplicate"], "duplicates of an earlier row"),
        (&counts["flag"]["cleaned"], "addresses cleaned up"),
        (
            &counts["flag"]["several_addresses"],
            "rows with several addresses",
        ),
        (&counts["reason"]["no_address"], "rows without an address"),
        (&counts["flag"]["role"], "role addresses"),
        (&counts["flag"]["free"], "at free mail providers"),
        (&counts["flag"]["disposable"], "throw-away addresses"),
    ] {
        let count = count.as_u64().unwrap_or(0);
        let tile = strip
            .split("<div")
            .find(|tile| tile.contains(words))
            .unwrap();
        assert!(tile.contains(&format!("<b>{count}</b>")), "{words}: {tile}");
    }
    assert!(counts["flag"]["duplicate"].as_u64() >= Some(1), "{counts}");
    assert!(
        counts["flag"]["several_addresses"].as_u64() >= Some(1),
        "{counts}"
    );
}

#[test]
fn the_picture_of_where_the_rows_went_is_low() {
    let page = sample(&[]).list("report.html");
    let size = page
        .split("class=\"flow\" viewBox=\"0 0 360 ")
        .nth(1)
        .unwrap();
    let height: u32 = size.split('"').next().unwrap().parse().unwrap();
    // Half of what it was: it is a picture of the table below it, not a page of its own.
    assert!(height <= 175, "{height}");
}
