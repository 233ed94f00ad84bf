//! The real server in a simulated internet, and what it answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take to come about. Our choice: a laden machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A server with a folder of its own, which ends with it.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
    options: Vec<String>,
    folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts a server of the simulated internet of the samples, where so many seconds pass in one of ours.
    pub(crate) fn simulated(speed: u32) -> Served {
        let world = sample("world.toml");
        Served::with(&["--world", &world, "--world-speed", &speed.to_string()])
    }

    /// Starts a server with these options.
    pub(crate) fn with(options: &[&str]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (child, address) = start(folder.path(), &options, "127.0.0.1:0");
        Served {
            child,
            address,
            options,
            folder,
        }
    }

    /// Starts a server of the simulated internet of the samples that wants tokens. Returns one that is good for
    /// everything.
    pub(crate) fn with_tokens() -> (Served, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens").display().to_string();
        let made = Command::new(env!("CARGO_BIN_EXE_presend"))
            .args(["serve", "--token-file", &file, "--new-token", "admin"])
            .output()
            .unwrap();
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let options = ["--world", &sample("world.toml"), "--token-file", &file];
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (child, address) = start(folder.path(), &options, "127.0.0.1:0");
        let served = Served {
            child,
            address,
            options,
            folder,
        };
        (served, token)
    }

    /// A path of it, as a browser asks for it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same address, with what it had on disk.
    pub(crate) fn start_again(&mut self) {
        (self.child, self.address) = start(self.folder.path(), &self.options, &self.address);
    }

    /// The body of an answer.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.ask("GET", path, &[])
    }

    /// What it tells as JSON.
    pub(crate) fn told(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path)).unwrap()
    }

    /// Sends a list that rests. Returns its id.
    pub(crate) fn send(&self, name: &str, list: &[u8]) -> String {
        let answer = self.ask("POST", &format!("v1/lists?then=nothing&name={name}"), list);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Has a list verified, and waits until that is done.
    pub(crate) fn verify(&self, id: &str) {
        self.ask("POST", &format!("v1/lists/{id}/verify"), &[]);
        until("a list is done", || {
            self.told(&format!("v1/lists/{id}"))["state"] == "done"
        });
    }

    /// One request, by HTTP/1.0 so that the body ends with the connection.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} /{path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let head = String::from_utf8_lossy(&answer[..end.unwrap()]).into_owned();
        let is_fine = head
            .split(' ')
            .nth(1)
            .is_some_and(|code| code.starts_with('2'));
        let body = answer.split_off(end.unwrap() + 4);
        assert!(
            is_fine,
            "{method} {path}: {head}\n{}",
            String::from_utf8_lossy(&body)
        );
        body
    }
}

/// Starts the program and waits until it says where it listens.
fn start(folder: &Path, options: &[String], listen: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["serve", "--listen", listen, "--folder"])
        .arg(folder.join("served"))
        .args(options)
        .env_remove("PRESEND_LOG")
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let mut all = String::new();
    let address = loop {
        line.clear();
        let length = said.read_line(&mut line).unwrap();
        assert_ne!(length, 0, "the server ended: {all}");
        all.push_str(&line);
        if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
            break address.to_owned();
        }
    };
    // A thread must read what it says, or it stands still.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    (child, address)
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    until_or(|| what.to_owned(), is_so);
}

/// Waits until something is so; `what` says what, and how it stands, where it never is.
pub(crate) fn until_or(what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "it never came to this: {}",
            what()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A file of the samples.
pub(crate) fn sample(name: &str) -> String {
    format!("{}/sample_lists/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What `presend verify` makes of a list in the simulated internet of the samples: the folder with its lists.
pub(crate) fn verified(folder: &Path, list: &Path) -> PathBuf {
    let out = folder.join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_presend"))
        .arg("verify")
        .arg(list)
        .args(["--world", &sample("world.toml"), "--out"])
        .arg(&out)
        .arg("--ledger")
        .arg(folder.join("ledger.db"))
        .env_remove("PRESEND_LOG")
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out
}
