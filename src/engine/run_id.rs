//! The names of runs.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::limits;

/// The name of a run, by which its messages are told from those of others: `a-z`, `0-9` and `-`, at most 40 of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The run of that name; `None` where it is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_one =
            !name.is_empty() && name.len() <= limits::ENGINE_RUN_NAME && name.bytes().all(fits);
        is_one.then(|| RunId(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        RunId::named(&name).ok_or_else(|| D::Error::custom("no name of a run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_run_fits_into_a_subject() {
        for name in ["", "a.b", "A", "a b", "*", ">", &"x".repeat(41)] {
            assert_eq!(RunId::named(name), None, "{name:?}");
        }
        assert!(RunId::named("list-01hx").is_some());
    }
}
