//! A server of its own for each test, and a client that knows no more of HTTP than it must.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The simulated world: hosts of several kinds. The honest one has three thousand people called `p0` and so on.
const WORLD: &str = r#"
[[host]]
name = "mx.acme.test"
persona = "honest"

[[host]]
name = "mx.slow.test"
persona = "silent"

[[host]]
name = "mx.all.test"
persona = "honest"

[[host]]
name = "mx.grey.test"
persona = "greylisting"

[[domain]]
name = "acme.test"
mx = ["mx.acme.test"]
mailboxes = [PEOPLE, "anna", "bert", "info"]

[[domain]]
name = "slow.test"
mx = ["mx.slow.test"]
mailboxes = ["anna"]

[[domain]]
name = "all.test"
mx = ["mx.all.test"]
unclaimed = "delivered"

[[domain]]
name = "grey.test"
mx = ["mx.grey.test"]
mailboxes = ["anna"]
"#;

/// A server that ends with its test.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// What it says on its error stream, but for where it listens.
    pub said: Vec<String>,
    home: Home,
}

/// Where a server is at home; it may start there again.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Home {
        Home::with(3_000)
    }

    /// One whose honest host has so many people.
    pub fn with(people: usize) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let people: Vec<String> = (0..people).map(|number| format!("\"p{number}\"")).collect();
        let world = WORLD.replace("PEOPLE", &people.join(", "));
        std::fs::write(folder.path().join("world.toml"), world).unwrap();
        Home(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with its options for a simulated world.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presend"));
        command
            .arg("serve")
            .args(if more.contains(&"--listen") {
                &[][..]
            } else {
                &["--listen", "127.0.0.1:0"]
            })
            .arg("--world")
            .arg(self.path("world.toml"))
            .arg("--folder")
            .arg(self.path("serve"))
            .args(more)
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env_remove("RUST_LOG");
        command
    }

    /// Starts a server here.
    pub fn serve(self, more: &[&str]) -> Server {
        let mut command = self.command(more);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            match line.strip_prefix("presend: listening on http://") {
                Some(rest) => break rest.split('/').next().unwrap().parse().unwrap(),
                None => said.push(line),
            }
        };
        // A pipe that nobody reads fills up.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("server: {line}");
            }
        });
        Server {
            child,
            address,
            said,
            home: self,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// That it is a problem of this kind, which says what to change.
    #[track_caller]
    pub fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:presend:problem:{kind}"));
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
    }
}

impl Server {
    /// One that has just begun.
    pub fn new(more: &[&str]) -> Server {
        Home::new().serve(more)
    }

    /// Kills it as a power cut would, and starts it again at the same home.
    pub fn kill_and_start(mut self, more: &[&str]) -> Server {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.take_home().serve(more)
    }

    /// Ends it in good order, and starts it again at the same home.
    pub fn end_and_start(mut self, more: &[&str]) -> Server {
        let ended = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(ended.unwrap().success());
        assert!(self.child.wait().unwrap().success());
        self.take_home().serve(more)
    }

    fn take_home(&mut self) -> Home {
        std::mem::replace(&mut self.home, Home(tempfile::tempdir().unwrap()))
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Asks with these lines in the head.
    pub fn ask(&self, method: &str, path: &str, head: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !head.iter().any(|line| line.starts_with("Host:")) {
            let _ = write!(request, "Host: {}\r\n", self.address);
        }
        for line in head {
            let _ = write!(request, "{line}\r\n");
        }
        let _ = write!(
            request,
            "Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        // A server that refuses need not read all of it.
        let _ = stream.write_all(body);
        read_answer(&mut stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, &[], body.as_ref())
    }

    /// Sends a list; returns its id.
    #[track_caller]
    pub fn send(&self, parameters: &str, list: &str) -> String {
        let answer = self.post(&format!("/v1/lists?{parameters}"), list);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert!(
            answer
                .header("location")
                .unwrap()
                .ends_with(&format!("/v1/lists/{id}"))
        );
        id
    }

    pub fn view(&self, id: &str) -> Value {
        let answer = self.get(&format!("/v1/lists/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Waits until a list is in one of these states.
    #[track_caller]
    pub fn until(&self, id: &str, states: &[&str]) -> Value {
        until_some(|| {
            let view = self.view(id);
            let is_so = states.iter().any(|state| view["state"] == *state);
            if is_so { Ok(view) } else { Err(view) }
        })
    }

    /// Waits until so many addresses of a list are settled.
    #[track_caller]
    pub fn until_settled(&self, id: &str, addresses: u64) {
        until_some(|| {
            let progress = self.view(id)["progress"].take();
            let settled = progress["settled"].as_u64();
            if settled >= Some(addresses) {
                Ok(())
            } else {
                Err(progress)
            }
        });
    }
}

/// Waits until there is something, with a pause between two looks: a server limits how often one
/// client may ask it. What is there instead is told where that takes too long.
#[track_caller]
pub fn until_some<T>(mut look: impl FnMut() -> Result<T, Value>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => assert!(began.elapsed() < Duration::from_secs(90), "{instead}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads an answer to its end.
pub fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that refuses a body may close before it has read it.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
    let headers = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    let body = bytes.split_off(end + 4);
    let is_chunked = headers
        .to_lowercase()
        .contains("transfer-encoding: chunked");
    Answer {
        status,
        headers,
        body: if is_chunked { joined(&body) } else { body },
    }
}

/// The pieces of a chunked body, joined.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let Some(end) = body.windows(2).position(|two| two == b"\r\n") else {
            return whole;
        };
        let length = std::str::from_utf8(&body[..end]).unwrap();
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        let rest = &body[end + 2..];
        whole.extend_from_slice(&rest[..length.min(rest.len())]);
        body = rest.get(length + 2..).unwrap_or_default();
    }
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// A list of so many people at the honest host, of whom every fifth does not exist.
pub fn people(count: usize) -> String {
    let mut list = "name,email\n".to_owned();
    for number in 0..count {
        let name = match number % 5 {
            0 => "nobody",
            _ => "p",
        };
        let _ = writeln!(list, "Person {number},{name}{number}@acme.test");
    }
    list
}
