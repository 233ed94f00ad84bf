//! What an answer means to the person who got it: who refused, whose fault it is, what to do.
//!
//! Three things come in: a reply or code as people paste it, a message file, the body of a bounce copied from a mail
//! program. All become an [`Explanation`]; `render` shows it to people, `json` to programs.

mod address;
mod desks;
pub mod json;
pub mod lines;
mod message;
mod refuser;
pub mod render;
mod safe;
mod sender;
mod stage;
mod wait;
mod way;

use std::time::Duration;

pub use address::{AddressAction, action_after, usual_wait};
pub use refuser::RejectedBy;
pub use safe::line as safe_line;
pub use stage::{choices as stage_choices, named as stage_named};

use crate::bounce::{self, Action, quoted, unanswered};
use crate::diagnosis::{Book, Context, Interpretation, Reading};
use crate::limits;
use crate::provider::{Provider, Providers};
use crate::reason::Reason;
use crate::smtp::{Answer, EnhancedCode, Reply, Stage};
use refuser::Contact;

/// What something means, for whoever got it. All text in it is safe to show on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was explained.
    pub subject: Subject,
    /// What it may mean, likeliest first; empty when it says nothing about any address.
    pub readings: Vec<Interpretation>,
    /// What to do with the address.
    pub address_action: AddressAction,
    /// When to try again, where that is what to do.
    pub retry_after: Option<Duration>,
    /// What the sender should do, most useful first.
    pub sender_action: Vec<String>,
    /// Who refused.
    pub rejected_by: RejectedBy,
    /// The grounds for that, in one sentence.
    pub rejected_by_why: String,
    /// The host that wrote the notice.
    pub reporting_mta: Option<String>,
    /// The host that refused; of the first recipient, where there are several.
    pub remote_mta: Option<String>,
    /// What was said of each recipient; empty for a bare reply.
    pub recipients: Vec<ExplainedRecipient>,
}

/// What kind of thing was explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A reply, as text.
    Reply(String),
    /// A notice that a message was given up.
    Bounce,
    /// A notice that a message is late.
    Delay,
    /// A notice that a message arrived.
    Delivery,
    /// The answer of a machine in a person's place; how it was known.
    AutoReply(&'static str),
    /// A complaint: its kind.
    Complaint(String),
    /// A message of no such kind.
    OtherMessage,
    /// Nothing at all.
    Nothing,
}

/// What a notice says of one recipient, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedRecipient {
    /// The address that delivery was attempted to.
    pub final_recipient: Option<String>,
    /// The address that the sender wrote.
    pub original: Option<String>,
    /// What became of it.
    pub action: Option<Action>,
    /// The status code of the report.
    pub status: Option<EnhancedCode>,
    /// What was said.
    pub diagnostic: Option<String>,
    /// The host that refused this recipient.
    pub remote_mta: Option<String>,
    /// What it may mean, likeliest first.
    pub readings: Vec<Interpretation>,
    /// What to do with this address.
    pub address_action: AddressAction,
    /// When to try again, where that is what to do.
    pub retry_after: Option<Duration>,
    /// Who refused this recipient.
    pub rejected_by: RejectedBy,
}

/// What the asker knows beyond the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// When in the conversation the reply came.
    pub stage: Option<Stage>,
    /// Who runs the host that replied.
    pub provider: Option<&'a Provider>,
}

/// What an explanation is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// The rules for reading replies.
    pub book: &'a Book,
    /// Who runs which mail hosts.
    pub providers: &'a Providers,
}

/// Explains the content of a file, or of standard input: a message, the body of one, or a reply.
#[must_use]
pub fn explain(input: &[u8], hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    if bounce::looks_like_message(input) {
        return message::explain(&bounce::read_message(input), hints, knowledge);
    }
    let input = &input[..input.len().min(limits::PROSE_BYTES)];
    explain_text(&String::from_utf8_lossy(input), hints, knowledge)
}

/// Explains a message that was read already.
#[must_use]
pub fn explain_message(
    message: &bounce::Message,
    hints: Hints<'_>,
    knowledge: Knowledge<'_>,
) -> Explanation {
    message::explain(message, hints, knowledge)
}

/// Explains text: a reply, a code, or the body of a bounce.
#[must_use]
pub fn explain_text(text: &str, hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    match bounce::read_text(text) {
        Some(notice) => message::explain(&notice, hints, knowledge),
        None => explain_reply(text, hints, knowledge),
    }
}

/// Explains one reply or code, with whatever people paste around it.
#[must_use]
pub fn explain_reply(text: &str, hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    let said = quoted::read(text);
    let subject = match safe::line(text) {
        empty if empty.is_empty() => Subject::Nothing,
        line => Subject::Reply(line),
    };
    let finding = Finding {
        text,
        reply: said.reply.as_ref(),
        status: None,
        stage: hints.stage.or(said.stage),
        provider: hints.provider.or_else(|| {
            said.host
                .as_deref()
                .and_then(|host| knowledge.providers.of_mail_host(host))
        }),
        echoes: [said.address.as_deref(), said.host.as_deref()]
            .into_iter()
            .flatten()
            .collect(),
        outlook: Outlook::Unstated,
    };
    let judgement = finding.judge(knowledge.book);
    let trail = refuser::Trail {
        remote: said.host.clone(),
        words: text.to_lowercase(),
        contact: judgement.contact,
        ..refuser::Trail::default()
    };
    let (rejected_by, rejected_by_why) = match subject {
        Subject::Nothing => (RejectedBy::Unknown, "There is nothing to read.".to_owned()),
        _ => refuser::refused_by(&trail, knowledge.providers),
    };
    let case = sender::Case {
        words: [
            trail.words.as_str(),
            finding.provider.map_or("", |provider| provider.id.as_str()),
        ]
        .join(" "),
        enhanced: finding.enhanced(),
        domain: None,
    };
    Explanation {
        subject,
        address_action: action_after(&judgement.readings),
        retry_after: judgement.retry_after(text),
        sender_action: advice(&judgement.readings, &case),
        readings: judgement.readings,
        rejected_by,
        rejected_by_why,
        reporting_mta: None,
        remote_mta: said.host,
        recipients: Vec::new(),
    }
}

/// One thing said, with what is known about where.
struct Finding<'a> {
    text: &'a str,
    reply: Option<&'a Reply>,
    status: Option<EnhancedCode>,
    stage: Option<Stage>,
    provider: Option<&'a Provider>,
    echoes: Vec<&'a str>,
    outlook: Outlook,
}

/// What is stated about the future, beside the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// The message was given up.
    GivenUp,
    /// It is still being tried.
    StillTrying,
    /// Nothing.
    Unstated,
}

/// What one thing said may mean.
struct Judgement {
    readings: Vec<Interpretation>,
    contact: Contact,
}

impl Finding<'_> {
    /// The enhanced code: the reply's, else the report's.
    fn enhanced(&self) -> Option<EnhancedCode> {
        self.reply.and_then(|reply| reply.enhanced).or(self.status)
    }

    /// Reads it. What a mail host said counts first; where it said nothing that the book knows, the sending side's own
    /// words about the silence do.
    fn judge(&self, book: &Book) -> Judgement {
        let silence = unanswered::read(self.text);
        let by_book = self.by_book(book);
        let understood = by_book.first().is_some_and(|first| {
            first.reading.reason != Reason::Unread && !first.reading.rule.starts_with("fallback")
        });
        let answered = self.reply.is_some() && !quoted::is_enhanced_alone(self.text);
        match silence {
            Some(silence) if !answered || !understood && !silence.is_last_word() => Judgement {
                readings: vec![of_silence(silence, self.outlook)],
                contact: Contact::None,
            },
            Some(_) | None => Judgement {
                readings: by_book,
                contact: Contact::Answered,
            },
        }
    }

    /// What the book says of the reply; of the bare text or status, where no reply is quoted.
    fn by_book(&self, book: &Book) -> Vec<Interpretation> {
        let context = Context {
            stage: self.stage.unwrap_or(Stage::Unknown),
            provider: self.provider,
            echoes: &self.echoes,
        };
        match self.reply {
            Some(reply) if has_words(reply) => {
                let reply = Reply {
                    enhanced: reply.enhanced.or(self.status),
                    ..reply.clone()
                };
                book.readings(&Answer::Reply(reply), &context)
            }
            Some(reply) => {
                // "5.1.1" alone was given a reply code only to have one.
                let invented = quoted::is_enhanced_alone(self.text);
                book.of_code(
                    (!invented).then_some(reply.code),
                    reply.enhanced.or(self.status),
                )
            }
            None if self.text.trim().is_empty() => book.of_code(None, self.status),
            None => {
                let transient = match (self.status, self.outlook) {
                    (Some(status), _) => status.class == 4,
                    (None, Outlook::StillTrying) => true,
                    (None, Outlook::GivenUp | Outlook::Unstated) => false,
                };
                let reply = Reply {
                    code: if transient { 450 } else { 550 },
                    enhanced: self.status,
                    lines: vec![self.text.split_whitespace().collect::<Vec<_>>().join(" ")],
                    inconsistent: false,
                };
                book.readings(&Answer::Reply(reply), &context)
            }
        }
    }
}

/// Whether a reply has words beside its codes.
fn has_words(reply: &Reply) -> bool {
    reply.lines.iter().any(|line| {
        let rest = EnhancedCode::at_start(line).map_or(line.as_str(), |(_, rest)| rest);
        rest.chars().any(char::is_alphabetic)
    })
}

/// The reading of a sending host's own words. A notice that says "still trying" makes nothing permanent.
fn of_silence(silence: unanswered::Unanswered, outlook: Outlook) -> Interpretation {
    let words = silence.words.join(" ... ");
    Interpretation {
        reading: Reading {
            reason: silence.reason,
            permanent: silence.permanent && outlook != Outlook::StillTrying,
            rule: format!("unanswered: {words}"),
        },
        why: format!("The sending server says so itself (\"{words}\"): no mail host had answered."),
    }
}

impl Judgement {
    /// When to try again: as the words ask, else as is usual for the reason. `None` when that is not what to do.
    fn retry_after(&self, text: &str) -> Option<Duration> {
        let first = self.readings.first()?;
        (action_after(&self.readings) == AddressAction::Retry)
            .then(|| wait::asked(text).unwrap_or_else(|| usual_wait(first.reading.reason)))
    }
}

/// Advice for all readings, likeliest first, each piece once.
fn advice(readings: &[Interpretation], case: &sender::Case) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for reading in readings {
        for piece in sender::advice(reading.reading.reason, case) {
            let piece = safe::line(&piece);
            if !all.contains(&piece) {
                all.push(piece);
            }
        }
    }
    all
}
