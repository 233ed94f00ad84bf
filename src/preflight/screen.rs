//! A preflight on a terminal, for people who never published a DNS record.

use std::fmt::Write;

use super::check::{Check, Fitness, Side, Status, Weight};
use super::report::Preflight;
use super::spf::{Branch, Remark};
use crate::limits;

/// The width that prose is broken at, in characters: that of the terminal of old.
const WIDTH: usize = 80;

/// Prose broken between words to rows that fit [`WIDTH`] behind an indent. A word that is longer stands alone.
#[must_use]
pub fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if indent + row.chars().count() + 1 + word.chars().count() <= WIDTH => {
                row.push(' ');
                row.push_str(word);
            }
            Some(_) | None => rows.push(word.to_owned()),
        }
    }
    rows
}

/// The whole screen.
#[must_use]
pub fn render(preflight: &Preflight) -> String {
    let mut out = String::new();
    if let Some(sender) = &preflight.sender {
        heading(&mut out, &format!("Is {} fit to send?", sender.domain));
        section(&mut out, preflight, Side::Sender);
        let tree = spf_tree(preflight);
        if !tree.is_empty() {
            let title = format!(
                "DNS look-ups of the SPF record: {} of {}",
                sender.spf.lookups(),
                limits::SPF_LOOKUPS
            );
            heading(&mut out, &title);
            line(&mut out, &tree);
        }
    }
    if preflight.machine.is_some() {
        heading(&mut out, "Is this machine fit to ask mail hosts?");
        section(&mut out, preflight, Side::Machine);
    }
    if !preflight.warm_up.is_empty() {
        heading(&mut out, "Warm-up for a new domain: most messages a day");
        warm_up(&mut out, preflight);
    }
    line(&mut out, verdict(preflight.fitness()));
    out
}

/// The SPF policy as a tree with the cost of each term; empty when nothing in it asks DNS.
#[must_use]
pub fn spf_tree(preflight: &Preflight) -> String {
    let mut out = String::new();
    if let Some(sender) = &preflight.sender
        && sender.spf.tree.root.lookups > 0
    {
        branch(&mut out, &sender.spf.tree.root, 1);
    }
    out
}

/// The last line: what all of it comes to.
#[must_use]
pub fn verdict(fitness: Fitness) -> &'static str {
    match fitness {
        Fitness::Fit => "Fit: every check that decides passes.",
        Fitness::NotFit => {
            "Not fit yet: do what stands after \"do:\" above, begin at the top, then run this again."
        }
        Fitness::CouldNotTell => {
            "Could not tell: nothing is known to be wrong, but some checks that decide could not be made."
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn heading(out: &mut String, text: &str) {
    line(out, text);
    line(out, &"-".repeat(text.chars().count()));
}

/// Failures first, with what to do; then what could not be told; then what is well, a line each.
fn section(out: &mut String, preflight: &Preflight, side: Side) {
    let of = |status: Status, weight: Weight| {
        preflight
            .checks_about(side)
            .filter(move |check| check.status == status && check.weight == weight)
    };
    for check in of(Status::Fail, Weight::Required) {
        long(out, "FAIL", check);
    }
    for check in of(Status::Unknown, Weight::Required) {
        long(out, "????", check);
    }
    for check in of(Status::Fail, Weight::Advised) {
        long(out, "mend", check);
    }
    for check in of(Status::Unknown, Weight::Advised) {
        short(out, "note", check);
    }
    for check in preflight
        .checks_about(side)
        .filter(|check| check.status == Status::Pass)
    {
        let text = format!("  ok    {:<16} {}", check.id, check.value);
        line(out, &text);
    }
    out.push('\n');
}

fn long(out: &mut String, word: &str, check: &Check) {
    line(out, &format!("  {word}  {:<16} {}", check.id, check.value));
    prose(out, "why: ", &check.why);
    if !check.required_by.is_empty() {
        prose(out, "asked for by: ", &check.required_by.join(", "));
    }
    advice(out, check);
}

fn short(out: &mut String, word: &str, check: &Check) {
    line(out, &format!("  {word}  {:<16} {}", check.id, check.value));
    advice(out, check);
}

fn advice(out: &mut String, check: &Check) {
    if let Some(fix) = &check.fix {
        prose(out, "do: ", fix);
    }
}

/// Broken between words at [`WIDTH`], except within what is to be copied: that stands whole on a line of its own.
fn prose(out: &mut String, label: &str, text: &str) {
    const INDENT: &str = "        ";
    let (text, record) = match text.split_once(": v=") {
        Some((before, record)) => (format!("{before}:"), Some(format!("v={record}"))),
        None => (text.to_owned(), None),
    };
    let mut row = format!("{INDENT}{label}");
    let mut fresh = true;
    for word in text.split_whitespace() {
        if !fresh && row.chars().count() + 1 + word.chars().count() > WIDTH {
            line(out, &row);
            row = format!("{INDENT}     ");
            fresh = true;
        }
        if !fresh {
            row.push(' ');
        }
        row.push_str(word);
        fresh = false;
    }
    line(out, &row);
    if let Some(record) = record {
        line(out, &format!("{INDENT}     {record}"));
    }
}

fn branch(out: &mut String, branch: &Branch, depth: usize) {
    let indent = "  ".repeat(depth);
    for term in &branch.terms {
        let remark = match term.remark {
            Remark::Plain => "",
            Remark::PassesEverybody => "  passes everybody",
            Remark::Discouraged => "  should not be used",
            Remark::NeverUsed => "  never used",
            Remark::DependsOnMessage => "  depends on the message",
        };
        let void = if term.void { "  finds nothing" } else { "" };
        line(
            out,
            &format!("{indent}{:>3}  {}{remark}{void}", term.lookups, term.text),
        );
        if let Some(below) = &term.branch {
            if let Some(problem) = &below.problem {
                line(out, &format!("{indent}       {problem}"));
            }
            self::branch(out, below, depth + 1);
        }
    }
}

fn warm_up(out: &mut String, preflight: &Preflight) {
    for day in &preflight.warm_up {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  day {:>3}  {:>11}", day.day, day.messages);
    }
    line(
        out,
        "  Stay a day longer on a step when more than 2 % bounce or anybody complains; begin with those who wrote to you last.",
    );
    out.push('\n');
}
