//! What an OAuth client has in place of a secret (access.md): its certificates, given and taken away. They are listed with the client.

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use hyper::{StatusCode, header::LOCATION, http::request::Parts};
use sayso_model::{input::object::Object, moment::Moment};
use sayso_store::access::{Certificate, Clients};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    calls::{account_path, body, read_json},
    oauth_clients::ClientOfPath,
};
use crate::{
    access::{EditUsers, Permit},
    error::ApiError,
    http::{
        answer::{Json, own_header},
        path::path_value,
    },
};

/// A certificate, or a bare public key.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedCertificate {
    /// The thumbprint of its key (RFC 7638): what an assertion may name as `kid`.
    #[schema(example = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    certificate_id: String,
    /// `RS256` or `ES256`.
    #[schema(example = "ES256")]
    algorithm: &'static str,
    /// Whose it is by its own account; null of a bare key.
    #[schema(example = "CN=Nightly export")]
    subject: Option<String>,
    /// What it signed before counts for nothing; null of a bare key.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-01T00:00:00Z")]
    not_before: Option<Moment>,
    /// What it signs after it counts for nothing; null of a bare key.
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-01-01T00:00:00Z")]
    not_after: Option<Moment>,
    /// When the client got it.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T02:00:00Z")]
    created: Moment,
}

impl From<&Certificate> for ListedCertificate {
    fn from(certificate: &Certificate) -> Self {
        Self {
            certificate_id: certificate.id.clone(),
            algorithm: certificate.key.algorithm(),
            subject: certificate.subject.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            created: certificate.created,
        }
    }
}

/// A certificate for a client.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"Certificate": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE…\n-----END PUBLIC KEY-----\n"}))]
pub(crate) struct NewCertificate {
    /// The PEM of a certificate or of a public key, RSA of 2048 to 8192 bits or EC on P-256. Who issued it makes no difference.
    certificate: String,
    /// true: the client's secrets end, so that it signs in with its key alone.
    #[serde(default)]
    end_secrets: bool,
}

/// `{certificateId}` of the path.
pub(crate) struct CertificateOfPath(String);

impl<S: Sync> FromRequestParts<S> for CertificateOfPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "certificateId").await?.unwrap_or_default()))
    }
}

/// Give an OAuth client a certificate
///
/// In place of a secret: the client signs its assertions (RFC 7523) with the key. Two may be valid at once; one of the same key takes the
/// place of the former.
#[utoipa::path(
    post, path = "/{clientId}/OAuthClients/{oauthClientId}/Certificates", tag = "Configuration", operation_id = "addOAuthClientCertificate",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path)),
    request_body = NewCertificate,
    responses(
        (status = 201, description = "As it is listed", body = ListedCertificate, headers(("Location" = String))),
        (status = 409, description = "The client has two that have not expired"),
    ),
)]
pub(crate) async fn add_certificate(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
    request: Request,
) -> Result<Response, ApiError> {
    let base = account_path(&request);
    let (parts, sent) = request.into_parts();
    let Object(new): Object<NewCertificate> = read_json(&body(&permit, &parts.headers, sent).await?)?;
    let certify =
        move |clients: &mut Clients<'_, '_>, id: &str, ()| clients.certify(id, &new.certificate, new.end_secrets);
    let certificate = permit.change_client(id.clone(), false, |_| Ok(()), certify).await?;
    let location = own_header(&format!("{base}/OAuthClients/{id}/Certificates/{}", certificate.id));
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(ListedCertificate::from(&certificate))).into_response())
}

/// Take a certificate away from an OAuth client
///
/// What it signed counts no more, and the client's tokens end at once.
#[utoipa::path(
    delete, path = "/{clientId}/OAuthClients/{oauthClientId}/Certificates/{certificateId}", tag = "Configuration",
    operation_id = "removeOAuthClientCertificate",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path), ("certificateId" = String, Path)),
    responses((status = 204, description = "It was removed")),
)]
pub(crate) async fn remove_certificate(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
    CertificateOfPath(certificate): CertificateOfPath,
) -> Result<StatusCode, ApiError> {
    let sought = certificate.clone();
    let remove = move |clients: &mut Clients<'_, '_>, id: &str, ()| clients.decertify(id, &certificate);
    match permit.change_client(id, true, |_| Ok(()), remove).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::unknown("certificate of the client", &sought)),
    }
}
