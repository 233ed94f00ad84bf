//! How the pages look that we write for a browser, and what they let through.
//!
//! One style sheet for all of them: light, dark, phone, print. Everything that comes from outside goes through one
//! formatter, which makes control characters and bidirectional marks harmless, then escapes.

use minijinja::{AutoEscape, Environment, Value, escape_formatter};

use crate::model::text::tame;

/// The style sheet of every page.
pub const STYLE: &str = include_str!("page.css");

/// An environment in which only what is marked as ours is markup.
#[must_use]
pub fn pages() -> Environment<'static> {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(tame(text))),
        Some(_) | None => escape_formatter(out, state, value),
    });
    pages
}
