//! Bodies and answers of the calls that are no whole profile. The model reads the real ones.
#![allow(dead_code)] // described, never made

use utoipa::ToSchema;

use super::profile::{CustomerConsent, ProfilePreference};

/// Preferences of a profile that is there, and of contacts that it has.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase", example = json!({
    "Emails": [{
        "EmailAddressType": "Home", "EmailAddress": "ada@example.org",
        "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 2}],
    }],
}))]
pub(crate) struct PreferencesAlone {
    profile_preferences: Option<Vec<ProfilePreference>>,
    addresses: Option<Vec<AddressPreferences>>,
    phone_numbers: Option<Vec<PhoneNumberPreferences>>,
    emails: Option<Vec<EmailPreferences>>,
}

/// What an address is found by, and its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct AddressPreferences {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    address_type: String,
    #[schema(min_length = 1, max_length = 125, pattern = "{text}")]
    address1: String,
    #[schema(max_length = 125)]
    address2: Option<String>,
    #[schema(min_length = 1, max_length = 50, pattern = "{text}")]
    city: String,
    #[schema(min_length = 2, max_length = 50, pattern = "{text}")]
    state_province: String,
    #[schema(min_length = 1, max_length = 15, pattern = "{text}")]
    postal_code: String,
    address_preferences: Option<Vec<ProfilePreference>>,
}

/// What a phone number is found by, and its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct PhoneNumberPreferences {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    phone_type: String,
    /// Compared by its digits.
    #[schema(min_length = 1, max_length = 32, pattern = "{phone}")]
    phone_number: String,
    phone_number_preferences: Option<Vec<ProfilePreference>>,
}

/// What an email address is found by, and its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct EmailPreferences {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    email_address_type: String,
    #[schema(min_length = 3, max_length = 256, pattern = "{email}")]
    email_address: String,
    email_preferences: Option<Vec<ProfilePreference>>,
}

/// Consents of a profile that is there, and of contacts that it has.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase", example = json!({
    "Consents": [{"ConsentType": "Marketing", "ConsentVersion": "1", "Locale": "en_US", "ConsentStatus": 1}],
}))]
pub(crate) struct ConsentsAlone {
    consents: Option<Vec<CustomerConsent>>,
    addresses: Option<Vec<AddressConsents>>,
    phone_numbers: Option<Vec<PhoneNumberConsents>>,
    emails: Option<Vec<EmailConsents>>,
}

/// What an address is found by, and its consents.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct AddressConsents {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    address_type: String,
    #[schema(min_length = 1, max_length = 125, pattern = "{text}")]
    address1: String,
    #[schema(max_length = 125)]
    address2: Option<String>,
    #[schema(min_length = 1, max_length = 50, pattern = "{text}")]
    city: String,
    #[schema(min_length = 2, max_length = 50, pattern = "{text}")]
    state_province: String,
    #[schema(min_length = 1, max_length = 15, pattern = "{text}")]
    postal_code: String,
    consents: Option<Vec<CustomerConsent>>,
}

/// What a phone number is found by, and its consents.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct PhoneNumberConsents {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    phone_type: String,
    /// Compared by its digits.
    #[schema(min_length = 1, max_length = 32, pattern = "{phone}")]
    phone_number: String,
    consents: Option<Vec<CustomerConsent>>,
}

/// What an email address is found by, and its consents.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct EmailConsents {
    #[schema(min_length = 1, max_length = 100, pattern = "{text}")]
    email_address_type: String,
    #[schema(min_length = 3, max_length = 256, pattern = "{email}")]
    email_address: String,
    consents: Option<Vec<CustomerConsent>>,
}

/// Which preferences are archived.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase", example = json!({
    "Preferences": [{"ProgramId": "NEWS", "PreferenceType": 1}, {"FilterId": "OFFERS-EMAIL", "EmailAddress": "ada@example.org"}],
    "ReasonCode": "program ended",
}))]
pub(crate) struct ArchivePreferences {
    /// A preference is archived that one of these means.
    #[schema(min_items = 1)]
    preferences: Vec<PreferenceSelector>,
    /// Becomes the reason code of what is archived.
    #[schema(max_length = 256)]
    reason_code: Option<String>,
}

/// Means the preferences that are as every member says that is there; at least one is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct PreferenceSelector {
    filter_id: Option<String>,
    program_id: Option<String>,
    /// Phone, Text, Email, Mail, Fax or Solicit.
    #[schema(pattern = "{channel}", example = "Email")]
    channel_id: Option<String>,
    /// 1 opt-in, 2 opt-out.
    #[schema(minimum = 1, maximum = 2)]
    preference_type: Option<u8>,
    email_address_type: Option<String>,
    email_address: Option<String>,
    phone_type: Option<String>,
    /// Compared by its digits.
    #[schema(pattern = "[0-9]", example = "+1 404 555 0123")]
    phone_number: Option<String>,
    address_type: Option<String>,
}

/// Why a profile is activated or deactivated; the body may be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase", example = json!({"Reason": "moved away"}))]
pub(crate) struct Activation {
    /// Goes to the history.
    #[schema(max_length = 256)]
    reason: Option<String>,
}

/// The filters that require consents, and how the profile stands to them.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ConsentFilters {
    filters: Vec<FilterConsents>,
}

/// A filter that requires consents.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct FilterConsents {
    #[schema(example = "OFFERS-EMAIL")]
    filter_id: String,
    #[schema(example = "OFFERS")]
    program_id: String,
    #[schema(example = "Email")]
    channel_id: String,
    consents: Vec<FilterConsent>,
}

/// One consent of a type that the filter requires, or that there is none.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct FilterConsent {
    #[schema(example = "Marketing")]
    consent_type: String,
    consent_version: Option<String>,
    locale: Option<String>,
    /// 1 Granted, 2 Denied, 3 Revoked, 4 NotSet.
    #[schema(minimum = 1, maximum = 4)]
    consent_status: u8,
    expired: bool,
}
