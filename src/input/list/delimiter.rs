//! What stands between fields, as the operator says it.

use std::fmt;
use std::str::FromStr;

/// What `--delimiter` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// Nothing: a line is one field.
    Nothing,
    /// This character stands between fields.
    Mark(u8),
}

/// What cannot stand between fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no delimiter: give one character that is no letter, digit, quote or line end, \\t or tab, a code such as 0x1f, \
     or none"
)]
pub struct NoDelimiter(String);

impl Delimiter {
    /// The byte between two fields, where there is one.
    #[must_use]
    pub fn mark(self) -> Option<u8> {
        match self {
            Delimiter::Nothing => None,
            Delimiter::Mark(mark) => Some(mark),
        }
    }

    /// How it is typed behind `--delimiter` in a shell.
    #[must_use]
    pub fn typed(self) -> String {
        match self {
            Delimiter::Nothing => "none".to_owned(),
            Delimiter::Mark(b'\t') => "tab".to_owned(),
            Delimiter::Mark(mark) if mark.is_ascii_graphic() => format!("'{}'", char::from(mark)),
            Delimiter::Mark(mark) => format!("0x{mark:02x}"),
        }
    }
}

impl From<u8> for Delimiter {
    fn from(mark: u8) -> Self {
        Delimiter::Mark(mark)
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delimiter::Nothing => f.write_str("nothing"),
            Delimiter::Mark(b'\t') => f.write_str("a tab"),
            Delimiter::Mark(b' ') => f.write_str("a blank"),
            Delimiter::Mark(mark) if mark.is_ascii_graphic() => {
                write!(f, "`{}`", char::from(*mark))
            }
            Delimiter::Mark(mark) => write!(f, "the control character 0x{mark:02x}"),
        }
    }
}

impl FromStr for Delimiter {
    type Err = NoDelimiter;

    fn from_str(text: &str) -> Result<Self, NoDelimiter> {
        let coded = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("\\x"))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let refused = || NoDelimiter(text.to_owned());
        let mark = match text {
            "none" => return Ok(Delimiter::Nothing),
            "tab" | "\\t" => b'\t',
            _ => match *text.as_bytes() {
                [mark] => mark,
                _ => coded.ok_or_else(refused)?,
            },
        };
        let parts_fields = mark.is_ascii()
            && !mark.is_ascii_alphanumeric()
            && !matches!(mark, b'"' | b'\n' | b'\r' | b'@' | b'.' | 0);
        if parts_fields {
            Ok(Delimiter::Mark(mark))
        } else {
            Err(refused())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_read_as_people_type_them() {
        for (text, expected) in [
            (";", Delimiter::Mark(b';')),
            ("^", Delimiter::Mark(b'^')),
            ("\t", Delimiter::Mark(b'\t')),
            ("\\t", Delimiter::Mark(b'\t')),
            ("tab", Delimiter::Mark(b'\t')),
            ("0x1f", Delimiter::Mark(0x1f)),
            ("\\x1F", Delimiter::Mark(0x1f)),
            ("none", Delimiter::Nothing),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text:?}");
        }
        for text in ["", "a", "7", "\"", "\n", "@", ";;", "0x", "0xff", "\u{a7}"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_told_to_type_is_read_back() {
        for mark in [b'\t', b'^', 0x1f] {
            let delimiter = Delimiter::Mark(mark);
            assert_eq!(delimiter.typed().trim_matches('\'').parse(), Ok(delimiter));
        }
    }
}
