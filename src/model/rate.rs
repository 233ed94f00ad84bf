//! Rates as people write them.

/// How many thousandths of one a second a text such as `10/s`, `30/m` or `600/h` names; without a unit it is so many a
/// second. `None` when it is no rate, under one in a thousand seconds or over a million a second.
#[must_use]
pub fn thousandths(text: &str) -> Option<u32> {
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return None,
    };
    let count: f64 = count.trim().parse().ok()?;
    let thousandths = (count / seconds * 1000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    (1.0..=1e9)
        .contains(&thousandths)
        .then_some(thousandths as u32)
}
