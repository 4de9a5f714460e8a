//! `POST /oauth/token`.

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use sayso_model::id::fold;
use sayso_store::StoreError;
use serde::Serialize;

use super::{
    authenticate::authenticate,
    error::{Code, NOT_KEPT, OAuthError, OAuthErrorBody},
    form::Form,
};
use crate::{access::App, http::answer::Json};

/// How long a token is good, seconds (access.md).
const EXPIRES_IN: u32 = 3600;

/// A token, once.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TokenAnswer<'t> {
    /// Send it as `Authorization: Bearer …`.
    access_token: &'t str,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 3600)]
    expires_in: u32,
    /// The account and user that the token stands for.
    #[schema(example = "ACME_CORP/John.Doe")]
    scope: String,
}

/// What to send, as a form.
// for the document: `Form` reads it
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct TokenForm {
    /// `client_credentials`
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// 48 characters; not the account id. In the form or in a Basic header, not in both.
    client_id: Option<String>,
    /// 64 characters.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside `client_assertion`.
    client_assertion_type: Option<String>,
    /// In place of a secret: a JWT that a key of the client's certificates has signed (RFC 7523), good once.
    client_assertion: Option<String>,
    /// `ClientId/UserId`; the client's own when left out.
    #[schema(example = "ACME_CORP/John.Doe")]
    scope: Option<String>,
}

/// Get a bearer token
///
/// OAuth 2.0 client credentials (RFC 6749, 4.4). Credentials in a Basic header or in the form, not both.
#[utoipa::path(
    post, path = "/oauth/token", tag = "OAuth", operation_id = "token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = TokenAnswer, headers(("Cache-Control" = String, description = "no-store"))),
        (status = 400, description = "Why no token is given (RFC 6749, 5.2)", body = OAuthErrorBody),
        (status = 401, description = "Unknown client or wrong secret", body = OAuthErrorBody,
         headers(("WWW-Authenticate" = String, description = "Basic"))),
        (status = 429, description = "Too many failed sign-ins; Retry-After says when to come back", body = OAuthErrorBody,
         headers(("Retry-After" = u32, description = "Seconds"))),
    ),
    security(("client" = [])),
)]
pub(crate) async fn token(State(app): State<App>, request: Request) -> Result<Response, OAuthError> {
    let (parts, visit, form) = Form::receive(&app, request).await?;
    if form.required("grant_type", "accepted: client_credentials")? != "client_credentials" {
        return Err(OAuthError::new(
            Code::UnsupportedGrantType,
            "the grant_type is not known; accepted: client_credentials",
        ));
    }

    let client = authenticate(&app, &parts, &form, &visit).await?;
    app.count(client.account, &parts.extensions)?;
    let account = app.account_of(&client)?;
    let user = account.as_ref().and_then(|a| a.config.user(&client.user_id)).filter(|user| user.is_active);
    let (Some(account), Some(user)) = (&account, user) else {
        return Err(OAuthError::new(
            Code::UnauthorizedClient,
            "the user that this client was issued for is gone or disabled",
        ));
    };
    let scope = format!("{}/{}", account.name, user.user_id);
    if form.sent("scope").is_some_and(|asked| fold(asked) != fold(&scope)) {
        let text = "this client was issued for another account or user; leave the scope out to get its own";
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    let issued = app.issue_token(&client, i64::from(EXPIRES_IN) * 1000, &visit).await;
    let access_token = issued.map_err(|error| match error {
        // it was switched off or revoked since it was looked at
        StoreError::Refused(refusal) => OAuthError::new(Code::InvalidClient, refusal.to_string()),
        error => error.into(),
    })?;
    tracing::info!(client_id = client.client_id, scope, "a token was issued");
    let access_token = access_token.reveal();
    let answer = TokenAnswer { access_token, token_type: "Bearer", expires_in: EXPIRES_IN, scope };
    Ok((NOT_KEPT, Json(answer)).into_response())
}
