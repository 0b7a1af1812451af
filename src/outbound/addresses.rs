//! Which addresses are public: not in the registries of special-purpose addresses of the IANA, except where those say that they
//! are globally reachable.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), with multicast (RFC 5771).
const SPECIAL_V4: &[Ipv4Net] = &[
    // This network.
    v4(0, 0, 0, 8),
    // Private use.
    v4(10, 0, 0, 8),
    // Between a provider and its customers.
    v4(100, 64, 0, 10),
    // Loopback.
    v4(127, 0, 0, 8),
    // Link-local, with the metadata services of clouds.
    v4(169, 254, 0, 16),
    // Private use.
    v4(172, 16, 0, 12),
    // Protocol assignments.
    v4(192, 0, 0, 24),
    // Documentation.
    v4(192, 0, 2, 24),
    // Relays of 6to4, deprecated.
    v4(192, 88, 99, 24),
    // Private use.
    v4(192, 168, 0, 16),
    // Benchmarking.
    v4(198, 18, 0, 15),
    // Documentation.
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    // Multicast; reserved; broadcast.
    v4(224, 0, 0, 3),
];

/// Global unicast (RFC 4291, section 2.4): what lies outside is loopback, link-local, unique local, multicast or not assigned.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// What the IANA IPv6 Special-Purpose Address Registry takes out of it.
const SPECIAL_V6: &[Ipv6Net] = &[
    // Protocol assignments, with Teredo, benchmarking and ORCHID.
    v6(0x2001, 0, 23),
    // Documentation.
    v6(0x2001, 0x0db8, 32),
    // 6to4, which carries an IPv4 address.
    v6(0x2002, 0, 16),
    // Documentation.
    v6(0x3fff, 0, 20),
];

/// Addresses of IPv4 behind a translator (RFC 6052): they are what they carry.
const NAT64: Ipv6Net = v6(0x0064, 0xff9b, 96);

/// Whether everybody on the internet means the same by it.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            GLOBAL_UNICAST.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_not_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1.1.1.1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:0101:0101::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_beside_it_is_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
