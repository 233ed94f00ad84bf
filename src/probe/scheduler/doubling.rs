//! Machines that may say each of their acceptances twice: found out before that makes a session go too far.
//!
//! Where commands travel together, the second reply to a recipient is taken for the answer to the next: a machine that says
//! each acceptance twice seems to have answered more than it has, and what it refuses is still to come. A second session
//! shows it, and so does the end of the first; past ten recipients that is too late for one that counts refusals. So a
//! first session that would go past ten puts RSET by itself before, unless what it has heard excludes that. What answers
//! it is another reply than an acceptance, or the session keeps still as long as what is on its way may take.

use std::time::Duration;

use super::{Heard, Looseness, Scheduler, SessionId};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::Budget;
use crate::smtp::Command;
use crate::smtp::session::BatchPace;

/// What the answers of a session leave open.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubling {
    /// Acceptances since the last refusal, in the first transaction: those of such a machine come in pairs. From the first
    /// RSET on others of its replies stand among them.
    row: u32,
    /// The last words with which a recipient was accepted.
    accepted_with: Option<String>,
    /// The longest that one command of a batch has taken on average.
    command_time: Duration,
    found: Found,
    /// Whether RSET was put by itself, and no transaction begun since.
    is_reset: bool,
}

/// What is found of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Found {
    /// Nothing.
    #[default]
    Nothing,
    /// RSET was put by itself, and is not answered yet.
    Asked,
    /// RSET was answered as recipients are that are accepted: some hosts do, or it belongs to one of those.
    Alike,
    /// Each was said once.
    Excluded,
}

impl Doubling {
    /// Takes in how the next recipient was answered, and in which transaction of the session.
    pub(super) fn note(&mut self, accepted: bool, words: &str, transaction: u32) {
        if accepted {
            self.row += 1;
            if self.accepted_with.as_deref() != Some(words) {
                self.accepted_with = Some(words.to_owned());
            }
            return;
        }
        if self.row % 2 == 1 && transaction == 1 {
            self.found = Found::Excluded;
        }
        self.row = 0;
    }

    /// Takes in that so many commands of a batch took so long.
    pub(super) fn took(&mut self, time: Duration, commands: usize) {
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        self.command_time = self.command_time.max(time / commands.max(1));
    }

    /// Takes in the answer to RSET that was put by itself.
    fn reset(&mut self, words: &str) {
        self.is_reset = true;
        self.found = if self.accepted_with.as_deref() == Some(words) {
            Found::Alike
        } else {
            Found::Excluded
        };
    }

    /// Whether the transaction that begins now needs no RSET, since one was put by itself.
    pub(super) fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.is_reset)
    }

    /// RSET was not answered, or not put after all.
    fn is_open_again(&mut self) {
        if self.found == Found::Asked {
            self.found = Found::Nothing;
        }
    }

    /// How long what is on its way may take to show.
    pub(super) fn shows_within(&self) -> Duration {
        match self.found {
            Found::Alike => {
                let while_it_answers = self.command_time * limits::QUIET_COMMANDS;
                while_it_answers.clamp(limits::QUIET_WAIT, limits::REST)
            }
            Found::Nothing | Found::Asked | Found::Excluded => limits::QUIET_WAIT,
        }
    }

    /// Nothing more came while the session kept still.
    fn kept_still(&mut self) {
        if self.found == Found::Alike {
            self.found = Found::Excluded;
        }
    }
}

impl Scheduler {
    /// What a session does before its next batch where that could go past ten recipients, and acceptances may have been
    /// said twice: it puts RSET by itself, or keeps still until the moment of the error.
    pub(super) fn exclude_doubling(
        &mut self,
        session: SessionId,
        budget: Budget,
        now: Timestamp,
    ) -> Result<Option<(Vec<Command>, BatchPace)>, Timestamp> {
        if !self.may_be_doubled(session, budget) {
            return Ok(None);
        }
        let t = self.session(session);
        t.doubling.is_open_again();
        if t.doubling.found == Found::Alike {
            self.keep_still(session, now)?;
            self.session(session).doubling.kept_still();
            return Ok(None);
        }
        t.doubling.found = Found::Asked;
        Ok(Some((vec![Command::Rset], BatchPace::OneByOne)))
    }

    /// Whether acceptances of a session may have been said twice, and its next batch could go past ten for that.
    fn may_be_doubled(&self, session: SessionId, budget: Budget) -> bool {
        let t = &self.sessions[&session];
        t.loosest == Looseness::Together
            && t.doubling.found != Found::Excluded
            && t.spent.accepted > 1
            && t.spent.recipients() + t.spent.room(budget) > limits::RECIPIENTS_BEFORE_RATIO
            && t.spent.may_begin(budget)
            && self.groups[t.group].waiting > 0
            && !self.shows_to_be_in_step(session)
    }

    /// Takes in how long a batch took, and what it came to if it was `RSET` by itself.
    pub(super) fn look_for_doubling(
        &mut self,
        session: SessionId,
        asked_nobody: bool,
        answers: &[Option<Heard>],
        took: Duration,
    ) {
        let t = self.session(session);
        t.doubling.took(took, answers.iter().flatten().count());
        if let [Some(reset)] = answers
            && asked_nobody
        {
            t.doubling.reset(&reset.exchange.reply);
            t.transaction = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &str = "250 2.1.5 Ok";

    fn after(answers: &str) -> Doubling {
        let mut doubling = Doubling::default();
        for answer in answers.chars() {
            doubling.note(answer == 'a', ACCEPTED, 1);
        }
        doubling
    }

    #[test]
    fn an_odd_row_of_acceptances_shows_that_none_was_said_twice() {
        for (answers, found) in [
            ("aa", Found::Nothing),
            ("aaaaaaaa", Found::Nothing),
            ("aarraaaa", Found::Nothing),
            ("raar", Found::Nothing),
            ("aaa", Found::Nothing),
            ("ar", Found::Excluded),
            ("aaaraaaa", Found::Excluded),
            ("aaraaarr", Found::Excluded),
        ] {
            assert_eq!(after(answers).found, found, "{answers}");
        }
        let mut later = after("aa");
        later.note(true, ACCEPTED, 2);
        later.note(false, "550", 2);
        assert_eq!(later.found, Found::Nothing, "the answer to MAIL, perhaps");
    }

    #[test]
    fn reset_is_answered_by_other_words_where_each_is_said_once() {
        for (words, found) in [("250 2.0.0 Ok", Found::Excluded), (ACCEPTED, Found::Alike)] {
            let mut doubling = after("aaaa");
            assert!(!doubling.take_reset(), "not by itself");
            doubling.reset(words);
            assert_eq!(doubling.found, found, "{words}");
            assert!(doubling.take_reset());
            assert!(!doubling.take_reset(), "for one transaction");
        }
    }

    #[test]
    fn what_is_on_its_way_takes_as_long_as_commands_do() {
        for (each, within) in [
            (Duration::from_millis(50), limits::QUIET_WAIT),
            (Duration::from_secs(2), Duration::from_secs(6)),
            (Duration::from_secs(30), limits::REST),
        ] {
            let mut doubling = after("aaaa");
            doubling.took(each * 4, 4);
            assert_eq!(doubling.shows_within(), limits::QUIET_WAIT);
            doubling.found = Found::Alike;
            assert_eq!(doubling.shows_within(), within);
        }
    }
}
