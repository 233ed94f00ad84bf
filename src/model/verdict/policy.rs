//! What the operator does about a verdict: the table from verdict with flags to list.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Standing, Verdict};
use crate::model::flag::Flag;
use crate::model::reason::Reason;

/// The list a row goes to, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Send to it.
    Verified,
    /// The operator decides about each of its rows.
    Review,
    /// Do not send to it.
    Rejected,
}

impl Disposition {
    /// Every disposition, best first.
    pub const ALL: [Disposition; 3] = [
        Disposition::Verified,
        Disposition::Review,
        Disposition::Rejected,
    ];

    /// The name used in reports and for files, such as `verified`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Disposition::Verified => "verified",
            Disposition::Review => "review",
            Disposition::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A table from verdict with flags to list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    deliverable: Disposition,
    risky: Disposition,
    unknown: Disposition,
    undeliverable: Disposition,
    #[serde(default)]
    reasons: BTreeMap<Reason, Disposition>,
    #[serde(default)]
    flags: BTreeMap<Flag, Disposition>,
}

/// What the operator got wrong in a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Neither a built-in policy nor a file.
    #[error("`{0}` is no policy: use `strict`, `balanced`, `lenient` or the path of a policy file")]
    NoSuchPolicy(String),
    /// The file does not say what a policy says.
    #[error("{file}: {message}\n  a policy file looks like one table of config/policies.toml")]
    Malformed {
        /// The path of the file.
        file: String,
        /// The parser's words, with line and column.
        message: String,
    },
}

impl Policy {
    /// The policy of that name among those that come with the program.
    ///
    /// # Panics
    ///
    /// When the table that comes with the program is malformed, which a test rules out.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Policy> {
        let mut policies: BTreeMap<String, Policy> =
            toml::from_str(include_str!("../../../config/policies.toml"))
                .expect("config/policies.toml is well formed");
        policies.remove(name)
    }

    /// Reads an operator's policy.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Malformed`] with file, line and what was expected there.
    pub fn from_toml(text: &str, file: &str) -> Result<Policy, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError::Malformed {
            file: file.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// Whether a flag alone keeps an address from being verified, whatever its verdict.
    #[must_use]
    pub fn objects_to(&self, flags: impl IntoIterator<Item = Flag>) -> bool {
        flags
            .into_iter()
            .filter_map(|flag| self.flags.get(&flag))
            .any(|&list| list > Disposition::Verified)
    }

    /// The list for an address with this verdict and these flags.
    #[must_use]
    pub fn disposition(
        &self,
        verdict: Verdict,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Disposition {
        // A suppressed address is never mailed, whatever a policy file says or forgets to say; and a row without an
        // address cannot be mailed.
        if matches!(verdict.reason, Reason::Suppressed | Reason::NoAddress) {
            return Disposition::Rejected;
        }
        let by_standing = match verdict.standing {
            Standing::Deliverable => self.deliverable,
            Standing::Risky => self.risky,
            Standing::Unknown => self.unknown,
            Standing::Undeliverable => self.undeliverable,
        };
        let by_verdict = self
            .reasons
            .get(&verdict.reason)
            .copied()
            .unwrap_or(by_standing);
        let mut list = by_verdict;
        let mut is_further_row = false;
        for flag in flags {
            match self.flags.get(&flag) {
                Some(_) if flag == Flag::Duplicate => is_further_row = true,
                Some(worst) => list = list.max(*worst),
                None => {}
            }
        }
        // A further row says nothing about its mailbox: it leaves the rows that are sent to, and no other list.
        match (list, self.flags.get(&Flag::Duplicate)) {
            (Disposition::Verified, Some(instead)) if is_further_row => *instead,
            (list, _) => list,
        }
    }
}
