//! Profiles by an alternate id: the query form and the older path form lead to the same functions.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use hyper::{HeaderMap, StatusCode};
use sayso_store::profiles::Change;

use super::{
    alternate::AlternateId,
    answer::{self, ProfileAnswer},
    etag::expected,
    read,
};
use crate::{
    access::{EditProfiles, Permit, ViewProfiles},
    error::ApiError,
    http::query::Query,
    openapi::{patch::JsonPatch, profile::UserProfilePreference},
};

/// Read a profile by an alternate id
///
/// A deactivated profile is found by its ProfileId only.
#[utoipa::path(
    get, path = "/{clientId}/Profile/AlternateId", tag = "Profiles", operation_id = "readProfileByAlternateId",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("alternateId" = String, Query, description = "The id, in any letter case", example = "C-1001"),
        ("alternateIdType" = String, Query, description = "Its type", example = "CRM"),
        ("implied" = Option<bool>, Query, description = "false leaves implied preferences out", example = true),
        ("includeConsentHistory" = Option<bool>, Query, description = "false leaves former consents out", example = true),
        ("If-None-Match" = Option<String>, Header, description = "An ETag: 304 when the profile still reads the same"),
    ),
    responses(
        (status = 200, description = "The profile", body = UserProfilePreference, headers(("ETag" = String))),
        (status = 304, description = "It still reads the same"),
    ),
)]
pub(crate) async fn read_by_alternate_id(
    permit: Permit<ViewProfiles>,
    alternate: AlternateId,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let alternate = alternate.configured(permit.config())?;
    let none = ApiError::unknown("profile with the alternate id", &alternate.id);
    read::read(&permit, &alternate.target(), none, &query, &headers)
}

/// Create or update a profile by an alternate id
///
/// Creates one (201) when there is none, else updates it in part (200). The alternate id is part of a new profile.
#[utoipa::path(
    post, path = "/{clientId}/Profile/AlternateId", tag = "Profiles", operation_id = "writeProfileByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses(
        (status = 200, description = "The profile was changed", body = ProfileAnswer),
        (status = 201, description = "The profile was made", body = ProfileAnswer, headers(("Location" = String, description = "Where it can be read"))),
    ),
)]
pub(crate) async fn write_by_alternate_id(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let AlternateId { kind, id } = alternate.configured(permit.config())?;
    let collection = answer::collection(&request);
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    let expected = expected(&parts.headers);
    Ok(answer::written(permit.write(Change::Upsert { kind, id, input }, expected).await?, &collection))
}

/// Replace a profile by an alternate id
///
/// As by its id. The alternate id of the address stays one of the profile's.
#[utoipa::path(
    put, path = "/{clientId}/Profile/AlternateId", tag = "Profiles", operation_id = "replaceProfileByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header)),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses((status = 200, description = "The profile was replaced", body = ProfileAnswer)),
)]
pub(crate) async fn replace_by_alternate_id(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Replace(target, input), expected(&parts.headers)).await?, ""))
}

/// Patch a profile by an alternate id
///
/// JSON Patch (RFC 6902), as by its id.
#[utoipa::path(
    patch, path = "/{clientId}/Profile/AlternateId", tag = "Profiles", operation_id = "patchProfileByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header)),
    request_body(content = JsonPatch, content_type = "application/json-patch+json",
        description = "At most 1000 operations: add, replace, remove, test"),
    responses((status = 200, description = "The profile was changed", body = ProfileAnswer)),
)]
pub(crate) async fn patch_by_alternate_id(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    let (parts, body) = request.into_parts();
    let patch = answer::patch(&permit, &parts.headers, body).await?;
    Ok(answer::written(permit.write(Change::Patch(target, patch), expected(&parts.headers)).await?, ""))
}

/// Delete a profile by an alternate id
#[utoipa::path(
    delete, path = "/{clientId}/Profile/AlternateId", tag = "Profiles", operation_id = "deleteProfileByAlternateId",
    params(
        ("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header),
        ("reasonCode" = Option<String>, Query, description = "Why, at most 256 characters", example = "right to erasure"),
    ),
    responses((status = 204, description = "The profile was deleted")),
)]
pub(crate) async fn delete_by_alternate_id(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    permit.write(Change::Delete(target, answer::reason_code(&query)?), expected(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Read a profile by an alternate id (older form)
#[utoipa::path(
    get, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Profiles",
    operation_id = "readProfileByAlternateIdInPath",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("alternateIdType" = String, Path, description = "Its type", example = "CRM"),
        ("alternateId" = String, Path, description = "The id, in any letter case", example = "C-1001"),
        ("implied" = Option<bool>, Query, description = "false leaves implied preferences out", example = true),
        ("includeConsentHistory" = Option<bool>, Query, description = "false leaves former consents out", example = true),
        ("If-None-Match" = Option<String>, Header, description = "An ETag: 304 when the profile still reads the same"),
    ),
    responses(
        (status = 200, description = "The profile", body = UserProfilePreference, headers(("ETag" = String))),
        (status = 304, description = "It still reads the same"),
    ),
)]
pub(crate) async fn read_by_alternate_id_in_path(
    permit: Permit<ViewProfiles>,
    alternate: AlternateId,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    read_by_alternate_id(permit, alternate, query, headers).await
}

/// Create or update a profile by an alternate id (older form)
#[utoipa::path(
    post, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Profiles",
    operation_id = "writeProfileByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses(
        (status = 200, description = "The profile was changed", body = ProfileAnswer),
        (status = 201, description = "The profile was made", body = ProfileAnswer, headers(("Location" = String, description = "Where it can be read"))),
    ),
)]
pub(crate) async fn write_by_alternate_id_in_path(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    write_by_alternate_id(permit, alternate, request).await
}

/// Replace a profile by an alternate id (older form)
#[utoipa::path(
    put, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Profiles",
    operation_id = "replaceProfileByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = UserProfilePreference, description = "At most 1 MiB; read-only members are ignored, unknown ones refused"),
    responses((status = 200, description = "The profile was replaced", body = ProfileAnswer)),
)]
pub(crate) async fn replace_by_alternate_id_in_path(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    replace_by_alternate_id(permit, alternate, request).await
}

/// Patch a profile by an alternate id (older form)
#[utoipa::path(
    patch, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Profiles",
    operation_id = "patchProfileByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = JsonPatch, content_type = "application/json-patch+json",
        description = "At most 1000 operations: add, replace, remove, test"),
    responses((status = 200, description = "The profile was changed", body = ProfileAnswer)),
)]
pub(crate) async fn patch_by_alternate_id_in_path(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    patch_by_alternate_id(permit, alternate, request).await
}

/// Delete a profile by an alternate id (older form)
#[utoipa::path(
    delete, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Profiles",
    operation_id = "deleteProfileByAlternateIdInPath",
    params(
        ("If-Match" = Option<String>, Header),
        ("reasonCode" = Option<String>, Query, description = "Why, at most 256 characters", example = "right to erasure"),
    ),
    responses((status = 204, description = "The profile was deleted")),
)]
pub(crate) async fn delete_by_alternate_id_in_path(
    permit: Permit<EditProfiles>,
    alternate: AlternateId,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    delete_by_alternate_id(permit, alternate, query, headers).await
}
