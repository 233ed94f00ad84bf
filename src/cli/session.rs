//! From options to a run: the place, how hosts are asked there, and the ledger.

use std::path::PathBuf;

use super::asking::AskingArgs;
use super::safe::safe;
use super::state::own_ledger;
use super::{Exit, Refusal, usage};
use crate::ledger::{Lifetimes, Memory};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::net::origin::Origin;
use crate::net::{Clock, World};
use crate::probe::pace::{Ceilings, Rate};
use crate::probe::run::{Depth, RunConfig};
use crate::verifier::place::Place;
use crate::verifier::setup::{OpenLedger, Setup, SetupError};
use crate::verify::Asking;

/// A run about to ask.
pub(super) struct Session {
    /// Whom it asks.
    pub(super) asking: Asking,
    /// Its clock.
    pub(super) clock: Clock,
    /// What was learned.
    pub(super) opened: OpenLedger,
}

impl AskingArgs {
    /// Where this run takes place.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        match &self.world {
            _ if self.offline => Ok(Place::Offline),
            Some(file) => Ok(Place::described(file)?),
            None => Ok(Place::Real),
        }
    }

    /// Whether earlier knowledge is used.
    pub(super) fn memory(&self) -> Memory {
        if self.refresh {
            Memory::Refresh
        } else {
            Memory::Use
        }
    }

    /// How hosts are asked.
    pub(super) fn setup(&self) -> Setup {
        Setup {
            depth: if self.no_smtp {
                Depth::Names
            } else {
                Depth::MailHosts
            },
            dns: self.dns.clone(),
            proxy: self.proxy.clone(),
            port: self.smtp_port,
            allow_private: self.allow_private,
            helo: self.helo.clone(),
            mail_from: self.mail_from.clone(),
            source_ips: self.source_ip.clone(),
            ceilings: Ceilings {
                rate: self.host_rate,
                connections: self.host_connections,
            },
            rate_max: self.host_rate_max.unwrap_or_else(|| {
                let general = Rate::per_seconds(limits::HOST_RATE);
                if self.host_rate == general {
                    Rate::per_seconds(limits::HOST_RATE_MOST)
                } else {
                    self.host_rate
                }
            }),
            encryption: self.starttls.into(),
            rate: self.rate,
            connections: self.max_connections as usize,
            patience: self.wait,
            controls: self.control.clone(),
            second_look: self.second_look,
            seed: self.seed,
        }
    }

    /// The world of a place, and how it is asked; `None` when no host is. Must be called inside the runtime.
    ///
    /// Before real mail hosts are asked, it is made sure that they can be reached, with those of `domains`.
    pub(super) async fn world(
        &self,
        place: &Place,
        domains: &[String],
    ) -> anyhow::Result<Option<(World, RunConfig)>> {
        let setup = self.setup();
        self.met(place, domains, &setup, &setup).await
    }

    /// The same where others ask the mail hosts: DNS alone is asked from here, so this machine needs neither a name nor
    /// an open port 25.
    #[cfg(feature = "engine")]
    pub(super) async fn world_of_others(
        &self,
        place: &Place,
        domains: &[String],
    ) -> anyhow::Result<Option<(World, RunConfig)>> {
        let mut setup = self.setup();
        if setup.helo.is_empty() {
            setup.helo = vec!["localhost".parse().expect("a fixed name is well formed")];
        }
        let looks = Setup {
            depth: Depth::Names,
            ..self.setup()
        };
        self.met(place, domains, &setup, &looks).await
    }

    /// The world of a place as `setup` asks it, where this machine is looked at as for what `looks` asks.
    async fn met(
        &self,
        place: &Place,
        domains: &[String],
        setup: &Setup,
        looks: &Setup,
    ) -> anyhow::Result<Option<(World, RunConfig)>> {
        let look = async |world: &World, origins: &[Origin]| {
            if self.skip_preflight {
                Ok(())
            } else {
                super::start::fit_to_ask(self, looks, world, domains, origins).await
            }
        };
        let met: anyhow::Result<_> = setup.world(place, look).await;
        met.map_err(told_in_options)
    }

    /// Makes sure that real mail hosts would not be asked in the name of nobody, before anything waits for them.
    #[cfg(feature = "serve")]
    pub(super) fn may_ask(&self, place: &Place) -> anyhow::Result<()> {
        match place {
            Place::Real if !self.no_smtp && self.mail_from.is_none() => {
                Err(in_options(SetupError::NoSender))
            }
            Place::Real | Place::Offline | Place::Simulated(..) => Ok(()),
        }
    }

    /// Opens the ledger of a place, to ask its hosts. What a simulation learns vanishes, unless a file is named for it.
    pub(super) fn session(
        &self,
        place: &Place,
        met: Option<(World, RunConfig)>,
    ) -> anyhow::Result<Session> {
        let path = match (&self.ledger, place) {
            (Some(path), _) => Some(path.clone()),
            (None, Place::Simulated(..)) => None,
            (None, Place::Offline | Place::Real) => Some(own_ledger()?),
        };
        let (asking, clock) = if let Some((world, config)) = met {
            let clock = world.clock;
            (Asking::World(world, Box::new(config)), clock)
        } else {
            let clock = Clock::starting_at(place.beginning());
            (Asking::Nobody(clock, Ending::Completed), clock)
        };
        let lifetimes = Lifetimes::default().changed_by(&self.fresh);
        Ok(Session {
            asking,
            clock,
            opened: OpenLedger::at(path, place, lifetimes, clock.now())?,
        })
    }

    /// Where it is kept that this machine was found fit to ask.
    pub(super) fn start_file(&self) -> anyhow::Result<PathBuf> {
        let ledger = match &self.ledger {
            Some(path) => path.clone(),
            None => own_ledger()?,
        };
        Ok(super::start::file_beside(&ledger))
    }
}

/// The same error, in the words of the command line where it is of a setup.
pub(super) fn told_in_options(error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(error) => in_options(error),
        Err(error) => error,
    }
}

/// What keeps a run from asking, in the words of the command line.
fn in_options(error: SetupError) -> anyhow::Error {
    match error {
        SetupError::NoSender => usage(
            "mail hosts want to know who asks: name an address of yours that takes mail\n  \
             with --mail-from verify@your-domain.example, or ask no mail host with --no-smtp or --offline",
        ),
        SetupError::Names { names, addresses } => usage(format!(
            "--helo names {names} names for {}: say it once for all, or once for each --source-ip in the same order",
            match addresses {
                1 => "one address to ask from".to_owned(),
                count => format!("{count} addresses to ask from"),
            }
        )),
        SetupError::NotOurs(address) => usage(format!(
            "{address} is no address of this machine, so nobody can be asked from it\n  \
             name one with --source-ip that this machine has, or leave it out"
        )),
        SetupError::NoName => usage(
            "this machine has no full name to introduce itself with: say --helo mail.your-domain.example, \
             a name whose address is this machine's",
        ),
        SetupError::Proxy { words, port } => Refusal {
            exit: Exit::CannotAsk,
            message: format!(
                "{}\n  Nobody was asked and no list was written. Look at the proxy's address, name and password, and \
                 whether it lets connections to port {port} out.",
                safe(&words)
            ),
        }
        .into(),
        SetupError::NoServers(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        asking: AskingArgs,
    }

    #[test]
    fn who_types_nothing_asks_as_the_library_does() {
        let typed = Typed::parse_from(["presend"]).asking.setup();
        assert_eq!(format!("{typed:?}"), format!("{:?}", Setup::default()));
    }

    #[test]
    fn every_error_says_what_to_change() {
        let every = [
            SetupError::NoSender,
            SetupError::Names {
                names: 3,
                addresses: 2,
            },
            SetupError::NotOurs([192, 0, 2, 7].into()),
            SetupError::NoName,
            SetupError::Proxy {
                words: "the proxy 192.0.2.9:1080: it does not answer".to_owned(),
                port: 25,
            },
        ];
        for error in &every {
            match error {
                SetupError::NoSender
                | SetupError::Names { .. }
                | SetupError::NotOurs(_)
                | SetupError::NoName
                | SetupError::Proxy { .. }
                // Whose words are its own.
                | SetupError::NoServers(_) => {}
            }
        }
        let told = every.map(|error| format!("{:#}", in_options(error)));
        insta::assert_snapshot!(told.join("\n"), @r"
        mail hosts want to know who asks: name an address of yours that takes mail
          with --mail-from verify@your-domain.example, or ask no mail host with --no-smtp or --offline
        --helo names 3 names for 2 addresses to ask from: say it once for all, or once for each --source-ip in the same order
        192.0.2.7 is no address of this machine, so nobody can be asked from it
          name one with --source-ip that this machine has, or leave it out
        this machine has no full name to introduce itself with: say --helo mail.your-domain.example, a name whose address is this machine's
        the proxy 192.0.2.9:1080: it does not answer
          Nobody was asked and no list was written. Look at the proxy's address, name and password, and whether it lets connections to port 25 out.
        ");
    }
}
