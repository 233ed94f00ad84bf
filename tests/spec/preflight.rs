//! Preflight: each kind of brokenness is named, with its fix, and nothing else is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use presend::cli::preflight::{Machine, PreflightArgs, look};
use presend::model::provider::Providers;
use presend::model::timestamp::Timestamp;
use presend::net::origin::Origin;
use presend::net::route::Reach;
use presend::net::{Clock, Connector, Later, Stream, World};
use presend::preflight::auth::dkim::{Key, KeyFault, KeyKind, KeyRecord, read_key};
use presend::preflight::auth::dmarc::{
    Alignment, DmarcFault, Policy, aligns, read_record, report_domain, rewritten,
};
use presend::preflight::auth::tags::TagFault;
use presend::preflight::check::{Check, Fitness, Status, Weight};
use presend::preflight::machine::start::{self, Depth, Start, Starting, Surroundings};
use presend::preflight::render::html;
use presend::preflight::render::report::Preflight;
use presend::preflight::render::screen;
use presend::preflight::render::screen::Style;
use proptest::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::zone::Zone;

// Public keys made for these tests; their other halves are gone.
const RSA_2048: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwg5mWJLT5QTPSidMNRUA+nC7JmV+k4wCpMBIqJizovfwdgvQWN8mGSFWVz7DTgTFeZGB9K3xU9ikzIJgrqyTank7g2Y0ZRsw8488osq+aGzCxlyPwBXVAMz60zT1j3yecnAUjBCQV65pnVptmUQcVpBe3LjWHxRWbPC8EI/UhMp2SiNKfgXYqIZ+uvb9eOm+i22gMwJEttEN7Bb4wrQkpGT5jR3sHzRbiqXh3+okB4QKgxRCBlFFb2qIizJsaYl5tYdiBJAb8DIBGOZsXTEZX3g7wWeP1jqueDcS8a/8CdZXVJThlCndEC8Yxf/NWZ2dmWBwHSjzChRBDArJIEaxSQIDAQAB";
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUPyoQ3SnZcGiwkYRdJp8ZjS4nYgJXMnt1ZTcWnDBTE8GAsCdt5nVvbj4ROg93Kh3P9AFRqils38obOX8gKx5A5J0CxWY+0MuPAJdZtYBhDKukgKEnQWLhqwpGTum+C4f3A6UOLW1z6BuwIL/SCTAdWu2V0hN2MuwbCIhBvrybfQIDAQAB";
const RSA_512: &str = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALqZou4Ixt3RPxxrOk40RoXiSQ7q1oX/EAgysb3Z60IZeAmKMeP9sYZILzYjVU011TpehoKS+qZ/PWtjcHqkNF0CAwEAAQ==";
const RSA_2048_BARE: &str = "MIIBCgKCAQEA4QGp7H3hG5gNPpd1taU8NNlV8hMNTYroLm0hX2alnS5ccQ7EqI2LN3z+YqHUMqh0aj2il/+Pb0CPGF8t/ueQrOEljqm6RJwXKramw/KAq/2fhfLbAZHdd9DjTUMmZlXrtibwmwX5slQ9t3tmCOBQE4RfzGIcHQl4d/qidRWoNyq08d4PuT5umwpKX/45QLkgjefK7ienRiDolZYoTsv9VbQVYdc9DvTUceVhdPxb6OqdrnATPnIx5/CEoYGcoDtg2xZQlpSc0KkXmop77dnnI0Nt07PoOvGw7iY7TtP3Y19wehxvazRVORHf7iA7nWryRHOWLhE27u/W0MJncY0bswIDAQAB";
const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A sender with nothing wrong, and the mail hosts and lists it meets.
fn sound() -> String {
    format!(
        "example.org MX 10 mx.example.org
        mx.example.org A 192.0.2.20
        example.org TXT v=spf1 ip4:192.0.2.10 include:_spf.service.net -all
        _spf.service.net TXT v=spf1 ip4:198.51.100.0/24 -all
        s1._domainkey.example.org TXT v=DKIM1; k=rsa; p={RSA_2048}
        _dmarc.example.org TXT v=DMARC1; p=reject; rua=mailto:dmarc@example.org
        10.2.0.192.in-addr.arpa PTR out.example.org
        out.example.org A 192.0.2.10
        gmail.com MX 5 mx.google.test
        gmail.com TXT v=spf1 redirect=_spf.google.com
        mx.google.test A 192.0.2.30
        {}",
        lists()
    )
}

/// Every blocklist, at work, with nobody of ours on it.
fn lists() -> String {
    let addresses = [
        "zen.spamhaus.org",
        "bl.spamcop.net",
        "b.barracudacentral.org",
        "psbl.surriel.com",
    ];
    let domains = [
        ("dbltest.com", "dbl.spamhaus.org", "127.0.1.2"),
        (
            "surbl-org-permanent-test-point.com",
            "multi.surbl.org",
            "127.0.0.126",
        ),
        ("test.uribl.com", "multi.uribl.com", "127.0.0.14"),
    ];
    let addresses = addresses.map(|zone| format!("2.0.0.127.{zone} A 127.0.0.2\n"));
    let domains = domains.map(|(test, zone, answer)| format!("{test}.{zone} A {answer}\n"));
    addresses.concat() + &domains.concat()
}

/// How the hosts of a test world behave when connected to.
#[derive(Clone, Copy)]
pub(crate) enum Port {
    Open,
    Closed,
    Captured,
    /// Connects, then says nothing.
    Mute,
    /// Sends bytes without end.
    Endless,
}

struct Hosts(Port);

impl Connector for Hosts {
    fn connect(
        &self,
        to: SocketAddr,
        _from: Option<IpAddr>,
    ) -> Later<'_, io::Result<Box<dyn Stream>>> {
        let port = self.0;
        let nobody = to.ip() == "198.19.255.254".parse::<IpAddr>().unwrap();
        Box::pin(async move {
            let banner = match port {
                Port::Closed => std::future::pending().await,
                Port::Open | Port::Mute | Port::Endless if nobody => std::future::pending().await,
                Port::Open => format!("220 {} ESMTP\r\n", to.ip()),
                Port::Captured => "220 filter ESMTP\r\n".to_owned(),
                Port::Mute => String::new(),
                Port::Endless => "250-more\r\n".repeat(10_000),
            };
            let (near, far) = tokio::io::duplex(1024);
            tokio::spawn(serve(far, banner));
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

async fn serve(far: tokio::io::DuplexStream, banner: String) {
    let (read, mut write) = tokio::io::split(far);
    let mut lines = BufReader::new(read).lines();
    if write.write_all(banner.as_bytes()).await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        assert!(
            line.starts_with("EHLO ") || line == "QUIT" || line == "STARTTLS",
            "a preflight said: {line}"
        );
        let reply: &[u8] = match line.as_str() {
            "QUIT" => b"221 bye\r\n",
            "STARTTLS" => b"454 no certificate\r\n",
            _ => b"250-mx Hello [192.0.2.10]\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
        };
        if write.write_all(reply).await.is_err() {
            return;
        }
    }
}

pub(crate) fn args() -> PreflightArgs {
    PreflightArgs {
        domain: Some("example.org".to_owned()),
        ips: vec!["192.0.2.10".parse().unwrap()],
        selectors: vec!["s1".to_owned()],
        mail_from: None,
        helo: Some("out.example.org".to_owned()),
        volume: None,
        list: None,
        column: None,
        source_ips: Vec::new(),
        sender_only: false,
        json: false,
        html: None,
        world: None,
        dns: Vec::new(),
        smtp_port: 25,
        allow_private: true,
    }
}

fn world(zone: &str, port: Port) -> World {
    World {
        names: Arc::new(Zone::new(zone)),
        dial: Arc::new(Hosts(port)),
        clock: Clock::starting_at(Timestamp::from_millis(1_780_000_000_000)),
        seed: 7,
    }
}

pub(crate) async fn preflight(zone: &str, args: &PreflightArgs, port: Port) -> Preflight {
    let machine = Machine {
        sources: vec!["192.0.2.10".parse().unwrap()],
        open_files: Some(65_536),
        ..Machine::default()
    };
    look(args, &world(zone, port), &machine, None).await
}

/// The checks that fail, by name; but for encryption, which the hosts of these worlds cannot do (those of
/// `tests/scenarios/preflight` can).
fn failures(preflight: &Preflight) -> Vec<&'static str> {
    let failed = preflight
        .checks()
        .into_iter()
        .filter(|check| check.status == Status::Fail && check.id != "mx_tls");
    let mut ids: Vec<&str> = failed.map(|check| check.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn find<'a>(preflight: &'a Preflight, id: &str, status: Status) -> &'a Check {
    let checks = preflight.checks();
    let found = checks
        .iter()
        .find(|check| check.id == id && check.status == status);
    found.unwrap_or_else(|| panic!("no {status:?} {id} among {checks:#?}"))
}

/// The sound world with one line replaced (by what may be several), judged.
async fn broken(from: &str, to: &str) -> Preflight {
    let zone = sound();
    assert!(zone.contains(from), "{from}");
    preflight(&zone.replace(from, to), &args(), Port::Open).await
}

#[tokio::test(start_paused = true)]
async fn a_sound_sender_on_a_sound_machine_is_fit_and_nothing_fails() {
    let preflight = preflight(&sound(), &args(), Port::Open).await;
    assert_eq!(failures(&preflight), Vec::<&str>::new());
    assert_eq!(preflight.fitness(), Fitness::Fit);
    let json = preflight.to_json();
    assert_eq!(json["spf"]["result"], "pass");
    assert_eq!(json["spf"]["lookups"], 1);
    assert_eq!(json["spf"]["void_lookups"], 0);
    assert_eq!(json["dkim"]["selectors"][0]["key"]["bits"], 2048);
    assert_eq!(json["dmarc"]["record"]["policy"], "reject");
    assert_eq!(json["machine"]["port_25"], "open");
    assert_eq!(json["machine"]["public_address"], "192.0.2.10");
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[tokio::test(start_paused = true)]
async fn each_kind_of_brokenness_names_exactly_itself_with_its_fix() {
    let spf = "v=spf1 ip4:192.0.2.10 include:_spf.service.net -all";
    let key = format!("p={RSA_2048}");
    let cases: &[(&str, &str, &[&str], &str, &str)] = &[
        // what stands in the sound world, what instead, what fails, which check to look at, what its fix holds
        (
            "example.org TXT v=spf1",
            "example.org TXT v=nothing",
            &["spf_record"],
            "spf_record",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 include:_spf.service.net -all",
            &["spf_covers"],
            "spf_covers",
            "v=spf1 ip4:192.0.2.10 include:_spf.service.net -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 incl:_spf.service.net -all",
            &["spf_covers", "spf_record"],
            "spf_record",
            "Correct",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 ~all\nexample.org TXT v=spf1 include:_spf.service.net -all",
            &["spf_covers", "spf_record"],
            "spf_record",
            "v=spf1 ip4:192.0.2.10 include:_spf.service.net ~all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 +all",
            &["spf_pass_all"],
            "spf_pass_all",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 include:gone.net -all",
            &["spf_record"],
            "spf_record",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 include:example.org -all",
            &["spf_record"],
            "spf_record",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 a:x1.net a:x2.net a:x3.net -all",
            &["spf_void_lookups"],
            "spf_void_lookups",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 ptr -all",
            &["spf_ptr"],
            "spf_ptr",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            spf,
            "v=spf1 ip4:192.0.2.10 -all a:out.example.org",
            &["spf_never_used"],
            "spf_never_used",
            "v=spf1 ip4:192.0.2.10 -all",
        ),
        (
            "s1._domainkey",
            "s2._domainkey",
            &["dkim_key"],
            "dkim_key",
            "s1._domainkey.example.org",
        ),
        (&key, "p=", &["dkim_key"], "dkim_key", "new key"),
        (&key, "p=MIIB", &["dkim_key"], "dkim_key", "new key"),
        (
            "v=DKIM1; k=rsa",
            "v=DKIM1; t=y; k=rsa",
            &["dkim_key"],
            "dkim_key",
            "t=y",
        ),
        (
            "_dmarc.example.org TXT",
            "_nothing.example.org TXT",
            &["dmarc_record"],
            "dmarc_record",
            "_dmarc.example.org: v=DMARC1; p=none",
        ),
        (
            "p=reject",
            "p=maybe",
            &["dmarc_record"],
            "dmarc_record",
            "v=DMARC1; p=none",
        ),
        (
            "; rua=mailto:dmarc@example.org",
            "",
            &["dmarc_reports"],
            "dmarc_reports",
            "rua=mailto:",
        ),
        (
            "dmarc@example.org",
            "dmarc@collector.net",
            &["dmarc_reports"],
            "dmarc_reports",
            "example.org._report._dmarc.collector.net: v=DMARC1",
        ),
        (
            "example.org MX 10 mx.example.org",
            "example.org MX 0 .",
            &["mx"],
            "mx",
            "MX record at example.org",
        ),
        (
            "10.2.0.192.in-addr.arpa PTR out.example.org\n",
            "\n",
            &["ptr"],
            "ptr",
            "PTR) to out.example.org",
        ),
        (
            "in-addr.arpa PTR out.example.org",
            "in-addr.arpa PTR wrong.example.org",
            &["fcrdns"],
            "fcrdns",
            "A record at wrong.example.org: 192.0.2.10",
        ),
        (
            "mx.google.test A 192.0.2.30",
            "10.2.0.192.zen.spamhaus.org A 127.0.0.3\nmx.google.test A 192.0.2.30",
            &["blocklist"],
            "blocklist",
            "check.spamhaus.org",
        ),
        (
            "mx.google.test A 192.0.2.30",
            "example.org.dbl.spamhaus.org A 127.0.1.2\nmx.google.test A 192.0.2.30",
            &["blocklist"],
            "blocklist",
            "check.spamhaus.org",
        ),
        (
            "mx.google.test A 192.0.2.30",
            "_mta-sts.example.org TXT v=STSv1\nmta-sts.example.org A 192.0.2.9\nmx.google.test A 192.0.2.30",
            &["mta_sts"],
            "mta_sts",
            "v=STSv1; id=",
        ),
        (
            "mx.google.test A 192.0.2.30",
            "*.com A 203.0.113.80\n*.net A 203.0.113.80\nmx.google.test A 192.0.2.30",
            &["dns_honest"],
            "dns_honest",
            "--dns",
        ),
    ];
    for (from, to, expected, id, fix) in cases {
        let preflight = broken(from, to).await;
        assert_eq!(failures(&preflight), *expected, "{to}");
        let check = find(&preflight, id, Status::Fail);
        let given = check.fix.as_deref().unwrap();
        assert!(given.contains(fix), "{to}: {given}");
        if check.weight == Weight::Required {
            assert_ne!(preflight.fitness(), Fitness::Fit, "{to}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_overgrown_policy_is_told_what_costs_most_and_what_would_fit() {
    let mut zone = sound().replace(
        "include:_spf.service.net",
        "include:big.net include:_spf.service.net",
    );
    let many: String = (0..10).map(|n| format!("include:i{n}.net ")).collect();
    zone += &format!("\nbig.net TXT v=spf1 {many}-all\n");
    for n in 0..10 {
        zone += &format!("i{n}.net TXT v=spf1 -all\n");
    }
    let preflight = preflight(&zone, &args(), Port::Open).await;
    assert_eq!(failures(&preflight), ["spf_lookups"]);
    let check = find(&preflight, "spf_lookups", Status::Fail);
    assert_eq!(check.value, "12 of 10");
    let fix = check.fix.as_deref().unwrap();
    assert!(fix.contains("include:big.net costs 11"), "{fix}");
    assert!(
        fix.contains("v=spf1 ip4:192.0.2.10 include:_spf.service.net -all"),
        "{fix}"
    );
    assert_eq!(check.required_by.len(), 3);
    assert_eq!(preflight.to_json()["spf"]["lookups"], 12);
    assert_eq!(preflight.fitness(), Fitness::NotFit);
    assert!(screen::render(&preflight, Style::Plain).contains("11  include:big.net"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_refuses_our_resolver_is_unknown_and_spoils_nothing() {
    let from = "2.0.0.127.zen.spamhaus.org A 127.0.0.2";
    let preflight = broken(from, "*.zen.spamhaus.org A 127.255.255.254").await;
    assert_eq!(failures(&preflight), Vec::<&str>::new());
    let check = find(&preflight, "blocklist", Status::Unknown);
    assert!(
        check.value.contains("does not serve your DNS resolver"),
        "{}",
        check.value
    );
    assert_eq!(preflight.fitness(), Fitness::Fit);
    let gone = broken(from, "").await;
    find(&gone, "blocklist", Status::Unknown);
    assert_eq!(gone.fitness(), Fitness::Fit);
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_is_said_in_three_seconds_and_leaves_the_sender_untold() {
    let started = tokio::time::Instant::now();
    let preflight = preflight(&sound(), &args(), Port::Closed).await;
    assert!(
        started.elapsed().as_millis() <= 3100,
        "{:?}",
        started.elapsed()
    );
    assert_eq!(failures(&preflight), ["port_25"]);
    let fix = find(&preflight, "port_25", Status::Fail)
        .fix
        .clone()
        .unwrap();
    assert!(fix.contains("--no-smtp"), "{fix}");
    assert_eq!(preflight.fitness(), Fitness::CouldNotTell);
    assert_eq!(preflight.to_json()["machine"]["can_ask"], false);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_answers_for_every_host_is_no_open_port() {
    let preflight = preflight(&sound(), &args(), Port::Captured).await;
    assert_eq!(failures(&preflight), ["port_25"]);
    let check = find(&preflight, "port_25", Status::Fail);
    assert!(
        check.value.contains("in place of the mail hosts"),
        "{}",
        check.value
    );
}

#[tokio::test(start_paused = true)]
async fn hosts_that_are_mute_or_never_stop_talking_end_within_the_bound() {
    for port in [Port::Mute, Port::Endless] {
        let started = tokio::time::Instant::now();
        let preflight = preflight(&sound(), &args(), port).await;
        assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
        assert_eq!(failures(&preflight), ["port_25"]);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_of_all_dns_ends_in_unknown_within_the_bound_and_accuses_nobody() {
    let silent = SilentNames;
    let mut world = world("", Port::Open);
    world.names = Arc::new(silent);
    let started = tokio::time::Instant::now();
    let preflight = look(&args(), &world, &Machine::default(), None).await;
    assert!(
        started.elapsed() <= 2 * presend::model::limits::PREFLIGHT_WAIT,
        "{:?}",
        started.elapsed()
    );
    let accused: Vec<&str> = failures(&preflight)
        .into_iter()
        .filter(|id| *id != "dns_speed")
        .collect();
    assert_eq!(accused, Vec::<&str>::new());
    assert_eq!(preflight.fitness(), Fitness::CouldNotTell);
}

struct SilentNames;

impl presend::net::Resolver for SilentNames {
    fn query<'a>(
        &'a self,
        _name: &'a str,
        _kind: presend::net::route::RecordKind,
    ) -> Later<'a, presend::net::route::DnsAnswer> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_selector_the_common_ones_are_tried_and_finding_none_is_unknown() {
    let mut args = args();
    args.selectors.clear();
    let found = preflight(&sound(), &args, Port::Open).await;
    assert!(
        find(&found, "dkim_key", Status::Pass)
            .value
            .starts_with("s1: RSA, 2048")
    );
    let none = preflight(
        &sound().replace("s1._domainkey", "odd._domainkey"),
        &args,
        Port::Open,
    )
    .await;
    assert_eq!(failures(&none), Vec::<&str>::new());
    assert!(
        find(&none, "dkim_key", Status::Unknown)
            .fix
            .as_deref()
            .unwrap()
            .contains("--selector")
    );
    assert_eq!(none.fitness(), Fitness::CouldNotTell);
}

#[tokio::test(start_paused = true)]
async fn a_small_sender_is_fit_without_dmarc_and_a_large_one_is_not() {
    let zone = sound().replace("_dmarc.example.org TXT", "_nothing.example.org TXT");
    let mut args = args();
    args.volume = Some(200);
    assert_eq!(
        preflight(&zone, &args, Port::Open).await.fitness(),
        Fitness::Fit
    );
    args.volume = Some(5000);
    let large = preflight(&zone, &args, Port::Open).await;
    assert_eq!(large.fitness(), Fitness::NotFit);
    assert_eq!(large.warm_up.last().unwrap().messages, 5000);
    assert!(screen::render(&large, Style::Plain).contains("Gmail"));
}

#[tokio::test(start_paused = true)]
async fn mail_from_elsewhere_needs_dkim_to_align() {
    let mut args = args();
    args.mail_from = Some("bounce@service.net".to_owned());
    let zone =
        sound() + "service.net TXT v=spf1 ip4:192.0.2.10 -all\nservice.net MX 10 mx.example.org\n";
    let signed = preflight(&zone, &args, Port::Open).await;
    assert_eq!(failures(&signed), Vec::<&str>::new());
    let unsigned = preflight(
        &zone.replace("s1._domainkey", "x._domainkey"),
        &args,
        Port::Open,
    )
    .await;
    assert_eq!(failures(&unsigned), ["dkim_key", "dmarc_alignment"]);
    assert!(
        find(&unsigned, "dmarc_alignment", Status::Fail)
            .fix
            .as_deref()
            .unwrap()
            .contains("d=example.org")
    );
}

#[tokio::test(start_paused = true)]
async fn domains_that_cannot_be_are_judged_not_refused() {
    for domain in [
        "",
        "a..b",
        "[192.0.2.1]",
        "localhost",
        "b\u{fc}cher.example",
        &"x".repeat(70_000),
    ] {
        let mut args = args();
        args.domain = Some(domain.to_owned());
        let preflight = preflight(&sound(), &args, Port::Open).await;
        assert_eq!(preflight.to_json()["spf"]["result"], "none", "{domain:.40}");
        assert_eq!(preflight.fitness(), Fitness::NotFit, "{domain:.40}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_escapes_what_dns_says() {
    let preflight = broken(
        "v=spf1 ip4:192.0.2.10",
        "v=spf1 <script>alert(1)</script> ip4:192.0.2.10",
    )
    .await;
    let page = html::render(&preflight).unwrap();
    assert!(!page.contains("<script>"));
    assert!(page.contains("&lt;script&gt;"));
    assert!(
        !page.contains("http://") && !page.contains("src="),
        "the page needs nothing else"
    );
}

/// What each link on a page leads to.
fn links(page: &str) -> Vec<&str> {
    let links = page.split("href=\"#").skip(1);
    links.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_headline_of_the_page_points_at_what_is_on_it() {
    let preflight = broken("v=spf1 ip4:192.0.2.10", "v=spf1 +all ip4:192.0.2.10").await;
    assert_eq!(preflight.fitness(), Fitness::NotFit);
    let page = html::render(&preflight).unwrap();
    assert!(
        !page.contains("above") && !page.contains("&quot;Do:&quot;"),
        "nothing stands above the headline, and nothing is marked \"Do:\""
    );
    let failed = preflight
        .checks()
        .into_iter()
        .filter(|check| (check.status, check.weight) == (Status::Fail, Weight::Required))
        .count();
    assert!(
        page.contains(&format!("{failed} thing")),
        "{failed} to mend"
    );
    assert!(!links(&page).is_empty());
    for link in links(&page) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    // One look for all pages.
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_never_reach_the_terminal_raw() {
    let mut zone = sound();
    zone +=
        "_mta-sts.example.org TXT v=STSv1; id=\u{1b}[2J\nexample.org TXT v=spf1 \u{1b}]0;x\u{7}\n";
    let preflight = preflight(&zone, &args(), Port::Open).await;
    assert!(!screen::render(&preflight, Style::Plain).contains('\u{1b}'));
}

// ── Before a run ────────────────────────────────────────────────────────────────────────────────────────────────────

/// The look before a run over a list of `example.org`, on the internet.
async fn start(world: &World) -> Start {
    let (domains, sources) = (["example.org".to_owned()], ["192.0.2.10".parse().unwrap()]);
    let origins = [Origin {
        address: Some(sources[0]),
        hello: "out.example.org".parse().unwrap(),
    }];
    let starting = Starting {
        domains: &domains,
        helo: Some("out.example.org"),
        mail_from: Some("verify@example.org"),
        sources: &sources,
        origins: &origins,
        providers: &Providers::built_in(),
        port: 25,
        reach: Reach::PublicOrDocumentation,
        depth: Depth::MailHosts,
        surroundings: Surroundings::Internet,
    };
    start::look(world, &starting).await
}

#[tokio::test(start_paused = true)]
async fn a_run_may_start_when_one_host_opens_and_is_warned_of_what_else_is_amiss() {
    assert_eq!(
        start(&world(&sound(), Port::Open)).await,
        Start::Fit(Vec::new())
    );
    // A host that makes us wait for its greeting can be reached all the same.
    assert_eq!(
        start(&world(&sound(), Port::Mute)).await,
        Start::Fit(Vec::new())
    );
    let zone = sound().replace("10.2.0.192.in-addr.arpa PTR out.example.org\n", "\n");
    let Start::Fit(advice) = start(&world(&zone, Port::Open)).await else {
        panic!("a missing name forbids nothing");
    };
    let ids: Vec<&str> = advice.iter().map(|check| check.id).collect();
    assert_eq!(ids, ["ptr"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_would_come_to_nothing_is_stopped_in_seconds_for_its_reason() {
    let walled = sound().replace("gmail.com", "gmail.garden");
    let mut deaf = world("", Port::Open);
    deaf.names = Arc::new(SilentNames);
    for (world, reason) in [
        (world(&sound(), Port::Closed), "port_25"),
        (world(&sound(), Port::Captured), "port_25"),
        (world(&walled, Port::Open), "dns_honest"),
        (deaf, "dns"),
    ] {
        let started = tokio::time::Instant::now();
        let Start::CannotAsk(check) = start(&world).await else {
            panic!("a run started in spite of {reason}");
        };
        assert_eq!(check.id, reason);
        assert!(check.fix.is_some());
        let took = started.elapsed();
        assert!(took.as_millis() <= 6100, "{reason}: {took:?}");
    }
}

// ── DKIM: RFC 6376 §3.6.1, RFC 8301, RFC 8463 ───────────────────────────────────────────────────────────────────────

#[test]
fn dkim_s3_6_1_a_key_is_read_with_its_kind_size_and_flags() {
    let rsa = |bits| Key {
        kind: KeyKind::Rsa { bits },
        testing: false,
        exact_domain: false,
    };
    let spaced = format!("v=DKIM1; p={} \t{}", &RSA_2048[..40], &RSA_2048[40..]);
    for (record, key) in [
        (format!("v=DKIM1; k=rsa; p={RSA_2048}"), rsa(2048)),
        (format!("p={RSA_1024};"), rsa(1024)),
        (format!("v=DKIM1; n=old; p={RSA_512}"), rsa(512)),
        (format!("v=DKIM1; p={RSA_2048_BARE}"), rsa(2048)),
        (spaced, rsa(2048)),
        (
            format!("v=DKIM1; k=ed25519; p={ED25519}"),
            Key {
                kind: KeyKind::Ed25519,
                ..rsa(0)
            },
        ),
        (
            format!("v=DKIM1; t=s; h=sha1:sha256; s=email; p={RSA_2048}"),
            Key {
                exact_domain: true,
                ..rsa(2048)
            },
        ),
        (
            format!("v=DKIM1; t=y:s; p={RSA_2048}"),
            Key {
                testing: true,
                exact_domain: true,
                ..rsa(2048)
            },
        ),
    ] {
        assert_eq!(
            read_key(record.as_bytes()),
            Ok(KeyRecord::Key(key)),
            "{record}"
        );
    }
    assert_eq!(read_key(b"v=DKIM1; k=rsa; p="), Ok(KeyRecord::Revoked));
}

#[test]
fn dkim_s3_6_1_what_receivers_cannot_use_is_named() {
    for (record, fault) in [
        ("k=rsa".to_owned(), KeyFault::NoKey),
        (format!("v=DKIM2; p={RSA_2048}"), KeyFault::Version),
        (format!("k=rsa; v=DKIM1; p={RSA_2048}"), KeyFault::Version),
        (
            format!("v=DKIM1; k=dsa; p={RSA_2048}"),
            KeyFault::KeyType("dsa".into()),
        ),
        ("v=DKIM1; p=***".to_owned(), KeyFault::NotBase64),
        (format!("v=DKIM1; p={}", &RSA_2048[..100]), KeyFault::NotRsa),
        (
            format!("v=DKIM1; k=ed25519; p={RSA_1024}"),
            KeyFault::NotEd25519(162),
        ),
        (
            format!("v=DKIM1; s=tlsrpt; p={RSA_2048}"),
            KeyFault::NotForMail("tlsrpt".into()),
        ),
        (
            format!("v=DKIM1; h=sha1; p={RSA_2048}"),
            KeyFault::NoHash("sha1".into()),
        ),
        (
            format!("v=DKIM1; p={}", "A".repeat(60_000)),
            KeyFault::NotRsa,
        ),
    ] {
        assert_eq!(read_key(record.as_bytes()), Err(fault), "{record:.60}");
    }
}

// ── DMARC: RFC 7489 ─────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn dmarc_s6_3_defaults_and_values_are_as_the_rfc_says() {
    let plain = read_record(b"v=DMARC1; p=quarantine").unwrap();
    assert_eq!(
        (plain.policy, plain.subdomain_policy, plain.percent),
        (Policy::Quarantine, Policy::Quarantine, 100)
    );
    assert_eq!(
        (plain.dkim_alignment, plain.spf_alignment),
        (Alignment::Relaxed, Alignment::Relaxed)
    );
    let full = read_record(b"v=DMARC1;P=none;sp=reject;pct=20;adkim=s;aspf=r;rua=mailto:a@b.org!10m,mailto:c@d.org;x=y");
    let full = full.unwrap();
    assert_eq!(
        (full.subdomain_policy, full.percent, full.dkim_alignment),
        (Policy::Reject, 20, Alignment::Strict)
    );
    assert_eq!(full.reports, ["mailto:a@b.org!10m", "mailto:c@d.org"]);
    assert_eq!(report_domain(&full.reports[0]), Some("b.org"));
    for record in ["v=DMARC1", "v=DMARC1; p=all", "v=DMARC1; rua=dmarc@b.org"] {
        let read = read_record(record.as_bytes());
        assert_eq!(read, Err(DmarcFault::Policy), "{record}");
    }
}

#[test]
fn dmarc_s6_3_a_mistake_in_another_tag_leaves_the_policy_in_force() {
    let value = |tag, value: &str| DmarcFault::Value {
        tag,
        value: value.to_owned(),
    };
    let no_tag = |text: &str| DmarcFault::Tags(TagFault::NoTag(text.to_owned()));
    for (tags, mistake, mended) in [
        ("fo:0; adkim=s", no_tag("fo:0"), "fo=0; adkim=s"),
        ("pct=101; sp=none", value("pct", "101"), "sp=none"),
        ("adkim=x; aspf=s", value("adkim", "x"), "aspf=s"),
        ("sp=all; fo=1", value("sp", "all"), "fo=1"),
        ("rua=dmarc@b.org; fo=1", value("rua", "dmarc@b.org"), "fo=1"),
        (
            "rua=dmarc@b.org,mailto:d@b.org",
            value("rua", "dmarc@b.org"),
            "rua=mailto:d@b.org",
        ),
        ("hello; sp=none", no_tag("hello"), "sp=none"),
        (
            "sp=none; sp=reject",
            DmarcFault::Tags(TagFault::Twice("sp".to_owned())),
            "sp=none",
        ),
    ] {
        let record = format!("v=DMARC1; p=reject; {tags}");
        let read = read_record(record.as_bytes()).expect(&record);
        assert_eq!(read.policy, Policy::Reject, "{record}");
        assert_eq!(read.mistakes, [mistake], "{record}");
        let mended = format!("v=DMARC1; p=reject; {mended}");
        assert_eq!(rewritten(record.as_bytes(), None), mended);
        assert_eq!(read_record(mended.as_bytes()).unwrap().mistakes, []);
    }
}

#[test]
fn dmarc_s6_6_3_without_a_policy_the_address_for_reports_makes_one_of_none() {
    let read = read_record(b"v=DMARC1; rua=mailto:d@b.org").unwrap();
    assert_eq!(read.policy, Policy::None);
    assert_eq!(read.mistakes, [DmarcFault::Policy]);
}

#[test]
fn dmarc_s3_1_alignment_goes_by_the_organisational_domain_unless_strict() {
    for (one, other, relaxed, strict) in [
        ("example.org", "example.org", true, true),
        ("news.example.org", "bounce.example.org", true, false),
        ("example.co.uk", "other.co.uk", false, false),
        ("a.github.io", "b.github.io", false, false),
    ] {
        assert_eq!(
            aligns(Alignment::Relaxed, one, other),
            relaxed,
            "{one} {other}"
        );
        assert_eq!(
            aligns(Alignment::Strict, one, other),
            strict,
            "{one} {other}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dmarc_s6_6_3_a_subdomain_falls_back_to_its_organisation() {
    let mut args = args();
    args.domain = Some("news.example.org".to_owned());
    let zone = sound()
        .replace("example.org", "news.example.org")
        .replace("_dmarc.news.", "_dmarc.");
    let preflight = preflight(&zone, &args, Port::Open).await;
    assert_eq!(
        preflight.to_json()["dmarc"]["found_at"],
        "_dmarc.example.org"
    );
    assert_eq!(
        find(&preflight, "dmarc_record", Status::Pass).value,
        "p=reject at _dmarc.example.org"
    );
}

proptest! {
    #[test]
    fn any_bytes_of_a_key_or_policy_are_read_or_refused_but_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let _ = read_key(&bytes);
        if let Ok(record) = read_record(&bytes) {
            let mended = read_record(rewritten(&bytes, None).as_bytes()).unwrap();
            prop_assert_eq!(record.policy, mended.policy);
            prop_assert_eq!(record.reports, mended.reports);
        }
        let _ = presend::preflight::auth::der::rsa_bits(&bytes);
    }
}
