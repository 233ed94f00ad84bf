//! The reverse name of an address, and whether it leads back (`FCrDNS`, RFC 1912 §2.1).

use std::net::IpAddr;

use crate::model::limits;

use crate::net::route::DnsFailure;
use crate::preflight::check::{Check, Side};
use crate::preflight::lookup::{Found, Lookups, address_kind};

/// What the reverse of an address came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverse {
    /// There is no name.
    NoName,
    /// These names do not lead back to the address.
    Unconfirmed(Vec<String>),
    /// This name does.
    Confirmed(String),
    /// DNS did not say.
    Failed(DnsFailure),
}

impl Reverse {
    /// Asks DNS about an address.
    pub async fn of(lookups: &Lookups, ip: IpAddr) -> Reverse {
        let names = match lookups.reverse_names(ip).await {
            Found::Some(names) => names,
            Found::Nothing(_) => return Reverse::NoName,
            Found::Failed(failure) => return Reverse::Failed(failure),
        };
        let mut trouble = None;
        for name in names.iter().take(limits::SPF_REVERSE_NAMES) {
            match lookups.addresses(name, address_kind(ip)).await {
                Found::Some(addresses) if addresses.contains(&ip) => {
                    return Reverse::Confirmed(name.clone());
                }
                Found::Some(_) | Found::Nothing(_) => {}
                Found::Failed(failure) => trouble = Some(failure),
            }
        }
        trouble.map_or(Reverse::Unconfirmed(names), Reverse::Failed)
    }

    /// The checks `ptr` and `fcrdns`.
    #[must_use]
    pub fn checks(&self, ip: IpAddr, side: Side, wanted_name: &str) -> Vec<Check> {
        let kind = match ip {
            IpAddr::V4(_) => "A",
            IpAddr::V6(_) => "AAAA",
        };
        let needed =
            "Large receivers refuse mail from addresses without a reverse name that leads back.";
        let checks = match self {
            Reverse::NoName => vec![Check::fail(
                "ptr",
                format!("{ip} has no reverse name"),
                needed,
                format!(
                    "Ask whoever gave you {ip} (hoster, cloud, provider) to set its reverse name (PTR) to \
                     {wanted_name}, and publish this {kind} record at {wanted_name}: {ip}"
                ),
            )],
            Reverse::Unconfirmed(names) => {
                let name = names.first().map_or("", String::as_str);
                vec![
                    Check::pass("ptr", format!("{ip} is {}", names.join(", ")), needed),
                    Check::fail(
                        "fcrdns",
                        format!("{name} does not lead back to {ip}"),
                        needed,
                        format!("Publish this {kind} record at {name}: {ip}"),
                    ),
                ]
            }
            Reverse::Confirmed(name) => vec![
                Check::pass("ptr", format!("{ip} is {name}"), needed),
                Check::pass("fcrdns", format!("{name} leads back to {ip}"), needed),
                generic(ip, name),
            ],
            Reverse::Failed(failure) => vec![Check::unknown(
                "ptr",
                format!("{ip}: {failure}"),
                needed,
                "Run this again; if it stays so, the name servers of the reverse zone are broken",
            )],
        };
        match side {
            Side::Sender => checks,
            Side::Machine => checks.into_iter().map(Check::of_machine).collect(),
        }
    }
}

/// A name with the address written in it was generated, not chosen, which some filters hold against mail.
fn generic(ip: IpAddr, name: &str) -> Check {
    let why =
        "A reverse name made from the address is taken for a home connection by some filters.";
    let IpAddr::V4(four) = ip else {
        return Check::pass("ptr_chosen", name, why).advised();
    };
    let [a, b, c, d] = four.octets().map(|octet| octet.to_string());
    let numbers: Vec<&str> = name
        .split(|character: char| !character.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .collect();
    let holds = |wanted: [&String; 4]| {
        numbers
            .windows(4)
            .any(|four| four.iter().zip(wanted).all(|(have, want)| have == want))
    };
    if holds([&a, &b, &c, &d]) || holds([&d, &c, &b, &a]) {
        let fix = format!(
            "Ask whoever gave you {ip} to set its reverse name to one you choose, such as mail.your-domain"
        );
        Check::fail("ptr_chosen", name, why, fix).advised()
    } else {
        Check::pass("ptr_chosen", name, why).advised()
    }
}
