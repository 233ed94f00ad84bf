//! Single addresses, answered at once and before any list.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Server, people, until_some};

#[test]
fn an_address_is_answered_with_its_evidence() {
    let server = Server::new(&[]);
    let told = server
        .post("/v1/check", r#"{"address":"anna@acme.test"}"#)
        .json();
    assert_eq!(
        (&told["complete"], &told["ask_again_in"]),
        (&true.into(), &json!(null))
    );
    let anna = &told["results"][0];
    assert_eq!(
        (&anna["verdict"], &anna["reason"]),
        (&"deliverable".into(), &"accepted".into())
    );
    assert!(
        anna["evidence"].as_array().unwrap().len() >= 2,
        "the acceptance and the decoy: {anna}"
    );
    let addresses = [
        "Bert <bert@acme.test>",
        "nobody@acme.test",
        "x@all.test",
        "x@nowhere.test",
        "nothing",
        "",
    ];
    let told = server
        .post("/v1/check", json!({ "addresses": addresses }).to_string())
        .json();
    let reasons: Vec<&str> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "accepted",
            "no_such_mailbox",
            "catch_all",
            "no_such_domain",
            "bad_syntax",
            "no_address"
        ]
    );
}

#[test]
fn what_is_known_is_not_asked_again() {
    let server = Server::new(&[]);
    let ask = |body: &str| server.post("/v1/check", body).json()["results"][0].clone();
    let unknown = ask(r#"{"address":"anna@acme.test","ask":false}"#);
    assert_eq!(unknown["verdict"], "unknown");
    let first = ask(r#"{"address":"anna@acme.test"}"#);
    let again = ask(r#"{"address":"Anna@ACME.test"}"#);
    assert_eq!(first["evidence"], again["evidence"]);
    assert_eq!(
        ask(r#"{"address":"anna@acme.test","ask":false}"#)["evidence"],
        first["evidence"]
    );
}

#[test]
fn what_is_not_known_in_time_can_be_asked_again() {
    // The greylisting host has us come back after some minutes of simulated time.
    let server = Server::new(&["--world-speed", "60", "--check-timeout", "1s"]);
    let began = Instant::now();
    let told = server
        .post("/v1/check", r#"{"address":"anna@grey.test"}"#)
        .json();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (&told["complete"], &told["ask_again_in"]),
        (&false.into(), &60.into())
    );
    assert_eq!(told["results"][0]["verdict"], "unknown");
    let place = told["ask_again_at"].as_str().unwrap().to_owned();
    assert!(!place.contains("anna"), "{place}");
    // It goes on meanwhile.
    let told = until_some(|| {
        let told = server.get(&place).json();
        if told["complete"] == true {
            return Ok(told);
        }
        assert_eq!(told["ask_again_at"], place.as_str());
        Err(told)
    });
    assert_eq!(told["results"][0]["verdict"], "deliverable");
    server.get(&place).is_problem(404, "no_such_check");
    server.get("/v1/check/x").is_problem(404, "no_such_check");
    let told = server
        .post("/v1/check", r#"{"address":"anna@grey.test"}"#)
        .json();
    assert_eq!(
        (&told["complete"], &told["ask_again_at"]),
        (&true.into(), &json!(null))
    );
}

#[test]
fn a_check_goes_before_a_list_at_the_same_host() {
    let server = Server::new(&["--world-speed", "4"]);
    // At ten recipients a second of simulated time, this takes more than twenty seconds of ours.
    let id = server.send("", &people(1_000));
    server.until(&id, &["running"]);
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    let told = server
        .post(
            "/v1/check",
            r#"{"addresses":["bert@acme.test","nobody@acme.test","x@all.test"]}"#,
        )
        .json();
    assert_eq!(told["complete"], true, "{told}");
    let verdicts: Vec<&str> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["deliverable", "undeliverable", "risky"]);
    let took = began.elapsed();
    let view = server.view(&id);
    assert_eq!(
        view["state"], "running",
        "the list is still under way after {took:?}: {view}"
    );
    server.post(&format!("/v1/lists/{id}/stop"), "");
    server.until(&id, &["done"]);
}

#[test]
fn a_request_that_is_not_understood_says_what_to_change() {
    let server = Server::new(&[]);
    for body in [
        "",
        "{}",
        "[]",
        "{",
        r#"{"address":5}"#,
        r#"{"adress":"anna@acme.test"}"#,
        r#"{"address":"anna@acme.test","timeout":-1}"#,
        r#"{"address":"anna@acme.test","timeout":1e400}"#,
    ] {
        server
            .post("/v1/check", body)
            .is_problem(400, "bad_request");
    }
    let many: Vec<String> = (0..101).map(|n| format!("p{n}@acme.test")).collect();
    server
        .post("/v1/check", json!({ "addresses": many }).to_string())
        .is_problem(400, "bad_request");
    server
        .post(
            "/v1/check",
            json!({ "address": "x".repeat(2_000) }).to_string(),
        )
        .is_problem(400, "bad_request");
    server.get("/v1/check").is_problem(405, "method");
    server.post("/v1/chek", "{}").is_problem(404, "not_found");
    server
        .post("/v1/check", "x".repeat(5 << 20))
        .is_problem(413, "too_large");
}
