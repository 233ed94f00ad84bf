//! The usual address, read in one pass: ASCII letters, digits and a few marks, with nothing around it.
//!
//! Nearly every row of a list has such a one. Whatever needs a second look gets none here, and is read by the grammar; the
//! tests hold the two against each other.

use super::{Address, is_key};
use crate::model::limits;

/// What a byte may be in a usual address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Letter,
    Digit,
    /// Only in a local part.
    Mark,
    Hyphen,
    Dot,
    At,
    Other,
}

const BYTES: [Byte; 256] = {
    let mut table = [Byte::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 127")]
        let octet = byte as u8;
        table[byte] = match octet {
            b'a'..=b'z' | b'A'..=b'Z' => Byte::Letter,
            b'0'..=b'9' => Byte::Digit,
            b'_' | b'+' | b'=' | b'&' | b'#' => Byte::Mark,
            b'-' => Byte::Hyphen,
            b'.' => Byte::Dot,
            b'@' => Byte::At,
            _ => Byte::Other,
        };
        byte += 1;
    }
    table
};

/// The address in `text` as the grammar reads it, where that is as plain as this; else `None`.
pub(super) fn read(text: &str) -> Option<Address> {
    if text.len() > limits::ADDRESS_OCTETS {
        return None;
    }
    let at = end_of_local(text.as_bytes())?;
    if !is_usual_domain(&text.as_bytes()[at + 1..]) {
        return None;
    }
    let end = u8::try_from(text.len()).ok()?;
    let mut text: Box<str> = text.into();
    text[at + 1..].make_ascii_lowercase();
    Some(Address {
        is_key: is_key(&text[..at]),
        text,
        at: u8::try_from(at).ok()?,
        end,
    })
}

/// Where the `@` stands behind a usual local part: atoms between single dots (RFC 5321 §4.1.2).
fn end_of_local(text: &[u8]) -> Option<usize> {
    let mut after_atom = false;
    for (at, byte) in text.iter().enumerate() {
        match BYTES[usize::from(*byte)] {
            Byte::Letter | Byte::Digit | Byte::Mark | Byte::Hyphen => after_atom = true,
            Byte::Dot if after_atom => after_atom = false,
            Byte::At if after_atom && at <= limits::LOCAL_PART_OCTETS => return Some(at),
            Byte::Dot | Byte::At | Byte::Other => return None,
        }
    }
    None
}

/// Whether a domain is usual: labels of letters and digits with single hyphens inside, so that none is an A-label; at
/// least two, the last of which is no number.
fn is_usual_domain(domain: &[u8]) -> bool {
    let (mut dots, mut label, mut letters) = (0, 0, 0);
    let mut before = Byte::Dot;
    for byte in domain {
        let byte = BYTES[usize::from(*byte)];
        match byte {
            Byte::Letter | Byte::Digit => {
                label += 1;
                letters += usize::from(byte == Byte::Letter);
            }
            Byte::Hyphen if !matches!(before, Byte::Dot | Byte::Hyphen) => label += 1,
            Byte::Dot if !matches!(before, Byte::Dot | Byte::Hyphen) => {
                if label > limits::LABEL_OCTETS {
                    return false;
                }
                dots += 1;
                (label, letters) = (0, 0);
            }
            Byte::Hyphen | Byte::Dot | Byte::Mark | Byte::At | Byte::Other => return false,
        }
        before = byte;
    }
    dots > 0
        && letters > 0
        && label <= limits::LABEL_OCTETS
        && before != Byte::Hyphen
        && domain.len() <= limits::DOMAIN_OCTETS
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    /// Asserts that the grammar says the same, wherever this has an opinion. Returns whether it has.
    fn agrees(text: &str) -> bool {
        let Some(address) = read(text) else {
            return false;
        };
        let by_grammar = Address::read_by_grammar(text).map(|(address, cleaned)| {
            assert!(matches!(cleaned, Cow::Borrowed(_)), "{text:?} is bare");
            (address, cleaned.into_owned())
        });
        assert_eq!(by_grammar, Ok((address, text.to_owned())), "{text:?}");
        true
    }

    #[test]
    fn usual_addresses_are_read_here_and_no_others() {
        let of_64 = "l".repeat(64);
        let (label, long_label) = ("d".repeat(63), "d".repeat(64));
        for usual in [
            "lena@tolk.test",
            "Lena.K+news_2=x&y#z-1@Mail.Tolk-2.TEST",
            &format!("{of_64}@{label}.test"),
            "-@1.a1",
        ] {
            assert!(agrees(usual), "{usual:?}");
        }
        for other in [
            "",
            "@",
            "lena@",
            "@tolk.test",
            "lena.tolk.test",
            "lena@tolk",
            "lena@tolk.test.",
            "lena@tolk..test",
            "lena@.tolk.test",
            "lena@-tolk.test",
            "lena@tolk-.test",
            "lena@tolk.test-",
            "lena@xn--bcher-kva.test",
            "lena@ab--cd.test",
            "lena@_dmarc.tolk.test",
            "lena@192.0.2.1",
            "lena@tolk.1",
            "lena@[192.0.2.1]",
            "lena@vint@tolk.test",
            ".lena@tolk.test",
            "lena.@tolk.test",
            "le..na@tolk.test",
            "léna@tolk.test",
            "lena@bücher.test",
            " lena@tolk.test",
            "lena'k@tolk.test",
            &format!("l{of_64}@tolk.test"),
            &format!("lena@{long_label}.test"),
            &format!("{of_64}@{label}.{label}.{label}.test"),
        ] {
            assert!(!agrees(other), "{other:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_grammar_says_the_same(text in "[a-zA-Z0-9xn._+=&#@ '-]{0,40}") {
            agrees(&text);
        }

        #[test]
        fn the_grammar_says_the_same_of_what_is_nearly_right(
            text in "[a-z0-9._#-]{1,12}@([a-z0-9-]{1,8}\\.|xn--[a-z]{1,4}\\.|[A-Z]{60,66}\\.){1,5}[a-z0-9-]{1,5}",
        ) {
            agrees(&text);
        }
    }
}
