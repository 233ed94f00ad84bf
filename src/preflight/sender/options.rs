//! Whether a domain takes mail itself, which a sender in its name should (RFC 5321 §5.1, RFC 7505).

use std::net::{IpAddr, SocketAddr};

use tokio::task::JoinSet;

use crate::net::World;
use crate::net::route::{DnsFailure, Reach};

use crate::preflight::check::Check;
use crate::preflight::host::{Contact, Encryption, Greeting, Patience, try_encryption};
use crate::preflight::lookup::{Absence, Found, Lookups};
use crate::smtp::HelloName;

/// How a domain takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// At these hosts, most preferred first, with their addresses.
    Hosts(Vec<(String, Vec<IpAddr>)>),
    /// It has no MX, so at its own addresses (RFC 5321 §5.1).
    Implicit(Vec<IpAddr>),
    /// It says that it takes none (RFC 7505).
    Null,
    /// There is nothing to take it.
    Nowhere(Absence),
    /// DNS did not say.
    Failed(DnsFailure),
}

impl Intake {
    /// Asks DNS for the mail hosts of `domain`.
    pub async fn of(lookups: &Lookups, domain: &str) -> Intake {
        match lookups.mail_hosts(domain).await {
            Found::Some(hosts) if hosts.iter().all(|(_, host)| host.is_empty()) => Intake::Null,
            Found::Some(hosts) => {
                let mut known = Vec::new();
                let named = hosts.into_iter().filter(|(_, host)| !host.is_empty());
                for (_, host) in named.take(crate::model::limits::PREFLIGHT_SUBJECTS) {
                    let addresses = match lookups.all_addresses(&host).await {
                        Found::Some(addresses) => addresses,
                        Found::Nothing(_) | Found::Failed(_) => Vec::new(),
                    };
                    known.push((host, addresses));
                }
                Intake::Hosts(known)
            }
            Found::Failed(failure) => Intake::Failed(failure),
            Found::Nothing(_) => match lookups.all_addresses(domain).await {
                Found::Some(addresses) => Intake::Implicit(addresses),
                Found::Nothing(absence) => Intake::Nowhere(absence),
                Found::Failed(failure) => Intake::Failed(failure),
            },
        }
    }

    /// Whether there are addresses, but none that may be contacted.
    fn is_inward(&self, reach: Reach) -> bool {
        !self.doors(Reach::Anywhere).is_empty() && self.doors(reach).is_empty()
    }

    /// The first hosts that take mail, each with one address that may be contacted.
    #[must_use]
    pub fn doors(&self, reach: Reach) -> Vec<(String, IpAddr)> {
        let open = |ips: &[IpAddr]| ips.iter().copied().find(|ip| reach.allows(*ip));
        let doors: Vec<(String, IpAddr)> = match self {
            Intake::Hosts(hosts) => hosts
                .iter()
                .filter_map(|(host, ips)| Some((host.clone(), open(ips)?)))
                .collect(),
            Intake::Implicit(ips) => open(ips)
                .map(|ip| (ip.to_string(), ip))
                .into_iter()
                .collect(),
            Intake::Null | Intake::Nowhere(_) | Intake::Failed(_) => Vec::new(),
        };
        doors
            .into_iter()
            .take(crate::model::limits::PORT_25_HOSTS)
            .collect()
    }

    /// One check, under the name `id`.
    #[must_use]
    pub fn check(&self, id: &'static str, domain: &str, reach: Reach) -> Check {
        const WHY: &str = "Bounces and answers go to the sender's domain; many receivers refuse mail from a domain that \
                           takes none.";
        let publish = format!(
            "Publish an MX record at {domain} that names your mail host, such as: 10 mail.{domain}"
        );
        match self {
            Intake::Hosts(_) | Intake::Implicit(_) if self.is_inward(reach) => Check::fail(
                id,
                format!(
                    "the mail hosts of {domain} have only addresses that nobody outside can reach"
                ),
                WHY,
                format!(
                    "Publish the public addresses of the mail hosts of {domain}; if they are meant to be inside, say \
                     --allow-private"
                ),
            ),
            Intake::Hosts(hosts) => {
                let names: Vec<&str> = hosts.iter().map(|(host, _)| host.as_str()).collect();
                let dead: Vec<&str> = hosts
                    .iter()
                    .filter(|(_, ips)| ips.is_empty())
                    .map(|(host, _)| host.as_str())
                    .collect();
                if dead.len() == hosts.len() {
                    let fix = format!(
                        "Publish A records for {}, or name another host in the MX record of {domain}",
                        dead.join(", ")
                    );
                    Check::fail(
                        id,
                        format!(
                            "no mail host of {domain} has an address: {}",
                            names.join(", ")
                        ),
                        WHY,
                        fix,
                    )
                } else {
                    Check::pass(id, names.join(", "), WHY)
                }
            }
            Intake::Implicit(_) => {
                let mut check = Check::pass(
                    id,
                    format!("{domain} has no MX; mail goes to its own address"),
                    WHY,
                );
                check.fix = Some(publish);
                check
            }
            Intake::Null => Check::fail(
                id,
                format!("{domain} says that it takes no mail (null MX)"),
                WHY,
                format!("{publish}, in place of \"0 .\""),
            ),
            Intake::Nowhere(Absence::NoSuchName) => Check::fail(
                id,
                format!("there is no domain {domain}"),
                WHY,
                format!("Check the spelling; register {domain}, or renew it if it ran out"),
            ),
            Intake::Nowhere(Absence::NoRecords) => Check::fail(
                id,
                format!("{domain} has neither MX nor address"),
                WHY,
                publish,
            ),
            Intake::Failed(failure) => Check::unknown(
                id,
                format!("{domain}: {failure}"),
                WHY,
                "Run this again when DNS answers",
            ),
        }
    }
}

/// The checks `mx_tls`: whether each of the first mail hosts encrypts.
pub async fn tls_checks(
    world: &World,
    intake: &Intake,
    reach: Reach,
    port: u16,
    hello: &HelloName,
) -> Vec<Check> {
    let mut trying = JoinSet::new();
    for (order, (host, ip)) in intake.doors(reach).into_iter().enumerate() {
        let (dial, hello) = (world.dial.clone(), hello.clone());
        trying.spawn(async move {
            let to = SocketAddr::new(ip, port);
            let tried = try_encryption(dial.as_ref(), to, &hello, Patience::WHOLE).await;
            (order, tls_check(&host, tried))
        });
    }
    let mut checks = trying.join_all().await;
    checks.sort_by_key(|(order, _)| *order);
    checks.into_iter().map(|(_, check)| check).collect()
}

fn tls_check(host: &str, tried: Result<(Greeting, Encryption), Contact>) -> Check {
    const ID: &str = "mx_tls";
    const WHY: &str = "Mail to you should be encrypted on its way (STARTTLS).";
    match tried {
        Ok((_, Encryption::Works)) => Check::pass(
            ID,
            format!("{host} encrypts; its certificate was not judged"),
            WHY,
        ),
        Ok((_, Encryption::Fails(words))) => Check::fail(
            ID,
            format!("{host} offers encryption, but {words}"),
            WHY,
            "Mend certificate, key and TLS settings of the mail host: TLS 1.2 or 1.3 must be on",
        ),
        Ok((greeting, Encryption::NotOffered)) if greeting.offers.is_empty() => Check::unknown(
            ID,
            format!("{host} said: {}", greeting.banner),
            WHY,
            "Ask from another machine",
        ),
        Ok((_, Encryption::NotOffered)) => Check::fail(
            ID,
            format!("{host} does not offer it"),
            WHY,
            "Give the mail host a certificate and switch on STARTTLS",
        ),
        Err(_) => Check::unknown(
            ID,
            format!("{host} could not be reached from here"),
            WHY,
            "Run this where port 25 is open",
        ),
    }
    .advised()
}
