//! Domains that share their mail hosts: one session can serve them all.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::SessionId;
use super::integrity::Integrity;
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::net::route::MailHost;
use crate::probe::Effort;
use crate::smtp::session::{BatchPace, Hello, Privacy};

/// The mail hosts that some domains have in common.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "none of them follows from another"
)]
pub(super) struct MxGroup {
    /// The host key's index.
    pub(super) host: usize,
    /// Name with address, in the order in which to try them.
    pub(super) targets: Vec<(String, IpAddr)>,
    /// Whether these are all that its domains have.
    pub(super) is_whole: bool,
    /// Machines of these that said that they block us before they had answered any question: the others are asked
    /// instead.
    pub(super) shunned: Vec<IpAddr>,
    /// All domains it serves.
    pub(super) domains: Vec<usize>,
    /// Domains with a question that may be put now.
    pub(super) ready: VecDeque<usize>,
    /// Questions that may be put now, in all its domains.
    pub(super) askable: usize,
    /// Addresses that wait in all its domains, now or for a later moment.
    pub(super) waiting: usize,
    /// What its answers are worth: they come from one machine.
    pub(super) integrity: Integrity,
    /// The most refusals in a connection after which it still refused a recipient.
    pub(super) steady: u32,
    /// The fewest refusals in a connection after which it was found to accept every recipient.
    pub(super) turns_after: Option<u32>,
    /// Sessions that ended before a decoy had shown what they accepted last.
    pub(super) untested_tails: u8,
    /// The machine of its last refusal.
    pub(super) refused_by: Option<IpAddr>,
    /// An address that was accepted there.
    pub(super) good: Option<(usize, Address)>,
    /// The domain of the last acceptance that seemed to mean something: a further decoy is asked about there.
    pub(super) meant: Option<usize>,
    /// The domain in which an address known to exist is to be asked about, before any other.
    pub(super) control: Option<usize>,
    /// Whether a session of its own is wanted to test what its last answers are worth.
    pub(super) test_owed: bool,
    /// How often it was to be tested when all else was done.
    pub(super) last_tests: u8,
    /// The session that rests until the next clock comes due, while there is nothing to ask.
    pub(super) resting: Option<SessionId>,
    /// Whether it tells unknown clients to come back, so that all clocks are better started at once.
    pub(super) greylisting: bool,
    /// How often it began to tell unknown clients to come back.
    greylist_turns: u8,
    /// Sessions under way.
    pub(super) sessions: u32,
    /// Those of them that are only waiting for the answer to their goodbye, and hold up no other.
    pub(super) leaving: u32,
    /// Whether it stands in its host's queue for a session.
    pub(super) listed: bool,
    /// The first target of the present round that was not waited for as long as it may take.
    pub(super) cut_short: Option<usize>,
    /// Not to be connected to before this.
    pub(super) not_before: Timestamp,
    /// What connections to it have brought.
    pub(super) effort: Effort,
    /// Its last word that was no answer.
    pub(super) last_word: Option<Box<(Exchange, Reading)>>,
    /// Whether it is left for this run, for it gave nothing.
    pub(super) is_left: bool,
    /// Rounds through all targets in vain.
    pub(super) failures: u8,
    /// When our own side last failed on the way to it.
    pub(super) stranded_at: Option<Timestamp>,
    /// With which word we introduce ourselves here.
    pub(super) hello: Hello,
    /// What we want of encryption here.
    pub(super) privacy: Privacy,
    /// What its offer of PIPELINING is worth.
    pub(super) pipelining: Pipelining,
    /// Most questions in one batch: fewer where batches break off, so that few are put in vain.
    pub(super) batch: u32,
}

/// What a host's offer of PIPELINING is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pipelining {
    /// Nothing speaks against it.
    Trusted,
    /// A batch broke near its beginning: commands go one by one to see whether that helps.
    Suspected,
    /// One by one it works: it says that commands may travel together, then chokes on it.
    Chokes,
    /// One by one breaks as well, so it is something else.
    Cleared,
}

impl Pipelining {
    /// What follows from a batch that landed with `replies` replies, whole or broken off.
    pub(super) fn after_batch(self, pace: BatchPace, replies: usize, broken: bool) -> Self {
        match (self, pace, broken) {
            (Pipelining::Trusted, BatchPace::Together, true) if replies <= 1 => {
                Pipelining::Suspected
            }
            (Pipelining::Suspected, BatchPace::OneByOne, false) if replies > 1 => {
                Pipelining::Chokes
            }
            (Pipelining::Suspected, BatchPace::OneByOne, true) => Pipelining::Cleared,
            (same, BatchPace::Together | BatchPace::OneByOne | BatchPace::Fenced, true | false) => {
                same
            }
        }
    }
}

impl MxGroup {
    pub(super) fn new(host: usize, targets: Vec<(String, IpAddr)>, privacy: Privacy) -> Self {
        MxGroup {
            host,
            targets,
            is_whole: false,
            shunned: Vec::new(),
            domains: Vec::new(),
            ready: VecDeque::new(),
            askable: 0,
            waiting: 0,
            integrity: Integrity::default(),
            steady: 0,
            turns_after: None,
            untested_tails: 0,
            refused_by: None,
            good: None,
            meant: None,
            control: None,
            test_owed: false,
            last_tests: 0,
            resting: None,
            greylisting: false,
            greylist_turns: 0,
            sessions: 0,
            leaving: 0,
            listed: false,
            cut_short: None,
            not_before: Timestamp::default(),
            effort: Effort::default(),
            last_word: None,
            is_left: false,
            failures: 0,
            stranded_at: None,
            hello: Hello::default(),
            privacy,
            pipelining: Pipelining::Trusted,
            batch: limits::REFUSED_RECIPIENTS,
        }
    }

    /// Notes that it tells unknown clients to come back. Returns whether that is news; a host that changes its mind
    /// time and again makes none.
    pub(super) fn begins_greylisting(&mut self) -> bool {
        if self.greylisting || self.greylist_turns >= limits::GREYLIST_TURNS {
            return false;
        }
        self.greylist_turns += 1;
        self.greylisting = true;
        true
    }

    /// Notes that a batch landed with `answered` of its `asked` questions answered. One that breaks off makes the next
    /// ones as short as would have been of use; whole ones make them longer again.
    pub(super) fn batch_landed(&mut self, asked: u32, answered: u32) {
        self.batch = if answered < asked {
            answered.max(1)
        } else {
            (self.batch * 2).min(limits::REFUSED_RECIPIENTS)
        };
    }

    /// Whether its machines may accept every recipient in a connection that has refused so many: some do after so
    /// many, and these have not shown yet that they do not.
    pub(super) fn may_turn_after(&self, refusals: u32) -> bool {
        let suspicious = match self.turns_after {
            Some(_) => 1,
            None => limits::REFUSALS_BEFORE_A_TURN,
        };
        refusals >= suspicious && refusals > self.steady
    }

    /// The most refusals in a connection after which what it accepts needs no decoy, where too many connections ended
    /// before one was asked about.
    pub(super) fn bears(&self) -> Option<u32> {
        (self.untested_tails >= limits::UNTESTED_TAILS)
            .then(|| self.steady.max(limits::REFUSALS_BEFORE_A_TURN - 1))
    }

    /// Whether another session would find enough to ask: each serves many domains and many recipients, so a second
    /// needs more than one is good for, `worth` for each.
    pub(super) fn wants_a_session(&self, worth: usize) -> bool {
        let asking = self.sessions - self.leaving;
        let worth = worth * asking as usize;
        let to_test = self.test_owed && self.sessions == 0;
        to_test || (!self.ready.is_empty() && (asking == 0 || self.askable > worth))
    }
}

/// Names with addresses, in the order in which to try them. Where there are more than are ever tried, each host has a
/// place for its first address before any has one for its next: a dead host of many addresses must not be all there is.
pub(super) fn targets_of(hosts: &[MailHost]) -> Vec<(String, IpAddr)> {
    let mut ranked: Vec<(usize, usize, IpAddr)> = hosts
        .iter()
        .enumerate()
        .flat_map(|(host, mail_host)| {
            let addresses = mail_host.addresses.iter().enumerate();
            addresses.map(move |(place, &address)| (place, host, address))
        })
        .collect();
    ranked.sort_by_key(|&(place, host, _)| (place, host));
    ranked.truncate(limits::TARGETS);
    ranked.sort_by_key(|&(place, host, _)| (host, place));
    ranked
        .into_iter()
        .map(|(_, host, address)| (hosts[host].name.clone(), address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_a_place_before_any_has_two() {
        let host = |name: &str, addresses: std::ops::Range<u8>| MailHost {
            name: name.to_owned(),
            addresses: addresses.map(|n| IpAddr::from([11, 0, 0, n])).collect(),
        };
        let told = |hosts: &[MailHost]| -> Vec<(String, u8)> {
            let last = |address| match address {
                IpAddr::V4(address) => std::net::Ipv4Addr::octets(&address)[3],
                IpAddr::V6(_) => 0,
            };
            let targets = targets_of(hosts).into_iter();
            targets
                .map(|(name, address)| (name, last(address)))
                .collect()
        };
        let found = told(&[host("a", 1..7), host("b", 11..13), host("c", 21..22)]);
        let expected = [("a", 1), ("a", 2), ("b", 11), ("b", 12), ("c", 21)];
        assert_eq!(found, expected.map(|(name, n)| (name.to_owned(), n)));
        let found = told(&[host("a", 1..3), host("b", 11..12)]);
        let expected = [("a", 1), ("a", 2), ("b", 11)];
        assert_eq!(found, expected.map(|(name, n)| (name.to_owned(), n)));
    }

    #[test]
    fn a_host_that_breaks_either_way_is_not_blamed_for_pipelining() {
        let (together, one_by_one) = (BatchPace::Together, BatchPace::OneByOne);
        let suspected = Pipelining::Trusted.after_batch(together, 1, true);
        assert_eq!(suspected, Pipelining::Suspected);
        assert_eq!(
            suspected.after_batch(one_by_one, 2, false),
            Pipelining::Chokes
        );
        let cleared = suspected.after_batch(one_by_one, 1, true);
        assert_eq!(cleared, Pipelining::Cleared);
        assert_eq!(
            cleared.after_batch(together, 0, true),
            Pipelining::Cleared,
            "suspected once"
        );
        assert_eq!(
            Pipelining::Trusted.after_batch(together, 5, true),
            Pipelining::Trusted,
            "a batch that broke late was understood"
        );
    }
}
