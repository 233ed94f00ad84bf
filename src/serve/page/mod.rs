//! The pages for people: drop a list, watch it, take what came of it; tools.
//!
//! They hold no data: what they show, scripts fetch from the interface below `/v1`. So they are written once when the
//! server starts. Their links are relative, so they stand below any path.

mod texts;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Deserialize;

use crate::model::page::{STYLE, pages};
use texts::{COOKIE, Language, languages, wanted};

/// What stands on every page.
const BASE: &str = include_str!("base.html");

/// A page: its name, where its title stands in the texts, what is on it.
struct Kind {
    name: &'static str,
    title: (&'static str, &'static str),
    template: &'static str,
}

const HOME: Kind = Kind {
    name: "home",
    title: ("home", "title"),
    template: include_str!("home.html"),
};

const LIST: Kind = Kind {
    name: "list",
    title: ("home", "list"),
    template: include_str!("list.html"),
};

const TOOLS: Kind = Kind {
    name: "tools",
    title: ("tools", "title"),
    template: include_str!("tools.html"),
};

const SCRIPT: &str = "text/javascript; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";

/// What pages load: its name, its type, itself.
const FILES: [(&str, &str, &str); 8] = [
    ("page.css", SHEET, STYLE),
    ("serve.css", SHEET, include_str!("serve.css")),
    ("common.js", SCRIPT, include_str!("common.js")),
    ("evidence.js", SCRIPT, include_str!("evidence.js")),
    ("home.js", SCRIPT, include_str!("home.js")),
    ("list.js", SCRIPT, include_str!("list.js")),
    ("tools.js", SCRIPT, include_str!("tools.js")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// What a page may load and reach: our own files and the interface, nothing written into the page (CSP Level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The first page, which stands at the path that all others are below of.
pub fn home<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    page(written(&HOME))
}

/// The other pages, and what they load.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let (list, tools) = (written(&LIST), written(&TOOLS));
    Router::new()
        .route("/list", page(list))
        .route("/tools", page(tools))
        .route("/page/{file}", get(file))
}

/// A page in every language.
type Written = Arc<[(&'static str, String)]>;

/// Writes a page in every language.
///
/// # Panics
///
/// When a template of ours cannot be filled, which a test rules out.
fn written(kind: &Kind) -> Written {
    let languages = languages();
    let environment = pages();
    let names: Vec<Value> = languages
        .iter()
        .map(|language| context! { code => language.code, name => &*language.name })
        .collect();
    let in_language =
        |language: &Language| (language.code, filled(&environment, kind, language, &names));
    languages.iter().map(in_language).collect()
}

fn filled(
    environment: &Environment<'_>,
    kind: &Kind,
    language: &Language,
    names: &[Value],
) -> String {
    let texts = Value::from(Serde(&language.texts));
    let render = |template, values| {
        environment
            .render_str(template, values)
            .expect("a page can be written")
    };
    let content = render(kind.template, context! { t => texts.clone() });
    let (part, title) = kind.title;
    // In a script element only a `<` could end it (HTML §13.2.6.4).
    let told = serde_json::Value::Object(language.texts.clone())
        .to_string()
        .replace('<', "\\u003c");
    let values = context! {
        t => texts,
        lang => language.code,
        languages => names,
        page => kind.name,
        title => language.texts[part][title].as_str(),
        texts => Value::from_safe_string(told),
        content => Value::from_safe_string(content),
    };
    render(BASE, values)
}

/// What may be said with a page's address.
#[derive(Debug, Default, Deserialize)]
struct Said {
    /// The language that a person chose just now.
    lang: Option<String>,
}

fn page<S: Clone + Send + Sync + 'static>(written: Written) -> MethodRouter<S> {
    get(async move |uri: Uri, headers: HeaderMap| -> Response {
        // An address with something else in it is an address of the page too.
        let Query(said) = Query::<Said>::try_from_uri(&uri).unwrap_or_default();
        let codes: Vec<&str> = written.iter().map(|(code, _)| *code).collect();
        let (code, text) = &written[wanted(&codes, said.lang.as_deref(), &headers)];
        let mut response = answer("text/html; charset=utf-8", text.clone());
        let told = response.headers_mut();
        told.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(code));
        told.insert(
            header::VARY,
            HeaderValue::from_static("Accept-Language, Cookie"),
        );
        // Kept for a year; without a path, it holds for the pages beside this one (RFC 6265 §5.1.4).
        let cookie = format!("{COOKIE}={code}; Max-Age=31536000; SameSite=Strict; HttpOnly");
        if let Some(cookie) = said.lang.and_then(|_| HeaderValue::try_from(cookie).ok()) {
            told.insert(header::SET_COOKIE, cookie);
        }
        response
    })
}

async fn file(Path(name): Path<String>) -> Response {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    match found {
        Some((_, kind, text)) => answer(kind, *text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An answer that nothing but a browser's own page may use, and that is asked for again after an update.
fn answer(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    /// What is written into a page neither runs nor styles: the policy forbids it, so it would be lost.
    #[test]
    fn pages_hold_no_script_and_no_style_of_their_own() {
        let own = Regex::new(r"<style|\sstyle=|\son\w+=|<script>|javascript:|https?://").unwrap();
        for kind in [&HOME, &LIST, &TOOLS] {
            for (language, text) in written(kind).iter() {
                let page = text.split("</script>").last().unwrap();
                let found = own.find(page).map(|found| found.as_str());
                assert_eq!(found, None, "{} in {language}", kind.name);
                assert!(page.contains("</html>"), "{} in {language}", kind.name);
            }
        }
    }

    /// A template or script that asks for a text or an element which is not there fails only when a person comes to it.
    #[test]
    fn pages_name_texts_and_elements_that_are_there() {
        let texts = languages().remove(0).texts;
        let filled = Regex::new(r"\bt\.(\w+)\.(\w+)").unwrap();
        for template in [BASE, HOME.template, LIST.template, TOOLS.template] {
            for found in filled.captures_iter(template) {
                assert!(texts[&found[1]][&found[2]].is_string(), "{}", &found[0]);
            }
        }
        let said = Regex::new(r#"say\("(\w+)\.(\w+)""#).unwrap();
        let parts = Regex::new(r#"(?:part|write|choose|form)\("([\w-]+)""#).unwrap();
        let mut count = 0;
        for (name, kind, text) in FILES {
            if kind != SCRIPT {
                continue;
            }
            for found in said.captures_iter(text) {
                count += 1;
                assert!(
                    !texts[&found[1]][&found[2]].is_null(),
                    "{name}: {}",
                    &found[0]
                );
            }
            let template = match name {
                "home.js" => HOME.template,
                "list.js" => LIST.template,
                "tools.js" => TOOLS.template,
                _ => "",
            };
            for found in parts.captures_iter(text) {
                let id = format!("id=\"{}\"", &found[1]);
                assert!(template.contains(&id) || BASE.contains(&id), "{name}: {id}");
            }
        }
        assert!(count > 50, "the scripts are read");
    }
}
