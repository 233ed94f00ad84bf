//! Local time: moments in the time zone of this machine, with their offset from UTC.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::timestamp::Timestamp;

/// Where the clock hangs.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::UTC)
    }
}

impl Zone {
    /// That of this machine, by `TZ` or its settings; UTC where neither says.
    pub(super) fn here() -> Zone {
        TimeZone::try_system().map_or_else(|_| Zone::default(), Zone)
    }

    /// A moment as the clock shows it: `14:30 UTC`, `15:30 UTC+1`.
    pub(super) fn clock(&self, moment: Timestamp) -> String {
        self.shown(moment, minutes)
    }

    /// A moment with its day: `2026-03-02 15:30 UTC+1`.
    pub(super) fn day_and_clock(&self, moment: Timestamp) -> String {
        self.shown(moment, |here| {
            format!("{}\u{a0}{}", here.date(), minutes(here))
        })
    }

    /// A moment as logs are searched for it, with its day and second: `2026-03-02 15:30:07 UTC+1`.
    pub(super) fn day_and_second(&self, moment: Timestamp) -> String {
        self.shown(moment, |here| {
            format!(
                "{}\u{a0}{}:{:02}",
                here.date(),
                minutes(here),
                here.second()
            )
        })
    }

    /// A moment as `written`, with the offset of the clock behind it.
    fn shown(&self, moment: Timestamp, written: impl FnOnce(&DateTime) -> String) -> String {
        let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
        let Ok(moment) = jiff::Timestamp::from_millisecond(millis) else {
            return "the end of time".to_owned();
        };
        let here = self.0.to_datetime(moment);
        let minutes = self.0.to_offset(moment).seconds() / 60;
        let (hours, rest) = (minutes / 60, (minutes % 60).abs());
        let offset = match (minutes, rest) {
            (0, _) => "UTC".to_owned(),
            (_, 0) => format!("UTC{hours:+}"),
            (_, rest) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                format!("UTC{sign}{}:{rest:02}", hours.abs())
            }
        };
        format!("{}\u{a0}{offset}", written(&here))
    }
}

/// The hour and the minute.
fn minutes(here: &DateTime) -> String {
    format!("{:02}:{:02}", here.hour(), here.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_clocks_there_show_it() {
        for (zone, moment, shown) in [
            ("UTC0", "2026-03-02T14:30:00Z", "14:30\u{a0}UTC"),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "2026-03-02T14:30:00Z",
                "15:30\u{a0}UTC+1",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "2026-07-02T14:30:00Z",
                "16:30\u{a0}UTC+2",
            ),
            ("IST-5:30", "2026-03-02T20:00:00Z", "01:30\u{a0}UTC+5:30"),
            ("NST3:30", "2026-03-02T02:00:00Z", "22:30\u{a0}UTC-3:30"),
            ("SAMOA11", "2026-03-02T02:00:00Z", "15:00\u{a0}UTC-11"),
        ] {
            let zone = Zone(TimeZone::posix(zone).unwrap());
            assert_eq!(zone.clock(moment.parse().unwrap()), shown);
        }
        let samoa = Zone(TimeZone::posix("SAMOA11").unwrap());
        let moment = "2026-03-02T02:00:00Z".parse().unwrap();
        assert_eq!(
            samoa.day_and_clock(moment),
            "2026-03-01\u{a0}15:00\u{a0}UTC-11"
        );
        let moment = "2026-03-02T02:00:07.9Z".parse().unwrap();
        assert_eq!(
            samoa.day_and_second(moment),
            "2026-03-01\u{a0}15:00:07\u{a0}UTC-11"
        );
        assert_eq!(
            Zone::default().clock(Timestamp::from_millis(u64::MAX)),
            "the end of time"
        );
    }
}
