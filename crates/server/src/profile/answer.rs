//! What a write is given and what it answers.

use axum::{
    body::Body,
    extract::{OriginalUri, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header::LOCATION};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sayso_model::{
    id::ProfileId,
    input::{ProfileInput, parse_profile},
    patch::{Patch, parse_patch},
};
use sayso_store::profiles::Written;
use serde::Serialize;

use crate::{
    access::Permit,
    error::ApiError,
    http::{
        answer::{Json, own_header},
        content,
        query::Query,
    },
};

/// The id of the profile that was written.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProfileAnswer {
    /// Assigned ascending per account, never reused.
    #[schema(value_type = u64, example = 1042)]
    profile_id: ProfileId,
}

/// The bytes of a call's body, which is JSON.
pub(super) async fn bytes<P>(permit: &Permit<P>, headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let options = permit.options();
    content::read(headers, body, content::Kind::Json, options.profile_body, options).await
}

/// The profile in a call's body.
pub(super) async fn body<P>(
    permit: &Permit<P>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Box<ProfileInput>, ApiError> {
    Ok(Box::new(parse_profile(&bytes(permit, headers, body).await?)?))
}

/// The JSON Patch in a call's body.
pub(super) async fn patch<P>(permit: &Permit<P>, headers: &HeaderMap, body: Body) -> Result<Box<Patch>, ApiError> {
    Ok(Box::new(parse_patch(&bytes(permit, headers, body).await?)?))
}

/// 201 with Location for a profile that was made, 200 for one that was changed.
pub(super) fn written(written: Written, collection: &str) -> Response {
    let answer = Json(ProfileAnswer { profile_id: written.id });
    if !written.created {
        return answer.into_response();
    }
    let location = own_header(&format!("{collection}/{}", written.id));
    (StatusCode::CREATED, [(LOCATION, location)], answer).into_response()
}

/// The path of the account's profiles in the form in which the caller wrote it, with or without version.
pub(super) fn collection(request: &Request) -> String {
    const PATH: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'%').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    // a nested router takes its base off the address
    let uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
    let path = uri.path();
    let end = path.find("/Profile/").map_or(path.len(), |at| at + "/Profile".len());
    utf8_percent_encode(path[..end].trim_end_matches('/'), PATH).to_string()
}

/// The id of a profile in a path; what can't be one is answered like one that isn't there.
pub(super) fn parse_id(text: &str) -> Result<ProfileId, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(ProfileId).ok_or_else(|| ApiError::unknown("profile", text))
}

/// The `reasonCode` of a deletion (profile.md: 256 characters).
pub(super) fn reason_code(query: &Query) -> Result<Option<String>, ApiError> {
    match query.get("reasonCode") {
        Some(code) if code.chars().count() > 256 => {
            Err(ApiError::parameter("reasonCode", code, "at most 256 characters"))
        }
        code => Ok(code.filter(|c| !c.is_empty()).map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_of_a_new_profile_has_the_form_of_the_address_that_was_called() {
        let of = |uri: &str| collection(&Request::builder().uri(uri).body(Body::empty()).unwrap());
        assert_eq!(of("/Profiles/v4/ACME_CORP/Profile"), "/Profiles/v4/ACME_CORP/Profile");
        assert_eq!(of("/Profiles/acme_corp/Profile/AlternateId?alternateId=1"), "/Profiles/acme_corp/Profile");
        let older = "/Profiles/v4/A%20B/Profile/AlternateIdType/CRM/AlternateId/7";
        assert_eq!(of(older), "/Profiles/v4/A%20B/Profile");
    }

    #[test]
    fn a_reason_code_has_at_most_256_characters() {
        let code = |n: usize| reason_code(&Query::parse(&format!("REASONCODE={}", "ü".repeat(n))));
        assert_eq!(code(256).unwrap(), Some("ü".repeat(256)));
        assert!(code(257).is_err());
        assert_eq!(code(0).unwrap(), None);
    }
}
