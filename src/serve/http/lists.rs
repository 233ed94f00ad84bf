//! `/v1/lists`: lists are sent, watched, called back, taken away.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body::{self, Json, Path, Query};
use crate::model::limits;
use crate::model::text;
use crate::serve::lists::{Added, Download, Forget, Received, View, XLSX};
use crate::serve::preview::{Preview, preview as look};
use crate::serve::problem::Problem;
use crate::serve::store::{Choices, Id, Work, hex};
use crate::verify::output::{self, SheetOf};

/// What is said with a list that is sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Sending {
    /// What the list is called. Without, the name of the file that was sent.
    name: Option<String>,
    /// What is done with it at once: `verify` (as without), `estimate`, or `nothing`: it rests until it is resumed.
    then: Option<Then>,
    /// The column with the addresses, by its name or its number from 1.
    column: Option<String>,
    /// `strict`, `balanced` or `lenient`.
    policy: Option<String>,
    /// The largest projected bounce rate, from 0 to 1, of the list `target.csv`.
    target: Option<f64>,
    /// How long one address may wait for a host, such as `30m`.
    wait: Option<String>,
    /// Ends the asking after this time, such as `2h`.
    deadline: Option<String>,
    /// What the report is called.
    title: Option<String>,
    /// Where to tell that the list is done: an `https` URL.
    webhook: Option<String>,
}

/// What is done with a list that was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is verified.
    #[default]
    Verify,
    /// It is estimated from a sample.
    Estimate,
    /// It rests until it is resumed.
    Nothing,
}

impl Sending {
    fn choices(&self) -> Choices {
        Choices {
            column: self.column.clone(),
            policy: self.policy.clone(),
            target: self.target,
            wait: self.wait.clone(),
            deadline: self.deadline.clone(),
            title: self.title.clone(),
            webhook: self.webhook.clone(),
        }
    }
}

/// Sends a list.
///
/// The body is the file itself, or `multipart/form-data` with the field `file`; further fields say the same as the
/// parameters. CSV, TSV, one address a line, xlsx, xls, ods, jsonl, vcf, also `.gz` and `.zst`. It is written to disk as
/// it comes.
#[utoipa::path(
    post, path = "/v1/lists", tag = "lists",
    params(Sending, ("Idempotency-Key" = Option<String>, Header, description = "The same list sent again under the same key is the same list: nothing is begun twice.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It waits for its turn, or rests.", body = View),
        (status = 200, description = "It was sent before under the same key.", body = View),
        (status = 400, description = "A parameter is not understood.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another list was sent under this key.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is no list, or its column is not clear.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many lists are kept already.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn send(
    State(app): State<App>,
    Query(mut sending): Query<Sending>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    if app.lists.counts().0 >= app.most_lists {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_lists",
            "Too many lists",
            format!(
                "{} lists are kept already, which is the most: delete one with DELETE /v1/lists/{{id}} first",
                app.most_lists
            ),
        )
        .later(60));
    }
    app.lists.understands(&sending.choices())?;
    let Ok(_place) = app.uploads.try_acquire() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Too many lists are being received",
            "send the list again in a moment",
        )
        .later(5));
    };
    let key = headers.get("idempotency-key").map(|key| {
        let hashed = digest(&SHA256, key.as_bytes());
        hex(hashed.as_ref())
    });
    let (id, file) = app.lists.store().receive()?;
    // Whatever keeps the list from being kept removes what was received of it.
    let receiving = Receiving {
        app: &app,
        id: Some(id.clone()),
    };
    let received = body::received(request, &headers, file, app.most_bytes).await?;
    for (name, text) in received.fields {
        said(&mut sending, &name, text)?;
    }
    let (written, called) = (received.written, received.called);
    if written.bytes == 0 {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_list",
            "The list cannot be read",
            "nothing was sent: the body is the list, or a form with a field `file`",
        ));
    }
    let choices = sending.choices();
    app.lists.understands(&choices)?;
    let added = app.lists.add(Received {
        id: id.clone(),
        name: tidy(sending.name.as_deref().or(called.as_deref())),
        bytes: written.bytes,
        digest: written.digest,
        key,
        choices,
    })?;
    if let Added::Before(known) = added {
        return Ok(axum::Json(app.lists.view(&known)?).into_response());
    }
    let begun = match sending.then.unwrap_or_default() {
        Then::Verify => app.lists.begin(&id, Work::Verify, None),
        Then::Estimate => app.lists.begin(&id, Work::Estimate, None),
        Then::Nothing => Ok(()),
    };
    if let Err(problem) = begun {
        let _ = app.lists.delete(&id, Forget::Nobody).await;
        return Err(problem);
    }
    receiving.keep();
    let location = format!("{}/v1/lists/{}", app.guard.base, id.as_str());
    let view = axum::Json(app.lists.view(&id)?);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], view).into_response())
}

/// A list that is being received: removed unless it is kept.
struct Receiving<'a> {
    app: &'a App,
    id: Option<Id>,
}

impl Receiving<'_> {
    fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take()
            && let Err(error) = self.app.lists.store().remove(&id)
        {
            tracing::warn!(
                list = id.as_str(),
                "cannot remove what was received: {error}"
            );
        }
    }
}

/// Takes in a field of a form that says the same as a parameter.
fn said(sending: &mut Sending, name: &str, text: String) -> Result<(), Problem> {
    if text.is_empty() {
        return Ok(());
    }
    let not_so = |wanted: &str| Problem::bad(format!("the field `{name}` is {text:?}: {wanted}"));
    match name {
        "name" => sending.name = Some(text),
        "column" => sending.column = Some(text),
        "policy" => sending.policy = Some(text),
        "wait" => sending.wait = Some(text),
        "deadline" => sending.deadline = Some(text),
        "title" => sending.title = Some(text),
        "webhook" => sending.webhook = Some(text),
        "target" => {
            let share = text
                .parse()
                .map_err(|_| not_so("write a share such as 0.02"))?;
            sending.target = Some(share);
        }
        "then" => {
            sending.then = Some(match text.as_str() {
                "verify" => Then::Verify,
                "estimate" => Then::Estimate,
                "nothing" => Then::Nothing,
                _ => return Err(not_so("write verify, estimate or nothing")),
            });
        }
        _ => {
            return Err(Problem::bad(format!(
                "there is no field {name:?}: /openapi.json names those there are"
            )));
        }
    }
    Ok(())
}

/// A name that shows on one line and is no longer than one of a file.
fn tidy(name: Option<&str>) -> String {
    let clean = |c| match text::is_harmful(c) {
        true => ' ',
        false => c,
    };
    let last = name.unwrap_or_default().rsplit(['/', '\\']).next();
    let name: String = last.unwrap_or_default().chars().map(clean).collect();
    let name: String = name
        .trim()
        .chars()
        .take(limits::SERVED_NAME_CHARACTERS)
        .collect();
    match name.is_empty() {
        true => "list".to_owned(),
        false => name,
    }
}

/// Which page of the lists is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many to tell of, at most 100. Without, 50.
    limit: Option<usize>,
    /// Those behind the list with this id: the `next` of the page before.
    after: Option<String>,
}

/// A page of lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct Several {
    /// The lists, the newest first.
    lists: Vec<View>,
    /// Where the next page begins; `null` on the last.
    next: Option<String>,
}

/// Tells of all lists, the newest first.
#[utoipa::path(
    get, path = "/v1/lists", tag = "lists", params(Page),
    responses((status = 200, description = "A page of them.", body = Several))
)]
pub async fn all(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<axum::Json<Several>, Problem> {
    let limit = page.limit.unwrap_or(50).clamp(1, 100);
    let mut views = app.lists.views();
    if let Some(after) = page.after {
        let at = views.iter().position(|view| view.id() == after);
        let Some(at) = at else {
            return Err(Problem::bad(
                "`after` names no list: it may have been deleted meanwhile. Begin with the first page",
            ));
        };
        views.drain(..=at);
    }
    let next = (views.len() > limit).then(|| views[limit - 1].id().to_owned());
    views.truncate(limit);
    Ok(axum::Json(Several { lists: views, next }))
}

/// The id in a path.
pub fn id(text: String) -> Result<Id, Problem> {
    Id::try_from(text).map_err(|_| Problem::no_such_list())
}

/// Tells how a list stands.
#[utoipa::path(
    get, path = "/v1/lists/{id}", tag = "lists", params(("id" = String, Path)),
    responses((status = 200, body = View), (status = 404, body = Problem, content_type = "application/problem+json"))
)]
pub async fn one(
    State(app): State<App>,
    Path(list): Path<String>,
) -> Result<axum::Json<View>, Problem> {
    Ok(axum::Json(app.lists.view(&id(list)?)?))
}

/// Which column is looked at.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Column {
    /// By its name or its number from 1; without, the one that is found.
    column: Option<String>,
}

/// Shows the first rows of a list, which column holds the addresses, and what its text alone says. Nobody is asked.
#[utoipa::path(
    get, path = "/v1/lists/{id}/preview", tag = "lists", params(("id" = String, Path), Column),
    responses(
        (status = 200, body = Preview),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The column is not clear.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn preview(
    State(app): State<App>,
    Path(list): Path<String>,
    Query(column): Query<Column>,
) -> Result<axum::Json<Preview>, Problem> {
    let id = id(list)?;
    let (source, options) = app.lists.opened(&id, column.column)?;
    let tools = app.tools();
    let seen = tokio::task::spawn_blocking(move || look(&source, &options, &tools));
    Ok(axum::Json(
        seen.await.map_err(|error| Problem::fault(&error))??,
    ))
}

/// Verifies a list that rests, broke off or is done: what is known is not asked again. With a body, with other choices.
#[utoipa::path(
    post, path = "/v1/lists/{id}/resume", tag = "lists", params(("id" = String, Path)), request_body = Option<Choices>,
    responses(
        (status = 202, body = View),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is under way already.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn verify(
    State(app): State<App>,
    Path(list): Path<String>,
    Json(choices): Json<Option<Choices>>,
) -> Result<Response, Problem> {
    begin(&app, list, Work::Verify, choices)
}

/// Estimates a list from a polite sample.
#[utoipa::path(
    post, path = "/v1/lists/{id}/estimate", tag = "lists", params(("id" = String, Path)), request_body = Option<Choices>,
    responses(
        (status = 202, body = View),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is under way already.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn estimate(
    State(app): State<App>,
    Path(list): Path<String>,
    Json(choices): Json<Option<Choices>>,
) -> Result<Response, Problem> {
    begin(&app, list, Work::Estimate, choices)
}

fn begin(
    app: &App,
    list: String,
    work: Work,
    choices: Option<Choices>,
) -> Result<Response, Problem> {
    let id = id(list)?;
    // An empty object changes nothing.
    let choices = choices.filter(|choices| *choices != Choices::default());
    app.lists.resume(&id, work, choices)?;
    accepted(app, &id)
}

fn accepted(app: &App, id: &Id) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(app.lists.view(id)?)).into_response())
}

/// Has a list rest until it is resumed. What is known by then can be downloaded.
#[utoipa::path(
    post, path = "/v1/lists/{id}/pause", tag = "lists", params(("id" = String, Path)),
    responses(
        (status = 202, description = "It rests as soon as conversations under way have ended.", body = View),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not under way.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn pause(State(app): State<App>, Path(list): Path<String>) -> Result<Response, Problem> {
    let id = id(list)?;
    app.lists.pause(&id)?;
    accepted(&app, &id)
}

/// Ends a list with what is known.
#[utoipa::path(
    post, path = "/v1/lists/{id}/stop", tag = "lists", params(("id" = String, Path)),
    responses(
        (status = 202, description = "It is done as soon as conversations under way have ended.", body = View),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not under way.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stop(State(app): State<App>, Path(list): Path<String>) -> Result<Response, Problem> {
    let id = id(list)?;
    app.lists.stop(&id)?;
    accepted(&app, &id)
}

/// What goes with a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Deleting {
    /// Whether what was learned of the people on it goes too.
    forget: bool,
}

/// Deletes a list: what was sent, what came of it, that there was a run. With `forget=true` what was learned of the
/// people on it as well.
#[utoipa::path(
    delete, path = "/v1/lists/{id}", tag = "lists", params(("id" = String, Path), Deleting),
    responses(
        (status = 204, description = "Nothing of it is left."),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<App>,
    Path(list): Path<String>,
    Query(deleting): Query<Deleting>,
) -> Result<StatusCode, Problem> {
    let forget = match deleting.forget {
        true => Forget::People,
        false => Forget::Nobody,
    };
    app.lists.delete(&id(list)?, forget).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a file that came of a list: `verified`, `review`, `rejected` or `all` as `.csv`, `.xlsx` or `.jsonl`;
/// `lists.xlsx`, `target.csv`, and `report` as `.html`, `.json` or `.md`.
#[utoipa::path(
    get, path = "/v1/lists/{id}/{file}", tag = "lists", params(("id" = String, Path), ("file" = String, Path, example = "verified.csv"), Showing),
    responses(
        (status = 200, content_type = "text/csv", body = Vec<u8>),
        (status = 404, description = "There is no such list or file.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list was not verified yet.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn download(
    State(app): State<App>,
    Path((list, file)): Path<(String, String)>,
    Query(showing): Query<Showing>,
) -> Result<Response, Problem> {
    let id = id(list)?;
    let record = app.lists.record(&id)?;
    let Some(wanted) = Download::named(&file, &app.lists.store().out(&id)) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_file",
            "There is no such file",
            "name verified, review, rejected or all with .csv, .xlsx or .jsonl; lists.xlsx, target.csv; or report with \
             .html, .json or .md",
        ));
    };
    if !record.has_lists {
        return Err(Problem::conflict(
            "not_verified",
            "nothing came of this list yet: wait until its `state` is done, or pause it to have what is known",
        ));
    }
    let made = tokio::task::spawn_blocking(move || {
        let as_file = |path: std::path::PathBuf| match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_file",
                "There is no such file",
                "the list was verified without it: say `target` and resume it to have target.csv",
            )),
            opened => Ok(opened?),
        };
        Ok::<_, Problem>(match wanted {
            Download::File(path, kind) => (as_file(path)?, kind),
            Download::Sheet(path, name) => {
                drop(as_file(path.clone())?);
                let mut file = tempfile::tempfile()?;
                let sheet = SheetOf { name, list: path };
                output::write_workbook(&mut file, &[], &[sheet], record.delimiter)?;
                (file, XLSX)
            }
            Download::Objects(path) => {
                drop(as_file(path.clone())?);
                let mut file = BufWriter::new(tempfile::tempfile()?);
                output::write_objects(&path, record.delimiter, &mut file)?;
                file.flush()?;
                let file = file
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)?;
                (file, "application/x-ndjson")
            }
        })
    });
    let (given, kind) = made.await.map_err(|error| Problem::fault(&error))??;
    let mut response = body::give(given, kind, &file)?;
    if showing.show && file == "report.html" {
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_DISPOSITION);
        // The report has its style in itself, and nothing that runs.
        for (name, value) in SHOWN {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// Whether a file is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Showing {
    /// Whether `report.html` is shown in the browser, in a frame of this server's own page, instead of being saved.
    show: bool,
}

/// What keeps a report safe that is shown.
const SHOWN: [(&str, &str); 2] = [
    (
        "content-security-policy",
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
    ),
    ("x-frame-options", "SAMEORIGIN"),
];

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn a_name_is_text_on_one_line() {
        for (sent, kept) in [
            (Some("leads.csv"), "leads.csv"),
            (Some("C:\\fakepath\\a\u{202e}b.xlsx"), "a b.xlsx"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("a\r\nSet-Cookie: x"), "a  Set-Cookie: x"),
            (Some(" / "), "list"),
            (None, "list"),
        ] {
            assert_eq!(tidy(sent), kept);
        }
        assert_eq!(tidy(Some(&"ä".repeat(300))).chars().count(), 200);
    }
}
