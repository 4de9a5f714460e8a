//! Preferences and consents hang on contacts or on the profile itself: what has them, by its place.

use serde_json::Value;

use super::{
    contacts::{KINDS, PROFILE},
    json::{fold, list, list_mut},
};

/// Every place of a row.
pub fn places(row: &Value) -> Vec<String> {
    let mut places = vec![PROFILE.to_owned()];
    for kind in &KINDS {
        places.extend(list(row, kind.list).iter().map(|contact| kind.place(contact).unwrap()));
    }
    places
}

/// The preferences at a place; none when it isn't there.
pub fn preferences(row: &Value, place: &str) -> Vec<Value> {
    holder(row, place).map_or(Vec::new(), |(holder, name)| list(holder, name).to_vec())
}

pub fn preferences_mut<'v>(row: &'v mut Value, place: &str) -> &'v mut Vec<Value> {
    if place == PROFILE {
        return list_mut(row, "ProfilePreferences");
    }
    let (kind, at) = find(row, place).unwrap();
    list_mut(&mut list_mut(row, KINDS[kind].list)[at], KINDS[kind].preferences)
}

/// The consents at a place; none when it isn't there.
pub fn consents(row: &Value, place: &str) -> Vec<Value> {
    holder(row, place).map_or(Vec::new(), |(holder, _)| list(holder, "Consents").to_vec())
}

pub fn consents_mut<'v>(row: &'v mut Value, place: &str) -> &'v mut Vec<Value> {
    if place == PROFILE {
        return list_mut(row, "Consents");
    }
    let (kind, at) = find(row, place).unwrap();
    list_mut(&mut list_mut(row, KINDS[kind].list)[at], "Consents")
}

/// The consent of a type that counts at a place: the contact's own, else the person's. With the place that it hangs at.
pub fn consent(row: &Value, place: &str, consent_type: &str) -> Option<(String, Value)> {
    [place, PROFILE].into_iter().find_map(|at| {
        let found =
            consents(row, at).into_iter().find(|c| fold(c["ConsentType"].as_str().unwrap()) == fold(consent_type));
        found.map(|consent| (at.to_owned(), consent))
    })
}

/// Whether a phone takes texts; true of everything else, where the channel says it.
pub fn takes_texts(row: &Value, place: &str) -> bool {
    holder(row, place).is_none_or(|(holder, _)| holder["IsMobile"] != false)
}

fn find(row: &Value, place: &str) -> Option<(usize, usize)> {
    (0..KINDS.len()).find_map(|kind| KINDS[kind].find(row, place).map(|at| (kind, at)))
}

fn holder<'v>(row: &'v Value, place: &str) -> Option<(&'v Value, &'static str)> {
    if place == PROFILE {
        return Some((row, "ProfilePreferences"));
    }
    find(row, place).map(|(kind, at)| (&list(row, KINDS[kind].list)[at], KINDS[kind].preferences))
}
