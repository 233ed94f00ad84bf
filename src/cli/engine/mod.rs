//! Asking on many machines: where their engine is, as whom to go there, who works there.

mod crew;
mod status;
mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Exit, unreadable, usage};
use crate::engine::nats::access::{Access, Login, Server};
use crate::engine::nats::{Keeping, Nats, Prefix};
use crate::engine::{Engine, EngineError, Partitions};
use crate::ledger::Target;
use crate::model::limits;
use crate::model::text::counted;

pub(super) use crew::CrewArgs;
pub(super) use worker::{WorkerArgs, run as work};

/// Options about the engine.
#[derive(Args, Clone, Debug)]
pub(super) struct EngineArgs {
    /// Have the workers at this engine ask (NATS with JetStream): `nats://10.0.0.1:4222`, or `tls://` where nothing may
    /// be said in clear; several servers of a cluster separated by commas
    #[arg(
        long,
        help_heading = "Many machines",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub(super) engine: Vec<Server>,
    /// What everything in the engine is called by, so that several teams can use one
    #[arg(
        long,
        help_heading = "Many machines",
        value_name = "NAME",
        default_value = "presend"
    )]
    pub(super) engine_prefix: Prefix,
    /// How many servers of a cluster keep a copy of everything [default: 3 in a cluster, else 1]
    #[arg(long, help_heading = "Many machines", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(super) engine_copies: Option<u8>,
    /// Into how many partitions the engine divides its work when it is first set up: no more workers than that have
    /// something to do [default: 64]
    #[arg(long, help_heading = "Many machines", value_name = "N", value_parser = partitions)]
    pub(super) engine_partitions: Option<Partitions>,
    /// Go to the engine as this user; the password stands in `PRESEND_ENGINE_PASSWORD` or the settings
    #[arg(long, help_heading = "Many machines", value_name = "NAME")]
    pub(super) engine_user: Option<String>,
    /// Go to the engine with the credentials in this file
    #[arg(long, help_heading = "Many machines", value_name = "FILE")]
    pub(super) engine_creds: Option<PathBuf>,
    /// Go to the engine with the NKey whose seed is in this file
    #[arg(long, help_heading = "Many machines", value_name = "FILE")]
    pub(super) engine_nkey: Option<PathBuf>,
    /// Believe engines with certificates of the authorities in this file (PEM) [default: those this machine believes]
    #[arg(long, help_heading = "Many machines", value_name = "FILE")]
    pub(super) engine_ca: Option<PathBuf>,
    /// Show the engine the certificate in this file (PEM)
    #[arg(
        long,
        help_heading = "Many machines",
        value_name = "FILE",
        requires = "engine_key"
    )]
    pub(super) engine_cert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(
        long,
        help_heading = "Many machines",
        value_name = "FILE",
        requires = "engine_cert"
    )]
    pub(super) engine_key: Option<PathBuf>,
}

/// Reads a number of partitions.
fn partitions(text: &str) -> Result<Partitions, String> {
    let read = text.parse().ok().and_then(Partitions::new);
    let most = limits::ENGINE_PARTITIONS_MOST;
    read.ok_or_else(|| format!("`{text}` is no number of partitions: write one from 1 to {most}"))
}

/// Settings that are never typed, for any user of a machine sees what others type: they stand in the environment or the
/// settings file.
pub(super) const SECRETS: [&str; 2] = ["engine-password", "engine-token"];

/// Where secrets are found, by the name of their setting.
pub(super) type Secrets<'a> = &'a dyn Fn(&str) -> Option<String>;

impl EngineArgs {
    /// Whether an engine is named.
    pub(super) fn is_named(&self) -> bool {
        !self.engine.is_empty()
    }

    /// Connects, under a name that the engine's owner sees.
    pub(super) async fn connect(
        &self,
        secrets: Secrets<'_>,
        name: &str,
        keep: Option<Duration>,
    ) -> anyhow::Result<Nats> {
        let keeping = Keeping {
            prefix: self.engine_prefix.clone(),
            copies: self.engine_copies.map(usize::from),
            answers_for: keep,
            partitions: self.engine_partitions,
        };
        let access = self.access(secrets, name)?;
        Ok(Nats::connect(&access, &keeping).await?)
    }

    /// Connects to look at what is there; sets nothing up.
    async fn visit(&self, secrets: Secrets<'_>, name: &str) -> anyhow::Result<Nats> {
        let access = self.access(secrets, name)?;
        Ok(Nats::visit(&access, &self.engine_prefix).await?)
    }

    fn access(&self, secrets: Secrets<'_>, name: &str) -> anyhow::Result<Access> {
        if !self.is_named() {
            return Err(usage(
                "name the engine with --engine nats://10.0.0.1:4222, PRESEND_ENGINE or the setting `engine`",
            ));
        }
        Ok(Access {
            servers: self.engine.clone(),
            login: self.login(secrets)?,
            authorities: self.engine_ca.clone(),
            certificate: self.engine_cert.clone().zip(self.engine_key.clone()),
            name: name.to_owned(),
        })
    }

    fn login(&self, secrets: Secrets<'_>) -> anyhow::Result<Login> {
        let (password, token) = (secrets(SECRETS[0]), secrets(SECRETS[1]));
        let mut logins = Vec::new();
        if let Some(user) = &self.engine_user {
            let Some(password) = password.clone() else {
                return Err(usage(format!(
                    "the password of `{user}` is missing: it stands in PRESEND_ENGINE_PASSWORD, or in the settings as \
                     `engine-password`"
                )));
            };
            logins.push(Login::User {
                name: user.clone(),
                password,
            });
        } else if password.is_some() {
            return Err(usage(
                "there is a password for the engine, but no user: say --engine-user NAME",
            ));
        }
        logins.extend(token.map(Login::Token));
        if let Some(file) = &self.engine_creds {
            logins.push(Login::Credentials(secret_in(file)?));
        }
        if let Some(file) = &self.engine_nkey {
            logins.push(Login::NKey(secret_in(file)?));
        }
        match logins.len() {
            0 => Ok(Login::Anonymous),
            1 => Ok(logins.remove(0)),
            _ => Err(usage(
                "there are several ways into the engine: keep one of user, token, --engine-creds and --engine-nkey",
            )),
        }
    }
}

/// The text of a file that holds a secret.
fn secret_in(file: &Path) -> anyhow::Result<String> {
    let name = file.display().to_string();
    std::fs::read_to_string(file).map_err(|error| unreadable(&name, &error))
}

/// Forgets people in the engine as well. Returns what came of it, in words.
pub(super) fn forget(
    args: &EngineArgs,
    secrets: Secrets<'_>,
    targets: &[Target],
) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let engine = args.visit(secrets, "presend ledger forget").await?;
        let mut messages = 0;
        for target in targets {
            match target {
                Target::Address(key) => messages += forgotten(&engine, key).await?,
                // What ends so is the domain's: a person of another one is not.
                Target::Domain(name) => messages += forgotten(&engine, &format!("@{name}")).await?,
                // The engine forgets by itself, after --engine-keep.
                Target::Before(_) => {}
                #[cfg(feature = "serve")]
                Target::Place(_) => {}
            }
        }
        let messages = counted(messages, "message", "messages");
        anyhow::Ok(format!(
            "{messages} in the engine named them; none does now"
        ))
    })
}

/// How many messages of an engine named a person; none where it keeps nothing.
async fn forgotten(engine: &Nats, key: &str) -> Result<u64, EngineError> {
    match engine.forget(key).await {
        Err(EngineError::Gone(_)) => Ok(0),
        told => told,
    }
}

/// Options of `engine`.
#[derive(Debug, Args)]
pub(super) struct EngineCommandArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who works there, what waits there, whom hosts block
    Status(status::StatusArgs),
}

/// Runs `presend engine`.
pub(super) fn run(args: &EngineCommandArgs, secrets: Secrets<'_>) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Status(args) => status::run(args, secrets),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn login(words: &[&str], secrets: &[(&str, &str)]) -> anyhow::Result<Login> {
        let words = ["presend", "--engine", "nats://127.0.0.1"]
            .iter()
            .chain(words);
        let find = |name: &str| {
            let found = secrets.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let engine = Typed::parse_from(words).engine;
        engine.access(&find, "test").map(|access| access.login)
    }

    #[test]
    fn one_way_in_is_taken_and_two_are_too_many() {
        assert_eq!(login(&[], &[]).unwrap(), Login::Anonymous);
        assert_eq!(
            login(&[], &[("engine-token", "t")]).unwrap(),
            Login::Token("t".to_owned())
        );
        let user = ["--engine-user", "ann"];
        let password = ("engine-password", "p");
        assert!(matches!(
            login(&user, &[password]).unwrap(),
            Login::User { .. }
        ));
        for (words, secrets, wanted) in [
            (user.as_slice(), vec![], "PRESEND_ENGINE_PASSWORD"),
            (&[], vec![password], "no user"),
            (&user, vec![password, ("engine-token", "t")], "several ways"),
            (&["--engine-creds", "/nowhere"], vec![], "cannot read"),
        ] {
            let error = login(words, &secrets).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
