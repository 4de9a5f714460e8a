//! The audit trail over HTTP. A record goes out as the bytes that it is kept as, since its hash is that of its bytes.

use std::num::NonZeroU64;

use axum::response::{IntoResponse, Response};
use sayso_model::moment::{Moment, parse_date_time};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    access::Auditing,
    error::ApiError,
    http::{answer::Json, query::Query},
};

/// The most records of one answer.
const MOST: NonZeroU64 = NonZeroU64::new(1000).expect("1000 isn't 0");

/// A part of the audit trail, ascending by Sequence.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AuditAnswer {
    /// Records in the range of time.
    #[schema(example = 1)]
    total_count: u64,
    #[schema(value_type = Vec<AuditRecord>)]
    records: Vec<Box<RawValue>>,
}

/// What happened once, or several times with `Count`. Members that say nothing are left out.
// for the document: the store writes its bytes
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)]
pub(crate) struct AuditRecord {
    /// From 1, without a gap.
    #[schema(example = 42)]
    sequence: u64,
    /// Never before the record that it follows.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T10:00:00.000Z")]
    moment: Moment,
    /// What the clock said, where that is a second or more before Moment: it was set back, or the record waited.
    #[schema(value_type = String, format = DateTime, required = false, nullable = false, example = "2026-11-24T09:59:30.000Z")]
    clock: Option<Moment>,
    /// The account.
    #[schema(required, example = "ACME_CORP")]
    client_id: String,
    /// What was done.
    #[schema(example = "ExportPagesRead")]
    action: String,
    /// Who did it.
    #[schema(nullable = false, example = "Nightly")]
    user_id: Option<String>,
    /// `OAuthClient`, `SharedKey`, `CommandLine`, `Program` or `None`.
    #[schema(example = "OAuthClient")]
    credential: String,
    /// Whose process a command was, as the system of the machine calls them.
    #[schema(nullable = false, example = "sayso")]
    system_user: Option<String>,
    /// Who became that user by `sudo`, as the environment says.
    #[schema(nullable = false, example = "john")]
    sudo_user: Option<String>,
    #[schema(rename = "OAuthClientId", nullable = false, example = "rXb2c9TgWm4LqKzP0sYvD7hJ1nEaUf8o3iRtGk5xQwZyBdCl")]
    o_auth_client_id: Option<String>,
    /// The address that the call came from.
    #[schema(nullable = false, example = "192.0.2.7")]
    peer: Option<String>,
    #[schema(nullable = false, example = "GET")]
    method: Option<String>,
    /// The route's template; what stood in its places isn't kept.
    #[schema(nullable = false, example = "/Async/{clientId}/Export/{accessToken}")]
    route: Option<String>,
    /// Of a refused call.
    #[schema(nullable = false, example = 403)]
    status: Option<u16>,
    /// What it was about: its kind and, in quotes, its name.
    #[schema(nullable = false, example = "segment \"Newsletter\"")]
    subject: Option<String>,
    /// The export.
    #[schema(nullable = false, example = 4503599627370497_u64)]
    access_token: Option<u64>,
    /// Records of the export, in it or given out.
    #[schema(nullable = false, example = 1000)]
    rows: Option<u64>,
    /// Their bytes, before compression.
    #[schema(nullable = false, example = 512000)]
    bytes: Option<u64>,
    /// How often, when it is told once for several times.
    #[schema(nullable = false, example = 3)]
    count: Option<u64>,
    /// Names stand in quotes. Of a change of the configuration a digest of each new definition, and what decides over access; however long
    /// that is, it is told, if need be in several records.
    #[schema(nullable = false, example = "added \"Paula\" as 0f3c5e0c8e1f2a3b (active in \"Lookers\")")]
    detail: Option<String>,
    /// The same as in the log.
    #[schema(nullable = false, example = "nightly-20261124")]
    correlation_id: Option<String>,
    /// The Hash of the record before; zeros in the first.
    #[schema(example = "0000000000000000000000000000000000000000000000000000000000000000")]
    previous_hash: String,
    /// SHA-256 of the record's bytes without this member.
    #[schema(example = "4b825dc642cb6eb9a060e54bf8d69288fbee4904b825dc642cb6eb9a060e54bf")]
    hash: String,
}

/// Read the audit trail
///
/// Who exported what, who changed access or configuration, who was refused; for administrators. Records are in the order of their Sequence;
/// each has the hash of the one before it. Nothing is ever removed from it.
#[utoipa::path(
    get, path = "/{clientId}/Audit", tag = "Configuration", operation_id = "readAudit",
    params(
        ("clientId" = String, Path),
        ("limit" = Option<u64>, Query, description = "The most records to give, 1 to 1000", example = 100, minimum = 1, maximum = 1000),
        ("offset" = Option<u64>, Query, description = "The first of them, from 1 on", example = 1, minimum = 1),
        ("from" = Option<String>, Query, description = "Those of this moment and later", pattern = "{date-time}", example = "2026-11-24T00:00:00Z"),
        ("to" = Option<String>, Query, description = "Those before this moment", pattern = "{date-time}", example = "2026-11-25T00:00:00Z"),
    ),
    responses((status = 200, description = "The records", body = AuditAnswer)),
)]
pub(crate) async fn read_audit(permit: Auditing, query: Query) -> Result<Response, ApiError> {
    let limit = query.number_to("limit", MOST, MOST, "an integer from 1 to 1000")?;
    let offset = query.number("offset", NonZeroU64::MIN)?;
    let times = (moment(&query, "from")?, moment(&query, "to")?);
    let page = permit.page(times, limit.get(), offset.get() - 1).await?;
    let records = page.lines.into_iter().map(RawValue::from_string).collect::<Result<_, _>>();
    let records = records.map_err(|e| {
        ApiError::Internal(format!("a record of the audit trail is damaged ({e}); run `sayso audit verify`"))
    })?;
    Ok(Json(AuditAnswer { total_count: page.total, records }).into_response())
}

fn moment(query: &Query, name: &'static str) -> Result<Option<Moment>, ApiError> {
    let read = |text: &str| {
        let accepted = "a date and time such as 2026-11-24T10:00:00Z";
        parse_date_time(text).map_err(|_| ApiError::parameter(name, text, accepted))
    };
    query.get(name).map(read).transpose()
}
