//! DMARC policies: which one applies to a domain, what it asks for (RFC 7489).

use serde::Serialize;

use crate::limits;

use super::lookup::Text;
use super::tags::{TagFault, Tags, begins_with_version};

/// What receivers do with mail that fails (RFC 7489 §6.3, `p=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing; only report.
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl Policy {
    fn read(text: &str) -> Option<Policy> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Some(Policy::None),
            "quarantine" => Some(Policy::Quarantine),
            "reject" => Some(Policy::Reject),
            _ => None,
        }
    }

    /// The word of the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
        }
    }
}

/// How close two domains must be to count as one sender's (RFC 7489 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// The same registered domain.
    Relaxed,
    /// The same name.
    Strict,
}

/// A policy record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DmarcRecord {
    /// For the domain itself.
    pub policy: Policy,
    /// For the names below it.
    pub subdomain_policy: Policy,
    /// How much of the failing mail the policy is applied to, in percent.
    pub percent: u8,
    /// For the domain of a DKIM signature.
    pub dkim_alignment: Alignment,
    /// For the domain that SPF judged.
    pub spf_alignment: Alignment,
    /// Where summaries go (`rua=`), as written.
    pub reports: Vec<String>,
}

/// Why receivers cannot use a policy record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmarcFault {
    /// It is no list of tags.
    #[error("{0}")]
    Tags(#[from] TagFault),
    /// `p=` is missing or unknown.
    #[error("p= must be none, quarantine or reject")]
    Policy,
    /// Another tag has a value that it cannot have.
    #[error("{tag}={value} is not a value this tag can have")]
    Value {
        /// The tag.
        tag: &'static str,
        /// What it says.
        value: String,
    },
}

/// The DMARC records among the TXT records of a name (RFC 7489 §6.6.3).
#[must_use]
pub fn select(texts: &[Text]) -> Vec<&Text> {
    texts
        .iter()
        .filter(|text| begins_with_version(&text.joined(), "DMARC1"))
        .collect()
}

/// Reads a policy record (RFC 7489 §6.3).
///
/// # Errors
/// What must be mended. Receivers forgive some of it (§6.6.3), but not all forgive the same.
pub fn read_record(record: &[u8]) -> Result<DmarcRecord, DmarcFault> {
    // RFC 7489 §6.4: the names of tags are ABNF strings, whose case does not matter.
    let lower: Vec<u8> = lower_case_names(record);
    let tags = Tags::parse(&lower)?;
    let policy = tags
        .get("p")
        .and_then(Policy::read)
        .ok_or(DmarcFault::Policy)?;
    let subdomain_policy = value(&tags, "sp", policy, Policy::read)?;
    let percent = value(&tags, "pct", 100, |text| {
        text.parse().ok().filter(|percent| *percent <= 100)
    })?;
    let reports = tags.get("rua").map_or_else(Vec::new, |list| {
        list.split(',')
            .map(|uri| uri.trim().to_owned())
            .take(limits::DMARC_REPORT_ADDRESSES)
            .collect()
    });
    if let Some(wrong) = reports.iter().find(|uri| report_domain(uri).is_none()) {
        let value = wrong.clone();
        return Err(DmarcFault::Value { tag: "rua", value });
    }
    Ok(DmarcRecord {
        policy,
        subdomain_policy,
        percent,
        dkim_alignment: value(&tags, "adkim", Alignment::Relaxed, read_alignment)?,
        spf_alignment: value(&tags, "aspf", Alignment::Relaxed, read_alignment)?,
        reports,
    })
}

fn lower_case_names(record: &[u8]) -> Vec<u8> {
    let mut in_name = true;
    record
        .iter()
        .map(|&byte| {
            match byte {
                b';' => in_name = true,
                b'=' => in_name = false,
                _ => {}
            }
            if in_name {
                byte.to_ascii_lowercase()
            } else {
                byte
            }
        })
        .collect()
}

fn value<T>(
    tags: &Tags,
    tag: &'static str,
    absent: T,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, DmarcFault> {
    match tags.get(tag) {
        None => Ok(absent),
        Some(text) => read(text).ok_or_else(|| DmarcFault::Value {
            tag,
            value: text.to_owned(),
        }),
    }
}

fn read_alignment(text: &str) -> Option<Alignment> {
    match text {
        "r" | "R" => Some(Alignment::Relaxed),
        "s" | "S" => Some(Alignment::Strict),
        _ => None,
    }
}

/// The domain that a report address leads to: `mailto:reports@example.com!10m`. `None` when it is no such thing.
#[must_use]
pub fn report_domain(uri: &str) -> Option<&str> {
    let (scheme, address) = uri.split_once(':')?;
    let address = address.split(['!', '?']).next()?;
    let (local_part, domain) = address.rsplit_once('@')?;
    let proper = scheme.eq_ignore_ascii_case("mailto")
        && !local_part.is_empty()
        && super::lookup::dns_name(domain).is_some();
    proper.then_some(domain)
}

/// The organisational domain of a name: its public suffix with one label more (RFC 7489 §3.2).
#[must_use]
pub fn organisational_domain(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

/// Whether two lower-case domains align (RFC 7489 §3.1).
#[must_use]
pub fn aligns(alignment: Alignment, one: &str, other: &str) -> bool {
    match alignment {
        Alignment::Strict => one == other,
        Alignment::Relaxed => organisational_domain(one) == organisational_domain(other),
    }
}
