//! Macro strings of SPF (RFC 7208 §7): parsed once, expanded for a message.

use std::net::IpAddr;

use crate::model::limits;
use crate::model::timestamp::Timestamp;

use super::fault::Fault;

/// What a macro stands for (RFC 7208 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// `s`: the sender.
    Sender,
    /// `l`: its local part.
    LocalPart,
    /// `o`: its domain.
    SenderDomain,
    /// `d`: the domain whose policy is evaluated.
    Domain,
    /// `i`: the address, dotted.
    Address,
    /// `p`: the confirmed reverse name of the address.
    ReverseName,
    /// `v`: the zone of reverse names, without its `arpa`.
    Family,
    /// `h`: the HELO name.
    Helo,
    /// `c`: the address, readable; explanations only.
    ReadableAddress,
    /// `r`: the host that evaluates; explanations only.
    Receiver,
    /// `t`: the time; explanations only.
    Time,
}

impl Letter {
    fn read(letter: u8) -> Option<Letter> {
        Some(match letter.to_ascii_lowercase() {
            b's' => Letter::Sender,
            b'l' => Letter::LocalPart,
            b'o' => Letter::SenderDomain,
            b'd' => Letter::Domain,
            b'i' => Letter::Address,
            b'p' => Letter::ReverseName,
            b'v' => Letter::Family,
            b'h' => Letter::Helo,
            b'c' => Letter::ReadableAddress,
            b'r' => Letter::Receiver,
            b't' => Letter::Time,
            _ => return None,
        })
    }

    fn only_in_explanations(self) -> bool {
        matches!(
            self,
            Letter::ReadableAddress | Letter::Receiver | Letter::Time
        )
    }
}

/// Where a macro string stands, which decides what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a record.
    Record,
    /// In the text of an explanation, where spaces and three more letters are allowed (§6.2, §7.2).
    Explanation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Forward,
    Reversed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Plain,
    Url,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Macro {
        letter: Letter,
        escape: Escape,
        keep: Option<usize>,
        order: Order,
        delimiters: String,
    },
}

/// A string with macros in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroString(Vec<Piece>);

/// What macros stand for in one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct MacroContext<'a> {
    /// The sender's local part.
    pub local_part: &'a str,
    /// The sender's domain.
    pub sender_domain: &'a str,
    /// The domain whose policy is evaluated.
    pub domain: &'a str,
    /// The address that sends.
    pub ip: IpAddr,
    /// Its confirmed reverse name, or `unknown`.
    pub reverse_name: &'a str,
    /// The HELO name.
    pub helo: &'a str,
    /// The time of the evaluation.
    pub now: Timestamp,
}

impl MacroString {
    /// Reads a macro string (RFC 7208 §7.1).
    ///
    /// # Errors
    /// A character that may not stand there, or a `%` that begins no macro.
    pub fn parse(text: &[u8], place: Place) -> Result<MacroString, Fault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'%' => {
                    let (&second, after) = rest.split_first().ok_or(Fault::Macro)?;
                    rest = after;
                    match second {
                        b'%' => literal.push('%'),
                        b'_' => literal.push(' '),
                        b'-' => literal.push_str("%20"),
                        b'{' => {
                            let end = rest
                                .iter()
                                .position(|&byte| byte == b'}')
                                .ok_or(Fault::Macro)?;
                            if !literal.is_empty() {
                                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                            }
                            pieces.push(parse_macro(&rest[..end], place)?);
                            rest = &rest[end + 1..];
                        }
                        _ => return Err(Fault::Macro),
                    }
                }
                0x21..=0x7e => literal.push(char::from(first)),
                b' ' if place == Place::Explanation => literal.push(' '),
                _ => return Err(Fault::Character(first)),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(MacroString(pieces))
    }

    /// Whether it expands to the same text for every message.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| match piece {
            Piece::Literal(_) => true,
            Piece::Macro { letter, .. } => *letter == Letter::Domain,
        })
    }

    /// Whether a macro of this letter is in it.
    #[must_use]
    pub fn uses(&self, wanted: Letter) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Literal(_) => false,
            Piece::Macro { letter, .. } => *letter == wanted,
        })
    }

    /// The text it stands for in one evaluation.
    #[must_use]
    pub fn expand(&self, context: &MacroContext<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Macro {
                    letter,
                    escape,
                    keep,
                    order,
                    delimiters,
                } => {
                    let value = transform(&context.value(*letter), *keep, *order, delimiters);
                    match escape {
                        Escape::Plain => text.push_str(&value),
                        Escape::Url => push_url_escaped(&mut text, &value),
                    }
                }
            }
        }
        text
    }

    /// The name it stands for: without the dot at the end, and with labels taken off the left until it fits in 253
    /// octets (RFC 7208 §7.3).
    #[must_use]
    pub fn expand_name(&self, context: &MacroContext<'_>) -> String {
        let text = self.expand(context);
        let mut name = text.strip_suffix('.').unwrap_or(&text);
        while name.len() > limits::DOMAIN_OCTETS {
            match name.split_once('.') {
                Some((_, shorter)) => name = shorter,
                None => break,
            }
        }
        name.to_owned()
    }
}

impl MacroContext<'_> {
    fn value(&self, letter: Letter) -> String {
        match letter {
            Letter::Sender => format!("{}@{}", self.local_part, self.sender_domain),
            Letter::LocalPart => self.local_part.to_owned(),
            Letter::SenderDomain => self.sender_domain.to_owned(),
            Letter::Domain => self.domain.to_owned(),
            Letter::Address => dotted(self.ip),
            Letter::ReverseName => self.reverse_name.to_owned(),
            Letter::Family => match self.ip {
                IpAddr::V4(_) => "in-addr".to_owned(),
                IpAddr::V6(_) => "ip6".to_owned(),
            },
            Letter::Helo => self.helo.to_owned(),
            Letter::ReadableAddress => self.ip.to_string(),
            Letter::Receiver => "unknown".to_owned(),
            Letter::Time => (self.now.as_millis() / 1000).to_string(),
        }
    }
}

/// An address with a dot between its octets, or between its nibbles in upper case (RFC 7208 §7.3).
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles: Vec<String> = ip
                .octets()
                .iter()
                .flat_map(|octet| [octet >> 4, octet & 15])
                .map(|nibble| format!("{nibble:X}"))
                .collect();
            nibbles.join(".")
        }
    }
}

fn parse_macro(inside: &[u8], place: Place) -> Result<Piece, Fault> {
    let (&first, rest) = inside.split_first().ok_or(Fault::Macro)?;
    let letter = Letter::read(first).ok_or(Fault::MacroLetter(first))?;
    if letter.only_in_explanations() && place == Place::Record {
        return Err(Fault::MacroLetter(first));
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let keep = if digits == 0 {
        None
    } else {
        let count = rest[..digits].iter().fold(0usize, |count, digit| {
            count
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        });
        // RFC 7208 §7.3: the number must not be zero.
        if count == 0 {
            return Err(Fault::Macro);
        }
        Some(count)
    };
    let mut rest = &rest[digits..];
    let order = match rest.split_first() {
        Some((b'r' | b'R', after)) => {
            rest = after;
            Order::Reversed
        }
        Some(_) | None => Order::Forward,
    };
    if !rest.iter().all(|byte| b".-+,/_=".contains(byte)) {
        return Err(Fault::Macro);
    }
    Ok(Piece::Macro {
        letter,
        escape: if first.is_ascii_uppercase() {
            Escape::Url
        } else {
            Escape::Plain
        },
        keep,
        order,
        delimiters: rest.iter().copied().map(char::from).collect(),
    })
}

fn transform(value: &str, keep: Option<usize>, order: Order, delimiters: &str) -> String {
    if keep.is_none() && order == Order::Forward && delimiters.is_empty() {
        return value.to_owned();
    }
    let delimiters = if delimiters.is_empty() {
        "."
    } else {
        delimiters
    };
    let mut parts: Vec<&str> = value
        .split(|character| delimiters.contains(character))
        .collect();
    if order == Order::Reversed {
        parts.reverse();
    }
    let keep = keep.unwrap_or(parts.len()).min(parts.len());
    parts[parts.len() - keep..].join(".")
}

/// Escapes all but the unreserved characters of a URL (RFC 7208 §7.3, RFC 3986 §2.3).
fn push_url_escaped(text: &mut String, value: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
