//! What large mailbox providers insist on, for a volume of mail, and how far it is met.

use serde::{Deserialize, Serialize};

use crate::preflight::check::{Check, Side, Status, Weight};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    provider: String,
    since: String,
    from_volume: u64,
    checks: Vec<String>,
    #[serde(default)]
    unseen: Vec<String>,
    #[expect(dead_code, reason = "for readers of the file")]
    source: String,
    #[expect(dead_code, reason = "for readers of the file")]
    checked: String,
}

impl Rule {
    fn names(&self, id: &str) -> bool {
        self.checks
            .iter()
            .chain(&self.unseen)
            .any(|each| each == id)
    }
}

/// The rules of `config/sender_rules.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    rule: Vec<Rule>,
}

/// How far one provider's rules are met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compliance {
    /// The provider that published the rules.
    pub provider: String,
    /// Since when, the oldest of those that hold.
    pub since: String,
    /// The checks that pass.
    pub met: Vec<&'static str>,
    /// The checks that fail.
    pub not_met: Vec<&'static str>,
    /// The checks that could not be made.
    pub not_known: Vec<&'static str>,
}

impl Rules {
    /// The rules that come with the program.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn built_in() -> Self {
        toml::from_str(include_str!("../../../config/sender_rules.toml"))
            .expect("the rules that come with the program are well formed")
    }

    /// Marks the checks of the sender that providers insist on at `volume` messages a day, with their names. Those that
    /// a provider asks only of larger senders become advice; what cannot be seen from outside stays advice.
    pub fn apply(&self, checks: &mut [Check], volume: u64) {
        let of_sender = |check: &&mut Check| check.about == Side::Sender;
        for check in checks.iter_mut().filter(of_sender) {
            let about: Vec<&Rule> = self
                .rule
                .iter()
                .filter(|rule| rule.names(check.id))
                .collect();
            if about.is_empty() {
                continue;
            }
            let holds = |rule: &&&Rule| volume >= rule.from_volume;
            check.required_by = about
                .iter()
                .filter(holds)
                .map(|rule| format!("{} (since {})", rule.provider, rule.since))
                .collect();
            let seen = |rule: &&Rule| rule.checks.iter().any(|each| each == check.id);
            check.weight = if about.iter().filter(holds).any(seen) {
                Weight::Required
            } else {
                Weight::Advised
            };
        }
    }

    /// How far each provider's rules for `volume` messages a day are met. A check made several times, for several
    /// addresses, is as good as the worst of them.
    #[must_use]
    pub fn compliance(&self, checks: &[Check], volume: u64) -> Vec<Compliance> {
        let mut all: Vec<Compliance> = Vec::new();
        for rule in self.rule.iter().filter(|rule| volume >= rule.from_volume) {
            let known = all.iter().position(|one| one.provider == rule.provider);
            let index = known.unwrap_or_else(|| {
                all.push(Compliance {
                    provider: rule.provider.clone(),
                    since: rule.since.clone(),
                    met: Vec::new(),
                    not_met: Vec::new(),
                    not_known: Vec::new(),
                });
                all.len() - 1
            });
            let one = &mut all[index];
            for id in rule.checks.iter().chain(&rule.unseen) {
                let about = |check: &&Check| check.about == Side::Sender && check.id == id;
                let made = || checks.iter().filter(about);
                let Some(id) = made().next().map(|check| check.id) else {
                    continue;
                };
                let has = |status| made().any(|check| check.status == status);
                if has(Status::Fail) {
                    one.not_met.push(id);
                } else if has(Status::Unknown) {
                    one.not_known.push(id);
                } else {
                    one.met.push(id);
                }
            }
        }
        all
    }

    /// The smallest volume at which every rule holds.
    #[must_use]
    pub fn bulk_volume(&self) -> u64 {
        let volumes = self.rule.iter().map(|rule| rule.from_volume);
        volumes.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_sender_is_advised_what_a_large_one_is_required() {
        let rules = Rules::built_in();
        let mut checks = [
            Check::pass("dmarc_record", "", ""),
            Check::pass("ptr", "", ""),
            Check::unknown("one_click_unsubscribe", "", "", ""),
        ];
        rules.apply(&mut checks, 200);
        assert_eq!(checks[0].weight, Weight::Advised);
        assert_eq!(checks[1].required_by.len(), 2);
        rules.apply(&mut checks, rules.bulk_volume());
        assert_eq!(checks[0].weight, Weight::Required);
        assert_eq!(checks[0].required_by.len(), 3);
        assert_eq!(checks[2].required_by.len(), 2);
        assert_eq!(checks[2].weight, Weight::Advised, "nobody can see it");
    }

    #[test]
    fn a_rule_is_met_as_far_as_its_worst_check() {
        let rules = Rules::built_in();
        let checks = [
            Check::pass("ptr", "", ""),
            Check::fail("ptr", "", "", ""),
            Check::pass("authentication", "", ""),
            Check::unknown("dkim_key", "", "", ""),
        ];
        let small = rules.compliance(&checks, 100);
        let names: Vec<&str> = small.iter().map(|one| one.provider.as_str()).collect();
        assert_eq!(names, ["Gmail", "Yahoo"]);
        assert_eq!(small[0].not_met, ["ptr"]);
        assert_eq!(small[0].met, ["authentication"]);
        let large = rules.compliance(&checks, 5000);
        assert_eq!(large.len(), 3);
        assert_eq!(large[2].not_known, ["dkim_key"]);
    }
}
