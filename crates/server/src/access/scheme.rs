//! The Authorization header: which scheme, and what it carries. The signed header of access.md takes its place here when it is offered.

use hyper::{HeaderMap, header::AUTHORIZATION};

use crate::error::ApiError;

/// A way to authenticate that this server offers.
#[derive(PartialEq, Eq)]
pub(crate) enum Scheme {
    /// An OAuth bearer token (RFC 6750).
    Bearer(String),
}

impl Scheme {
    /// Reads the header; scheme names match without regard to case. One without a token, or a second header, is
    /// malformed (RFC 6750, 3.1, invalid_request).
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = all.next() else { return Err(ApiError::AuthorizationMissing) };
        if all.next().is_some() {
            return Err(ApiError::AuthorizationMalformed);
        }
        let Ok(value) = value.to_str() else { return Err(ApiError::UnableToAuthenticate) };
        let value = value.trim();
        if value.is_empty() {
            return Err(ApiError::AuthorizationMissing);
        }
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" if rest.trim().is_empty() => Err(ApiError::AuthorizationMalformed),
            "bearer" => Ok(Scheme::Bearer(rest.trim().to_owned())),
            signed if signed.starts_with("pnauthinfo3") => Err(ApiError::SignedHeaderNotOffered),
            _ => Err(ApiError::UnknownScheme),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<String, String> {
        let headers = values.iter().map(|v| (AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect();
        Scheme::of(&headers).map(|Scheme::Bearer(token)| token).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn the_scheme_is_read_in_any_letter_case_and_says_what_is_wrong() {
        assert_eq!(read(&["Bearer abc"]), Ok("abc".into()));
        assert_eq!(read(&["bEARER   abc "]), Ok("abc".into()));
        assert_eq!(read(&[]), Err("AuthorizationMissing".into()));
        assert_eq!(read(&[""]), Err("AuthorizationMissing".into()));
        assert_eq!(read(&["Bearer"]), Err("AuthorizationMalformed".into()));
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err("AuthorizationMalformed".into()));
        assert_eq!(read(&["Basic abc"]), Err("UnknownScheme".into()));
        assert_eq!(read(&["abc"]), Err("UnknownScheme".into()));
        assert_eq!(read(&["PnAuthInfo3-HMAC-SHA256 Credential=a/b Signature=c"]), Err("SignedHeaderNotOffered".into()));
    }
}
