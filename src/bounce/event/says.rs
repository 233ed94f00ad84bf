//! One line of a platform's documentation: which words, and what they mean there.

use super::name::fold;
use crate::bounce::dsn::Withholding;
use crate::bounce::weigh::Kind;
use crate::model::reason::Reason;

/// Words that all stand in an event, with what they mean together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Says {
    pub(super) conditions: Vec<Condition>,
    pub(super) said: Said,
}

/// A field and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The field, folded.
    pub(super) field: String,
    pub(super) wanted: Wanted,
}

/// What stands in a field, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any value: `cleantime=*`.
    Anything,
    /// This word: `reason=old`.
    Word(String),
    /// A word that begins so: `reason=suppress*`.
    Beginning(String),
    /// These words somewhere: `details=~suppressionlist`.
    Within(String),
}

/// What words mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What happened, where they say.
    pub(super) outcome: Option<Outcome>,
    /// Why, where they say.
    pub(super) reason: Option<Reason>,
    /// Whether for good, where they say.
    pub(super) permanent: Option<bool>,
}

/// What happened, in a platform's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something about a message that was sent.
    Happened(Kind),
    /// Nothing was sent.
    Withheld(Withholding),
}

impl Condition {
    /// Reads `field=word`; `None` when there is no `=`.
    pub(super) fn read(pair: &str) -> Option<Condition> {
        let (field, word) = pair.split_once('=')?;
        let wanted = if word == "*" {
            Wanted::Anything
        } else if let Some(within) = word.strip_prefix('~') {
            Wanted::Within(fold(within))
        } else if let Some(begin) = word.strip_suffix('*') {
            Wanted::Beginning(fold(begin))
        } else {
            Wanted::Word(fold(word))
        };
        Some(Condition {
            field: fold(field),
            wanted,
        })
    }

    /// Whether a field's value (folded) is what is wanted.
    pub(super) fn holds(&self, value: &str) -> bool {
        match &self.wanted {
            Wanted::Anything => !value.is_empty(),
            Wanted::Word(word) => value == word,
            Wanted::Beginning(begin) => value.starts_with(begin.as_str()),
            Wanted::Within(words) => value.contains(words.as_str()),
        }
    }
}

impl Says {
    /// Reads `words` (`field=word`, several with blanks between) and `meaning` (a kind or a way of not sending, a
    /// reason, `permanent` or `temporary`). An error says what is wrong.
    pub(super) fn read(words: &str, meaning: &str) -> Result<Says, String> {
        let mut conditions = Vec::new();
        for pair in words.split_whitespace() {
            conditions.push(
                Condition::read(pair)
                    .ok_or_else(|| format!("`{pair}` is not of the form field=word"))?,
            );
        }
        let mut said = Said::default();
        for word in meaning.split_whitespace() {
            match word {
                "permanent" => said.permanent = Some(true),
                "temporary" => said.permanent = Some(false),
                "ignored" => said.outcome = Some(Outcome::Happened(Kind::Other)),
                "suppressed" => said.outcome = Some(Outcome::Withheld(Withholding::KnownDead)),
                "unsubscribed" => said.outcome = Some(Outcome::Withheld(Withholding::Unsubscribed)),
                "withheld" => said.outcome = Some(Outcome::Withheld(Withholding::Undisclosed)),
                "not_tried" => said.outcome = Some(Outcome::Withheld(Withholding::OwnChoice)),
                word => {
                    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == word) {
                        said.outcome = Some(Outcome::Happened(kind));
                    } else {
                        let reason = word.parse::<Reason>();
                        said.reason = Some(reason.map_err(|_| {
                            format!(
                                "`{word}` is no kind, no reason, nor `permanent` or `temporary`"
                            )
                        })?);
                    }
                }
            }
        }
        if conditions.is_empty() || said == Said::default() {
            return Err(format!("`{words}` = `{meaning}` says nothing"));
        }
        Ok(Says { conditions, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_documentation_is_read() {
        let says = Says::read("event=failed reason=suppress*", "suppressed").unwrap();
        assert_eq!(says.conditions.len(), 2);
        assert!(says.conditions[1].holds("suppressbounce") && !says.conditions[1].holds("bounce"));
        assert_eq!(
            says.said.outcome,
            Some(Outcome::Withheld(Withholding::KnownDead))
        );
        let says = Says::read("reason=old", "bounce expired temporary").unwrap();
        assert_eq!(says.said.reason, Some(Reason::Expired));
        assert_eq!(says.said.permanent, Some(false));
        assert!(Says::read("old", "bounce").is_err());
        assert!(Says::read("reason=old", "kaputt").is_err());
    }
}
