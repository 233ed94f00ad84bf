//! DMARC policies: which one applies to a domain, what it asks for (RFC 7489).

use serde::Serialize;

use crate::model::limits;

use crate::preflight::auth::tags::{TagFault, Tags, begins_with_version};
use crate::preflight::lookup::Text;

/// What receivers do with mail that fails (RFC 7489 §6.3, `p=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing; only report.
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Reject it at the gateway.
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
    /// What receivers ignore in it. They should take the default instead (RFC 7489 §6.3), but not all forgive the same.
    #[serde(serialize_with = "as_texts")]
    pub mistakes: Vec<DmarcFault>,
}

fn as_texts<S: serde::Serializer>(faults: &[DmarcFault], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(faults.iter().map(ToString::to_string))
}

/// What is wrong with a policy record.
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
        /// The tag's name, such as `adkim`.
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

/// Reads a policy record (RFC 7489 §6.3). A tag with a value that it cannot have counts as absent, whatever is no tag
/// is left out; both stand in [`DmarcRecord::mistakes`].
///
/// # Errors
/// When it names no policy and no address for reports: receivers then go by no policy (§6.6.3).
pub fn read_record(record: &[u8]) -> Result<DmarcRecord, DmarcFault> {
    let read = read_leniently(record);
    let names_no_policy = read.mistakes.contains(&DmarcFault::Policy);
    if names_no_policy && read.reports.is_empty() {
        Err(DmarcFault::Policy)
    } else {
        Ok(read)
    }
}

/// Reads what can be read of a policy record; one without a policy asks for nothing.
fn read_leniently(record: &[u8]) -> DmarcRecord {
    let (tags, faults) = Tags::parse_leniently(&lower_case_names(record));
    let mut mistakes: Vec<DmarcFault> = faults.into_iter().map(DmarcFault::Tags).collect();
    let reports = reports(&tags, &mut mistakes);
    let policy = tags.get("p").and_then(Policy::read).unwrap_or_else(|| {
        mistakes.push(DmarcFault::Policy);
        Policy::None
    });
    let mut read = Reading {
        tags: &tags,
        mistakes: &mut mistakes,
    };
    let subdomain_policy = read.value("sp", policy, Policy::read);
    let percent = read.value("pct", 100, |text| {
        text.parse().ok().filter(|percent| *percent <= 100)
    });
    let dkim_alignment = read.value("adkim", Alignment::Relaxed, read_alignment);
    let spf_alignment = read.value("aspf", Alignment::Relaxed, read_alignment);
    DmarcRecord {
        policy,
        subdomain_policy,
        percent,
        dkim_alignment,
        spf_alignment,
        reports,
        mistakes,
    }
}

/// The usable addresses for reports.
fn reports(tags: &Tags, mistakes: &mut Vec<DmarcFault>) -> Vec<String> {
    let listed = tags.get("rua").into_iter().flat_map(|list| list.split(','));
    let (usable, wrong): (Vec<&str>, Vec<&str>) = listed
        .map(str::trim)
        .partition(|uri| report_domain(uri).is_some());
    mistakes.extend(wrong.into_iter().map(|uri| DmarcFault::Value {
        tag: "rua",
        value: uri.to_owned(),
    }));
    usable
        .into_iter()
        .map(str::to_owned)
        .take(limits::DMARC_REPORT_ADDRESSES)
        .collect()
}

/// The same record without its mistakes: the version, the policy, then everything else that it says, in its order, and
/// `rua` where it names no address for reports. A `:` behind the name of a tag is taken for the `=` that was meant, a
/// `,` or a space in front of it for the `;`.
#[must_use]
pub fn rewritten(record: &[u8], rua: Option<&str>) -> String {
    let separated = separated(&String::from_utf8_lossy(record));
    let colons_mended = separated
        .split(';')
        .map(|part| match part.split_once(':') {
            Some((name, value)) if TAGS.contains(&name.trim().to_ascii_lowercase().as_str()) => {
                format!("{name}={value}")
            }
            Some(_) | None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(";");
    let names_lowered = lower_case_names(colons_mended.as_bytes());
    let (tags, _) = Tags::parse_leniently(&names_lowered);
    // What receivers read already counts before what they would read once it is mended.
    let (as_read, _) = Tags::parse_leniently(&lower_case_names(record));
    let mistakes = read_leniently(&names_lowered).mistakes;
    let is_mistaken = |name: &str| {
        mistakes
            .iter()
            .any(|mistake| matches!(mistake, DmarcFault::Value { tag, .. } if *tag == name))
    };
    let first_word = |value: &str| value.split([',', ' ']).next().and_then(Policy::read);
    let policy = as_read
        .get("p")
        .and_then(Policy::read)
        .or_else(|| tags.get("p").and_then(first_word))
        .unwrap_or(Policy::None);
    let mut parts = vec!["v=DMARC1".to_owned(), format!("p={}", policy.as_str())];
    let usable = reports(&tags, &mut Vec::new());
    for (name, value) in tags.iter() {
        let read = as_read
            .get(name)
            .filter(|value| !value.contains([',', ' ']));
        let value = read.unwrap_or(value);
        match name {
            "v" | "p" => {}
            "rua" if usable.is_empty() => {}
            "rua" => parts.push(format!("rua={}", usable.join(","))),
            _ if is_mistaken(name) => {}
            _ => parts.push(format!("{name}={value}")),
        }
    }
    if usable.is_empty() {
        parts.extend(rua.map(|rua| format!("rua={rua}")));
    }
    parts.join("; ")
}

/// A record with a `;` in front of each tag: some write a comma, or nothing but a space, and then the policy in front
/// of it is none that receivers know.
fn separated(record: &str) -> String {
    let mut text = String::with_capacity(record.len());
    for piece in record.split_inclusive([',', ' ']) {
        let name = piece.split(['=', ':']).next().unwrap_or_default();
        let is_tag = name.len() < piece.len() && TAGS.contains(&name.to_ascii_lowercase().as_str());
        if is_tag && text.ends_with([',', ' ']) {
            text.truncate(text.trim_end_matches([',', ' ', ';']).len());
            text.push(';');
        }
        text.push_str(piece);
    }
    text
}

/// The tags that have a meaning (RFC 7489 §11.4).
const TAGS: [&str; 11] = [
    "v", "p", "sp", "pct", "rua", "ruf", "adkim", "aspf", "fo", "rf", "ri",
];

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

/// The tags of a record, with what was found wrong so far.
struct Reading<'a> {
    tags: &'a Tags,
    mistakes: &'a mut Vec<DmarcFault>,
}

impl Reading<'_> {
    /// The value of a tag, or its default where it is absent or has none that it can have.
    fn value<T>(&mut self, tag: &'static str, absent: T, read: impl Fn(&str) -> Option<T>) -> T {
        let Some(text) = self.tags.get(tag) else {
            return absent;
        };
        read(text).unwrap_or_else(|| {
            self.mistakes.push(DmarcFault::Value {
                tag,
                value: text.to_owned(),
            });
            absent
        })
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
        && crate::preflight::lookup::dns_name(domain).is_some();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_fault_of_a_record_has_its_words() {
        let texts = error_texts!(DmarcFault {
            Tags(TagFault::Twice("p".to_owned())),
            Policy,
            Value { tag: "pct", value: "all".to_owned() },
        });
        insta::assert_snapshot!(texts, @r"
        the tag p= is there twice
        p= must be none, quarantine or reject
        pct=all is not a value this tag can have
        ");
    }
}
