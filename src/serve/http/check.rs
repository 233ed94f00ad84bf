//! `/v1/check`: one or a few addresses, at once.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body::Json;
use crate::model::limits;
use crate::serve::problem::Problem;

/// Whom to find out about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// One address, in any form that a cell of a list may have.
    #[serde(default)]
    address: Option<String>,
    /// Several, at most 100.
    #[serde(default)]
    addresses: Vec<String>,
    /// How long to wait for an answer, in seconds: at most what the server allows.
    #[serde(default)]
    timeout: Option<f64>,
}

/// What is known of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Told {
    /// What each address gets, as `presend check --json` tells it, in the order in which they were asked.
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
    /// Whether something is still being asked: ask again for it, with the same request.
    complete: bool,
    /// In how many seconds to ask again; `null` where that brings nothing.
    ask_again_in: Option<u64>,
}

/// Finds out about one or a few addresses, before any list. What is not known in time is `unknown` with the reason
/// `deadline`, and is asked about all the same: ask again for it.
#[utoipa::path(
    post, path = "/v1/check", tag = "check", request_body = Asked,
    responses(
        (status = 200, body = Told),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No mail host can be asked from here.", body = Problem, content_type = "application/problem+json"),
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
        return Err(Problem::bad(format!(
            "an address is longer than {} bytes, which none is",
            limits::SERVED_TEXT_BYTES
        )));
    }
    let most = app.check_time;
    let time = match asked.timeout {
        None => most,
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            most.min(std::time::Duration::from_secs_f64(seconds.min(3_600.0)))
        }
        Some(_) => return Err(Problem::bad("`timeout` is no number of seconds from 0 on")),
    };
    let looked = app.desk.check(texts.clone(), time).await?;
    let complete = looked.iter().all(|one| one.open.is_empty());
    let each = texts.iter().zip(&looked);
    let results = each.flat_map(|(text, one)| one.judged.iter().map(|judged| judged.to_json(text)));
    Ok(axum::Json(Told {
        results: results.collect(),
        complete,
        ask_again_in: (!complete).then_some(ASK_AGAIN),
    }))
}

/// When what was not known in time is worth asking about again, in seconds. Our choice: most hosts that have us wait
/// want some minutes.
const ASK_AGAIN: u64 = 60;
