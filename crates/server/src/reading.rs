//! What is read of a request before anything is asked of the store, as pure functions: for whoever holds it to the specification from
//! outside. The handlers read by the same functions.

use hyper::HeaderMap;
use sayso_export::page::PageRequest;

use crate::{
    access::scheme::Scheme,
    error::ApiError,
    export::asked,
    http::{path::well_formed, query::Query},
    oauth::{credentials, error::OAuthError},
};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Refused {
    /// The status code of the answer.
    pub status: u16,
    /// What the caller is told.
    pub message: String,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { status: error.status().as_u16(), message: error.message("") }
    }
}

/// The bearer token of an API call (access.md); `None` when it is signed instead.
///
/// # Errors
/// 401 when the Authorization header is missing, of another scheme or can't be read; 400 when it is repeated or carries nothing.
pub fn bearer(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    match Scheme::of(headers)? {
        Scheme::Bearer(token) => Ok(Some(token.reveal().to_owned())),
        Scheme::Signed(_) => Ok(None),
    }
}

/// The client id and secret in the Basic header of a token call, if it has an Authorization header (RFC 6749, 2.3.1).
///
/// # Errors
/// 401 when it is of another scheme or not base64 of two parts; 400 when it is repeated.
pub fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    credentials::basic(headers).map_err(|error| match error {
        OAuthError::Refused(body) | OAuthError::Wait(body, _) => {
            Refused { status: body.status().as_u16(), message: body.error_description }
        }
        OAuthError::Api(error) => error.into(),
    })
}

/// What page the query of Retrieve asks for (export.md).
///
/// # Errors
/// 400 when an escape is malformed, or a parameter is not what it may be.
pub fn page(query: &str) -> Result<PageRequest, Refused> {
    if !well_formed(query) {
        return Err(ApiError::MalformedUrl.into());
    }
    Ok(asked(&Query::parse(query))?)
}
