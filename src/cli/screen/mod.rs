//! How a run goes, while it goes: on a terminal a bar with a few lines below it, elsewhere a line now and then.

mod notices;
mod picture;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::log::{LogArgs, LogFormat, TARGET};
use super::stop::Doing;
use super::zone::Zone;
use crate::model::echo;
use crate::model::text::{counted, grouped, without_addresses};
use crate::probe::scheduler::Progress;
use crate::verify::report::blocked::Scope;
use crate::verify::{Observer, SoFar};

use notices::{Notices, Trouble};
use picture::Scene;

/// How often a line tells the progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How often a terminal is told how far the listing is: it comes row by row.
const LISTED_EVERY: Duration = Duration::from_millis(200);

/// Shows how a run goes, on standard error.
pub(super) struct Screen {
    bar: ProgressBar,
    scene: Scene,
    notices: Notices,
    doing: Arc<Doing>,
    next_line: Instant,
    next_listed: Instant,
    /// Whether replies are shown with the addresses that hosts repeat in them.
    names: bool,
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
        let bar = bar(target);
        log.start(&bar);
        Screen {
            bar,
            scene: Scene {
                zone: Zone::here(),
                ..Scene::default()
            },
            notices: Notices::default(),
            doing: Arc::default(),
            next_line: Instant::now() + LINE_EVERY,
            next_listed: Instant::now(),
            names: log.verbose > 0,
        }
    }

    /// What the run is at, for the task that answers signals meanwhile.
    pub(super) fn doing(&self) -> Arc<Doing> {
        Arc::clone(&self.doing)
    }

    /// Notes a host in trouble, with its last words: without `-v` those that name nobody.
    fn tell_of(&mut self, trouble: Trouble, host: &str, words: &str, addresses: usize) {
        let addresses = addresses as u64;
        let mut words = echo::dotted(words);
        if !self.names {
            words = Cow::Owned(without_addresses(&words));
        }
        self.notices.add(trouble, host, &words, addresses);
    }

    /// Takes the progress off the screen, with what is left to be told.
    pub(super) fn finish(&mut self) {
        self.bar.finish_and_clear();
        for words in self.notices.rest(self.scope()) {
            tracing::warn!("{words}");
        }
    }

    /// Whether the hosts that refuse to answer us are all that were asked.
    fn scope(&self) -> Scope {
        match self.scene.progress.answered {
            0 => Scope::All,
            _ => Scope::Some,
        }
    }
}

/// The bar, with the lines below it.
fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target);
    let share = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // What is rounded up to 100 is not done.
        let _ = write!(out, "{:>3}\u{a0}%", (state.fraction() * 100.0).floor());
    };
    bar.set_style(
        ProgressStyle::with_template("{spinner} {prefix} {wide_bar} {share} \n  {msg}")
            .expect("a fixed template is well formed")
            .progress_chars("█▉▊▋▌▍▎▏░")
            .with_key("share", share),
    );
    bar
}

/// Shows a scene on a bar.
fn show(bar: &ProgressBar, scene: &Scene, width: usize) {
    let (settled, all) = scene.settled();
    bar.set_prefix(scene.elapsed());
    bar.set_message(scene.below_the_bar(width));
    bar.update(|state| {
        state.set_len(all.max(1));
        state.set_pos(settled);
    });
    bar.tick();
}

impl Observer for Screen {
    fn so_far(&mut self, so_far: &SoFar) {
        self.scene.so_far = *so_far;
    }

    fn progress(&mut self, rows: u64, progress: &Progress) {
        if self.scene.began == crate::model::timestamp::Timestamp::default() {
            self.scene.began = progress.at;
        }
        self.scene.rows = rows;
        self.scene.progress.clone_from(progress);
        self.scene.refusals = self.notices.refusals(self.scope());
        self.doing.is_asking(progress.conversations);
        for words in self.notices.due(progress.at, self.scope()) {
            tracing::warn!("{words}");
        }
        if !self.bar.is_hidden() {
            show(&self.bar, &self.scene, super::columns_of_errors());
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
                self.scene.line()
            );
        }
    }

    fn listing(&mut self, rows: u64) {
        self.doing.is_listing();
        let now = Instant::now();
        if self.bar.is_hidden() || now < self.next_listed {
            return;
        }
        self.next_listed = now + LISTED_EVERY;
        // How many there are is known where the list was read for asking.
        let all = self.scene.rows.max(rows);
        self.bar.set_message(format!(
            "writing the lists: {} of {}",
            grouped(rows),
            counted(all, "row", "rows")
        ));
        self.bar.update(|state| {
            state.set_len(all.max(1));
            state.set_pos(rows);
        });
        self.bar.tick();
    }

    fn blocked(&mut self, host: &str, words: &str, addresses: usize) {
        self.tell_of(Trouble::Blocked, host, words, addresses);
    }

    fn left(&mut self, host: &str, words: &str, addresses: usize) {
        self.tell_of(Trouble::Left, host, words, addresses);
    }

    fn stranded(&mut self, words: &str) {
        tracing::warn!(
            "nobody can be asked for now: {words}; trying again for a while, and nobody is judged by it"
        );
    }

    fn doubted(&mut self, host: &str, words: &str, addresses: usize) {
        self.tell_of(Trouble::Doubted, host, words, addresses);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::picture::Scene;
    use super::*;
    use crate::model::timestamp::Timestamp;
    use crate::probe::scheduler::{ToGo, WaitingHosts};

    fn picture(columns: u16) -> String {
        let terminal = InMemoryTerm::new(24, columns);
        let bar = bar(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        let began = "2026-03-02T14:00:00Z".parse::<Timestamp>().unwrap();
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let scene = Scene {
            began,
            rows: 300,
            progress: Progress {
                at: began + minutes(7),
                settled: 231,
                pending: 64,
                domains: 35,
                resolved: 35,
                conversations: 3,
                waiting: Some(WaitingHosts {
                    addresses: 64,
                    hosts: 3,
                    greylist: true,
                    until: began + minutes(30),
                    largest: Vec::new(),
                }),
                to_go: Some(ToGo {
                    soonest: minutes(5),
                    latest: minutes(23),
                }),
                ..Progress::default()
            },
            so_far: SoFar {
                lists: [150, 41, 45],
                rate: Some(0.21),
                known: 0,
            },
            refusals: Some("all 12 hosts refuse this address, naming zen.spamhaus.org".to_owned()),
            zone: Zone::default(),
        };
        show(&bar, &scene, usize::from(columns));
        let shown = terminal.contents();
        bar.finish_and_clear();
        assert_eq!(terminal.contents(), "", "nothing stays behind");
        shown
    }

    #[test]
    fn the_screen_fits_its_terminal() {
        insta::assert_snapshot!(picture(80));
        insta::assert_snapshot!(picture(120));
    }
}
