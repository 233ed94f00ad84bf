//! SMTP: what we may send to a mail host, what it may send to us.
//!
//! A reply belongs to its question. Replies carry no name, only their order, so one too many or too few gives every
//! later question the answer to another one. What shows it:
//!
//! - bytes that lie unread when we are about to speak, or behind the last reply of a batch ([`connection`]);
//! - a reply whose code cannot answer the command in whose place it stands ([`Command::may_be_answered_by`]): RSET,
//!   which begins every transaction but the first, cannot be refused for a recipient;
//! - a reply left over when we say goodbye ([`farewell`]): 221 answers nothing but QUIT.
//!
//! So the sure moments of a session are its opening and its end; what lies between is believed as it comes, and
//! taken back as a whole where the end shows that it was out of step. The count costs no round trip of its own.

pub mod rules;

pub mod command;
pub mod connection;
pub mod farewell;
pub mod reply;
pub mod session;
pub(crate) mod tls;

pub use crate::model::stage::Stage;
pub use command::{Charset, Command, HelloName};
pub use connection::Stream;
pub use reply::{EnhancedCode, Garble, Reply, Severity};

/// Anything a mail host can do with a question. An ordinary value, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A complete reply, of one or more lines.
    Reply(Reply),
    /// It said nothing in time.
    Silent,
    /// It closed the connection first.
    HungUp,
    /// No connection came about; the text is the system's own.
    Unreachable(String),
    /// It sent something that is no SMTP.
    Garbled(Garble),
}
