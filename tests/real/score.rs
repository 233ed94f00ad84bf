//! What presend said, held against the truth.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::run::Said;
use crate::table::{Host, Internet, Truth};

/// What is right to say of an address.
fn right_verdict(truth: Truth) -> &'static str {
    match truth {
        Truth::Deliverable => "deliverable",
        Truth::Dead | Truth::Disabled | Truth::Moved => "undeliverable",
        Truth::Full | Truth::CatchAll => "risky",
        Truth::DeadForNow | Truth::Blocked | Truth::BlockedDead => "unknown",
    }
}

/// Mistakes that no run may make even once.
fn is_grave(truth: Truth, verdict: &str) -> bool {
    match truth {
        Truth::Deliverable | Truth::Full => verdict == "undeliverable",
        Truth::CatchAll => matches!(verdict, "undeliverable" | "deliverable"),
        Truth::Dead | Truth::Disabled | Truth::Moved => verdict == "deliverable",
        // A code for "not now" rejects nobody, but promises nothing either.
        Truth::DeadForNow | Truth::Blocked | Truth::BlockedDead => {
            matches!(verdict, "undeliverable" | "deliverable")
        }
    }
}

/// The rows of one host, counted.
#[derive(Default)]
pub(crate) struct Score {
    rows: usize,
    /// Rows that a later run may ask about again: those that nobody decided, and full mailboxes.
    open: usize,
    right: usize,
    grave: usize,
    /// What was true and what was said of the wrong rows, with how many there are.
    wrong: BTreeMap<(Truth, String), usize>,
}

impl Score {
    fn note(&mut self, truth: Truth, said: &Said) {
        self.rows += 1;
        self.open += usize::from(said.verdict == "unknown" || said.reason == "mailbox_full");
        if said.verdict == right_verdict(truth) {
            self.right += 1;
            return;
        }
        if is_grave(truth, &said.verdict) {
            self.grave += 1;
        }
        let words = format!("{}/{}", said.verdict, said.reason);
        *self.wrong.entry((truth, words)).or_default() += 1;
    }

    pub(crate) fn open(&self) -> usize {
        self.open
    }

    fn wrong(&self) -> String {
        let parts: Vec<String> = self
            .wrong
            .iter()
            .map(|((truth, said), count)| format!("{count} {truth:?} {said}"))
            .collect();
        parts.join(", ")
    }
}

/// The score of each host's rows; a domain counts for its best host.
pub(crate) fn by_host<'a>(
    internet: &'a Internet,
    said: &BTreeMap<String, Said>,
) -> Vec<(&'a Host, Score)> {
    let mut scores: Vec<(&Host, Score)> = internet
        .hosts
        .iter()
        .map(|host| (host, Score::default()))
        .collect();
    for (domain, person) in internet.list() {
        let address = format!("{}@{}", person.local, domain.name);
        let row = said
            .get(&address)
            .unwrap_or_else(|| panic!("{address} is in no list"));
        let (_, score) = scores
            .iter_mut()
            .find(|(host, _)| host.name == domain.mx[0])
            .unwrap();
        score.note(person.truth, row);
    }
    scores
}

/// The table that people read.
pub(crate) fn table(scores: &[(&Host, Score)]) -> String {
    let mut text = format!("{:<52} {:>5} {:>5}  wrong\n", "server", "rows", "right");
    for (host, score) in scores.iter().filter(|(_, score)| score.rows > 0) {
        let (title, rows, right, wrong) = (host.title(), score.rows, score.right, score.wrong());
        let _ = writeln!(text, "{title:<52} {rows:>5} {right:>5}  {wrong}");
    }
    let rows: usize = scores.iter().map(|(_, score)| score.rows).sum();
    let share = share_right(scores.iter().map(|(_, score)| score));
    let _ = writeln!(text, "{share:.1} % of {rows} rows are right");
    text
}

/// What is amiss in the scores: at least `bar` of a hundred rows are to be right, and none gravely wrong anywhere.
pub(crate) fn complaints(scores: &[(&Host, Score)], bar: f64) -> Vec<String> {
    let mut complaints: Vec<String> = scores
        .iter()
        .filter(|(_, score)| score.grave > 0)
        .map(|(host, score)| format!("{}: {} gravely wrong", host.title(), score.grave))
        .collect();
    let share = share_right(scores.iter().map(|(_, score)| score));
    if share < bar {
        complaints.push(format!(
            "{share:.1} % are right, which is less than {bar} %"
        ));
    }
    complaints
}

#[expect(clippy::cast_precision_loss, reason = "a list has less than 2^52 rows")]
fn share_right<'a>(scores: impl Iterator<Item = &'a Score>) -> f64 {
    let (right, rows) = scores.fold((0, 0), |(right, rows), score| {
        (right + score.right, rows + score.rows)
    });
    right as f64 * 100.0 / rows as f64
}
