//! Which checks large mailbox providers insist on, for a volume of mail.

use serde::Deserialize;

use super::check::{Check, Side, Weight};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    provider: String,
    since: String,
    from_volume: u64,
    checks: Vec<String>,
}

/// The rules of `config/sender_rules.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Rules {
    rule: Vec<Rule>,
}

impl Rules {
    /// The rules that come with the program.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn built_in() -> Self {
        toml::from_str(include_str!("../../config/sender_rules.toml"))
            .expect("the rules that come with the program are well formed")
    }

    /// Marks the checks of the sender that somebody insists on at `volume` messages a day, with who does. Those that a
    /// provider asks only of larger senders become advice.
    pub fn apply(&self, checks: &mut [Check], volume: u64) {
        for check in checks
            .iter_mut()
            .filter(|check| check.about == Side::Sender)
        {
            let about = || {
                self.rule
                    .iter()
                    .filter(|rule| rule.checks.iter().any(|id| id == check.id))
            };
            if about().next().is_none() {
                continue;
            }
            check.required_by = about()
                .filter(|rule| volume >= rule.from_volume)
                .map(|rule| format!("{} (since {})", rule.provider, rule.since))
                .collect();
            check.weight = if check.required_by.is_empty() {
                Weight::Advised
            } else {
                Weight::Required
            };
        }
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
        ];
        rules.apply(&mut checks, 200);
        assert_eq!(checks[0].weight, Weight::Advised);
        assert_eq!(checks[1].required_by.len(), 2);
        rules.apply(&mut checks, rules.bulk_volume());
        assert_eq!(checks[0].weight, Weight::Required);
        assert_eq!(checks[0].required_by.len(), 3);
    }
}
