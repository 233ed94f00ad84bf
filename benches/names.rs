//! A list in which every row has a domain and a mail host of its own, verified with `--no-smtp` against a name server on
//! loopback: how much memory that takes at most, how many questions a second go through.
//!
//! `cargo bench --bench names`; with a number after `--`, that many domains instead of 200,000. Linux only.

#[path = "../tests/support/dns.rs"]
mod dns;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dns::{Answer, Turn};

const DOMAINS: u64 = 200_000;

/// What the program takes at most, whatever the list: itself, its threads, what it remembers of DNS and of mail hosts.
const FIXED: u64 = 150_000_000;

/// What each domain may take besides: its name, that it was met, how its mailboxes stand. With a million domains both come
/// to 300 MB.
const PER_DOMAIN: u64 = 150;

fn main() {
    let domains = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(DOMAINS);
    let folder = tempfile::tempdir().unwrap();
    let mut list = "email\n".to_owned();
    for n in 0..domains {
        let _ = writeln!(list, "user{n}@company{n}.example-{}.com", n % 977);
    }
    std::fs::write(folder.path().join("list.csv"), list).unwrap();
    let (server, questions) = name_server();
    let begun = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["verify", "list.csv", "--no-smtp", "--quiet"])
        .args(["--ledger", "ledger.db", "--mail-from", "me@sender.example"])
        .args(["--dns", &server.to_string()])
        .current_dir(folder.path())
        .env("XDG_STATE_HOME", folder.path())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", program.id());
    let mut peak = 0;
    // The mark only ever rises, and is gone with the program.
    let ended = loop {
        if let Some(ended) = program.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        peak = peak.max(most_memory(&text));
        thread::sleep(Duration::from_millis(100));
    };
    let took = begun.elapsed();
    assert!(ended.success(), "{ended}");
    let questions = questions.load(Ordering::Relaxed);
    let bound = FIXED + PER_DOMAIN * domains;
    println!(
        "{domains} domains: {questions} questions in {:.1} s, {} a second; {} MB at most, {} MB allowed",
        took.as_secs_f64(),
        u128::from(questions) * 1000 / took.as_millis().max(1),
        peak / 1_000_000,
        bound / 1_000_000
    );
    assert!(peak > 1 << 20, "the mark was read");
    assert!(peak <= bound, "{peak} bytes, {bound} allowed");
}

/// The line `VmHWM` of `proc_pid_status(5)`, in bytes.
fn most_memory(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A name server on loopback, in which every name has a mail host `mx` below it and an address of its own; with the count of
/// its questions.
fn name_server() -> (SocketAddr, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let address = dns::serve(move |name, kind| {
        counted.fetch_add(1, Ordering::Relaxed);
        Turn::Says(answer(name, kind))
    });
    (address, count)
}

fn answer(name: &str, kind: u16) -> Answer {
    match kind {
        dns::MX => Answer::one(name, kind, dns::mx(10, &format!("mx.{name}"))),
        dns::A => {
            let hash = name.bytes().fold(5381_u32, |hash, byte| {
                hash.wrapping_mul(33) ^ u32::from(byte)
            });
            let [_, b, c, d] = hash.to_be_bytes();
            Answer::one(name, kind, vec![11, b, c, d | 1])
        }
        _ => Answer::none(),
    }
}
