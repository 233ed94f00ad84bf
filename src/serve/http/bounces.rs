//! `/v1/bounces`: what really came back. `/v1/suppression`: who gets no mail.

use std::io::Seek as _;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body::{Json, Query, received};
use super::lists::{id, tidy};
use crate::bounce::import::Kind;
use crate::bounce::import::suppression::SuppressionFile;
use crate::input::address::Address;
use crate::input::list::ColumnChoice;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::serve::bounces::{Handed, Learned, allow_again, entries, learn, listed};
use crate::serve::problem::Problem;

/// What bounces are compared with.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Compared {
    /// The id of the list whose `verified` was sent to.
    list: Option<String>,
    /// The column of the address, by its name or its number from 1, in tables where it cannot be told.
    column: Option<String>,
    /// What rows are that name an address and do not say what happened.
    unsaid: Option<Unsaid>,
}

/// What may have happened where nothing says it.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsaid {
    /// The message came back.
    Bounce,
    /// Its reader complained.
    Complaint,
    /// Its reader wants no more.
    Unsubscribed,
}

/// Learns from real bounces: messages that came back (.eml, mbox), exports of sending platforms (CSV, JSON, JSON lines),
/// also packed. The body is the file, or a form with the field `file`. Hard bounces and complaints go to the suppression
/// list.
#[utoipa::path(
    post, path = "/v1/bounces", tag = "tools", params(Compared),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Learned),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list was not verified yet.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "These are no bounces.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn bounces(
    State(app): State<App>,
    Query(compared): Query<Compared>,
    headers: HeaderMap,
    request: Request,
) -> Result<axum::Json<Learned>, Problem> {
    let list = compared.list.map(id).transpose()?;
    if let Some(id) = &list {
        app.lists.record(id)?;
    }
    let mut file = tempfile::tempfile_in(app.lists.store().folder())?;
    let sent = received(request, &headers, file.try_clone()?, app.most_bytes).await?;
    file.rewind()?;
    let handed = Handed {
        file,
        called: tidy(sent.called.as_deref()).into(),
        column: match compared.column {
            Some(column) => {
                let Ok(column): Result<_, std::convert::Infallible> = column.parse();
                column
            }
            None => ColumnChoice::default(),
        },
        unsaid: compared.unsaid.map(|unsaid| match unsaid {
            Unsaid::Bounce => Kind::Bounce,
            Unsaid::Complaint => Kind::Complaint,
            Unsaid::Unsubscribed => Kind::Unsubscribed,
        }),
        out: list.as_ref().map(|id| app.lists.store().out(id)),
    };
    let this = app.clone();
    // To its end, whether or not a client waits for it.
    let learned = tokio::task::spawn_blocking(move || {
        let claim = list.as_ref().map(|id| this.lists.claim(id)).transpose()?;
        let learned = this
            .desk
            .lend(|ledger| learn(handed, ledger, &this.suppressed(), &this.tools));
        // Every address on the list by now is left alone, whatever became of the rest.
        this.read_suppression()?;
        let (learned, real) = learned?;
        if let (Some(claim), Some(real)) = (&claim, &real) {
            this.lists.came(claim, real)?;
        }
        Ok::<_, Problem>(learned)
    });
    let learned = learned.await.map_err(|error| Problem::fault(&error))??;
    Ok(axum::Json(learned))
}

/// Which entries are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Those in which this text stands.
    q: Option<String>,
    /// How many to tell of, at most 1,000, as many as without.
    limit: Option<usize>,
    /// Those behind so many: the `next` of the page before.
    after: Option<usize>,
}

/// Entries of the suppression list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suppressed {
    /// A page of them, with `email`, `why` and `since`.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<serde_json::Value>,
    /// How many there are on all pages.
    count: usize,
    /// Where the next page begins; `null` on the last.
    next: Option<usize>,
}

/// Tells who is on the suppression list of this server. Those of files that the server was started with are not told.
#[utoipa::path(get, path = "/v1/suppression", tag = "tools", params(Wanted), responses((status = 200, body = Suppressed)))]
pub async fn suppressed(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Suppressed>, Problem> {
    let records = entries(&app.suppressed())?;
    let Wanted { q, limit, after } = wanted;
    let wanted = q.unwrap_or_default().to_lowercase();
    let (limit, after) = (limit.unwrap_or(limits::SERVED_ENTRIES), after.unwrap_or(0));
    let limit = limit.clamp(1, limits::SERVED_ENTRIES);
    let all = listed(&records).into_iter().filter(|entry| {
        entry
            .values()
            .any(|value| value.to_lowercase().contains(&wanted))
    });
    let all: Vec<serde_json::Value> = all.map(|entry| serde_json::json!(entry)).collect();
    let end = after.saturating_add(limit);
    Ok(axum::Json(Suppressed {
        count: all.len(),
        next: (end < all.len()).then_some(end),
        entries: all.into_iter().skip(after).take(limit).collect(),
    }))
}

/// Whom a request names.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Named {
    /// Addresses; where that is said, domains with everybody in them.
    names: Vec<String>,
}

impl Named {
    /// The addresses that are named.
    fn addresses(&self) -> Result<Vec<Address>, Problem> {
        if self.names.is_empty() {
            return Err(Problem::bad(
                "name somebody: {\"names\": [\"anna@example.org\"]}",
            ));
        }
        let parse = |name: &String| {
            Address::parse(name)
                .map_err(|fault| Problem::bad(format!("{name:?} is no address: {fault}")))
        };
        self.names.iter().map(parse).collect()
    }

    /// The names as they are.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// How many were changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changed {
    /// How many.
    count: u64,
}

/// Adds addresses to the suppression list: they are not asked about, and never verified.
#[utoipa::path(
    post, path = "/v1/suppression", tag = "tools", request_body = Named,
    responses((status = 200, body = Changed), (status = 400, body = Problem, content_type = "application/problem+json"))
)]
pub async fn suppress(
    State(app): State<App>,
    Json(named): Json<Named>,
) -> Result<axum::Json<Changed>, Problem> {
    let addresses = named.addresses()?;
    let since = Timestamp::from(std::time::SystemTime::now()).to_string();
    let failed = |error| Problem::fault(&error);
    let mut file = SuppressionFile::open(&app.suppressed()).map_err(failed)?;
    for address in &addresses {
        file.add(address, "by hand", &since);
    }
    let count = file.finish().map_err(failed)?;
    app.read_suppression()?;
    Ok(axum::Json(Changed { count }))
}

/// Takes addresses off the suppression list.
#[utoipa::path(
    delete, path = "/v1/suppression", tag = "tools", request_body = Named,
    responses((status = 200, body = Changed), (status = 400, body = Problem, content_type = "application/problem+json"))
)]
pub async fn allow(
    State(app): State<App>,
    Json(named): Json<Named>,
) -> Result<axum::Json<Changed>, Problem> {
    let addresses = named.addresses()?;
    let keys: Vec<String> = addresses
        .iter()
        .map(|address| address.key().into_owned())
        .collect();
    let count = allow_again(&app.suppressed(), &keys)?;
    app.read_suppression()?;
    Ok(axum::Json(Changed {
        count: count as u64,
    }))
}
