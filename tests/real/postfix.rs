//! Postfix as people set it up: Debian's `main.cf` and `master.cf`, then the domains, then the persona's settings.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Mailboxes, Person, Truth, accounts, names, with};
use crate::visit::{Ending, Visit, leading_code};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 3] = ["postfix", "postdrop", "vmail"];

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &accounts(domains));
    machine.write("etc/postfix/main.cf", &main_cf(machine, host, domains));
    machine.write("etc/postfix/master.cf", &master_cf(machine, host));
    machine.write("etc/aliases", "postmaster root\n");
    if host.settings.contains("/etc/tls/") {
        certificates(machine, &host.name);
    }
    machine.write("etc/postfix/recipient_access", &recipient_access(domains));
    machine.write("etc/postfix/relocated", &relocated(domains));
    let mut boxes = String::new();
    for domain in with(domains, Mailboxes::Virtual) {
        for Person { local, .. } in domain
            .people
            .iter()
            .filter(|person| person.truth.has_mailbox())
        {
            let _ = writeln!(boxes, "{local}@{name} {name}/{local}/", name = domain.name);
        }
    }
    machine.write("etc/postfix/vmailbox", &boxes);
    for (path, text) in &host.files {
        machine.write(path, text);
    }
    for folder in [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved",
        "trace",
    ] {
        machine.make_folder(
            &format!("var/spool/postfix/{folder}"),
            ("postfix", "root"),
            0o700,
        );
    }
    machine.make_folder("var/spool/postfix/private", ("postfix", "root"), 0o700);
    machine.make_folder(
        "var/spool/postfix/maildrop",
        ("postfix", "postdrop"),
        0o1730,
    );
    machine.make_folder("var/spool/postfix/public", ("postfix", "postdrop"), 0o710);
    machine.make_folder("var/spool/postfix/pid", ("root", "root"), 0o755);
    machine.make_folder("var/lib/postfix", ("postfix", "postfix"), 0o700);
    machine.start(
        &["/usr/lib/postfix/sbin/master", "-c", "/etc/postfix"],
        &[("MAIL_CONFIG", "/etc/postfix")],
    );
}

/// A key with a certificate that holds, and one that ran out yesterday.
fn certificates(machine: &Machine, name: &str) {
    let subject = format!("/CN={name}");
    let openssl = |arguments: &str| {
        let mut command = vec!["openssl"];
        command.extend(arguments.split(' '));
        machine.run(&[command, vec!["-subj", &subject]].concat());
    };
    machine.make_folder("etc/tls", ("root", "root"), 0o755);
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -keyout /etc/tls/key -out /etc/tls/valid",
    );
    openssl("req -new -key /etc/tls/key -out /etc/tls/request");
    machine.run(&[
        "openssl",
        "x509",
        "-req",
        "-days",
        "-1",
        "-in",
        "/etc/tls/request",
        "-signkey",
        "/etc/tls/key",
        "-out",
        "/etc/tls/expired",
    ]);
}

fn main_cf(machine: &Machine, host: &Host, domains: &[&Domain]) -> String {
    let stock = machine.read("usr/share/postfix/main.cf.debian");
    format!(
        "{stock}\n\
         myhostname = {name}\nmyorigin = {name}\ninet_interfaces = {address}\ninet_protocols = ipv4\n\
         mydestination = $myhostname, localhost, {local}\nmynetworks = 127.0.0.0/8\n\
         alias_maps = texthash:/etc/aliases\nalias_database =\n\
         virtual_mailbox_domains = {virtual_domains}\nvirtual_mailbox_maps = texthash:/etc/postfix/vmailbox\n\
         virtual_mailbox_base = /var/mail\nvirtual_uid_maps = static:102\nvirtual_gid_maps = static:102\n\
         relay_domains = {relayed}\n\
         smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination\n\
         smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/recipient_access\n\
         relocated_maps = texthash:/etc/postfix/relocated\n\
         {settings}\n",
        name = host.name,
        address = host.address,
        local = names(domains, &[Mailboxes::Accounts], ", "),
        virtual_domains = names(domains, &[Mailboxes::Virtual], ", "),
        relayed = names(domains, &[Mailboxes::Elsewhere], ", "),
        settings = host.settings,
    )
}

/// Debian's services, none of them in a root folder within the machine's; the persona's take the place of those of
/// their name and kind.
fn master_cf(machine: &Machine, host: &Host) -> String {
    let stock = machine.read("usr/share/postfix/master.cf.dist");
    let own = host.sections.get("services").map_or("", String::as_str);
    let mut services = String::new();
    for line in stock.lines().filter(|line| !line.starts_with('#')) {
        let mut fields: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with(' ') || fields.len() < 8 {
            let _ = writeln!(services, "{line}");
            continue;
        }
        // The column that says whether a service has a root folder of its own.
        fields[4] = "n";
        let replaced = own.lines().any(|own| {
            own.split_whitespace()
                .take(2)
                .eq(fields[..2].iter().copied())
        });
        if !replaced {
            let _ = writeln!(services, "{}", fields.join(" "));
        }
    }
    services + own
}

/// What the administrator wrote about single recipients.
fn recipient_access(domains: &[&Domain]) -> String {
    let mut table = String::new();
    for domain in domains {
        for (number, Person { local, truth }) in domain.people.iter().enumerate() {
            let action = match truth {
                Truth::Full if number % 2 == 0 => "452 4.2.2 The mailbox is over quota",
                Truth::Full => "552 5.2.2 Mailbox full",
                Truth::Disabled => "550 5.2.1 This mailbox has been disabled",
                Truth::Deliverable
                | Truth::Dead
                | Truth::Moved
                | Truth::CatchAll
                | Truth::DeadForNow
                | Truth::Blocked
                | Truth::BlockedDead => continue,
            };
            let _ = writeln!(table, "{local}@{} {action}", domain.name);
        }
    }
    table
}

/// Who has another address, and which.
fn relocated(domains: &[&Domain]) -> String {
    let mut table = String::new();
    for domain in domains {
        let moved = domain.people.iter();
        for Person { local, .. } in moved.filter(|person| person.truth == Truth::Moved) {
            let _ = writeln!(table, "{local}@{} {local}@elsewhere.test", domain.name);
        }
    }
    table
}

/// The connections that we made, as `smtpd` and `postscreen` logged them.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let ours = format!("[{SOURCE}]");
    let mut open: Vec<(String, Visit)> = Vec::new();
    let mut done = Vec::new();
    for line in lines {
        let Some((process, text)) = line.split_once(": ") else {
            continue;
        };
        if !text.contains(&ours) {
            continue;
        }
        if process.contains("/postscreen[") {
            continue;
        }
        if text.starts_with("connect from ") {
            open.push((process.to_owned(), Visit::default()));
            continue;
        }
        let Some(at) = open.iter().position(|(of, _)| of == process) else {
            continue;
        };
        let visit = &mut open[at].1;
        if let Some((_, refusal)) = text.split_once("reject: ") {
            visit.refusals.extend(
                refusal
                    .split_once("]: ")
                    .and_then(|(_, said)| leading_code(said)),
            );
        } else if text.starts_with("warning: Recipient address rate limit exceeded") {
            visit.refusals.push(450);
        } else if [
            "too many errors",
            "SSL_accept error",
            "warning: Connection concurrency limit exceeded",
            "warning: Connection rate limit exceeded",
        ]
        .iter()
        .any(|words| text.starts_with(words))
        {
            visit.ending = Ending::TheirDecision;
        } else if let Some((_, counts)) = text
            .strip_prefix("disconnect from ")
            .and_then(|rest| rest.split_once(' '))
        {
            visit.recipients = count(counts, "rcpt");
            visit.data = count(counts, "data") > 0;
            if count(counts, "quit") > 0 {
                visit.ending = Ending::Quit;
            }
            done.push(open.remove(at).1);
        }
    }
    done.extend(open.into_iter().map(|(_, visit)| visit));
    done
}

/// How many commands of a kind there were: `rcpt=4/7` are seven, of which four went well.
fn count(counts: &str, command: &str) -> usize {
    counts
        .split(' ')
        .filter_map(|part| part.strip_prefix(command)?.strip_prefix('='))
        .filter_map(|number| number.rsplit('/').next()?.parse::<usize>().ok())
        .sum()
}
