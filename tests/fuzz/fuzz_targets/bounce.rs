//! Any bytes as a message that came back. Needs nightly: `cargo +nightly fuzz run bounce`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presend::bounce::explain::{self, Hints, Knowledge, json, render};

fuzz_target!(|bytes: &[u8]| {
    let explanation = explain::explain(bytes, Hints::default(), Knowledge::built_in());
    let shown = render::render(&explanation, 80, render::Style::Plain);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    json::to_string(&explanation).expect("an explanation is JSON");
});
