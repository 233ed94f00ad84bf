//! What it gains and what it costs to have many machines ask: the real program, a real `nats-server`, mail hosts of our
//! own on loopback.
//!
//! `cargo bench --bench engine`; after `--`, `limited`, `free` or `coordinator` for one part alone, and a number for
//! that many addresses. Mail hosts and workers are processes of their own.

#[path = "../tests/support/dns.rs"]
mod dns;
#[path = "../tests/support/smtp.rs"]
mod smtp;

use std::fmt;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use presend::engine::coordinator::{self, Crew};
use presend::engine::nats::access::{Access, Login};
use presend::engine::nats::{Keeping, Nats};
use presend::engine::order::Global;
use presend::engine::{Answers, Engine, EngineError, Outcome, Partitions, RunId};
use presend::input::address::Address;
use presend::model::provider::Providers;
use presend::model::reading::Reading;
use presend::model::reason::Reason;
use presend::model::stage::Stage;
use presend::model::timestamp::Timestamp;
use presend::model::verdict::{Exchange, Fact, Finding, Whom};
use presend::net::live::{self, Servers};
use presend::net::route::Reach;
use presend::probe::Target;
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::run::{Depth, Ending, Listener, Origin, RunConfig, SpillError, TargetSource};
use presend::probe::scheduler::{Event, Limits, Progress};
use presend::smtp::rules::Book;

use dns::{Answer, Turn};
use smtp::MailHost;

/// How many times as fast as one worker four are to be, where hosts limit each address.
const GAIN: f64 = 3.6;

/// How much longer it may take with an engine, where hosts set no limit.
const OVERHEAD: f64 = 1.15;

/// Answers a second that one coordinator is to take in.
const ANSWERS: f64 = 50_000.0;

/// Memory that an address may take in a coordinator while it waits, in bytes.
const MEMORY: f64 = 400.0;

/// Recipients a second that the limiting operator takes from one address.
const LIMIT: f64 = 5.0;

/// One person in so many does not exist.
const ONE_BAD_IN: usize = 10;

/// What this program is told when it is to be the mail hosts, or a worker that answers everything at once.
const SERVE: &str = "serve";
const ANSWER: &str = "answer";

/// A part with its name, and how many addresses it has unless it is told otherwise.
type Part = (&'static str, fn(usize), usize);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [SERVE, kind, hosts] => return serve(Kind::named(kind), hosts.parse().unwrap()),
        [ANSWER, url] => return answer_everything(url),
        _ => {}
    }
    if !Path::new(NATS).exists() {
        println!("{NATS} is missing, so nothing was measured: apt-get install nats-server");
        return;
    }
    let count = words.iter().find_map(|word| word.parse().ok());
    let parts: [Part; 3] = [
        ("limited", limited, 2_500),
        ("free", free, 100_000),
        ("coordinator", coordinator, 400_000),
    ];
    let named = |name: &str| words.contains(&name);
    let all = !parts.iter().any(|(name, ..)| named(name));
    for (name, part, addresses) in parts {
        if all || named(name) {
            part(count.unwrap_or(addresses));
        }
    }
}

/// A large operator limits each address: what four machines gain over one. Some seconds of each run are for beginning and
/// ending it together, and domains do not fall evenly, so a short list gains less.
fn limited(addresses: usize) {
    let list = List {
        addresses,
        domains: addresses.div_ceil(2),
        hosts: 1,
        host_rate: "5/s",
        host_connections: 2,
    };
    println!("\n{list}, of an operator that takes {LIMIT} recipients a second from each address");
    let hosts = Server::start(Kind::Limited, list.hosts);
    let one = asked(&list, &hosts, Some(1));
    let four = asked(&list, &hosts, Some(4));
    tell_times(&[("1 worker", one), ("4 workers", four)]);
    println!(
        "  4 workers are {:.2} times as fast as one{}",
        one.as_secs_f64() / four.as_secs_f64(),
        held(
            one.as_secs_f64() / four.as_secs_f64() >= GAIN,
            &format!("at least {GAIN}")
        )
    );
}

/// Nobody limits anything: what an engine costs.
fn free(addresses: usize) {
    let list = List {
        addresses,
        domains: addresses.div_ceil(5),
        hosts: 100,
        host_rate: "unlimited",
        host_connections: 2,
    };
    println!("\n{list}, without limits, 100 ms away");
    let hosts = Server::start(Kind::Far, list.hosts);
    let alone = asked(&list, &hosts, None);
    let one = asked(&list, &hosts, Some(1));
    tell_times(&[("without an engine", alone), ("1 worker", one)]);
    println!(
        "  an engine takes {:.2} times as long{}",
        one.as_secs_f64() / alone.as_secs_f64(),
        held(
            one.as_secs_f64() <= alone.as_secs_f64() * OVERHEAD,
            &format!("at most {OVERHEAD}")
        )
    );
}

fn tell_times(times: &[(&str, Duration)]) {
    for (who, time) in times {
        println!("  {who:<18} {:>7.1} s", time.as_secs_f64());
    }
}

/// Whether what is wanted was reached, for people.
fn held(holds: bool, wanted: &str) -> String {
    if holds {
        format!(" ({wanted}: holds)")
    } else {
        format!(" ({wanted}: MISSED)")
    }
}

// ── The real program ────────────────────────────────────────────────────────────────────────────────────────────────

/// A list with how it is asked about.
struct List {
    addresses: usize,
    domains: usize,
    hosts: usize,
    host_rate: &'static str,
    host_connections: u32,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let List {
            addresses,
            domains,
            hosts,
            ..
        } = self;
        write!(
            f,
            "{addresses} addresses at {domains} domains on {hosts} hosts"
        )
    }
}

impl List {
    /// Writes it so that those of a domain stand far apart, as in lists of people. Returns how many exist.
    fn write(&self, path: &Path) -> usize {
        let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
        writeln!(file, "email").unwrap();
        let mut existing = 0;
        for n in 0..self.addresses {
            let (person, domain) = (n / self.domains, n % self.domains);
            writeln!(file, "person{person}@domain{domain}.test").unwrap();
            existing += usize::from(exists(person, domain));
        }
        existing
    }
}

/// Whether a recipient exists.
fn exists(person: usize, domain: usize) -> bool {
    !(person + domain).is_multiple_of(ONE_BAD_IN)
}

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long the real program takes for a list, with so many workers or alone. Workers are there, and have shared out
/// the work, before it begins.
fn asked(list: &List, hosts: &Server, workers: Option<u8>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let existing = list.write(&folder.path().join("list.csv"));
    let engine = workers.map(|_| Jetstream::start());
    let url = engine.as_ref().map(Jetstream::url);
    let command = |what: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
        command
            .arg(what)
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .args(["--allow-private", "--skip-preflight"])
            .args(["--dns", &hosts.names.to_string()])
            .args(["--smtp-port", &hosts.mail.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(url) = &url {
            command.args(["--engine", url]);
        }
        command
    };
    let mut machines = Vec::new();
    for number in 0..workers.unwrap_or(0) {
        let started = command("worker")
            .args(["--source-ip", &format!("127.0.0.{}", number + 2)])
            .args(["--helo", &format!("v{number}.sender.test")])
            .spawn();
        machines.push(Process(started.unwrap()));
    }
    if let Some(url) = &url {
        wait_for_leases(url, machines.len());
    }
    let begun = Instant::now();
    let status = command("verify")
        .args(["list.csv", "--helo", "v0.sender.test"])
        .args(["--mail-from", "verify@sender.test", "--second-look", "0"])
        .args([
            "--host-rate",
            list.host_rate,
            "--host-rate-max",
            list.host_rate,
        ])
        .args(["--host-connections", &list.host_connections.to_string()])
        .args(["--out", "lists"])
        .status();
    let took = begun.elapsed();
    assert!(status.unwrap().success());
    let verified = std::fs::read_to_string(folder.path().join("lists/verified.csv")).unwrap();
    let rows = verified.lines().count() - 1;
    if rows != existing {
        println!("  WRONG: {rows} verified, {existing} of them exist");
    }
    took
}

/// Waits until each partition is a worker's, and every worker has some.
fn wait_for_leases(url: &str, workers: usize) {
    use presend::engine::Table;
    use presend::engine::roll::WorkerCard;
    let all = usize::from(Partitions::default().count());
    in_a_runtime(async {
        let nats = connect(url).await;
        loop {
            let cards = nats.entries(Table::Workers).await.unwrap();
            let cards = cards.iter().filter_map(|(_, entry)| {
                presend::engine::wire::decode::<WorkerCard>(&entry.value).ok()
            });
            let held: Vec<usize> = cards.map(|card| card.partitions).collect();
            let share = all.div_ceil(workers);
            if held.len() == workers
                && held.iter().sum::<usize>() == all
                && held.iter().all(|held| *held <= share)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

// ── The engine's server ─────────────────────────────────────────────────────────────────────────────────────────────

/// Where Debian puts it.
const NATS: &str = "/usr/sbin/nats-server";

/// A server with a store of its own.
struct Jetstream {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Jetstream {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(NATS)
            .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "-js"])
            .arg("--store_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let server = Jetstream {
            port,
            _process: Process(process.unwrap()),
            _folder: folder,
        };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

async fn connect(url: &str) -> Nats {
    let access = Access {
        servers: vec![url.parse().unwrap()],
        login: Login::Anonymous,
        authorities: None,
        certificate: None,
        name: "bench".to_owned(),
    };
    Nats::connect(&access, &Keeping::default()).await.unwrap()
}

// ── One coordinator ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Addresses of one domain, and so of one order: what most lists come to.
const PER_DOMAIN: usize = 5;

#[derive(Debug)]
struct Failed;

impl From<SpillError> for Failed {
    fn from(error: SpillError) -> Self {
        panic!("{error}")
    }
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        panic!("{error}")
    }
}

/// A list that nobody has to read.
struct Supply {
    given: usize,
    all: usize,
}

impl TargetSource for Supply {
    type Error = Failed;

    fn next(&mut self) -> Result<Option<Vec<Target>>, Failed> {
        let some = self.given..(self.given + 500).min(self.all);
        self.given = some.end;
        let target = |n: usize| {
            let text = format!("person{}@domain{}.test", n % PER_DOMAIN, n / PER_DOMAIN);
            Target::from(Address::parse(&text).unwrap())
        };
        Ok((!some.is_empty()).then(|| some.map(target).collect()))
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Counting {
    all: usize,
    answers: usize,
    /// When all were ordered: what had been spent, and used, by then.
    ordered: Option<(Spent, u64)>,
    url: String,
    worker: Option<Process>,
}

impl Listener for Counting {
    type Error = Failed;

    fn learned(&mut self, learned: Event) -> Result<(), Failed> {
        self.answers += usize::from(matches!(learned, Event::Address { .. }));
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        let ordered = progress.elsewhere.as_ref().map_or(0, |there| there.ordered);
        if ordered == self.all && self.ordered.is_none() {
            self.ordered = Some((Spent::now(), resident_bytes()));
            let worker = Command::new(std::env::current_exe().unwrap())
                .args([ANSWER, &self.url])
                .spawn();
            self.worker = Some(Process(worker.unwrap()));
        }
    }
}

/// Time of this thread's processor so far, in seconds, and the time of day.
#[derive(Clone, Copy)]
struct Spent {
    thread: f64,
    clock: Instant,
}

impl Spent {
    /// As Linux tells it: the first field of schedstat, in nanoseconds.
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        let thread = stat
            .split(' ')
            .next()
            .and_then(|spent| spent.parse::<f64>().ok());
        Spent {
            thread: thread.expect("a number") / 1e9,
            clock: Instant::now(),
        }
    }
}

/// Memory of this process that is in use (`/proc/self/statm`, in pages of 4 KiB).
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    pages.expect("a number") * 4096
}

/// All of a list is ordered and waits; then all is answered at once.
#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn coordinator(addresses: usize) {
    println!(
        "\none coordinator, {addresses} addresses at {} domains",
        addresses.div_ceil(PER_DOMAIN)
    );
    let hosts = Server::start(Kind::Far, 100);
    let server = Jetstream::start();
    let before = resident_bytes();
    let mut supply = Supply {
        given: 0,
        all: addresses,
    };
    let mut counting = Counting {
        all: addresses,
        url: server.url(),
        ..Counting::default()
    };
    in_a_runtime(async {
        let crew = Crew {
            engine: Arc::new(connect(&server.url()).await),
            run: RunId::named("bench").unwrap(),
            global: Global::NONE,
        };
        let world = live::world(&Servers::Named(vec![hosts.names]), None, 1).unwrap();
        let never = std::future::pending::<Ending>();
        let (book, providers) = (Book::built_in(), Providers::built_in());
        let (book, providers) = (Arc::new(book), Arc::new(providers));
        let config = config(hosts.mail);
        let asked = coordinator::ask_all(
            &crew,
            coordinator::Inherited::default(),
            world,
            config,
            book,
            providers,
            &mut supply,
            &mut counting,
            never,
        );
        let (ending, leave) = asked.await.unwrap();
        assert_eq!(ending, Ending::Completed);
        leave.take().await.unwrap();
    });
    let (begun, used) = counting.ordered.expect("all were ordered");
    let ended = Spent::now();
    let answers = counting.answers as f64;
    if counting.answers != addresses {
        println!("  WRONG: {answers} answers");
    }
    let waiting = used.saturating_sub(before) as f64 / addresses as f64;
    println!(
        "  {waiting:.0} bytes for each address that waits, orders, domains, names and the connection included{}",
        held(waiting <= MEMORY, &format!("at most {MEMORY}"))
    );
    let rate = answers / (ended.thread - begun.thread);
    println!(
        "  {rate:.0} answers a second of its one thread{}; {:.0} by the clock, beside the server and the worker on {} cores",
        held(rate >= ANSWERS, &format!("at least {ANSWERS}")),
        answers / (ended.clock - begun.clock).as_secs_f64(),
        std::thread::available_parallelism().map_or(1, usize::from),
    );
}

fn config(port: u16) -> RunConfig {
    RunConfig {
        limits: Limits {
            sender: Some("verify@sender.test".parse().unwrap()),
            ceilings: Ceilings {
                rate: Rate::UNLIMITED,
                connections: 2,
            },
            rate_max: Rate::UNLIMITED,
            rate: Rate::UNLIMITED,
            connections: 500,
            pending: presend::model::limits::PENDING_ADDRESSES,
            patience: Duration::ZERO,
            encryption: presend::smtp::session::Encryption::default(),
            seed: 1,
            controls: Vec::new(),
            second_look: 0.0,
        },
        origins: vec![Origin {
            address: None,
            hello: "mail.sender.test".parse().unwrap(),
        }],
        port,
        reach: Reach::Anywhere,
        depth: Depth::MailHosts,
    }
}

/// Answers whatever is ordered, as fast as it can.
fn answer_everything(url: &str) {
    in_a_runtime(async {
        let nats = Arc::new(connect(url).await);
        loop {
            let mut any = false;
            for partition in nats.partitions().all() {
                let pulled = nats.pull(partition, 200).await.unwrap();
                any |= !pulled.is_empty();
                let mut under_way = tokio::task::JoinSet::new();
                for delivery in pulled {
                    let nats = Arc::clone(&nats);
                    under_way.spawn(async move {
                        let order = delivery.order.unwrap();
                        let answers = Answers {
                            run: order.run,
                            number: order.number,
                            attempt: order.attempt,
                            by: "bench.1".to_owned(),
                            place: 1,
                            events: order.targets.iter().map(answered).collect(),
                            outcome: Some(Outcome::Done),
                        };
                        nats.answer(&answers).await.unwrap();
                        nats.ack(&delivery.receipt).await.unwrap();
                    });
                }
                under_way.join_all().await;
            }
            if !any {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
}

fn answered(target: &Target) -> Event {
    Event::Address {
        key: target.address.key().into_owned(),
        fact: Fact {
            at: Timestamp::from_millis(1_700_000_000_000),
            finding: Finding::Asked {
                whom: Whom::Subject,
                exchange: Exchange {
                    stage: Stage::Rcpt,
                    host: "mx1.test".to_owned(),
                    code: Some(250),
                    reply: "250 2.1.5 Ok".to_owned(),
                },
                reading: Reading {
                    reason: Reason::Accepted,
                    permanent: false,
                    rule: "accepted".to_owned(),
                },
            },
        },
    }
}

// ── The other side ──────────────────────────────────────────────────────────────────────────────────────────────────

/// How mail hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Machines of a large operator, which counts what each address asks.
    Limited,
    /// Machines of many, 100 ms away.
    Far,
}

impl Kind {
    fn named(name: &str) -> Self {
        match name {
            "limited" => Kind::Limited,
            "far" => Kind::Far,
            other => panic!("no kind of hosts: {other}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Limited => "limited",
            Kind::Far => "far",
        }
    }

    /// How long an answer is under way.
    fn round_trip(self) -> Duration {
        match self {
            Kind::Limited => Duration::from_millis(20),
            Kind::Far => Duration::from_millis(100),
        }
    }

    /// A host's name.
    fn host(self, number: usize) -> String {
        match self {
            // One of `config/providers.toml`: small hosts see one of our addresses, whichever worker asks.
            Kind::Limited => format!("mx{number}.emailsrvr.com"),
            Kind::Far => format!("mx{number}.test"),
        }
    }
}

/// Mail hosts and a name server.
struct Server {
    names: SocketAddr,
    mail: u16,
    _process: Process,
}

impl Server {
    fn start(kind: Kind, hosts: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([SERVE, kind.name(), &hosts.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut port = || -> u16 { lines.next().unwrap().unwrap().parse().unwrap() };
        let (names, mail) = (port(), port());
        Server {
            names: SocketAddr::from((Ipv4Addr::LOCALHOST, names)),
            mail,
            _process: Process(process),
        }
    }
}

/// How much of its limit each address has left, and when that was so.
type Allowances = Arc<std::sync::Mutex<std::collections::HashMap<Ipv4Addr, (f64, Instant)>>>;

/// Mail hosts on 127.0.1.1 and the addresses after it, a name server that leads to them.
fn serve(kind: Kind, hosts: usize) {
    let names = dns::serve(move |name, wanted| Turn::Says(answer(name, wanted, kind, hosts)));
    println!("{}", names.port());
    let allowances = Allowances::default();
    let mail = smtp::serve(move |visitor| {
        visitor.set_nodelay(true)?;
        let (_, from) = smtp::both_ends(&visitor)?;
        let mut host = BenchHost {
            kind,
            from,
            allowances: Arc::clone(&allowances),
        };
        smtp::converse(&visitor, &visitor, &mut host)
    });
    println!("{mail}");
    loop {
        std::thread::park();
    }
}

/// A mail host in one conversation. It answers all commands of a flight together, a round trip later.
struct BenchHost {
    kind: Kind,
    from: Ipv4Addr,
    allowances: Allowances,
}

impl MailHost for BenchHost {
    const TOGETHER: bool = true;

    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        let is_too_much = self.kind == Kind::Limited && !is_allowed(self.from, &self.allowances);
        let reply: &[u8] = if is_too_much {
            b"450 4.7.1 Too many recipients, slow down\r\n"
        } else if is_known(address) {
            b"250 2.1.5 Ok\r\n"
        } else {
            b"550 5.1.1 User unknown in virtual mailbox table\r\n"
        };
        replies.extend_from_slice(reply);
        ControlFlow::Continue(())
    }

    fn before_speaking(&mut self) {
        std::thread::sleep(self.kind.round_trip());
    }
}

/// Whether an address may ask about one more; two seconds' worth may come at once.
fn is_allowed(from: Ipv4Addr, allowances: &Allowances) -> bool {
    let mut allowances = allowances.lock().unwrap();
    let now = Instant::now();
    let (left, at) = allowances.entry(from).or_insert((LIMIT * 2.0, now));
    *left = (*left + (now - *at).as_secs_f64() * LIMIT).min(LIMIT * 2.0);
    *at = now;
    let may = *left >= 1.0;
    if may {
        *left -= 1.0;
    }
    may
}

/// Whether a recipient exists; a decoy is no person.
fn is_known(address: &str) -> bool {
    let read = || {
        let (person, rest) = address.strip_prefix("person")?.split_once("@domain")?;
        let domain = rest.split_once('.')?.0;
        Some(exists(person.parse().ok()?, domain.parse().ok()?))
    };
    read().unwrap_or(false)
}

/// Answers for `domain7.test` and the hosts' names.
fn answer(name: &str, wanted: u16, kind: Kind, hosts: usize) -> Answer {
    let (first, _) = name.split_once('.').unwrap_or((name, ""));
    let number = |prefix| first.strip_prefix(prefix)?.parse::<usize>().ok();
    match (wanted, number("domain"), number("mx")) {
        (dns::MX, Some(domain), _) => {
            let host = kind.host(domain % hosts);
            Answer::one(name, dns::MX, dns::mx(10, &host))
        }
        (dns::A, _, Some(host)) => {
            let last = u8::try_from(host + 1).expect("there are fewer than 255 hosts");
            Answer::one(name, dns::A, vec![127, 0, 1, last])
        }
        _ => Answer::none(),
    }
}
