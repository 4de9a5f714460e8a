//! Who is at the other end: the address that audit, throttling and the log name. Behind a proxy the connection's own peer is the
//! proxy, and who called stands in `X-Forwarded-For`, which anybody can send. So it is believed of proxies alone that the operator
//! named (`--trusted-proxy`), and only what they added: each appends the address that it saw, so the header is read from the right, until
//! an address that is none of theirs. `Forwarded` (RFC 7239) is not read: a proxy that sets one header passes the caller's own other on.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
    http::Extensions,
};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a request's caller; the listener puts it in the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// The caller behind a connection from `socket`, as far as `trusted` proxies tell. What can't be read as an address ends the
    /// way back: the caller is then the last one known.
    pub(crate) fn behind(socket: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let mut caller = socket.ip().to_canonical();
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut hops = headers.get_all(FORWARDED_FOR).iter().rev().flat_map(hops_from_the_right);
        while is_trusted(&caller)
            && let Some(Some(hop)) = hops.next()
        {
            caller = hop;
        }
        Self(caller)
    }
}

/// The address of the caller of a request with these extensions. An IPv4 address is one, also where the system maps it into IPv6.
pub(crate) fn peer_of(extensions: &Extensions) -> IpAddr {
    extensions.get::<Peer>().expect("the listener gives every request its peer").0
}

/// The elements of one header, the last first; `None` for what is no address. Empty elements don't count (RFC 9110, 5.6.1.2).
fn hops_from_the_right(value: &HeaderValue) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = value.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).map(|element| address(str::from_utf8(element).ok()?))
}

/// An address with or without its port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The caller behind `socket` with these headers, where 10.0.0.0/8, 127.0.0.1 and fd00::/8 are trusted.
    fn behind(socket: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].iter().map(|network| network.parse().unwrap()).collect();
        let value = |text: &&str| (FORWARDED_FOR, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        Peer::behind(socket.parse().unwrap(), &forwarded.iter().map(value).collect(), &trusted).0.to_string()
    }

    #[test]
    fn what_a_stranger_says_of_itself_is_not_believed() {
        assert_eq!(behind("192.0.2.7:5000", &["10.0.0.1"]), "192.0.2.7");
        assert_eq!(behind("192.0.2.7:5000", &["127.0.0.1, 10.0.0.1"]), "192.0.2.7");
        assert_eq!(behind("[2001:db8::7]:5000", &["fd00::1"]), "2001:db8::7");
    }

    #[test]
    fn the_chain_is_read_from_the_right_as_far_as_it_is_trusted() {
        for (forwarded, caller) in [
            (&[][..], "10.0.0.1"),
            (&["198.51.100.3"], "198.51.100.3"),
            // what stands left of the first stranger is the stranger's own word
            (&["203.0.113.9, 198.51.100.3"], "198.51.100.3"),
            (&["203.0.113.9, 198.51.100.3, 10.1.1.1"], "198.51.100.3"),
            (&["127.0.0.1, 198.51.100.3, 10.1.1.1"], "198.51.100.3"),
            // several headers are one list
            (&["203.0.113.9", "198.51.100.3", "10.1.1.1, 127.0.0.1"], "198.51.100.3"),
            // trusted all the way: somebody within
            (&["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            (&["198.51.100.3, , 10.1.1.1,"], "198.51.100.3"),
        ] {
            assert_eq!(behind("10.0.0.1:5000", forwarded), caller, "{forwarded:?}");
        }
    }

    #[test]
    fn an_address_may_be_of_either_kind_and_have_its_port() {
        for (text, caller) in [
            ("198.51.100.3:4711", "198.51.100.3"),
            ("2001:db8::3", "2001:db8::3"),
            ("[2001:db8::3]", "2001:db8::3"),
            ("[2001:db8::3]:4711", "2001:db8::3"),
            ("::ffff:198.51.100.3", "198.51.100.3"),
            ("2001:DB8:0::3, [fd00::2]:80", "2001:db8::3"),
        ] {
            assert_eq!(behind("127.0.0.1:5000", &[text]), caller, "{text}");
        }
        assert_eq!(behind("[::ffff:10.0.0.1]:5000", &["198.51.100.3"]), "198.51.100.3", "mapped by the system");
    }

    #[test]
    fn what_is_no_address_ends_the_way_back() {
        for junk in
            ["unknown", "_hidden", "198.51.100", "198.51.100.3:x", "a b", "[::1", "\u{fc}", "0x7f.1", "017.0.0.1"]
        {
            assert_eq!(behind("10.0.0.1:5000", &[junk]), "10.0.0.1", "{junk}");
            let then = format!("{junk}, 10.3.3.3");
            assert_eq!(behind("10.0.0.1:5000", &[&then]), "10.3.3.3", "{junk}");
        }
    }

    proptest! {
        /// Whatever stands left of what a trusted proxy appended makes no difference.
        #[test]
        fn nothing_that_a_caller_sends_hides_its_address(sent in proptest::collection::vec("[ -~\u{80}-\u{ff}]{0,40}", 0..4)) {
            let mut headers: Vec<&str> = sent.iter().map(String::as_str).collect();
            headers.push("198.51.100.3");
            prop_assert_eq!(behind("10.0.0.1:5000", &headers), "198.51.100.3");
            prop_assert_eq!(behind("10.0.0.1:5000", &[&headers.join(",")]), "198.51.100.3");
        }
    }
}
