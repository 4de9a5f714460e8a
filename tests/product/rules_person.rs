//! The member table of a profile: what is required, how long it may be, what is read-only, what is unique; activation; stamps.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

#[tokio::test]
async fn what_is_longer_than_its_limit_is_400_naming_path_and_limit() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let long = |n: usize| "ü".repeat(n + 1);
    let preference = |more: Value| json!({"ProfilePreferences": [with(says("NEWS-SOLICIT", 1), more)]});
    for (path, limit, body) in [
        ("CustomerType", 100, json!({"CustomerType": long(100)})),
        ("CustomerName.Prefix", 20, json!({"CustomerName": {"Prefix": long(20)}})),
        ("CustomerName.FirstName", 100, json!({"CustomerName": {"FirstName": long(100)}})),
        ("CustomerName.MiddleName", 100, json!({"CustomerName": {"MiddleName": long(100)}})),
        ("CustomerName.LastName", 100, json!({"CustomerName": {"LastName": long(100)}})),
        ("CustomerName.Suffix", 20, json!({"CustomerName": {"Suffix": long(20)}})),
        ("DefaultLocale", 15, json!({"DefaultLocale": long(15)})),
        (
            "AlternateIds[0].AlternateIdType",
            100,
            json!({"AlternateIds": [{"AlternateIdType": long(100), "AlternateId": "1"}]}),
        ),
        (
            "AlternateIds[0].AlternateId",
            256,
            json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": long(256)}]}),
        ),
        ("Groups[0].GroupType", 100, json!({"Groups": [{"GroupType": long(100), "GroupName": "a"}]})),
        ("Groups[0].GroupName", 100, json!({"Groups": [{"GroupType": "Household", "GroupName": long(100)}]})),
        ("ProfileTags[0].Name", 100, json!({"ProfileTags": [{"Name": long(100)}]})),
        ("CustomFields[0].Name", 94, json!({"CustomFields": [{"Name": long(94), "Value": "1"}]})),
        ("CustomFields[0].Value", 4000, json!({"CustomFields": [{"Name": "Note", "Value": long(4000)}]})),
        ("ProfilePreferences[0].FilterId", 50, preference(json!({"FilterId": long(50)}))),
        ("ProfilePreferences[0].FrequencyId", 20, preference(json!({"FrequencyId": long(20)}))),
        (
            "ProfilePreferences[0].PreferenceAttributes[0].Key",
            100,
            preference(json!({"PreferenceAttributes": [{"Key": long(100)}]})),
        ),
        (
            "ProfilePreferences[0].PreferenceAttributes[0].Value",
            4000,
            preference(json!({"PreferenceAttributes": [{"Key": "k", "Value": long(4000)}]})),
        ),
    ] {
        api.post(&api.profile_path(""), &body).await.refuses(400, &[path, &limit.to_string()]);
    }
}

#[tokio::test]
async fn what_is_required_is_400_when_it_is_missing_null_or_blank() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let mut tried = 0;
    for (list, item) in [
        ("AlternateIds", json!({"AlternateIdType": "CRM", "AlternateId": "1"})),
        ("Groups", json!({"GroupType": "Household", "GroupName": "a"})),
        ("ProfileTags", json!({"Name": "a"})),
        ("Emails", json!({"EmailAddressType": "Home", "EmailAddress": "a@example.com"})),
        ("PhoneNumbers", json!({"PhoneType": "Home", "PhoneNumber": "1"})),
        (
            "Addresses",
            json!({"AddressType": "Home", "Address1": "a", "City": "b", "StateProvince": "GA", "PostalCode": "1"}),
        ),
        ("ProfilePreferences", says("NEWS-SOLICIT", 1)),
        ("Consents", consent("Terms", 1)),
    ] {
        for name in item.as_object().unwrap().keys() {
            let mut missing = item.clone();
            missing.as_object_mut().unwrap().remove(name);
            for odd in [missing, with(item.clone(), json!({name: null})), with(item.clone(), json!({name: ""}))] {
                api.post(&api.profile_path(""), &json!({list: [odd]}))
                    .await
                    .refuses(400, &[&format!("{list}[0].{name}")]);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 3 * 20);
}

#[tokio::test]
async fn what_is_read_only_is_ignored_in_input() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let plain = json!({"Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 1)]))], "Consents": [consent("Terms", 1)],
        "PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": "404-1"}]});
    let id = api.create(plain.clone()).await;
    let before = api.read(id).await;
    let edited = json!({"CreateDate": "2001-01-01T00:00:00.000Z", "CreateUserId": "Eve", "CreateSourceId": "x",
        "LastModifiedDate": "2001-01-01T00:00:00.000Z", "LastModifiedUserId": "Eve", "LastModifiedSourceId": "x"});
    let mut odd = before.clone();
    odd["ProfileId"] = json!(77);
    odd["Edited"] = edited.clone();
    for contact in ["/Emails/0", "/PhoneNumbers/0"] {
        odd.pointer_mut(contact).unwrap()["IsActive"] = json!(false);
        odd.pointer_mut(contact).unwrap()["Edited"] = edited.clone();
    }
    odd["PhoneNumbers"][0]["PhoneNumberNumeric"] = json!("5");
    for (name, value) in [("ExpirationDate", json!(null)), ("Expired", json!(true)), ("Edited", edited.clone())] {
        odd["Consents"][0][name] = value;
    }
    for (name, value) in [
        ("ProgramId", json!("X")),
        ("ChannelId", json!("Fax")),
        ("Consents", json!([1])),
        ("ReasonCode", json!("x")),
        ("ExpirationDate", json!("2001-01-01")),
        ("PreferenceStatus", json!("Expired")),
        ("LastModifiedDate", json!(5)),
        ("UserId", json!("Eve")),
        ("SourceId", json!({})),
    ] {
        odd["Emails"][0]["EmailPreferences"][0][name] = value;
    }
    odd["ConsentHistory"] = json!([{"Place": "Profile"}]);
    api.post(&api.at(id), &odd).await.is(200);
    api.put(&api.at(id), &odd).await.is(200);
    assert_eq!(api.read(id).await, before);
}

#[tokio::test]
async fn what_the_account_has_not_configured_is_404_naming_path_and_value() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for (path, body) in [
        ("CustomerType", json!({"CustomerType": "Moon"})),
        ("AlternateIds[0].AlternateIdType", json!({"AlternateIds": [{"AlternateIdType": "Moon", "AlternateId": "1"}]})),
        ("Groups[0].GroupType", json!({"Groups": [{"GroupType": "Moon", "GroupName": "a"}]})),
        (
            "Emails[0].EmailAddressType",
            json!({"Emails": [{"EmailAddressType": "Moon", "EmailAddress": "a@example.com"}]}),
        ),
        ("PhoneNumbers[0].PhoneType", json!({"PhoneNumbers": [{"PhoneType": "Moon", "PhoneNumber": "1"}]})),
        (
            "Addresses[0].AddressType",
            json!({"Addresses": [{"AddressType": "Moon", "Address1": "a", "City": "b", "StateProvince": "GA", "PostalCode": "1"}]}),
        ),
        ("ProfilePreferences[0].FilterId", json!({"ProfilePreferences": [says("Moon", 1)]})),
        ("Consents[0].ConsentType", json!({"Consents": [consent("Moon", 1)]})),
        ("CustomFields[0].Name", json!({"CustomFields": [{"Name": "Moon", "Value": "1"}]})),
    ] {
        api.post(&api.profile_path(""), &body).await.refuses(404, &[path, "\"Moon\""]);
    }
}

#[tokio::test]
async fn an_alternate_id_is_unique_within_its_type_without_regard_to_case() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let claim = |kind: &str, id: &str| json!({"AlternateIds": [{"AlternateIdType": kind, "AlternateId": id}]});
    let ann = api.create(claim("CRM", "Straße-7")).await;
    let bob = api.create(json!({})).await;
    let words = ["AlternateIds[0].AlternateId", "STRAßE-7"];
    api.post(&api.profile_path(""), &claim("crm", "STRAßE-7")).await.refuses(409, &words);
    api.post(&api.at(bob), &claim("CRM", "STRAßE-7")).await.refuses(409, &words);
    api.put(&api.at(bob), &claim("CRM", "STRAßE-7")).await.refuses(409, &words);
    let add = json!([{"op": "add", "path": "/AlternateIds/-", "value": {"AlternateIdType": "CRM", "AlternateId": "STRAßE-7"}}]);
    api.patch(&api.at(bob), &add).await.refuses(409, &words);
    api.post(&api.at(bob), &claim("Loyalty", "Straße-7")).await.is(200);
    api.put(&api.at(ann), &json!({})).await.is(200);
    api.post(&api.at(bob), &claim("CRM", "straße-7")).await.is(200);
}

#[tokio::test]
async fn a_deactivated_profile_is_reached_by_its_id_alone_and_keeps_its_alternate_ids() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let by_alternate = api.profile_path("/AlternateId?alternateIdType=CRM&alternateId=C-1");
    let id = api.post(&by_alternate, &json!({})).await.is(201).json()["ProfileId"].as_u64().unwrap();
    let call = async |word: &str, body: &Value| api.post(&format!("{}/{word}", api.at(id)), body).await;
    assert_eq!(call("Deactivate", &json!({"Reason": "moved"})).await.is(200).json(), json!({"ProfileId": id}));
    assert_eq!(api.read(id).await["IsActive"], false);
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let body = if method == "PATCH" { json!([]) } else { json!({}) };
        read(api.call(method, &by_alternate).json(&body)).await.is(404);
    }
    api.post(&api.profile_path(""), &json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "c-1"}]}))
        .await
        .is(409);
    let before = api.read(id).await;
    world.advance(1000);
    read(api.call("POST", &format!("{}/Deactivate", api.at(id)))).await.is(200);
    call("Deactivate", &json!(null)).await.is(200);
    assert_eq!(api.read(id).await, before, "so already: nothing is written, also without a body");
    call("Activate", &json!({"Reason": "é".repeat(257)})).await.refuses(400, &["Reason", "256"]);
    call("Activate", &json!({"Why": "x"})).await.refuses(400, &["Why"]);
    call("Activate", &json!({"Reason": "é".repeat(256)})).await.is(200);
    let now = api.get(&by_alternate).await.is(200).json();
    assert_eq!((&now["IsActive"], &now["Edited"]["LastModifiedDate"]), (&json!(true), &json!(iso(world.now()))));
    api.update(id, json!({"IsActive": false})).await;
    api.get(&by_alternate).await.is(404);
    api.post(&format!("{}/Activate", api.at(99)), &json!({})).await.is(404);
}

#[tokio::test]
async fn every_write_stamps_the_profile_with_moment_user_and_source_group() {
    let world = World::with_rules().await;
    let (nightly, admin) = (world.nightly().await, world.admin().await);
    let id = nightly
        .create(json!({"Consents": [consent("Calls", 1)], "ProfilePreferences": [says("PROMO-SOLICIT", 1)]}))
        .await;
    let preferences = nightly.profile_path(&format!("/Preferences/{id}"));
    let at = nightly.at(id);
    for (method, path, body) in [
        ("POST", at.clone(), json!({})),
        ("PATCH", at.clone(), json!([])),
        ("POST", preferences.clone(), json!({"ProfilePreferences": [says("NEWS-SOLICIT", 1)]})),
        ("PUT", format!("{preferences}/Archive"), json!({"Preferences": [{"FilterId": "NEWS-SOLICIT"}]})),
        ("POST", nightly.consents_at(id, ""), json!({"Consents": [consent("Terms", 1)]})),
        ("DELETE", nightly.consents_at(id, "/Filter/PROMO-SOLICIT/Consent/Calls"), json!({})),
        ("POST", format!("{at}/Deactivate"), json!({})),
        ("POST", format!("{at}/Activate"), json!({})),
        ("PUT", at.clone(), json!({})),
    ] {
        for (api, user, source) in [(&admin, "Admin", Value::Null), (&nightly, "Nightly", json!("Batch"))] {
            if user == "Admin" && !(method == "POST" && path == at) {
                continue;
            }
            world.advance(1000);
            let answer = read(api.call(method, &path).json(&body)).await;
            assert!(answer.status == 200 || answer.status == 204, "{method} {path}: {}", answer.status);
            let edited = api.read(id).await["Edited"].clone();
            assert_eq!((&edited["CreateDate"], &edited["CreateUserId"]), (&json!(START), &json!("Nightly")));
            assert_eq!(edited["LastModifiedDate"], iso(world.now()), "{method} {path}");
            assert_eq!((&edited["LastModifiedUserId"], &edited["LastModifiedSourceId"]), (&json!(user), &source));
        }
    }
}

#[tokio::test]
async fn preferences_and_consents_alone_need_their_own_permission_or_that_of_profiles() {
    let world = World::with_rules().await;
    world.apply("  { Name = \"Readers\"", "  { Name = \"Askers\", Permissions = { Preferences = \"Edit\", Consents = \"View\" } },\n  { Name = \"Readers\"");
    world.apply(
        "  { UserId = \"Reader\"",
        "  { UserId = \"Asker\", UserGroups = [\"Askers\"] },\n  { UserId = \"Reader\"",
    );
    let nightly = world.nightly().await;
    let id = nightly.create(json!({})).await;
    let (asker, reader) = (world.sign_in(ACCOUNT, "Asker").await, world.sign_in(ACCOUNT, "Reader").await);
    let preferences = nightly.profile_path(&format!("/Preferences/{id}"));
    let body = json!({"ProfilePreferences": [says("NEWS-SOLICIT", 1)]});
    asker.post(&preferences, &body).await.is(200);
    reader.post(&preferences, &body).await.refuses(403, &["Preferences", "Edit"]);
    let archive = json!({"Preferences": [{"FilterId": "NEWS-SOLICIT"}]});
    reader.put(&format!("{preferences}/Archive"), &archive).await.refuses(403, &["Preferences", "Edit"]);
    asker.post(&asker.consents_at(id, ""), &json!({})).await.refuses(403, &["Consents", "Edit"]);
    asker
        .delete(&asker.consents_at(id, "/Filter/PROMO-SOLICIT/Consent/Calls"))
        .await
        .refuses(403, &["Consents", "Edit"]);
    asker.get(&asker.consents_at(id, "/Filters")).await.is(200);
    reader.get(&reader.consents_at(id, "/Filters")).await.is(200);
    asker.put(&asker.at(id), &json!({})).await.refuses(403, &["Profiles", "Edit"]);
    reader.patch(&reader.at(id), &json!([])).await.refuses(403, &["Profiles", "Edit"]);
    reader.post(&format!("{}/Deactivate", reader.at(id)), &json!({})).await.refuses(403, &["Profiles", "Edit"]);
}
