//! Tells a domain whose names are in trouble from an outage of DNS, and waits for DNS to come back.
//!
//! A domain whose name servers are dead gets no answer, and so does every domain when our own resolver is gone: that is
//! no finding about any of them. Domains without an answer are held back until one is answered that was asked about
//! after them: an answer to an earlier question may have been given before DNS went out. When many have gone by, or
//! nothing else is left to look up, names below domains that were answered before are asked for: an answer of whatever
//! kind shows that DNS works, and those held back are in trouble of their own. None shows that it is out. Then nothing
//! is looked up for a while, and all domains held back are looked up again once DNS answers.

use std::collections::VecDeque;
use std::mem;

use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;
use crate::net::route::Route;

/// Whether DNS answered the questions about a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It did, if only to say that there is no such name.
    Something,
    /// Not all of them, so that nothing is known of it.
    Nothing,
    /// Nothing was asked.
    NotAsked,
}

/// What DNS said to the questions by which it is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answered one of them.
    Life,
    /// It answered none.
    None,
}

/// What a test has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// DNS works: the domains held back are in trouble of their own.
    Works(Vec<(String, Route)>),
    /// DNS works again: the domains held back are to be looked up anew.
    WorksAgain(Vec<String>),
    /// DNS is out: nothing is looked up for a while.
    IsOut,
    /// It still is.
    StaysOut,
    /// DNS is out, and was waited for long enough: so much for the domains held back.
    IsLost(Vec<(String, Route)>),
}

/// How DNS is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing speaks against it.
    Works,
    /// It is being tested.
    Tested,
    /// It is out, and tested again at that moment.
    Action(Timestamp),
    /// It was waited for in vain.
    Lost,
}

/// When a look-up was begun, as its place among all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Begun(u64);

/// A domain that was not answered.
#[derive(Debug)]
struct Held {
    domain: String,
    route: Route,
    /// The last look-up that had been begun when this one failed.
    failed: Begun,
}

/// Watches over the look-ups of a run.
#[derive(Debug)]
pub(super) struct Outage {
    state: State,
    /// Tests in a row without a sign of life.
    in_vain: u32,
    /// Look-ups begun so far.
    begun: u64,
    /// Domains that were not answered, none that was asked about later having been answered since.
    held: Vec<Held>,
    /// The last domains that were answered, newest first; to begin with, the sender's.
    answered: VecDeque<String>,
    seed: u64,
    tests: u64,
}

impl Outage {
    /// Watches over a run of the sender at `home`, if it has one.
    pub(super) fn watch(home: Option<String>, seed: u64) -> Self {
        Outage {
            state: State::Works,
            in_vain: 0,
            begun: 0,
            held: Vec::new(),
            answered: home.into_iter().collect(),
            seed,
            tests: 0,
        }
    }

    /// Notes that a look-up begins.
    pub(super) fn begin(&mut self) -> Begun {
        self.begun += 1;
        Begun(self.begun)
    }

    /// Takes in what a look-up came to that had begun then. Returns what is to be believed now.
    pub(super) fn looked_up(
        &mut self,
        domain: String,
        route: Route,
        heard: Heard,
        begun: Begun,
    ) -> Vec<(String, Route)> {
        match heard {
            Heard::NotAsked => vec![(domain, route)],
            // Without a name to test it by, what it says is all there is.
            Heard::Nothing if self.state == State::Lost || self.answered.is_empty() => {
                vec![(domain, route)]
            }
            Heard::Nothing => {
                self.held.push(Held {
                    domain,
                    route,
                    failed: Begun(self.begun),
                });
                Vec::new()
            }
            Heard::Something => {
                if self.answered.front() != Some(&domain) {
                    self.answered.push_front(domain.clone());
                    self.answered.truncate(limits::DNS_TEST_NAMES);
                }
                // Those held back in an outage are looked up anew when its end is known for sure.
                let mut believed: Vec<(String, Route)> = match self.state {
                    State::Works => self
                        .held
                        .extract_if(.., |held| held.failed < begun)
                        .map(|held| (held.domain, held.route))
                        .collect(),
                    State::Tested | State::Action(_) | State::Lost => Vec::new(),
                };
                believed.push((domain, route));
                believed
            }
        }
    }

    /// Whether domains may be looked up now.
    pub(super) fn lets_look_up(&self) -> bool {
        self.state == State::Works
    }

    /// Whether DNS was waited for in vain: what has not been looked up by now will not be.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// The names to test DNS with, if it is to be tested now; `under_way` are the look-ups that may still tell
    /// something.
    pub(super) fn test(&mut self, under_way: usize, now: Timestamp) -> Option<Vec<String>> {
        let is_due = match self.state {
            State::Works => {
                self.held.len() >= limits::UNANSWERED_DOMAINS
                    || (under_way == 0 && !self.held.is_empty())
            }
            State::Action(until) => until <= now,
            State::Tested | State::Lost => false,
        };
        if !is_due {
            return None;
        }
        self.state = State::Tested;
        self.tests += 1;
        let names = self.answered.iter().map(|domain| {
            // A name that has never been asked for, so that no cache can answer.
            let word = fingerprint((self.seed, self.tests, domain)) >> 16;
            format!("n{word:012x}.{domain}")
        });
        Some(names.collect())
    }

    /// Takes in what a test came to.
    pub(super) fn tested(&mut self, sign: Sign, now: Timestamp) -> Shown {
        match sign {
            Sign::Life => {
                self.state = State::Works;
                let held = mem::take(&mut self.held).into_iter();
                match mem::take(&mut self.in_vain) {
                    0 => Shown::Works(held.map(|held| (held.domain, held.route)).collect()),
                    _ => Shown::WorksAgain(held.map(|held| held.domain).collect()),
                }
            }
            Sign::None => {
                self.in_vain += 1;
                if self.in_vain >= limits::DNS_TESTS {
                    self.state = State::Lost;
                    let held = mem::take(&mut self.held).into_iter();
                    return Shown::IsLost(held.map(|held| (held.domain, held.route)).collect());
                }
                let wait = limits::DNS_OUTAGE_WAIT * 2u32.pow(self.in_vain - 1);
                self.state = State::Action(now + wait.min(limits::DNS_OUTAGE_WAIT_MOST));
                match self.in_vain {
                    1 => Shown::IsOut,
                    _ => Shown::StaysOut,
                }
            }
        }
    }

    /// When [`Outage::test`] is to be called next, if that is a matter of time.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        match self.state {
            State::Action(until) => Some(until),
            State::Works | State::Tested | State::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn trouble() -> Route {
        Route::Trouble {
            detail: "no name server answered in time".to_owned(),
            answered: crate::net::route::Answered::No,
        }
    }

    fn watched() -> Outage {
        let mut outage = Outage::watch(Some("sender.test".to_owned()), 7);
        let believed = look_up(&mut outage, "good.test", Route::NotAsked, Heard::Something);
        assert_eq!(believed.len(), 1);
        outage
    }

    /// Looks up a domain that is asked about now.
    fn look_up(
        outage: &mut Outage,
        domain: &str,
        route: Route,
        heard: Heard,
    ) -> Vec<(String, Route)> {
        let begun = outage.begin();
        outage.looked_up(domain.to_owned(), route, heard, begun)
    }

    fn fails(outage: &mut Outage, count: usize) {
        for n in 0..count {
            let believed = look_up(outage, &format!("dead{n}.test"), trouble(), Heard::Nothing);
            assert!(believed.is_empty(), "it is held back");
        }
    }

    #[test]
    fn a_domain_without_an_answer_is_believed_once_another_has_one() {
        let mut outage = watched();
        fails(&mut outage, 2);
        assert_eq!(outage.test(1, NOW), None, "something is still under way");
        let believed = look_up(&mut outage, "next.test", Route::NotAsked, Heard::Something);
        let names: Vec<&str> = believed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["dead0.test", "dead1.test", "next.test"]);
        assert_eq!(outage.test(0, NOW), None);
    }

    #[test]
    fn an_answer_to_an_earlier_question_does_not_show_that_dns_still_works() {
        let mut outage = watched();
        let before = outage.begin();
        fails(&mut outage, 2);
        let believed = outage.looked_up(
            "slow.test".to_owned(),
            Route::NotAsked,
            Heard::Something,
            before,
        );
        assert_eq!(believed.len(), 1, "those without an answer stay held back");
        assert!(outage.test(0, NOW).is_some(), "DNS is tested");
    }

    #[test]
    fn many_domains_with_dead_name_servers_are_no_outage() {
        let mut outage = watched();
        fails(&mut outage, limits::UNANSWERED_DOMAINS);
        let names = outage.test(100, NOW).expect("DNS is tested");
        assert!(names[0].ends_with(".good.test"), "{names:?}");
        assert!(names[1].ends_with(".sender.test"), "{names:?}");
        assert!(!outage.lets_look_up());
        let shown = outage.tested(Sign::Life, NOW);
        let Shown::Works(believed) = shown else {
            panic!("{shown:?}")
        };
        assert_eq!(believed.len(), limits::UNANSWERED_DOMAINS);
        assert!(outage.lets_look_up());
        // The next test asks for another name.
        fails(&mut outage, 1);
        assert_ne!(outage.test(0, NOW).expect("DNS is tested"), names);
    }

    #[test]
    fn a_domain_held_back_in_an_outage_is_looked_up_anew() {
        let mut outage = watched();
        fails(&mut outage, 1);
        assert!(outage.test(0, NOW).is_some(), "nothing else can tell");
        assert_eq!(outage.tested(Sign::None, NOW), Shown::IsOut);
        let wake = outage.wake().expect("it is tested again");
        assert_eq!(outage.test(0, NOW), None, "not before");
        // What was under way may still fail.
        assert!(look_up(&mut outage, "late.test", trouble(), Heard::Nothing).is_empty());
        assert!(outage.test(0, wake).is_some());
        let again = ["dead0.test", "late.test"].map(str::to_owned).to_vec();
        assert_eq!(outage.tested(Sign::Life, wake), Shown::WorksAgain(again));
        assert!(outage.lets_look_up());
    }

    #[test]
    fn an_outage_of_two_minutes_is_waited_for_and_one_without_end_is_not() {
        let mut outage = watched();
        fails(&mut outage, 3);
        let mut now = NOW;
        let lost = loop {
            assert!(outage.test(0, now).is_some());
            match outage.tested(Sign::None, now) {
                Shown::IsOut | Shown::StaysOut => {
                    now = outage.wake().expect("it is tested again");
                }
                other => break other,
            }
        };
        assert!(matches!(lost, Shown::IsLost(held) if held.len() == 3));
        let waited = now.since(NOW);
        assert!(
            (Duration::from_secs(150)..Duration::from_secs(300)).contains(&waited),
            "{waited:?}"
        );
        assert!(outage.is_lost());
        assert_eq!(outage.test(0, now), None);
    }

    #[test]
    fn without_a_name_to_test_it_by_dns_is_believed() {
        let mut outage = Outage::watch(None, 7);
        let believed = look_up(&mut outage, "dead.test", trouble(), Heard::Nothing);
        assert_eq!(believed.len(), 1);
        assert_eq!(outage.test(0, NOW), None);
    }

    #[test]
    fn what_is_not_looked_up_at_all_says_nothing() {
        let mut outage = watched();
        fails(&mut outage, 1);
        let literal = look_up(&mut outage, "[192.0.2.1]", Route::NotAsked, Heard::NotAsked);
        assert_eq!(literal.len(), 1);
        assert!(outage.test(0, NOW).is_some());
    }
}
