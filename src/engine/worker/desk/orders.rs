//! Orders: how they are taken out of partitions, and what becomes of each.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::Desk;
use crate::engine::blocks::Leave;
use crate::engine::digest::key_of;
use crate::engine::roll::Stage;
use crate::engine::worker::asking::{Asking, Delivered};
use crate::engine::worker::inquiry::{Inquired, Inquiry};
use crate::engine::worker::put::{at_once, take};
use crate::engine::worker::reply::{Reply, ended_before, passed_on};
use crate::engine::{
    Answers, Delivery, Engine, EngineError, Order, Outcome, Partition, Unreadable,
};
use crate::model::limits;

impl Desk<'_> {
    /// Takes orders in hand while there is room. Returns whether there were any.
    pub(super) async fn take_orders(&mut self) -> Result<bool, EngineError> {
        if self.bench.borrow().is_stopping {
            return Ok(false);
        }
        let now = self.worker.world.clock.now();
        let held: Vec<Partition> = {
            let bench = self.bench.borrow();
            let held = bench.leases.held(now);
            let is_open = |partition: &Partition| !bench.leaving.contains(partition);
            held.filter(is_open).collect()
        };
        let is_due = |partition: &Partition| {
            let is_empty = self.empty_until.get(partition);
            is_empty.is_none_or(|until| *until <= Instant::now())
        };
        // Those come first that were not looked into last time.
        let (before, behind): (Vec<Partition>, Vec<Partition>) = held
            .into_iter()
            .filter(is_due)
            .partition(|partition| Some(*partition) <= self.looked_into);
        let mut due: VecDeque<Partition> = behind.into_iter().chain(before).collect();
        let mut any = false;
        let began = Instant::now();
        // What else there is to do does not wait for long.
        while !due.is_empty() && began.elapsed() < limits::ENGINE_RETRY {
            let (orders, addresses) = self.bench.borrow().room();
            // As many at once as there would be room for if each had all that is taken of it at a time.
            let each = limits::ENGINE_PULL * self.addresses_each;
            let count = orders.div_ceil(limits::ENGINE_PULL);
            let count = count.min(addresses.div_ceil(each)).min(due.len());
            if count == 0 {
                break;
            }
            self.looked_into = Some(due[count - 1]);
            let pulled = Pulled::default();
            let all = Arc::clone(&pulled);
            let pull = move |engine: Arc<dyn Engine>, partition: Partition| {
                let pulled = Arc::clone(&all);
                async move {
                    let result = engine.pull(partition, limits::ENGINE_PULL).await;
                    let result = result.map(|deliveries| {
                        let mut pulled = pulled.lock().unwrap_or_else(PoisonError::into_inner);
                        pulled.push((partition, deliveries));
                    });
                    (partition, result)
                }
            };
            let (_, failed) =
                at_once(&self.worker.engine, due.drain(..count).collect(), pull).await;
            let mut pulled = take(&pulled);
            // In a fixed order, so that a simulated run replays.
            pulled.sort_by_key(|(partition, _)| *partition);
            let mut deliveries = Vec::new();
            for (partition, of_it) in pulled {
                if of_it.is_empty() {
                    let until = Instant::now() + limits::ENGINE_PULL_WAIT;
                    self.empty_until.insert(partition, until);
                }
                deliveries.extend(of_it.into_iter().map(|delivery| (partition, delivery)));
            }
            any |= !deliveries.is_empty();
            let orders = deliveries
                .iter()
                .filter_map(|(_, delivery)| delivery.order.as_ref().ok());
            let addresses = orders.map(|order| order.targets.len()).sum::<usize>();
            if let Some(each) = addresses.checked_div(deliveries.len()) {
                self.addresses_each = each.max(1);
            }
            self.consider(deliveries).await?;
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(any)
    }

    /// Looks at orders that were handed out.
    async fn consider(
        &mut self,
        deliveries: Vec<(Partition, Delivery)>,
    ) -> Result<(), EngineError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let known = match self.inquire(&deliveries).await {
            Ok(known) => known,
            Err(error) => {
                let receipts = deliveries.into_iter().map(|(_, delivery)| delivery.receipt);
                let given_back = receipts.map(|receipt| (receipt, limits::ENGINE_COLLECT));
                self.bench.borrow_mut().given_back.extend(given_back);
                return Err(error);
            }
        };
        let mut replies = Vec::new();
        for (partition, delivery) in deliveries {
            match self.judge(&known, (partition, delivery)) {
                Judged::ToAsk(delivered) => {
                    replies.extend(self.begin(*delivered));
                }
                Judged::Reply(reply) => replies.push(*reply),
            }
        }
        let reply = |engine: Arc<dyn Engine>, reply: Reply| async move {
            let result = reply.make(engine.as_ref()).await;
            (reply, result)
        };
        let (left, failed) = at_once(&self.worker.engine, replies, reply).await;
        // What was not taken down comes again by itself.
        let later = left.into_iter().filter_map(|reply| match reply {
            Reply::Later(receipt, wait) => Some((receipt, wait)),
            Reply::Ended { .. } => None,
        });
        self.bench.borrow_mut().given_back.extend(later);
        failed.map_or(Ok(()), Err)
    }

    /// Asks the engine what has to be known of orders before they are asked about.
    async fn inquire(
        &mut self,
        deliveries: &[(Partition, Delivery)],
    ) -> Result<Inquired, EngineError> {
        let mut questions: BTreeSet<Inquiry> = BTreeSet::new();
        for (_, delivery) in deliveries {
            let Ok(order) = &delivery.order else {
                continue;
            };
            if let Some(host) = order.host() {
                questions.insert(Inquiry::Blocks(key_of(&host.0)));
            }
            // Another worker may have stored answers before it came to us: those are not asked again.
            if delivery.delivered > 1 || order.attempt > 1 {
                questions.insert(Inquiry::Answers(delivery.run.clone(), delivery.number));
            }
            let card = self.runs.of(delivery.run.as_str());
            if card.is_none_or(|card| card.stage == Stage::Withdrawn) {
                // The table may have changed since it was read.
                questions.insert(Inquiry::Run(delivery.run.clone()));
            }
        }
        let inquired: Arc<Mutex<Inquired>> = Arc::default();
        let all = Arc::clone(&inquired);
        let ask = move |engine: Arc<dyn Engine>, inquiry: Inquiry| {
            let inquired = Arc::clone(&all);
            async move {
                let result = inquiry.put(engine.as_ref(), &inquired).await;
                (inquiry, result)
            }
        };
        let (_, failed) = at_once(&self.worker.engine, questions.into_iter().collect(), ask).await;
        let inquired = take(&inquired);
        let blocks = inquired.blocks.iter();
        self.blocks
            .extend(blocks.map(|(place, blocks)| (place.clone(), blocks.clone())));
        failed.map_or(Ok(inquired), Err)
    }

    /// What is to become of an order that was handed out.
    fn judge(&mut self, known: &Inquired, (partition, delivery): (Partition, Delivery)) -> Judged {
        let Delivery {
            receipt,
            run,
            number,
            delivered,
            order,
        } = delivery;
        // Of an end of which it is not known whether it was heard, the same is said once more, under a name of its own.
        let by = format!("{}.{delivered}", self.worker.name);
        let end = |attempt: u32, outcome: Outcome| Answers {
            run: run.clone(),
            number,
            attempt,
            by: by.clone(),
            place: 0,
            events: Vec::new(),
            outcome: Some(outcome),
        };
        let refused = |words: String| end(0, Outcome::Refused { words });
        let mut order = match order {
            Ok(order) => order,
            Err(unreadable @ Unreadable::OtherVersion(_)) => {
                self.observer
                    .notice(&format!("an order is left to others: {unreadable}"));
                return Judged::reply(Reply::Later(receipt, limits::ENGINE_OTHERS_WAIT));
            }
            Err(unreadable @ Unreadable::Malformed(_)) => {
                let refused = refused(unreadable.to_string());
                return Judged::reply(Reply::ended(receipt, Some(refused), None));
            }
        };
        let now = self.worker.world.clock.now();
        let read = self.runs.of(run.as_str()).map(|card| card.stage);
        match known.stages.get(&run).copied().or(read) {
            Some(Stage::Asking | Stage::Closing) => {}
            // Its coordinator may come back: it is kept, and not asked about.
            Some(Stage::Withdrawn) | None => {
                return Judged::reply(Reply::Later(receipt, limits::ENGINE_OTHERS_WAIT));
            }
        }
        if order.not_before > now {
            let wait = order.not_before.since(now);
            return Judged::reply(Reply::Later(receipt, wait));
        }
        if !order.keep_reachable(self.worker.config.reach) {
            let refused = refused(format!(
                "the mail hosts of {} have no address that {} may contact",
                order.domain, self.worker.name
            ));
            return Judged::reply(Reply::ended(receipt, Some(refused), None));
        }
        let answers = known.answers.get(&(run.clone(), number));
        let answers = answers.cloned().unwrap_or_default();
        if let Some(reply) = ended_before((&order, partition), &answers, &receipt, &end) {
            return Judged::reply(reply);
        }
        let source = self.worker.source();
        let place = order.host().map(|key| key_of(&key.0)).unwrap_or_default();
        let blocks = known.blocks.get(&place);
        let barred = blocks.map(|blocks| blocks.at(order.route.addresses()));
        let barred = barred.as_ref();
        let leave = barred.map_or(Leave::Granted, |barred| barred.leave(&source, now));
        if let Some(barred) = barred
            && let Some((to, from)) = self.elsewhere(barred, leave, (&order, partition))
        {
            let is_new = self.worker.is_small(&order) && barred.moved_to() != Some(to.number());
            let moving = blocks.map(|blocks| blocks.by_whom(order.route.addresses(), now));
            let moving = moving.unwrap_or_default();
            return Judged::reply(passed_on(
                order,
                &answers,
                (to, from),
                is_new.then_some((place, moving, to)),
                (receipt, end),
            ));
        }
        let bars = match leave {
            Leave::Granted => false,
            // Worth waiting for as long as an address may wait.
            Leave::NotBefore(until) if until.since(now) <= order.terms.patience => {
                return Judged::reply(Reply::Later(receipt, until.since(now)));
            }
            Leave::NotBefore(_) | Leave::Denied => true,
        };
        let bar = barred
            .filter(|_| bars)
            .and_then(|barred| barred.longest(now));
        let mut barring = Vec::new();
        if let (Some(blocks), Some(bar)) = (blocks, bar) {
            let by = blocks.by_whom(order.route.addresses(), now).into_iter();
            barring.extend(by.map(|machine| (machine, bar.clone())));
        }
        if let Some(blocks) = blocks.filter(|_| self.worker.is_small(&order)) {
            order.known_host.in_vain = blocks.tried.of(&run, now);
        }
        Judged::ToAsk(Box::new(Delivered {
            receipt,
            partition,
            delivered,
            order,
            answers,
            barring,
        }))
    }

    /// Has an order asked about, unless it cannot be now: then, returns what is to be said of it.
    fn begin(&mut self, delivered: Delivered) -> Option<Reply> {
        let later = |wait| Some(Reply::Later(delivered.receipt.clone(), wait));
        let run = delivered.order.run.clone();
        {
            let bench = self.bench.borrow();
            if bench.is_stopping {
                return later(limits::ENGINE_COLLECT);
            }
            let now = self.worker.world.clock.now();
            if !bench.leases.holds(delivered.partition, now) {
                // The worker that has it now is given the order when it has been in our hands for long enough.
                return None;
            }
            let asking = bench.askings.get(&run).map(|asking| asking.borrow());
            let asking = asking.filter(|asking| !asking.is_over);
            // One that is being broken off has to be over before it is begun anew; an order whose place another one
            // has taken, too: what is answered of it until then is heeded.
            let waits = asking.is_some_and(|asking| {
                let is_in_hand = asking.in_hand.contains_key(&delivered.order.number);
                asking.is_withdrawn || asking.is_closing || is_in_hand
            });
            if waits {
                return later(limits::ENGINE_LOOK);
            }
            let host = delivered.order.host();
            if host.is_some_and(|host| bench.is_busy(host, &run)) {
                // Its turn comes when the other run is done there. It is looked at the less often, the longer it waits.
                let times = delivered.delivered.min(limits::ENGINE_BUSY_LOOKS);
                let times = u32::try_from(times).unwrap_or(1);
                return later(limits::ENGINE_LOOK * times);
            }
        }
        let there = self.bench.borrow().askings.get(&run).cloned();
        let there = there.filter(|asking| !asking.borrow().is_over);
        let asking = if let Some(asking) = there {
            asking
        } else {
            let asking = self.start(&delivered.order);
            self.started.borrow_mut().push(Rc::clone(&asking));
            self.is_untold = true;
            asking
        };
        asking.borrow_mut().take(delivered, &self.worker.name);
        None
    }

    /// Begins to ask for a run, anew where an earlier asking for it has ended.
    fn start(&mut self, order: &Order) -> Rc<RefCell<Asking>> {
        let mut bench = self.bench.borrow_mut();
        let before = bench.askings.get(&order.run);
        let before = before.map(|asking| {
            let mut before = asking.borrow_mut();
            // What it has learned and not said yet is not lost with it.
            self.unsent.extend(before.outgoing(|_, _| false));
            before.share().at_rest()
        });
        self.beat += 1;
        let by = format!("{}.r{}", self.worker.name, self.beat);
        let mut asking = Asking::new(order.run.clone(), order.terms.clone(), by);
        asking.before = before.unwrap_or_default();
        let asking = Rc::new(RefCell::new(asking));
        bench.askings.insert(order.run.clone(), Rc::clone(&asking));
        asking
    }
}

/// What is to become of an order.
enum Judged {
    ToAsk(Box<Delivered>),
    Reply(Box<Reply>),
}

impl Judged {
    fn reply(reply: Reply) -> Self {
        Judged::Reply(Box::new(reply))
    }
}

/// What was taken out of partitions.
type Pulled = Arc<Mutex<Vec<(Partition, Vec<Delivery>)>>>;
