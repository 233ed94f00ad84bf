//! How messages are written: JSON, each with the version of the program that wrote it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version that messages are written in: that of the program up to its minor number, within which a message means
/// the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// This program's.
    #[must_use]
    pub fn ours() -> Self {
        Version(
            concat!(
                env!("CARGO_PKG_VERSION_MAJOR"),
                ".",
                env!("CARGO_PKG_VERSION_MINOR")
            )
            .to_owned(),
        )
    }

    /// As people write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Another one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn named(text: &str) -> Self {
        Version(text.to_owned())
    }
}

/// Why a message cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Another version of the program wrote it.
    #[error("it was written by presend {theirs}, this is {ours}", theirs = .0.as_str(), ours = Version::ours().as_str())]
    OtherVersion(Version),
    /// It is no message of this kind.
    #[error("it is no message of presend: {0}")]
    Malformed(String),
}

/// What every message begins with.
#[derive(Deserialize)]
struct Head {
    version: Version,
}

/// A message as it is written.
#[derive(Serialize)]
struct Written<'a, T> {
    version: Version,
    #[serde(flatten)]
    said: &'a T,
}

/// Writes a message.
///
/// # Panics
///
/// Never: messages are plain data.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let written = Written {
        version: Version::ours(),
        said: message,
    };
    serde_json::to_vec(&written).expect("plain data")
}

/// Reads a message.
///
/// # Errors
///
/// When it was written by another version, or is no such message.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    // The words of the JSON reader name places and fields, never what stands there.
    let malformed = |error: serde_json::Error| {
        Unreadable::Malformed(format!(
            "{:?} at line {}, column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    };
    let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
    if head.version != Version::ours() {
        return Err(Unreadable::OtherVersion(head.version));
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        words: String,
    }

    #[test]
    fn what_is_written_is_read_again() {
        let note = Note {
            words: "as it was".to_owned(),
        };
        assert_eq!(decode(&encode(&note)), Ok(note));
    }

    #[test]
    fn another_version_is_told_from_garbage() {
        let other = decode::<Note>(br#"{"version":"99.7","words":[1]}"#);
        assert_eq!(
            other,
            Err(Unreadable::OtherVersion(Version("99.7".to_owned())))
        );
        let ours = Version::ours();
        let spoilt = format!(r#"{{"version":"{}","words":[1]}}"#, ours.as_str());
        for garbage in ["", "\0\0", "[]", r#"{"words":"x"}"#, &spoilt] {
            let read = decode::<Note>(garbage.as_bytes());
            assert!(
                matches!(read, Err(Unreadable::Malformed(_))),
                "{garbage}: {read:?}"
            );
        }
    }

    #[test]
    fn words_about_garbage_name_nobody() {
        let ours = Version::ours();
        let spoilt = format!(
            r#"{{"version":"{}","words":{{"ann@acme.test":1}}}}"#,
            ours.as_str()
        );
        let Err(unreadable) = decode::<Note>(spoilt.as_bytes()) else {
            panic!("it cannot be read")
        };
        assert!(!unreadable.to_string().contains("ann"), "{unreadable}");
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_in_words() {
        let texts = error_texts!(Unreadable {
            OtherVersion(Version("99.7".to_owned())),
            Malformed("missing field `run`".to_owned()),
        });
        let texts = texts.replace(Version::ours().as_str(), "OURS");
        insta::assert_snapshot!(texts, @r"
        it was written by presend 99.7, this is OURS
        it is no message of presend: missing field `run`
        ");
    }
}
