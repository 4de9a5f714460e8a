//! The Authorization header: which scheme, and what it carries.

use hyper::{HeaderMap, header::AUTHORIZATION};
use sayso_model::secret::Secret;

use super::signed::Signed;
use crate::error::ApiError;

/// A way to authenticate that this server offers.
pub(crate) enum Scheme {
    /// An OAuth bearer token (RFC 6750).
    Bearer(Secret),
    /// A header signed with a user's shared key.
    Signed(Signed),
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
        // A user's id, which a signed header names, may be of any letters.
        let Ok(text) = str::from_utf8(value.as_bytes()) else { return Err(ApiError::UnableToAuthenticate) };
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Err(ApiError::AuthorizationMissing);
        }
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "bearer" {
            let token = rest.trim_matches([' ', '\t']);
            return match value.to_str() {
                Ok(_) if token.is_empty() => Err(ApiError::AuthorizationMalformed),
                Ok(_) => Ok(Self::Bearer(Secret::new(token.to_owned()))),
                Err(_) => Err(ApiError::UnableToAuthenticate),
            };
        }
        Signed::of(&scheme, rest).unwrap_or(Err(ApiError::UnknownScheme)).map(Self::Signed)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<String, String> {
        let headers = values.iter().map(|v| (AUTHORIZATION, HeaderValue::from_bytes(v.as_bytes()).unwrap())).collect();
        match Scheme::of(&headers) {
            Ok(Scheme::Bearer(token)) => Ok(token.reveal().to_owned()),
            Ok(Scheme::Signed(_)) => Ok("signed".to_owned()),
            Err(e) => Err(format!("{e:?}")),
        }
    }

    #[test]
    fn the_scheme_is_read_in_any_letter_case_and_says_what_is_wrong() {
        assert_eq!(read(&["Bearer abc"]), Ok("abc".into()));
        assert_eq!(read(&["bEARER   abc "]), Ok("abc".into()));
        assert_eq!(read(&[]), Err("AuthorizationMissing".into()));
        assert_eq!(read(&[""]), Err("AuthorizationMissing".into()));
        assert_eq!(read(&["Bearer"]), Err("AuthorizationMalformed".into()));
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err("AuthorizationMalformed".into()));
        assert_eq!(read(&["Bearer ü"]), Err("UnableToAuthenticate".into()));
        assert_eq!(read(&["Basic abc"]), Err("UnknownScheme".into()));
        assert_eq!(read(&["abc"]), Err("UnknownScheme".into()));
        let signed = "PnAuthInfo3-hMAC-Sha256 Credential=Jürgen/2026-06-15T12:00:00 Signature=AAAA";
        assert_eq!(read(&[signed]), Ok("signed".into()));
        assert_eq!(read(&[signed, signed]), Err("AuthorizationMalformed".into()));
        assert_eq!(read(&["PNAUTHINFO3"]), Err("UnknownScheme".into()));
    }
}
