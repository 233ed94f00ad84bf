//! What a page shows to the client: the answer, its numbers, what to do, where all of it comes from. No column, option
//! or command is named.

use minijinja::{Value, context};

use super::advice::{self, Mood};
use super::terminal::what_to_do;
use super::{Flow, Real, Report, Since, svg};
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::reason::{Blame, Reason};
use crate::model::text::{about, counted, grouped, percent};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::projection::Projection;

/// Reasons of a list that the table of sources names; the rest share a line, so that the table keeps to a page.
const REASONS_OF_A_LIST: usize = 12;

/// The first page, and the table of where its numbers come from.
pub(super) fn front(report: &Report) -> Value {
    context! {
        heading => report.title.clone(),
        rows => counted(report.list.rows, "row", "rows"),
        finished => when(report.time.finished),
        simulated => report.world.is_some(),
        unfinished => match report.ending {
            Ending::Completed => "",
            Ending::Interrupted => "stopped before the end: some addresses were not asked about",
            Ending::Deadline => "out of time: some addresses were not asked about",
            Ending::Stranded => "cut off from the internet: some addresses were not asked about",
        },
        headline => advice::headline(report),
        gauge => svg::gauge([
            ("as it is", &report.projection.input),
            ("verified only", &report.projection.verified),
        ]),
        lists => Disposition::ALL.map(|disposition| context! {
            name => disposition.as_str(),
            file => format!("{disposition}.csv"),
            rows => grouped(report.rows_in(disposition)),
            what => in_short(disposition),
        }),
        steps => advice::steps(report)
            .into_iter()
            .map(|step| context! { what => step.what, why => step.why })
            .collect::<Vec<_>>(),
        projections => projections(report),
        split => (report.projection.input.expected_bounces >= 1.0).then(|| context! {
            all => about(report.projection.input.expected_bounces),
            hard => about(report.projection.input.hard_bounces),
            soft => about(report.projection.input.soft_bounces),
        }),
        real => report.real.as_ref().map(|real| self::real(real, report)),
        since => report.since.as_ref().map(since),
        strip => strip(report),
        sources => sources(report),
        asked => asked(report),
    }
}

/// What a list is for, in a few words.
fn in_short(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Review => "look before you send",
        Disposition::Verified | Disposition::Rejected => what_to_do(disposition),
    }
}

/// A point in time, in UTC: `2026-03-02 06:00 UTC`.
pub(super) fn when(moment: Timestamp) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        (Some(_) | None, _) => text,
    }
}

/// How a rate stands, as the page's style calls it.
pub(super) fn mood(projection: &Projection) -> &'static str {
    match Mood::of(projection) {
        Mood::Fine => "fine",
        Mood::Careful => "careful",
        Mood::Stop => "stop",
    }
}

/// One projection as a line of a table.
pub(super) fn projection(name: impl Into<String>, projection: &Projection) -> Value {
    context! {
        name => name.into(),
        rows => grouped(projection.rows),
        bounces => about(projection.expected_bounces),
        rate => percent(projection.rate),
        low => percent(projection.low),
        high => percent(projection.high),
        mood => mood(projection),
    }
}

fn projections(report: &Report) -> Vec<Value> {
    let all = &report.projection;
    let mut lines = vec![
        projection("the list as it is", &all.input),
        projection("verified.csv", &all.verified),
        projection("review.csv", &all.review),
    ];
    if let Some(target) = &report.target
        && let Some(file) = &target.file
    {
        lines.insert(2, projection(file.clone(), &target.projection));
    }
    lines
}

fn real(real: &Real, report: &Report) -> Value {
    context! {
        says => real.in_words(report),
        gauge => (real.total.rows > 0).then(|| {
            svg::gauge([
                ("projected", &real.projected(report)),
                ("came back", &real.came()),
            ])
        }),
    }
}

fn since(since: &Since) -> Value {
    let mut lines = vec![
        context! {
            name => "would bounce, the list as it is",
            then => percent(since.input[0].rate),
            now => percent(since.input[1].rate),
        },
        context! {
            name => "would bounce, verified.csv",
            then => percent(since.verified[0].rate),
            now => percent(since.verified[1].rate),
        },
    ];
    for disposition in Disposition::ALL {
        if let Some([then, now]) = since.disposition.get(disposition.as_str()) {
            lines.push(context! {
                name => format!("rows in {disposition}.csv"),
                then => grouped(*then),
                now => grouped(*now),
            });
        }
    }
    context! {
        says => format!(
            "The list was checked before on {} and had {} then.",
            when(since.finished),
            counted(since.rows, "row", "rows")
        ),
        lines,
    }
}

/// What else is to know about the rows, each with its number.
fn strip(report: &Report) -> Vec<Value> {
    let flag = |flag: Flag| report.counts.flag.get(flag.as_str()).copied().unwrap_or(0);
    let no_address = report.counts.reason.get(Reason::NoAddress.as_str());
    [
        (flag(Flag::Duplicate), "duplicates of an earlier row"),
        (flag(Flag::Cleaned), "addresses cleaned up"),
        (flag(Flag::SeveralAddresses), "rows with several addresses"),
        (no_address.copied().unwrap_or(0), "rows without an address"),
        (flag(Flag::Role), "role addresses (info@, sales@)"),
        (flag(Flag::Free), "at free mail providers"),
        (flag(Flag::Disposable), "throw-away addresses"),
    ]
    .into_iter()
    .map(|(count, what)| context! { count => grouped(count), none => count == 0, what })
    .collect()
}

/// Where the rows went and why, list by list.
fn sources(report: &Report) -> Vec<Value> {
    Disposition::ALL
        .into_iter()
        .map(|disposition| {
            let of_list: Vec<&Flow> = report
                .flow
                .iter()
                .filter(|flow| flow.disposition == disposition)
                .collect();
            let mut lines: Vec<(&str, u64)> = Vec::new();
            for flow in &of_list {
                let words = why_there(flow);
                match lines.iter_mut().find(|(known, _)| *known == words) {
                    Some((_, rows)) => *rows += flow.rows,
                    None => lines.push((words, flow.rows)),
                }
            }
            lines.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
            let rest = lines.split_off(lines.len().min(REASONS_OF_A_LIST));
            if !rest.is_empty() {
                lines.push(("Other reasons.", rest.iter().map(|(_, rows)| rows).sum()));
            }
            context! {
                name => disposition.as_str(),
                file => format!("{disposition}.csv"),
                what => what_to_do(disposition),
                rows => counted(of_list.iter().map(|flow| flow.rows).sum(), "row", "rows"),
                lines => lines
                    .into_iter()
                    .map(|(words, rows)| context! { words, rows => grouped(rows) })
                    .collect::<Vec<_>>(),
            }
        })
        .collect()
}

/// Why rows are in their list. What their mail host said is not the reason where something else put them there.
fn why_there(flow: &Flow) -> &'static str {
    let by_choice = flow.reason.blame() == Blame::Operator;
    match flow.disposition {
        Disposition::Rejected if !by_choice && !flow.reason.may_reject() => {
            "An earlier row names the same mailbox, or your own rules keep the address out."
        }
        Disposition::Review if flow.reason == Reason::Accepted => {
            "The mail host accepts this address, but it looks like one that is better left out."
        }
        Disposition::Verified | Disposition::Review | Disposition::Rejected => {
            flow.reason.in_plain_words()
        }
    }
}

/// Which hosts the answers come from, in a sentence.
fn asked(report: &Report) -> String {
    let traffic = &report.traffic;
    let from_memory = match traffic.answered_from_ledger {
        0 => String::new(),
        1 => " 1 address was known from an earlier check.".to_owned(),
        many => format!(
            " {} addresses were known from earlier checks.",
            grouped(many)
        ),
    };
    if traffic.rcpt == 0 {
        return format!(
            "No mail host was asked this time: what the text of an address and the directory of the internet (DNS) say is \
             all there is.{from_memory}"
        );
    }
    format!(
        "The mail hosts of the addresses were asked {} whether they take mail for somebody, without sending them any.{from_memory}",
        counted(traffic.rcpt, "time", "times")
    )
}
