//! DKIM keys in DNS: whether receivers can use them (RFC 6376 §3.6.1, RFC 8301, RFC 8463).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;

use crate::model::limits;

use crate::preflight::auth::der::rsa_bits;
use crate::preflight::auth::tags::{TagFault, Tags};

/// Verifiers take keys without their padding, so it is no fault.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Length of an Ed25519 public key, in bytes (RFC 8463 §4.2).
const ED25519_BYTES: usize = 32;

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum KeyKind {
    /// RSA, with the bits of its modulus.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// Ed25519 (RFC 8463), of one size.
    Ed25519,
}

/// A key that receivers can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its kind and size.
    #[serde(flatten)]
    pub kind: KeyKind,
    /// `t=y`: receivers treat signatures by it as if there were none.
    pub testing: bool,
    /// `t=s`: the signing identity must be exactly this domain.
    pub exact_domain: bool,
}

/// What a key record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRecord {
    /// A public key that receivers can use.
    Key(Key),
    /// An empty `p=`: the key is withdrawn.
    Revoked,
}

/// Why receivers cannot use a key record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is no list of tags.
    #[error("{0}")]
    Tags(#[from] TagFault),
    /// `v=` is not `DKIM1`, or not in front.
    #[error("v=DKIM1 must stand first, exactly so")]
    Version,
    /// There is no `p=`.
    #[error("the public key (p=) is missing")]
    NoKey,
    /// A key type that RFC 6376 and RFC 8463 do not define.
    #[error("k={0} is no known type of key")]
    KeyType(String),
    /// The key is not base64.
    #[error("the public key (p=) is not base64; it was probably cut or changed when it was pasted")]
    NotBase64,
    /// The key is base64, but not of an RSA key.
    #[error("the public key (p=) is no RSA key; it was probably cut when it was pasted")]
    NotRsa,
    /// An Ed25519 key of the wrong length.
    #[error("an Ed25519 key has 32 bytes, this one {0}")]
    NotEd25519(usize),
    /// Not for mail.
    #[error("s={0} says that the key is not for mail; it must hold email or *")]
    NotForMail(String),
    /// Only hashes that receivers no longer take.
    #[error("h={0} leaves out sha256, the only hash that receivers take (RFC 8301)")]
    NoHash(String),
}

/// Reads a key record.
///
/// # Errors
/// The first thing that keeps receivers from using it.
pub fn read_key(record: &[u8]) -> Result<KeyRecord, KeyFault> {
    let tags = Tags::parse(record)?;
    match tags.get("v") {
        // RFC 6376 §3.6.1: the version may be left out, else it must come first.
        None => {}
        Some("DKIM1") if tags.first() == Some(("v", "DKIM1")) => {}
        Some(_) => return Err(KeyFault::Version),
    }
    let lists = |name: &str, wanted: &[&str]| {
        tags.get(name).is_none_or(|list| {
            list.split(':')
                .any(|item| wanted.contains(&item.trim().to_ascii_lowercase().as_str()))
        })
    };
    if !lists("s", &["*", "email"]) {
        let services = tags.get("s").unwrap_or_default().to_owned();
        return Err(KeyFault::NotForMail(services));
    }
    if !lists("h", &["sha256"]) {
        return Err(KeyFault::NoHash(
            tags.get("h").unwrap_or_default().to_owned(),
        ));
    }
    let key: String = tags
        .get("p")
        .ok_or(KeyFault::NoKey)?
        .split_whitespace()
        .collect();
    if key.is_empty() {
        return Ok(KeyRecord::Revoked);
    }
    // Four characters of base64 hold three bytes.
    if key.len() / 4 * 3 > limits::DKIM_KEY_BYTES {
        return Err(KeyFault::NotRsa);
    }
    let bytes = BASE64.decode(&key).map_err(|_| KeyFault::NotBase64)?;
    let kind = match tags.get("k").unwrap_or("rsa") {
        "rsa" => KeyKind::Rsa {
            bits: rsa_bits(&bytes).ok_or(KeyFault::NotRsa)?,
        },
        "ed25519" if bytes.len() == ED25519_BYTES => KeyKind::Ed25519,
        "ed25519" => return Err(KeyFault::NotEd25519(bytes.len())),
        other => return Err(KeyFault::KeyType(other.to_owned())),
    };
    let flag = |wanted: &str| {
        tags.get("t")
            .is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == wanted))
    };
    Ok(KeyRecord::Key(Key {
        kind,
        testing: flag("y"),
        exact_domain: flag("s"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_fault_of_a_key_has_its_words() {
        let texts = error_texts!(KeyFault {
            Tags(TagFault::NoTag("rubbish".to_owned())),
            Version,
            NoKey,
            KeyType("dsa".to_owned()),
            NotBase64,
            NotRsa,
            NotEd25519(31),
            NotForMail("web".to_owned()),
            NoHash("sha1".to_owned()),
        });
        insta::assert_snapshot!(texts, @r#"
        "rubbish" is no tag=value
        v=DKIM1 must stand first, exactly so
        the public key (p=) is missing
        k=dsa is no known type of key
        the public key (p=) is not base64; it was probably cut or changed when it was pasted
        the public key (p=) is no RSA key; it was probably cut when it was pasted
        an Ed25519 key has 32 bytes, this one 31
        s=web says that the key is not for mail; it must hold email or *
        h=sha1 leaves out sha256, the only hash that receivers take (RFC 8301)
        "#);
    }
}
