//! Preferences: what a person says of filters, and what that takes with it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    config::Filter,
    consents,
    contacts::{KINDS, PROFILE},
    dates, holders,
    json::{fold, list, same, text},
    model::{How, Person, Write},
    person::once,
};

const OPT_IN: i64 = 1;
const OPT_OUT: i64 = 2;

/// Which consents the preferences of one call stand on, and which they withdraw: place and type; the second with the date.
#[derive(Default)]
struct Said {
    affirmed: BTreeSet<(String, String)>,
    withdrawn: Vec<(String, String, String)>,
}

/// Writes the preferences of a body.
pub fn write(w: &mut Write<'_>, person: &mut Person, body: &Value) {
    let mut said = Said::default();
    at(w, person, PROFILE, &["Solicit"], list(body, "ProfilePreferences"), &mut said);
    for kind in &KINDS {
        for contact in list(body, kind.list) {
            if let Some(place) = kind.place(contact).filter(|place| kind.find(&person.row, place).is_some()) {
                at(w, person, &place, kind.channels, list(contact, kind.preferences), &mut said);
            }
        }
    }
    let mut lost = BTreeSet::new();
    for (place, consent_type, date) in said.withdrawn {
        // Whoever opts in with the same consent in the same call means that it stands.
        if !said.affirmed.contains(&(place.clone(), consent_type.clone()))
            && consents::revoke(w, person, &place, &consent_type, &date)
        {
            lost.insert(fold(&consent_type));
        }
    }
    archive_unconsented(w, person, &lost);
}

fn at(w: &mut Write<'_>, person: &mut Person, place: &str, channels: &[&str], sent: &[Value], said: &mut Said) {
    let mut seen = BTreeSet::new();
    for item in sent {
        let Some(id) = text(item, "FilterId").filter(|id| !id.trim().is_empty()) else {
            w.refuse(400);
            continue;
        };
        let Some((program, filter)) = w.config.filter(id) else {
            w.refuse(404);
            continue;
        };
        let (program, filter) = (program.to_owned(), filter.clone());
        if !channels.contains(&filter.channel_id.as_str()) {
            w.refuse(400);
            continue;
        }
        let Some(new) = preference(w, person, place, &program, &filter, item) else { continue };
        let archived = w.archived.get(&(place.to_owned(), filter.id.clone()));
        if is_echo(person, place, &filter, item, &new) || archived.is_some_and(|old| is_as_read(old, &new, item)) {
            continue;
        }
        if filter.channel_id == "Text" && !holders::takes_texts(&person.row, place) {
            w.refuse(400);
        }
        once(w, &mut seen, filter.id.clone());
        say(w, person, place, &filter, new, item, said);
    }
}

/// A replaced profile keeps no preference that isn't said; but a contact that has just come back brings what it had.
pub fn remove_unsaid(w: &mut Write<'_>, person: &mut Person, body: &Value) {
    remove_unsaid_at(w, person, PROFILE, list(body, "ProfilePreferences"));
    for kind in &KINDS {
        for contact in list(body, kind.list) {
            if let Some(place) = kind.place(contact).filter(|place| !w.returned.contains(place)) {
                remove_unsaid_at(w, person, &place, list(contact, kind.preferences));
            }
        }
    }
}

fn remove_unsaid_at(w: &mut Write<'_>, person: &mut Person, place: &str, sent: &[Value]) {
    let mut said = BTreeSet::new();
    for item in sent {
        let found = text(item, "FilterId").and_then(|id| w.config.filter(id));
        let Some((program, filter)) = found.map(|(program, filter)| (program.to_owned(), filter.clone())) else {
            continue;
        };
        if let Some(new) = preference(w, person, place, &program, &filter, item)
            && (is_marked(item, "MatchType", "Implied") || !is_echo(person, place, &filter, item, &new))
        {
            said.insert(filter.id);
        }
    }
    holders::preferences_mut(&mut person.row, place).retain(|p| said.contains(p["FilterId"].as_str().unwrap()));
}

/// One preference per place and filter: writing it again replaces it.
fn say(
    w: &mut Write<'_>,
    person: &mut Person,
    place: &str,
    filter: &Filter,
    mut new: Value,
    item: &Value,
    said: &mut Said,
) {
    let old = holders::preferences(&person.row, place).into_iter().find(|p| p["FilterId"] == filter.id.as_str());
    let required = filter.required_consents.iter().map(|t| (t, holders::consent(&person.row, place, t)));
    let required: Vec<_> = required.map(|(t, found)| (t.clone(), found)).collect();
    if old.as_ref().is_some_and(|old| is_as_read(old, &new, item)) {
        return;
    }
    if new["PreferenceType"] == OPT_IN {
        for (at, consent) in required.iter().filter_map(|(_, found)| found.as_ref()) {
            said.affirmed.insert((at.clone(), consent["ConsentType"].as_str().unwrap().to_owned()));
        }
        if !filter.is_active {
            w.refuse(404);
        }
        let mut carried = Vec::new();
        for (_, found) in required {
            match found.filter(|(_, consent)| consent["ConsentStatus"] == 1) {
                Some((_, c)) => carried.push(json!({
                    "ConsentType": c["ConsentType"], "ConsentVersion": c["ConsentVersion"], "Locale": c["Locale"],
                    "ConsentStatus": 1,
                })),
                None => w.refuse(400),
            }
        }
        new["Consents"] = json!(carried);
    } else if let Some(old) = old.or_else(|| w.archived.get(&(place.to_owned(), filter.id.clone())).cloned()) {
        for carried in list(&old, "Consents") {
            let name = carried["ConsentType"].as_str().unwrap();
            if let Some((at, _)) = holders::consent(&person.row, place, name) {
                said.withdrawn.push((at, name.to_owned(), new["CustomerDate"].as_str().unwrap().to_owned()));
            }
        }
    }
    w.replaced.insert((place.to_owned(), filter.id.clone()));
    let there = holders::preferences_mut(&mut person.row, place);
    there.retain(|p| p["FilterId"] != filter.id.as_str());
    there.push(new);
}

/// Whether an item repeats a preference as it was read.
fn is_as_read(old: &Value, new: &Value, item: &Value) -> bool {
    const WHAT_IS_SAID: [&str; 4] = ["PreferenceType", "FrequencyId", "PreferenceAttributes", "CustomerDate"];
    !item["CustomerDate"].is_null() && WHAT_IS_SAID.iter().all(|member| old[*member] == new[*member])
}

fn is_marked(item: &Value, member: &str, word: &str) -> bool {
    text(item, member).is_some_and(|said| same(said, word))
}

/// The preference of the input, without the consents that it carries. One that was read and is sent back turned is said now.
fn preference(
    w: &mut Write<'_>,
    person: &Person,
    place: &str,
    program: &str,
    filter: &Filter,
    item: &Value,
) -> Option<Value> {
    let kind = match &item["PreferenceType"] {
        Value::String(word) if same(word, "OptIn") => Some(OPT_IN),
        Value::String(word) if same(word, "OptOut") => Some(OPT_OUT),
        number => number.as_i64().filter(|n| [OPT_IN, OPT_OUT].contains(n)),
    };
    let Some(kind) = kind else {
        w.refuse(400);
        return None;
    };
    let date = match text(item, "CustomerDate") {
        None => Some(w.now),
        Some(date) => dates::read(date, kind == OPT_OUT),
    };
    let Some(date) = date else {
        w.refuse(400);
        return None;
    };
    let there = holders::preferences(&person.row, place).into_iter().find(|p| p["FilterId"] == filter.id.as_str());
    let old = there.or_else(|| w.archived.get(&(place.to_owned(), filter.id.clone())).cloned());
    let turned = |old: &Value| old["CustomerDate"] == dates::wire(date) && old["PreferenceType"] != kind;
    let was_read = w.how == How::Replace || item["MatchType"].is_string();
    let was_archived = is_marked(item, "PreferenceStatus", "Archived");
    let before = person.archived.get(&(place.to_owned(), filter.id.clone()));
    // An opt-out is said now, too, when what it turns was archived, or was implied and had the profile's date.
    let is_turned = !was_archived && was_read && old.as_ref().is_some_and(turned)
        || kind == OPT_OUT && was_archived && before.is_some_and(turned)
        || kind == OPT_OUT
            && !was_archived
            && is_marked(item, "MatchType", "Implied")
            && person.row["Edited"]["CreateDate"] == dates::wire(date);
    let date = if is_turned { w.now } else { date };
    let frequency = match text(item, "FrequencyId").filter(|id| !id.is_empty()) {
        None => filter.frequencies.iter().find(|f| f.is_default).map(|f| f.id.clone()),
        Some(id) => match filter.frequencies.iter().find(|f| same(&f.id, id)) {
            Some(found) => Some(found.id.clone()),
            None => {
                w.refuse(404);
                None
            }
        },
    };
    let mut keys = BTreeSet::new();
    let mut attributes = Vec::new();
    for attribute in list(item, "PreferenceAttributes") {
        let Some(key) = text(attribute, "Key").filter(|key| !key.trim().is_empty()) else {
            w.refuse(400);
            continue;
        };
        once(w, &mut keys, fold(key));
        attributes.push(json!({"Key": key, "Value": attribute["Value"]}));
    }
    let reason = attributes.iter().find(|a| same(a["Key"].as_str().unwrap(), "$Reason_Code"));
    let days = if kind == OPT_IN { filter.opt_in_expiration_in_days } else { filter.opt_out_expiration_in_days };
    let expires = days.map_or(String::new(), |days| dates::wire(date + days * dates::DAY));
    Some(json!({
        "ProgramId": program, "ChannelId": filter.channel_id, "Consents": [], "MatchType": "Expressed",
        "ReasonCode": reason.map_or(Value::Null, |a| a["Value"].clone()), "ExpirationDate": expires, "PreferenceStatus": "Active",
        "LastModifiedDate": dates::wire(w.now), "UserId": w.user, "SourceId": w.source, "FilterId": filter.id,
        "PreferenceType": kind, "FrequencyId": frequency, "PreferenceAttributes": attributes, "CustomerDate": dates::wire(date),
    }))
}

/// Whether the input only repeats what was read and never said: an implied preference, or an archived one. What is marked so makes no
/// opt-in; an opt-out is lost only where it is the default, or just the archived one.
fn is_echo(person: &Person, place: &str, filter: &Filter, item: &Value, new: &Value) -> bool {
    let (implied, archived) =
        (is_marked(item, "MatchType", "Implied"), is_marked(item, "PreferenceStatus", "Archived"));
    let default = if new["PreferenceType"] == OPT_IN { "OptIn" } else { "OptOut" };
    let repeats_default = filter.default_preference.as_deref() == Some(default);
    let repeats_archived = person.archived.get(&(place.to_owned(), filter.id.clone())).is_some_and(|old| {
        old["CustomerDate"] == new["CustomerDate"] && old["PreferenceType"] == new["PreferenceType"]
    });
    let opts_in = new["PreferenceType"] == OPT_IN;
    implied && (opts_in || repeats_default) || archived && (opts_in || repeats_archived)
}

/// Moves a preference out of the row.
pub fn archive(w: &Write<'_>, person: &mut Person, place: &str, mut preference: Value) {
    let filter = preference["FilterId"].as_str().unwrap().to_owned();
    preference["PreferenceStatus"] = json!("Archived");
    preference["LastModifiedDate"] = json!(dates::wire(w.now));
    person.archived.insert((place.to_owned(), filter), preference);
}

/// Whether an opt-in has every consent of these types (all when none are named) that it carries or its filter requires.
fn is_founded(
    w: &Write<'_>,
    person: &Person,
    place: &str,
    preference: &Value,
    types: Option<&BTreeSet<String>>,
) -> bool {
    if preference["PreferenceType"] != OPT_IN {
        return true;
    }
    needs(w, preference).iter().filter(|need| types.is_none_or(|types| types.contains(*need))).all(|need| {
        holders::consent(&person.row, place, need).is_some_and(|(_, consent)| consent["ConsentStatus"] == 1)
    })
}

/// The consents, folded, that a preference carries or its filter requires.
fn needs(w: &Write<'_>, preference: &Value) -> BTreeSet<String> {
    let (_, filter) = w.config.filter(preference["FilterId"].as_str().unwrap()).unwrap();
    let carried = list(preference, "Consents").iter().map(|c| fold(c["ConsentType"].as_str().unwrap()));
    filter.required_consents.iter().map(|t| fold(t)).chain(carried).collect()
}

/// Archives the opt-ins that require one of these consents and have it no more.
pub fn archive_unconsented(w: &mut Write<'_>, person: &mut Person, lost: &BTreeSet<String>) {
    let mut archived = Vec::new();
    for place in holders::places(&person.row) {
        archive_where(w, person, &place, |w, person, preference| is_founded(w, person, &place, preference, Some(lost)));
    }
    // What a removed contact would bring back.
    let gone = std::mem::take(&mut person.gone);
    for (place, (preferences, consents)) in &gone {
        let left = preferences.iter().filter(|preference| {
            let has = |need: &str, consents: &[Value]| {
                let found = consents.iter().find(|c| same(c["ConsentType"].as_str().unwrap(), need));
                found.map(|c| c["ConsentStatus"] == 1)
            };
            let needs = needs(w, preference);
            let of_person = list(&person.row, "Consents");
            let founded = preference["PreferenceType"] != OPT_IN
                || needs
                    .intersection(lost)
                    .all(|need| has(need, consents).or_else(|| has(need, of_person)) == Some(true));
            if !founded {
                archived.push((place.clone(), (*preference).clone()));
            }
            founded
        });
        person.gone.insert(place.clone(), (left.cloned().collect(), consents.clone()));
    }
    for (place, preference) in archived {
        archive(w, person, &place, preference);
    }
}

/// Archives what came back with its contact and can't stand any more: a consent that it needs was revoked meanwhile.
pub fn archive_unfounded(w: &mut Write<'_>, person: &mut Person, place: &str) {
    archive_where(w, person, place, |w, person, preference| is_founded(w, person, place, preference, None));
}

fn archive_where(
    w: &mut Write<'_>,
    person: &mut Person,
    place: &str,
    stays: impl Fn(&Write<'_>, &Person, &Value) -> bool,
) {
    for preference in holders::preferences(&person.row, place) {
        if !stays(w, person, &preference) {
            let there = holders::preferences_mut(&mut person.row, place);
            there.retain(|p| p["FilterId"] != preference["FilterId"]);
            w.archived
                .insert((place.to_owned(), preference["FilterId"].as_str().unwrap().to_owned()), preference.clone());
            archive(w, person, place, preference);
        }
    }
}
