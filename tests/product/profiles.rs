//! The calls of the Data API that an integration needs to put records in: create, read, partial update, delete.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn create_answers_201_with_location_and_ascending_ids_never_reused() {
    let world = World::start().await;
    let api = world.nightly().await;
    let answer = api.post(&api.profile_path(""), &person("Ann", &[])).await.is(201);
    let first = answer.json()["ProfileId"].as_u64().unwrap();
    let location = answer.header("location").unwrap();
    assert!(location.ends_with(&format!("/Profile/{first}")), "{location}");
    api.remove(first).await;
    let second = api.create(person("Bob", &[])).await;
    assert!(second > first);
}

#[tokio::test]
async fn update_touches_only_what_is_sent() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &["a"])).await;
    world.advance(1_000);
    api.update(id, json!({"CustomerName": {"LastName": "Lee"}, "Emails": [{"EmailAddressType": "Work", "EmailAddress": "ann@work.example"}]})).await;
    let now = api.read(id).await;
    assert_eq!((&now["CustomerName"]["FirstName"], &now["CustomerName"]["LastName"]), (&json!("Ann"), &json!("Lee")));
    assert_eq!(now["Emails"].as_array().unwrap().len(), 2);
    assert_eq!(now["ProfileTags"], json!([{"Name": "a"}]));
    assert_eq!(
        (&now["Edited"]["CreateDate"], &now["Edited"]["LastModifiedDate"]),
        (&json!(START), &json!(iso(world.now())))
    );
}

#[tokio::test]
async fn a_read_profile_can_be_sent_back_as_it_is() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut profile = person("Ann", &["a"]);
    profile["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
    let id = api.create(profile).await;
    let read = api.read(id).await;
    api.update(id, read.clone()).await;
    assert_eq!(api.read(id).await["Emails"], read["Emails"]);
}

#[tokio::test]
async fn by_alternate_id_post_creates_then_updates_and_delete_leaves_a_tombstone() {
    let world = World::start().await;
    let api = world.nightly().await;
    for path in ["/AlternateId?alternateIdType=CRM&alternateId=C%2F1", "/AlternateIdType/Loyalty/AlternateId/L%201"] {
        let path = api.profile_path(path);
        api.get(&path).await.is(404);
        let id = api.post(&path, &json!({"CustomerName": {"FirstName": "Ann"}})).await.is(201).json()["ProfileId"]
            .as_u64()
            .unwrap();
        let again = api.post(&path, &json!({"CustomerName": {"LastName": "Lee"}})).await.is(200).json();
        assert_eq!(again["ProfileId"], id);
        let now = api.get(&path).await.is(200).json();
        assert_eq!(
            (&now["CustomerName"]["FirstName"], &now["CustomerName"]["LastName"]),
            (&json!("Ann"), &json!("Lee"))
        );
        api.delete(&path).await.is(204);
        api.get(&path).await.is(404);
        api.delete(&path).await.is(404);
        assert!(api.ids("Deleted", json!({})).await.contains(&id));
    }
}

#[tokio::test]
async fn an_alternate_id_is_one_profiles_alone() {
    let world = World::start().await;
    let api = world.nightly().await;
    let claim = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "X"}]});
    api.create(claim.clone()).await;
    api.post(&api.profile_path(""), &json!({"AlternateIds": [{"AlternateIdType": "crm", "AlternateId": "x"}]}))
        .await
        .refuses(409, &["x"]);
    let calls =
        (0..8).map(|_| api.post_owned(json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "Y"}]})));
    let mut statuses: Vec<u16> = futures_util::future::join_all(calls).await;
    statuses.sort();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

impl Api {
    async fn post_owned(&self, body: serde_json::Value) -> u16 {
        self.post(&self.profile_path(""), &body).await.status
    }
}

#[tokio::test]
async fn unknown_members_and_malformed_values_are_400_with_the_path_and_unconfigured_names_404() {
    let world = World::start().await;
    let api = world.nightly().await;
    let email =
        |e: serde_json::Value| json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": "a@example.com"}, e]});
    for (status, words, body) in [
        (400, vec!["Nickname"], json!({"Nickname": "A"})),
        (
            400,
            vec!["Emails[1]", "Colour"],
            email(json!({"EmailAddressType": "Home", "EmailAddress": "b@example.com", "Colour": 1})),
        ),
        (400, vec!["Emails[1].EmailAddress"], email(json!({"EmailAddressType": "Home", "EmailAddress": 5}))),
        (400, vec!["Emails[1].EmailAddress"], email(json!({"EmailAddressType": "Home"}))),
        (
            404,
            vec!["Emails[1].EmailAddressType", "Fax"],
            email(json!({"EmailAddressType": "Fax", "EmailAddress": "b@example.com"})),
        ),
        (404, vec!["CustomerType", "VIP"], json!({"CustomerType": "VIP"})),
        (404, vec!["CustomFields[0].Name", "Height"], json!({"CustomFields": [{"Name": "Height", "Value": "1"}]})),
        (400, vec!["CustomFields[0].Value"], json!({"CustomFields": [{"Name": "Age", "Value": "old"}]})),
        (
            404,
            vec!["CustomFields[0].Value", "blue"],
            json!({"CustomFields": [{"Name": "Colour", "Value": "red::blue"}]}),
        ),
        (400, vec!["IsActive"], json!({"IsActive": "yes"})),
    ] {
        api.post(&api.profile_path(""), &body).await.refuses(status, &words);
    }
    api.post_text(&api.profile_path(""), "[]").await.refuses(400, &[]);
    api.post_text(&api.profile_path(""), "{\"IsActive\":").await.refuses(400, &[]);
    assert_eq!(api.ids("Everybody", json!({})).await, [] as [u64; 0], "nothing was written");
}

#[tokio::test]
async fn concurrent_partial_updates_of_one_profile_lose_nothing() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(json!({})).await;
    let mut want = BTreeMap::new();
    let calls: Vec<_> = (0..60)
        .map(|i| {
            let (kind, value) = (["CRM", "Loyalty"][i % 2], format!("id-{i}"));
            want.insert(value.clone(), kind);
            let body = match i % 3 {
                0 => json!({"ProfileTags": [{"Name": value}]}),
                1 => json!({"AlternateIds": [{"AlternateIdType": kind, "AlternateId": value}]}),
                _ => json!({"Groups": [{"GroupType": "Household", "GroupName": value}]}),
            };
            api.update(id, body)
        })
        .collect();
    futures_util::future::join_all(calls).await;
    let now = api.read(id).await;
    let mut got: Vec<String> = Vec::new();
    for (list, name) in [("ProfileTags", "Name"), ("AlternateIds", "AlternateId"), ("Groups", "GroupName")] {
        got.extend(now[list].as_array().unwrap().iter().map(|v| v[name].as_str().unwrap().to_string()));
    }
    got.sort();
    assert_eq!(got, want.into_keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_command_line_writes_beside_the_running_server_and_check_finds_nothing() {
    let world = World::start().await;
    let api = world.nightly().await;
    let made = api.create(person("Ann", &[])).await;
    let lines: String = (0..500).map(|i| format!("{}\n", person(&format!("load{i}"), &["a"]))).collect();
    std::fs::write(world.path("people.ndjson"), format!("{lines}{{\"Nickname\":1}}\nnot json\n")).unwrap();
    let out = world.run(&["load", "people.ndjson", "--account", ACCOUNT]);
    assert_eq!(out.status.code(), Some(1), "two lines were rejected");
    let rejected = std::fs::read_to_string(world.path("people.ndjson.rejected.ndjson")).unwrap();
    assert_eq!(rejected.lines().count(), 2);
    assert!(rejected.contains("501") && rejected.contains("Nickname"), "{rejected}");
    assert_eq!(api.ids("A", json!({})).await.len(), 500);
    assert_eq!(api.read(made).await["ProfileId"], made);
    let later = api.create(person("Zoe", &[])).await;
    assert!(later > 500, "ids go on behind the loaded ones");
    world.sayso(&["check"]);
}
