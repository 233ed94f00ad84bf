//! The real program at work in a small internet: a user who has a list, workers, an engine.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::internet::{Internet, source};

/// A run that takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);

/// Every domain's rows far apart, half of them real.
pub(crate) fn list(domains: usize, names: usize) -> String {
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
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) internet: Internet,
    engine: Option<String>,
}

/// A worker, which is killed when the test is over.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) number: u8,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    pub(crate) fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }
}

impl Place {
    pub(crate) fn new(list: &str, pause: Duration, engine: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), list).unwrap();
        Place {
            folder,
            internet: Internet::start(pause),
            engine,
        }
    }

    pub(crate) fn command(&self, what: &str) -> Command {
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

    pub(crate) fn verify(&self) -> Child {
        self.command("verify")
            .args(["list.csv", "--helo", "mail.sender.test"])
            .args(["--mail-from", "verify@sender.test"])
            .args(["--host-rate", "60/s", "--host-rate-max", "60/s"])
            .args(["--second-look", "0", "--seed", "7"])
            .spawn()
            .unwrap()
    }

    pub(crate) fn worker(&self, number: u8) -> Worker {
        let child = self
            .command("worker")
            .args(["--source-ip", &source(number).to_string()])
            .args(["--helo", &format!("v{number}.sender.test")])
            .args(["--name", &format!("v{number}")])
            .spawn()
            .unwrap();
        Worker { child, number }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until a run is over.
    pub(crate) fn finish(&self, mut run: Child) {
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
    pub(crate) fn wait_for(&self, asked: usize) {
        let since = Instant::now();
        while self.internet.count() < asked {
            assert!(since.elapsed() < PATIENCE, "nobody asks: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The lists, but for what is another one's in every run: who was asked when.
    pub(crate) fn lists(&self) -> Vec<String> {
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
pub(crate) fn alone(list: &str) -> Vec<String> {
    let place = Place::new(list, Duration::from_millis(1), None);
    place.finish(place.verify());
    place.lists()
}
