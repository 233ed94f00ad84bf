//! Who holds a partition: leases that never two hold at a time, whatever the delays, and no clocks to agree on.
//!
//! A lease is an entry of a table that changes by comparison. The worker that holds it writes it anew all the time, and
//! holds it for [`limits::ENGINE_LEASE`] from the moment *before* it wrote it last. Others see the entry's revision: a
//! worker that has seen the same one for [`limits::ENGINE_LEASE_LAPSES`] on its own clock knows that the lease has run
//! out, for it cannot have seen the revision before it was written. So clocks need to run equally fast, not to show the
//! same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::partition::Partition;
use super::wire;
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;

/// A lease as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker that holds it.
    pub holder: String,
}

/// What is to be done about a partition's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Write it, where nothing stands or where this revision does.
    Write(Option<u64>),
    /// End what is under way there, then remove it: it is to fall to another worker.
    HandOver,
}

/// A lease of ours.
#[derive(Clone, Copy, Debug)]
struct Held {
    revision: u64,
    until: Timestamp,
}

impl Held {
    /// It stands in the table under this revision: it was written, though we were not told so. Nobody else can have held
    /// it in between, for a writing of ours only takes the place of what we knew of; it is held as long as we knew.
    fn note_as_ours(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }
}

/// A lease as it stands in the table.
#[derive(Clone, Debug)]
struct Seen {
    holder: String,
    revision: u64,
    /// When this revision was first seen.
    since: Timestamp,
}

/// The leases as one worker knows them.
#[derive(Debug)]
pub struct Leases {
    me: String,
    held: BTreeMap<Partition, Held>,
    seen: BTreeMap<Partition, Seen>,
    /// How often a partition was seen to change hands.
    changes: u64,
}

impl Leases {
    /// Those of the worker named `me`, which holds none yet.
    #[must_use]
    pub fn new(me: String) -> Self {
        Leases {
            me,
            held: BTreeMap::new(),
            seen: BTreeMap::new(),
            changes: 0,
        }
    }

    /// Takes in what stands in the table: the lease of each partition that has one, as it is written, with its revision.
    /// `now` is when it was read, or later. What has not changed is not read again: there may be thousands.
    pub fn observe<'a>(
        &mut self,
        table: impl IntoIterator<Item = (Partition, &'a [u8], u64)>,
        now: Timestamp,
    ) {
        let mut before = std::mem::take(&mut self.seen);
        for (partition, written, revision) in table {
            let known = before.remove(&partition);
            let seen = match known {
                Some(seen) if seen.revision == revision => seen,
                known => {
                    // What cannot be read is held by nobody.
                    let holder = wire::decode::<Lease>(written).map(|lease| lease.holder);
                    let holder = holder.unwrap_or_default();
                    self.changes += u64::from(known.is_none_or(|known| known.holder != holder));
                    Seen {
                        holder,
                        revision,
                        since: now,
                    }
                }
            };
            self.seen.insert(partition, seen);
        }
        self.changes += u64::from(!before.is_empty());
        // What was read may be older than what we have written since: only a later change is another worker's.
        let (seen, me) = (&self.seen, &self.me);
        self.held.retain(|partition, held| {
            let Some(seen) = seen.get(partition) else {
                return false;
            };
            if seen.holder == *me {
                held.note_as_ours(seen.revision);
            }
            seen.holder == *me || seen.revision <= held.revision
        });
    }

    /// How often a partition was seen to change hands: while this stays the same, so does [`Leases::holders`].
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Who holds each partition, as far as the table shows.
    #[must_use]
    pub fn holders(&self) -> BTreeMap<Partition, &str> {
        let holders = self.seen.iter();
        holders
            .map(|(partition, seen)| (*partition, seen.holder.as_str()))
            .collect()
    }

    /// Whether the partition is ours at `now`: what is asked of its hosts is ours to ask.
    #[must_use]
    pub fn holds(&self, partition: Partition, now: Timestamp) -> bool {
        self.held
            .get(&partition)
            .is_some_and(|held| now < held.until)
    }

    /// The partitions that are ours at `now`.
    pub fn held(&self, now: Timestamp) -> impl Iterator<Item = Partition> {
        let held = self.held.iter();
        held.filter(move |(_, held)| now < held.until)
            .map(|(partition, _)| *partition)
    }

    /// What is to be done now, where `falls_to_us` says which partitions are to be ours.
    #[must_use]
    pub fn wishes(
        &self,
        falls_to_us: impl Fn(Partition) -> bool,
        partitions: impl Iterator<Item = Partition>,
        now: Timestamp,
    ) -> Vec<(Partition, Wish)> {
        let wish = |partition: Partition| {
            if let Some(held) = self.held.get(&partition) {
                let left = held.until.since(now);
                return if falls_to_us(partition) {
                    (left + limits::ENGINE_LEASE_RENEWAL <= limits::ENGINE_LEASE)
                        .then_some(Wish::Write(Some(held.revision)))
                } else {
                    Some(Wish::HandOver)
                };
            }
            if !falls_to_us(partition) {
                return None;
            }
            match self.seen.get(&partition) {
                None => Some(Wish::Write(None)),
                Some(seen) => {
                    // Ours, though we were not told that it was written.
                    let is_ours = seen.holder == self.me;
                    let is_over = now.since(seen.since) >= limits::ENGINE_LEASE_LAPSES;
                    (is_ours || is_over).then_some(Wish::Write(Some(seen.revision)))
                }
            }
        };
        partitions
            .filter_map(|partition| Some((partition, wish(partition)?)))
            .collect()
    }

    /// Whether a lease of ours is to be written anew.
    #[must_use]
    pub fn is_to_be_renewed(&self, partition: Partition, now: Timestamp) -> bool {
        self.held.get(&partition).is_some_and(|held| {
            let left = held.until.since(now);
            left + limits::ENGINE_LEASE_RENEWAL <= limits::ENGINE_LEASE
        })
    }

    /// The revision of a lease of ours.
    #[must_use]
    pub fn revision(&self, partition: Partition) -> Option<u64> {
        self.held.get(&partition).map(|held| held.revision)
    }

    /// A lease was written, with this revision; `sent` is a moment before that.
    pub fn granted(&mut self, partition: Partition, revision: u64, sent: Timestamp) {
        let until = sent + limits::ENGINE_LEASE;
        self.held.insert(partition, Held { revision, until });
        let seen = Seen {
            holder: self.me.clone(),
            revision,
            since: sent,
        };
        let before = self.seen.insert(partition, seen);
        self.changes += u64::from(before.is_none_or(|before| before.holder != self.me));
    }

    /// A lease was not written, for another change to it had come before; this stands there, if anything does. It may be
    /// an earlier writing of ours, of which we were not told that it was made.
    pub fn refused(&mut self, partition: Partition, stands: Option<(&[u8], u64)>) {
        let ours = stands.filter(|(written, _)| {
            wire::decode::<Lease>(written).is_ok_and(|lease| lease.holder == self.me)
        });
        match (ours, self.held.get_mut(&partition)) {
            (Some((_, revision)), Some(held)) => held.note_as_ours(revision),
            (_, _) => self.lost(partition),
        }
    }

    /// A lease was given up.
    pub fn lost(&mut self, partition: Partition) {
        self.held.remove(&partition);
    }
}

/// Which worker each partition is to fall to: as many to each, give or take one, and nothing moves that need not.
///
/// A worker keeps the partitions that it holds, unless they are more than its share; then it keeps those that are drawn
/// to it most. What is free goes to the workers with room, each to the one that it is drawn to most. Every worker that
/// sees the same table comes to the same.
#[must_use]
pub fn assign<'a>(
    partitions: impl Iterator<Item = Partition>,
    workers: &BTreeSet<&'a str>,
    holders: &BTreeMap<Partition, &str>,
) -> BTreeMap<Partition, &'a str> {
    let mut assigned = BTreeMap::new();
    if workers.is_empty() {
        return assigned;
    }
    let mut held: BTreeMap<&'a str, Vec<Partition>> =
        workers.iter().map(|worker| (*worker, Vec::new())).collect();
    let (mut free, mut count) = (Vec::new(), 0);
    for partition in partitions {
        count += 1;
        let holder = holders.get(&partition).copied();
        match holder.and_then(|holder| held.get_mut(holder)) {
            Some(his) => his.push(partition),
            None => free.push(partition),
        }
    }
    // For each partition each worker is asked for, so what a name comes to is reckoned once.
    let names: HashMap<&str, u64> = workers
        .iter()
        .map(|name| (*name, fingerprint(*name)))
        .collect();
    let drawn = |partition: Partition, name: u64| fingerprint((partition.number(), name));
    // Those who hold most keep one more than the others, so that it need not move.
    let mut by_count: Vec<&'a str> = held.keys().copied().collect();
    by_count.sort_by_key(|worker| (std::cmp::Reverse(held[worker].len()), *worker));
    let (base, more) = (count / workers.len(), count % workers.len());
    let mut room: BTreeMap<&'a str, usize> = BTreeMap::new();
    for (place, worker) in by_count.into_iter().enumerate() {
        let share = base + usize::from(place < more);
        let mut his = held.remove(worker).unwrap_or_default();
        let name = names[worker];
        his.sort_by_key(|partition| std::cmp::Reverse((drawn(*partition, name), *partition)));
        free.extend(his.drain(share.min(his.len())..));
        room.insert(worker, share - his.len());
        assigned.extend(his.into_iter().map(|partition| (partition, worker)));
    }
    free.sort_unstable();
    let mut room: Vec<(&'a str, u64, usize)> = room
        .into_iter()
        .filter(|(_, room)| *room > 0)
        .map(|(worker, room)| (worker, names[worker], room))
        .collect();
    for partition in free {
        let with_room = room.iter().enumerate();
        let winner = with_room.max_by_key(|(_, (_, name, _))| drawn(partition, *name));
        let Some(winner) = winner.map(|(winner, _)| winner) else {
            break;
        };
        let (worker, _, left) = &mut room[winner];
        assigned.insert(partition, *worker);
        *left -= 1;
        if *left == 0 {
            // In its order: of two that are drawn alike, all must choose the same.
            room.remove(winner);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::partition::Partitions;

    const START: Timestamp = Timestamp::from_millis(1_000_000);
    const HERE: Partition = Partition::FIRST;

    fn lease(holder: &str) -> Lease {
        Lease {
            holder: holder.to_owned(),
        }
    }

    /// Has one see that the lease stands there so.
    fn sees(leases: &mut Leases, holder: &str, revision: u64, now: Timestamp) {
        let written = wire::encode(&lease(holder));
        leases.observe([(HERE, written.as_slice(), revision)], now);
    }

    fn at(seconds: f64) -> Timestamp {
        START + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_lease_is_held_from_before_it_was_written() {
        let mut leases = Leases::new("a".to_owned());
        assert_eq!(
            leases.wishes(|_| true, [HERE].into_iter(), START),
            [(HERE, Wish::Write(None))]
        );
        leases.granted(HERE, 1, START);
        assert!(leases.holds(HERE, at(14.9)));
        assert!(!leases.holds(HERE, at(15.0)));
        assert_eq!(leases.wishes(|_| true, [HERE].into_iter(), at(1.0)), []);
        assert_eq!(
            leases.wishes(|_| true, [HERE].into_iter(), at(5.0)),
            [(HERE, Wish::Write(Some(1)))]
        );
        assert_eq!(
            leases.wishes(|_| false, [HERE].into_iter(), at(5.0)),
            [(HERE, Wish::HandOver)]
        );
        sees(&mut leases, "b", 2, at(6.0));
        assert!(!leases.holds(HERE, at(6.0)), "somebody else has it");
    }

    #[test]
    fn anothers_lease_is_taken_when_it_has_not_changed_for_long_enough() {
        let mut leases = Leases::new("b".to_owned());
        let wishes = |leases: &Leases, now| leases.wishes(|_| true, [HERE].into_iter(), now);
        sees(&mut leases, "a", 1, START);
        let changes = leases.changes();
        sees(&mut leases, "a", 1, at(15.0));
        assert_eq!(wishes(&leases, at(15.9)), []);
        sees(&mut leases, "a", 2, at(15.9));
        assert_eq!(wishes(&leases, at(20.0)), [], "it was renewed");
        assert_eq!(leases.changes(), changes, "it has not changed hands");
        assert_eq!(wishes(&leases, at(31.9)), [(HERE, Wish::Write(Some(2)))]);
        leases.observe([], at(21.0));
        assert_eq!(wishes(&leases, at(21.0)), [(HERE, Wish::Write(None))]);
        assert_ne!(leases.changes(), changes, "it is nobody's");
        leases.granted(HERE, 3, at(21.0));
        let changes = leases.changes();
        leases.granted(HERE, 4, at(26.0));
        assert_eq!(leases.changes(), changes, "it is still ours");
    }

    #[test]
    fn a_lease_that_was_written_though_we_were_not_told_stays_ours_as_long_as_we_knew() {
        let ours = wire::encode(&lease("a"));
        let others = wire::encode(&lease("b"));
        let held = || {
            let mut leases = Leases::new("a".to_owned());
            leases.granted(HERE, 1, START);
            leases
        };
        let wishes = |leases: &Leases| leases.wishes(|_| true, [HERE].into_iter(), at(12.0));
        // It was written anew at five seconds, and the word of it lost: the next writing is refused.
        let mut leases = held();
        leases.refused(HERE, Some((&ours, 2)));
        assert!(leases.holds(HERE, at(14.9)));
        assert!(!leases.holds(HERE, at(15.0)), "no longer than we knew");
        assert_eq!(wishes(&leases), [(HERE, Wish::Write(Some(2)))]);
        // The same, seen in the table.
        let mut leases = held();
        sees(&mut leases, "a", 2, at(10.0));
        assert!(leases.holds(HERE, at(14.9)) && !leases.holds(HERE, at(15.0)));
        assert_eq!(wishes(&leases), [(HERE, Wish::Write(Some(2)))]);
        for stands in [Some((&*others, 2)), Some((b"?".as_slice(), 2)), None] {
            let mut leases = held();
            leases.refused(HERE, stands);
            assert!(!leases.holds(HERE, at(1.0)), "{stands:?}");
        }
        let mut leases = Leases::new("a".to_owned());
        leases.refused(HERE, Some((&ours, 2)));
        assert!(!leases.holds(HERE, at(1.0)), "it had run out before");
    }

    fn moved(before: &BTreeMap<Partition, &str>, after: &BTreeMap<Partition, &str>) -> usize {
        let is_elsewhere =
            |(partition, worker): &(&Partition, &&str)| after[*partition] != **worker;
        before.iter().filter(is_elsewhere).count()
    }

    proptest! {
        #[test]
        fn every_worker_has_its_share_and_only_what_must_move_moves(
            count in 1usize..30,
            gone in 0usize..30,
        ) {
            let names: Vec<String> = (0..=count).map(|n| format!("worker{n}")).collect();
            let all = || Partitions::default().all();
            let few: BTreeSet<&str> = names[..count].iter().map(String::as_str).collect();
            let many: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let first = assign(all(), &few, &BTreeMap::new());
            prop_assert_eq!(first.len(), all().count());
            prop_assert_eq!(&assign(all(), &few, &first), &first, "nothing moves by itself");
            let joined = assign(all(), &many, &first);
            let share = all().count() / (count + 1);
            prop_assert!(moved(&first, &joined) <= share + 1);
            for assigned in [&first, &joined] {
                let workers: BTreeSet<&str> = assigned.values().copied().collect();
                let shares: Vec<usize> = workers
                    .iter()
                    .map(|worker| assigned.values().filter(|owner| *owner == worker).count())
                    .collect();
                let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", shares);
            }
            let mut left = many.clone();
            let gone = names[gone % (count + 1)].as_str();
            left.remove(gone);
            let after = assign(all(), &left, &joined);
            for (partition, worker) in &joined {
                prop_assert!(*worker == gone || after[partition] == *worker);
            }
        }

        // Workers that read late, write late, are told late and stop for a while: each step is a worker, how long he
        // is held up, and where.
        #[test]
        fn never_do_two_hold_a_partition(
            steps in prop::collection::vec((0usize..3, 0u64..40_000, 0u8..3), 1..200),
        ) {
            let mut workers: Vec<Leases> = ["a", "b", "c"]
                .map(|name| Leases::new(name.to_owned()))
                .into();
            let mut table: BTreeMap<Partition, (Vec<u8>, u64)> = BTreeMap::new();
            let (mut now, mut revision) = (START, 0);
            for (who, held_up, place) in steps {
                let (read, pause) = (table.clone(), Duration::from_millis(held_up));
                let short = Duration::from_millis(held_up % 3_000);
                // What was read reaches him late, so it is seen late.
                now = now + if place == 0 { pause } else { short };
                let read = read.iter();
                let read = read.map(|(partition, (lease, at))| (*partition, lease.as_slice(), *at));
                workers[who].observe(read, now);
                let wishes = workers[who].wishes(|_| true, [HERE].into_iter(), now);
                let sent = now;
                // What he writes reaches the table late.
                now = now + if place == 1 { pause } else { short };
                for (partition, wish) in wishes {
                    let Wish::Write(expected) = wish else { continue };
                    let stands = table.get(&partition).map(|(_, revision)| *revision);
                    if stands != expected {
                        let stands = table.get(&partition);
                        let stands = stands.map(|(lease, revision)| (lease.as_slice(), *revision));
                        workers[who].refused(partition, stands);
                        continue;
                    }
                    revision += 1;
                    let name = ["a", "b", "c"][who];
                    table.insert(partition, (wire::encode(&lease(name)), revision));
                    // He is told of it late, or never.
                    now = now + if place == 2 { pause } else { short };
                    if held_up % 7 != 0 {
                        workers[who].granted(partition, revision, sent);
                    }
                }
                let holders = workers.iter().filter(|worker| worker.holds(HERE, now)).count();
                prop_assert!(holders <= 1, "{holders} hold it");
            }
        }
    }
}
