//! Options about asking, which `verify`, `check` and `estimate` share.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::input::address::Address;
use crate::input::flags::ListKind;
use crate::ledger::Fresh;
use crate::model::limits;
use crate::net::live::Proxy;
use crate::probe::pace::Rate;
use crate::smtp::HelloName;
use crate::smtp::session::Encryption;

/// When sessions with mail hosts are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StartTls {
    /// Where it is offered.
    Always,
    /// Where a host takes nothing in clear.
    WhenDemanded,
}

impl From<StartTls> for Encryption {
    fn from(when: StartTls) -> Self {
        match when {
            StartTls::Always => Encryption::WhenOffered,
            StartTls::WhenDemanded => Encryption::WhenDemanded,
        }
    }
}

/// Options about asking.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
pub(super) struct AskingArgs {
    /// Ask nobody: say only what the text and earlier runs say
    #[arg(long, help_heading = "How far it goes", conflicts_with = "no_smtp")]
    pub(super) offline: bool,
    /// Ask DNS, but no mail host
    #[arg(long, help_heading = "How far it goes")]
    pub(super) no_smtp: bool,
    /// Where to keep what is learned [default: presend/ledger.db in the state directory]
    #[arg(long, help_heading = "What is known", value_name = "FILE")]
    pub(super) ledger: Option<PathBuf>,
    /// Ask again, whatever is known
    #[arg(long, help_heading = "What is known", conflicts_with = "fresh")]
    pub(super) refresh: bool,
    /// How long what is known may be used: 2d, or by kind, such as accepted=7d,refused=3d,catch-all=7d
    #[arg(
        long,
        help_heading = "What is known",
        value_name = "DURATION",
        value_delimiter = ','
    )]
    pub(super) fresh: Vec<Fresh>,
    /// Ask a simulated internet described in FILE; nothing leaves this machine
    #[arg(long, help_heading = "How far it goes", value_name = "FILE")]
    pub(super) world: Option<PathBuf>,
    /// Ask this DNS server instead of the system's; may be repeated
    #[arg(long, help_heading = "How far it goes", value_name = "IP:PORT")]
    pub(super) dns: Vec<SocketAddr>,
    /// Port on which mail hosts are asked
    #[arg(
        long,
        help_heading = "How far it goes",
        value_name = "N",
        default_value_t = 25
    )]
    pub(super) smtp_port: u16,
    /// Contact private and reserved addresses too
    #[arg(long, help_heading = "How far it goes")]
    pub(super) allow_private: bool,
    /// Our name in EHLO [default: the forward-confirmed reverse name of the address asked from]; with several
    /// --source-ip one for all, or one for each in the same order
    #[arg(long, help_heading = "Who asks", value_name = "NAME")]
    pub(super) helo: Vec<HelloName>,
    /// Our address in MAIL FROM; real mail hosts are not asked without one
    #[arg(long, help_heading = "Who asks", value_name = "ADDRESS", value_parser = mailbox)]
    pub(super) mail_from: Option<lettre::Address>,
    /// Address of this machine to ask from; may be repeated: mail hosts are spread over them, each sees one
    #[arg(long, help_heading = "Who asks", value_name = "IP")]
    pub(super) source_ip: Vec<IpAddr>,
    /// Connect to mail hosts through this SOCKS5 proxy; its trouble never counts against an address
    #[arg(
        long,
        help_heading = "Who asks",
        value_name = "socks5://[USER:PASSWORD@]HOST:PORT"
    )]
    pub(super) proxy: Option<Proxy>,
    /// When to encrypt (STARTTLS): always, where it is offered, or when-demanded, where a mail host is known or found to
    /// take nothing in clear
    #[arg(long, help_heading = "Who asks", value_name = "WHEN", value_enum, default_value_t = StartTls::Always)]
    pub(super) starttls: StartTls,
    /// Most connections at once, to all mail hosts together
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = limits::CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_connections: u32,
    /// Most connections at once to one mail host
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = limits::HOST_CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) host_connections: u32,
    /// Most recipients one mail host is asked about: 10/s, 30/m, unlimited
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        default_value_t = Rate::per_seconds(limits::HOST_RATE)
    )]
    pub(super) host_rate: Rate,
    /// The same for one that answers quickly for minutes without a complaint, and has so many addresses on the list
    /// [default: 20/s; with another --host-rate than 10/s, no more than that]
    #[arg(long, help_heading = "Pace", value_name = "RATE")]
    pub(super) host_rate_max: Option<Rate>,
    /// Most recipients all mail hosts together are asked about
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        default_value = "unlimited"
    )]
    pub(super) rate: Rate,
    /// How long one address may wait for a host that wants us to come back
    #[arg(long, help_heading = "Pace", value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub(super) wait: Duration,
    /// An address that exists: a mail host that refuses it is not believed when it refuses others; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(super) control: Vec<Address>,
    /// Ask again about this share of the refused at the end, chosen by chance, on another connection: measures how
    /// often a refusal does not last
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = super::percent)]
    pub(super) second_look: f64,
    /// Stop asking after this time and list what is known
    #[arg(long, help_heading = "Pace", value_name = "DURATION", value_parser = duration)]
    pub(super) deadline: Option<Duration>,
    /// A list of your own that adds to ours or, with `-name` lines, takes out of them: role=FILE, disposable=FILE,
    /// free=FILE or trap=FILE; may be repeated
    #[arg(long, help_heading = "What is known", value_name = "KIND=FILE", value_parser = own_list)]
    pub(super) own_list: Vec<(ListKind, PathBuf)>,
    /// Rules of your own for reading replies, tried before the built-in ones
    #[arg(long, help_heading = "What is known", value_name = "FILE")]
    pub(super) rules: Option<PathBuf>,
    /// Do not look first whether this machine can ask mail hosts at all
    #[arg(long, help_heading = "How far it goes")]
    pub(super) skip_preflight: bool,
    /// Addresses and domains that are never asked about and always rejected, one a line or in a CSV; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) suppress: Vec<PathBuf>,
    /// What randomness is derived from, so that a run can be repeated
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// Reads an address such as `verify@your-domain.example`.
fn mailbox(text: &str) -> Result<lettre::Address, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address: write `verify@your-domain.example`"))
}

/// Reads `30m` or `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is no duration: write `90s`, `30m`, `2h` or `1d`"))
}

/// Reads a kind of list with its file, such as `disposable=mine.txt`.
fn own_list(text: &str) -> Result<(ListKind, PathBuf), String> {
    let kind = |name| match name {
        "role" => Some(ListKind::Role),
        "disposable" => Some(ListKind::Disposable),
        "free" => Some(ListKind::Free),
        "trap" => Some(ListKind::Trap),
        _ => None,
    };
    text.split_once('=')
        .and_then(|(name, path)| Some((kind(name)?, PathBuf::from(path))))
        .ok_or_else(|| "write role=FILE, disposable=FILE, free=FILE or trap=FILE".to_owned())
}
