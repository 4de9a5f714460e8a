//! Consents of the person as a whole and of single contacts.

use std::collections::HashSet;

use super::{
    HistoryKind, Mode, Path, Write, check,
    check::{Name, required},
    contacts::{Contact, Merged},
    import, json,
};
use crate::{
    config::{ConsentType, ConsentTypeVersion},
    id::{fold, same},
    input::ConsentInput,
    moment::{Choice, Moment, parse_customer_date},
    profile::{Channel, Consent, ConsentStatus, Place},
    refusal::{Refusal, shown},
};

/// Writes consents of the person as a whole; gives the types that are not granted any more.
pub(super) fn of_profile(
    w: &mut Write<'_>,
    list: &mut Vec<Consent>,
    input: &[ConsentInput],
) -> Result<Vec<String>, Refusal> {
    let mut refused = Vec::new();
    let holder = Holder { place: Place::Profile, channels: Channel::ALL, removes: w.mode == Mode::Replace };
    write(w, &Path::Root.member("Consents"), &holder, list, input, &mut refused)?;
    Ok(refused)
}

/// Writes the consents of contacts; adds the types that are not granted any more to `refused`.
pub(super) fn of_contacts<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    inputs: &[C::Input],
    merged: &Merged,
    refused: &mut Vec<String>,
) -> Result<(), Refusal> {
    let path = Path::Root.member(C::LIST);
    for (i, (input, &at)) in inputs.iter().zip(&merged.places).enumerate() {
        let consents = C::input_consents(input);
        let removes = w.mode == Mode::Replace && !merged.returned.contains(&at);
        if removes || !consents.is_empty() {
            let contact = &mut list[at];
            let holder = Holder { place: contact.natural_key(), channels: C::CHANNELS, removes };
            let path = path.item(i);
            write(w, &path.member("Consents"), &holder, contact.consents(), consents, refused)?;
        }
    }
    Ok(())
}

/// Whose consents are written.
struct Holder {
    place: Place,
    channels: &'static [Channel],
    /// Whether those that aren't sent are removed.
    removes: bool,
}

/// One holder has one consent of a type: a new one, also in another locale or version, takes the former's place.
fn write(
    w: &mut Write<'_>,
    path: &Path<'_>,
    holder: &Holder,
    list: &mut Vec<Consent>,
    input: &[ConsentInput],
    refused: &mut Vec<String>,
) -> Result<(), Refusal> {
    let mut new = Vec::with_capacity(input.len());
    for (i, input) in input.iter().enumerate() {
        new.push(match list.iter().find(|old| is_as_read(old, input)) {
            // Nothing new was said, and so it needn't be what could be said now.
            Some(old) => (old.clone(), None),
            None => consent(w, &path.item(i), holder.channels, list, input)?,
        });
    }
    let key = |c: &Consent| fold(&c.consent_type);
    let current = list.iter().map(|c| Name(&c.consent_type));
    let names = new.iter().map(|(c, _)| Name(&c.consent_type));
    let found = check::matched(path, "consent type", current, names.enumerate())?;
    let sent: HashSet<String> = if holder.removes { new.iter().map(|(c, _)| key(c)).collect() } else { HashSet::new() };
    list.reserve_exact(new.len());
    for (i, ((mut new, switched_off), found)) in new.into_iter().zip(found).enumerate() {
        let old = found.map(|at| &mut list[at]);
        let same_text = |old: &Consent| old.consent_version == new.consent_version && old.locale == new.locale;
        if let Some(old) = &old
            && same_text(old)
        {
            if is_as_read(old, &input[i]) {
                continue;
            }
            new.edited = old.edited.clone();
            w.touch(&mut new.edited);
        }
        let was_granted =
            old.as_ref().is_some_and(|old| same_text(old) && old.consent_status == ConsentStatus::Granted);
        if let Some(message) = switched_off
            && new.consent_status == ConsentStatus::Granted
            && !was_granted
        {
            return Err(path.item(i).unknown(message));
        }
        if new.consent_status != ConsentStatus::Granted {
            refused.push(new.consent_type.clone());
        }
        if let Some(old) = &old
            && import::is_older(w.config, &new.consent_type, &new.consent_version, &old.consent_version)
        {
            w.set_back.insert((holder.place.clone(), new.consent_type.clone()));
        }
        if w.mode != Mode::Create {
            w.consented.insert((holder.place.clone(), new.consent_type.clone()));
        }
        match old {
            Some(old) => remember(w, || holder.place.clone(), std::mem::replace(old, new)),
            None => list.push(new),
        }
    }
    if holder.removes {
        for old in list.extract_if(.., |old| !sent.contains(&key(old))) {
            refused.push(old.consent_type.clone());
            remember(w, || holder.place.clone(), old);
        }
    }
    Ok(())
}

/// Whether an input is this consent as it was read.
fn is_as_read(old: &Consent, input: &ConsentInput) -> bool {
    let same = |a: &str, b: &Option<String>| b.as_deref().is_some_and(|b| same(a, b));
    let date = |text: &str| parse_customer_date(text, Choice::In).ok();
    same(&old.consent_type, &input.consent_type)
        && same(&old.consent_version, &input.consent_version)
        && same(&old.locale, &input.locale)
        && input.consent_status == Some(old.consent_status)
        && input.consent_date.as_deref().and_then(date) == Some(old.consent_date)
}

/// Keeps a former consent for history.
pub(super) fn remember(w: &mut Write<'_>, place: impl Fn() -> Place, old: Consent) {
    w.remember(HistoryKind::Consents, || serde_json::json!({ "Place": place(), "Consent": json(&old) }));
}

/// When a consent given at `date` expires: fixed when it is written, by the version's days then (profile.md).
pub(super) fn expiration(version: &ConsentTypeVersion, date: Moment) -> Option<Moment> {
    version.expiration_in_days.map(|days| date.plus_days(days))
}

/// A consent of the input, checked; and if its type or version is switched off, what to say of that. `there` are those that its place has.
fn consent(
    w: &Write<'_>,
    path: &Path<'_>,
    channels: &[Channel],
    there: &[Consent],
    input: &ConsentInput,
) -> Result<(Consent, Option<String>), Refusal> {
    let at = path.member("ConsentType");
    let name = required(&at, &input.consent_type, 100)?;
    let Some(kind) = w.config.consent_type(name) else {
        return Err(at.unknown(format!("consent type {} is not configured in this account", shown(name))));
    };
    // One that hangs here from before its type was about that channel must not stay for good: it can always be withdrawn.
    let withdraws = || {
        input.consent_status.is_some_and(|status| status != ConsentStatus::Granted)
            && there.iter().any(|c| same(&c.consent_type, name))
    };
    if let Some(channel) = kind.channel.filter(|channel| !channels.contains(channel))
        && !withdraws()
    {
        let message = format!(
            "consent type {} is about the channel {}, which this contact doesn't have",
            shown(&kind.type_name),
            channel.word()
        );
        return Err(at.invalid(message));
    }
    let (version, locale) = version(path, kind, input)?;
    let Some(consent_status) = input.consent_status else {
        return Err(path.member("ConsentStatus").invalid("is required: 1 Granted, 2 Denied, 3 Revoked or 4 NotSet"));
    };
    let consent_date = match &input.consent_date {
        None => w.now,
        // A date alone is no more than a date without a zone: midnight, US Eastern.
        Some(text) => parse_customer_date(text, Choice::In)
            .map_err(|error| path.member("ConsentDate").invalid(error.to_string()))?,
    };
    let switched_off = (!kind.is_active || !version.is_active).then(|| {
        format!(
            "version {} of consent type {} is switched off in this account: it can't be granted any more",
            shown(&version.consent_version),
            shown(&kind.type_name)
        )
    });
    let consent = Consent {
        consent_type: kind.type_name.clone(),
        consent_version: version.consent_version.clone(),
        locale,
        consent_status,
        consent_date,
        expiration_date: expiration(version, consent_date),
        expired: false,
        edited: w.stamp(),
    };
    Ok((consent, switched_off))
}

/// The version of the input, and its locale as configured. A version without locales takes any.
fn version<'c>(
    path: &Path<'_>,
    kind: &'c ConsentType,
    input: &ConsentInput,
) -> Result<(&'c ConsentTypeVersion, String), Refusal> {
    let at = path.member("ConsentVersion");
    let name = required(&at, &input.consent_version, 50)?;
    let Some(version) = kind.versions.iter().find(|v| same(&v.consent_version, name)) else {
        let message = format!("consent type {} has no version {}", shown(&kind.type_name), shown(name));
        return Err(at.unknown(message));
    };
    let at = path.member("Locale");
    let name = required(&at, &input.locale, 15)?;
    match version.localized_fields.iter().find(|l| same(&l.locale, name)) {
        Some(localized) => Ok((version, localized.locale.clone())),
        None if version.localized_fields.is_empty() => Ok((version, name.to_owned())),
        None => {
            let text =
                format!("version {} of consent type {}", shown(&version.consent_version), shown(&kind.type_name));
            Err(at.unknown(format!("{text} has no text in the locale {}", shown(name))))
        }
    }
}
