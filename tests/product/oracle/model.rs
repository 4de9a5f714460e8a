//! The model: the specification of profiles, as simply as it can be said. Everything is in memory, everything is JSON as the
//! Data API shows it, nothing is fast.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    config::Config,
    consents, contacts, dates, fields, history,
    json::{list, list_mut, same, text},
    person, preferences, shape,
};

/// One account.
#[derive(Debug, Clone)]
pub struct Model {
    pub config: Config,
    pub people: BTreeMap<u64, Person>,
    pub tombstones: BTreeMap<u64, Value>,
    /// The server's clock, ms.
    pub now: i64,
    /// Who writes, and where their changes are said to come from.
    pub user: Value,
    pub source: Value,
}

/// One profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// As it was written, with expressed and current things only.
    pub row: Value,
    /// Preferences that a rule archived: by place and filter the newest.
    pub archived: BTreeMap<(String, String), Value>,
    /// What hung on contacts that were removed, by the contact's place: preferences and consents that come back with it.
    pub gone: BTreeMap<String, (Vec<Value>, Vec<Value>)>,
    /// Former values: the kind and the entry.
    pub history: Vec<(&'static str, Value)>,
}

/// How a body is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Create,
    /// Touches only what is sent.
    Update,
    /// Makes the profile what is sent.
    Replace,
}

/// A call that must fail: with one of these.
pub type Refused = BTreeSet<u16>;

/// A write under way.
pub struct Write<'m> {
    pub config: &'m Config,
    pub how: How,
    pub now: i64,
    pub user: Value,
    pub source: Value,
    /// What is wrong with it; anything here, and nothing of the write happens.
    pub refused: Refused,
    /// Contacts that are new, or here again with what hung on them.
    pub returned: Vec<String>,
    /// Preferences and consents that were said anew: by place and filter or type. Their former values are history even where the new
    /// ones are equal.
    pub replaced: BTreeSet<(String, String)>,
    /// Preferences that this write has archived, as they were: by place and filter.
    pub archived: BTreeMap<(String, String), Value>,
}

impl Write<'_> {
    pub fn refuse(&mut self, status: u16) {
        self.refused.insert(status);
    }

    /// `Edited` of something new.
    pub fn stamp(&self) -> Value {
        let now = dates::wire(self.now);
        json!({
            "CreateDate": now, "CreateUserId": self.user, "CreateSourceId": self.source,
            "LastModifiedDate": now, "LastModifiedUserId": self.user, "LastModifiedSourceId": self.source,
        })
    }

    /// Stamps `Edited` of something that this write changes.
    pub fn touch(&self, thing: &mut Value) {
        let edited = &mut thing["Edited"];
        edited["LastModifiedDate"] = json!(dates::wire(self.now));
        edited["LastModifiedUserId"] = self.user.clone();
        edited["LastModifiedSourceId"] = self.source.clone();
    }
}

impl Model {
    pub fn new(now: i64) -> Model {
        Model {
            config: Config::new(),
            people: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            now,
            user: json!("Nightly"),
            source: json!("Batch"),
        }
    }

    pub(super) fn begin(&self, how: How) -> Write<'_> {
        let (user, source) = (self.user.clone(), self.source.clone());
        Write {
            config: &self.config,
            how,
            now: self.now,
            user,
            source,
            refused: Refused::new(),
            returned: Vec::new(),
            replaced: BTreeSet::new(),
            archived: BTreeMap::new(),
        }
    }

    /// A new profile from a body; the caller gives it its id.
    pub fn created(&self, body: &Value) -> Result<Person, Refused> {
        let write = self.begin(How::Create);
        let row = json!({
            "ProfileId": null, "IsActive": true, "Edited": write.stamp(), "RegistrationConfirmed": false, "CustomerType": null,
            "PreserveConsents": true, "PreservePreferences": true,
            "CustomerName": {"Prefix": null, "FirstName": null, "MiddleName": null, "LastName": null, "Suffix": null},
            "DefaultLocale": null, "Consents": [], "ProfilePreferences": [], "AlternateIds": [], "Addresses": [],
            "PhoneNumbers": [], "Emails": [], "Groups": [], "ProfileTags": [], "CustomFields": [],
        });
        let person = Person { row, archived: BTreeMap::new(), gone: BTreeMap::new(), history: Vec::new() };
        self.apply(write, person, None, body)
    }

    /// The profile as a body changes it.
    pub fn written(&self, id: u64, body: &Value, how: How) -> Result<Person, Refused> {
        self.apply(self.begin(how), self.people[&id].clone(), Some(id), body)
    }

    fn apply(&self, mut w: Write<'_>, mut person: Person, id: Option<u64>, body: &Value) -> Result<Person, Refused> {
        let before = person.clone();
        let w = &mut w;
        if !shape::is_right(body) {
            w.refuse(400);
            return Err(w.refused.clone());
        }
        if w.how != How::Create {
            w.touch(&mut person.row);
        }
        person::write(w, &mut person.row, body);
        for alternate in list(&person.row, "AlternateIds") {
            if self.owner(alternate).is_some_and(|owner| Some(owner) != id) {
                w.refuse(409);
            }
        }
        contacts::write(w, &mut person, body);
        if w.how == How::Replace && w.refused.is_empty() {
            preferences::remove_unsaid(w, &mut person, body);
        }
        let lost = consents::write(w, &mut person, body);
        for place in w.returned.clone() {
            preferences::archive_unfounded(w, &mut person, &place);
        }
        preferences::archive_unconsented(w, &mut person, &lost);
        preferences::write(w, &mut person, body);
        fields::write(w, list_mut(&mut person.row, "CustomFields"), body);
        if !w.refused.is_empty() {
            return Err(w.refused.clone());
        }
        history::note(w, &before, &mut person);
        Ok(person)
    }

    /// Who has an alternate id, active or not.
    pub fn owner(&self, alternate: &Value) -> Option<u64> {
        self.with_alternate_id(text(alternate, "AlternateIdType")?, text(alternate, "AlternateId")?, |_| true)
    }

    /// Whom an alternate id reaches: a profile that is active.
    pub fn reached(&self, kind: &str, id: &str) -> Option<u64> {
        self.with_alternate_id(kind, id, |person| person.row["IsActive"] == true)
    }

    fn with_alternate_id(&self, kind: &str, id: &str, also: impl Fn(&Person) -> bool) -> Option<u64> {
        let has = |person: &Person| {
            list(&person.row, "AlternateIds").iter().any(|a| {
                same(a["AlternateIdType"].as_str().unwrap(), kind) && same(a["AlternateId"].as_str().unwrap(), id)
            })
        };
        self.people.iter().find(|(_, person)| has(person) && also(person)).map(|(id, _)| *id)
    }

    pub fn delete(&mut self, id: u64, reason: Option<&str>) {
        self.people.remove(&id);
        let tombstone = json!({"ProfileId": id, "DeletedDate": dates::wire(self.now), "ReasonCode": reason});
        self.tombstones.insert(id, tombstone);
    }
}
