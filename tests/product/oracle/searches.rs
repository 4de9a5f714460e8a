//! Searches and the members of groups: a random question, and whom it must find.

use serde_json::{Value, json};

use super::{
    bodies::Bodies,
    check::history_without_expired,
    config::Config,
    contacts::{KINDS, digits},
    dates, holders,
    json::{difference, list, same, text},
    run::{Run, is},
};
use crate::harness::{encoded, random::Random};

/// Asks one of everything that can be searched for.
pub async fn ask(run: &Run, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let rows: Vec<&Value> = run.model.people.values().map(|person| &person.row).collect();
    let row = if rows.is_empty() { Value::Null } else { rows[random.below(rows.len() as u64) as usize].clone() };
    let mut bodies = Bodies { random: &mut random, config: &run.model.config, now: run.model.now, row };
    let (path, matches) = question(&mut bodies);
    let (implied, inactive) = (bodies.chance(70), bodies.chance(30));
    let found = |row: &Value| (inactive || row["IsActive"] == true) && matches(row, &run.model.config);
    finds(run, &format!("{path}&includeInactive={inactive}"), implied, found).await?;
    group(run, &mut bodies).await
}

async fn finds(run: &Run, path: &str, implied: bool, found: impl Fn(&Value) -> bool) -> Result<(), String> {
    let answer = run.api.get(&run.api.profile_path(&format!("{path}&implied={implied}"))).await;
    is(&answer, 200).map_err(|e| format!("{path}: {e}"))?;
    let people = run.model.people.values().filter(|person| found(&person.row));
    let want: Vec<Value> = people.map(|person| run.model.read_with_history(person, implied)).collect();
    let rows = answer.json();
    let rows = list(&rows, "UserProfilePreferences");
    let ids = |rows: &[Value]| rows.iter().map(|row| row["ProfileId"].clone()).collect::<Value>();
    if ids(&want) != ids(rows) {
        return Err(format!("{path}: the model finds {}, the product {}", ids(&want), ids(rows)));
    }
    for (want, row) in want.iter().zip(rows) {
        if let Some(difference) = difference(&history_without_expired(want), &history_without_expired(row)) {
            return Err(format!("{path}: profile {}{difference}", want["ProfileId"]));
        }
    }
    Ok(())
}

type Matches = Box<dyn Fn(&Value, &Config) -> bool + Send>;

fn question(bodies: &mut Bodies<'_>) -> (String, Matches) {
    match bodies.random.below(6) {
        0 => {
            let address = bodies.contact_text("Emails", "EmailAddress", "bob@example.com");
            let kind = bodies.chance(30).then(|| bodies.cased("Work"));
            let path = format!("/Email?emailAddress={}{}", encoded(&address), optional("emailType", kind.as_deref()));
            (
                path,
                one_of("Emails", move |e, _| {
                    is_same(e, "EmailAddress", &address) && fits(e, "EmailAddressType", kind.as_deref())
                }),
            )
        }
        1 => {
            let number = bodies.contact_text("PhoneNumbers", "PhoneNumberNumeric", "14045550100");
            let kind = bodies.chance(30).then(|| bodies.cased("Mobile"));
            let written = format!("+{} {}", &number[..1], &number[1..]);
            let path = format!("/Phone?phoneNumber={}{}", encoded(&written), optional("phoneType", kind.as_deref()));
            (
                path,
                one_of("PhoneNumbers", move |p, _| {
                    digits(p["PhoneNumber"].as_str().unwrap()) == number && fits(p, "PhoneType", kind.as_deref())
                }),
            )
        }
        2 => {
            let last = bodies.pick(&["LEE", "núñez", "nobody"]);
            let first = bodies.chance(50).then(|| bodies.pick(&["ANN", "zoë"]));
            let path = format!("/Name?lastName={}{}", encoded(last), optional("firstName", first));
            (
                path,
                Box::new(move |row, _| {
                    let name = &row["CustomerName"];
                    is_same(name, "LastName", last) && fits(name, "FirstName", first)
                }),
            )
        }
        3 => {
            let city = bodies.pick(&["macon", "ÅBY"]);
            let state = bodies.chance(60).then(|| bodies.pick(&["ga", "FL"]));
            let zip = bodies.chance(50).then_some("31201");
            let kind = bodies.chance(30).then(|| bodies.cased("Billing"));
            let path = format!(
                "/Address?city={}{}{}{}",
                encoded(city),
                optional("stateProvince", state),
                optional("postalCode", zip),
                optional("addressType", kind.as_deref())
            );
            (
                path,
                one_of("Addresses", move |a, _| {
                    is_same(a, "City", city)
                        && fits(a, "StateProvince", state)
                        && fits(a, "PostalCode", zip)
                        && fits(a, "AddressType", kind.as_deref())
                }),
            )
        }
        4 => {
            let value = bodies.chance(60).then(|| bodies.pick(&["gardens", "Ÿ"]));
            let reason = bodies.chance(30);
            let mut path =
                format!("/PreferenceAttributes?attributes[0].Key=TOPIC{}", optional("attributes[0].Value", value));
            if reason {
                path.push_str("&attributes[1].Key=%24Reason_Code");
            }
            (
                path,
                Box::new(move |row, _| {
                    holders::places(row).iter().flat_map(|place| holders::preferences(row, place)).any(|p| {
                        let has = |key: &str, value: Option<&str>| {
                            list(&p, "PreferenceAttributes")
                                .iter()
                                .any(|a| is_same(a, "Key", key) && fits(a, "Value", value))
                        };
                        has("Topic", value) && (!reason || has("$Reason_Code", None))
                    })
                }),
            )
        }
        _ => {
            let fields = [
                ("age", "20.0"),
                ("NOTE", "Hello"),
                ("Colour", "red"),
                ("Colours", "blue"),
                ("Fixed", "A"),
                ("born", "1980-02-29"),
            ];
            let (a, b) = (bodies.pick(&fields), bodies.pick(&fields));
            let any = bodies.chance(50);
            let path = format!(
                "/CustomFields?customFields[0].Name={}&customFields[0].Value={}&customFields[1].Name={}&customFields[1].Value={}&operator={}",
                a.0,
                a.1,
                b.0,
                b.1,
                if any { "or" } else { "And" }
            );
            (
                path,
                Box::new(move |row, _| {
                    let (a, b) = (has_field(row, a), has_field(row, b));
                    if any { a || b } else { a && b }
                }),
            )
        }
    }
}

fn optional(name: &str, value: Option<&str>) -> String {
    value.map_or(String::new(), |value| format!("&{name}={}", encoded(value)))
}

fn is_same(thing: &Value, member: &str, wanted: &str) -> bool {
    text(thing, member).is_some_and(|has| same(has, wanted))
}

fn fits(thing: &Value, member: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| is_same(thing, member, wanted))
}

/// One contact must meet all.
fn one_of(name: &'static str, meets: impl Fn(&Value, &Config) -> bool + Send + 'static) -> Matches {
    Box::new(move |row, config| list(row, name).iter().any(|contact| meets(contact, config)))
}

/// Numbers and dates are compared as such, text without regard to case, of several choices each.
fn has_field(row: &Value, (name, wanted): (&str, &str)) -> bool {
    list(row, "CustomFields").iter().filter(|f| is_same(f, "Name", name)).any(|f| {
        let has = f["Value"].as_str().unwrap();
        match name {
            "age" => has.parse::<f64>().unwrap() == wanted.parse::<f64>().unwrap(),
            "born" => dates::read(has, false) == dates::read(wanted, false),
            "Colours" => has.split("::").any(|choice| same(choice, wanted)),
            _ => same(has, wanted),
        }
    })
}

/// The members of a group, through a profile that is or isn't primary in it.
async fn group(run: &Run, bodies: &mut Bodies<'_>) -> Result<(), String> {
    let row = bodies.row.clone();
    let Some(group) = list(&row, "Groups").first().filter(|_| row["IsActive"] == true) else { return Ok(()) };
    let name = |member: &str| group[member].as_str().unwrap();
    let in_group = |row: &Value, primary: bool| {
        list(row, "Groups").iter().any(|g| {
            is_same(g, "GroupType", name("GroupType"))
                && is_same(g, "GroupName", name("GroupName"))
                && (!primary || g["IsPrimary"] == true)
        })
    };
    let by_email = list(&row, "Emails").first().filter(|_| bodies.chance(50));
    let (selector, is_primary) = match by_email {
        None => (format!("profileId={}", row["ProfileId"]), in_group(&row, true)),
        Some(email) => {
            let address = email["EmailAddress"].as_str().unwrap();
            let mut has = run.model.people.values().filter(|person| {
                person.row["IsActive"] == true
                    && list(&person.row, "Emails").iter().any(|e| is_same(e, "EmailAddress", address))
            });
            (format!("emailAddress={}", encoded(address)), has.any(|person| in_group(&person.row, true)))
        }
    };
    let path = format!(
        "/Group?groupType={}&groupName={}&{selector}",
        encoded(&name("GroupType").to_uppercase()),
        encoded(&name("GroupName").to_uppercase())
    );
    if !is_primary {
        return is(&run.api.get(&run.api.profile_path(&path)).await, 404).map_err(|e| format!("{path}: {e}"));
    }
    finds(run, &path, true, |row| row["IsActive"] == true && in_group(row, false)).await
}

impl Bodies<'_> {
    /// The text of a contact that the profile has, in some letter case, or another one.
    fn contact_text(&mut self, name: &str, member: &str, otherwise: &str) -> String {
        let kind = KINDS.iter().find(|kind| kind.list == name).unwrap();
        let all = list(&self.row, kind.list).to_vec();
        if all.is_empty() || self.chance(20) {
            return otherwise.to_owned();
        }
        let text = self.pick(&all)[member].as_str().unwrap().to_owned();
        self.cased(&text)
    }
}

/// The five histories of a profile.
pub async fn histories(run: &Run, id: u64) -> Result<(), String> {
    let person = &run.model.people[&id];
    for kind in ["Preferences", "Consents", "CustomFields", "StandardFields", "Contacts"] {
        let context = |e: String| format!("history {kind}: {e}");
        let answer = run.api.get(&run.api.profile_path(&format!("/{id}/History/{kind}"))).await;
        is(&answer, 200).map_err(context)?;
        let answer = answer.json();
        let entries = list(&answer, "History");
        // What had expired is told by the reading, not by the former value.
        let plain = |entry: &Value| {
            let mut entry = entry.clone();
            for (thing, status) in [("Preference", "PreferenceStatus"), ("Consent", "Expired")] {
                if let Some(members) = entry.get_mut(thing).and_then(Value::as_object_mut) {
                    members.shift_remove(status);
                }
            }
            entry
        };
        let want: Vec<Value> =
            person.history.iter().filter(|(k, _)| *k == kind).map(|(_, entry)| plain(entry)).collect();
        let got: Vec<Value> = entries.iter().map(plain).collect();
        if answer["TotalCount"] != want.len()
            || !got.is_sorted_by_key(|entry| entry["ModifiedDate"].as_str().unwrap().to_owned())
        {
            let (want, got) = (json!(want), json!(got));
            return Err(context(format!("the model has {want}, the product {got}")));
        }
        if let Some(difference) = difference(&json!(want), &json!(got)) {
            return Err(context(difference));
        }
    }
    Ok(())
}
