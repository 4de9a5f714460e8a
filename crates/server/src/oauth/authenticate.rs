//! Which client called.

use hyper::http::request::Parts;
use sayso_store::access::OAuthClient;

use super::{
    credentials::Shown,
    error::{Code, OAuthError},
    form::Form,
};
use crate::access::App;

/// The client that the header or the form shows, whose credentials are right.
///
/// # Errors
/// `invalid_request` or `invalid_client`; why it isn't let in is told of what was sent, never of what is there.
pub(super) async fn authenticate(app: &App, parts: &Parts, form: &Form) -> Result<OAuthClient, OAuthError> {
    match Shown::of(&parts.headers, form)? {
        Shown::Secret { client_id, secret } => {
            let client = app.authenticate_client(&client_id, &secret)?;
            client.ok_or_else(|| OAuthError::new(Code::InvalidClient, "unknown client_id or wrong client_secret"))
        }
        Shown::Assertion { .. } => {
            let text = "client assertions are not offered by this server; send client_id and client_secret";
            Err(OAuthError::new(Code::InvalidClient, text))
        }
    }
}
