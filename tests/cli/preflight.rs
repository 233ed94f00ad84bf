//! `presend preflight` as a user runs it: each broken thing is named with its fix, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use serde::Deserialize;
use serde_json::Value;

use crate::list::{presend, repository};

/// The command line for `sound.toml`.
const ARGS: &str = "example.org --ip 192.0.2.10 --selector s1 --helo out.example.org";

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    args: Option<String>,
    #[serde(default)]
    more: Vec<String>,
    #[serde(default)]
    replace: Vec<(String, String)>,
    #[serde(default)]
    add: String,
    #[serde(default)]
    fails: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    exit: i32,
    #[serde(default)]
    fix: BTreeMap<String, String>,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("tests/scenarios/preflight/{name}"))).unwrap()
}

fn preflight(folder: &Path, arguments: &[&str]) -> Output {
    let mut words = vec!["preflight"];
    words.extend(arguments);
    presend(folder, &words)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The names of checks with a status, each once, sorted.
fn with_status(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let mut ids: Vec<String> = checks
        .filter(|check| check["status"] == status)
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Case {
    /// What is wrong with how the program judged this world; empty when nothing is.
    fn judge(&self, sound: &str, folder: &Path) -> Vec<String> {
        let mut world = sound.to_owned();
        for (from, to) in &self.replace {
            assert!(world.contains(from), "{}: no {from}", self.what);
            world = world.replace(from, to);
        }
        world = format!("{world}\n{}", self.add);
        std::fs::write(folder.join("world.toml"), world).unwrap();
        let line = self.args.as_deref().unwrap_or(ARGS);
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(self.more.iter().map(String::as_str));
        arguments.extend(["--world", "world.toml", "--json"]);
        let output = preflight(folder, &arguments);
        let report = json(&output);
        let mut wrong = Vec::new();
        let mut expect = |what: &str,
                          expected: &dyn std::fmt::Debug,
                          found: &dyn std::fmt::Debug,
                          same: bool| {
            if !same {
                wrong.push(format!(
                    "{}: {what}: expected {expected:?}, found {found:?}",
                    self.what
                ));
            }
        };
        let failed = with_status(&report, "fail");
        expect("fails", &self.fails, &failed, failed == self.fails);
        let unknown = with_status(&report, "unknown");
        expect(
            "unknown",
            &self.unknown,
            &unknown,
            self.unknown.iter().all(|id| unknown.contains(id)),
        );
        let code = output.status.code();
        expect("exit code", &self.exit, &code, code == Some(self.exit));
        let checks = report["checks"].as_array().unwrap();
        for check in checks.iter().filter(|check| check["status"] == "fail") {
            let id = check["id"].as_str().unwrap();
            let fix = check["fix"].as_str().unwrap_or_default();
            expect("a fix for", &id, &fix, !fix.is_empty());
        }
        for (id, words) in &self.fix {
            let fixes: Vec<&str> = checks
                .iter()
                .filter(|check| check["id"] == id.as_str() && check["status"] == "fail")
                .filter_map(|check| check["fix"].as_str())
                .collect();
            expect(
                id,
                words,
                &fixes,
                fixes.iter().any(|fix| fix.contains(words)),
            );
        }
        wrong
    }
}

#[test]
fn each_broken_thing_in_a_world_file_is_named_with_its_fix_and_nothing_else_is() {
    let sound = read("sound.toml");
    let cases: Cases = toml::from_str(&read("cases.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wrong: Vec<String> = cases
        .case
        .iter()
        .flat_map(|case| case.judge(&sound, folder.path()))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
