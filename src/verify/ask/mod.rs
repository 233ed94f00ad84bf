//! The first half of a run: every mailbox that is not known yet is asked about once, and what is learned goes to the
//! ledger.

mod questions;
mod recorder;
mod so_far;
mod stats;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::beliefs::believed;
use super::error::VerifyError;
use super::guests::{News, Visiting};
use super::judge::Judge;
use super::{Asking, Observer, Tools};
use crate::engine::coordinator::{self, Inherited};
use crate::ledger::{Ledger, Memory};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::net::Clock;
use crate::probe::run::{self, Stop};
use crate::verify::report::{Report, Time, Traffic};

use questions::{Questions, Told};
use recorder::Recorder;
use so_far::Standings;
use stats::RunStats;

pub use questions::Rows;
pub use so_far::SoFar;

/// An asking that has ended: what it learned is in the ledger.
pub struct Asked {
    /// How it ended.
    pub ending: Ending,
    /// How many mailboxes were met.
    pub(super) mailboxes: usize,
    /// The clock of the run.
    pub(super) clock: Clock,
    started: Timestamp,
    stats: RunStats,
}

impl Asked {
    /// Judges by what is known now.
    #[must_use]
    pub fn judge<'t>(&self, tools: &'t Tools) -> Judge<'t> {
        Judge::new(tools, self.clock.now(), self.ending)
    }

    /// What was asked.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.stats.traffic()
    }

    /// From the beginning until now.
    #[must_use]
    pub fn time(&self) -> Time {
        let finished = self.clock.now();
        Time {
            started: self.started,
            finished,
            seconds: finished.since(self.started).as_secs_f64(),
        }
    }

    /// Tells in the report what was asked, and how long the run took until now.
    pub(super) fn tell(self, report: &mut Report) {
        report.time = self.time();
        self.stats.tell(report);
    }
}

/// Asks about every mailbox of `rows` that is not known yet. `stop` resolves when the asking is to end early.
///
/// # Errors
///
/// When the rows cannot be read further, or the ledger cannot be read or written.
#[expect(
    clippy::too_many_lines,
    reason = "one asking from its beginning to its end"
)]
pub async fn ask(
    rows: Rows,
    memory: Memory,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Into<Stop<'_>>,
) -> Result<Asked, VerifyError> {
    ledger.recall(memory);
    let (world, config, crew) = match asking {
        Asking::Nobody(clock, ending) => {
            return Ok(Asked {
                ending,
                mailboxes: 0,
                clock,
                started: clock.now(),
                stats: RunStats::default(),
            });
        }
        Asking::World(world, config) => (world, *config, None),
        Asking::Engine(world, config, crew) => (world, *config, Some(crew)),
    };
    let clock = world.clock;
    let mut asked = Asked {
        ending: Ending::Completed,
        mailboxes: 0,
        clock,
        started: clock.now(),
        stats: RunStats::default(),
    };
    let count = Cell::new(0);
    let model = believed(ledger, asked.started)?;
    let standings = RefCell::new(Standings::new(tools.policy.clone(), &model));
    let visiting = Visiting::default();
    let told = Told {
        rows: &count,
        standings: &standings,
        visiting: &visiting,
    };
    let guests = rows.guests();
    let mut inherited = Inherited::default();
    if let Some(crew) = &crew {
        // What was learned for this run while nobody listened.
        let mut recorder = Recorder {
            writer: ledger.writer()?,
            observer: &mut *observer,
            told,
            lists: &tools.lists,
            stats: &mut asked.stats,
            clock,
        };
        let (leave, ordered) = coordinator::drain(crew, &mut recorder).await?;
        inherited = ordered;
        recorder.writer.finish()?;
        leave.take().await?;
        ledger.refresh();
    }
    let writer = ledger.writer()?;
    let mut questions = Questions::begin(rows, tools, (ledger, writer.backlog()), told)?;
    let mut recorder = Recorder {
        writer,
        observer,
        told,
        lists: &tools.lists,
        stats: &mut asked.stats,
        clock,
    };
    let (book, providers) = (Arc::clone(&tools.book), Arc::clone(&tools.providers));
    let mut leave = None;
    asked.ending = match &crew {
        None => {
            let asking = run::ask_all(
                world,
                config,
                book,
                providers,
                &mut questions,
                &mut recorder,
                stop,
            );
            Box::pin(asking).await?
        }
        Some(crew) => {
            let asking = coordinator::ask_all(
                crew,
                inherited,
                world,
                config,
                book,
                providers,
                &mut questions,
                &mut recorder,
                stop,
            );
            let (ending, left) = Box::pin(asking).await?;
            leave = Some(left);
            ending
        }
    };
    recorder.stats.answered_from_ledger = questions.known();
    asked.mailboxes = questions.mailboxes();
    // The table of those met is taken down before a second reading builds its own.
    drop(questions);
    recorder.writer.finish()?;
    ledger.refresh();
    // The ledger has everything. What the engine does not hear now is told again when the same command is given again.
    if let Some(leave) = leave
        && let Err(error) = leave.take().await
    {
        tracing::warn!(%error, "the engine did not hear that this run is over");
    }
    for guest in visiting.into_inner() {
        match asked.ending {
            Ending::Completed | Ending::Stranded => guest.tell(News::Left),
            // The next asker lets it in.
            Ending::Interrupted | Ending::Deadline => guests.add(guest),
        }
    }
    Ok(asked)
}
