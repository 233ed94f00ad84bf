//! `/openapi.json`: what the interface takes and gives, for programs; `/docs` shows it to people.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse};
use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::Value;
use utoipa::OpenApi;

use super::{bounces, check, dropin, events, health, known, lists, rows, session, tools};

/// What the interface takes and gives.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "presend",
        description = "Says which addresses on a mailing list will bounce, and why, before anything is sent. A request \
                       that cannot be done is answered with application/problem+json, whose `detail` says what to change."
    ),
    paths(
        lists::send, lists::all, lists::one, lists::preview, lists::verify, lists::estimate, lists::again, lists::pause, lists::stop,
        lists::delete, lists::download, rows::rows, events::events, check::check, check::again, tools::explain, tools::preflight,
        bounces::bounces, bounces::suppressed, bounces::suppress, bounces::allow, known::known, known::forget,
        session::sign_in, session::signed_in, session::sign_out, dropin::check_email, dropin::validate, dropin::credits,
        health::alive, health::ready, health::numbers,
    ),
    components(schemas(bounces::Unsaid, lists::Then, rows::Of)),
    tags(
        (name = "lists", description = "Lists are sent, watched, called back, taken away."),
        (name = "check", description = "Single addresses, answered at once."),
        (name = "tools", description = "Replies explained, domains looked at, bounces learned from, people forgotten."),
        (name = "drop-in", description = "The shapes of other verifiers, so that their clients work here."),
        (name = "server", description = "The server itself."),
    )
)]
struct Interface;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Interface::openapi()).unwrap_or_default();
    document["components"]["securitySchemes"] = serde_json::json!({
        "token": { "type": "http", "scheme": "bearer", "description": "Where the server was started with --token-file." },
        "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
    });
    document["security"] = serde_json::json!([{}, { "token": [] }, { "key": [] }]);
    document
});

/// The document.
pub async fn document() -> axum::Json<&'static Value> {
    axum::Json(&*DOCUMENT)
}

/// The same for people.
pub async fn page() -> impl IntoResponse {
    Html(PAGE.as_str())
}

/// How the page looks.
pub async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("docs.css"),
    )
}

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let added = environment.add_template("docs.html", include_str!("docs.html"));
    let rendered = added
        .and_then(|()| environment.get_template("docs.html"))
        .and_then(|template| {
            template
                .render(minijinja::context! { api => minijinja::Value::from(Serde(&*DOCUMENT)) })
        });
    rendered.unwrap_or_else(|error| {
        let mut text =
            String::from("<!doctype html><title>presend</title><p>The page could not be made: ");
        let _ = write!(text, "{}", error.kind());
        text
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_told_of() {
        let paths = DOCUMENT["paths"].as_object().unwrap();
        for path in [
            "/v1/lists",
            "/v1/lists/{id}",
            "/v1/lists/{id}/events",
            "/v1/check",
            "/v1/explain",
            "/v1/bounces",
            "/v1/preflight",
            "/v2/validate",
            "/healthz",
            "/metrics",
        ] {
            assert!(paths.contains_key(path), "{path}");
        }
        assert!(
            PAGE.contains("&#x2f;v1&#x2f;lists&#x2f;{id}&#x2f;events"),
            "{}",
            &PAGE[..200]
        );
        assert!(!PAGE.contains("<script") && !PAGE.contains("style="));
    }
}
