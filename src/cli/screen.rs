//! Progress while a run is under way, a summary when it is done.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::pipeline::Ending;
use crate::pipeline::board::Progress;
use crate::projection::Projection;
use crate::reason::Reason;
use crate::verdict::Disposition;
use crate::verify::{Observer, Summary};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Nothing but errors.
    Quiet,
    /// Progress on a terminal, a plain line now and then elsewhere.
    Ordinary,
    /// Plain lines more often.
    Verbose,
}

/// Shows how a run goes, on standard error.
pub(super) struct Screen {
    bar: ProgressBar,
    verbosity: Verbosity,
    is_terminal: bool,
    next_line: Instant,
}

impl Screen {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = match (verbosity, is_terminal) {
            (Verbosity::Quiet, _) | (_, false) => ProgressDrawTarget::hidden(),
            (Verbosity::Ordinary | Verbosity::Verbose, true) => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}")
                .expect("a fixed template is well formed"),
        );
        Screen {
            bar,
            verbosity,
            is_terminal,
            next_line: Instant::now() + LINE_EVERY,
        }
    }

    /// Takes the progress off the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How often a plain line tells the progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Observer for Screen {
    fn progress(&mut self, rows: u64, progress: &Progress) {
        let text = describe(rows, progress);
        if self.is_terminal {
            self.bar.set_message(text);
            self.bar.tick();
        } else if self.verbosity != Verbosity::Quiet && Instant::now() >= self.next_line {
            self.next_line = Instant::now() + LINE_EVERY;
            eprintln!("presend: {text}");
        }
    }

    fn blocked(&mut self, host: &str, words: &str, addresses: usize) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let text = format!(
            "{host} blocks us, so nobody there is asked any more ({addresses} addresses go to review):\n  {}\n  \
             look this machine's address up on the blocklist it names, or ask from another machine",
            safe(words)
        );
        self.bar.suspend(|| eprintln!("presend: {text}"));
    }
}

/// One line of progress.
fn describe(rows: u64, progress: &Progress) -> String {
    let mut text = format!(
        "{rows} rows read, {} of {} domains resolved, {} addresses settled, {} left, {} conversations",
        progress.resolved,
        progress.domains,
        progress.settled,
        progress.pending,
        progress.conversations
    );
    if let Some(waiting) = &progress.waiting {
        let _ = write!(
            text,
            "; {} wait for {}",
            waiting.addresses,
            safe(&waiting.host)
        );
        if let Some(until) = waiting.until {
            let _ = write!(text, " until {until}");
        }
    }
    if let Some(remaining) = progress.remaining {
        let _ = write!(text, "; about {} to go", rounded(remaining));
    }
    text
}

/// A duration in whole seconds, as people write it.
fn rounded(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

/// A text from outside that cannot move the cursor or colour the screen.
pub(super) fn safe(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a run came to, on one screen.
pub(super) fn summary(summary: &Summary, took: Duration, simulated: bool) -> String {
    let mut text = String::new();
    let [input, verified, _] = summary.projections;
    let heading = match summary.ending {
        Ending::Completed => "verified",
        Ending::Interrupted => "interrupted; run the same command again to go on",
        Ending::Deadline => "out of time; run the same command again to go on",
    };
    let _ = writeln!(
        text,
        "{}: {} rows {heading}",
        safe(&summary.list),
        summary.rows
    );
    let _ = writeln!(text);
    for disposition in Disposition::ALL {
        let rows = summary.rows_in(disposition);
        let _ = writeln!(
            text,
            "  {:<9} {:>8}  {}",
            disposition.as_str(),
            rows,
            what_to_do(disposition)
        );
    }
    let _ = writeln!(
        text,
        "\n  projected bounces  before {}\n                     after  {}",
        rate(input),
        rate(verified)
    );
    let _ = writeln!(text, "\n  why");
    let mut reasons: Vec<(&String, &u64)> = summary.counts.reason.iter().collect();
    reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    for (name, count) in reasons.iter().take(REASONS_SHOWN) {
        let words = name.parse::<Reason>().map_or("", Reason::in_plain_words);
        let _ = writeln!(text, "  {count:>8}  {name:<20} {words}");
    }
    if !summary.counts.provider.is_empty() {
        let mut providers: Vec<(&String, &u64)> = summary.counts.provider.iter().collect();
        providers.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let shown: Vec<String> = providers
            .iter()
            .take(5)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let _ = writeln!(text, "\n  mail run by: {}", shown.join(", "));
    }
    let traffic = summary.traffic;
    let _ = writeln!(
        text,
        "\n  asked: {} DNS questions, {} connections, {} recipients ({} decoys); {} known before; {}{}",
        traffic.dns_queries,
        traffic.connections,
        traffic.rcpt,
        traffic.decoys,
        traffic.answered_from_ledger,
        rounded(took),
        if simulated { " of simulated time" } else { "" },
    );
    let _ = writeln!(text, "\n  {}", next_step(summary));
    let _ = writeln!(text, "  the lists: {}", summary.out.display());
    text
}

/// How many reasons the summary names.
const REASONS_SHOWN: usize = 10;

fn what_to_do(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Verified => "send to these",
        Disposition::Review => "look before you send: nobody could say for certain",
        Disposition::Rejected => "do not send to these",
    }
}

fn rate(projection: Projection) -> String {
    format!(
        "{:.1} % ({:.1} to {:.1} %), about {:.0} messages",
        projection.rate * 100.0,
        projection.low * 100.0,
        projection.high * 100.0,
        projection.expected_bounces
    )
}

fn next_step(summary: &Summary) -> String {
    let verified = summary.rows_in(Disposition::Verified);
    let waiting = [
        "greylisted",
        "try_later",
        "host_busy",
        "silent",
        "unreachable",
        "not_asked",
        "interrupted",
        "deadline",
    ]
    .iter()
    .filter_map(|reason| summary.counts.reason.get(*reason))
    .sum::<u64>();
    if waiting > 0 {
        format!(
            "next: send to the {verified} in verified.csv; {waiting} rows got no answer, so run the same command again later"
        )
    } else {
        format!(
            "next: send to the {verified} in verified.csv; look through review.csv by presend_reason"
        )
    }
}
