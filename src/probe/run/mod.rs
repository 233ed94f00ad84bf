//! Runs the asking: carries the scheduler's wishes to the world, the world's answers to the scheduler.

mod outage;
mod remembered;
mod resolve;
mod session;
mod spill;
mod stop;
mod trace;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep_until;
use tracing::Instrument;

use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::route::Answered;
use crate::net::route::{HostKey, Reach, Route};
use crate::probe::{KnownDomain, KnownHost, KnownMachine, Target};
use crate::smtp::farewell::Parting;
use crate::smtp::rules::Book;
use crate::smtp::session::Halt;

use crate::probe::scheduler::{
    Action, Event, Limits, Progress, Scheduler, SessionEvent, SessionId,
};
use outage::{Begun, Heard, Outage, Shown, Sign};
use resolve::Router;
use session::{Order, Session};
use spill::Spill;

pub use crate::model::ending::Ending;
pub use crate::net::origin::{Origin, origin_for};
pub use spill::SpillError;
pub use stop::Stop;

/// How a run asks the world.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// How hosts are treated.
    pub limits: Limits,
    /// Where we come from, under which names; each host sees one of them. At least one.
    pub origins: Vec<Origin>,
    /// The port on which hosts are asked: 25.
    pub port: u16,
    /// Which addresses may be contacted.
    pub reach: Reach,
    /// Whether mail hosts are asked at all.
    pub depth: Depth,
}

/// How far a run asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// DNS only: no mail host is asked.
    Names,
    /// DNS, then the mail hosts.
    MailHosts,
}

/// Resolves when a guest wants in.
pub type Knock = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The addresses to ask about, as they come, with what is known from before.
pub trait TargetSource {
    /// Why it fails.
    type Error;

    /// Some further addresses, few enough that answers are not kept waiting; `None` when there are no more. None of
    /// those that were looked at may need asking: then it is asked again.
    ///
    /// # Errors
    ///
    /// When the list cannot be read further.
    fn next(&mut self) -> Result<Option<Vec<Target>>, Self::Error>;

    /// Addresses that came in meanwhile and go before all others, each with a client that waits for its answer.
    ///
    /// # Errors
    ///
    /// When what is known of them cannot be read.
    fn guests(&mut self) -> Result<Vec<Target>, Self::Error> {
        Ok(Vec::new())
    }

    /// Resolves when such an address has come in.
    fn knock(&self) -> Knock {
        Box::pin(std::future::pending())
    }

    /// Whether [`TargetSource::next`] has something to give now. Where it has not, [`TargetSource::knock`] resolves when
    /// it has again.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether guests may still come though the list is at its end.
    fn stays_open(&self) -> bool {
        false
    }

    /// The mail hosts of a domain, where they were found out elsewhere: DNS is not asked then.
    fn route(&mut self, domain: &str) -> Option<Route> {
        let _ = domain;
        None
    }

    /// Whether others ask the mail hosts: then [`TargetSource::hand_out`] is given what is to be asked.
    fn hands_out(&self) -> bool {
        false
    }

    /// Addresses of one domain that others are to ask about, with the hosts that take its mail. No further addresses of
    /// that domain are to come from here.
    ///
    /// # Errors
    ///
    /// When they cannot be handed out.
    fn hand_out(
        &mut self,
        domain: &str,
        route: Route,
        targets: Vec<Target>,
    ) -> Result<(), Self::Error> {
        let _ = (domain, route, targets);
        Ok(())
    }

    /// Called at each turn of the run, before anything is carried out: nothing is, where this fails.
    ///
    /// # Errors
    ///
    /// When the run must not go on.
    fn tend(&mut self, scheduler: &mut Scheduler, now: Timestamp) -> Result<(), Self::Error> {
        let _ = (scheduler, now);
        Ok(())
    }

    /// What is known of a domain. Asked once for each, before any of its addresses is asked about.
    ///
    /// # Errors
    ///
    /// When what is known cannot be read.
    fn domain(&mut self, name: &str) -> Result<KnownDomain, Self::Error> {
        let _ = name;
        Ok(KnownDomain::default())
    }

    /// What is known of a host key. Asked once for each, before the host is connected to.
    ///
    /// # Errors
    ///
    /// When what is known cannot be read.
    fn host(&mut self, key: &HostKey) -> Result<KnownHost, Self::Error> {
        let _ = key;
        Ok(KnownHost::default())
    }

    /// What mail hosts, by their names, answered before this run was interrupted. Asked once, before all else.
    ///
    /// # Errors
    ///
    /// When what is known cannot be read.
    fn machines(&mut self) -> Result<HashMap<String, KnownMachine>, Self::Error> {
        Ok(HashMap::new())
    }
}

/// Receives the events of a run.
pub trait Listener {
    /// Why it fails.
    type Error;

    /// Something was learned.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    fn learned(&mut self, learned: Event) -> Result<(), Self::Error>;

    /// So far the asking has come.
    fn progress(&mut self, progress: &Progress);

    /// Does something when all that was learned before is kept for good.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    fn then(&mut self, what: Box<dyn FnOnce() + Send>) -> Result<(), Self::Error> {
        what();
        Ok(())
    }
}

/// What the world reports to the loop.
enum News {
    Routed(String, Route, Heard, Begun),
    Tested(Sign),
    Session(SessionId, SessionEvent),
}

/// Asks about every address of `supply`, until all are settled, `stop` resolves or `deadline` has come.
///
/// # Errors
///
/// When the supply or the listener fails; sessions under way are ended first.
///
/// # Panics
///
/// When a session's task panicked: no row may be lost silently.
pub async fn ask_all<E: From<SpillError>>(
    world: World,
    config: RunConfig,
    book: Arc<Book>,
    providers: Arc<Providers>,
    supply: &mut dyn TargetSource<Error = E>,
    listener: &mut dyn Listener<Error = E>,
    stop: impl Into<Stop<'_>>,
) -> Result<Ending, E> {
    let router = Arc::new(Router::new(
        world.clone(),
        config.reach,
        &config.origins,
        Arc::clone(&providers),
    ));
    let home = config.limits.sender.as_ref();
    let home = home.map(|sender| sender.domain().to_owned());
    let mut run = Run {
        outage: Outage::watch(home, world.seed),
        again: Vec::new(),
        told: Vec::new(),
        scheduler: Scheduler::new(config.limits.clone(), providers),
        world,
        config,
        book,
        router,
        orders: HashMap::new(),
        tasks: JoinSet::new(),
        news: mpsc::unbounded_channel(),
        reports: mpsc::unbounded_channel(),
        ending: Ending::Completed,
        patient_until: None,
        supply_dry: false,
        spill: Spill::default(),
        resolving: 0,
    };
    run.until_done(supply, listener, stop.into()).await
}

/// Both ends of a channel. It needs no bound of its own: each task has at most one report under way.
type Channel<T> = (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>);

/// How a conversation is told what to do.
struct Orders {
    orders: mpsc::UnboundedSender<Order>,
    /// Cuts the batch under way short.
    halt: Halt,
}

/// The state of the loop.
struct Run {
    scheduler: Scheduler,
    world: World,
    config: RunConfig,
    book: Arc<Book>,
    router: Arc<Router>,
    orders: HashMap<SessionId, Orders>,
    tasks: JoinSet<()>,
    news: Channel<News>,
    reports: Channel<(SessionId, SessionEvent)>,
    ending: Ending,
    /// How long sessions under way are waited for, once the run is to stop.
    patient_until: Option<Timestamp>,
    supply_dry: bool,
    spill: Spill,
    /// Look-ups under way.
    resolving: usize,
    /// How DNS is doing.
    outage: Outage,
    /// Domains to look up anew, for DNS was out when they were looked up.
    again: Vec<String>,
    /// What the listener is to be told of DNS.
    told: Vec<Event>,
}

/// What is said of every domain once DNS is out for all.
const NAMES_ARE_OUT: &str = "no name server answers any more";

/// Lets a panic of a session's task end the run: no row may be lost silently.
fn loudly(finished: Result<(), JoinError>) {
    if let Err(error) = finished {
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Run {
    async fn until_done<E: From<SpillError>>(
        &mut self,
        supply: &mut dyn TargetSource<Error = E>,
        listener: &mut dyn Listener<Error = E>,
        mut stop: Stop<'_>,
    ) -> Result<Ending, E> {
        let mut next_progress = self.world.clock.now();
        self.scheduler.know_machines(supply.machines()?);
        loop {
            let now = self.world.clock.now();
            self.let_in(supply, now)?;
            self.refill(supply, now)?;
            self.scheduler.tick(now);
            if self.scheduler.is_stranded() && self.ending == Ending::Completed {
                self.stop(Ending::Stranded, now);
            }
            self.look_up(supply, now)?;
            let tended = supply.tend(&mut self.scheduler, now);
            if tended.is_ok() {
                self.carry_out();
                if self.patient_until.is_some_and(|until| until <= now) {
                    self.break_off(now);
                }
            }
            // What hosts have answered stands, also where nothing more is to be asked.
            for learned in self.told.drain(..).chain(self.scheduler.take_events()) {
                listener.learned(learned)?;
            }
            tended?;
            if now >= next_progress {
                listener.progress(&self.progress(now));
                next_progress = now + limits::PROGRESS_EVERY;
            }
            if self.scheduler.is_done()
                && ((self.supply_dry && self.spill.is_empty() && !supply.stays_open())
                    || self.ending != Ending::Completed)
            {
                if self.scheduler.tests_hosts(now) {
                    continue;
                }
                listener.progress(&self.progress(now));
                return Ok(match self.ending {
                    Ending::Completed if self.outage.is_lost() => Ending::Stranded,
                    ending => ending,
                });
            }
            // Whatever happens or does not, the operator sees that the run lives.
            let wake = self
                .wake()
                .map_or(next_progress, |at| at.min(next_progress));
            let wake = self.world.clock.instant(wake);
            // In a fixed order, so that a simulated run replays.
            tokio::select! {
                biased;
                ending = &mut stop.early, if self.ending == Ending::Completed => {
                    let now = self.world.clock.now();
                    self.stop(ending, now);
                    next_progress = now;
                }
                () = &mut stop.at_once, if self.patient_until.is_some() => {
                    self.patient_until = Some(self.world.clock.now());
                }
                Some(finished) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    loudly(finished);
                }
                Some((session, report)) = self.reports.1.recv() => {
                    let now = self.world.clock.now();
                    self.heed(News::Session(session, report), supply, now)?;
                    while let Ok((session, report)) = self.reports.1.try_recv() {
                        self.heed(News::Session(session, report), supply, now)?;
                    }
                }
                Some(news) = self.news.1.recv() => {
                    let now = self.world.clock.now();
                    self.heed(news, supply, now)?;
                }
                () = supply.knock(), if self.ending == Ending::Completed => {}
                () = sleep_until(wake) => {}
                // Sessions get their turn between two readings.
                () = tokio::task::yield_now(), if self.reads_on(supply) => {}
            }
        }
    }

    /// When to look at everything again, whatever is reported until then.
    fn wake(&self) -> Option<Timestamp> {
        // A run that is to end does not wait for DNS.
        let outage = self.outage.wake();
        let outage = outage.filter(|_| self.ending == Ending::Completed);
        let wakes = [self.scheduler.next_wake(), outage, self.patient_until];
        wakes.into_iter().flatten().min()
    }

    fn progress(&self, now: Timestamp) -> Progress {
        let progress = self.scheduler.progress(now);
        Progress {
            dns_questions: self.router.questions(),
            stopping: self.patient_until,
            // How much is left is not known before the list is read.
            to_go: progress
                .to_go
                .filter(|_| self.supply_dry && !self.spill.is_being_read()),
            ..progress
        }
    }

    /// Begins nothing new; what is under way has a little time to end well.
    fn stop(&mut self, ending: Ending, now: Timestamp) {
        self.ending = ending;
        self.patient_until = Some(now + limits::STOPPING_WAIT);
        self.scheduler.stop();
    }

    /// Ends sessions whose hosts keep silent: a run that was interrupted does not wait a minute for them.
    fn break_off(&mut self, now: Timestamp) {
        self.patient_until = None;
        while let Some(finished) = self.tasks.try_join_next() {
            loudly(finished);
        }
        // What is left is dropped, which closes its connections; what has come in counts.
        self.tasks = JoinSet::new();
        while let Ok((session, report)) = self.reports.1.try_recv() {
            self.scheduler.report(session, report, now);
        }
        let mut left: Vec<SessionId> = self.orders.drain().map(|(session, _)| session).collect();
        // In their order, so that a simulated run replays.
        left.sort_unstable();
        for session in left {
            self.scheduler
                .report(session, SessionEvent::Ended(Parting::Untold), now);
        }
        // What the last events led to is not carried out any more.
        while self.scheduler.next_action().is_some() {}
    }

    /// Whether more rows are to be read, from the list or from among those put off. While many domains wait to be
    /// looked up, there is no hurry: what follows would wait behind them.
    fn reads_on<E>(&self, supply: &dyn TargetSource<Error = E>) -> bool {
        if !supply.is_ready() || self.scheduler.domains_to_look_up() >= limits::UNRESOLVED_DOMAINS {
            return false;
        }
        if supply.hands_out() && self.scheduler.has_no_room() {
            return false;
        }
        let more = !self.supply_dry || self.spill.is_being_read() || self.scheduler.is_hungry();
        more && self.ending == Ending::Completed
    }

    /// Reads on: memory is bounded by what may wait, not by the list. An address that would wait behind too many others
    /// at one host is spilled, so that the list is read to its end whatever its first host is like.
    fn refill<E: From<SpillError>>(
        &mut self,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        if !self.reads_on(supply) {
            return Ok(());
        }
        let batch = if self.supply_dry {
            Some(self.take_back()?)
        } else {
            supply.next()?
        };
        let Some(batch) = batch else {
            self.supply_dry = true;
            return Ok(());
        };
        for wanted in batch {
            let domain = wanted.address.domain().wire();
            // What is handed out goes on as soon as its hosts are known: none that is put off would be handed out then.
            let is_put_off = wanted.answered.is_none() && !supply.hands_out();
            if is_put_off && self.scheduler.is_crowded(domain) {
                self.scheduler.put_off(domain);
                self.spill.put(&wanted)?;
                continue;
            }
            self.add(wanted, supply, now)?;
        }
        Ok(())
    }

    /// Takes in those who came meanwhile; they are few, and wait behind nobody.
    fn let_in<E: From<SpillError>>(
        &mut self,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        if self.ending != Ending::Completed {
            return Ok(());
        }
        for wanted in supply.guests()? {
            self.add(wanted, supply, now)?;
        }
        Ok(())
    }

    /// Has an address asked about.
    fn add<E: From<SpillError>>(
        &mut self,
        wanted: Target,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        let domain = wanted.address.domain().wire();
        if !self.scheduler.knows_domain(domain) {
            self.scheduler
                .know_domain(domain, &supply.domain(domain)?, now);
        }
        self.scheduler.add(wanted, now);
        Ok(())
    }

    /// Some of the spilled addresses; those whose host is still crowded are spilled again.
    fn take_back(&mut self) -> Result<Vec<Target>, SpillError> {
        if !self.spill.is_being_read() {
            self.scheduler.note_read_from_spill();
            self.spill.begin_pass()?;
        }
        self.spill.take(limits::SUPPLY_BATCH)
    }

    /// Takes in what the world reports.
    fn heed<E: From<SpillError>>(
        &mut self,
        news: News,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        match news {
            News::Routed(domain, route, heard, begun) => {
                self.resolving -= 1;
                for (domain, route) in self.outage.looked_up(domain, route, heard, begun) {
                    self.routed(&domain, route, supply, now)?;
                }
            }
            News::Tested(sign) => match self.outage.tested(sign, now) {
                Shown::Works(believed) | Shown::IsLost(believed) => {
                    for (domain, route) in believed {
                        self.routed(&domain, route, supply, now)?;
                    }
                }
                Shown::WorksAgain(domains) => {
                    self.router.forget_failures();
                    self.again.extend(domains);
                }
                Shown::IsOut => self.told.push(Event::Stranded {
                    words: NAMES_ARE_OUT.to_owned(),
                }),
                Shown::StaysOut => {}
            },
            News::Session(session, report) => {
                if matches!(
                    report,
                    SessionEvent::Ended(_) | SessionEvent::Failed(_) | SessionEvent::Stranded(_)
                ) {
                    self.orders.remove(&session);
                }
                self.scheduler.report(session, report, now);
            }
        }
        Ok(())
    }

    /// A domain's route is known.
    fn routed<E>(
        &mut self,
        domain: &str,
        route: Route,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        trace::routed(domain, &route);
        if matches!(route, Route::Hosts { .. }) && supply.hands_out() {
            let targets = self.scheduler.hand_over(domain, now);
            return supply.hand_out(domain, route, targets);
        }
        if let Some(key) = self.scheduler.unmet_host(&route) {
            self.scheduler.know_host(key, supply.host(key)?, now);
        }
        self.scheduler.routed(domain, route, now);
        Ok(())
    }

    /// Looks up domains that wait for it, as far as DNS lets us.
    fn look_up<E: From<SpillError>>(
        &mut self,
        supply: &mut dyn TargetSource<Error = E>,
        now: Timestamp,
    ) -> Result<(), E> {
        while self.outage.is_lost()
            && let Some(domain) = self
                .again
                .pop()
                .or_else(|| self.scheduler.next_resolution())
        {
            let detail = format!("asking for the mail hosts of {domain}: {NAMES_ARE_OUT}");
            let route = Route::Trouble {
                detail,
                answered: Answered::No,
            };
            self.routed(&domain, route, supply, now)?;
        }
        // So many look-ups at a time: each is a task, and there may be millions of domains.
        while self.outage.lets_look_up()
            && self.resolving < self.world.names.places()
            && let Some(domain) = self
                .again
                .pop()
                .or_else(|| self.scheduler.next_resolution())
        {
            if let Some(route) = supply.route(&domain) {
                self.routed(&domain, route, supply, now)?;
                continue;
            }
            self.resolving += 1;
            self.resolve(domain);
        }
        if self.ending == Ending::Completed
            && let Some(names) = self.outage.test(self.resolving, now)
        {
            let (router, news) = (Arc::clone(&self.router), self.news.0.clone());
            self.tasks.spawn(async move {
                let _ = news.send(News::Tested(router.test(names).await));
            });
        }
        Ok(())
    }

    /// Carries out what the scheduler wants done.
    fn carry_out(&mut self) {
        while let Some(out) = self.scheduler.next_action() {
            match out {
                Action::Start {
                    session,
                    host,
                    key,
                    address,
                    hello,
                    patience,
                    privacy,
                    provider,
                } => {
                    let origin = origin_for(&self.config.origins, &key, address);
                    let session = Session {
                        id: session,
                        host,
                        address: SocketAddr::new(address, self.config.port),
                        origin: origin.clone(),
                        hello,
                        patience,
                        privacy,
                        provider,
                        sender_domain: self
                            .config
                            .limits
                            .sender
                            .as_ref()
                            .map(|sender| sender.domain().to_owned()),
                        book: Arc::clone(&self.book),
                        halt: Halt::default(),
                    };
                    let (orders, receiver) = mpsc::unbounded_channel();
                    let halt = session.halt.clone();
                    self.orders.insert(session.id, Orders { orders, halt });
                    let span = trace::conversation(&session.host, session.address);
                    let held = session.hold(self.world.clone(), receiver, self.reports.0.clone());
                    self.tasks.spawn(held.instrument(span));
                }
                Action::Send {
                    session,
                    commands,
                    pace,
                } => {
                    if let Some(line) = self.orders.get(&session) {
                        line.halt.clear();
                    }
                    self.order(session, Order::Fly(commands, pace));
                }
                Action::Halt { session } => {
                    if let Some(line) = self.orders.get(&session) {
                        line.halt.set();
                    }
                }
                Action::Quit { session, patience } => self.order(session, Order::Quit(patience)),
            }
        }
    }

    fn order(&mut self, session: SessionId, order: Order) {
        if let Some(line) = self.orders.get(&session) {
            // A session that is gone reports its end by itself.
            let _ = line.orders.send(order);
        }
    }

    fn resolve(&mut self, domain: String) {
        let router = Arc::clone(&self.router);
        let news = self.news.0.clone();
        let depth = self.config.depth;
        let begun = self.outage.begin();
        self.tasks.spawn(async move {
            let (route, heard) = router.route(&domain).await;
            let route = match (depth, route) {
                (Depth::MailHosts, route) => route,
                (Depth::Names, Route::Hosts { .. }) => Route::NotAsked,
                (Depth::Names, route) => route,
            };
            let _ = news.send(News::Routed(domain, route, heard, begun));
        });
    }
}
