//! Exim as people set it up: Debian's checks of recipients, mailboxes as accounts or in a file, then the persona's
//! sections.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Domain, Host, Mailboxes, Truth, accounts, names};
use crate::visit::{Ending, Visit};
use crate::zone::SOURCE;

pub(crate) const USERS: [&str; 2] = ["Debian-exim", "vmail"];

pub(crate) fn start(machine: &Machine, host: &Host, domains: &[&Domain]) {
    machine.people(&USERS, &accounts(domains));
    let addresses = |wanted: fn(Truth) -> bool| {
        let mut list = String::new();
        for domain in domains {
            for person in domain.people.iter().filter(|person| wanted(person.truth)) {
                let _ = writeln!(list, "{}@{}", person.local, domain.name);
            }
        }
        list
    };
    machine.write("etc/exim4/boxes", &addresses(Truth::has_mailbox));
    machine.write("etc/exim4/full", &addresses(|truth| truth == Truth::Full));
    machine.write(
        "etc/exim4/disabled",
        &addresses(|truth| truth == Truth::Disabled),
    );
    machine.write("etc/exim4/exim4.conf", &configuration(host, domains));
    machine.make_folder("var/spool/exim4", ("Debian-exim", "Debian-exim"), 0o750);
    machine.make_folder("var/log/exim4", ("Debian-exim", "adm"), 0o2750);
    machine.start(&["exim4", "-bdf", "-q30m"], &[]);
}

/// The statements that every persona has in common follow Debian's `exim4.conf.template`. The two `logwrite`s say what
/// we count afterwards; Exim logs no accepted recipient until there is a message.
fn configuration(host: &Host, domains: &[&Domain]) -> String {
    let section = |name: &str| host.sections.get(name).map_or("", String::as_str);
    format!(
        "primary_hostname = {name}
local_interfaces = {address}
daemon_smtp_ports = 25
domainlist local_domains = {name} : {local}
domainlist relay_to_domains = {elsewhere}
hostlist relay_from_hosts = <; 127.0.0.1 ; ::1
acl_smtp_rcpt = acl_check_rcpt
acl_smtp_quit = acl_quit
acl_smtp_predata = acl_predata
host_lookup = *
tls_advertise_hosts =
log_file_path = syslog
write_rejectlog = no
keep_environment =
notifier_socket =
syslog_timestamp = no
log_selector = +smtp_connection +smtp_protocol_error +smtp_syntax_error
{main}
begin acl
acl_check_rcpt:
  warn logwrite = asked by [$sender_host_address]
  accept hosts = :
  deny domains = +local_domains
       local_parts = ^[.] : ^.*[@%!/|`#&?]
       message = restricted characters in address
  accept local_parts = postmaster
         domains = +local_domains : +relay_to_domains
{recipients}
  deny condition = ${{if and {{ {{>{{$rcpt_count}}{{10}}}} {{<{{$recipients_count}}{{${{eval:$rcpt_count/2}}}}}} }}}}
       message = Rejected for too many bad recipients
       logwrite = REJECT [$sender_host_address]: bad recipient count high [${{eval:$rcpt_count-$recipients_count}}]
  accept hosts = +relay_from_hosts
  require message = relay not permitted
          domains = +local_domains : +relay_to_domains
  require verify = recipient
  accept
acl_quit:
  warn logwrite = goodbye from [$sender_host_address]
acl_predata:
  warn logwrite = data from [$sender_host_address]
  accept

begin routers
{routers}
boxes:
  driver = accept
  domains = {virtual_domains}
  condition = ${{lookup{{$local_part@$domain}}lsearch{{/etc/exim4/boxes}}{{yes}}{{no}}}}
  transport = to_file
accounts:
  driver = accept
  check_local_user
  domains = $primary_hostname : {account_domains}
  transport = to_file

begin transports
to_file:
  driver = appendfile
  file = /var/mail/$local_part@$domain
  user = vmail
to_lmtp:
  driver = smtp
  protocol = lmtp
  port = 24
{transports}
",
        name = host.name,
        address = host.address,
        local = names(domains, &[Mailboxes::Accounts, Mailboxes::Virtual], " : "),
        elsewhere = names(domains, &[Mailboxes::Elsewhere], " : "),
        virtual_domains = names(domains, &[Mailboxes::Virtual], " : "),
        account_domains = names(domains, &[Mailboxes::Accounts], " : "),
        main = host.settings,
        recipients = section("recipients"),
        routers = section("routers"),
        transports = section("transports"),
    )
}

/// The connections that we made. Each is a process of its own, whose number the system log has.
pub(crate) fn visits(lines: &[String]) -> Vec<Visit> {
    let ours = format!("[{SOURCE}]");
    let mut visits: Vec<(&str, Visit)> = Vec::new();
    for line in lines {
        let Some((process, text)) = line.split_once(": ") else {
            continue;
        };
        // The connection's arrival is logged by the process that listens.
        if !text.contains(&ours) || text.contains("connection count") {
            continue;
        }
        if !visits.iter().any(|(of, _)| *of == process) {
            visits.push((process, Visit::default()));
        }
        let Some((_, visit)) = visits.iter_mut().find(|(of, _)| *of == process) else {
            continue;
        };
        if text.starts_with("asked by") {
            visit.recipients += 1;
        } else if text.starts_with("data from") {
            visit.data = true;
        } else if text.starts_with("goodbye from") {
            visit.ending = Ending::Quit;
        } else if text.contains("temporarily rejected RCPT") {
            visit.refusals.push(450);
        } else if text.contains("rejected RCPT") {
            visit.refusals.push(550);
        } else if text.contains("closed by DROP") || text.contains("refused:") {
            visit.ending = Ending::TheirDecision;
        }
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}
