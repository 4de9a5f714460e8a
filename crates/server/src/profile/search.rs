//! Searches (profile.md, Data API): by email, phone, name, address, attributes of preferences, custom fields. At most 50 profiles are
//! given; more is a 403, since a caller who goes through people one page at a time wants an export.

use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use sayso_model::{
    config::{Config, CustomFieldKind, TypeKind},
    id::fold,
    moment::{Choice, parse_customer_date},
    refusal::{Refusal, shown},
    segment::{Condition, Criterion, DateTest, Element, FieldKind, FieldLeaf, NumberTest, Test, TextTest, When},
};
use sayso_store::{
    profiles::{Key, ReadyRow},
    search::{Address, By, Name, Search},
};

use super::read::{Shown, json_of};
use crate::{
    access::{Permit, ViewProfiles},
    error::ApiError,
    http::{answer::json_bytes, query::Query, stack::ErrorBody},
    openapi::profile::UserProfilePreference,
};

/// The most profiles that a search gives (profile.md, Data API).
pub(super) const MOST: usize = 50;
/// The most bytes of an answer: fifty of the largest profiles that there may be, as they were written. What is implied on their contacts, and former
/// consents, come on top of that.
const MOST_BYTES: usize = 64 << 20;
/// The most attributes or custom fields that one search may name.
const MOST_NAMED: usize = 50;

/// Profiles that were found.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described; its JSON is put together from ready pieces
pub(crate) struct FoundProfiles {
    user_profile_preferences: Vec<UserProfilePreference>,
}

/// Find profiles by an email address
#[utoipa::path(
    get, path = "/{clientId}/Profile/Email", tag = "Search", operation_id = "searchByEmail",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("emailAddress" = String, Query, description = "An email address, in any letter case", example = "ada@example.org"),
        ("emailType" = Option<String>, Query, description = "Its type; any when left out", example = "Home"),
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
pub(crate) async fn search_by_email(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let address = query.required("emailAddress")?.to_owned();
    let kind = type_of(permit.config(), &query, "emailType", TypeKind::Email)?;
    search(&permit, &query, By::Key(Key::Email { kind, address })).await
}

/// Find profiles by a phone number
#[utoipa::path(
    get, path = "/{clientId}/Profile/Phone", tag = "Search", operation_id = "searchByPhone",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("phoneNumber" = String, Query, description = "A phone number; its digits count", example = "+1 404 555 0123"),
        ("phoneType" = Option<String>, Query, description = "Its type; any when left out", example = "Home"),
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
pub(crate) async fn search_by_phone(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let number = query.required("phoneNumber")?.to_owned();
    let kind = type_of(permit.config(), &query, "phoneType", TypeKind::Phone)?;
    if sayso_model::normal::digits(&number).is_empty() {
        query.flag("includeInactive", false)?;
        return found(&permit, Vec::new(), Shown::of(&query)?); // no number: it must not match others without digits
    }
    search(&permit, &query, By::Key(Key::Phone { kind, number })).await
}

/// Find profiles by a name
///
/// Each part that is given must be the same, in any letter case.
#[utoipa::path(
    get, path = "/{clientId}/Profile/Name", tag = "Search", operation_id = "searchByName",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("lastName" = String, Query, description = "The last name", example = "Smith"),
        ("firstName" = Option<String>, Query, description = "The first name", example = "Ada"),
        ("middleName" = Option<String>, Query, description = "The middle name", example = "Mary"),
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
pub(crate) async fn search_by_name(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let last = query.required("lastName")?.to_owned();
    let name = Name { last, first: given(&query, "firstName"), middle: given(&query, "middleName") };
    search(&permit, &query, By::Name(name)).await
}

/// Find profiles by an address
///
/// One address must have every part that is given, in any letter case. At least one of address1, city, stateProvince and postalCode is
/// needed.
#[utoipa::path(
    get, path = "/{clientId}/Profile/Address", tag = "Search", operation_id = "searchByAddress",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("addressType" = Option<String>, Query, description = "The type of the address; any when left out", example = "Home"),
        ("address1" = Option<String>, Query, description = "The first line", example = "1 Elm St"),
        ("address2" = Option<String>, Query, description = "The second line", example = "Apt 4"),
        ("city" = Option<String>, Query, description = "The city", example = "Macon"),
        ("stateProvince" = Option<String>, Query, description = "The state or province", example = "GA"),
        ("postalCode" = Option<String>, Query, description = "The postal code", example = "31201"),
        ("country" = Option<String>, Query, description = "The country's name or one of its codes", example = "US"),
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
pub(crate) async fn search_by_address(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let address = Address {
        address_type: type_of(permit.config(), &query, "addressType", TypeKind::Address)?,
        address1: given(&query, "address1"),
        address2: given(&query, "address2"),
        city: given(&query, "city"),
        state_province: given(&query, "stateProvince"),
        postal_code: given(&query, "postalCode"),
        country: given(&query, "country"),
    };
    let Address { address1, city, state_province, postal_code, .. } = &address;
    if [address1, city, state_province, postal_code].into_iter().all(Option::is_none) {
        return Err(ApiError::MissingParameter("address1, city, stateProvince or postalCode"));
    }
    search(&permit, &query, By::Address(address)).await
}

/// Find profiles by attributes of a preference
///
/// One preference must have all the attributes, in any letter case: `attributes[0].Key=…&attributes[0].Value=…&attributes[1].Key=…`. An
/// attribute without a value may have any. Up to 50 attributes.
#[utoipa::path(
    get, path = "/{clientId}/Profile/PreferenceAttributes", tag = "Search", operation_id = "searchByPreferenceAttributes",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("attributes[0].Key" = Option<String>, Query, description = "The key of the first attribute", example = "Campaign"),
        ("attributes[0].Value" = Option<String>, Query, description = "Its value; any when left out", example = "Spring"),
        ("attributes[1].Key" = Option<String>, Query, description = "The key of the second, and so on", example = "Origin"),
        ("attributes[1].Value" = Option<String>, Query, description = "Its value", example = "Web"),
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
pub(crate) async fn search_by_preference_attributes(
    permit: Permit<ViewProfiles>,
    query: Query,
) -> Result<Response, ApiError> {
    let attributes = named(&query, "attributes", "Key")?;
    let conditions = attributes
        .iter()
        .map(|(_, key, value)| Condition::Attribute { key: fold(key), value: value.as_deref().map(fold) });
    let criterion = Criterion::Element(Element::Preference, conditions.collect());
    search(&permit, &query, By::Criterion(criterion)).await
}

/// Find profiles by custom fields
///
/// `customFields[0].Name=…&customFields[0].Value=…&customFields[1].Name=…&operator=And`. Numbers and dates are compared as such, text in
/// any letter case, a list of choices by each of them. Up to 50 fields.
#[utoipa::path(
    get, path = "/{clientId}/Profile/CustomFields", tag = "Search", operation_id = "searchByCustomFields",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("customFields[0].Name" = Option<String>, Query, description = "The name of the first field", example = "FavoriteStore"),
        ("customFields[0].Value" = Option<String>, Query, description = "Its value", example = "Macon #3"),
        ("customFields[1].Name" = Option<String>, Query, description = "The name of the second, and so on", example = "Age"),
        ("customFields[1].Value" = Option<String>, Query, description = "Its value", example = "42"),
        ("operator" = Option<String>, Query, description = "`And`: all of them (so when left out); `Or`: any", example = "And"),
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
pub(crate) async fn search_by_custom_fields(permit: Permit<ViewProfiles>, query: Query) -> Result<Response, ApiError> {
    let fields = named(&query, "customFields", "Name")?;
    let leaves = fields.iter().map(|(at, name, value)| {
        let at = format!("customFields[{at}]");
        let missing = || Refusal::invalid(format!("{at}.Value"), "is missing; give the value to look for");
        field(permit.config(), name, value.as_deref().ok_or_else(missing)?, &at)
    });
    let leaves = leaves.collect::<Result<Vec<_>, ApiError>>()?;
    let criterion = match query.get("operator") {
        None => Criterion::All(leaves),
        Some(word) if word.eq_ignore_ascii_case("And") => Criterion::All(leaves),
        Some(word) if word.eq_ignore_ascii_case("Or") => Criterion::Any(leaves),
        Some(word) => return Err(ApiError::parameter("operator", word, "And, Or")),
    };
    search(&permit, &query, By::Criterion(criterion)).await
}

/// The comparison of one custom field with the text of a value, by what the field holds.
fn field(config: &Config, name: &str, value: &str, at: &str) -> Result<Criterion, ApiError> {
    let unknown = || not_configured(&format!("{at}.Name"), "custom field", name);
    let (field, at) = (config.custom_field(name).ok_or_else(unknown)?, format!("{at}.Value"));
    let kind = FieldKind::of(&field.kind);
    let leaf = |test| Criterion::CustomField(FieldLeaf { name: fold(name), kind, test });
    let is = |text: &str| leaf(Test::Text(TextTest::In(vec![fold(text)])));
    let wrong = |accepted: &str| Refusal::invalid(&at, format!("is {}; {} takes {accepted}", shown(value), field.name));
    Ok(match &field.kind {
        CustomFieldKind::Text { .. } => is(value),
        CustomFieldKind::Numeric { .. } => {
            let number = value.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| wrong("a number"))?;
            leaf(Test::Number(NumberTest::In(vec![number])))
        }
        CustomFieldKind::DateTime {} => {
            let date = parse_customer_date(value.trim(), Choice::In).map_err(|_| wrong("a date"))?;
            leaf(Test::Date(DateTest::In(vec![When::At(date)])))
        }
        CustomFieldKind::SelectList { picklist, .. } => {
            let mut choices = Vec::new();
            for choice in value.split("::") {
                if config.choice(picklist, choice).is_none() {
                    return Err(not_configured(&at, "choice of this custom field", choice));
                }
                choices.push(is(choice));
            }
            Criterion::All(choices)
        }
    })
}

/// `list[0].Key=…&list[0].Value=…`: place, name and value of each, ascending by place. An empty value is one that isn't given.
fn named(query: &Query, list: &str, name: &str) -> Result<Vec<(u32, String, Option<String>)>, ApiError> {
    let mut all = std::collections::BTreeMap::<u32, (Option<String>, Option<String>)>::new();
    for (parameter, value) in query.pairs() {
        let Some((start, rest)) = parameter.split_once('[') else { continue };
        if !start.eq_ignore_ascii_case(list) {
            continue;
        }
        let place = rest.split_once("].").and_then(|(place, member)| {
            let digits = !place.is_empty() && place.bytes().all(|b| b.is_ascii_digit());
            Some((place.parse::<u32>().ok().filter(|_| digits)?, member))
        });
        let unknown =
            || Refusal::invalid(parameter, format!("is no parameter; accepted: {list}[0].{name}, {list}[0].Value"));
        let (place, member) = place.ok_or_else(unknown)?;
        let entry = all.entry(place).or_default();
        let of = match member {
            member if member.eq_ignore_ascii_case(name) => &mut entry.0,
            member if member.eq_ignore_ascii_case("Value") => &mut entry.1,
            _ => return Err(unknown().into()),
        };
        if !value.is_empty() {
            of.get_or_insert_with(|| value.to_owned());
        }
    }
    if all.is_empty() {
        return Err(Refusal::invalid(format!("{list}[0].{name}"), "is missing").into());
    }
    if all.len() > MOST_NAMED {
        return Err(Refusal::invalid(list, format!("{} are given; at most {MOST_NAMED} are taken", all.len())).into());
    }
    let complete = all.into_iter().map(|(place, (found, value))| match found {
        Some(found) => Ok((place, found, value)),
        None => Err(Refusal::invalid(format!("{list}[{place}].{name}"), "is missing").into()),
    });
    complete.collect()
}

/// A parameter that has something in it.
pub(super) fn given(query: &Query, name: &str) -> Option<String> {
    query.get(name).filter(|value| !value.trim().is_empty()).map(str::to_owned)
}

/// A type as configured, if one is named; 404 for another.
fn type_of(config: &Config, query: &Query, name: &str, kind: TypeKind) -> Result<Option<String>, ApiError> {
    let Some(asked) = given(query, name) else { return Ok(None) };
    match config.type_def(kind, &asked) {
        Some(found) => Ok(Some(found.type_name.clone())),
        None => Err(not_configured(name, config.types(kind).0, &asked)),
    }
}

/// 404 for a parameter that names what the account hasn't got.
pub(super) fn not_configured(parameter: &str, kind: &str, name: &str) -> ApiError {
    Refusal::unknown(parameter, format!("there is no {kind} {} in this account", shown(name))).into()
}

/// Searches, and answers what was found.
pub(super) async fn search(permit: &Permit<ViewProfiles>, query: &Query, by: By) -> Result<Response, ApiError> {
    let shown = Shown::of(query)?;
    let rows = rows(permit, query, by, shown.consent_history).await?;
    found(permit, rows, shown)
}

/// What is searched for; 403 when it is too much.
pub(super) async fn rows(
    permit: &Permit<ViewProfiles>,
    query: &Query,
    by: By,
    consent_history: bool,
) -> Result<Vec<ReadyRow>, ApiError> {
    let search = Search { by, include_inactive: query.flag("includeInactive", false)?, consent_history };
    permit.search(search, MOST).await?.ok_or(ApiError::TooManyMatches)
}

/// The answer of a search.
fn found(permit: &Permit<ViewProfiles>, rows: Vec<ReadyRow>, shown: Shown) -> Result<Response, ApiError> {
    let mut json = b"{\"UserProfilePreferences\":[".to_vec();
    for (i, row) in rows.into_iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        json.extend(json_of(permit, row, shown)?);
        if json.len() > MOST_BYTES {
            return Err(ApiError::AnswerTooLarge);
        }
    }
    json.extend_from_slice(b"]}");
    Ok(json_bytes(Bytes::from(json)).into_response())
}
