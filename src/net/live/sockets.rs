//! How many sockets a run may hold: within what the system lets a program open.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::model::limits;

/// Places for what needs sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Conversations with mail hosts at once.
    pub mail_hosts: usize,
    /// Questions to DNS at once, at most.
    pub dns_questions: usize,
}

impl Sockets {
    /// As many as the system lets this program have beside the files that are open by now, such as the lists of the
    /// run. The system is first asked for all that it may give.
    #[must_use]
    pub fn allowed() -> Self {
        Sockets::within(allowed_files().saturating_sub(open_files()))
    }

    /// As many as `files` open files leave room for: a half at most for DNS.
    #[must_use]
    pub fn within(files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let free = files.saturating_sub(limits::OWN_FILES);
        let dns_questions =
            (free / 2 / limits::SOCKETS_OF_A_DNS_QUESTION).clamp(1, limits::DNS_QUESTIONS_MOST);
        let for_dns = dns_questions * limits::SOCKETS_OF_A_DNS_QUESTION;
        Sockets {
            mail_hosts: free.saturating_sub(for_dns).max(1),
            dns_questions,
        }
    }
}

/// How many files this program may have open, once it has been given all that the system may give.
#[must_use]
pub fn allowed_files() -> u64 {
    // Where there is no such limit, or it cannot be told, our own are low enough.
    rlimit::increase_nofile_limit(u64::MAX)
        .or_else(|_| rlimit::Resource::NOFILE.get_soft())
        .unwrap_or(u64::MAX)
}

/// How many files this program has open by now.
fn open_files() -> u64 {
    // Where the system does not tell, our own are few unless a run has many lists.
    std::fs::read_dir("/dev/fd").map_or(0, |open| open.count() as u64)
}

/// Too many open files: this program's, the whole system's (`EMFILE`, `ENFILE`; the same numbers on every Unix).
const TOO_MANY_FILES: [i32; 2] = [24, 23];

/// Whether connecting failed for want of something on this machine: files, memory, a free port or the address to come
/// from. It says nothing of the host.
pub(super) fn is_about_us(error: &io::Error, to: SocketAddr) -> bool {
    let files = error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code));
    files
        || match error.kind() {
            io::ErrorKind::OutOfMemory => true,
            // A machine without IPv6 has this to say of every IPv6 host, while its IPv4 works.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => to.is_ipv4(),
            _ => false,
        }
}

/// Whether the system knows a way from `from` to `to`. Connecting a UDP socket looks the route up and sends nothing.
pub(super) fn has_route(from: IpAddr, to: SocketAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(from, 0)).is_ok_and(|socket| socket.connect(to).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_by_now_is_counted() {
        let before = open_files();
        let held: Vec<UdpSocket> = (0..40)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        // Other tests close theirs meanwhile.
        assert!(open_files() > before.saturating_sub(20) + 20, "{before}");
        drop(held);
    }

    #[test]
    fn sockets_are_shared_out_within_the_limit() {
        for (files, mail_hosts, dns_questions) in [
            (0, 1, 1),
            (40, 5, 1),
            (64, 17, 5),
            (256, 113, 37),
            (1024, 497, 165),
            (20_000, 20_000 - 32 - 3 * 512, 512),
        ] {
            let sockets = Sockets::within(files);
            let expected = Sockets {
                mail_hosts,
                dns_questions,
            };
            assert_eq!(sockets, expected, "{files}");
        }
    }

    #[test]
    fn a_missing_socket_is_not_the_hosts_fault_and_a_refusal_is() {
        let four = "192.0.2.1:25".parse().unwrap();
        let six = "[2001:db8::1]:25".parse().unwrap();
        for code in TOO_MANY_FILES {
            let error = io::Error::from_raw_os_error(code);
            assert!(is_about_us(&error, four), "{error}");
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(!is_about_us(&refused, four));
        let no_address = io::Error::from(io::ErrorKind::AddrNotAvailable);
        assert!(is_about_us(&no_address, four));
        assert!(
            !is_about_us(&no_address, six),
            "a machine without IPv6 goes on with IPv4"
        );
    }

    #[test]
    fn a_route_is_looked_up_without_a_packet() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let listener = UdpSocket::bind((local, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        assert!(has_route(local, to));
        listener.set_nonblocking(true).unwrap();
        assert!(listener.recv(&mut [0; 1]).is_err(), "nothing was sent");
        let not_ours = "203.0.113.9".parse().unwrap();
        assert!(!has_route(not_ours, to), "no such address of ours");
        let six: SocketAddr = "[2001:db8::1]:53".parse().unwrap();
        assert!(!has_route(local, six), "from IPv4 no route leads to IPv6");
    }

    #[test]
    fn an_ipv4_address_to_come_from_leads_to_no_ipv6_host() {
        use crate::net::Connector as _;
        let four = Some("192.0.2.1".parse().unwrap());
        assert!(!super::super::Tcp.reaches_ipv6(four));
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_our_own_trouble() {
        let to = "127.0.0.1:1".parse().unwrap();
        let from = Some("203.0.113.9".parse().unwrap());
        let error = super::super::Tcp::open(to, from).await.unwrap_err();
        assert!(crate::net::OwnTrouble::of(&error).is_some(), "{error}");
        let error = super::super::Tcp::open(to, None).await.unwrap_err();
        assert!(crate::net::OwnTrouble::of(&error).is_none(), "{error}");
    }
}
