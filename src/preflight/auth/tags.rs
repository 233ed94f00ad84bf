//! Lists of `tag=value;`, the form of DKIM, DMARC, MTA-STS, TLS-RPT and BIMI records (RFC 6376 §3.2).

use crate::preflight::lookup::shown;

/// Why text is no list of tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagFault {
    /// A part has no `=` or no proper name before it.
    #[error("\"{0}\" is no tag=value")]
    NoTag(String),
    /// A tag is there twice.
    #[error("the tag {0}= is there twice")]
    Twice(String),
}

/// Tags in the order in which they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Reads a list. White space around names and values is not part of them.
    ///
    /// # Errors
    /// The first part that is no tag, or a tag that comes twice.
    pub fn parse(bytes: &[u8]) -> Result<Tags, TagFault> {
        let (tags, faults) = Tags::parse_leniently(bytes);
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(tags),
        }
    }

    /// Reads what can be read of a list: parts that are no tags are left out, of a tag that comes twice the first
    /// counts. The second value says what was left out.
    #[must_use]
    pub fn parse_leniently(bytes: &[u8]) -> (Tags, Vec<TagFault>) {
        let text = String::from_utf8_lossy(bytes);
        let mut tags: Vec<(String, String)> = Vec::new();
        let mut faults = Vec::new();
        let mut parts: Vec<&str> = text.split(';').collect();
        if parts.last().is_some_and(|last| last.trim().is_empty()) {
            parts.pop();
        }
        for part in parts {
            let Some((name, value)) = named(part) else {
                faults.push(TagFault::NoTag(shown(part.trim().as_bytes())));
                continue;
            };
            if tags.iter().any(|(known, _)| known == name) {
                faults.push(TagFault::Twice(name.to_owned()));
                continue;
            }
            tags.push((name.to_owned(), value.to_owned()));
        }
        (Tags(tags), faults)
    }

    /// All tags, in the order in which they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The tag that stands first.
    #[must_use]
    pub fn first(&self) -> Option<(&str, &str)> {
        let (name, value) = self.0.first()?;
        Some((name, value))
    }
}

/// The name and the value of one part of a list.
fn named(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let name = name.trim();
    let proper = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    proper.then(|| (name, value.trim()))
}

/// Whether a record begins with `v=VERSION` and then a `;` or nothing, white space aside.
#[must_use]
pub fn begins_with_version(bytes: &[u8], version: &str) -> bool {
    let end = bytes.iter().position(|&b| b == b';').unwrap_or(bytes.len());
    let first = String::from_utf8_lossy(&bytes[..end]);
    let split = first.split_once('=');
    split.is_some_and(|(name, value)| name.trim() == "v" && value.trim() == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn tags_are_read_whatever_the_white_space() {
        let tags = Tags::parse(b" v = DKIM1 ;\tk=rsa; p=AB CD ; ").unwrap();
        assert_eq!(tags.first(), Some(("v", "DKIM1")));
        assert_eq!(tags.get("p"), Some("AB CD"));
        assert_eq!(tags.get("t"), None);
    }

    #[test]
    fn what_is_no_tag_is_named() {
        for (text, fault) in [
            ("v=DKIM1; p", TagFault::NoTag("p".into())),
            ("v=DKIM1;; p=A", TagFault::NoTag(String::new())),
            ("v=DKIM1; 1p=A", TagFault::NoTag("1p=A".into())),
            ("p=A; p=B", TagFault::Twice("p".into())),
        ] {
            assert_eq!(Tags::parse(text.as_bytes()), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_version_must_come_first_and_whole() {
        assert!(begins_with_version(b"v=DMARC1; p=none", "DMARC1"));
        assert!(begins_with_version(b"v = DMARC1", "DMARC1"));
        assert!(!begins_with_version(b"v=DMARC10; p=none", "DMARC1"));
        assert!(!begins_with_version(b"p=none; v=DMARC1", "DMARC1"));
    }

    #[test]
    fn every_fault_of_a_list_of_tags_has_its_words() {
        let texts = error_texts!(TagFault {
            NoTag("rubbish".to_owned()),
            Twice("p".to_owned()),
        });
        insta::assert_snapshot!(texts, @r#"
        "rubbish" is no tag=value
        the tag p= is there twice
        "#);
    }
}
