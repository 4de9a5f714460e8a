//! Profiles made at random, for property tests of every room.

pub(crate) mod account;

use std::sync::Arc;

use proptest::{collection::vec, option::of, prelude::*, sample::select};

use crate::{id::ProfileId, moment::Moment, profile::*};

/// Text with everything that JSON has to escape.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z ]{0,8}",
        1 => vec(prop_oneof![any::<char>(), (0u8..0x80).prop_map(char::from)], 0..6).prop_map(String::from_iter),
    ]
}

pub(crate) fn moment() -> impl Strategy<Value = Moment> {
    // Few enough that two of them often meet.
    prop_oneof![
        (0i64..20).prop_map(|n| Moment(1_700_000_000_000 + n)),
        (Moment::FIRST.0..=Moment::LAST.0).prop_map(Moment)
    ]
}

fn edited() -> impl Strategy<Value = Arc<EditInfo>> {
    (moment(), text(), of(text()), moment(), text(), of(text())).prop_map(
        |(create_date, create_user_id, create_source_id, last_modified_date, last_modified_user_id, source)| {
            Arc::new(EditInfo {
                create_date,
                create_user_id,
                create_source_id,
                last_modified_date,
                last_modified_user_id,
                last_modified_source_id: source,
            })
        },
    )
}

pub(crate) fn consent() -> impl Strategy<Value = Consent> {
    let status = select(ConsentStatus::ALL);
    (text(), text(), text(), status, moment(), of(moment()), any::<bool>(), edited()).prop_map(
        |(consent_type, consent_version, locale, consent_status, consent_date, expiration_date, expired, edited)| {
            Consent {
                consent_type,
                consent_version,
                locale,
                consent_status,
                consent_date,
                expiration_date,
                expired,
                edited,
            }
        },
    )
}

fn consent_version() -> impl Strategy<Value = ConsentVersion> {
    (text(), text(), text(), select(ConsentStatus::ALL)).prop_map(
        |(consent_type, consent_version, locale, consent_status)| ConsentVersion {
            consent_type,
            consent_version,
            locale,
            consent_status,
        },
    )
}

pub(crate) fn preference() -> impl Strategy<Value = Preference> {
    (
        (text(), select(Channel::ALL), vec(consent_version(), 0..3), select(MatchType::ALL), of(text()), of(moment())),
        (select(PreferenceStatus::ALL), moment(), text(), of(text()), text(), select(PreferenceType::ALL)),
        (of(text()), vec((text(), of(text())), 0..3), moment()),
    )
        .prop_map(|(a, b, c)| Preference {
            program_id: a.0,
            channel_id: a.1,
            consents: a.2,
            match_type: a.3,
            reason_code: a.4,
            expiration_date: a.5,
            preference_status: b.0,
            last_modified_date: b.1,
            user_id: b.2,
            source_id: b.3,
            filter_id: b.4,
            preference_type: b.5,
            frequency_id: c.0,
            preference_attributes: c.1.into_iter().map(|(key, value)| Attribute { key, value }).collect(),
            customer_date: c.2,
        })
}

fn address() -> impl Strategy<Value = Address> {
    (
        (vec(preference(), 0..2), text(), any::<bool>(), text(), of(text()), text(), text(), text()),
        (of(text()), of(text()), of(text()), of(text()), any::<bool>(), edited(), vec(consent(), 0..2)),
    )
        .prop_map(|(a, b)| Address {
            preferences: a.0,
            address_type: a.1,
            is_default: a.2,
            address1: a.3,
            address2: a.4,
            city: a.5,
            state_province: a.6,
            postal_code: a.7,
            country_code_alpha2: b.0,
            country_code_alpha3: b.1,
            country_code_numeric: b.2,
            country: b.3,
            is_active: b.4,
            edited: b.5,
            consents: b.6,
        })
}

fn phone() -> impl Strategy<Value = Phone> {
    (
        (vec(preference(), 0..2), text(), text(), "[0-9]{1,12}"),
        (any::<bool>(), any::<bool>(), any::<bool>(), edited(), vec(consent(), 0..2)),
    )
        .prop_map(|(a, b)| Phone {
            preferences: a.0,
            phone_type: a.1,
            phone_number: a.2,
            phone_number_numeric: a.3,
            is_mobile: b.0,
            is_default: b.1,
            is_active: b.2,
            edited: b.3,
            consents: b.4,
        })
}

fn email() -> impl Strategy<Value = Email> {
    (vec(preference(), 0..2), text(), text(), any::<bool>(), any::<bool>(), edited(), vec(consent(), 0..2)).prop_map(
        |(preferences, email_address_type, email_address, is_default, is_active, edited, consents)| Email {
            preferences,
            email_address_type,
            email_address,
            is_default,
            is_active,
            edited,
            consents,
        },
    )
}

pub(crate) fn profile() -> impl Strategy<Value = Profile> {
    let name = (of(text()), of(text()), of(text()), of(text()), of(text()));
    (
        (
            any::<u64>(),
            any::<bool>(),
            edited(),
            any::<bool>(),
            of(text()),
            any::<bool>(),
            any::<bool>(),
            name,
            of(text()),
        ),
        (vec(consent(), 0..3), vec(preference(), 0..3), vec((text(), text(), any::<bool>(), edited()), 0..3)),
        (vec(address(), 0..3), vec(phone(), 0..3), vec(email(), 0..3)),
        (vec((text(), text(), any::<bool>()), 0..3), vec(text(), 0..3), vec((text(), of(text())), 0..3)),
    )
        .prop_map(|(a, b, c, d)| Profile {
            profile_id: ProfileId(a.0),
            is_active: a.1,
            edited: a.2,
            registration_confirmed: a.3,
            customer_type: a.4,
            preserve_consents: a.5,
            preserve_preferences: a.6,
            customer_name: CustomerName {
                prefix: a.7.0,
                first_name: a.7.1,
                middle_name: a.7.2,
                last_name: a.7.3,
                suffix: a.7.4,
            },
            default_locale: a.8,
            consents: b.0,
            profile_preferences: b.1,
            alternate_ids: (b.2.into_iter())
                .map(|(alternate_id_type, alternate_id, is_active, edited)| AlternateId {
                    alternate_id_type,
                    alternate_id,
                    is_active,
                    edited,
                })
                .collect(),
            addresses: c.0,
            phone_numbers: c.1,
            emails: c.2,
            groups: (d.0.into_iter())
                .map(|(group_type, group_name, is_primary)| Group { group_type, group_name, is_primary })
                .collect(),
            profile_tags: d.1.into_iter().map(|name| Tag { name }).collect(),
            custom_fields: d.2.into_iter().map(|(name, value)| CustomFieldValue { name, value }).collect(),
        })
}
