//! Which profile a record is about.

use super::*;

#[tokio::test]
async fn by_profile_id_the_one_that_is_there_is_changed_and_an_unknown_id_makes_a_new_one_with_the_next_id() {
    let world = World::start().await;
    let api = world.admin().await;
    let ids = [api.create(person("Ann", &["a"])).await, api.create(person("Ben", &[])).await];
    api.remove(ids[1]).await;
    let named = |id: Value, name: &str| json!({"ProfileId": id, "CustomerName": {"LastName": name}});
    let records = json!([
        named(json!(ids[0]), "Smith"),
        named(json!(700), "Jones"),
        named(json!(ids[1]), "Gone"),
        named(Value::Null, "New"),
        named(json!(3), "Again"),
        named(json!("4"), "Text"),
    ]);
    let (token, status) = api.import(json!({}), records).await;
    assert_eq!(counts(&status), [6, 5, 1, 5, 0, 2, 0]);
    let ann = api.read(ids[0]).await;
    assert_eq!((&ann["CustomerName"]["FirstName"], &ann["CustomerName"]["LastName"]), (&json!("Ann"), &json!("Smith")));
    assert_eq!(ann["ProfileTags"][0]["Name"], "a", "what the record doesn't mention stays");
    let last = |profile: Value| profile["CustomerName"]["LastName"].clone();
    assert_eq!(last(api.read(3).await), "Again", "the new one got the next id, and the later record named it by that");
    assert_eq!(last(api.read(4).await), "New");
    api.get(&api.at(700)).await.is(404);
    let refused = api.not_in(token).await;
    assert_eq!(
        refused.iter().map(|(n, path, _)| (*n, path.as_str())).collect::<Vec<_>>(),
        [(3, "ProfileId"), (6, "ProfileId")]
    );
    assert!(refused[0].2.contains("deleted; leave ProfileId out"), "{}", refused[0].2);
}

#[tokio::test]
async fn by_alternate_id_the_active_profile_that_has_it_is_changed_and_else_a_new_one_is_made() {
    let world = World::start().await;
    let api = world.admin().await;
    let ann = api.create(known("Ann", "C-1")).await;
    let inactive = api.create(known("Ina", "C-2")).await;
    read(api.call("POST", &format!("{}/Deactivate", api.at(inactive))).json(&json!({"Reason": "left"}))).await.is(200);
    let mut records = vec![
        known("Anna", "c-1"),
        known("Ben", "C-3"),
        known("Benno", "C-3"),
        known("Ina", "C-2"),
        person("Nobody", &[]),
    ];
    let mut two = known("Two", "C-4");
    two["AlternateIds"].as_array_mut().unwrap().push(json!({"AlternateIdType": "crm", "AlternateId": "C-5"}));
    records.push(two);
    records[0]["ProfileId"] = json!(inactive);
    let (token, status) = api.import(by_crm(json!({})), json!(records)).await;
    assert_eq!(counts(&status), [6, 4, 2, 4, 0, 3, 0]);
    assert_eq!(api.read(ann).await["CustomerName"]["FirstName"], "Anna", "ProfileId is passed over then");
    assert_eq!(
        api.read(3).await["CustomerName"]["FirstName"],
        "Benno",
        "a later record finds what an earlier one made"
    );
    assert_eq!(api.read(3).await["Emails"].as_array().unwrap().len(), 2);
    let places: Vec<(u64, String)> = api.not_in(token).await.into_iter().map(|(n, path, _)| (n, path)).collect();
    let expected = [(4, "AlternateIds[0].AlternateId"), (5, "AlternateIds"), (6, "AlternateIds[1]")];
    assert_eq!(places, expected.map(|(n, path)| (n, path.to_owned())));
}

#[tokio::test]
async fn a_record_with_a_member_twice_has_failed_beside_an_unknown_member_too() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    let ids = [api.create(person("Ann", &[])).await, api.create(person("Ben", &[])).await];
    let stage = async |options: Value, record: String| {
        let token = api.begin_import(options).await;
        let body = format!("{{\"UserProfiles\":[{record}]}}");
        api.post_text(&api.imports_path(&format!("/{token}")), body).await.is(200);
        api.execute(token).await.is(200);
        assert_eq!(counts(&api.import_ended(token).await), [1, 0, 1, 0, 0, 1, 0], "{record}");
        assert!(api.not_in(token).await.remove(0).2.contains("duplicate field"), "{record}");
    };
    let before = api.read(ids[0]).await;
    let email = r#""EmailAddressType":"Home","EmailAddress":"ann@example.com""#;
    let out = r#""FilterId":"NEWS-EMAIL","PreferenceType":2"#;
    let record = |rest: String| format!(r#"{{"Shoe":1,"ProfileId":{},{rest}}}"#, ids[0]);
    let emails = format!(r#""Emails":[{{{email},"EmailPreferences":[{{{out}}}]}}]"#);
    stage(json!({}), record(format!(r#"{emails},"Emails":[]"#))).await;
    stage(json!({}), record(emails.replace(out, &format!(r#"{out},"PreferenceType":1"#)))).await;
    assert_eq!(api.read(ids[0]).await, before);
    let two = format!(r#"{{"Foo":1,"ProfileId":{},"ProfileId":{}}}"#, ids[0], ids[1]);
    stage(json!({"ImportAction": "Delete"}), two).await;
    api.get(&api.at(ids[1])).await.is(200);
}

#[tokio::test]
async fn all_new_profiles_of_one_import_have_one_create_date() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let people = |from: usize| json!((from..from + 2_000).map(|n| person(&format!("p{n}"), &[])).collect::<Vec<_>>());
    api.stage(token, &people(0)).await.is(200);
    world.advance(60_000);
    api.stage(token, &people(2_000)).await.is(200);
    api.execute(token).await.is(200);
    while api.import_status(token).await.json()["Pending"] != 0 {
        world.advance(1_000);
    }
    api.import_ended(token).await;
    let export = api.export("Everyone", json!({})).await;
    let rows = api.rows(export).await;
    let first = rows[0]["Edited"]["CreateDate"].clone();
    assert_eq!(rows.len(), 4_000);
    assert!(
        rows.iter()
            .all(|row| row["Edited"]["CreateDate"] == first && row["Emails"][0]["Edited"]["CreateDate"] == first)
    );
    world.check();
}

#[tokio::test]
async fn delete_ends_the_profiles_that_records_match_and_keeps_the_name_of_the_import_as_their_reason() {
    let world = World::start().await;
    let api = world.admin().await;
    for n in 1..=3 {
        api.create(known(&format!("p{n}"), &format!("C-{n}"))).await;
    }
    let options = by_crm(json!({"ImportAction": "Delete", "Name": "Erasures of June"}));
    let crm = |id: &str| json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": id}]});
    let (token, status) = api.import(options, json!([crm("C-1"), crm("C-1"), crm("C-9"), person("x", &[])])).await;
    assert_eq!(counts(&status), [4, 3, 1, 3, 0, 3, 0]);
    assert_eq!(api.not_in(token).await.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), [2, 3, 4]);
    let (token, status) =
        api.import(json!({"ImportAction": "delete"}), json!([{"ProfileId": 2}, {"ProfileId": 2}, {}])).await;
    assert_eq!(counts(&status), [3, 2, 1, 2, 0, 2, 0]);
    let refused = api.not_in(token).await;
    assert_eq!(refused.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), [2, 3]);
    assert!(refused[0].2.contains("profile 2 was deleted; leave this record out"), "{}", refused[0].2);
    assert_eq!(api.ids("Everyone", json!({})).await, [3]);
    let export = api.export("Deleted", json!({})).await;
    let deleted = api.rows(export).await;
    assert_eq!(deleted[0]["ReasonCode"], "Erasures of June");
    assert_eq!(deleted[1]["ReasonCode"], Value::Null);
}

#[tokio::test]
async fn imports_of_an_account_are_executed_in_the_order_in_which_that_was_asked_for() {
    let mut world = World::start().await;
    let mut api = world.admin().await;
    let ann = api.create(known("Ann", "C-1")).await;
    let named = |name: &str| {
        let mut record = known(name, "C-1");
        record["Emails"] = json!([]);
        record
    };
    let many = |last: Value| (0..2_500).map(|i| person(&format!("p{i}"), &[])).chain([last]).collect::<Vec<_>>();
    let last_of = |records: Vec<Value>| {
        json!(records.into_iter().map(|mut r| {
        r["AlternateIds"] = r.get("AlternateIds").cloned().unwrap_or_else(|| {
            json!([{"AlternateIdType": "CRM", "AlternateId": format!("N-{}", r["CustomerName"]["FirstName"].as_str().unwrap())}])
        });
        r
    }).collect::<Vec<_>>())
    };
    let (first, second) = (api.begin_import(by_crm(json!({}))).await, api.begin_import(by_crm(json!({}))).await);
    // The one that was initiated later is executed first, and takes longer.
    api.stage(second, &last_of(many(named("Old")))).await.is(200);
    api.stage(first, &json!([named("New")])).await.is(200);
    world.hold();
    api.execute(second).await.is(200);
    api.execute(first).await.is(200);
    // What was said in which order outlives a restart.
    world = world.kill().serve(&[]).await;
    api.url = world.url.clone();
    world.release();
    for token in [second, first] {
        assert_eq!(api.import_ended(token).await["Status"], "Completed");
    }
    assert_eq!(api.read(ann).await["CustomerName"]["FirstName"], "New", "an older list doesn't end behind a newer one");
}

#[tokio::test]
async fn an_opt_out_of_texts_waits_for_the_record_that_makes_its_phone_a_mobile_one() {
    let world = World::start().await;
    let api = world.admin().await;
    let phone = |more: Value| {
        let phone = rules::with(json!({"PhoneType": "Mobile", "PhoneNumber": "4045550100"}), more);
        rules::with(known("Ann", "C-1"), json!({"PhoneNumbers": [phone]}))
    };
    let no = json!({"PhoneNumberPreferences": [rules::says("NEWS-TEXT", 2)]});
    let (token, _) = api.import(by_crm(json!({})), json!([phone(json!({"IsMobile": true})), phone(no.clone())])).await;
    assert_eq!(api.not_in(token).await, []);
    assert_eq!(api.read(1).await["PhoneNumbers"][0]["PhoneNumberPreferences"][0]["PreferenceType"], 2);
    // Where none does it is refused as it always was.
    let other = rules::with(phone(no), json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-2"}]}));
    let (token, _) = api.import(by_crm(json!({})), json!([other])).await;
    let refused = api.not_in(token).await;
    assert!(refused.len() == 1 && refused[0].2.contains("IsMobile true"), "{refused:?}");
}
