//! One line of the checklist.

use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Fail,
    /// It could not be told.
    Unknown,
}

/// Whether a check decides if one is fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It does.
    Required,
    /// It is good advice.
    Advised,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The domain and the addresses that will send.
    Sender,
    /// This machine, which asks mail hosts.
    Machine,
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable name, such as `spf_lookups`. It may come several times, for several addresses or keys.
    pub id: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was found.
    pub value: String,
    /// What it means.
    pub why: String,
    /// What to do about it; always there on a failure.
    pub fix: Option<String>,
    /// Whether it decides.
    pub weight: Weight,
    /// What it is about.
    pub about: Side,
    /// Who insists on it.
    pub required_by: Vec<String>,
}

impl Check {
    fn new(
        id: &'static str,
        status: Status,
        value: String,
        why: &str,
        fix: Option<String>,
    ) -> Self {
        Check {
            id,
            status,
            value,
            why: why.to_owned(),
            fix,
            weight: Weight::Required,
            about: Side::Sender,
            required_by: Vec::new(),
        }
    }

    /// All is well.
    #[must_use]
    pub fn pass(id: &'static str, value: impl Into<String>, why: &str) -> Self {
        Check::new(id, Status::Pass, value.into(), why, None)
    }

    /// Something is wrong, and `fix` says what to do.
    #[must_use]
    pub fn fail(
        id: &'static str,
        value: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) -> Self {
        Check::new(id, Status::Fail, value.into(), why, Some(fix.into()))
    }

    /// It could not be told, and `fix` says how to find out.
    #[must_use]
    pub fn unknown(
        id: &'static str,
        value: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) -> Self {
        Check::new(id, Status::Unknown, value.into(), why, Some(fix.into()))
    }

    /// The same check as mere advice.
    #[must_use]
    pub fn advised(mut self) -> Self {
        self.weight = Weight::Advised;
        self
    }

    /// The same check, about this machine.
    #[must_use]
    pub fn of_machine(mut self) -> Self {
        self.about = Side::Machine;
        self
    }
}

/// Whether one is fit, by the checks that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// Every check that decides passes.
    Fit,
    /// At least one fails.
    NotFit,
    /// None fails, but some could not be told.
    CouldNotTell,
}

impl Fitness {
    /// Sums up checks.
    #[must_use]
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Fitness {
        let mut fitness = Fitness::Fit;
        for check in checks {
            match (check.weight, check.status) {
                (Weight::Required, Status::Fail) => return Fitness::NotFit,
                (Weight::Required, Status::Unknown) => fitness = Fitness::CouldNotTell,
                (Weight::Required, Status::Pass) | (Weight::Advised, _) => {}
            }
        }
        fitness
    }
}

/// The sentence that tells somebody to publish a TXT record.
#[must_use]
pub fn publish_txt(name: &str, value: &str) -> String {
    format!("Publish this TXT record at {name}: {value}")
}
