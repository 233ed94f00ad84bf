//! Addresses of one domain that are gathered for an order, at little more than the size of their text: half a million may
//! wait until there is room for them at the engine.
//!
//! A record is a byte of likelihood, the length of the local part, the local part. The caller knows the domain. Those
//! of which more is known than that are few, and kept whole.

use crate::input::address::Address;
use crate::probe::{Likelihood, Target};

/// See the module's own words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gathered {
    plain: Vec<u8>,
    others: Vec<Target>,
    count: u32,
}

impl Gathered {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Adds one of the domain's addresses.
    pub(super) fn push(&mut self, target: Target) {
        self.count += 1;
        let plain = Target {
            likelihood: target.likelihood,
            ..Target::from(target.address.clone())
        };
        if plain != target {
            self.others.push(target);
            return;
        }
        let local = target.address.local();
        let more = 2 + local.len();
        if self.plain.len() + more > self.plain.capacity() {
            // Not to the double: it is the slack that counts.
            self.plain.reserve_exact(more.max(self.plain.len() / 2));
        }
        self.plain.push(match target.likelihood {
            Likelihood::Good => 0,
            Likelihood::Bad => 1,
        });
        self.plain
            .push(u8::try_from(local.len()).expect("a local part has 64 octets at most"));
        self.plain.extend_from_slice(local.as_bytes());
    }

    /// All of them, those first of which nothing is known but how likely they are; `domain` is their domain, in A-labels
    /// or as a literal.
    pub(super) fn into_targets(self, domain: &str) -> Vec<Target> {
        let mut targets = Vec::with_capacity(self.len());
        let mut rest = &*self.plain;
        while let [likelihood, length, behind @ ..] = rest {
            let (local, behind) = behind.split_at(usize::from(*length));
            let local = std::str::from_utf8(local).expect("written from text");
            targets.push(Target {
                likelihood: match likelihood {
                    0 => Likelihood::Good,
                    _ => Likelihood::Bad,
                },
                ..Target::from(Address::from_parts(local, domain))
            });
            rest = behind;
        }
        targets.extend(self.others);
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::timestamp::Timestamp;
    use crate::probe::{Turn, Waiting};

    fn target(text: &str) -> Target {
        Address::parse(text).unwrap().into()
    }

    #[test]
    fn who_is_gathered_comes_out_as_they_were() {
        let all = [
            target("ann@xn--bcher-kva.test"),
            Target {
                likelihood: Likelihood::Bad,
                ..target("\"b o b\"@bücher.test")
            },
            target("jörg@bücher.test"),
            Target {
                waiting: Waiting {
                    tries: 2,
                    since: Some(Timestamp::from_millis(77)),
                },
                not_before: Timestamp::from_millis(99),
                ..target("cat@bücher.test")
            },
            Target {
                turn: Turn::First,
                ..target("dan@bücher.test")
            },
        ];
        let mut gathered = Gathered::default();
        for target in &all {
            gathered.push(target.clone());
        }
        assert_eq!(gathered.len(), 5);
        assert_eq!(gathered.into_targets("xn--bcher-kva.test"), all);
    }

    #[test]
    fn a_usual_address_takes_little_more_than_its_text() {
        let mut gathered = Gathered::default();
        for n in 0..100 {
            gathered.push(target(&format!("person{n:03}@acme.test")));
        }
        let each = gathered.plain.capacity() / 100;
        assert!(each <= "person000".len() * 2, "{each} bytes");
    }
}
