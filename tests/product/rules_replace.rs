//! PUT and PATCH: the profile becomes what is sent, or what the operations make of it.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

fn full() -> Value {
    json!({
        "IsActive": true, "RegistrationConfirmed": true, "CustomerType": "Business", "DefaultLocale": "es_US",
        "CustomerName": {"FirstName": "Ann", "LastName": "Lee"},
        "Consents": [consent("Calls", 1), consent("Terms", 1)],
        "ProfilePreferences": [says("PROMO-SOLICIT", 1), says("NEWS-SOLICIT", 2)],
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}, {"AlternateIdType": "Loyalty", "AlternateId": "L-1"}],
        "Addresses": [{"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201",
            "CountryCode_Alpha2": "US", "AddressPreferences": [says("PROMO-MAIL", 1)]}],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "404 555 0100", "IsMobile": true, "PhoneNumberPreferences": [says("NEWS-TEXT", 1)]}],
        "Emails": [with(mail("ann@example.com", json!([says("NEWS-EMAIL", 1), says("PROMO-EMAIL", 1)])), json!({"IsDefault": true}))],
        "Groups": [{"GroupType": "Household", "GroupName": "Lee", "IsPrimary": true}],
        "ProfileTags": [{"Name": "a"}], "CustomFields": [{"Name": "Age", "Value": "42"}, {"Name": "Fixed", "Value": "x"}],
    })
}

/// The profile without what changes with every write.
fn timeless(mut profile: Value) -> Value {
    profile["Edited"] = Value::Null;
    profile
}

#[tokio::test]
async fn a_profile_that_is_read_and_put_back_stays_as_it_is_with_all_its_stamps() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let read = api.read(id).await;
    world.advance(60_000);
    api.put(&api.at(id), &read).await.is(200);
    let after = api.read(id).await;
    assert_eq!(after["Edited"]["LastModifiedDate"], iso(world.now()));
    assert_eq!(timeless(after), timeless(read.clone()));
    api.patch(&api.at(id), &json!([])).await.is(200);
    assert_eq!(timeless(api.read(id).await), timeless(read));
}

#[tokio::test]
async fn put_makes_the_profile_what_is_sent_and_the_rest_goes_to_its_defaults() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    api.put(&api.at(id), &json!({"CustomerName": {"LastName": "Ray"}})).await.is(200);
    let now = api.read(id).await;
    let nobody = api.read(api.create(json!({})).await).await;
    for (name, value) in nobody.as_object().unwrap() {
        match name.as_str() {
            "ProfileId" | "Edited" => {}
            "ConsentHistory" => assert_eq!(now[name].as_array().unwrap().len(), 2),
            "CustomerName" => {
                assert_eq!((&now[name]["FirstName"], &now[name]["LastName"]), (&Value::Null, &json!("Ray")));
            }
            // Its update rule lets nothing change it.
            "CustomFields" => assert_eq!(now[name], json!([{"Name": "Fixed", "Value": "x"}])),
            _ => assert_eq!(&now[name], value, "{name}"),
        }
    }
    api.get(&api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=C-1")).await.is(404);
}

#[tokio::test]
async fn put_needs_a_profile_that_is_there_and_keeps_the_alternate_id_that_names_it() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    api.put(&api.at(99), &json!({})).await.is(404);
    let id = api.create(full()).await;
    for path in ["/AlternateId?alternateIdType=CRM&alternateId=c-1", "/AlternateIdType/CRM/AlternateId/C-1"] {
        let path = api.profile_path(path);
        api.put(&path, &json!({"CustomerName": {"FirstName": "Ben"}})).await.is(200);
        let now = api.get(&path).await.is(200).json();
        assert_eq!((&now["ProfileId"], &now["CustomerName"]["FirstName"]), (&json!(id), &json!("Ben")));
        assert_eq!(now["AlternateIds"].as_array().unwrap().len(), 1);
    }
    api.post(&format!("{}/Deactivate", api.at(id)), &json!({})).await.is(200);
    api.put(&api.profile_path("/AlternateIdType/CRM/AlternateId/C-1"), &json!({})).await.is(404);
}

#[tokio::test]
async fn a_removed_contact_takes_its_preferences_along_and_brings_them_back_as_they_were() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let before = api.read(id).await;
    let mut without = before.clone();
    without["Emails"] = json!([]);
    world.advance(1000);
    api.put(&api.at(id), &without).await.is(200);
    assert_eq!(api.read(id).await["Emails"], json!([]));
    world.advance(1000);
    api.update(id, json!({"Emails": [{"EmailAddressType": "home", "EmailAddress": "ANN@example.com"}]})).await;
    let email = &api.read(id).await["Emails"][0];
    assert_eq!(email["EmailPreferences"], before["Emails"][0]["EmailPreferences"], "with stamps and expiry");
    assert_eq!(email["Edited"]["CreateDate"], iso(world.now()), "the contact itself is a new one");
}

#[tokio::test]
async fn without_preserve_preferences_a_removed_contacts_preferences_are_archived() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(with(full(), json!({"PreservePreferences": false}))).await;
    api.put(&api.at(id), &with(full(), json!({"PreservePreferences": false, "Emails": []}))).await.is(200);
    api.update(id, json!({"Emails": [mail("ann@example.com", json!([]))]})).await;
    assert_eq!(api.read(id).await["Emails"][0]["EmailPreferences"], json!([]));
    let archived = api.with_archived(id).await;
    let list = &archived["Emails"][0]["EmailPreferences"];
    assert_eq!(said(list), [("NEWS-EMAIL".to_owned(), 1), ("PROMO-EMAIL".to_owned(), 1)]);
    assert_eq!(list[0]["PreferenceStatus"], "Archived");
}

#[tokio::test]
async fn a_removed_contacts_consents_come_back_with_preserve_consents_and_are_gone_without() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for preserve in [true, false] {
        let email = with(
            mail(&format!("ann{preserve}@example.com"), json!([says("PROMO-EMAIL", 1)])),
            json!({"Consents": [consent("Calls", 1)]}),
        );
        let id = api.create(json!({"PreserveConsents": preserve, "Emails": [email.clone()]})).await;
        let before = api.read(id).await["Emails"][0]["Consents"].clone();
        api.put(&api.at(id), &json!({"PreserveConsents": preserve})).await.is(200);
        let mut bare = email.clone();
        bare.as_object_mut().unwrap().retain(|name, _| name.starts_with("EmailAddress"));
        api.update(id, json!({"Emails": [bare]})).await;
        let now = api.read(id).await["Emails"][0].clone();
        if preserve {
            assert_eq!((&now["Consents"], said(&now["EmailPreferences"]).len()), (&before, 1));
        } else {
            assert_eq!(now["Consents"], json!([]));
            assert_eq!(now["EmailPreferences"], json!([]), "an opt-in doesn't outlive the consent it stands on");
        }
    }
}

#[tokio::test]
async fn a_preference_that_put_leaves_out_of_a_contact_that_stays_goes_and_is_not_archived() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let mut less = api.read(id).await;
    let kept = less["Emails"][0]["EmailPreferences"][0].clone();
    less["Emails"][0]["EmailPreferences"] = json!([kept]);
    api.put(&api.at(id), &less).await.is(200);
    for row in [api.read(id).await, api.with_archived(id).await] {
        assert_eq!(row["Emails"][0]["EmailPreferences"], json!([kept]));
    }
}

#[tokio::test]
async fn an_implied_preference_put_back_stays_implied() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    world.apply("DefaultLocale = \"en_US\"", "DefaultLocale = \"en_US\"\nImpliedPreferences = true");
    world.apply("ID = \"NEWS-SOLICIT\", ChannelID", "ID = \"NEWS-SOLICIT\", DefaultPreference = \"OptIn\", ChannelID");
    let id = api.create(json!({})).await;
    let mut read = api.read(id).await;
    assert_eq!(read["ProfilePreferences"][0]["MatchType"], "Implied");
    api.put(&api.at(id), &read).await.is(200);
    assert_eq!(api.read(id).await["ProfilePreferences"][0]["MatchType"], "Implied");
    api.patch(&api.at(id), &json!([{"op": "test", "path": "/ProfilePreferences", "value": []}])).await.is(200);
    // An opt-out is never taken for an echo of a default opt-in.
    read["ProfilePreferences"][0]["PreferenceType"] = json!(2);
    api.put(&api.at(id), &read).await.is(200);
    let now = &api.read(id).await["ProfilePreferences"][0];
    assert_eq!((&now["MatchType"], &now["PreferenceType"]), (&json!("Expressed"), &json!(2)));
}

#[tokio::test]
async fn patch_adds_replaces_removes_and_tests() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let before = api.read(id).await;
    let operations = json!([
        {"op": "test", "path": "/CustomerName/LastName", "value": "Lee"},
        {"op": "replace", "path": "/CustomerName/LastName", "value": "Ray"},
        {"op": "add", "path": "/ProfileTags/-", "value": {"Name": "b"}},
        {"op": "add", "path": "/Emails/0", "value": {"EmailAddressType": "Work", "EmailAddress": "ann@work.example"}},
        {"op": "remove", "path": "/PhoneNumbers/0"},
        {"op": "replace", "path": "/ProfileId", "value": 7},
    ]);
    for path in [api.at(id), api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=C-1")] {
        let answer = api.patch(&path, &operations).await.is(200).json();
        assert_eq!(answer["ProfileId"], id, "what is read-only stays");
        let now = api.read(id).await;
        assert_eq!(now["CustomerName"], with(before["CustomerName"].clone(), json!({"LastName": "Ray"})));
        assert_eq!(now["ProfileTags"], json!([{"Name": "a"}, {"Name": "b"}]));
        assert_eq!(now["PhoneNumbers"], json!([]));
        assert_eq!(now["Emails"].as_array().unwrap().len(), 2);
        assert_eq!(now["Addresses"], before["Addresses"], "what no operation names is as it was");
        api.put(&api.at(id), &before).await.is(200);
    }
}

#[tokio::test]
async fn a_patch_that_cannot_be_done_changes_nothing() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let before = api.read(id).await;
    let first = json!({"op": "replace", "path": "/CustomerName/LastName", "value": "Ray"});
    for (status, words, operation) in [
        (400, ["[1]", "move"], json!({"op": "move", "from": "/Emails/0", "path": "/Emails/1"})),
        (400, ["[1]", "copy"], json!({"op": "copy", "from": "/Emails/0", "path": "/Emails/1"})),
        (400, ["[1]", "rename"], json!({"op": "rename", "path": "/Emails/0"})),
        (409, ["[1]", "FirstName"], json!({"op": "test", "path": "/CustomerName/FirstName", "value": "Bob"})),
        (400, ["[1]", "/Emails/5"], json!({"op": "remove", "path": "/Emails/5"})),
        (400, ["[1]", "value"], json!({"op": "add", "path": "/Emails/-"})),
        (400, ["Nickname", "unknown"], json!({"op": "add", "path": "/Nickname", "value": "A"})),
        (
            404,
            ["Emails[1].EmailAddressType", "Moon"],
            json!({"op": "add", "path": "/Emails/-", "value": {"EmailAddressType": "Moon", "EmailAddress": "a@b.example"}}),
        ),
    ] {
        api.patch(&api.at(id), &json!([first, operation])).await.refuses(status, &words);
    }
    api.patch(&api.at(id), &json!(vec![json!({"op": "test", "path": "", "value": 1}); 1001]))
        .await
        .refuses(400, &["1000"]);
    api.patch(&api.at(id), &json!({"op": "remove", "path": "/Emails"})).await.is(400);
    api.patch(&api.at(99), &json!([])).await.is(404);
    assert_eq!(api.read(id).await, before);
}

#[tokio::test]
async fn an_unconfigured_type_in_the_37th_element_refuses_the_whole_call_naming_path_and_value() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let email = |i: usize, kind: &str| json!({"EmailAddressType": kind, "EmailAddress": format!("a{i}@example.com")});
    let emails = (0..50).map(|i| email(i, if i == 36 { "Moon" } else { "Home" })).collect::<Vec<_>>();
    let body = json!({"CustomerName": {"FirstName": "Ann"}, "Emails": emails});
    let words = ["Emails[36].EmailAddressType", "\"Moon\""];
    api.post(&api.profile_path(""), &body).await.refuses(404, &words);
    let by_alternate = api.profile_path("/AlternateIdType/CRM/AlternateId/X");
    api.post(&by_alternate, &body).await.refuses(404, &words);
    api.get(&by_alternate).await.is(404);
    let id = api.create(json!({})).await;
    let before = api.read(id).await;
    api.post(&api.at(id), &body).await.refuses(404, &words);
    api.put(&api.at(id), &body).await.refuses(404, &words);
    assert_eq!(api.read(id).await, before);
    assert_eq!(api.ids("Everybody", json!({})).await, [id], "nothing of any call was kept");
}

#[tokio::test]
async fn what_put_removes_and_why_a_profile_was_deactivated_is_in_the_histories() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    world.advance(1000);
    api.put(&api.at(id), &json!({})).await.is(200);
    api.post(&format!("{}/Deactivate", api.at(id)), &json!({"Reason": "moved"})).await.is(200);
    let history = async |kind: &str| {
        let path = format!("{}/History/{kind}", api.at(id));
        let entries = api.get(&path).await.is(200).json()["History"].as_array().unwrap().clone();
        assert!(entries.iter().all(|entry| entry["ModifiedDate"] == iso(world.now())), "{kind}");
        entries
    };
    let filters: Vec<_> =
        history("Preferences").await.iter().map(|e| e["Preference"]["FilterId"].as_str().unwrap().to_owned()).collect();
    for filter in ["PROMO-SOLICIT", "NEWS-SOLICIT", "PROMO-MAIL", "NEWS-TEXT", "NEWS-EMAIL", "PROMO-EMAIL"] {
        assert_eq!(filters.iter().filter(|found| *found == filter).count(), 1, "{filter}");
    }
    assert_eq!(history("Consents").await.len(), 2);
    assert_eq!(history("Contacts").await.len(), 3);
    let fields = history("CustomFields").await;
    assert_eq!((fields.len(), &fields[0]["Name"], &fields[0]["Value"]), (1, &json!("Age"), &json!("42")));
    let standard = history("StandardFields").await;
    let has = |name: &str| standard.iter().any(|entry| entry.get(name).is_some());
    for name in [
        "CustomerName",
        "CustomerType",
        "DefaultLocale",
        "RegistrationConfirmed",
        "AlternateIds",
        "Groups",
        "ProfileTags",
    ] {
        assert!(has(name), "{name} in {standard:?}");
    }
    let last = standard.last().unwrap();
    assert_eq!((&last["IsActive"], &last["Reason"]), (&json!(true), &json!("moved")));
}

#[tokio::test]
async fn a_returning_opt_in_stands_only_on_a_consent_that_still_stands_and_an_opt_out_always() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let email = mail("ann@example.com", json!([says("PROMO-EMAIL", 1), says("NEWS-EMAIL", 2)]));
    let id = api.create(json!({"Consents": [consent("Calls", 1)], "Emails": [email]})).await;
    api.patch(&api.at(id), &json!([{"op": "remove", "path": "/Emails/0"}])).await.is(200);
    api.update(id, json!({"Consents": [consent("Calls", 3)]})).await;
    let bare = json!({"EmailAddressType": "Home", "EmailAddress": "ann@example.com"});
    api.patch(&api.at(id), &json!([{"op": "add", "path": "/Emails/-", "value": bare}])).await.is(200);
    let back = |row: Value| said(&row["Emails"][0]["EmailPreferences"]);
    assert_eq!(back(api.read(id).await), [("NEWS-EMAIL".to_owned(), 2)]);
    assert_eq!(back(api.with_archived(id).await), [("NEWS-EMAIL".to_owned(), 2), ("PROMO-EMAIL".to_owned(), 1)]);
}

#[tokio::test]
async fn a_patch_that_withdraws_leaves_nothing_standing_on_what_was_withdrawn() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (patch, status, left) in [
        (json!({"op": "replace", "path": "/Emails/0/EmailPreferences/0/PreferenceType", "value": 2}), 3, 2),
        (json!({"op": "replace", "path": "/Consents/0/ConsentStatus", "value": 3}), 3, 0),
    ] {
        let email = mail("ann@example.com", json!([says("PROMO-EMAIL", 1)]));
        let id = api
            .create(json!({"Consents": [consent("Calls", 1)], "ProfilePreferences": [says("PROMO-SOLICIT", 1)], "Emails": [email]}))
            .await;
        world.advance(1000);
        api.patch(&api.at(id), &json!([patch])).await.is(200);
        let now = api.read(id).await;
        assert_eq!((&now["Consents"][0]["ConsentStatus"], &now["ProfilePreferences"]), (&json!(status), &json!([])));
        let list = now["Emails"][0]["EmailPreferences"].as_array().unwrap();
        let out: Vec<_> = list.iter().map(|p| (p["PreferenceType"].clone(), p["CustomerDate"].clone())).collect();
        let expected = if left == 2 { vec![(json!(2), json!(iso(world.now())))] } else { vec![] };
        assert_eq!(out, expected, "said now, not when the opt-in was");
    }
}
