//! `/v1/check`: one or a few addresses, at once.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body::Json;
use crate::model::limits;
use crate::serve::problem::Problem;
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
    /// Whether all of it is known. Else ask again, with the same request.
    complete: bool,
    /// In how many seconds to ask again; `null` where nothing more is being asked.
    ask_again_in: Option<u64>,
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
    let complete = looked.iter().all(|one| one.open.is_empty());
    let each = texts.iter().zip(&looked);
    let results = each.flat_map(|(text, one)| one.judged.iter().map(|judged| judged.to_json(text)));
    Ok(axum::Json(Told {
        results: results.collect(),
        complete,
        ask_again_in: (!complete && asks).then_some(ASK_AGAIN),
    }))
}

/// Finds out about texts within `time`.
///
/// # Errors
///
/// When they are too many, too many checks wait already, or nobody can be asked.
pub async fn look(app: &App, texts: Vec<String>, time: Duration) -> Result<Vec<Looked>, Problem> {
    are_few(&texts)?;
    let Ok(_place) = app.checks.try_acquire() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Too many checks wait",
            "ask again in a moment, and for several addresses in one request",
        )
        .later(1));
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
    match texts
        .iter()
        .any(|text| text.len() > limits::SERVED_TEXT_BYTES)
    {
        true => Err(Problem::bad(format!(
            "an address is longer than {} bytes, which none is",
            limits::SERVED_TEXT_BYTES
        ))),
        false => Ok(()),
    }
}

/// An hour, in seconds: more than any check may take.
const HOUR: f64 = 3_600.0;

/// When what was not known in time is worth asking about again, in seconds. Our choice: most hosts that have us wait
/// want some minutes.
const ASK_AGAIN: u64 = 60;
