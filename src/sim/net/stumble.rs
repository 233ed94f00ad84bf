//! Hosts whose replies fall out of step with the commands: one too many, one too few, two in one, one late.

use std::time::Duration;

use serde::Deserialize;

use super::command::{self, Command};

/// One fault in the order of a host's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stumble {
    /// At which reply.
    pub at: Place,
    /// What it does there.
    pub how: Slip,
    /// How late what is too much or late comes.
    #[serde(default, with = "super::duration")]
    pub after: Duration,
    /// Only in so many of its first connections; in all where nothing is said.
    #[serde(default)]
    pub connections: Option<u32>,
}

/// A reply at which a host stumbles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The greeting, 220.
    Greeting,
    /// The answer to EHLO or HELO.
    Hello,
    /// Right behind the TLS handshake, where nothing is to be said.
    Handshake,
    /// The answer to MAIL.
    Mail,
    /// A recipient that is accepted.
    Acceptance,
    /// One that is not.
    Refusal,
    /// The answer to RSET.
    Reset,
}

/// What a host does instead of one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slip {
    /// It says it, then says so again.
    Again,
    /// It says it, then says yes.
    ThenYes,
    /// It says it, then says no.
    ThenNo,
    /// It forgets it.
    Forgets,
    /// It says it as one with the next reply.
    Merges,
    /// It says it late.
    Late,
    /// It says half of it, the rest later.
    Halves,
}

impl Place {
    /// Every place, in the order of a session.
    #[cfg(feature = "testing")]
    pub const ALL: [Place; 7] = [
        Place::Greeting,
        Place::Hello,
        Place::Handshake,
        Place::Mail,
        Place::Acceptance,
        Place::Refusal,
        Place::Reset,
    ];

    /// The place of the answer to a line.
    pub(super) fn of(line: &[u8], reply: &str) -> Option<Self> {
        match command::parse(line) {
            Command::Ehlo(_) | Command::Helo(_) => Some(Place::Hello),
            Command::Mail { .. } => Some(Place::Mail),
            Command::Rcpt(_) if reply.starts_with('2') => Some(Place::Acceptance),
            Command::Rcpt(_) => Some(Place::Refusal),
            Command::Rset => Some(Place::Reset),
            Command::Noop
            | Command::Quit
            | Command::Vrfy
            | Command::Data
            | Command::StartTls
            | Command::BadArguments
            | Command::Unknown => None,
        }
    }
}

impl Slip {
    /// Every slip, for tests that try them all.
    #[cfg(feature = "testing")]
    pub const ALL: [Slip; 7] = [
        Slip::Again,
        Slip::ThenYes,
        Slip::ThenNo,
        Slip::Forgets,
        Slip::Merges,
        Slip::Late,
        Slip::Halves,
    ];

    /// The reply too many behind one with these words.
    pub(super) fn surplus(self, words: &str) -> Option<String> {
        let code = words.get(..3).unwrap_or("250");
        match self {
            Slip::Again => Some(format!("{code} and so on")),
            Slip::ThenYes => Some("250 2.1.5 Ok".to_owned()),
            Slip::ThenNo => Some("550 5.1.1 User unknown".to_owned()),
            Slip::Forgets | Slip::Merges | Slip::Late | Slip::Halves => None,
        }
    }
}
