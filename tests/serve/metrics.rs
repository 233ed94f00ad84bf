//! Numbers for Prometheus, read as Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::json;

use crate::client::{Server, people, until_some};

/// The samples of a text by name and labels, each held against the format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
fn samples(text: &str) -> BTreeMap<String, String> {
    let declared = Regex::new("^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$").unwrap();
    let sample = Regex::new(
        r#"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$"#,
    )
    .unwrap();
    assert!(text.ends_with('\n'));
    let (mut kinds, mut helped) = (BTreeMap::new(), BTreeSet::new());
    let (mut found, mut finished) = (BTreeMap::new(), BTreeSet::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(part) = declared.captures(line) {
            let name = part[2].to_owned();
            if name != current {
                assert!(
                    finished.insert(current.clone()),
                    "{current} comes in one piece"
                );
                current.clone_from(&name);
            }
            if &part[1] == "HELP" {
                assert!(helped.insert(name), "{line}");
            } else {
                let kind = part[3].to_owned();
                assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()));
                assert!(kinds.insert(name, kind).is_none(), "{line}");
            }
            continue;
        }
        let part = sample
            .captures(line)
            .unwrap_or_else(|| panic!("no sample: {line}"));
        let kind = &kinds[&current];
        let suffix = part[1].strip_prefix(&current).expect(line);
        match kind.as_str() {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            "counter" => assert!(suffix.is_empty() && current.ends_with("_total"), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        let value: f64 = part[3].parse().unwrap();
        assert!(value >= 0.0, "{line}");
        let labels = part.get(2).map_or("", |labels| labels.as_str());
        let name = format!("{}{{{labels}}}", &part[1]);
        assert!(
            found.insert(name, part[3].to_owned()).is_none(),
            "{line} comes once"
        );
    }
    assert_eq!(helped, kinds.keys().cloned().collect());
    found
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[test]
fn the_numbers_of_the_server_are_told_as_prometheus_reads_them() {
    let server = Server::new(&["--base-path", "/at"]);
    let before = samples(&server.get("/at/metrics").text());
    assert_eq!(before["presend_checks_total{}"], "0");
    assert_eq!(before["presend_lists{state=\"failed\"}"], "0");
    let anna = json!({ "address": "anna@acme.test" }).to_string();
    for _ in 0..2 {
        server.post("/at/v1/check", &anna);
    }
    server.post("/at/v1/check", "{}");
    server.get("/at/v1/lists/x\"y");
    server.get("/at/nowhere");
    server.ask("BREW", "/at/v1/check", &[], b"");
    let list = server.post("/at/v1/lists", people(50)).json();
    let id = list["id"].as_str().unwrap();
    until_some(|| {
        let view = server.get(&format!("/at/v1/lists/{id}")).json();
        if view["state"] == "done" {
            Ok(())
        } else {
            Err(view)
        }
    });
    let text = server.get("/at/metrics");
    assert!(
        text.header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let after = samples(&text.text());
    assert_eq!(after["presend_checks_total{}"], "2");
    assert_eq!(after["presend_ledger_answers_total{}"], "1");
    assert!(
        number(&after["presend_recipients_total{}"]) >= 51.0,
        "{after:?}"
    );
    assert!(number(&after["presend_connections_total{}"]) >= 2.0);
    assert_eq!(after["presend_connections_open{}"], "0");
    assert_eq!(after["presend_lists{state=\"done\"}"], "1");
    let answered = |route: &str, method: &str, status: u16| {
        after[&format!(
            "presend_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
        )]
            .as_str()
    };
    assert_eq!(answered("/v1/check", "POST", 200), "2");
    assert_eq!(answered("/v1/check", "POST", 400), "1");
    assert_eq!(answered("/v1/lists/{id}", "GET", 404), "1");
    assert_eq!(answered("none", "GET", 404), "1");
    assert_eq!(answered("/v1/check", "other", 405), "1");
    let bucket = |most: &str| {
        after[&format!("presend_http_request_seconds_bucket{{route=\"/v1/check\",le=\"{most}\"}}")]
            .as_str()
    };
    let count = &after["presend_http_request_seconds_count{route=\"/v1/check\"}"];
    let rising = ["0.005", "0.1", "2.5", "30", "+Inf"].map(|most| number(bucket(most)));
    assert!(
        rising.is_sorted() && bucket("+Inf") == count,
        "{rising:?} of {count}"
    );
    assert_eq!(count, "4");
}
