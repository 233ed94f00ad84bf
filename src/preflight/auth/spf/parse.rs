//! The grammar of SPF records (RFC 7208 §4.6, §5, §6, §12): text to [`Record`], or what is wrong with it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::preflight::lookup::shown;

use super::expand::{MacroString, Place};
use super::fault::{Fault, SyntaxError};
use super::{Directive, Mechanism, Prefixes, Qualifier, Record};

impl Record {
    /// Reads a record: its strings joined, with the version in front (see [`select`](super::select)).
    ///
    /// # Errors
    /// The first term that breaks the grammar; one is enough for the whole record to be void (RFC 7208 §4.6).
    pub fn parse(text: &[u8]) -> Result<Record, SyntaxError> {
        let mut record = Record {
            directives: Vec::new(),
            redirect: None,
            explanation: None,
        };
        let terms = text.split(|&byte| byte == b' ').skip(1);
        for term in terms.filter(|term| !term.is_empty()) {
            record.take(term).map_err(|fault| SyntaxError {
                term: shown(term),
                fault,
            })?;
        }
        Ok(record)
    }

    fn take(&mut self, term: &[u8]) -> Result<(), Fault> {
        let name_length = name_length(term);
        if name_length > 0 && term.get(name_length) == Some(&b'=') {
            let (name, value) = (&term[..name_length], &term[name_length + 1..]);
            return self.take_modifier(name, value);
        }
        let (qualifier, mechanism) = match term.split_first() {
            Some((b'+', rest)) => (Qualifier::Pass, rest),
            Some((b'-', rest)) => (Qualifier::Fail, rest),
            Some((b'~', rest)) => (Qualifier::SoftFail, rest),
            Some((b'?', rest)) => (Qualifier::Neutral, rest),
            Some(_) | None => (Qualifier::Pass, term),
        };
        self.directives.push(Directive {
            qualifier,
            mechanism: parse_mechanism(mechanism)?,
            text: shown(term),
        });
        Ok(())
    }

    fn take_modifier(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"redirect" => &mut self.redirect,
            b"exp" => &mut self.explanation,
            // RFC 7208 §6: an unknown modifier is ignored, but its value must be a macro string.
            _ => return MacroString::parse(value, Place::Record).map(drop),
        };
        if slot.is_some() {
            return Err(Fault::Repeated);
        }
        *slot = Some(parse_domain(value)?);
        Ok(())
    }
}

/// Length of the name at the start of a term: a letter, then letters, digits, `-`, `_`, `.` (RFC 7208 §4.6.1).
fn name_length(term: &[u8]) -> usize {
    if !term.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    term.iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        .count()
}

fn parse_mechanism(text: &[u8]) -> Result<Mechanism, Fault> {
    let length = name_length(text);
    if length == 0 {
        return Err(match text.iter().find(|byte| !byte.is_ascii_graphic()) {
            Some(&byte) => Fault::Character(byte),
            None => Fault::NoTerm,
        });
    }
    let (name, rest) = text.split_at(length);
    let name = name.to_ascii_lowercase();
    match name.as_slice() {
        b"all" => match rest {
            [] => Ok(Mechanism::All),
            _ => Err(Fault::UnexpectedValue),
        },
        b"include" => Ok(Mechanism::Include(parse_domain(value(rest)?)?)),
        b"exists" => Ok(Mechanism::Exists(parse_domain(value(rest)?)?)),
        b"a" => {
            let (target, prefixes) = parse_target(rest)?;
            Ok(Mechanism::A(target, prefixes))
        }
        b"mx" => {
            let (target, prefixes) = parse_target(rest)?;
            Ok(Mechanism::Mx(target, prefixes))
        }
        b"ptr" => match rest {
            [] => Ok(Mechanism::Ptr(None)),
            [b':', domain @ ..] => Ok(Mechanism::Ptr(Some(parse_domain(domain)?))),
            [_, ..] => Err(Fault::UnexpectedValue),
        },
        b"ip4" => {
            let (address, prefix) = split_prefix(value(rest)?, 32)?;
            let address: Ipv4Addr = parse_ascii(address).ok_or(Fault::Ip4)?;
            Ok(Mechanism::Ip4(address, prefix))
        }
        b"ip6" => {
            let (address, prefix) = split_prefix(value(rest)?, 128)?;
            let address: Ipv6Addr = parse_ascii(address).ok_or(Fault::Ip6)?;
            Ok(Mechanism::Ip6(address, prefix))
        }
        _ => Err(match rest.first() {
            Some(&byte) if !byte.is_ascii_graphic() => Fault::Character(byte),
            Some(_) | None => Fault::UnknownMechanism,
        }),
    }
}

fn value(rest: &[u8]) -> Result<&[u8], Fault> {
    match rest {
        [b':', value @ ..] if !value.is_empty() => Ok(value),
        _ => Err(Fault::MissingValue),
    }
}

fn parse_ascii<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `address [ "/" prefix ]`, the prefix being `most` when it is not given.
fn split_prefix(text: &[u8], most: u8) -> Result<(&[u8], u8), Fault> {
    match text.iter().position(|&byte| byte == b'/') {
        None => Ok((text, most)),
        Some(slash) => {
            let prefix = prefix_length(&text[slash + 1..]).ok_or(Fault::PrefixLength)?;
            if prefix > u16::from(most) {
                return Err(Fault::PrefixLength);
            }
            Ok((&text[..slash], u8::try_from(prefix).unwrap_or(most)))
        }
    }
}

/// `"0" / %x31-39 0*2DIGIT`: at most three digits, no leading zero (RFC 7208 §5.6).
fn prefix_length(digits: &[u8]) -> Option<u16> {
    let canonical =
        matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    if !canonical || digits.len() > 3 {
        return None;
    }
    parse_ascii(digits)
}

/// `[ ":" domain-spec ] [ "/" ip4-prefix ] [ "//" ip6-prefix ]` (RFC 7208 §5.3, §5.4).
fn parse_target(rest: &[u8]) -> Result<(Option<MacroString>, Prefixes), Fault> {
    let (rest, six) = strip_prefix_length(rest, b"//");
    let (rest, four) = strip_prefix_length(rest, b"/");
    let (four, six) = (four.unwrap_or(32), six.unwrap_or(128));
    if four > 32 || six > 128 {
        return Err(Fault::PrefixLength);
    }
    let prefixes = Prefixes {
        four: u8::try_from(four).unwrap_or(32),
        six: u8::try_from(six).unwrap_or(128),
    };
    match rest {
        [] => Ok((None, prefixes)),
        [b':', domain @ ..] => Ok((Some(parse_domain(domain)?), prefixes)),
        [b'/', ..] => Err(Fault::PrefixLength),
        [byte, ..] if !byte.is_ascii_graphic() => Err(Fault::Character(*byte)),
        [_, ..] => Err(Fault::UnknownMechanism),
    }
}

/// Takes `slashes` with a prefix length off the end of `text`, if they are there.
fn strip_prefix_length<'a>(text: &'a [u8], slashes: &[u8]) -> (&'a [u8], Option<u16>) {
    let digits = text
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (head, tail) = text.split_at(text.len() - digits);
    match (head.strip_suffix(slashes), prefix_length(tail)) {
        (Some(head), Some(length)) => (head, Some(length)),
        (Some(_) | None, _) => (text, None),
    }
}

/// `domain-spec = macro-string ( "." toplabel [ "." ] / macro-expand )` (RFC 7208 §7.1).
fn parse_domain(text: &[u8]) -> Result<MacroString, Fault> {
    if text.is_empty() {
        return Err(Fault::MissingValue);
    }
    let parsed = MacroString::parse(text, Place::Record)?;
    if ends_in_macro(text) {
        return Ok(parsed);
    }
    let name = text.strip_suffix(b".").unwrap_or(text);
    if parse_ascii::<Ipv4Addr>(name).is_some() {
        return Err(Fault::AddressAsName);
    }
    let label = match name.iter().rposition(|&byte| byte == b'.') {
        Some(dot) => &name[dot + 1..],
        None => return Err(Fault::TopLabel),
    };
    if is_top_label(label) {
        Ok(parsed)
    } else {
        Err(Fault::TopLabel)
    }
}

/// Whether well-formed macro text ends in `%{...}`, `%%`, `%_` or `%-`.
fn ends_in_macro(text: &[u8]) -> bool {
    let mut rest = text;
    let mut in_macro = false;
    while let Some((&first, after)) = rest.split_first() {
        in_macro = first == b'%';
        let step = match (first, after.first()) {
            (b'%', Some(b'{')) => rest
                .iter()
                .position(|&byte| byte == b'}')
                .map_or(rest.len(), |end| end + 1),
            (b'%', Some(_)) => 2,
            (_, _) => 1,
        };
        rest = &rest[step..];
    }
    in_macro
}

/// Letters, digits, hyphens inside, but not digits only (RFC 7208 §7.1).
fn is_top_label(label: &[u8]) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(label.first())
        && edge(label.last())
        && label
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.iter().all(u8::is_ascii_digit)
}
