//! What an answer means: the single place that reads replies.
//!
//! First by stage (before RCPT nothing is about the mailbox), then by rules, then by code. A reading that would condemn
//! on doubt is a defect: what no rule understands is `unread` and rejects nobody.

mod basic;

use serde::{Deserialize, Serialize};

use crate::provider::{Acceptance, Provider};
use crate::reason::Reason;
use crate::smtp::{Answer, Reply, Severity, Stage};

/// What one answer was read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What it means.
    pub reason: Reason,
    /// Whether the host said "never" rather than "not now".
    pub permanent: bool,
    /// The rule that decided, by its name in the rule book, or `fallback: ...` where none did.
    pub rule: String,
}

/// Where an answer was given, as far as reading it depends on that.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The moment of the conversation.
    pub stage: Stage,
    /// Who runs the mail host, where known.
    pub provider: Option<&'a Provider>,
    /// Texts that the host may echo and that must not be mistaken for its own words: the address asked about, our
    /// names, its names.
    pub echoes: &'a [&'a str],
}

/// The rules for reading replies, compiled.
#[derive(Debug, Default)]
pub struct Book {}

impl Book {
    /// The rule book that comes with the program.
    #[must_use]
    pub fn built_in() -> Self {
        Book::default()
    }

    /// Reads one answer.
    #[must_use]
    pub fn diagnose(&self, answer: &Answer, context: &Context<'_>) -> Reading {
        let reading = |reason, permanent, rule: &str| Reading {
            reason,
            permanent,
            rule: rule.to_owned(),
        };
        match answer {
            Answer::Reply(reply) => read(reply, context),
            Answer::Silent => reading(Reason::Silent, false, "fallback: no answer in time"),
            Answer::HungUp => reading(Reason::HungUp, false, "fallback: connection closed"),
            Answer::Unreachable(_) => {
                reading(Reason::Unreachable, false, "fallback: no connection")
            }
            Answer::Garbled(_) => reading(Reason::ProtocolFault, false, "fallback: not SMTP"),
        }
    }
}

/// Reads one reply.
fn read(reply: &Reply, context: &Context<'_>) -> Reading {
    let (reason, rule) = match (reply.severity(), context.stage) {
        // RFC 5321 §3.5.3: the host will try, and knows nothing.
        (Severity::Positive, Stage::Rcpt) if reply.code == 252 => {
            (Reason::Unread, "252 confirms nothing")
        }
        (Severity::Positive, Stage::Rcpt) => accepted(context.provider),
        (Severity::Positive, _) => (Reason::Accepted, "a yes"),
        (Severity::Transient | Severity::Permanent, stage) => basic::read(
            reply,
            stage,
            context.provider.map(|provider| provider.id.as_str()),
            context.echoes,
        ),
    };
    Reading {
        reason,
        permanent: reply.severity() == Severity::Permanent,
        rule: rule.to_owned(),
    }
}

/// What an acceptance is worth depends on who gives it.
fn accepted(provider: Option<&Provider>) -> (Reason, &'static str) {
    match provider.map(|provider| provider.acceptance) {
        Some(Acceptance::AcceptsEveryone) => {
            (Reason::AcceptedProvider, "accepted, as everybody is there")
        }
        Some(Acceptance::RefusesStrangers | Acceptance::DependsOnTenant) | None => {
            (Reason::Accepted, "accepted")
        }
    }
}

/// A reading with its grounds, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpretation {
    /// What the answer may mean.
    pub reading: Reading,
    /// Why, in one sentence.
    pub why: String,
}

/// What is wrong with an operator's rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: rules cannot be added yet")]
pub struct BookError {
    /// The file.
    pub file: String,
}

impl Book {
    /// The built-in rule book with an operator's rules before ours.
    ///
    /// # Errors
    ///
    /// Always, for now: rules of one's own come with the full rule book.
    pub fn with_operator_rules(_text: &str, file: &str) -> Result<Self, BookError> {
        Err(BookError {
            file: file.to_owned(),
        })
    }

    /// All that one answer may mean, likeliest first.
    #[must_use]
    pub fn readings(&self, answer: &Answer, context: &Context<'_>) -> Vec<Interpretation> {
        vec![Interpretation {
            reading: self.diagnose(answer, context),
            why: String::new(),
        }]
    }

    /// All that a code may mean where nothing else is known.
    #[must_use]
    pub fn of_code(
        &self,
        code: Option<u16>,
        enhanced: Option<crate::smtp::EnhancedCode>,
    ) -> Vec<Interpretation> {
        let code = code.or(enhanced.map(|enhanced| u16::from(enhanced.class) * 100 + 50));
        let context = Context {
            stage: Stage::Unknown,
            provider: None,
            echoes: &[],
        };
        code.map(|code| {
            let reply = Reply {
                code,
                enhanced,
                lines: Vec::new(),
                inconsistent: false,
            };
            self.readings(&Answer::Reply(reply), &context)
        })
        .unwrap_or_default()
    }
}
