//! From options to a run: the world, how it is asked, under which identity, and the ledger.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;

use super::asking::AskingArgs;
use super::place::{Place, place_of, world_of};
use super::state::own_ledger;
use super::usage;
use crate::ledger::{Ledger, Lifetimes, Memory, Realm};
use crate::model::limits;
use crate::net::live::Sockets;
use crate::net::route::{DnsAnswer, Reach, Record, RecordKind};
use crate::net::{Clock, World};
use crate::probe::pace::Ceilings;
use crate::probe::run::{Depth, Origin, RunConfig};
use crate::probe::scheduler::Limits;
use crate::smtp::HelloName;

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

    /// The world of a place, and how it is asked. `None` when no host is.
    ///
    /// Before real mail hosts are asked, it is made sure that they can be reached, with those of `domains`.
    ///
    /// Must be called inside the runtime.
    pub(super) async fn config(
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
        let config = RunConfig {
            limits: Limits {
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
        Ok(Some((world, config)))
    }

    /// The sender that real hosts are told. There is no default: no address of another owner is ever used.
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
