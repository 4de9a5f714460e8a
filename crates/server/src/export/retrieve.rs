//! Retrieve: one page of an export, as one range of its file.

use std::{num::NonZeroU64, sync::Arc};

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, Method,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY},
};
use sayso_export::page::PageRequest;

use super::SNAPSHOT;
use crate::{
    access::Holding,
    error::ApiError,
    http::{
        answer::{JSON, has_already, not_modified, own_header},
        connection::{Connection, Ending, Wire},
        encoding::takes_gzip,
        pieces::PieceBody,
        query::Query,
    },
    openapi::profile::UserProfilePreference,
};

/// Records of a page when the caller gives no limit (export.md, Retrieve).
const DEFAULT_LIMIT: NonZeroU64 = NonZeroU64::new(1000).expect("1000 is not 0");

/// A page.
// for the document: the engine writes its bytes
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)]
pub(crate) struct PageAnswer {
    /// Records in this page.
    #[schema(example = 1000)]
    count: u64,
    /// Whether records follow this page; the page with false is the last block.
    has_more: bool,
    /// The limit in force.
    #[schema(example = 1000)]
    limit: u64,
    /// The number of the first record, from 1.
    #[schema(example = 1)]
    offset: u64,
    /// Records of the whole export.
    #[schema(example = 204113)]
    total_results: u64,
    /// The profiles, ordered by ProfileId.
    user_profile_preferences: Vec<UserProfilePreference>,
}

/// Retrieve a page
///
/// Records are ordered by ProfileId, the same in every page and every call of one token. When the last block (`HasMore` false) was
/// sent and keepAlive is not true, the export becomes Retrieved and its token ends. HEAD and 304 end nothing.
#[utoipa::path(
    get, path = "/Async/{clientId}/Export/{accessToken}", tag = "Export", operation_id = "exportRetrieve",
    params(
        ("clientId" = String, Path),
        ("accessToken" = u64, Path),
        ("limit" = Option<i64>, Query, description = "Most records of the page, 1000 when left out", minimum = 1, maximum = 9223372036854775807_i64, example = 1000),
        ("offset" = Option<i64>, Query, description = "The number of the first record, from 1", minimum = 1, maximum = 9223372036854775807_i64, example = 1),
        ("keepAlive" = Option<bool>, Query),
        ("If-None-Match" = Option<String>, Header),
    ),
    responses(
        (status = 200, description = "The page", body = PageAnswer, headers(
            ("ETag" = String, description = "Strong, per page"),
            ("Sayso-Snapshot" = String, description = "The moment of the snapshot; the next export's LastDateTime"),
        )),
        (status = 304, description = "The caller has this page already"),
    ),
)]
pub(crate) async fn export_retrieve(
    permit: Holding,
    method: Method,
    query: Query,
    headers: HeaderMap,
    Extension(connection): Extension<Arc<Connection>>,
) -> Result<Response, ApiError> {
    let page = permit.page(asked(&query)?).await?;
    let is_gzip = takes_gzip(&headers);
    let tag = if is_gzip { page.gzip_etag() } else { page.etag.clone() };
    let snapshot = own_header(&page.snapshot.to_string());
    let vary = [(SNAPSHOT, snapshot), (VARY, own_header("Accept-Encoding"))];
    if has_already(&headers, &tag) {
        return Ok((vary, not_modified(own_header(&tag))).into_response());
    }
    if method != Method::HEAD {
        permit.giving(&page).await?;
    }
    let page = match (is_gzip, connection.wire) {
        (true, _) => permit.compressed(page).await?,
        (false, Wire::Plain) => page.into_unread(),
        (false, Wire::Encrypted) => page,
    };
    let etag = own_header(&page.etag);
    let encoding = page.is_gzip().then(|| [(CONTENT_ENCODING, own_header("gzip"))]);
    let ending = page.last_block.map(|last| Box::new(last) as Box<dyn Ending>);
    let body = PieceBody::new(page.body, page.length, ending, connection);
    let headers = [(CONTENT_TYPE, JSON), (CONTENT_LENGTH, page.length.into()), (ETAG, etag)];
    // on HEAD the body is dropped unread, and so is the last block in it: nothing ends
    let mut answer = (headers, vary, Body::new(body)).into_response();
    answer.headers_mut().extend(encoding.into_iter().flatten());
    Ok(answer)
}

/// The page that a query asks for.
pub(crate) fn asked(query: &Query) -> Result<PageRequest, ApiError> {
    Ok(PageRequest {
        limit: query.number("limit", DEFAULT_LIMIT)?,
        offset: query.number("offset", NonZeroU64::MIN)?,
        keep_alive: query.flag("keepAlive", false)?,
    })
}
