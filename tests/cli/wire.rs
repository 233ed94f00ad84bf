//! Where `verify` comes from, and what becomes of a run among odd hosts, failing proxies, few sockets: real connections
//! on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::list::Run;
use crate::mailhosts::{MailHosts, Manner};
use crate::nameserver::{Fate, NameServer};
use crate::proxy::{Proxy, Service};

/// A zone with domains `d1.test` and so on, each with a mail host of its own at 127.0.1.1 and so on.
fn zone(domains: u8) -> String {
    (1..=domains).fold(String::new(), |mut zone, n| {
        let _ = writeln!(zone, "d{n}.test MX 10 mx.host{n}.test");
        let _ = writeln!(zone, "mx.host{n}.test A 127.0.1.{n}");
        zone
    })
}

/// A list with `people` addresses in each of the domains of [`zone`], of which the last does not exist.
fn list(domains: u8, people: usize) -> Vec<u8> {
    let mut list = "email\n".to_owned();
    for person in 1..=people {
        let name = if person < people { "anna" } else { "nobody" };
        for domain in 1..=domains {
            let _ = writeln!(list, "{name}{person}@d{domain}.test");
        }
    }
    list.into_bytes()
}

struct Internet {
    names: NameServer,
    mail: MailHosts,
}

impl Internet {
    fn new(domains: u8, mail: MailHosts) -> Self {
        Internet::with_names(domains, mail, Fate::Lives)
    }

    fn with_names(domains: u8, mail: MailHosts, fate: Fate) -> Self {
        let zone = zone(domains) + "sender.test MX 10 mx.host1.test";
        Internet {
            names: NameServer::with_fate(&zone, fate),
            mail,
        }
    }

    /// Verifies a list with these further arguments.
    fn verify(&self, list: &[u8], more: &[&str]) -> Run {
        let (dns, port) = (self.names.address(), self.mail.port.to_string());
        Run::verify(list, &arguments(&dns, &port, more))
    }
}

fn arguments<'a>(dns: &'a str, port: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--dns", dns, "--smtp-port", port, "--allow-private"];
    arguments.extend(["--mail-from", "verify@sender.test"]);
    arguments.extend(["--host-rate", "unlimited", "--seed", "1"]);
    if !more.contains(&"--helo") {
        arguments.extend(["--helo", "mail.sender.test"]);
    }
    arguments.extend(more);
    arguments
}

/// How many rows of each verdict with its reason.
fn verdicts(run: &Run) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in ["verified.csv", "rejected.csv", "review.csv"] {
        for row in run.list(name).lines().skip(1) {
            let columns: Vec<&str> = row.split(',').collect();
            *counts
                .entry(format!("{} {}", columns[2], columns[3]))
                .or_default() += 1;
        }
    }
    counts
}

/// The verdicts on a [`list`] when all went well.
fn all_right(domains: u8, people: usize) -> BTreeMap<String, usize> {
    let domains = usize::from(domains);
    BTreeMap::from([
        ("deliverable accepted".to_owned(), domains * (people - 1)),
        ("undeliverable no_such_mailbox".to_owned(), domains),
    ])
}

// ── Several addresses of ours ───────────────────────────────────────────────────────────────────────────────────────

/// Each host's visitors: from where, under which name. The look before a run may be over before a host has its name.
fn visitors(mail: &MailHosts) -> BTreeMap<Ipv4Addr, BTreeSet<(Ipv4Addr, String)>> {
    let mut visitors: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut visits = mail.visits();
    visits.retain(|visit| !visit.hello.is_empty());
    for visit in visits {
        let who = visitors.entry(visit.host).or_default();
        who.insert((visit.from, visit.hello));
    }
    visitors
}

#[test]
fn each_host_sees_one_address_of_ours_under_its_own_name_and_all_have_work() {
    let internet = Internet::new(20, MailHosts::honest());
    let more = [
        ["--source-ip", "127.0.0.2", "--helo", "two.sender.test"],
        ["--source-ip", "127.0.0.3", "--helo", "three.sender.test"],
    ];
    let run = internet.verify(&list(20, 3), &more.concat());
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), all_right(20, 3));
    let visitors = visitors(&internet.mail);
    assert_eq!(visitors.len(), 20);
    for (host, who) in &visitors {
        assert_eq!(who.len(), 1, "{host} saw {who:?}");
    }
    let all: BTreeSet<_> = visitors.into_values().flatten().collect();
    let expected = [
        (Ipv4Addr::new(127, 0, 0, 2), "two.sender.test".to_owned()),
        (Ipv4Addr::new(127, 0, 0, 3), "three.sender.test".to_owned()),
    ];
    assert_eq!(all, BTreeSet::from(expected));
}

#[test]
fn one_name_does_for_several_addresses() {
    let internet = Internet::new(12, MailHosts::honest());
    let more = ["--source-ip", "127.0.0.2", "--source-ip", "127.0.0.3"];
    let run = internet.verify(&list(12, 2), &more);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let talks = internet.mail.talks();
    assert!(talks.iter().all(|talk| talk.hello == "mail.sender.test"));
    let sources: BTreeSet<_> = talks.iter().map(|talk| talk.from).collect();
    assert_eq!(sources.len(), 2);
}

#[test]
fn names_that_do_not_match_the_addresses_are_refused_before_any_host_is_asked() {
    let internet = Internet::new(2, MailHosts::honest());
    let more = ["--helo", "a.sender.test", "--helo", "b.sender.test"];
    let run = internet.verify(&list(2, 2), &more);
    assert_eq!(run.code(), 2, "{}", run.errors());
    assert!(
        run.errors().contains("2 names for one address"),
        "{}",
        run.errors()
    );
    assert!(internet.mail.visits().is_empty());
}

#[test]
fn an_address_that_is_not_ours_is_refused_before_any_host_is_asked() {
    let internet = Internet::new(2, MailHosts::honest());
    let run = internet.verify(&list(2, 2), &["--source-ip", "203.0.113.9"]);
    assert_eq!(run.code(), 2, "{}", run.errors());
    assert!(
        run.errors()
            .contains("203.0.113.9 is no address of this machine"),
        "{}",
        run.errors()
    );
    assert!(internet.mail.visits().is_empty());
}

#[test]
fn where_we_come_from_may_stand_in_the_settings() {
    let internet = Internet::new(20, MailHosts::honest());
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    let text = r#"
        source-ip = ["127.0.0.2", "127.0.0.3"]
        helo = ["two.sender.test", "three.sender.test"]
    "#;
    std::fs::write(&settings, text).unwrap();
    let (dns, port) = (internet.names.address(), internet.mail.port.to_string());
    let mut words = arguments(&dns, &port, &["--config", settings.to_str().unwrap()]);
    words.retain(|word| !["--helo", "mail.sender.test"].contains(word));
    let run = Run::verify(&list(20, 2), &words);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let who: BTreeSet<_> = visitors(&internet.mail).into_values().flatten().collect();
    let names: Vec<_> = who.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["two.sender.test", "three.sender.test"]);
}

#[test]
fn a_host_is_asked_at_the_address_that_we_can_come_to() {
    // Nobody listens at ::1, and from 127.0.0.2 nobody gets there.
    let zone = zone(4) + "mx.host2.test AAAA ::1\nsender.test MX 10 mx.host1.test";
    let internet = Internet {
        names: NameServer::serving(&zone),
        mail: MailHosts::honest(),
    };
    for more in [&[][..], &["--source-ip", "127.0.0.2"]] {
        let run = internet.verify(&list(4, 2), more);
        assert_eq!(run.code(), 0, "{}", run.errors());
        assert_eq!(verdicts(&run), all_right(4, 2));
    }
}

#[test]
fn where_no_host_can_be_come_to_that_is_told_at_once() {
    let internet = Internet::new(4, MailHosts::honest());
    let run = internet.verify(&list(4, 2), &["--source-ip", "::1"]);
    assert_eq!(run.code(), 4, "{}", run.errors());
    let errors = run
        .errors()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let words = "none of our addresses to ask from (--source-ip) is an IPv4 address";
    assert!(errors.contains(words), "{errors}");
}

// ── Through a proxy ─────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn through_a_proxy_every_address_is_asked_about_as_without() {
    let internet = Internet::new(5, MailHosts::honest());
    let proxy = Proxy::start(Service::Works);
    let run = internet.verify(&list(5, 3), &["--proxy", &proxy.url()]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), all_right(5, 3));
    let visits = internet.mail.visits().len();
    assert_eq!(
        proxy.requests(),
        u32::try_from(visits).unwrap(),
        "nobody past the proxy"
    );
}

#[test]
fn a_proxy_that_refuses_or_keeps_silent_or_is_not_there_is_told_before_a_list_is_written() {
    let internet = Internet::new(2, MailHosts::honest());
    let refusing = Proxy::start(Service::Refuses(2)).url();
    let nowhere = "socks5://127.0.0.1:1".to_owned();
    let mute = Proxy::start(Service::Mute).url();
    for (url, words) in [
        (refusing, "not allowed"),
        (nowhere, "refused"),
        (mute, "does not answer"),
    ] {
        let run = internet.verify(&list(2, 2), &["--proxy", &url]);
        assert_eq!(run.code(), 4, "{url}: {}", run.errors());
        assert!(run.errors().contains(words), "{url}: {}", run.errors());
        assert!(run.errors().contains("the proxy"), "{}", run.errors());
        assert!(!run.exists("list.csv.presend"));
    }
    assert!(internet.mail.visits().is_empty());
}

#[test]
fn a_host_that_the_proxy_cannot_reach_is_that_hosts_trouble_and_nobody_is_rejected() {
    let internet = Internet::new(2, MailHosts::honest());
    let proxy = Proxy::start(Service::Refuses(4));
    let more = [
        "--proxy",
        &proxy.url(),
        "--skip-preflight",
        "--wait",
        "0s",
        "--deadline",
        "5s",
    ];
    let run = internet.verify(&list(2, 2), &more);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(
        verdicts(&run),
        BTreeMap::from([("unknown unreachable".to_owned(), 4)])
    );
}

#[test]
fn a_proxy_that_restarts_in_mid_run_costs_time_only() {
    let internet = Internet::new(30, MailHosts::honest());
    // All that dial while it restarts fail at once, which is one failure, not many.
    let proxy = Proxy::start(Service::Rests { from: 5, until: 25 });
    let run = internet.verify(&list(30, 3), &["--proxy", &proxy.url()]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), all_right(30, 3), "{}", run.errors());
    assert!(run.errors().contains("the proxy"), "{}", run.errors());
}

#[test]
fn a_proxy_that_dies_for_good_leaves_nobody_judged_by_it() {
    let internet = Internet::new(30, MailHosts::honest());
    let proxy = Proxy::start(Service::Dies { from: 8 });
    let more = ["--proxy", &proxy.url(), "--deadline", "2s"];
    let run = internet.verify(&list(30, 3), &more);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let verdicts = verdicts(&run);
    for verdict in verdicts.keys() {
        let fine = [
            "deliverable accepted",
            "undeliverable no_such_mailbox",
            "risky catch_all_untested",
            "unknown deadline",
            "unknown hung_up",
        ];
        assert!(fine.contains(&verdict.as_str()), "{verdicts:?}");
    }
    for row in run.list("rejected.csv").lines().skip(1) {
        assert!(row.starts_with("nobody"), "{row}");
    }
    assert!(verdicts["unknown deadline"] > 30, "{verdicts:?}");
}

// ── Failing names ───────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_name_server_that_rests_for_a_while_costs_nobody_a_verdict() {
    // The rest outlasts all attempts at a question, nine seconds, and those at the test that follows.
    let rest = Fate::RestsAfter(50, Duration::from_secs(20));
    let internet = Internet::with_names(30, MailHosts::honest(), rest);
    let run = internet.verify(&list(30, 3), &[]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), all_right(30, 3), "{}", run.errors());
    assert!(
        run.errors().contains("no name server answers any more"),
        "{}",
        run.errors()
    );
}

#[test]
fn a_name_server_that_dies_is_told_of_and_leaves_nobody_judged_by_it() {
    let internet = Internet::with_names(30, MailHosts::honest(), Fate::DiesAfter(50));
    let run = internet.verify(&list(30, 3), &["--deadline", "21s"]);
    assert!(
        run.errors().contains("no name server answers any more"),
        "{}",
        run.errors()
    );
    let verdicts = verdicts(&run);
    assert!(verdicts["unknown deadline"] > 15, "{verdicts:?}");
    assert_eq!(verdicts.get("unknown dns_trouble"), None, "{verdicts:?}");
    for row in run.list("rejected.csv").lines().skip(1) {
        assert!(row.starts_with("nobody"), "{row}");
    }
}

/// A file that describes a simulated internet of [`zone`]'s domains, in which this holds of the network.
fn simulated_world(folder: &std::path::Path, domains: u8, network: &str) -> String {
    let mut world = format!("[network]\n{network}\n");
    for n in 1..=domains {
        let _ = writeln!(
            world,
            "[[host]]\nname = \"mx.host{n}.test\"\n[[domain]]\nname = \"d{n}.test\"\n\
             mx = [\"mx.host{n}.test\"]\nmailboxes = [\"anna1\", \"anna2\"]"
        );
    }
    let path = folder.join("world.toml");
    std::fs::write(&path, world).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn names_that_die_for_good_end_a_run_with_lists_and_a_code_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    // Each domain takes two answers of ten seconds, a third more or less: some have theirs when the rest has none any
    // more.
    let network = "dns_latency = \"10s\"\ndns_outage = { after = \"20s\" }";
    let world = simulated_world(folder.path(), 30, network);
    let ledger = folder.path().join("ledger.db").display().to_string();
    let list = list(30, 3);
    let run = Run::verify(&list, &["--world", &world, "--ledger", &ledger]);
    assert_eq!(run.code(), 4, "{}", run.errors());
    let told = run.errors();
    assert!(told.contains("no name server answers any more"), "{told}");
    let (dead, whole) = (verdicts(&run), all_right(30, 3));
    let left = dead["unknown dns_trouble"];
    assert!((15..=75).contains(&left), "{dead:?}");
    for (verdict, count) in &dead {
        let most = whole.get(verdict).copied().unwrap_or(left);
        assert!(*count <= most, "{verdict}: {dead:?}");
    }
    assert_eq!(
        dead.values().sum::<usize>(),
        90,
        "every row is listed: {dead:?}"
    );
    let report = run.report();
    assert_eq!(report["ending"], "stranded");
    // Once names are there again, the same command goes on.
    simulated_world(folder.path(), 30, "");
    let asked = report["traffic"]["rcpt"].as_u64().unwrap();
    let run = run.again(&["--world", &world, "--ledger", &ledger]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), whole);
    let again = run.report()["traffic"]["rcpt"].as_u64().unwrap();
    // A decoy each.
    assert_eq!(asked + again, 90 + 30, "nobody is asked twice");
}

// ── Odd hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn hosts_that_break_the_protocol_hold_nobody_up_and_cost_nobody_a_verdict() {
    let internet = Internet::new(
        10,
        MailHosts::behaving(|host| match host.octets()[3] {
            3 => Manner::ByteByByte,
            4 => Manner::Http,
            5 => Manner::Endless,
            6 => Manner::ResetsInMidReply,
            7 => Manner::HalfCloses,
            8 => Manner::Mute,
            _ => Manner::Honest,
        }),
    );
    let started = Instant::now();
    let more = ["--wait", "0s", "--deadline", "2s"];
    let run = internet.verify(&list(10, 4), &more);
    let took = started.elapsed();
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(took < Duration::from_secs(12), "{took:?}");
    let verified = run.list("verified.csv");
    let rejected = run.list("rejected.csv");
    for domain in [1, 2, 3, 9, 10] {
        let at = |verdict: &str| format!("@d{domain}.test,{verdict},");
        let (accepted, refused) = (at("deliverable"), at("undeliverable"));
        assert_eq!(
            verified.matches(&accepted).count(),
            3,
            "{accepted} {verified}"
        );
        assert_eq!(
            rejected.matches(&refused).count(),
            1,
            "{refused} {rejected}"
        );
    }
    assert_eq!(rejected.lines().count(), 6, "{rejected}");
    assert_eq!(verified.lines().count(), 16, "{verified}");
}

// ── Few sockets ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn too_few_open_files_are_said_to_be_that() {
    let run = Run::verify_with_open_files(16, b"email\na@b.test\n", &["--offline"]);
    assert_eq!(run.code(), 4, "{}", run.errors());
    assert!(run.errors().contains("ulimit -n"), "{}", run.errors());
}

#[test]
fn with_few_open_files_many_hosts_are_asked_all_the_same() {
    let internet = Internet::new(200, MailHosts::honest());
    let (dns, port) = (internet.names.address(), internet.mail.port.to_string());
    let words = arguments(&dns, &port, &["--deadline", "60s"]);
    let run = Run::verify_with_open_files(64, &list(200, 2), &words);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(verdicts(&run), all_right(200, 2), "{}", run.errors());
}
