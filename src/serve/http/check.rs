//! `/v1/check`: one or a few addresses, at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body::{Json, Path};
use crate::model::limits;
use crate::serve::problem::Problem;
use crate::serve::store::Id;
use crate::verifier::desk::Looked;

/// Whom to find out about.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// One address, in any form that a cell of a list may have.
    address: Option<String>,
    /// Several, at most 100.
    addresses: Vec<String>,
    /// How long to wait for an answer, in seconds: at most what the server allows.
    timeout: Option<f64>,
    /// Whether hosts are asked where that is needed (as without), or only what is known already is told.
    ask: Option<bool>,
}

/// What is known of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Told {
    /// What each address gets, as `presend check --json` tells it, in the order in which they were asked.
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
    /// Whether all of it is known. Else ask again.
    complete: bool,
    /// Where to ask again: the same request works as well. `null` where nothing more is being asked.
    ask_again_at: Option<String>,
    /// In how many seconds to ask again.
    ask_again_in: Option<u64>,
}

/// Checks whose answer was not whole in time, by the name of the place to ask for it again. Only in memory: they name
/// people.
#[derive(Debug, Default)]
pub struct OpenChecks(Mutex<VecDeque<OpenCheck>>);

#[derive(Debug)]
struct OpenCheck {
    id: Id,
    texts: Vec<String>,
    since: Instant,
}

impl OpenCheck {
    /// The bytes of its texts.
    fn size(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }
}

impl OpenChecks {
    /// Those whose time is not over at `now`, the oldest first.
    fn open(&self, now: Instant) -> MutexGuard<'_, VecDeque<OpenCheck>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|check| now.duration_since(check.since) < limits::SERVED_OPEN_CHECK);
        open
    }

    /// Gives a check its place; the oldest lose theirs where there is no room for all.
    fn add(&self, texts: Vec<String>, now: Instant) -> std::io::Result<Id> {
        let id = Id::draw()?;
        let mut open = self.open(now);
        open.push_back(OpenCheck {
            id: id.clone(),
            texts,
            since: now,
        });
        let mut size: usize = open.iter().map(OpenCheck::size).sum();
        while size > limits::SERVED_OPEN_BYTES || open.len() > limits::SERVED_OPEN_CHECKS {
            size -= open.pop_front().map_or(size, |oldest| oldest.size());
        }
        Ok(id)
    }

    fn find(&self, id: &Id, now: Instant) -> Option<Vec<String>> {
        let open = self.open(now);
        let found = open.iter().find(|check| check.id == *id);
        found.map(|check| check.texts.clone())
    }

    fn remove(&self, id: &Id) {
        let mut open = self.open(Instant::now());
        open.retain(|check| check.id != *id);
    }

    /// Closes all of them: an address that one of them names may have been forgotten.
    pub fn clear(&self) {
        self.open(Instant::now()).clear();
    }
}

/// Finds out about one or a few addresses, before any list. What is not known in time is `unknown` with the reason
/// `deadline`, and is asked about all the same: ask again for it.
#[utoipa::path(
    post, path = "/v1/check", tag = "check", request_body = Asked,
    responses(
        (status = 200, body = Told),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No mail host can be asked from here, or too many checks wait.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn check(
    State(app): State<App>,
    Json(asked): Json<Asked>,
) -> Result<axum::Json<Told>, Problem> {
    let texts: Vec<String> = asked.address.into_iter().chain(asked.addresses).collect();
    if texts.is_empty() {
        return Err(Problem::bad(
            "name an address: {\"address\": \"anna@example.org\"}",
        ));
    }
    let most = app.check_time;
    let time = match asked.timeout {
        None => most,
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            most.min(Duration::from_secs_f64(seconds.min(HOUR)))
        }
        Some(_) => return Err(Problem::bad("`timeout` is no number of seconds from 0 on")),
    };
    let asks = asked.ask.unwrap_or(true);
    let looked = if asks {
        look(&app, texts.clone(), time).await?
    } else {
        are_few(&texts)?;
        app.desk.known(texts.clone()).await?
    };
    let mut told = tell(&texts, &looked);
    if !told.complete && asks {
        told.ask_again(&app, &app.open_checks.add(texts, Instant::now())?);
    }
    Ok(axum::Json(told))
}

/// Tells what is known by now of addresses that were not known in time.
#[utoipa::path(
    get, path = "/v1/check/{id}", tag = "check", params(("id" = String, Path)),
    responses(
        (status = 200, body = Told),
        (status = 404, description = "It was told whole, or is too old.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No mail host can be asked from here, or too many checks wait.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn again(
    State(app): State<App>,
    Path(check): Path<String>,
) -> Result<axum::Json<Told>, Problem> {
    let found = Id::try_from(check).ok();
    let found = found.and_then(|id| Some((app.open_checks.find(&id, Instant::now())?, id)));
    let Some((texts, id)) = found else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_check",
            "There is no such check",
            "it was told whole, is too old, or the server was started anew: ask with POST /v1/check, what was learned is known",
        ));
    };
    let looked = look(&app, texts.clone(), app.check_time).await?;
    let mut told = tell(&texts, &looked);
    if told.complete {
        app.open_checks.remove(&id);
    } else {
        told.ask_again(&app, &id);
    }
    Ok(axum::Json(told))
}

impl Told {
    /// Says where the rest can be asked for.
    fn ask_again(&mut self, app: &App, id: &Id) {
        self.ask_again_at = Some(format!("{}/v1/check/{}", app.guard.base, id.as_str()));
        self.ask_again_in = Some(ASK_AGAIN);
    }
}

fn tell(texts: &[String], looked: &[Looked]) -> Told {
    let each = texts.iter().zip(looked);
    let results = each.flat_map(|(text, one)| one.judged.iter().map(|judged| judged.to_json(text)));
    Told {
        results: results.collect(),
        complete: looked.iter().all(|one| one.open.is_empty()),
        ask_again_at: None,
        ask_again_in: None,
    }
}

/// Finds out about texts within `time`.
///
/// # Errors
///
/// When they are too many, too many checks wait already, or nobody can be asked.
pub async fn look(app: &App, texts: Vec<String>, time: Duration) -> Result<Vec<Looked>, Problem> {
    are_few(&texts)?;
    let Ok(_place) = app.checks.try_acquire() else {
        return Err(Problem::busy(
            "Too many checks wait",
            "ask again in a moment, and for several addresses in one request",
            1,
        ));
    };
    Ok(app.desk.check(texts, time).await?)
}

fn are_few(texts: &[String]) -> Result<(), Problem> {
    if texts.len() > limits::SERVED_CHECKS {
        return Err(Problem::bad(format!(
            "{} addresses are more than one request takes, which is {}: send a list to POST /v1/lists",
            texts.len(),
            limits::SERVED_CHECKS
        )));
    }
    if texts
        .iter()
        .any(|text| text.len() > limits::SERVED_TEXT_BYTES)
    {
        Err(Problem::bad(format!(
            "an address is longer than {} bytes, which none is",
            limits::SERVED_TEXT_BYTES
        )))
    } else {
        Ok(())
    }
}

/// An hour, in seconds: more than any check may take.
const HOUR: f64 = 3_600.0;

/// When what was not known in time is worth asking about again, in seconds. Our choice: most hosts that have us wait
/// want some minutes.
const ASK_AGAIN: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_to_ask_again_stay_few_and_are_closed_in_time() {
        let open = OpenChecks::default();
        let began = Instant::now();
        let first = open.add(vec!["anna@acme.test".to_owned()], began).unwrap();
        assert!(open.find(&first, began).is_some());
        assert!(
            open.find(&first, began + limits::SERVED_OPEN_CHECK)
                .is_none()
        );
        let first = open.add(vec!["anna@acme.test".to_owned()], began).unwrap();
        let large = vec!["x".repeat(limits::SERVED_TEXT_BYTES); limits::SERVED_CHECKS];
        let size = limits::SERVED_TEXT_BYTES * limits::SERVED_CHECKS;
        for _ in 0..=limits::SERVED_OPEN_BYTES / size {
            open.add(large.clone(), began).unwrap();
        }
        assert!(open.find(&first, began).is_none(), "the oldest made room");
        let last = open.add(large, began).unwrap();
        assert!(open.find(&last, began).is_some());
        open.clear();
        assert!(open.find(&last, began).is_none());
    }
}
