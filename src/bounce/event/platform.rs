//! How sending platforms name things: `config/platforms.toml`, and an operator's mapping of the same form before it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use super::name::fold;
use super::says::{Condition, Said, Says};
use crate::bounce::weigh::Kind;
use crate::model::reason::Reason;

/// The names and words of all platforms, ready for look-up.
#[derive(Clone, Debug)]
pub struct Platforms {
    fields: HashMap<Field, Vec<String>>,
    kinds: HashMap<String, Kind>,
    claims: HashMap<String, ClassClaim>,
    known: Vec<Platform>,
    /// What a row is that names a recipient and does not say what happened.
    unsaid: Option<Kind>,
}

/// One sending platform: how its events are known, and what its words mean there.
#[derive(Clone, Debug)]
struct Platform {
    name: String,
    known_by: Vec<Vec<Sign>>,
    own_codes: Vec<u16>,
    says: Vec<Says>,
}

/// What gives a platform away.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sign {
    /// That there is a field, folded.
    Field(String),
    /// That a field holds a word.
    Word(Condition),
}

/// What a platform's own words come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Understood {
    /// The platform's name.
    pub(super) platform: Option<String>,
    /// What its documentation says that the words mean; `None` where it has no entry for them.
    pub(super) said: Option<Said>,
    /// Codes that are the platform's own and no replies.
    pub(super) own_codes: Vec<u16>,
}

/// What a field of an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    /// The address written to.
    Recipient,
    /// The mail host's words.
    Text,
    /// The enhanced status code.
    Status,
    /// The reply code.
    Code,
    /// Words that say what happened, and why.
    Kind,
    /// When it happened.
    Time,
    /// What the platform calls this event.
    Id,
    /// The message that it is about.
    Message,
    /// The host that refused.
    Remote,
    /// The host that reports it.
    Reporting,
    /// What type of feedback it is.
    Feedback,
}

/// What a class word of any platform claims about the cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassClaim {
    /// Why, where the word says.
    pub(super) reason: Option<Reason>,
    /// Whether for good, where the word says.
    pub(super) permanent: Option<bool>,
}

static BUILT_IN: LazyLock<Platforms> = LazyLock::new(Platforms::read_own);

/// A mapping file is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {what}; see config/platforms.toml for the form")]
pub struct NoMapping {
    name: String,
    what: String,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformFile {
    #[serde(default)]
    fields: BTreeMap<Field, Names>,
    #[serde(default)]
    kinds: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    permanent: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    temporary: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    platform: Vec<PlatformEntry>,
}

/// One platform, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformEntry {
    name: String,
    /// Sets of fields; an event that has all fields of one set is this platform's.
    known_by: Vec<String>,
    #[serde(default)]
    own_codes: Vec<u16>,
    /// Pairs: the words, and what the documentation says that they mean. The first that fits decides.
    says: Vec<(String, String)>,
    /// For readers of the file.
    #[serde(rename = "source")]
    _source: String,
}

/// One name, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Platforms {
    /// The platforms that come with the program.
    ///
    /// # Panics
    ///
    /// When the file that comes with the program is malformed, which a test rules out.
    #[must_use]
    pub fn built_in() -> Platforms {
        BUILT_IN.clone()
    }

    /// Reads the file that comes with the program.
    fn read_own() -> Platforms {
        let mut platforms = Platforms {
            fields: HashMap::new(),
            kinds: HashMap::new(),
            claims: HashMap::new(),
            known: Vec::new(),
            unsaid: None,
        };
        platforms
            .add(
                include_str!("../../../config/platforms.toml"),
                "config/platforms.toml",
            )
            .expect("config/platforms.toml is well formed");
        platforms
    }

    /// These platforms with an operator's mapping before them; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`NoMapping`] when the text is no mapping.
    pub fn with_mapping(mut self, text: &str, name: &str) -> Result<Platforms, NoMapping> {
        let built_in = std::mem::take(&mut self.fields);
        self.add(text, name)?;
        for (field, names) in built_in {
            self.fields.entry(field).or_default().extend(names);
        }
        Ok(self)
    }

    /// These platforms, where a row that does not say what happened is of this kind.
    #[must_use]
    pub fn taking_unsaid_for(mut self, kind: Kind) -> Platforms {
        self.unsaid = Some(kind);
        self
    }

    /// What a row is that does not say what happened.
    pub(super) fn unsaid(&self) -> Option<Kind> {
        self.unsaid
    }

    /// What the words of an event mean at the platform that it comes from. `has` tells whether it has a field, `fits`
    /// whether a field holds a word.
    pub(super) fn understand(
        &self,
        has: impl Fn(&str) -> bool,
        fits: impl Fn(&Condition) -> bool,
    ) -> Understood {
        let platform = self.known.iter().find(|platform| {
            platform.known_by.iter().any(|signs| {
                signs.iter().all(|sign| match sign {
                    Sign::Field(field) => has(field),
                    Sign::Word(condition) => fits(condition),
                })
            })
        });
        let Some(platform) = platform else {
            return Understood::default();
        };
        Understood {
            platform: Some(platform.name.clone()),
            said: platform
                .says
                .iter()
                .find(|says| says.conditions.iter().all(&fits))
                .map(|says| says.said),
            own_codes: platform.own_codes.clone(),
        }
    }

    /// Adds a file. Its words take the place of those that are there, its fields are put behind.
    fn add(&mut self, text: &str, name: &str) -> Result<(), NoMapping> {
        let wrong = |what: String| NoMapping {
            name: name.to_owned(),
            what,
        };
        let file: PlatformFile =
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        for (field, names) in file.fields {
            let names = match names {
                Names::One(name) => vec![name],
                Names::Many(names) => names,
            };
            self.fields
                .entry(field)
                .or_default()
                .extend(names.iter().map(|name| fold(name)));
        }
        for (kind, words) in file.kinds {
            let kind = match kind.as_str() {
                "ignored" => Kind::Other,
                word => Kind::ALL
                    .into_iter()
                    .find(|kind| kind.as_str() == word)
                    .ok_or_else(|| wrong(format!("`{word}` is no kind")))?,
            };
            self.kinds
                .extend(words.iter().map(|word| (fold_word(word), kind)));
        }
        let mut platforms = Vec::new();
        for entry in file.platform {
            let says = entry
                .says
                .iter()
                .map(|(words, meaning)| {
                    Says::read(words, meaning)
                        .map_err(|what| wrong(format!("{}: {what}", entry.name)))
                })
                .collect::<Result<Vec<Says>, NoMapping>>()?;
            platforms.push(Platform {
                known_by: entry
                    .known_by
                    .iter()
                    .map(|signs| {
                        signs
                            .split_whitespace()
                            .map(|sign| match Condition::read(sign) {
                                Some(condition) => Sign::Word(condition),
                                None => Sign::Field(fold(sign)),
                            })
                            .collect()
                    })
                    .collect(),
                name: entry.name,
                own_codes: entry.own_codes,
                says,
            });
        }
        // An operator's platforms go before ours.
        platforms.append(&mut self.known);
        self.known = platforms;
        for (permanent, reasons) in [(true, file.permanent), (false, file.temporary)] {
            for (name, words) in reasons {
                let reason = match name.as_str() {
                    "hard" | "soft" => None,
                    word => Some(
                        word.parse::<Reason>()
                            .map_err(|_| wrong(format!("`{word}` is no reason")))?,
                    ),
                };
                for word in &words {
                    let claim = self.claims.entry(fold_word(word)).or_default();
                    claim.reason = reason.or(claim.reason);
                    claim.permanent = Some(permanent);
                }
            }
        }
        Ok(())
    }

    /// Whether a name (folded) is one that platforms give to a field.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.fields.values().flatten().any(|known| known == name)
    }

    /// The names under which a field goes, most telling first.
    pub(super) fn names(&self, field: Field) -> &[String] {
        self.fields.get(&field).map_or(&[], Vec::as_slice)
    }

    /// What the word `value` in a field called `name` (folded) says that happened.
    pub(super) fn kind(&self, name: &str, value: &str) -> Option<Kind> {
        let word = fold(value);
        self.kinds
            .get(&format!("{name}={word}"))
            .or_else(|| self.kinds.get(&word))
            .copied()
    }

    /// What the word `value` in a field called `name` (folded) says about the cause.
    pub(super) fn claim(&self, name: &str, value: &str) -> Option<ClassClaim> {
        let word = fold(value);
        self.claims
            .get(&format!("{name}={word}"))
            .or_else(|| self.claims.get(&word))
            .copied()
    }
}

/// A word of the file, of which `=` is a sign that counts.
fn fold_word(word: &str) -> String {
    match word.split_once('=') {
        Some((field, word)) => format!("{}={}", fold(field), fold(word)),
        None => fold(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_comes_with_the_program_is_well_formed() {
        let platforms = Platforms::built_in();
        assert_eq!(platforms.kind("event", "hard_bounce"), Some(Kind::Bounce));
        assert_eq!(platforms.kind("event", "spamreport"), Some(Kind::Complaint));
        assert_eq!(platforms.kind("event", "a word of nobody"), None);
        let claim = platforms.claim("bounceclass", "10").unwrap();
        assert_eq!(claim.reason, Some(Reason::NoSuchMailbox));
        assert_eq!(platforms.claim("count", "10"), None);
    }

    #[test]
    fn a_mapping_goes_before_the_platforms() {
        let platforms = Platforms::built_in()
            .with_mapping(
                "[fields]\nrecipient = \"Rcpt Name\"\n[kinds]\nbounce = [\"kaputt\"]\n[permanent]\nno_such_mailbox = [\"kaputt\"]",
                "mine.toml",
            )
            .unwrap();
        assert_eq!(platforms.names(Field::Recipient)[0], "rcptname");
        assert_eq!(platforms.kind("x", "Kaputt"), Some(Kind::Bounce));
        let wrong = Platforms::built_in().with_mapping("[permanent]\nnonsense = []", "mine.toml");
        assert!(
            wrong
                .unwrap_err()
                .to_string()
                .starts_with("mine.toml: `nonsense`")
        );
    }
}
