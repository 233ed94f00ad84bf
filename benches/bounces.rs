//! How long an import takes: messages one after the other, events of a platform, one message through a pipe.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use presend::bounce::explain::Knowledge;
use presend::bounce::import::{Campaign, Platforms, SourceError, visit};
use presend::input::list::Options;

/// What a thousand messages may take on one core.
const MESSAGES: (usize, Duration) = (1_000, Duration::from_secs(1));

/// What a hundred thousand events of a platform may take.
const EVENTS: (usize, Duration) = (100_000, Duration::from_secs(5));

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let mbox = folder.path().join("bounces.mbox");
    fs::write(&mbox, messages(MESSAGES.0)).expect("written");
    report("messages", &mbox, MESSAGES);
    let events = folder.path().join("events.jsonl");
    fs::write(&events, platform_events(EVENTS.0)).expect("written");
    report("events", &events, EVENTS);
    let deep = folder.path().join("deep.json");
    fs::write(&deep, "{".repeat(400_000)).expect("written");
    let (taken, _) = read(&deep);
    println!("{:28} {:>9.3} s", "400000 braces", taken.as_secs_f64());
}

/// Measures one source against its limit.
fn report(what: &str, path: &Path, (number, limit): (usize, Duration)) {
    let (taken, found) = (0..3).map(|_| read(path)).min().unwrap_or_default();
    // A message may tell of several people.
    assert!(found >= number, "every one is read");
    println!(
        "{:28} {:>9.3} s, limit {limit:?}: {}",
        format!("{number} {what}"),
        taken.as_secs_f64(),
        if taken < limit { "kept" } else { "NOT KEPT" }
    );
}

/// Reads a source; how long it takes, and how many happenings it has.
fn read(path: &Path) -> (Duration, usize) {
    let (platforms, knowledge) = (Platforms::built_in(), Knowledge::built_in());
    let begin = Instant::now();
    let mut season = Campaign::new();
    let mut found = 0;
    visit::<SourceError>(path, &Options::default(), &platforms, &mut |piece| {
        found += season.take(piece, &platforms, knowledge).len();
        Ok(())
    })
    .expect("a source");
    (begin.elapsed(), found)
}

/// Messages after the formats of mail systems, taken in turn from the fixtures.
fn messages(number: usize) -> String {
    let mut texts: Vec<String> = fs::read_dir("tests/fixtures/bounces/real")
        .expect("fixtures")
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .filter(|text| text.contains("Final-Recipient"))
        .collect();
    texts.sort();
    let mut all = String::new();
    for (index, text) in texts.iter().cycle().take(number).enumerate() {
        let text = text.replace("\nFrom ", "\n>From ");
        let _ = writeln!(
            all,
            "From MAILER-DAEMON Mon Mar  2 06:00:00 2026\nX-Number: {index}\n{text}\n"
        );
    }
    all
}

/// Events of one platform.
fn platform_events(number: usize) -> String {
    let mut all = String::new();
    for index in 0..number {
        let _ = writeln!(
            all,
            "{{\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"bounce\",\"timestamp\":1772431200.5,\"id\":\"e{index}\",\
             \"recipient\":\"person{index}@garden.example\",\"delivery-status\":{{\"code\":550,\"message\":\"5.1.1 no such user\",\
             \"mx-host\":\"mx.garden.example\",\"attempt-no\":1}},\"message\":{{\"headers\":{{\"message-id\":\"m{index}@shop.example\",\
             \"to\":\"person{index}@garden.example\",\"subject\":\"Seeds\"}}}}}}"
        );
    }
    all
}
