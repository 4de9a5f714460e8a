//! Consent types with their versions.

use sayso_model::{
    config::{self as model, Configuration, Kind, Localized},
    input::object::objects,
    profile::{Channel, EditInfo},
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    describe::Calls,
    resource::{InList, Words},
    wire::{ReadOnly, edited, number, whole, yes},
};
use crate::access::{App, EditConfiguration, ViewConfiguration};

/// A kind of consent with the versions of its text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({
    "TypeName": "Marketing",
    "Versions": [{"ConsentVersion": "2026-1", "ExpirationInDays": 365, "IsAssociatedWithProfiles": true,
        "LocalizedFields": [{"Locale": "en_US", "Name": "Marketing", "ConsentLanguage": "You may write to me."}]}],
}))]
pub(crate) struct ConfiguredConsentType {
    /// Unique without regard to case. Once profiles carry it, it stays.
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    type_name: String,
    /// false: no longer taken in what is written.
    #[serde(default = "yes")]
    is_active: bool,
    /// The channel that it is about: Phone, Text, Email, Mail, Fax or Solicit; null when it is about the person as a whole.
    #[schema(value_type = Option<String>, pattern = "^(?:Phone|Text|Email|Mail|Fax|Solicit)$", example = "Email")]
    channel: Option<Channel>,
    #[serde(deserialize_with = "objects")]
    versions: Vec<ConsentTypeVersion>,
    /// Assigned ascending per account, never reused.
    #[serde(default)]
    #[schema(read_only, value_type = u64)]
    type_id: ReadOnly<u64>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// One version of a consent's text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ConsentTypeVersion {
    /// Unique within its type, without regard to case.
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    consent_version: String,
    /// Days of 24 h from ConsentDate; null: never. A change is for consents that are written later.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 4294967295_u32, example = 365)]
    expiration_in_days: Option<u32>,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    is_associated_with_profiles: bool,
    /// The locales in which the text exists; at least one.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1)]
    localized_fields: Vec<ConsentText>,
}

/// The text of a consent in one locale.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ConsentText {
    #[schema(min_length = 1, max_length = 15, pattern = "{name}", example = "en_US")]
    locale: String,
    name: Option<String>,
    description: Option<String>,
    /// What the person agreed to.
    consent_language: Option<String>,
}

/// The account's consent types.
pub(crate) enum ConsentTypes {}

impl InList for ConsentTypes {
    const WORDS: Words = Words {
        kind: Kind::ConsentTypes,
        one: "consent type",
        a: "a consent type",
        many: "consent types",
        operation: ("ConsentType", "ConsentTypes"),
        list: "ConsentTypes",
        name: "TypeName",
        number: Some("TypeId"),
        example: "Marketing",
        parameter: "typeId",
        all: "/ConsentTypes",
        make: "/ConsentTypes",
        at: "/ConsentTypes",
        change: "/ConsentTypes",
    };
    type View = ViewConfiguration;
    type Edit = EditConfiguration;
    type Wire = ConfiguredConsentType;
    type Item = model::ConsentType;

    fn list(c: &Configuration) -> &Vec<model::ConsentType> {
        &c.consent_types
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::ConsentType> {
        &mut c.consent_types
    }
    fn item_name(item: &model::ConsentType) -> &str {
        &item.type_name
    }
    fn show_item(item: &model::ConsentType, account: &Account) -> ConfiguredConsentType {
        let entry = account.ledger.entry(Kind::ConsentTypes, &item.type_name);
        let text = |l: &Localized| ConsentText {
            locale: l.locale.clone(),
            name: l.name.clone(),
            description: l.description.clone(),
            consent_language: l.consent_language.clone(),
        };
        let version = |v: &model::ConsentTypeVersion| ConsentTypeVersion {
            consent_version: v.consent_version.clone(),
            expiration_in_days: v.expiration_in_days,
            is_active: v.is_active,
            is_associated_with_profiles: v.is_associated_with_profiles,
            localized_fields: v.localized_fields.iter().map(text).collect(),
        };
        ConfiguredConsentType {
            type_name: item.type_name.clone(),
            is_active: item.is_active,
            channel: item.channel,
            versions: item.versions.iter().map(version).collect(),
            type_id: number(entry),
            edited: edited(entry),
        }
    }
    fn wire_name(wire: &ConfiguredConsentType) -> &str {
        &wire.type_name
    }
    fn take(wire: ConfiguredConsentType, _: Option<&model::ConsentType>) -> model::ConsentType {
        let text = |t: ConsentText| Localized {
            locale: t.locale,
            name: t.name,
            description: t.description,
            consent_language: t.consent_language,
        };
        let version = |v: ConsentTypeVersion| model::ConsentTypeVersion {
            consent_version: v.consent_version,
            expiration_in_days: v.expiration_in_days,
            is_active: v.is_active,
            is_associated_with_profiles: v.is_associated_with_profiles,
            localized_fields: v.localized_fields.into_iter().map(text).collect(),
        };
        model::ConsentType {
            type_name: wire.type_name,
            is_active: wire.is_active,
            channel: wire.channel,
            versions: wire.versions.into_iter().map(version).collect(),
        }
    }
}

/// Their calls.
pub(crate) fn add(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    Calls::<ConsentTypes>::read(router).create().patch().done()
}
