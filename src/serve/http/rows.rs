//! `/v1/lists/{id}/rows`: the rows of a list that was verified, as a table that is leafed through and searched.

use std::ops::ControlFlow;
use std::path::Path as FilePath;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body::{Path, Query};
use super::lists::id;
use crate::model::limits;
use crate::model::verdict::Disposition;
use crate::serve::lists::not_verified;
use crate::serve::problem::Problem;
use crate::serve::rows::{cells, file_of, search};

/// Which rows are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `verified`, `review`, `rejected`, or `all` (as without).
    list: Option<Of>,
    /// Those in which this text stands, whatever its case.
    q: Option<String>,
    /// Those behind the row with this number in the file.
    after: u64,
    /// How many at most: 100 without, 500 at most.
    limit: Option<usize>,
}

/// Which list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// All rows in the order in which they were sent.
    #[default]
    All,
    /// Those that can be mailed.
    Verified,
    /// Those that are uncertain.
    Review,
    /// Those that would bounce.
    Rejected,
}

/// Some rows of a list.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Rows {
    /// The names of the columns.
    columns: Vec<String>,
    /// The rows, each with its number in the file, from 1.
    rows: Vec<RowOf>,
    /// What to ask for as `after` to have those that follow; `null` where none do.
    next: Option<u64>,
}

/// One row.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowOf {
    /// Its number in the file, from 1.
    number: u64,
    /// Its cells, as text.
    cells: Vec<String>,
}

/// Tells rows of a list that was verified, some at a time. What is known of one address is told by `POST /v1/check` with
/// `"ask": false`.
#[utoipa::path(
    get, path = "/v1/lists/{id}/rows", tag = "lists", params(("id" = String, Path), Wanted),
    responses(
        (status = 200, body = Rows),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list was not verified yet.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn rows(
    State(app): State<App>,
    Path(list): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Rows>, Problem> {
    let id = id(list)?;
    let record = app.lists.record(&id)?;
    if !record.has_lists {
        return Err(not_verified());
    }
    let list = match wanted.list.unwrap_or_default() {
        Of::All => None,
        Of::Verified => Some(Disposition::Verified),
        Of::Review => Some(Disposition::Review),
        Of::Rejected => Some(Disposition::Rejected),
    };
    let path = app.lists.store().out(&id).join(file_of(list));
    let read = tokio::task::spawn_blocking(move || leaf(&path, record.delimiter, &wanted));
    Ok(axum::Json(
        read.await.map_err(|error| Problem::fault(&error))??,
    ))
}

fn leaf(path: &FilePath, delimiter: u8, wanted: &Wanted) -> Result<Rows, Problem> {
    let limit = wanted.limit.unwrap_or(100).clamp(1, limits::SERVED_ROWS);
    let text = wanted.q.as_deref().unwrap_or_default();
    let (mut rows, mut next) = (Vec::<RowOf>::new(), None);
    let columns = search(path, delimiter, text, &mut |_, number, record| {
        if number <= wanted.after {
            return Ok(ControlFlow::Continue(()));
        }
        if rows.len() == limit {
            next = rows.last().map(|row| row.number);
            return Ok(ControlFlow::Break(()));
        }
        rows.push(RowOf {
            number,
            cells: cells(record),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Rows {
        columns,
        rows,
        next,
    })
}
