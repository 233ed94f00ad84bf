//! Sendmail, its configuration made by `m4` as Debian does: accounts, and domains in its table of virtual users.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Mailboxes, Truth, accounts, names, with};
use crate::visit::{Ending, Visit, leading_code};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 3] = ["smmta", "smmsp", "vmail"];

const FOLDER: &str = "/usr/share/sendmail/cf";

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &accounts(domains));
    let mut users = String::new();
    let mut access = String::new();
    for domain in with(domains, Mailboxes::Virtual) {
        for person in &domain.people {
            let to = match person.truth {
                Truth::Moved => "somebody@elsewhere.test.REDIRECT",
                truth if truth.has_mailbox() => "vmail",
                _ => continue,
            };
            let _ = writeln!(users, "{}@{}\t{to}", person.local, domain.name);
        }
        let rest = if domain
            .people
            .iter()
            .any(|person| person.truth == Truth::CatchAll)
        {
            "vmail"
        } else {
            "error:nouser 550 User unknown"
        };
        let _ = writeln!(users, "@{}\t{rest}", domain.name);
    }
    for domain in domains {
        for person in &domain.people {
            let words = match person.truth {
                Truth::Full => "ERROR:4.2.2:452 Mailbox full",
                Truth::Disabled => "ERROR:5.2.1:550 Mailbox disabled for this recipient",
                Truth::Deliverable
                | Truth::Dead
                | Truth::Moved
                | Truth::CatchAll
                | Truth::DeadForNow
                | Truth::Blocked
                | Truth::BlockedDead => continue,
            };
            let _ = writeln!(access, "To:{}@{}\t{words}", person.local, domain.name);
        }
    }
    machine.write("etc/mail/virtusertable", &users);
    machine.write("etc/mail/access", &access);
    machine.write(
        "etc/mail/aliases",
        "postmaster: root\nMAILER-DAEMON: postmaster\n",
    );
    machine.write(
        "etc/mail/local-host-names",
        &names(domains, &[Mailboxes::Accounts, Mailboxes::Virtual], "\n"),
    );
    // A busy machine that runs the tests is no reason to refuse us.
    machine.write(
        "etc/mail/sendmail.mc",
        &format!(
            "divert(0)dnl
OSTYPE(`debian')dnl
define(`confLOG_LEVEL', `15')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDOMAIN_NAME', `{name}')dnl
define(`ALIAS_FILE', `/etc/mail/aliases')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=smtp, Addr={address}')dnl
FEATURE(`use_cw_file')dnl
FEATURE(`redirect')dnl
FEATURE(`access_db', `hash -o -T<TMPF> /etc/mail/access')dnl
FEATURE(`blocklist_recipients')dnl
FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable')dnl
{settings}
MAILER(`local')dnl
MAILER(`smtp')dnl
",
            name = host.name,
            address = host.address,
            settings = host.settings,
        ),
    );
    let made = machine.run(&[
        "m4",
        &format!("-D_CF_DIR_={FOLDER}/"),
        &format!("{FOLDER}/m4/cf.m4"),
        "/etc/mail/sendmail.mc",
    ]);
    machine.write("etc/mail/sendmail.cf", &made);
    for table in ["virtusertable", "access"] {
        let path = format!("etc/mail/{table}");
        let makemap = ["/usr/libexec/sendmail/makemap", "hash", &format!("/{path}")];
        machine.run_on(&makemap, machine.open(&path));
    }
    machine.make_folder("var/spool/mqueue", ("root", "root"), 0o700);
    machine.make_folder("var/spool/mqueue-client", ("smmsp", "smmsp"), 0o770);
    machine.make_folder("run/sendmail/mta", ("root", "root"), 0o755);
    machine.run(&["/usr/libexec/sendmail/sendmail", "-bi"]);
    machine.start(&["/usr/libexec/sendmail/sendmail", "-bD", "-q10m"], &[]);
}

/// The connections that we made; each is a process of its own, which logs what both sides say.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let mut visits: Vec<(&str, Visit)> = Vec::new();
    for line in lines {
        let Some((process, text)) = line.split_once(": ") else {
            continue;
        };
        if text.contains("connect from") && text.contains(SOURCE) {
            visits.push((process, Visit::default()));
            continue;
        }
        let Some((_, visit)) = visits.iter_mut().rev().find(|(of, _)| *of == process) else {
            continue;
        };
        if let Some((_, command)) = text.split_once("<-- ") {
            visit.recipients += usize::from(command.starts_with("RCPT"));
            visit.data |= command.starts_with("DATA");
            if command.starts_with("QUIT") {
                visit.ending = Ending::Quit;
            }
        } else if let Some((_, said)) = text.split_once("--- ") {
            visit
                .refusals
                .extend(leading_code(said).filter(|code| *code >= 400));
        }
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}
