//! Which mailboxes were met before. With those that the ledger has settled ([`crate::ledger::Settled`]), this is what
//! grows with the list.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use crate::ledger::{Change, Register, Salt};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Verdict;

/// Mailboxes met so far, as 64-bit hashes under a secret key: 9 bytes and a little each. Two mailboxes of ten million
/// share a hash about once in 370,000 runs; the later one would be flagged as a duplicate, with its own verdict all the
/// same.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Where the last run is remembered, its register knows which mailboxes were met in this one too.
    register: Option<Register>,
    hashes: HashSet<u64, BuildHasherDefault<AsItIs>>,
    marker: Marker,
}

/// Gives mailboxes their marks; those of one [`Seen`] are alike, and no others.
#[derive(Clone, Debug)]
pub(super) enum Marker {
    /// For one reading.
    Once(RandomState),
    /// For comparing one run with the next.
    Lasting(Salt),
}

/// What a mailbox is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(pub(super) u64);

impl Default for Marker {
    fn default() -> Self {
        Marker::Once(RandomState::new())
    }
}

impl Marker {
    /// The mark of the mailbox with this key.
    pub(super) fn mark(&self, key: &str) -> Mark {
        Mark(match self {
            Marker::Once(keys) => keys.hash_one(key),
            Marker::Lasting(salt) => salt.hash(key),
        })
    }
}

impl Seen {
    /// Begins with the mailboxes of the last run, to be compared with.
    pub(super) fn beside(register: Option<Register>) -> Self {
        let marker = match &register {
            Some(register) => Marker::Lasting(register.salt().clone()),
            None => Marker::default(),
        };
        Seen {
            register,
            hashes: HashSet::default(),
            marker,
        }
    }

    /// How many mailboxes were met, where no register counts them.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// When the run ended that is remembered.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.register.as_ref().and_then(Register::since)
    }

    /// Notes how a mailbox stands that was met. Returns what changed, with how it stood before.
    pub(super) fn note(
        &mut self,
        mark: Mark,
        verdict: Verdict,
    ) -> Option<(Change, Option<Verdict>)> {
        self.register.as_mut()?.note(mark.0, verdict)
    }

    /// The register, where there is one.
    pub(super) fn register(&self) -> Option<&Register> {
        self.register.as_ref()
    }

    /// Notes the mailbox of a mark, one of this one's marker. Returns whether it is met for the first time.
    pub(super) fn add(&mut self, mark: Mark) -> bool {
        match &mut self.register {
            Some(register) => register.add(mark.0),
            None => self.hashes.insert(mark.0),
        }
    }

    /// Whether the mailbox of a mark was met.
    pub(super) fn has(&self, mark: Mark) -> bool {
        match &self.register {
            Some(register) => register.has(mark.0),
            None => self.hashes.contains(&mark.0),
        }
    }

    /// What gives mailboxes their marks here.
    pub(super) fn marker(&self) -> Marker {
        self.marker.clone()
    }
}

/// Hashes what is a hash already.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only whole hashes are looked up");
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn a_mailbox_is_new_once() {
        let mut seen = Seen::default();
        let marker = seen.marker();
        let marks: Vec<_> = (0..10_000)
            .map(|n| marker.mark(&format!("a{n}@b.test")))
            .collect();
        assert!(marks.iter().all(|mark| seen.add(*mark)));
        assert!(!marks.iter().any(|mark| seen.add(*mark)));
    }
}
