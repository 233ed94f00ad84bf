//! Many clients, slow clients, large lists.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::{Server, people, read_answer};

#[test]
fn slow_clients_keep_nobody_waiting() {
    let server = Server::new(&[]);
    let slow: Vec<TcpStream> = (0..1_000)
        .map(|number| {
            let mut stream = server.connect();
            // Half a head, or half a body.
            let begun = match number % 2 {
                0 => "POST /v1/check HTTP/1.1\r\nHost: loc".to_owned(),
                _ => "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
                    .to_owned(),
            };
            stream.write_all(begun.as_bytes()).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(
        server
            .post("/v1/check", r#"{"address":"anna@acme.test"}"#)
            .status,
        200
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    drop(slow);
}

#[test]
fn a_large_list_is_not_held_in_memory() {
    let server = Server::new(&[]);
    let megabytes = 300;
    let row = format!("{}@acme.test\n", "x".repeat(53));
    let megabyte = row.repeat((1 << 20) / row.len() + 1);
    let mut stream = server.connect();
    write!(
        stream,
        "POST /v1/lists?then=nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        megabyte.len() * megabytes
    )
    .unwrap();
    for _ in 0..megabytes {
        stream.write_all(megabyte.as_bytes()).unwrap();
    }
    let answer = read_answer(&mut stream);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["bytes"], megabyte.len() * megabytes);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200_000, "{peak} kB at most");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        server
            .ask("DELETE", &format!("/v1/lists/{id}"), &[], b"")
            .status,
        204
    );
}

#[test]
fn what_is_known_is_told_at_once_while_a_list_runs() {
    let server = Server::new(&["--world-speed", "10"]);
    let known: Vec<String> = (0..50)
        .map(|n| format!("\"p{}@acme.test\"", n * 5 + 1))
        .collect();
    let warm = format!("{{\"addresses\":[{}]}}", known.join(","));
    assert_eq!(server.post("/v1/check", &warm).json()["complete"], true);
    let id = server.send("", &people(2_000));
    server.until(&id, &["running"]);
    let mut took: Vec<Duration> = (0..200)
        .map(|n| {
            let body = format!("{{\"address\":{}}}", known[n % known.len()]);
            let began = Instant::now();
            assert_eq!(server.post("/v1/check", body).json()["complete"], true);
            began.elapsed()
        })
        .collect();
    took.sort();
    assert!(took[180] < Duration::from_secs(1), "{:?}", took[180]);
    eprintln!("p50 {:?}, p99 {:?}", took[100], took[197]);
    assert_eq!(server.view(&id)["state"], "running");
}
