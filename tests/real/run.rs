//! Runs of the real program over the table's list, and what it said of every address.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::table::Internet;
use crate::zone::{SENDER, SOURCE, SOURCE_NAME};

/// What presend said of one address.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) verdict: String,
    pub(crate) reason: String,
}

/// One list with one ledger, verified as often as one likes.
pub(crate) struct Job {
    folder: PathBuf,
    wait: &'static str,
}

impl Job {
    /// Writes the list of the table.
    pub(crate) fn new(folder: &Path, internet: &Internet, wait: &'static str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut list = String::from("email\n");
        for (domain, person) in internet.list() {
            let _ = writeln!(list, "{}@{}", person.local, domain.name);
        }
        fs::write(folder.join("list.csv"), list).unwrap();
        Job {
            folder: folder.to_owned(),
            wait,
        }
    }

    /// Begins a run.
    pub(crate) fn begin(&self) -> Child {
        let screen = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("screen"))
            .unwrap();
        Command::new(env!("CARGO_BIN_EXE_presend"))
            .arg("verify")
            .arg(self.folder.join("list.csv"))
            .arg("--out")
            .arg(self.folder.join("out"))
            .arg("--ledger")
            .arg(self.folder.join("ledger.db"))
            .args([
                "--dns",
                "127.0.0.1:53",
                "--smtp-port",
                "25",
                "--allow-private",
                "--skip-preflight",
            ])
            .args([
                "--source-ip",
                SOURCE,
                "--helo",
                SOURCE_NAME,
                "--mail-from",
                SENDER,
            ])
            .args(["--wait", self.wait, "-v"])
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .stdin(Stdio::null())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen)
            .spawn()
            .unwrap()
    }

    /// Runs for a while, then is killed as by a power cut.
    pub(crate) fn kill_after(&self, time: Duration) {
        let mut run = self.begin();
        std::thread::sleep(time);
        run.kill().unwrap();
        let status = run.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "the run had ended before it was killed"
        );
    }

    /// Runs to the end. Returns how long that took.
    pub(crate) fn run(&self) -> Duration {
        let begun = Instant::now();
        let status = self.begin().wait().unwrap();
        assert!(
            matches!(status.code(), Some(0 | 1)),
            "presend ended with {status}:\n{}",
            fs::read_to_string(self.folder.join("screen")).unwrap_or_default(),
        );
        begun.elapsed()
    }

    /// What the lists say of every address.
    pub(crate) fn said(&self) -> BTreeMap<String, Said> {
        let mut said = BTreeMap::new();
        for list in ["verified.csv", "rejected.csv", "review.csv"] {
            let mut reader = csv::Reader::from_path(self.folder.join("out").join(list)).unwrap();
            let header = reader.headers().unwrap().clone();
            let column = |name: &str| header.iter().position(|column| column == name).unwrap();
            let (verdict, reason) = (column("presend_verdict"), column("presend_reason"));
            for record in reader.records() {
                let record = record.unwrap();
                let row = Said {
                    verdict: record[verdict].to_owned(),
                    reason: record[reason].to_owned(),
                };
                assert!(
                    said.insert(record[0].to_owned(), row).is_none(),
                    "{} twice",
                    &record[0]
                );
            }
        }
        said
    }
}
