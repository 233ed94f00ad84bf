//! Files of a folder that appear together: those of a run before go, then all of this one come.
//!
//! No file system renames several files at once, and a link in the place of the folder or of its files would surprise
//! an operator who moves, copies or mails `verified.csv`. So the files stay plain, and a note says what is to become of
//! them ([`Switch`]):
//!
//! 1. every file is written whole under a name of its own;
//! 2. the note is written, from which on the new files count;
//! 3. the files of the run before are removed, then the new ones are given their names, then the note goes.
//!
//! So a folder never holds files of two runs, whenever the program is killed. In the third step some may be missing: the
//! next run, or whatever else reads the folder, finds the note and carries it out ([`complete`]).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::file::{self, Rights, Table, beside};
use super::{FILES, OutletError};

/// The note that says what is to become of the files of a folder.
const NOTE: &str = ".presend.switch";

/// Files in the making that will appear together in one folder and in folders of it.
#[derive(Debug)]
pub struct Generation {
    folder: PathBuf,
    files: Vec<Made>,
    gone: Vec<PathBuf>,
}

/// A file that is written and has no name of its own yet. It is not open: there may be many.
#[derive(Debug)]
struct Made {
    file: TempPath,
    path: PathBuf,
    rights: Rights,
}

impl Generation {
    /// Nothing yet, for `folder`.
    #[must_use]
    pub fn of(folder: &Path) -> Generation {
        Generation {
            folder: folder.to_owned(),
            files: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Adds a file that will be at `path`, with what `write` writes to it.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when it cannot be written.
    pub fn write(
        &mut self,
        path: PathBuf,
        rights: Rights,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), OutletError> {
        let begun = match name_of(&self.folder, &path) {
            Some(_) => beside(&self.folder),
            // It may be on another disk, to which nothing can be renamed.
            None => file::beside_of(&path),
        };
        let written = begun.and_then(|mut file| {
            write(file.as_file_mut())?;
            Ok(file)
        });
        match written {
            Ok(file) => self.add(file.into_temp_path(), path, rights),
            Err(error) => return Err(OutletError::at(&path, error)),
        }
        Ok(())
    }

    /// Adds a file that will be at `path`, with these bytes.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when it cannot be written.
    pub fn whole(
        &mut self,
        path: PathBuf,
        rights: Rights,
        bytes: &[u8],
    ) -> Result<(), OutletError> {
        self.write(path, rights, |file| file.write_all(bytes))
    }

    /// Adds a table.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when it cannot be completed.
    pub fn table(&mut self, table: Table) -> Result<(), OutletError> {
        let (file, path, rights) = table.into_parts()?;
        self.add(file.into_temp_path(), path, rights);
        Ok(())
    }

    /// Adds a file that is written.
    pub(super) fn add(&mut self, file: TempPath, path: PathBuf, rights: Rights) {
        self.files.push(Made { file, path, rights });
    }

    /// Lets the file at `path` go, which would be about another run.
    pub fn remove(&mut self, path: PathBuf) {
        self.gone.push(path);
    }

    /// The bytes of the file that will be at `path`.
    #[must_use]
    pub fn written(&self, path: &Path) -> Option<&Path> {
        let made = self.files.iter().find(|made| made.path == path)?;
        Some(&made.file)
    }

    /// Lets all files appear at once, and those go that are to go.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when a file cannot be completed: then nothing has changed.
    pub fn publish(self) -> Result<(), OutletError> {
        let umask = file::umask(&self.folder).map_err(|error| self.failed(error))?;
        let (mut switch, mut others) = (Switch::default(), Vec::new());
        for made in &self.files {
            File::open(&made.file)
                .and_then(|file| file::complete(&file, &made.path, made.rights, umask))
                .map_err(|error| OutletError::at(&made.path, error))?;
        }
        let folder = self.folder;
        let failed = |error| OutletError::at(&folder, error);
        switch
            .gone
            .extend(self.gone.iter().filter_map(|path| name_of(&folder, path)));
        let mut noted = Vec::new();
        for Made {
            file: part, path, ..
        } in self.files
        {
            match own_name(&part).zip(name_of(&folder, &path)) {
                Some(names) => {
                    switch.files.push(names);
                    noted.push(part);
                }
                None => others.push((part, path)),
            }
        }
        switch.write(&folder).map_err(failed)?;
        for part in noted {
            // The note speaks of it, whatever becomes of us.
            part.keep().map_err(|kept| failed(kept.error))?;
        }
        switch.carry_out(&folder).map_err(failed)?;
        for (part, path) in others {
            part.persist(&path)
                .map_err(|kept| OutletError::at(&path, kept.error))?;
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> OutletError {
        OutletError::at(&self.folder, error)
    }
}

/// What is to become of the files of a folder, by their names in it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Switch {
    /// Written files, each with the name that it gets.
    files: Vec<(String, String)>,
    /// Files that go.
    gone: Vec<String>,
}

/// One step of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step<'a> {
    /// A file goes.
    Remove(&'a str),
    /// A file gets its name.
    Rename(&'a str, &'a str),
}

impl Switch {
    /// Writes the note. Once it is there the switch will be made, by this process or a later one.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut note = beside(folder)?;
        note.write_all(&serde_json::to_vec(self)?)?;
        note.as_file().sync_all()?;
        note.persist(folder.join(NOTE))?;
        sync(folder)
    }

    /// The note in `folder`, if there is one that can be ours.
    fn read(folder: &Path) -> io::Result<Option<Switch>> {
        let text = match fs::read(folder.join(NOTE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let switch: Switch = serde_json::from_slice(&text)?;
        if switch.is_ours() {
            Ok(Some(switch))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{NOTE} speaks of files that are not of a run; delete it"),
            ))
        }
    }

    /// Whether it speaks of nothing but files that runs write: the contents of a folder are not trusted.
    fn is_ours(&self) -> bool {
        let is_part = |name: &str| is_plain(name) && file::is_part(Path::new(name));
        let mut files = self.files.iter();
        self.gone.iter().all(|name| is_of_a_run(name))
            && files.all(|(part, name)| is_part(part) && is_of_a_run(name))
    }

    /// The steps that are left where those files that `is_there` says are there.
    fn steps(&self, is_there: impl Fn(&str) -> bool) -> Vec<Step<'_>> {
        // A file without its part has its name already.
        let left = || self.files.iter().filter(|(part, _)| is_there(part));
        let old = left().map(|(_, name)| name).chain(&self.gone);
        let removed = old
            .filter(|name| is_there(name))
            .map(|name| Step::Remove(name));
        removed
            .chain(left().map(|(part, name)| Step::Rename(part, name)))
            .collect()
    }

    /// Makes the switch, or what is left of it.
    fn carry_out(&self, folder: &Path) -> io::Result<()> {
        for step in self.steps(|name| folder.join(name).exists()) {
            step.make(folder)?;
        }
        sync(folder)?;
        missing_is_fine(fs::remove_file(folder.join(NOTE)))
    }
}

impl Step<'_> {
    fn make(&self, folder: &Path) -> io::Result<()> {
        match self {
            Step::Remove(name) => missing_is_fine(fs::remove_file(folder.join(name))),
            Step::Rename(part, name) => fs::rename(folder.join(part), folder.join(name)),
        }
    }
}

/// Carries out what a run that was killed had begun in `folder`, and takes away the files that it left half written.
///
/// # Errors
///
/// [`OutletError`] when that cannot be done.
pub fn complete(folder: &Path) -> Result<(), OutletError> {
    let failed = |error| OutletError::at(folder, error);
    if let Some(switch) = Switch::read(folder).map_err(failed)? {
        switch.carry_out(folder).map_err(failed)?;
    }
    file::sweep(folder, file::is_part).map_err(failed)
}

/// Whether a run that was killed left `folder` in the middle of a switch.
#[must_use]
pub fn is_incomplete(folder: &Path) -> bool {
    folder.join(NOTE).exists()
}

/// The name in `folder`, with the folder between where there is one, of a file that runs write there.
fn name_of(folder: &Path, path: &Path) -> Option<String> {
    let name = path.strip_prefix(folder).ok()?.to_str()?;
    is_of_a_run(name).then(|| name.to_owned())
}

/// The name of a file in its folder.
fn own_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// Whether runs write files of this name.
fn is_of_a_run(name: &str) -> bool {
    is_plain(name) && FILES.iter().any(|file| Path::new(name).ends_with(file))
}

/// Whether a name leads to a file of a folder, or of a folder in it.
fn is_plain(name: &str) -> bool {
    let path = Path::new(name);
    let mut components = path.components();
    let is_plain = components.all(|part| matches!(part, Component::Normal(_)));
    is_plain && (1..=2).contains(&path.components().count())
}

/// Makes sure that names given in `folder` outlast a loss of power.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot, and do not need to.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn missing_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const LISTS: [&str; 4] = [
        "verified.csv",
        "rejected.csv",
        "b.csv/verified.csv",
        "report.json",
    ];

    /// What stands in the files of a folder and of the folders in it.
    fn files(folder: &Path) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                files.extend(
                    self::files(&path)
                        .into_iter()
                        .map(|(inner, text)| (format!("{name}/{inner}"), text)),
                );
            } else {
                drop(files.insert(name, fs::read_to_string(path).unwrap()));
            }
        }
        files
    }

    /// A folder with the files of a run, and the switch to the next one, which has no target.csv.
    fn before_a_switch() -> (tempfile::TempDir, Switch) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b.csv")).unwrap();
        let mut switch = Switch::default();
        for name in LISTS {
            fs::write(folder.path().join(name), "old").unwrap();
            let part = format!(".presend-{}.part", switch.files.len());
            fs::write(folder.path().join(&part), "new").unwrap();
            switch.files.push((part, name.to_owned()));
        }
        fs::write(folder.path().join("target.csv"), "old").unwrap();
        switch.gone.push("target.csv".to_owned());
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        (folder, switch)
    }

    fn named(files: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
        let named = files.iter().filter(|(name, _)| !name.starts_with('.'));
        named
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    #[test]
    fn no_moment_of_a_switch_shows_files_of_two_runs_and_the_next_process_ends_it() {
        let (_folder, switch) = before_a_switch();
        let count = switch.steps(|_| true).len();
        assert_eq!(count, 9);
        for killed_after in 0..=count {
            // The process that carries it on may be killed as well.
            for killed_again_after in 0..=count - killed_after {
                let (folder, switch) = before_a_switch();
                let folder = folder.path();
                switch.write(folder).unwrap();
                for made in [killed_after, killed_again_after] {
                    let left = Switch::read(folder).unwrap().unwrap();
                    let steps = left.steps(|name| folder.join(name).exists());
                    for step in &steps[..made.min(steps.len())] {
                        step.make(folder).unwrap();
                        let files = files(folder);
                        let mut kinds: Vec<&str> = named(&files)
                            .into_values()
                            .filter(|text| *text != "mine")
                            .collect();
                        kinds.dedup();
                        assert!(
                            kinds.len() <= 1,
                            "{killed_after}, {killed_again_after}: {files:?}"
                        );
                    }
                }
                assert!(is_incomplete(folder));
                complete(folder).unwrap();
                let files = files(folder);
                let expected: BTreeMap<&str, &str> = LISTS
                    .map(|name| (name, "new"))
                    .into_iter()
                    .chain([("notes.txt", "mine")])
                    .collect();
                assert_eq!(named(&files), expected);
                assert_eq!(
                    files.len(),
                    expected.len(),
                    "nothing is left over: {files:?}"
                );
            }
        }
    }

    #[test]
    fn a_note_that_speaks_of_other_peoples_files_is_not_believed() {
        for (part, name) in [
            (".presend-a.part", "../verified.csv"),
            (".presend-a.part", "/etc/verified.csv"),
            (".presend-a.part", "notes.txt"),
            (".presend-a.part", "a/b/verified.csv"),
            ("../.presend-a.part", "verified.csv"),
            ("notes.txt", "verified.csv"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let switch = Switch {
                files: vec![(part.to_owned(), name.to_owned())],
                gone: Vec::new(),
            };
            switch.write(folder.path()).unwrap();
            let error = complete(folder.path()).unwrap_err().to_string();
            assert!(error.contains(NOTE), "{name}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch {
            files: Vec::new(),
            gone: vec!["notes.txt".to_owned()],
        };
        switch.write(folder.path()).unwrap();
        assert!(complete(folder.path()).is_err());
    }

    #[test]
    fn files_stay_as_strict_as_they_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verified.csv");
        let publish = |text: &str| {
            let mut generation = Generation::of(folder.path());
            generation
                .whole(path.clone(), Rights::ORDINARY, text.as_bytes())
                .unwrap();
            generation.publish().unwrap();
            fs::metadata(&path).unwrap().permissions().mode() & 0o777
        };
        let first = publish("one");
        assert_eq!(first & 0o600, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(publish("two"), 0o600);
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn what_cannot_be_noted_changes_nothing() {
        let (folder, _) = before_a_switch();
        let folder = folder.path();
        let mut generation = Generation::of(folder);
        generation
            .whole(folder.join("verified.csv"), Rights::ORDINARY, b"new")
            .unwrap();
        // Where the note would stand there is a folder.
        fs::create_dir(folder.join(NOTE)).unwrap();
        assert!(generation.publish().is_err());
        let files = files(folder);
        assert_eq!(files["verified.csv"], "old");
        assert_eq!(
            files
                .keys()
                .filter(|name| name.starts_with(".presend-"))
                .count(),
            LISTS.len()
        );
    }
}
