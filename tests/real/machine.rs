//! A machine of the real internet in miniature: an address, a root folder of its own with one server unpacked in it,
//! and what that server logs.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to open its port.
const START_WAIT: Duration = Duration::from_secs(60);

/// Folders that a machine has for itself; everything else of its root is shared and read only.
const OWN_FOLDERS: [&str; 5] = ["etc", "var", "run", "tmp", "dev"];

/// Devices that servers open.
const DEVICES: [&str; 3] = ["null", "random", "urandom"];

/// What a server logged, line by line, without the date and host that the system log puts before.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// The lines after the first `known`.
    pub(crate) fn since(&self, known: usize) -> Vec<String> {
        self.0.lock().unwrap()[known..].to_vec()
    }

    /// How many lines there are by now.
    pub(crate) fn length(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A root folder with one server in it.
pub(crate) struct Machine {
    root: PathBuf,
    log: Log,
    programs: Mutex<Vec<Child>>,
}

impl Machine {
    /// Puts the server unpacked at `server` into a root of its own at `folder`, with the system's users and a system
    /// log.
    pub(crate) fn new(server: &Path, folder: &Path, users: &[&str]) -> Self {
        let (root, own) = (folder.join("root"), folder.join("own"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&own).unwrap();
        mount(server, &root);
        for name in OWN_FOLDERS {
            let copied = Command::new("cp")
                .arg("-a")
                .args([&server.join(name), &own])
                .status();
            assert!(copied.unwrap().success(), "cannot copy {name}");
            mount(&own.join(name), &root.join(name));
        }
        for device in DEVICES {
            let inner = root.join("dev").join(device);
            fs::write(&inner, "").unwrap();
            mount(&Path::new("/dev").join(device), &inner);
        }
        mount(Path::new("/proc"), &root.join("proc"));
        let log = Log::default();
        listen(&root.join("dev/log"), &folder.join("log"), log.clone());
        let machine = Machine {
            root,
            log,
            programs: Mutex::default(),
        };
        machine.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
        machine.write(
            "etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n",
        );
        machine.write("etc/hosts", "127.0.0.1 localhost\n");
        machine.people(users, &[]);
        // As every Debian has it, but relative: an absolute link would lead us to the run folder outside.
        let _ = fs::remove_dir(machine.root.join("var/run"));
        symlink("../run", machine.root.join("var/run")).unwrap();
        for world_writable in ["tmp", "var/tmp"] {
            machine.make_folder(world_writable, ("root", "root"), 0o1777);
        }
        machine
    }

    /// The accounts of the system: root, the server's own `users` and the `mailboxes` of people.
    pub(crate) fn people(&self, users: &[&str], mailboxes: &[&str]) {
        let mut passwd = String::from(
            "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/var/mail:/bin/false\n\
             nobody:x:65534:65534::/nonexistent:/bin/false\n",
        );
        let mut group =
            String::from("root:x:0:\nnogroup:x:65534:\nmail:x:8:\nssl-cert:x:9:\nadm:x:4:\n");
        for (id, user) in (100..).zip(users) {
            let _ = writeln!(passwd, "{user}:x:{id}:{id}::/nonexistent:/bin/false");
            let _ = writeln!(group, "{user}:x:{id}:");
        }
        for (id, user) in (10_000..).zip(mailboxes) {
            let _ = writeln!(passwd, "{user}:x:{id}:8::/home/{user}:/bin/sh");
        }
        self.write("etc/passwd", &passwd);
        self.write("etc/group", &group);
    }

    /// Writes a file of the machine, making its folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file of the machine; empty when it is not there.
    pub(crate) fn read(&self, path: &str) -> String {
        let bytes = fs::read(self.root.join(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Makes a folder that belongs to `user` and `group`.
    pub(crate) fn make_folder(&self, path: &str, (user, group): (&str, &str), mode: u32) {
        let place = self.root.join(path);
        fs::create_dir_all(&place).unwrap();
        chown(
            &place,
            Some(self.id("etc/passwd", user)),
            Some(self.id("etc/group", group)),
        )
        .unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The number of a user or group.
    fn id(&self, file: &str, name: &str) -> u32 {
        let table = self.read(file);
        let entry = table
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|entry| entry[0] == name);
        entry.unwrap_or_else(|| panic!("no {name} in {file}"))[2]
            .parse()
            .unwrap()
    }

    /// Lays a file of ours into the machine. The empty file that it is laid over stays with the unpacked server.
    pub(crate) fn lend(&self, file: &Path, path: &str) {
        let place = self.root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        if !place.exists() {
            fs::write(&place, "").unwrap();
        }
        mount(file, &place);
    }

    /// Runs a command within the machine to its end. Returns what it printed.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        self.run_on(command, Stdio::null())
    }

    /// The same with something to read.
    pub(crate) fn run_on(&self, command: &[&str], input: impl Into<Stdio>) -> String {
        let output = Command::new("chroot")
            .arg(&self.root)
            .args(command)
            .stdin(input)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {command:?}: {}{}",
            self.root.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Where a file of the machine lies for those outside.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Opens a file of the machine.
    pub(crate) fn open(&self, path: &str) -> fs::File {
        fs::File::open(self.root.join(path)).unwrap()
    }

    /// Starts a command within the machine; what it prints goes to its log.
    pub(crate) fn start(&self, command: &[&str], environment: &[(&str, &str)]) {
        let output = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder().join("output"))
            .unwrap();
        let program = Command::new("chroot")
            .arg(&self.root)
            .args(command)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        self.programs.lock().unwrap().push(program);
    }

    /// Waits until the server listens at the address.
    pub(crate) fn await_port(&self, address: Ipv4Addr, port: u16) {
        let begun = Instant::now();
        let place = SocketAddr::from((address, port));
        while TcpStream::connect_timeout(&place, Duration::from_secs(1)).is_err() {
            let ended = self
                .programs
                .lock()
                .unwrap()
                .iter_mut()
                .any(|program| program.try_wait().unwrap().is_some());
            assert!(
                !ended && begun.elapsed() < START_WAIT,
                "{}: nobody listens at {place}\n{}\n{}",
                self.root.display(),
                fs::read_to_string(self.folder().join("output")).unwrap_or_default(),
                self.log.since(0).join("\n"),
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The folder that holds the root, and what people may want to read.
    fn folder(&self) -> &Path {
        self.root.parent().unwrap()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

fn mount(from: &Path, to: &Path) {
    let output = Command::new("mount")
        .arg("--bind")
        .args([from, to])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cannot mount {} at {}: {}",
        from.display(),
        to.display(),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Takes what programs send to the system log at `socket`, keeps it in `log` and in the file at `copy`.
fn listen(socket: &Path, copy: &Path, log: Log) {
    let receiver = UnixDatagram::bind(socket).unwrap();
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).unwrap();
    let copy = copy.to_owned();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = receiver.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            let line = without_date(text.trim_end_matches(['\0', '\n']));
            log.0.lock().unwrap().push(line.to_owned());
            // The copy is for people who look for a cause; the test reads the log itself.
            let _ = fs::File::options()
                .create(true)
                .append(true)
                .open(&copy)
                .and_then(|mut file| {
                    std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes())
                });
        }
    });
}

/// `<22>Nov 30 11:40:23 postfix/smtpd[7]: text` without what stands before the program's name.
fn without_date(line: &str) -> &str {
    let date = "Nov 30 11:40:23 ".len();
    line.split_once('>')
        .and_then(|(_, rest)| rest.get(date..))
        .unwrap_or(line)
}
