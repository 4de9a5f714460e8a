//! Answers that are not errors: JSON with the content type that every call gives, and conditional reads.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH},
};
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
    fn if_none_match_takes_lists_stars_and_weak_tags() {
        let with = |text: &str| HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(text).unwrap())]);
        assert!(has_already(&with("\"a\""), "\"a\""));
        assert!(has_already(&with("\"b\", W/\"a\""), "\"a\""));
        assert!(has_already(&with("*"), "\"a\""));
        assert!(!has_already(&with("\"b\""), "\"a\""));
        assert!(!has_already(&HeaderMap::new(), "\"a\""));
    }
}
