//! What every host does (RFC 5321, RFC 2920).

use std::collections::BTreeMap;
use std::time::Duration;

use presend::sim::net::{Breach, Outcome, Persona};
use tokio::time::Instant;

use super::visitor::{HOST, Visitor, code, with};

#[tokio::test(start_paused = true)]
async fn an_honest_host_accepts_its_people_and_refuses_unknown_recipients() {
    let sim = with(Persona::Honest.habits());
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    assert_eq!(visitor.hear().await, "220 mx.host.test ESMTP Postfix\r\n");
    let hello = visitor.ask("EHLO visitor.test").await;
    assert_eq!(
        hello,
        "250-mx.host.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 36700160\r\n\
         250 ENHANCEDSTATUSCODES\r\n"
    );
    assert_eq!(code(&visitor.rcpt("anna").await), "503");
    assert_eq!(
        code(&visitor.ask("MAIL FROM:<me@visitor.test>").await),
        "250"
    );
    assert_eq!(
        code(&visitor.ask("MAIL FROM:<me@visitor.test>").await),
        "503"
    );
    assert_eq!(code(&visitor.rcpt("Anna").await), "250");
    assert!(
        visitor
            .rcpt("zoe")
            .await
            .starts_with("550 5.1.1 <zoe@host.test>")
    );
    assert_eq!(
        code(&visitor.ask("RCPT TO:<anna@elsewhere.test>").await),
        "554"
    );
    assert_eq!(code(&visitor.ask("VRFY anna").await), "252");
    assert_eq!(code(&visitor.ask("RSET").await), "250");
    assert_eq!(code(&visitor.ask("NOOP").await), "250");
    assert_eq!(code(&visitor.ask("HELP").await), "500");
    assert_eq!(code(&visitor.ask("QUIT").await), "221");
    assert_eq!(visitor.hear().await, "(end)");
    sim.settle().await;

    let seen = sim.log.host("mx.host.test").expect("a host");
    assert_eq!(
        (
            seen.attempts,
            seen.connections,
            seen.open,
            seen.open_at_most
        ),
        (1, 1, 0, 1)
    );
    assert_eq!(
        (seen.ehlos, seen.mails, seen.rsets, seen.noops, seen.vrfys),
        (1, 2, 1, 1, 1)
    );
    assert_eq!(
        (seen.quits, seen.hang_ups, seen.sent_away, seen.datas),
        (1, 0, 0, 0)
    );
    assert_eq!(seen.count(Outcome::Accepted), 1);
    assert_eq!(seen.count(Outcome::RefusedMailbox), 1);
    assert_eq!(seen.count(Outcome::RefusedOtherwise), 2);
    assert_eq!(
        (seen.recipients_per_connection, seen.refused_per_connection),
        (4, 3)
    );
    let breaches = [
        (Breach::OutOfOrder, 2),
        (Breach::Malformed, 1),
        (Breach::Misrouted, 1),
        (Breach::DomainsMixed, 1),
    ];
    assert_eq!(seen.breaches, BTreeMap::from(breaches));
    assert!(seen.names.contains("visitor.test") && seen.senders.contains("me@visitor.test"));
}

#[tokio::test(start_paused = true)]
async fn data_is_never_taken_and_always_counted() {
    let sim = with(Persona::Honest.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    assert_eq!(code(&visitor.ask("DATA").await), "503");
    visitor.rcpt("anna").await;
    assert_eq!(code(&visitor.ask("DATA").await), "451");
    assert_eq!(visitor.hear().await, "(end)");
    sim.settle().await;
    assert_eq!(sim.log.totals().datas, 2);
    assert_eq!(sim.log.totals().breaches[&Breach::Data], 2);
}

#[tokio::test(start_paused = true)]
async fn a_flight_is_answered_in_order_within_one_round_trip() {
    let sim = with(Persona::Honest.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    let begun = Instant::now();
    visitor.say("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<anna@host.test>\r\nRCPT TO:<zoe@host.test>\r\nQUIT\r\n").await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(visitor.hear().await[..3].to_owned());
    }
    assert_eq!(codes, ["250", "250", "250", "550", "221"]);
    assert!(
        begun.elapsed() <= Duration::from_millis(80),
        "{:?}",
        begun.elapsed()
    );
    sim.settle().await;
    let seen = sim.log.host("mx.host.test").expect("a host");
    assert_eq!(seen.flights, 1);
    assert!(seen.breaches.is_empty(), "{:?}", seen.breaches);
}
