//! The thread of a verifier: what was asked of it is done one thing after the other, so that limits hold for all of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::error::{Error, ErrorKind};
use super::list::{Kind, List};
use super::place::Place;
use super::preflight::Preflight;
use super::run::{Checked, Event, Progress};
use super::setup::{OpenLedger, Setup};
use crate::ledger::Memory;
use crate::model::ending::Ending;
use crate::net::{Clock, World};
use crate::preflight::machine::own::Machine;
use crate::preflight::machine::start::Start;
use crate::probe::run::RunConfig;
use crate::probe::scheduler;
use crate::verify::check::{Checker, Contents, contents_of};
use crate::verify::{
    Asking, Observer, Rows, Tools, VerifyError, add_domain, add_domains, ask, contents_of_row,
};

/// One thing to do.
pub(super) enum Job {
    Verify {
        list: List,
        progress: watch::Sender<Progress>,
        rows: mpsc::Sender<Result<Event, Error>>,
    },
    Preflight {
        domain: String,
        answer: oneshot::Sender<Result<Preflight, Error>>,
    },
}

/// Everything that the thread works with.
pub(super) struct Worker {
    pub(super) place: Place,
    pub(super) setup: Setup,
    pub(super) tools: Tools,
    pub(super) ledger: OpenLedger,
    pub(super) deadline: Option<Duration>,
    /// The world that was met, and how it is asked; `None` until the first list.
    pub(super) met: Option<(World, RunConfig)>,
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
                Job::Preflight { domain, answer } => {
                    let _ = answer.send(self.preflight(domain).await);
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
                Rows::Texts(contents.clone())
            }
            Kind::Source(source, options) => {
                add_domains(&mut domains, source, options)?;
                Rows::of_lists([&**source].into_iter(), options)?
            }
        };
        let asking = self.asking(&domains).await?;
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

    /// Whom to ask, after a first look whether that can come to anything.
    async fn asking(&mut self, domains: &[String]) -> Result<Asking, Error> {
        if self.met.is_none() {
            let look = async |world: &World, origins: &[_]| {
                let sources = match self.setup.source_ips.as_slice() {
                    [] => Machine::look().sources,
                    named => named.to_vec(),
                };
                match self.setup.look(world, domains, origins, &sources).await {
                    Start::Fit(advice) => {
                        for check in advice {
                            tracing::warn!("{}: {}", check.value, check.why);
                        }
                        Ok(())
                    }
                    Start::CannotAsk(check) => Err(Error::new(
                        ErrorKind::CannotAsk,
                        format!(
                            "{}: {} {}",
                            check.value,
                            check.why,
                            check.fix.unwrap_or_default()
                        ),
                    )),
                }
            };
            self.met = self.setup.world(&self.place, look).await?;
        }
        Ok(match &self.met {
            Some((world, config)) => Asking::World(world.clone(), Box::new(config.clone())),
            None => Asking::Nobody(Clock::starting_at(self.place.beginning())),
        })
    }

    async fn preflight(&mut self, domain: String) -> Result<Preflight, Error> {
        let world = match &self.met {
            Some((world, _)) => world.clone(),
            None => self.setup.names(&self.place)?,
        };
        Ok(Preflight::of(
            &world,
            domain,
            self.setup.port,
            self.setup.reach(&self.place),
        )
        .await)
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
