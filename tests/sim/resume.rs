//! Runs that are killed at a moment of simulated time and started again before the same hosts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use presend::ledger::{Job, Ledger, Lifetimes, Memory, Realm};
use presend::model::ending::Ending;
use presend::model::timestamp::Timestamp;
use presend::net::World;
use presend::sim::net::{Internet, Outcome, ServerLog};
use presend::verify::{Asking, Task, verify};

use super::{Nobody, task_for, terms_of, tools};

/// A bit of everything: honest hosts, a catch-all, greylisters with and without a word about the time, a provider that
/// takes one recipient at a time, one host that blocks us, one that never greets.
const WORLD: &str = r#"
[network]
round_trip = "40ms"
[[host]]
name = "mx.honest.test"
[[host]]
name = "mx.grey.test"
greylist = { wait = "5m" }
[[host]]
name = "mx.single.test"
per_transaction = 1
[[host]]
name = "mx.hostile.test"
recipients = "visitor_blocked"
[[host]]
name = "mx.mute.test"
greeting = "never"
[[domain]]
name = ["honest-one.test", "honest-two.test", "honest-three.test"]
mx = ["mx.honest.test"]
mailboxes = ["a", "b", "c", "d"]
[[domain]]
name = "all.test"
mx = ["mx.honest.test"]
unclaimed = "delivered"
[[domain]]
name = ["grey-one.test", "grey-two.test"]
mx = ["mx.grey.test"]
mailboxes = ["a", "b", "c", "d"]
[[domain]]
name = "grey-all.test"
mx = ["mx.grey.test"]
unclaimed = "delivered"
[[domain]]
name = "single.test"
mx = ["mx.single.test"]
mailboxes = ["a", "b", "c", "d"]
[[domain]]
name = "hostile.test"
mx = ["mx.hostile.test"]
mailboxes = ["a"]
[[domain]]
name = "mute.test"
mx = ["mx.mute.test"]
mailboxes = ["a"]
"#;

const DOMAINS: [&str; 11] = [
    "honest-one.test",
    "grey-one.test",
    "all.test",
    "single.test",
    "honest-two.test",
    "grey-all.test",
    "hostile.test",
    "mute.test",
    "grey-two.test",
    "nowhere.test",
    "honest-three.test",
];

fn list() -> String {
    let names = ["a", "x", "b", "y", "c", "z", "d"];
    names
        .iter()
        .flat_map(|name| DOMAINS.map(|domain| format!("{name}@{domain}\n")))
        .fold("email\n".to_owned(), |list, row| list + &row)
}

/// One attempt at the list; `None` when it was killed at `kill`.
pub(super) async fn attempt(
    task: &Task,
    world: &World,
    ledger: &Path,
    kill: Option<Timestamp>,
) -> Option<()> {
    let now = world.clock.now();
    let realm = Realm::Simulated("world".to_owned());
    let mut ledger = Ledger::open(ledger, &realm, Lifetimes::default(), now).unwrap();
    let job = Job {
        place: "here",
        list: "list",
        seed: now.as_millis(),
    };
    let begun = ledger.begin(&job, now).unwrap();
    let mut terms = terms_of(begun.seed);
    terms.limits.patience = Duration::from_secs(3600);
    let asking = Asking::World(world.clone(), Box::new(terms));
    let never = std::future::pending::<Ending>();
    let tools = tools();
    let mut nobody = Nobody;
    let run = verify(task, &tools, asking, &mut ledger, &mut nobody, never);
    let killed = async {
        match kill {
            Some(moment) => tokio::time::sleep_until(world.clock.instant(moment)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        summary = run => {
            let summary = summary.unwrap();
            ledger.end(summary.ending.as_str(), "{}", world.clock.now()).unwrap();
            Some(())
        }
        () = killed => None,
    }
}

/// Rows by list.
type Lists = BTreeMap<&'static str, Vec<String>>;

/// What the lists say, but for when an address was asked about, which a later attempt cannot repeat.
fn lists(out: &Path) -> Lists {
    let read = |name: &'static str| {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        // When an address was asked about stands before the last column, which is empty here.
        let rows = text.lines().map(|row| {
            let (row, _input) = row.rsplit_once(',').unwrap();
            row.rsplit_once(',').unwrap().0.to_owned()
        });
        (name, rows.collect())
    };
    ["verified.csv", "review.csv", "rejected.csv"]
        .map(read)
        .into()
}

/// Rows of one run that the other does not have, with their list.
fn differences(lists: &Lists, undisturbed: &Lists) -> Vec<String> {
    let beyond = |a: &Lists, b: &Lists, mark: &str| -> Vec<String> {
        let rows = a
            .iter()
            .flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row)));
        rows.filter(|(name, row)| !b[name].contains(row))
            .map(|(name, row)| format!("{mark} {name}: {row}"))
            .collect()
    };
    let mut all = beyond(lists, undisturbed, "+");
    all.extend(beyond(undisturbed, lists, "-"));
    if all.is_empty() && lists != undisturbed {
        all.push("the order differs".to_owned());
    }
    all
}

/// A run that is killed at each of these times after its beginning, then left to end.
fn run(kills: &[Duration]) -> (Lists, ServerLog, Vec<Timestamp>, Duration) {
    let internet = Internet::from_toml(WORLD, "world").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = task_for(&list(), &folder.path().join("out"), Memory::Use);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let ledger = folder.path().join("ledger.db");
    let (log, moments, took) = runtime.block_on(async {
        let simulation = internet.start(7);
        let began = simulation.world.clock.now();
        let moments: Vec<Timestamp> = kills.iter().map(|after| began + *after).collect();
        let mut over = false;
        for &moment in &moments {
            over |= attempt(&task, &simulation.world, &ledger, Some(moment))
                .await
                .is_some();
            if over {
                break;
            }
        }
        if !over {
            attempt(&task, &simulation.world, &ledger, None).await;
        }
        let took = simulation.world.clock.now().since(began);
        simulation.settle().await;
        (simulation.log, moments, took)
    });
    let log = std::sync::Arc::into_inner(log);
    (
        lists(&task.out),
        log.expect("the world is gone"),
        moments,
        took,
    )
}

/// Addresses, decoys among them, that were settled by a host more than once, with the moments. The decoy that a
/// greylist lets in may end a conversation that has refused three: any other would only be told to come back.
fn settled_twice(log: &ServerLog) -> Vec<(String, Vec<Timestamp>)> {
    let mut settled: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for (_, seen) in log.hosts() {
        for question in seen.questions {
            match question.outcome {
                Outcome::Accepted | Outcome::RefusedMailbox => {
                    settled
                        .entry(question.address)
                        .or_default()
                        .push(question.at);
                }
                Outcome::RefusedOtherwise => {}
            }
        }
    }
    let listed = list();
    let may_be = |address: &str| {
        let is_decoy = !listed.lines().any(|line| line == address);
        1 + usize::from(is_decoy && address.contains("@grey-"))
    };
    settled.retain(|address, moments| moments.len() > may_be(address));
    settled.into_iter().collect()
}

#[test]
fn a_run_that_is_killed_at_any_moment_comes_to_the_same_lists_and_asks_nobody_twice() {
    let (undisturbed, log, _, took) = run(&[]);
    assert_eq!(settled_twice(&log), []);
    assert!(
        took > Duration::from_secs(300),
        "greylisting is waited for: {took:?}"
    );
    let step = took / 11;
    for kills in 1..=11 {
        let kill = step * kills;
        let (lists, log, moments, _) = run(&[kill]);
        let differences = differences(&lists, &undisturbed);
        assert!(
            differences.is_empty(),
            "killed after {kill:?}:\n{}",
            differences.join("\n")
        );
        for (address, asked) in settled_twice(&log) {
            // The only answers that a kill loses are those on their way.
            assert!(
                asked[..asked.len() - 1].iter().all(|at| {
                    moments
                        .iter()
                        .any(|kill| kill.since(*at) < Duration::from_secs(1))
                }),
                "killed after {kill:?}: {address} was settled at {asked:?}"
            );
        }
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_all_the_same() {
    let (undisturbed, ..) = run(&[]);
    // Early on, when everything happens at once; then every minute.
    let early = (1..12).map(|n| Duration::from_millis(137 * n));
    let late = (1..12).map(|n| Duration::from_secs(61 * n));
    let kills: Vec<Duration> = early.chain(late).collect();
    let (lists, log, moments, _) = run(&kills);
    let differences = differences(&lists, &undisturbed);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Greylisting clocks went on where they were: nobody came back too early, or was sent away a second time, but for
    // answers on their way when a kill came.
    let mut sent_away: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for question in log.host("mx.grey.test").unwrap().questions {
        if question.outcome == Outcome::RefusedOtherwise {
            sent_away
                .entry(question.address)
                .or_default()
                .push(question.at);
        }
    }
    assert!(!sent_away.is_empty());
    for (address, at) in sent_away {
        let is_lost = |at: &Timestamp| {
            moments
                .iter()
                .any(|kill| kill.since(*at) < Duration::from_secs(1) && *kill >= *at)
        };
        assert!(
            at[..at.len() - 1].iter().all(is_lost),
            "{address} was sent away at {at:?}"
        );
    }
    let totals = log.totals();
    assert_eq!(
        (totals.datas, totals.breaches.len()),
        (0, 0),
        "{:?}",
        totals.breaches
    );
}

#[test]
fn a_run_to_which_everything_is_known_opens_no_connection() {
    let internet = Internet::from_toml(WORLD, "world").unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Nobody is settled at a host that blocks us or never greets.
    let settled = |row: &&str| !row.ends_with("@hostile.test") && !row.ends_with("@mute.test");
    let rows: Vec<String> = list()
        .lines()
        .filter(settled)
        .map(|row| format!("{row}\n"))
        .collect();
    let task = task_for(&rows.concat(), &folder.path().join("out"), Memory::Use);
    let ledger = folder.path().join("ledger.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let simulation = internet.start(7);
        let mut runs = Vec::new();
        for _ in 0..3 {
            attempt(&task, &simulation.world, &ledger, None).await;
            let totals = simulation.log.totals();
            runs.push((lists(&task.out), totals.attempts, totals.rcpts));
        }
        simulation.settle().await;
        assert!(runs[0].1 > 0 && runs[0].2 > 0, "hosts are asked once");
        for later in &runs[1..] {
            assert_eq!(later, &runs[0]);
        }
    });
}
