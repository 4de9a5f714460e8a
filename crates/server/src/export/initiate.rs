//! Initiate: starts an export and answers its token at once.

use axum::{body::Body, extract::Request};
use hyper::HeaderMap;
use sayso_model::{
    id::AccessToken,
    moment::parse_date_time,
    selection::{Conditions, Matching},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{body::InitiateBody, callback};
use crate::{
    access::{Executing, OfGroup, OfSegment},
    error::ApiError,
    http::{answer::Json, content},
};

/// The token of a new export.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Initiated {
    /// Names the export in the other calls; 1 … 2^53−1.
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_u64, example = 5121984601220483_u64)]
    access_token: AccessToken,
}

/// What to export. Every field is optional and nullable; unknown ones are ignored.
// for the document: `InitiateBody` reads it; which fields go together is told by `openapi::exact`
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase", example = json!({
    "LastDateTime": "2026-11-24T10:00:00.000Z", "MatchCriteria": "AlternateId", "MatchType": "CRM", "Values": ["C-1001", "C-1002"],
}))]
#[allow(dead_code)]
pub(crate) struct InitiateForm {
    /// Only profiles changed at or after this moment, or of which something expired since. Without a zone it is US Eastern time.
    #[schema(pattern = "{date-time}", example = "2026-11-24T10:00:00.000Z")]
    last_date_time: Option<String>,
    /// `ProfileId`, `AlternateId`, `EmailAddress` or `PhoneNumber`, in any letter case.
    #[schema(example = "AlternateId")]
    match_criteria: Option<String>,
    /// The type to match in; required for AlternateId, refused without MatchCriteria.
    #[schema(example = "CRM")]
    match_type: Option<String>,
    /// The values to match: strings or numbers; required with MatchCriteria, refused without it.
    #[schema(min_items = 1, max_items = 100_000, example = json!(["C-1001", "C-1002"]))]
    values: Option<Vec<String>>,
    /// Where the Status object is to be posted when the export is Complete, or ended in Error or Failed: https, to a public address.
    #[schema(
        rename = "CallbackURL",
        max_length = 2048,
        pattern = "{https}",
        example = "https://hooks.example.org/sayso"
    )]
    callback_url: Option<String>,
}

/// Export a segment
///
/// Answers at once, whatever the size; the segment is evaluated in the background over one consistent snapshot.
#[utoipa::path(
    post, path = "/Async/{clientId}/Export/Segment/{segmentName}", tag = "Export", operation_id = "exportSegment",
    params(
        ("clientId" = String, Path),
        ("segmentName" = String, Path),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body(content = Option<InitiateForm>, description = "At most 32 MiB; may be left out"),
    responses((status = 200, description = "The export was accepted", body = Initiated)),
)]
pub(crate) async fn export_segment(
    permit: Executing<OfSegment>,
    request: Request,
) -> Result<Json<Initiated>, ApiError> {
    let (parts, body) = request.into_parts();
    initiate(permit, &parts.headers, body).await
}

/// Export a segment group
///
/// As for a segment; permission and output settings are the group's own.
#[utoipa::path(
    post, path = "/Async/{clientId}/Export/SegmentGroup/{segmentGroupName}", tag = "Export", operation_id = "exportSegmentGroup",
    params(
        ("clientId" = String, Path),
        ("segmentGroupName" = String, Path),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body(content = Option<InitiateForm>, description = "At most 32 MiB; may be left out"),
    responses((status = 200, description = "The export was accepted", body = Initiated)),
)]
pub(crate) async fn export_segment_group(
    permit: Executing<OfGroup>,
    request: Request,
) -> Result<Json<Initiated>, ApiError> {
    let (parts, body) = request.into_parts();
    initiate(permit, &parts.headers, body).await
}

async fn initiate<O>(permit: Executing<O>, headers: &HeaderMap, body: Body) -> Result<Json<Initiated>, ApiError> {
    let options = permit.options();
    let key = idempotency_key(headers)?;
    let bytes = content::read(headers, body, content::Kind::Json, options.initiate_body, options).await?;
    let sent = InitiateBody::parse(&bytes)?;

    let since = match &sent.last_date_time {
        None => None,
        Some(text) => Some(parse_date_time(text).map_err(|e| ApiError::Body(format!("LastDateTime: {e}")))?),
    };
    let callback_url = sent.callback_url.map(|url| callback::check(&url, &options.callbacks)).transpose()?;
    let (criteria, match_type) = (sent.match_criteria.as_deref(), sent.match_type.as_deref());
    let matching = Matching::resolve(criteria, match_type, sent.values, permit.over_deleted(), permit.config())?;

    let idempotency = key.map(|key| (key, Sha256::digest(&bytes).into()));
    let access_token = permit.initiate(Conditions { since, matching }, callback_url, idempotency).await?;
    Ok(Json(Initiated { access_token }))
}

/// The Idempotency-Key: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else { return Ok(None) };
    let visible = |b: &u8| (0x21..=0x7e).contains(b);
    let good = (1..=255).contains(&value.len()) && value.as_bytes().iter().all(visible) && all.next().is_none();
    let key = value.to_str().ok().filter(|_| good);
    let accepted = "one Idempotency-Key of 1 to 255 visible ASCII characters";
    key.map(|key| Some(key.to_owned())).ok_or(ApiError::Header { name: "Idempotency-Key", accepted })
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn an_idempotency_key_is_visible_and_at_most_255_long() {
        let read = |values: &[&str]| {
            let name = HeaderName::from_static("idempotency-key");
            let headers =
                values.iter().map(|v| (name.clone(), HeaderValue::from_bytes(v.as_bytes()).unwrap())).collect();
            idempotency_key(&headers).map_err(|e| e.status().as_u16())
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a-1"]), Ok(Some("a-1".into())));
        assert_eq!(read(&[&"x".repeat(255)]), Ok(Some("x".repeat(255))));
        for odd in [&["" as &str][..], &["a b"], &["ü"], &[&"x".repeat(256)], &["a", "b"]] {
            assert_eq!(read(odd), Err(400), "{odd:?}");
        }
    }
}
