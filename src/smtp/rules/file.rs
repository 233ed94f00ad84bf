//! Reads rule files, and says where a bad one is wrong.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::rule::{CodeRange, Meaning, Rule, StatusRange};
use super::search::{AnyOf, Phrases};
use crate::model::reason::{Blame, Reason};
use crate::model::stage::Stage;

/// What is wrong with a rule file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct BookError {
    /// The path of the rule file, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub what: String,
}

/// A rule file that comes with the program, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnFile {
    names: Vec<String>,
    hedge: Vec<Spanned<Entry>>,
    rule: Vec<Spanned<Entry>>,
    fallback: Vec<Spanned<Entry>>,
}

/// An operator's rule file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorFile {
    #[serde(default)]
    rule: Vec<Spanned<Entry>>,
}

/// A rule, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    reason: Spanned<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    or: Vec<OtherEntry>,
    #[serde(default)]
    stage: Vec<Spanned<String>>,
    #[serde(default)]
    code: Vec<Spanned<String>>,
    #[serde(default)]
    status: Vec<Spanned<String>>,
    #[serde(default)]
    provider: Vec<String>,
    #[serde(default)]
    text: Vec<Spanned<String>>,
    #[serde(default)]
    with: Vec<Spanned<String>>,
    #[serde(default)]
    without: Vec<Spanned<String>>,
    #[serde(default)]
    quotes: bool,
    #[serde(default)]
    example: Option<String>,
    /// For readers of the file.
    #[serde(default, rename = "source")]
    _source: Option<String>,
}

/// Another meaning, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherEntry {
    reason: Spanned<String>,
    why: String,
}

/// What the program's own file holds.
pub(super) struct Own {
    pub(super) names: Vec<String>,
    pub(super) hedges: Vec<Rule>,
    pub(super) rules: Vec<Rule>,
    pub(super) fallbacks: Vec<Rule>,
}

/// Reads the program's own file.
pub(super) fn read_own(text: &str, file: &str, phrases: &mut Phrases) -> Result<Own, BookError> {
    let mut reader = Reader {
        file,
        text,
        phrases,
    };
    let written: OwnFile = reader.parse()?;
    let hedges = reader.rules(written.hedge)?;
    let rules = reader.rules(written.rule)?;
    let mut fallbacks = reader.rules(written.fallback)?;
    for fallback in &mut fallbacks {
        fallback.id = format!("{}{}", crate::model::reading::FALLBACK, fallback.id);
    }
    Ok(Own {
        names: written.names,
        hedges,
        rules,
        fallbacks,
    })
}

/// Reads an operator's file.
pub(super) fn read_operators(
    text: &str,
    file: &str,
    phrases: &mut Phrases,
) -> Result<Vec<Rule>, BookError> {
    let mut reader = Reader {
        file,
        text,
        phrases,
    };
    let written: OperatorFile = reader.parse()?;
    reader.rules(written.rule)
}

/// The error at the rule `id` of a file.
pub(super) fn error_at_rule(text: &str, file: &str, id: &str, what: String) -> BookError {
    let mark = format!("\"{id}\"");
    let at = text.find(&mark).unwrap_or_default();
    error_at(text, file, at, what)
}

/// The error at byte `at` of a file.
fn error_at(text: &str, file: &str, at: usize, what: String) -> BookError {
    let before = text.get(..at).unwrap_or(text);
    BookError {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        what,
    }
}

/// Turns what is written into rules.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    phrases: &'a mut Phrases,
}

impl Reader<'_> {
    fn parse<T: DeserializeOwned>(&self) -> Result<T, BookError> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, error.message().to_owned())
        })
    }

    fn error(&self, at: usize, what: String) -> BookError {
        error_at(self.text, self.file, at, what)
    }

    fn rules(&mut self, entries: Vec<Spanned<Entry>>) -> Result<Vec<Rule>, BookError> {
        let mut rules: Vec<Rule> = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = entry.span().start;
            let entry = entry.into_inner();
            let id_at = entry.id.span().start;
            let rule = self.rule(at, entry)?;
            if rules.iter().any(|earlier| earlier.id == rule.id) {
                return Err(self.error(
                    id_at,
                    format!("there are two rules `{}`; rename one", rule.id),
                ));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn rule(&mut self, at: usize, entry: Entry) -> Result<Rule, BookError> {
        let id = entry.id.get_ref().trim();
        if id.is_empty() || id.contains(|c: char| c.is_control() || c == '"') {
            return Err(self.error(
                entry.id.span().start,
                "give the rule a short name, such as `id = \"our-gateway\"`".to_owned(),
            ));
        }
        let asks = !(entry.stage.is_empty()
            && entry.code.is_empty()
            && entry.status.is_empty()
            && entry.provider.is_empty()
            && entry.text.is_empty());
        if !asks {
            return Err(self.error(
                at,
                format!(
                    "rule `{id}` fits every reply; say which ones with `text`, `code`, `status`, `stage` or `provider`"
                ),
            ));
        }
        let reason = self.reason(&entry.reason)?;
        let others = entry
            .or
            .into_iter()
            .map(|other| {
                Ok(Meaning {
                    reason: self.reason(&other.reason)?,
                    why: other.why,
                })
            })
            .collect::<Result<_, BookError>>()?;
        Ok(Rule {
            id: id.to_owned(),
            meaning: Meaning {
                reason,
                why: entry
                    .why
                    .unwrap_or_else(|| reason.in_plain_words().to_owned()),
            },
            others,
            stages: self.each(
                &entry.stage,
                "no stage",
                "connect, greeting, hello, tls, mail, rcpt, data or unknown",
                |word| Stage::ALL.into_iter().find(|stage| stage.as_str() == word),
            )?,
            codes: self.each(
                &entry.code,
                "no reply code of a refusal",
                "one such as 550, or its beginning, such as 55 or 4",
                CodeRange::read,
            )?,
            statuses: self.each(
                &entry.status,
                "no enhanced status code",
                "one such as 5.1.1, x.2.2, 5.7.* or 5.7.606-649",
                StatusRange::read,
            )?,
            providers: entry.provider,
            text: self.phrases(&entry.text)?,
            with: self.phrases(&entry.with)?,
            without: self.phrases(&entry.without)?,
            quotes: entry.quotes,
            example: entry.example,
        })
    }

    /// A reason that a reply can have.
    fn reason(&self, written: &Spanned<String>) -> Result<Reason, BookError> {
        let at = written.span().start;
        let reason: Reason = written
            .get_ref()
            .parse()
            .map_err(|error| self.error(at, format!("{error}")))?;
        match reason.blame() {
            Blame::Mailbox | Blame::Domain | Blame::Host | Blame::Sender | Blame::Nobody => Ok(reason),
            Blame::Operator | Blame::Us => Err(self.error(
                at,
                format!("`{reason}` is nothing that a mail host says; take a reason that a reply can have"),
            )),
        }
    }

    /// Reads each entry of a list.
    fn each<T>(
        &self,
        written: &[Spanned<String>],
        fault: &str,
        choices: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, BookError> {
        written
            .iter()
            .map(|word| {
                read(word.get_ref()).ok_or_else(|| {
                    self.error(
                        word.span().start,
                        format!("`{}` is {fault}; write {choices}", word.get_ref()),
                    )
                })
            })
            .collect()
    }

    fn phrases(&mut self, written: &[Spanned<String>]) -> Result<AnyOf, BookError> {
        let mut all = Vec::with_capacity(written.len());
        for phrase in written {
            let Some(read) = self.phrases.add(phrase.get_ref()) else {
                return Err(self.error(
                    phrase.span().start,
                    format!(
                        "`{}` has no word to look for; write words of the reply, such as `user unknown`",
                        phrase.get_ref()
                    ),
                ));
            };
            all.push(read);
        }
        Ok(self.phrases.any_of(all))
    }
}
