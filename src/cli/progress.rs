//! How a run goes, while it goes: on a terminal a few lines that change, elsewhere a line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::log::{LogArgs, LogFormat};
use super::safe::safe;
use crate::probe::scheduler::Progress;
use crate::verify::Observer;

/// Names the events that tell progress, for filters and for the text form, which leaves their fields out.
pub(super) const TARGET: &str = "presend::progress";

/// How often a line tells the progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The widest line shown: what fits any terminal that people use.
const COLUMNS: usize = 79;

/// Cells of the bar.
const BAR_CELLS: u64 = 24;

/// Shows how a run goes, on standard error.
pub(super) struct Screen {
    bar: ProgressBar,
    next_line: Instant,
}

impl Screen {
    /// Begins to show and to log as `log` says.
    pub(super) fn start(log: &LogArgs) -> Self {
        let target = if log.quiet || log.log_format == LogFormat::Json {
            ProgressDrawTarget::hidden()
        } else {
            // Hidden by itself where standard error is no terminal.
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}")
                .expect("a fixed template is well formed"),
        );
        log.start(&bar);
        Screen {
            bar,
            next_line: Instant::now() + LINE_EVERY,
        }
    }

    /// Takes the progress off the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Screen {
    fn progress(&mut self, rows: u64, progress: &Progress) {
        if !self.bar.is_hidden() {
            self.bar.set_message(picture(rows, progress));
            self.bar.tick();
        } else if Instant::now() >= self.next_line {
            self.next_line = Instant::now() + LINE_EVERY;
            tracing::info!(
                target: TARGET,
                rows,
                domains = progress.domains,
                resolved = progress.resolved,
                settled = progress.settled,
                pending = progress.pending,
                conversations = progress.conversations,
                "{}",
                line(rows, progress)
            );
        }
    }

    fn blocked(&mut self, host: &str, words: &str, addresses: usize) {
        tracing::warn!(
            "{host} blocks us, so nobody there is asked any more; {addresses} addresses there go to review. It said: {}",
            words
        );
        tracing::warn!(
            "look this machine's address up on the blocklist that it names (`presend explain` reads its words), or ask from another machine"
        );
    }

    fn left(&mut self, host: &str, words: &str, addresses: usize) {
        tracing::warn!(
            "{host} gives no answer about anybody, so it is left for this run; {addresses} addresses there go to review, \
             and the next run asks about them again. The last that came: {words}"
        );
    }

    fn stranded(&mut self, words: &str) {
        tracing::warn!(
            "nobody can be asked for now: {words}; trying again for a while, and nobody is judged by it"
        );
    }

    fn doubted(&mut self, host: &str, words: &str, addresses: usize) {
        tracing::warn!(
            "{host} refuses whoever is asked about, known-good addresses too, so its refusals are not believed; \
             {addresses} addresses there go to review. It said: {words}"
        );
    }
}

/// What a terminal shows.
fn picture(rows: u64, progress: &Progress) -> String {
    let mut lines = vec![
        format!(
            "{rows} rows read, {} of {} domains resolved",
            progress.resolved, progress.domains
        ),
        settled(progress),
    ];
    lines.extend(waiting(progress));
    lines
        .iter()
        .map(|line| line.chars().take(COLUMNS - 2).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n  ")
}

/// What a log is told.
fn line(rows: u64, progress: &Progress) -> String {
    let mut text = format!(
        "{rows} rows read, {} of {} domains resolved, {} addresses settled, {} left, {} conversations",
        progress.resolved,
        progress.domains,
        progress.settled,
        progress.pending,
        progress.conversations
    );
    for part in waiting(progress).into_iter().chain(to_go(progress)) {
        text += "; ";
        text += &part;
    }
    text
}

/// The share of what is known to be asked that is settled, as a bar.
fn settled(progress: &Progress) -> String {
    let all = progress.settled + progress.pending as u64;
    let filled = (progress.settled * BAR_CELLS).checked_div(all).unwrap_or(0);
    let bar: String = (0..BAR_CELLS)
        .map(|cell| if cell < filled { '█' } else { '░' })
        .collect();
    let to_go = to_go(progress).map_or_else(String::new, |to_go| format!(", {to_go}"));
    format!(
        "{bar} {} of {all} addresses settled{to_go}",
        progress.settled
    )
}

fn to_go(progress: &Progress) -> Option<String> {
    let remaining = progress.remaining?;
    Some(format!("about {} to go", rounded(remaining)))
}

/// Whom most of the waiting is for.
fn waiting(progress: &Progress) -> Option<String> {
    let waiting = progress.waiting.as_ref()?;
    let until = waiting.until.map_or_else(String::new, |until| {
        format!(", {} more", rounded(until.since(progress.at)))
    });
    Some(format!(
        "{} wait for {}{until}",
        waiting.addresses,
        safe(&waiting.host)
    ))
}

/// A duration in whole seconds, as people write it.
pub(super) fn rounded(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
