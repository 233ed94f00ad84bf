//! Blocklists asked by DNS (RFC 5782): listed, clean, or no answer worth the name.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use crate::net::route::RecordKind;
use crate::preflight::lookup::{Found, Lookups, reversed};

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// IP addresses.
    Address,
    /// Domain names.
    Domain,
}

/// How many receivers go by a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Many receivers.
    Heavy,
    /// Few receivers.
    Light,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    answer: IpAddr,
    meaning: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bit {
    mask: u8,
    /// Where it differs from that of the list.
    weight: Option<Reach>,
    meaning: String,
}

#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "the unsafe code is tokio's, inside its macro `join!`"
)]
/// One list, as described in `config/blocklists.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocklist {
    /// Its display name.
    pub name: String,
    /// The zone asked.
    pub zone: String,
    /// What its entries are.
    pub about: About,
    /// How many receivers go by it.
    pub weight: Reach,
    /// Where one gets off it.
    pub remove: String,
    #[serde(default)]
    test: Option<String>,
    #[serde(default)]
    control: Option<String>,
    #[serde(default)]
    refused: Vec<IpAddr>,
    #[serde(default)]
    codes: Vec<Code>,
    #[serde(default)]
    bits: Vec<Bit>,
    #[expect(dead_code, reason = "for readers of the file")]
    source: String,
    #[expect(dead_code, reason = "for readers of the file")]
    checked: String,
}

#[derive(Deserialize)]
struct File {
    list: Vec<Blocklist>,
}

/// The lists that come with the program.
///
/// # Panics
/// Never: a test reads the same text.
#[must_use]
pub fn built_in() -> Vec<Blocklist> {
    let file: File = toml::from_str(include_str!("../../../config/blocklists.toml"))
        .expect("the blocklists that come with the program are well formed");
    file.list
}

/// What can be on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An IP address, looked up in reverse order.
    Address(IpAddr),
    /// A domain, looked up as it is.
    Domain(String),
}

/// What a list says of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It is on the list, with the meaning of the answer where known.
    Listed {
        /// The address in the list's answer, such as 127.0.0.2.
        answer: IpAddr,
        /// What it means.
        meaning: Option<String>,
    },
    /// It is not, and the list shows that it works.
    Clean,
    /// The list does not serve our resolver.
    Refused,
    /// The list gave no answer that could be used, for the reason given.
    Unusable(String),
}

/// The test entries of a list, as they were answered.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What must be listed.
    pub test: Found<IpAddr>,
    /// What must not.
    pub control: Found<IpAddr>,
}

impl Blocklist {
    fn name_of(&self, subject: &Subject) -> String {
        match subject {
            Subject::Address(ip) => format!("{}.{}", reversed(ip.to_canonical()), self.zone),
            Subject::Domain(domain) => format!("{domain}.{}", self.zone),
        }
    }

    fn sample(&self, written: Option<&String>, last: u8, family: Family) -> Subject {
        match (self.about, written, family) {
            (About::Domain, Some(domain), _) => Subject::Domain(domain.clone()),
            // RFC 5782 §5: the entries of a list of names without better ones.
            (About::Domain, None, _) if last == 2 => Subject::Domain("test".to_owned()),
            (About::Domain, None, _) => Subject::Domain("invalid".to_owned()),
            (About::Address, _, Family::Four) => {
                Subject::Address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
            }
            // RFC 5782 §5: in IPv6 the entries are the IPv4 ones, mapped.
            (About::Address, _, Family::Six) => {
                Subject::Address(IpAddr::V6(Ipv4Addr::new(127, 0, 0, last).to_ipv6_mapped()))
            }
        }
    }

    /// Asks the list about a subject, and about its test entries. `None` when the list is not about such subjects.
    pub async fn ask(&self, lookups: &Lookups, subject: &Subject) -> Option<Listing> {
        let family = match (self.about, subject) {
            (About::Address, Subject::Address(ip)) => match ip.to_canonical() {
                IpAddr::V4(_) => Family::Four,
                IpAddr::V6(_) => Family::Six,
            },
            (About::Domain, Subject::Domain(_)) => Family::Four,
            (About::Address, Subject::Domain(_)) | (About::Domain, Subject::Address(_)) => {
                return None;
            }
        };
        let test = self.mapped_name(&self.sample(self.test.as_ref(), 2, family));
        let control = self.mapped_name(&self.sample(self.control.as_ref(), 1, family));
        let name = self.name_of(subject);
        let (test, control, answer) = tokio::join!(
            lookups.addresses(&test, RecordKind::A),
            lookups.addresses(&control, RecordKind::A),
            lookups.addresses(&name, RecordKind::A),
        );
        Some(self.judge(&Trial { test, control }, &answer))
    }

    /// The name of a test entry, where a mapped address keeps its IPv6 form.
    fn mapped_name(&self, sample: &Subject) -> String {
        match sample {
            Subject::Address(ip) => format!("{}.{}", reversed(*ip), self.zone),
            Subject::Domain(domain) => format!("{domain}.{}", self.zone),
        }
    }

    /// How many receivers go by an answer: by the gravest of its reasons.
    #[must_use]
    pub fn weight_of(&self, answer: IpAddr) -> Reach {
        let bits: Vec<&Bit> = self.bits_of(answer).collect();
        let light = |bit: &&Bit| bit.weight == Some(Reach::Light);
        if !bits.is_empty() && bits.iter().all(light) {
            Reach::Light
        } else {
            self.weight
        }
    }

    fn bits_of(&self, answer: IpAddr) -> impl Iterator<Item = &Bit> {
        let last = match answer {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => 0,
        };
        self.bits.iter().filter(move |bit| last & bit.mask != 0)
    }

    /// What an answer means, as far as the list says.
    fn meaning(&self, answer: IpAddr) -> Option<String> {
        let codes = self.codes.iter().filter(|code| code.answer == answer);
        let bits = self.bits_of(answer);
        let meanings: Vec<&str> = codes
            .map(|code| code.meaning.as_str())
            .chain(bits.map(|bit| bit.meaning.as_str()))
            .collect();
        (!meanings.is_empty()).then(|| meanings.join("; "))
    }

    /// Whether an answer is one that the list documents as a listing. Anything else is an error of the list or the work
    /// of a resolver that rewrites answers: 127.0.0.1 and 127.255.255.x in particular (RFC 5782 §2.1, §5).
    fn documents(&self, answer: IpAddr) -> bool {
        let by_bits = matches!(answer, IpAddr::V4(ip) if ip.octets()[..3] == [127, 0, 0])
            && self.bits_of(answer).next().is_some();
        by_bits || self.codes.iter().any(|code| code.answer == answer)
    }

    /// What the answers of a list mean. A list that fails its own test says nothing, least of all "clean".
    #[must_use]
    pub fn judge(&self, trial: &Trial, answer: &Found<IpAddr>) -> Listing {
        let refuses = |found: &Found<IpAddr>| matches!(found, Found::Some(ips) if ips.iter().any(|ip| self.refused.contains(ip)));
        if refuses(answer) || refuses(&trial.test) || refuses(&trial.control) {
            return Listing::Refused;
        }
        match &trial.test {
            Found::Some(ips) if ips.iter().any(|ip| self.documents(*ip)) => {}
            Found::Some(ips) => return undocumented(ips),
            Found::Nothing(_) => {
                return unusable(
                    "its test entry is missing: it does not serve your resolver, or is gone",
                );
            }
            Found::Failed(failure) => return Listing::Unusable(failure.to_string()),
        }
        if matches!(&trial.control, Found::Some(_)) {
            return unusable(
                "it lists everything, so it is broken, or our resolver invents answers",
            );
        }
        match answer {
            Found::Nothing(_) => Listing::Clean,
            Found::Failed(failure) => Listing::Unusable(failure.to_string()),
            Found::Some(ips) => match ips.iter().find(|ip| self.documents(**ip)) {
                None => undocumented(ips),
                Some(&answer) => Listing::Listed {
                    answer,
                    meaning: self.meaning(answer),
                },
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Four,
    Six,
}

fn unusable(why: &str) -> Listing {
    Listing::Unusable(why.to_owned())
}

/// An answer that the list does not document says nothing of the subject.
fn undocumented(answers: &[IpAddr]) -> Listing {
    let answers: Vec<String> = answers.iter().map(IpAddr::to_string).collect();
    Listing::Unusable(format!(
        "it answered {}, which is none of its codes for a listing",
        answers.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::lookup::Absence;

    #[test]
    fn every_list_that_comes_with_the_program_says_what_its_answers_mean() {
        let lists = built_in();
        assert!(lists.len() >= 5);
        for list in lists {
            assert!(
                !list.codes.is_empty() || !list.bits.is_empty(),
                "{}",
                list.name
            );
        }
    }

    #[test]
    fn an_answer_that_the_list_does_not_document_is_no_listing() {
        let none = || Found::Nothing(Absence::NoSuchName);
        let some = |ip: &str| Found::Some(vec![ip.parse().unwrap()]);
        for list in built_in() {
            let listed = match list.codes.first() {
                Some(code) => code.answer,
                None => format!("127.0.0.{}", list.bits[0].mask).parse().unwrap(),
            };
            let working = Trial {
                test: Found::Some(vec![listed]),
                control: none(),
            };
            let judged = list.judge(&working, &Found::Some(vec![listed]));
            assert!(matches!(judged, Listing::Listed { .. }), "{}", list.name);
            for error in [
                "127.0.0.1",
                "127.255.255.252",
                "127.255.255.254",
                "127.255.255.255",
                "127.0.0.0",
                "127.9.9.9",
                "192.0.2.1",
            ] {
                let judged = list.judge(&working, &some(error));
                assert!(
                    matches!(judged, Listing::Unusable(_) | Listing::Refused),
                    "{}: {error}: {judged:?}",
                    list.name
                );
                let rewritten = Trial {
                    test: some(error),
                    control: none(),
                };
                let judged = list.judge(&rewritten, &none());
                assert_ne!(judged, Listing::Clean, "{}: {error}", list.name);
            }
        }
    }

    #[test]
    fn an_answer_may_hold_several_reasons() {
        let lists = built_in();
        let uribl = lists
            .iter()
            .find(|list| list.name.contains("URIBL"))
            .unwrap();
        let meaning = uribl.meaning("127.0.0.10".parse().unwrap()).unwrap();
        assert!(
            meaning.contains("black") && meaning.contains("red"),
            "{meaning}"
        );
        assert_eq!(uribl.meaning("127.0.0.16".parse().unwrap()), None);
        assert_eq!(uribl.weight_of("127.0.0.10".parse().unwrap()), Reach::Heavy);
        assert_eq!(uribl.weight_of("127.0.0.8".parse().unwrap()), Reach::Light);
    }

    #[test]
    fn a_refusal_of_our_resolver_is_neither_listed_nor_clean() {
        let list = &built_in()[0];
        let some = |ip: &str| Found::Some(vec![ip.parse().unwrap()]);
        let none = Found::Nothing(Absence::NoSuchName);
        let trial = |test, control| Trial { test, control };
        for (test, control, answer, expected) in [
            (
                some("127.0.0.2"),
                none.clone(),
                none.clone(),
                Listing::Clean,
            ),
            (
                some("127.255.255.254"),
                some("127.255.255.254"),
                some("127.255.255.254"),
                Listing::Refused,
            ),
            (
                some("127.255.255.254"),
                none.clone(),
                none.clone(),
                Listing::Refused,
            ),
        ] {
            assert_eq!(list.judge(&trial(test, control), &answer), expected);
        }
        for (test, control, answer) in [
            (none.clone(), none.clone(), none.clone()),
            (none.clone(), none.clone(), some("127.0.0.2")),
            (
                some("203.0.113.9"),
                some("203.0.113.9"),
                some("203.0.113.9"),
            ),
            (some("127.0.0.2"), some("127.0.0.2"), some("127.0.0.2")),
            (some("127.0.0.2"), none.clone(), some("203.0.113.9")),
        ] {
            let listing = list.judge(&trial(test, control), &answer);
            assert!(matches!(listing, Listing::Unusable(_)), "{listing:?}");
        }
    }
}
