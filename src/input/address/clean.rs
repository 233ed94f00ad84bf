//! Takes away what is often pasted around an address.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::fault::Fault;
use super::quoted::quoted_end;

/// What may open an address in pasted text and is no part of it. The apostrophe is how spreadsheets mark text.
const OPENERS: &[char] = &[
    '\'', '`', '{', '[', '<', ',', ';', ':', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '‹', '›',
    '「', '『', '【', '《', '〈', '•', '·', '‣', '▪', '–', '—', '→', '、', '，',
];

/// What may close it: no domain ends with any of these.
const CLOSERS: &[char] = &[
    '.', ',', ';', ':', '!', '?', '\'', '`', '"', ')', '}', '>', '|', '/', '\\', '*', '“', '”',
    '‟', '‘', '’', '«', '»', '‹', '›', '」', '』', '】', '》', '〉', '…', '。', '、', '·',
];

/// What separates addresses when there are several.
const SEPARATORS: &[char] = &[' ', '\t', '\r', '\n', ',', ';', '|', '/', '、'];

/// The address in `text` without what surrounds it. Whatever is left inside is for the grammar to judge.
pub(super) fn clean(text: &str) -> Result<Cow<'_, str>, Fault> {
    if is_bare(text) {
        return Ok(Cow::Borrowed(text));
    }
    let scrubbed = scrub(text);
    let bare = match strip_scheme(strip_wrapping(&scrubbed)) {
        Some(link) => {
            let decoded = scrub(&decode_percent(link)?);
            unwrap(&decoded)?.into_owned()
        }
        None => unwrap(&scrubbed)?.into_owned(),
    };
    Ok(Cow::Owned(bare))
}

/// Whether nothing surrounds the address for sure: the usual case, settled in one pass.
fn is_bare(text: &str) -> bool {
    let last_is_sound = text
        .bytes()
        .last()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    last_is_sound
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@' | b'=' | b'&' | b'#')
        })
}

/// Whether [`clean`] would take something from a local part that begins like this, so that it must stay in quotes.
pub(super) fn would_alter(local: &str) -> bool {
    local.starts_with(OPENERS)
}

/// Characters that leave no mark: zero-width, directional, soft hyphens, variation selectors, byte order marks.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The text in NFC (RFC 6532 §3.1 asks for it), so that one name has one spelling.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    NFC.normalize(text)
}

/// Puts the characters in order: invisible ones out, full-width forms to ASCII (RFC 8265 §3.3.2 folds them too), blanks
/// of every kind to a space, the ends trimmed, the whole in NFC.
pub(super) fn scrub(text: &str) -> String {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        match character {
            // Joiners have a meaning between letters of some scripts (UTS 46 §4.1, ContextJ); elsewhere they are
            // litter.
            '\u{200c}' | '\u{200d}' if !before.is_ascii() && !next.is_ascii() => {
                out.push(character);
            }
            _ if is_invisible(character) => continue,
            '\u{fe6b}' => out.push('@'),
            '\u{ff01}'..='\u{ff5e}' => out.push(narrowed(character)),
            '\r' | '\n' | '\u{b}' | '\u{c}' => out.push(character),
            _ if character.is_whitespace() && !character.is_control() => out.push(' '),
            '\t' => out.push(' '),
            _ => out.push(character),
        }
        before = character;
    }
    let out = match nfc(&out) {
        Cow::Borrowed(_) => out,
        Cow::Owned(normal) => normal,
    };
    out.trim().to_owned()
}

/// The ASCII character that a full-width form (U+FF01 to U+FF5E) stands for.
fn narrowed(character: char) -> char {
    let offset = u32::from('\u{ff01}') - u32::from('!');
    u32::from(character)
        .checked_sub(offset)
        .and_then(char::from_u32)
        .unwrap_or(character)
}

/// What follows `mailto:` (RFC 6068 §2) up to its header fields; `None` if there is no such link.
fn strip_scheme(text: &str) -> Option<&str> {
    let link = strip_prefix_ignoring_case(text, "mailto:")?;
    let link = link.strip_prefix("//").unwrap_or(link);
    Some(link.split('?').next().unwrap_or(link))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

/// Percent-encoding of a link undone (RFC 3986 §2.1).
fn decode_percent(link: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(link.len());
    let mut rest = link.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(Fault::BadPercent);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| Fault::BadPercent)?);
    }
    String::from_utf8(bytes).map_err(|_| Fault::BadPercent)
}

/// The one address in a scrubbed text: angle form or bare, without wrapping, names or comments around it.
fn unwrap(text: &str) -> Result<Cow<'_, str>, Fault> {
    let text = strip_wrapping(text);
    let text = match angle_form(text)? {
        Some(inner) => strip_wrapping(inner),
        None => text,
    };
    let text = strip_scheme(text).unwrap_or(text);
    // Directories export addresses as `SMTP:anna@example.com`.
    let text = strip_prefix_ignoring_case(text, "smtp:").unwrap_or(text);
    let text = strip_label(strip_wrapping(strip_outer_comments(text)));
    check_single(text)?;
    if let Some(control) = text
        .chars()
        .find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(Fault::ControlCharacter {
            code: control.into(),
        });
    }
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    Ok(close_up(text))
}

/// Takes quotes, brackets and punctuation from both ends. Quotes and brackets that belong to the address stay: those of
/// a quoted local part and of a domain literal.
fn strip_wrapping(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text.len();
        text = text.trim().trim_start_matches(OPENERS).trim_start();
        if text.starts_with('"') && !opens_quoted_local(text) {
            text = &text[1..];
        }
        if text.starts_with('(') && !text[1..].contains(')') || is_wrapped_in_parentheses(text) {
            text = &text[1..];
        }
        // The bracket that closes `Name <address>` is wanted later.
        let has_angle = text.contains('<');
        if !ends_with_comment(text) {
            text =
                text.trim_end_matches(|c: char| CLOSERS.contains(&c) && !(has_angle && c == '>'));
        }
        if text.ends_with(']') && !text.contains("@[") {
            text = &text[..text.len() - 1];
        }
        if text.len() == before {
            return text;
        }
    }
}

/// Whether `text` opens with a quoted string that is followed by the `@`, or by an angle bracket as a name is.
fn opens_quoted_local(text: &str) -> bool {
    quoted_end(text).is_some_and(|end| {
        let rest = text[end..].trim_start();
        rest.starts_with('@') || rest.starts_with('<')
    })
}

fn is_wrapped_in_parentheses(text: &str) -> bool {
    text.starts_with('(') && text.ends_with(')') && text.find(')') == Some(text.len() - 1)
}

/// Whether `text` ends with a comment after the address, as in `anna@example.com (Anna)`.
fn ends_with_comment(text: &str) -> bool {
    text.ends_with(')')
        && text
            .rfind('(')
            .is_some_and(|open| text[..open].contains('@'))
}

/// Takes comments before and after the address (RFC 5322 §3.4, the older way to give a name). Those inside are left for
/// the grammar to refuse: in lists they are mostly mangled text, such as `anna(at)example.com`.
fn strip_outer_comments(text: &str) -> &str {
    let mut text = text;
    if ends_with_comment(text)
        && let Some(open) = text.rfind('(')
        && !text[open..].contains('@')
    {
        text = text[..open].trim_end();
    }
    if text.starts_with('(')
        && let Some(close) = text.find(')')
        && !text[..close].contains('@')
    {
        text = text[close + 1..].trim_start();
    }
    text
}

/// What stands between the angle brackets of `Name <address>`; `None` if the text has no such form.
fn angle_form(text: &str) -> Result<Option<&str>, Fault> {
    if text.starts_with('"') && quoted_end(text).is_some_and(|end| text[end..].starts_with('@')) {
        return Ok(None);
    }
    let (name, rest) = match text.rsplit_once('<') {
        Some(parts) => parts,
        // The opening bracket went with the rest of the wrapping.
        None if text.contains('>') => ("", text),
        None => return Ok(None),
    };
    let (inner, after) = rest.split_once('>').unwrap_or((rest, ""));
    if inner.trim().is_empty() {
        return Ok(Some(name));
    }
    let said_again = |beside: &str| {
        beside
            .trim_matches(|c: char| !c.is_alphanumeric())
            .eq_ignore_ascii_case(inner.trim())
    };
    if (name.contains('@') && !said_again(name)) || after.contains('@') {
        let count = [name, inner, after]
            .iter()
            .map(|part| part.matches('@').count())
            .sum();
        return Err(Fault::Several { count });
    }
    let after = strip_outer_comments(after).trim();
    if after.chars().any(char::is_alphanumeric) && !(after.starts_with('(') && after.ends_with(')'))
    {
        return Err(Fault::TextBeside { text: after.into() });
    }
    Ok(Some(inner))
}

/// Takes a label such as `E-mail: ` before the address: the form of a group with one member (RFC 5322 §3.4). A colon
/// cannot stand in an address outside quotes, and the blank after it tells the label from a link.
fn strip_label(text: &str) -> &str {
    match text.split_once(": ") {
        Some((label, address)) if !label.contains(['@', '"']) => address.trim_start(),
        Some(_) | None => text,
    }
}

/// Refuses a field with several addresses.
fn check_single(text: &str) -> Result<(), Fault> {
    let unquoted = match quoted_end(text) {
        Some(end) if text[end..].starts_with('@') => &text[end..],
        Some(_) | None => text,
    };
    let has_both_sides = |piece: &&str| piece.find('@').is_some_and(|at| at + 1 < piece.len());
    let count = unquoted.split(SEPARATORS).filter(has_both_sides).count();
    if count > 1 {
        return Err(Fault::Several { count });
    }
    Ok(())
}

/// Takes the blanks around the `@`, where RFC 5322 §3.4.1 allows them and they cannot mean anything.
fn close_up(text: &str) -> Cow<'_, str> {
    if !text.contains(" @") && !text.contains("@ ") || text.starts_with('"') {
        return Cow::Borrowed(text);
    }
    let parts: Vec<&str> = text.split('@').map(str::trim).collect();
    Cow::Owned(parts.join("@"))
}
