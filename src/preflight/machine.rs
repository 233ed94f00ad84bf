//! Fit to ask: whether this machine can put questions to mail hosts and be answered.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::limits;
use crate::moment::Moment;
use crate::route::{DnsAnswer, RecordKind};
use crate::world::World;

use super::blocklist::Subject;
use super::check::{Check, Side, Status};
use super::host::{Contact, look};
use super::intake::Intake;
use super::listings;
use super::lookup::Lookups;
use super::reverse::Reverse;
use super::sender::{ascii, helo_check};
use super::spf::{Question, SpfResult, check_host, identity};

/// An address that nobody runs: within the block set aside for measuring devices (RFC 2544, RFC 6890 §2.2.2).
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 255, 254));

/// The program is not older than this, so a clock that shows less is wrong: 2026-01-01.
const NO_EARLIER_THAN: Moment = Moment::from_millis(1_767_225_600_000);

/// What the run to come will use.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// The HELO name, when it is known.
    pub helo: Option<String>,
    /// MAIL FROM, when it is known.
    pub mail_from: Option<String>,
    /// The addresses of this machine that connections leave from.
    pub sources: Vec<IpAddr>,
    /// Domains whose mail hosts are dialled to see whether port 25 is open: those of the list.
    pub domains: Vec<String>,
    /// The port of mail hosts.
    pub port: u16,
    /// How many files this process may open, when it is known.
    pub open_files: Option<u64>,
    /// How much is looked at.
    pub depth: Depth,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Only what decides whether a run makes sense: DNS, port 25, the sender's domain.
    Brief,
    /// Everything.
    #[default]
    Whole,
}

/// What was found out about this machine.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The checklist.
    pub checks: Vec<Check>,
    /// Whether mail hosts can be asked at all.
    pub port_25: Port25,
    /// Our address as mail hosts see it.
    pub public_address: Option<IpAddr>,
}

/// Whether mail hosts can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port25 {
    /// A mail host greeted us.
    Open,
    /// None answered: something on the way blocks the port.
    Closed,
    /// Something on the way answers for everybody.
    Captured,
    /// There was nobody to try.
    NotTried,
}

/// Looks at this machine, within [`limits::PREFLIGHT_WAIT`].
pub async fn fit_to_ask(world: &World, asking: &Asking) -> Findings {
    let lookups = Lookups::new(
        world.names.clone(),
        limits::PREFLIGHT_WAIT,
        limits::PREFLIGHT_QUESTIONS,
    );
    let (dns, (port_25, contacts)) = tokio::join!(
        dns_checks(&lookups, world.seed),
        port_25(world, &lookups, asking)
    );
    let public_address = contacts.iter().find_map(|(_, contact)| match contact {
        Contact::Greeted(greeting) => greeting.seen_address(),
        Contact::Mute | Contact::NoAnswer | Contact::Refused(_) => None,
    });
    let mut checks = dns;
    checks.push(port_25_check(port_25, &contacts, asking.port));
    checks.push(public_address_check(public_address, &asking.sources));
    let mut addresses: Vec<IpAddr> = public_address.into_iter().collect();
    for source in asking.sources.iter().filter(|ip| is_public(ip)) {
        if !addresses.contains(source) {
            addresses.push(*source);
        }
    }
    checks.extend(mail_from_checks(world, &lookups, asking, &addresses).await);
    if asking.depth == Depth::Whole {
        for &ip in &addresses {
            let wanted = asking
                .helo
                .clone()
                .unwrap_or_else(|| "probe.your-domain".to_owned());
            checks.extend(
                Reverse::of(&lookups, ip)
                    .await
                    .checks(ip, Side::Machine, &wanted),
            );
        }
        checks
            .extend(helo_check(&lookups, asking.helo.as_deref(), &addresses, Side::Machine).await);
        let subjects: Vec<Subject> = addresses.iter().map(|ip| Subject::Address(*ip)).collect();
        checks.extend(listings::checks(&lookups, &subjects).await);
    }
    checks.push(clock_check(world.clock.now()));
    checks.extend(asking.open_files.map(open_files_check));
    let checks = checks.into_iter().map(Check::of_machine).collect();
    Findings {
        checks,
        port_25,
        public_address,
    }
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

/// Names that nobody can have registered, different in every run so that no cache knows them.
fn unheard_of(seed: u64) -> [String; 2] {
    let word = format!(
        "presend-{:012x}",
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    );
    [format!("{word}.com"), format!("{word}.net")]
}

async fn dns_checks(lookups: &Lookups, seed: u64) -> Vec<Check> {
    const WHY: &str = "Every verdict rests on DNS. A resolver that invents answers turns dead domains into live ones.";
    let mut slowest = Duration::ZERO;
    let mut invented = None;
    let mut failed = None;
    for name in unheard_of(seed) {
        let asked = Instant::now();
        match lookups.ask(&name, RecordKind::A).await {
            DnsAnswer::Records { records, .. } => {
                invented = Some(format!("{name} is said to be {records:?}"))
            }
            DnsAnswer::Failed(failure) => failed = Some(failure),
            DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => {}
        }
        slowest = slowest.max(asked.elapsed());
    }
    let another =
        "Use another resolver: --dns 127.0.0.1:53 with one of your own (such as unbound) is best";
    let honest = match (invented, failed) {
        (Some(_), _) => Check::fail(
            "dns_honest",
            "the resolver invents addresses for names that do not exist",
            WHY,
            another,
        ),
        (None, Some(failure)) => Check::unknown("dns_honest", failure.to_string(), WHY, another),
        (None, None) => Check::pass("dns_honest", "names that do not exist are said not to", WHY),
    };
    let millis = slowest.as_millis();
    let why_slow = "A run asks thousands of names.";
    let speed = if slowest > limits::DNS_SLOW {
        Check::fail("dns_speed", format!("{millis} ms"), why_slow, another)
    } else {
        Check::pass("dns_speed", format!("{millis} ms"), why_slow)
    };
    let why_txt = "SPF, DKIM and DMARC stand in TXT records.";
    let txt = match lookups.ask("gmail.com", RecordKind::Txt).await {
        DnsAnswer::Records { .. } => Check::pass("dns_txt", "TXT records arrive", why_txt),
        DnsAnswer::NoSuchName { .. } | DnsAnswer::NoRecords { .. } => Check::unknown(
            "dns_txt",
            "no TXT record of gmail.com arrived",
            why_txt,
            another,
        ),
        DnsAnswer::Failed(failure) => {
            Check::unknown("dns_txt", failure.to_string(), why_txt, another)
        }
    };
    vec![honest, speed.advised(), txt.advised()]
}

async fn port_25(
    world: &World,
    lookups: &Lookups,
    asking: &Asking,
) -> (Port25, Vec<(String, Contact)>) {
    let mut hosts: Vec<(String, IpAddr)> = Vec::new();
    for domain in &asking.domains {
        if hosts.len() == limits::PORT_25_HOSTS {
            break;
        }
        let intake = Intake::of(lookups, &ascii(domain)).await;
        if let Some(ip) = intake.first_address() {
            if !hosts.iter().any(|(_, known)| *known == ip) {
                hosts.push((domain.clone(), ip));
            }
        }
    }
    if hosts.is_empty() {
        return (Port25::NotTried, Vec::new());
    }
    hosts.push((String::new(), NOBODY));
    let helo = asking
        .helo
        .clone()
        .unwrap_or_else(|| "localhost.localdomain".to_owned());
    let from = asking.sources.first().copied();
    let mut dialling = JoinSet::new();
    for (order, (domain, ip)) in hosts.into_iter().enumerate() {
        let (dial, helo, to) = (
            world.dial.clone(),
            helo.clone(),
            SocketAddr::new(ip, asking.port),
        );
        let from = from.filter(|from| from.is_ipv4() == ip.is_ipv4());
        dialling.spawn(async move {
            (
                order,
                domain,
                ip,
                look(dial.as_ref(), to, from, &helo).await,
            )
        });
    }
    let mut answered = dialling.join_all().await;
    answered.sort_by_key(|(order, ..)| *order);
    let nobody = answered
        .iter()
        .any(|(_, _, ip, contact)| *ip == NOBODY && is_greeted(contact));
    let contacts: Vec<(String, Contact)> = answered
        .into_iter()
        .filter(|(_, _, ip, _)| *ip != NOBODY)
        .map(|(_, domain, _, contact)| (domain, contact))
        .collect();
    (judge(nobody, &contacts), contacts)
}

fn is_greeted(contact: &Contact) -> bool {
    match contact {
        Contact::Greeted(_) => true,
        Contact::Mute | Contact::NoAnswer | Contact::Refused(_) => false,
    }
}

/// What the contacts say of the port. Hosts of different domains that greet in the very same words are one machine on
/// the way, and so is whoever answers for an address that nobody runs.
fn judge(nobody_answers: bool, contacts: &[(String, Contact)]) -> Port25 {
    let banners: Vec<&str> = contacts
        .iter()
        .filter_map(|(_, contact)| match contact {
            Contact::Greeted(greeting) => Some(greeting.banner.as_str()),
            Contact::Mute | Contact::NoAnswer | Contact::Refused(_) => None,
        })
        .collect();
    let same = banners.len() > 1 && banners.iter().all(|banner| *banner == banners[0]);
    if nobody_answers || same {
        Port25::Captured
    } else if banners.is_empty() {
        Port25::Closed
    } else {
        Port25::Open
    }
}

fn port_25_check(port_25: Port25, contacts: &[(String, Contact)], port: u16) -> Check {
    const ID: &str = "port_25";
    const WHY: &str =
        "Mail hosts listen on port 25. Many clouds and home providers block it on the way out.";
    let tried: Vec<&str> = contacts.iter().map(|(domain, _)| domain.as_str()).collect();
    let elsewhere = "Ask your provider to open outbound port 25, run on a machine where it is open, or check without \
                     asking mail hosts: presend verify --no-smtp LIST";
    match port_25 {
        Port25::Open => Check::pass(
            ID,
            format!("port {port} is open (tried: {})", tried.join(", ")),
            WHY,
        ),
        Port25::Closed => Check::fail(
            ID,
            format!(
                "port {port} is closed: no mail host answered (tried: {})",
                tried.join(", ")
            ),
            WHY,
            elsewhere,
        ),
        Port25::Captured => Check::fail(
            ID,
            format!("something on the way answers on port {port} in place of the mail hosts"),
            "A filter on the way answers for everybody, so every answer would be its own and worthless.",
            elsewhere,
        ),
        Port25::NotTried => Check::unknown(
            ID,
            "no mail host to try was found",
            WHY,
            "Name a domain with a mail host, or mend DNS first",
        ),
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

async fn mail_from_checks(
    world: &World,
    lookups: &Lookups,
    asking: &Asking,
    addresses: &[IpAddr],
) -> Vec<Check> {
    const WHY: &str = "Many hosts refuse to answer when the sender's domain does not exist or does not allow our address.";
    let Some(mail_from) = asking.mail_from.as_deref().filter(|from| !from.is_empty()) else {
        return Vec::new();
    };
    let helo = asking.helo.clone().unwrap_or_default();
    let (domain, sender) = identity(mail_from, &helo);
    let domain = ascii(&domain);
    let mut checks = vec![
        Intake::of(lookups, &domain)
            .await
            .check("mail_from_domain", &domain),
    ];
    for &ip in addresses {
        let question = Question {
            ip,
            domain: &domain,
            sender: &sender,
            helo: &helo,
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

fn clock_check(now: Moment) -> Check {
    let why = "Verdicts carry the time at which they were made, and grow old by it.";
    if now < NO_EARLIER_THAN {
        Check::fail(
            "clock",
            now.to_string(),
            why,
            "Set the clock of this machine (timedatectl set-ntp true)",
        )
    } else {
        Check::pass("clock", now.to_string(), why)
    }
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

/// Whether others can see an address as such; what is not public never reaches a mail host.
fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified())
        }
    }
}
