//! The histories: what was, wherever a write made it something else. Found by comparing before and after.

use serde_json::{Map, Value, json};

use super::{
    calls::place_on_the_wire,
    contacts::{KINDS, bare},
    dates, holders,
    json::{difference, list, without},
    model::{How, Person, Write},
};

/// Notes the former values of everything that differs. A new profile has none.
pub fn note(w: &Write<'_>, before: &Person, after: &mut Person) {
    if w.how == How::Create {
        return;
    }
    let mut entries: Vec<(&'static str, Value)> = Vec::new();
    for place in holders::places(&before.row) {
        let (preferences, consents) =
            (holders::preferences(&before.row, &place), holders::consents(&before.row, &place));
        hanging(w, after, &place, preferences, consents, &mut entries);
    }
    // What a contact brought back counts as there before.
    for place in &w.returned {
        let (preferences, consents) = before.gone.get(place).cloned().unwrap_or_default();
        hanging(w, after, place, preferences, consents, &mut entries);
    }
    for kind in &KINDS {
        for old in list(&before.row, kind.list) {
            let place = kind.place(old).unwrap();
            let now = kind.find(&after.row, &place).map(|at| bare(kind, &list(&after.row, kind.list)[at]));
            let old = bare(kind, old);
            if changed(&old, now.as_ref(), &[]) {
                entries.push(("Contacts", json!({ kind.list: old })));
            }
        }
    }
    for old in list(&before.row, "CustomFields") {
        if !list(&after.row, "CustomFields").contains(old) {
            entries.push(("CustomFields", old.clone()));
        }
    }
    const STANDARD: [&str; 7] = [
        "IsActive",
        "RegistrationConfirmed",
        "CustomerType",
        "PreserveConsents",
        "PreservePreferences",
        "CustomerName",
        "DefaultLocale",
    ];
    let former: Map<String, Value> = STANDARD
        .into_iter()
        .filter(|name| before.row[*name] != after.row[*name])
        .map(|name| (name.to_owned(), before.row[name].clone()))
        .collect();
    if !former.is_empty() {
        entries.push(("StandardFields", former.into()));
    }
    for name in ["AlternateIds", "Groups", "ProfileTags"] {
        for old in list(&before.row, name) {
            if !list(&after.row, name).contains(old) {
                entries.push(("StandardFields", json!({ name: [old] })));
            }
        }
    }
    for (kind, entry) in entries {
        add(w, after, kind, entry);
    }
}

/// What hung at a place and is another now.
fn hanging(
    w: &Write<'_>,
    after: &Person,
    place: &str,
    preferences: Vec<Value>,
    consents: Vec<Value>,
    entries: &mut Vec<(&'static str, Value)>,
) {
    let is_replaced = |name: &Value| w.replaced.contains(&(place.to_owned(), name.as_str().unwrap().to_owned()));
    for old in preferences {
        let now = holders::preferences(&after.row, place).into_iter().find(|p| p["FilterId"] == old["FilterId"]);
        if is_replaced(&old["FilterId"]) || changed(&old, now.as_ref(), &["PreferenceStatus"]) {
            entries.push(("Preferences", json!({"Place": place_on_the_wire(place), "Preference": old})));
        }
    }
    for old in consents {
        let now = holders::consents(&after.row, place).into_iter().find(|c| c["ConsentType"] == old["ConsentType"]);
        if is_replaced(&old["ConsentType"]) || changed(&old, now.as_ref(), &["Expired"]) {
            entries.push(("Consents", json!({"Place": place_on_the_wire(place), "Consent": old})));
        }
    }
}

/// Notes one former value.
pub fn add(w: &Write<'_>, person: &mut Person, kind: &'static str, mut entry: Value) {
    entry["ModifiedDate"] = json!(dates::wire(w.now));
    entry["UserId"] = w.user.clone();
    entry["SourceId"] = w.source.clone();
    person.history.push((kind, entry));
}

fn changed(old: &Value, now: Option<&Value>, besides: &[&str]) -> bool {
    now.is_none_or(|now| difference(&without(old, besides), &without(now, besides)).is_some())
}
