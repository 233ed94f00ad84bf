//! One slow host at the head of a list, whose rows alone fill what may wait in memory: nobody else waits for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use presend::sim::net::Internet;
use presend::sim::score::Courtesy;
use presend::sim::score::Machines;
use presend::sim::score::described;
use presend::sim::score::judged;
use presend::sim::score::server_log_of;
use presend::sim::score::tools;

/// Ten ordinary hosts, one that takes a second for each answer; each with people of its own.
fn world(slow: usize, others: usize) -> (Internet, Vec<String>) {
    let mut world = String::new();
    let mut list = Vec::new();
    let mut host = |name: &str, people: usize, habits: &str| {
        let locals: Vec<String> = (0..people).map(|n| format!("person{n}")).collect();
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.{name}\"\n{habits}\n[[domain]]\nname = \"{name}\"\nmx = [\"mx.{name}\"]\nmailboxes = {locals:?}"
        );
        list.extend(locals.iter().map(|local| format!("{local}@{name}")));
    };
    host("slow.test", slow, "rcpt_wait = \"1s\"");
    for n in 0..10 {
        host(&format!("quick{n}.test"), others, "");
    }
    let internet = Internet::from_toml(&world, "a world of this test").unwrap();
    (internet, list)
}

/// When each host was asked its last question.
fn last_questions(slow: usize, courtesy: &Courtesy) -> BTreeMap<String, Duration> {
    let (internet, list) = world(slow, 30);
    let creation = described(1, internet, &list);
    let log = server_log_of(&creation, &tools(), courtesy).unwrap();
    let hosts = log.hosts().into_iter();
    hosts
        .filter_map(|(host, seen)| {
            let last = seen.questions.last()?.at;
            Some((host, last.since(creation.internet.beginning())))
        })
        .collect()
}

#[test]
fn a_slow_host_that_fills_the_memory_delays_nobody_else() {
    let narrow = Courtesy {
        pending: 200,
        ..Courtesy::default()
    };
    let alone = last_questions(1, &narrow);
    let beside = last_questions(2_000, &narrow);
    assert!(
        beside["mx.slow.test"] > Duration::from_secs(900),
        "it is slow"
    );
    for (host, last) in alone.iter().filter(|(host, _)| *host != "mx.slow.test") {
        let delay = beside[host].saturating_sub(*last);
        assert!(delay < Duration::from_secs(1), "{host}: {delay:?}");
    }
    // Nor does it wait for anything itself.
    let wide = last_questions(2_000, &Courtesy::default());
    let (narrow, wide) = (beside["mx.slow.test"], wide["mx.slow.test"]);
    assert!(narrow < wide + wide / 50, "{narrow:?} beside {wide:?}");
}

#[test]
fn rows_that_were_put_off_come_out_like_all_others() {
    let (internet, list) = world(700, 60);
    let creation = described(1, internet, &list);
    for pending in [8, 50, 333] {
        let courtesy = Courtesy {
            pending,
            ..Courtesy::default()
        };
        let (outcome, score) = judged(&creation, &tools(), &courtesy).unwrap();
        assert!(score.is_clean(), "{pending}: {:?}", score.findings);
        assert_eq!(score.confusion["exists"]["deliverable"], 1_300);
        assert!(outcome.most_pending <= pending);
    }
}

#[test]
fn rows_behind_a_crowd_are_handed_out_like_all_others() {
    let (internet, list) = world(700, 60);
    let creation = described(1, internet, &list);
    for pending in [8, 333] {
        let courtesy = Courtesy {
            pending,
            crew: Machines::Many {
                workers: 2,
                changing: false,
            },
            ..Courtesy::default()
        };
        let (_, score) = judged(&creation, &tools(), &courtesy).unwrap();
        assert_eq!(score.confusion["exists"]["deliverable"], 1_300, "{pending}");
    }
}
