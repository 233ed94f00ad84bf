//! A long list in simulated time: how near the run comes to what its hosts allow, what it costs them, whom a slow host
//! delays; beside a prober that knows no better.
//!
//! `cargo bench --bench asking`; with a number after `--`, that many addresses instead of 100,000; with the names of parts
//! (`waiting`, `polite`, `clean`, `prober`, `isolation`), these alone.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use presend::input::address::Address;
use presend::model::timestamp::Timestamp;
use presend::net::World;
use presend::net::route::{HostKey, MailHost, Route};
use presend::probe::Target;
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::scheduler::{Limits, Scheduler};
use presend::sim::net::habits::{Door, Greylist, Habits, KnownBy};
use presend::sim::net::{Internet, Persona, ServerLog};
use presend::sim::score::Courtesy;
use presend::sim::score::Creation;
use presend::sim::score::SENDER;
use presend::sim::score::Score;
use presend::sim::score::Size;
use presend::sim::score::clean_crowd;
use presend::sim::score::crowd;
use presend::sim::score::in_simulated_time;
use presend::sim::score::judged;
use presend::sim::score::tools;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};

/// Addresses, domains, hosts of the long list.
const ADDRESSES: usize = 100_000;
const DOMAINS_PER_ADDRESS: f64 = 0.2;
const HOSTS_PER_ADDRESS: f64 = 0.03;

/// What can be measured alone.
const PARTS: [&str; 5] = ["waiting", "polite", "clean", "prober", "isolation"];

/// Round trips until a connection is ready for its first question, name look-ups included.
const OPENING: u32 = 5;

/// The most recipients in one flight, should all of them be refused.
const FLIGHT: u32 = 9;

fn main() {
    let addresses = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(ADDRESSES);
    let size = Size {
        addresses,
        domains: scaled(addresses, DOMAINS_PER_ADDRESS),
        hosts: scaled(addresses, HOSTS_PER_ADDRESS),
    };
    println!(
        "{} addresses at {} domains on {} hosts, 60 ms median round trip",
        size.addresses, size.domains, size.hosts
    );
    let wanted = |part: &str| {
        let mut parts = std::env::args()
            .skip(1)
            .filter(|word| PARTS.contains(&&**word));
        let first = parts.next();
        first.is_none_or(|first| first == part || parts.any(|word| word == part))
    };
    if wanted("waiting") {
        waiting();
    }
    let creation = LazyCell::new(|| crowd(1, size, &[]));
    if wanted("polite") {
        polite(&creation);
    }
    if wanted("clean") {
        clean(size);
    }
    if wanted("prober") {
        against_a_prober(&creation);
    }
    if wanted("isolation") {
        isolation();
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of a benchmark"
)]
fn scaled(count: usize, by: f64) -> usize {
    (count as f64 * by).round() as usize
}

/// The general limits: 2 connections, 10 recipients a second at one host.
fn polite(creation: &Creation) {
    let courtesy = Courtesy::default();
    let started = Instant::now();
    let (_, score) = judged(creation, &tools(), &courtesy).expect("a temporary folder");
    println!("\n2 connections and 10 recipients a second at one host:");
    let took = score.virtual_time.as_secs_f64();
    println!(
        "  {took:.0} s of simulated time, simulated in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let bound = score.ideal_time.as_secs_f64();
    bar(&format!("times the ideal {bound:.0} s"), took / bound, 1.15);
    costs(&score);
    for finding in score.findings.iter().take(5) {
        println!("  WRONG {finding}");
    }
    if score.findings.len() > 5 {
        println!("  and {} more", score.findings.len() - 5);
    }
}

/// What it cost the hosts.
fn costs(score: &Score) {
    let traffic = score.traffic;
    let needing = score.needs.addresses as u64;
    let accepting = score.needs.accepting_domains as u64;
    bar(
        &format!(
            "recipients ({}) per address that needs asking ({needing}), one decoy for each of {accepting} accepting domains apart",
            traffic.recipients
        ),
        ratio(traffic.recipients - accepting, needing),
        1.05,
    );
    bar(
        &format!("connections ({}) per address", traffic.connections),
        traffic.connections_per_address,
        0.15,
    );
    bar("MX queries per domain", traffic.mx_queries_per_domain, 1.0);
}

/// Every recipient exists, no limit on the rate: the last host beside what its connections bear, each opened once, with
/// as many recipients in each flight as may be refused.
fn clean(size: Size) {
    let creation = clean_crowd(1, size);
    let courtesy = Courtesy {
        recipients_per_second: 0,
        ..Courtesy::default()
    };
    let mut questions: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for row in &creation.rows {
        if let (Some(address), Some(site)) = (&row.address, row.site) {
            let domain = address.rsplit_once('@').expect("an address").1;
            questions.entry(site).or_default().extend([address, domain]);
        }
    }
    let at_best = |(site, questions): (&usize, &BTreeSet<&str>)| {
        let questions = u32::try_from(questions.len()).expect("few questions");
        let flights = questions.div_ceil(courtesy.connections_per_host * FLIGHT);
        creation.sites[*site].way.round_trip * (OPENING + flights)
    };
    let bound = questions.iter().map(at_best).max().unwrap_or_default();
    let (_, score) = judged(&creation, &tools(), &courtesy).expect("a temporary folder");
    println!("\na clean list, 2 connections at one host, no limit on the rate:");
    let took = score.virtual_time.as_secs_f64();
    println!("  {took:.1} s, {} connections", score.traffic.connections);
    let bound = bound.as_secs_f64();
    bar(
        &format!("times the bound {bound:.1} s, {FLIGHT} recipients a flight"),
        took / bound,
        1.25,
    );
}

/// No limit on the rate, the same two connections to each host, for both.
fn against_a_prober(creation: &Creation) {
    let courtesy = Courtesy {
        recipients_per_second: 0,
        ..Courtesy::default()
    };
    let (_, ours) = judged(creation, &tools(), &courtesy).expect("a temporary folder");
    let (took, theirs) = prober(creation, courtesy.connections_per_host);
    let totals = theirs.totals();
    println!(
        "\n2 connections at one host, no limit on the rate; beside a prober with one connection and two recipients"
    );
    println!(
        "per address, one command at a time ({:.0} s, {} connections, {} recipients):",
        took.as_secs_f64(),
        totals.attempts,
        totals.rcpts
    );
    println!(
        "  {:.0} s, {} connections, {} recipients",
        ours.virtual_time.as_secs_f64(),
        ours.traffic.connections,
        ours.traffic.recipients
    );
    at_least(
        "times as fast",
        took.as_secs_f64() / ours.virtual_time.as_secs_f64(),
        20.0,
    );
    bar(
        "of its connections",
        ratio(ours.traffic.connections, totals.attempts),
        0.1,
    );
    bar(
        "of its recipients",
        ratio(ours.traffic.recipients, totals.rcpts),
        0.5,
    );
}

/// A silent host, a tarpit, a greylist, one at a time beside ordinary hosts: none may delay another host's last row.
fn isolation() {
    println!("\nthe last row of any other host is later by (s):");
    let size = Size {
        addresses: 5_000,
        domains: 1_000,
        hosts: 150,
    };
    let ordinary = Persona::Postfix.habits();
    let odd: [(&str, Habits); 3] = [
        (
            "a host that answers nothing",
            Habits {
                door: Door::Silent,
                ..ordinary.clone()
            },
        ),
        (
            "a tarpit of 30 s",
            Habits {
                tarpit: Duration::from_secs(30),
                rcpt_wait: Duration::from_secs(30),
                ..ordinary.clone()
            },
        ),
        (
            "a greylist of 5 min",
            Habits {
                greylist: Some(Greylist {
                    by: KnownBy::Triplet,
                    wait: Duration::from_secs(300),
                }),
                ..ordinary
            },
        ),
    ];
    let alone = last_rows(&crowd(2, size, &[]));
    for (name, habits) in odd {
        let beside = last_rows(&crowd(2, size, &[habits]));
        let delay = alone
            .iter()
            .map(|(host, last)| beside[host].saturating_sub(*last))
            .max()
            .unwrap_or_default();
        bar(name, delay.as_secs_f64(), 1.0);
    }
}

/// When each host was asked its last question, from the beginning of the run.
fn last_rows(creation: &Creation) -> BTreeMap<String, Duration> {
    let log = presend::sim::score::server_log_of(creation, &tools(), &Courtesy::default())
        .expect("a temporary folder");
    log.hosts()
        .into_iter()
        .filter(|(host, _)| !host.contains("odd"))
        .filter_map(|(host, seen)| {
            let last = seen.questions.last()?.at;
            Some((host, last.since(creation.internet.beginning())))
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}

/// Prints a figure with the most it may be.
fn bar(what: &str, figure: f64, most: f64) {
    let verdict = if figure <= most { "holds" } else { "MISSED" };
    println!("  {figure:8.3}  {what} (bar {most}: {verdict})");
}

/// Prints a figure with the least it may be.
fn at_least(what: &str, figure: f64, least: f64) {
    let verdict = if figure >= least { "holds" } else { "MISSED" };
    println!("  {figure:8.3}  {what} (bar {least}: {verdict})");
}

/// A prober that knows no better: for each address a connection of its own, a made-up recipient, then the real one, one
/// command at a time.
fn prober(creation: &Creation, connections: u32) -> (Duration, std::sync::Arc<ServerLog>) {
    let mut by_host: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &creation.rows {
        if let (Some(address), Some(site)) = (&row.address, row.site) {
            let host = creation.sites[site].hosts[0].clone();
            by_host.entry(host).or_default().push(address.clone());
        }
    }
    in_simulated_time(async {
        let simulation = Internet::start(&creation.internet, creation.seed);
        let clock = simulation.world.clock;
        let began = clock.now();
        let mut workers = tokio::task::JoinSet::new();
        for (host, addresses) in by_host {
            let share = addresses.len().div_ceil(connections as usize);
            for addresses in addresses.chunks(share) {
                let (world, host) = (simulation.world.clone(), host.clone());
                let addresses = addresses.to_vec();
                workers.spawn(async move {
                    for address in addresses {
                        probe(&world, &host, &address).await;
                    }
                });
            }
        }
        while let Some(ended) = workers.join_next().await {
            ended.expect("the prober does not panic");
        }
        let took = clock.now().since(began);
        simulation.settle().await;
        (took, simulation.log)
    })
    .expect("a runtime")
}

async fn probe(world: &World, host: &str, address: &str) {
    use presend::net::route::{DnsAnswer, Record, RecordKind};
    let domain = address.rsplit_once('@').expect("an address").1;
    world.names.query(domain, RecordKind::Mx).await;
    let mut found = None;
    for kind in [RecordKind::A, RecordKind::Aaaa] {
        if let DnsAnswer::Records { records, .. } = world.names.query(host, kind).await
            && let Some(Record::Address(ip)) = records.first()
        {
            found.get_or_insert(*ip);
        }
    }
    let Some(ip) = found else { return };
    let Ok(wire) = world.dial.connect((ip, 25).into(), None).await else {
        return;
    };
    let mut wire = BufStream::new(wire);
    let decoy = format!("nobody-{}@{domain}", address.len());
    let commands = [
        String::new(),
        "EHLO prober.test\r\n".to_owned(),
        format!("MAIL FROM:<{SENDER}>\r\n"),
        format!("RCPT TO:<{decoy}>\r\n"),
        format!("RCPT TO:<{address}>\r\n"),
        "QUIT\r\n".to_owned(),
    ];
    for command in commands {
        if wire.write_all(command.as_bytes()).await.is_err() || wire.flush().await.is_err() {
            return;
        }
        loop {
            let mut line = String::new();
            match wire.read_line(&mut line).await {
                Ok(1..) if line.as_bytes().get(3) == Some(&b'-') => {}
                Ok(1..) => break,
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// Rows that wait, in as many domains and hosts as the long list has, none of which answers: what waiting costs.
fn waiting() {
    const ROWS: usize = 500_000;
    let (domains, hosts) = (
        scaled(ROWS, DOMAINS_PER_ADDRESS),
        scaled(ROWS, HOSTS_PER_ADDRESS),
    );
    let limits = Limits {
        sender: Some(SENDER.parse().expect("an address")),
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
        seed: 1,
        controls: Vec::new(),
        second_look: 0.0,
    };
    let mut scheduler = Scheduler::new(limits, tools().providers);
    let now = Timestamp::from_millis(1_000_000_000);
    let before = resident_bytes();
    for row in 0..ROWS {
        let domain = row % domains;
        let address = format!("anna.schmidt{row}@company{domain}.example");
        let address: Address = address.parse().expect("an address");
        // Half of them were told to come back, those of a domain in three flights.
        let nth = (row / domains) as u64;
        let not_before = match domain % 2 {
            0 => now,
            _ => now + Duration::from_secs(300 + nth % 3),
        };
        scheduler.add(
            Target {
                not_before,
                ..Target::from(address)
            },
            now,
        );
    }
    let mut domain = 0;
    while let Some(name) = scheduler.next_resolution() {
        let host = domain % hosts;
        let [_, a, b, c] = u32::try_from(host).expect("few hosts").to_be_bytes();
        let route = Route::Hosts {
            hosts: vec![MailHost {
                name: format!("mx1.host{host}.example"),
                addresses: vec![Ipv4Addr::new(11, a, b, c).into()],
            }],
            key: HostKey(format!("host{host}.example")),
            is_whole: true,
            ttl: Duration::from_secs(300),
        };
        scheduler.routed(&name, route, now);
        domain += 1;
    }
    let bytes = resident_bytes().saturating_sub(before) as u64;
    println!(
        "\n{ROWS} rows that wait at {domains} domains on {hosts} hosts, half of them for a later moment:"
    );
    assert_eq!(scheduler.pending(), ROWS);
    bar(
        "bytes for each, domains and hosts included",
        ratio(bytes, ROWS as u64),
        150.0,
    );
}

/// Memory of this process that is in use (`/proc/self/statm`, in pages of 4 KiB); 0 where that is not told.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    pages.unwrap_or(0_usize) * 4096
}
