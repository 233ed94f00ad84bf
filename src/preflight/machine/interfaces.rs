//! The addresses of this machine, from what Linux tells of its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 addresses in a routing table as `/proc/net/fib_trie` shows it: whatever is `/32 host LOCAL`.
#[must_use]
pub fn four(fib_trie: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(ip) = last
            && !ip.is_loopback()
            && !found.contains(&IpAddr::V4(ip))
        {
            found.push(IpAddr::V4(ip));
        }
    }
    found
}

/// The IPv6 addresses of global scope in `/proc/net/if_inet6`: 32 digits, interface, prefix, scope, flags, name.
#[must_use]
pub fn six(if_inet6: &str) -> Vec<IpAddr> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let digits = u128::from_str_radix(words.next()?, 16).ok()?;
        let scope = words.nth(2)?;
        (scope == "00").then(|| IpAddr::V6(Ipv6Addr::from(digits)))
    };
    if_inet6.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_linux_shows_them() {
        let table = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.7
              /32 host LOCAL
           |-- 192.0.2.255
              /32 link BROADCAST
Local:
           |-- 192.0.2.7
              /32 host LOCAL
";
        assert_eq!(four(table), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        let table = "00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 02 40 00 80     eth0
fe8000000000000000000000000000ff 02 40 20 80     eth0
";
        assert_eq!(six(table), ["2001:db8::7".parse::<IpAddr>().unwrap()]);
        assert_eq!(four("nonsense"), Vec::<IpAddr>::new());
        assert_eq!(six("zz 01"), Vec::<IpAddr>::new());
    }
}
