//! What hosts are tested by: further decoys, addresses known to exist, those asked about again. What follows from the
//! answer concerns many others, so it follows only when the session has turned out to have been in step.

use super::integrity::Observed;
use super::unsure::{Probe, Tested, Unsure};
use super::{Look, Scheduler, SessionId};
use crate::model::timestamp::Timestamp;

impl Scheduler {
    /// A test was answered. One that came out badly ends its session, which shows whether it was in step. One
    /// that came out well counts at once where the machine has kept in step before.
    pub(super) fn take_test(&mut self, tested: Tested, now: Timestamp) {
        let session = tested.span.session;
        if matches!(tested.by, Probe::LateDecoy) {
            if tested.heard.reading.condemns() {
                self.note_unknown_refused(session);
            } else {
                self.session(session).tail.tested_in_vain |= !tested.is_bad();
            }
        }
        if !tested.is_bad() && self.keeps_in_step(session) {
            self.conclude_test(tested, now);
            return;
        }
        let t = self.session(session);
        t.failed_a_test |= tested.is_bad();
        t.unsure.push(Unsure::Test(Box::new(tested)));
    }

    /// A session is over, and what is left of its answers counts: draws the conclusions from its tests.
    pub(super) fn conclude(&mut self, session: SessionId, now: Timestamp) {
        let t = self.session(session);
        let is_test = |unsure: &mut Unsure| matches!(unsure, Unsure::Test(_));
        let tests: Vec<Unsure> = t.unsure.extract_if(.., is_test).collect();
        t.proven = 0;
        for test in tests {
            if let Unsure::Test(tested) = test {
                self.conclude_test(*tested, now);
            }
        }
    }

    fn conclude_test(&mut self, tested: Tested, now: Timestamp) {
        let Tested {
            span,
            domain,
            by,
            heard,
        } = tested;
        match by {
            Probe::LateDecoy => self.late_decoy_answered(span, domain, &heard, now),
            Probe::Subject(subject) => {
                match subject.look {
                    Look::Control => self.controlled(span, domain, &subject, &heard, now),
                    Look::First | Look::Second => self.looked_again(&subject, &heard, now),
                }
                self.note_settled(1);
                self.offer_domain(domain, now);
            }
        }
    }

    /// The answer to a test may have belonged to another question: it is put again.
    pub(super) fn test_anew(&mut self, tested: Tested, now: Timestamp) {
        let Tested { domain, by, .. } = tested;
        match by {
            Probe::LateDecoy => {
                self.domains[domain].under_way -= 1;
                self.counts.forget_decoy();
                if let Some(group) = self.domains[domain].group {
                    let integrity = &mut self.groups[group].integrity;
                    integrity.observe(Observed::DecoyTaughtNothing);
                }
            }
            Probe::Subject(subject) => self.domains[domain].push_front(&subject),
        }
        self.offer_domain(domain, now);
    }
}
