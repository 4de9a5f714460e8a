//! How profiles read: what has expired by now, what is implied, what an export holds.

use serde_json::{Value, json};

use super::{
    config::Filter,
    contacts::{KINDS, PROFILE},
    dates, holders,
    json::{list, list_mut, without},
    model::{Model, Person},
};

/// What a reading shows beside what is current and expressed.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub implied: bool,
    pub archived: bool,
}

impl Model {
    /// A profile as it reads now.
    pub fn read(&self, person: &Person, shown: Shown) -> Value {
        let mut row = person.row.clone();
        if shown.implied && self.config.implied_preferences {
            for (program, filter) in self.config.filters() {
                self.imply(&mut row, person, program, filter);
            }
        }
        if shown.archived {
            for ((place, _), preference) in &person.archived {
                if holders::places(&row).contains(place) {
                    holders::preferences_mut(&mut row, place).push(preference.clone());
                }
            }
        }
        for place in holders::places(&row) {
            for preference in holders::preferences_mut(&mut row, &place) {
                if preference["PreferenceStatus"] != "Archived" {
                    let status = if self.is_past(&preference["ExpirationDate"]) { "Expired" } else { "Active" };
                    preference["PreferenceStatus"] = json!(status);
                }
            }
            for consent in holders::consents_mut(&mut row, &place) {
                consent["Expired"] = json!(self.is_past(&consent["ExpirationDate"]));
            }
        }
        row
    }

    /// The same with the former consents behind it.
    pub fn read_with_history(&self, person: &Person, implied: bool) -> Value {
        let mut row = self.read(person, Shown { implied, archived: false });
        let former = person.history.iter().filter(|(kind, _)| *kind == "Consents");
        row["ConsentHistory"] = former.map(|(_, entry)| without(entry, &["UserId", "SourceId"])).collect();
        row
    }

    fn is_past(&self, date: &Value) -> bool {
        date.as_str().is_some_and(|date| !date.is_empty() && dates::millis(date) <= self.now)
    }

    /// A missing preference is inherited from the filter's default, wherever its channel fits; an opt-in only
    /// with its consents, granted and not expired, and where no opt-out was archived.
    fn imply(&self, row: &mut Value, person: &Person, program: &str, filter: &Filter) {
        let Some(default) = filter.default_preference.as_deref().filter(|_| filter.is_active) else { return };
        for place in holders::places(row) {
            let fits = match filter.channel_id.as_str() {
                "Solicit" => place == PROFILE,
                "Text" => is_phone(&place) && holders::takes_texts(row, &place),
                "Fax" => is_phone(&place) && !holders::takes_texts(row, &place),
                channel => KINDS.iter().any(|kind| place.starts_with(kind.list) && kind.channels.contains(&channel)),
            };
            let is_said = holders::preferences(row, &place).iter().any(|p| p["FilterId"] == filter.id.as_str());
            let has_consents = filter.required_consents.iter().all(|consent_type| {
                holders::consent(row, &place, consent_type).is_some_and(|(_, consent)| {
                    consent["ConsentStatus"] == 1 && !self.is_past(&consent["ExpirationDate"])
                })
            });
            let archived = person.archived.get(&(place.clone(), filter.id.clone()));
            let was_refused = archived.is_some_and(|p| p["PreferenceType"] == 2);
            if !fits || is_said || default == "OptIn" && (!has_consents || was_refused) {
                continue;
            }
            let frequency = filter.frequencies.iter().find(|f| f.is_default).map(|f| &f.id);
            let edited = &row["Edited"];
            let implied = json!({
                "ProgramId": program, "ChannelId": filter.channel_id, "Consents": [], "MatchType": "Implied", "ReasonCode": null,
                "ExpirationDate": "", "PreferenceStatus": "Active", "LastModifiedDate": edited["CreateDate"],
                "UserId": edited["CreateUserId"], "SourceId": edited["CreateSourceId"], "FilterId": filter.id,
                "PreferenceType": if default == "OptIn" { 1 } else { 2 }, "FrequencyId": frequency, "PreferenceAttributes": [],
                "CustomerDate": edited["CreateDate"],
            });
            holders::preferences_mut(row, &place).push(implied);
        }
    }

    /// The rows of an export of profiles of which this is true.
    pub fn rows(&self, shown: Shown, is_in: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.people.values().map(|person| self.read(person, shown)).filter(is_in).collect()
    }
}

fn is_phone(place: &str) -> bool {
    place.starts_with("PhoneNumbers")
}

/// A row without these lists, on the profile and inside contacts and preferences.
pub fn cut(row: &Value, names: &[&str]) -> Value {
    let mut row = without(row, names);
    for kind in &KINDS {
        for contact in list_mut(&mut row, kind.list) {
            *contact = without(contact, names);
        }
    }
    let lists = KINDS.iter().map(|kind| kind.preferences).chain([("ProfilePreferences")]);
    for name in lists {
        let cut_all = |holder: &mut Value| {
            if holder.get(name).is_some() {
                let cut = list(holder, name).iter().map(|preference| without(preference, names)).collect::<Vec<_>>();
                holder[name] = json!(cut);
            }
        };
        cut_all(&mut row);
        for kind in &KINDS {
            list_mut(&mut row, kind.list).iter_mut().for_each(cut_all);
        }
    }
    row
}
