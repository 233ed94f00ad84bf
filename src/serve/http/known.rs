//! `/v1/known` and `/v1/forget`: what is remembered, and forgetting it.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body::Json;
use super::bounces::Named;
use crate::input::address::{Address, domain_name};
use crate::ledger::Target;
use crate::serve::problem::Problem;

/// Says in numbers what is remembered of earlier runs, as `presend ledger stats --json` does.
#[utoipa::path(get, path = "/v1/known", tag = "tools", responses((status = 200, body = Object)))]
pub async fn known(State(app): State<App>) -> Result<axum::Json<serde_json::Value>, Problem> {
    let stats = tokio::task::spawn_blocking(move || {
        app.desk
            .lend(|ledger| ledger.stats().map_err(crate::verifier::Error::from))
    });
    let stats = stats.await.map_err(|error| Problem::fault(&error))??;
    let mut told = serde_json::to_value(&stats).map_err(|error| Problem::fault(&error))?;
    // Where runs are at home says where this server keeps its files.
    if let Some(told) = told.as_object_mut() {
        told.remove("runs");
    }
    Ok(axum::Json(told))
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// Entries that were taken out.
    entries: usize,
    /// Replies about others in which they were named, and in which they are no more.
    mentions: usize,
}

/// Forgets people, or domains with everybody in them: no byte of them is left in the ledger. Lists that were sent keep
/// their rows until they are deleted. What is under way rests meanwhile.
#[utoipa::path(
    post, path = "/v1/forget", tag = "tools", request_body = Named,
    responses(
        (status = 200, body = Forgotten),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Another program uses the ledger.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn forget(
    State(app): State<App>,
    Json(named): Json<Named>,
) -> Result<axum::Json<Forgotten>, Problem> {
    let targets = named
        .names()
        .iter()
        .map(|name| target(name))
        .collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() {
        return Err(Problem::bad(
            "name somebody: {\"names\": [\"anna@example.org\"]}",
        ));
    }
    let forgotten = app.desk.forget(targets).await?;
    app.open_checks.clear();
    Ok(axum::Json(Forgotten {
        entries: forgotten.rows,
        mentions: forgotten.mentions,
    }))
}

fn target(name: &str) -> Result<Target, Problem> {
    let found = match name.strip_prefix('@') {
        None if name.contains('@') => {
            Address::parse(name).map(|address| Target::Address(address.key().into_owned()))
        }
        bare => domain_name(bare.unwrap_or(name)).map(Target::Domain),
    };
    found.map_err(|fault| Problem::bad(format!("{name:?} names nobody: {fault}")))
}
