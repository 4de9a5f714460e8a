//! Under which address the server is known: the issuer of its metadata (RFC 8414) and the audience of assertions (RFC 7523, 3).

use std::{net::IpAddr, str::FromStr, sync::Arc};

use hyper::{Uri, header::HOST, http::request::Parts};
use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use crate::{http::connection::Connection, options::Options};

/// An address under which callers reach the server: `https://sayso.example.org`, with neither query nor fragment (RFC 8414, 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let accepted = "write https:// and a host, perhaps a path, such as https://sayso.example.org";
        let url = Url::parse(text).map_err(|error| format!("{text:?} is no address ({error}); {accepted}"))?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() || !plain || url.password().is_some() {
            return Err(format!("{text:?} can't be an issuer of OAuth; {accepted}"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PublicUrl {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the server is called in answer to this request: by the operator, else by the address that the connection came in at. The Host header
/// counts only where it names this very machine (`localhost` and its kin): else whoever can send one decides where a client takes its
/// secret.
pub(crate) fn issuer(options: &Options, parts: &Parts) -> String {
    if let Some(url) = &options.public_url {
        return url.as_str().to_owned();
    }
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    if let Some(host) = host.filter(|host| is_loopback(host)) {
        return format!("{scheme}://{host}");
    }
    let connection = parts.extensions.get::<Arc<Connection>>();
    let local = connection.map_or(options.listen, |connection| connection.local);
    format!("{scheme}://{local}")
}

/// Whether a Host header names this machine to itself.
fn is_loopback(host: &str) -> bool {
    let Ok(uri) = Uri::from_str(&format!("http://{host}/")) else { return false };
    let Some(name) = uri.authority().filter(|a| a.as_str() == host && !host.contains('@')).map(|a| a.host()) else {
        return false;
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::http::connection::Wire;

    fn named(options: &Options, host: &str) -> String {
        let connection = Connection::new(([192, 0, 2, 9], 9).into(), ([192, 0, 2, 1], 8080).into(), Wire::Plain);
        let request = Request::builder().header(HOST, host).extension(connection).body(()).unwrap();
        issuer(options, &request.into_parts().0)
    }

    #[test]
    fn a_host_header_counts_where_it_names_this_machine_alone() {
        let options = Options::default();
        for host in ["localhost:8080", "LocalHost", "127.0.0.1:9", "127.8.8.8", "[::1]:8080"] {
            assert_eq!(named(&options, host), format!("http://{host}"));
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:80",
            "a@localhost",
            "localhost/a",
            "localhost?a",
            "192.0.2.7",
            "",
        ] {
            assert_eq!(named(&options, host), "http://192.0.2.1:8080", "{host}");
        }
        let named_by_operator = Options { public_url: "https://sayso.example.org/".parse().ok(), ..options };
        assert_eq!(named(&named_by_operator, "localhost:8080"), "https://sayso.example.org");
    }

    #[test]
    fn a_public_address_has_a_host_and_neither_query_nor_fragment() {
        for good in ["https://a.example", "https://a.example:8443/sayso", "http://localhost:8080/"] {
            assert!(good.parse::<PublicUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://a.example?x=1",
            "https://a.example#x",
            "https://u:p@a.example",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
