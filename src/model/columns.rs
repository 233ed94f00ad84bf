//! The columns that are appended to each row of a list. Their names are a public contract.

/// The names, in the order in which the columns are appended.
pub const NAMES: [&str; 10] = [
    "presend_address",
    "presend_verdict",
    "presend_reason",
    "presend_bounce",
    "presend_flags",
    "presend_suggestion",
    "presend_provider",
    "presend_reply",
    "presend_checked_at",
    "presend_input",
];

/// The column that says of which list a row is, where the rows of several lists stand in one file.
pub const LIST: &str = "presend_list";

/// Whether a column of this name was appended by an earlier run.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let name = name.trim();
    NAMES.contains(&name) || name == LIST
}
