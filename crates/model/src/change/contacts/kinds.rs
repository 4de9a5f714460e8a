//! The three kinds of contact: their members, checks and natural keys.

use std::sync::Arc;

use super::Contact;
use crate::{
    change::{
        Path, Write,
        check::{Name, optional, required, within},
        country,
    },
    config::TypeKind,
    input::{AddressInput, ConsentInput, EmailInput, Field, PhoneInput, PreferenceInput},
    normal,
    profile::{Address, Channel, Consent, EditInfo, Email, Phone, Place, Preference},
    refusal::{Refusal, shown},
};

macro_rules! shared {
    () => {
        fn natural_key(&self) -> Place {
            self.place()
        }
        fn is_default(&self) -> bool {
            self.is_default
        }
        fn set_default(&mut self, is_default: bool) {
            self.is_default = is_default;
        }
        fn edited(&mut self) -> &mut Arc<EditInfo> {
            &mut self.edited
        }
        fn preferences(&mut self) -> &mut Vec<Preference> {
            &mut self.preferences
        }
        fn consents(&mut self) -> &mut Vec<Consent> {
            &mut self.consents
        }
        fn consents_and_preferences(&mut self) -> (&[Consent], &mut Vec<Preference>) {
            (&self.consents, &mut self.preferences)
        }
        fn asked_default(input: &Self::Input) -> Option<bool> {
            input.is_default
        }
        fn input_preferences(input: &Self::Input) -> &[PreferenceInput] {
            input.preferences.as_deref().unwrap_or_default()
        }
        fn input_consents(input: &Self::Input) -> &[ConsentInput] {
            input.consents.as_deref().unwrap_or_default()
        }
    };
}

impl Contact for Email {
    type Input = EmailInput;
    const LIST: &'static str = "Emails";
    const PREFERENCES: &'static str = "EmailPreferences";
    const WHAT: &'static str = "email";
    const TYPE: TypeKind = TypeKind::Email;
    const TYPE_MEMBER: &'static str = "EmailAddressType";
    const VALUE_MEMBER: &'static str = "EmailAddress";
    const CHANNELS: &'static [Channel] = &[Channel::Email];
    type Key<'a> = [Name<'a>; 2];
    shared!();

    fn key(&self) -> [Name<'_>; 2] {
        [Name(&self.email_address_type), Name(&self.email_address)]
    }

    fn fresh(w: &Write<'_>, path: &Path<'_>, input: &EmailInput) -> Result<Self, Refusal> {
        let kind = required(&path.member(Self::TYPE_MEMBER), &input.email_address_type, 100)?;
        let at = path.member("EmailAddress");
        let address = required(&at, &input.email_address, 256)?;
        // Whether a mailbox is there can't be seen from its name: only what no mail program would send to is refused.
        let well_formed = address.split_once('@').is_some_and(|(mailbox, domain)| {
            !mailbox.is_empty() && !domain.is_empty() && !domain.contains('@') && !address.contains(char::is_whitespace)
        });
        if !well_formed {
            return Err(at.invalid(format!(
                "{} is no email address: one @ with something before and after it, and no spaces, is accepted",
                shown(address)
            )));
        }
        Ok(Email {
            preferences: Vec::new(),
            email_address_type: w.type_name(&path.member(Self::TYPE_MEMBER), TypeKind::Email, kind)?,
            email_address: address.to_owned(),
            is_default: input.is_default.unwrap_or(false),
            is_active: true,
            edited: w.stamp(),
            consents: Vec::new(),
        })
    }
    fn inherit(&mut self, old: &Self, input: &EmailInput) {
        self.is_default = input.is_default.unwrap_or(old.is_default);
    }
    fn type_name(&self) -> &str {
        &self.email_address_type
    }
    fn value(&self) -> &str {
        &self.email_address
    }
}

impl Contact for Phone {
    type Input = PhoneInput;
    const LIST: &'static str = "PhoneNumbers";
    const PREFERENCES: &'static str = "PhoneNumberPreferences";
    const WHAT: &'static str = "phone number";
    const TYPE: TypeKind = TypeKind::Phone;
    const TYPE_MEMBER: &'static str = "PhoneType";
    const VALUE_MEMBER: &'static str = "PhoneNumber";
    const CHANNELS: &'static [Channel] = &[Channel::Phone, Channel::Text, Channel::Fax];
    type Key<'a> = (Name<'a>, &'a str);
    shared!();

    fn key(&self) -> (Name<'_>, &str) {
        (Name(&self.phone_type), &self.phone_number_numeric)
    }

    fn fresh(w: &Write<'_>, path: &Path<'_>, input: &PhoneInput) -> Result<Self, Refusal> {
        let kind = required(&path.member(Self::TYPE_MEMBER), &input.phone_type, 100)?;
        let at = path.member("PhoneNumber");
        let number = required(&at, &input.phone_number, 32)?;
        let digits = normal::digits(number);
        if digits.is_empty() {
            return Err(
                at.invalid(format!("{} has no digit in it; a phone number is found by its digits", shown(number)))
            );
        }
        Ok(Phone {
            preferences: Vec::new(),
            phone_type: w.type_name(&path.member(Self::TYPE_MEMBER), TypeKind::Phone, kind)?,
            phone_number: number.to_owned(),
            phone_number_numeric: digits,
            is_mobile: input.is_mobile.unwrap_or(false),
            is_default: input.is_default.unwrap_or(false),
            is_active: true,
            edited: w.stamp(),
            consents: Vec::new(),
        })
    }
    fn inherit(&mut self, old: &Self, input: &PhoneInput) {
        self.is_default = input.is_default.unwrap_or(old.is_default);
        self.is_mobile = input.is_mobile.unwrap_or(old.is_mobile);
    }
    fn type_name(&self) -> &str {
        &self.phone_type
    }
    fn value(&self) -> &str {
        &self.phone_number
    }
    fn takes_texts(&self) -> bool {
        self.is_mobile
    }
}

impl Contact for Address {
    type Input = AddressInput;
    const LIST: &'static str = "Addresses";
    const PREFERENCES: &'static str = "AddressPreferences";
    const WHAT: &'static str = "address";
    const TYPE: TypeKind = TypeKind::Address;
    const TYPE_MEMBER: &'static str = "AddressType";
    const VALUE_MEMBER: &'static str = "Address1";
    const CHANNELS: &'static [Channel] = &[Channel::Mail];
    type Key<'a> = Place;
    shared!();

    fn key(&self) -> Place {
        self.place()
    }

    fn fresh(w: &Write<'_>, path: &Path<'_>, input: &AddressInput) -> Result<Self, Refusal> {
        let kind = required(&path.member(Self::TYPE_MEMBER), &input.address_type, 100)?;
        let state = path.member("StateProvince");
        let state_province = required(&state, &input.state_province, 50)?;
        if state_province.chars().nth(1).is_none() {
            return Err(
                state.invalid(format!("{} is too short: 2 to 50 characters are accepted", shown(state_province)))
            );
        }
        let mut address = Address {
            preferences: Vec::new(),
            address_type: w.type_name(&path.member(Self::TYPE_MEMBER), TypeKind::Address, kind)?,
            is_default: input.is_default.unwrap_or(false),
            address1: required(&path.member("Address1"), &input.address1, 125)?.to_owned(),
            address2: optional(&path.member("Address2"), &input.address2, 125)?,
            city: required(&path.member("City"), &input.city, 50)?.to_owned(),
            state_province: state_province.to_owned(),
            postal_code: required(&path.member("PostalCode"), &input.postal_code, 15)?.to_owned(),
            country_code_alpha2: code(&path.member("CountryCode_Alpha2"), &input.country_code_alpha2, 2)?,
            country_code_alpha3: code(&path.member("CountryCode_Alpha3"), &input.country_code_alpha3, 3)?,
            country_code_numeric: code(&path.member("CountryCode_Numeric"), &input.country_code_numeric, 3)?,
            country: None,
            is_active: true,
            edited: w.stamp(),
            consents: Vec::new(),
        };
        complete_country(&mut address);
        Ok(address)
    }
    fn inherit(&mut self, old: &Self, input: &AddressInput) {
        self.is_default = input.is_default.unwrap_or(old.is_default);
        let codes = [&input.country_code_alpha2, &input.country_code_alpha3, &input.country_code_numeric];
        // The three codes say one thing: sending one of them says it anew.
        if codes.iter().all(|code| **code == Field::Absent) {
            self.country_code_alpha2.clone_from(&old.country_code_alpha2);
            self.country_code_alpha3.clone_from(&old.country_code_alpha3);
            self.country_code_numeric.clone_from(&old.country_code_numeric);
            self.country.clone_from(&old.country);
        }
    }
    fn type_name(&self) -> &str {
        &self.address_type
    }
    fn value(&self) -> &str {
        &self.address1
    }
}

fn code(path: &Path<'_>, field: &Field<String>, length: usize) -> Result<Option<String>, Refusal> {
    match field {
        Field::Set(code) if !code.is_empty() => {
            within(path, code, length)?;
            Ok(Some(code.clone()))
        }
        _ => Ok(None),
    }
}

/// Fills in the name and the codes not given from one that is. A code that ISO doesn't know stays as it was given.
fn complete_country(a: &mut Address) {
    let codes = [&a.country_code_alpha2, &a.country_code_alpha3, &a.country_code_numeric];
    let Some(country) = codes.into_iter().flatten().find_map(|code| country::find(code)) else {
        return;
    };
    let fill = |code: &mut Option<String>, known: &str| {
        code.get_or_insert_with(|| known.to_owned());
    };
    fill(&mut a.country_code_alpha2, country.alpha2);
    fill(&mut a.country_code_alpha3, country.alpha3);
    fill(&mut a.country_code_numeric, country.numeric);
    a.country = Some(country.name.to_owned());
}
