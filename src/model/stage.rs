//! The stages of a session with a mail host.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The moment of a session at which something was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Establishing the connection.
    Connect,
    /// The host's first words.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS with its handshake.
    Tls,
    /// MAIL, which begins a transaction.
    Mail,
    /// RCPT, about one recipient.
    Rcpt,
    /// DATA or the message's end: never ours, but bounces tell of it.
    Data,
    /// A reply on its own, as in a log or a bounce.
    Unknown,
}

impl Stage {
    /// Every stage, in the order of a session.
    pub const ALL: [Stage; 8] = [
        Stage::Connect,
        Stage::Greeting,
        Stage::Hello,
        Stage::Tls,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Unknown,
    ];

    /// The name used in rule files and evidence, such as `rcpt`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Connect => "connect",
            Stage::Greeting => "greeting",
            Stage::Hello => "hello",
            Stage::Tls => "tls",
            Stage::Mail => "mail",
            Stage::Rcpt => "rcpt",
            Stage::Data => "data",
            Stage::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
