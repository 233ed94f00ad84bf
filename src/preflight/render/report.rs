//! The whole of a preflight, as one value for scripts and pages.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Value, json};

use crate::preflight::auth::dkim::KeyRecord;
use crate::preflight::auth::dkim_checks::{AtSelector, Selected};
use crate::preflight::auth::dmarc_checks::{DmarcFacts, Search};
use crate::preflight::auth::spf::SpfOutcome;
use crate::preflight::auth::spf_checks::SpfFacts;
use crate::preflight::check::{Check, Fitness, Side, title};
use crate::preflight::machine::checks::Findings;
use crate::preflight::machine::port25::Port25;
use crate::preflight::sender::audience::Audience;
use crate::preflight::sender::checks::SenderReport;
use crate::preflight::sender::warm_up::Day;

/// Version of the JSON form.
const SCHEMA: u32 = 1;

/// Everything found out.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// The sender, when a domain was given.
    pub sender: Option<SenderReport>,
    /// This machine, when it was looked at.
    pub machine: Option<Findings>,
    /// The plan for the wanted volume; empty without one.
    pub warm_up: Vec<Day>,
    /// The providers of the list's mailboxes, when a list was given.
    pub audience: Option<Audience>,
}

impl Preflight {
    /// Every check, those of the sender first.
    #[must_use]
    pub fn checks(&self) -> Vec<&Check> {
        let sender = self.sender.iter().flat_map(|sender| &sender.checks);
        let machine = self.machine.iter().flat_map(|machine| &machine.checks);
        sender.chain(machine).collect()
    }

    /// Whether all is well. A sender is judged by its own checks; that this machine cannot ask says nothing against
    /// the sender, but leaves it untold. Without a sender, the machine is judged.
    #[must_use]
    pub fn fitness(&self) -> Fitness {
        let Some(sender) = &self.sender else {
            return Fitness::of(self.checks());
        };
        match Fitness::of(&sender.checks) {
            Fitness::Fit
                if self
                    .machine
                    .as_ref()
                    .is_some_and(|machine| !machine.can_ask()) =>
            {
                Fitness::CouldNotTell
            }
            fitness @ (Fitness::Fit | Fitness::NotFit | Fitness::CouldNotTell) => fitness,
        }
    }

    /// Checks of one side, in order.
    pub fn checks_about(&self, side: Side) -> impl Iterator<Item = &Check> {
        self.checks()
            .into_iter()
            .filter(move |check| check.about == side)
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut root = json!({
            "schema": SCHEMA,
            "fit": self.fitness(),
            "checks": self.checks().into_iter().map(titled).collect::<Vec<_>>(),
            "warm_up": self.warm_up,
        });
        if let Some(audience) = &self.audience {
            root["audience"] = json!(audience);
        }
        if let Some(sender) = &self.sender {
            root["domain"] = json!(sender.domain);
            root["volume"] = json!(sender.volume);
            root["rules"] = json!(sender.rules);
            root["spf"] = spf(&sender.spf);
            root["dkim"] =
                json!({ "selectors": sender.dkim.iter().map(selector).collect::<Vec<_>>() });
            root["dmarc"] = dmarc(&sender.dmarc);
        }
        if let Some(machine) = &self.machine {
            root["machine"] = json!({
                "can_ask": machine.can_ask(),
                "port_25": port_25(machine.port_25),
                "public_address": machine.public_address,
                "sources": machine.sources,
            });
        }
        root
    }
}

/// A check with its display name.
fn titled(check: &Check) -> Value {
    let mut told = json!(check);
    told["title"] = json!(title(check.id));
    told
}

fn spf(facts: &SpfFacts) -> Value {
    let addresses: Vec<Value> = facts
        .outcomes
        .iter()
        .map(|(ip, outcome)| evaluated(*ip, outcome))
        .collect();
    json!({
        "domain": facts.domain,
        "result": facts.result(),
        "lookups": facts.lookups(),
        "void_lookups": facts.void_lookups(),
        "records": facts.records.iter().map(|record| &record.text).collect::<Vec<_>>(),
        "addresses": addresses,
        "tree": facts.tree.root,
    })
}

fn evaluated(ip: IpAddr, outcome: &SpfOutcome) -> Value {
    json!({
        "ip": ip,
        "result": outcome.result,
        "lookups": outcome.lookups,
        "void_lookups": outcome.void_lookups,
        "matched": outcome.matched.as_ref().map(|(term, domain)| json!({ "term": term, "domain": domain })),
        "explanation": outcome.explanation,
        "problem": outcome.problem.as_ref().map(ToString::to_string),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    Usable,
    Weak,
    Testing,
    Revoked,
    Malformed,
    Several,
    Missing,
    Unknown,
}

fn selector(selected: &Selected) -> Value {
    let (state, key, fault) = match &selected.at {
        AtSelector::Record(KeyRecord::Key(key)) => {
            let state = if selected.usable().is_some() {
                KeyState::Usable
            } else if key.testing {
                KeyState::Testing
            } else {
                KeyState::Weak
            };
            (state, Some(key), None)
        }
        AtSelector::Record(KeyRecord::Revoked) => (KeyState::Revoked, None, None),
        AtSelector::Malformed(fault) => (KeyState::Malformed, None, Some(fault.to_string())),
        AtSelector::Several(_) => (KeyState::Several, None, None),
        AtSelector::Nothing => (KeyState::Missing, None, None),
        AtSelector::Failed(failure) => (KeyState::Unknown, None, Some(failure.to_string())),
    };
    json!({
        "selector": selected.selector,
        "origin": selected.origin,
        "state": state,
        "key": key,
        "fault": fault,
    })
}

fn dmarc(facts: &DmarcFacts) -> Value {
    let owner = match &facts.search {
        Search::Policy { owner, .. }
        | Search::NearMiss { owner, .. }
        | Search::Malformed { owner, .. }
        | Search::Several { owner, .. } => Some(owner),
        Search::Nothing | Search::Failed(_) => None,
    };
    json!({
        "found_at": owner.map(|owner| format!("_dmarc.{owner}")),
        "record": facts.record(),
    })
}

fn port_25(port: Port25) -> &'static str {
    match port {
        Port25::Open => "open",
        Port25::Closed => "closed",
        Port25::Captured => "captured",
        Port25::NotTried => "not_tried",
    }
}
