//! The domain: what stands after the `@`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::fault::Fault;
use crate::model::limits;

/// What UTS 46 must refuse: all ASCII that is neither letter, digit, hyphen, dot nor underscore. The underscore is
/// judged by [`check_underscore`], because it is wrong in one place only.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Appends `domain` as it goes into a command: lower-case A-labels without a trailing dot, or a literal with its
/// brackets.
pub(super) fn write(domain: &str, out: &mut String) -> Result<(), Fault> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.is_empty() {
        return Err(Fault::DomainEmpty);
    }
    if domain.starts_with('[') {
        return write_literal(domain, out);
    }
    let start = out.len();
    if is_plain(domain) {
        out.push_str(domain);
        out[start..].make_ascii_lowercase();
    } else {
        check_characters(domain)?;
        let ascii = Uts46::new()
            .to_ascii(domain.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore)
            .map_err(|_| Fault::BadInternational {
                domain: domain.into(),
            })?;
        out.push_str(ascii.strip_suffix('.').unwrap_or(&ascii));
    }
    check_labels(&out[start..])
}

/// Appends the domain that begins at `start` once more, in U-labels, if they differ from its A-labels.
pub(super) fn append_readable(start: usize, text: &mut String) {
    if !has_a_label(&text[start..]) {
        return;
    }
    let (unicode, valid) =
        Uts46::new().to_unicode(&text.as_bytes()[start..], DENIED, Hyphens::Allow);
    let unicode = unicode.into_owned();
    if valid.is_ok() && unicode != text[start..] {
        text.push_str(&unicode);
    }
}

/// Whether the domain is known for local parts whose dots RFC 5321 allows in quotes only (`config/dots.txt`).
pub(super) fn allows_odd_dots(domain: &str) -> bool {
    include_str!("../../../config/dots.txt")
        .lines()
        .any(|listed| listed.eq_ignore_ascii_case(domain.trim_end_matches('.')))
}

/// The IP address of a domain in literal form; `None` for a name.
pub(super) fn literal_ip(domain: &str) -> Option<IpAddr> {
    let inner = domain.strip_prefix('[')?.strip_suffix(']')?;
    let tagged = inner
        .get(..5)
        .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"))
        .and_then(|_| inner.get(5..));
    match tagged {
        Some(ip) => ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => inner.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Appends a literal in canonical form, so that two spellings of one address are one domain.
fn write_literal(domain: &str, out: &mut String) -> Result<(), Fault> {
    let canonical = match literal_ip(domain) {
        Some(IpAddr::V4(ip)) => format!("[{ip}]"),
        Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        None => {
            return Err(Fault::BadLiteral {
                text: domain.into(),
            });
        }
    };
    out.push_str(&canonical);
    Ok(())
}

/// Whether the domain needs no UTS 46 processing: ASCII, no A-label to be checked, no character to be refused.
fn is_plain(domain: &str) -> bool {
    domain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && !has_a_label(domain)
}

/// Whether a label begins with `xn--`, in any case.
fn has_a_label(domain: &str) -> bool {
    // Most domains have no hyphen at all, and every row passes here.
    memchr::memchr(b'-', domain.as_bytes()).is_some()
        && domain.split('.').any(|label| {
            label
                .get(..4)
                .is_some_and(|head| head.eq_ignore_ascii_case("xn--"))
        })
}

/// Names the first ASCII character that no domain may hold, which UTS 46 would refuse without saying so.
fn check_characters(domain: &str) -> Result<(), Fault> {
    let is_forbidden =
        |c: &char| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '_');
    match domain.chars().find(is_forbidden) {
        None => Ok(()),
        Some('(' | ')') => Err(Fault::Comment),
        Some(' ') => Err(Fault::Blank),
        Some(character) => Err(Fault::DomainCharacter { character }),
    }
}

/// `Domain` of RFC 5321 §4.1.2 over lower-case ASCII, with the lengths of RFC 1035 §2.3.4.
fn check_labels(domain: &str) -> Result<(), Fault> {
    let mut labels = 0;
    let mut last = "";
    for label in domain.split('.') {
        check_label(label)?;
        labels += 1;
        last = label;
    }
    if domain.len() > limits::DOMAIN_OCTETS {
        return Err(Fault::DomainTooLong {
            octets: domain.len(),
        });
    }
    if labels == 1 {
        return Err(Fault::Dotless {
            domain: domain.into(),
        });
    }
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(if domain.parse::<Ipv4Addr>().is_ok() {
            Fault::BareIp {
                text: domain.into(),
            }
        } else {
            Fault::NumericTopLevel { label: last.into() }
        });
    }
    check_underscore(domain)
}

/// One label: `Let-dig [Ldh-str]`, and underscores between them.
fn check_label(label: &str) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (label.bytes().next(), label.bytes().last()) else {
        return Err(Fault::LabelEmpty);
    };
    if label.len() > limits::LABEL_OCTETS {
        return Err(Fault::LabelTooLong {
            label: label.into(),
        });
    }
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err(Fault::LabelEdge {
            label: label.into(),
        });
    }
    Ok(())
}

/// Refuses an underscore in the registrable name only. RFC 5321 §4.1.2 has none anywhere; deviates, because the owner
/// of a domain may put any name below it into DNS, and mail servers deliver there, while no registry hands out such a
/// name.
fn check_underscore(domain: &str) -> Result<(), Fault> {
    if !domain.contains('_') {
        return Ok(());
    }
    let registrable = psl::domain_str(domain).unwrap_or(domain);
    if registrable.contains('_') {
        return Err(Fault::Underscore {
            label: registrable.into(),
        });
    }
    Ok(())
}
