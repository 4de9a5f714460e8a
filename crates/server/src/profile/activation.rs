//! Activating and deactivating a profile.

use axum::{extract::Request, response::Response};
use sayso_model::input::{ActivationInput, parse};
use sayso_store::profiles::{Change, Target};

use super::{
    ProfileIdText,
    answer::{self, ProfileAnswer},
    etag::expected,
};
use crate::{
    access::{EditProfiles, Permit},
    error::ApiError,
    openapi::calls::Activation,
};

/// Activate a profile
///
/// One that is active already stays as it is.
#[utoipa::path(
    post, path = "/{clientId}/Profile/{profileId}/Activate", tag = "Profiles", operation_id = "activateProfile",
    params(("If-Match" = Option<String>, Header)),
    request_body = Option<Activation>,
    responses((status = 200, description = "The profile is active", body = ProfileAnswer)),
)]
pub(crate) async fn activate_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    activate(&permit, &text, true, request).await
}

/// Deactivate a profile
///
/// It is then found by its ProfileId alone, and by searches that include inactive profiles.
#[utoipa::path(
    post, path = "/{clientId}/Profile/{profileId}/Deactivate", tag = "Profiles", operation_id = "deactivateProfile",
    params(("If-Match" = Option<String>, Header)),
    request_body = Option<Activation>,
    responses((status = 200, description = "The profile is inactive", body = ProfileAnswer)),
)]
pub(crate) async fn deactivate_profile(
    permit: Permit<EditProfiles>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    activate(&permit, &text, false, request).await
}

async fn activate(
    permit: &Permit<EditProfiles>,
    id: &str,
    is_active: bool,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(id)?);
    let (parts, body) = request.into_parts();
    let bytes = answer::bytes(permit, &parts.headers, body).await?;
    let nothing = matches!(bytes.trim_ascii(), b"" | b"null");
    let input = if nothing { ActivationInput::default() } else { parse(&bytes)? };
    let written = permit.write(Change::Activate(target, is_active, input), expected(&parts.headers)).await?;
    Ok(answer::written(written, ""))
}
