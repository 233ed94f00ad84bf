//! Orders put into the engine by hand: what a machine that asks makes of them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use presend::engine::blocks::Blocks;
use presend::engine::coordinator::{self, Inherited};
use presend::engine::memory::{Connection, Way};
use presend::engine::order::Global;
use presend::engine::roll::{RunCard, Stage, WorkerCard};
use presend::engine::{
    Answers, Crew, Engine, EngineError, Order, Outcome, Partition, Partitions, RunId, Table, Terms,
    Worker, WorkerObserver, wire,
};
use presend::input::address::Address;
use presend::model::provider::Providers;
use presend::model::reading::Reading;
use presend::model::reason::Reason;
use presend::model::stage::Stage as At;
use presend::model::timestamp::Timestamp;
use presend::model::verdict::Exchange;
use presend::net::origin::Origin;
use presend::net::route::{HostKey, MailHost, Route};
use presend::probe::run::{Ending, Listener, RunConfig, SpillError, TargetSource, ask_all};
use presend::probe::scheduler::{Event, Progress, Scheduler};
use presend::probe::{Block, KnownDomain, KnownHost, Target};
use presend::sim::net::{Internet, Simulation};
use presend::sim::score::in_simulated_time;
use presend::smtp::rules::Book;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::terms_of;

/// Nobody watches.
struct Quiet;

impl WorkerObserver for Quiet {
    fn stands(&mut self, _card: &WorkerCard) {}
    fn notice(&mut self, _words: &str) {}
}

fn run(name: &str) -> RunId {
    RunId::named(name).unwrap()
}

/// A host for each name, at an address of its own by its place, whose people are `person0` and so on.
fn hosts(names: &[(&str, &str)]) -> Simulation {
    let mut world = String::new();
    let locals: Vec<String> = (0..60).map(|n| format!("person{n}")).collect();
    for (place, (name, habits)) in names.iter().enumerate() {
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.{name}\"\naddress = \"203.0.113.{}\"\n{habits}\n\
             [[domain]]\nname = \"{name}\"\nmx = [\"mx.{name}\"]\nmailboxes = {locals:?}",
            place + 1
        );
    }
    Internet::from_toml(&world, "a world of this test")
        .unwrap()
        .start(7)
}

/// An order about people of a domain at the host of that place.
fn order(run: &RunId, number: u64, domain: &str, host: (&str, usize), people: usize) -> Order {
    let target = |n| Target::from(Address::parse(&format!("person{n}@{domain}")).unwrap());
    Order {
        run: run.clone(),
        number,
        attempt: 1,
        terms: Terms::of(&terms_of(7).limits, Global::NONE),
        domain: domain.to_owned(),
        route: Route::Hosts {
            hosts: vec![MailHost {
                name: format!("mx.{}", host.0),
                addresses: vec![format!("203.0.113.{}", host.1 + 1).parse().unwrap()],
            }],
            is_whole: true,
            key: HostKey(host.0.to_owned()),
            ttl: Duration::from_secs(300),
        },
        known_domain: KnownDomain::default(),
        known_host: KnownHost::default(),
        visitor: None,
        not_before: Timestamp::default(),
        targets: (0..people).map(target).collect(),
    }
}

fn partition(order: &Order) -> Partition {
    let key = order.host().unwrap();
    Partitions::default().of(key, &order.domain, &Providers::built_in(), Global::NONE)
}

async fn publish(engine: &Connection, order: &Order) {
    engine.publish(partition(order), order).await.unwrap();
}

/// Writes where a run stands, with a sign that its reader is at work.
async fn stands(engine: &Connection, run: &RunId, stage: Stage) {
    let before = engine.read(Table::Runs, run.as_str()).await.unwrap();
    let card = before.as_ref().map(|entry| wire::decode(&entry.value));
    let beat = card.map_or(0, |card: Result<RunCard, _>| card.unwrap().beat);
    let card = wire::encode(&RunCard {
        stage,
        beat: beat + 1,
    });
    let revision = before.map(|entry| entry.revision);
    let written = engine.write(Table::Runs, run.as_str(), &card, revision);
    written.await.unwrap();
}

/// A machine that asks until it is told to stop.
async fn machine(simulation: Simulation, way: Way, stop: oneshot::Receiver<()>) {
    let worker = Worker {
        engine: Arc::new(simulation.engine.connect_over(way)),
        name: "v1-7".to_owned(),
        world: simulation.world.clone(),
        config: RunConfig {
            origins: vec![Origin {
                address: Some("198.18.0.1".parse().unwrap()),
                hello: "v1.sender.test".parse().unwrap(),
            }],
            ..terms_of(7)
        },
        book: Arc::new(Book::built_in()),
        providers: Arc::new(Providers::built_in()),
    };
    let stopped = async {
        let _ = stop.await;
    };
    worker.work(&mut Quiet, stopped).await.unwrap();
}

/// Lets a machine work while `scene` goes on.
fn with_a_machine<T>(
    names: &[(&str, &str)],
    way: Way,
    scene: impl AsyncFnOnce(&Simulation, &Connection) -> T,
) -> T {
    let told = in_simulated_time(async {
        let simulation = hosts(names);
        let engine = simulation.engine.connect();
        let machines = LocalSet::new();
        let (_works, stop) = oneshot::channel();
        machines.spawn_local(machine(simulation.clone(), way, stop));
        machines.run_until(scene(&simulation, &engine)).await
    });
    told.unwrap()
}

/// How often each address was asked about at a host.
fn questions(simulation: &Simulation, host: &str) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    let seen = simulation.log.host(host);
    for question in seen.into_iter().flat_map(|seen| seen.questions) {
        *count.entry(question.address).or_default() += 1;
    }
    count
}

async fn ends_of(engine: &Connection, run: &RunId, number: u64) -> Vec<Outcome> {
    let answers = engine.answers_of(run, number).await.unwrap();
    let read = answers.into_iter().filter_map(Result::ok);
    read.filter_map(|answers| answers.outcome).collect()
}

#[test]
fn an_end_that_nobody_may_have_heard_is_said_again() {
    with_a_machine(
        &[("acme.test", "")],
        Way::default(),
        async |world, engine| {
            let run = run("run-7");
            stands(engine, &run, Stage::Asking).await;
            let order = order(&run, 3, "acme.test", ("acme.test", 0), 2);
            publish(engine, &order).await;
            // One who is gone by now has asked all of it, and was about to take it down.
            let taken = engine.pull(partition(&order), 9).await.unwrap();
            assert_eq!(taken.len(), 1);
            let done = Answers {
                run: run.clone(),
                number: 3,
                attempt: 1,
                by: "gone.1".to_owned(),
                place: 1,
                events: Vec::new(),
                outcome: Some(Outcome::Done),
            };
            engine.answer(&done).await.unwrap();
            let heard = engine.pull_answers(&run, 9).await.unwrap();
            engine
                .ack_answers(&[heard[0].receipt.clone()])
                .await
                .unwrap();
            sleep(Duration::from_secs(120)).await;
            assert!(engine.open_orders(&run).await.unwrap().is_empty());
            let again = engine.pull_answers(&run, 9).await.unwrap();
            let ends = again.iter().map(|said| said.answers.as_ref().unwrap());
            let ends: Vec<_> = ends
                .map(|said| (said.number, said.outcome.clone()))
                .collect();
            assert_eq!(ends, [(3, Some(Outcome::Done))]);
            let seen = world.log.host("mx.acme.test");
            assert_eq!(
                seen.map_or(0, |seen| seen.attempts),
                0,
                "nothing is asked for it"
            );
        },
    );
}

#[test]
fn nobody_is_asked_for_a_run_that_was_withdrawn() {
    with_a_machine(
        &[("acme.test", "")],
        Way::default(),
        async |world, engine| {
            let run = run("run-7");
            stands(engine, &run, Stage::Withdrawn).await;
            // Published by one who had not heard of it yet.
            publish(engine, &order(&run, 3, "acme.test", ("acme.test", 0), 5)).await;
            sleep(Duration::from_secs(600)).await;
            let seen = world.log.host("mx.acme.test");
            assert_eq!(seen.map_or(0, |seen| seen.attempts), 0);
            assert_eq!(
                engine.open_orders(&run).await.unwrap().len(),
                1,
                "it is kept"
            );
            // The same command again.
            stands(engine, &run, Stage::Asking).await;
            sleep(Duration::from_secs(120)).await;
            assert_eq!(ends_of(engine, &run, 3).await, [Outcome::Done]);
        },
    );
}

fn block(until: Timestamp) -> Block {
    Block {
        until,
        exchange: Exchange {
            stage: At::Greeting,
            host: "mx.acme.test".to_owned(),
            code: Some(554),
            reply: "554 5.7.1 blocked".to_owned(),
        },
        reading: Reading {
            reason: Reason::SenderBlocked,
            permanent: true,
            rule: "test".to_owned(),
        },
    }
}

#[test]
fn who_is_gone_for_good_and_what_is_over_is_tidied_up() {
    with_a_machine(
        &[("acme.test", "")],
        Way::default(),
        async |world, engine| {
            let now = world.world.clock.now();
            let card = WorkerCard {
                source: None,
                hello: "gone.sender.test".to_owned(),
                beat: 9,
                partitions: 0,
                runs: BTreeMap::new(),
            };
            let write = async |table, key, text: &[u8]| {
                engine.write(table, key, text, None).await.unwrap();
            };
            write(Table::Workers, "gone", &wire::encode(&card)).await;
            let minutes = |count: u64| now + Duration::from_secs(count * 60);
            for (key, until) in [("0a", minutes(10)), ("0b", minutes(600))] {
                let mut blocks = Blocks::default();
                blocks.note("192.0.2.1", None, &block(until), now);
                write(Table::Hosts, key, &wire::encode(&blocks)).await;
            }
            sleep(Duration::from_secs(600)).await;
            assert_eq!(engine.entries(Table::Workers).await.unwrap().len(), 2);
            sleep(Duration::from_secs(4_500)).await;
            let keys = async |table| -> Vec<String> {
                let entries = engine.entries(table).await.unwrap();
                entries.into_iter().map(|(key, _)| key).collect()
            };
            assert_eq!(keys(Table::Workers).await, ["v1-7"]);
            assert_eq!(keys(Table::Hosts).await, ["0b"], "one is in force still");
        },
    );
}

#[test]
fn a_machine_that_blocks_us_keeps_us_from_none_of_its_neighbours() {
    let names = [("acme.test", "greeting = \"blocks\""), ("beta.test", "")];
    with_a_machine(&names, Way::default(), async |world, engine| {
        let run = run("run-7");
        stands(engine, &run, Stage::Asking).await;
        let order =
            |number, domain, machine| order(&run, number, domain, ("hoster.test", machine), 5);
        publish(engine, &order(1, "acme.test", 0)).await;
        sleep(Duration::from_secs(60)).await;
        // It is known to the others by now, and they are not to ask there.
        publish(engine, &order(2, "other.test", 0)).await;
        sleep(Duration::from_secs(60)).await;
        let seen = world.log.host("mx.acme.test");
        assert_eq!(seen.map_or(0, |seen| seen.attempts), 1);
        publish(engine, &order(3, "beta.test", 1)).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(ends_of(engine, &run, 3).await, [Outcome::Done]);
        assert_eq!(questions(world, "mx.beta.test").len(), 5 + 1);
    });
}

#[test]
fn forgetting_an_address_has_no_other_asked_about_twice() {
    let slow = "rcpt_wait = \"4s\"";
    with_a_machine(
        &[("acme.test", slow)],
        Way::default(),
        async |world, engine| {
            let run = run("run-7");
            stands(engine, &run, Stage::Asking).await;
            publish(engine, &order(&run, 3, "acme.test", ("acme.test", 0), 40)).await;
            sleep(Duration::from_secs(40)).await;
            let so_far = questions(world, "mx.acme.test").len();
            assert!((2..30).contains(&so_far), "{so_far} were asked about");
            assert!(engine.forget("person39@acme.test").await.unwrap() > 0);
            sleep(Duration::from_secs(1_200)).await;
            let asked = questions(world, "mx.acme.test");
            let twice: Vec<_> = asked.iter().filter(|(_, count)| **count > 1).collect();
            assert!(twice.is_empty(), "{twice:?}");
            let listed = asked.keys().filter(|key| key.starts_with("person"));
            assert!(listed.count() >= 39);
            assert!(ends_of(engine, &run, 3).await.contains(&Outcome::Done));
            assert!(engine.open_orders(&run).await.unwrap().is_empty());
        },
    );
}

#[test]
fn an_order_about_nobody_is_done_at_once() {
    with_a_machine(
        &[("acme.test", "")],
        Way::default(),
        async |world, engine| {
            let run = run("run-7");
            stands(engine, &run, Stage::Asking).await;
            publish(engine, &order(&run, 3, "acme.test", ("acme.test", 0), 1)).await;
            engine.forget("person0@acme.test").await.unwrap();
            sleep(Duration::from_secs(60)).await;
            assert_eq!(ends_of(engine, &run, 3).await, [Outcome::Done]);
            assert!(questions(world, "mx.acme.test").is_empty());
        },
    );
}

#[test]
fn a_machine_that_loses_one_call_in_twenty_breaks_off_nothing() {
    for seed in 0..4 {
        let way = Way {
            round_trip: Duration::from_millis(300),
            lost: 5,
            seed,
        };
        let names = [("slow.test", "rcpt_wait = \"3s\"")];
        with_a_machine(&names, way, async |world, engine| {
            let run = run("run-7");
            stands(engine, &run, Stage::Asking).await;
            publish(engine, &order(&run, 1, "slow.test", ("slow.test", 0), 60)).await;
            for _ in 0..60 {
                sleep(Duration::from_secs(10)).await;
                stands(engine, &run, Stage::Asking).await;
            }
            let asked = questions(world, "mx.slow.test");
            assert!(asked.len() >= 60, "{asked:?}");
            let twice = asked.iter().filter(|(_, times)| **times > 1);
            assert_eq!(twice.count(), 0, "with seed {seed}: {asked:?}");
        });
    }
}

#[test]
fn a_second_list_at_a_busy_host_keeps_nobody_else_waiting() {
    let names = [("slow.test", "rcpt_wait = \"20s\""), ("quick.test", "")];
    with_a_machine(&names, Way::default(), async |world, engine| {
        let (first, second) = (run("first"), run("second"));
        for run in [&first, &second] {
            stands(engine, run, Stage::Asking).await;
        }
        publish(engine, &order(&first, 1, "slow.test", ("slow.test", 0), 60)).await;
        sleep(Duration::from_secs(30)).await;
        assert!(!questions(world, "mx.slow.test").is_empty());
        // More addresses than a machine may have in hand.
        for number in 0..101 {
            let domain = format!("d{number}.test");
            let order = order(&second, number, &domain, ("slow.test", 0), 200);
            publish(engine, &order).await;
        }
        sleep(Duration::from_secs(60)).await;
        let quick = order(&second, 9_999, "quick.test", ("quick.test", 1), 3);
        publish(engine, &quick).await;
        sleep(Duration::from_secs(20)).await;
        assert_eq!(ends_of(engine, &second, 9_999).await, [Outcome::Done]);
        assert!(
            ends_of(engine, &first, 1).await.is_empty(),
            "it is busy still"
        );
    });
}

#[test]
fn a_machine_that_is_told_to_stop_ends_in_good_order_at_whatever_moment() {
    for step in 0..40 {
        let told = in_simulated_time(async {
            let simulation = hosts(&[("acme.test", "rcpt_wait = \"3s\"")]);
            let engine = simulation.engine.connect();
            let way = Way {
                round_trip: Duration::from_millis(400),
                ..Way::default()
            };
            let machines = LocalSet::new();
            let (stop, stopped) = oneshot::channel();
            let working = machines.spawn_local(machine(simulation.clone(), way, stopped));
            let scene = async {
                sleep(Duration::from_secs(15)).await;
                let run = run("run-7");
                stands(&engine, &run, Stage::Asking).await;
                publish(&engine, &order(&run, 3, "acme.test", ("acme.test", 0), 30)).await;
                sleep(Duration::from_millis(50 * step)).await;
                stop.send(()).unwrap();
                let told = Instant::now();
                working.await.unwrap();
                told.elapsed()
            };
            let took = machines.run_until(scene).await;
            let seen = simulation.log.host("mx.acme.test").unwrap_or_default();
            (took, seen.hang_ups)
        });
        let (took, hang_ups) = told.unwrap();
        assert_eq!(hang_ups, 0, "at step {step}");
        assert!(took < Duration::from_secs(11), "at step {step}: {took:?}");
    }
}

/// A list that cannot go on from its `fails_at`th turn on; notes how much was told before each turn.
struct Failing {
    list: Vec<Target>,
    turns: usize,
    fails_at: usize,
    told: Rc<Cell<usize>>,
    told_before: Vec<usize>,
}

#[derive(Debug)]
struct Failed;

impl From<SpillError> for Failed {
    fn from(_: SpillError) -> Self {
        Failed
    }
}

impl TargetSource for Failing {
    type Error = Failed;

    fn next(&mut self) -> Result<Option<Vec<Target>>, Failed> {
        let list = std::mem::take(&mut self.list);
        Ok((!list.is_empty()).then_some(list))
    }

    fn tend(&mut self, _: &mut Scheduler, _: Timestamp) -> Result<(), Failed> {
        self.told_before.push(self.told.get());
        self.turns += 1;
        if self.turns > self.fails_at {
            Err(Failed)
        } else {
            Ok(())
        }
    }
}

struct Counting(Rc<Cell<usize>>);

impl Listener for Counting {
    type Error = Failed;

    fn learned(&mut self, learned: Event) -> Result<(), Failed> {
        if let Event::Address { .. } = learned {
            self.0.set(self.0.get() + 1);
        }
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

/// How much was told before each turn of an asking that fails at a turn, and in all.
fn told_until(fails_at: usize) -> (Vec<usize>, usize) {
    let told = in_simulated_time(async {
        let simulation = hosts(&[("acme.test", "")]);
        let target = |n| Target::from(Address::parse(&format!("person{n}@acme.test")).unwrap());
        let told = Rc::new(Cell::new(0));
        let mut source = Failing {
            list: (0..40).map(target).collect(),
            turns: 0,
            fails_at,
            told: Rc::clone(&told),
            told_before: Vec::new(),
        };
        let mut counting = Counting(Rc::clone(&told));
        let asking = ask_all(
            simulation.world.clone(),
            terms_of(7),
            Arc::new(Book::built_in()),
            Arc::new(Providers::built_in()),
            &mut source,
            &mut counting,
            std::future::pending::<Ending>(),
        );
        let _ = asking.await;
        (source.told_before, told.get())
    });
    told.unwrap()
}

#[test]
fn what_was_answered_is_told_though_an_asking_cannot_go_on() {
    let (told_before, all) = told_until(usize::MAX);
    assert_eq!(all, 40);
    for (turn, told) in told_before.iter().enumerate().skip(1) {
        assert_eq!(told_until(turn - 1).1, *told, "failed at turn {turn}");
    }
}

#[derive(Debug)]
struct Trouble;

impl From<SpillError> for Trouble {
    fn from(_: SpillError) -> Self {
        Trouble
    }
}

impl From<EngineError> for Trouble {
    fn from(_: EngineError) -> Self {
        Trouble
    }
}

/// A list in one piece.
struct Listed(Option<Vec<Target>>);

impl TargetSource for Listed {
    type Error = Trouble;

    fn next(&mut self) -> Result<Option<Vec<Target>>, Trouble> {
        Ok(self.0.take())
    }
}

/// Keeps what it is told at once.
struct Keeping(usize);

impl Listener for Keeping {
    type Error = Trouble;

    fn learned(&mut self, _: Event) -> Result<(), Trouble> {
        self.0 += 1;
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

/// Takes every order, and says of it in `pieces` pieces that nobody was reached.
async fn talkative(engine: Connection, pieces: u64) {
    loop {
        for partition in engine.partitions().all() {
            for delivery in engine.pull(partition, 9).await.unwrap() {
                let order = delivery.order.unwrap();
                for place in 1..=pieces {
                    let waiting = Event::Waiting {
                        key: order.targets[0].address.key().into_owned(),
                        waiting: order.targets[0].waiting,
                        again: None,
                    };
                    let answers = Answers {
                        run: order.run.clone(),
                        number: order.number,
                        attempt: order.attempt,
                        by: "talkative.1".to_owned(),
                        place,
                        events: vec![waiting],
                        outcome: (place == pieces).then_some(Outcome::Done),
                    };
                    engine.answer(&answers).await.unwrap();
                }
                engine.ack(&delivery.receipt).await.unwrap();
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn more_answers_may_come_than_are_taken_in_at_a_time() {
    let told = in_simulated_time(async {
        let simulation = hosts(&[("acme.test", "")]);
        let engine = simulation.engine.connect();
        let crew = Crew {
            engine: Arc::new(engine.clone()),
            run: run("run-7"),
            global: Global::NONE,
        };
        let machines = LocalSet::new();
        machines.spawn_local(talkative(engine, 1_700));
        let person = Target::from(Address::parse("person0@acme.test").unwrap());
        let (mut list, mut keeping) = (Listed(Some(vec![person])), Keeping(0));
        let asking = coordinator::ask_all(
            &crew,
            Inherited::default(),
            simulation.world.clone(),
            terms_of(7),
            Arc::new(Book::built_in()),
            Arc::new(Providers::built_in()),
            &mut list,
            &mut keeping,
            std::future::pending::<Ending>(),
        );
        let (ending, leave) = machines.run_until(asking).await.unwrap();
        leave.take().await.unwrap();
        (ending, keeping.0)
    });
    assert_eq!(told.unwrap(), (Ending::Completed, 1_700));
}
