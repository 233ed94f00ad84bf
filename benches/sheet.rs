//! A spreadsheet of a million rows with nobody asked: how long it takes, and the most memory it takes.
//!
//! Run with `cargo bench --bench sheet`. Each part is a process of its own, so that none counts the memory of another.

use std::path::Path;
use std::process::{Command, exit};
use std::time::Instant;

use presend::input::list::{Options, Source};
use rust_xlsxwriter::Workbook;

const ROWS: u32 = 1_000_000;

/// The most memory that reading such a spreadsheet may take, in megabytes.
const MOST_MEGABYTES: u64 = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "make", path] => make(Path::new(path)),
        [_, "read", path] => read(Path::new(path)),
        _ => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list.xlsx");
            for part in ["make", "read"] {
                let myself = std::env::current_exe().unwrap();
                let status = Command::new(myself).arg(part).arg(&path).status().unwrap();
                if !status.success() {
                    exit(1);
                }
            }
        }
    }
}

/// Writes a list as Excel does: each text once, in the table of shared texts.
fn make(path: &Path) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_low_memory().unwrap();
    for (column, name) in (0..).zip(["id", "first", "last", "company", "email", "city"]) {
        sheet.write_string(0, column, name).unwrap();
    }
    for row in 1..=ROWS {
        let (name, company) = (row % 977, row % 50_021);
        sheet.write_number(row, 0, f64::from(row)).unwrap();
        sheet.write_string(row, 1, "Anna").unwrap();
        sheet
            .write_string(row, 2, format!("Example{name}"))
            .unwrap();
        sheet
            .write_string(row, 3, format!("Company {company}, Inc"))
            .unwrap();
        sheet
            .write_string(row, 4, format!("first{row}.last{name}@company{company}.de"))
            .unwrap();
        sheet.write_string(row, 5, "Berlin").unwrap();
    }
    book.save(path).unwrap();
}

fn read(path: &Path) {
    let begun = Instant::now();
    let source = Source::open(path).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    let mut rows = 0;
    while list.next_row().unwrap().is_some() {
        rows += 1;
    }
    assert_eq!(rows, ROWS);
    let most = most_megabytes();
    println!(
        "{ROWS} rows of a spreadsheet in {:.2?}, at most {most} MB",
        begun.elapsed()
    );
    assert!(most <= MOST_MEGABYTES, "more than {MOST_MEGABYTES} MB");
}

/// The most memory that this process has had, in megabytes.
fn most_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap() / 1024
}
