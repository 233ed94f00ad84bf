//! The leases of partitions: which are taken, renewed, handed over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, sleep, timeout};

use super::Desk;
use crate::engine::lease::{Lease, Wish};
use crate::engine::worker::Worker;
use crate::engine::worker::bench::Bench;
use crate::engine::worker::put::{at_once, take};
use crate::engine::{Changed, Engine, EngineError, Entry, Partition, Table, wire};
use crate::model::limits;
use crate::model::timestamp::Timestamp;

impl Desk<'_> {
    /// Takes, renews and gives up leases.
    pub(super) async fn see_to_leases(&mut self) -> Result<(), EngineError> {
        let now = self.worker.world.clock.now();
        let partitions = self.worker.engine.partitions();
        let wishes = {
            let mut bench = self.bench.borrow_mut();
            // A worker that comes together with others sees them before it takes anything.
            let is_new = self.since.is_none_or(|since| Instant::now() < since);
            let takes_part = !self.keeps_out && !is_new;
            let present = self.workers.present(now).map(|(name, _)| name);
            let all = present.chain([self.worker.name.as_str()]);
            let workers: BTreeSet<&str> = all.filter(|_| takes_part).collect();
            self.assigned
                .bring_up_to_date(partitions, &workers, &bench.leases);
            let assigned = &self.assigned.to;
            let falls_to_us = |partition| assigned.get(&partition) == Some(&self.worker.name);
            let wishes = bench.leases.wishes(falls_to_us, partitions.all(), now);
            let held: BTreeSet<Partition> = bench.leases.held(now).collect();
            let gone: Vec<Partition> = self.held.difference(&held).copied().collect();
            bench.left.extend(gone);
            let leaving: BTreeSet<Partition> = wishes
                .iter()
                .filter(|(_, wish)| *wish == Wish::HandOver)
                .map(|(partition, _)| *partition)
                .collect();
            if self.held != held || bench.leaving != leaving {
                bench.shares += 1;
            }
            self.held = held;
            bench.leaving = leaving;
            wishes
        };
        let mut to_do = Vec::new();
        for (partition, wish) in wishes {
            let mut bench = self.bench.borrow_mut();
            if bench.renewing.contains(&partition) {
                continue;
            }
            match wish {
                Wish::Write(revision) => to_do.push((partition, Change::Write(revision))),
                // Kept until its orders are done, or it runs out: nothing new is taken from it.
                Wish::HandOver if bench.is_at_work(partition) => {
                    if bench.leases.is_to_be_renewed(partition, now) {
                        let revision = bench.leases.revision(partition);
                        to_do.push((partition, Change::Write(revision)));
                    }
                }
                Wish::HandOver => {
                    let revision = bench.leases.revision(partition);
                    bench.leases.lost(partition);
                    to_do.extend(revision.map(|it| (partition, Change::Remove(it))));
                }
            }
        }
        make(self.worker, self.bench, to_do).await
    }
}

/// Keeps leases from running out, whatever else there is to say to the engine, and however long that takes.
pub(super) async fn keep(worker: &Worker, bench: &RefCell<Bench>) -> Infallible {
    loop {
        sleep(limits::ENGINE_RETRY).await;
        let now = worker.world.clock.now();
        let due: Vec<(Partition, Change)> = {
            let mut bench = bench.borrow_mut();
            let held: Vec<Partition> = bench.leases.held(now).collect();
            let leases = &bench.leases;
            let due = held.into_iter();
            let due = due.filter(|partition| leases.is_to_be_renewed(*partition, now));
            let due: Vec<Partition> = due.collect();
            let renewal =
                |&partition: &Partition| (partition, Change::Write(leases.revision(partition)));
            let changes = due.iter().map(renewal).collect();
            bench.renewing = due.into_iter().collect();
            changes
        };
        if !due.is_empty() {
            // What fails is due again; that the engine is away is told where it is talked to.
            let _ = make(worker, bench, due).await;
            bench.borrow_mut().renewing.clear();
        }
    }
}

/// Makes changes to leases in the table, and notes what became of them. Each is given up after
/// [`limits::ENGINE_LEASE_CALL`], to be made again while the lease lasts.
async fn make(
    worker: &Worker,
    bench: &RefCell<Bench>,
    to_do: Vec<(Partition, Change)>,
) -> Result<(), EngineError> {
    let lease: Arc<[u8]> = wire::encode(&Lease {
        holder: worker.name.clone(),
    })
    .into();
    let clock = worker.world.clock;
    let changed: Arc<Mutex<Vec<(Partition, Became, Timestamp)>>> = Arc::default();
    let all_changed = Arc::clone(&changed);
    let change = move |engine: Arc<dyn Engine>, to_do: (Partition, Change)| {
        let (lease, changed) = (Arc::clone(&lease), Arc::clone(&all_changed));
        async move {
            let key = to_do.0.to_string();
            let sent = clock.now();
            let result = match to_do.1 {
                Change::Write(revision) => {
                    let became = write(engine.as_ref(), &key, &lease, revision).await;
                    became.map(|became| {
                        let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
                        changed.push((to_do.0, became, sent));
                    })
                }
                Change::Remove(revision) => {
                    let removed = engine.remove(Table::Leases, &key, revision);
                    removed.await.map(drop)
                }
            };
            (to_do, result)
        }
    };
    let (_, failed) = at_once(&worker.engine, to_do, change).await;
    let leases = &mut bench.borrow_mut().leases;
    for (partition, became, sent) in take(&changed) {
        match became {
            Became::Written(revision) => leases.granted(partition, revision, sent),
            Became::Refused(stands) => {
                let stands = stands.as_ref();
                let stands = stands.map(|entry| (entry.value.as_slice(), entry.revision));
                leases.refused(partition, stands);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What became of writing a lease.
enum Became {
    /// It stands, with this revision.
    Written(u64),
    /// Another change had come before: this stands.
    Refused(Option<Entry>),
}

/// Writes a lease where this revision stands, or nothing.
async fn write(
    engine: &dyn Engine,
    key: &str,
    lease: &[u8],
    revision: Option<u64>,
) -> Result<Became, EngineError> {
    let writing = async {
        let became = match engine.write(Table::Leases, key, lease, revision).await? {
            Changed::Yes(revision) => Became::Written(revision),
            Changed::No => Became::Refused(engine.read(Table::Leases, key).await?),
        };
        Ok(became)
    };
    let late = |_| {
        Err(EngineError::NoConnection(
            "a lease was not written in time".to_owned(),
        ))
    };
    timeout(limits::ENGINE_LEASE_CALL, writing)
        .await
        .unwrap_or_else(late)
}

/// A change to a lease.
#[derive(Clone, Copy, Debug)]
enum Change {
    Write(Option<u64>),
    Remove(u64),
}
