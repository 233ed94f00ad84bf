//! Hosts that take so many recipients in a while from one client, told by their words.

use std::time::Duration;

use crate::model::limits;

/// Over how long a time a host counts recipients, where its complaint is about their number in a while: Postfix's `too
/// many recipients from mail.example.com` (`smtpd_client_recipient_rate_limit`), `Recipient rate limit exceeded`, `too
/// many recipients per hour`. `None` where it is about anything else, such as connections, or recipients in one
/// message.
#[must_use]
pub fn recipients_counted_over(words: &str) -> Option<Duration> {
    let words = words.to_ascii_lowercase();
    let names = |any: &[&str]| any.iter().any(|one| words.contains(one));
    let unit = if names(&["per minute", "/minute", "a minute"]) {
        Some(Duration::from_secs(60))
    } else if names(&["per hour", "/hour", "an hour", "hourly"]) {
        Some(Duration::from_secs(3600))
    } else if names(&["per day", "/day", "a day", "daily"]) {
        Some(Duration::from_secs(24 * 3600))
    } else {
        None
    };
    let mut each = words.split(|c: char| !c.is_ascii_alphanumeric());
    let in_a_while = unit.is_some()
        || names(&["too many recipients from"])
        || each.any(|word| matches!(word, "rate" | "ratelimit"));
    (in_a_while && names(&["recipient", "rcpt"]))
        .then(|| unit.unwrap_or(limits::RECIPIENTS_COUNTED_OVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_about_recipients_in_a_while_are_told_from_others() {
        let (minute, hour) = (60, 3600);
        for (words, seconds) in [
            (
                "450 4.7.1 Error: too many recipients from 192.0.2.1",
                Some(minute),
            ),
            ("450 4.7.1 Recipient rate limit exceeded", Some(minute)),
            ("452 4.5.3 Too many recipients per hour", Some(hour)),
            ("451 4.7.1 rcpt rate 31.0 / 1m, slow down", Some(minute)),
            ("452 4.5.3 Error: too many recipients", None),
            ("450 4.7.1 Error: too much mail from 192.0.2.1", None),
            ("421 4.7.0 Error: too many connections from 192.0.2.1", None),
            ("421 Rate limit reached. Try again later", None),
            ("450 4.7.1 too many messages per hour", None),
        ] {
            let wanted = seconds.map(Duration::from_secs);
            assert_eq!(recipients_counted_over(words), wanted, "{words}");
        }
    }
}
