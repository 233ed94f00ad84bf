//! The second look: our own error, measured by asking about a sample of the refused again.

use super::{Heard, Look, Scheduler, Subject, control};
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;

impl Scheduler {
    /// Keeps a refused address for a second look, if it is in the sample.
    pub(super) fn draw_sample(&mut self, subject: &Subject) {
        let share = self.limits.second_look;
        if share <= 0.0 || self.sample.len() >= limits::SECOND_LOOKS {
            return;
        }
        let drawn = fingerprint((self.limits.seed, "second look", &*subject.address.key()));
        #[expect(clippy::cast_precision_loss, reason = "a share of all numbers")]
        let place = drawn as f64 / u64::MAX as f64;
        if place < share {
            self.sample.push(subject.address.clone());
        }
    }

    /// When everything else is done and every connection closed, asks again about the sample of the refused.
    pub(super) fn look_again(&mut self, now: Timestamp) {
        let done =
            self.counts.waiting() == 0 && self.counts.decoys() == 0 && self.sessions.is_empty();
        if self.stopping || !done {
            return;
        }
        for address in std::mem::take(&mut self.sample) {
            let domain = self.entry(address.domain().wire());
            self.counts.take_in();
            self.second_look.asked += 1;
            self.domains[domain].push(&Subject {
                look: Look::Second,
                ..control(address)
            });
            self.offer_domain(domain, now);
        }
    }

    /// A refused address was answered again. A change contradicts the first answer, so the evidence decides for
    /// neither.
    pub(super) fn looked_again(&mut self, subject: &Subject, heard: &Heard, now: Timestamp) {
        if heard.reading.condemns() {
            self.second_look.confirmed += 1;
        } else {
            self.second_look.changed += 1;
        }
        self.learn_answer(subject, &heard.exchange, &heard.reading, now);
    }
}
