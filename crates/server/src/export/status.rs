//! Status: how far an export is.

use axum::response::{IntoResponse, Response};
use hyper::header::{HeaderName, RETRY_AFTER};
use sayso_model::id::AccessToken;
use serde::Serialize;

use super::SNAPSHOT;
use crate::{
    access::Holding,
    error::ApiError,
    http::answer::{Json, own_header},
};

const PROGRESS: HeaderName = HeaderName::from_static("x-progress");

/// The status of an export; the body of a callback too.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StatusAnswer {
    /// The export.
    #[schema(value_type = u64, example = 5121984601220483_u64)]
    access_token: AccessToken,
    /// `Processing`, `Complete`, `Retrieved`, `Expired`, `Error` or `Failed`.
    #[schema(example = "Complete")]
    status: &'static str,
    /// Records; null until the export is complete.
    #[schema(example = 204113)]
    row_count: Option<u64>,
    /// Bytes of the records as JSON, before any compression; null until the export is complete.
    #[schema(example = 449048600)]
    byte_count: Option<u64>,
}

/// Status of an export
///
/// Poll until it is not Processing. It keeps answering for 7 days after the export's end.
#[utoipa::path(
    get, path = "/Async/{clientId}/Export/{accessToken}/Status", tag = "Export", operation_id = "exportStatus",
    params(
        ("clientId" = String, Path),
        ("accessToken" = u64, Path),
    ),
    responses((status = 200, description = "The status", body = StatusAnswer, headers(
        ("Retry-After" = u32, description = "While Processing: seconds to wait before the next call"),
        ("X-Progress" = String, description = "While Processing: how much is done, `37%`"),
        ("Sayso-Snapshot" = String, description = "Once Complete: the moment of the snapshot; the next export's LastDateTime"),
    ))),
)]
pub(crate) async fn export_status(permit: Holding) -> Result<Response, ApiError> {
    let status = permit.status().await?;
    let answer = StatusAnswer {
        access_token: status.token,
        status: status.state.word(),
        row_count: status.row_count,
        byte_count: status.byte_count,
    };
    let mut response = Json(answer).into_response();
    let headers = response.headers_mut();
    if let Some(seconds) = status.retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(percent) = status.progress {
        headers.insert(PROGRESS, own_header(&format!("{percent}%")));
    }
    if let Some(snapshot) = status.snapshot {
        headers.insert(SNAPSHOT, own_header(&snapshot.to_string()));
    }
    Ok(response)
}
