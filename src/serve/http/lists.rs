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
use crate::serve::choices::{Choices, Said};
use crate::serve::files::{Download, XLSX};
use crate::serve::lists::{Added, Forget, Received, not_verified};
use crate::serve::preview::{Preview, preview as look};
use crate::serve::problem::Problem;
use crate::serve::store::{Id, Picked, Work, hex};
use crate::serve::view::View;
use crate::verify::output::{self, SheetOf};

/// What is said with a list that is sent: as parameters, or as fields of the form that it comes in.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Sending {
    /// What the list is called. Without, the name of the file that was sent.
    name: Option<String>,
    /// What is done with it at once: `verify` (as without), `estimate`, or `nothing`: it rests until it is resumed.
    then: Option<Then>,
    /// How it is read and judged.
    #[param(ignore)]
    choices: Choices,
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
    /// Takes in a parameter, or a field of a form.
    fn say(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        if text.is_empty() || self.choices.say(name, text)? == Said::Choice {
            return Ok(());
        }
        match name {
            "name" => self.name = Some(text.to_owned()),
            "then" => {
                self.then = Some(match text {
                    "verify" => Then::Verify,
                    "estimate" => Then::Estimate,
                    "nothing" => Then::Nothing,
                    _ => {
                        return Err(Problem::bad(format!(
                            "`then` is {text:?}: write verify, estimate or nothing"
                        )));
                    }
                });
            }
            _ => return Err(no_parameter(name)),
        }
        Ok(())
    }
}

fn no_parameter(name: &str) -> Problem {
    Problem::bad(format!(
        "there is no parameter or field {name:?}: /openapi.json names those there are"
    ))
}

/// Sends a list.
///
/// The body is the file itself, or `multipart/form-data` with the field `file`; further fields say the same as the
/// parameters. CSV, TSV, one address a line, xlsx, xls, ods, jsonl, vcf, also `.gz` and `.zst`. It is written to disk as
/// it comes.
#[utoipa::path(
    post, path = "/v1/lists", tag = "lists",
    params(Sending, Choices, ("Idempotency-Key" = Option<String>, Header, description = "The same list sent again under the same key is the same list: nothing is begun twice.")),
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
    Query(parameters): Query<Vec<(String, String)>>,
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
    let mut sending = Sending::default();
    for (name, text) in &parameters {
        sending.say(name, text)?;
    }
    app.lists.understands(&sending.choices)?;
    let Ok(_place) = app.uploads.try_acquire() else {
        return Err(Problem::busy(
            "Too many lists are being received",
            "send the list again in a moment",
            5,
        ));
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
    for (name, text) in &received.fields {
        sending.say(name, text)?;
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
    app.lists.understands(&sending.choices)?;
    let added = app.lists.add(Received {
        id: id.clone(),
        name: tidy(sending.name.as_deref().or(called.as_deref())),
        bytes: written.bytes,
        digest: written.digest,
        key,
        choices: sending.choices,
    })?;
    if let Added::Before(known) = added {
        return Ok(axum::Json(app.lists.view(&known)?).into_response());
    }
    let begun = match sending.then.unwrap_or_default() {
        Then::Verify => app.lists.begin(&id, Work::Verify, None, None),
        Then::Estimate => app.lists.begin(&id, Work::Estimate, None, None),
        Then::Nothing => Ok(()),
    };
    if let Err(problem) = begun {
        app.lists.take_back(&id);
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
        let Some(id) = self.id.take() else { return };
        let removed = tokio::task::block_in_place(|| self.app.lists.store().remove(&id));
        if let Err(error) = removed {
            tracing::warn!(
                list = id.as_str(),
                "cannot remove what was received: {error}"
            );
        }
    }
}

/// A name that shows on one line and is no longer than one of a file.
pub fn tidy(name: Option<&str>) -> String {
    let clean = |c| if text::is_harmful(c) { ' ' } else { c };
    let last = name.unwrap_or_default().rsplit(['/', '\\']).next();
    let name: String = last.unwrap_or_default().chars().map(clean).collect();
    let name: String = name
        .trim()
        .chars()
        .take(limits::SERVED_NAME_CHARACTERS)
        .collect();
    if name.is_empty() {
        "list".to_owned()
    } else {
        name
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
        let at = views.iter().position(|view| view.id.as_str() == after);
        let Some(at) = at else {
            return Err(Problem::bad(
                "`after` names no list: it may have been deleted meanwhile. Begin with the first page",
            ));
        };
        views.drain(..=at);
    }
    let next = (views.len() > limit).then(|| views[limit - 1].id.as_str().to_owned());
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

/// Shows the first rows of a list, which column holds the addresses, and what its text alone says. Nobody is asked. With
/// parameters it is read by them, else as it was said when it was sent.
#[utoipa::path(
    get, path = "/v1/lists/{id}/preview", tag = "lists", params(("id" = String, Path), Choices),
    responses(
        (status = 200, body = Preview),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The column is not clear.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many lists are being looked at.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn preview(
    State(app): State<App>,
    Path(list): Path<String>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<axum::Json<Preview>, Problem> {
    let id = id(list)?;
    let mut choices = Choices::default();
    for (name, text) in &parameters {
        if choices.say(name, text)? == Said::Else && !text.is_empty() {
            return Err(no_parameter(name));
        }
    }
    let choices = Some(choices).filter(|_| !parameters.is_empty());
    let (source, options) = app.lists.opened(&id, choices)?;
    let Ok(_place) = app.previews.try_acquire() else {
        return Err(Problem::busy(
            "Too many lists are being looked at",
            "look again in a moment",
            1,
        ));
    };
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
    app.lists.resume(&id, work, choices, None)?;
    accepted(app, &id)
}

fn accepted(app: &App, id: &Id) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(app.lists.view(id)?)).into_response())
}

/// Asks again about some rows of a list that was verified, whatever is known of them; all others stay as they are.
#[utoipa::path(
    post, path = "/v1/lists/{id}/again", tag = "lists", params(("id" = String, Path)), request_body = Picked,
    responses(
        (status = 202, body = View),
        (status = 400, description = "No row is picked, or too many.", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is under way already, or was not verified yet.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn again(
    State(app): State<App>,
    Path(list): Path<String>,
    Json(picked): Json<Picked>,
) -> Result<Response, Problem> {
    let id = id(list)?;
    let (lists, of) = (app.lists.clone(), id.clone());
    let handle = tokio::runtime::Handle::current();
    // The rows are picked from what came of it, which may be long.
    let begun = tokio::task::spawn_blocking(move || {
        let _here = handle.enter();
        lists.again(&of, picked)
    });
    begun.await.map_err(|error| Problem::fault(&error))??;
    accepted(&app, &id)
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
    let forget = if deleting.forget {
        Forget::People
    } else {
        Forget::Nobody
    };
    app.lists.delete(&id(list)?, forget).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a file that came of a list: `verified`, `review`, `rejected` or `all` as `.csv`, `.xlsx` or `.jsonl`;
/// `lists.xlsx`, `target.csv`, and `report` as `.html`, `.json` or `.md`. Of a list under way it is made by what is known
/// of its rows at this moment.
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
    let out = app.lists.store().out(&id);
    if Download::named(&file, &out).is_none() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_file",
            "There is no such file",
            "name verified, review, rejected or all with .csv, .xlsx or .jsonl; lists.xlsx, target.csv; or report with \
             .html, .json or .md",
        ));
    }
    let is_under_way = record.is_being_verified();
    if !(record.has_lists || is_under_way) {
        return Err(not_verified());
    }
    let picture = if is_under_way {
        Some(app.lists.picture(&id, app.tools()).await?)
    } else {
        None
    };
    // What passes through a file is people's data, too: it stays in the folder that is its owner's alone.
    let (named, folder) = (file.clone(), app.lists.store().folder().to_owned());
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
        let (out, delimiter) = match &picture {
            Some((folder, delimiter)) => (folder.path(), *delimiter),
            None => (out.as_path(), record.delimiter),
        };
        let wanted = Download::named(&named, out).ok_or_else(Problem::no_such_list)?;
        Ok::<_, Problem>(match wanted {
            Download::File(path, kind) => (as_file(path)?, kind),
            Download::Sheet(path, name) => {
                drop(as_file(path.clone())?);
                let mut file = tempfile::tempfile_in(&folder)?;
                let sheet = SheetOf { name, list: path };
                output::write_workbook(&mut file, &[], &[sheet], delimiter)?;
                (file, XLSX)
            }
            Download::Objects(path) => {
                drop(as_file(path.clone())?);
                let mut file = BufWriter::new(tempfile::tempfile_in(&folder)?);
                output::write_objects(&path, delimiter, &mut file)?;
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
