//! The members of a group, by way of the profile that is primary in it (profile.md, Data API).

use axum::response::Response;
use sayso_model::{
    config::TypeKind,
    id::fold,
    refusal::{Refusal, shown},
};
use sayso_store::{
    profiles::{Key, ReadyRow, Target},
    search::By,
};

use super::{
    alternate::AlternateId,
    answer,
    search::{FoundProfiles, given, not_configured, rows, search},
};
use crate::{
    access::{Permit, ViewProfiles},
    error::ApiError,
    http::{query::Query, stack::ErrorBody},
};

/// The members of a group
///
/// All of them, the primary profile among them. It is named by exactly one of profileId, alternateId with alternateIdType, emailAddress and
/// phoneNumber, and must be primary in the group.
#[utoipa::path(
    get, path = "/{clientId}/Profile/Group", tag = "Search", operation_id = "readGroup",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("groupType" = String, Query, description = "The type of the group", example = "Household"),
        ("groupName" = String, Query, description = "The name of the group, in any letter case", example = "Smith"),
        ("profileId" = Option<u64>, Query, description = "The primary profile", example = 1042),
        ("alternateId" = Option<String>, Query, description = "An alternate id of it", example = "C-1001"),
        ("alternateIdType" = Option<String>, Query, description = "The type of that", example = "CRM"),
        ("emailAddress" = Option<String>, Query, description = "An email address of it", example = "ada@example.org"),
        ("phoneNumber" = Option<String>, Query, description = "A phone number of it", example = "+1 404 555 0123"),
        ("implied" = Option<bool>, Query, description = "false leaves implied preferences out", example = true),
        ("includeConsentHistory" = Option<bool>, Query, description = "false leaves former consents out", example = true),
        ("includeInactive" = Option<bool>, Query, description = "true finds deactivated profiles too", example = false),
    ),
    responses(
        (status = 200, description = "The profiles, ascending by ProfileId; none is an empty list", body = FoundProfiles),
        (status = 403, description = "More than 50 profiles match, or they have more than 64 MiB, or the permission Profiles (View) is missing", body = ErrorBody,
            example = json!({"Message": "more than 50 profiles match; narrow the search"})),
    ),
)]
pub(crate) async fn read_group(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let (kind, name) = (query.required("groupType")?, query.required("groupName")?.to_owned());
    let config = permit.config();
    let def = config.type_def(TypeKind::Group, kind).ok_or_else(|| not_configured("groupType", "group type", kind))?;
    let kind = def.type_name.clone();

    let (selector, candidates) = candidates(&permit, &query).await?;
    let is_primary = |row: &ReadyRow| -> Result<bool, ApiError> {
        let groups = row.kept()?.profile.groups;
        let is = |had: &str, wanted: &str| fold(had) == fold(wanted);
        Ok(groups.iter().any(|g| g.is_primary && is(&g.group_type, &kind) && is(&g.group_name, &name)))
    };
    let mut has_primary = false;
    for row in &candidates {
        has_primary |= is_primary(row)?;
    }
    if !has_primary {
        let why = match candidates.first() {
            Some(row) => format!("profile {} isn't the primary profile of the {kind} {}", row.id, shown(&name)),
            None => format!("no profile has {}", shown(query.get(selector).unwrap_or_default())),
        };
        return Err(Refusal::unknown(selector, why).into());
    }
    search(&permit, &query, By::Key(Key::Group { kind, name })).await
}

/// The profiles that the one selector names, with its name.
async fn candidates(permit: &Permit<ViewProfiles>, query: &Query) -> Result<(&'static str, Vec<ReadyRow>), ApiError> {
    const SELECTORS: [&str; 4] = ["profileId", "alternateId", "emailAddress", "phoneNumber"];
    let mut asked = SELECTORS.into_iter().filter_map(|name| Some((name, given(query, name)?)));
    let (Some((selector, value)), None) = (asked.next(), asked.next()) else {
        let why = format!("exactly one of {} names the primary profile", SELECTORS.join(", "));
        return Err(Refusal::invalid("", why).into());
    };
    let by = match selector {
        "profileId" => {
            let target = Target::Id(answer::parse_id(&value)?);
            return Ok((selector, permit.ready(&target, false)?.into_iter().collect()));
        }
        "alternateId" => {
            let kind = query.required("alternateIdType")?.to_owned();
            let AlternateId { kind, id } = AlternateId { kind, id: value }.configured(permit.config())?;
            Key::AlternateId { kind: Some(kind), id }
        }
        "emailAddress" => Key::Email { kind: None, address: value },
        _ => Key::Phone { kind: None, number: value },
    };
    Ok((selector, rows(permit, query, By::Key(by), false).await?))
}
