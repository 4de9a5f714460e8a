//! Consents alone, and by the filters that ask for them (profile.md, Data API).

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use hyper::{HeaderMap, StatusCode, http::request::Parts};
use sayso_model::{
    change::Part,
    config::Output,
    reading::{self, FilterConsents, filter_consents},
};
use sayso_store::profiles::{Change, Target};
use serde::Serialize;

use super::{
    ProfileIdText,
    alternate::AlternateId,
    answer::{self, ProfileAnswer},
    etag::expected,
};
use crate::{
    access::{EditConsents, Permit, ViewConsents},
    error::ApiError,
    http::{answer::Json, path::path_value},
    openapi::calls::{ConsentFilters, ConsentsAlone},
};

/// Write consents alone
///
/// The body is a profile with Consents, Emails, PhoneNumbers and Addresses alone, and in each contact what it is found by and its
/// consents. Other members are refused, and so is a contact that the profile doesn't have (404).
#[utoipa::path(
    post, path = "/{clientId}/Consents/{profileId}", tag = "Consents",
    operation_id = "writeConsents",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = ConsentsAlone),
    responses((status = 200, description = "The consents were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_consents(
    permit: Permit<EditConsents>,
    ProfileIdText(text): ProfileIdText,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    write(permit, target, request).await
}

/// Write consents alone by an alternate id
#[utoipa::path(
    post, path = "/{clientId}/Consents/AlternateId", tag = "Consents",
    operation_id = "writeConsentsByAlternateId",
    params(("alternateId" = String, Query), ("alternateIdType" = String, Query), ("If-Match" = Option<String>, Header)),
    request_body(content = ConsentsAlone),
    responses((status = 200, description = "The consents were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_consents_by_alternate_id(
    permit: Permit<EditConsents>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    let target = alternate.configured(permit.config())?.target();
    write(permit, target, request).await
}

/// Write consents alone by an alternate id (older form)
#[utoipa::path(
    post, path = "/{clientId}/Consents/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}", tag = "Consents",
    operation_id = "writeConsentsByAlternateIdInPath",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = ConsentsAlone),
    responses((status = 200, description = "The consents were written", body = ProfileAnswer)),
)]
pub(crate) async fn write_consents_by_alternate_id_in_path(
    permit: Permit<EditConsents>,
    alternate: AlternateId,
    request: Request,
) -> Result<Response, ApiError> {
    write_consents_by_alternate_id(permit, alternate, request).await
}

async fn write(permit: Permit<EditConsents>, target: Target, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let input = answer::body(&permit, &parts.headers, body).await?;
    let change = Change::UpdatePart(target, Part::Consents, input);
    Ok(answer::written(permit.write(change, expected(&parts.headers)).await?, ""))
}

/// Read the filters that require consents
///
/// Every active one, with the profile's own consents of these types and its contacts'; NotSet where there is none.
#[utoipa::path(
    get, path = "/{clientId}/Consents/{profileId}/Filters", tag = "Consents", operation_id = "readConsentFilters",
        responses((status = 200, description = "The filters", body = ConsentFilters)),
)]
pub(crate) async fn read_consent_filters(
    permit: Permit<ViewConsents>,
    ProfileIdText(text): ProfileIdText,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Filters<'a> {
        filters: Vec<FilterConsents<'a>>,
    }
    let target = Target::Id(answer::parse_id(&text)?);
    let row = permit.ready(&target, false)?.ok_or_else(|| ApiError::unknown("profile", &text))?;
    let profile = reading::read(&row.kept()?, permit.config(), &Output::default(), permit.now());
    Ok(Json(Filters { filters: filter_consents(&profile, permit.config()) }).into_response())
}

/// Withdraw the consent of a filter
///
/// Revokes the consents of this type that a preference to the filter stands on or could: the person's own, and those of every contact that has
/// the filter's channel. Archives what requires them.
#[utoipa::path(
    delete, path = "/{clientId}/Consents/{profileId}/Filter/{filterId}/Consent/{consentType}", tag = "Consents",
    operation_id = "withdrawFilterConsent",
    params(
        ("If-Match" = Option<String>, Header),
        ("filterId" = String, Path, description = "The filter, in any letter case", example = "OFFERS-EMAIL"),
        ("consentType" = String, Path, description = "A consent type that it requires", example = "Marketing"),
    ),
    responses((status = 204, description = "The consent is withdrawn")),
)]
pub(crate) async fn withdraw_filter_consent(
    permit: Permit<EditConsents>,
    ProfileIdText(text): ProfileIdText,
    OfFilter { filter, consent_type }: OfFilter,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    permit.write(Change::WithdrawConsent { target, filter, consent_type }, expected(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `{filterId}` and `{consentType}` of the path.
pub(crate) struct OfFilter {
    filter: String,
    consent_type: String,
}

impl<S: Sync> FromRequestParts<S> for OfFilter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self {
            filter: path_value(parts, "filterId").await?.unwrap_or_default(),
            consent_type: path_value(parts, "consentType").await?.unwrap_or_default(),
        })
    }
}
