//! How a list is read and judged: as its owner says it, and as it is worked with.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use crate::input::list::{ColumnChoice, Options};
use crate::model::verdict::Policy;
use crate::projection::{Basis, Goal, USUAL_CAP};

/// How a list is read and judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Choices {
    /// The column with the addresses, by its name or its number from 1. Without, it is found by what the cells hold.
    pub column: Option<String>,
    /// A further column that holds addresses too, where rows have several; may be repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// Which sheet of a workbook is read. Without, the first.
    pub sheet: Option<String>,
    /// What stands between fields: a character, `tab`, `0x1f`, `none`. Without, it is found out.
    pub delimiter: Option<String>,
    /// What the text is encoded in: `utf-8`, `windows-1251`, `gbk`. Without, it is found out.
    pub encoding: Option<String>,
    /// `strict`, `balanced` (as without) or `lenient`: which verdicts are verified, reviewed or rejected. Or the text of a
    /// policy file, such as `deliverable = "verified"` and a line each for `risky`, `unknown` and `undeliverable`.
    pub policy: Option<String>,
    /// The largest projected bounce rate, from 0 to 1, of the list `target.csv`, which is written where this is said.
    pub target: Option<f64>,
    /// Which rate keeps to `target`: `expected` (as without), or `upper`, the upper end of the 90 % interval.
    #[param(value_type = Option<String>)]
    #[schema(value_type = Option<String>)]
    pub target_on: Option<Basis>,
    /// The chance of bouncing, from 0 to 1, over which no address from review is added to `target.csv`. Without, 0.3.
    pub target_cap: Option<f64>,
    /// How long one address may wait for a host that wants us to come back, such as `30m`.
    pub wait: Option<String>,
    /// Ends the asking after this time, such as `2h`.
    pub deadline: Option<String>,
    /// What the report is called. Without, it has the list's name.
    pub title: Option<String>,
    /// Where to tell that the list is done, failed or paused: an `https` URL.
    pub webhook: Option<String>,
}

/// Choices as they are worked with.
pub struct Chosen {
    /// What is done about verdicts.
    pub policy: Policy,
    /// What `target.csv` keeps to.
    pub target: Option<Goal>,
    /// How long one address may wait for a host.
    pub wait: Option<Duration>,
    /// Ends the asking after this time.
    pub deadline: Option<Duration>,
}

/// Whether a parameter was one of the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is taken in.
    Choice,
    /// It says something else.
    Else,
}

impl Choices {
    /// Takes in what a parameter, or a field of a form, says; an empty one says nothing.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn say(&mut self, name: &str, text: &str) -> Result<Said, Problem> {
        let text = || Some(text.to_owned()).filter(|text| !text.is_empty());
        let Some(said) = text() else {
            return Ok(Said::Else);
        };
        match name {
            // As on the command line, where it may be repeated.
            "column" if self.column.is_some() => self.further.push(said),
            "column" => self.column = text(),
            "further" => self.further.push(said),
            "sheet" => self.sheet = text(),
            "delimiter" => self.delimiter = text(),
            "encoding" => self.encoding = text(),
            "policy" => self.policy = text(),
            "target" => self.target = Some(share(name, &said)?),
            "target_on" => {
                self.target_on = Some(match said.as_str() {
                    "expected" => Basis::Expected,
                    "upper" => Basis::Upper,
                    _ => return Err(not_so(name, &said, "write `expected` or `upper`")),
                });
            }
            "target_cap" => self.target_cap = Some(share(name, &said)?),
            "wait" => self.wait = text(),
            "deadline" => self.deadline = text(),
            "title" => self.title = text(),
            "webhook" => self.webhook = text(),
            _ => return Ok(Said::Else),
        }
        Ok(Said::Choice)
    }

    /// As they are worked with.
    ///
    /// # Errors
    ///
    /// What to change.
    pub fn chosen(&self) -> Result<Chosen, Problem> {
        self.options()?;
        Ok(Chosen {
            policy: policy(self.policy.as_deref().unwrap_or("balanced"))?,
            target: self.goal()?,
            wait: duration("wait", self.wait.as_deref())?,
            deadline: duration("deadline", self.deadline.as_deref())?,
        })
    }

    /// How the list is read.
    ///
    /// # Errors
    ///
    /// What to change.
    pub fn options(&self) -> Result<Options, Problem> {
        let column = |text: &String| {
            let Ok(column): Result<ColumnChoice, std::convert::Infallible> = text.parse();
            column
        };
        Ok(Options {
            column: self.column.as_ref().map_or(ColumnChoice::Detect, column),
            further: self.further.iter().map(column).collect(),
            delimiter: parsed("delimiter", self.delimiter.as_deref())?,
            encoding: parsed("encoding", self.encoding.as_deref())?,
            sheet: self.sheet.clone(),
        })
    }

    fn goal(&self) -> Result<Option<Goal>, Problem> {
        let is_share = |name: &str, share: Option<f64>| match share {
            Some(rate) if !(0.0..=1.0).contains(&rate) => {
                Err(not_so(name, &rate.to_string(), A_SHARE))
            }
            Some(_) | None => Ok(share),
        };
        let cap = is_share("target_cap", self.target_cap)?.unwrap_or(USUAL_CAP);
        let rate = is_share("target", self.target)?;
        Ok(rate.map(|rate| Goal {
            rate,
            basis: self.target_on.unwrap_or_default(),
            cap,
        }))
    }
}

/// What is written for a share.
const A_SHARE: &str = "write a share from 0 to 1, such as 0.02";

/// What is said of a choice that cannot be kept to.
fn not_so(name: &str, text: &str, instead: &str) -> Problem {
    Problem::bad(format!("`{name}` is {text:?}: {instead}"))
}

fn share(name: &str, text: &str) -> Result<f64, Problem> {
    text.parse().map_err(|_| not_so(name, text, A_SHARE))
}

/// The policy of that name, or of that text.
fn policy(text: &str) -> Result<Policy, Problem> {
    if let Some(policy) = Policy::built_in(text) {
        return Ok(policy);
    }
    if !text.contains('=') {
        return Err(not_so(
            "policy",
            text,
            "name `strict`, `balanced` or `lenient`, or send the text of a policy file",
        ));
    }
    Policy::from_toml(text, "policy").map_err(|error| Problem::bad(error.to_string()))
}

fn parsed<T>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let read = |text: &str| {
        let parsed = text.parse::<T>();
        parsed.map_err(|error| Problem::bad(format!("`{name}`: {error}")))
    };
    text.map(read).transpose()
}

fn duration(name: &str, text: Option<&str>) -> Result<Option<Duration>, Problem> {
    let read = |text: &str| {
        humantime::parse_duration(text)
            .map_err(|_| not_so(name, text, "write a duration: `90s`, `30m`, `2h` or `1d`"))
    };
    text.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::list::Delimiter;

    fn said(all: &[(&str, &str)]) -> Choices {
        let mut choices = Choices::default();
        for (name, text) in all {
            assert_eq!(choices.say(name, text).unwrap(), Said::Choice, "{name}");
        }
        choices
    }

    #[test]
    fn what_the_command_line_takes_can_be_said() {
        let choices = said(&[
            ("column", "Email"),
            ("column", "2nd"),
            ("further", "4"),
            ("sheet", "Leads"),
            ("delimiter", "tab"),
            ("encoding", "windows-1251"),
            ("target", "0.02"),
            ("target_on", "upper"),
            ("target_cap", "0.1"),
            ("wait", "30m"),
        ]);
        let chosen = choices.chosen().unwrap();
        let options = choices.options().unwrap();
        assert_eq!(options.further.len(), 2);
        assert_eq!(options.delimiter.and_then(Delimiter::mark), Some(b'\t'));
        assert_eq!(options.sheet.as_deref(), Some("Leads"));
        let goal = chosen.target.unwrap();
        assert_eq!(goal.basis, Basis::Upper);
        assert_eq!(
            [goal.rate, goal.cap].map(|share| share.to_string()),
            ["0.02", "0.1"]
        );
        assert_eq!(chosen.wait, Some(Duration::from_secs(1_800)));
        let kept = serde_json::to_string(&choices).unwrap();
        assert_eq!(serde_json::from_str::<Choices>(&kept).unwrap(), choices);
        assert_eq!(Choices::default().say("then", "x").unwrap(), Said::Else);
    }

    #[test]
    fn a_policy_is_named_or_written_out() {
        let strict = said(&[("policy", "strict")]).chosen().unwrap().policy;
        let own = "deliverable = \"verified\"\nrisky = \"verified\"\nunknown = \"rejected\"\nundeliverable = \"rejected\"\n";
        let own = said(&[("policy", own)]).chosen().unwrap().policy;
        assert_ne!(strict, own);
    }

    #[test]
    fn what_cannot_be_kept_to_is_told_with_what_to_write() {
        for (name, text, words) in [
            ("policy", "harsh", "lenient"),
            ("policy", "deliverable = 5", "policy"),
            ("delimiter", "ab", "delimiter"),
            ("encoding", "klingon", "windows-1252"),
            ("target", "2", "0 to 1"),
            ("target_cap", "-1", "0 to 1"),
            ("wait", "soon", "30m"),
        ] {
            let problem = said(&[(name, text)]).chosen().err().unwrap();
            assert!(problem.detail().contains(words), "{}", problem.detail());
        }
        let said = Choices::default().say("target", "many");
        assert!(said.unwrap_err().detail().contains("0 to 1"));
    }
}
