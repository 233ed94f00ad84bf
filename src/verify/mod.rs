//! One run: lists in, three lists out of each.
//!
//! A list is read twice. First every mailbox that needs asking is asked about once, and what is learned goes to the
//! ledger. Then each row gets its verdict from the ledger and goes to its list, in the caller's order. So memory does
//! not hold the list, and a killed run continues where it was: what it learned is there. Several lists are read one
//! after the other, as if they were one; only what comes out is kept apart.

pub mod check;
pub mod estimate;
pub mod output;
pub mod pages;
pub mod report;

mod ask;
mod beliefs;
mod described;
mod error;
mod first_domains;
mod gate;
mod guests;
mod judge;
mod lanes;
mod length;
mod list;
mod seen;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::Crew;
use crate::input::flags::Lists;
use crate::input::list::{self as intake, Source};
use crate::input::suppression::Suppression;
use crate::ledger::{Ledger, Memory};
use crate::model::ending::Ending;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Policy;
use crate::net::{Clock, World};
use crate::probe::run::{RunConfig, Stop};
use crate::probe::scheduler::Progress;
use crate::projection::Goal;
use crate::smtp::rules::Book;
use crate::verify::output::{Format, Generation, Rights};
use crate::verify::report::Report;

use seen::Seen;

pub use ask::{Asked, Rows, SoFar, ask};
pub use beliefs::believed;
#[cfg(feature = "testing")]
pub use described::{Describer, Text};
pub use described::{contents_of_row, first_of};
pub use error::VerifyError;
pub use first_domains::{add_domain, add_domains};
pub use gate::{Allowed, Fill, Gate, Least};
pub use guests::Guests;
#[cfg(feature = "serve")]
pub use guests::{Guest, News};
pub use judge::Cells;
#[cfg(feature = "testing")]
pub use judge::Judge;

/// What a run needs beside the list.
#[derive(Clone)]
pub struct Tools {
    /// What is known of providers.
    pub providers: Arc<Providers>,
    /// How replies are read.
    pub book: Arc<Book>,
    /// What lists say of addresses.
    pub lists: Arc<Lists>,
    /// What is done about verdicts.
    pub policy: Policy,
    /// Addresses and domains that get no mail and are not asked about.
    pub suppression: Suppression,
}

/// What a run is told to do.
pub struct Task {
    /// The lists, at least one. Of a mailbox that several name the first row stands.
    pub lists: Vec<Input>,
    /// How to read them.
    pub options: intake::Options,
    /// Where the run is at home: its report goes here, and what comes of its lists here or to folders in it.
    pub out: PathBuf,
    /// Whether what is known may be used.
    pub memory: Memory,
    /// How they are written.
    pub writing: Writing,
    /// What the largest list must keep to, where it is to be written.
    pub target: Option<Goal>,
    /// Single addresses that are asked about meanwhile, before those of the lists.
    pub guests: Guests,
}

/// One list of a run.
pub struct Input {
    /// Where its rows come from.
    pub source: Source,
    /// What it is called where its rows stand beside those of others; `None` where it is alone.
    pub name: Option<String>,
    /// Where its three lists go.
    pub out: PathBuf,
    /// The permissions of the files written.
    pub rights: Rights,
}

impl Task {
    /// Verifies one list, whose files all go to the folder `out`, as the program does where it is told nothing else.
    #[must_use]
    pub fn of(source: Source, out: PathBuf) -> Task {
        Task {
            lists: vec![Input {
                source,
                name: None,
                out: out.clone(),
                rights: Rights::ORDINARY,
            }],
            options: intake::Options::default(),
            out,
            memory: Memory::Use,
            writing: Writing::default(),
            target: None,
            guests: Guests::default(),
        }
    }

    /// The permissions of what comes of all lists.
    #[must_use]
    pub fn rights(&self) -> Rights {
        let rights = self.lists.iter().map(|list| list.rights);
        rights.fold(Rights::ORDINARY, Rights::and)
    }

    /// What the lists are called together.
    #[must_use]
    pub fn name(&self) -> String {
        listed(self.lists.iter().map(Input::name))
    }
}

/// What lists of these names are called together.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [first, more @ ..] => format!("{first} and {} more lists", more.len()),
    }
}

impl Input {
    /// Its display name: its own name, without the folders that lead to it. A report is passed on, and folders may name
    /// its owner.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = Path::new(self.source.name());
        let own = path.file_name().and_then(OsStr::to_str);
        self.name
            .as_deref()
            .unwrap_or(own.unwrap_or(self.source.name()))
    }
}

/// How the lists are written.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// What becomes of cells in which more stands than an address.
    pub cells: Cells,
    /// One more file, with all rows.
    pub all: Option<(PathBuf, Format)>,
}

/// The hosts that may be asked.
pub enum Asking {
    /// None; the clock is only for dating what is known. An address that was not asked about was left so by an asking
    /// that ended so.
    Nobody(Clock, Ending),
    /// Those of this world, DNS servers among them, with the settings of the run.
    World(World, Box<RunConfig>),
    /// The same hosts, by others; DNS servers are asked from here.
    Engine(World, Box<RunConfig>, Crew),
}

/// Receives the events of a run.
pub trait Observer {
    /// Rows were read, and the asking has come so far.
    fn progress(&mut self, rows: u64, progress: &Progress);

    /// How the mailboxes stand that are settled by now; told before each progress.
    fn so_far(&mut self, so_far: &SoFar) {
        let _ = so_far;
    }

    /// The asking has ended, and so many rows have gone to their lists.
    fn listing(&mut self, rows: u64) {
        let _ = rows;
    }

    /// A host blocks us.
    fn blocked(&mut self, host: &str, words: &str, addresses: usize);

    /// A host gives nothing, so it is left for this run.
    fn left(&mut self, host: &str, words: &str, addresses: usize) {
        let _ = (host, words, addresses);
    }

    /// Our own side fails, such as the proxy or DNS.
    fn stranded(&mut self, words: &str) {
        let _ = words;
    }

    /// A host's refusals are not believed any more; so many that came before are held back too.
    fn doubted(&mut self, host: &str, words: &str, addresses: usize) {
        let _ = (host, words, addresses);
    }
}

/// Verifies lists, and lets what comes out appear. `stop` resolves when the run is to end early.
///
/// # Errors
///
/// When a list cannot be read, the ledger or the lists cannot be written. The lists of an earlier run stay.
pub async fn verify(
    task: &Task,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Into<Stop<'_>>,
) -> Result<Report, VerifyError> {
    let finished = prepare(task, tools, asking, ledger, observer, stop).await?;
    finished.publish(ledger)
}

/// Verifies lists, up to the moment when what comes out would appear.
///
/// # Errors
///
/// When a list cannot be read, the ledger or the lists cannot be written.
pub async fn prepare(
    task: &Task,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Into<Stop<'_>>,
) -> Result<Finished, VerifyError> {
    let sources = task.lists.iter().map(|list| &list.source);
    let rows = Rows::of_lists(sources, &task.options)?.beside(task.guests.clone());
    let asked = ask(rows, task.memory, tools, asking, ledger, observer, stop).await?;
    list_asked(task, tools, ledger, asked, observer)
}

/// Lists the rows that were asked about, up to the moment when what comes out would appear.
///
/// # Errors
///
/// When a list cannot be read, the ledger or the lists cannot be written.
pub fn list_asked(
    task: &Task,
    tools: &Tools,
    ledger: &mut Ledger,
    asked: Asked,
    observer: &mut dyn Observer,
) -> Result<Finished, VerifyError> {
    let mut finished = list::list_rows(task, tools, ledger, &asked, observer)?;
    asked.tell(&mut finished.report);
    Ok(finished)
}

/// A run whose files are written, but not there yet: more may be added that are to appear with them.
pub struct Finished {
    /// What it came to.
    pub report: Report,
    /// The files, still under their temporary names.
    pub files: Generation,
    /// How the mailboxes stand, for the next run, with when that was.
    seen: Seen,
    at: Timestamp,
}

impl Finished {
    /// Lets the files appear.
    ///
    /// # Errors
    ///
    /// When they cannot be completed, or the ledger cannot be written.
    pub fn publish(self, ledger: &Ledger) -> Result<Report, VerifyError> {
        self.files.publish()?;
        // Not before: a run that is killed until then compares with the same run again.
        if let Some(register) = self.seen.register() {
            ledger.keep_register(register, self.at)?;
        }
        Ok(self.report)
    }
}
