//! Program groups with what stands in them, chosen by type or by custom property (configuration.md: by type, `IncludeMatching`/`IncludeAll`).

use axum::response::Response;
use hyper::HeaderMap;
use sayso_model::id::fold;

use super::{
    calls::{answer_list, to_value},
    programs::{ConfiguredFilter, ConfiguredProgram, ConfiguredProgramGroup, Filters, ProgramGroups, Programs},
    resource::{InList, Resource},
    wire::{CustomProperty, ReadOnly},
};
use crate::{
    access::{Permit, ViewConfiguration},
    error::ApiError,
    http::{path::path_value, query::Query},
};

/// Program groups, each with the groups, programs and filters in it.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described, never made
pub(crate) struct ProgramGroupList {
    program_groups: Vec<ConfiguredProgramGroup>,
}

/// `{type}` of the path.
pub(crate) struct GroupType(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for GroupType {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut hyper::http::request::Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, "type").await?.unwrap_or_default()))
    }
}

/// List the program groups of a type
///
/// Wherever they stand, each with what stands in it.
#[utoipa::path(
    get, path = "/{clientId}/ProgramGroups/Type/{type}", tag = "Configuration", operation_id = "listProgramGroupsByType",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("type" = String, Path, description = "The type, in any letter case", example = "Brand"),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "The groups; none when no group is of this type", body = ProgramGroupList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_program_groups_by_type(
    permit: Permit<ViewConfiguration>,
    GroupType(wanted): GroupType,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = permit.account();
    let groups = account.config.source.program_groups.iter();
    let of_type = groups.filter(|g| g.group_type.as_deref().is_some_and(|t| fold(t) == fold(&wanted)));
    let items = of_type.map(|g| to_value(&ProgramGroups::show_item(g, account))).collect();
    Ok(answer_list(account, &query, &headers, "ProgramGroups", items))
}

/// Programs, each with its filters.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described, never made
pub(crate) struct ProgramList {
    programs: Vec<ConfiguredProgram>,
}

/// Filters.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described, never made
pub(crate) struct FilterList {
    filters: Vec<ConfiguredFilter>,
}

/// List the programs in groups of a type
///
/// A program has no type of its own: it is of the type of the group that it stands in.
#[utoipa::path(
    get, path = "/{clientId}/Programs/Type/{type}", tag = "Configuration", operation_id = "listProgramsByType",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("type" = String, Path, description = "The type of their group, in any letter case", example = "Brand"),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "The programs; none when no group is of this type", body = ProgramList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_programs_by_type(
    permit: Permit<ViewConfiguration>,
    GroupType(wanted): GroupType,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = permit.account();
    let c = &account.config.source;
    let of_type = |id: &str| {
        let group = c.program_groups.iter().find(|g| fold(&g.id) == fold(id));
        group.and_then(|g| g.group_type.as_deref()).is_some_and(|t| fold(t) == fold(&wanted))
    };
    let programs = c.programs.iter().filter(|p| p.program_group_id.as_deref().is_some_and(of_type));
    let items = programs.filter_map(|p| Some(to_value(&Programs::show(account, &p.id)?))).collect();
    Ok(answer_list(account, &query, &headers, "Programs", items))
}

/// List the filters of a channel
///
/// A filter's type is its channel.
#[utoipa::path(
    get, path = "/{clientId}/Filters/Type/{type}", tag = "Configuration", operation_id = "listFiltersByType",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("type" = String, Path, description = "Phone, Text, Email, Mail, Fax or Solicit, in any letter case", example = "Email"),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "The filters; none when no filter is of this channel", body = FilterList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_filters_by_type(
    permit: Permit<ViewConfiguration>,
    GroupType(wanted): GroupType,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = permit.account();
    let filters = account.config.source.programs.iter().flat_map(|p| &p.filters);
    let of_channel = filters.filter(|f| f.channel_id.word().eq_ignore_ascii_case(&wanted));
    let items = of_channel.filter_map(|f| Some(to_value(&Filters::show(account, &f.id)?))).collect();
    Ok(answer_list(account, &query, &headers, "Filters", items))
}

/// List what has a custom property
///
/// Of each group the groups, programs and filters that have the property, and those in which something has it; everything else is left
/// out.
#[utoipa::path(
    get, path = "/{clientId}/ProgramGroups/IncludeMatching", tag = "Configuration", operation_id = "listProgramGroupsWithMatching",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("propertyName" = String, Query, min_length = 1, description = "The property, in any letter case", example = "Owner"),
        ("propertyValue" = Option<String>, Query, description = "Its value, in any letter case; any when left out", example = "Press"),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "What has the property, in its groups", body = ProgramGroupList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_program_groups_with_matching(
    permit: Permit<ViewConfiguration>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    choose(&permit, &query, &headers, |group, wanted| keep_matching(group, wanted))
}

/// List the groups in which something has a custom property
///
/// Each whole, with everything that stands in it.
#[utoipa::path(
    get, path = "/{clientId}/ProgramGroups/IncludeAll", tag = "Configuration", operation_id = "listProgramGroupsWithAll",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("propertyName" = String, Query, min_length = 1, description = "The property, in any letter case", example = "Owner"),
        ("propertyValue" = Option<String>, Query, description = "Its value, in any letter case; any when left out", example = "Press"),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "The groups in which something has the property", body = ProgramGroupList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_program_groups_with_all(
    permit: Permit<ViewConfiguration>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    choose(&permit, &query, &headers, |group, wanted| any_matches(group, wanted))
}

type Wanted<'a> = &'a dyn Fn(&CustomProperty) -> bool;

/// The groups that stand by themselves and are kept, as they are left.
fn choose(
    permit: &Permit<ViewConfiguration>,
    query: &Query,
    headers: &HeaderMap,
    keep: impl Fn(&mut ConfiguredProgramGroup, Wanted<'_>) -> bool,
) -> Result<Response, ApiError> {
    let name = fold(query.required("propertyName")?);
    let value = query.get("propertyValue").map(fold);
    let wanted = |p: &CustomProperty| fold(&p.name) == name && value.as_ref().is_none_or(|v| fold(&p.value) == *v);
    let account = permit.account();
    let mut groups: Vec<ConfiguredProgramGroup> = ProgramGroups::listed(&account.config.source)
        .into_iter()
        .filter_map(|name| ProgramGroups::show(account, name))
        .collect();
    groups.retain_mut(|group| keep(group, &wanted));
    let items = groups.iter().map(to_value).collect();
    Ok(answer_list(account, query, headers, "ProgramGroups", items))
}

fn in_group<T>(list: &mut ReadOnly<Vec<T>>) -> &mut Vec<T> {
    list.0.get_or_insert_default()
}

/// Leaves of a group what matches, and says whether that is anything.
fn keep_matching(group: &mut ConfiguredProgramGroup, wanted: Wanted<'_>) -> bool {
    in_group(&mut group.program_groups).retain_mut(|inner| keep_matching(inner, wanted));
    in_group(&mut group.programs).retain_mut(|program: &mut ConfiguredProgram| {
        program.filters.retain(|filter| filter.has(wanted));
        program.has(wanted) || !program.filters.is_empty()
    });
    group.has(wanted) || !in_group(&mut group.program_groups).is_empty() || !in_group(&mut group.programs).is_empty()
}

fn any_matches(group: &mut ConfiguredProgramGroup, wanted: Wanted<'_>) -> bool {
    group.has(wanted)
        || in_group(&mut group.programs).iter().any(|p| p.has(wanted) || p.filters.iter().any(|f| f.has(wanted)))
        || in_group(&mut group.program_groups).iter_mut().any(|inner| any_matches(inner, wanted))
}
