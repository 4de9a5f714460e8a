//! What an account sets up (configuration.md): types, custom fields, programs with their filters, consents, segments,
//! users. One struct, [`Configuration`], is both the account file (`account.toml`) and what the store keeps; [`Config`]
//! is the same, checked and indexed for look-up by name without regard to case.

mod check;
mod index;
mod ledger;
mod rights;

use serde::{Deserialize, Serialize};

pub use check::{check, check_use};
pub use index::{Config, TypeKind, whole_match};
pub use ledger::{Changed, Entry, How, Kind, Ledger, Renamed};
pub use rights::Rights;

use crate::profile::{Channel, PreferenceType};

/// The whole configuration of one account. Unknown members are refused, so that a typo in a file is seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Configuration {
    /// The locale of a profile that gives none: `en_US`.
    pub default_locale: Option<String>,
    /// Whether a missing preference is inherited from its filter's default (`Implied`).
    pub implied_preferences: bool,
    /// For how many minutes a signed header is good, 1 to 60 (access.md, Signed header); 15 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_header_minutes: Option<u32>,
    pub email_types: Vec<TypeDef>,
    pub phone_types: Vec<TypeDef>,
    pub address_types: Vec<TypeDef>,
    pub customer_types: Vec<TypeDef>,
    pub alternate_id_types: Vec<TypeDef>,
    pub group_types: Vec<TypeDef>,
    pub picklists: Vec<Picklist>,
    pub custom_fields: Vec<CustomField>,
    pub consent_types: Vec<ConsentType>,
    pub program_groups: Vec<ProgramGroup>,
    pub programs: Vec<Program>,
    pub source_groups: Vec<SourceGroup>,
    pub user_groups: Vec<UserGroup>,
    pub users: Vec<User>,
    pub segments: Vec<Segment>,
    pub segment_groups: Vec<SegmentGroup>,
}

/// A contact or identity type: `Home`, `CRM`, `Household`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TypeDef {
    pub type_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub localized_fields: Vec<Localized>,
    /// At most one of a kind; for customer types it is given to profiles that name none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_default: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
}

/// A name and description in one locale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Localized {
    pub locale: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_language: Option<String>,
}

/// A closed list of choices for SelectList fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Picklist {
    pub name: String,
    pub values: Vec<String>,
}

/// A custom field and its rules (profile.md, Custom fields).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CustomField {
    pub name: String,
    pub kind: CustomFieldKind,
    #[serde(default, skip_serializing_if = "UpdateRule::is_always")]
    pub update_rule: UpdateRule,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
}

impl CustomField {
    /// The regular expression that a text field has.
    pub fn regular_expression(&self) -> Option<&str> {
        match &self.kind {
            CustomFieldKind::Text { regular_expression, .. } => regular_expression.as_deref(),
            _ => None,
        }
    }
}

/// What a custom field takes. In TOML: `Kind = { Text = { MaxLength = 50 } }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub enum CustomFieldKind {
    #[serde(rename_all = "PascalCase")]
    Text {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_length: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        regular_expression: Option<String>,
    },
    #[serde(rename_all = "PascalCase")]
    Numeric {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decimal_places: Option<u32>,
    },
    DateTime {},
    #[serde(rename_all = "PascalCase")]
    SelectList {
        picklist: String,
        #[serde(default, skip_serializing_if = "is_false")]
        multiple: bool,
    },
}

/// When a new value may take the place of the one there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum UpdateRule {
    #[default]
    Always,
    IfCurrentBlank,
    IfNewNotBlank,
    Never,
}

impl UpdateRule {
    fn is_always(&self) -> bool {
        *self == UpdateRule::Always
    }
}

/// A kind of consent with its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ConsentType {
    pub type_name: String,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
    /// The channel it is about; none when it is about the person as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    pub versions: Vec<ConsentTypeVersion>,
}

/// One version of a consent's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ConsentTypeVersion {
    pub consent_version: String,
    /// Days (of 24 h) after ConsentDate at which a consent to this version expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_in_days: Option<u32>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_associated_with_profiles: bool,
    /// The locales in which the text exists; a consent names one of them.
    pub localized_fields: Vec<Localized>,
}

/// A folder of programs; may stand in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ProgramGroup {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Free for the account's use; groups are listed by it.
    #[serde(default, rename = "Type", skip_serializing_if = "Option::is_none")]
    pub group_type: Option<String>,
    #[serde(default, rename = "ParentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_properties: Vec<Property>,
}

/// A program: what a person may want to hear of, by one or more filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Program {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, rename = "ProgramGroupID", skip_serializing_if = "Option::is_none")]
    pub program_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_properties: Vec<Property>,
    pub filters: Vec<Filter>,
}

/// One channel of a program: what a preference is said of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Filter {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(rename = "ChannelID")]
    pub channel_id: Channel,
    /// What a person who said nothing is taken to have said, where implied preferences are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_preference: Option<DefaultPreference>,
    /// Days (of 24 h) after CustomerDate at which an opt-in expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_in_expiration_in_days: Option<u32>,
    /// The same for an opt-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_expiration_in_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequencies: Vec<Frequency>,
    /// Consent types that an opt-in carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_consents: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_properties: Vec<Property>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
}

impl Filter {
    /// The frequency of a preference that names none.
    pub fn default_frequency(&self) -> Option<&Frequency> {
        self.frequencies.iter().find(|f| f.is_default)
    }
}

/// How often somebody wants to hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Frequency {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_default: bool,
}

/// A name and a value free for the account's use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Property {
    pub name: String,
    pub value: String,
}

/// The default preference of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum DefaultPreference {
    OptIn,
    OptOut,
}

impl From<DefaultPreference> for PreferenceType {
    fn from(d: DefaultPreference) -> Self {
        match d {
            DefaultPreference::OptIn => PreferenceType::OptIn,
            DefaultPreference::OptOut => PreferenceType::OptOut,
        }
    }
}

/// Where changes are said to come from (access.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SourceGroup {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The name of the group that may do everything (access.md).
pub const ADMINISTRATORS: &str = "Administrators";

/// A named set of permissions (access.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UserGroup {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Permission per area: `Permissions = { Profiles = "Edit" }`; an area not named is None.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub permissions: std::collections::BTreeMap<Area, Level>,
}

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Area {
    Profiles,
    Preferences,
    Consents,
    Configuration,
    Segments,
    Exports,
    Imports,
    Events,
    Users,
}

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Level {
    None,
    View,
    Edit,
}

/// Somebody or something acting in the account (access.md). No secrets stand here: those are OAuth clients' (`sayso credentials`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct User {
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub is_active: bool,
    pub user_groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_group: Option<String>,
}

/// A saved filter (configuration.md, Segments).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Segment {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub profiles: Population,
    /// The definition as it was given; [`crate::segment::parse()`] gives its meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criteria: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Output::is_default")]
    pub output: Output,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<SegmentPermission>,
}

/// Which profiles a segment starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Population {
    #[default]
    Active,
    Inactive,
    Deleted,
    /// Active and inactive.
    All,
}

/// Which optional parts a row carries (configuration.md, Segments; export.md, What a row holds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Output {
    pub preferences: bool,
    pub consents: bool,
    pub custom_fields: bool,
    pub archived: bool,
    pub implied: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self { preferences: true, consents: true, custom_fields: true, archived: false, implied: false }
    }
}

impl Output {
    fn is_default(&self) -> bool {
        *self == Output::default()
    }
}

/// What a user group may do with a segment or segment group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SegmentPermission {
    pub user_group: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub can_view: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub can_edit: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub can_execute: bool,
}

/// Segments folded left to right from the first (configuration.md, segment groups).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SegmentGroup {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub members: Vec<Member>,
    #[serde(default, skip_serializing_if = "Output::is_default")]
    pub output: Output,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<SegmentPermission>,
}

/// One step of a segment group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Member {
    pub segment: String,
    /// Ignored on the first member.
    #[serde(default)]
    pub operator: Operator,
}

/// How a member joins what stands to its left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Operator {
    #[default]
    #[serde(rename = "AND")]
    And,
    #[serde(rename = "OR")]
    Or,
    #[serde(rename = "EXCEPT")]
    Except,
}

fn yes() -> bool {
    true
}
fn is_true(b: &bool) -> bool {
    *b
}
fn is_false(b: &bool) -> bool {
    !*b
}
