//! What lists come to, from a polite sample of them.
//!
//! They are read twice: first to learn which domains are large, then to pick. The picked addresses are asked
//! about; what they turn out to be is projected to the rest. Which addresses are picked depends on the seed
//! and on their names alone, so the same command asks about the same addresses.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::ask::{Rows, ask};
use super::beliefs::believed;
use super::described::{Describer, Lack, first_of};
use super::error::VerifyError;
use super::length::{Limits, Queues};
use super::seen::Seen;
use super::{Asking, Observer, Tools, listed};
use crate::input::address::Address;
use crate::input::list::{IntakeError, Options, Source};
use crate::ledger::{Ledger, Memory};
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Standing, Verdict};
use crate::probe::run::Stop;
use crate::projection::sample::{self, Estimate, Stratum};
use crate::projection::{Forecast, Kind, Pile, Segment, Tally};
use crate::verify::report::{Time, Traffic};

pub use super::length::Length;

/// What a sample of a list says.
#[derive(Clone, Debug, Serialize)]
pub struct Estimated {
    /// The version of this shape.
    pub schema: u32,
    /// The list's name.
    pub list: String,
    /// Rows of the list.
    pub rows: u64,
    /// Those with a well-formed address.
    pub addresses: u64,
    /// Addresses, each once: those that verifying the list asks about.
    pub mailboxes: u64,
    /// Addresses that were asked about.
    pub sample: u64,
    /// How the list was parted.
    pub strata: Vec<StratumLine>,
    /// What the whole list comes to.
    pub estimate: Estimate,
    /// What was asked.
    pub traffic: Traffic,
    /// How long verifying the whole list will take.
    pub length: Length,
    /// How the asking ended.
    pub ending: Ending,
    /// When it was.
    pub time: Time,
}

/// One part of the list.
#[derive(Clone, Debug, Serialize)]
pub struct StratumLine {
    /// What its addresses have in common.
    pub name: String,
    /// Rows of the list that belong to this part.
    pub rows: u64,
    /// Addresses asked about.
    pub sample: u64,
    /// Of these, deliverable ones that would be verified.
    pub verified: u64,
    /// Of these, rejected ones.
    pub rejected: u64,
}

/// What an address has in common with others, as far as can be seen without asking.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Likeness {
    /// At a provider's own domain, by its name.
    Provider(String),
    /// At a domain with so many rows in this list.
    Domain(Size),
}

/// How many rows of a list a domain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Size {
    One,
    Few,
    Many,
    Most,
}

impl Size {
    fn of(rows: u32) -> Size {
        match rows {
            0..=1 => Size::One,
            2..=9 => Size::Few,
            10..=99 => Size::Many,
            100.. => Size::Most,
        }
    }
}

impl Likeness {
    fn name(&self) -> String {
        match self {
            Likeness::Provider(name) => name.clone(),
            Likeness::Domain(Size::One) => "domains with 1 row".to_owned(),
            Likeness::Domain(Size::Few) => "domains with 2 to 9 rows".to_owned(),
            Likeness::Domain(Size::Many) => "domains with 10 to 99 rows".to_owned(),
            Likeness::Domain(Size::Most) => "domains with 100 rows or more".to_owned(),
        }
    }
}

/// A part of the list while it is read: how many rows, and the addresses that come first by lot.
#[derive(Default)]
struct Drawn {
    rows: u64,
    /// Addresses, each once.
    mailboxes: u64,
    /// By their lots: the largest gives way to a smaller one.
    first: BTreeMap<u64, String>,
}

impl Drawn {
    /// Adds a mailbox that was not met before.
    fn add(&mut self, lot: u64, key: &str, most: usize) {
        self.mailboxes += 1;
        let last = self.first.last_key_value();
        if self.first.len() >= most && last.is_none_or(|(last, _)| lot >= *last) {
            return;
        }
        self.first.entry(lot).or_insert_with(|| key.to_owned());
        if self.first.len() > most {
            self.first.pop_last();
        }
    }
}

/// A list parted, with the addresses that come first by lot in each part.
struct Parted {
    rows: u64,
    /// Rows that name a recipient.
    messages: u64,
    addresses: u64,
    /// Addresses, each once.
    mailboxes: u64,
    /// Addresses of the largest domain, each once.
    largest_domain: u32,
    parts: BTreeMap<Likeness, Drawn>,
}

/// Of which lists a sample is drawn, and how.
pub struct Sample<'s> {
    /// The lists.
    pub sources: &'s [Source],
    /// How to read them.
    pub options: &'s Options,
    /// Most addresses to ask about.
    pub most: u64,
    /// What the lots are drawn by.
    pub seed: u64,
    /// What was done about the same sample before, where it is asked about by turns.
    pub before: Option<Before>,
}

/// What earlier turns have done about a sample.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// How many of the sample needed no question in the first of them.
    pub known: u64,
    /// When the first of them began.
    pub started: Timestamp,
}

/// Asks about a sample of lists and says what they come to as a whole.
///
/// # Errors
///
/// When a list cannot be read, or the ledger cannot be used.
pub async fn estimate(
    of: &Sample<'_>,
    memory: Memory,
    tools: &Tools,
    asking: Asking,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
    stop: impl Into<Stop<'_>>,
) -> Result<Estimated, VerifyError> {
    let parted = part(of, &tools.providers)?;
    let picked = pick(&parted, of.most);
    let addresses = picked.iter().flat_map(|part| part.addresses.iter());
    let rows = Rows::of_addresses(addresses.cloned());
    let limits = Limits::of(&asking);
    let asked = ask(rows, memory, tools, asking, ledger, observer, stop).await?;
    // What the sample turned out to be, by stratum.
    let judge = asked.judge(tools);
    let mut describer = Describer::new(&tools.lists);
    let model = believed(ledger, judge.now())?;
    let mut tally = Tally::new(&model);
    let (mut strata, mut lines) = (Vec::new(), Vec::new());
    let mut queues = Queues::new(parted.largest_domain);
    for Picked {
        likeness,
        rows,
        mailboxes,
        addresses,
    } in picked
    {
        let mut stratum = Stratum {
            rows,
            ..Stratum::default()
        };
        let mut line = StratumLine {
            name: likeness.name(),
            rows,
            sample: addresses.len() as u64,
            verified: 0,
            rejected: 0,
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "addresses of a list are few enough"
        )]
        let stands_for = mailboxes as f64 / addresses.len() as f64;
        for address in addresses {
            let described = describer.describe(address);
            let judgement = judge.address(&described, ledger)?;
            let slot = tally.add(
                judgement.kind(),
                judgement.provider_id.as_deref(),
                described.address.domain().wire(),
                Pile::Open,
            );
            queues.add(judgement.provider_id.as_deref(), stands_for);
            let verified = judgement.disposition == Disposition::Verified;
            line.verified += u64::from(verified);
            line.rejected += u64::from(judgement.disposition == Disposition::Rejected);
            let outcome = (tally.segment(slot).clone(), verified);
            *stratum.asked.entry(outcome).or_default() += 1;
        }
        strata.push(stratum);
        lines.push(line);
    }
    let no_address = parted.messages - parted.addresses;
    if no_address > 0 {
        strata.push(Stratum {
            rows: no_address,
            asked: BTreeMap::from([((Segment::kind(Kind::NoAddress), false), no_address)]),
        });
    }
    let model = tally.teach(model);
    let sample: u64 = lines.iter().map(|line| line.sample).sum();
    let (traffic, mut time) = (asked.traffic(), asked.time());
    let mut known = traffic.answered_from_ledger;
    if let Some(before) = of.before {
        known = before.known;
        time.started = before.started;
        time.seconds = time.finished.since(before.started).as_secs_f64();
    }
    let mailboxes = parted.mailboxes;
    let length = queues.length(limits, time.seconds, (known, sample), mailboxes);
    let mut estimate = sample::estimate(&Forecast::new(&model), &strata);
    count_once(&mut estimate, &parted, tools);
    Ok(Estimated {
        schema: 1,
        list: listed(of.sources.iter().map(Source::name)),
        rows: parted.rows,
        addresses: parted.addresses,
        mailboxes,
        sample,
        strata: lines,
        estimate,
        traffic,
        length,
        ending: asked.ending,
        time,
    })
}

/// Takes further rows of a mailbox from the verified ones, where the policy does not send to them.
fn count_once(estimate: &mut Estimate, parted: &Parted, tools: &Tools) {
    let accepted = Verdict {
        standing: Standing::Deliverable,
        reason: Reason::Accepted,
    };
    let of_duplicates = tools.policy.disposition(accepted, [Flag::Duplicate]);
    if of_duplicates == Disposition::Verified || parted.addresses == 0 {
        return;
    }
    let once = |rows: u64| (rows * parted.mailboxes).div_ceil(parted.addresses);
    estimate.verified_low = once(estimate.verified_low);
    estimate.verified_high = once(estimate.verified_high);
}

/// Reads the list: how large each domain is, then which addresses come first by lot in each part.
fn part(of: &Sample<'_>, providers: &Providers) -> Result<Parted, IntakeError> {
    // Sixteen bytes a domain and a little: with the mailboxes met, what grows here with the list.
    let mut sizes: HashMap<u64, (u32, u32)> = HashMap::new();
    let mut seen = Seen::default();
    let marker = seen.marker();
    let mut parted = Parted {
        rows: 0,
        messages: 0,
        addresses: 0,
        mailboxes: 0,
        largest_domain: 0,
        parts: BTreeMap::new(),
    };
    each(of, |named| {
        // A row that names no recipient is no message.
        parted.rows += 1;
        parted.messages += u64::from(!matches!(named, Err(Lack::Nothing)));
        if let Ok(address) = named {
            parted.addresses += 1;
            let (rows, mailboxes) = sizes
                .entry(fingerprint(address.domain().wire()))
                .or_default();
            *rows = rows.saturating_add(1);
            if seen.add(marker.mark(&address.key())) {
                *mailboxes = mailboxes.saturating_add(1);
                parted.mailboxes += 1;
            }
        }
    })?;
    let largest = sizes.values().map(|(_, mailboxes)| *mailboxes).max();
    parted.largest_domain = largest.unwrap_or_default();
    let mut seen = Seen::default();
    let marker = seen.marker();
    let most = usize::try_from(of.most).unwrap_or(usize::MAX);
    each(of, |named| {
        let Ok(address) = named else { return };
        let domain = address.domain().wire();
        let likeness = if let Some(provider) = providers.of_consumer_domain(domain) {
            Likeness::Provider(provider.name.clone())
        } else {
            let size = sizes.get(&fingerprint(domain));
            Likeness::Domain(Size::of(size.map_or(1, |(rows, _)| *rows)))
        };
        let key = address.key();
        let part = parted.parts.entry(likeness).or_default();
        part.rows += 1;
        if seen.add(marker.mark(&key)) {
            part.add(fingerprint((of.seed, &*key)), &key, most);
        }
    })?;
    Ok(parted)
}

/// Reads every row of the lists: of those that name several addresses the first, which stands for the row.
fn each(of: &Sample<'_>, mut with: impl FnMut(Result<&Address, Lack>)) -> Result<(), IntakeError> {
    for source in of.sources {
        let mut list = source.list(of.options)?;
        while let Some(row) = list.next_row()? {
            let first = first_of(&row);
            with(first.as_ref().map_err(|none| none.lack));
        }
    }
    Ok(())
}

/// Those of a part that are asked about.
struct Picked {
    likeness: Likeness,
    /// Rows of the part.
    rows: u64,
    /// Addresses of the part, each once.
    mailboxes: u64,
    addresses: Vec<Address>,
}

/// Those to ask about: of each part its share, the first by lot.
fn pick(parted: &Parted, most: u64) -> Vec<Picked> {
    let sizes: Vec<(u64, u64)> = parted
        .parts
        .values()
        .map(|part| (part.rows, part.first.len() as u64))
        .collect();
    let quota = sample::allot(most, &sizes);
    parted
        .parts
        .iter()
        .zip(quota)
        .map(|((likeness, part), quota)| {
            let quota = usize::try_from(quota).unwrap_or(usize::MAX);
            let keys = part.first.values().take(quota);
            Picked {
                likeness: likeness.clone(),
                rows: part.rows,
                mailboxes: part.mailboxes,
                addresses: keys.filter_map(|key| Address::parse(key).ok()).collect(),
            }
        })
        .collect()
}
