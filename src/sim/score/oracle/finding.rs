//! What the oracle finds wrong with a run.

use std::fmt;

/// What kind of fault it is: each a promise of the program that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Complaint {
    /// A row is missing, comes twice, comes out of order or has other bytes.
    Rows,
    /// An address was rejected that takes mail, or that no host had refused.
    FalseRejection,
    /// An address was promised that takes no mail, or for which no host had vouched.
    FalsePromise,
    /// Something that could be learned was not.
    NeedlessDoubt,
    /// A message was begun.
    Data,
    /// The protocol was broken.
    Protocol,
    /// A host was asked faster than it may be.
    Rate,
    /// A host had more connections at once than it may have.
    Connections,
    /// A host was connected to for nothing time and again.
    Fruitless,
    /// A connection had too many refused recipients.
    Tripwire,
    /// A connection was left without QUIT.
    NoGoodbye,
    /// A host had a reason to complain that a careful client never gives.
    HostComplained,
    /// A host met more than one name or sender of ours.
    Identity,
    /// An address was asked about more often than needed.
    NeedlessQuestion,
    /// DNS was asked more often than needed.
    NeedlessLookUp,
    /// An address was connected to where there is no host, or none that may be contacted.
    Stray,
    /// The run did not end.
    Endless,
    /// More was held in memory than may be.
    Memory,
    /// The same seed did not give the same bytes.
    NotRepeatable,
    /// A run that was interrupted and continued came to another end.
    NotContinued,
    /// The program's own figures are not what the servers counted.
    Miscount,
}

impl Complaint {
    /// Its name, such as `false_rejection`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Complaint::Rows => "rows",
            Complaint::FalseRejection => "false_rejection",
            Complaint::FalsePromise => "false_promise",
            Complaint::NeedlessDoubt => "needless_doubt",
            Complaint::Data => "data",
            Complaint::Protocol => "protocol",
            Complaint::Rate => "rate",
            Complaint::Connections => "connections",
            Complaint::Fruitless => "fruitless",
            Complaint::Tripwire => "tripwire",
            Complaint::NoGoodbye => "no_goodbye",
            Complaint::HostComplained => "host_complained",
            Complaint::Identity => "identity",
            Complaint::NeedlessQuestion => "needless_question",
            Complaint::NeedlessLookUp => "needless_look_up",
            Complaint::Stray => "stray",
            Complaint::Endless => "endless",
            Complaint::Memory => "memory",
            Complaint::NotRepeatable => "not_repeatable",
            Complaint::NotContinued => "not_continued",
            Complaint::Miscount => "miscount",
        }
    }
}

/// One thing that is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which promise it breaks.
    pub complaint: Complaint,
    /// What was seen, in words.
    pub detail: String,
}

impl Finding {
    /// A finding that a promise was broken.
    #[must_use]
    pub fn new(complaint: Complaint, detail: impl Into<String>) -> Self {
        Finding {
            complaint,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.complaint.as_str(), self.detail)
    }
}
