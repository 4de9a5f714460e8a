//! Rules of all kinds, and what a change means for profiles.

use serde_json::{Value, json};

use super::{TYPES, make, of, patch, path};
use crate::harness::*;

async fn type_id(admin: &Api, kind: &str, name: &str) -> u64 {
    let list = admin.get(&path(&format!("/{kind}"))).await.is(200).json();
    of(&list, kind, "TypeName", name)["TypeId"].as_u64().unwrap()
}

fn replace(member: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": format!("/{member}"), "value": value}])
}

#[tokio::test]
async fn a_taken_name_is_a_409_without_regard_to_case() {
    let world = World::start().await;
    let admin = world.admin().await;
    for (all, one) in TYPES {
        let first = admin.get(&path(&format!("/{all}"))).await.json()[all][0]["TypeName"].clone();
        let again = first.as_str().unwrap().to_uppercase();
        admin.post(&path(&format!("/{all}")), &json!({"TypeName": again})).await.refuses(409, &[&again]);
        let other = make(&admin, &format!("/{all}"), json!({"TypeName": "Another"})).await;
        let rename = replace("TypeName", first.clone());
        patch(&admin, &format!("/{one}/{}", other["TypeId"]), rename).await.refuses(409, &["TypeName"]);
    }
    let consent = json!({"TypeName": "MARKETING", "Versions": []});
    admin.post(&path("/ConsentTypes"), &consent).await.refuses(409, &["MARKETING"]);
    admin.post(&path("/Picklist"), &json!({"Name": "colours", "Values": []})).await.refuses(409, &["colours"]);
    admin.post(&path("/Config/ProgramGroups"), &json!({"ID": "ALL"})).await.refuses(409, &["ALL"]);
    admin.post(&path("/Config/Programs"), &json!({"ID": "news"})).await.refuses(409, &["news"]);
    let filter = json!({"ID": "news-email", "ProgramID": "NEWS", "ChannelID": "Fax"});
    admin.post(&path("/Config/Filters"), &filter).await.refuses(409, &["news-email"]);
}

#[tokio::test]
async fn a_name_that_nobody_carries_may_change_and_keeps_its_number() {
    let world = World::start().await;
    let admin = world.admin().await;
    let before = make(&admin, "/EmailTypes", json!({"TypeName": "Work place"})).await;
    let id = before["TypeId"].as_u64().unwrap();
    world.advance(1_000);
    let renamed = patch(&admin, &format!("/EmailType/{id}"), replace("TypeName", json!("Office"))).await.is(200).json();
    assert_eq!((&renamed["TypeName"], &renamed["TypeId"]), (&json!("Office"), &json!(id)));
    assert_eq!(renamed["Edited"]["CreateDate"], before["Edited"]["CreateDate"]);
    assert_eq!(renamed["Edited"]["LastModifiedDate"], iso(world.now()));
    // a number is never used again
    let next = make(&admin, "/EmailTypes", json!({"TypeName": "Work place"})).await;
    assert_eq!(next["TypeId"], json!(id + 1));
}

#[tokio::test]
async fn names_that_profiles_carry_do_not_change() {
    let world = World::start().await;
    let admin = world.admin().await;
    let mut ann = person("Ann", &[]);
    ann["Consents"] = json!([{"ConsentType": "Terms", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1}]);
    ann["CustomFields"] = json!([{"Name": "Colour", "Value": "red"}]);
    admin.create(ann).await;
    let email = format!("/EmailType/{}", type_id(&admin, "EmailTypes", "Home").await);
    patch(&admin, &email, replace("TypeName", json!("House")))
        .await
        .refuses(409, &["TypeName: profiles carry Home", "renamed to House"]);
    patch(&admin, &email, replace("TypeName", json!("HOME"))).await.refuses(409, &["Home"]);
    let consent = format!("/ConsentTypes/{}", type_id(&admin, "ConsentTypes", "Terms").await);
    patch(&admin, &consent, replace("TypeName", json!("Rules"))).await.refuses(409, &["profiles carry Terms"]);
    patch(&admin, &consent, replace("Versions/0/ConsentVersion", json!("v9")))
        .await
        .refuses(409, &["profiles carry v1 of the consent type Terms"]);
    let lists = admin.get(&path("/Picklist")).await.json();
    let list = format!("/Picklist/{}", of(&lists, "Picklist", "Name", "Colours")["Id"]);
    patch(&admin, &list, replace("Values/0", json!("rouge"))).await.refuses(409, &["profiles carry red"]);
    patch(&admin, &list, replace("Values/1", json!("vert"))).await.is(200);
    // what is in use may be switched off
    assert_eq!(patch(&admin, &email, replace("IsActive", json!(false))).await.is(200).json()["IsActive"], false);
}

#[tokio::test]
async fn what_another_thing_uses_does_not_go_and_the_message_names_the_user() {
    let world = World::start().await;
    let admin = world.admin().await;
    let lists = admin.get(&path("/Picklist")).await.json();
    let list = format!("/Picklist/{}", of(&lists, "Picklist", "Name", "Colours")["Id"]);
    patch(&admin, &list, replace("Name", json!("Paints"))).await.refuses(409, &["custom field Colour"]);
    make(
        &admin,
        "/Config/Filters",
        json!({"ID": "F", "ProgramID": "NEWS", "ChannelID": "Fax", "RequiredConsents": ["Terms"]}),
    )
    .await;
    let consent = format!("/ConsentTypes/{}", type_id(&admin, "ConsentTypes", "Terms").await);
    patch(&admin, &consent, replace("TypeName", json!("Rules"))).await.refuses(409, &["filter F"]);
    let group = replace("ID", json!("Everything"));
    patch(&admin, "/Config/ProgramGroups/All", group).await.refuses(409, &["program NEWS"]);
    let gone = json!([{"op": "remove", "path": "/Filters/0"}]);
    patch(&admin, "/Config/Programs/NEWS", gone).await.refuses(409, &["segment Newsletter"]);
}

#[tokio::test]
async fn a_segment_in_the_way_is_named_to_those_who_may_view_it_alone() {
    let world = World::start().await;
    world.apply(
        r#"{ Name = "Readers", Permissions = { Profiles = "View" } }"#,
        r#"{ Name = "Readers", Permissions = { Profiles = "Edit", Configuration = "Edit" } }"#,
    );
    let (admin, reader) = (world.admin().await, world.sign_in(ACCOUNT, "Reader").await);
    admin.create(person("Ann", &["a"])).await;
    let gone = json!([{"op": "remove", "path": "/Filters/0"}]);
    let told = |answer: Answer, status: u16| {
        let message = answer.refuses(status, &["segment that you may not view"]).message();
        for secret in ["Newsletter", "Criteria", "segments A", "NEWS-EMAIL"] {
            assert!(!message.contains(secret), "{message}");
        }
    };
    told(patch(&reader, "/Config/Programs/NEWS", gone.clone()).await, 409);
    told(reader.delete(&path("/Tags/a")).await, 409);
    patch(&admin, "/Config/Programs/NEWS", gone.clone()).await.refuses(409, &["Newsletter", "Criteria"]);
    // who may view segments, and this one
    world.apply(r#"Configuration = "Edit" } }"#, r#"Configuration = "Edit", Segments = "View" } }"#);
    told(patch(&reader, "/Config/Programs/NEWS", gone.clone()).await, 409);
    for segment in ["Newsletter", "A"] {
        let may = json!([{"UserGroup": "Readers", "CanView": true}]);
        let rest = path(&format!("/Segments/{segment}/Permissions"));
        read(admin.call("PUT", &rest).json(&may)).await.is(200);
    }
    patch(&reader, "/Config/Programs/NEWS", gone).await.refuses(409, &["segment Newsletter", "Criteria"]);
    reader.delete(&path("/Tags/a")).await.refuses(409, &["segments A"]);
}

#[tokio::test]
async fn a_word_that_is_not_taken_is_told_with_those_that_are() {
    let world = World::start().await;
    let admin = world.admin().await;
    for wrong in [json!(1), json!("Maybe"), json!({"OptIn": null})] {
        patch(&admin, "/Config/Filters/NEWS-EMAIL", replace("DefaultPreference", wrong))
            .await
            .refuses(400, &["DefaultPreference: ", "OptIn, OptOut, null"]);
    }
    patch(&admin, "/Config/Filters/NEWS-EMAIL", replace("DefaultPreference", Value::Null)).await.is(200);
    let segment = |profiles: Value| json!({"Name": "New", "Profiles": profiles});
    admin.post(&path("/Segments"), &segment(json!(1))).await.refuses(400, &["Profiles: 1", "Active, Inactive"]);
    let group = json!({"Name": "New", "Members": [{"Segment": "A"}, {"Segment": "B", "Operator": "XOR"}]});
    admin
        .post(&path("/SegmentGroups"), &group)
        .await
        .refuses(400, &["Members[1].Operator: ", "XOR", "AND, OR, EXCEPT"]);
}

#[tokio::test]
async fn a_new_default_takes_the_place_of_the_former_one() {
    let world = World::start().await;
    let admin = world.admin().await;
    let id = type_id(&admin, "EmailTypes", "Work").await;
    assert_eq!(
        patch(&admin, &format!("/EmailType/{id}"), replace("IsDefault", json!(true))).await.is(200).json()["IsDefault"],
        true
    );
    let list = admin.get(&path("/EmailTypes")).await.json();
    assert_eq!(of(&list, "EmailTypes", "TypeName", "Home")["IsDefault"], false);
}

#[tokio::test]
async fn a_json_patch_is_taken_whole_or_not_at_all() {
    let world = World::start().await;
    let admin = world.admin().await;
    let one = format!("/EmailType/{}", type_id(&admin, "EmailTypes", "Work").await);
    let before = admin.get(&path(&one)).await.json();
    let off = json!({"op": "replace", "path": "/IsActive", "value": false});
    let fails = json!([off, {"op": "test", "path": "/TypeName", "value": "Home"}]);
    patch(&admin, &one, fails).await.refuses(409, &["[1]", "test failed"]);
    patch(&admin, &one, json!([off, {"op": "replace", "path": "/Nope", "value": 1}]))
        .await
        .refuses(400, &["[1]", "/Nope"]);
    patch(&admin, &one, json!([off, {"op": "add", "path": "/Nope", "value": 1}])).await.refuses(400, &["Nope"]);
    patch(&admin, &one, json!([off, {"op": "move", "from": "/TypeName", "path": "/IsActive"}]))
        .await
        .refuses(400, &["[1]", "move"]);
    patch(&admin, &one, replace("IsActive", json!("no"))).await.refuses(400, &["IsActive"]);
    patch(&admin, &one, json!({"IsActive": false})).await.refuses(400, &[]);
    assert_eq!(admin.get(&path(&one)).await.json(), before);
    let holds = json!([{"op": "test", "path": "/TypeName", "value": "Work"}, off]);
    assert_eq!(patch(&admin, &one, holds).await.is(200).json()["IsActive"], false);
}

#[tokio::test]
async fn read_only_members_are_ignored_and_unknown_ones_refused() {
    let world = World::start().await;
    let admin = world.admin().await;
    let sent = json!({"TypeName": "Other", "TypeId": 77, "Edited": {"CreateUserId": "Nobody"}});
    let made = make(&admin, "/PhoneTypes", sent).await;
    assert_eq!((&made["TypeId"], &made["Edited"]["CreateUserId"]), (&json!(3), &json!("Admin")));
    admin.post(&path("/PhoneTypes"), &json!({"TypeName": "More", "Colour": "red"})).await.refuses(400, &["Colour"]);
    admin.post(&path("/PhoneTypes"), &json!({})).await.refuses(400, &["TypeName"]);
    admin.post(&path("/PhoneTypes"), &json!(["More"])).await.refuses(400, &["object"]);
    admin.post_text(&path("/PhoneTypes"), "{\"TypeName\": \"More\"").await.refuses(400, &[]);
}

#[tokio::test]
async fn if_match_guards_a_change_of_what_was_read() {
    let world = World::start().await;
    let admin = world.admin().await;
    let one = path(&format!("/EmailType/{}", type_id(&admin, "EmailTypes", "Work").await));
    let etag = admin.get(&one).await.header("etag").unwrap().to_owned();
    let change = |tag: String, active: bool| {
        let call =
            admin.call("PATCH", &one).header("if-match", tag).header("content-type", "application/json-patch+json");
        read(call.body(replace("IsActive", json!(active)).to_string()))
    };
    let changed = change(etag.clone(), false).await.is(200);
    change(etag.clone(), true).await.refuses(412, &["If-Match"]);
    change(format!("W/{}", changed.header("etag").unwrap()), true).await.is(412);
    change("*".into(), true).await.is(200);
    let again = admin.get(&one).await;
    let unchanged = read(admin.call("GET", &one).header("if-none-match", again.header("etag").unwrap())).await;
    assert_eq!(unchanged.status, 304);
}

#[tokio::test]
async fn a_new_type_can_be_used_at_once_and_one_switched_off_no_longer() {
    let world = World::start().await;
    let admin = world.admin().await;
    let with = |kind: &str| json!({"Emails": [{"EmailAddressType": kind, "EmailAddress": "a@example.com"}]});
    admin.post(&admin.profile_path(""), &with("Other")).await.refuses(404, &["Other"]);
    let made = make(&admin, "/EmailTypes", json!({"TypeName": "Other"})).await;
    let id = admin.create(with("Other")).await;
    patch(&admin, &format!("/EmailType/{}", made["TypeId"]), replace("IsActive", json!(false))).await.is(200);
    let refused = admin.post(&admin.profile_path(""), &with("Other")).await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    assert_eq!(admin.read(id).await["Emails"][0]["EmailAddressType"], "Other", "what is there stays");
}

#[tokio::test]
async fn a_change_of_expiry_days_is_for_later_writes_only() {
    let world = World::start().await;
    let admin = world.admin().await;
    let says_yes = |name: &str| {
        let mut person = person(name, &[]);
        person["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
        person
    };
    let before = admin.create(says_yes("Ann")).await;
    patch(&admin, "/Config/Filters/NEWS-EMAIL", replace("OptInExpirationInDays", json!(20))).await.is(200);
    let after = admin.create(says_yes("Bob")).await;
    const DAY: i64 = 86_400_000;
    for (id, days) in [(before, 10), (after, 20)] {
        let expires = admin.read(id).await["Emails"][0]["EmailPreferences"][0]["ExpirationDate"].clone();
        assert_eq!(expires, iso(world.now() + days * DAY));
    }
}
