//! Errors of the OAuth calls: their own form (RFC 6749, 5.2), not the API's.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::{error::ApiError, http::answer::JSON};

/// The codes of RFC 6749, 5.2, that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// Malformed, repeated or missing parameters, or credentials sent in two ways.
    InvalidRequest,
    /// Unknown client, wrong credentials, or none.
    InvalidClient,
    /// The token that is to be revoked was given to another client (RFC 7009, 2.1: the client is informed).
    InvalidGrant,
    /// The client's user is gone or disabled.
    UnauthorizedClient,
    /// Another grant than client_credentials.
    UnsupportedGrantType,
    /// A scope that the client was not issued for.
    InvalidScope,
    /// Too many failures: come back later.
    TemporarilyUnavailable,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct OAuthErrorBody {
    /// The code.
    pub(crate) error: Code,
    /// What to do, for a person.
    pub(crate) error_description: String,
}

impl OAuthErrorBody {
    /// The status code of each error (RFC 6749, 5.2).
    pub(crate) fn status(&self) -> StatusCode {
        match self.error {
            Code::InvalidClient => StatusCode::UNAUTHORIZED,
            Code::TemporarilyUnavailable => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why an OAuth call is not answered as asked.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// The caller's doing.
    Refused(OAuthErrorBody),
    /// Too many failures or too many requests: come back in so many seconds. RFC 6749 has no code for it at these calls; this is its one for
    /// others.
    Wait(OAuthErrorBody, u64),
    /// Ours, or the machine's: RFC 6749 has no code for it.
    Api(ApiError),
}

impl OAuthError {
    /// A refusal.
    pub(crate) fn new(error: Code, description: impl AsRef<str>) -> Self {
        Self::Refused(OAuthErrorBody { error, error_description: described(description.as_ref()) })
    }
}

/// A description in the characters that RFC 6749, 5.2, lets it have: visible ASCII and spaces without `"` and `\`.
fn described(text: &str) -> String {
    let allowed = |c| match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    };
    text.chars().map(allowed).collect()
}

/// What is wrong with a body, be it its size, its type or its pace, is `invalid_request` here, with the API's words.
impl<E: Into<ApiError>> From<E> for OAuthError {
    fn from(error: E) -> Self {
        let wait = |error: &ApiError, seconds| {
            let error_description = described(&error.to_string());
            Self::Wait(OAuthErrorBody { error: Code::TemporarilyUnavailable, error_description }, seconds)
        };
        match error.into() {
            ref error @ ApiError::TooManyFailures { retry_after_s } => wait(error, retry_after_s.into()),
            ref error @ ApiError::TooManyRequests { retry_after_s, .. } => wait(error, retry_after_s),
            error if error.status().is_client_error() => Self::new(Code::InvalidRequest, error.message("")),
            error => Self::Api(error),
        }
    }
}

/// Answers of OAuth calls are nobody's to keep (RFC 6749, 5.1 and 5.2).
pub(super) const NOT_KEPT: [(hyper::header::HeaderName, HeaderValue); 2] =
    [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (PRAGMA, HeaderValue::from_static("no-cache"))];

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (body, wait) = match self {
            OAuthError::Refused(body) => (body, None),
            OAuthError::Wait(body, seconds) => (body, Some(seconds)),
            OAuthError::Api(error) => return error.into_response(),
        };
        let status = body.status();
        let json = serde_json::to_vec(&body).expect("two strings are JSON");
        let mut response = (status, NOT_KEPT, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        if let Some(seconds) = wait {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        // the scheme of whoever used the Authorization header (RFC 6749, 5.2); others get it since a 401 has one (RFC 9110, 15.5.2)
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sayso\", charset=\"UTF-8\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use sayso_store::StoreError;

    use super::*;

    fn answered(error: OAuthError) -> (u16, Option<String>) {
        let response = error.into_response();
        let challenge = response.headers().get(WWW_AUTHENTICATE).map(|v| v.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    }

    #[test]
    fn a_client_that_is_not_known_is_asked_for_basic_and_everything_else_is_400() {
        use Code::*;
        let basic = || Some("Basic realm=\"sayso\", charset=\"UTF-8\"".to_owned());
        assert_eq!(answered(OAuthError::new(InvalidClient, "a")), (401, basic()));
        for code in [InvalidRequest, InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope] {
            assert_eq!(answered(OAuthError::new(code, "a")), (400, None), "{code:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_taken_is_an_invalid_request_and_our_own_faults_are_none_of_it() {
        for error in [ApiError::BodyTooLarge(5), ApiError::ContentType("a form"), ApiError::BodyBrokenOff] {
            assert_eq!(answered(error.into()), (400, None));
        }
        assert_eq!(answered(ApiError::TooManyFailures { retry_after_s: 30 }.into()), (429, None));
        assert_eq!(answered(StoreError::Closing.into()), (503, None));
        assert_eq!(answered(ApiError::Internal("a".into()).into()), (500, None));
    }

    #[test]
    fn a_description_has_the_characters_of_the_standard_alone() {
        let OAuthError::Refused(body) = OAuthError::new(Code::InvalidScope, "a \"b\" \\ ü\n~!") else { panic!() };
        assert_eq!(body.error_description, "a 'b' ? ??~!");
    }
}
