//! What becomes of what is learned: kept in the ledger, counted, told.

use super::questions::Told;
use super::stats::RunStats;
use crate::input::address::Address;
use crate::input::flags::{Flags, Lists};
use crate::ledger::{self, Kept, Writer};
use crate::net::Clock;
use crate::probe::Asked;
use crate::probe::run::Listener;
use crate::probe::scheduler::{Event, Progress};
use crate::verify::Observer;
use crate::verify::error::VerifyError;
use crate::verify::guests::{Guest, News};

/// Keeps what is learned, tells what happens.
pub(super) struct Recorder<'a> {
    pub(super) writer: Writer,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) told: Told<'a>,
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
        self.told.standings.borrow_mut().learned(&learned, flags);
        let concerned = concerned(&learned, &self.told.visiting.borrow());
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
            Event::CatchAll { name, known } => self.writer.catch_all(name, known)?,
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
        for (guest, news) in concerned {
            // They read it in the ledger.
            self.writer.then(move || guest.tell(news))?;
        }
        Ok(())
    }

    fn then(&mut self, what: Box<dyn FnOnce() + Send>) -> Result<(), VerifyError> {
        Ok(self.writer.then(what)?)
    }

    fn progress(&mut self, progress: &Progress) {
        self.stats.progress(progress);
        let so_far = self.told.standings.borrow().so_far(progress.settled);
        self.observer.so_far(&so_far);
        self.observer.progress(self.told.rows.get(), progress);
        // A guest that nobody waits for any more needs no news.
        let mut visiting = self.told.visiting.borrow_mut();
        visiting.retain(|guest| !guest.is_gone());
    }
}

/// The guests whom something that was learned is about, with what it is to them.
fn concerned(learned: &Event, visiting: &[Guest]) -> Vec<(Guest, News)> {
    let news = match learned {
        Event::Waiting { again: None, .. } => News::Left,
        Event::Address { .. }
        | Event::Domain { .. }
        | Event::Host { .. }
        | Event::Waiting { again: Some(_), .. }
        | Event::CatchAll { .. }
        | Event::TakenBack { .. }
        | Event::Doubted { .. }
        | Event::Stranded { .. }
        | Event::Left { .. }
        | Event::Blocked { .. } => News::Learned,
    };
    let (person, domain): (Option<&str>, Option<&str>) = match learned {
        Event::Address { key, .. } | Event::Waiting { key, .. } => (Some(key), None),
        Event::Domain { name, .. } | Event::CatchAll { name, .. } => (None, Some(name)),
        Event::TakenBack { asked, .. } => match asked {
            Asked::Address(key) => (Some(key), None),
            Asked::Decoy(name) => (None, Some(name)),
        },
        Event::Host { .. }
        | Event::Doubted { .. }
        | Event::Stranded { .. }
        | Event::Left { .. }
        | Event::Blocked { .. } => return Vec::new(),
    };
    let is_about = |guest: &Guest| {
        person.is_some_and(|key| guest.key() == key)
            || domain.is_some_and(|name| guest.address.domain().wire() == name)
    };
    let about = visiting.iter().filter(|guest| is_about(guest));
    about.map(|guest| (guest.clone(), news)).collect()
}
