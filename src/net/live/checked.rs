//! What a response must be before hickory reads it.
//!
//! hickory takes what it finds in a response for the answer to its question. A filter, a captive network or a broken
//! server answers another question, leads in a circle, or vouches for its "no" with the record of a zone that has no
//! say in it. Such a response is made into one that says nothing to the question; [`super::proof`] sees by its question
//! that it does.

use std::collections::HashSet;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::{DnsResponse, Message, Query};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::model::limits;

/// Whose response it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Whose {
    /// A resolver's, which asks others.
    #[default]
    Resolver,
    /// That of a zone's own name server, which must say so (RFC 1035 §4.1.1, AA): on the way to it, others answer in
    /// its name.
    Authority,
}

/// The response to `asked`, with nothing in it that says something to another question.
pub(super) fn checked(
    asked: &Query,
    whose: Whose,
    response: DnsResponse,
) -> Result<DnsResponse, NetError> {
    // What was cut short is asked for again.
    if response.truncation {
        return Ok(response);
    }
    match verdict(asked, whose, &response) {
        Said::ToTheQuestion => Ok(response),
        Said::ToAnother => rebuilt(response, |message| {
            message.queries = vec![Query::query(Name::root(), RecordType::ANY)];
            message.answers.clear();
            message.authorities.clear();
        }),
        Said::No { end, vouched } => rebuilt(response, |message| {
            message.answers.clear();
            let has_say = |record: &Record| record.name.zone_of(&end);
            message
                .authorities
                .retain(|record| record.record_type() != RecordType::SOA || has_say(record));
            if vouched == Vouched::ByTheResolver {
                message.authorities.push(validated());
            }
        }),
    }
}

/// What a response says.
enum Said {
    ToTheQuestion,
    ToAnother,
    /// There is no such name or record at the `end` of the aliases that the question leads over.
    No {
        end: Name,
        vouched: Vouched,
    },
}

/// Who vouches for a "no".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vouched {
    /// The record of a zone that the name is in, or nobody.
    ByTheZone,
    /// The resolver, which has validated it (RFC 4035 §3.2.3, AD).
    ByTheResolver,
}

fn verdict(asked: &Query, whose: Whose, response: &DnsResponse) -> Said {
    let wanted = asked.query_type();
    let is_same = response
        .queries
        .first()
        .is_some_and(|query| query.name() == asked.name() && query.query_type() == wanted);
    if !is_same || (whose == Whose::Authority && !response.authoritative) {
        return Said::ToAnother;
    }
    let (names, end) = aliases(asked.name(), &response.answers);
    let is_answer =
        |record: &Record| record.record_type() == wanted && names.contains(&record.name);
    if response.answers.iter().any(is_answer) {
        return Said::ToTheQuestion;
    }
    let leads_on = names.len() > 1;
    // In a circle, or to the answer of another question.
    let Some(end) = end.filter(|_| response.answers.is_empty() || leads_on) else {
        return Said::ToAnother;
    };
    let mut zones = response
        .authorities
        .iter()
        .filter(|record| record.record_type() == RecordType::SOA);
    let all_have_a_say = zones.clone().all(|zone| zone.name.zone_of(&end));
    let one_has_a_say = zones.any(|zone| zone.name.zone_of(&end));
    match (one_has_a_say, response.authentic_data) {
        // An alias that the resolver has not followed to its end is followed by hickory.
        (false, false) if leads_on => Said::ToTheQuestion,
        (true, _) if !leads_on && all_have_a_say => Said::ToTheQuestion,
        (false, false) if all_have_a_say => Said::ToTheQuestion,
        (true, _) | (false, false) => Said::No {
            end,
            vouched: Vouched::ByTheZone,
        },
        (false, true) => Said::No {
            end,
            vouched: Vouched::ByTheResolver,
        },
    }
}

/// The names that `name` is an alias of, itself included, with the last one; none where they lead in a circle.
fn aliases(name: &Name, answers: &[Record]) -> (HashSet<Name>, Option<Name>) {
    let mut names = HashSet::from([name.clone()]);
    let mut end = name.clone();
    loop {
        let next = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == end => Some(target.0.clone()),
            _ => None,
        });
        match next {
            None => return (names, Some(end)),
            Some(next) if names.insert(next.clone()) => end = next,
            Some(_) => return (names, None),
        }
    }
}

/// The record that stands for the zone's own, where a resolver has validated the "no" and left that away.
fn validated() -> Record {
    let seconds = u32::try_from(limits::DNS_NEGATIVE_TTL.as_secs()).unwrap_or(u32::MAX);
    let soa = SOA::new(Name::root(), Name::root(), 0, 0, 0, 0, seconds);
    Record::from_rdata(Name::root(), seconds, RData::SOA(soa))
}

fn rebuilt(
    response: DnsResponse,
    change: impl FnOnce(&mut Message),
) -> Result<DnsResponse, NetError> {
    let mut message = response.into_message();
    change(&mut message);
    Ok(DnsResponse::from_message(message)?)
}
