//! Complaints in the abuse reporting format (RFC 5965).

use super::fields;
use super::mime::Parts;
use super::{Complaint, Original};
use crate::model::limits;

/// Fields of the returned message that name the recipient who complained, most telling first; the first is written by
/// Microsoft's reporting program alone.
const REPORTED_PERSON: [&str; 6] = [
    "x-hmxmroriginalrecipient",
    "original-recipient",
    "x-original-to",
    "x-envelope-to",
    "delivered-to",
    "to",
];

/// Reads the complaint in a message; `None` when it is none.
pub(super) fn read(parts: &Parts) -> Option<Complaint> {
    let text = match parts.feedback.first() {
        Some(text) => text.as_str(),
        // Microsoft's Junk Mail Reporting Program sends the message alone, with the person in a field of its own.
        None if parts
            .returned
            .iter()
            .any(|head| head.has_any(&REPORTED_PERSON[..1])) =>
        {
            ""
        }
        None => return None,
    };
    let blocks = fields::blocks(text);
    // A report has one block (RFC 5965 §3), yet some reporters put an empty line into it.
    let get = |name: &'static str| blocks.iter().find_map(|block| block.get(name));
    let all = |name: &'static str| {
        blocks
            .iter()
            .flat_map(move |block| block.all(name).collect::<Vec<_>>())
    };
    let original: Original = parts.original();
    let mut recipients: Vec<String> = all("original-rcpt-to")
        .chain(all("removal-recipient"))
        .filter_map(|value| fields::address(value, None))
        .filter(|address| !fields::is_masked(address))
        .take(limits::NOTICE_RECIPIENTS)
        .collect();
    if recipients.is_empty() {
        let person = parts.returned.iter().find_map(|head| {
            REPORTED_PERSON.iter().find_map(|name| {
                head.get(name)
                    .and_then(|value| fields::address(value, None))
                    .filter(|address| !fields::is_masked(address))
            })
        });
        recipients.extend(person);
    }
    Some(Complaint {
        feedback_type: get("feedback-type").unwrap_or("abuse").to_ascii_lowercase(),
        recipients,
        reporting_mta: get("reporting-mta")
            .and_then(|value| fields::host(fields::split_type(value).1)),
        source_ip: get("source-ip").map(str::to_owned),
        original,
    })
}
