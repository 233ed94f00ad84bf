//! Whether mail hosts can be reached, or something on the way blocks the port or answers in their place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::model::limits;
use crate::model::provider::Providers;
use crate::net::World;
use crate::net::route::{HostKey, Reach, host_key};
use crate::probe::run::{Origin, origin_for};

use crate::preflight::check::Check;
use crate::preflight::host::{Contact, Patience, look};
use crate::preflight::lookup::Lookups;
use crate::preflight::sender::checks::ascii;
use crate::preflight::sender::options::Intake;

/// An unassigned address: within the block set aside for measuring devices (RFC 2544, RFC 6890 §2.2.2).
pub const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 255, 254));

/// Domains of different operators with mail hosts that are always there.
pub const WELL_KNOWN: [&str; 3] = ["gmail.com", "outlook.com", "gmx.net"];

/// Whether mail hosts can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port25 {
    /// A mail host greeted us.
    Open,
    /// None answered: something on the way blocks the port.
    Closed,
    /// A middlebox answers for every address.
    Captured,
    /// There was no host to try.
    NotTried,
}

/// Which mail host is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of a domain on the list, or one named by the operator.
    Named,
    /// That of a well-known domain.
    WellKnown,
}

/// A mail host to knock at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// A domain it takes mail for.
    pub domain: String,
    /// The name of the host.
    pub host: String,
    /// The address that is dialled.
    pub ip: IpAddr,
    /// Why it was chosen.
    pub whose: Whose,
}

/// A mail host that was knocked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The host that was tried.
    pub door: Door,
    /// What came of it.
    pub contact: Contact,
}

/// How hosts are dialled.
#[derive(Clone, Copy, Debug)]
pub struct Dialling<'a> {
    /// The TCP port, 25 on the internet.
    pub port: u16,
    /// Where we come from: a host sees the same address and name of ours as in a run. At least one.
    pub origins: &'a [Origin],
    /// The providers, by which mail hosts are recognised.
    pub providers: &'a Providers,
    /// How long to wait for a host.
    pub patience: Patience,
}

/// The mail hosts of some domains, `most` at the most, whichever DNS tells first; in the order of their domains, no
/// address twice.
///
/// # Panics
///
/// When a look-up did.
pub async fn find(
    lookups: &Lookups,
    domains: impl IntoIterator<Item = impl AsRef<str>>,
    whose: Whose,
    reach: Reach,
    most: usize,
) -> Vec<Door> {
    let mut asking = JoinSet::new();
    for (order, domain) in domains.into_iter().enumerate() {
        let (lookups, domain) = (lookups.clone(), ascii(domain.as_ref()));
        asking.spawn(async move {
            let intake = Intake::of(&lookups, &domain).await;
            let (host, ip) = intake.doors(reach).into_iter().next()?;
            // Without an MX the domain is its own mail host.
            let host = match intake {
                Intake::Implicit(_) => domain.clone(),
                Intake::Hosts(_) | Intake::Null | Intake::Nowhere(_) | Intake::Failed(_) => host,
            };
            let door = Door {
                domain,
                host,
                ip,
                whose,
            };
            Some((order, door))
        });
    }
    let mut doors: Vec<(usize, Door)> = Vec::new();
    while let Some(found) = asking.join_next().await {
        let found = found.expect("a look-up does not panic");
        doors.extend(found.filter(|(_, door)| doors.iter().all(|(_, known)| known.ip != door.ip)));
        // Dropping the rest ends them: once there are enough, the slowest name server is not waited for.
        if doors.len() == most {
            break;
        }
    }
    doors.sort_by_key(|(order, _)| *order);
    doors.into_iter().map(|(_, door)| door).collect()
}

/// The doors of `others` with addresses that are not among those of `doors`.
#[must_use]
pub fn without(others: Vec<Door>, doors: &[Door]) -> Vec<Door> {
    let unknown = |other: &Door| doors.iter().all(|door| door.ip != other.ip);
    others.into_iter().filter(unknown).collect()
}

/// Tries all doors at once, and an unassigned address. The order of the doors is kept.
pub async fn knock_at_all(
    world: &World,
    doors: Vec<Door>,
    dialling: &Dialling<'_>,
) -> (Port25, Vec<Met>) {
    let mut knocking = JoinSet::new();
    for (order, door) in doors.into_iter().enumerate() {
        let met = knock(world, door, dialling);
        knocking.spawn(async move { (order, met.await) });
    }
    let (nobody, mut met) = tokio::join!(nobody_answers(world, dialling), knocking.join_all());
    met.sort_by_key(|(order, _)| *order);
    let met: Vec<Met> = met.into_iter().map(|(_, met)| met).collect();
    (judge(nobody, &met), met)
}

/// Knocks at the `first` doors until one opens; when none has after [`limits::START_HEAD_START`], at the others too.
///
/// # Panics
///
/// When knocking did.
pub async fn knock_until_open(
    world: &World,
    first: Vec<Door>,
    others: Vec<Door>,
    dialling: &Dialling<'_>,
) -> Vec<Met> {
    let mut knocking = JoinSet::new();
    for door in first {
        knocking.spawn(knock(world, door, dialling));
    }
    let mut waiting = Some(others);
    let mut met = Vec::new();
    loop {
        if knocking.is_empty() {
            match waiting.take() {
                Some(others) if !others.is_empty() => {
                    for door in others {
                        knocking.spawn(knock(world, door, dialling));
                    }
                }
                Some(_) | None => return met,
            }
        }
        tokio::select! {
            biased;
            Some(knocked) = knocking.join_next() => {
                let knocked = knocked.expect("knocking does not panic");
                let open = knocked.contact.is_connected();
                met.push(knocked);
                if open {
                    // The others are not hung up on: they take their leave by themselves.
                    knocking.detach_all();
                    return met;
                }
            }
            () = sleep(limits::START_HEAD_START), if waiting.is_some() => {
                for door in waiting.take().into_iter().flatten() {
                    knocking.spawn(knock(world, door, dialling));
                }
            }
        }
    }
}

/// Knocks at one door.
pub fn knock(
    world: &World,
    door: Door,
    dialling: &Dialling<'_>,
) -> impl Future<Output = Met> + Send + 'static {
    let dial = world.dial.clone();
    let to = SocketAddr::new(door.ip, dialling.port);
    let key = host_key(&door.host, dialling.providers);
    let origin = origin_for(dialling.origins, &key, door.ip).clone();
    let patience = dialling.patience;
    async move {
        let contact = look(dial.as_ref(), to, origin.address, &origin.hello, patience).await;
        Met { door, contact }
    }
}

/// Whether a connection to an unassigned address is accepted. A middlebox accepts it at once.
pub async fn nobody_answers(world: &World, dialling: &Dialling<'_>) -> bool {
    let to = SocketAddr::new(NOBODY, dialling.port);
    let from = origin_for(dialling.origins, &HostKey(String::new()), NOBODY).address;
    let connected = timeout(limits::NOBODY_WAIT, world.dial.connect(to, from)).await;
    matches!(connected, Ok(Ok(_)))
}

/// What the contacts say of the port. A host that answers for an unassigned address is a middlebox, and so is one
/// greeting from all hosts of well-known operators.
fn judge(nobody_answers: bool, met: &[Met]) -> Port25 {
    let banners = |whose: Option<Whose>| -> Vec<&str> {
        met.iter()
            .filter(|met| whose.is_none_or(|whose| met.door.whose == whose))
            .filter_map(|met| match &met.contact {
                Contact::Greeted(greeting) => Some(greeting.banner.as_str()),
                Contact::Mute | Contact::NoAnswer | Contact::Refused(_) => None,
            })
            .collect()
    };
    let known = banners(Some(Whose::WellKnown));
    let one_voice = known.len() > 1 && known.iter().all(|banner| *banner == known[0]);
    if nobody_answers || one_voice {
        Port25::Captured
    } else if met.is_empty() {
        Port25::NotTried
    } else if banners(None).is_empty() {
        Port25::Closed
    } else {
        Port25::Open
    }
}

/// The check `port_25`.
#[must_use]
pub fn check(port_25: Port25, met: &[Met], port: u16) -> Check {
    const ID: &str = "port_25";
    const WHY: &str =
        "Mail hosts listen on port 25. Many clouds and home providers block it on the way out.";
    let tried = tried(met);
    let elsewhere = "Ask your provider to open outbound port 25, or run on a machine where it is open. Without it, \
                     presend verify --no-smtp LIST still finds dead domains";
    match port_25 {
        Port25::Open => Check::pass(ID, format!("port {port} is open (tried: {tried})"), WHY),
        Port25::Closed => Check::fail(
            ID,
            format!(
                "port {port} is closed: no mail host answered (tried: {tried}{})",
                in_the_system_s_words(met)
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

/// Why connections were refused, as the system says of the first that was.
fn in_the_system_s_words(met: &[Met]) -> String {
    let words = met.iter().find_map(|met| match &met.contact {
        Contact::Refused(words) => Some(words),
        Contact::Greeted(_) | Contact::Mute | Contact::NoAnswer => None,
    });
    words.map_or_else(String::new, |words| format!("; the system says: {words}"))
}

/// The domains whose hosts were tried, the first few by name.
fn tried(met: &[Met]) -> String {
    let named = met.iter().take(limits::PORT_25_NAMED);
    let mut names: Vec<String> = named.map(|met| met.door.domain.clone()).collect();
    if met.len() > names.len() {
        names.push(format!("{} more", met.len() - names.len()));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::host::Greeting;

    #[test]
    fn either_sign_of_a_filter_on_the_way_is_enough_and_one_greeting_is_an_open_port() {
        let met = |whose, contact| Met {
            door: Door {
                domain: "example.org".to_owned(),
                host: "mx.example.org".to_owned(),
                ip: NOBODY,
                whose,
            },
            contact,
        };
        let greeted = |banner: &str| {
            Contact::Greeted(Greeting {
                banner: banner.to_owned(),
                welcome: true,
                offers: Vec::new(),
            })
        };
        let known = |banner| met(Whose::WellKnown, greeted(banner));
        let named = |banner| met(Whose::Named, greeted(banner));
        let silent = met(Whose::WellKnown, Contact::NoAnswer);
        let refused = met(Whose::Named, Contact::Refused(String::new()));
        for (nobody_answers, met, expected) in [
            (false, vec![known("a"), known("b")], Port25::Open),
            (false, vec![silent.clone(), named("a")], Port25::Open),
            (false, vec![known("a"), known("a")], Port25::Captured),
            // Two domains of one hoster greet alike, and that is no filter.
            (false, vec![named("a"), named("a")], Port25::Open),
            (true, vec![known("a"), known("b")], Port25::Captured),
            (false, vec![silent, refused], Port25::Closed),
            (false, vec![], Port25::NotTried),
            (true, vec![], Port25::Captured),
        ] {
            assert_eq!(judge(nobody_answers, &met), expected, "{met:?}");
        }
    }
}
