//! Holds the verdicts against the truth, and against what the servers said.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::{domain_of, key_of, keys_on_list, roof};
use super::{Complaint, Finding, Listed};
use crate::model::reason::Reason;
use crate::sim::net::habits::HarvestDefence;
use crate::sim::net::{Outcome, Sightings, Truth};
use crate::sim::score::{Creation, Nature, Prospect, Row, Site};

/// How often each truth got each verdict.
pub type Confusion = BTreeMap<&'static str, BTreeMap<String, u64>>;

/// What the verdicts were worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// How often each truth got each verdict, by rows; `no_address` for rows without one.
    pub confusion: Confusion,
    /// Rows rejected that take mail, or that no host had refused.
    pub false_rejections: u64,
    /// Rows promised that take no mail, or for which no host had vouched.
    pub false_promises: u64,
    /// Rows left in doubt though their host tells every client.
    pub needless_doubts: u64,
    /// What is wrong, row by row.
    pub findings: Vec<Finding>,
}

/// What the servers said of addresses and of decoys.
struct Said {
    accepted: HashSet<String>,
    refused: HashSet<String>,
    refuses_unknown: BTreeSet<String>,
}

/// How many addresses of the list a domain must have refused for that to show as much as one refused decoy.
const LISTED_UNKNOWN_RECIPIENTS: u32 = 5;

/// Names of one system of mailboxes each: a decoy refused under one of them is refused under all.
const CONSUMER_SYSTEMS: [&[&str]; 3] = [
    &["gmail.com", "googlemail.com"],
    &["outlook.com", "hotmail.com", "live.com", "msn.com"],
    &["icloud.com", "me.com", "mac.com"],
];

impl Said {
    fn by(hosts: &BTreeMap<String, Sightings>, on_list: &HashSet<String>) -> Self {
        let mut said = Said {
            accepted: HashSet::new(),
            refused: HashSet::new(),
            refuses_unknown: BTreeSet::new(),
        };
        let mut listed: HashMap<String, u32> = HashMap::new();
        for question in hosts.values().flat_map(|seen| &seen.questions) {
            let key = key_of(&question.address);
            let for_good = (500..600).contains(&question.code);
            match question.outcome {
                Outcome::Accepted if question.code != 0 => {
                    said.accepted.insert(key);
                }
                Outcome::RefusedMailbox if !on_list.contains(&key) => {
                    // Whether it says "not now" or "never", it looked for a mailbox and found none.
                    said.refuses_unknown.insert(domain_of(&key).to_owned());
                }
                Outcome::RefusedMailbox if for_good => {
                    let domain = domain_of(&key).to_owned();
                    if said.refused.insert(key) {
                        *listed.entry(domain).or_default() += 1;
                    }
                }
                Outcome::Accepted | Outcome::RefusedMailbox | Outcome::RefusedOtherwise => {}
            }
        }
        let many = listed.into_iter();
        let many = many.filter(|(_, refused)| *refused >= LISTED_UNKNOWN_RECIPIENTS);
        said.refuses_unknown.extend(many.map(|(domain, _)| domain));
        for names in CONSUMER_SYSTEMS {
            if names
                .iter()
                .any(|name| said.refuses_unknown.contains(*name))
            {
                let names = names.iter().map(|name| (*name).to_owned());
                said.refuses_unknown.extend(names);
            }
        }
        said
    }
}

/// Holds the verdicts of a finished run against the truth.
#[must_use]
pub fn judge(
    creation: &Creation,
    listed: &[Option<Listed>],
    hosts: &BTreeMap<String, Sightings>,
) -> Verdicts {
    let said = Said::by(hosts, &keys_on_list(creation));
    let mut verdicts = Verdicts::default();
    let mut best: HashMap<&'static str, u64> = HashMap::new();
    let mut earlier: HashMap<String, &Listed> = HashMap::new();
    for (row, listed) in creation.rows.iter().zip(listed) {
        let Some(listed) = listed else { continue };
        let truth = row.truth.as_ref().map_or("no_address", Truth::as_str);
        *verdicts
            .confusion
            .entry(truth)
            .or_default()
            .entry(listed.verdict.clone())
            .or_default() += 1;
        *best.entry(truth).or_default() += 1;
        let about = || {
            format!(
                "{} ({truth}) came out {}/{} in {}: {}",
                row.address.as_deref().unwrap_or("a row without an address"),
                listed.verdict,
                listed.reason,
                listed.list,
                listed.reply
            )
        };
        let before = row
            .address
            .as_deref()
            .and_then(|address| earlier.get(&key_of(address)).copied());
        if let Some(address) = row.address.as_deref() {
            earlier.entry(key_of(address)).or_insert(listed);
        }
        if !is_rightly_left_out(listed, before) {
            verdicts
                .findings
                .push(Finding::new(Complaint::Rows, about()));
        }
        if !is_rightly_rejected(row, listed, before, &said) {
            verdicts.false_rejections += 1;
            verdicts
                .findings
                .push(Finding::new(Complaint::FalseRejection, about()));
        }
        if !is_rightly_promised(row, listed, &said) {
            verdicts.false_promises += 1;
            verdicts
                .findings
                .push(Finding::new(Complaint::FalsePromise, about()));
        }
        if let Some(wanted) = certain(creation, row)
            && wanted != listed.verdict
            && !stands_among_blockers(creation, row)
        {
            verdicts.needless_doubts += 1;
            verdicts.findings.push(Finding::new(
                Complaint::NeedlessDoubt,
                format!("{}; its host tells everybody: {wanted}", about()),
            ));
        }
    }
    verdicts
}

/// Whether a mailbox comes out once to be written to: its further rows are marked and not verified, no other row is
/// marked.
fn is_rightly_left_out(listed: &Listed, before: Option<&Listed>) -> bool {
    let is_marked = listed.flags.split(';').any(|flag| flag == "duplicate");
    is_marked == before.is_some() && (!is_marked || listed.list != "verified")
}

/// Whether a rejection, if it is one, has its ground in the text, in DNS, or in a refusal of that very mailbox.
/// A further row of a mailbox is left out for that alone, as long as it has the verdict of the first.
fn is_rightly_rejected(row: &Row, listed: &Listed, before: Option<&Listed>, said: &Said) -> bool {
    if listed.verdict != "undeliverable" && listed.list != "rejected" {
        return true;
    }
    if before.is_some_and(|first| first.list != "rejected" && first.verdict == listed.verdict) {
        return true;
    }
    let refused = || {
        row.address
            .as_deref()
            .is_some_and(|address| said.refused.contains(&key_of(address)))
    };
    match &row.truth {
        None => true,
        Some(Truth::NoSuchDomain | Truth::NoMailHost) => true,
        Some(Truth::Missing | Truth::Disabled | Truth::Moved) => refused(),
        Some(Truth::Exists | Truth::Full | Truth::Busy | Truth::HostsDead | Truth::NamesBroken) => {
            false
        }
    }
}

/// Whether a promise, if it is one, rests on an acceptance of a mailbox where a decoy was refused.
fn is_rightly_promised(row: &Row, listed: &Listed, said: &Said) -> bool {
    if listed.verdict != "deliverable" {
        return true;
    }
    let Some(key) = row.address.as_deref().map(key_of) else {
        return false;
    };
    let vouched = said.accepted.contains(&key) && said.refuses_unknown.contains(domain_of(&key));
    match &row.truth {
        Some(Truth::Exists | Truth::Busy) => vouched,
        Some(
            Truth::Missing
            | Truth::Full
            | Truth::Disabled
            | Truth::Moved
            | Truth::NoSuchDomain
            | Truth::NoMailHost
            | Truth::HostsDead
            | Truth::NamesBroken,
        )
        | None => false,
    }
}

/// Whether most hosts under a row's roof turn every client away, or harvesters: a good neighbour that has heard it from
/// most of them does not try the rest.
fn stands_among_blockers(creation: &Creation, row: &Row) -> bool {
    let Some(own) = row.site.map(|site| &creation.sites[site]) else {
        return false;
    };
    let blocks = |site: &Site| {
        let harvest = site.habits.harvest;
        let is_told_to_go = matches!(
            site.prospect,
            Prospect::Silent(
                Reason::SenderBlocked | Reason::SenderUnauthenticated | Reason::SenderRefused
            )
        );
        is_told_to_go || harvest.is_some_and(|harvest| harvest.then == HarvestDefence::Blocks)
    };
    let (mut all, mut blocking) = (0, 0);
    for site in &creation.sites {
        let is_near = |host: &&String| own.hosts.iter().any(|near| roof(near) == roof(host));
        let hosts = site.hosts.iter().filter(is_near).count();
        all += hosts;
        blocking += if blocks(site) { hosts } else { 0 };
    }
    blocking * 2 > all
}

/// The standing that every careful client reaches; `None` where luck or the host's mood has a say.
fn certain(creation: &Creation, row: &Row) -> Option<&'static str> {
    let (Some(truth), Some(nature)) = (&row.truth, row.nature) else {
        return Some(if row.is_message {
            "undeliverable"
        } else {
            "unknown"
        });
    };
    match nature {
        Nature::NoSuchDomain
        | Nature::NullMx
        | Nature::NoMailHost
        | Nature::HostWithoutAddress
        | Nature::Inward => return Some("undeliverable"),
        Nature::NamesBroken(_) => return Some("unknown"),
        // Some refuse a domain that they do not serve as if it were a foreign one; both readings are honest.
        Nature::Unserved => return None,
        Nature::Ordinary | Nature::CatchAll | Nature::Implicit | Nature::NamesRecover => {}
    }
    let site = &creation.sites[row.site?];
    if !site.is_steady_in_time() {
        return None;
    }
    let is_ascii = row.address.as_deref().is_some_and(|address| {
        address
            .rsplit_once('@')
            .is_some_and(|(local, _)| local.is_ascii())
    });
    if !is_ascii && !site.habits.offers.iter().any(|offer| offer == "SMTPUTF8") {
        return None;
    }
    match (site.prospect, nature, truth) {
        (Prospect::Silent(_), _, _) => Some("unknown"),
        // It depends on what the domain's other hosts say.
        (Prospect::NoMail, _, _) => None,
        // A name that is closed at a catch-all shows only when it is asked about.
        (_, Nature::CatchAll, Truth::Disabled | Truth::Moved) => None,
        (Prospect::TakesAll(_), _, _) | (_, Nature::CatchAll, _) => Some("risky"),
        (Prospect::Mailboxes, _, Truth::Exists) => Some("deliverable"),
        (Prospect::Mailboxes, _, Truth::Full | Truth::Busy) => Some("risky"),
        // No address can be given up on the strength of words that say nothing.
        (Prospect::Mailboxes, _, Truth::Missing) if site.speaks_in_riddles() => None,
        (Prospect::Mailboxes, _, Truth::Missing | Truth::Disabled | Truth::Moved) => {
            Some("undeliverable")
        }
        (
            Prospect::Mailboxes,
            _,
            Truth::NoSuchDomain | Truth::NoMailHost | Truth::HostsDead | Truth::NamesBroken,
        ) => None,
    }
}
