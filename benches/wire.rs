//! How many recipients a second one core of ours can ask about: real sockets on loopback, real DNS packets, the ledger
//! written beside, no limits set, an instant server.
//!
//! `cargo bench --bench wire`; with a number after `--`, that many addresses instead of 200,000. The server is a
//! process of its own, so that what the system says of this one is ours alone: recipients are divided by the processor
//! time of all our threads, and by that of the run as the clock shows it.

#[path = "../tests/support/dns.rs"]
mod dns;
#[path = "../tests/support/smtp.rs"]
mod smtp;

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use presend::input::flags::Lists;
use presend::input::list::Source;
use presend::input::suppression::Suppression;
use presend::ledger::{Job, Ledger, Lifetimes, Realm};
use presend::model::provider::Providers;
use presend::model::verdict::Policy;
use presend::net::live::{self, Servers};
use presend::net::route::Reach;
use presend::probe::pace::{Ceilings, Rate};
use presend::probe::run::{Depth, Ending, Origin, RunConfig};
use presend::probe::scheduler::{Limits, Progress};
use presend::smtp::rules::Book;
use presend::verify::report::Report;
use presend::verify::{Asking, Observer, Task, Tools, verify};

use dns::{Answer, Turn};
use smtp::MailHost;

/// Recipients a second that one core is to manage.
const WANTED: f64 = 20_000.0;

/// Processor time that a row may take, all our threads together, its lists included: microseconds.
const MOST_TIME: f64 = 60.0;

/// Memory that a run over 200,000 rows may take.
const MOST_MEMORY: u64 = 150_000_000;

/// One address in so many does not exist.
const ONE_BAD_IN: usize = 10;

/// What this program is told when it is to be the server.
const SERVE: &str = "serve";

/// A list with how it is asked about.
struct Shape {
    name: &'static str,
    addresses: usize,
    domains: usize,
    hosts: usize,
    connections_per_host: u32,
}

fn main() {
    if std::env::args().any(|word| word == SERVE) {
        return serve();
    }
    let addresses = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(200_000);
    let shapes = [
        Shape {
            name: "20 addresses a domain, 25 domains a host, 4 connections to each",
            addresses,
            domains: addresses.div_ceil(20),
            hosts: addresses.div_ceil(500),
            connections_per_host: 4,
        },
        Shape {
            name: "5 addresses a domain, 100 domains a host, 4 connections to each",
            addresses,
            domains: addresses.div_ceil(5),
            hosts: addresses.div_ceil(500),
            connections_per_host: 4,
        },
        Shape {
            name: "one domain, one connection",
            addresses: addresses.div_ceil(4),
            domains: 1,
            hosts: 1,
            connections_per_host: 1,
        },
    ];
    for shape in &shapes {
        measure(shape);
    }
}

// ── Our side ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Processor time of this whole process so far, user and system together; of this thread alone.
#[derive(Clone, Copy)]
struct Spent {
    process: f64,
    thread: f64,
    clock: Instant,
}

impl Spent {
    /// As Linux tells it: `proc_pid_stat(5)` fields 14 and 15, in hundredths of a second; the first field of schedstat,
    /// in nanoseconds.
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
        let fields = stat.rsplit(") ").next().expect("a name in brackets");
        let hundredths: f64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<f64>().expect("a number"))
            .sum();
        let thread = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        let thread: f64 = thread
            .split(' ')
            .next()
            .and_then(|nanoseconds| nanoseconds.parse().ok())
            .expect("a number");
        Spent {
            process: hundredths / 100.0,
            thread: thread / 1e9,
            clock: Instant::now(),
        }
    }
}

/// Notes when the asking was over: the last progress comes then.
#[derive(Default)]
struct Watch {
    asked: Option<Spent>,
    progress: Progress,
}

impl Observer for Watch {
    fn progress(&mut self, _rows: u64, progress: &Progress) {
        self.asked = Some(Spent::now());
        self.progress = progress.clone();
    }

    fn blocked(&mut self, host: &str, words: &str, _addresses: usize) {
        panic!("{host} blocks us: {words}");
    }
}

fn measure(shape: &Shape) {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.csv");
    let existing = write_list(&list, shape);
    let server = Server::start(shape.hosts);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // `VmHWM` begins anew (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let begun = Spent::now();
    let mut watch = Watch::default();
    let report = runtime.block_on(run(folder.path(), &list, shape, &server, &mut watch));
    let listed = Spent::now();
    let asked = watch.asked.expect("there was progress");
    let memory = most_memory();
    let traffic = report.traffic;
    println!(
        "\n{} addresses at {} domains on {} hosts: {}",
        shape.addresses, shape.domains, shape.hosts, shape.name
    );
    println!(
        "  {} recipients, {} of them decoys, {} connections, {} DNS questions",
        traffic.rcpt, traffic.decoys, traffic.connections, traffic.dns_queries
    );
    let verdicts = &report.counts.verdict;
    let count = |verdict| verdicts.get(verdict).copied().unwrap_or_default();
    let missing = shape.addresses - existing;
    if (count("deliverable"), count("undeliverable")) != (existing as u64, missing as u64) {
        println!("  WRONG: {verdicts:?}, {existing} of them exist");
    }
    tell("asking", traffic.rcpt, begun, asked, Some(WANTED));
    tell("with the lists", traffic.rcpt, begun, listed, None);
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    let time = (listed.process - begun.process) * 1e6 / shape.addresses as f64;
    println!(
        "  {time:.1} us of processors a row{}; {} MB at most{}",
        held(time <= MOST_TIME, &format!("at most {MOST_TIME}")),
        memory / 1_000_000,
        held(
            memory <= MOST_MEMORY,
            &format!("at most {}", MOST_MEMORY / 1_000_000)
        ),
    );
    // The same once more, when everything is known.
    let again = runtime.block_on(run(
        folder.path(),
        &list,
        shape,
        &server,
        &mut Watch::default(),
    ));
    let (connections, rcpt) = (again.traffic.connections, again.traffic.rcpt);
    println!(
        "  again, with everything known: {connections} connections, {rcpt} recipients{}",
        held(connections + rcpt == 0, "none")
    );
}

/// Whether what is wanted was reached, for people.
fn held(holds: bool, wanted: &str) -> String {
    if holds {
        format!(" ({wanted}: holds)")
    } else {
        format!(" ({wanted}: MISSED)")
    }
}

/// Most memory that this process had at a time, in bytes (`proc_pid_status(5)`, `VmHWM`).
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.expect("a number") * 1024
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn tell(what: &str, recipients: u64, from: Spent, to: Spent, wanted: Option<f64>) {
    let recipients = recipients as f64;
    let core = recipients / (to.process - from.process);
    let verdict = wanted.map_or_else(String::new, |wanted| {
        held(core >= wanted, &format!("at least {wanted}"))
    });
    println!(
        "  {what:<15} {core:>8.0} recipients per second of one core{verdict}; {:.0} by the asking thread's own time; \
         {:.0} by the clock",
        recipients / (to.thread - from.thread),
        recipients / (to.clock - from.clock).as_secs_f64(),
    );
}

async fn run(
    folder: &Path,
    list: &Path,
    shape: &Shape,
    server: &Server,
    watch: &mut Watch,
) -> Report {
    let world = live::world(&Servers::Named(vec![server.names]), None, 1).unwrap();
    let now = world.clock.now();
    let realm = Realm::Simulated("bench".to_owned());
    let path = folder.join("ledger.db");
    let mut ledger = Ledger::open(&path, &realm, Lifetimes::default(), now).unwrap();
    let job = Job {
        place: "bench",
        list: "list.csv",
        seed: 1,
    };
    ledger.begin(&job, now).unwrap();
    let task = Task::of(Source::open(list).unwrap(), folder.join("out"));
    let clock = world.clock;
    let asking = Asking::World(world, Box::new(terms(shape, server.mail)));
    let never = std::future::pending::<Ending>();
    let report = verify(&task, &tools(), asking, &mut ledger, watch, never)
        .await
        .unwrap();
    // A run that was interrupted asks anew whether hosts still tell the truth; this one is done with them.
    ledger.end("completed", "", clock.now()).unwrap();
    report
}

fn terms(shape: &Shape, port: u16) -> RunConfig {
    RunConfig {
        limits: Limits {
            sender: Some("verify@sender.test".parse().unwrap()),
            ceilings: Ceilings {
                rate: Rate::UNLIMITED,
                connections: shape.connections_per_host,
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

/// Writes a list in which those of a domain stand far apart, as in lists of people. Returns how many exist.
fn write_list(path: &Path, shape: &Shape) -> usize {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "id,name,email").unwrap();
    let mut existing = 0;
    for n in 0..shape.addresses {
        let (person, domain) = (n / shape.domains, n % shape.domains);
        writeln!(file, "{n},Example,person{person}@domain{domain}.test").unwrap();
        existing += usize::from(exists(person, domain));
    }
    file.flush().unwrap();
    existing
}

/// Whether a recipient exists.
fn exists(person: usize, domain: usize) -> bool {
    !(person + domain).is_multiple_of(ONE_BAD_IN)
}

// ── The other side ──────────────────────────────────────────────────────────────────────────────────────────────────

/// The server's process, which ends with this.
struct Server {
    process: Child,
    names: SocketAddr,
    mail: u16,
}

impl Server {
    fn start(hosts: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([SERVE, &hosts.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut port = || -> u16 { lines.next().unwrap().unwrap().parse().unwrap() };
        let (names, mail) = (port(), port());
        Server {
            process,
            names: SocketAddr::from((Ipv4Addr::LOCALHOST, names)),
            mail,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Mail hosts on 127.0.1.1 and the addresses after it, a name server that leads to them.
fn serve() {
    let hosts = std::env::args()
        .find_map(|word| word.parse().ok())
        .expect("the number of hosts");
    let names = dns::serve(move |name, kind| Turn::Says(answer(name, kind, hosts)));
    let mail = smtp::serve(|visitor| {
        visitor.set_nodelay(true)?;
        smtp::converse(&visitor, &visitor, &mut Postfix)
    });
    println!("{}\n{mail}", names.port());
    loop {
        std::thread::park();
    }
}

/// Answers at once, all commands of a batch together.
struct Postfix;

impl MailHost for Postfix {
    const TOGETHER: bool = true;

    fn greeting(&self) -> &'static [u8] {
        b"220 mx.test ESMTP Postfix\r\n"
    }

    fn hello(&mut self, _name: &str, replies: &mut Vec<u8>) {
        replies.extend_from_slice(
            b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 ENHANCEDSTATUSCODES\r\n",
        );
    }

    fn recipient(&mut self, address: &str, replies: &mut Vec<u8>) -> ControlFlow<()> {
        let unknown = "Recipient address rejected: User unknown in virtual mailbox table";
        // Writing to memory cannot fail.
        let _ = if is_known(address) {
            write!(replies, "250 2.1.5 Ok\r\n")
        } else {
            write!(replies, "550 5.1.1 <{address}>: {unknown}\r\n")
        };
        ControlFlow::Continue(())
    }
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

/// Answers for `domain7.test` and `mx7.test`.
fn answer(name: &str, kind: u16, hosts: usize) -> Answer {
    let first = name.split('.').next().unwrap_or_default();
    let number = |prefix| first.strip_prefix(prefix)?.parse::<usize>().ok();
    match (kind, number("domain"), number("mx")) {
        (dns::MX, Some(domain), _) => {
            let host = format!("mx{}.test", domain % hosts);
            Answer::one(name, dns::MX, dns::mx(10, &host))
        }
        (dns::A, _, Some(host)) => {
            let octet = |number: usize| u8::try_from(number).expect("not that many hosts");
            let address = vec![127, 0, octet(host / 250 + 1), octet(host % 250 + 1)];
            Answer::one(name, dns::A, address)
        }
        _ => Answer::none(),
    }
}
