//! What is said of a run while it goes: texts made of its state, for a terminal below the bar, and for a log.

use std::time::Duration;

use crate::cli::zone::Zone;
use crate::model::text::{counted, folded, grouped, percent};
use crate::model::timestamp::Timestamp;
use crate::probe::scheduler::{Elsewhere, Progress, QuickHosts, ToGo, WaitingHosts, WorkerAtWork};
use crate::verify::SoFar;

use super::super::safe::safe;

/// A run at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    /// When it began.
    pub(super) began: Timestamp,
    /// Rows read so far.
    pub(super) rows: u64,
    /// How far the asking has come.
    pub(super) progress: Progress,
    /// How the mailboxes stand that are settled.
    pub(super) so_far: SoFar,
    /// The hosts that refuse to answer us, in words.
    pub(super) refusals: Option<String>,
    /// The time zone of the terminal.
    pub(super) zone: Zone,
}

impl Scene {
    /// Addresses settled, of all that are to be settled as far as the list was read.
    pub(super) fn settled(&self) -> (u64, u64) {
        let Progress {
            settled,
            pending,
            put_off,
            ..
        } = self.progress;
        (settled, settled + pending as u64 + put_off)
    }

    /// How long the run has taken: `0:07`, `12:30`, `1:02:30`.
    pub(super) fn elapsed(&self) -> String {
        let seconds = self.progress.at.since(self.began).as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match hours {
            0 => format!("{minutes}:{seconds:02}"),
            _ => format!("{hours}:{minutes:02}:{seconds:02}"),
        }
    }

    /// The lines below the bar of a terminal that is `width` columns wide, each within them.
    pub(super) fn below_the_bar(&self, width: usize) -> String {
        let mut lines = vec![self.how_far()];
        lines.extend(self.tally());
        lines.extend(self.reading());
        lines.extend(
            self.progress
                .waiting
                .as_ref()
                .map(|hosts| self.waiting(hosts)),
        );
        lines.extend(self.progress.quick.as_ref().map(quick));
        lines.extend(self.refusals.as_deref().map(safe));
        lines.extend(self.progress.elsewhere.iter().flat_map(crew));
        lines.extend(self.ending());
        // The last column is left free: some terminals break the line behind it.
        let room = width.saturating_sub(3);
        let lines: Vec<String> = lines.iter().map(|line| folded(line, 2, room)).collect();
        lines.join("\n").replace('\n', "\n  ")
    }

    /// One line for a log.
    pub(super) fn line(&self) -> String {
        let mut parts = vec![format!("{} in", self.elapsed()), self.how_far()];
        parts.extend(self.tally());
        parts.extend(self.reading());
        parts.extend(
            self.progress
                .waiting
                .as_ref()
                .map(|hosts| self.waiting(hosts)),
        );
        parts.extend(self.progress.quick.as_ref().map(quick));
        parts.extend(self.refusals.as_deref().map(safe));
        parts.extend(self.progress.elsewhere.iter().flat_map(crew));
        parts.push(counted(
            self.progress.conversations as u64,
            "conversation",
            "conversations",
        ));
        parts.join("; ")
    }

    fn how_far(&self) -> String {
        let (settled, all) = self.settled();
        let to_go = self
            .progress
            .to_go
            .filter(|_| self.progress.stopping.is_none());
        let to_go = to_go.map_or_else(String::new, |to_go| format!(", {} to go", range(to_go)));
        let many = counted(all, "address", "addresses");
        format!("{} of {many} settled{to_go}", grouped(settled))
    }

    /// How the mailboxes stand that are settled.
    fn tally(&self) -> Option<String> {
        let [verified, review, rejected] = self.so_far.lists;
        let known = match self.so_far.known {
            0 => String::new(),
            known => format!("; {} known before", grouped(known)),
        };
        let rate = self.so_far.rate.map_or_else(String::new, |rate| {
            format!("; about {} would bounce", percent(rate))
        });
        (verified + review + rejected + self.so_far.known > 0).then(|| {
            format!(
                "so far {} verified, {} review, {} rejected{rate}{known}",
                grouped(verified),
                grouped(review),
                grouped(rejected)
            )
        })
    }

    /// What is read, and what is known of its domains, while that is not all.
    fn reading(&self) -> Option<String> {
        let Progress {
            domains, resolved, ..
        } = self.progress;
        (resolved < domains).then(|| {
            format!(
                "{} read, {} of {} looked up",
                counted(self.rows, "row", "rows"),
                grouped(resolved as u64),
                counted(domains as u64, "domain", "domains")
            )
        })
    }

    /// The hosts that are waited for, until when.
    fn waiting(&self, waiting: &WaitingHosts) -> String {
        let (settled, all) = self.settled();
        let share = match all {
            0 => 0,
            all => settled * 100 / all,
        };
        let verb = match waiting.addresses {
            1 => "waits",
            _ => "wait",
        };
        let why = if waiting.greylist {
            "for greylisting at"
        } else {
            "to come back to"
        };
        let whom = match waiting.hosts {
            1 => waiting.largest.iter().map(|one| safe(&one.host)).collect(),
            hosts => counted(hosts as u64, "host", "hosts"),
        };
        let until = self.until(waiting.until);
        format!(
            "{share}\u{a0}% settled; {} {verb} {why} {whom} {until}",
            grouped(waiting.addresses as u64)
        )
    }

    /// A moment to come, as a clock shows it.
    fn until(&self, moment: Timestamp) -> String {
        let left = moment.since(self.progress.at);
        if left < Duration::from_secs(60) {
            return format!("for {} s", left.as_secs().max(1));
        }
        format!("until {}", self.zone.clock(moment))
    }

    /// What is done about an order to stop.
    fn ending(&self) -> Option<String> {
        let left = self.progress.stopping?.since(self.progress.at);
        let talks = counted(
            self.progress.conversations as u64,
            "conversation",
            "conversations",
        );
        let left = left.as_secs().max(1);
        Some(format!("finishing {talks}, up to {left} s"))
    }
}

/// Workers that have a line each; of further ones there is a sum.
const WORKERS_SHOWN: usize = 8;

/// Those who ask for us: a line a worker, and what keeps others from it.
fn crew(elsewhere: &Elsewhere) -> Vec<String> {
    let mut lines = Vec::new();
    let workers = &elsewhere.workers;
    if workers.is_empty() {
        lines.push(format!(
            "no worker is there, {} for one: presend worker --engine URL",
            match elsewhere.ordered {
                0 => "waiting".to_owned(),
                1 => "1 address waits".to_owned(),
                ordered => format!("{} addresses wait", grouped(ordered as u64)),
            }
        ));
    }
    // First who is at work; of those who died or rest, what they have done is in the sum.
    let mut workers: Vec<&WorkerAtWork> = workers.iter().collect();
    workers.sort_by_key(|worker| std::cmp::Reverse((worker.pending > 0, worker.settled)));
    let all = workers.len() as u64;
    workers.retain(|worker| worker.pending > 0 || worker.settled > 0);
    if all > 0 && workers.is_empty() {
        lines.push(counted(all, "worker is there", "workers are there"));
    }
    for worker in workers.iter().take(WORKERS_SHOWN) {
        let from = worker
            .source
            .map_or_else(String::new, |source| format!(" {source}"));
        lines.push(format!(
            "{}{from} ({}): {} settled, {} waiting, {}",
            safe(&worker.name),
            safe(&worker.hello),
            grouped(worker.settled),
            grouped(worker.pending as u64),
            counted(worker.conversations as u64, "conversation", "conversations"),
        ));
    }
    if let Some(others) = workers.get(WORKERS_SHOWN..).filter(|rest| !rest.is_empty()) {
        let settled = others.iter().map(|worker| worker.settled).sum();
        lines.push(format!(
            "{}: {} settled",
            counted(others.len() as u64, "further worker", "further workers"),
            grouped(settled)
        ));
    }
    if !elsewhere.other_versions.is_empty() {
        lines.push(format!(
            "workers of presend {} keep out: give all machines the same version",
            safe(&elsewhere.other_versions.join(", "))
        ));
    }
    lines.extend(elsewhere.refused.as_ref().map(|(count, words)| {
        format!(
            "{} could not be carried out: {}",
            counted(*count, "order", "orders"),
            safe(words)
        )
    }));
    lines
}

/// The hosts that are asked faster than at first.
fn quick(quick: &QuickHosts) -> String {
    let fastest = safe(&quick.fastest);
    let rate = quick.per_second;
    match quick.hosts {
        1 => format!("{fastest} answers quickly and has not complained: asking it at {rate}/s"),
        hosts => {
            let hosts = counted(hosts as u64, "host", "hosts");
            format!(
                "{hosts} answer quickly and have not complained: asking up to {rate}/s ({fastest})"
            )
        }
    }
}

/// A range of time in words: `6 to 18 min`, `up to 20 s`, `about 2 h`. The lower end is rounded down, the upper one up.
pub(super) fn range(to_go: ToGo) -> String {
    const STEPS: [(u64, u64, &str); 4] = [
        // Up to so many seconds, in steps of so many, which are called so.
        (90, 5, "s"),
        (90 * 60, 60, "min"),
        (48 * 3600, 3600, "h"),
        (u64::MAX, 24 * 3600, "days"),
    ];
    let (soonest, latest) = (to_go.soonest.as_secs(), to_go.latest.as_secs().max(1));
    let step = STEPS.iter().find(|(most, ..)| latest <= *most);
    let (_, step, unit) = step.unwrap_or(&STEPS[3]);
    let each = match *unit {
        "s" => 1,
        _ => *step,
    };
    let low = soonest / step * step / each;
    let high = latest.div_ceil(*step) * step / each;
    match low {
        0 => format!("up to {high} {unit}"),
        low if low == high => format!("about {high} {unit}"),
        low => format!("{low} to {high} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::scheduler::WaitingHost;

    #[test]
    fn each_worker_has_a_line_up_to_some() {
        let worker = |number: u8| WorkerAtWork {
            name: format!("v{number}"),
            source: Some([198, 51, 100, number].into()),
            hello: format!("v{number}.example.net"),
            pending: 7,
            settled: 1200,
            conversations: 1,
        };
        let mut elsewhere = Elsewhere {
            ordered: 2,
            other_versions: vec!["9.1".to_owned()],
            ..Elsewhere::default()
        };
        assert_eq!(
            crew(&elsewhere),
            [
                "no worker is there, 2 addresses wait for one: presend worker --engine URL",
                "workers of presend 9.1 keep out: give all machines the same version"
            ]
        );
        elsewhere.other_versions.clear();
        elsewhere.workers = (1..=10).map(worker).collect();
        let lines = crew(&elsewhere);
        assert_eq!(lines.len(), WORKERS_SHOWN + 1);
        assert_eq!(
            lines[0],
            "v1 198.51.100.1 (v1.example.net): 1200 settled, 7 waiting, 1 conversation"
        );
        assert_eq!(lines[WORKERS_SHOWN], "2 further workers: 2400 settled");
    }

    fn at(seconds: u64) -> Timestamp {
        "2026-03-02T14:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(seconds)
    }

    fn scene() -> Scene {
        Scene {
            began: at(0),
            rows: 298,
            progress: Progress {
                at: at(754),
                settled: 12_181,
                pending: 248,
                domains: 140,
                resolved: 140,
                conversations: 12,
                waiting: Some(WaitingHosts {
                    addresses: 64,
                    hosts: 3,
                    greylist: true,
                    until: at(1800),
                    largest: vec![WaitingHost {
                        host: "gruenwald-bio.test".to_owned(),
                        addresses: 40,
                        greylist: true,
                        until: at(1800),
                    }],
                }),
                to_go: Some(ToGo {
                    soonest: Duration::from_secs(420),
                    latest: Duration::from_secs(1090),
                }),
                ..Progress::default()
            },
            so_far: SoFar {
                lists: [9_803, 411, 1_967],
                rate: Some(0.163),
                known: 0,
            },
            refusals: None,
            zone: Zone::default(),
        }
    }

    /// As it stands behind the bar's own indent.
    fn shown(scene: &Scene, width: usize) -> String {
        format!("  {}", scene.below_the_bar(width))
    }

    #[test]
    fn what_stands_below_the_bar_fits_its_terminal() {
        for width in [80, 120] {
            let text = shown(&scene(), width);
            assert!(
                text.lines().all(|line| line.chars().count() < width),
                "{text}"
            );
        }
        insta::assert_snapshot!(shown(&scene(), 80));
        insta::assert_snapshot!(shown(&scene(), 120));
    }

    #[test]
    fn one_is_one() {
        let mut one = scene();
        one.rows = 1;
        one.progress.settled = 0;
        one.progress.pending = 1;
        one.progress.domains = 1;
        one.progress.resolved = 0;
        one.progress.waiting = Some(WaitingHosts {
            addresses: 1,
            hosts: 1,
            greylist: false,
            until: at(774),
            largest: vec![WaitingHost {
                host: "mx.test".to_owned(),
                addresses: 1,
                greylist: false,
                until: at(774),
            }],
        });
        one.progress.stopping = Some(at(756));
        one.progress.conversations = 1;
        one.so_far = SoFar::default();
        insta::assert_snapshot!(shown(&one, 80));
        insta::assert_snapshot!(one.line());
    }

    #[test]
    fn hosts_that_are_asked_faster_are_told_of() {
        let mut fast = scene();
        let mut told = Vec::new();
        for hosts in [1, 3] {
            fast.progress.quick = Some(QuickHosts {
                hosts,
                fastest: "google".to_owned(),
                per_second: 14.0,
            });
            told.push(shown(&fast, 80));
            assert!(fast.line().contains("14/s"));
        }
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_log_is_told_the_same_in_one_line() {
        insta::assert_snapshot!(scene().line());
    }

    #[test]
    fn the_time_to_go_is_a_range_and_never_nothing() {
        for (soonest, latest, words) in [
            (0, 0, "up to 5 s"),
            (0, 20, "up to 20 s"),
            (12, 18, "10 to 20 s"),
            (0, 100, "up to 2 min"),
            (360, 1080, "6 to 18 min"),
            (365, 420, "6 to 7 min"),
            (360, 360, "about 6 min"),
            (3600, 7300, "1 to 3 h"),
            (100_000, 300_000, "1 to 4 days"),
        ] {
            let to_go = ToGo {
                soonest: Duration::from_secs(soonest),
                latest: Duration::from_secs(latest),
            };
            assert_eq!(range(to_go), words);
        }
    }
}
