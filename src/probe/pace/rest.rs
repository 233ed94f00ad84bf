//! What one machine has said about our speed: the wait that follows is its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// What one of a host's machines has said about our speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Requests to slow down that are not made good yet.
    pub(super) slowdowns: u32,
    /// Not to be asked before this.
    pub(super) not_before: Timestamp,
    /// Recipients answered as they should be, since the last request or reward.
    #[serde(skip)]
    pub(super) well: u32,
    /// Since when it has only asked us to slow down, answering no recipient as it should be.
    #[serde(skip)]
    pub(super) only_asks_since: Option<Timestamp>,
    /// Connections lost in mid-session since things last went well for a while.
    #[serde(skip)]
    pub(super) drops: u32,
}

impl Rest {
    /// Until when the machine is left alone; `None` where it may be asked at `now`.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.not_before).then_some(self.not_before)
    }

    /// Notes that a recipient was answered as it should be: enough of them make a request good.
    pub fn went_well(&mut self) {
        self.only_asks_since = None;
        self.well += 1;
        if self.well >= limits::ANSWERS_TO_SPEED_UP {
            self.well = 0;
            self.drops = 0;
            self.slowdowns = self.slowdowns.saturating_sub(1);
        }
    }

    /// Whether the machine has asked us to slow down so often, with so little going well between, that it wants us
    /// gone.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.slowdowns > limits::SLOWDOWN_DOUBLINGS
    }

    /// Whether the machine has only asked us to slow down for as long as our `patience` lasts, and more than once.
    #[must_use]
    pub fn outlasts(&self, patience: Duration, now: Timestamp) -> bool {
        let since = self.only_asks_since.filter(|_| self.slowdowns > 1);
        since.is_some_and(|since| now.since(since) >= patience)
    }

    /// Waits no longer than until `latest`: an earlier run may have had more patience.
    pub fn ends_by(&mut self, latest: Timestamp) {
        self.not_before = self.not_before.min(latest);
    }
}
