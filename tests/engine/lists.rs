//! The real program over a real server: the lists are the same whoever asks, and whoever dies meanwhile.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::internet::{Internet, assert_one_visitor, counts, source};
use crate::server::{self, Cluster, Server};

/// Domains of a list.
const DOMAINS: usize = 24;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(400);

/// Every domain's rows far apart, half of them real.
fn list(domains: usize, names: usize) -> String {
    let mut list = "id,email\n".to_owned();
    for name in 0..names {
        for domain in 0..domains {
            let letter = if name % 2 == 0 { 'a' } else { 'x' };
            let _ = writeln!(list, "{name}-{domain},{letter}{name}@d{domain}.test");
        }
    }
    list
}

/// A folder in which the program works, in one internet.
struct Place {
    folder: TempDir,
    internet: Internet,
    engine: Option<String>,
}

/// A worker, which is killed when the test is over.
struct Worker {
    child: Child,
    number: u8,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }
}

impl Place {
    fn new(list: &str, pause: Duration, engine: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), list).unwrap();
        Place {
            folder,
            internet: Internet::start(pause),
            engine,
        }
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        command
            .arg(what)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .args(["--allow-private", "--skip-preflight"])
            .args(["--dns", &self.internet.names.to_string()])
            .args(["--smtp-port", &self.internet.port.to_string()])
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(engine) = &self.engine {
            command.args(["--engine", engine]);
        }
        command
    }

    fn verify(&self) -> Child {
        self.command("verify")
            .args(["list.csv", "--helo", "mail.sender.test"])
            .args(["--mail-from", "verify@sender.test"])
            .args(["--host-rate", "60/s", "--host-rate-max", "60/s"])
            .args(["--second-look", "0", "--seed", "7"])
            .spawn()
            .unwrap()
    }

    fn worker(&self, number: u8) -> Worker {
        let child = self
            .command("worker")
            .args(["--source-ip", &source(number).to_string()])
            .args(["--helo", &format!("v{number}.sender.test")])
            .args(["--name", &format!("v{number}")])
            .spawn()
            .unwrap();
        Worker { child, number }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until a run is over.
    fn finish(&self, mut run: Child) {
        let since = Instant::now();
        loop {
            if let Some(status) = run.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "{}", self.log());
                return;
            }
            if since.elapsed() > PATIENCE {
                let _ = run.kill();
                panic!("it hangs: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until so many recipients were asked about.
    fn wait_for(&self, asked: usize) {
        let since = Instant::now();
        while self.internet.count() < asked {
            assert!(since.elapsed() < PATIENCE, "nobody asks: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The lists, but for what is another one's in every run: who was asked when.
    fn lists(&self) -> Vec<String> {
        let folder: PathBuf = self.folder.path().join("list.csv.presend");
        let columns = [
            "id",
            "email",
            "presend_address",
            "presend_verdict",
            "presend_reason",
            "presend_bounce",
            "presend_flags",
            "presend_reply",
        ];
        let mut rows = Vec::new();
        for name in ["verified", "rejected", "review"] {
            let mut reader = csv::Reader::from_path(folder.join(format!("{name}.csv"))).unwrap();
            let header = reader.headers().unwrap().clone();
            for row in reader.records() {
                let row = row.unwrap();
                let cells = columns.map(|column| {
                    let place = header.iter().position(|name| name == column).unwrap();
                    row[place].to_owned()
                });
                rows.push(format!("{name}: {}", cells.join("|")));
            }
        }
        rows
    }
}

/// What one machine makes of a list.
fn alone(list: &str) -> Vec<String> {
    let place = Place::new(list, Duration::from_millis(1), None);
    place.finish(place.verify());
    place.lists()
}

#[test]
fn a_list_is_the_same_whoever_asks() {
    if !server::is_there() {
        return;
    }
    let list = list(DOMAINS, 10);
    let wanted = alone(&list);
    assert_eq!(wanted.len(), DOMAINS * 10);
    for count in [1, 2, 4] {
        let server = Server::start();
        let place = Place::new(&list, Duration::from_millis(1), Some(server.url()));
        let _workers: Vec<Worker> = (0..count).map(|number| place.worker(number)).collect();
        place.finish(place.verify());
        assert_eq!(place.lists(), wanted, "{count} workers");
        let asked = place.internet.asked();
        assert_one_visitor(&asked);
        // A machine may be asked once more about an address that it accepted, to see whether it is in step.
        let twice: Vec<String> = counts(&asked)
            .into_iter()
            .filter(|(_, times)| *times > 1)
            .map(|(recipient, times)| format!("{recipient}: {times}"))
            .collect();
        assert!(twice.len() <= DOMAINS, "{count} workers: {twice:?}");
        // A run that is complete leaves nothing.
        let left = server.files_with("@d1.test");
        assert_eq!(left, Vec::<PathBuf>::new(), "{count} workers");
    }
}

/// How often somebody is killed: few in an ordinary test run.
fn kills() -> usize {
    let wanted = std::env::var("PRESEND_KILLS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(4)
}

#[test]
fn a_list_is_the_same_whoever_is_killed() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 30);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(30), Some(server.url()));
    let mut workers: Vec<Worker> = (0..3).map(|number| place.worker(number)).collect();
    let mut run = place.verify();
    let mut chance: u64 = 7;
    for kill in 0..kills() {
        place.wait_for(20 + place.internet.count());
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if run.try_wait().unwrap().is_some() {
            eprintln!("the run was over after {kill} kills");
            break;
        }
        match usize::try_from(chance >> 33).unwrap() % 4 {
            0 => {
                run.kill().unwrap();
                run.wait().unwrap();
                run = place.verify();
            }
            which => {
                let number = workers[which - 1].number;
                workers[which - 1].child.kill().unwrap();
                workers[which - 1].child.wait().unwrap();
                workers[which - 1] = place.worker(number);
            }
        }
    }
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn a_worker_that_was_stopped_for_a_while_asks_nothing_that_is_anothers() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 20);
    let wanted = alone(&list);
    let server = Server::start();
    let place = Place::new(&list, Duration::from_millis(50), Some(server.url()));
    let workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(60);
    workers[0].signal("-STOP");
    std::thread::sleep(Duration::from_secs(30));
    workers[0].signal("-CONT");
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}

#[test]
fn a_cluster_may_lose_its_leader() {
    if !server::is_there() {
        return;
    }
    let list = list(48, 20);
    let wanted = alone(&list);
    let mut cluster = Cluster::start();
    let place = Place::new(
        &list,
        Duration::from_millis(20),
        Some(cluster.urls().join(",")),
    );
    let _workers: Vec<Worker> = (0..2).map(|number| place.worker(number)).collect();
    let run = place.verify();
    place.wait_for(100);
    cluster.kill_leader();
    place.finish(run);
    assert_eq!(place.lists(), wanted);
    assert_one_visitor(&place.internet.asked());
}
