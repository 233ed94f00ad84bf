//! The shipped program at work in a drawn internet, in simulated time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::engine::memory::Way;
use crate::engine::order::Global;
use crate::engine::{Crew, Partitions, RunId};
use crate::input::flags::Lists;
use crate::input::list::{IntakeError, Source};
use crate::input::suppression::Suppression;
use crate::ledger::{Commit, Job, Ledger, LedgerError, Lifetimes, Realm};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Policy};
use crate::net::route::Reach;
use crate::probe::pace::{Ceilings, Rate};
use crate::probe::run::{Depth, Ending, Origin, RunConfig};
use crate::probe::scheduler::{Limits, Progress};
use crate::sim::net::Simulation;
use crate::smtp::rules::Book;
use crate::verify::report::Report;
use crate::verify::{Asking, Observer, Task, Tools, VerifyError, verify};

use super::Creation;
use super::crew::{self, Place, Wires};

/// The limits that a trial gives the program: the general ones of `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Courtesy {
    /// Recipients a second at one host; 0 is no limit.
    pub recipients_per_second: u32,
    /// Connections at once at one host.
    pub connections_per_host: u32,
    /// Connections at once in all.
    pub connections: usize,
    /// Most addresses that wait in memory at a time.
    pub pending: usize,
    /// How long one address may wait for a host that wants us to come back.
    pub patience: Duration,
    /// Who asks.
    pub crew: Machines,
    /// The ceilings at a host over all who ask.
    pub global: Global,
    /// What lies between those who ask together.
    pub wires: Wires,
}

/// Who asks in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machines {
    /// The machine that reads the list.
    One,
    /// Others, over an engine.
    Many {
        /// How many there are at first.
        workers: usize,
        /// Whether some die and others join, as the seed has it.
        changing: bool,
    },
}

impl Default for Courtesy {
    /// The defaults of the command line.
    fn default() -> Self {
        Courtesy {
            recipients_per_second: 10,
            connections_per_host: 2,
            connections: 500,
            pending: limits::PENDING_ADDRESSES,
            patience: Duration::from_secs(1800),
            crew: Machines::One,
            global: Global::NONE,
            wires: Wires::default(),
        }
    }
}

/// The sender that a trial names.
pub const SENDER: &str = "verify@presend.test";

/// The name by which a trial introduces itself.
pub const HELLO: &str = "presend.test";

/// When a run is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When all is done.
    Done,
    /// As by Ctrl-C, after this much simulated time.
    Interrupted(Duration),
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the program says of it.
    pub report: Report,
    /// When it began.
    #[cfg_attr(
        not(feature = "testing"),
        expect(dead_code, reason = "tests date what follows from it")
    )]
    pub began: Timestamp,
    /// Simulated time that it took.
    pub took: Duration,
    /// The lists as files: verified, review, rejected.
    pub lists: [Vec<u8>; 3],
    /// Most addresses that waited at a time.
    pub most_pending: usize,
    /// Most sessions under way at a time.
    pub most_conversations: usize,
    /// Whether the machine that reads the list came back and read it anew.
    pub came_back: bool,
}

/// What the shipped program needs beside a list.
///
/// # Panics
///
/// Never: what comes with the program is well formed.
#[must_use]
pub fn tools() -> Tools {
    let providers = Arc::new(Providers::built_in());
    Tools {
        suppression: Suppression::default(),
        lists: Arc::new(
            Lists::new(Arc::clone(&providers), &[]).expect("the built-in lists are well formed"),
        ),
        providers,
        book: Arc::new(Book::built_in()),
        policy: Policy::built_in("balanced").expect("a built-in policy"),
    }
}

/// Why a run in a drawn internet cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A temporary folder cannot be written, or a runtime not be made.
    #[error(
        "cannot simulate with files in {folder}: {0}; make room there, or name another folder with TMPDIR",
        folder = std::env::temp_dir().display()
    )]
    Folder(#[from] std::io::Error),
    /// The run itself broke off.
    #[error(transparent)]
    Run(#[from] VerifyError),
}

impl From<IntakeError> for ScoreError {
    fn from(error: IntakeError) -> Self {
        ScoreError::Run(error.into())
    }
}

impl From<LedgerError> for ScoreError {
    fn from(error: LedgerError) -> Self {
        ScoreError::Run(error.into())
    }
}

/// Runs `work` in simulated time.
///
/// # Errors
///
/// When the runtime cannot be made.
pub fn in_simulated_time<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    Ok(runtime.block_on(work))
}

/// Verifies the list of a creation in its internet, which must be up. Lists and ledger are kept in `folder`: a second
/// run there goes on where the first ended.
///
/// # Errors
///
/// When a file in `folder` cannot be written.
///
/// # Panics
///
/// When the program under trial panics.
pub async fn run(
    creation: &Creation,
    simulation: &Simulation,
    tools: &Tools,
    courtesy: &Courtesy,
    folder: &Path,
    until: Until,
) -> Result<Outcome, ScoreError> {
    let world = simulation.world.clone();
    let clock = world.clock;
    let began = clock.now();
    let machines = LocalSet::new();
    let mut wires = courtesy.wires;
    if let Machines::Many { workers, changing } = courtesy.crew {
        if changing && wires == Wires::default() {
            wires = crew::wires_of(creation.seed);
        }
        let place = Place {
            engine: simulation.engine.clone(),
            world,
            config: config(creation.seed, courtesy),
            tools,
            seed: creation.seed,
            way: wires.workers,
        };
        let partitions = Partitions::for_workers(workers);
        simulation.engine.divide(partitions);
        crew::set_to_work(&machines, &place, workers, changing);
    }
    let mut gauge = Gauge::default();
    let mut reads = Reads {
        creation,
        simulation,
        tools,
        courtesy,
        folder,
        until,
        way: wires.coordinator,
    };
    let task = Task::of(reads.list()?, folder.join("lists"));
    if let Some((after, away)) = wires.switched_off {
        let gone = async {
            tokio::select! {
                biased;
                ended = reads.once(&task, &mut gauge) => Some(ended),
                () = sleep(after) => None,
            }
        };
        if let Some(ended) = machines.run_until(gone).await {
            let report = ended?;
            return outcome(&task, report, (began, clock.now()), &gauge, false);
        }
        machines.run_until(sleep(away)).await;
        reads.until = match until {
            Until::Done => Until::Done,
            Until::Interrupted(moment) => Until::Interrupted(moment.saturating_sub(after + away)),
        };
    }
    let report = machines.run_until(reads.once(&task, &mut gauge)).await?;
    let came_back = wires.switched_off.is_some();
    outcome(&task, report, (began, clock.now()), &gauge, came_back)
}

/// What is needed to read a list in a trial.
struct Reads<'a> {
    creation: &'a Creation,
    simulation: &'a Simulation,
    tools: &'a Tools,
    courtesy: &'a Courtesy,
    folder: &'a Path,
    until: Until,
    way: Way,
}

impl Reads<'_> {
    fn list(&self) -> Result<Source, ScoreError> {
        let bytes = self.creation.list.bytes();
        Ok(Source::spool("list.csv".to_owned(), bytes.as_slice())?)
    }

    /// Reads the list once, from where an earlier reading was broken off.
    async fn once(&self, task: &Task, gauge: &mut Gauge) -> Result<Report, ScoreError> {
        let world = self.simulation.world.clone();
        let clock = world.clock;
        let realm = Realm::Simulated(format!("seed {}", self.creation.seed));
        let mut ledger = Ledger::open(
            &self.folder.join("ledger.db"),
            &realm,
            Lifetimes::default(),
            clock.now(),
        )?;
        ledger.set_commit(Commit::AtOnce);
        let job = Job {
            place: "here",
            list: task.lists[0].name(),
            seed: self.creation.seed,
        };
        let begun = ledger.begin(&job, clock.now())?;
        let config = config(begun.seed, self.courtesy);
        let asking = match self.courtesy.crew {
            Machines::One => Asking::World(world, Box::new(config)),
            Machines::Many { .. } => {
                let crew = Crew {
                    engine: Arc::new(self.simulation.engine.connect_over(self.way)),
                    run: RunId::named("trial").expect("a name of a run"),
                    global: self.courtesy.global,
                };
                Asking::Engine(world, Box::new(config), crew)
            }
        };
        let stop = async {
            match self.until {
                Until::Done => sleep(GIVE_UP).await,
                Until::Interrupted(after) => sleep(after).await,
            }
            Ending::Interrupted
        };
        let verifying = verify(task, self.tools, asking, &mut ledger, gauge, stop);
        let report = verifying.await?;
        ledger.end(report.ending.as_str(), "{}", clock.now())?;
        Ok(report)
    }
}

/// What a trial has left behind.
fn outcome(
    task: &Task,
    report: Report,
    (began, ended): (Timestamp, Timestamp),
    gauge: &Gauge,
    came_back: bool,
) -> Result<Outcome, ScoreError> {
    let read = |disposition: Disposition| {
        std::fs::read(task.out.join(format!("{}.csv", disposition.as_str())))
    };
    Ok(Outcome {
        report,
        began,
        took: ended.since(began),
        lists: [
            read(Disposition::Verified)?,
            read(Disposition::Review)?,
            read(Disposition::Rejected)?,
        ],
        most_pending: gauge.pending,
        most_conversations: gauge.conversations,
        came_back,
    })
}

/// Simulated time after which a run is held to be one that never ends: days beyond the longest patience.
pub const GIVE_UP: Duration = Duration::from_secs(7 * 24 * 3600);

fn config(seed: u64, courtesy: &Courtesy) -> RunConfig {
    RunConfig {
        limits: Limits {
            sender: Some(SENDER.parse().expect("an address of ours")),
            ceilings: Ceilings {
                rate: Rate::per_seconds(courtesy.recipients_per_second),
                connections: courtesy.connections_per_host,
            },
            rate_max: Rate::per_seconds(courtesy.recipients_per_second),
            rate: Rate::UNLIMITED,
            connections: courtesy.connections,
            pending: courtesy.pending,
            patience: courtesy.patience,
            encryption: crate::smtp::session::Encryption::default(),
            seed,
            controls: Vec::new(),
            second_look: 0.0,
        },
        origins: vec![Origin {
            address: None,
            hello: HELLO.parse().expect("a name of ours"),
        }],
        port: 25,
        reach: Reach::PublicOrDocumentation,
        depth: Depth::MailHosts,
    }
}

/// Keeps the highest marks.
#[derive(Default)]
struct Gauge {
    pending: usize,
    conversations: usize,
}

impl Observer for Gauge {
    fn progress(&mut self, _rows: u64, progress: &Progress) {
        self.pending = self.pending.max(progress.pending);
        self.conversations = self.conversations.max(progress.conversations);
    }

    fn blocked(&mut self, _host: &str, _words: &str, _addresses: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_to_change() {
        let error = ScoreError::Folder(std::io::ErrorKind::StorageFull.into());
        let temporary = std::env::temp_dir().display().to_string();
        insta::assert_snapshot!(error.to_string().replace(&temporary, "TEMPORARY"), @"cannot simulate with files in TEMPORARY: no storage space; make room there, or name another folder with TMPDIR");
    }
}
