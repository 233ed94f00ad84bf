//! Any bytes as the operator's rules for reading replies.

use presend::model::provider::Providers;
use presend::smtp::rules::{Book, Context};
use presend::smtp::{Answer, Reply, Severity, Stage};

/// Reads the rules; with those that are some, replies are read as ever.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(book) = Book::with_operator_rules(&text, "rules.toml") else {
        return;
    };
    let providers = Providers::built_in();
    for line in [
        "550 5.1.1 no such user",
        "451 4.7.1 greylisted, come back in 5 minutes",
        "250 2.1.5 ok",
        "554 5.7.1 blocked by a list",
    ] {
        let reply = Reply::from_text(line).expect("a reply");
        for stage in Stage::ALL {
            let context = Context {
                stage,
                provider: providers.by_id("google"),
                echoes: &["ann@example.net"],
                ours: &[],
            };
            let reading = book.diagnose(&Answer::Reply(reply.clone()), &context);
            assert_eq!(reading.permanent, reply.severity() == Severity::Permanent);
        }
    }
}
