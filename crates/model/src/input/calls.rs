//! The bodies of the calls that are no profile.

use serde::Deserialize;

use super::{object, value};
use crate::profile::PreferenceType;

/// Which preferences are archived, and why (`PUT …/Archive`).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct ArchiveInput {
    /// A preference is archived that one of these means.
    #[serde(deserialize_with = "object::list")]
    pub preferences: Option<Vec<SelectorInput>>,
    /// Becomes the reason code of what is archived.
    pub reason_code: Option<String>,
}

/// Means the preferences that are as every member says that is there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct SelectorInput {
    pub filter_id: Option<String>,
    pub program_id: Option<String>,
    pub channel_id: Option<String>,
    #[serde(deserialize_with = "value::preference_type")]
    pub preference_type: Option<PreferenceType>,
    pub email_address_type: Option<String>,
    pub email_address: Option<String>,
    pub phone_type: Option<String>,
    pub phone_number: Option<String>,
    pub address_type: Option<String>,
}

/// Why a profile is activated or deactivated.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct ActivationInput {
    /// For the history; at most 256 characters.
    pub reason: Option<String>,
}
