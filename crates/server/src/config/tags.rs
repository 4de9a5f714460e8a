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
    access::{Caller, EditConfiguration, EditProfiles, Permit, ViewConfiguration, may_view_segment},
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
        (status = 409, description = "Segments ask for it: the Message names those that the caller may view"),
        (status = 503, description = "Others write profiles with the tag as fast as it is taken off: repeat the call"),
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
    refuse_asked_for(permit.caller(), &tag)?;
    for round in 0.. {
        let found = profiles.find_all(with_tag(&tag)).await?;
        match after(round, found.len()) {
            Next::TakeOff => {}
            Next::Done => break,
            Next::Unknown => return Err(ApiError::unknown("tag", &tag)),
            Next::ComeBack => return Err(ApiError::StillWritten),
        }
        for some in found.chunks(TOGETHER) {
            if !profiles.untag(some, &tag).await? {
                refuse_asked_for(&permit.present()?, &tag)?;
            }
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is to be done when after so many rounds so many have the tag.
#[derive(Debug, PartialEq)]
enum Next {
    TakeOff,
    Done,
    Unknown,
    ComeBack,
}

fn after(rounds: usize, found: usize) -> Next {
    match (rounds, found) {
        (0, 0) => Next::Unknown,
        (_, 0) => Next::Done,
        (ROUNDS.., _) => Next::ComeBack,
        _ => Next::TakeOff,
    }
}

/// 409 where segments ask for the tag; it names those that the caller may view.
fn refuse_asked_for(caller: &Caller, tag: &str) -> Result<(), ApiError> {
    let config = &caller.account.config;
    let asking = config.segments_with_tag(tag);
    if asking.is_empty() {
        return Ok(());
    }
    let sees = |name: &&str| config.segment(name).is_some_and(|s| may_view_segment(caller, &s.permissions));
    let (seen, hidden): (Vec<&str>, Vec<&str>) = asking.into_iter().partition(sees);
    let why = match (seen.is_empty(), hidden.is_empty()) {
        (false, true) => format!("the tag is asked for by the segments {}; change them first", seen.join(", ")),
        (true, _) => "the tag is asked for by a segment that you may not view; have it changed first".to_owned(),
        (false, false) => format!(
            "the tag is asked for by the segments {} and a segment that you may not view; have them changed first",
            seen.join(", ")
        ),
    };
    Err(Refusal::conflict("", why).into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_others_keep_writing_is_not_said_to_be_gone() {
        assert_eq!(after(0, 0), Next::Unknown);
        assert_eq!(after(0, 7), Next::TakeOff);
        assert_eq!(after(ROUNDS - 1, 1), Next::TakeOff);
        assert_eq!((after(1, 0), after(ROUNDS, 0)), (Next::Done, Next::Done));
        assert_eq!(after(ROUNDS, 1), Next::ComeBack);
    }
}
