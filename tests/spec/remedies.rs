//! What preflight tells people to publish does no harm, whatever stands in DNS now.

use presend::preflight::auth::dmarc::{DmarcFault, DmarcRecord, read_record};
use presend::preflight::check::Status;
use presend::preflight::render::report::Preflight;
use proptest::prelude::*;

use crate::preflight::{Port, args, preflight};

const PUBLISH: &str = "Publish this TXT record at ";

/// The records that are recommended for a name.
fn recommended(preflight: &Preflight, name: &str) -> Vec<String> {
    let checks = preflight.checks();
    let fixes = checks.iter().filter_map(|check| check.fix.as_deref());
    let records = fixes.flat_map(|fix| fix.split(PUBLISH).skip(1));
    records
        .filter_map(|told| {
            let (at, record) = told.split_once(": ")?;
            (at == name).then(|| record.to_owned())
        })
        .collect()
}

/// A world in which example.org has these records for SPF and DMARC.
fn zone(spf: &[String], dmarc: &str) -> String {
    let spf: String = spf
        .iter()
        .map(|record| format!("example.org TXT {record}\n"))
        .collect();
    format!(
        "example.org MX 10 mx.example.org
        mx.example.org A 192.0.2.20
        example.org A 192.0.2.21
        {spf}
        _spf.service.net TXT v=spf1 ip4:198.51.100.0/24 -all
        _spf.own.net TXT v=spf1 ip4:192.0.2.0/28 ~all
        _spf.open.net TXT v=spf1 +all
        _dmarc.example.org TXT {dmarc}
        10.2.0.192.in-addr.arpa PTR out.example.org
        out.example.org A 192.0.2.10"
    )
}

fn judged(spf: &[String], dmarc: &str, ips: &[&str]) -> Preflight {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut args = args();
    args.ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    args.sender_only = true;
    runtime.block_on(preflight(&zone(spf, dmarc), &args, Port::Open))
}

fn spf_terms() -> impl Strategy<Value = String> {
    let term = prop::sample::select(vec![
        "ip4:192.0.2.10",
        "ip4:192.0.2.11",
        "ip4:198.51.100.0/24",
        "ip4:0.0.0.0/0",
        "ip6:::/0",
        "a",
        "mx",
        "ptr",
        "-ip4:192.0.2.10",
        "~mx",
        "a:gone.example.org",
        "a:lost.example.org",
        "a:away.example.org",
        "exists:%{i}.list.example.org",
        "include:_spf.service.net",
        "include:_spf.own.net",
        "include:_spf.open.net",
        "include:nothing.example.org",
        "include:example.org",
        "redirect=_spf.own.net",
        "incl:slip",
        "all",
        "+all",
        "-all",
        "~all",
        "?all",
    ]);
    prop::collection::vec(term, 0..7).prop_map(|terms| format!("v=spf1 {}", terms.join(" ")))
}

fn dmarc_tags() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(vec![
        "p=none",
        "p=reject",
        "p=Quarantine",
        "p:reject",
        "p=rejct",
        "P=reject",
        "sp=none",
        "sp=reject",
        "sp=x",
        "pct=50",
        "pct=500",
        "adkim=s",
        "aspf=s",
        "aspf=z",
        "rua=mailto:dmarc@example.org",
        "rua=dmarc@example.org",
        "rua=mailto:a@example.org,mailto:b@example.org!10m",
        "ruf=mailto:f@example.org",
        "fo=1",
        "ri=3600",
        "nonsense",
        "x=1",
    ]);
    let separator = prop::sample::select(vec![";", "; ", " ; ", ";;", ","]);
    (prop::collection::vec((tag, separator), 0..7)).prop_map(|tags| {
        // Which of two contradicting tags was meant, nobody knows.
        let mut names = std::collections::BTreeSet::new();
        let name = |tag: &str| tag.split(['=', ':']).next().unwrap().to_lowercase();
        let tags: String = tags
            .iter()
            .filter(|(tag, _)| names.insert(name(tag)))
            .map(|(tag, separator)| format!("{separator}{tag}"))
            .collect();
        format!("v=DMARC1{tags}")
    })
}

/// What a policy asks for, reports aside.
fn wishes(record: &DmarcRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        record.policy,
        record.subdomain_policy,
        record.percent,
        record.dkim_alignment,
        record.spf_alignment,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn by_a_recommended_spf_record_all_named_senders_pass(
        records in prop::collection::vec(spf_terms(), 0..3),
        several in any::<bool>(),
    ) {
        let ips = if several { &["192.0.2.10", "198.51.100.7"][..] } else { &["192.0.2.10"] };
        let now = judged(&records, "v=DMARC1; p=none", ips);
        for record in recommended(&now, "example.org") {
            let then = judged(std::slice::from_ref(&record), "v=DMARC1; p=none", ips);
            for check in then.checks() {
                let is_lost = check.id == "spf_covers" && check.status != Status::Pass;
                prop_assert!(!is_lost, "{:?} -> {}: {}", records, record, check.value);
            }
        }
    }

    #[test]
    fn a_recommended_dmarc_record_asks_for_what_the_present_one_does(record in dmarc_tags()) {
        let now = judged(&["v=spf1 ip4:192.0.2.10 -all".to_owned()], &record, &["192.0.2.10"]);
        for mended in recommended(&now, "_dmarc.example.org") {
            let Ok(read) = read_record(mended.as_bytes()) else {
                return Err(TestCaseError::fail(format!("{record} -> {mended}")));
            };
            prop_assert!(read.mistakes.is_empty(), "{} -> {}", record, mended);
            for tag in ["sp=none", "sp=reject", "pct=50", "adkim=s", "aspf=s", "fo=1", "ri=3600"] {
                let name = tag.split('=').next().unwrap();
                let parts = || record.split(';').map(str::trim);
                let once = parts().filter(|part| part.starts_with(&format!("{name}="))).count() == 1;
                if once && parts().any(|part| part == tag) {
                    prop_assert!(mended.contains(tag), "{} -> {}", record, mended);
                }
            }
            // What a slip hides from receivers was meant, so it comes back.
            if let Ok(before) = read_record(record.as_bytes())
                && !record.contains(',')
                && !before.mistakes.contains(&DmarcFault::Policy)
            {
                prop_assert_eq!(wishes(&before), wishes(&read), "{} -> {}", record, mended);
            }
            let mut tags = record.split([';', ',', ' ']).filter(|tag| tag.to_lowercase().starts_with('p'));
            let first = tags.find(|tag| !tag.starts_with("pct"));
            let rejects = first.is_some_and(|tag| matches!(tag, "p=reject" | "P=reject" | "p:reject"));
            let is_read = read_record(record.as_bytes()).is_ok_and(|read| read.mistakes.is_empty());
            let is_read = is_read || record.contains(";p=") || record.contains("; p=") || record.contains(";P=");
            prop_assert!(is_read || !rejects || mended.contains("; p=reject"), "{} -> {}", record, mended);
        }
    }
}

#[test]
fn a_policy_that_passes_all_is_closed_around_the_named_senders() {
    for (record, ips, wanted) in [
        (
            "v=spf1 +all",
            &["192.0.2.10", "198.51.100.7"][..],
            "v=spf1 ip4:192.0.2.10 ip4:198.51.100.7 -all",
        ),
        (
            "v=spf1 ip4:0.0.0.0/0 include:_spf.service.net ~all",
            &["192.0.2.10"],
            "v=spf1 ip4:192.0.2.10 include:_spf.service.net ~all",
        ),
        (
            "v=spf1 a +all",
            &[],
            "v=spf1 ip4:YOUR.SENDING.ADDRESS a -all",
        ),
    ] {
        let told = recommended(
            &judged(&[record.to_owned()], "v=DMARC1; p=none", ips),
            "example.org",
        );
        assert!(told.iter().any(|told| told == wanted), "{record}: {told:?}");
    }
}
