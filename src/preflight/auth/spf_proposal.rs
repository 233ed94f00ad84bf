//! No record is recommended before it was evaluated: publishing it must not lose a sender that was named.

use std::net::IpAddr;

use crate::preflight::auth::spf::edit::{term_for, with_term};
use crate::preflight::auth::spf::{Question, SpfResult, check_host};
use crate::preflight::auth::spf_checks::SpfFacts;
use crate::preflight::check::{Check, publish_txt};
use crate::preflight::lookup::Lookups;

/// The checks with the SPF records that they tell the operator to publish proven: all named senders pass by them. A
/// record that lets some of them out gets their addresses; one that still does not pass them is not shown. `question`
/// is what receivers would ask about a sender.
pub async fn proven<'q>(
    lookups: &Lookups,
    facts: &SpfFacts,
    checks: Vec<Check>,
    question: impl Fn(IpAddr) -> Question<'q>,
) -> Vec<Check> {
    let mut told = Vec::with_capacity(checks.len());
    for mut check in checks {
        if let Some(record) = check.proposes.take() {
            let publish = publish_txt(&facts.domain, &record);
            let instead = match mended(lookups, facts, &record, &question).await {
                Some(record) => publish_txt(&facts.domain, &record),
                None => UNPROVEN.to_owned(),
            };
            check.fix = check.fix.map(|fix| fix.replace(&publish, &instead));
        }
        told.push(check);
    }
    told
}

/// What stands where a record would be shown that cannot be proven.
const UNPROVEN: &str = "No record is proposed here, for by none that comes near to yours all your addresses would pass: mend \
                        first what the other SPF checks name, then run this again";

/// The record, or the one closest to it, by which all named senders pass.
async fn mended<'q>(
    lookups: &Lookups,
    facts: &SpfFacts,
    record: &str,
    question: impl Fn(IpAddr) -> Question<'q>,
) -> Option<String> {
    let lost = left_out(lookups, facts, record, &question).await;
    if lost.is_empty() {
        return Some(record.to_owned());
    }
    let mended = lost.iter().rev().fold(record.to_owned(), |record, ip| {
        with_term(&record, &term_for(*ip))
    });
    left_out(lookups, facts, &mended, &question)
        .await
        .is_empty()
        .then_some(mended)
}

/// Which of the named senders would not pass by a record.
async fn left_out<'q>(
    lookups: &Lookups,
    facts: &SpfFacts,
    record: &str,
    question: impl Fn(IpAddr) -> Question<'q>,
) -> Vec<IpAddr> {
    let supposed = lookups.with_record(&facts.domain, record);
    let mut lost = Vec::new();
    for (ip, _) in &facts.outcomes {
        if check_host(&supposed, &question(*ip)).await.result != SpfResult::Pass {
            lost.push(*ip);
        }
    }
    lost
}
