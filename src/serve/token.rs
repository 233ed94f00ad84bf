//! Tokens: who may ask for what. A file holds them hashed; the token itself is shown once, when it is made.
//!
//! A file that was changed counts at once: it is looked at whenever a token is. A line of it is `SCOPES HASH NAME`: what it is good for (`check`, `lists`, `admin`, joined by commas), its
//! SHA-256 in hexadecimal digits, what it is called. Lines that begin with `#` are comments.

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{hex, random};

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Single addresses, replies, domains.
    Check,
    /// Lists as well.
    Lists,
    /// Everything: what is remembered, who is suppressed, the numbers of the server.
    Admin,
}

impl Scope {
    const ALL: [Scope; 3] = [Scope::Check, Scope::Lists, Scope::Admin];

    /// The name used in files and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Check => "check",
            Scope::Lists => "lists",
            Scope::Admin => "admin",
        }
    }

    /// Whether it covers what needs `wanted`.
    #[must_use]
    pub fn covers(self, wanted: Scope) -> bool {
        match (self, wanted) {
            (Scope::Admin, _) | (Scope::Lists, Scope::Lists | Scope::Check) => true,
            (Scope::Check, Scope::Check) => true,
            (Scope::Check, Scope::Lists | Scope::Admin) | (Scope::Lists, Scope::Admin) => false,
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Scope, String> {
        let named = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
        named.ok_or_else(|| format!("`{word}` is no scope: write check, lists or admin"))
    }
}

/// What is wrong with a file of tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or written.
    #[error("cannot use the tokens in {}: {error}; name another file with --token-file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A line of it is no token.
    #[error(
        "{}:{line}: a line is `SCOPES HASH NAME`, such as `check,lists 9f86d0... crm`; make one with --new-token",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// There is none in it.
    #[error("{}: no token is in it; make one with --new-token admin", path.display())]
    None {
        /// The file.
        path: PathBuf,
    },
}

/// A token as it is known.
#[derive(Clone, Debug)]
struct Known {
    digest: [u8; 32],
    scope: Scope,
}

/// The tokens of a file, as it was read.
#[derive(Clone, Debug, Default)]
struct Tokens(Vec<Known>);

/// A file of tokens, as it is now.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    held: RwLock<Held>,
}

/// What was read of a file, and how the file looked then.
#[derive(Debug)]
struct Held {
    look: Option<Look>,
    tokens: Tokens,
}

/// How a file looks from outside: another one looks otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    changed: SystemTime,
    length: u64,
    inode: u64,
}

impl Look {
    fn at(path: &Path) -> Option<Look> {
        let metadata = fs::metadata(path).ok()?;
        Some(Look {
            changed: metadata.modified().ok()?,
            length: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

/// A user's token, as it is remembered while they are signed in.
pub type Mark = [u8; 32];

impl TokenFile {
    /// Reads a file of tokens.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with the line that is no token, or when there is none.
    pub fn open(path: &Path) -> Result<TokenFile, TokenError> {
        let look = Look::at(path);
        let tokens = Tokens::read(path)?;
        Ok(TokenFile {
            path: path.to_owned(),
            held: RwLock::new(Held { look, tokens }),
        })
    }

    /// Makes a token, and adds it to the file at `path`, which is made where there is none. Returns it: it is nowhere
    /// else.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or there is no randomness.
    pub fn make(path: &Path, scope: Scope, name: &str) -> Result<String, TokenError> {
        Tokens::make(path, scope, name)
    }

    /// What a token is good for, with its mark; `None` where it is not in the file.
    #[must_use]
    pub fn known(&self, token: &str) -> Option<(Scope, Mark)> {
        let mark = hashed(token.as_bytes());
        Some((self.still(&mark)?, mark))
    }

    /// What the token with this mark is good for; `None` where it is not in the file any more.
    #[must_use]
    pub fn still(&self, mark: &Mark) -> Option<Scope> {
        self.look_again();
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.tokens.scope_of(mark)
    }

    /// Reads the file again if it was changed. While it cannot be read, or a line of it is no token, the tokens that it
    /// held count; where it holds none any more, none does.
    fn look_again(&self) {
        let look = Look::at(&self.path);
        let is_as_it_was = |held: &Held| held.look == look;
        if is_as_it_was(&self.held.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let read = Tokens::read(&self.path);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        // It is said once for each change.
        held.look = look;
        match read {
            Ok(tokens) => held.tokens = tokens,
            Err(error @ TokenError::None { .. }) => {
                held.tokens = Tokens::default();
                tracing::warn!("nobody gets in any more: {error}");
            }
            Err(error) => tracing::warn!("the tokens known before still count: {error}"),
        }
    }
}

/// The hash of a secret.
#[must_use]
pub fn hashed(secret: &[u8]) -> [u8; 32] {
    let hash = digest(&SHA256, secret);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
#[must_use]
pub fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differs = |seen: u8, (a, b): (&u8, &u8)| black_box(seen | (a ^ b));
    one.iter().zip(other).fold(0, differs) == 0
}

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with the line that is no token, or when there is none.
    fn read(path: &Path) -> Result<Tokens, TokenError> {
        let text = fs::read_to_string(path).map_err(|error| TokenError::File {
            path: path.to_owned(),
            error,
        })?;
        let mut known = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            known.push(read(text).ok_or_else(|| TokenError::Line {
                path: path.to_owned(),
                line,
            })?);
        }
        if known.is_empty() {
            Err(TokenError::None {
                path: path.to_owned(),
            })
        } else {
            Ok(Tokens(known))
        }
    }

    /// Makes a token, and adds it to the file at `path`, which is made where there is none. Returns it: it is nowhere
    /// else.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or there is no randomness.
    fn make(path: &Path, scope: Scope, name: &str) -> Result<String, TokenError> {
        let failed = |error| TokenError::File {
            path: path.to_owned(),
            error,
        };
        let token = format!("presend_{}", hex(&random::<24>().map_err(failed)?));
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let line = format!(
            "{} {} {name}\n",
            scope.as_str(),
            hex(&hashed(token.as_bytes()))
        );
        file.write_all(line.as_bytes()).map_err(failed)?;
        Ok(token)
    }

    /// What a token is good for, by its hash; `None` where it is not known. All of them are looked at, whichever it is.
    fn scope_of(&self, hash: &[u8; 32]) -> Option<Scope> {
        let mut found = None;
        for known in &self.0 {
            if is_same(&known.digest, hash) {
                found = found.max(Some(known.scope));
            }
        }
        found
    }
}

/// Reads a line: the largest of its scopes counts, for each covers those before it.
fn read(line: &str) -> Option<Known> {
    let mut words = line.split_ascii_whitespace();
    let scopes = words.next()?.split(',').map(Scope::from_str);
    let scope = scopes
        .collect::<Result<Vec<_>, _>>()
        .ok()?
        .into_iter()
        .max()?;
    let hash = words
        .next()
        .filter(|hash| hash.len() == 64 && hash.is_ascii())?;
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hash[at..at + 2], 16).ok()?;
    }
    Some(Known { digest, scope })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let check = Tokens::make(&file, Scope::Check, "form").unwrap();
        let admin = Tokens::make(&file, Scope::Admin, "me").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&check) && !text.contains(&admin), "{text}");
        let tokens = TokenFile::open(&file).unwrap();
        let scope_of = |token: &str| tokens.known(token).map(|(scope, _)| scope);
        assert_eq!(scope_of(&check), Some(Scope::Check));
        assert_eq!(scope_of(&admin), Some(Scope::Admin));
        for other in ["", "presend_", &check[1..], &format!("{check}0")] {
            assert_eq!(scope_of(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_file_that_was_changed_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let first = Tokens::make(&file, Scope::Check, "form").unwrap();
        let tokens = TokenFile::open(&file).unwrap();
        let (_, mark) = tokens.known(&first).unwrap();
        let second = Tokens::make(&file, Scope::Lists, "crm").unwrap();
        assert_eq!(
            tokens.known(&second).map(|(scope, _)| scope),
            Some(Scope::Lists)
        );
        let text = fs::read_to_string(&file).unwrap();
        let without: Vec<&str> = text.lines().skip(1).collect();
        fs::write(&file, without.join("\n")).unwrap();
        assert_eq!((tokens.known(&first), tokens.still(&mark)), (None, None));
        for broken in [Some("nonsense"), None] {
            match broken {
                Some(text) => fs::write(&file, text).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            assert!(tokens.known(&second).is_some(), "{broken:?}");
            assert!(tokens.known(&first).is_none(), "{broken:?}");
        }
        fs::write(&file, "# nobody\n").unwrap();
        assert_eq!(tokens.known(&second), None, "all of them were taken out");
    }

    #[test]
    fn a_line_that_is_no_token_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let hash = hex(&hashed(b"secret"));
        for (text, wanted) in [
            (format!("# ours\n\ncheck,lists {hash} crm\n"), ""),
            (format!("root {hash} crm"), ":1: "),
            (format!("\ncheck {}", &hash[1..]), ":2: "),
            ("check secret".to_owned(), ":1: "),
            ("# none".to_owned(), "no token"),
        ] {
            fs::write(&file, &text).unwrap();
            match Tokens::read(&file) {
                Ok(tokens) => {
                    assert_eq!(wanted, "");
                    assert_eq!(tokens.scope_of(&hashed(b"secret")), Some(Scope::Lists));
                }
                Err(error) => assert!(
                    error.to_string().contains(wanted) && !wanted.is_empty(),
                    "{error}"
                ),
            }
        }
    }

    #[test]
    fn a_scope_covers_those_before_it() {
        for (at, scope) in Scope::ALL.into_iter().enumerate() {
            for (other, wanted) in Scope::ALL.into_iter().enumerate() {
                assert_eq!(scope.covers(wanted), at >= other);
            }
        }
    }

    #[test]
    fn every_error_says_what_to_change() {
        let path = || PathBuf::from("tokens");
        let texts = error_texts!(TokenError {
            File { path: path(), error: io::ErrorKind::PermissionDenied.into() },
            Line { path: path(), line: 2 },
            None { path: path() },
        });
        insta::assert_snapshot!(texts, @r"
        cannot use the tokens in tokens: permission denied; name another file with --token-file
        tokens:2: a line is `SCOPES HASH NAME`, such as `check,lists 9f86d0... crm`; make one with --new-token
        tokens: no token is in it; make one with --new-token admin
        ");
    }
}
