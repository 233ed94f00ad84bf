//! Which of our addresses may ask a host that has blocked one of them.
//!
//! A host that blocks an address is not asked from that address again until the block is over, and from no other one for
//! [`limits::ENGINE_BLOCK_REST`]: it would take the second for the first that comes back. Where two are blocked, it means
//! us, not an address, and nobody asks it.
//!
//! What single machines have against us is kept by machine: another one of the same hoster has said nothing, and whom it
//! serves is asked about as before.

use std::collections::BTreeMap;
use std::iter;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::tried::Tried;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::Block;

/// Who of us was blocked by one host, with what else is told of it in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// By all its machines.
    #[serde(flatten)]
    all: Barred,
    /// By single ones of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    machines: BTreeMap<IpAddr, Barred>,
    /// What was tried in vain there.
    #[serde(default, skip_serializing_if = "Tried::is_empty")]
    pub tried: Tried,
}

/// Who of us was blocked at some machines, and who asks there instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    /// By source address, or by the name of one that has none of its own.
    by_source: BTreeMap<String, Blocked>,
    /// The partition that the orders have moved to since the worker that has theirs was blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved_to: Option<u16>,
}

/// One address's block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Blocked {
    /// When it was told so.
    at: Timestamp,
    #[serde(flatten)]
    block: Block,
}

/// Whether an address may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Granted,
    /// Another one is blocked: not before this moment.
    NotBefore(Timestamp),
    /// It is blocked itself, or two others are.
    Denied,
}

impl Blocks {
    /// Notes that a source address was blocked: by one machine, or by all of the host's. Returns whether that was news.
    pub fn note(
        &mut self,
        source: &str,
        machine: Option<IpAddr>,
        block: &Block,
        now: Timestamp,
    ) -> bool {
        self.there(machine).note(source, block, now)
    }

    fn there(&mut self, machine: Option<IpAddr>) -> &mut Barred {
        match machine {
            Some(machine) => self.machines.entry(machine).or_default(),
            None => &mut self.all,
        }
    }

    /// What keeps us from asking where these machines answer: all of them have it against us.
    #[must_use]
    pub fn at(&self, machines: impl IntoIterator<Item = IpAddr>) -> Barred {
        let each = machines.into_iter();
        let each = each.map(|machine| self.machines.get(&machine).cloned().unwrap_or_default());
        let own = each.reduce(|all, one| all.shared_with(&one));
        let own = own.unwrap_or_default();
        self.all.clone().joined_with(own)
    }

    /// Whose blocks keep us from asking at `machines`: their own, or those of all machines of the host (`None`).
    #[must_use]
    pub fn by_whom(
        &self,
        machines: impl IntoIterator<Item = IpAddr>,
        now: Timestamp,
    ) -> Vec<Option<IpAddr>> {
        if self.all.count(now) > 0 {
            vec![None]
        } else {
            machines.into_iter().map(Some).collect()
        }
    }

    /// Moves the orders for these machines to a partition, or all (`None`).
    pub fn move_to(&mut self, machines: &[Option<IpAddr>], partition: u16) {
        for &machine in machines {
            self.there(machine).moved_to = Some(partition);
        }
    }

    /// The blocks in force at `now`, of all machines and of single ones, each with the source address that is blocked.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (&str, &Block)> {
        let all = iter::once(&self.all).chain(self.machines.values());
        all.flat_map(move |barred| barred.in_force(now))
    }
}

impl Barred {
    /// What two machines have in common against us: where only one of them blocks, the other may be asked.
    fn shared_with(mut self, other: &Barred) -> Self {
        self.by_source.retain(|source, ours| {
            let theirs = other.by_source.get(source);
            theirs.is_some_and(|theirs| {
                ours.at = ours.at.max(theirs.at);
                if theirs.block.until < ours.block.until {
                    ours.block.clone_from(&theirs.block);
                }
                true
            })
        });
        self.moved_to = self.moved_to.filter(|_| self.moved_to == other.moved_to);
        self
    }

    /// What either has against us.
    fn joined_with(mut self, other: Barred) -> Self {
        for (source, blocked) in other.by_source {
            let known = self.by_source.get(&source);
            if known.is_none_or(|known| known.block.until < blocked.block.until) {
                self.by_source.insert(source, blocked);
            }
        }
        self.moved_to = self.moved_to.or(other.moved_to);
        self
    }

    fn note(&mut self, source: &str, block: &Block, now: Timestamp) -> bool {
        let before = self.by_source.get(source);
        if before.is_some_and(|before| before.block.until >= block.until) {
            return false;
        }
        let at = before
            .filter(|before| now < before.block.until)
            .map_or(now, |before| before.at);
        let blocked = Blocked {
            at,
            block: block.clone(),
        };
        self.by_source.insert(source.to_owned(), blocked);
        true
    }

    /// Whether a source address may ask at `now`.
    #[must_use]
    pub fn leave(&self, source: &str, now: Timestamp) -> Leave {
        let mut in_force = self.blocked(now).peekable();
        let (mut count, mut until) = (0, Timestamp::default());
        if in_force.peek().is_none() {
            return Leave::Granted;
        }
        for (who, blocked) in in_force {
            if who == source {
                return Leave::Denied;
            }
            count += 1;
            until = until.max(blocked.at + limits::ENGINE_BLOCK_REST);
        }
        match count {
            1 if until <= now => Leave::Granted,
            1 => Leave::NotBefore(until),
            _ => Leave::Denied,
        }
    }

    /// The number of the partition that a small host's orders have moved to: the worker that holds it is their one
    /// visitor.
    #[must_use]
    pub fn moved_to(&self) -> Option<u16> {
        self.moved_to
    }

    /// From when on another one may ask, where `source` alone is blocked at `now`.
    #[must_use]
    pub fn another_from(&self, source: &str, now: Timestamp) -> Option<Timestamp> {
        let mut in_force = self.blocked(now);
        let (who, blocked) = in_force.next()?;
        let is_alone = who == source && in_force.next().is_none();
        is_alone.then(|| blocked.at + limits::ENGINE_BLOCK_REST)
    }

    /// How many source addresses are blocked at `now`.
    #[must_use]
    pub fn count(&self, now: Timestamp) -> usize {
        self.in_force(now).count()
    }

    /// The block that lasts longest, of those in force at `now`.
    #[must_use]
    pub fn longest(&self, now: Timestamp) -> Option<&Block> {
        let blocks = self.in_force(now).map(|(_, block)| block);
        blocks.max_by_key(|block| block.until)
    }

    /// The source addresses that are blocked at `now`, each with its block.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (&str, &Block)> {
        self.blocked(now)
            .map(|(source, blocked)| (source, &blocked.block))
    }

    fn blocked(&self, now: Timestamp) -> impl Iterator<Item = (&str, &Blocked)> {
        let all = self.by_source.iter();
        all.filter(move |(_, blocked)| now < blocked.block.until)
            .map(|(source, blocked)| (source.as_str(), blocked))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::reading::Reading;
    use crate::model::reason::Reason;
    use crate::model::stage::Stage;
    use crate::model::verdict::Exchange;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    const RACK: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 8));

    fn at(minutes: u64) -> Timestamp {
        START + Duration::from_secs(minutes * 60)
    }

    fn until(minutes: u64) -> Block {
        Block {
            until: at(minutes),
            exchange: Exchange {
                stage: Stage::Greeting,
                host: "mx.acme.test".to_owned(),
                code: Some(554),
                reply: "554 5.7.1 blocked".to_owned(),
            },
            reading: Reading {
                reason: Reason::SenderBlocked,
                permanent: true,
                rule: "test".to_owned(),
            },
        }
    }

    #[test]
    fn one_blocked_keeps_itself_away_and_others_for_an_hour() {
        let mut blocks = Barred::default();
        assert_eq!(blocks.leave("192.0.2.1", START), Leave::Granted);
        assert!(blocks.note("192.0.2.1", &until(240), START));
        assert!(!blocks.note("192.0.2.1", &until(240), at(1)), "no news");
        assert_eq!(blocks.leave("192.0.2.1", at(239)), Leave::Denied);
        assert_eq!(blocks.leave("192.0.2.2", at(1)), Leave::NotBefore(at(60)));
        assert_eq!(blocks.leave("192.0.2.2", at(60)), Leave::Granted);
        assert_eq!(
            blocks.leave("192.0.2.1", at(240)),
            Leave::Granted,
            "it is over"
        );
    }

    #[test]
    fn another_may_ask_instead_of_one_that_is_blocked_alone() {
        let mut blocks = Barred::default();
        assert_eq!(blocks.another_from("192.0.2.1", START), None);
        blocks.note("192.0.2.1", &until(240), START);
        assert_eq!(blocks.another_from("192.0.2.1", at(5)), Some(at(60)));
        assert_eq!(
            blocks.another_from("192.0.2.2", at(5)),
            None,
            "it may itself"
        );
        blocks.note("192.0.2.2", &until(240), at(61));
        assert_eq!(blocks.another_from("192.0.2.1", at(62)), None, "nobody may");
    }

    #[test]
    fn two_blocked_keep_all_away() {
        let mut blocks = Barred::default();
        blocks.note("192.0.2.1", &until(240), START);
        blocks.note("192.0.2.2", &until(300), at(61));
        assert_eq!(blocks.count(at(62)), 2);
        assert_eq!(blocks.leave("192.0.2.3", at(200)), Leave::Denied);
        assert_eq!(blocks.longest(at(200)), Some(&until(300)));
        // The first is over, the second an hour old.
        assert_eq!(blocks.leave("192.0.2.3", at(241)), Leave::Granted);
    }

    #[test]
    fn a_machine_that_blocks_speaks_for_no_other() {
        let mut blocks = Blocks::default();
        blocks.note("192.0.2.1", Some(RACK), &until(240), START);
        let leave = |blocks: &Blocks, machines: &[IpAddr], source: &str| {
            blocks.at(machines.iter().copied()).leave(source, at(1))
        };
        assert_eq!(leave(&blocks, &[RACK], "192.0.2.1"), Leave::Denied);
        assert_eq!(
            leave(&blocks, &[RACK], "192.0.2.2"),
            Leave::NotBefore(at(60))
        );
        assert_eq!(leave(&blocks, &[OTHER], "192.0.2.1"), Leave::Granted);
        assert_eq!(
            leave(&blocks, &[RACK, OTHER], "192.0.2.1"),
            Leave::Granted,
            "one is left"
        );
        // Its orders move, no others.
        let by = blocks.by_whom([RACK], at(1));
        blocks.move_to(&by, 5);
        assert_eq!(blocks.at([RACK]).moved_to(), Some(5));
        assert_eq!(blocks.at([OTHER]).moved_to(), None);
        // The other one says the same, then all do.
        blocks.note("192.0.2.1", Some(OTHER), &until(300), at(10));
        let both = blocks.at([RACK, OTHER]);
        assert_eq!(both.leave("192.0.2.1", at(239)), Leave::Denied);
        assert_eq!(both.leave("192.0.2.1", at(240)), Leave::Granted);
        assert_eq!(both.another_from("192.0.2.1", at(11)), Some(at(70)));
        assert_eq!(leave(&blocks, &[], "192.0.2.1"), Leave::Granted);
        blocks.note("192.0.2.1", None, &until(100), at(20));
        assert_eq!(leave(&blocks, &[], "192.0.2.1"), Leave::Denied);
        let by = blocks.by_whom([OTHER], at(20));
        blocks.move_to(&by, 6);
        assert_eq!(blocks.at([]).moved_to(), Some(6));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut blocks = Blocks::default();
        blocks.note("192.0.2.1", None, &until(240), START);
        blocks.note("192.0.2.2", Some(RACK), &until(240), START);
        let text = crate::engine::wire::encode(&blocks);
        assert_eq!(crate::engine::wire::decode(&text), Ok(blocks));
    }

    proptest! {
        // Each step: which of four addresses tries, how many minutes after the last, whether it is blocked then, for
        // how long.
        #[test]
        fn nobody_asks_who_must_not(
            steps in prop::collection::vec((0usize..4, 0u64..90, any::<bool>(), 1u64..400), 1..60),
        ) {
            let names = ["a", "b", "c", "d"];
            let mut blocks = Barred::default();
            // Those blocked, in their order: who, when, until when.
            let mut told: Vec<(usize, u64, u64)> = Vec::new();
            let mut minute = 0;
            for (who, later, is_blocked, lasts) in steps {
                minute += later;
                let in_force: Vec<_> = told.iter().filter(|(_, _, until)| minute < *until).collect();
                if blocks.leave(names[who], at(minute)) != Leave::Granted {
                    prop_assert!(!in_force.is_empty(), "nobody is blocked");
                    continue;
                }
                prop_assert!(in_force.iter().all(|(one, _, _)| *one != who), "it is blocked");
                prop_assert!(in_force.len() < 2, "two are blocked");
                prop_assert!(in_force.iter().all(|(_, since, _)| minute - since >= 60));
                if is_blocked {
                    blocks.note(names[who], &until(minute + lasts), at(minute));
                    told.retain(|(one, _, _)| *one != who);
                    told.push((who, minute, minute + lasts));
                }
            }
        }
    }
}
