//! A desk: lists wait at it for their turn, and single addresses are asked about before them.
//!
//! One thread asks (`work`), so that the limits of each host hold for everything that is asked for: lists by turns, and
//! beside the rows of each the guests, in the same conversations. Another reads what is known (`known`), so that what
//! needs no question is answered at once, however long a list takes. A list under way can be had by what is known of it
//! (`picture`); whose turn it is say the `turns`; `totals` counts what is done.

mod known;
mod picture;
mod totals;
mod turns;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::error::{Error, ErrorKind};
use super::place::Place;
use super::preflight::{Preflight, Sender};
use super::setup::{OpenLedger, Setup};
use crate::input::address::Address;
use crate::input::list::{Options, Source};
use crate::input::suppression::Suppression;
use crate::ledger::{Forgotten, Ledger, Lifetimes, Realm, Target};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Policy;
use crate::probe::scheduler::Progress;
use crate::verify::check::JudgedAddress;
use crate::verify::estimate::Estimated;
use crate::verify::report::Report;
use crate::verify::{Guest, Guests, News, SoFar, Task, Tools, VerifyError};

use known::Known;
use picture::{NoObserver, Sight, add_pages};
use totals::Totals;
use turns::Spent;
use work::{Errand, InLine, Shared, Work, Worker};

pub use totals::Counts;

/// What a desk works with.
pub struct Terms {
    /// Where hosts are asked.
    pub place: Place,
    /// How.
    pub setup: Setup,
    /// What is judged with.
    pub tools: Tools,
    /// Where what is learned is kept.
    pub ledger: PathBuf,
    /// How long it may be used.
    pub lifetimes: Lifetimes,
    /// How fast simulated time may go by, in its seconds a second of ours; as fast as it can where nothing is said. So
    /// that a person can watch a simulated run.
    pub haste: Option<f64>,
}

/// What the owner of a list wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// To go on.
    #[default]
    GoOn,
    /// To rest until it is handed in again.
    Pause,
    /// To end with what is known.
    Stop,
}

/// How far a list has come.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether its turn has come.
    pub is_under_way: bool,
    /// Rows read.
    pub rows: u64,
    /// How far the asking has come.
    pub progress: Progress,
    /// How the rows stand that are settled.
    pub so_far: SoFar,
    /// Rows that went to their lists, once the asking has ended.
    pub listed: Option<u64>,
    /// What its owner should know, the latest of each kind and host.
    pub warnings: Vec<Warning>,
    /// From when on what is learned counts for its rows, by the clock at the desk; `None` before its turn.
    pub since: Option<Timestamp>,
}

/// A host that gives trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// The host; empty where the trouble is ours.
    pub host: String,
    /// Its last words.
    pub words: String,
    /// How many addresses are left without an answer for it.
    pub addresses: usize,
}

/// What kind of trouble a host gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It blocks us.
    Blocked,
    /// It gives nothing, and is left.
    Left,
    /// Its refusals are not believed.
    Doubted,
    /// Our own side fails.
    Stranded,
}

impl Trouble {
    /// The name used in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trouble::Blocked => "blocked",
            Trouble::Left => "left",
            Trouble::Doubted => "doubted",
            Trouble::Stranded => "stranded",
        }
    }
}

/// A list to verify.
pub struct ListWork {
    /// What is to be done; its files go to `task.out`.
    pub task: Task,
    /// What is done about verdicts.
    pub policy: Policy,
    /// Ends the asking after this time.
    pub deadline: Option<Duration>,
    /// How long one address may wait for a host; as for all lists where nothing is said.
    pub patience: Option<Duration>,
    /// What its pages are called.
    pub title: Option<String>,
    /// Whom of it to ask about; every address that is not settled where nothing is said.
    pub again: Option<Again>,
}

/// Some rows of a list that are asked about again, whatever is known of them.
pub struct Again {
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// From when on what was learned counts for the other rows.
    pub since: Timestamp,
    /// How the asking had ended that left them as they are.
    pub ending: Ending,
}

/// A list to estimate from a sample.
pub struct SampleWork {
    /// The list.
    pub sources: Vec<Source>,
    /// How it is read.
    pub options: Options,
    /// What is done about verdicts.
    pub policy: Policy,
    /// Most addresses to ask about.
    pub most: u64,
}

/// Something handed in at the desk: how it stands, and what comes of it.
pub struct Ticket<T> {
    /// How it stands.
    pub standing: watch::Receiver<Standing>,
    /// What comes of it.
    pub outcome: oneshot::Receiver<Result<T, Error>>,
}

/// What came of a list.
pub enum Listed {
    /// Its files are there.
    Done(Box<Report>),
    /// It was called back before its turn.
    NotBegun,
}

/// What is known of a text that was asked about.
#[derive(Debug)]
pub struct Looked {
    /// What each address in it gets.
    pub judged: Vec<JudgedAddress>,
    /// The addresses that are not settled.
    pub open: Vec<Address>,
}

/// See the module's own words. A clone is another way to the same desk.
#[derive(Clone)]
pub struct Desk {
    errands: mpsc::UnboundedSender<Errand>,
    known: Known,
    guests: Guests,
    now: Now,
    kept: Arc<Kept>,
    totals: Totals,
}

/// Where what is learned is kept.
struct Kept {
    path: PathBuf,
    realm: Realm,
    lifetimes: Lifetimes,
    lent: Lending,
}

/// Held for reading by a caller that uses the ledger beside the asker, for writing by one that forgets.
type Lending = Arc<RwLock<()>>;

/// What the clock at the desk shows.
#[derive(Clone)]
struct Now(Option<Arc<AtomicU64>>);

impl Now {
    fn of(place: &Place) -> Now {
        Now(match place {
            Place::Simulated(..) => Some(Arc::new(AtomicU64::new(place.beginning().as_millis()))),
            Place::Offline | Place::Real => None,
        })
    }

    fn get(&self) -> Timestamp {
        match &self.0 {
            Some(simulated) => Timestamp::from_millis(simulated.load(Ordering::Relaxed)),
            None => Timestamp::from(std::time::SystemTime::now()),
        }
    }

    /// It is so late by now.
    fn is(&self, now: Timestamp) {
        if let Some(simulated) = &self.0 {
            simulated.fetch_max(now.as_millis(), Ordering::Relaxed);
        }
    }
}

impl Desk {
    /// Opens a desk. No host is asked yet.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be used, or the system has no room for its threads.
    pub fn open(terms: Terms) -> Result<Desk, Error> {
        let now = Now::of(&terms.place);
        let guests = Guests::default();
        let known = Known::open(&terms, now.get())?;
        let kept = Arc::new(Kept {
            path: terms.ledger.clone(),
            realm: OpenLedger::realm(&terms.place),
            lifetimes: terms.lifetimes,
            lent: Lending::default(),
        });
        let totals = Totals::default();
        let (errands, to_do) = mpsc::unbounded_channel();
        let shared = Shared {
            known: known.clone(),
            guests: guests.clone(),
            now: now.clone(),
            totals: totals.clone(),
            lent: kept.lent.clone(),
        };
        Worker::start(terms, shared, to_do)?;
        Ok(Desk {
            errands,
            known,
            guests,
            now,
            kept,
            totals,
        })
    }

    /// What was done here, in numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.totals.now()
    }

    /// Puts a list together by what is known of its rows at this moment; what was learned from `since` on counts. Nobody
    /// is asked, and nothing that is under way is disturbed. Blocks until the files are in `work.task.out`.
    ///
    /// # Errors
    ///
    /// When the list or the ledger cannot be read, or the files cannot be written.
    pub fn picture(&self, work: &ListWork, tools: &Tools, since: Timestamp) -> Result<(), Error> {
        let no_room = |error: std::io::Error| Error::new(ErrorKind::Fault, error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(no_room)?;
        let tools = Tools {
            policy: work.policy.clone(),
            ..tools.clone()
        };
        let sight = Sight {
            path: &self.kept.path,
            realm: &self.kept.realm,
            lifetimes: self.kept.lifetimes,
            since,
            now: self.now.get(),
            // Who has no answer yet may still get one.
            ending: Ending::Completed,
        };
        let _held = self.kept.lent.blocking_read();
        let mut finished = runtime.block_on(sight.list(&work.task, &tools, &mut NoObserver))?;
        // It says of itself that it is not the whole of it.
        finished.report.ending = Ending::Interrupted;
        finished.report.title.clone_from(&work.title);
        add_pages(&mut finished, &work.task)?;
        finished.files.publish().map_err(VerifyError::from)?;
        Ok(())
    }

    /// Lends the ledger out, to be read or told of bounces. Blocks while an address is forgotten, and a caller that
    /// forgets waits until it is back.
    ///
    /// # Errors
    ///
    /// When it cannot be used, and those of `work`.
    pub fn lend<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, E>,
    ) -> Result<T, E> {
        let Kept {
            path,
            realm,
            lifetimes,
            lent,
        } = &*self.kept;
        let _held = lent.blocking_read();
        let ledger = Ledger::open(path, realm, *lifetimes, self.now.get()).map_err(Error::from)?;
        work(&ledger)
    }

    /// From now on the addresses and domains of `suppression` are left alone; a list under way keeps those that it began
    /// with.
    pub fn suppress(&self, suppression: Suppression) {
        self.known.suppress(suppression.clone());
        let _ = self.errands.send(Errand::Suppress(suppression));
    }

    /// What is known of what `texts` name, whenever it was learned. Nobody is asked.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn known(&self, texts: Vec<String>) -> Result<Vec<Looked>, Error> {
        let always = Timestamp::default();
        self.known.look(texts, always, self.now.get()).await
    }

    /// Hands in a list. It is done when those before it are; `wish` may call it back at any time.
    #[must_use]
    pub fn verify(&self, work: ListWork, wish: watch::Receiver<Wish>) -> Ticket<Listed> {
        let (teller, standing) = watch::channel(Standing::default());
        let (answer, outcome) = oneshot::channel();
        // Where the thread is gone its answer says so.
        let _ = self.errands.send(Errand::List(InLine {
            work: Work::List(Box::new(work), answer),
            wish,
            teller,
            spent: Spent::default(),
        }));
        Ticket { standing, outcome }
    }

    /// Hands in a list to be estimated.
    #[must_use]
    pub fn estimate(
        &self,
        work: SampleWork,
        wish: watch::Receiver<Wish>,
    ) -> Ticket<Option<Estimated>> {
        let (teller, standing) = watch::channel(Standing::default());
        let (answer, outcome) = oneshot::channel();
        let _ = self.errands.send(Errand::List(InLine {
            work: Work::Sample(Box::new(work), answer),
            wish,
            teller,
            spent: Spent::default(),
        }));
        Ticket { standing, outcome }
    }

    /// Finds out about the addresses that `texts` hold, before any list, within `time`; what is not known by then is
    /// `unknown`, with the reason `deadline`, and is asked about all the same. Returns what each text gets, in order.
    ///
    /// # Errors
    ///
    /// When no host can be asked from here, or the ledger cannot be used.
    pub async fn check(&self, texts: Vec<String>, time: Duration) -> Result<Vec<Looked>, Error> {
        let until = Instant::now() + time;
        let since = self.now.get();
        let looked = self.known.look(texts.clone(), since, since).await?;
        let open: Vec<Address> = looked.iter().flat_map(|one| one.open.clone()).collect();
        let all = looked.iter().map(|one| one.judged.len()).sum::<usize>();
        self.totals.checked(all, all.saturating_sub(open.len()));
        if open.is_empty() {
            return Ok(looked);
        }
        let mut waiting = Vec::with_capacity(open.len());
        for address in open {
            let (guest, told) = Guest::new(address.clone());
            self.guests.add(guest);
            waiting.push((address, told));
        }
        let (trouble, mut told_of_trouble) = mpsc::unbounded_channel();
        let _ = self.errands.send(Errand::Guests { trouble });
        let all = async {
            for (address, told) in &mut waiting {
                self.until_settled(address, told, since).await?;
            }
            Ok::<(), Error>(())
        };
        tokio::select! {
            settled = tokio::time::timeout_at(until, all) => {
                if let Ok(settled) = settled {
                    settled?;
                }
            }
            Some(error) = told_of_trouble.recv() => return Err(error),
        }
        self.known.look(texts, since, self.now.get()).await
    }

    /// Waits until nothing more is to be learned of an address for now.
    async fn until_settled(
        &self,
        address: &Address,
        told: &mut mpsc::UnboundedReceiver<News>,
        since: Timestamp,
    ) -> Result<(), Error> {
        while let Some(news) = told.recv().await {
            if news == News::Left {
                break;
            }
            let text = vec![address.to_string()];
            let looked = self.known.look(text, since, self.now.get()).await?;
            if looked.iter().all(|one| one.open.is_empty()) {
                break;
            }
        }
        Ok(())
    }

    /// Ends: what is under way ends in order, as far as it is not waited for too long.
    pub async fn end(&self) {
        let (done, is_done) = oneshot::channel();
        let _ = self.errands.send(Errand::End { done });
        let most = limits::STOPPING_WAIT + limits::SERVED_FAREWELL;
        let _ = tokio::time::timeout(most, is_done).await;
    }

    /// Looks whether a sender is fit to send.
    ///
    /// # Errors
    ///
    /// When no DNS server is known.
    pub async fn preflight(&self, sender: Sender) -> Result<Preflight, Error> {
        let (answer, answered) = oneshot::channel();
        let _ = self.errands.send(Errand::Preflight { sender, answer });
        answered.await.unwrap_or_else(|_| Err(Error::broken_off()))
    }

    /// Forgets people, and runs at places. Who asks rests meanwhile: it could learn at once what is to be forgotten.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written, or another program uses it.
    pub async fn forget(&self, targets: Vec<Target>) -> Result<Forgotten, Error> {
        let (answer, answered) = oneshot::channel();
        let _ = self.errands.send(Errand::Forget { targets, answer });
        answered.await.unwrap_or_else(|_| Err(Error::broken_off()))
    }

    /// Those who wait to be asked about before a list's rows.
    #[must_use]
    pub fn guests(&self) -> Guests {
        self.guests.clone()
    }
}
