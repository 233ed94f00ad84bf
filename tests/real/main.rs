//! presend before real mail servers: Debian's, unpacked by `.ci/real-servers`, set up as people do, in namespaces of the
//! test's own. They tell what no simulator knows: whether we read them rightly, and whether we are a nuisance to them.

mod chasquid;
mod courier;
mod exim;
mod isolation;
mod machine;
mod manners;
mod opensmtpd;
mod pipes;
mod policy;
mod postfix;
mod run;
mod score;
mod sendmail;
mod table;
mod visit;
mod zone;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use isolation::{Readiness, inside, readiness, run_inside, tell};
use machine::Machine;
use manners::Interruption;
use run::Job;
use table::{Host, Internet, Pace, Server};

const TEST: &str = "real_servers_are_read_rightly_and_left_in_peace";

#[test]
fn real_servers_are_read_rightly_and_left_in_peace() {
    let Some(servers) = servers() else { return };
    if let Some(form) = inside() {
        return within(&servers, Form::named(&form));
    }
    let forms: &[Form] = match std::env::var("PRESEND_REAL").as_deref() {
        Ok("whole") => &[Form::Patient, Form::Hasty, Form::PatientKilled],
        Ok(other) => panic!("PRESEND_REAL={other}: only `whole` is known"),
        Err(_) => &[Form::Short, Form::ShortKilled],
    };
    let runs: Vec<_> = forms
        .iter()
        .map(|form| thread::spawn(|| run_inside(TEST, form.name())))
        .collect();
    let mut passed = true;
    for run in runs {
        let (well, said) = run.join().unwrap();
        tell(&said);
        passed &= well;
    }
    assert!(passed, "see above");
}

#[test]
fn real_servers_pipe_bounces_in_by_the_lines_of_the_readme() {
    let Some(servers) = servers() else { return };
    if inside().is_some() {
        return pipes::within(&servers);
    }
    let (well, said) = run_inside(pipes::TEST, "pipes");
    tell(&said);
    assert!(well, "see above");
}

/// Where the servers are; where they are missing, that is told, and is a failure only where it must not be.
fn servers() -> Option<PathBuf> {
    match readiness() {
        Readiness::Ready(servers) => Some(servers),
        Readiness::Missing(why) if std::env::var_os("CI").is_some() => {
            panic!("no real servers: {why}")
        }
        Readiness::Missing(why) => {
            tell(&format!("SKIPPED for want of real servers: {why}"));
            None
        }
    }
}

/// What is run: everything comes out of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Greylists and limits are cut short, and so is the wait.
    Short,
    /// The same, killed in between and continued.
    ShortKilled,
    /// Everything as people set it up, `--wait 8m`.
    Patient,
    /// The same with `--wait 2m`.
    Hasty,
    /// `Patient`, killed in between and continued.
    PatientKilled,
}

impl Form {
    const ALL: [Form; 5] = [
        Form::Short,
        Form::ShortKilled,
        Form::Patient,
        Form::Hasty,
        Form::PatientKilled,
    ];

    fn name(self) -> &'static str {
        match self {
            Form::Short => "short",
            Form::ShortKilled => "short-killed",
            Form::Patient => "patient",
            Form::Hasty => "hasty",
            Form::PatientKilled => "patient-killed",
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
            Form::Short | Form::ShortKilled => Pace::Short,
            Form::Patient | Form::Hasty | Form::PatientKilled => Pace::AsSetUp,
        }
    }

    fn wait(self) -> &'static str {
        match self {
            Form::Short | Form::ShortKilled => "1m",
            Form::Patient | Form::PatientKilled => "8m",
            Form::Hasty => "2m",
        }
    }

    /// How many rows of a hundred must be right.
    fn bar(self) -> f64 {
        match self {
            Form::Short | Form::ShortKilled | Form::Patient | Form::PatientKilled => 98.0,
            Form::Hasty => 95.0,
        }
    }

    /// After how long the run is killed.
    fn killed_after(self) -> Option<Duration> {
        match self {
            Form::Short | Form::Patient | Form::Hasty => None,
            Form::ShortKilled | Form::PatientKilled => Some(Duration::from_secs(6)),
        }
    }
}

/// Builds the internet of the table and lets presend loose on it.
fn within(servers: &Path, form: Form) {
    let mut internet = Internet::read(include_str!("internet.toml"), form.pace());
    if let Ok(wanted) = std::env::var("PRESEND_REAL_ONLY") {
        internet.narrow(&wanted);
    }
    let folder = fresh_folder(form.name());
    let machines = build(servers, &folder, &internet);
    let known = |machines: &[Machine]| -> Vec<usize> {
        machines
            .iter()
            .map(|machine| machine.log().length())
            .collect()
    };
    let since = |known: &[usize]| -> Vec<_> {
        let places = internet.hosts.iter().zip(&machines).zip(known);
        places
            .filter_map(|((host, machine), known)| manners::since(host, machine, *known))
            .collect()
    };
    let job = Job::new(&folder.join("job"), &internet, form.wait());
    let interruption = match form.killed_after() {
        None => Interruption::None,
        Some(time) => {
            job.kill_after(time);
            Interruption::Killed
        }
    };

    let took = job.run();
    let scores = score::by_host(&internet, &job.said());
    let manners = since(&vec![0; machines.len()]);
    println!(
        "{form:?}: {} s\n{}\n{}",
        took.as_secs(),
        score::table(&scores),
        manners::table(&manners)
    );

    let before = known(&machines);
    let took = job.run();
    let scores_again = score::by_host(&internet, &job.said());
    let manners_again = since(&before);
    println!(
        "{form:?}, again: {} s\n{}",
        took.as_secs(),
        score::table(&scores_again)
    );

    let complaints = [
        score::complaints(&scores, form.bar()),
        manners::complaints(&manners, interruption),
        score::complaints(&scores_again, form.bar()),
        manners::complaints_again(&manners_again, &scores),
    ]
    .concat();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A folder for a run, with nothing of an earlier run in it; mounted in memory, but for what people may want to read.
fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("real")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn build(servers: &Path, folder: &Path, internet: &Internet) -> Vec<Machine> {
    network(servers, internet.hosts.iter().map(|host| host.address));
    let names = Machine::new(&servers.join("nsd"), &folder.join("names"), &[]);
    zone::serve(&names, internet);
    // Two at a time is what a small machine can do; starting one mostly means waiting for it.
    let starting = |hosts: &[Host]| -> Vec<Machine> {
        hosts
            .iter()
            .map(|host| start(servers, &folder.join(&host.name), internet, host))
            .collect()
    };
    let (some, others) = internet.hosts.split_at(internet.hosts.len() / 2);
    let machines: Vec<Machine> = thread::scope(|scope| {
        let begun = scope.spawn(|| starting(others));
        let mut machines = starting(some);
        machines.extend(begun.join().unwrap());
        machines
    });
    for (host, machine) in internet.hosts.iter().zip(&machines) {
        if let Some(port) = port(host.server) {
            machine.await_port(host.address, port);
        }
    }
    machines
}

fn start(servers: &Path, folder: &Path, internet: &Internet, host: &Host) -> Machine {
    let domains: Vec<_> = internet.domains_of(host).collect();
    let machine = |server: &str, users: &[&str]| Machine::new(&servers.join(server), folder, users);
    match host.server {
        Server::Nobody => machine("tools", &[]),
        Server::Postfix => {
            let machine = machine("postfix", &postfix::USERS);
            postfix::start(&machine, host, &domains);
            machine
        }
        Server::Exim => {
            let machine = machine("exim", &exim::USERS);
            exim::start(&machine, host, &domains);
            machine
        }
        Server::Opensmtpd => {
            let machine = machine("opensmtpd", &opensmtpd::USERS);
            opensmtpd::start(&machine, host, &domains);
            machine
        }
        Server::Sendmail => {
            let machine = machine("sendmail", &sendmail::USERS);
            sendmail::start(&machine, host, &domains);
            machine
        }
        Server::Courier => {
            let machine = machine("courier", &courier::USERS);
            courier::start(&machine, host, &domains);
            machine
        }
        Server::Chasquid => {
            let machine = machine("chasquid", &chasquid::USERS);
            chasquid::start(&machine, host, &domains);
            machine
        }
        Server::Sqlgrey => {
            let machine = machine("sqlgrey", &policy::USERS);
            policy::start_sqlgrey(&machine, host);
            machine
        }
        Server::Postgrey => {
            let machine = machine("postgrey", &policy::USERS);
            policy::start_postgrey(&machine, host);
            machine
        }
        Server::Dovecot => {
            let machine = machine("dovecot", &policy::USERS);
            policy::start_dovecot(&machine, host, &domains);
            machine
        }
    }
}

/// Where a server listens.
fn port(server: Server) -> Option<u16> {
    match server {
        Server::Nobody => None,
        Server::Postfix
        | Server::Exim
        | Server::Opensmtpd
        | Server::Sendmail
        | Server::Courier
        | Server::Chasquid => Some(25),
        Server::Postgrey => Some(policy::POSTGREY),
        Server::Sqlgrey => Some(policy::SQLGREY),
        Server::Dovecot => Some(policy::LMTP),
    }
}

/// Gives this network the addresses of hosts and ours; both networks are the documentation's.
fn network(servers: &Path, addresses: impl Iterator<Item = Ipv4Addr>) {
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
    for address in addresses {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]);
    }
}
