//! How a message stands, as far as it is counted: its list, what is held to be true, how likely it bounces.

use crate::model::flag::Flags;
use crate::model::reason::Reason;
use crate::model::verdict::{Disposition, Policy, Standing, Verdict};
use crate::projection::Kind;
use crate::verify::judge::rank;

/// See the module's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) list: Disposition,
    verdict: Verdict,
    pub(super) kind: Kind,
}

impl Stand {
    /// How one with this verdict and these flags stands.
    pub(super) fn of(verdict: Verdict, flags: Flags, policy: &Policy) -> Self {
        Stand {
            list: policy.disposition(verdict, flags.iter()),
            verdict,
            kind: Kind::of(verdict, flags),
        }
    }

    /// The lower the better; see [`rank`].
    pub(super) fn rank(&self) -> impl Ord + use<> {
        rank(self.list, self.verdict.standing)
    }
}

/// How messages stand whose mailboxes were answered alike.
#[derive(Debug)]
pub(super) struct Alike {
    pub(super) refused: Stand,
    pub(super) no_mail: Stand,
    pub(super) catch_all: Stand,
    /// Settled without an answer that says more.
    pub(super) unsettled: Stand,
}

impl Alike {
    /// By this policy.
    pub(super) fn by(policy: &Policy) -> Self {
        let of = |standing, reason| Stand::of(Verdict { standing, reason }, Flags::NONE, policy);
        Alike {
            refused: of(Standing::Undeliverable, Reason::NoSuchMailbox),
            no_mail: of(Standing::Undeliverable, Reason::NoSuchDomain),
            catch_all: of(Standing::Risky, Reason::CatchAll),
            unsettled: of(Standing::Unknown, Reason::TryLater),
        }
    }

    /// An accepted mailbox where unknown recipients are refused, which goes to this list.
    pub(super) fn proven(list: Disposition) -> Stand {
        Stand {
            list,
            verdict: ACCEPTED,
            kind: Kind::Proven,
        }
    }
}

/// What is held to be true of a mailbox that a host accepted which refuses unknown recipients.
pub(super) const ACCEPTED: Verdict = Verdict {
    standing: Standing::Deliverable,
    reason: Reason::Accepted,
};

/// Messages, counted by what is of interest about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// In the order of [`Disposition::ALL`].
    pub(super) lists: [u64; Disposition::ALL.len()],
    /// In the order of [`Kind::ALL`].
    pub(super) kinds: [u64; Kind::ALL.len()],
}

impl Counts {
    /// Counts so many that stand like this.
    pub(super) fn add(&mut self, stand: &Stand, messages: u64) {
        self.lists[place(stand.list)] += messages;
        self.kinds[at(stand.kind)] += messages;
    }

    /// Counts so many of which nothing is known but their list.
    pub(super) fn add_to_list(&mut self, list: Disposition, messages: u64) {
        self.lists[place(list)] += messages;
    }

    /// Counts one no more.
    pub(super) fn take_out(&mut self, stand: &Stand) {
        self.lists[place(stand.list)] -= 1;
        self.kinds[at(stand.kind)] -= 1;
    }

    /// Those of both.
    pub(super) fn with(mut self, other: &Counts) -> Counts {
        let lists = self.lists.iter_mut().zip(&other.lists);
        let kinds = self.kinds.iter_mut().zip(&other.kinds);
        for (sum, count) in lists.chain(kinds) {
            *sum += count;
        }
        self
    }
}

/// The place of a kind among [`Kind::ALL`].
fn at(kind: Kind) -> usize {
    let at = Kind::ALL.iter().position(|known| *known == kind);
    at.expect("all kinds are among all kinds")
}

/// The place of a list among [`Disposition::ALL`].
pub(super) fn place(list: Disposition) -> usize {
    match list {
        Disposition::Verified => 0,
        Disposition::Review => 1,
        Disposition::Rejected => 2,
    }
}
