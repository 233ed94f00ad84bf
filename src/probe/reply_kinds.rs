//! The kinds of replies that a session had: a host that stumbles at one kind keeps in step as long as it gives none of
//! it.

use serde::{Deserialize, Serialize};

use super::Spent;

/// Kinds of replies at which a host may fall out of step, as far as a session had them. The replies that every session
/// has are none of them: to EHLO, to the first MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyKinds {
    /// To RSET, which begins every transaction but the first.
    #[serde(default)]
    pub resets: bool,
    /// To a recipient that was accepted.
    #[serde(default)]
    pub acceptances: bool,
    /// To a recipient that was not.
    #[serde(default)]
    pub refusals: bool,
}

impl ReplyKinds {
    /// The kinds of replies of a session that has been used for this.
    #[must_use]
    pub fn of(spent: Spent) -> Self {
        ReplyKinds {
            resets: spent.transactions > 1,
            acceptances: spent.accepted > 0,
            refusals: spent.refused > 0,
        }
    }

    /// These kinds and those.
    #[must_use]
    pub fn and(self, those: Self) -> Self {
        ReplyKinds {
            resets: self.resets || those.resets,
            acceptances: self.acceptances || those.acceptances,
            refusals: self.refusals || those.refusals,
        }
    }

    /// Whether all of those kinds are among these.
    #[must_use]
    pub fn cover(self, those: Self) -> bool {
        self.and(those) == self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_kinds_of_replies_that_it_was_used_for() {
        let of = |accepted, refused, transactions| {
            let kinds = ReplyKinds::of(Spent {
                accepted,
                refused,
                transactions,
                ..Spent::default()
            });
            (kinds.resets, kinds.acceptances, kinds.refusals)
        };
        assert_eq!(of(0, 0, 1), (false, false, false));
        assert_eq!(of(2, 0, 1), (false, true, false));
        assert_eq!(of(0, 1, 2), (true, false, true));
    }

    #[test]
    fn what_was_in_step_says_nothing_of_replies_of_another_kind() {
        let refusals = ReplyKinds {
            refusals: true,
            ..ReplyKinds::default()
        };
        let all = ReplyKinds {
            resets: true,
            acceptances: true,
            refusals: true,
        };
        assert!(all.cover(refusals) && refusals.cover(refusals));
        assert!(refusals.cover(ReplyKinds::default()));
        assert!(!refusals.cover(all));
    }
}
