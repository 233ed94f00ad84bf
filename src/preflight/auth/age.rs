//! How old a domain is, as far as DNS can tell, which is not far: many write the day of the last change into the serial
//! number of their zone (RFC 1912 §2.2), and what was changed then existed then.

use std::time::Duration;

use crate::model::limits;
use crate::model::timestamp::Timestamp;

use crate::preflight::check::Check;
use crate::preflight::lookup::{Found, Lookups};

/// The check `domain_age` of an organisational domain.
pub async fn check(lookups: &Lookups, domain: &str, now: Timestamp) -> Check {
    let serial = match lookups.zone_serial(domain).await {
        Found::Some(serials) => serials.first().copied(),
        Found::Nothing(_) | Found::Failed(_) => None,
    };
    judge(domain, serial.and_then(|serial| changed(serial, now)), now)
}

fn judge(domain: &str, changed: Option<Timestamp>, now: Timestamp) -> Check {
    const ID: &str = "domain_age";
    const WHY: &str = "Receivers distrust domains that are a few weeks old, whatever they send.";
    let (value, fix) = match changed {
        Some(changed) if now.since(changed) >= limits::YOUNG_DOMAIN => {
            let day = day_of(changed);
            let value =
                format!("the zone of {domain} was last changed on {day}, so it is older than that");
            return Check::pass(ID, value, WHY).advised();
        }
        Some(changed) => (
            format!(
                "cannot be told: the zone of {domain} was changed on {}, which says nothing of its age",
                day_of(changed)
            ),
            "If you registered it in the last weeks, begin with few messages and grow (--volume shows a plan)",
        ),
        None => (
            format!("cannot be told from the DNS of {domain}"),
            "If you registered it in the last weeks, begin with few messages and grow (--volume shows a plan)",
        ),
    };
    Check::unknown(ID, value, WHY, fix).advised()
}

fn day_of(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// The time that a serial number stands for, when it looks like one: `2026112501`, or seconds since 1970. What lies in
/// the future, or before such serials were in use, is a mere number.
fn changed(serial: u32, now: Timestamp) -> Option<Timestamp> {
    let (year, month, day) = (
        serial / 1_000_000,
        serial / 10_000 % 100,
        serial / 100 % 100,
    );
    let dated: Option<Timestamp> = format!("{year:04}-{month:02}-{day:02}T00:00:00Z")
        .parse()
        .ok();
    let seconds = Timestamp::from_millis(u64::from(serial) * 1000);
    dated
        .into_iter()
        .chain([seconds])
        .find(|moment| *moment >= FIRST_SERIALS && *moment <= now + Duration::from_secs(86_400))
}

/// The beginning of 2000: no zone in use was last changed before.
const FIRST_SERIALS: Timestamp = Timestamp::from_millis(946_684_800_000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::check::Status;

    #[test]
    fn a_serial_number_is_a_date_only_when_it_can_be_one() {
        let now: Timestamp = "2026-11-25T13:00:00Z".parse().unwrap();
        for (serial, day) in [
            (2_024_030_105, Some("2024-03-01")),
            (1_709_251_200, Some("2024-03-01")),
            (2_024_130_101, None),
            (2_099_010_101, None),
            (1, None),
            (u32::MAX, None),
        ] {
            assert_eq!(changed(serial, now).map(day_of).as_deref(), day, "{serial}");
        }
    }

    #[test]
    fn only_an_old_change_says_something_of_age() {
        let now: Timestamp = "2026-11-25T13:00:00Z".parse().unwrap();
        let old = Some("2024-03-01T00:00:00Z".parse().unwrap());
        let new = Some("2026-11-24T00:00:00Z".parse().unwrap());
        assert_eq!(judge("a.test", old, now).status, Status::Pass);
        assert_eq!(judge("a.test", new, now).status, Status::Unknown);
        assert_eq!(judge("a.test", None, now).status, Status::Unknown);
    }
}
