//! The names of the table, served by NSD as the only name server there is: it answers for the root.

use std::fmt::Write;

use crate::machine::Machine;
use crate::table::{Host, Internet};

/// Where presend asks from, with its names in both directions.
pub(crate) const SOURCE: &str = "192.0.2.10";
pub(crate) const SOURCE_NAME: &str = "probe.sender.test";
pub(crate) const SENDER: &str = "verify@sender.test";

/// Starts the name server.
pub(crate) fn serve(machine: &Machine, internet: &Internet) {
    machine.write("etc/nsd/zone", &zone(internet));
    machine.write(
        "etc/nsd/nsd.conf",
        "server:\n  ip-address: 127.0.0.1\n  username: \"\"\n  zonesdir: /etc/nsd\n  database: \"\"\n  pidfile: \"\"\n  \
         rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n\
         remote-control:\n  control-enable: no\n\
         zone:\n  name: .\n  zonefile: zone\n",
    );
    machine.start(&["nsd", "-d", "-c", "/etc/nsd/nsd.conf"], &[]);
}

fn zone(internet: &Internet) -> String {
    let mut zone = format!(
        "$ORIGIN .\n$TTL 300\n\
         @ SOA ns.test. hostmaster.test. 1 3600 600 86400 60\n@ NS ns.test.\nns.test. A 127.0.0.1\n\
         sender.test. MX 10 {SOURCE_NAME}.\nsender.test. A {SOURCE}\n{SOURCE_NAME}. A {SOURCE}\n\
         sender.test. TXT \"v=spf1 ip4:{SOURCE} -all\"\n{} PTR {SOURCE_NAME}.\n\
         {SOURCE_REVERSED}.listed.rbl.test. A 127.0.0.2\n\
         {SOURCE_REVERSED}.listed.rbl.test. TXT \"see https://rbl.test/lookup\"\n",
        reverse(SOURCE),
    );
    for Host { name, address, .. } in &internet.hosts {
        let _ = writeln!(
            zone,
            "{name}. A {address}\n{} PTR {name}.",
            reverse(&address.to_string())
        );
    }
    for domain in &internet.domains {
        for (preference, mx) in (1..).zip(&domain.mx) {
            let _ = writeln!(zone, "{}. MX {}0 {mx}.", domain.name, preference);
        }
    }
    zone
}

const SOURCE_REVERSED: &str = "10.2.0.192";

fn reverse(address: &str) -> String {
    let parts: Vec<&str> = address.rsplit('.').collect();
    format!("{}.in-addr.arpa.", parts.join("."))
}
