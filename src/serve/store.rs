//! Lists on disk: each in a folder of its own under a name that we draw, so that no text of a user's becomes a path.
//!
//! A list is there once its record is: what a killed server had begun to receive is swept away.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::choices::Choices;
use crate::ledger::{Lock, LockError};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::verify::output::{self, OutletError, Rights};

/// What names a list: 32 digits and letters that nobody guesses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
pub struct Id(String);

impl Id {
    /// A new one.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn draw() -> io::Result<Id> {
        Ok(Id(hex(&random::<16>()?)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Id, Self::Error> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(is_digit) {
            Ok(Id(text))
        } else {
            Err("no id of a list")
        }
    }
}

/// Bytes that nobody guesses.
///
/// # Errors
///
/// When the system has no randomness.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system has no randomness"))?;
    Ok(bytes)
}

/// Bytes as digits and letters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a list is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its turn.
    Queued,
    /// It is asked about.
    Running,
    /// It rests until it is resumed; what is known by then can be downloaded.
    Paused,
    /// It is done; its lists and its report can be downloaded.
    Done,
    /// It broke off; `problem` says why and what to change. It can be resumed.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] = [
        State::Queued,
        State::Running,
        State::Paused,
        State::Done,
        State::Failed,
    ];

    /// The name used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Paused => "paused",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
}

/// What is done with a list when its turn comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Every address is asked about.
    #[default]
    Verify,
    /// A sample is, and what the list comes to is projected from it.
    Estimate,
}

/// A list as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The version of this shape.
    pub schema: u32,
    /// Its name with us.
    pub id: Id,
    /// Its name with its owner.
    pub name: String,
    /// What it is at.
    pub state: State,
    /// What is done with it.
    pub work: Work,
    /// Its size as it was sent.
    pub bytes: u64,
    /// When it was sent.
    pub made: Timestamp,
    /// When its turn came.
    pub began: Option<Timestamp>,
    /// When it was done.
    pub ended: Option<Timestamp>,
    /// How it is read and judged.
    pub choices: Choices,
    /// How the asking ended.
    pub ending: Option<Ending>,
    /// What it came to.
    pub result: Option<serde_json::Value>,
    /// What a sample of it came to.
    pub estimate: Option<serde_json::Value>,
    /// Why it broke off.
    pub problem: Option<String>,
    /// What kind of problem that is, as answers name it.
    #[serde(default)]
    pub problem_kind: Option<String>,
    /// Whether its lists are there.
    pub has_lists: bool,
    /// What parts the fields of its lists.
    pub delimiter: u8,
    /// The key under which it was sent, hashed, so that the same is not begun twice.
    pub key: Option<String>,
    /// What was sent, hashed.
    pub digest: String,
    /// Whether its owner is to be told how it stands.
    #[serde(default)]
    pub owed: bool,
    /// From when on what was learned counts for its rows, by the clock of the place that was asked.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Which of its rows are asked about again; all that are open where nothing is said.
    #[serde(default)]
    pub again: Option<Picked>,
    /// How it stood, and how its asking had ended, before some of its rows were asked about again.
    #[serde(default)]
    pub before: Option<(State, Ending)>,
}

impl Record {
    /// Whether its rows are being asked about.
    pub fn is_being_verified(&self) -> bool {
        self.state == State::Running && self.work == Work::Verify
    }
}

/// Some rows of a list that was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Picked {
    /// Those with these numbers in the file, from 1.
    pub rows: Vec<u64>,
    /// Those on `verified`, `review` or `rejected`.
    #[schema(value_type = Option<String>)]
    pub list: Option<Disposition>,
    /// Those in which this text stands, whatever its case.
    pub q: Option<String>,
}

impl Picked {
    /// Whether nothing says which rows: a text that is empty stands in all of them.
    pub fn is_none(&self) -> bool {
        let Picked { rows, list, q } = self;
        rows.is_empty() && list.is_none() && q.as_deref().unwrap_or_default().trim().is_empty()
    }
}

/// The version of [`Record`]'s shape.
pub const SCHEMA: u32 = 1;

/// Why lists cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another server keeps its lists there.
    #[error("{}: {error}; stop that one, or name another folder with --folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// By whom.
        error: LockError,
    },
    /// Nothing can be kept there.
    #[error("cannot keep lists in {}: {error}; name another folder with --folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A record cannot be written.
    #[error(transparent)]
    Record(#[from] OutletError),
}

/// The folder that all lists are in. Held until it is dropped.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    _lock: Lock,
}

/// The file of a list's record.
const RECORD: &str = "record.json";

/// The same once the list is to go.
const FORMER: &str = "record.gone";

/// The file that was sent.
const UPLOAD: &str = "upload";

/// Where what comes of it goes.
const OUT: &str = "out";

/// How folders are called whose contents are soon gone.
const PASSING: &str = "passing-";

impl Store {
    /// Opens the folder, which is made where there is none, for its owner alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be used, or another server uses it.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let failed = |error| StoreError::Folder {
            path: folder.to_owned(),
            error,
        };
        let lists = folder.join("lists");
        private_folder(&lists).map_err(failed)?;
        // One that was there already is for its owner alone as well.
        for path in [folder, &lists] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let now = Timestamp::from(SystemTime::now());
        let lock =
            Lock::take(&folder.join("lock"), "serve", now).map_err(|error| StoreError::InUse {
                path: folder.to_owned(),
                error,
            })?;
        Ok(Store {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// The lists that are there, the oldest first. What was not received to its end is removed, and what cannot be read
    /// is left and told in the log.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<Record>> {
        let mut all: Vec<Record> = Vec::new();
        for entry in fs::read_dir(self.folder.join("lists"))? {
            let entry = entry?;
            let Some(Ok(id)) = entry.file_name().into_string().ok().map(Id::try_from) else {
                continue;
            };
            let text = match fs::read(self.path(&id).join(RECORD)) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.remove(&id)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.sweep(&id)?;
            match serde_json::from_slice::<Record>(&text) {
                Ok(record) if record.id == id => all.push(record),
                Ok(_) => tracing::warn!(list = id.as_str(), "the record names another list"),
                Err(error) => {
                    tracing::warn!(list = id.as_str(), "the record cannot be read: {error}");
                }
            }
        }
        all.sort_by(|a, b| (a.made, &a.id).cmp(&(b.made, &b.id)));
        Ok(all)
    }

    /// Takes away what a killed server had begun to put together for a client.
    fn sweep(&self, id: &Id) -> io::Result<()> {
        for entry in fs::read_dir(self.path(id))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PASSING) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// A folder for what is put together of a list and soon gone.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn passing(&self, id: &Id) -> io::Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix(PASSING)
            .tempdir_in(self.path(id))
    }

    /// Begins to receive a list.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn receive(&self) -> io::Result<(Id, File)> {
        let id = Id::draw()?;
        private_folder(&self.path(&id))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.upload(&id))?;
        Ok((id, file))
    }

    /// Keeps a record: the old one or the new one is there at any time.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn keep(&self, record: &Record) -> Result<(), OutletError> {
        let text = serde_json::to_vec_pretty(record).expect("a record has a text");
        let path = self.path(&record.id).join(RECORD);
        output::write_whole(&path, Rights::PRIVATE, &text)
    }

    /// Removes everything of a list. What its files held is overwritten, as far as that can be done, then they go; first
    /// of all the record has another name, so that a server killed meanwhile removes the rest when it starts.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn remove(&self, id: &Id) -> io::Result<()> {
        let folder = self.path(id);
        let is_gone = |done: io::Result<()>| match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        is_gone(fs::rename(folder.join(RECORD), folder.join(FORMER)))?;
        // A disk that has no room for that is to be made room on all the same.
        if let Err(error) = erase_all(&folder) {
            tracing::warn!(
                list = id.as_str(),
                "not all of it could be overwritten: {error}"
            );
        }
        is_gone(fs::remove_dir_all(&folder))
    }

    /// The file that was sent.
    pub fn upload(&self, id: &Id) -> PathBuf {
        self.path(id).join(UPLOAD)
    }

    /// Where what comes of a list goes.
    pub fn out(&self, id: &Id) -> PathBuf {
        self.path(id).join(OUT)
    }

    /// The folder of everything that is kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a list.
    pub fn path(&self, id: &Id) -> PathBuf {
        self.folder.join("lists").join(id.as_str())
    }
}

/// Overwrites a file with zeros, so that nothing of it is left where the file system writes in place.
fn erase(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_data()
}

/// Overwrites every file in a folder and in those below it; what cannot be overwritten does not keep it from the others.
///
/// # Errors
///
/// The last one.
fn erase_all(folder: &Path) -> io::Result<()> {
    let mut all = Ok(());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let done = match (kind.is_dir(), kind.is_file()) {
            (true, _) => erase_all(&entry.path()),
            (_, true) => erase(&entry.path()),
            (false, false) => Ok(()),
        };
        // One that another process has removed meanwhile is gone as well.
        if let Err(error) = done
            && error.kind() != io::ErrorKind::NotFound
        {
            all = Err(error);
        }
    }
    all
}

/// Makes a folder that is for its owner alone.
fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn no_text_of_a_user_is_an_id() {
        for text in [
            "",
            "..",
            "../../etc/passwd",
            "0123456789abcdef0123456789abcde/",
        ] {
            assert!(Id::try_from(text.to_owned()).is_err(), "{text}");
        }
        let id = Id::draw().unwrap();
        assert_eq!(Id::try_from(id.as_str().to_owned()), Ok(id));
    }

    #[test]
    fn what_is_removed_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("serve")).unwrap();
        let (id, mut upload) = store.receive().unwrap();
        io::Write::write_all(&mut upload, b"anna@acme.test\n").unwrap();
        let made = store.out(&id).join("2");
        fs::create_dir_all(&made).unwrap();
        fs::write(made.join("verified.csv"), "anna@acme.test\n").unwrap();
        let elsewhere = folder.path().join("elsewhere.csv");
        fs::write(&elsewhere, "bert@acme.test\n").unwrap();
        std::os::unix::fs::symlink(&elsewhere, store.out(&id).join("link")).unwrap();
        let open =
            [store.upload(&id), made.join("verified.csv")].map(|path| File::open(path).unwrap());
        store.remove(&id).unwrap();
        assert!(!store.path(&id).exists());
        for mut file in open {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, [0; 15]);
        }
        assert_eq!(fs::read_to_string(elsewhere).unwrap(), "bert@acme.test\n");
    }

    #[test]
    fn the_folder_is_for_its_owner_and_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("serve");
        DirBuilder::new().mode(0o755).create(&place).unwrap();
        let store = Store::open(&place).unwrap();
        let mode = fs::metadata(&place).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(matches!(Store::open(&place), Err(StoreError::InUse { .. })));
        let (id, _file) = store.receive().unwrap();
        let mode = fs::metadata(store.upload(&id))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(store.all().unwrap().len(), 0);
        assert!(
            !store.path(&id).exists(),
            "what was not received is removed"
        );
    }

    #[test]
    fn every_error_says_what_to_change() {
        let path = || PathBuf::from("kept");
        let error = LockError::Held {
            path: "kept/.lock".into(),
            holder: None,
        };
        let outlet = output::write_whole(Path::new("nowhere/report.html"), Rights::ORDINARY, b"")
            .unwrap_err();
        let texts = error_texts!(StoreError {
            InUse { path: path(), error: error },
            Folder { path: path(), error: io::ErrorKind::PermissionDenied.into() },
            Record(outlet),
        });
        let texts = texts
            .split_once(" at path ")
            .map_or(&*texts, |(before, _)| before);
        insta::assert_snapshot!(texts, @r"
        kept: kept/.lock is in use; stop that one, or name another folder with --folder
        cannot keep lists in kept: permission denied; name another folder with --folder
        cannot write nowhere/report.html: No such file or directory (os error 2)
        ");
    }
}
