//! Tables that are watched: one who looks again is given what has changed, not all that stands there.
//!
//! A reader of its own gives the latest entry of each key, then what is written after it. What is removed leaves no
//! message, so the number of entries tells of it: where there are fewer than are known, the table is read anew.
//!
//! One server alone keeps such a reader. Where that one does not answer, tables are read message by message for a while,
//! as their leaders have them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::Nats;
use super::fault::Fault;
use crate::engine::{Entry, Table};
use crate::model::limits;

/// The tables as one connection knows them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    tables: Mutex<[Option<Seen>; Table::ALL.len()]>,
    /// Until when tables are not watched.
    rests_until: Mutex<Option<Instant>>,
}

/// A table as it was last seen.
#[derive(Debug)]
struct Seen {
    /// Who reads what has changed since.
    reader: String,
    entries: BTreeMap<String, Entry>,
}

impl Watch {
    /// Takes out what is known of a table, for one who looks at it.
    fn take(&self, table: Table) -> Option<Seen> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables[table as usize].take()
    }

    fn put_back(&self, table: Table, seen: Seen) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables[table as usize] = Some(seen);
    }

    fn rests(&self) -> bool {
        let rests_until = self.rests_until.lock();
        let rests_until = rests_until.unwrap_or_else(PoisonError::into_inner);
        rests_until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        let rests_until = self.rests_until.lock();
        let mut rests_until = rests_until.unwrap_or_else(PoisonError::into_inner);
        *rests_until = Some(Instant::now() + limits::ENGINE_WATCH_RESTS);
    }
}

impl Nats {
    /// All that stands in a table, by what has changed in it since it was looked at last; `None` where that is not told.
    pub(super) async fn catch_up(&self, table: Table) -> Option<Vec<(String, Entry)>> {
        if self.watched.rests() {
            return None;
        }
        let seen = self.watched.take(table);
        match self.watch(table, seen).await {
            Ok(seen) => {
                let entries = seen.entries.iter();
                let entries = entries.map(|(key, entry)| (key.clone(), entry.clone()));
                let entries = entries.collect();
                self.watched.put_back(table, seen);
                Some(entries)
            }
            Err(fault) => {
                tracing::debug!(?fault, ?table, "is not watched for a while");
                self.watched.rest();
                None
            }
        }
    }

    async fn watch(&self, table: Table, seen: Option<Seen>) -> Result<Seen, Fault> {
        let stream = self.places.bucket_stream(table);
        if let Some(mut seen) = seen {
            self.read_on(table, &mut seen).await?;
            let stand = self.jetstream.stream(stream).await?.state.messages;
            if stand >= seen.entries.len() as u64 {
                return Ok(seen);
            }
            self.jetstream.remove_reader(stream, &seen.reader).await?;
        }
        let filter = self.places.entry(table, ">");
        let created =
            self.jetstream
                .create_watcher(stream, &filter, limits::ENGINE_WATCHER_FORGOTTEN);
        let mut seen = Seen {
            reader: created.await?,
            entries: BTreeMap::new(),
        };
        self.read_on(table, &mut seen).await?;
        Ok(seen)
    }

    /// Takes in what was written since.
    async fn read_on(&self, table: Table, seen: &mut Seen) -> Result<(), Fault> {
        let stream = self.places.bucket_stream(table);
        loop {
            let most = limits::ENGINE_WATCH_BATCH;
            let batch = self.jetstream.pull(stream, &seen.reader, most).await?;
            if !batch.is_whole {
                // What is lost on the way does not come again.
                return Err(Fault::Silent(
                    "only some of what has changed came".to_owned(),
                ));
            }
            let is_all = batch.messages.len() < most;
            for pulled in batch.messages {
                let Some(key) = self.places.key_in(table, &pulled.subject) else {
                    continue;
                };
                let entry = Entry {
                    value: pulled.payload,
                    revision: pulled.handed.sequence,
                };
                seen.entries.insert(key, entry);
            }
            if is_all {
                return Ok(());
            }
        }
    }
}
