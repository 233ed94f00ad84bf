//! `OpenSMTPD` as its manual sets it up: accounts with aliases, virtual domains in a table.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Mailboxes, Truth, accounts, names, with};
use crate::visit::{Ending, Visit, leading_code};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 3] = ["opensmtpd", "opensmtpq", "vmail"];

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &accounts(domains));
    machine.write("etc/aliases", "postmaster: root\n");
    let mut boxes = String::new();
    for domain in with(domains, Mailboxes::Virtual) {
        let catches_all = domain
            .people
            .iter()
            .any(|person| person.truth == Truth::CatchAll);
        if catches_all {
            let _ = writeln!(boxes, "@{} vmail", domain.name);
        }
        for person in domain
            .people
            .iter()
            .filter(|person| person.truth.has_mailbox())
        {
            let _ = writeln!(boxes, "{}@{} vmail", person.local, domain.name);
        }
    }
    machine.write("etc/mail/boxes", &boxes);
    let mut configuration = format!(
        "table aliases file:/etc/aliases\ntable boxes file:/etc/mail/boxes\n{settings}\n\
         listen on {address} hostname {name}\n\
         action \"local\" maildir alias <aliases>\n\
         action \"boxes\" maildir \"/var/mail/%{{rcpt}}\" virtual <boxes>\n",
        settings = host.settings,
        address = host.address,
        name = host.name,
    );
    for (mailboxes, action) in [
        (Mailboxes::Accounts, "local"),
        (Mailboxes::Virtual, "boxes"),
    ] {
        let names = names(domains, &[mailboxes], ", ");
        if !names.is_empty() {
            let _ = writeln!(
                configuration,
                "match from any for domain {{ {names} }} action \"{action}\""
            );
        }
    }
    machine.write("etc/smtpd.conf", &configuration);
    machine.make_folder("var/spool/smtpd", ("root", "root"), 0o711);
    machine.make_folder("var/lib/opensmtpd/empty", ("root", "root"), 0o755);
    machine.start(&["smtpd", "-F"], &[]);
}

/// The connections that we made; each has a number that stands before its events.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let mut visits: Vec<(&str, Visit)> = Vec::new();
    for line in lines {
        let Some((session, event)) = line
            .split_once(": ")
            .and_then(|(_, text)| text.split_once(" smtp "))
        else {
            continue;
        };
        if event.starts_with("connected") && event.contains(SOURCE) {
            visits.push((session, Visit::default()));
            continue;
        }
        let Some((_, visit)) = visits.iter_mut().find(|(of, _)| *of == session) else {
            continue;
        };
        if event.starts_with("failed-command") && event.contains("RCPT TO") {
            visit.recipients += 1;
            let result = event
                .split_once("result=\"")
                .and_then(|(_, said)| leading_code(said));
            visit.refusals.extend(result);
        } else if event.starts_with("failed-command") && event.contains("DATA") {
            visit.data = true;
        } else if event.starts_with("disconnected") {
            visit.ending = if event.contains("reason=quit") {
                Ending::Quit
            } else {
                Ending::Lost
            };
        }
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}
