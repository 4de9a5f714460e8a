//! Preferences alone: said of a profile and the contacts that it has, and archived (profile.md, Data API).

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use sayso_model::{change::Part, id::ProfileId, input::parse};
use sayso_store::profiles::{Change, Target};
use serde::Serialize;

use super::{
    ProfileIdText,
    alternate::AlternateId,
    answer::{self, ProfileAnswer},
    etag::expected,
};
use crate::{
    access::{EditPreferences, Permit},
    error::ApiError,
    http::answer::Json,
    openapi::calls::{ArchivePreferences, PreferencesAlone},
};

/// How much was archived.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ArchiveAnswer {
    #[schema(value_type = u64, example = 1042)]
    profile_id: ProfileId,
    /// How many preferences the selectors meant; 0: nothing was written.
    #[schema(example = 2)]
    archived_count: usize,
}

/// Write preferences alone
///
/// The body is a profile with ProfilePreferences, Emails, PhoneNumbers and Addresses alone, and in each contact what it is found by and
/// its preferences. Other members are refused, and so is a contact that the profile doesn't have (404).
#[utoipa::path(
    post, path = "/{clientId}/Profile/Preferences/{profileId}", tag = "Preferences",
    operation_id = "writePreferences",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = PreferencesAlone),
    responses((status = 200, description = "The preferences were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_preferences(
    permit: Permit<EditPreferences>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    write(permit, target, request).await
}

/// Write preferences alone by an alternate id
#[utoipa::path(
    post, path = "/{clientId}/Profile/Preferences/AlternateId", tag = "Preferences",
    operation_id = "writePreferencesByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header)),
    request_body(content = PreferencesAlone),
    responses((status = 200, description = "The preferences were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_preferences_by_alternate_id(
    permit: Permit<EditPreferences>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    write(permit, target, request).await
}

/// Write preferences alone by an alternate id (older form)
#[utoipa::path(
    post, path = "/{clientId}/Profile/Preferences/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Preferences",
    operation_id = "writePreferencesByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = PreferencesAlone),
    responses((status = 200, description = "The preferences were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_preferences_by_alternate_id_in_path(
    permit: Permit<EditPreferences>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    write_preferences_by_alternate_id(permit, alternate, request).await
}

/// Archive preferences
///
/// Archives every preference that one of the selectors means: all members of a selector must fit.
#[utoipa::path(
    put, path = "/{clientId}/Profile/Preferences/{profileId}/Archive", tag = "Preferences",
    operation_id = "archivePreferences",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = ArchivePreferences),
    responses((status = 200, description = "What the selectors mean is archived", body = ArchiveAnswer)),
)]
pub(crate) async fn archive_preferences(
    permit: Permit<EditPreferences>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    archive(permit, target, request).await
}

/// Archive preferences by an alternate id
#[utoipa::path(
    put, path = "/{clientId}/Profile/Preferences/AlternateId/Archive", tag = "Preferences",
    operation_id = "archivePreferencesByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header)),
    request_body(content = ArchivePreferences),
    responses((status = 200, description = "What the selectors mean is archived", body = ArchiveAnswer)),
)]
pub(crate) async fn archive_preferences_by_alternate_id(
    permit: Permit<EditPreferences>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    archive(permit, target, request).await
}

/// Archive preferences by an alternate id (older form)
#[utoipa::path(
    put, path = "/{clientId}/Profile/Preferences/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}/Archive", tag = "Preferences",
    operation_id = "archivePreferencesByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = ArchivePreferences),
    responses((status = 200, description = "What the selectors mean is archived", body = ArchiveAnswer)),
)]
pub(crate) async fn archive_preferences_by_alternate_id_in_path(
    permit: Permit<EditPreferences>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    archive_preferences_by_alternate_id(permit, alternate, request).await
}

async fn write(permit: Permit<EditPreferences>, target: Target, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    let change = Change::UpdatePart(target, Part::Preferences, input);
    Ok(answer::written(permit.write(change, expected(&parts.headers)).await?, ""))
}

async fn archive(permit: Permit<EditPreferences>, target: Target, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let input = parse(&answer::bytes(&permit, &parts.headers, body).await?)?;
    let written = permit.write(Change::Archive(target, Box::new(input)), expected(&parts.headers)).await?;
    Ok(Json(ArchiveAnswer { profile_id: written.id, archived_count: written.archived }).into_response())
}
