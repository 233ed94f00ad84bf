//! What a host decides about a recipient: first about the client, then about the mailbox.

use std::sync::Arc;

use super::super::command::Path;
use super::super::dialect::{Line, Topic};
use super::super::habits::{AfterRefusal, Recipients};
use super::super::host::Mood;
use super::super::mailbox::{Condition, Mailboxes, Service, Unclaimed};
use super::super::server_log::{Breach, Outcome, Question};
use super::super::turn::{Desk, Then, Turn};
use super::Session;

impl Session {
    /// Answers RCPT, counting as it goes.
    pub(super) fn rcpt(&mut self, path: &Path, desk: &mut Desk<'_>) -> Turn {
        let address = path.to_text();
        let ruling = self.rule(path, &address, desk);
        self.recipients += 1;
        self.transaction.recipients += 1;
        let outcome = ruling.outcome;
        let mut turn = ruling.turn;
        match outcome {
            Outcome::Accepted => self.transaction.accepted += 1,
            Outcome::RefusedMailbox | Outcome::RefusedOtherwise => {
                self.refused += 1;
                turn.wait += desk.host.habits.tarpit;
                match desk.host.habits.after_refusal {
                    AfterRefusal::StaysOn => {}
                    AfterRefusal::HangsUp => turn.then = Then::HangUp,
                    AfterRefusal::HangsUpUnsaid => {
                        turn = Turn {
                            then: Then::HangUp,
                            ..Turn::silence()
                        }
                    }
                }
            }
        }
        turn.wait += desk.host.habits.rcpt_wait;
        turn.speech = desk.host.habits.speech;
        let code = turn
            .replies
            .first()
            .filter(|_| turn.speech.is_understood())
            .and_then(|reply| reply.get(..3));
        let seen = &mut *desk.seen;
        seen.recipients_per_connection = seen.recipients_per_connection.max(self.recipients);
        seen.recipients_per_transaction = seen
            .recipients_per_transaction
            .max(self.transaction.recipients);
        seen.refused_per_connection = seen.refused_per_connection.max(self.refused);
        seen.questions.push(Question {
            at: desk.now,
            address,
            connection: self.connection,
            transaction: self.transactions,
            code: code.and_then(|code| code.parse().ok()).unwrap_or(0),
            outcome,
            objection: ruling.objection,
        });
        turn
    }

    /// Decides about a recipient: first about the client, then about the mailbox.
    fn rule(&mut self, path: &Path, address: &str, desk: &mut Desk<'_>) -> Ruling {
        let topic = Topic {
            address,
            ..Topic::default()
        };
        let Path::Mailbox { local, domain } = path else {
            return Ruling::otherwise(self.mistake("501 5.1.3 Bad recipient address syntax", desk));
        };
        let Some(sender) = self.sender.clone() else {
            if !self.spoke_in_good_faith() {
                desk.seen.breach(Breach::OutOfOrder);
            }
            return Ruling::otherwise(self.mistake("503 5.5.1 Error: need MAIL command", desk));
        };
        if !address.is_ascii() && !self.utf8 {
            desk.seen.breach(Breach::Utf8Unasked);
            return Ruling::otherwise(self.mistake("553 5.6.7 Address needs SMTPUTF8", desk));
        }
        if !self.transaction.domains.contains(domain) {
            self.transaction.domains.push(domain.clone());
        }
        if self.transaction.domains.len() > 1 {
            desk.seen.breach(Breach::DomainsMixed);
        }
        if let Some((line, then)) = self.objection(desk) {
            let turn = Turn {
                then,
                ..self.line(line, &topic, desk)
            };
            return Ruling {
                objection: Some(line),
                ..Ruling::otherwise(turn)
            };
        }
        let Some(mailboxes) = desk.host.domains.get(domain) else {
            desk.seen.breach(Breach::Misrouted);
            return Ruling::otherwise(self.refusal(Line::RelayDenied, &topic, desk));
        };
        if mailboxes.service == Service::Refused {
            return Ruling::otherwise(self.refusal(Line::RelayDenied, &topic, desk));
        }
        if let Some(seconds) = desk.memory.greylists(
            &desk.host.habits,
            (self.client, self.connection),
            &sender,
            address,
            desk.now,
        ) {
            let topic = Topic { seconds, ..topic };
            return Ruling::otherwise(self.line(Line::Greylisted, &topic, desk));
        }
        let mailboxes = Arc::clone(mailboxes);
        self.look_up(&mailboxes, local, &topic, desk)
    }

    /// Why the host would not even look the recipient up.
    fn objection(&self, desk: &mut Desk<'_>) -> Option<(Line, Then)> {
        let habits = &desk.host.habits;
        let mood = desk.memory.mood(habits, desk.now);
        let over = |limit: Option<u32>, count: u32| limit.is_some_and(|limit| count >= limit);
        let transaction = &self.transaction;
        let too_bad = over(habits.bad_recipients, transaction.recipients)
            && transaction.accepted * 2 < transaction.recipients;
        if habits.recipients == Recipients::VisitorBlocked {
            Some((Line::BlockedAtRcpt, Then::Listen))
        } else if habits.recipients == Recipients::NoMailTaken {
            Some((Line::TakesNoMail, Then::Listen))
        } else if mood == Mood::Blocks {
            Some((Line::Harvester, Then::HangUp))
        } else if over(habits.per_connection, self.recipients) {
            Some((Line::ConnectionUsedUp, Then::HangUp))
        } else if over(habits.per_transaction, transaction.recipients) {
            Some((Line::TooManyRecipients, Then::Listen))
        } else if habits
            .domains_per_transaction
            .is_some_and(|limit| transaction.domains.len() > limit as usize)
        {
            Some((Line::OneDomainOnly, Then::Listen))
        } else if too_bad {
            Some((Line::TooManyBadRecipients, Then::Listen))
        } else if desk.memory.too_fast(habits, self.client, desk.now) {
            Some((Line::TooFast, Then::Listen))
        } else {
            None
        }
    }

    fn look_up(
        &mut self,
        mailboxes: &Mailboxes,
        local: &str,
        topic: &Topic<'_>,
        desk: &mut Desk<'_>,
    ) -> Ruling {
        let has_turned = |after: u32| self.refused >= after;
        if desk.host.habits.recipients == Recipients::AllAccepted
            || desk.host.habits.turns_after.is_some_and(has_turned)
        {
            return Ruling::accepted(self.line(Line::RcptOk, topic, desk));
        }
        match desk.memory.mood(&desk.host.habits, desk.now) {
            Mood::Ordinary | Mood::Blocks => {}
            Mood::AcceptsAll => return Ruling::accepted(self.line(Line::RcptOk, topic, desk)),
            Mood::RefusesAll => {
                return Ruling::mailbox(self.refusal(Line::NoSuchUser, topic, desk));
            }
        }
        match mailboxes.get(local) {
            Some(Condition::Open) => Ruling::accepted(self.line(Line::RcptOk, topic, desk)),
            Some(Condition::Full) => Ruling::mailbox(self.line(Line::Full, topic, desk)),
            Some(Condition::Disabled) => Ruling::mailbox(self.refusal(Line::Disabled, topic, desk)),
            Some(Condition::Busy) => Ruling::otherwise(self.line(Line::Busy, topic, desk)),
            Some(Condition::Moved { to }) => {
                let topic = Topic {
                    moved_to: to,
                    ..*topic
                };
                Ruling::mailbox(self.refusal(Line::Moved, &topic, desk))
            }
            None => match mailboxes.unclaimed {
                Unclaimed::Delivered | Unclaimed::Bounced => {
                    Ruling::accepted(self.line(Line::RcptOk, topic, desk))
                }
                Unclaimed::Unwanted => {
                    desk.memory
                        .note_unknown_recipient(&desk.host.habits, desk.now);
                    Ruling::mailbox(self.refusal(Line::NoSuchUser, topic, desk))
                }
            },
        }
    }
}

/// What a host decides about a recipient.
struct Ruling {
    turn: Turn,
    outcome: Outcome,
    objection: Option<Line>,
}

impl Ruling {
    fn accepted(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::Accepted,
            objection: None,
        }
    }

    fn mailbox(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::RefusedMailbox,
            objection: None,
        }
    }

    fn otherwise(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::RefusedOtherwise,
            objection: None,
        }
    }
}
