//! The index: domains, groups and hosts, with the addresses that wait at each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::integrity::Integrity;
use super::mx_group::{MxGroup, Pipelining, targets_of};
use super::{Look, Scheduler, Subject, Wake};
use crate::model::limits;
use crate::model::provider::{Acceptance, Provider, TlsHabit};
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;
use crate::net::route::{HostKey, MailHost, Route};
use crate::probe::CatchAll;
use crate::probe::pace::{Ceilings, Pace, Rate};
use crate::smtp::session::{Encryption, Privacy};

impl Scheduler {
    /// The entry of a domain, made on first sight.
    pub(super) fn entry(&mut self, name: &str) -> usize {
        if let Some(&index) = self.by_name.get(name) {
            return index;
        }
        let index = self.domains.len();
        let name: Arc<str> = name.into();
        self.domains.push(Arc::clone(&name));
        self.by_name.insert(name, index);
        self.unresolved.put(index, 0);
        index
    }

    /// Takes in what was found out about a domain's mail hosts.
    pub fn routed(&mut self, domain: &str, route: Route, now: Timestamp) {
        let index = self.entry(domain);
        match route {
            Route::Hosts {
                hosts,
                key,
                is_whole,
                ..
            } => {
                self.domains[index].misses_hosts = !is_whole;
                let before = self.groups.len();
                let group = self.group(&hosts, key);
                self.domains[index].group = Some(group);
                self.domains[index].system = self.find_system(index);
                self.domains[index].refuses_nobody = self.refuses_nobody(group);
                self.resume(index, group, &hosts, group == before, now);
                self.met_again.remove(&index);
                self.groups[group].domains.push(index);
                self.wait_at(self.groups[group].host, index);
                self.tally.resolved += 1;
                if !self.settle_where_no_mail_is_taken(index, now) {
                    self.offer_domain(index, now);
                }
            }
            Route::Nobody {
                reason,
                detail,
                ttl,
            } => {
                let finding = Finding::Domain { reason, detail };
                self.close(index, Some((finding, Some(ttl))), now);
            }
            Route::NotAsked => self.close(index, None, now),
            Route::Trouble { detail, .. } => {
                let is_worth_another = self.domains[index].resolved_badly(&detail);
                let finding = Finding::Domain {
                    reason: Reason::DnsTrouble,
                    detail,
                };
                if is_worth_another {
                    self.learn_of_domain(index, finding, None, now);
                    self.wakes
                        .insert((now + limits::DNS_RETRY_WAIT, Wake::Domain(index)));
                } else {
                    self.close(index, Some((finding, None)), now);
                }
            }
        }
        self.look_at_blocks(now);
    }

    /// None of a group's hosts can be asked: those of its domains that may have others, for DNS has not told of all,
    /// are looked up again.
    pub(super) fn look_for_missing_hosts(&mut self, group: usize, now: Timestamp) {
        for index in self.groups[group].domains.clone() {
            let entry = &mut self.domains[index];
            let is_idle = entry.under_way == 0;
            if entry.misses_hosts && is_idle && !entry.closed && entry.resolved_badly("") {
                self.leave_group(index, group);
                self.tally.resolved -= 1;
                let later = now + limits::UNREACHABLE_WAIT;
                self.wakes.insert((later, Wake::Domain(index)));
            }
        }
    }

    /// Takes a domain away from the group that it is asked with.
    fn leave_group(&mut self, index: usize, group: usize) {
        self.unbook(index);
        let wants = &mut self.groups[group];
        wants.domains.retain(|&domain| domain != index);
        wants.ready.retain(|&domain| domain != index);
        wants.control.take_if(|domain| *domain == index);
        let entry = &mut self.domains[index];
        entry.listed = false;
        entry.group = None;
    }

    /// Whether the mail hosts of a group are known to refuse no recipient.
    fn refuses_nobody(&self, group: usize) -> bool {
        let provider = self.hosts[self.groups[group].host].provider.as_deref();
        provider.is_some_and(|provider| provider.acceptance == Acceptance::AcceptsEveryone)
    }

    /// DNS settled a domain: no host is asked about its addresses.
    fn close(
        &mut self,
        index: usize,
        finding: Option<(Finding, Option<Duration>)>,
        now: Timestamp,
    ) {
        if let Some((finding, ttl)) = finding {
            self.learn_of_domain(index, finding, ttl, now);
        }
        self.tally.resolved += 1;
        self.met_again.remove(&index);
        self.domains[index].closed = true;
        self.update_catch_all(index, CatchAll::give_up, now);
        self.settle_rest_of(index);
    }

    /// The group of domains that share these mail hosts, made on first sight. What counts is where the hosts are:
    /// many domains give the same machine a name of their own.
    fn group(&mut self, hosts: &[MailHost], key: HostKey) -> usize {
        let targets = targets_of(hosts);
        let places: Box<[_]> = targets.iter().map(|(_, address)| *address).collect();
        if let Some(&group) = self.by_targets.get(&places) {
            return group;
        }
        let host = match (self.by_key.get(&key), self.by_address.get(&places[0])) {
            (Some(&host), _) | (None, Some(&host)) => host,
            (None, None) => self.host(key),
        };
        self.by_address.entry(places[0]).or_insert(host);
        let known = &self.hosts[host];
        let demands = known
            .provider
            .as_ref()
            .is_some_and(|p| p.tls == TlsHabit::Required);
        let privacy = match self.limits.encryption {
            _ if demands => Privacy::Required,
            Encryption::WhenOffered => Privacy::WhenOffered,
            Encryption::WhenDemanded => Privacy::Never,
        };
        let index = self.groups.len();
        let all: usize = hosts.iter().map(|host| host.addresses.len()).sum();
        let is_whole = all == targets.len() && hosts.len() < limits::MAIL_HOSTS;
        let mut group = MxGroup::new(host, targets, privacy);
        group.is_whole = is_whole;
        group.integrity = Integrity::with(known.known.history);
        group.turns_after = known.known.turns_after;
        if let Some(mute) = known.known.mute.filter(|_| !known.has_opened) {
            group.failures = mute.rounds;
            group.not_before = mute.until;
        }
        if known.known.chokes {
            group.pipelining = Pipelining::Chokes;
        }
        self.groups.push(group);
        self.hosts[host].groups.push(index);
        self.by_targets.insert(places, index);
        index
    }

    /// The ceilings at a host, with how fast it may come to be asked.
    fn ceilings_at(&self, provider: Option<&Provider>) -> (Ceilings, Rate) {
        let mut ceilings = self.limits.ceilings;
        let mut rate_max = self.limits.rate_max;
        if let Some(provider) = provider {
            let most = provider.connections.unwrap_or(u32::MAX);
            ceilings.connections = ceilings.connections.min(most).max(1);
            let rate = provider
                .millirate
                .map_or(Rate::UNLIMITED, Rate::from_thousandths);
            ceilings.rate = ceilings.rate.min(rate);
            let most = provider.millirate_max.map(Rate::from_thousandths);
            rate_max = rate_max.min(most.unwrap_or(ceilings.rate));
        }
        (ceilings, rate_max)
    }

    /// Keeps to a part of the ceilings at a host, for others ask it too.
    pub fn confine(&mut self, key: &HostKey, part: Ceilings) {
        let Some(&host) = self.by_key.get(key) else {
            return;
        };
        let (own, most) = self.ceilings_at(self.hosts[host].provider.as_deref());
        self.hosts[host].pace.confine(part, own, most);
    }

    /// What is shared under a host key, made on first sight.
    pub(super) fn host(&mut self, key: HostKey) -> usize {
        if let Some(&host) = self.by_key.get(&key) {
            return host;
        }
        let provider = self.providers.by_id(&key.0).cloned().map(Box::new);
        let (ceilings, rate_max) = self.ceilings_at(provider.as_deref());
        let host = self.hosts.len();
        let pace = Pace::new(ceilings).growing_to(rate_max);
        self.hosts.push(Host::new(key.clone(), provider, pace));
        self.by_key.insert(key, host);
        host
    }

    /// Puts a domain up for asking, if there is something to ask and a host to ask.
    pub(super) fn offer_domain(&mut self, index: usize, now: Timestamp) {
        if self.domains[index].is_settled_as_a_whole() {
            if self.domains[index].unsure {
                self.book(index);
            } else {
                self.settle_rest_of(index);
            }
            if self.domains[index].askable_now(false) == 0 {
                return;
            }
        }
        self.arm(index, now);
        let Some(group) = self.domains[index].group else {
            return;
        };
        let host = self.groups[group].host;
        if self.has_nobody_left(group) {
            self.settle_barred(index, now);
            return;
        }
        if self.groups[group].is_left {
            self.settle_left(index, now);
            return;
        }
        self.book(index);
        let greylisting = self.groups[group].greylisting;
        let entry = &mut self.domains[index];
        if entry.has_a_control() {
            self.groups[group].control = Some(index);
        }
        if !entry.listed && entry.has_question(greylisting, now) {
            entry.listed = true;
            let ready = &mut self.groups[group].ready;
            if std::mem::take(&mut entry.goes_first) {
                ready.push_front(index);
            } else {
                ready.push_back(index);
            }
        }
        self.enlist(group);
        self.consider(host, now);
        self.rouse(group, now);
    }

    /// Has a domain go before the others wherever it stands in line: a client waits for the answer of an address in it.
    pub(super) fn goes_first(&mut self, index: usize) {
        let entry = &mut self.domains[index];
        if entry.closed {
            return;
        }
        entry.goes_first = !entry.listed;
        let Some(group) = entry.group else {
            self.unresolved.bring_forward(index);
            return;
        };
        let host = self.groups[group].host;
        to_the_front(&mut self.groups[group].ready, index);
        to_the_front(&mut self.hosts[host].queue, group);
        self.ready.bring_forward(host);
    }

    /// Wakes a group's conversation that rests until the next clock comes due: there is something to ask before that.
    fn rouse(&mut self, group: usize, now: Timestamp) {
        let group = &mut self.groups[group];
        if group.ready.is_empty() {
            return;
        }
        if let Some(session) = group.resting.take() {
            self.wakes.insert((now, Wake::Session(session)));
        }
    }

    /// Wakes a group's conversation that rests: another one of its conversations is over, so that it need not be
    /// waited for.
    pub(super) fn rouse_resting(&mut self, group: usize, now: Timestamp) {
        if let Some(session) = self.groups[group].resting.take() {
            self.wakes.insert((now, Wake::Session(session)));
        }
    }

    /// Brings forward the addresses of a domain that have become due, and sees to it that it is looked at when the next
    /// one does.
    fn arm(&mut self, index: usize, now: Timestamp) {
        let entry = &mut self.domains[index];
        entry.wake(now);
        let Some(at) = entry.first_later(now) else {
            return;
        };
        if entry.next_wake.is_none_or(|wake| at < wake) {
            entry.next_wake = Some(at);
            self.wakes.insert((at, Wake::Domain(index)));
        }
        if let Some(group) = entry.group {
            let host = &mut self.hosts[self.groups[group].host];
            if host.until.is_none_or(|until| until <= now || at < until) {
                host.until = Some(at);
            }
        }
    }

    /// Brings the counts of group and host up to date with a domain.
    pub(super) fn book(&mut self, index: usize) {
        let entry = &mut self.domains[index];
        let Some(group) = entry.group else { return };
        let group = &mut self.groups[group];
        let host = &mut self.hosts[group.host];
        let short = |count: usize| u32::try_from(count).expect("the rows that wait are bounded");
        let booked = if entry.is_settled_as_a_whole() {
            // The others are about to be let go.
            [entry.askable_now(group.greylisting), 0]
        } else {
            [entry.waiting_now(), entry.waiting_later()]
        };
        let booked = booked.map(short);
        for (kind, count) in booked.into_iter().enumerate() {
            group.waiting = group.waiting + count as usize - entry.booked[kind] as usize;
            host.waiting[kind] = host.waiting[kind] + count as usize - entry.booked[kind] as usize;
        }
        entry.booked = booked;
        let askable = short(entry.askable_now(group.greylisting));
        group.askable = group.askable + askable as usize - entry.askable as usize;
        entry.askable = askable;
    }

    /// Takes a domain out of the counts of group and host.
    pub(super) fn unbook(&mut self, index: usize) {
        let entry = &mut self.domains[index];
        let Some(group) = entry.group else { return };
        let group = &mut self.groups[group];
        let host = &mut self.hosts[group.host];
        for (kind, count) in std::mem::take(&mut entry.booked).into_iter().enumerate() {
            group.waiting -= count as usize;
            host.waiting[kind] -= count as usize;
        }
        group.askable -= std::mem::take(&mut entry.askable) as usize;
    }

    /// Changes what is known of how a domain answers for unknown recipients, with the count of decoys that are still
    /// awaited.
    pub(super) fn update_catch_all(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut CatchAll),
        now: Timestamp,
    ) {
        let catch_all = &mut self.domains[index].catch_all;
        let awaited =
            |catch_all: &CatchAll| catch_all.decoy_due().is_some() || catch_all.decoy_under_way();
        let before = awaited(catch_all);
        let known_as = catch_all.state();
        change(catch_all);
        let is_news = catch_all.state() != known_as;
        let after = awaited(catch_all);
        match (before, after) {
            (false, true) => {
                self.counts.expect_a_decoy();
                self.consult_system(index, now);
            }
            (true, false) => {
                self.counts.forget_decoy();
                self.tell_system(index, now);
            }
            (false, false) | (true, true) => {}
        }
        if is_news {
            self.waive_vouching(index);
            self.act_on_catch_all(index, now);
        }
    }

    /// No address left in a domain needs asking: what is known of the domain answers for them. At a catch-all, a few of
    /// those least likely to exist are asked about all the same.
    pub(super) fn settle_rest_of(&mut self, index: usize) {
        let listed = self.take_every_address(index);
        let settled = self.domains[index].keep_exceptions(listed);
        self.book(index);
        self.note_settled(settled.len());
        self.domains.shed(index);
    }

    /// Takes out every address of the list that waits in a domain. Those that only test its host are done with.
    pub(super) fn take_every_address(&mut self, index: usize) -> Vec<Subject> {
        let (listed, tests): (Vec<Subject>, Vec<Subject>) = self.domains[index]
            .drain()
            .into_iter()
            .partition(|subject| subject.look == Look::First);
        self.book(index);
        if let Some(group) = self.domains[index].group {
            let host = self.groups[group].host;
            for test in &tests {
                self.learned_nothing(host, test);
            }
        }
        self.note_settled(tests.len());
        listed
    }

    pub(super) fn note_settled(&mut self, count: usize) {
        self.counts.settle(count);
    }
}

/// Brings `who` to the front of `line`, if it stands there.
fn to_the_front(line: &mut VecDeque<usize>, who: usize) {
    if let Some(at) = line.iter().position(|&one| one == who) {
        line.remove(at);
        line.push_front(who);
    }
}
