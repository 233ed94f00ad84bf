//! Hosts that refuse one of us: what the others are told of it, who asks there instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Desk;
use crate::engine::blocks::{Barred, Blocks, Leave};
use crate::engine::digest::key_of;
use crate::engine::worker::put::{at_once, change_host, take};
use crate::engine::{Engine, EngineError, Order, Partition, RunId};
use crate::model::timestamp::Timestamp;
use crate::net::route::HostKey;
use crate::probe::{Block, InVain};

impl Desk<'_> {
    /// Tells the others which hosts have blocked us.
    pub(super) async fn tell_of_blocks(&mut self) -> Result<(), EngineError> {
        let now = self.worker.world.clock.now();
        let source = self.worker.source();
        let told = std::mem::take(&mut self.bench.borrow_mut().blocked).into_iter();
        let told: Vec<_> = told
            .map(|(by, block)| (by, block, source.clone()))
            .collect();
        let all_noted: Arc<Mutex<Vec<(Blocker, Blocks, bool)>>> = Arc::default();
        let all = Arc::clone(&all_noted);
        let tell = move |engine: Arc<dyn Engine>, told: (Blocker, Block, String)| {
            let all_noted = Arc::clone(&all);
            async move {
                let (by, block, source) = &told;
                let note = |blocks: &mut Blocks| blocks.note(source, by.1, block, now);
                let noted = change_host(engine.as_ref(), &key_of(&by.0.0), note).await;
                let noted = noted.map(|(blocks, is_news)| {
                    let mut noted = all_noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.push((by.clone(), blocks, is_news));
                });
                (told, noted)
            }
        };
        let (left, failed) = at_once(&self.worker.engine, told, tell).await;
        for ((key, machine), blocks, is_news) in take(&all_noted) {
            if is_news && blocks.at(machine).count(now) == 2 {
                let who = machine.map_or(key.to_string(), |at| format!("{key} ({at})"));
                self.observer.notice(&format!(
                    "{who} blocks two of our addresses: none of them asks there any more"
                ));
            }
            self.blocks.insert(key_of(&key.0), blocks);
        }
        let mut bench = self.bench.borrow_mut();
        for (by, block, _) in left {
            bench.blocked.entry(by).or_insert(block);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Tells the others what was tried in vain at hosts.
    pub(super) async fn tell_of_what_was_tried(&self) -> Result<(), EngineError> {
        let now = self.worker.world.clock.now();
        let told = std::mem::take(&mut self.bench.borrow_mut().tried).into_iter();
        let tell = move |engine: Arc<dyn Engine>, told: Told| async move {
            let ((run, key), there) = &told;
            let note = |blocks: &mut Blocks| blocks.tried.note(run, there, now);
            let noted = change_host(engine.as_ref(), &key_of(&key.0), note).await;
            (told, noted.map(|_| ()))
        };
        let (left, failed) = at_once(&self.worker.engine, told.collect(), tell).await;
        let mut bench = self.bench.borrow_mut();
        for (of, there) in left {
            bench.tried.entry(of).or_insert(there);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Where others may ask a host about an order instead of us, and from when on; `None` where it stays here.
    pub(super) fn elsewhere(
        &self,
        blocks: &Barred,
        leave: Leave,
        (order, partition): (&Order, Partition),
    ) -> Option<(Partition, Timestamp)> {
        let now = self.worker.world.clock.now();
        let moved_to = blocks.moved_to().filter(|_| self.worker.is_small(order));
        let moved_to = moved_to.and_then(|number| self.worker.engine.partitions().numbered(number));
        let elsewhere = moved_to.filter(|to| *to != partition);
        match leave {
            // Blocked itself: another one asks, from when on it may.
            Leave::Denied => {
                let from = blocks.another_from(&self.worker.source(), now)?;
                let another = self.another(Some(blocks), partition)?;
                let is_worth_it = from.since(now) <= order.terms.patience;
                is_worth_it.then_some((elsewhere.unwrap_or(another), from))
            }
            // Its one visitor is the worker that holds the partition that its orders have moved to.
            Leave::Granted | Leave::NotBefore(_) => elsewhere.map(|to| (to, Timestamp::default())),
        }
    }

    /// The partition behind `behind` that falls to one of us whom a host does not block.
    pub(super) fn another(&self, blocks: Option<&Barred>, behind: Partition) -> Option<Partition> {
        let now = self.worker.world.clock.now();
        let blocked: BTreeSet<&str> = blocks
            .into_iter()
            .flat_map(|blocks| blocks.in_force(now).map(|(source, _)| source))
            .collect();
        let free: BTreeSet<&str> = self
            .workers
            .present(now)
            .filter(|(name, card)| {
                let source = card.source.map(|source| source.to_string());
                *name != self.worker.name && !blocked.contains(source.as_deref().unwrap_or(name))
            })
            .map(|(name, _)| name)
            .collect();
        let mut theirs = self
            .assigned
            .to
            .iter()
            .filter(|(_, falls_to)| free.contains(falls_to.as_str()));
        let first = theirs.clone().next();
        let next = theirs.find(|(partition, _)| **partition > behind).or(first);
        next.map(|(partition, _)| *partition)
    }
}

/// Who blocks: all of a host's machines, or a single one.
type Blocker = (HostKey, Option<IpAddr>);

/// What was tried in vain at a host for a run.
type Told = ((RunId, HostKey), BTreeMap<IpAddr, InVain>);
