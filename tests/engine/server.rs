//! `nats-server` on loopback, for as long as a test needs it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use presend::engine::nats::access::{Access, Login};
use presend::engine::nats::{Keeping, Nats};
use tempfile::TempDir;

/// How long a server may take until it takes connections.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// The program, as Debian installs it.
const PROGRAM: &str = "nats-server";

/// Whether the servers are there. Says so where they are not, which in CI is a failure.
pub(crate) fn is_there() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin")])
        .any(|folder| folder.join(PROGRAM).exists());
    if !there {
        assert!(
            std::env::var_os("CI").is_none(),
            "{PROGRAM} is missing: apt-get install nats-server"
        );
        eprintln!("{PROGRAM} is missing, so nothing was tested: apt-get install nats-server");
    }
    there
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A server with its store.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// One alone, with JetStream and nothing else.
    pub(crate) fn start() -> Self {
        Server::configured("")
    }

    /// One with `more` in its configuration.
    pub(crate) fn configured(more: &str) -> Self {
        Server::on(free_port(), more)
    }

    fn on(port: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!("listen: \"127.0.0.1:{port}\"\n");
        if !more.contains("jetstream") {
            let store = folder.path().join("store");
            let _ = writeln!(
                config,
                "jetstream: {{ store_dir: \"{}\" }}",
                store.display()
            );
        }
        let store = folder.path().join("store").display().to_string();
        config += &more.replace("STORE", &store);
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        let child = begin(folder.path());
        let server = Server {
            port,
            folder,
            child,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let since = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(since.elapsed() < STARTS_WITHIN, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Ends it from one moment to the next.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on what it has kept.
    pub(crate) fn start_again(&mut self) {
        self.child = begin(self.folder.path());
        self.wait();
    }

    /// How it is named on a command line.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How a client gets in, without a login.
    pub(crate) fn access(&self) -> Access {
        access(&[self.url()])
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Nats {
        Nats::connect(&self.access(), &Keeping::default())
            .await
            .unwrap()
    }

    /// The files of its store in which a text is.
    pub(crate) fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        search(
            &self.folder.path().join("store"),
            text.as_bytes(),
            &mut found,
        );
        found
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three servers that keep everything three times.
pub(crate) struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let routes: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let urls: Vec<String> = routes
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        let servers = routes
            .iter()
            .enumerate()
            .map(|(number, port)| {
                Server::configured(&format!(
                    "server_name: n{number}\n\
                     jetstream: {{ store_dir: \"STORE\" }}\n\
                     cluster: {{ name: c, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                    urls.join(", ")
                ))
            })
            .collect();
        let cluster = Cluster { servers };
        cluster.settle();
        cluster
    }

    /// Waits until the servers have found each other and chosen a leader.
    fn settle(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let since = Instant::now();
        while let Err(error) = runtime.block_on(Nats::connect(
            &access(&self.urls()),
            &Keeping {
                copies: Some(3),
                ..Keeping::default()
            },
        )) {
            assert!(since.elapsed() < STARTS_WITHIN * 3, "{error}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Server::url).collect()
    }

    /// Kills the server that leads the stream of orders.
    pub(crate) fn kill_leader(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let info = runtime.block_on(async {
            let client = async_nats::connect(self.urls()).await.unwrap();
            let asked = client.request("$JS.API.STREAM.INFO.presend-orders", "".into());
            asked.await.unwrap().payload
        });
        let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
        let leader = info["cluster"]["leader"].as_str().unwrap();
        let number: usize = leader.strip_prefix('n').unwrap().parse().unwrap();
        self.servers[number].kill();
    }
}

fn begin(folder: &Path) -> Child {
    let paths = std::env::var("PATH").unwrap_or_default();
    Command::new(PROGRAM)
        .arg("--config")
        .arg(folder.join("nats.conf"))
        .arg("--log")
        .arg(folder.join("log"))
        .env("PATH", format!("{paths}:/usr/sbin"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn search(folder: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            search(&path, text, found);
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text))
        {
            found.push(path);
        }
    }
}

/// How a client gets to servers, without a login.
pub(crate) fn access(urls: &[String]) -> Access {
    Access {
        servers: urls.iter().map(|url| url.parse().unwrap()).collect(),
        login: Login::Anonymous,
        authorities: None,
        certificate: None,
        name: "test".to_owned(),
    }
}
