//! What sending platforms write about the fate of messages: webhooks, queue entries, exports.
//!
//! `record` holds the fields of one event, whether it came as JSON or as a row of a `table`; `platform` knows the names
//! and words of platforms (`config/platforms.toml`), `says` one line of their documentation. An event becomes the
//! message that a mail system would have sent, so that everything is judged in one way.

mod name;
mod platform;
mod record;
mod says;
mod table;

use serde_json::Value;

use crate::bounce::dsn;
use crate::model::limits;

/// The events in a message whose words are JSON: notices of a platform that came by e-mail (Amazon SNS). None when
/// there are none.
#[must_use]
pub fn in_message(bytes: &[u8], platforms: &Platforms) -> Vec<Told> {
    // Most messages have no such words; looking for them costs less than taking the message apart again.
    if memchr::memmem::find(&bytes[..bytes.len().min(limits::MESSAGE_BYTES)], b"{\"").is_none() {
        return Vec::new();
    }
    let Some(text) = dsn::words_of(bytes) else {
        return Vec::new();
    };
    let Some(start) = text.find("{\"").or_else(|| text.find('{')) else {
        return Vec::new();
    };
    in_text(&text[start..], platforms)
}

/// The events in text that is JSON, or a table with a header by which it is known as a platform's. `None` for other
/// text.
#[must_use]
pub fn in_export(text: &str, platforms: &Platforms) -> Option<Vec<Told>> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        Some(in_text(text.trim_start(), platforms)).filter(|told| !told.is_empty())
    } else {
        table::events_of(text, platforms)
    }
}

/// The events in text that begins with JSON.
#[must_use]
pub fn in_text(text: &str, platforms: &Platforms) -> Vec<Told> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values
        .map_while(Result::ok)
        .take(limits::NOTICE_RECIPIENTS)
        .flat_map(|value| Record::of_json(&value))
        .filter_map(|record| record.read(platforms))
        .filter(|told| !told.unsaid)
        .take(limits::NOTICE_RECIPIENTS)
        .collect()
}

pub use platform::Platforms;
pub use record::{Record, Told};
pub use table::{Rows, fields_of, recipient_column};
