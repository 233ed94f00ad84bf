//! `presend estimate`.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::asking::AskingArgs;
use super::log::LogArgs;
use super::reading::{self, ReadingArgs};
use super::safe::safe;
use super::screen::Screen;
use super::{Exit, inputs, stop, tools};
use crate::model::ending::Ending;
use crate::model::text::{counted, grouped, percent};
use crate::verifier::place::Place;
use crate::verify::add_domains;
use crate::verify::estimate::{Estimated, Length, Sample, estimate};
use crate::verify::report::advice::{Mood, in_words};

/// Options of `estimate`.
#[derive(Debug, Args)]
pub(super) struct EstimateArgs {
    /// The list: CSV, TSV or one address per line, also compressed, or a spreadsheet; `-` is standard input. Several are
    /// estimated as if they were one
    #[arg(required = true, value_name = "LIST")]
    lists: Vec<PathBuf>,
    /// Most addresses to ask about
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sample: u32,
    #[command(flatten)]
    reading: ReadingArgs,
    /// strict, balanced, lenient or a policy file
    #[arg(long, value_name = "POLICY", default_value = "balanced")]
    policy: String,
    #[command(flatten)]
    asking: AskingArgs,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl EstimateArgs {
    /// How many lists are named.
    pub(super) fn lists(&self) -> usize {
        self.lists.len()
    }
}

/// Runs `presend estimate`: nothing is written but what the ledger learns.
pub(super) fn run(args: &EstimateArgs) -> anyhow::Result<Exit> {
    let place = args.asking.place()?;
    let tools = tools::tools(&args.policy, &args.asking)?;
    let sources = inputs::open(&args.lists)?;
    let options = args.reading.options();
    // Before any host is asked: is it a list, which column is it?
    let mut domains = Vec::new();
    for source in &sources {
        let remarks = add_domains(&mut domains, source, &options)?;
        let name = (sources.len() > 1).then_some(source.name());
        reading::tell(name, &remarks, &args.log);
    }
    // The same command asks about the same addresses, unless it is told otherwise.
    let seed = args.asking.seed.unwrap_or(0);
    let mut screen = Screen::start(&args.log);
    let estimated = place.runtime()?.block_on(async {
        let met = args.asking.world(&place, &domains).await?;
        let mut session = args.asking.session(&place, met)?;
        let until = stop::stop(args.asking.deadline, screen.doing());
        let sample = Sample {
            sources: &sources,
            options: &options,
            most: u64::from(args.sample),
            seed,
            before: None,
        };
        let (memory, ledger) = (args.asking.memory(), &mut session.opened.ledger);
        let asking = session.asking;
        let estimated = estimate(&sample, memory, &tools, asking, ledger, &mut screen, until);
        anyhow::Ok(estimated.await?)
    })?;
    screen.finish();
    let text = if args.json {
        serde_json::to_string(&estimated)? + "\n"
    } else {
        describe(&estimated, matches!(place, Place::Simulated(..)))
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match estimated.ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stranded => Exit::CannotAsk,
        Ending::Completed | Ending::Deadline => Exit::Done,
    })
}

/// An estimate on one screen.
fn describe(estimated: &Estimated, simulated: bool) -> String {
    let mut text = String::new();
    let found = &estimated.estimate;
    let _ = writeln!(
        text,
        "{}: {}, estimated from {} of {}\n",
        safe(&estimated.list),
        counted(estimated.rows, "row", "rows"),
        grouped(estimated.sample),
        counted(estimated.mailboxes, "address", "addresses")
    );
    let _ = writeln!(
        text,
        "  projected bounces  before  {}  [{}]\n                     after   {}  [{}]",
        in_words(&found.input),
        Mood::of(&found.input).word(),
        in_words(&found.verified),
        Mood::of(&found.verified).word(),
    );
    let _ = writeln!(
        text,
        "\n  verifying the whole list would leave {} to {} addresses to send to and take {}\n",
        grouped(found.verified_low),
        grouped(found.verified_high),
        length(estimated.length)
    );
    let _ = writeln!(
        text,
        "  {:<32} {:>9} {:>7} {:>9} {:>9}",
        "sampled by", "rows", "asked", "verified", "rejected"
    );
    for line in &estimated.strata {
        let _ = writeln!(
            text,
            "  {:<32} {:>9} {:>7} {:>9} {:>9}",
            line.name,
            grouped(line.rows),
            grouped(line.sample),
            grouped(line.verified),
            grouped(line.rejected)
        );
    }
    let no_address = estimated.rows - estimated.addresses;
    if no_address > 0 {
        let _ = writeln!(
            text,
            "  {:<32} {:>9}",
            "not an e-mail address",
            grouped(no_address)
        );
    }
    let _ = writeln!(text, "\n  {}", surer(estimated));
    let traffic = &estimated.traffic;
    let seconds = estimated
        .time
        .finished
        .since(estimated.time.started)
        .as_secs();
    let _ = writeln!(
        text,
        "  asked: {} DNS questions, {} connections, {} recipients ({} decoys); {} known before; {}{}",
        grouped(traffic.dns_queries),
        grouped(traffic.connections),
        grouped(traffic.rcpt),
        grouped(traffic.decoys),
        grouped(traffic.answered_from_ledger),
        humantime::format_duration(Duration::from_secs(seconds)),
        if simulated { " of simulated time" } else { "" },
    );
    text
}

/// How long verifying takes, in words.
fn length(length: Length) -> String {
    let words = |seconds: u64| humantime::format_duration(coarse(seconds)).to_string();
    match (length.soonest, length.latest) {
        (0..60, latest) => format!("{} at most", words(latest)),
        (soonest, latest) => format!("{} to {}", words(soonest), words(latest)),
    }
}

/// A time without what nobody plans by.
fn coarse(seconds: u64) -> Duration {
    let step = match seconds {
        0..120 => 1,
        120..7_200 => 60,
        7_200.. => 600,
    };
    Duration::from_secs(seconds.div_ceil(step) * step)
}

/// What a larger sample would be worth.
fn surer(estimated: &Estimated) -> String {
    let found = &estimated.estimate;
    let width = found.input.high - found.input.low;
    match found.halving_sample {
        Some(sample) if sample >= estimated.mailboxes => format!(
            "only verifying the whole list makes the interval half as wide (it spans {} now)",
            percent(width)
        ),
        Some(sample) => format!(
            "asking about {} addresses (--sample {sample}) would make the interval half as wide",
            grouped(sample)
        ),
        None => format!(
            "no larger sample makes the interval half as wide: it spans {}, and {} would stay if everybody were asked,\n  \
             for what catch-all and silent mail hosts say is worth little; real bounces (presend bounces) teach more",
            percent(width),
            percent(found.least_width)
        ),
    }
}
