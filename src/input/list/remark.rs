//! What a reader decided about a list that its owner should see.

use std::fmt;

use super::encoding::Encoding;

/// Most characters of a text from the list in one remark.
const SHOWN_CHARACTERS: usize = 40;

/// Most columns or sheets that one remark names.
const SHOWN_NAMES: usize = 8;

/// Something that was decided about a list without asking, in one line for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Lines above the header are no rows.
    Above {
        /// How many, blank ones included.
        lines: u64,
        /// The first of them.
        first: String,
    },
    /// Lines below the rows are no rows.
    Below {
        /// How many, blank ones between them included.
        lines: u64,
        /// The first of them.
        first: String,
    },
    /// Further columns hold addresses and are not read.
    Spare {
        /// The column that is read.
        used: String,
        /// The others: number from 1 and name.
        others: Vec<(usize, String)>,
    },
    /// One sheet of several is read.
    Sheets {
        /// The sheet that is read.
        used: String,
        /// The others that a person sees.
        others: Vec<String>,
        /// Those that are hidden.
        hidden: Vec<String>,
    },
    /// The entries of an array that a JSON document wraps are the rows.
    Array {
        /// The keys that lead to it.
        used: String,
        /// Those of the others that hold addresses.
        others: Vec<String>,
    },
    /// The list is in a code page that was found out.
    Encoding(Encoding),
    /// The list names several addresses one after the other, each of which became a row.
    OneLine,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Above { lines, first } => write!(
                f,
                "{} above the header left out: {}",
                counted(*lines),
                shown(first)
            ),
            Remark::Below { lines, first } => write!(
                f,
                "{} below the rows left out: {}",
                counted(*lines),
                shown(first)
            ),
            Remark::Spare { used, others } => {
                let names: Vec<String> = others
                    .iter()
                    .take(SHOWN_NAMES)
                    .map(|(number, name)| format!("{number} {}", shown(name)))
                    .collect();
                let more = if others.len() > SHOWN_NAMES {
                    ", ..."
                } else {
                    ""
                };
                write!(
                    f,
                    "the addresses of column {} are used; not used: {}{more} (--column chooses one, or several where it is repeated)",
                    shown(used),
                    names.join(", ")
                )
            }
            Remark::Sheets {
                used,
                others,
                hidden,
            } => {
                let seen = (!others.is_empty()).then(|| listed(others));
                let hidden = (!hidden.is_empty()).then(|| format!("hidden: {}", listed(hidden)));
                let rest: Vec<String> = seen.into_iter().chain(hidden).collect();
                write!(
                    f,
                    "sheet {} is read; not read: {} (--sheet chooses)",
                    shown(used),
                    rest.join(", ")
                )
            }
            Remark::Array { used, others } => {
                if used.is_empty() {
                    f.write_str("each key of the object is a row")?;
                } else {
                    write!(f, "each entry of {} is a row", shown(used))?;
                }
                if others.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; not read: {} (--sheet chooses)", listed(others))
                }
            }
            Remark::Encoding(encoding) => write!(
                f,
                "the list seems to be in {encoding} and is written in UTF-8 (--encoding NAME says otherwise)"
            ),
            Remark::OneLine => {
                f.write_str("the list names one address after the other; each is a row of its own")
            }
        }
    }
}

/// Names of sheets, as many as one remark has room for.
fn listed(names: &[String]) -> String {
    let first = names.iter().take(SHOWN_NAMES);
    let shown: Vec<String> = first.map(|name| shown(name)).collect();
    let more = if names.len() > SHOWN_NAMES {
        ", ..."
    } else {
        ""
    };
    shown.join(", ") + more
}

fn counted(lines: u64) -> String {
    match lines {
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    }
}

/// A text from the list, quoted so that it cannot move the cursor.
fn shown(text: &str) -> String {
    let text = text.trim();
    let mut short: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}
