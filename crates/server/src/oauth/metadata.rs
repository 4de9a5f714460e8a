//! `GET /.well-known/oauth-authorization-server` (RFC 8414): what is really offered, no more.

use axum::extract::{Request, State};
use serde::Serialize;

use super::issuer::issuer;
use crate::{access::App, http::answer::Json};

/// The metadata.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Metadata {
    /// Where the server is.
    #[schema(example = "https://sayso.example.org")]
    issuer: String,
    /// Where tokens are given.
    token_endpoint: String,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt`
    token_endpoint_auth_methods_supported: &'static [&'static str],
    /// `RS256`, `ES256`
    token_endpoint_auth_signing_alg_values_supported: &'static [&'static str],
    /// Where tokens are ended.
    revocation_endpoint: String,
    /// As at the token endpoint.
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
    /// As at the token endpoint.
    revocation_endpoint_auth_signing_alg_values_supported: &'static [&'static str],
    /// `client_credentials`
    grant_types_supported: &'static [&'static str],
    /// `none`: there is no authorization endpoint. RFC 8414 requires the member (2) and forbids an empty one (3.2).
    response_types_supported: &'static [&'static str],
    /// For people.
    service_documentation: String,
}

/// How a client may show itself.
const METHODS: &[&str] = &["client_secret_basic", "client_secret_post", "private_key_jwt"];
/// What an assertion may be signed with.
const ALGORITHMS: &[&str] = &["RS256", "ES256"];

/// What OAuth is offered
///
/// Authorization server metadata (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "OAuth", operation_id = "oauthMetadata",
    responses((status = 200, description = "The metadata", body = Metadata)),
    security(()),
)]
pub(crate) async fn oauth_metadata(State(app): State<App>, request: Request) -> Json<Metadata> {
    let issuer = issuer(app.options(), &request.into_parts().0);
    Json(Metadata {
        token_endpoint: format!("{issuer}/oauth/token"),
        token_endpoint_auth_methods_supported: METHODS,
        token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: METHODS,
        revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        grant_types_supported: &["client_credentials"],
        response_types_supported: &["none"],
        service_documentation: format!("{issuer}/docs"),
        issuer,
    })
}
