//! What connections cost for nothing: they are spaced out, and hosts that give nothing are left.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::host::Host;
use super::{Event, Heard, Scheduler, SessionId};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::net::route::HostKey;
use crate::probe::{Farewell, InVain, farewell};

/// Where the words by which a host took its leave came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FarewellPlace {
    /// In the place of the answer to a question.
    Answer,
    /// Behind our QUIT.
    Quit,
}

impl Scheduler {
    /// Counts what a connection that is over has brought. Hosts that have had their chance are left.
    pub(super) fn account_for(&mut self, session: SessionId, now: Timestamp) {
        let Some(t) = self.sessions.get(&session) else {
            return;
        };
        let (group, began, replied) = (t.group, t.began, t.replied);
        let machine = self.groups[group].targets[t.target].1;
        if replied > 0 {
            if let Some(effort) = self.efforts.get_mut(&machine) {
                effort.bore_fruit();
            }
            self.groups[group].effort.bore_fruit();
            return;
        }
        let effort = self.efforts.entry(machine).or_default();
        effort.note_in_vain(began, now);
        let wants = &mut self.groups[group];
        wants.effort.note_in_vain(began, now);
        let pace = self.hosts[wants.host].pace.known().not_before;
        let rest = self.machines.get(&machine).map(|known| known.rest);
        let rest = rest.and_then(|rest| rest.until(now)).unwrap_or_default();
        let next = effort
            .not_before()
            .max(wants.not_before)
            .max(pace)
            .max(rest);
        if wants.effort.is_spent(next, self.limits.patience) {
            self.leave(group, now);
        }
    }

    /// Counts that a session's connection to its present machine has brought nothing, where another machine is turned to.
    pub(super) fn note_in_vain(&mut self, session: SessionId, now: Timestamp) {
        let machine = self.machine(session);
        let began = self.sessions[&session].began;
        self.efforts
            .entry(machine)
            .or_default()
            .note_in_vain(began, now);
    }

    /// A host took its leave of a connection that had brought answers: what it counts is learned, so that the next one
    /// stays below it. Words that do not say what they count are believed the second time. `place` is where they came.
    pub(super) fn heed_farewell(
        &mut self,
        session: SessionId,
        host: usize,
        (farewell, place): (Farewell, FarewellPlace),
    ) {
        let t = &self.sessions[&session];
        let (spent, refused_for_good) = (t.spent, t.refused_for_good);
        let Host {
            known,
            farewell_after,
            ..
        } = &mut self.hosts[host];
        let lower = |cap: &mut Option<u32>, to: u32| *cap = Some(cap.map_or(to, |cap| cap.min(to)));
        let recipients = spent.recipients().max(1);
        match farewell {
            Farewell::Refusals => {
                // Those that it may not count are left out, or the next connection would hear it again.
                let counted = match refused_for_good {
                    0 | 1 => spent.refused,
                    several => several,
                };
                let borne = match (counted, place) {
                    // It may have been the next refusal itself that made the host go, whose place its words took
                    // (chasquid). Where half of the connections hang on that, it is found out: a host that goes
                    // behind its last refusal (Postfix) says so once more behind our QUIT.
                    (2, FarewellPlace::Answer) => 2,
                    _ => counted.saturating_sub(1).max(1),
                };
                lower(&mut known.refusals_cap, borne);
            }
            Farewell::UsedUp => lower(&mut known.recipients_cap, recipients),
            Farewell::Untold => {
                let Some(before) = farewell_after.replace(recipients) else {
                    return;
                };
                lower(&mut known.recipients_cap, before.max(recipients));
            }
        }
        self.tell_of_host(host);
    }

    /// A host had taken its leave behind its last answer, before it heard of ours: where it counts mistakes, we had one
    /// too many.
    pub(super) fn heed_dismissal(&mut self, session: SessionId, heard: &Heard) {
        let Some(t) = self.sessions.get(&session) else {
            return;
        };
        let host = self.groups[t.group].host;
        match farewell(&heard.exchange.reply) {
            farewell @ Farewell::Refusals if t.replied > 0 => {
                self.heed_farewell(session, host, (farewell, FarewellPlace::Quit));
            }
            // It may have been tired of waiting for our next question.
            Farewell::Refusals | Farewell::UsedUp | Farewell::Untold => {}
        }
    }

    /// An additional connection did not come about while others to the same machine stand: it takes no more than those.
    /// Where it was turned away with 421, those count that stood when it was dialled: one that was answering a goodbye has
    /// ended before the word arrives. Returns whether that is so.
    pub(super) fn heed_too_many_connections(&mut self, session: SessionId, heard: &Heard) -> bool {
        let Some(t) = self.sessions.get(&session) else {
            return false;
        };
        let host = self.groups[t.group].host;
        let machine = self.groups[t.group].targets[t.target].1;
        let is_turned_away = heard.exchange.code == Some(421);
        let stood = if is_turned_away { t.beside } else { 0 };
        let others = stood.max(self.connections_to(machine) - 1);
        let at_the_door = match heard.exchange.stage {
            Stage::Connect | Stage::Greeting => true,
            Stage::Hello => is_turned_away,
            Stage::Tls | Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Unknown => false,
        };
        if others == 0 || !at_the_door {
            return false;
        }
        self.cap_connections(machine, others);
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        let ceiling = self.hosts[host].pace.note_crowded_by(others);
        self.hosts[host].known.connections_cap = Some(ceiling);
        self.tell_of_host(host);
        true
    }

    /// Until when a machine is left alone after connections that brought nothing.
    pub(super) fn rests_until(&self, machine: IpAddr, now: Timestamp) -> Option<Timestamp> {
        let not_before = self.efforts.get(&machine)?.not_before();
        Some(not_before).filter(|&until| until > now)
    }

    /// Whether connections to a machine have brought so little of late that the domain's next is worth a try.
    pub(super) fn is_fruitless(&self, machine: IpAddr, now: Timestamp) -> bool {
        let effort = self.efforts.get(&machine);
        effort.is_some_and(|effort| effort.suggests_another(now))
    }

    /// Whether a machine has had its chance.
    pub(super) fn is_spent(&self, machine: IpAddr, now: Timestamp) -> bool {
        let effort = self.efforts.get(&machine);
        effort.is_some_and(|effort| effort.is_spent(now, self.limits.patience))
    }

    /// Whether a group's hosts have had their chance, or the one of them that would be tried next.
    pub(super) fn has_had_its_chance(&self, group: usize, now: Timestamp) -> bool {
        let wants = &self.groups[group];
        let machine = self.first_machine(group, now);
        wants.effort.is_spent(now, self.limits.patience) || self.is_spent(machine, now)
    }

    /// The machines whose last connections brought nothing, by the keys of their hosts: for the worker that asks them
    /// after us. One whose connection has lasted for `tells_after` and brought nothing yet is among them: were we to end
    /// now, no other worker would tell of it.
    #[must_use]
    pub fn tried_in_vain(
        &self,
        tells_after: Duration,
        now: Timestamp,
    ) -> BTreeMap<HostKey, BTreeMap<IpAddr, InVain>> {
        let mut under_way: BTreeMap<IpAddr, Vec<Timestamp>> = BTreeMap::new();
        for t in self.sessions.values() {
            if t.replied == 0 && now.since(t.began) >= tells_after {
                let (_, machine) = self.groups[t.group].targets[t.target];
                under_way.entry(machine).or_default().push(t.began);
            }
        }
        let mut tried: BTreeMap<HostKey, BTreeMap<IpAddr, InVain>> = BTreeMap::new();
        for group in &self.groups {
            for (_, machine) in &group.targets {
                let mut effort = self.efforts.get(machine).copied().unwrap_or_default();
                for &began in under_way.get(machine).into_iter().flatten() {
                    effort.note_in_vain(began, began);
                }
                if !effort.was_in_vain_last() {
                    continue;
                }
                let word = group.last_word.as_ref();
                let word = word.or_else(|| self.words_before.get(machine)).cloned();
                let there = tried.entry(self.hosts[group.host].key.clone()).or_default();
                there.insert(*machine, InVain { effort, word });
            }
        }
        tried
    }

    /// Goes on where others have tried machines in vain: what is left of their chance is all that these have. Where we
    /// have tried one since, what we know counts.
    pub fn go_on_trying(&mut self, before: BTreeMap<IpAddr, InVain>) {
        for (machine, InVain { effort, word }) in before {
            let known = self.efforts.get(&machine);
            if known.is_some_and(|known| known.not_before() >= effort.not_before()) {
                continue;
            }
            self.efforts.insert(machine, effort);
            if let Some(word) = word {
                self.words_before.insert(machine, word);
            }
        }
    }

    /// Notes the last word of a group's hosts that was no answer: the reason for which they would be left.
    pub(super) fn note_last_word(&mut self, group: usize, heard: &Heard) {
        let word = (heard.exchange.clone(), heard.reading.clone());
        self.groups[group].last_word = Some(Box::new(word));
    }

    /// Leaves a group's hosts for this run: the addresses that wait for them are settled with the reason that the hosts
    /// earned.
    pub(super) fn leave(&mut self, group: usize, now: Timestamp) {
        let nothing = || Box::new(nothing_to_say(&self.groups[group].targets[0].0));
        let block = self.block_at(group).map(Box::new);
        let word = block.or_else(|| self.groups[group].last_word.clone());
        let word = word.or_else(|| {
            self.words_before
                .get(&self.first_machine(group, now))
                .cloned()
        });
        let word = word.unwrap_or_else(nothing);
        self.groups[group].last_word = Some(word.clone());
        let before = self.counts.waiting();
        let wants = &mut self.groups[group];
        wants.is_left = true;
        wants.ready.clear();
        wants.test_owed = false;
        for domain in wants.domains.clone() {
            self.domains[domain].listed = false;
            self.settle_left(domain, now);
        }
        let addresses = before - self.counts.waiting();
        if addresses > 0 {
            let Exchange { host, reply, .. } = word.0;
            self.events.push(Event::Left {
                host,
                words: reply,
                addresses,
            });
        }
    }

    /// Settles the addresses that wait in a domain whose hosts are left.
    pub(super) fn settle_left(&mut self, domain: usize, now: Timestamp) {
        let group = self.domains[domain].group;
        let word = group.and_then(|group| self.groups[group].last_word.clone());
        let word = self.no_mail_words(domain).or(word.map(|word| *word));
        if let Some((exchange, reading)) = word {
            self.settle_queued(domain, &exchange, &reading, now);
        }
    }
}

/// The word on hosts that are left although they said nothing amiss: then it is our connections that found nothing to
/// ask.
fn nothing_to_say(host: &str) -> (Exchange, Reading) {
    let exchange = Exchange {
        stage: Stage::Rcpt,
        host: host.to_owned(),
        code: None,
        reply: "connections ended before a question was put".to_owned(),
    };
    let reading = Reading {
        reason: Reason::NotAsked,
        permanent: false,
        rule: "effort".to_owned(),
    };
    (exchange, reading)
}
