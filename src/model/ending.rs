//! What ended a run.

use serde::{Deserialize, Serialize};

/// What ended the asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// Every address was asked about.
    Completed,
    /// The operator interrupted it.
    Interrupted,
    /// Its time was over.
    Deadline,
    /// Our own side, such as the proxy or the name servers, failed us time and again.
    Stranded,
}

impl Ending {
    /// The name used in reports and the ledger, such as `completed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Completed => "completed",
            Ending::Interrupted => "interrupted",
            Ending::Deadline => "deadline",
            Ending::Stranded => "stranded",
        }
    }
}
