//! The interface: what is asked over HTTP, and what is answered.

#![allow(
    clippy::unused_async,
    reason = "whatever answers a request is asynchronous, whether it waits for anything or not"
)]

mod body;
mod bounces;
mod check;
mod dropin;
mod events;
mod health;
mod known;
mod lists;
mod openapi;
mod rows;
mod session;
mod tools;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::guard::{Guard, guard};
use super::lists::Lists;
use super::page;

use super::problem::Problem;
use crate::model::limits;
use crate::verifier::desk::Desk;
use crate::verify::Tools;
pub use check::OpenChecks;

/// What every request may need.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`App`].
pub struct Inner {
    /// All lists.
    pub lists: Lists,
    /// Who asks.
    pub desk: Desk,
    /// What is judged with, with the operator's own suppression list alone.
    pub tools: Tools,
    /// The same, with whom this server has suppressed since.
    pub current: RwLock<Tools>,
    /// Who may come in.
    pub guard: Arc<Guard>,
    /// The largest list that is taken, in bytes.
    pub most_bytes: u64,
    /// Most lists that are kept at a time.
    pub most_lists: usize,
    /// How long a check may take.
    pub check_time: Duration,
    /// Room for lists that are being received.
    pub uploads: Semaphore,
    /// Room for checks that wait.
    pub checks: Semaphore,
    /// Room for lists that are looked at before any host is asked.
    pub previews: Semaphore,
    /// Checks whose answer was not whole in time.
    pub open_checks: OpenChecks,
    /// Room for preflights under way.
    pub preflights: Semaphore,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The file of those whom this server has suppressed.
const SUPPRESSED: &str = "suppressed.csv";

impl App {
    /// What every request may need.
    pub fn new(inner: Inner) -> App {
        App(Arc::new(inner))
    }

    /// The file of those whom this server has suppressed.
    pub fn suppressed(&self) -> PathBuf {
        self.lists.store().folder().join(SUPPRESSED)
    }

    /// What is judged with now.
    pub fn tools(&self) -> Tools {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes up who is suppressed, after that was changed.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read_suppression(&self) -> Result<(), Problem> {
        let mut suppression = self.tools.suppression.clone();
        match std::fs::read(self.suppressed()) {
            Ok(text) => suppression
                .add(&text, SUPPRESSED)
                .map_err(|error| Problem::fault(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.suppression = suppression.clone();
        self.desk.suppress(suppression);
        Ok(())
    }
}

/// All routes, below the path that the guard names.
pub fn routes(app: App) -> Router {
    let small = DefaultBodyLimit::max(limits::SERVED_BODY_BYTES);
    let (entry, base) = (Arc::clone(&app.guard), app.guard.base.clone());
    let routes = Router::new()
        .route("/v1/lists", get(lists::all).post(lists::send))
        .route("/v1/lists/{id}", get(lists::one).delete(lists::delete))
        .route("/v1/lists/{id}/events", get(events::events))
        .route("/v1/lists/{id}/preview", get(lists::preview))
        .route("/v1/lists/{id}/rows", get(rows::rows))
        .route("/v1/lists/{id}/verify", post(lists::verify))
        .route("/v1/lists/{id}/estimate", post(lists::estimate))
        .route("/v1/lists/{id}/again", post(lists::again))
        .route("/v1/lists/{id}/pause", post(lists::pause))
        .route("/v1/lists/{id}/resume", post(lists::verify))
        .route("/v1/lists/{id}/stop", post(lists::stop))
        .route("/v1/lists/{id}/{file}", get(lists::download))
        .route("/v1/check", post(check::check))
        .route("/v1/check/{id}", get(check::again))
        .route("/v1/explain", post(tools::explain))
        .route("/v1/preflight", post(tools::preflight))
        .route("/v1/bounces", post(bounces::bounces))
        .route(
            "/v1/suppression",
            get(bounces::suppressed)
                .post(bounces::suppress)
                .delete(bounces::allow),
        )
        .route("/v1/known", get(known::known))
        .route("/v1/forget", post(known::forget))
        .route(
            "/v1/session",
            get(session::signed_in)
                .post(session::sign_in)
                .delete(session::sign_out),
        )
        .route("/v0/check_email", post(dropin::check_email))
        .route("/v1/check_email", post(dropin::check_email))
        .route("/v2/validate", get(dropin::validate))
        .route("/v2/getcredits", get(dropin::credits))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::numbers))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .route("/docs.css", get(openapi::style))
        .merge(page::routes())
        .method_not_allowed_fallback(no_method)
        .with_state(app);
    let routes = match base.as_str() {
        "" => routes.route("/", page::home()),
        base => Router::new()
            .nest(base, routes)
            .route(&format!("{base}/"), page::home())
            .route(base, get(to_its_slash)),
    };
    routes
        .fallback(nothing)
        .layer(small)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(entry, guard))
}

/// Links of a page are relative: they lead below the path only where it ends with a slash.
async fn to_its_slash(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}"));
    let to = format!("{}/{}", uri.path(), query.unwrap_or_default());
    Redirect::permanent(&to)
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
