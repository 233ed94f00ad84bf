//! Options that say how a list is read, and what is told about its reading.

use clap::Args;

use super::log::LogArgs;
use super::safe::safe;
use crate::input::list::{ColumnChoice, Delimiter, Encoding, Options, Remark};

/// How a list is read.
#[derive(Debug, Args)]
pub(super) struct ReadingArgs {
    /// The column with the addresses, by name or number from 1; may be repeated where rows have several addresses
    #[arg(long, value_name = "NAME|NUMBER")]
    column: Vec<ColumnChoice>,
    /// What stands between fields: a character, tab, 0x1f, none [default: found out]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<Delimiter>,
    /// What the text is encoded in: utf-8, windows-1251, gbk, ... [default: found out]
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    /// Which sheet of a spreadsheet file is read [default: the first], or which array of a JSON document
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
}

impl ReadingArgs {
    /// As the reader takes it.
    pub(super) fn options(&self) -> Options {
        let (column, further) = match self.column.as_slice() {
            [] => (ColumnChoice::Detect, &[][..]),
            [column, further @ ..] => (column.clone(), further),
        };
        Options {
            column,
            further: further.to_vec(),
            delimiter: self.delimiter,
            encoding: self.encoding,
            sheet: self.sheet.clone(),
        }
    }
}

/// Tells on the error stream what a reader decided about a list, by the name that it has among several.
pub(super) fn tell(name: Option<&str>, remarks: &[Remark], log: &LogArgs) {
    if log.quiet {
        return;
    }
    for remark in remarks {
        let remark = safe(&remark.to_string());
        match name {
            Some(name) => eprintln!("presend: {}: {remark}", safe(name)),
            None => eprintln!("presend: {remark}"),
        }
    }
}
