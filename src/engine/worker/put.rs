//! What a worker has the engine do, for many at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::asking::{Becomes, Said};
use crate::engine::blocks::Blocks;
use crate::engine::{Changed, Engine, EngineError, Receipt, Table, wire};
use crate::model::limits;

/// Does something at the engine for all of `items`, many at once; once it has failed for several, it is begun for no
/// other: one call may be lost, an engine that is away answers none. Returns those for which it was not done, with why.
pub(super) async fn at_once<T, F>(
    engine: &Arc<dyn Engine>,
    items: Vec<T>,
    what: impl Fn(Arc<dyn Engine>, T) -> F,
) -> (Vec<T>, Option<EngineError>)
where
    T: Send + 'static,
    F: Future<Output = (T, Result<(), EngineError>)> + Send + 'static,
{
    let (mut left, mut why) = (Vec::new(), None::<EngineError>);
    let mut items = items.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        let is_lost = |error: &EngineError| error.is_passing();
        let goes_on = left.len() < limits::ENGINE_CALLS_LOST && why.as_ref().is_none_or(is_lost);
        while goes_on
            && under_way.len() < limits::ENGINE_PUBLISHED_AT_ONCE
            && let Some(item) = items.next()
        {
            under_way.spawn(what(Arc::clone(engine), item));
        }
        let Some(ended) = under_way.join_next().await else {
            left.extend(items);
            return (left, why);
        };
        let (item, result) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Err(error) = result {
            left.push(item);
            why = Some(error);
        }
    }
}

/// What several have gathered.
pub(super) fn take<T: Default>(gathered: &Mutex<T>) -> T {
    std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Says something of an order: first what was learned, then what is left of it, so that nothing is lost between; the
/// order is taken down last.
pub(super) async fn say(engine: &dyn Engine, said: &Said) -> Result<(), EngineError> {
    engine.answer(&said.answers).await?;
    if let Some((partition, order)) = &said.next {
        engine.publish(*partition, order).await?;
    }
    match &said.becomes {
        Becomes::Done(receipt) => engine.ack(receipt).await,
        Becomes::GivenBack(receipt) => engine.delay(receipt, limits::ENGINE_COLLECT).await,
        Becomes::Kept => Ok(()),
    }
}

/// Gives an order back, to be handed out again after a time.
pub(super) async fn delay(
    engine: Arc<dyn Engine>,
    (receipt, wait): (Receipt, Duration),
) -> ((Receipt, Duration), Result<(), EngineError>) {
    let result = engine.delay(&receipt, wait).await;
    ((receipt, wait), result)
}

/// Changes what the table says of the host at `place`. `change` says whether it has changed anything; it is called
/// again where another client was faster. Returns what stands there by then, and whether that was news.
pub(super) async fn change_host(
    engine: &dyn Engine,
    place: &str,
    change: impl Fn(&mut Blocks) -> bool,
) -> Result<(Blocks, bool), EngineError> {
    loop {
        let stands = engine.read(Table::Hosts, place).await?;
        let revision = stands.as_ref().map(|entry| entry.revision);
        let blocks = stands.and_then(|entry| wire::decode(&entry.value).ok());
        let mut blocks: Blocks = blocks.unwrap_or_default();
        if !change(&mut blocks) {
            return Ok((blocks, false));
        }
        let bytes = wire::encode(&blocks);
        let written = engine.write(Table::Hosts, place, &bytes, revision).await?;
        if let Changed::Yes(_) = written {
            return Ok((blocks, true));
        }
    }
}
