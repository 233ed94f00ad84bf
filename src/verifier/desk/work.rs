//! The thread that asks: one list after the other, and guests beside them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};

use super::known::Known;
use super::picture::{Sight, add_pages};
use super::totals::{RunTotals, Totals};
use super::turns::{Spent, TakesTurns, Turns};
use super::{
    Again, Lending, ListWork, Listed, Now, SampleWork, Standing, Terms, Trouble, Warning, Wish,
};
use crate::input::suppression::Suppression;
use crate::ledger::{Forgotten, Job, Lifetimes, Memory, Target, forget};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::model::{echo, limits};
use crate::probe::run::Stop;
use crate::probe::scheduler::Progress;
use crate::verifier::asker::Asker;
use crate::verifier::error::{Error, ErrorKind};
use crate::verifier::place::Place;
use crate::verifier::preflight::{Preflight, Sender};
use crate::verifier::setup::OpenLedger;
use crate::verify::estimate::{Estimated, Sample, estimate};
use crate::verify::report::{Numbers, Since, Traffic};
use crate::verify::{
    Asked, Asking, Finished, Guests, Observer, Rows, SoFar, Tools, VerifyError, add_domains, ask,
    list_asked,
};

/// One thing to do.
pub(super) enum Errand {
    List(InLine),
    /// A guest waits.
    Guests {
        trouble: mpsc::UnboundedSender<Error>,
    },
    /// Nothing more is to be done.
    End {
        done: oneshot::Sender<()>,
    },
    /// Whom to leave alone from now on.
    Suppress(Suppression),
    Preflight {
        sender: Sender,
        answer: oneshot::Sender<Result<Preflight, Error>>,
    },
    Forget {
        targets: Vec<Target>,
        answer: oneshot::Sender<Result<Forgotten, Error>>,
    },
}

/// A list that takes turns.
pub(super) struct InLine {
    pub(super) work: Work,
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) teller: watch::Sender<Standing>,
    pub(super) spent: Spent,
}

/// What is to be done with a list, and where it is told what came of it.
pub(super) enum Work {
    List(Box<ListWork>, Answer<Listed>),
    Sample(Box<SampleWork>, Answer<Option<Estimated>>),
}

impl TakesTurns for InLine {
    fn wish(&self) -> &watch::Receiver<Wish> {
        &self.wish
    }

    fn spent(&self) -> &Spent {
        &self.spent
    }
}

/// Where what came of an errand is told.
type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// What waits for its turn.
#[derive(Default)]
struct Line {
    /// To be done alone, before all else.
    forget: VecDeque<(Vec<Target>, Answer<Forgotten>)>,
    lists: Turns<InLine>,
    /// Who is told when guests cannot be asked about.
    hosts: Vec<mpsc::UnboundedSender<Error>>,
    /// Who is told when everything has ended.
    ends: Option<oneshot::Sender<()>>,
    /// Whom to leave alone from the next turn on.
    suppression: Option<Suppression>,
    /// Whether what is under way is to make room: something goes before it.
    makes_room: watch::Sender<bool>,
}

/// Preflights under way: they need nobody's turn.
type Aside = FuturesUnordered<Pin<Box<dyn Future<Output = ()>>>>;

/// Where errands come in while something is under way.
struct Door {
    errands: mpsc::UnboundedReceiver<Errand>,
    line: Line,
    aside: Aside,
}

impl Door {
    /// Does `work`; what comes in meanwhile goes to its place in line.
    async fn beside<T>(&mut self, asker: &Asker, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(errand) = self.errands.recv() => self.take_in(errand, asker),
                Some(()) = self.aside.next(), if !self.aside.is_empty() => {}
            }
        }
    }

    /// Waits until something comes in; `false` when nobody is left who could hand in anything.
    async fn wait(&mut self, asker: &Asker) -> bool {
        tokio::select! {
            errand = self.errands.recv() => match errand {
                Some(errand) => self.take_in(errand, asker),
                None => return false,
            },
            Some(()) = self.aside.next(), if !self.aside.is_empty() => {}
        }
        true
    }

    /// Whether a list whose asking ended so is not done, but has made room for others.
    fn has_made_room(&self, ending: Ending, wish: &watch::Receiver<Wish>) -> bool {
        let is_interrupted = ending == Ending::Interrupted || *self.line.makes_room.borrow();
        is_interrupted && *wish.borrow() == Wish::GoOn
    }

    fn take_in(&mut self, errand: Errand, asker: &Asker) {
        match errand {
            Errand::List(list) => self.line.lists.add(list),
            Errand::Guests { trouble } => {
                self.line.hosts.retain(|host| !host.is_closed());
                self.line.hosts.push(trouble);
            }
            Errand::Preflight { sender, answer } => match asker.preflight(sender) {
                Ok(preflight) => self.aside.push(Box::pin(async {
                    let mut answer = answer;
                    tokio::select! {
                        told = preflight => {
                            let _ = answer.send(Ok(told));
                        }
                        // Nobody waits for it any more.
                        () = answer.closed() => {}
                    }
                })),
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            },
            Errand::End { done } => {
                self.line.ends = Some(done);
                self.line.makes_room.send_replace(true);
            }
            Errand::Suppress(suppression) => self.line.suppression = Some(suppression),
            Errand::Forget { targets, answer } => {
                self.line.forget.push_back((targets, answer));
                self.line.makes_room.send_replace(true);
            }
        }
    }
}

/// Everything that the thread works with.
pub(super) struct Worker {
    asker: Asker,
    tools: Tools,
    path: PathBuf,
    lifetimes: Lifetimes,
    haste: Option<f64>,
    known: Known,
    guests: Guests,
    now: Now,
    totals: Totals,
    lent: Lending,
}

/// What the thread shares with the desk.
pub(super) struct Shared {
    pub(super) known: Known,
    pub(super) guests: Guests,
    pub(super) now: Now,
    pub(super) totals: Totals,
    pub(super) lent: Lending,
}

/// How a turn ended.
enum Turn<T> {
    /// It is over.
    Over(T),
    /// Something went before it: it has another turn.
    MadeRoom,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(
        terms: Terms,
        shared: Shared,
        errands: mpsc::UnboundedReceiver<Errand>,
    ) -> Result<(), Error> {
        let no_room = |error: std::io::Error| Error::new(ErrorKind::Fault, error.to_string());
        let runtime = terms.place.runtime().map_err(no_room)?;
        let Shared {
            known,
            guests,
            now,
            totals,
            lent,
        } = shared;
        let mut worker = Worker {
            asker: Asker::new(terms.place, terms.setup),
            tools: terms.tools,
            path: terms.ledger,
            lifetimes: terms.lifetimes,
            haste: terms.haste,
            known,
            guests,
            now,
            totals,
            lent,
        };
        let work = move || {
            let mut door = Door {
                errands,
                line: Line::default(),
                aside: Aside::new(),
            };
            runtime.block_on(worker.work(&mut door));
        };
        let thread = thread::Builder::new().name("asking".to_owned());
        thread.spawn(work).map_err(no_room)?;
        Ok(())
    }

    /// Does what comes, until nobody is left to ask for more.
    async fn work(&mut self, door: &mut Door) {
        loop {
            while let Ok(errand) = door.errands.try_recv() {
                door.take_in(errand, &self.asker);
            }
            if let Some(done) = door.line.ends.take() {
                let _ = done.send(());
                return;
            }
            if let Some((targets, answer)) = door.line.forget.pop_front() {
                // Who puts a list together or learns from bounces comes to its end first.
                let alone = door.beside(&self.asker, self.lent.write()).await;
                let held = self.known.let_go().await;
                let _ = answer.send(forget(&self.path, &targets).map_err(Error::from));
                drop((held, alone));
                continue;
            }
            door.line.makes_room.send_replace(false);
            if let Some(suppression) = door.line.suppression.take() {
                self.tools.suppression = suppression;
            }
            if let Some(list) = door.line.lists.next() {
                self.turn_of(list, door).await;
            } else if !self.guests.is_empty() {
                let asked = self.guests_alone(door).await;
                if let Err(error) = asked {
                    // Nobody of them can be asked about.
                    drop(self.guests.take());
                    for host in door.line.hosts.drain(..) {
                        let _ = host.send(error.clone());
                    }
                }
            } else if !door.wait(&self.asker).await {
                return;
            }
        }
    }

    /// Gives a list its turn.
    async fn turn_of(&mut self, list: InLine, door: &mut Door) {
        let InLine {
            work,
            wish,
            teller,
            mut spent,
        } = list;
        // In this order, so that a caller that calls it back and sees it waiting knows that it will not begin.
        teller.send_modify(|standing| standing.is_under_way = true);
        let is_wanted = *wish.borrow() == Wish::GoOn || !spent.is_nothing();
        spent.begin(self.asker.now());
        let work = match work {
            Work::List(work, answer) => {
                let turn = if is_wanted {
                    self.list(&work, &wish, &teller, &mut spent, door).await
                } else {
                    Ok(Turn::Over(Listed::NotBegun))
                };
                tell(turn, answer).map(|answer| Work::List(work, answer))
            }
            Work::Sample(work, answer) => {
                let turn = if is_wanted {
                    self.sample(&work, &wish, &teller, &mut spent, door).await
                } else {
                    Ok(Turn::Over(None))
                };
                tell(turn, answer).map(|answer| Work::Sample(work, answer))
            }
        };
        let Some(work) = work else { return };
        let list = InLine {
            work,
            wish,
            teller,
            spent,
        };
        if *door.line.makes_room.borrow() {
            door.line.lists.add_first(list);
        } else {
            door.line.lists.add(list);
        }
    }

    /// Asks about guests while no list waits for its turn.
    async fn guests_alone(&mut self, door: &mut Door) -> Result<(), Error> {
        let asking = self.asker.asking(&[]).await?;
        let mut ledger = self.ledger()?;
        let ledger = &mut ledger.ledger;
        let rows = Rows::of_texts(VecDeque::new()).beside(self.guests.clone());
        let mut teller = self.teller(watch::Sender::default(), &Spent::default());
        let mut room = door.line.makes_room.subscribe();
        let (came, mut list_came) = watch::channel(false);
        let stop = async {
            tokio::select! {
                _ = room.wait_for(|makes| *makes) => Ending::Interrupted,
                _ = list_came.wait_for(|came| *came) => Ending::Interrupted,
            }
        };
        let asked = ask(
            rows,
            Memory::Use,
            &self.tools,
            asking,
            ledger,
            &mut teller,
            stop,
        );
        let mut asked = pin!(asked);
        loop {
            let one = door.beside(&self.asker, async {
                tokio::select! {
                    asked = &mut asked => Some(asked),
                    () = tokio::time::sleep(LOOKS_FOR_LISTS) => None,
                }
            });
            if let Some(asked) = one.await {
                asked?;
                return Ok(());
            }
            if !door.line.lists.is_empty() {
                came.send_replace(true);
            }
        }
    }

    /// Verifies a list.
    async fn list(
        &mut self,
        work: &ListWork,
        wish: &watch::Receiver<Wish>,
        teller: &watch::Sender<Standing>,
        spent: &mut Spent,
        door: &mut Door,
    ) -> Result<Turn<Listed>, Error> {
        let task = &work.task;
        let mut domains = Vec::new();
        for input in &task.lists {
            add_domains(&mut domains, &input.source, &task.options)?;
        }
        let mut asking = self.asker.asking(&domains).await?;
        let mut opened = self.ledger()?;
        let ledger = &mut opened.ledger;
        if work.again.is_some() {
            ledger.recall(Memory::Refresh);
        }
        let place = task.out.display().to_string();
        let name = task.name();
        if let Asking::World(_, config) = &mut asking {
            let job = Job {
                place: &place,
                list: &name,
                seed: config.limits.seed,
            };
            config.limits.seed = ledger.begin(&job, self.asker.now())?.seed;
            // The clock of each address goes on from turn to turn.
            config.limits.patience = work.patience.unwrap_or(config.limits.patience);
        }
        let tools = Tools {
            policy: work.policy.clone(),
            ..self.tools.clone()
        };
        let since = work.again.as_ref().map(|again| again.since);
        let since = since.unwrap_or(ledger.run_began());
        teller.send_modify(|standing| standing.since = Some(since));
        let mut observer = self.teller(teller.clone(), spent);
        let deadline = work.deadline.map(|deadline| spent.left(deadline));
        let stop = early(wish, door, deadline);
        let (rows, memory) = match &work.again {
            None => {
                let sources = task.lists.iter().map(|list| &list.source);
                let rows = Rows::of_lists(sources, &task.options);
                (rows.map_err(VerifyError::from)?, task.memory)
            }
            Some(again) => {
                let rows = Rows::of_addresses(again.addresses.iter().cloned());
                (rows, Memory::Refresh)
            }
        };
        let rows = rows.beside(task.guests.clone());
        let run = ask(rows, memory, &tools, asking, ledger, &mut observer, stop);
        let asked = door.beside(&self.asker, run).await?;
        self.now.is(self.asker.now());
        let ended = asked.ending;
        if door.has_made_room(ended, wish) {
            spent.add(asked.traffic());
            return Ok(Turn::MadeRoom);
        }
        let mut finished = match &work.again {
            None => list_asked(task, &tools, ledger, asked, &mut observer)?,
            Some(again) => {
                self.list_again(work, again, &tools, &asked, &mut observer)
                    .await?
            }
        };
        let report = &mut finished.report;
        spent.tell(report);
        if let Place::Simulated(_, world) = &self.asker.place {
            report.world = std::path::Path::new(world)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
        }
        let past = ledger.last_run(&place)?;
        report.since = past
            .and_then(|past| Numbers::from_json(&past.numbers))
            .map(|then| Since::between(&then, report));
        report.title.clone_from(&work.title);
        add_pages(&mut finished, task)?;
        let report = finished.publish(ledger)?;
        let numbers = Numbers::from(&report).to_json();
        // What the report says may be of an earlier asking.
        ledger.end(ended.as_str(), &numbers, self.asker.now())?;
        Ok(Turn::Over(Listed::Done(Box::new(report))))
    }

    /// Lists all rows after some of them were asked about again; the others stand as they stood.
    async fn list_again(
        &self,
        work: &ListWork,
        again: &Again,
        tools: &Tools,
        asked: &Asked,
        observer: &mut Teller<'_>,
    ) -> Result<Finished, Error> {
        let sight = Sight {
            path: &self.path,
            realm: &OpenLedger::realm(&self.asker.place),
            lifetimes: self.lifetimes,
            since: again.since,
            now: asked.time().finished,
            ending: match asked.ending {
                Ending::Completed => again.ending,
                ending => ending,
            },
        };
        let mut finished = sight.list(&work.task, tools, observer).await?;
        let report = &mut finished.report;
        report.traffic = asked.traffic();
        report.time = asked.time();
        Ok(finished)
    }

    /// Tells how a list stands that has had so much of its turns.
    fn teller(&self, standing: watch::Sender<Standing>, spent: &Spent) -> Teller<'_> {
        standing.send_modify(|standing| standing.listed = None);
        Teller {
            standing,
            before: spent.traffic().cloned(),
            now: &self.now,
            haste: self.haste,
            began: None,
            totals: self.totals.of_run(),
        }
    }

    /// Estimates a list.
    async fn sample(
        &mut self,
        work: &SampleWork,
        wish: &watch::Receiver<Wish>,
        teller: &watch::Sender<Standing>,
        spent: &mut Spent,
        door: &mut Door,
    ) -> Result<Turn<Option<Estimated>>, Error> {
        let SampleWork {
            sources, options, ..
        } = work;
        let mut domains = Vec::new();
        for source in sources {
            add_domains(&mut domains, source, options)?;
        }
        let asking = self.asker.asking(&domains).await?;
        let mut opened = self.ledger()?;
        if let Some(before) = spent.before() {
            // All turns are one run.
            opened.ledger.look_anew(before.started, before.started)?;
        }
        let tools = Tools {
            policy: work.policy.clone(),
            ..self.tools.clone()
        };
        let mut observer = self.teller(teller.clone(), spent);
        let sample = Sample {
            sources,
            options,
            most: work.most,
            // The same list has the same addresses asked about.
            seed: 0,
            before: spent.before(),
        };
        let stop = early(wish, door, None);
        let ledger = &mut opened.ledger;
        let run = estimate(
            &sample,
            Memory::Use,
            &tools,
            asking,
            ledger,
            &mut observer,
            stop,
        );
        let mut estimated = door.beside(&self.asker, run).await?;
        self.now.is(self.asker.now());
        if door.has_made_room(estimated.ending, wish) {
            spent.add(estimated.traffic);
            return Ok(Turn::MadeRoom);
        }
        if let Some(before) = spent.traffic() {
            estimated.traffic = estimated.traffic.after(before);
        }
        Ok(Turn::Over(Some(estimated)))
    }

    fn ledger(&self) -> Result<OpenLedger, Error> {
        let path = Some(self.path.clone());
        let now = self.asker.now();
        Ok(OpenLedger::at(
            path,
            &self.asker.place,
            self.lifetimes,
            now,
        )?)
    }
}

/// Tells what came of a list, if its turn was the last. Else returns where to tell it.
fn tell<T>(turn: Result<Turn<T>, Error>, answer: Answer<T>) -> Option<Answer<T>> {
    let told = match turn {
        Ok(Turn::MadeRoom) => return Some(answer),
        Ok(Turn::Over(came)) => Ok(came),
        Err(error) => Err(error),
    };
    let _ = answer.send(told);
    None
}

/// How often guests that are asked about alone look whether a list waits.
const LOOKS_FOR_LISTS: Duration = Duration::from_millis(100);

/// When a list's asking is to end early.
fn early(wish: &watch::Receiver<Wish>, door: &Door, deadline: Option<Duration>) -> Stop<'static> {
    let (mut wish, mut room) = (wish.clone(), door.line.makes_room.subscribe());
    let turn = door.line.lists.is_over();
    let early = async move {
        let called_back = async {
            // An owner that is gone wants nothing else any more.
            if wish.wait_for(|wish| *wish != Wish::GoOn).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let over = async {
            match deadline {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = called_back => Ending::Interrupted,
            _ = room.wait_for(|makes| *makes) => Ending::Interrupted,
            () = over => Ending::Deadline,
            () = turn => Ending::Interrupted,
        }
    };
    Stop::from(early)
}

/// Tells how a list stands.
struct Teller<'n> {
    standing: watch::Sender<Standing>,
    /// What was asked in the turns before.
    before: Option<Traffic>,
    now: &'n Now,
    haste: Option<f64>,
    /// When the first progress was told, by the clock of the place and by ours.
    began: Option<(Timestamp, Instant)>,
    totals: RunTotals,
}

impl Teller<'_> {
    /// Lets simulated time go by no faster than it may.
    fn keep_pace(&mut self, at: Timestamp) {
        let Some(haste) = self.haste else { return };
        let (first, began) = *self.began.get_or_insert_with(|| (at, Instant::now()));
        let due = began + at.since(first).div_f64(haste);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    fn warn(&self, trouble: Trouble, host: &str, words: &str, addresses: usize) {
        self.standing.send_modify(|standing| {
            let warnings = &mut standing.warnings;
            warnings.retain(|known| known.trouble != trouble || known.host != host);
            if warnings.len() >= limits::REPORT_LINES {
                warnings.remove(0);
            }
            warnings.push(Warning {
                trouble,
                host: host.to_owned(),
                words: echo::dotted(words).into_owned(),
                addresses,
            });
        });
    }
}

impl Observer for Teller<'_> {
    fn progress(&mut self, rows: u64, progress: &Progress) {
        self.now.is(progress.at);
        self.totals.progress(progress);
        self.standing.send_modify(|standing| {
            standing.rows = rows;
            standing.progress.clone_from(progress);
            let before = self.before.as_ref().map_or(0, |before| before.rcpt);
            standing.progress.recipients += before;
        });
        self.keep_pace(progress.at);
    }

    fn so_far(&mut self, so_far: &SoFar) {
        let mut so_far = *so_far;
        match &self.before {
            // What its own turns have learned was not known before.
            Some(before) => so_far.known = before.answered_from_ledger,
            None => self.totals.so_far(&so_far),
        }
        self.standing
            .send_modify(|standing| standing.so_far = so_far);
    }

    fn listing(&mut self, rows: u64) {
        self.standing
            .send_modify(|standing| standing.listed = Some(rows));
    }

    fn blocked(&mut self, host: &str, words: &str, addresses: usize) {
        self.warn(Trouble::Blocked, host, words, addresses);
    }

    fn left(&mut self, host: &str, words: &str, addresses: usize) {
        self.warn(Trouble::Left, host, words, addresses);
    }

    fn stranded(&mut self, words: &str) {
        self.warn(Trouble::Stranded, "", words, 0);
    }

    fn doubted(&mut self, host: &str, words: &str, addresses: usize) {
        self.warn(Trouble::Doubted, host, words, addresses);
    }
}
