//! How hosts guard themselves against visitors.

use std::collections::BTreeMap;
use std::time::Duration;

use presend::sim::net::{Breach, Persona};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use super::visitor::{HOST, Visitor, code, with};

#[tokio::test(start_paused = true)]
async fn a_greylister_opens_when_the_wait_is_over_and_not_before() {
    let sim = with(Persona::Greylisting.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    assert!(
        visitor
            .rcpt("anna")
            .await
            .contains("Greylisted, please come back in 300 seconds")
    );
    drop(visitor);
    sleep(Duration::from_secs(290)).await;
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    assert_eq!(code(&visitor.rcpt("anna").await), "450");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(code(&visitor.rcpt("anna").await), "250");
    assert_eq!(
        code(&visitor.rcpt("bert").await),
        "450",
        "each recipient waits for itself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_greylister_by_address_knows_the_visitor_again() {
    let sim = with(Persona::GreylistingByVisitor.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    assert_eq!(code(&visitor.rcpt("anna").await), "450");
    sleep(Duration::from_secs(301)).await;
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    assert_eq!(code(&visitor.rcpt("bert").await), "250");
}

#[tokio::test(start_paused = true)]
async fn postfix_slows_down_after_ten_mistakes_and_leaves_after_twenty() {
    let sim = with(Persona::Postfix.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    let mut slow = 0;
    for count in 1..=20 {
        let begun = Instant::now();
        assert_eq!(code(&visitor.rcpt("zoe").await), "550", "{count}");
        slow += u32::from(begun.elapsed() >= Duration::from_secs(1));
    }
    assert_eq!(slow, 10);
    assert_eq!(
        visitor.hear().await,
        "421 4.7.0 mx.host.test Error: too many errors\r\n"
    );
    assert_eq!(visitor.hear().await, "(end)");
    sim.settle().await;
    let seen = sim.log.host("mx.host.test").expect("a host");
    assert_eq!((seen.refused_per_connection, seen.sent_away), (20, 1));
}

#[tokio::test(start_paused = true)]
async fn courier_keeps_silent_after_each_refusal_for_ever_longer() {
    let mut habits = Persona::Honest.habits();
    habits.sulks = Some(Duration::from_secs(4));
    let sim = with(habits);
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    let mut waits = Vec::new();
    for _ in 0..7 {
        let begun = Instant::now();
        assert_eq!(code(&visitor.rcpt("zoe").await), "550");
        waits.push(begun.elapsed().as_secs());
    }
    assert_eq!(waits, [0, 4, 8, 16, 32, 64, 64]);
    let begun = Instant::now();
    assert_eq!(code(&visitor.ask("QUIT").await), "221");
    assert_eq!(begun.elapsed().as_secs(), 64);
}

#[tokio::test(start_paused = true)]
async fn exim_refuses_even_its_own_after_too_many_unknown_recipients() {
    let sim = with(Persona::Exim.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    for _ in 0..10 {
        assert_eq!(visitor.rcpt("zoe").await, "550 No Such User Here\r\n");
    }
    assert_eq!(
        visitor.rcpt("anna").await,
        "550 Rejected for too many bad recipients\r\n"
    );
    visitor.ask("RSET").await;
    visitor.ask("MAIL FROM:<me@visitor.test>").await;
    assert_eq!(
        code(&visitor.rcpt("anna").await),
        "250",
        "each transaction is counted for itself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_fished_for_names_defends_itself_for_its_time() {
    let table = [
        (Persona::HarvestAcceptsAll, "250", "250"),
        (Persona::HarvestRefusesAll, "550", "550"),
    ];
    for (persona, known, unknown) in table {
        let sim = with(persona.habits());
        let mut visitor = Visitor::begin(&sim.world, HOST).await;
        for _ in 0..15 {
            assert_eq!(code(&visitor.rcpt("zoe").await), "550", "{persona:?}");
        }
        assert_eq!(code(&visitor.rcpt("anna").await), known, "{persona:?}");
        assert_eq!(code(&visitor.rcpt("zoe").await), unknown, "{persona:?}");
        sleep(Duration::from_secs(3601)).await;
        let mut visitor = Visitor::begin(&sim.world, HOST).await;
        assert_eq!(code(&visitor.rcpt("anna").await), "250", "{persona:?}");
        assert_eq!(code(&visitor.rcpt("zoe").await), "550", "{persona:?}");
    }
    let sim = with(Persona::HarvestBlocks.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    for _ in 0..15 {
        visitor.rcpt("zoe").await;
    }
    assert_eq!(code(&visitor.rcpt("anna").await), "421");
    assert_eq!(visitor.hear().await, "(end)");
    assert_eq!(
        code(&Visitor::at(&sim.world, HOST).await.hear().await),
        "421"
    );
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept_per_connection_per_visitor_per_second() {
    let sim = with(Persona::FewRecipients.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    for _ in 0..10 {
        assert_eq!(code(&visitor.rcpt("anna").await), "250");
    }
    assert_eq!(code(&visitor.rcpt("anna").await), "421");

    let sim = with(Persona::FewConnections.habits());
    let mut first = Visitor::at(&sim.world, HOST).await;
    let mut second = Visitor::at(&sim.world, HOST).await;
    let mut third = Visitor::at(&sim.world, HOST).await;
    let greetings = [first.hear().await, second.hear().await, third.hear().await];
    assert_eq!(
        greetings.each_ref().map(|greeting| code(greeting)),
        ["220", "220", "421"]
    );

    let sim = with(Persona::RateLimited.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    visitor.say(&"RCPT TO:<anna@host.test>\r\n".repeat(3)).await;
    let replies = [
        visitor.hear().await,
        visitor.hear().await,
        visitor.hear().await,
    ];
    assert_eq!(
        replies.each_ref().map(|reply| code(reply)),
        ["250", "250", "450"]
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!(code(&visitor.rcpt("anna").await), "250");
}

#[tokio::test(start_paused = true)]
async fn a_slow_greeter_sends_early_talkers_away() {
    let sim = with(Persona::SlowGreeter.habits());
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    visitor.say("EHLO visitor.test\r\n").await;
    assert_eq!(code(&visitor.hear().await), "521");
    assert_eq!(visitor.hear().await, "(end)");

    let begun = Instant::now();
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    assert_eq!(code(&visitor.hear().await), "220");
    assert!(begun.elapsed() >= Duration::from_secs(6));
    drop(visitor);
    sim.settle().await;
    assert_eq!(
        sim.log.totals().breaches,
        BTreeMap::from([(Breach::EarlyTalk, 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn commands_that_travel_together_uninvited_are_a_breach() {
    let table = [
        (Persona::NoPipelining, vec!["250", "250", "550"]),
        (Persona::PunishesPipelining, vec!["521", "(end)"]),
        (Persona::ChokesOnPipelining, vec!["250", "(silence)"]),
    ];
    for (persona, expected) in table {
        let sim = with(persona.habits());
        let mut visitor = Visitor::at(&sim.world, HOST).await;
        visitor.hear().await;
        visitor.ask("EHLO visitor.test").await;
        visitor
            .say("MAIL FROM:<>\r\nRCPT TO:<anna@host.test>\r\nRCPT TO:<zoe@host.test>\r\n")
            .await;
        for code in expected {
            assert!(visitor.hear().await.starts_with(code), "{persona:?} {code}");
        }
        let offered = persona == Persona::ChokesOnPipelining;
        assert_eq!(
            sim.log
                .totals()
                .breaches
                .contains_key(&Breach::UninvitedFlight),
            !offered,
            "{persona:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_without_ehlo_takes_helo() {
    let sim = with(Persona::NoEhlo.habits());
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    visitor.hear().await;
    assert_eq!(code(&visitor.ask("EHLO visitor.test").await), "502");
    assert_eq!(
        visitor.ask("HELO visitor.test").await,
        "250 mx.host.test\r\n"
    );
    assert_eq!(code(&visitor.ask("MAIL FROM:<>").await), "250");
}

#[tokio::test(start_paused = true)]
async fn broken_tls_is_offered_and_fails() {
    let sim = with(Persona::BrokenTls.habits());
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    visitor.hear().await;
    assert!(visitor.ask("EHLO visitor.test").await.contains("STARTTLS"));
    assert_eq!(code(&visitor.ask("STARTTLS").await), "220");
    visitor.say("\x16\x03\x01").await;
    let mut alert = Vec::new();
    visitor.wire.read_to_end(&mut alert).await.expect("bytes");
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 40]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_visitor_is_sent_away_so_that_every_run_ends() {
    let sim = with(Persona::NeverGreets.habits());
    let mut visitor = Visitor::at(&sim.world, HOST).await;
    let begun = Instant::now();
    let mut nothing = Vec::new();
    assert_eq!(
        visitor
            .wire
            .read_to_end(&mut nothing)
            .await
            .expect("an end"),
        0
    );
    assert_eq!(begun.elapsed().as_secs(), 300);
}
