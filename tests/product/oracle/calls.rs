//! The calls that change a part of a profile: preferences and consents alone, archive, activation, a filter's consent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    config::type_named,
    consents,
    contacts::{KINDS, PROFILE, digits},
    dates, history, holders,
    json::{fold, list, same, text, without},
    model::{How, Model, Person, Refused},
    preferences, shape,
};

/// What a call is about alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Preferences,
    Consents,
}

impl Model {
    /// Writes the preferences or the consents of a body, which must hold nothing else, to contacts that are there.
    pub fn part_written(&self, id: u64, body: &Value, part: Part) -> Result<Person, Refused> {
        let mut w = self.begin(How::Update);
        let mut person = self.people[&id].clone();
        let before = person.clone();
        if !shape::is_right(body) || !holds_only(body, part) {
            w.refuse(400);
            return Err(w.refused);
        }
        w.touch(&mut person.row);
        for kind in &KINDS {
            let mut seen = BTreeSet::new();
            for contact in list(body, kind.list) {
                match kind.place(contact) {
                    Some(place) => {
                        super::person::once(&mut w, &mut seen, place.clone());
                        if kind.find(&person.row, &place).is_none() {
                            w.refuse(404);
                        }
                    }
                    None => w.refuse(400),
                }
            }
        }
        match part {
            Part::Preferences => preferences::write(&mut w, &mut person, body),
            Part::Consents => {
                let lost = consents::write(&mut w, &mut person, body);
                preferences::archive_unconsented(&mut w, &mut person, &lost);
            }
        }
        if !w.refused.is_empty() {
            return Err(w.refused);
        }
        history::note(&w, &before, &mut person);
        Ok(person)
    }

    /// Sets whether a profile is active; one that is so already isn't written.
    pub fn activated(&self, id: u64, active: bool, reason: &Value) -> Result<Person, Refused> {
        let mut person = self.people[&id].clone();
        if reason.as_str().is_some_and(|reason| reason.chars().count() > 256) {
            return Err(Refused::from([400]));
        }
        if person.row["IsActive"] != active {
            let w = self.begin(How::Update);
            let former = json!({"IsActive": person.row["IsActive"], "Reason": reason});
            person.row["IsActive"] = json!(active);
            w.touch(&mut person.row);
            history::add(&w, &mut person, "StandardFields", former);
        }
        Ok(person)
    }

    /// Archives the preferences that meet all members of one selector; how many that are. Without any nothing is written.
    pub fn archived(&self, id: u64, body: &Value) -> Result<(Person, usize), Refused> {
        let mut w = self.begin(How::Update);
        let selectors = list(body, "Preferences");
        if selectors.is_empty() {
            w.refuse(400);
        }
        for selector in selectors {
            if selector.as_object().unwrap().is_empty() {
                w.refuse(400);
            }
            let unknown = |member: &str, is_known: &dyn Fn(&str) -> bool| {
                text(selector, member).is_some_and(|name| !is_known(name))
            };
            let config = &self.config;
            if unknown("FilterId", &|id| config.filter(id).is_some())
                || unknown("ProgramId", &|id| config.programs.iter().any(|p| same(&p.id, id)))
                || unknown("EmailAddressType", &|name| type_named(&config.email_types, name).is_some())
                || unknown("PhoneType", &|name| type_named(&config.phone_types, name).is_some())
                || unknown("AddressType", &|name| type_named(&config.address_types, name).is_some())
            {
                w.refuse(404);
            }
        }
        if !w.refused.is_empty() {
            return Err(w.refused);
        }
        let before = self.people[&id].clone();
        let mut person = before.clone();
        let mut count = 0;
        for place in holders::places(&before.row) {
            for mut preference in holders::preferences(&before.row, &place) {
                if !selectors.iter().any(|selector| is_meant(selector, &before.row, &place, &preference)) {
                    continue;
                }
                count += 1;
                holders::preferences_mut(&mut person.row, &place).retain(|p| p["FilterId"] != preference["FilterId"]);
                if let Some(reason) = text(body, "ReasonCode") {
                    preference["ReasonCode"] = json!(reason);
                }
                preferences::archive(&w, &mut person, &place, preference);
            }
        }
        // So is what a removed contact would bring back.
        for (place, (gone, consents)) in &before.gone {
            let is_meant = |p: &&Value| selectors.iter().any(|selector| is_meant(selector, &before.row, place, p));
            for preference in gone.iter().filter(is_meant) {
                count += 1;
                let mut preference = preference.clone();
                if let Some(reason) = text(body, "ReasonCode") {
                    preference["ReasonCode"] = json!(reason);
                }
                preferences::archive(&w, &mut person, place, preference);
            }
            let left = gone.iter().filter(|p| !is_meant(p)).cloned().collect();
            person.gone.insert(place.clone(), (left, consents.clone()));
        }
        if count > 0 {
            w.touch(&mut person.row);
            history::note(&w, &before, &mut person);
        }
        Ok((person, count))
    }

    /// Withdraws a consent by the filter that requires it: the person's, and that of every contact with the filter's channel.
    pub fn consent_withdrawn(&self, id: u64, filter: &str, consent_type: &str) -> Result<Person, Refused> {
        let nothing = Err(Refused::from([404]));
        let before = self.people[&id].clone();
        let Some((_, filter)) = self.config.filter(filter) else { return nothing };
        if !filter.required_consents.iter().any(|required| same(required, consent_type)) {
            return nothing;
        }
        let channels = |place: &str| -> &[&str] {
            KINDS.iter().find(|kind| place.starts_with(kind.list)).map_or(&["Solicit"], |kind| kind.channels)
        };
        let of_type = |c: &&Value| same(c["ConsentType"].as_str().unwrap(), consent_type);
        let fits = |place: &str| place == PROFILE || channels(place).contains(&filter.channel_id.as_str());
        let mut meant = Vec::new();
        for place in holders::places(&before.row).into_iter().filter(|place| fits(place)) {
            if let Some((holder, consent)) = holders::consent(&before.row, &place, consent_type)
                && holder == place
            {
                meant.push((holder, consent));
            }
        }
        for (place, (_, own)) in before.gone.iter().filter(|(place, _)| fits(place)) {
            meant.extend(own.iter().find(of_type).map(|consent| (place.clone(), consent.clone())));
        }
        if meant.is_empty() {
            return nothing;
        }
        let mut w = self.begin(How::Update);
        let mut person = before.clone();
        let mut is_revoked = false;
        for (place, consent) in meant {
            let name = consent["ConsentType"].as_str().unwrap();
            is_revoked |= consents::revoke(&w, &mut person, &place, name, &dates::wire(self.now));
        }
        if is_revoked {
            preferences::archive_unconsented(&mut w, &mut person, &BTreeSet::from([fold(consent_type)]));
            w.touch(&mut person.row);
            history::note(&w, &before, &mut person);
        }
        Ok(person)
    }

    /// Everybody who has a tag, without it.
    pub fn untagged(&self, tag: &str) -> impl Iterator<Item = (u64, Person)> {
        let has = |row: &Value| list(row, "ProfileTags").iter().any(|t| same(t["Name"].as_str().unwrap(), tag));
        self.people.iter().filter(move |(_, person)| has(&person.row)).map(move |(id, before)| {
            let w = self.begin(How::Update);
            let mut person = before.clone();
            super::json::list_mut(&mut person.row, "ProfileTags").retain(|t| !same(t["Name"].as_str().unwrap(), tag));
            w.touch(&mut person.row);
            history::note(&w, before, &mut person);
            (*id, person)
        })
    }

    /// How many profiles have each tag, by its folded name.
    pub fn tag_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for tag in self.people.values().flat_map(|person| list(&person.row, "ProfileTags")) {
            *counts.entry(fold(tag["Name"].as_str().unwrap())).or_insert(0) += 1;
        }
        counts
    }

    /// The filters that require consents, with the consents that there are.
    pub fn consent_filters(&self, person: &Person) -> Value {
        let shown = super::reading::Shown { implied: false, archived: false };
        let row = self.read(person, shown);
        let filters =
            self.config.filters().filter(|(_, filter)| filter.is_active && !filter.required_consents.is_empty());
        let filters = filters.map(|(program, filter)| {
            let mut found = Vec::new();
            for required in &filter.required_consents {
                let kind = self.config.consent_type(required).unwrap();
                let before = found.len();
                for place in holders::places(&row) {
                    let of_type = holders::consents(&row, &place).into_iter().filter(|c| c["ConsentType"] == kind.type_name.as_str());
                    found.extend(of_type.map(|c| without(&c, &["ConsentDate", "ExpirationDate", "Edited"])));
                }
                if found.len() == before {
                    found.push(json!({
                        "ConsentType": kind.type_name, "ConsentVersion": null, "Locale": null, "ConsentStatus": 4, "Expired": false,
                    }));
                }
            }
            json!({"FilterId": filter.id, "ProgramId": program, "ChannelId": filter.channel_id, "Consents": found})
        });
        json!({"Filters": filters.collect::<Vec<_>>()})
    }
}

/// Whether a body has nothing but preferences (consents), and in contacts nothing but these and what they are found by.
fn holds_only(body: &Value, part: Part) -> bool {
    let read_only = ["ProfileId", "Edited", "ConsentHistory"];
    let own = if part == Part::Preferences { "ProfilePreferences" } else { "Consents" };
    body.as_object().unwrap().iter().all(|(name, value)| {
        let Some(kind) = KINDS.iter().find(|kind| kind.list == name) else {
            return name == own || read_only.contains(&name.as_str()) || value.is_null();
        };
        let hangs = if part == Part::Preferences { kind.preferences } else { "Consents" };
        list(body, kind.list)
            .iter()
            .all(|contact| contact.as_object().unwrap().keys().all(|member| kind.is_key(member) || member == hangs))
    })
}

/// Whether a preference meets all members of a selector.
fn is_meant(selector: &Value, row: &Value, place: &str, preference: &Value) -> bool {
    let kind = KINDS.iter().find(|kind| place.starts_with(kind.list));
    let contact = kind.and_then(|kind| kind.find(row, place).map(|at| list(row, kind.list)[at].clone()));
    // Of a contact that was removed its place tells.
    let contact = contact.or_else(|| kind.map(|_| place_on_the_wire(place)));
    selector.as_object().unwrap().iter().all(|(member, wanted)| match member.as_str() {
        "PreferenceType" => preference[member] == *wanted,
        "FilterId" | "ProgramId" | "ChannelId" => same(preference[member].as_str().unwrap(), wanted.as_str().unwrap()),
        _ => contact.as_ref().is_some_and(|contact| {
            let digits_only = if member == "PhoneNumber" { "PhoneNumberNumeric" } else { member };
            let Some(has) = text(contact, member).or_else(|| text(contact, digits_only)) else { return false };
            let wanted = wanted.as_str().unwrap();
            if member == "PhoneNumber" { digits(has) == digits(wanted) } else { same(has, wanted) }
        }),
    })
}

/// A place as histories show it: a contact's natural key in the form in which keys are compared; null for the person as a whole.
pub fn place_on_the_wire(place: &str) -> Value {
    if place == PROFILE {
        return Value::Null;
    }
    let parts: Vec<&str> = place.split('|').collect();
    match parts[0] {
        "Emails" => json!({"EmailAddressType": parts[1], "EmailAddress": parts[2]}),
        "PhoneNumbers" => json!({"PhoneType": parts[1], "PhoneNumberNumeric": parts[2]}),
        _ => {
            let mut wire = json!({
                "AddressType": parts[1], "Address1": parts[2], "City": parts[4], "StateProvince": parts[5], "PostalCode": parts[6],
            });
            if !parts[3].is_empty() {
                wire["Address2"] = json!(parts[3]);
            }
            wire
        }
    }
}
