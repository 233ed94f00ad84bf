//! chasquid as its manual sets it up: a certificate, a folder for each domain, mailboxes as aliases.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Truth};
use crate::visit::{Ending, Visit, leading_code};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 1] = ["vmail"];

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &[]);
    let certificates = format!("etc/chasquid/certs/{}", host.name);
    machine.make_folder(&certificates, ("root", "root"), 0o755);
    machine.run(&[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "365",
        "-subj",
        &format!("/CN={}", host.name),
        "-keyout",
        &format!("/{certificates}/privkey.pem"),
        "-out",
        &format!("/{certificates}/fullchain.pem"),
    ]);
    for domain in domains {
        let mut aliases = String::new();
        for person in &domain.people {
            if person.truth == Truth::CatchAll {
                aliases = String::from("*: postmaster@elsewhere.test\n");
            } else if person.truth.has_mailbox() {
                // It drops the dots of whom it is asked about, but not those of this file.
                let local = person.local.replace('.', "");
                let _ = writeln!(aliases, "{local}: {local}@elsewhere.test");
            }
        }
        machine.write(
            &format!("etc/chasquid/domains/{}/aliases", domain.name),
            &aliases,
        );
    }
    machine.write(
        "etc/chasquid/chasquid.conf",
        &format!(
            "hostname: \"{}\"\nsmtp_address: \"{}:25\"\n{}\n",
            host.name, host.address, host.settings
        ),
    );
    machine.make_folder("var/lib/chasquid", ("root", "root"), 0o700);
    // The connections are logged at this level only.
    machine.start(&["chasquid", "-logtosyslog", "chasquid", "-v", "1"], &[]);
}

/// The connections that we made; each is named by the port that we came from.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let ours = format!("SMTP.Conn {SOURCE}:");
    let mut visits: Vec<(String, Visit)> = Vec::new();
    for line in lines {
        let Some((port, event)) = line
            .split_once(&ours)
            .and_then(|(_, rest)| rest.split_once(": "))
        else {
            continue;
        };
        if event.starts_with("Connected") {
            visits.push((port.to_owned(), Visit::default()));
            continue;
        }
        let Some((_, visit)) = visits.iter_mut().rfind(|(of, _)| of == port) else {
            continue;
        };
        if event.starts_with("-> RCPT TO") {
            visit.recipients += 1;
        } else if event.starts_with("-> DATA") {
            visit.data = true;
        } else if event.starts_with("-> QUIT") {
            visit.ending = Ending::Quit;
        } else if event.starts_with("error: too many errors") {
            // The goodbye takes the place of the last refusal, which is logged but not said.
            visit.refusals.pop();
            visit.ending = Ending::TheirDecision;
        } else if let Some(reply) = event.strip_prefix("<- ") {
            visit
                .refusals
                .extend(leading_code(reply).filter(|code| *code >= 400));
        }
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}
