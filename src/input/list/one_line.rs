//! A list of one line, `a@b.example, c@d.example`: its addresses are rows, not the fields of a single one.

use super::dialect::Sample;
use super::record::{self, Layout, Record};
use super::shape;
use super::window::Reach;

/// What stands between the addresses of `sample`, if its only record is nothing but addresses.
pub(super) fn separator(sample: &Sample<'_>) -> Option<u8> {
    let [record] = &sample.records[..] else {
        return None;
    };
    let are_addresses = |cells: &[&[u8]]| {
        let filled: Vec<_> = cells
            .iter()
            .map(|cell| cell.trim_ascii())
            .filter(|cell| !cell.is_empty())
            .collect();
        filled.len() > 1 && filled.iter().all(|cell| shape::is_address(cell))
    };
    if let Some(delimiter) = sample.delimiter {
        let cells: Vec<&[u8]> = record.iter().map(AsRef::as_ref).collect();
        return are_addresses(&cells).then_some(delimiter);
    }
    // `Ann <a@b.example>` is one address, not a name beside one.
    let cell = record.first()?;
    let words: Vec<&[u8]> = cell.split(u8::is_ascii_whitespace).collect();
    are_addresses(&words).then_some(b' ')
}

/// Cuts the address at the beginning of `view`, the rest of such a list, or what stands before it; that comes out as a
/// record without content.
pub(super) fn cut(view: &[u8], separator: u8) -> Option<Record> {
    let is_between = |byte: &u8| *byte == separator || byte.is_ascii_whitespace();
    let between = view.iter().take_while(|byte| is_between(byte)).count();
    let layout = Layout {
        delimiter: Some(separator),
        column: 0,
        widths: None,
    };
    let whole = record::cut(view, Reach::Whole, &layout)?;
    let content = match whole.target {
        Some(field) if between == 0 => view[..field.end()].trim_ascii_end().len(),
        Some(_) | None => 0,
    };
    Some(Record {
        content,
        terminator: between,
        lines: 0,
        fields: 1,
        ..whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let sample = super::super::dialect::detect(text.as_bytes(), Reach::Whole);
        let Some(separator) = separator(&sample) else {
            return Vec::new();
        };
        let mut rest = text.as_bytes();
        let mut pieces = Vec::new();
        while let Some(record) = cut(rest, separator).filter(|_| !rest.is_empty()) {
            let (piece, behind) = rest.split_at(record.content);
            if !piece.is_empty() {
                pieces.push(String::from_utf8_lossy(piece).into_owned());
            }
            rest = &behind[record.terminator..];
        }
        pieces
    }

    #[test]
    fn a_line_of_addresses_is_a_list_of_them() {
        for text in [
            "a@b.example, c@d.example ,e@f.example\n",
            "a@b.example;c@d.example;e@f.example;",
            "a@b.example c@d.example  e@f.example",
        ] {
            assert_eq!(
                pieces(text),
                ["a@b.example", "c@d.example", "e@f.example"],
                "{text}"
            );
        }
        assert_eq!(
            pieces("\"Bo, Ann\" <a@b.example>, Cy <c@d.example>\n"),
            ["\"Bo, Ann\" <a@b.example>", "Cy <c@d.example>"]
        );
    }

    #[test]
    fn other_lines_are_not() {
        for text in [
            "a@b.example",
            "a@b.example,",
            "Ann <a@b.example>",
            "Ann,a@b.example",
            "a@b.example,c@d.example\nb@b.example,d@d.example\n",
        ] {
            assert_eq!(pieces(text), [""; 0], "{text}");
        }
    }
}
