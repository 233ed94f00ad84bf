//! Any bytes as one reply of a mail host.

use presend::bounce::explain::{self, Hints, Knowledge, render};
use presend::smtp::rules::{Book, Context};
use presend::smtp::{Answer, Reply, Severity, Stage};

/// Reads the reply by the rule book at every stage, and as `presend explain` does.
pub fn run(data: &[u8]) {
    let book = Book::built_in();
    let text = String::from_utf8_lossy(data);
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
            // Words may soften a code, never harden it.
            assert!(!reading.permanent || reply.severity() == Severity::Permanent);
            assert_eq!(book.readings(&answer, &context)[0].reading, reading);
        }
    }
    let explanation = explain::explain_text(&text, Hints::default(), Knowledge::built_in());
    super::may_be_shown(&render::render(&explanation, 80, render::Style::Plain));
}
