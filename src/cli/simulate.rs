//! `presend simulate`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use super::Exit;
use super::safe::safe;
use crate::model::verdict::Standing;
use crate::sim::score::{Forecast, Machines, Score, calibrate, simulate};

/// Options of `simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// What the internet and its list are drawn from
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "worlds",
        default_value_if("worlds", clap::builder::ArgPredicate::IsPresent, "0")
    )]
    seed: Option<u64>,
    /// Score the projection instead, over so many worlds from the seed on: how often its intervals hold
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    worlds: Option<u64>,
    /// Rows of the list
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    addresses: u32,
    /// Have so many machines ask together; some of them die, and others join, at random
    #[arg(long, value_name = "N", conflicts_with = "worlds", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    workers: Option<u16>,
    /// Print the score as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `presend simulate`. The answer is no when the oracle found anything wrong.
pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<Exit> {
    let (seed, rows) = (args.seed.unwrap_or(0), args.addresses as usize);
    if let Some(worlds) = args.worlds {
        let calibration = calibrate(seed, worlds, rows)?;
        let text = if args.json {
            calibration.to_json()
        } else {
            calibration.describe()
        };
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let crew = match args.workers {
        None => Machines::One,
        Some(workers) => Machines::Many {
            workers: usize::from(workers),
            changing: true,
        },
    };
    let score = simulate(seed, rows, crew)?;
    let text = if args.json {
        score.to_json()
    } else {
        describe(&score)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if score.is_clean() {
        Exit::Done
    } else {
        Exit::ThresholdExceeded
    })
}

/// A score on one screen.
fn describe(score: &Score) -> String {
    let mut text = String::new();
    let traffic = score.traffic;
    let _ = writeln!(
        text,
        "seed {}: {} rows, {} addresses to ask about at {} domains\n",
        score.seed, score.rows, traffic.addresses, traffic.domains
    );
    confusion(&mut text, score);
    let _ = writeln!(
        text,
        "\n  {} false rejections, {} false promises, {} needless doubts",
        score.false_rejections, score.false_promises, score.needless_doubts
    );
    let manners = &score.manners;
    let _ = writeln!(
        text,
        "  the servers counted {} messages begun, {} breaches of protocol, {} connections left without QUIT,\n  \
         at most {} refused recipients in a connection, {} connections and {} recipients per second at one host,\n  \
         {} complaints",
        manners.data,
        manners.breaches,
        manners.without_quit,
        manners.most_refused,
        manners.most_connections,
        manners.most_per_second,
        manners.complaints,
    );
    let _ = writeln!(
        text,
        "\n  per address {:.2} recipients (of {}, {} were decoys) and {:.2} connections; per domain {:.2} MX queries",
        traffic.recipients_per_address,
        traffic.recipients,
        traffic.decoys,
        traffic.connections_per_address,
        traffic.mx_queries_per_domain,
    );
    let _ = writeln!(
        text,
        "  {} of simulated time; {} at best, if everything were known beforehand",
        whole_seconds(score.virtual_time),
        whole_seconds(score.ideal_time)
    );
    let _ = writeln!(
        text,
        "\n  bounces               projected (90 %)         true"
    );
    for (name, forecast) in ["list", "verified", "review"].iter().zip(score.projections) {
        let _ = writeln!(text, "  {name:<9} {}", bounces(forecast));
    }
    let _ = writeln!(text);
    wrong(&mut text, score);
    text
}

/// Truths against verdicts.
fn confusion(text: &mut String, score: &Score) {
    let _ = write!(text, "  truth           ");
    for standing in Standing::ALL {
        let _ = write!(text, "{:>15}", standing.as_str());
    }
    let _ = writeln!(text);
    for (truth, verdicts) in &score.confusion {
        let _ = write!(text, "  {truth:<16}");
        for standing in Standing::ALL {
            let count = verdicts.get(standing.as_str()).copied().unwrap_or(0);
            let _ = write!(text, "{count:>15}");
        }
        let _ = writeln!(text);
    }
}

fn bounces(forecast: Forecast) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    format!(
        "{:>6} rows  {:>7} ({} to {})  {:>7}{}",
        forecast.rows,
        percent(forecast.projected.rate),
        percent(forecast.projected.low),
        percent(forecast.projected.high),
        percent(forecast.true_rate),
        if forecast.is_right() {
            ""
        } else {
            "  outside: one world in ten is"
        }
    )
}

/// How many findings of one kind are shown.
const SHOWN: usize = 5;

fn wrong(text: &mut String, score: &Score) {
    if score.is_clean() {
        let _ = writeln!(
            text,
            "  nothing wrong: the rows are all there, nobody was rejected or promised falsely, no host had reason to\n  \
             complain; the same seed gave the same bytes, and an interrupted run came to the same end"
        );
        return;
    }
    let mut by_kind: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for finding in &score.findings {
        by_kind
            .entry(finding.complaint)
            .or_default()
            .push(&finding.detail);
    }
    let _ = writeln!(text, "  WRONG");
    for (complaint, details) in by_kind {
        let _ = writeln!(text, "  {} ({})", complaint.as_str(), details.len());
        for detail in details.iter().take(SHOWN) {
            let _ = writeln!(text, "    {}", safe(detail));
        }
        if details.len() > SHOWN {
            let _ = writeln!(
                text,
                "    and {} more (--json names all)",
                details.len() - SHOWN
            );
        }
    }
    let _ = writeln!(text, "\n  shows again with: {}", score.replay());
}

fn whole_seconds(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}
