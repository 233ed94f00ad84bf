//! Everything we may say to a mail host.
//!
//! There is no `DATA` here, nor a way to write one: a message cannot be expressed. lettre's typed commands render the
//! bytes, its `Address` refuses whatever could break out of a line.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use lettre::Address as Mailbox;
use lettre::transport::smtp::commands::{Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailParameter};

/// The name we give ourselves in EHLO: a host name or an address literal (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(String);

impl HelloName {
    /// The address literal of `ip`, for a machine that has no name.
    #[must_use]
    pub fn literal(ip: IpAddr) -> Self {
        HelloName(match ip {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        })
    }

    /// The name as the argument of EHLO or HELO.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot stand in EHLO.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host name for EHLO: use a full name such as `mail.example.com`")]
pub struct BadHelloName(pub String);

impl FromStr for HelloName {
    type Err = BadHelloName;

    fn from_str(text: &str) -> Result<Self, BadHelloName> {
        if let Some(literal) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            let ip = match literal.get(..5) {
                Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
                    literal[5..].parse().map(IpAddr::V6)
                }
                _ => literal.parse().map(IpAddr::V4),
            };
            return ip
                .map(HelloName::literal)
                .map_err(|_| BadHelloName(text.escape_debug().to_string()));
        }
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let label_is_good = |label: &str| {
            (1..=crate::model::limits::LABEL_OCTETS).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() <= crate::model::limits::DOMAIN_OCTETS && name.split('.').all(label_is_good) {
            Ok(HelloName(name))
        } else {
            Err(BadHelloName(text.escape_debug().to_string()))
        }
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a transaction is announced as internationalised (RFC 6531 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Every address in it is ASCII.
    Ascii,
    /// An address in it is not: `SMTPUTF8` is asked for.
    Utf8,
}

/// A command that a client may send; DATA is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Names the client, asking for extensions.
    Ehlo(HelloName),
    /// Names the client, for hosts that do not know EHLO.
    Helo(HelloName),
    /// Encryption, please (RFC 3207).
    StartTls,
    /// Begins a transaction.
    Mail {
        /// The sender; `None` is the null sender.
        sender: Option<Mailbox>,
        /// Whether the transaction needs SMTPUTF8.
        charset: Charset,
    },
    /// Would you take mail for this recipient?
    Rcpt(Mailbox),
    /// Forgets the transaction.
    Rset,
    /// Ends the session.
    Quit,
}

impl Command {
    /// Whether a reply with this code can be the answer to this command. Some codes belong to one command alone (RFC
    /// 5321 §4.2.3), and RSET cannot be refused for what was said before it: where another one stands in its place, the
    /// host is a reply ahead of us or behind.
    #[must_use]
    pub fn may_be_answered_by(&self, code: u16) -> bool {
        match code {
            220 => matches!(self, Command::StartTls),
            221 => matches!(self, Command::Quit),
            251 | 252 => matches!(self, Command::Rcpt(_)),
            // HELP, AUTH, DATA.
            211 | 214 | 235 | 300..=399 => false,
            200..=299 => !matches!(self, Command::StartTls),
            // It closes (RFC 5321 §3.8), or it does not know the command.
            421 | 500..=504 => true,
            _ => !matches!(self, Command::Rset | Command::Quit),
        }
    }
}

impl fmt::Display for Command {
    /// The command as it is sent, with its line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Ehlo(name) => Ehlo::new(ClientId::Domain(name.0.clone())).fmt(f),
            // lettre has no HELO; the name has passed `HelloName`'s own check.
            Command::Helo(name) => write!(f, "HELO {name}\r\n"),
            Command::StartTls => Starttls.fmt(f),
            Command::Mail { sender, charset } => {
                let parameters = match charset {
                    Charset::Ascii => Vec::new(),
                    Charset::Utf8 => vec![MailParameter::SmtpUtfEight],
                };
                Mail::new(sender.clone(), parameters).fmt(f)
            }
            Command::Rcpt(recipient) => Rcpt::new(recipient.clone(), Vec::new()).fmt(f),
            Command::Rset => Rset.fmt(f),
            Command::Quit => Quit.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_the_rfc_has_them() {
        let name: HelloName = "Mail.Example.COM.".parse().unwrap();
        let anna: Mailbox = "anna@example.com".parse().unwrap();
        let table = [
            (Command::Ehlo(name.clone()), "EHLO mail.example.com\r\n"),
            (Command::Helo(name), "HELO mail.example.com\r\n"),
            (Command::StartTls, "STARTTLS\r\n"),
            (
                Command::Mail {
                    sender: None,
                    charset: Charset::Ascii,
                },
                "MAIL FROM:<>\r\n",
            ),
            (
                Command::Mail {
                    sender: Some(anna.clone()),
                    charset: Charset::Utf8,
                },
                "MAIL FROM:<anna@example.com> SMTPUTF8\r\n",
            ),
            (Command::Rcpt(anna), "RCPT TO:<anna@example.com>\r\n"),
            (Command::Rset, "RSET\r\n"),
            (Command::Quit, "QUIT\r\n"),
        ];
        for (command, line) in table {
            assert_eq!(command.to_string(), line);
        }
    }

    #[test]
    fn a_code_of_another_command_is_no_answer() {
        let rcpt = Command::Rcpt("anna@example.com".parse().unwrap());
        let hello = Command::Ehlo("me.example".parse().unwrap());
        for (command, answers, others) in [
            (
                &rcpt,
                &[250, 251, 252, 421, 450, 550][..],
                &[220, 221, 354][..],
            ),
            (&hello, &[250, 421, 502, 550], &[220, 221, 251]),
            (&Command::StartTls, &[220, 454, 502], &[250, 221]),
            (&Command::Rset, &[250, 200, 421, 502], &[450, 550, 220]),
            (&Command::Quit, &[221, 250, 421], &[550, 450, 220, 252]),
        ] {
            for code in answers {
                assert!(command.may_be_answered_by(*code), "{command} {code}");
            }
            for code in others {
                assert!(!command.may_be_answered_by(*code), "{command} {code}");
            }
        }
    }

    #[test]
    fn a_hello_name_cannot_break_out_of_its_line() {
        for bad in [
            "",
            "a b",
            "x\r\nDATA",
            "a..b",
            "ü.example",
            "a\u{0}",
            "[192.0.2.1]\r\nDATA",
            "[192.0.2.1\r\nDATA]",
            "[mail.example.com]",
            "[IPv6:192.0.2.1]",
            "[ü2001:db8::1]",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<HelloName>().is_err(), "{bad:?}");
        }
        assert_eq!(
            HelloName::literal("2001:db8::1".parse().unwrap()).as_str(),
            "[IPv6:2001:db8::1]"
        );
    }

    #[test]
    fn an_address_literal_is_a_hello_name() {
        for literal in ["[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            let name: HelloName = literal.parse().unwrap();
            assert_eq!(name.as_str(), literal);
        }
    }
}
