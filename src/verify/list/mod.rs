//! The second reading: every row to its list, what the rows come to.

mod ahead;
mod changes;

use std::collections::HashSet;
use std::thread;

use super::ask::Asked;
use super::beliefs::believed;
use super::error::VerifyError;
use super::judge::{Judge, Judgement};
use super::seen::Seen;
use super::{Finished, Input, Observer, Task, Tools};
use crate::input::list::List;
use crate::ledger::Ledger;
use crate::model::ending::Ending;
use crate::model::flag::Flag;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Policy, Standing};
use crate::projection::Basis;
use crate::projection::Forecast;
use crate::projection::Goal;
use crate::projection::Model;
use crate::projection::Pile;
use crate::projection::Segment;
use crate::projection::Takings;
use crate::projection::Tally;
use crate::projection::USUAL_CAP;
use crate::projection::target;
use crate::verify::output::{self, Form, Generation, Outlet, Place, Written};
use crate::verify::report::{self, FromMemory, Gathering};

use ahead::{Judged, JudgedRow};
use changes::ChangeLog;

/// The rate that the report looks at when the operator names none: what senders live by.
const USUAL_GOAL: Goal = Goal {
    rate: 0.02,
    basis: Basis::Expected,
    cap: USUAL_CAP,
};

/// Writes the lists and reports what they come to, after the asking.
pub(super) fn list_rows(
    task: &Task,
    tools: &Tools,
    ledger: &Ledger,
    asked: &Asked,
    observer: &mut dyn Observer,
) -> Result<Finished, VerifyError> {
    let (now, ending) = (asked.clock.now(), asked.ending);
    let model = believed(ledger, now)?;
    let judge = Judge::new(tools, now, ending);
    // What a run left undone when it stopped early is no change.
    let register = match ending {
        Ending::Completed => ledger.register(asked.mailboxes)?,
        Ending::Interrupted | Ending::Deadline | Ending::Stranded => None,
    };
    let seen = Seen::beside(register);
    let mut listing = Listing {
        task,
        tools,
        changes: ChangeLog::begin(task, &seen)?,
        seen,
        beside: HashSet::new(),
        gathering: Gathering::new(&task.name()),
        memory: FromMemory::default(),
        began: ledger.run_began(),
        model: &model,
        tally: Tally::new(&model),
        shares: Vec::new(),
        listed: 0,
    };
    let mut lists = Vec::with_capacity(task.lists.len());
    for input in &task.lists {
        let written = listing.write(input, &judge, ledger, observer)?;
        lists.push((input.name.clone(), written));
    }
    let Listing {
        changes,
        seen,
        gathering,
        memory,
        tally,
        shares,
        ..
    } = listing;
    // Only now is known what the lists say of the addresses that could not be asked about.
    let model = tally.teach(model);
    settle(&mut lists, &tally, &model, &shares)?;
    let forecast = Forecast::new(&model);
    let goal = task.target.unwrap_or(USUAL_GOAL);
    let (mut target, takings) = target(&forecast, &tally, goal);
    let mut files = Generation::of(&task.out);
    if task.target.is_some() {
        cut(&mut lists, &tally, takings)?;
        target.file = Some(output::TARGET.to_owned());
    } else {
        // One of an earlier run would be about other rows.
        for input in &task.lists {
            files.remove(input.out.join(output::TARGET));
        }
    }
    if let Some((path, format)) = &task.writing.all {
        files.write(path.clone(), task.rights(), |file| {
            output::put_together(&mut lists, *format, file)
        })?;
    }
    let mut report = gathering.finish(&tally, &forecast, target);
    report.ending = ending;
    report.memory = memory;
    // What was asked and what is listed must be the same. The lists of an earlier run stay.
    for input in &task.lists {
        input.source.unchanged()?;
    }
    for (_, list) in lists {
        list.join(&mut files);
    }
    report.changes = changes.finish(&seen, ledger, &mut files)?;
    Ok(Finished {
        report,
        files,
        seen,
        at: now,
    })
}

/// What the rows come to that were listed so far.
struct Listing<'a> {
    task: &'a Task,
    tools: &'a Tools,
    changes: ChangeLog,
    seen: Seen,
    /// Addresses beside the best ones of rows that were counted as open.
    beside: HashSet<u64>,
    gathering: Gathering,
    memory: FromMemory,
    /// When the run began.
    began: Timestamp,
    model: &'a Model,
    tally: Tally,
    /// What bounces of each segment, before the lists have taught anything.
    shares: Vec<f64>,
    listed: u64,
}

impl Listing<'_> {
    /// Lists the rows of one list.
    fn write(
        &mut self,
        input: &Input,
        judge: &Judge<'_>,
        ledger: &Ledger,
        observer: &mut dyn Observer,
    ) -> Result<Written, VerifyError> {
        let list = input.source.list(&self.task.options)?;
        let mut outlet = Outlet::create(&self.task.out, &input.out, form_of(&list), input.rights)?;
        if let Some(name) = &input.name {
            let folder = input.out.strip_prefix(&self.task.out).unwrap_or(&input.out);
            self.gathering.begin(name, &folder.to_string_lossy());
        }
        let (tools, marker) = (self.tools, self.seen.marker());
        thread::scope(|scope| {
            let mut ahead = ahead::read(scope, list, &tools.lists, judge, ledger, &marker)?;
            while let Some(batch) = ahead.next_batch() {
                let mut batch = batch?;
                batch.flag_duplicates(&mut self.seen, &tools.policy);
                observer.listing(self.listed);
                for row in batch.rows(self.task.writing.cells) {
                    self.row(&row, &mut outlet)?;
                }
                ahead.give_back(batch);
            }
            Ok::<(), VerifyError>(())
        })?;
        Ok(outlet.close()?)
    }

    /// Counts the addresses of a row of which nothing is certain, each once in all lists. The best of a row is met before
    /// where it is a duplicate, or stood beside a better one.
    fn count_open(&mut self, row: &Judged) {
        let is_new = !row.judgement.flags.has(Flag::Duplicate);
        if let Some((mark, reason)) = row.open().filter(|_| is_new)
            && !self.beside.contains(&mark.0)
        {
            self.gathering.count_open(reason);
        }
        // One that may be written to at another address is settled.
        let is_open = row.judgement.verdict.standing == Standing::Unknown;
        for (mark, reason) in row.others.iter().filter(|_| is_open) {
            if !self.seen.has(*mark) && self.beside.insert(mark.0) {
                self.gathering.count_open(*reason);
            }
        }
    }

    /// Lists one row.
    fn row(&mut self, row: &JudgedRow<'_>, outlet: &mut Outlet) -> Result<(), VerifyError> {
        self.listed += 1;
        self.count_open(row.judged);
        let Judged {
            judgement, address, ..
        } = row.judged;
        let named = address.as_ref();
        let address = named.map(|(address, _)| address);
        let pile = pile_of(judgement, &self.tools.policy);
        let domain = address.map_or("", |address| address.domain().wire());
        let provider = judgement.provider_id.as_deref();
        let slot = judgement
            .is_message()
            .then(|| self.tally.add(judgement.kind(), provider, domain, pile));
        if let Some(slot) = slot
            && usize::from(slot.0) == self.shares.len()
        {
            let share = self.model.mean(self.tally.segment(slot));
            self.shares.push(share);
        }
        let bounce = slot.map(|slot| self.shares[usize::from(slot.0)]);
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
            address,
        };
        let lists = &self.tools.lists;
        self.gathering.count(&row, |address| lists.explain(address));
        if let Some(at) = judgement.checked_at.filter(|at| *at < self.began) {
            self.memory.count(at, self.began);
        }
        if let Some((address, mark)) = named
            && !judgement.flags.has(Flag::Duplicate)
        {
            self.changes
                .note(&mut self.seen, (*mark, address), judgement.verdict)?;
        }
        Ok(())
    }
}

/// Writes the bounce column again where the list has changed what is believed.
fn settle(
    lists: &mut [(Option<String>, Written)],
    tally: &Tally,
    model: &Model,
    provisional: &[f64],
) -> Result<(), VerifyError> {
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
        for (_, list) in lists {
            list.settle(|slot| settled[usize::from(slot.0)])?;
        }
    }
    Ok(())
}

/// Writes the largest list under a wanted rate: of each segment so many, the first in the caller's order.
fn cut(
    lists: &mut [(Option<String>, Written)],
    tally: &Tally,
    mut takings: Takings,
) -> Result<(), VerifyError> {
    let segments: Vec<&Segment> = tally.segments().collect();
    for (_, list) in lists {
        list.cut(output::TARGET, |pile, slot| {
            let segment = segments[usize::from(slot.0)];
            match takings.get_mut(&(pile, segment.clone())) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    true
                }
                Some(_) | None => false,
            }
        })?;
    }
    Ok(())
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
