//! Which answers of an interrupted run nothing vouches for yet, by mail host.

use std::collections::HashMap;

use rusqlite::{Row, params};

use super::row::{millis, moment};
use super::{Ledger, LedgerError};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Whom;
use crate::probe::{Asked, CatchAllState, KnownMachine, was_to_be_asked_again};

/// A run's answers about recipients, those about one together, in their order.
macro_rules! answers {
    ($table:literal, $key:literal, $kind:literal) => {
        concat!(
            "SELECT ",
            $key,
            ", at, reason, permanent, host, code, rule FROM ",
            $table,
            " WHERE run = ?1 AND kind = '",
            $kind,
            "' AND stage = 'rcpt' ORDER BY ",
            $key,
            ", run, n"
        )
    };
}

/// What an answer says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    /// What was said before is not believed: the machine was caught.
    TakenBack,
    /// What was said before is not believed; it says nothing of the machine, which is asked again.
    AskedAgain,
}

/// An answer as it stands in the ledger.
struct Answer<'a> {
    whom: Whom,
    /// The address's key, or the name of the decoy's domain.
    key: &'a str,
    at: Timestamp,
    said: Said,
    host: &'a str,
    /// Whether its words are an acceptance.
    is_yes: bool,
}

/// An answer that may need vouching for.
struct Kept {
    whom: Whom,
    key: String,
    at: Timestamp,
    said: Said,
    host: String,
}

impl From<&Answer<'_>> for Kept {
    fn from(answer: &Answer<'_>) -> Self {
        Kept {
            whom: answer.whom,
            key: answer.key.to_owned(),
            at: answer.at,
            said: answer.said,
            host: answer.host.to_owned(),
        }
    }
}

/// The answers of one mail host: in sums, and the last ones.
#[derive(Default)]
struct Answers {
    refusals: u32,
    /// When it last accepted a recipient.
    accepted_at: Timestamp,
    /// When it last refused a recipient.
    refused_at: Timestamp,
    /// When acceptances were last taken back, when refusals were.
    taken_back_at: [Option<Timestamp>; 2],
    accepted: Vec<Kept>,
    refused: Vec<Kept>,
    /// Accepted before a later refusal.
    witnesses: Vec<Kept>,
}

impl Answers {
    fn count(&mut self, answer: &Answer<'_>) {
        match (answer.said, answer.whom) {
            (Said::No, _) => {
                self.refusals += 1;
                self.refused_at = self.refused_at.max(answer.at);
            }
            (Said::Yes, Whom::Subject) => self.accepted_at = self.accepted_at.max(answer.at),
            // That a decoy was accepted shows nothing of those refused.
            (Said::Yes, Whom::Decoy) | (Said::AskedAgain, _) => {}
            (Said::TakenBack, _) => {
                let at = &mut self.taken_back_at[usize::from(!answer.is_yes)];
                *at = (*at).max(Some(answer.at));
            }
        }
    }

    /// Keeps the last answer about a recipient. Answers of one moment may have come in either order, so neither
    /// vouches.
    fn keep(&mut self, answer: Kept) {
        let (place, most) = match (answer.said, answer.whom) {
            (Said::Yes, Whom::Subject) if answer.at >= self.refused_at => {
                (&mut self.accepted, limits::LONGEST_ROW)
            }
            (Said::Yes, Whom::Subject) => (&mut self.witnesses, limits::WITNESSES),
            (Said::No, _) if answer.at >= self.accepted_at => {
                (&mut self.refused, limits::LONGEST_ROW)
            }
            (Said::Yes, Whom::Decoy) | (Said::No | Said::TakenBack | Said::AskedAgain, _) => return,
        };
        place.push(answer);
        if place.len() >= 2 * most {
            leave_newest(place, most);
        }
    }
}

/// Leaves the newest so many, in the order of their time.
fn leave_newest(kept: &mut Vec<Kept>, most: usize) {
    kept.sort_by_key(|answer| answer.at);
    kept.drain(..kept.len().saturating_sub(most));
}

impl Ledger {
    /// What mail hosts answered in this run before it was interrupted, by their names, as far as no later answer
    /// vouches for it: nothing of hosts that have refused no recipient, and nothing where the run continues none. It
    /// reads all facts.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn machines(&mut self) -> Result<HashMap<String, KnownMachine>, LedgerError> {
        if !self.continues {
            return Ok(HashMap::new());
        }
        let answers = self.last_answers().map_err(|error| self.failure(error))?;
        answers
            .into_iter()
            .map(|(host, answers)| Ok((host, self.machine(answers)?)))
            .collect()
    }

    /// The last answers of each mail host that has refused a recipient.
    fn last_answers(&self) -> rusqlite::Result<HashMap<String, Answers>> {
        let mut hosts: HashMap<String, Answers> = HashMap::new();
        self.each_answer(|answer| {
            if let Some(host) = hosts.get_mut(answer.host) {
                host.count(&answer);
            } else {
                let mut host = Answers::default();
                host.count(&answer);
                hosts.insert(answer.host.to_owned(), host);
            }
        })?;
        hosts.retain(|_, host| host.refusals > 0);
        let mut last: Option<Kept> = None;
        let mut keep = |answer: Kept| {
            if let Some(host) = hosts.get_mut(&answer.host) {
                host.keep(answer);
            }
        };
        self.each_answer(|answer| {
            // Only the last answer about a recipient counts.
            if let Some(before) = last.take()
                && (before.whom, before.key.as_str()) != (answer.whom, answer.key)
            {
                keep(before);
            }
            last = Some(Kept::from(&answer));
        })?;
        last.into_iter().for_each(keep);
        Ok(hosts)
    }

    /// Hands out every answer of this run that says something.
    fn each_answer(&self, mut take: impl FnMut(Answer<'_>)) -> rusqlite::Result<()> {
        for (whom, query) in [
            (Whom::Subject, answers!("address", "key", "asked")),
            (Whom::Decoy, answers!("domain", "name", "decoy")),
        ] {
            let mut statement = self.connection.prepare(query)?;
            let mut rows = statement.query(params![millis(self.run_began)])?;
            while let Some(row) = rows.next()? {
                if let Some(answer) = read(row, whom)? {
                    take(answer);
                }
            }
        }
        Ok(())
    }

    /// What a run needs to know of a mail host to go on with it.
    fn machine(&mut self, answers: Answers) -> Result<KnownMachine, LedgerError> {
        let [accepting, refusing] = answers.taken_back_at;
        let mut machine = KnownMachine {
            refusals: answers.refusals,
            accepts_anybody: accepting.is_some_and(|at| at >= answers.refused_at),
            refuses_everybody: refusing.is_some(),
            ..KnownMachine::default()
        };
        let newest = |mut kept: Vec<Kept>, most: usize| {
            leave_newest(&mut kept, most);
            kept
        };
        for answer in newest(answers.witnesses, limits::WITNESSES)
            .into_iter()
            .chain(newest(answers.accepted, limits::LONGEST_ROW))
        {
            let Ok(address) = answer.key.parse::<Address>() else {
                continue;
            };
            let domain = self.strangers(address.domain().wire())?;
            if domain.openness != Some(CatchAllState::RefusesStrangers) {
                continue;
            }
            machine.witness = Some((address, domain));
            if answer.at >= answers.refused_at {
                machine.accepted.push(answer.into_party());
            }
        }
        machine.refused = newest(answers.refused, limits::LONGEST_ROW)
            .into_iter()
            .map(Kept::into_party)
            .collect();
        Ok(machine)
    }
}

impl Kept {
    fn into_party(self) -> Asked {
        let key = self.key.into_boxed_str();
        match self.whom {
            Whom::Subject => Asked::Address(key),
            Whom::Decoy => Asked::Decoy(key),
        }
    }
}

/// Reads an answer; `None` for one that says nothing.
fn read<'a>(row: &'a Row<'_>, whom: Whom) -> rusqlite::Result<Option<Answer<'a>>> {
    let text = |column: usize| -> rusqlite::Result<&'a str> {
        Ok(row.get_ref(column)?.as_str_or_null()?.unwrap_or_default())
    };
    let permanent = row.get::<_, Option<bool>>(3)?.unwrap_or(false);
    let said = match text(2)?.parse::<Reason>() {
        Ok(Reason::Accepted | Reason::AcceptedProvider) => Said::Yes,
        // That connection was not believed, the machine is.
        Ok(Reason::ProviderAnomaly) if was_to_be_asked_again(text(6)?) => Said::AskedAgain,
        Ok(Reason::ProviderAnomaly) => Said::TakenBack,
        Ok(reason) if reason.condemns(permanent) => Said::No,
        Ok(_) | Err(_) => return Ok(None),
    };
    Ok(Some(Answer {
        whom,
        key: text(0)?,
        at: moment(row.get(1)?),
        said,
        host: text(4)?,
        is_yes: matches!(row.get(5)?, Some(200..300u16)),
    }))
}
