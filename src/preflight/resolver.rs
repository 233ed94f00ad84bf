//! Whether the resolver tells the truth, in time.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;
use crate::route::{DnsAnswer, RecordKind};

use super::check::Check;
use super::lookup::Lookups;

/// Names that nobody can have registered, different in every run so that no cache knows them.
fn unheard_of(seed: u64) -> [String; 2] {
    let word = format!(
        "presend-{:012x}",
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    );
    [format!("{word}.com"), format!("{word}.net")]
}

/// The checks `dns_honest`, `dns_speed` and `dns_txt`. `seed` makes names that nobody asked for before.
pub async fn checks(lookups: &Lookups, seed: u64) -> Vec<Check> {
    const WHY: &str = "Every verdict rests on DNS. A resolver that invents answers turns dead domains into live ones.";
    let mut slowest = Duration::ZERO;
    let mut invented = None;
    let mut failed = None;
    for name in unheard_of(seed) {
        let asked = Instant::now();
        match lookups.ask(&name, RecordKind::A).await {
            DnsAnswer::Records { records, .. } => {
                invented = Some(format!("{name} is said to be {records:?}"));
            }
            DnsAnswer::Failed(failure) => failed = Some(failure),
            DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => {}
        }
        slowest = slowest.max(asked.elapsed());
    }
    let another =
        "Use another resolver: --dns 127.0.0.1:53 with one of your own (such as unbound) is best";
    let honest = match (invented, failed) {
        (Some(_), _) => Check::fail(
            "dns_honest",
            "the resolver invents addresses for names that do not exist",
            WHY,
            another,
        ),
        (None, Some(failure)) => Check::unknown("dns_honest", failure.to_string(), WHY, another),
        (None, None) => Check::pass("dns_honest", "names that do not exist are said not to", WHY),
    };
    let millis = slowest.as_millis();
    let why_slow = "A run asks thousands of names.";
    let pace = if slowest > limits::DNS_SLOW {
        Check::fail("dns_speed", format!("{millis} ms"), why_slow, another)
    } else {
        Check::pass("dns_speed", format!("{millis} ms"), why_slow)
    };
    let why_txt = "SPF, DKIM and DMARC stand in TXT records.";
    let txt = match lookups.ask("gmail.com", RecordKind::Txt).await {
        DnsAnswer::Records { .. } => Check::pass("dns_txt", "TXT records arrive", why_txt),
        DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => Check::unknown(
            "dns_txt",
            "no TXT record of gmail.com arrived",
            why_txt,
            another,
        ),
        DnsAnswer::Failed(failure) => {
            Check::unknown("dns_txt", failure.to_string(), why_txt, another)
        }
    };
    vec![honest, pace.advised(), txt.advised()]
}
