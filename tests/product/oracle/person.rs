//! The person as such: flags, type, locale, name, alternate ids, groups and tags.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    config::{Type, type_named},
    json::{fold, list, list_mut, text},
    model::{How, Write},
};

pub fn write(w: &mut Write<'_>, row: &mut Value, body: &Value) {
    for (flag, default) in [
        ("IsActive", true),
        ("RegistrationConfirmed", false),
        ("PreserveConsents", true),
        ("PreservePreferences", true),
    ] {
        match &body[flag] {
            Value::Bool(sent) => row[flag] = json!(sent),
            _ if w.how == How::Replace => row[flag] = json!(default),
            _ => {}
        }
    }
    customer_type(w, row, body);
    let locale = text(body, "DefaultLocale").filter(|locale| !locale.trim().is_empty());
    match locale {
        Some(locale) => row["DefaultLocale"] = json!(locale),
        None if is_kept(w, body, "DefaultLocale") => {}
        None => row["DefaultLocale"] = json!(w.config.default_locale),
    }
    for part in ["Prefix", "FirstName", "MiddleName", "LastName", "Suffix"] {
        let sent = body["CustomerName"].get(part);
        if sent.is_some() || w.how == How::Replace {
            row["CustomerName"][part] = sent.cloned().unwrap_or_default();
        }
    }
    alternate_ids(w, row, body);
    groups(w, row, body);
    tags(w, row, body);
}

/// Whether a member that isn't sent stays as it is.
fn is_kept(w: &Write<'_>, body: &Value, member: &str) -> bool {
    w.how == How::Update && body.get(member).is_none()
}

fn customer_type(w: &mut Write<'_>, row: &mut Value, body: &Value) {
    match text(body, "CustomerType").filter(|name| !name.trim().is_empty()) {
        Some(name) => match type_named(&w.config.customer_types, name) {
            Some(found) => {
                let name = json!(found.type_name);
                if !found.is_active && row["CustomerType"] != name {
                    w.refuse(404);
                }
                row["CustomerType"] = name;
            }
            None => w.refuse(404),
        },
        None if is_kept(w, body, "CustomerType") => {}
        None => {
            let default = w.config.customer_types.iter().find(|t| t.is_default);
            row["CustomerType"] = json!(default.map(|t| &t.type_name));
        }
    }
}

/// The configured spelling of a type; a new thing of a type that is switched off, or of none, is refused.
pub fn configured(w: &mut Write<'_>, types: &[Type], name: &str, is_new: bool) -> Option<String> {
    match type_named(types, name) {
        Some(found) => {
            if is_new && !found.is_active {
                w.refuse(404);
            }
            Some(found.type_name.clone())
        }
        None => {
            w.refuse(404);
            None
        }
    }
}

/// The texts that something is found by, folded; one that is missing or blank is refused.
fn key(w: &mut Write<'_>, item: &Value, members: &[&str]) -> Option<Vec<String>> {
    let texts = members.iter().map(|member| text(item, member).map(fold).filter(|text| !text.is_empty()));
    let key = texts.collect();
    if Option::is_none(&key) {
        w.refuse(400);
    }
    key
}

/// The same thing twice in one list is refused: which of the two is meant can't be known.
pub fn once<K: Ord>(w: &mut Write<'_>, seen: &mut BTreeSet<K>, key: K) {
    if !seen.insert(key) {
        w.refuse(400);
    }
}

fn alternate_ids(w: &mut Write<'_>, row: &mut Value, body: &Value) {
    const KEY: [&str; 2] = ["AlternateIdType", "AlternateId"];
    let mut seen = BTreeSet::new();
    for item in list(body, "AlternateIds") {
        let Some(key) = key(w, item, &KEY) else { continue };
        once(w, &mut seen, key.clone());
        let found = find(row, "AlternateIds", &KEY, &key);
        let types = w.config.alternate_id_types.clone();
        let Some(kind) = configured(w, &types, item["AlternateIdType"].as_str().unwrap(), found.is_none()) else {
            continue;
        };
        let list = list_mut(row, "AlternateIds");
        let active = item["IsActive"].as_bool();
        let Some(at) = found else {
            list.push(json!({
                "AlternateIdType": kind, "AlternateId": item["AlternateId"], "IsActive": active.unwrap_or(true), "Edited": w.stamp(),
            }));
            continue;
        };
        let mut new = list[at].clone();
        new["AlternateId"] = item["AlternateId"].clone();
        let otherwise = if w.how == How::Replace { json!(true) } else { new["IsActive"].clone() };
        new["IsActive"] = active.map_or(otherwise, Value::Bool);
        if new != list[at] {
            w.touch(&mut new);
            list[at] = new;
        }
    }
    keep_sent(w, row, "AlternateIds", &KEY, &seen);
}

fn groups(w: &mut Write<'_>, row: &mut Value, body: &Value) {
    const KEY: [&str; 2] = ["GroupType", "GroupName"];
    let mut seen = BTreeSet::new();
    for item in list(body, "Groups") {
        let Some(key) = key(w, item, &KEY) else { continue };
        once(w, &mut seen, key.clone());
        let found = find(row, "Groups", &KEY, &key);
        let types = w.config.group_types.clone();
        let Some(kind) = configured(w, &types, item["GroupType"].as_str().unwrap(), found.is_none()) else {
            continue;
        };
        let list = list_mut(row, "Groups");
        let old = found.filter(|_| w.how != How::Replace).map(|at| list[at]["IsPrimary"] == true);
        let primary = item["IsPrimary"].as_bool().or(old).unwrap_or(false);
        let new = json!({"GroupType": kind, "GroupName": item["GroupName"], "IsPrimary": primary});
        match found {
            Some(at) => list[at] = new,
            None => list.push(new),
        }
    }
    keep_sent(w, row, "Groups", &KEY, &seen);
}

/// A tag that is there already keeps its spelling.
fn tags(w: &mut Write<'_>, row: &mut Value, body: &Value) {
    let mut seen = BTreeSet::new();
    for item in list(body, "ProfileTags") {
        let Some(key) = key(w, item, &["Name"]) else { continue };
        once(w, &mut seen, key.clone());
        if find(row, "ProfileTags", &["Name"], &key).is_none() {
            list_mut(row, "ProfileTags").push(json!({"Name": item["Name"]}));
        }
    }
    keep_sent(w, row, "ProfileTags", &["Name"], &seen);
}

fn key_of(item: &Value, members: &[&str]) -> Vec<String> {
    members.iter().map(|member| fold(item[*member].as_str().unwrap())).collect()
}

fn find(row: &Value, name: &str, members: &[&str], key: &[String]) -> Option<usize> {
    list(row, name).iter().position(|item| key_of(item, members) == key)
}

/// A replaced profile keeps nothing that wasn't sent.
fn keep_sent(w: &Write<'_>, row: &mut Value, name: &str, members: &[&str], sent: &BTreeSet<Vec<String>>) {
    if w.how == How::Replace {
        list_mut(row, name).retain(|item| sent.contains(&key_of(item, members)));
    }
}
