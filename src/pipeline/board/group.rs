//! Domains that share their mail hosts: one conversation can serve them all.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::limits;
use crate::moment::Moment;
use crate::route::MailHost;
use crate::smtp::dialogue::Privacy;

/// The mail hosts that some domains have in common.
#[derive(Debug)]
pub(super) struct Group {
    /// The host key's index.
    pub(super) host: usize,
    /// Name with address, in the order in which to try them.
    pub(super) targets: Vec<(String, IpAddr)>,
    /// Targets that did not answer, with the moment from which on they may be tried again.
    dead: Vec<Option<Moment>>,
    /// Domains with a question that may be put now.
    pub(super) ready: VecDeque<usize>,
    /// Conversations under way.
    pub(super) talks: u32,
    /// Not to be connected to before this.
    pub(super) not_before: Moment,
    /// Rounds through all targets in vain.
    pub(super) failures: u8,
    /// What we want of encryption here.
    pub(super) privacy: Privacy,
    /// Whether its PIPELINING has failed us.
    pub(super) chokes: bool,
    /// The most recipients in a transaction it was found to take.
    pub(super) transaction_cap: Option<u32>,
}

impl Group {
    pub(super) fn new(host: usize, hosts: Vec<MailHost>, privacy: Privacy) -> Self {
        let targets: Vec<(String, IpAddr)> = hosts
            .into_iter()
            .flat_map(|host| {
                let name = host.name;
                host.addresses
                    .into_iter()
                    .map(move |address| (name.clone(), address))
            })
            .take(limits::TARGETS)
            .collect();
        Group {
            host,
            dead: vec![None; targets.len()],
            targets,
            ready: VecDeque::new(),
            talks: 0,
            not_before: Moment::default(),
            failures: 0,
            privacy,
            chokes: false,
            transaction_cap: None,
        }
    }

    /// Whether another conversation would find something to ask: one serves many domains, so a second needs more than
    /// a connection's worth of them.
    pub(super) fn wants_a_talk(&self) -> bool {
        let worth = limits::DOMAINS_WORTH_A_CONNECTION * self.talks as usize;
        self.ready.len() > worth
    }

    /// The first target that is not known to be dead; the first of all where all are.
    pub(super) fn first_target(&self, now: Moment) -> usize {
        (0..self.targets.len())
            .find(|&target| self.is_alive(target, now))
            .unwrap_or(0)
    }

    /// The next target after `target` that is not known to be dead.
    pub(super) fn next_target(&self, target: usize, now: Moment) -> Option<usize> {
        (target + 1..self.targets.len()).find(|&target| self.is_alive(target, now))
    }

    fn is_alive(&self, target: usize, now: Moment) -> bool {
        self.dead[target].is_none_or(|until| until <= now)
    }

    /// Notes that a target does not answer.
    pub(super) fn is_dead(&mut self, target: usize, now: Moment) {
        self.dead[target] = Some(now + limits::DEAD_HOST_WAIT);
    }

    /// Notes that a target answers.
    pub(super) fn reached(&mut self, target: usize) {
        self.dead[target] = None;
        self.failures = 0;
    }
}
