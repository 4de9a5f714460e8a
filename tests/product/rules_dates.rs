//! Dates of what a person said: CustomerDate and ConsentDate, in US Eastern time where they have no zone.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

const OPT_IN: u8 = 1;
const OPT_OUT: u8 = 2;

/// What a CustomerDate is taken for.
async fn customer_date(api: &Api, preference_type: u8, text: &str) -> String {
    let preference = with(says("NEWS-SOLICIT", preference_type), json!({"CustomerDate": text}));
    let id = api.create(json!({"ProfilePreferences": [preference]})).await;
    api.read(id).await["ProfilePreferences"][0]["CustomerDate"].as_str().unwrap().to_owned()
}

async fn consent_date(api: &Api, status: u8, text: &str) -> String {
    let id = api.create(json!({"Consents": [with(consent("Terms", status), json!({"ConsentDate": text}))]})).await;
    api.read(id).await["Consents"][0]["ConsentDate"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_customer_date_that_is_omitted_is_now() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id =
        api.create(json!({"ProfilePreferences": [says("NEWS-SOLICIT", 1)], "Consents": [consent("Terms", 1)]})).await;
    let profile = api.read(id).await;
    assert_eq!(profile["ProfilePreferences"][0]["CustomerDate"], START);
    assert_eq!(profile["Consents"][0]["ConsentDate"], START);
}

#[tokio::test]
async fn a_customer_date_with_a_zone_is_that_instant_and_without_it_is_us_eastern() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (text, instant) in [
        ("2026-01-15T12:00:00Z", "2026-01-15T12:00:00.000Z"),
        ("2026-01-15T12:00:00+02:00", "2026-01-15T10:00:00.000Z"),
        ("2026-01-15T12:00:00-0500", "2026-01-15T17:00:00.000Z"),
        ("2026-01-15T12:00:00", "2026-01-15T17:00:00.000Z"),
        ("2026-07-15T12:00:00.123", "2026-07-15T16:00:00.123Z"),
        ("2026-07-15T12:00:00.1239999Z", "2026-07-15T12:00:00.123Z"),
    ] {
        for preference_type in [OPT_IN, OPT_OUT] {
            assert_eq!(customer_date(&api, preference_type, text).await, instant, "{text}");
        }
        assert_eq!(consent_date(&api, 1, text).await, instant, "{text}");
    }
}

#[tokio::test]
async fn a_customer_date_alone_is_the_days_first_second_for_an_opt_in_and_its_last_for_an_opt_out() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (text, opt_in, opt_out) in [
        ("2026-01-15", "2026-01-15T05:00:00.000Z", "2026-01-16T04:59:59.000Z"),
        ("2026-07-15", "2026-07-15T04:00:00.000Z", "2026-07-16T03:59:59.000Z"),
        // The days on which the clock changes.
        ("2026-03-08", "2026-03-08T05:00:00.000Z", "2026-03-09T03:59:59.000Z"),
        ("2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T04:59:59.000Z"),
    ] {
        assert_eq!(customer_date(&api, OPT_IN, text).await, opt_in, "{text}");
        assert_eq!(customer_date(&api, OPT_OUT, text).await, opt_out, "{text}");
    }
}

#[tokio::test]
async fn a_time_in_the_spring_gap_moves_forward() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (text, instant) in [
        ("2026-03-08T01:59:59", "2026-03-08T06:59:59.000Z"),
        ("2026-03-08T02:00:00", "2026-03-08T07:00:00.000Z"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00.000Z"),
        ("2026-03-08T03:00:00", "2026-03-08T07:00:00.000Z"),
    ] {
        for preference_type in [OPT_IN, OPT_OUT] {
            assert_eq!(customer_date(&api, preference_type, text).await, instant, "{text}");
        }
        assert_eq!(consent_date(&api, 2, text).await, instant, "{text}");
    }
}

#[tokio::test]
async fn of_a_time_in_the_autumn_overlap_the_earlier_counts_but_for_an_opt_out_the_later() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (text, earlier, later) in [
        ("2026-11-01T00:59:59", "2026-11-01T04:59:59.000Z", "2026-11-01T04:59:59.000Z"),
        ("2026-11-01T01:00:00", "2026-11-01T05:00:00.000Z", "2026-11-01T06:00:00.000Z"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z"),
        ("2026-11-01T02:00:00", "2026-11-01T07:00:00.000Z", "2026-11-01T07:00:00.000Z"),
    ] {
        assert_eq!(customer_date(&api, OPT_IN, text).await, earlier, "{text}");
        assert_eq!(customer_date(&api, OPT_OUT, text).await, later, "{text}");
        for status in [1, 2, 3, 4] {
            assert_eq!(consent_date(&api, status, text).await, earlier, "{text}: also of what is denied or revoked");
        }
    }
}

#[tokio::test]
async fn a_date_that_is_none_is_400_naming_the_path_and_what_is_accepted() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for text in ["yesterday", "2026-02-29", "2026-13-01T00:00:00Z", "2026-01-15 12:00:00", "2026-01-15T25:00:00", ""] {
        let preference = with(says("NEWS-SOLICIT", 1), json!({"CustomerDate": text}));
        let words = ["ProfilePreferences[0].CustomerDate", "YYYY-MM-DD"];
        api.post(&api.profile_path(""), &json!({"ProfilePreferences": [preference]})).await.refuses(400, &words);
        let words = ["Consents[0].ConsentDate", "YYYY-MM-DD"];
        let consent = with(consent("Terms", 1), json!({"ConsentDate": text}));
        api.post(&api.profile_path(""), &json!({"Consents": [consent]})).await.refuses(400, &words);
    }
}

#[tokio::test]
async fn what_is_put_out_is_utc_with_milliseconds() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api
        .create(json!({"ProfilePreferences": [says("NEWS-SOLICIT", 1)], "Consents": [consent("Marketing", 1)],
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}]}))
        .await;
    fn dates(value: &Value, seen: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(date) if name.ends_with("Date") && !date.is_empty() => seen.push(date.to_owned()),
                        _ => dates(value, seen),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| dates(item, seen)),
            _ => {}
        }
    }
    let mut seen = Vec::new();
    dates(&api.read(id).await, &mut seen);
    assert!(seen.len() > 8);
    assert!(seen.iter().all(|date| date.len() == 24 && date.ends_with('Z') && date.as_bytes()[19] == b'.'), "{seen:?}");
}
