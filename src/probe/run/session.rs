//! One conversation: carries out what the scheduler wants said, reports what was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::trace;
use crate::model::echo;
use crate::model::limits;
use crate::model::provider::Provider;
use crate::model::verdict::Exchange;
use crate::model::wait::named_wait;
use crate::net::origin::Origin;
use crate::net::{OwnTrouble, World};
use crate::probe::scheduler::{Heard, SessionEvent, SessionId};
use crate::smtp::connection::{Connection, Unread};
use crate::smtp::farewell::{Farewell, Parting};
use crate::smtp::reply::{Reply, clip};
use crate::smtp::rules::{Book, Context};
use crate::smtp::session::{Batch, BatchPace, Halt, Hello, Opened, Opening, Patience, Privacy};
use crate::smtp::{Answer, Command, Garble, Stage};

/// What a conversation is told to do once it is open.
#[derive(Debug)]
pub(super) enum Order {
    /// Say these commands.
    Fly(Vec<Command>, BatchPace),
    /// Send QUIT and close; an answer to an earlier command may be late by so much.
    Quit(Duration),
}

/// The host to hold a session with, and the terms of it.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) origin: Origin,
    pub(super) hello: Hello,
    pub(super) patience: Patience,
    pub(super) privacy: Privacy,
    pub(super) provider: Option<Provider>,
    /// The domain of our sender address; `None` for the null sender.
    pub(super) sender_domain: Option<String>,
    pub(super) book: Arc<Book>,
    /// Cuts the batch under way short.
    pub(super) halt: Halt,
}

impl Session {
    /// Holds the conversation until the scheduler ends it or the host does. The last report is [`SessionEvent::Ended`], or
    /// [`SessionEvent::Failed`] where nothing was ever opened.
    pub(super) async fn hold(
        self,
        world: World,
        mut orders: mpsc::UnboundedReceiver<Order>,
        reports: mpsc::UnboundedSender<(SessionId, SessionEvent)>,
    ) {
        let report = |report| {
            trace::reported(&report);
            // The receiver is gone only when the run itself is.
            let _ = reports.send((self.id, report));
        };
        let mut line = match self.open(&world).await {
            Ok((line, opened)) => {
                report(opened);
                line
            }
            Err(failed) => {
                report(failed);
                return;
            }
        };
        let (mut worth_counting, mut is_fenced) = (true, true);
        let mut slowest = limits::GOODBYE_WAIT;
        let mut asked_last = None;
        while let Some(order) = orders.recv().await {
            let (commands, pace) = match order {
                Order::Fly(commands, pace) => (commands, pace),
                Order::Quit(late) => {
                    slowest = slowest.max(late);
                    break;
                }
            };
            let mut batch = Batch::new(commands.clone(), pace).heeding(self.halt.clone());
            let began = world.clock.now();
            line = line
                .carry_out(&mut batch)
                .await
                .expect("only encryption loses a line");
            let is_whole = batch.is_whole();
            worth_counting &= is_whole;
            if is_whole {
                slowest = slowest.max(world.clock.now().since(began));
            }
            let unread = if is_whole {
                line.unread(pace.quiet()).await
            } else {
                Unread::Nothing
            };
            is_fenced &= pace.quiet().is_zero() || unread != Unread::Gone;
            if batch.is_out_of_step() || unread == Unread::Replies {
                worth_counting = false;
                slowest = limits::RCPT_WAIT;
                report(SessionEvent::OutOfStep(self.out_of_step()));
                continue;
            }
            let answers = batch.into_answers();
            let before = asked_last.take();
            if names_a_neighbour(before.as_deref(), &commands, &answers) {
                worth_counting = false;
                slowest = limits::RCPT_WAIT;
                report(SessionEvent::OutOfStep(self.out_of_step()));
                continue;
            }
            let last = commands.iter().rev().find_map(recipient_of);
            asked_last = last.map(str::to_owned).or(before);
            let heard = commands.iter().zip(answers).map(|(command, answer)| {
                answer.map(|answer| self.read(&answer, stage_of(command), command))
            });
            report(SessionEvent::Answered(heard.collect()));
        }
        let farewell = take_leave(line, Farewell::default().waiting(slowest), || {
            if worth_counting {
                report(SessionEvent::OutOfStep(self.out_of_step()));
            }
        });
        let farewell = farewell.await;
        if !worth_counting || !is_fenced {
            // Where a batch broke off, what comes now may be its answers, late.
            let parting = if is_fenced {
                Parting::Untold
            } else {
                Parting::Unfenced
            };
            report(SessionEvent::Ended(parting));
            return;
        }
        if let Some(reply) = farewell.dismissal() {
            let answer = Answer::Reply(reply.clone());
            report(SessionEvent::Dismissed(self.hear(&answer, Stage::Unknown)));
        }
        report(SessionEvent::Ended(farewell.parting()));
    }

    /// What is known of a conversation whose replies cannot be told apart.
    fn out_of_step(&self) -> Heard {
        self.hear(&Answer::Garbled(Garble::OutOfTurn), Stage::Unknown)
    }

    /// Connects, greets and encrypts, or says what kept it from that.
    async fn open(&self, world: &World) -> Result<(Connection, SessionEvent), SessionEvent> {
        let failed = |heard| Err(SessionEvent::Failed(heard));
        let connected = timeout(
            self.patience.to_connect(),
            world.dial.connect(self.address, self.origin.address),
        )
        .await;
        let wire = match connected {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => {
                let heard = self.hear(&Answer::Unreachable(error.to_string()), Stage::Connect);
                return Err(match OwnTrouble::of(&error) {
                    Some(_) => SessionEvent::Stranded(heard),
                    None => SessionEvent::Failed(heard),
                });
            }
            Err(_) => return failed(self.hear(&Answer::Silent, Stage::Connect)),
        };
        let mut opening = Opening::new(self.origin.hello.clone(), self.privacy)
            .saying(self.hello)
            .waiting(self.patience);
        let line = Connection::new(wire).to(self.address.ip());
        let line = line.carry_out(&mut opening).await;
        match (line, opening.into_end()) {
            (Some(line), Opened::Ready { offer, .. }) => Ok((line, SessionEvent::Opened(offer))),
            (Some(line), Opened::Failed { stage, answer }) => {
                // A host that has greeted, or refused to, is still told goodbye.
                let is_met = stage != Stage::Greeting || matches!(answer, Answer::Reply(_));
                if is_met && answer != Answer::HungUp {
                    let farewell = take_leave(line, Farewell::default(), || {}).await;
                    let is_out_of_step = farewell.parting() == Parting::OutOfStep;
                    if is_out_of_step && matches!(answer, Answer::Reply(_)) {
                        // It was no answer to what we said.
                        return failed(self.out_of_step());
                    }
                }
                failed(self.hear(&answer, stage))
            }
            (None, Opened::Failed { stage, answer }) => failed(self.hear(&answer, stage)),
            (None, Opened::Ready { .. }) => unreachable!("a lost line is never ready"),
        }
    }

    /// Reads the answer to a command, whose address the host may have echoed.
    fn read(&self, answer: &Answer, stage: Stage, command: &Command) -> Heard {
        match command {
            Command::Rcpt(recipient) => {
                let recipient: &str = recipient.as_ref();
                let mut heard = self.hear_about(answer, stage, &[recipient]);
                // From here on it may serve for others too.
                let reply = &mut heard.exchange.reply;
                *reply = echo::take_out(reply, recipient).into_owned();
                heard
            }
            Command::Mail {
                sender: Some(sender),
                ..
            } => self.hear_about(answer, stage, &[sender.as_ref()]),
            Command::Mail { sender: None, .. }
            | Command::Ehlo(_)
            | Command::Helo(_)
            | Command::StartTls
            | Command::Rset
            | Command::Quit => self.hear(answer, stage),
        }
    }

    fn hear(&self, answer: &Answer, stage: Stage) -> Heard {
        self.hear_about(answer, stage, &[])
    }

    fn hear_about(&self, answer: &Answer, stage: Stage, echoed: &[&str]) -> Heard {
        let mut echoes = vec![self.host.as_str(), self.origin.hello.as_str()];
        echoes.extend(echoed);
        let ours: Vec<&str> = [self.origin.hello.as_str()]
            .into_iter()
            .chain(self.sender_domain.as_deref())
            .collect();
        let context = Context {
            stage,
            provider: self.provider.as_ref(),
            echoes: &echoes,
            ours: &ours,
        };
        let (code, mut reply) = match answer {
            Answer::Reply(reply) => (Some(reply.code), reply.to_string()),
            Answer::Silent => (None, "no answer in time".to_owned()),
            Answer::HungUp => (None, "connection closed by the host".to_owned()),
            Answer::Unreachable(why) => (None, why.clone()),
            Answer::Garbled(garble) => (None, garble.to_string()),
        };
        reply.truncate(clip(&reply, limits::EVIDENCE_REPLY_BYTES).len());
        Heard {
            named_wait: named_wait(&reply, limits::NAMED_WAIT),
            exchange: Exchange {
                stage,
                host: self.host.clone(),
                code,
                reply,
            },
            reading: self.book.diagnose(answer, &context),
        }
    }
}

/// Says goodbye, then waits for the host to close. Calls `out_of_step` as soon as that shows. Returns what the host said
/// to it.
async fn take_leave(
    line: Connection,
    mut farewell: Farewell,
    out_of_step: impl FnOnce(),
) -> Farewell {
    let lossless = "only encryption loses a line";
    let mut line = line.carry_out(&mut farewell).await.expect(lossless);
    if farewell.parting() == Parting::OutOfStep {
        out_of_step();
        line = line.carry_out(&mut farewell).await.expect(lossless);
    }
    line.until_closed().await;
    farewell
}

/// Whether the reply to a recipient names the one asked about right before it or behind it, and not its own: then it is
/// that one's. `before` is the last recipient of the batch before. Where a recipient has moved (251, 551), replies name
/// other addresses.
fn names_a_neighbour(
    before: Option<&str>,
    commands: &[Command],
    answers: &[Option<Answer>],
) -> bool {
    let asked = commands.iter().zip(answers);
    let asked = asked.filter_map(|(command, answer)| Some((recipient_of(command)?, answer)));
    let all: Vec<(&str, Option<&Reply>)> = before
        .map(|before| (before, None))
        .into_iter()
        .chain(asked.map(|(recipient, answer)| match answer {
            Some(Answer::Reply(reply)) => (recipient, Some(reply)),
            Some(_) | None => (recipient, None),
        }))
        .collect();
    all.iter().enumerate().any(|(at, (own, reply))| {
        let Some(reply) = reply.filter(|reply| !matches!(reply.code, 251 | 551)) else {
            return false;
        };
        let neighbours = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let mut neighbours = neighbours.filter_map(|other| all.get(other));
        let names_one = neighbours
            .any(|(other, _)| !other.eq_ignore_ascii_case(own) && names_in_brackets(reply, other));
        names_one && !names_in_brackets(reply, own)
    })
}

/// Whom a command asks about.
fn recipient_of(command: &Command) -> Option<&str> {
    match command {
        Command::Rcpt(recipient) => Some(recipient.as_ref()),
        Command::Ehlo(_)
        | Command::Helo(_)
        | Command::StartTls
        | Command::Mail { .. }
        | Command::Rset
        | Command::Quit => None,
    }
}

/// Whether a reply names an address in angle brackets, however it is capitalised.
fn names_in_brackets(reply: &Reply, address: &str) -> bool {
    let name = format!("<{address}>");
    let holds = |line: &String| {
        let mut parts = line.as_bytes().windows(name.len());
        parts.any(|part| part.eq_ignore_ascii_case(name.as_bytes()))
    };
    reply.lines.iter().any(holds)
}

/// The stage at which a command is answered.
fn stage_of(command: &Command) -> Stage {
    match command {
        Command::Ehlo(_) | Command::Helo(_) => Stage::Hello,
        Command::StartTls => Stage::Tls,
        Command::Mail { .. } | Command::Rset => Stage::Mail,
        Command::Rcpt(_) => Stage::Rcpt,
        Command::Quit => Stage::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_names_whom_the_one_before_it_is_about_is_out_of_step() {
        let rcpt = |local: &str| Command::Rcpt(format!("{local}@acme.test").parse().unwrap());
        let commands = [rcpt("anna"), rcpt("bert"), rcpt("carl")];
        let is_out_of_step = |replies: [&str; 3]| {
            let answers = replies.map(|text| Reply::from_text(text).map(Answer::Reply));
            names_a_neighbour(Some("zoe@acme.test"), &commands, &answers)
        };
        let (own, yes) = ("550 5.1.1 <anna@acme.test>: unknown", "250 ok");
        assert!(!is_out_of_step([own, yes, yes]));
        let earlier = "550 5.1.1 <zoe@acme.test>: unknown";
        assert!(is_out_of_step([earlier, yes, yes]), "of the batch before");
        assert!(is_out_of_step([yes, own, yes]), "a reply too many");
        assert!(
            is_out_of_step(["550 <BERT@acme.test> unknown", yes, yes]),
            "one too few"
        );
        assert!(!is_out_of_step([yes, yes, own]), "an alias of another one");
        let both = "550 <anna@acme.test> is <bert@acme.test>";
        assert!(!is_out_of_step([both, both, yes]));
        let moved = "551 please try <anna@acme.test>";
        assert!(!is_out_of_step([yes, moved, yes]));
    }
}
