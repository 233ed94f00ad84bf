//! What to put into one batch: which addresses next, how many domains at once, within which limits.

use std::time::Duration;

use super::{Budget, Caps, Likelihood, Spent};
use crate::model::limits;
use crate::model::provider::Provider;
use crate::smtp::session::{Offer, Software};

impl Budget {
    /// What a connection may be used for, by what the host offers (RFC 9422), what is known of its provider, and what
    /// it was found to take.
    #[must_use]
    pub fn of(offer: &Offer, provider: Option<&Provider>, found: Caps) -> Self {
        let per_transaction = [
            offer.recipients_per_transaction,
            provider.and_then(|p| p.recipients_per_transaction),
            found.per_transaction,
        ];
        let transactions = match (provider, offer.software) {
            (Some(_), _) => limits::TRANSACTIONS_AT_A_KNOWN_PROVIDER,
            (None, Software::Postfix) => limits::TRANSACTIONS_AT_POSTFIX,
            (None, Software::Other) => limits::TRANSACTIONS_OF_A_CONNECTION,
        };
        Budget {
            recipients: provider
                .and_then(|p| p.recipients_per_connection)
                .unwrap_or(limits::RECIPIENTS_OF_A_CONNECTION)
                .min(found.per_connection.unwrap_or(u32::MAX))
                .max(1),
            recipients_per_transaction: per_transaction
                .into_iter()
                .flatten()
                .fold(limits::RECIPIENTS_OF_A_TRANSACTION, u32::min)
                .max(1),
            transactions: offer
                .transactions_per_connection
                .unwrap_or(u32::MAX)
                .min(transactions)
                .max(1),
            refusals: found.refusals.map_or(limits::REFUSED_RECIPIENTS, |found| {
                found.min(limits::REFUSED_RECIPIENTS)
            }),
        }
    }
}

/// How many domains one batch may ask about.
///
/// A domain of which nothing is known is asked one question at a time, so several of them in one batch hide the round
/// trip; but each is a transaction, of which a connection has few, and comes back for its decoy, then for the rest.
/// So no more than keep the host's `rate` (recipients a second; `None`: no limit) busy over a `round_trip`, twice that
/// for good measure, shared by the `conversations` with the host; nor more than a third of the `transactions` left.
#[must_use]
pub fn domains_at_once(
    rate: Option<f64>,
    round_trip: Duration,
    conversations: u32,
    transactions: u32,
) -> u32 {
    let by_transactions = (transactions / 3).max(1);
    let Some(rate) = rate else {
        return by_transactions;
    };
    let busy = 2.0 * rate * round_trip.as_secs_f64() / f64::from(conversations.max(1));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number, saturating"
    )]
    let by_rate = busy.ceil() as u32;
    by_rate.clamp(1, by_transactions)
}

/// Which kind of address to ask about next, where `good` and `bad` ones wait: good ones first, until there is credit
/// for all the refusals that a connection may have, then both in proportion, but a good one whenever refusals have
/// caught up with acceptances. So a connection lasts as long as the list allows.
///
/// `asked` counts the questions of this connection by kind: good, bad.
#[must_use]
pub fn next_kind(spent: Spent, asked: [u32; 2], good: usize, bad: usize) -> Likelihood {
    if bad == 0 {
        return Likelihood::Good;
    }
    if good == 0 {
        return Likelihood::Bad;
    }
    let [asked_good, _] = asked;
    let caught_up = spent.recipients() > 0 && spent.accepted <= spent.refused;
    if asked_good < limits::REFUSED_RECIPIENTS || caught_up {
        return Likelihood::Good;
    }
    let [asked_good, asked_bad] = asked.map(|count| count as usize);
    // The share of bad ones asked stays below the share of bad ones waiting.
    if (asked_bad + 1) * good <= asked_good * bad {
        Likelihood::Bad
    } else {
        Likelihood::Good
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flights_are_as_wide_as_rate_and_round_trip_ask_for() {
        let ms = Duration::from_millis;
        for (rate, round_trip, conversations, transactions, wanted) in [
            // Ten a second over 60 ms are less than one at a time: one domain after the other.
            (Some(10.0), ms(60), 1, 10, 2),
            (Some(10.0), ms(60), 2, 10, 1),
            (Some(10.0), ms(400), 1, 10, 3),
            (Some(200.0), ms(100), 1, 50, 16),
            (None, ms(60), 1, 10, 3),
            (None, ms(60), 1, 50, 16),
            (Some(10.0), ms(400), 1, 2, 1),
            (Some(0.1), ms(60), 0, 0, 1),
        ] {
            assert_eq!(
                domains_at_once(rate, round_trip, conversations, transactions),
                wanted,
                "{rate:?} {round_trip:?} {conversations} {transactions}"
            );
        }
    }

    #[test]
    fn a_budget_is_the_least_of_all_that_limits_it() {
        let offer = |recipients, transactions| Offer {
            recipients_per_transaction: recipients,
            transactions_per_connection: transactions,
            ..Offer::default()
        };
        let of = |offer: &Offer, found| {
            let found = Caps {
                per_transaction: found,
                ..Caps::default()
            };
            let budget = Budget::of(offer, None, found);
            (budget.recipients_per_transaction, budget.transactions)
        };
        assert_eq!(of(&offer(None, None), None), (25, 10));
        assert_eq!(of(&offer(Some(3), Some(2)), None), (3, 2));
        assert_eq!(of(&offer(Some(3), Some(20)), Some(1)), (1, 10));
        assert_eq!(of(&offer(Some(1000), None), Some(0)), (1, 10));
        assert_eq!(of(&offer(None, Some(0)), None), (25, 1), "it takes mail");
        let found = Caps {
            per_connection: Some(10),
            refusals: Some(2),
            ..Caps::default()
        };
        let budget = Budget::of(&Offer::default(), None, found);
        assert_eq!((budget.recipients, budget.refusals), (10, 2));
    }

    #[test]
    fn bad_ones_come_when_there_is_credit_for_them() {
        let (mut good, mut bad, mut asked) = (40, 10, [0, 0]);
        let mut order = String::new();
        while good + bad > 0 {
            let kind = next_kind(Spent::default(), asked, good, bad);
            match kind {
                Likelihood::Good => (good, asked[0]) = (good - 1, asked[0] + 1),
                Likelihood::Bad => (bad, asked[1]) = (bad - 1, asked[1] + 1),
            }
            order.push(if kind == Likelihood::Good { 'g' } else { 'b' });
        }
        assert!(order.starts_with("ggggggggg"), "{order}");
        assert!(!order.contains("bbb"), "{order}");
    }

    proptest! {
        #[test]
        fn credit_is_earned_before_it_is_spent(accepted in 0u32..20, refused in 0u32..9, good in 1usize..50, bad in 1usize..50) {
            let spent = Spent { accepted, refused, transactions: 1, ..Spent::default() };
            prop_assume!(spent.recipients() > 0 && accepted <= refused);
            prop_assert_eq!(next_kind(spent, [accepted, refused], good, bad), Likelihood::Good);
        }

        #[test]
        fn an_address_is_always_asked_about(asked in any::<[u8; 2]>(), good in 0usize..50, bad in 0usize..50) {
            prop_assume!(good + bad > 0);
            match next_kind(Spent::default(), asked.map(u32::from), good, bad) {
                Likelihood::Good => prop_assert!(good > 0),
                Likelihood::Bad => prop_assert!(bad > 0),
            }
        }
    }
}
