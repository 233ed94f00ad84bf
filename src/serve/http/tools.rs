//! `/v1/explain` and `/v1/preflight`: what a reply means, whether a domain is fit to send.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{Json, bytes};
use crate::bounce::explain::{Hints, Knowledge, explain as explained, explain_text, json};
use crate::serve::problem::Problem;

/// A reply to explain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// What the host said, or a code.
    text: String,
}

/// Says what a reply, a code or a message that came back means, who refused and what to do. The body is
/// `{"text": "550 5.1.1 ..."}`, or the message itself as `message/rfc822` or `text/plain`.
#[utoipa::path(
    post, path = "/v1/explain", tag = "tools", request_body = Reply,
    responses(
        (status = 200, description = "As `presend explain --json` tells it.", body = Object),
        (status = 400, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn explain(
    State(app): State<App>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let body = bytes(request, &()).await?;
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_message = kind.starts_with("message/") || kind.starts_with("text/");
    let tools = app.tools.clone();
    let work = move || {
        let knowledge = Knowledge {
            book: &tools.book,
            providers: &tools.providers,
        };
        let hints = Hints {
            stage: None,
            provider: None,
        };
        if body.trim_ascii().is_empty() {
            return Err(Problem::bad(
                "there is nothing to explain: send {\"text\": \"550 5.1.1 ...\"}, or a message",
            ));
        }
        let explanation = if is_message {
            explained(&body, hints, knowledge)
        } else {
            let reply: Reply = serde_json::from_slice(&body).map_err(|error| {
                Problem::bad(format!(
                    "the body is no JSON of the shape that is wanted: {error}; send a message as message/rfc822"
                ))
            })?;
            explain_text(&reply.text, hints, knowledge)
        };
        json::to_string(&explanation).map_err(|error| Problem::fault(&error))
    };
    let text = tokio::task::spawn_blocking(work).await;
    let text = text.map_err(|error| Problem::fault(&error))??;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Whom to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The domain in the From line of the mail.
    domain: String,
}

/// Whether a domain is fit to send.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fit {
    /// `fit`, `not_fit` or `could_not_tell`.
    fitness: &'static str,
    /// What was looked at; each failure says what to publish or to change.
    #[schema(value_type = Vec<Object>)]
    checks: Vec<serde_json::Value>,
}

/// Looks whether a domain is fit to send: SPF, DKIM, DMARC, its mail hosts.
#[utoipa::path(
    post, path = "/v1/preflight", tag = "tools", request_body = Sender,
    responses((status = 200, body = Fit), (status = 400, body = Problem, content_type = "application/problem+json"))
)]
pub async fn preflight(
    State(app): State<App>,
    Json(sender): Json<Sender>,
) -> Result<axum::Json<Fit>, Problem> {
    let address = format!("postmaster@{}", sender.domain.trim());
    let Ok(address) = crate::input::address::Address::parse(&address) else {
        return Err(Problem::bad(format!(
            "`domain` is {:?}, which is no domain: write `your-domain.example`",
            sender.domain
        )));
    };
    let domain = address.domain().wire().to_owned();
    let told = tokio::time::timeout(
        crate::model::limits::SERVED_PREFLIGHT,
        app.desk.preflight(domain),
    );
    let preflight = told.await.map_err(|_| {
        Problem::new(
            axum::http::StatusCode::GATEWAY_TIMEOUT,
            "no_answer",
            "Name servers do not answer",
            "name servers of the domain did not answer in time: try again in a minute",
        )
        .later(60)
    })??;
    let checks = preflight.checks.iter().map(serde_json::to_value);
    Ok(axum::Json(Fit {
        fitness: match preflight.fitness {
            crate::preflight::check::Fitness::Fit => "fit",
            crate::preflight::check::Fitness::NotFit => "not_fit",
            crate::preflight::check::Fitness::CouldNotTell => "could_not_tell",
        },
        checks: checks
            .collect::<Result<_, _>>()
            .map_err(|error| Problem::fault(&error))?,
    }))
}
