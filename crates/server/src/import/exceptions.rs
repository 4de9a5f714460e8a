//! Exceptions: the records that aren't in, a page at a time.

use std::num::NonZeroU64;

use axum::response::{IntoResponse, Response};
use sayso_import::exceptions::{Reason, Refused};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    access::{Importing, ViewImports},
    error::ApiError,
    http::{answer::Json, query::Query},
};

/// Records of a page when the caller gives no limit.
const DEFAULT_LIMIT: NonZeroU64 = NonZeroU64::new(1000).expect("1000 is not 0");

/// A page of records that aren't in, in the order of their numbers.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportExceptions {
    /// Records in this page.
    #[schema(example = 1)]
    count: u64,
    /// Whether others follow this page.
    has_more: bool,
    /// The limit in force.
    #[schema(example = 1000)]
    limit: u64,
    /// The place of the first among them, from 1.
    #[schema(example = 1)]
    offset: u64,
    /// How many there are.
    #[schema(example = 1)]
    total_results: u64,
    /// They; a page ends early when it has 16 MiB of records.
    user_profile_exceptions: Vec<UserProfileException>,
}

/// A record that isn't in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserProfileException {
    /// Its number, from 1, in the order of staging.
    #[schema(example = 1017)]
    sequence_number: u64,
    /// Why: the first reason that was found.
    exceptions: Vec<ImportReason>,
    /// The record as it was staged; null where it was no JSON or too large.
    #[schema(value_type = Value, nullable)]
    user_profile: Option<Box<RawValue>>,
}

/// Why a record isn't in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportReason {
    /// Where in the record; empty: the record as a whole.
    #[schema(example = "Emails[0].EmailAddressType")]
    path: String,
    /// What was wrong, the value seen, what is accepted.
    #[schema(example = "email type \"Boat\" is not configured in this account")]
    message: String,
}

impl From<Reason> for ImportReason {
    fn from(Reason { path, message }: Reason) -> Self {
        Self { path, message }
    }
}

impl From<Refused> for UserProfileException {
    fn from(refused: Refused) -> Self {
        let text = refused.record.and_then(|json| String::from_utf8(json).ok());
        Self {
            sequence_number: refused.sequence,
            exceptions: refused.reasons.into_iter().map(ImportReason::from).collect(),
            user_profile: text.and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

/// Exceptions of an import
///
/// The records that aren't in, with the reason and as they were staged.
#[utoipa::path(
    get, path = "/Async/{clientId}/Import/{accessToken}/Exceptions", tag = "Import", operation_id = "importExceptions",
    params(
        ("clientId" = String, Path),
        ("accessToken" = u64, Path),
        ("limit" = Option<i64>, Query, description = "Most records of the page, 1000 when left out", minimum = 1, maximum = 9223372036854775807_i64, example = 1000),
        ("offset" = Option<i64>, Query, description = "The place of the first among the exceptions, from 1", minimum = 1, maximum = 9223372036854775807_i64, example = 1),
    ),
    responses((status = 200, description = "A page", body = ImportExceptions)),
)]
pub(crate) async fn import_exceptions(permit: Importing<ViewImports>, query: Query) -> Result<Response, ApiError> {
    let limit = query.number("limit", DEFAULT_LIMIT)?.get();
    let offset = query.number("offset", NonZeroU64::MIN)?.get();
    let page = permit.exceptions(limit, offset).await?;
    let answer = ImportExceptions {
        count: page.refused.len() as u64,
        has_more: page.has_more,
        limit,
        offset,
        total_results: page.total,
        user_profile_exceptions: page.refused.into_iter().map(UserProfileException::from).collect(),
    };
    Ok(Json(answer).into_response())
}
