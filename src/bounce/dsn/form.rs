//! Brings a message into the form that the standards have (RFC 5322 §2.1): lines that end in a line feed, a header
//! first.
//!
//! Mail programs, archives and hands put empty lines, a byte order mark, an mbox line or its escape before the header,
//! and end lines in three ways within one file.

use std::borrow::Cow;

/// The message without what stands before its header, and with line ends that a line reader knows.
pub(super) fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        let start = rest
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b'\n'))
            .unwrap_or(rest.len());
        // A line of blanks before the header is an empty one too.
        let line_end =
            memchr::memchr(b'\n', &rest[start..]).map_or(rest.len(), |at| start + at + 1);
        let line = &rest[start..line_end];
        let blank = !line.is_empty() && line.iter().all(u8::is_ascii_whitespace);
        let mbox = line.starts_with(b"From ") || line.starts_with(b">From ");
        rest = &rest[start..];
        if !(blank || mbox) {
            break;
        }
        rest = &rest[line.len()..];
    }
    if !has_stray_returns(rest) {
        return Cow::Borrowed(rest);
    }
    let mut out = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\r' {
            out.push(byte);
            continue;
        }
        let mut returns = 1;
        while bytes.next_if_eq(&b'\r').is_some() {
            returns += 1;
        }
        // Several before one line feed are one line end that was translated twice.
        let ends = if bytes.next_if_eq(&b'\n').is_some() {
            1
        } else {
            returns
        };
        out.extend(std::iter::repeat_n(b'\n', ends));
    }
    Cow::Owned(out)
}

/// Whether a carriage return stands anywhere but once before a line feed.
fn has_stray_returns(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_any_form_begins_with_its_header() {
        let expected = b"Subject: a\n\nx\n";
        for text in [
            "Subject: a\n\nx\n",
            "\n\nSubject: a\n\nx\n",
            " \n\t\nSubject: a\n\nx\n",
            "\u{feff}Subject: a\n\nx\n",
            "From ann Mon Mar  2 06:00:00 2026\nSubject: a\n\nx\n",
            "\n>From ann Mon Mar  2 06:00:00 2026\nSubject: a\n\nx\n",
            "Subject: a\r\rx\r",
            "Subject: a\r\r\n\r\r\nx\n",
        ] {
            let found = plain(text.as_bytes());
            let found = String::from_utf8(found.into_owned())
                .unwrap()
                .replace("\r\n", "\n");
            assert_eq!(found.as_bytes(), expected, "{text:?}");
        }
        assert_eq!(
            &*plain(b"Subject: a\r\n\r\nx\r\n"),
            b"Subject: a\r\n\r\nx\r\n"
        );
        assert!(plain(b"").is_empty() && plain(b"\r\n").is_empty());
    }
}
