//! Segments and segment groups over HTTP (configuration.md, Segments; access.md, Permissions).

use serde_json::{Value, json};

use crate::harness::*;

fn path(rest: &str) -> String {
    format!("/Profiles/v4/{ACCOUNT}{rest}")
}

async fn put(api: &Api, rest: &str, body: Value) -> Answer {
    read(api.call("PUT", &path(rest)).json(&body)).await
}

/// An account in which Nightly (of Exporters) may edit segments, and Reader only look at them.
async fn world() -> World {
    let world = World::start().await;
    world.apply(
        r#"Permissions = { Profiles = "Edit", Exports = "Edit" }"#,
        r#"Permissions = { Profiles = "Edit", Exports = "Edit", Segments = "Edit" }"#,
    );
    world.apply(r#"Permissions = { Profiles = "View" }"#, r#"Permissions = { Profiles = "View", Segments = "View" }"#);
    world
}

fn names(list: &Value, kind: &str) -> Vec<String> {
    list[kind].as_array().unwrap().iter().map(|s| s["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_segment_is_made_read_replaced_and_removed() {
    let world = world().await;
    let admin = world.admin().await;
    let ann = admin.create(person("Ann", &["vip"])).await;
    let answer =
        admin.post(&path("/Segments"), &json!({"Name": "Very important", "Criteria": {"Tag": "vip"}})).await.is(201);
    let made = answer.json();
    let members: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["Name", "Description", "Profiles", "Criteria", "Output", "Edited"]);
    assert_eq!((&made["Profiles"], &made["Output"]["Preferences"]), (&json!("Active"), &json!(true)));
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(admin.get(&location).await.is(200).json(), made);
    assert_eq!(admin.get(&path("/Segments/VERY%20important")).await.is(200).json(), made);
    assert_eq!(admin.ids("Very important", json!({})).await, [ann]);

    let replaced =
        put(&admin, "/Segments/very%20important", json!({"Criteria": {"Tag": "other"}, "Description": "None"}))
            .await
            .is(200);
    assert_eq!(replaced.json()["Name"], "very important");
    assert_eq!(admin.ids("Very important", json!({})).await, [] as [u64; 0]);
    admin.delete(&path("/Segments/Very%20important")).await.is(204);
    admin.get(&path("/Segments/Very%20important")).await.refuses(404, &["segment"]);
    admin.post(&admin.segment_path("Very important"), &json!({})).await.is(404);
    // PUT makes one, too
    put(&admin, "/Segments/Fresh", json!({"Name": "Stale"})).await.refuses(400, &["Name", "Fresh"]);
    put(&admin, "/Segments/Fresh", json!({"Profiles": "All"})).await.is(201);
    admin.post(&path("/Segments"), &json!({"Name": "FRESH"})).await.refuses(409, &["FRESH"]);
}

#[tokio::test]
async fn a_definition_that_is_wrong_is_refused_with_its_place() {
    let world = world().await;
    let admin = world.admin().await;
    for (criteria, place) in [
        (
            json!({"All": [{"Tag": "a"}, {"Any": [{"CustomField": "Nope", "Is": 1}]}]}),
            "Criteria.All[1].Any[0].CustomField: ",
        ),
        (json!({"Field": "Address.Nope", "Is": "x"}), "Criteria.Field: "),
        (json!({"Preference": "NOPE"}), "Criteria.Preference: "),
        (json!({"Consent": "Nope"}), "Criteria.Consent: "),
        (json!({"AlternateIdType": "Nope"}), "Criteria.AlternateIdType: "),
        (json!({"Field": "Address.City", "Resembles": "x"}), "Criteria.Resembles: "),
    ] {
        let refused =
            admin.post(&path("/Segments"), &json!({"Name": "Wrong", "Criteria": criteria})).await.refuses(400, &[]);
        assert!(refused.message().starts_with(place), "{place} begins {}", refused.message());
        let preview = admin.post(&path("/Segments/Preview"), &json!({"Criteria": criteria})).await.refuses(400, &[]);
        assert!(preview.message().starts_with(place), "{place} begins {}", preview.message());
    }
    let deleted = json!({"Name": "Wrong", "Profiles": "Deleted", "Criteria": {"Tag": "a"}});
    admin.post(&path("/Segments"), &deleted).await.refuses(400, &["Criteria.Tag", "deleted"]);
    admin.post(&path("/Segments"), &json!({"Name": "Wrong", "Profiles": "Some"})).await.refuses(400, &["Profiles"]);
}

#[tokio::test]
async fn a_segment_that_a_group_uses_stays_as_the_group_needs_it() {
    let world = world().await;
    let admin = world.admin().await;
    admin.delete(&path("/Segments/A")).await.refuses(409, &["A or B and C", "Locked group"]);
    let other = json!({"Profiles": "Deleted"});
    put(&admin, "/Segments/B", other).await.refuses(409, &["A or B and C"]);
    put(&admin, "/Segments/C", json!({"Name": "Sea", "Criteria": {"Tag": "c"}}))
        .await
        .refuses(409, &["A or C except B"]);
    let mixed = json!({"Name": "Mixed", "Members": [{"Segment": "A"}, {"Segment": "Deleted"}]});
    admin.post(&path("/SegmentGroups"), &mixed).await.refuses(400, &["Members[1].Segment", "Deleted"]);
}

#[tokio::test]
async fn a_group_that_the_caller_may_not_view_is_not_named_when_it_stands_in_the_way() {
    let world = world().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    put(&admin, "/Segments/A/Permissions", json!([{"UserGroup": "Exporters", "CanEdit": true}])).await.is(200);
    let told = nightly.delete(&path("/Segments/A")).await.refuses(409, &["a segment group that you may not view"]);
    assert!(!told.message().contains("Locked group") && !told.message().contains("A or B"), "{}", told.message());
    let may = json!([{"UserGroup": "Exporters", "CanView": true}]);
    put(&admin, "/SegmentGroups/Locked%20group/Permissions", may).await.is(200);
    let told = nightly.delete(&path("/Segments/A")).await.refuses(409, &["Locked group", "that you may not view"]);
    assert!(!told.message().contains("A or B"), "{}", told.message());
}

#[tokio::test]
async fn a_group_is_made_of_members_with_operators_and_an_output_of_its_own() {
    let world = world().await;
    let admin = world.admin().await;
    let a = admin.create(person("Ann", &["a"])).await;
    admin.create(person("Bob", &["a", "b"])).await;
    let group = json!({"Name": "Not b", "Members": [{"Segment": "A", "Operator": "EXCEPT"}, {"Segment": "B", "Operator": "EXCEPT"}],
        "Output": {"Preferences": false}});
    let made = admin.post(&path("/SegmentGroups"), &group).await.is(201).json();
    assert_eq!(
        made["Output"],
        json!({"Preferences": false, "Consents": true, "CustomFields": true, "Archived": false, "Implied": false})
    );
    assert_eq!(admin.group_ids("Not b").await, [a]);
    put(&admin, "/SegmentGroups/Not%20b", json!({"Members": []})).await.refuses(400, &["Members", "at least one"]);
    put(&admin, "/SegmentGroups/Not%20b", json!({"Members": [{"Segment": "Nope"}]}))
        .await
        .refuses(400, &["Members[0].Segment", "Nope"]);
    admin.delete(&path("/SegmentGroups/Not%20b")).await.is(204);
    admin.delete(&path("/SegmentGroups/Not%20b")).await.is(404);
}

#[tokio::test]
async fn what_a_caller_may_not_view_is_not_there_for_them() {
    let world = world().await;
    let (admin, nightly, reader) = (world.admin().await, world.nightly().await, world.sign_in(ACCOUNT, "Reader").await);
    admin.get(&path("/Segments/Locked")).await.is(200);
    assert_eq!(names(&nightly.get(&path("/Segments")).await.is(200).json(), "Segments"), [] as [&str; 0]);
    for rest in ["/Segments/Locked", "/Segments/A", "/Segments/Locked/Permissions", "/SegmentGroups/Locked%20group"] {
        nightly.get(&path(rest)).await.refuses(404, &["segment"]);
    }
    nightly.delete(&path("/Segments/Locked")).await.is(404);
    put(&nightly, "/Segments/Locked", json!({})).await.is(404);
    put(
        &admin,
        "/Segments/A/Permissions",
        json!([{"UserGroup": "Readers", "CanView": true}, {"UserGroup": "Exporters", "CanEdit": true}]),
    )
    .await
    .is(200);
    assert_eq!(names(&reader.get(&path("/Segments")).await.json(), "Segments"), ["A"]);
    reader.get(&path("/Segments/A")).await.is(200);
    assert_eq!(names(&nightly.get(&path("/Segments")).await.json(), "Segments"), ["A"], "who may edit may view");
}

#[tokio::test]
async fn changing_a_segment_needs_can_edit_on_it() {
    let world = world().await;
    let (admin, nightly, reader) = (world.admin().await, world.nightly().await, world.sign_in(ACCOUNT, "Reader").await);
    put(&admin, "/Segments/A/Permissions", json!([{"UserGroup": "Exporters", "CanView": true}])).await.is(200);
    put(&nightly, "/Segments/A", json!({})).await.refuses(403, &["CanEdit", "A"]);
    nightly.delete(&path("/Segments/A")).await.refuses(403, &["CanEdit"]);
    put(&nightly, "/Segments/A/Permissions", json!([])).await.refuses(403, &["CanEdit"]);
    reader.post(&path("/Segments"), &json!({"Name": "Mine"})).await.refuses(403, &["Segments", "Edit"]);
    put(&admin, "/Segments/A/Permissions", json!([{"UserGroup": "Exporters", "CanEdit": true}])).await.is(200);
    put(&nightly, "/Segments/A", json!({"Criteria": {"Tag": "a"}, "Description": "Ours"})).await.is(200);
    let kept = admin.get(&path("/Segments/A/Permissions")).await.is(200).json();
    assert_eq!(
        kept,
        json!([{"UserGroup": "Exporters", "CanView": false, "CanEdit": true, "CanExecute": false}]),
        "saving leaves them"
    );
    put(&admin, "/Segments/A/Permissions", json!([{"UserGroup": "Nobody"}]))
        .await
        .refuses(400, &["[0].UserGroup", "Nobody"]);
}

#[tokio::test]
async fn whoever_makes_a_segment_may_edit_it_and_not_export_it_without_somebody_s_leave() {
    let world = world().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    nightly.post(&path("/Segments"), &json!({"Name": "Mine", "Profiles": "All"})).await.is(201);
    put(&nightly, "/Segments/Mine", json!({"Profiles": "Active"})).await.is(200);
    nightly.post(&nightly.segment_path("Mine"), &json!({})).await.refuses(403, &["CanExecute"]);
    let all = json!([{"UserGroup": "Exporters", "CanView": true, "CanEdit": true, "CanExecute": true}]);
    put(&nightly, "/Segments/Mine/Permissions", all.clone()).await.refuses(403, &["CanExecute", "Mine"]);
    put(&admin, "/Segments/Mine/Permissions", all).await.is(200);
    nightly.initiate("Mine", json!({})).await;
}

#[tokio::test]
async fn a_group_takes_only_members_that_its_maker_may_execute() {
    let world = world().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let group = |members: &[&str]| json!({"Name": "Mine", "Members": members.iter().map(|m| json!({"Segment": m})).collect::<Vec<_>>()});
    // A may be executed by Exporters; of Locked they know nothing
    nightly.post(&path("/SegmentGroups"), &group(&["A"])).await.is(201);
    put(&nightly, "/SegmentGroups/Mine", group(&["A", "Locked"])).await.refuses(400, &["Members[1].Segment", "Locked"]);
    put(&admin, "/Segments/Locked/Permissions", json!([{"UserGroup": "Exporters", "CanView": true}])).await.is(200);
    put(&nightly, "/SegmentGroups/Mine", group(&["A", "Locked"])).await.refuses(403, &["CanExecute", "Locked"]);
}

#[tokio::test]
async fn whoever_may_not_execute_a_member_of_a_group_changes_nothing_of_its_members() {
    let world = world().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let group = |members: &[(&str, &str)]| {
        let member = |(segment, operator): &(&str, &str)| json!({"Segment": segment, "Operator": operator});
        json!({"Name": "Mixed", "Members": members.iter().map(member).collect::<Vec<_>>()})
    };
    let made = group(&[("Géorgie été", "AND"), ("Everyone", "AND"), ("Locked", "EXCEPT")]);
    put(&admin, "/SegmentGroups/Mixed", made.clone()).await.is(201);
    let may = json!([{"UserGroup": "Exporters", "CanView": true, "CanEdit": true, "CanExecute": true}]);
    put(&admin, "/SegmentGroups/Mixed/Permissions", may).await.is(200);
    for members in [
        &[("Everyone", "AND"), ("Locked", "OR")][..],
        &[("Géorgie été", "AND"), ("Everyone", "AND"), ("Locked", "OR")],
        &[("Géorgie été", "AND"), ("Locked", "EXCEPT"), ("Everyone", "AND")],
        &[("Géorgie été", "AND"), ("Locked", "EXCEPT")],
        &[("Locked", "AND")],
    ] {
        put(&nightly, "/SegmentGroups/Mixed", group(members)).await.refuses(403, &["CanExecute", "Locked"]);
    }
    // everything else of it may change, and the operator of the first means nothing
    let mut described = made.clone();
    described["Description"] = json!("Ours");
    described["Members"][0]["Operator"] = json!("OR");
    assert_eq!(put(&nightly, "/SegmentGroups/Mixed", described).await.is(200).json()["Description"], "Ours");
    // without the member that they may not execute the rest is theirs to fold
    put(&nightly, "/SegmentGroups/Mixed", group(&[("Everyone", "AND"), ("A", "OR")])).await.is(200);
}

#[tokio::test]
async fn a_segment_named_preview_is_as_any_other() {
    let world = world().await;
    let admin = world.admin().await;
    let one = path("/Segments/Preview");
    let made = admin.post(&path("/Segments"), &json!({"Name": "Preview", "Profiles": "All"})).await.is(201);
    assert_eq!(admin.get(made.header("location").unwrap()).await.is(200).json(), made.json());
    assert_eq!(admin.get(&path("/Segments/preview")).await.is(200).json()["Name"], "Preview");
    admin.get(&path("/Segments/Preview/Permissions")).await.is(200);
    put(&admin, "/Segments/Preview", json!({"Description": "Ours"})).await.is(200);
    assert_eq!(admin.post(&one, &json!({})).await.is(200).json()["Count"], 0, "the other call is still there");
    admin.delete(&one).await.is(204);
    admin.get(&one).await.refuses(404, &["segment", "Preview"]);
    put(&admin, "/Segments/Preview", json!({"Profiles": "All"})).await.is(201);
}

#[tokio::test]
async fn if_match_guards_a_segment() {
    let world = world().await;
    let admin = world.admin().await;
    let one = path("/Segments/A");
    let etag = admin.get(&one).await.header("etag").unwrap().to_owned();
    let send = |method: &'static str, name: &'static str, value: String| {
        read(admin.call(method, &one).header(name, value).json(&json!({"Description": "x", "Criteria": {"Tag": "a"}})))
    };
    let changed = send("PUT", "if-match", etag.clone()).await.is(200);
    send("PUT", "if-match", etag.clone()).await.refuses(412, &["If-Match"]);
    send("DELETE", "if-match", etag).await.is(412);
    send("PUT", "if-none-match", "*".into()).await.refuses(412, &["If-None-Match"]);
    assert_eq!(admin.get(&one).await.header("etag"), changed.header("etag"));
    let nothing = admin.call("PUT", &path("/Segments/New")).header("if-match", "*").json(&json!({}));
    read(nothing).await.is(412);
    let new = admin.call("PUT", &path("/Segments/New")).header("if-none-match", "*").json(&json!({}));
    read(new).await.is(201);
}

#[tokio::test]
async fn preview_counts_and_shows_the_first_ten_of_a_definition_that_is_not_saved() {
    let world = world().await;
    let admin = world.admin().await;
    let mut ids = Vec::new();
    for i in 0..13 {
        ids.push(admin.create(person(&format!("P{i}"), &[if i == 0 { "other" } else { "vip" }])).await);
    }
    let found = admin.post(&path("/Segments/Preview"), &json!({"Criteria": {"Tag": "vip"}})).await.is(200).json();
    assert_eq!(found["Count"], 12);
    let rows = found["UserProfilePreferences"].as_array().unwrap();
    assert_eq!(crate::harness::ids(rows), ids[1..11]);
    // a row is as an export would have it
    let bare = json!({"Criteria": {"Tag": "other"}, "Output": {"Preferences": false, "CustomFields": false}});
    let found = admin.post(&path("/Segments/Preview"), &bare).await.is(200).json();
    assert_eq!(found["Count"], 1);
    let row = found["UserProfilePreferences"][0].as_object().unwrap();
    assert!(
        !row.contains_key("ProfilePreferences") && !row.contains_key("CustomFields") && row.contains_key("Consents")
    );
    let nobody = admin.post(&path("/Segments/Preview"), &json!({"Criteria": {"Tag": "nobody"}})).await.is(200).json();
    assert_eq!(nobody, json!({"Count": 0, "UserProfilePreferences": []}));
    admin.remove(ids[3]).await;
    let gone = admin.post(&path("/Segments/Preview"), &json!({"Profiles": "Deleted"})).await.is(200).json();
    assert_eq!((&gone["Count"], &gone["UserProfilePreferences"][0]["ProfileId"]), (&json!(1), &json!(ids[3])));
    let everybody = admin.post(&path("/Segments/Preview"), &json!({})).await.is(200).json();
    assert_eq!(everybody["Count"], 12);
    assert_eq!(world.tokens_with_files(), [] as [&str; 0], "nothing stays");
}

#[tokio::test]
async fn preview_needs_both_permissions() {
    let world = world().await;
    let (reader, nightly) = (world.sign_in(ACCOUNT, "Reader").await, world.nightly().await);
    reader.post(&path("/Segments/Preview"), &json!({})).await.refuses(403, &["Segments", "Edit"]);
    nightly.post(&path("/Segments/Preview"), &json!({})).await.is(200);
    world.apply(r#"{ Profiles = "Edit", Exports = "Edit", Segments = "Edit" }"#, r#"{ Segments = "Edit" }"#);
    nightly.post(&path("/Segments/Preview"), &json!({})).await.refuses(403, &["Profiles", "View"]);
}
