//! Users' keys for the signed header (access.md). A key is in the answer to the call that made it, and nowhere else.

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
    http::request::Parts,
};
use sayso_model::moment::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{EditUsers, Permit, ViewUsers},
    error::ApiError,
    http::{answer::Json, path::path_value, query::Query},
};

/// A key that was just made: shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShownKey<'k> {
    #[schema(example = "Nightly")]
    user_id: &'k str,
    /// 64 characters, whose bytes are the key of the HMAC.
    shared_key: &'k str,
}

/// The shared keys of a user; what they are is shown to nobody again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedKeys {
    #[schema(example = "Nightly")]
    user_id: String,
    /// At most two, the newest last.
    shared_keys: Vec<ListedKey>,
}

/// When a key was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedKey {
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T02:00:00Z")]
    created: Moment,
}

/// `{userId}` of the path.
pub(crate) struct UserOfPath(String);

impl<S: Sync> FromRequestParts<S> for UserOfPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "userId").await?.unwrap_or_default()))
    }
}

/// List the shared keys of a user
///
/// When each was made; what it is was in the answer to the call that made it.
#[utoipa::path(
    get, path = "/{clientId}/Users/{userId}/SharedKey", tag = "Configuration", operation_id = "listSharedKeys",
    params(("clientId" = String, Path), ("userId" = String, Path, description = "The user, in any letter case", example = "Nightly")),
    responses((status = 200, description = "The user's keys", body = ListedKeys)),
)]
pub(crate) async fn list_shared_keys(
    permit: Permit<ViewUsers>,
    UserOfPath(user): UserOfPath,
) -> Result<Json<ListedKeys>, ApiError> {
    let (user_id, made) = permit.keys_made(&user)?;
    Ok(Json(ListedKeys { user_id, shared_keys: made.into_iter().map(|created| ListedKey { created }).collect() }))
}

/// Give a user a shared key
///
/// For callers that sign their requests. A former one stays good until the next, unless `keepFormer=false`; of two former ones the older
/// ends. Nobody makes one for a user who may do more than they.
#[utoipa::path(
    post, path = "/{clientId}/Users/{userId}/SharedKey", tag = "Configuration", operation_id = "rotateSharedKey",
    params(
        ("clientId" = String, Path), ("userId" = String, Path, description = "The user, in any letter case", example = "Nightly"),
        ("keepFormer" = Option<bool>, Query, description = "false: former keys end at once", example = true),
    ),
    responses((status = 200, description = "The user's new key", body = ShownKey,
        headers(("Cache-Control" = String, description = "no-store")))),
)]
pub(crate) async fn rotate_shared_key(
    permit: Permit<EditUsers>,
    UserOfPath(user): UserOfPath,
    query: Query,
) -> Result<Response, ApiError> {
    let keep_former = query.flag("keepFormer", true)?;
    let made = permit.rotate_key(user, keep_former).await?;
    let shown = Json(ShownKey { user_id: &made.user_id, shared_key: made.key.reveal() });
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], shown).into_response())
}

/// End the shared keys of a user
///
/// What is signed with them is refused at once.
#[utoipa::path(
    delete, path = "/{clientId}/Users/{userId}/SharedKey", tag = "Configuration", operation_id = "deleteSharedKeys",
    params(("clientId" = String, Path), ("userId" = String, Path, description = "The user, in any letter case", example = "Nightly")),
    responses((status = 204, description = "There are none any more")),
)]
pub(crate) async fn delete_shared_keys(
    permit: Permit<EditUsers>,
    UserOfPath(user): UserOfPath,
) -> Result<StatusCode, ApiError> {
    permit.revoke_keys(user).await?;
    Ok(StatusCode::NO_CONTENT)
}
