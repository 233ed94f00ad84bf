//! How a verifier is set up.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Verifier;
use super::asker::Asker;
use super::error::{Error, ErrorKind};
use super::own;
use super::place::Place;
use super::setup::{OpenLedger, Setup, SetupError};
use super::work::Worker;
use crate::input::flags::ListKind;
use crate::input::suppression::Suppression;
use crate::ledger::Lifetimes;
use crate::model::provider::Providers;
use crate::model::verdict::Policy;
use crate::net::live::{BadProxy, Proxy};
use crate::probe::pace::Rate;
use crate::probe::run::Depth;
use crate::verify::Tools;

/// How a [`Verifier`] is set up. What is not said is as for the program without options; only the sender has no
/// default, for no address of another owner is ever used.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    mail_from: Option<String>,
    helo: Option<String>,
    proxy: Option<Result<Proxy, BadProxy>>,
    policy: Option<String>,
    policy_file: Option<PathBuf>,
    rules: Option<PathBuf>,
    own_lists: Vec<(ListKind, PathBuf)>,
    suppressed: Vec<String>,
    ledger: Option<PathBuf>,
    world: Option<PathBuf>,
    is_offline: bool,
    deadline: Option<Duration>,
    setup: Setup,
}

impl Builder {
    /// The address of yours that mail hosts are told (MAIL FROM), such as `verify@your-domain.example`. It must take
    /// mail.
    pub fn mail_from(mut self, address: impl Into<String>) -> Self {
        self.mail_from = Some(address.into());
        self
    }

    /// This machine's name in EHLO, such as `mail.your-domain.example`. Without, the reverse name of its address, where
    /// that leads back to it.
    pub fn helo(mut self, name: impl Into<String>) -> Self {
        self.helo = Some(name.into());
        self
    }

    /// Keeps what is learned in this file, for later runs and for the program. Without, it is forgotten with the
    /// verifier.
    pub fn ledger(mut self, file: impl Into<PathBuf>) -> Self {
        self.ledger = Some(file.into());
        self
    }

    /// Which verdicts are verified, reviewed or rejected: `strict`, `balanced` (as without) or `lenient`.
    pub fn policy(mut self, name: impl Into<String>) -> Self {
        self.policy = Some(name.into());
        self
    }

    /// A policy of your own, in the form of a table of `config/policies.toml`; it takes the place of
    /// [`policy`](Builder::policy).
    pub fn policy_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.policy_file = Some(file.into());
        self
    }

    /// Rules of your own for reading replies, in the form of `config/replies.toml`, tried before those that come with
    /// the library.
    pub fn rules(mut self, file: impl Into<PathBuf>) -> Self {
        self.rules = Some(file.into());
        self
    }

    /// A list of your own that adds to one of those that come with the library or, with `-name` lines, takes out of
    /// it. May be called several times.
    pub fn own_list(mut self, kind: ListKind, file: impl Into<PathBuf>) -> Self {
        self.own_lists.push((kind, file.into()));
        self
    }

    /// Addresses and domains that are never asked about and always rejected.
    pub fn suppress<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.suppressed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Asks DNS, but no mail host. No sender is needed.
    pub fn names_only(mut self) -> Self {
        self.setup.depth = Depth::Names;
        self
    }

    /// Asks nobody: says what the text and the ledger say. No sender is needed.
    pub fn offline(mut self) -> Self {
        self.is_offline = true;
        self
    }

    /// Asks a simulated internet that this file describes, in simulated time. Nothing leaves this machine.
    pub fn world(mut self, file: impl Into<PathBuf>) -> Self {
        self.world = Some(file.into());
        self
    }

    /// Most recipients a second that one mail host is asked about, at least 1. Without, 10, and up to 20 where a host answers
    /// quickly for minutes without a complaint.
    pub fn host_rate(mut self, per_second: u32) -> Self {
        self.setup.ceilings.rate = Rate::per_seconds(per_second.max(1));
        self.setup.rate_max = self.setup.ceilings.rate;
        self
    }

    /// Most connections at once to one mail host, at least 1. Without, 2.
    pub fn host_connections(mut self, most: u32) -> Self {
        self.setup.ceilings.connections = most.max(1);
        self
    }

    /// Most connections at once to all mail hosts together, at least 1. Without, 500.
    pub fn connections(mut self, most: u32) -> Self {
        self.setup.connections = most.max(1) as usize;
        self
    }

    /// How long one address may wait for a host that wants us to come back. Without, 30 minutes.
    pub fn wait(mut self, most: Duration) -> Self {
        self.setup.patience = most;
        self
    }

    /// Ends each run after this time; what was not asked by then has the reason `deadline`.
    pub fn deadline(mut self, most: Duration) -> Self {
        self.deadline = Some(most);
        self
    }

    /// Asks this DNS server instead of the system's. May be repeated.
    pub fn dns(mut self, server: SocketAddr) -> Self {
        self.setup.dns.push(server);
        self
    }

    /// Asks from this address of this machine. May be repeated: mail hosts are spread over them, each sees one.
    pub fn source_ip(mut self, address: IpAddr) -> Self {
        self.setup.source_ips.push(address);
        self
    }

    /// Connects to mail hosts through this SOCKS5 proxy: `socks5://[USER:PASSWORD@]HOST:PORT`.
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Some(url.parse());
        self
    }

    /// Contacts mail hosts on another port than 25, for a laboratory.
    pub fn smtp_port(mut self, port: u16) -> Self {
        self.setup.port = port;
        self
    }

    /// Contacts mail hosts at private and reserved addresses too, for a laboratory.
    pub fn allow_private(mut self) -> Self {
        self.setup.allow_private = true;
        self
    }

    /// What randomness is derived from, so that a simulated run can be repeated.
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = Some(seed);
        self
    }

    /// The verifier. No host is asked yet.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used, a file of your own, or the ledger.
    pub fn build(self) -> Result<Verifier, Error> {
        let place = match (self.is_offline, &self.world) {
            (true, _) => Place::Offline,
            (false, Some(file)) => Place::described(file)?,
            (false, None) => Place::Real,
        };
        let mut setup = self.setup;
        let sender = self.mail_from.map(|text| {
            let words = format!("`{text}` is no address: write `verify@your-domain.example`");
            text.parse().map_err(|_| settings(&words))
        });
        setup.mail_from = sender.transpose()?;
        let helo = self.helo.map(|text| text.parse());
        setup.helo = helo
            .transpose()
            .map_err(|error| settings(&error))?
            .into_iter()
            .collect();
        setup.proxy = self.proxy.transpose().map_err(|error| settings(&error))?;
        let needs_sender = matches!(place, Place::Real) && setup.depth == Depth::MailHosts;
        if needs_sender && setup.mail_from.is_none() {
            return Err(SetupError::NoSender.into());
        }
        let policy = match &self.policy_file {
            Some(file) => policy_of(file)?,
            None => named_policy(self.policy.as_deref().unwrap_or("balanced"))?,
        };
        let book = own::rules(self.rules.as_deref()).map_err(|error| settings(&error))?;
        let mut suppression = Suppression::default();
        if !self.suppressed.is_empty() {
            suppression
                .add(self.suppressed.join("\n").as_bytes(), "suppress")
                .map_err(|error| settings(&error))?;
        }
        let providers = Arc::new(Providers::built_in());
        let lists = own::lists(Arc::clone(&providers), None, &self.own_lists)
            .map_err(|error| settings(&error))?;
        let worker = Worker {
            ledger: OpenLedger::at(self.ledger, &place, Lifetimes::default(), place.beginning())?,
            tools: Tools {
                lists: Arc::new(lists),
                providers,
                book: Arc::new(book),
                policy,
                suppression,
            },
            deadline: self.deadline,
            asker: Asker::new(place, setup),
        };
        let no_room = |error: std::io::Error| Error::new(ErrorKind::Fault, error.to_string());
        let runtime = worker.asker.place.runtime().map_err(no_room)?;
        let (jobs, to_do) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("verifier".to_owned());
        thread
            .spawn(move || runtime.block_on(worker.work(to_do)))
            .map_err(no_room)?;
        Ok(Verifier { jobs })
    }
}

/// One of the policies that come with the library.
fn named_policy(name: &str) -> Result<Policy, Error> {
    Policy::built_in(name).ok_or_else(|| {
        settings(&format!(
            "`{name}` is no policy: name strict, balanced or lenient"
        ))
    })
}

/// The policy in a file.
fn policy_of(file: &Path) -> Result<Policy, Error> {
    let (name, text) = own::read("policy", file).map_err(|error| settings(&error))?;
    Policy::from_toml(&text, &name).map_err(|error| settings(&error))
}

/// What is wrong with a setting.
fn settings(words: &dyn ToString) -> Error {
    Error::new(ErrorKind::Settings, words.to_string())
}
