//! Emails, phones and addresses: found by their natural keys, added or changed, one default of each.

mod kinds;

use std::{collections::HashSet, hash::Hash, sync::Arc};

use super::{HistoryKind, Mode, Path, Write, check::matched, json, preferences, withdrawal};
use crate::{
    config::TypeKind,
    input::{ConsentInput, PreferenceInput},
    profile::{Channel, Consent, EditInfo, Extras, Place, Preference},
    refusal::{Refusal, shown},
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
    /// The member that it is known by, beside its type.
    const VALUE_MEMBER: &'static str;
    /// The channels of the filters and consents that can hang on it.
    const CHANNELS: &'static [Channel];

    /// The contact that the input describes, as if there were none yet. Everything in it is checked.
    fn fresh(w: &Write<'_>, path: &Path<'_>, input: &Self::Input) -> Result<Self, Refusal>;
    /// Takes over from the contact that is there what the input says nothing of.
    fn inherit(&mut self, old: &Self, input: &Self::Input);
    fn natural_key(&self) -> Place;
    /// What two contacts of one natural key have in common.
    type Key<'a>: Eq + Hash
    where
        Self: 'a;
    /// Its.
    fn key(&self) -> Self::Key<'_>;
    fn type_name(&self) -> &str;
    /// What it is known by, beside its type.
    fn value(&self) -> &str;
    fn is_default(&self) -> bool;
    fn set_default(&mut self, is_default: bool);
    fn edited(&mut self) -> &mut Arc<EditInfo>;
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

/// Whether what hangs on a removed contact is kept for its return.
#[derive(Clone, Copy)]
pub(super) struct Keeping {
    pub preferences: bool,
    pub consents: bool,
}

/// Where the contacts of an input stand in the profile's list.
#[derive(Default)]
pub(super) struct Merged {
    /// For each input.
    pub places: Vec<usize>,
    /// Those that were added by this write and brought back what was kept for them.
    pub returned: Vec<usize>,
}

/// Adds, changes or removes the contacts themselves, without what hangs on those that stay.
pub(super) fn merge<C: Contact>(
    w: &mut Write<'_>,
    list: &mut Vec<C>,
    inputs: &[C::Input],
    extras: &mut Extras,
    keeping: Keeping,
) -> Result<Merged, Refusal> {
    if inputs.is_empty() && !w.removes.contacts {
        return Ok(Merged::default());
    }
    let path = Path::Root.member(C::LIST);
    let mut fresh = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        fresh.push(C::fresh(w, &path.item(i), input)?);
    }
    let mut found = matched(&path, C::WHAT, list.iter().map(C::key), fresh.iter().map(C::key).enumerate())?;
    if w.removes.contacts {
        remove_unsent(w, list, &mut found, extras, keeping);
    }
    let (mut places, mut returned) = (Vec::with_capacity(inputs.len()), Vec::new());
    let mut changed = HashSet::new();
    list.reserve_exact(fresh.len());
    for (i, (mut new, found)) in fresh.into_iter().zip(found).enumerate() {
        let Some(at) = found else {
            if w.mode == Mode::Part {
                let message = format!(
                    "the profile has no {} {} of the type {}",
                    C::WHAT,
                    shown(new.value()),
                    shown(new.type_name())
                );
                return Err(path.item(i).member(C::VALUE_MEMBER).unknown(message));
            }
            w.type_is_active(&path.item(i).member(C::TYPE_MEMBER), C::TYPE, new.type_name())?;
            if bring_back(&mut new, extras) {
                returned.push(list.len());
            }
            places.push(list.len());
            list.push(new);
            continue;
        };
        places.push(at);
        if w.mode == Mode::Part {
            continue;
        }
        let old = &mut list[at];
        // What hangs on the contact is no part of the comparison, nor of the former value.
        let preferences = std::mem::take(old.preferences());
        let consents = std::mem::take(old.consents());
        if w.keeps_unsent() {
            new.inherit(old, &inputs[i]);
        }
        *new.edited() = old.edited().clone();
        if new != *old {
            changed.insert(at);
            remember(w, old);
            w.touch(new.edited());
            *old = new;
        }
        *old.preferences() = preferences;
        *old.consents() = consents;
    }
    one_default(w, list, inputs, &places, &changed, &path)?;
    Ok(Merged { places, returned })
}

/// Removes the contacts that no input was found to name, and makes `found` say where the others stand now.
fn remove_unsent<C: Contact>(
    w: &mut Write<'_>,
    list: &mut Vec<C>,
    found: &mut [Option<usize>],
    extras: &mut Extras,
    keeping: Keeping,
) {
    let mut stays = vec![false; list.len()];
    found.iter().flatten().for_each(|at| stays[*at] = true);
    for at in found.iter_mut().flatten() {
        *at = stays[..*at].iter().filter(|stays| **stays).count();
    }
    let mut stays = stays.into_iter();
    for mut contact in list.extract_if(.., |_| stays.next() == Some(false)) {
        let place = contact.natural_key();
        let mut preferences = std::mem::take(contact.preferences());
        let consents = std::mem::take(contact.consents());
        remember(w, &contact);
        if keeping.preferences {
            for preference in preferences {
                preferences::remember(w, &place, &preference);
                extras.preserved_preferences.push((place.clone(), preference));
            }
        } else {
            withdrawal::archive(w, || place.clone(), &mut preferences, extras, None, |_| true);
        }
        for consent in consents {
            if keeping.consents {
                extras.preserved_consents.push((place.clone(), consent.clone()));
            }
            super::consents::remember(w, || place.clone(), consent);
        }
    }
}

/// Gives a contact that is added what was kept for it; whether there was anything.
fn bring_back<C: Contact>(contact: &mut C, extras: &mut Extras) -> bool {
    if extras.preserved_preferences.is_empty() && extras.preserved_consents.is_empty() {
        return false;
    }
    let place = contact.natural_key();
    let preferences = extras.preserved_preferences.extract_if(.., |(at, _)| *at == place).map(|(_, p)| p);
    contact.preferences().extend(preferences);
    let consents = extras.preserved_consents.extract_if(.., |(at, _)| *at == place).map(|(_, c)| c);
    contact.consents().extend(consents);
    !contact.preferences().is_empty() || !contact.consents().is_empty()
}

/// Naming a new default clears the old one (profile.md).
fn one_default<C: Contact>(
    w: &mut Write<'_>,
    list: &mut [C],
    inputs: &[C::Input],
    places: &[usize],
    changed: &HashSet<usize>,
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
            if !changed.contains(&i) {
                remember(w, contact);
            }
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
