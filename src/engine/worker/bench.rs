//! Where the loop that talks to the engine and the askings lay down what the other is to take up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::asking::{Asking, Broken};
use crate::engine::lease::Leases;
use crate::engine::{Partition, Receipt, RunId};
use crate::model::limits;
use crate::net::route::HostKey;
use crate::probe::run::Ending;
use crate::probe::{Block, InVain};

/// What lies between the loop that talks to the engine and those that ask.
pub(super) struct Bench {
    pub(super) leases: Leases,
    /// Partitions whose leases are being written anew.
    pub(super) renewing: BTreeSet<Partition>,
    pub(super) askings: BTreeMap<RunId, Rc<RefCell<Asking>>>,
    /// Partitions that are being handed over: nothing new is taken from them.
    pub(super) leaving: BTreeSet<Partition>,
    /// Partitions that were ours and are not any more, in the order in which they went.
    pub(super) left: Vec<Partition>,
    /// Hosts that have blocked us, for the others to know: single machines, or all of a host's.
    pub(super) blocked: BTreeMap<(HostKey, Option<IpAddr>), Block>,
    /// What was tried in vain at hosts, for the worker that asks them next.
    pub(super) tried: BTreeMap<(RunId, HostKey), BTreeMap<IpAddr, InVain>>,
    /// Counts the times that the partitions that are ours have changed: so have our shares of the ceilings.
    pub(super) shares: u64,
    pub(super) notices: Vec<String>,
    /// Orders that are to be handed out again, after that time.
    pub(super) given_back: Vec<(Receipt, Duration)>,
    /// Whether others are to be told at once how we stand.
    pub(super) has_news: bool,
    /// Whether the worker takes leave.
    pub(super) is_stopping: bool,
    /// Rung when all is said before that.
    pub(super) flushed: Arc<Notify>,
    /// Rung when there is something to say.
    pub(super) bell: Arc<Notify>,
}

impl Bench {
    pub(super) fn new(me: &str) -> Self {
        Bench {
            leases: Leases::new(me.to_owned()),
            renewing: BTreeSet::new(),
            askings: BTreeMap::new(),
            leaving: BTreeSet::new(),
            left: Vec::new(),
            blocked: BTreeMap::new(),
            tried: BTreeMap::new(),
            shares: 0,
            notices: Vec::new(),
            given_back: Vec::new(),
            has_news: false,
            is_stopping: false,
            flushed: Arc::new(Notify::new()),
            bell: Arc::new(Notify::new()),
        }
    }

    /// Has all askings end in good order; none is begun any more.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
        for asking in self.askings.values() {
            asking.borrow().breaks_off.notify_one();
        }
    }

    /// Whether the worker takes leave, and nothing is left to be said.
    pub(super) fn has_said_all(&self) -> bool {
        let mut askings = self.askings.values().map(|asking| asking.borrow());
        let all_are_over = askings.all(|asking| asking.is_over && asking.learned.is_empty());
        self.is_stopping && self.given_back.is_empty() && all_are_over
    }

    /// Whether a host is being asked for another run than `run`.
    pub(super) fn is_busy(&self, host: &HostKey, run: &RunId) -> bool {
        let mut others = self.askings.iter().filter(|(other, _)| *other != run);
        others.any(|(_, asking)| asking.borrow().at_hosts.contains_key(host))
    }

    /// An asking has ended.
    pub(super) fn ended(&mut self, asking: &Rc<RefCell<Asking>>, ended: Result<Ending, Broken>) {
        let mut asking = asking.borrow_mut();
        // What it did not come to is given back: at once, or when our own side works again.
        let wait = match ended {
            Ok(Ending::Completed | Ending::Interrupted | Ending::Deadline) => {
                limits::ENGINE_COLLECT
            }
            Err(Broken::NotOurs) => {
                // The worker that has them now knows better what was tried in vain.
                self.tried.retain(|(run, _), _| *run != asking.run);
                limits::ENGINE_COLLECT
            }
            Ok(Ending::Stranded) => limits::ENGINE_OTHERS_WAIT,
            Err(Broken::Spill(error)) => {
                self.notices.push(error.to_string());
                limits::ENGINE_OTHERS_WAIT
            }
        };
        for number in asking.in_hand.keys().copied().collect::<Vec<_>>() {
            let receipt = asking.put_down(number);
            self.given_back
                .extend(receipt.map(|receipt| (receipt, wait)));
        }
        asking.is_over = true;
        self.has_news = true;
        self.bell.notify_one();
    }

    /// Whether orders of a partition are in hand.
    pub(super) fn is_at_work(&self, partition: Partition) -> bool {
        self.askings.values().any(|asking| {
            let asking = asking.borrow();
            let mut in_hand = asking.in_hand.values();
            in_hand.any(|in_hand| in_hand.partition == partition)
        })
    }

    /// How many further orders may be taken in hand, and how many addresses.
    pub(super) fn room(&self) -> (usize, usize) {
        let askings = self.askings.values().map(|asking| asking.borrow());
        let (orders, addresses) = askings.fold((0, 0), |(orders, addresses), asking| {
            (orders + asking.in_hand.len(), addresses + asking.addresses)
        });
        (
            limits::ENGINE_ORDERS_IN_HAND.saturating_sub(orders),
            limits::ENGINE_IN_HAND.saturating_sub(addresses),
        )
    }
}
