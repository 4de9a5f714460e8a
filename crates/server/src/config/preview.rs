//! A definition that isn't saved: how many profiles it finds, and the first of them.

use axum::{extract::Request, response::Response};
use sayso_model::{
    config::{self as model, Operator, Segment},
    input::{object::Object, once},
    segment,
    selection::Selection,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use super::{
    calls::{body, read_json},
    segments::SegmentOutput,
    wire::word,
};
use crate::{
    access::{EditSegments, Permit, ViewProfiles},
    error::ApiError,
    http::answer::json_bytes,
    openapi::profile::UserProfilePreference,
};

/// How many rows are shown.
const ROWS: usize = 10;

/// A definition to try.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"Criteria": {"Field": "Address.StateProvince", "Is": "GA"}}))]
pub(crate) struct SegmentDefinition {
    /// Active, Inactive, Deleted or All (active and inactive).
    #[serde(default, deserialize_with = "word")]
    #[schema(value_type = String, pattern = "^(?:Active|Inactive|Deleted|All)$", example = "Active")]
    profiles: model::Population,
    /// As in a segment; null: every profile.
    #[serde(default, deserialize_with = "once::optional")]
    #[schema(value_type = Option<Object>)]
    criteria: Option<Value>,
    #[serde(default)]
    output: SegmentOutput,
}

/// What a definition finds.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described, never made
pub(crate) struct SegmentPreview {
    /// How many profiles it finds.
    #[schema(example = 1042)]
    count: u64,
    /// The first ten, by ProfileId, with the parts that Output includes.
    #[schema(max_items = 10)]
    user_profile_preferences: Vec<UserProfilePreference>,
}

/// Try a definition that isn't saved
///
/// Counts what it finds, over one consistent snapshot, and shows the first ten. Needs the permissions Segments (Edit) and Profiles
/// (View).
#[utoipa::path(
    post, path = "/{clientId}/Segments/Preview", tag = "Configuration", operation_id = "previewSegment",
    params(("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP")),
    request_body(content = SegmentDefinition, description = "What is wrong in it is told by its path: `Criteria.All[3].Any[0].CustomField`"),
    responses((status = 200, description = "What it finds", body = SegmentPreview)),
)]
pub(crate) async fn preview_segment(
    permit: Permit<EditSegments>,
    profiles: Permit<ViewProfiles>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, sent) = request.into_parts();
    let Object(definition) = read_json::<Object<SegmentDefinition>>(&body(&permit, &parts.headers, sent).await?)?;
    let config = &permit.account().config;
    segment::parse(definition.criteria.as_ref(), definition.profiles, config, "Criteria")?;
    let output = definition.output.into();
    let segment = Segment {
        name: "the definition".to_owned(),
        description: None,
        profiles: definition.profiles,
        criteria: definition.criteria,
        output,
        permissions: Vec::new(),
    };
    let found = profiles.preview(Selection { members: vec![(Operator::And, segment)], output }, ROWS).await?;
    let rows: Vec<&RawValue> = found
        .rows
        .iter()
        .map(|row| serde_json::from_slice(row))
        .collect::<Result<_, _>>()
        .map_err(|e| ApiError::Internal(format!("a row of a preview is no JSON: {e}")))?;
    let rows = serde_json::to_string(&rows).map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(json_bytes(format!("{{\"Count\":{},\"UserProfilePreferences\":{rows}}}", found.count)))
}
