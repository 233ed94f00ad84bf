//! What is wrong in the engine has an outcome, and costs no row.

use std::process::Child;
use std::time::{Duration, Instant};

use presend::engine::lease::Lease;
use presend::engine::{Changed, Engine, Table, wire};
use serde_json::json;

use crate::contract::{answers, order};
use crate::internet::assert_one_visitor;
use crate::place::{PATIENCE, Place, Worker, alone, list};
use crate::server::{self, Server};

fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// A message as another version of the program writes it.
fn of_another_version(message: &[u8]) -> Vec<u8> {
    let mut message: serde_json::Value = serde_json::from_slice(message).unwrap();
    message["version"] = json!("9.9");
    message.to_string().into_bytes()
}

/// Waits until a process has ended. Returns its exit code.
fn ended(child: &mut Child) -> Option<i32> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(since.elapsed() < PATIENCE, "it goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_cannot_be_read_costs_no_row() {
    if !server::is_there() {
        return;
    }
    let list = list(24, 20);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(20), Some(server.url()));
    // A lease of a worker that never was there, and two that cannot be read.
    in_a_runtime(async {
        let engine = server.connect().await;
        let holder = "nobody".to_owned();
        let nobody = wire::encode(&Lease { holder });
        for (key, lease) in [("0", nobody.as_slice()), ("1", b"\xff{"), ("x", b"{}")] {
            let written = engine.write(Table::Leases, key, lease, None).await;
            assert!(matches!(written, Ok(Changed::Yes(_))));
        }
    });
    let _workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(30);
    in_a_runtime(async {
        let engine = server.connect().await;
        let runs = engine.entries(Table::Runs).await.unwrap();
        let run = &runs[0].0;
        let other_order = of_another_version(&order(8, &["ann@d1.test"]).encode());
        let other_answers = of_another_version(&answers(8, 1, &["ann@d1.test"]).encode());
        let of_nobody = answers(1, 1, &["ann@d1.test"]).encode();
        let client = async_nats::connect(server.url()).await.unwrap();
        for (subject, message) in [
            (format!("presend.order.2.{run}.7"), b"garbage".to_vec()),
            (format!("presend.order.3.{run}.8"), other_order),
            ("presend.order.4.NOBODY.x".to_owned(), b"garbage".to_vec()),
            (format!("presend.answer.{run}.7"), b"garbage".to_vec()),
            (format!("presend.answer.{run}.8"), other_answers),
            (
                format!("presend.answer.{run}.9"),
                answers(9, 1, &[]).encode(),
            ),
            ("presend.answer.of-nobody.1".to_owned(), of_nobody),
        ] {
            let kept = client.request(subject, message.into()).await.unwrap();
            let kept = String::from_utf8_lossy(&kept.payload).into_owned();
            assert!(kept.contains("\"seq\""), "{kept}");
        }
    });
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
    let log = place.log();
    for words in [
        "an order is left to others: it was written by presend 9.9",
        "answers cannot be read",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains("ann@d1.test"), "{log}");
}

#[test]
fn a_stream_that_is_deleted_costs_no_row() {
    if !server::is_there() {
        return;
    }
    let list = list(24, 20);
    let wanted = alone(&list);
    for stream in ["presend-orders", "presend-answers", "KV_presend-leases"] {
        let server = Server::start();
        let place = Place::new(&list, Duration::from_millis(30), Some(server.url()));
        let mut workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
        let mut run = place.verify();
        place.wait_for(40);
        in_a_runtime(async {
            let client = async_nats::connect(server.url()).await.unwrap();
            let request = format!("$JS.API.STREAM.DELETE.{stream}");
            client.request(request, "".into()).await.unwrap();
        });
        if stream != "KV_presend-leases" {
            assert_ne!(ended(&mut run), Some(0), "{stream}: {}", place.log());
            assert!(
                place.log().contains("run the same command again"),
                "{stream}"
            );
        }
        if stream != "KV_presend-leases" {
            run = place.verify();
        }
        // Workers that have noticed it end, and are started again as by a service manager.
        let (mut restarted, since) = (0, Instant::now());
        while run.try_wait().unwrap().is_none() {
            assert!(
                since.elapsed() < PATIENCE,
                "{stream}: it waits for ever: {}",
                place.log()
            );
            for worker in &mut workers {
                if worker.child.try_wait().unwrap().is_some() {
                    restarted += 1;
                    *worker = place.worker(worker.number);
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // Nobody else sets up the leases anew; the streams are there again before each worker has missed them.
        if stream == "KV_presend-leases" {
            assert!(restarted > 0, "{stream}");
        }
        place.finish(run);
        assert_eq!(place.lists(), wanted, "{stream}: {}", place.log());
        assert_one_visitor(&place.internet.asked());
    }
}

#[test]
fn a_store_that_is_full_for_a_while_costs_no_row() {
    if !server::is_there() {
        return;
    }
    let list = list(24, 20);
    let wanted = alone(&list);
    let server = Server::configured(
        "jetstream: { store_dir: \"STORE\", max_memory_store: 8MB, max_file_store: 8MB }\n",
    );
    let place = Place::new(&list, Duration::from_millis(30), Some(server.url()));
    let _workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(40);
    in_a_runtime(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        let filler = json!({ "name": "filler", "subjects": ["filler"], "storage": "file" });
        let filler = filler.to_string().into();
        let made = client.request("$JS.API.STREAM.CREATE.filler", filler).await;
        made.unwrap();
        for size in [200_000, 2_000, 1] {
            loop {
                let kept = client
                    .request("filler", vec![b'x'; size].into())
                    .await
                    .unwrap();
                if String::from_utf8_lossy(&kept.payload).contains("error") {
                    break;
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(place.log().contains("no room left"), "{}", place.log());
        client
            .request("$JS.API.STREAM.DELETE.filler", "".into())
            .await
            .unwrap();
    });
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn an_engine_that_is_away_for_a_minute_costs_no_row() {
    if !server::is_there() {
        return;
    }
    let list = list(24, 20);
    let wanted = alone(&list);
    let mut server = Server::start();
    let place = Place::new(&list, Duration::from_millis(30), Some(server.url()));
    let _workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(40);
    server.kill();
    std::thread::sleep(Duration::from_secs(20));
    let asked = place.internet.count();
    std::thread::sleep(Duration::from_secs(40));
    assert_eq!(
        place.internet.count(),
        asked,
        "nobody holds a lease any more"
    );
    server.start_again();
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn a_worker_of_another_version_keeps_out_and_says_so() {
    if !server::is_there() {
        return;
    }
    let list = list(8, 4);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(1), Some(server.url()));
    let beat = async |engine: &dyn Engine| {
        let card =
            json!({ "version": "9.9", "hello": "v9.sender.test", "beat": 1, "partitions": 64 });
        let stands = engine.read(Table::Workers, "v9").await.unwrap();
        let revision = stands.map(|entry| entry.revision);
        let card = card.to_string();
        let written = engine
            .write(Table::Workers, "v9", card.as_bytes(), revision)
            .await;
        assert!(matches!(written, Ok(Changed::Yes(_))));
    };
    let (_worker, run) = in_a_runtime(async {
        let engine = server.connect().await;
        beat(&engine).await;
        let (worker, run) = (place.worker(0), place.verify());
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            beat(&engine).await;
        }
        (worker, run)
    });
    assert_eq!(place.internet.count(), 0);
    let log = place.log();
    assert!(
        log.contains("keeping out: there are workers of version 9.9"),
        "{log}"
    );
    // The other one is switched off.
    place.finish(run);
    assert_eq!(place.lists(), wanted);
}
