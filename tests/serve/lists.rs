//! Lists: sent, watched, called back, taken away.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Cursor, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use calamine::{Reader as _, Xlsx};
use serde_json::json;

use crate::client::{Home, Server, files, people, until_some};

/// A list with one row of each kind.
const LIST: &str = "name,email\n\
    Anna,anna@acme.test\n\
    \"Bert, the other\",bert@acme.test\n\
    Nobody,nobody@acme.test\n\
    All,anybody@all.test\n\
    Grey,anna@grey.test\n\
    Gone,anna@nowhere.test\n\
    None,\n\
    Again,ANNA@acme.test\n";

/// A list without the column of the moment at which a host was asked: that of a server goes on from list to list.
fn without_moments(list: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(list);
    let mut rows: Vec<Vec<String>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let at = rows[0]
        .iter()
        .position(|name| name == "presend_checked_at")
        .unwrap();
    for row in &mut rows {
        row.remove(at);
    }
    rows
}

#[test]
fn a_list_becomes_what_verify_makes_of_it() {
    let server = Server::new(&[]);
    let id = server.send("name=leads.csv", LIST);
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(
        (&view["state"], &view["ending"]),
        (&"done".into(), &"completed".into())
    );
    assert_eq!(view["name"], "leads.csv");
    assert_eq!(view["result"]["rows"], 8);
    // The same by the program itself.
    let home = Home::new();
    std::fs::write(home.path("leads.csv"), LIST).unwrap();
    let verified = Command::new(env!("CARGO_BIN_EXE_presend"))
        .arg("verify")
        .arg(home.path("leads.csv"))
        .arg("--world")
        .arg(home.path("world.toml"))
        .arg("--out")
        .arg(home.path("out"))
        .arg("--quiet")
        .env("XDG_STATE_HOME", home.path("state"))
        .env("XDG_CONFIG_HOME", home.path("config"))
        .status();
    assert!(verified.unwrap().success());
    let mut rows = 0;
    for list in ["verified", "review", "rejected"] {
        let ours = server.get(&format!("/v1/lists/{id}/{list}.csv"));
        assert_eq!(ours.status, 200);
        let theirs = std::fs::read(home.path("out").join(format!("{list}.csv"))).unwrap();
        assert_eq!(
            without_moments(&ours.body),
            without_moments(&theirs),
            "{list}"
        );
        rows += without_moments(&theirs).len() - 1;
    }
    assert_eq!(rows, 8, "every row comes out once");
}

#[test]
fn every_file_that_is_told_of_is_there() {
    let server = Server::new(&[]);
    let id = server.send("target=0.02", LIST);
    let view = server.until(&id, &["done"]);
    let names: Vec<&str> = view["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    for name in [
        "verified.csv",
        "all.jsonl",
        "review.xlsx",
        "lists.xlsx",
        "report.html",
        "report.json",
        "report.md",
        "target.csv",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    for name in names {
        let answer = server.get(&format!("/v1/lists/{id}/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        assert!(!answer.body.is_empty(), "{name}");
        assert!(
            answer
                .header("content-disposition")
                .unwrap()
                .starts_with("attachment"),
            "{name}"
        );
    }
    let objects = server.get(&format!("/v1/lists/{id}/all.jsonl")).text();
    let rows: Vec<serde_json::Value> = objects
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 8);
    assert_eq!(
        (&rows[1]["name"], &rows[1]["presend_verdict"]),
        (&"Bert, the other".into(), &"deliverable".into())
    );
    let sheet = server.get(&format!("/v1/lists/{id}/all.xlsx")).body;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(sheet)).unwrap();
    assert_eq!(book.worksheet_range("all").unwrap().height(), 9);
    // A report may be shown in a frame of our own page, where nothing in it runs.
    let shown = server.get(&format!("/v1/lists/{id}/report.html?show=true"));
    assert_eq!(shown.header("content-disposition"), None);
    assert!(
        shown
            .header("content-security-policy")
            .unwrap()
            .starts_with("sandbox;")
    );
}

#[test]
fn a_form_says_the_same_as_parameters_do() {
    let server = Server::new(&[]);
    let form = |fields: &[(&str, &str)], file: &str| {
        let mut body = String::new();
        for (name, value) in fields {
            let _ = write!(
                body,
                "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let _ = write!(
            body,
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\lists\\\\leads.csv\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--x--\r\n"
        );
        server.ask(
            "POST",
            "/v1/lists",
            &["Content-Type: multipart/form-data; boundary=x"],
            body.as_bytes(),
        )
    };
    let answer = form(
        &[
            ("policy", "strict"),
            ("column", "email"),
            ("then", "nothing"),
        ],
        LIST,
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    let view = answer.json();
    assert_eq!(
        (&view["name"], &view["state"]),
        (&"leads.csv".into(), &"paused".into())
    );
    assert_eq!(
        (&view["choices"]["policy"], &view["bytes"]),
        (&"strict".into(), &LIST.len().into())
    );
    form(&[("polizy", "strict")], LIST).is_problem(400, "bad_request");
    form(&[("then", "wait")], LIST).is_problem(400, "bad_request");
    form(&[("policy", "../../etc/passwd")], LIST).is_problem(400, "bad_request");
    server
        .ask(
            "POST",
            "/v1/lists",
            &["Content-Type: multipart/form-data; boundary=x"],
            b"--x--\r\n",
        )
        .is_problem(400, "bad_request");
}

#[test]
fn what_is_no_list_is_refused_and_nothing_is_kept_of_it() {
    let server = Server::new(&["--max-upload", "1"]);
    server
        .post("/v1/lists", "foo\nbar\n")
        .is_problem(422, "no_list");
    server.post("/v1/lists", "").is_problem(422, "no_list");
    server
        .post("/v1/lists?column=phone", LIST)
        .is_problem(422, "no_list");
    server
        .post("/v1/lists?policy=harsh", LIST)
        .is_problem(400, "bad_request");
    server
        .post("/v1/lists?target=2", LIST)
        .is_problem(400, "bad_request");
    server
        .post("/v1/lists?wait=soon", LIST)
        .is_problem(400, "bad_request");
    let large = "x".repeat((1 << 20) + 1);
    server.post("/v1/lists", large).is_problem(413, "too_large");
    assert_eq!(
        server.get("/v1/lists").json()["lists"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        files(&server.home().path("serve/lists")),
        Vec::<std::path::PathBuf>::new()
    );
    for path in [
        "/v1/lists/x",
        "/v1/lists/../../etc",
        "/v1/lists/0123456789abcdef0123456789abcdef",
    ] {
        server.get(path).is_problem(
            404,
            if path.contains("..") {
                "not_found"
            } else {
                "no_such_list"
            },
        );
    }
}

#[test]
fn a_file_is_there_when_something_came_of_the_list() {
    let server = Server::new(&[]);
    let id = server.send("then=nothing", LIST);
    server
        .get(&format!("/v1/lists/{id}/verified.csv"))
        .is_problem(409, "not_verified");
    server
        .get(&format!("/v1/lists/{id}/rows"))
        .is_problem(409, "not_verified");
    for name in ["upload", "record.json", "..%2Frecord.json", "verified.exe"] {
        server
            .get(&format!("/v1/lists/{id}/{name}"))
            .is_problem(404, "no_such_file");
    }
    server
        .post(&format!("/v1/lists/{id}/pause"), "")
        .is_problem(409, "not_under_way");
    assert_eq!(
        server.post(&format!("/v1/lists/{id}/resume"), "").status,
        202
    );
    server.until(&id, &["done"]);
    server
        .get(&format!("/v1/lists/{id}/target.csv"))
        .is_problem(404, "no_such_file");
}

#[test]
fn the_same_key_begins_nothing_twice() {
    let server = Server::new(&[]);
    let send = |list: &str| {
        server.ask(
            "POST",
            "/v1/lists",
            &["Idempotency-Key: monday"],
            list.as_bytes(),
        )
    };
    let first = send(LIST);
    assert_eq!(first.status, 201);
    let id = first.json()["id"].clone();
    server.until(id.as_str().unwrap(), &["done"]);
    let again = send(LIST);
    assert_eq!((again.status, &again.json()["id"]), (200, &id));
    send("email\nbert@acme.test\n").is_problem(409, "key_used");
    // Also after a restart, for the key is kept with the list.
    let server = server.kill_and_start(&[]);
    let again = server.ask(
        "POST",
        "/v1/lists",
        &["Idempotency-Key: monday"],
        LIST.as_bytes(),
    );
    assert_eq!((again.status, &again.json()["id"]), (200, &id));
    assert_eq!(
        server.get("/v1/lists").json()["lists"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_preview_asks_nobody() {
    let server = Server::new(&[]);
    let id = server.send("then=nothing", LIST);
    let seen = server.get(&format!("/v1/lists/{id}/preview")).json();
    assert_eq!((&seen["column"], &seen["rows"]), (&2.into(), &8.into()));
    assert_eq!(
        (&seen["addresses"], &seen["mailboxes"], &seen["duplicates"]),
        (&7.into(), &6.into(), &1.into())
    );
    assert_eq!(seen["first"][1][0], "Bert, the other");
    server
        .get(&format!("/v1/lists/{id}/preview?column=phone"))
        .is_problem(422, "no_list");
    assert_eq!(server.view(&id)["state"], "paused");
}

#[test]
fn an_estimate_leaves_the_list_to_be_verified() {
    let server = Server::new(&[]);
    let id = server.send("then=estimate", &people(600));
    let view = server.until(&id, &["paused", "failed"]);
    assert_eq!(view["estimate"]["rows"], 600);
    assert!(view["result"].is_null());
    assert_eq!(
        server
            .post(&format!("/v1/lists/{id}/resume"), "{\"policy\":\"strict\"}")
            .status,
        202
    );
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(
        (&view["result"]["rows"], &view["choices"]["policy"]),
        (&600.into(), &"strict".into())
    );
}

#[test]
fn a_list_rests_and_goes_on_where_it_was() {
    let server = Server::new(&["--world-speed", "8"]);
    let id = server.send("", &people(400));
    server.until(&id, &["running"]);
    server
        .post(&format!("/v1/lists/{id}/resume"), "")
        .is_problem(409, "under_way");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        server.post(&format!("/v1/lists/{id}/pause"), "").status,
        202
    );
    let view = server.until(&id, &["paused"]);
    let known = view["result"]["counts"]["verdict"]["deliverable"]
        .as_u64()
        .unwrap_or(0);
    assert!(known < 320, "it rests before it is done: {known}");
    // What is known by then can be had.
    let rows = server.get(&format!("/v1/lists/{id}/all.csv")).text();
    assert_eq!(rows.lines().count(), 401);
    server.post(&format!("/v1/lists/{id}/resume"), "");
    let view = server.until(&id, &["done"]);
    assert_eq!(view["result"]["lists"]["verified"], 320);
    assert_eq!(view["result"]["lists"]["rejected"], 80);
}

#[test]
fn a_list_that_is_stopped_is_done_with_what_is_known() {
    let server = Server::new(&["--world-speed", "8"]);
    let (first, second) = (server.send("", &people(400)), server.send("", &people(300)));
    server.until(&first, &["running"]);
    assert_eq!(server.view(&second)["before_it"], 1);
    // One that waits for its turn is called back at once.
    server.post(&format!("/v1/lists/{second}/pause"), "");
    let began = Instant::now();
    server.until(&second, &["paused"]);
    assert!(began.elapsed() < Duration::from_secs(5));
    server.post(&format!("/v1/lists/{first}/stop"), "");
    let view = server.until(&first, &["done"]);
    assert_eq!(view["ending"], "interrupted");
    server.post(&format!("/v1/lists/{second}/resume"), "");
    assert_eq!(
        server.until(&second, &["done"])["result"]["lists"]["verified"],
        240
    );
}

#[test]
fn events_tell_how_a_list_stands_until_it_is_gone() {
    let server = Server::new(&["--world-speed", "20"]);
    let id = server.send("", &people(300));
    let mut stream = server.connect();
    write!(
        stream,
        "GET /v1/lists/{id}/events HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address
    )
    .unwrap();
    let mut seen = BTreeSet::new();
    let (mut settled, mut deleted) = (Vec::new(), false);
    let mut event = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(name) = line.strip_prefix("event: ") {
            event = name.to_owned();
            if event == "gone" {
                break;
            }
        }
        let Some(data) = line.strip_prefix("data: ").filter(|_| event == "list") else {
            continue;
        };
        let view: serde_json::Value = serde_json::from_str(data).unwrap();
        let state = view["state"].as_str().unwrap().to_owned();
        settled.extend(view["progress"]["settled"].as_u64());
        if state == "done" && !deleted {
            deleted = true;
            assert_eq!(
                server
                    .ask("DELETE", &format!("/v1/lists/{id}"), &[], b"")
                    .status,
                204
            );
        }
        seen.insert(state);
    }
    assert_eq!(event, "gone");
    assert!(
        seen.contains("running") && seen.contains("done"),
        "{seen:?}"
    );
    assert!(settled.len() > 3 && settled.is_sorted(), "{settled:?}");
    server
        .get(&format!("/v1/lists/{id}/events"))
        .is_problem(404, "no_such_list");
}

#[test]
fn nothing_is_left_of_a_list_that_is_deleted() {
    let server = Server::new(&[]);
    let list = "name,email\nZacharias,p77@acme.test\nNobody,quetzalcoatl@acme.test\n";
    let id = server.send("name=hush.csv", list);
    server.until(&id, &["done"]);
    let holds = |text: &str| {
        let bytes = text.as_bytes();
        let found = files(&server.home().path("serve"))
            .into_iter()
            .filter(|file| {
                let all = std::fs::read(file).unwrap();
                all.windows(bytes.len()).any(|window| window == bytes)
            });
        found.collect::<Vec<_>>()
    };
    assert!(!holds("Zacharias").is_empty() && !holds("quetzalcoatl").is_empty());
    assert_eq!(
        server
            .ask("DELETE", &format!("/v1/lists/{id}?forget=true"), &[], b"")
            .status,
        204
    );
    for text in [
        "Zacharias",
        "quetzalcoatl",
        "p77@acme.test",
        "hush.csv",
        id.as_str(),
    ] {
        assert_eq!(holds(text), Vec::<std::path::PathBuf>::new(), "{text}");
    }
    server
        .get(&format!("/v1/lists/{id}"))
        .is_problem(404, "no_such_list");
}

#[test]
fn lists_are_told_page_by_page() {
    let server = Server::new(&["--max-lists", "5"]);
    let mut sent: Vec<String> = (0..5)
        .map(|n| server.send(&format!("then=nothing&name=l{n}.csv"), LIST))
        .collect();
    server
        .post("/v1/lists", LIST)
        .is_problem(429, "too_many_lists");
    sent.reverse();
    let (mut told, mut path) = (Vec::new(), "/v1/lists?limit=2".to_owned());
    loop {
        let page = server.get(&path).json();
        let lists = page["lists"].as_array().unwrap();
        told.extend(
            lists
                .iter()
                .map(|view| view["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/lists?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(told, sent);
    server
        .get("/v1/lists?after=x")
        .is_problem(400, "bad_request");
}

#[test]
fn rows_are_leafed_through_and_searched() {
    let server = Server::new(&[]);
    let id = server.send("", &people(250));
    server.until(&id, &["done"]);
    let page = server
        .get(&format!("/v1/lists/{id}/rows?limit=100&list=rejected"))
        .json();
    assert_eq!(
        (
            page["rows"].as_array().unwrap().len(),
            page["next"].is_null()
        ),
        (50, true)
    );
    let page = server.get(&format!("/v1/lists/{id}/rows?limit=100")).json();
    assert_eq!(
        (&page["next"], &page["rows"][99]["number"]),
        (&100.into(), &100.into())
    );
    let page = server.get(&format!("/v1/lists/{id}/rows?after=200")).json();
    assert_eq!(page["rows"].as_array().unwrap().len(), 50);
    let page = server
        .get(&format!("/v1/lists/{id}/rows?q=PERSON%20249"))
        .json();
    assert_eq!(page["rows"][0]["cells"][0], "Person 249");
    server
        .get(&format!("/v1/lists/{id}/rows?list=others"))
        .is_problem(400, "bad_request");
}

#[test]
fn a_list_with_too_many_rows_is_not_asked_about_to_its_end() {
    let server = Server::new(&["--max-rows", "100", "--world-speed", "20"]);
    let id = server.send("", &people(101));
    let view = server.until(&id, &["failed", "done"]);
    assert!(
        view["problem"].as_str().unwrap().contains("--max-rows"),
        "{view}"
    );
    assert_eq!(view["problem_kind"], "too_many_rows");
    let id = server.send("", &people(100));
    assert_eq!(server.until(&id, &["failed", "done"])["state"], "done");
}

#[test]
fn lists_are_deleted_when_their_time_is_over() {
    let server = Server::new(&["--keep", "1s"]);
    let id = server.send("", LIST);
    server.until(&id, &["done"]);
    std::thread::sleep(Duration::from_secs(2));
    // It is looked for when the server starts, and now and then.
    let server = server.end_and_start(&["--keep", "1s"]);
    until_some(|| {
        let view = server.get("/v1/lists").json();
        if view["lists"] == json!([]) {
            Ok(())
        } else {
            Err(view)
        }
    });
}
