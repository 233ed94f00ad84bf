//! A list as it stands in the `To` field of a message, over one line or several: `Ann Bo <a@b.example>, c@d.example`.

use super::shape;

/// What stands between recipients, the more telling first: a comma stands in names too.
const SEPARATORS: &[u8] = b";,";

/// What stands between the recipients in `text`, if it names two or more and nothing else.
///
/// A line break stands behind a separator, or before the label of a further field. Where each line is a recipient, or has
/// as many as the others, this is a table.
pub(super) fn separator(text: &[u8]) -> Option<u8> {
    let mut separators = SEPARATORS.iter().copied();
    separators.find(|separator| is_of_recipients(text, *separator))
}

fn is_of_recipients(text: &[u8], separator: u8) -> bool {
    let (mut recipients, mut is_telling) = (0, false);
    let mut rest = text;
    while !rest.is_empty() {
        let Some(length) = piece(rest, separator) else {
            return false;
        };
        let whole = rest[..length].trim_ascii();
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        let begins_a_line = blanks.into_iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        rest = &rest[(length + 1).min(rest.len())..];
        if whole.is_empty() {
            continue;
        }
        // `To: a@b.example` before `Cc: c@d.example` has no separator behind it.
        for line in whole.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let recipient = behind_label(line);
            let is_labelled = recipient.len() < line.len();
            let recipient = without_quotes(recipient);
            // `Ann <a@b.example>, Bo <c@d.example>` has the shape of one with a long name.
            let is_one = memchr::memchr_iter(b'@', recipient).count() == 1;
            let stands_apart = whole.starts_with(line) || is_labelled;
            if !is_one || !shape::is_address(recipient) || !stands_apart {
                return false;
            }
            is_telling |= is_labelled || recipient.ends_with(b">");
            recipients += 1;
        }
        // A line break behind a separator tells as much.
        is_telling |= recipients > 1 && begins_a_line;
    }
    recipients > 1 && is_telling
}

/// How long the piece at the beginning of `text` is: up to a separator outside of quotes. `None` where quotes do not match.
fn piece(text: &[u8], separator: u8) -> Option<usize> {
    let mut is_quoted = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if is_quoted => return None,
            byte if *byte == separator && !is_quoted => return Some(at),
            _ => {}
        }
    }
    (!is_quoted).then_some(text.len())
}

/// What stands between quotes that are around all of a recipient.
fn without_quotes(recipient: &[u8]) -> &[u8] {
    let inner = recipient
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    inner
        .filter(|inner| !inner.contains(&b'"'))
        .unwrap_or(recipient)
}

/// What stands behind the name of a field of a message: `Cc: `.
fn behind_label(line: &[u8]) -> &[u8] {
    const LABELS: &[&[u8]] = &[
        b"to",
        b"cc",
        b"bcc",
        b"an",
        b"kopie",
        b"para",
        b"a",
        b"from",
        b"reply-to",
    ];
    let Some(colon) = memchr::memchr(b':', line) else {
        return line;
    };
    let label = line[..colon].trim_ascii().to_ascii_lowercase();
    if LABELS.contains(&label.as_slice()) {
        line[colon + 1..].trim_ascii()
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_to_field_of_a_message_is_a_list() {
        for (text, between) in [
            ("Ann Bo <a@b.example>, c@d.example", b','),
            (
                "Ann Bo <a@b.example>,\n\"Cy, Jr\" <c@d.example>, e@f.example,\nG <g@h.example>\n",
                b',',
            ),
            ("Bo, Ann <a@b.example>; Cy <c@d.example>; e@f.example", b';'),
            ("a@b.example,\nc@d.example,\ne@f.example\n", b','),
            ("\"a@b.example\",\"c@d.example\",\n\"e@f.example\"\n", b','),
            (
                "To: Ann <a@b.example>, Bo <b@b.example>\nCc: c@d.example\n",
                b',',
            ),
        ] {
            assert_eq!(separator(text.as_bytes()), Some(between), "{text}");
        }
    }

    #[test]
    fn a_table_is_none() {
        for text in [
            "a@b.example",
            "Ann <a@b.example>\n",
            "Ann <a@b.example>\nBo <b@b.example>\n",
            "name,email\nAnn,a@b.example\n",
            "a@b.example,c@d.example\nb@b.example,d@d.example\n",
            "email,\na@b.example,\n",
            "\"Ann <a@b.example>, c@d.example",
        ] {
            assert_eq!(separator(text.as_bytes()), None, "{text}");
        }
    }
}
