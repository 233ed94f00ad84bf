//! Addresses that were put off because too many wait at their host already: kept in a file until there is room again.
//!
//! What waits in memory is bounded. If one slow host could fill that bound, every address behind its rows in the list
//! would wait for it as well; so its further rows wait here instead. They are taken back pass by pass, in the list's
//! order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use crate::input::address::Address;
use crate::model::timestamp::Timestamp;
use crate::probe::{Likelihood, Target, Waiting};

/// The file for addresses that were put off cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot keep the addresses that wait for their host in a temporary file in {}; make room there, or name another \
     folder with TMPDIR, and run the same command again: what was learned is kept",
    std::env::temp_dir().display()
)]
pub struct SpillError(#[from] io::Error);

/// See the module's own words. The files have no name and vanish with the program. `TMPDIR` says where they are; in a
/// folder that is kept in memory they take memory.
#[derive(Default)]
pub(super) struct Spill {
    written: Option<BufWriter<File>>,
    read: Option<BufReader<File>>,
}

impl Spill {
    /// Whether no address is put off.
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_none() && self.read.is_none()
    }

    /// Whether a pass is under way: [`Spill::take`] has more.
    pub(super) fn is_being_read(&self) -> bool {
        self.read.is_some()
    }

    /// Puts an address off until the next pass.
    pub(super) fn put(&mut self, wanted: &Target) -> Result<(), SpillError> {
        let file = match &mut self.written {
            Some(file) => file,
            none @ None => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        let likelihood = match wanted.likelihood {
            Likelihood::Good => 'g',
            Likelihood::Bad => 'b',
        };
        // An address holds no control character, so a line is a record; it comes last, for it may hold spaces.
        writeln!(
            file,
            "{likelihood} {} {} {} {}",
            wanted.waiting.tries,
            wanted.waiting.since.map_or(0, Timestamp::as_millis),
            wanted.not_before.as_millis(),
            wanted.address.wire()
        )?;
        Ok(())
    }

    /// Begins another pass through all addresses that were put off, unless one is under way.
    pub(super) fn begin_pass(&mut self) -> Result<(), SpillError> {
        if self.read.is_none()
            && let Some(written) = self.written.take()
        {
            let mut file = written
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            self.read = Some(BufReader::new(file));
        }
        Ok(())
    }

    /// The next `most` of the pass under way.
    pub(super) fn take(&mut self, most: usize) -> Result<Vec<Target>, SpillError> {
        let mut taken = Vec::new();
        let Some(file) = &mut self.read else {
            return Ok(taken);
        };
        let mut line = String::new();
        while taken.len() < most {
            line.clear();
            if file.read_line(&mut line)? == 0 {
                self.read = None;
                break;
            }
            taken.push(record(line.trim_end_matches('\n')).expect("a record as it was written"));
        }
        Ok(taken)
    }
}

fn record(line: &str) -> Option<Target> {
    let mut words = line.splitn(5, ' ');
    let likelihood = match words.next()? {
        "b" => Likelihood::Bad,
        _ => Likelihood::Good,
    };
    let tries = words.next()?.parse().ok()?;
    let since = words.next()?.parse().ok()?;
    let not_before = words.next()?.parse().ok()?;
    Some(Target {
        likelihood,
        waiting: Waiting {
            tries,
            since: (since > 0).then(|| Timestamp::from_millis(since)),
        },
        not_before: Timestamp::from_millis(not_before),
        ..Target::from(Address::parse(words.next()?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Target {
        Target::from(text.parse::<Address>().unwrap())
    }

    #[test]
    fn who_was_put_off_comes_back_in_order_as_they_were() {
        let mut spill = Spill::default();
        let all = [
            wanted("anna@acme.test"),
            Target {
                likelihood: Likelihood::Bad,
                waiting: Waiting {
                    tries: 2,
                    since: Some(Timestamp::from_millis(77)),
                },
                not_before: Timestamp::from_millis(99),
                ..wanted("\"a b\"@müller.test")
            },
            wanted("jörg@acme.test"),
        ];
        for wanted in &all {
            spill.put(wanted).unwrap();
        }
        assert!(!spill.is_empty() && !spill.is_being_read());
        assert_eq!(spill.take(9).unwrap(), [], "no pass is under way");
        spill.begin_pass().unwrap();
        assert_eq!(spill.take(2).unwrap(), all[..2]);
        // Put off again while the pass goes on: that is for the next one.
        spill.put(&all[0]).unwrap();
        spill.begin_pass().unwrap();
        assert_eq!(spill.take(9).unwrap(), all[2..]);
        assert!(!spill.is_being_read());
        spill.begin_pass().unwrap();
        assert_eq!(spill.take(9).unwrap(), all[..1]);
        assert!(spill.is_empty());
    }

    #[test]
    fn every_error_says_what_to_change() {
        let error = SpillError(io::Error::from(io::ErrorKind::StorageFull));
        let temporary = std::env::temp_dir().display().to_string();
        insta::assert_snapshot!(error.to_string().replace(&temporary, "TEMPORARY"), @"cannot keep the addresses that wait for their host in a temporary file in TEMPORARY; make room there, or name another folder with TMPDIR, and run the same command again: what was learned is kept");
    }
}
