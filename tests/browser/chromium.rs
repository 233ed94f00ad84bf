//! A headless Chromium that is driven over `WebDriver` (W3C), with the commands of its own tools where `WebDriver` has
//! none.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::until;

/// How long the browser may take for one command. Our choice: a laden machine is slow, a hung browser is not waited
/// for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    width: u32,
    scheme: &'static str,
}

impl View {
    /// A window of this width in CSS pixels, where a person prefers `light` or `dark`.
    pub(crate) const fn new(width: u32, scheme: &'static str) -> View {
        View { width, scheme }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} px, {}", self.width, self.scheme)
    }
}

/// A browser with the program that drives it; both end with it, and its profile vanishes.
pub(crate) struct Chromium {
    session: String,
    driver: Driver,
    _profile: TempDir,
}

/// The driver's process, which is ended in any case.
struct Driver {
    child: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with its session; a test that panics has one too.
        let _ = self.driver.ask("DELETE", &self.session, "");
    }
}

/// The roles of parts that want a name (WAI-ARIA 1.2 §5.2.8.4 and §6).
const USED: [&str; 13] = [
    "button",
    "checkbox",
    "combobox",
    "dialog",
    "heading",
    "img",
    "link",
    "listbox",
    "progressbar",
    "radio",
    "region",
    "searchbox",
    "textbox",
];

impl Chromium {
    /// Starts a browser; `None` where there is none.
    pub(crate) fn start() -> Option<Chromium> {
        let driver = Driver::start()?;
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // The small shared memory of a container would end it.
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({
            "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } }
        });
        let begun = driver.ask("POST", "/session", &wanted.to_string());
        let begun = begun.unwrap_or_else(|error| panic!("chromedriver starts no browser: {error}"));
        let id = begun["sessionId"].as_str().unwrap();
        Some(Chromium {
            session: format!("/session/{id}"),
            driver,
            _profile: profile,
        })
    }

    /// Opens a page of the file system in a view.
    pub(crate) fn open(&self, page: &Path, view: View) {
        let page = page.canonicalize().unwrap();
        self.visit(&format!("file://{}", page.display()), view);
    }

    /// Opens the page at an address in a view, and waits until it is all there: its driver may come back before.
    pub(crate) fn visit(&self, url: &str, view: View) {
        self.tools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": view.width, "height": 844, "deviceScaleFactor": 1, "mobile": view.width < 600 }),
        );
        self.tools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": view.scheme }] }),
        );
        self.command("/url", &json!({ "url": url }));
        until(&format!("{url} is loaded"), || {
            self.run("return document.readyState") == "complete"
        });
    }

    /// Chooses a file in the field that `selector` names (`WebDriver` §12.5.3).
    pub(crate) fn choose(&self, selector: &str, file: &Path) {
        let found = self.command(
            "/element",
            &json!({ "using": "css selector", "value": selector }),
        );
        // The key of an element's name is fixed (`WebDriver` §12).
        let field = found["element-6066-11e4-a52e-4f735466cecf"].as_str();
        let file = file.canonicalize().unwrap();
        self.command(
            &format!("/element/{}/value", field.unwrap()),
            &json!({ "text": file.display().to_string() }),
        );
    }

    /// Presses a key and lets it go.
    pub(crate) fn press(&self, key: char) {
        let actions = ["keyDown", "keyUp"].map(|step| json!({ "type": step, "value": key }));
        self.command(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }),
        );
    }

    /// What a script comes to, run in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// From now on what a page has saved goes to a folder.
    pub(crate) fn saves_to(&self, folder: &Path) {
        self.tools(
            "Browser.setDownloadBehavior",
            &json!({ "behavior": "allow", "downloadPath": folder.display().to_string() }),
        );
    }

    /// What a user hears of the parts of a page that can be used or lead through it: what each is, and its name.
    pub(crate) fn heard(&self) -> Vec<(String, String)> {
        let tree = self.tools("Accessibility.getFullAXTree", &json!({}));
        let text = |value: &Value| {
            value["value"]
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let told = nodes.filter(|node| node["ignored"] != true);
        told.map(|node| (text(&node["role"]), text(&node["name"])))
            .filter(|(role, _)| USED.contains(&role.as_str()))
            .collect()
    }

    /// What the window shows, as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let taken = self.tools("Page.captureScreenshot", &json!({ "format": "png" }));
        base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().unwrap())
            .unwrap()
    }

    /// The page as it is printed: a PDF, on the paper that the page wishes.
    pub(crate) fn print(&self) -> Vec<u8> {
        let printed = self.tools(
            "Page.printToPDF",
            &json!({ "preferCSSPageSize": true, "printBackground": true }),
        );
        base64::engine::general_purpose::STANDARD
            .decode(printed["data"].as_str().unwrap())
            .unwrap()
    }

    /// A command of the browser's own tools.
    fn tools(&self, command: &str, parameters: &Value) -> Value {
        self.command(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        let path = format!("{}{path}", self.session);
        self.driver
            .ask("POST", &path, &body.to_string())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// How often the driver is started before that is given up. Our choice.
const STARTS: usize = 5;

impl Driver {
    /// Starts the driver on a free port and waits for it to say which; `None` where it or the browser is missing.
    fn start() -> Option<Driver> {
        Command::new("chromium")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        Command::new("chromedriver")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        // Of two that start at once, one may find its port taken, and ends.
        let started = (0..STARTS).find_map(|_| Driver::once());
        Some(started.expect("chromedriver says which port it listens on"))
    }

    /// Starts the driver; `None` where it ends before it listens.
    fn once() -> Option<Driver> {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut driver = Driver { child, port: 0 };
        let port = out.lines().find_map(|line| {
            let line = line.ok()?;
            let port = line.split("started successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse().ok()
        });
        driver.port = port?;
        Some(driver)
    }

    /// One command of the protocol: an HTTP request with JSON, answered by an object whose `value` is what was asked
    /// for.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|e| e.to_string())?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(|error| error.to_string())?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .map_err(|error| error.to_string())?;
        let mut reply = BufReader::new(stream);
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            reply
                .read_line(&mut line)
                .map_err(|error| error.to_string())?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| line.clone())?;
            }
        }
        let mut text = vec![0; length];
        reply
            .read_exact(&mut text)
            .map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}
