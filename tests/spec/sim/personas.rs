//! What each kind of host does.

use std::net::SocketAddr;

use presend::sim::net::Persona;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::visitor::{HOST, PATIENCE, Visitor, code, with};

/// What a host of this persona answers to: EHLO, MAIL, RCPT for a recipient who exists, for one who does not, for the
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
        if answers.last().is_some_and(|last| last.ends_with(')')) {
            break;
        }
        answers.push(visitor.ask(line).await);
    }
    answers.iter().map(|answer| gist(answer)).collect()
}

/// The code of a reply, else what was odd about it.
fn gist(answer: &str) -> String {
    match (answer.find('('), code(answer)) {
        (Some(0), _) => answer.to_owned(),
        (Some(at), code) if answer.ends_with("(end)") && at < 12 => format!("{code}(end)"),
        (_, code) if code.bytes().all(|byte| byte.is_ascii_digit()) => code.to_owned(),
        (_, _) => "(garbage)".to_owned(),
    }
}

/// What [`interview`] hears, in the order of the kinds.
const HEARD: &[(Persona, &str)] = &[
    (Persona::Honest, "220 250 250 250 550 250"),
    (Persona::Postfix, "220 250 250 250 550 250"),
    (Persona::Exim, "220 250 250 250 550 250"),
    (Persona::Exchange, "220 250 250 250 550 250"),
    (Persona::Microsoft365, "220 250 250 250 550 250"),
    (Persona::Icloud, "220 250 250 250 550 250"),
    (Persona::Qmail, "220 250 250 250 250 250"),
    (Persona::Yahoo, "220 250 250 250 250 250"),
    (Persona::MailRu, "220 250 250 250 250 250"),
    (Persona::AcceptsEveryone, "220 250 250 250 250 250"),
    (Persona::Google, "220 250 530 503 503 503"),
    (Persona::RequiresTls, "220 250 530 503 503 503"),
    (Persona::Outlook, "220 250 250 250 452 452"),
    (Persona::OneRecipient, "220 250 250 250 452 452"),
    (Persona::Gmx, "220 250 250 250 550 (end)"),
    (Persona::HangsUpAfterRefusal, "220 250 250 250 550 (end)"),
    (Persona::HangsUpInsteadOfRefusing, "220 250 250 250 (end)"),
    (Persona::Proofpoint, "220 250 250 450 450 450"),
    (Persona::Mimecast, "220 250 250 451 451 451"),
    (Persona::Barracuda, "220 250 250 451 451 451"),
    (Persona::Greylisting, "220 250 250 450 450 450"),
    (Persona::GreylistingByVisitor, "220 250 250 450 450 450"),
    (Persona::SlowRecipients, "220 250 250 250 550 250"),
    (Persona::Tarpit, "220 250 250 250 550 250"),
    (Persona::SlowGreeter, "220 250 250 250 550 250"),
    (Persona::Silent, "(no connection)"),
    (Persona::Closed, "(connection refused)"),
    (Persona::NeverGreets, "(silence)"),
    (Persona::HangsUp, "(end)"),
    (Persona::Busy, "421 (end)"),
    (Persona::BlocksVisitor, "554 (end)"),
    (Persona::TakesNoMail, "521 (end)"),
    (Persona::CallsBlocksNoMail, "521 (end)"),
    (Persona::TakesNoMailForDomains, "220 250 250 556 556 556"),
    (Persona::ConfirmsNobody, "220 250 250 252 252 252"),
    (Persona::BlocksSender, "220 250 554 503 503 503"),
    (Persona::NeedsSpf, "220 250 550 503 503 503"),
    (Persona::BlocksRecipients, "220 250 250 554 554 554"),
    (Persona::NoPipelining, "220 250 250 250 550 250"),
    (Persona::ChokesOnPipelining, "220 250 250 250 550 250"),
    (Persona::NoEhlo, "220 502 503 503 503 503"),
    (Persona::HangsUpOnEhlo, "220 (end)"),
    (Persona::RefusesHello, "220 550 503 503 503 503"),
    (Persona::SilentRecipients, "220 250 250 (silence)"),
    (Persona::ByteByByte, "220 250 250 250 550 250"),
    (Persona::BareLineFeeds, "220 250 250 250 550 250"),
    (Persona::FewRecipients, "220 250 250 250 550 250"),
    (Persona::FewConnections, "220 250 250 250 550 250"),
    (Persona::SaysItsLimits, "220 250 250 250 550 250"),
    (Persona::OffersTls, "220 250 250 250 550 250"),
    (Persona::BrokenTls, "220 250 250 250 550 250"),
    (Persona::RefusesNullSender, "220 250 250 250 550 250"),
    (Persona::PunishesPipelining, "220 250 250 250 550 250"),
    (Persona::BreaksOff, "220 250 250 250(end)"),
    (
        Persona::Garbage,
        "220 250 250 (garbage) (garbage) (garbage)",
    ),
    (Persona::GreetsWithGarbage, "(garbage) (garbage) (end)"),
    (Persona::EndlessLine, "220 250 250 (endless)"),
    (Persona::EndlessLines, "220 250 250 (endless)"),
    (Persona::HarvestAcceptsAll, "220 250 250 250 550 250"),
    (Persona::HarvestRefusesAll, "220 250 250 250 550 250"),
    (Persona::HarvestBlocks, "220 250 250 250 550 250"),
    (Persona::RateLimited, "220 250 250 250 550 450"),
    (Persona::TentativeRefuser, "220 250 250 250 450 250"),
    (Persona::Yandex, "220 250 250 250 550 250"),
    (Persona::Proton, "220 250 250 250 550 250"),
    (Persona::Zoho, "220 250 250 250 550 250"),
    (Persona::Qq, "220 250 250 250 550 250"),
    (Persona::Comcast, "220 250 530 503 503 503"),
    (Persona::Orange, "220 250 530 503 503 503"),
    (Persona::Rackspace, "220 250 250 250 550 250"),
    (Persona::Rambler, "220 250 250 250 550 250"),
    (Persona::Symantec, "220 250 250 250 550 250"),
    (Persona::TrendMicro, "220 250 250 250 554 250"),
    (Persona::ZeroSpam, "220 250 250 450 450 450"),
    (Persona::Tdc, "220 250 250 250 550 250"),
    (Persona::FreeFr, "220 250 250 250 550 250"),
    (Persona::TlsHangsUp, "220 250 250 250 550 250"),
    (Persona::RequiresBrokenTls, "220 250 530 503 503 503"),
    (Persona::LongLine, "220 250 250 250 550 250"),
    (Persona::ManyLines, "220 250 250 250 550 250"),
    (Persona::RefusesTwice, "220 250 250 250 550 550"),
    (Persona::RefusesTwiceLate, "220 250 250 250 550 550"),
    (Persona::AcceptsTwice, "220 250 250 250 250 550"),
    (Persona::AnswersMailTwice, "220 250 250 250 250 550"),
    (Persona::AnswersHelloTwice, "220 250 250 250 250 550"),
    (Persona::GreetsTwice, "220 220 250 250 250 550"),
    (Persona::GreetsTwiceLate, "220 250 250 250 250 550"),
    (Persona::SpeaksAfterHandshake, "220 250 250 250 550 250"),
    (Persona::ResetsTwice, "220 250 250 250 550 250"),
    (Persona::ForgetsRefusals, "220 250 250 250 (silence)"),
    (Persona::MergesReplies, "220 250 250 250 (silence)"),
    (Persona::RefusesTwiceOnce, "220 250 250 250 550 550"),
    (Persona::Postgrey, "220 250 250 450 450 450"),
    (Persona::Postscreen, "220 250 250 450 450 450"),
    (Persona::AcceptsAfterRefusals, "220 250 250 250 550 250"),
    (Persona::ThreeErrors, "220 250 250 250 550 250"),
    (Persona::OneConnection, "220 250 250 250 550 250"),
    (Persona::HangsUpAtRecipients, "220 250 250 (end)"),
    (Persona::RefusesInOwnWords, "220 250 250 250 554 250"),
];

#[tokio::test(start_paused = true)]
async fn personas_answer_as_their_kind_does() {
    let mut wrong = Vec::new();
    for persona in Persona::ALL {
        let expected = HEARD
            .iter()
            .find(|(kind, _)| kind == persona)
            .map(|(_, heard)| *heard);
        let heard = interview(*persona).await.join(" ");
        if expected != Some(heard.as_str()) {
            wrong.push(format!("(Persona::{persona:?}, {heard:?}),"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_broken_off_reply_ends_in_the_middle() {
    let sim = with(Persona::BreaksOff.habits());
    let mut visitor = Visitor::begin(&sim.world, HOST).await;
    let reply = visitor.rcpt("anna").await;
    assert_eq!(reply, "250 2.1(end)");
    sim.settle().await;
    assert_eq!(
        sim.log.host("mx.host.test").expect("a host").questions[0].code,
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
