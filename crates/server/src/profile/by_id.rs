//! Profiles by their id.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use hyper::{HeaderMap, StatusCode};
use sayso_store::profiles::{Change, Expected, Target};

use super::{
    answer::{self, ProfileAnswer},
    etag::expected,
    read,
};
use crate::{
    access::{EditProfiles, Permit, ViewProfiles},
    error::ApiError,
    http::{path::path_value, query::Query},
    openapi::{patch::JsonPatch, profile::UserProfilePreference},
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
    Ok(answer::written(permit.write(Change::Create(input), Expected::default()).await?, &collection))
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
    params(("If-Match" = Option<String>, Header)),
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
    Ok(answer::written(permit.write(Change::Update(target, input), expected(&parts.headers)).await?, ""))
}

/// Replace a profile
///
/// The profile becomes what is sent: members left out go to their defaults, what is left out of a list is removed, and the history
/// keeps it. What hangs on a removed contact follows PreservePreferences and PreserveConsents. What is sent just as it stands
/// keeps its stamps. Implied and archived preferences that are sent back are passed over.
#[utoipa::path(
    put, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "replaceProfile",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses((status = 200, description = "The profile was replaced", body = ProfileAnswer)),
)]
pub(crate) async fn replace_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Replace(target, input), expected(&parts.headers)).await?, ""))
}

/// Patch a profile
///
/// JSON Patch (RFC 6902) of the profile as it is read with `implied=false` and `includeConsentHistory=false`; the result is written as
/// a replacement. All operations are done or none.
#[utoipa::path(
    patch, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "patchProfile",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = JsonPatch, content_type = "application/json-patch+json",
        description = "At most 1000 operations: add, replace, remove, test"),
    responses((status = 200, description = "The profile was changed", body = ProfileAnswer)),
)]
pub(crate) async fn patch_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    let (parts, body) = request.into_parts();
    let patch = answer::patch(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Patch(target, patch), expected(&parts.headers)).await?, ""))
}

/// Delete a profile
///
/// Permanent: what remains is its id, the moment and the reason code.
#[utoipa::path(
    delete, path = "/{clientId}/Profile/{profileId}", tag = "Profiles", operation_id = "deleteProfile",
    params(
        ("If-Match" = Option<String>, Header),
        ("reasonCode" = Option<String>, Query, description = "Why, at most 256 characters", example = "right to erasure"),
    ),
    responses((status = 204, description = "The profile was deleted")),
)]
pub(crate) async fn delete_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    permit.write(Change::Delete(target, answer::reason_code(&query)?), expected(&headers)).await?;
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
