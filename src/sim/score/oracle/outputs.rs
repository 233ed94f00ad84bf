//! Reads the three lists back, and holds them against the list that went in.

use super::{Complaint, Finding};
use crate::sim::score::ListFile;

/// What a row came out with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `verified`, `review` or `rejected`.
    pub list: &'static str,
    /// `deliverable`, `undeliverable`, `risky` or `unknown`.
    pub verdict: String,
    /// A reason of the vocabulary.
    pub reason: String,
    /// What is to know beside, joined by `;`.
    pub flags: String,
    /// The probability of a bounce, as written.
    pub bounce: String,
    /// The deciding reply.
    pub reply: String,
}

/// The names of the lists, in the order of [`Outcome::lists`](crate::sim::score::trial::Outcome).
const LISTS: [&str; 3] = ["verified", "review", "rejected"];

/// The columns that are appended.
const APPENDED: [&str; 10] = [
    "presend_address",
    "presend_verdict",
    "presend_reason",
    "presend_bounce",
    "presend_flags",
    "presend_suggestion",
    "presend_provider",
    "presend_reply",
    "presend_checked_at",
    "presend_input",
];

/// What became of each row, in the order of the list; a row that did not come out is `None`.
#[must_use]
pub fn read(list: &ListFile, outputs: &[Vec<u8>; 3]) -> (Vec<Option<Listed>>, Vec<Finding>) {
    let mut found: Vec<Option<Listed>> = vec![None; list.rows.len()];
    let mut findings = Vec::new();
    for (name, bytes) in LISTS.into_iter().zip(outputs) {
        if let Err(problem) = read_one(name, bytes, list, &mut found) {
            findings.push(Finding::new(
                Complaint::Rows,
                format!("{name}.csv: {problem}"),
            ));
        }
    }
    let lost = found.iter().filter(|row| row.is_none()).count();
    if lost > 0 {
        findings.push(Finding::new(
            Complaint::Rows,
            format!("{lost} of {} rows did not come out", list.rows.len()),
        ));
    }
    (found, findings)
}

fn read_one(
    name: &'static str,
    bytes: &[u8],
    list: &ListFile,
    found: &mut [Option<Listed>],
) -> Result<(), String> {
    let mut header = list.header.clone();
    for column in APPENDED {
        header.push(list.delimiter);
        header.extend(column.as_bytes());
    }
    header.extend(list.line_end);
    let mut rest = bytes
        .strip_prefix(header.as_slice())
        .ok_or("its header is not the list's with the added columns")?;
    let mut before = None;
    while !rest.is_empty() {
        let number = leading_number(rest).ok_or("a row without its number")?;
        let at = number - 1;
        let row = list
            .rows
            .get(at)
            .ok_or_else(|| format!("row {number} is not in the list"))?;
        rest = rest
            .strip_prefix(row.as_slice())
            .ok_or_else(|| format!("row {number} has other bytes than in the list"))?;
        if before.is_some_and(|before| before >= at) {
            return Err(format!("row {number} is out of order"));
        }
        before = Some(at);
        let (fields, after) = appended(rest, list.delimiter, list.line_end)
            .ok_or_else(|| format!("row {number} does not end in ten columns"))?;
        rest = after;
        let [
            _address,
            verdict,
            reason,
            bounce,
            flags,
            _suggestion,
            _provider,
            reply,
            _at,
            _input,
        ] = fields;
        let listed = Listed {
            list: name,
            verdict,
            reason,
            flags,
            bounce,
            reply,
        };
        if found[at].replace(listed).is_some() {
            return Err(format!("row {number} came out before"));
        }
    }
    Ok(())
}

fn leading_number(bytes: &[u8]) -> Option<usize> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    (number > 0).then_some(number)
}

/// The appended fields, each after a delimiter, up to the end of the row; with what follows.
fn appended<'a>(
    bytes: &'a [u8],
    delimiter: u8,
    line_end: &[u8],
) -> Option<([String; 10], &'a [u8])> {
    let mut rest = bytes;
    let mut fields: [String; 10] = Default::default();
    for field in &mut fields {
        rest = rest.strip_prefix(&[delimiter])?;
        let (text, after) = if let Some(quoted) = rest.strip_prefix(b"\"") {
            unquote(quoted)?
        } else {
            let end = rest
                .iter()
                .position(|byte| *byte == delimiter || *byte == b'\n' || *byte == b'\r')?;
            (rest[..end].to_vec(), &rest[end..])
        };
        *field = String::from_utf8(text).ok()?;
        rest = after;
    }
    Some((fields, rest.strip_prefix(line_end)?))
}

/// A quoted field after its first quote: two quotes stand for one.
fn unquote(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'"', Some(b'"')) => {
                text.push(b'"');
                at += 2;
            }
            (b'"', _) => return Some((text, &bytes[at + 1..])),
            (byte, _) => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> ListFile {
        ListFile {
            header: b"no,email".to_vec(),
            delimiter: b',',
            line_end: b"\n",
            rows: vec![b"1,a@b.test".to_vec(), b"2,\"x\ny\"".to_vec()],
            ends_well: true,
        }
    }

    const HEADER: &str = "no,email,presend_address,presend_verdict,presend_reason,presend_bounce,presend_flags,\
                          presend_suggestion,presend_provider,presend_reply,presend_checked_at,presend_input\n";

    fn lists(verified: &str, rejected: &str) -> [Vec<u8>; 3] {
        [verified, "", rejected].map(|rows| format!("{HEADER}{rows}").into_bytes())
    }

    #[test]
    fn rows_are_read_with_their_columns() {
        let outputs = lists(
            "1,a@b.test,a@b.test,deliverable,accepted,0.010,,,,\"250 \"\"fine\"\", yes\",2026,\n",
            "2,\"x\ny\",,undeliverable,bad_syntax,0.970,,,,no,,\n",
        );
        let (rows, findings) = read(&list(), &outputs);
        assert_eq!(findings, []);
        let first = rows[0].as_ref().unwrap();
        assert_eq!(
            (first.list, first.verdict.as_str()),
            ("verified", "deliverable")
        );
        assert_eq!(first.reply, "250 \"fine\", yes");
        assert_eq!(rows[1].as_ref().unwrap().reason, "bad_syntax");
    }

    #[test]
    fn rows_that_are_lost_changed_doubled_or_misplaced_are_found() {
        let good = "1,a@b.test,a@b.test,deliverable,accepted,0.010,,,,,,\n";
        let other = "2,\"x\ny\",,undeliverable,bad_syntax,0.970,,,,no,,\n";
        let broken = [
            lists(good, ""),
            lists(&format!("{good}{good}"), other),
            lists(&format!("{other}{good}"), ""),
            lists(&good.replace("a@b", "A@b"), other),
            lists(&good.replace(",,,,,", ",,,,"), other),
            lists(&format!("{good}{}", other.replace("2,", "3,")), ""),
        ];
        for outputs in broken {
            let (_, findings) = read(&list(), &outputs);
            assert!(
                !findings.is_empty(),
                "{}",
                String::from_utf8_lossy(&outputs[0])
            );
            assert!(
                findings
                    .iter()
                    .all(|finding| finding.complaint == Complaint::Rows)
            );
        }
    }
}
