//! What the pages say in each language, read from `config/texts/`.

use axum::http::{HeaderMap, header};
use include_dir::{Dir, File, include_dir};
use serde_json::{Map, Value};

use crate::model::reason::Reason;

/// A table a language, each named by its tag: another language is another file.
static TABLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config/texts");

/// The language that a user who has none of them is shown.
const FIRST: &str = "en";

/// The name of the cookie that remembers a language which a person chose.
pub const COOKIE: &str = "presend_language";

/// A language.
#[derive(Debug)]
pub struct Language {
    /// Its tag, such as `de` (RFC 5646).
    pub code: &'static str,
    /// What it calls itself.
    pub name: String,
    /// All it says.
    pub texts: Map<String, Value>,
}

/// All languages: the first one, then the others by their tags.
///
/// # Panics
///
/// When a table of ours is none, which a test rules out.
pub fn languages() -> Vec<Language> {
    let tag = |file: &File<'static>| file.path().file_stem()?.to_str();
    let mut tables: Vec<(&'static str, &'static str)> = TABLES
        .files()
        .filter_map(|file| Some((tag(file)?, file.contents_utf8()?)))
        .collect();
    tables.sort_by_key(|(code, _)| (*code != FIRST, *code));
    tables
        .into_iter()
        .map(|(code, table)| {
            let mut texts: Map<String, Value> =
                toml::from_str(table).expect("a table of texts is TOML");
            add(&mut texts, "reason", Reason::in_plain_words);
            // Where nothing is said of it, pages show the program's own words.
            add(&mut texts, "advice", |_| "");
            let name = texts.get("name").and_then(Value::as_str);
            Language {
                code,
                name: name.unwrap_or(code).to_owned(),
                texts,
            }
        })
        .collect()
}

/// Adds to a part of a table what it does not say of each reason.
fn add(texts: &mut Map<String, Value>, part: &str, words: impl Fn(Reason) -> &'static str) {
    let said = texts.entry(part).or_insert_with(|| Map::new().into());
    if let Some(said) = said.as_object_mut() {
        for &reason in Reason::ALL {
            let words = || Value::from(words(reason));
            said.entry(reason.as_str().to_owned()).or_insert_with(words);
        }
    }
}

/// The place among `codes` of the language that a person wants: the one that was `asked` for, else the one that was
/// chosen before, else what the browser prefers (RFC 9110 §12.5.4); the first one where none of these is there.
pub fn wanted(codes: &[&str], asked: Option<&str>, headers: &HeaderMap) -> usize {
    let known = |tag: &str| {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        codes
            .iter()
            .position(|code| code.eq_ignore_ascii_case(primary))
    };
    asked
        .and_then(known)
        .or_else(|| chosen_before(headers).and_then(known))
        .or_else(|| preferred(headers).iter().find_map(|tag| known(tag)))
        .unwrap_or(0)
}

/// What the cookie remembers.
fn chosen_before(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The tags that the browser prefers, the dearest first; those with the weight 0 are not wanted.
fn preferred(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let mut tags: Vec<(&str, f32)> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = match weight.trim().strip_prefix("q=") {
                Some(weight) => weight.trim().parse().ok()?,
                None => 1.0,
            };
            (weight > 0.0).then_some((tag.trim(), weight))
        })
        .collect();
    tags.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use regex::Regex;

    use super::*;

    /// The values that each text of a table names, by the text's path; forms of a plural are one text.
    fn texts(at: &str, value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(parts) if !parts.contains_key("other") => {
                for (name, part) in parts {
                    texts(&format!("{at}.{name}"), part, found);
                }
            }
            Value::Object(forms) => {
                for form in forms.values() {
                    texts(at, form, found);
                }
            }
            text => {
                let text = text.as_str().expect("a text");
                let names = Regex::new(r"\{(\w+)\}").unwrap();
                let names = names.captures_iter(text).map(|name| name[1].to_owned());
                found.entry(at.to_owned()).or_default().extend(names);
            }
        }
    }

    #[test]
    fn every_language_says_the_same_with_the_same_values() {
        let all = languages();
        let codes: Vec<&str> = all.iter().map(|language| language.code).collect();
        assert_eq!(codes, ["en", "de"]);
        let of = |language: &Language| {
            let mut found = BTreeMap::new();
            texts("", &Value::Object(language.texts.clone()), &mut found);
            found
        };
        let first = of(&all[0]);
        assert!(first.len() > 200, "the texts are read");
        for other in &all[1..] {
            let other_texts = of(other);
            let paths = |texts: &BTreeMap<String, BTreeSet<String>>| -> BTreeSet<String> {
                texts.keys().cloned().collect()
            };
            assert_eq!(paths(&other_texts), paths(&first), "{}", other.code);
            for (path, values) in &other_texts {
                assert_eq!(values, &first[path], "{}: {path}", other.code);
            }
        }
    }

    /// What the vocabulary says is English; a user who reads another language reads that.
    #[test]
    fn every_language_but_english_has_words_of_its_own_for_each_reason() {
        for language in &languages()[1..] {
            for reason in Reason::ALL {
                let words = language.texts["reason"][reason.as_str()].as_str();
                assert_ne!(
                    words,
                    Some(reason.in_plain_words()),
                    "{}: {reason}",
                    language.code
                );
            }
        }
    }

    /// What a sender is told to do about a bounce is read by people, in their language.
    #[test]
    fn every_language_but_english_has_advice_for_whatever_a_sender_can_mend() {
        for language in &languages()[1..] {
            for reason in Reason::ALL {
                let said = language.texts["advice"][reason.as_str()].as_str();
                let is_senders = reason.blame() == crate::model::reason::Blame::Sender;
                assert!(
                    !is_senders || said != Some(""),
                    "{}: {reason}",
                    language.code
                );
            }
        }
    }

    /// A problem that the interface tells of without a word for it would be read as "it did not work".
    #[test]
    fn pages_have_words_for_each_problem() {
        let kinds = Regex::new(r#"(?s)Problem::(?:new\(\s*StatusCode::\w+,|conflict\()\s*"(\w+)""#)
            .unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve");
        let mut folders = vec![root];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let text = std::fs::read_to_string(path).unwrap();
                    for found in kinds.captures_iter(&text) {
                        count += 1;
                        for language in languages() {
                            let words = &language.texts["problem"][&found[1]];
                            assert!(words.is_string(), "{}: {}", language.code, &found[1]);
                        }
                    }
                }
            }
        }
        assert!(count > 20, "the sources are read");
    }

    #[test]
    fn a_person_is_shown_the_language_that_is_asked_for_or_was_chosen_or_the_browser_prefers() {
        let codes = ["en", "de", "pt"];
        for (asked, cookie, accepted, expected) in [
            (None, None, None, "en"),
            (None, None, Some("de-AT,de;q=0.9,en;q=0.8"), "de"),
            (None, None, Some("en;q=0.5, de;q=0.7"), "de"),
            (None, None, Some("fr, pt-BR;q=0.3"), "pt"),
            (None, None, Some("de;q=0, *"), "en"),
            (None, None, Some("de;q=x"), "en"),
            (None, Some("a=b; presend_language=de"), Some("en"), "de"),
            (None, Some("presend_language=xx"), Some("de"), "de"),
            (Some("en"), Some("presend_language=de"), Some("de"), "en"),
            (Some("../x"), None, Some("de"), "de"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(cookie) = cookie {
                headers.insert(header::COOKIE, cookie.parse().unwrap());
            }
            if let Some(accepted) = accepted {
                headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
            }
            let place = wanted(&codes, asked, &headers);
            assert_eq!(codes[place], expected, "{asked:?} {cookie:?} {accepted:?}");
        }
    }
}
