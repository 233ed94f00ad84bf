//! `report.html`: one file that needs nothing else.
//!
//! Its first page is for the client ([`front`](super::front)), what follows for a reader who works with the list
//! ([`detail`](super::detail)).

use minijinja::context;

use super::Report;
use super::detail::{LONGEST_NAME, detail};
use super::front::front;
use crate::model::page::{STYLE, pages};
use crate::model::text::shortened;

/// The reader whom a page is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// The client's page, then everything for a reader who works with the list.
    #[default]
    Full,
    /// The client's page and where its numbers come from.
    Client,
}

/// `report.html`, or the client's edition of it.
///
/// # Panics
///
/// Never: the page that comes with the program is well formed, which tests see to.
#[must_use]
pub fn html(report: &Report, edition: Edition) -> String {
    let list = shortened(&report.list.path, LONGEST_NAME);
    let title = match &report.title {
        Some(title) => shortened(title, LONGEST_NAME),
        None => format!("presend: {list}"),
    };
    let mut pages = pages();
    pages
        .add_template("page.html", include_str!("page.html"))
        .and_then(|()| {
            let detail = match edition {
                Edition::Full => Some(detail(report)),
                Edition::Client => None,
            };
            pages.get_template("page.html")?.render(context! {
                style => STYLE,
                title,
                list,
                program => report.program.clone(),
                front => front(report),
                detail,
            })
        })
        .expect("the page that comes with the program is well formed")
}
