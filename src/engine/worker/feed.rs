//! What an asking is fed with, and who hears what it learns.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::asking::{Asking, Broken};
use super::bench::Bench;
use crate::engine::Partition;
use crate::engine::partition::{Partitions, is_large};
use crate::engine::roll::Share;
use crate::engine::share::share;
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Blame;
use crate::model::timestamp::Timestamp;
use crate::net::route::{HostKey, Route};
use crate::probe::run::{Knock, Listener, TargetSource};
use crate::probe::scheduler::{Event, Progress, Scheduler};
use crate::probe::{KnownDomain, KnownHost, Target};

/// What an asking is fed with.
pub(super) struct Feed {
    pub(super) asking: Rc<RefCell<Asking>>,
    pub(super) bench: Rc<RefCell<Bench>>,
    pub(super) bell: Arc<Notify>,
    /// When all domains are looked at again, be something learned of them or not.
    pub(super) next_look: Timestamp,
    /// How many of the partitions that are not ours any more were heeded.
    pub(super) left: usize,
    pub(super) providers: Arc<Providers>,
    pub(super) partitions: Partitions,
}

impl TargetSource for Feed {
    type Error = Broken;

    fn next(&mut self) -> Result<Option<Vec<Target>>, Broken> {
        Ok(None)
    }

    fn guests(&mut self) -> Result<Vec<Target>, Broken> {
        Ok(std::mem::take(&mut self.asking.borrow_mut().fed))
    }

    fn knock(&self) -> Knock {
        let bell = Arc::clone(&self.bell);
        Box::pin(async move { bell.notified().await })
    }

    fn stays_open(&self) -> bool {
        !self.asking.borrow().is_closing
    }

    fn route(&mut self, domain: &str) -> Option<Route> {
        self.asking.borrow().routes.get(domain).cloned()
    }

    fn tend(&mut self, scheduler: &mut Scheduler, now: Timestamp) -> Result<(), Broken> {
        let mut asking = self.asking.borrow_mut();
        let mut bench = self.bench.borrow_mut();
        let bench = &mut *bench;
        let leases = &bench.leases;
        let is_ours = |partition: &Partition| leases.holds(*partition, now);
        if !asking.partitions.keys().all(is_ours) {
            return Err(Broken::NotOurs);
        }
        let everywhere = now >= self.next_look;
        if everywhere {
            self.next_look = now + limits::ENGINE_RETRY;
        }
        if self.left < bench.left.len() {
            // The worker that has them now is the one visitor of their small hosts.
            let left: BTreeSet<Partition> = bench.left[self.left..].iter().copied().collect();
            self.left = bench.left.len();
            let (providers, partitions) = (&self.providers, self.partitions);
            scheduler.leave_untested(|key| {
                !is_large(key, providers) && left.contains(&partitions.of_slot(key, 0))
            });
        }
        scheduler.go_on_trying(std::mem::take(&mut asking.tried_before));
        if everywhere {
            let run = asking.run.clone();
            let news = asking.tried_in_vain(scheduler, &self.providers, now);
            let news = news
                .into_iter()
                .map(|(key, there)| ((run.clone(), key), there));
            bench.tried.extend(news);
        }
        for ((key, machine), block) in std::mem::take(&mut asking.barred) {
            let by = (key.clone(), machine);
            asking.barred_until.insert(by, block.until);
            let known = asking.hosts.entry(key.clone()).or_default();
            match machine {
                Some(machine) => drop(known.machines.insert(machine, block)),
                None => known.blocked = Some(Box::new(block)),
            }
            scheduler.know_host(&key, known.clone(), now);
        }
        if asking.shared_by != Some(bench.shares) || !asking.met.is_empty() {
            let all = asking.shared_by != Some(bench.shares);
            asking.shared_by = Some(bench.shares);
            let met = std::mem::take(&mut asking.met);
            let keys: Vec<HostKey> = if all {
                asking.hosts.keys().cloned().collect()
            } else {
                met
            };
            for key in keys {
                let holds =
                    |partition| leases.holds(partition, now) && !bench.leaving.contains(&partition);
                let global = asking.terms.global;
                let share = share(&key, global, &self.providers, self.partitions, holds);
                if let Some(share) = share {
                    scheduler.confine(&key, share);
                }
            }
        }
        asking.take_back_what_waits(scheduler, &bench.leaving, everywhere, now);
        if asking.look(scheduler, everywhere) {
            bench.bell.notify_one();
        }
        Ok(())
    }

    fn domain(&mut self, name: &str) -> Result<KnownDomain, Broken> {
        let known = self.asking.borrow_mut().known_domains.remove(name);
        Ok(known.unwrap_or_default())
    }

    fn host(&mut self, key: &HostKey) -> Result<KnownHost, Broken> {
        let mut asking = self.asking.borrow_mut();
        asking.met.push(key.clone());
        Ok(asking.known_hosts.remove(key).unwrap_or_default())
    }
}

/// Who hears what an asking learns.
pub(super) struct Telling {
    pub(super) asking: Rc<RefCell<Asking>>,
    pub(super) bench: Rc<RefCell<Bench>>,
}

impl Listener for Telling {
    type Error = Broken;

    fn learned(&mut self, learned: Event) -> Result<(), Broken> {
        match &learned {
            Event::Blocked { host, .. } => {
                let words = format!("{host} blocks this machine's address");
                self.bench.borrow_mut().notices.push(words);
            }
            Event::Stranded { words } => self.bench.borrow_mut().notices.push(words.clone()),
            Event::Host { key, known } => {
                let all = known.blocked.as_deref().map(|block| (None, block));
                let machines = known.machines.iter();
                let machines = machines.map(|(machine, block)| (Some(*machine), block));
                let asking = self.asking.borrow();
                for (machine, block) in all.into_iter().chain(machines) {
                    let by = (key.clone(), machine);
                    // What others were told is theirs, and told already.
                    let until = asking.barred_until.get(&by);
                    let is_news = until.is_none_or(|until| *until < block.until);
                    // A host that has no time for any client has nothing against us.
                    if is_news && block.reading.reason.blame() == Blame::Sender {
                        let blocked = &mut self.bench.borrow_mut().blocked;
                        blocked.insert(by, block.clone());
                    }
                }
            }
            Event::Address { .. }
            | Event::Domain { .. }
            | Event::Waiting { .. }
            | Event::CatchAll { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. } => {}
        }
        self.asking.borrow_mut().learned(learned);
        self.bench.borrow().bell.notify_one();
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.asking.borrow_mut().share = Share::of(progress);
    }
}
