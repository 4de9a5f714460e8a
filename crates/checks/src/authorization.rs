//! The Authorization header: of an API call, and of a token call.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use regex::Regex;
use sayso_server::reading::{basic, bearer};

static BEARER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[ \t]*(?i:bearer) [ \t]*([^ \t](?:.*[^ \t])?)[ \t]*$").expect("the pattern is well formed")
});

/// What a signed header looks like, for all but what its date and its base64 must be.
static SIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^[ \t]*(?i:pnauthinfo3-hmac-sha(?:256|384|512)) Credential=[^/]+/[^ ]+ Signature=[A-Za-z0-9+/]*={0,2}[ \t]*$",
    )
    .expect("the pattern is well formed")
});

/// What a refused caller is told, whatever was sent: the texts of headers that hold nothing secret.
static TEXTS: LazyLock<[String; 7]> = LazyLock::new(|| {
    [
        "".as_bytes(),
        b"Unknown",
        b"Bearer",
        b"Bearer \xff",
        b"PNAUTHINFO3-SHA256",
        b"PNAUTHINFO3-HMAC-SHA256",
        b"PNAUTHINFO3-HMAC-SHA256 Credential=a/b Signature=c",
    ]
    .map(|text| {
        let value = HeaderValue::from_bytes(text).expect("headers may hold such bytes");
        bearer(&HeaderMap::from_iter([(AUTHORIZATION, value)])).expect_err("none of them is a bearer token").message
    })
});

/// Lines of headers, as one request carries them. A bearer token is read where there is one header of visible ASCII whose first word is
/// Bearer, and it is the rest of it; a signed header only where there is one of its form; a refusal tells nothing of what was sent; credentials are those which, encoded, give the header again; nothing else is taken.
pub fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|b| *b == b'\n').collect();
    let values: Vec<HeaderValue> = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let headers: HeaderMap = values.iter().map(|value| (AUTHORIZATION, value.clone())).collect();

    match bearer(&headers) {
        Ok(Some(token)) => assert_eq!(Some(token), expected(&values)),
        Ok(None) => {
            let text = std::str::from_utf8(values[0].as_bytes()).expect("it was read");
            assert!(values.len() == 1 && SIGNED.is_match(text), "it was taken for a signed header: {text}");
        }
        Err(refusal) => {
            let malformed = values.len() > 1 || values.iter().any(says_bearer_alone);
            assert_eq!(refusal.status, if malformed { 400 } else { 401 }, "{}", refusal.message);
            assert_eq!(expected(&values), None, "{}", refusal.message);
            assert!(TEXTS.contains(&refusal.message), "it tells of what was sent: {}", refusal.message);
        }
    }
    match basic(&headers) {
        Ok(None) => assert!(values.is_empty()),
        Ok(Some((id, secret))) => {
            let text = values[0].to_str().expect("it was read");
            let encoded = text.split_once(' ').expect("it has two words").1.trim();
            let joined = STANDARD.decode(encoded).expect("it was decoded");
            let (one, other) = split(&joined);
            assert_eq!((id, secret), (form_decoded(one), form_decoded(other)));
        }
        Err(refusal) => {
            assert_eq!(refusal.status, if values.len() > 1 { 400 } else { 401 }, "{}", refusal.message);
            assert!(!values.is_empty());
        }
    }
}

/// Whether a header names the scheme and brings no token.
fn says_bearer_alone(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("bearer"))
}

/// The token that stands in the headers, read another way: RFC 9110, 11.4, puts spaces and no tab between the scheme and what it carries.
fn expected(values: &[HeaderValue]) -> Option<String> {
    let [value] = values else { return None };
    Some(BEARER.captures(value.to_str().ok()?)?[1].to_owned())
}

fn split(joined: &[u8]) -> (&[u8], &[u8]) {
    let at = joined.iter().position(|b| *b == b':').expect("credentials have a colon");
    (&joined[..at], &joined[at + 1..])
}

/// As forms are decoded by the standard of the web (`=` and `&` are none of its separators here).
fn form_decoded(bytes: &[u8]) -> String {
    let escaped: Vec<u8> = bytes
        .iter()
        .flat_map(|b| match b {
            b'&' => b"%26".to_vec(),
            b'=' => b"%3D".to_vec(),
            other => vec![*other],
        })
        .collect();
    url::form_urlencoded::parse(&escaped).next().map_or(String::new(), |(name, _)| name.into_owned())
}
