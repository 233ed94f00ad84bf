//! The asker: a place, how its hosts are asked, and the world of that place once it was met.

use super::error::{Error, ErrorKind};
use super::place::Place;
use super::preflight::{Preflight, Sender};
use super::setup::Setup;
use crate::model::ending::Ending;
#[cfg(feature = "serve")]
use crate::model::timestamp::Timestamp;
use crate::net::{Clock, World};
use crate::preflight::machine::own::Machine;
use crate::preflight::machine::start::Start;
use crate::preflight::sender::checks::Sending;
use crate::probe::run::RunConfig;
use crate::verify::Asking;

/// See the module's own words.
pub(super) struct Asker {
    pub(super) place: Place,
    setup: Setup,
    /// The world that was met, and how it is asked; `None` until the first list.
    met: Option<(World, RunConfig)>,
}

impl Asker {
    pub(super) fn new(place: Place, setup: Setup) -> Self {
        Asker {
            place,
            setup,
            met: None,
        }
    }

    /// Whom to ask, after a first look whether that can come to anything.
    pub(super) async fn asking(&mut self, domains: &[String]) -> Result<Asking, Error> {
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
            None => Asking::Nobody(
                Clock::starting_at(self.place.beginning()),
                Ending::Completed,
            ),
        })
    }

    /// What the clock of its place shows.
    #[cfg(feature = "serve")]
    pub(super) fn now(&self) -> Timestamp {
        match &self.met {
            Some((world, _)) => world.clock.now(),
            None => self.place.beginning(),
        }
    }

    /// Looks whether a sender is fit to send. It needs nobody else's turn.
    pub(super) fn preflight(
        &self,
        sender: Sender,
    ) -> Result<impl Future<Output = Preflight> + use<>, Error> {
        let world = match &self.met {
            Some((world, _)) => world.clone(),
            None => self.setup.names(&self.place)?,
        };
        let sending = Sending {
            sender,
            port: self.setup.port,
            reach: self.setup.reach(&self.place),
        };
        Ok(async move { Preflight::of(&world, sending).await })
    }
}
