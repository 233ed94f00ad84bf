//! Whether a local part looks generated: by a machine, or by fingers on a keyboard.

use std::fmt;

/// Shortest run of hexadecimal digits that no name explains. Our choice: 12 is a hardware address, a short hash is 12
/// to 40.
const HEX_BYTES: usize = 12;

/// Fewest letters and fewest digits among them. Our choice: birthdays and telephone numbers have no letters,
/// `deadbeef1` has one digit.
const HEX_OF_EACH: usize = 3;

/// Shortest walk along a row of keys. Our choice: `qwer` is in use, `asdfg` is no name.
const WALK_BYTES: usize = 5;

/// Shortest run of consonants. Our choice: names have up to seven (`hirschsprung`), words eight (`angstschrei`); `y`
/// counts as a vowel.
const CONSONANTS: usize = 9;

/// Shortest run of one character. Our choice.
const REPEATED: usize = 6;

/// Fewest changes between letter and digit. Our choice: `a1b2c3` has five, and is typed by hand.
const ALTERNATIONS: usize = 6;

/// Why a local part looks generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generated {
    /// A long hexadecimal string, or a UUID.
    Hex,
    /// A walk along a row of keys, such as `asdfgh`.
    KeyboardWalk,
    /// A long run of consonants.
    Consonants,
    /// One character many times.
    Repeated,
    /// Letters and digits in constant change.
    Alternating,
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Generated::Hex => "a hexadecimal string",
            Generated::KeyboardWalk => "a walk along the keyboard",
            Generated::Consonants => "a run of consonants",
            Generated::Repeated => "one character repeated",
            Generated::Alternating => "letters and digits in constant change",
        })
    }
}

/// Why `local` (lower case, without a `+tag`) looks generated.
pub(super) fn generated(local: &str, keyboard: &Keyboard) -> Option<Generated> {
    if local.len() < WALK_BYTES {
        return None;
    }
    if is_hex(local) {
        return Some(Generated::Hex);
    }
    let survey = Survey::of(local);
    if survey.longest_repeat >= REPEATED {
        return Some(Generated::Repeated);
    }
    if survey.longest_consonants >= CONSONANTS {
        return Some(Generated::Consonants);
    }
    if survey.alternations >= ALTERNATIONS {
        return Some(Generated::Alternating);
    }
    keyboard
        .has_walk(local.trim_end_matches(|c: char| c.is_ascii_digit()))
        .then_some(Generated::KeyboardWalk)
}

/// Whether the whole is hexadecimal, hyphens aside, with enough letters and digits to be no number and no word.
fn is_hex(local: &str) -> bool {
    let (mut letters, mut digits) = (0, 0);
    for byte in local.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'f' => letters += 1,
            b'-' => {}
            _ => return false,
        }
    }
    letters + digits >= HEX_BYTES && letters >= HEX_OF_EACH && digits >= HEX_OF_EACH
}

/// The rows of keyboards.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// Every row, forwards and backwards.
    rows: Vec<String>,
    /// For each letter, a bit for each letter that stands beside it: nearly every name is told from a walk by its first
    /// two letters.
    beside: [u32; 26],
}

impl Keyboard {
    pub(super) fn new(rows: Vec<String>) -> Self {
        let backwards: Vec<String> = rows.iter().map(|row| row.chars().rev().collect()).collect();
        let rows = [rows, backwards].concat();
        let mut beside = [0; 26];
        for pair in rows.iter().flat_map(|row| row.as_bytes().windows(2)) {
            if let (Some(one), Some(other)) = (letter(pair[0]), letter(pair[1])) {
                beside[one] |= 1 << other;
            }
        }
        Keyboard { rows, beside }
    }

    /// Whether the whole word is part of one row, in either direction.
    fn has_walk(&self, word: &str) -> bool {
        let &[first, second, ..] = word.as_bytes() else {
            return false;
        };
        let (Some(first), Some(second)) = (letter(first), letter(second)) else {
            return false;
        };
        word.len() >= WALK_BYTES
            && self.beside[first] & 1 << second != 0
            && self.rows.iter().any(|row| row.contains(word))
    }
}

/// The place of a lower-case letter in the alphabet.
fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_lowercase().then(|| usize::from(byte - b'a'))
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const CONSONANT: u8 = LETTER | 4;

/// What each byte of a local part is: every row passes here, and a table has no branches to guess.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = b'0';
    while byte <= b'z' {
        classes[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => LETTER,
            b'a'..=b'z' => CONSONANT,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// What one pass over a local part counts.
#[derive(Default)]
struct Survey {
    longest_repeat: usize,
    longest_consonants: usize,
    alternations: usize,
}

impl Survey {
    fn of(local: &str) -> Self {
        let mut survey = Survey::default();
        let (mut repeat, mut consonants, mut before) = (0, 0, 0_u8);
        for byte in local.bytes() {
            let class = CLASSES[usize::from(byte)];
            repeat = if byte == before { repeat + 1 } else { 1 };
            consonants = if class == CONSONANT {
                consonants + 1
            } else {
                0
            };
            let is_change =
                (class | CLASSES[usize::from(before)]) & (LETTER | DIGIT) == LETTER | DIGIT;
            survey.alternations += usize::from(is_change);
            survey.longest_repeat = survey.longest_repeat.max(repeat);
            survey.longest_consonants = survey.longest_consonants.max(consonants);
            before = byte;
        }
        survey
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyboard() -> Keyboard {
        Keyboard::new(
            ["qwertyuiop", "asdfghjkl", "yxcvbnm"]
                .map(str::to_owned)
                .to_vec(),
        )
    }

    #[test]
    fn what_nobody_is_called_looks_generated() {
        for (local, why) in [
            ("d41d8cd98f00b204e9800998ecf8427e", Generated::Hex),
            ("550e8400-e29b-41d4-a716-446655440000", Generated::Hex),
            ("asdfgh", Generated::KeyboardWalk),
            ("qwerty123", Generated::KeyboardWalk),
            ("lkjhgf", Generated::KeyboardWalk),
            ("xkcdqwrtzp", Generated::Consonants),
            ("aaaaaaa", Generated::Repeated),
            ("k3j9x2m4q", Generated::Alternating),
        ] {
            assert_eq!(generated(local, &keyboard()), Some(why), "{local}");
        }
    }

    #[test]
    fn names_and_numbers_do_not() {
        for local in [
            "anna",
            "anna.schmidt",
            "hirschsprung",
            "schwartz",
            "krzysztof",
            "a1b2c3",
            "13800138000",
            "jmk1978",
            "bcdk",
            "r2d2",
            "mbrown.nyc",
            "abcdef",
            "fede",
            "trewq.x",
            "tres",
            "poiu",
            "wrzszcz",
            "dr.k.pfl",
            "deadbeef",
            "vladislav",
            "j.b.s.h.d.k.l.m",
            "angstschreck",
            "ü",
            "",
        ] {
            assert_eq!(generated(local, &keyboard()), None, "{local}");
        }
    }
}
