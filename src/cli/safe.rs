//! Texts from outside on a terminal.

use crate::model::text;

/// `text` without the logins of the URLs in `values`: passwords belong on no screen.
pub(super) fn without_logins<'v>(text: &str, values: impl Iterator<Item = &'v str>) -> String {
    let mut text = text.to_owned();
    for value in values {
        let Some((before, _)) = value.rsplit_once('@') else {
            continue;
        };
        let login = before.rsplit_once("://").map_or(before, |(_, login)| login);
        if !login.is_empty() {
            text = text.replace(login, "***");
        }
    }
    text
}

/// A text from outside that cannot move the cursor, colour the screen or turn the line around: control characters,
/// directional marks and their like become blanks.
pub(super) fn safe(text: &str) -> String {
    let one = |c| if text::is_harmful(c) { ' ' } else { c };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{safe, without_logins};

    #[test]
    fn a_login_is_on_no_screen() {
        let told = "invalid value 'socks:/u:s@c@ret@host:1' for '--proxy'";
        let values = ["--deadline", "socks:/u:s@c@ret@host:1"];
        let shown = without_logins(told, values.into_iter());
        assert!(
            !shown.contains("ret@") && shown.contains("host:1"),
            "{shown}"
        );
        let url = "socks5://u:secret@host:1";
        assert_eq!(
            without_logins(url, [url].into_iter()),
            "socks5://***@host:1"
        );
    }

    #[test]
    fn what_comes_from_outside_stays_on_its_line() {
        assert_eq!(
            safe("550 \u{1b}[31mno\r\nsuch\u{202e}user"),
            "550  [31mno  such user"
        );
        assert_eq!(safe("Grüße, 用户"), "Grüße, 用户");
    }
}
