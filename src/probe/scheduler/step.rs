//! Answers that may belong to another question: taken back as a whole, asked again one command at a time.
//!
//! What a session answers is believed as it comes, and remembered until the session has ended in step (see
//! [`crate::smtp`]). Where its end, or any moment before, shows a reply too many, all of its answers are taken back and
//! asked again at a machine that is *careful* from then on: one recipient a transaction, one command at a time, a
//! while of quiet behind each answer. A machine that is found out of step again is unfit: no address is asked about
//! there in this run.
//!
//! A reply too few shows itself by silence where commands travelled together. It says nothing against the machine that
//! one command at a time does not tell better, so that batch alone is asked again.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::held::Until;
use super::integrity::Observed;
use super::turn::Tail;
use super::unsure::Unsure;
use super::{Asking, Awaited, Heard, Looseness, Scheduler, SessionId, SessionStage};
use crate::model::echo;
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::probe::{Asked, Budget, CatchAll, MAY_BE_ANOTHERS, ReplyKinds, Spent};
use crate::smtp::farewell::Parting;
use crate::smtp::session::{BatchPace, Offer, Privacy};

/// What a machine has shown of its ways.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    /// How often its replies were out of step.
    faults: u8,
    /// How often a session broke off before anything showed that its kinds of replies were in step.
    doubts: u8,
    /// The kinds of replies of those sessions with it that were in step.
    shown: ReplyKinds,
    /// The most refusals in a session that ended in step in this run.
    bore: Option<u32>,
    /// How commands are put to it.
    care: Care,
    /// What we may hope for of its encryption.
    tls: Tls,
    /// Why no address is asked about there any more in this run.
    unfit: Option<Box<Heard>>,
    /// Whether it has once closed in the while of quiet behind an answer.
    closed_in_quiet: bool,
    /// The longest that a batch has taken in this run.
    slowest: Duration,
    /// The last answers that count though the end of their session did not show that it was in step.
    untold: VecDeque<Unsure>,
}

/// How commands are put to a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Care {
    /// As it likes.
    #[default]
    None,
    /// One at a time.
    OneByOne,
    /// Fenced, until a session has confirmed that it is in step: an earlier one broke off.
    FencedOnce,
    /// One at a time, with a while of quiet behind each answer.
    Fenced,
}

/// What a machine's encryption is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tls {
    /// Nothing speaks against it.
    #[default]
    Sound,
    /// It failed before.
    Broken,
    /// The machine takes nothing in clear.
    Demanded,
}

impl Scheduler {
    /// The machine at the other end of a session.
    pub(super) fn machine(&self, session: SessionId) -> IpAddr {
        let t = &self.sessions[&session];
        self.groups[t.group].targets[t.target].1
    }

    /// Whether a session puts one command at a time, with a fence around each answer.
    pub(super) fn is_careful(&self, session: SessionId) -> bool {
        self.is_met_with_care(self.machine(session))
    }

    /// Whether sessions with a machine put one command at a time, with a fence around each answer.
    pub(super) fn is_met_with_care(&self, machine: IpAddr) -> bool {
        let conduct = self.conduct.get(&machine);
        conduct.is_some_and(|conduct| match conduct.care {
            Care::FencedOnce | Care::Fenced => true,
            Care::None | Care::OneByOne => false,
        })
    }

    /// How commands are put in a session, by what its machine has shown and its host offers.
    pub(super) fn pace_of(&self, session: SessionId, offer: &Offer) -> BatchPace {
        let conduct = self.conduct.get(&self.machine(session));
        match conduct.map_or(Care::None, |conduct| conduct.care) {
            Care::None => self.batch_pace(self.sessions[&session].group, offer),
            Care::OneByOne => BatchPace::OneByOne,
            Care::FencedOnce | Care::Fenced => BatchPace::Fenced,
        }
    }

    /// Whether the machine of a session has kept in step before at all kinds of replies that it has given in this one,
    /// and never fallen out of step.
    pub(super) fn keeps_in_step(&self, session: SessionId) -> bool {
        let kinds = ReplyKinds::of(self.sessions[&session].spent);
        let conduct = self.conduct.get(&self.machine(session));
        conduct.is_some_and(|conduct| conduct.faults == 0 && conduct.shown.cover(kinds))
    }

    /// Whether a session with a machine has ended in step in which it was asked about a recipient.
    pub(super) fn has_been_in_step(&self, machine: IpAddr) -> bool {
        let conduct = self.conduct.get(&machine);
        conduct.is_some_and(|conduct| conduct.shown != ReplyKinds::default())
    }

    /// Why a machine is unfit to be asked about any address, if so.
    pub(super) fn unfit(&self, machine: IpAddr) -> Option<&Heard> {
        self.conduct.get(&machine)?.unfit.as_deref()
    }

    /// Whether a machine's answers can be told apart, as far as known.
    pub(super) fn is_fit(&self, machine: IpAddr) -> bool {
        self.unfit(machine).is_none()
    }

    /// What a session has been used for, as its host may count: where nothing shows yet that it is in step, replies too
    /// many may stand for acceptances, and refusals still be on their way. There may be one for each RSET, and one from
    /// before the first recipient where commands do not travel together: a second greeting that comes late is taken for
    /// the answer to EHLO, which then offers nothing. What came before it last kept still would have shown by now.
    pub(super) fn spent_at_worst(&self, session: SessionId) -> Spent {
        let t = &self.sessions[&session];
        let is_sure = self.shows_to_be_in_step(session);
        let has_fallen = self.has_fallen_out_of_step(t.group);
        let clean = if has_fallen { 0 } else { t.clean };
        let resets = t.spent.transactions.saturating_sub(clean.max(1));
        let surplus = match t.loosest {
            _ if is_sure => return t.spent,
            _ if clean == t.spent.transactions => return t.spent,
            Looseness::Fenced => return t.spent,
            Looseness::OneByOne if clean == 0 => resets + 1,
            Looseness::OneByOne | Looseness::Together => resets,
        };
        let spent = t.spent.out_of_step(surplus);
        if has_fallen {
            spent.surely_out_of_step(surplus)
        } else {
            spent
        }
    }

    /// Whether a session has shown that it is in step so far, or its machine that it is so at such replies.
    pub(super) fn shows_to_be_in_step(&self, session: SessionId) -> bool {
        let t = &self.sessions[&session];
        let is_proven = !t.unsure.is_empty() && t.proven == t.unsure.len();
        is_proven || self.keeps_in_step(session)
    }

    /// What a session has been used for, where it would ask about a decoy at its end: that one is asked about past ten
    /// recipients, too, whatever may be none of what was accepted. Where it would not fit at the worst, the session keeps
    /// still first, and says until when.
    pub(super) fn spent_before_a_decoy(
        &mut self,
        session: SessionId,
        budget: Budget,
        now: Timestamp,
    ) -> Result<Spent, Timestamp> {
        let worst = Spent {
            in_doubt: 0,
            ..self.spent_at_worst(session)
        };
        let t = &self.sessions[&session];
        let is_told = worst.room(budget) > 0 || t.spent.room(budget) == 0;
        if is_told || self.has_fallen_out_of_step(t.group) {
            return Ok(worst);
        }
        self.keep_still(session, now)?;
        Ok(self.spent_at_worst(session))
    }

    /// Lets a session keep still, so that replies too many that are on their way show: says until when, or that it has.
    pub(super) fn keep_still(
        &mut self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let t = self.session(session);
        let begun = t.spent.transactions;
        let until = now + t.doubling.shows_within();
        let (until, clean) = *t.still.get_or_insert((until, begun));
        if until > now {
            return Err(until);
        }
        // Those that the batch being written begins are none of them.
        t.clean = clean;
        Ok(())
    }

    /// Notes how long a machine has taken for a batch.
    pub(super) fn note_time_taken(&mut self, session: SessionId, took: Duration) {
        let conduct = self.conduct.entry(self.machine(session)).or_default();
        conduct.slowest = conduct.slowest.max(took);
    }

    /// How long an answer may be late at the end of a session beyond what it has shown: where commands are fenced, since
    /// others were answered once too often or not at all, each answer that is still to come is to show.
    pub(super) fn patience_at_the_end(&self, session: SessionId) -> Duration {
        let conduct = self.conduct.get(&self.machine(session));
        conduct
            .filter(|_| self.is_careful(session))
            .map_or(Duration::ZERO, |conduct| {
                conduct.slowest.max(limits::FENCED_GOODBYE_WAIT)
            })
    }

    /// Whether one of the machines of a group has fallen out of step in this run: the others are likely of its kind.
    fn has_fallen_out_of_step(&self, group: usize) -> bool {
        let mut targets = self.groups[group].targets.iter();
        targets.any(|(_, machine)| {
            let conduct = self.conduct.get(machine);
            conduct.is_some_and(|conduct| conduct.faults > 0)
        })
    }

    /// Whether a session that says goodbye ends as its machine is known to end one: in step, after as many refusals, with
    /// nothing left to be tested.
    pub(super) fn ends_as_ever(&self, session: SessionId) -> bool {
        let t = &self.sessions[&session];
        let conduct = self.conduct.get(&self.machine(session));
        let has_borne =
            |conduct: &Conduct| conduct.bore.is_some_and(|bore| t.spent.refused <= bore);
        let is_doubtful = t.tail.turned || t.failed_a_test || t.refuses_us.is_some();
        t.replied > 0
            && t.asked.is_empty()
            && !is_doubtful
            && self.keeps_in_step(session)
            && conduct.is_some_and(has_borne)
            && !self.owes_a_test(session)
    }

    /// What we want of encryption in a session, by what its machine has shown.
    pub(super) fn wants_of_tls(&self, session: SessionId) -> Privacy {
        let conduct = self.conduct.get(&self.machine(session));
        let tls = conduct.map_or(Tls::Sound, |conduct| conduct.tls);
        match (self.groups[self.sessions[&session].group].privacy, tls) {
            (Privacy::WhenOffered, Tls::Broken) => Privacy::Never,
            (Privacy::WhenOffered | Privacy::Never, Tls::Demanded) => Privacy::Required,
            (wanted, Tls::Sound | Tls::Broken | Tls::Demanded) => wanted,
        }
    }

    /// The machine of a session takes nothing in clear.
    pub(super) fn demands_tls(&mut self, session: SessionId) {
        let machine = self.machine(session);
        self.conduct.entry(machine).or_default().tls = Tls::Demanded;
    }

    /// Encryption failed with the machine of a session: it is met in clear from now on.
    pub(super) fn fails_at_tls(&mut self, session: SessionId, now: Timestamp) {
        let machine = self.machine(session);
        self.conduct.entry(machine).or_default().tls = Tls::Broken;
        let host = self.groups[self.sessions[&session].group].host;
        self.hosts[host].known.remember_in_clear(machine, now);
        self.tell_of_host(host);
    }

    /// Takes in what is known of a host's machines from before.
    pub(super) fn know_conduct(&mut self, host: usize, now: Timestamp) {
        let known = &mut self.hosts[host].known;
        if known.is_nothing() {
            return;
        }
        known.forget_conduct(now);
        for machine in known.in_clear.keys() {
            self.conduct.entry(*machine).or_default().tls = Tls::Broken;
        }
        for (machine, in_step) in &known.in_step {
            self.conduct.entry(*machine).or_default().shown = in_step.kinds;
        }
        for machine in known.out_of_step.keys() {
            self.conduct.entry(*machine).or_default().care = Care::Fenced;
        }
    }

    /// Remembers an answer until its session has ended.
    pub(super) fn remember_unsure(&mut self, session: SessionId, unsure: Unsure) {
        if let Some(asked) = self.asked_of(&unsure) {
            self.hold(asked, Until::InStep(session));
        }
        if let Unsure::Decoy { domain } = unsure {
            self.domains[domain].unsure = true;
        }
        if let Some(t) = self.sessions.get_mut(&session) {
            t.unsure.push(unsure);
        }
    }

    /// A session has ended in step, as far as that could be told: its answers count for good.
    pub(super) fn count_as_sure(&mut self, answers: Vec<Unsure>, now: Timestamp) {
        for answer in answers {
            if let Unsure::Decoy { domain } = answer {
                self.domains[domain].unsure = false;
                self.offer_domain(domain, now);
            }
        }
    }

    /// Whether a batch fell silent in such a way that its answers may have moved up by a place: more than one command
    /// was under way, and something was said in answer to one of them that depends on which.
    pub(super) fn may_have_lost_one(pace: BatchPace, answers: &[Option<Heard>]) -> bool {
        let tells = |heard: &&Heard| {
            let is_rcpt = heard.exchange.stage == crate::model::stage::Stage::Rcpt;
            is_rcpt || !heard.exchange.says_yes()
        };
        let replies = answers.iter().flatten();
        let mut replies = replies.filter(|heard| heard.exchange.code.is_some());
        match pace {
            BatchPace::Together => replies.any(|heard| tells(&heard)),
            BatchPace::OneByOne | BatchPace::Fenced => false,
        }
    }

    /// Whether the words of an answer name the recipient asked about: then it is in step, and all before it. That a late
    /// decoy was accepted shows that its host does not tell the truth any more, so nothing is concluded from that.
    pub(super) fn names_whom_it_is_about(asked: &Awaited, exchange: &Exchange) -> bool {
        match &asked.whom {
            Asking::Subject(_) | Asking::Decoy => exchange.reply.contains(echo::NAMED),
            Asking::LateDecoy => !exchange.says_yes() && exchange.reply.contains(echo::NAMED),
        }
    }

    /// The last of a session's answers names whom it is about: it is in step, and so are all before it.
    pub(super) fn note_proven(&mut self, session: SessionId) {
        let t = self.session(session);
        t.proven = t.unsure.len();
        self.tell_held(Until::InStep(session));
    }

    /// A session is over: takes back what it answered if nothing shows that it was in step.
    ///
    /// One that broke off may hide a reply too many or too few, unless each answer was fenced. Its answers count at a
    /// machine that was in step before at all kinds of replies that it gave, or up to the last that names whom it is
    /// about; elsewhere they are asked again, this once. So are they where the machine was found out of step in
    /// another session; if that closed in the while of quiet behind an answer, only this one: it may be that to an
    /// earlier command. This, too, happens once: some close behind every answer.
    pub(super) fn part(&mut self, session: SessionId, parting: Parting, now: Timestamp) {
        let Some(t) = self.sessions.get_mut(&session) else {
            return;
        };
        let (has_answered, refused) = (t.replied > 0, t.spent.refused);
        let is_telling = t.unsure.len() > t.proven;
        let is_fenced = t.loosest == Looseness::Fenced;
        let kinds = ReplyKinds::of(t.spent);
        let machine = self.machine(session);
        let conduct = self.conduct.entry(machine).or_default();
        match parting {
            Parting::OutOfStep => {}
            Parting::Unfenced if is_telling && conduct.faults > 0 && !conduct.closed_in_quiet => {
                conduct.closed_in_quiet = true;
                let t = self.session(session);
                if is_fenced {
                    t.proven = t.proven.max(t.unsure.len() - 1);
                }
                self.take_back_all(session, now);
            }
            Parting::InStep if has_answered => {
                conduct.bore = conduct.bore.max(Some(refused));
                conduct.confirm(kinds);
                self.remember_in_step(session, kinds, now);
            }
            // Each reply was fenced: it came alone after its command.
            Parting::Untold | Parting::Unfenced if has_answered && is_fenced => {
                conduct.confirm(kinds);
            }
            Parting::Untold if is_telling && !conduct.shown.cover(kinds) => {
                conduct.doubt();
                self.take_back_all(session, now);
            }
            Parting::Untold if is_telling && conduct.faults > 0 => {
                self.take_back_all(session, now);
            }
            Parting::Untold if is_telling => self.count_though_untold(session),
            Parting::InStep | Parting::Untold | Parting::Unfenced => {}
        }
        self.conclude(session, now);
    }

    /// A session has ended in step that had these kinds of replies. The next run knows it of its machine.
    fn remember_in_step(&mut self, session: SessionId, kinds: ReplyKinds, now: Timestamp) {
        let machine = self.machine(session);
        let host = self.groups[self.sessions[&session].group].host;
        let known = &mut self.hosts[host].known;
        let before = known.in_step.get(&machine).map(|known| known.kinds);
        let before = before.unwrap_or_default();
        if self.conduct[&machine].faults == 0 && !before.cover(kinds) {
            known.remember_in_step(machine, before.and(kinds), now);
            self.tell_of_host(host);
        }
    }

    /// Takes back what a session answered since it was last shown to be in step, and asks again.
    fn take_back_all(&mut self, session: SessionId, now: Timestamp) {
        let t = self.session(session);
        t.refuses_us = None;
        let unsure = t.unsure.split_off(t.proven);
        self.forget_steadiness(session);
        self.forget_own_words(self.machine(session));
        self.ask_all_anew(unsure, now);
    }

    /// Remembers answers that count though the end of their session did not show that it was in step.
    fn count_though_untold(&mut self, session: SessionId) {
        let machine = self.machine(session);
        let t = &self.sessions[&session];
        let answers = t.unsure[t.proven..].iter().filter(|unsure| match unsure {
            Unsure::Subject { .. } => true,
            // Those who were let go for a decoy's sake are not asked about again.
            Unsure::Decoy { domain } => !self.domains[*domain].is_settled_as_a_whole(),
            Unsure::Test(_) => false,
        });
        let untold = &mut self.conduct.entry(machine).or_default().untold;
        untold.extend(answers.cloned());
        let most = limits::RECIPIENTS_OF_A_CONNECTION as usize;
        untold.drain(..untold.len().saturating_sub(most));
    }

    /// The machine of a session is asked one command at a time from now on.
    pub(super) fn take_care(&mut self, session: SessionId) {
        let machine = self.machine(session);
        self.conduct.entry(machine).or_default().care = Care::Fenced;
    }

    /// A session's replies cannot be told apart: none of its answers counts.
    pub(super) fn out_of_step(&mut self, session: SessionId, heard: &Heard, now: Timestamp) {
        let Some(t) = self.sessions.get_mut(&session) else {
            return;
        };
        let (group, is_leaving) = (t.group, t.stage == SessionStage::Quitting);
        let took = now.since(t.batch.began);
        let asked = std::mem::take(&mut t.asked);
        let unsure = std::mem::take(&mut t.unsure);
        t.refuses_us = None;
        // Answers that are taken back are no fruit.
        t.replied = 0;
        t.tail = Tail::default();
        self.forget_steadiness(session);
        let host = self.groups[group].host;
        let machine = self.machine(session);
        self.note_time_taken(session, took);
        self.take_care(session);
        self.forget_own_words(machine);
        self.hosts[host].known.remember_out_of_step(machine, now);
        self.tell_of_host(host);
        self.ask_all_anew(unsure, now);
        let conduct = self.conduct.entry(machine).or_default();
        conduct.faults = conduct.faults.saturating_add(1);
        let untold = std::mem::take(&mut conduct.untold);
        if conduct.faults >= limits::FAULTS_OF_STEP {
            conduct.unfit = Some(Box::new(heard.clone()));
        }
        self.groups[group].not_before = now + limits::CUT_WAIT;
        self.note_last_word(group, heard);
        self.ask_all_anew(untold.into(), now);
        for asked in asked {
            self.not_answered(asked, now);
        }
        if !self.is_fit(machine) {
            for group in self.groups_at(machine) {
                self.leave_if_nobody_is_left(group, now);
            }
        }
        if !is_leaving {
            self.hang_up(session, now);
        }
    }

    /// Takes answers back, and asks again.
    fn ask_all_anew(&mut self, mut unsure: Vec<Unsure>, now: Timestamp) {
        // What was learned of decoys decides who is asked next.
        unsure.sort_by_key(|unsure| matches!(unsure, Unsure::Subject { .. }));
        for unsure in unsure {
            self.ask_anew(unsure, now);
        }
    }

    /// Takes an answer back, and asks again.
    fn ask_anew(&mut self, unsure: Unsure, now: Timestamp) {
        let asked = self.asked_of(&unsure);
        match unsure {
            Unsure::Subject { domain, subject } => {
                let was_told =
                    asked.is_some_and(|asked| self.untell(asked, may_be_anothers(), now));
                if let Some(group) = self.domains[domain].group {
                    let key = subject.address.key();
                    self.forget_good(self.groups[group].host, &key);
                    let withdrawn = Observed::Withdrawn(subject.asked());
                    self.groups[group].integrity.observe(withdrawn);
                }
                self.counts.unsettle();
                self.forget_listed(domain);
                if was_told {
                    self.tell_of_waiting(&subject, Some(now));
                }
                self.domains[domain].push_front(&subject);
                self.offer_domain(domain, now);
            }
            Unsure::Decoy { domain } => {
                asked.map(|asked| self.untell(asked, may_be_anothers(), now));
                self.domains[domain].unsure = false;
                self.system_takes_back(domain, &may_be_anothers(), now);
                self.update_catch_all(domain, CatchAll::unhear_decoy, now);
                self.report_catch_all(domain);
                if let Some(group) = self.domains[domain].group {
                    self.groups[group].meant.take_if(|meant| *meant == domain);
                }
                self.offer_domain(domain, now);
            }
            Unsure::Test(tested) => self.test_anew(*tested, now),
        }
    }

    /// Of whom an answer tells, where it is one about an address.
    fn asked_of(&self, unsure: &Unsure) -> Option<Asked> {
        match unsure {
            Unsure::Subject { subject, .. } => Some(subject.asked()),
            Unsure::Decoy { domain } => {
                let name = &*self.domains[*domain].name;
                Some(Asked::Decoy(name.into()))
            }
            Unsure::Test(_) => None,
        }
    }
}

impl Conduct {
    /// A session broke off before the machine had shown that it is in step at all kinds of its replies. A machine that
    /// goes on to break off is fenced for good: else it is asked the same again and again.
    fn doubt(&mut self) {
        self.doubts = self.doubts.saturating_add(1);
        self.care = match self.care {
            Care::Fenced => Care::Fenced,
            _ if self.doubts >= limits::DOUBTS_OF_STEP => Care::Fenced,
            Care::None | Care::OneByOne | Care::FencedOnce => Care::FencedOnce,
        };
    }

    /// The machine was in step in a session with these kinds of replies.
    fn confirm(&mut self, kinds: ReplyKinds) {
        self.shown = self.shown.and(kinds);
        self.care = match self.care {
            Care::FencedOnce => Care::OneByOne,
            care @ (Care::None | Care::OneByOne | Care::Fenced) => care,
        };
    }
}

impl Asking {
    /// What of it is to be remembered until the session has ended: what verdicts rest on.
    pub(super) fn unsure(&self, domain: usize) -> Option<Unsure> {
        match self {
            Asking::Subject(subject) if subject.look == super::Look::First => {
                let subject = subject.clone();
                Some(Unsure::Subject { domain, subject })
            }
            Asking::Decoy => Some(Unsure::Decoy { domain }),
            Asking::Subject(_) | Asking::LateDecoy => None,
        }
    }
}

/// What an answer is read as that may belong to another question.
fn may_be_anothers() -> Reading {
    Reading {
        reason: Reason::ProviderAnomaly,
        permanent: false,
        rule: MAY_BE_ANOTHERS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_goes_on_breaking_off_is_fenced_for_good() {
        let mut conduct = Conduct::default();
        let breaks_off = |conduct: &mut Conduct| {
            conduct.doubt();
            // A fenced session shows the kinds of replies that it happens to have.
            conduct.confirm(ReplyKinds::default());
            conduct.care
        };
        for _ in 1..limits::DOUBTS_OF_STEP {
            assert_eq!(breaks_off(&mut conduct), Care::OneByOne);
        }
        assert_eq!(breaks_off(&mut conduct), Care::Fenced);
        assert_eq!(breaks_off(&mut conduct), Care::Fenced);
    }
}
