//! The members of a group, by way of the profile that is primary in it.

use serde_json::{Value, json};

use crate::harness::*;

fn member(name: &str, primary: bool) -> Value {
    let mut profile = person(name, &[]);
    profile["AlternateIds"] = json!([{"AlternateIdType": "CRM", "AlternateId": name}]);
    profile["PhoneNumbers"] = json!([{"PhoneType": "Home", "PhoneNumber": format!("555-{}", name.len())}]);
    profile["Groups"] = json!([{"GroupType": "Household", "GroupName": "Smith", "IsPrimary": primary}]);
    profile
}

impl Api {
    async fn group(&self, query: &str) -> Answer {
        self.get(&self.profile_path(&format!("/Group?groupType=Household&groupName=Smith&{query}"))).await
    }
}

#[tokio::test]
async fn all_members_are_given_when_the_primary_is_named_by_any_of_its_keys() {
    let world = World::start().await;
    let api = world.nightly().await;
    let (bob, ann) = (api.create(member("Bobby", false)).await, api.create(member("Ann", true)).await);
    let gone = api.create(member("Carolyn", false)).await;
    api.update(gone, json!({"IsActive": false})).await;
    let mut other = member("Doris", true);
    other["Groups"][0]["GroupName"] = "Lee".into();
    api.create(other).await;
    let selectors = [
        format!("profileId={ann}"),
        "alternateId=ANN&alternateIdType=crm".into(),
        "emailAddress=Ann@example.com".into(),
        "phoneNumber=5553".into(),
    ];
    for selector in selectors {
        let rows = api.group(&selector).await.is(200).json();
        let rows = rows["UserProfilePreferences"].as_array().unwrap();
        assert_eq!(ids(rows), [bob, ann], "{selector}");
        assert_eq!(rows[1], api.read(ann).await);
        let all = api.group(&format!("{selector}&includeInactive=true")).await.is(200).json();
        assert_eq!(ids(all["UserProfilePreferences"].as_array().unwrap()), [bob, ann, gone], "{selector}");
    }
}

#[tokio::test]
async fn a_profile_that_is_not_primary_shows_no_members() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(member("Ann", true)).await;
    let bob = api.create(member("Bobby", false)).await;
    api.group(&format!("profileId={bob}"))
        .await
        .refuses(404, &[&bob.to_string(), "isn't the primary profile of", "Smith"]);
    api.group("emailAddress=bobby@example.com").await.refuses(404, &["isn't the primary profile of"]);
    api.group("emailAddress=nobody@example.com").await.refuses(404, &["nobody@example.com"]);
    api.group("profileId=999").await.refuses(404, &["999"]);
    let elsewhere = api.profile_path("/Group?groupType=Household&groupName=Lee&emailAddress=ann@example.com");
    api.get(&elsewhere).await.refuses(404, &["isn't the primary profile of", "Lee"]);
}

#[tokio::test]
async fn a_group_is_asked_for_by_its_type_and_name_and_one_key_of_the_primary() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.group("").await.refuses(400, &["profileId", "alternateId", "emailAddress", "phoneNumber"]);
    api.group("profileId=1&emailAddress=a@example.com").await.refuses(400, &["exactly one"]);
    api.group("alternateId=1").await.refuses(400, &["alternateIdType"]);
    api.group("alternateId=1&alternateIdType=Moon").await.refuses(404, &["Moon"]);
    let get = async |query: &str| api.get(&api.profile_path(&format!("/Group?{query}"))).await;
    get("groupType=Household&profileId=1").await.refuses(400, &["groupName"]);
    get("groupName=Smith&profileId=1").await.refuses(400, &["groupType"]);
    get("groupType=Moon&groupName=Smith&profileId=1").await.refuses(404, &["Moon"]);
}

#[tokio::test]
async fn of_a_group_with_more_than_fifty_members_none_is_given() {
    let world = World::prepared();
    let lines: String = (0..51).map(|n| member(&format!("p{n}"), n == 0).to_string() + "\n").collect();
    std::fs::write(world.path("people.ndjson"), lines).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let world = world.serve(&[]).await;
    let api = world.nightly().await;
    api.group("profileId=1").await.refuses(403, &["more than 50 profiles match"]);
    api.remove(51).await;
    let rows = api.group("profileId=1").await.is(200).json();
    assert_eq!(rows["UserProfilePreferences"].as_array().unwrap().len(), 50);
}
