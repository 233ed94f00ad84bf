//! The end of a conversation, at which its replies are counted.
//!
//! A reply too many shifts every later one by a place. Where all replies look alike only the end shows it: what we
//! hear first after QUIT is then the reply to an earlier command. 221 answers nothing but QUIT (RFC 5321 §4.2.3), so it
//! shows that every earlier reply belonged to its command; this costs nothing, for we say goodbye in any case. A host that
//! only closes shows nothing: it may have closed before it had answered our last commands, with as many replies too many
//! before that.

use std::time::Duration;

use super::command::Command;
use super::session::{Dialogue, Step};
use super::{Answer, Garble, Reply, Stage};
use crate::model::limits;

/// What the end of a conversation shows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// 221 was the reply to QUIT: every earlier one belonged to its command.
    InStep,
    /// The host closed or kept silent without one: nothing speaks for its answers or against them.
    Untold,
    /// The host closed in the while of quiet behind an answer, which may be that to an earlier command.
    Unfenced,
    /// A reply was left over: which reply belonged to which command cannot be told.
    OutOfStep,
}

/// QUIT, with the count of what comes after it.
#[derive(Debug)]
pub struct Farewell {
    at: At,
    parting: Parting,
    /// The reply by which the host had taken its leave before we did.
    dismissal: Option<Reply>,
    replies: u32,
    /// Whether the dialogue has paused because it is out of step.
    paused: bool,
    /// Time for the answer.
    wait: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Say,
    Said,
    /// Something else than 221 was the first reply: with a second one it was a reply too many.
    Counting,
    /// It is out of step; the host gets the time to answer QUIT all the same.
    Waiting,
    End,
}

impl Default for Farewell {
    fn default() -> Self {
        Farewell {
            at: At::Say,
            parting: Parting::Untold,
            dismissal: None,
            replies: 0,
            paused: false,
            wait: limits::GOODBYE_WAIT,
        }
    }
}

impl Farewell {
    /// The same, waiting as long for the answer as the host took for an earlier one, within bounds: it may be busy with an
    /// earlier command still, and has this connection open until it comes to QUIT.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Farewell {
            wait: wait.clamp(limits::GOODBYE_WAIT, limits::RCPT_WAIT),
            ..self
        }
    }

    /// What it has shown so far. [`Step::Done`] is returned as soon as it is out of step, for that is worth telling at once;
    /// carried out further, it waits for the host's goodbye.
    #[must_use]
    pub fn parting(&self) -> Parting {
        self.parting
    }

    /// The reply by which the host took its leave before it heard of ours (421, RFC 5321 §3.8), where that is what came
    /// first after QUIT.
    #[must_use]
    pub fn dismissal(&self) -> Option<&Reply> {
        self.dismissal.as_ref()
    }

    fn fall_out_of_step(&mut self) {
        self.parting = Parting::OutOfStep;
        self.at = At::Waiting;
        self.wait = limits::RCPT_WAIT;
    }
}

impl Dialogue for Farewell {
    fn step(&mut self) -> Step {
        let listen = |wait| Step::Listen {
            stage: Stage::Unknown,
            wait,
        };
        if self.parting == Parting::OutOfStep && !self.paused {
            self.paused = true;
            return Step::Done;
        }
        match self.at {
            At::Say => {
                self.at = At::Said;
                Step::Say(Command::Quit.to_string())
            }
            At::Said | At::Waiting => listen(self.wait),
            At::Counting => listen(limits::CLOSING_WAIT),
            At::End => Step::Done,
        }
    }

    fn hear(&mut self, answer: Option<Answer>) {
        self.replies += 1;
        match (self.at, answer.expect("a farewell never encrypts")) {
            // Unread bytes kept us from saying it; they are out of the way now.
            (At::Said, Answer::Garbled(Garble::OutOfTurn))
                if self.replies <= limits::TRIES_AT_QUIT =>
            {
                self.fall_out_of_step();
                self.at = At::Say;
            }
            (At::Said | At::Waiting, Answer::Reply(reply)) if matches!(reply.code, 221 | 421) => {
                match (reply.code, self.parting, self.at) {
                    (221, Parting::Untold, _) => self.parting = Parting::InStep,
                    (421, _, At::Said) => self.dismissal = Some(reply),
                    (_, _, _) => {}
                }
                self.at = At::End;
            }
            // Some have a word of their own for it: then the connection ends here.
            (At::Said, Answer::Reply(reply)) if Command::Quit.may_be_answered_by(reply.code) => {
                self.at = At::Counting;
            }
            (At::Said, Answer::Reply(_) | Answer::Garbled(_)) => self.fall_out_of_step(),
            (At::Counting, Answer::HungUp) => self.at = At::End,
            (At::Counting, Answer::Reply(reply)) if reply.code == 221 => {
                self.parting = Parting::OutOfStep;
                self.at = At::End;
            }
            (At::Counting, _) => self.fall_out_of_step(),
            (At::Waiting, Answer::Reply(_)) if self.replies < limits::REPLIES_AFTER_QUIT => {}
            // It closes without a word, as some do, or has had its time.
            (_, _) => self.at = At::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::Reply;

    fn parting(answers: &[Answer]) -> Parting {
        let mut farewell = Farewell::default();
        let mut answers = answers.iter().cloned();
        let mut said = 0;
        let mut pauses = 0;
        loop {
            match farewell.step() {
                Step::Say(line) => {
                    assert_eq!(line, "QUIT\r\n");
                    said += 1;
                }
                Step::Listen { .. } => farewell.hear(answers.next().or(Some(Answer::HungUp))),
                Step::Encrypt => unreachable!(),
                Step::Done => {
                    if farewell.parting() == Parting::OutOfStep && pauses == 0 {
                        pauses += 1;
                        continue;
                    }
                    assert_eq!(said, 1);
                    return farewell.parting();
                }
            }
        }
    }

    fn reply(text: &str) -> Answer {
        Answer::Reply(Reply::from_text(text).unwrap())
    }

    #[test]
    fn a_reply_left_over_shows_at_the_end() {
        let closed = || Answer::HungUp;
        for (answers, wanted) in [
            (vec![reply("221 bye")], Parting::InStep),
            (vec![reply("421 bye")], Parting::Untold),
            (vec![closed()], Parting::Untold),
            (vec![Answer::Silent], Parting::Untold),
            (vec![reply("250 bye"), closed()], Parting::Untold),
            (vec![reply("250 ok"), reply("221 bye")], Parting::OutOfStep),
            (vec![reply("250 ok"), Answer::Silent], Parting::OutOfStep),
            (vec![reply("550 no such user")], Parting::OutOfStep),
            (vec![reply("220 hello")], Parting::OutOfStep),
            (vec![Answer::Garbled(Garble::NoCode)], Parting::OutOfStep),
        ] {
            assert_eq!(parting(&answers), wanted, "{answers:?}");
        }
    }

    #[test]
    fn a_host_that_had_taken_its_leave_before_says_so() {
        let dismissal = |answer: &str| {
            let mut farewell = Farewell::default();
            assert!(matches!(farewell.step(), Step::Say(_)));
            farewell.hear(Some(reply(answer)));
            farewell.dismissal().map(|reply| reply.code)
        };
        assert_eq!(dismissal("421 4.7.0 too many errors"), Some(421));
        assert_eq!(dismissal("221 2.0.0 Bye"), None);
    }

    #[test]
    fn a_host_that_takes_its_time_has_it_for_its_goodbye_too() {
        let wait_for = |slowest| {
            let mut farewell = Farewell::default().waiting(slowest);
            farewell.step();
            match farewell.step() {
                Step::Listen { wait, .. } => wait,
                other => panic!("{other:?}"),
            }
        };
        let slow = Duration::from_secs(16);
        assert_eq!(wait_for(Duration::ZERO), limits::GOODBYE_WAIT);
        assert_eq!(wait_for(slow), slow);
        assert_eq!(wait_for(slow * 100), limits::RCPT_WAIT);
    }

    #[test]
    fn bytes_that_lay_unread_do_not_keep_us_from_saying_goodbye() {
        let mut farewell = Farewell::default();
        assert!(matches!(farewell.step(), Step::Say(_)));
        farewell.hear(Some(Answer::Garbled(Garble::OutOfTurn)));
        // The listener hears of what it shows before the wait for a goodbye begins.
        assert!(matches!(farewell.step(), Step::Done));
        assert_eq!(farewell.parting(), Parting::OutOfStep);
        assert!(matches!(farewell.step(), Step::Say(_)));
        assert!(matches!(farewell.step(), Step::Listen { .. }));
        farewell.hear(Some(reply("221 bye")));
        assert_eq!(farewell.parting(), Parting::OutOfStep);
    }
}
