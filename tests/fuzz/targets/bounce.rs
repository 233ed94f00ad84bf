//! Any bytes as a message that came back.

use presend::bounce::explain::{self, Hints, Knowledge, json, render};

/// Explains the message, for people and for programs.
pub fn run(data: &[u8]) {
    let explanation = explain::explain(data, Hints::default(), Knowledge::built_in());
    super::may_be_shown(&render::render(&explanation, 80, render::Style::Plain));
    json::to_string(&explanation).expect("an explanation is JSON");
}
