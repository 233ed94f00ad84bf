//! What clients of other verifiers ask.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::body::{Json, Query};
use super::check::look;
use crate::model::timestamp::Timestamp;
use crate::serve::dropin::reacher::{self, CheckEmailOutput, CheckEmailRequest};
use crate::serve::dropin::zerobounce::{self, Validated, Validating};
use crate::serve::problem::Problem;

/// Answers as Reacher's backend does, so that its clients work by changing the address.
#[utoipa::path(
    post, path = "/v1/check_email", tag = "drop-in", request_body = CheckEmailRequest,
    responses(
        (status = 200, body = CheckEmailOutput),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No mail host can be asked from here, or too many checks wait.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn check_email(
    State(app): State<App>,
    Json(request): Json<CheckEmailRequest>,
) -> Result<axum::Json<CheckEmailOutput>, Problem> {
    let (began, clock) = (
        Timestamp::from(std::time::SystemTime::now()),
        Instant::now(),
    );
    let looked = look(&app, vec![request.to_email.clone()], app.check_time).await?;
    let judged = looked.first().and_then(|one| one.judged.first());
    let judged = judged.ok_or_else(|| Problem::fault(&"nothing was judged"))?;
    Ok(axum::Json(reacher::output(
        &request.to_email,
        judged,
        began,
        clock.elapsed(),
    )))
}

/// Answers as `ZeroBounce` does, so that its clients work by changing the address.
#[utoipa::path(
    get, path = "/v2/validate", tag = "drop-in", params(Validating),
    responses(
        (status = 200, body = Validated),
        (status = 503, description = "No mail host can be asked from here, or too many checks wait.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn validate(
    State(app): State<App>,
    Query(wanted): Query<Validating>,
) -> Result<Response, Problem> {
    let Some(email) = wanted.email.filter(|email| !email.trim().is_empty()) else {
        // ZeroBounce says so with status 200.
        return Ok(axum::Json(json!({ "error": "Missing parameter: email" })).into_response());
    };
    let time = wanted.timeout.map(std::time::Duration::from_secs);
    let time = time.unwrap_or(app.check_time).min(app.check_time);
    let looked = look(&app, vec![email.clone()], time).await?;
    let judged = looked.first().and_then(|one| one.judged.first());
    let judged = judged.ok_or_else(|| Problem::fault(&"nothing was judged"))?;
    let now = Timestamp::from(std::time::SystemTime::now());
    Ok(axum::Json(zerobounce::validated(&email, judged, now)).into_response())
}

/// Answers as `ZeroBounce` does when a client asks how many checks are left: they are not counted here.
#[utoipa::path(get, path = "/v2/getcredits", tag = "drop-in", responses((status = 200, body = Object)))]
pub async fn credits() -> (StatusCode, axum::Json<serde_json::Value>) {
    (StatusCode::OK, axum::Json(json!({ "Credits": "1000000" })))
}
