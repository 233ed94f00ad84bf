//! What is wrong with a request, in a form that programs read (RFC 9457) and words that say what to change.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::verifier::{Error, ErrorKind};

/// A request that cannot be done (`application/problem+json`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:presend:problem:no_such_list")]
    kind: String,
    /// The same for people.
    title: Cow<'static, str>,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to change.
    detail: String,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of the stable kind `kind`; `detail` says what to change.
    pub fn new(
        status: StatusCode,
        kind: &str,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            kind: format!("urn:presend:problem:{kind}"),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// The same, with how many seconds to wait before asking again.
    pub fn later(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// What was sent is not what is taken.
    pub fn bad(detail: impl Into<String>) -> Problem {
        let title = "The request is not understood";
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", title, detail)
    }

    /// There is no such list.
    pub fn no_such_list() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_list",
            "There is no such list",
            "no list has this id; it may have been deleted, or its time to be kept is over. GET /v1/lists names those there are",
        )
    }

    /// It cannot be done as things stand.
    pub fn conflict(kind: &str, detail: impl Into<String>) -> Problem {
        let title = "Not as things stand";
        Problem::new(StatusCode::CONFLICT, kind, title, detail)
    }

    /// There is no room for it now; in so many `seconds` there may be.
    pub fn busy(title: &'static str, detail: &str, seconds: u64) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, detail).later(seconds)
    }

    /// A fault of ours.
    pub fn fault(error: &dyn std::fmt::Display) -> Problem {
        tracing::error!("a request failed by a fault of ours: {error}");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "fault",
            "A fault of presend",
            "the log of the server says more; nothing that was learned is lost",
        )
    }

    /// What kind of problem it is, such as `no_list`.
    pub fn name(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// What it says to a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Its HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Problem {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no_room",
                "No room is left",
                "the disk of the server is full: delete lists that are done, or make room there",
            ),
            _ => Problem::fault(&error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let words = error.to_string();
        match error.kind() {
            ErrorKind::List => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no_list",
                "The list cannot be read",
                as_parameters(&words),
            ),
            ErrorKind::CannotAsk => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "cannot_ask",
                "No mail host can be asked from here",
                words,
            )
            .later(60),
            ErrorKind::Ledger => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger",
                "The ledger cannot be used",
                words,
            )
            .later(10),
            ErrorKind::Settings | ErrorKind::Fault => Problem::fault(&error),
        }
    }
}

/// Options of the command line, with the parameters that say the same here.
const PARAMETERS: [(&str, &str); 11] = [
    ("--column", "column"),
    ("--sheet", "sheet"),
    ("--delimiter", "delimiter"),
    ("--encoding", "encoding"),
    ("--unsaid", "unsaid"),
    ("--ip", "ips"),
    ("--selector", "selectors"),
    ("--from", "mail_from"),
    ("--sender-helo", "helo"),
    ("--helo", "helo"),
    ("--volume", "volume"),
];

/// Words that name options of the command line, with the parameters that say the same here.
pub fn as_parameters(words: &str) -> String {
    PARAMETERS
        .iter()
        .fold(words.to_owned(), |words, (option, parameter)| {
            words.replace(option, parameter)
        })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
