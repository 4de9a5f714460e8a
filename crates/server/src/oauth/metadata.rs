//! `GET /.well-known/oauth-authorization-server` (RFC 8414): what is really offered, no more.

use axum::extract::State;
use hyper::{HeaderMap, header::HOST};
use serde::Serialize;

use crate::{access::App, http::answer::Json};

/// The metadata.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Metadata {
    /// Where the server is.
    #[schema(example = "https://sayso.example.org")]
    issuer: String,
    /// Where tokens are given.
    token_endpoint: String,
    /// `client_secret_basic`, `client_secret_post`
    token_endpoint_auth_methods_supported: &'static [&'static str],
    /// `client_credentials`
    grant_types_supported: &'static [&'static str],
    /// None: there is no authorization endpoint.
    response_types_supported: &'static [&'static str],
}

/// What OAuth is offered
///
/// Authorization server metadata (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "OAuth", operation_id = "oauthMetadata",
    responses((status = 200, description = "The metadata", body = Metadata)),
    security(()),
)]
pub(crate) async fn oauth_metadata(State(app): State<App>, headers: HeaderMap) -> Json<Metadata> {
    let issuer = match &app.options().public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let host = headers.get(HOST).and_then(|v| v.to_str().ok()).unwrap_or("localhost");
            format!("http://{host}")
        }
    };
    Json(Metadata {
        token_endpoint: format!("{issuer}/oauth/token"),
        issuer,
        token_endpoint_auth_methods_supported: &["client_secret_basic", "client_secret_post"],
        grant_types_supported: &["client_credentials"],
        response_types_supported: &[],
    })
}
