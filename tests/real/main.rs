//! presend before real mail servers: Debian's, unpacked by `.ci/real-servers`, set up as people do, in namespaces of the
//! test's own. They tell what no simulator knows: whether we read them rightly, and whether we are a nuisance to them.

mod isolation;
mod machine;
mod manners;
mod postfix;
mod run;
mod score;
mod table;
mod visit;
mod zone;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use isolation::{Readiness, inside, readiness, run_inside, tell};
use machine::Machine;
use run::Job;
use table::{Internet, Pace, Server};

const TEST: &str = "real_servers_are_read_rightly_and_left_in_peace";

#[test]
fn real_servers_are_read_rightly_and_left_in_peace() {
    let servers = match readiness() {
        Readiness::Ready(servers) => servers,
        Readiness::Missing(why) if std::env::var_os("CI").is_some() => {
            panic!("no real servers: {why}")
        }
        Readiness::Missing(why) => {
            return tell(&format!("SKIPPED for want of real servers: {why}"));
        }
    };
    match inside() {
        Some(form) => within(&servers, Form::named(&form)),
        None => {
            let forms: &[Form] = match std::env::var("PRESEND_REAL").as_deref() {
                Ok("whole") => &[Form::Patient, Form::Hasty],
                Ok(other) => panic!("PRESEND_REAL={other}: only `whole` is known"),
                Err(_) => &[Form::Short],
            };
            let passed = forms.iter().map(|form| {
                let (passed, said) = run_inside(TEST, form.name());
                tell(&said);
                passed
            });
            let passed: Vec<bool> = passed.collect();
            assert!(passed.iter().all(|passed| *passed), "see above");
        }
    }
}

/// What is run: everything comes out of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Greylists and limits are cut short, and so is the wait.
    Short,
    /// Everything as people set it up, `--wait 8m`.
    Patient,
    /// The same with `--wait 2m`.
    Hasty,
}

impl Form {
    const ALL: [Form; 3] = [Form::Short, Form::Patient, Form::Hasty];

    fn name(self) -> &'static str {
        match self {
            Form::Short => "short",
            Form::Patient => "patient",
            Form::Hasty => "hasty",
        }
    }

    fn named(name: &str) -> Form {
        *Form::ALL
            .iter()
            .find(|form| form.name() == name)
            .expect("a known form")
    }

    fn pace(self) -> Pace {
        match self {
            Form::Short => Pace::Short,
            Form::Patient | Form::Hasty => Pace::AsSetUp,
        }
    }

    fn wait(self) -> &'static str {
        match self {
            Form::Short => "1m",
            Form::Patient => "8m",
            Form::Hasty => "2m",
        }
    }

    /// How many rows of a hundred must be right.
    fn bar(self) -> f64 {
        match self {
            Form::Short | Form::Patient => 98.0,
            Form::Hasty => 95.0,
        }
    }
}

/// Builds the internet of the table and lets presend loose on it.
fn within(servers: &Path, form: Form) {
    let internet = Internet::read(include_str!("internet.toml"), form.pace());
    let folder = fresh_folder(form);
    let machines = build(servers, &folder, &internet);
    let job = Job::new(&folder.join("job"), &internet, form.wait());

    let took = job.run();
    let said = job.said();
    let scores = score::by_host(&internet, &said);
    let first: Vec<_> = internet
        .hosts
        .iter()
        .zip(&machines)
        .map(|(host, machine)| manners::of(host, machine))
        .collect();
    println!(
        "{form:?}: {} s\n{}\n{}",
        took.as_secs(),
        score::table(&scores),
        manners::table(&first)
    );
    score::check(&scores, form.bar());
    manners::check(&first);
}

/// A folder for this form, with nothing of an earlier run in it; mounted in memory, but for what people may want to read.
fn fresh_folder(form: Form) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("real")
        .join(form.name());
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn build(servers: &Path, folder: &Path, internet: &Internet) -> Vec<Machine> {
    network(servers, internet);
    let names = Machine::new(&servers.join("nsd"), &folder.join("names"), &[]);
    zone::serve(&names, internet);
    let machines: Vec<Machine> = internet
        .hosts
        .iter()
        .map(|host| {
            let domains: Vec<_> = internet.domains_of(host).collect();
            let place = folder.join(&host.name);
            match host.server {
                Server::Postfix => {
                    let machine = Machine::new(&servers.join("postfix"), &place, &postfix::USERS);
                    postfix::start(&machine, host, &domains);
                    machine
                }
            }
        })
        .collect();
    for (host, machine) in internet.hosts.iter().zip(&machines) {
        machine.await_port(host.address, 25);
    }
    machines
}

/// Gives this network the addresses of all hosts and ours; both networks are the documentation's.
fn network(servers: &Path, internet: &Internet) {
    let ip = |arguments: &[&str]| {
        let status = Command::new("chroot")
            .arg(servers.join("tools"))
            .arg("ip")
            .args(arguments)
            .status();
        assert!(status.unwrap().success(), "ip {arguments:?}");
    };
    ip(&["link", "set", "lo", "up"]);
    ip(&["address", "add", zone::SOURCE, "dev", "lo"]);
    for host in &internet.hosts {
        ip(&["address", "add", &host.address.to_string(), "dev", "lo"]);
    }
}
