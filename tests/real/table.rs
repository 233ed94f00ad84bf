//! The table `internet.toml`: which servers there are, how each is set up, whose addresses it knows. Configurations, zone,
//! list and expected results all come from it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    machine: Vec<WrittenMachine>,
    domain: Vec<WrittenDomain>,
}

/// Machines that differ in name and address only.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMachine {
    names: Vec<String>,
    server: Server,
    persona: String,
    #[serde(default)]
    settings: String,
    /// Further settings of the short form, put behind the others.
    #[serde(default)]
    short_settings: String,
    /// What goes elsewhere in the server's configuration than `settings`, by the name of the place.
    #[serde(default)]
    sections: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// With which refusal the server ends a connection, if it does so before our own bound.
    #[serde(default)]
    error_limit: Option<usize>,
}

/// Domains that differ in name only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDomain {
    names: Vec<String>,
    /// Its mail hosts, best first.
    mx: Vec<String>,
    /// Where its mailboxes are, if not at its mail hosts.
    behind: Option<String>,
    #[serde(default)]
    mailboxes: Mailboxes,
    #[serde(default)]
    letters: Letters,
    /// How many addresses of each kind.
    people: BTreeMap<Truth, usize>,
}

/// Which program runs on a machine.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Server {
    /// None: nobody listens.
    Nobody,
    Postfix,
    Exim,
    Opensmtpd,
    Sendmail,
    Courier,
    Chasquid,
    /// Greylists for Postfix, which take no mail themselves.
    Postgrey,
    Sqlgrey,
    /// Mailboxes behind a Postfix, reached by LMTP.
    Dovecot,
}

impl Server {
    /// Whether it takes no mail itself, but is asked by servers that do.
    pub(crate) fn is_greylist(self) -> bool {
        matches!(self, Server::Postgrey | Server::Sqlgrey)
    }
}

/// What local parts are written in.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Letters {
    #[default]
    Ascii,
    Utf8,
}

/// How a domain's mailboxes are known to its server.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mailboxes {
    /// As accounts of the machine.
    Accounts,
    /// In the server's own table.
    #[default]
    Virtual,
    /// On another machine, to which the server passes the domain's mail.
    Elsewhere,
}

/// What is true of an address.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Truth {
    /// There is a mailbox, and the server says so.
    Deliverable,
    /// There is none, and the server says so.
    Dead,
    /// There is none, and the server says so with a code for "not now".
    DeadForNow,
    /// The mailbox was closed, and the server says so.
    Disabled,
    /// The person has another address, and the server says so.
    Moved,
    /// There is a mailbox, but it is full.
    Full,
    /// The server takes whatever is sent to the domain.
    CatchAll,
    /// There is a mailbox, but the server does not talk with us.
    Blocked,
    /// There is no mailbox, and the server does not talk with us.
    BlockedDead,
}

impl Truth {
    /// Whether there is a mailbox for the address alone, whatever else is true of it.
    pub(crate) fn has_mailbox(self) -> bool {
        match self {
            Truth::Deliverable | Truth::Full | Truth::Disabled | Truth::Blocked => true,
            Truth::Dead
            | Truth::Moved
            | Truth::DeadForNow
            | Truth::BlockedDead
            | Truth::CatchAll => false,
        }
    }
}

/// One machine.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Server,
    pub(crate) persona: String,
    pub(crate) settings: String,
    pub(crate) sections: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) error_limit: Option<usize>,
}

impl Host {
    /// The server and what is special about it.
    pub(crate) fn title(&self) -> String {
        format!("{:?}: {}", self.server, self.persona)
    }
}

/// One domain.
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) mx: Vec<String>,
    pub(crate) behind: Option<String>,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) people: Vec<Person>,
}

/// One address, with what is true of it.
pub(crate) struct Person {
    pub(crate) local: String,
    pub(crate) truth: Truth,
}

/// All of it.
pub(crate) struct Internet {
    pub(crate) hosts: Vec<Host>,
    pub(crate) domains: Vec<Domain>,
}

/// How long everything takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As people set servers up.
    AsSetUp,
    /// With the waits of greylists and limits cut short.
    Short,
}

impl Internet {
    pub(crate) fn read(text: &str, pace: Pace) -> Self {
        let written: Written =
            toml::from_str(text).unwrap_or_else(|error| panic!("internet.toml: {error}"));
        let machines = written.machine.into_iter().flat_map(|machine| {
            machine
                .names
                .clone()
                .into_iter()
                .map(move |name| (name, machine.clone()))
        });
        let hosts = (10..)
            .zip(machines)
            .map(|(number, (name, machine))| Host {
                name,
                address: Ipv4Addr::new(198, 51, 100, number),
                server: machine.server,
                persona: machine.persona,
                settings: match pace {
                    Pace::AsSetUp => machine.settings,
                    Pace::Short => machine.settings + "\n" + &machine.short_settings,
                },
                sections: machine.sections,
                files: machine.files,
                error_limit: machine.error_limit,
            })
            .collect();
        let mut locals = local_parts();
        let mut people = |domain: &WrittenDomain| -> Vec<Person> {
            let truths = domain
                .people
                .iter()
                .flat_map(|(truth, count)| std::iter::repeat_n(*truth, *count));
            truths
                .zip(&mut locals)
                .map(|(truth, local)| Person {
                    truth,
                    local: domain.letters.spell(&local),
                })
                .collect()
        };
        let domains = written
            .domain
            .iter()
            .flat_map(|domain| domain.names.iter().map(move |name| (name, domain)))
            .map(|(name, domain)| Domain {
                name: name.clone(),
                mx: domain.mx.clone(),
                behind: domain.behind.clone(),
                mailboxes: domain.mailboxes,
                people: people(domain),
            })
            .collect();
        let internet = Internet { hosts, domains };
        internet.check();
        internet
    }

    /// Leaves out what has nothing to do with the hosts whose titles contain `wanted`.
    pub(crate) fn narrow(&mut self, wanted: &str) {
        let of_interest: Vec<String> = self
            .hosts
            .iter()
            .filter(|host| host.title().contains(wanted))
            .map(|host| host.name.clone())
            .collect();
        self.domains
            .retain(|domain| domain.mx.iter().any(|mx| of_interest.contains(mx)));
        let domains = &self.domains;
        self.hosts.retain(|host| {
            let serves = |domain: &Domain| {
                domain.mx.contains(&host.name) || domain.behind.as_ref() == Some(&host.name)
            };
            host.server.is_greylist() || domains.iter().any(serves)
        });
    }

    /// The domains whose mail the host takes, from every client or from the hosts before it.
    pub(crate) fn domains_of<'a>(&'a self, host: &'a Host) -> impl Iterator<Item = &'a Domain> {
        self.domains.iter().filter(|domain| {
            domain.mx.contains(&host.name) || domain.behind.as_ref() == Some(&host.name)
        })
    }

    /// Every address with its truth, in the order of the list: the domains take turns, as in a list that people made.
    pub(crate) fn list(&self) -> Vec<(&Domain, &Person)> {
        let longest = self
            .domains
            .iter()
            .map(|domain| domain.people.len())
            .max()
            .unwrap_or(0);
        (0..longest)
            .flat_map(|turn| {
                self.domains.iter().filter_map(move |domain| {
                    domain.people.get(turn).map(|person| (domain, person))
                })
            })
            .collect()
    }

    fn check(&self) {
        for domain in &self.domains {
            for mx in domain.mx.iter().chain(&domain.behind) {
                let known = self.hosts.iter().any(|host| host.name == *mx);
                assert!(
                    known,
                    "{} names the machine {mx}, which is not in the table",
                    domain.name
                );
            }
        }
    }
}

/// Those of the domains whose mailboxes are kept in this way.
pub(crate) fn with<'a>(
    domains: &'a [&'a Domain],
    mailboxes: Mailboxes,
) -> impl Iterator<Item = &'a Domain> {
    domains
        .iter()
        .copied()
        .filter(move |domain| domain.mailboxes == mailboxes)
}

/// The names of those of the domains whose mailboxes are kept in one of these ways.
pub(crate) fn names(domains: &[&Domain], mailboxes: &[Mailboxes], separator: &str) -> String {
    let names: Vec<&str> = domains
        .iter()
        .filter(|domain| mailboxes.contains(&domain.mailboxes))
        .map(|domain| domain.name.as_str())
        .collect();
    names.join(separator)
}

/// The accounts of people that a machine needs for its domains.
pub(crate) fn accounts<'a>(domains: &'a [&'a Domain]) -> Vec<&'a str> {
    with(domains, Mailboxes::Accounts)
        .flat_map(|domain| &domain.people)
        .filter(|person| person.truth.has_mailbox())
        .map(|person| person.local.as_str())
        .collect()
}

/// Local parts, each once: invented people.
fn local_parts() -> impl Iterator<Item = String> {
    const FIRST: [&str; 34] = [
        "anna", "bela", "carla", "dario", "edda", "frieda", "gero", "hanna", "ida", "jonas",
        "karla", "lena", "marek", "nele", "olga", "pavel", "quirin", "rosa", "sven", "tilda",
        "ulf", "vera", "wanda", "xaver", "yara", "zeno", "agnes", "bruno", "clara", "dora", "emil",
        "fabian", "greta", "henrik",
    ];
    const LAST: [&str; 34] = [
        "albrecht", "baumann", "castell", "dietz", "engel", "falk", "gruber", "hansen", "iversen",
        "jansen", "keller", "lorenz", "meissner", "nowak", "oster", "petersen", "quast", "richter",
        "sommer", "thiel", "ulrich", "vogel", "winter", "xanten", "yilmaz", "ziegler", "adler",
        "brandt", "conrad", "dorn", "ebert", "franke", "graf", "heller",
    ];
    // Each step changes both names, so that neighbours on the list look nothing alike.
    (0..FIRST.len() * LAST.len()).map(|step| {
        format!(
            "{}.{}",
            FIRST[step % FIRST.len()],
            LAST[(step + step / FIRST.len()) % LAST.len()]
        )
    })
}

impl Letters {
    fn spell(self, local: &str) -> String {
        match self {
            Letters::Ascii => local.to_owned(),
            Letters::Utf8 => local.replace('a', "ä").replace('o', "ö"),
        }
    }
}
