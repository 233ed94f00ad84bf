//! How long reading one reply takes with the whole rule book loaded: the corpus, the longest reply, the worst words.

use std::hint::black_box;
use std::time::{Duration, Instant};

use presend::model::limits;
use presend::smtp::rules::{Book, Context};
use presend::smtp::{Answer, Reply, Stage};

/// What reading an ordinary reply may take. The limit set for the rule book.
const LIMIT: Duration = Duration::from_micros(20);

/// Measurements, of which the fastest counts: the machine is shared.
const ROUNDS: u32 = 9;

fn main() {
    let begin = Instant::now();
    let book = Book::built_in();
    println!(
        "{:28} {:>9} ns",
        "compiling the book",
        begin.elapsed().as_nanos()
    );
    let corpus: Vec<Answer> = include_str!("../tests/fixtures/replies.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').nth(2))
        .filter_map(|reply| Reply::from_text(&reply.replace("\\n", "\n")))
        .map(Answer::Reply)
        .collect();
    let ordinary = measure(&format!("{} replies, each", corpus.len()), &book, &corpus);
    let slowest = corpus
        .iter()
        .map(|answer| time(&book, std::slice::from_ref(answer)))
        .max()
        .unwrap_or_default();
    println!("{:28} {:>9} ns", "the slowest of them", slowest.as_nanos());
    measure("longest, no known word", &book, &[of("xyzzy ", 1)]);
    measure(
        "longest, known words only",
        &book,
        &[of("user unknown ", 2)],
    );
    measure(
        "longest, halves of phrases",
        &book,
        &[of("user mailbox recipient account ", 4)],
    );
    println!(
        "limit {LIMIT:?} for an ordinary reply: {}",
        if ordinary < LIMIT { "kept" } else { "NOT KEPT" }
    );
}

/// A reply as long as any that is read, of nothing but `words`.
fn of(words: &str, count: usize) -> Answer {
    let times = limits::READ_REPLY_BYTES / words.len() / count * count;
    let text = format!("550 5.1.1 {}", words.repeat(times.max(1)));
    Answer::Reply(Reply {
        code: 550,
        enhanced: None,
        lines: vec![text],
        inconsistent: false,
    })
}

/// Prints the time of reading one of `answers`.
fn measure(name: &str, book: &Book, answers: &[Answer]) -> Duration {
    let fastest = time(book, answers);
    println!("{name:28} {:>9} ns", fastest.as_nanos());
    fastest
}

/// The time of reading one of `answers`.
fn time(book: &Book, answers: &[Answer]) -> Duration {
    let context = Context {
        stage: Stage::Rcpt,
        provider: None,
        echoes: &["ann@example.net", "mx.example.net"],
        ours: &[],
    };
    let repeats = (2_000 / answers.len()).max(20);
    let readings = u32::try_from(repeats * answers.len()).unwrap_or(u32::MAX);
    let round = || {
        let begin = Instant::now();
        for _ in 0..repeats {
            for answer in answers {
                black_box(book.diagnose(black_box(answer), &context));
            }
        }
        begin.elapsed() / readings
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}
