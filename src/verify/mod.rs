//! One run: a list in, three lists out.
//!
//! The list is read twice. First every mailbox that needs asking is asked about once, and what is learned goes to the
//! ledger. Then each row gets its verdict from the ledger and goes to its list, in the caller's order. So memory does
//! not hold the list, and a killed run continues where it was: what it learned is there.

mod ahead;
mod described;
mod judge;
mod questions;
mod scribe;
mod seen;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crate::diagnosis::Book;
use crate::flags::Lists;
use crate::intake::{self, List, Source};
use crate::ledger::{Ledger, Memory};
use crate::moment::Moment;
use crate::outlet::{Form, Outlet, Place};
use crate::pipeline::board::Progress;
use crate::pipeline::{self, Ending, Terms};
use crate::projection::{Model, Pile, Tally};
use crate::provider::Providers;
use crate::verdict::{Disposition, Policy};
use crate::world::{Clock, World};

use seen::Seen;

pub use described::{Described, Describer, Text};
use questions::Questions;
use scribe::Scribe;

pub use judge::{Judge, Judgement};
pub use summary::{Counts, Summary, Traffic};

/// What a run needs beside the list.
pub struct Tools {
    /// What is known of providers.
    pub providers: Arc<Providers>,
    /// How replies are read.
    pub book: Arc<Book>,
    /// What lists say of addresses.
    pub lists: Lists,
    /// What is done about verdicts.
    pub policy: Policy,
}

/// What a run is told to do.
pub struct Task {
    /// The list.
    pub source: Source,
    /// How to read it.
    pub options: intake::Options,
    /// Where the three lists go.
    pub out: PathBuf,
    /// Whether what is known may be used.
    pub memory: Memory,
}

/// Who may be asked.
pub enum Asking {
    /// Nobody; the clock is only for dating what is known.
    Nobody(Clock),
    /// The world.
    World(World, Box<Terms>),
}

/// Who is told how a run goes.
pub trait Observer {
    /// Rows were read, and the asking has come so far.
    fn progress(&mut self, rows: u64, progress: &Progress);

    /// A host blocks us.
    fn blocked(&mut self, host: &str, words: &str, addresses: usize);
}

/// Verifies a list. `stop` resolves when the run is to end early.
///
/// # Errors
///
/// When the list cannot be read, the ledger or the lists cannot be written. The lists of an earlier run stay.
pub async fn verify(
    task: &Task,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Future<Output = Ending>,
) -> anyhow::Result<Summary> {
    ledger.recall(task.memory);
    let mut heard = summary::Heard::default();
    let (clock, ending) = match asking {
        Asking::Nobody(clock) => (clock, Ending::Completed),
        Asking::World(world, terms) => {
            let clock = world.clock;
            let ending = ask(
                task, tools, world, *terms, ledger, observer, stop, &mut heard,
            )
            .await?;
            (clock, ending)
        }
    };
    let mut summary = list_rows(task, tools, ledger, clock.now(), ending)?;
    summary.traffic = Traffic {
        dns_queries: heard.dns_queries,
        connections: heard.connections,
        rcpt: heard.rcpt,
        decoys: heard.decoys,
        answered_from_ledger: heard.answered_from_ledger,
    };
    summary.unread = heard.unread;
    Ok(summary)
}

/// The first reading: asks about every mailbox that is not known yet.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a run, each used once"
)]
async fn ask(
    task: &Task,
    tools: &Tools,
    world: World,
    terms: Terms,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Future<Output = Ending>,
    traffic: &mut summary::Heard,
) -> anyhow::Result<Ending> {
    let writer = ledger.writer()?;
    let rows = std::cell::Cell::new(0);
    let mut questions = Questions {
        list: task.source.list(&task.options)?,
        seen: Seen::default(),
        ledger,
        clock: world.clock,
        rows: &rows,
        known: 0,
    };
    let mut scribe = Scribe {
        writer,
        observer,
        rows: &rows,
        traffic,
        clock: world.clock,
    };
    let (book, providers) = (Arc::clone(&tools.book), Arc::clone(&tools.providers));
    let ending = pipeline::ask_everybody(
        world,
        terms,
        book,
        providers,
        &mut questions,
        &mut scribe,
        stop,
    )
    .await?;
    scribe.traffic.answered_from_ledger = questions.known;
    scribe.writer.finish()?;
    ledger.refresh();
    Ok(ending)
}

/// The second reading: every row to its list.
fn list_rows(
    task: &Task,
    tools: &Tools,
    ledger: &mut Ledger,
    now: Moment,
    ending: Ending,
) -> anyhow::Result<Summary> {
    let list = task.source.list(&task.options)?;
    let mut outlet = Outlet::create(&task.out, form_of(&list))?;
    let mut summary = Summary::new(task.source.name(), &task.out, ending);
    let judge = Judge::new(tools, now, ending);
    let mut seen = Seen::default();
    let model = Model::built_in();
    let mut tally = Tally::new(&model);
    let mut shares: Vec<f64> = Vec::new();
    thread::scope(|scope| {
        for batch in ahead::read(scope, list, &tools.lists) {
            for row in batch?.rows() {
                let (judgement, address) = judge.text(row.text, ledger, &mut seen)?;
                let pile = pile_of(&judgement, &tools.policy);
                let slot = tally.add(
                    judgement.kind(),
                    judgement.provider_id.as_deref(),
                    address
                        .as_ref()
                        .map_or("", |address| address.domain().wire()),
                    pile,
                );
                if usize::from(slot.0) == shares.len() {
                    shares.push(model.mean(tally.segment(slot)));
                }
                outlet.write(
                    Place {
                        disposition: judgement.disposition,
                        pile,
                        slot,
                    },
                    row.raw,
                    row.terminator,
                    &judgement.columns(shares[usize::from(slot.0)]),
                )?;
                summary.count(&judgement);
            }
        }
        anyhow::Ok(())
    })?;
    // Only now is known what the list says of those whom nobody could ask.
    let model = tally.teach(model);
    let mut written = outlet.close()?;
    let settled = settled_shares(&tally, &model, &shares);
    if settled.iter().any(Option::is_some) {
        written.settle(|slot| settled[usize::from(slot.0)])?;
    }
    summary.finish(&tally, &model);
    written.publish()?;
    Ok(summary)
}

/// What is to be written in place of the provisional share of each slot, where it differs.
fn settled_shares(tally: &Tally, model: &Model, provisional: &[f64]) -> Vec<Option<f64>> {
    tally
        .segments()
        .zip(provisional)
        .map(|(segment, before)| {
            let share = model.mean(segment);
            #[expect(clippy::float_cmp, reason = "the same sum gives the same number")]
            (share != *before).then_some(share)
        })
        .collect()
}

/// Where a row goes, as far as a wanted rate is concerned.
fn pile_of(judgement: &Judgement, policy: &Policy) -> Pile {
    match judgement.disposition {
        Disposition::Verified => Pile::Verified,
        Disposition::Review if policy.objects_to(judgement.flags.iter()) => Pile::Held,
        Disposition::Review => Pile::Open,
        Disposition::Rejected => Pile::Rejected,
    }
}

/// How the caller's list is written, as far as our lists must follow it.
fn form_of(list: &List) -> Form {
    let delimiter = list.delimiter().unwrap_or(b',');
    let header = list.header().map_or_else(
        || {
            let names: Vec<String> = (1..=list.columns().len().max(1))
                .map(|n| format!("column_{n}"))
                .collect();
            names.join(&char::from(delimiter).to_string()).into_bytes()
        },
        <[u8]>::to_vec,
    );
    Form {
        // A header comes with what stands before it.
        preamble: if list.header().is_some() {
            Vec::new()
        } else {
            list.preamble().to_vec()
        },
        header,
        delimiter,
        terminator: if list.terminator().is_empty() {
            b"\n".to_vec()
        } else {
            list.terminator().to_vec()
        },
    }
}
