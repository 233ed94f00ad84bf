//! How the mailboxes of a list stand while it is asked about: what the three lists would hold by what is known now.
//!
//! It is for the screen. The lists themselves are made from the ledger, row by row, when the asking has ended.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault};

use foldhash::quality::RandomState;

use crate::model::count::float;
use crate::model::flag::{Flag, Flags};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::verdict::{Disposition, Finding, Policy, Standing, Verdict, Whom};
use crate::probe::scheduler::Event;
use crate::probe::{Asked, CatchAllState, KnownDomain, refuses_a_stranger};
use crate::projection::{Kind, Model, Segment};
use crate::verify::seen::AsItIs;

/// How the rows stand that are settled by now: of a mailbox that is asked about the first, further ones and those
/// without an address as they are read. A row that names several mailboxes counts once, as its first one stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoFar {
    /// How many would go to each list, in the order of [`Disposition::ALL`].
    pub lists: [u64; 3],
    /// The share that would bounce if the list were sent as it is; `None` while nothing is settled.
    pub rate: Option<f64>,
    /// Mailboxes that an earlier run had settled, among those counted above.
    pub known: u64,
}

/// What a mailbox is to the row that names it. A row is one message, however many mailboxes it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first, which stands for the message.
    Leads,
    /// A further one.
    Beside,
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
    /// Mailboxes that lead a row, and are asked about or were by an earlier run.
    leading: u64,
    /// Those among them that an earlier run was answered about: they are settled without being asked.
    answered: u64,
    /// The others that are asked about, by the hash of their keys.
    beside: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// Of how many of those it is known how they stand.
    told_beside: u64,
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
    leading: Answers,
    beside: Answers,
    strangers: Strangers,
}

/// How some mailboxes of a domain were answered.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    /// Asked about, or to be.
    wanted: u32,
    /// Accepted by a host whose acceptance proves something where unknown recipients are refused, by the list that they
    /// go to then.
    accepted: [u32; 3],
    refused: u32,
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
    fn answers(&mut self, part: Part) -> &mut Answers {
        match part {
            Part::Leads => &mut self.leading,
            Part::Beside => &mut self.beside,
        }
    }
}

impl Answers {
    /// Whether a mailbox is left that was not counted: one that tests the host is asked about once more.
    fn has_more(&self) -> bool {
        self.accepted.iter().sum::<u32>() + self.refused < self.wanted
    }

    /// One was accepted, or refused, that is not believed any more: which it was is not known here, so of most of them.
    fn take_back(&mut self) {
        let most = self.accepted.iter_mut().max().expect("three lists");
        match *most > self.refused {
            true => *most -= 1,
            false => self.refused = self.refused.saturating_sub(1),
        }
    }

    /// What they add to the whole where unknown recipients are answered so.
    fn share(&self, strangers: Strangers) -> Share {
        let refused = u64::from(self.refused);
        match strangers {
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
    /// Of how many mailboxes it is known how they stand.
    fn told(&self) -> u64 {
        self.proven.iter().sum::<u64>() + self.refused + self.no_mail + self.catch_all
    }

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
            leading: 0,
            answered: 0,
            beside: HashSet::default(),
            told_beside: 0,
            unasked: [0; 3],
            kinds: [0; Kind::ALL.len()],
            known: 0,
        }
    }

    /// The mailbox of this `key` will be asked about.
    pub(super) fn wanted(&mut self, key: &str, part: Part) {
        match part {
            Part::Leads => self.leading += 1,
            Part::Beside => {
                self.beside.insert(self.keys.hash_one(key));
            }
        }
        self.change(domain_of(key), |domain| domain.answers(part).wanted += 1);
    }

    /// An earlier run was answered about the mailbox of this `key`, which leads a row; how its domain answers for
    /// unknown recipients is not known. `flags` says what stands against it.
    pub(super) fn answered_before(&mut self, key: &str, reading: &Reading, flags: Flags) {
        self.wanted(key, Part::Leads);
        self.answered += 1;
        self.heard(key, reading, |_| flags);
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
            Event::TakenBack {
                asked: Asked::Address(key),
                ..
            } => {
                let part = self.part(key);
                self.change(domain_of(key), |domain| domain.answers(part).take_back());
            }
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
        self.heard(key, reading, flags);
    }

    /// A mailbox that is counted as wanted was answered so.
    fn heard(&mut self, key: &str, reading: &Reading, flags: impl FnOnce(&str) -> Flags) {
        let part = self.part(key);
        if reading.condemns() {
            self.change(domain_of(key), |domain| {
                let answers = domain.answers(part);
                answers.refused += u32::from(answers.has_more());
            });
        } else if reading.reason == Reason::Accepted {
            let accepted = Verdict {
                standing: Standing::Deliverable,
                reason: Reason::Accepted,
            };
            let list = self.policy.disposition(accepted, flags(key).iter());
            self.change(domain_of(key), |domain| {
                let answers = domain.answers(part);
                answers.accepted[place(list)] += u32::from(answers.has_more());
            });
        }
    }

    /// What the mailbox of this `key` is to its row.
    fn part(&self, key: &str) -> Part {
        match self.beside.contains(&self.keys.hash_one(key)) {
            true => Part::Beside,
            false => Part::Leads,
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
        let shares = |domain: &Domain| {
            let strangers = domain.strangers;
            [domain.leading, domain.beside].map(|answers| answers.share(strangers))
        };
        let [before, beside_before] = shares(domain);
        change(domain);
        let [now, beside_now] = shares(domain);
        self.total.change(before, now);
        self.told_beside = self.told_beside - beside_before.told() + beside_now.told();
    }

    /// How all rows stand when `settled` of the mailboxes that are asked about are settled.
    pub(super) fn so_far(&self, settled: u64) -> SoFar {
        let Share {
            proven,
            refused,
            no_mail,
            catch_all,
        } = self.total;
        let told = self.total.told();
        // Whether one that was settled without a word leads a row is not known here.
        let unsettled = (settled + self.answered)
            .saturating_sub(told + self.told_beside)
            .min(self.leading.saturating_sub(told));
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

#[cfg(test)]
mod tests {
    use super::*;
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
        for key in ["x@a.test", "y@a.test"] {
            standings.wanted(key, Part::Leads);
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
        for key in [
            "x@all.test",
            "y@all.test",
            "x@gone.test",
            "y@gone.test",
            "z@gone.test",
        ] {
            standings.wanted(key, Part::Leads);
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
    fn a_row_that_names_several_mailboxes_counts_once() {
        let mut standings = standings();
        let nobody = Reason::NoSuchMailbox;
        // Three rows: two of two mailboxes each, one of another one.
        for (key, part) in [
            ("x@a.test", Part::Leads),
            ("y@b.test", Part::Beside),
            ("z@a.test", Part::Leads),
            ("w@a.test", Part::Beside),
            ("v@gone.test", Part::Leads),
        ] {
            standings.wanted(key, part);
        }
        told(
            &mut standings,
            &[
                address("x@a.test", 250, Reason::Accepted),
                address("y@b.test", 250, Reason::Accepted),
                address("w@a.test", 550, nobody),
                address("z@a.test", 550, nobody),
                decoy("a.test", 550, nobody),
                decoy("b.test", 550, nobody),
            ],
        );
        assert_eq!(standings.so_far(4).lists, [1, 0, 1]);
        assert_eq!(standings.so_far(5).lists, [1, 1, 1]);
        let taken_back = Event::TakenBack {
            asked: Asked::Address("w@a.test".into()),
            reading: Reading {
                reason: Reason::ProviderAnomaly,
                permanent: false,
                rule: String::new(),
            },
            at: Timestamp::default(),
        };
        told(&mut standings, &[taken_back]);
        assert_eq!(standings.so_far(5).lists, [1, 1, 1]);
    }

    #[test]
    fn whom_an_earlier_run_was_answered_about_is_for_review_until_strangers_are_refused() {
        let mut standings = standings();
        let accepted = Reading {
            reason: Reason::Accepted,
            permanent: false,
            rule: String::new(),
        };
        standings.answered_before("x@a.test", &accepted, Flags::NONE);
        assert_eq!(standings.so_far(0).lists, [0, 1, 0]);
        let nobody = Reason::NoSuchMailbox;
        told(&mut standings, &[decoy("a.test", 550, nobody)]);
        assert_eq!(standings.so_far(0).lists, [1, 0, 0]);
    }

    #[test]
    fn flags_that_the_policy_objects_to_keep_an_address_from_being_verified() {
        let mut standings = standings();
        standings.wanted("x@a.test", Part::Leads);
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
        standings.wanted("x@a.test", Part::Leads);
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
        standings.wanted("x@a.test", Part::Leads);
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
