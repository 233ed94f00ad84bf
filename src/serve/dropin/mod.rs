//! Answers in the shape of other verifiers, so that their clients work here by changing the address.

pub mod reacher;
pub mod zerobounce;

use crate::model::verdict::{Finding, Whom};
use crate::verify::check::JudgedAddress;

/// The mail hosts that were asked about an address or its domain, each once, in the order in which they answered.
fn hosts(judged: &JudgedAddress) -> Vec<&str> {
    let mut hosts: Vec<&str> = Vec::new();
    for fact in &judged.evidence.facts {
        if let Finding::Asked { exchange, .. } = &fact.finding
            && !hosts.contains(&exchange.host.as_str())
        {
            hosts.push(&exchange.host);
        }
    }
    hosts
}

/// Whether a mail host has answered for the address itself.
fn was_answered(judged: &JudgedAddress) -> bool {
    judged.evidence.facts.iter().any(|fact| {
        matches!(
            &fact.finding,
            Finding::Asked {
                whom: Whom::Subject,
                exchange,
                ..
            } if exchange.code.is_some()
        )
    })
}
