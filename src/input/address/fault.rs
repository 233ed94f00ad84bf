//! Why a text is no address: [`Fault`].

use thiserror::Error;

use crate::model::limits;

/// The first rule that a text breaks. Its sentence says which rule, and where; it is the evidence of `bad_syntax`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The bytes are not UTF-8.
    #[error("the text is not valid UTF-8")]
    NotUtf8,
    /// Nothing is left after blanks and punctuation are taken away.
    #[error("there is no address in this field")]
    Empty,
    /// It is a name in a directory: `/o=Acme/ou=First/cn=Recipients/cn=ann` (X.500, as Exchange writes it).
    #[error(
        "this is the name of an entry in a directory (Exchange, Notes, LDAP), which has the e-mail address"
    )]
    DirectoryName,
    /// The text is too long to be searched for an address.
    #[error(
        "the text is {bytes} bytes long; no address is looked for in more than {}",
        limits::ADDRESS_TEXT_BYTES
    )]
    TextTooLong {
        /// Length of the text.
        bytes: usize,
    },
    /// The field holds more than one address. None is picked, because which was meant cannot be told.
    #[error("the field holds {count} addresses; give each its own row")]
    Several {
        /// How many addresses it holds.
        count: usize,
    },
    /// Other words stand beside the address.
    #[error("`{text}` stands beside the address")]
    TextBeside {
        /// Those words.
        text: Box<str>,
    },
    /// A `%` of a `mailto:` link is not followed by two hexadecimal digits of UTF-8 (RFC 6068 §2).
    #[error("the `%` signs of the mailto link do not decode to text")]
    BadPercent,
    /// A control character, a line break among them, stands inside. It could smuggle a command into the session.
    #[error("a control character (U+{code:04X}) stands inside the address")]
    ControlCharacter {
        /// Its code point.
        code: u32,
    },
    /// A blank stands inside.
    #[error("a blank stands inside the address")]
    Blank,
    /// A comment in parentheses stands inside (RFC 5321 §4.1.2 has none).
    #[error("a comment in parentheses stands inside the address")]
    Comment,
    /// There is no `@`.
    #[error("there is no `@`")]
    NoAt,
    /// There is more than one `@` outside quotes.
    #[error("there is more than one `@`")]
    ManyAts,
    /// Nothing stands before the `@`.
    #[error("nothing stands before the `@`")]
    LocalEmpty,
    /// The local part is too long (RFC 5321 §4.5.3.1.1).
    #[error(
        "the part before the `@` is {octets} octets long; at most {} are allowed",
        limits::LOCAL_PART_OCTETS
    )]
    LocalTooLong {
        /// Length of the local part.
        octets: usize,
    },
    /// The local part begins or ends with a dot, or has two in a row (RFC 5321 §4.1.2, Dot-string).
    #[error("the part before the `@` begins or ends with a dot, or has two dots in a row")]
    LocalDot,
    /// A character that the local part may not hold outside quotes (RFC 5321 §4.1.2, atext).
    #[error("`{character}` may not stand before the `@`")]
    LocalCharacter {
        /// That character.
        character: char,
    },
    /// A quote is opened before the `@` but never closed, or followed by something else than the `@`.
    #[error("the quotes before the `@` do not match")]
    LocalQuote,
    /// Nothing stands after the `@`.
    #[error("nothing stands after the `@`")]
    DomainEmpty,
    /// The domain is too long (RFC 5321 §4.5.3.1.2).
    #[error(
        "the domain is {octets} octets long; at most {} are allowed",
        limits::DOMAIN_OCTETS
    )]
    DomainTooLong {
        /// Its length as A-labels.
        octets: usize,
    },
    /// The whole address is too long for a command (RFC 5321 §4.5.3.1.3).
    #[error(
        "the address is {octets} octets long; at most {} are allowed",
        limits::ADDRESS_OCTETS
    )]
    AddressTooLong {
        /// Its length in a command, the domain in A-labels.
        octets: usize,
    },
    /// The domain begins with a dot or has two in a row.
    #[error("the domain begins with a dot or has two dots in a row")]
    LabelEmpty,
    /// A label of the domain is too long (RFC 1035 §2.3.4).
    #[error(
        "`{label}` in the domain is longer than {} octets",
        limits::LABEL_OCTETS
    )]
    LabelTooLong {
        /// That label.
        label: Box<str>,
    },
    /// A label of the domain begins or ends with something else than a letter or digit (RFC 5321 §4.1.2, sub-domain).
    #[error("`{label}` in the domain does not begin and end with a letter or a digit")]
    LabelEdge {
        /// That label.
        label: Box<str>,
    },
    /// A name with an underscore, where only registered names can stand; no registry hands one out.
    #[error("`{label}` has an underscore, so it cannot be a registered domain")]
    Underscore {
        /// The registrable name, or what stands in its place.
        label: Box<str>,
    },
    /// A character that no domain may hold.
    #[error("`{character}` may not stand in a domain")]
    DomainCharacter {
        /// That character.
        character: char,
    },
    /// The domain has a single label, such as `localhost`: no such domain takes mail from the internet.
    #[error("`{domain}` is no full domain: it has no dot")]
    Dotless {
        /// That label.
        domain: Box<str>,
    },
    /// The top-level domain is a number (RFC 3696 §2).
    #[error("`{label}` is no top-level domain: it is a number")]
    NumericTopLevel {
        /// That label.
        label: Box<str>,
    },
    /// An IPv4 address without brackets (RFC 5321 §4.1.3 asks for them).
    #[error("`{text}` is an IP address; as a mail domain it would be written `[{text}]`")]
    BareIp {
        /// That address.
        text: Box<str>,
    },
    /// Brackets without a well-formed IP address between them (RFC 5321 §4.1.3).
    #[error("`{text}` is no IP address in the form `[192.0.2.1]` or `[IPv6:2001:db8::1]`")]
    BadLiteral {
        /// The text with its brackets.
        text: Box<str>,
    },
    /// The domain cannot be turned into A-labels, or its A-labels do not decode (UTS 46).
    #[error("`{domain}` is not a valid international domain name")]
    BadInternational {
        /// The domain as it was written.
        domain: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_fault_of_an_address_has_its_words() {
        let text = |text: &str| Box::from(text);
        let texts = error_texts!(Fault {
            NotUtf8,
            Empty,
            DirectoryName,
            TextTooLong { bytes: 5_000 },
            Several { count: 2 },
            TextBeside { text: text("call first") },
            BadPercent,
            ControlCharacter { code: 7 },
            Blank,
            Comment,
            NoAt,
            ManyAts,
            LocalEmpty,
            LocalTooLong { octets: 65 },
            LocalDot,
            LocalCharacter { character: '(' },
            LocalQuote,
            DomainEmpty,
            DomainTooLong { octets: 256 },
            AddressTooLong { octets: 255 },
            LabelEmpty,
            LabelTooLong { label: text("aaaa") },
            LabelEdge { label: text("-acme") },
            Underscore { label: text("a_b") },
            DomainCharacter { character: '!' },
            Dotless { domain: text("acme") },
            NumericTopLevel { label: text("7") },
            BareIp { text: text("192.0.2.7") },
            BadLiteral { text: text("[192.0.2]") },
            BadInternational { domain: text("xn--a.test") },
        });
        insta::assert_snapshot!(texts, @r"
        the text is not valid UTF-8
        there is no address in this field
        this is the name of an entry in a directory (Exchange, Notes, LDAP), which has the e-mail address
        the text is 5000 bytes long; no address is looked for in more than 4096
        the field holds 2 addresses; give each its own row
        `call first` stands beside the address
        the `%` signs of the mailto link do not decode to text
        a control character (U+0007) stands inside the address
        a blank stands inside the address
        a comment in parentheses stands inside the address
        there is no `@`
        there is more than one `@`
        nothing stands before the `@`
        the part before the `@` is 65 octets long; at most 64 are allowed
        the part before the `@` begins or ends with a dot, or has two dots in a row
        `(` may not stand before the `@`
        the quotes before the `@` do not match
        nothing stands after the `@`
        the domain is 256 octets long; at most 253 are allowed
        the address is 255 octets long; at most 254 are allowed
        the domain begins with a dot or has two dots in a row
        `aaaa` in the domain is longer than 63 octets
        `-acme` in the domain does not begin and end with a letter or a digit
        `a_b` has an underscore, so it cannot be a registered domain
        `!` may not stand in a domain
        `acme` is no full domain: it has no dot
        `7` is no top-level domain: it is a number
        `192.0.2.7` is an IP address; as a mail domain it would be written `[192.0.2.7]`
        `[192.0.2]` is no IP address in the form `[192.0.2.1]` or `[IPv6:2001:db8::1]`
        `xn--a.test` is not a valid international domain name
        ");
    }
}
