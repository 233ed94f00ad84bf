//! Addresses that wait in a row, at little more than the size of their text: there may be half a million.
//!
//! A record is a byte of likelihood, look and whether it was asked about before; where it was, how often and since when
//! (nine bytes); the length of the local part, the local part. The domain is kept once, by the owner of the row.

use super::{Look, Subject};
use crate::input::address::Address;
use crate::model::timestamp::Timestamp;
use crate::probe::Likelihood;

/// Bits of a record's first byte.
const BAD: u8 = 1;
const SECOND: u8 = 2;
const CONTROL: u8 = 4;
const TRIED: u8 = 8;

/// Addresses of one domain, first come first served.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    /// Where the first record begins.
    start: u32,
    count: u32,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an address at the end.
    pub(super) fn push_back(&mut self, subject: &Subject) {
        let record = record(subject);
        self.make_room(record.len());
        self.bytes.extend_from_slice(&record);
        self.count += 1;
    }

    /// Adds an address in front of all others.
    pub(super) fn push_front(&mut self, subject: &Subject) {
        let record = record(subject);
        let start = self.start as usize;
        if let Some(before) = start.checked_sub(record.len()) {
            self.bytes[before..start].copy_from_slice(&record);
            self.start = place(before);
        } else {
            self.make_room(record.len());
            self.bytes.splice(start..start, record);
        }
        self.count += 1;
    }

    /// Takes the first; `domain` is the domain of all, in ASCII.
    pub(super) fn pop_front(&mut self, domain: &str) -> Option<Subject> {
        if self.is_empty() {
            return None;
        }
        let (subject, length) = read(&self.bytes[self.start as usize..], domain);
        self.count -= 1;
        self.start += place(length);
        if self.is_empty() {
            *self = Packed::default();
        } else if self.start as usize > self.bytes.len() / 2 {
            self.bytes.drain(..self.start as usize);
            self.bytes.shrink_to_fit();
            self.start = 0;
        }
        Some(subject)
    }

    /// Takes all, in order.
    pub(super) fn drain(&mut self, domain: &str) -> impl Iterator<Item = Subject> {
        let all = std::mem::take(self);
        let mut at = all.start as usize;
        (0..all.count).map(move |_| {
            let (subject, length) = read(&all.bytes[at..], domain);
            at += length;
            subject
        })
    }

    /// Grows by a quarter instead of to the double: with half a million rows it is the slack that counts.
    fn make_room(&mut self, more: usize) {
        let length = self.bytes.len();
        if length + more > self.bytes.capacity() {
            self.bytes.reserve_exact(more.max(length / 4));
        }
    }
}

/// What one address takes.
fn record(subject: &Subject) -> Vec<u8> {
    let local = subject.address.local();
    let tried = subject.tries > 0 || subject.since != Timestamp::default();
    let mut first = match subject.likelihood {
        Likelihood::Good => 0,
        Likelihood::Bad => BAD,
    };
    first |= match subject.look {
        Look::First => 0,
        Look::Second => SECOND,
        Look::Control => CONTROL,
    };
    let mut record = Vec::with_capacity(local.len() + 11);
    if tried {
        record.push(first | TRIED);
        record.push(subject.tries);
        record.extend_from_slice(&subject.since.as_millis().to_le_bytes());
    } else {
        record.push(first);
    }
    let length = u8::try_from(local.len()).expect("a local part has 64 octets at most");
    record.push(length);
    record.extend_from_slice(local.as_bytes());
    record
}

/// Reads the record at the beginning of `bytes`. Returns it with its length.
fn read(bytes: &[u8], domain: &str) -> (Subject, usize) {
    let first = bytes[0];
    let (tries, since, at) = if first & TRIED == 0 {
        (0, Timestamp::default(), 1)
    } else {
        let since = bytes[2..10].try_into().expect("eight bytes");
        (
            bytes[1],
            Timestamp::from_millis(u64::from_le_bytes(since)),
            10,
        )
    };
    let end = at + 1 + usize::from(bytes[at]);
    let local = std::str::from_utf8(&bytes[at + 1..end]).expect("written from text");
    let subject = Subject {
        address: Address::from_parts(local, domain),
        since,
        tries,
        likelihood: match first & BAD {
            0 => Likelihood::Good,
            _ => Likelihood::Bad,
        },
        look: match first & (SECOND | CONTROL) {
            0 => Look::First,
            SECOND => Look::Second,
            _ => Look::Control,
        },
    };
    (subject, end)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("the rows that wait are bounded")
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn subject(n: u8, kind: u8) -> Subject {
        let local = ["Anna", "jörg", "\"a b\"", "x"][usize::from(n % 4)];
        Subject {
            address: format!("{local}@müller.test")
                .parse()
                .unwrap_or_else(|_| format!("n{n}@müller.test").parse().unwrap()),
            since: Timestamp::from_millis(u64::from(kind / 8) * 1_000_000_007),
            tries: kind / 16,
            likelihood: match kind % 2 {
                0 => Likelihood::Good,
                _ => Likelihood::Bad,
            },
            look: [Look::First, Look::Second, Look::Control][usize::from(kind % 3)],
        }
    }

    proptest! {
        #[test]
        fn a_packed_row_is_a_row(steps in proptest::collection::vec((0u8..20, any::<u8>(), any::<u8>()), 0..80)) {
            let (mut packed, mut plain) = (Packed::default(), VecDeque::new());
            let domain = subject(0, 0).address.domain().wire().to_owned();
            for (step, n, kind) in steps {
                match step {
                    0..8 => {
                        packed.push_back(&subject(n, kind));
                        plain.push_back(subject(n, kind));
                    }
                    8..11 => {
                        packed.push_front(&subject(n, kind));
                        plain.push_front(subject(n, kind));
                    }
                    11..19 => prop_assert_eq!(packed.pop_front(&domain), plain.pop_front()),
                    _ => {
                        let all: Vec<Subject> = packed.drain(&domain).collect();
                        prop_assert_eq!(all, Vec::from(std::mem::take(&mut plain)));
                    }
                }
                prop_assert_eq!(packed.len(), plain.len());
            }
            let all: Vec<Subject> = packed.drain(&domain).collect();
            prop_assert_eq!(all, Vec::from(plain));
            prop_assert!(packed.is_empty());
        }
    }
}
