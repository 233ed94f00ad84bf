//! The local part: what stands before the `@`.

use super::clean;
use super::fault::Fault;
use super::quoted::quoted_end;

/// A local part as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local<'a> {
    /// Without quotes, as a dot-string.
    Plain(&'a str),
    /// What stood between the quotes, escapes included.
    Quoted(&'a str),
}

/// Splits a cleaned text at its `@`; an `@` in quotes does not count.
pub(super) fn split(text: &str) -> Result<(Local<'_>, &str), Fault> {
    if text.starts_with('"') {
        let end = quoted_end(text).ok_or(Fault::LocalQuote)?;
        let domain = text[end..].strip_prefix('@').ok_or(Fault::LocalQuote)?;
        return whole(domain).map(|domain| (Local::Quoted(&text[1..end - 1]), domain));
    }
    let (local, domain) = text.split_once('@').ok_or(Fault::NoAt)?;
    whole(domain).map(|domain| (Local::Plain(local), domain))
}

/// The domain, unless another `@` stands in it.
fn whole(domain: &str) -> Result<&str, Fault> {
    if domain.contains('@') {
        return Err(Fault::ManyAts);
    }
    Ok(domain)
}

/// Appends the canonical form of a local part: quotes and escapes only where they are needed, because RFC 5321 §4.1.2
/// makes all forms equivalent and asks for the shortest.
pub(super) fn write(local: Local<'_>, out: &mut String) -> Result<(), Fault> {
    match local {
        Local::Plain("") => Err(Fault::LocalEmpty),
        Local::Plain(atoms) => {
            check_dot_string(atoms)?;
            out.push_str(atoms);
            Ok(())
        }
        Local::Quoted(content) => write_quoted(content, out),
    }
}

/// Appends in quotes what is right but for its dots.
pub(super) fn write_with_odd_dots(local: Local<'_>, out: &mut String) -> Result<(), Fault> {
    let (Local::Plain(content) | Local::Quoted(content)) = local;
    if let Some(character) = content.chars().find(|c| matches!(c, '"' | '\\' | ' ')) {
        return Err(Fault::LocalCharacter { character });
    }
    write_quoted(content, out)
}

/// Appends what stood between quotes, without the quotes if it can do without.
fn write_quoted(content: &str, out: &mut String) -> Result<(), Fault> {
    let mut meant = String::with_capacity(content.len());
    let mut characters = content.chars();
    while let Some(character) = characters.next() {
        let character = if character == '\\' {
            characters.next().ok_or(Fault::LocalQuote)?
        } else {
            character
        };
        if character != ' ' && !(character.is_ascii_graphic() || is_utf8_text(character)) {
            return Err(Fault::LocalCharacter { character });
        }
        meant.push(character);
    }
    // A mark behind a letter was kept from it by its backslash.
    let meant = clean::nfc(&meant);
    if check_dot_string(&meant).is_ok() && !meant.is_empty() && !clean::would_alter(&meant) {
        out.push_str(&meant);
        return Ok(());
    }
    out.push('"');
    for character in meant.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    Ok(())
}

/// `Dot-string` of RFC 5321 §4.1.2: atoms between single dots.
fn check_dot_string(text: &str) -> Result<(), Fault> {
    let mut after_dot = true;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'.' {
            if after_dot {
                return Err(Fault::LocalDot);
            }
            after_dot = true;
            continue;
        }
        after_dot = false;
        if !ATEXT[usize::from(byte)] {
            let character = text[at..]
                .chars()
                .next()
                .unwrap_or(char::REPLACEMENT_CHARACTER);
            return Err(match character {
                '(' | ')' => Fault::Comment,
                ' ' => Fault::Blank,
                '"' => Fault::LocalQuote,
                _ => Fault::LocalCharacter { character },
            });
        }
    }
    if text.is_ascii() || text.chars().all(|c| c.is_ascii() || is_utf8_text(c)) {
        return if after_dot && !text.is_empty() {
            Err(Fault::LocalDot)
        } else {
            Ok(())
        };
    }
    let forbidden = text.chars().find(|&c| !c.is_ascii() && !is_utf8_text(c));
    Err(Fault::LocalCharacter {
        character: forbidden.unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

/// `UTF8-non-ascii` of RFC 6532 §3.1, less what cannot be seen or typed: blanks, controls, directional marks, and the
/// replacement character that marks text lost in decoding.
fn is_utf8_text(character: char) -> bool {
    !character.is_ascii()
        && !character.is_control()
        && !character.is_whitespace()
        && !clean::is_invisible(character)
        && character != char::REPLACEMENT_CHARACTER
}

/// `atext` of RFC 5322 §3.2.3 by byte; the bytes of UTF-8 sequences pass here (RFC 6531 §3.3).
const ATEXT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let octet = byte as u8;
        table[byte] = octet.is_ascii_alphanumeric() || octet >= 0x80;
        byte += 1;
    }
    let marks = b"!#$%&'*+-/=?^_`{|}~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};
