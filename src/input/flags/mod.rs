//! What lists and patterns say of an address: [`Lists::flags`].
//!
//! Nothing is asked. The lists come with the program (`config/`); an operator's own files add to them or take out of
//! them. [`Lists::explain`] says of each flag where it came from.

mod domains;
mod generated;
mod list;
mod maintained;
mod origin;
mod role;
mod trap;

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use serde::Deserialize;

use crate::input::address::{self, Address, Domain};
use crate::model::provider::Providers;

use domains::{Domains, Found, Opinion, Reach, TrapDomain, reach_of};
use generated::Keyboard;
use list::{Change, Entry, entries};
use origin::{Origin, OwnFiles};
use role::{Name, Roles};

pub use crate::model::flag::{Flag, Flags};
pub use generated::Generated;
pub use list::{ListError, ListKind, OwnList};
pub use maintained::{BUILT_IN, BUILT_IN_SINCE, Maintained};
#[cfg(feature = "testing")]
pub use trap::Weight;
pub use trap::{Signal, is_trap_like, trap_like};

/// Domains that are reserved with all names below them, each with what reserves it. They have no owner on the internet.
const RESERVED: [(&str, &str); 12] = [
    ("test", "RFC 2606"),
    ("example", "RFC 2606"),
    ("invalid", "RFC 2606"),
    ("localhost", "RFC 2606"),
    ("example.com", "RFC 2606"),
    ("example.net", "RFC 2606"),
    ("example.org", "RFC 2606"),
    ("local", "RFC 6762"),
    ("onion", "RFC 7686"),
    ("home.arpa", "RFC 8375"),
    ("alt", "RFC 9476"),
    ("internal", "the ICANN board in 2024"),
];

/// Every list, ready for look-up. Built once and shared.
#[derive(Debug)]
pub struct Lists {
    roles: Roles,
    domains: Domains,
    trap_names: HashMap<Box<str>, TrapName>,
    keyboard: Keyboard,
    providers: Arc<Providers>,
    own: OwnFiles,
}

/// What a local part says about traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrapName {
    Itself,
    ComplaintDesk,
    Machine,
    Own(Origin),
}

/// `config/traps.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrapFile {
    trap_names: Vec<String>,
    complaint_names: Vec<String>,
    machine_names: Vec<String>,
    blocklist_operators: Vec<String>,
    closed: Vec<Closed>,
    keyboard_rows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    domain: String,
    year: u16,
}

/// What the lists say of one local part, before anything is put into words.
struct Glance<'a> {
    role: Option<(&'a str, Origin)>,
    name: Option<TrapName>,
    generated: Option<Generated>,
}

/// What the lists say of a domain, for every address in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfDomain {
    flags: Flags,
    /// Whether it alone is a sign of a trap.
    has_signal: bool,
}

impl Lists {
    /// The lists that come with the program, changed by the operator's `own` in their order.
    ///
    /// # Errors
    ///
    /// The first line of an own list that cannot be read.
    pub fn new(providers: Arc<Providers>, own: &[OwnList<'_>]) -> Result<Lists, ListError> {
        Lists::with_update(providers, None, own)
    }

    /// As [`Lists::new`], with a newer list of disposable domains beside the built-in one. Our corrections
    /// (`config/disposable.txt`) hold for it too: maintained lists tend to count privacy relays in.
    ///
    /// # Errors
    ///
    /// The first line of `update` or of an own list that cannot be read.
    pub fn with_update(
        providers: Arc<Providers>,
        update: Option<OwnList<'_>>,
        own: &[OwnList<'_>],
    ) -> Result<Lists, ListError> {
        let files: Vec<OwnList<'_>> = update.iter().chain(own).copied().collect();
        let mut lists = Lists {
            roles: Roles::default(),
            domains: Domains::default(),
            trap_names: HashMap::new(),
            keyboard: Keyboard::default(),
            providers,
            own: OwnFiles::new(&files),
        };
        let mut numbered = (0..).zip(&files);
        let take_up_own = |lists: &mut Lists, file, list| {
            lists.take_up(list, |entry| Origin::Own {
                file,
                line: entry.line,
            })
        };
        lists
            .domains
            .take_up_disposable(&mailchecker::blacklist(), Origin::Mailchecker);
        if update.is_some()
            && let Some((file, list)) = numbered.next()
        {
            take_up_own(&mut lists, file, list)?;
        }
        for (kind, file, text) in [
            (
                ListKind::Role,
                "role.txt",
                include_str!("../../../config/role.txt"),
            ),
            (
                ListKind::Disposable,
                "disposable.txt",
                include_str!("../../../config/disposable.txt"),
            ),
            (
                ListKind::Free,
                "free_services.txt",
                include_str!("../../../config/free_services.txt"),
            ),
            (
                ListKind::Free,
                "free.txt",
                include_str!("../../../config/free.txt"),
            ),
        ] {
            lists.take_up(&OwnList { kind, file, text }, |_| Origin::BuiltIn(file))?;
        }
        lists.take_up_traps();
        for (file, list) in numbered {
            take_up_own(&mut lists, file, list)?;
        }
        Ok(lists)
    }

    /// The flags that lists and patterns give to `address`. Takes nothing from the heap for a lower-case address.
    #[must_use]
    pub fn flags(&self, address: &Address) -> Flags {
        self.flags_in(address, self.of_domain(address.domain()))
    }

    /// What the lists say of a domain, for every address in it: worth keeping for the next row.
    #[must_use]
    pub fn of_domain(&self, domain: Domain<'_>) -> OfDomain {
        let name = domain.name().unwrap_or_default();
        let found = self.domains.find(name);
        let mut flags = Flags::NONE;
        if found.disposable.is_some() {
            flags = flags.with(Flag::Disposable);
        }
        if self.free_source(name, &found).is_some() {
            flags = flags.with(Flag::Free);
        }
        let is_reserved = reserved(name).is_some();
        if is_reserved {
            flags = flags.with(Flag::ReservedName);
        }
        OfDomain {
            flags,
            has_signal: is_reserved || found.trap.is_some(),
        }
    }

    /// As [`Lists::flags`], where [`Lists::of_domain`] is known already.
    #[must_use]
    pub fn flags_in(&self, address: &Address, of_domain: OfDomain) -> Flags {
        let key = address.key();
        let glance = self.glance(local_name(&key));
        let mut flags = of_domain.flags;
        if glance.role.is_some() {
            flags = flags.with(Flag::Role);
        }
        // A typo is a weak signal, and costly to find: it matters only beside another.
        if (of_domain.has_signal || glance.has_signal()) && is_trap_like(&self.signals(address)) {
            flags = flags.with(Flag::TrapLike);
        }
        flags
    }

    /// The same flags, each with where it came from, for display.
    #[must_use]
    pub fn explain(&self, address: &Address) -> Vec<(Flag, String)> {
        let key = address.key();
        let glance = self.glance(local_name(&key));
        let name = address.domain().name().unwrap_or_default();
        let found = self.domains.find(name);
        let mut sources = Vec::new();
        if let Some((name, origin)) = glance.role {
            sources.push((
                Flag::Role,
                format!("`{name}` in {}", self.own.describe(origin)),
            ));
        }
        if let Some((domain, origin)) = found.disposable {
            sources.push((
                Flag::Disposable,
                format!("{domain} in {}", self.own.describe(origin)),
            ));
        }
        if let Some(source) = self.free_source(name, &found) {
            sources.push((Flag::Free, source.describe(&self.own)));
        }
        if let Some(reasons) = trap_like(&self.signals(address)) {
            sources.push((Flag::TrapLike, reasons));
        }
        if let Some((reserved, by)) = reserved(name) {
            sources.push((Flag::ReservedName, format!("{reserved} reserved by {by}")));
        }
        sources
    }

    /// The signs of a spam trap that the text shows. A caller that has asked the mail host adds [`Signal::CatchAll`]
    /// and weighs them again with [`trap_like`].
    #[must_use]
    pub fn signals(&self, address: &Address) -> Vec<Signal> {
        let key = address.key();
        let glance = self.glance(local_name(&key));
        let domain = address.domain().name().unwrap_or_default();
        let mut signals = Vec::new();
        match glance.name {
            Some(TrapName::Itself) => signals.push(Signal::TrapName),
            Some(TrapName::ComplaintDesk) => signals.push(Signal::ComplaintDesk),
            Some(TrapName::Machine) => signals.push(Signal::MachineName),
            Some(TrapName::Own(origin)) => {
                signals.push(self.listed(format!("{}@", local_name(&key)), origin));
            }
            None => {}
        }
        signals.extend(glance.generated.map(Signal::GeneratedName));
        match self.domains.find(domain).trap {
            Some((domain, TrapDomain::BlocklistOperator)) => {
                signals.push(Signal::BlocklistOperator {
                    domain: domain.into(),
                });
            }
            Some((domain, TrapDomain::Closed(year))) => {
                signals.push(Signal::ClosedProvider {
                    domain: domain.into(),
                    year,
                });
            }
            Some((domain, TrapDomain::Own(origin))) => {
                signals.push(self.listed(domain.to_owned(), origin));
            }
            Some((_, TrapDomain::TakenOut)) | None => {}
        }
        if let Some(meant) = address.domain().name().and_then(address::suggest_domain) {
            signals.push(Signal::TypoDomain {
                meant: meant.into(),
            });
        }
        if reserved(domain).is_some() {
            signals.push(Signal::ReservedName);
        }
        signals
    }

    fn listed(&self, entry: String, origin: Origin) -> Signal {
        Signal::Listed {
            entry: entry.into(),
            source: self.own.describe(origin).into(),
        }
    }

    fn glance(&self, local: &str) -> Glance<'_> {
        let name = Name::new(local);
        Glance {
            role: self.roles.find(&name),
            name: self.trap_names.get(name.squeezed()).copied(),
            generated: generated::generated(local, &self.keyboard),
        }
    }

    /// Why the domain counts as a provider of free mailboxes; the operator's word comes before what is known of
    /// providers.
    fn free_source<'a>(&'a self, domain: &str, found: &Found<'_>) -> Option<FreeSource<'a>> {
        match found.free {
            Some(Opinion::Listed(origin, _)) => Some(FreeSource::Listed(origin)),
            Some(Opinion::TakenOut) => None,
            None => self
                .providers
                .of_consumer_domain(domain)
                .map(|provider| FreeSource::Provider(&provider.name)),
        }
    }

    fn take_up(
        &mut self,
        list: &OwnList<'_>,
        origin: impl Fn(&Entry<'_>) -> Origin,
    ) -> Result<(), ListError> {
        if list.kind == ListKind::Role {
            return self.roles.take_up(list.file, list.text, origin);
        }
        for entry in entries(list.file, list.text) {
            let entry = entry?;
            let origin = origin(&entry);
            if list.kind == ListKind::Trap
                && let Some(name) = entry.name.strip_suffix('@')
            {
                let name = role::squeezed(&name.to_lowercase()).into();
                match entry.change {
                    Change::Add => self.trap_names.insert(name, TrapName::Own(origin)),
                    Change::TakeOut => self.trap_names.remove(&name),
                };
                continue;
            }
            let domain = address::domain_name(entry.name).map_err(|_| {
                entry.error(
                    list.file,
                    "is no domain; write it as `example.com`, without `@` or `*.`",
                )
            })?;
            match (list.kind, entry.change) {
                (ListKind::Role, _) => {}
                (ListKind::Disposable, Change::Add) => {
                    self.domains
                        .set_disposable(&domain, Opinion::Listed(origin, reach_of(&domain)));
                }
                (ListKind::Disposable, Change::TakeOut) => {
                    self.domains.set_disposable(&domain, Opinion::TakenOut);
                }
                (ListKind::Free, Change::Add) => self
                    .domains
                    .set_free(&domain, Opinion::Listed(origin, Reach::Exact)),
                (ListKind::Free, Change::TakeOut) => {
                    self.domains.set_free(&domain, Opinion::TakenOut);
                }
                (ListKind::Trap, Change::Add) => {
                    self.domains.set_trap(&domain, TrapDomain::Own(origin));
                }
                (ListKind::Trap, Change::TakeOut) => {
                    self.domains.set_trap(&domain, TrapDomain::TakenOut);
                }
            }
        }
        Ok(())
    }

    /// Takes up `config/traps.toml`.
    fn take_up_traps(&mut self) {
        let file: TrapFile = toml::from_str(include_str!("../../../config/traps.toml"))
            .expect("config/traps.toml is part of the program, and a test reads it");
        for (names, sign) in [
            (file.machine_names, TrapName::Machine),
            (file.complaint_names, TrapName::ComplaintDesk),
            (file.trap_names, TrapName::Itself),
        ] {
            let squeezed = names
                .iter()
                .map(|name| Box::<str>::from(role::squeezed(name)));
            self.trap_names.extend(squeezed.map(|name| (name, sign)));
        }
        for domain in file.blocklist_operators {
            self.domains
                .set_trap(&domain, TrapDomain::BlocklistOperator);
        }
        for Closed { domain, year } in file.closed {
            self.domains.set_trap(&domain, TrapDomain::Closed(year));
        }
        self.keyboard = Keyboard::new(file.keyboard_rows);
    }
}

/// Why a domain counts as a provider of free mailboxes.
enum FreeSource<'a> {
    Listed(Origin),
    Provider(&'a str),
}

impl FreeSource<'_> {
    fn describe(&self, own: &OwnFiles) -> String {
        match self {
            FreeSource::Listed(origin) => own.describe(*origin),
            FreeSource::Provider(name) => format!("a consumer domain of {name}"),
        }
    }
}

impl Glance<'_> {
    /// Whether the local part shows any sign of a trap.
    fn has_signal(&self) -> bool {
        self.name.is_some() || self.generated.is_some()
    }
}

/// The local part of a key without its `+tag`: what names a function or a person.
fn local_name(key: &str) -> &str {
    // By bytes: every row passes here.
    let local = memchr::memrchr(b'@', key.as_bytes()).map_or(key, |at| &key[..at]);
    memchr::memchr(b'+', local.as_bytes()).map_or(local, |plus| &local[..plus])
}

/// The reserved domain that `domain` (A-labels) is or lies below, with what reserves it.
fn reserved(domain: &str) -> Option<(&'static str, &'static str)> {
    RESERVED.into_iter().find(|(reserved, _)| {
        domain
            .strip_suffix(reserved)
            .is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests;
