//! The five histories of a profile (profile.md, Data API): what its values were before they changed, by whom and when.

use std::num::NonZeroU64;

use axum::response::Response;
use hyper::http::request::Parts;
use sayso_model::{change::HistoryKind, moment::Moment};
use sayso_store::profiles::{HistoryEntry, Target};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{alternate::AlternateId, answer, by_id::ProfileIdText, place};
use crate::{
    access::{Permit, ViewProfiles},
    error::ApiError,
    http::{answer::Json, path::path_value, query::Query},
};
use axum::response::IntoResponse;

/// The most entries of one answer.
const MOST: NonZeroU64 = NonZeroU64::new(1000).expect("1000 isn't 0");

/// A part of one history, ascending by ModifiedDate.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HistoryAnswer {
    #[schema(example = 1042)]
    profile_id: u64,
    /// Entries of the whole history.
    #[schema(example = 1)]
    total_count: u64,
    history: Vec<HistoryItem>,
}

/// A former value.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HistoryItem {
    /// When it ceased to be.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T10:00:00.000Z")]
    modified_date: Moment,
    /// Who changed it.
    #[schema(example = "Nightly")]
    user_id: String,
    /// The user's source group.
    source_id: Option<String>,
    /// Preferences: `Place` and `Preference`. Consents: `Place` and `Consent`. CustomFields: `Name` and `Value`. StandardFields: the changed
    /// members. Contacts: one of `Emails`, `PhoneNumbers` and `Addresses`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    value: Map<String, Value>,
}

impl From<HistoryEntry> for HistoryItem {
    fn from(entry: HistoryEntry) -> Self {
        let mut value = match entry.value {
            Value::Object(value) => value,
            _ => Map::new(),
        };
        if let Some(kept) = value.get_mut("Place") {
            *kept = serde_json::to_value(place::on_the_wire(kept)).unwrap_or_default();
        }
        let (user_id, source_id) = (entry.author.user_id, entry.author.source_id);
        Self { modified_date: entry.when, user_id, source_id, value }
    }
}

/// `{kind}` of the path.
pub(crate) struct Kind(HistoryKind);

impl<S: Sync> axum::extract::FromRequestParts<S> for Kind {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        use HistoryKind::{Consents, Contacts, CustomFields, Preferences, StandardFields};
        let name = path_value(parts, "kind").await?.unwrap_or_default();
        let all = [
            ("Preferences", Preferences),
            ("Consents", Consents),
            ("CustomFields", CustomFields),
            ("StandardFields", StandardFields),
            ("Contacts", Contacts),
        ];
        let kind = all.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(&name));
        kind.map(|(_, kind)| Self(kind)).ok_or_else(|| ApiError::unknown("history of the kind", &name))
    }
}

/// A history of a profile
///
/// What the values were before they changed, ascending by when they did.
#[utoipa::path(
    get, path = "/{clientId}/Profile/{profileId}/History/{kind}", tag = "Profiles", operation_id = "readHistory",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("profileId" = String, Path, description = "The profile", example = "1042"),
        ("kind" = String, Path, description = "Preferences, Consents, CustomFields, StandardFields or Contacts", example = "Preferences"),
        ("limit" = Option<u64>, Query, description = "The most entries to give, 1 to 1000", example = 100, minimum = 1, maximum = 1000),
        ("offset" = Option<u64>, Query, description = "The first of them, from 1 on", example = 1, minimum = 1),
    ),
    responses((status = 200, description = "The former values", body = HistoryAnswer)),
)]
pub(crate) async fn read_history(
    permit: Permit<ViewProfiles>,
    ProfileIdText(text): ProfileIdText,
    Kind(kind): Kind,
    query: Query,
) -> Result<Response, ApiError> {
    let target = Target::Id(answer::parse_id(&text)?);
    history(&permit, target, ApiError::unknown("profile", &text), kind, &query).await
}

/// A history of a profile, by an alternate id
#[utoipa::path(
    get, path = "/{clientId}/Profile/AlternateId/History/{kind}", tag = "Profiles", operation_id = "readHistoryByAlternateId",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("kind" = String, Path, description = "Preferences, Consents, CustomFields, StandardFields or Contacts", example = "Consents"),
        ("alternateId" = String, Query, description = "The id, in any letter case", example = "C-1001"),
        ("alternateIdType" = String, Query, description = "Its type", example = "CRM"),
        ("limit" = Option<u64>, Query, description = "The most entries to give, 1 to 1000", example = 100, minimum = 1, maximum = 1000),
        ("offset" = Option<u64>, Query, description = "The first of them, from 1 on", example = 1, minimum = 1),
    ),
    responses((status = 200, description = "The former values", body = HistoryAnswer)),
)]
pub(crate) async fn read_history_by_alternate_id(
    permit: Permit<ViewProfiles>,
    alternate: AlternateId,
    Kind(kind): Kind,
    query: Query,
) -> Result<Response, ApiError> {
    let alternate = alternate.configured(permit.config())?;
    let unknown = ApiError::unknown("profile with the alternate id", &alternate.id);
    history(&permit, alternate.target(), unknown, kind, &query).await
}

/// A history of a profile, by an alternate id (older form)
#[utoipa::path(
    get, path = "/{clientId}/Profile/AlternateIdType/{alternateIdType}/AlternateId/{alternateId}/History/{kind}", tag = "Profiles",
    operation_id = "readHistoryByAlternateIdInPath",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("alternateIdType" = String, Path, description = "Its type", example = "CRM"),
        ("alternateId" = String, Path, description = "The id, in any letter case", example = "C-1001"),
        ("kind" = String, Path, description = "Preferences, Consents, CustomFields, StandardFields or Contacts", example = "Contacts"),
        ("limit" = Option<u64>, Query, description = "The most entries to give, 1 to 1000", example = 100, minimum = 1, maximum = 1000),
        ("offset" = Option<u64>, Query, description = "The first of them, from 1 on", example = 1, minimum = 1),
    ),
    responses((status = 200, description = "The former values", body = HistoryAnswer)),
)]
pub(crate) async fn read_history_by_alternate_id_in_path(
    permit: Permit<ViewProfiles>,
    alternate: AlternateId,
    kind: Kind,
    query: Query,
) -> Result<Response, ApiError> {
    read_history_by_alternate_id(permit, alternate, kind, query).await
}

async fn history(
    permit: &Permit<ViewProfiles>,
    target: Target,
    unknown: ApiError,
    kind: HistoryKind,
    query: &Query,
) -> Result<Response, ApiError> {
    let limit = query.number_to("limit", MOST, MOST, "an integer from 1 to 1000")?.get();
    let offset = query.number("offset", NonZeroU64::MIN)?.get();
    let (id, page) = permit.history(target, kind, offset - 1, limit).await?.ok_or(unknown)?;
    let history = page.entries.into_iter().map(HistoryItem::from).collect();
    Ok(Json(HistoryAnswer { profile_id: id.0, total_count: page.total, history }).into_response())
}
