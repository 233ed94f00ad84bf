//! How many recipients one connection may still be asked about.
//!
//! Receiving hosts count: Exim's stock configuration drops a client with more than ten recipients of which fewer than
//! half were accepted, Postfix one with twenty errors. We stay under both whatever the answers will be.

use crate::model::limits;

/// What one connection may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Most recipients in the connection.
    pub recipients: u32,
    /// Most recipients in one transaction.
    pub recipients_per_transaction: u32,
    /// Most transactions in the connection.
    pub transactions: u32,
    /// Most refused recipients.
    pub refusals: u32,
}

/// The limits that a host was found to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Most recipients in a transaction.
    pub per_transaction: Option<u32>,
    /// Most recipients in a connection.
    pub per_connection: Option<u32>,
    /// Most refused recipients in a connection.
    pub refusals: Option<u32>,
}

/// What one connection has been used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Recipients accepted so far.
    pub accepted: u32,
    /// Recipients answered in any other way.
    pub refused: u32,
    /// Transactions begun so far.
    pub transactions: u32,
    /// Acceptances that may be none, each with a refusal still to come: they count so past ten recipients.
    pub in_doubt: u32,
}

impl Spent {
    /// Recipients asked about.
    #[must_use]
    pub fn recipients(self) -> u32 {
        self.accepted + self.refused
    }

    /// The same as a host may have it that has sent so many replies too many, or one: where there are no more acceptances
    /// than that, all of them may be none, and as many refusals be still to come. Among more acceptances some are real:
    /// to think of the worst at once would end every first session early, so that is done past ten recipients alone.
    #[must_use]
    pub fn out_of_step(self, surplus: u32) -> Self {
        if self.accepted <= surplus.max(1) {
            Spent {
                accepted: 0,
                refused: self.recipients(),
                ..self
            }
        } else {
            Spent {
                in_doubt: surplus,
                ..self
            }
        }
    }

    /// The same as a host may have it that has sent so many replies too many, where that is to be feared: each stands for
    /// an acceptance, and as many refusals are still to come.
    #[must_use]
    pub fn surely_out_of_step(self, surplus: u32) -> Self {
        let mistaken = self.accepted.min(surplus);
        Spent {
            accepted: self.accepted - mistaken,
            refused: self.refused + mistaken,
            in_doubt: 0,
            ..self
        }
    }

    /// How many more recipients may be asked about before the next answer is read, should every one be refused.
    ///
    /// Never more than nine refused in a connection; past ten recipients never more refused than accepted.
    #[must_use]
    pub fn room(self, budget: Budget) -> u32 {
        let by_total = budget.recipients.saturating_sub(self.recipients());
        let by_refusals = budget.refusals.saturating_sub(self.refused);
        let most = by_total.min(by_refusals);
        let up_to_the_tripwire = limits::RECIPIENTS_BEFORE_RATIO.saturating_sub(self.recipients());
        let by_ratio = self
            .accepted
            .saturating_sub(self.refused + 2 * self.in_doubt);
        most.min(up_to_the_tripwire.max(by_ratio))
    }

    /// The same where the connection may have to end with a decoy for what it accepted last: as many as leave that
    /// decoy a place, whatever the answers. One that is refused for good needs no decoy; one that is refused for now
    /// leaves it `owed` where it was before.
    #[must_use]
    pub fn room_before_a_decoy(self, owed: bool, budget: Budget) -> u32 {
        let leaves_a_place = |asked: &u32| {
            let accepted = u32::from(!owed);
            let worst = Spent {
                accepted: self.accepted + accepted,
                refused: self.refused + asked - accepted,
                ..self
            };
            worst.room(budget) > 0
        };
        let fits = (1..=self.room(budget)).rev().find(leaves_a_place);
        fits.unwrap_or(0)
    }

    /// Whether another transaction may be begun.
    #[must_use]
    pub fn may_begin(self, budget: Budget) -> bool {
        self.transactions < budget.transactions
    }
}

/// What one transaction has been used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Recipients named, those whose answer is awaited among them.
    pub recipients: u32,
    /// Recipients accepted so far.
    pub accepted: u32,
}

impl Used {
    /// Whether another recipient may be named in it, should all that are awaited be refused: Exim counts by transaction
    /// (`$rcpt_count`, `$recipients_count`), so what an earlier one had to its credit does not help.
    #[must_use]
    pub fn may_name_another(self, budget: Budget) -> bool {
        self.recipients < budget.recipients_per_transaction
            && (self.recipients < limits::RECIPIENTS_BEFORE_RATIO
                || self.accepted * 2 >= self.recipients)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLENTY: Budget = Budget {
        recipients: 1000,
        recipients_per_transaction: 100,
        transactions: 100,
        refusals: limits::REFUSED_RECIPIENTS,
    };

    fn room(accepted: u32, refused: u32) -> u32 {
        Spent {
            accepted,
            refused,
            transactions: 1,
            ..Spent::default()
        }
        .room(PLENTY)
    }

    #[test]
    fn room_for_recipients_by_what_was_answered() {
        assert_eq!(room(0, 0), 9);
        assert_eq!(room(0, 4), 5);
        assert_eq!(room(0, 9), 0);
        assert_eq!(room(5, 5), 0, "the eleventh might tip the balance");
        assert_eq!(room(6, 4), 2);
        assert_eq!(room(100, 0), 9);
        assert_eq!(room(100, 8), 1);
        assert_eq!(room(100, 9), 0);
    }

    #[test]
    fn replies_too_many_may_all_stand_for_acceptances() {
        let after = |accepted, refused, surplus| {
            let spent = Spent {
                accepted,
                refused,
                transactions: 2,
                ..Spent::default()
            };
            spent.surely_out_of_step(surplus).room(PLENTY)
        };
        assert_eq!(after(6, 4, 0), 2);
        assert_eq!(after(6, 4, 1), 0, "the eleventh might tip the balance");
        assert_eq!(after(1, 2, 4), 6, "no more than were accepted");
    }

    #[test]
    fn a_decoy_at_the_end_keeps_its_place_and_costs_no_other() {
        let before = |accepted, refused| {
            let spent = Spent {
                accepted,
                refused,
                transactions: 1,
                ..Spent::default()
            };
            spent.room_before_a_decoy(false, PLENTY)
        };
        assert_eq!(before(0, 3), 6);
        assert_eq!(before(5, 4), 1, "accepted, it makes room itself");
        assert_eq!(before(20, 8), 1, "refused, it needs no decoy");
        assert_eq!(before(4, 5), 0, "accepted, it would be the tenth");
        assert_eq!(before(20, 9), 0);
        let owed = |accepted, refused| {
            let spent = Spent {
                accepted,
                refused,
                transactions: 1,
                ..Spent::default()
            };
            spent.room_before_a_decoy(true, PLENTY)
        };
        assert_eq!(owed(5, 4), 0, "refused for now, it would take the place");
        assert_eq!(owed(20, 8), 0);
        assert_eq!(owed(20, 3), 5);
    }

    #[test]
    fn a_transaction_goes_on_past_ten_while_half_are_accepted() {
        for (recipients, accepted, wanted) in [
            (9, 0, true),
            (10, 4, false),
            (10, 5, true),
            (18, 9, true),
            (19, 9, false),
            (100, 99, false),
        ] {
            let used = Used {
                recipients,
                accepted,
            };
            assert_eq!(used.may_name_another(PLENTY), wanted, "{used:?}");
        }
    }

    #[test]
    fn acceptances_that_may_be_none_leave_no_room_for_a_tenth_refusal() {
        let rooms = |accepted, refused, surplus| {
            let seen = Spent {
                accepted,
                refused,
                transactions: 1,
                ..Spent::default()
            };
            [seen.room(PLENTY), seen.out_of_step(surplus).room(PLENTY)]
        };
        assert_eq!(rooms(1, 8, 0), [1, 0], "it may be the answer to MAIL");
        assert_eq!(rooms(0, 8, 0), [1, 1]);
        assert_eq!(rooms(2, 7, 1), [1, 1]);
        // One question for each of nine domains: RSET may have been answered twice each time.
        assert_eq!(rooms(7, 2, 8), [5, 0]);
        assert_eq!(rooms(20, 2, 8), [7, 2]);
    }

    #[test]
    fn acceptances_that_may_be_none_tip_no_balance_past_ten() {
        let after = |accepted, refused, surplus| {
            let seen = Spent {
                accepted,
                refused,
                transactions: 2,
                ..Spent::default()
            };
            seen.out_of_step(surplus).room(PLENTY)
        };
        assert_eq!(after(6, 4, 0), 2, "no RSET was said");
        assert_eq!(after(6, 4, 1), 0, "six were refused, if one was none");
        assert_eq!(after(6, 3, 1), 1, "the tenth");
        assert_eq!(after(14, 2, 2), 7);
    }

    #[test]
    fn a_host_that_bears_two_refusals_is_given_no_third() {
        let budget = Budget {
            refusals: 2,
            ..PLENTY
        };
        let room = |accepted, refused| {
            let spent = Spent {
                accepted,
                refused,
                transactions: 1,
                ..Spent::default()
            };
            spent.room(budget)
        };
        assert_eq!([room(0, 0), room(3, 1), room(50, 2)], [2, 1, 0]);
    }

    proptest! {
        #[test]
        fn an_address_accepted_last_leaves_the_decoy_a_place(accepted in 0u32..40, refused in 0u32..9, answers in any::<u16>()) {
            let before = Spent { accepted, refused, transactions: 1, ..Spent::default() };
            let asked = before.room_before_a_decoy(false, PLENTY);
            prop_assert!(asked <= before.room(PLENTY));
            prop_assume!(asked > 0);
            // The last one is accepted, all others as may be.
            let yes = 1 + (answers & ((1 << (asked - 1)) - 1)).count_ones();
            let after = Spent { accepted: accepted + yes, refused: refused + asked - yes, ..before };
            prop_assert!(after.room(PLENTY) > 0, "{before:?} {after:?}");
        }

        #[test]
        fn no_answers_at_all_can_trip_a_wire(answers in proptest::collection::vec(any::<bool>(), 0..400)) {
            let mut spent = Spent { transactions: 1, ..Spent::default() };
            let mut answers = answers.into_iter();
            'connection: loop {
                let batch = spent.room(PLENTY);
                if batch == 0 { break }
                for _ in 0..batch {
                    match answers.next() {
                        Some(true) => spent.accepted += 1,
                        Some(false) => spent.refused += 1,
                        None => break 'connection,
                    }
                    prop_assert!(spent.refused <= 9);
                    prop_assert!(spent.recipients() <= 10 || spent.refused <= spent.accepted);
                }
            }
        }
    }
}
