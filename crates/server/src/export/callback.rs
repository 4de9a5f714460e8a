//! The form of a `CallbackURL` (export.md, Initiate). Whether its address may be reached is decided when it is called, after its name was
//! resolved.

use url::{Host, Url};

use crate::error::{ApiError, shortened};

/// Checks the form.
pub(crate) fn check(text: &str, allow_http: bool) -> Result<String, ApiError> {
    let accepted = if allow_http { "an https:// address, or http:// to loopback" } else { "an https:// address" };
    let refused = || {
        ApiError::Body(format!(
            "CallbackURL is {:?}; accepted: {accepted} of at most 2048 characters",
            without_secret(text)
        ))
    };
    let url = Url::parse(text).ok().filter(|_| text.len() <= 2048).ok_or_else(refused)?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && allow_http && loopback);
    let plain = url.username().is_empty() && url.password().is_none();
    if scheme && plain && url.has_host() { Ok(text.to_owned()) } else { Err(refused()) }
}

/// What an error may show: nothing of user information or of the query, either may hold a secret.
fn without_secret(text: &str) -> String {
    let end = text.find(['?', '#', '@']).unwrap_or(text.len());
    if text[end..].starts_with('@') { "(with user information)".to_owned() } else { shortened(&text[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_taken_and_http_only_to_loopback_where_it_is_allowed() {
        let good = |url: &str, http: bool| check(url, http).is_ok();
        assert!(good("https://hooks.example/export?id=1", false));
        assert!(!good("http://localhost:9000/x", false));
        for url in ["http://localhost:9000/x", "http://127.0.0.1/", "http://[::1]:80/"] {
            assert!(good(url, true), "{url}");
        }
        for url in
            ["http://example.org/", "http://localhost.example.org/", "ftp://localhost/", "/export", "", "https://"]
        {
            assert!(!good(url, true), "{url}");
        }
        assert!(!good(&format!("https://a.example/{}", "x".repeat(2048)), true));
    }

    #[test]
    fn user_information_is_refused_and_not_repeated() {
        let refused = check("https://me:hush@a.example/", true).unwrap_err().to_string();
        assert!(!refused.contains("hush"), "{refused}");
        let refused = check("http://a.example/?key=hush", true).unwrap_err().to_string();
        assert!(!refused.contains("hush"), "{refused}");
    }
}
