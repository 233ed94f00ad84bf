//! Is a host's refusal to be believed? Some refuse every recipient for a while: when overloaded, or to starve a client.

use crate::model::limits;
use crate::probe::History;

/// What a host's refusals are worth, by its own history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// Answers before the window.
    before: History,
    /// The last answers, the newest in the lowest bit; a set bit is a refusal.
    window: u64,
    /// How many of the bits count.
    seen: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Sound,
    /// A control address is being asked about.
    Questioned,
    /// It refused an address known to be good, or has none to show and jumped against its own history.
    Broken,
}

impl Trust {
    /// Trust in a host that answered so in earlier runs.
    #[must_use]
    pub fn with(history: History) -> Self {
        Trust {
            before: history,
            ..Trust::default()
        }
    }

    /// All answers so far.
    #[must_use]
    pub fn history(&self) -> History {
        let refused = u64::from(self.window.count_ones());
        History {
            accepted: self.before.accepted + u64::from(self.seen) - refused,
            refused: self.before.refused + refused,
        }
    }

    /// Notes an acceptance.
    pub fn accepted(&mut self) {
        self.push(false);
    }

    /// Notes a refusal for good that blames the mailbox.
    pub fn refused(&mut self) {
        self.push(true);
    }

    fn push(&mut self, refused: bool) {
        if self.seen == limits::TRUST_WINDOW {
            let oldest = self.window >> (limits::TRUST_WINDOW - 1) & 1;
            self.before.refused += oldest;
            self.before.accepted += 1 - oldest;
            self.window &= !(1 << (limits::TRUST_WINDOW - 1));
        } else {
            self.seen += 1;
        }
        self.window = self.window << 1 | u64::from(refused);
    }

    /// Whether enough was answered to tell a jump by.
    #[must_use]
    pub fn knows_the_host(&self) -> bool {
        self.before.accepted + self.before.refused >= limits::TRUST_HISTORY
    }

    /// Whether its refusals have just jumped against its own history, so that a control address should be asked about.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        if self.state != State::Sound || !self.knows_the_host() || self.seen < limits::TRUST_WINDOW
        {
            return false;
        }
        let all = self.before.accepted + self.before.refused;
        // Four in five now, not more than two in five before.
        let now = u64::from(self.window.count_ones()) * 5 >= u64::from(self.seen) * 4;
        now && self.before.refused * 5 <= all * 2
    }

    /// A control address is being asked about.
    pub fn question(&mut self) {
        self.state = State::Questioned;
    }

    /// Whether a control address is being asked about.
    #[must_use]
    pub fn is_questioned(&self) -> bool {
        self.state == State::Questioned
    }

    /// The control address was accepted: the list is to blame, so what it now looks like is its history.
    pub fn restore(&mut self) {
        let History { accepted, refused } = self.history();
        *self = Trust::with(History { accepted, refused });
    }

    /// The control address was refused, or there is none.
    pub fn lose(&mut self) {
        self.state = State::Broken;
    }

    /// Whether refusals are held back.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.state == State::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(accepted: u64, refused: u64) -> Trust {
        Trust::with(History { accepted, refused })
    }

    fn refuse(trust: &mut Trust, times: u32) {
        (0..times).for_each(|_| trust.refused());
    }

    #[test]
    fn a_jump_of_refusals_against_its_own_history_is_suspicious() {
        let mut trust = host(900, 100);
        refuse(&mut trust, limits::TRUST_WINDOW - 1);
        assert!(!trust.is_suspicious(), "too early to say");
        trust.refused();
        assert!(trust.is_suspicious());
        trust.question();
        assert!(!trust.is_suspicious(), "one question at a time");
        trust.lose();
        assert!(trust.is_lost() && !trust.is_suspicious());
    }

    #[test]
    fn a_host_that_refuses_many_anyway_or_is_little_known_is_no_suspect() {
        for (accepted, refused) in [(100, 900), (20, 5), (0, 0)] {
            let mut trust = host(accepted, refused);
            refuse(&mut trust, limits::TRUST_WINDOW);
            assert!(!trust.is_suspicious(), "{accepted} {refused}");
        }
    }

    #[test]
    fn an_accepted_control_address_makes_peace() {
        let mut trust = host(900, 100);
        refuse(&mut trust, limits::TRUST_WINDOW);
        trust.question();
        trust.restore();
        assert!(!trust.is_suspicious() && !trust.is_lost() && !trust.is_questioned());
        assert_eq!(
            trust.history().refused,
            100 + u64::from(limits::TRUST_WINDOW)
        );
    }

    #[test]
    fn the_history_counts_every_answer_once() {
        let mut trust = host(0, 0);
        for n in 0..1000 {
            match n % 3 {
                0 => trust.refused(),
                _ => trust.accepted(),
            }
        }
        let history = trust.history();
        assert_eq!((history.accepted, history.refused), (666, 334));
    }
}
