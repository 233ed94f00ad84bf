//! Our own side fails in the middle of a run, as a proxy or DNS does: what that costs, and that nobody is judged by it.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use presend::ledger::{Ledger, Lifetimes, Memory, Realm};
use presend::model::ending::Ending;
use presend::model::limits;
use presend::model::timestamp::Timestamp;
use presend::net::route::{DnsAnswer, Record, RecordKind};
use presend::net::{Clock, Connector, Later, OwnTrouble, Stream, World};
use presend::sim::net::Internet;
use presend::verify::report::Report;
use presend::verify::{Asking, verify};

use super::{Nobody, task_for, terms_of, tools};

/// Hosts in the world, each with a domain of its own.
const HOSTS: usize = 60;

/// A way to the hosts that does not always work.
struct Flaky {
    way: Arc<dyn Connector>,
    clock: Clock,
    fault: Fault,
}

/// When it does not.
#[derive(Clone, Copy)]
enum Fault {
    /// It always works.
    None,
    /// From one moment until another.
    Between(Timestamp, Timestamp),
    /// Never to one host.
    To(IpAddr),
}

impl Connector for Flaky {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Stream>>> {
        let fails = match self.fault {
            Fault::Between(from, until) => (from..until).contains(&self.clock.now()),
            Fault::To(host) => to.ip() == host,
            Fault::None => false,
        };
        if fails {
            let trouble = OwnTrouble("the proxy is not there".to_owned());
            return Box::pin(async { Err(io::Error::other(trouble)) });
        }
        self.way.connect(to, from)
    }
}

/// A run in which our own side fails after `after` for `time`; its report with how long it took.
fn run(after: Duration, time: Duration) -> (Report, Duration) {
    run_with(async |_, started| Fault::Between(started + after, started + after + time))
}

/// A run with a fault that is a matter of the world and of when the run begins.
fn run_with(fault: impl AsyncFnOnce(&World, Timestamp) -> Fault) -> (Report, Duration) {
    run_in("", fault)
}

/// The same in a world with this `[network]`.
fn run_in(
    network: &str,
    fault: impl AsyncFnOnce(&World, Timestamp) -> Fault,
) -> (Report, Duration) {
    run_about(network, "", fault)
}

/// The same about those of `first` before all others.
fn run_about(
    network: &str,
    first: &str,
    fault: impl AsyncFnOnce(&World, Timestamp) -> Fault,
) -> (Report, Duration) {
    run_until(std::future::pending(), network, first, fault)
}

/// The same until it is stopped.
fn run_until(
    stop: impl Future<Output = Ending>,
    network: &str,
    first: &str,
    fault: impl AsyncFnOnce(&World, Timestamp) -> Fault,
) -> (Report, Duration) {
    let (mut world, mut list) = (format!("[network]\n{network}\n"), first.to_owned());
    for n in 0..HOSTS {
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.host{n}.test\"\n[[domain]]\nname = \"host{n}.test\"\n\
             mx = [\"mx.host{n}.test\"]\nmailboxes = [\"a\", \"b\"]"
        );
        let _ = writeln!(list, "a@host{n}.test\nb@host{n}.test\nc@host{n}.test");
    }
    let internet = Internet::from_toml(&world, "world").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = task_for(&list, &folder.path().join("out"), Memory::Use);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = internet.start(7).world;
        let clock = world.clock;
        let started = clock.now();
        let fault = fault(&world, started).await;
        world.dial = Arc::new(Flaky {
            way: world.dial,
            clock,
            fault,
        });
        let realm = Realm::Simulated("world".to_owned());
        let path = folder.path().join("ledger.db");
        let mut ledger = Ledger::open(&path, &realm, Lifetimes::default(), started).unwrap();
        let mut terms = terms_of(7);
        // Few at a time, so that some are still to be dialled when it happens.
        terms.limits.connections = 10;
        let asking = Asking::World(world, Box::new(terms));
        let report = verify(&task, &tools(), asking, &mut ledger, &mut Nobody, stop)
            .await
            .unwrap();
        (report, clock.now().since(started))
    })
}

fn settled(report: &Report) -> u64 {
    let count = |verdict| report.counts.verdict.get(verdict).copied().unwrap_or(0);
    count("deliverable") + count("undeliverable")
}

const ADDRESSES: u64 = 3 * HOSTS as u64;

#[test]
fn half_a_minute_without_our_own_side_costs_little_more_than_half_a_minute() {
    let (whole, undisturbed) = run(Duration::ZERO, Duration::ZERO);
    assert_eq!(settled(&whole), ADDRESSES);
    let out = Duration::from_secs(30);
    let (report, took) = run(undisturbed / 2, out);
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(settled(&report), ADDRESSES, "{:?}", report.counts.reason);
    // The wait that doubles may have begun just before.
    assert!(
        took < undisturbed + out * 2 + Duration::from_secs(5),
        "{took:?}"
    );
}

#[test]
fn our_own_side_gone_for_good_ends_the_run_after_a_minute_and_judges_nobody() {
    let (_, undisturbed) = run(Duration::ZERO, Duration::ZERO);
    let (report, took) = run(undisturbed / 2, Duration::from_secs(24 * 3600));
    assert_eq!(report.ending, Ending::Stranded);
    let minute = Duration::from_secs(60)..Duration::from_secs(80);
    assert!(
        minute.contains(&took.saturating_sub(undisturbed / 2)),
        "{took:?}"
    );
    let reasons = &report.counts.reason;
    let left = reasons.get("not_asked").copied().unwrap_or(0);
    assert!(left > 0, "{reasons:?}");
    // Each host has one who does not exist, and nothing else may reject any address.
    let rejected = reasons.get("no_such_mailbox").copied().unwrap_or(0);
    assert!(rejected <= HOSTS as u64, "{reasons:?}");
    let untested = reasons.get("catch_all_untested").copied().unwrap_or(0);
    assert_eq!(settled(&report) + untested + left, ADDRESSES, "{reasons:?}");
}

#[test]
fn all_who_fail_at_once_are_one_failure() {
    // Ten are dialled in the first moment.
    let (report, _) = run(Duration::ZERO, limits::STRANDED_WAIT / 2);
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(settled(&report), ADDRESSES);
}

#[test]
fn a_host_that_only_our_own_side_cannot_reach_ends_no_run_and_is_not_rejected() {
    let (report, _) = run_with(async |world, _| {
        let answer = world.names.query("mx.host30.test", RecordKind::A).await;
        match answer {
            DnsAnswer::Records { records, .. } => match records[0] {
                Record::Address(address) => Fault::To(address),
                _ => panic!("no address: {records:?}"),
            },
            _ => panic!("no answer: {answer:?}"),
        }
    });
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(settled(&report), ADDRESSES - 3);
    assert_eq!(report.counts.reason.get("unreachable"), Some(&3));
}

/// DNS takes ten seconds for an answer, a third more or less, and each domain needs two: half have theirs when it goes
/// out.
fn run_with_names(outage: &str) -> (Report, Duration) {
    let network = format!("dns_latency = \"10s\"\n{outage}");
    run_in(&network, async |_, _| Fault::None)
}

#[test]
fn two_minutes_without_dns_cost_three_minutes_and_nobody_a_verdict() {
    let (whole, undisturbed) = run_with_names("");
    assert_eq!(settled(&whole), ADDRESSES);
    let (report, took) = run_with_names("dns_outage = { after = \"20s\", lasts = \"2m\" }");
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(settled(&report), ADDRESSES, "{:?}", report.counts.reason);
    assert!(
        took < undisturbed + Duration::from_secs(200),
        "{took:?} instead of {undisturbed:?}"
    );
}

#[test]
fn dns_gone_for_good_strands_the_run_and_costs_nobody_known_a_verdict() {
    let (report, took) = run_with_names("dns_outage = { after = \"20s\" }");
    assert_eq!(report.ending, Ending::Stranded);
    let reasons = &report.counts.reason;
    let left = reasons.get("dns_trouble").copied().unwrap_or(0);
    let known = ADDRESSES - left;
    assert!(left >= 30 && known >= 30, "{reasons:?}");
    assert_eq!(settled(&report), known, "{reasons:?}");
    assert!(took < Duration::from_secs(500), "{took:?}");
}

#[test]
fn many_domains_with_dead_name_servers_strand_nobody() {
    let mut network = String::from("dns_latency = \"1s\"\n");
    for n in 100..140 {
        let _ = writeln!(
            network,
            "[[domain]]\nname = \"host{n}.test\"\ndns = \"silent\"\nmx = [\"mx.host0.test\"]"
        );
    }
    let dead: String = (100..140).fold(String::new(), |mut dead, n| {
        let _ = writeln!(dead, "a@host{n}.test");
        dead
    });
    let (report, _) = run_about(&network, &dead, async |_, _| Fault::None);
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(settled(&report), ADDRESSES, "{:?}", report.counts.reason);
    assert_eq!(report.counts.reason.get("dns_trouble"), Some(&40));
}

#[test]
fn a_run_that_is_stopped_while_dns_is_out_ends_as_soon_as_any_other() {
    // Its one conversation that came about takes minutes, so it is under way when the run is stopped.
    let world = "dns_latency = \"10s\"\ndns_outage = { after = \"20s\" }\n\
        [[host]]\nname = \"mx.slow.test\"\nrcpt_wait = \"55s\"\n[[domain]]\nname = \"slow.test\"\n\
        mx = [\"mx.slow.test\"]\nmailboxes = [\"a\", \"b\", \"c\", \"d\"]";
    let slow = "a@slow.test\nb@slow.test\nc@slow.test\nd@slow.test\n";
    for after in [60, 80, 100, 120, 140].map(Duration::from_secs) {
        let stop = async move {
            tokio::time::sleep(after).await;
            Ending::Interrupted
        };
        let (report, took) = run_until(stop, world, slow, async |_, _| Fault::None);
        assert_eq!(report.ending, Ending::Interrupted);
        let most = after + limits::STOPPING_WAIT + Duration::from_secs(1);
        assert!(took <= most, "{took:?} when stopped after {after:?}");
    }
}
