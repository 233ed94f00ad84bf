//! The lists of a run as one spreadsheet.

use std::fmt;
use std::str::FromStr;

/// How `verify` writes what is not one of its three lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// `--all` as the caller's list is.
    #[default]
    Csv,
    /// `--all` as one JSON object a row.
    JsonLines,
    /// The three lists and a summary as a spreadsheet, beside them.
    Xlsx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Xlsx => "xlsx",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::JsonLines),
            "xlsx" => Ok(Format::Xlsx),
            _ => Err("write csv, jsonl or xlsx".to_owned()),
        }
    }
}
