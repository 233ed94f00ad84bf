//! `presend serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::asking::{AskingArgs, duration};
use super::log::LogArgs;
use super::{Exit, Refusal, state, tools};
use crate::ledger::Lifetimes;
use crate::model::limits;
use crate::net::route::Reach;
use crate::serve::{Network, Scope, ServeError, Settings, TokenFile, run as serve};
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
    /// Most rows that a list may have
    #[arg(long, value_name = "N", default_value_t = limits::SERVED_LIST_ROWS)]
    max_rows: u64,
    /// Most requests a second that one client may make
    #[arg(long, value_name = "N", default_value_t = limits::SERVED_REQUESTS, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// Tokens that are taken, each with what it is good for; needed where others than this machine can connect. A changed
    /// file counts at once. Where there is no such file, one token for everything is made and shown once
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Make a token that is good for check, lists (and check) or admin (everything), add it to the token file, show it
    /// once and end
    #[arg(long, value_name = "SCOPE", requires = "token_file")]
    new_token: Option<Scope>,
    /// A name of this server that browsers may ask for, beside localhost and addresses; may be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A reverse proxy whose X-Forwarded-For, -Host and -Proto are believed; may be repeated
    #[arg(long, value_name = "IP|NETWORK")]
    trust_proxy: Vec<Network>,
    /// Below which path everything is, such as /presend behind a reverse proxy
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true, value_parser = base_path)]
    base_path: String,
    /// Let webhooks lead to private addresses, and without TLS
    #[arg(long)]
    webhooks_anywhere: bool,
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

/// Reads a path such as `/presend`; `/` is none.
fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if path.is_empty()
        || (path.starts_with('/') && !path.contains("//") && path.chars().all(is_plain))
    {
        Ok(path.to_owned())
    } else {
        Err("write a path such as /presend".to_owned())
    }
}

/// The tokens that are taken. Where the file is not there yet, one is made.
fn tokens(args: &ServeArgs) -> anyhow::Result<Option<Arc<TokenFile>>> {
    let Some(file) = &args.token_file else {
        return Ok(None);
    };
    if !file.exists() {
        let token = TokenFile::make(file, Scope::Admin, "first")?;
        eprintln!(
            "presend: made {} with one token, which is good for everything and is not shown again:\n  {token}",
            file.display()
        );
    }
    Ok(Some(Arc::new(TokenFile::open(file)?)))
}

/// Runs `presend serve`.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    if let (Some(scope), Some(file)) = (args.new_token, &args.token_file) {
        println!("{}", TokenFile::make(file, scope, "made")?);
        return Ok(Exit::Done);
    }
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
        most_rows: args.max_rows,
        requests: args.requests,
        tokens: tokens(args)?,
        names: args.host.clone(),
        proxies: args.trust_proxy.clone(),
        base: args.base_path.clone(),
        webhooks: if args.webhooks_anywhere {
            Reach::Anywhere
        } else {
            Reach::Public
        },
        check_time: args.check_timeout,
    };
    let ready = |here: SocketAddr| {
        if !args.log.quiet {
            eprintln!("presend: listening on http://{here}{}", args.base_path);
        }
    };
    let over = || {
        // Heeded from here on, though nobody waits for them yet.
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        async {
            let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
                return std::future::pending().await;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    };
    let served = serve(&settings, terms, ready, over);
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
