//! Whether mail hosts can be reached, or something on the way blocks the port or answers in their place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::task::JoinSet;

use crate::limits;
use crate::world::World;

use super::check::Check;
use super::host::{Contact, look};
use super::intake::Intake;
use super::lookup::Lookups;
use super::sender::ascii;

/// An address that nobody runs: within the block set aside for measuring devices (RFC 2544, RFC 6890 §2.2.2).
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 255, 254));

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

/// Whom to dial, as whom.
#[derive(Clone, Copy, Debug)]
pub struct Dialling<'a> {
    /// Domains whose mail hosts are dialled; the first few that have any.
    pub domains: &'a [String],
    /// The port.
    pub port: u16,
    /// The HELO name.
    pub helo: &'a str,
    /// The address to dial from.
    pub source: Option<IpAddr>,
}

/// Dials the mail hosts of some of the domains, and an address where nobody is, all at once.
pub async fn dial_hosts(
    world: &World,
    lookups: &Lookups,
    dialling: &Dialling<'_>,
) -> (Port25, Vec<(String, Contact)>) {
    let mut hosts: Vec<(String, IpAddr)> = Vec::new();
    for domain in dialling.domains {
        if hosts.len() == limits::PORT_25_HOSTS {
            break;
        }
        let intake = Intake::of(lookups, &ascii(domain)).await;
        if let Some(ip) = intake.first_address()
            && !hosts.iter().any(|(_, known)| *known == ip)
        {
            hosts.push((domain.clone(), ip));
        }
    }
    if hosts.is_empty() {
        return (Port25::NotTried, Vec::new());
    }
    hosts.push((String::new(), NOBODY));
    let from = dialling.source;
    let mut under_way = JoinSet::new();
    for (order, (domain, ip)) in hosts.into_iter().enumerate() {
        let (dial, helo, to) = (
            world.dial.clone(),
            dialling.helo.to_owned(),
            SocketAddr::new(ip, dialling.port),
        );
        let from = from.filter(|from| from.is_ipv4() == ip.is_ipv4());
        under_way.spawn(async move {
            (
                order,
                domain,
                ip,
                look(dial.as_ref(), to, from, &helo).await,
            )
        });
    }
    let mut answered = under_way.join_all().await;
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

/// The check `port_25`.
#[must_use]
pub fn check(port_25: Port25, contacts: &[(String, Contact)], port: u16) -> Check {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::host::Greeting;

    #[test]
    fn either_sign_of_a_filter_on_the_way_is_enough_and_one_greeting_is_an_open_port() {
        let greeted = |banner: &str| {
            let greeting = Greeting {
                banner: banner.to_owned(),
                welcome: true,
                offers: Vec::new(),
            };
            (String::new(), Contact::Greeted(greeting))
        };
        let silent = (String::new(), Contact::NoAnswer);
        let refused = (String::new(), Contact::Refused(String::new()));
        for (nobody_answers, contacts, expected) in [
            (false, vec![greeted("a"), greeted("b")], Port25::Open),
            (false, vec![silent.clone(), greeted("a")], Port25::Open),
            (false, vec![greeted("a"), greeted("a")], Port25::Captured),
            (true, vec![greeted("a"), greeted("b")], Port25::Captured),
            (false, vec![silent, refused], Port25::Closed),
        ] {
            assert_eq!(judge(nobody_answers, &contacts), expected, "{contacts:?}");
        }
    }
}
