//! Whether the resolver tells the truth, in time.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::limits;
use crate::net::route::{DnsAnswer, DnsFailure, Reach, Record, RecordKind, Unproven};

use crate::preflight::check::{Check, Status};
use crate::preflight::lookup::Lookups;
use crate::preflight::machine::port25::WELL_KNOWN;

/// Names that cannot be registered, different in every run so that no cache knows them.
fn unheard_of(seed: u64) -> [String; 2] {
    let word = format!(
        "presend-{:012x}",
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    );
    [format!("{word}.com"), format!("{word}.net")]
}

/// Names that filtering resolvers block, for their users to see that they do: of Cloudflare, Quad9 and `OpenDNS`, and
/// one that every blocklist for advertisements has.
const BLOCKED_BY_FILTERS: [&str; 4] = [
    "malware.testcategory.com",
    "isitblocked.org",
    "internetbadguys.com",
    "doubleclick.net",
];

/// What came of asking for names that do not exist.
struct Asked {
    answer: DnsAnswer,
    took: Duration,
}

async fn ask(lookups: &Lookups, name: &str) -> Asked {
    let asked = Instant::now();
    let answer = lookups.ask(name, RecordKind::A).await;
    let took = asked.elapsed();
    Asked { answer, took }
}

const ANOTHER: &str =
    "Use another resolver: --dns 127.0.0.1:53 with one of your own (such as unbound) is best";

/// The check `dns_honest`, with the time that the slower question took. `seed` makes names that were never asked for
/// before.
pub async fn honest(lookups: &Lookups, seed: u64) -> (Check, Duration) {
    const ID: &str = "dns_honest";
    const WHY: &str = "Every verdict rests on DNS. A resolver that invents answers turns dead domains into live ones.";
    let [com, net] = unheard_of(seed);
    let (com, net, filtered) =
        tokio::join!(ask(lookups, &com), ask(lookups, &net), filtered(lookups));
    let slowest = com.took.max(net.took);
    let mut failed = None;
    for answer in [com.answer, net.answer] {
        match answer {
            DnsAnswer::Records { .. } => {
                let value = "the resolver invents addresses for names that do not exist";
                return (Check::fail(ID, value, WHY, ANOTHER), slowest);
            }
            DnsAnswer::Failed(failure) => failed = Some(failure),
            DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => {}
        }
    }
    let check = match (filtered, failed) {
        (Some(name), _) => filters(name),
        (None, Some(failure)) => Check::unknown(ID, failure.to_string(), WHY, ANOTHER),
        (None, None) => Check::pass(ID, "names that do not exist are said not to", WHY),
    };
    (check, slowest)
}

/// Whether the resolver denies well-known names: it serves a walled garden, and would let whole lists look dead.
pub async fn denies_the_known(lookups: &Lookups) -> bool {
    let mut asking = JoinSet::new();
    for domain in WELL_KNOWN {
        let lookups = lookups.clone();
        asking.spawn(async move { lookups.ask(domain, RecordKind::Mx).await });
    }
    let denied = |answer: &DnsAnswer| matches!(answer, DnsAnswer::NoSuchName { .. });
    asking.join_all().await.iter().all(denied)
}

/// The check `dns_honest` of a resolver that denies well-known names.
#[must_use]
pub fn denial() -> Check {
    Check::unknown(
        "dns_honest",
        format!(
            "the resolver says that there is no {}",
            WELL_KNOWN.join(", no ")
        ),
        "It serves only a part of the internet, or none: every domain of a list would look dead.",
        ANOTHER,
    )
}

/// Which of the names that filters block the resolver does not let through.
async fn filtered(lookups: &Lookups) -> Option<&'static str> {
    let mut asking = JoinSet::new();
    for name in BLOCKED_BY_FILTERS {
        let lookups = lookups.clone();
        asking.spawn(async move { (name, lookups.ask(name, RecordKind::A).await) });
    }
    let answers = asking.join_all().await;
    answers
        .into_iter()
        .filter(|(_, answer)| is_a_filters(answer))
        .map(|(name, _)| name)
        .min()
}

/// Whether an answer is one that filters give: an address that is none or leads inward, or a denial that no zone stands
/// behind.
fn is_a_filters(answer: &DnsAnswer) -> bool {
    match answer {
        DnsAnswer::Records { records, .. } => records.iter().any(|record| {
            matches!(record, Record::Address(ip) if !Reach::PublicOrDocumentation.allows(*ip))
        }),
        DnsAnswer::Failed(DnsFailure::Unproven(Unproven::NoAddress | Unproven::NoSuchName)) => true,
        DnsAnswer::Failed(_) | DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => false,
    }
}

/// The check `dns_honest` of a resolver that filters, with a name that it blocks.
fn filters(name: &str) -> Check {
    Check::fail(
        "dns_honest",
        format!("the resolver filters: it does not let {name} through"),
        "Domains that it blocks look dead or cannot be told (`dns_trouble`), whatever they are.",
        ANOTHER,
    )
}

/// The checks `dns_honest`, `dns_speed` and `dns_txt`.
pub async fn checks(lookups: &Lookups, seed: u64) -> Vec<Check> {
    let ((mut honest, slowest), denies) =
        tokio::join!(honest(lookups, seed), denies_the_known(lookups));
    if denies && honest.status == Status::Pass {
        honest = denial();
    }
    let millis = slowest.as_millis();
    let why_slow = "A run asks thousands of names.";
    let pace = if slowest > limits::DNS_SLOW {
        Check::fail("dns_speed", format!("{millis} ms"), why_slow, ANOTHER)
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
            ANOTHER,
        ),
        DnsAnswer::Failed(failure) => {
            Check::unknown("dns_txt", failure.to_string(), why_txt, ANOTHER)
        }
    };
    vec![honest, pace.advised(), txt.advised()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filters_answer_is_told_from_an_honest_one() {
        let ttl = Duration::from_secs(60);
        let address = |ip: &str| DnsAnswer::Records {
            records: vec![Record::Address(ip.parse().unwrap())],
            ttl,
        };
        let failed = |failure| DnsAnswer::Failed(failure);
        for (answer, is_filtered) in [
            (address("0.0.0.0"), true),
            (address("127.0.0.1"), true),
            (address("::"), true),
            (address("11.0.0.1"), false),
            (failed(DnsFailure::Unproven(Unproven::NoAddress)), true),
            (failed(DnsFailure::Unproven(Unproven::NoSuchName)), true),
            (failed(DnsFailure::Timeout), false),
            (DnsAnswer::NoSuchName { ttl }, false),
        ] {
            assert_eq!(is_a_filters(&answer), is_filtered, "{answer:?}");
        }
    }
}
