//! Whether the server lives, is ready, and what it has done.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::App;
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
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut text = String::from(
        "# HELP presend_lists Lists that are kept, by what they are at.\n# TYPE presend_lists gauge\n",
    );
    for (state, count) in app.lists.by_state() {
        let _ = writeln!(text, "presend_lists{{state=\"{state}\"}} {count}");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
