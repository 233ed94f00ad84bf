//! What a run reports, and `presend report`.

use serde_json::Value;

use crate::list::{Run, presend, repository};
use crate::schema::{faults, faults_of_ours, schema};

fn sample(arguments: &[&str]) -> Run {
    let list = std::fs::read(repository("sample_lists/leads.csv")).unwrap();
    let world = repository("sample_lists/world.toml");
    let mut all = vec!["--world", &world];
    all.extend(arguments);
    Run::verify(&list, &all)
}

#[test]
fn report_json_keeps_to_its_schema() {
    let run = sample(&["--target", "3%"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let report = run.report();
    let schema = schema("report");
    assert_eq!(faults_of_ours(&schema, &report), Vec::<String>::new());
    // The schema can say no.
    for (place, wrong) in [
        ("/schema", Value::from(2)),
        ("/counts/verdict/deliverable", Value::from(-1)),
        ("/projection/input/rate", Value::from(1.5)),
        ("/flow/0/disposition", Value::from("elsewhere")),
        ("/target", Value::from("none")),
    ] {
        let mut report = report.clone();
        *report.pointer_mut(place).unwrap() = wrong;
        assert!(!faults(&schema, &report).is_empty(), "{place}");
    }
    // A later version may write more: its readers must not mind.
    let mut later = report;
    later["surprise"] = Value::from(1);
    later["list"]["surprise"] = Value::from("and here");
    assert_eq!(faults(&schema, &later), Vec::<String>::new());
    assert_eq!(faults_of_ours(&schema, &later).len(), 2);
}

#[test]
fn the_numbers_of_a_report_are_those_of_its_lists() {
    let run = sample(&["--target", "3%"]);
    let report = run.report();
    let column = |list: &str, name: &str| -> Vec<String> {
        let text = run.list(list);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let at = header.len() - header.iter().position(|field| field == name).unwrap();
        // Broken rows have other fields before ours; ours are the last.
        reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                record[record.len() - at].to_owned()
            })
            .collect()
    };
    for list in ["verified", "review", "rejected"] {
        let rows = column(&format!("{list}.csv"), "presend_reason");
        assert_eq!(
            report["counts"]["disposition"][list].as_u64(),
            Some(rows.len() as u64)
        );
    }
    for list in ["verified", "review"] {
        let sum: f64 = column(&format!("{list}.csv"), "presend_bounce")
            .iter()
            .map(|share| share.parse::<f64>().unwrap())
            .sum();
        let expected = report["projection"][list]["expected_bounces"]
            .as_f64()
            .unwrap();
        assert!((sum - expected).abs() < 0.1, "{list}: {sum} {expected}");
    }
    let target = column("target.csv", "presend_bounce");
    let taken = report["target"]["verified"].as_u64().unwrap()
        + report["target"]["added"].as_u64().unwrap();
    assert_eq!(target.len() as u64, taken);
    let sum: f64 = target
        .iter()
        .map(|share| share.parse::<f64>().unwrap())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "few rows")]
    let rate = sum / target.len() as f64;
    assert!(rate <= 0.0301, "{rate}");
}

#[test]
fn the_largest_list_keeps_the_callers_order_and_bytes() {
    let run = sample(&["--target", "5%"]);
    let target = run.list("target.csv");
    let (verified, review) = (run.list("verified.csv"), run.list("review.csv"));
    for line in target.lines().skip(1) {
        assert!(verified.contains(line) || review.contains(line), "{line}");
    }
    let list = std::fs::read_to_string(repository("sample_lists/leads.csv")).unwrap();
    let mut from = 0;
    for line in target.lines().skip(1) {
        let own = line.rsplitn(9, ',').last().unwrap();
        let Some(at) = list[from..].find(own) else {
            continue;
        };
        from += at;
    }
    let without = run.again(&["--world", &repository("sample_lists/world.toml")]);
    assert_eq!(without.code(), 0);
    assert!(
        !without.has("target.csv"),
        "one of an earlier run would be about other rows"
    );
}

#[test]
fn a_report_is_rendered_again_from_its_json() {
    let run = sample(&[]);
    let page = run.list("report.html");
    for name in ["report.html", "report.md"] {
        std::fs::remove_file(run.path(name)).unwrap();
    }
    let again = presend(run.folder(), &["report", "list.csv.presend"]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stderr)
    );
    assert_eq!(run.list("report.html"), page);
    assert!(run.list("report.md").contains("What to do now"));
    assert!(String::from_utf8_lossy(&again.stdout).contains("what to do now"));
    for (format, words) in [
        ("html", "<!DOCTYPE html>"),
        ("md", "## presend"),
        ("json", "\"schema\": 1"),
        ("metrics", "presend_bounce_rate{"),
    ] {
        let output = presend(
            run.folder(),
            &["report", "list.csv.presend", "--format", format],
        );
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(words),
            "{format}"
        );
    }
}

#[test]
fn what_is_no_report_is_a_question_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("report.json"), "{\"rows\": 1}").unwrap();
    for place in [".", "nowhere"] {
        let output = presend(folder.path(), &["report", place]);
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("report"),
            "{place}"
        );
    }
}

#[test]
fn metrics_are_written_whole_for_nightly_jobs() {
    let run = sample(&["--metrics", "presend.prom"]);
    let metrics = std::fs::read_to_string(run.folder().join("presend.prom")).unwrap();
    assert!(
        metrics.contains("presend_rows{list=\"list.csv\"} 298"),
        "{metrics}"
    );
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn failing_over_a_mark_looks_at_the_expected_or_the_upper_rate() {
    // Verified rows: about 1 % expected, over 3 % at the upper end of so short a list.
    assert_eq!(sample(&["--fail-over", "2%"]).code(), 0);
    assert_eq!(
        sample(&["--fail-over", "2%", "--fail-on", "upper"]).code(),
        1
    );
    assert_eq!(sample(&["--fail-over", "0.5%"]).code(), 1);
}

#[test]
fn hostile_rows_stay_text_on_the_page() {
    let run = Run::verify(
        b"<b>name</b>,email\n<script>alert(1)</script>,\"<img src=x onerror=alert(1)>@gmial.con\"\n\
          =1+1,\"\"\"<svg/onload=alert(1)>\"\"@gmial.com\"\nx,abuse@<svg>\n",
        &["--world", &repository("sample_lists/world.toml"), "--column", "2"],
    );
    assert_eq!(run.code(), 0, "{}", run.errors());
    let page = run.list("report.html");
    for markup in ["<script", "<img", "<svg/onload", "<svg>"] {
        assert!(!page.contains(markup), "{markup}");
    }
}
