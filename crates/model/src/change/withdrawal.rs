//! What a withdrawn choice takes with it (profile.md, Rules): an opt-out revokes the consents that the preference carried, a
//! consent that is not granted any more archives the opt-ins that require it, a phone that is no mobile its text preferences.

use super::{
    Write, consents,
    contacts::{Contact, Merged},
    preferences,
};
use crate::{
    config::Config,
    id::fold,
    moment::Moment,
    profile::{
        Channel, Consent, ConsentStatus, Extras, Phone, Place, Preference, PreferenceStatus, PreferenceType, Profile,
    },
};

/// What the preferences of one call said of consents: whose, and of which type.
#[derive(Default)]
pub(super) struct Said {
    affirmed: Vec<(Place, String)>,
    withdrawn: Vec<(Place, String, Moment)>,
}

impl Said {
    /// An opt-in that stands on these consents.
    pub fn opted_in<'c>(&mut self, consents: impl Iterator<Item = (&'c Consent, &'c Place)>) {
        self.affirmed.extend(consents.map(|(c, place)| (place.clone(), c.consent_type.clone())));
    }
    /// An opt-out, said at `date`, of a preference that carried these consents.
    pub fn opted_out<'c>(&mut self, consents: impl Iterator<Item = (&'c Consent, &'c Place)>, date: Moment) {
        self.withdrawn.extend(consents.map(|(c, place)| (place.clone(), c.consent_type.clone(), date)));
    }
}

/// Turns the consents that opt-outs withdrew from Granted to Revoked, and archives what requires them; whether there was any. A consent
/// that another preference of the same call newly opts in with stays: the person who says both means that it stands. (An opt-in that is only
/// sent back as it was read says nothing, and saves no consent.)
pub(super) fn revoke(w: &mut Write<'_>, profile: &mut Profile, extras: &mut Extras, said: Said) -> bool {
    let mut revoked = Vec::new();
    for (place, consent_type, date) in said.withdrawn {
        if said.affirmed.iter().any(|(p, t)| *p == place && *t == consent_type) {
            continue;
        }
        let list = match &place {
            Place::Profile => Some(&mut profile.consents),
            Place::Email { .. } => consents_at(&mut profile.emails, &place),
            Place::Phone { .. } => consents_at(&mut profile.phone_numbers, &place),
            Place::Address { .. } => consents_at(&mut profile.addresses, &place),
        };
        // That of a removed contact: what it was before is in history since then.
        let preserved = extras.preserved_consents.iter_mut().filter(|(at, _)| *at == place).map(|(_, c)| c);
        let mut preserved = preserved.filter(|c| c.consent_type == consent_type).peekable();
        let is_preserved = preserved.peek().is_some();
        let consent = list.and_then(|list| list.iter_mut().find(|c| c.consent_type == consent_type));
        if let Some(consent) =
            consent.or_else(|| preserved.next()).filter(|c| c.consent_status == ConsentStatus::Granted)
        {
            let former = consent.clone();
            consent.consent_status = ConsentStatus::Revoked;
            consent.consent_date = date;
            let kind = w.config.consent_type(&consent_type);
            let version = kind.and_then(|k| k.versions.iter().find(|v| v.consent_version == consent.consent_version));
            consent.expiration_date = version.and_then(|v| consents::expiration(v, date));
            w.touch(&mut consent.edited);
            if !is_preserved && !w.consented.contains(&(place.clone(), consent_type.clone())) {
                consents::remember(w, || place.clone(), former);
            }
            revoked.push(consent_type);
        }
    }
    archive_unconsented(w, profile, extras, &revoked);
    !revoked.is_empty()
}

fn consents_at<'p, C: Contact>(list: &'p mut [C], place: &Place) -> Option<&'p mut Vec<Consent>> {
    list.iter_mut().find(|c| c.natural_key() == *place).map(C::consents)
}

/// Archives the opt-ins that require one of these consent types and have it granted no more, by their contact nor, where that
/// says nothing, by the person; those that are kept for the return of a removed contact, too. Opt-outs stay in force: they require no
/// consent.
pub(super) fn archive_unconsented(w: &mut Write<'_>, profile: &mut Profile, extras: &mut Extras, types: &[String]) {
    if types.is_empty() {
        return;
    }
    let Profile { consents, profile_preferences, emails, phone_numbers, addresses, .. } = profile;
    unconsented(w, || Place::Profile, profile_preferences, &[], consents, extras, Some(types));
    of_contacts(w, emails, consents, extras, types);
    of_contacts(w, phone_numbers, consents, extras, types);
    of_contacts(w, addresses, consents, extras, types);
    if !extras.preserved_preferences.is_empty() {
        let of_contacts = extras.preserved_consents.clone();
        let config = w.config;
        archive_preserved(w, extras, None, |place, p| {
            let own = of_contacts.iter().filter(|(at, _)| at == place).map(|(_, c)| c);
            lacks_consent(config, p, own.chain(consents.iter()), Some(types))
        });
    }
}

fn of_contacts<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    profile_consents: &[Consent],
    extras: &mut Extras,
    types: &[String],
) {
    for contact in list {
        if !contact.preferences().is_empty() {
            let key = contact.natural_key();
            let (own, preferences) = contact.consents_and_preferences();
            unconsented(w, || key.clone(), preferences, own, profile_consents, extras, Some(types));
        }
    }
}

/// Archives the opt-ins that came back with their contact but not to the consents that they stood on: these may have been revoked
/// meanwhile, or not been kept.
pub(super) fn archive_returned<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    merged: &Merged,
    profile_consents: &[Consent],
    extras: &mut Extras,
) {
    for at in &merged.returned {
        let contact = &mut list[*at];
        let key = contact.natural_key();
        let (own, preferences) = contact.consents_and_preferences();
        unconsented(w, || key.clone(), preferences, own, profile_consents, extras, None);
    }
}

fn unconsented(
    w: &mut Write<'_>,
    place: impl Fn() -> Place,
    list: &mut Vec<Preference>,
    own: &[Consent],
    profile_consents: &[Consent],
    extras: &mut Extras,
    types: Option<&[String]>,
) {
    let config = w.config;
    archive(w, place, list, extras, None, |p| lacks_consent(config, p, own.iter().chain(profile_consents), types));
}

/// Whether an opt-in carries or requires a consent, of these types if any are named, that isn't granted. The consents that count for it come
/// with its contact's own first.
fn lacks_consent<'c>(
    config: &Config,
    p: &Preference,
    consents: impl Iterator<Item = &'c Consent> + Clone,
    types: Option<&[String]>,
) -> bool {
    let granted = |consent_type: &str| {
        let found = consents.clone().find(|c| fold(&c.consent_type) == consent_type);
        found.is_some_and(|c| c.consent_status == ConsentStatus::Granted)
    };
    let concerned = |consent_type: &str| types.is_none_or(|types| types.iter().any(|t| fold(t) == consent_type));
    let carried = p.consents.iter().map(|c| &c.consent_type);
    let required = config.filter(&p.filter_id).into_iter().flat_map(|(_, filter)| &filter.required_consents);
    p.preference_type == PreferenceType::OptIn
        && carried.chain(required).map(|t| fold(t)).any(|t| concerned(&t) && !granted(&t))
}

/// `Text` preferences need a mobile phone: archives those of phones that are none any more.
pub(super) fn archive_texts(w: &mut Write<'_>, phones: &mut [Phone], extras: &mut Extras) {
    for phone in phones.iter_mut().filter(|p| !p.is_mobile && !p.preferences.is_empty()) {
        let key = phone.place();
        archive(w, || key.clone(), &mut phone.preferences, extras, None, |p| p.channel_id == Channel::Text);
    }
}

/// Moves preferences from a row to what is kept beside it, and notes them in history. Of one filter only the newest archived
/// preference is kept there; history has them all. A `reason` becomes their reason code.
pub(super) fn archive(
    w: &mut Write<'_>,
    place: impl Fn() -> Place,
    list: &mut Vec<Preference>,
    extras: &mut Extras,
    reason: Option<&str>,
    goes: impl Fn(&Preference) -> bool,
) {
    for preference in list.extract_if(.., |p| goes(p)) {
        let place = place();
        preferences::remember(w, &place, &preference);
        w.archived.push((place.clone(), preference.clone()));
        keep_archived(w, place, preference, extras, reason);
    }
}

/// The same for what is kept for the return of removed contacts; how much that was. It is in history since its contact was removed.
pub(super) fn archive_preserved(
    w: &Write<'_>,
    extras: &mut Extras,
    reason: Option<&str>,
    goes: impl Fn(&Place, &Preference) -> bool,
) -> usize {
    let gone: Vec<_> = extras.preserved_preferences.extract_if(.., |(place, p)| goes(place, p)).collect();
    let count = gone.len();
    for (place, preference) in gone {
        keep_archived(w, place, preference, extras, reason);
    }
    count
}

fn keep_archived(w: &Write<'_>, place: Place, mut preference: Preference, extras: &mut Extras, reason: Option<&str>) {
    preference.preference_status = PreferenceStatus::Archived;
    preference.last_modified_date = w.now;
    if let Some(reason) = reason {
        preference.reason_code = Some(reason.to_owned());
    }
    extras.archived.retain(|(p, old)| *p != place || old.filter_id != preference.filter_id);
    extras.archived.push((place, preference));
}
