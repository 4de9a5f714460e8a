//! The input structs, member by member as in profile.md. `Option` where `null` means the same as absent: flags, lists,
//! members that are required, and those of things that are replaced as a whole. [`Field`] where `null` clears.

use serde::Deserialize;

use super::{Field, Ignored, Said, SentId, TiedTo, object, value};
use crate::profile::{ConsentStatus, PreferenceType};

/// A profile in a call's body.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct ProfileInput {
    pub profile_id: SentId,
    pub is_active: Option<bool>,
    pub edited: Ignored,
    pub registration_confirmed: Option<bool>,
    pub customer_type: Field<String>,
    pub preserve_consents: Option<bool>,
    pub preserve_preferences: Option<bool>,
    #[serde(deserialize_with = "object::one")]
    pub customer_name: Option<CustomerNameInput>,
    pub default_locale: Field<String>,
    #[serde(deserialize_with = "object::list")]
    pub consents: Option<Vec<ConsentInput>>,
    #[serde(deserialize_with = "object::list")]
    pub profile_preferences: Option<Vec<PreferenceInput>>,
    #[serde(deserialize_with = "object::list")]
    pub alternate_ids: Option<Vec<AlternateIdInput>>,
    #[serde(deserialize_with = "object::list")]
    pub addresses: Option<Vec<AddressInput>>,
    #[serde(deserialize_with = "object::list")]
    pub phone_numbers: Option<Vec<PhoneInput>>,
    #[serde(deserialize_with = "object::list")]
    pub emails: Option<Vec<EmailInput>>,
    #[serde(deserialize_with = "object::list")]
    pub groups: Option<Vec<GroupInput>>,
    #[serde(deserialize_with = "object::list")]
    pub profile_tags: Option<Vec<TagInput>>,
    #[serde(deserialize_with = "object::list")]
    pub custom_fields: Option<Vec<CustomFieldInput>>,
    pub consent_history: Ignored,
}

impl ProfileInput {
    /// How many things are in its lists, those of its contacts included: a measure of the work that it makes.
    pub fn things(&self) -> usize {
        fn of<T>(list: &Option<Vec<T>>) -> usize {
            list.as_ref().map_or(0, Vec::len)
        }
        let addresses = self.addresses.iter().flatten().map(|a| of(&a.preferences) + of(&a.consents)).sum::<usize>();
        let phones = self.phone_numbers.iter().flatten().map(|p| of(&p.preferences) + of(&p.consents)).sum::<usize>();
        let emails = self.emails.iter().flatten().map(|e| of(&e.preferences) + of(&e.consents)).sum::<usize>();
        of(&self.consents)
            + of(&self.profile_preferences)
            + of(&self.alternate_ids)
            + of(&self.addresses)
            + of(&self.phone_numbers)
            + of(&self.emails)
            + of(&self.groups)
            + of(&self.profile_tags)
            + of(&self.custom_fields)
            + addresses
            + phones
            + emails
    }
}

/// A person's name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct CustomerNameInput {
    pub prefix: Field<String>,
    pub first_name: Field<String>,
    pub middle_name: Field<String>,
    pub last_name: Field<String>,
    pub suffix: Field<String>,
}

/// A preference; written as a whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct PreferenceInput {
    pub program_id: Ignored,
    pub channel_id: Ignored,
    pub consents: TiedTo,
    pub match_type: Said,
    pub reason_code: Ignored,
    pub expiration_date: Ignored,
    pub preference_status: Said,
    pub last_modified_date: Ignored,
    pub user_id: Ignored,
    pub source_id: Ignored,
    pub filter_id: Option<String>,
    #[serde(deserialize_with = "value::preference_type")]
    pub preference_type: Option<PreferenceType>,
    pub frequency_id: Option<String>,
    #[serde(deserialize_with = "object::list")]
    pub preference_attributes: Option<Vec<AttributeInput>>,
    pub customer_date: Option<String>,
}

/// An attribute of a preference.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct AttributeInput {
    pub key: Option<String>,
    pub value: Option<String>,
}

/// A consent; written as a whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct ConsentInput {
    pub consent_type: Option<String>,
    pub consent_version: Option<String>,
    pub locale: Option<String>,
    #[serde(deserialize_with = "value::consent_status")]
    pub consent_status: Option<ConsentStatus>,
    pub consent_date: Option<String>,
    pub expiration_date: Ignored,
    pub expired: Ignored,
    pub edited: Ignored,
}

/// An alternate id.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct AlternateIdInput {
    pub alternate_id_type: Option<String>,
    pub alternate_id: Option<String>,
    pub is_active: Option<bool>,
    pub edited: Ignored,
}

/// A postal address with its preferences and consents.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct AddressInput {
    #[serde(rename = "AddressPreferences", deserialize_with = "object::list")]
    pub preferences: Option<Vec<PreferenceInput>>,
    pub address_type: Option<String>,
    pub is_default: Option<bool>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub state_province: Option<String>,
    pub postal_code: Option<String>,
    #[serde(rename = "CountryCode_Alpha2")]
    pub country_code_alpha2: Field<String>,
    #[serde(rename = "CountryCode_Alpha3")]
    pub country_code_alpha3: Field<String>,
    #[serde(rename = "CountryCode_Numeric")]
    pub country_code_numeric: Field<String>,
    pub country: Ignored,
    pub is_active: Ignored,
    pub edited: Ignored,
    #[serde(deserialize_with = "object::list")]
    pub consents: Option<Vec<ConsentInput>>,
}

/// A phone number with its preferences and consents.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct PhoneInput {
    #[serde(rename = "PhoneNumberPreferences", deserialize_with = "object::list")]
    pub preferences: Option<Vec<PreferenceInput>>,
    pub phone_type: Option<String>,
    pub phone_number: Option<String>,
    pub phone_number_numeric: Ignored,
    pub is_mobile: Option<bool>,
    pub is_default: Option<bool>,
    pub is_active: Ignored,
    pub edited: Ignored,
    #[serde(deserialize_with = "object::list")]
    pub consents: Option<Vec<ConsentInput>>,
}

/// An email address with its preferences and consents.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct EmailInput {
    #[serde(rename = "EmailPreferences", deserialize_with = "object::list")]
    pub preferences: Option<Vec<PreferenceInput>>,
    pub email_address_type: Option<String>,
    pub email_address: Option<String>,
    pub is_default: Option<bool>,
    pub is_active: Ignored,
    pub edited: Ignored,
    #[serde(deserialize_with = "object::list")]
    pub consents: Option<Vec<ConsentInput>>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct GroupInput {
    pub group_type: Option<String>,
    pub group_name: Option<String>,
    pub is_primary: Option<bool>,
}

/// A tag.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct TagInput {
    pub name: Option<String>,
}

/// The value of a custom field; `null` clears it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct CustomFieldInput {
    pub name: Option<String>,
    pub value: Option<String>,
}
