//! What is done with any bytes: one function a target.
//!
//! Each takes bytes, returns nothing, and panics where a promise is broken. The fuzzing engine calls it in
//! `fuzz_targets/`, the test `fuzz` calls it with the seeds.

pub mod address;
pub mod bounce;
pub mod driver;
pub mod ledger;
pub mod list;
pub mod records;
pub mod reply;
pub mod report;
pub mod rules;
pub mod settings;
pub mod sources;
pub mod spf;

/// A target: its name, which is that of its seeds' folder, with what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: [Target; 12] = [
    ("address", address::run),
    ("bounce", bounce::run),
    ("driver", driver::run),
    ("ledger", ledger::run),
    ("list", list::run),
    ("records", records::run),
    ("reply", reply::run),
    ("report", report::run),
    ("rules", rules::run),
    ("settings", settings::run),
    ("sources", sources::run),
    ("spf", spf::run),
];

/// Holds that a text may go to a terminal: no character that it would obey.
fn may_be_shown(text: &str) {
    let obeyed = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(obeyed, None, "a terminal would obey this: {text:?}");
}
