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
        let Some(new) = preference(w, &program, &filter, item) else { continue };
        if is_echo(w, person, place, &filter, item, &new) {
            continue;
        }
        if filter.channel_id == "Text" && !holders::takes_texts(&person.row, place) {
            w.refuse(400);
        }
        once(w, &mut seen, filter.id.clone());
        say(w, person, place, &filter, new, !item["CustomerDate"].is_null(), said);
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
        if let Some(new) = preference(w, &program, &filter, item)
            && !is_echo(w, person, place, &filter, item, &new)
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
    is_dated: bool,
    said: &mut Said,
) {
    let old = holders::preferences(&person.row, place).into_iter().find(|p| p["FilterId"] == filter.id.as_str());
    let required = filter.required_consents.iter().map(|t| (t, holders::consent(&person.row, place, t)));
    let required: Vec<_> = required.map(|(t, found)| (t.clone(), found)).collect();
    if new["PreferenceType"] == OPT_IN {
        for (at, consent) in required.iter().filter_map(|(_, found)| found.as_ref()) {
            said.affirmed.insert((at.clone(), consent["ConsentType"].as_str().unwrap().to_owned()));
        }
    }
    const WHAT_IS_SAID: [&str; 4] = ["PreferenceType", "FrequencyId", "PreferenceAttributes", "CustomerDate"];
    if let Some(old) = &old
        && is_dated
        && WHAT_IS_SAID.iter().all(|member| old[*member] == new[*member])
    {
        return;
    }
    if new["PreferenceType"] == OPT_IN {
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
    } else if let Some(old) = &old {
        for carried in list(old, "Consents") {
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

/// The preference of the input, without the consents that it carries.
fn preference(w: &mut Write<'_>, program: &str, filter: &Filter, item: &Value) -> Option<Value> {
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

/// Whether the input only repeats what was read and never said: an implied preference, or an archived one. A replacing call makes
/// no opt-in of what is marked implied, one that adds takes a changed one for a statement; no call loses an opt-out.
fn is_echo(w: &Write<'_>, person: &Person, place: &str, filter: &Filter, item: &Value, new: &Value) -> bool {
    let marked = |member: &str, word: &str| text(item, member).is_some_and(|said| same(said, word));
    let (implied, archived) = (marked("MatchType", "Implied"), marked("PreferenceStatus", "Archived"));
    let said_before = holders::preferences(&person.row, place).iter().any(|p| p["FilterId"] == filter.id.as_str());
    let default = if new["PreferenceType"] == OPT_IN { "OptIn" } else { "OptOut" };
    let repeats_default = filter.default_preference.as_deref() == Some(default);
    let repeats_archived = person
        .archived
        .get(&(place.to_owned(), filter.id.clone()))
        .is_some_and(|old| old["CustomerDate"] == new["CustomerDate"]);
    let opts_in = new["PreferenceType"] == OPT_IN;
    let repeats_implied = match w.how {
        How::Replace => opts_in || repeats_default,
        _ => repeats_default && !said_before,
    };
    implied && repeats_implied || archived && (opts_in || repeats_archived)
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
    let (_, filter) = w.config.filter(preference["FilterId"].as_str().unwrap()).unwrap();
    let carried = list(preference, "Consents").iter().map(|c| fold(c["ConsentType"].as_str().unwrap()));
    let needs: BTreeSet<String> = filter.required_consents.iter().map(|t| fold(t)).chain(carried).collect();
    needs.iter().filter(|need| types.is_none_or(|types| types.contains(*need))).all(|need| {
        holders::consent(&person.row, place, need).is_some_and(|(_, consent)| consent["ConsentStatus"] == 1)
    })
}

/// Archives the opt-ins that require one of these consents and have it no more.
pub fn archive_unconsented(w: &Write<'_>, person: &mut Person, lost: &BTreeSet<String>) {
    for place in holders::places(&person.row) {
        archive_where(w, person, &place, |w, person, preference| is_founded(w, person, &place, preference, Some(lost)));
    }
}

/// Archives what came back with its contact and can't stand any more: a consent that it needs was revoked meanwhile.
pub fn archive_unfounded(w: &Write<'_>, person: &mut Person, place: &str) {
    archive_where(w, person, place, |w, person, preference| is_founded(w, person, place, preference, None));
}

fn archive_where(w: &Write<'_>, person: &mut Person, place: &str, stays: impl Fn(&Write<'_>, &Person, &Value) -> bool) {
    for preference in holders::preferences(&person.row, place) {
        if !stays(w, person, &preference) {
            let there = holders::preferences_mut(&mut person.row, place);
            there.retain(|p| p["FilterId"] != preference["FilterId"]);
            archive(w, person, place, preference);
        }
    }
}
