//! Guests: single addresses that a client wants to know about while a list is asked about. They go before its rows, in
//! the same conversations and within the same limits.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::input::address::Address;
use crate::probe::run::Knock;

/// One address that a client waits for.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The address.
    pub address: Address,
    news: mpsc::UnboundedSender<News>,
}

/// What a guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Something was learned of it, which is in the ledger now.
    Learned,
    /// Nothing more will be learned of it for now.
    Left,
}

impl Guest {
    /// A guest, with what it will be told.
    #[must_use]
    #[cfg(feature = "serve")]
    pub fn new(address: Address) -> (Guest, mpsc::UnboundedReceiver<News>) {
        let (news, told) = mpsc::unbounded_channel();
        (Guest { address, news }, told)
    }

    /// What mailbox it is.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        self.address.key()
    }

    /// Tells it something; one that is gone need not hear it.
    pub fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }

    /// Whether nobody waits for it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.news.is_closed()
    }
}

/// The guests that are let in at a time.
pub(super) type Visiting = RefCell<Vec<Guest>>;

/// Where guests wait until an asker lets them in. A clone is another way to the same place.
#[derive(Clone, Debug, Default)]
pub struct Guests(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    guests: Mutex<Vec<Guest>>,
    knocked: Arc<Notify>,
}

impl Guests {
    /// Adds one, which is let in as soon as any address is asked about.
    pub fn add(&self, guest: Guest) {
        self.lock().push(guest);
        self.0.knocked.notify_one();
    }

    /// Takes out those that wait; a guest that is gone is not among them.
    #[must_use]
    pub fn take(&self) -> Vec<Guest> {
        let mut guests = std::mem::take(&mut *self.lock());
        guests.retain(|guest| !guest.is_gone());
        guests
    }

    /// Whether nobody waits.
    #[must_use]
    #[cfg(feature = "serve")]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Resolves when one comes.
    #[must_use]
    pub fn knock(&self) -> Knock {
        let knocked = Arc::clone(&self.0.knocked);
        Box::pin(async move { knocked.notified().await })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Guest>> {
        self.0.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
