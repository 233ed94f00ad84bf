//! Whether a domain accepts every address: what is known of it, and what that leaves to ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KnownDomain, Wait};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;

/// What is known of how a domain answers for unknown recipients.
///
/// Target first: real addresses are asked about; one decoy follows the first acceptance; on a catch-all the rest of the
/// domain is not asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchAll {
    state: CatchAllState,
    decoy: Decoy,
    decoys_asked: u32,
    exceptions_asked: u8,
}

/// How a domain treats addresses that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchAllState {
    /// Nothing is known: one question at a time, for the domain may turn out to take everything.
    Unknown,
    /// An address was refused as an unknown recipient, so not every address is accepted.
    RefusesSome,
    /// A decoy was refused: an acceptance means something.
    #[serde(rename = "refuses_strangers")]
    RefusesUnknown,
    /// A decoy was accepted: an acceptance means nothing.
    CatchAll,
    /// The decoy was answered with neither, as often as we ask.
    NotTold,
}

/// Where the question about the decoy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoy {
    NotOwed,
    Owed { not_before: Timestamp },
    Asked,
}

impl Default for CatchAll {
    fn default() -> Self {
        CatchAll {
            state: CatchAllState::Unknown,
            decoy: Decoy::NotOwed,
            decoys_asked: 0,
            exceptions_asked: 0,
        }
    }
}

impl CatchAll {
    /// How the domain answers for unknown recipients, as far as known.
    #[must_use]
    pub fn state(&self) -> CatchAllState {
        self.state
    }

    /// Whether more than one question may be under way.
    #[must_use]
    pub fn may_ask_together(&self) -> bool {
        match self.state {
            CatchAllState::Unknown => false,
            CatchAllState::RefusesSome | CatchAllState::RefusesUnknown | CatchAllState::NotTold => {
                true
            }
            // Few are asked at all.
            CatchAllState::CatchAll => true,
        }
    }

    /// How often a decoy was asked about.
    #[must_use]
    pub fn decoys_asked(&self) -> u32 {
        self.decoys_asked
    }

    /// Addresses of the list were refused as unknown recipients: no decoy is needed.
    pub fn hear_listed(&mut self) {
        self.decoy = Decoy::NotOwed;
        self.decoys_asked = self.decoys_asked.max(1);
        self.state = CatchAllState::RefusesUnknown;
    }

    /// How many more addresses of a catch-all domain may be asked about: it may refuse some all the same.
    #[must_use]
    pub fn exceptions_left(&self) -> u8 {
        limits::ASKED_AT_A_CATCH_ALL.saturating_sub(self.exceptions_asked)
    }

    /// Notes that one of them was answered.
    pub fn hear_exception(&mut self) {
        self.exceptions_asked = self.exceptions_asked.saturating_add(1);
    }

    /// When the decoy is to be asked; `None` while it is not owed.
    #[must_use]
    pub fn decoy_due(&self) -> Option<Timestamp> {
        match self.decoy {
            Decoy::Owed { not_before } => Some(not_before),
            Decoy::NotOwed | Decoy::Asked => None,
        }
    }

    /// Whether the decoy's answer is being awaited.
    #[must_use]
    pub fn decoy_under_way(&self) -> bool {
        self.decoy == Decoy::Asked
    }

    /// Notes that the decoy is being asked about.
    pub fn asking_decoy(&mut self) {
        self.decoy = Decoy::Asked;
        self.decoys_asked += 1;
    }

    /// Notes what a real address was answered. An acceptance makes the decoy due, if it was never asked.
    pub fn hear_subject(&mut self, reading: &Reading) {
        match reading.reason {
            Reason::Accepted | Reason::AcceptedProvider | Reason::CatchAllUntested
                if self.decoy == Decoy::NotOwed && self.decoys_asked == 0 =>
            {
                self.decoy = Decoy::Owed {
                    not_before: Timestamp::default(),
                };
            }
            Reason::NoSuchMailbox if reading.permanent && self.state == CatchAllState::Unknown => {
                self.state = CatchAllState::RefusesSome;
            }
            // Every other answer says nothing of unknown recipients.
            _ => {}
        }
    }

    /// How long to wait after an answer about the decoy that settles nothing: as long as the domain's other addresses
    /// that were deferred with it, and longer from try to try. `None` where that is longer than `patience`.
    #[must_use]
    pub fn wait(&self, wait: Wait, patience: Duration) -> Option<Duration> {
        let tries = self.decoys_asked.clamp(1, limits::DECOYS) - 1;
        let tries = u8::try_from(tries).unwrap_or(u8::MAX);
        let waited = (0..tries).try_fold(patience, |left, earlier| {
            Some(left.saturating_sub(wait.after(earlier, left)?))
        });
        wait.after(tries, waited?)
    }

    /// Notes what the decoy was answered. Where that settles nothing it is asked again at `retry`, a limited number of
    /// times.
    pub fn hear_decoy(&mut self, reading: &Reading, retry: Timestamp) {
        self.decoy = Decoy::NotOwed;
        match reading.reason {
            // A host that confirms no recipient (252) answers for a decoy as for any other.
            Reason::Accepted | Reason::AcceptedProvider | Reason::CatchAllUntested => {
                self.state = CatchAllState::CatchAll;
            }
            _ if refuses_unknown_recipient(reading) => self.state = CatchAllState::RefusesUnknown,
            _ if reading.permanent || self.decoys_asked >= limits::DECOYS => self.give_up(),
            _ => self.decoy = Decoy::Owed { not_before: retry },
        }
    }

    /// Notes that the decoy's answer was lost with the connection.
    pub fn decoy_lost(&mut self, retry: Timestamp) {
        if self.decoys_asked >= limits::DECOYS {
            self.decoy = Decoy::NotOwed;
            self.give_up();
        } else {
            self.decoy = Decoy::Owed { not_before: retry };
        }
    }

    /// Notes that the question about the decoy was not put after all: it is put again.
    pub fn decoy_not_asked(&mut self) {
        self.decoys_asked = self.decoys_asked.saturating_sub(1);
        self.decoy = Decoy::Owed {
            not_before: Timestamp::default(),
        };
    }

    /// The decoy was answered in words that say nothing: it is asked about again, where they may be understood.
    pub fn ask_again(&mut self) {
        self.decoy = Decoy::Owed {
            not_before: Timestamp::default(),
        };
    }

    /// The host greylists: the decoy's clock is started with those of the addresses, so that its wait is not a second
    /// one.
    pub fn start_clock(&mut self) {
        let unknown = matches!(
            self.state,
            CatchAllState::Unknown | CatchAllState::RefusesSome
        );
        if unknown && self.decoy == Decoy::NotOwed && self.decoys_asked == 0 {
            self.decoy = Decoy::Owed {
                not_before: Timestamp::default(),
            };
        }
    }

    /// Others see to the decoy from now on: it is owed here no more, and may be owed again by what is remembered then.
    pub fn hand_back(&mut self) {
        self.decoy = Decoy::NotOwed;
        self.decoys_asked = 0;
    }

    /// Whether no decoy was asked about, or is to be: what is remembered may be taken over.
    #[must_use]
    pub fn has_no_decoy(&self) -> bool {
        self.decoy == Decoy::NotOwed
            && self.decoys_asked == 0
            && matches!(
                self.state,
                CatchAllState::Unknown | CatchAllState::RefusesSome
            )
    }

    /// No decoy will be asked any more.
    pub fn give_up(&mut self) {
        self.decoy = Decoy::NotOwed;
        self.decoys_asked = self.decoys_asked.max(1);
        if matches!(
            self.state,
            CatchAllState::Unknown | CatchAllState::RefusesSome
        ) {
            self.state = CatchAllState::NotTold;
        }
    }

    /// The decoy was refused by a host that refuses every recipient: how it answers for unknown ones is not known.
    pub fn disbelieve(&mut self) {
        self.decoy = Decoy::NotOwed;
        self.state = CatchAllState::NotTold;
    }

    /// The decoy's answer may have belonged to another question: it is asked about again.
    pub fn unhear_decoy(&mut self) {
        self.state = CatchAllState::Unknown;
        self.decoy_not_asked();
    }

    /// Takes over what an earlier run learned: a decoy that was answered is not asked again, one that was told to come
    /// back is asked when its time has come.
    pub fn remember(&mut self, known: &KnownDomain) {
        self.decoys_asked = known.decoys_asked;
        self.exceptions_asked = known.exceptions_asked;
        match (known.catch_all, known.decoy_due) {
            (Some(state), _) => {
                self.state = state;
                self.decoys_asked = self.decoys_asked.max(1);
            }
            (None, Some(not_before)) => self.decoy = Decoy::Owed { not_before },
            // Its answer got lost with the run: it is asked again after the next acceptance.
            (None, None) => self.decoys_asked = 0,
        }
    }

    /// What there is to remember.
    #[must_use]
    pub fn known(&self) -> KnownDomain {
        KnownDomain {
            catch_all: match self.state {
                CatchAllState::Unknown | CatchAllState::RefusesSome => None,
                told @ (CatchAllState::RefusesUnknown
                | CatchAllState::CatchAll
                | CatchAllState::NotTold) => Some(told),
            },
            decoys_asked: self.decoys_asked,
            decoy_due: self.decoy_due(),
            keeps_waiting: false,
            exceptions_asked: self.exceptions_asked,
        }
    }
}

/// What the reading of a refused address of the list is named that stands for a decoy.
pub const LISTED_AS_DECOY: &str = "an address of the list was refused like a stranger";

/// What the reading of a decoy's answer is named that another name of the same system of mailboxes took over.
pub const SAME_SYSTEM_AS_DECOY: &str = "refused under another name of the same system";

/// Whether a decoy's answer refuses it permanently as a mailbox. No mailbox has that name, so "closed" and "moved" mean
/// no more than "unknown".
#[must_use]
pub fn refuses_unknown_recipient(reading: &Reading) -> bool {
    let blames_the_mailbox = matches!(
        reading.reason,
        Reason::NoSuchMailbox | Reason::MailboxDisabled | Reason::MailboxMoved
    );
    reading.permanent && blames_the_mailbox
}

/// What the refusal of a decoy with `code` means where an address of its domain was accepted earlier in the same
/// transaction: client, sender and domain were the same, so it is the recipient that the host refuses, whatever its words.
/// Where the words say that there is no such mailbox, a cautious code (4yz: Postfix `soft_bounce`,
/// `unknown_local_recipient_reject_code`, `unverified_recipient_reject_code`) changes nothing in that. `None` where the
/// words blame us, or the code is about the command (RFC 5321 §4.2.2).
#[must_use]
pub fn refused_beside_an_acceptance(reading: &Reading, code: Option<u16>) -> Option<Reading> {
    // That a code such as 554 or 5.7.1 is about the sender is a guess, and here it is wrong.
    let is_a_guess = reading.reason == Reason::SenderRefused && reading.goes_by_code_alone();
    let is_about_the_recipient = is_a_guess
        || matches!(
            reading.reason,
            Reason::Unread | Reason::RelayDenied | Reason::DomainNotServed
        );
    let is_for_good = reading.permanent && code.is_some_and(|code| (510..600).contains(&code));
    let is_for_now = !reading.permanent && code.is_some_and(|code| (450..500).contains(&code));
    let is_refused = (is_for_good && is_about_the_recipient)
        || (is_for_now && reading.reason == Reason::NoSuchMailbox);
    is_refused.then(|| Reading {
        reason: Reason::NoSuchMailbox,
        permanent: true,
        rule: format!("refused beside an accepted address ({})", reading.rule),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reason: Reason, permanent: bool) -> Reading {
        Reading {
            reason,
            permanent,
            rule: "test".to_owned(),
        }
    }

    const LATER: Timestamp = Timestamp::from_millis(360_000);

    #[test]
    fn the_decoy_is_owed_once_after_the_first_acceptance() {
        let mut catch_all = CatchAll::default();
        catch_all.hear_subject(&read(Reason::NoSuchMailbox, true));
        assert_eq!(catch_all.decoy_due(), None);
        assert!(catch_all.may_ask_together());
        catch_all.hear_subject(&read(Reason::Accepted, false));
        assert_eq!(catch_all.decoy_due(), Some(Timestamp::default()));
        catch_all.asking_decoy();
        catch_all.hear_subject(&read(Reason::Accepted, false));
        assert_eq!(catch_all.decoy_due(), None);
        catch_all.hear_decoy(&read(Reason::NoSuchMailbox, true), LATER);
        catch_all.hear_subject(&read(Reason::Accepted, false));
        assert_eq!(catch_all.decoy_due(), None);
        assert_eq!(catch_all.state(), CatchAllState::RefusesUnknown);
    }

    #[test]
    fn an_accepted_decoy_makes_a_catch_all() {
        let mut catch_all = CatchAll::default();
        catch_all.hear_subject(&read(Reason::Accepted, false));
        assert!(
            !catch_all.may_ask_together(),
            "the rest waits for the decoy"
        );
        catch_all.asking_decoy();
        catch_all.hear_decoy(&read(Reason::Accepted, false), LATER);
        assert_eq!(catch_all.state(), CatchAllState::CatchAll);
    }

    #[test]
    fn an_undecided_decoy_is_asked_again_but_not_for_ever() {
        let mut catch_all = CatchAll::default();
        catch_all.hear_subject(&read(Reason::Accepted, false));
        for _ in 0..limits::DECOYS - 1 {
            catch_all.asking_decoy();
            catch_all.hear_decoy(&read(Reason::Greylisted, false), LATER);
            assert_eq!(catch_all.decoy_due(), Some(LATER));
        }
        catch_all.asking_decoy();
        catch_all.hear_decoy(&read(Reason::Greylisted, false), LATER);
        assert_eq!(
            (catch_all.decoy_due(), catch_all.state()),
            (None, CatchAllState::NotTold)
        );
        assert!(catch_all.may_ask_together());
    }

    #[test]
    fn a_decoy_whose_answer_may_be_anothers_is_asked_about_again() {
        let mut catch_all = CatchAll::default();
        catch_all.hear_subject(&read(Reason::Accepted, false));
        for answer in [
            read(Reason::Accepted, false),
            read(Reason::NoSuchMailbox, true),
        ] {
            catch_all.asking_decoy();
            catch_all.hear_decoy(&answer, LATER);
            catch_all.unhear_decoy();
            assert_eq!(catch_all.state(), CatchAllState::Unknown);
            assert_eq!(catch_all.decoy_due(), Some(Timestamp::default()));
        }
    }

    #[test]
    fn a_decoy_refused_for_good_as_a_mailbox_shows_that_unknown_recipients_are_refused() {
        for &reason in Reason::ALL {
            let mut catch_all = CatchAll::default();
            catch_all.hear_subject(&read(Reason::Accepted, false));
            catch_all.asking_decoy();
            catch_all.hear_decoy(&read(reason, true), LATER);
            let refused = catch_all.state() == CatchAllState::RefusesUnknown;
            assert_eq!(
                refused,
                refuses_unknown_recipient(&read(reason, true)),
                "{reason}"
            );
            assert!(!refuses_unknown_recipient(&read(reason, false)), "{reason}");
        }
    }

    /// When a decoy is asked about that is told to come back each time, in seconds.
    fn asked_at(wait: Wait) -> Vec<u64> {
        let (mut catch_all, mut at, mut moments) = (CatchAll::default(), 0, Vec::new());
        for _ in 0..10 {
            catch_all.asking_decoy();
            moments.push(at);
            let Some(wait) = catch_all.wait(wait, Duration::from_secs(1800)) else {
                break;
            };
            catch_all.hear_decoy(&read(Reason::Greylisted, false), LATER);
            if catch_all.decoy_due().is_none() {
                break;
            }
            at += wait.as_secs();
        }
        moments
    }

    #[test]
    fn a_decoy_is_asked_about_as_long_as_any_address_that_is_put_off() {
        assert_eq!(asked_at(Wait::Untold), [0, 360, 1080]);
        let verification = Wait::OfSoftware(limits::VERIFICATION_WAIT);
        assert_eq!(asked_at(verification), [0, 11, 371, 1091]);
        assert_eq!(asked_at(Wait::Named(Duration::from_secs(2000))), [0]);
    }

    #[test]
    fn beside_an_acceptance_a_refusal_is_about_the_recipient_unless_it_blames_us() {
        let read_as = |reason, permanent, code| {
            refused_beside_an_acceptance(&read(reason, permanent), Some(code))
                .map(|reading| reading.reason)
        };
        let (unknown, unread) = (Some(Reason::NoSuchMailbox), Reason::Unread);
        assert_eq!(read_as(unread, true, 550), unknown);
        assert_eq!(read_as(Reason::RelayDenied, true, 554), unknown);
        assert_eq!(read_as(unread, false, 450), None);
        assert_eq!(read_as(Reason::NoSuchMailbox, false, 450), unknown);
        assert_eq!(read_as(Reason::Greylisted, false, 450), None);
        assert_eq!(
            read_as(Reason::NoSuchMailbox, false, 421),
            None,
            "it takes its leave"
        );
        assert_eq!(
            read_as(unread, true, 501),
            None,
            "the command was not understood"
        );
        let by_code = Reading {
            rule: "fallback: 554".to_owned(),
            ..read(Reason::SenderRefused, true)
        };
        assert!(refused_beside_an_acceptance(&by_code, Some(554)).is_some());
        for &reason in Reason::ALL {
            if reason.blame() == crate::model::reason::Blame::Sender
                && reason != Reason::RelayDenied
            {
                assert_eq!(read_as(reason, true, 550), None, "{reason}");
            }
        }
    }

    #[test]
    fn a_refusal_about_the_sender_tells_nothing_of_unknown_recipients() {
        let mut catch_all = CatchAll::default();
        catch_all.hear_subject(&read(Reason::SenderBlocked, true));
        assert_eq!(catch_all.state(), CatchAllState::Unknown);
        catch_all.hear_subject(&read(Reason::NoSuchMailbox, false));
        assert_eq!(catch_all.state(), CatchAllState::Unknown);
    }
}
