//! Bounces that mail servers hand to the program as they come, set up by the lines of the README, word for word.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::isolation::tell;
use crate::machine::Machine;
use crate::table::{Host, Server};
use crate::{exim, fresh_folder, network, postfix};

pub(crate) const TEST: &str = "real_servers_pipe_bounces_in_by_the_lines_of_the_readme";

/// How long a server may take to deliver.
const DELIVERY_WAIT: Duration = Duration::from_secs(30);

/// Where the ledger of the README's lines lies in a machine.
const LEDGER: &str = "var/lib/presend/ledger.db";

/// Exim's router and transport for `/etc/aliases`, as Debian has them, with what the README asks for.
const ROUTER: &str = "
system_aliases:
  driver = redirect
  allow_fail
  allow_defer
  domains = $primary_hostname
  data = ${lookup{$local_part}lsearch{/etc/aliases}}
  user = nobody
  pipe_transport = address_pipe
";
const TRANSPORT: &str = "
address_pipe:
  driver = pipe
  return_fail_output
";

/// Lets each server deliver one bounce.
pub(crate) fn within(servers: &Path) {
    let folder = fresh_folder("pipes");
    let (postfix, exim) = (Ipv4Addr::new(192, 0, 2, 25), Ipv4Addr::new(192, 0, 2, 26));
    network(servers, [postfix, exim].into_iter());
    by_postfix(servers, &folder.join("postfix"), postfix);
    by_exim(servers, &folder.join("exim"), exim);
    by_procmail(servers, &folder.join("procmail"));
}

fn by_postfix(servers: &Path, folder: &Path, address: Ipv4Addr) {
    let machine = machine(servers, folder, "postfix", &postfix::USERS);
    let mut host = host("mx.shop.test", address, Server::Postfix);
    "alias_maps = hash:/etc/aliases\nalias_database = hash:/etc/aliases\n"
        .clone_into(&mut host.settings);
    host.files
        .insert("etc/aliases".to_owned(), lines_for("Postfix").to_owned());
    postfix::start(&machine, &host, &[]);
    machine.run(&["postalias", "/etc/aliases"]);
    machine.await_port(address, 25);
    deliver(&machine, &["sendmail", "-f", "<>", "bounces@mx.shop.test"]);
    expect_learned("Postfix", &machine);
}

fn by_exim(servers: &Path, folder: &Path, address: Ipv4Addr) {
    let machine = machine(servers, folder, "exim", &exim::USERS);
    let mut host = host("mx.shop.test", address, Server::Exim);
    host.sections
        .insert("routers".to_owned(), ROUTER.to_owned());
    host.sections
        .insert("transports".to_owned(), TRANSPORT.to_owned());
    machine.write("etc/aliases", lines_for("Postfix"));
    exim::start(&machine, &host, &[]);
    machine.await_port(address, 25);
    deliver(&machine, &["exim4", "-f", "<>", "bounces@mx.shop.test"]);
    expect_learned("Exim", &machine);
}

fn by_procmail(servers: &Path, folder: &Path) {
    let machine = machine(servers, folder, "procmail", &[]);
    machine.write("etc/rules", lines_for("procmail"));
    let command = [
        "procmail",
        "DEFAULT=/var/mail/left",
        "HOME=/var/lib/presend",
        "/etc/rules",
    ];
    deliver(&machine, &command);
    expect_learned("procmail", &machine);
    assert_eq!(machine.read("var/mail/left"), "", "nothing was left over");
}

/// A machine with the program on it and a folder for its ledger, which belongs to whom the server runs programs as.
fn machine(servers: &Path, folder: &Path, server: &str, users: &[&str]) -> Machine {
    let machine = Machine::new(&servers.join(server), folder, users);
    let program = Path::new(env!("CARGO_BIN_EXE_presend"));
    machine.lend(program, "usr/local/bin/presend");
    machine.make_folder("var/lib/presend", ("nobody", "nogroup"), 0o755);
    machine
}

fn host(name: &str, address: Ipv4Addr, server: Server) -> Host {
    Host {
        name: name.to_owned(),
        address,
        server,
        persona: "pipes".to_owned(),
        settings: String::new(),
        sections: BTreeMap::new(),
        files: BTreeMap::new(),
        error_limit: None,
    }
}

/// The lines that the README shows for a server.
fn lines_for(server: &str) -> &'static str {
    let readme = include_str!("../../README.md");
    let begin = format!("\n{server}, in `");
    let (_, rest) = readme.split_once(&begin).expect("a line for the server");
    rest.split("```\n").nth(1).expect("lines to copy")
}

/// The bounce that is delivered.
fn bounce() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/bounces/exim-rcpt-refused.eml"
    ))
}

fn deliver(machine: &Machine, command: &[&str]) {
    machine.run_on(command, File::open(bounce()).unwrap());
}

/// Waits until the machine's ledger knows the bounce: a reading of the same finds nothing new in it, in an empty one it
/// does.
fn expect_learned(server: &str, machine: &Machine) {
    let ledger = machine.place(LEDGER);
    let begun = Instant::now();
    while new_bounces(&ledger) != 0 {
        assert!(
            begun.elapsed() < DELIVERY_WAIT,
            "{server}: nothing learned\n{}",
            machine.log().since(0).join("\n")
        );
        thread::sleep(Duration::from_millis(200));
    }
    let empty = machine.place("tmp/empty.db");
    assert!(new_bounces(&empty) > 0, "the bounce is one");
    tell(&format!(
        "{server} piped a bounce in, by the README's line: {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
}

/// How many bounces the message has that a ledger does not know. The ledger is looked at in a copy: what is there is
/// the server's doing alone.
fn new_bounces(ledger: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("ledger.db");
    for ending in ["", "-wal", "-shm"] {
        let beside = |path: &Path| format!("{}{ending}", path.display());
        // What is not there yet is not copied.
        let _ = fs::copy(beside(ledger), beside(&copy));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["bounces", "--json", "--ledger"])
        .args([copy.as_path(), bounce()])
        .output()
        .unwrap();
    let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    object["ledger"]["new_bounces"].as_u64().unwrap_or(u64::MAX)
}
