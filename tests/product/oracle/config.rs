//! The account's configuration as the model reads it (configuration.md).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::json::same;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    pub default_locale: String,
    pub implied_preferences: bool,
    pub email_types: Vec<Type>,
    pub phone_types: Vec<Type>,
    pub address_types: Vec<Type>,
    pub customer_types: Vec<Type>,
    pub alternate_id_types: Vec<Type>,
    pub group_types: Vec<Type>,
    pub picklists: Vec<Picklist>,
    pub custom_fields: Vec<Field>,
    pub consent_types: Vec<ConsentType>,
    pub programs: Vec<Program>,
    /// What the model has no rule about.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Type {
    pub type_name: String,
    #[serde(default)]
    pub is_default: bool,
    #[serde(default = "yes")]
    pub is_active: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Picklist {
    pub name: String,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Field {
    pub name: String,
    pub kind: Value,
    #[serde(default = "always")]
    pub update_rule: String,
    #[serde(default = "yes")]
    pub is_active: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConsentType {
    pub type_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub versions: Vec<Version>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    pub consent_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_in_days: Option<i64>,
    #[serde(default = "yes")]
    pub is_active: bool,
    pub localized_fields: Vec<Localized>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Localized {
    pub locale: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Program {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default, rename = "ProgramGroupID", skip_serializing_if = "Option::is_none")]
    pub program_group_id: Option<String>,
    pub filters: Vec<Filter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "ChannelID")]
    pub channel_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_preference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_in_expiration_in_days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_expiration_in_days: Option<i64>,
    #[serde(default)]
    pub frequencies: Vec<Frequency>,
    #[serde(default)]
    pub required_consents: Vec<String>,
    #[serde(default = "yes")]
    pub is_active: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Frequency {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default)]
    pub is_default: bool,
}

impl Config {
    pub fn new() -> Config {
        toml::from_str(include_str!("account.toml")).unwrap()
    }

    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap()
    }

    /// A filter with its program's id.
    pub fn filter(&self, id: &str) -> Option<(&str, &Filter)> {
        self.filters().find(|(_, filter)| same(&filter.id, id))
    }

    pub fn filters(&self) -> impl Iterator<Item = (&str, &Filter)> {
        self.programs.iter().flat_map(|program| program.filters.iter().map(|filter| (program.id.as_str(), filter)))
    }

    pub fn consent_type(&self, name: &str) -> Option<&ConsentType> {
        self.consent_types.iter().find(|t| same(&t.type_name, name))
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.custom_fields.iter().find(|f| same(&f.name, name))
    }
}

/// A type by its name in any letter case.
pub fn type_named<'t>(types: &'t [Type], name: &str) -> Option<&'t Type> {
    types.iter().find(|t| same(&t.type_name, name))
}

fn yes() -> bool {
    true
}
fn always() -> String {
    "Always".to_owned()
}
