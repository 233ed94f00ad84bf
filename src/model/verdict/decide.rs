//! From evidence to verdict: the one function that condemns or promises.

use super::{Evidence, Exchange, Finding, Standing, Verdict, Whom};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::stage::Stage;

/// What one answer about a recipient says of that recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It is accepted.
    Yes,
    /// It is accepted where every recipient is.
    YesToAll,
    /// It is taken, but the host says that it does not know whether it exists (252).
    Unconfirmed,
    /// It is refused for good, and the mailbox or its domain is to blame.
    No(Reason),
    /// It exists, but takes nothing now.
    ExistsBut(Reason),
    /// What was said before is not to be believed.
    TakenBack,
    /// Nothing that settles anything.
    Undecided(Reason),
}

/// What is held to be true of an address, given everything known of it.
///
/// Only a permanent refusal at RCPT that blames the mailbox or its domain, the text itself or a finding of DNS gives
/// `undeliverable`; only an acceptance with a refused decoy gives `deliverable`. A message that came back for good,
/// with the same blame, outranks whatever a mail host said when it was asked: asking is a guess at what sending showed.
/// The order of facts matters only among facts that settle nothing: there the latest names the reason.
#[must_use]
pub fn decide(evidence: &Evidence) -> Verdict {
    let verdict = |standing, reason| Verdict { standing, reason };
    let mut subject = Opinions::default();
    let mut decoy = Opinions::default();
    let mut bounced = None;
    let mut domain_refused = None;
    let mut undecided = None;
    let mut withheld = None;

    for fact in &evidence.facts {
        match &fact.finding {
            Finding::Text { .. } => return verdict(Standing::Undeliverable, Reason::BadSyntax),
            Finding::Domain { reason, .. } if reason.may_reject() => domain_refused = Some(*reason),
            Finding::Domain { reason, .. } => undecided = Some(*reason),
            Finding::Asked {
                whom,
                exchange,
                reading,
            } => match (whom, weigh(exchange, reading)) {
                (Whom::Subject, Said::Undecided(reason)) => undecided = Some(reason),
                (Whom::Subject, Said::TakenBack) => {
                    // An answer that comes later counts again: the host was asked anew.
                    (subject.yes, subject.no) = (None, None);
                    undecided = Some(Reason::ProviderAnomaly);
                }
                (Whom::Subject, said) => subject.hear(said),
                (Whom::Decoy, Said::TakenBack) if exchange.says_yes() => decoy.yes = None,
                (Whom::Decoy, Said::TakenBack) => decoy.no = None,
                (Whom::Decoy, said) => decoy.hear(said),
            },
            Finding::Bounced {
                reason,
                permanent: true,
                ..
            } if reason.may_reject() => bounced = Some(*reason),
            Finding::Bounced { reason, .. } => undecided = Some(*reason),
            Finding::Withheld {
                reason:
                    reason @ (Reason::NotAsked
                    | Reason::Interrupted
                    | Reason::Deadline
                    | Reason::Suppressed),
                ..
            } => withheld = Some(*reason),
            // The host said so about another address and was not asked about this one: that outweighs what was in the
            // way before.
            Finding::Withheld { reason, .. } => undecided = Some(*reason),
        }
    }

    if withheld == Some(Reason::Suppressed) {
        return verdict(Standing::Unknown, Reason::Suppressed);
    }
    if let Some(reason) = bounced {
        return verdict(Standing::Undeliverable, reason);
    }
    let unknown_recipients = decoy.on_unknown_recipients();
    match subject {
        // A host that has said both is not to be believed on either.
        Opinions {
            yes: Some(_),
            no: Some(_),
            ..
        } => verdict(Standing::Unknown, Reason::ProviderAnomaly),
        Opinions { yes: Some(yes), .. } => on_acceptance(&yes, &unknown_recipients),
        Opinions {
            no: Some(reason), ..
        } if decoy.said_the_same_of_nobody(reason) => {
            verdict(Standing::Unknown, Reason::ProviderAnomaly)
        }
        Opinions {
            no: Some(reason), ..
        } => verdict(Standing::Undeliverable, reason),
        Opinions {
            exists_but: Some(reason),
            ..
        } if decoy.said_the_same_of_nobody(reason) => {
            verdict(Standing::Unknown, Reason::ProviderAnomaly)
        }
        Opinions {
            exists_but: Some(reason),
            ..
        } => verdict(Standing::Risky, reason),
        Opinions { .. } => match (domain_refused, unknown_recipients) {
            (Some(reason), _) => verdict(Standing::Undeliverable, reason),
            (None, UnknownRecipients::AcceptedByProvider) => {
                verdict(Standing::Risky, Reason::AcceptedProvider)
            }
            (None, UnknownRecipients::Accepted) => verdict(Standing::Risky, Reason::CatchAll),
            (None, UnknownRecipients::Unconfirmed) => {
                verdict(Standing::Risky, Reason::CatchAllUntested)
            }
            (
                None,
                UnknownRecipients::Refused
                | UnknownRecipients::NotKnown
                | UnknownRecipients::AcceptedAndRefused,
            ) => verdict(
                Standing::Unknown,
                undecided.or(withheld).unwrap_or(Reason::NotAsked),
            ),
        },
    }
}

/// What an acceptance is worth, beside how the domain answers for unknown recipients.
fn on_acceptance(yes: &Said, unknown_recipients: &UnknownRecipients) -> Verdict {
    let verdict = |standing, reason| Verdict { standing, reason };
    match (yes, unknown_recipients) {
        (_, UnknownRecipients::AcceptedAndRefused) => {
            verdict(Standing::Unknown, Reason::ProviderAnomaly)
        }
        (Said::YesToAll, _) | (_, UnknownRecipients::AcceptedByProvider) => {
            verdict(Standing::Risky, Reason::AcceptedProvider)
        }
        (_, UnknownRecipients::Accepted) => verdict(Standing::Risky, Reason::CatchAll),
        // That it refuses some recipients proves nothing about those that it does not know.
        (Said::Unconfirmed, _)
        | (_, UnknownRecipients::Unconfirmed | UnknownRecipients::NotKnown) => {
            verdict(Standing::Risky, Reason::CatchAllUntested)
        }
        (_, UnknownRecipients::Refused) => verdict(Standing::Deliverable, Reason::Accepted),
    }
}

/// The settling answers about one recipient, contradictions kept.
#[derive(Clone, Copy, Debug, Default)]
struct Opinions {
    yes: Option<Said>,
    no: Option<Reason>,
    exists_but: Option<Reason>,
}

/// What the decoys tell of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnknownRecipients {
    Refused,
    Accepted,
    AcceptedByProvider,
    /// Accepted like every recipient, by a host that confirms none.
    Unconfirmed,
    AcceptedAndRefused,
    NotKnown,
}

impl Opinions {
    fn hear(&mut self, said: Said) {
        match said {
            // One worthless yes does not take the worth from another.
            Said::Yes => self.yes = Some(Said::Yes),
            Said::YesToAll | Said::Unconfirmed => self.yes = self.yes.or(Some(said)),
            Said::No(reason) => self.no = Some(reason),
            Said::ExistsBut(reason) => self.exists_but = Some(reason),
            Said::TakenBack | Said::Undecided(_) => {}
        }
    }

    /// Read as the answers about decoys.
    fn on_unknown_recipients(&self) -> UnknownRecipients {
        match (self.yes, self.no) {
            (Some(_), Some(_)) => UnknownRecipients::AcceptedAndRefused,
            (Some(Said::YesToAll), None) => UnknownRecipients::AcceptedByProvider,
            (Some(Said::Unconfirmed), None) => UnknownRecipients::Unconfirmed,
            (Some(_), None) => UnknownRecipients::Accepted,
            // A decoy has no mailbox: any permanent refusal that blames the mailbox shows that unknown recipients are
            // refused, whatever it says.
            (
                None,
                Some(Reason::NoSuchMailbox | Reason::MailboxDisabled | Reason::MailboxMoved),
            ) => UnknownRecipients::Refused,
            (None, Some(_) | None) => UnknownRecipients::NotKnown,
        }
    }

    /// Whether a decoy, which has no mailbox, was described in the same way: then the description is worth nothing. "No
    /// such mailbox" is true of a decoy, and a statement about the domain holds for both.
    fn said_the_same_of_nobody(&self, reason: Reason) -> bool {
        !matches!(reason, Reason::NoSuchMailbox | Reason::DomainNotServed)
            && (self.no == Some(reason) || self.exists_but == Some(reason))
    }
}

/// What one answer says of the recipient it is about.
fn weigh(exchange: &Exchange, reading: &Reading) -> Said {
    let reason = reading.reason;
    if exchange.stage != Stage::Rcpt {
        // Before RCPT the host does not know which recipient it is about.
        return Said::Undecided(reason);
    }
    match reason {
        Reason::Accepted => Said::Yes,
        Reason::AcceptedProvider => Said::YesToAll,
        Reason::CatchAllUntested => Said::Unconfirmed,
        Reason::MailboxFull | Reason::MailboxBusy => Said::ExistsBut(reason),
        Reason::ProviderAnomaly => Said::TakenBack,
        Reason::NoSuchMailbox
        | Reason::MailboxDisabled
        | Reason::MailboxMoved
        | Reason::DomainNotServed
            if reading.permanent =>
        {
            Said::No(reason)
        }
        // A temporary refusal: it means no more than that the client may come back.
        Reason::NoSuchMailbox
        | Reason::MailboxDisabled
        | Reason::MailboxMoved
        | Reason::DomainNotServed => Said::Undecided(Reason::TryLater),
        Reason::BadSyntax
        | Reason::NoSuchDomain
        | Reason::NoMailHost
        | Reason::NullMx
        | Reason::MxNotPublic
        | Reason::DnsTrouble
        | Reason::CatchAll
        | Reason::Greylisted
        | Reason::HostBusy
        | Reason::TryLater
        | Reason::SenderBlocked
        | Reason::SenderUnauthenticated
        | Reason::SenderRefused
        | Reason::RateLimited
        | Reason::NeedsPtr
        | Reason::TlsRequired
        | Reason::TooManyRecipients
        | Reason::RelayDenied
        | Reason::Unreachable
        | Reason::Expired
        | Reason::Silent
        | Reason::HungUp
        | Reason::ProtocolFault
        | Reason::NotAccepting
        | Reason::NoAddress
        | Reason::Role
        | Reason::Disposable
        | Reason::TrapLike
        | Reason::Suppressed
        | Reason::Duplicate
        | Reason::NotAsked
        | Reason::Interrupted
        | Reason::Deadline
        | Reason::Unread => Said::Undecided(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::timestamp::Timestamp;

    fn asked(whom: Whom, stage: Stage, reason: Reason, permanent: bool) -> Finding {
        Finding::Asked {
            whom,
            exchange: Exchange {
                stage,
                host: "mx.example".to_owned(),
                code: None,
                reply: String::new(),
            },
            reading: Reading {
                reason,
                permanent,
                rule: "test".to_owned(),
            },
        }
    }

    fn subject(reason: Reason, permanent: bool) -> Finding {
        asked(Whom::Subject, Stage::Rcpt, reason, permanent)
    }

    fn decoy(reason: Reason, permanent: bool) -> Finding {
        asked(Whom::Decoy, Stage::Rcpt, reason, permanent)
    }

    fn domain(reason: Reason) -> Finding {
        Finding::Domain {
            reason,
            detail: String::new(),
        }
    }

    fn withheld(reason: Reason) -> Finding {
        Finding::Withheld {
            reason,
            detail: String::new(),
        }
    }

    fn bounced(reason: Reason, permanent: bool) -> Finding {
        Finding::Bounced {
            reason,
            permanent,
            reply: String::new(),
        }
    }

    fn verdict_on(findings: &[Finding]) -> String {
        let mut evidence = Evidence::new();
        for finding in findings {
            evidence.learn(Timestamp::from_millis(0), finding.clone());
        }
        decide(&evidence).to_string()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn the_table_of_the_design() {
        use Reason::*;
        let yes = || subject(Accepted, false);
        let table: Vec<(Vec<Finding>, &str)> = vec![
            (vec![], "unknown/not_asked"),
            (
                vec![Finding::Text {
                    detail: String::new(),
                }],
                "undeliverable/bad_syntax",
            ),
            (vec![domain(NullMx)], "undeliverable/null_mx"),
            (vec![domain(DnsTrouble)], "unknown/dns_trouble"),
            (vec![yes()], "risky/catch_all_untested"),
            (
                vec![yes(), decoy(NoSuchMailbox, true)],
                "deliverable/accepted",
            ),
            (
                vec![yes(), decoy(MailboxDisabled, true)],
                "deliverable/accepted",
            ),
            (
                vec![yes(), decoy(DomainNotServed, true)],
                "risky/catch_all_untested",
            ),
            (vec![yes(), decoy(Accepted, false)], "risky/catch_all"),
            (
                vec![yes(), decoy(Greylisted, false)],
                "risky/catch_all_untested",
            ),
            (
                vec![yes(), decoy(SenderBlocked, true)],
                "risky/catch_all_untested",
            ),
            (
                vec![yes(), decoy(NoSuchMailbox, false)],
                "risky/catch_all_untested",
            ),
            (vec![decoy(Accepted, false)], "risky/catch_all"),
            (
                vec![subject(CatchAllUntested, false)],
                "risky/catch_all_untested",
            ),
            (
                vec![
                    subject(CatchAllUntested, false),
                    decoy(CatchAllUntested, false),
                ],
                "risky/catch_all_untested",
            ),
            (
                vec![decoy(CatchAllUntested, false)],
                "risky/catch_all_untested",
            ),
            (
                vec![subject(CatchAllUntested, false), decoy(Accepted, false)],
                "risky/catch_all",
            ),
            (
                vec![subject(CatchAllUntested, false), decoy(NoSuchMailbox, true)],
                "risky/catch_all_untested",
            ),
            (
                vec![yes(), decoy(CatchAllUntested, false)],
                "risky/catch_all_untested",
            ),
            (
                vec![subject(NoSuchMailbox, true), decoy(CatchAllUntested, false)],
                "undeliverable/no_such_mailbox",
            ),
            (
                vec![decoy(AcceptedProvider, false)],
                "risky/accepted_provider",
            ),
            (
                vec![subject(AcceptedProvider, false)],
                "risky/accepted_provider",
            ),
            (
                vec![subject(AcceptedProvider, false), decoy(NoSuchMailbox, true)],
                "risky/accepted_provider",
            ),
            (
                vec![subject(NoSuchMailbox, true)],
                "undeliverable/no_such_mailbox",
            ),
            (
                vec![subject(NoSuchMailbox, true), decoy(NoSuchMailbox, true)],
                "undeliverable/no_such_mailbox",
            ),
            (
                vec![
                    subject(NoSuchMailbox, true),
                    subject(ProviderAnomaly, false),
                ],
                "unknown/provider_anomaly",
            ),
            (
                vec![
                    subject(NoSuchMailbox, true),
                    subject(ProviderAnomaly, false),
                    subject(NoSuchMailbox, true),
                ],
                "undeliverable/no_such_mailbox",
            ),
            (
                vec![
                    yes(),
                    decoy(NoSuchMailbox, true),
                    subject(ProviderAnomaly, false),
                ],
                "unknown/provider_anomaly",
            ),
            (
                vec![
                    yes(),
                    decoy(NoSuchMailbox, true),
                    decoy(ProviderAnomaly, false),
                ],
                "risky/catch_all_untested",
            ),
            (
                vec![
                    yes(),
                    decoy(NoSuchMailbox, true),
                    decoy(ProviderAnomaly, false),
                    decoy(NoSuchMailbox, true),
                ],
                "deliverable/accepted",
            ),
            (
                vec![subject(NoSuchMailbox, true), decoy(Accepted, false)],
                "undeliverable/no_such_mailbox",
            ),
            (vec![subject(NoSuchMailbox, false)], "unknown/try_later"),
            (
                vec![subject(MailboxDisabled, true)],
                "undeliverable/mailbox_disabled",
            ),
            (
                vec![subject(MailboxDisabled, true), decoy(MailboxDisabled, true)],
                "unknown/provider_anomaly",
            ),
            (
                vec![subject(MailboxMoved, true)],
                "undeliverable/mailbox_moved",
            ),
            (
                vec![subject(DomainNotServed, true)],
                "undeliverable/domain_not_served",
            ),
            (vec![subject(MailboxFull, true)], "risky/mailbox_full"),
            (vec![subject(MailboxFull, false)], "risky/mailbox_full"),
            (
                vec![subject(MailboxFull, false), decoy(MailboxFull, false)],
                "unknown/provider_anomaly",
            ),
            (vec![subject(MailboxBusy, false)], "risky/mailbox_busy"),
            (
                vec![yes(), subject(NoSuchMailbox, true)],
                "unknown/provider_anomaly",
            ),
            (
                vec![yes(), decoy(NoSuchMailbox, true), decoy(Accepted, false)],
                "unknown/provider_anomaly",
            ),
            (
                vec![subject(Greylisted, false), subject(Silent, false)],
                "unknown/silent",
            ),
            (
                vec![subject(Greylisted, false), withheld(Interrupted)],
                "unknown/greylisted",
            ),
            (
                vec![domain(DnsTrouble), withheld(SenderBlocked)],
                "unknown/sender_blocked",
            ),
            (
                vec![withheld(SenderBlocked), withheld(Interrupted)],
                "unknown/sender_blocked",
            ),
            (vec![withheld(Interrupted)], "unknown/interrupted"),
            (vec![withheld(Suppressed), yes()], "unknown/suppressed"),
        ];
        for (findings, expected) in table {
            assert_eq!(verdict_on(&findings), expected, "{findings:?}");
        }
    }

    #[test]
    fn a_message_that_came_back_for_good_outranks_every_answer() {
        let accepted = [
            subject(Reason::Accepted, false),
            decoy(Reason::NoSuchMailbox, true),
        ];
        for &reason in Reason::ALL {
            for permanent in [false, true] {
                let bounce = bounced(reason, permanent);
                let alone = verdict_on(std::slice::from_ref(&bounce));
                let condemns = permanent && reason.may_reject();
                let expected = if condemns {
                    format!("undeliverable/{reason}")
                } else {
                    format!("unknown/{reason}")
                };
                assert_eq!(alone, expected, "{reason} {permanent}");
                for (stage, answer, lasting) in every_answer() {
                    let answer = asked(Whom::Subject, stage, answer, lasting);
                    let before = verdict_on(std::slice::from_ref(&answer));
                    let after = verdict_on(&[answer, bounce.clone()]);
                    if condemns {
                        assert_eq!(after, expected, "{reason}");
                    } else if !before.starts_with("unknown") {
                        // What comes back for now, or blames the sender, changes no verdict.
                        assert_eq!(after, before, "{reason} {permanent}");
                    }
                }
                let [yes, no] = accepted.clone();
                let after = verdict_on(&[yes, no, bounce]);
                let expected = if condemns {
                    expected
                } else {
                    "deliverable/accepted".to_owned()
                };
                assert_eq!(after, expected, "{reason} {permanent}");
            }
        }
    }

    #[test]
    fn a_bounce_lifts_no_suppression() {
        let findings = [
            withheld(Reason::Suppressed),
            bounced(Reason::NoSuchMailbox, true),
        ];
        assert_eq!(verdict_on(&findings), "unknown/suppressed");
    }

    /// Every single answer there can be.
    fn every_answer() -> impl Iterator<Item = (Stage, Reason, bool)> {
        Stage::ALL.into_iter().flat_map(|stage| {
            Reason::ALL
                .iter()
                .flat_map(move |&reason| [false, true].map(|permanent| (stage, reason, permanent)))
        })
    }

    #[test]
    fn only_a_permanent_refusal_at_rcpt_that_blames_mailbox_or_domain_rejects() {
        for (stage, reason, permanent) in every_answer() {
            let verdict = verdict_on(&[asked(Whom::Subject, stage, reason, permanent)]);
            if verdict.starts_with("undeliverable") {
                assert!(
                    permanent && stage == Stage::Rcpt && reason.may_reject(),
                    "{stage} {reason}"
                );
            }
        }
    }

    #[test]
    fn what_is_said_before_rcpt_or_of_the_sender_is_never_a_verdict() {
        for (stage, reason, permanent) in every_answer() {
            if stage != Stage::Rcpt || reason.blame() == crate::model::reason::Blame::Sender {
                let verdict = verdict_on(&[asked(Whom::Subject, stage, reason, permanent)]);
                assert!(
                    verdict.starts_with("unknown"),
                    "{stage} {reason}: {verdict}"
                );
            }
        }
    }

    #[test]
    fn deliverable_needs_an_acceptance_with_a_refused_decoy() {
        for (stage, reason, permanent) in every_answer() {
            let answer = asked(Whom::Subject, stage, reason, permanent);
            assert!(!verdict_on(std::slice::from_ref(&answer)).starts_with("deliverable"));
            let with_decoy = verdict_on(&[answer, decoy(Reason::NoSuchMailbox, true)]);
            assert_eq!(
                with_decoy.starts_with("deliverable"),
                stage == Stage::Rcpt && reason == Reason::Accepted,
                "{stage} {reason}"
            );
        }
    }

    #[test]
    fn facts_that_say_nothing_never_change_a_decided_verdict() {
        let decided = [
            vec![subject(Reason::NoSuchMailbox, true)],
            vec![
                subject(Reason::Accepted, false),
                decoy(Reason::NoSuchMailbox, true),
            ],
            vec![
                subject(Reason::Accepted, false),
                decoy(Reason::Accepted, false),
            ],
            vec![subject(Reason::MailboxFull, false)],
            vec![domain(Reason::NullMx)],
        ];
        for findings in decided {
            let before = verdict_on(&findings);
            for (stage, reason, permanent) in every_answer() {
                let idle = asked(Whom::Subject, stage, reason, permanent);
                let says_nothing = verdict_on(std::slice::from_ref(&idle)).starts_with("unknown");
                // That one takes a refusal back.
                if !says_nothing || reason == Reason::ProviderAnomaly {
                    continue;
                }
                let mut after = findings.clone();
                after.push(idle.clone());
                assert_eq!(verdict_on(&after), before, "{idle:?}");
                after.rotate_right(1);
                assert_eq!(verdict_on(&after), before, "{idle:?}");
            }
        }
    }
}
