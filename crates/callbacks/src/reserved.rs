//! Addresses that are nobody's on the internet: special purposes (RFC 6890 and the registries that follow it), a cloud's own services,
//! and ways to write an IPv4 address as an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// IANA IPv4 Special-Purpose Address Registry, multicast, and what clouds have put on public addresses.
const IPV4: [(Ipv4Net, &str); 18] = [
    (v4(0, 0, 0, 0, 8), "an address of no host (RFC 791)"),
    (v4(10, 0, 0, 0, 8), "a private address (RFC 1918)"),
    (v4(100, 64, 0, 0, 10), "an address within a provider's network (RFC 6598)"),
    (v4(127, 0, 0, 0, 8), "a loopback address (RFC 1122)"),
    (v4(168, 63, 129, 16, 32), "the address of a cloud's own service"),
    (v4(169, 254, 0, 0, 16), "a link-local address (RFC 3927), among them clouds' metadata"),
    (v4(172, 16, 0, 0, 12), "a private address (RFC 1918)"),
    (v4(192, 0, 0, 0, 24), "an address for protocols (RFC 6890)"),
    (v4(192, 0, 2, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(192, 31, 196, 0, 24), "an address for protocols (RFC 7535)"),
    (v4(192, 88, 99, 0, 24), "an address of 6to4 relays (RFC 7526)"),
    (v4(192, 168, 0, 0, 16), "a private address (RFC 1918)"),
    (v4(192, 175, 48, 0, 24), "an address for protocols (RFC 7534)"),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks (RFC 2544)"),
    (v4(198, 51, 100, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(203, 0, 113, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(224, 0, 0, 0, 4), "a multicast address (RFC 5771)"),
    (v4(240, 0, 0, 0, 4), "a reserved or broadcast address (RFC 1112)"),
];

/// What may be called of IPv6 is within this; loopback, unspecified, link-local, unique local, multicast, IPv4 written as IPv6
/// (mapped, compatible, NAT64) and all that isn't assigned yet are outside.
const IPV6_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// IANA IPv6 Special-Purpose Address Registry, the part within it.
const IPV6: [(Ipv6Net, &str); 4] = [
    (v6(0x2001, 0, 23), "an address for protocols, among them Teredo (RFC 2928, RFC 4380)"),
    (v6(0x2001, 0xdb8, 32), "an address for documentation (RFC 3849)"),
    (v6(0x2002, 0, 16), "a 6to4 address (RFC 3056)"),
    (v6(0x3fff, 0, 20), "an address for documentation (RFC 9637)"),
];

/// What an address is, when it isn't one of the internet's public ones.
pub(crate) fn what(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => IPV4.iter().find(|(network, _)| network.contains(&address)).map(|(_, what)| *what),
        IpAddr::V6(address) if !IPV6_UNICAST.contains(&address) => Some("no public IPv6 address (RFC 4291, 2.4)"),
        IpAddr::V6(address) => IPV6.iter().find(|(network, _)| network.contains(&address)).map(|(_, what)| *what),
    }
}
