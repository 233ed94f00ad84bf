//! The interface: what is asked over HTTP, and what is answered.

mod body;
mod check;
mod events;
mod health;
mod lists;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::lists::Lists;
use super::page;
use super::problem::Problem;
use crate::model::limits;
use crate::verifier::desk::Desk;
use crate::verify::Tools;

/// What every request may need.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`App`].
pub struct Inner {
    /// All lists.
    pub lists: Lists,
    /// Who asks.
    pub desk: Desk,
    /// What is judged with.
    pub tools: Tools,
    /// The largest list that is taken, in bytes.
    pub most_bytes: u64,
    /// Most lists that are kept at a time.
    pub most_lists: usize,
    /// How long a check may take.
    pub check_time: Duration,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// What every request may need.
    pub fn new(inner: Inner) -> App {
        App(Arc::new(inner))
    }
}

/// All routes.
pub fn routes(app: App) -> Router {
    let small = DefaultBodyLimit::max(limits::SERVED_BODY_BYTES);
    Router::new()
        .route("/v1/lists", get(lists::all).post(lists::send))
        .route("/v1/lists/{id}", get(lists::one).delete(lists::delete))
        .route("/v1/lists/{id}/events", get(events::events))
        .route("/v1/lists/{id}/preview", get(lists::preview))
        .route("/v1/lists/{id}/verify", post(lists::verify))
        .route("/v1/lists/{id}/estimate", post(lists::estimate))
        .route("/v1/lists/{id}/pause", post(lists::pause))
        .route("/v1/lists/{id}/resume", post(lists::verify))
        .route("/v1/lists/{id}/stop", post(lists::stop))
        .route("/v1/lists/{id}/{file}", get(lists::download))
        .route("/v1/check", post(check::check))
        .route("/v1/explain", post(tools::explain))
        .route("/v1/preflight", post(tools::preflight))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(page::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(no_method)
        .layer(small)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn nothing(uri: Uri) -> Problem {
    let path = uri.path().to_owned();
    let detail = format!("nothing is at {path}; /openapi.json says what there is");
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "Nothing is here",
        detail,
    )
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "Not with this method",
        format!(
            "{} takes no {method}; /openapi.json says which methods it takes",
            uri.path()
        ),
    )
}

/// A fault in one answer is that answer's alone.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that a handler of panics has"
)]
fn panicked(what: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let words = what
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| what.downcast_ref::<&str>().copied());
    Problem::fault(&words.unwrap_or("a panic")).into_response()
}
