//! A report on one screen of a terminal.

use std::time::Duration;

use super::Report;
use super::advice::{self, Mood, in_words};
use crate::ledger::Changes;
use crate::model::ending::Ending;
use crate::model::reason::Reason;
use crate::model::text::{counted, folded, grouped, tame};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;

/// Lines that fit one screen of the terminal of old, with the prompt below them.
const LINES: usize = 23;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What fits one screen of 24 lines.
    OneScreen,
    /// Everything, on as many lines as it takes.
    All,
}

/// How many there are at most of what can be left out.
#[derive(Clone, Copy, Debug)]
struct Room {
    reasons: usize,
    steps: usize,
    notes: usize,
}

/// What may be left out.
#[derive(Clone, Copy, Debug)]
enum Part {
    Reasons(usize),
    Steps(usize),
    Notes(usize),
}

/// What is added to a screen as long as there is room, the most important first: up to so many of each.
const PARTS: [Part; 13] = [
    Part::Notes(1),
    Part::Steps(2),
    Part::Notes(2),
    Part::Reasons(3),
    Part::Steps(3),
    Part::Steps(4),
    Part::Reasons(1),
    Part::Reasons(2),
    Part::Notes(3),
    Part::Reasons(4),
    Part::Notes(4),
    Part::Reasons(6),
    Part::Reasons(8),
];

impl Room {
    const EVERYTHING: Room = Room {
        reasons: usize::MAX,
        steps: usize::MAX,
        notes: usize::MAX,
    };

    /// What is always there.
    const LEAST: Room = Room {
        reasons: 0,
        steps: 1,
        notes: 0,
    };

    fn with(self, part: Part) -> Room {
        match part {
            Part::Reasons(count) => Room {
                reasons: self.reasons.max(count),
                ..self
            },
            Part::Steps(count) => Room {
                steps: self.steps.max(count),
                ..self
            },
            Part::Notes(count) => Room {
                notes: self.notes.max(count),
                ..self
            },
        }
    }
}

/// Where a report is shown.
#[derive(Clone, Copy)]
pub struct Terminal<'a> {
    /// Its width, in columns.
    pub width: usize,
    /// A moment as clocks show it there.
    pub when: &'a dyn Fn(Timestamp) -> String,
}

/// A report on a terminal; `out` names where the lists are.
#[must_use]
pub fn terminal(report: &Report, out: &str, on: Terminal<'_>, detail: Detail) -> String {
    // Of a file that a user has changed, not even the names of reasons are to be trusted.
    let lines = untamed(report, out, on, detail);
    lines.split('\n').map(tame).collect::<Vec<_>>().join("\n")
}

fn untamed(report: &Report, out: &str, on: Terminal<'_>, detail: Detail) -> String {
    match detail {
        Detail::All => return page(report, out, on, Room::EVERYTHING),
        Detail::OneScreen => {}
    }
    let mut room = Room::LEAST;
    for part in PARTS {
        let more = room.with(part);
        if page(report, out, on, more).lines().count() <= LINES {
            room = more;
        }
    }
    page(report, out, on, room)
}

/// The report, with no more than there is room for.
fn page(report: &Report, out: &str, on: Terminal<'_>, room: Room) -> String {
    let width = on.width;
    let mut lines = vec![title(report, width), String::new()];
    lines.push(folded(&format!("  {}", advice::headline(report)), 2, width));
    lines.extend(rates(report, width));
    lines.push(String::new());
    for disposition in Disposition::ALL {
        lines.push(folded(
            &format!(
                "  {:<9} {:>8}  {}",
                disposition.as_str(),
                grouped(report.rows_in(disposition)),
                what_to_do(disposition)
            ),
            22,
            width,
        ));
    }
    let mut notes = notes(report, on.when);
    notes.truncate(room.notes);
    if room.notes == usize::MAX {
        notes.push(asked(report));
    }
    lines.extend(
        notes
            .iter()
            .map(|note| folded(&format!("  {note}"), 4, width)),
    );
    lines.extend(why(report, room.reasons, width));
    let steps = advice::steps(report);
    if !steps.is_empty() {
        lines.extend([String::new(), "  what to do now".to_owned()]);
    }
    for (at, step) in steps.iter().take(room.steps).enumerate() {
        lines.push(folded(&format!("  {}. {}", at + 1, step.what), 5, width));
    }
    lines.extend([
        String::new(),
        // A path is to be copied: it is never broken.
        format!("  {} report.html: {}", where_lists_are(report), tame(out)),
    ]);
    lines.join("\n") + "\n"
}

fn where_lists_are(report: &Report) -> &'static str {
    if report.lists.is_empty() {
        "the lists and"
    } else {
        "a folder with the lists of each, and"
    }
}

/// The list, how the run ended, how long it took.
fn title(report: &Report, width: usize) -> String {
    let heading = match report.ending {
        Ending::Completed => "verified",
        Ending::Interrupted => "interrupted; run the same command again to go on",
        Ending::Deadline => "out of time; run the same command again to go on",
        Ending::Stranded => {
            "our own side failed, such as the proxy or DNS; mend it, then run the same command again to go on"
        }
    };
    let rows = counted(report.list.rows, "row", "rows");
    let list = tame(&report.list.path);
    folded(
        &format!("{list}: {rows} {heading} ({})", took_in_words(report)),
        2,
        width,
    )
}

/// What the list comes to as it is, and what its verified part does.
fn rates(report: &Report, width: usize) -> [String; 2] {
    let projection = &report.projection;
    [
        ("as it is", &projection.input),
        ("verified", &projection.verified),
    ]
    .map(|(of, projection)| {
        let mood = match projection.rows {
            0 => String::new(),
            _ => format!("  [{}]", Mood::of(projection).word().replace(' ', "\u{a0}")),
        };
        let rate = in_words(projection);
        folded(&format!("  bounces, {of}:  {rate}{mood}"), 22, width)
    })
}

/// What else is to know, the most important first.
fn notes(report: &Report, when: &dyn Fn(Timestamp) -> String) -> Vec<String> {
    let since = report.since.as_ref().map(|since| {
        let changes: Vec<String> = since
            .disposition
            .iter()
            .map(|(list, [then, now])| {
                format!(
                    "{list}\u{a0}{}\u{a0}→\u{a0}{}",
                    grouped(*then),
                    grouped(*now)
                )
            })
            .collect();
        format!("since {}: {}", when(since.finished), changes.join(", "))
    });
    let from_memory = match (report.memory.rows, report.memory.oldest) {
        (rows @ 1.., Some(oldest)) => Some(format!(
            "{} answered from memory, the oldest answer from {}",
            counted(rows, "row", "rows"),
            when(oldest)
        )),
        (_, _) => None,
    };
    let changes = report.changes.as_ref().map(changed);
    [advice::beside(report), changes, since, from_memory]
        .into_iter()
        .flatten()
        .collect()
}

/// The reasons that most rows have.
fn why(report: &Report, most: usize, width: usize) -> Vec<String> {
    let mut reasons: Vec<(&String, &u64)> = report.counts.reason.iter().collect();
    if reasons.is_empty() || most == 0 {
        return Vec::new();
    }
    reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let mut lines = vec![String::new(), "  why".to_owned()];
    for (name, count) in reasons.iter().take(most) {
        let words = name.parse::<Reason>().map_or("", Reason::in_plain_words);
        let line = format!("  {:>8}  {name:<20} {words}", grouped(**count));
        lines.push(folded(line.trim_end(), 33, width));
    }
    let rest: u64 = reasons.iter().skip(most).map(|(_, count)| **count).sum();
    if rest > 0 {
        lines.push(format!("  {:>8}  for other reasons", grouped(rest)));
    }
    lines
}

/// How politely it was asked, in one line.
fn asked(report: &Report) -> String {
    let traffic = &report.traffic;
    format!(
        "asked: {}, {}, {} ({}); {} known before",
        counted(traffic.dns_queries, "DNS question", "DNS questions"),
        counted(traffic.connections, "connection", "connections"),
        counted(traffic.rcpt, "recipient", "recipients"),
        counted(traffic.decoys, "decoy", "decoys"),
        grouped(traffic.answered_from_ledger),
    )
}

/// How long it took, with what kind of time that is.
fn took_in_words(report: &Report) -> String {
    match report.world {
        Some(_) => format!("{} of simulated time", took(report)),
        None => took(report),
    }
}

/// How long it took, in whole seconds and larger units.
pub(super) fn took(report: &Report) -> String {
    let time = report.time.finished.since(report.time.started);
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// What a list is for.
pub(super) fn what_to_do(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Verified => "send to these",
        Disposition::Review => "look before you send: nobody could say for certain",
        Disposition::Rejected => "do not send to these",
    }
}

/// What became of mailboxes, in one line.
fn changed(changes: &Changes) -> String {
    let counts = [
        (changes.died, "died"),
        (changes.recovered, "recovered"),
        (changes.became_catch_all, "became catch-all"),
        (changes.new, "new"),
        (changes.gone, "gone"),
        (changes.other, "otherwise changed"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    if told.is_empty() {
        "no mailbox changed".to_owned()
    } else {
        format!("{} (changes.csv)", told.join(", "))
    }
}
