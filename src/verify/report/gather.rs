//! Counts rows as they are listed.

use std::collections::BTreeMap;

use super::{
    Counts, DomainLine, Domains, Flagged, Flow, ListFacts, ListLine, Projections, ProviderLine,
    Report, SCHEMA, SegmentLine, Suggested, Time, Traffic,
};
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags};
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::top_k::TopK;
use crate::model::verdict::{Disposition, Standing, Verdict};
use crate::projection::Forecast;
use crate::projection::Model;
use crate::projection::Pile;
use crate::projection::Tally;
use crate::projection::Target;
use crate::projection::what_if;

/// A row with what it got.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The row that a spreadsheet program shows it in, from 1.
    pub sheet_row: u64,
    /// What is held to be true.
    pub verdict: Verdict,
    /// The list that it went to.
    pub disposition: Disposition,
    /// What is to know beside.
    pub flags: Flags,
    /// The likely intended address.
    pub suggestion: Option<&'a str>,
    /// The mail host's provider, by name.
    pub provider: Option<&'a str>,
    /// Its stable id.
    pub provider_id: Option<&'a str>,
    /// The address, where it is one.
    pub address: Option<&'a Address>,
}

/// The counts of a run in the making.
pub struct Gathering {
    list: ListFacts,
    /// The lists, where there are several.
    lists: Vec<ListLine>,
    /// Rows by verdict with list: few kinds, however many rows.
    kinds: BTreeMap<(Verdict, Disposition), u64>,
    flags: [u64; Flag::ALL.len()],
    /// Addresses of which nothing is certain, each once.
    open: BTreeMap<Reason, u64>,
    providers: Vec<ProviderLine>,
    domains: TopK<Box<str>, DomainCount>,
    flagged: TopK<(Flag, String), Example>,
    suggestions: TopK<(String, String), Example>,
}

#[derive(Clone, Copy, Debug, Default)]
struct DomainCount {
    refused: u64,
    accepted: u64,
    unsure: u64,
    catch_all: u64,
    refusal: Option<Reason>,
    doubt: Option<Reason>,
}

/// The first row of its kind.
#[derive(Clone, Debug, Default)]
struct Example {
    row: u64,
    list: Option<String>,
    address: String,
}

impl Gathering {
    /// Nothing counted yet of what is called `list`.
    #[must_use]
    pub fn new(list: &str) -> Self {
        Gathering {
            list: ListFacts {
                path: list.to_owned(),
                ..ListFacts::default()
            },
            lists: Vec::new(),
            kinds: BTreeMap::new(),
            flags: [0; Flag::ALL.len()],
            open: BTreeMap::new(),
            providers: vec![ProviderLine::default()],
            domains: TopK::new(limits::REPORT_DOMAINS),
            flagged: TopK::new(limits::REPORT_KINDS),
            suggestions: TopK::new(limits::REPORT_KINDS),
        }
    }

    /// The rows from here on are of the one of several lists that is called `name`, and go to `folder`.
    pub fn begin(&mut self, name: &str, folder: &str) {
        self.lists.push(ListLine {
            name: name.to_owned(),
            folder: folder.to_owned(),
            ..ListLine::default()
        });
    }

    /// Counts a row. `explain` says where its flags come from; it is asked only for flags that deserve a reason.
    pub fn count(&mut self, row: &Seen<'_>, explain: impl FnOnce(&Address) -> Vec<(Flag, String)>) {
        let Seen {
            verdict,
            disposition,
            flags,
            ..
        } = *row;
        self.list.rows += 1;
        self.list.addresses += u64::from(row.address.is_some());
        self.list.duplicates += u64::from(flags.has(Flag::Duplicate));
        self.list.dead += u64::from(is_to_be_taken_out(row));
        if let Some(list) = self.lists.last_mut() {
            list.count(row);
        }
        *self.kinds.entry((verdict, disposition)).or_default() += 1;
        for flag in flags.iter() {
            self.flags[flag as usize] += 1;
        }
        // A row that names no recipient is at no mail host.
        if verdict.reason != Reason::NoAddress {
            self.count_provider(row);
        }
        if let Some(address) = row.address {
            self.count_domain(address, verdict);
            if EXPLAINED.iter().any(|&flag| flags.has(flag)) {
                self.count_flags(row, address, &explain(address));
            }
        }
        if let Some(meant) = row.suggestion {
            self.count_suggestion(row, meant);
        }
    }

    /// Counts an address of which nothing is certain, for a reason; each is counted once.
    pub fn count_open(&mut self, reason: Reason) {
        *self.open.entry(reason).or_default() += 1;
    }

    fn count_provider(&mut self, row: &Seen<'_>) {
        let at = row.provider.map_or(0, |name| self.provider_line(name, row));
        let line = &mut self.providers[at];
        line.rows += 1;
        let count = match row.verdict.standing {
            Standing::Deliverable => &mut line.accepted,
            Standing::Undeliverable => &mut line.refused,
            Standing::Unknown if blocks(row.verdict.reason) => &mut line.blocked,
            Standing::Risky | Standing::Unknown => &mut line.unsure,
        };
        *count += 1;
    }

    /// Where the provider of that name is counted. The first line is for rows without one.
    fn provider_line(&mut self, name: &str, row: &Seen<'_>) -> usize {
        let known = self.providers.iter().position(|line| line.name == name);
        known.unwrap_or_else(|| {
            // Providers come from a file; should an operator's ever be huge, the rest count as other mail hosts.
            if self.providers.len() > limits::PROJECTED_PROVIDERS {
                return 0;
            }
            self.providers.push(ProviderLine {
                id: row.provider_id.unwrap_or_default().to_owned(),
                name: name.to_owned(),
                ..ProviderLine::default()
            });
            self.providers.len() - 1
        })
    }

    fn count_domain(&mut self, address: &Address, verdict: Verdict) {
        if verdict.reason == Reason::NotAsked {
            // Nothing was learned of the domain, and a list that is not asked about has many rows of this kind.
            return;
        }
        let name = address.domain().wire();
        let domain = self.domains.add(name, 1, || Box::from(name));
        match verdict.standing {
            Standing::Deliverable => domain.accepted += 1,
            Standing::Undeliverable => {
                domain.refused += 1;
                domain.refusal.get_or_insert(verdict.reason);
            }
            Standing::Risky | Standing::Unknown => {
                domain.unsure += 1;
                if verdict.reason == Reason::CatchAll {
                    domain.catch_all += 1;
                } else {
                    domain.doubt.get_or_insert(verdict.reason);
                }
            }
        }
    }

    fn count_flags(&mut self, row: &Seen<'_>, address: &Address, sources: &[(Flag, String)]) {
        for &flag in &EXPLAINED {
            if !row.flags.has(flag) {
                continue;
            }
            let why = sources.iter().find(|(known, _)| *known == flag).map_or(
                "typing error whose mail host accepts everything",
                |(_, why)| why.as_str(),
            );
            let key = (flag, why.to_owned());
            let example = self.flagged.add(&key, 1, || key.clone());
            let list = self.lists.last();
            example.remember(row, list, || address.wire().to_owned());
        }
    }

    fn count_suggestion(&mut self, row: &Seen<'_>, meant: &str) {
        // A domain is mistyped in the same way in many addresses; a text that is no address is its own.
        let key = match row.address {
            Some(address) => (
                address.domain().readable().to_owned(),
                meant.rsplit('@').next().unwrap_or(meant).to_owned(),
            ),
            None => (String::new(), meant.to_owned()),
        };
        self.suggestions
            .add(&key, 1, || key.clone())
            .remember(row, self.lists.last(), String::new);
    }

    /// The report when the last row is counted; `forecast` draws from beliefs that `tally` has taught.
    #[must_use]
    pub fn finish(self, tally: &Tally, forecast: &Forecast<'_>, target: Target) -> Report {
        let project = |piles: &[Pile]| forecast.project(&tally.rows(piles));
        let moment = Timestamp::default();
        Report {
            schema: SCHEMA,
            program: concat!("presend ", env!("CARGO_PKG_VERSION")).to_owned(),
            ending: Ending::Completed,
            world: None,
            title: None,
            counts: self.counts(),
            projection: Projections {
                input: project(&Pile::ALL),
                verified: project(&[Pile::Verified]),
                review: project(&[Pile::Open, Pile::Held]),
            },
            segments: segments(tally, forecast.model()),
            what_if: what_if(forecast, tally),
            target: Some(target),
            flow: self.flow(),
            open: self
                .open
                .iter()
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect(),
            providers: self.provider_lines(),
            domains: self.domain_lines(),
            flagged: self.flagged_lines(),
            suggestions: self.suggested_lines(),
            blocked: Vec::new(),
            traffic: Traffic::default(),
            second_look: crate::probe::scheduler::SecondLook::default(),
            unread: Vec::new(),
            since: None,
            changes: None,
            real: None,
            memory: super::FromMemory::default(),
            time: Time {
                started: moment,
                finished: moment,
                seconds: 0.0,
            },
            list: self.list,
            lists: self.lists,
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (&(verdict, disposition), &rows) in &self.kinds {
            *counts
                .verdict
                .entry(verdict.standing.to_string())
                .or_default() += rows;
            *counts.reason.entry(verdict.reason.to_string()).or_default() += rows;
            *counts
                .disposition
                .entry(disposition.to_string())
                .or_default() += rows;
        }
        for (flag, &rows) in Flag::ALL.iter().zip(&self.flags) {
            if rows > 0 {
                counts.flag.insert(flag.to_string(), rows);
            }
        }
        for line in self.providers.iter().filter(|line| !line.name.is_empty()) {
            counts.provider.insert(line.name.clone(), line.rows);
        }
        counts
    }

    fn flow(&self) -> Vec<Flow> {
        let mut flow: Vec<Flow> = self
            .kinds
            .iter()
            .map(|(&(verdict, disposition), &rows)| Flow {
                verdict: verdict.standing,
                reason: verdict.reason,
                disposition,
                rows,
            })
            .collect();
        flow.sort_by_key(|flow| (flow.disposition, std::cmp::Reverse(flow.rows), flow.reason));
        flow
    }

    fn provider_lines(&self) -> Vec<ProviderLine> {
        let mut lines: Vec<ProviderLine> = self
            .providers
            .iter()
            .filter(|line| line.rows > 0)
            .cloned()
            .collect();
        // What has no name comes last, whatever its size: it is no provider.
        lines.sort_by(|a, b| {
            let order = a.name.is_empty().cmp(&b.name.is_empty());
            order
                .then(b.rows.cmp(&a.rows))
                .then_with(|| a.name.cmp(&b.name))
        });
        lines
    }

    fn domain_lines(&self) -> Domains {
        let table = |count: fn(&DomainCount) -> u64, reason: fn(&DomainCount) -> Option<Reason>| {
            let mut lines: Vec<(u64, DomainLine)> = self
                .domains
                .iter()
                .filter(|(_, entry)| count(&entry.kept) > 0)
                .map(|(name, entry)| {
                    let kept = &entry.kept;
                    let line = DomainLine {
                        domain: readable(name),
                        rows: kept.refused + kept.accepted + kept.unsure,
                        refused: kept.refused,
                        accepted: kept.accepted,
                        unsure: kept.unsure,
                        reason: reason(kept)
                            .map(|reason| reason.to_string())
                            .unwrap_or_default(),
                    };
                    (count(kept), line)
                })
                .collect();
            lines.sort_by(|(a, one), (b, other)| {
                b.cmp(a).then_with(|| one.domain.cmp(&other.domain))
            });
            lines.truncate(limits::REPORT_LINES);
            lines.into_iter().map(|(_, line)| line).collect()
        };
        Domains {
            worst: table(|kept| kept.refused, |kept| kept.refusal),
            catch_all: table(|kept| kept.catch_all, |_| Some(Reason::CatchAll)),
            unsettled: table(|kept| kept.unsure - kept.catch_all, |kept| kept.doubt),
            approximate: self.domains.forgot(),
        }
    }

    fn flagged_lines(&self) -> Vec<Flagged> {
        let mut top = self.flagged.top(limits::REPORT_LINES);
        // What matters most comes first; within a flag the commonest reason.
        top.sort_by_key(|((flag, _), _)| EXPLAINED.iter().position(|known| known == flag));
        top.into_iter()
            .map(|((flag, why), entry)| Flagged {
                flag: flag.to_string(),
                why: why.clone(),
                rows: entry.count - entry.error,
                first_row: entry.kept.row,
                first_list: entry.kept.list.clone(),
                example: entry.kept.address.clone(),
            })
            .collect()
    }

    fn suggested_lines(&self) -> Vec<Suggested> {
        self.suggestions
            .top(limits::REPORT_LINES)
            .into_iter()
            .map(|((written, meant), entry)| Suggested {
                written: written.clone(),
                meant: meant.clone(),
                rows: entry.count - entry.error,
                first_row: entry.kept.row,
                first_list: entry.kept.list.clone(),
            })
            .collect()
    }
}

impl Example {
    fn remember(
        &mut self,
        row: &Seen<'_>,
        list: Option<&ListLine>,
        address: impl FnOnce() -> String,
    ) {
        if self.row == 0 {
            self.row = row.sheet_row;
            self.list = list.map(|list| list.name.clone());
            self.address = address();
        }
    }
}

impl ListLine {
    fn count(&mut self, row: &Seen<'_>) {
        self.rows += 1;
        self.addresses += u64::from(row.address.is_some());
        self.duplicates += u64::from(row.flags.has(Flag::Duplicate));
        let list = match row.disposition {
            Disposition::Verified => &mut self.verified,
            Disposition::Review => &mut self.review,
            Disposition::Rejected => &mut self.rejected,
        };
        *list += 1;
    }
}

/// Flags that a person wants to know the reason of. Free mailboxes and duplicates explain themselves.
const EXPLAINED: [Flag; 4] = [
    Flag::TrapLike,
    Flag::Disposable,
    Flag::Role,
    Flag::ReservedName,
];

/// Whether a row's mailbox or domain is gone for good. A text that is no address may be a slip, and says nothing about
/// the recipient that was meant.
fn is_to_be_taken_out(row: &Seen<'_>) -> bool {
    let Verdict { standing, reason } = row.verdict;
    let is_dead =
        standing == Standing::Undeliverable && reason != Reason::BadSyntax && reason.may_reject();
    is_dead && row.suggestion.is_none() && !row.flags.has(Flag::Duplicate)
}

/// Whether a reason means that the host refuses to answer this client.
fn blocks(reason: Reason) -> bool {
    reason.blame() == crate::model::reason::Blame::Sender
}

/// A domain for display: IDNs in Unicode.
fn readable(name: &str) -> String {
    let (readable, faults) = idna::domain_to_unicode(name);
    if faults.is_ok() {
        readable
    } else {
        name.to_owned()
    }
}

fn segments(tally: &Tally, model: &Model) -> Vec<SegmentLine> {
    let verified = tally.rows(&[Pile::Verified]);
    let review = tally.rows(&[Pile::Open, Pile::Held]);
    let mut lines: Vec<SegmentLine> = tally
        .rows(&Pile::ALL)
        .into_iter()
        .map(|(segment, rows)| SegmentLine {
            words: segment.kind.in_plain_words().to_owned(),
            rows,
            verified: verified.get(&segment).copied().unwrap_or(0),
            review: review.get(&segment).copied().unwrap_or(0),
            share: model.mean(&segment),
            hard: model.hard(&segment),
            segment: segment.to_string(),
        })
        .collect();
    lines.sort_by(|a, b| {
        a.share
            .total_cmp(&b.share)
            .then_with(|| a.segment.cmp(&b.segment))
    });
    lines
}
