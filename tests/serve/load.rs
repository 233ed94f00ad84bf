//! Many clients, slow clients, large lists. `PRESEND_LOAD=whole` makes them as large as the promises are.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::{Home, Server, people, read_answer};

/// Whether all of it is wanted: that takes a minute and 2 GB of disk.
fn is_whole() -> bool {
    std::env::var_os("PRESEND_LOAD").is_some_and(|what| what == "whole")
}

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
    let megabytes = if is_whole() { 2_048 } else { 300 };
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
    eprintln!("{megabytes} MB sent, {peak} kB of memory at most");
    assert!(peak < 200_000, "{peak} kB at most");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        server
            .ask("DELETE", &format!("/v1/lists/{id}"), &[], b"")
            .status,
        204
    );
}

/// How fast clients ask together: so many requests a second, for so many seconds.
struct Rate {
    requests: u32,
    seconds: u32,
}

/// How many clients ask beside each other.
const CLIENTS: u32 = 8;

/// Asks at this rate about addresses that are known; how long each answer took, the quickest first.
fn ask(server: &Server, known: &[String], rate: &Rate) -> Vec<Duration> {
    let each = Duration::from_secs(CLIENTS.into()) / rate.requests;
    let count = rate.requests * rate.seconds / CLIENTS;
    let began = Instant::now();
    let one = |client: u32| {
        let took = (0..count).map(|n| {
            let due = began + each * n + each * client / CLIENTS;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let place = (n * CLIENTS + client) as usize % known.len();
            let body = format!("{{\"address\":{}}}", known[place]);
            let asked = Instant::now();
            assert_eq!(server.post("/v1/check", body).json()["complete"], true);
            asked.elapsed()
        });
        took.collect::<Vec<Duration>>()
    };
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || one(client)))
            .collect();
        let all = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        all.collect()
    });
    took.sort();
    took
}

#[test]
fn what_is_known_is_told_at_once_while_a_list_runs() {
    // A debug build on a laden machine is told from a fault by a second; the promise is 50 ms.
    let (rows, rate, most) = if is_whole() {
        (
            100_000,
            Rate {
                requests: 200,
                seconds: 30,
            },
            Duration::from_millis(50),
        )
    } else {
        (
            2_000,
            Rate {
                requests: 50,
                seconds: 4,
            },
            Duration::from_secs(1),
        )
    };
    let server = Home::with(rows).serve(&["--world-speed", "10"]);
    let known: Vec<String> = (0..50)
        .map(|n| format!("\"p{}@acme.test\"", n * 5 + 1))
        .collect();
    let warm = format!("{{\"addresses\":[{}]}}", known.join(","));
    assert_eq!(server.post("/v1/check", &warm).json()["complete"], true);
    let id = server.send("", &people(rows));
    server.until(&id, &["running"]);
    let took = ask(&server, &known, &rate);
    let share = |percent: usize| took[took.len() * percent / 100];
    let (half, tail) = (share(50), share(99));
    eprintln!(
        "{} answers while {rows} rows are asked about: p50 {half:?}, p99 {tail:?}, longest {:?}",
        took.len(),
        took[took.len() - 1]
    );
    assert!(tail < most, "p99 {tail:?}");
    assert_eq!(server.view(&id)["state"], "running");
}
