//! Any bytes as a file that real bounces are read from: messages, an mbox, JSON, a table.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use presend::bounce::import::{read, wire};

/// The folder of this process, with one file in it.
static FILE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bounces");
    (folder, file)
});

/// Reads the file; each event is written as `bounces --json` does, on one line.
pub fn run(data: &[u8]) {
    fs::write(&FILE.1, data).expect("a file is written");
    match read(&FILE.1) {
        Ok(events) => {
            for event in &events {
                let line = wire::happening(event).expect("an event is JSON");
                assert!(!line.contains('\n'));
            }
        }
        Err(error) => drop(error.to_string()),
    }
}
