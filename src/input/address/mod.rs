//! From the text of a field to an [`Address`].
//!
//! In order: what is often pasted around an address is taken away (`clean`), the local part and the domain are read by
//! the grammar of RFC 5321 §4.1.2 and RFC 6531 §3.3 (`local`, `domain`), and the result is kept in one canonical form.
//! What is no address gives the [`Fault`] that says why; [`suggest_text`] guesses what was meant.

mod cell;
mod clean;
mod domain;
mod fault;
mod local;
mod plain;
mod quoted;
mod repair;
mod slip;
mod suggest;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::model::limits;

pub use cell::{Contents, Found, contents};
pub use fault::Fault;
pub use repair::suggest_text;
#[cfg(feature = "testing")]
pub use suggest::suggest;
pub use suggest::{suggest_domain, suggest_in};

/// A well-formed mailbox (RFC 5321 §4.1.2, `Mailbox`, with the extensions of RFC 6531 §3.3).
///
/// It holds no control character, ever. Equality is that of the text in commands, where the domain is lower case; two
/// addresses name one mailbox when their [`key`](Address::key) is equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// `local@ascii`, followed by the domain in U-labels where it differs.
    text: Box<str>,
    /// Where the `@` stands.
    at: u8,
    /// Where the form used in commands ends.
    end: u8,
    /// Whether that form is the [key](Address::key) too: every row asks more than once.
    is_key: bool,
}

/// What stands after the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain<'a> {
    /// A domain name, without the trailing dot.
    Name {
        /// In A-labels, lower case: for DNS and SMTP.
        ascii: &'a str,
        /// In U-labels: for display.
        unicode: &'a str,
    },
    /// An IP address in brackets (RFC 5321 §4.1.3).
    Literal {
        /// With its brackets, such as `[IPv6:2001:db8::1]`.
        text: &'a str,
        /// The address itself.
        ip: IpAddr,
    },
}

impl<'a> Domain<'a> {
    /// The form used in DNS and SMTP: A-labels, or the literal with its brackets.
    #[must_use]
    pub fn wire(self) -> &'a str {
        match self {
            Domain::Name { ascii, .. } => ascii,
            Domain::Literal { text, .. } => text,
        }
    }

    /// The form for display: U-labels, or the literal with its brackets.
    #[must_use]
    pub fn readable(self) -> &'a str {
        match self {
            Domain::Name { unicode, .. } => unicode,
            Domain::Literal { text, .. } => text,
        }
    }

    /// The name in A-labels; `None` for a literal, about which DNS has nothing to say.
    #[must_use]
    pub fn name(self) -> Option<&'a str> {
        match self {
            Domain::Name { ascii, .. } => Some(ascii),
            Domain::Literal { .. } => None,
        }
    }
}

/// The domain name in `text` as [`Domain::Name`] has it in A-labels, for lists of domains.
///
/// # Errors
///
/// The first rule that the name breaks; a literal is no name.
pub fn domain_name(text: &str) -> Result<String, Fault> {
    if text.starts_with('[') {
        return Err(Fault::BadLiteral { text: text.into() });
    }
    let mut name = String::with_capacity(text.len());
    domain::write(text, &mut name)?;
    Ok(name)
}

/// A well-formed address that the SMTP commands of `lettre` cannot carry, so no host can be asked about it. It is no
/// fault of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is well formed, but of a kind that cannot be put into a command here")]
pub struct NotSendable;

impl Address {
    /// Reads the address in `text`, which may stand in what is often pasted around it.
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Address, Fault> {
        Address::read(text).map(|(address, _)| address)
    }

    /// As [`Address::parse`], with the address as it stood in `text` once what surrounds it was taken away.
    fn read(text: &str) -> Result<(Address, Cow<'_, str>), Fault> {
        match plain::read(text) {
            Some(address) => Ok((address, Cow::Borrowed(text))),
            None => Address::read_by_grammar(text),
        }
    }

    /// The same by the whole grammar.
    fn read_by_grammar(text: &str) -> Result<(Address, Cow<'_, str>), Fault> {
        if text.len() > limits::ADDRESS_TEXT_BYTES {
            return Err(Fault::TextTooLong { bytes: text.len() });
        }
        let cleaned = clean::clean(text)?;
        let (local, domain) = local::split(&cleaned)?;
        let mut text = String::with_capacity(cleaned.len());
        match local::write(local, &mut text) {
            Err(Fault::LocalDot) if domain::allows_odd_dots(domain) => {
                local::write_with_odd_dots(local, &mut text)?;
            }
            written => written?,
        }
        let at = text.len();
        if at > limits::LOCAL_PART_OCTETS {
            return Err(Fault::LocalTooLong { octets: at });
        }
        text.push('@');
        domain::write(domain, &mut text)?;
        let end = text.len();
        if end > limits::ADDRESS_OCTETS {
            return Err(Fault::AddressTooLong { octets: end });
        }
        domain::append_readable(at + 1, &mut text);
        let (Ok(at), Ok(end)) = (u8::try_from(at), u8::try_from(end)) else {
            return Err(Fault::AddressTooLong { octets: end });
        };
        let address = Address {
            is_key: is_key(&text[..usize::from(at)]),
            text: text.into_boxed_str(),
            at,
            end,
        };
        Ok((address, cleaned))
    }

    /// Reads the address in `bytes`; see [`Address::parse`].
    ///
    /// # Errors
    ///
    /// [`Fault::NotUtf8`], or the first rule that the text breaks.
    #[cfg(feature = "testing")]
    pub fn parse_bytes(bytes: &[u8]) -> Result<Address, Fault> {
        if bytes.len() > limits::ADDRESS_TEXT_BYTES {
            return Err(Fault::TextTooLong { bytes: bytes.len() });
        }
        Address::parse(std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?)
    }

    /// The address whose [`Address::local`] and whose domain's [`Domain::wire`] these are: puts together again what was
    /// kept apart to save room.
    ///
    /// # Panics
    ///
    /// When they are not of one address.
    #[must_use]
    pub fn from_parts(local: &str, domain: &str) -> Address {
        let mut text = String::with_capacity(local.len() + 1 + domain.len());
        text.push_str(local);
        text.push('@');
        text.push_str(domain);
        let end = text.len();
        domain::append_readable(local.len() + 1, &mut text);
        let place = |at: usize| u8::try_from(at).expect("the parts of an address are short");
        Address {
            text: text.into_boxed_str(),
            at: place(local.len()),
            end: place(end),
            is_key: is_key(local),
        }
    }

    /// What stands before the `@`, as it goes into a command: in quotes only where they are needed, in NFC.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> Domain<'_> {
        let wire = &self.text[usize::from(self.at) + 1..usize::from(self.end)];
        if let Some(ip) = domain::literal_ip(wire) {
            return Domain::Literal { text: wire, ip };
        }
        let appended = &self.text[usize::from(self.end)..];
        let unicode = if appended.is_empty() { wire } else { appended };
        Domain::Name {
            ascii: wire,
            unicode,
        }
    }

    /// The whole address as it goes into a command, the domain in A-labels, without angle brackets.
    #[must_use]
    pub fn wire(&self) -> &str {
        &self.text[..usize::from(self.end)]
    }

    /// What the address is known by: rows with equal keys name one mailbox.
    ///
    /// The local part is lowered too. RFC 5321 §2.4 leaves its case to the receiving host; deviates, because no host in
    /// use keeps two mailboxes that differ in case alone, and senders mean one. Dots and `+tags` are kept: which
    /// providers fold them is their business and changes, and a wrong fold would answer for another user's mailbox.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        if self.is_key {
            return Cow::Borrowed(self.wire());
        }
        let local = self.local();
        if local.is_ascii() {
            return Cow::Owned(self.wire().to_ascii_lowercase());
        }
        let lowered: String = local.chars().flat_map(char::to_lowercase).collect();
        let mut key = clean::nfc(&lowered).into_owned();
        key.push_str(&self.wire()[local.len()..]);
        Cow::Owned(key)
    }

    /// Whether a host must offer SMTPUTF8 to take this address (RFC 6531 §3.3): its local part is not ASCII.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local().is_ascii()
    }

    /// The address for an SMTP command, checked once more by `lettre` as the last guard against injection.
    ///
    /// # Errors
    ///
    /// `NotSendable` for what `lettre` 0.11 refuses though it is well formed: an empty quoted local part. With
    /// `email_address` before 0.2.10, UTF-8 local parts with characters that are neither letters nor digits too.
    #[doc(hidden)]
    pub fn envelope(&self) -> Result<lettre::Address, NotSendable> {
        lettre::Address::new(self.local(), self.domain().wire()).map_err(|_| NotSendable)
    }
}

/// Whether a local part stands in the key of its address as it is.
fn is_key(local: &str) -> bool {
    local
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// For display: the domain in U-labels. [`Address::parse`] reads it back to an equal address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if usize::from(self.end) == self.text.len() {
            return f.pad(self.wire());
        }
        write!(f, "{}@{}", self.local(), self.domain().readable())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.wire())
    }
}

impl std::str::FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        Address::parse(text)
    }
}

#[cfg(test)]
mod tests;
