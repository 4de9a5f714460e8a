//! Contact and identity types.

use sayso_model::{
    config::{Configuration, Kind, TypeDef},
    input::object::objects,
    profile::EditInfo,
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    describe::Calls,
    resource::{InList, Words},
    wire::{ReadOnly, TypeText, edited, number, yes},
};
use crate::access::{App, EditConfiguration, ViewConfiguration};

/// A type of contacts, customers, alternate ids or groups.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"TypeName": "Home", "LocalizedFields": [{"Locale": "de_DE", "Name": "Privat"}], "IsDefault": true}))]
pub(crate) struct ConfiguredType {
    /// Unique among types of its kind, without regard to case. Once profiles carry it, it stays.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    type_name: String,
    #[serde(default, deserialize_with = "objects")]
    localized_fields: Vec<TypeText>,
    /// A new default takes the place of the former one.
    #[serde(default)]
    is_default: bool,
    /// false: no longer taken in what is written.
    #[serde(default = "yes")]
    is_active: bool,
    /// Assigned ascending per account and kind, never reused.
    #[serde(default)]
    #[schema(read_only, value_type = u64)]
    type_id: ReadOnly<u64>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

macro_rules! types {
    ($($kind:ident, $one:literal, $a:literal, $many:literal, $operation:literal, $list:literal, $all:literal, $at:literal, $example:literal, $field:ident;)*) => {
        $(
            #[doc = concat!("The account's ", $many, ".")]
            pub(crate) enum $kind {}

            impl InList for $kind {
                const WORDS: Words = Words {
                    kind: Kind::$kind,
                    one: $one,
                    a: $a,
                    many: $many,
                    operation: ($operation, $list),
                    list: $list,
                    name: "TypeName",
                    number: Some("TypeId"),
                    example: $example,
                    parameter: "typeId",
                    all: $all,
                    make: $all,
                    at: $at,
                    change: $at,
                };
                type View = ViewConfiguration;
                type Edit = EditConfiguration;
                type Wire = ConfiguredType;
                type Item = TypeDef;

                fn list(c: &Configuration) -> &Vec<TypeDef> {
                    &c.$field
                }
                fn list_mut(c: &mut Configuration) -> &mut Vec<TypeDef> {
                    &mut c.$field
                }
                fn item_name(item: &TypeDef) -> &str {
                    &item.type_name
                }
                fn show_item(item: &TypeDef, account: &Account) -> ConfiguredType {
                    show(item, Kind::$kind, account)
                }
                fn wire_name(wire: &ConfiguredType) -> &str {
                    &wire.type_name
                }
                fn take(wire: ConfiguredType, _: Option<&TypeDef>) -> TypeDef {
                    take(wire)
                }
                fn settle(list: &mut [TypeDef], at: usize) {
                    settle(list, at);
                }
            }
        )*

        /// Their calls.
        pub(crate) fn add(mut router: OpenApiRouter<App>) -> OpenApiRouter<App> {
            $(router = Calls::<$kind>::read(router).create().patch().done();)*
            router
        }
    };
}

types! {
    EmailTypes, "email type", "an email type", "email types", "EmailType", "EmailTypes", "/EmailTypes", "/EmailType", "Home", email_types;
    PhoneTypes, "phone type", "a phone type", "phone types", "PhoneType", "PhoneTypes", "/PhoneTypes", "/PhoneType", "Mobile", phone_types;
    AddressTypes, "address type", "an address type", "address types", "AddressType", "AddressTypes", "/AddressTypes", "/AddressType", "Home", address_types;
    CustomerTypes, "customer type", "a customer type", "customer types", "CustomerType", "CustomerTypes", "/CustomerTypes", "/CustomerType", "Consumer", customer_types;
    AlternateIdTypes, "alternate id type", "an alternate id type", "alternate id types", "AlternateIdType", "AlternateIdTypes", "/AlternateIdTypes", "/AlternateIdType", "CRM", alternate_id_types;
    GroupTypes, "group type", "a group type", "group types", "GroupType", "GroupTypes", "/GroupTypes", "/GroupType", "Household", group_types;
}

fn show(item: &TypeDef, kind: Kind, account: &Account) -> ConfiguredType {
    let entry = account.ledger.entry(kind, &item.type_name);
    ConfiguredType {
        type_name: item.type_name.clone(),
        localized_fields: item.localized_fields.iter().map(TypeText::from).collect(),
        is_default: item.is_default,
        is_active: item.is_active,
        type_id: number(entry),
        edited: edited(entry),
    }
}

fn take(wire: ConfiguredType) -> TypeDef {
    TypeDef {
        type_name: wire.type_name,
        localized_fields: wire.localized_fields.into_iter().map(Into::into).collect(),
        is_default: wire.is_default,
        is_active: wire.is_active,
    }
}

/// There is at most one default: naming a new one clears the old one, as among a profile's contacts.
fn settle(list: &mut [TypeDef], at: usize) {
    if list[at].is_default {
        for (_, other) in list.iter_mut().enumerate().filter(|(i, _)| *i != at) {
            other.is_default = false;
        }
    }
}
