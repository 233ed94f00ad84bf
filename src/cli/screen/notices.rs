//! Hosts that give us trouble: those of one cause are told of together, once.

use std::time::Duration;

use crate::model::text::counted;
use crate::model::timestamp::Timestamp;
use crate::verify::report::blocked::{Cause, Scope};

/// How long hosts with the cause of another one are waited for before it is told of. Our choice: a block that all hosts
/// go by shows within a few seconds.
const GATHERING: Duration = Duration::from_secs(5);

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// They refuse to answer us.
    Blocked,
    /// They give no answer about any address.
    Left,
    /// They refuse every address that is asked about.
    Doubted,
}

/// Hosts in trouble for one cause.
#[derive(Clone, Debug)]
struct Notice {
    trouble: Trouble,
    cause: Cause,
    /// When the first of them was met; `None` before the run's clock was heard of.
    since: Option<Timestamp>,
    /// How many hosts the operator was told of, and how many addresses there.
    told: (usize, u64),
}

/// What is to be told of hosts in trouble.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    all: Vec<Notice>,
}

impl Notices {
    /// A host is in trouble: its last words, and how many addresses are left without an answer.
    pub(super) fn add(&mut self, trouble: Trouble, host: &str, words: &str, addresses: u64) {
        let mut fresh = crate::verify::report::blocked::Causes::default();
        let mut cause = fresh.add(host, words, addresses).clone();
        if trouble != Trouble::Blocked {
            cause.list = None;
        }
        let known = self
            .all
            .iter_mut()
            .find(|notice| notice.trouble == trouble && notice.cause.list == cause.list);
        match known {
            Some(notice) => {
                notice.cause.hosts += 1;
                notice.cause.addresses += addresses;
            }
            None => self.all.push(Notice {
                trouble,
                cause,
                since: None,
                told: (0, 0),
            }),
        }
    }

    /// What is to be told at `now`: causes that have been gathered for a while and were never told of.
    pub(super) fn due(&mut self, now: Timestamp, scope: Scope) -> Vec<String> {
        let mut due = Vec::new();
        for notice in &mut self.all {
            let since = *notice.since.get_or_insert(now);
            if notice.told.0 == 0 && now.since(since) >= GATHERING {
                due.push(notice.in_words(scope));
                notice.told = (notice.cause.hosts, notice.cause.addresses);
            }
        }
        due
    }

    /// What is left to be told when the run is over: causes never told of, and of the others the hosts that came since.
    pub(super) fn rest(&mut self, scope: Scope) -> Vec<String> {
        let mut rest = Vec::new();
        for notice in &mut self.all {
            if notice.cause.hosts > notice.told.0 {
                rest.push(match notice.told.0 {
                    0 => notice.in_words(scope),
                    _ => notice.news(),
                });
                notice.told = (notice.cause.hosts, notice.cause.addresses);
            }
        }
        rest
    }

    /// The hosts that refuse to answer us, for the screen.
    pub(super) fn refusals(&self, scope: Scope) -> Option<String> {
        let blocked = |notice: &&Notice| notice.trouble == Trouble::Blocked;
        let most = self
            .all
            .iter()
            .filter(blocked)
            .max_by_key(|notice| notice.cause.hosts)?;
        Some(most.cause.in_words(scope))
    }
}

impl Notice {
    /// The hosts that came since the operator was told of the cause.
    fn news(&self) -> String {
        let Cause {
            hosts, addresses, ..
        } = self.cause;
        let (more, left) = ((hosts - self.told.0) as u64, addresses - self.told.1);
        let who = counted(more, "more host", "more hosts");
        let (refuse, give, go) = (
            if more == 1 { "refuses" } else { "refuse" },
            if more == 1 { "gives" } else { "give" },
            if left == 1 { "goes" } else { "go" },
        );
        let what = match (self.trouble, &self.cause.list) {
            (Trouble::Blocked, Some(list)) => format!("{refuse} this address, naming {list}"),
            (Trouble::Blocked, None) => format!("{refuse} this address"),
            (Trouble::Left, _) => format!("{give} no answer about anybody"),
            (Trouble::Doubted, _) => format!("{refuse} whoever is asked about"),
        };
        format!(
            "{who} {what}, {hosts} in all; {} there {go} to review",
            counted(left, "address", "addresses")
        )
    }

    fn in_words(&self, scope: Scope) -> String {
        let Cause {
            hosts,
            first,
            words,
            addresses,
            ..
        } = &self.cause;
        let left = counted(*addresses, "address", "addresses");
        let goes = match addresses {
            1 => "goes",
            _ => "go",
        };
        let (who, one) = match hosts {
            1 => (first.clone(), true),
            hosts => (counted(*hosts as u64, "host", "hosts"), false),
        };
        // Of a host that did not reply the words are ours.
        let is_reply = words.chars().take(3).filter(char::is_ascii_digit).count() == 3;
        let words = if is_reply {
            format!("\"{words}\".")
        } else {
            words.clone()
        };
        let said = if one {
            format!("It said: {words}")
        } else {
            format!("{first} said: {words}")
        };
        match self.trouble {
            Trouble::Blocked => {
                let what = self.cause.in_words(scope);
                let desks = self.cause.desks();
                let desks = desks.map(|desk| format!(" {}: {}.", desk.name, desk.advice));
                let desks = desks.collect::<Vec<_>>().concat();
                format!(
                    "{what}; nobody there is asked any more, and {left} there {goes} to review. {said}{desks} Or ask from another machine."
                )
            }
            Trouble::Left => {
                let (gives, is) = if one {
                    ("gives", "is")
                } else {
                    ("give", "are")
                };
                format!(
                    "{who} {gives} no answer about anybody and {is} left for this run; {left} there {goes} to review, and the \
                     next run asks about them again. {said}"
                )
            }
            Trouble::Doubted => {
                let (refuses, is) = if one {
                    ("refuses", "its refusals are not believed")
                } else {
                    ("refuse", "their refusals are not believed")
                };
                format!(
                    "{who} {refuses} whoever is asked about, known-good addresses too, so {is}; {left} there {goes} to review. \
                     {said}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn many_hosts_with_one_cause_make_one_warning() {
        let mut notices = Notices::default();
        for host in 0..12 {
            notices.add(Trouble::Blocked, &format!("mx{host}.test"), LISTED, 3);
            let due = notices.due(at(host), Scope::All);
            assert_eq!(due.len(), usize::from(host == 5), "{host}");
            for told in due {
                let first = "all 6 hosts refuse this address, naming zen.spamhaus.org; ";
                assert!(told.starts_with(first), "{told}");
                assert!(told.contains("18 addresses"), "{told}");
                assert!(told.contains("https://check.spamhaus.org/"), "{told}");
            }
        }
        let told = notices.rest(Scope::All);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            told,
            [
                "6 more hosts refuse this address, naming zen.spamhaus.org, 12 in all; 18 addresses there go to review"
            ]
        );
        assert!(notices.rest(Scope::All).is_empty());
    }

    #[test]
    fn causes_are_told_apart_and_each_in_time() {
        let mut notices = Notices::default();
        notices.add(Trouble::Blocked, "mx.a.test", LISTED, 1);
        notices.add(Trouble::Left, "mx.b.test", "connection refused", 1);
        assert!(notices.due(at(10), Scope::Some).is_empty());
        let told = notices.due(at(15), Scope::Some);
        assert_eq!(told.len(), 2);
        assert!(
            told[0].starts_with("mx.a.test refuses this address"),
            "{told:?}"
        );
        assert!(told[1].starts_with("mx.b.test gives no answer about anybody and is left"));
        assert!(told[1].contains("1 address there goes to review"));
        let quoted = format!("It said: \"{LISTED}\". ");
        assert!(told[0].contains(&quoted), "{told:?}");
        assert!(told[1].ends_with("It said: connection refused"), "{told:?}");
        assert_eq!(
            notices.refusals(Scope::Some).unwrap(),
            "mx.a.test refuses this address, naming zen.spamhaus.org"
        );
        assert!(notices.rest(Scope::Some).is_empty());
    }
}
