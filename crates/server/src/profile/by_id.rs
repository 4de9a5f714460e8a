//! Profiles by their id.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use hyper::{HeaderMap, StatusCode};
use sayso_store::profiles::{Change, Target};

use super::{
    answer::{self, ProfileAnswer},
    read,
};
use crate::{
    access::{EditProfiles, Permit, ViewProfiles},
    error::ApiError,
    http::{path::path_value, query::Query},
    openapi::profile::UserProfilePreference,
};

/// Create a profile
#[utoipa::path(
    post, path = "/{clientId}/Profile", tag = "Profiles", operation_id = "createProfile",
    params(("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP")),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses((status = 201, description = "The profile was made", body = ProfileAnswer,
        headers(("Location" = String, description = "Where it can be read")))),
)]
pub(crate) async fn create_profile(permit: Permit<EditProfiles>, request: Request) -> Result<Response, ApiError> {
    let collection = answer::collection(&request);
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Create(input)).await?, &collection))
}

/// Read a profile
///
/// As it reads now: what has expired by this moment says so.
#[utoipa::path(
    get, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "readProfile",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("profileId" = String, Path, description = "The profile", example = "1042"),
        ("implied" = Option<bool>, Query, description = "false leaves implied preferences out", example = true),
        ("includeConsentHistory" = Option<bool>, Query, description = "false leaves former consents out", example = true),
        ("If-None-Match" = Option<String>, Header, description = "An ETag: 304 when the profile still reads the same"),
    ),
    responses(
        (status = 200, description = "The profile", body = UserProfilePreference, headers(("ETag" = String))),
        (status = 304, description = "It still reads the same"),
    ),
)]
pub(crate) async fn read_profile(
    permit: Permit<ViewProfiles>,
    ProfileIdText(text): ProfileIdText,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    read::read(&permit, &target, ApiError::unknown("profile", &text), &query, &headers)
}

/// Update a profile in part
///
/// Touches only what is sent; lists are matched by their natural key, added to or changed, never removed from.
#[utoipa::path(
    post, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "updateProfile",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("profileId" = String, Path, description = "The profile", example = "1042"),
    ),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses((status = 200, description = "The profile was changed", body = ProfileAnswer)),
)]
pub(crate) async fn update_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Update(target, input)).await?, ""))
}

/// Delete a profile
///
/// Permanent: what remains is its id, the moment and the reason code.
#[utoipa::path(
    delete, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "deleteProfile",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("profileId" = String, Path, description = "The profile", example = "1042"),
        ("reasonCode" = Option<String>, Query, description = "Why, at most 256 characters", example = "right to erasure"),
    ),
    responses((status = 204, description = "The profile was deleted")),
)]
pub(crate) async fn delete_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    query: Query,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    permit.write(Change::Delete(target, answer::reason_code(&query)?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `{profileId}` of the path.
pub(crate) struct ProfileIdText(pub(super) String);

impl<S: Sync> axum::extract::FromRequestParts<S> for ProfileIdText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut hyper::http::request::Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "profileId").await?.unwrap_or_default()))
    }
}
