//! Texts from outside on a terminal.

/// A text from outside that cannot move the cursor, colour the screen or turn the line around: control characters,
/// directional marks and their like become blanks.
pub(super) fn safe(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if is_harmful(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn what_comes_from_outside_stays_on_its_line() {
        assert_eq!(
            safe("550 \u{1b}[31mno\r\nsuch\u{202e}user"),
            "550  [31mno  such user"
        );
        assert_eq!(safe("Grüße, 用户"), "Grüße, 用户");
    }
}
