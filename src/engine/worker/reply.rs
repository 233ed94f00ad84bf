//! What is said of an order that is not asked about.

use std::net::IpAddr;
use std::time::Duration;

use super::put::change_host;
use crate::engine::blocks::Blocks;
use crate::engine::{Answers, Engine, EngineError, Order, Outcome, Partition, Receipt};
use crate::model::timestamp::Timestamp;

/// What is said of an order that is not asked about.
pub(super) enum Reply {
    /// It comes again after that time.
    Later(Receipt, Duration),
    /// It is done with here: where its host's orders have moved is told, what became of it is said, what is left of it
    /// goes out, then it is taken down.
    Ended {
        moved: Option<(String, Vec<Option<IpAddr>>, Partition)>,
        said: Option<Answers>,
        rest: Option<(Partition, Box<Order>)>,
        receipt: Receipt,
    },
}

impl Reply {
    pub(super) fn ended(
        receipt: Receipt,
        said: Option<Answers>,
        rest: Option<(Partition, Box<Order>)>,
    ) -> Self {
        Reply::Ended {
            moved: None,
            said,
            rest,
            receipt,
        }
    }

    pub(super) async fn make(&self, engine: &dyn Engine) -> Result<(), EngineError> {
        match self {
            Reply::Later(receipt, wait) => engine.delay(receipt, *wait).await,
            Reply::Ended {
                moved,
                said,
                rest,
                receipt,
            } => {
                if let Some((place, moving, to)) = moved {
                    // Told again, it is told all the same.
                    let moved = |blocks: &mut Blocks| {
                        blocks.move_to(moving, to.number());
                        true
                    };
                    change_host(engine, place, moved).await?;
                }
                if let Some(said) = said {
                    engine.answer(said).await?;
                }
                if let Some((partition, rest)) = rest {
                    engine.publish(*partition, rest).await?;
                }
                engine.ack(receipt).await
            }
        }
    }
}

/// What is to be done about an order that had its end before it was taken down; `None` where it had none.
pub(super) fn ended_before(
    (order, partition): (&Order, Partition),
    answers: &[Answers],
    receipt: &Receipt,
    end: &impl Fn(u32, Outcome) -> Answers,
) -> Option<Reply> {
    let ends = answers
        .iter()
        .filter(|said| said.attempt >= order.attempt && said.outcome.is_some());
    let last = ends.max_by_key(|said| said.attempt)?;
    let (receipt, next) = (receipt.clone(), order.attempt + 1);
    Some(match &last.outcome {
        Some(Outcome::GoesOn { attempt }) if *attempt == next => {
            // What was left of it may not have gone out: the same is dropped where it has.
            if answers.iter().any(|said| said.attempt >= next) {
                return Some(Reply::ended(receipt, None, None));
            }
            match what_is_left(order.clone(), answers) {
                Some(rest) => Reply::ended(receipt, None, Some((partition, Box::new(rest)))),
                None => Reply::ended(receipt, Some(end(order.attempt, Outcome::Done)), None),
            }
        }
        Some(Outcome::GoesOn { .. }) | None => Reply::ended(receipt, None, None),
        // A coordinator that came back may have listed it as open after it had heard that.
        Some(outcome @ (Outcome::Done | Outcome::Refused { .. })) => {
            let again = end(last.attempt, outcome.clone());
            Reply::ended(receipt, Some(again), None)
        }
    })
}

/// What goes out anew of an order of which some is answered; `None` where all is.
fn what_is_left(order: Order, answers: &[Answers]) -> Option<Order> {
    let rest = order.rest(answers);
    let not_before = rest.targets.iter().map(|target| target.not_before).min()?;
    Some(Order {
        attempt: order.attempt + 1,
        known_domain: rest.known_domain,
        visitor: rest.visitor,
        not_before,
        targets: rest.targets,
        ..order
    })
}

/// Passes an order on to the worker that holds another partition, from a moment on.
pub(super) fn passed_on(
    order: Order,
    answers: &[Answers],
    (to, from): (Partition, Timestamp),
    moved: Option<(String, Vec<Option<IpAddr>>, Partition)>,
    (receipt, end): (Receipt, impl Fn(u32, Outcome) -> Answers),
) -> Reply {
    let attempt = order.attempt;
    let rest = what_is_left(order, answers).map(|rest| Order {
        not_before: rest.not_before.max(from),
        ..rest
    });
    let outcome = match &rest {
        None => Outcome::Done,
        Some(rest) => Outcome::GoesOn {
            attempt: rest.attempt,
        },
    };
    Reply::Ended {
        moved,
        said: Some(end(attempt, outcome)),
        rest: rest.map(|rest| (to, Box::new(rest))),
        receipt,
    }
}
