//! Every rule of profile.md that concerns a write, each by its name.

mod consents;
mod contacts;
mod echoes;
mod fields;
mod imports;
mod limits;
mod person;
mod preferences;
mod properties;
mod removed;

use serde_json::{Value, json};

use super::*;
use crate::{config::Configuration, input::parse_profile, moment::parse_date_time, profile::Preference, refusal::Why};

const ACCOUNT: &str = include_str!("tests/account.toml");
const NOW: Moment = Moment(1_795_514_400_000); // 2026-11-24T10:00:00.000Z
const LATER: Moment = Moment(NOW.0 + 3_600_000);

fn config() -> Config {
    Config::new(toml::from_str::<Configuration>(ACCOUNT).unwrap())
}

fn author(user: &str) -> Author {
    Author { user_id: user.to_owned(), source_id: Some("Web".to_owned()) }
}

fn try_create(input: &Value) -> Result<Kept, Refusal> {
    let input = parse_profile(input.to_string().as_bytes())?;
    create(&input, ProfileId(1), &config(), &author("ann"), NOW)
}

fn try_update(kept: &Kept, input: &Value) -> Result<Changed, Refusal> {
    let input = parse_profile(input.to_string().as_bytes())?;
    update(kept.clone(), &input, &config(), &author("ben"), LATER)
}

fn made(input: Value) -> Kept {
    try_create(&input).unwrap_or_else(|e| panic!("{e}"))
}

fn changed(kept: &Kept, input: Value) -> Changed {
    try_update(kept, &input).unwrap_or_else(|e| panic!("{e}"))
}

/// The refusal of a new profile, which stands at this path.
fn refused(input: Value, why: Why, path: &str) -> String {
    let refusal = try_create(&input).expect_err(&input.to_string());
    assert_eq!((refusal.why, &*refusal.path), (why, path), "{refusal}");
    refusal.message
}

fn email(more: Value) -> Value {
    with(json!({ "EmailAddressType": "Home", "EmailAddress": "ann@example.com" }), more)
}

fn phone(more: Value) -> Value {
    with(json!({ "PhoneType": "Cell", "PhoneNumber": "+1 (404) 555-0100" }), more)
}

fn address(more: Value) -> Value {
    let address = json!({ "AddressType": "Home", "Address1": "1 Elm St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201" });
    with(address, more)
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn says(filter: &str, preference_type: u8) -> Value {
    json!({ "FilterId": filter, "PreferenceType": preference_type })
}

fn consent(name: &str, status: u8) -> Value {
    json!({ "ConsentType": name, "ConsentVersion": "1", "Locale": "en_US", "ConsentStatus": status })
}

fn kinds(former: &[Former]) -> Vec<HistoryKind> {
    former.iter().map(|f| f.kind).collect()
}

fn filters(list: &[Preference]) -> Vec<(&str, u8)> {
    list.iter().map(|p| (&*p.filter_id, u8::from(p.preference_type))).collect()
}

fn archived(kept: &Kept) -> Vec<&str> {
    kept.extras.archived.iter().map(|(_, p)| &*p.filter_id).collect()
}

fn at(text: &str) -> Moment {
    parse_date_time(text).unwrap()
}

#[test]
fn a_new_profile_is_stamped_by_its_author_and_active() {
    let p = made(json!({})).profile;
    assert_eq!(
        (p.profile_id, p.is_active, p.preserve_consents, p.preserve_preferences),
        (ProfileId(1), true, true, true)
    );
    assert_eq!((p.edited.create_date, p.edited.last_modified_date), (NOW, NOW));
    assert_eq!((&*p.edited.create_user_id, p.edited.create_source_id.as_deref()), ("ann", Some("Web")));
}

#[test]
fn every_write_stamps_the_profile_and_keeps_who_made_it() {
    let kept = made(json!({}));
    let changed = changed(&kept, json!({}));
    let edited = &changed.kept.profile.edited;
    assert_eq!((edited.create_date, &*edited.create_user_id), (NOW, "ann"));
    assert_eq!((edited.last_modified_date, &*edited.last_modified_user_id), (LATER, "ben"));
    assert_eq!(changed.former, []);
}

#[test]
fn what_is_not_sent_is_not_touched() {
    let kept = made(json!({
        "CustomerName": { "FirstName": "Ann", "LastName": "Lee" }, "CustomerType": "Company", "ProfileTags": [{ "Name": "vip" }],
        "Emails": [email(json!({ "EmailPreferences": [says("NEWS", 1)] }))], "PhoneNumbers": [phone(json!({}))],
        "CustomFields": [{ "Name": "Nick", "Value": "Annie" }], "Consents": [consent("Marketing", 1)],
    }));
    let Changed { kept: mut after, former, .. } = changed(&kept, json!({ "CustomerName": { "FirstName": "Anna" } }));
    assert_eq!(former[0].value, json!({ "CustomerName": json(&kept.profile.customer_name) }));
    assert_eq!(after.profile.customer_name.first_name.as_deref(), Some("Anna"));
    after.profile.customer_name = kept.profile.customer_name.clone();
    after.profile.edited = kept.profile.edited.clone();
    assert_eq!(after, kept);
}
