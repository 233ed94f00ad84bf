//! Whether a cell has the shape of an email address: a guess for finding columns, not a verdict.

/// Longest cell that is taken for an address: RFC 5321's 254 octets with room for a display name.
const MOST: usize = 512;

/// Tells whether `cell` is something like `a@b.example`, `<a@b.example>`, `Name <a@b.example>` or `mailto:a@b.example`.
pub(super) fn is_address(cell: &[u8]) -> bool {
    let cell = without_quotes(cell.trim_ascii());
    if cell.len() > MOST {
        return false;
    }
    let Some(at) = memchr::memrchr(b'@', cell) else {
        return false;
    };
    let before = &cell[..at];
    let (local, angled) = match memchr::memrchr(b'<', before) {
        Some(open) => (&before[open + 1..], true),
        None => (before, false),
    };
    let local = local.strip_prefix(b"mailto:").unwrap_or(local);
    let domain = &cell[at + 1..];
    let domain = match domain.strip_suffix(b">") {
        Some(inner) if angled => inner,
        Some(_) => return false,
        None if angled => return false,
        None => domain.trim_ascii_end(),
    };
    is_local(local) && is_domain(domain)
}

/// What stands between single quotes, which some programs write for double ones.
fn without_quotes(cell: &[u8]) -> &[u8] {
    let inner = cell
        .strip_prefix(b"'")
        .and_then(|cell| cell.strip_suffix(b"'"));
    inner.unwrap_or(cell)
}

/// Tells whether something in `cell` has that shape, other things round it or not: `a@b.example; c@d.example`.
pub(super) fn names_address(cell: &[u8]) -> bool {
    is_address(cell)
        || cell.contains(&b'@')
            && cell
                .split(|byte| byte.is_ascii_whitespace() || b",;|/<>()\"".contains(byte))
                .any(is_address)
}

fn is_local(local: &[u8]) -> bool {
    !local.is_empty()
        && local.iter().all(|byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'@' | b',' | b';' | b'|' | b'<' | b'>' | 0)
        })
}

fn is_domain(domain: &[u8]) -> bool {
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    let mut labels = 0;
    for label in domain.split(|byte| *byte == b'.') {
        let sound = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || !byte.is_ascii()
        };
        if label.is_empty() || !label.iter().all(sound) {
            return false;
        }
        labels += 1;
    }
    labels >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_for_addresses_has_the_shape() {
        for cell in [
            "a@b.example",
            "  a.b+c@sub.b.example ",
            "<a@b.example>",
            "Ann Bo <a@b.example>",
            "mailto:a@b.example",
            "jürgen@müller.example",
            "a@b.example.",
            "o'neil@b.example",
            "'a@b.example'",
        ] {
            assert!(is_address(cell.as_bytes()), "{cell}");
        }
    }

    #[test]
    fn a_cell_may_name_addresses_among_other_things() {
        for cell in ["a@b.example; c@d.example", "call a@b.example first"] {
            assert!(!is_address(cell.as_bytes()), "{cell}");
            assert!(names_address(cell.as_bytes()), "{cell}");
        }
        assert!(!names_address(b"meet @ noon"));
    }

    #[test]
    fn other_cells_have_not() {
        for cell in [
            "",
            "@",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b..example",
            "a@b.example,Ann",
            "Ann;a@b.example;x",
            "@handle",
            "https://b.example/@a/x",
            "<a@b.example",
            "a@b.example>",
            "yes",
        ] {
            assert!(!is_address(cell.as_bytes()), "{cell}");
        }
    }
}
