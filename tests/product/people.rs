//! Users, user groups and source groups (access.md): their calls, and that nobody rises by them.

use serde_json::{Value, json};

use crate::{
    configuration::{make, of, patch, path},
    harness::*,
};

/// Sends a PUT.
async fn put(api: &Api, rest: &str, thing: Value) -> Answer {
    read(api.call("PUT", &path(rest)).json(&thing)).await
}

/// The test account with `Keepers`, who may read profiles and edit users.
async fn world() -> (World, Api, Api) {
    let world = World::start().await;
    let admin = world.admin().await;
    let keepers = json!({"Name": "Keepers", "Permissions": {"Profiles": "View", "Users": "Edit"}});
    make(&admin, "/UserGroups", keepers).await;
    make(&admin, "/Users", json!({"UserId": "Keeper", "UserGroups": ["Keepers"]})).await;
    let keeper = world.sign_in(ACCOUNT, "Keeper").await;
    (world, admin, keeper)
}

#[tokio::test]
async fn users_and_their_groups_are_made_read_changed_and_removed() {
    let world = World::start().await;
    let admin = world.admin().await;
    let source = make(&admin, "/SourceGroups", json!({"Name": "Web", "Description": "The web site"})).await;
    assert_eq!((&source["Name"], &source["Description"]), (&json!("Web"), &json!("The web site")));
    let group = make(&admin, "/UserGroups", json!({"Name": "Web forms", "Permissions": {"Preferences": "Edit"}})).await;
    assert_eq!(
        (&group["Permissions"]["Preferences"], &group["Permissions"]["Users"]),
        (&json!("Edit"), &json!("None"))
    );
    let user = json!({"UserId": "Forms", "Name": "Web forms", "UserGroups": ["Web forms"], "SourceGroup": "Web"});
    let answer = admin.post(&path("/Users"), &user).await.is(201);
    assert_eq!(answer.header("location"), Some(path("/Users/Forms").as_str()));
    let made = answer.json();
    assert_eq!((&made["IsActive"], &made["Edited"]["CreateUserId"]), (&json!(true), &json!("Admin")));
    assert_eq!(admin.get(&path("/Users/FORMS")).await.is(200).json(), made);
    let list = admin.get(&path("/Users")).await.is(200).json();
    assert_eq!(*of(&list, "Users", "UserId", "Forms"), made);

    admin.post(&path("/Users"), &json!({"UserId": "forms"})).await.refuses(409, &["forms"]);
    admin.post(&path("/Users"), &json!({"UserId": "a/b"})).await.refuses(400, &["UserId"]);
    admin.post(&path("/Users"), &json!({"UserId": "x", "UserGroups": ["Nope"]})).await.refuses(400, &["UserGroups[0]"]);
    let odd = json!({"Name": "x", "Permissions": {"Profiles": "All"}});
    admin.post(&path("/UserGroups"), &odd).await.refuses(400, &["Permissions.Profiles", "None, View, Edit"]);
    let other_id = json!([{"op": "replace", "path": "/UserId", "value": "Formulas"}]);
    patch(&admin, "/Users/Forms", other_id).await.refuses(409, &["UserId"]);
    let named = json!([{"op": "replace", "path": "/Name", "value": "The forms"}]);
    assert_eq!(patch(&admin, "/Users/Forms", named).await.is(200).json()["Name"], "The forms");
    put(&admin, "/UserGroups/Web%20forms", json!({"Permissions": {"Preferences": "Edit", "Consents": "Edit"}}))
        .await
        .is(200);

    // the address names it; another name in the body is another thing
    put(&admin, "/Users/Forms", json!({"UserId": null, "UserGroups": ["Web forms"], "SourceGroup": "Web"}))
        .await
        .is(200);
    put(&admin, "/Users/Nobody", json!({"UserId": "Somebody"})).await.refuses(400, &["UserId", "Nobody"]);

    admin.delete(&path("/UserGroups/Web%20forms")).await.refuses(409, &["Forms"]);
    admin.delete(&path("/SourceGroups/Web")).await.refuses(409, &["Forms"]);
    for rest in ["/Users/Forms", "/UserGroups/Web%20forms", "/SourceGroups/Web"] {
        admin.delete(&path(rest)).await.is(204);
        admin.get(&path(rest)).await.is(404);
    }
}

#[tokio::test]
async fn what_the_api_changed_the_account_file_shows_and_applies_as_no_change() {
    let (world, admin, _) = world().await;
    make(&admin, "/SourceGroups", json!({"Name": "Web"})).await;
    let user = json!({"UserId": "Forms", "IsActive": false, "UserGroups": ["Readers"], "SourceGroup": "Web"});
    make(&admin, "/Users", user).await;
    let shown = world.sayso(&["account", "show", ACCOUNT]);
    for text in ["UserId = \"Forms\"", "Name = \"Keepers\"", "Users = \"Edit\"", "Name = \"Web\""] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    std::fs::write(world.path("shown.toml"), shown).unwrap();
    let applied = world.sayso(&["account", "apply", ACCOUNT, "--from", "shown.toml"]);
    assert!(applied.contains("no change"), "{applied}");
}

#[tokio::test]
async fn users_need_the_permission_users() {
    let (world, admin, keeper) = world().await;
    let reader = world.sign_in(ACCOUNT, "Reader").await;
    for all in ["/Users", "/UserGroups", "/SourceGroups"] {
        reader.get(&path(all)).await.refuses(403, &["Users", "View"]);
        keeper.get(&path(all)).await.is(200);
    }
    put(&admin, "/UserGroups/Readers", json!({"Permissions": {"Profiles": "View", "Users": "View"}})).await.is(200);
    reader.get(&path("/Users")).await.is(200);
    reader.post(&path("/Users"), &json!({"UserId": "x"})).await.refuses(403, &["Users", "Edit"]);
    reader.delete(&path("/Users/Other")).await.refuses(403, &["Users", "Edit"]);
}

#[tokio::test]
async fn nobody_gives_what_they_have_not_got() {
    let (_world, admin, keeper) = world().await;
    make(&keeper, "/Users", json!({"UserId": "Fresh", "UserGroups": ["Readers"]})).await;
    // by a group that may more, by Administrators, by a group that may execute a segment
    let groups = |names: &[&str]| json!({"UserId": "Mine", "UserGroups": names});
    keeper.post(&path("/Users"), &groups(&["Administrators"])).await.refuses(403, &["Administrators"]);
    keeper.post(&path("/Users"), &groups(&["Exporters"])).await.refuses(403, &["Profiles (Edit)"]);
    put(&admin, "/UserGroups/Exporters", json!({"Permissions": {"Profiles": "View"}})).await.is(200);
    keeper.post(&path("/Users"), &groups(&["Exporters"])).await.refuses(403, &["CanExecute"]);
    // to themselves
    put(&keeper, "/Users/Keeper", json!({"UserGroups": ["Keepers", "Exporters"]})).await.refuses(403, &["CanExecute"]);
    put(&keeper, "/Users/Keeper", json!({"UserGroups": ["administrators"]})).await.refuses(403, &["Administrators"]);
    // by raising a group of their own, a new one, or one that others are in
    let more = json!({"Permissions": {"Profiles": "View", "Users": "Edit", "Configuration": "View"}});
    put(&keeper, "/UserGroups/Keepers", more.clone()).await.refuses(403, &["Configuration (View)"]);
    put(&keeper, "/UserGroups/Newer", more.clone()).await.refuses(403, &["Configuration (View)"]);
    put(&keeper, "/UserGroups/Readers", more).await.refuses(403, &["Configuration (View)"]);
    put(&keeper, "/UserGroups/Readers", json!({"Permissions": {"Users": "View"}})).await.is(200);
    // of the area that covers another, the other may be given
    put(&keeper, "/UserGroups/Readers", json!({"Permissions": {"Consents": "View"}})).await.is(200);
    put(&keeper, "/UserGroups/Readers", json!({"Permissions": {"Consents": "Edit"}})).await.refuses(403, &["Consents"]);
}

#[tokio::test]
async fn nobody_touches_those_who_may_do_more() {
    let (_world, admin, keeper) = world().await;
    keeper.delete(&path("/Users/Admin")).await.refuses(403, &["Administrators"]);
    put(&keeper, "/Users/Admin", json!({"UserGroups": ["Readers"]})).await.refuses(403, &["Administrators"]);
    let off = json!([{"op": "replace", "path": "/IsActive", "value": false}]);
    patch(&keeper, "/Users/Nightly", off.clone()).await.refuses(403, &["haven't got"]);
    put(&keeper, "/UserGroups/Administrators", json!({"Description": "Mine"})).await.refuses(403, &["Administrators"]);
    keeper.delete(&path("/UserGroups/Exporters")).await.refuses(403, &["haven't got"]);
    patch(&keeper, "/Users/Reader", off).await.is(200);
    // an administrator may, as long as one is left
    admin.delete(&path("/Users/Nightly")).await.is(204);
}

#[tokio::test]
async fn an_account_keeps_its_administrators() {
    let world = World::start().await;
    let admin = world.admin().await;
    admin.delete(&path("/UserGroups/Administrators")).await.refuses(409, &["Administrators"]);
    let name = json!([{"op": "replace", "path": "/Name", "value": "Chiefs"}]);
    patch(&admin, "/UserGroups/Administrators", name).await.refuses(409, &["Administrators"]);
    admin.delete(&path("/Users/Admin")).await.refuses(409, &["last active"]);
    let off = json!([{"op": "replace", "path": "/IsActive", "value": false}]);
    patch(&admin, "/Users/Admin", off.clone()).await.refuses(409, &["last active"]);
    put(&admin, "/Users/Admin", json!({"UserGroups": ["Readers"]})).await.refuses(409, &["last active"]);
    make(&admin, "/Users", json!({"UserId": "Second", "UserGroups": ["ADMINISTRATORS"]})).await;
    patch(&admin, "/Users/Admin", off).await.is(200);
    admin.get(&path("/Users")).await.is(401);
}

#[tokio::test]
async fn a_user_who_is_removed_loses_clients_and_tokens_and_a_later_one_of_that_id_has_neither() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let token = nightly.export("Everyone", json!({})).await;
    admin.delete(&path("/Users/Nightly")).await.is(204);
    nightly.get(&nightly.token_path(token, "/Status")).await.is(401);
    nightly.oauth(&[("grant_type", "client_credentials")]).await.is(401);
    make(&admin, "/Users", json!({"UserId": "Nightly", "UserGroups": ["Exporters"]})).await;
    nightly.get(&nightly.token_path(token, "/Status")).await.is(401);
    nightly.oauth(&[("grant_type", "client_credentials")]).await.is(401);
    let later = world.nightly().await;
    later.get(&later.token_path(token, "/Status")).await.refuses(404, &["token"]);
    admin.get(&admin.token_path(token, "/Status")).await.is(200);
    world.check();
}

#[tokio::test]
async fn a_user_whom_an_applied_file_removes_loses_them_too() {
    let world = World::start().await;
    let nightly = world.nightly().await;
    let user = r#"  { UserId = "Nightly", UserGroups = ["Exporters"], SourceGroup = "Batch" },"#;
    world.apply(user, "");
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    world.apply(r#"  { UserId = "Other","#, &format!("{user}\n  {{ UserId = \"Other\","));
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&[("grant_type", "client_credentials")]).await.is(401);
    let clients = world.sayso(&["credentials", "list", "--account", ACCOUNT, "--json"]);
    assert!(!clients.contains(&nightly.client_id), "{clients}");
}

#[tokio::test]
async fn a_user_who_is_switched_off_loses_tokens_and_finds_the_clients_again() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let switch = |on: bool| json!([{"op": "replace", "path": "/IsActive", "value": on}]);
    patch(&admin, "/Users/Nightly", switch(false)).await.is(200);
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&[("grant_type", "client_credentials")]).await.is(400);
    patch(&admin, "/Users/Nightly", switch(true)).await.is(200);
    nightly.post(&nightly.segment_path("Everyone"), &json!({})).await.is(401);
    nightly.oauth(&[("grant_type", "client_credentials")]).await.is(200);
}
