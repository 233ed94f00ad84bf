//! What real replies of mail servers mean: the corpus, its bars, and what must never matter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use presend::bounce::explain::{self, Hints, Knowledge};
use presend::model::provider::Providers;
use presend::model::reason::Reason;
use presend::smtp::rules::{Book, Context, Reading};
use presend::smtp::{Answer, Reply, Severity, Stage};
use proptest::prelude::*;

/// One line of `tests/fixtures/replies.tsv`.
#[derive(Clone, Debug)]
struct Line {
    provider: Option<&'static str>,
    stage: Stage,
    text: String,
    reasons: Vec<Reason>,
    source: &'static str,
}

/// All lines of the corpus.
fn corpus() -> Vec<Line> {
    include_str!("../fixtures/replies.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [provider, stage, text, reasons, source] = fields.as_slice() else {
                panic!("five fields: {line}");
            };
            assert!(!source.is_empty(), "{line}");
            Line {
                provider: (*provider != "-").then_some(provider),
                stage: explain::stage_named(stage).unwrap_or_else(|| panic!("a stage: {line}")),
                text: text.replace("\\n", "\n"),
                reasons: reasons
                    .split('|')
                    .map(|word| word.parse().unwrap_or_else(|_| panic!("a reason: {line}")))
                    .collect(),
                source,
            }
        })
        .collect()
}

impl Line {
    fn context<'a>(&self, providers: &'a Providers) -> Context<'a> {
        Context {
            stage: self.stage,
            provider: self.provider.map(|id| {
                providers
                    .by_id(id)
                    .unwrap_or_else(|| panic!("no provider `{id}`"))
            }),
            echoes: &[],
            ours: &[],
        }
    }

    /// Whether the reply says for good that the mailbox or its domain takes no mail.
    fn is_dead(&self) -> bool {
        self.reasons.iter().all(|reason| reason.may_reject()) && self.text.starts_with('5')
    }

    /// Whether the reply blames the sender, the host or nobody, whatever else may be right.
    fn is_alive(&self) -> bool {
        self.reasons.iter().all(|reason| !reason.may_reject())
    }
}

fn condemns(reading: &Reading) -> bool {
    reading.permanent && reading.reason.may_reject()
}

/// Reads a reply as it came, or text around a code as people paste it.
fn read(book: &Book, line: &Line, text: &str, providers: &Providers) -> Reading {
    match Reply::from_text(text) {
        Some(reply) => book.diagnose(&Answer::Reply(reply), &line.context(providers)),
        None => explained(book, line, text, providers),
    }
}

/// Reads text as `explain` does.
fn explained(book: &Book, line: &Line, text: &str, providers: &Providers) -> Reading {
    let hints = Hints {
        stage: Some(line.stage),
        provider: line.context(providers).provider,
    };
    let explanation = explain::explain_reply(text, hints, Knowledge { book, providers });
    explanation.readings[0].reading.clone()
}

#[test]
fn the_corpus_is_read_within_the_bars() {
    let (book, providers) = (Book::built_in(), Providers::built_in());
    let lines = corpus();
    assert!(lines.len() >= 400, "{} replies", lines.len());
    let mut matrix: BTreeMap<(Reason, Reason), u32> = BTreeMap::new();
    let (mut dead, mut missed) = (0_u32, Vec::new());
    let (mut condemned, mut wrong) = (Vec::new(), Vec::new());
    for line in &lines {
        let reading = read(&book, line, &line.text, &providers);
        let right = line.reasons.contains(&reading.reason);
        let wanted = if right {
            reading.reason
        } else {
            line.reasons[0]
        };
        *matrix.entry((wanted, reading.reason)).or_default() += 1;
        let told = format!("{}: {} by `{}`", line.text, reading.reason, reading.rule);
        if !right {
            wrong.push(told.clone());
        }
        if line.is_dead() {
            dead += 1;
            if !condemns(&reading) {
                missed.push(told);
            }
        } else if line.is_alive() && condemns(&reading) {
            condemned.push(told);
        }
    }
    println!("{}", shown(&matrix));
    println!(
        "{} replies, {} read as labelled, {dead} dead mailboxes of which {} missed, {} living ones condemned",
        lines.len(),
        lines.len() - wrong.len(),
        missed.len(),
        condemned.len()
    );
    println!("not as labelled:\n{}", wrong.join("\n"));
    assert!(condemned.is_empty(), "{}", condemned.join("\n"));
    let share = f64::from(u32::try_from(missed.len()).unwrap()) / f64::from(dead);
    assert!(share <= 0.02, "{}", missed.join("\n"));
    let right = 1.0
        - f64::from(u32::try_from(wrong.len()).unwrap())
            / f64::from(u32::try_from(lines.len()).unwrap());
    assert!(right >= 0.97, "{}", wrong.join("\n"));
}

/// The confusion matrix: what was meant, what was read, how often.
fn shown(matrix: &BTreeMap<(Reason, Reason), u32>) -> String {
    let mut out = String::new();
    let mut meant: Vec<Reason> = matrix.keys().map(|(meant, _)| *meant).collect();
    meant.dedup();
    for reason in meant {
        let _ = write!(out, "{:24}", reason.as_str());
        for ((_, read), count) in matrix.iter().filter(|((meant, _), _)| *meant == reason) {
            let _ = write!(out, " {read} {count}");
        }
        out.push('\n');
    }
    out
}

#[test]
fn every_reply_of_the_provider_survey_means_what_its_tables_say() {
    let (book, providers) = (Book::built_in(), Providers::built_in());
    let lines = corpus();
    let mut survey = lines
        .iter()
        .filter(|line| line.source.starts_with("provider survey"))
        .peekable();
    assert!(survey.peek().is_some());
    let faults: Vec<String> = survey
        .filter_map(|line| {
            let reading = explained(&book, line, &line.text, &providers);
            let right = line.reasons.contains(&reading.reason);
            (!right).then(|| format!("{}: {} by `{}`", line.text, reading.reason, reading.rule))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn explain_reads_every_line_as_the_book_does() {
    let (book, providers) = (Book::built_in(), Providers::built_in());
    let mut faults = Vec::new();
    // An arrow leads to another host's reply within the reply, which is what `explain` is after.
    for line in corpus()
        .into_iter()
        .filter(|line| !line.text.contains("->"))
    {
        let direct = read(&book, &line, &line.text, &providers);
        let told = explained(&book, &line, &line.text, &providers);
        if direct.reason != told.reason || direct.permanent != told.permanent {
            faults.push(format!(
                "{}: {} by the book, {} explained ({})",
                line.text, direct.reason, told.reason, told.rule
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What one may do to a reply without changing what it says.
#[derive(Clone, Debug)]
enum Change {
    Upper,
    Lower,
    /// Broken into lines of at most so many words, each with the code again.
    Rewrapped(usize),
    /// Other addresses, hosts and numbers of hosts.
    OtherNames {
        local: String,
        host: String,
        ip: [u8; 4],
    },
}

/// A changed reply.
fn changed(text: &str, change: &Change) -> String {
    match change {
        Change::Upper => text.to_uppercase(),
        Change::Lower => text.to_lowercase(),
        Change::Rewrapped(most) => rewrapped(text, *most),
        Change::OtherNames { local, host, ip } => {
            let [a, b, c, d] = ip;
            text.replace("ann@example.net", &format!("{local}@{host}"))
                .replace("example.net", host)
                .replace("192.0.2.1", &format!("{a}.{b}.{c}.{d}"))
        }
    }
}

/// The same words on other lines.
fn rewrapped(text: &str, most: usize) -> String {
    let Some(reply) = Reply::from_text(text) else {
        return text.to_owned();
    };
    let words: Vec<&str> = reply
        .lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let lines: Vec<String> = words
        .chunks(most.max(1))
        .map(|words| words.join(" "))
        .collect();
    let last = lines.len().saturating_sub(1);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let dash = if index < last { '-' } else { ' ' };
        let _ = write!(out, "{}{dash}{line}", reply.code);
        if index < last {
            out.push('\n');
        }
    }
    out
}

fn changes() -> impl Strategy<Value = Change> {
    let name =
        "(spam|blocked|unknown|disabled|full|greylist|quota|user|no|not|found|x[a-z0-9]{0,6})";
    let local = (name, name, 0..3).prop_map(|(one, other, joint)| match joint {
        0 => one,
        1 => format!("{one}.{other}"),
        _ => format!("{one}-{other}"),
    });
    let host = (name, name).prop_map(|(one, other)| format!("{one}.{other}.example"));
    prop_oneof![
        Just(Change::Upper),
        Just(Change::Lower),
        (1..6usize).prop_map(Change::Rewrapped),
        (local, host, any::<[u8; 4]>()).prop_map(|(local, host, ip)| Change::OtherNames {
            local,
            host,
            ip
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn wrapping_case_and_names_never_change_the_reading(
        index in any::<prop::sample::Index>(),
        change in changes(),
    ) {
        let (book, providers) = (Book::built_in(), Providers::built_in());
        let lines = corpus();
        let line = index.get(&lines);
        let text = changed(&line.text, &change);
        prop_assume!(Reply::from_text(&line.text).is_some());
        let before = read(&book, line, &line.text, &providers);
        let after = read(&book, line, &text, &providers);
        prop_assert_eq!(before, after, "{}", text);
    }

    #[test]
    fn any_bytes_are_read_in_bounded_time_and_never_condemned_without_a_word(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        code in 400u16..600,
    ) {
        let (book, providers) = (Book::built_in(), Providers::built_in());
        let text = format!("{code} {}", String::from_utf8_lossy(&bytes));
        let reply = Reply::from_text(&text).unwrap();
        let line = Line { provider: None, stage: Stage::Rcpt, text, reasons: Vec::new(), source: "" };
        let reading = book.diagnose(&Answer::Reply(reply.clone()), &line.context(&providers));
        prop_assert_eq!(reading.permanent, reply.severity() == Severity::Permanent);
        if !reply.lines.iter().any(|line| line.contains(char::is_alphabetic)) && code != 556 {
            let by_code = reading.rule.starts_with("fallback: 5.");
            prop_assert!(!condemns(&reading) || by_code, "{:?}", reading);
        }
    }
}
