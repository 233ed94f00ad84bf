//! The orders in hand for one run: what is asked about, what is learned of it, what is yet to be said.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::engine::Terms;
use crate::engine::answer::{person, worker_of};
use crate::engine::partition::is_large;
use crate::engine::roll::Share;
use crate::engine::{Answers, Order, Outcome, Partition, Receipt, RunId};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;
use crate::net::route::{HostKey, Route};
use crate::probe::run::SpillError;
use crate::probe::scheduler::{Event, Scheduler};
use crate::probe::{Asked, Block, InVain, KnownDomain, KnownHost, Target};

/// Why an asking breaks off.
#[derive(Debug)]
pub(super) enum Broken {
    /// A partition that it asks for is not ours any more: nothing more is carried out.
    NotOurs,
    Spill(SpillError),
}

impl From<SpillError> for Broken {
    fn from(error: SpillError) -> Self {
        Broken::Spill(error)
    }
}

/// An order in hand.
pub(super) struct InHand {
    pub(super) receipt: Receipt,
    pub(super) partition: Partition,
    attempt: u32,
    domain: String,
    host: HostKey,
    /// The digests of the keys of its addresses.
    keys: Vec<u64>,
    /// Who gives its answers: the worker, with how often the order was handed out.
    by: String,
    /// How many answers were given.
    place: u64,
    stage: HandStage,
}

/// Where an order in hand stands.
#[derive(Debug, PartialEq)]
enum HandStage {
    /// It is being asked.
    Asked,
    /// All is told; that is to be said.
    Done,
    /// What there was to tell by now is told; this is left of it.
    GoesOn(Box<Order>),
}

/// What becomes of an order.
pub(super) enum Becomes {
    /// It stays in our hands, or is not one.
    Kept,
    /// It is done.
    Done(Receipt),
    /// It is to be handed out again, as far as it is not answered.
    GivenBack(Receipt),
}

/// What is said of an order, and what becomes of it then.
pub(super) struct Said {
    pub(super) answers: Answers,
    pub(super) becomes: Becomes,
    /// What goes out anew before it is taken down.
    pub(super) next: Option<(Partition, Order)>,
}

/// The asking for one run.
pub(super) struct Asking {
    pub(super) run: RunId,
    pub(super) terms: Terms,
    /// Rung when there is something new for it.
    pub(super) bell: Arc<Notify>,
    /// Rung when it is to end before all is asked.
    pub(super) breaks_off: Arc<Notify>,
    /// Addresses that it has not taken in yet.
    pub(super) fed: Vec<Target>,
    pub(super) routes: HashMap<String, Route>,
    pub(super) known_domains: HashMap<String, KnownDomain>,
    pub(super) known_hosts: HashMap<HostKey, KnownHost>,
    /// What is known of hosts by now, for orders that go on.
    pub(super) hosts: BTreeMap<HostKey, KnownHost>,
    /// Hosts that have blocked others of us, and are not to be asked from here.
    pub(super) barred: Vec<((HostKey, Option<IpAddr>), Block)>,
    /// Until when they are not to be asked: that is known to the others.
    pub(super) barred_until: HashMap<(HostKey, Option<IpAddr>), Timestamp>,
    /// What others have tried in vain before us, and is to be taken in.
    pub(super) tried_before: BTreeMap<IpAddr, InVain>,
    /// What was tried in vain at hosts, as the others were told last.
    tried: BTreeMap<HostKey, BTreeMap<IpAddr, InVain>>,
    /// Hosts met since their shares of the ceilings were looked at.
    pub(super) met: Vec<HostKey>,
    /// Which division of the ceilings is in force.
    pub(super) shared_by: Option<u64>,
    /// Addresses that were taken back from those that are asked about, by order, with what is known of their domain.
    taken_back: BTreeMap<u64, (Vec<Target>, KnownDomain)>,
    pub(super) in_hand: BTreeMap<u64, InHand>,
    /// Orders in hand, by domain.
    by_domain: BTreeMap<String, BTreeSet<u64>>,
    /// Orders in hand, by the digests of their addresses' keys.
    by_key: HashMap<u64, u64>,
    /// Domains of which something was learned since they were last looked at.
    touched: BTreeSet<String>,
    /// What was learned and is not sent yet, by order: 0 is what belongs to none.
    pub(super) learned: BTreeMap<u64, Vec<Event>>,
    /// What is said of addresses whose host blocks us, by order: it is not told where another one of us may ask.
    blocked: BTreeMap<u64, Vec<Event>>,
    /// How many addresses the orders in hand have.
    pub(super) addresses: usize,
    /// The partitions that they fall into, with how many do.
    pub(super) partitions: BTreeMap<Partition, usize>,
    /// The hosts that are asked for them, with how many orders each.
    pub(super) at_hosts: HashMap<HostKey, usize>,
    /// Who gives answers that belong to no order.
    loose: (String, u64),
    pub(super) share: Share,
    /// What was done by earlier askings for the same run.
    pub(super) before: Share,
    pub(super) is_closing: bool,
    pub(super) is_withdrawn: bool,
    pub(super) is_over: bool,
}

impl Asking {
    pub(super) fn new(run: RunId, terms: Terms, by: String) -> Self {
        Asking {
            run,
            terms,
            bell: Arc::new(Notify::new()),
            breaks_off: Arc::new(Notify::new()),
            fed: Vec::new(),
            routes: HashMap::new(),
            known_domains: HashMap::new(),
            known_hosts: HashMap::new(),
            hosts: BTreeMap::new(),
            barred: Vec::new(),
            barred_until: HashMap::new(),
            tried_before: BTreeMap::new(),
            tried: BTreeMap::new(),
            met: Vec::new(),
            shared_by: None,
            taken_back: BTreeMap::new(),
            in_hand: BTreeMap::new(),
            by_domain: BTreeMap::new(),
            by_key: HashMap::new(),
            touched: BTreeSet::new(),
            learned: BTreeMap::new(),
            blocked: BTreeMap::new(),
            addresses: 0,
            partitions: BTreeMap::new(),
            at_hosts: HashMap::new(),
            loose: (by, 0),
            share: Share::default(),
            before: Share::default(),
            is_closing: false,
            is_withdrawn: false,
            is_over: false,
        }
    }

    /// Takes an order in hand.
    pub(super) fn take(&mut self, delivery: Delivered, me: &str) {
        let Delivered {
            receipt,
            partition,
            delivered,
            order,
            answers,
            barring,
        } = delivery;
        let Some(host) = order.host().cloned() else {
            return;
        };
        assert!(
            !self.in_hand.contains_key(&order.number),
            "an order is in hand once"
        );
        let mut rest = order.rest(&answers);
        rest.fall_to(me);
        let keys = rest.targets.iter();
        let keys: Vec<u64> = keys
            .map(|target| fingerprint(&*target.address.key()))
            .collect();
        self.by_key
            .extend(keys.iter().map(|key| (*key, order.number)));
        self.addresses += keys.len();
        *self.partitions.entry(partition).or_default() += 1;
        *self.at_hosts.entry(host.clone()).or_default() += 1;
        self.routes
            .entry(order.domain.clone())
            .or_insert(order.route);
        self.known_domains
            .entry(order.domain.clone())
            .or_insert(rest.known_domain);
        self.hosts
            .entry(host.clone())
            .or_insert_with(|| order.known_host.clone());
        let all = order.known_host.blocked.as_deref().cloned();
        let barring = all.map(|block| (None, block)).into_iter().chain(barring);
        self.barred
            .extend(barring.map(|(machine, block)| ((host.clone(), machine), block)));
        let in_vain = &order.known_host.in_vain;
        if !in_vain.is_empty() {
            self.tried_before.extend(in_vain.clone());
            self.tried.insert(host.clone(), in_vain.clone());
        }
        self.known_hosts
            .entry(host.clone())
            .or_insert(order.known_host);
        self.by_domain
            .entry(order.domain.clone())
            .or_default()
            .insert(order.number);
        self.touched.insert(order.domain.clone());
        let in_hand = InHand {
            receipt,
            partition,
            attempt: order.attempt,
            domain: order.domain,
            host,
            keys,
            by: format!("{me}.{delivered}"),
            place: 0,
            stage: HandStage::Asked,
        };
        self.in_hand.insert(order.number, in_hand);
        self.fed.extend(rest.targets);
        self.bell.notify_one();
    }

    /// The order that something learned belongs to; 0 where it belongs to none.
    fn order_of(&self, event: &Event) -> u64 {
        if let Some(key) = person(event) {
            let order = self.by_key.get(&fingerprint(key));
            return order.copied().unwrap_or_default();
        }
        let domain = match event {
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => &**name,
            Event::TakenBack {
                asked: Asked::Decoy(name),
                ..
            } => name,
            Event::TakenBack {
                asked: Asked::Address(_),
                ..
            }
            | Event::Address { .. }
            | Event::Waiting { .. }
            | Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => return 0,
        };
        let orders = self.by_domain.get(domain);
        let first = orders.and_then(|orders| orders.first());
        first.copied().unwrap_or_default()
    }

    pub(super) fn learned(&mut self, event: Event) {
        let domain = match &event {
            Event::Address { key, .. } | Event::Waiting { key, .. } => {
                key.rsplit_once('@').map(|(_, domain)| domain)
            }
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => Some(&**name),
            Event::TakenBack { asked, .. } => match asked {
                Asked::Address(key) => key.rsplit_once('@').map(|(_, domain)| domain),
                Asked::Decoy(name) => Some(&**name),
            },
            Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => None,
        };
        if let Some(domain) = domain {
            self.touched.insert(domain.to_owned());
        }
        if let Event::Host { key, known } = &event
            && let Some(host) = self.hosts.get_mut(key)
        {
            known.clone_into(host);
        }
        let order = self.order_of(&event);
        let there = if order != 0 && is_of_a_block(&event) {
            &mut self.blocked
        } else {
            &mut self.learned
        };
        there.entry(order).or_default().push(event);
    }

    /// What was tried in vain at small hosts since the others were told last, with the hosts where that has brought
    /// something since. Large operators are tried from several addresses at once, each with a chance of its own.
    pub(super) fn tried_in_vain(
        &mut self,
        scheduler: &Scheduler,
        providers: &Providers,
        now: Timestamp,
    ) -> BTreeMap<HostKey, BTreeMap<IpAddr, InVain>> {
        let mut tried = scheduler.tried_in_vain(limits::ENGINE_TELLS_OF_VAIN, now);
        tried.retain(|key, _| !is_large(key, providers));
        let over = self.tried.keys().filter(|key| !tried.contains_key(*key));
        let over = over.map(|key| (key.clone(), BTreeMap::new()));
        let told = &self.tried;
        let news = tried
            .iter()
            .filter(|(key, there)| told.get(*key) != Some(*there));
        let news = news.map(|(key, there)| (key.clone(), there.clone()));
        let news = news.chain(over).collect();
        self.tried = tried;
        news
    }

    /// Takes back what waits in a domain.
    fn take_back(&mut self, domain: &str, scheduler: &mut Scheduler, now: Timestamp) {
        let (targets, known) = scheduler.give_back(domain, now);
        if targets.is_empty() {
            return;
        }
        for target in targets {
            // One that is asked about anew after its order was done has no order any more: its answers stand as they are.
            let order = self.by_key.get(&fingerprint(&*target.address.key()));
            if let Some(order) = order {
                let back = self.taken_back.entry(*order).or_default();
                back.0.push(target);
                back.1.clone_from(&known);
            }
        }
        self.touched.insert(domain.to_owned());
    }

    /// Takes back what waits for partitions that are being left, and what waits for a later moment.
    pub(super) fn take_back_what_waits(
        &mut self,
        scheduler: &mut Scheduler,
        leaving: &BTreeSet<Partition>,
        everywhere: bool,
        now: Timestamp,
    ) {
        if !self.fed.is_empty() {
            return;
        }
        let mut domains: BTreeSet<String> = BTreeSet::new();
        if !leaving.is_empty() {
            let in_hand = self.in_hand.values();
            let left = in_hand.filter(|in_hand| leaving.contains(&in_hand.partition));
            domains.extend(left.map(|in_hand| in_hand.domain.clone()));
        }
        if everywhere {
            let names = self.by_domain.keys().map(String::as_str);
            let resting = scheduler.resting(names, now).into_iter();
            let long = resting.filter(|(_, until)| until.since(now) >= limits::ENGINE_HOLDS);
            domains.extend(long.map(|(name, _)| name.to_owned()));
        }
        for domain in domains {
            self.take_back(&domain, scheduler, now);
        }
    }

    /// What goes out anew of an order.
    fn goes_on(
        &self,
        number: u64,
        (targets, known_domain): (Vec<Target>, KnownDomain),
    ) -> Option<Order> {
        let in_hand = self.in_hand.get(&number)?;
        let not_before = targets.iter().map(|target| target.not_before).min();
        Some(Order {
            run: self.run.clone(),
            number,
            attempt: in_hand.attempt + 1,
            terms: self.terms.clone(),
            domain: in_hand.domain.clone(),
            route: self.routes.get(&in_hand.domain)?.clone(),
            known_domain,
            known_host: KnownHost {
                blocked: None,
                machines: BTreeMap::new(),
                ..self.hosts.get(&in_hand.host).cloned().unwrap_or_default()
            },
            visitor: Some(worker_of(&in_hand.by).to_owned()),
            not_before: not_before.unwrap_or_default(),
            targets,
        })
    }

    /// Notes which orders are done.
    pub(super) fn look(&mut self, scheduler: &Scheduler, everywhere: bool) -> bool {
        if !self.fed.is_empty() {
            return false;
        }
        let asked_about = self.by_domain.keys().map(String::as_str);
        let touched = self.touched.iter().map(String::as_str);
        let touched = touched.filter(|name| self.by_domain.contains_key(*name));
        let candidates: Vec<&str> = if everywhere {
            asked_about.collect()
        } else {
            touched.collect()
        };
        let done = scheduler.done_with(candidates);
        let done: Vec<u64> = done
            .into_iter()
            .filter_map(|domain| self.by_domain.get(domain))
            .flatten()
            .copied()
            .collect();
        self.touched.clear();
        let mut any = false;
        for number in done {
            let back = self.taken_back.remove(&number);
            let rest = back.and_then(|back| self.goes_on(number, back));
            if let Some(in_hand) = self.in_hand.get_mut(&number)
                && in_hand.stage == HandStage::Asked
            {
                any = true;
                in_hand.stage = match rest {
                    Some(rest) => HandStage::GoesOn(Box::new(rest)),
                    None => HandStage::Done,
                };
            }
        }
        any
    }

    /// What is to be sent now: first what belongs to no order, for some of it is what an order's end rests on; then of
    /// each order what there is to say. `moves` says whether others may ask a host that has blocked us.
    pub(super) fn outgoing(&mut self, moves: impl Fn(&Route, &Terms) -> bool) -> [Vec<Said>; 2] {
        let mut learned = std::mem::take(&mut self.learned);
        let loose = learned.remove(&0);
        let loose = loose.map(|events| Said {
            answers: self.answers(0, events, None),
            becomes: Becomes::Kept,
            next: None,
        });
        let mut outgoing = Vec::new();
        let done: Vec<u64> = self
            .in_hand
            .iter()
            .filter(|(_, in_hand)| in_hand.stage != HandStage::Asked)
            .map(|(number, _)| *number)
            .collect();
        for number in learned.keys().copied().collect::<Vec<_>>() {
            if done.contains(&number) {
                continue;
            }
            let events = learned.remove(&number).unwrap_or_default();
            outgoing.push(Said {
                answers: self.answers(number, events, None),
                becomes: Becomes::Kept,
                next: None,
            });
        }
        for number in done {
            let mut events = learned.remove(&number).unwrap_or_default();
            let blocked = self.blocked.remove(&number).unwrap_or_default();
            let Some(in_hand) = self.in_hand.get_mut(&number) else {
                continue;
            };
            let is_whole = in_hand.stage == HandStage::Done;
            let route = self.routes.get(&in_hand.domain);
            if is_whole
                && !blocked.is_empty()
                && route.is_some_and(|route| moves(route, &self.terms))
            {
                // The rest of it is passed on when it comes again.
                let answers = self.answers(number, events, None);
                let becomes = self
                    .put_down(number)
                    .map_or(Becomes::Kept, Becomes::GivenBack);
                outgoing.push(Said {
                    answers,
                    becomes,
                    next: None,
                });
                continue;
            }
            events.extend(blocked);
            let partition = in_hand.partition;
            let next = match std::mem::replace(&mut in_hand.stage, HandStage::Done) {
                HandStage::GoesOn(order) => Some((partition, *order)),
                HandStage::Done | HandStage::Asked => None,
            };
            let outcome = match &next {
                Some((_, order)) => Outcome::GoesOn {
                    attempt: order.attempt,
                },
                None => Outcome::Done,
            };
            outgoing.push(Said {
                answers: self.answers(number, events, Some(outcome)),
                becomes: self.put_down(number).map_or(Becomes::Kept, Becomes::Done),
                next,
            });
        }
        [loose.into_iter().collect(), outgoing]
    }

    fn answers(&mut self, number: u64, events: Vec<Event>, outcome: Option<Outcome>) -> Answers {
        let (attempt, by, place) = if let Some(in_hand) = self.in_hand.get_mut(&number) {
            in_hand.place += 1;
            (in_hand.attempt, in_hand.by.clone(), in_hand.place)
        } else {
            self.loose.1 += 1;
            (0, self.loose.0.clone(), self.loose.1)
        };
        Answers {
            run: self.run.clone(),
            number,
            attempt,
            by,
            place,
            events,
            outcome,
        }
    }

    /// Takes an order out of hand.
    pub(super) fn put_down(&mut self, number: u64) -> Option<Receipt> {
        let in_hand = self.in_hand.remove(&number)?;
        if let Some(orders) = self.by_domain.get_mut(&in_hand.domain) {
            orders.remove(&number);
            if orders.is_empty() {
                self.by_domain.remove(&in_hand.domain);
                self.routes.remove(&in_hand.domain);
            }
        }
        for key in &in_hand.keys {
            if self.by_key.get(key) == Some(&number) {
                self.by_key.remove(key);
            }
        }
        self.addresses -= in_hand.keys.len();
        self.taken_back.remove(&number);
        self.blocked.remove(&number);
        if let Some(count) = self.partitions.get_mut(&in_hand.partition) {
            *count -= 1;
            if *count == 0 {
                self.partitions.remove(&in_hand.partition);
            }
        }
        if let Some(count) = self.at_hosts.get_mut(&in_hand.host) {
            *count -= 1;
            if *count == 0 {
                self.at_hosts.remove(&in_hand.host);
            }
        }
        Some(in_hand.receipt)
    }

    /// What has been done for the run in all.
    pub(super) fn share(&self) -> Share {
        let mut share = self.before;
        share.add(&self.share);
        share.orders = self.in_hand.len();
        share.is_over = self.is_over && self.learned.is_empty();
        share
    }
}

/// An order that was handed out, with what is known of it.
pub(super) struct Delivered {
    pub(super) receipt: Receipt,
    pub(super) partition: Partition,
    pub(super) delivered: u64,
    pub(super) order: Order,
    pub(super) answers: Vec<Answers>,
    /// Which machines of its host are not to be asked, for what reason: all of them where none is named.
    pub(super) barring: Vec<(Option<IpAddr>, Block)>,
}

/// Whether something learned says of an address that its host blocks us, and no more.
fn is_of_a_block(event: &Event) -> bool {
    let Event::Address { fact, .. } = event else {
        return false;
    };
    let reason = match &fact.finding {
        Finding::Asked { reading, .. } => reading.reason,
        Finding::Withheld { reason, .. } => *reason,
        Finding::Text { .. } | Finding::Domain { .. } | Finding::Bounced { .. } => return false,
    };
    matches!(reason, Reason::SenderBlocked | Reason::RateLimited)
}
