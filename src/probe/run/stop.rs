//! How a run is told to end before every address was asked about: first in good order, then at once.

use std::future::{Pending, pending};
use std::pin::Pin;

use super::Ending;

/// When a run is to end early.
///
/// A future alone ends it in good order: nothing new is begun, sessions under way have
/// [`crate::model::limits::STOPPING_WAIT`] to end well.
pub struct Stop<'a> {
    pub(super) early: Pin<Box<dyn Future<Output = Ending> + 'a>>,
    pub(super) at_once: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a> Stop<'a> {
    /// Ends in good order when `early` resolves, breaks off what is still under way when `at_once` does after that.
    pub fn new(
        early: impl Future<Output = Ending> + 'a,
        at_once: impl Future<Output = ()> + 'a,
    ) -> Self {
        Stop {
            early: Box::pin(early),
            at_once: Box::pin(at_once),
        }
    }
}

impl<'a, F: Future<Output = Ending> + 'a> From<F> for Stop<'a> {
    fn from(early: F) -> Self {
        let never: Pending<()> = pending();
        Stop::new(early, never)
    }
}
