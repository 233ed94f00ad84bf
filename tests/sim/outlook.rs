//! What a run says of the time to go, held against how long it then takes.

use std::time::Duration;

use presend::input::list::Source;
use presend::ledger::{Ledger, Lifetimes, Memory, Realm};
use presend::model::ending::Ending;
use presend::model::timestamp::Timestamp;
use presend::probe::scheduler::{Progress, ToGo};
use presend::sim::score::{create, in_simulated_time};
use presend::verify::estimate::{Length, Sample, estimate};
use presend::verify::{Asking, Observer, Task, verify};

use super::{terms_of, tools};

/// Keeps what was said, with when.
#[derive(Default)]
struct Notes(Vec<(Timestamp, Option<ToGo>)>);

impl Observer for Notes {
    fn progress(&mut self, _rows: u64, progress: &Progress) {
        self.0.push((progress.at, progress.to_go));
    }

    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

/// What a run of a drawn world said of the time to go, with how long it then took, from a tenth of the run on.
fn said(seed: u64, rows: usize) -> Vec<(Option<ToGo>, Duration)> {
    let creation = create(seed, rows);
    let folder = tempfile::tempdir().unwrap();
    let tools = tools();
    let mut notes = Notes::default();
    let (began, ended) = in_simulated_time(async {
        let world = creation.internet.start(seed).world;
        let clock = world.clock;
        let began = clock.now();
        let source = Source::spool("list".to_owned(), creation.list.bytes().as_slice()).unwrap();
        let task = Task::of(source, folder.path().join("out"));
        let realm = Realm::Simulated("world".to_owned());
        let ledger = folder.path().join("ledger.db");
        let mut ledger = Ledger::open(&ledger, &realm, Lifetimes::default(), began).unwrap();
        let asking = Asking::World(world, Box::new(terms_of(seed)));
        let never = std::future::pending::<Ending>();
        verify(&task, &tools, asking, &mut ledger, &mut notes, never)
            .await
            .unwrap();
        (began, clock.now())
    })
    .unwrap();
    let took = ended.since(began);
    let from = began + took / 10;
    notes
        .0
        .into_iter()
        .filter(|(at, _)| *at >= from && *at < ended)
        .map(|(at, to_go)| (to_go, ended.since(at)))
        .collect()
}

/// Whether the truth lies in what was said.
fn holds((to_go, truth): &&(Option<ToGo>, Duration)) -> bool {
    to_go.is_some_and(|to_go| to_go.soonest <= *truth && *truth <= to_go.latest)
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a run says few ranges")]
fn the_time_to_go_lies_in_the_range_that_is_shown() {
    let scenarios: Vec<(u64, usize)> = (0..30)
        .map(|seed| {
            (
                seed,
                [40, 120, 200, 300][usize::try_from(seed % 4).unwrap()],
            )
        })
        .collect();
    let said: Vec<Vec<(Option<ToGo>, Duration)>> = std::thread::scope(|scope| {
        let halves = scenarios.chunks(15).map(|half| {
            scope.spawn(|| {
                half.iter()
                    .map(|&(seed, rows)| said(seed, rows))
                    .collect::<Vec<_>>()
            })
        });
        let halves: Vec<_> = halves.collect();
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });
    let share = |said: &Vec<(Option<ToGo>, Duration)>| {
        said.iter().filter(holds).count() as f64 / said.len().max(1) as f64
    };
    let shares: Vec<f64> = said.iter().map(share).collect();
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    for ((seed, _), (said, share)) in scenarios.iter().zip(said.iter().zip(&shares)) {
        if *share < 0.9 {
            println!("seed {seed}: {share:.2}");
            for (to_go, truth) in said.iter().step_by((said.len() / 12).max(1)) {
                println!("  {truth:?} to go, {to_go:?} said");
            }
        }
    }
    // A range from now to the end of days would hold too, and tell nobody anything.
    let mut widths: Vec<f64> = said
        .iter()
        .flatten()
        .filter_map(|(to_go, truth)| {
            let to_go = (*to_go)?;
            let width = to_go.latest.saturating_sub(to_go.soonest);
            Some(width.as_secs_f64() / truth.as_secs_f64().max(1.0))
        })
        .collect();
    widths.sort_by(f64::total_cmp);
    let median = widths[widths.len() / 2];
    println!(
        "the truth lies in the range {mean:.3} of the time, half of the ranges are {median:.2} of it wide or less"
    );
    assert!(mean >= 0.9, "{mean:.3}: {shares:.2?}");
    assert!(median <= 3.0, "{median:.2}");
}

/// What an estimate of a drawn world said of how long verifying it takes, in seconds, with how long it then took.
fn estimated(seed: u64, rows: usize) -> (Length, f64) {
    let creation = create(seed, rows);
    let folder = tempfile::tempdir().unwrap();
    let tools = tools();
    in_simulated_time(async {
        let world = creation.internet.start(seed).world;
        let clock = world.clock;
        let source = Source::spool("list".to_owned(), creation.list.bytes().as_slice()).unwrap();
        let realm = Realm::Simulated("world".to_owned());
        let ledger = folder.path().join("ledger.db");
        let began = clock.now();
        let mut ledger = Ledger::open(&ledger, &realm, Lifetimes::default(), began).unwrap();
        let asking = || Asking::World(world.clone(), Box::new(terms_of(seed)));
        let never = std::future::pending::<Ending>;
        let task = Task::of(source, folder.path().join("out"));
        let sample = Sample {
            sources: std::slice::from_ref(&task.lists[0].source),
            options: &task.options,
            most: 150,
            seed: 0,
            before: None,
        };
        let mut notes = Notes::default();
        let estimated = estimate(
            &sample,
            Memory::Use,
            &tools,
            asking(),
            &mut ledger,
            &mut notes,
            never(),
        );
        let length = estimated.await.unwrap().length;
        let began = clock.now();
        verify(&task, &tools, asking(), &mut ledger, &mut notes, never())
            .await
            .unwrap();
        (length, clock.now().since(began).as_secs_f64())
    })
    .unwrap()
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "no run takes so long")]
fn verifying_takes_as_long_as_the_estimate_said() {
    let all: Vec<(Length, f64)> = (0..12)
        .map(|seed| {
            let rows = [600, 1_200, 2_000][usize::try_from(seed % 3).unwrap()];
            estimated(seed, rows)
        })
        .collect();
    let holds = |(length, truth): &&(Length, f64)| {
        (length.soonest as f64..=length.latest as f64).contains(truth)
    };
    let count = all.iter().filter(holds).count();
    for (length, truth) in &all {
        println!(
            "{} to {} s said, {truth:.0} s it was",
            length.soonest, length.latest
        );
    }
    // A range that is always right, but tells nobody anything, would hold, too.
    let width = |(length, truth): &(Length, f64)| (length.latest - length.soonest) as f64 / truth;
    let mut widths: Vec<f64> = all.iter().map(width).collect();
    widths.sort_by(f64::total_cmp);
    assert!(widths[widths.len() / 2] <= 3.0, "{widths:.1?}");
    assert!(count >= 11, "{count} of {}", all.len());
}
