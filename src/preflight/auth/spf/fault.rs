//! What is wrong with an SPF record, in words for its author.

/// What is wrong with a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No mechanism has this name.
    #[error("there is no such mechanism")]
    UnknownMechanism,
    /// Neither a mechanism nor a modifier can be made out.
    #[error("this is neither a mechanism nor a modifier")]
    NoTerm,
    /// A mechanism that takes no value has one.
    #[error("this mechanism takes no value")]
    UnexpectedValue,
    /// A value is missing.
    #[error("a value must follow, such as a domain")]
    MissingValue,
    /// The number after `/` is no prefix length.
    #[error(
        "the number after / must be at most 32 for IPv4, and after // at most 128 for IPv6, without leading zeros"
    )]
    PrefixLength,
    /// No IPv4 address.
    #[error("this is no IPv4 network; write it as in ip4:192.0.2.0/24")]
    Ip4,
    /// No IPv6 address.
    #[error("this is no IPv6 network; write it as in ip6:2001:db8::/32")]
    Ip6,
    /// The domain does not end in a top-level domain or a macro (§7.1).
    #[error("the domain must end in a dot with a top-level domain, such as .com")]
    TopLabel,
    /// An address where a name must stand.
    #[error("an address cannot stand here; use ip4: or ip6: for addresses")]
    AddressAsName,
    /// A `%` that begins no macro.
    #[error("a % must begin a macro such as %{{i}}; write %% for the character itself")]
    Macro,
    /// A macro with a letter that does not exist there.
    #[error("there is no macro with the letter {:?} here", char::from(*.0))]
    MacroLetter(u8),
    /// A byte that may not stand in a record.
    #[error("the character {} is not allowed; a record is plain ASCII with single spaces between terms", shown_byte(*.0))]
    Character(u8),
    /// `redirect` or `exp` a second time (§6).
    #[error("this modifier may appear only once")]
    Repeated,
}

fn shown_byte(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("{:?}", char::from(byte))
    } else {
        format!("0x{byte:02x}")
    }
}

/// What is wrong with a record, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in \"{term}\": {fault}")]
pub struct SyntaxError {
    /// The term, made safe to show.
    pub term: String,
    /// What is wrong with it.
    pub fault: Fault,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_fault_of_a_term_has_its_words() {
        let texts = error_texts!(Fault {
            UnknownMechanism,
            NoTerm,
            UnexpectedValue,
            MissingValue,
            PrefixLength,
            Ip4,
            Ip6,
            TopLabel,
            AddressAsName,
            Macro,
            MacroLetter(b'z'),
            Character(0xc3),
            Repeated,
        });
        insta::assert_snapshot!(texts, @r"
        there is no such mechanism
        this is neither a mechanism nor a modifier
        this mechanism takes no value
        a value must follow, such as a domain
        the number after / must be at most 32 for IPv4, and after // at most 128 for IPv6, without leading zeros
        this is no IPv4 network; write it as in ip4:192.0.2.0/24
        this is no IPv6 network; write it as in ip6:2001:db8::/32
        the domain must end in a dot with a top-level domain, such as .com
        an address cannot stand here; use ip4: or ip6: for addresses
        a % must begin a macro such as %{i}; write %% for the character itself
        there is no macro with the letter 'z' here
        the character 0xc3 is not allowed; a record is plain ASCII with single spaces between terms
        this modifier may appear only once
        ");
    }
}
