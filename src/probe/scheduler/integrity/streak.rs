//! Answers of one kind in a row, at one machine: has it begun to give the same answer for every recipient?

use std::collections::VecDeque;

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::Asked;
use crate::probe::scheduler::SessionId;

/// When a machine gave an answer, as far as that can be told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe::scheduler) struct Span {
    /// In which session: there, answers come in the order of the questions.
    pub(in crate::probe::scheduler) session: SessionId,
    /// At which step of the run the question was sent.
    pub(in crate::probe::scheduler) asked: u64,
    /// At which step its answer was heard.
    pub(in crate::probe::scheduler) heard: u64,
    /// Which command of its batch it was.
    pub(in crate::probe::scheduler) place: usize,
}

impl Span {
    /// Before the run was interrupted: no session of now has that name and a step that early.
    pub(in crate::probe::scheduler) const PAST: Span = Span {
        session: SessionId::NONE,
        asked: 0,
        heard: 0,
        place: 0,
    };

    /// Of an answer that a ledger has kept, at a moment of its run.
    pub(in crate::probe::scheduler) fn kept(at: Timestamp) -> Self {
        Span {
            heard: at.as_millis(),
            asked: at.as_millis(),
            ..Span::PAST
        }
    }

    /// Whether an answer was surely given before another one. Of two sessions side by side, either may have been
    /// answered first.
    fn is_surely_before(self, later: Span) -> bool {
        if self.session == later.session {
            (self.heard, self.place) < (later.heard, later.place)
        } else {
            self.heard < later.asked
        }
    }
}

/// An answer that may turn out to be worth nothing.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::probe::scheduler) struct Answer {
    pub(in crate::probe::scheduler) asked: Asked,
    pub(in crate::probe::scheduler) span: Span,
}

impl Answer {
    /// Whether it is about an address of the list.
    pub(in crate::probe::scheduler) fn is_about_an_address(&self) -> bool {
        matches!(self.asked, Asked::Address(_))
    }
}

/// A refusal; within the present row until a recipient is accepted after it.
#[derive(Debug)]
struct Refusal {
    answer: Answer,
    in_row: bool,
}

/// Answers of one kind in a row: some hosts begin to refuse every recipient, or to accept every one, once they have had
/// too many questions about unknown recipients. An answer of the other kind shows that they do not, for all that came
/// before it.
#[derive(Debug, Default)]
pub(in crate::probe::scheduler) struct Rows {
    /// Acceptances for which no refusal vouches yet.
    accepted: VecDeque<Answer>,
    /// Refusals of late.
    refused: VecDeque<Refusal>,
    /// How often another decoy was refused: each time the next is due after a row twice as long.
    tested: u32,
    /// Whether another decoy is being asked about.
    pub(in crate::probe::scheduler) testing: bool,
    /// How often one taught nothing since.
    in_vain: u8,
    /// Another decoy was accepted where decoys were refused before: its acceptances are worth nothing.
    accepts_every_recipient: Option<Span>,
}

impl Rows {
    /// Takes in what a machine accepted and refused last before the run was interrupted, all of it surely before
    /// whatever comes now.
    pub(in crate::probe::scheduler) fn resume(
        &mut self,
        accepted: &mut Vec<Asked>,
        refused: &mut Vec<Asked>,
    ) {
        let answer = |asked| Answer {
            asked,
            span: Span::PAST,
        };
        self.accepted.extend(accepted.drain(..).map(answer));
        let refused = refused.drain(..).map(|asked| Refusal {
            answer: answer(asked),
            in_row: true,
        });
        self.refused.extend(refused);
    }

    /// Takes in that a machine accepted every recipient before the run was interrupted.
    pub(in crate::probe::scheduler) fn resume_accepting(&mut self) {
        self.accepted_every_recipient(Span::PAST);
    }

    /// Notes that a machine was found to accept every recipient, by then.
    pub(in crate::probe::scheduler) fn accepted_every_recipient(&mut self, span: Span) {
        self.accepts_every_recipient = Some(span);
    }

    /// Whom it accepted that no refusal vouches for yet, the oldest first.
    pub(in crate::probe::scheduler) fn accepted(&self) -> impl Iterator<Item = &Asked> {
        self.accepted.iter().map(|accepted| &accepted.asked)
    }

    /// Who is in doubt, the oldest first: accepted, and refused in the present row.
    pub(in crate::probe::scheduler) fn in_doubt(self) -> (Vec<Asked>, Vec<Asked>) {
        let accepted = self.accepted.into_iter().map(|answer| answer.asked);
        let in_row = self.refused.into_iter().filter(|refusal| refusal.in_row);
        let refused = in_row.map(|refusal| refusal.answer.asked);
        (accepted.collect(), refused.collect())
    }

    /// Notes an acceptance that seemed to mean something.
    pub(in crate::probe::scheduler) fn accept(&mut self, answer: Answer) {
        self.still_accepts(answer.span);
        while self.accepted.len() >= limits::LONGEST_ROW {
            self.accepted.pop_front();
        }
        self.accepted.push_back(answer);
    }

    /// Notes a refusal of an address of the list, or of a domain's first decoy.
    pub(in crate::probe::scheduler) fn refuse(&mut self, answer: Answer) {
        self.still_refuses(answer.span);
        self.refused.push_back(Refusal {
            answer,
            in_row: true,
        });
        let window = limits::TRUST_WINDOW as usize;
        let older = self.refused.iter().take_while(|refusal| !refusal.in_row);
        let superfluous = self.refused.len().saturating_sub(window).min(older.count());
        let superfluous = superfluous.max(self.refused.len().saturating_sub(limits::LONGEST_ROW));
        self.refused.drain(..superfluous);
    }

    /// Notes that another decoy was refused.
    pub(in crate::probe::scheduler) fn passed_the_test(&mut self, span: Span) {
        self.testing = false;
        self.tested += 1;
        self.in_vain = 0;
        self.still_refuses(span);
    }

    /// Notes that another decoy was accepted. Returns the acceptances that are worth nothing by that.
    pub(in crate::probe::scheduler) fn failed_the_test(&mut self, span: Span) -> Vec<Answer> {
        self.testing = false;
        self.accepted_every_recipient(span);
        std::mem::take(&mut self.accepted).into()
    }

    /// Notes that an answer was taken back.
    pub(in crate::probe::scheduler) fn forget(&mut self, asked: &Asked) {
        self.accepted.retain(|accepted| accepted.asked != *asked);
        self.refused
            .retain(|refusal| refusal.answer.asked != *asked);
    }

    /// Notes that the question about another decoy was not put.
    pub(in crate::probe::scheduler) fn not_tested(&mut self) {
        self.testing = false;
    }

    /// Notes that another decoy taught nothing. It is asked about again, a limited number of times; then what counts is
    /// what comes from there on.
    pub(in crate::probe::scheduler) fn tested_in_vain(&mut self) {
        self.testing = false;
        self.in_vain += 1;
        if self.in_vain >= limits::TESTS_IN_VAIN {
            self.in_vain = 0;
            self.accepted.clear();
        }
    }

    /// Notes that a recipient was refused: the acceptances before mean what they say.
    fn still_refuses(&mut self, span: Span) {
        self.accepts_every_recipient
            .take_if(|accepted| accepted.is_surely_before(span));
        self.accepted
            .retain(|accepted| !accepted.span.is_surely_before(span));
    }

    /// Notes that a recipient was accepted: no row of refusals reaches beyond it.
    pub(in crate::probe::scheduler) fn still_accepts(&mut self, span: Span) {
        for refusal in &mut self.refused {
            refusal.in_row &= !refusal.answer.span.is_surely_before(span);
        }
    }

    /// Notes that an address known to exist was accepted: the refusals before mean what they say.
    pub(in crate::probe::scheduler) fn accepts_a_control(&mut self, span: Span) {
        self.refused
            .retain(|refusal| !refusal.answer.span.is_surely_before(span));
    }

    /// Notes that another machine of the same key accepts an address known to exist, where this one has accepted none:
    /// the row was looked into. Those refused may still be held back with all of late.
    pub(in crate::probe::scheduler) fn note_questioned(&mut self) {
        for refusal in &mut self.refused {
            refusal.in_row = false;
        }
    }

    /// Whether acceptances are worth nothing here.
    pub(in crate::probe::scheduler) fn accepts_every_recipient(&self) -> bool {
        self.accepts_every_recipient.is_some()
    }

    /// Whether another decoy is due, at a machine that has refused so many unknown recipients (`unknown_refused`);
    /// `at_the_end` when it has nothing else left to be asked.
    pub(in crate::probe::scheduler) fn owe_a_decoy(
        &self,
        unknown_refused: u32,
        at_the_end: bool,
    ) -> bool {
        let long = limits::ACCEPTED_IN_A_ROW << self.tested.min(limits::ROW_DOUBLINGS);
        let at_least = match at_the_end {
            true => least_at_the_end(unknown_refused, long),
            // A machine that has had few unknown recipients has little reason yet to answer otherwise.
            false if unknown_refused < limits::UNKNOWN_RECIPIENTS => long * 2,
            false => long,
        };
        !self.testing && unknown_refused > 0 && self.accepted.len() >= at_least
    }

    /// Whether an address known to exist is to be asked about again, at a machine that last `accepted` an address then,
    /// perhaps for another group; the other arguments as for [`Rows::owe_a_decoy`].
    pub(in crate::probe::scheduler) fn owe_a_control(
        &self,
        unknown_refused: u32,
        at_the_end: bool,
        accepted: Option<Span>,
    ) -> bool {
        let long = limits::REFUSALS_IN_A_ROW;
        let at_least = if at_the_end {
            least_at_the_end(unknown_refused, long)
        } else {
            long
        };
        // An acceptance in a session of another group comes after a refusal only if it was asked for after it.
        let is_in_doubt = |refusal: &Refusal| {
            let heard = refusal.answer.span.heard;
            refusal.in_row && accepted.is_none_or(|accepted| heard >= accepted.asked)
        };
        self.count(is_in_doubt) >= at_least
    }

    /// How many refusals of addresses are of some kind.
    fn count(&self, of_kind: impl Fn(&Refusal) -> bool) -> usize {
        self.refused
            .iter()
            .filter(|refusal| refusal.answer.is_about_an_address() && of_kind(refusal))
            .count()
    }

    /// Takes out the refusals of the present row, or all of late.
    pub(in crate::probe::scheduler) fn take_refused(&mut self, which: Which) -> Vec<Answer> {
        let (taken, left) = std::mem::take(&mut self.refused)
            .into_iter()
            .partition(|refusal| which == Which::OfLate || refusal.in_row);
        self.refused = left;
        let taken: VecDeque<Refusal> = taken;
        taken.into_iter().map(|refusal| refusal.answer).collect()
    }
}

/// The shortest row that is looked at when no further answer will show what it is worth, at a machine that has refused
/// so many unknown recipients.
fn least_at_the_end(unknown_refused: u32, long: usize) -> usize {
    match unknown_refused {
        0..limits::UNKNOWN_RECIPIENTS => long,
        limits::UNKNOWN_RECIPIENTS..limits::MANY_UNKNOWN_RECIPIENTS => limits::SHORT_ROW,
        limits::MANY_UNKNOWN_RECIPIENTS.. => 1,
    }
}

/// Which refusals are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe::scheduler) enum Which {
    /// Those since a recipient was accepted.
    InARow,
    /// All of late.
    OfLate,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer in session `session` to a question sent at one step and heard at another.
    fn answer(session: u64, asked: u64, heard: u64) -> Answer {
        Answer {
            asked: Asked::Address("a@d.test".into()),
            span: Span {
                session: SessionId(session),
                asked,
                heard,
                place: 0,
            },
        }
    }

    #[test]
    fn a_refusal_vouches_for_what_was_surely_accepted_before_it() {
        let left = |refused: Answer| {
            let mut rows = Rows::default();
            rows.accept(answer(1, 10, 12));
            rows.refuse(refused);
            rows.accepted.len()
        };
        let behind = |answer: Answer| Answer {
            span: Span {
                place: 1,
                ..answer.span
            },
            ..answer
        };
        assert_eq!(left(behind(answer(1, 10, 12))), 0, "behind it in its batch");
        assert_eq!(left(answer(1, 13, 14)), 0, "in the same conversation");
        assert_eq!(left(answer(2, 13, 14)), 0, "asked after it was heard");
        assert_eq!(left(answer(2, 11, 13)), 1, "asked side by side");
    }

    #[test]
    fn an_acceptance_ends_the_row_of_what_was_surely_refused_before_it() {
        let in_row = |accepted: Span| {
            let mut rows = Rows::default();
            rows.refuse(answer(1, 10, 12));
            rows.still_accepts(accepted);
            rows.take_refused(Which::InARow).len()
        };
        assert_eq!(
            in_row(answer(1, 13, 14).span),
            0,
            "in the same conversation"
        );
        assert_eq!(
            in_row(answer(2, 13, 14).span),
            0,
            "asked after it was heard"
        );
        assert_eq!(in_row(answer(2, 11, 13).span), 1, "asked side by side");
    }

    #[test]
    fn a_host_is_no_more_believed_again_by_a_refusal_that_may_be_older() {
        let mut rows = Rows::default();
        rows.refuse(answer(1, 1, 2));
        rows.failed_the_test(answer(1, 10, 12).span);
        rows.refuse(answer(2, 11, 13));
        assert!(rows.accepts_every_recipient());
        rows.refuse(answer(2, 14, 15));
        assert!(!rows.accepts_every_recipient());
    }

    #[test]
    fn the_more_unknown_recipients_a_host_has_had_the_shorter_a_row_is_looked_at_in_the_end() {
        for (unknown_refused, shortest) in [
            (0, None),
            (1, Some(limits::ACCEPTED_IN_A_ROW)),
            (limits::UNKNOWN_RECIPIENTS, Some(limits::SHORT_ROW)),
            (limits::MANY_UNKNOWN_RECIPIENTS, Some(1)),
        ] {
            let mut rows = Rows::default();
            let looked_at = (1..=limits::ACCEPTED_IN_A_ROW).find(|_| {
                rows.accept(answer(1, 100, 100));
                assert!(
                    !rows.owe_a_decoy(unknown_refused, false),
                    "further answers may show as much"
                );
                rows.owe_a_decoy(unknown_refused, true)
            });
            assert_eq!(looked_at, shortest, "{unknown_refused}");
        }
    }

    #[test]
    fn decoys_lengthen_no_row_of_refusals_yet_are_taken_back_with_it() {
        let mut rows = Rows::default();
        for step in 0..u64::from(limits::TRUST_WINDOW) * 3 {
            rows.refuse(Answer {
                asked: Asked::Decoy("d.test".into()),
                ..answer(1, step, step)
            });
        }
        assert!(!rows.owe_a_control(limits::MANY_UNKNOWN_RECIPIENTS, true, None));
        for step in 0..limits::SHORT_ROW as u64 {
            rows.refuse(answer(1, 200 + step, 200 + step));
        }
        assert!(rows.owe_a_control(limits::MANY_UNKNOWN_RECIPIENTS, true, None));
        let taken = rows.take_refused(Which::InARow);
        assert!(taken.iter().any(|taken| !taken.is_about_an_address()));
        assert!(rows.refused.is_empty());
    }
}
