//! Fields as they are written: ours made safe, the caller's address cell as its dialect wants it.

use crate::model::text;

/// Appends a share from 0 to 1 with three digits.
pub(super) fn thousandths(line: &mut Vec<u8>, share: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 1000"
    )]
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0).round() as u32;
    line.push(if thousandths == 1000 { b'1' } else { b'0' });
    line.push(b'.');
    for power in [100, 10, 1] {
        line.push(b"0123456789"[(thousandths / power % 10) as usize]);
    }
}

/// Appends a delimiter with a field, made safe: one line, no control characters, nothing that turns the line around, no
/// formula for a spreadsheet, quoted where it must be.
pub(super) fn field(line: &mut Vec<u8>, delimiter: u8, text: &str) {
    line.push(delimiter);
    if text.is_empty() {
        return;
    }
    let is_formula = text::is_formula(text);
    if !is_formula && text.bytes().all(|byte| is_plain(byte, delimiter)) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    if is_formula {
        line.push(b'\'');
    }
    for c in text.chars() {
        match c {
            '"' => line.extend_from_slice(b"\"\""),
            c if text::is_harmful(c) => line.push(b' '),
            c => line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
}

/// How the cell was written in whose place an address is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// With quotes, which are kept.
    Kept,
    /// Without: they are put only where they are needed.
    AsNeeded,
}

/// Appends an address as a cell. It is never changed, not even where a spreadsheet would take it for a formula: it
/// would be another address then, and the caller's own cell says the same beside it. An address has no control
/// characters.
pub(super) fn address(line: &mut Vec<u8>, delimiter: u8, quotes: Quotes, address: &str) {
    let needs_quotes = address
        .bytes()
        .any(|byte| byte == b'"' || byte == delimiter);
    if quotes == Quotes::AsNeeded && !needs_quotes {
        line.extend_from_slice(address.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in address.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

fn is_plain(byte: u8, delimiter: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != delimiter && byte != 0x7f && byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> String {
        let mut line = Vec::new();
        field(&mut line, b',', text);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn shares_have_three_digits() {
        for (share, text) in [
            (0.0, "0.000"),
            (0.0104, "0.010"),
            (0.2599, "0.260"),
            (0.97, "0.970"),
            (1.0, "1.000"),
        ] {
            let mut line = Vec::new();
            thousandths(&mut line, share);
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }

    #[test]
    fn a_field_is_one_line_and_no_formula() {
        assert_eq!(fields(""), ",");
        assert_eq!(fields("550 no such user"), ",550 no such user");
        assert_eq!(fields("a,\"b\""), ",\"a,\"\"b\"\"\"");
        assert_eq!(fields("x\r\n\u{1b}[31my"), ",\"x   [31my\"");
        assert_eq!(fields("=cmd()"), ",\"'=cmd()\"");
        assert_eq!(fields("für"), ",\"für\"");
    }

    #[test]
    fn an_address_is_written_as_it_is() {
        for (quotes, text, written) in [
            (Quotes::AsNeeded, "lena@tolk.test", "lena@tolk.test"),
            (Quotes::AsNeeded, "+lena@bücher.test", "+lena@bücher.test"),
            (
                Quotes::AsNeeded,
                "\"a,b\"@tolk.test",
                "\"\"\"a,b\"\"@tolk.test\"",
            ),
            (Quotes::Kept, "lena@tolk.test", "\"lena@tolk.test\""),
        ] {
            let mut line = Vec::new();
            address(&mut line, b',', quotes, text);
            assert_eq!(String::from_utf8(line).unwrap(), written);
        }
    }
}
