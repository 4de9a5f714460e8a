//! Values in the path of a request, by the names that the route gives them.

use axum::extract::{FromRequestParts, RawPathParams};
use hyper::http::request::Parts;

use crate::error::ApiError;

/// The value of `{name}` in the matched route, percent-decoded; `None` when the route has no such name.
pub(crate) async fn path_value(parts: &mut Parts, name: &str) -> Result<Option<String>, ApiError> {
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| ApiError::MalformedUrl)?;
    Ok(params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned()))
}

/// Whether every `%` in the path and the query begins an escape of two hexadecimal digits and what they decode to is UTF-8.
pub(crate) fn well_formed(url: &str) -> bool {
    let mut rest = url.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        if !rest.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = &rest[at + 3..];
    }
    percent_encoding::percent_decode_str(url).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_must_be_whole_and_decode_to_utf8() {
        for good in ["/a", "/a%20b", "/%C3%BC?x=%25", ""] {
            assert!(well_formed(good), "{good}");
        }
        for bad in ["/%", "/%2", "/%zz", "/a%2", "/%FF", "/%C3", "/a?x=%+1"] {
            assert!(!well_formed(bad), "{bad}");
        }
    }
}
