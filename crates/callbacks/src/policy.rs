//! Which addresses may be called.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::reserved;

/// How a receiver is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TLS, to anywhere on the internet.
    Https,
    /// In the clear, to this machine alone.
    Http,
}

/// What the operator allows beyond the internet's public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `http://` to loopback (`--allow-http-callbacks`).
    pub http_to_loopback: bool,
    /// `https://` to these, whatever they are (`--allow-callback-network`).
    pub networks: Vec<IpNet>,
}

/// An address that may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {what}, which is not called")]
#[allow(missing_docs)]
pub struct RefusedAddress {
    pub address: IpAddr,
    pub what: &'static str,
}

impl Policy {
    /// The scheme of a URL, if one may be called by it.
    pub fn scheme(&self, url: &Url) -> Option<Scheme> {
        match url.scheme() {
            "https" => Some(Scheme::Https),
            "http" if self.http_to_loopback => Some(Scheme::Http),
            _ => None,
        }
    }

    /// Whether an address may be called.
    ///
    /// # Errors
    /// What it is that it may not.
    pub fn check(&self, scheme: Scheme, address: IpAddr) -> Result<(), RefusedAddress> {
        let what = match scheme {
            Scheme::Http if self.http_to_loopback && address.is_loopback() => None,
            Scheme::Http => Some("not this machine, and called by http"),
            Scheme::Https if self.networks.iter().any(|network| network.contains(&address)) => None,
            Scheme::Https => reserved::what(address),
        };
        what.map_or(Ok(()), |what| Err(RefusedAddress { address, what }))
    }

    /// Whether the host of a URL, where it is an address and no name, may be called. However it is written, in decimal, octal or
    /// hexadecimal: the URL has it as the address that it is (WHATWG URL, host parsing).
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn check_literal(&self, scheme: Scheme, url: &Url) -> Result<(), RefusedAddress> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(scheme, address.into()),
            Some(Host::Ipv6(address)) => self.check(scheme, address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(policy: &Policy, url: &str) -> Result<(), RefusedAddress> {
        let url = Url::parse(url).unwrap();
        policy.check_literal(policy.scheme(&url).unwrap(), &url)
    }

    #[test]
    fn an_address_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "127%2e0%2e0%2e1",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "①②⑦.⓪.⓪.①",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "0xa010203",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "3232235521",
            "169.254.169.254",
            "0251.0376.0251.0376",
            "2852039166",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2002:808:808::1]",
            "[2001:0:808:808::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[100::1]",
            "[5f00::1]",
            "[2001:20::1]",
        ] {
            let refused = checked(&Policy::default(), &format!("https://{host}:8443/x"));
            assert!(refused.is_err(), "{host}");
        }
    }

    #[test]
    fn the_internet_may_be_called() {
        for host in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "[2606:4700::1111]",
            "[2a00:1450::1]",
            "hooks.example.org",
        ] {
            assert_eq!(checked(&Policy::default(), &format!("https://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn an_operator_may_allow_a_network_and_no_other_is_allowed_by_it() {
        let policy =
            Policy { networks: vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()], ..Policy::default() };
        for host in ["10.1.2.3", "[fd00::5]"] {
            assert_eq!(checked(&policy, &format!("https://{host}/")), Ok(()), "{host}");
        }
        for host in ["10.2.0.1", "127.0.0.1", "[::ffff:10.1.2.3]"] {
            assert!(checked(&policy, &format!("https://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn http_goes_to_this_machine_alone_and_https_not_for_that() {
        let policy = Policy { http_to_loopback: true, networks: vec!["10.0.0.0/8".parse().unwrap()] };
        for url in ["http://127.0.0.1/", "http://127.9.9.9/", "http://[::1]/"] {
            assert_eq!(checked(&policy, url), Ok(()), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "http://8.8.8.8/",
            "http://[::ffff:127.0.0.1]/",
            "http://0.0.0.0/",
            "https://127.0.0.1/",
        ] {
            assert!(checked(&policy, url).is_err(), "{url}");
        }
        assert_eq!(Policy::default().scheme(&Url::parse("http://127.0.0.1/").unwrap()), None);
        assert_eq!(policy.scheme(&Url::parse("ftp://127.0.0.1/").unwrap()), None);
    }
}
