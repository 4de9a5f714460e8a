//! The members that a body may have. Everything else is 400 (profile.md, unknown members).

use serde_json::Value;

const PROFILE: &[&str] = &[
    "ProfileId",
    "IsActive",
    "Edited",
    "RegistrationConfirmed",
    "CustomerType",
    "PreserveConsents",
    "PreservePreferences",
    "CustomerName",
    "DefaultLocale",
    "Consents",
    "ProfilePreferences",
    "AlternateIds",
    "Addresses",
    "PhoneNumbers",
    "Emails",
    "Groups",
    "ProfileTags",
    "CustomFields",
    "ConsentHistory",
];
const CONTACT: &[&str] = &["IsDefault", "IsActive", "Edited", "Consents"];
const PREFERENCE: &[&str] = &[
    "ProgramId",
    "ChannelId",
    "Consents",
    "MatchType",
    "ReasonCode",
    "ExpirationDate",
    "PreferenceStatus",
    "LastModifiedDate",
    "UserId",
    "SourceId",
    "FilterId",
    "PreferenceType",
    "FrequencyId",
    "PreferenceAttributes",
    "CustomerDate",
];
const CONSENT: &[&str] =
    &["ConsentType", "ConsentVersion", "Locale", "ConsentStatus", "ConsentDate", "ExpirationDate", "Expired", "Edited"];

/// The lists of an object and what their elements may have.
fn lists(name: &str) -> Option<Vec<&'static str>> {
    let contact = |more: &[&'static str]| Some([CONTACT, more].concat());
    match name {
        "Consents" => Some(CONSENT.to_vec()),
        "ProfilePreferences" | "EmailPreferences" | "PhoneNumberPreferences" | "AddressPreferences" => {
            Some(PREFERENCE.to_vec())
        }
        "AlternateIds" => Some(vec!["AlternateIdType", "AlternateId", "IsActive", "Edited"]),
        "Emails" => contact(&["EmailPreferences", "EmailAddressType", "EmailAddress"]),
        "PhoneNumbers" => {
            contact(&["PhoneNumberPreferences", "PhoneType", "PhoneNumber", "PhoneNumberNumeric", "IsMobile"])
        }
        "Addresses" => contact(&[
            "AddressPreferences",
            "AddressType",
            "Address1",
            "Address2",
            "City",
            "StateProvince",
            "PostalCode",
            "CountryCode_Alpha2",
            "CountryCode_Alpha3",
            "CountryCode_Numeric",
            "Country",
        ]),
        "Groups" => Some(vec!["GroupType", "GroupName", "IsPrimary"]),
        "ProfileTags" => Some(vec!["Name"]),
        "CustomFields" => Some(vec!["Name", "Value"]),
        "PreferenceAttributes" => Some(vec!["Key", "Value"]),
        _ => None,
    }
}

pub fn is_right(body: &Value) -> bool {
    fits(body, PROFILE)
}

fn fits(object: &Value, members: &[&str]) -> bool {
    let Some(object) = object.as_object() else { return false };
    let is_preference = members == PREFERENCE;
    object.iter().all(|(name, value)| {
        if !members.contains(&name.as_str()) {
            return false;
        }
        // The consents of a preference are read-only.
        let elements = if is_preference && name == "Consents" { None } else { lists(name) };
        match (name.as_str(), elements) {
            (_, Some(members)) => {
                value.is_null() || value.as_array().is_some_and(|items| items.iter().all(|item| fits(item, &members)))
            }
            ("CustomerName", _) => {
                value.is_null() || fits(value, &["Prefix", "FirstName", "MiddleName", "LastName", "Suffix"])
            }
            ("EmailAddress" | "PhoneNumber" | "AlternateId" | "FirstName" | "LastName" | "Value", _) => {
                value.is_null() || value.is_string()
            }
            ("IsDefault" | "IsMobile" | "IsPrimary" | "PreserveConsents" | "PreservePreferences", _) => {
                value.is_null() || value.is_boolean()
            }
            _ => true,
        }
    })
}
