//! What to say next in a conversation: as many questions as budget, pace and domains allow, in one batch.

use super::domain::Question;
use super::host::Host;
use super::integrity::Observed;
use super::mx_group::Pipelining;
use super::{
    Action, Asking, Awaited, Batch, Look, Scheduler, Session, SessionId, SessionStage, Subject,
    Wake,
};
use crate::model::limits;
use crate::model::provider::PipeliningHabit;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;
use crate::probe::pace::{Ahead, Gate};
use crate::probe::{Budget, Caps, Likelihood, Used, decoy_local_part, domains_at_once};
use crate::smtp::session::{BatchPace, Offer};
use crate::smtp::{Charset, Command};

/// Why no batch came about.
pub(super) enum Idle {
    /// Not before this moment.
    Until(Timestamp),
    /// Another conversation awaits answers that may bring questions, at most until this moment.
    BesideAnother(Timestamp),
    /// There is nothing to ask on this connection any more.
    Finished,
}

/// A batch in the making.
pub(super) struct Draft {
    pub(super) offer: Offer,
    pub(super) budget: Budget,
    pub(super) commands: Vec<Command>,
    pub(super) asked: Vec<Awaited>,
    /// Domains begun.
    domains: u32,
}

impl Draft {
    /// The domain of the last question.
    fn domain(&self) -> Option<usize> {
        self.asked.last().map(|asked| asked.domain)
    }
}

impl Scheduler {
    /// Gives a conversation its next batch, lets it rest or ends it.
    pub(super) fn give_work(&mut self, session: SessionId, now: Timestamp) {
        let group = self.sessions[&session].group;
        // What is known of a block may come from another conversation.
        if self.stopping || self.groups[group].is_left || self.is_unwelcome(session, now) {
            self.hang_up(session, now);
            return;
        }
        self.groups[group]
            .resting
            .take_if(|resting| *resting == session);
        let batch = self.compose(session, now);
        match batch.or_else(|idle| self.test_a_turn(session, idle, now)) {
            Ok((commands, pace)) => {
                let step = self.next_step();
                let t = self.session(session);
                t.stage = SessionStage::AwaitingReplies;
                t.idle_since = None;
                t.still = None;
                t.loosest = t.loosest.max(pace.into());
                t.batch = Batch {
                    began: now,
                    step,
                    pace,
                    is_cut_short: false,
                };
                self.actions.push_back(Action::Send {
                    session,
                    commands,
                    pace,
                });
            }
            Err(Idle::Until(moment)) if moment.since(now) <= limits::REST => {
                self.rest(session, moment);
            }
            Err(Idle::BesideAnother(moment)) => self.rest(session, moment),
            Err(Idle::Until(_) | Idle::Finished) => {
                self.hang_up(session, now);
                self.rouse_resting(group, now);
            }
        }
    }

    /// Lets a conversation rest until a moment, or until there is something to ask.
    fn rest(&mut self, session: SessionId, until: Timestamp) {
        self.session(session).stage = SessionStage::Idle;
        self.note_going_on(session);
        self.wakes.insert((until, Wake::Session(session)));
    }

    /// The next batch of a conversation.
    fn compose(
        &mut self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Vec<Command>, BatchPace), Idle> {
        let mut draft = self.draft(session);
        if self.would_keep_still(session, draft.budget) {
            self.keep_still(session, now).map_err(Idle::Until)?;
        }
        let excluded = self.exclude_doubling(session, draft.budget, now);
        if let Some(reset) = excluded.map_err(Idle::Until)? {
            return Ok(reset);
        }
        let t = &self.sessions[&session];
        let (group, spent) = (t.group, self.spent_at_worst(session));
        let host = self.groups[group].host;
        let careful = self.is_careful(session);
        let pace = self.pace_of(session, &draft.offer);
        let at_once = domains_at_once(
            self.hosts[host].pace.recipients_per_second(),
            self.hosts[host].pace.reply_time(),
            self.hosts[host].pace.connections_open(),
            draft.budget.transactions.saturating_sub(spent.transactions),
        );
        // A connection that may end with another decoy keeps a place for it.
        let kept = u32::from(draft.budget.recipients as usize > limits::ACCEPTED_IN_A_ROW);
        let budget = Budget {
            recipients: draft.budget.recipients - kept,
            ..draft.budget
        };
        let mut room = spent.room(budget);
        let mut within = draft.budget;
        if self.may_turn_after(session, room) {
            room = spent.room_before_a_decoy(self.owes_a_test(session), budget);
            // Perhaps in a transaction of its own.
            within.transactions = within.transactions.saturating_sub(1).max(1);
        }
        room = room.min(self.share(session));
        let may_take_two = room > 1;
        room = room.min(if careful { 1 } else { self.groups[group].batch });
        let mut idle = Idle::Finished;
        if let Err(moment) = self.late_decoy(session, &mut draft, false, now) {
            return Err(Idle::Until(moment));
        }
        room = room.saturating_sub(u32::try_from(draft.asked.len()).unwrap_or(u32::MAX));
        while room > 0 {
            let Some(domain) = self.next_domain(session, &draft, now) else {
                break;
            };
            let begins = draft.domain() != Some(domain);
            if (begins && draft.domains >= at_once) || !self.may_address(session, domain, within) {
                // The domain's turn comes in the next batch, or on the next connection.
                self.relist(domain, now);
                break;
            }
            if let Err(moment) = self.draw(session, now) {
                self.relist(domain, now);
                idle = Idle::Until(moment);
                break;
            }
            let Some(question) = self.take_question(session, domain, now) else {
                continue;
            };
            if self.put(session, domain, question, &mut draft, now) {
                room -= 1;
                draft.domains += u32::from(begins);
            }
            self.book(domain);
            self.relist(domain, now);
        }
        if draft.asked.is_empty() && matches!(idle, Idle::Finished) && self.is_the_end(group) {
            let integrity = &self.groups[group].integrity;
            let settled =
                integrity.refuses_every_recipient() || self.hosts[host].questioned.is_some();
            if !settled && self.owes_a_control(group, true) {
                self.question(group, now);
                if self.groups[group].integrity.is_questioned() {
                    // It goes into this conversation, or has one of its own.
                    return self.compose(session, now);
                }
            }
            if let Err(moment) = self.late_decoy(session, &mut draft, true, now) {
                idle = Idle::Until(moment);
            }
            let has_room = may_take_two && spent.may_begin(draft.budget);
            let is_over = draft.asked.is_empty() && matches!(idle, Idle::Finished);
            if is_over && has_room && self.asks_for_an_explanation(group, Some(session), now) {
                return self.compose(session, now);
            }
        }
        if draft.asked.is_empty() {
            if matches!(idle, Idle::Finished) && room > 0 && spent.may_begin(draft.budget) {
                if let Some(due) = self.due_soon(group, now) {
                    self.groups[group].resting = Some(session);
                    idle = Idle::Until(due);
                } else if let Some(until) = self.rests_beside_another(session, now) {
                    self.groups[group].resting = Some(session);
                    idle = Idle::BesideAnother(until);
                }
            }
            return Err(idle);
        }
        self.tally.recipients += draft.asked.len() as u64;
        self.session(session).asked = draft.asked;
        Ok((draft.commands, pace))
    }

    /// Whether a session had better keep still before its next batch: where replies too many might stand for some of what
    /// was accepted, and it could not go on past ten recipients for that.
    fn would_keep_still(&self, session: SessionId, budget: Budget) -> bool {
        let t = &self.sessions[&session];
        let worst = self.spent_at_worst(session);
        worst.in_doubt > 0
            && worst.room(budget) < t.spent.room(budget)
            && self.groups[t.group].waiting > 0
    }

    /// How much of what waits a conversation may take at once: those that are being opened for it get their share.
    fn share(&self, session: SessionId) -> u32 {
        let group = self.sessions[&session].group;
        let wants = &self.groups[group];
        if wants.sessions <= 1 {
            return u32::MAX;
        }
        let opening = |t: &&Session| t.group == group && t.stage == SessionStage::Opening;
        let openings = self.sessions.values().filter(opening).count();
        match openings {
            0 => u32::MAX,
            _ => u32::try_from(wants.askable.div_ceil(1 + openings)).unwrap_or(u32::MAX),
        }
    }

    /// When the next clock of a group comes due, where its only conversation may as well rest until then: after a
    /// greylist's wait the clocks come due one by one, as they were started.
    fn due_soon(&self, group: usize, now: Timestamp) -> Option<Timestamp> {
        let group = &self.groups[group];
        let host = &self.hosts[group.host];
        let soon = |at: &Timestamp| *at > now && at.since(now) <= limits::REST;
        // Most hosts have no such clock; others may be waiting for the place.
        host.until.filter(soon)?;
        if group.sessions > 1 || !host.queue.is_empty() || !self.ready.is_empty() {
            return None;
        }
        let domains = group.domains.iter().map(|&domain| &self.domains[domain]);
        domains
            .filter(|domain| !domain.is_settled_as_a_whole())
            .filter_map(|domain| domain.first_later(now))
            .filter(soon)
            .min()
    }

    /// Until when a conversation with room may rest, where another one with the same hosts awaits answers that decide
    /// who may be asked next, or what its host's last answers are worth: a connection that is ended now would be
    /// opened again then.
    fn rests_beside_another(&mut self, session: SessionId, now: Timestamp) -> Option<Timestamp> {
        let group = self.sessions[&session].group;
        let wants = &self.groups[group];
        let is_at_work = |(id, other): (&SessionId, &Session)| {
            let at_work = matches!(
                other.stage,
                SessionStage::AwaitingReplies | SessionStage::Opening
            );
            *id != session && other.group == group && at_work
        };
        let is_wanted =
            wants.waiting > 0 || self.unknown_refused_at(group) >= limits::UNKNOWN_RECIPIENTS;
        let may_rest = wants.sessions > 1
            && wants.resting.is_none()
            && is_wanted
            && self.hosts[wants.host].queue.is_empty()
            && self.ready.is_empty()
            && self.sessions.iter().any(is_at_work);
        let since = *self.session(session).idle_since.get_or_insert(now);
        let until = since + limits::REST_BESIDE_ANOTHER;
        (may_rest && until > now).then_some(until)
    }

    pub(super) fn session(&mut self, session: SessionId) -> &mut Session {
        self.sessions
            .get_mut(&session)
            .expect("the conversation is under way")
    }

    /// An empty batch for a conversation.
    pub(super) fn draft(&self, session: SessionId) -> Draft {
        let t = &self.sessions[&session];
        let offer = t.offer.clone().unwrap_or_default();
        let group = &self.groups[t.group];
        let Host {
            provider, known, ..
        } = &self.hosts[group.host];
        let cap = if self.is_careful(session) {
            Some(1)
        } else {
            known.transaction_caps.get(&self.machine(session)).copied()
        };
        Draft {
            budget: Budget::of(
                &offer,
                provider.as_deref(),
                Caps {
                    per_transaction: cap,
                    per_connection: known.recipients_cap,
                    refusals: known
                        .refusals_cap
                        .into_iter()
                        .chain(group.turns_after)
                        .chain(group.bears())
                        .min(),
                },
            ),
            offer,
            commands: Vec::new(),
            asked: Vec::new(),
            domains: 0,
        }
    }

    /// Takes the right to ask about one recipient: the one with which the conversation was begun, then further ones.
    pub(super) fn draw(&mut self, session: SessionId, now: Timestamp) -> Result<(), Timestamp> {
        let t = &self.sessions[&session];
        let machine = self.groups[t.group].targets[t.target].1;
        if let Some(until) = self.wants_rest_until(machine, now) {
            return Err(until);
        }
        let (host, is_new) = (self.groups[t.group].host, t.spent.transactions == 0);
        let first = self.hosts[host].first_in_line;
        if first.is_some_and(|first| first != session) {
            return Err(now + limits::TO_LET_ANOTHER_GO_FIRST);
        }
        let drawn = self.draw_in_turn(session, host, now);
        self.hosts[host].first_in_line = (drawn.is_err() && is_new).then_some(session);
        drawn
    }

    fn draw_in_turn(
        &mut self,
        session: SessionId,
        host: usize,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let ahead = self.sessions[&session].ahead;
        let pace = &mut self.hosts[host].pace;
        match (ahead, pace.gate(now)) {
            (Some(Ahead::Drawn), Gate::Closed(until)) => return Err(until),
            (Some(Ahead::Drawn), Gate::Open | Gate::Full) => {}
            (Some(Ahead::Plenty), _) => pace.draw(now)?,
            (None, _) => {
                // What the whole run may not do costs no host its turn.
                if let Some(until) = self.overall.refuses_until(now) {
                    return Err(until);
                }
                pace.draw(now)?;
                self.overall.draw(now)?;
            }
        }
        self.session(session).ahead = None;
        Ok(())
    }

    /// Takes the right to ask about the first recipient of a conversation with a host that is about to be dialled.
    pub(super) fn draw_ahead(&mut self, host: usize, now: Timestamp) -> Result<Ahead, Timestamp> {
        let ahead = self.hosts[host].pace.draw_ahead(now)?;
        self.overall.draw(now)?;
        Ok(ahead)
    }

    /// Whether commands travel together at this group, as far as its host's offer decides.
    pub(super) fn batch_pace(&self, group: usize, offer: &Offer) -> BatchPace {
        let habit = self.hosts[self.groups[group].host]
            .provider
            .as_ref()
            .map(|p| p.pipelining);
        let avoid = match self.groups[group].pipelining {
            Pipelining::Trusted | Pipelining::Cleared => habit == Some(PipeliningHabit::Avoid),
            Pipelining::Suspected | Pipelining::Chokes => true,
        };
        if offer.pipelining && !avoid {
            BatchPace::Together
        } else {
            BatchPace::OneByOne
        }
    }

    /// The domain to ask about next: the one of the open transaction while it has questions, then those that wait.
    fn next_domain(&mut self, session: SessionId, draft: &Draft, now: Timestamp) -> Option<usize> {
        let t = &self.sessions[&session];
        let group = t.group;
        let greylisting = self.groups[group].greylisting;
        if let Some(domain) = self.groups[group].control {
            let entry = &self.domains[domain];
            if entry.has_a_control() && entry.has_question(greylisting, now) {
                self.unlist(group, domain);
                return Some(domain);
            }
            self.groups[group].control = None;
        }
        // Refusals have caught up: the next answers had better be acceptances, wherever they come from.
        let needs_credit = t.spent.recipients() > 0 && t.spent.accepted <= t.spent.refused;
        let current = draft.domain().or(t.transaction.map(|(domain, _)| domain));
        let machine = self.machine(session);
        if let Some(domain) = current
            && self.domains[domain].has_question(greylisting, now)
            && !self.has_refused_mail_for(domain, machine)
            && !(needs_credit
                && self.domains[domain].likelihood() == Likelihood::Bad
                && self.bring_forward_a_likely_one(group, now))
        {
            // It may still stand in the queue: then its turn there comes to nothing.
            self.unlist(group, domain);
            return Some(domain);
        }
        if needs_credit {
            self.bring_forward_a_likely_one(group, now);
        }
        let mut for_another = Vec::new();
        let next = loop {
            let Some(domain) = self.groups[group].ready.pop_front() else {
                break None;
            };
            if self.has_refused_mail_for(domain, machine) {
                for_another.push(domain);
                continue;
            }
            self.domains[domain].listed = false;
            if self.domains[domain].has_question(greylisting, now) {
                break Some(domain);
            }
        };
        self.groups[group].ready.extend(for_another);
        next
    }

    /// Puts a domain that is likely to accept an address in front of its group's queue. Returns whether one stands
    /// there.
    fn bring_forward_a_likely_one(&mut self, group: usize, now: Timestamp) -> bool {
        let greylisting = self.groups[group].greylisting;
        let ready = &self.groups[group].ready;
        let found = ready
            .iter()
            .take(limits::DOMAINS_LOOKED_THROUGH)
            .position(|&listed| {
                let entry = &self.domains[listed];
                entry.likelihood() == Likelihood::Good && entry.has_question(greylisting, now)
            });
        let ready = &mut self.groups[group].ready;
        let Some(domain) = found.and_then(|at| ready.remove(at)) else {
            return false;
        };
        ready.push_front(domain);
        true
    }

    /// Takes a domain out of its group's queue, where it tends to stand in front.
    fn unlist(&mut self, group: usize, domain: usize) {
        if std::mem::take(&mut self.domains[domain].listed) {
            let ready = &mut self.groups[group].ready;
            if let Some(at) = ready.iter().position(|&listed| listed == domain) {
                ready.remove(at);
            }
        }
    }

    /// Puts a domain back into its group's queue while it has questions.
    fn relist(&mut self, domain: usize, now: Timestamp) {
        let entry = &mut self.domains[domain];
        let Some(group) = entry.group else { return };
        let greylisting = self.groups[group].greylisting;
        if !entry.listed && entry.has_question(greylisting, now) {
            entry.listed = true;
            // In front: a domain is finished before the next is begun.
            self.groups[group].ready.push_front(domain);
        }
    }

    /// Whether a recipient of `domain` fits the open transaction, or another may be begun.
    pub(super) fn may_address(&self, session: SessionId, domain: usize, budget: Budget) -> bool {
        let t = &self.sessions[&session];
        let fits = t
            .transaction
            .is_some_and(|(open, used)| open == domain && used.may_name_another(budget));
        fits || t.spent.may_begin(budget)
    }

    /// Takes a domain's next question for this conversation.
    fn take_question(
        &mut self,
        session: SessionId,
        domain: usize,
        now: Timestamp,
    ) -> Option<Question> {
        let t = &self.sessions[&session];
        let (spent, kinds) = (t.spent, t.kinds);
        let greylisting = self.groups[t.group].greylisting;
        self.domains[domain].take_question(greylisting, spent, kinds, now)
    }

    /// Writes one question into the draft. Returns whether it went in: an address that this host cannot be asked about
    /// is settled instead.
    fn put(
        &mut self,
        session: SessionId,
        domain: usize,
        question: Question,
        draft: &mut Draft,
        now: Timestamp,
    ) -> bool {
        match question {
            Question::Decoy => {
                let Some(decoy) = self.decoy(domain, 0) else {
                    // No decoy can be written for this domain (a literal, say).
                    self.domains[domain].under_way -= 1;
                    self.update_catch_all(domain, crate::probe::CatchAll::give_up, now);
                    return false;
                };
                self.tally.decoys += 1;
                self.ask(
                    session,
                    domain,
                    Asking::Decoy,
                    (decoy, Charset::Ascii),
                    draft,
                );
            }
            Question::Subject(subject) => {
                let askable = draft.offer.smtputf8 || !subject.address.needs_smtputf8();
                let Some(recipient) = subject.address.envelope().ok().filter(|_| askable) else {
                    self.cannot_ask(domain, &subject, askable, now);
                    return false;
                };
                let charset = if subject.address.needs_smtputf8() {
                    Charset::Utf8
                } else {
                    Charset::Ascii
                };
                let kinds = &mut self.session(session).kinds;
                match subject.likelihood {
                    Likelihood::Good => kinds[0] += 1,
                    Likelihood::Bad => kinds[1] += 1,
                }
                let whom = Asking::Subject(subject);
                self.ask(session, domain, whom, (recipient, charset), draft);
            }
        }
        true
    }

    /// The `nth` decoy of a domain; `None` for one that is no name.
    pub(super) fn decoy(&self, domain: usize, nth: u32) -> Option<lettre::Address> {
        let name = self.domains.name(domain);
        let local = decoy_local_part(self.limits.seed, name, nth);
        lettre::Address::new(local, &**name).ok()
    }

    /// Writes one recipient into the draft, in the open transaction where it fits.
    fn ask(
        &mut self,
        session: SessionId,
        domain: usize,
        whom: Asking,
        (recipient, charset): (lettre::Address, Charset),
        draft: &mut Draft,
    ) {
        let mail = self.begin_transaction(session, domain, charset, draft);
        let t = self.session(session);
        let place = match &mut t.transaction {
            Some((_, used)) => {
                used.recipients += 1;
                used.recipients
            }
            None => 1,
        };
        let transaction = t.spent.transactions;
        draft.asked.push(Awaited {
            domain,
            whom,
            rcpt: draft.commands.len(),
            mail,
            place,
            transaction,
        });
        draft.commands.push(Command::Rcpt(recipient));
    }

    /// Begins a transaction for `domain` unless the open one can be used. Returns which command of the draft began the
    /// one in force, if it was begun in this draft.
    fn begin_transaction(
        &mut self,
        session: SessionId,
        domain: usize,
        charset: Charset,
        draft: &mut Draft,
    ) -> Option<usize> {
        let sender = self.limits.sender.clone();
        let budget = draft.budget;
        let t = self.session(session);
        let begun_here = draft
            .commands
            .iter()
            .rposition(|command| matches!(command, Command::Mail { .. }));
        // An open transaction was announced as ASCII, so it is never used for an address that is not.
        let usable = t.transaction.is_some_and(|(open, used)| {
            open == domain && used.may_name_another(budget) && charset == Charset::Ascii
        });
        if usable {
            return begun_here;
        }
        let is_reset = t.doubling.take_reset();
        if t.spent.transactions > 0 && !is_reset {
            draft.commands.push(Command::Rset);
        }
        t.spent.transactions += 1;
        t.transaction = Some((domain, Used::default()));
        draft.commands.push(Command::Mail { sender, charset });
        Some(draft.commands.len() - 1)
    }

    /// Tests with another decoy whether a host still refuses unknown recipients, when acceptances in a row ask for it.
    /// Where pace wants it to wait, says until when.
    fn late_decoy(
        &mut self,
        session: SessionId,
        draft: &mut Draft,
        at_the_end: bool,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let t = &self.sessions[&session];
        let index = t.group;
        let Some(domain) = self.tells_by_a_decoy(index) else {
            return Ok(());
        };
        if !self.owes_a_decoy(index, at_the_end) {
            return Ok(());
        }
        let has_asked = t.spent.recipients() > 0;
        let mut fits = self.may_address(session, domain, draft.budget);
        if fits {
            let spent = self.spent_before_a_decoy(session, draft.budget, now)?;
            fits = spent.room(draft.budget) > 0;
        }
        if !fits {
            // This connection is used up: the test is worth one of its own.
            self.groups[index].test_owed |= at_the_end && has_asked;
            return Ok(());
        }
        self.draw(session, now)?;
        self.put_late_decoy(session, domain, draft);
        Ok(())
    }

    /// Writes the first decoy of a domain into the draft, which is due. Returns whether it went in.
    pub(super) fn put_owed_decoy(
        &mut self,
        session: SessionId,
        domain: usize,
        draft: &mut Draft,
        now: Timestamp,
    ) -> bool {
        let question = self.take_question(session, domain, now);
        question.is_some_and(|question| self.put(session, domain, question, draft, now))
    }

    /// Writes another decoy of a domain into the draft. Returns whether it went in.
    pub(super) fn put_late_decoy(
        &mut self,
        session: SessionId,
        domain: usize,
        draft: &mut Draft,
    ) -> bool {
        let group = self.sessions[&session].group;
        // A greylist would put off a new decoy, which shows nothing; it knows the first one by now.
        let nth = if self.domains[domain].keeps_waiting {
            0
        } else {
            self.domains[domain].late_decoys + 1
        };
        let Some(decoy) = self.decoy(domain, nth) else {
            return false;
        };
        self.tally.decoys += 1;
        self.counts.expect_a_decoy();
        let integrity = &mut self.groups[group].integrity;
        integrity.observe(Observed::DecoyAsked);
        let entry = &mut self.domains[domain];
        entry.late_decoys += 1;
        entry.under_way += 1;
        let decoy = (decoy, Charset::Ascii);
        self.ask(session, domain, Asking::LateDecoy, decoy, draft);
        true
    }

    /// Whether a group has nothing left to be asked but what this conversation thinks of. One that is saying goodbye
    /// thinks of nothing any more: two that run out together must not wait for each other.
    fn is_the_end(&self, index: usize) -> bool {
        let at_work =
            |session: &&Session| session.group == index && session.stage != SessionStage::Quitting;
        self.groups[index].waiting == 0 && self.sessions.values().filter(at_work).count() <= 1
    }

    /// An address that cannot be put into a command for this host.
    fn cannot_ask(&mut self, domain: usize, subject: &Subject, expressible: bool, now: Timestamp) {
        self.domains[domain].under_way -= 1;
        if subject.look != Look::First {
            if let Some(group) = self.domains[domain].group {
                self.learned_nothing(self.groups[group].host, subject);
            }
            self.note_settled(1);
            return;
        }
        let detail = if expressible {
            "the address cannot be written in an SMTP command"
        } else {
            "the mail host does not take addresses beyond ASCII (no SMTPUTF8), so it cannot be asked about this one"
        };
        let finding = Finding::Withheld {
            reason: Reason::NotAsked,
            detail: detail.to_owned(),
        };
        self.learn_of_address(subject, finding, now);
        self.note_settled(1);
    }
}
