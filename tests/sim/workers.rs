//! Many machines ask together: the same lists, whichever machine asks.

use std::fmt::Write as _;
use std::time::Duration;

use presend::engine::memory::Way;
use presend::engine::order::Global;
use presend::probe::pace::Rate;
use presend::sim::net::Internet;
use presend::sim::score::{
    Courtesy, Creation, Machines, Outcome, Wires, create, described, judged, simulate, tools,
};

fn asked_by(crew: Machines) -> Courtesy {
    Courtesy {
        crew,
        ..Courtesy::default()
    }
}

fn steady(workers: usize) -> Machines {
    Machines::Many {
        workers,
        changing: false,
    }
}

/// Addresses with their lists, without when and by whom it was answered.
fn verdicts(outcome: &Outcome) -> Vec<String> {
    let mut verdicts: Vec<String> = outcome
        .lists
        .iter()
        .zip(["verified", "review", "rejected"])
        .flat_map(|(list, name)| {
            let text = String::from_utf8_lossy(list).into_owned();
            let rows = text.lines().skip(1).map(|line| {
                let cells: Vec<&str> = line.split(',').take(4).collect();
                format!("{name} {}", cells.join(","))
            });
            rows.collect::<Vec<_>>()
        })
        .collect();
    verdicts.sort();
    verdicts
}

/// Thirty hosts with people of their own, some of them greylisting.
fn world() -> (Internet, Vec<String>) {
    let mut world = String::new();
    let mut list = Vec::new();
    for n in 0..30 {
        let name = format!("firm{n}.test");
        let habits = match n % 5 {
            0 => "greylist = { wait = \"5m\" }",
            _ => "",
        };
        let locals: Vec<String> = (0..8).map(|n| format!("person{n}")).collect();
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.{name}\"\n{habits}\n[[domain]]\nname = \"{name}\"\nmx = [\"mx.{name}\"]\nmailboxes = {locals:?}"
        );
        list.extend(locals.iter().map(|local| format!("{local}@{name}")));
        list.push(format!("nobody@{name}"));
    }
    let internet = Internet::from_toml(&world, "a world of this test").unwrap();
    (internet, list)
}

#[test]
fn one_two_and_four_machines_come_to_the_same_lists_as_one_without_an_engine() {
    let (internet, list) = world();
    let creation = described(1, internet, &list);
    let (alone, score) = judged(&creation, &tools(), &Courtesy::default()).unwrap();
    assert!(score.is_clean(), "{:?}", score.findings);
    for workers in [1, 2, 4] {
        let courtesy = asked_by(steady(workers));
        let (together, score) = judged(&creation, &tools(), &courtesy).unwrap();
        assert_eq!(verdicts(&together), verdicts(&alone), "{workers} workers");
        assert!(score.is_clean(), "{workers} workers: {:?}", score.findings);
    }
}

#[test]
fn all_together_keep_to_a_hosts_global_ceilings() {
    for seed in [11, 12] {
        let creation = create(seed, 300);
        let courtesy = Courtesy {
            global: Global {
                rate: Rate::per_seconds(6),
                connections: Some(3),
            },
            ..asked_by(steady(4))
        };
        let (_, score) = judged(&creation, &tools(), &courtesy).unwrap();
        assert!(score.is_clean(), "{seed}: {:?}", score.findings);
    }
}

#[test]
fn machines_that_die_and_join_cost_no_row_and_no_verdict() {
    let (internet, list) = world();
    let creation = described(3, internet, &list);
    let (alone, _) = judged(&creation, &tools(), &Courtesy::default()).unwrap();
    let changing = Machines::Many {
        workers: 4,
        changing: true,
    };
    let (together, score) = judged(&creation, &tools(), &asked_by(changing)).unwrap();
    assert_eq!(verdicts(&together), verdicts(&alone));
    assert!(score.is_clean(), "{:?}", score.findings);
}

/// The machine that reads this list acknowledges the end of an order, and is switched off before its worker takes it down.
#[test]
fn an_order_whose_end_only_an_earlier_reader_was_told_keeps_no_run_open() {
    let changing = Machines::Many {
        workers: 4,
        changing: true,
    };
    let score = simulate(229, 300, changing).unwrap();
    assert!(score.is_clean(), "{:?}", score.findings);
}

/// A host that turns visitors away as `greeting` says, asked by four machines that may wait so long.
fn turned_away(greeting: &str, patience: Duration) -> Outcome {
    let world = format!(
        "[[host]]\nname = \"mx.firm.test\"\ngreeting = \"{greeting}\"\n\n[[domain]]\nname = \"firm.test\"\n\
         mx = [\"mx.firm.test\"]\nmailboxes = [\"ann\", \"bob\"]"
    );
    let list = ["ann@firm.test", "bob@firm.test", "nobody@firm.test"].map(str::to_owned);
    let internet = Internet::from_toml(&world, "a world of this test").unwrap();
    let creation = described(1, internet, &list);
    let courtesy = Courtesy {
        patience,
        ..asked_by(steady(4))
    };
    judged(&creation, &tools(), &courtesy).unwrap().0
}

/// All rows as they are listed.
fn rows(outcome: &Outcome) -> Vec<String> {
    let lists = outcome.lists.iter();
    let rows = lists.flat_map(|list| {
        let text = String::from_utf8_lossy(list).into_owned();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    rows.collect()
}

/// How many rows have these words.
fn rows_with(outcome: &Outcome, words: &str) -> usize {
    let rows = rows(outcome);
    rows.iter().filter(|row| row.contains(words)).count()
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_host_that_blocks_one_address_is_asked_from_another_an_hour_later() {
    let outcome = turned_away("blocks_the_first", HOUR * 3);
    assert_eq!(
        rows_with(&outcome, ",deliverable,"),
        2,
        "{:?}",
        rows(&outcome)
    );
    assert_eq!(
        rows_with(&outcome, ",undeliverable,"),
        1,
        "{:?}",
        rows(&outcome)
    );
    assert!(outcome.took >= HOUR, "{:?}", outcome.took);
    assert!(outcome.took < HOUR * 2, "{:?}", outcome.took);
}

#[test]
fn a_host_that_blocks_one_address_is_left_where_nobody_waits_for_an_hour() {
    let outcome = turned_away("blocks_the_first", HOUR / 2);
    assert_eq!(
        rows_with(&outcome, "sender_blocked"),
        3,
        "{:?}",
        rows(&outcome)
    );
    assert!(outcome.took < HOUR, "{:?}", outcome.took);
}

#[test]
fn a_host_that_blocks_two_addresses_is_asked_from_no_third() {
    let outcome = turned_away("blocks", HOUR * 5);
    assert_eq!(
        rows_with(&outcome, "sender_blocked"),
        3,
        "{:?}",
        rows(&outcome)
    );
    assert!(outcome.took >= HOUR, "{:?}", outcome.took);
    assert!(outcome.took < HOUR * 2, "{:?}", outcome.took);
    assert!(
        outcome.report.traffic.connections <= 4,
        "{:?}",
        outcome.report.traffic
    );
}

fn far(millis: u64) -> Way {
    Way {
        round_trip: Duration::from_millis(millis),
        lost: 0,
        seed: 7,
    }
}

/// So many hosts with one person each: so many orders, each with an end of its own.
fn many_hosts(count: usize, habits: &str) -> Creation {
    many_hosts_of(1, count, habits)
}

/// The same in the world of a seed, by which machines come and go.
fn many_hosts_of(seed: u64, count: usize, habits: &str) -> Creation {
    let mut world = String::new();
    let mut list = Vec::new();
    for n in 0..count {
        let name = format!("firm{n}.test");
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.{name}\"\n{habits}\n[[domain]]\nname = \"{name}\"\nmx = [\"mx.{name}\"]\nmailboxes = [\"ann\"]"
        );
        list.push(format!("ann@{name}"));
    }
    let internet = Internet::from_toml(&world, "a world of this test").unwrap();
    described(seed, internet, &list)
}

/// All are verified, each asked about once, with these wires between those who ask.
fn comes_to_its_end(creation: &Creation, rows: u64, wires: Wires) -> Outcome {
    let courtesy = Courtesy {
        wires,
        ..asked_by(steady(3))
    };
    let (outcome, score) = judged(creation, &tools(), &courtesy).unwrap();
    assert!(score.is_clean(), "{:?}", score.findings);
    assert_eq!(score.confusion["exists"]["deliverable"], rows);
    outcome
}

#[test]
fn machines_that_are_far_from_the_engine_keep_their_leases() {
    let wires = Wires {
        workers: far(500),
        ..Wires::default()
    };
    let outcome = comes_to_its_end(&many_hosts(300, ""), 300, wires);
    assert!(
        outcome.took < Duration::from_secs(300),
        "{:?}",
        outcome.took
    );
}

#[test]
fn what_machines_finish_while_a_coordinator_comes_back_is_asked_once() {
    for seconds in [12, 25, 40] {
        let wires = Wires {
            coordinator: far(4_000),
            workers: Way::default(),
            switched_off: Some((Duration::from_secs(seconds), Duration::from_secs(1))),
        };
        comes_to_its_end(&many_hosts(300, "rcpt_wait = \"25s\""), 300, wires);
    }
}

#[test]
fn a_coordinator_that_comes_back_late_hears_all_that_was_answered() {
    let wires = Wires {
        coordinator: far(20_000),
        workers: Way::default(),
        switched_off: Some((Duration::from_secs(60), Duration::from_secs(600))),
    };
    comes_to_its_end(&many_hosts(1_800, ""), 1_800, wires);
}

#[test]
fn a_call_that_is_lost_costs_no_row_and_no_verdict() {
    let (internet, list) = world();
    let creation = described(3, internet, &list);
    let (alone, _) = judged(&creation, &tools(), &Courtesy::default()).unwrap();
    for seed in 0..2 {
        let lossy = Way {
            round_trip: Duration::from_millis(150),
            lost: 5,
            seed,
        };
        let courtesy = Courtesy {
            wires: Wires {
                coordinator: lossy,
                workers: lossy,
                switched_off: None,
            },
            ..asked_by(Machines::Many {
                workers: 3,
                changing: true,
            })
        };
        let (together, score) = judged(&creation, &tools(), &courtesy).unwrap();
        assert_eq!(verdicts(&together), verdicts(&alone), "{seed}");
        assert!(score.is_clean(), "{seed}: {:?}", score.findings);
    }
}

#[test]
fn a_host_that_answers_nothing_is_tried_no_longer_for_changing_hands() {
    for greeting in ["never", "hangs_up"] {
        let habits = format!("greeting = \"{greeting}\"");
        for seed in 1..4 {
            let creation = many_hosts_of(seed, 24, &habits);
            let changing = Machines::Many {
                workers: 4,
                changing: true,
            };
            let (_, score) = judged(&creation, &tools(), &asked_by(changing)).unwrap();
            assert!(score.is_clean(), "{greeting} {seed}: {:?}", score.findings);
        }
    }
}

/// A thousand machines, each with a partition, and a list that they are done with in a minute: what they cost each other.
/// Run by hand, for it takes minutes.
#[test]
#[ignore = "takes minutes; run by hand after changes to who looks at what how often"]
fn a_thousand_machines_ask_one_list() {
    let mut world = String::new();
    let mut list = Vec::new();
    for n in 0..400 {
        let name = format!("firm{n}.test");
        let locals: Vec<String> = (0..5).map(|n| format!("person{n}")).collect();
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.{name}\"\n\n[[domain]]\nname = \"{name}\"\nmx = [\"mx.{name}\"]\nmailboxes = {locals:?}"
        );
        list.extend(locals.iter().map(|local| format!("{local}@{name}")));
    }
    let internet = Internet::from_toml(&world, "a world of this test").unwrap();
    let creation = described(1, internet, &list);
    let began = std::time::Instant::now();
    let (outcome, score) = judged(&creation, &tools(), &asked_by(steady(1_000))).unwrap();
    assert!(score.is_clean(), "{:?}", score.findings);
    println!(
        "{} rows in {:?} of simulated time, {:?} here",
        list.len(),
        outcome.took,
        began.elapsed()
    );
}

/// For looking at seeds by hand: `SEEDS=1..9 WORKERS=4 cargo test --test sim workers::the_seeds -- --nocapture`.
#[test]
fn the_seeds_that_the_environment_names_are_clean() {
    let named = |name: &str| std::env::var(name).ok();
    let seeds = named("SEEDS").unwrap_or_else(|| "1..3".to_owned());
    let (from, to) = seeds.split_once("..").unwrap();
    let workers = named("WORKERS").map_or(3, |count| count.parse().unwrap());
    let rows = named("ROWS").map_or(300, |count| count.parse().unwrap());
    let changing = named("CHANGING").is_some();
    let mut unclean = Vec::new();
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let creation = create(seed, rows);
        let courtesy = asked_by(Machines::Many { workers, changing });
        let (_, score) = judged(&creation, &tools(), &courtesy).unwrap();
        for finding in &score.findings {
            println!("{seed}: {} {}", finding.complaint.as_str(), finding.detail);
        }
        if !score.is_clean() {
            unclean.push(seed);
        }
    }
    assert!(unclean.is_empty(), "{unclean:?}");
}
