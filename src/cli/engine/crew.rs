//! `verify --engine`: who asks for a run.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::super::asking::{AskingArgs, duration};
use super::super::usage;
use super::{EngineArgs, Secrets};
use crate::engine::order::Global;
use crate::engine::{Crew, RunId};
use crate::ledger::Begun;
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::probe::pace::Rate;

/// Options of a run that is asked for by others.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct CrewArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// How long the engine keeps answers, so that a run that was interrupted has them [default: 7d]
    #[arg(long, help_heading = "Many machines", value_name = "DURATION", value_parser = keeping)]
    engine_keep: Option<Duration>,
    /// Most recipients one mail host is asked about by all workers together; --host-rate is for each of them
    #[arg(
        long,
        help_heading = "Many machines",
        value_name = "RATE",
        default_value = "unlimited"
    )]
    engine_host_rate: Rate,
    /// Most connections at once to one mail host from all workers together; --host-connections is for each of them
    #[arg(long, help_heading = "Many machines", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    engine_host_connections: Option<u32>,
}

/// Reads how long answers are kept: for as long at least as doubles of them are told apart.
fn keeping(text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    if read >= limits::ENGINE_SAME_MESSAGE {
        Ok(read)
    } else {
        Err(format!(
            "{text} is too short for an interruption: write at least {}",
            humantime::format_duration(limits::ENGINE_SAME_MESSAGE)
        ))
    }
}

impl CrewArgs {
    /// Whether an engine is named.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.engine.is_named()
    }

    /// Makes sure that nothing is wanted which workers do not do.
    pub(in crate::cli) fn fits(asking: &AskingArgs) -> anyhow::Result<()> {
        if asking.world.is_some() {
            return Err(usage(
                "a simulated world is on this machine alone, where no worker can ask: leave out --engine or --world",
            ));
        }
        Ok(())
    }

    /// Those who ask for the run that has begun at a place: the same name when it is continued.
    pub(in crate::cli) async fn gather(
        &self,
        secrets: Secrets<'_>,
        place: &str,
        begun: &Begun,
    ) -> anyhow::Result<Crew> {
        let run = run_of(place, begun);
        let name = format!("presend verify {run}");
        let engine = self
            .engine
            .connect(secrets, &name, self.engine_keep)
            .await?;
        Ok(Crew {
            engine: Arc::new(engine),
            run,
            global: Global {
                rate: self.engine_host_rate,
                connections: self.engine_host_connections,
            },
        })
    }
}

/// What a run is called among all of those at an engine.
fn run_of(place: &str, begun: &Begun) -> RunId {
    let began = begun.began.as_millis().to_string();
    let seed = begun.seed.to_string();
    let name = format!("run-{:016x}", fingerprint((place, &began, &seed)));
    RunId::named(&name).expect("a digest fits into a name")
}
