//! Makes text from outside harmless to a terminal.

use crate::model::text::is_harmful;

/// `text` on one line, without control characters, terminal sequences or marks that reorder what is shown.
///
/// A reply comes from outside; shown as it is, it could move the cursor, hide what follows or rename the window.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_parameters(&mut rest),
            _ if character.is_whitespace() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            _ if is_harmful(character) => {}
            _ => out.push(character),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Skips what belongs to an escape character (ECMA-48).
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        // Commands to the operating system (titles, links), up to their terminator; an unfinished one ends the text.
        Some(']' | 'P' | '^' | '_' | 'X') => {
            while let Some(character) = rest.next() {
                if character == '\u{7}' || character == '\u{9c}' {
                    break;
                }
                if character == '\u{1b}' && rest.peek() == Some(&'\\') {
                    rest.next();
                    break;
                }
            }
        }
        Some(character) if character.is_ascii() => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

/// Skips the parameters of a control sequence with its final character.
fn skip_parameters(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(&character) = rest.peek() {
        match character {
            '\u{20}'..='\u{3f}' => {
                rest.next();
            }
            '\u{40}'..='\u{7e}' => {
                rest.next();
                return;
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let table = [
            ("plain text", "plain text"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jcleared", "cleared"),
            ("a\r\nb\tc\u{8}", "a b c"),
            ("\u{202e}reversed", "reversed"),
            ("\u{61c}55\u{206a}0", "550"),
            ("Empfänger unbekannt", "Empfänger unbekannt"),
            ("\u{1b}", ""),
        ];
        for (text, expected) in table {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_survives(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_harmful));
        }
    }
}
