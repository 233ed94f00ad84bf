//! Fields of a machine-readable report: blocks of `Name: value` lines.
//!
//! The syntax is that of message headers (RFC 3464 §2.1.1): lines that begin with a blank continue the one before, and
//! blocks are separated by empty lines. Real reports add trailing blanks, bare line feeds, missing colons and junk
//! between; each line is taken or left by itself.

use crate::model::limits;

/// One block of fields.
#[derive(Debug, Default)]
pub(super) struct Block {
    fields: Vec<(String, String)>,
}

impl Block {
    /// The first value of the field `name` (lower case), trimmed; line breaks within it are kept as `\n`, since a
    /// folded reply breaks where its lines do.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, value)| field == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All values of the field `name` (lower case) that are not empty.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, value)| field == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The part behind `type;` of the field `name`, with the type in lower case (RFC 3464 §2.1.2). Without a type, the
    /// whole value.
    pub(super) fn typed(&self, name: &str) -> Option<(Option<String>, &str)> {
        self.get(name).map(split_type)
    }

    /// Takes the block apart where the field `name` (lower case) comes again: reporters forget the empty line between
    /// two recipients.
    pub(super) fn split_at_repeats(self, name: &str) -> Vec<Block> {
        let mut blocks = vec![Block::default()];
        let mut seen = false;
        for (field, value) in self.fields {
            if field == name && std::mem::replace(&mut seen, true) {
                blocks.push(Block::default());
            }
            if let Some(block) = blocks.last_mut() {
                block.fields.push((field, value));
            }
        }
        blocks
    }

    /// Whether there is no field at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether any of `names` (lower case) is here.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        self.fields
            .iter()
            .any(|(field, _)| names.contains(&field.as_str()))
    }
}

/// Splits `type; value`. A type is one word; a text that merely contains a semicolon has none.
pub(super) fn split_type(value: &str) -> (Option<String>, &str) {
    if let Some((kind, rest)) = value.split_once(';') {
        let kind = kind.trim();
        let is_word = kind
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'));
        if !kind.is_empty() && is_word && !kind.bytes().all(|b| b.is_ascii_digit()) {
            return (Some(kind.to_ascii_lowercase()), rest.trim());
        }
    }
    (None, value.trim())
}

/// Splits text into blocks of fields. Lines that are neither a field nor a continuation are skipped.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() {
            if !block.fields.is_empty() {
                blocks.push(std::mem::take(&mut block));
                if blocks.len() > limits::NOTICE_RECIPIENTS {
                    return blocks;
                }
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = block.fields.last_mut()
                && value.len() + line.len() <= limits::REPORT_FIELD_BYTES
            {
                value.push('\n');
                value.push_str(line.trim_start());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim();
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            {
                let value = clip(value.trim(), limits::REPORT_FIELD_BYTES);
                block
                    .fields
                    .push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    if !block.fields.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// The first `most` bytes of `text`, cut at a character.
pub(super) fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Decodes an address of a report: `xtext` (RFC 3461 §4: `+2B`), `utf-8-addr-xtext` (RFC 6533 §3: `\x{E9}`), comments,
/// angle brackets.
///
/// Returns `None` when nothing with an `@` is left.
pub(super) fn address(value: &str, kind: Option<&str>) -> Option<String> {
    let value = value.split('\n').collect::<Vec<_>>().concat();
    let value = match (value.find('<'), value.rfind('>')) {
        (Some(open), Some(close)) if open < close => &value[open + 1..close],
        _ => match quoted_local_part(&value) {
            Some(address) => address,
            None => value.split_whitespace().find(|word| word.contains('@'))?,
        },
    };
    let value = value.strip_prefix("mailto:").unwrap_or(value);
    if quoted_local_part(value) == Some(value) {
        return Some(value.to_owned());
    }
    // A source route (RFC 5321 appendix F.2): "@relay.example:ann@example.net".
    let value = match value.split_once(':') {
        Some((route, rest)) if route.trim_start().starts_with('@') && rest.contains('@') => rest,
        Some(_) | None => value,
    };
    let value = value.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ';' | ':' | '<' | '>')
    });
    let value = if kind == Some("utf-8") {
        decode_unicode(value)
    } else {
        value.to_owned()
    };
    let value = decode_xtext(&value);
    let is_address = value.contains('@')
        && value.len() <= 2 * limits::ADDRESS_OCTETS
        && !value.chars().any(char::is_control);
    is_address.then_some(value)
}

/// The address at the start of `value` whose local part is a quoted string (RFC 5321 §4.1.2), which may hold blanks.
fn quoted_local_part(value: &str) -> Option<&str> {
    let value = value.trim_start();
    let mut escaped = false;
    let close = value
        .strip_prefix('"')?
        .bytes()
        .position(|byte| match byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' => {
                escaped = true;
                false
            }
            byte => byte == b'"',
        })?
        + 1;
    let domain = value[close + 1..].strip_prefix('@')?;
    let end = domain
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .unwrap_or(domain.len());
    let address = &value[..close + 2 + end];
    (end > 0
        && address.len() <= 2 * limits::ADDRESS_OCTETS
        && !address.chars().any(char::is_control))
    .then_some(address)
}

/// Whether an address hides the person: reporters put stars, `x`s or a word in the place of a local part.
pub(super) fn is_masked(address: &str) -> bool {
    let local = address
        .rsplit_once('@')
        .map_or(address, |(local, _)| local)
        .trim_matches(['<', '>', '"']);
    let lower = local.to_ascii_lowercase();
    local.contains('*')
        || [
            "redacted",
            "undisclosed",
            "removed",
            "masked",
            "hidden",
            "anonymous",
            "suppressed",
            "unknown",
            "address-redacted",
        ]
        .contains(&lower.as_str())
        || lower.len() > 2 && lower.bytes().all(|byte| byte == b'x')
}

/// Decodes `+XX` (two upper-case hex digits) where that gives a visible ASCII character that xtext has to encode; other
/// plus signs are subaddresses that a sloppy reporter left alone.
fn decode_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(plus) = rest.find('+') {
        out.push_str(&rest[..plus]);
        let code = rest
            .get(plus + 1..plus + 3)
            .filter(|hex| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')));
        let byte = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte @ (b'+' | b'=' | b' ')) = byte {
            out.push(char::from(byte));
            rest = &rest[plus + 3..];
        } else {
            out.push('+');
            rest = &rest[plus + 1..];
        }
    }
    out.push_str(rest);
    out
}

/// Decodes `\x{HEX}` (RFC 6533 §3).
fn decode_unicode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x{") {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 3..];
        let decoded = tail
            .find('}')
            .and_then(|close| Some((u32::from_str_radix(&tail[..close], 16).ok()?, close)))
            .and_then(|(point, close)| Some((char::from_u32(point)?, close)));
        if let Some((character, close)) = decoded {
            out.push(character);
            rest = &tail[close + 1..];
        } else {
            out.push_str("\\x{");
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

/// A host name of a report: the first word of it, without brackets, final dot or case; `None` when there is none.
pub(super) fn host(value: &str) -> Option<String> {
    let word = value
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ','))
        .find(|word| !word.is_empty())?;
    let word = word.trim_matches(|c| matches!(c, '[' | ']' | '<' | '>' | '.' | ':' | '\'' | '"'));
    let usable = !word.is_empty()
        && word.len() <= limits::DOMAIN_OCTETS
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    usable.then(|| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_decoded_as_they_were_encoded() {
        let table: &[(&str, Option<&str>, Option<&str>)] = &[
            ("ann@example.net", Some("rfc822"), Some("ann@example.net")),
            ("<ann@example.net>", Some("rfc822"), Some("ann@example.net")),
            (
                "ann+2Bnews@example.net",
                Some("rfc822"),
                Some("ann+news@example.net"),
            ),
            (
                "ann+news@example.net",
                Some("rfc822"),
                Some("ann+news@example.net"),
            ),
            (
                "ann+AB@example.net",
                Some("rfc822"),
                Some("ann+AB@example.net"),
            ),
            (
                "andr\\x{E9}@example.net",
                Some("utf-8"),
                Some("andré@example.net"),
            ),
            (
                "andré@example.net",
                Some("utf-8"),
                Some("andré@example.net"),
            ),
            (
                "bad\\x{110000}@example.net",
                Some("utf-8"),
                Some("bad\\x{110000}@example.net"),
            ),
            (
                "Ann <ann@example.net> (home)",
                None,
                Some("ann@example.net"),
            ),
            (
                "@relay.example:ann@inner.example",
                Some("rfc822"),
                Some("ann@inner.example"),
            ),
            ("nobody", Some("rfc822"), None),
            (
                "\"ann lee\"@example.net",
                Some("rfc822"),
                Some("\"ann lee\"@example.net"),
            ),
            (
                "<\"ann lee\"@example.net>",
                Some("rfc822"),
                Some("\"ann lee\"@example.net"),
            ),
            (
                "\"Ann Lee\" <ann@example.net>",
                None,
                Some("ann@example.net"),
            ),
        ];
        for (value, kind, expected) in table {
            assert_eq!(address(value, *kind).as_deref(), *expected, "{value}");
        }
    }

    #[test]
    fn a_semicolon_in_a_sentence_is_no_type() {
        assert_eq!(split_type("smtp; 550 no").0.as_deref(), Some("smtp"));
        assert_eq!(
            split_type("X-Postfix; unknown user").0.as_deref(),
            Some("x-postfix")
        );
        assert_eq!(
            split_type("rfc/822;ann@example.net"),
            (Some("rfc/822".to_owned()), "ann@example.net")
        );
        assert_eq!(split_type("550 no such user; go away").0, None);
        assert_eq!(split_type("550; go away").0, None);
    }

    #[test]
    fn folded_fields_keep_where_their_lines_broke() {
        let blocks = blocks("A: 1\n 2\n\njunk\nB: x\r\n\ty\r\n\n");
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].get("a"), Some("1\n2"));
        assert_eq!(blocks[1].get("b"), Some("x\ny"));
    }
}
