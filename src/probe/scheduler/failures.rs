//! What follows when no conversation comes about, or a host wants none with us.

use std::net::IpAddr;
use std::time::Duration;

use super::admission::Ended;
use super::{Action, Event, Heard, Scheduler, SessionId, SessionStage, Strandings, Wake};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::{Blame, Reason};
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Finding};
use crate::probe::{CatchAll, KnownDomain, KnownHost, Mute};
use crate::smtp::session::{BatchPace, Hello, Privacy};

/// What it comes to that a host demands encryption and fails at it, or does not offer it.
fn takes_nothing_in_clear(heard: &Heard) -> Heard {
    Heard {
        reading: Reading {
            reason: Reason::TlsRequired,
            permanent: false,
            rule: "the host demands encryption, but none came about".to_owned(),
        },
        ..heard.clone()
    }
}

impl Scheduler {
    /// A conversation could not be opened: the next address, or later, or never.
    pub(super) fn could_not_open(&mut self, session: SessionId, heard: &Heard, now: Timestamp) {
        let Some(t) = self.sessions.get(&session) else {
            return;
        };
        let (group, target, privacy) = (t.group, t.target, t.privacy);
        let ended = Ended::of(heard, t.patience);
        if self.stopping {
            self.ended(session, now);
            return;
        }
        if self.heed_too_many_connections(session, heard) {
            self.release(session, now);
            return;
        }
        let host = self.groups[group].host;
        self.note_last_word(group, heard);
        let machine = self.groups[group].targets[target].clone();
        if heard.exchange.code.is_some() {
            self.note_met(host, machine.1);
        }
        let stage = heard.exchange.stage;
        let unencrypted;
        let heard = match (stage, privacy) {
            (Stage::Tls, Privacy::WhenOffered | Privacy::Never) => {
                // The handshake failed and TLS is not required: again, in clear. Several sessions may have tried it
                // side by side.
                self.fails_at_tls(session, now);
                self.dial(session, now);
                return;
            }
            (Stage::Tls, Privacy::Required) => {
                unencrypted = takes_nothing_in_clear(heard);
                &unencrypted
            }
            (
                Stage::Connect
                | Stage::Greeting
                | Stage::Hello
                | Stage::Mail
                | Stage::Rcpt
                | Stage::Data
                | Stage::Unknown,
                Privacy::WhenOffered | Privacy::Required | Privacy::Never,
            ) => heard,
        };
        // Once may be chance; a host that hangs up on EHLO again is asked whether it knows HELO (RFC 5321 §3.2).
        let again = self.groups[group].failures > 0 && heard.reading.reason == Reason::HungUp;
        if stage == Stage::Hello && again && self.groups[group].hello == Hello::Extended {
            self.groups[group].hello = Hello::Plain;
            self.dial(session, now);
            return;
        }
        if self.turns_mail_away(group, machine.1, heard, now) {
            self.ended(session, now);
            return;
        }
        match heard.reading.reason {
            Reason::TlsRequired if privacy != Privacy::Required => self.demands_tls(session),
            reason if reason.blame() == Blame::Sender && heard.reading.permanent => {
                self.block(host, machine, heard, self.block_wait(host), now);
            }
            Reason::RateLimited | Reason::SenderBlocked => {
                self.slow_down(host, &machine, heard, now);
            }
            _ => {
                self.note_dead(machine.1, now);
                if ended == Ended::Whole && self.may_join_another(group, target, now) {
                    // It is asked there, or dialled again once that is known to be dead too.
                    self.note_in_vain(session, now);
                    self.release(session, now);
                    return;
                }
                if self.dial_next(session, ended, now) {
                    return;
                }
            }
        }
        if self.has_nobody_left(group) {
            self.ended(session, now);
            return;
        }
        // One machine may block us where another takes our questions.
        if self.is_unwelcome(session, now) && self.dial_next(session, ended, now) {
            return;
        }
        self.come_back_to(group, heard, now);
        self.ended(session, now);
    }

    /// Dials the next target of a conversation that came to nothing. Returns whether there is one.
    fn dial_next(&mut self, session: SessionId, ended: Ended, now: Timestamp) -> bool {
        let t = &self.sessions[&session];
        let (group, target) = (t.group, t.target);
        let Some(next) = self.turn_from(group, target, ended, now) else {
            return false;
        };
        let (_, left) = self.groups[group].targets[target];
        self.note_in_vain(session, now);
        let t = self.session(session);
        (t.target, t.began) = (next, now);
        self.dial(session, now);
        self.offer_room(left, group, now);
        true
    }

    /// Our own side failed: nothing was learned of the host, so it is dialled again after a while. So is every host:
    /// one that was dialled before this was known tells nothing new.
    ///
    /// Some proxies give the same error for a host that they cannot reach. When others were dialled and reached between
    /// two failures to reach one host, it is that host which cannot be.
    pub(super) fn stranded(&mut self, session: SessionId, heard: &Heard, now: Timestamp) {
        let Some(t) = self.sessions.get(&session) else {
            return;
        };
        let group = t.group;
        let before = self.groups[group].stranded_at.replace(now);
        if before.is_some_and(|before| before <= self.strandings.reached) {
            self.could_not_open(session, heard, now);
            return;
        }
        let Strandings { times, until, .. } = &mut self.strandings;
        if *until <= now {
            if *times == 0 {
                let words = heard.exchange.reply.clone();
                self.events.push(Event::Stranded { words });
            }
            *until = now + limits::STRANDED_WAIT * 2u32.pow((*times).min(limits::STRANDINGS));
            *times += 1;
        }
        self.groups[group].not_before = self.groups[group].not_before.max(*until);
        self.release(session, now);
    }

    /// Whether our own side has failed so often in a row that asking on is no use.
    #[must_use]
    pub fn is_stranded(&self) -> bool {
        self.strandings.times >= limits::STRANDINGS
    }

    /// All of a group's hosts failed us: another round later, a limited number of times.
    fn come_back_to(&mut self, group: usize, heard: &Heard, now: Timestamp) {
        self.look_for_missing_hosts(group, now);
        self.groups[group].failures += 1;
        let wait = heard.named_wait.unwrap_or(self.wait_for_another_round());
        let fits = !wait.is_zero() && wait <= self.limits.patience;
        if self.groups[group].failures < limits::ROUNDS && fits {
            let until = now + wait;
            self.groups[group].not_before = until;
            self.note_mute(group, until);
            return;
        }
        // Addresses that wait for a later moment get their own round then.
        let listed: Vec<usize> = self.groups[group].ready.drain(..).collect();
        let last = || (heard.exchange.clone(), heard.reading.clone());
        let (exchange, reading) = self.block_at(group).unwrap_or_else(last);
        for domain in listed {
            self.domains[domain].listed = false;
            let last = || (exchange.clone(), reading.clone());
            let (exchange, reading) = self.no_mail_words(domain).unwrap_or_else(last);
            self.settle_queued(domain, &exchange, &reading, now);
        }
    }

    /// How long hosts that all failed are left alone: less where our patience ends before, since many only restart.
    pub(super) fn wait_for_another_round(&self) -> Duration {
        limits::UNREACHABLE_WAIT.min(self.limits.patience)
    }

    /// Remembers that a host has not answered, so that a run that is continued does not begin to count anew. One that
    /// has ever answered under its key is left out: then it is one machine of several.
    fn note_mute(&mut self, group: usize, until: Timestamp) {
        let (host, rounds) = (self.groups[group].host, self.groups[group].failures);
        if !self.hosts[host].has_opened {
            self.hosts[host].known.mute = Some(Mute { rounds, until });
            self.tell_of_host(host);
        }
    }

    /// A host is ready for questions.
    pub(super) fn note_open(&mut self, group: usize) {
        self.groups[group].failures = 0;
        let host = &mut self.hosts[self.groups[group].host];
        host.has_opened = true;
        if host.known.mute.is_some() {
            host.known.mute = None;
        }
    }

    /// Settles the addresses that wait in a domain with an answer that was given before any of them was asked about.
    pub(super) fn settle_queued(
        &mut self,
        domain: usize,
        exchange: &Exchange,
        reading: &Reading,
        now: Timestamp,
    ) {
        let waiting = self.take_every_address(domain);
        for subject in &waiting {
            let finding = match exchange.stage {
                // It was said of another address: these have not been asked about.
                Stage::Rcpt => Finding::Withheld {
                    reason: reading.reason,
                    detail: withheld(exchange),
                },
                Stage::Connect
                | Stage::Greeting
                | Stage::Hello
                | Stage::Tls
                | Stage::Mail
                | Stage::Data
                | Stage::Unknown => Finding::Asked {
                    whom: crate::model::verdict::Whom::Subject,
                    exchange: exchange.clone(),
                    reading: reading.clone(),
                },
            };
            self.learn_of_address(subject, finding, now);
        }
        self.note_settled(waiting.len());
        self.update_catch_all(domain, CatchAll::give_up, now);
    }

    /// Settles the addresses that wait in a domain that has no machine left to ask.
    pub(super) fn settle_barred(&mut self, domain: usize, now: Timestamp) {
        let Some(group) = self.domains[domain].group else {
            return;
        };
        let reason = self.nobody_left(group);
        let reason = reason.map(|(exchange, reading)| (exchange.clone(), reading.clone()));
        if let Some((exchange, reading)) = reason {
            self.settle_queued(domain, &exchange, &reading, now);
        }
    }

    /// How long a host that blocks us is left in peace.
    pub(super) fn block_wait(&self, host: usize) -> Duration {
        self.hosts[host]
            .provider
            .as_ref()
            .and_then(|provider| provider.block_wait)
            .unwrap_or(limits::BLOCK_WAIT)
    }

    /// A machine asked for less: its host gets less, it itself nothing before the time it named, its provider is known
    /// to name, or ours. So do all its neighbours, once most of those met have asked or their provider is known to act
    /// as one. Where the time is longer than our patience, the machine that said so is asked no more in this run.
    pub(super) fn slow_down(
        &mut self,
        host: usize,
        machine: &(String, IpAddr),
        heard: &Heard,
        now: Timestamp,
    ) {
        let known = self.hosts[host].provider.as_ref();
        let wait = heard.named_wait.or_else(|| match heard.reading.reason {
            Reason::RateLimited | Reason::SenderBlocked => known.and_then(|p| p.block_wait),
            _ => None,
        });
        if let Some(wait) = wait.filter(|&wait| wait > self.limits.patience) {
            self.block(host, machine.clone(), heard, wait, now);
            return;
        }
        self.note_met(host, machine.1);
        let rest = &mut self.machines.entry(machine.1).or_default().rest;
        let until = self.hosts[host].pace.slow_down(rest, now, wait);
        self.lets_rest(host, machine.1, until, now);
        self.leave_if_hopeless(host, machine, heard, now);
    }

    /// A machine takes only so many recipients in `unit`, and has had them. Where it names a longer time than our
    /// patience, it is asked no more in this run.
    pub(super) fn note_quota(
        &mut self,
        host: usize,
        machine: &(String, IpAddr),
        heard: &Heard,
        unit: Duration,
        now: Timestamp,
    ) {
        let wait = heard.named_wait.unwrap_or(unit);
        if wait > self.limits.patience && wait > limits::RECIPIENTS_COUNTED_OVER {
            self.block(host, machine.clone(), heard, wait, now);
            return;
        }
        self.note_met(host, machine.1);
        let rest = &mut self.machines.entry(machine.1).or_default().rest;
        let pace = &mut self.hosts[host].pace;
        let until = pace.note_quota(rest, now, unit, wait);
        self.lets_rest(host, machine.1, until, now);
        self.leave_if_hopeless(host, machine, heard, now);
    }

    /// Has nothing more said in the batches under way to a machine that is asked too much, or to all machines of its
    /// `host` where that goes for all: what travels together is on its way, what is put command by command ends here.
    pub(super) fn cut_short(&mut self, machine: IpAddr, host: Option<usize>) {
        for (id, t) in &mut self.sessions {
            let group = &self.groups[t.group];
            let is_there = group.targets[t.target].1 == machine || Some(group.host) == host;
            let has_more_to_say = match t.batch.pace {
                BatchPace::Together => false,
                BatchPace::OneByOne | BatchPace::Fenced => t.stage == SessionStage::AwaitingReplies,
            };
            if is_there && has_more_to_say && !t.batch.is_cut_short {
                t.batch.is_cut_short = true;
                self.actions.push_back(Action::Halt { session: *id });
            }
        }
    }

    /// A machine is left alone until then: the addresses that wait for it get a turn after that.
    pub(super) fn lets_rest(
        &mut self,
        host: usize,
        machine: IpAddr,
        until: Timestamp,
        now: Timestamp,
    ) {
        let rest = self.machines.entry(machine).or_default().rest;
        self.hosts[host].known.remember_rest(machine, rest, now);
        let all_want_rest = self.all_want_rest(host, now);
        if all_want_rest {
            self.hosts[host].pace.stay_away(until);
        }
        self.cut_short(machine, all_want_rest.then_some(host));
        self.wakes.insert((until, Wake::Host(host)));
        self.tell_of_host(host);
    }

    /// A host that has sent us away time and again is left in peace; so is a machine that does nothing else for as long as
    /// our patience lasts, until it may be asked again.
    pub(super) fn leave_if_hopeless(
        &mut self,
        host: usize,
        machine: &(String, IpAddr),
        heard: &Heard,
        now: Timestamp,
    ) {
        let rest = self.machines.get(&machine.1).map(|known| known.rest);
        let known = &self.hosts[host];
        let waiting = known.waiting[0] + known.waiting[1];
        let hopeless = rest.is_some_and(|rest| rest.is_hopeless());
        if hopeless || known.pace.is_endless(waiting) {
            self.block(host, machine.clone(), heard, self.block_wait(host), now);
        } else if let Some(rest) = rest.filter(|rest| rest.outlasts(self.limits.patience, now))
            && let Some(until) = rest.until(now)
        {
            self.block(host, machine.clone(), heard, until.since(now), now);
        }
    }

    /// Tells what is known of a host by now.
    pub(super) fn tell_of_host(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        host.known.pace = Some(host.pace.known());
        self.events.push(Event::Host {
            key: host.key.clone(),
            known: KnownHost::clone(&host.known),
        });
    }

    /// Tells what is known of a domain's decoy by now.
    pub(super) fn report_catch_all(&mut self, domain: usize) {
        let entry = &self.domains[domain];
        let known = entry.catch_all.known();
        // A run that goes on after an interruption asks again, for it may be explained yet.
        let catch_all = known.catch_all.filter(|_| !self.is_a_puzzle(domain));
        self.tell(Event::CatchAll {
            name: self.domains.name(domain).to_string(),
            known: KnownDomain {
                keeps_waiting: entry.keeps_waiting,
                catch_all,
                ..known
            },
        });
    }
}

/// Why the others are not asked about, where one address was.
fn withheld(exchange: &Exchange) -> String {
    let Exchange {
        host, code, reply, ..
    } = exchange;
    match code {
        Some(_) => format!("not asked, for {host} said: {reply}"),
        None => format!("not asked, for {host} answered nothing about others: {reply}"),
    }
}
