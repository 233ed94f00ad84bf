//! How the mailboxes of a list stand while it is asked about: what the three lists would hold by what is known now.
//!
//! It is for the screen. The lists themselves are made from the ledger, row by row, when the asking has ended.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault};

use foldhash::quality::RandomState;

use crate::model::flag::{Flag, Flags};
use crate::model::reason::Reason;
use crate::model::verdict::{Disposition, Finding, Policy, Standing, Verdict, Whom};
use crate::probe::scheduler::Event;
use crate::probe::{Asked, CatchAllState, KnownDomain, refuses_a_stranger};
use crate::projection::{Kind, Model, Segment};
use crate::verify::seen::AsItIs;

/// How the rows stand that are settled by now: of a mailbox that is asked about the first, further ones and those
/// without an address as they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoFar {
    /// How many would go to each list, in the order of [`Disposition::ALL`].
    pub lists: [u64; 3],
    /// The share that would bounce if the list were sent as it is; `None` while nothing is settled.
    pub rate: Option<f64>,
    /// Mailboxes that an earlier run had settled, among those counted above.
    pub known: u64,
}

/// Counts how mailboxes stand, domain by domain: what an acceptance is worth depends on how the domain answers for
/// unknown recipients.
pub(super) struct Standings {
    policy: Policy,
    /// What bounces of each kind, in the order of [`Kind::ALL`].
    means: Vec<f64>,
    domains: HashMap<u64, Domain, BuildHasherDefault<AsItIs>>,
    keys: RandomState,
    total: Share,
    /// Rows that are not asked about, in the order of [`Disposition::ALL`]: without an address, of a mailbox met
    /// before, known already or suppressed.
    unasked: [u64; 3],
    /// Messages among them that are no further ones, by kind, in the order of [`Kind::ALL`].
    kinds: [u64; Kind::ALL.len()],
    known: u64,
}

/// What is known of a domain's mailboxes.
#[derive(Clone, Copy, Debug, Default)]
struct Domain {
    /// Asked about, or to be.
    wanted: u32,
    /// Accepted by a host whose acceptance proves something where unknown recipients are refused, by the list that they
    /// go to then.
    accepted: [u32; 3],
    refused: u32,
    strangers: Strangers,
}

/// How a domain answers for unknown recipients, as far as lists depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Strangers {
    #[default]
    Untold,
    Refuses,
    TakesAll,
    /// It takes no mail for any recipient.
    TakesNoMail,
}

/// What a domain adds to the whole.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    proven: [u64; 3],
    refused: u64,
    no_mail: u64,
    catch_all: u64,
}

impl Domain {
    /// Whether a mailbox is left that was not counted: one that tests the host is asked about once more.
    fn has_more(&self) -> bool {
        self.accepted.iter().sum::<u32>() + self.refused < self.wanted
    }

    fn share(&self) -> Share {
        let refused = u64::from(self.refused);
        match self.strangers {
            Strangers::Untold => Share {
                refused,
                ..Share::default()
            },
            Strangers::Refuses => Share {
                proven: self.accepted.map(u64::from),
                refused,
                ..Share::default()
            },
            Strangers::TakesAll => Share {
                refused,
                catch_all: u64::from(self.wanted.saturating_sub(self.refused)),
                ..Share::default()
            },
            Strangers::TakesNoMail => Share {
                no_mail: u64::from(self.wanted),
                ..Share::default()
            },
        }
    }
}

impl Share {
    /// Puts what a domain adds now in the place of what it added before.
    fn change(&mut self, before: Share, now: Share) {
        for (sum, (before, now)) in self
            .proven
            .iter_mut()
            .zip(before.proven.into_iter().zip(now.proven))
        {
            *sum = *sum - before + now;
        }
        self.refused = self.refused - before.refused + now.refused;
        self.no_mail = self.no_mail - before.no_mail + now.no_mail;
        self.catch_all = self.catch_all - before.catch_all + now.catch_all;
    }
}

impl Standings {
    /// Nothing counted yet; rows will go to lists by `policy`, and bounce as `model` believes.
    pub(super) fn new(policy: Policy, model: &Model) -> Self {
        let of_kind = |&kind: &Kind| {
            model.mean(&Segment {
                kind,
                provider: None,
                domain: None,
            })
        };
        Standings {
            policy,
            means: Kind::ALL.iter().map(of_kind).collect(),
            domains: HashMap::default(),
            keys: RandomState::default(),
            total: Share::default(),
            unasked: [0; 3],
            kinds: [0; Kind::ALL.len()],
            known: 0,
        }
    }

    /// A mailbox of `domain` will be asked about.
    pub(super) fn wanted(&mut self, domain: &str) {
        self.change(domain, |known| known.wanted += 1);
    }

    /// Rows were read without an address; the operator may repair so many of them.
    pub(super) fn nameless(&mut self, rows: u64, repairable: u64) {
        self.unasked[place(Disposition::Review)] += repairable;
        self.unasked[place(Disposition::Rejected)] += rows - repairable;
    }

    /// A row was read that is not asked about, since it stands like this.
    pub(super) fn stands(&mut self, verdict: Verdict, flags: Flags) {
        let list = self.policy.disposition(verdict, flags.iter());
        self.unasked[place(list)] += 1;
        if !flags.has(Flag::Duplicate) {
            self.kinds[at(Kind::of(verdict, flags))] += 1;
        }
    }

    /// So many mailboxes need no asking, by what earlier runs learned.
    pub(super) fn known(&mut self, mailboxes: u64) {
        self.known = mailboxes;
    }

    /// An earlier run learned this of `domain`.
    pub(super) fn remember(&mut self, domain: &str, known: &KnownDomain) {
        let strangers = match known.openness {
            Some(CatchAllState::RefusesStrangers) => Strangers::Refuses,
            Some(CatchAllState::CatchAll) => Strangers::TakesAll,
            Some(CatchAllState::Unknown | CatchAllState::RefusesSome | CatchAllState::NotTold)
            | None => return,
        };
        self.change(domain, |domain| domain.strangers = strangers);
    }

    /// Takes in what was learned; `flags` says what stands against an address, by its key.
    pub(super) fn learned(&mut self, learned: &Event, flags: impl FnOnce(&str) -> Flags) {
        match learned {
            Event::Address { key, fact } => self.answered(key, &fact.finding, flags),
            Event::Domain { name, fact, .. } => self.heard_of_domain(name, &fact.finding),
            // It is not believed any more: which of its answers that was is not known here, so most of them.
            Event::TakenBack {
                asked: Asked::Address(key),
                ..
            } => self.change(domain_of(key), |domain| {
                let most = domain.accepted.iter_mut().max().expect("three lists");
                match *most > domain.refused {
                    true => *most -= 1,
                    false => domain.refused = domain.refused.saturating_sub(1),
                }
            }),
            Event::TakenBack {
                asked: Asked::Decoy(name),
                ..
            } => self.change(name, |domain| domain.strangers = Strangers::Untold),
            Event::Waiting { .. }
            | Event::Host { .. }
            | Event::CatchAll { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => {}
        }
    }

    fn answered(&mut self, key: &str, finding: &Finding, flags: impl FnOnce(&str) -> Flags) {
        let Finding::Asked {
            whom: Whom::Subject,
            reading,
            ..
        } = finding
        else {
            return;
        };
        if reading.condemns() {
            self.change(domain_of(key), |domain| {
                domain.refused += u32::from(domain.has_more());
            });
        } else if reading.reason == Reason::Accepted {
            let accepted = Verdict {
                standing: Standing::Deliverable,
                reason: Reason::Accepted,
            };
            let list = self.policy.disposition(accepted, flags(key).iter());
            self.change(domain_of(key), |domain| {
                domain.accepted[place(list)] += u32::from(domain.has_more());
            });
        }
    }

    fn heard_of_domain(&mut self, name: &str, finding: &Finding) {
        let strangers = match finding {
            Finding::Domain { reason, .. } if reason.may_reject() => Strangers::TakesNoMail,
            Finding::Asked {
                whom: Whom::Decoy,
                reading,
                ..
            } => match reading.reason {
                Reason::Accepted | Reason::AcceptedProvider => Strangers::TakesAll,
                _ if refuses_a_stranger(reading) => Strangers::Refuses,
                _ => return,
            },
            Finding::Domain { .. }
            | Finding::Asked { .. }
            | Finding::Text { .. }
            | Finding::Withheld { .. }
            | Finding::Bounced { .. } => return,
        };
        self.change(name, |domain| domain.strangers = strangers);
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Domain)) {
        let domain = self.domains.entry(self.keys.hash_one(name)).or_default();
        let before = domain.share();
        change(domain);
        self.total.change(before, domain.share());
    }

    /// How all mailboxes stand when `settled` of them are settled.
    pub(super) fn so_far(&self, settled: u64) -> SoFar {
        let Share {
            proven,
            refused,
            no_mail,
            catch_all,
        } = self.total;
        let told = proven.iter().sum::<u64>() + refused + no_mail + catch_all;
        let unsettled = settled.saturating_sub(told);
        let of = |standing, reason| self.policy.disposition(Verdict { standing, reason }, []);
        let mut lists = proven;
        for (list, count) in [
            (of(Standing::Undeliverable, Reason::NoSuchMailbox), refused),
            (of(Standing::Undeliverable, Reason::NoSuchDomain), no_mail),
            (of(Standing::Risky, Reason::CatchAll), catch_all),
            (of(Standing::Unknown, Reason::TryLater), unsettled),
        ] {
            lists[place(list)] += count;
        }
        for (sum, rows) in lists.iter_mut().zip(self.unasked) {
            *sum += rows;
        }
        let mut kinds = self.kinds;
        for (kind, count) in [
            (Kind::Proven, proven.iter().sum()),
            (Kind::Refused, refused),
            (Kind::NoMail, no_mail),
            (Kind::CatchAll, catch_all),
            (Kind::Deferred, unsettled),
        ] {
            kinds[at(kind)] += count;
        }
        SoFar {
            lists,
            rate: self.rate(&kinds),
            known: self.known,
        }
    }

    fn rate(&self, kinds: &[u64]) -> Option<f64> {
        let all: u64 = kinds.iter().sum();
        let counted = self.means.iter().zip(kinds);
        let bounced: f64 = counted.map(|(mean, &count)| mean * float(count)).sum();
        (all > 0).then(|| bounced / float(all))
    }
}

/// The place of a kind among [`Kind::ALL`].
fn at(kind: Kind) -> usize {
    let at = Kind::ALL.iter().position(|known| *known == kind);
    at.expect("all kinds are among all kinds")
}

/// The place of a list among [`Disposition::ALL`].
fn place(list: Disposition) -> usize {
    match list {
        Disposition::Verified => 0,
        Disposition::Review => 1,
        Disposition::Rejected => 2,
    }
}

/// The domain of an address's key.
fn domain_of(key: &str) -> &str {
    key.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows stay far below 2^53"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::Reading;
    use crate::model::stage::Stage;
    use crate::model::timestamp::Timestamp;
    use crate::model::verdict::{Exchange, Fact};

    fn standings() -> Standings {
        Standings::new(Policy::built_in("balanced").unwrap(), &Model::built_in())
    }

    fn asked(whom: Whom, code: u16, reason: Reason) -> Fact {
        Fact {
            at: Timestamp::default(),
            finding: Finding::Asked {
                whom,
                exchange: Exchange {
                    stage: Stage::Rcpt,
                    host: "mx.test".to_owned(),
                    code: Some(code),
                    reply: String::new(),
                },
                reading: Reading {
                    reason,
                    permanent: code >= 500,
                    rule: String::new(),
                },
            },
        }
    }

    fn address(key: &str, code: u16, reason: Reason) -> Event {
        Event::Address {
            key: key.to_owned(),
            fact: asked(Whom::Subject, code, reason),
        }
    }

    fn decoy(name: &str, code: u16, reason: Reason) -> Event {
        Event::Domain {
            name: name.to_owned(),
            fact: asked(Whom::Decoy, code, reason),
            ttl: None,
        }
    }

    fn told(standings: &mut Standings, learned: &[Event]) {
        for learned in learned {
            standings.learned(learned, |_| Flags::NONE);
        }
    }

    #[test]
    fn an_acceptance_is_for_review_until_strangers_are_refused() {
        let mut standings = standings();
        for _ in 0..2 {
            standings.wanted("a.test");
        }
        let nobody = Reason::NoSuchMailbox;
        told(
            &mut standings,
            &[
                address("x@a.test", 250, Reason::Accepted),
                address("y@a.test", 550, nobody),
            ],
        );
        assert_eq!(standings.so_far(2).lists, [0, 1, 1]);
        told(&mut standings, &[decoy("a.test", 550, nobody)]);
        assert_eq!(standings.so_far(2).lists, [1, 0, 1]);
        let rate = standings.so_far(2).rate.unwrap();
        assert!((0.45..0.6).contains(&rate), "{rate}");
    }

    #[test]
    fn what_a_domain_says_goes_for_all_who_are_wanted_there() {
        let mut standings = standings();
        for domain in [
            "all.test",
            "all.test",
            "gone.test",
            "gone.test",
            "gone.test",
        ] {
            standings.wanted(domain);
        }
        told(
            &mut standings,
            &[
                address("x@all.test", 250, Reason::Accepted),
                decoy("all.test", 250, Reason::Accepted),
                Event::Domain {
                    name: "gone.test".to_owned(),
                    fact: Fact {
                        at: Timestamp::default(),
                        finding: Finding::Domain {
                            reason: Reason::NoSuchDomain,
                            detail: String::new(),
                        },
                    },
                    ttl: None,
                },
            ],
        );
        assert_eq!(standings.so_far(5).lists, [0, 2, 3]);
    }

    #[test]
    fn flags_that_the_policy_objects_to_keep_an_address_from_being_verified() {
        let mut standings = standings();
        standings.wanted("a.test");
        let trap = |_: &str| Flags::NONE.with(Flag::TrapLike);
        standings.learned(&address("x@a.test", 250, Reason::Accepted), trap);
        told(
            &mut standings,
            &[decoy("a.test", 550, Reason::NoSuchMailbox)],
        );
        assert_eq!(standings.so_far(1).lists, [0, 1, 0]);
    }

    #[test]
    fn what_is_taken_back_counts_no_more_and_rows_without_a_name_do() {
        let mut standings = standings();
        standings.wanted("a.test");
        told(
            &mut standings,
            &[
                address("x@a.test", 550, Reason::NoSuchMailbox),
                Event::TakenBack {
                    asked: Asked::Address("x@a.test".into()),
                    reading: Reading {
                        reason: Reason::ProviderAnomaly,
                        permanent: false,
                        rule: String::new(),
                    },
                    at: Timestamp::default(),
                },
            ],
        );
        standings.nameless(5, 2);
        assert_eq!(standings.so_far(1).lists, [0, 3, 3]);
        assert_eq!(standings.so_far(0).rate, None);
    }

    #[test]
    fn further_rows_and_those_that_are_known_count_as_they_are_read() {
        let mut standings = standings();
        let verdict = |standing, reason| Verdict { standing, reason };
        let accepted = verdict(Standing::Deliverable, Reason::Accepted);
        let refused = verdict(Standing::Undeliverable, Reason::NoSuchMailbox);
        standings.stands(accepted, Flags::NONE);
        standings.stands(accepted, Flags::NONE.with(Flag::Duplicate));
        standings.stands(accepted, Flags::NONE.with(Flag::TrapLike));
        standings.stands(refused, Flags::NONE);
        assert_eq!(standings.so_far(0).lists, [1, 1, 2]);
        // Of three messages one would bounce.
        let rate = standings.so_far(0).rate.unwrap();
        assert!((0.3..0.4).contains(&rate), "{rate}");
    }

    #[test]
    fn an_earlier_run_may_know_what_strangers_are_told() {
        let mut standings = standings();
        standings.wanted("a.test");
        let known = KnownDomain {
            openness: Some(CatchAllState::RefusesStrangers),
            ..KnownDomain::default()
        };
        standings.remember("a.test", &known);
        told(
            &mut standings,
            &[address("x@a.test", 250, Reason::Accepted)],
        );
        assert_eq!(standings.so_far(1).lists, [1, 0, 0]);
    }
}
