//! What an answer means: the single place that reads replies.
//!
//! First by stage (before RCPT nothing is about the mailbox), then by the rules of `config/replies.toml` in their
//! order, then by code. A reading that would condemn on doubt is a defect: what no rule understands is `unread` and
//! rejects no address.

mod blame;
pub mod contacts;
mod file;
mod normalize;
mod quoted;
mod rule;
mod search;

use std::fmt;
use std::sync::{Arc, LazyLock};

pub use blame::speaks_of_us;
pub use file::BookError;
use normalize::Words;
use quoted::quoted;
use rule::{Case, Meaning, Rule};
use search::{Phrase, Phrases, Search};

use crate::model::provider::{Acceptance, Provider};
pub use crate::model::reading::{FALLBACK, Reading};
use crate::model::reason::{Blame, Reason};
use crate::smtp::{Answer, EnhancedCode, Reply, Severity, Stage};

/// Where an answer was given, as far as reading it depends on that.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The moment of the session.
    pub stage: Stage,
    /// The provider of the mail host, where known.
    pub provider: Option<&'a Provider>,
    /// Texts that the host may echo and that must not be mistaken for its own words: the address asked about, our
    /// names, its names.
    pub echoes: &'a [&'a str],
    /// Our own domains. A host that names one of them, and none of its own, speaks of us and not of a mailbox.
    pub ours: &'a [&'a str],
}

/// A reading with its grounds, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpretation {
    /// What the answer may mean.
    pub reading: Reading,
    /// Why, in one sentence.
    pub why: String,
}

/// The rules for reading replies, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Book {
    rules: Arc<Rules>,
}

/// All rules with what finds their phrases.
struct Rules {
    search: Search,
    /// Names that mean something wherever they stand, such as those of blocklists.
    names: Vec<String>,
    /// Words that make a refusal of a mailbox one for now, whatever its code.
    hedges: Vec<Rule>,
    ordered: Vec<Rule>,
    fallbacks: Vec<Rule>,
}

/// The program's own rules, by file and text.
const OWN: (&str, &str) = (
    "config/replies.toml",
    include_str!("../../../config/replies.toml"),
);

static BUILT_IN: LazyLock<Book> =
    LazyLock::new(|| Book::of("", "").expect("config/replies.toml is well formed"));

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Book of {} rules", self.rules.ordered.len())
    }
}

impl Book {
    /// The rule book that comes with the program.
    ///
    /// # Panics
    ///
    /// When the file that comes with the program is malformed, which a test rules out.
    #[must_use]
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// The built-in rule book with an operator's rules before ours. `text` is the content of `file`.
    ///
    /// # Errors
    ///
    /// When the text is no rule file, with the line and what to change there. A rule that names an example must be the
    /// one that reads it.
    pub fn with_operator_rules(text: &str, file: &str) -> Result<Self, BookError> {
        let book = Book::of(text, file)?;
        for rule in &book.rules.ordered {
            let Some(example) = rule.example.as_ref().filter(|_| text.contains(&rule.id)) else {
                continue;
            };
            if let Some(fault) = book.fault_of_example(rule, example) {
                return Err(file::error_at_rule(text, file, &rule.id, fault));
            }
        }
        Ok(book)
    }

    /// The operator's rules of `text`, then ours.
    fn of(text: &str, file: &str) -> Result<Self, BookError> {
        let mut phrases = Phrases::default();
        let mut ordered = file::read_operators(text, file, &mut phrases)?;
        let own = file::read_own(OWN.1, OWN.0, &mut phrases)?;
        ordered.extend(own.rules);
        let search = phrases.compile().map_err(|error| BookError {
            file: file.to_owned(),
            line: 1,
            what: format!("{error}; write fewer rules"),
        })?;
        Ok(Book {
            rules: Arc::new(Rules {
                search,
                names: own.names,
                hedges: own.hedges,
                ordered,
                fallbacks: own.fallbacks,
            }),
        })
    }

    /// What is wrong with a rule's example, if the rule is not the one that reads it.
    fn fault_of_example(&self, rule: &Rule, example: &str) -> Option<String> {
        let Some(reply) = Reply::from_text(example) else {
            return Some(format!(
                "the example of rule `{}` begins with no reply code; write a whole reply",
                rule.id
            ));
        };
        let stage = rule.stages.first().copied().unwrap_or(Stage::Unknown);
        let provider = rule.providers.first().map(String::as_str);
        let words = Words::of(&reply, &[], &self.rules.names);
        let found = self.rules.search.find(&words.text);
        let case = Case {
            stage,
            code: reply.code,
            enhanced: words.enhanced,
            provider,
            found: &found,
        };
        let (reader, _) = self.rules.first(&case)?;
        (reader.id != rule.id).then(|| {
            format!(
                "the example of rule `{}` is read by `{}`; change its conditions, or the example",
                rule.id, reader.id
            )
        })
    }

    /// Reads one answer.
    #[must_use]
    pub fn diagnose(&self, answer: &Answer, context: &Context<'_>) -> Reading {
        let reply = match answer {
            Answer::Reply(reply) => reply,
            Answer::Silent | Answer::HungUp | Answer::Unreachable(_) | Answer::Garbled(_) => {
                return of_no_reply(answer).reading;
            }
        };
        if reply.severity() == Severity::Positive {
            return of_yes(reply, context).reading;
        }
        self.rules.read(reply, context, |rule, _, how| {
            let reason = if rule.is_in_doubt() {
                Reason::Unread
            } else {
                rule.meaning.reason
            };
            how.reading(rule, reason)
        })
    }

    /// All that one answer may mean, likeliest first. The first is what [`Book::diagnose`] reads.
    #[must_use]
    pub fn readings(&self, answer: &Answer, context: &Context<'_>) -> Vec<Interpretation> {
        let reply = match answer {
            Answer::Reply(reply) => reply,
            Answer::Silent | Answer::HungUp | Answer::Unreachable(_) | Answer::Garbled(_) => {
                return vec![of_no_reply(answer)];
            }
        };
        if reply.severity() == Severity::Positive {
            return vec![of_yes(reply, context)];
        }
        self.rules.read(reply, context, |rule, phrase, how| {
            let mut all = Vec::new();
            if rule.is_in_doubt() {
                all.push(Interpretation {
                    reading: how.reading(rule, Reason::Unread),
                    why: "These words are in no rule, and the code alone is not enough to give up an address."
                        .to_owned(),
                });
            }
            all.extend(meanings(rule).map(|meaning| Interpretation {
                reading: how.reading(rule, meaning.reason),
                why: sentence(meaning, phrase),
            }));
            distinct(all)
        })
    }

    /// All that a code may mean where nothing else is known, likeliest first; nothing where there is no code.
    #[must_use]
    pub fn of_code(
        &self,
        code: Option<u16>,
        enhanced: Option<EnhancedCode>,
    ) -> Vec<Interpretation> {
        let Some(code) = code.or(enhanced.map(|enhanced| u16::from(enhanced.class) * 100 + 50))
        else {
            return Vec::new();
        };
        let reply = Reply {
            code,
            enhanced,
            lines: Vec::new(),
            inconsistent: false,
        };
        let context = Context {
            stage: Stage::Unknown,
            provider: None,
            echoes: &[],
            ours: &[],
        };
        if reply.severity() == Severity::Positive {
            return vec![of_yes(&reply, &context)];
        }
        self.rules.read(&reply, &context, |rule, _, how| {
            let all = meanings(rule).map(|meaning| Interpretation {
                reading: how.reading(rule, meaning.reason),
                why: meaning.why.clone(),
            });
            distinct(all.collect())
        })
    }
}

impl Rules {
    /// Reads a refusal: `say` gets the rule that fits first, with the phrase that made it fit.
    fn read<T>(
        &self,
        reply: &Reply,
        context: &Context<'_>,
        say: impl FnOnce(&Rule, Option<&Phrase>, How) -> T,
    ) -> T {
        let words = Words::of(reply, context.echoes, &self.names);
        let found = self.search.find(&words.text);
        let case = Case {
            stage: context.stage,
            code: reply.code,
            enhanced: words.enhanced,
            provider: context.provider.map(|provider| provider.id.as_str()),
            found: &found,
        };
        let (mut rule, mut phrase) = self
            .first(&case)
            .expect("the last fallbacks fit every reply, as a test makes sure");
        if rule.quotes
            && let Some(quoted) = quoted(reply)
            && let Some(of_the_mailbox) = self.of_the_mailbox(&quoted, context)
        {
            (rule, phrase) = of_the_mailbox;
        }
        let theirs: Vec<&str> = context
            .echoes
            .iter()
            .copied()
            .filter(|echo| echo.contains('@'))
            .collect();
        let how = How {
            stage: context.stage,
            severity: reply.severity(),
            for_now: self.hedges.iter().any(|hedge| hedge.fits(&case)),
            of_us: !context.ours.is_empty()
                && speaks_of_us(&reply.lines.join(" "), context.ours, &theirs),
        };
        say(rule, phrase, how)
    }

    /// How a quoted reply is read, where it blames the mailbox. What it says of the client is said of the server that
    /// quotes it, not of us.
    fn of_the_mailbox(
        &self,
        quoted: &Reply,
        context: &Context<'_>,
    ) -> Option<(&Rule, Option<&Phrase>)> {
        let words = Words::of(quoted, context.echoes, &self.names);
        let found = self.search.find(&words.text);
        let case = Case {
            stage: context.stage,
            code: quoted.code,
            enhanced: words.enhanced,
            provider: None,
            found: &found,
        };
        let (rule, phrase) = self.first(&case)?;
        let is_sure = rule.meaning.reason.blame() == Blame::Mailbox && !rule.is_in_doubt();
        is_sure.then_some((rule, phrase))
    }

    /// The rule that fits first, else the fallback that does; with the phrase that made it fit.
    fn first(&self, case: &Case<'_>) -> Option<(&Rule, Option<&Phrase>)> {
        let mut all = self.ordered.iter().chain(&self.fallbacks);
        all.find(|rule| rule.fits(case))
            .map(|rule| (rule, case.found.first(&rule.text)))
    }
}

/// All that a rule says a reply may mean.
fn meanings(rule: &Rule) -> impl Iterator<Item = &Meaning> {
    std::iter::once(&rule.meaning).chain(&rule.others)
}

/// What a reply says beside the meaning of its words, which bounds that meaning.
#[derive(Clone, Copy, Debug)]
struct How {
    stage: Stage,
    severity: Severity,
    /// Whether it says that this is only for now.
    for_now: bool,
    /// Whether it speaks of the client or sender.
    of_us: bool,
}

impl How {
    /// What a rule says, within what may be said here.
    fn reading(self, rule: &Rule, reason: Reason) -> Reading {
        let hedged = self.for_now && reason.may_reject();
        let reason = match reason {
            _ if self.of_us && reason.may_reject() => Reason::SenderRefused,
            // A mailbox that is closed for now is known to exist; one that is "not there for now" is not known.
            Reason::MailboxDisabled => reason,
            _ if hedged => Reason::TryLater,
            _ => reason,
        };
        Reading {
            reason: keep_to_the_stage(reason, self.stage, self.severity),
            // That a queue gave up says nothing of the next message.
            permanent: self.severity == Severity::Permanent && !hedged && reason != Reason::Expired,
            rule: rule.id.clone(),
        }
    }
}

/// Why a meaning holds, with the words that say so.
fn sentence(meaning: &Meaning, phrase: Option<&Phrase>) -> String {
    match phrase {
        Some(phrase) => {
            let words = phrase.written.replace(" .. ", " ... ").replace('*', "");
            format!("{} It says \"{words}\".", meaning.why)
        }
        None => meaning.why.clone(),
    }
}

/// Each reason once, likeliest first.
fn distinct(all: Vec<Interpretation>) -> Vec<Interpretation> {
    let mut kept: Vec<Interpretation> = Vec::with_capacity(all.len());
    for one in all {
        if kept
            .iter()
            .all(|earlier| earlier.reading.reason != one.reading.reason)
        {
            kept.push(one);
        }
    }
    kept
}

/// Before RCPT the host does not know the recipient, so nothing may blame a mailbox or its domain.
fn keep_to_the_stage(reason: Reason, stage: Stage, severity: Severity) -> Reason {
    let may_blame_the_mailbox = match stage {
        Stage::Rcpt | Stage::Data | Stage::Unknown => true,
        Stage::Connect | Stage::Greeting | Stage::Hello | Stage::Tls | Stage::Mail => false,
    };
    if may_blame_the_mailbox || !matches!(reason.blame(), Blame::Mailbox | Blame::Domain) {
        return reason;
    }
    match severity {
        Severity::Transient => Reason::TryLater,
        Severity::Positive | Severity::Permanent => Reason::SenderRefused,
    }
}

/// What a yes means.
fn of_yes(reply: &Reply, context: &Context<'_>) -> Interpretation {
    let everyone = context
        .provider
        .is_some_and(|provider| provider.acceptance == Acceptance::AcceptsEveryone);
    let (reason, rule, why) = match (context.stage, reply.code) {
        // RFC 5321 §3.5.3: the host will try, and knows nothing.
        (Stage::Rcpt | Stage::Unknown, 252) => (
            Reason::CatchAllUntested,
            "252 confirms nothing",
            "The server will try to deliver, but says that it does not know whether the mailbox exists.",
        ),
        (Stage::Rcpt, _) if everyone => (
            Reason::AcceptedProvider,
            "accepted, as everybody is there",
            "The server said yes, but this provider says yes to every address and bounces later.",
        ),
        (Stage::Rcpt, _) => (Reason::Accepted, "accepted", "The server said yes."),
        (
            Stage::Connect
            | Stage::Greeting
            | Stage::Hello
            | Stage::Tls
            | Stage::Mail
            | Stage::Data
            | Stage::Unknown,
            _,
        ) => (Reason::Accepted, "a yes", "The code is one of success."),
    };
    Interpretation {
        reading: Reading {
            reason,
            permanent: false,
            rule: rule.to_owned(),
        },
        why: why.to_owned(),
    }
}

/// What it means when no reply came.
fn of_no_reply(answer: &Answer) -> Interpretation {
    let (reason, rule, why) = match answer {
        Answer::Silent => (
            Reason::Silent,
            "no answer in time",
            "The server took the question and said nothing.",
        ),
        Answer::HungUp => (
            Reason::HungUp,
            "connection closed",
            "The server closed the connection instead of answering.",
        ),
        Answer::Unreachable(_) => (
            Reason::Unreachable,
            "no connection",
            "No connection to the server came about.",
        ),
        Answer::Garbled(_) | Answer::Reply(_) => (
            Reason::ProtocolFault,
            "not SMTP",
            "What the server sent is no SMTP reply.",
        ),
    };
    Interpretation {
        reading: Reading {
            reason,
            permanent: false,
            rule: format!("{FALLBACK}{rule}"),
        },
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
