//! `presend verify`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;

use super::asking::{self, AskingArgs, Place};
use super::log::LogArgs;
use super::progress::Screen;
use super::reading::{self, ReadingArgs};
use super::report::write_pages;
use super::{Exit, start, usage};
use crate::intake::Source;
use crate::ledger::{Job, Ledger, Lock, LockError};
use crate::moment::Moment;
use crate::outlet;
use crate::pipeline::Ending;
use crate::projection::Basis;
use crate::report::{self, Report, Since};
use crate::verify::{Asking, Task, verify};
use crate::world::Clock;

/// Options of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The list: CSV, TSV or one address per line, also compressed; `-` is standard input
    list: PathBuf,
    /// Where the lists go [default: LIST.presend beside the list]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// strict, balanced, lenient or a policy file
    #[arg(long, value_name = "POLICY", default_value = "balanced")]
    policy: String,
    /// Exit with code 1 when the projected bounce rate of verified.csv is over this
    #[arg(long, value_name = "PERCENT", value_parser = super::percent)]
    fail_over: Option<f64>,
    /// Which rate --fail-over and --target decide on: the expected one, or the upper end of the 90 % interval
    #[arg(long, value_name = "RATE", default_value = "expected", value_parser = clap::value_parser!(Basis))]
    fail_on: Basis,
    /// Write target.csv as well: the largest list whose projected bounce rate is not over this
    #[arg(long, value_name = "PERCENT", value_parser = super::percent)]
    target: Option<f64>,
    /// Write the run's numbers for Prometheus to this file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    asking: AskingArgs,
    /// Print report.json instead of the summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs `presend verify`.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let place = args.asking.place()?;
    let tools = asking::tools(&args.policy, &args.asking)?;
    let source = Source::open(&args.list)?;
    let task = Task {
        out: args
            .out
            .clone()
            .map_or_else(|| default_out(&args.list), Ok)?,
        options: args.reading.options(),
        source,
        memory: args.asking.memory(),
        target: args.target.map(|rate| (rate, args.fail_on)),
    };
    // Before anybody is asked: is it a list, which column is it?
    let (domains, remarks) = start::domains(&task.source, &task.options)?;
    reading::tell(&remarks, &args.log);
    let mut screen = Screen::start(&args.log);
    let (report, json) = asking::block_on(&place, async {
        let asked = args.asking.terms(&place, &domains).await?;
        let (job_place, _lock) = occupy(&task)?;
        let clock = match &asked {
            Some((world, _)) => world.clock,
            None => Clock::starting_at(Moment::from(SystemTime::now())),
        };
        let (mut ledger, _folder) = args.asking.ledger(&place, clock)?;
        let asking = match asked {
            Some((world, mut terms)) => {
                let job = Job {
                    place: &job_place,
                    list: task.source.name(),
                    seed: terms.manners.seed,
                };
                let begun = ledger.begin(&job, clock.now())?;
                terms.manners.seed = args.asking.seed.unwrap_or(begun.seed);
                if let Some(since) = begun.continues {
                    tracing::info!(%since, "going on with the run of {since}, which did not end");
                }
                Asking::World(world, Box::new(terms))
            }
            None => Asking::Nobody(clock),
        };
        let stop = asking::stop(args.asking.deadline);
        let mut report = verify(&task, &tools, asking, &mut ledger, &mut screen, stop).await?;
        if let Place::Simulated(_, world) = &place {
            report.world = Some(world.clone());
        }
        report.since = since(&ledger, &job_place, &report)?;
        let json = report.to_json();
        outlet::write_whole(&task.out.join("report.json"), json.as_bytes())?;
        write_pages(&report, &task.out)?;
        if let Some(path) = &args.metrics {
            outlet::write_whole(path, report::metrics(&report).as_bytes())?;
        }
        // From here on the run is over; until here it would be continued.
        ledger.end(report.ending.as_str(), &json, clock.now())?;
        anyhow::Ok((report, json))
    })??;
    screen.finish();
    reading::tell(task.source.footer().as_slice(), &args.log);
    let mut out = std::io::stdout().lock();
    if args.json {
        out.write_all(json.as_bytes())?;
    } else if !args.log.quiet {
        let text = report::terminal(&report, &task.out.display().to_string());
        out.write_all(text.as_bytes())?;
    }
    Ok(exit(&report, args.fail_over, args.fail_on))
}

/// What changed since the last complete run of the same job. A report that this version cannot read is no comparison.
fn since(ledger: &Ledger, place: &str, report: &Report) -> anyhow::Result<Option<Since>> {
    let past = ledger.last_run(place)?;
    Ok(past
        .and_then(|past| Report::from_json(&past.report, "the last run").ok())
        .map(|then| Since::between(&then, report)))
}

fn exit(report: &Report, fail_over: Option<f64>, fail_on: Basis) -> Exit {
    let rate = fail_on.of(&report.projection.verified);
    match report.ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline if fail_over.is_some_and(|mark| rate > mark) => {
            Exit::No
        }
        Ending::Completed | Ending::Deadline => Exit::Done,
    }
}

/// Takes the folder for the lists, so that two runs for the same lists never overlap. Returns its full path, which is
/// what makes tonight's run and last night's the same job.
fn occupy(task: &Task) -> anyhow::Result<(String, Lock)> {
    let name = task.out.display();
    std::fs::create_dir_all(&task.out).map_err(|error| {
        usage(format!(
            "cannot make the folder {name}: {error}; name another with --out"
        ))
    })?;
    let place = std::fs::canonicalize(&task.out)?.display().to_string();
    let work = format!("verify {}", task.source.name());
    let now = Moment::from(SystemTime::now());
    match Lock::take(&task.out.join(".presend.lock"), &work, now) {
        Ok(lock) => Ok((place, lock)),
        Err(LockError::Held { holder, .. }) => {
            let who = holder.map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
            Err(super::Refusal {
                exit: Exit::CannotAsk,
                message: format!(
                    "{who} is writing lists to {name}\n  wait until it has ended, or name another folder with --out"
                ),
            }
            .into())
        }
        Err(error @ LockError::Failed { .. }) => {
            Err(usage(format!("{error}; name another folder with --out")))
        }
    }
}

/// `<list>.presend` beside the list.
fn default_out(list: &Path) -> anyhow::Result<PathBuf> {
    if list == Path::new("-") {
        return Err(usage(
            "a list from standard input has no place of its own: say where the lists go with --out DIR",
        ));
    }
    let mut name = list.as_os_str().to_owned();
    name.push(".presend");
    Ok(PathBuf::from(name))
}
