//! The server is killed at any moment: nothing that was sent or learned is lost.

use std::time::Duration;

use crate::client::{Server, people};

/// Kills in the ordinary test; `PRESEND_KILLS` names another number.
const KILLS: u32 = 6;

fn kills() -> u32 {
    std::env::var("PRESEND_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

#[test]
fn a_list_goes_on_where_a_killed_server_left_it() {
    let kills = kills();
    let options = ["--world-speed", "20"];
    let rows = 1_500;
    let mut server = Server::new(&options);
    let id = server.send("name=long.csv", &people(rows));
    let other = server.send(
        "name=other.csv",
        "email\nbert@acme.test\nnobody@acme.test\n",
    );
    let mut asked = Vec::new();
    for kill in 0..kills {
        // At other moments of the run each time: while it begins, asks, writes.
        std::thread::sleep(Duration::from_millis(u64::from(kill * 613 % 1_900)));
        server = server.kill_and_start(&options);
        let view = server.view(&id);
        assert!(
            ["queued", "running", "done"].contains(&view["state"].as_str().unwrap()),
            "{view}"
        );
        assert_eq!(view["name"], "long.csv");
        asked.push(view["progress"]["settled"].as_u64());
    }
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(
        (&view["state"], &view["ending"]),
        (&"done".into(), &"completed".into()),
        "{view}"
    );
    assert_eq!(view["result"]["lists"]["verified"], 1_200, "{view}");
    assert_eq!(view["result"]["lists"]["rejected"], 300);
    let all = server.get(&format!("/v1/lists/{id}/all.csv")).text();
    assert_eq!(
        all.lines().count(),
        rows + 1,
        "every row once, after {asked:?}"
    );
    let view = server.until(&other, &["done", "failed"]);
    assert_eq!(view["result"]["lists"]["verified"], 1);
}

#[test]
fn a_server_that_ends_in_good_order_goes_on_as_well() {
    let options = ["--world-speed", "20"];
    let server = Server::new(&options);
    let id = server.send("", &people(600));
    server.until(&id, &["running"]);
    std::thread::sleep(Duration::from_millis(700));
    let server = server.end_and_start(&options);
    let view = server.until(&id, &["done", "failed"]);
    assert_eq!(view["result"]["lists"]["verified"], 480, "{view}");
}

#[test]
fn a_list_that_was_not_received_to_its_end_leaves_nothing() {
    use std::io::Write as _;
    let server = Server::new(&[]);
    let mut stream = server.connect();
    write!(
        stream,
        "POST /v1/lists HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000000\r\n\r\nemail\n",
        server.address
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let server = server.kill_and_start(&[]);
    assert_eq!(
        server.get("/v1/lists").json()["lists"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        crate::client::files(&server.home().path("serve/lists")).len(),
        0
    );
}
