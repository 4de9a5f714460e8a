//! Withdrawing a consent by the filter that asks for it.

use std::collections::HashSet;

use super::{
    Changed, Kept, Mode, Write,
    contacts::Contact,
    withdrawal::{self, Said},
};
use crate::{
    config::{Config, Filter},
    id::{Author, fold},
    moment::Moment,
    profile::{Address, Channel, Consent, Email, Extras, Phone, Place, Preference},
    reading,
    refusal::{Refusal, shown},
};

/// Revokes the consents of a type that the profile's preferences to a filter stand on, and archives what requires them. Where no
/// preference stands on one, those are revoked that one could: who takes a consent back by its filter must not keep it. `None` when
/// all of them are withdrawn already.
pub fn withdraw_consent(
    current: Kept,
    filter: &str,
    consent_type: &str,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Option<Changed>, Refusal> {
    let Some((_, filter)) = config.filter(filter) else {
        let message = format!("filter {} is not configured in this account", shown(filter));
        return Err(Refusal::unknown("filterId", message));
    };
    let Some(required) = filter.required_consents.iter().find(|name| fold(name) == fold(consent_type)) else {
        let message = format!("filter {} doesn't require the consent {}", shown(&filter.id), shown(consent_type));
        return Err(Refusal::unknown("consentType", message));
    };
    let Kept { mut profile, mut extras } = current;
    let mut found = Found { filter, consent_type: fold(required), stood_on: Vec::new(), could: Vec::new() };
    found.at(&Place::Profile, &[Channel::Solicit], &profile.profile_preferences, &[], &profile.consents);
    found.contacts(&mut profile.emails, &profile.consents);
    found.contacts(&mut profile.phone_numbers, &profile.consents);
    found.contacts(&mut profile.addresses, &profile.consents);
    found.preserved(&extras, &profile.consents);
    let Found { stood_on, could, .. } = found;
    let meant = if stood_on.is_empty() { could } else { stood_on };
    if meant.is_empty() {
        let message = format!("the profile has no consent {} for the filter {}", shown(required), shown(&filter.id));
        return Err(Refusal::unknown("consentType", message));
    }
    let mut w = Write::new(Mode::Update, config, author, now);
    let mut said = Said::default();
    for (place, consent) in meant {
        said.opted_out(std::iter::once((&consent, place)), now);
    }
    if !withdrawal::revoke(&mut w, &mut profile, &mut extras, said) {
        return Ok(None);
    }
    w.touch(&mut profile.edited);
    reading::expire(&mut profile, now);
    Ok(Some(Changed { kept: Kept { profile, extras }, former: w.former, declined: 0 }))
}

/// The consents of one type that count for a filter, and whose they are.
struct Found<'c> {
    filter: &'c Filter,
    consent_type: String,
    stood_on: Vec<(Place, Consent)>,
    could: Vec<(Place, Consent)>,
}

impl Found<'_> {
    fn contacts<C: Contact>(&mut self, list: &mut [C], of_profile: &[Consent]) {
        for contact in list {
            let place = contact.natural_key();
            let (own, preferences) = contact.consents_and_preferences();
            self.at(&place, C::CHANNELS, preferences, own, of_profile);
        }
    }

    /// What is kept for the return of removed contacts.
    fn preserved(&mut self, extras: &Extras, of_profile: &[Consent]) {
        let of_consents = extras.preserved_consents.iter().map(|(place, _)| place);
        let places: HashSet<&Place> =
            extras.preserved_preferences.iter().map(|(place, _)| place).chain(of_consents).collect();
        for place in places {
            let channels = match place {
                Place::Profile => &[Channel::Solicit],
                Place::Email { .. } => Email::CHANNELS,
                Place::Phone { .. } => Phone::CHANNELS,
                Place::Address { .. } => Address::CHANNELS,
            };
            let own: Vec<Consent> = at(&extras.preserved_consents, place);
            let preferences: Vec<Preference> = at(&extras.preserved_preferences, place);
            self.at(place, channels, &preferences, &own, of_profile);
        }
    }

    fn at(
        &mut self,
        place: &Place,
        channels: &[Channel],
        preferences: &[Preference],
        own: &[Consent],
        of_profile: &[Consent],
    ) {
        if !channels.contains(&self.filter.channel_id) {
            return;
        }
        let of = |list: &[Consent]| list.iter().find(|c| fold(&c.consent_type) == self.consent_type).cloned();
        let counts = of(own).map(|c| (place.clone(), c)).or_else(|| of(of_profile).map(|c| (Place::Profile, c)));
        let Some(counts) = counts else { return };
        let stands = preferences.iter().any(|p| {
            p.filter_id == self.filter.id && p.consents.iter().any(|c| fold(&c.consent_type) == self.consent_type)
        });
        if stands {
            self.stood_on.push(counts);
        } else {
            self.could.push(counts);
        }
    }
}

fn at<T: Clone>(list: &[(Place, T)], place: &Place) -> Vec<T> {
    list.iter().filter(|(at, _)| at == place).map(|(_, thing)| thing.clone()).collect()
}
