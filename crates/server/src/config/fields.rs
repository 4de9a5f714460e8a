//! Custom fields of four kinds, and picklists.

use axum::response::Response;
use hyper::HeaderMap;
use sayso_model::{
    config::{self as model, Configuration, CustomFieldKind, Kind},
    profile::EditInfo,
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    calls::{answer_list, find, to_value},
    describe::Calls,
    resource::{InList, Resource, Words},
    wire::{ReadOnly, edited, number, whole, yes},
};
use crate::{
    access::{App, Caller, EditConfiguration, Permit, ViewConfiguration},
    error::ApiError,
    http::query::Query,
};

/// When a new value may take the place of the one there.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub(crate) enum UpdateRule {
    #[default]
    Always,
    /// Only while there is none.
    IfCurrentBlank,
    /// Never by nothing.
    IfNewNotBlank,
    /// The first value stays.
    Never,
}

impl From<model::UpdateRule> for UpdateRule {
    fn from(rule: model::UpdateRule) -> Self {
        match rule {
            model::UpdateRule::Always => Self::Always,
            model::UpdateRule::IfCurrentBlank => Self::IfCurrentBlank,
            model::UpdateRule::IfNewNotBlank => Self::IfNewNotBlank,
            model::UpdateRule::Never => Self::Never,
        }
    }
}

impl From<UpdateRule> for model::UpdateRule {
    fn from(rule: UpdateRule) -> Self {
        match rule {
            UpdateRule::Always => Self::Always,
            UpdateRule::IfCurrentBlank => Self::IfCurrentBlank,
            UpdateRule::IfNewNotBlank => Self::IfNewNotBlank,
            UpdateRule::Never => Self::Never,
        }
    }
}

/// A kind of custom field: its form on the wire, and what it holds beside what all have.
macro_rules! field {
    (
        $(#[$doc:meta])* $wire:ident, $kind:ident, $variant:ident, $one:literal, $a:literal, $many:literal, $path:literal,
        { $($(#[$member_doc:meta])* $member:ident: $type:ty),* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        pub(crate) struct $wire {
            /// Assigned ascending per account over all kinds of custom fields, never reused.
            #[serde(default)]
            #[schema(read_only, value_type = u64)]
            id: ReadOnly<u64>,
            /// Unique among all custom fields, without regard to case. Once profiles carry it, it stays.
            #[schema(min_length = 1, max_length = 94, pattern = "{name}", example = "Loyalty level")]
            name: String,
            /// Text, Numeric, DateTime or SelectList.
            #[serde(default)]
            #[schema(read_only, value_type = String)]
            field_type: ReadOnly<&'static str>,
            #[serde(default)]
            update_rule: UpdateRule,
            /// false: no longer taken in what is written.
            #[serde(default = "yes")]
            is_active: bool,
            $($(#[$member_doc])* $member: $type,)*
            #[serde(default)]
            #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
            edited: ReadOnly<EditInfo>,
        }

        #[doc = concat!("The account's ", $many, ".")]
        pub(crate) enum $kind {}

        impl InList for $kind {
            const WORDS: Words = Words {
                kind: Kind::CustomFields,
                one: $one,
                a: $a,
                many: $many,
                operation: (stringify!($wire), stringify!($kind)),
                list: "CustomFields",
                name: "Name",
                number: Some("Id"),
                example: "Loyalty level",
                parameter: "id",
                all: $path,
                make: $path,
                at: $path,
                change: $path,
            };
            type View = ViewConfiguration;
            type Edit = EditConfiguration;
            type Wire = $wire;
            type Item = model::CustomField;

            fn list(c: &Configuration) -> &Vec<model::CustomField> {
                &c.custom_fields
            }
            fn list_mut(c: &mut Configuration) -> &mut Vec<model::CustomField> {
                &mut c.custom_fields
            }
            fn item_name(item: &model::CustomField) -> &str {
                &item.name
            }
            fn belongs(item: &model::CustomField) -> bool {
                matches!(item.kind, CustomFieldKind::$variant { .. })
            }
            fn show_item(item: &model::CustomField, account: &Account) -> $wire {
                let entry = account.ledger.entry(Kind::CustomFields, &item.name);
                $(let $member = match &item.kind {
                    CustomFieldKind::$variant { $member, .. } => $member.clone(),
                    _ => Default::default(),
                };)*
                $wire {
                    id: number(entry),
                    name: item.name.clone(),
                    field_type: ReadOnly(Some(stringify!($variant))),
                    update_rule: item.update_rule.into(),
                    is_active: item.is_active,
                    $($member,)*
                    edited: edited(entry),
                }
            }
            fn wire_name(wire: &$wire) -> &str {
                &wire.name
            }
            fn take(wire: $wire, _: Option<&model::CustomField>) -> model::CustomField {
                model::CustomField {
                    name: wire.name,
                    kind: CustomFieldKind::$variant { $($member: wire.$member),* },
                    update_rule: wire.update_rule.into(),
                    is_active: wire.is_active,
                }
            }
            fn within(i: usize) -> Vec<String> {
                let at = format!("CustomFields[{i}].");
                vec![format!("{at}Kind.{}.", stringify!($variant)), at]
            }
        }
    };
}

field! {
    /// A custom field that holds text.
    CustomTextField, CustomTextFields, Text, "text field", "a text field", "text fields", "/CustomField/Text",
    {
        /// Characters at least.
        #[serde(default, deserialize_with = "whole")] #[schema(maximum = 4000, example = 1)] min_length: Option<u32>,
        /// Characters at most; 4000 when left out.
        #[serde(default, deserialize_with = "whole")] #[schema(minimum = 1, maximum = 4000, example = 60)] max_length: Option<u32>,
        /// Matched from end to end.
        regular_expression: Option<String>
    }
}
field! {
    /// A custom field that holds a number.
    CustomNumericField, CustomNumericFields, Numeric, "numeric field", "a numeric field", "numeric fields", "/CustomField/Numeric",
    {
        min: Option<f64>,
        max: Option<f64>,
        /// Any number when left out.
        #[serde(default, deserialize_with = "whole")] #[schema(maximum = 15, example = 2)] decimal_places: Option<u32>
    }
}
field! {
    /// A custom field that holds a date with its time.
    CustomDateTimeField, CustomDateTimeFields, DateTime, "date field", "a date field", "date fields", "/CustomField/DateTime",
    {}
}
field! {
    /// A custom field that holds one or several choices of a picklist.
    CustomSelectListField, CustomSelectListFields, SelectList, "select list field", "a select list field", "select list fields", "/CustomField/SelectList",
    {
        /// The name of the picklist.
        #[schema(min_length = 1, max_length = 100, pattern = "{name}")] picklist: String,
        /// Whether several may be chosen.
        #[serde(default)] multiple: bool
    }
}

/// A closed list of choices.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"Name": "Colours", "Values": ["red", "green"]}))]
pub(crate) struct Picklist {
    /// Assigned ascending per account, never reused.
    #[serde(default)]
    #[schema(read_only, value_type = u64)]
    id: ReadOnly<u64>,
    /// Unique without regard to case.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    name: String,
    /// Each at most 4000 characters, without `::`. Once profiles carry one, it stays.
    values: Vec<String>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// The account's picklists.
pub(crate) enum Picklists {}

impl InList for Picklists {
    const WORDS: Words = Words {
        kind: Kind::Picklists,
        one: "picklist",
        a: "a picklist",
        many: "picklists",
        operation: ("Picklist", "Picklists"),
        list: "Picklist",
        name: "Name",
        number: Some("Id"),
        example: "Colours",
        parameter: "id",
        all: "/Picklist",
        make: "/Picklist",
        at: "/Picklist",
        change: "/Picklist",
    };
    type View = ViewConfiguration;
    type Edit = EditConfiguration;
    type Wire = Picklist;
    type Item = model::Picklist;

    fn list(c: &Configuration) -> &Vec<model::Picklist> {
        &c.picklists
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::Picklist> {
        &mut c.picklists
    }
    fn item_name(item: &model::Picklist) -> &str {
        &item.name
    }
    fn show_item(item: &model::Picklist, account: &Account) -> Picklist {
        let entry = account.ledger.entry(Kind::Picklists, &item.name);
        Picklist { id: number(entry), name: item.name.clone(), values: item.values.clone(), edited: edited(entry) }
    }
    fn wire_name(wire: &Picklist) -> &str {
        &wire.name
    }
    fn take(wire: Picklist, _: Option<&model::Picklist>) -> model::Picklist {
        model::Picklist { name: wire.name, values: wire.values }
    }
    fn within(i: usize) -> Vec<String> {
        vec![format!("Picklists[{i}].")]
    }
}

/// Their calls.
pub(crate) fn add(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let router = Calls::<CustomTextFields>::read(router).create().patch().done();
    let router = Calls::<CustomNumericFields>::read(router).create().patch().done();
    let router = Calls::<CustomDateTimeFields>::read(router).create().patch().done();
    let router = Calls::<CustomSelectListFields>::read(router).create().patch().done();
    Calls::<Picklists>::read(router).create().patch().done()
}

/// All custom fields, each with the members of its own kind.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
#[allow(dead_code)] // described, never made
pub(crate) struct CustomFieldList {
    custom_fields: Vec<AnyCustomField>,
}

/// A custom field; FieldType says of which kind.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AnyCustomField {
    Text(CustomTextField),
    Numeric(CustomNumericField),
    DateTime(CustomDateTimeField),
    SelectList(CustomSelectListField),
}

/// List the custom fields of all kinds
#[utoipa::path(
    get, path = "/{clientId}/CustomFields", tag = "Configuration", operation_id = "listCustomFields",
    params(
        ("clientId" = String, Path, description = "The account, in any letter case", example = "ACME_CORP"),
        ("Id" = Option<u64>, Query, description = "This one alone", example = 1),
        ("If-None-Match" = Option<String>, Header, description = "ETags: 304 when what is there has one of them still"),
    ),
    responses(
        (status = 200, description = "The custom fields", body = CustomFieldList, headers(("ETag" = String))),
        (status = 304, description = "They still read the same"),
    ),
)]
pub(crate) async fn list_custom_fields(
    permit: Permit<ViewConfiguration>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = permit.caller();
    let account = &caller.account;
    let show = |field: &model::CustomField| -> Value {
        to_value(&match field.kind {
            CustomFieldKind::Text { .. } => AnyCustomField::Text(CustomTextFields::show_item(field, account)),
            CustomFieldKind::Numeric { .. } => AnyCustomField::Numeric(CustomNumericFields::show_item(field, account)),
            CustomFieldKind::DateTime {} => AnyCustomField::DateTime(CustomDateTimeFields::show_item(field, account)),
            CustomFieldKind::SelectList { .. } => {
                AnyCustomField::SelectList(CustomSelectListFields::show_item(field, account))
            }
        })
    };
    let all = account.config.source.custom_fields.iter();
    let items: Vec<Value> = match query.get("Id") {
        Some(id) => {
            let name = find_any(caller, id)?;
            all.filter(|f| f.name == name).map(show).collect()
        }
        None => all.map(show).collect(),
    };
    Ok(answer_list(account, &query, &headers, "CustomFields", items))
}

/// The field of this number, of whatever kind.
fn find_any(caller: &Caller, id: &str) -> Result<String, ApiError> {
    fn of<R: Resource>(caller: &Caller, id: &str) -> Option<String> {
        find::<R>(caller, id).ok()
    }
    of::<CustomTextFields>(caller, id)
        .or_else(|| of::<CustomNumericFields>(caller, id))
        .or_else(|| of::<CustomDateTimeFields>(caller, id))
        .or_else(|| of::<CustomSelectListFields>(caller, id))
        .ok_or_else(|| ApiError::unknown("custom field", id))
}
