//! One at a time: a lock on a place that two runs must not share, which the system lets go when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::Holder;
use crate::model::timestamp::Timestamp;

/// A lock that is held until it is dropped. Its file says who holds it; the lock itself belongs to the open file, so
/// one whose holder was killed is free again (`flock`).
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// Why a lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is in use{}", .path.display(), held_by(.holder.as_ref()))]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// That process, where the file names it.
        holder: Option<Holder>,
    },
    /// The lock's file cannot be made.
    #[error("cannot lock {}: {error}", .path.display())]
    Failed {
        /// The lock's file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

fn held_by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

impl Lock {
    /// Takes the lock whose file is `path`, in the name of this process, for `work` (as the holder of a lock is shown).
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] with the holder, [`LockError::Failed`] where no file can be made.
    pub fn take(path: &Path, work: &str, now: Timestamp) -> Result<Self, LockError> {
        let failed = |error| LockError::Failed {
            path: path.to_owned(),
            error,
        };
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held {
                        path: path.to_owned(),
                        holder: read(&mut file),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Its last holder may have removed the file between our opening and our locking it.
            if !is_at(&file, path) {
                continue;
            }
            let process = std::process::id();
            let text = format!("process {process}\nsince {now}\nwork {work}\n");
            file.set_len(0)
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(failed)?;
            return Ok(Lock {
                path: path.to_owned(),
                _file: file,
            });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still ours; a process that opened it meanwhile sees that it is gone.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether an open file is the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// The holder of a lock, as its file names it.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    Some(Holder {
        process: field("process")?.parse().ok()?,
        since: field("since")?.parse().ok()?,
        work: field("work")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn a_lock_has_one_holder_who_is_named_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let now: Timestamp = "2026-03-02T03:00:00Z".parse().unwrap();
        let lock = Lock::take(&path, "verify leads.csv", now).unwrap();
        let error = Lock::take(&path, "verify", now).unwrap_err().to_string();
        let process = format!("process {}", std::process::id());
        for part in [process.as_str(), "2026-03-02T03:00:00Z", "verify leads.csv"] {
            assert!(error.contains(part), "{error}");
        }
        drop(lock);
        assert!(!path.exists(), "nothing is left behind");
        Lock::take(&path, "verify", now).unwrap();
    }

    #[test]
    fn the_file_of_a_dead_holder_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(
            &path,
            "process 1\nsince 2026-03-02T03:00:00Z\nwork verify\n",
        )
        .unwrap();
        Lock::take(&path, "verify", Timestamp::default()).unwrap();
    }

    #[test]
    fn every_error_says_what_stands_in_the_way() {
        let holder = Holder {
            process: 4711,
            since: Timestamp::from_millis(1_700_000_000_000),
            work: "presend verify leads.csv".to_owned(),
        };
        let texts = error_texts!(LockError {
            Held { path: "lists/.presend.lock".into(), holder: Some(holder) },
            Failed { path: "lists/.presend.lock".into(), error: io::ErrorKind::PermissionDenied.into() },
        });
        insta::assert_snapshot!(texts, @r"
        lists/.presend.lock is in use by process 4711 since 2023-11-14T22:13:20Z (presend verify leads.csv)
        cannot lock lists/.presend.lock: permission denied
        ");
    }
}
