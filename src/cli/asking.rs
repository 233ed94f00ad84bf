//! From what was typed to how the world is asked: options that `verify` and `check` share, resolved.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::safe::safe;
use super::usage;
use crate::input::address::Address;
use crate::input::flags::{ListKind, Lists, OwnList};
use crate::input::list::Source;
use crate::input::suppression::Suppression;
use crate::ledger::{Fresh, Ledger, Lifetimes, Memory, Realm};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::verdict::Policy;
use crate::net::live::{self, Proxy, Servers, Sockets};
use crate::net::route::{DnsAnswer, Reach, Record, RecordKind};
use crate::net::{Clock, World};
use crate::probe::pace::{Ceilings, Rate};
use crate::probe::run::{Depth, Origin, RunConfig};
use crate::probe::scheduler::Limits;
use crate::sim::net::Internet;
use crate::smtp::HelloName;
use crate::smtp::rules::Book;
use crate::verify::Tools;

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
    /// Most connections at once, to all mail hosts together
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_connections: u32,
    /// Most connections at once to one mail host
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) host_connections: u32,
    /// Most recipients one mail host is asked about: 10/s, 30/m, unlimited
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        default_value = "10/s"
    )]
    pub(super) host_rate: Rate,
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

/// Where a run takes place, for choosing a runtime before there is one.
pub(super) enum Place {
    /// Nowhere: nobody is asked.
    Offline,
    /// A simulated internet.
    Simulated(Box<Internet>, String),
    /// The real one.
    Real,
}

impl AskingArgs {
    /// Where this run takes place.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        if self.offline {
            return Ok(Place::Offline);
        }
        place_of(self.world.as_deref())
    }

    /// Whether earlier knowledge is used.
    pub(super) fn memory(&self) -> Memory {
        if self.refresh {
            Memory::Refresh
        } else {
            Memory::Use
        }
    }

    /// The seed: given, else fixed in a simulation, else from the system.
    pub(super) fn seed(&self, place: &Place) -> u64 {
        self.seed.unwrap_or_else(|| match place {
            Place::Offline | Place::Simulated(..) => 0,
            Place::Real => {
                use std::hash::BuildHasher;
                std::hash::RandomState::new().hash_one("presend")
            }
        })
    }

    /// The world of a place, and how it is asked. `None` when nobody is.
    ///
    /// Before real mail hosts are asked, it is made sure that they can be reached, with those of `domains`.
    ///
    /// Must be called inside the runtime.
    pub(super) async fn terms(
        &self,
        place: &Place,
        domains: &[String],
    ) -> anyhow::Result<Option<(World, RunConfig)>> {
        let seed = self.seed(place);
        let (world, reach, sender, origins) = match place {
            Place::Offline => return Ok(None),
            Place::Simulated(internet, _) => {
                let sender = self
                    .mail_from
                    .clone()
                    .unwrap_or_else(|| fixed("verify@sender.test"));
                let hello = self.helo.first().cloned();
                let hello = hello.unwrap_or_else(|| fixed("mail.sender.test"));
                (
                    internet.world(seed),
                    Reach::PublicOrDocumentation,
                    Some(sender),
                    self.origins(&[hello])?,
                )
            }
            Place::Real => {
                let world = world_of(place, &self.dns, self.proxy.as_ref(), seed)?;
                let sender = self.sender()?;
                self.own_addresses()?;
                let origins = match (self.helo.as_slice(), self.no_smtp) {
                    ([], true) => self.origins(&[fixed("localhost")]),
                    ([], false) => {
                        let names = self.own_names(&world).await;
                        names.and_then(|names| self.origins(&names))
                    }
                    // What was typed is refused before anything is asked.
                    (names, _) => Ok(self.origins(names)?),
                };
                // A machine without a name may have worse to mend: it is looked at under its address.
                let known = match &origins {
                    Ok(origins) => origins.clone(),
                    Err(_) => self.origins(&[self.literal_name()])?,
                };
                if let (Some(_), Some(sender)) = (&self.proxy, &sender) {
                    let from = known.first().and_then(|origin| origin.address);
                    let to = (sender.domain(), self.smtp_port);
                    super::start::proxy_works(&world, to, from).await?;
                }
                if !self.skip_preflight {
                    super::start::fit_to_ask(self, &world, domains, &known).await?;
                }
                (world, Reach::Public, sender, origins?)
            }
        };
        let terms = RunConfig {
            manners: Limits {
                sender,
                ceilings: Ceilings {
                    rate: self.host_rate,
                    connections: self.host_connections,
                },
                rate: self.rate,
                connections: match place {
                    Place::Real => self.connections(),
                    Place::Offline | Place::Simulated(..) => self.max_connections as usize,
                },
                pending: limits::PENDING_ADDRESSES,
                patience: self.wait,
                seed,
                controls: self.control.clone(),
                second_look: self.second_look,
            },
            origins,
            port: self.smtp_port,
            reach: if self.allow_private {
                Reach::Anywhere
            } else {
                reach
            },
            depth: if self.no_smtp {
                Depth::Names
            } else {
                Depth::MailHosts
            },
        };
        Ok(Some((world, terms)))
    }

    /// The sender that real hosts are told. There is no default: nobody else's name is ever used.
    fn sender(&self) -> anyhow::Result<Option<lettre::Address>> {
        if self.no_smtp {
            return Ok(None);
        }
        match &self.mail_from {
            Some(sender) => Ok(Some(sender.clone())),
            None => Err(usage(
                "mail hosts want to know who asks: name an address of yours that takes mail\n  \
                 with --mail-from verify@your-domain.example, or ask no mail host with --no-smtp or --offline",
            )),
        }
    }

    /// The addresses to ask from, each with its name.
    fn origins(&self, names: &[HelloName]) -> anyhow::Result<Vec<Origin>> {
        let addresses: Vec<Option<IpAddr>> = match self.source_ip.as_slice() {
            [] => vec![None],
            addresses => addresses.iter().copied().map(Some).collect(),
        };
        let names = match names {
            [one] => vec![one.clone(); addresses.len()],
            names if names.len() == addresses.len() => names.to_vec(),
            names => {
                return Err(usage(format!(
                    "--helo names {} names for {}: say it once for all, or once for each --source-ip in the same order",
                    names.len(),
                    match addresses.len() {
                        1 => "one address to ask from".to_owned(),
                        count => format!("{count} addresses to ask from"),
                    }
                )));
            }
        };
        Ok(addresses
            .into_iter()
            .zip(names)
            .map(|(address, hello)| Origin { address, hello })
            .collect())
    }

    /// Makes sure that this machine has the addresses it is to ask from.
    fn own_addresses(&self) -> anyhow::Result<()> {
        for address in &self.source_ip {
            match UdpSocket::bind((*address, 0)) {
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                    return Err(usage(format!(
                        "{address} is no address of this machine, so nobody can be asked from it\n  \
                         name one with --source-ip that this machine has, or leave it out"
                    )));
                }
                // Whatever else is amiss shows when it is used.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// What a machine without a name is called (RFC 5321 §4.1.3).
    fn literal_name(&self) -> HelloName {
        let address = self.source_ip.first().copied().or_else(source_address);
        HelloName::literal(address.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)))
    }

    /// Conversations at once: as many as were asked for, within what the system lets us open.
    fn connections(&self) -> usize {
        let (wanted, allowed) = (self.max_connections as usize, Sockets::allowed().mail_hosts);
        // A few less are nothing to talk about.
        if allowed < wanted / 2 {
            tracing::warn!(
                "this system lets a program open few files, so there will be {allowed} connections at once instead of \
                 {wanted}; `ulimit -n` raises that"
            );
        }
        wanted.min(allowed)
    }

    /// Our names in EHLO where none was said: one for each address to ask from.
    async fn own_names(&self, world: &World) -> anyhow::Result<Vec<HelloName>> {
        let mut names = Vec::new();
        for address in &self.source_ip {
            names.push(self.own_name(world, Some(*address)).await?);
        }
        if names.is_empty() {
            names.push(self.own_name(world, source_address()).await?);
        }
        Ok(names)
    }

    /// Our name in EHLO: the reverse name of our address if it leads back to it, else the machine's own full name.
    async fn own_name(&self, world: &World, address: Option<IpAddr>) -> anyhow::Result<HelloName> {
        // Where DNS is dead, the look at this machine says so.
        if let Some(address) = address
            && let Ok(Some(name)) =
                tokio::time::timeout(limits::START_WAIT, confirmed_name(world, address)).await
        {
            return Ok(name);
        }
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match name.trim().parse::<HelloName>() {
            Ok(name) if name.as_str().contains('.') => {
                tracing::warn!(
                    "this machine's address has no reverse name that leads back to it, so mail hosts are told {name}; \
                     some will refuse that. Publish a PTR record, or say --helo NAME."
                );
                Ok(name)
            }
            Ok(_) | Err(_) => Err(usage(
                "this machine has no full name to introduce itself with: say --helo mail.your-domain.example, \
                 a name whose address is this machine's",
            )),
        }
    }

    /// Where it is kept that this machine was found fit to ask.
    pub(super) fn start_file(&self) -> anyhow::Result<PathBuf> {
        let ledger = match &self.ledger {
            Some(path) => path.clone(),
            None => own_ledger()?,
        };
        Ok(super::start::file_beside(&ledger))
    }

    /// Opens the ledger for a place. What a simulation learns goes to a file that vanishes, unless one is named.
    pub(super) fn ledger(
        &self,
        place: &Place,
        clock: Clock,
    ) -> anyhow::Result<(Ledger, Option<tempfile::TempDir>)> {
        let realm = match place {
            Place::Offline | Place::Real => Realm::Real,
            Place::Simulated(_, name) => Realm::Simulated(name.clone()),
        };
        let (path, folder) = match (&self.ledger, place) {
            (Some(path), _) => (path.clone(), None),
            (None, Place::Simulated(..)) => {
                let folder = tempfile::tempdir()?;
                (folder.path().join("ledger.db"), Some(folder))
            }
            (None, Place::Offline | Place::Real) => (own_ledger()?, None),
        };
        Ok((
            Ledger::open(
                &path,
                &realm,
                Lifetimes::default().changed_by(&self.fresh),
                clock.now(),
            )?,
            folder,
        ))
    }
}

/// The ledger of whoever names none.
pub(super) fn own_ledger() -> anyhow::Result<PathBuf> {
    Ok(state_directory()?.join("presend/ledger.db"))
}

/// The place that `--world` names, or the real one.
pub(super) fn place_of(world: Option<&Path>) -> anyhow::Result<Place> {
    let Some(path) = world else {
        return Ok(Place::Real);
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read the world {name}: {error}")))?;
    let internet = Internet::from_toml(&text, &name)?;
    Ok(Place::Simulated(Box::new(internet), name))
}

/// The world of a place where somebody is asked. Must be called inside the runtime.
pub(super) fn world_of(
    place: &Place,
    dns: &[SocketAddr],
    proxy: Option<&Proxy>,
    seed: u64,
) -> anyhow::Result<World> {
    match place {
        Place::Simulated(internet, _) => Ok(internet.world(seed)),
        Place::Offline | Place::Real => {
            let servers = match dns.is_empty() {
                true => Servers::System,
                false => Servers::Named(dns.to_vec()),
            };
            Ok(live::world(&servers, proxy.cloned(), seed)?)
        }
    }
}

/// A text of ours that is well formed.
fn fixed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a fixed text is well formed")
}

/// Where programs keep their state (XDG base directory specification).
pub(super) fn state_directory() -> anyhow::Result<PathBuf> {
    let from = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| usage("neither XDG_STATE_HOME nor HOME is set: say where the ledger goes with --ledger FILE"))
}

/// The address from which this machine would talk to the internet. Nothing is sent: connecting a UDP socket only asks
/// the routing table.
fn source_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:25").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The reverse name of an address, if its own address is that address.
async fn confirmed_name(world: &World, address: IpAddr) -> Option<HelloName> {
    let (reverse, kind) = match address {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            (format!("{d}.{c}.{b}.{a}.in-addr.arpa"), RecordKind::A)
        }
        IpAddr::V6(ip) => {
            let digits: Vec<String> = ip
                .octets()
                .iter()
                .rev()
                .map(|byte| format!("{:x}.{:x}", byte & 15, byte >> 4))
                .collect();
            (format!("{}.ip6.arpa", digits.join(".")), RecordKind::Aaaa)
        }
    };
    let DnsAnswer::Records { records, .. } = world.names.query(&reverse, RecordKind::Ptr).await
    else {
        return None;
    };
    for record in records {
        let Record::Ptr(name) = record else { continue };
        let forward = world.names.query(&name, kind).await;
        if matches!(forward, DnsAnswer::Records { records, .. } if records.contains(&Record::Address(address)))
        {
            return name.parse().ok();
        }
    }
    None
}

/// Reads `verify@your-domain.example`.
fn mailbox(text: &str) -> Result<lettre::Address, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address: write `verify@your-domain.example`"))
}

/// Reads `30m` or `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is no duration: write `90s`, `30m`, `2h` or `1d`"))
}

/// Reads `disposable=mine.txt`.
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

/// What comes with the program, with the operator's policy, lists and rules.
pub(super) fn tools(policy: &str, args: &AskingArgs) -> anyhow::Result<Tools> {
    let providers = Arc::new(Providers::built_in());
    let policy = match Policy::built_in(policy) {
        Some(policy) => policy,
        None => policy_file(Path::new(policy))?,
    };
    Ok(Tools {
        lists: lists(&providers, &args.own_list)?,
        suppression: suppression(&args.suppress)?,
        providers,
        book: Arc::new(rule_book(args.rules.as_deref())?),
        policy,
    })
}

/// Who is left alone, by all files together.
fn suppression(files: &[PathBuf]) -> anyhow::Result<Suppression> {
    let mut suppression = Suppression::default();
    for path in files {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|error| usage(format!("cannot read the suppression list {name}: {error}")))?;
        if bytes.is_empty() {
            continue;
        }
        let source = Source::spool(name.clone(), &bytes[..]);
        let tables = source.and_then(|source| Ok((source.hidden_sheets()?, source.tables()?)));
        let (hidden, tables) = tables.map_err(|error| usage(error.to_string()))?;
        if !hidden.is_empty() {
            // Whoever asked for no mail may stand there.
            let sheets = safe(&hidden.join(", "));
            eprintln!(
                "presend: {name}: hidden sheets are not read: {sheets}; show those that name people to be left alone, and save the file"
            );
        }
        if tables.is_empty() {
            suppression.add(&bytes, &name)?;
        }
        for mut table in tables {
            let mut text = Vec::new();
            table.text.read_to_end(&mut text)?;
            suppression.add(&text, &table.name)?;
        }
    }
    Ok(suppression)
}

/// The rule book, with the rules of the operator's file first.
pub(super) fn rule_book(rules: Option<&Path>) -> anyhow::Result<Book> {
    let Some(path) = rules else {
        return Ok(Book::built_in());
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read the rules {name}: {error}")))?;
    Book::with_operator_rules(&text, &name).map_err(|error| usage(error.to_string()))
}

/// The lists that come with the program, changed by the operator's.
fn lists(providers: &Arc<Providers>, own: &[(ListKind, PathBuf)]) -> anyhow::Result<Lists> {
    let mut texts = Vec::new();
    for (kind, path) in own {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| usage(format!("cannot read the list {name}: {error}")))?;
        texts.push((*kind, name, text));
    }
    let update = super::lists::update()?;
    let update = update.as_ref().map(|(name, text)| OwnList {
        kind: ListKind::Disposable,
        file: name,
        text,
    });
    let own: Vec<OwnList<'_>> = texts
        .iter()
        .map(|(kind, file, text)| OwnList {
            kind: *kind,
            file,
            text,
        })
        .collect();
    Ok(Lists::with_update(Arc::clone(providers), update, &own)?)
}

fn policy_file(path: &Path) -> anyhow::Result<Policy> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|_| {
        usage(crate::model::verdict::policy::PolicyError::NoSuchPolicy(name.clone()).to_string())
    })?;
    Ok(Policy::from_toml(&text, &name)?)
}

/// Runs `work` on the runtime that a place needs: a paused clock for a simulated one.
pub(super) fn block_on<T>(place: &Place, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = match place {
        Place::Offline => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        Place::Simulated(..) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?,
        Place::Real => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?,
    };
    Ok(runtime.block_on(work))
}
