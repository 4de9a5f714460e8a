//! Withdrawing a consent by the filter that asks for it.

use super::{
    Changed, Kept, Mode, Write,
    contacts::Contact,
    withdrawal::{self, Said},
};
use crate::{
    config::{Config, Filter},
    id::{Author, fold},
    moment::Moment,
    profile::{Address, Channel, Consent, Email, Extras, Phone, Place, Profile},
    reading,
    refusal::{Refusal, shown},
};

/// Revokes the consents of a type that a preference to a filter stands on or could, the person's own included, and archives what requires
/// them: who takes a consent back by its filter must not keep it in another place. `None` when all of them are withdrawn already.
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
    let meant = meant(&mut profile, &extras, filter, required);
    if meant.is_empty() {
        let message = format!("the profile has no consent {} for the filter {}", shown(required), shown(&filter.id));
        return Err(Refusal::unknown("consentType", message));
    }
    let mut w = Write::new(Mode::Update, config, author, now);
    let mut said = Said::default();
    for (place, consent) in meant {
        said.opted_out(std::iter::once((&consent, &place)), now);
    }
    if !withdrawal::revoke(&mut w, &mut profile, &mut extras, said) {
        return Ok(None);
    }
    w.touch(&mut profile.edited);
    reading::expire(&mut profile, now);
    Ok(Some(Changed { kept: Kept { profile, extras }, former: w.former, declined: 0 }))
}

/// Whose consents of a type count for a filter, or could.
fn meant(profile: &mut Profile, extras: &Extras, filter: &Filter, consent_type: &str) -> Vec<(Place, Consent)> {
    let mut found = Found { channel: filter.channel_id, consent_type: fold(consent_type), meant: Vec::new() };
    // It counts wherever a contact says nothing of its own, that of a contact to come included.
    found.at(Place::Profile, &profile.consents);
    found.contacts(&mut profile.emails);
    found.contacts(&mut profile.phone_numbers);
    found.contacts(&mut profile.addresses);
    // What is kept for the return of removed contacts.
    for (place, consent) in &extras.preserved_consents {
        let channels = match place {
            Place::Profile => Channel::ALL,
            Place::Email { .. } => Email::CHANNELS,
            Place::Phone { .. } => Phone::CHANNELS,
            Place::Address { .. } => Address::CHANNELS,
        };
        if channels.contains(&filter.channel_id) {
            found.at(place.clone(), std::slice::from_ref(consent));
        }
    }
    found.meant
}

struct Found {
    channel: Channel,
    consent_type: String,
    meant: Vec<(Place, Consent)>,
}

impl Found {
    fn contacts<C: Contact>(&mut self, list: &mut [C]) {
        if C::CHANNELS.contains(&self.channel) {
            for contact in list {
                let place = contact.natural_key();
                self.at(place, contact.consents());
            }
        }
    }

    fn at(&mut self, place: Place, consents: &[Consent]) {
        if let Some(consent) = consents.iter().find(|c| fold(&c.consent_type) == self.consent_type) {
            self.meant.push((place, consent.clone()));
        }
    }
}
