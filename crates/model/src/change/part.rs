//! Preferences alone and consents alone: a profile's body with only these in it (profile.md, Data API).

use super::Path;
use crate::{
    input::{AddressInput, CustomerNameInput, EmailInput, Field, PhoneInput, ProfileInput},
    refusal::Refusal,
};

/// What a call may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Preferences,
    Consents,
}

impl Part {
    /// Whether an input has no more than this part in it.
    pub fn is_all_of(self, input: &ProfileInput) -> bool {
        only(input, self).is_ok()
    }
}

/// Refuses an input that has more than this part, the contacts' natural keys and what is read-only anyway: such a member would be
/// taken for written though it wasn't.
pub(super) fn only(input: &ProfileInput, part: Part) -> Result<(), Refusal> {
    let ProfileInput {
        profile_id: _,
        is_active,
        edited: _,
        registration_confirmed,
        customer_type,
        preserve_consents,
        preserve_preferences,
        customer_name,
        default_locale,
        consents,
        profile_preferences,
        alternate_ids,
        addresses,
        phone_numbers,
        emails,
        groups,
        profile_tags,
        custom_fields,
        consent_history: _,
    } = input;
    let (says_preferences, says_consents) = (part == Part::Preferences, part == Part::Consents);
    let root = Path::Root;
    refuse(
        &root,
        part,
        &[
            ("IsActive", is_active.is_some()),
            ("RegistrationConfirmed", registration_confirmed.is_some()),
            ("CustomerType", *customer_type != Field::Absent),
            ("PreserveConsents", preserve_consents.is_some()),
            ("PreservePreferences", preserve_preferences.is_some()),
            ("CustomerName", customer_name.as_ref().is_some_and(|name| *name != CustomerNameInput::default())),
            ("DefaultLocale", *default_locale != Field::Absent),
            ("Consents", !says_consents && consents.is_some()),
            ("ProfilePreferences", !says_preferences && profile_preferences.is_some()),
            ("AlternateIds", alternate_ids.is_some()),
            ("Groups", groups.is_some()),
            ("ProfileTags", profile_tags.is_some()),
            ("CustomFields", custom_fields.is_some()),
        ],
    )?;
    let list = root.member("Addresses");
    for (i, contact) in addresses.iter().flatten().enumerate() {
        let AddressInput {
            preferences,
            is_default,
            country_code_alpha2,
            country_code_alpha3,
            country_code_numeric,
            consents,
            address_type: _,
            address1: _,
            address2: _,
            city: _,
            state_province: _,
            postal_code: _,
            country: _,
            is_active: _,
            edited: _,
        } = contact;
        let members = [
            ("AddressPreferences", !says_preferences && preferences.is_some()),
            ("IsDefault", is_default.is_some()),
            ("CountryCode_Alpha2", *country_code_alpha2 != Field::Absent),
            ("CountryCode_Alpha3", *country_code_alpha3 != Field::Absent),
            ("CountryCode_Numeric", *country_code_numeric != Field::Absent),
            ("Consents", !says_consents && consents.is_some()),
        ];
        refuse(&list.item(i), part, &members)?;
    }
    let list = root.member("PhoneNumbers");
    for (i, contact) in phone_numbers.iter().flatten().enumerate() {
        let PhoneInput {
            preferences,
            is_mobile,
            is_default,
            consents,
            phone_type: _,
            phone_number: _,
            phone_number_numeric: _,
            is_active: _,
            edited: _,
        } = contact;
        let members = [
            ("PhoneNumberPreferences", !says_preferences && preferences.is_some()),
            ("IsMobile", is_mobile.is_some()),
            ("IsDefault", is_default.is_some()),
            ("Consents", !says_consents && consents.is_some()),
        ];
        refuse(&list.item(i), part, &members)?;
    }
    let list = root.member("Emails");
    for (i, contact) in emails.iter().flatten().enumerate() {
        let EmailInput {
            preferences,
            is_default,
            consents,
            email_address_type: _,
            email_address: _,
            is_active: _,
            edited: _,
        } = contact;
        let members = [
            ("EmailPreferences", !says_preferences && preferences.is_some()),
            ("IsDefault", is_default.is_some()),
            ("Consents", !says_consents && consents.is_some()),
        ];
        refuse(&list.item(i), part, &members)?;
    }
    Ok(())
}

fn refuse(at: &Path<'_>, part: Part, members: &[(&'static str, bool)]) -> Result<(), Refusal> {
    let what = match part {
        Part::Preferences => "preferences",
        Part::Consents => "consents",
    };
    match members.iter().find(|(_, is_there)| *is_there) {
        Some((name, _)) => {
            let message = format!(
                "is not accepted by this call: it takes {what}, and of a contact what it is found by; send the profile to change more"
            );
            Err(at.member(name).invalid(message))
        }
        None => Ok(()),
    }
}
