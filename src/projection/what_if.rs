//! What would become of the rate if some rows were sent to as well, or were left out.

use serde::{Deserialize, Serialize};

use super::Selection;
use super::forecast::{Forecast, Projection};
use super::segment::{Kind, Segment};
use super::tally::{Pile, Tally};

/// Rows about which the operator decides together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// At domains that accept every address, or perhaps do.
    CatchAlls,
    /// At providers that accept everything and bounce later.
    TakeAllProviders,
    /// Not settled: not asked, no answer, blocked.
    Unsettled,
    /// Mailboxes that are full, or too busy just now.
    FullOrBusy,
}

impl Group {
    /// All groups, in the order in which the report offers them.
    pub const ALL: [Group; 4] = [
        Group::CatchAlls,
        Group::TakeAllProviders,
        Group::Unsettled,
        Group::FullOrBusy,
    ];

    /// The group of a kind; `None` where there is nothing to decide.
    #[must_use]
    pub fn of(kind: Kind) -> Option<Group> {
        match kind {
            Kind::CatchAll | Kind::Untested => Some(Group::CatchAlls),
            Kind::AcceptsEveryone => Some(Group::TakeAllProviders),
            Kind::Unasked | Kind::Deferred | Kind::Unreachable | Kind::Blocked | Kind::Unread => {
                Some(Group::Unsettled)
            }
            Kind::Full | Kind::Busy => Some(Group::FullOrBusy),
            Kind::Proven
            | Kind::Throwaway
            | Kind::Refused
            | Kind::NoMail
            | Kind::NoAddress
            | Kind::Suppressed => None,
        }
    }

    /// A description of its rows, for the report.
    #[must_use]
    pub fn in_plain_words(self) -> &'static str {
        match self {
            Group::CatchAlls => "catch-all domains",
            Group::TakeAllProviders => "providers that accept everything",
            Group::Unsettled => "addresses nobody could tell us about",
            Group::FullOrBusy => "full or busy mailboxes",
        }
    }
}

/// One question "what if" with its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// Which rows it is about.
    pub group: Group,
    /// The id of the only provider it is about; `None` for all.
    #[serde(default)]
    pub provider: Option<String>,
    /// Rows of it that are verified.
    pub verified_rows: u64,
    /// Rows of it that wait in review for what their mail host said.
    pub review_rows: u64,
    /// The verified rows and all of these.
    pub kept: Projection,
    /// The verified rows without these.
    pub dropped: Projection,
}

/// Most providers that are asked about apart, in each group. Our choice: more is no question but a table.
const PROVIDERS_SHOWN: usize = 5;

/// Answers what a person will ask: all groups there are rows of, then the providers with most rows of each.
#[must_use]
pub fn what_if(forecast: &Forecast<'_>, tally: &Tally) -> Vec<WhatIf> {
    let verified = tally.rows(&[Pile::Verified]);
    let open = tally.rows(&[Pile::Open]);
    let mut answers = Vec::new();
    for group in Group::ALL {
        let about = |segment: &Segment| Group::of(segment.kind) == Some(group);
        answers.extend(answer(forecast, &verified, &open, group, None, about));
        let mut providers: Vec<(u64, &str)> = Vec::new();
        for (segment, &count) in verified
            .iter()
            .chain(&open)
            .filter(|(segment, _)| about(segment))
        {
            let Some(provider) = segment.provider.as_deref() else {
                continue;
            };
            match providers.iter_mut().find(|(_, known)| *known == provider) {
                Some((rows, _)) => *rows += count,
                None => providers.push((count, provider)),
            }
        }
        providers.sort_by_key(|&(rows, provider)| (std::cmp::Reverse(rows), provider));
        for (_, provider) in providers.into_iter().take(PROVIDERS_SHOWN) {
            answers.extend(answer(
                forecast,
                &verified,
                &open,
                group,
                Some(provider),
                |segment| about(segment) && segment.provider.as_deref() == Some(provider),
            ));
        }
    }
    answers
}

fn answer(
    forecast: &Forecast<'_>,
    verified: &Selection,
    open: &Selection,
    group: Group,
    provider: Option<&str>,
    about: impl Fn(&Segment) -> bool,
) -> Option<WhatIf> {
    let rows_of = |rows: &Selection| -> u64 {
        rows.iter()
            .filter(|(segment, _)| about(segment))
            .map(|(_, count)| count)
            .sum()
    };
    let (verified_rows, review_rows) = (rows_of(verified), rows_of(open));
    if verified_rows + review_rows == 0 {
        return None;
    }
    let mut kept = verified.clone();
    for (segment, &count) in open.iter().filter(|(segment, _)| about(segment)) {
        *kept.entry(segment.clone()).or_default() += count;
    }
    let mut dropped = verified.clone();
    dropped.retain(|segment, _| !about(segment));
    Some(WhatIf {
        group,
        provider: provider.map(str::to_owned),
        verified_rows,
        review_rows,
        kept: forecast.project(&kept),
        dropped: forecast.project(&dropped),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::Model;

    fn tally(rows: &[(Kind, Option<&str>, Pile, u64)]) -> Tally {
        let mut tally = Tally::new(&Model::built_in());
        for &(kind, provider, pile, count) in rows {
            for row in 0..count {
                tally.add(kind, provider, &format!("d{row}.test"), pile);
            }
        }
        tally
    }

    #[test]
    fn keeping_catch_alls_costs_and_dropping_them_pays() {
        let tally = tally(&[
            (Kind::Proven, None, Pile::Verified, 100),
            (Kind::CatchAll, Some("google"), Pile::Verified, 20),
            (Kind::CatchAll, None, Pile::Open, 80),
            (Kind::CatchAll, None, Pile::Held, 50),
        ]);
        let model = Model::built_in();
        let answers = what_if(&Forecast::new(&model), &tally);
        assert_eq!(answers.len(), 2, "{answers:#?}");
        let all = &answers[0];
        assert_eq!(
            (all.group, all.provider.as_deref()),
            (Group::CatchAlls, None)
        );
        assert_eq!((all.verified_rows, all.review_rows), (20, 80));
        assert_eq!((all.kept.rows, all.dropped.rows), (200, 100));
        assert!(all.kept.rate > 0.13 && all.dropped.rate < 0.011);
        assert_eq!(answers[1].provider.as_deref(), Some("google"));
        assert_eq!((answers[1].verified_rows, answers[1].review_rows), (20, 0));
    }

    #[test]
    fn where_there_is_nothing_to_decide_nothing_is_asked() {
        let tally = tally(&[
            (Kind::Proven, None, Pile::Verified, 10),
            (Kind::Refused, None, Pile::Rejected, 10),
        ]);
        let model = Model::built_in();
        assert_eq!(what_if(&Forecast::new(&model), &tally), []);
    }
}
