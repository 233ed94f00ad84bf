//! What one machine (a mail host at one address) says of us: it concerns that machine alone, until most of its
//! neighbours have said the same.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::integrity::streak::Span;
use super::mx_group::MxGroup;
use super::puzzle::OwnWords;
use super::{Event, Heard, Scheduler, SessionId};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Blame;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::probe::Block;
use crate::probe::pace::Rest;

/// One machine, as far as it has spoken about us.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// It blocks us.
    blocked: Option<Box<Block>>,
    /// Blocks read at RCPT since the last other answer.
    pub(super) block_signs: u32,
    /// What it has said about our speed.
    pub(super) rest: Rest,
    /// Whether it has answered about a recipient with anything but a block, or that it takes no mail.
    pub(super) has_answered: bool,
    /// With which words it says that it takes no mail at all.
    pub(super) takes_no_mail: Option<Box<(Exchange, Reading)>>,
    /// The words with which it refuses unknown recipients, where no rule knows them.
    pub(super) own_words: OwnWords,
    /// When it last accepted an address of the list, for whichever domain.
    accepted: Option<Span>,
    /// The most connections at once that it was found to take from us, under whichever host keys.
    connections: Option<usize>,
}

impl Scheduler {
    /// Takes in which machines of a host key wanted us slower before.
    pub(super) fn remember_rests(&mut self, host: usize, now: Timestamp) {
        if self.hosts[host].known.is_nothing() {
            return;
        }
        let latest = now + self.limits.patience;
        for (address, rest) in &mut self.hosts[host].known.resting {
            rest.ends_by(latest);
            self.machines.entry(*address).or_default().rest = *rest;
        }
    }

    /// Until when a machine is left alone because it wanted us slower; `None` where it may be asked now.
    pub(super) fn wants_rest_until(&self, machine: IpAddr, now: Timestamp) -> Option<Timestamp> {
        self.machines.get(&machine)?.rest.until(now)
    }

    /// Takes in which machines of a host key blocked us before.
    pub(super) fn remember_blocks(&mut self, host: usize) {
        for (address, block) in &self.hosts[host].known.machines {
            let machine = self.machines.entry(*address).or_default();
            machine.blocked = Some(Box::new(block.clone()));
        }
        let known = &self.hosts[host].known;
        if known.blocked.is_none() && !known.machines.is_empty() {
            self.partly_blocked.insert(host);
        }
    }

    /// Notes that a machine has said something to us.
    pub(super) fn note_met(&mut self, host: usize, machine: IpAddr) {
        self.hosts[host].met.insert(machine);
    }

    /// Notes that the machine of a session accepted an address of the list.
    pub(super) fn note_accepted(&mut self, span: Span) {
        if let Some(t) = self.sessions.get(&span.session) {
            let (_, machine) = self.groups[t.group].targets[t.target];
            self.machines.entry(machine).or_default().accepted = Some(span);
        }
    }

    /// Whether a machine has accepted an address.
    pub(super) fn has_accepted(&self, machine: IpAddr) -> bool {
        let known = self.machines.get(&machine);
        known.is_some_and(|known| known.accepted.is_some())
    }

    /// Notes that the machines of a group, as far as can be told, accepted an address before the run was interrupted.
    pub(super) fn note_accepted_before(&mut self, group: usize) {
        for (_, machine) in &self.groups[group].targets {
            let accepted = &mut self.machines.entry(*machine).or_default().accepted;
            accepted.get_or_insert(Span::PAST);
        }
    }

    /// When the machine that gives all answers of a group last accepted an address, for this group or another; `None`
    /// where several machines answer for the group, since one does not vouch for the others.
    pub(super) fn last_accepted(&self, group: usize) -> Option<Span> {
        let machines = self.groups[group].targets.iter();
        let mut answering = machines
            .filter_map(|(_, machine)| self.machines.get(machine))
            .filter(|machine| machine.has_answered);
        match (answering.next(), answering.next()) {
            (Some(only), None) => only.accepted,
            (None | Some(_), _) => None,
        }
    }

    /// Whether a machine itself blocks us.
    pub(super) fn machine_blocks(&self, machine: IpAddr) -> bool {
        self.machines
            .get(&machine)
            .is_some_and(|machine| machine.blocked.is_some())
    }

    /// What a machine of a group has against us, where one blocks us: of several words on why no address there is
    /// asked about, the same one however often a run is interrupted.
    pub(super) fn block_at(&self, group: usize) -> Option<(Exchange, Reading)> {
        let machines = self.groups[group].targets.iter();
        let mut known = machines.filter_map(|(_, machine)| self.machines.get(machine));
        let block = known.find_map(|known| known.blocked.as_deref())?;
        Some((block.exchange.clone(), block.reading.clone()))
    }

    /// Why a machine is asked about no address in this run, if so: it blocks us, or its replies cannot be told apart.
    fn barred(&self, machine: IpAddr) -> Option<(&Exchange, &Reading)> {
        let known = self.machines.get(&machine);
        let block = known.and_then(|known| known.blocked.as_deref());
        let block = block.map(|block| (&block.exchange, &block.reading));
        block.or_else(|| {
            let unfit = self.unfit(machine)?;
            Some((&unfit.exchange, &unfit.reading))
        })
    }

    /// Whether a machine may be asked in this run, now or when it answers again.
    pub(super) fn is_open_to_us(&self, machine: IpAddr) -> bool {
        self.barred(machine).is_none()
    }

    /// Why a group has no machine left to ask in this run, if so: its host key blocks us, or each of its machines is
    /// barred, the first for this reason.
    pub(super) fn nobody_left(&self, group: usize) -> Option<(&Exchange, &Reading)> {
        let group = &self.groups[group];
        if let Some(block) = &self.hosts[group.host].known.blocked {
            return Some((&block.exchange, &block.reading));
        }
        let mut reasons = group.targets.iter().map(|(_, at)| self.barred(*at));
        let first = reasons.next()??;
        reasons.all(|reason| reason.is_some()).then_some(first)
    }

    /// Whether a group has no machine left to ask in this run.
    pub(super) fn has_nobody_left(&self, group: usize) -> bool {
        self.nobody_left(group).is_some()
    }

    /// Sessions with a machine that are under way, under whichever host keys.
    pub(super) fn connections_to(&self, machine: IpAddr) -> usize {
        let at = |session: &&super::Session| {
            self.groups[session.group].targets[session.target].1 == machine
        };
        self.sessions.values().filter(at).count()
    }

    /// Notes that a machine takes no more than so many connections from us.
    pub(super) fn cap_connections(&mut self, machine: IpAddr, connections: usize) {
        let most = &mut self.machines.entry(machine).or_default().connections;
        *most = Some(
            most.map_or(connections, |most| most.min(connections))
                .max(1),
        );
    }

    /// Whether a machine takes no further connection before one of ours ends.
    pub(super) fn is_full(&self, machine: IpAddr) -> bool {
        let most = self
            .machines
            .get(&machine)
            .and_then(|known| known.connections);
        most.is_some_and(|most| self.connections_to(machine) >= most)
    }

    /// A connection to a machine is over: a group that waited for room there gets a turn, the others before `group`.
    pub(super) fn offer_room(&mut self, machine: IpAddr, group: usize, now: Timestamp) {
        let known = self.machines.get(&machine);
        if known.is_none_or(|known| known.connections.is_none()) {
            return;
        }
        for other in self.groups_at(machine) {
            if other != group {
                self.enlist(other);
                self.consider(self.groups[other].host, now);
            }
        }
    }

    /// Whether a session is not to go on: its machine is barred, or its group had better ask another one.
    pub(super) fn is_unwelcome(&self, session: SessionId, now: Timestamp) -> bool {
        let t = &self.sessions[&session];
        let group = &self.groups[t.group];
        let (_, machine) = group.targets[t.target];
        // One that is shunned is still asked where the others have died meanwhile.
        let shunned = group.shunned.contains(&machine) && self.has_another(t.group, machine, now);
        shunned || self.hosts[group.host].known.blocked.is_some() || !self.is_open_to_us(machine)
    }

    /// Whether a group may ask another machine than this one.
    fn has_another(&self, group: usize, machine: IpAddr, now: Timestamp) -> bool {
        let mut others = self.groups[group].targets.iter();
        others.any(|(_, other)| *other != machine && self.may_be_asked(group, *other, now))
    }

    /// A machine that has answered no question yet says that it blocks us. Where its group has another one, that one
    /// is asked instead. Returns whether there is one.
    pub(super) fn shun(&mut self, group: usize, machine: IpAddr, now: Timestamp) -> bool {
        let answers = |known: &Machine| known.has_answered;
        if self.machines.get(&machine).is_some_and(answers) {
            // It is about that recipient: a user's own blocklist.
            return false;
        }
        let another = self.has_another(group, machine, now);
        let shunned = &mut self.groups[group].shunned;
        if another && !shunned.contains(&machine) {
            shunned.push(machine);
        }
        another
    }

    /// Whether a machine of a group may be asked now: it is alive, as far as known, and not barred.
    pub(super) fn may_be_asked(&self, group: usize, machine: IpAddr, now: Timestamp) -> bool {
        self.is_alive(machine, now)
            && self.is_open_to_us(machine)
            && !self.groups[group].shunned.contains(&machine)
    }

    /// The breaker: a machine has shown that it blocks us, so it is not asked any more before `wait` is over. Nor are
    /// its neighbours under the same key, once most of those met have said so or their provider is known to act as
    /// one.
    pub(super) fn block(
        &mut self,
        host: usize,
        (name, machine): (String, IpAddr),
        heard: &Heard,
        wait: Duration,
        now: Timestamp,
    ) {
        if self.hosts[host].known.blocked.is_some() || self.machine_blocks(machine) {
            return;
        }
        let block = Block {
            until: now + wait,
            exchange: heard.exchange.clone(),
            reading: heard.reading.clone(),
        };
        self.note_met(host, machine);
        self.machines.entry(machine).or_default().blocked = Some(Box::new(block.clone()));
        let known = &mut self.hosts[host].known;
        known.machines.insert(machine, block.clone());
        self.partly_blocked.insert(host);
        if self.concerns_all(host, &block.reading) {
            self.bar_all(host, &block, now);
        } else {
            self.bar((host, machine, None), name, &block, now);
        }
    }

    /// Once all domains are routed it is known how many machines each key has: what some of them have against us may
    /// be what all of them have.
    pub(super) fn look_at_blocks(&mut self, now: Timestamp) {
        if self.tally.resolved < self.domains.len() {
            return;
        }
        for host in std::mem::take(&mut self.partly_blocked) {
            let blocks = self.hosts[host].known.machines.values();
            let blocks = blocks.filter(|block| self.concerns_all(host, &block.reading));
            if let Some(block) = blocks.max_by_key(|block| block.until).cloned() {
                self.bar_all(host, &block, now);
            } else {
                self.partly_blocked.insert(host);
            }
        }
    }

    /// No machine of a key is asked any more, for most of them block us.
    fn bar_all(&mut self, host: usize, block: &Block, now: Timestamp) {
        self.partly_blocked.remove(&host);
        let known = &mut self.hosts[host].known;
        let Some(&machine) = known.machines.keys().next() else {
            return;
        };
        known.blocked = Some(Box::new(block.clone()));
        let key = self.hosts[host].key.to_string();
        self.bar((host, machine, Some(host)), key, block, now);
    }

    /// Breaks off what is under way at a machine, or at all of a key's, and settles who has no machine left. `whom` is
    /// told to have blocked us.
    fn bar(
        &mut self,
        (host, machine, all): (usize, IpAddr, Option<usize>),
        whom: String,
        block: &Block,
        now: Timestamp,
    ) {
        self.tell_of_host(host);
        self.cut_short(machine, all);
        let before = self.counts.waiting();
        for group in 0..self.groups.len() {
            let here = &self.groups[group];
            let concerned = here.host == host || here.targets.iter().any(|(_, at)| *at == machine);
            if concerned {
                self.leave_if_nobody_is_left(group, now);
            }
        }
        let addresses = before - self.counts.waiting();
        if block.reading.reason.blame() == Blame::Sender {
            self.events.push(Event::Blocked {
                host: whom,
                exchange: block.exchange.clone(),
                addresses,
            });
        } else if addresses > 0 {
            // It has nothing against us: it has no time for any client.
            self.events.push(Event::Left {
                host: whom,
                words: block.exchange.reply.clone(),
                addresses,
            });
        }
    }

    /// Whether what some machines of a key have against us is what all of them have. It is the same where it is read by
    /// the same rule: one that minds our name does not speak for one that turns our sender down.
    fn concerns_all(&self, host: usize, reading: &Reading) -> bool {
        let host = &self.hosts[host];
        if host.acts_as_one() {
            return true;
        }
        if self.tally.resolved < self.domains.len() {
            // How many machines it has is not known before the last look-up.
            return false;
        }
        let groups = || host.groups.iter().map(|&group| &self.groups[group]);
        let says_so = |machine: IpAddr| {
            let known = self.machines.get(&machine);
            let block = known.and_then(|known| known.blocked.as_deref());
            block.is_some_and(|block| block.reading.rule == reading.rule)
        };
        let blocks = |group: &MxGroup| {
            let mut machines = group.targets.iter().map(|(_, machine)| *machine);
            machines.any(says_so)
        };
        // Mail hosts that serve the same domains, in whatever order, may be those of one customer, with a filter of its
        // own.
        let mut customers: Vec<usize> = Vec::new();
        for &group in host.groups.iter().filter(|&&at| blocks(&self.groups[at])) {
            let is_another = |&known: &usize| !self.has_a_machine_of(known, group);
            if customers.iter().all(is_another) {
                customers.push(group);
            }
        }
        if customers.len() < limits::MACHINES_THAT_SPEAK_FOR_ALL {
            return false;
        }
        let named = groups().flat_map(|group| group.targets.iter().map(|(_, machine)| *machine));
        // Those that were not met yet have nothing against us so far.
        let all: BTreeSet<IpAddr> = named.chain(host.met.iter().copied()).collect();
        let (blocking, others): (Vec<IpAddr>, Vec<IpAddr>) =
            all.into_iter().partition(|machine| says_so(*machine));
        // One that answers us as if nothing were amiss shows that each of them decides for itself.
        let each_decides = others.iter().any(|machine| self.answers_us(*machine));
        !each_decides && speak_for_all(blocking.len(), blocking.len() + others.len())
    }

    /// Whether a machine has answered about a recipient with anything but a block, now or before an interruption.
    fn answers_us(&self, machine: IpAddr) -> bool {
        let known = self.machines.get(&machine);
        // What it has refused before may be all that it has against us.
        let seems_to_block = known.is_some_and(|known| known.block_signs > 0);
        known.is_some_and(|known| known.has_answered)
            || (self.has_been_in_step(machine) && !seems_to_block)
    }

    /// Whether what some machines of a key have against our speed is what all of them have.
    pub(super) fn all_want_rest(&self, host: usize, now: Timestamp) -> bool {
        let host = &self.hosts[host];
        let resting = |met: &&IpAddr| self.wants_rest_until(**met, now).is_some();
        let resting = host.met.iter().filter(resting).count();
        host.acts_as_one() || speak_for_all(resting, host.met.len())
    }

    /// Settles all addresses at a group that has no machine left to ask. Returns whether that is so.
    pub(super) fn leave_if_nobody_is_left(&mut self, group: usize, now: Timestamp) -> bool {
        if !self.has_nobody_left(group) {
            return false;
        }
        self.groups[group].ready.clear();
        self.groups[group].test_owed = false;
        for domain in self.groups[group].domains.clone() {
            self.domains[domain].listed = false;
            self.settle_barred(domain, now);
        }
        true
    }
}

/// Whether so many of the machines of a key that were met speak for all of them.
fn speak_for_all(machines: usize, met: usize) -> bool {
    machines >= limits::MACHINES_THAT_SPEAK_FOR_ALL && machines * 2 > met
}
