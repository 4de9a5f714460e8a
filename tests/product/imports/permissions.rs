//! Who may import, and what single records need.

use super::*;
use crate::{
    configuration::{make, path},
    harness::rules::{consent, mail, says},
};

/// Signs in somebody with these permissions.
async fn with_permissions(world: &World, admin: &Api, name: &str, permissions: Value) -> Api {
    make(admin, "/UserGroups", json!({"Name": name, "Permissions": permissions})).await;
    make(admin, "/Users", json!({"UserId": name, "UserGroups": [name], "SourceGroup": "Batch"})).await;
    world.sign_in(ACCOUNT, name).await
}

#[tokio::test]
async fn a_token_is_its_initiator_s_and_the_administrators() {
    let world = World::start().await;
    let admin = world.admin().await;
    let rights = json!({"Imports": "Edit", "Profiles": "Edit"});
    let mine = with_permissions(&world, &admin, "Importer", rights.clone()).await;
    let others = with_permissions(&world, &admin, "Others", rights).await;
    let token = mine.begin_import(json!({})).await;
    mine.import_status(token).await.is(200);
    admin.import_status(token).await.is(200);
    others.import_status(token).await.refuses(401, &["token"]);
    others.stage(token, &json!([])).await.is(401);
    let reader = world.nightly().await;
    reader.post(&reader.imports_path(""), &json!({})).await.refuses(403, &["Imports", "Edit"]);
    reader.import_status(token).await.refuses(403, &["Imports", "View"]);
}

#[tokio::test]
async fn each_record_needs_what_it_would_need_in_the_data_api() {
    let world = World::with_rules().await;
    let admin = world.admin().await;
    for n in 1..=3 {
        let mut profile = known("Ann", &format!("C-{n}"));
        profile["Consents"] = json!([consent("Calls", 1)]);
        admin.create(profile).await;
    }
    let preferences = json!({"ProfileId": 1, "Emails": [mail("ann@example.com", json!([says("PROMO-EMAIL", 1)]))]});
    let consents = json!({"ProfileId": 2, "Consents": [consent("Marketing", 1)]});
    let name = json!({"ProfileId": 3, "CustomerName": {"FirstName": "Anna"}});
    let new = person("New", &[]);
    let records = json!([preferences, consents, name, new]);
    for (user, rights, refused) in [
        ("P", json!({"Imports": "Edit", "Preferences": "Edit"}), vec![2, 3, 4]),
        ("C", json!({"Imports": "Edit", "Consents": "Edit"}), vec![1, 3, 4]),
        ("PC", json!({"Imports": "Edit", "Preferences": "Edit", "Consents": "Edit"}), vec![3, 4]),
        ("None", json!({"Imports": "Edit", "Profiles": "View"}), vec![1, 2, 3, 4]),
        ("All", json!({"Imports": "Edit", "Profiles": "Edit"}), vec![]),
    ] {
        let api = with_permissions(&world, &admin, user, rights).await;
        let (token, _) = api.import(json!({}), records.clone()).await;
        let told = api.not_in(token).await;
        assert_eq!(told.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), refused, "{user}");
        assert!(
            told.iter().all(|(_, _, message)| message.contains("the permission Profiles (Edit) is missing")),
            "{told:?}"
        );
    }
    let by_alternate_id = json!([{
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}],
        "Emails": [mail("ann@example.com", json!([says("PROMO-EMAIL", 2)]))],
    }]);
    let api = with_permissions(&world, &admin, "ByCRM", json!({"Imports": "Edit", "Preferences": "Edit"})).await;
    let (token, _) = api.import(by_crm(json!({})), by_alternate_id).await;
    assert_eq!(api.not_in(token).await, []);
    let edited = admin.read(1).await["Emails"][0]["EmailPreferences"][0].clone();
    assert_eq!((&edited["UserId"], &edited["SourceId"]), (&json!("ByCRM"), &json!("Batch")));
}

#[tokio::test]
async fn who_loses_the_permission_before_the_end_has_a_failed_import() {
    let world = World::start().await;
    let admin = world.admin().await;
    let api = with_permissions(&world, &admin, "Importer", json!({"Imports": "Edit", "Profiles": "Edit"})).await;
    let token = api.begin_import(json!({})).await;
    api.stage(token, &json!([person("Ann", &[])])).await.is(200);
    world.hold();
    api.execute(token).await.is(200);
    let group = json!({"Name": "Importer", "Permissions": {"Imports": "View", "Profiles": "Edit"}});
    read(admin.call("PUT", &path("/UserGroups/Importer")).json(&group)).await.is(200);
    world.release();
    let status = api.import_ended(token).await;
    assert_eq!((&status["Status"], counts(&status)), (&json!("Failed"), [1, 1, 0, 0, 1, 0, 0]));
    assert!(admin.ids("Everyone", json!({})).await.is_empty());
}

#[tokio::test]
async fn a_permission_that_was_lost_after_staging_makes_exceptions_of_the_records_that_need_it() {
    let world = World::start().await;
    let admin = world.admin().await;
    let api = with_permissions(&world, &admin, "Importer", json!({"Imports": "Edit", "Profiles": "Edit"})).await;
    let token = api.begin_import(json!({})).await;
    api.stage(token, &json!([person("Ann", &[])])).await.is(200);
    let group = json!({"Name": "Importer", "Permissions": {"Imports": "Edit", "Profiles": "View"}});
    read(admin.call("PUT", &path("/UserGroups/Importer")).json(&group)).await.is(200);
    api.execute(token).await.is(200);
    assert_eq!(counts(&api.import_ended(token).await), [1, 1, 0, 1, 0, 1, 0]);
}
