//! How a list is read and judged, said over HTTP as on the command line.

use serde_json::{Value, json};

use crate::client::{Server, people};

/// A workbook whose second sheet holds the list.
fn workbook() -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    for (name, rows) in [
        ("Notes", [["what", "who"], ["call", "a@b.test"]]),
        ("Leads", [["name", "mail"], ["Anna", "anna@acme.test"]]),
    ] {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap();
        for (at, cells) in (0..).zip(rows) {
            sheet.write_row(at, 0, cells).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

fn asked(server: &Server, parameters: &str, list: &[u8]) -> Value {
    let sent = server.post(&format!("/v1/lists?{parameters}"), list);
    assert_eq!(sent.status, 201, "{}", sent.text());
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    server.until(&id, &["done", "failed"])
}

#[test]
fn a_sheet_is_chosen() {
    let server = Server::new(&[]);
    let view = asked(&server, "sheet=Leads", &workbook());
    assert_eq!(view["choices"]["sheet"], "Leads");
    assert_eq!(view["result"]["lists"]["verified"], 1, "{view}");
    let refused = server.post("/v1/lists?sheet=Nothing", workbook());
    refused.is_problem(422, "no_list");
    let sent = server.post("/v1/lists?then=nothing", workbook()).json();
    let path = format!("/v1/lists/{}/preview", sent["id"].as_str().unwrap());
    let seen = server.get(&path).json();
    assert_eq!(seen["sheets"], json!(["Notes", "Leads"]));
    let seen = server.get(&format!("{path}?sheet=Leads")).json();
    assert_eq!(
        (&seen["sheets"][0], &seen["columns"]),
        (&"Leads".into(), &json!(["name", "mail"]))
    );
    server
        .get(&format!("{path}?then=verify"))
        .is_problem(400, "bad_request");
}

#[test]
fn delimiter_and_encoding_are_said_where_they_are_not_found_out() {
    let server = Server::new(&[]);
    let list = b"name^mail\nJos\xe9^anna@acme.test\nZo\xeb^nobody@acme.test\n";
    let view = asked(&server, "delimiter=%5E&encoding=windows-1252", list);
    assert_eq!(view["result"]["lists"]["verified"], 1, "{view}");
    let id = view["id"].as_str().unwrap();
    let verified = server.get(&format!("/v1/lists/{id}/verified.csv")).text();
    assert!(verified.contains("José^anna@acme.test^"), "{verified}");
    let rows = server.get(&format!("/v1/lists/{id}/rows?q=zoë")).json();
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1);
    for parameter in ["delimiter=ab", "encoding=klingon"] {
        server
            .post(&format!("/v1/lists?{parameter}"), list)
            .is_problem(400, "bad_request");
    }
}

#[test]
fn several_columns_may_hold_addresses() {
    let server = Server::new(&[]);
    let list = b"name,work,home\nAnna,nobody@acme.test,anna@acme.test\nBert,bert@acme.test,\n";
    let further = asked(&server, "column=work&further=home", list);
    let repeated = asked(&server, "column=work&column=3", list);
    for view in [&further, &repeated] {
        assert_eq!(view["result"]["lists"]["verified"], 2, "{view}");
    }
    assert_eq!(
        asked(&server, "column=work", list)["result"]["lists"]["verified"],
        1
    );
    let id = further["id"].as_str().unwrap();
    let seen = server.get(&format!("/v1/lists/{id}/preview")).json();
    assert_eq!(
        (&seen["column"], &seen["further"]),
        (&2.into(), &json!([3]))
    );
    server
        .post("/v1/lists?column=nothing", list)
        .is_problem(422, "no_list");
}

#[test]
fn a_policy_is_named_or_sent_as_it_stands_in_a_file() {
    let server = Server::new(&[]);
    let own = "deliverable = \"verified\"\nrisky = \"rejected\"\nunknown = \"verified\"\nundeliverable = \"verified\"\n";
    let boundary = "b";
    let form = |policy: &str| {
        let list = people(10);
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\n{policy}\r\n--{boundary}\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"l.csv\"\r\n\r\n{list}\r\n--{boundary}--\r\n"
        );
        let kind = ["Content-Type: multipart/form-data; boundary=b"];
        server.ask("POST", "/v1/lists", &kind, body.as_bytes())
    };
    let sent = form(own).json();
    let view = server.until(sent["id"].as_str().unwrap(), &["done", "failed"]);
    assert_eq!(view["result"]["lists"]["verified"], 10, "{view}");
    // What is said later goes before what was said first.
    let id = view["id"].as_str().unwrap();
    let again = json!({ "policy": "strict" }).to_string();
    server.post(&format!("/v1/lists/{id}/resume"), again);
    let view = server.until(id, &["done", "failed"]);
    assert_eq!(view["result"]["lists"]["verified"], 8, "{view}");
    let refused = form("deliverable = \"nowhere\"");
    refused.is_problem(400, "bad_request");
    assert!(refused.text().contains("verified"), "{}", refused.text());
    form("harsh").is_problem(400, "bad_request");
}

#[test]
fn a_target_may_be_kept_to_on_the_safe_side() {
    let server = Server::new(&[]);
    let rows = |parameters: &str| {
        let view = asked(&server, parameters, people(100).as_bytes());
        let id = view["id"].as_str().unwrap();
        let target = server.get(&format!("/v1/lists/{id}/target.csv")).text();
        target.lines().count() - 1
    };
    let expected = rows("target=0.02");
    let upper = rows("target=0.02&target_on=upper");
    assert!(expected > upper, "{expected} {upper}");
    server
        .post("/v1/lists?target=0.02&target_on=both", "x")
        .is_problem(400, "bad_request");
}
