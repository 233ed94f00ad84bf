//! What a page shows to a reader who works with the list: each number with the column, option or command that finds or
//! changes it.

use std::fmt::Write as _;

use minijinja::{Value, context};

use super::advice::{self, Step, may_settle_later};
use super::front::projection;
use super::terminal::took;
use super::{DomainLine, Flow, RealLine, Report, Since, svg};
use crate::model::reason::{Blame, Reason};
use crate::model::text::{counted, grouped, percent, shortened};
use crate::model::verdict::Standing;
use crate::projection::{Basis, Segment, Target, WhatIf};

/// Longest name of a list, a domain or a host on the page, in characters. Our choice: two lines of a phone.
pub(super) const LONGEST_NAME: usize = 80;

/// Lines of a table that the page shows; the report has more.
const LINES: usize = 15;

/// Sections for a reader who works with the list: where each is, what it is called, whether it has anything to say.
fn sections(report: &Report) -> Vec<Value> {
    [
        (
            "how",
            "How each step is done",
            how_to(report).next().is_some(),
        ),
        ("lists", "List by list", !report.lists.is_empty()),
        (
            "real",
            "Projected and real, in detail",
            report.real.is_some(),
        ),
        (
            "since",
            "What changed, by reason",
            changed(report).next().is_some(),
        ),
        ("what-if", "What if?", !report.what_if.is_empty()),
        (
            "target",
            "The largest list under a rate",
            report.target.is_some(),
        ),
        ("why", "Where the rows went, and why", true),
        (
            "providers",
            "By mail provider",
            !report.providers.is_empty(),
        ),
        (
            "worst",
            "Domains with most bad addresses",
            !report.domains.worst.is_empty(),
        ),
        (
            "catch-all",
            "Domains that accept everything",
            !report.domains.catch_all.is_empty(),
        ),
        (
            "flags",
            "Traps, functions and throw-aways",
            !report.flagged.is_empty(),
        ),
        ("typing", "Typing errors", !report.suggestions.is_empty()),
        ("open", "What we could not find out", true),
        ("manners", "How politely we asked", true),
        ("rates", "How the rates are made", true),
    ]
    .into_iter()
    .filter(|(_, _, present)| *present)
    .map(|(id, title, _)| context! { id, title })
    .collect()
}

/// The steps that it takes columns or commands to do.
fn how_to(report: &Report) -> impl Iterator<Item = Step> {
    advice::steps(report)
        .into_iter()
        .filter(|step| !step.how.is_empty())
}

/// What the page shows to a reader who works with the list, as texts.
pub(super) fn detail(report: &Report) -> Value {
    context! {
        sections => sections(report),
        flow => svg::flow(report),
        steps => how_to(report).map(|step| context! { what => step.what, how => step.how }).collect::<Vec<_>>(),
        lists => report.lists.iter().map(|line| context! {
            name => shortened(&line.name, LONGEST_NAME),
            folder => shortened(&line.folder, LONGEST_NAME),
            rows => grouped(line.rows),
            verified => grouped(line.verified),
            review => grouped(line.review),
            rejected => grouped(line.rejected),
            duplicates => grouped(line.duplicates),
        }).collect::<Vec<_>>(),
        real => report.real.as_ref().map(|real| context! {
            lines => real.by_verdict.iter().chain(&real.by_provider).take(2 * LINES).map(real_line).collect::<Vec<_>>(),
            surprises => real.surprises,
        }),
        since => report.since.as_ref().map(changed_lines),
        what_if => report.what_if.iter().flat_map(|what| what_if(report, what)).collect::<Vec<_>>(),
        target => report.target.as_ref().map(|goal| target(report, goal)),
        reasons => report.flow.iter().map(reason).collect::<Vec<_>>(),
        providers => providers(report),
        worst => domains(&report.domains.worst),
        catch_alls => domains(&report.domains.catch_all),
        unsettled => domains(&report.domains.unsettled),
        approximate => report.domains.approximate,
        flagged => flagged(report),
        suggestions => suggestions(report),
        faults => faults(report),
        blocked => report.blocked.iter().take(LINES).map(|line| context! {
            host => shortened(&line.host, LONGEST_NAME),
            reply => shortened(&line.reply, LONGEST_REPLY),
            addresses => grouped(line.addresses),
        }).collect::<Vec<_>>(),
        unread => report.unread.iter().take(LINES).map(|line| context! {
            reply => shortened(&line.reply, LONGEST_REPLY),
            count => grouped(line.count),
        }).collect::<Vec<_>>(),
        second_look => second_look(report),
        manners => manners(report),
        busiest => report.traffic.busiest.iter().take(5).map(|line| context! {
            host => shortened(&line.host, LONGEST_NAME),
            rcpt => grouped(line.rcpt),
        }).collect::<Vec<_>>(),
        segments => report.segments.iter().map(|line| context! {
            words => words_of(report, &line.segment, &line.words),
            segment => shortened(&line.segment, LONGEST_NAME),
            rows => grouped(line.rows),
            verified => grouped(line.verified),
            review => grouped(line.review),
            share => format!("{:.3}", line.share),
        }).collect::<Vec<_>>(),
    }
}

/// Longest reply on the page, in characters. Our choice: a few lines; the lists have all of it.
const LONGEST_REPLY: usize = 300;

/// The answers to one question: with these rows, without them.
fn what_if(report: &Report, what: &WhatIf) -> Vec<Value> {
    let group = match &what.provider {
        Some(id) => format!(
            "{}, at {}",
            what.group.in_plain_words(),
            provider_name(report, id)
        ),
        None => what.group.in_plain_words().to_owned(),
    };
    let mut answers = Vec::new();
    if what.review_rows > 0 {
        let name = format!(
            "… and {} ({})",
            group,
            counted(what.review_rows, "row", "rows")
        );
        answers.push(projection(name, &what.kept));
    }
    if what.verified_rows > 0 {
        let name = format!(
            "… without {} ({})",
            group,
            counted(what.verified_rows, "row", "rows")
        );
        answers.push(projection(name, &what.dropped));
    }
    answers
}

/// The name of a provider that is known by its id.
fn provider_name<'a>(report: &'a Report, id: &'a str) -> &'a str {
    report
        .providers
        .iter()
        .find(|line| line.id == id)
        .map_or(id, |line| line.name.as_str())
}

/// What the rows of a segment have in common, with the name of their provider.
fn words_of(report: &Report, segment: &str, words: &str) -> String {
    let mut text = words.to_owned();
    if let Ok(segment) = segment.parse::<Segment>() {
        if let Some(provider) = &segment.provider {
            text.push_str(", mail run by ");
            text.push_str(provider_name(report, provider));
        }
        if let Some(domain) = &segment.domain {
            text.push_str(", ");
            text.push_str(domain);
        }
    }
    text
}

fn target(report: &Report, target: &Target) -> Value {
    let held = match target.basis {
        Basis::Expected => "the expected rate",
        Basis::Upper => "the upper end of the interval",
    };
    let wanted = percent(target.wanted);
    let mut says = if target.projection.rows == 0 {
        format!("No list of these rows has {held} at {wanted} or less.")
    } else if target.verified < report.projection.verified.rows {
        format!(
            "The verified addresses alone are over it: only the best {} of {} fit, with {held} at {wanted} or less.",
            grouped(target.verified),
            grouped(report.projection.verified.rows)
        )
    } else {
        format!(
            "All verified addresses and {} from review, best first, with {held} at {wanted} or less; {} stay out.",
            grouped(target.added),
            grouped(target.left_out)
        )
    };
    if let Some(file) = &target.file {
        let _ = write!(says, " They are in {file}.");
    } else if target.added > 0 {
        says.push_str(" With --target they are written to target.csv.");
    }
    context! {
        wanted,
        says,
        steps => target.steps.iter().filter(|step| !step.verified).take(LINES).map(|step| context! {
            words => words_of(report, &step.segment, kind_words(&step.segment)),
            segment => shortened(&step.segment, LONGEST_NAME),
            share => percent(step.share),
            rows => grouped(step.rows),
            taken => grouped(step.taken),
        }).collect::<Vec<_>>(),
    }
}

fn kind_words(segment: &str) -> &'static str {
    segment
        .parse::<Segment>()
        .map_or("", |segment| segment.kind.in_plain_words())
}

fn reason(flow: &Flow) -> Value {
    context! {
        list => format!("{}.csv", flow.disposition),
        words => flow.reason.in_plain_words(),
        reason => flow.reason.as_str(),
        rows => grouped(flow.rows),
    }
}

fn providers(report: &Report) -> Vec<Value> {
    report
        .providers
        .iter()
        .take(LINES)
        .map(|line| {
            #[expect(clippy::cast_precision_loss, reason = "a bar's width")]
            let width = |part: u64| format!("{:.1}", part as f64 * 100.0 / line.rows.max(1) as f64);
            context! {
                name => match line.name.as_str() {
                    "" => "all others, or nobody".to_owned(),
                    name => shortened(name, LONGEST_NAME),
                },
                rows => grouped(line.rows),
                accepted => grouped(line.accepted),
                refused => grouped(line.refused),
                unsure => grouped(line.unsure),
                blocked => grouped(line.blocked),
                a => width(line.accepted),
                r => width(line.refused),
                u => width(line.unsure),
                b => width(line.blocked),
            }
        })
        .collect()
}

fn domains(lines: &[DomainLine]) -> Vec<Value> {
    lines
        .iter()
        .take(LINES)
        .map(|line| {
            context! {
                domain => shortened(&line.domain, LONGEST_NAME),
                rows => grouped(line.rows),
                refused => grouped(line.refused),
                accepted => grouped(line.accepted),
                unsure => grouped(line.unsure),
                words => line.reason.parse::<Reason>().map_or("", Reason::in_plain_words),
            }
        })
        .collect()
}

fn flagged(report: &Report) -> Vec<Value> {
    report
        .flagged
        .iter()
        .take(LINES)
        .map(|line| {
            context! {
                flag => line.flag.clone(),
                why => shortened(&line.why.replace('`', ""), LONGEST_REPLY),
                rows => grouped(line.rows),
                first_row => first(line.first_row, line.first_list.as_deref()),
                example => shortened(&line.example, LONGEST_NAME),
            }
        })
        .collect()
}

fn suggestions(report: &Report) -> Vec<Value> {
    report
        .suggestions
        .iter()
        .take(LINES)
        .map(|line| {
            context! {
                written => match line.written.as_str() {
                    "" => "no address as it is".to_owned(),
                    written => shortened(written, LONGEST_NAME),
                },
                meant => shortened(&line.meant, LONGEST_NAME),
                rows => grouped(line.rows),
                first_row => first(line.first_row, line.first_list.as_deref()),
            }
        })
        .collect()
}

/// A row by its number, in its list where there are several.
fn first(row: u64, list: Option<&str>) -> String {
    match list {
        Some(list) => format!("{} of {}", grouped(row), shortened(list, LONGEST_NAME)),
        None => grouped(row),
    }
}

/// Which side caused a row to stay unsettled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Theirs,
    Ours,
    Machine,
    Nobodys,
}

impl Fault {
    const ALL: [Fault; 4] = [Fault::Theirs, Fault::Machine, Fault::Ours, Fault::Nobodys];

    fn of(reason: Reason) -> Fault {
        match reason.blame() {
            Blame::Host => Fault::Theirs,
            Blame::Sender => Fault::Machine,
            Blame::Us | Blame::Operator => Fault::Ours,
            // A refusal in words about the mailbox that was only temporary.
            Blame::Mailbox | Blame::Domain | Blame::Nobody => Fault::Nobodys,
        }
    }

    fn whose(self) -> &'static str {
        match self {
            Fault::Theirs => "their mail hosts’",
            Fault::Machine => "this machine’s, or its name’s",
            Fault::Ours => "ours",
            Fault::Nobodys => "nobody’s",
        }
    }

    fn helps(self) -> &'static str {
        match self {
            Fault::Theirs => "Ask again later: the same command asks only these.",
            Fault::Machine => {
                "Mend what the command presend preflight finds, or ask from another machine."
            }
            Fault::Ours => "Run the same command again, with more time and a sender’s address.",
            Fault::Nobodys => "Ask again later; report replies that nobody understands.",
        }
    }
}

fn faults(report: &Report) -> Vec<Value> {
    let mut lines = Vec::new();
    for fault in Fault::ALL {
        let of_fault: Vec<&Flow> = report
            .flow
            .iter()
            .filter(|flow| flow.verdict == Standing::Unknown && Fault::of(flow.reason) == fault)
            .collect();
        let rows: u64 = of_fault.iter().map(|flow| flow.rows).sum();
        if rows == 0 {
            continue;
        }
        let mut reasons: Vec<&str> = Vec::new();
        for flow in of_fault {
            let words = flow.reason.in_plain_words();
            if !reasons.contains(&words) {
                reasons.push(words);
            }
        }
        lines.push(context! {
            whose => fault.whose(),
            what => reasons.join(" "),
            rows => grouped(rows),
            helps => fault.helps(),
        });
    }
    lines
}

/// Reasons whose number of rows changed since the last run.
fn changed(report: &Report) -> impl Iterator<Item = (&String, &[u64; 2])> {
    report.since.iter().flat_map(|since| &since.reason)
}

fn changed_lines(since: &Since) -> Vec<Value> {
    since
        .reason
        .iter()
        .map(|(name, [then, now])| {
            context! {
                name => name.clone(),
                words => name.parse::<Reason>().map_or("", Reason::in_plain_words),
                then => grouped(*then),
                now => grouped(*now),
            }
        })
        .collect()
}

fn real_line(line: &RealLine) -> Value {
    context! {
        name => shortened(&line.name.replace('/', " / "), LONGEST_NAME),
        rows => grouped(line.rows),
        expected => percent(line.expected_rate),
        rate => percent(line.rate),
        low => percent(line.low),
        high => percent(line.high),
        bounced => grouped(line.bounced),
        by_sender => line.by_sender,
    }
}

/// What asking again about a sample of the refused came to: our own error, measured. Empty where none was.
fn second_look(report: &Report) -> String {
    let look = report.second_look;
    if look.asked == 0 {
        return String::new();
    }
    let mut text = format!(
        "Of the refused, {} asked about again later: {} refused again, {} not.",
        match look.asked {
            1 => "1 was".to_owned(),
            many => format!("{} were", grouped(many)),
        },
        grouped(look.confirmed),
        grouped(look.changed),
    );
    if look.undecided > 0 {
        let _ = write!(text, " {} got no clear answer.", grouped(look.undecided));
    }
    text
}

/// How politely it was asked, in sentences.
fn manners(report: &Report) -> String {
    let traffic = &report.traffic;
    if traffic.rcpt == 0 && traffic.dns_queries == 0 {
        return "Nobody was asked in this run.".to_owned();
    }
    let mut text = format!(
        "{} to mail hosts about recipients, {} of them about invented names to find out who accepts everything, over {}; {} to DNS. It took {}{}.",
        counted(traffic.rcpt, "question", "questions"),
        grouped(traffic.decoys),
        counted(traffic.connections, "connection", "connections"),
        counted(traffic.dns_queries, "question", "questions"),
        took(report),
        if report.world.is_some() {
            " of simulated time"
        } else {
            ""
        },
    );
    if traffic.answered_from_ledger > 0 {
        let _ = write!(
            text,
            " {} known from before and not asked about again.",
            match traffic.answered_from_ledger {
                1 => "1 address was".to_owned(),
                many => format!("{} addresses were", grouped(many)),
            }
        );
    }
    if traffic.waits > 0 {
        let _ = write!(
            text,
            " {}, hosts wanted us to come back later, and we did when they said.",
            counted(traffic.waits, "time", "times")
        );
    }
    let open = advice::unsettled(report, may_settle_later);
    if open > 0 {
        let _ = write!(
            text,
            " {} left open rather than asked about too often.",
            match open {
                1 => "1 address was".to_owned(),
                many => format!("{} addresses were", grouped(many)),
            }
        );
    }
    text
}
