//! Everything that happened, counted: what bounced and why, by whose fault, when.
//!
//! Memory grows with the number of different addresses that bounced or complained (about 40 bytes each), with nothing
//! else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::cascade::{self, Cascade, TimeLine};
use super::meaning;
use super::{BounceEvent, Fault, Kind, Piece, Understood};
use crate::bounce::event::Platforms;
use crate::bounce::explain::{Knowledge, RejectedBy, safe_line};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;

/// What happened, counted.
#[derive(Debug, Default)]
pub struct Campaign {
    kinds: BTreeMap<Kind, u64>,
    repeats: u64,
    nameless: u64,
    unreadable: u64,
    causes: BTreeMap<(Reason, bool), Cause>,
    seen: HashSet<u64>,
    fates: HashMap<u64, Fate>,
    line: TimeLine,
    span: Option<(Timestamp, Timestamp)>,
    unread: BTreeMap<String, u64>,
    misread: BTreeMap<(PathBuf, Understood), u64>,
    rows: BTreeMap<PathBuf, u64>,
}

/// Rows or events of a file that were not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Misread {
    /// The file's name.
    pub file: String,
    /// How many of its rows or events.
    pub rows: u64,
    /// Of how many.
    pub of: u64,
    /// What is missing in them.
    pub why: &'static str,
    /// What would help.
    pub hint: &'static str,
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} of {} rows or events were not understood: {}; {}",
            self.file, self.rows, self.of, self.why, self.hint
        )
    }
}

/// Bounces with one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// How many bounces have this reason.
    pub count: u64,
    /// Of these, how many each side refused.
    pub refused_by: BTreeMap<&'static str, u64>,
    /// The words of the first.
    pub example: String,
    /// What the sender should do.
    pub advice: Vec<String>,
}

/// What has become of one address, the worst of it.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    bounce: Worst,
    complained: bool,
}

/// The worst bounce of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    /// None was found.
    #[default]
    None,
    /// The sender's doing.
    BySender,
    /// Not the sender's, and not for good.
    Soft,
    /// For good, with the mailbox or its domain to blame.
    Hard,
}

/// How many different addresses there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Bounced, for whatever reason.
    pub bounced: u64,
    /// Of these, for good, with the mailbox or its domain to blame.
    pub hard: u64,
    /// Of the bounced, by the sender's doing alone.
    pub sender: u64,
    /// Addresses that complained.
    pub complaints: u64,
}

impl Campaign {
    /// A season in which nothing happened yet.
    #[must_use]
    pub fn new() -> Campaign {
        Campaign::default()
    }

    /// Takes a piece in; gives back what it says, each address once, with what is a repetition marked.
    pub fn take(
        &mut self,
        piece: Piece,
        platforms: &Platforms,
        knowledge: Knowledge<'_>,
    ) -> Vec<BounceEvent> {
        let mut happenings = meaning::judge(piece, platforms, knowledge);
        if happenings.is_empty() {
            self.unreadable += 1;
        }
        for happening in &mut happenings {
            self.note_understanding(happening);
            self.count(happening);
        }
        happenings
    }

    /// Notes whether a row was understood. Files are few.
    fn note_understanding(&mut self, happening: &BounceEvent) {
        let file = happening.origin.file.as_path();
        let room = self.rows.len() < limits::MISREAD_FILES;
        match self.rows.get_mut(file) {
            Some(rows) => *rows += 1,
            None if room => {
                self.rows.insert(file.to_owned(), 1);
            }
            None => return,
        }
        match happening.understood {
            Understood::Yes => {}
            Understood::NamesNobody | Understood::Unsaid => {
                *self
                    .misread
                    .entry((file.to_owned(), happening.understood))
                    .or_default() += 1;
            }
        }
    }

    /// Rows and events that were not understood, by file.
    #[must_use]
    pub fn misread(&self) -> Vec<Misread> {
        let all = self.misread.iter().filter_map(|((file, understood), rows)| {
            let (why, hint) = match understood {
                Understood::Yes => return None,
                Understood::NamesNobody => (
                    "they name no address",
                    "say which column holds it with --column, or which field in a file for --mapping",
                ),
                Understood::Unsaid => (
                    "they name an address and do not say what happened to it",
                    "if that is known from elsewhere, such as from the name of the file, say it with --unsaid \
                     (bounce, complaint, unsubscribed); if a column or field says it, name it in a file for --mapping",
                ),
            };
            Some(Misread {
                file: safe_line(&file.display().to_string()),
                rows: *rows,
                of: self.rows.get(file).copied().unwrap_or(*rows),
                why,
                hint,
            })
        });
        all.collect()
    }

    /// Counts one happening.
    fn count(&mut self, happening: &mut BounceEvent) {
        let key = happening.listed().map(|listed| {
            Address::parse(listed).map_or_else(
                |_| fingerprint(listed.to_lowercase().as_bytes()),
                |address| fingerprint(address.key().as_bytes()),
            )
        });
        if let Some(key) = key {
            let what = format!("{key:x} {} {}", happening.kind.as_str(), happening.id);
            happening.repeat = !self.seen.insert(fingerprint(what.as_bytes()));
        }
        if happening.repeat {
            self.repeats += 1;
            return;
        }
        *self.kinds.entry(happening.kind).or_default() += 1;
        match happening.kind {
            Kind::Bounce => self.count_bounce(happening, key),
            Kind::Complaint => match key {
                Some(key) => self.fates.entry(key).or_default().complained = true,
                None => self.nameless += 1,
            },
            Kind::Delayed
            | Kind::Delivered
            | Kind::AutoReply
            | Kind::Suppressed
            | Kind::Unsubscribed
            | Kind::Other => {}
        }
    }

    fn count_bounce(&mut self, happening: &BounceEvent, key: Option<u64>) {
        let reason = happening.reason.unwrap_or(Reason::Unread);
        let fault = happening.fault().unwrap_or(Fault::Neither);
        let text = happening.diagnostic.clone().unwrap_or_default();
        if reason == Reason::Unread && self.unread.len() < limits::UNREAD_REPLIES
            || self.unread.contains_key(&text)
        {
            *self.unread.entry(text.clone()).or_default() += 1;
        }
        let cause = self
            .causes
            .entry((reason, happening.permanent))
            .or_default();
        if cause.count == 0 {
            cause.example = text;
            cause.advice.clone_from(&happening.advice);
        }
        cause.count += 1;
        *cause
            .refused_by
            .entry(happening.rejected_by.as_str())
            .or_default() += 1;
        match key {
            Some(key) => {
                let worst = match fault {
                    _ if happening.is_hard() => Worst::Hard,
                    Fault::Sender => Worst::BySender,
                    Fault::List | Fault::Neither => Worst::Soft,
                };
                let fate = self.fates.entry(key).or_default();
                fate.bounce = fate.bounce.max(worst);
            }
            None => self.nameless += 1,
        }
        if let Some(at) = happening.at {
            self.span = Some(
                self.span
                    .map_or((at, at), |(first, last)| (first.min(at), last.max(at))),
            );
            self.line.add(happening.provider.as_deref(), at, fault);
        }
    }

    /// How many happenings of a kind, repetitions not counted.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// How many were read before.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// How many bounces and complaints name no recipient.
    #[must_use]
    pub fn nameless(&self) -> u64 {
        self.nameless
    }

    /// How many pieces could not be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Bounces by reason and permanence.
    #[must_use]
    pub fn causes(&self) -> &BTreeMap<(Reason, bool), Cause> {
        &self.causes
    }

    /// Bounces that are to be put down to `fault`.
    #[must_use]
    pub fn of_fault(&self, fault: Fault) -> u64 {
        self.causes
            .iter()
            .filter(|((reason, _), _)| Fault::of(*reason) == fault)
            .map(|(_, cause)| cause.count)
            .sum()
    }

    /// How many different addresses of each kind there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for fate in self.fates.values() {
            counts.bounced += u64::from(fate.bounce != Worst::None);
            counts.hard += u64::from(fate.bounce == Worst::Hard);
            counts.sender += u64::from(fate.bounce == Worst::BySender);
            counts.complaints += u64::from(fate.complained);
        }
        counts
    }

    /// When the first and the last bounce came, where they say.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Where bounces rise because the sender is being shut out.
    #[must_use]
    pub fn cascades(&self) -> Vec<Cascade> {
        cascade::recognise(&self.line)
    }

    /// Texts that no rule understood, with how often they came.
    #[must_use]
    pub fn unread(&self) -> &BTreeMap<String, u64> {
        &self.unread
    }
}

/// The sides that can refuse, in the order of tables.
pub(super) const REFUSERS: [RejectedBy; 4] = [
    RejectedBy::Recipient,
    RejectedBy::Gateway,
    RejectedBy::Sender,
    RejectedBy::Unknown,
];
