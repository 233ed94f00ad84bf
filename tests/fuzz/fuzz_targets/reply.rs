//! Any bytes as one reply of a mail host. Needs nightly: `cargo +nightly fuzz run reply`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presend::smtp::rules::{Book, Context};
use presend::bounce::explain::{self, Hints, Knowledge, render};
use presend::model::provider::Providers;
use presend::smtp::{Answer, Reply, Severity, Stage};

fuzz_target!(|bytes: &[u8]| {
    let book = Book::built_in();
    let text = String::from_utf8_lossy(bytes);
    if let Some(reply) = Reply::from_text(&text) {
        for stage in Stage::ALL {
            let context = Context {
                stage,
                provider: None,
                echoes: &["ann@example.net"],
                ours: &[],
            };
            let answer = Answer::Reply(reply.clone());
            let reading = book.diagnose(&answer, &context);
            assert_eq!(reading.permanent, reply.severity() == Severity::Permanent);
            assert_eq!(book.readings(&answer, &context)[0].reading, reading);
        }
    }
    let providers = Providers::built_in();
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    let explanation = explain::explain_text(&text, Hints::default(), knowledge);
    let shown = render::render(&explanation, 80, render::Style::Plain);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
});
