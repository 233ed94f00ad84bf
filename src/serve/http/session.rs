//! `/v1/session`: signing in on the page with a token, so that a cookie no script can read stands for it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::Json;
use crate::model::limits;
use crate::serve::guard::{COOKIE, Caller, Guard, cookie};
use crate::serve::problem::Problem;
use crate::serve::token::Scope;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningIn {
    /// A token of this server.
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    /// What they may ask for; `null` where nobody is signed in.
    scope: Option<Scope>,
    /// Whether a token is needed here.
    needs_token: bool,
}

fn cookie_line(guard: &Guard, caller: Caller, value: &str, seconds: u64) -> String {
    let path = match guard.base.as_str() {
        "" => "/",
        base => base,
    };
    let secure = if caller.is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Signs in with a token; the cookie that stands for it can be read by no script and comes from no other site.
#[utoipa::path(
    post, path = "/v1/session", tag = "server", request_body = SigningIn,
    responses(
        (status = 204, description = "The cookie is set."),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "There is no such token.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(signing): Json<SigningIn>,
) -> Result<Response, Problem> {
    let guard: &Arc<Guard> = &app.guard;
    let known = guard
        .tokens
        .as_ref()
        .and_then(|tokens| tokens.known(signing.token.trim()));
    let Some((_, mark)) = known else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "no_token",
            "No such token",
            "this server knows no such token; whoever runs it makes one with --new-token",
        ));
    };
    let secret = guard.sessions.open(mark, Instant::now())?;
    let line = cookie_line(guard, caller, &secret, limits::SERVED_SESSION.as_secs());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, line)]).into_response())
}

/// Says who is signed in.
#[utoipa::path(get, path = "/v1/session", tag = "server", responses((status = 200, body = SignedIn)))]
pub async fn signed_in(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> axum::Json<SignedIn> {
    axum::Json(SignedIn {
        scope: caller.scope,
        needs_token: app.guard.tokens.is_some(),
    })
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/session", tag = "server", responses((status = 204)))]
pub async fn sign_out(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    if let Some(secret) = cookie(&headers) {
        app.guard.sessions.close(secret);
    }
    let line = cookie_line(&app.guard, caller, "", 0);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, line)]).into_response()
}
