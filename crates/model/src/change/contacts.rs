//! Emails, phones and addresses: found by their natural keys, added or changed, one default of each.

mod kinds;

use super::{HistoryKind, Path, Write, check::matched, json};
use crate::{
    config::TypeKind,
    input::{ConsentInput, PreferenceInput},
    profile::{Channel, Consent, EditInfo, Place, Preference},
    refusal::Refusal,
};

/// What the three kinds of contact have in common.
pub(super) trait Contact: Clone + PartialEq + serde::Serialize {
    type Input;
    /// Its list in a profile.
    const LIST: &'static str;
    /// Its list of preferences.
    const PREFERENCES: &'static str;
    /// What it is called in a message.
    const WHAT: &'static str;
    const TYPE: TypeKind;
    /// The member that names its type.
    const TYPE_MEMBER: &'static str;
    /// The channels of the filters and consents that can hang on it.
    const CHANNELS: &'static [Channel];

    /// The contact that the input describes, as if there were none yet. Everything in it is checked.
    fn fresh(w: &Write<'_>, path: &Path<'_>, input: &Self::Input) -> Result<Self, Refusal>;
    /// Takes over from the contact that is there what the input says nothing of.
    fn inherit(&mut self, old: &Self, input: &Self::Input);
    fn natural_key(&self) -> Place;
    fn type_name(&self) -> &str;
    fn is_default(&self) -> bool;
    fn set_default(&mut self, is_default: bool);
    fn edited(&mut self) -> &mut EditInfo;
    fn preferences(&mut self) -> &mut Vec<Preference>;
    fn consents(&mut self) -> &mut Vec<Consent>;
    /// Its consents, and its preferences to be changed.
    fn consents_and_preferences(&mut self) -> (&[Consent], &mut Vec<Preference>);
    /// Whether `Text` preferences can hang on it.
    fn takes_texts(&self) -> bool {
        false
    }
    fn asked_default(input: &Self::Input) -> Option<bool>;
    fn input_preferences(input: &Self::Input) -> &[PreferenceInput];
    fn input_consents(input: &Self::Input) -> &[ConsentInput];
}

/// Adds or changes the contacts themselves, without what hangs on them; gives for each input where its contact stands.
pub(super) fn merge<C: Contact>(
    w: &mut Write<'_>,
    list: &mut Vec<C>,
    inputs: &[C::Input],
) -> Result<Vec<usize>, Refusal> {
    if inputs.is_empty() {
        return Ok(Vec::new());
    }
    let path = Path::Root.member(C::LIST);
    let mut fresh = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        fresh.push(C::fresh(w, &path.item(i), input)?);
    }
    let found = matched(&path, C::WHAT, list.iter().map(C::natural_key), fresh.iter().map(C::natural_key).enumerate())?;
    let mut places = Vec::with_capacity(inputs.len());
    for (i, (mut new, found)) in fresh.into_iter().zip(found).enumerate() {
        let Some(at) = found else {
            w.type_is_active(&path.item(i).member(C::TYPE_MEMBER), C::TYPE, new.type_name())?;
            places.push(list.len());
            list.push(new);
            continue;
        };
        places.push(at);
        let old = &mut list[at];
        // What hangs on the contact is no part of the comparison, nor of the former value.
        let preferences = std::mem::take(old.preferences());
        let consents = std::mem::take(old.consents());
        new.inherit(old, &inputs[i]);
        *new.edited() = old.edited().clone();
        if new != *old {
            remember(w, old);
            w.touch(new.edited());
            *old = new;
        }
        *old.preferences() = preferences;
        *old.consents() = consents;
    }
    one_default(w, list, inputs, &places, &path)?;
    Ok(places)
}

/// Naming a new default clears the old one (profile.md).
fn one_default<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    inputs: &[C::Input],
    places: &[usize],
    path: &Path<'_>,
) -> Result<(), Refusal> {
    let mut named = inputs.iter().enumerate().filter(|(_, input)| C::asked_default(input) == Some(true));
    let Some((first, _)) = named.next() else {
        return Ok(());
    };
    if let Some((second, _)) = named.next() {
        let message = format!("is true as in {}: one {} can be the default", path.item(first), C::WHAT);
        return Err(path.item(second).member("IsDefault").invalid(message));
    }
    for (i, contact) in list.iter_mut().enumerate() {
        if i != places[first] && contact.is_default() {
            let preferences = std::mem::take(contact.preferences());
            let consents = std::mem::take(contact.consents());
            remember(w, contact);
            contact.set_default(false);
            w.touch(contact.edited());
            *contact.preferences() = preferences;
            *contact.consents() = consents;
        }
    }
    Ok(())
}

/// Keeps a former contact for history, without what hangs on it (the caller has taken that off).
fn remember<C: Contact>(w: &mut Write<'_>, contact: &C) {
    w.remember(HistoryKind::Contacts, || {
        let mut value = json(contact);
        if let Some(members) = value.as_object_mut() {
            members.shift_remove(C::PREFERENCES);
            members.shift_remove("Consents");
        }
        serde_json::json!({ C::LIST: value })
    });
}
