//! Answers that count as long as their session turns out to have been in step.

use super::integrity::streak::Span;
use super::{Heard, Look, Subject};

/// An answer that counts as long as its session turns out to have been in step.
#[derive(Clone, Debug)]
pub(super) enum Unsure {
    /// About an address of the list.
    Subject { domain: usize, subject: Subject },
    /// About a domain's first decoy.
    Decoy { domain: usize },
    /// By which the host was tested.
    Test(Box<Tested>),
}

/// The answer to a test.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) span: Span,
    pub(super) domain: usize,
    pub(super) by: Probe,
    pub(super) heard: Heard,
}

/// By whom a host is tested.
#[derive(Clone, Debug)]
pub(super) enum Probe {
    /// Another decoy, after the domain's first.
    LateDecoy,
    /// An address that is not of the list, or is settled.
    Subject(Subject),
}

impl Tested {
    /// Whether the host is not to be believed, if this is the answer to its test.
    pub(super) fn is_bad(&self) -> bool {
        match &self.by {
            Probe::LateDecoy => self.heard.exchange.says_yes(),
            Probe::Subject(subject) => {
                subject.look == Look::Control && self.heard.reading.condemns()
            }
        }
    }
}
