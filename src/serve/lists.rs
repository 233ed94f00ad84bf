//! The life of a list: sent, waiting, asked about, resting, done, gone; on disk and for the clients that watch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::sync::{Semaphore, mpsc, watch};

use super::choices::{Choices, Chosen};
use super::files::ALL;
use super::outward::may_be_told;
use super::problem::Problem;
use super::rows;
use super::store::{Id, Picked, Record, State, Store, StoreError, Work};
use super::view::{View, WaitsFor, result};
use crate::input::list::{Options, Source};
use crate::ledger::{Memory, Target};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::route::Reach;
use crate::verifier::Error;
use crate::verifier::desk::{Again, Desk, ListWork, Listed, SampleWork, Standing, Ticket, Wish};
use crate::verify::output::{Format, Rights};
use crate::verify::report::Real;
use crate::verify::{Input, Task, Tools, Writing};

/// A list while the server runs.
struct Entry {
    /// What is told of it; clients that watch are told when it changes.
    now: watch::Sender<(Record, Standing)>,
    /// What its owner wants; `Stop` and `Pause` call back the work under way.
    wish: Mutex<watch::Sender<Wish>>,
    /// Held while its record is changed.
    changing: Mutex<()>,
    /// Whether a caller is about to begin with it, to write to its folder, or to delete it.
    is_claimed: AtomicBool,
}

/// A list that rests, and that nobody else begins with while this is held.
pub struct Claim(Arc<Entry>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.is_claimed.store(false, Ordering::Release);
    }
}

impl Entry {
    fn wishes(&self, wish: Wish) {
        let sender = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        sender.send_replace(wish);
    }
}

/// All lists. A clone is another way to the same ones.
#[derive(Clone)]
pub struct Lists(Arc<All>);

struct All {
    store: Store,
    desk: Desk,
    entries: Mutex<BTreeMap<Id, Arc<Entry>>>,
    /// How long a list is kept once it is done; for ever where nothing is said.
    keep: Option<Duration>,
    /// Whether the server is ending: what is under way rests, and goes on when it starts again.
    is_ending: watch::Sender<bool>,
    /// Most rows that a list may have.
    most_rows: u64,
    /// Where webhooks may lead.
    webhooks: Reach,
    /// Lists whose owners are to be told how they stand.
    told: mpsc::UnboundedSender<Id>,
    /// Held while a list is added, so that two that are sent under one key are one.
    adding: Mutex<()>,
    /// Room for lists under way that are put together by what is known of them.
    pictures: Semaphore,
}

/// What all lists have in common.
pub struct Terms {
    /// How long a list is kept once it is done; for ever where nothing is said.
    pub keep: Option<Duration>,
    /// Most rows that a list may have.
    pub most_rows: u64,
    /// Where webhooks may lead.
    pub webhooks: Reach,
    /// Where it is told that a list is done.
    pub told: mpsc::UnboundedSender<Id>,
}

/// What became of a list that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is a new one.
    New,
    /// It was sent before under the same key, and is this one.
    Before(Id),
}

/// What is made of a list that was received to its end.
pub struct Received {
    /// Its id.
    pub id: Id,
    /// Its name with its owner.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What was sent, hashed.
    pub digest: String,
    /// The key under which it was sent, hashed.
    pub key: Option<String>,
    /// How it is read and judged.
    pub choices: Choices,
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

impl Lists {
    /// Takes up all lists of a store; those that were under way go on.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn take_up(store: Store, desk: Desk, terms: Terms) -> Result<Lists, StoreError> {
        let failed = |error| StoreError::Folder {
            path: store.folder().to_owned(),
            error,
        };
        let records = store.all().map_err(failed)?;
        let lists = Lists(Arc::new(All {
            store,
            desk,
            entries: Mutex::default(),
            keep: terms.keep,
            is_ending: watch::Sender::new(false),
            most_rows: terms.most_rows,
            webhooks: terms.webhooks,
            told: terms.told,
            adding: Mutex::default(),
            pictures: Semaphore::new(1),
        }));
        for record in records {
            let id = record.id.clone();
            let goes_on = matches!(record.state, State::Queued | State::Running);
            let (work, again) = (record.work, record.again.clone());
            if record.owed {
                let _ = lists.0.told.send(id.clone());
            }
            lists.insert(record);
            if goes_on && let Err(problem) = lists.begin(&id, work, None, again) {
                tracing::warn!(list = id.as_str(), "cannot go on: {}", problem.detail());
            }
        }
        Ok(lists)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Id, Arc<Entry>>> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &Id) -> Result<Arc<Entry>, Problem> {
        self.entries()
            .get(id)
            .cloned()
            .ok_or_else(Problem::no_such_list)
    }

    fn insert(&self, record: Record) {
        let entry = Entry {
            now: watch::Sender::new((record.clone(), Standing::default())),
            wish: Mutex::default(),
            changing: Mutex::default(),
            is_claimed: AtomicBool::new(false),
        };
        self.entries().insert(record.id, Arc::new(entry));
    }

    /// How many there are, and how many of them wait or are under way.
    pub fn counts(&self) -> (usize, usize) {
        let entries = self.entries();
        let is_open = |entry: &&Arc<Entry>| {
            matches!(entry.now.borrow().0.state, State::Queued | State::Running)
        };
        (entries.len(), entries.values().filter(is_open).count())
    }

    /// How many there are in each state.
    pub fn by_state(&self) -> BTreeMap<&'static str, usize> {
        let mut counts: BTreeMap<_, _> = State::ALL
            .into_iter()
            .map(|state| (state.as_str(), 0))
            .collect();
        for entry in self.entries().values() {
            *counts
                .entry(entry.now.borrow().0.state.as_str())
                .or_default() += 1;
        }
        counts
    }

    /// The list that was sent under a key, if one was.
    fn under_key(&self, key: &str) -> Option<(Id, String)> {
        let entries = self.entries();
        entries.values().find_map(|entry| {
            let (record, _) = &*entry.now.borrow();
            (record.key.as_deref() == Some(key)).then(|| (record.id.clone(), record.digest.clone()))
        })
    }

    /// Adds a list that was received to its end. It rests until it is resumed.
    ///
    /// # Errors
    ///
    /// When it is no list, or it cannot be kept.
    pub fn add(&self, received: Received) -> Result<Added, Problem> {
        let _one = self.0.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let before = received.key.as_deref().and_then(|key| self.under_key(key));
        if let Some((known, digest)) = before {
            return if digest == received.digest {
                Ok(Added::Before(known))
            } else {
                Err(Problem::conflict(
                    "key_used",
                    "another list was sent under this Idempotency-Key: choose a new key for a new list",
                ))
            };
        }
        let Received {
            id,
            name,
            bytes,
            digest,
            key,
            choices,
        } = received;
        let record = Record {
            schema: super::store::SCHEMA,
            id,
            name,
            state: State::Paused,
            work: Work::Verify,
            bytes,
            made: now(),
            began: None,
            ended: None,
            choices,
            ending: None,
            result: None,
            estimate: None,
            problem: None,
            problem_kind: None,
            has_lists: false,
            delimiter: b',',
            key,
            digest,
            owed: false,
            since: None,
            again: None,
            before: None,
        };
        self.0
            .store
            .keep(&record)
            .map_err(|error| Problem::fault(&error))?;
        self.insert(record);
        Ok(Added::New)
    }

    /// Makes sure that choices can be kept to.
    ///
    /// # Errors
    ///
    /// What to change.
    pub fn understands(&self, choices: &Choices) -> Result<(), Problem> {
        choices.chosen()?;
        match &choices.webhook {
            Some(url) => may_be_told(url, self.0.webhooks).map_err(Problem::bad),
            None => Ok(()),
        }
    }

    /// What the owner of a list is to be told, and where.
    pub fn owed(&self, id: &Id) -> Option<(String, String)> {
        let record = self.record(id).ok().filter(|record| record.owed)?;
        let url = record.choices.webhook.clone()?;
        let view = self.view(id).ok()?;
        let event = format!("list.{}", record.state.as_str());
        Some((url, json!({ "event": event, "list": view }).to_string()))
    }

    /// Notes that the owner of a list was told, or cannot be.
    pub fn is_told(&self, id: &Id) {
        if let Ok(entry) = self.entry(id) {
            self.note(&entry, |record| record.owed = false);
        }
    }

    /// How a list stands.
    ///
    /// # Errors
    ///
    /// When there is no such list.
    pub fn view(&self, id: &Id) -> Result<View, Problem> {
        let entry = self.entry(id)?;
        let (record, standing) = entry.now.borrow().clone();
        Ok(self.shown(&record, &standing))
    }

    /// How all lists stand, the newest first.
    pub fn views(&self) -> Vec<View> {
        let all: Vec<(Record, Standing)> = {
            let entries = self.entries();
            entries
                .values()
                .map(|entry| entry.now.borrow().clone())
                .collect()
        };
        let mut views: Vec<View> = all
            .iter()
            .map(|(record, standing)| self.shown(record, standing))
            .collect();
        views.sort_by(|a, b| (b.made, &b.id).cmp(&(a.made, &a.id)));
        views
    }

    /// The record of a list.
    ///
    /// # Errors
    ///
    /// When there is no such list.
    pub fn record(&self, id: &Id) -> Result<Record, Problem> {
        Ok(self.entry(id)?.now.borrow().0.clone())
    }

    /// Tells a client that watches a list when it changes. The channel closes when the list is deleted.
    ///
    /// # Errors
    ///
    /// When there is no such list.
    pub fn watch(&self, id: &Id) -> Result<watch::Receiver<(Record, Standing)>, Problem> {
        Ok(self.entry(id)?.now.subscribe())
    }

    fn shown(&self, record: &Record, standing: &Standing) -> View {
        let place = match record.state {
            State::Queued => self.before(record),
            State::Running | State::Paused | State::Done | State::Failed => (None, None),
        };
        View::new(record, standing, place, self.0.keep)
    }

    /// How many lists have their turn before one that waits, and whose turn it is.
    fn before(&self, record: &Record) -> (Option<usize>, Option<WaitsFor>) {
        let entries = self.entries();
        let mut before: Vec<(State, Timestamp, WaitsFor)> = Vec::new();
        for entry in entries.values() {
            let (other, _) = &*entry.now.borrow();
            let is_before = match other.state {
                State::Running => true,
                State::Queued => (other.made, &other.id) < (record.made, &record.id),
                State::Paused | State::Done | State::Failed => false,
            };
            if is_before && other.id != record.id {
                let (id, name) = (other.id.clone(), other.name.clone());
                before.push((other.state, other.made, WaitsFor { id, name }));
            }
        }
        let count = before.len();
        let first = before
            .into_iter()
            .min_by_key(|(state, made, _)| (*state != State::Running, *made));
        (Some(count), first.map(|(_, _, waits_for)| waits_for))
    }

    /// Begins to verify or to estimate a list, with other `choices` where some are given; `again` says which rows of one
    /// that was verified are asked about.
    ///
    /// # Errors
    ///
    /// When it is under way already, or cannot be read so.
    pub fn begin(
        &self,
        id: &Id,
        work: Work,
        choices: Option<Choices>,
        again: Option<Picked>,
    ) -> Result<(), Problem> {
        let entry = self.entry(id)?;
        let mut record = entry.now.borrow().0.clone();
        if let Some(choices) = choices {
            self.understands(&choices)?;
            record.choices = choices;
        }
        record.before = match again {
            // One that goes on stands as it stood before it was first asked.
            Some(_) => record
                .before
                .or(record.ending.map(|ending| (record.state, ending))),
            None => None,
        };
        record.again = again;
        record.state = State::Queued;
        record.work = work;
        (record.problem, record.problem_kind) = (None, None);
        let (wish, of_wish) = watch::channel(Wish::GoOn);
        let ordered = self.order(&record, work, of_wish)?;
        *entry.wish.lock().unwrap_or_else(PoisonError::into_inner) = wish;
        let kept = self.change(&entry, |now| {
            record.owed = now.owed;
            *now = record;
        });
        if kept.is_err() {
            // It is in line already: it is not to begin.
            entry.wishes(Wish::Stop);
        }
        kept?;
        entry
            .now
            .send_modify(|(_, standing)| *standing = Standing::default());
        let lists = self.clone();
        tokio::spawn(async move { lists.attend(&entry, ordered).await });
        Ok(())
    }

    /// Resumes a list that rests or broke off.
    ///
    /// # Errors
    ///
    /// When it is under way, or done.
    pub fn resume(
        &self,
        id: &Id,
        work: Work,
        choices: Option<Choices>,
        again: Option<Picked>,
    ) -> Result<(), Problem> {
        let claim = self.claim(id)?;
        // Rows that were asked about again when it came to rest come first.
        let left = claim.0.now.borrow().0.again.clone();
        let goes_on = work == Work::Verify && choices.is_none();
        let again = again.or(left.filter(|_| goes_on));
        self.begin(id, work, choices, again)
    }

    /// Takes a list that rests, so that nobody begins with it meanwhile.
    ///
    /// # Errors
    ///
    /// When it is under way, or another caller has it already.
    pub fn claim(&self, id: &Id) -> Result<Claim, Problem> {
        let under_way = || {
            Problem::conflict(
                "under_way",
                "the list is under way already; pause it first to go on with other choices",
            )
        };
        let entry = self.entry(id)?;
        if entry.is_claimed.swap(true, Ordering::AcqRel) {
            return Err(under_way());
        }
        let claim = Claim(entry);
        let state = claim.0.now.borrow().0.state;
        match state {
            State::Paused | State::Failed | State::Done => Ok(claim),
            State::Queued | State::Running => Err(under_way()),
        }
    }

    /// Asks again about some rows of a list that was verified, whatever is known of them.
    ///
    /// # Errors
    ///
    /// When it is under way, was not verified yet, or none of its rows is picked.
    pub fn again(&self, id: &Id, picked: Picked) -> Result<(), Problem> {
        let record = self.record(id)?;
        if !record.has_lists {
            return Err(not_verified());
        }
        if picked.is_none() {
            return Err(Problem::bad(
                "say which rows: by `rows`, their numbers, by `list`, or by `q`, a text that stands in them",
            ));
        }
        // With what it was read and judged by.
        self.resume(id, Work::Verify, None, Some(picked))
    }

    /// Puts a list under way together by what is known of its rows at this moment. Returns the folder with what came of
    /// it, which is gone when it is dropped, and what parts the fields of its lists.
    ///
    /// # Errors
    ///
    /// When nothing is known of it yet, or there is no room.
    pub async fn picture(&self, id: &Id, tools: Tools) -> Result<(tempfile::TempDir, u8), Problem> {
        // One at a time: each is a reading of a whole list.
        let _one = self.0.pictures.acquire().await;
        let (record, standing) = self.entry(id)?.now.borrow().clone();
        let since = standing.since.ok_or_else(not_verified)?;
        let folder = self.0.store.passing(id)?;
        let (work, delimiter) = self.work(&record, folder.path(), None)?;
        let desk = self.0.desk.clone();
        let put = move || desk.picture(&work, &tools, since);
        let put = tokio::task::spawn_blocking(put).await;
        put.map_err(|error| Problem::fault(&error))??;
        Ok((folder, delimiter))
    }

    /// Notes what really came of sending to a list.
    ///
    /// # Errors
    ///
    /// When its record cannot be kept.
    pub fn came(&self, claim: &Claim, real: &Real) -> Result<(), Problem> {
        self.change(&claim.0, |record| {
            if let Some(result) = &mut record.result {
                result["real"] = json!(real);
            }
        })
    }

    /// Has a list rest.
    ///
    /// # Errors
    ///
    /// When it is not under way.
    pub fn pause(&self, id: &Id) -> Result<(), Problem> {
        self.call_back(id, Wish::Pause)
    }

    /// Ends a list with what is known.
    ///
    /// # Errors
    ///
    /// When it is not under way.
    pub fn stop(&self, id: &Id) -> Result<(), Problem> {
        let entry = self.entry(id)?;
        let record = entry.now.borrow().0.clone();
        if record.state == State::Paused && record.has_lists {
            let claim = self.claim(id)?;
            return self.change(&claim.0, |record| {
                record.state = State::Done;
                record.ended = Some(now());
                (record.again, record.before) = (None, None);
            });
        }
        self.call_back(id, Wish::Stop)
    }

    fn call_back(&self, id: &Id, wish: Wish) -> Result<(), Problem> {
        let entry = self.entry(id)?;
        let state = entry.now.borrow().0.state;
        match state {
            State::Queued | State::Running => {
                entry.wishes(wish);
                Ok(())
            }
            State::Paused | State::Done | State::Failed => Err(Problem::conflict(
                "not_under_way",
                format!(
                    "the list is {}, so there is nothing to call back; resume it to go on",
                    state.as_str()
                ),
            )),
        }
    }

    /// Deletes a list: what was sent and all that came of it. With `forget`, what was learned of the people on it as
    /// well.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub async fn delete(&self, id: &Id, forget: Forget) -> Result<(), Problem> {
        let entry = self.entry(id)?;
        entry.wishes(Wish::Stop);
        // What is under way there writes to its folder until it has heard of it.
        let mut now = entry.now.subscribe();
        let is_over = |(record, _): &(Record, Standing)| {
            !matches!(record.state, State::Queued | State::Running)
        };
        let _ = now.wait_for(is_over).await;
        let claim = self.claim(id)?;
        let record = now.borrow().0.clone();
        let mut targets = vec![Target::Place(self.place(id))];
        if forget == Forget::People {
            let (lists, record) = (self.clone(), record.clone());
            let people = tokio::task::spawn_blocking(move || lists.people(&record)).await;
            targets.extend(people.map_err(|error| Problem::fault(&error))??);
        }
        // Before its record goes, so that a server killed meanwhile can be asked again.
        self.0.desk.forget(targets).await?;
        let (lists, of) = (self.clone(), id.clone());
        // To its end, whether or not a client waits for it.
        let removed = tokio::task::spawn_blocking(move || {
            let _claim = claim;
            lists.0.store.remove(&of)?;
            lists.entries().remove(&of);
            Ok::<_, std::io::Error>(())
        });
        removed.await.map_err(|error| Problem::fault(&error))??;
        Ok(())
    }

    /// Every address on a list.
    fn people(&self, record: &Record) -> Result<Vec<Target>, Problem> {
        let (source, options) = self.source(record)?;
        let mut list = source.list(&options).map_err(Error::from)?;
        let mut people = std::collections::BTreeSet::new();
        while let Some(row) = list.next_row().map_err(Error::from)? {
            let (_, contents) = crate::verify::contents_of_row(&row);
            for address in contents.iter().flatten() {
                people.insert(address.key().into_owned());
            }
        }
        Ok(people.into_iter().map(Target::Address).collect())
    }

    /// Deletes the lists whose time is over.
    pub async fn sweep(&self) {
        let now = now();
        let over: Vec<Id> = {
            let views = self.views();
            let is_over = |view: &&View| view.kept_until.is_some_and(|until| until <= now);
            views
                .iter()
                .filter(is_over)
                .map(|view| view.id.clone())
                .collect()
        };
        for id in over {
            if let Err(problem) = self.delete(&id, Forget::Nobody).await {
                tracing::warn!(list = id.as_str(), "cannot delete it: {}", problem.detail());
            }
        }
    }

    /// Has everything under way rest until the server starts again.
    pub fn end(&self) {
        self.0.is_ending.send_replace(true);
        let under_way: Vec<Arc<Entry>> = self.entries().values().cloned().collect();
        for entry in &under_way {
            entry.wishes(Wish::Pause);
        }
    }

    /// Where a list's runs are at home, as the ledger knows them.
    fn place(&self, id: &Id) -> String {
        self.0.store.out(id).display().to_string()
    }

    /// A list, to be read by other `choices` where some are given.
    ///
    /// # Errors
    ///
    /// When there is no such list, or it cannot be read so.
    pub fn opened(&self, id: &Id, choices: Option<Choices>) -> Result<(Source, Options), Problem> {
        let mut record = self.record(id)?;
        record.choices = choices.unwrap_or(record.choices);
        self.source(&record)
    }

    fn source(&self, record: &Record) -> Result<(Source, Options), Problem> {
        let source = Source::open(&self.0.store.upload(&record.id)).map_err(Error::from)?;
        let options = record.choices.options()?;
        Ok((source.called(record.name.clone()), options))
    }

    /// Hands a list in at the desk.
    fn order(
        &self,
        record: &Record,
        work: Work,
        wish: watch::Receiver<Wish>,
    ) -> Result<Ordered, Problem> {
        Ok(match work {
            Work::Verify => {
                let out = self.0.store.out(&record.id);
                let (work, delimiter) = self.work(record, &out, record.again.as_ref())?;
                Ordered::Verify(self.0.desk.verify(work, wish), delimiter)
            }
            Work::Estimate => {
                let (source, options) = self.source(record)?;
                // Which column holds the addresses is said before anything waits for its turn.
                source.list(&options).map_err(Error::from)?;
                let work = SampleWork {
                    sources: vec![source],
                    options,
                    policy: record.choices.chosen()?.policy,
                    most: limits::SERVED_SAMPLE,
                };
                Ordered::Estimate(self.0.desk.estimate(work, wish))
            }
        })
    }

    /// What is to be done to verify a list, so that what comes of it goes to the folder `out`; with what parts the
    /// fields of its lists.
    fn work(
        &self,
        record: &Record,
        out: &Path,
        again: Option<&Picked>,
    ) -> Result<(ListWork, u8), Problem> {
        let Chosen {
            policy,
            target,
            wait,
            deadline,
            ..
        } = record.choices.chosen()?;
        let (source, options) = self.source(record)?;
        // Which column holds the addresses is said before anything waits for its turn.
        let list = source.list(&options).map_err(Error::from)?;
        let delimiter = list.delimiter().unwrap_or(b',');
        let again = match again {
            None => None,
            Some(picked) => {
                let folder = self.0.store.out(&record.id);
                Some(Again {
                    addresses: rows::picked(&folder, record.delimiter, picked)?,
                    since: since(record),
                    ending: record
                        .before
                        .map_or(Ending::Completed, |(_, ending)| ending),
                })
            }
        };
        let task = Task {
            lists: vec![Input {
                source,
                name: None,
                out: out.to_owned(),
                rights: Rights::PRIVATE,
            }],
            options,
            writing: Writing {
                all: Some((out.join(ALL), Format::Csv)),
                ..Writing::default()
            },
            target,
            memory: Memory::Use,
            guests: self.0.desk.guests(),
            out: out.to_owned(),
        };
        let work = ListWork {
            task,
            policy,
            deadline,
            patience: wait,
            title: record.choices.title.clone(),
            again,
        };
        Ok((work, delimiter))
    }

    /// Follows a list to the end of its turn.
    async fn attend(&self, entry: &Arc<Entry>, ordered: Ordered) {
        match ordered {
            Ordered::Verify(ticket, delimiter) => {
                let outcome = self.follow(entry, ticket).await;
                let outcome = outcome.unwrap_or(Ok(Listed::NotBegun));
                let most = self.0.most_rows;
                self.settle(entry, |record, wish| match outcome {
                    Ok(Listed::Done(report)) => {
                        record.has_lists = true;
                        record.delimiter = delimiter;
                        record.ending = Some(report.ending);
                        record.result = Some(result(&report));
                        record.state = match (report.ending, wish) {
                            (_, _) if report.list.rows > most => {
                                record.problem = Some(format!(
                                    "the list has more than {most} rows, which is the most: send it in parts, or start the \
                                     server with a larger --max-rows"
                                ));
                                record.problem_kind = Some("too_many_rows".to_owned());
                                State::Failed
                            }
                            (Ending::Completed | Ending::Deadline, _) => State::Done,
                            (Ending::Interrupted, Wish::Stop) => State::Done,
                            // The rows are asked about again; all else is as open as it was.
                            (Ending::Interrupted, Wish::GoOn) => {
                                record.before.map_or(State::Paused, |(state, _)| state)
                            }
                            (Ending::Interrupted, Wish::Pause) => State::Paused,
                            (Ending::Stranded, _) => {
                                record.problem = Some(STRANDED.to_owned());
                                record.problem_kind = Some("stranded".to_owned());
                                State::Failed
                            }
                        };
                    }
                    Ok(Listed::NotBegun) => record.state = called_back(record, wish),
                    Err(error) => failed(record, &error),
                });
            }
            Ordered::Estimate(ticket) => {
                let outcome = self.follow(entry, ticket).await.unwrap_or(Ok(None));
                self.settle(entry, |record, wish| match outcome {
                    Ok(estimated) => {
                        if let Some(estimated) = estimated {
                            record.estimate = serde_json::to_value(&estimated).ok();
                        }
                        record.state = match record.ending {
                            Some(Ending::Completed) => State::Done,
                            Some(_) | None => called_back(record, wish),
                        };
                    }
                    Err(error) => failed(record, &error),
                });
            }
        }
    }

    /// Waits for what comes of a list, and tells how it stands meanwhile. `None` of one that was called back before its
    /// turn came: it does not begin any more.
    async fn follow<T>(&self, entry: &Arc<Entry>, ticket: Ticket<T>) -> Option<Result<T, Error>> {
        let Ticket {
            mut standing,
            mut outcome,
        } = ticket;
        let mut wish = {
            let sender = entry.wish.lock().unwrap_or_else(PoisonError::into_inner);
            sender.subscribe()
        };
        loop {
            if *wish.borrow_and_update() != Wish::GoOn && !standing.borrow().is_under_way {
                return None;
            }
            tokio::select! {
                biased;
                outcome = &mut outcome => {
                    let last = standing.borrow().clone();
                    entry.now.send_modify(|(_, standing)| *standing = last);
                    return Some(outcome.unwrap_or_else(|_| Err(Error::broken_off())));
                }
                Ok(()) = wish.changed() => continue,
                Ok(()) = standing.changed() => {
                    let now = standing.borrow_and_update().clone();
                    self.has_turn(entry, &now);
                    if now.rows > self.0.most_rows {
                        entry.wishes(Wish::Stop);
                    }
                    entry.now.send_modify(|(_, standing)| *standing = now);
                }
            }
            // A client that watches needs no more than a few pictures a second.
            tokio::time::sleep(limits::SERVED_PICTURES).await;
        }
    }

    /// Notes that a list's turn has come.
    fn has_turn(&self, entry: &Arc<Entry>, standing: &Standing) {
        if standing.is_under_way && entry.now.borrow().0.state == State::Queued {
            self.note(entry, |record| {
                record.state = State::Running;
                record.began = record.began.or(Some(now()));
            });
        }
    }

    /// Notes how a turn ended.
    fn settle(&self, entry: &Arc<Entry>, change: impl FnOnce(&mut Record, Wish)) {
        let wish = *entry
            .wish
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .borrow();
        if *self.0.is_ending.borrow() {
            // On disk it stays under way, and goes on when the server starts again.
            return;
        }
        let since = entry.now.borrow().1.since;
        self.note(entry, |record| {
            record.ended = Some(now());
            record.since = since.or(record.since);
            change(record, wish);
            record.owed = record.choices.webhook.is_some();
            // Those that its owner had rest are still to be asked about again.
            if record.state != State::Paused || wish == Wish::GoOn {
                (record.again, record.before) = (None, None);
            }
        });
        let id = entry.now.borrow().0.id.clone();
        let _ = self.0.told.send(id);
    }

    /// Changes a record, one change after the other: on disk first, then for those who watch.
    fn change(&self, entry: &Entry, change: impl FnOnce(&mut Record)) -> Result<(), Problem> {
        let _one = entry.changing.lock();
        let mut record = entry.now.borrow().0.clone();
        change(&mut record);
        self.0
            .store
            .keep(&record)
            .map_err(|error| Problem::fault(&error))?;
        entry.now.send_modify(|(now, _)| *now = record);
        Ok(())
    }

    /// The same where nobody waits for it.
    fn note(&self, entry: &Entry, change: impl FnOnce(&mut Record)) {
        if let Err(problem) = self.change(entry, change) {
            tracing::warn!("cannot keep a record: {}", problem.detail());
        }
    }

    /// Takes a list back that was added and could not be begun: nothing of it is known yet.
    pub fn take_back(&self, id: &Id) {
        self.entries().remove(id);
    }

    /// The view of what a watcher was told.
    pub fn shown_to_watcher(&self, now: &(Record, Standing)) -> View {
        self.shown(&now.0, &now.1)
    }
}

/// What goes with a list that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// What was learned of the people on it as well.
    People,
    /// Nothing that serves other lists.
    Nobody,
}

/// A list handed in at the desk.
enum Ordered {
    Verify(Ticket<Listed>, u8),
    Estimate(Ticket<Option<crate::verify::estimate::Estimated>>),
}

/// What is said where nothing came of a list yet.
pub fn not_verified() -> Problem {
    Problem::conflict(
        "not_verified",
        "nothing came of this list yet: verify it, and wait until something is known of it",
    )
}

/// From when on what was learned counts for the rows of a list.
fn since(record: &Record) -> Timestamp {
    let began = || {
        let result = record.result.as_ref()?;
        serde_json::from_value(result["time"]["started"].clone()).ok()
    };
    record.since.or_else(began).unwrap_or_default()
}

/// What is said where our own side failed.
const STRANDED: &str = "nobody could be asked for a long time: name servers, the proxy or this machine's own connections failed. \
     What is known by then can be downloaded; look at `POST /v1/preflight` and the log, then resume";

/// What a list is at that was called back.
fn called_back(record: &Record, wish: Wish) -> State {
    match wish {
        Wish::Stop if record.has_lists => State::Done,
        Wish::Stop | Wish::Pause | Wish::GoOn => State::Paused,
    }
}

fn failed(record: &mut Record, error: &Error) {
    record.state = State::Failed;
    let problem = Problem::from(error.clone());
    record.problem = Some(problem.detail().to_owned());
    record.problem_kind = Some(problem.name().to_owned());
}
