//! `presend engine status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;

use super::super::Exit;
use super::super::safe::safe;
use super::super::zone::Zone;
use super::{EngineArgs, Secrets};
use crate::engine::blocks::Blocks;
use crate::engine::roll::{Roll, RunCard, Share, Stage, WorkerCard};
use crate::engine::{Engine, EngineError, Entry, Health, Partitions, Table, wire};
use crate::model::limits;
use crate::model::text::{counted, grouped};
use crate::model::timestamp::Timestamp;

/// Options of `engine status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Who works at an engine, and what waits there.
#[derive(Debug, Serialize)]
struct Status {
    workers: Vec<WorkerLine>,
    /// Versions of workers that keep out.
    other_versions: Vec<String>,
    partitions: PartitionsLine,
    runs: Vec<RunLine>,
    /// Which mail hosts block which of our addresses.
    blocks: Vec<BlockLine>,
    /// Orders that wait or are being worked on.
    orders: u64,
    /// Those of them that are in nobody's hands.
    waiting: u64,
    /// Since when the oldest of them has been there.
    oldest: Option<Timestamp>,
    /// How long that is, in seconds.
    lag: u64,
    answers: u64,
    bytes: u64,
    troubles: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PartitionsLine {
    held: usize,
    all: u16,
}

#[derive(Debug, Serialize)]
struct WorkerLine {
    name: String,
    source: Option<String>,
    helo: String,
    partitions: usize,
    #[serde(flatten)]
    share: ShareLine,
}

#[derive(Debug, Default, Serialize)]
struct ShareLine {
    orders: usize,
    pending: usize,
    settled: u64,
    hosts_waiting: usize,
    conversations: usize,
    recipients: u64,
}

impl From<&Share> for ShareLine {
    fn from(share: &Share) -> Self {
        ShareLine {
            orders: share.orders,
            pending: share.pending,
            settled: share.settled,
            hosts_waiting: share.hosts_waiting,
            conversations: share.conversations,
            recipients: share.recipients,
        }
    }
}

#[derive(Debug, Serialize)]
struct RunLine {
    run: String,
    stage: &'static str,
}

#[derive(Debug, Serialize)]
struct BlockLine {
    host: String,
    source: String,
    until: Timestamp,
    reply: String,
}

/// Runs `presend engine status`.
pub(super) fn run(args: &StatusArgs, secrets: Secrets<'_>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let status = runtime.block_on(async {
        let engine = args.engine.visit(secrets, "presend engine status").await?;
        anyhow::Ok(look(&engine).await?)
    })?;
    let text = if args.json {
        format!("{:#}\n", serde_json::to_value(&status)?)
    } else {
        told(&status)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if status.troubles.is_empty() {
        Exit::Done
    } else {
        Exit::ThresholdExceeded
    })
}

/// All that stands in a table; nothing where there is none, which its health tells.
async fn entries(engine: &dyn Engine, table: Table) -> Result<Vec<(String, Entry)>, EngineError> {
    match engine.entries(table).await {
        Err(EngineError::Gone(_)) => Ok(Vec::new()),
        told => told,
    }
}

/// Looks twice, some time apart: who writes in between lives.
async fn look(engine: &dyn Engine) -> Result<Status, EngineError> {
    let mut workers = Roll::<WorkerCard>::default();
    let mut runs = Roll::<RunCard>::default();
    let first = Timestamp::from(SystemTime::now());
    let all = entries(engine, Table::Workers).await?;
    workers.observe(&all, first);
    if !all.is_empty() {
        tokio::time::sleep(limits::ENGINE_LEASE_RENEWAL + Duration::from_secs(1)).await;
        workers.observe(
            &entries(engine, Table::Workers).await?,
            first + limits::ENGINE_LEASE,
        );
    }
    // By this clock, who did not write in between has not written for too long.
    let now = first + limits::ENGINE_LEASE;
    runs.observe(&entries(engine, Table::Runs).await?, now);
    let held = entries(engine, Table::Leases).await?.len();
    let hosts = entries(engine, Table::Hosts).await?;
    let Health {
        orders,
        oldest,
        answers,
        bytes,
        troubles,
    } = engine.health().await?;
    let line = |(name, card): (&str, &WorkerCard)| {
        let mut sum = Share::default();
        card.runs.values().for_each(|share| sum.add(share));
        WorkerLine {
            name: name.to_owned(),
            source: card.source.map(|address| address.to_string()),
            helo: card.hello.clone(),
            partitions: card.partitions,
            share: ShareLine::from(&sum),
        }
    };
    let workers_there: Vec<WorkerLine> = workers.present(now).map(line).collect();
    let in_hand: usize = workers_there.iter().map(|worker| worker.share.orders).sum();
    Ok(Status {
        workers: workers_there,
        other_versions: workers
            .other_versions(now)
            .into_iter()
            .map(|version| version.as_str().to_owned())
            .collect(),
        partitions: PartitionsLine {
            held,
            all: engine.partitions().count(),
        },
        runs: runs
            .known()
            .map(|(run, card)| RunLine {
                run: run.to_owned(),
                stage: match card.stage {
                    Stage::Asking => "asking",
                    Stage::Closing => "closing",
                    Stage::Withdrawn => "withdrawn",
                },
            })
            .collect(),
        blocks: blocks(&hosts, first),
        orders,
        waiting: orders.saturating_sub(in_hand as u64),
        oldest,
        lag: oldest.map_or(0, |oldest| first.since(oldest).as_secs()),
        answers,
        bytes,
        troubles,
    })
}

/// The blocks that are in force at `now`. What a program of another version wrote is its own matter.
fn blocks(hosts: &[(String, Entry)], now: Timestamp) -> Vec<BlockLine> {
    let known = hosts.iter();
    let known: Vec<Blocks> = known
        .filter_map(|(_, entry)| wire::decode(&entry.value).ok())
        .collect();
    let in_force = known.iter().flat_map(|blocks| blocks.in_force(now));
    in_force
        .map(|(source, block)| BlockLine {
            host: block.exchange.host.clone(),
            source: source.to_owned(),
            until: block.until,
            reply: block.exchange.reply.clone(),
        })
        .collect()
}

/// How many workers have nothing to do, in a line, and what helps; nothing where each has a partition.
fn idle(status: &Status) -> String {
    let all = status.partitions.all;
    let enough = Partitions::for_workers(status.workers.len()).count();
    let idle = match status.workers.len().saturating_sub(usize::from(all)) {
        0 => return String::new(),
        1 => "1 worker has".to_owned(),
        more => format!("{more} workers have"),
    };
    format!(
        "{idle} nothing to do: there is a partition for each of {all}; another --engine-prefix with --engine-partitions \
         {enough} has enough for all\n"
    )
}

/// The same as text.
fn told(status: &Status) -> String {
    let mut text = String::new();
    match status.workers.len() {
        0 => {
            let _ = writeln!(
                text,
                "no worker is there: start one with presend worker --engine URL"
            );
        }
        count => {
            let _ = writeln!(
                text,
                "{}; {} of {} partitions held",
                counted(count as u64, "worker", "workers"),
                status.partitions.held,
                status.partitions.all
            );
        }
    }
    text += &idle(status);
    for worker in &status.workers {
        let from = worker.source.as_deref().unwrap_or("any address");
        let _ = writeln!(
            text,
            "  {:<33} {:<15} {}  {}, {} waiting{}, {} settled, {} recipients",
            safe(&worker.name),
            from,
            safe(&worker.helo),
            counted(worker.partitions as u64, "partition", "partitions"),
            grouped(worker.share.pending as u64),
            match worker.share.hosts_waiting {
                0 => String::new(),
                hosts => format!(
                    " (some for {} that want us back later)",
                    counted(hosts as u64, "host", "hosts")
                ),
            },
            grouped(worker.share.settled),
            grouped(worker.share.recipients),
        );
    }
    for version in &status.other_versions {
        let _ = writeln!(
            text,
            "workers of presend {} are there and keep out: give all machines the same version",
            safe(version)
        );
    }
    let mut stages: BTreeMap<&str, u64> = BTreeMap::new();
    for run in &status.runs {
        *stages.entry(run.stage).or_default() += 1;
    }
    let stages: Vec<String> = stages
        .iter()
        .map(|(stage, count)| format!("{count} {stage}"))
        .collect();
    let _ = writeln!(
        text,
        "{}; {} open{}, {} kept, {} MB",
        if stages.is_empty() {
            "no run".to_owned()
        } else {
            format!("runs: {}", stages.join(", "))
        },
        counted(status.orders, "order", "orders"),
        match status.orders {
            0 => String::new(),
            _ => format!(
                " ({} in nobody's hands, the oldest of all {} old)",
                grouped(status.waiting),
                humantime::format_duration(Duration::from_secs(status.lag))
            ),
        },
        counted(status.answers, "answer", "answers"),
        status.bytes >> 20
    );
    for block in &status.blocks {
        let _ = writeln!(
            text,
            "{} blocks {} until {}: {}",
            safe(&block.host),
            safe(&block.source),
            Zone::here().day_and_clock(block.until),
            safe(&block.reply)
        );
    }
    for trouble in &status.troubles {
        let _ = writeln!(text, "trouble: {}", safe(trouble));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_told_in_lines() {
        let status = Status {
            workers: vec![WorkerLine {
                name: "v1-0a".to_owned(),
                source: Some("198.51.100.7".to_owned()),
                helo: "v1.example.net".to_owned(),
                partitions: 32,
                share: ShareLine {
                    pending: 1200,
                    hosts_waiting: 2,
                    settled: 34_000,
                    ..ShareLine::default()
                },
            }],
            other_versions: vec!["0.9".to_owned()],
            partitions: PartitionsLine { held: 32, all: 64 },
            runs: vec![RunLine {
                run: "list-7".to_owned(),
                stage: "asking",
            }],
            blocks: vec![BlockLine {
                host: "mx.acme.test".to_owned(),
                source: "198.51.100.7".to_owned(),
                until: Timestamp::default(),
                reply: "554 5.7.1 blocked".to_owned(),
            }],
            orders: 12,
            waiting: 7,
            oldest: Some(Timestamp::default()),
            lag: 200,
            answers: 3,
            bytes: 5 << 20,
            troubles: vec!["n2 is down".to_owned()],
        };
        let text = told(&status);
        for wanted in [
            "1 worker; 32 of 64 partitions held",
            "198.51.100.7",
            "32 partitions, 1200 waiting (some for 2 hosts that want us back later), 34\u{202f}000 settled",
            "presend 0.9",
            "runs: 1 asking; 12 orders open (7 in nobody's hands, the oldest of all 3m 20s old), 3 answers kept, 5 MB",
            "mx.acme.test blocks 198.51.100.7 until ",
            "554 5.7.1 blocked",
            "trouble: n2 is down",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }
}
