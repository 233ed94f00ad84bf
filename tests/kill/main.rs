//! The program killed, terminated, doubled, out of room: in real time, on real sockets, again and again.
//!
//! The hosts (see `internet`) outlive it and remember whom they were asked about. Twenty kills in an ordinary test run;
//! `PRESEND_KILLS=100 cargo test --test kill` for more.

#[path = "../support/dns.rs"]
mod dns;
mod internet;
mod signals;
#[path = "../support/smtp.rs"]
mod smtp;
mod switch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use internet::{Asked, HOSTS, Internet, Kind, host_of};
use presend::model::seeded::SeededRng;
use tempfile::TempDir;

/// What a kill may lose: facts are committed within a second of being learned.
const COMMITTED: Duration = Duration::from_secs(1);

/// What a loaded machine may add to that on either side: the answer is noted before it is on its way, and a host still
/// answers what lies in its socket when the process that asked is dead.
const SLACK: Duration = Duration::from_millis(500);

/// An attempt that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A list of `domains` domains with `names` addresses in each, every domain's rows far apart, half of them real.
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

/// A folder where the program works, in one internet.
struct Place {
    folder: TempDir,
    internet: Internet,
}

impl Place {
    fn new(list: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), list).unwrap();
        Place {
            folder,
            internet: Internet::start(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the program on a list of the folder, with its ledger at `ledger`.
    fn start(&self, list: &str, ledger: &Path) -> Child {
        self.start_with(&["--quiet"], list, ledger)
    }

    /// The same with further `options`.
    fn start_with(&self, options: &[&str], list: &str, ledger: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_presend"))
            .args(["verify", list, "--allow-private"])
            .args(options)
            .args([
                "--helo",
                "mail.sender.test",
                "--mail-from",
                "verify@sender.test",
            ])
            .args(["--dns", &self.internet.names.to_string()])
            .args(["--smtp-port", &self.internet.mail.port().to_string()])
            // Asking twice on purpose is another matter.
            .args(["--second-look", "0", "--host-rate", "40/s"])
            .arg("--ledger")
            .arg(ledger)
            .current_dir(self.folder.path())
            .env_remove("PRESEND_LOG")
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the program to its end.
    fn run(&self, list: &str, ledger: &Path) -> (ExitStatus, String) {
        let output = self.start(list, ledger).wait_with_output().unwrap();
        (
            output.status,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// The lists of a run, but for the last two columns: when an address was asked about is the one thing that a later
    /// attempt cannot repeat, and behind it stands what was cleaned, which is nothing here.
    fn lists(&self, list: &str) -> BTreeMap<String, Vec<u8>> {
        ["verified.csv", "review.csv", "rejected.csv"]
            .map(|name| {
                let path = self.path(&format!("{list}.presend")).join(name);
                let bytes = std::fs::read(&path).unwrap();
                let rows = bytes.split(|&byte| byte == b'\n').flat_map(|row| {
                    let before_last = |row: &[u8]| {
                        let comma = row.iter().rposition(|&byte| byte == b',');
                        row[..comma.unwrap_or(0)].to_vec()
                    };
                    [before_last(&before_last(row)), b"\n".to_vec()].concat()
                });
                (name.to_owned(), rows.collect())
            })
            .into()
    }
}

/// The lists of an undisturbed run in an internet of its own.
fn undisturbed(text: &str) -> BTreeMap<String, Vec<u8>> {
    let place = Place::new(text);
    let (status, said) = place.run("list.csv", &place.path("ledger.db"));
    assert!(status.success(), "{said}");
    place.lists("list.csv")
}

/// Whether a database is sound.
fn assert_sound(ledger: &Path) {
    let connection = rusqlite::Connection::open(ledger).unwrap();
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
}

/// Waits until `count` more recipients were asked about, or the program has ended. Returns whether it still runs.
fn runs_until(place: &Place, child: &mut Child, count: usize) -> bool {
    let wanted = place.internet.count() + count;
    let began = Instant::now();
    while place.internet.count() < wanted {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < PATIENCE, "the program hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.try_wait().unwrap().is_none()
}

/// Recipients asked about again although they had been answered, and the answer had had its second to be committed
/// before the next kill. Whether a host that has refused many still tells them apart is tested by an address it
/// accepted, or by a decoy, where a greylist knows that one already and would put off any other: `controls` of each
/// host may be asked about again.
fn asked_in_vain(asked: &[Asked], kills: &[Instant], controls: usize) -> Vec<String> {
    let mut by_recipient: BTreeMap<&str, Vec<&Asked>> = BTreeMap::new();
    for one in asked {
        by_recipient.entry(&one.recipient).or_default().push(one);
    }
    let was_lost = |one: &Asked| {
        kills
            .iter()
            .any(|kill| *kill + SLACK >= one.at && one.at + COMMITTED + SLACK >= *kill)
    };
    let (mut vain, mut again) = (Vec::new(), [0; HOSTS]);
    for (recipient, asked) in by_recipient {
        for (before, after) in asked.iter().zip(&asked[1..]) {
            // A client that is told to come back comes back, once the time has come.
            let came_back = before.code == 450 && after.at - before.at >= Duration::from_secs(2);
            if came_back || was_lost(before) {
                continue;
            }
            let tests = &mut again[host_of(recipient)];
            let is_a_test = before.code == 250 || is_known_to_a_greylist(recipient);
            *tests += usize::from(is_a_test);
            if !is_a_test || *tests > controls {
                vain.push(format!(
                    "{recipient}: {} and {} {:?} later",
                    before.code,
                    after.code,
                    after.at - before.at
                ));
            }
        }
    }
    vain
}

/// Whether a recipient is the decoy of a domain that greylists.
fn is_known_to_a_greylist(recipient: &str) -> bool {
    let (local, domain) = recipient.split_once('@').unwrap();
    internet::kind(domain) == Some(Kind::Grey) && internet::is_a_decoy(local)
}

#[test]
fn a_run_that_is_killed_at_random_moments_loses_nothing_and_asks_nothing_twice() {
    let kills: usize = std::env::var("PRESEND_KILLS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(20);
    // Enough that the run is still at it when the last kill comes.
    let text = list(48, 10 + kills.div_ceil(2));
    let expected = undisturbed(&text);
    let seed = std::env::var("PRESEND_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()) + 1);
    println!("PRESEND_SEED={seed}");
    let mut rng = SeededRng::of(seed, "kills");
    let place = Place::new(&text);
    let ledger = place.path("ledger.db");
    let mut moments = Vec::new();
    while moments.len() < kills {
        let mut child = place.start("list.csv", &ledger);
        let questions = rng.between(0, 39);
        let is_running = runs_until(&place, &mut child, questions);
        std::thread::sleep(Duration::from_millis(rng.between(0, 149) as u64));
        if !is_running {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            panic!(
                "the run ended after {} kills: give it more to do",
                moments.len()
            );
        }
        child.kill().unwrap();
        moments.push(Instant::now());
        child.wait().unwrap();
        assert_sound(&ledger);
    }
    let (status, said) = place.run("list.csv", &ledger);
    assert!(status.success(), "{said}");
    assert_eq!(place.lists("list.csv"), expected, "PRESEND_SEED={seed}");
    let asked = place.internet.asked();
    // One in the end, and where an attempt found a long row of refusals.
    let vain = asked_in_vain(&asked, &moments, 1 + kills / 20);
    assert!(vain.is_empty(), "PRESEND_SEED={seed}\n{}", vain.join("\n"));
    let recipients: std::collections::BTreeSet<&str> =
        asked.iter().map(|one| one.recipient.as_str()).collect();
    let grey = |one: &&Asked| one.code == 450;
    println!(
        "{kills} kills: {} recipients, {} questions, {} of them told to come back",
        recipients.len(),
        asked.len(),
        asked.iter().filter(grey).count()
    );
    assert!(!place.path("list.csv.presend/.presend.lock").exists());
}

#[test]
fn a_run_that_is_terminated_lists_every_row_and_goes_on_later() {
    let text = list(24, 8);
    let expected = undisturbed(&text);
    let place = Place::new(&text);
    let ledger = place.path("ledger.db");
    let mut child = place.start("list.csv", &ledger);
    assert!(runs_until(&place, &mut child, 30));
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let terminated = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(terminated.elapsed() < Duration::from_secs(20));
    let rows: usize = place
        .lists("list.csv")
        .values()
        .map(|list| String::from_utf8_lossy(list).lines().count() - 2)
        .sum();
    assert_eq!(rows, 24 * 8);
    let (status, said) = place.run("list.csv", &ledger);
    assert!(status.success(), "{said}");
    assert_eq!(place.lists("list.csv"), expected);
    // A run that ends by itself commits everything: nothing at all is asked again.
    let vain = asked_in_vain(&place.internet.asked(), &[], 1);
    assert!(vain.is_empty(), "{}", vain.join("\n"));
}

#[test]
fn two_runs_side_by_side_share_a_ledger() {
    let text = list(24, 6);
    let expected = undisturbed(&text);
    let place = Place::new(&text);
    std::fs::write(place.path("other.csv"), &text).unwrap();
    let ledger = place.path("ledger.db");
    let children = ["list.csv", "other.csv"].map(|list| place.start(list, &ledger));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(place.lists("list.csv"), expected);
    assert_eq!(place.lists("other.csv"), expected);
    assert_sound(&ledger);
    // A third finds everything known.
    let before = place.internet.count();
    std::fs::write(place.path("third.csv"), &text).unwrap();
    assert!(place.run("third.csv", &ledger).0.success());
    assert_eq!(place.internet.count(), before);
    assert_eq!(place.lists("third.csv"), expected);
}

/// Mounts an empty disk of that size at `disk`; `None` where nobody may.
fn mount<'a>(disk: &'a Path, size: &str) -> Option<Unmount<'a>> {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
        .arg(disk)
        .stderr(Stdio::null())
        .status();
    if mounted.is_ok_and(|status| status.success()) {
        return Some(Unmount(disk));
    }
    eprintln!("skipped: mounting a disk needs the rights of root");
    None
}

fn remount(disk: &Path, option: &str) {
    let status = Command::new("mount")
        .args(["-o", &format!("remount,{option}")])
        .arg(disk)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_disk_that_has_become_read_only_is_said_so_and_the_lists_stay() {
    let text = list(6, 15);
    let place = Place::new(&text);
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_unmount) = mount(&disk, "32m") else {
        return;
    };
    let ledger = disk.join("ledger.db");
    let (status, said) = place.run("list.csv", &ledger);
    assert!(status.success(), "{said}");
    let lists = place.lists("list.csv");
    remount(&disk, "ro");
    let (status, said) = place.run("list.csv", &ledger);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be written"), "{said}");
    assert!(said.contains("--ledger"), "{said}");
    assert_eq!(place.lists("list.csv"), lists);
    remount(&disk, "rw");
    let (status, said) = place.run("list.csv", &ledger);
    assert!(status.success(), "{said}");
}

#[test]
fn a_full_disk_stops_a_run_that_goes_on_when_there_is_room() {
    let text = list(48, 14);
    let place = Place::new(&text);
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_unmount) = mount(&disk, "640k") else {
        return;
    };
    let ledger = disk.join("ledger.db");
    let (status, said) = place.run("list.csv", &ledger);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("no room is left"), "{said}");
    assert!(said.contains("--ledger"), "{said}");
    remount(&disk, "size=32m");
    assert_sound(&ledger);
    let known = place.internet.count();
    let (status, said) = place.run("list.csv", &ledger);
    assert!(status.success(), "{said}");
    assert_eq!(place.lists("list.csv"), undisturbed(&text));
    let addresses = text
        .lines()
        .filter(|row| {
            row.split_once('@').is_some_and(|(_, domain)| {
                internet::kind(domain).is_some_and(|kind| kind == Kind::Honest)
            })
        })
        .count();
    let again = place.internet.count() - known;
    assert!(
        again < addresses,
        "what was learned before the disk was full is kept"
    );
    assert_sound(&ledger);
}

/// Takes the small disk away again.
struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
