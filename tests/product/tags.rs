//! Tags: counted over all profiles, and taken off all of them (configuration.md).

use serde_json::json;

use crate::harness::*;

fn path(rest: &str) -> String {
    format!("/Profiles/v4/{ACCOUNT}{rest}")
}

#[tokio::test]
async fn tags_are_counted_without_regard_to_case_and_shown_as_they_are_written() {
    let world = World::start().await;
    let admin = world.admin().await;
    assert_eq!(admin.get(&path("/Tags")).await.is(200).json(), json!({"TagCounts": []}));
    let long = "x".repeat(100);
    // one that looks like a person's, which the facts don't tell
    admin.create(person("Ann", &["VIP", "ann@example.com"])).await;
    let bob = admin.create(person("Bob", &["vip", &long])).await;
    let gone = admin.create(person("Cid", &["gone"])).await;
    admin.remove(gone).await;
    admin.update(bob, json!({"IsActive": false})).await;
    let counts = admin.get(&path("/Tags")).await.is(200).json();
    let expected = json!({"TagCounts": [
        {"Tag": {"Name": "ann@example.com"}, "Count": 1},
        {"Tag": {"Name": "VIP"}, "Count": 2},
        {"Tag": {"Name": long}, "Count": 1},
    ]});
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn a_tag_is_taken_off_every_profile_by_ordinary_writes() {
    let world = World::start().await;
    let admin = world.admin().await;
    let ann = admin.create(person("Ann", &["VIP", "other"])).await;
    let bob = admin.create(person("Bob", &["vip"])).await;
    let cid = admin.create(person("Cid", &["other"])).await;
    world.advance(60_000);
    admin.delete(&path("/Tags/Vip")).await.is(204);
    assert_eq!(admin.read(ann).await["ProfileTags"], json!([{"Name": "other"}]));
    assert_eq!(admin.read(bob).await["ProfileTags"], json!([]));
    assert_eq!(admin.read(bob).await["Edited"]["LastModifiedDate"], iso(world.now()));
    assert_eq!(admin.read(cid).await["Edited"]["LastModifiedDate"], START);
    assert_eq!(admin.get(&path("/Tags")).await.json()["TagCounts"].as_array().unwrap().len(), 1);
    let history = admin.get(&admin.profile_path(&format!("/{bob}/History/StandardFields"))).await.is(200).json();
    assert_eq!(history["History"][0]["ProfileTags"], json!([{"Name": "vip"}]));
    admin.delete(&path("/Tags/Vip")).await.refuses(404, &["tag", "Vip"]);
    world.check();
}

#[tokio::test]
async fn a_tag_that_a_segment_asks_for_stays() {
    let world = World::start().await;
    let admin = world.admin().await;
    let ann = admin.create(person("Ann", &["a"])).await;
    admin.delete(&path("/Tags/A")).await.refuses(409, &["segments A"]);
    assert_eq!(admin.read(ann).await["ProfileTags"], json!([{"Name": "a"}]));
}

#[tokio::test]
async fn tags_need_the_permissions_over_configuration_and_profiles() {
    let world = World::start().await;
    world.apply(r#"{ Profiles = "View" }"#, r#"{ Profiles = "View", Configuration = "Edit" }"#);
    let (nightly, reader) = (world.nightly().await, world.sign_in(ACCOUNT, "Reader").await);
    nightly.get(&path("/Tags")).await.refuses(403, &["Configuration"]);
    nightly.delete(&path("/Tags/x")).await.refuses(403, &["Configuration"]);
    reader.get(&path("/Tags")).await.is(200);
    reader.delete(&path("/Tags/x")).await.refuses(403, &["Profiles", "Edit"]);
}
