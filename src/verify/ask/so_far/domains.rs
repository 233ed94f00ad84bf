//! How the mailboxes of each domain were answered: eight bytes beside the domain's hash for all but the largest.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::model::verdict::Disposition;
use crate::verify::seen::AsItIs;

/// How the mailboxes were answered that are alone in their rows, by the 64-bit hashes of their domains. A list may name
/// a million domains, almost all of which have a few mailboxes: their counts are packed.
#[derive(Debug, Default)]
pub(super) struct Domains {
    packed: HashMap<u64, Packed, BuildHasherDefault<AsItIs>>,
    large: HashMap<u64, Domain, BuildHasherDefault<AsItIs>>,
}

/// What is known of a domain's mailboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Domain {
    /// Asked about, or to be.
    pub(super) wanted: u32,
    /// Accepted by a host whose acceptance proves something where unknown recipients are refused, by the list that they
    /// go to then, in the order of [`Disposition::ALL`].
    pub(super) accepted: [u32; Disposition::ALL.len()],
    pub(super) refused: u32,
    pub(super) unknown_recipients: UnknownRecipients,
}

/// How a domain answers for unknown recipients, as far as lists depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UnknownRecipients {
    #[default]
    Untold,
    Refused,
    Accepted,
    /// It takes no mail for any recipient.
    NoMail,
}

impl UnknownRecipients {
    /// In the order of their numbers in a [`Packed`].
    const ALL: [UnknownRecipients; 4] = [
        UnknownRecipients::Untold,
        UnknownRecipients::Refused,
        UnknownRecipients::Accepted,
        UnknownRecipients::NoMail,
    ];
}

/// What a domain adds to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) proven: [u64; Disposition::ALL.len()],
    pub(super) refused: u64,
    pub(super) no_mail: u64,
    pub(super) catch_all: u64,
}

impl Domains {
    /// What is known of the domain with this hash.
    pub(super) fn get(&self, hash: u64) -> Domain {
        let packed = self.packed.get(&hash).copied();
        match self.large.get(&hash) {
            Some(domain) => *domain,
            None => packed.unwrap_or_default().unpacked(),
        }
    }

    /// Changes what is known of the domain with this hash. Returns how it was and how it is.
    pub(super) fn change(&mut self, hash: u64, change: impl FnOnce(&mut Domain)) -> [Domain; 2] {
        let before = self.get(hash);
        let mut now = before;
        change(&mut now);
        // Counts grow: what is large once stays so.
        if let Some(packed) = Packed::of(&now).filter(|_| !self.large.contains_key(&hash)) {
            self.packed.insert(hash, packed);
        } else {
            self.packed.remove(&hash);
            self.large.insert(hash, now);
        }
        [before, now]
    }
}

/// A domain in 64 bits: five counts of 12, how it answers for unknown recipients above them.
#[derive(Clone, Copy, Debug, Default)]
struct Packed(u64);

impl Packed {
    const BITS_OF_A_COUNT: u32 = 12;

    /// The domain, unless one of its counts is too large.
    fn of(domain: &Domain) -> Option<Packed> {
        let Domain {
            wanted,
            accepted: [verified, review, rejected],
            refused,
            unknown_recipients,
        } = *domain;
        let counts = [wanted, verified, review, rejected, refused];
        let bits = counts
            .iter()
            .fold(unknown_recipients as u64, |bits, count| {
                bits << Self::BITS_OF_A_COUNT | u64::from(*count)
            });
        let fits = |count: &u32| count >> Self::BITS_OF_A_COUNT == 0;
        counts.iter().all(fits).then_some(Packed(bits))
    }

    fn unpacked(self) -> Domain {
        let mut bits = self.0;
        let mut take = || {
            let count = bits & ((1 << Self::BITS_OF_A_COUNT) - 1);
            bits >>= Self::BITS_OF_A_COUNT;
            u32::try_from(count).expect("12 bits")
        };
        let [refused, rejected, review, verified, wanted] = std::array::from_fn(|_| take());
        Domain {
            wanted,
            accepted: [verified, review, rejected],
            refused,
            unknown_recipients: UnknownRecipients::ALL[usize::try_from(bits).expect("two bits")],
        }
    }
}

impl Domain {
    /// Whether a mailbox is left that was not counted: one that tests the host is asked about once more.
    pub(super) fn has_more(&self) -> bool {
        self.accepted.iter().sum::<u32>() + self.refused < self.wanted
    }

    /// One was accepted, or refused, that is not believed any more: which it was is not known here, so of most of them.
    pub(super) fn take_back(&mut self) {
        let most = self.accepted.iter_mut().max().expect("three lists");
        if *most > self.refused {
            *most -= 1;
        } else {
            self.refused = self.refused.saturating_sub(1);
        }
    }

    /// What its mailboxes add to the whole.
    pub(super) fn share(&self) -> Share {
        let refused = u64::from(self.refused);
        match self.unknown_recipients {
            UnknownRecipients::Untold => Share {
                refused,
                ..Share::default()
            },
            UnknownRecipients::Refused => Share {
                proven: self.accepted.map(u64::from),
                refused,
                ..Share::default()
            },
            UnknownRecipients::Accepted => Share {
                refused,
                catch_all: u64::from(self.wanted.saturating_sub(self.refused)),
                ..Share::default()
            },
            UnknownRecipients::NoMail => Share {
                no_mail: u64::from(self.wanted),
                ..Share::default()
            },
        }
    }
}

impl Share {
    /// Of how many mailboxes it is known how they stand.
    pub(super) fn told(&self) -> u64 {
        self.proven.iter().sum::<u64>() + self.refused + self.no_mail + self.catch_all
    }

    /// Puts what a domain adds now in the place of what it added before.
    pub(super) fn change(&mut self, before: Share, now: Share) {
        for (sum, (before, now)) in self
            .proven
            .iter_mut()
            .zip(before.proven.into_iter().zip(now.proven))
        {
            *sum = *sum - before + now;
        }
        self.refused = self.refused - before.refused + now.refused;
        self.no_mail = self.no_mail - before.no_mail + now.no_mail;
        self.catch_all = self.catch_all - before.catch_all + now.catch_all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_the_same_packed_and_in_full_however_large_it_grows() {
        for unknown_recipients in UnknownRecipients::ALL {
            let mut domains = Domains::default();
            let mut plain = Domain::default();
            for n in 0_u32..10_000 {
                let change = |domain: &mut Domain| {
                    domain.unknown_recipients = unknown_recipients;
                    domain.wanted += 1;
                    match n % 7 {
                        0 => domain.refused += 1,
                        more => domain.accepted[(more % 3) as usize] += more / 3,
                    }
                };
                assert_eq!(domains.get(1), plain);
                let before = plain;
                change(&mut plain);
                assert_eq!(domains.change(1, change), [before, plain]);
            }
            assert_eq!((domains.packed.len(), domains.large.len()), (0, 1));
            domains.change(2, |domain| domain.wanted += 4095);
            assert_eq!((domains.packed.len(), domains.large.len()), (1, 1));
            assert_eq!(domains.get(2).wanted, 4095);
        }
        assert_eq!(size_of::<(u64, Packed)>(), 16);
    }
}
