//! Random bodies of calls: few words, so that things meet; every word in several letter cases; dates around now and around the
//! changes of daylight saving; now and then something wrong.

use serde_json::{Map, Value, json};

use super::{
    config::Config,
    contacts::{KINDS, Kind, bare},
    dates,
    json::{list, without},
};
use crate::harness::random::Random;

/// Makes bodies.
pub struct Bodies<'a> {
    pub random: &'a mut Random,
    pub config: &'a Config,
    pub now: i64,
    /// The row of the profile that the body is for; null for a new one.
    pub row: Value,
}

impl Bodies<'_> {
    /// True so many times out of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u64) as usize].clone()
    }

    /// A name in one of its letter cases.
    pub fn cased(&mut self, name: &str) -> String {
        match self.random.below(8) {
            0 => name.to_lowercase(),
            1 => name.to_uppercase(),
            _ => name.to_owned(),
        }
    }

    fn any(&mut self, of: &[&str]) -> String {
        let name = self.pick(of);
        self.cased(name)
    }

    /// The body of a create, a partial update or, with more in it, a replacement.
    pub fn profile(&mut self, how_much: u64) -> Value {
        let mut body = Map::new();
        for (flag, percent) in
            [("IsActive", 2), ("RegistrationConfirmed", 5), ("PreserveConsents", 12), ("PreservePreferences", 12)]
        {
            if self.chance(percent) {
                body.insert(flag.to_owned(), self.pick(&[json!(true), json!(false), json!(false), json!(null)]));
            }
        }
        if self.chance(how_much / 3) {
            let kind = self.any(&["Consumer", "Business", "Consumer", ""]);
            body.insert("CustomerType".to_owned(), self.pick(&[json!(kind), json!(kind), json!(null)]));
        }
        if self.chance(how_much / 4) {
            body.insert("DefaultLocale".to_owned(), self.pick(&[json!("en_US"), json!("fr_CA"), json!(null)]));
        }
        if self.chance(how_much) {
            body.insert("CustomerName".to_owned(), self.name());
        }
        for (name, percent) in [
            ("Consents", how_much),
            ("ProfilePreferences", how_much),
            ("AlternateIds", how_much / 2),
            ("Groups", how_much / 2),
            ("ProfileTags", how_much / 2),
            ("CustomFields", how_much),
        ] {
            if self.chance(percent) {
                let items = self.some(name);
                body.insert(name.to_owned(), items);
            }
        }
        for kind in &KINDS {
            if self.chance(how_much) {
                let contacts = self.contacts(kind);
                body.insert(kind.list.to_owned(), contacts);
            }
        }
        let mut body = Value::Object(body);
        let preferences = list(&body, "ProfilePreferences").to_vec();
        self.consent_to(&mut body, &preferences);
        if self.chance(7) {
            self.spoil(&mut body);
        }
        body
    }

    pub fn name(&mut self) -> Value {
        let mut name = Map::new();
        for (part, values) in [
            ("FirstName", ["Ann", "ANN", "Zoë"]),
            ("LastName", ["Lee", "Núñez", "lee"]),
            ("MiddleName", ["Q", "q", "R"]),
            ("Prefix", ["Dr", "Ms", ""]),
        ] {
            if self.chance(50) {
                let value = self.pick(&values);
                name.insert(part.to_owned(), if self.chance(12) { Value::Null } else { json!(value) });
            }
        }
        Value::Object(name)
    }

    /// One to three elements of a list, most of the time each once.
    fn some(&mut self, name: &str) -> Value {
        let n = 1 + self.random.below(3);
        let mut items: Vec<Value> = (0..n).map(|_| self.one(name)).collect();
        if !self.chance(4) {
            let key = |item: &Value| {
                let of =
                    ["AlternateIdType", "AlternateId", "GroupType", "GroupName", "Name", "ConsentType", "FilterId"];
                of.map(|name| item[name].as_str().unwrap_or_default().to_lowercase())
            };
            let mut seen = std::collections::BTreeSet::new();
            items.retain(|item| seen.insert(key(item)));
        }
        json!(items)
    }

    fn one(&mut self, name: &str) -> Value {
        match name {
            "Consents" => self.consent(&["Marketing", "Terms", "Texting"]),
            "ProfilePreferences" => self.preference(&["Solicit"]),
            "AlternateIds" => {
                let (kind, id) = self.alternate_id();
                let mut item = json!({"AlternateIdType": kind, "AlternateId": id});
                if self.chance(15) {
                    item["IsActive"] = json!(self.chance(50));
                }
                item
            }
            "Groups" => {
                let mut item = json!({
                    "GroupType": self.any(&["Household", "Company"]), "GroupName": self.any(&["Smith", "Ångström"]),
                });
                if self.chance(60) {
                    item["IsPrimary"] = json!(self.chance(60));
                }
                item
            }
            "ProfileTags" => json!({"Name": self.any(&["vip", "New", "größe"])}),
            "CustomFields" => self.field(),
            other => unreachable!("{other}"),
        }
    }

    /// A type and an id, of which there are few.
    pub fn alternate_id(&mut self) -> (String, String) {
        let kind = self.any(&["CRM", "CRM", "Loyalty"]);
        let id = match self.random.below(6) {
            0 => self.any(&["Å/1 x", "a?b=&c"]),
            _ => {
                let n = self.random.below(24);
                self.cased(&format!("C-{n}"))
            }
        };
        (kind, id)
    }

    fn field(&mut self) -> Value {
        let (name, values): (&str, &[&str]) = self.pick(&[
            ("Note", ["hello", "two", "xx", ""].as_slice()),
            ("Age", &["20", "34.5", "150", ""]),
            ("Born", &["1980-02-29", "1990-01-01T00:00:00Z"]),
            ("Colour", &["red", "Green", ""]),
            ("Colours", &["red::BLUE", "Green", "Blue::Red"]),
            ("First", &["a", "b", ""]),
            ("Last", &["a", "b", ""]),
            ("Fixed", &["a", "b", ""]),
        ]);
        let value = self.pick(values);
        json!({"Name": self.cased(name), "Value": if value.is_empty() && self.chance(50) { Value::Null } else { json!(value) }})
    }

    /// A consent of one of these types.
    pub fn consent(&mut self, types: &[&str]) -> Value {
        let kind = self.any(types);
        let version =
            if kind.eq_ignore_ascii_case("Marketing") { self.pick(&["v1", "v1", "V1", "v2", "v0"]) } else { "v1" };
        let locale = if version.eq_ignore_ascii_case("v1") && !kind.eq_ignore_ascii_case("Terms") {
            self.pick(&["en_US", "en_US", "es_US", "EN_us"])
        } else {
            "en_US"
        };
        let granted = [json!(1), json!(1), json!(1), json!("Granted")];
        let others = [json!(2), json!("Revoked"), json!(3), json!(4)];
        let status = if self.chance(65) { self.pick(&granted) } else { self.pick(&others) };
        let mut consent =
            json!({"ConsentType": kind, "ConsentVersion": version, "Locale": locale, "ConsentStatus": status});
        if self.chance(40) {
            consent["ConsentDate"] = json!(self.date());
        }
        consent
    }

    /// A preference of a filter of one of these channels.
    pub fn preference(&mut self, channels: &[&str]) -> Value {
        let filters: Vec<String> = self
            .config
            .filters()
            .filter(|(_, filter)| channels.contains(&filter.channel_id.as_str()))
            .map(|(_, filter)| filter.id.clone())
            .collect();
        let filter = self.pick(&filters);
        let said = [json!(1), json!(1), json!("OptIn"), json!(2), json!("optout")];
        let mut preference = json!({"FilterId": self.cased(&filter), "PreferenceType": self.pick(&said)});
        let frequencies = self.config.filter(&filter).unwrap().1.frequencies.clone();
        if !frequencies.is_empty() && self.chance(30) {
            let id = self.pick(&frequencies).id;
            preference["FrequencyId"] = json!(self.cased(&id));
        }
        if self.chance(30) {
            preference["CustomerDate"] = json!(self.date());
        }
        if self.chance(20) {
            let mut attributes =
                vec![json!({"Key": self.pick(&["Topic", "topic"]), "Value": self.any(&["Gardens", "Ÿ"])})];
            if self.chance(40) {
                attributes.push(json!({"Key": "$Reason_Code", "Value": self.pick(&[json!("MOVED"), json!(null)])}));
            }
            preference["PreferenceAttributes"] = json!(attributes);
        }
        if self.chance(3) {
            preference["MatchType"] = json!("Implied");
        }
        if self.chance(3) {
            preference["PreferenceStatus"] = json!("Archived");
        }
        preference
    }

    /// A date in one of the forms that are taken.
    pub fn date(&mut self) -> String {
        const CHANGES: [&str; 12] = [
            "2026-03-08T01:59:59",
            "2026-03-08T02:30:00",
            "2026-03-08",
            "2026-11-01T00:59:59",
            "2026-11-01T01:30:00",
            "2026-11-01T02:00:00",
            "2026-11-01",
            "2027-03-14T02:00:00",
            "2027-11-07T01:00:00",
            "2027-11-07",
            "2026-10-31",
            "2027-03-14",
        ];
        if self.chance(20) {
            return self.pick(&CHANGES).to_owned();
        }
        let back = self.random.below(15 * 24) as i64 * 3_600_000 + self.random.below(3) as i64;
        let ahead = if self.chance(10) { 2 * dates::DAY } else { 0 };
        let utc = dates::wire(self.now - back + ahead);
        match self.random.below(4) {
            0 => utc,
            1 => utc[..10].to_owned(),
            2 => utc.trim_end_matches('Z').to_owned(),
            _ => format!("{}{}", &utc[..19], self.pick(&["-05:00", "+01:00", "+00:00"])),
        }
    }

    fn contacts(&mut self, kind: &Kind) -> Value {
        let n = 1 + self.random.below(2);
        let mut contacts: Vec<Value> = (0..n).map(|_| self.contact(kind)).collect();
        if !self.chance(4) {
            let mut seen = std::collections::BTreeSet::new();
            contacts.retain(|contact| seen.insert(kind.place(contact)));
            let mut defaults = 0;
            for contact in &mut contacts {
                defaults += usize::from(contact["IsDefault"] == true);
                if defaults > 1 {
                    contact["IsDefault"] = json!(false);
                }
            }
        }
        json!(contacts)
    }

    /// A contact with something said of it; often one that the profile has, in other letters.
    fn contact(&mut self, kind: &Kind) -> Value {
        let there = list(&self.row, kind.list).to_vec();
        let mut contact = if !there.is_empty() && self.chance(60) {
            let chosen = self.pick(&there);
            self.respelled(kind, &chosen)
        } else {
            self.fresh(kind)
        };
        if self.chance(25) {
            contact["IsDefault"] = json!(self.chance(75));
        }
        if kind.list == "PhoneNumbers" && self.chance(45) {
            contact["IsMobile"] = json!(self.chance(70));
        }
        if self.chance(30) {
            let consents: Vec<Value> = vec![match kind.list {
                "PhoneNumbers" => self.consent(&["Texting", "Texting", "Marketing"]),
                _ => self.consent(&["Marketing", "Marketing", "Terms"]),
            }];
            contact["Consents"] = json!(consents);
        }
        if self.chance(60) {
            let mut preferences = vec![self.preference(kind.channels)];
            if self.chance(35) {
                preferences.push(self.preference(kind.channels));
            }
            let mut seen = std::collections::BTreeSet::new();
            preferences.retain(|p| seen.insert(p["FilterId"].as_str().unwrap().to_lowercase()));
            self.consent_to(&mut contact, &preferences);
            if preferences.iter().any(|p| p["FilterId"].as_str().unwrap().eq_ignore_ascii_case("SMS"))
                && self.chance(85)
            {
                contact["IsMobile"] = json!(true);
            }
            contact[kind.preferences] = json!(preferences);
        }
        contact
    }

    /// Gives an opt-in most of the time the consents that its filter requires: without them it would be refused.
    fn consent_to(&mut self, contact: &mut Value, preferences: &[Value]) {
        let mut consents = list(contact, "Consents").to_vec();
        for preference in preferences {
            let (_, filter) = self.config.filter(preference["FilterId"].as_str().unwrap()).unwrap();
            for required in filter.required_consents.clone() {
                let has = consents.iter().any(|c| c["ConsentType"].as_str().unwrap().eq_ignore_ascii_case(&required));
                let opts_in = preference["PreferenceType"] == 1 || preference["PreferenceType"] == "OptIn";
                if !has && opts_in && self.chance(85) {
                    let mut consent = self.consent(&[&required]);
                    consent["ConsentStatus"] = json!(1);
                    if consent["ConsentVersion"] == "v0" {
                        consent["ConsentVersion"] = json!("v2");
                    }
                    consents.push(consent);
                }
            }
        }
        if !consents.is_empty() {
            contact["Consents"] = json!(consents);
        }
    }

    fn fresh(&mut self, kind: &Kind) -> Value {
        match kind.list {
            "Emails" => json!({
                "EmailAddressType": self.any(&["Home", "Work"]),
                "EmailAddress": self.any(&["ann@example.com", "Bob@Example.com", "åsa@example.com", "o'neil+t@b.c"]),
            }),
            "PhoneNumbers" => json!({
                "PhoneType": self.any(&["Home", "Mobile"]),
                "PhoneNumber": self.pick(&["+1 (404) 555-0100", "14045550100", "404.555.0101", "4045550102 "]),
            }),
            _ => {
                let mut address = json!({
                    "AddressType": self.any(&["Home", "Billing"]), "Address1": self.any(&["1 Elm St", "2 Oak Ave"]),
                    "City": self.any(&["Macon", "Åby"]), "StateProvince": self.any(&["GA", "FL"]), "PostalCode": self.pick(&["31201", "K1A 0B1"]),
                });
                if self.chance(30) {
                    address["Address2"] = self.pick(&[json!("Apt 2"), json!("apt 2"), json!(null)]);
                }
                if self.chance(40) {
                    let codes = [
                        json!({"CountryCode_Alpha2": "US"}),
                        json!({"CountryCode_Alpha3": "CAN"}),
                        json!({"CountryCode_Numeric": "840"}),
                        json!({"CountryCode_Alpha2": null}),
                    ];
                    address.as_object_mut().unwrap().extend(self.pick(&codes).as_object().unwrap().clone());
                }
                address
            }
        }
    }

    /// The natural key of a contact that is there, as somebody else would write it.
    pub fn respelled(&mut self, kind: &Kind, contact: &Value) -> Value {
        let mut contact = without(
            &bare(kind, contact),
            &[
                "IsDefault",
                "IsActive",
                "IsMobile",
                "Edited",
                "PhoneNumberNumeric",
                "Country",
                "CountryCode_Alpha2",
                "CountryCode_Alpha3",
                "CountryCode_Numeric",
            ],
        );
        for (name, value) in contact.as_object_mut().unwrap() {
            if let Some(text) = value.as_str() {
                *value = match name.as_str() {
                    "PhoneNumber" if self.random.below(3) == 0 => json!(format!("({})", text.trim())),
                    "PostalCode" => json!(text),
                    _ => json!(self.cased(text)),
                };
            }
        }
        contact
    }
}
