//! Complaints in the abuse reporting format (RFC 5965).

use super::fields;
use super::mime::Parts;
use super::{Complaint, Original};
use crate::limits;

/// Reads the complaint in a message; `None` when it is none.
pub(super) fn read(parts: &Parts) -> Option<Complaint> {
    let text = parts.feedback.first()?;
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
        .take(limits::NOTICE_RECIPIENTS)
        .collect();
    if recipients.is_empty() {
        let to = parts.returned.first().and_then(|head| head.get("to"));
        recipients.extend(to.and_then(|value| fields::address(value, None)));
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
