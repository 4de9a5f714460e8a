//! `POST /oauth/revoke` (RFC 7009).

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use hyper::StatusCode;
use sayso_store::access::Revoked;

use super::{
    authenticate::authenticate,
    error::{Code, NOT_KEPT, OAuthError, OAuthErrorBody},
    form::Form,
};
use crate::access::App;

/// What to send, as a form.
// for the document: `Form` reads it
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct RevokeForm {
    /// The token that is to end.
    token: String,
    /// `access_token`; there are no others, so it may say anything.
    #[schema(example = "access_token")]
    token_type_hint: Option<String>,
    /// As for a token: in the form or in a Basic header, not in both.
    client_id: Option<String>,
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside `client_assertion`.
    client_assertion_type: Option<String>,
    /// In place of a secret: a JWT that a key of the client's certificates has signed (RFC 7523), good once.
    client_assertion: Option<String>,
}

/// End a bearer token
///
/// OAuth 2.0 token revocation (RFC 7009), by the client that the token was given to. A token that isn't there, or isn't any more, is answered alike.
#[utoipa::path(
    post, path = "/oauth/revoke", tag = "OAuth", operation_id = "revoke",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is good for nothing", headers(("Cache-Control" = String, description = "no-store"))),
        (status = 400, description = "What is wrong with the form (RFC 6749, 5.2), or that the token is another client's", body = OAuthErrorBody),
        (status = 401, description = "Unknown client or wrong credentials", body = OAuthErrorBody,
         headers(("WWW-Authenticate" = String, description = "Basic"))),
        (status = 429, description = "Too many failed sign-ins; Retry-After says when to come back", body = OAuthErrorBody,
         headers(("Retry-After" = u32, description = "Seconds"))),
    ),
    security(("client" = [])),
)]
pub(crate) async fn revoke(State(app): State<App>, request: Request) -> Result<Response, OAuthError> {
    let (parts, visit, form) = Form::receive(&app, request).await?;
    let client = authenticate(&app, &parts, &form, &visit).await?;
    app.count(client.account, &parts.extensions)?;
    let token = form.required("token", "send the bearer token that is to end")?;
    match app.revoke_token(&client, token, &visit).await? {
        Revoked::Ended => tracing::info!(client_id = client.client_id, "a token was revoked"),
        Revoked::NotThere => {}
        Revoked::Anothers => {
            return Err(OAuthError::new(
                Code::InvalidGrant,
                "the token was given to another client; that one can end it",
            ));
        }
    }
    Ok((StatusCode::OK, NOT_KEPT).into_response())
}
