//! `presend verify`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::asking::AskingArgs;
use super::layers::Layers;
use super::log::LogArgs;
use super::reading::{self, ReadingArgs};
use super::report::PageArgs;
use super::screen::Screen;
use super::zone::Zone;
use super::{Exit, folder, inputs, start, stop, tools, usage, workbook};
use crate::input::list::{Options, Source};
use crate::ledger::{Begun, Job, Ledger, Lock};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::verdict::Disposition;
use crate::net::World;
use crate::probe::run::RunConfig;
use crate::projection::{Basis, Goal};
use crate::verifier::place::Place;
use crate::verify::output::{self, Generation, Protected, Replace, Rights};
use crate::verify::report::{self, Detail, Numbers, Report, Since, Terminal};
use crate::verify::{
    Allowed, Asking, Cells, Fill, Finished, Gate, Guests, Input, Least, Task, Writing, pages,
    prepare,
};

/// Options of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The list: CSV, TSV or one address per line, also compressed, or a spreadsheet; `-` is standard input. Several are
    /// verified in one run, and of a mailbox that is in more than one of them the first row stands
    #[arg(required = true, value_name = "LIST")]
    lists: Vec<PathBuf>,
    /// Where the lists go [default: LIST.presend beside the list]; of several lists each gets a folder there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Replace files there that presend did not write; the list itself is never replaced
    #[arg(long)]
    force: bool,
    /// Write all rows in their order to this file as well; `-` is standard output
    #[arg(long, value_name = "FILE")]
    all: Option<PathBuf>,
    /// How --all is written: csv, or jsonl for one JSON object a row; xlsx writes the lists as a spreadsheet as well
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: workbook::Format,
    /// Leave the address cells as they are: the clean address stands in the column `presend_address` alone
    #[arg(long)]
    keep_cells: bool,
    /// strict, balanced, lenient or a policy file
    #[arg(long, value_name = "POLICY", default_value = "balanced")]
    policy: String,
    /// Exit with code 1 when the projected bounce rate of verified.csv is over this, or when the run proved nothing:
    /// offline, blocked, out of time, nothing verified
    #[arg(long, value_name = "PERCENT", value_parser = super::percent)]
    fail_over: Option<f64>,
    /// Exit with code 1 when fewer rows are verified: a number, or a share of the rows with an address
    #[arg(long, value_name = "N|P%")]
    min_verified: Option<Least>,
    /// Which rate --fail-over and --target decide on: the expected one, or the upper end of the 90 % interval
    #[arg(long, value_name = "RATE", default_value = "expected", value_parser = clap::value_parser!(Basis))]
    fail_on: Basis,
    /// Write target.csv as well: the largest list whose projected bounce rate is not over this
    #[arg(long, value_name = "PERCENT", value_parser = super::percent)]
    target: Option<f64>,
    /// The chance of bouncing over which no address from review is added to target.csv
    #[arg(long, value_name = "PERCENT", default_value = "30%", value_parser = super::percent, requires = "target")]
    target_cap: f64,
    /// Write the run's numbers for Prometheus to this file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    asking: AskingArgs,
    #[cfg(feature = "engine")]
    #[command(flatten)]
    crew: super::engine::CrewArgs,
    /// Print report.json instead of the summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl VerifyArgs {
    /// How many lists are named.
    pub(super) fn lists(&self) -> usize {
        self.lists.len()
    }

    /// Whether all rows go to standard output.
    fn joins_to_output(&self) -> bool {
        self.all.as_deref() == Some(Path::new("-"))
    }
}

/// Runs `presend verify`.
pub(super) fn run(args: &VerifyArgs, layers: &Layers) -> anyhow::Result<Exit> {
    let place = args.asking.place()?;
    let tools = tools::tools(&args.policy, &args.asking)?;
    let sources = inputs::open(&args.lists)?;
    let task = task(args, sources)?;
    protect(args, &task)?;
    // Before any host is asked: are these lists, which columns are it?
    let gate = gate(args);
    let domains = start::look_at(&task, &args.log)?;
    for input in &task.lists {
        right_column(input, &task.options, &gate)?;
    }
    let mut screen = Screen::start(&args.log);
    let (report, json) = place.runtime()?.block_on(async {
        let met = world(args, &place, &domains).await?;
        let (job_place, _locks) = occupy(&task)?;
        let name = task.name();
        let mut session = args.asking.session(&place, met)?;
        let (ledger, clock) = (&mut session.opened.ledger, session.clock);
        if let Asking::World(_, config) = &mut session.asking {
            let job = Job {
                place: &job_place,
                list: &name,
                seed: config.limits.seed,
            };
            let begun = ledger.begin(&job, clock.now())?;
            config.limits.seed = args.asking.seed.unwrap_or(begun.seed);
            by_others(args, layers, &mut session.asking, &job_place, &begun).await?;
            if let Some(since) = begun.continues {
                let when = Zone::here().day_and_clock(since);
                tracing::info!(%since, "going on with the run of {when}, which did not end");
            }
        }
        let until = stop::stop(args.asking.deadline, screen.doing());
        let run = prepare(&task, &tools, session.asking, ledger, &mut screen, until);
        let mut finished = run.await?;
        let report = &mut finished.report;
        if let Place::Simulated(_, world) = &place {
            report.world = Some(file_name(Path::new(world)));
        }
        report.since = since(ledger, &job_place, report)?;
        report.title.clone_from(&args.pages.title);
        let json = report.to_json();
        add_files(args, &task, &mut finished)?;
        let report = finished.publish(ledger)?;
        if let Some(path) = &args.metrics {
            output::write_whole(path, Rights::ORDINARY, report::metrics(&report).as_bytes())?;
        }
        // From here on the run is over; until here it would be continued.
        let numbers = Numbers::from(&report).to_json();
        ledger.end(report.ending.as_str(), &numbers, clock.now())?;
        anyhow::Ok((report, json))
    })?;
    screen.finish();
    for input in &task.lists {
        reading::tell(
            input.name.as_deref(),
            &input.source.late_remarks(),
            &args.log,
        );
    }
    let shortcomings = gate.shortcomings(&report, allowed(args));
    let text = shown(args, &task, &report, json);
    for why in &shortcomings {
        eprintln!("presend: not good enough: {why}");
    }
    match (args.joins_to_output(), &task.writing.all) {
        (true, Some((joined, _))) => {
            // Standard output is for the rows.
            eprint!("{text}");
            copy_joined(joined)?;
        }
        (false, _) | (true, None) => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(exit(&report, &shortcomings))
}

/// The world that is asked, and how.
async fn world(
    args: &VerifyArgs,
    place: &Place,
    domains: &[String],
) -> anyhow::Result<Option<(World, RunConfig)>> {
    #[cfg(feature = "engine")]
    if args.crew.is_named() {
        super::engine::CrewArgs::fits(&args.asking)?;
        return args.asking.world_of_others(place, domains).await;
    }
    args.asking.world(place, domains).await
}

/// Has the workers at an engine ask, where one is named.
#[cfg_attr(
    not(feature = "engine"),
    expect(unused_variables, clippy::unused_async, reason = "there are no others")
)]
async fn by_others(
    args: &VerifyArgs,
    layers: &Layers,
    asking: &mut Asking,
    place: &str,
    begun: &Begun,
) -> anyhow::Result<()> {
    #[cfg(feature = "engine")]
    if args.crew.is_named() {
        let secrets = |name: &str| layers.value(name);
        let crew = args.crew.gather(&secrets, place, begun).await?;
        let clock = match asking {
            Asking::World(world, _) => world.clock,
            Asking::Nobody(..) | Asking::Engine(..) => return Ok(()),
        };
        if let Asking::World(world, config) =
            std::mem::replace(asking, Asking::Nobody(clock, Ending::Completed))
        {
            *asking = Asking::Engine(world, config, crew);
        }
    }
    Ok(())
}

/// Adds to the lists of a run what is made of its report, and lets go what is about other rows.
fn add_files(args: &VerifyArgs, task: &Task, finished: &mut Finished) -> anyhow::Result<()> {
    let Finished { report, files, .. } = finished;
    pages::add_report(
        report,
        &task.out,
        task.rights(),
        args.pages.edition(),
        files,
    )?;
    if args.format == workbook::Format::Xlsx {
        for input in &task.lists {
            let delimiter = input.source.list(&task.options)?.delimiter();
            pages::add_workbook(report, input, delimiter.unwrap_or(b','), files)?;
        }
    }
    remove_others(task, files);
    Ok(())
}

/// What is shown of a run; `json` is its report.
fn shown(args: &VerifyArgs, task: &Task, report: &Report, json: String) -> String {
    match (args.json, args.log.quiet) {
        (true, _) => json,
        (false, true) => String::new(),
        (false, false) => {
            let detail = match args.log.verbose {
                0 => Detail::OneScreen,
                _ => Detail::All,
            };
            let out = task.out.display().to_string();
            let zone = Zone::here();
            let on = Terminal {
                width: super::columns(),
                when: &|moment| zone.day_and_clock(moment),
            };
            report::terminal(report, &out, on, detail)
        }
    }
}

/// Copies all rows to standard output, from the file in which they are until the run is over.
fn copy_joined(from: &Path) -> std::io::Result<()> {
    let from = tempfile::TempPath::try_from_path(from)?;
    let mut file = std::fs::File::open(&from)?;
    std::io::copy(&mut file, &mut std::io::stdout().lock()).map(|_| ())
}

/// How all rows are written in one file, if they are.
fn joined_format(args: &VerifyArgs) -> anyhow::Result<Option<output::Format>> {
    match (args.format, &args.all) {
        (workbook::Format::Csv, _) => Ok(Some(output::Format::Csv)),
        (workbook::Format::JsonLines, Some(_)) => Ok(Some(output::Format::JsonLines)),
        (workbook::Format::Xlsx, None) => Ok(None),
        (workbook::Format::JsonLines, None) => Err(usage(
            "--format jsonl is for all rows together: say with --all FILE where they go",
        )),
        (workbook::Format::Xlsx, Some(_)) => Err(usage(
            "--format xlsx writes the three lists as one spreadsheet and --all writes csv or jsonl: leave one of them out",
        )),
    }
}

/// What the run is told to do.
fn task(args: &VerifyArgs, sources: Vec<Source>) -> anyhow::Result<Task> {
    let out = match args.out.as_deref() {
        Some(out) if out == Path::new("-") => {
            return Err(usage(
                "--out names a folder, because three lists and a report come out\n  \
                 all rows together go to standard output with --all -, the numbers with --json",
            ));
        }
        Some(out) => {
            no_file(out, &args.lists)?;
            out.to_owned()
        }
        None => inputs::folder_beside(&args.lists)?,
    };
    let all = if args.joins_to_output() {
        // It goes there once the run is over.
        Some(out.join(output::JOINED))
    } else {
        args.all.clone()
    };
    Ok(Task {
        lists: inputs::placed(&args.lists, sources, &out),
        out,
        options: args.reading.options(),
        memory: args.asking.memory(),
        writing: Writing {
            cells: if args.keep_cells {
                Cells::Kept
            } else {
                Cells::Cleaned
            },
            all: all.zip(joined_format(args)?),
        },
        target: args.target.map(|rate| Goal {
            rate,
            basis: args.fail_on,
            cap: args.target_cap,
        }),
        guests: Guests::default(),
    })
}

/// Makes sure that the folder for the lists would not take the place of a file.
fn no_file(out: &Path, lists: &[PathBuf]) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(out) else {
        return Ok(());
    };
    if metadata.is_dir() {
        return Ok(());
    }
    let name = out.display();
    let place = |path: &Path| std::fs::canonicalize(path).ok();
    let what = if lists.iter().any(|list| place(list) == place(out)) {
        "the list itself"
    } else {
        "a file"
    };
    Err(usage(format!(
        "--out names the folder that the lists are written to, but {name} is {what}, which would be lost if they took its \
         place; it is left as it is\n  name a folder, such as --out {name}.presend, or leave --out away"
    )))
}

/// Makes sure that the run replaces neither a list nor a file that presend did not write.
fn protect(args: &VerifyArgs, task: &Task) -> anyhow::Result<()> {
    let folders = task.lists.iter().map(|list| &list.out);
    let folders: BTreeSet<&PathBuf> = folders.chain([&task.out]).collect();
    // In the midst of a switch the numbers are gone by which a page is known to be ours.
    for folder in &folders {
        folder::complete(folder)?;
    }
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| output::FILES.map(|name| folder.join(name)))
        .collect();
    paths.extend(task.writing.all.iter().map(|(path, _)| path.clone()));
    paths.extend(args.metrics.clone());
    if args.format != workbook::Format::Xlsx {
        paths.retain(|path| !path.ends_with(output::WORKBOOK));
    }
    let replace = if args.force {
        Replace::Anything
    } else {
        Replace::OnlyOurs
    };
    output::protect(&args.lists, &paths, replace).map_err(|protected| {
        let is_all = |path: &Path| task.writing.all.iter().any(|(all, _)| all == path);
        let option = match &protected {
            Protected::Foreign(_) => return usage(protected.to_string()),
            Protected::TheList(path) if is_all(path) => "--all",
            Protected::TheList(path) if args.metrics.as_ref() == Some(path) => "--metrics",
            Protected::TheList(_) => "--out",
        };
        usage(format!("{protected} with {option}"))
    })
}

/// Makes sure that the column which was named or found is one of addresses, before any host is asked. A script that
/// builds on the run is to know for certain; else the list is only read for it where its beginning looks like the wrong
/// column.
fn right_column(input: &Input, options: &Options, gate: &Gate) -> anyhow::Result<()> {
    let fill = |most| Fill::of(&input.source, options, most);
    if !gate.is_set() && !fill(limits::START_ROWS)?.is_of_another_column() {
        return Ok(());
    }
    let fill = fill(u64::MAX)?;
    if !fill.is_of_another_column() {
        return Ok(());
    }
    let list = input.source.list(options)?;
    let column = list.columns().get(list.address_column());
    Err(super::Refusal {
        exit: Exit::NoList,
        message: format!(
            "{}: {} of {} cells in the column {} are no addresses, so it is probably the wrong one; nobody was asked\n  \
             name the right one with --column",
            input.source.name(),
            fill.malformed,
            fill.filled,
            column.map_or("of addresses", String::as_str),
        ),
    }
    .into())
}

/// What the run must reach.
fn gate(args: &VerifyArgs) -> Gate {
    Gate {
        fail_over: args.fail_over,
        basis: args.fail_on,
        min_verified: args.min_verified,
    }
}

/// What the run may ask.
fn allowed(args: &VerifyArgs) -> Allowed {
    match (args.asking.offline, args.asking.no_smtp) {
        (true, _) => Allowed::Nobody,
        (false, true) => Allowed::Names,
        (false, false) => Allowed::MailHosts,
    }
}

/// The last part of a path.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What changed since the last complete run of the same job. Numbers that this version cannot read are no comparison.
fn since(ledger: &Ledger, place: &str, report: &Report) -> anyhow::Result<Option<Since>> {
    let past = ledger.last_run(place)?;
    Ok(past
        .and_then(|past| Numbers::from_json(&past.numbers))
        .map(|then| Since::between(&then, report)))
}

fn exit(report: &Report, shortcomings: &[String]) -> Exit {
    match report.ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline if !shortcomings.is_empty() => Exit::ThresholdExceeded,
        Ending::Completed | Ending::Deadline => Exit::Done,
    }
}

/// Lets files of an earlier run go from where this one writes, of another shape: with one list where there are several now,
/// or the other way round. They would be about other rows.
fn remove_others(task: &Task, files: &mut Generation) {
    let of_lists = Disposition::ALL.map(|disposition| format!("{disposition}.csv"));
    for input in task.lists.iter().filter(|input| input.out != task.out) {
        for name in of_lists.iter().map(String::as_str).chain([output::TARGET]) {
            files.remove(task.out.join(name));
        }
        for name in output::OF_THE_RUN {
            files.remove(input.out.join(name));
        }
    }
}

/// Takes the folders for the lists, so that two runs for the same lists never overlap, and ends what a run that was killed
/// there had begun. Returns the full path of the run's own, which is what makes tonight's run and last night's the same job.
fn occupy(task: &Task) -> anyhow::Result<(String, Vec<Lock>)> {
    let work = format!("verify {}", task.name());
    let mut locks = vec![folder::take(&task.out, &work)?];
    for input in task.lists.iter().filter(|input| input.out != task.out) {
        locks.push(folder::take(&input.out, &work)?);
    }
    if let Some((all, _)) = &task.writing.all {
        output::sweep_beside(all)?;
    }
    let place = std::fs::canonicalize(&task.out)?.display().to_string();
    Ok((place, locks))
}
