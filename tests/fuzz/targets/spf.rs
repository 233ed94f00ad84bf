//! Any bytes as the answers of DNS to an evaluation of SPF: a line an answer, in the order of the questions, and again
//! from the first behind the last.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use presend::model::dns::{DnsAnswer, DnsFailure, Record, RecordKind};
use presend::model::limits;
use presend::model::timestamp::Timestamp;
use presend::net::{Later, Resolver};
use presend::preflight::auth::spf::{Question, SpfTree, check_host};
use presend::preflight::lookup::Lookups;

/// Answers with one line after the other.
struct Lines {
    lines: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Resolver for Lines {
    fn query<'a>(&'a self, name: &'a str, kind: RecordKind) -> Later<'a, DnsAnswer> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let line = self.lines[turn % self.lines.len()].clone();
        Box::pin(std::future::ready(answer(name, kind, &line)))
    }
}

fn answer(name: &str, kind: RecordKind, line: &[u8]) -> DnsAnswer {
    let ttl = Duration::from_secs(300);
    match line.first() {
        Some(b'!') => return DnsAnswer::NoSuchName { ttl },
        Some(b'?') => return DnsAnswer::NoRecords { ttl },
        Some(b'#') => return DnsAnswer::Failed(DnsFailure::Timeout),
        Some(_) | None => {}
    }
    let length = line.len();
    let octets = [192, 0, 2, u8::try_from(length % 256).unwrap_or(0)];
    let record = match kind {
        RecordKind::A => Record::Address(octets.into()),
        RecordKind::Aaaa => Record::Address([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
        RecordKind::Mx => Record::Mx {
            preference: 10,
            exchange: format!("mx.{name}"),
        },
        RecordKind::Txt => Record::Txt(line.chunks(255).map(<[u8]>::to_vec).collect()),
        RecordKind::Ptr => Record::Ptr(String::from_utf8_lossy(line).into_owned()),
        RecordKind::Soa => Record::Soa { serial: 1 },
    };
    DnsAnswer::Records {
        records: vec![record],
        ttl,
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
});

/// Evaluates a policy in such a DNS within the limits of RFC 7208, and draws its tree.
pub fn run(data: &[u8]) {
    let names = || {
        Arc::new(Lines {
            lines: data
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect(),
            next: AtomicUsize::new(0),
        })
    };
    RUNTIME.block_on(async {
        for ip in ["192.0.2.1", "2001:db8::1"] {
            let question = Question {
                ip: ip.parse().expect("an address"),
                domain: "example.net",
                sender: "ann@example.net",
                helo: "mail.example.net",
                now: Timestamp::from_millis(1_700_000_000_000),
            };
            let lookups = Lookups::new(names(), Duration::from_secs(60), 1000);
            let outcome = check_host(&lookups, &question).await;
            // The term past the limit is counted, but not looked up.
            assert!(outcome.lookups <= limits::SPF_LOOKUPS + 1);
            let lookups = Lookups::new(names(), Duration::from_secs(60), 1000);
            let tree = SpfTree::draw(&lookups, "example.net", Some(question.ip)).await;
            let _ = (tree.problem(), tree.branches().len());
        }
    });
}
