//! The program run in a folder of its own.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with a list and what a run made of it.
pub(crate) struct Run {
    folder: TempDir,
    name: String,
    pub(crate) output: Output,
}

impl Run {
    /// Verifies `list` with these further arguments.
    pub(crate) fn verify(list: &[u8], arguments: &[&str]) -> Self {
        Run::verify_named("list.csv", list, arguments)
    }

    /// As [`Run::verify`], of a file with this name.
    pub(crate) fn verify_named(name: &str, list: &[u8], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), list).unwrap();
        let mut words = vec!["verify", name];
        words.extend(arguments);
        let output = presend(folder.path(), &words);
        Run {
            folder,
            name: name.to_owned(),
            output,
        }
    }

    /// As [`Run::verify`], where a program may have no more than `files` open.
    pub(crate) fn verify_with_open_files(files: u32, list: &[u8], arguments: &[&str]) -> Self {
        Run::verify_with_limit(&format!("-n {files}"), list, arguments)
    }

    /// As [`Run::verify`], under a limit as `ulimit` of the shell takes it.
    pub(crate) fn verify_with_limit(limit: &str, list: &[u8], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), list).unwrap();
        let script = format!("ulimit {limit} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_presend")]);
        command.args(["verify", "list.csv"]).args(arguments);
        let output = at_home(&mut command, folder.path()).output().unwrap();
        Run {
            folder,
            name: "list.csv".to_owned(),
            output,
        }
    }

    /// Verifies `list` again in the same folder.
    pub(crate) fn again(self, arguments: &[&str]) -> Self {
        let mut words = vec!["verify", &self.name];
        words.extend(arguments);
        let output = presend(self.folder.path(), &words);
        Run {
            folder: self.folder,
            name: self.name,
            output,
        }
    }

    pub(crate) fn code(&self) -> i32 {
        self.output
            .status
            .code()
            .expect("the program ends by itself")
    }

    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Whether a file or folder is there.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// One of the lists that came out.
    pub(crate) fn list(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap()).into_owned()
    }

    /// Where the run took place.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of something that came out.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        let folder = format!("{}.presend", self.name);
        self.folder.path().join(folder).join(name)
    }

    /// Whether it came out.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn report(&self) -> serde_json::Value {
        serde_json::from_str(&self.list("report.json")).unwrap()
    }
}

/// Runs the program in `folder`, with a state directory and settings of its own.
pub(crate) fn presend(folder: &Path, arguments: &[&str]) -> Output {
    presend_with(folder, arguments, &[])
}

/// As [`presend`], under further variables of the environment.
pub(crate) fn presend_with(
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
    command.args(arguments);
    at_home(&mut command, folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Lets a command run in `folder`, with a state directory and settings of its own.
pub(crate) fn at_home<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .current_dir(folder)
        .env_remove("PRESEND_LOG")
        .env("TZ", "UTC0")
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}
