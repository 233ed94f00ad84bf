//! Learning from what really happened: bounces and complaints in, to a suppression list, the ledger and the projection.
//!
//! In the order in which a file meets them: `source` (files, folders, archives of messages, exports, packed or not),
//! `mbox` and `events` (where one piece ends), `record` with `platform` (what a line of an export says), `meaning`
//! (what it comes to), `season` (everything counted), `cascade` and `health` (how the campaign fares). `run` compares
//! with what was projected, `suppression` keeps the dead from being written to again.

mod campaign;
mod cascade;
mod events;
pub mod health;
pub mod keeper;
mod mbox;
mod meaning;
pub mod run;
mod source;
pub mod suppression;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::bounce::dsn::Action;
use crate::bounce::event::Record;
use crate::bounce::explain::{AddressAction, RejectedBy};
use crate::model::reason::{Blame, Reason};
use crate::model::timestamp::Timestamp;

pub use crate::bounce::event::Platforms;
pub use campaign::{Campaign, Cause, Counts, Misread};
pub use cascade::Cascade;
#[cfg(feature = "serve")]
pub use source::visit_file;
pub use source::{SourceError, visit};

pub use crate::bounce::weigh::{Confidence, Kind};

/// Everything in the file or folder at `path`, judged with what comes with the program: no rules, mapping or ledger of
/// the operator.
///
/// # Errors
///
/// [`SourceError`] when it cannot be read.
#[cfg(feature = "testing")]
pub fn read(path: &std::path::Path) -> Result<Vec<BounceEvent>, SourceError> {
    let platforms = Platforms::built_in();
    let mut campaign = Campaign::new();
    let mut all = Vec::new();
    visit(
        path,
        &crate::input::list::Options::default(),
        &platforms,
        &mut |piece| {
            let built_in = crate::bounce::explain::Knowledge::built_in();
            all.extend(campaign.take(piece, &platforms, built_in));
            Ok::<(), SourceError>(())
        },
    )?;
    Ok(all)
}

/// One piece of a source, with its place.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it stands.
    pub origin: Origin,
    /// What it is.
    pub content: Content,
}

/// What a piece is made of.
#[derive(Clone, Debug)]
pub enum Content {
    /// The bytes of a message, as far as they are looked at.
    Message(Vec<u8>),
    /// The fields of a line of an export.
    Record(Record),
    /// Something in a folder that is neither.
    Nothing,
}

/// Where a piece stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file that it was read from.
    pub file: Arc<PathBuf>,
    /// Its place in the file, from 1.
    pub place: u64,
}

/// The side that caused a bounce, as far as the sender can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The list: the address takes no mail. Cleaning it helps.
    List,
    /// The sender: reputation, authentication, speed. The address may be good.
    Sender,
    /// Neither: the receiving host, the network, or an unknown cause.
    Neither,
}

impl Fault {
    /// The side that a reason puts a bounce down to.
    #[must_use]
    pub fn of(reason: Reason) -> Fault {
        match reason.blame() {
            Blame::Mailbox | Blame::Domain => Fault::List,
            Blame::Sender => Fault::Sender,
            Blame::Host | Blame::Operator | Blame::Us | Blame::Nobody => Fault::Neither,
        }
    }

    /// The name used in output, such as `list`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::List => "list",
            Fault::Sender => "sender",
            Fault::Neither => "neither",
        }
    }
}

/// One thing that happened to one address, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct BounceEvent {
    /// Where it was read.
    pub origin: Origin,
    /// The kind of event.
    pub kind: Kind,
    /// The address that delivery was attempted to.
    pub final_recipient: Option<String>,
    /// The address that the sender wrote, where it differs.
    pub original: Option<String>,
    /// What is said to have become of the message.
    pub action: Option<Action>,
    /// The enhanced status code.
    pub status: Option<String>,
    /// What was said, in one safe line.
    pub diagnostic: Option<String>,
    /// Why, likeliest; `None` where nothing went wrong.
    pub reason: Option<Reason>,
    /// Whether trying again is pointless.
    pub permanent: bool,
    /// What the reason rests on: a rule, or a platform's word.
    pub rule: String,
    /// Whether the address must not be written to again.
    pub condemned: bool,
    /// How much that can be relied on.
    pub confidence: Confidence,
    /// Why it came out so, in one sentence.
    pub because: String,
    /// What to do with the address.
    pub address_action: AddressAction,
    /// Which side refused.
    pub rejected_by: RejectedBy,
    /// The host that wrote the notice.
    pub reporting_mta: Option<String>,
    /// The host that refused.
    pub remote_mta: Option<String>,
    /// The id of the provider that keeps the mailbox, where known.
    pub provider: Option<String>,
    /// What the sender should do.
    pub advice: Vec<String>,
    /// When it happened, where the source says.
    pub at: Option<Timestamp>,
    /// What makes the same thing count once.
    pub id: String,
    /// Whether it was read before, in this reading.
    pub repeat: bool,
    /// Whether the row or event was understood.
    pub understood: Understood,
}

/// Whether a row or an event was understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Understood {
    /// The row or event was understood.
    #[default]
    Yes,
    /// It names no address.
    NamesNobody,
    /// It names an address, and nothing in it says what happened.
    Unsaid,
}

impl BounceEvent {
    /// The side that caused the bounce.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self.kind {
            Kind::Bounce => Some(self.reason.map_or(Fault::Neither, Fault::of)),
            Kind::Delayed
            | Kind::Delivered
            | Kind::AutoReply
            | Kind::Complaint
            | Kind::Suppressed
            | Kind::Unsubscribed
            | Kind::Other => None,
        }
    }

    /// Whether the address is dead: it bounced for good, and the mailbox or its domain is to blame.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        self.kind == Kind::Bounce && self.condemned
    }

    /// Whether the address must not be written to again.
    #[must_use]
    pub fn suppresses(&self) -> bool {
        self.condemned
    }

    /// The address on the sender's list: the one that was written to, before any forwarding.
    #[must_use]
    pub fn listed(&self) -> Option<&str> {
        self.original.as_deref().or(self.final_recipient.as_deref())
    }
}
