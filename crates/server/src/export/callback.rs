//! The form of a `CallbackURL` (export.md, Initiate). Where a name leads is looked at each time it is called; an address that may not be
//! called can be told now.

use sayso_callbacks::{Policy, Scheme};
use url::{Host, Url};

use crate::error::{ApiError, shortened};

/// Checks the form.
pub(crate) fn check(text: &str, policy: &Policy) -> Result<String, ApiError> {
    let accepted =
        if policy.http_to_loopback { "an https:// address, or http:// to loopback" } else { "an https:// address" };
    let refused = || {
        ApiError::Body(format!(
            "CallbackURL is {:?}; accepted: {accepted} of at most 2048 characters",
            without_secret(text)
        ))
    };
    let url = Url::parse(text).ok().filter(|url| text.len() <= 2048 && url.has_host()).ok_or_else(refused)?;
    let scheme = policy.scheme(&url).ok_or_else(refused)?;
    let elsewhere = matches!(url.host(), Some(Host::Domain(name)) if !name.eq_ignore_ascii_case("localhost"));
    if scheme == Scheme::Http && elsewhere || !url.username().is_empty() || url.password().is_some() {
        return Err(refused());
    }
    policy.check_literal(scheme, &url).map_err(|why| {
        ApiError::Body(format!("CallbackURL is {:?}: {why}; accepted: {accepted}", without_secret(text)))
    })?;
    Ok(text.to_owned())
}

/// What an error may show: nothing of user information or of the query, either may hold a secret.
fn without_secret(text: &str) -> String {
    let end = text.find(['?', '#', '@']).unwrap_or(text.len());
    if text[end..].starts_with('@') { "(with user information)".to_owned() } else { shortened(&text[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(http_to_loopback: bool) -> Policy {
        Policy { http_to_loopback, ..Policy::default() }
    }

    #[test]
    fn https_is_taken_and_http_only_to_loopback_where_it_is_allowed() {
        let good = |url: &str, http: bool| check(url, &policy(http)).is_ok();
        assert!(good("https://hooks.example/export?id=1", false));
        assert!(!good("http://localhost:9000/x", false));
        for url in ["http://localhost:9000/x", "http://127.0.0.1/", "http://[::1]:80/"] {
            assert!(good(url, true), "{url}");
        }
        for url in [
            "http://example.org/",
            "http://localhost.example.org/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "/export",
            "",
            "https://",
        ] {
            assert!(!good(url, true), "{url}");
        }
        assert!(!good(&format!("https://a.example/{}", "x".repeat(2048)), true));
    }

    #[test]
    fn an_address_within_is_refused_at_once_unless_its_network_is_allowed() {
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", "10.0.0.1", "169.254.169.254"] {
            let refused = check(&format!("https://{host}/?key=hush"), &policy(true)).unwrap_err().to_string();
            assert!(refused.contains("which is not called") && !refused.contains("hush"), "{refused}");
        }
        let allowed = Policy { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Policy::default() };
        assert!(check("https://10.0.0.1/", &allowed).is_ok());
        assert!(check("https://8.8.8.8/", &policy(false)).is_ok());
    }

    #[test]
    fn user_information_is_refused_and_not_repeated() {
        let refused = check("https://me:hush@a.example/", &policy(true)).unwrap_err().to_string();
        assert!(!refused.contains("hush"), "{refused}");
        let refused = check("http://a.example/?key=hush", &policy(true)).unwrap_err().to_string();
        assert!(!refused.contains("hush"), "{refused}");
    }
}
