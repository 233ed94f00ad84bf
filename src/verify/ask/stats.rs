//! What a run counts while it asks, as far as the report tells it.

use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::top_k::TopK;
use crate::model::verdict::Finding;
use crate::probe::scheduler::{Event, Progress, SecondLook};
use crate::verify::report::{BlockedHost, HostLine, Report, Traffic, Unread};

/// What was counted.
pub(super) struct RunStats {
    dns_queries: u64,
    connections: u64,
    pub(super) answered_from_ledger: u64,
    rcpt: u64,
    decoys: u64,
    waits: u64,
    second_look: SecondLook,
    hosts: TopK<String, ()>,
    blocked: Vec<BlockedHost>,
    unread: Vec<Unread>,
}

impl Default for RunStats {
    fn default() -> Self {
        RunStats {
            dns_queries: 0,
            connections: 0,
            answered_from_ledger: 0,
            rcpt: 0,
            decoys: 0,
            waits: 0,
            second_look: SecondLook::default(),
            hosts: TopK::new(limits::REPORT_HOSTS),
            blocked: Vec::new(),
            unread: Vec::new(),
        }
    }
}

impl RunStats {
    /// Counts what was learned.
    pub(super) fn learned(&mut self, learned: &Event) {
        match learned {
            Event::Address { fact, .. } | Event::Domain { fact, .. } => {
                self.count(&fact.finding);
            }
            Event::Waiting { again: Some(_), .. } => self.waits += 1,
            Event::Blocked {
                host,
                exchange,
                addresses,
            } => self.note_block(host, &exchange.reply, *addresses as u64),
            Event::Waiting { again: None, .. }
            | Event::Host { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. }
            | Event::Stranded { .. }
            | Event::CatchAll { .. } => {}
        }
    }

    /// Takes over the counts that the asking keeps itself.
    pub(super) fn progress(&mut self, progress: &Progress) {
        self.connections = progress.opened;
        self.dns_queries = progress.dns_questions;
        self.rcpt = progress.recipients;
        self.decoys = progress.decoys;
        self.second_look = progress.second_look;
    }

    fn count(&mut self, finding: &Finding) {
        let Finding::Asked {
            exchange, reading, ..
        } = finding
        else {
            return;
        };
        if exchange.stage == Stage::Rcpt {
            self.hosts
                .add(exchange.host.as_str(), 1, || exchange.host.clone());
        }
        if reading.reason == Reason::Unread {
            self.note_unread(&exchange.reply);
        }
    }

    /// Counts a reply that no rule understood; of many different ones the first are kept.
    fn note_unread(&mut self, reply: &str) {
        if let Some(known) = self.unread.iter_mut().find(|unread| unread.reply == reply) {
            known.count += 1;
        } else if self.unread.len() < limits::UNREAD_REPLIES {
            self.unread.push(Unread {
                reply: reply.to_owned(),
                count: 1,
            });
        }
    }

    fn note_block(&mut self, host: &str, reply: &str, addresses: u64) {
        if let Some(known) = self.blocked.iter_mut().find(|blocked| blocked.host == host) {
            known.addresses = known.addresses.max(addresses);
        } else if self.blocked.len() < limits::REPORT_LINES {
            self.blocked.push(BlockedHost {
                host: host.to_owned(),
                reply: reply.to_owned(),
                addresses,
            });
        }
    }

    /// What was asked.
    pub(super) fn traffic(&self) -> Traffic {
        let busiest = self.hosts.top(limits::REPORT_LINES).into_iter();
        let busiest = busiest.map(|(host, entry)| HostLine {
            host: host.clone(),
            rcpt: entry.count - entry.error,
        });
        Traffic {
            dns_queries: self.dns_queries,
            connections: self.connections,
            rcpt: self.rcpt,
            decoys: self.decoys,
            answered_from_ledger: self.answered_from_ledger,
            waits: self.waits,
            busiest: busiest.collect(),
        }
    }

    /// Tells it in the report.
    pub(super) fn tell(self, report: &mut Report) {
        report.traffic = self.traffic();
        report.second_look = self.second_look;
        report.blocked = self.blocked;
        report.unread = self.unread;
        report
            .unread
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reply.cmp(&b.reply)));
    }
}
