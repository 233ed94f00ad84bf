//! How long what was learned may be used again.

use std::str::FromStr;
use std::time::Duration;

use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Fact, Finding, Whom};

/// How long what was learned may be used again, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Addresses that were accepted.
    pub accepted: Duration,
    /// Addresses that were refused.
    pub refused: Duration,
    /// How a domain answers for unknown recipients.
    pub catch_all: Duration,
    /// Findings of DNS that name no time of their own.
    pub route: Duration,
    /// Messages that came back for good.
    pub bounced: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Lifetimes {
            accepted: DAY * 7,
            refused: DAY * 3,
            catch_all: DAY * 7,
            route: Duration::from_secs(3600),
            // A mailbox that is gone stays gone; after a year its name may have been given to another user.
            bounced: DAY * 365,
        }
    }
}

/// One wish about lifetimes: `2d` for addresses of both kinds with what is known of catch-alls, or `refused=12h` for
/// one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    kind: Option<Kind>,
    lifetime: Duration,
}

/// The kinds that have lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Accepted,
    Refused,
    CatchAll,
    Route,
    Bounced,
}

impl FromStr for Fresh {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, duration) = match text.split_once('=') {
            None => (None, text),
            Some((name, duration)) => {
                let kind = match name.trim() {
                    "accepted" => Kind::Accepted,
                    "refused" => Kind::Refused,
                    "catch-all" | "catch_all" => Kind::CatchAll,
                    "route" => Kind::Route,
                    "bounced" => Kind::Bounced,
                    other => {
                        return Err(format!(
                            "`{other}` is none of accepted, refused, catch-all, route, bounced"
                        ));
                    }
                };
                (Some(kind), duration)
            }
        };
        let lifetime = humantime::parse_duration(duration.trim())
            .map_err(|_| format!("`{text}` is no duration: write 7d, 12h or accepted=7d"))?;
        Ok(Fresh { kind, lifetime })
    }
}

impl Lifetimes {
    /// These lifetimes changed by what the operator wants: general wishes first, then those for one kind, whatever
    /// their order.
    #[must_use]
    pub fn changed_by(mut self, wishes: &[Fresh]) -> Self {
        for wish in wishes.iter().filter(|wish| wish.kind.is_none()) {
            self.accepted = wish.lifetime;
            self.refused = wish.lifetime;
            self.catch_all = wish.lifetime;
        }
        for wish in wishes {
            match wish.kind {
                None => {}
                Some(Kind::Accepted) => self.accepted = wish.lifetime,
                Some(Kind::Refused) => self.refused = wish.lifetime,
                Some(Kind::CatchAll) => self.catch_all = wish.lifetime,
                Some(Kind::Route) => self.route = wish.lifetime,
                Some(Kind::Bounced) => self.bounced = wish.lifetime,
            }
        }
        self
    }

    /// How long a fact of an earlier run may be used; `None` for what settles nothing.
    #[must_use]
    pub fn of(&self, fact: &Fact) -> Option<Duration> {
        match &fact.finding {
            Finding::Domain { reason, .. } => reason.may_reject().then_some(self.route),
            Finding::Asked { whom, reading, .. } => match (whom, reading.reason) {
                (
                    Whom::Decoy,
                    Reason::Accepted
                    | Reason::AcceptedProvider
                    | Reason::CatchAllUntested
                    | Reason::NoSuchMailbox
                    | Reason::MailboxDisabled
                    | Reason::MailboxMoved
                    // It takes a refusal back, so it must last as long.
                    | Reason::ProviderAnomaly,
                ) => Some(self.catch_all),
                (
                    Whom::Subject,
                    Reason::Accepted | Reason::AcceptedProvider | Reason::CatchAllUntested,
                ) => Some(self.accepted),
                (Whom::Subject, _) if reading.condemns() => {
                    Some(self.refused)
                }
                (Whom::Subject, Reason::MailboxFull | Reason::MailboxBusy) => Some(self.refused),
                // It takes an answer back, so it must last as long.
                (Whom::Subject, Reason::ProviderAnomaly) => Some(self.accepted.max(self.refused)),
                (Whom::Subject | Whom::Decoy, _) => None,
            },
            Finding::Bounced {
                reason, permanent, ..
            } => reason.condemns(*permanent).then_some(self.bounced),
            Finding::Text { .. } | Finding::Withheld { .. } => None,
        }
    }

    /// Whether a fact is of use to later runs at all.
    pub(super) fn settles(fact: &Fact) -> bool {
        Lifetimes::default().of(fact).is_some()
    }

    /// Whether a fact of an earlier run may still be used at `now`; `until` is when DNS lets it go, where it said.
    pub(super) fn allow(&self, fact: &Fact, until: Option<Timestamp>, now: Timestamp) -> bool {
        match (self.of(fact), until) {
            (None, _) => false,
            (Some(_), Some(until)) => now < until,
            (Some(lifetime), None) => now.since(fact.at) < lifetime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetimes(wishes: &[&str]) -> Lifetimes {
        let wishes: Vec<Fresh> = wishes.iter().map(|wish| wish.parse().unwrap()).collect();
        Lifetimes::default().changed_by(&wishes)
    }

    #[test]
    fn a_wish_for_one_kind_wins_over_a_general_one_in_any_order() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for wishes in [["refused=12h", "2d"], ["2d", "refused=12h"]] {
            let lifetimes = lifetimes(&wishes);
            assert_eq!(lifetimes.refused, hours(12));
            assert_eq!(lifetimes.accepted, hours(48));
            assert_eq!(lifetimes.catch_all, hours(48));
            assert_eq!(lifetimes.route, hours(1), "DNS says how long it holds");
        }
    }

    #[test]
    fn a_wish_that_is_none_says_how_one_looks() {
        let error = "accepted=soon".parse::<Fresh>().unwrap_err();
        assert!(error.contains("accepted=7d"), "{error}");
        let error = "unknown=1d".parse::<Fresh>().unwrap_err();
        assert!(error.contains("catch-all"), "{error}");
    }
}
