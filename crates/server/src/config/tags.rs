//! Tags: free words on profiles, so there is nothing to configure, but to count and to take off.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use sayso_model::{
    config::{Operator, Population, Segment},
    refusal::Refusal,
    selection::Selection,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    access::{EditConfiguration, EditProfiles, Permit, ViewConfiguration},
    error::ApiError,
    http::{answer::Json, path::path_value},
};

/// Rounds in which whoever still has the tag is looked for: others may write meanwhile.
const ROUNDS: usize = 5;
/// Profiles whose writes wait for the disk together.
const TOGETHER: usize = 500;

/// The tags that profiles have.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagCountList {
    tag_counts: Vec<TagCount>,
}

/// A tag and how many profiles have it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagCount {
    tag: CountedTag,
    #[schema(example = 1042)]
    count: u64,
}

/// The tag as the first profile that has it writes it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CountedTag {
    #[schema(example = "vip")]
    name: String,
}

/// Count the profiles of every tag
///
/// Active and inactive ones.
#[utoipa::path(
    get, path = "/{clientId}/Tags", tag = "Configuration", operation_id = "listTags",
    params(("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP")),
    responses((status = 200, description = "The tags, by name", body = TagCountList)),
)]
pub(crate) async fn list_tags(permit: Permit<ViewConfiguration>) -> Result<Json<TagCountList>, ApiError> {
    let counts = permit.tag_counts().await?.into_iter();
    let tag_counts = counts.map(|(name, count)| TagCount { tag: CountedTag { name }, count }).collect();
    Ok(Json(TagCountList { tag_counts }))
}

/// `{tag}` of the path.
pub(crate) struct TagName(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for TagName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut hyper::http::request::Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "tag").await?.unwrap_or_default()))
    }
}

/// Take a tag off every profile
///
/// Each by a write of its own, with its stamp and history. Needs the permissions Configuration (Edit) and Profiles (Edit).
#[utoipa::path(
    delete, path = "/{clientId}/Tags/{tag}", tag = "Configuration", operation_id = "deleteTag",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("tag" = String, Path, description = "The tag, in any letter case", example = "vip"),
    ),
    responses(
        (status = 204, description = "No profile has it any more"),
        (status = 409, description = "Segments ask for it: the Message names them"),
    ),
)]
pub(crate) async fn delete_tag(
    permit: Permit<EditConfiguration>,
    profiles: Permit<EditProfiles>,
    TagName(tag): TagName,
) -> Result<Response, ApiError> {
    if tag.trim().is_empty() {
        return Err(ApiError::unknown("tag", &tag));
    }
    let asking = permit.account().config.segments_with_tag(&tag);
    if !asking.is_empty() {
        let why = format!("the tag is asked for by the segments {}; change them first", asking.join(", "));
        return Err(Refusal::conflict("", why).into());
    }
    for round in 0..ROUNDS {
        let found = profiles.find_all(with_tag(&tag)).await?;
        if found.is_empty() {
            return match round {
                0 => Err(ApiError::unknown("tag", &tag)),
                _ => Ok(StatusCode::NO_CONTENT.into_response()),
            };
        }
        for some in found.chunks(TOGETHER) {
            profiles.untag(some, &tag).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Everybody who has a tag.
fn with_tag(tag: &str) -> Selection {
    let segment = Segment {
        name: "the tag".to_owned(),
        description: None,
        profiles: Population::All,
        criteria: Some(json!({ "Tag": tag })),
        output: Default::default(),
        permissions: Vec::new(),
    };
    Selection { members: vec![(Operator::And, segment)], output: Default::default() }
}
