//! One rule: on which replies it fits, and what it says of them.

use super::search::{AnyOf, Found};
use crate::model::reason::Reason;
use crate::smtp::{EnhancedCode, Stage};

/// A rule, compiled.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The name of the rule, unique in its file.
    pub(super) id: String,
    /// What it says, and its other possible meanings.
    pub(super) meaning: Meaning,
    pub(super) others: Vec<Meaning>,
    /// All that is stated must hold; of each list, one entry.
    pub(super) stages: Vec<Stage>,
    pub(super) codes: Vec<CodeRange>,
    pub(super) statuses: Vec<StatusRange>,
    pub(super) providers: Vec<String>,
    pub(super) text: AnyOf,
    pub(super) with: AnyOf,
    pub(super) without: AnyOf,
    /// Whether such a reply may quote another server's, which is read instead where it blames the mailbox.
    pub(super) quotes: bool,
    /// A reply that it is for.
    pub(super) example: Option<String>,
}

/// What a reply may mean.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    pub(super) reason: Reason,
    /// Why, in one sentence for the operator.
    pub(super) why: String,
}

/// What a rule looks at.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) stage: Stage,
    pub(super) code: u16,
    pub(super) enhanced: Option<EnhancedCode>,
    pub(super) provider: Option<&'a str>,
    pub(super) found: &'a Found<'a>,
}

impl Rule {
    /// Whether the rule fits.
    pub(super) fn fits(&self, case: &Case<'_>) -> bool {
        let codes = one_of(&self.codes, |range| range.holds(case.code))
            && one_of(&self.statuses, |range| {
                case.enhanced.is_some_and(|code| range.holds(code))
            });
        let place = one_of(&self.stages, |stage| *stage == case.stage)
            && one_of(&self.providers, |id| case.provider == Some(id.as_str()));
        codes
            && place
            && (self.text.is_empty() || case.found.first(&self.text).is_some())
            && (self.with.is_empty() || case.found.first(&self.with).is_some())
            && case.found.first(&self.without).is_none()
    }

    /// Whether it would condemn an address although it may mean something that does not: then it must not.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.meaning.reason.may_reject()
            && self.others.iter().any(|other| !other.reason.may_reject())
    }
}

/// Whether one of `entries` holds; where there are none, nothing is asked for.
fn one_of<T>(entries: &[T], holds: impl Fn(&T) -> bool) -> bool {
    entries.is_empty() || entries.iter().any(holds)
}

/// Reply codes, as rules write them: `550`, `55` for 550 to 559, `4` for all that are temporary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodeRange {
    first: u16,
    last: u16,
}

impl CodeRange {
    /// Reads one to three digits.
    pub(super) fn read(text: &str) -> Option<Self> {
        let rest = match text.len() {
            1 => 100,
            2 => 10,
            3 => 1,
            _ => return None,
        };
        let starts_as_refusal = text.starts_with(['4', '5']);
        let digits: u16 = text.parse().ok().filter(|_| starts_as_refusal)?;
        let first = digits * rest;
        Some(CodeRange {
            first,
            last: first + rest - 1,
        })
    }

    fn holds(self, code: u16) -> bool {
        (self.first..=self.last).contains(&code)
    }
}

/// Enhanced codes, as rules write them: `5.1.1`, `x.2.2` for both classes, `5.7.*`, `5.7.606-649`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusRange {
    class: Option<u8>,
    subject: Option<u16>,
    details: (u16, u16),
}

impl StatusRange {
    /// Reads a range of enhanced codes, such as `x.1.1-4` or `5.7.*`; `None` where the text is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut fields = text.split('.');
        let (class, subject, detail) = (fields.next()?, fields.next()?, fields.next()?);
        let class = match class {
            "x" => None,
            "4" => Some(4),
            "5" => Some(5),
            _ => return None,
        };
        let subject = match subject {
            "*" => None,
            digits => Some(digits.parse().ok()?),
        };
        let details = match (detail, detail.split_once('-')) {
            ("*", _) => (0, u16::MAX),
            (_, Some((first, last))) => (first.parse().ok()?, last.parse().ok()?),
            (one, None) => {
                let one = one.parse().ok()?;
                (one, one)
            }
        };
        let is_range = details.0 <= details.1 && fields.next().is_none();
        is_range.then_some(StatusRange {
            class,
            subject,
            details,
        })
    }

    fn holds(self, code: EnhancedCode) -> bool {
        self.class.is_none_or(|class| class == code.class)
            && self.subject.is_none_or(|subject| subject == code.subject)
            && (self.details.0..=self.details.1).contains(&code.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_whole_or_as_a_beginning() {
        let holds = |range: &str, code| CodeRange::read(range).unwrap().holds(code);
        assert!(holds("550", 550) && !holds("550", 551));
        assert!(holds("55", 559) && !holds("55", 560));
        assert!(holds("4", 421) && !holds("4", 500));
        for wrong in ["", "2", "5500", "5x0", "x"] {
            assert_eq!(CodeRange::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn enhanced_codes_are_written_with_blanks_and_ranges() {
        let holds = |range: &str, code: &str| {
            let (code, _) = EnhancedCode::at_start(code).unwrap();
            StatusRange::read(range).unwrap().holds(code)
        };
        assert!(holds("5.1.1", "5.1.1") && !holds("5.1.1", "5.1.10") && !holds("5.1.1", "4.1.1"));
        assert!(holds("x.2.2", "4.2.2") && holds("x.2.2", "5.2.2"));
        assert!(holds("5.7.*", "5.7.26") && !holds("5.7.*", "5.1.1"));
        assert!(holds("5.7.606-649", "5.7.611") && !holds("5.7.606-649", "5.7.650"));
        assert!(holds("5.*.*", "5.0.0"));
        for wrong in ["5", "5.1", "5.1.1.1", "2.1.5", "5.1.9-1", "a.b.c", ""] {
            assert_eq!(StatusRange::read(wrong), None, "{wrong}");
        }
    }
}
