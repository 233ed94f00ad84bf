//! Runs that are killed between an answer and what shows that it was worth nothing: no promise rests on it when they go
//! on.

use std::fmt::Write as _;
use std::time::Duration;

use presend::ledger::Memory;
use presend::sim::net::Internet;

use super::resume::attempt;
use super::task_for;

/// Addresses on the list: those that exist have a name that begins with `a`.
const PEOPLE: usize = 40;

/// A run at one host with these habits, killed after `kill`, then left to end. Returns who is verified, and whether the
/// kill came before the end.
fn verified(habits: &str, kill: Duration) -> (Vec<String>, bool) {
    let letter = |n: usize| if n.is_multiple_of(3) { 'a' } else { 'x' };
    let (mut mailboxes, mut list) = (Vec::new(), "email\n".to_owned());
    for n in 0..PEOPLE {
        mailboxes.push(format!("\"a{n}\""));
        let _ = writeln!(list, "{}{n}@d{}.test", letter(n), n % 4);
    }
    let world = format!(
        "[[host]]\nname = \"mx.acme.test\"\nround_trip = \"40ms\"\n{habits}\n[[domain]]\n\
         name = [\"d0.test\", \"d1.test\", \"d2.test\", \"d3.test\"]\nmx = [\"mx.acme.test\"]\nmailboxes = [{}]",
        mailboxes.join(", ")
    );
    let internet = Internet::from_toml(&world, "world").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = task_for(&list, &folder.path().join("out"), Memory::Use);
    let ledger = folder.path().join("ledger.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let was_killed = runtime.block_on(async {
        let simulation = internet.start(7);
        let moment = simulation.world.clock.now() + kill;
        let ended = attempt(&task, &simulation.world, &ledger, Some(moment)).await;
        if ended.is_none() {
            attempt(&task, &simulation.world, &ledger, None).await;
        }
        ended.is_none()
    });
    let verified = std::fs::read_to_string(task.out.join("verified.csv")).unwrap();
    let rows = verified.lines().skip(1).map(str::to_owned);
    (rows.collect(), was_killed)
}

/// Kills a run every few milliseconds.
fn nobody_is_promised_who_is_not_there(habits: &str, step: Duration) {
    let mut kill = step;
    loop {
        let (verified, was_killed) = verified(habits, kill);
        let false_ones: Vec<_> = verified.iter().filter(|row| row.starts_with('x')).collect();
        assert!(
            false_ones.is_empty(),
            "killed after {kill:?}: {false_ones:?}"
        );
        if !was_killed {
            assert!(kill > step * 20, "it took {kill:?}");
            return;
        }
        kill += step;
    }
}

#[test]
fn a_kill_before_a_machine_that_has_turned_is_found_out() {
    let habits = "turns_after = 3";
    nobody_is_promised_who_is_not_there(habits, Duration::from_millis(25));
}

#[test]
fn a_kill_before_a_reply_too_many_is_found_out() {
    let habits = "stumble = { at = \"refusal\", how = \"then_yes\" }";
    nobody_is_promised_who_is_not_there(habits, Duration::from_millis(25));
}

// What was learned is written once a second, so a kill in between tells nothing of what was held back. These hosts take so
// long over a recipient that many a second lies between an acceptance and what shows that it is worth nothing.

#[test]
fn a_kill_long_before_a_slow_machine_that_has_turned_is_found_out() {
    let habits = "turns_after = 3\nrcpt_wait = \"3s\"";
    nobody_is_promised_who_is_not_there(habits, Duration::from_millis(700));
}

#[test]
fn a_kill_long_before_a_reply_too_many_of_a_slow_machine_is_found_out() {
    let habits = "rcpt_wait = \"3s\"\nstumble = { at = \"refusal\", how = \"then_yes\", after = \"50ms\" }\n\
                  says = { no_such_user = \"550 5.1.1 No such user\" }";
    nobody_is_promised_who_is_not_there(habits, Duration::from_millis(700));
}
