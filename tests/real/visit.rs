//! One connection, as the server's own log has it.

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// We said goodbye.
    Quit,
    /// The server had enough: a limit of its own, an error, a refusal to serve.
    TheirDecision,
    /// We went without a word.
    #[default]
    Lost,
}

/// What the server logged of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visit {
    /// Recipients asked about.
    pub(crate) recipients: usize,
    /// The codes of refusals.
    pub(crate) refusals: Vec<u16>,
    /// Whether we began a message.
    pub(crate) data: bool,
    pub(crate) ending: Ending,
}

/// The code at the head of a reply.
pub(crate) fn leading_code(reply: &str) -> Option<u16> {
    reply.get(..3)?.parse().ok()
}
