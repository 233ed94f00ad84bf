//! What stands beside a mail host: a greylist, mailboxes behind it. Neither takes mail from unknown clients.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Person, Truth};

pub(crate) const USERS: [&str; 4] = ["postgrey", "sqlgrey", "dovecot", "dovenull"];

/// The ports of greylists.
pub(crate) const POSTGREY: u16 = 10_023;
pub(crate) const SQLGREY: u16 = 2_501;

/// The port of mailboxes.
pub(crate) const LMTP: u16 = 24;

pub(crate) fn start_postgrey(machine: &Machine, host: &Host) {
    machine.make_folder("var/lib/postgrey", ("postgrey", "postgrey"), 0o700);
    let place = format!("--inet={}:{POSTGREY}", host.address);
    let mut command = vec!["postgrey", &place, "--user=postgrey", "--group=postgrey"];
    command.extend(host.settings.split_whitespace());
    machine.start(&command, &[]);
}

/// `SQLgrey` over a file (`sqlgrey.conf`).
pub(crate) fn start_sqlgrey(machine: &Machine, host: &Host) {
    machine.make_folder("var/lib/sqlgrey", ("sqlgrey", "sqlgrey"), 0o700);
    machine.write(
        "etc/sqlgrey/sqlgrey.conf",
        &format!(
            "inet = {}:{SQLGREY}\ndb_type = SQLite\ndb_name = /var/lib/sqlgrey/sqlgrey.db\n{}\n",
            host.address, host.settings
        ),
    );
    machine.start(&["sqlgrey"], &[]);
}

/// Dovecot's LMTP server over a file of users (wiki: `passwd-file`).
pub(crate) fn start_dovecot(machine: &Machine, host: &Host, domains: &[&Domain]) {
    let mut users = String::new();
    for domain in domains {
        for Person { local, truth } in &domain.people {
            if matches!(truth, Truth::Deliverable) {
                let _ = writeln!(users, "{local}@{}:{{PLAIN}}secret::::::", domain.name);
            }
        }
    }
    machine.write("etc/dovecot/users", &users);
    machine.make_folder("var/mail", ("mail", "mail"), 0o775);
    machine.write(
        "etc/dovecot/dovecot.conf",
        &format!(
            "protocols = lmtp\nlog_path = syslog\nssl = no\nmail_location = maildir:/var/mail/%u\n\
             mail_uid = mail\nmail_gid = mail\nfirst_valid_uid = 1\n\
             passdb {{\n  driver = passwd-file\n  args = /etc/dovecot/users\n}}\n\
             userdb {{\n  driver = passwd-file\n  args = /etc/dovecot/users\n  \
             default_fields = uid=mail gid=mail home=/var/mail/%u\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = {}\n    port = {LMTP}\n  }}\n}}\n",
            host.address
        ),
    );
    machine.start(&["dovecot", "-F"], &[]);
}
