//! The second reading: every row to its list, what the rows come to.

use std::ffi::OsStr;
use std::path::Path;
use std::thread;

use super::ahead::Judged;
use super::changes::ChangeLog;
use super::judge::{Judge, Judgement};
use super::seen::Seen;
use super::{Observer, Task, Tools, ahead};
use crate::input::list::List;
use crate::ledger::Ledger;
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Policy};
use crate::projection::Basis;
use crate::projection::Forecast;
use crate::projection::Goal;
use crate::projection::Model;
use crate::projection::Observed;
use crate::projection::Pile;
use crate::projection::Priors;
use crate::projection::Segment;
use crate::projection::Takings;
use crate::projection::Tally;
use crate::projection::USUAL_CAP;
use crate::projection::target;
use crate::verify::output::{Form, Outlet, Place, Written};
use crate::verify::report::{self, FromMemory, Gathering, Report};

/// The rate that the report looks at when the operator names none: what senders live by (field guide, section 9).
const USUAL_GOAL: Goal = Goal {
    rate: 0.02,
    basis: Basis::Expected,
    cap: USUAL_CAP,
};

/// Writes the lists and reports what they come to, after asking that ended so, with so many mailboxes met.
pub(super) fn list_rows(
    task: &Task,
    tools: &Tools,
    ledger: &Ledger,
    now: Timestamp,
    (ending, mailboxes): (Ending, usize),
    observer: &mut dyn Observer,
) -> anyhow::Result<Report> {
    let model = believed(ledger, now)?;
    let list = task.source.list(&task.options)?;
    let mut outlet = Outlet::create(&task.out, form_of(&list), task.writing.rights)?;
    let mut gathering = Gathering::new(name_alone(task.source.name()));
    let judge = Judge::new(tools, now, ending);
    // What a run left undone when it stopped early is no change.
    let register = match ending {
        Ending::Completed => ledger.register(mailboxes)?,
        Ending::Interrupted | Ending::Deadline | Ending::Stranded => None,
    };
    let mut seen = Seen::beside(register);
    let mut changes = ChangeLog::begin(task, &seen)?;
    let mut memory = FromMemory::default();
    let began = ledger.run_began();
    let mut tally = Tally::new(&model);
    let (mut shares, mut listed): (Vec<f64>, u64) = (Vec::new(), 0);
    thread::scope(|scope| {
        let mut ahead = ahead::read(scope, list, &tools.lists, &judge, ledger, seen.marker())?;
        while let Some(batch) = ahead.next_batch() {
            let mut batch = batch?;
            batch.flag_duplicates(&mut seen, &tools.policy);
            observer.listing(listed);
            for row in batch.rows(task.writing.cells) {
                listed += 1;
                let Judged {
                    judgement, address, ..
                } = row.judged;
                let (address, mark) = address.unzip();
                let pile = pile_of(&judgement, &tools.policy);
                let domain = address
                    .as_ref()
                    .map_or("", |address| address.domain().wire());
                let provider = judgement.provider_id.as_deref();
                let slot = judgement
                    .is_message()
                    .then(|| tally.add(judgement.kind(), provider, domain, pile));
                if let Some(slot) = slot
                    && usize::from(slot.0) == shares.len()
                {
                    shares.push(model.mean(tally.segment(slot)));
                }
                let bounce = slot.map(|slot| shares[usize::from(slot.0)]);
                outlet.write(
                    Place {
                        disposition: judgement.disposition,
                        pile,
                        slot,
                    },
                    &row.theirs,
                    &judgement.columns(bounce, row.address, &row.input),
                )?;
                let row = report::Seen {
                    sheet_row: row.sheet_row,
                    verdict: judgement.verdict,
                    disposition: judgement.disposition,
                    flags: judgement.flags,
                    suggestion: judgement.suggestion.as_deref(),
                    provider: judgement.provider.as_deref(),
                    provider_id: judgement.provider_id.as_deref(),
                    address: address.as_ref(),
                };
                gathering.count(&row, |address| tools.lists.explain(address));
                if let Some(at) = judgement.checked_at.filter(|at| *at < began) {
                    memory.count(at, began);
                }
                if let (Some(mark), Some(address)) = (mark, &address)
                    && !judgement.flags.has(Flag::Duplicate)
                {
                    changes.note(&mut seen, (mark, address), judgement.verdict)?;
                }
            }
            ahead.give_back(batch);
        }
        anyhow::Ok(())
    })?;
    // Only now is known what the list says of those whom nobody could ask.
    let model = tally.teach(model);
    let mut written = outlet.close()?;
    settle(&mut written, &tally, &model, &shares)?;
    let forecast = Forecast::new(&model);
    let goal = task.target.unwrap_or(USUAL_GOAL);
    let (mut target, takings) = target(&forecast, &tally, goal);
    if task.target.is_some() {
        cut(&mut written, &tally, takings)?;
        target.file = Some(TARGET_FILE.to_owned());
    }
    if let Some((path, format)) = &task.writing.all {
        written.put_together(path, *format)?;
    }
    let mut report = gathering.finish(&tally, &forecast, target);
    report.ending = ending;
    report.memory = memory;
    // What was asked and what is listed must be one list. The lists of an earlier run stay.
    task.source.unchanged()?;
    written.publish()?;
    report.changes = changes.finish(&seen, ledger, now)?;
    if task.target.is_none() {
        // One of an earlier run would be about other rows.
        match std::fs::remove_file(task.out.join(TARGET_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(report)
}

/// The list that `--target` writes.
pub(super) const TARGET_FILE: &str = "target.csv";

/// What is believed before a list is seen: the priors, with the real bounces that the ledger knows, as far as they still
/// count at `now`.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn believed(ledger: &Ledger, now: Timestamp) -> anyhow::Result<Model> {
    let observed = ledger
        .outcomes()?
        .into_iter()
        .filter_map(|(name, outcomes)| {
            // A name that this version does not know counts for nothing.
            let segment: Segment = name.parse().ok()?;
            let outcomes = outcomes.faded(now);
            let observed = Observed {
                total: outcomes.total,
                bounced: outcomes.bounced,
                hard: outcomes.hard,
            };
            Some((segment, observed))
        })
        .collect();
    Ok(Model::new(Priors::built_in().clone(), &observed))
}

/// Writes the bounce column again where the list has changed what is believed.
fn settle(
    written: &mut Written,
    tally: &Tally,
    model: &Model,
    provisional: &[f64],
) -> anyhow::Result<()> {
    let settled: Vec<Option<f64>> = tally
        .segments()
        .zip(provisional)
        .map(|(segment, before)| {
            let share = model.mean(segment);
            #[expect(clippy::float_cmp, reason = "the same sum gives the same number")]
            (share != *before).then_some(share)
        })
        .collect();
    if settled.iter().any(Option::is_some) {
        written.settle(|slot| settled[usize::from(slot.0)])?;
    }
    Ok(())
}

/// Writes the largest list under a wanted rate: of each segment so many, the first in the caller's order.
fn cut(written: &mut Written, tally: &Tally, mut takings: Takings) -> anyhow::Result<u64> {
    let segments: Vec<&Segment> = tally.segments().collect();
    let rows = written.cut(TARGET_FILE, |pile, slot| {
        let segment = segments[usize::from(slot.0)];
        match takings.get_mut(&(pile, segment.clone())) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    })?;
    Ok(rows)
}

/// The name of a list without the folders that lead to it: a report is passed on, and they say whose it was.
fn name_alone(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(OsStr::to_str);
    name.unwrap_or(path)
}

/// Where a row goes, as far as a wanted rate is concerned.
fn pile_of(judgement: &Judgement, policy: &Policy) -> Pile {
    match judgement.disposition {
        Disposition::Verified => Pile::Verified,
        Disposition::Review if policy.objects_to(judgement.flags.iter()) => Pile::Held,
        Disposition::Review => Pile::Open,
        Disposition::Rejected => Pile::Rejected,
    }
}

/// How the caller's list is written, as far as our lists must follow it.
fn form_of(list: &List) -> Form {
    let delimiter = list.delimiter().unwrap_or(b',');
    let header = if let Some(header) = list.header() {
        let theirs = list.earlier().strip(header, None).0;
        theirs.into_owned()
    } else {
        let names: Vec<String> = (1..=list.columns().len().max(1))
            .map(|n| format!("column_{n}"))
            .collect();
        names.join(&char::from(delimiter).to_string()).into_bytes()
    };
    Form {
        // Programs that import a list want its header on the first line.
        preamble: list.byte_order_mark().to_vec(),
        header,
        delimiter,
        terminator: if list.terminator().is_empty() {
            b"\n".to_vec()
        } else {
            list.terminator().to_vec()
        },
    }
}
