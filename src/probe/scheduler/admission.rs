//! Which hosts a session may be held with now: a host's pace, our own bound and what waits decide.

use std::net::IpAddr;

use super::held::Until;
use super::{Action, Heard, Scheduler, Session, SessionId, SessionStage, Wake};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::probe::pace::{Ahead, Gate};
use crate::smtp::session::Patience;

/// How an attempt to open a session that failed came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The host kept silent for the little time that it had.
    CutShort,
    /// It said something, or had all the time that it may have.
    Whole,
}

impl Ended {
    /// What `heard` means after waiting with `patience`. Every host has the same time to connect.
    pub(super) fn of(heard: &Heard, patience: Patience) -> Self {
        let hurried = patience == Patience::BesideOthers && heard.exchange.stage == Stage::Greeting;
        if hurried && heard.reading.reason == Reason::Silent {
            Ended::CutShort
        } else {
            Ended::Whole
        }
    }
}

impl Scheduler {
    /// Puts a group into its host's queue, if it wants a session.
    pub(super) fn enlist(&mut self, group: usize) {
        let wants = &mut self.groups[group];
        let worth = self.hosts[wants.host].pace.questions_worth_a_connection();
        if !wants.listed && wants.wants_a_session(worth) {
            wants.listed = true;
            self.hosts[wants.host].queue.push_back(group);
        }
    }

    /// Opens sessions at a host as far as its pace, our own bound and its rows allow.
    pub(super) fn consider(&mut self, host: usize, now: Timestamp) {
        if self.stopping {
            return;
        }
        while let Some(&group) = self.hosts[host].queue.front() {
            let not_before = self.not_before(group, now);
            let asks = self.find_question(group, now);
            let worth = self.hosts[host].pace.questions_worth_a_connection();
            let wants = &mut self.groups[group];
            if !asks || !wants.wants_a_session(worth) || not_before > now {
                wants.listed = false;
                self.hosts[host].queue.pop_front();
                if not_before > now {
                    self.wakes.insert((not_before, Wake::MxGroup(group)));
                }
                continue;
            }
            if self.leave_if_nobody_is_left(group, now) {
                continue;
            }
            if self.leave_if_it_takes_no_mail(group, now) {
                continue;
            }
            if self.joins_another(group, now) {
                continue;
            }
            if self.has_had_its_chance(group, now) {
                self.leave(group, now);
                continue;
            }
            if self.is_full(self.first_machine(group, now)) {
                // Its turn comes when a connection there ends.
                self.groups[group].listed = false;
                self.hosts[host].queue.pop_front();
                continue;
            }
            if self.strandings.until > now {
                self.wakes.insert((self.strandings.until, Wake::Host(host)));
                return;
            }
            match self.hosts[host].pace.gate(now) {
                Gate::Open => {}
                Gate::Full => {
                    for group in self.hosts[host].groups.clone() {
                        self.rouse_resting(group, now);
                    }
                    return;
                }
                Gate::Closed(until) => {
                    self.wakes.insert((until, Wake::Host(host)));
                    return;
                }
            }
            if self.sessions.len() >= self.limits.connections {
                self.wait_for_a_place(host);
                let rests = |session: &&Session| {
                    session.stage == SessionStage::Idle && session.idle_since.is_some()
                };
                if let Some(resting) = self.sessions.values().find(rests) {
                    self.rouse_resting(resting.group, now);
                }
                return;
            }
            if let Some(until) = self.overall.refuses_until(now) {
                self.wait_for_a_place(host);
                self.wakes.insert((until, Wake::Ready));
                return;
            }
            // A connection is for a question that may be asked now.
            let ahead = match self.draw_ahead(host, now) {
                Ok(ahead) => ahead,
                Err(until) => {
                    self.wakes.insert((until, Wake::Host(host)));
                    return;
                }
            };
            // Each group gets its turn.
            self.hosts[host].queue.pop_front();
            self.groups[group].listed = false;
            self.start(group, ahead, now);
            self.enlist(group);
        }
    }

    /// Has a host considered when a place among all sessions is free.
    fn wait_for_a_place(&mut self, host: usize) {
        let need = self.a_place_saves(host);
        self.ready.put(host, need.as_secs());
    }

    /// Gives free places to hosts that found all taken, first to the one that will take longest.
    pub(super) fn serve_ready(&mut self, now: Timestamp) {
        for _ in 0..self.ready.len() {
            if self.sessions.len() >= self.limits.connections
                || self.overall.refuses_until(now).is_some()
            {
                break;
            }
            if let Some(next) = self.ready.pop() {
                self.consider(next, now);
            }
        }
    }

    /// When a group may be connected to: after its own wait, and that of the machine that would be.
    pub(super) fn not_before(&self, group: usize, now: Timestamp) -> Timestamp {
        let wants = &self.groups[group];
        let machine = self.first_machine(group, now);
        let rests = self.rests_until(machine, now).unwrap_or_default();
        let wants_rest = self.wants_rest_until(machine, now).unwrap_or_default();
        wants.not_before.max(rests).max(wants_rest)
    }

    /// Looks for something that a session with a group would ask, be it a test of its host, past the domains that have
    /// nothing. Returns whether there is any.
    fn find_question(&mut self, group: usize, now: Timestamp) -> bool {
        let wants = &mut self.groups[group];
        let greylisting = wants.greylisting;
        while let Some(&domain) = wants.ready.front() {
            let entry = &mut self.domains[domain];
            if entry.has_question(greylisting, now) {
                return true;
            }
            entry.listed = false;
            wants.ready.pop_front();
        }
        wants.test_owed
    }

    /// Opens a session with a group's hosts.
    fn start(&mut self, group: usize, ahead: Ahead, now: Timestamp) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let target = self.first_target(group, now);
        self.groups[group].sessions += 1;
        self.groups[group].test_owed = false;
        self.hosts[self.groups[group].host].pace.connecting();
        self.sessions
            .insert(session, Session::new(group, target, ahead, now));
        self.dial(session, now);
    }

    /// Asks for the connection to a session's present target.
    pub(super) fn dial(&mut self, session: SessionId, now: Timestamp) {
        self.tally.dials += 1;
        let Some((group, target)) = self.sessions.get(&session).map(|t| (t.group, t.target)) else {
            return;
        };
        let patience = self.patience(group, target, now);
        let group = &self.groups[group];
        let (name, address) = group.targets[target].clone();
        let beside = self.connections_to(address) - 1;
        let host = &self.hosts[group.host];
        let privacy = self.wants_of_tls(session);
        self.actions.push_back(Action::Start {
            session,
            host: name,
            key: host.key.clone(),
            address,
            hello: group.hello,
            patience,
            privacy,
            provider: host.provider.as_deref().cloned(),
        });
        let t = self.session(session);
        (t.patience, t.beside, t.privacy) = (patience, beside, privacy);
    }

    /// The machine of a group's first target.
    pub(super) fn first_machine(&self, group: usize, now: Timestamp) -> IpAddr {
        self.groups[group].targets[self.first_target(group, now)].1
    }

    /// The first of a group's targets that may be asked, has room for another connection and has not brought nothing of
    /// late; else the first with room that has not had its chance yet, or else may have it later; else the first with
    /// room; else the first that may be asked when it has room again. Where none may be asked now, the first that may
    /// be later.
    pub(super) fn first_target(&self, group: usize, now: Timestamp) -> usize {
        let targets = &self.groups[group].targets;
        let takes_mail = |machine| !self.has_refused_all_of(group, machine);
        let alive = |(_, machine): &(String, IpAddr)| {
            self.may_be_asked(group, *machine, now) && takes_mail(*machine)
        };
        let has_room = |target: &(String, IpAddr)| alive(target) && !self.is_full(target.1);
        let brings =
            |target: &(String, IpAddr)| has_room(target) && !self.is_fruitless(target.1, now);
        let hopeful = |target: &(String, IpAddr)| has_room(target) && !self.is_spent(target.1, now);
        let open_to_us = |(_, machine): &(String, IpAddr)| self.is_open_to_us(*machine);
        let later = |target: &(String, IpAddr)| open_to_us(target) && takes_mail(target.1);
        let has_a_chance =
            |target: &(String, IpAddr)| later(target) && !self.is_spent(target.1, now);
        let first = targets.iter().position(brings);
        first
            .or_else(|| targets.iter().position(hopeful))
            .or_else(|| targets.iter().position(has_a_chance))
            .or_else(|| targets.iter().position(has_room))
            .or_else(|| targets.iter().position(alive))
            .or_else(|| targets.iter().position(later))
            .or_else(|| targets.iter().position(open_to_us))
            .unwrap_or(0)
    }

    /// The next target of a group after `target` that is not known to be dead, has nothing against us and has not had
    /// its chance.
    pub(super) fn next_target(&self, group: usize, target: usize, now: Timestamp) -> Option<usize> {
        let targets = &self.groups[group].targets;
        let may_be_dialled = |&next: &usize| {
            let (_, machine) = targets[next];
            self.may_be_asked(group, machine, now)
                && !self.is_full(machine)
                && !self.is_spent(machine, now)
                && self.wants_rest_until(machine, now).is_none()
        };
        (target + 1..targets.len()).find(may_be_dialled)
    }

    /// How long a group's target is waited for: less where another follows that may answer.
    fn patience(&self, group: usize, target: usize, now: Timestamp) -> Patience {
        let last_round = self.groups[group].failures + 1 >= limits::ROUNDS;
        match self.next_target(group, target, now) {
            Some(_) => Patience::BesideOthers,
            None if last_round => Patience::LastTry,
            None => Patience::Alone,
        }
    }

    /// Where to turn when a group's `target` did not answer: to the next one; after the last, once more to the one that
    /// was cut short, for it may only be slow.
    pub(super) fn turn_from(
        &mut self,
        group: usize,
        target: usize,
        ended: Ended,
        now: Timestamp,
    ) -> Option<usize> {
        match ended {
            Ended::CutShort => {
                self.groups[group].cut_short.get_or_insert(target);
            }
            Ended::Whole => {}
        }
        let next = self.next_target(group, target, now);
        next.or_else(|| {
            let cut_short = self.groups[group].cut_short.take()?;
            let (_, machine) = self.groups[group].targets[cut_short];
            let may_be_dialled = self.is_open_to_us(machine) && !self.is_spent(machine, now);
            may_be_dialled.then_some(cut_short)
        })
    }

    pub(super) fn is_alive(&self, address: IpAddr, now: Timestamp) -> bool {
        self.dead.get(&address).is_none_or(|&until| until <= now)
    }

    /// Notes that an address does not answer, whichever domains name it.
    pub(super) fn note_dead(&mut self, address: IpAddr, now: Timestamp) {
        self.dead.insert(address, now + limits::DEAD_HOST_WAIT);
    }

    /// Has the next session dialled while the goodbye of this one is answered, within what the host takes at once: where its
    /// end can teach nothing that the next one must know.
    pub(super) fn makes_way(&mut self, session: SessionId, now: Timestamp) {
        if self.stopping || !self.ends_as_ever(session) {
            return;
        }
        let t = self.session(session);
        if std::mem::replace(&mut t.makes_way, true) {
            return;
        }
        let group = t.group;
        self.groups[group].leaving += 1;
        self.wakes.insert((now, Wake::MxGroup(group)));
    }

    /// A session is over: what it brought counts.
    pub(super) fn ended(&mut self, session: SessionId, now: Timestamp) {
        if !self.stopping {
            self.account_for(session, now);
        }
        self.doubt_the_tail(session, now);
        self.release(session, now);
    }

    /// A session is over: its place is free.
    pub(super) fn release(&mut self, session: SessionId, now: Timestamp) {
        let Some(t) = self.sessions.remove(&session) else {
            return;
        };
        let host = self.groups[t.group].host;
        self.hosts[host]
            .first_in_line
            .take_if(|first| *first == session);
        self.groups[t.group].sessions -= 1;
        self.groups[t.group].leaving -= u32::from(t.makes_way);
        self.rouse_resting(t.group, now);
        self.hosts[host].pace.disconnected();
        for asked in t.asked {
            self.not_answered(asked, now);
        }
        self.count_as_sure(t.unsure, now);
        self.tell_held(Until::InStep(session));
        self.tell_held(Until::NotTurned(session));
        if let Some(heard) = t.refuses_us {
            let machine = self.groups[t.group].targets[t.target].clone();
            self.block(host, machine, &heard, self.block_wait(host), now);
        }
        if self.hosts[host].pace.connections_open() == 0 {
            self.tell_of_host(host);
        }
        let (_, machine) = self.groups[t.group].targets[t.target];
        self.offer_room(machine, t.group, now);
        self.enlist(t.group);
        self.consider(host, now);
        self.serve_ready(now);
    }
}
