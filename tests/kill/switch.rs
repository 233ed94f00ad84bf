//! The program killed while the files of a run take the place of those of the run before.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills in the midst of it that are enough.
const CAUGHT: usize = 8;

/// Rounds in which so many may not have come about.
const ROUNDS: usize = 60;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with two lists whose headers, and whose report's title, say of which round they are.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("PRESEND_LOG")
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Writes the lists of a round; returns the command that verifies them.
    fn round(&self, round: usize) -> Command {
        for name in ["a.csv", "b.csv"] {
            let mut list = format!("email,round-{round}-\n");
            for row in 0..200 {
                let _ = writeln!(list, "p{row}@{name}.test,");
            }
            list.push_str("no address,\n");
            fs::write(self.folder.path().join(name), list).unwrap();
        }
        let title = format!("round-{round}-");
        self.command(&[
            "verify",
            "a.csv",
            "b.csv",
            "--out",
            "out",
            "--offline",
            "--client",
            "--target",
            "2%",
            "--format",
            "xlsx",
            "--title",
            &title,
            "--quiet",
        ])
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The rounds that the files there are of, and how many files these are.
    fn rounds(&self) -> (BTreeSet<usize>, usize) {
        let mut rounds = BTreeSet::new();
        let mut files = 0;
        for path in files_in(&self.out()) {
            // Of those half written nobody knows, and a spreadsheet is packed.
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with('.') || name == "lists.xlsx" {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let (_, rest) = text
                .split_once("round-")
                .or_else(|| text.split_once("round\\-"))
                .unwrap_or_else(|| panic!("{}: {text}", path.display()));
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            rounds.insert(number.parse().unwrap());
            files += 1;
        }
        (rounds, files)
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_kill_never_leaves_files_of_two_runs_side_by_side() {
    let place = Place {
        folder: tempfile::tempdir().unwrap(),
    };
    assert!(place.round(0).status().unwrap().success());
    let (rounds, all) = place.rounds();
    assert_eq!((rounds, all), (BTreeSet::from([0]), 12));
    let note = place.out().join(".presend.switch");
    let list = place.out().join("a.csv.presend/verified.csv");
    let inode = || fs::metadata(&list).map(|metadata| metadata.ino()).ok();
    let mut caught = 0;
    for round in 1..ROUNDS {
        if caught == CAUGHT {
            break;
        }
        let before = inode();
        let mut child = place.round(round).spawn().unwrap();
        let began = Instant::now();
        // The moment at which the switch begins.
        while !note.exists() && inode() == before {
            assert!(began.elapsed() < PATIENCE, "the program hangs");
        }
        // A few rounds go on for a moment, so that kills come at different steps.
        std::thread::sleep(Duration::from_micros(40) * u32::try_from(round % 4).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        let (rounds, files) = place.rounds();
        assert!(rounds.len() <= 1, "files of {rounds:?} side by side");
        let is_incomplete = note.exists();
        assert!(
            is_incomplete || files == all,
            "{files} of {all}, and nobody knows of it"
        );
        caught += usize::from(is_incomplete);
        if is_incomplete {
            // A process that reads the folder ends what was begun, and so does the next run.
            let mut next = match round % 2 {
                0 => place.command(&["report", "out"]),
                _ => place.round(round),
            };
            let done = next.stderr(Stdio::piped()).output().unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{next:?}: {}: {said}", done.status);
            assert_eq!(place.rounds(), (BTreeSet::from([round]), all));
        }
    }
    println!("{caught} kills in the midst of it");
    // Nothing of the dead ones is left behind.
    assert!(place.round(ROUNDS).status().unwrap().success());
    assert_eq!(place.rounds(), (BTreeSet::from([ROUNDS]), all));
    let hidden = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let left: Vec<PathBuf> = files_in(&place.out()).into_iter().filter(hidden).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_kill_leaves_half_written_goes_with_the_next_run() {
    let place = Place {
        folder: tempfile::tempdir().unwrap(),
    };
    assert!(place.round(0).status().unwrap().success());
    for name in [
        "out/.presend-abc.part",
        "out/.presend-people.part",
        "elsewhere/.presend-all.csv-abc.part",
        "elsewhere/.presend-other.csv-abc.part",
    ] {
        let path = place.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "lena@tolk.test\n").unwrap();
    }
    fs::write(place.out().join(".presend-notes.txt"), "mine").unwrap();
    let words = ["verify", "a.csv", "b.csv", "--out", "out", "--offline"];
    let mut next = place.command(&words);
    next.args(["--all", "elsewhere/all.csv"]);
    assert!(next.status().unwrap().success());
    let parts = files_in(&place.out())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "part"));
    assert_eq!(parts.count(), 0);
    assert!(place.out().join(".presend-notes.txt").exists());
    // Beside a file that goes elsewhere only what was to become that very file: other runs may be at work there.
    let elsewhere = place.folder.path().join("elsewhere");
    let mut left: Vec<PathBuf> = files_in(&elsewhere);
    left.sort();
    let expected = [".presend-other.csv-abc.part", "all.csv"];
    assert_eq!(left, expected.map(|name| elsewhere.join(name)));
}
