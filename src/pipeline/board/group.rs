//! Domains that share their mail hosts: one conversation can serve them all.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::TalkId;
use super::rows::Rows;
use crate::address::Address;
use crate::limits;
use crate::moment::Moment;
use crate::route::MailHost;
use crate::smtp::dialogue::{FlightPace, Hello, Privacy};

/// The mail hosts that some domains have in common.
#[derive(Debug)]
pub(super) struct Group {
    /// The host key's index.
    pub(super) host: usize,
    /// Name with address, in the order in which to try them.
    pub(super) targets: Vec<(String, IpAddr)>,
    /// All domains it serves.
    pub(super) domains: Vec<usize>,
    /// Domains with a question that may be put now.
    pub(super) ready: VecDeque<usize>,
    /// Questions that may be put now, in all its domains.
    pub(super) askable: usize,
    /// Addresses that wait in all its domains, now or for a later moment.
    pub(super) waiting: usize,
    /// What its answers of one kind in a row are worth: they come from one machine.
    pub(super) rows: Rows,
    /// Somebody who was accepted there.
    pub(super) good: Option<(usize, Address)>,
    /// The domain of the last acceptance that seemed to mean something: a further stranger is asked for there.
    pub(super) meant: Option<usize>,
    /// The domain in which somebody known to exist is to be asked about, before anybody else.
    pub(super) control: Option<usize>,
    /// Whether a conversation of its own is wanted to test what its last answers are worth.
    pub(super) test_owed: bool,
    /// How often it was to be tested when all else was done.
    pub(super) last_tests: u8,
    /// The conversation that rests until the next clock comes due, while there is nothing to ask.
    pub(super) resting: Option<TalkId>,
    /// Conversations under way.
    pub(super) talks: u32,
    /// Whether it stands in its host's queue for a conversation.
    pub(super) listed: bool,
    /// Not to be connected to before this.
    pub(super) not_before: Moment,
    /// Rounds through all targets in vain.
    pub(super) failures: u8,
    /// When our own side last failed on the way to it.
    pub(super) stranded_at: Option<Moment>,
    /// With which word we introduce ourselves here.
    pub(super) hello: Hello,
    /// What we want of encryption here.
    pub(super) privacy: Privacy,
    /// What its offer of PIPELINING is worth.
    pub(super) pipelining: Pipelining,
    /// Most questions in one flight: fewer where flights break off, so that few are put in vain.
    pub(super) flight: u32,
    /// The most recipients in a transaction it was found to take.
    pub(super) transaction_cap: Option<u32>,
}

/// What a host's offer of PIPELINING is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pipelining {
    /// Nothing speaks against it.
    Trusted,
    /// A flight broke near its beginning: commands go one by one to see whether that helps.
    Suspected,
    /// One by one it works: it says that commands may travel together, then chokes on it.
    Chokes,
    /// One by one breaks as well, so it is something else.
    Cleared,
}

impl Pipelining {
    /// What follows from a flight that landed with `replies` replies, whole or broken off.
    pub(super) fn after_flight(self, pace: FlightPace, replies: usize, broken: bool) -> Self {
        match (self, pace, broken) {
            (Pipelining::Trusted, FlightPace::Together, true) if replies <= 1 => {
                Pipelining::Suspected
            }
            (Pipelining::Suspected, FlightPace::OneByOne, false) if replies > 1 => {
                Pipelining::Chokes
            }
            (Pipelining::Suspected, FlightPace::OneByOne, true) => Pipelining::Cleared,
            (same, FlightPace::Together | FlightPace::OneByOne, true | false) => same,
        }
    }
}

impl Group {
    pub(super) fn new(host: usize, targets: Vec<(String, IpAddr)>, privacy: Privacy) -> Self {
        Group {
            host,
            targets,
            domains: Vec::new(),
            ready: VecDeque::new(),
            askable: 0,
            waiting: 0,
            rows: Rows::default(),
            good: None,
            meant: None,
            control: None,
            test_owed: false,
            last_tests: 0,
            resting: None,
            talks: 0,
            listed: false,
            not_before: Moment::default(),
            failures: 0,
            stranded_at: None,
            hello: Hello::default(),
            privacy,
            pipelining: Pipelining::Trusted,
            flight: limits::REFUSED_RECIPIENTS,
            transaction_cap: None,
        }
    }

    /// Notes that a flight landed with `answered` of its `asked` questions answered. One that breaks off makes the next
    /// ones as short as would have been of use; whole ones make them longer again.
    pub(super) fn flight_landed(&mut self, asked: u32, answered: u32) {
        self.flight = match answered < asked {
            true => answered.max(1),
            false => (self.flight * 2).min(limits::REFUSED_RECIPIENTS),
        };
    }

    /// Whether another conversation would find enough to ask: each serves many domains and many recipients, so a second
    /// needs more than one is good for.
    pub(super) fn wants_a_talk(&self) -> bool {
        let worth = limits::QUESTIONS_WORTH_A_CONNECTION * self.talks as usize;
        let to_test = self.test_owed && self.talks == 0;
        to_test || (!self.ready.is_empty() && (self.talks == 0 || self.askable > worth))
    }
}

/// Names with addresses, in the order in which to try them.
pub(super) fn targets_of(hosts: Vec<MailHost>) -> Vec<(String, IpAddr)> {
    hosts
        .into_iter()
        .flat_map(|host| {
            let name = host.name;
            host.addresses
                .into_iter()
                .map(move |address| (name.clone(), address))
        })
        .take(limits::TARGETS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_breaks_either_way_is_not_blamed_for_pipelining() {
        let (together, one_by_one) = (FlightPace::Together, FlightPace::OneByOne);
        let suspected = Pipelining::Trusted.after_flight(together, 1, true);
        assert_eq!(suspected, Pipelining::Suspected);
        assert_eq!(
            suspected.after_flight(one_by_one, 2, false),
            Pipelining::Chokes
        );
        let cleared = suspected.after_flight(one_by_one, 1, true);
        assert_eq!(cleared, Pipelining::Cleared);
        assert_eq!(
            cleared.after_flight(together, 0, true),
            Pipelining::Cleared,
            "suspected once"
        );
        assert_eq!(
            Pipelining::Trusted.after_flight(together, 5, true),
            Pipelining::Trusted,
            "a flight that broke late was understood"
        );
    }
}
