//! Answers that are not errors: JSON with the content type that every call gives, and conditional reads.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH},
};
use sayso_model::refusal::{Refusal, Why};
use serde::Serialize;

/// The content type of every JSON answer (export.md, Addresses).
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A value as JSON with status 200 unless another is given.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let bytes = serde_json::to_vec(&self.0).expect("our own answers have no maps with keys that aren't strings");
        json_bytes(bytes)
    }
}

/// Ready JSON.
pub(crate) fn json_bytes(bytes: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, JSON)], bytes.into()).into_response()
}

/// Whether a caller already has what `etag` (strong, quoted) names, by If-None-Match (RFC 9110, 13.1.2: compared weakly).
pub(crate) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

/// Refuses a write that expects another state than the one there is (RFC 9110, 13.1.1 and 13.1.2): `If-Match` is compared strongly, of
/// `If-None-Match` `*` alone counts. `etag` (strong, quoted) is that of what is there, if anything is.
pub(crate) fn meets(headers: &HeaderMap, etag: Option<&str>) -> Result<(), Refusal> {
    let tags = |name| {
        let values = headers.get_all(name).iter().map(|v: &HeaderValue| v.to_str().unwrap_or_default());
        values.flat_map(|v| v.split(',')).map(|tag| tag.trim().to_owned()).collect::<Vec<_>>()
    };
    let stale = |name: &str, why: &str| Err(Refusal::new(Why::Stale, name, why));
    if headers.contains_key(IF_MATCH) && !tags(IF_MATCH).iter().any(|tag| etag.is_some_and(|e| tag == "*" || tag == e))
    {
        return stale("If-Match", "what is there isn't what you read; read it again");
    }
    if etag.is_some() && tags(IF_NONE_MATCH).iter().any(|tag| tag == "*") {
        return stale("If-None-Match", "it is there already");
    }
    Ok(())
}

/// 304 with the ETag it confirms.
pub(crate) fn not_modified(etag: HeaderValue) -> Response {
    (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response()
}

/// A header value of text that we made ourselves, of visible ASCII.
pub(crate) fn own_header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("numbers, dates and quoted hex are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_meets_what_it_expects_or_is_stale() {
        let with = |name, text: &str| HeaderMap::from_iter([(name, HeaderValue::from_str(text).unwrap())]);
        let holds = |headers: &HeaderMap, etag| meets(headers, etag).is_ok();
        assert!(holds(&HeaderMap::new(), None) && holds(&HeaderMap::new(), Some("\"a\"")));
        for (text, of_a, of_nothing) in [
            ("\"a\"", true, false),
            ("\"b\", \"a\"", true, false),
            ("*", true, false),
            ("\"b\"", false, false),
            ("W/\"a\"", false, false),
            ("", false, false),
        ] {
            let headers = with(IF_MATCH, text);
            assert_eq!((holds(&headers, Some("\"a\"")), holds(&headers, None)), (of_a, of_nothing), "{text}");
        }
        let new = with(IF_NONE_MATCH, "*");
        assert!(holds(&new, None) && !holds(&new, Some("\"a\"")));
    }

    #[test]
    fn if_none_match_takes_lists_stars_and_weak_tags() {
        let with = |text: &str| HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(text).unwrap())]);
        assert!(has_already(&with("\"a\""), "\"a\""));
        assert!(has_already(&with("\"b\", W/\"a\""), "\"a\""));
        assert!(has_already(&with("*"), "\"a\""));
        assert!(!has_already(&with("\"b\""), "\"a\""));
        assert!(!has_already(&HeaderMap::new(), "\"a\""));
    }
}
