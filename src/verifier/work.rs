//! The thread of a verifier: what was asked of it is done one thing after the other, so that limits hold for all of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::asker::Asker;
use super::error::Error;
use super::list::{Kind, List};
use super::preflight::{Preflight, Sender};
use super::run::{Checked, Event, Progress};
use super::setup::OpenLedger;
use crate::ledger::Memory;
use crate::model::ending::Ending;
use crate::probe::scheduler;
use crate::verify::check::{Checker, Contents, contents_of};
use crate::verify::{
    Observer, Rows, Tools, VerifyError, add_domain, add_domains, ask, contents_of_row,
};

/// One thing to do.
pub(super) enum Job {
    Verify {
        list: List,
        progress: watch::Sender<Progress>,
        rows: mpsc::Sender<Result<Event, Error>>,
    },
    Preflight {
        sender: Sender,
        answer: oneshot::Sender<Result<Preflight, Error>>,
    },
}

/// Everything that the thread works with.
pub(super) struct Worker {
    pub(super) asker: Asker,
    pub(super) tools: Tools,
    pub(super) ledger: OpenLedger,
    pub(super) deadline: Option<Duration>,
}

impl Worker {
    /// Does what comes, until nobody is left to ask for more.
    pub(super) async fn work(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.recv().await {
            match job {
                // Its caller went away before its turn came.
                Job::Verify { rows, .. } if rows.is_closed() => {}
                Job::Verify {
                    list,
                    progress,
                    rows,
                } => {
                    let ending = self.verify(list, progress, &rows).await;
                    let _ = rows.send(ending.map(Event::Ended)).await;
                }
                Job::Preflight { sender, answer } => {
                    let _ = answer.send(match self.asker.preflight(sender) {
                        Ok(preflight) => Ok(preflight.await),
                        Err(error) => Err(error),
                    });
                }
            }
        }
    }

    async fn verify(
        &mut self,
        List(list): List,
        progress: watch::Sender<Progress>,
        rows: &mpsc::Sender<Result<Event, Error>>,
    ) -> Result<Ending, Error> {
        let mut domains = Vec::new();
        let mut contents: VecDeque<Contents> = VecDeque::new();
        let asked_about = match &list {
            Kind::Texts(texts) => {
                contents.extend(texts.iter().map(|text| contents_of(text)));
                for address in contents.iter().flatten().flatten() {
                    add_domain(&mut domains, address);
                }
                Rows::of_texts(contents.clone())
            }
            Kind::Source(source, options) => {
                add_domains(&mut domains, source, options)?;
                Rows::of_lists([&**source].into_iter(), options)?
            }
        };
        let asking = self.asker.asking(&domains).await?;
        let (deadline, tools) = (self.deadline, &self.tools);
        let stop = async {
            tokio::select! {
                () = rows.closed() => Ending::Interrupted,
                () = over(deadline) => Ending::Deadline,
            }
        };
        let ledger = &mut self.ledger.ledger;
        let mut told = Told(progress);
        let asked = ask(
            asked_about,
            Memory::Use,
            tools,
            asking,
            ledger,
            &mut told,
            stop,
        )
        .await?;
        let mut checker = Checker::new(&asked, tools, ledger)?;
        let mut judged = |number, text, contents| {
            let judged = checker.row(contents, ledger)?;
            let row = Checked::of(number, text, judged);
            Ok::<_, VerifyError>(Ok(Event::Row(Box::new(row))))
        };
        match list {
            Kind::Texts(texts) => {
                for ((number, text), contents) in (1..).zip(texts).zip(contents) {
                    if rows.send(judged(number, text, contents)?).await.is_err() {
                        break;
                    }
                }
            }
            Kind::Source(source, options) => {
                let mut list = source.list(&options)?;
                while let Some(row) = list.next_row()? {
                    let (text, contents) = contents_of_row(&row);
                    if rows
                        .send(judged(row.number, text, contents)?)
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
                source.unchanged()?;
            }
        }
        Ok(asked.ending)
    }
}

/// Resolves when so much time is over, if it is bounded.
async fn over(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Tells how far the asking has come.
struct Told(watch::Sender<Progress>);

impl Observer for Told {
    fn progress(&mut self, rows: u64, progress: &scheduler::Progress) {
        self.0.send_replace(Progress {
            rows,
            settled: progress.settled,
            pending: progress.pending,
            connections: progress.conversations,
        });
    }

    fn blocked(&mut self, host: &str, words: &str, addresses: usize) {
        tracing::warn!(host, addresses, "a mail host blocks us: {words}");
    }
}
