//! Execute and Status: how far an import is.

use axum::response::{IntoResponse, Response};
use hyper::header::RETRY_AFTER;
use sayso_import::job::{State, Status};
use sayso_model::{id::AccessToken, moment::Moment};
use serde::Serialize;

use crate::{
    access::{EditImports, Importing, ViewImports},
    error::ApiError,
    http::answer::Json,
};

/// Waiting records for each second after which asking again is worth while.
const RECORDS_PER_SECOND: u64 = 10_000;

/// How far an import is. All counters count records.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportStatus {
    /// The import.
    #[schema(value_type = u64, example = 5121984601220483_u64)]
    access_token: AccessToken,
    /// What it was called at Initiate.
    #[schema(example = "Nightly")]
    name: Option<String>,
    /// `Initiated`, `Staging`, `Queued`, `Processing`, `Completed` or `Failed`.
    #[schema(example = "Completed")]
    status: &'static str,
    /// When the token stops answering, as far as it is known.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T22:00:00.000Z")]
    expiration_date: Moment,
    /// Staged.
    #[schema(example = 10000)]
    total_records_received: u64,
    /// Valid when they were staged.
    #[schema(example = 9990)]
    validation_successful: u64,
    /// Failed when they were staged; they are exceptions at once.
    #[schema(example = 10)]
    validation_failed: u64,
    /// Valid ones that execution is done with, whether they are in or were refused.
    #[schema(example = 9990)]
    processed: u64,
    /// Valid ones that wait.
    #[schema(example = 0)]
    pending: u64,
    /// Failed when they were staged, or refused when they were executed.
    #[schema(example = 12)]
    exceptions: u64,
    /// Are in, but for a change that a rule declined.
    #[schema(example = 3)]
    not_honored: u64,
    /// Had members that a profile doesn't have, which were passed over.
    #[schema(example = 0)]
    warnings: u64,
}

impl From<Status> for ImportStatus {
    fn from(status: Status) -> Self {
        let counts = status.counts;
        Self {
            access_token: status.token,
            name: status.name,
            status: status.state.word(),
            expiration_date: status.expires,
            total_records_received: counts.received,
            validation_successful: counts.valid(),
            validation_failed: counts.failed,
            processed: counts.processed,
            pending: counts.pending(),
            exceptions: counts.exceptions(),
            not_honored: counts.not_honored,
            warnings: counts.warnings,
        }
    }
}

/// Execute an import
///
/// Queues it and answers at once. Sent again it changes nothing and answers the present status. After it no records are taken any more.
#[utoipa::path(
    post, path = "/Async/{clientId}/Import/{accessToken}/Execute", tag = "Import", operation_id = "importExecute",
    params(("clientId" = String, Path), ("accessToken" = u64, Path)),
    responses((status = 200, description = "It is queued, under way or over", body = ImportStatus, headers(
        ("Retry-After" = u32, description = "While Queued or Processing: seconds to wait before asking for its status"),
    ))),
)]
pub(crate) async fn import_execute(permit: Importing<EditImports>) -> Result<Response, ApiError> {
    Ok(answer(permit.execute().await?))
}

/// Status of an import
///
/// Answers for 12 h from Initiate, while records are executed, and for RetentionDays days after its end.
#[utoipa::path(
    get, path = "/Async/{clientId}/Import/{accessToken}/Status", tag = "Import", operation_id = "importStatus",
    params(("clientId" = String, Path), ("accessToken" = u64, Path)),
    responses((status = 200, description = "The status", body = ImportStatus, headers(
        ("Retry-After" = u32, description = "While Queued or Processing: seconds to wait before the next call"),
    ))),
)]
pub(crate) async fn import_status(permit: Importing<ViewImports>) -> Result<Response, ApiError> {
    Ok(answer(permit.status()?))
}

fn answer(status: Status) -> Response {
    let waits = matches!(status.state, State::Queued | State::Processing);
    let seconds = (status.counts.pending() / RECORDS_PER_SECOND).clamp(1, 5);
    let mut response = Json(ImportStatus::from(status)).into_response();
    if waits {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
