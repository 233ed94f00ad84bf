//! What can be downloaded of a list.

use std::path::{Path, PathBuf};

/// All rows of a list in one file.
pub const ALL: &str = "all.csv";

/// What can be downloaded of a list that was verified; one of them only where it was to be kept to a rate.
const FILES: [&str; 17] = [
    "verified.csv",
    "review.csv",
    "rejected.csv",
    "all.csv",
    "verified.xlsx",
    "review.xlsx",
    "rejected.xlsx",
    "all.xlsx",
    "verified.jsonl",
    "review.jsonl",
    "rejected.jsonl",
    "all.jsonl",
    "lists.xlsx",
    "target.csv",
    "report.html",
    "report.json",
    "report.md",
];

/// The names of what can be downloaded; `target.csv` only where it `has_target`.
pub fn names(has_target: bool) -> Vec<&'static str> {
    let all = FILES.into_iter();
    all.filter(|name| *name != "target.csv" || has_target)
        .collect()
}

/// A file that a list can be downloaded as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Download {
    /// One that is there, with its type.
    File(PathBuf, &'static str),
    /// One of the four lists, to be written as a spreadsheet.
    Sheet(PathBuf, &'static str),
    /// One of the four lists, to be written as one JSON object a row.
    Objects(PathBuf),
}

impl Download {
    /// What the name of a download stands for, in the folder `out`; `None` for no name of one.
    pub fn named(name: &str, out: &Path) -> Option<Download> {
        let name = *FILES.iter().find(|known| **known == name)?;
        let (stem, ending) = name.split_once('.')?;
        let list = out.join(format!("{stem}.csv"));
        Some(match (stem, ending) {
            ("lists", _) => Download::File(out.join(name), XLSX),
            ("report", "html") => Download::File(out.join(name), "text/html; charset=utf-8"),
            ("report", "json") => Download::File(out.join(name), "application/json"),
            ("report", _) => Download::File(out.join(name), "text/markdown; charset=utf-8"),
            (_, "csv") => Download::File(list, "text/csv; charset=utf-8"),
            (stem, "xlsx") => Download::Sheet(list, stem),
            (_, _) => Download::Objects(list),
        })
    }
}

/// The type of a spreadsheet.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
