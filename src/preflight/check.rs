//! One line of the checklist.

use serde::Serialize;

use crate::model::limits;

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
    /// It decides: a failure means unfit.
    Required,
    /// It is good advice.
    Advised,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The domain and the addresses that will send.
    Sender,
    /// This machine, which asks mail hosts.
    Machine,
}

impl Side {
    /// Both, in the order in which they are told.
    pub const ALL: [Side; 2] = [Side::Sender, Side::Machine];
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
    /// The providers that insist on it.
    pub required_by: Vec<String>,
    /// The record that `fix` shows, while it still has to be proven.
    #[serde(skip)]
    pub proposes: Option<String>,
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
            proposes: None,
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

    /// The same check, with the record that its `fix` shows.
    #[must_use]
    pub fn proposing(mut self, record: Option<String>) -> Self {
        self.proposes = record;
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

/// The display names of checks.
const TITLES: &[(&str, &str)] = &[
    ("authentication", "SPF or DKIM"),
    ("bimi", "Logo (BIMI)"),
    ("blocklist", "Blocklist"),
    ("clock", "Clock"),
    ("complaint_rate", "Complaints under 0.3 %"),
    ("dkim_key", "DKIM key"),
    ("dkim_spare_key", "Spare DKIM key"),
    ("dmarc_alignment", "DMARC alignment"),
    ("dmarc_policy", "DMARC policy"),
    ("dmarc_record", "DMARC record"),
    ("dmarc_reports", "DMARC reports"),
    ("dmarc_tags", "DMARC tags"),
    ("dns", "DNS"),
    ("dns_honest", "Honest DNS"),
    ("dns_speed", "Speed of DNS"),
    ("dns_txt", "TXT records"),
    ("domain_age", "Age of the domain"),
    ("fcrdns", "Reverse name leads back"),
    ("helo", "HELO name"),
    ("mail_from_domain", "MAIL FROM domain"),
    ("mail_from_spf", "SPF of MAIL FROM"),
    ("mta_sts", "MTA-STS"),
    ("mx", "Takes mail (MX)"),
    ("mx_tls", "Encryption (STARTTLS)"),
    ("one_click_unsubscribe", "One-click unsubscribe"),
    ("open_files", "Open files"),
    ("outgoing_tls", "Sending encrypted"),
    ("port_25", "Port 25"),
    ("ptr", "Reverse name (PTR)"),
    ("ptr_chosen", "Reverse name of your own"),
    ("public_address", "Public address"),
    ("sending_addresses", "Sending addresses"),
    ("source_addresses", "Source addresses"),
    ("spf_covers", "SPF allows your address"),
    ("spf_length", "SPF length"),
    ("spf_lookups", "SPF look-ups"),
    ("spf_never_used", "SPF terms never used"),
    ("spf_pass_all", "SPF passes everybody"),
    ("spf_ptr", "SPF uses ptr"),
    ("spf_record", "SPF record"),
    ("spf_void_lookups", "SPF look-ups in vain"),
    ("tls_rpt", "TLS-RPT"),
];

/// The display name of a check.
#[must_use]
pub fn title(id: &str) -> &str {
    let known = TITLES.iter().find(|(name, _)| *name == id);
    known.map_or(id, |(_, title)| title)
}

/// The sentence that tells the operator to publish a TXT record.
#[must_use]
pub fn publish_txt(name: &str, value: &str) -> String {
    let pieces = match value.len() {
        0..=limits::TXT_STRING_OCTETS => "",
        _ => {
            " (longer than 255 characters: if your DNS provider does not split it by itself, enter it as several strings \
              in quotes, each up to 255 characters)"
        }
    };
    format!("Publish this TXT record at {name}{pieces}: {value}")
}
