//! Which addresses may be contacted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far inward a run may reach. A list must not be a way to make us connect to machines of the inner network (RFC
/// 6890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Public addresses, with those reserved for documentation: what a simulated internet is made of.
    PublicOrDocumentation,
    /// Any address: the operator allowed it.
    Anywhere,
}

impl Reach {
    /// Whether `ip` may be contacted.
    #[must_use]
    pub fn allows(self, ip: IpAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::Public => is_public(ip),
            Reach::PublicOrDocumentation => is_public(ip) || is_documentation(ip),
        }
    }
}

/// Whether `ip` is reserved for documentation (RFC 5737, RFC 3849).
fn is_documentation(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_documentation(),
        IpAddr::V6(ip) => ip.segments()[..2] == [0x2001, 0xdb8],
    }
}

/// Whether `ip` is globally reachable, by the registries of RFC 6890.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    // An IPv4 address in IPv6 clothes is judged as what it is.
    let low = || Ipv4Addr::from(u32::from(segments[6]) << 16 | u32::from(segments[7]));
    if ip.to_ipv4_mapped().is_some() || segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(low());
    }
    if segments[0] == 0x2002 {
        return is_public_v4(Ipv4Addr::from(
            u32::from(segments[1]) << 16 | u32::from(segments[2]),
        ));
    }
    let is_global_unicast = segments[0] & 0xe000 == 0x2000;
    let is_for_protocols = segments[0] == 0x2001 && segments[1] < 0x200;
    let is_for_documentation =
        is_documentation(IpAddr::V6(ip)) || (segments[0] == 0x3fff && segments[1] < 0x1000);
    // Global unicast is 2000::/3; of it 2001::/23 is for protocols, 2001:db8::/32 for documentation, 3fff::/20 too.
    is_global_unicast && !is_for_protocols && !is_for_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(reach: Reach, ip: &str) -> bool {
        reach.allows(ip.parse().unwrap())
    }

    #[test]
    fn reserved_space_is_not_public() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:0a00:0001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "100::1",
        ] {
            assert!(!allows(Reach::PublicOrDocumentation, ip), "{ip}");
            assert!(allows(Reach::Anywhere, ip), "{ip}");
        }
    }

    #[test]
    fn ordinary_space_is_public() {
        for ip in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(allows(Reach::Public, ip), "{ip}");
        }
    }

    #[test]
    fn documentation_space_is_for_simulations() {
        for ip in ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1"] {
            assert!(!allows(Reach::Public, ip), "{ip}");
            assert!(allows(Reach::PublicOrDocumentation, ip), "{ip}");
        }
    }
}
