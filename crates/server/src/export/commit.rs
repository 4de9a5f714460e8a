//! Commit: ends a token that was kept alive.

use serde::Serialize;

use crate::{
    access::Holding,
    error::ApiError,
    http::{answer::Json, query::Query},
};

/// An empty object.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Committed {}

/// Commit an export
///
/// For callers that used keepAlive: marks the export Retrieved and ends the token. Repeating it answers 200 again.
#[utoipa::path(
    post, path = "/Async/{clientId}/Export/{accessToken}/Commit", tag = "Export", operation_id = "exportCommit",
    params(
        ("clientId" = String, Path),
        ("accessToken" = u64, Path),
        ("keepFiles" = Option<bool>, Query),
    ),
    responses((status = 200, description = "The export is Retrieved", body = Committed)),
)]
pub(crate) async fn export_commit(permit: Holding, query: Query) -> Result<Json<Committed>, ApiError> {
    permit.commit(query.flag("keepFiles", false)?).await?;
    Ok(Json(Committed {}))
}
