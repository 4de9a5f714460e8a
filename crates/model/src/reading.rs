//! How a stored profile reads at a moment (profile.md: whether something has expired is decided at the moment of reading).

mod filter_consents;
mod implied;
#[cfg(test)]
mod tests;

use crate::{
    change::Kept,
    config::{Config, Output},
    moment::Moment,
    profile::{Consent, Place, Preference, PreferenceStatus, Profile},
};

pub use filter_consents::{FilterConsents, Stand, filter_consents};
pub use implied::implies_alike;

/// Sets `PreferenceStatus` and `Expired` of everything in the profile to what they are at `at`: expired when the
/// expiration date is at or before it. Archived preferences stay archived.
pub fn expire(profile: &mut Profile, at: Moment) {
    let has_expired = |date: Option<Moment>| date.is_some_and(|date| date <= at);
    for preference in preference_lists_mut(profile).flatten() {
        if preference.preference_status != PreferenceStatus::Archived {
            preference.preference_status = if has_expired(preference.expiration_date) {
                PreferenceStatus::Expired
            } else {
                PreferenceStatus::Active
            };
        }
    }
    for consent in consent_lists_mut(profile).flatten() {
        consent.expired = has_expired(consent.expiration_date);
    }
}

/// Every moment at which something in the profile expires, past and future, sorted, each once.
pub fn expiries(profile: &Profile) -> Vec<Moment> {
    let mut moments: Vec<Moment> = expiration_dates(profile).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// The next expiry after `at`.
pub fn next_expiry(profile: &Profile, at: Moment) -> Option<Moment> {
    expiration_dates(profile).filter(|m| *m > at).min()
}

/// The profile as it reads at `at` under these output settings: expired, with archived and implied preferences merged where
/// they are asked for. The optional parts that `output` leaves out are still there (cut when rendered).
pub fn read(kept: &Kept, config: &Config, output: &Output, at: Moment) -> Profile {
    let mut profile = kept.profile.clone();
    if output.implied && config.source.implied_preferences {
        implied::add(&mut profile, &kept.extras.archived, config, at);
    }
    if output.archived {
        for (place, preference) in &kept.extras.archived {
            // Archived preferences of a contact that is gone are not shown; they come back with it.
            if let Some(list) = preferences_at_mut(&mut profile, place) {
                list.push(preference.clone());
            }
        }
    }
    expire(&mut profile, at);
    profile
}

/// The preferences that hang at a place; `None` when the profile has no such contact.
pub(crate) fn preferences_at_mut<'a>(profile: &'a mut Profile, place: &Place) -> Option<&'a mut Vec<Preference>> {
    match place {
        Place::Profile => Some(&mut profile.profile_preferences),
        Place::Email { .. } => profile.emails.iter_mut().find(|c| c.place() == *place).map(|c| &mut c.preferences),
        Place::Phone { .. } => {
            profile.phone_numbers.iter_mut().find(|c| c.place() == *place).map(|c| &mut c.preferences)
        }
        Place::Address { .. } => profile.addresses.iter_mut().find(|c| c.place() == *place).map(|c| &mut c.preferences),
    }
}

fn preference_lists_mut(p: &mut Profile) -> impl Iterator<Item = &mut Vec<Preference>> {
    std::iter::once(&mut p.profile_preferences)
        .chain(p.addresses.iter_mut().map(|c| &mut c.preferences))
        .chain(p.phone_numbers.iter_mut().map(|c| &mut c.preferences))
        .chain(p.emails.iter_mut().map(|c| &mut c.preferences))
}

fn consent_lists_mut(p: &mut Profile) -> impl Iterator<Item = &mut Vec<Consent>> {
    std::iter::once(&mut p.consents)
        .chain(p.addresses.iter_mut().map(|c| &mut c.consents))
        .chain(p.phone_numbers.iter_mut().map(|c| &mut c.consents))
        .chain(p.emails.iter_mut().map(|c| &mut c.consents))
}

fn expiration_dates(p: &Profile) -> impl Iterator<Item = Moment> {
    let preferences = std::iter::once(&p.profile_preferences)
        .chain(p.addresses.iter().map(|c| &c.preferences))
        .chain(p.phone_numbers.iter().map(|c| &c.preferences))
        .chain(p.emails.iter().map(|c| &c.preferences));
    let consents = std::iter::once(&p.consents)
        .chain(p.addresses.iter().map(|c| &c.consents))
        .chain(p.phone_numbers.iter().map(|c| &c.consents))
        .chain(p.emails.iter().map(|c| &c.consents));
    preferences
        .flatten()
        .filter_map(|preference| preference.expiration_date)
        .chain(consents.flatten().filter_map(|consent| consent.expiration_date))
}
