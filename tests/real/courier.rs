//! Courier: accounts and hosted domains in its user database, aliases, the settings that Debian ships.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Mailboxes, Truth, accounts, names};
use crate::visit::{Ending, Visit, leading_code};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 2] = ["courier", "vmail"];

/// What Debian's script `esmtpd` starts, with the settings that it reads, in the foreground.
const START: &str = "set -a; prefix=/usr; sysconfdir=/etc/courier; sbindir=/usr/sbin; . /etc/courier/esmtpd; \
    exec $sbindir/couriertcpd $TCPDOPTS -user=$MAILUSER -group=$MAILGROUP -address=$ADDRESS -maxprocs=$MAXDAEMONS \
    -maxperc=$MAXPERC -maxperip=$MAXPERIP -pid=$PIDFILE $PORT $sbindir/courieresmtpd";

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &accounts(domains));
    let mut users = String::new();
    for domain in domains {
        for person in domain
            .people
            .iter()
            .filter(|person| person.truth.has_mailbox())
        {
            let name = match domain.mailboxes {
                Mailboxes::Accounts => person.local.clone(),
                Mailboxes::Virtual | Mailboxes::Elsewhere => {
                    format!("{}@{}", person.local, domain.name)
                }
            };
            let _ = writeln!(users, "{name}\tuid=101|gid=101|home=/var/mail");
        }
    }
    // Takes what has no other owner, by the file of delivery instructions beneath.
    users += "vmail\tuid=101|gid=101|home=/var/mail\n";
    machine.write("etc/courier/userdb", &users);
    machine.make_folder("var/mail", ("vmail", "vmail"), 0o755);
    machine.write("var/mail/.courier-default", "./Maildir\n");
    let modules = machine.read("etc/courier/authdaemonrc");
    machine.write(
        "etc/courier/authdaemonrc",
        &format!("{modules}\nauthmodulelist=authuserdb\n"),
    );
    machine.write("etc/courier/me", &format!("{}\n", host.name));
    let local = names(domains, &[Mailboxes::Accounts], "\n");
    let hosted = names(domains, &[Mailboxes::Virtual], "\n");
    machine.write("etc/courier/locals", &format!("{}\n{local}\n", host.name));
    machine.write("etc/courier/hosteddomains/all", &format!("{hosted}\n"));
    machine.write(
        "etc/courier/esmtpacceptmailfor",
        &format!("{}\n{local}\n{hosted}\n", host.name),
    );
    machine.write("etc/courier/aliases/system", &aliases(domains));
    machine.write("etc/environment", "");
    let stock = machine.read("etc/courier/esmtpd");
    machine.write(
        "etc/courier/esmtpd",
        &format!(
            "{stock}\nADDRESS={}\nPORT=25\nULIMIT=unlimited\nESMTP_LOG_DIALOG=1\n{}\n",
            host.address, host.settings
        ),
    );
    for folder in [
        "allfilters",
        "filters",
        "msgq",
        "msgs",
        "tmp",
        "tmp/broken",
        "track",
    ] {
        machine.make_folder(
            &format!("var/lib/courier/{folder}"),
            ("courier", "courier"),
            0o755,
        );
    }
    machine.make_folder("var/lib/courier", ("courier", "courier"), 0o755);
    machine.make_folder("run/courier", ("courier", "courier"), 0o755);
    machine.make_folder("run/courier/authdaemon", ("courier", "courier"), 0o755);
    for script in [
        "chmod 600 /etc/courier/userdb && makeuserdb && makealiases",
        "/usr/bin/makedat.courier -src=/etc/courier/hosteddomains -file=/etc/courier/hosteddomains.dat \
         -tmp=/etc/courier/hosteddomains.tmp",
        "authdaemond start",
        "/usr/lib/courier/courier/courierfilter start",
        "/usr/lib/courier/courierctl.start",
    ] {
        // Daemons would keep our end of a pipe open for ever.
        machine.run(&["/bin/sh", "-c", &format!("({script}) >/tmp/output 2>&1")]);
    }
    machine.start(&["/bin/sh", "-c", START], &[]);
}

fn aliases(domains: &[&Domain]) -> String {
    let mut aliases = String::from("postmaster: root\n");
    for domain in domains {
        if domain
            .people
            .iter()
            .any(|person| person.truth == Truth::CatchAll)
        {
            let _ = writeln!(aliases, "@{}: vmail", domain.name);
        }
    }
    aliases
}

/// The connections that we made. What both sides say is logged without the connection it belongs to; where several are
/// open, a goodbye is that of the oldest and everything else belongs to the youngest.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let ours = format!("ip=[::ffff:{SOURCE}]");
    let mut visits: Vec<Visit> = Vec::new();
    for line in lines {
        let Some(text) = line.strip_prefix("courieresmtpd: ") else {
            continue;
        };
        if text.starts_with("started,") {
            visits.extend(text.contains(&ours).then(Visit::default));
        } else if text.starts_with("QUIT") {
            let open = visits.iter_mut().find(|visit| visit.ending == Ending::Lost);
            if let Some(visit) = open {
                visit.ending = Ending::Quit;
            }
        } else if let Some(visit) = visits.last_mut() {
            visit.recipients += usize::from(text.starts_with("RCPT "));
            visit.data |= text.starts_with("DATA");
            let refusal = text
                .strip_prefix("error,")
                .and_then(|rest| rest.split_once(">: "));
            visit
                .refusals
                .extend(refusal.and_then(|(_, said)| leading_code(said)));
        }
    }
    visits
}
