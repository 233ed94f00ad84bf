//! What this machine knows of itself.

use std::net::{IpAddr, UdpSocket};

use super::interfaces;
use crate::net::route::Reach;

/// What is known of this machine without asking any host.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The addresses that connections leave from.
    pub sources: Vec<IpAddr>,
    /// How many files this process may open.
    pub open_files: Option<u64>,
    /// The HELO name that a run would use, where it is set for all runs.
    pub helo: Option<String>,
    /// The MAIL FROM that a run would use, where it is set for all runs.
    pub mail_from: Option<String>,
}

impl Machine {
    /// Looks at this machine. Nothing is sent: the kernel tells which address it would use.
    #[must_use]
    pub fn look() -> Self {
        let towards = [
            ("0.0.0.0:0", "192.0.2.1:25"),
            ("[::]:0", "[2001:db8::1]:25"),
        ];
        let mut sources: Vec<IpAddr> = towards
            .iter()
            .filter_map(|(own, far)| {
                let socket = UdpSocket::bind(own).ok()?;
                socket.connect(far).ok()?;
                Some(socket.local_addr().ok()?.ip())
            })
            .collect();
        let told = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let others = interfaces::four(&told("/proc/net/fib_trie"));
        let others = others
            .into_iter()
            .chain(interfaces::six(&told("/proc/net/if_inet6")));
        for ip in others.filter(|ip| Reach::PublicOrDocumentation.allows(*ip)) {
            if !sources.contains(&ip) {
                sources.push(ip);
            }
        }
        Machine {
            sources,
            ..Machine::limits()
        }
    }

    /// What a simulated internet makes of this machine: one address.
    #[must_use]
    pub fn simulated(client: IpAddr) -> Self {
        Machine {
            sources: vec![client],
            ..Machine::limits()
        }
    }

    fn limits() -> Self {
        let files = rlimit::getrlimit(rlimit::Resource::NOFILE).ok();
        Machine {
            open_files: files.map(|(soft, _)| soft),
            ..Machine::default()
        }
    }
}
