//! `presend serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::asking::{AskingArgs, duration};
use super::log::LogArgs;
use super::{Exit, Refusal, state, tools};
use crate::ledger::Lifetimes;
use crate::model::limits;
use crate::serve::{ServeError, Settings, run as serve};
use crate::verifier::desk::Terms;
use crate::verifier::place::Place;

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,
    /// Where lists are kept [default: presend/serve in the state directory]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How long a list is kept once it is done
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    keep: Duration,
    /// The largest list that is taken, in megabytes
    #[arg(long, value_name = "MB", default_value_t = limits::SERVED_LIST_BYTES >> 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_upload: u64,
    /// Most lists that are kept at a time
    #[arg(long, value_name = "N", default_value_t = limits::SERVED_LISTS)]
    max_lists: usize,
    /// How long a check of single addresses may take
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    check_timeout: Duration,
    /// Let simulated time go by no faster than so many seconds in one of ours, to watch a simulated run
    #[arg(long, value_name = "N", requires = "world", value_parser = clap::value_parser!(u32).range(1..))]
    world_speed: Option<u32>,
    #[command(flatten)]
    asking: AskingArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs `presend serve`.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    args.log.start(&indicatif::ProgressBar::hidden());
    let place = args.asking.place()?;
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => state::state_directory()?.join("presend/serve"),
    };
    let ledger = match (&args.asking.ledger, &place) {
        (Some(path), _) => path.clone(),
        // Facts of a simulation have a ledger of their own, which a server that starts again goes on with.
        (None, Place::Simulated(..)) => folder.join("simulated.db"),
        (None, Place::Offline | Place::Real) => state::own_ledger()?,
    };
    args.asking.may_ask(&place)?;
    let terms = Terms {
        setup: args.asking.setup(),
        tools: tools::tools("balanced", &args.asking)?,
        ledger,
        lifetimes: Lifetimes::default().changed_by(&args.asking.fresh),
        haste: args.world_speed.map(f64::from),
        place,
    };
    let settings = Settings {
        listen: args.listen,
        folder,
        keep: Some(args.keep),
        most_bytes: args.max_upload << 20,
        most_lists: args.max_lists,
        check_time: args.check_timeout,
    };
    let ready = |here: SocketAddr| {
        if !args.log.quiet {
            eprintln!("presend: listening on http://{here}");
        }
    };
    let served = serve(&settings, terms, ready, async || {
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    match served {
        Ok(()) => Ok(Exit::Done),
        Err(ServeError::Verifier(error))
            if error.kind() == crate::verifier::ErrorKind::CannotAsk =>
        {
            Err(Refusal {
                exit: Exit::CannotAsk,
                message: error.to_string(),
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}
