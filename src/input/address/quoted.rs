//! Quoted strings (RFC 5321 §4.1.2) at the beginning of a text.

/// Where the quoted string that opens `text` ends: the index after its closing quote (RFC 5321 §4.1.2,
/// `Quoted-string`).
pub(super) fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    let mut bytes = text.bytes().enumerate();
    if bytes.next()?.1 != b'"' {
        return None;
    }
    for (at, byte) in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
