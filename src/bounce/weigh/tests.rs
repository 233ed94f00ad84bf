//! The rules of weighing, as properties and as a table.

use proptest::prelude::*;

use super::*;

/// A statement with one reading.
fn says(reason: Reason, permanent: bool, grounds: Grounds) -> Statement {
    Statement {
        readings: vec![Interpretation {
            reading: Reading {
                reason,
                permanent,
                rule: "a rule".to_owned(),
            },
            why: String::new(),
        }],
        grounds,
        about: About::Recipient,
    }
}

fn given_up() -> BounceEvidence {
    BounceEvidence {
        recipient: Some("ann@garden.example".to_owned()),
        event: Event::GivenUp,
        ..BounceEvidence::default()
    }
}

fn claim(reason: Option<Reason>, permanent: Option<bool>) -> Claim {
    Claim {
        reason,
        permanent,
        ..Claim::default()
    }
}

fn reasons() -> impl Strategy<Value = Reason> {
    prop::sample::select(Reason::ALL)
}

fn grounds() -> impl Strategy<Value = Grounds> {
    prop::sample::select(vec![
        Grounds::Words,
        Grounds::Status,
        Grounds::LastWord,
        Grounds::Code,
    ])
}

fn statements() -> impl Strategy<Value = Statement> {
    (
        prop::collection::vec(reasons(), 1..4),
        any::<bool>(),
        grounds(),
        prop::sample::select(vec![About::Recipient, About::Sender, About::Another]),
    )
        .prop_map(|(reasons, permanent, grounds, about)| Statement {
            readings: reasons
                .into_iter()
                .flat_map(|reason| says(reason, permanent, grounds).readings)
                .collect(),
            grounds,
            about,
        })
}

fn claims() -> impl Strategy<Value = Claim> {
    (
        proptest::option::of(reasons()),
        proptest::option::of(any::<bool>()),
        any::<bool>(),
    )
        .prop_map(|(reason, permanent, documented)| Claim {
            platform: None,
            reason,
            permanent,
            documented: if documented {
                Documented::ForThisClass
            } else {
                Documented::InGeneral
            },
        })
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Unstated),
        Just(Event::GivenUp),
        Just(Event::StillTrying),
        Just(Event::Arrived),
        prop::sample::select(vec![
            "abuse",
            "not-spam",
            "auth-failure",
            "virus",
            "opt-out",
            ""
        ])
        .prop_map(|kind| Event::Feedback(kind.to_owned())),
        prop::sample::select(vec![
            Withholding::KnownDead,
            Withholding::Unsubscribed,
            Withholding::Undisclosed,
            Withholding::OwnChoice
        ])
        .prop_map(Event::Withheld),
    ]
}

prop_compose! {
    fn evidence()(
        event in events(),
        reply in proptest::option::of(statements()),
        reporter in proptest::option::of(statements()),
        platform in proptest::option::of(statements()),
        claim in proptest::option::of(claims()),
        prose in proptest::option::of(statements()),
        ambiguous in any::<bool>(),
    ) -> BounceEvidence {
        BounceEvidence {
            event, reply, reporter, platform, claim, prose,
            trust: if ambiguous { Trust::Ambiguous } else { Trust::Plain },
            ..given_up()
        }
    }
}

proptest! {
    #[test]
    fn a_verdict_never_contradicts_itself(evidence in evidence()) {
        let verdict = weigh(&evidence);
        if verdict.kind == Kind::Bounce && verdict.condemns {
            prop_assert!(verdict.permanent);
            prop_assert!(verdict.reason.is_some_and(Reason::may_reject));
            let mut reasons = verdict.readings.iter().map(|reading| reading.reading.reason);
            let dead = reasons.all(|reason| reason.may_reject() || reason == Reason::Suppressed);
            prop_assert!(dead);
        }
        prop_assert_eq!(
            verdict.reason,
            verdict.readings.first().map(|first| first.reading.reason)
        );
        prop_assert_eq!(&verdict.recipient, &evidence.recipient);
        prop_assert!(!verdict.because.is_empty());
    }

    /// Rule 1: what is said of another recipient condemns no address.
    #[test]
    fn what_is_said_of_another_recipient_condemns_no_address(
        statement in statements(),
        sender in any::<bool>(),
    ) {
        let evidence = BounceEvidence {
            reply: Some(Statement {
                about: if sender { About::Sender } else { About::Another },
                ..statement
            }),
            ..given_up()
        };
        prop_assert!(!weigh(&evidence).condemns);
    }

    /// Rule 2: a platform never outweighs a reply or a code that says why.
    #[test]
    fn a_platform_never_outweighs_a_reply_that_says_why(
        reply in statements(),
        claim in claims(),
        words in proptest::option::of(statements()),
    ) {
        prop_assume!(reply.grounds <= Grounds::Status);
        let alone = BounceEvidence { reply: Some(reply), ..given_up() };
        let with = BounceEvidence {
            claim: Some(Claim { permanent: claim.permanent.map(|_| true), ..claim }),
            platform: words,
            ..alone.clone()
        };
        prop_assert_eq!(weigh(&with), weigh(&alone));
    }

    /// Rule 2: bare "hard" beside a reply that nothing understands condemns no address.
    #[test]
    fn a_bare_hard_beside_an_unread_reply_condemns_nobody(permanent in any::<bool>()) {
        let evidence = BounceEvidence {
            reply: Some(says(Reason::Unread, permanent, Grounds::Code)),
            claim: Some(claim(None, Some(true))),
            ..given_up()
        };
        prop_assert!(!weigh(&evidence).condemns);
    }

    /// Rule 2: "soft" from any speaker keeps the address.
    #[test]
    fn soft_from_the_platform_keeps_the_address(evidence in evidence(), reason in proptest::option::of(reasons())) {
        let evidence = BounceEvidence {
            event: Event::GivenUp,
            claim: Some(claim(reason, Some(false))),
            ..evidence
        };
        let verdict = weigh(&evidence);
        let fact = verdict.readings.first().is_some_and(|first| {
            matches!(first.reading.reason, Reason::NullMx | Reason::NoSuchDomain)
        });
        prop_assert!(fact || !verdict.condemns);
    }

    /// Rule 2: what was not tried is no bounce, and counts against no address but as the platform's knowledge.
    #[test]
    fn what_was_not_tried_is_no_bounce(evidence in evidence()) {
        for (why, kind, condemns) in [
            (Withholding::KnownDead, Kind::Suppressed, true),
            (Withholding::Unsubscribed, Kind::Unsubscribed, false),
            (Withholding::Undisclosed, Kind::Suppressed, false),
            (Withholding::OwnChoice, Kind::Other, false),
        ] {
            let verdict = weigh(&BounceEvidence { event: Event::Withheld(why), ..evidence.clone() });
            prop_assert_eq!(verdict.kind, kind);
            prop_assert_eq!(verdict.condemns, condemns);
        }
    }

    /// Rule 4: where the provider's words can mean two things, they condemn no address.
    #[test]
    fn an_ambiguous_provider_condemns_nobody_as_unknown(grounds in grounds()) {
        let evidence = BounceEvidence {
            reply: Some(says(Reason::NoSuchMailbox, true, grounds)),
            trust: Trust::Ambiguous,
            ..given_up()
        };
        let verdict = weigh(&evidence);
        prop_assert!(!verdict.condemns && !verdict.permanent);
        prop_assert_eq!(action_after(&verdict.readings), AddressAction::Review);
    }

    /// Rule 4: a second meaning that keeps the address keeps it.
    #[test]
    fn a_second_meaning_keeps_the_address(other in reasons()) {
        prop_assume!(!other.may_reject() && other != Reason::Suppressed);
        let mut reply = says(Reason::NoSuchMailbox, true, Grounds::Words);
        reply.readings.extend(says(other, true, Grounds::Words).readings);
        let verdict = weigh(&BounceEvidence { reply: Some(reply), ..given_up() });
        prop_assert!(!verdict.condemns);
    }

    /// Rule 5: only a person's report of abuse is a complaint, whatever else stands beside it.
    #[test]
    fn feedback_that_is_no_complaint_condemns_nobody(
        evidence in evidence(),
        kind in prop::sample::select(vec![
            "not-spam", "Not-Spam", "auth-failure", "auth_failure", "virus", "dmarc", "miscategorized",
        ]),
    ) {
        let verdict = weigh(&BounceEvidence { event: Event::Feedback(kind.to_owned()), ..evidence });
        prop_assert_eq!(verdict.kind, Kind::Other);
        prop_assert!(!verdict.condemns);
    }

    /// Rule 6: what arrived, or is still under way, condemns no address.
    #[test]
    fn only_what_was_given_up_condemns(evidence in evidence()) {
        for event in [Event::Arrived, Event::StillTrying] {
            let verdict = weigh(&BounceEvidence { event, ..evidence.clone() });
            prop_assert!(!verdict.condemns);
        }
    }

    /// Beside a report that says something, help texts condemn no address.
    #[test]
    fn prose_beside_a_report_condemns_nobody(report in statements(), prose in statements()) {
        prop_assume!(report.grounds > Grounds::Status);
        let evidence = BounceEvidence {
            reporter: Some(report.clone()),
            prose: Some(Statement { grounds: Grounds::Words, ..prose }),
            ..given_up()
        };
        prop_assert!(!weigh(&evidence).condemns);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_first_speaker_that_says_why_gives_the_reason() {
    use Grounds::{Code, LastWord, Status, Words};
    use Reason::*;
    type Heard = Option<(Reason, Grounds)>;
    // Reply, reporter, the platform's words, its claim, prose; what comes out and whether it condemns.
    type Line = (
        Heard,
        Heard,
        Heard,
        Option<(Option<Reason>, bool)>,
        Heard,
        Reason,
        bool,
    );
    let table: &[Line] = &[
        (
            Some((NoSuchMailbox, Words)),
            None,
            None,
            None,
            None,
            NoSuchMailbox,
            true,
        ),
        (
            Some((SenderBlocked, Words)),
            Some((NoSuchMailbox, Status)),
            None,
            Some((None, true)),
            Some((NoSuchMailbox, Words)),
            SenderBlocked,
            false,
        ),
        (
            Some((SenderRefused, Status)),
            None,
            None,
            Some((Some(NoSuchMailbox), true)),
            None,
            SenderRefused,
            false,
        ),
        (
            Some((NoSuchMailbox, Words)),
            Some((Expired, LastWord)),
            None,
            None,
            None,
            NoSuchMailbox,
            true,
        ),
        (
            Some((Unread, Code)),
            Some((Expired, LastWord)),
            None,
            None,
            None,
            Expired,
            false,
        ),
        (
            None,
            Some((NoSuchMailbox, Status)),
            None,
            None,
            None,
            NoSuchMailbox,
            true,
        ),
        (
            None,
            Some((Unreachable, Words)),
            None,
            Some((None, true)),
            None,
            Unreachable,
            false,
        ),
        (
            None,
            None,
            Some((NoSuchMailbox, Words)),
            Some((None, true)),
            None,
            NoSuchMailbox,
            true,
        ),
        (
            None,
            None,
            Some((SenderRefused, Words)),
            Some((None, true)),
            None,
            SenderRefused,
            false,
        ),
        (
            None,
            None,
            None,
            Some((None, true)),
            None,
            NoSuchMailbox,
            true,
        ),
        (None, None, None, Some((None, false)), None, TryLater, false),
        (
            None,
            None,
            None,
            Some((Some(MailboxFull), false)),
            None,
            MailboxFull,
            false,
        ),
        (
            None,
            None,
            None,
            None,
            Some((NoSuchMailbox, Words)),
            NoSuchMailbox,
            true,
        ),
        (
            Some((Unread, Code)),
            None,
            None,
            None,
            Some((NoSuchMailbox, Words)),
            NoSuchMailbox,
            false,
        ),
        (
            Some((Unread, Code)),
            None,
            None,
            Some((None, true)),
            None,
            Unread,
            false,
        ),
    ];
    for (index, (reply, reporter, platform, claimed, prose, reason, condemns)) in
        table.iter().enumerate()
    {
        let heard =
            |heard: &Heard| heard.map(|(reason, grounds)| says(reason, reason != Expired, grounds));
        let verdict = weigh(&BounceEvidence {
            reply: heard(reply),
            reporter: heard(reporter),
            platform: heard(platform),
            claim: claimed.map(|(reason, permanent)| claim(reason, Some(permanent))),
            prose: heard(prose),
            ..given_up()
        });
        assert_eq!(
            (verdict.reason, verdict.condemns),
            (Some(*reason), *condemns),
            "line {index}: {verdict:?}"
        );
    }
}

#[test]
fn nothing_said_gives_no_reason() {
    let verdict = weigh(&given_up());
    assert_eq!((verdict.kind, verdict.reason), (Kind::Bounce, None));
    assert!(!verdict.condemns && verdict.confidence == Confidence::Doubtful);
}

#[test]
fn a_platform_that_knows_is_named() {
    let verdict = weigh(&BounceEvidence {
        event: Event::Withheld(Withholding::KnownDead),
        claim: Some(Claim {
            platform: Some("Amazon SES".to_owned()),
            ..Claim::default()
        }),
        ..given_up()
    });
    assert!(verdict.condemns && verdict.because.contains("Amazon SES"));
    assert_eq!(verdict.reason, Some(Reason::Suppressed));
}
