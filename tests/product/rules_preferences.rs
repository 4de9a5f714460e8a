//! What a person says of filters: replaced, expired, said of preferences alone, archived.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

#[tokio::test]
async fn a_place_has_one_preference_to_a_filter_and_writing_it_again_replaces_it() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let emails = |kind: u8| json!({"Emails": [mail("ann@example.com", json!([says("news-email", kind)]))]});
    let id = api.create(emails(1)).await;
    world.advance(1000);
    api.update(id, emails(2)).await;
    let list = api.read(id).await["Emails"][0]["EmailPreferences"].clone();
    assert_eq!(said(&list), [("NEWS-EMAIL".to_owned(), 2)]);
    assert_eq!(list[0]["LastModifiedDate"], iso(world.now()));
    let twice = json!({"Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 1), says("news-email", 2)]))]});
    api.post(&api.at(id), &twice).await.refuses(400, &["Emails[0].EmailPreferences[1]", "same filter"]);
}

#[tokio::test]
async fn a_preference_is_completed_from_its_filter_and_its_write() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let preference = json!({"FilterId": "promo-email", "PreferenceType": "OptOut", "PreferenceAttributes": [{"Key": "$Reason_Code", "Value": "moved"}]});
    let id = api.create(json!({"Emails": [mail("ann@example.com", json!([preference]))]})).await;
    let now = api.read(id).await["Emails"][0]["EmailPreferences"][0].clone();
    for (member, value) in [
        ("ProgramId", json!("PROMO")),
        ("ChannelId", json!("Email")),
        ("MatchType", json!("Expressed")),
        ("PreferenceStatus", json!("Active")),
        ("FrequencyId", json!("W")),
        ("ReasonCode", json!("moved")),
        ("UserId", json!("Nightly")),
        ("SourceId", json!("Batch")),
        ("ExpirationDate", json!("2026-07-05T12:00:00.000Z")),
        ("LastModifiedDate", json!(START)),
        ("FilterId", json!("PROMO-EMAIL")),
        ("PreferenceType", json!(2)),
    ] {
        assert_eq!(now[member], value, "{member}");
    }
    let odd = |more: Value| json!({"Emails": [mail("ann@example.com", json!([with(says("PROMO-EMAIL", 2), more)]))]});
    let at = "Emails[0].EmailPreferences[0]";
    api.post(&api.at(id), &odd(json!({"FrequencyId": "D"}))).await.refuses(404, &[&format!("{at}.FrequencyId"), "D"]);
    api.post(&api.at(id), &odd(json!({"FilterId": "Moon"}))).await.refuses(404, &[&format!("{at}.FilterId"), "Moon"]);
    api.post(&api.at(id), &odd(json!({"FilterId": "NEWS-TEXT"})))
        .await
        .refuses(400, &[&format!("{at}.FilterId"), "Text"]);
    api.post(&api.at(id), &odd(json!({"PreferenceType": 3}))).await.refuses(400, &[&format!("{at}.PreferenceType")]);
}

#[tokio::test]
async fn an_expiration_date_is_fixed_when_it_is_written_and_expired_when_it_is_read() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let emails = |date: &str| json!({"Emails": [mail("ann@example.com", json!([with(says("NEWS-EMAIL", 1), json!({"CustomerDate": date}))]))]});
    let id = api.create(emails("2026-06-10T12:00:00Z")).await;
    world.apply("OptInExpirationInDays = 10", "OptInExpirationInDays = 20");
    let preference = async || api.read(id).await["Emails"][0]["EmailPreferences"][0].clone();
    let now = preference().await;
    assert_eq!(
        (&now["ExpirationDate"], &now["PreferenceStatus"]),
        (&json!("2026-06-20T12:00:00.000Z"), &json!("Active"))
    );
    world.set("2026-06-20T11:59:59.999Z");
    let mut api = api.clone();
    api.sign_in_again().await;
    assert_eq!(api.read(id).await["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Active");
    world.set("2026-06-20T12:00:00.000Z");
    api.sign_in_again().await;
    assert_eq!(api.read(id).await["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Expired");
    api.update(id, emails("2026-06-20T12:00:00Z")).await;
    let later = api.read(id).await["Emails"][0]["EmailPreferences"][0]["ExpirationDate"].clone();
    assert_eq!(later, "2026-07-10T12:00:00.000Z", "a later write has the days of its time");
}

#[tokio::test]
async fn preferences_alone_are_written_to_the_contacts_that_are_there() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api
        .create(json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}],
        "Emails": [with(mail("Ann@example.com", json!([])), json!({"IsDefault": true}))],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "+1 404 555 0100", "IsMobile": true}]}))
        .await;
    let mut kind = 1;
    for path in [
        "/Preferences/{id}",
        "/Preferences/AlternateId?alternateIdType=CRM&alternateId=c-1",
        "/Preferences/AlternateIdType/CRM/AlternateId/C-1",
    ] {
        let path = api.profile_path(&path.replace("{id}", &id.to_string()));
        let body = json!({"ProfilePreferences": [says("NEWS-SOLICIT", kind)], "Emails": [mail("ann@EXAMPLE.com", json!([says("NEWS-EMAIL", kind)]))],
            "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "14045550100", "PhoneNumberPreferences": [says("NEWS-TEXT", kind)]}]});
        assert_eq!(api.post(&path, &body).await.is(200).json()["ProfileId"], id);
        let now = api.read(id).await;
        assert_eq!(said(&now["ProfilePreferences"]), [("NEWS-SOLICIT".to_owned(), u64::from(kind))]);
        assert_eq!(said(&now["Emails"][0]["EmailPreferences"]), [("NEWS-EMAIL".to_owned(), u64::from(kind))]);
        assert_eq!(
            said(&now["PhoneNumbers"][0]["PhoneNumberPreferences"]),
            [("NEWS-TEXT".to_owned(), u64::from(kind))]
        );
        assert_eq!(
            (&now["Emails"][0]["EmailAddress"], &now["Emails"][0]["IsDefault"]),
            (&json!("Ann@example.com"), &json!(true))
        );
        kind = 3 - kind;
    }
    let before = api.read(id).await;
    let path = api.profile_path(&format!("/Preferences/{id}"));
    for (status, words, body) in [
        (400, ["CustomerName", "preferences"], json!({"CustomerName": {"FirstName": "A"}})),
        (400, ["IsActive", "preferences"], json!({"IsActive": false})),
        (
            400,
            ["Emails[0].IsDefault", "preferences"],
            json!({"Emails": [with(mail("ann@example.com", json!([])), json!({"IsDefault": false}))]}),
        ),
        (
            400,
            ["Emails[0].Consents", "preferences"],
            json!({"Emails": [with(mail("ann@example.com", json!([])), json!({"Consents": []}))]}),
        ),
        (
            404,
            ["Emails[0].EmailAddress", "zoe@example.com"],
            json!({"Emails": [mail("zoe@example.com", json!([says("NEWS-EMAIL", 1)]))]}),
        ),
        (
            404,
            ["PhoneNumbers[0].PhoneNumber", "999"],
            json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "999"}]}),
        ),
    ] {
        api.post(&path, &body).await.refuses(status, &words);
    }
    api.post(&api.profile_path("/Preferences/99"), &json!({})).await.is(404);
    assert_eq!(api.read(id).await, before);
}

fn everything() -> Value {
    json!({
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}], "Consents": [consent("Calls", 1)],
        "ProfilePreferences": [says("NEWS-SOLICIT", 2), says("PROMO-SOLICIT", 1)],
        "Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 1), says("PROMO-EMAIL", 1)])),
            {"EmailAddressType": "Work", "EmailAddress": "ann@work.example", "EmailPreferences": [says("NEWS-EMAIL", 2)]}],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "404 555 0100", "IsMobile": true,
            "PhoneNumberPreferences": [says("NEWS-TEXT", 1), says("PROMO-PHONE", 1)]}],
        "Addresses": [{"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201",
            "AddressPreferences": [says("PROMO-MAIL", 1)]}],
    })
}

#[tokio::test]
async fn archive_takes_what_meets_all_members_of_a_selector_and_tells_how_much() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (count, selectors) in [
        (2, json!([{"FilterId": "news-email"}])),
        (1, json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": "OptOut"}])),
        (4, json!([{"ProgramId": "promo", "PreferenceType": 1}])),
        (
            3,
            json!([{"ProgramId": "PROMO", "ChannelId": "email"}, {"ChannelId": "Mail"}, {"FilterId": "PROMO-SOLICIT"}]),
        ),
        (2, json!([{"EmailAddress": "ANN@example.com"}])),
        (1, json!([{"EmailAddressType": "Work"}])),
        (2, json!([{"PhoneNumber": "(404) 555-0100", "PhoneType": "Mobile"}])),
        (1, json!([{"AddressType": "Home"}])),
        (0, json!([{"FilterId": "NEWS-EMAIL", "PhoneNumber": "404 555 0100"}])),
        (
            3,
            json!([{"FilterId": "NEWS-TEXT"}, {"FilterId": "NEWS-EMAIL"}, {"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]),
        ),
    ] {
        let id = api.create(everything()).await;
        let before = api.read(id).await;
        world.advance(1000);
        let path = api.profile_path(&format!("/Preferences/{id}/Archive"));
        let answer = api.put(&path, &json!({"Preferences": selectors, "ReasonCode": "ended"})).await.is(200).json();
        assert_eq!(answer, json!({"ProfileId": id, "ArchivedCount": count}), "{selectors}");
        let row = api.with_archived(id).await;
        let all = row.to_string();
        assert_eq!(all.matches("\"ReasonCode\":\"ended\"").count(), count, "{selectors}");
        assert_eq!(all.matches("\"PreferenceStatus\":\"Archived\"").count(), count, "{selectors}");
        let left = api.read(id).await;
        assert_eq!(left.to_string().matches("\"FilterId\"").count(), 8 - count, "{selectors}");
        if count == 0 {
            assert_eq!(left, before, "nothing was written");
        }
        api.remove(id).await;
    }
}

#[tokio::test]
async fn archive_is_reached_by_alternate_id_and_refuses_what_means_everything_or_nothing_configured() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(everything()).await;
    let path = api.profile_path("/Preferences/AlternateId/Archive?alternateIdType=CRM&alternateId=c-1");
    for (status, word, body) in [
        (400, "Preferences", json!({})),
        (400, "Preferences", json!({"Preferences": []})),
        (400, "Preferences[1]", json!({"Preferences": [{"FilterId": "NEWS-TEXT"}, {}]})),
        (400, "ReasonCode", json!({"Preferences": [{"FilterId": "NEWS-TEXT"}], "ReasonCode": "é".repeat(257)})),
        (400, "Preferences[0].ChannelId", json!({"Preferences": [{"ChannelId": "Pigeon"}]})),
        (400, "Colour", json!({"Preferences": [{"Colour": 1}]})),
        (404, "Preferences[0].FilterId", json!({"Preferences": [{"FilterId": "Moon"}]})),
        (404, "Preferences[0].ProgramId", json!({"Preferences": [{"ProgramId": "Moon"}]})),
        (404, "Preferences[0].PhoneType", json!({"Preferences": [{"PhoneType": "Moon"}]})),
    ] {
        api.put(&path, &body).await.refuses(status, &[word]);
    }
    assert_eq!(api.read(id).await.to_string().matches("\"FilterId\"").count(), 8);
    let one = |filter: &str| json!({"Preferences": [{"FilterId": filter}]});
    assert_eq!(api.put(&path, &one("NEWS-TEXT")).await.is(200).json()["ArchivedCount"], 1);
    let path = api.profile_path("/Preferences/AlternateIdType/CRM/AlternateId/C-1/Archive");
    assert_eq!(api.put(&path, &one("PROMO-MAIL")).await.is(200).json()["ArchivedCount"], 1);
}

#[tokio::test]
async fn an_archived_preference_can_be_said_anew() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(everything()).await;
    api.put(
        &api.profile_path(&format!("/Preferences/{id}/Archive")),
        &json!({"Preferences": [{"FilterId": "NEWS-SOLICIT"}]}),
    )
    .await
    .is(200);
    api.update(id, json!({"ProfilePreferences": [says("NEWS-SOLICIT", 1)]})).await;
    let list = &api.read(id).await["ProfilePreferences"];
    assert_eq!(said(list), [("PROMO-SOLICIT".to_owned(), 1), ("NEWS-SOLICIT".to_owned(), 1)]);
}
