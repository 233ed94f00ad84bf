//! What becomes of what is learned: kept in the ledger, counted, told.

use super::Observer;
use super::summary::Heard;
use crate::ledger::{self, Kept, Writer};
use crate::pipeline::Listener;
use crate::pipeline::board::{Learned, Progress};
use crate::verdict::{Finding, Whom};
use crate::world::Clock;

/// Keeps what is learned, tells what happens.
pub(super) struct Scribe<'a> {
    pub(super) writer: Writer,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) rows: &'a std::cell::Cell<u64>,
    pub(super) traffic: &'a mut Heard,
    pub(super) clock: Clock,
}

impl Listener for Scribe<'_> {
    fn learned(&mut self, learned: Learned) -> anyhow::Result<()> {
        match learned {
            Learned::Address { key, fact } => {
                self.count(&fact.finding);
                self.writer.address(key, fact)?;
            }
            Learned::Domain { name, fact, ttl } => {
                self.count(&fact.finding);
                let until = ttl.map(|ttl| fact.at + ttl);
                self.writer.domain(name, Kept { fact, until })?;
            }
            Learned::Host { key, known } => {
                self.writer.host(key.0, known, self.clock.now())?;
            }
            Learned::Strangers { name, known } => self.writer.strangers(name, known)?,
            // Comes behind the answer that started it.
            Learned::Waiting {
                key,
                waiting,
                again: Some(again),
            } => self.writer.clock(key, ledger::Clock { waiting, again })?,
            Learned::Waiting { again: None, .. } => {}
            Learned::Blocked {
                key,
                exchange,
                addresses,
                ..
            } => self.observer.blocked(&key.0, &exchange.reply, addresses),
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.traffic.connections = progress.opened;
        self.traffic.dns_queries = progress.dns_questions;
        self.observer.progress(self.rows.get(), progress);
    }
}

impl Scribe<'_> {
    fn count(&mut self, finding: &Finding) {
        let Finding::Asked {
            whom,
            exchange,
            reading,
        } = finding
        else {
            return;
        };
        if exchange.stage == crate::smtp::Stage::Rcpt {
            self.traffic.rcpt += 1;
            if *whom == Whom::Decoy {
                self.traffic.decoys += 1;
            }
        }
        if reading.reason == crate::reason::Reason::Unread {
            self.traffic.note_unread(&exchange.reply);
        }
    }
}
