//! How long a reply asks to wait, where it says so in its words.

use std::time::Duration;

use crate::model::limits;

/// The wait that `text` names: `in 5 minutes`, `for 300 seconds`, `retry in 00:04:59`. The longest one where it names
/// several, since the shorter may be its own time limit. `None` when it names none.
#[must_use]
pub fn asked(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '=' | '/'))
        .filter(|word| !word.is_empty())
        .collect();
    let pairs = words
        .iter()
        .zip(words.iter().skip(1).map(Some).chain([None]));
    pairs
        .filter_map(|(word, next)| clock(word).or_else(|| amount(word, next.copied())))
        .filter(|&seconds| seconds > 0 && seconds <= limits::ASKED_WAIT_SECONDS)
        .max()
        .map(Duration::from_secs)
}

/// Seconds of a clock-like word, `HH:MM:SS`.
fn clock(word: &str) -> Option<u64> {
    let mut fields = word.trim_end_matches('.').split(':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    let two = |field: &str| {
        (field.len() == 2)
            .then(|| field.parse::<u64>().ok())
            .flatten()
    };
    let all = two(hours)? * 3600 + two(minutes)? * 60 + two(seconds)?;
    fields.next().is_none().then_some(all)
}

/// Seconds of a number with its unit, in one word (`300s`) or two (`5 minutes`).
fn amount(word: &str, next: Option<&str>) -> Option<u64> {
    let end = word.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = word[..end].parse().ok()?;
    let attached = word[end..].trim_matches(['.', '-']);
    let unit = if attached.is_empty() { next? } else { attached };
    let unit = unit.trim_matches(['.', '!']).to_lowercase();
    let seconds = match unit.as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" | "sekunden" | "secondes" | "segundos"
        | "secondi" => 1,
        "min" | "mins" | "minute" | "minutes" | "minuten" | "minutos" | "minuti" => 60,
        "h" | "hour" | "hours" | "hrs" | "stunden" | "heures" | "horas" | "ore" => 3600,
        "day" | "days" => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_name_their_wait_in_many_ways() {
        let table = [
            ("Greylisted for 5 minutes", Some(300)),
            (
                "450 4.2.0 Greylisted, see help, try in 300 seconds",
                Some(300),
            ),
            ("greylisted, retry in 00:04:59", Some(299)),
            ("come back in 60s.", Some(60)),
            ("please wait 4/5 minutes", Some(300)),
            ("mailbox full", None),
            ("5.7.1 try again", None),
            ("in 999999999999999999999 hours", None),
            ("in 18446744073709551615 hours", None),
            ("wait 0 seconds", None),
        ];
        for (text, seconds) in table {
            assert_eq!(asked(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
