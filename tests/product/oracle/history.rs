//! The histories: what was, wherever a write made it something else. Found by comparing before and after.

use serde_json::{Map, Value, json};

use super::{
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
        for old in holders::preferences(&before.row, &place) {
            let now = holders::preferences(&after.row, &place).into_iter().find(|p| p["FilterId"] == old["FilterId"]);
            if changed(&old, now.as_ref(), &["PreferenceStatus"]) {
                entries.push(("Preferences", json!({"Place": place, "Preference": old})));
            }
        }
        for old in holders::consents(&before.row, &place) {
            let now =
                holders::consents(&after.row, &place).into_iter().find(|c| c["ConsentType"] == old["ConsentType"]);
            if changed(&old, now.as_ref(), &["Expired"]) {
                entries.push(("Consents", json!({"Place": place, "Consent": old})));
            }
        }
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
    for (kind, mut entry) in entries {
        entry["ModifiedDate"] = json!(dates::wire(w.now));
        entry["UserId"] = w.user.clone();
        entry["SourceId"] = w.source.clone();
        after.history.push((kind, entry));
    }
}

fn changed(old: &Value, now: Option<&Value>, besides: &[&str]) -> bool {
    now.is_none_or(|now| difference(&without(old, besides), &without(now, besides)).is_some())
}
