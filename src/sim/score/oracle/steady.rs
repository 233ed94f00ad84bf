//! Which hosts answer every client alike at any time, so that a careful client's success there is no luck.

use std::time::Duration;

use crate::sim::net::Persona;
use crate::sim::net::dialect::Line;
use crate::sim::net::habits::{Greeting, Greylist, Habits, Pipelining};
use crate::sim::score::Site;

/// The longest greylist that a client with the usual patience must see the end of, even when the host names no time.
const GREYLIST_WORTH_WAITING: Duration = Duration::from_secs(900);

impl Site {
    /// Whether it behaves in the same way towards every client at any time, with nothing in between to get lost.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        let habits = &self.habits;
        let plain = Habits {
            dialect: habits.dialect,
            errors: habits.errors,
            offers: habits.offers.clone(),
            bad_recipients: habits.bad_recipients,
            ..Default::default()
        };
        let quick = habits.rcpt_wait.as_secs() < 2
            && habits.tarpit.as_secs() < 6
            && habits.greeting_wait.as_secs() < 30
            && self.way.round_trip.as_millis() < 500;
        let refuses_for_good = habits
            .says
            .get(&Line::NoSuchUser)
            .is_none_or(|words| words.starts_with('5'));
        self.way.loss == 0.0
            && self.way.reset == 0.0
            && quick
            && refuses_for_good
            && habits.hello == plain.hello
            && habits.pipelining != Pipelining::Chokes
            && !habits.tls.is_broken()
            && habits.stumble.is_none()
            && habits.greylist.is_none()
            && habits.harvest.is_none()
            && habits.turns_after.is_none()
            && habits.rate.is_none()
            && habits
                .per_transaction
                .is_none_or(|most| most >= 25 || self.is_known_by_name())
            && habits
                .per_connection
                .is_none_or(|most| most >= 100 || self.is_known_by_name())
            && habits.after_refusal == plain.after_refusal
            && habits.speech.is_understood()
            && habits.door == plain.door
            && habits.greeting == plain.greeting
    }

    /// Whether a client that comes back when the greylist says is told as if there were none.
    pub(super) fn is_steady_in_time(&self) -> bool {
        let soon = |greylist: Greylist| greylist.wait <= GREYLIST_WORTH_WAITING;
        let mut without = self.clone();
        if self.habits.greylist.is_some_and(soon) {
            without.habits.greylist = None;
        }
        without.is_steady()
    }

    /// Whether unknown recipients are refused there in words that say nothing.
    pub(super) fn speaks_in_riddles(&self) -> bool {
        self.habits.says == Persona::RefusesInOwnWords.habits().says
    }

    /// Whether a conversation there goes on as long as the client likes.
    pub(super) fn stays_on(&self) -> bool {
        self.habits.speech.is_understood()
            && self.habits.greeting == Greeting::Welcomes
            && !self.habits.tls.is_broken()
            && self.way.loss == 0.0
            && self.way.reset == 0.0
    }
}
