//! Before a run asks any host: can this machine ask at all? Said at once, instead of a list full of `unknown`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::asking::AskingArgs;
use super::log::LogArgs;
use super::preflight::Machine;
use super::reading;
use super::safe::safe;
use super::{Exit, Refusal};
use crate::input::address::Address;
use crate::input::list::{IntakeError, Options, Remark, Source};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::net::origin::Origin;
use crate::net::route::{DnsAnswer, Reach, Record, RecordKind};
use crate::net::{OwnTrouble, World};
use crate::preflight::check::Check;
use crate::preflight::machine::start::{Depth, Start, Starting, Surroundings, look};
use crate::preflight::render::screen::wrapped;
use crate::verify::output;
use crate::verify::{Task, first_of};

/// Looks at this machine unless that was done a short while ago. What is amiss but lets a run go on is told on the
/// error stream.
///
/// # Errors
///
/// A refusal with [`Exit::CannotAsk`] that says why no host can be asked and what still works.
pub(super) async fn fit_to_ask(
    args: &AskingArgs,
    world: &World,
    domains: &[String],
    origins: &[Origin],
) -> anyhow::Result<()> {
    let sources = match args.source_ip.as_slice() {
        [] => Machine::look().sources,
        named => named.to_vec(),
    };
    // The internet's names are not served on another port than 53.
    let own_names = args.dns.iter().any(|server| server.port() != 53);
    let surroundings = if args.allow_private || args.smtp_port != 25 || own_names {
        Surroundings::Laboratory
    } else {
        Surroundings::Internet
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
    let providers = Providers::built_in();
    let starting = Starting {
        domains,
        origins,
        providers: &providers,
        helo: args.helo.first().map(crate::smtp::HelloName::as_str),
        mail_from: args.mail_from.as_ref().map(AsRef::as_ref),
        sources: &sources,
        port: args.smtp_port,
        reach: if args.allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        },
        depth: if args.no_smtp {
            Depth::Names
        } else {
            Depth::MailHosts
        },
        surroundings,
    };
    match look(world, &starting).await {
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

/// Makes sure that the proxy lets us through, by asking it from `from` for a mail host of the sender's own domain on the
/// port of mail hosts (`to`). What that host says to it is no matter; where DNS knows none, the first conversations will
/// show.
///
/// # Errors
///
/// A refusal with [`Exit::CannotAsk`] and the proxy's words.
pub(super) async fn proxy_works(
    world: &World,
    (domain, port): (&str, u16),
    from: Option<IpAddr>,
) -> anyhow::Result<()> {
    let Some(address) = mail_host_of(world, domain).await else {
        return Ok(());
    };
    let dialled = world.dial.connect(SocketAddr::new(address, port), from);
    let words = match tokio::time::timeout(limits::CONNECT_WAIT, dialled).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => match OwnTrouble::of(&error) {
            Some(trouble) => trouble.to_string(),
            None => return Ok(()),
        },
        // It answers and waits for that host, as we would.
        Err(_) => return Ok(()),
    };
    Err(Refusal {
        exit: Exit::CannotAsk,
        message: format!(
            "{}\n  Nobody was asked and no list was written. Look at the proxy's address, name and password, and whether \
             it lets connections to port {port} out.",
            safe(&words)
        ),
    }
    .into())
}

/// The address of a mail host of `domain`, else its own.
async fn mail_host_of(world: &World, domain: &str) -> Option<IpAddr> {
    let first = |answer: DnsAnswer| match answer {
        DnsAnswer::Records { records, .. } => records.into_iter().next(),
        DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } | DnsAnswer::Failed(_) => None,
    };
    let name = match first(world.names.query(domain, RecordKind::Mx).await) {
        Some(Record::Mx { exchange, .. }) => exchange,
        Some(Record::Address(_) | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. }) | None => {
            domain.to_owned()
        }
    };
    match first(world.names.query(&name, RecordKind::A).await) {
        Some(Record::Address(address)) => Some(address),
        Some(Record::Mx { .. } | Record::Txt(_) | Record::Ptr(_) | Record::Soa { .. }) | None => {
            None
        }
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

/// Adds the domains of the first rows of a list, each once. Returns what its owner should see of how it is read.
///
/// # Errors
///
/// When it is no list.
pub(super) fn add_domains(
    domains: &mut Vec<String>,
    source: &Source,
    options: &Options,
) -> Result<Vec<Remark>, IntakeError> {
    let mut list = source.list(options)?;
    let remarks = list.remarks().to_vec();
    while domains.len() < limits::START_HOSTS {
        // What is damaged further on is for the run to say, which lists what comes before.
        let Ok(Some(row)) = list.next_row() else {
            break;
        };
        if row.number > limits::START_ROWS {
            break;
        }
        let Ok(address) = first_of(&row) else {
            continue;
        };
        domains_add(domains, &address);
    }
    Ok(remarks)
}

/// Adds the domain of an address, unless it is there or the address has none.
pub(super) fn domains_add(domains: &mut Vec<String>, address: &Address) {
    if let Some(domain) = address.domain().name()
        && !domains.iter().any(|known| known == domain)
    {
        domains.push(domain.to_owned());
    }
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
    let mut hasher = DefaultHasher::new();
    (
        sources,
        &args.dns,
        args.smtp_port,
        args.allow_private,
        args.no_smtp,
    )
        .hash(&mut hasher);
    (
        args.helo.first().map(crate::smtp::HelloName::as_str),
        args.mail_from.as_ref().map(ToString::to_string),
        env!("CARGO_PKG_VERSION"),
    )
        .hash(&mut hasher);
    format!("{:016x}", hasher.finish())
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
