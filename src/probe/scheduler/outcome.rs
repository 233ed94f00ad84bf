//! What follows from the answers of a batch.

use std::net::IpAddr;

use super::effort::FarewellPlace;
use super::integrity::Observed;
use super::integrity::streak::Span;
use super::unsure::{Probe, Tested};
use super::{
    Asking, Awaited, Batch, Event, Heard, Look, Scheduler, Session, SessionId, SessionStage,
    Subject,
};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::{Blame, Reason};
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Finding, Whom};
use crate::probe::CatchAll;
use crate::probe::Farewell;
use crate::probe::Next;
use crate::probe::Wait;
use crate::probe::farewell;
use crate::probe::is_for_one_connection;
use crate::probe::recipients_counted_over;
use crate::probe::refuses_unknown_recipient;
use crate::probe::says_it_takes_no_mail;
use crate::probe::{after_undecided, is_being_verified};
use crate::smtp::session::{BatchPace, Privacy};

/// How a batch broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// Right after a refused recipient: the host does so with every one.
    AfterRefusal,
    /// In place of an answer about a recipient, after answers about others: it is about that one.
    Instead,
    /// Before the first answer on a connection that had answered before: it had waited too long for us.
    Stale,
    /// In any other way without a word.
    Cut,
    /// With silence or garbage.
    Mute,
    /// With a reply that says so (421).
    Told,
}

impl Scheduler {
    /// Takes in the answers of a batch. Returns whether the conversation goes on.
    pub(super) fn take_in(
        &mut self,
        session: SessionId,
        answers: &[Option<Heard>],
        now: Timestamp,
    ) -> bool {
        self.note_going_on(session);
        let Some(t) = self.sessions.get_mut(&session) else {
            return false;
        };
        let group = t.group;
        let asked = std::mem::take(&mut t.asked);
        let Batch {
            began, step, pace, ..
        } = t.batch;
        let is_cut_short = t.ends_short(answers);
        let host = self.groups[group].host;
        let machine = self.groups[group].targets[t.target].clone();
        if !self.is_fit(machine.1) {
            self.disregard(session, asked, now);
            return false;
        }
        let t = self.session(session);
        t.replied += replied_to(answers);
        let broken = how_broken(answers, t);
        let farewell = broken
            .filter(|broken| *broken == Break::Told)
            .and_then(|_| about_the_connection(answers, t));
        // That it was cut short is none of the host's doing.
        let is_cut_short = is_cut_short && broken.is_none();
        if !is_cut_short {
            self.judge_batch(session, (began, pace), (&asked, answers), broken, now);
        }
        let span = Span {
            session,
            asked: step,
            heard: self.next_step(),
            place: 0,
        };
        let lost_one = broken == Some(Break::Mute) && Scheduler::may_have_lost_one(pace, answers);
        if lost_one {
            self.take_care(session);
            // Replies that may be those to other commands are no fruit.
            self.session(session).replied -= replied_to(answers);
        }
        for asked in asked {
            let place = asked.rcpt;
            if lost_one {
                self.not_answered(asked, now);
                continue;
            }
            let mail = asked.mail.and_then(|mail| answers[mail].as_ref());
            let is_refused = mail.is_some_and(|heard| !heard.exchange.says_yes());
            if is_cut_short && answers[asked.rcpt].is_none() {
                self.uncount_question(&asked);
                if !is_refused {
                    self.not_put(asked, now);
                    continue;
                }
            }
            let mail_failed = asked.mail.is_some() && (mail.is_none() || is_refused);
            let heard = if mail_failed {
                mail
            } else {
                answers[asked.rcpt].as_ref()
            };
            let heard = heard.filter(|heard| !self.heed_demand_for_tls(session, heard));
            match (heard, broken) {
                (None, _) => self.not_answered(asked, now),
                // It was said of the connection, not of the recipient that was asked about.
                (Some(heard), Some(Break::Told))
                    if farewell.is_some() && heard.exchange.code == Some(421) =>
                {
                    self.put_back(asked, CatchAll::decoy_not_asked, now);
                }
                // This question was not answered, and not because of it.
                (Some(heard), Some(Break::AfterRefusal | Break::Stale))
                    if heard.exchange.code.is_none() =>
                {
                    self.not_answered(asked, now);
                }
                (Some(heard), _) if mail_failed => {
                    self.mail_refused(session, &machine, asked, &heard.clone(), now);
                }
                (Some(heard), _) => {
                    let reread = match broken {
                        None => self.heard_of_a_decoy(session, &asked, heard, now),
                        Some(_) => None,
                    };
                    let heard = reread.as_ref().unwrap_or(heard);
                    self.answered(Span { place, ..span }, &machine, asked, heard, now);
                }
            }
        }
        let mut heard = answers.iter().flatten();
        if let Some(refusal) = heard.rfind(|heard| heard.reading.condemns()) {
            self.look_into(group, &refusal.exchange, now);
        }
        if let Some(broken) = broken {
            self.after_break(group, &machine, (broken, farewell), answers, now);
        }
        if let Some(farewell) = farewell {
            self.heed_farewell(session, host, (farewell, FarewellPlace::Answer));
        }
        let goes_on = broken.is_none() && self.is_worth_going_on(session, answers, now);
        if !goes_on {
            self.hang_up(session, now);
            self.rouse_resting(group, now);
        }
        goes_on && self.sessions[&session].stage != SessionStage::Quitting
    }

    /// A machine out of step has answered: what it says may belong to another question, in this conversation as in those
    /// before.
    fn disregard(&mut self, session: SessionId, asked: Vec<Awaited>, now: Timestamp) {
        for asked in asked {
            self.not_answered(asked, now);
        }
        self.hang_up(session, now);
    }

    /// Whether a conversation whose last batch did not break off is worth another one.
    fn is_worth_going_on(
        &self,
        session: SessionId,
        answers: &[Option<Heard>],
        now: Timestamp,
    ) -> bool {
        let t = &self.sessions[&session];
        let of_one_connection = |heard: &Heard| is_for_one_connection(&heard.exchange.reply);
        let wants_encryption = |heard: &Heard| heard.reading.reason == Reason::TlsRequired;
        !answers.iter().flatten().any(of_one_connection)
            && !answers.iter().flatten().any(wants_encryption)
            && t.refuses_us.is_none()
            && !t.tail.turned
            && !t.failed_a_test
            && !self.is_unwelcome(session, now)
            && !self.groups[t.group].is_left
    }

    /// A recipient was counted whose question was not put, for its batch was cut short.
    fn uncount_question(&mut self, asked: &Awaited) {
        self.tally.recipients -= 1;
        self.tally.decoys -= u64::from(!matches!(asked.whom, Asking::Subject(_)));
    }

    /// A question was not put, for its batch was cut short: it is still to be put, and none of its tries is used up.
    fn not_put(&mut self, asked: Awaited, now: Timestamp) {
        if !matches!(asked.whom, Asking::LateDecoy) {
            self.put_back(asked, CatchAll::decoy_not_asked, now);
            return;
        }
        self.domains[asked.domain].under_way -= 1;
        self.counts.forget_decoy();
        if let Some(group) = self.domains[asked.domain].group {
            let integrity = &mut self.groups[group].integrity;
            integrity.observe(Observed::DecoySetAside);
        }
        self.offer_domain(asked.domain, now);
    }

    /// Notes what a batch shows of its host: whether it understands commands that travel together, how many in one
    /// batch are of use, how fast it answers.
    fn judge_batch(
        &mut self,
        session: SessionId,
        (began, pace): (Timestamp, BatchPace),
        (asked, answers): (&[Awaited], &[Option<Heard>]),
        broken: Option<Break>,
        now: Timestamp,
    ) {
        if broken.is_none() {
            self.note_time_taken(session, now.since(began));
            self.look_for_doubling(session, asked.is_empty(), answers, now.since(began));
        }
        let group = self.sessions[&session].group;
        let host = self.groups[group].host;
        let replies = answers
            .iter()
            .flatten()
            .filter(|a| a.exchange.code.is_some());
        let replies = replies.count();
        if broken != Some(Break::Stale) {
            let pipelining = &mut self.groups[group].pipelining;
            let before = *pipelining;
            *pipelining = before.after_batch(pace, replies, broken.is_some());
            if *pipelining != before && *pipelining == super::mx_group::Pipelining::Chokes {
                self.hosts[host].known.chokes = true;
                self.tell_of_host(host);
            }
        }
        if broken != Some(Break::Stale) {
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let answered = asked.iter().filter(|a| {
                answers[a.rcpt]
                    .as_ref()
                    .is_some_and(|heard| heard.exchange.code.is_some())
            });
            let (asked, answered) = (count(asked.len()), count(answered.count()));
            self.groups[group].batch_landed(asked, answered);
        }
        if broken.is_none() && !asked.is_empty() {
            let answers = u32::try_from(asked.len()).unwrap_or(u32::MAX);
            self.hosts[host]
                .pace
                .answered_all_in(now.since(began), answers);
        }
        let all_well = broken.is_none() && answers.iter().flatten().all(|a| a.exchange.says_yes());
        if all_well {
            let answers = u32::try_from(answers.len()).unwrap_or(u32::MAX);
            self.hosts[host].pace.answered_in(now.since(began), answers);
        }
    }

    /// What follows when a batch broke off.
    fn after_break(
        &mut self,
        group: usize,
        machine: &(String, IpAddr),
        (broken, farewell): (Break, Option<Farewell>),
        answers: &[Option<Heard>],
        now: Timestamp,
    ) {
        let host = self.groups[group].host;
        let last = answers.iter().flatten().last();
        match broken {
            Break::AfterRefusal | Break::Instead => {
                self.groups[group].not_before = now + limits::CUT_WAIT;
            }
            Break::Told if farewell.is_some() => {
                self.groups[group].not_before = now + limits::CUT_WAIT;
            }
            Break::Cut => {
                let rest = &mut self.machines.entry(machine.1).or_default().rest;
                if let Some(until) = self.hosts[host].pace.dropped(rest, now) {
                    self.note_met(host, machine.1);
                    self.lets_rest(host, machine.1, until, now);
                }
                if let Some(heard) = last {
                    self.leave_if_hopeless(host, machine, heard, now);
                }
            }
            Break::Stale | Break::Mute | Break::Told => {}
        }
        if let Some(last) = last {
            self.note_last_word(group, last);
        }
    }

    /// Heeds that a host takes nothing in clear, where it says so in a session of which we have not demanded that it be
    /// encrypted: another one is to be, or none is of use. Returns whether it says so.
    fn heed_demand_for_tls(&mut self, session: SessionId, heard: &Heard) -> bool {
        let in_clear = self.sessions[&session].privacy != Privacy::Required;
        let wants_it = heard.reading.reason == Reason::TlsRequired && in_clear;
        if wants_it {
            self.demands_tls(session);
        }
        wants_it
    }

    /// MAIL was refused, so no recipient has been asked about.
    fn mail_refused(
        &mut self,
        session: SessionId,
        machine: &(String, IpAddr),
        asked: Awaited,
        heard: &Heard,
        now: Timestamp,
    ) {
        let group = self.sessions[&session].group;
        let host = self.groups[group].host;
        if heard.reading.reason.blame() == Blame::Sender && heard.reading.permanent {
            // It is about us: the next address would hear the same. As long as this was said in answer to MAIL, which
            // the end of the conversation will show.
            self.groups[group].not_before = now + limits::GOODBYE_WAIT + limits::CLOSING_WAIT;
            self.session(session).refuses_us = Some(Box::new(heard.clone()));
            self.not_answered(asked, now);
            return;
        }
        if heard.exchange.code.is_some() && !heard.reading.permanent {
            self.slow_down(host, machine, heard, now);
        }
        self.undecided(host, machine.1, asked, heard, now);
    }

    /// A recipient was answered.
    fn answered(
        &mut self,
        span: Span,
        machine: &(String, IpAddr),
        asked: Awaited,
        heard: &Heard,
        now: Timestamp,
    ) {
        let session = span.session;
        let group = self.sessions[&session].group;
        let host = self.groups[group].host;
        let accepted = heard.exchange.says_yes();
        if let Some(t) = self.sessions.get_mut(&session) {
            let words = &heard.exchange.reply;
            t.doubling.note(accepted, words, asked.transaction);
            if accepted {
                t.spent.accepted += 1;
            } else {
                t.spent.refused += 1;
                t.refused_for_good += u32::from(is_counted(&heard.reading));
                t.tail.refusals += u32::from(heard.exchange.code.is_some());
            }
            t.refused_last = !accepted;
            let open = t.spent.transactions == asked.transaction;
            if let Some((_, used)) = t.transaction.as_mut().filter(|_| open && accepted) {
                used.accepted += 1;
            }
            let is_listed = matches!(asked.whom, Asking::Subject(_));
            let is_confirmed = heard.reading.reason != Reason::CatchAllUntested;
            if accepted && is_listed && is_confirmed {
                t.welcomed = asked.transaction;
            }
        }
        if accepted && self.sessions.get(&session).is_some_and(|t| t.tail.turned) {
            // Every recipient is accepted in this connection by now.
            self.put_back(asked, CatchAll::decoy_not_asked, now);
            return;
        }
        let asked = match self.refuses_all_mail(session, machine.1, asked, heard, now) {
            Ok(()) => return,
            Err(asked) => asked,
        };
        let reason = heard.reading.reason;
        match reason {
            Reason::RateLimited | Reason::HostBusy => {
                match recipients_counted_over(&heard.exchange.reply) {
                    Some(unit) => self.note_quota(host, machine, heard, unit, now),
                    None => self.slow_down(host, machine, heard, now),
                }
            }
            Reason::SenderBlocked => {
                let known = self.machines.entry(machine.1).or_default();
                known.block_signs += 1;
                if known.block_signs >= limits::BLOCK_SIGNS {
                    self.block(host, machine.clone(), heard, self.block_wait(host), now);
                }
                if !self.has_nobody_left(group) && self.shun(group, machine.1, now) {
                    self.put_back(asked, CatchAll::decoy_not_asked, now);
                    return;
                }
            }
            _ if heard.exchange.code.is_some() => {
                let known = self.machines.entry(machine.1).or_default();
                known.block_signs = 0;
                known.has_answered |= !says_it_takes_no_mail(&heard.exchange, &heard.reading);
                known.rest.went_well();
                self.hosts[host].pace.went_well(now);
                if accepted {
                    self.hosts[host].pace.accepted(now);
                }
            }
            _ => {}
        }
        if reason == Reason::TooManyRecipients && asked.place > 1 {
            self.too_many(session, asked, now);
            return;
        }
        let remembered = asked.whom.unsure(asked.domain);
        if let Some(unsure) = remembered.filter(|_| accepted || settles(&heard.reading)) {
            self.remember_unsure(session, unsure);
        }
        if Scheduler::names_whom_it_is_about(&asked, &heard.exchange) {
            self.note_proven(session);
        }
        if accepted && matches!(asked.whom, Asking::Subject(_)) {
            self.understand_the_decoy(session, asked.domain, asked.transaction, now);
        }
        if matches!(asked.whom, Asking::Decoy) {
            self.note_puzzle(span, &asked, heard);
        }
        match &asked.whom {
            Asking::Decoy => self.decoy_answered(span, asked.domain, heard, now),
            Asking::LateDecoy if heard.exchange.code.is_none() => self.not_answered(asked, now),
            Asking::LateDecoy => {
                let tested = Tested {
                    span,
                    domain: asked.domain,
                    by: Probe::LateDecoy,
                    heard: heard.clone(),
                };
                self.take_test(tested, now);
            }
            Asking::Subject(_) if accepted || settles(&heard.reading) => {
                self.settled_by(span, asked, heard, now);
            }
            Asking::Subject(_) => self.undecided(host, machine.1, asked, heard, now),
        }
    }

    /// The decoy was answered: the domain is known for what it is, or the decoy is asked again.
    pub(super) fn decoy_answered(
        &mut self,
        span: Span,
        domain: usize,
        heard: &Heard,
        now: Timestamp,
    ) {
        self.domains[domain].under_way -= 1;
        if heard.exchange.says_yes() && self.ask_afresh_in_another(span.session, domain, now) {
            self.update_catch_all(domain, CatchAll::decoy_not_asked, now);
            self.offer_domain(domain, now);
            return;
        }
        if !self.weigh_decoy(span, domain, heard, now) {
            self.offer_domain(domain, now);
            return;
        }
        let session = self.sessions.get(&span.session);
        let machine = session.map(|t| self.groups[t.group].targets[t.target].1);
        let wait = self.wait_wanted(domain, machine, heard, now);
        let wait = self.domains[domain]
            .catch_all
            .wait(wait, self.limits.patience);
        if refuses_unknown_recipient(&heard.reading) {
            self.system_refuses_unknown(domain, heard, now);
        }
        let hear = |catch_all: &mut CatchAll| {
            catch_all.hear_decoy(&heard.reading, now + wait.unwrap_or_default());
            if catch_all.decoy_due().is_some() && wait.is_none() {
                catch_all.give_up();
            }
        };
        self.update_catch_all(domain, hear, now);
        self.report_catch_all(domain);
        self.offer_domain(domain, now);
    }

    /// The host takes fewer recipients at once than we named: our mistake, so this one is asked again at once, and so
    /// many are not named together any more.
    fn too_many(&mut self, session: SessionId, asked: Awaited, now: Timestamp) {
        if let Some(t) = self.sessions.get_mut(&session) {
            // Whatever the transaction could still have held is asked in a new one.
            t.transaction = None;
            let group = &self.groups[t.group];
            let (host, machine) = (group.host, group.targets[t.target].1);
            let taken = asked.place - 1;
            let caps = &mut self.hosts[host].known.transaction_caps;
            let cap = caps.get(&machine).map_or(taken, |cap| taken.min(*cap));
            if caps.insert(machine, cap) != Some(cap) {
                self.tell_of_host(host);
            }
        }
        self.put_back(asked, CatchAll::decoy_not_asked, now);
    }

    /// An answer that settles the matter for this address.
    fn settled_by(&mut self, span: Span, asked: Awaited, heard: &Heard, now: Timestamp) {
        let domain = asked.domain;
        self.domains[domain].under_way -= 1;
        let Asking::Subject(subject) = asked.whom else {
            unreachable!("decoys are answered elsewhere")
        };
        let hear = |catch_all: &mut CatchAll| catch_all.hear_subject(&heard.reading);
        self.update_catch_all(domain, hear, now);
        if heard.exchange.says_yes()
            && subject.tries == 0
            && let Some(group) = self.domains[domain].group
        {
            self.groups[group].greylisting = false;
        }
        if heard.exchange.says_yes() {
            self.domains[domain].accepted();
        } else if heard.reading.condemns() {
            self.domains[domain].refused();
        }
        if heard.exchange.says_yes() {
            self.tail_accepted(span.session, domain, &subject);
        }
        self.hear_exception(domain, &subject, now);
        let look = subject.look;
        match look {
            Look::First => {
                if heard.exchange.says_yes() {
                    self.vouches(domain, &subject.address);
                }
                self.weigh(span, domain, &subject, heard, now);
                self.hear_listed(span, domain, &subject, heard, now);
                self.note_settled(1);
            }
            Look::Second | Look::Control => {
                let tested = Tested {
                    span,
                    domain,
                    by: Probe::Subject(subject),
                    heard: heard.clone(),
                };
                self.take_test(tested, now);
            }
        }
        if look == Look::First {
            self.tally.answered += 1;
        }
        if let Some(group) = self.domains[domain].group {
            let host = &mut self.hosts[self.groups[group].host];
            host.answered = host.answered.saturating_add(1);
        }
        self.offer_domain(domain, now);
    }

    /// An answer that settles nothing: again later, or that was it.
    fn undecided(
        &mut self,
        host: usize,
        machine: IpAddr,
        asked: Awaited,
        heard: &Heard,
        now: Timestamp,
    ) {
        let domain = asked.domain;
        let mut subject = match asked.whom {
            Asking::Subject(subject) => subject,
            Asking::Decoy | Asking::LateDecoy => {
                let again = now + limits::GREYLIST_WAIT.min(self.limits.patience);
                self.put_back(asked, |catch_all| catch_all.decoy_lost(again), now);
                return;
            }
        };
        self.domains[domain].under_way -= 1;
        self.hear_exception(domain, &subject, now);
        if heard.reading.reason == Reason::Greylisted {
            self.note_greylisting(host, domain, now);
        } else if is_being_verified(&heard.exchange.reply) {
            self.start_clocks(domain, now);
        }
        let patience = self.limits.patience;
        let wait = self.wait_wanted(domain, Some(machine), heard, now);
        let next = after_undecided(&heard.reading, subject.waiting(), now, wait, patience);
        match (next, subject.look) {
            (Next::Again(at), look) => {
                subject.tries += 1;
                if subject.since == Timestamp::default() {
                    subject.since = now;
                }
                let latest = wait.at_the_latest(subject.waiting(), at, patience);
                let host = &mut self.hosts[host];
                host.at_the_latest = host.at_the_latest.max(latest);
                if look == Look::First {
                    self.learn_answer(&subject, &heard.exchange, &heard.reading, now);
                    self.tell_of_waiting(&subject, Some(at));
                }
                self.domains[domain].push_later(at, &subject);
            }
            (Next::Leave, look) => {
                if look == Look::First {
                    self.learn_answer(&subject, &heard.exchange, &heard.reading, now);
                    self.tell_of_waiting(&subject, None);
                } else {
                    self.learned_nothing(host, &subject);
                }
                self.note_settled(1);
            }
        }
        self.offer_domain(domain, now);
    }

    /// Notes that an address was answered in a domain that takes every recipient.
    fn hear_exception(&mut self, domain: usize, subject: &Subject, now: Timestamp) {
        let takes_every_recipient = self.domains[domain].is_settled_as_a_whole();
        if takes_every_recipient && subject.look == Look::First {
            self.update_catch_all(domain, CatchAll::hear_exception, now);
            self.report_catch_all(domain);
        }
    }

    /// How long a machine wants us to stay away from an address that it has answered with nothing that settles it.
    fn wait_wanted(
        &self,
        domain: usize,
        machine: Option<IpAddr>,
        heard: &Heard,
        now: Timestamp,
    ) -> Wait {
        let group = self.domains[domain].group;
        let named = heard.named_wait.or_else(|| match heard.reading.reason {
            // It is our speed that it minds: that is mended when the host may be asked again.
            Reason::RateLimited | Reason::HostBusy => {
                let all = self.hosts[self.groups[group?].host].pace.known().not_before;
                let own = machine.and_then(|machine| self.wants_rest_until(machine, now));
                Some(all.max(own.unwrap_or_default()).since(now))
            }
            _ => None,
        });
        Wait::of(named, &heard.exchange.reply)
    }

    /// An address was told to come back: every clock is started at once, in the whole domain with its decoy, at
    /// all domains of the machines that may have said so; of all machines where their provider acts as one.
    fn note_greylisting(&mut self, host: usize, domain: usize, now: Timestamp) {
        self.start_clocks(domain, now);
        let Some(own) = self.domains[domain].group else {
            return;
        };
        let as_one = self.hosts[host].acts_as_one();
        let mut groups = self.hosts[host].groups.clone();
        groups.retain(|&group| as_one || self.has_a_machine_of(group, own));
        for group in groups {
            if self.groups[group].begins_greylisting() {
                for domain in self.groups[group].domains.clone() {
                    self.offer_domain(domain, now);
                }
            }
        }
    }

    /// Each recipient of a domain has a clock of its own, which runs from its first question: all are started, the
    /// decoy's among them.
    fn start_clocks(&mut self, domain: usize, now: Timestamp) {
        if !self.domains[domain].keeps_waiting {
            self.domains[domain].keeps_waiting = true;
            self.update_catch_all(domain, CatchAll::start_clock, now);
            self.report_catch_all(domain);
        }
    }

    /// A question that was not put, or whose answer was lost with the connection through no fault of its own: it is put
    /// again.
    pub(super) fn not_answered(&mut self, asked: Awaited, now: Timestamp) {
        self.put_back(asked, |catch_all| catch_all.decoy_lost(now), now);
    }

    pub(super) fn put_back(
        &mut self,
        asked: Awaited,
        decoy: impl FnOnce(&mut CatchAll),
        now: Timestamp,
    ) {
        let entry = &mut self.domains[asked.domain];
        entry.under_way -= 1;
        match asked.whom {
            Asking::Subject(subject) => entry.push_front(&subject),
            Asking::Decoy => self.update_catch_all(asked.domain, decoy, now),
            Asking::LateDecoy => {
                self.counts.forget_decoy();
                if let Some(group) = self.domains[asked.domain].group {
                    let integrity = &mut self.groups[group].integrity;
                    integrity.observe(Observed::DecoyTaughtNothing);
                }
            }
        }
        self.offer_domain(asked.domain, now);
    }

    pub(super) fn learn_answer(
        &mut self,
        subject: &Subject,
        exchange: &Exchange,
        reading: &Reading,
        now: Timestamp,
    ) {
        let finding = Finding::Asked {
            whom: Whom::Subject,
            exchange: exchange.clone(),
            reading: reading.believed_of(self.providers.of_mail_host(&exchange.host)),
        };
        self.learn_of_address(subject, finding, now);
    }

    /// Tells what an address has been through.
    pub(super) fn tell_of_waiting(&mut self, subject: &Subject, again: Option<Timestamp>) {
        self.tell(Event::Waiting {
            key: subject.address.key().into_owned(),
            waiting: subject.waiting(),
            again,
        });
    }
}

impl Session {
    /// Whether its batch ended before its last command, for it was cut short. Then its last transaction may not have been
    /// begun.
    fn ends_short(&mut self, answers: &[Option<Heard>]) -> bool {
        let ends_short = self.batch.is_cut_short && answers.last().is_some_and(Option::is_none);
        if ends_short {
            self.transaction = None;
        }
        ends_short
    }
}

/// How many recipients were replied to in a batch.
fn replied_to(answers: &[Option<Heard>]) -> u32 {
    let replies = answers
        .iter()
        .flatten()
        .filter(|heard| heard.exchange.stage == Stage::Rcpt)
        .filter(|heard| heard.exchange.code.is_some_and(|code| code != 421));
    u32::try_from(replies.count()).unwrap_or(u32::MAX)
}

/// What a farewell (421) is about, where that is the connection: it has brought answers, and the words do not speak of
/// our speed.
fn about_the_connection(answers: &[Option<Heard>], session: &Session) -> Option<Farewell> {
    let last = answers.iter().flatten().last()?;
    let meaning = farewell(&last.exchange.reply);
    let of_us = meaning == Farewell::Untold && last.reading.reason.blame() == Blame::Sender;
    (session.replied > 0 && !of_us).then_some(meaning)
}

/// How a batch of a conversation broke off, if it did.
fn how_broken(answers: &[Option<Heard>], session: &Session) -> Option<Break> {
    let used = session.spent.recipients() > 0;
    let replied = session.replied > 0;
    let heard: Vec<&Heard> = answers.iter().flatten().collect();
    let last = heard.last()?;
    match (last.exchange.code, last.reading.reason) {
        (Some(421), _) => Some(Break::Told),
        (Some(_), _) => None,
        (None, Reason::HungUp) => {
            let before = heard.len().checked_sub(2).map(|at| &heard[at].exchange);
            let refused = match before {
                Some(e) => e.stage == Stage::Rcpt && !e.says_yes(),
                // Some take their leave a moment after the refusal.
                None => session.refused_last,
            };
            Some(match last.exchange.stage {
                _ if refused => Break::AfterRefusal,
                _ if heard.len() == 1 && used && last.exchange.stage != Stage::Rcpt => Break::Stale,
                Stage::Rcpt if replied => Break::Instead,
                _ => Break::Cut,
            })
        }
        (None, _) => Some(Break::Mute),
    }
}

/// Whether every host counts an answer among the mistakes of its client that counts any: some do not count that a mailbox
/// is full, or that we are to come back.
fn is_counted(reading: &Reading) -> bool {
    reading.permanent && reading.reason != Reason::MailboxFull
}

/// Whether an answer that is no yes settles the matter for the address.
fn settles(reading: &Reading) -> bool {
    reading.condemns() || matches!(reading.reason, Reason::MailboxFull | Reason::MailboxBusy)
}
