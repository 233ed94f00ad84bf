//! The words in which mail hosts of different makes say the same things.
//!
//! Codes and key phrases are those that senders meet in the wild; the rest is ours.

use std::collections::BTreeMap;

use super::words;

pub use super::line::{Dialect, Line};

/// What a line is about: fills the gaps in its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Topic<'a> {
    /// The host's own name.
    pub host: &'a str,
    /// The client's address.
    pub client: &'a str,
    /// The recipient in question.
    pub address: &'a str,
    /// Where the recipient moved to.
    pub moved_to: &'a str,
    /// How long to stay away, in seconds.
    pub seconds: u64,
}

/// The reply of a host that speaks `dialect`: code, then text, lines parted by LF; `own` words of the host come first.
#[must_use]
pub fn reply(
    dialect: Dialect,
    own: &BTreeMap<Line, String>,
    line: Line,
    topic: &Topic<'_>,
) -> String {
    let said = own.get(&line).map_or_else(
        || words::own(dialect, line).unwrap_or_else(|| words::common(line)),
        String::as_str,
    );
    if !said.contains('{') {
        return said.to_owned();
    }
    said.replace("{host}", topic.host)
        .replace("{client}", topic.client)
        .replace("{address}", topic.address)
        .replace("{moved_to}", topic.moved_to)
        .replace("{minutes}", &topic.seconds.div_ceil(60).to_string())
        .replace("{seconds}", &topic.seconds.to_string())
}
