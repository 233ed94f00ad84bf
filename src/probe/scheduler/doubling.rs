//! Whether a machine may have said each of its acceptances twice.

/// What the order of a session's first answers leaves open.
///
/// Where commands travel together, the second reply to a recipient is taken for the answer to the next: a machine that
/// says each acceptance twice seems to accept two recipients for each that it accepts. So what it seems to accept comes in
/// pairs, and an odd number of acceptances between two refusals shows that it says them once. That holds up to the first
/// RSET: from then on others of its replies stand among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubling {
    /// Acceptances since the last refusal.
    row: u32,
    /// Whether something has shown that it says them once.
    is_excluded: bool,
}

impl Doubling {
    /// Takes in the next answer about a recipient of a session's first transaction.
    pub(super) fn note(&mut self, accepted: bool) {
        if accepted {
            self.row += 1;
        } else {
            self.is_excluded |= self.row % 2 == 1;
            self.row = 0;
        }
    }

    /// Nothing more came while the session kept still.
    pub(super) fn exclude(&mut self) {
        self.is_excluded = true;
    }

    /// How many of so many acceptances may be none.
    pub(super) fn mistaken(self, accepted: u32) -> u32 {
        if self.is_excluded { 0 } else { accepted / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_row_of_acceptances_shows_that_none_was_said_twice() {
        for (answers, mistaken) in [
            ("", 0),
            ("a", 0),
            ("aa", 1),
            ("aaaaaaaa", 4),
            ("aarraaaa", 3),
            ("raar", 1),
            ("aar a", 1),
            ("ar", 0),
            ("aaaraaaa", 0),
            ("aaraaarr", 0),
        ] {
            let mut doubling = Doubling::default();
            let answers = answers.chars().filter(|answer| *answer != ' ');
            for answer in answers.clone() {
                doubling.note(answer == 'a');
            }
            let accepted = answers.filter(|answer| *answer == 'a').count();
            let accepted = u32::try_from(accepted).unwrap();
            assert_eq!(doubling.mistaken(accepted), mistaken, "{accepted}");
        }
    }

    #[test]
    fn a_session_that_kept_still_has_seen_every_second_reply() {
        let mut doubling = Doubling::default();
        doubling.note(true);
        doubling.note(true);
        doubling.exclude();
        assert_eq!(doubling.mistaken(2), 0);
    }
}
