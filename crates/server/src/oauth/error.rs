//! Errors of the token call: their own form (RFC 6749, 5.2), not the API's.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::{error::ApiError, http::answer::JSON};

/// The codes of RFC 6749, 5.2, that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// Malformed, repeated or missing parameters, or credentials sent twice.
    InvalidRequest,
    /// Unknown client, wrong secret, or none.
    InvalidClient,
    /// The client's user is gone or disabled.
    UnauthorizedClient,
    /// Another grant than client_credentials.
    UnsupportedGrantType,
    /// A scope that the client was not issued for.
    InvalidScope,
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
        if self.error == Code::InvalidClient { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
    }
}

/// Why no token is given.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// The caller's doing.
    Refused(OAuthErrorBody),
    /// Ours, or the machine's.
    Api(ApiError),
}

impl OAuthError {
    /// A refusal.
    pub(crate) fn new(error: Code, description: impl Into<String>) -> Self {
        Self::Refused(OAuthErrorBody { error, error_description: description.into() })
    }
}

impl<E: Into<ApiError>> From<E> for OAuthError {
    fn from(error: E) -> Self {
        OAuthError::Api(error.into())
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = match self {
            OAuthError::Refused(body) => body,
            OAuthError::Api(error) => return error.into_response(),
        };
        let status = body.status();
        let json = serde_json::to_vec(&body).expect("two strings are JSON");
        let mut response = (status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sayso\", charset=\"UTF-8\""));
        }
        response
    }
}
