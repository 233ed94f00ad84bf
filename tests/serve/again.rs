//! What is known while a list is asked about, and asking again about some of its rows.

use serde_json::json;

use crate::client::{Home, Server, files, people};

#[test]
fn what_is_known_can_be_had_while_a_list_is_asked_about() {
    let server = Server::new(&["--world-speed", "2"]);
    let id = server.send("name=long.csv", &people(2_000));
    server.until(&id, &["running"]);
    server.until_settled(&id, 20);
    let all = server.get(&format!("/v1/lists/{id}/all.csv"));
    assert_eq!(all.status, 200, "{}", all.text());
    let all = all.text();
    assert_eq!(all.lines().count(), 2_001, "every row is in it");
    let verified = all.matches(",deliverable,").count();
    let open = all.matches(",not_asked,").count();
    assert!(verified > 0 && open > 100, "{verified} {open}");
    let list = server.get(&format!("/v1/lists/{id}/verified.csv")).text();
    assert!(list.lines().count() > verified);
    for (name, begins) in [
        ("verified.xlsx", "PK"),
        ("review.jsonl", "{"),
        ("lists.xlsx", "PK"),
        ("report.md", "#"),
    ] {
        let file = server.get(&format!("/v1/lists/{id}/{name}"));
        assert_eq!(file.status, 200, "{name}: {}", file.text());
        assert!(file.text().starts_with(begins), "{name}");
    }
    let report = server.get(&format!("/v1/lists/{id}/report.json")).json();
    assert_eq!(
        (&report["ending"], &report["list"]["path"]),
        (&"interrupted".into(), &"long.csv".into())
    );
    assert_eq!(server.view(&id)["state"], "running", "nothing is disturbed");
    let lists = server.home().path("serve/lists");
    let passing = || {
        let all = files(&lists);
        all.iter()
            .any(|path| path.display().to_string().contains("passing-"))
    };
    assert!(!passing(), "{:?}", files(&lists));
    // What a killed server had begun goes when it starts again.
    let left = lists.join(&id).join("passing-x");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("all.csv"), "x").unwrap();
    let server = server.kill_and_start(&["--world-speed", "2"]);
    assert!(!left.exists());
    assert_eq!(server.get(&format!("/v1/lists/{id}")).status, 200);
}

#[test]
fn a_list_says_for_which_one_it_waits() {
    let server = Server::new(&["--world-speed", "10"]);
    let first = server.send("name=first.csv", &people(1_000));
    server.until(&first, &["running"]);
    let second = server.send("name=second.csv", &people(10));
    let third = server.send("name=third.csv", &people(10));
    for (id, before) in [(&second, 1), (&third, 2)] {
        let view = server.view(id);
        assert_eq!(
            (&view["before_it"], &view["waits_for"]),
            (&before.into(), &json!({ "id": first, "name": "first.csv" }))
        );
        server
            .get(&format!("/v1/lists/{id}/all.csv"))
            .is_problem(409, "not_verified");
    }
    assert!(server.view(&first)["waits_for"].is_null());
    server.post(&format!("/v1/lists/{first}/stop"), "");
    assert!(server.until(&second, &["done"])["waits_for"].is_null());
}

#[test]
fn a_short_list_does_not_wait_for_the_end_of_a_long_one() {
    // A turn takes ten minutes of simulated time, each of the long lists twenty at least.
    let of = |people: std::ops::Range<u32>| -> String {
        let people: Vec<String> = people.map(|n| format!("p{n}@acme.test")).collect();
        people.join("\n")
    };
    let (first, second) = (of(0..24_000), of(24_000..48_000));
    let server = Home::with(48_000).serve(&["--world-speed", "60"]);
    let long = server.send("name=long.csv", &first);
    server.until(&long, &["running"]);
    let short = server.send("name=short.csv", "email\nbert@acme.test\n");
    server.until(&short, &["done"]);
    assert_eq!(server.view(&long)["state"], "running");
    // One that waits for its next turn is called back at once.
    let other = server.send("name=other.csv", &second);
    server.until(&other, &["running"]);
    assert_eq!(server.view(&long)["state"], "running");
    server.post(&format!("/v1/lists/{long}/stop"), "");
    let view = server.until(&long, &["done"]);
    assert_eq!(server.view(&other)["state"], "running", "{view}");
    let deliverable = view["result"]["counts"]["verdict"]["deliverable"].as_u64();
    assert!(deliverable > Some(5_000), "{view}");
    let asked = view["result"]["traffic"]["rcpt"].as_u64();
    assert!(asked >= deliverable, "in all its turns: {view}");
    server.post(&format!("/v1/lists/{other}/stop"), "");
    server.until(&other, &["done"]);
}

/// A world that changes while the server rests: `p1` leaves, `p5` comes.
fn change(home: &Home) {
    let path = home.path("world.toml");
    let world = std::fs::read_to_string(&path).unwrap();
    let world = world
        .replace("\"p1\", ", "")
        .replace("\"p0\", ", "\"p0\", \"nobody5\", ");
    std::fs::write(path, world).unwrap();
}

#[test]
fn the_rows_that_are_picked_are_asked_about_again_and_no_others() {
    let server = Server::new(&[]);
    let id = server.send("", &people(20));
    let view = server.until(&id, &["done"]);
    assert_eq!(view["result"]["lists"]["verified"], 16);
    change(server.home());
    let server = server.kill_and_start(&[]);
    let again = |picked: serde_json::Value| {
        let answer = server.post(&format!("/v1/lists/{id}/again"), picked.to_string());
        assert_eq!(answer.status, 202, "{}", answer.text());
        server.until(&id, &["done", "failed"])
    };
    let verdict = |q: &str| {
        let rows = server.get(&format!("/v1/lists/{id}/rows?q={q}@")).json();
        let place = rows["columns"].as_array().unwrap().len() - 9;
        rows["rows"][0]["cells"][place].as_str().unwrap().to_owned()
    };
    // By what stands in it.
    let view = again(json!({ "q": "nobody5@" }));
    assert_eq!(view["ending"], "completed", "{view}");
    assert_eq!(view["result"]["rows"], 20);
    assert_eq!(verdict("nobody5"), "deliverable");
    assert_eq!(verdict("p1"), "deliverable", "as it was known");
    let deliverable =
        |view: &serde_json::Value| view["result"]["counts"]["verdict"]["deliverable"].clone();
    assert_eq!(deliverable(&view), 17);
    assert_eq!(
        view["result"]["traffic"]["rcpt"], 2,
        "one, and the decoy: {view}"
    );
    // By its number, on one of the lists.
    let view = again(json!({ "list": "verified", "rows": [1] }));
    assert_eq!(verdict("p1"), "undeliverable", "{view}");
    assert_eq!(deliverable(&view), 16);
    assert_eq!(verdict("nobody5"), "deliverable");
    for (picked, status, kind) in [
        (json!({}), 400, "bad_request"),
        (json!({ "q": " " }), 400, "bad_request"),
        (json!({ "q": "no such text" }), 400, "bad_request"),
        (json!({ "list": "sold" }), 400, "bad_request"),
    ] {
        server
            .post(&format!("/v1/lists/{id}/again"), picked.to_string())
            .is_problem(status, kind);
    }
    assert_eq!(server.view(&id)["state"], "done");
    let fresh = server.send("then=nothing", &people(3));
    server
        .post(&format!("/v1/lists/{fresh}/again"), r#"{"rows":[1]}"#)
        .is_problem(409, "not_verified");
}

#[test]
fn rows_without_an_answer_stay_so_when_others_are_asked_about_again() {
    let server = Server::new(&[]);
    let list = "email\nanna@acme.test\nanna@slow.test\nanna@grey.test\n";
    let id = server.send("wait=1s", list);
    server.until(&id, &["done"]);
    let reasons = |server: &Server| server.view(&id)["result"]["counts"]["reason"].clone();
    let before = reasons(&server);
    assert!(before["not_asked"].is_null(), "{before}");
    let answer = server.post(
        &format!("/v1/lists/{id}/again"),
        r#"{"q":"anna@acme.test"}"#,
    );
    assert_eq!(answer.status, 202, "{}", answer.text());
    server.until(&id, &["done"]);
    assert_eq!(reasons(&server), before);
}

#[test]
fn asking_again_goes_on_after_the_server_was_killed() {
    let slow = ["--world-speed", "10"];
    let server = Server::new(&[]);
    let id = server.send("", &people(400));
    server.until(&id, &["done"]);
    let server = server.kill_and_start(&slow);
    server.post(&format!("/v1/lists/{id}/again"), r#"{"list":"verified"}"#);
    server.until(&id, &["running"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let server = server.kill_and_start(&[]);
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(view["ending"], "completed", "{view}");
    assert_eq!(view["result"]["rows"], 400);
    assert_eq!(view["result"]["lists"]["verified"], 320);
}

#[test]
fn rows_that_rest_while_they_are_asked_about_again_are_gone_on_with() {
    let slow = ["--world-speed", "10"];
    let server = Server::new(&[]);
    let id = server.send("", &people(400));
    let whole = server.until(&id, &["done"])["result"]["traffic"]["rcpt"]
        .as_u64()
        .unwrap();
    let server = server.kill_and_start(&slow);
    let again = || server.post(&format!("/v1/lists/{id}/again"), r#"{"list":"rejected"}"#);
    assert_eq!(again().status, 202);
    again().is_problem(409, "under_way");
    server.until(&id, &["running"]);
    server
        .post(&format!("/v1/bounces?list={id}"), "email\nanna@acme.test\n")
        .is_problem(409, "under_way");
    server.post(&format!("/v1/lists/{id}/pause"), "");
    server.until(&id, &["paused"]);
    let server = server.kill_and_start(&[]);
    let answer = server.post(&format!("/v1/lists/{id}/resume"), "");
    assert_eq!(answer.status, 202, "{}", answer.text());
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(view["ending"], "completed", "{view}");
    assert_eq!(view["result"]["lists"]["verified"], 320);
    let asked = view["result"]["traffic"]["rcpt"].as_u64().unwrap();
    assert!(asked < whole / 2, "{asked} of {whole}");
}

#[test]
fn a_list_that_was_left_stays_so_when_some_of_its_rows_are_asked_about_again() {
    let server = Server::new(&["--world-speed", "10"]);
    let id = server.send("", &people(1_000));
    server.until(&id, &["running"]);
    server.until_settled(&id, 20);
    server.post(&format!("/v1/lists/{id}/stop"), "");
    let left = server.until(&id, &["done"]);
    assert_eq!(left["ending"], "interrupted", "{left}");
    let answer = server.post(&format!("/v1/lists/{id}/again"), r#"{"q":"p1@"}"#);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(view["ending"], "interrupted", "{view}");
    let open =
        |view: &serde_json::Value| view["result"]["counts"]["reason"]["interrupted"].as_u64();
    assert!(open(&left) > Some(100), "{left}");
    assert!(open(&view) > Some(100), "{view}");
    let asked = |view: &serde_json::Value| view["result"]["traffic"]["rcpt"].as_u64();
    assert!(asked(&view) > Some(0), "{view}");
    // And once more.
    server.post(&format!("/v1/lists/{id}/again"), r#"{"q":"p1@"}"#);
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(view["ending"], "interrupted", "{view}");
    assert!(asked(&view) > Some(0), "{view}");
}

#[test]
fn people_are_forgotten_while_what_is_known_is_put_together() {
    let server = Server::new(&["--world-speed", "2"]);
    let id = server.send("", &people(30_000));
    server.until(&id, &["running"]);
    server.until_settled(&id, 20);
    std::thread::scope(|scope| {
        let picture = scope.spawn(|| server.get(&format!("/v1/lists/{id}/all.csv")));
        let places = server.home().path("serve/lists").join(&id);
        let is_begun = || {
            let all = files(&places);
            all.iter()
                .any(|path| path.display().to_string().contains("passing-"))
        };
        while !is_begun() && !picture.is_finished() {}
        assert!(!picture.is_finished());
        let forgotten = server.post("/v1/forget", r#"{"names":["p1@acme.test"]}"#);
        assert_eq!(forgotten.status, 200, "{}", forgotten.text());
        assert_eq!(picture.join().unwrap().status, 200);
    });
}
