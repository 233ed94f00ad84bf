//! Whole runs in a simulated internet, judged by what its servers saw.

mod calibration;
mod crowded;
mod killed;
mod orders;
mod outlook;
mod resume;
mod rows;
mod scenarios;
mod season;
mod step;
mod stranded;
mod swarm;
mod workers;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presend::input::flags::Lists;
use presend::input::list::Source;
use presend::input::suppression::Suppression;
use presend::ledger::{Ledger, Lifetimes, Memory, Realm};
use presend::model::provider::Providers;
use presend::model::verdict::Policy;
use presend::net::route::{Reach, RecordKind};
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::run::{Depth, Ending, Origin, RunConfig};
use presend::probe::scheduler::{Limits, Progress};
use presend::sim::net::{Internet, ServerLog};
use presend::smtp::rules::Book;
use presend::verify::report::Report;
use presend::verify::{Asking, Observer, Task, Tools, verify};

/// Sees nothing.
struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _rows: u64, _progress: &Progress) {}
    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

/// What comes with the program.
fn tools() -> Tools {
    let providers = Arc::new(Providers::built_in());
    Tools {
        suppression: Suppression::default(),
        lists: Arc::new(Lists::new(Arc::clone(&providers), &[]).unwrap()),
        providers,
        book: Arc::new(Book::built_in()),
        policy: Policy::built_in("balanced").unwrap(),
    }
}

/// A list whose lists go to `out`.
fn task_for(list: &str, out: &Path, memory: Memory) -> Task {
    let source = Source::spool("list".to_owned(), list.as_bytes()).unwrap();
    Task {
        memory,
        ..Task::of(source, out.to_owned())
    }
}

/// How hosts are asked.
fn terms_of(seed: u64) -> RunConfig {
    RunConfig {
        limits: Limits {
            sender: Some("verify@sender.test".parse().unwrap()),
            ceilings: Ceilings {
                rate: Rate::per_seconds(10),
                connections: 2,
            },
            rate_max: Rate::per_seconds(10),
            rate: Rate::UNLIMITED,
            connections: 500,
            pending: presend::model::limits::PENDING_ADDRESSES,
            patience: Duration::from_secs(1800),
            encryption: presend::smtp::session::Encryption::default(),
            seed,
            controls: Vec::new(),
            second_look: 0.0,
        },
        origins: vec![Origin {
            address: None,
            hello: "mail.sender.test".parse().unwrap(),
        }],
        port: 25,
        reach: Reach::PublicOrDocumentation,
        depth: Depth::MailHosts,
    }
}

/// Verifies a list of addresses in a described internet.
fn run(world: &str, list: &str) -> (Report, Arc<ServerLog>, Duration) {
    let internet = Internet::from_toml(world, "world").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tools = tools();
    let task = task_for(list, &folder.path().join("out"), Memory::Use);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (summary, log, took) = runtime.block_on(async {
        let simulation = internet.start(7);
        let world = simulation.world;
        let clock = world.clock;
        let started = clock.now();
        let realm = Realm::Simulated("world".to_owned());
        let mut ledger = Ledger::open(
            &folder.path().join("ledger.db"),
            &realm,
            Lifetimes::default(),
            started,
        )
        .unwrap();
        let terms = terms_of(7);
        let asking = Asking::World(world, Box::new(terms));
        let never = std::future::pending::<Ending>();
        let summary = verify(&task, &tools, asking, &mut ledger, &mut Nobody, never)
            .await
            .unwrap();
        (summary, simulation.log, clock.now().since(started))
    });
    (summary, log, took)
}

/// 1,000 domains on 100 hosts with ten addresses each, of which eight exist; every tenth domain takes every recipient.
fn ten_thousand() -> (String, String) {
    let mut world = String::new();
    let mut list = "email\n".to_owned();
    for host in 0..100 {
        let limits = "errors = { slow_after = 10, hang_up_after = 20 }\nbad_recipients = 10";
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx{host}.hosting{host}.test\"\n{limits}"
        );
    }
    for domain in 0..1000 {
        let host = domain % 100;
        let habit = if domain % 10 == 3 {
            "delivered"
        } else {
            "unwanted"
        };
        let _ = writeln!(
            world,
            "[[domain]]\nname = \"d{domain}.test\"\nmx = [\"mx{host}.hosting{host}.test\"]\nunclaimed = \"{habit}\"\n\
             mailboxes = [\"a0\", \"a1\", \"a2\", \"a3\", \"a4\", \"a5\", \"a6\", \"a7\"]"
        );
        for name in 0..10 {
            let _ = writeln!(list, "a{name}@d{domain}.test");
        }
    }
    (world, list)
}

#[test]
fn ten_thousand_addresses_cost_the_fewest_questions() {
    let (world, list) = ten_thousand();
    let (summary, log, _) = run(&world, &list);
    assert_eq!(summary.list.rows, 10_000);
    assert_eq!(summary.counts.reason["accepted"], 900 * 8);
    assert_eq!(summary.counts.reason["no_such_mailbox"], 900 * 2);
    assert_eq!(summary.counts.reason["catch_all"], 1000);

    // One MX question a domain, one pair of address questions a mail host.
    let dns = log.dns();
    assert!(dns.values().all(|&count| count == 1), "asked twice");
    let mx = dns
        .keys()
        .filter(|(_, kind)| *kind == RecordKind::Mx)
        .count();
    assert_eq!(mx, 1000);

    // Of a catch-all domain one address is asked about; elsewhere each once; one decoy for each domain that accepts.
    let totals = log.totals();
    let needed = 900 * 10 + 100;
    let decoys = 1000;
    assert!(
        totals.rcpts <= needed * 105 / 100 + decoys,
        "{} recipients",
        totals.rcpts
    );
    assert_eq!(
        (totals.datas, totals.breaches.len()),
        (0, 0),
        "{:?}",
        totals.breaches
    );

    // Nobody's wires were tripped.
    for (name, seen) in log.hosts() {
        assert!(
            seen.refused_per_connection <= 9,
            "{name}: {}",
            seen.refused_per_connection
        );
        assert!(
            seen.open_at_most <= 2,
            "{name}: {} connections at once",
            seen.open_at_most
        );
        assert_eq!(seen.sent_away, 0, "{name}");
        assert_eq!(
            seen.quits, seen.connections,
            "{name}: every conversation ends with QUIT"
        );
        assert!(
            seen.most_within(1000) <= 20,
            "{name}: {} in a second",
            seen.most_within(1000)
        );
        let asked: BTreeSet<&str> = seen
            .questions
            .iter()
            .map(|question| question.address.as_str())
            .collect();
        // In the end an address that exists may test a host that has refused many.
        assert!(
            seen.questions.len() - asked.len() <= 1,
            "{name}: somebody was asked about twice"
        );
    }
    assert!(
        totals.connections <= 1500,
        "{} connections",
        totals.connections
    );
}

#[test]
fn a_host_that_answers_nothing_holds_nobody_up() {
    let world = r#"
        [[host]]
        name = "mx.mute.test"
        greeting = "never"
        [[host]]
        name = "mx.brisk.test"
        [[domain]]
        name = "mute.test"
        mx = ["mx.mute.test"]
        [[domain]]
        name = "brisk.test"
        mx = ["mx.brisk.test"]
        mailboxes = ["anna"]
    "#;
    let (summary, log, _) = run(
        world,
        "email\na@mute.test\nb@mute.test\nanna@brisk.test\nbert@brisk.test\n",
    );
    assert_eq!(summary.counts.reason["silent"], 2);
    assert_eq!(summary.counts.verdict["deliverable"], 1);
    let brisk = log.host("mx.brisk.test").unwrap();
    let first = brisk.questions.first().unwrap().at;
    let last = brisk.questions.last().unwrap().at;
    assert!(last.since(first) < Duration::from_secs(1));
}

#[test]
fn every_odd_host_ends_without_a_false_rejection() {
    let habits = [
        "door = \"closed\"",
        "door = \"silent\"",
        "greeting = \"not_now\"",
        "greeting = \"blocks\"",
        "greeting = \"hangs_up\"",
        "greeting = \"garbage\"",
        "hello = \"helo_only\"",
        "hello = \"hangs_up_on_ehlo\"",
        "hello = \"refuses\"",
        "pipelining = \"not_offered\"",
        "pipelining = \"punished\"",
        "pipelining = \"chokes\"",
        "tls = \"offered\"",
        "tls = \"required\"",
        "tls = \"broken\"",
        "senders = \"blocked\"",
        "senders = \"unauthenticated\"",
        "recipients = \"visitor_blocked\"",
        "greylist = { wait = \"5m\" }",
        "per_transaction = 1",
        "per_connection = 2",
        "after_refusal = \"hangs_up\"",
        "after_refusal = \"hangs_up_unsaid\"",
        "speech = \"byte_by_byte\"",
        "speech = \"bare_line_feeds\"",
        "speech = \"breaks_off\"",
        "speech = \"garbage\"",
        "speech = \"endless_line\"",
        "speech = \"endless_lines\"",
        "speech = \"falls_silent\"",
        "tarpit = \"5s\"",
        "harvest = { after = 2, then = \"blocks\", lasts = \"1h\" }",
        "rate = { recipients = 2, per = \"1m\" }",
    ];
    for habit in habits {
        let world = format!(
            "[[host]]\nname = \"mx.odd.test\"\n{habit}\n[[domain]]\nname = \"odd.test\"\nmx = [\"mx.odd.test\"]\n\
             mailboxes = [\"a\", \"b\", \"c\"]"
        );
        let list = "email\na@odd.test\nb@odd.test\nc@odd.test\nx@odd.test\ny@odd.test\n";
        let (summary, log, took) = run(&world, list);
        let rejected = summary
            .counts
            .verdict
            .get("undeliverable")
            .copied()
            .unwrap_or(0);
        assert!(rejected <= 2, "{habit}: {:?}", summary.counts);
        assert!(
            summary
                .counts
                .verdict
                .get("deliverable")
                .copied()
                .unwrap_or(0)
                <= 3,
            "{habit}"
        );
        assert_eq!(summary.list.rows, 5, "{habit}");
        assert_eq!(log.totals().datas, 0, "{habit}");
        assert!(took < Duration::from_secs(3 * 3600), "{habit}: {took:?}");
        eprintln!("{habit:<60} {:?} {took:?}", summary.counts.reason);
    }
}
