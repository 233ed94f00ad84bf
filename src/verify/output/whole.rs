//! All rows in one file, for those who join it with something else.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use crate::input::list;
use crate::model::columns::NAMES;

/// How all rows are written in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As the caller's list is.
    #[default]
    Csv,
    /// One JSON object a row, with the columns as its keys.
    JsonLines,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::JsonLines),
            _ => Err("write csv or jsonl".to_owned()),
        }
    }
}

/// Turns rows into JSON objects.
pub(super) struct Objects {
    names: Vec<String>,
    delimiter: u8,
}

impl Objects {
    /// For rows under this `header`, without what was appended to it. A name that comes twice gets a number.
    pub(super) fn under(header: &[u8], delimiter: u8) -> Self {
        let mut taken: HashSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let mut names = Vec::new();
        for (number, field) in (1..).zip(list::fields(header, delimiter)) {
            let name = String::from_utf8_lossy(&field).trim().to_owned();
            let name = match name.is_empty() {
                true => format!("column_{number}"),
                false => name,
            };
            let mut unique = name.clone();
            let mut copies = 1;
            while !taken.insert(unique.clone()) {
                copies += 1;
                unique = format!("{name}_{copies}");
            }
            names.push(unique);
        }
        Objects { names, delimiter }
    }

    /// Appends the object of `row`, which ends with the appended columns, and a line feed.
    pub(super) fn write(&self, row: &[u8], out: &mut Vec<u8>) {
        let fields = list::fields(row, self.delimiter);
        let theirs = fields.len().saturating_sub(NAMES.len());
        let mut separator = b'{';
        for (at, field) in fields.iter().enumerate() {
            let name = match at.checked_sub(theirs) {
                Some(ours) => Cow::Borrowed(NAMES[ours]),
                None => match self.names.get(at) {
                    Some(name) => Cow::Borrowed(name.as_str()),
                    None => Cow::Owned(format!("column_{}", at + 1)),
                },
            };
            out.push(separator);
            separator = b',';
            string(out, &name);
            out.push(b':');
            match (name.as_ref(), &**field) {
                ("presend_bounce", b"") => out.extend_from_slice(b"null"),
                ("presend_bounce", number) => out.extend_from_slice(number),
                (_, text) => string(out, &String::from_utf8_lossy(text)),
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_an_object_with_its_columns() {
        let objects = Objects::under(b"Name;Mail;;Mail", b';');
        let ours = "l@tolk.test;risky;catch_all;0.260;;;;\"250 \"\"ok\"\"; yes\";;";
        let mut out = Vec::new();
        objects.write(
            format!("\"K; L\";l@tolk.test;x;y;{ours}\r\n").as_bytes(),
            &mut out,
        );
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for (name, text) in [
            ("Name", "K; L"),
            ("Mail", "l@tolk.test"),
            ("column_3", "x"),
            ("Mail_2", "y"),
            ("presend_verdict", "risky"),
            ("presend_reply", "250 \"ok\"; yes"),
            ("presend_input", ""),
        ] {
            assert_eq!(object[name], text, "{name}");
        }
        assert_eq!(object["presend_bounce"].as_f64(), Some(0.26));
    }

    #[test]
    fn rows_of_another_width_keep_what_was_appended_apart() {
        let objects = Objects::under(b"a,b", b',');
        let ours = ",unknown,no_address,,,,,,,";
        for (row, name, text) in [("x", "a", "x"), ("x,y,z", "column_3", "z")] {
            let mut out = Vec::new();
            objects.write(format!("{row},{ours}\n").as_bytes(), &mut out);
            let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(object[name], text);
            assert_eq!(object["presend_reason"], "no_address");
            assert!(object["presend_bounce"].is_null());
        }
    }
}
