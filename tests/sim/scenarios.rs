//! Scenarios as data: each file in `tests/scenarios` describes an internet and a list, and says what must come out.
//!
//! `about` says what the scenario shows. Either `[world]` (as in world files, see `world::sim::scenario`) with `list`
//! (the addresses) and `[expect]` (verdict and reason by address), or `[drawn]` with the `seed` and the `addresses` of
//! a world in which something once went wrong, be it when the run was interrupted and continued. `[at_most]` may bound
//! `seconds`, `connections` and `recipients` of what is described; `wait` is how many seconds one address may wait.
//! Whatever else it is about, the oracle must find nothing wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use presend::sim::net::Internet;
use presend::sim::score::Courtesy;
use presend::sim::score::Machines;
use presend::sim::score::described;
use presend::sim::score::judged;
use presend::sim::score::oracle::{self, Listed};
use presend::sim::score::simulate;
use presend::sim::score::tools;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[expect(dead_code, reason = "for people")]
    about: String,
    #[serde(default)]
    list: Vec<String>,
    #[serde(default)]
    expect: BTreeMap<String, String>,
    #[serde(default)]
    at_most: Bounds,
    wait: Option<u64>,
    world: Option<toml::Table>,
    drawn: Option<Drawn>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    seconds: Option<u64>,
    connections: Option<u64>,
    recipients: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawn {
    seed: u64,
    addresses: usize,
}

/// What is wrong with the run of a scenario.
fn faults(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let scenario: Scenario = match toml::from_str(&text) {
        Ok(scenario) => scenario,
        Err(error) => return vec![error.to_string()],
    };
    let creation = match (&scenario.world, &scenario.drawn) {
        (Some(world), None) => {
            let world = toml::to_string(world).unwrap();
            match Internet::from_toml(&world, "its world") {
                Ok(internet) => described(1, internet, &scenario.list),
                Err(error) => return vec![error.to_string()],
            }
        }
        (None, Some(drawn)) => {
            let score = simulate(drawn.seed, drawn.addresses, Machines::One).unwrap();
            return score.findings.iter().map(ToString::to_string).collect();
        }
        (_, _) => return vec!["it needs either [world] or [drawn]".to_owned()],
    };
    let mut courtesy = Courtesy::default();
    if let Some(wait) = scenario.wait {
        courtesy.patience = Duration::from_secs(wait);
    }
    let (outcome, score) = judged(&creation, &tools(), &courtesy).unwrap();
    let mut faults: Vec<String> = score.findings.iter().map(ToString::to_string).collect();
    let listed = oracle::read(&creation.list, &outcome.lists).0;
    let found: BTreeMap<&str, String> = scenario
        .list
        .iter()
        .zip(&listed)
        .map(|(address, listed)| (address.as_str(), in_two_words(listed.as_ref())))
        .collect();
    for (address, expected) in &scenario.expect {
        let found = found.get(address.as_str());
        if found != Some(expected) {
            faults.push(format!(
                "{address}: {expected} was expected, {found:?} came out"
            ));
        }
    }
    if let Some(unexpected) = found
        .keys()
        .find(|address| !scenario.expect.contains_key(**address))
        && scenario.world.is_some()
    {
        faults.push(format!("[expect] says nothing of {unexpected}"));
    }
    let figures = [
        ("seconds", outcome.took.as_secs(), scenario.at_most.seconds),
        (
            "connections",
            score.traffic.connections,
            scenario.at_most.connections,
        ),
        (
            "recipients",
            score.traffic.recipients,
            scenario.at_most.recipients,
        ),
    ];
    for (what, found, most) in figures {
        if most.is_some_and(|most| found > most) {
            faults.push(format!("{found} {what}, at most {most:?} were expected"));
        }
    }
    faults
}

fn in_two_words(listed: Option<&Listed>) -> String {
    listed.map_or_else(
        || "nothing".to_owned(),
        |listed| format!("{} {}", listed.verdict, listed.reason),
    )
}

#[test]
fn every_scenario_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    assert!(files.len() > 40, "{} scenarios", files.len());
    let mut wrong = String::new();
    for file in files {
        for fault in faults(&file) {
            let name = file.file_name().unwrap().display();
            let _ = write!(wrong, "\n{name}: {fault}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
