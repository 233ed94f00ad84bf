//! Hosts whose replies fall out of step with our commands: whatever the fault, nobody is judged by another one's
//! answer.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use presend::sim::net::stumble::{Place, Slip};
use presend::sim::net::{Internet, Persona};
use presend::sim::score::Courtesy;
use presend::sim::score::Score;
use presend::sim::score::described;
use presend::sim::score::judged;
use presend::sim::score::oracle::Complaint;
use presend::sim::score::tools;

/// Who is asked about, in two domains of one host: those who exist have an odd number.
fn list() -> Vec<String> {
    (0..18)
        .map(|n| format!("p{n}@{}.test", ["acme", "beta"][n / 3 % 2]))
        .collect()
}

/// The run of the whole list at one host, described by the keys of a world file; with the verdict and reason of each row.
fn run(keys: &str) -> (Score, Vec<String>) {
    run_of(&list(), keys)
}

/// The same, of some of the list.
fn run_of(list: &[String], keys: &str) -> (Score, Vec<String>) {
    let mailboxes = |domain: &str| {
        let everybody = self::list().into_iter().enumerate();
        let there = everybody.filter_map(|(n, address)| {
            let (local, at) = address.split_once('@').unwrap();
            (n % 2 == 1 && at.starts_with(domain)).then(|| format!("{local:?}"))
        });
        there.collect::<Vec<_>>().join(", ")
    };
    let mut world = format!("[[host]]\nname = \"mx.shared.test\"\n{keys}\n");
    for domain in ["acme", "beta"] {
        let mailboxes = mailboxes(domain);
        let _ = write!(
            world,
            "[[domain]]\nname = \"{domain}.test\"\nmx = [\"mx.shared.test\"]\nmailboxes = [{mailboxes}]\n"
        );
    }
    let internet = Internet::from_toml(&world, "its world").unwrap();
    let creation = described(1, internet, list);
    let (outcome, score) = judged(&creation, &tools(), &Courtesy::default()).unwrap();
    let listed = presend::sim::score::oracle::read(&creation.list, &outcome.lists).0;
    let words = listed.iter().flatten();
    let words = words.map(|listed| format!("{} {}", listed.verdict, listed.reason));
    (score, words.collect())
}

/// What a perfect visitor finds out about the list.
fn truths() -> Vec<&'static str> {
    let truth = |n| match n % 2 {
        1 => "deliverable accepted",
        _ => "undeliverable no_such_mailbox",
    };
    (0..18).map(truth).collect()
}

/// Whether a row came out neither as good nor as bad.
fn is_left_open(words: &str) -> bool {
    words.starts_with("unknown") || words == "risky catch_all_untested"
}

/// Runs every case on all cores; panics with what is wrong with any of them.
fn each_is_right<T: Sync>(cases: &[T], wrong_with: impl Fn(&T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(wrong_with(case));
        }
        wrong
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Every fault at every place, as late as may be, where commands travel together and where they do not, for ever and in
/// the first connection alone.
fn scripts() -> Vec<(String, bool)> {
    let mut scripts = Vec::new();
    for place in Place::ALL {
        for slip in Slip::ALL {
            let times: &[u64] = match slip {
                Slip::Again | Slip::ThenYes | Slip::ThenNo => &[0, 50, 3000],
                Slip::Late | Slip::Halves => &[3000],
                Slip::Forgets | Slip::Merges => &[0],
            };
            let ways = [
                ("offered", false),
                ("offered", true),
                ("not_offered", false),
            ];
            for (after, (pipelining, once)) in
                times.iter().flat_map(|after| ways.map(|way| (after, way)))
            {
                let tls = match place {
                    Place::Handshake => "offered",
                    _ => "none",
                };
                let connections = if once { ", connections = 1" } else { "" };
                let (place, slip) = (snake_case(place), snake_case(slip));
                scripts.push((
                    format!(
                        "pipelining = \"{pipelining}\"\ntls = \"{tls}\"\nstumble = {{ at = \"{place}\", how = \"{slip}\", after = \"{after}ms\"{connections} }}"
                    ),
                    once,
                ));
            }
        }
    }
    scripts
}

#[test]
fn nor_is_anybody_where_refusals_take_longer_than_a_goodbye() {
    let list = list();
    let mut late = scripts();
    late.retain(|(keys, _)| !keys.contains("after = \"0ms\""));
    each_is_right(&late, |(keys, _)| {
        (2..5).find_map(|last| {
            let some = &list[last - 2..=last];
            let (score, _) = run_of(some, &format!("{keys}\ntarpit = \"13s\""));
            let mut findings = score.findings.iter();
            let finding = findings.find(|finding| {
                matches!(
                    finding.complaint,
                    Complaint::FalsePromise | Complaint::FalseRejection
                )
            });
            finding.map(|finding| format!("{keys}, up to {last}: {finding}"))
        })
    });
}

/// The name of a variant as world files have it.
fn snake_case(variant: impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[test]
fn nobody_is_judged_by_the_answer_to_another_question() {
    each_is_right(&scripts(), |(keys, once)| {
        let (score, words) = run(keys);
        if let Some(finding) = score.findings.first() {
            return Some(format!("{keys}: {finding}"));
        }
        (*once && words != truths())
            .then(|| format!("{keys}: once out of step, its host is not asked again: {words:?}"))
    });
}

/// The kinds of hosts out of step, and whether what they say can be told apart all the same.
const KINDS: [(Persona, bool); 12] = [
    (Persona::RefusesTwice, false),
    (Persona::RefusesTwiceLate, false),
    (Persona::AcceptsTwice, false),
    (Persona::AnswersMailTwice, false),
    (Persona::AnswersHelloTwice, false),
    (Persona::GreetsTwice, false),
    (Persona::GreetsTwiceLate, false),
    (Persona::SpeaksAfterHandshake, true),
    (Persona::ResetsTwice, false),
    (Persona::ForgetsRefusals, false),
    (Persona::MergesReplies, false),
    (Persona::RefusesTwiceOnce, true),
];

#[test]
fn hosts_out_of_step_are_understood_or_judge_nobody() {
    each_is_right(&KINDS, |(kind, is_understood)| {
        let (score, words) = run(&format!("persona = \"{}\"", snake_case(kind)));
        if let Some(finding) = score.findings.first() {
            return Some(format!("{kind:?}: {finding}"));
        }
        let is_right = if *is_understood {
            words == truths()
        } else {
            // Those asked about before the first fault were judged by their own answers.
            let mut pairs = words.iter().zip(truths());
            pairs.all(|(found, truth)| found == truth || is_left_open(found))
                && words.iter().any(|found| is_left_open(found))
        };
        (!is_right).then(|| format!("{kind:?}: {words:?}"))
    });
}

#[test]
fn a_host_found_out_of_step_twice_is_left_in_peace() {
    let (score, words) = run("persona = \"refuses_twice\"");
    assert!(
        words.iter().any(|found| found == "unknown protocol_fault"),
        "{words:?}"
    );
    assert!(score.traffic.connections <= 6, "{:?}", score.traffic);
}
