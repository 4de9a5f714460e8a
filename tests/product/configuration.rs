//! What an account sets up, over HTTP (configuration.md): each kind, and what a change means for profiles.

mod kinds;
mod programs;
mod rules;

use serde_json::{Value, json};

use crate::harness::*;

/// A path of the test account.
pub fn path(rest: &str) -> String {
    format!("/Profiles/v4/{ACCOUNT}{rest}")
}

/// Sends a JSON Patch.
pub async fn patch(api: &Api, rest: &str, operations: Value) -> Answer {
    let call = api.call("PATCH", &path(rest)).header("content-type", "application/json-patch+json");
    read(call.body(operations.to_string())).await
}

/// Makes a thing and gives it as it was answered.
pub async fn make(api: &Api, rest: &str, thing: Value) -> Value {
    api.post(&path(rest), &thing).await.is(201).json()
}

/// The one of a list whose member holds this.
#[track_caller]
pub fn of<'l>(list: &'l Value, kind: &str, member: &str, name: &str) -> &'l Value {
    let found = list[kind].as_array().unwrap().iter().find(|item| item[member] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

/// The six routes of types, with the route of one.
pub const TYPES: [(&str, &str); 6] = [
    ("EmailTypes", "EmailType"),
    ("PhoneTypes", "PhoneType"),
    ("AddressTypes", "AddressType"),
    ("CustomerTypes", "CustomerType"),
    ("AlternateIdTypes", "AlternateIdType"),
    ("GroupTypes", "GroupType"),
];

#[tokio::test]
async fn reading_and_changing_the_configuration_need_their_permissions() {
    let world = World::start().await;
    world.apply(
        r#"{ Name = "Readers", Permissions = { Profiles = "View" } }"#,
        r#"{ Name = "Readers", Permissions = { Profiles = "View", Configuration = "View" } }"#,
    );
    let (nightly, reader) = (world.nightly().await, world.sign_in(ACCOUNT, "Reader").await);
    nightly.get(&path("/EmailTypes")).await.refuses(403, &["Configuration", "View"]);
    let types = reader.get(&path("/EmailTypes")).await.is(200).json();
    let id = of(&types, "EmailTypes", "TypeName", "Work")["TypeId"].as_u64().unwrap();
    let new = json!({"TypeName": "Other"});
    reader.post(&path("/EmailTypes"), &new).await.refuses(403, &["Configuration", "Edit"]);
    let off = json!([{"op": "replace", "path": "/IsActive", "value": false}]);
    patch(&reader, &format!("/EmailType/{id}"), off).await.refuses(403, &["Configuration", "Edit"]);
    for rest in ["/CustomFields", "/UpdateRules", "/ConsentStatus", "/ProgramGroups/IncludeAll?propertyName=a"] {
        nightly.get(&path(rest)).await.refuses(403, &["Configuration"]);
        reader.get(&path(rest)).await.is(200);
    }
}

#[tokio::test]
async fn an_applied_file_and_the_api_stamp_alike() {
    let world = World::start().await;
    let admin = world.admin().await;
    world.advance(60_000);
    let made = make(&admin, "/GroupTypes", json!({"TypeName": "Company"})).await;
    assert_eq!(made["Edited"]["CreateDate"], iso(world.now()));
    assert_eq!(made["Edited"]["CreateUserId"], "Admin");
    world.advance(60_000);
    let shown = world.sayso(&["account", "show", ACCOUNT]);
    std::fs::write(
        world.path("account.toml"),
        shown.replace("TypeName = \"Company\"", "TypeName = \"Company\"\nIsActive = false"),
    )
    .unwrap();
    world.sayso(&["account", "apply", ACCOUNT, "--from", "account.toml"]);
    let types = admin.get(&path("/GroupTypes")).await.is(200).json();
    let company = of(&types, "GroupTypes", "TypeName", "Company");
    assert_eq!(company["IsActive"], false);
    assert_eq!(company["TypeId"], made["TypeId"]);
    assert_eq!(company["Edited"]["CreateDate"], made["Edited"]["CreateDate"]);
    assert_ne!(company["Edited"]["LastModifiedDate"], made["Edited"]["LastModifiedDate"]);
    assert_eq!(company["Edited"]["LastModifiedUserId"], "Admin");
    let household = of(&types, "GroupTypes", "TypeName", "Household");
    assert_eq!(
        household["Edited"]["LastModifiedDate"], household["Edited"]["CreateDate"],
        "what did not change is not stamped"
    );
}

#[tokio::test]
async fn what_show_prints_applies_as_no_change_after_changes_over_http() {
    let world = World::start().await;
    let admin = world.admin().await;
    make(
        &admin,
        "/EmailTypes",
        json!({"TypeName": "Other", "LocalizedFields": [{"Locale": "de_DE", "Name": "Sonst"}]}),
    )
    .await;
    make(&admin, "/Picklist", json!({"Name": "Sizes", "Values": ["S", "M"]})).await;
    make(&admin, "/CustomField/SelectList", json!({"Name": "Size", "Picklist": "Sizes", "UpdateRule": "Never"})).await;
    let property = json!([{"Name": "Owner", "Value": "Press"}]);
    make(
        &admin,
        "/Config/ProgramGroups",
        json!({"ID": "LETTERS", "Type": "Brand", "ParentID": "All", "CustomProperties": property}),
    )
    .await;
    make(&admin, "/Config/Programs", json!({"ID": "TIPS", "ProgramGroupID": "LETTERS", "CustomProperties": property}))
        .await;
    make(
        &admin,
        "/Config/Filters",
        json!({"ID": "TIPS-FAX", "ProgramID": "TIPS", "ChannelID": "Fax", "CustomProperties": property}),
    )
    .await;
    let shown = world.sayso(&["account", "show", ACCOUNT]);
    for word in ["Sonst", "Sizes", "Never", "Brand", "TIPS-FAX", "Press"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    std::fs::write(world.path("shown.toml"), shown).unwrap();
    let said = world.sayso(&["account", "apply", ACCOUNT, "--from", "shown.toml"]);
    assert_eq!(said.trim(), "no change");
}

#[tokio::test]
async fn of_two_changes_at_once_none_is_lost() {
    let world = World::start().await;
    let admin = world.admin().await;
    let changes = (0..16).map(|i| {
        let admin = admin.clone();
        tokio::spawn(async move { make(&admin, "/EmailTypes", json!({"TypeName": format!("Type {i}")})).await })
    });
    let mut numbers = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        numbers.push(change.await.unwrap()["TypeId"].as_u64().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (3..19).collect::<Vec<_>>(), "two types were there before");
    let all = admin.get(&path("/EmailTypes")).await.is(200).json();
    assert_eq!(all["EmailTypes"].as_array().unwrap().len(), 18);
}
