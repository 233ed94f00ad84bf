//! A preflight on a terminal, for readers who never published a DNS record.

use std::fmt::Write;

use crate::model::limits;
use crate::preflight::auth::spf::{Branch, Remark};
use crate::preflight::check::{Check, Fitness, Side, Status, Weight, title};
use crate::preflight::render::report::Preflight;
use crate::preflight::sender::audience::split;
use crate::preflight::sender::checks::SenderReport;

/// The width that prose is broken at, in characters: that of the terminal of old.
const WIDTH: usize = 80;

/// Where the text beside a status word begins, in characters.
const MARGIN: usize = 8;

/// Width of a provider's column in a plan, in characters.
const COLUMN: usize = 10;

/// How text may be dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Nothing but text.
    Plain,
    /// Status words in colour, headings in bold (ECMA-48). Every word is there without it, too.
    Colour,
}

/// Prose broken between words to rows that fit 80 columns behind an indent. A word that is longer stands alone.
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

/// A fix as a sentence and, where there is one, the record to publish, which is to be copied as it stands.
#[must_use]
pub fn parts(fix: &str) -> (String, Option<String>) {
    match fix.split_once(": v=") {
        Some((before, record)) => (format!("{before}:"), Some(format!("v={record}"))),
        None => (fix.to_owned(), None),
    }
}

/// The whole screen.
#[must_use]
pub fn render(preflight: &Preflight, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        style,
    };
    if let Some(sender) = &preflight.sender {
        page.heading(&format!("Is {} fit to send?", sender.domain));
        page.section(preflight, Side::Sender);
        page.rules(preflight, sender);
        let tree = spf_tree(preflight);
        if !tree.is_empty() {
            page.heading(&format!(
                "DNS look-ups of the SPF record: {} of {}",
                sender.spf.lookups(),
                limits::SPF_LOOKUPS
            ));
            page.line(&tree);
        }
    }
    if preflight.machine.is_some() {
        page.heading("Is this machine fit to ask mail hosts?");
        page.section(preflight, Side::Machine);
    }
    page.warm_up(preflight);
    let fitness = preflight.fitness();
    page.paragraph(0, Tone::of(fitness), verdict(fitness));
    page.out
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
            "Not fit yet: do what stands behind \"Do:\" above, begin at the top, then run this again."
        }
        Fitness::CouldNotTell => {
            "Could not tell: nothing is known to be wrong, but some checks that decide could not be made."
        }
    }
}

/// What a piece of text is like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Bad,
    Doubtful,
    Heading,
    Plain,
}

impl Tone {
    fn of(fitness: Fitness) -> Self {
        match fitness {
            Fitness::Fit => Tone::Good,
            Fitness::NotFit => Tone::Bad,
            Fitness::CouldNotTell => Tone::Doubtful,
        }
    }

    /// The codes of ECMA-48 that begin it.
    fn code(self) -> &'static str {
        match self {
            Tone::Good => "\u{1b}[32m",
            Tone::Bad => "\u{1b}[1;31m",
            Tone::Doubtful => "\u{1b}[33m",
            Tone::Heading => "\u{1b}[1m",
            Tone::Plain => "",
        }
    }
}

struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn dressed(&self, tone: Tone, text: &str) -> String {
        match (self.style, tone) {
            (Style::Plain, _) | (Style::Colour, Tone::Plain) => text.to_owned(),
            (Style::Colour, _) => format!("{}{text}\u{1b}[0m", tone.code()),
        }
    }

    fn heading(&mut self, text: &str) {
        let dressed = self.dressed(Tone::Heading, text);
        self.line(&dressed);
        self.line(&"-".repeat(text.chars().count()));
    }

    fn paragraph(&mut self, indent: usize, tone: Tone, text: &str) {
        for row in wrapped(text, indent) {
            let dressed = self.dressed(tone, &row);
            self.line(&format!("{:indent$}{dressed}", ""));
        }
    }

    /// Failures first, with what to do; then what could not be told; then what is well, in short.
    fn section(&mut self, preflight: &Preflight, side: Side) {
        let of = |status: Status, weight: Weight| -> Vec<&Check> {
            preflight
                .checks_about(side)
                .filter(|check| check.status == status && check.weight == weight)
                .collect()
        };
        for check in of(Status::Fail, Weight::Required) {
            self.long("FAIL", Tone::Bad, check);
        }
        for check in of(Status::Unknown, Weight::Required) {
            self.long("????", Tone::Doubtful, check);
        }
        for check in of(Status::Fail, Weight::Advised) {
            self.long("mend", Tone::Doubtful, check);
        }
        for group in groups(of(Status::Unknown, Weight::Advised)) {
            self.short("note", Tone::Doubtful, &group);
            self.fixes(&group);
        }
        let passed = preflight
            .checks_about(side)
            .filter(|check| check.status == Status::Pass)
            .collect();
        for group in groups(passed) {
            self.short("ok", Tone::Good, &group);
            self.fixes(&group);
        }
        self.line("");
    }

    /// A status word with the beginning of a paragraph beside it.
    fn marked(&mut self, word: &str, tone: Tone, text: &str) {
        let dressed = self.dressed(tone, word);
        let gap = MARGIN - 2 - word.len();
        for (index, row) in wrapped(text, MARGIN).into_iter().enumerate() {
            if index == 0 {
                self.line(&format!("  {dressed}{:gap$}{row}", ""));
            } else {
                self.line(&format!("{:MARGIN$}{row}", ""));
            }
        }
    }

    fn long(&mut self, word: &str, tone: Tone, check: &Check) {
        self.marked(word, tone, &format!("{}: {}", title(check.id), check.value));
        self.paragraph(MARGIN, Tone::Plain, &format!("Why: {}", check.why));
        if !check.required_by.is_empty() {
            let by = check.required_by.join(", ");
            self.paragraph(MARGIN, Tone::Plain, &format!("Asked for by {by}"));
        }
        self.fix(check);
        self.line("");
    }

    /// Checks of one name in one paragraph.
    fn short(&mut self, word: &str, tone: Tone, group: &[&Check]) {
        let Some(first) = group.first() else { return };
        let values: Vec<&str> = group.iter().map(|check| check.value.as_str()).collect();
        self.marked(
            word,
            tone,
            &format!("{}: {}", title(first.id), values.join("; ")),
        );
    }

    /// What to do about checks of one name, each thing once.
    fn fixes(&mut self, group: &[&Check]) {
        let mut told: Vec<&str> = Vec::new();
        for check in group {
            if let Some(fix) = check.fix.as_deref()
                && !told.contains(&fix)
            {
                told.push(fix);
                self.fix(check);
            }
        }
    }

    fn fix(&mut self, check: &Check) {
        let Some(fix) = &check.fix else { return };
        let (sentence, record) = parts(fix);
        self.paragraph(MARGIN, Tone::Plain, &format!("Do: {sentence}"));
        if let Some(record) = record {
            // Whole and on one line, for it is to be copied.
            self.line(&format!("{:MARGIN$}    {record}", ""));
        }
    }

    fn rules(&mut self, preflight: &Preflight, sender: &SenderReport) {
        if sender.rules.is_empty() {
            return;
        }
        self.heading(&format!(
            "Rules in force for {} messages a day",
            grouped(sender.volume)
        ));
        if preflight.warm_up.is_empty() {
            self.paragraph(
                2,
                Tone::Plain,
                "Say --volume N/day for the rules of another number and a plan to reach it.",
            );
        }
        for one in &sender.rules {
            let tone = match (one.not_met.is_empty(), one.not_known.is_empty()) {
                (false, _) => Tone::Bad,
                (true, false) => Tone::Doubtful,
                (true, true) => Tone::Good,
            };
            let counts = format!(
                "{} met, {} not met, {} not known",
                one.met.len(),
                one.not_met.len(),
                one.not_known.len()
            );
            let counts = self.dressed(tone, &counts);
            self.line(&format!(
                "  {:<10} (since {})  {counts}",
                one.provider, one.since
            ));
            for (what, ids) in [("not met", &one.not_met), ("not known", &one.not_known)] {
                let titles: Vec<&str> = ids.iter().map(|id| title(id)).collect();
                if !titles.is_empty() {
                    let text = format!("{what}: {}", titles.join(", "));
                    self.paragraph(MARGIN, Tone::Plain, &text);
                }
            }
        }
        self.line("");
    }

    fn warm_up(&mut self, preflight: &Preflight) {
        if let Some(audience) = &preflight.audience {
            self.heading(&format!(
                "Who runs the mailboxes of the list: {} addresses",
                grouped(audience.addresses)
            ));
            for share in &audience.shares {
                let percent = share.addresses * 100 / audience.addresses.max(1);
                self.line(&format!(
                    "  {:>11}  {percent:>3} %  {}",
                    grouped(share.addresses),
                    share.provider
                ));
            }
            if audience.not_looked_up > 0 {
                let text = format!(
                    "{} of the others are at domains that were not looked up, or that DNS said nothing about.",
                    grouped(audience.not_looked_up)
                );
                self.paragraph(2, Tone::Plain, &text);
            }
            self.line("");
        }
        if preflight.warm_up.is_empty() {
            return;
        }
        self.heading("Warm-up for a new domain: most messages a day");
        let shares = preflight
            .audience
            .as_ref()
            .map(|audience| audience.largest(limits::AUDIENCE_COLUMNS))
            .unwrap_or_default();
        let mut head = format!("  {:>4}  {:>11}", "day", "all");
        for share in &shares {
            let _ = write!(head, "  {:>COLUMN$}", cut(&share.provider, COLUMN));
        }
        self.line(&head);
        for day in &preflight.warm_up {
            let mut row = format!("  {:>4}  {:>11}", day.day, grouped(day.messages));
            for part in split(day.messages, &shares) {
                let _ = write!(row, "  {:>COLUMN$}", grouped(part));
            }
            self.line(&row);
        }
        self.paragraph(
            2,
            Tone::Plain,
            "Stay a day longer on a step when more than 2 % bounce or anybody complains; begin with those who wrote to \
             you last.",
        );
        self.line("");
    }
}

/// Text cut to some characters, with a sign where it was.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{}…", kept.trim_end_matches([' ', ',']))
}

/// Checks of one name together, in the order in which the names first come.
fn groups(checks: Vec<&Check>) -> Vec<Vec<&Check>> {
    let mut groups: Vec<Vec<&Check>> = Vec::new();
    for check in checks {
        match groups
            .iter_mut()
            .find(|group| group.iter().any(|other| other.id == check.id))
        {
            Some(group) => group.push(check),
            None => groups.push(vec![check]),
        }
    }
    groups
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{indent}{:>3}  {}{remark}{void}",
            term.lookups, term.text
        );
        if let Some(below) = &term.branch {
            if let Some(problem) = &below.problem {
                let _ = writeln!(out, "{indent}       {problem}");
            }
            self::branch(out, below, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_fits_and_loses_no_word() {
        let text = "a ".repeat(60) + &"b".repeat(100) + " c";
        let rows = wrapped(&text, MARGIN);
        assert_eq!(rows.join(" "), text);
        let narrow = rows.iter().filter(|row| !row.contains("bb"));
        assert!(narrow.clone().count() > 1);
        for row in narrow {
            assert!(row.len() + MARGIN <= WIDTH, "{row}");
        }
    }

    #[test]
    fn a_record_to_publish_stands_apart() {
        assert_eq!(
            parts("Publish this at a.test: v=spf1 -all"),
            (
                "Publish this at a.test:".to_owned(),
                Some("v=spf1 -all".to_owned())
            )
        );
        assert_eq!(parts("Ask them"), ("Ask them".to_owned(), None));
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
