//! Sorts what is said about a delivery by speaker, and reads each statement by itself.

use super::{
    About, BounceEvidence, BounceVerdict, Confidence, Event, Grounds, Kind, Statement, Trust,
};
use crate::bounce::dsn::Diagnostic;
use crate::bounce::dsn::Recipient;
use crate::bounce::dsn::quoted;
use crate::bounce::dsn::unanswered;
use crate::model::provider::{Provider, Providers, UnknownUser};
use crate::model::reason::{Blame, Reason};
use crate::smtp::rules::{self, Book, Context, Interpretation, Reading};
use crate::smtp::{Answer, EnhancedCode, Reply, Severity, Stage};

/// What the rule of a reading begins with that rests on a server's own words about a host that gave no reply.
pub(super) const UNANSWERED: &str = "unanswered";

/// What the asker knows beyond the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// When in the session the reply came.
    pub stage: Option<Stage>,
    /// The provider of the host that replied.
    pub provider: Option<&'a Provider>,
}

/// What statements are read with.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// The rules for reading replies.
    pub book: &'a Book,
    /// The providers, by which mail hosts are recognised.
    pub providers: &'a Providers,
}

impl Knowledge<'static> {
    /// What comes with the program.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn built_in() -> Knowledge<'static> {
        use std::sync::LazyLock;
        static BOOK: LazyLock<Book> = LazyLock::new(Book::built_in);
        static PROVIDERS: LazyLock<Providers> = LazyLock::new(Providers::built_in);
        Knowledge {
            book: &BOOK,
            providers: &PROVIDERS,
        }
    }
}

/// What is known of a delivery beside what is said about it.
#[derive(Clone, Debug, Default)]
pub struct Circumstances<'a> {
    /// What became of the message, as it is stated.
    pub event: Event,
    /// The provider of the recipient's mail host.
    pub provider: Option<&'a Provider>,
    /// When in the session the asker knows that it was said; else the text may tell.
    pub stage: Option<Stage>,
    /// Names that a host may echo and that are not its own words.
    pub echoes: Vec<&'a str>,
    /// The sender's domains.
    pub ours: Vec<&'a str>,
    /// Other recipients of the same notice.
    pub others: Vec<&'a str>,
}

/// Gathers what is said about one recipient.
#[must_use]
pub fn gather(
    recipient: &Recipient,
    circumstances: &Circumstances<'_>,
    book: &Book,
) -> BounceEvidence {
    let reader = Reader {
        book,
        circumstances,
        recipient,
    };
    let text = recipient
        .diagnostic
        .as_ref()
        .map_or("", |diagnostic| diagnostic.text.as_str());
    let said = reader.read(
        text,
        reply_of(recipient.diagnostic.as_ref(), recipient.reply.as_ref()),
        recipient.status,
        recipient.stage,
    );
    let (reporter, platform) = match &recipient.claim {
        // A platform's text that quotes no host is the platform's.
        Some(_) if said.reply.is_none() && recipient.status.is_none() => (None, said.own),
        Some(_) | None => (said.own, None),
    };
    let prose = recipient.prose.as_ref().and_then(|prose| {
        let said = reader.read(&prose.text, prose.reply.as_ref(), None, prose.stage);
        said.reply
            .filter(|statement| statement.grounds <= Grounds::Status)
            .or(said.own)
    });
    BounceEvidence {
        recipient: recipient
            .final_recipient
            .clone()
            .or_else(|| recipient.original_recipient.clone()),
        event: circumstances.event.clone(),
        reply: said.reply,
        reporter,
        platform,
        claim: recipient.claim.clone(),
        prose,
        trust: match circumstances.provider.map(|provider| provider.unknown_user) {
            Some(UnknownUser::Ambiguous) => Trust::Ambiguous,
            Some(UnknownUser::Plain) | None => Trust::Plain,
        },
    }
}

/// What a reply of success means, where it is explained by itself.
#[must_use]
pub fn of_yes(
    said: &quoted::Quoted,
    circumstances: &Circumstances<'_>,
    book: &Book,
) -> BounceVerdict {
    let readings = said.reply.as_ref().map_or_else(Vec::new, |reply| {
        let context = Context {
            stage: circumstances.stage.or(said.stage).unwrap_or(Stage::Unknown),
            provider: circumstances.provider,
            echoes: &circumstances.echoes,
            ours: &[],
        };
        book.readings(&Answer::Reply(reply.clone()), &context)
    });
    BounceVerdict {
        recipient: said.address.clone(),
        kind: Kind::Delivered,
        reason: readings.first().map(|first| first.reading.reason),
        permanent: false,
        condemns: false,
        confidence: Confidence::Likely,
        because: "The code is one of success.".to_owned(),
        readings,
    }
}

/// The reply that a diagnostic quotes, if a host of the other side gave it: exit codes of local programs (`x-unix;
/// 200`) and replies of success are none.
fn reply_of<'r>(diagnostic: Option<&Diagnostic>, reply: Option<&'r Reply>) -> Option<&'r Reply> {
    let reply = reply?;
    let local = diagnostic
        .and_then(|diagnostic| diagnostic.kind.as_deref())
        .is_some_and(|kind| matches!(kind, "x-unix" | "unix"));
    (!local && reply.severity() != Severity::Positive).then_some(reply)
}

/// What one text says: the reply in it, and what is its writer's own.
#[derive(Default)]
struct Said {
    reply: Option<Statement>,
    own: Option<Statement>,
}

/// Reads statements about one recipient.
struct Reader<'a> {
    book: &'a Book,
    circumstances: &'a Circumstances<'a>,
    recipient: &'a Recipient,
}

impl Reader<'_> {
    /// Reads a text, the reply that it quotes, and the status beside it.
    fn read(
        &self,
        text: &str,
        reply: Option<&Reply>,
        status: Option<EnhancedCode>,
        stage: Option<Stage>,
    ) -> Said {
        let silence = unanswered::read(text);
        let answered = reply.is_some() && !quoted::is_enhanced_alone(text);
        let by_book = self.by_book(text, reply, status, stage);
        let statement = (!by_book.is_empty()).then(|| {
            let grounds = grounds(&by_book[0].reading);
            let words = reply.map(|reply| reply.lines.join(" "));
            let about = self.about(words.as_deref().unwrap_or(text), &by_book[0].reading);
            Statement {
                readings: by_book,
                grounds,
                about,
            }
        });
        let Some(silence) = silence else {
            return if answered {
                Said {
                    reply: statement,
                    own: None,
                }
            } else {
                Said {
                    reply: None,
                    own: statement,
                }
            };
        };
        let own = Statement {
            readings: vec![of_silence(&silence)],
            grounds: if silence.is_last_word() {
                Grounds::LastWord
            } else {
                Grounds::Words
            },
            about: About::Recipient,
        };
        // A refusal that speaks of policy, content or a mailbox in its code is one, whatever else stands in it; a code
        // of the network with such words is the sending side's own.
        let refuses = |statement: &Statement| {
            statement.grounds == Grounds::Words
                || statement.grounds == Grounds::Status
                    && reply
                        .and_then(|reply| reply.enhanced)
                        .is_some_and(|code| matches!(code.subject, 2 | 6 | 7))
        };
        let local_delivery = matches!(silence.reason.blame(), Blame::Mailbox);
        let said_before_giving_up = silence.is_last_word()
            && statement
                .as_ref()
                .is_some_and(|statement| statement.grounds == Grounds::Words);
        // Words such as "message expired" are the queue's in a reply as well.
        let statement =
            statement.filter(|statement| statement.readings[0].reading.reason != Reason::Expired);
        match statement {
            // The program that delivers says why; the code behind it is the server's own sum of that.
            Some(_) if local_delivery => Said {
                reply: None,
                own: Some(own),
            },
            Some(statement) if answered && (refuses(&statement) || silence.is_last_word()) => {
                Said {
                    reply: Some(statement),
                    own: Some(own),
                }
            }
            Some(statement) if said_before_giving_up => Said {
                reply: None,
                own: Some(statement),
            },
            Some(_) | None => Said {
                reply: None,
                own: Some(own),
            },
        }
    }

    /// What the book says of the reply; of the bare text or status, where no reply is quoted.
    fn by_book(
        &self,
        text: &str,
        reply: Option<&Reply>,
        status: Option<EnhancedCode>,
        stage: Option<Stage>,
    ) -> Vec<Interpretation> {
        let context = Context {
            stage: self.circumstances.stage.or(stage).unwrap_or(Stage::Unknown),
            provider: self.circumstances.provider,
            echoes: &self.circumstances.echoes,
            ours: &[],
        };
        match reply {
            Some(reply) => {
                let found_by_reporter = status.filter(|status| is_own_finding(*status, reply));
                let enhanced = reply.enhanced.or(found_by_reporter);
                if has_words(reply) {
                    let reply = Reply {
                        enhanced,
                        ..reply.clone()
                    };
                    return self.book.readings(&Answer::Reply(reply), &context);
                }
                // "5.1.1" alone was given a reply code only to have one.
                let invented = quoted::is_enhanced_alone(text);
                self.book
                    .of_code((!invented).then_some(reply.code), enhanced)
            }
            // Beside a message that came back, a status of success says nothing.
            None if !text.chars().any(char::is_alphabetic) => {
                let failure = status.filter(|status| status.class != 2);
                self.book.of_code(None, failure)
            }
            None => {
                let transient = match (status, &self.circumstances.event) {
                    (Some(status), _) => status.class == 4,
                    (None, Event::StillTrying) => true,
                    (None, _) => false,
                };
                let reply = Reply {
                    code: if transient { 450 } else { 550 },
                    enhanced: status.filter(|status| status.class != 2),
                    lines: vec![text.split_whitespace().collect::<Vec<_>>().join(" ")],
                    inconsistent: false,
                };
                self.book.readings(&Answer::Reply(reply), &context)
            }
        }
    }

    /// What a text is about: recipient, sender or another.
    fn about(&self, text: &str, reading: &Reading) -> About {
        let theirs: Vec<&str> = [
            self.recipient.final_recipient.as_deref(),
            self.recipient.original_recipient.as_deref(),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !super::blames_recipient(reading.reason) {
            return About::Recipient;
        }
        if rules::speaks_of_us(text, &self.circumstances.ours, &theirs) {
            return About::Sender;
        }
        let lower = text.to_lowercase();
        let names = |address: &&str| lower.contains(&address.to_lowercase());
        if self.circumstances.others.iter().any(names) && !theirs.iter().any(names) {
            return About::Another;
        }
        About::Recipient
    }
}

/// Whether a status beside a reply without one says more than the reply's code: statuses about addresses and mailboxes
/// are what MTAs derive from the code (Sendmail: 5.1.1 for any 550), and 5.0.0 says nothing.
fn is_own_finding(status: EnhancedCode, reply: &Reply) -> bool {
    let same_class = u16::from(status.class) == reply.code / 100;
    same_class && !matches!(status.subject, 0 | 1 | 2 | 5)
}

/// What a reading of the book rests on.
fn grounds(reading: &Reading) -> Grounds {
    if reading.reason == Reason::Expired {
        return Grounds::LastWord;
    }
    let Some(fallback) = reading.rule.strip_prefix(rules::FALLBACK) else {
        return Grounds::Words;
    };
    let by_code = fallback.len() == 3 && fallback.bytes().all(|byte| byte.is_ascii_digit());
    if by_code || reading.reason == Reason::Unread {
        Grounds::Code
    } else {
        Grounds::Status
    }
}

/// Whether a reply has words beside its codes.
fn has_words(reply: &Reply) -> bool {
    reply.lines.iter().any(|line| {
        let rest = EnhancedCode::at_start(line).map_or(line.as_str(), |(_, rest)| rest);
        rest.chars().any(char::is_alphabetic)
    })
}

/// The reading of a sending host's own words.
fn of_silence(silence: &unanswered::Unanswered) -> Interpretation {
    let words = silence.words.join(" ... ");
    let (rule, why) = if silence.reason.blame() == Blame::Mailbox {
        (
            "local delivery",
            "the program that puts mail into mailboxes knows them",
        )
    } else {
        (UNANSWERED, "no mail host had answered")
    };
    Interpretation {
        reading: Reading {
            reason: silence.reason,
            permanent: silence.permanent,
            rule: format!("{rule}: {words}"),
        },
        why: format!("The server says so itself (\"{words}\"): {why}."),
    }
}
