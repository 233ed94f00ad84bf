//! How a host comes to be asked faster than others: a large operator that answers quickly, for minutes, without a complaint.

use std::time::Duration;

use super::limiter::Rate;
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// The way up from the general rate to the most that a host may be asked: step by step, each earned by a while in which
/// most of what may be asked was asked, accepted and answered quickly.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    most: Rate,
    /// When the present while began.
    since: Timestamp,
    /// Recipients accepted in it.
    accepted: u32,
    /// Good whiles in a row.
    good: u32,
}

impl Growth {
    /// The way up to `most`.
    #[must_use]
    pub fn up_to(most: Rate) -> Self {
        Growth {
            most,
            since: Timestamp::default(),
            accepted: 0,
            good: 0,
        }
    }

    /// Notes that a recipient was accepted at a host that is asked at `rate` and answers within `reply` as a rule. Returns
    /// the rate that is earned by that, if one is.
    pub fn accepted(&mut self, rate: Rate, reply: Duration, now: Timestamp) -> Option<Rate> {
        self.accepted += 1;
        let passed = now.since(self.since);
        if passed < limits::QUICKENS_EVERY {
            return None;
        }
        let accepted = f64::from(std::mem::take(&mut self.accepted));
        self.since = now;
        let most_were_accepted = rate
            .per_second()
            .is_some_and(|rate| accepted > rate * passed.as_secs_f64() / 2.0);
        if !most_were_accepted || reply > limits::QUICK_REPLY {
            self.good = 0;
            return None;
        }
        self.good += 1;
        let next = rate.plus(limits::QUICKENS_BY).min(self.most);
        (self.good >= limits::QUICK_BEFORE_THE_FIRST_STEP && rate.is_below(next)).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates that a host earns within so many seconds that accepts one recipient every so many milliseconds.
    fn earned(seconds: u64, every: u64, reply: Duration) -> Vec<String> {
        let mut growth = Growth::up_to(Rate::per_seconds(20));
        let (mut rate, mut earned) = (Rate::per_seconds(10), Vec::new());
        for at in (1_000_000..1_000_000 + seconds * 1000).step_by(usize::try_from(every).unwrap()) {
            if let Some(next) = growth.accepted(rate, reply, Timestamp::from_millis(at)) {
                rate = next;
                earned.push(next.to_string());
            }
        }
        earned
    }

    const QUICK: Duration = Duration::from_millis(60);

    #[test]
    fn a_host_earns_its_way_up_step_by_step_and_no_further() {
        assert!(earned(110, 50, QUICK).is_empty());
        assert_eq!(earned(130, 50, QUICK), ["12/s"]);
        let all = ["12/s", "14/s", "16/s", "18/s", "20/s"];
        assert_eq!(earned(3600, 50, QUICK), all);
    }

    #[test]
    fn a_host_that_is_slow_or_accepts_few_earns_nothing() {
        assert!(earned(3600, 50, QUICK * 10).is_empty());
        assert!(earned(3600, 210, QUICK).is_empty());
    }
}
