//! Whether this machine's clock is right, by what others happen to tell: mail hosts write the time into their greeting,
//! the registry of .com into its zone.

use std::time::Duration;

use crate::model::limits;
use crate::model::timestamp::Timestamp;

use crate::preflight::check::Check;
use crate::preflight::lookup::{Found, Lookups};
use crate::preflight::machine::port25::Met;

/// The program is not older than this, so a clock that shows less is wrong: 2026-01-01.
const NO_EARLIER_THAN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A zone whose serial number is the time of its making in seconds since 1970, renewed every few minutes: said by its
/// registry in 2004-01 (NANOG, "Upcoming change to SOA values in .com and .net zones").
const TIMED_ZONE: &str = "com";

/// What another host says the time is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The name of that host or zone.
    pub from: String,
    /// The time told.
    pub at: Timestamp,
    /// How far the clock may be off that before anything is said.
    pub tolerance: Duration,
}

/// What mail hosts and DNS told of the time. `now` is when they did, by our clock.
pub async fn hints(lookups: &Lookups, met: &[Met]) -> Vec<Hint> {
    let mut hints: Vec<Hint> = met
        .iter()
        .filter_map(|met| {
            Some(Hint {
                from: format!("the mail host of {}", met.door.domain),
                at: time_in(&met.contact.greeting()?.banner)?,
                tolerance: limits::CLOCK_TOLERANCE,
            })
        })
        .collect();
    if let Found::Some(serials) = lookups.zone_serial(TIMED_ZONE).await
        && let Some(serial) = serials.first()
    {
        hints.push(Hint {
            from: "the registry of .com".to_owned(),
            at: Timestamp::from_millis(u64::from(*serial) * 1000),
            tolerance: limits::CLOCK_ZONE_TOLERANCE,
        });
    }
    hints
}

/// The check `clock`. One source that agrees is enough: several are wrong in different ways, but right in one.
#[must_use]
pub fn check(now: Timestamp, hints: &[Hint]) -> Check {
    const ID: &str = "clock";
    const WHY: &str = "Verdicts carry the time at which they were made, and grow old by it.";
    let fix = "Set the clock of this machine (timedatectl set-ntp true)";
    let off = |hint: &Hint| now.since(hint.at).max(hint.at.since(now));
    if let Some(hint) = hints.iter().find(|hint| off(hint) <= hint.tolerance) {
        return Check::pass(ID, format!("{now}, as {} says", hint.from), WHY);
    }
    if let Some(hint) = hints.first() {
        let direction = if now < hint.at { "behind" } else { "ahead of" };
        let value = format!(
            "{now} is {} {direction} what {} says",
            humantime::format_duration(whole(off(hint))),
            hint.from
        );
        return Check::fail(ID, value, WHY, fix);
    }
    if now < NO_EARLIER_THAN {
        let value = format!("{now} is before this program was written");
        return Check::fail(ID, value, WHY, fix);
    }
    Check::unknown(
        ID,
        format!("{now}; nobody told us the time to compare it with"),
        WHY,
        "Compare it with a clock you trust",
    )
    .advised()
}

/// A time span without what is too fine to matter: seconds matter below an hour, minutes below a day.
fn whole(span: Duration) -> Duration {
    let seconds = span.as_secs();
    let unit = match seconds {
        0..3600 => 1,
        3600..86_400 => 60,
        _ => 3600,
    };
    Duration::from_secs(seconds / unit * unit)
}

/// The first date in some text as mail writes it: `25 Nov 2026 13:00:30 +0000` (RFC 5322 §3.3).
#[must_use]
pub fn time_in(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(5).find_map(read_time)
}

fn read_time(words: &[&str]) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let [day, month, year, time, zone] = words else {
        return None;
    };
    let day: u8 = day.parse().ok()?;
    let month = 1 + MONTHS.iter().position(|name| name == month)?;
    let year: u16 = year.parse().ok()?;
    let seconds = if time.len() == 5 { ":00" } else { "" };
    let local: Timestamp = format!("{year:04}-{month:02}-{day:02}T{time}{seconds}Z")
        .parse()
        .ok()?;
    let minutes = minutes_east(zone)?;
    let local = i64::try_from(local.as_millis()).ok()?;
    let utc = local - i64::from(minutes) * 60_000;
    u64::try_from(utc).ok().map(Timestamp::from_millis)
}

/// How far east of Greenwich a zone is: `+0130` is 90.
fn minutes_east(zone: &str) -> Option<i32> {
    if matches!(zone, "GMT" | "UT" | "UTC") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        (_, _) => return None,
    };
    if digits.len() != 4 {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    (number % 100 < 60).then_some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::check::Status;

    #[test]
    fn the_time_is_found_in_the_greetings_of_hosts_in_use() {
        for (banner, time) in [
            (
                "220 mx.example.net ESMTP Exim 4.98 Wed, 25 Nov 2026 14:00:30 +0100",
                Some("2026-11-25T13:00:30Z"),
            ),
            (
                "220 DB5.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Wed, 25 Nov 2026 13:00:30 +0000",
                Some("2026-11-25T13:00:30Z"),
            ),
            (
                "220 mx.example.net ESMTP Sendmail 8.18; Wed, 25 Nov 2026 08:00:30 -0500 (EST)",
                Some("2026-11-25T13:00:30Z"),
            ),
            (
                "220 mx.example.net 1 Jan 2027 00:30 GMT",
                Some("2027-01-01T00:30:00Z"),
            ),
            ("220 mx.example.net ESMTP Postfix", None),
            ("220 mx 99 Nov 2026 13:00:30 +0000", None),
            ("220 mx 25 Nov 2026 13:00:30 +99é", None),
        ] {
            assert_eq!(
                time_in(banner),
                time.map(|time| time.parse().unwrap()),
                "{banner}"
            );
        }
    }

    #[test]
    fn a_clock_is_wrong_by_the_word_of_a_host_or_not_at_all() {
        let now: Timestamp = "2026-11-25T13:00:00Z".parse().unwrap();
        let hint = |at: &str| Hint {
            from: "a host".to_owned(),
            at: at.parse().unwrap(),
            tolerance: limits::CLOCK_TOLERANCE,
        };
        let right = hint("2026-11-25T13:01:00Z");
        let late = hint("2026-11-25T16:00:00Z");
        let early = hint("2026-11-20T13:00:00Z");
        for (now, hints, status, words) in [
            (now, vec![right.clone()], Status::Pass, "as a host says"),
            (
                now,
                vec![late.clone(), right],
                Status::Pass,
                "as a host says",
            ),
            (now, vec![late], Status::Fail, "3h behind what a host says"),
            (now, vec![early], Status::Fail, "5days ahead of"),
            (now, vec![], Status::Unknown, "nobody told us"),
            (
                Timestamp::default(),
                vec![],
                Status::Fail,
                "before this program",
            ),
        ] {
            let check = check(now, &hints);
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.value.contains(words), "{check:?}");
        }
    }
}
