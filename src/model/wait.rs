//! How long a host asks us to wait, where its words name a time.

use std::time::Duration;

/// The time that `text` names, in the words of any of the languages that mail hosts speak: `in 5 minutes`, `for 300
/// seconds`, `retry in 00:04:59`, `in 5 Minuten`. Of several the longest, since a shorter one may be the host's own
/// time limit; one on a clock only where no number has a unit, since it may be the time of day. `None` where it names
/// none, or only longer ones than `most`.
#[must_use]
pub fn named_wait(text: &str, most: Duration) -> Option<Duration> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() && c != ':')
        .filter(|word| !word.is_empty())
        .collect();
    let is_possible = |wait: &Duration| !wait.is_zero() && *wait <= most;
    let next = words.iter().skip(1).map(Some).chain([None]);
    let amounts = words.iter().zip(next);
    let amounts = amounts.filter_map(|(word, next)| amount(word, next.copied()));
    let mut clocks = words.iter().filter_map(|word| clock(word));
    let longest = amounts.filter(is_possible).max();
    longest.or_else(|| clocks.find(is_possible))
}

/// `00:04:30` or `04:30`.
fn clock(word: &str) -> Option<Duration> {
    let parts: Vec<u64> = word
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    match parts[..] {
        [hours, minutes, seconds] if minutes < 60 && seconds < 60 && hours < 100 => {
            Some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
        }
        [minutes, seconds] if minutes < 100 && seconds < 60 => {
            Some(Duration::from_secs(minutes * 60 + seconds))
        }
        _ => None,
    }
}

/// A number with its unit, in one word (`300s`) or two (`5 minutes`).
fn amount(word: &str, next: Option<&str>) -> Option<Duration> {
    let end = word.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = word[..end].parse().ok()?;
    let unit = match &word[end..] {
        "" => next?,
        attached => attached,
    };
    let (_, seconds) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    Some(Duration::from_secs(number.checked_mul(*seconds)?))
}

/// What units are called, with their seconds.
const UNITS: &[(&[&str], u64)] = &[
    (
        &[
            "s",
            "sec",
            "secs",
            "second",
            "seconds",
            "sekunde",
            "sekunden",
            "seconde",
            "secondes",
            "seconden",
            "segundo",
            "segundos",
            "secondo",
            "secondi",
            "sekund",
            "sekundy",
            "секунд",
            "секунды",
            "секунду",
        ],
        1,
    ),
    (
        &[
            "m",
            "min",
            "mins",
            "minute",
            "minutes",
            "minuten",
            "minuto",
            "minutos",
            "minuti",
            "minut",
            "minuty",
            "минут",
            "минуты",
            "минуту",
        ],
        60,
    ),
    (
        &[
            "h",
            "hr",
            "hrs",
            "hour",
            "hours",
            "stunde",
            "stunden",
            "heure",
            "heures",
            "uur",
            "hora",
            "horas",
            "ora",
            "ore",
            "godzin",
            "godziny",
            "час",
            "часа",
            "часов",
        ],
        3600,
    ),
    (
        &[
            "day", "days", "tag", "tage", "tagen", "jour", "jours", "dag", "dagen", "día", "días",
            "dia", "dias", "giorno", "giorni", "dni", "день", "дня", "дней",
        ],
        24 * 3600,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_their_wait_in_many_ways() {
        for (text, seconds) in [
            (
                "450 4.2.0 Greylisted, see http://postgrey.example/help",
                None,
            ),
            ("450 4.2.0 Greylisted for 300 seconds", Some(300)),
            ("451 4.7.1 Greylisted for 5 minutes", Some(300)),
            (
                "450 4.2.0 Greylisted, see help, try in 300 seconds",
                Some(300),
            ),
            ("450 Please try again in 00:04:30", Some(270)),
            ("greylisted, retry in 04:59.", Some(299)),
            ("451 retry after 60s.", Some(60)),
            ("450 4.7.1 try in 1 hour", Some(3600)),
            ("please wait 4/5 minutes", Some(300)),
            (
                "451 timed out after 30 seconds, come back in 10 minutes",
                Some(600),
            ),
            (
                "451 come back in 5 minutes (Tue, 1 Dec 2026 12:45:10)",
                Some(300),
            ),
            ("450 Bitte versuchen Sie es in 5 Minuten erneut", Some(300)),
            ("450 Merci de réessayer dans 120 secondes", Some(120)),
            ("450 Inténtelo de nuevo en 2 horas", Some(7200)),
            ("450 riprovare tra 15 minuti", Some(900)),
            ("450 Повторите попытку через 10 минут", Some(600)),
            ("451 come back in 99999999 hours", None),
            ("in 999999999999999999999 hours", None),
            ("in 18446744073709551615 hours", None),
            ("wait 0 seconds", None),
            ("mailbox full", None),
            ("550 5.1.1 no such user", None),
            ("5.7.1 try again", None),
            ("", None),
        ] {
            let most = Duration::from_secs(24 * 3600);
            assert_eq!(
                named_wait(text, most),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
