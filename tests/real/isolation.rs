//! Namespaces of our own: a network where every address and port 25 are free, mounts that nobody else sees, and a
//! family of processes that ends with the test, however it ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for the process that runs within the namespaces: the name of the form it is to run.
const INSIDE: &str = "PRESEND_REAL_INSIDE";

/// Where the unpacked servers lie, or why the tests cannot run here.
pub(crate) enum Readiness {
    Ready(PathBuf),
    Missing(String),
}

/// Looks for the servers that `.ci/real-servers` unpacks and for the right to make namespaces.
pub(crate) fn readiness() -> Readiness {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let servers = target.join("real-servers");
    if !servers.join("stamp").exists() {
        return Readiness::Missing(
            "Debian's mail servers are not here: run .ci/real-servers".into(),
        );
    }
    let allowed = unshare()
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match allowed {
        Ok(status) if status.success() => Readiness::Ready(servers),
        Ok(_) => Readiness::Missing("no right to make namespaces: run as root".into()),
        Err(error) => Readiness::Missing(format!("no unshare here: {error}")),
    }
}

/// The form that this process is to run, if it is the one within the namespaces.
pub(crate) fn inside() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Runs the named test of this program within fresh namespaces. Returns whether it passed, with what it printed.
pub(crate) fn run_inside(test: &str, form: &str) -> (bool, String) {
    let output = unshare()
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, form)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// `unshare`, which dies with us and takes every process within along.
fn unshare() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command.args(["--net", "--mount", "--propagation", "private"]);
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

/// Says something to the person who runs the tests, past the test program's capture of what passing tests print.
pub(crate) fn tell(text: &str) {
    // A closed error stream is nobody's failure.
    let _ = writeln!(std::io::stderr(), "{text}");
}
