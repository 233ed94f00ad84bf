//! `presend preflight`: options in, checklist out.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;

use super::usage;
use crate::input::list::{ColumnChoice, IntakeError, Options, Source};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::net::World;
use crate::net::route::Reach;
use crate::preflight::check::Fitness;
use crate::preflight::lookup::Lookups;
use crate::preflight::machine::checks::{Asking, fit_to_ask};
pub use crate::preflight::machine::own::Machine;
use crate::preflight::render::html;
use crate::preflight::render::report::Preflight;
use crate::preflight::render::screen;
use crate::preflight::render::screen::Style;
use crate::preflight::sender::audience::{Audience, Domains};
use crate::preflight::sender::checks::{Sender, Sending, fit_to_send};
use crate::preflight::sender::warm_up;
use crate::smtp::HelloName;
use crate::smtp::command::BadHelloName;
use crate::verify::first_of;
use crate::verify::output::{self, Protected, Replace, Rights};

/// What stands below the options in `presend preflight --help`.
pub const EXPLAINED: &str = "\
Example:
  presend preflight your-domain.example --ip 192.0.2.10 --selector s1

What it does:
  Looks at what the world can see of your domain before you send: who may send
  for it (SPF), whether your mail is signed (DKIM), what receivers do with
  forged mail (DMARC), whether your addresses have names and stand on no
  blocklist. Without DOMAIN only this machine is looked at: can it ask mail
  hosts? For that the mail hosts of gmail.com, outlook.com and gmx.net are
  greeted and left, and one connection is tried to an address that nobody has
  (198.19.255.254), to see whether something on the way answers for everybody.
  Without --list nobody else is connected to. With --volume the rules of Gmail, Yahoo and Microsoft for that number
  of messages are applied, and a warm-up plan is made.

What a DNS record is, and how to publish one:
  A line that anybody can look up under your domain's name. You publish it where
  the domain is managed: log in at the company you registered it with (or whose
  name servers it uses), open \"DNS\" or \"zone\", choose \"add record\", pick the
  type that is named (TXT, MX, A), and copy name and content as shown. Name
  fields often want only the part before your domain: for _dmarc.example.org
  write _dmarc. Wait some minutes, then run this again. The reverse name (PTR)
  of an address is set by whoever gave you the address.

How to read it:
  FAIL   must be mended; what to do stands below it
  ????   decides, but could not be told
  mend   good advice
  note   could not be told, and decides nothing
  ok     is well

Exit code: 0 fit, 1 not fit, 4 could not tell.
";

/// Is this sender fit to send, and is this machine fit to ask?
#[derive(Args, Clone, Debug)]
pub struct PreflightArgs {
    /// The domain in the From line of your mail
    pub domain: Option<String>,

    /// An address that sends your mail (repeatable)
    #[arg(long = "ip", value_name = "ADDRESS")]
    pub ips: Vec<IpAddr>,

    /// A DKIM selector you sign with (repeatable); without it, the common ones are tried
    #[arg(long = "selector", value_name = "NAME")]
    pub selectors: Vec<String>,

    /// The MAIL FROM address of your mail, where bounces go (default: postmaster@DOMAIN)
    #[arg(long = "from", value_name = "ADDRESS", allow_hyphen_values = true)]
    pub mail_from: Option<String>,

    /// The name your sending machine greets with (HELO) (default: DOMAIN)
    #[arg(
        long = "sender-helo",
        visible_alias = "helo",
        value_name = "NAME",
        allow_hyphen_values = true,
        value_parser = hello_name
    )]
    pub helo: Option<String>,

    /// Messages you want to send a day, such as 20000 or 20000/day; adds a warm-up plan
    #[arg(long, value_name = "N/day", value_parser = volume)]
    pub volume: Option<u64>,

    /// A mailing list: its hosts are tried, and the plan is spread over who runs its mailboxes
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,

    /// The column of the list with the addresses, by name or number from 1
    #[arg(long, value_name = "NAME|NUMBER", requires = "list")]
    pub column: Option<ColumnChoice>,

    /// An address of this machine that connections leave from (repeatable) (default: all that are known)
    #[arg(long = "source-ip", value_name = "IP")]
    pub source_ips: Vec<IpAddr>,

    /// Look at the sender only, not at this machine
    #[arg(long, requires = "domain")]
    pub sender_only: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Write a page to FILE besides what is printed
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Ask a simulated internet described in FILE
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,

    /// Ask this resolver instead of the system's (repeatable)
    #[arg(long, value_name = "IP:PORT")]
    pub dns: Vec<SocketAddr>,

    /// The port of mail hosts
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub smtp_port: u16,

    /// Contact mail hosts at private and reserved addresses too
    #[arg(long)]
    pub allow_private: bool,
}

/// A name that can stand in EHLO, as it was written.
fn hello_name(text: &str) -> Result<String, BadHelloName> {
    text.parse::<HelloName>().map(|_| text.to_owned())
}

/// Reads messages a day, such as `20000` or `20000/day`.
fn volume(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/day").unwrap_or(text).trim();
    number
        .parse()
        .map_err(|_| format!("`{text}` is no number of messages a day; write it like 20000/day"))
}

/// What is known of a list.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// Its addresses by domain.
    pub domains: Domains,
}

impl Readers {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// When it is no list, or cannot be read to its end.
    pub fn of(path: &Path, column: Option<&ColumnChoice>) -> Result<Self, IntakeError> {
        let options = Options {
            column: column.cloned().unwrap_or_default(),
            ..Options::default()
        };
        let mut list = Source::open(path)?.list(&options)?;
        let mut domains = Domains::default();
        while let Some(row) = list.next_row()? {
            if let Ok(address) = first_of(&row)
                && let Some(domain) = address.domain().name()
            {
                domains.add(domain);
            }
        }
        Ok(Readers { domains })
    }

    /// The domains with the most addresses.
    fn largest(&self) -> impl Iterator<Item = String> {
        let largest = self.domains.largest_first();
        largest.into_iter().map(|(domain, _)| domain.to_owned())
    }
}

/// Looks at the sender and this machine in `world`, as the options say.
pub async fn look(
    args: &PreflightArgs,
    world: &World,
    machine: &Machine,
    readers: Option<&Readers>,
) -> Preflight {
    let reach = match (args.allow_private, &args.world) {
        (true, _) => Reach::Anywhere,
        (false, Some(_)) => Reach::PublicOrDocumentation,
        (false, None) => Reach::Public,
    };
    let sender = async {
        let sender = Sender {
            domain: args.domain.clone()?,
            ips: args.ips.clone(),
            selectors: args.selectors.clone(),
            mail_from: args.mail_from.clone(),
            helo: args.helo.clone(),
            volume: args.volume,
        };
        let sending = Sending {
            sender,
            port: args.smtp_port,
            reach,
        };
        Some(fit_to_send(world, &sending).await)
    };
    let findings = async {
        if args.sender_only {
            return None;
        }
        // Names and senders of another machine are none of this one's.
        let ours = args.ips.is_empty() || args.ips.iter().any(|ip| machine.sources.contains(ip));
        let listed = readers.into_iter().flat_map(Readers::largest);
        let asking = Asking {
            helo: args
                .helo
                .clone()
                .filter(|_| ours)
                .or_else(|| machine.helo.clone()),
            mail_from: args
                .mail_from
                .clone()
                .filter(|_| ours)
                .or_else(|| machine.mail_from.clone()),
            sources: machine.sources.clone(),
            domains: args
                .domain
                .iter()
                .cloned()
                .chain(listed)
                .take(limits::PORT_25_HOSTS)
                .collect(),
            port: args.smtp_port,
            reach,
            open_files: machine.open_files,
        };
        Some(fit_to_ask(world, &asking).await)
    };
    let audience = async {
        let readers = readers?;
        let lookups = Lookups::new(
            world.names.clone(),
            limits::PREFLIGHT_WAIT,
            limits::PREFLIGHT_QUESTIONS,
        );
        Some(Audience::of(&readers.domains, &Providers::built_in(), &lookups).await)
    };
    let (sender, machine, audience) = tokio::join!(sender, findings, audience);
    Preflight {
        sender,
        machine,
        warm_up: args.volume.map(warm_up::plan).unwrap_or_default(),
        audience,
    }
}

/// Makes sure that the page replaces neither the list nor a file that presend did not write.
fn protect(page: &Path, list: Option<&Path>) -> anyhow::Result<()> {
    output::protect(list.as_slice(), &[page.to_owned()], Replace::OnlyOurs).map_err(|protected| {
        let (path, what) = match protected {
            Protected::TheList(path) => (path, "is the list itself"),
            Protected::Foreign(path) => (path, "was not written by presend"),
        };
        usage(format!(
            "{} {what} and would be replaced by the page; name another file with --html",
            path.display()
        ))
    })
}

/// Looks, then writes what was found to `out`, dressed in `style`. Returns the exit code: 0 fit, 1 not fit, 4 could not
/// tell.
///
/// # Errors
/// When the list cannot be read, or `out` or the page cannot be written.
pub async fn run(
    args: &PreflightArgs,
    world: &World,
    machine: &Machine,
    style: Style,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let readers = match &args.list {
        Some(path) => Some(Readers::of(path, args.column.as_ref())?),
        None => None,
    };
    if let Some(path) = &args.html {
        protect(path, args.list.as_deref())?;
    }
    let preflight = look(args, world, machine, readers.as_ref()).await;
    // The page first: when it cannot be written, the screen must not have said that all is well.
    if let Some(path) = &args.html {
        let page = html::render(&preflight)?;
        output::write_whole(path, Rights::ORDINARY, page.as_bytes())?;
    }
    if args.json {
        writeln!(out, "{:#}", preflight.to_json())?;
    } else {
        out.write_all(screen::render(&preflight, style).as_bytes())?;
    }
    Ok(match preflight.fitness() {
        Fitness::Fit => 0,
        Fitness::NotFit => 1,
        Fitness::CouldNotTell => 4,
    })
}

#[cfg(test)]
mod tests {
    use super::EXPLAINED;
    use crate::preflight::machine::port25::{NOBODY, WELL_KNOWN};

    #[test]
    fn the_help_names_whom_a_look_at_this_machine_connects_to() {
        let nobody = NOBODY.to_string();
        for whom in WELL_KNOWN.into_iter().chain([nobody.as_str()]) {
            assert!(EXPLAINED.contains(whom), "{whom}");
        }
    }
}
