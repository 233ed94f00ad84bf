//! Replies explained, domains looked at, bounces learned from, people forgotten, the interface told of.

use serde_json::json;

use crate::client::{Server, people};

/// A message that came back.
const BOUNCE: &str = "From: MAILER-DAEMON@mx.sender.test\r\nTo: news@sender.test\r\nSubject: Undelivered Mail\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
    --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.sender.test\r\n\r\n\
    Final-Recipient: rfc822; p6@acme.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\
    Diagnostic-Code: smtp; 550 5.1.1 <p6@acme.test>: User unknown\r\n\r\n--b--\r\n";

#[test]
fn a_reply_and_a_message_are_explained() {
    let server = Server::new(&[]);
    let told = server
        .post(
            "/v1/explain",
            json!({ "text": "550 5.1.1 User unknown" }).to_string(),
        )
        .json();
    assert_eq!(
        (&told["kind"], &told["address_action"]),
        (&"reply".into(), &"remove".into())
    );
    let told = server
        .ask(
            "POST",
            "/v1/explain",
            &["Content-Type: message/rfc822"],
            BOUNCE.as_bytes(),
        )
        .json();
    assert_eq!(
        (&told["kind"], &told["recipients"][0]["final"]),
        (&"bounce".into(), &"p6@acme.test".into())
    );
    for body in ["", "{}", "550 no", "{\"text\":5}"] {
        server
            .post("/v1/explain", body)
            .is_problem(400, "bad_request");
    }
}

#[test]
fn a_domain_is_looked_at_also_while_a_list_runs() {
    let server = Server::new(&["--world-speed", "10"]);
    let id = server.send("", &people(1_000));
    server.until(&id, &["running"]);
    let told = server.post(
        "/v1/preflight",
        json!({ "domain": "acme.test" }).to_string(),
    );
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!(told["fit"], "not_fit");
    let checks = told["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["fix"].is_string()));
    assert!(checks.iter().all(|check| check["title"].is_string()));
    let fixes = checks.iter().filter_map(|check| check["fix"].as_str());
    let fixes: Vec<&str> = fixes.filter(|fix| fix.contains("selectors")).collect();
    assert!(
        !fixes.is_empty() && !fixes.concat().contains("--"),
        "{fixes:?}"
    );
    assert_eq!(server.view(&id)["state"], "running");
    for domain in ["", "not a domain", "../x", "a@b.test"] {
        server
            .post("/v1/preflight", json!({ "domain": domain }).to_string())
            .is_problem(400, "bad_request");
    }
}

#[test]
fn a_sender_is_looked_at_as_preflight_looks() {
    let server = Server::new(&[]);
    let wanted = json!({
        "domain": "acme.test", "ips": ["192.0.2.10"], "selectors": ["s1"], "mail_from": "back@bounces.acme.test",
        "helo": "out.acme.test", "volume": 20_000,
    });
    let told = server.post("/v1/preflight", wanted.to_string()).json();
    assert_eq!(
        (&told["domain"], &told["volume"], &told["spf"]["domain"]),
        (
            &"acme.test".into(),
            &20_000.into(),
            &"bounces.acme.test".into()
        )
    );
    assert_eq!(
        told["dkim"]["selectors"][0]["selector"], "s1",
        "{}",
        told["dkim"]
    );
    assert!(!told["warm_up"].as_array().unwrap().is_empty());
    for (name, value) in [
        ("ips", json!(["here"])),
        ("ips", json!(vec!["192.0.2.1"; 1_000])),
        ("selectors", json!(["a b"])),
        ("selectors", json!([""])),
        ("mail_from", json!("nobody")),
        ("helo", json!("a b")),
        ("volume", json!(-1)),
        ("unknown", json!(1)),
    ] {
        let mut wanted = json!({ "domain": "acme.test" });
        wanted[name] = value;
        server
            .post("/v1/preflight", wanted.to_string())
            .is_problem(400, "bad_request");
    }
}

#[test]
fn what_bounces_came_is_shown_beside_what_was_projected() {
    let server = Server::new(&[]);
    let id = server.send("", &people(100));
    server.until(&id, &["done"]);
    let report = || server.get(&format!("/v1/lists/{id}/report.json")).json();
    assert!(report()["real"].is_null());
    server.post(&format!("/v1/bounces?list={id}"), BOUNCE);
    assert_eq!(report()["real"]["total"]["bounced"], 1);
    assert_eq!(
        server.view(&id)["result"]["real"]["total"]["bounced"],
        1,
        "whoever looks later sees it too"
    );
    // It is another campaign that is sent after it was verified again.
    server.post(&format!("/v1/lists/{id}/resume"), "");
    assert!(server.until(&id, &["done"])["result"]["real"].is_null());
}

#[test]
fn a_file_of_bounces_is_told_of_by_its_own_name() {
    let server = Server::new(&[]);
    let form = |name: &str, text: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n--b--\r\n"
        );
        let kind = ["Content-Type: multipart/form-data; boundary=b"];
        move |server: &Server, query: &str| {
            server.ask(
                "POST",
                &format!("/v1/bounces{query}"),
                &kind,
                body.as_bytes(),
            )
        }
    };
    let table = form("../spam reports.csv", "email\np1@acme.test\n");
    let told = table(&server, "").json();
    let misread = told["misread"][0].as_str().unwrap();
    assert!(misread.starts_with("spam reports.csv: 1 of 1"), "{misread}");
    let folder = server.home().path("serve").display().to_string();
    assert!(!told.to_string().contains(&folder), "{told}");
    let told = table(&server, "?unsaid=complaint").json();
    assert_eq!(
        (&told["misread"], &told["suppressed"]),
        (&json!([]), &1.into())
    );
    let refused = form("notes.txt", "no bounce")(&server, "");
    refused.is_problem(422, "no_bounces");
    assert!(refused.text().contains("notes.txt") && !refused.text().contains(&folder));
}

#[test]
fn a_bounce_is_learned_from_and_its_person_left_alone() {
    let server = Server::new(&[]);
    let id = server.send("", &people(100));
    assert_eq!(
        server.until(&id, &["done"])["result"]["lists"]["verified"],
        80
    );
    let learned = server.post(&format!("/v1/bounces?list={id}"), BOUNCE);
    assert_eq!(learned.status, 200, "{}", learned.text());
    let learned = learned.json();
    assert_eq!(
        (&learned["new"], &learned["suppressed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(learned["list"]["total"]["bounced"], 1, "{learned}");
    assert_eq!(server.post("/v1/bounces", BOUNCE).json()["known"], 1);
    let told = server
        .post(
            "/v1/check",
            json!({ "address": "p6@acme.test" }).to_string(),
        )
        .json();
    assert_eq!(told["results"][0]["reason"], "suppressed");
    let list = server.get("/v1/suppression?q=P6").json();
    assert_eq!(
        (&list["count"], &list["entries"][0]["email"]),
        (&1.into(), &"p6@acme.test".into())
    );
    // The next list leaves it alone.
    let id = server.send("", &people(100));
    let view = server.until(&id, &["done"]);
    assert_eq!(
        (
            &view["result"]["lists"]["verified"],
            &view["result"]["counts"]["reason"]["suppressed"]
        ),
        (&79.into(), &1.into())
    );
    server
        .post("/v1/bounces", "no bounce at all")
        .is_problem(422, "no_bounces");
    server
        .post("/v1/bounces?list=x", BOUNCE)
        .is_problem(404, "no_such_list");
}

#[test]
fn who_is_suppressed_can_be_changed() {
    let server = Server::new(&[]);
    let names = json!({ "names": ["anna@acme.test", "Bert@acme.test"] }).to_string();
    assert_eq!(server.post("/v1/suppression", &names).json()["count"], 2);
    assert_eq!(server.post("/v1/suppression", &names).json()["count"], 0);
    let server = server.kill_and_start(&[]);
    let ask = |address: &str| {
        server
            .post("/v1/check", json!({ "address": address }).to_string())
            .json()["results"][0]["reason"]
            .clone()
    };
    assert_eq!(ask("anna@acme.test"), "suppressed");
    let names = json!({ "names": ["ANNA@acme.test"] }).to_string();
    assert_eq!(
        server
            .ask("DELETE", "/v1/suppression", &[], names.as_bytes())
            .json()["count"],
        1
    );
    assert_eq!(
        (ask("anna@acme.test"), ask("bert@acme.test")),
        ("accepted".into(), "suppressed".into())
    );
    let more: Vec<String> = (0..7).map(|n| format!("p{n}@acme.test")).collect();
    let more = json!({ "names": more }).to_string();
    assert_eq!(server.post("/v1/suppression", more).json()["count"], 7);
    let (mut seen, mut path) = (Vec::new(), "/v1/suppression?limit=3".to_owned());
    loop {
        let page = server.get(&path).json();
        assert_eq!(page["count"], 8);
        let entries = page["entries"].as_array().unwrap();
        seen.extend(entries.iter().map(|entry| entry["email"].to_string()));
        match page["next"].as_u64() {
            Some(next) => path = format!("/v1/suppression?limit=3&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 8);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 8, "nobody is told twice");
    server
        .post(
            "/v1/suppression",
            json!({ "names": ["nobody"] }).to_string(),
        )
        .is_problem(400, "bad_request");
    server
        .post("/v1/suppression", "{}")
        .is_problem(400, "bad_request");
}

#[test]
fn people_are_forgotten_also_while_a_list_runs() {
    let server = Server::new(&["--world-speed", "20"]);
    server.post(
        "/v1/check",
        json!({ "address": "anna@acme.test" }).to_string(),
    );
    assert_eq!(server.get("/v1/known").json()["addresses"], 1);
    let id = server.send("", &people(600));
    server.until(&id, &["running"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let forgotten = server.post(
        "/v1/forget",
        json!({ "names": ["anna@acme.test"] }).to_string(),
    );
    assert_eq!(forgotten.status, 200, "{}", forgotten.text());
    assert!(forgotten.json()["entries"].as_u64().unwrap() >= 1);
    let known = server
        .post(
            "/v1/check",
            json!({ "address": "anna@acme.test", "ask": false }).to_string(),
        )
        .json();
    assert_eq!(known["results"][0]["verdict"], "unknown");
    // The list goes on by itself.
    assert_eq!(
        server.until(&id, &["done", "failed"])["result"]["lists"]["verified"],
        480
    );
    server
        .post("/v1/forget", json!({ "names": ["a b"] }).to_string())
        .is_problem(400, "bad_request");
}

#[test]
fn the_interface_is_told_of() {
    let server = Server::new(&[]);
    let document = server.get("/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert!(document["paths"]["/v1/lists"]["post"].is_object());
    assert!(server.get("/docs").text().contains("&#x2f;v1&#x2f;lists"));
    assert_eq!(
        server.get("/docs.css").header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(server.get("/readyz").text(), "ready\n");
}
