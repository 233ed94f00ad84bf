//! A plan for a new domain: how many messages on which day until the wanted volume is reached.

use serde::Serialize;

use crate::model::limits;

/// One day of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Counted from one.
    pub day: u32,
    /// Most messages on it.
    pub messages: u64,
}

/// The plan that ends with `volume` messages a day, cut to [`limits::WARM_UP_VOLUME`].
#[must_use]
pub fn plan(volume: u64) -> Vec<Day> {
    let volume = volume.min(limits::WARM_UP_VOLUME);
    let mut messages = limits::WARM_UP_START.min(volume);
    let mut days = vec![Day { day: 1, messages }];
    while messages < volume {
        let grown = messages * (100 + limits::WARM_UP_GROWTH_PERCENT) / 100;
        messages = round(grown).min(volume);
        let day = u32::try_from(days.len() + 1).unwrap_or(u32::MAX);
        days.push(Day { day, messages });
    }
    days
}

/// Two significant digits, for no plan is followed to 137 messages.
fn round(number: u64) -> u64 {
    let mut step = 1;
    while number / step >= 100 {
        step *= 10;
    }
    number / step * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_begins_small_grows_steadily_and_ends_at_the_wanted_volume() {
        for volume in [0, 1, 49, 50, 51, 500, 5_000, 123_456, u64::MAX] {
            let days = plan(volume);
            assert!(days[0].messages <= limits::WARM_UP_START);
            assert_eq!(
                days.last().unwrap().messages,
                volume.min(limits::WARM_UP_VOLUME)
            );
            for pair in days.windows(2) {
                assert!(pair[0].messages < pair[1].messages);
                assert!(pair[1].messages <= pair[0].messages * 3 / 2);
            }
        }
    }
}
