//! The profile as the document describes it. The model writes and reads the real ones; a test holds these names against a rendered profile,
//! so that neither can gain or lose a member alone.
#![allow(dead_code)] // described, never made

use utoipa::ToSchema;

use crate::profile::PlaceAnswer;

/// One row of an export, and the body of a profile call. Read-only members are ignored in input, unknown ones refused. Readers must expect new members.
/// A row over deleted profiles has ProfileId, DeletedDate and ReasonCode alone; parts that a segment leaves out are absent.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase", example = json!({
    "CustomerName": {"FirstName": "Ada", "LastName": "Smith"},
    "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1001"}],
    "Emails": [{
        "EmailAddressType": "Home", "EmailAddress": "ada@example.org", "IsDefault": true,
        "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}],
    }],
}))]
pub(crate) struct UserProfilePreference {
    /// Assigned ascending per account, never reused.
    #[schema(read_only)]
    profile_id: Option<u64>,
    is_active: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
    /// Free for the caller's use.
    registration_confirmed: Option<bool>,
    /// A configured customer type; the account's default when left out.
    #[schema(max_length = 100)]
    customer_type: Option<String>,
    /// Keep a contact's consents when the contact is removed.
    preserve_consents: Option<bool>,
    /// Keep a contact's preferences when the contact is removed.
    preserve_preferences: Option<bool>,
    customer_name: Option<CustomerName>,
    /// The account's when left out.
    #[schema(max_length = 15, example = "en_US")]
    default_locale: Option<String>,
    /// About the person as a whole.
    consents: Option<Vec<CustomerConsent>>,
    /// Tied to no contact.
    profile_preferences: Option<Vec<ProfilePreference>>,
    alternate_ids: Option<Vec<ProfileAlternateId>>,
    addresses: Option<Vec<AddressPreference>>,
    phone_numbers: Option<Vec<PhoneNumberPreference>>,
    emails: Option<Vec<EmailPreference>>,
    groups: Option<Vec<ProfileGroup>>,
    profile_tags: Option<Vec<ProfileTag>>,
    custom_fields: Option<Vec<CustomFieldValue>>,
    /// Reads and searches alone: the consents it had before, in the order in which they ceased to be; absent with
    /// includeConsentHistory=false. The newest 1,000: `History/Consents` has all.
    #[schema(read_only)]
    consent_history: Option<Vec<FormerConsent>>,
}

/// A consent as it was before it changed or went.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct FormerConsent {
    /// The contact it hung on; null for the person as a whole.
    place: Option<PlaceAnswer>,
    consent: CustomerConsent,
    /// When it changed.
    #[schema(format = DateTime)]
    modified_date: String,
}

/// Who made a thing and who changed it last, and when.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct EditInfo {
    #[schema(format = DateTime)]
    create_date: String,
    create_user_id: String,
    create_source_id: Option<String>,
    #[schema(format = DateTime)]
    last_modified_date: String,
    last_modified_user_id: String,
    last_modified_source_id: Option<String>,
}

/// A person's name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct CustomerName {
    #[schema(max_length = 20)]
    prefix: Option<String>,
    #[schema(max_length = 100)]
    first_name: Option<String>,
    #[schema(max_length = 100)]
    middle_name: Option<String>,
    #[schema(max_length = 100)]
    last_name: Option<String>,
    #[schema(max_length = 20)]
    suffix: Option<String>,
}

/// What a person said of one filter.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ProfilePreference {
    #[schema(read_only)]
    program_id: Option<String>,
    /// Phone, Text, Email, Mail, Fax or Solicit.
    #[schema(read_only, example = "Email")]
    channel_id: Option<String>,
    #[schema(read_only)]
    consents: Option<Vec<ConsentVersion>>,
    /// Expressed or Implied.
    #[schema(read_only, example = "Expressed")]
    match_type: Option<String>,
    #[schema(read_only)]
    reason_code: Option<String>,
    /// Empty when the filter sets none.
    #[schema(read_only)]
    expiration_date: Option<String>,
    /// Active or Expired; Archived only in exports that ask for those.
    #[schema(read_only, example = "Active")]
    preference_status: Option<String>,
    #[schema(read_only, format = DateTime)]
    last_modified_date: Option<String>,
    #[schema(read_only)]
    user_id: Option<String>,
    #[schema(read_only)]
    source_id: Option<String>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 50)]
    filter_id: String,
    /// 1 opt-in, 2 opt-out; input also takes OptIn and OptOut.
    #[schema(minimum = 1, maximum = 2, example = 1)]
    preference_type: u8,
    /// The filter's default when left out.
    #[schema(max_length = 20)]
    frequency_id: Option<String>,
    preference_attributes: Option<Vec<PreferenceAttribute>>,
    /// When the person said so; now when left out. Without a zone it is US Eastern time, a date alone the first second of an opt-in's day and
    /// the last of an opt-out's.
    #[schema(pattern = "{date}", example = "2026-11-24T09:30:00-05:00")]
    customer_date: Option<String>,
}

/// One attribute of a preference.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct PreferenceAttribute {
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    key: String,
    #[schema(max_length = 4000)]
    value: Option<String>,
}

/// The consent that a preference carries.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ConsentVersion {
    consent_type: String,
    consent_version: String,
    locale: String,
    /// 1 Granted, 2 Denied, 3 Revoked, 4 NotSet.
    consent_status: u8,
}

/// A consent of the person or of one contact.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct CustomerConsent {
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    consent_type: String,
    #[schema(pattern = "{text}", min_length = 1, max_length = 50)]
    consent_version: String,
    #[schema(pattern = "{text}", min_length = 1, max_length = 15)]
    locale: String,
    /// 1 Granted, 2 Denied, 3 Revoked, 4 NotSet.
    #[schema(minimum = 1, maximum = 4, example = 1)]
    consent_status: u8,
    /// Now when left out. Without a zone it is US Eastern time.
    #[schema(pattern = "{date}", example = "2026-11-24T09:30:00-05:00")]
    consent_date: Option<String>,
    #[schema(read_only, format = DateTime)]
    expiration_date: Option<String>,
    #[schema(read_only)]
    expired: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
}

/// An id that another system gave.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ProfileAlternateId {
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    alternate_id_type: String,
    /// Unique within its type in the account, without regard to case.
    #[schema(pattern = "{text}", min_length = 1, max_length = 256)]
    alternate_id: String,
    is_active: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
}

/// A postal address with its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct AddressPreference {
    address_preferences: Option<Vec<ProfilePreference>>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    address_type: String,
    is_default: Option<bool>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 125)]
    address1: String,
    #[schema(max_length = 125)]
    address2: Option<String>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 50)]
    city: String,
    #[schema(min_length = 2, pattern = "{text}", max_length = 50)]
    state_province: String,
    #[schema(pattern = "{text}", min_length = 1, max_length = 15)]
    postal_code: String,
    #[schema(rename = "CountryCode_Alpha2", max_length = 2)]
    country_code_alpha2: Option<String>,
    #[schema(rename = "CountryCode_Alpha3", max_length = 3)]
    country_code_alpha3: Option<String>,
    #[schema(rename = "CountryCode_Numeric", max_length = 3)]
    country_code_numeric: Option<String>,
    #[schema(read_only)]
    country: Option<String>,
    #[schema(read_only)]
    is_active: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
    consents: Option<Vec<CustomerConsent>>,
}

/// A phone number with its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct PhoneNumberPreference {
    phone_number_preferences: Option<Vec<ProfilePreference>>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    phone_type: String,
    /// Kept as given.
    #[schema(pattern = "{phone}", min_length = 1, max_length = 32)]
    phone_number: String,
    /// Its digits.
    #[schema(read_only)]
    phone_number_numeric: Option<String>,
    /// Text preferences need true.
    is_mobile: Option<bool>,
    is_default: Option<bool>,
    #[schema(read_only)]
    is_active: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
    consents: Option<Vec<CustomerConsent>>,
}

/// An email address with its preferences.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct EmailPreference {
    email_preferences: Option<Vec<ProfilePreference>>,
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    email_address_type: String,
    #[schema(pattern = "{email}", min_length = 1, max_length = 256)]
    email_address: String,
    is_default: Option<bool>,
    #[schema(read_only)]
    is_active: Option<bool>,
    #[schema(read_only)]
    edited: Option<EditInfo>,
    consents: Option<Vec<CustomerConsent>>,
}

/// A household, company or other group that the person belongs to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ProfileGroup {
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    group_type: String,
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    group_name: String,
    is_primary: Option<bool>,
}

/// A tag.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct ProfileTag {
    #[schema(pattern = "{text}", min_length = 1, max_length = 100)]
    name: String,
}

/// The value of a custom field: a string; several choices joined by `::`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "PascalCase")]
pub(crate) struct CustomFieldValue {
    #[schema(pattern = "{text}", min_length = 1, max_length = 94)]
    name: String,
    #[schema(max_length = 4000)]
    value: Option<String>,
}
