//! A whole simulation: the world of a seed, the program at work in it, the oracle's judgement.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::oracle::{self, Complaint, Confusion, Counts, Finding, Listed, Needs};
use super::trial::{
    self, Courtesy, GIVE_UP, Machines, Outcome, ScoreError, Until, in_simulated_time, tools,
};
use super::{Creation, create};
use crate::model::seeded::SeededRng;
use crate::net::route::RecordKind;
use crate::projection::Projection;
use crate::sim::net::ServerLog;
use crate::verify::Tools;
use crate::verify::report::Projections;

/// What the program was worth in the world of a seed.
#[derive(Clone, Debug)]
pub struct Score {
    /// The seed that the world was drawn from.
    pub seed: u64,
    /// Rows of the list.
    pub rows: usize,
    /// Who asked.
    pub crew: Machines,
    /// How often each truth got each verdict, by rows.
    pub confusion: Confusion,
    /// Rows rejected that take mail, or that no host had refused. Must be 0.
    pub false_rejections: u64,
    /// Rows promised that take no mail, or for which no host had vouched. Must be 0.
    pub false_promises: u64,
    /// Rows left in doubt though their host tells every client. Must be 0.
    pub needless_doubts: u64,
    /// What the servers counted.
    pub manners: Counts,
    /// What was asked.
    pub traffic: Traffic,
    /// What had to be asked.
    #[cfg_attr(
        not(feature = "testing"),
        expect(dead_code, reason = "benches set the costs beside it")
    )]
    pub needs: Needs,
    /// Simulated time that the run took.
    pub virtual_time: Duration,
    /// The least in which it could have been done.
    pub ideal_time: Duration,
    /// Bounces as projected, with the truth: of the whole list, of `verified`, of `review`.
    pub projections: [Forecast; 3],
    /// Everything that is wrong, worst first within its kind.
    pub findings: Vec<Finding>,
}

/// What was asked, as the servers counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Different addresses whose mail host was to be asked.
    pub addresses: u64,
    /// The domains of these addresses.
    pub domains: u64,
    /// Questions to DNS.
    pub dns_queries: u64,
    /// Questions for mail hosts per domain looked up.
    pub mx_queries_per_domain: f64,
    /// Connections, with those that were refused.
    pub connections: u64,
    /// Connections per address.
    pub connections_per_address: f64,
    /// Recipients named, decoys included.
    pub recipients: u64,
    /// Recipients per address.
    pub recipients_per_address: f64,
    /// Decoys named by the client.
    pub decoys: u64,
}

/// A projection beside what really bounces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Forecast {
    /// What was projected.
    #[serde(flatten)]
    pub projected: Projection,
    /// Rows in the list.
    pub rows: u64,
    /// Rows that really bounce.
    pub true_bounces: u64,
    /// The share that really bounces.
    pub true_rate: f64,
}

impl Forecast {
    /// Whether the truth lies within the projected interval.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.rows == 0 || (self.projected.low..=self.projected.high).contains(&self.true_rate)
    }
}

impl Score {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The one command that shows this again.
    #[must_use]
    pub fn replay(&self) -> String {
        let workers = match self.crew {
            Machines::One => String::new(),
            Machines::Many { workers, .. } => format!(" --workers {workers}"),
        };
        format!(
            "presend simulate --seed {} --addresses {}{workers}",
            self.seed, self.rows
        )
    }

    /// `simulate --json`.
    ///
    /// # Panics
    ///
    /// Never: the score is plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        let [input, verified, review] = self.projections;
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|finding| {
                serde_json::json!({ "complaint": finding.complaint.as_str(), "detail": finding.detail })
            })
            .collect();
        let score = serde_json::json!({
            "seed": self.seed,
            "rows": self.rows,
            "confusion": self.confusion,
            "false_rejections": self.false_rejections,
            "false_promises": self.false_promises,
            "needless_doubts": self.needless_doubts,
            "manners": self.manners,
            "traffic": self.traffic,
            "virtual_seconds": self.virtual_time.as_secs_f64(),
            "ideal_seconds": self.ideal_time.as_secs_f64(),
            "projection": { "input": input, "verified": verified, "review": review },
            "findings": findings,
        });
        let mut text = serde_json::to_string_pretty(&score).expect("plain data");
        text.push('\n');
        text
    }
}

/// Draws the world of a seed, lets the shipped program verify its list there, judges what came of it. Then the same
/// again, which must give the same bytes; then once more, interrupted at a moment of the seed's choice and continued,
/// which must come to the same end.
///
/// # Errors
///
/// When a temporary folder cannot be written.
pub fn simulate(seed: u64, addresses: usize, crew: Machines) -> Result<Score, ScoreError> {
    let creation = create(seed, addresses);
    let tools = tools();
    let courtesy = Courtesy {
        crew,
        ..Courtesy::default()
    };
    let (outcome, score) = judged(&creation, &tools, &courtesy)?;
    let mut score = score;
    let again = tempfile::tempdir()?;
    let second = once(&creation, &tools, &courtesy, again.path(), Until::Done)?.0;
    if second.lists != outcome.lists || second.took != outcome.took {
        score.findings.push(Finding::new(
            Complaint::NotRepeatable,
            first_difference(&outcome, &second),
        ));
    }
    let (continued, log) = interrupted(&creation, &tools, &courtesy, outcome.took)?;
    let continued_findings = same_end(&creation, &outcome, &continued, &log);
    score.findings.extend(continued_findings);
    score.findings.extend(bounds(&courtesy, &continued));
    Ok(score)
}

/// One run with its judgement, without the repetitions of [`simulate`].
///
/// # Errors
///
/// When a temporary folder cannot be written.
pub fn judged(
    creation: &Creation,
    tools: &Tools,
    courtesy: &Courtesy,
) -> Result<(Outcome, Score), ScoreError> {
    let folder = tempfile::tempdir()?;
    let (outcome, log) = once(creation, tools, courtesy, folder.path(), Until::Done)?;
    let score = judge(creation, courtesy, &outcome, &log);
    Ok((outcome, score))
}

/// What the servers saw of one run.
///
/// # Errors
///
/// When a temporary folder cannot be written.
#[cfg(feature = "testing")]
pub fn server_log_of(
    creation: &Creation,
    tools: &Tools,
    courtesy: &Courtesy,
) -> Result<Arc<ServerLog>, ScoreError> {
    let folder = tempfile::tempdir()?;
    Ok(once(creation, tools, courtesy, folder.path(), Until::Done)?.1)
}

fn once(
    creation: &Creation,
    tools: &Tools,
    courtesy: &Courtesy,
    folder: &Path,
    until: Until,
) -> Result<(Outcome, Arc<ServerLog>), ScoreError> {
    in_simulated_time(async {
        let simulation = creation.internet.start(creation.seed);
        let outcome = trial::run(creation, &simulation, tools, courtesy, folder, until).await?;
        simulation.settle().await;
        Ok((outcome, simulation.log))
    })?
}

/// A run that is interrupted before the hosts of one and the same internet, then continued.
fn interrupted(
    creation: &Creation,
    tools: &Tools,
    courtesy: &Courtesy,
    whole: Duration,
) -> Result<(Outcome, Arc<ServerLog>), ScoreError> {
    let mut dice = SeededRng::of(creation.seed, "interruption");
    // Most happens early, much of the time is waiting: both deserve their share of interruptions.
    let after = if dice.happens(0.5) {
        dice.time(
            Duration::from_millis(1),
            whole.max(Duration::from_millis(2)),
        )
    } else {
        whole.mul_f64(dice.share(0.0, 1.0))
    };
    let folder = tempfile::tempdir()?;
    in_simulated_time(async {
        let simulation = creation.internet.start(creation.seed);
        let run = |until| trial::run(creation, &simulation, tools, courtesy, folder.path(), until);
        run(Until::Interrupted(after)).await?;
        let outcome = run(Until::Done).await?;
        Ok((outcome, Arc::clone(&simulation.log)))
    })?
}

/// Judges a finished run.
#[must_use]
pub fn judge(
    creation: &Creation,
    courtesy: &Courtesy,
    outcome: &Outcome,
    log: &ServerLog,
) -> Score {
    let hosts = log.hosts();
    let (listed, mut findings) = oracle::read(&creation.list, &outcome.lists);
    let verdicts = oracle::judge_verdicts(creation, &listed, &hosts);
    findings.extend(verdicts.findings);
    let readings = 1 + u64::from(outcome.came_back);
    let (manners, rude) = oracle::judge_manners(creation, courtesy, &hosts, log, readings);
    findings.extend(rude);
    findings.extend(bounds(courtesy, outcome));
    let traffic = traffic(creation, log, manners.decoys);
    findings.extend(miscounts(outcome, &traffic, courtesy));
    Score {
        seed: creation.seed,
        rows: creation.rows.len(),
        crew: courtesy.crew,
        confusion: verdicts.confusion,
        false_rejections: verdicts.false_rejections,
        false_promises: verdicts.false_promises,
        needless_doubts: verdicts.needless_doubts,
        manners,
        traffic,
        needs: oracle::needs(creation),
        virtual_time: outcome.took,
        ideal_time: oracle::ideal_time(creation, courtesy),
        projections: forecasts(creation, outcome, &listed),
        findings,
    }
}

/// The end, and the bounds of memory.
fn bounds(courtesy: &Courtesy, outcome: &Outcome) -> Vec<Finding> {
    let mut findings = Vec::new();
    if outcome.took >= GIVE_UP {
        findings.push(Finding::new(
            Complaint::Endless,
            "still at it after a week".to_owned(),
        ));
    }
    if outcome.most_pending > courtesy.pending || outcome.most_conversations > courtesy.connections
    {
        findings.push(Finding::new(
            Complaint::Memory,
            format!(
                "{} addresses and {} conversations at a time",
                outcome.most_pending, outcome.most_conversations
            ),
        ));
    }
    findings
}

fn traffic(creation: &Creation, log: &ServerLog, decoys: u64) -> Traffic {
    let totals = log.totals();
    let mut addresses = HashSet::new();
    let mut domains = HashSet::new();
    for row in &creation.rows {
        if let (Some(address), Some(_)) = (&row.address, row.site) {
            let address = address.to_lowercase();
            domains.insert(
                address
                    .rsplit_once('@')
                    .map(|(_, domain)| domain.to_owned()),
            );
            addresses.insert(address);
        }
    }
    let looked_up: Vec<u64> = log
        .dns()
        .into_iter()
        .filter(|((_, kind), _)| *kind == RecordKind::Mx)
        .map(|(_, count)| count)
        .collect();
    Traffic {
        addresses: addresses.len() as u64,
        domains: domains.len() as u64,
        dns_queries: totals.dns_questions,
        mx_queries_per_domain: ratio(looked_up.iter().sum(), looked_up.len() as u64),
        connections: totals.attempts,
        connections_per_address: ratio(totals.attempts, addresses.len() as u64),
        recipients: totals.rcpts,
        recipients_per_address: ratio(totals.rcpts, addresses.len() as u64),
        decoys,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
fn ratio(count: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        count as f64 / of as f64
    }
}

/// The program's own figures must be those that the world counted.
fn miscounts(outcome: &Outcome, traffic: &Traffic, courtesy: &Courtesy) -> Vec<Finding> {
    let own = &outcome.report.traffic;
    // What a machine did since it told of itself last dies with it; one that reads the list anew counts anew.
    let is_lost =
        matches!(courtesy.crew, Machines::Many { changing: true, .. }) || outcome.came_back;
    let pairs = [
        ("DNS questions", own.dns_queries, traffic.dns_queries),
        ("connections", own.connections, traffic.connections),
    ];
    pairs
        .into_iter()
        .filter(|(_, own, seen)| own != seen && !is_lost)
        .map(|(what, own, seen)| {
            Finding::new(
                Complaint::Miscount,
                format!("the report says {own} {what}, the world saw {seen}"),
            )
        })
        .collect()
}

fn forecasts(creation: &Creation, outcome: &Outcome, listed: &[Option<Listed>]) -> [Forecast; 3] {
    let of = |list: Option<&str>, projected: Projection| {
        let rows = creation.rows.iter().zip(listed).filter(|(_, listed)| {
            list.is_none_or(|list| listed.as_ref().is_some_and(|listed| listed.list == list))
        });
        let (mut count, mut bounces) = (0, 0);
        for (row, _) in rows.filter(|(row, _)| row.is_message) {
            count += 1;
            bounces += u64::from(row.bounces);
        }
        Forecast {
            projected,
            rows: count,
            true_bounces: bounces,
            true_rate: ratio(bounces, count),
        }
    };
    let Projections {
        input,
        verified,
        review,
    } = outcome.report.projection;
    [
        of(None, input),
        of(Some("verified"), verified),
        of(Some("review"), review),
    ]
}

/// Where two runs of one seed part.
fn first_difference(one: &Outcome, two: &Outcome) -> String {
    for (name, (one, two)) in ["verified", "review", "rejected"]
        .iter()
        .zip(one.lists.iter().zip(&two.lists))
    {
        let lines = |bytes: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(bytes)
                .lines()
                .map(str::to_owned)
                .collect()
        };
        let (one, two) = (lines(one), lines(two));
        if let Some((one, two)) = one.iter().zip(&two).find(|(one, two)| one != two) {
            return format!("{name}.csv has `{one}`, then `{two}`");
        }
        if one.len() != two.len() {
            return format!("{name}.csv has {} lines, then {}", one.len(), two.len());
        }
    }
    format!("it took {:?}, then {:?}", one.took, two.took)
}

/// Whether a run that was interrupted and continued came to the same end. Where a host's mood or luck has a say,
/// answers may differ, but never contradict each other.
fn same_end(
    creation: &Creation,
    whole: &Outcome,
    continued: &Outcome,
    log: &ServerLog,
) -> Vec<Finding> {
    let (whole, _) = oracle::read(&creation.list, &whole.lists);
    let (continued, mut findings) = oracle::read(&creation.list, &continued.lists);
    let verdicts = oracle::judge_verdicts(creation, &continued, &log.hosts());
    let severe = |finding: &Finding| {
        matches!(
            finding.complaint,
            Complaint::FalseRejection | Complaint::FalsePromise
        )
    };
    findings.extend(verdicts.findings.into_iter().filter(severe).map(|finding| {
        Finding::new(
            finding.complaint,
            format!("{}, when continued", finding.detail),
        )
    }));
    let mut differing = BTreeMap::new();
    for ((row, whole), continued) in creation.rows.iter().zip(&whole).zip(&continued) {
        let (Some(whole), Some(continued)) = (whole, continued) else {
            continue;
        };
        let steady = row.site.is_none_or(|site| creation.sites[site].is_steady());
        let same = (&whole.verdict, &whole.reason) == (&continued.verdict, &continued.reason);
        let contradict = |one: &Listed, two: &Listed| {
            one.verdict == "deliverable" && two.verdict == "undeliverable"
        };
        if (steady && !same) || contradict(whole, continued) || contradict(continued, whole) {
            let address = row.address.clone().unwrap_or_default();
            differing.insert(
                address,
                format!(
                    "{}/{} at once, {}/{} when continued",
                    whole.verdict, whole.reason, continued.verdict, continued.reason
                ),
            );
        }
    }
    findings.extend(differing.into_iter().map(|(address, difference)| {
        Finding::new(Complaint::NotContinued, format!("{address}: {difference}"))
    }));
    findings
}
