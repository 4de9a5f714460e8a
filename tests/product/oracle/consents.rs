//! Consents of the person and of single contacts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    contacts::{KINDS, PROFILE},
    dates,
    holders::consents_mut,
    json::{fold, list, same, text},
    model::{How, Person, Write},
    person::once,
};

/// Writes the consents of a body; gives the types, folded, that are not granted any more somewhere.
pub fn write(w: &mut Write<'_>, person: &mut Person, body: &Value) -> BTreeSet<String> {
    let mut lost = BTreeSet::new();
    at(w, person, PROFILE, None, list(body, "Consents"), &mut lost);
    for kind in &KINDS {
        for contact in list(body, kind.list) {
            if let Some(place) = kind.place(contact).filter(|place| kind.find(&person.row, place).is_some()) {
                at(w, person, &place, Some(kind.channels), list(contact, "Consents"), &mut lost);
            }
        }
    }
    lost
}

fn at(
    w: &mut Write<'_>,
    person: &mut Person,
    place: &str,
    channels: Option<&[&str]>,
    sent: &[Value],
    lost: &mut BTreeSet<String>,
) {
    let mut seen = BTreeSet::new();
    for item in sent {
        let Some(new) = consent(w, channels, item) else { continue };
        let key = fold(new["ConsentType"].as_str().unwrap());
        once(w, &mut seen, key.clone());
        let there = consents_mut(&mut person.row, place);
        let old = there.iter().position(|c| fold(c["ConsentType"].as_str().unwrap()) == key);
        let refuses = new["ConsentStatus"] != 1;
        let kind = new["ConsentType"].as_str().unwrap().to_owned();
        if write_one(w, there, old, new, item) {
            w.replaced.insert((place.to_owned(), kind));
            if refuses {
                lost.insert(key);
            }
        }
    }
    if w.how == How::Replace && !w.returned.iter().any(|returned| returned == place) {
        let key = |c: &Value| fold(c["ConsentType"].as_str().unwrap());
        let there = consents_mut(&mut person.row, place);
        lost.extend(there.iter().map(key).filter(|key| !seen.contains(key)));
        there.retain(|c| seen.contains(&key(c)));
    }
}

/// One holder has one consent of a type: another version, locale or status takes the former's place. False when nothing new is said.
fn write_one(w: &mut Write<'_>, there: &mut Vec<Value>, old: Option<usize>, mut new: Value, item: &Value) -> bool {
    let version_is_off = new["Off"].take() == true;
    new.as_object_mut().unwrap().shift_remove("Off");
    let former = old.map(|at| there[at].clone());
    let equal = |former: &Value, members: &[&str]| members.iter().all(|member| former[*member] == new[*member]);
    const TEXT: [&str; 3] = ["ConsentType", "ConsentVersion", "Locale"];
    if let Some(former) = &former {
        let as_it_stands =
            !item["ConsentDate"].is_null() && equal(former, &["ConsentStatus", "ConsentDate"]) && equal(former, &TEXT);
        if as_it_stands {
            return false;
        }
    }
    let was_granted = former.as_ref().is_some_and(|former| former["ConsentStatus"] == 1 && equal(former, &TEXT));
    if version_is_off && new["ConsentStatus"] == 1 && !was_granted {
        w.refuse(404);
    }
    if let Some(former) = former.filter(|former| equal(former, &TEXT)) {
        new["Edited"] = former["Edited"].clone();
        w.touch(&mut new);
    }
    match old {
        Some(at) => there[at] = new,
        None => there.push(new),
    }
    true
}

/// The consent of the input, with `Off` where its version takes no new grants.
fn consent(w: &mut Write<'_>, channels: Option<&[&str]>, item: &Value) -> Option<Value> {
    let name = text(item, "ConsentType").filter(|name| !name.trim().is_empty());
    let status = match &item["ConsentStatus"] {
        Value::String(word) => {
            ["granted", "denied", "revoked", "notset"].iter().position(|w| *w == fold(word)).map(|n| n as u64 + 1)
        }
        number => number.as_u64().filter(|n| (1..=4).contains(n)),
    };
    let (Some(name), Some(status)) = (name, status) else {
        w.refuse(400);
        return None;
    };
    let Some(kind) = w.config.consent_type(name) else {
        w.refuse(404);
        return None;
    };
    if let (Some(channel), Some(channels)) = (&kind.channel, channels)
        && !channels.contains(&channel.as_str())
    {
        w.refuse(400);
        return None;
    }
    let (Some(version), Some(locale)) = (text(item, "ConsentVersion"), text(item, "Locale")) else {
        w.refuse(400);
        return None;
    };
    let version = kind.versions.iter().find(|v| same(&v.consent_version, version));
    let locale = version.and_then(|v| v.localized_fields.iter().find(|l| same(&l.locale, locale)));
    let (Some(version), Some(locale)) = (version, locale) else {
        w.refuse(404);
        return None;
    };
    let date = match text(item, "ConsentDate") {
        None => Some(w.now),
        Some(date) => dates::read(date, false),
    };
    let Some(date) = date else {
        w.refuse(400);
        return None;
    };
    let expires = version.expiration_in_days.map(|days| dates::wire(date + days * dates::DAY));
    Some(json!({
        "ConsentType": kind.type_name, "ConsentVersion": version.consent_version, "Locale": locale.locale,
        "ConsentStatus": status, "ConsentDate": dates::wire(date), "ExpirationDate": expires, "Expired": false,
        "Edited": w.stamp(), "Off": !version.is_active,
    }))
}

/// An opt-out withdraws a consent: Granted becomes Revoked, on the date of the opt-out.
pub fn revoke(w: &Write<'_>, person: &mut Person, place: &str, consent_type: &str, date: &str) -> bool {
    let there = match person.gone.get_mut(place) {
        Some((_, consents)) => consents,
        None => consents_mut(&mut person.row, place),
    };
    let found = there.iter_mut().find(|c| c["ConsentType"] == consent_type && c["ConsentStatus"] == 1);
    let Some(consent) = found else { return false };
    consent["ConsentStatus"] = json!(3);
    consent["ConsentDate"] = json!(date);
    let kind = w.config.consent_type(consent_type).unwrap();
    let version = kind.versions.iter().find(|v| consent["ConsentVersion"] == v.consent_version.as_str()).unwrap();
    let days = version.expiration_in_days;
    consent["ExpirationDate"] = json!(days.map(|days| dates::wire(dates::millis(date) + days * dates::DAY)));
    w.touch(consent);
    true
}
