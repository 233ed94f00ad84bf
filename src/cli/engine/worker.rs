//! `presend worker`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::super::log::LogArgs;
use super::super::safe::safe;
use super::super::{Exit, start, tools};
use super::{EngineArgs, Secrets};
use crate::engine::nats::Nats;
use crate::engine::roll::WorkerCard;
use crate::engine::worker::{Worker, WorkerError, WorkerObserver};
use crate::engine::{Engine as _, EngineError, Partitions};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::text::{counted, grouped};
use crate::net::live::Proxy;
use crate::probe::pace::Rate;
use crate::probe::run::Depth;
use crate::smtp::HelloName;
use crate::verifier::place::Place;
use crate::verifier::setup::Setup;

/// Options of `worker`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WorkerArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Address of this machine to ask from [default: the system chooses]
    #[arg(long, help_heading = "Who asks", value_name = "IP")]
    source_ip: Option<IpAddr>,
    /// Our name in EHLO [default: the forward-confirmed reverse name of the address asked from]
    #[arg(long, help_heading = "Who asks", value_name = "NAME")]
    helo: Option<HelloName>,
    /// Connect to mail hosts through this SOCKS5 proxy; its trouble never counts against an address
    #[arg(
        long,
        help_heading = "Who asks",
        value_name = "socks5://[USER:PASSWORD@]HOST:PORT"
    )]
    proxy: Option<Proxy>,
    /// What this worker is called on screens [default: the machine's name]
    #[arg(long, help_heading = "Who asks", value_name = "NAME", value_parser = label)]
    name: Option<String>,
    /// Ask this DNS server instead of the system's; may be repeated
    #[arg(long, help_heading = "How far it goes", value_name = "IP:PORT")]
    dns: Vec<SocketAddr>,
    /// Port on which mail hosts are asked
    #[arg(
        long,
        help_heading = "How far it goes",
        value_name = "N",
        default_value_t = 25
    )]
    smtp_port: u16,
    /// Contact private and reserved addresses too, where an order leads there
    #[arg(long, help_heading = "How far it goes")]
    allow_private: bool,
    /// Do not look first whether this machine can ask mail hosts at all
    #[arg(long, help_heading = "How far it goes")]
    skip_preflight: bool,
    /// Most connections at once, to all mail hosts together
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = limits::CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Most recipients all mail hosts together are asked about from here
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        default_value = "unlimited"
    )]
    rate: Rate,
    /// Rules of your own for reading replies, tried before the built-in ones
    #[arg(long, help_heading = "What is known", value_name = "FILE")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

/// Longest part of a worker's name that is the operator's. Our choice: it stands in lines of a screen.
const LABEL: usize = 24;

/// Reads a name such as `v1`.
fn label(text: &str) -> Result<String, String> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=LABEL).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is no name of a worker: write a-z, 0-9 and -, at most {LABEL} of them"
        ))
    }
}

/// The same of a machine that may be called anything.
fn labelled(machine: &str) -> String {
    let first = machine.split('.').next().unwrap_or_default();
    let kept = first.chars().filter_map(|c| match c {
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        'a'..='z' | '0'..='9' | '-' => Some(c),
        '_' => Some('-'),
        _ => None,
    });
    let name: String = kept.take(LABEL).collect();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name
    }
}

impl WorkerArgs {
    /// How hosts are asked where an order has no say. Each order has a sender of its own.
    fn setup(&self) -> Setup {
        Setup {
            depth: Depth::MailHosts,
            dns: self.dns.clone(),
            proxy: self.proxy.clone(),
            port: self.smtp_port,
            allow_private: self.allow_private,
            helo: self.helo.iter().cloned().collect(),
            mail_from: Some(
                "nobody@worker.invalid"
                    .parse()
                    .expect("a fixed address is well formed"),
            ),
            source_ips: self.source_ip.into_iter().collect(),
            rate: self.rate,
            connections: self.max_connections as usize,
            ..Setup::default()
        }
    }

    /// A name that no other process has: what people call it, with what tells it from one before or beside it.
    fn unique_name(&self) -> String {
        use std::hash::BuildHasher;
        let label = self.name.clone().unwrap_or_else(|| {
            let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
            labelled(machine.unwrap_or_default().trim())
        });
        let chance = std::hash::RandomState::new().hash_one(std::process::id());
        format!("{label}-{:08x}", chance >> 32)
    }
}

/// How often a worker tries to reach an engine that was not there when it started.
const KNOCKS_EVERY: Duration = Duration::from_secs(5);

/// How often it says in a log how it stands.
const TELLS_EVERY: Duration = Duration::from_secs(60);

/// Says on standard error how a worker stands.
struct Voice {
    name: String,
    is_quiet: bool,
    partitions: Partitions,
    told: Option<(tokio::time::Instant, usize)>,
}

impl WorkerObserver for Voice {
    fn stands(&mut self, card: &WorkerCard) {
        let is_news = self.told.is_none_or(|(at, partitions)| {
            partitions != card.partitions || at.elapsed() >= TELLS_EVERY
        });
        if self.is_quiet || !is_news {
            return;
        }
        self.told = Some((tokio::time::Instant::now(), card.partitions));
        eprintln!("presend: {}", standing(&self.name, card, self.partitions));
    }

    fn notice(&mut self, words: &str) {
        tracing::warn!("{}", safe(words));
    }
}

/// How a worker stands, in a line.
fn standing(name: &str, card: &WorkerCard, all: Partitions) -> String {
    let (mut pending, mut settled, mut conversations) = (0, 0, 0);
    for share in card.runs.values() {
        pending += share.pending;
        settled += share.settled;
        conversations += share.conversations;
    }
    format!(
        "{name} holds {} of {}; {}, {} waiting, {} settled in {}",
        card.partitions,
        counted(u64::from(all.count()), "partition", "partitions"),
        counted(conversations as u64, "conversation", "conversations"),
        grouped(pending as u64),
        grouped(settled),
        counted(card.runs.len() as u64, "run", "runs"),
    )
}

/// Runs `presend worker` until it is told to stop.
pub(in crate::cli) fn run(args: &WorkerArgs, secrets: Secrets<'_>) -> anyhow::Result<Exit> {
    args.log.start(&indicatif::ProgressBar::hidden());
    let name = args.unique_name();
    // What is wrong with the command is told before anything is looked at.
    args.engine.access(secrets, &name)?;
    let place = Place::Real;
    let book = Arc::new(tools::rule_book(args.rules.as_deref())?);
    let setup = args.setup();
    place.runtime()?.block_on(async {
        let met: anyhow::Result<_> = setup
            .world(&place, async |world, origins| {
                if args.skip_preflight {
                    Ok(())
                } else {
                    start::worker_is_fit(&setup, world, origins).await
                }
            })
            .await;
        let met = met.map_err(super::super::session::told_in_options)?;
        let Some((world, config)) = met else {
            unreachable!("mail hosts are asked");
        };
        let mut stop = std::pin::pin!(told_to_stop());
        let engine = tokio::select! {
            () = &mut stop => return Ok(Exit::Done),
            engine = reach(args, secrets, &name) => engine?,
        };
        let mut voice = Voice {
            name: name.clone(),
            is_quiet: args.log.quiet,
            partitions: engine.partitions(),
            told: None,
        };
        let worker = Worker {
            engine: Arc::new(engine),
            name,
            world,
            config,
            book,
            providers: Arc::new(Providers::built_in()),
        };
        match worker.work(&mut voice, stop).await {
            Ok(()) => Ok(Exit::Done),
            Err(WorkerError::Engine(error)) => Err(error.into()),
            Err(error @ WorkerError::Spill(_)) => Err(error.into()),
        }
    })
}

/// Reaches the engine, however long that takes: machines start in any order.
async fn reach(args: &WorkerArgs, secrets: Secrets<'_>, name: &str) -> anyhow::Result<Nats> {
    let mut told = false;
    loop {
        let reached = args.engine.connect(secrets, name, None).await;
        let error = match reached {
            Ok(nats) => return Ok(nats),
            Err(error) => error,
        };
        let is_passing = error
            .downcast_ref::<EngineError>()
            .is_some_and(EngineError::is_passing);
        if !is_passing {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            eprintln!("presend: {error}; trying again until it is there");
        }
        tokio::time::sleep(KNOCKS_EVERY).await;
    }
}

/// Resolves at the first signal to stop.
async fn told_to_stop() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("presend: giving back what is under way");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_gives_its_worker_a_name() {
        for (machine, wanted) in [
            ("v1.example.net", "v1"),
            ("Mail_Out 7", "mail-out7"),
            ("", "worker"),
            ("ü", "worker"),
        ] {
            assert_eq!(labelled(machine), wanted);
            assert!(label(wanted).is_ok());
        }
        assert!(label("V1").is_err());
    }
}
