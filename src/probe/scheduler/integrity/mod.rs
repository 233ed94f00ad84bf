//! Whether a host still tells the truth: what its answers show of each other, and what follows for those heard before.
//!
//! [`Integrity`] decides it for one machine, without any clock or network. What is heard now and what a ledger has kept
//! of an interrupted run ([`replay`]) go through the same [`Integrity::observe`]. What follows comes out as [`Order`]s,
//! which [`monitor`] carries out.

pub(crate) mod history;
pub(crate) mod known;
pub(crate) mod monitor;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod streak;

use crate::probe::{Asked, History};
use history::Trust;
use streak::{Answer, Rows, Span, Which};

/// What was heard of a machine, or of a test of it.
#[derive(Debug)]
pub(in crate::probe::scheduler) enum Observed {
    /// An address was accepted where unknown recipients are refused, or may be.
    Accepted(Answer),
    /// An address was accepted where that means nothing.
    AcceptedAnyway(Span),
    /// An address of the list, or a domain's first decoy, was refused for good.
    Refused(Answer),
    /// Another decoy is being asked about.
    DecoyAsked,
    /// It was not asked about after all, or accepted in a session that had turned, which says nothing of others.
    DecoySetAside,
    /// It was accepted.
    DecoyAccepted(Span),
    /// It was refused.
    DecoyRefused(Span),
    /// Its answer, or the lack of one, taught nothing.
    DecoyTaughtNothing,
    /// A batch in which an address was refused is over.
    BatchEnded(Circumstances),
    /// An address known to exist is being asked about.
    KnownGoodAsked,
    /// It was accepted.
    KnownGoodAccepted(Span),
    /// It was accepted by another machine of the same key, or got no answer.
    KnownGoodTaughtNothing,
    /// It was refused, here or, in doubt of this machine, elsewhere.
    KnownGoodRefused {
        /// Whether the machine in doubt refused an address that it had accepted itself.
        is_its_own: bool,
        /// How many unknown recipients it has refused.
        unknown_refused: u32,
    },
    /// The machine, or most of its neighbours, were caught at refusing every recipient.
    Caught,
    /// An answer is not to be counted, for it may belong to another question, or comes from a session that had turned.
    Withdrawn(Asked),
    /// An answer was taken back, for the machine had been caught.
    TakenBack {
        /// Whom it was about.
        asked: Asked,
        /// Whether it was an acceptance.
        is_acceptance: bool,
        /// When it was taken back.
        span: Span,
    },
}

/// What follows from an observation.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::probe::scheduler) enum Order {
    /// These answers are worth nothing.
    Retract(Vec<Answer>),
    /// Ask about an address known to exist.
    AskKnownGood,
    /// Believe no refusal of the machine any more, and hold back those that it has given.
    Distrust(Which),
}

/// What else is known of a machine when something is observed.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::probe::scheduler) struct Circumstances {
    /// How many unknown recipients it has refused, whichever domains named them.
    pub(in crate::probe::scheduler) unknown_refused: u32,
    /// When it last accepted an address, perhaps for another group.
    pub(in crate::probe::scheduler) accepted: Option<Span>,
    /// Whether there is an address known to exist to test it with.
    pub(in crate::probe::scheduler) has_good: bool,
}

/// What the answers of one machine are worth.
#[derive(Debug, Default)]
pub(in crate::probe::scheduler) struct Integrity {
    /// Answers of one kind in a row.
    rows: Rows,
    /// Its refusals against its own history.
    trust: Trust,
}

impl Integrity {
    /// Of a machine whose host answered so in earlier runs.
    pub(in crate::probe::scheduler) fn with(history: History) -> Self {
        Integrity {
            rows: Rows::default(),
            trust: Trust::with(history),
        }
    }

    /// Takes in what was observed. Returns what follows at once; what is to be asked when a conversation has room for it
    /// tell [`Integrity::owes_a_decoy`] and [`Integrity::owes_a_control`].
    pub(in crate::probe::scheduler) fn observe(&mut self, observed: Observed) -> Vec<Order> {
        match observed {
            Observed::Accepted(answer) => {
                self.trust.accepted();
                if !self.rows.accepts_every_recipient() {
                    self.rows.accept(answer);
                }
            }
            Observed::AcceptedAnyway(span) => {
                self.trust.accepted();
                self.rows.still_accepts(span);
            }
            Observed::Refused(answer) => {
                if answer.is_about_an_address() {
                    self.trust.refused();
                }
                self.rows.refuse(answer);
            }
            Observed::DecoyAsked => self.rows.testing = true,
            Observed::DecoySetAside => self.rows.not_tested(),
            Observed::DecoyAccepted(span) => {
                return vec![Order::Retract(self.rows.failed_the_test(span))];
            }
            Observed::DecoyRefused(span) => self.rows.passed_the_test(span),
            Observed::DecoyTaughtNothing => self.rows.tested_in_vain(),
            Observed::BatchEnded(circumstances) => return self.look_into_refusals(circumstances),
            Observed::KnownGoodAsked => self.trust.question(),
            Observed::KnownGoodAccepted(span) => {
                self.make_peace();
                self.rows.accepts_a_control(span);
            }
            Observed::KnownGoodTaughtNothing => {
                self.make_peace();
                self.rows.note_questioned();
            }
            Observed::KnownGoodRefused {
                is_its_own,
                unknown_refused,
            } => {
                let explains_the_row =
                    is_its_own && self.rows.owe_a_control(unknown_refused, true, None);
                return vec![Order::Distrust(if explains_the_row {
                    Which::InARow
                } else {
                    Which::OfLate
                })];
            }
            Observed::Caught => self.trust.lose(),
            Observed::Withdrawn(asked) => self.rows.forget(&asked),
            Observed::TakenBack {
                asked,
                is_acceptance,
                span,
            } => {
                self.rows.forget(&asked);
                if is_acceptance {
                    self.rows.accepted_every_recipient(span);
                } else {
                    self.trust.lose();
                }
            }
        }
        Vec::new()
    }

    /// What follows from refusals, once all of their batch is known: what came with them may have shown already that the
    /// machine still accepts an address.
    fn look_into_refusals(&self, circumstances: Circumstances) -> Vec<Order> {
        let Circumstances {
            unknown_refused,
            accepted,
            has_good,
        } = circumstances;
        let mut orders = Vec::new();
        if self.trust.is_lost() {
            return orders;
        }
        let has_jumped = self.trust.is_suspicious();
        if has_jumped || self.rows.owe_a_control(unknown_refused, false, accepted) {
            orders.push(Order::AskKnownGood);
        }
        if has_jumped && !has_good {
            orders.push(Order::Distrust(Which::OfLate));
        }
        orders
    }

    /// It is believed as before, where it was questioned; where it was caught, that stays so.
    fn make_peace(&mut self) {
        if self.trust.is_questioned() {
            self.trust.restore();
        }
    }

    /// Whether its acceptances in a row want another decoy; `at_the_end` when it has nothing else left to be asked.
    pub(in crate::probe::scheduler) fn owes_a_decoy(
        &self,
        unknown_refused: u32,
        at_the_end: bool,
    ) -> bool {
        self.rows.owe_a_decoy(unknown_refused, at_the_end)
    }

    /// Whether its refusals in a row want an address known to exist to be asked about; `at_the_end` as above.
    pub(in crate::probe::scheduler) fn owes_a_control(
        &self,
        at_the_end: bool,
        circumstances: Circumstances,
    ) -> bool {
        self.rows.owe_a_control(
            circumstances.unknown_refused,
            at_the_end,
            circumstances.accepted,
        )
    }

    /// Whether it accepts every recipient by now: its acceptances are worth nothing.
    pub(in crate::probe::scheduler) fn accepts_every_recipient(&self) -> bool {
        self.rows.accepts_every_recipient()
    }

    /// Whether it was caught at refusing every recipient: its refusals are worth nothing.
    pub(in crate::probe::scheduler) fn refuses_every_recipient(&self) -> bool {
        self.trust.is_lost()
    }

    /// Whether an address known to exist is being asked about, in doubt of its refusals.
    pub(in crate::probe::scheduler) fn is_questioned(&self) -> bool {
        self.trust.is_questioned()
    }

    /// Takes out what it refused, in the present row or all of late: it is worth nothing.
    pub(in crate::probe::scheduler) fn take_refused(&mut self, which: Which) -> Vec<Answer> {
        self.rows.take_refused(which)
    }

    /// Takes in what a machine answered last before the run was interrupted, as far as it is in doubt: all of it surely
    /// before whatever comes now.
    pub(in crate::probe::scheduler) fn take_up(
        &mut self,
        accepted: &mut Vec<Asked>,
        refused: &mut Vec<Asked>,
    ) {
        self.rows.resume(accepted, refused);
    }

    /// Takes in that a machine accepted every recipient before the run was interrupted.
    pub(in crate::probe::scheduler) fn take_up_accepting(&mut self) {
        self.rows.resume_accepting();
    }

    /// Whom it accepted that no refusal vouches for yet, the oldest first.
    fn accepted(&self) -> impl Iterator<Item = &Asked> {
        self.rows.accepted()
    }

    /// Who is in doubt, the oldest first: accepted, and refused in the present row.
    fn in_doubt(self) -> (Vec<Asked>, Vec<Asked>) {
        self.rows.in_doubt()
    }
}
