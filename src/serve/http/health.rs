//! Whether the server lives, is ready, and what it has done.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::App;
use crate::serve::metrics;
use crate::serve::problem::Problem;

/// Says that the server lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, body = String)))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Says whether the ledger can be read, so that requests can be answered.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses((status = 200, body = String), (status = 500, body = Problem, content_type = "application/problem+json"))
)]
pub async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.desk
        .check(Vec::new(), std::time::Duration::ZERO)
        .await?;
    Ok("ready\n")
}

/// Numbers for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn numbers(State(app): State<App>) -> impl IntoResponse {
    let counts = app.desk.counts();
    let text = metrics::text(&counts, &app.lists.by_state(), &app.guard.requests);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}
