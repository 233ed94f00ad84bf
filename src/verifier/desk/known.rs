//! What is known, told at once: a thread that reads the ledger and asks nobody.

use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::{Looked, Terms};
use crate::input::suppression::Suppression;
use crate::ledger::{Ledger, LedgerError, Todo};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::verifier::error::{Error, ErrorKind};
use crate::verifier::place::Place;
use crate::verifier::setup::OpenLedger;
use crate::verify::Tools;
use crate::verify::check::{Checker, contents_of};

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Known(mpsc::UnboundedSender<Wanted>);

enum Wanted {
    /// What is known of what texts name.
    Look {
        texts: Vec<String>,
        since: Timestamp,
        now: Timestamp,
        answer: oneshot::Sender<Result<Vec<Looked>, Error>>,
    },
    /// Whom to leave alone from now on.
    Suppress(Suppression),
    /// To let go of the ledger until the other side of the channel is gone.
    LetGo {
        gone: oneshot::Sender<()>,
        back: oneshot::Receiver<()>,
    },
}

impl Known {
    /// Opens the ledger, and begins to read it.
    pub(super) fn open(terms: &Terms, now: Timestamp) -> Result<Known, Error> {
        let place = &terms.place;
        let path = Some(terms.ledger.clone());
        // Made where there is none.
        let opened = OpenLedger::at(path, place, terms.lifetimes, now)?;
        let mut reader = Reader {
            tools: terms.tools.clone(),
            path: terms.ledger.clone(),
            lifetimes: terms.lifetimes,
            realm: OpenLedger::realm(place),
            ledger: Some(opened.ledger),
        };
        let (wanted, mut to_do) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("known".to_owned())
            .spawn(move || {
                while let Some(wanted) = to_do.blocking_recv() {
                    reader.take(wanted);
                }
            })
            .map_err(|error| Error::new(ErrorKind::Fault, error.to_string()))?;
        Ok(Known(wanted))
    }

    /// What is known at `now` of the addresses that `texts` name; what was learned from `since` on counts, whichever
    /// process learned it.
    pub(super) async fn look(
        &self,
        texts: Vec<String>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Looked>, Error> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Wanted::Look {
            texts,
            since,
            now,
            answer,
        });
        answered.await.unwrap_or_else(|_| Err(Error::broken_off()))
    }

    /// From now on the addresses and domains of `suppression` are settled.
    pub(super) fn suppress(&self, suppression: Suppression) {
        let _ = self.0.send(Wanted::Suppress(suppression));
    }

    /// Has the ledger let go of until what is returned is dropped.
    pub(super) async fn let_go(&self) -> oneshot::Sender<()> {
        let (gone, is_gone) = oneshot::channel();
        let (hold, back) = oneshot::channel();
        let _ = self.0.send(Wanted::LetGo { gone, back });
        let _ = is_gone.await;
        hold
    }
}

struct Reader {
    tools: Tools,
    path: std::path::PathBuf,
    lifetimes: crate::ledger::Lifetimes,
    realm: crate::ledger::Realm,
    ledger: Option<Ledger>,
}

impl Reader {
    fn take(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Look {
                texts,
                since,
                now,
                answer,
            } => {
                let _ = answer.send(self.look(texts, since, now));
            }
            Wanted::Suppress(suppression) => self.tools.suppression = suppression,
            Wanted::LetGo { gone, back } => {
                self.ledger = None;
                let _ = gone.send(());
                let _ = back.blocking_recv();
            }
        }
    }

    fn look(
        &mut self,
        texts: Vec<String>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Looked>, Error> {
        let ledger = match &mut self.ledger {
            Some(ledger) => ledger,
            none => none.insert(Ledger::open(&self.path, &self.realm, self.lifetimes, now)?),
        };
        ledger.look_anew(since, now)?;
        // What is open now was not asked about in time.
        let mut checker = Checker::at(now, Ending::Deadline, &self.tools, ledger)?;
        let looked = texts.into_iter().map(|text| {
            let contents = contents_of(&text);
            let mut open = Vec::new();
            for address in contents.iter().flatten() {
                let is_settled = self.tools.suppression.has(address)
                    || matches!(
                        ledger.todo(&address.key(), address.domain().wire())?,
                        Todo::Settled(_)
                    );
                if !is_settled {
                    open.push(address.clone());
                }
            }
            let judged = checker.all(contents, ledger)?;
            Ok(Looked { judged, open })
        });
        let looked: Result<Vec<Looked>, LedgerError> = looked.collect();
        Ok(looked?)
    }
}

impl OpenLedger {
    /// Which world's facts belong into the ledger of a place.
    pub(super) fn realm(place: &Place) -> crate::ledger::Realm {
        match place {
            Place::Offline | Place::Real => crate::ledger::Realm::Real,
            Place::Simulated(_, name) => crate::ledger::Realm::Simulated(name.clone()),
        }
    }
}
