//! What the seam promises, as JetStream keeps it.

use std::time::{Duration, Instant};

use presend::engine::nats::{Keeping, Nats};
use presend::engine::order::Global;
use presend::engine::{
    AnswerDelivery, Answers, Changed, Engine, EngineError, Order, Outcome, Partition, Partitions,
    Receipt, RunId, Table, Terms,
};
use presend::input::address::Address;
use presend::model::limits;
use presend::model::timestamp::Timestamp;
use presend::net::route::{HostKey, MailHost, Route};
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::scheduler::Event;
use presend::probe::{KnownDomain, KnownHost, Target, Waiting};
use presend::smtp::session::Encryption;

use crate::server::{self, Server};

fn run() -> RunId {
    RunId::named("run-7").unwrap()
}

pub(crate) fn order(number: u64, addresses: &[&str]) -> Order {
    let target = |address: &&str| Target::from(Address::parse(address).unwrap());
    Order {
        run: run(),
        number,
        attempt: 1,
        terms: Terms {
            sender: Some("verify@sender.test".parse().unwrap()),
            ceilings: Ceilings {
                rate: Rate::per_seconds(10),
                connections: 2,
            },
            rate_max: Rate::UNLIMITED,
            global: Global::NONE,
            patience: Duration::from_secs(1800),
            encryption: Encryption::WhenOffered,
            seed: 7,
        },
        domain: "acme.test".to_owned(),
        route: Route::Hosts {
            hosts: vec![MailHost {
                name: "mx.acme.test".to_owned(),
                addresses: vec!["192.0.2.1".parse().unwrap()],
            }],
            is_whole: true,
            key: HostKey("acme.test".to_owned()),
            ttl: Duration::from_secs(300),
        },
        known_domain: KnownDomain::default(),
        known_host: KnownHost::default(),
        visitor: None,
        not_before: Timestamp::default(),
        targets: addresses.iter().map(target).collect(),
    }
}

pub(crate) fn answers(number: u64, place: u64, names: &[&str]) -> Answers {
    let waiting = |name: &&str| Event::Waiting {
        key: (*name).to_owned(),
        waiting: Waiting::default(),
        again: None,
    };
    Answers {
        run: run(),
        number,
        attempt: 1,
        by: "worker.1".to_owned(),
        place,
        events: names.iter().map(waiting).collect(),
        outcome: Some(Outcome::Done),
    }
}

fn places(pulled: &[AnswerDelivery]) -> Vec<u64> {
    let read = |delivery: &AnswerDelivery| delivery.answers.as_ref().unwrap().place;
    pulled.iter().map(read).collect()
}

fn receipts(pulled: &[AnswerDelivery]) -> Vec<Receipt> {
    pulled.iter().map(|given| given.receipt.clone()).collect()
}

/// Asks for a partition's orders until some come.
async fn pull(engine: &Nats, patience: Duration) -> Vec<presend::engine::Delivery> {
    let since = Instant::now();
    loop {
        let pulled = engine.pull(HERE, 9).await.unwrap();
        if !pulled.is_empty() || since.elapsed() > patience {
            return pulled;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const HERE: Partition = Partition::FIRST;

/// More than the server and a loaded machine take for anything.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn an_order_comes_again_until_it_is_acknowledged() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    let order = order(3, &["ann@acme.test"]);
    for _ in 0..2 {
        engine.publish(HERE, &order).await.unwrap();
    }
    let first = pull(&engine, SOON).await;
    assert_eq!(first.len(), 1, "the same order is kept once");
    assert_eq!(first[0].order.as_ref(), Ok(&order));
    assert_eq!((&first[0].run, first[0].number), (&order.run, 3));
    assert_eq!(first[0].delivered, 1);

    tokio::time::sleep(limits::ENGINE_ACK_WAIT / 2).await;
    engine.still_at_work(&first[0].receipt).await.unwrap();
    tokio::time::sleep(limits::ENGINE_ACK_WAIT / 2 + SOON).await;
    assert!(engine.pull(HERE, 9).await.unwrap().is_empty());
    let second = pull(&engine, limits::ENGINE_ACK_WAIT).await;
    assert_eq!(second[0].delivered, 2);

    let since = Instant::now();
    engine.delay(&second[0].receipt, SOON).await.unwrap();
    let third = pull(&engine, SOON * 3).await;
    assert!(since.elapsed() >= SOON, "{:?}", since.elapsed());
    assert_eq!(
        engine.open_orders(&order.run).await.unwrap(),
        [Ok(order.clone())]
    );
    engine.ack(&third[0].receipt).await.unwrap();
    engine.ack(&third[0].receipt).await.unwrap();
    assert!(engine.open_orders(&order.run).await.unwrap().is_empty());
    assert!(engine.pull(HERE, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_order_of_a_stream_that_was_deleted_is_acknowledged_in_no_other() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    engine
        .publish(HERE, &order(1, &["ann@acme.test"]))
        .await
        .unwrap();
    let pulled = pull(&engine, SOON).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let request = "$JS.API.STREAM.DELETE.presend-orders";
    client.request(request, "".into()).await.unwrap();
    // Another client sets it up anew; its first order has the number that the other one had.
    let other = server.connect().await;
    let kept = order(2, &["bob@acme.test"]);
    other.publish(HERE, &kept).await.unwrap();
    let _ = engine.ack(&pulled[0].receipt).await;
    assert_eq!(other.open_orders(&run()).await.unwrap(), [Ok(kept)]);
}

#[tokio::test]
async fn an_order_that_is_done_leaves_nothing_in_the_files() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    for (number, name) in [
        (1, "erased@acme.test"),
        (2, "other@acme.test"),
        (3, "withdrawn@acme.test"),
    ] {
        engine.publish(HERE, &order(number, &[name])).await.unwrap();
    }
    assert!(!server.files_with("erased@acme.test").is_empty());
    let pulled = pull(&engine, SOON).await;
    engine.ack(&pulled[0].receipt).await.unwrap();
    assert_eq!(
        server.files_with("erased@acme.test"),
        Vec::<std::path::PathBuf>::new()
    );
    assert!(!server.files_with("other@acme.test").is_empty());
    engine.withdraw(&run()).await.unwrap();
    assert_eq!(
        server.files_with("@acme.test"),
        Vec::<std::path::PathBuf>::new()
    );
}

#[tokio::test]
async fn answers_are_kept_once_and_come_in_their_order() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    for place in [1, 2, 2, 3, 4] {
        let answers = answers(3, place, &["ann@acme.test"]);
        engine.answer(&answers).await.unwrap();
    }
    let pulled = engine.pull_answers(&run(), 2).await.unwrap();
    assert_eq!(places(&pulled), [1, 2]);
    engine.ack_answers(&receipts(&pulled[..1])).await.unwrap();
    assert_eq!(
        places(&engine.pull_answers(&run(), 9).await.unwrap()),
        [3, 4]
    );
    // A coordinator that comes after one that died waits for nothing, and gets the oldest first.
    let next = server.connect().await;
    let pulled = next.pull_answers(&run(), 9).await.unwrap();
    assert_eq!(places(&pulled), [2, 3, 4]);
    next.ack_answers(&receipts(&pulled)).await.unwrap();
    let last = server.connect().await;
    assert!(last.pull_answers(&run(), 9).await.unwrap().is_empty());
    assert_eq!(last.answers_of(&run(), 3).await.unwrap().len(), 4);
    assert!(last.answers_of(&run(), 4).await.unwrap().is_empty());
    last.purge(&run()).await.unwrap();
    assert!(last.answers_of(&run(), 3).await.unwrap().is_empty());
    assert!(server.files_with("ann@acme.test").is_empty());
}

#[tokio::test]
async fn a_table_changes_by_comparison() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let (one, two) = (server.connect().await, server.connect().await);
    let write = async |who: &Nats, revision| who.write(Table::Leases, "7", b"x", revision).await;
    let Changed::Yes(first) = write(&one, None).await.unwrap() else {
        panic!("nothing stood there")
    };
    assert_eq!(write(&two, None).await, Ok(Changed::No));
    let Changed::Yes(second) = write(&two, Some(first)).await.unwrap() else {
        panic!("nobody changed it since")
    };
    assert_eq!(write(&one, Some(first)).await, Ok(Changed::No));
    assert_eq!(one.remove(Table::Leases, "7", first).await, Ok(Changed::No));
    two.write(Table::Leases, "8", b"y", None).await.unwrap();
    let mut entries = one.entries(Table::Leases).await.unwrap();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let told: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(key, entry)| (key.as_str(), entry.value.as_slice()))
        .collect();
    assert_eq!(told, [("7", b"x".as_slice()), ("8", b"y")]);
    assert_eq!(entries[0].1.revision, second);
    assert!(one.entries(Table::Hosts).await.unwrap().is_empty());
    let gone = one.remove(Table::Leases, "7", second).await;
    assert!(matches!(gone, Ok(Changed::Yes(_))));
    assert_eq!(one.read(Table::Leases, "7").await, Ok(None));
    assert!(matches!(write(&two, None).await, Ok(Changed::Yes(_))));
}

#[tokio::test]
async fn nothing_of_a_forgotten_person_is_kept_and_all_of_the_others_is() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    let both = order(3, &["Ann@acme.test", "bob@acme.test"]);
    engine.publish(HERE, &both).await.unwrap();
    let both = answers(3, 1, &["ann@acme.test", "bob@acme.test"]);
    engine.answer(&both).await.unwrap();
    assert_eq!(engine.forget("ann@acme.test").await, Ok(2));
    let open = engine.open_orders(&run()).await.unwrap();
    let named: Vec<&str> = open[0]
        .as_ref()
        .unwrap()
        .targets
        .iter()
        .map(|target| target.address.wire())
        .collect();
    assert_eq!(named, ["bob@acme.test"]);
    let kept = engine.answers_of(&run(), 3).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].as_ref().unwrap().events.len(), 1);
    for name in ["ann@acme.test", "Ann@acme.test"] {
        assert_eq!(server.files_with(name), Vec::<std::path::PathBuf>::new());
    }
    assert_eq!(engine.forget("ann@acme.test").await, Ok(0));
    // The order that is left is handed out as any other.
    assert_eq!(pull(&engine, SOON).await.len(), 1);
}

#[tokio::test]
async fn an_order_in_which_nobody_is_left_stays_one_that_its_coordinator_waits_for() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    let alone = order(3, &["ann@acme.test"]);
    engine.publish(HERE, &alone).await.unwrap();
    let done = answers(4, 1, &["ann@acme.test"]);
    engine.answer(&done).await.unwrap();
    assert_eq!(engine.forget("@acme.test").await, Ok(2));
    let open = engine.open_orders(&run()).await.unwrap();
    assert!(open[0].as_ref().unwrap().targets.is_empty());
    let kept = engine.answers_of(&run(), 4).await.unwrap();
    assert_eq!(kept[0].as_ref().unwrap().outcome, Some(Outcome::Done));
    assert_eq!(
        server.files_with("@acme.test"),
        Vec::<std::path::PathBuf>::new()
    );
}

#[tokio::test]
async fn a_reader_that_is_gone_keeps_nobody_from_reading_on() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    for place in 1..=4 {
        engine
            .answer(&answers(3, place, &["ann@acme.test"]))
            .await
            .unwrap();
    }
    let pulled = engine.pull_answers(&run(), 3).await.unwrap();
    engine.ack_answers(&receipts(&pulled[..1])).await.unwrap();
    engine
        .publish(HERE, &order(3, &["ann@acme.test"]))
        .await
        .unwrap();
    let orders = pull(&engine, SOON).await;
    let admin = async_nats::connect(server.url()).await.unwrap();
    for reader in ["presend-answers.run-run-7", "presend-orders.partition-0"] {
        let request = format!("$JS.API.CONSUMER.DELETE.{reader}");
        admin.request(request, "".into()).await.unwrap();
    }
    // What was read before is acknowledged to nobody, and nothing is lost by it.
    engine.ack_answers(&receipts(&pulled[1..])).await.unwrap();
    engine.ack(&orders[0].receipt).await.unwrap();
    assert!(engine.open_orders(&run()).await.unwrap().is_empty());
    assert_eq!(
        places(&engine.pull_answers(&run(), 9).await.unwrap()),
        [1, 2, 3, 4]
    );
    engine
        .publish(HERE, &order(4, &["bob@acme.test"]))
        .await
        .unwrap();
    assert_eq!(pull(&engine, SOON).await.len(), 1);
}

#[tokio::test]
async fn a_table_is_seen_as_it_is_whatever_was_seen_before() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let (one, two) = (server.connect().await, server.connect().await);
    let seen = async || {
        let entries = one.entries(Table::Workers).await.unwrap();
        let told = entries.into_iter();
        told.map(|(key, entry)| (key, entry.value[0]))
            .collect::<Vec<_>>()
    };
    let written = |changed| match changed {
        Ok(Changed::Yes(revision)) => revision,
        other => panic!("{other:?}"),
    };
    let told = |entries: &[(&str, u8)]| -> Vec<(String, u8)> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect()
    };
    assert_eq!(seen().await, told(&[]));
    let a = written(two.write(Table::Workers, "a", b"1", None).await);
    let b = written(two.write(Table::Workers, "b", b"1", None).await);
    assert_eq!(seen().await, told(&[("a", b'1'), ("b", b'1')]));
    let a = written(two.write(Table::Workers, "a", b"2", Some(a)).await);
    assert_eq!(seen().await, told(&[("a", b'2'), ("b", b'1')]));
    // Removed, and as many there as before.
    written(two.remove(Table::Workers, "b", b).await);
    written(two.write(Table::Workers, "c", b"1", None).await);
    assert_eq!(seen().await, told(&[("a", b'2'), ("c", b'1')]));
    written(two.remove(Table::Workers, "a", a).await);
    assert_eq!(seen().await, told(&[("c", b'1')]));
}

#[tokio::test]
async fn an_engine_keeps_the_number_of_its_partitions() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let divided = |count: Option<u16>| Keeping {
        partitions: count.map(|count| Partitions::new(count).unwrap()),
        ..Keeping::default()
    };
    let first = Nats::connect(&server.access(), &divided(Some(256)))
        .await
        .unwrap();
    assert_eq!(first.partitions().count(), 256);
    let next = Nats::connect(&server.access(), &divided(None))
        .await
        .unwrap();
    assert_eq!(next.partitions().count(), 256);
    let error = Nats::connect(&server.access(), &divided(Some(64))).await;
    let error = error.err().unwrap();
    assert!(
        matches!(&error, EngineError::Incompatible(words) if words.contains("256 partitions")),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_deleted_is_told_from_what_does_not_answer() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let engine = server.connect().await;
    engine.pull(HERE, 1).await.unwrap();
    let admin = async_nats::connect(server.url()).await.unwrap();
    for stream in ["presend-orders", "presend-answers", "KV_presend-leases"] {
        let request = format!("$JS.API.STREAM.DELETE.{stream}");
        admin.request(request, "".into()).await.unwrap();
    }
    let gone = |error: EngineError| matches!(error, EngineError::Gone(_));
    let order = order(3, &["ann@acme.test"]);
    assert!(gone(engine.publish(HERE, &order).await.unwrap_err()));
    assert!(gone(engine.pull(HERE, 1).await.unwrap_err()));
    assert!(gone(engine.pull_answers(&run(), 1).await.unwrap_err()));
    assert!(gone(engine.read(Table::Leases, "7").await.unwrap_err()));
    assert!(gone(
        engine
            .write(Table::Leases, "7", b"", None)
            .await
            .unwrap_err()
    ));
    assert_eq!(engine.health().await.unwrap().troubles.len(), 3);
    // A client that connects sets it up anew.
    let again = server.connect().await;
    again.publish(HERE, &order).await.unwrap();
    assert_eq!(again.health().await.unwrap().troubles, Vec::<String>::new());
    assert_eq!(pull(&engine, SOON).await.len(), 1);
}

#[tokio::test]
async fn a_full_store_loses_nothing_it_has() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured(
        "jetstream: { store_dir: \"STORE\", max_memory_store: 1MB, max_file_store: 100KB }\n",
    );
    let engine = server.connect().await;
    let names: Vec<String> = (0..100).map(|n| format!("person{n}@acme.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut kept = 0;
    let full = loop {
        match engine.publish(HERE, &order(kept, &names)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "it never fills up");
    };
    assert!(matches!(full, EngineError::Full(_)), "{full}");
    let open = engine.open_orders(&run()).await.unwrap();
    assert_eq!(open.len() as u64, kept);
    // What is done makes room.
    let pulled = pull(&engine, SOON).await;
    for delivery in &pulled {
        engine.ack(&delivery.receipt).await.unwrap();
    }
    engine.publish(HERE, &order(kept, &names)).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_is_an_error_with_words() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured("max_payload: 4096\n");
    let engine = server.connect().await;
    let names: Vec<String> = (0..200).map(|n| format!("person{n}@acme.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let error = engine.publish(HERE, &order(1, &names)).await.unwrap_err();
    assert!(matches!(&error, EngineError::Incompatible(words) if words.contains("max_payload")));
}

#[tokio::test]
async fn a_connection_that_is_lost_comes_back_with_everything() {
    if !server::is_there() {
        return;
    }
    let mut server = Server::start();
    let engine = server.connect().await;
    let order = order(3, &["ann@acme.test"]);
    engine.publish(HERE, &order).await.unwrap();
    engine.write(Table::Leases, "7", b"x", None).await.unwrap();
    server.kill();
    let cut = engine.read(Table::Leases, "7").await.unwrap_err();
    assert!(matches!(cut, EngineError::NoConnection(_)), "{cut}");
    assert!(engine.pull(HERE, 1).await.unwrap_err().is_passing());
    server.start_again();
    let since = Instant::now();
    while engine.read(Table::Leases, "7").await.is_err() {
        assert!(since.elapsed() < Duration::from_secs(30));
    }
    let entry = engine.read(Table::Leases, "7").await.unwrap().unwrap();
    assert_eq!(entry.value, b"x");
    assert_eq!(engine.open_orders(&run()).await.unwrap(), [Ok(order)]);
    assert_eq!(pull(&engine, SOON).await.len(), 1);
}

#[tokio::test]
async fn a_server_without_jetstream_is_told() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured("# no jetstream\n");
    let error = Nats::connect(&server.access(), &Keeping::default())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, EngineError::Incompatible(words) if words.contains("-js")),
        "{error}"
    );
}

#[tokio::test]
async fn teams_share_a_server_under_their_prefixes() {
    if !server::is_there() {
        return;
    }
    let server = Server::start();
    let keeping = |prefix: &str| Keeping {
        prefix: prefix.parse().unwrap(),
        answers_for: Some(Duration::from_secs(86_400)),
        ..Keeping::default()
    };
    let one = Nats::connect(&server.access(), &keeping("one"))
        .await
        .unwrap();
    let other = Nats::connect(&server.access(), &keeping("other"))
        .await
        .unwrap();
    one.publish(HERE, &order(3, &["ann@acme.test"]))
        .await
        .unwrap();
    assert!(other.pull(HERE, 9).await.unwrap().is_empty());
    assert_eq!(one.pull(HERE, 9).await.unwrap().len(), 1);
    // A later one may change how long answers are kept.
    let again = Keeping {
        answers_for: Some(Duration::from_secs(3600)),
        ..keeping("one")
    };
    Nats::connect(&server.access(), &again).await.unwrap();
}
