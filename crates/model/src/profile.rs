//! The typed profile, as profile.md draws it. Reading its wire JSON back is `serde`; writing it is [`crate::render`],
//! which also notes where the optional parts stand.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{id::ProfileId, moment::Moment};

/// Who made a thing and who changed it last, and when (profile.md, `EditInfo`). All that one write makes has the same, and shares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct EditInfo {
    pub create_date: Moment,
    pub create_user_id: String,
    pub create_source_id: Option<String>,
    pub last_modified_date: Moment,
    pub last_modified_user_id: String,
    pub last_modified_source_id: Option<String>,
}

/// One person as an account knows them: a row of an export and the body of a profile call (`UserProfilePreference`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // named and explained member by member in profile.md
pub struct Profile {
    pub profile_id: ProfileId,
    pub is_active: bool,
    pub edited: Arc<EditInfo>,
    pub registration_confirmed: bool,
    pub customer_type: Option<String>,
    pub preserve_consents: bool,
    pub preserve_preferences: bool,
    pub customer_name: CustomerName,
    pub default_locale: Option<String>,
    /// Absent from a row whose segment leaves consents out.
    #[serde(default)]
    pub consents: Vec<Consent>,
    #[serde(default)]
    pub profile_preferences: Vec<Preference>,
    pub alternate_ids: Vec<AlternateId>,
    pub addresses: Vec<Address>,
    pub phone_numbers: Vec<Phone>,
    pub emails: Vec<Email>,
    pub groups: Vec<Group>,
    pub profile_tags: Vec<Tag>,
    #[serde(default)]
    pub custom_fields: Vec<CustomFieldValue>,
}

/// A person's name; a part that was never given is `null`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct CustomerName {
    pub prefix: Option<String>,
    pub first_name: Option<String>,
    pub middle_name: Option<String>,
    pub last_name: Option<String>,
    pub suffix: Option<String>,
}

/// A way to reach a person; a filter belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Channel {
    Phone,
    Text,
    Email,
    Mail,
    Fax,
    /// Tied to no contact: its preferences stand in `ProfilePreferences`.
    Solicit,
}

/// What somebody said of one filter: yes (1) or no (2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[allow(missing_docs)]
pub enum PreferenceType {
    OptIn,
    OptOut,
}

/// Said by the person, or inherited from the filter's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum MatchType {
    Expressed,
    Implied,
}

/// How a preference reads at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PreferenceStatus {
    Active,
    Expired,
    Archived,
}

/// One preference (`ProfilePreference`): what a person said of one filter, on one contact or as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Preference {
    pub program_id: String,
    pub channel_id: Channel,
    #[serde(default)]
    pub consents: Vec<ConsentVersion>,
    pub match_type: MatchType,
    pub reason_code: Option<String>,
    /// `""` on the wire when the filter sets no expiry.
    #[serde(with = "empty_when_none")]
    pub expiration_date: Option<Moment>,
    pub preference_status: PreferenceStatus,
    pub last_modified_date: Moment,
    pub user_id: String,
    pub source_id: Option<String>,
    pub filter_id: String,
    pub preference_type: PreferenceType,
    pub frequency_id: Option<String>,
    pub preference_attributes: Vec<Attribute>,
    pub customer_date: Moment,
}

/// One attribute of a preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Attribute {
    pub key: String,
    pub value: Option<String>,
}

/// The consent that a preference carries (`ConsentVersion`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct ConsentVersion {
    pub consent_type: String,
    pub consent_version: String,
    pub locale: String,
    pub consent_status: ConsentStatus,
}

/// 1 Granted, 2 Denied, 3 Revoked, 4 NotSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[allow(missing_docs)]
pub enum ConsentStatus {
    Granted,
    Denied,
    Revoked,
    NotSet,
}

/// A consent of the person as a whole or of one contact (`CustomerConsent`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Consent {
    pub consent_type: String,
    pub consent_version: String,
    pub locale: String,
    pub consent_status: ConsentStatus,
    pub consent_date: Moment,
    pub expiration_date: Option<Moment>,
    pub expired: bool,
    pub edited: Arc<EditInfo>,
}

/// An id that another system gave; unique within its type in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct AlternateId {
    pub alternate_id_type: String,
    pub alternate_id: String,
    pub is_active: bool,
    pub edited: Arc<EditInfo>,
}

/// A postal address with its preferences (`AddressPreference`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Address {
    #[serde(rename = "AddressPreferences", default)]
    pub preferences: Vec<Preference>,
    #[serde(rename = "AddressType")]
    pub address_type: String,
    #[serde(rename = "IsDefault")]
    pub is_default: bool,
    #[serde(rename = "Address1")]
    pub address1: String,
    #[serde(rename = "Address2")]
    pub address2: Option<String>,
    #[serde(rename = "City")]
    pub city: String,
    #[serde(rename = "StateProvince")]
    pub state_province: String,
    #[serde(rename = "PostalCode")]
    pub postal_code: String,
    #[serde(rename = "CountryCode_Alpha2")]
    pub country_code_alpha2: Option<String>,
    #[serde(rename = "CountryCode_Alpha3")]
    pub country_code_alpha3: Option<String>,
    #[serde(rename = "CountryCode_Numeric")]
    pub country_code_numeric: Option<String>,
    #[serde(rename = "Country")]
    pub country: Option<String>,
    #[serde(rename = "IsActive")]
    pub is_active: bool,
    #[serde(rename = "Edited")]
    pub edited: Arc<EditInfo>,
    #[serde(rename = "Consents", default)]
    pub consents: Vec<Consent>,
}

/// A phone number with its preferences (`PhoneNumberPreference`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Phone {
    #[serde(rename = "PhoneNumberPreferences", default)]
    pub preferences: Vec<Preference>,
    pub phone_type: String,
    pub phone_number: String,
    pub phone_number_numeric: String,
    pub is_mobile: bool,
    pub is_default: bool,
    pub is_active: bool,
    pub edited: Arc<EditInfo>,
    #[serde(default)]
    pub consents: Vec<Consent>,
}

/// An email address with its preferences (`EmailPreference`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Email {
    #[serde(rename = "EmailPreferences", default)]
    pub preferences: Vec<Preference>,
    pub email_address_type: String,
    pub email_address: String,
    pub is_default: bool,
    pub is_active: bool,
    pub edited: Arc<EditInfo>,
    #[serde(default)]
    pub consents: Vec<Consent>,
}

/// A household, company or other group that a person belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Group {
    pub group_type: String,
    pub group_name: String,
    pub is_primary: bool,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Tag {
    pub name: String,
}

/// The value of a custom field: always a string, several choices joined by `::`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct CustomFieldValue {
    pub name: String,
    pub value: Option<String>,
}

/// What remains of a deleted profile, and the whole of a deleted-profile row (export.md, What a row holds).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Tombstone {
    pub profile_id: ProfileId,
    pub deleted_date: Moment,
    pub reason_code: Option<String>,
}

/// Where a preference or consent hangs: the natural keys of the contacts (folded, see [`crate::id::fold`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Place {
    Profile,
    Email {
        kind: String,
        address: String,
    },
    Phone {
        kind: String,
        digits: String,
    },
    /// `key` is the folded lines, city, state and postal code joined by U+001F.
    Address {
        kind: String,
        key: String,
    },
}

/// What a profile keeps beside its row: merged into it when it is read, if asked for (house.md, Output settings).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extras {
    /// Preferences that a rule archived, newest last.
    #[serde(default)]
    pub archived: Vec<(Place, Preference)>,
    /// What hung on contacts that were removed from a profile with `PreservePreferences`: it comes back with its contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserved_preferences: Vec<(Place, Preference)>,
    /// The same for `PreserveConsents`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserved_consents: Vec<(Place, Consent)>,
}

macro_rules! numbered {
    ($t:ident, $what:literal, $($name:ident = $n:literal),+) => {
        impl From<$t> for u8 {
            fn from(v: $t) -> u8 {
                match v { $($t::$name => $n),+ }
            }
        }
        impl TryFrom<u8> for $t {
            type Error = String;
            fn try_from(n: u8) -> Result<Self, String> {
                match n { $($n => Ok($t::$name),)+ _ => Err(format!(concat!("{} is no ", $what), n)) }
            }
        }
        impl $t {
            /// The word for it, as segments and inputs write it.
            pub fn word(self) -> &'static str {
                match self { $($t::$name => stringify!($name)),+ }
            }
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [$t] = &[$($t::$name),+];
        }
    };
}
numbered!(PreferenceType, "preference type (1 opt-in, 2 opt-out)", OptIn = 1, OptOut = 2);
numbered!(
    ConsentStatus,
    "consent status (1 Granted, 2 Denied, 3 Revoked, 4 NotSet)",
    Granted = 1,
    Denied = 2,
    Revoked = 3,
    NotSet = 4
);

macro_rules! worded {
    ($($t:ident: $($name:ident),+;)+) => {$(
        impl $t {
            /// The word for it, as rows and segments write it.
            pub fn word(self) -> &'static str {
                match self { $($t::$name => stringify!($name)),+ }
            }
            /// All of them.
            pub const ALL: &'static [$t] = &[$($t::$name),+];
        }
    )+};
}
worded! {
    Channel: Phone, Text, Email, Mail, Fax, Solicit;
    MatchType: Expressed, Implied;
    PreferenceStatus: Active, Expired, Archived;
}

mod empty_when_none {
    use super::Moment;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(v: &Option<Moment>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            Some(m) => m.serialize(s),
            None => s.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Moment>, D::Error> {
        let text = crate::text::Text::deserialize(d)?.0;
        if text.is_empty() {
            return Ok(None);
        }
        crate::moment::parse_date_time(&text).map(Some).map_err(D::Error::custom)
    }
}
