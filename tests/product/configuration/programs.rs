//! Program groups, programs and filters.

use serde_json::{Value, json};

use super::{make, patch, path};
use crate::harness::*;

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|i| i["ID"].as_str().unwrap().to_owned()).collect()
}

/// Groups All > Letters > Daily; a program with two filters in Letters, one with the property, one without.
async fn plant(admin: &Api) {
    let owner = json!([{"Name": "Owner", "Value": "Press"}]);
    make(admin, "/Config/ProgramGroups", json!({"ID": "Letters", "ParentID": "All", "Type": "Brand"})).await;
    make(admin, "/Config/ProgramGroups", json!({"ID": "Daily", "ParentID": "Letters", "Type": "brand"})).await;
    make(admin, "/Config/ProgramGroups", json!({"ID": "Apart"})).await;
    make(admin, "/Config/Programs", json!({"ID": "TIPS", "ProgramGroupID": "Letters"})).await;
    make(
        admin,
        "/Config/Filters",
        json!({"ID": "TIPS-EMAIL", "ProgramID": "TIPS", "ChannelID": "Email", "CustomProperties": owner}),
    )
    .await;
    make(admin, "/Config/Filters", json!({"ID": "TIPS-MAIL", "ProgramID": "tips", "ChannelID": "Mail"})).await;
}

#[tokio::test]
async fn groups_nest_and_show_their_programs_and_filters() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let groups = admin.get(&path("/ProgramGroups")).await.is(200).json();
    assert_eq!(ids(&groups["ProgramGroups"]), ["All", "Apart"]);
    let all = &groups["ProgramGroups"][0];
    assert_eq!((ids(&all["ProgramGroups"]), ids(&all["Programs"])), (vec!["Letters".into()], vec!["NEWS".into()]));
    let letters = admin.get(&path("/ProgramGroups/letters")).await.is(200).json();
    assert_eq!(all["ProgramGroups"][0], letters);
    assert_eq!(ids(&letters["ProgramGroups"]), ["Daily"]);
    assert_eq!(ids(&letters["Programs"][0]["Filters"]), ["TIPS-EMAIL", "TIPS-MAIL"]);
    let narrowed = admin.get(&path("/ProgramGroups?Id=Daily")).await.is(200).json();
    assert_eq!(ids(&narrowed["ProgramGroups"]), ["Daily"]);
    let program = admin.get(&path("/Programs/TIPS")).await.is(200).json();
    assert_eq!(letters["Programs"][0], program);
    let filter = admin.get(&path("/Filters/tips-mail")).await.is(200).json();
    assert_eq!(program["Filters"][1], filter);
    assert_eq!((&filter["ProgramID"], &filter["ChannelID"]), (&json!("TIPS"), &json!("Mail")));
    let filters = admin.get(&path("/Filters")).await.is(200).json();
    assert_eq!(filters["Filters"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn programs_are_listed_by_the_type_of_their_group_and_filters_by_their_channel() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let programs = admin.get(&path("/Programs/Type/BRAND")).await.is(200).json();
    assert_eq!(ids(&programs["Programs"]), ["TIPS"]);
    assert_eq!(programs["Programs"][0], admin.get(&path("/Programs/TIPS")).await.is(200).json());
    assert_eq!(admin.get(&path("/Programs/Type/Other")).await.is(200).json()["Programs"], json!([]));
    let filters = admin.get(&path("/Filters/Type/email")).await.is(200).json();
    assert_eq!(ids(&filters["Filters"]), ["NEWS-EMAIL", "TIPS-EMAIL"]);
    assert_eq!(filters["Filters"][1], admin.get(&path("/Filters/TIPS-EMAIL")).await.is(200).json());
    assert_eq!(admin.get(&path("/Filters/Type/Other")).await.is(200).json()["Filters"], json!([]));
}

#[tokio::test]
async fn groups_are_listed_by_their_type() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let brands = admin.get(&path("/ProgramGroups/Type/BRAND")).await.is(200).json();
    assert_eq!(ids(&brands["ProgramGroups"]), ["Letters", "Daily"]);
    let none = admin.get(&path("/ProgramGroups/Type/Other")).await.is(200).json();
    assert_eq!(none["ProgramGroups"], json!([]));
}

#[tokio::test]
async fn include_matching_leaves_only_what_has_the_property_and_include_all_everything_beside_it() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let of = |rest: &str| path(&format!("/ProgramGroups/{rest}"));
    let matching = admin.get(&of("IncludeMatching?propertyName=owner&propertyValue=PRESS")).await.is(200).json();
    assert_eq!(ids(&matching["ProgramGroups"]), ["All"]);
    let all = &matching["ProgramGroups"][0];
    assert_eq!((ids(&all["Programs"]), ids(&all["ProgramGroups"])), (vec![], vec!["Letters".into()]));
    let letters = &all["ProgramGroups"][0];
    assert_eq!((ids(&letters["ProgramGroups"]), ids(&letters["Programs"])), (vec![], vec!["TIPS".into()]));
    assert_eq!(ids(&letters["Programs"][0]["Filters"]), ["TIPS-EMAIL"]);

    let whole = admin.get(&of("IncludeAll?propertyName=Owner")).await.is(200).json();
    assert_eq!(ids(&whole["ProgramGroups"]), ["All"]);
    let all = &whole["ProgramGroups"][0];
    assert_eq!(ids(&all["Programs"]), ["NEWS"]);
    assert_eq!(ids(&all["ProgramGroups"][0]["Programs"][0]["Filters"]), ["TIPS-EMAIL", "TIPS-MAIL"]);

    let other = admin.get(&of("IncludeMatching?propertyName=Owner&propertyValue=Sales")).await.is(200).json();
    assert_eq!(other["ProgramGroups"], json!([]));
    admin.get(&of("IncludeAll")).await.refuses(400, &["propertyName"]);
}

#[tokio::test]
async fn a_filter_is_made_with_all_it_may_have() {
    let world = World::start().await;
    let admin = world.admin().await;
    let sent = json!({
        "ID": "NEWS-FAX", "Name": "By fax", "ChannelID": "Fax", "ProgramID": "NEWS", "DefaultPreference": "OptOut",
        "OptInExpirationInDays": 30, "OptOutExpirationInDays": null,
        "Frequencies": [{"ID": "Weekly", "Name": "Every week", "IsDefault": true}],
        "RequiredConsents": ["Terms"], "CustomProperties": [{"Name": "Owner", "Value": "Press"}], "IsActive": true,
    });
    let mut made = make(&admin, "/Config/Filters", sent.clone()).await;
    made.as_object_mut().unwrap().remove("Edited");
    assert_eq!(made, sent);
    admin.post(&path("/Config/Filters"), &json!({"ID": "X", "ChannelID": "Fax"})).await.refuses(400, &["ProgramID"]);
    let nowhere = json!({"ID": "X", "ChannelID": "Fax", "ProgramID": "NOPE"});
    admin.post(&path("/Config/Filters"), &nowhere).await.refuses(400, &["ProgramID", "NOPE", "NEWS"]);
    let pigeon = json!({"ID": "X", "ChannelID": "Pigeon", "ProgramID": "NEWS"});
    admin.post(&path("/Config/Filters"), &pigeon).await.refuses(400, &["ChannelID", "Pigeon"]);
    let consent = json!({"ID": "X", "ChannelID": "Fax", "ProgramID": "NEWS", "RequiredConsents": ["Nope"]});
    admin.post(&path("/Config/Filters"), &consent).await.refuses(400, &["RequiredConsents[0]", "Terms"]);
}

#[tokio::test]
async fn a_group_never_stands_within_itself() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let circle = json!([{"op": "replace", "path": "/ParentID", "value": "Daily"}]);
    patch(&admin, "/Config/ProgramGroups/Letters", circle).await.refuses(400, &["within itself"]);
    let move_it = json!([{"op": "replace", "path": "/ParentID", "value": "Apart"}]);
    let moved = patch(&admin, "/Config/ProgramGroups/Daily", move_it).await.is(200).json();
    assert_eq!(moved["ParentID"], "Apart");
    // what stands in it is read-only there
    let emptied = json!([{"op": "replace", "path": "/Programs", "value": []}]);
    let letters = patch(&admin, "/Config/ProgramGroups/Letters", emptied).await.is(200).json();
    assert_eq!(ids(&letters["Programs"]), ["TIPS"]);
}

#[tokio::test]
async fn a_filter_that_nobody_carries_may_move_and_one_that_profiles_carry_stays() {
    let world = World::start().await;
    let admin = world.admin().await;
    plant(&admin).await;
    let to = |program: &str| json!([{"op": "replace", "path": "/ProgramID", "value": program}]);
    let moved = patch(&admin, "/Config/Filters/TIPS-MAIL", to("NEWS")).await.is(200).json();
    assert_eq!(moved["ProgramID"], "NEWS");
    let mut ann = person("Ann", &[]);
    ann["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "TIPS-EMAIL", "PreferenceType": 1}]);
    admin.create(ann).await;
    patch(&admin, "/Config/Filters/TIPS-EMAIL", to("NEWS"))
        .await
        .refuses(409, &["ProgramID", "profiles carry", "TIPS"]);
    let fax = json!([{"op": "replace", "path": "/ChannelID", "value": "Fax"}]);
    patch(&admin, "/Config/Filters/TIPS-EMAIL", fax).await.refuses(409, &["ChannelID", "profiles carry"]);
    let gone = json!([{"op": "remove", "path": "/Filters/0"}]);
    patch(&admin, "/Config/Programs/TIPS", gone).await.refuses(409, &["profiles carry TIPS-EMAIL"]);
}
