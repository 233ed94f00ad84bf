//! Facts written, read back, and a list whose verdicts are all known.
//!
//! `cargo bench --bench ledger` takes a million; `PRESEND_ROWS=10000000` in front of it ten.
//! `PRESEND_KEEP=/some/folder` keeps the ledger, and a ledger that is there is not filled again.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use presend::input::flags::Lists;
use presend::input::list::Source;
use presend::input::suppression::Suppression;
use presend::ledger::{Job, Ledger, Lifetimes, Realm};
use presend::model::provider::Providers;
use presend::model::reason::Reason;
use presend::model::stage::Stage;
use presend::model::timestamp::Timestamp;
use presend::model::verdict::{Exchange, Fact, Finding, Policy, Whom};
use presend::net::route::Reach;
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::run::{Depth, Ending, RunConfig};
use presend::probe::scheduler::{Limits, Progress};
use presend::sim::net::Internet;
use presend::smtp::rules::{Book, Reading};
use presend::verify::{Asking, Observer, Task, Tools, verify};

/// Rows a second that are listed at least where all are known: ten million in two minutes.
const WANTED: f64 = 10_000_000.0 / 120.0;

/// Memory that listing ten million rows takes at most, all of them known.
const MOST_MEMORY: u64 = 300_000_000;

/// Addresses of one domain.
const OF_A_DOMAIN: u64 = 20;

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _rows: u64, _progress: &Progress) {}
    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

/// The `n`th address in an order that has nothing to do with the alphabet.
fn address(n: u64) -> (String, String) {
    let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let domain = format!("company{}.test", n / OF_A_DOMAIN * 7919 % 1_000_003);
    (format!("{:08x}.{n}@{domain}", scattered >> 32), domain)
}

fn fact(whom: Whom, reason: Reason, at: Timestamp, reply: String) -> Fact {
    let permanent = reason == Reason::NoSuchMailbox;
    Fact {
        at,
        finding: Finding::Asked {
            whom,
            exchange: Exchange {
                stage: Stage::Rcpt,
                host: "mx1.hosting-example.test".to_owned(),
                code: Some(if permanent { 550 } else { 250 }),
                reply,
            },
            reading: Reading {
                reason,
                permanent,
                rule: "no-such-user".to_owned(),
            },
        },
    }
}

fn open(path: &Path, now: Timestamp) -> Ledger {
    let realm = Realm::Simulated("bench".to_owned());
    Ledger::open(path, &realm, Lifetimes::default(), now).unwrap()
}

/// What a part of the work takes: on the clock, and of all processors together, which says more where others use them
/// too.
struct Stopwatch {
    began: Instant,
    cpu: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Stopwatch {
            began: Instant::now(),
            cpu: cpu(),
        }
    }

    /// Tells how many of something a second it was, and returns it.
    fn tell(&self, what: &str, count: u64, of: &str) -> f64 {
        let took = self.began.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = count as f64 / took.as_secs_f64();
        let cpu = cpu().saturating_sub(self.cpu);
        println!("{what:<24} {rate:>9.0} {of}/s ({count} in {took:.1?}; {cpu:.1?} of processors)");
        rate
    }
}

/// What all threads of this process have used (`proc_pid_stat(5)`, fields 14 and 15, in hundredths of a second).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    Duration::from_millis(
        ticks
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum::<u64>()
            * 10,
    )
}

fn fill(path: &Path, rows: u64, now: Timestamp) {
    let ledger = open(path, now);
    let mut writer = ledger.writer().unwrap();
    let watch = Stopwatch::start();
    for n in 0..rows {
        let (key, domain) = address(n);
        let refused = n % 5 == 0;
        if n % OF_A_DOMAIN == 0 {
            let reply = "550 5.1.1 no such user".to_owned();
            let decoy = fact(Whom::Decoy, Reason::NoSuchMailbox, now, reply);
            writer.domain(domain, decoy).unwrap();
        }
        let fact = if refused {
            fact(
                Whom::Subject,
                Reason::NoSuchMailbox,
                now,
                format!("550 5.1.1 <{key}>: Recipient address rejected: User unknown"),
            )
        } else {
            fact(
                Whom::Subject,
                Reason::Accepted,
                now,
                "250 2.1.5 Ok".to_owned(),
            )
        };
        writer.address(key, fact).unwrap();
    }
    writer.finish().unwrap();
    watch.tell("written", rows + rows / OF_A_DOMAIN, "facts");
}

/// Reads facts as the two readings of a list do: all in one pass, and by a look-up for each address.
fn read_back(path: &Path, rows: u64, now: Timestamp) {
    let mut ledger = open(path, now);
    let watch = Stopwatch::start();
    let mut hash = 0;
    let settled = ledger.settled(|_| {
        hash += 1;
        hash
    });
    assert_eq!(settled.unwrap().count() as u64, rows);
    watch.tell("read in one pass", rows + rows / OF_A_DOMAIN, "facts");
    let count = rows.min(1_000_000);
    let watch = Stopwatch::start();
    for batch in 0..count / 1000 {
        ledger
            .look(|ledger| {
                for n in batch * 1000..(batch + 1) * 1000 {
                    let (key, domain) = address(n * 7919 % rows);
                    assert_eq!(ledger.evidence(&key, &domain)?.facts.len(), 2);
                }
                Ok(())
            })
            .unwrap();
    }
    watch.tell("read one by one", 2 * count, "facts");
}

/// Reads what a run that goes on must know of its hosts.
fn go_on(path: &Path, rows: u64, now: Timestamp) {
    let job = Job {
        place: "interrupted",
        list: "list.csv",
        seed: 1,
    };
    let begin = || {
        let mut ledger = open(path, now);
        let begun = ledger.begin(&job, now).unwrap();
        (ledger, begun.continues)
    };
    begin();
    let (mut ledger, continues) = begin();
    assert_eq!(continues, Some(now));
    let watch = Stopwatch::start();
    assert_eq!(ledger.machines().unwrap().len(), 1);
    watch.tell("read to go on", rows + rows / OF_A_DOMAIN, "facts");
}

fn write_list(path: &Path, rows: u64) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let mut row = "id,name,email,city\n".to_owned();
    for n in 0..rows {
        let _ = writeln!(row, "{n},Example,{},Berlin", address(n * 7919 % rows).0);
        file.write_all(row.as_bytes()).unwrap();
        row.clear();
    }
    file.flush().unwrap();
}

fn tools() -> Tools {
    let providers = Arc::new(Providers::built_in());
    Tools {
        lists: Arc::new(Lists::new(Arc::clone(&providers), &[]).unwrap()),
        suppression: Suppression::default(),
        providers,
        book: Arc::new(Book::built_in()),
        policy: Policy::built_in("balanced").unwrap(),
    }
}

fn terms() -> RunConfig {
    RunConfig {
        limits: Limits {
            sender: None,
            ceilings: Ceilings {
                rate: Rate::UNLIMITED,
                connections: 1,
            },
            rate_max: Rate::UNLIMITED,
            rate: Rate::UNLIMITED,
            connections: 1,
            pending: presend::model::limits::PENDING_ADDRESSES,
            patience: Duration::ZERO,
            encryption: presend::smtp::session::Encryption::default(),
            seed: 1,
            controls: Vec::new(),
            second_look: 0.0,
        },
        origins: vec![presend::net::origin::Origin {
            address: None,
            hello: "mail.sender.test".parse().unwrap(),
        }],
        port: 25,
        reach: Reach::PublicOrDocumentation,
        depth: Depth::MailHosts,
    }
}

/// Lists rows whose verdicts are all known, in a world where nobody is.
fn list(folder: &Path, rows: u64, night: &str) {
    let path = folder.join("list.csv");
    let task = Task::of(Source::open(&path).unwrap(), folder.join("out"));
    let tools = tools();
    let internet = Internet::from_toml("start = \"2026-03-02T06:00:00Z\"", "nobody").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let world = internet.world(1);
        let now = world.clock.now();
        let mut ledger = open(&folder.join("ledger.db"), now);
        let job = Job {
            place: "bench",
            list: "list.csv",
            seed: 1,
        };
        ledger.begin(&job, now).unwrap();
        let asking = Asking::World(world, Box::new(terms()));
        let never = std::future::pending::<Ending>();
        let report = verify(&task, &tools, asking, &mut ledger, &mut Nobody, never)
            .await
            .unwrap();
        assert_eq!(report.list.rows, rows);
        assert_eq!(report.traffic.answered_from_ledger, rows);
        ledger.end("completed", &report.to_json(), now).unwrap();
    });
    let rate = watch.tell(&format!("listed, night {night}"), rows, "rows");
    let holds = |holds: bool| if holds { "holds" } else { "MISSED" };
    println!(
        "{:<24} {:>9} MB at most; at least {WANTED:.0} rows/s: {}, at most {} MB: {}",
        "",
        peak() / 1_000_000,
        holds(rate >= WANTED),
        MOST_MEMORY / 1_000_000,
        holds(peak() <= MOST_MEMORY)
    );
}

/// Most memory that this process had at a time, in bytes (`proc_pid_status(5)`, `VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Lists in a process of its own, as two nights do, so that its memory is its own.
fn list_apart(folder: &Path, rows: u64, night: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["night", night])
        .env("PRESEND_ROWS", rows.to_string())
        .env("PRESEND_KEEP", folder)
        .status();
    assert!(status.unwrap().success());
}

fn main() {
    let rows: u64 = std::env::var("PRESEND_ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok())
        .unwrap_or(1_000_000);
    let vanishing = tempfile::tempdir().unwrap();
    let folder =
        std::env::var_os("PRESEND_KEEP").map_or_else(|| vanishing.path().to_owned(), PathBuf::from);
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, night] = words.as_slice()
        && word == "night"
    {
        list(&folder, rows, night);
        return;
    }
    let path = folder.join("ledger.db");
    let now: Timestamp = "2026-03-02T05:00:00Z".parse().unwrap();
    if !path.exists() {
        fill(&path, rows, now);
    }
    read_back(&path, rows, now);
    go_on(&path, rows, now);
    write_list(&folder.join("list.csv"), rows);
    for night in ["1", "2"] {
        list_apart(&folder, rows, night);
    }
}
