//! What DNS says, what is true of an address.

use std::net::SocketAddr;
use std::time::Duration;

use presend::net::World;
use presend::net::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use presend::sim::net::{Internet, Truth};
use tokio::time::Instant;

pub const ZONES: &str = r#"
[[host]]
name = "mx.host.test"
address = ["192.0.2.10", "2001:db8::10"]

[[domain]]
name = ["host.test", "münchen.test"]
mx = ["mx.host.test", "mx.gone.test", "15 10.0.0.1"]
txt = ["v=spf1 -all"]
mailboxes = ["anna"]
full = ["bert"]
disabled = ["carl"]
busy = ["dora"]
moved = { emil = "emil@new.test" }

[[domain]]
name = "null.test"
mx = ["."]

[[domain]]
name = "implicit.test"
address = "192.0.2.10"
unclaimed = "delivered"

[[domain]]
name = "late.test"
mx = ["mx.host.test"]
unclaimed = "bounced"

[[domain]]
name = "inward.test"
mx = ["inside.test"]

[[domain]]
name = "refused.test"
mx = ["mx.host.test"]
mailboxes = ["anna"]
service = "refused"

[[domain]]
name = "broken.test"
dns = "fails"

[[domain]]
name = "silent.test"
dns = "silent"

[[domain]]
name = "flaky.test"
mx = ["mx.host.test"]
mailboxes = ["anna"]
dns = "refuses"
dns_recovers_after = 2

[[host]]
name = "mx.dead.test"
door = "silent"

[[domain]]
name = "dead.test"
mx = ["mx.dead.test"]

[[record]]
name = "inside.test"
a = "10.0.0.5"

[[record]]
name = "www.alias.test"
cname = "host.test"
"#;

fn zones() -> Internet {
    Internet::from_toml(ZONES, "zones.toml").expect("a world")
}

async fn records(world: &World, name: &str, kind: RecordKind) -> Vec<Record> {
    match world.names.query(name, kind).await {
        DnsAnswer::Records { records, .. } => records,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn zones_answer_what_was_published() {
    let sim = zones().start(1);
    let world = &sim.world;
    let mx = |preference, exchange: &str| Record::Mx {
        preference,
        exchange: exchange.to_owned(),
    };
    let expected = [
        mx(10, "mx.host.test"),
        mx(20, "mx.gone.test"),
        mx(15, "10.0.0.1"),
    ];
    assert_eq!(records(world, "host.test", RecordKind::Mx).await, expected);
    assert_eq!(
        records(world, "xn--mnchen-3ya.test", RecordKind::Mx).await,
        expected
    );
    assert_eq!(
        records(world, "www.alias.test", RecordKind::Mx).await,
        expected
    );
    assert_eq!(
        records(world, "null.test", RecordKind::Mx).await,
        [mx(0, "")]
    );
    let address = Record::Address("192.0.2.10".parse().expect("an address"));
    assert_eq!(
        records(world, "mx.host.test", RecordKind::A).await,
        std::slice::from_ref(&address)
    );
    assert_eq!(
        records(world, "implicit.test", RecordKind::A).await,
        [address]
    );
    let name = Record::Ptr("mx.host.test".to_owned());
    assert_eq!(
        records(world, "10.2.0.192.in-addr.arpa", RecordKind::Ptr).await,
        [name]
    );
    let text = Record::Txt(vec![b"v=spf1 -all".to_vec()]);
    assert_eq!(records(world, "host.test", RecordKind::Txt).await, [text]);
    assert_eq!(sim.log.dns()[&("host.test".to_owned(), RecordKind::Mx)], 1);
}

#[tokio::test(start_paused = true)]
async fn kinds_of_no_are_kept_apart() {
    let world = zones().world(1);
    let query = |name, kind| world.names.query(name, kind);
    assert!(matches!(
        query("nowhere.test", RecordKind::Mx).await,
        DnsAnswer::NoSuchName { .. }
    ));
    assert!(matches!(
        query("mx.gone.test", RecordKind::A).await,
        DnsAnswer::NoSuchName { .. }
    ));
    assert!(matches!(
        query("implicit.test", RecordKind::Mx).await,
        DnsAnswer::NoRecords { .. }
    ));
    assert!(matches!(
        query("dead.test", RecordKind::A).await,
        DnsAnswer::NoRecords { .. }
    ));
    assert!(matches!(
        query("alias.test", RecordKind::A).await,
        DnsAnswer::NoRecords { .. }
    ));
    assert_eq!(
        query("broken.test", RecordKind::Mx).await,
        DnsAnswer::Failed(DnsFailure::ServerFailure)
    );
    let begun = Instant::now();
    assert_eq!(
        query("silent.test", RecordKind::Mx).await,
        DnsAnswer::Failed(DnsFailure::Timeout)
    );
    assert!(begun.elapsed() >= Duration::from_secs(6));
    for _ in 0..2 {
        assert_eq!(
            query("flaky.test", RecordKind::Mx).await,
            DnsAnswer::Failed(DnsFailure::Refused)
        );
    }
    assert!(matches!(
        query("flaky.test", RecordKind::Mx).await,
        DnsAnswer::Records { .. }
    ));
}

#[test]
fn the_truth_about_an_address_takes_the_whole_way_into_account() {
    let internet = zones();
    let table = [
        ("anna@host.test", Truth::Exists),
        ("ANNA@Host.Test", Truth::Exists),
        ("\"anna\"@host.test", Truth::Exists),
        ("anna@münchen.test", Truth::Exists),
        ("bert@host.test", Truth::Full),
        ("carl@host.test", Truth::Disabled),
        ("dora@host.test", Truth::Busy),
        ("emil@host.test", Truth::Moved),
        ("zoe@host.test", Truth::Missing),
        ("zoe@implicit.test", Truth::Exists),
        ("zoe@late.test", Truth::Missing),
        ("anna@refused.test", Truth::NoMailHost),
        ("anna@null.test", Truth::NoMailHost),
        ("anna@nowhere.test", Truth::NoSuchDomain),
        ("anna@broken.test", Truth::NamesBroken),
        ("anna@flaky.test", Truth::Exists),
        ("anna@dead.test", Truth::HostsDead),
        ("anna@inward.test", Truth::HostsDead),
    ];
    for (address, truth) in table {
        assert_eq!(internet.truth(address), truth, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_host_nobody_answers_and_it_is_counted() {
    let sim = zones().start(1);
    let to: SocketAddr = "10.0.0.5:25".parse().expect("an address");
    assert!(sim.world.dial.connect(to, None).await.is_err());
    assert_eq!(sim.log.strays()[&to.ip()], 1);
}
