//! Bodies: taken in without being held in memory, given out piece by piece.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};
use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;

use crate::model::limits;
use crate::serve::problem::Problem;
use crate::serve::store::hex;

/// A body that is JSON, whatever type it says it is of. An empty one is an empty object.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync + Send> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = bytes(request, state).await?;
        let text: &[u8] = match bytes.trim_ascii() {
            [] => b"{}",
            text => text,
        };
        let read = serde_json::from_slice(text);
        Ok(Json(read.map_err(|error| {
            Problem::bad(format!(
                "the body is no JSON of the shape that is wanted: {error}"
            ))
        })?))
    }
}

/// The parameters behind the path of a request.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Query(parameters)) => Ok(Query(parameters)),
            Err(error) => Err(Problem::bad(format!(
                "a parameter is not understood: {}; /openapi.json names those there are",
                error.body_text()
            ))),
        }
    }
}

/// What stands in the path of a request.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Sync + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Path(named)) => Ok(Path(named)),
            Err(error) => Err(Problem::bad(format!(
                "the path is not understood: {}",
                error.body_text()
            ))),
        }
    }
}

/// The bytes of a small body.
///
/// # Errors
///
/// When it is too large, or breaks off.
pub async fn bytes<S: Sync + Send>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, state).await;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limits::SERVED_BODY_BYTES as u64),
        _ => Problem::bad(format!("the body cannot be read: {}", error.body_text())),
    })
}

/// What is said of a body that is larger than `most` bytes.
pub fn too_large(most: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "Too large",
        format!(
            "more than {most} bytes are not taken here: send less at a time, or start the server with a larger --max-upload"
        ),
    )
}

/// What was written of a body.
pub struct Written {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub digest: String,
}

/// Writes a stream of bytes to a file, holding no more than a piece of it.
///
/// # Errors
///
/// When it is larger than `most` bytes, its sender breaks off or is too slow, or there is no room.
pub async fn write<E: std::fmt::Display>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    file: File,
    most: u64,
) -> Result<Written, Problem> {
    let mut stream = std::pin::pin!(stream);
    let file = Arc::new(file);
    let mut digest = Context::new(&SHA256);
    let mut bytes = 0;
    let mut held: Vec<u8> = Vec::new();
    loop {
        let next = tokio::time::timeout(limits::SERVED_PATIENCE, stream.next());
        let next = next.await.map_err(|_| too_slow())?;
        if let Some(piece) = &next {
            let piece = piece
                .as_ref()
                .map_err(|error| Problem::bad(format!("the body broke off: {error}")))?;
            bytes += piece.len() as u64;
            if bytes > most {
                return Err(too_large(most));
            }
            digest.update(piece);
            held.extend_from_slice(piece);
        }
        if held.len() >= limits::SERVED_PIECE_BYTES || (next.is_none() && !held.is_empty()) {
            let (file, piece) = (Arc::clone(&file), std::mem::take(&mut held));
            let wrote = tokio::task::spawn_blocking(move || {
                (&*file).write_all(&piece)?;
                Ok::<_, std::io::Error>(piece)
            });
            held = wrote.await.map_err(|error| Problem::fault(&error))??;
            held.clear();
        }
        if next.is_none() {
            return Ok(Written {
                bytes,
                digest: hex(digest.finish().as_ref()),
            });
        }
    }
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "too_slow",
        "Too slow",
        format!(
            "nothing came for {} seconds: send the body again, without a pause",
            limits::SERVED_PATIENCE.as_secs()
        ),
    )
}

/// A file as the body of an answer, read piece by piece as its taker takes it.
///
/// # Errors
///
/// When it cannot be read.
pub fn give(file: File, kind: &'static str, name: &str) -> Result<Response, Problem> {
    let length = file.metadata()?.len();
    let state = (Arc::new(file), 0_u64);
    let pieces = futures_util::stream::unfold(state, move |(file, at)| async move {
        if at >= length {
            return None;
        }
        let reading = Arc::clone(&file);
        let piece = tokio::task::spawn_blocking(move || {
            let left = usize::try_from(length - at).unwrap_or(usize::MAX);
            let mut piece = vec![0; left.min(limits::SERVED_PIECE_BYTES)];
            reading.read_exact_at(&mut piece, at)?;
            Ok::<_, std::io::Error>(Bytes::from(piece))
        });
        let piece = piece
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let next = at + piece.as_ref().map_or(length, |piece| piece.len() as u64);
        Some((piece, (file, next)))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Names of downloads are ours: letters, a dot.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A file that came as the body of a request.
pub struct Received {
    /// What was written of it.
    pub written: Written,
    /// What it is called, where the request says it.
    pub called: Option<String>,
    /// The other fields of the form that it came in.
    pub fields: Vec<(String, String)>,
}

/// Writes the file that is the body of a request, or the field `file` of the form that the body is, to `file`.
///
/// # Errors
///
/// As [`write()`], or when the form cannot be read or has no such field.
pub async fn received(
    mut request: Request,
    headers: &HeaderMap,
    file: File,
    most: u64,
) -> Result<Received, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // A form has a little more around the file.
    if length.is_some_and(|length| length > most.saturating_add(limits::SERVED_BODY_BYTES as u64)) {
        return Err(too_large(most));
    }
    if !kind.starts_with("multipart/form-data") {
        let body: Body = request.into_body();
        return Ok(Received {
            written: write(body.into_data_stream(), file, most).await?,
            called: None,
            fields: Vec::new(),
        });
    }
    let no_form = |error: &dyn std::fmt::Display| {
        Problem::bad(format!(
            "the form cannot be read: {error}; send the file in its field `file`"
        ))
    };
    // The limit for other bodies is not that for files.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| no_form(&error))?;
    let (mut taken, mut file, mut fields) = (None, Some(file), Vec::new());
    loop {
        let field = tokio::time::timeout(limits::SERVED_PATIENCE, form.next_field());
        let field = field.await.map_err(|_| too_slow())?;
        let Some(field) = field.map_err(|error| no_form(&error))? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let called = field.file_name().map(str::to_owned);
            let Some(file) = file.take() else {
                return Err(Problem::bad(
                    "the form has two fields `file`: send one file at a time",
                ));
            };
            taken = Some((write(field, file, most).await?, called));
        } else if fields.len() >= FIELDS {
            return Err(Problem::bad("the form has too many fields"));
        } else {
            fields.push((name, short(field).await?));
        }
    }
    let (written, called) = taken.ok_or_else(|| Problem::bad("the form has no field `file`"))?;
    Ok(Received {
        written,
        called,
        fields,
    })
}

/// The text of a field that is no file.
async fn short(mut field: Field<'_>) -> Result<String, Problem> {
    let mut text = Vec::new();
    loop {
        let piece = tokio::time::timeout(limits::SERVED_PATIENCE, field.chunk());
        let piece = piece.await.map_err(|_| too_slow())?;
        match piece.map_err(|error| Problem::bad(format!("the form cannot be read: {error}")))? {
            None => break,
            Some(piece) if text.len() + piece.len() > FIELD_BYTES => {
                return Err(Problem::bad("a field of the form is too long"));
            }
            Some(piece) => text.extend_from_slice(&piece),
        }
    }
    String::from_utf8(text).map_err(|_| Problem::bad("a field of the form is no text in UTF-8"))
}

/// Most fields beside the file. Our choice: there are fewer parameters.
const FIELDS: usize = 20;

/// Longest field beside the file, in bytes. Our choice: a long URL.
const FIELD_BYTES: usize = 8 << 10;
