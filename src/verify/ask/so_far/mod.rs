//! How the mailboxes of a list stand while it is asked about: what the three lists would hold by what is known now.
//!
//! It is for the screen. The lists themselves are made from the ledger, row by row, when the asking has ended.

mod domains;
mod several;
mod stand;

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::model::count::float;
use crate::model::flag::{Flag, Flags};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::verdict::{Disposition, Finding, Policy, Verdict, Whom};
use crate::probe::scheduler::Event;
use crate::probe::{Asked, CatchAllState, KnownDomain, refuses_unknown_recipient};
use crate::projection::{Kind, Model, Segment};

use domains::{Domain, Domains, Share, UnknownRecipients};
use several::{Beside, Several};
use stand::{ACCEPTED, Alike, Counts, Stand, place};

pub(super) use several::{Answer, Place};

/// How the rows stand that are settled by now. A row that names several mailboxes counts once, as the best of them
/// stands: when they all are settled, or one of them is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoFar {
    /// How many would go to each list, in the order of [`Disposition::ALL`].
    pub lists: [u64; 3],
    /// The share that would bounce if the list were sent as it is; `None` while nothing is settled.
    pub rate: Option<f64>,
    /// Mailboxes that an earlier run had settled, among those counted above.
    pub known: u64,
}

/// What a row's mailbox is to the tally.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mailbox {
    /// It is asked about.
    Asked(Place),
    /// An earlier run was answered about it; how its domain answers for unknown recipients is not known.
    Answered(Place, Answer),
    /// It is not asked about, since it stands like this.
    Stands(Verdict, Flags),
}

/// Counts how mailboxes stand, domain by domain: what an acceptance is worth depends on how the domain answers for
/// unknown recipients.
pub(super) struct Standings {
    policy: Policy,
    alike: Alike,
    /// What bounces of each kind, in the order of [`Kind::ALL`].
    means: Vec<f64>,
    domains: Domains,
    keys: RandomState,
    /// What the mailboxes come to that are alone in their rows.
    total: Share,
    /// How many of those are asked about or were by an earlier run.
    alone: u64,
    several: Several,
    /// Mailboxes that an earlier run was answered about: they are settled without being asked.
    answered: u64,
    /// Rows that are not asked about: without an address, of a mailbox met before, known already or suppressed.
    unasked: Counts,
    known: u64,
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
            alike: Alike::by(&policy),
            policy,
            means: Kind::ALL.iter().map(of_kind).collect(),
            domains: Domains::default(),
            keys: RandomState::default(),
            total: Share::default(),
            alone: 0,
            several: Several::default(),
            answered: 0,
            unasked: Counts::default(),
            known: 0,
        }
    }

    /// Where the mailbox of this `key` is counted.
    pub(super) fn place(&self, key: &str) -> Place {
        Place {
            key: self.keys.hash_one(key),
            domain: self.keys.hash_one(domain_of(key)),
        }
    }

    /// What an answer says of a mailbox; `flags` says what stands against it.
    pub(super) fn answer(&self, reading: &Reading, flags: impl FnOnce() -> Flags) -> Answer {
        if reading.condemns() {
            Answer::Refused
        } else if reading.reason == Reason::Accepted {
            Answer::Accepted(self.policy.disposition(ACCEPTED, flags().iter()))
        } else {
            Answer::Untold
        }
    }

    /// A row was read that names these mailboxes, or none. One that an earlier row named counts there, unless all were.
    pub(super) fn row(&mut self, mailboxes: &[Mailbox]) {
        let is_new = |mailbox: &&Mailbox| match mailbox {
            Mailbox::Stands(_, flags) => !flags.has(Flag::Duplicate),
            Mailbox::Asked(_) | Mailbox::Answered(..) => true,
        };
        let mut new = mailboxes.iter().filter(is_new);
        match (new.next().or(mailboxes.first()), new.next()) {
            (None, _) => {}
            (Some(one), None) => self.row_of_one(one),
            (Some(_), Some(_)) => self.row_of_several(mailboxes.iter().filter(is_new)),
        }
    }

    fn row_of_one(&mut self, mailbox: &Mailbox) {
        match *mailbox {
            Mailbox::Asked(place) => {
                self.alone += 1;
                self.change(place.domain, |domain| domain.wanted += 1);
            }
            Mailbox::Answered(place, answer) => {
                self.answered += 1;
                self.row_of_one(&Mailbox::Asked(place));
                self.heard(place, answer);
            }
            Mailbox::Stands(verdict, flags) => {
                let stand = Stand::of(verdict, flags, &self.policy);
                if flags.has(Flag::Duplicate) {
                    self.unasked.add_to_list(stand.list, 1);
                } else {
                    self.unasked.add(&stand, 1);
                }
            }
        }
    }

    fn row_of_several<'m>(&mut self, mailboxes: impl Iterator<Item = &'m Mailbox>) {
        let mut beside = Beside::Nothing;
        let mut asked = Vec::new();
        for mailbox in mailboxes {
            match *mailbox {
                Mailbox::Asked(place) => asked.push((place, Answer::Untold)),
                Mailbox::Answered(place, answer) => {
                    self.answered += 1;
                    asked.push((place, answer));
                }
                Mailbox::Stands(verdict, flags) => {
                    let stand = Stand::of(verdict, flags, &self.policy);
                    let asked_for_none = verdict.reason == Reason::Suppressed;
                    beside = match beside {
                        Beside::Settles(_) => beside,
                        Beside::Nothing | Beside::Stands(_) if asked_for_none => {
                            Beside::Settles(stand)
                        }
                        Beside::Stands(before) if before.rank() <= stand.rank() => beside,
                        Beside::Nothing | Beside::Stands(_) => Beside::Stands(stand),
                    };
                }
            }
        }
        let Standings {
            several, domains, ..
        } = self;
        several.add(&asked, beside, &self.alike, unknown_recipients_in(domains));
    }

    /// Rows were read without an address; the operator may repair so many of them.
    pub(super) fn nameless(&mut self, rows: u64, repairable: u64) {
        self.unasked.add_to_list(Disposition::Review, repairable);
        let others = rows - repairable;
        self.unasked.add_to_list(Disposition::Rejected, others);
    }

    /// So many mailboxes need no asking, by what earlier runs learned.
    pub(super) fn known(&mut self, mailboxes: u64) {
        self.known = mailboxes;
    }

    /// An earlier run learned this of `domain`.
    pub(super) fn remember(&mut self, domain: &str, known: &KnownDomain) {
        let unknown_recipients = match known.catch_all {
            Some(CatchAllState::RefusesUnknown) => UnknownRecipients::Refused,
            Some(CatchAllState::CatchAll) => UnknownRecipients::Accepted,
            Some(CatchAllState::Unknown | CatchAllState::RefusesSome | CatchAllState::NotTold)
            | None => return,
        };
        self.set_unknown_recipients(domain, unknown_recipients);
    }

    /// Takes in what was learned; `flags` says what stands against an address, by its key.
    pub(super) fn learned(&mut self, learned: &Event, flags: impl FnOnce(&str) -> Flags) {
        match learned {
            Event::Address { key, fact } => {
                if let Finding::Asked {
                    whom: Whom::Subject,
                    reading,
                    ..
                } = &fact.finding
                {
                    let answer = self.answer(reading, || flags(key));
                    self.heard(self.place(key), answer);
                }
            }
            Event::Domain { name, fact, .. } => self.heard_of_domain(name, &fact.finding),
            Event::TakenBack {
                asked: Asked::Address(key),
                ..
            } => self.take_back(self.place(key)),
            Event::TakenBack {
                asked: Asked::Decoy(name),
                ..
            } => self.set_unknown_recipients(name, UnknownRecipients::Untold),
            Event::Waiting { .. }
            | Event::Host { .. }
            | Event::CatchAll { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => {}
        }
    }

    /// A mailbox that is counted as asked about was answered so.
    fn heard(&mut self, mailbox: Place, answer: Answer) {
        if answer == Answer::Untold {
            return;
        }
        if self.several.has(mailbox) {
            let unknown_recipients = unknown_recipients_in(&self.domains);
            self.several
                .answered(mailbox, answer, &self.alike, unknown_recipients);
            return;
        }
        self.change(mailbox.domain, |domain| {
            let more = u32::from(domain.has_more());
            match answer {
                Answer::Untold => {}
                Answer::Accepted(list) => domain.accepted[place(list)] += more,
                Answer::Refused => domain.refused += more,
            }
        });
    }

    /// What a mailbox was answered is not believed any more.
    fn take_back(&mut self, mailbox: Place) {
        if self.several.has(mailbox) {
            let unknown_recipients = unknown_recipients_in(&self.domains);
            self.several
                .answered(mailbox, Answer::Untold, &self.alike, unknown_recipients);
        } else {
            self.change(mailbox.domain, Domain::take_back);
        }
    }

    fn heard_of_domain(&mut self, name: &str, finding: &Finding) {
        let unknown_recipients = match finding {
            Finding::Domain { reason, .. } if reason.may_reject() => UnknownRecipients::NoMail,
            Finding::Asked {
                whom: Whom::Decoy,
                reading,
                ..
            } => match reading.reason {
                Reason::Accepted | Reason::AcceptedProvider => UnknownRecipients::Accepted,
                _ if refuses_unknown_recipient(reading) => UnknownRecipients::Refused,
                _ => return,
            },
            Finding::Domain { .. }
            | Finding::Asked { .. }
            | Finding::Text { .. }
            | Finding::Withheld { .. }
            | Finding::Bounced { .. } => return,
        };
        self.set_unknown_recipients(name, unknown_recipients);
    }

    /// A domain answers so for unknown recipients.
    fn set_unknown_recipients(&mut self, name: &str, unknown_recipients: UnknownRecipients) {
        let domain = self.keys.hash_one(name);
        self.change(domain, |domain| {
            domain.unknown_recipients = unknown_recipients;
        });
        let unknown_recipients = unknown_recipients_in(&self.domains);
        self.several
            .domain_changed(domain, &self.alike, unknown_recipients);
    }

    fn change(&mut self, domain: u64, change: impl FnOnce(&mut Domain)) {
        let [before, now] = self.domains.change(domain, change);
        self.total.change(before.share(), now.share());
    }

    /// How all rows stand when `settled` of the mailboxes that are asked about are settled.
    pub(super) fn so_far(&self, settled: u64) -> SoFar {
        let told = self.total.told();
        // In which row one stands that was settled without a word is not known here.
        let unsettled = (settled + self.answered)
            .saturating_sub(told + self.several.told())
            .min(self.alone.saturating_sub(told) + self.several.untold_rows());
        let mut counts = self.unasked.clone().with(self.several.counts());
        for (list, proven) in Disposition::ALL.into_iter().zip(self.total.proven) {
            counts.add(&Alike::proven(list), proven);
        }
        let Alike {
            refused,
            no_mail,
            catch_all,
            unsettled: without_a_word,
        } = &self.alike;
        for (stand, messages) in [
            (refused, self.total.refused),
            (no_mail, self.total.no_mail),
            (catch_all, self.total.catch_all),
            (without_a_word, unsettled),
        ] {
            counts.add(stand, messages);
        }
        SoFar {
            lists: counts.lists,
            rate: self.rate(&counts.kinds),
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

/// How the domains answer for unknown recipients.
fn unknown_recipients_in(domains: &Domains) -> impl Fn(u64) -> UnknownRecipients {
    |domain| domains.get(domain).unknown_recipients
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
    use crate::model::verdict::{Exchange, Fact, Standing};

    fn standings() -> Standings {
        Standings::new(Policy::built_in("balanced").unwrap(), &Model::built_in())
    }

    /// A row is read that names these mailboxes, which are all to be asked about.
    fn row(standings: &mut Standings, keys: &[&str]) {
        let asked = |key: &&str| Mailbox::Asked(standings.place(key));
        let mailboxes: Vec<Mailbox> = keys.iter().map(asked).collect();
        standings.row(&mailboxes);
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
    fn an_acceptance_is_for_review_until_unknown_recipients_are_refused() {
        let mut standings = standings();
        for key in ["x@a.test", "y@a.test"] {
            row(&mut standings, &[key]);
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
            row(&mut standings, &[key]);
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

    fn taken_back(key: &str) -> Event {
        Event::TakenBack {
            asked: Asked::Address(key.into()),
            reading: Reading {
                reason: Reason::ProviderAnomaly,
                permanent: false,
                rule: String::new(),
            },
            at: Timestamp::default(),
        }
    }

    #[test]
    fn a_row_that_names_several_mailboxes_counts_once_as_the_best_of_them() {
        let mut standings = standings();
        let nobody = Reason::NoSuchMailbox;
        for keys in [&["x@a.test", "y@b.test"], &["z@a.test", "w@b.test"]] {
            row(&mut standings, keys);
        }
        row(&mut standings, &["v@gone.test"]);
        // The first is refused: the row stands as the second will.
        told(&mut standings, &[address("x@a.test", 550, nobody)]);
        assert_eq!(standings.so_far(1).lists, [0, 0, 0]);
        told(
            &mut standings,
            &[
                address("y@b.test", 250, Reason::Accepted),
                decoy("b.test", 550, nobody),
            ],
        );
        assert_eq!(standings.so_far(2).lists, [1, 0, 0]);
        // Nothing better can come than one that is verified.
        told(
            &mut standings,
            &[address("w@b.test", 250, Reason::Accepted)],
        );
        assert_eq!(standings.so_far(3).lists, [2, 0, 0]);
        told(&mut standings, &[address("z@a.test", 550, nobody)]);
        assert_eq!(standings.so_far(4).lists, [2, 0, 0]);
        // One was settled without a word: it is alone in its row.
        assert_eq!(standings.so_far(5).lists, [2, 1, 0]);
        let rate = standings.so_far(4).rate.unwrap();
        assert!((0.0..0.1).contains(&rate), "{rate}");
        // Now the best of its row is one of which nothing is known.
        told(&mut standings, &[taken_back("y@b.test")]);
        assert_eq!(standings.so_far(4).lists, [1, 1, 0]);
    }

    #[test]
    fn what_is_known_of_a_mailbox_serves_its_row() {
        let mut standings = standings();
        let place = standings.place("x@a.test");
        let stands = |standing, reason| Mailbox::Stands(Verdict { standing, reason }, Flags::NONE);
        let refused = stands(Standing::Undeliverable, Reason::NoSuchMailbox);
        let accepted = stands(Standing::Deliverable, Reason::Accepted);
        let suppressed = stands(Standing::Unknown, Reason::Suppressed);
        standings.row(&[refused, accepted]);
        assert_eq!(standings.so_far(0).lists, [1, 0, 0]);
        standings.row(&[refused, Mailbox::Asked(place)]);
        assert_eq!(standings.so_far(0).lists, [1, 0, 0]);
        let nobody = Reason::NoSuchMailbox;
        told(&mut standings, &[address("x@a.test", 550, nobody)]);
        assert_eq!(standings.so_far(1).lists, [1, 0, 1]);
        // Who asked for no mail gets none at any address.
        let place = standings.place("y@a.test");
        standings.row(&[accepted, suppressed, Mailbox::Asked(place)]);
        assert_eq!(standings.so_far(1).lists, [1, 0, 2]);
        told(
            &mut standings,
            &[
                address("y@a.test", 250, Reason::Accepted),
                decoy("a.test", 550, nobody),
            ],
        );
        assert_eq!(standings.so_far(2).lists, [1, 0, 2]);
    }

    #[test]
    fn a_mailbox_of_an_earlier_row_counts_there() {
        let mut standings = standings();
        let verdict = Verdict {
            standing: Standing::Deliverable,
            reason: Reason::Accepted,
        };
        let further = Mailbox::Stands(verdict, Flags::NONE.with(Flag::Duplicate));
        row(&mut standings, &["x@a.test"]);
        let new = Mailbox::Asked(standings.place("y@a.test"));
        standings.row(&[further, new]);
        standings.row(&[further, further]);
        assert_eq!(standings.so_far(0).lists, [0, 0, 1]);
        let nobody = Reason::NoSuchMailbox;
        told(
            &mut standings,
            &[
                address("x@a.test", 250, Reason::Accepted),
                address("y@a.test", 550, nobody),
                decoy("a.test", 550, nobody),
            ],
        );
        assert_eq!(standings.so_far(2).lists, [1, 0, 2]);
    }

    #[test]
    fn whom_an_earlier_run_was_answered_about_is_for_review_until_unknown_recipients_are_refused() {
        let mut standings = standings();
        let accepted = Reading {
            reason: Reason::Accepted,
            permanent: false,
            rule: String::new(),
        };
        let answer = standings.answer(&accepted, || Flags::NONE);
        standings.row(&[Mailbox::Answered(standings.place("x@a.test"), answer)]);
        assert_eq!(standings.so_far(0).lists, [0, 1, 0]);
        let nobody = Reason::NoSuchMailbox;
        told(&mut standings, &[decoy("a.test", 550, nobody)]);
        assert_eq!(standings.so_far(0).lists, [1, 0, 0]);
    }

    #[test]
    fn flags_that_the_policy_objects_to_keep_an_address_from_being_verified() {
        let mut standings = standings();
        row(&mut standings, &["x@a.test"]);
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
        row(&mut standings, &["x@a.test"]);
        told(
            &mut standings,
            &[
                address("x@a.test", 550, Reason::NoSuchMailbox),
                taken_back("x@a.test"),
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
        for (verdict, flags) in [
            (accepted, Flags::NONE),
            (accepted, Flags::NONE.with(Flag::Duplicate)),
            (accepted, Flags::NONE.with(Flag::TrapLike)),
            (refused, Flags::NONE),
        ] {
            standings.row(&[Mailbox::Stands(verdict, flags)]);
        }
        assert_eq!(standings.so_far(0).lists, [1, 1, 2]);
        // Of three messages one would bounce.
        let rate = standings.so_far(0).rate.unwrap();
        assert!((0.3..0.4).contains(&rate), "{rate}");
    }

    #[test]
    fn an_earlier_run_may_know_how_unknown_recipients_are_answered() {
        let mut standings = standings();
        row(&mut standings, &["x@a.test"]);
        let known = KnownDomain {
            catch_all: Some(CatchAllState::RefusesUnknown),
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
