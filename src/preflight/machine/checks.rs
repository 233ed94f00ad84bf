//! Fit to ask: whether this machine can put questions to mail hosts and be answered.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::limits;
use crate::model::provider::Providers;
use crate::net::World;
use crate::net::origin::Origin;
use crate::net::route::Reach;

use crate::preflight::auth::spf::{Question, SpfResult, check_host, identity};
use crate::preflight::check::{Check, Side, Status};
use crate::preflight::host::{Greeting, Patience};
use crate::preflight::lookup::Lookups;
use crate::preflight::machine::clock;
use crate::preflight::machine::port25::{self, Dialling, Met, Port25, WELL_KNOWN, Whose};
use crate::preflight::machine::resolver;
use crate::preflight::reverse::Reverse;
use crate::preflight::sender::blocklist::Subject;
use crate::preflight::sender::checks::{ascii, helo_check};
use crate::preflight::sender::listings;
use crate::preflight::sender::options::Intake;

/// What the run to come will use.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The HELO name, when it is known.
    pub helo: Option<String>,
    /// MAIL FROM, when it is known.
    pub mail_from: Option<String>,
    /// The addresses of this machine that connections leave from.
    pub sources: Vec<IpAddr>,
    /// Domains whose mail hosts are dialled, beside well-known ones, to see whether port 25 is open; the first few.
    pub domains: Vec<String>,
    /// The port of mail hosts.
    pub port: u16,
    /// Which of them may be contacted.
    pub reach: Reach,
    /// How many files this process may open, when it is known.
    pub open_files: Option<u64>,
}

/// What was found out about this machine.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The checks of this machine, in the order in which they are shown.
    pub checks: Vec<Check>,
    /// Whether mail hosts can be asked at all.
    pub port_25: Port25,
    /// Our address as mail hosts see it.
    pub public_address: Option<IpAddr>,
    /// Our own addresses, each with what mail hosts see when we come from it.
    pub sources: Vec<Source>,
}

/// An address that connections can leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The address of this machine.
    pub address: IpAddr,
    /// What a mail host said that it saw, when one did.
    pub seen_as: Option<IpAddr>,
}

/// Looks at this machine, within [`limits::PREFLIGHT_WAIT`].
pub async fn fit_to_ask(world: &World, asking: &Asking) -> Findings {
    let lookups = Lookups::new(
        world.names.clone(),
        limits::PREFLIGHT_WAIT,
        limits::PREFLIGHT_QUESTIONS,
    );
    let providers = Providers::built_in();
    let origins = [origin(asking, asking.sources.first().copied())];
    let dialling = Dialling {
        port: asking.port,
        origins: &origins,
        providers: &providers,
        patience: Patience::WHOLE,
    };
    let (dns, (port_25, met)) = tokio::join!(
        resolver::checks(&lookups, world.seed),
        dial_hosts(world, &lookups, asking, &dialling)
    );
    let asked_at = world.clock.now();
    let public_address = met
        .iter()
        .find_map(|met| met.contact.greeting()?.seen_address());
    let mut checks = dns;
    checks.push(port25::check(port_25, &met, asking.port));
    checks.push(public_address_check(public_address, &asking.sources));
    let sources = see_sources(world, asking, public_address, &met, &dialling).await;
    checks.extend(sources_check(&sources));
    let mut addresses: Vec<IpAddr> = Vec::new();
    let seen = sources.iter().filter_map(|source| source.seen_as);
    let own = sources
        .iter()
        .map(|source| source.address)
        .filter(|ip| Reach::PublicOrDocumentation.allows(*ip));
    for ip in public_address.into_iter().chain(seen).chain(own) {
        if !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    checks.extend(
        mail_from_checks(
            world,
            &lookups,
            asking.mail_from.as_deref(),
            asking.helo.as_deref(),
            &addresses,
            asking.reach,
        )
        .await,
    );
    checks.extend(identity_checks(&lookups, asking.helo.as_deref(), &addresses).await);
    checks.push(clock::check(asked_at, &clock::hints(&lookups, &met).await));
    checks.extend(asking.open_files.map(open_files_check));
    let checks = checks.into_iter().map(Check::of_machine).collect();
    Findings {
        checks,
        port_25,
        public_address,
        sources,
    }
}

/// One address of ours, with the name it goes by as far as it is known.
fn origin(asking: &Asking, address: Option<IpAddr>) -> Origin {
    let named = asking.helo.as_ref().and_then(|name| name.parse().ok());
    let hello = named.unwrap_or_else(|| {
        "localhost.localdomain"
            .parse()
            .expect("a fixed name is well formed")
    });
    Origin { address, hello }
}

/// Comes from each address of ours to a host that opened before, and hears what it sees.
async fn see_sources(
    world: &World,
    asking: &Asking,
    first_seen: Option<IpAddr>,
    met: &[Met],
    dialling: &Dialling<'_>,
) -> Vec<Source> {
    let mut sources = Vec::new();
    for (index, &address) in asking
        .sources
        .iter()
        .take(limits::PREFLIGHT_SUBJECTS)
        .enumerate()
    {
        let open = |met: &&Met| {
            met.contact.greeting().is_some() && met.door.ip.is_ipv4() == address.is_ipv4()
        };
        let seen_as = match (index, met.iter().find(open)) {
            // The first address is what all doors were knocked at from.
            (0, Some(_)) => first_seen.filter(|seen| seen.is_ipv4() == address.is_ipv4()),
            (_, None) => None,
            (_, Some(met)) => {
                let dialling = Dialling {
                    origins: &[origin(asking, Some(address))],
                    ..*dialling
                };
                let again = port25::knock(world, met.door.clone(), &dialling).await;
                again.contact.greeting().and_then(Greeting::seen_address)
            }
        };
        sources.push(Source { address, seen_as });
    }
    sources
}

fn sources_check(sources: &[Source]) -> Option<Check> {
    const WHY: &str =
        "Connections can leave from any of these (--source-ip); each has a reputation of its own.";
    if sources.is_empty() {
        return None;
    }
    let shown: Vec<String> = sources
        .iter()
        .map(|source| match source.seen_as {
            Some(seen) if seen != source.address => format!("{} (seen as {seen})", source.address),
            Some(_) => format!("{} (seen as such)", source.address),
            None => source.address.to_string(),
        })
        .collect();
    Some(Check::pass("source_addresses", shown.join(", "), WHY).advised())
}

/// Knocks at the hosts of the named domains and of well-known ones.
async fn dial_hosts(
    world: &World,
    lookups: &Lookups,
    asking: &Asking,
    dialling: &Dialling<'_>,
) -> (Port25, Vec<Met>) {
    let named = asking.domains.iter().take(limits::PORT_25_HOSTS);
    let (mut doors, known) = tokio::join!(
        port25::find(
            lookups,
            named,
            Whose::Named,
            asking.reach,
            limits::PORT_25_HOSTS
        ),
        port25::find(
            lookups,
            WELL_KNOWN,
            Whose::WellKnown,
            asking.reach,
            WELL_KNOWN.len()
        ),
    );
    doors.extend(port25::without(known, &doors));
    port25::knock_at_all(world, doors, dialling).await
}

impl Findings {
    /// Whether mail hosts can be asked: port 25 is not closed and DNS does not lie.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        let dns_lies = self
            .checks
            .iter()
            .any(|check| check.id == "dns_honest" && check.status == Status::Fail);
        !dns_lies
            && match self.port_25 {
                Port25::Open | Port25::NotTried => true,
                Port25::Closed | Port25::Captured => false,
            }
    }
}

fn public_address_check(seen: Option<IpAddr>, sources: &[IpAddr]) -> Check {
    const ID: &str = "public_address";
    const WHY: &str =
        "Mail hosts judge the address they see, which behind a router is not the machine's own.";
    let own: Vec<String> = sources.iter().map(ToString::to_string).collect();
    match seen {
        Some(ip) if sources.contains(&ip) || sources.is_empty() => {
            Check::pass(ID, ip.to_string(), WHY)
        }
        Some(ip) => Check::pass(ID, format!("{ip} (this machine: {})", own.join(", ")), WHY),
        None => Check::unknown(
            ID,
            format!(
                "no mail host mentioned it (this machine: {})",
                own.join(", ")
            ),
            WHY,
            "Run this where port 25 is open",
        ),
    }
    .advised()
}

/// Checks on how our addresses identify us: reverse names, the HELO name, blocklists.
pub(in crate::preflight) async fn identity_checks(
    lookups: &Lookups,
    helo: Option<&str>,
    addresses: &[IpAddr],
) -> Vec<Check> {
    let wanted = helo.unwrap_or("probe.your-domain");
    let subjects: Vec<Subject> = addresses.iter().map(|ip| Subject::Address(*ip)).collect();
    let reverses = async {
        let mut reverses = Vec::new();
        for &ip in addresses {
            reverses.push((ip, Reverse::of(lookups, ip).await));
        }
        reverses
    };
    let (reverses, given, listings) = tokio::join!(
        reverses,
        helo_check(lookups, helo, addresses, Side::Machine),
        listings::checks(lookups, &subjects),
    );
    let mut checks: Vec<Check> = reverses
        .iter()
        .flat_map(|(ip, reverse)| reverse.checks(*ip, Side::Machine, wanted))
        .collect();
    checks.push(given.unwrap_or_else(|| name_without_helo(&reverses)));
    checks.extend(listings);
    checks
}

/// The check `helo` where no name is given: what hosts will be told instead.
fn name_without_helo(reverses: &[(IpAddr, Reverse)]) -> Check {
    const ID: &str = "helo";
    const WHY: &str = "The name with which a machine greets must be its own; receivers look it up.";
    let confirmed = reverses.iter().find_map(|(ip, reverse)| match reverse {
        Reverse::Confirmed(name) => Some((ip, name)),
        Reverse::NoName | Reverse::Unconfirmed(_) | Reverse::Failed(_) => None,
    });
    match confirmed {
        Some((ip, name)) => Check::pass(ID, format!("{name}, the reverse name of {ip}"), WHY),
        None => Check::unknown(
            ID,
            "none given, and no reverse name of ours leads back to us",
            WHY,
            "Say --helo mail.your-domain, a name whose address is this machine's",
        )
        .advised(),
    }
}

/// Whether the domain of MAIL FROM takes mail, and lets our addresses send for it.
pub(in crate::preflight) async fn mail_from_checks(
    world: &World,
    lookups: &Lookups,
    mail_from: Option<&str>,
    helo: Option<&str>,
    addresses: &[IpAddr],
    reach: Reach,
) -> Vec<Check> {
    const WHY: &str = "Many hosts refuse to answer when the sender's domain does not exist or does not allow our address.";
    let Some(mail_from) = mail_from.filter(|from| !from.is_empty()) else {
        return Vec::new();
    };
    let helo = helo.unwrap_or_default();
    let (domain, sender) = identity(mail_from, helo);
    let domain = ascii(&domain);
    let mut checks =
        vec![
            Intake::of(lookups, &domain)
                .await
                .check("mail_from_domain", &domain, reach),
        ];
    for &ip in addresses {
        let question = Question {
            ip,
            domain: &domain,
            sender: &sender,
            helo,
            now: world.clock.now(),
        };
        let outcome = check_host(lookups, &question).await;
        let value = format!("{ip}: {}", outcome.result);
        checks.push(match outcome.result {
            SpfResult::Pass | SpfResult::None | SpfResult::Neutral => Check::pass("mail_from_spf", value, WHY),
            SpfResult::TempError => Check::unknown("mail_from_spf", value, WHY, "Run this again when DNS answers"),
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::PermError => Check::fail(
                "mail_from_spf",
                value,
                WHY,
                format!("Add {ip} to the SPF record of {domain}, or use a --mail-from whose domain allows it (see: presend preflight {domain} --ip {ip})"),
            ),
        });
    }
    checks
}

fn open_files_check(limit: u64) -> Check {
    let why = "Every connection and every question to DNS under way takes an open file.";
    if limit < limits::OPEN_FILES {
        let fix = format!(
            "Raise the limit before the run: ulimit -n {}",
            limits::OPEN_FILES * 4
        );
        Check::fail("open_files", format!("at most {limit}"), why, fix).advised()
    } else {
        Check::pass("open_files", format!("at most {limit}"), why).advised()
    }
}
