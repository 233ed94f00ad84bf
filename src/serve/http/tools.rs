//! `/v1/explain` and `/v1/preflight`: what a reply means, whether a domain is fit to send.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body::{Json, bytes};
use crate::bounce::explain::{Hints, Knowledge, explain as explained, explain_text, json};
use crate::input::address::{Address, domain_name};
use crate::model::limits;
use crate::serve::problem::{Problem, as_parameters};
use crate::smtp::HelloName;
use crate::verifier::Sender;

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

/// Whom to look at, as `presend preflight` takes it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sending {
    /// The domain in the From line of the mail.
    domain: String,
    /// The addresses that send it.
    #[schema(value_type = Vec<String>)]
    ips: Vec<IpAddr>,
    /// The DKIM selectors that it is signed with. Without, the common ones are tried.
    selectors: Vec<String>,
    /// Its MAIL FROM address, where bounces go. Without, `postmaster` at the domain.
    mail_from: Option<String>,
    /// The name that the sending machine greets with. Without, the domain.
    helo: Option<String>,
    /// Messages a day. Without, the rules for large senders apply.
    volume: Option<u64>,
}

impl Sending {
    /// What a preflight looks at.
    fn sender(self) -> Result<Sender, Problem> {
        let wrong = |name: &str, text: &str, instead: &str| {
            Problem::bad(format!("`{name}` is {text:?}, {instead}"))
        };
        let address = Address::parse(&format!("postmaster@{}", self.domain.trim()));
        let Ok(address) = address else {
            let instead = "which is no domain: write `your-domain.example`";
            return Err(wrong("domain", &self.domain, instead));
        };
        for (name, count) in [("ips", self.ips.len()), ("selectors", self.selectors.len())] {
            if count > limits::PREFLIGHT_SUBJECTS {
                return Err(Problem::bad(format!(
                    "`{name}` are {count}, which is more than one look takes: name {} at most",
                    limits::PREFLIGHT_SUBJECTS
                )));
            }
        }
        if let Some(mail_from) = &self.mail_from
            && !mail_from.is_empty()
            && Address::parse(mail_from).is_err()
        {
            let instead = "which is no address: write `bounces@your-domain.example`";
            return Err(wrong("mail_from", mail_from, instead));
        }
        if let Some(helo) = &self.helo
            && let Err(error) = helo.parse::<HelloName>()
        {
            return Err(Problem::bad(format!("`helo`: {error}")));
        }
        // A selector is labels of a host's name (RFC 6376 §3.1).
        let is_none = |name: &&String| domain_name(&format!("{name}.example.org")).is_err();
        if let Some(name) = self.selectors.iter().find(is_none) {
            let instead = "which is no selector: write what stands as `s=` in the signature";
            return Err(wrong("selectors", name, instead));
        }
        Ok(Sender {
            domain: address.domain().wire().to_owned(),
            ips: self.ips,
            selectors: self.selectors,
            mail_from: self.mail_from,
            helo: self.helo,
            volume: self.volume,
        })
    }
}

/// Looks whether somebody is fit to send: SPF, DKIM, DMARC, the addresses and hosts, with the records to publish.
#[utoipa::path(
    post, path = "/v1/preflight", tag = "tools", request_body = Sending,
    responses(
        (status = 200, description = "As `presend preflight --sender-only --json` tells it.", body = Object),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many are under way.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Name servers do not answer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn preflight(
    State(app): State<App>,
    Json(sending): Json<Sending>,
) -> Result<axum::Json<Value>, Problem> {
    let sender = sending.sender()?;
    let Ok(_place) = app.preflights.try_acquire() else {
        return Err(Problem::busy(
            "Too many preflights are under way",
            "ask again in a moment",
            5,
        ));
    };
    let told = app.desk.preflight(sender);
    let told = tokio::time::timeout(limits::SERVED_PREFLIGHT, told);
    let preflight = told.await.map_err(|_| {
        Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "no_answer",
            "Name servers do not answer",
            "name servers of the domain did not answer in time: try again in a minute",
        )
        .later(60)
    })??;
    let mut told = preflight.to_json();
    // What to do is told by the words of this interface.
    for check in told["checks"].as_array_mut().into_iter().flatten() {
        if let Some(fix) = check["fix"].as_str() {
            check["fix"] = Value::from(as_parameters(fix));
        }
    }
    Ok(axum::Json(told))
}
