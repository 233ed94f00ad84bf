//! What kind of world a seed makes: how much of everything there is.
//!
//! Each world has its own mixture, as in swarm testing: a fault that hides among all oddities at once shows where there
//! is one of them, or none.

use std::time::Duration;

use crate::sim::net::Persona;
use crate::sim::net::zone::Outage;

use crate::model::seeded::SeededRng;

/// How much of everything there is in a world.
#[derive(Clone, Debug)]
pub(super) struct Climate {
    /// Share of odd hosts.
    pub(super) odd_hosts: f64,
    /// The kind that is due: seeds in a row go through all kinds, so none depends on chance.
    pub(super) turn: Option<Persona>,
    /// The odd kinds that there are.
    pub(super) kinds: Vec<Persona>,
    /// Share of hosts under the registrable domain of another one.
    pub(super) under_one_roof: f64,
    /// Share of domains at hosts of large providers.
    pub(super) at_providers: f64,
    /// Share of domains that take everything.
    pub(super) catch_all: f64,
    /// Share of domains without a host behind their name, or with a name in trouble.
    pub(super) nameless: f64,
    /// Share of mailboxes that still exist.
    pub(super) present: f64,
    /// Share of rows that are no address.
    pub(super) scribbles: f64,
    /// Share of rows that name a mailbox again.
    pub(super) repeated: f64,
    /// Most lost segments, as a probability.
    pub(super) loss: f64,
    /// Most broken connections, as a probability per segment.
    pub(super) reset: f64,
    /// Longest median time there and back.
    pub(super) far: Duration,
    /// When no name server answers anything, where that happens.
    pub(super) dns_outage: Option<Outage>,
}

/// The longest outage of DNS that any run must see the end of.
const WAITED_FOR_DNS: Duration = Duration::from_secs(120);

/// Hosts with nothing odd about them.
pub(super) const ORDINARY: [Persona; 8] = [
    Persona::Honest,
    Persona::Postfix,
    Persona::Postfix,
    Persona::Exim,
    Persona::Exchange,
    Persona::OffersTls,
    Persona::NoPipelining,
    Persona::FewConnections,
];

/// Hosts whose answers tempt into a false verdict.
const TEMPTING: [Persona; 14] = [
    Persona::AcceptsAfterRefusals,
    Persona::RefusesInOwnWords,
    Persona::BlocksRecipients,
    Persona::BlocksSender,
    Persona::TentativeRefuser,
    Persona::HangsUpInsteadOfRefusing,
    Persona::Greylisting,
    Persona::BreaksOff,
    Persona::AcceptsEveryone,
    Persona::OneRecipient,
    Persona::RefusesTwice,
    Persona::RefusesTwiceLate,
    Persona::AcceptsTwice,
    Persona::AnswersMailTwice,
];

impl Climate {
    /// No oddities at all; every mailbox still exists.
    #[cfg(feature = "testing")]
    pub(super) fn fair() -> Self {
        Climate {
            odd_hosts: 0.0,
            turn: None,
            kinds: Vec::new(),
            under_one_roof: 0.0,
            at_providers: 0.0,
            catch_all: 0.0,
            nameless: 0.0,
            present: 1.0,
            scribbles: 0.0,
            repeated: 0.0,
            loss: 0.0,
            reset: 0.0,
            far: Duration::from_millis(60),
            dns_outage: None,
        }
    }

    /// The climate of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = SeededRng::of(seed, "climate");
        let few = dice.between(1, 6);
        // Each kind has its turn, however many there are.
        let turn = Persona::ALL[usize::try_from(seed).unwrap_or_default() % Persona::ALL.len()];
        let mut kinds = if dice.happens(0.4) {
            Persona::ALL.to_vec()
        } else {
            let kind = |dice: &mut SeededRng| {
                let tempting = dice.happens(0.5);
                *dice.one_of(if tempting { &TEMPTING } else { Persona::ALL })
            };
            (0..few).map(|_| kind(&mut dice)).collect()
        };
        kinds.push(turn);
        Climate {
            odd_hosts: *dice.one_of(&[0.05, 0.2, 0.5, 0.8]),
            turn: Some(
                Persona::ALL[usize::try_from(seed % Persona::ALL.len() as u64).unwrap_or(0)],
            ),
            kinds,
            under_one_roof: *dice.one_of(&[0.0, 0.0, 0.3, 0.8]),
            at_providers: *dice.one_of(&[0.0, 0.2, 0.5]),
            catch_all: *dice.one_of(&[0.0, 0.1, 0.3, 0.6]),
            nameless: *dice.one_of(&[0.0, 0.05, 0.2]),
            present: dice.share(0.4, 0.95),
            scribbles: *dice.one_of(&[0.0, 0.02, 0.1]),
            repeated: *dice.one_of(&[0.0, 0.03, 0.15]),
            loss: *dice.one_of(&[0.0, 0.0, 0.01, 0.05]),
            reset: *dice.one_of(&[0.0, 0.0, 0.003, 0.02]),
            far: *dice.one_of(&[
                Duration::from_millis(60),
                Duration::from_millis(300),
                Duration::from_millis(1500),
            ]),
            dns_outage: dns_outage(seed),
        }
    }
}

/// In one world of ten DNS is gone for a while, mostly when names are looked up: in the first seconds. It has a stream
/// of its own, so that worlds without it are what they were.
fn dns_outage(seed: u64) -> Option<Outage> {
    let mut dice = SeededRng::of(seed, "outage");
    let happens = dice.happens(0.1);
    let after = dice.time(Duration::from_millis(1), Duration::from_secs(60));
    let lasts = dice.time(Duration::from_secs(1), WAITED_FOR_DNS);
    happens.then_some(Outage {
        after,
        lasts: Some(lasts),
    })
}
