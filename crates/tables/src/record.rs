//! A profile as an export gives it (profile.md), member by member in the wire's order; and the flat rows of preferences and of deleted
//! profiles.

use serde::Deserialize;

use crate::column::{Choices, Dates, Flags, Lists, Numbers, Text, Texts, object};

object! {
    /// Who made something and who changed it last.
    EditInfo, EditInfos {
        "CreateDate" create_date: Dates,
        "CreateUserId" create_user_id: Texts,
        "CreateSourceId" create_source_id: Texts,
        "LastModifiedDate" last_modified_date: Dates,
        "LastModifiedUserId" last_modified_user_id: Texts,
        "LastModifiedSourceId" last_modified_source_id: Texts,
    }
}

object! {
    /// A person's name.
    Name, Names {
        "Prefix" prefix: Texts,
        "FirstName" first_name: Texts,
        "MiddleName" middle_name: Texts,
        "LastName" last_name: Texts,
        "Suffix" suffix: Texts,
    }
}

object! {
    /// A consent.
    Consent, Consents {
        "ConsentType" consent_type: Texts,
        "ConsentVersion" consent_version: Texts,
        "Locale" locale: Texts,
        "ConsentStatus" consent_status: Choices,
        "ConsentDate" consent_date: Dates,
        "ExpirationDate" expiration_date: Dates,
        "Expired" expired: Flags,
        "Edited" edited: EditInfos,
    }
}

object! {
    /// A consent that a preference stands on.
    ConsentVersion, ConsentVersions {
        "ConsentType" consent_type: Texts,
        "ConsentVersion" consent_version: Texts,
        "Locale" locale: Texts,
        "ConsentStatus" consent_status: Choices,
    }
}

object! {
    /// A key and its value.
    Attribute, Attributes {
        "Key" key: Texts,
        "Value" value: Texts,
    }
}

object! {
    /// A preference.
    Preference, Preferences {
        "ProgramId" program_id: Texts,
        "ChannelId" channel_id: Texts,
        "Consents" consents: Lists<ConsentVersions>,
        "MatchType" match_type: Texts,
        "ReasonCode" reason_code: Texts,
        "ExpirationDate" expiration_date: Dates,
        "PreferenceStatus" preference_status: Texts,
        "LastModifiedDate" last_modified_date: Dates,
        "UserId" user_id: Texts,
        "SourceId" source_id: Texts,
        "FilterId" filter_id: Texts,
        "PreferenceType" preference_type: Choices,
        "FrequencyId" frequency_id: Texts,
        "PreferenceAttributes" preference_attributes: Lists<Attributes>,
        "CustomerDate" customer_date: Dates,
    }
}

object! {
    /// An id that another system gave.
    AlternateId, AlternateIds {
        "AlternateIdType" alternate_id_type: Texts,
        "AlternateId" alternate_id: Texts,
        "IsActive" is_active: Flags,
        "Edited" edited: EditInfos,
    }
}

object! {
    /// A postal address.
    Address, Addresses {
        "AddressPreferences" preferences: Lists<Preferences>,
        "AddressType" kind: Texts,
        "IsDefault" is_default: Flags,
        "Address1" address1: Texts,
        "Address2" address2: Texts,
        "City" city: Texts,
        "StateProvince" state_province: Texts,
        "PostalCode" postal_code: Texts,
        "CountryCode_Alpha2" country_code_alpha2: Texts,
        "CountryCode_Alpha3" country_code_alpha3: Texts,
        "CountryCode_Numeric" country_code_numeric: Texts,
        "Country" country: Texts,
        "IsActive" is_active: Flags,
        "Edited" edited: EditInfos,
        "Consents" consents: Lists<Consents>,
    }
}

object! {
    /// A phone number.
    Phone, Phones {
        "PhoneNumberPreferences" preferences: Lists<Preferences>,
        "PhoneType" kind: Texts,
        "PhoneNumber" phone_number: Texts,
        "PhoneNumberNumeric" phone_number_numeric: Texts,
        "IsMobile" is_mobile: Flags,
        "IsDefault" is_default: Flags,
        "IsActive" is_active: Flags,
        "Edited" edited: EditInfos,
        "Consents" consents: Lists<Consents>,
    }
}

object! {
    /// An email address.
    Email, Emails {
        "EmailPreferences" preferences: Lists<Preferences>,
        "EmailAddressType" kind: Texts,
        "EmailAddress" email_address: Texts,
        "IsDefault" is_default: Flags,
        "IsActive" is_active: Flags,
        "Edited" edited: EditInfos,
        "Consents" consents: Lists<Consents>,
    }
}

object! {
    /// A group that the profile is in.
    Group, Groups {
        "GroupType" group_type: Texts,
        "GroupName" group_name: Texts,
        "IsPrimary" is_primary: Flags,
    }
}

object! {
    /// A tag.
    Tag, Tags {
        "Name" name: Texts,
    }
}

object! {
    /// A custom field.
    CustomField, CustomFields {
        "Name" name: Texts,
        "Value" value: Texts,
    }
}

object! {
    /// A whole profile.
    Profile, Profiles {
        "ProfileId" profile_id: Numbers,
        "IsActive" is_active: Flags,
        "Edited" edited: EditInfos,
        "RegistrationConfirmed" registration_confirmed: Flags,
        "CustomerType" customer_type: Texts,
        "PreserveConsents" preserve_consents: Flags,
        "PreservePreferences" preserve_preferences: Flags,
        "CustomerName" customer_name: Names,
        "DefaultLocale" default_locale: Texts,
        "Consents" consents: Lists<Consents>,
        "ProfilePreferences" profile_preferences: Lists<Preferences>,
        "AlternateIds" alternate_ids: Lists<AlternateIds>,
        "Addresses" addresses: Lists<Addresses>,
        "PhoneNumbers" phone_numbers: Lists<Phones>,
        "Emails" emails: Lists<Emails>,
        "Groups" groups: Lists<Groups>,
        "ProfileTags" profile_tags: Lists<Tags>,
        "CustomFields" custom_fields: Lists<CustomFields>,
    }
}

object! {
    /// What is left of a deleted profile.
    Deleted, Deletions {
        "ProfileId" profile_id: Numbers,
        "DeletedDate" deleted_date: Dates,
        "ReasonCode" reason_code: Texts,
    }
}

/// To what a preference is tied.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'r> {
    /// `Profile`, `Email`, `Phone` or `Address`.
    pub(crate) kind: &'static str,
    /// The configured type.
    pub(crate) kind_name: Option<&'r str>,
    /// The email address, the phone number; of an address its first line.
    pub(crate) value: Option<&'r str>,
    pub(crate) is_active: Option<bool>,
}

/// What rows of preferences take of a profile: the rest is passed over, not read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Holder<'a> {
    #[serde(rename = "ProfileId")]
    pub(crate) profile_id: Option<i64>,
    #[serde(rename = "IsActive")]
    pub(crate) is_active: Option<bool>,
    #[serde(rename = "ProfilePreferences", borrow)]
    of_profile: Option<Vec<Preference<'a>>>,
    #[serde(rename = "Addresses", borrow)]
    addresses: Option<Vec<OfAddress<'a>>>,
    #[serde(rename = "PhoneNumbers", borrow)]
    phone_numbers: Option<Vec<OfPhone<'a>>>,
    #[serde(rename = "Emails", borrow)]
    emails: Option<Vec<OfEmail<'a>>>,
}

/// The same of an address, a phone number or an email address, each of which has its own names for the same.
macro_rules! holders {
    ($($name:ident: $kind:literal, $preferences:literal, $kind_name:literal, $value:literal;)*) => {$(
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct $name<'a> {
            #[serde(rename = $preferences, borrow)]
            preferences: Option<Vec<Preference<'a>>>,
            #[serde(rename = $kind_name, borrow)]
            kind_name: Option<Text<'a>>,
            #[serde(rename = $value, borrow)]
            value: Option<Text<'a>>,
            #[serde(rename = "IsActive")]
            is_active: Option<bool>,
        }

        impl<'a> $name<'a> {
            fn each_preference<'r>(&'r self, see: &mut impl FnMut(Contact<'r>, &'r Preference<'a>)) {
                let text = |text: &'r Option<Text<'a>>| text.as_ref().map(|text| &*text.0);
                let (kind_name, value) = (text(&self.kind_name), text(&self.value));
                let contact = Contact { kind: $kind, kind_name, value, is_active: self.is_active };
                self.preferences.iter().flatten().for_each(|preference| see(contact, preference));
            }
        }
    )*};
}

holders! {
    OfAddress: "Address", "AddressPreferences", "AddressType", "Address1";
    OfPhone: "Phone", "PhoneNumberPreferences", "PhoneType", "PhoneNumber";
    OfEmail: "Email", "EmailPreferences", "EmailAddressType", "EmailAddress";
}

impl<'a> Holder<'a> {
    /// Every preference with its contact, in the wire's order.
    pub(crate) fn each_preference<'r>(&'r self, mut see: impl FnMut(Contact<'r>, &'r Preference<'a>)) {
        let none = Contact { kind: "Profile", kind_name: None, value: None, is_active: None };
        self.of_profile.iter().flatten().for_each(|p| see(none, p));
        self.addresses.iter().flatten().for_each(|address| address.each_preference(&mut see));
        self.phone_numbers.iter().flatten().for_each(|phone| phone.each_preference(&mut see));
        self.emails.iter().flatten().for_each(|email| email.each_preference(&mut see));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contact_has_its_own_names_and_no_others() {
        let record = r#"{"ProfileId":1,"Groups":7,
            "Addresses":[{"EmailPreferences":[{"FilterId":"NO"}],"AddressPreferences":[{"FilterId":"A"}],"Address1":"Elm St"}],
            "PhoneNumbers":[{"PhoneNumberPreferences":[{"FilterId":"P"}],"PhoneNumber":"1","EmailAddress":"no","IsActive":false}],
            "Emails":[{"EmailAddress":"a@b","PhoneNumber":"no","EmailPreferences":[{"FilterId":"E"}],"EmailAddressType":"Home"}]}"#;
        let holder: Holder<'_> = serde_json::from_str(record).unwrap();
        let mut seen = Vec::new();
        holder.each_preference(|contact, preference| {
            let filter = preference.filter_id.as_ref().map(|text| &*text.0);
            seen.push((contact.kind, contact.kind_name, contact.value, contact.is_active, filter));
        });
        assert_eq!(
            seen,
            [
                ("Address", None, Some("Elm St"), None, Some("A")),
                ("Phone", None, Some("1"), Some(false), Some("P")),
                ("Email", Some("Home"), Some("a@b"), None, Some("E")),
            ]
        );
    }
}
