//! From settings to a run: under which identity, how hard and how far hosts are asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use super::place::{Place, world_of};
use crate::input::address::Address;
use crate::ledger::{Ledger, LedgerError, Lifetimes, Realm};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::net::live::{NoServers, Proxy, Sockets};
use crate::net::route::{DnsAnswer, Reach, Record, RecordKind};
use crate::net::{OwnTrouble, World};
use crate::preflight::lookup::Lookups;
use crate::preflight::machine::start::{self, Start, Starting, Surroundings};
use crate::preflight::reverse::Reverse;
use crate::probe::pace::{Ceilings, Rate};
use crate::probe::run::{Depth, Origin, RunConfig};
use crate::probe::scheduler::Limits;
use crate::smtp::HelloName;
use crate::smtp::session::Encryption;

/// How hosts are asked. What is not set is as careful as the program is by default.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whether mail hosts are asked, or DNS only.
    pub depth: Depth,
    /// DNS servers to ask instead of the system's.
    pub dns: Vec<SocketAddr>,
    /// The proxy that mail hosts are asked through.
    pub proxy: Option<Proxy>,
    /// The port on which mail hosts are asked.
    pub port: u16,
    /// Whether private and reserved addresses may be contacted.
    pub allow_private: bool,
    /// Our names in EHLO: none, one for all, or one for each of `source_ips`.
    pub helo: Vec<HelloName>,
    /// Our address in MAIL FROM.
    pub mail_from: Option<lettre::Address>,
    /// Addresses of this machine to ask from; the system chooses where there are none.
    pub source_ips: Vec<IpAddr>,
    /// The most that is asked of one host.
    pub ceilings: Ceilings,
    /// The most that one host is asked about in the end which answers quickly for minutes without a complaint.
    pub rate_max: Rate,
    /// When sessions are encrypted.
    pub encryption: Encryption,
    /// Most recipients that all hosts together are asked about.
    pub rate: Rate,
    /// Most connections at once, to all hosts together.
    pub connections: usize,
    /// How long one address may wait for a host that wants us to come back.
    pub patience: Duration,
    /// Addresses that exist: a host that refuses one is not believed when it refuses others.
    pub controls: Vec<Address>,
    /// The share of the refused that is asked about once more at the end.
    pub second_look: f64,
    /// What randomness is derived from; `None` lets the system choose.
    pub seed: Option<u64>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            depth: Depth::MailHosts,
            dns: Vec::new(),
            proxy: None,
            port: 25,
            allow_private: false,
            helo: Vec::new(),
            mail_from: None,
            source_ips: Vec::new(),
            ceilings: Ceilings {
                rate: Rate::per_seconds(limits::HOST_RATE),
                connections: limits::HOST_CONNECTIONS,
            },
            rate_max: Rate::per_seconds(limits::HOST_RATE_MOST),
            encryption: Encryption::default(),
            rate: Rate::UNLIMITED,
            connections: limits::CONNECTIONS as usize,
            patience: limits::PATIENCE,
            controls: Vec::new(),
            second_look: 0.0,
            seed: None,
        }
    }
}

/// Why no host can be asked, with what to change.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Mail hosts would be asked in the name of nobody.
    #[error(
        "mail hosts want to know who asks: name an address of yours that takes mail with \
         `mail_from(\"verify@your-domain.example\")`, or ask no mail host with `names_only()` or `offline()`"
    )]
    NoSender,
    /// The names in EHLO do not fit the addresses to ask from.
    #[error(
        "{names} names in EHLO for {addresses} addresses to ask from: name one for all, or one for each in the same order"
    )]
    Names {
        /// How many names there are.
        names: usize,
        /// How many addresses.
        addresses: usize,
    },
    /// An address to ask from is no address of this machine.
    #[error(
        "{0} is no address of this machine, so nobody can be asked from it: name one that this machine has"
    )]
    NotOurs(IpAddr),
    /// This machine has no name for EHLO.
    #[error(
        "this machine has no full name to introduce itself with: name one whose address is this machine's, with \
         `helo(\"mail.your-domain.example\")`"
    )]
    NoName,
    /// The proxy lets no connection through.
    #[error(
        "{words}: look at the proxy's address, name and password, and whether it lets connections to port {port} out"
    )]
    Proxy {
        /// The proxy's words.
        words: String,
        /// The port of mail hosts.
        port: u16,
    },
    /// No DNS server is known.
    #[error(transparent)]
    NoServers(#[from] NoServers),
}

impl Setup {
    /// The world of a place, and how it is asked; `None` when no host is. Must be called inside the runtime.
    ///
    /// `look` is told of real mail hosts before they are asked, with where they are asked from: it makes sure that they
    /// can be reached.
    ///
    /// # Errors
    ///
    /// [`SetupError`], or what `look` fails with.
    pub async fn world<E: From<SetupError>>(
        &self,
        place: &Place,
        look: impl AsyncFnOnce(&World, &[Origin]) -> Result<(), E>,
    ) -> Result<Option<(World, RunConfig)>, E> {
        let seed = self.seed(place);
        let (world, sender, origins) = match place {
            Place::Offline => return Ok(None),
            Place::Simulated(internet, _) => {
                let sender = self.mail_from.clone();
                let origins = match self.helo.as_slice() {
                    [] => self.origins(&[fixed("mail.sender.test")])?,
                    names => self.origins(names)?,
                };
                (
                    internet.world(seed),
                    Some(sender.unwrap_or_else(|| fixed("verify@sender.test"))),
                    origins,
                )
            }
            Place::Real => {
                let world = self.names(place)?;
                let sender = match self.depth {
                    Depth::Names => None,
                    Depth::MailHosts => Some(self.mail_from.clone().ok_or(SetupError::NoSender)?),
                };
                self.own_addresses()?;
                let origins = match (self.helo.as_slice(), self.depth) {
                    ([], Depth::Names) => self.origins(&[fixed("localhost")]),
                    ([], Depth::MailHosts) => {
                        let names = self.own_names(&world).await;
                        names.and_then(|names| self.origins(&names))
                    }
                    // What was said is refused before anything is asked.
                    (names, _) => Ok(self.origins(names)?),
                };
                // A machine without a name may have worse to mend: it is looked at under its address.
                let known = match &origins {
                    Ok(origins) => origins.clone(),
                    Err(_) => self.origins(&[self.literal_name()])?,
                };
                if let (Some(_), Some(sender)) = (&self.proxy, &sender) {
                    let from = known.first().and_then(|origin| origin.address);
                    self.proxy_works(&world, sender.domain(), from).await?;
                }
                look(&world, &known).await?;
                (world, sender, origins?)
            }
        };
        let config = RunConfig {
            limits: Limits {
                sender,
                ceilings: self.ceilings,
                rate_max: self.rate_max,
                encryption: self.encryption,
                rate: self.rate,
                connections: match place {
                    Place::Real => self.allowed_connections(),
                    Place::Offline | Place::Simulated(..) => self.connections,
                },
                pending: limits::PENDING_ADDRESSES,
                patience: self.patience,
                seed,
                controls: self.controls.clone(),
                second_look: self.second_look,
            },
            origins,
            port: self.port,
            reach: self.reach(place),
            depth: self.depth,
        };
        Ok(Some((world, config)))
    }

    /// Which addresses of a place may be contacted.
    #[must_use]
    pub fn reach(&self, place: &Place) -> Reach {
        match (self.allow_private, place) {
            (true, _) => Reach::Anywhere,
            (false, Place::Simulated(..)) => Reach::PublicOrDocumentation,
            (false, Place::Offline | Place::Real) => Reach::Public,
        }
    }

    /// The world of a place, before it is known who asks. Must be called inside the runtime.
    ///
    /// # Errors
    ///
    /// When no DNS server is known.
    pub fn names(&self, place: &Place) -> Result<World, SetupError> {
        let seed = self.seed(place);
        Ok(world_of(place, &self.dns, self.proxy.as_ref(), seed)?)
    }

    /// The seed: given, else fixed where nothing real is asked, else from the system.
    fn seed(&self, place: &Place) -> u64 {
        self.seed.unwrap_or_else(|| match place {
            Place::Offline | Place::Simulated(..) => 0,
            Place::Real => {
                use std::hash::BuildHasher;
                std::hash::RandomState::new().hash_one("presend")
            }
        })
    }

    /// Looks briefly whether this machine, of these addresses, can ask at all: it tries hosts of `domains` first.
    pub async fn look(
        &self,
        world: &World,
        domains: &[String],
        origins: &[Origin],
        sources: &[IpAddr],
    ) -> Start {
        // The internet's names are not served on another port than 53.
        let own_names = self.dns.iter().any(|server| server.port() != 53);
        let starting = Starting {
            domains,
            origins,
            providers: &Providers::built_in(),
            helo: self.helo.first().map(HelloName::as_str),
            mail_from: self.mail_from.as_ref().map(AsRef::as_ref),
            sources,
            port: self.port,
            reach: self.reach(&Place::Real),
            depth: match self.depth {
                Depth::Names => start::Depth::Names,
                Depth::MailHosts => start::Depth::MailHosts,
            },
            surroundings: if self.allow_private || self.port != 25 || own_names {
                Surroundings::Laboratory
            } else {
                Surroundings::Internet
            },
        };
        start::look(world, &starting).await
    }

    /// The addresses to ask from, each with its name.
    fn origins(&self, names: &[HelloName]) -> Result<Vec<Origin>, SetupError> {
        let addresses: Vec<Option<IpAddr>> = match self.source_ips.as_slice() {
            [] => vec![None],
            addresses => addresses.iter().copied().map(Some).collect(),
        };
        let names = match names {
            [one] => vec![one.clone(); addresses.len()],
            names if names.len() == addresses.len() => names.to_vec(),
            names => {
                return Err(SetupError::Names {
                    names: names.len(),
                    addresses: addresses.len(),
                });
            }
        };
        let origins = addresses.into_iter().zip(names);
        Ok(origins
            .map(|(address, hello)| Origin { address, hello })
            .collect())
    }

    /// Makes sure that this machine has the addresses it is to ask from.
    fn own_addresses(&self) -> Result<(), SetupError> {
        for address in &self.source_ips {
            match UdpSocket::bind((*address, 0)) {
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                    return Err(SetupError::NotOurs(*address));
                }
                // Whatever else is amiss shows when it is used.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// What a machine without a name is called (RFC 5321 §4.1.3).
    fn literal_name(&self) -> HelloName {
        let address = self.source_ips.first().copied().or_else(source_address);
        HelloName::literal(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    /// Connections at once: as many as were asked for, within what the system lets us open.
    fn allowed_connections(&self) -> usize {
        let (wanted, allowed) = (self.connections, Sockets::allowed().mail_hosts);
        // A few less are not worth a warning.
        if allowed < wanted / 2 {
            tracing::warn!(
                "this system lets a program open few files, so there will be {allowed} connections at once instead of \
                 {wanted}; `ulimit -n` raises that"
            );
        }
        wanted.min(allowed)
    }

    /// Our names in EHLO where none was said: one for each address to ask from.
    async fn own_names(&self, world: &World) -> Result<Vec<HelloName>, SetupError> {
        let mut names = Vec::new();
        for address in &self.source_ips {
            names.push(own_name(world, Some(*address)).await?);
        }
        if names.is_empty() {
            names.push(own_name(world, source_address()).await?);
        }
        Ok(names)
    }

    /// Makes sure that the proxy lets us through, by asking it from `from` for a mail host of the sender's own domain.
    /// What that host says to it is no matter; where DNS knows none, the first sessions will show.
    async fn proxy_works(
        &self,
        world: &World,
        domain: &str,
        from: Option<IpAddr>,
    ) -> Result<(), SetupError> {
        let Some(address) = mail_host_of(world, domain).await else {
            return Ok(());
        };
        let dialled = world
            .dial
            .connect(SocketAddr::new(address, self.port), from);
        match tokio::time::timeout(limits::CONNECT_WAIT, dialled).await {
            Ok(Err(error)) => match OwnTrouble::of(&error) {
                Some(trouble) => Err(SetupError::Proxy {
                    words: trouble.to_string(),
                    port: self.port,
                }),
                None => Ok(()),
            },
            // Without an answer it waits for that host, as we would.
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }
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

/// Our name in EHLO: the reverse name of our address if it leads back to it, else the machine's own full name.
async fn own_name(world: &World, address: Option<IpAddr>) -> Result<HelloName, SetupError> {
    let lookups = Lookups::new(
        world.names.clone(),
        limits::START_WAIT,
        limits::PREFLIGHT_QUESTIONS,
    );
    // Where DNS is dead, the look at this machine says so.
    if let Some(address) = address
        && let Ok(Reverse::Confirmed(name)) =
            tokio::time::timeout(limits::START_WAIT, Reverse::of(&lookups, address)).await
        && let Ok(name) = name.parse()
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
        Ok(_) | Err(_) => Err(SetupError::NoName),
    }
}

/// A text of ours that is well formed.
fn fixed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a fixed text is well formed")
}

/// The address from which this machine would connect to the internet. Nothing is sent: connecting a UDP socket only
/// asks the routing table.
fn source_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:25").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// A ledger, with the folder that vanishes with it where no file was named.
pub struct OpenLedger {
    /// The ledger.
    pub ledger: Ledger,
    _folder: Option<tempfile::TempDir>,
}

impl OpenLedger {
    /// Opens the ledger of a place in the file `path`; without one, in a file that vanishes.
    ///
    /// # Errors
    ///
    /// When that cannot be done.
    pub fn at(
        path: Option<PathBuf>,
        place: &Place,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Result<OpenLedger, LedgerError> {
        let realm = match place {
            Place::Offline | Place::Real => Realm::Real,
            Place::Simulated(_, name) => Realm::Simulated(name.clone()),
        };
        let (path, folder) = if let Some(path) = path {
            (path, None)
        } else {
            let folder = tempfile::tempdir().map_err(|error| LedgerError::Folder {
                path: std::env::temp_dir(),
                error,
            })?;
            (folder.path().join("ledger.db"), Some(folder))
        };
        Ok(OpenLedger {
            ledger: Ledger::open(&path, &realm, lifetimes, now)?,
            _folder: folder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let servers = NoServers("no name server in /etc/resolv.conf".to_owned());
        let texts = error_texts!(SetupError {
            NoSender,
            Names { names: 2, addresses: 1 },
            NotOurs([192, 0, 2, 7].into()),
            NoName,
            Proxy { words: "the proxy 192.0.2.9:1080: it does not answer".to_owned(), port: 25 },
            NoServers(servers),
        });
        insta::assert_snapshot!(texts, @r#"
        mail hosts want to know who asks: name an address of yours that takes mail with `mail_from("verify@your-domain.example")`, or ask no mail host with `names_only()` or `offline()`
        2 names in EHLO for 1 addresses to ask from: name one for all, or one for each in the same order
        192.0.2.7 is no address of this machine, so nobody can be asked from it: name one that this machine has
        this machine has no full name to introduce itself with: name one whose address is this machine's, with `helo("mail.your-domain.example")`
        the proxy 192.0.2.9:1080: it does not answer: look at the proxy's address, name and password, and whether it lets connections to port 25 out
        the system's DNS settings cannot be used (no name server in /etc/resolv.conf); name a DNS server with --dns IP:PORT
        "#);
    }
}
