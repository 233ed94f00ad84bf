//! What becomes of what is learned: kept in the ledger, counted, told.

use std::cell::{Cell, RefCell};

use super::so_far::Standings;
use super::stats::RunStats;
use crate::input::address::Address;
use crate::input::flags::{Flags, Lists};
use crate::ledger::{self, Kept, Writer};
use crate::net::Clock;
use crate::probe::run::Listener;
use crate::probe::scheduler::{Event, Progress};
use crate::verify::Observer;
use crate::verify::error::VerifyError;

/// Keeps what is learned, tells what happens.
pub(super) struct Recorder<'a> {
    pub(super) writer: Writer,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) rows: &'a Cell<u64>,
    pub(super) standings: &'a RefCell<Standings>,
    pub(super) lists: &'a Lists,
    pub(super) stats: &'a mut RunStats,
    pub(super) clock: Clock,
}

impl Listener for Recorder<'_> {
    type Error = VerifyError;

    fn learned(&mut self, learned: Event) -> Result<(), VerifyError> {
        self.stats.learned(&learned);
        let lists = self.lists;
        let flags = |key: &str| match Address::parse(key) {
            Ok(address) => lists.flags(&address),
            Err(_) => Flags::NONE,
        };
        self.standings.borrow_mut().learned(&learned, flags);
        match learned {
            Event::Address { key, fact } => {
                self.writer.address(key, fact)?;
            }
            Event::Domain { name, fact, ttl } => {
                let until = ttl.map(|ttl| fact.at + ttl);
                self.writer.domain(name, Kept { fact, until })?;
            }
            Event::Host { key, known } => {
                self.writer.host(key.0, known, self.clock.now())?;
            }
            Event::CatchAll { name, known } => self.writer.strangers(name, known)?,
            // Comes behind the answer that started it.
            Event::Waiting {
                key,
                waiting,
                again: Some(again),
            } => self.writer.clock(key, ledger::Clock { waiting, again })?,
            Event::Waiting { again: None, .. } => {}
            Event::Blocked {
                host,
                exchange,
                addresses,
            } => self.observer.blocked(&host, &exchange.reply, addresses),
            Event::Left {
                host,
                words,
                addresses,
            } => self.observer.left(&host, &words, addresses),
            Event::Stranded { words } => self.observer.stranded(&words),
            Event::TakenBack { asked, reading, at } => {
                self.writer.take_back(asked, reading, at)?;
            }
            Event::Doubted {
                key,
                exchange,
                addresses,
            } => self.observer.doubted(&key.0, &exchange.reply, addresses),
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.stats.progress(progress);
        let so_far = self.standings.borrow().so_far(progress.settled);
        self.observer.so_far(&so_far);
        self.observer.progress(self.rows.get(), progress);
    }
}
