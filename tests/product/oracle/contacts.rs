//! Emails, phone numbers and addresses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    config::{Config, Type},
    json::{fold, list, list_mut, text, without},
    model::{How, Person, Write},
    person::{configured, once},
    preferences,
};

/// What differs between the three kinds.
pub struct Kind {
    pub list: &'static str,
    pub preferences: &'static str,
    pub type_member: &'static str,
    /// What a contact is found by, beside its type.
    key: &'static [&'static str],
    /// Of these, what may be left out.
    optional_key: &'static [&'static str],
    types: fn(&Config) -> &Vec<Type>,
    pub channels: &'static [&'static str],
}

pub const KINDS: [Kind; 3] = [
    Kind {
        list: "Emails",
        preferences: "EmailPreferences",
        type_member: "EmailAddressType",
        key: &["EmailAddress"],
        optional_key: &[],
        types: |config| &config.email_types,
        channels: &["Email"],
    },
    Kind {
        list: "PhoneNumbers",
        preferences: "PhoneNumberPreferences",
        type_member: "PhoneType",
        key: &["PhoneNumber"],
        optional_key: &[],
        types: |config| &config.phone_types,
        channels: &["Phone", "Text", "Fax"],
    },
    Kind {
        list: "Addresses",
        preferences: "AddressPreferences",
        type_member: "AddressType",
        key: &["Address1", "Address2", "City", "StateProvince", "PostalCode"],
        optional_key: &["Address2"],
        types: |config| &config.address_types,
        channels: &["Mail"],
    },
];

/// The place of what hangs on no contact.
pub const PROFILE: &str = "Profile";

/// The digits of a phone number.
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl Kind {
    /// Whether a contact is found by this member.
    pub fn is_key(&self, member: &str) -> bool {
        member == self.type_member || self.key.contains(&member)
    }

    /// The natural key of a contact, as one text; `None` when a part of it is missing.
    pub fn place(&self, contact: &Value) -> Option<String> {
        let mut place = format!("{}|{}", self.list, fold(text(contact, self.type_member)?));
        for member in self.key {
            let part = text(contact, member).unwrap_or_default();
            let part = if *member == "PhoneNumber" { digits(part) } else { fold(part) };
            if part.is_empty() && !self.optional_key.contains(member) {
                return None;
            }
            place = format!("{place}|{part}");
        }
        Some(place)
    }

    pub fn find(&self, row: &Value, place: &str) -> Option<usize> {
        list(row, self.list).iter().position(|contact| self.place(contact).as_deref() == Some(place))
    }
}

/// Writes the contacts themselves, without what hangs on them.
pub fn write(w: &mut Write<'_>, person: &mut Person, body: &Value) {
    for kind in &KINDS {
        let mut seen = BTreeSet::new();
        let mut default = None;
        for sent in list(body, kind.list) {
            let Some(place) = kind.place(sent) else {
                w.refuse(400);
                continue;
            };
            once(w, &mut seen, place.clone());
            if sent["IsDefault"] == true && default.replace(place.clone()).is_some() {
                w.refuse(400);
            }
            write_one(w, kind, person, sent, &place);
        }
        if let Some(default) = default {
            for contact in list_mut(&mut person.row, kind.list) {
                if contact["IsDefault"] == true && kind.place(contact).as_ref() != Some(&default) {
                    contact["IsDefault"] = json!(false);
                    w.touch(contact);
                }
            }
        }
        if w.how == How::Replace {
            remove_others(w, kind, person, &seen);
        }
        if kind.list == "PhoneNumbers" {
            archive_texts(w, kind, person);
        }
    }
}

fn write_one(w: &mut Write<'_>, kind: &Kind, person: &mut Person, sent: &Value, place: &str) {
    if !is_well_formed(kind, sent) {
        w.refuse(400);
    }
    let found = kind.find(&person.row, place);
    let types = (kind.types)(w.config).clone();
    let Some(type_name) = configured(w, &types, sent[kind.type_member].as_str().unwrap(), found.is_none()) else {
        return;
    };
    let old = found.map(|at| list(&person.row, kind.list)[at].clone());
    // What is not sent stays when touching only what is sent, and is off or empty otherwise.
    let former = old.as_ref().filter(|_| w.how == How::Update);
    let flag = |name: &str| sent[name].as_bool().or(former.and_then(|f| f[name].as_bool())).unwrap_or(false);
    let mut own = json!({ kind.type_member: type_name, "IsDefault": flag("IsDefault"), "IsActive": true });
    for member in kind.key {
        own[*member] = sent[*member].clone();
    }
    match kind.list {
        "PhoneNumbers" => {
            own["PhoneNumberNumeric"] = json!(digits(sent["PhoneNumber"].as_str().unwrap()));
            own["IsMobile"] = json!(flag("IsMobile"));
        }
        "Addresses" => country(&mut own, sent, former),
        _ => {}
    }
    let Some(old) = old else {
        own["Edited"] = w.stamp();
        let (preferences, consents) = person.gone.remove(place).unwrap_or_default();
        own[kind.preferences] = json!(preferences);
        own["Consents"] = json!(consents);
        list_mut(&mut person.row, kind.list).push(own);
        w.returned.push(place.to_owned());
        return;
    };
    for member in ["Edited", "Consents", kind.preferences] {
        own[member] = old[member].clone();
    }
    if super::json::difference(&old, &own).is_some() {
        w.touch(&mut own);
    }
    list_mut(&mut person.row, kind.list)[found.unwrap()] = own;
}

fn is_well_formed(kind: &Kind, sent: &Value) -> bool {
    match kind.list {
        "Emails" => {
            let address = sent["EmailAddress"].as_str().unwrap();
            let parts: Vec<&str> = address.split('@').collect();
            parts.len() == 2 && parts.iter().all(|part| !part.is_empty()) && !address.contains(' ')
        }
        "Addresses" => (2..=50).contains(&sent["StateProvince"].as_str().unwrap().chars().count()),
        _ => true,
    }
}

/// The three codes say one thing, and bring the others and the name: sending any of them says the country anew.
fn country(own: &mut Value, sent: &Value, former: Option<&Value>) {
    const CODES: [&str; 3] = ["CountryCode_Alpha2", "CountryCode_Alpha3", "CountryCode_Numeric"];
    const KNOWN: [[&str; 4]; 2] = [["US", "USA", "840", "United States"], ["CA", "CAN", "124", "Canada"]];
    let names = [CODES[0], CODES[1], CODES[2], "Country"];
    if CODES.iter().all(|code| sent.get(code).is_none()) {
        for name in names {
            own[name] = former.map_or(Value::Null, |former| former[name].clone());
        }
        return;
    }
    let known = KNOWN.iter().find(|known| CODES.iter().zip(*known).any(|(code, is)| sent[*code] == *is));
    for (i, name) in names.into_iter().enumerate() {
        own[name] = known.map_or(Value::Null, |known| json!(known[i]));
    }
}

/// Removes the contacts that a replaced profile doesn't name, and what hangs on them (profile.md, Preserve…).
fn remove_others(w: &mut Write<'_>, kind: &Kind, person: &mut Person, sent: &BTreeSet<String>) {
    let all = std::mem::take(list_mut(&mut person.row, kind.list));
    for contact in all {
        let place = kind.place(&contact).unwrap();
        if sent.contains(&place) {
            list_mut(&mut person.row, kind.list).push(contact);
            continue;
        }
        let mut preferences = list(&contact, kind.preferences).to_vec();
        let mut consents = list(&contact, "Consents").to_vec();
        if person.row["PreservePreferences"] == false {
            for preference in preferences.drain(..) {
                preferences::archive(w, person, &place, preference);
            }
        }
        if person.row["PreserveConsents"] == false {
            consents.clear();
        }
        person.gone.insert(place, (preferences, consents));
    }
}

/// `Text` preferences need `IsMobile` true; true → false archives them.
fn archive_texts(w: &mut Write<'_>, kind: &Kind, person: &mut Person) {
    for at in 0..list(&person.row, kind.list).len() {
        let phone = &mut list_mut(&mut person.row, kind.list)[at];
        if phone["IsMobile"] == false {
            let (texts, others) =
                list(phone, kind.preferences).to_vec().into_iter().partition(|p: &Value| p["ChannelId"] == "Text");
            let others: Vec<Value> = others;
            phone[kind.preferences] = json!(others);
            let place = kind.place(phone).unwrap();
            let texts: Vec<Value> = texts;
            for text in texts {
                w.archived.insert((place.clone(), text["FilterId"].as_str().unwrap().to_owned()), text.clone());
                preferences::archive(w, person, &place, text);
            }
        }
    }
}

/// The contact without what hangs on it.
pub fn bare(kind: &Kind, contact: &Value) -> Value {
    without(contact, &[kind.preferences, "Consents"])
}
