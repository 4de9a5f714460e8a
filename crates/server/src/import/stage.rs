//! Stage: takes records while they arrive.

use axum::extract::Request;
use sayso_import::{Begun, Staged};
use serde::Serialize;

use super::ImportStatus;
use crate::{
    access::{EditImports, Importing, import_aside},
    error::ApiError,
    export::idempotency_key,
    http::{
        answer::Json,
        content::{self, Pieces},
    },
    openapi::profile::UserProfilePreference,
};

/// Records for an import.
// for the document: the engine reads it
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)]
pub(crate) struct ImportRecords {
    /// Profiles as in the Data API; the ProfileId says which one is meant, unless the import matches by alternate id.
    user_profiles: Vec<UserProfilePreference>,
}

/// What a call staged, and how far the import is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StagedAnswer {
    #[serde(flatten)]
    status: ImportStatus,
    /// The number of this call's first record, from 1; null when it had none.
    #[schema(example = 1001)]
    first_sequence_number: Option<u64>,
    /// Records of this call.
    #[schema(example = 1000)]
    received: u64,
    /// Those of them that failed: they are exceptions now.
    #[schema(example = 1)]
    failed: u64,
    /// Members that a profile doesn't have, which were passed over: the first hundred.
    #[serde(rename = "UnknownMembers")]
    unknown_members: Vec<UnknownMember>,
}

/// A member that was passed over.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnknownMember {
    /// The record.
    #[schema(example = 1017)]
    sequence_number: u64,
    /// Where in it.
    #[schema(example = "Emails[0].Verified")]
    path: String,
    /// What of it.
    #[schema(example = "is no member of a profile; it was passed over")]
    message: String,
}

impl From<Staged> for StagedAnswer {
    fn from(staged: Staged) -> Self {
        let passed = staged.warnings.into_iter();
        let unknown_members =
            passed.map(|w| UnknownMember { sequence_number: w.sequence, path: w.path, message: w.message }).collect();
        Self {
            status: staged.status.into(),
            first_sequence_number: staged.first,
            received: staged.received,
            failed: staged.failed,
            unknown_members,
        }
    }
}

/// Stage records
///
/// Any number of calls, several at once; each is staged whole or not at all. Records are checked as they arrive; one that fails keeps no
/// other from being staged.
#[utoipa::path(
    post, path = "/Async/{clientId}/Import/{accessToken}", tag = "Import", operation_id = "importStage",
    params(
        ("clientId" = String, Path),
        ("accessToken" = u64, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key under the same token stages nothing and answers what the first call did"),
    ),
    request_body(content = ImportRecords, description = "At most 25 MB, unless the operator takes more"),
    responses((status = 200, description = "The records are on disk", body = StagedAnswer)),
)]
pub(crate) async fn import_stage(
    permit: Importing<EditImports>,
    request: Request,
) -> Result<Json<StagedAnswer>, ApiError> {
    let (parts, body) = request.into_parts();
    let options = permit.options();
    let key = idempotency_key(&parts.headers)?;
    let mut pieces = Pieces::new(&parts.headers, body, content::Kind::Json, options.import_stage_body, options)?;
    let mut staging = match permit.stage(key).await? {
        Begun::Before(staged) => return Ok(Json((*staged).into())),
        Begun::Taking(staging) => staging,
    };
    while let Some(bytes) = pieces.next().await? {
        staging = import_aside(move || {
            staging.push(&bytes)?;
            Ok(staging)
        })
        .await?;
    }
    Ok(Json(import_aside(move || staging.finish()).await?.into()))
}
