//! OAuth clients (access.md): which there are, and making, rotating and ending them. A secret is in the answer to the call that made it, and
//! nowhere else.

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, HeaderValue, LOCATION},
    http::request::Parts,
};
use sayso_model::{
    id::fold,
    input::{object::Object, unreadable},
    moment::Moment,
    patch::parse_patch,
};
use sayso_store::access::{Clients, NewSecret, OAuthClient};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    calls::{account_path, answer, body, bytes_of, etag, read_json, saved, to_value},
    certificates::ListedCertificate,
    wire::ReadOnly,
};
use crate::{
    access::{EditUsers, Permit, ViewUsers},
    error::ApiError,
    http::{
        answer::{Json, meets, own_header},
        path::path_value,
        query::Query,
    },
    openapi::patch::JsonPatch,
};

/// What a program signs in with in a user's name.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ListedClient {
    /// 48 random characters.
    #[serde(default)]
    #[schema(read_only, value_type = String, example = "rXb2c9TgWm4LqKzP0sYvD7hJ1nEaUf8o3iRtGk5xQwZyBdCl")]
    client_id: ReadOnly<String>,
    #[serde(default)]
    #[schema(read_only, value_type = String, example = "Nightly")]
    user_id: ReadOnly<String>,
    /// What its tokens are good for: `ClientId/UserId`, the first being the account.
    #[serde(default)]
    #[schema(read_only, value_type = String, example = "ACME_CORP/Nightly")]
    scope: ReadOnly<String>,
    /// false: its tokens end at once, and it gets none.
    is_active: bool,
    #[serde(default)]
    #[schema(read_only, value_type = String, format = DateTime, example = "2026-11-24T02:00:00Z")]
    created: ReadOnly<Moment>,
    /// Its valid secrets, at most two, the newest last; what they are is kept nowhere.
    #[serde(default)]
    #[schema(read_only, value_type = Vec<ListedSecret>)]
    secrets: ReadOnly<Vec<ListedSecret>>,
    /// What it signs assertions with in place of a secret, the newest last; of those at most two have not expired.
    #[serde(default)]
    #[schema(read_only, value_type = Vec<ListedCertificate>)]
    certificates: ReadOnly<Vec<ListedCertificate>>,
}

/// When a secret was made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedSecret {
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-24T02:00:00Z")]
    created: Option<Moment>,
}

/// The clients of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedClients {
    o_auth_clients: Vec<ListedClient>,
}

/// For whom a client is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"UserId": "Nightly"}))]
pub(crate) struct NewClient {
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    user_id: String,
}

/// A secret that was just made: shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShownSecret<'s> {
    /// 48 characters.
    client_id: &'s str,
    /// 64 characters.
    client_secret: &'s str,
    #[schema(example = "ACME_CORP/Nightly")]
    scope: String,
}

fn listed(account: &str, client: &OAuthClient) -> ListedClient {
    ListedClient {
        client_id: ReadOnly(Some(client.client_id.clone())),
        user_id: ReadOnly(Some(client.user_id.clone())),
        scope: ReadOnly(Some(scope(account, client))),
        is_active: client.is_active,
        created: ReadOnly(Some(client.created)),
        secrets: ReadOnly(Some(client.secrets.iter().map(|s| ListedSecret { created: s.created }).collect())),
        certificates: ReadOnly(Some(client.certificates.iter().map(ListedCertificate::from).collect())),
    }
}

fn scope(account: &str, client: &OAuthClient) -> String {
    format!("{account}/{}", client.user_id)
}

fn shown<'s>(account: &str, made: &'s NewSecret) -> (HeaderValue, Json<ShownSecret<'s>>) {
    let scope = scope(account, &made.client);
    let shown = ShownSecret { client_id: &made.client.client_id, client_secret: made.secret.reveal(), scope };
    (HeaderValue::from_static("no-store"), Json(shown))
}

/// `{oauthClientId}` of the path.
pub(crate) struct ClientOfPath(pub(super) String);

impl<S: Sync> FromRequestParts<S> for ClientOfPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "oauthClientId").await?.unwrap_or_default()))
    }
}

/// List the OAuth clients
///
/// Without their secrets, which are kept as hashes only.
#[utoipa::path(
    get, path = "/{clientId}/OAuthClients", tag = "Configuration", operation_id = "listOAuthClients",
    params(
        ("clientId" = String, Path),
        ("userId" = Option<String>, Query, description = "Those of this user alone", example = "Nightly"),
    ),
    responses((status = 200, description = "The clients, by their id", body = ListedClients)),
)]
pub(crate) async fn list_oauth_clients(
    permit: Permit<ViewUsers>,
    query: Query,
) -> Result<Json<ListedClients>, ApiError> {
    let of = query.get("userId").map(fold);
    let clients = permit.clients()?.into_iter().filter(|c| of.as_ref().is_none_or(|of| *of == fold(&c.user_id)));
    let name = &permit.account().name;
    Ok(Json(ListedClients { o_auth_clients: clients.map(|client| listed(name, &client)).collect() }))
}

/// Read an OAuth client
#[utoipa::path(
    get, path = "/{clientId}/OAuthClients/{oauthClientId}", tag = "Configuration", operation_id = "readOAuthClient",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, description = "The client, without its secrets", body = ListedClient, headers(("ETag" = String))),
        (status = 304, description = "It still reads the same"),
    ),
)]
pub(crate) async fn read_oauth_client(
    permit: Permit<ViewUsers>,
    ClientOfPath(id): ClientOfPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let client = permit.clients()?.into_iter().find(|client| client.client_id == id);
    let client = client.ok_or_else(|| ApiError::unknown("OAuth client", &id))?;
    Ok(answer(&headers, &to_value(&listed(&permit.account().name, &client))))
}

/// Make an OAuth client for a user
///
/// Its secret is in this answer and never shown again. Nobody makes one for a user who may do more than they.
#[utoipa::path(
    post, path = "/{clientId}/OAuthClients", tag = "Configuration", operation_id = "createOAuthClient",
    params(("clientId" = String, Path)),
    request_body = NewClient,
    responses((status = 201, description = "The client with its secret", body = ShownSecret,
        headers(("Location" = String), ("Cache-Control" = String, description = "no-store")))),
)]
pub(crate) async fn create_oauth_client(permit: Permit<EditUsers>, request: Request) -> Result<Response, ApiError> {
    let base = account_path(&request);
    let (parts, sent) = request.into_parts();
    let Object(NewClient { user_id }) = read_json(&body(&permit, &parts.headers, sent).await?)?;
    let made = permit.create_client(user_id).await?;
    let location = own_header(&format!("{base}/OAuthClients/{}", made.client.client_id));
    let (no_store, shown) = shown(&permit.account().name, &made);
    Ok((StatusCode::CREATED, [(LOCATION, location), (CACHE_CONTROL, no_store)], shown).into_response())
}

/// Give an OAuth client another secret
///
/// The former one stays good until the next rotation, unless `keepFormer=false`; of two former ones the older ends.
#[utoipa::path(
    post, path = "/{clientId}/OAuthClients/{oauthClientId}/Rotate", tag = "Configuration", operation_id = "rotateOAuthClient",
    params(
        ("clientId" = String, Path), ("oauthClientId" = String, Path),
        ("keepFormer" = Option<bool>, Query, description = "false: former secrets end at once", example = true),
    ),
    responses((status = 200, description = "The client with its new secret", body = ShownSecret,
        headers(("Cache-Control" = String, description = "no-store")))),
)]
pub(crate) async fn rotate_oauth_client(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
    query: Query,
) -> Result<Response, ApiError> {
    let keep_former = query.flag("keepFormer", true)?;
    let rotate = move |clients: &mut Clients<'_, '_>, id: &str, ()| clients.rotate(id, keep_former);
    let made = permit.change_client(id, false, |_| Ok(()), rotate).await?;
    let (no_store, shown) = shown(&permit.account().name, &made);
    Ok(([(CACHE_CONTROL, no_store)], shown).into_response())
}

/// Change an OAuth client
///
/// By a JSON Patch (RFC 6902) of what GET shows; only IsActive can be changed. Switched off, its tokens end at once.
#[utoipa::path(
    patch, path = "/{clientId}/OAuthClients/{oauthClientId}", tag = "Configuration", operation_id = "patchOAuthClient",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = JsonPatch, content_type = "application/json-patch+json"),
    responses(
        (status = 200, description = "As it is now", body = ListedClient, headers(("ETag" = String))),
        (status = 409, description = "A test failed"),
    ),
)]
pub(crate) async fn patch_oauth_client(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, sent) = request.into_parts();
    let patch = parse_patch(&body(&permit, &parts.headers, sent).await?)?;
    let name = permit.account().name.clone();
    let change = move |client: &OAuthClient| {
        let mut document: Value = to_value(&listed(&name, client));
        meets(&parts.headers, Some(&etag(&bytes_of(&document))))?;
        patch.apply(&mut document)?;
        let Object(wire) = serde_path_to_error::deserialize::<_, Object<ListedClient>>(document).map_err(unreadable)?;
        Ok(wire.is_active)
    };
    let client =
        permit.change_client(id, false, change, |clients, id, is_active| clients.switch(id, is_active)).await?;
    Ok(saved(&to_value(&listed(&permit.account().name, &client))))
}

/// Remove an OAuth client
///
/// Its secrets and its tokens end at once.
#[utoipa::path(
    delete, path = "/{clientId}/OAuthClients/{oauthClientId}", tag = "Configuration", operation_id = "deleteOAuthClient",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path)),
    responses((status = 204, description = "It was removed")),
)]
pub(crate) async fn delete_oauth_client(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
) -> Result<StatusCode, ApiError> {
    permit.change_client(id, true, |_| Ok(()), |clients, id, ()| clients.revoke(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End the tokens of an OAuth client
///
/// All that it was given so far; it may ask for others.
#[utoipa::path(
    delete, path = "/{clientId}/OAuthClients/{oauthClientId}/Tokens", tag = "Configuration", operation_id = "deleteOAuthClientTokens",
    params(("clientId" = String, Path), ("oauthClientId" = String, Path)),
    responses((status = 204, description = "They are ended")),
)]
pub(crate) async fn delete_oauth_client_tokens(
    permit: Permit<EditUsers>,
    ClientOfPath(id): ClientOfPath,
) -> Result<StatusCode, ApiError> {
    permit.change_client(id, true, |_| Ok(()), |clients, id, ()| clients.end_tokens(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
