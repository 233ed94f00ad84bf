//! What is to be known of an order before it is asked about.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::blocks::Blocks;
use crate::engine::roll::{RunCard, Stage};
use crate::engine::{Answers, Engine, EngineError, RunId, Table, wire};

/// What is to be known of orders before they are asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Inquiry {
    /// Whom of us a host has blocked, by the digest of its key.
    Blocks(String),
    /// What was answered for an order.
    Answers(RunId, u64),
    /// Where a run stands.
    Run(RunId),
}

impl Inquiry {
    /// Puts it to the engine, and keeps the answer.
    pub(super) async fn put(
        &self,
        engine: &dyn Engine,
        inquired: &Mutex<Inquired>,
    ) -> Result<(), EngineError> {
        let kept = || inquired.lock().unwrap_or_else(PoisonError::into_inner);
        match self {
            Inquiry::Blocks(key) => {
                let entry = engine.read(Table::Hosts, key).await?;
                if let Some(blocks) = entry.and_then(|entry| wire::decode(&entry.value).ok()) {
                    kept().blocks.insert(key.clone(), blocks);
                }
            }
            Inquiry::Answers(run, number) => {
                let answers = engine.answers_of(run, *number).await?;
                let answers = answers.into_iter().filter_map(Result::ok).collect();
                kept().answers.insert((run.clone(), *number), answers);
            }
            Inquiry::Run(run) => {
                let entry = engine.read(Table::Runs, run.as_str()).await?;
                let card = entry.and_then(|entry| wire::decode::<RunCard>(&entry.value).ok());
                if let Some(card) = card {
                    kept().stages.insert(run.clone(), card.stage);
                }
            }
        }
        Ok(())
    }
}

/// What was found out about orders.
#[derive(Default)]
pub(super) struct Inquired {
    pub(super) blocks: HashMap<String, Blocks>,
    pub(super) answers: HashMap<(RunId, u64), Vec<Answers>>,
    pub(super) stages: HashMap<RunId, Stage>,
}
