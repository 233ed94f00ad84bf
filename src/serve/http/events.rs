//! `/v1/lists/{id}/events`: how a list stands, told as it changes (server-sent events).

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};

use super::App;
use super::body::Path;
use super::lists::id;
use crate::model::limits;
use crate::serve::problem::Problem;

/// Tells how a list stands, now and whenever that changes: events `list`, whose data is what `GET /v1/lists/{id}` tells.
/// The last one is `gone`, when the list was deleted.
#[utoipa::path(
    get, path = "/v1/lists/{id}/events", tag = "lists", params(("id" = String, Path)),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn events(
    State(app): State<App>,
    Path(list): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut now = app.lists.watch(&id(list)?)?;
    // The first one at once.
    now.mark_changed();
    let told = unfold(Some((app, now, false)), |state| async {
        let (app, mut now, has_told) = state?;
        if has_told {
            tokio::time::sleep(limits::SERVED_PICTURES).await;
        }
        if now.changed().await.is_err() {
            let gone = Event::default().event("gone").data("{}");
            return Some((Ok(gone), None));
        }
        // Not under its lock: to tell who waits for whom looks at all lists, this one among them.
        let seen = now.borrow_and_update().clone();
        let view = app.lists.shown_to_watcher(&seen);
        let event = Event::default().event("list").json_data(view);
        let event = event.unwrap_or_else(|_| Event::default().comment("no picture"));
        Some((Ok(event), Some((app, now, true))))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(limits::SERVED_KEEP_ALIVE)))
}
