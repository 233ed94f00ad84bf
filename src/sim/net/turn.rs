//! What a host says in answer to one line.

use std::net::IpAddr;
use std::time::Duration;

use super::dialect::{self, Line, Topic};
use super::habits::Speech;
use super::host::{Host, Memory};
use super::server_log::Sightings;
use crate::model::timestamp::Timestamp;

/// Everything a session needs to answer: its host, what the host remembers, what it reports.
pub(super) struct Desk<'a> {
    pub(super) host: &'a Host,
    pub(super) memory: &'a mut Memory,
    pub(super) seen: &'a mut Sightings,
    pub(super) now: Timestamp,
}

/// What follows a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next command.
    Listen,
    /// The TLS handshake.
    Handshake,
    /// The end of the connection, as the client wished.
    Farewell,
    /// The end of the connection, as the host wishes.
    HangUp,
}

/// A host's answer to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// How long the host thinks.
    pub(super) wait: Duration,
    /// Its replies: code, then text, lines parted by LF. Mostly one; none to say nothing; two where the host takes its
    /// leave unasked.
    pub(super) replies: Vec<String>,
    /// How the replies are sent.
    pub(super) speech: Speech,
    /// What the host does after its replies.
    pub(super) then: Then,
}

/// The host's words on a topic.
pub(super) fn phrase(host: &Host, client: IpAddr, line: Line, topic: &Topic<'_>) -> String {
    let client = client.to_string();
    let topic = Topic {
        host: &host.name,
        client: &client,
        ..*topic
    };
    dialect::reply(host.habits.dialect, &host.habits.says, line, &topic)
}

/// A plain reply.
pub(super) fn say(words: &str) -> Turn {
    Turn {
        replies: vec![words.to_owned()],
        ..Turn::silence()
    }
}

impl Turn {
    /// Not a word.
    pub(super) fn silence() -> Self {
        Turn {
            wait: Duration::ZERO,
            replies: Vec::new(),
            speech: Speech::Plain,
            then: Then::Listen,
        }
    }
}
