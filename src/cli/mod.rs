//! What a person sees: subcommands, exit codes, errors that say what to change.

pub mod settings;

mod asking;
mod bounces;
mod check;
mod config;
#[cfg(feature = "engine")]
mod engine;
mod estimate;
mod examples;
pub mod explain;
mod folder;
mod inputs;
mod layers;
mod ledger;
mod lists;
mod log;
mod manual;
pub mod preflight;
mod reading;
mod report;
mod safe;
mod screen;
#[cfg(feature = "serve")]
mod serve;
mod session;
mod simulate;
mod start;
mod state;
mod stop;
mod system;
mod tools;
mod verify;
mod workbook;
mod zone;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::input::list::IntakeError;
use crate::verifier::place::{Place, world_of};
use crate::verify::VerifyError;

use layers::Layers;

/// Says which addresses on a mailing list will bounce, and why, before anything is sent.
///
/// presend only ever asks; it never sends a message.
#[derive(Debug, Parser)]
#[command(name = "presend", version, arg_required_else_help = true)]
struct Cli {
    /// Settings from this file instead of the usual one (`presend config` names it)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a list (CSV, TSV, one address per line; .gz and .zst; `-` is standard input)
    #[command(after_help = examples::VERIFY)]
    Verify(Box<verify::VerifyArgs>),
    /// One or a few addresses, with the evidence
    #[command(after_help = examples::CHECK)]
    Check(check::CheckArgs),
    /// The projected bounce rate of a list from a polite sample, before asking about everybody
    #[command(after_help = examples::ESTIMATE)]
    Estimate(estimate::EstimateArgs),
    /// Render a finished run again: report.html and report.md, or on the screen
    #[command(after_help = examples::REPORT)]
    Report(report::ReportArgs),
    /// What a reply, a bounce message (.eml) or a code means, who refused, and what to do
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::ExplainArgs),
    /// Learn from real bounces: what came back and why, whom to suppress, how good the projection was
    #[command(after_help = examples::BOUNCES)]
    Bounces(bounces::BouncesArgs),
    /// Is this machine fit to ask, and is this sender fit to send
    #[command(after_help = examples::PREFLIGHT, after_long_help = preflight::EXPLAINED)]
    Preflight(preflight::PreflightArgs),
    /// What is remembered of earlier runs: numbers, forgetting, export
    #[command(after_help = examples::LEDGER)]
    Ledger(ledger::LedgerArgs),
    /// The lists that come with the program, how old they are, and a newer one of throw-away domains
    #[command(after_help = examples::LISTS)]
    Lists(lists::ListsArgs),
    /// A random simulated internet, the program at work in it, its score
    #[command(after_help = examples::SIMULATE)]
    Simulate(simulate::SimulateArgs),
    /// The settings in force, and where each came from
    #[command(after_help = examples::CONFIG)]
    Config(config::ConfigArgs),
    /// The page and the HTTP interface, for people and programs without a shell
    #[cfg(feature = "serve")]
    #[command(after_help = examples::SERVE)]
    Serve(Box<serve::ServeArgs>),
    /// Ask for those who have many machines: what falls to this one of their lists, from its own address
    #[cfg(feature = "engine")]
    #[command(after_help = examples::WORKER)]
    Worker(Box<engine::WorkerArgs>),
    /// The engine that many machines ask over
    #[cfg(feature = "engine")]
    #[command(after_help = examples::ENGINE)]
    Engine(Box<engine::EngineCommandArgs>),
    /// Completions for a shell: `presend completions bash >> ~/.bash_completion`
    #[command(after_help = examples::COMPLETIONS)]
    Completions(manual::CompletionsArgs),
    /// The manual page: `presend man | man -l -`
    #[command(after_help = examples::MAN)]
    Man,
}

/// How the program ends. A public contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The run is complete.
    Done,
    /// Done, and the answer is no: `--fail-over` or `--min-verified` is not met, an address that was checked is
    /// undeliverable, or the sender is not fit to send.
    ThresholdExceeded,
    /// Usage or settings.
    Usage,
    /// The list cannot be read.
    NoList,
    /// Not able to ask: no DNS, port 25 closed.
    CannotAsk,
    /// What was piped in cannot be kept for now, and is to be handed in again (`EX_TEMPFAIL` of `sysexits.h`, which mail
    /// servers understand).
    TryAgain,
    /// The run was interrupted.
    Interrupted,
}

impl Exit {
    /// The number that a shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::ThresholdExceeded => 1,
            Exit::Usage => 2,
            Exit::NoList => 3,
            Exit::CannotAsk => 4,
            Exit::TryAgain => 75,
            Exit::Interrupted => 130,
        }
    }
}

/// Something that the operator must change, with the way the program ends.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Refusal {
    exit: Exit,
    message: String,
}

/// A refusal for wrong usage or settings.
fn usage(message: impl Into<String>) -> anyhow::Error {
    Refusal {
        exit: Exit::Usage,
        message: message.into(),
    }
    .into()
}

/// A refusal for a file that the operator named and that cannot be read.
fn unreadable(what: &str, error: &io::Error) -> anyhow::Error {
    usage(format!(
        "cannot read {what}: {error}; check the path and its permissions"
    ))
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let outcome =
        Layers::read(&arguments).and_then(|layers| run(layers.parse(&arguments), &layers));
    let exit = outcome.unwrap_or_else(|error| report(&error));
    ExitCode::from(exit.code())
}

/// How many lists a command reads that runs for long, with files, sockets and memory that grow to some size; none of
/// the others.
fn lists_of_a_run(command: &Command) -> Option<usize> {
    match command {
        Command::Verify(args) => Some(args.lists()),
        Command::Estimate(args) => Some(args.lists()),
        Command::Check(_) => Some(1),
        Command::Report(_)
        | Command::Explain(_)
        | Command::Bounces(_)
        | Command::Preflight(_)
        | Command::Ledger(_)
        | Command::Lists(_)
        | Command::Simulate(_)
        | Command::Config(_)
        | Command::Completions(_)
        | Command::Man => None,
        #[cfg(feature = "serve")]
        Command::Serve(_) => Some(1),
        #[cfg(feature = "engine")]
        Command::Worker(_) => Some(1),
        #[cfg(feature = "engine")]
        Command::Engine(_) => None,
    }
}

/// Runs what was asked for.
fn run(cli: Cli, layers: &Layers) -> anyhow::Result<Exit> {
    if let Some(lists) = lists_of_a_run(&cli.command) {
        system::gives_enough(lists)?;
    }
    match cli.command {
        Command::Verify(args) => verify::run(&args, layers),
        Command::Check(args) => check::run(&args),
        Command::Estimate(args) => estimate::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Explain(args) => explain_to_screen(&args),
        Command::Bounces(args) => bounces::run(&args),
        Command::Preflight(args) => preflight_here(&args, layers),
        Command::Ledger(args) => ledger::run(&args, layers),
        Command::Lists(args) => lists::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Config(args) => config::run(&args, layers),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "engine")]
        Command::Worker(args) => engine::work(&args, &|name| layers.value(name)),
        #[cfg(feature = "engine")]
        Command::Engine(args) => engine::run(&args, &|name| layers.value(name)),
        Command::Completions(args) => manual::completions(&args),
        Command::Man => manual::page(),
    }
}

/// Whether what is written to `out` goes without colour: it is no terminal, or `NO_COLOR` is set
/// (<https://no-color.org>).
fn is_plain(out: &impl io::IsTerminal) -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !out.is_terminal()
}

/// How many columns what is written to standard output has: those of its terminal, as far as lines stay easy to read.
fn columns() -> usize {
    columns_of(terminal_size::terminal_size_of(io::stdout()))
}

/// The same of standard error.
fn columns_of_errors() -> usize {
    columns_of(terminal_size::terminal_size_of(io::stderr()))
}

fn columns_of(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let columns = size.map_or(80, |(width, _)| usize::from(width.0));
    columns.clamp(40, 120)
}

/// Shows what a reply means, as wide as the terminal and coloured only there.
fn explain_to_screen(args: &explain::ExplainArgs) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let plain = is_plain(&out);
    let screen = explain::Screen {
        width: 100,
        style: if plain {
            crate::bounce::explain::render::Style::Plain
        } else {
            crate::bounce::explain::render::Style::Colour
        },
    };
    explain::run(args, screen, &mut out)?;
    Ok(Exit::Done)
}

/// Looks at sender and machine in the world that was asked for.
fn preflight_here(args: &preflight::PreflightArgs, layers: &Layers) -> anyhow::Result<Exit> {
    let place = match &args.world {
        Some(file) => Place::described(file)?,
        None => Place::Real,
    };
    let mut out = io::stdout().lock();
    let style = if is_plain(&out) {
        crate::preflight::render::screen::Style::Plain
    } else {
        crate::preflight::render::screen::Style::Colour
    };
    let code = place.runtime()?.block_on(async {
        let world = world_of(&place, &args.dns, None, 0)?;
        let mut machine = match &place {
            Place::Simulated(internet, _) => preflight::Machine::simulated(internet.client()),
            Place::Offline | Place::Real => preflight::Machine::look(),
        };
        if !args.source_ips.is_empty() {
            machine.sources.clone_from(&args.source_ips);
        }
        machine.helo = layers.value("helo");
        machine.mail_from = layers.value("mail-from");
        preflight::run(args, &world, &machine, style, &mut out).await
    })?;
    Ok(match code {
        0 => Exit::Done,
        1 => Exit::ThresholdExceeded,
        _ => Exit::CannotAsk,
    })
}

/// Tells the operator what went wrong.
fn report(error: &anyhow::Error) -> Exit {
    if is_broken_pipe(error) {
        return Exit::Done;
    }
    eprintln!("presend: {}", in_words(error));
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return refusal.exit;
    }
    if error
        .downcast_ref::<crate::net::live::NoServers>()
        .is_some()
        || is_of_the_engine(error)
    {
        return Exit::CannotAsk;
    }
    let of_a_list = match error.downcast_ref::<VerifyError>() {
        Some(VerifyError::List(error)) => Some(error),
        Some(
            VerifyError::Ledger(_)
            | VerifyError::Output(_)
            | VerifyError::Spill(_)
            | VerifyError::Engine(_),
        )
        | None => error.downcast_ref::<IntakeError>(),
    };
    match of_a_list {
        // Which column to read is a question of usage; everything else about a list is about the list.
        Some(
            IntakeError::Ambiguous { .. }
            | IntakeError::NoSuchColumn { .. }
            | IntakeError::NoSuchSheet { .. }
            | IntakeError::SeveralArrays { .. }
            | IntakeError::NoAddressColumn { .. },
        ) => Exit::Usage,
        Some(_) => Exit::NoList,
        None => Exit::Usage,
    }
}

/// Whether those who are to ask cannot be told, or heard.
fn is_of_the_engine(error: &anyhow::Error) -> bool {
    let by_itself = error.downcast_ref::<crate::engine::EngineError>();
    by_itself.is_some()
        || matches!(
            error.downcast_ref::<VerifyError>(),
            Some(VerifyError::Engine(_))
        )
}

/// An error with its causes, each said once: some errors quote their cause.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Whether the reader of our output went away, which is no fault.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    // Writers of CSV and JSON keep what went wrong to themselves.
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = || cause.downcast_ref::<serde_json::Error>()?.io_error_kind();
        let csv = || match cause.downcast_ref::<csv::Error>()?.kind() {
            csv::ErrorKind::Io(error) => Some(error.kind()),
            _ => None,
        };
        io.or_else(json).or_else(csv)
    };
    error
        .chain()
        .any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

/// Reads `2`, `2%` or `2.5 %` as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number / 100.0),
        Ok(_) | Err(_) => Err("write a percentage from 0 to 100, such as 2%".to_owned()),
    }
}
