//! Which addresses are on the list, which mailboxes still exist, how the rows are written.

use crate::model::reason::Reason;
use crate::model::verdict::Verdict;
use crate::sim::net::Truth;
use crate::sim::net::mailbox::Condition;

use super::climate::Climate;
use super::domain::{Draft, Nature};
use super::prospect::{Prospect, best_verdict, share_that_bounces};
use super::site::Site;
use crate::model::seeded::SeededRng;

const FIRST_NAMES: [&str; 24] = [
    "anna", "bernd", "clara", "david", "elena", "finn", "greta", "hannes", "ida", "jakob", "klara",
    "lukas", "marie", "nils", "olga", "peter", "quirin", "rosa", "stefan", "theresa", "ulrich",
    "vera", "yusuf", "zoe",
];

const LAST_NAMES: [&str; 20] = [
    "albrecht", "brandt", "conrad", "dietrich", "engel", "fischer", "graf", "hoffmann", "iversen",
    "jansen", "keller", "lehmann", "moreau", "neumann", "ott", "pohl", "quast", "richter", "thoma",
    "young",
];

/// Rows that hold no address, as lists have them.
const SCRIBBLES: [&str; 8] = [
    "",
    "n/a",
    "anna.albrecht",
    "anna@",
    "@firm.test",
    "anna at firm.test",
    "anna@firm..test",
    "anna@@firm.test",
];

/// Whether a text that is no address was meant to be one.
pub(super) fn is_meant_as_address(scribble: &str) -> bool {
    !matches!(scribble, "" | "n/a")
}

/// A row in the making.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// An address of the list.
    Person {
        /// As it is written.
        written: String,
        /// The number of the domain.
        domain: usize,
        /// Whether a message sent some days later bounces.
        bounces: bool,
    },
    /// A text that is no address.
    Scribble(&'static str),
}

/// Fills the list with addresses, the domains with the mailboxes that still exist.
pub(super) fn populate(
    seed: u64,
    addresses: usize,
    climate: &Climate,
    sites: &[Site],
    domains: &mut [Draft],
) -> Vec<Entry> {
    let mut dice = SeededRng::of(seed, "people");
    let mut entries: Vec<Entry> = Vec::with_capacity(addresses);
    for number in 0..addresses {
        if dice.happens(climate.scribbles) {
            entries.push(Entry::Scribble(dice.one_of::<&str>(&SCRIBBLES)));
        } else if !entries.is_empty() && dice.happens(climate.repeated) {
            let again = again(dice.one_of(&entries).clone(), &mut dice);
            entries.push(again);
        } else {
            let domain = dice.rank(domains.len());
            entries.push(person(
                seed, number, domain, climate, sites, domains, &mut dice,
            ));
        }
    }
    entries
}

/// The row of a mailbox once more, perhaps in other letters.
fn again(entry: Entry, dice: &mut SeededRng) -> Entry {
    match entry {
        Entry::Person {
            written,
            domain,
            bounces,
        } => Entry::Person {
            written: if dice.happens(0.5) {
                written.to_uppercase()
            } else {
                written
            },
            domain,
            bounces,
        },
        Entry::Scribble(text) => Entry::Scribble(text),
    }
}

/// An address at a domain, with a mailbox there or without.
pub(super) fn person(
    seed: u64,
    number: usize,
    domain: usize,
    climate: &Climate,
    sites: &[Site],
    domains: &mut [Draft],
    dice: &mut SeededRng,
) -> Entry {
    let draft = &mut domains[domain];
    let local = local_part(number, dice);
    let prospect = draft
        .site
        .map_or(Prospect::Mailboxes, |site| sites[site].prospect);
    let share = |verdict| {
        let site = draft.site.map(|site| &sites[site]);
        share_that_bounces(
            seed,
            verdict,
            site.and_then(Site::provider_id),
            &draft.name,
            climate.present,
        )
    };
    let (condition, bounces) = fate(share, draft.nature, prospect, climate, dice);
    let written = format!("{local}@{}", draft.name);
    if let Some(condition) = condition {
        draft.known.insert(local.to_lowercase(), condition);
    }
    Entry::Person {
        written,
        domain,
        bounces,
    }
}

/// No two mailboxes of a world share a name: each has a number.
fn local_part(number: usize, dice: &mut SeededRng) -> String {
    let first = dice.one_of(&FIRST_NAMES);
    let last = dice.one_of(&LAST_NAMES);
    match dice.between(0, 9) {
        0..=4 => format!("{first}.{last}{number}"),
        5..=6 => format!("{}{last}{number}", &first[..1]),
        7 => format!("{first}_{number}"),
        8 => format!("{first}{number}+news"),
        _ if dice.happens(0.3) => format!("j\u{f6}rg.{last}{number}"),
        _ => format!("{}.{}{number}", first.to_uppercase(), last),
    }
}

/// Whether a mailbox exists, and whether a message sent some days later bounces.
///
/// Where mailboxes cannot be told apart, as many bounce as the world's seed drew for what may be said of them. Where
/// the truth can be learned, it says what a message meets today; mailboxes come and go until it is sent.
fn fate(
    share: impl Fn(Verdict) -> f64,
    nature: Nature,
    prospect: Prospect,
    climate: &Climate,
    dice: &mut SeededRng,
) -> (Option<Condition>, bool) {
    let truth = match nature {
        Nature::NoSuchDomain => Some(Truth::NoSuchDomain),
        Nature::Unserved
        | Nature::NullMx
        | Nature::NoMailHost
        | Nature::HostWithoutAddress
        | Nature::Inward => Some(Truth::NoMailHost),
        Nature::NamesBroken(_) => Some(Truth::NamesBroken),
        Nature::Ordinary | Nature::CatchAll | Nature::Implicit | Nature::NamesRecover => None,
    };
    if let Some(truth) = truth {
        let share = share(best_verdict(prospect, &truth));
        return (Some(Condition::Open), dice.happens(share));
    }
    let prospect = match (nature, prospect) {
        (Nature::CatchAll, Prospect::Mailboxes) => Prospect::TakesAll(Reason::CatchAll),
        (_, prospect) => prospect,
    };
    match prospect {
        // No mailbox exists where no mail is taken.
        Prospect::NoMail => (None, true),
        Prospect::TakesAll(_) | Prospect::Silent(_) => {
            let share = share(best_verdict(prospect, &Truth::Missing));
            let bounces = dice.happens(share);
            ((!bounces).then_some(Condition::Open), bounces)
        }
        Prospect::Mailboxes => {
            let (condition, truth) = mailbox(climate, dice);
            let share = share(best_verdict(prospect, &truth));
            (condition, dice.happens(share))
        }
    }
}

/// The state of a mailbox where the host tells.
fn mailbox(climate: &Climate, dice: &mut SeededRng) -> (Option<Condition>, Truth) {
    if dice.happens(climate.present) {
        return (Some(Condition::Open), Truth::Exists);
    }
    match dice.between(0, 19) {
        0 => (Some(Condition::Full), Truth::Full),
        1 => (Some(Condition::Disabled), Truth::Disabled),
        2 => (Some(Condition::Busy), Truth::Busy),
        3 => {
            let to = "new@elsewhere.test".to_owned();
            (Some(Condition::Moved { to }), Truth::Moved)
        }
        _ => (None, Truth::Missing),
    }
}
