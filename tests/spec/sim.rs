//! The simulated internet, visited by a client that is written out byte by byte.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use presend::route::{DnsAnswer, DnsFailure, Record, RecordKind};
use presend::world::sim::habits::Habits;
use presend::world::sim::{Breach, Internet, Outcome, Persona, Plan, Simulation, Truth};
use presend::world::{Wire, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

/// Longer than anything a host does on purpose, but for its own silence.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that knows nothing but what its test says.
struct Visitor {
    wire: Box<dyn Wire>,
    heard: Vec<u8>,
}

impl Visitor {
    async fn at(world: &World, address: IpAddr) -> Self {
        let wire = world
            .dial
            .connect(SocketAddr::new(address, 25), None)
            .await
            .expect("a connection");
        Visitor {
            wire,
            heard: Vec::new(),
        }
    }

    /// The next whole reply; what came before the end of the connection, if it ends; `(silence)` if nothing comes.
    async fn hear(&mut self) -> String {
        loop {
            let mut end = 0;
            for line in self.heard.split_inclusive(|byte| *byte == b'\n') {
                end += line.len();
                if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
                    let reply: Vec<u8> = self.heard.drain(..end).collect();
                    return String::from_utf8_lossy(&reply).into_owned();
                }
            }
            let mut chunk = [0; 1024];
            match timeout(PATIENCE, self.wire.read(&mut chunk)).await {
                Err(_) => return "(silence)".to_owned(),
                Ok(Ok(0) | Err(_)) => {
                    return String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
                        + "(end)";
                }
                Ok(Ok(count)) => self.heard.extend_from_slice(&chunk[..count]),
            }
        }
    }

    async fn say(&mut self, text: &str) {
        // A host that hung up already is what some tests are about.
        let _ = self.wire.write_all(text.as_bytes()).await;
    }

    async fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n")).await;
        self.hear().await
    }

    /// Up to an accepted MAIL.
    async fn begin(world: &World, address: IpAddr) -> Self {
        let mut visitor = Visitor::at(world, address).await;
        visitor.hear().await;
        visitor.ask("EHLO visitor.test").await;
        let reply = visitor.ask("MAIL FROM:<me@visitor.test>").await;
        assert!(reply.starts_with("250"), "{reply}");
        visitor
    }

    async fn rcpt(&mut self, local: &str) -> String {
        self.ask(&format!("RCPT TO:<{local}@host.test>")).await
    }
}

/// One host of the given habits at 192.0.2.2, which takes mail for `host.test` with one mailbox, `anna`.
fn with(habits: Habits) -> Simulation {
    let plan = Plan::default().host("mx.host.test", habits).domain(
        "host.test",
        &["mx.host.test"],
        &["anna", "bert"],
    );
    plan.build().start(1)
}

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn code(reply: &str) -> &str {
    reply.get(..3).unwrap_or(reply)
}

#[tokio::test(start_paused = true)]
async fn an_honest_host_accepts_its_people_and_refuses_strangers() {
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

    let seen = sim.witness.host("mx.host.test").expect("a host");
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
    assert_eq!(sim.witness.totals().datas, 2);
    assert_eq!(sim.witness.totals().breaches[&Breach::Data], 2);
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
    let seen = sim.witness.host("mx.host.test").expect("a host");
    assert_eq!(seen.flights, 1);
    assert!(seen.breaches.is_empty(), "{:?}", seen.breaches);
}

/// What a host of this persona answers to: EHLO, MAIL, RCPT for somebody who exists, for one who does not, for the
/// first again.
async fn interview(persona: Persona) -> Vec<String> {
    let sim = with(persona.habits());
    let to = SocketAddr::new(HOST, 25);
    let wire = match timeout(PATIENCE, sim.world.dial.connect(to, None)).await {
        Err(_) => return vec!["(no connection)".to_owned()],
        Ok(Err(error)) => return vec![format!("({})", error.kind())],
        Ok(Ok(wire)) => wire,
    };
    let mut visitor = Visitor {
        wire,
        heard: Vec::new(),
    };
    let mut answers = vec![visitor.hear().await];
    let lines = [
        "EHLO visitor.test",
        "MAIL FROM:<me@visitor.test>",
        "RCPT TO:<anna@host.test>",
        "RCPT TO:<zoe@host.test>",
        "RCPT TO:<anna@host.test>",
    ];
    for line in lines {
        if answers
            .last()
            .is_some_and(|last| last.ends_with("(end)") || last == "(silence)")
        {
            break;
        }
        answers.push(visitor.ask(line).await);
    }
    answers
        .iter()
        .map(|answer| {
            if answer.starts_with('(') {
                answer.clone()
            } else {
                code(answer).to_owned()
            }
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn personas_answer_as_their_kind_does() {
    let table: &[(Persona, &[&str])] = &[
        (Persona::Honest, &["220", "250", "250", "250", "550", "250"]),
        (
            Persona::Postfix,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (Persona::Exim, &["220", "250", "250", "250", "550", "250"]),
        (
            Persona::Exchange,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::Microsoft365,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (Persona::Icloud, &["220", "250", "250", "250", "550", "250"]),
        (Persona::Qmail, &["220", "250", "250", "250", "250", "250"]),
        (Persona::Yahoo, &["220", "250", "250", "250", "250", "250"]),
        (Persona::MailRu, &["220", "250", "250", "250", "250", "250"]),
        (
            Persona::AcceptsEveryone,
            &["220", "250", "250", "250", "250", "250"],
        ),
        (Persona::Google, &["220", "250", "530", "503", "503", "503"]),
        (
            Persona::RequiresTls,
            &["220", "250", "530", "503", "503", "503"],
        ),
        (
            Persona::Outlook,
            &["220", "250", "250", "250", "452", "452"],
        ),
        (
            Persona::OneRecipient,
            &["220", "250", "250", "250", "452", "452"],
        ),
        (Persona::Gmx, &["220", "250", "250", "250", "550", "(end)"]),
        (
            Persona::HangsUpAfterRefusal,
            &["220", "250", "250", "250", "550", "(end)"],
        ),
        (
            Persona::HangsUpInsteadOfRefusing,
            &["220", "250", "250", "250", "(end)"],
        ),
        (
            Persona::Proofpoint,
            &["220", "250", "250", "450", "450", "450"],
        ),
        (
            Persona::Mimecast,
            &["220", "250", "250", "451", "451", "451"],
        ),
        (
            Persona::Barracuda,
            &["220", "250", "250", "451", "451", "451"],
        ),
        (
            Persona::Greylisting,
            &["220", "250", "250", "450", "450", "450"],
        ),
        (
            Persona::GreylistingByVisitor,
            &["220", "250", "250", "450", "450", "450"],
        ),
        (
            Persona::SlowRecipients,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (Persona::Tarpit, &["220", "250", "250", "250", "550", "250"]),
        (
            Persona::SlowGreeter,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (Persona::Silent, &["(no connection)"]),
        (Persona::Closed, &["(connection refused)"]),
        (Persona::NeverGreets, &["(silence)"]),
        (Persona::HangsUp, &["(end)"]),
        (Persona::Busy, &["421", "(end)"]),
        (Persona::BlocksVisitor, &["554", "(end)"]),
        (
            Persona::BlocksSender,
            &["220", "250", "554", "503", "503", "503"],
        ),
        (
            Persona::NeedsSpf,
            &["220", "250", "550", "503", "503", "503"],
        ),
        (
            Persona::BlocksRecipients,
            &["220", "250", "250", "554", "554", "554"],
        ),
        (
            Persona::NoPipelining,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::ChokesOnPipelining,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (Persona::NoEhlo, &["220", "502", "503", "503", "503", "503"]),
        (Persona::HangsUpOnEhlo, &["220", "(end)"]),
        (
            Persona::RefusesHello,
            &["220", "550", "503", "503", "503", "503"],
        ),
        (
            Persona::SilentRecipients,
            &["220", "250", "250", "(silence)"],
        ),
        (
            Persona::ByteByByte,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::BareLineFeeds,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::FewRecipients,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::FewConnections,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::SaysItsLimits,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::OffersTls,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::BrokenTls,
            &["220", "250", "250", "250", "550", "250"],
        ),
        (
            Persona::RefusesNullSender,
            &["220", "250", "250", "250", "550", "250"],
        ),
    ];
    for (persona, expected) in table {
        assert_eq!(interview(*persona).await, *expected, "{persona:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_off_reply_ends_in_the_middle() {
    let sim = with(Persona::BreaksOff.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    let reply = visitor.rcpt("anna").await;
    assert_eq!(reply, "250 2.1(end)");
    sim.settle().await;
    assert_eq!(
        sim.witness.host("mx.host.test").expect("a host").questions[0].code,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn endless_replies_go_on_for_megabytes() {
    for persona in [Persona::EndlessLine, Persona::EndlessLines] {
        let sim = with(persona.habits());
        let mut visitor = Visitor::begin(&sim.world, HOST).await;
        visitor.say("RCPT TO:<anna@host.test>\r\n").await;
        let mut sink = Vec::new();
        let count = visitor.wire.read_to_end(&mut sink).await.expect("bytes");
        assert!(count > 1 << 20, "{persona:?}: {count}");
    }
}

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
    let seen = sim.witness.host("mx.host.test").expect("a host");
    assert_eq!((seen.refused_per_connection, seen.sent_away), (20, 1));
}

#[tokio::test(start_paused = true)]
async fn exim_refuses_even_its_own_after_too_many_strangers() {
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
        sim.witness.totals().breaches,
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
            sim.witness
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

const ZONES: &str = r#"
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
        [address.clone()]
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
    assert_eq!(
        sim.witness.dns()[&("host.test".to_owned(), RecordKind::Mx)],
        1
    );
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
    assert_eq!(sim.witness.strays()[&to.ip()], 1);
}

#[test]
fn mistakes_in_a_world_file_are_told_with_their_line() {
    let table = [
        ("start = \"yesterday\"", 1, "is no time"),
        ("\nnonsense = 1", 2, "unknown field `nonsense`"),
        (
            "[[host]]\nname = \"a.test\"\npersona = \"angry\"",
            3,
            "unknown variant `angry`",
        ),
        (
            "[[host]]\nname = \"a.test\"\ntarpit = \"soon\"",
            3,
            "is no duration",
        ),
        (
            "[[host]]\nname = \"a.test\"\nloss = 2.0",
            3,
            "from 0.0 to 1.0",
        ),
        (
            "[[host]]\nname = \"a.test\"\n[[host]]\nname = \"A.test\"",
            4,
            "described twice",
        ),
        (
            "[[host]]\nname = \"a.test\"\naddress = \"192.0.2.1\"\n[[host]]\nname = \"b.test\"\naddress = \"192.0.2.1\"",
            5,
            "belongs to `a.test`",
        ),
        (
            "[[domain]]\nname = [\"a.test\", \"a.test\"]",
            2,
            "described twice",
        ),
        (
            "[[domain]]\nname = \"a.test\"\nmx = [\"ten mx.test\"]",
            3,
            "is no mail host",
        ),
        (
            "[[domain]]\nname = \"a.test\"\nmailboxes = [\"x\"]\nfull = [\"X\"]",
            4,
            "in two lists",
        ),
        ("[[record]]\nname = \"a.test\"", 2, "exactly one of"),
        ("[[domain]]\nname = \"a b\"", 2, "is no domain name"),
        ("[[domain]\n", 1, ""),
    ];
    for (text, line, problem) in table {
        let error = Internet::from_toml(text, "w.toml").expect_err(text);
        assert_eq!(
            (error.file.as_str(), error.line),
            ("w.toml", line),
            "{text}: {error}"
        );
        assert!(error.problem.contains(problem), "{text}: {error}");
    }
}

/// Everything heard in a conversation with jitter, loss and resets, with the time it took.
async fn replay(seed: u64) -> (String, Duration) {
    let text = format!("[network]\nloss = 0.1\nreset = 0.02\n{ZONES}");
    let sim = Internet::from_toml(&text, "zones.toml")
        .expect("a world")
        .start(seed);
    let begun = Instant::now();
    let mut heard = String::new();
    for _ in 0..10 {
        let mut visitor = Visitor::at(&sim.world, "192.0.2.10".parse().expect("an address")).await;
        heard += &visitor.hear().await;
        for line in [
            "EHLO v.test",
            "MAIL FROM:<>",
            "RCPT TO:<anna@host.test>",
            "RCPT TO:<zoe@host.test>",
            "QUIT",
        ] {
            heard += &visitor.ask(line).await;
        }
    }
    sim.settle().await;
    (
        heard + &format!("{:?}", sim.witness.hosts()),
        begun.elapsed(),
    )
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_run() {
    let (first, again, other) = (replay(1).await, replay(1).await, replay(2).await);
    assert_eq!(first, again);
    assert_ne!(first.1, other.1);
}
