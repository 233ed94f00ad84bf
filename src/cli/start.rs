//! Before a run asks any host: can this machine ask at all? Said at once, instead of a list full of `unknown`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::asking::AskingArgs;
use super::log::LogArgs;
use super::reading;
use super::safe::safe;
use super::{Exit, Refusal};
use crate::input::list::IntakeError;
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::origin::Origin;
use crate::preflight::check::Check;
use crate::preflight::machine::own::Machine;
use crate::preflight::machine::start::Start;
use crate::preflight::render::screen::wrapped;
use crate::verifier::setup::Setup;
use crate::verify::output;
use crate::verify::{Task, add_domains};

/// Looks at this machine unless that was done a short while ago. What is amiss but lets a run go on is told on the
/// error stream.
///
/// # Errors
///
/// A refusal with [`Exit::CannotAsk`] that says why no host can be asked and what still works.
pub(super) async fn fit_to_ask(
    args: &AskingArgs,
    setup: &Setup,
    world: &World,
    domains: &[String],
    origins: &[Origin],
) -> anyhow::Result<()> {
    let sources = match args.source_ip.as_slice() {
        [] => Machine::look().sources,
        named => named.to_vec(),
    };
    let circumstances = circumstances(args, &sources);
    let file = args.start_file().ok();
    if let Some(file) = &file
        && let Some(known) = Stamp::read(file, &circumstances, world.clock.now())
    {
        known
            .warnings
            .iter()
            .for_each(|warning| eprint!("{warning}"));
        return Ok(());
    }
    match setup.look(world, domains, origins, &sources).await {
        Start::Fit(advice) => {
            let stamp = Stamp {
                circumstances,
                at: world.clock.now(),
                warnings: advice.iter().map(warning).collect(),
            };
            stamp
                .warnings
                .iter()
                .for_each(|warning| eprint!("{warning}"));
            // Failing to remember costs a second look, nothing else.
            let _ = file.map(|file| stamp.keep(&file));
            Ok(())
        }
        Start::CannotAsk(check) => Err(Refusal {
            exit: Exit::CannotAsk,
            message: cannot_ask(&check),
        }
        .into()),
    }
}

/// The same of a machine that asks for others. It looks each time that it starts, which is seldom.
///
/// # Errors
///
/// A refusal with [`Exit::CannotAsk`] that says why no host can be asked.
#[cfg(feature = "engine")]
pub(super) async fn worker_is_fit(
    setup: &Setup,
    world: &World,
    origins: &[Origin],
) -> anyhow::Result<()> {
    let sources = match setup.source_ips.as_slice() {
        [] => Machine::look().sources,
        named => named.to_vec(),
    };
    match setup.look(world, &[], origins, &sources).await {
        Start::Fit(advice) => {
            for check in &advice {
                eprint!("{}", warning(check));
            }
            Ok(())
        }
        Start::CannotAsk(check) => Err(Refusal {
            exit: Exit::CannotAsk,
            message: format!(
                "{}  This machine asks nobody.\n    --skip-preflight   ask mail hosts all the same, whatever comes of it",
                told(&check)
            ),
        }
        .into()),
    }
}

/// Looks at the lists of a run before any host is asked: what its owner should see of how they are read is told, and
/// the domains of their first rows are returned, each once.
///
/// # Errors
///
/// When one of them is no list.
pub(super) fn look_at(task: &Task, log: &LogArgs) -> Result<Vec<String>, IntakeError> {
    let mut domains = Vec::new();
    for input in &task.lists {
        let remarks = add_domains(&mut domains, &input.source, &task.options)?;
        reading::tell(input.name.as_deref(), &remarks, log);
    }
    Ok(domains)
}

/// A check that fails, as a warning.
fn warning(check: &Check) -> String {
    format!("{PREFIX}{}", told(check))
}

/// What was found, what it means, what to do: a paragraph each.
fn told(check: &Check) -> String {
    let mend = format!("To mend it: {}", check.fix.as_deref().unwrap_or_default());
    let mut text = wrapped(&safe(&check.value), PREFIX.len()).join(&format!("\n{MARGIN}")) + "\n";
    for paragraph in [check.why.as_str(), &mend] {
        for row in wrapped(&safe(paragraph), MARGIN.len()) {
            text.push_str(MARGIN);
            text.push_str(&row);
            text.push('\n');
        }
    }
    text
}

/// What stands before the first row of a message.
const PREFIX: &str = "presend: warning: ";

/// How far what belongs to a message is indented.
const MARGIN: &str = "  ";

fn cannot_ask(check: &Check) -> String {
    let names = match check.id {
        "dns" | "dns_honest" => "",
        _ => {
            "    --no-smtp          ask DNS only: finds dead domains and what the text gives away\n"
        }
    };
    format!(
        "{}  Nobody was asked and no list was written. What works here all the same:\n{names}    \
         --offline          ask nobody: says what the text and earlier runs say\n    \
         --skip-preflight   ask mail hosts all the same, whatever comes of it",
        told(check)
    )
}

/// What makes a look worth repeating when it changes: network, resolver, names.
fn circumstances(args: &AskingArgs, sources: &[IpAddr]) -> String {
    let network = (
        sources,
        &args.dns,
        args.smtp_port,
        args.allow_private,
        args.no_smtp,
    );
    let names = (
        args.helo.first().map(crate::smtp::HelloName::as_str),
        args.mail_from.as_ref().map(ToString::to_string),
    );
    let all = fingerprint((network, names, env!("CARGO_PKG_VERSION")));
    format!("{all:016x}")
}

/// That a machine was found able to ask.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    circumstances: String,
    at: Timestamp,
    /// What was amiss all the same.
    warnings: Vec<String>,
}

impl Stamp {
    /// What a file says of these circumstances, if it is from a short while before `now`.
    fn read(file: &Path, circumstances: &str, now: Timestamp) -> Option<Stamp> {
        let stamp: Stamp = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        let fresh = stamp.at <= now && now.since(stamp.at) < limits::START_LIFETIME;
        (fresh && stamp.circumstances == circumstances).then_some(stamp)
    }

    fn keep(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        output::write_whole(
            file,
            output::Rights::ORDINARY,
            serde_json::to_string(self)?.as_bytes(),
        )?;
        Ok(())
    }
}

/// Where it is kept that this machine was found fit: beside the ledger.
pub(super) fn file_beside(ledger: &Path) -> PathBuf {
    ledger.with_extension("preflight.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_good_for_its_circumstances_and_its_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/ledger.preflight.json");
        let now = Timestamp::from_millis(1_790_000_000_000);
        assert!(Stamp::read(&file, "home", now).is_none());
        let stamp = Stamp {
            circumstances: "home".to_owned(),
            at: now,
            warnings: vec!["no reverse name".to_owned()],
        };
        stamp.keep(&file).unwrap();
        let known = Stamp::read(&file, "home", now).unwrap();
        assert_eq!(known.warnings, ["no reverse name"]);
        assert!(Stamp::read(&file, "train", now).is_none());
        assert!(Stamp::read(&file, "home", now + limits::START_LIFETIME).is_none());
        std::fs::write(&file, b"not ours").unwrap();
        assert!(Stamp::read(&file, "home", now).is_none());
    }
}
