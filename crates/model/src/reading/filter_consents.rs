//! What a profile has consented to, by the filters that ask for it.

use serde::Serialize;

use crate::{
    config::Config,
    id::fold,
    profile::{Channel, Consent, ConsentStatus, Profile},
};

/// A filter that requires consents, and how the profile stands to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct FilterConsents<'a> {
    pub filter_id: &'a str,
    pub program_id: &'a str,
    pub channel_id: Channel,
    pub consents: Vec<Stand<'a>>,
}

/// One consent of a type that a filter requires, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Stand<'a> {
    pub consent_type: &'a str,
    pub consent_version: Option<&'a str>,
    pub locale: Option<&'a str>,
    /// `NotSet` where the profile has no such consent.
    pub consent_status: ConsentStatus,
    pub expired: bool,
}

/// Every active filter that requires consents, in the order of the configuration, with the profile's consents of these types: its own,
/// then its contacts'. The profile is one that was read ([`super::read`]), so that what has expired says so.
pub fn filter_consents<'a>(profile: &'a Profile, config: &'a Config) -> Vec<FilterConsents<'a>> {
    let filters = config.source.programs.iter().flat_map(|program| program.filters.iter().map(move |f| (program, f)));
    filters
        .filter(|(_, filter)| filter.is_active && !filter.required_consents.is_empty())
        .map(|(program, filter)| FilterConsents {
            filter_id: &filter.id,
            program_id: &program.id,
            channel_id: filter.channel_id,
            consents: filter.required_consents.iter().flat_map(|name| stands(profile, config, name)).collect(),
        })
        .collect()
}

fn stands<'a>(profile: &'a Profile, config: &'a Config, required: &'a str) -> Vec<Stand<'a>> {
    let name = fold(required);
    let of_type = |list: &'a [Consent]| list.iter().filter(|c| fold(&c.consent_type) == name);
    let mut stands: Vec<Stand<'a>> = of_type(&profile.consents)
        .chain(profile.emails.iter().flat_map(|contact| of_type(&contact.consents)))
        .chain(profile.phone_numbers.iter().flat_map(|contact| of_type(&contact.consents)))
        .chain(profile.addresses.iter().flat_map(|contact| of_type(&contact.consents)))
        .map(|consent| Stand {
            consent_type: &consent.consent_type,
            consent_version: Some(&consent.consent_version),
            locale: Some(&consent.locale),
            consent_status: consent.consent_status,
            expired: consent.expired,
        })
        .collect();
    if stands.is_empty() {
        stands.push(Stand {
            consent_type: config.consent_type(required).map_or(required, |kind| &kind.type_name),
            consent_version: None,
            locale: None,
            consent_status: ConsentStatus::NotSet,
            expired: false,
        });
    }
    stands
}
