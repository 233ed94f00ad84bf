//! Pages made by the real program.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder in which pages of every kind were made.
pub(crate) struct Made(TempDir);

/// The names of the pages with their places in the folder.
const PAGES: [(&str, &str); 7] = [
    ("report", "leads.presend/report.html"),
    ("first report", "first.presend/report.html"),
    ("client", "leads.presend/client.html"),
    ("hostile report", "hostile.presend/report.html"),
    ("empty report", "empty.presend/report.html"),
    ("preflight", "preflight.html"),
    ("sound preflight", "sound.html"),
];

impl Made {
    /// Every kind of page: of a list checked for the second time and really sent to, for the first time, of one that
    /// means harm, of one without rows; of a sender with faults, and of one without.
    pub(crate) fn all() -> Made {
        let made = Made(tempfile::tempdir().unwrap());
        let here = made.0.path();
        let world = repository("sample_lists/world.toml");
        let list = std::fs::read_to_string(repository("sample_lists/leads.csv")).unwrap();
        let shorter: Vec<&str> = list.lines().take(250).collect();
        let verify = |out: &str, name: &str, text: &str| {
            std::fs::write(here.join(name), text).unwrap();
            // Each folder has a memory of its own: an address that is known is not asked about, and no host blocks.
            let ledger = format!("{out}.db");
            presend(
                here,
                &[
                    "verify",
                    name,
                    "--out",
                    out,
                    "--world",
                    &world,
                    "--ledger",
                    &ledger,
                    "--client",
                    "--title",
                    "Leads of the spring fair, for Nordlicht Reisen",
                ],
            );
        };
        verify("leads.presend", "leads.csv", &shorter.join("\n"));
        verify("leads.presend", "leads.csv", &list);
        presend(
            here,
            &[
                "bounces",
                &repository("sample_lists/bounces.mbox"),
                &repository("sample_lists/events.jsonl"),
                "--run",
                "leads.presend",
                "--ledger",
                "leads.presend.db",
            ],
        );
        let long = "x".repeat(60);
        let hostile = format!(
            "email\n{long}.{long}@{long}.{long}.test\n\"<b>{long}</b>\"\ninfo@{long}.gmial.com\nabuse@gmial.com\n"
        );
        verify("first.presend", "leads.csv", &list);
        verify("hostile.presend", &format!("{long}{long}.csv"), &hostile);
        verify("empty.presend", "empty.csv", "email\n");
        let sound =
            std::fs::read_to_string(repository("tests/scenarios/preflight/sound.toml")).unwrap();
        let broken = sound.replace("v=spf1", "v=spf1 include:nowhere.test +all");
        assert_ne!(sound, broken, "the scenario has an SPF record to break");
        for (name, world) in [("sound", &sound), ("preflight", &broken)] {
            let (file, page) = (format!("{name}.toml"), format!("{name}.html"));
            std::fs::write(here.join(&file), world).unwrap();
            presend(
                here,
                &[
                    "preflight",
                    "example.org",
                    "--ip",
                    "192.0.2.10",
                    "--selector",
                    "s1",
                    "--helo",
                    "out.example.org",
                    "--volume",
                    "20000",
                    "--list",
                    "leads.csv",
                    "--world",
                    &file,
                    "--html",
                    &page,
                ],
            );
        }
        made
    }

    /// All pages with their names.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        PAGES
            .iter()
            .map(|(name, place)| (*name, self.0.path().join(place)))
    }

    /// The page of that name.
    pub(crate) fn page(&self, name: &str) -> PathBuf {
        let mut pages = self.pages();
        pages.find(|(known, _)| *known == name).unwrap().1
    }
}

/// Runs the program in a folder, with a state directory of its own.
fn presend(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("PRESEND_LOG")
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .output()
        .unwrap();
    // A preflight that finds something says so by its exit code.
    assert!(
        matches!(output.status.code(), Some(0 | 1 | 4)),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}
