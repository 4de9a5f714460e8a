//! The five histories, and the former consents on reads.

use serde_json::{Value, json};

use crate::harness::*;

impl Api {
    async fn past(&self, id: u64, kind: &str) -> Value {
        self.get(&self.profile_path(&format!("/{id}/History/{kind}"))).await.is(200).json()
    }
}

fn entries(history: &Value) -> &Vec<Value> {
    history["History"].as_array().unwrap()
}

/// Somebody of whom everything has changed once, 1 s after it was made.
async fn changed(world: &World, api: &Api) -> u64 {
    let said = |choice: u8| json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": choice}]);
    let consent = |status: u8| json!([{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": status}]);
    let profile = |first: &str, age: &str, n: u8| {
        json!({
            "CustomerName": {"FirstName": first},
            "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C/1"}],
            "Consents": consent(n),
            "Emails": [{"EmailAddressType": "Home", "EmailAddress": "Ann@example.com", "IsDefault": n == 1, "EmailPreferences": said(n)}],
            "CustomFields": [{"Name": "Age", "Value": age}],
        })
    };
    let id = api.create(profile("Ann", "41", 1)).await;
    world.advance(1_000);
    api.update(id, profile("Anna", "42", 2)).await;
    id
}

#[tokio::test]
async fn a_limit_that_is_not_taken_is_told_with_the_most_that_is() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    for limit in ["0", "1001", "-1", "all"] {
        let one = api.profile_path(&format!("/{id}/History/Consents?limit={limit}"));
        api.get(&one).await.refuses(400, &["limit", limit, "1 to 1000"]);
    }
    api.get(&api.profile_path(&format!("/{id}/History/Consents?limit=1000"))).await.is(200);
}

#[tokio::test]
async fn each_history_tells_the_former_values_with_who_changed_them_and_when() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = changed(&world, &api).await;
    let one = |history: Value| {
        assert_eq!((&history["ProfileId"], &history["TotalCount"]), (&json!(id), &json!(1)), "{history}");
        let entry = entries(&history)[0].clone();
        let stamp = (&entry["ModifiedDate"], &entry["UserId"], &entry["SourceId"]);
        assert_eq!(stamp, (&json!(iso(world.now())), &json!("Nightly"), &json!("Batch")));
        entry
    };
    let preference = one(api.past(id, "Preferences").await);
    assert_eq!(preference["Place"], json!({"EmailAddressType": "home", "EmailAddress": "ann@example.com"}));
    assert_eq!(preference["Preference"]["FilterId"], "NEWS-EMAIL");
    assert_eq!(preference["Preference"]["PreferenceType"], 1);
    let consent = one(api.past(id, "consents").await);
    assert_eq!((&consent["Place"], &consent["Consent"]["ConsentStatus"]), (&Value::Null, &json!(1)));
    let field = one(api.past(id, "CustomFields").await);
    assert_eq!((&field["Name"], &field["Value"]), (&json!("Age"), &json!("41")));
    let standard = one(api.past(id, "StandardFields").await);
    assert_eq!(standard["CustomerName"]["FirstName"], "Ann");
    let contact = one(api.past(id, "Contacts").await);
    assert_eq!(
        (&contact["Emails"]["EmailAddress"], &contact["Emails"]["IsDefault"]),
        (&json!("Ann@example.com"), &json!(true))
    );
}

#[tokio::test]
async fn a_history_is_reached_by_id_and_by_alternate_id_in_both_forms() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = changed(&world, &api).await;
    let by_id = api.past(id, "Preferences").await;
    let query = api.profile_path("/AlternateId/History/Preferences?alternateId=c%2F1&alternateIdType=crm");
    let path = api.profile_path("/AlternateIdType/crm/AlternateId/C%2F1/History/Preferences");
    for path in [&query, &path] {
        assert_eq!(api.get(path).await.is(200).json(), by_id, "{path}");
    }
    api.update(id, json!({"IsActive": false})).await;
    for path in [&query, &path] {
        api.get(path).await.refuses(404, &["/1"]);
    }
    assert_eq!(api.past(id, "Preferences").await, by_id);
}

#[tokio::test]
async fn a_history_is_ascending_and_given_in_parts() {
    let world = World::start().await;
    let api = world.nightly().await;
    let named = |n: u32| json!({"CustomerName": {"FirstName": format!("n{n}")}});
    let id = api.create(named(0)).await;
    for n in 1..=5 {
        // twice within a millisecond, too
        world.advance(i64::from(n / 2));
        api.update(id, named(n)).await;
    }
    let first_names = |history: &Value| -> Vec<String> {
        entries(history).iter().map(|e| e["CustomerName"]["FirstName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(first_names(&api.past(id, "StandardFields").await), ["n0", "n1", "n2", "n3", "n4"]);
    let part = api.past(id, "StandardFields?limit=2&offset=2").await;
    assert_eq!((first_names(&part), &part["TotalCount"]), (vec!["n1".to_owned(), "n2".into()], &json!(5)));
    let beyond = api.past(id, "StandardFields?offset=6").await;
    assert_eq!((entries(&beyond).len(), &beyond["TotalCount"]), (0, &json!(5)));
    for odd in ["limit=0", "limit=1001", "offset=0", "limit=x"] {
        let path = api.profile_path(&format!("/{id}/History/StandardFields?{odd}"));
        api.get(&path).await.refuses(400, &[odd.split('=').next().unwrap()]);
    }
}

#[tokio::test]
async fn an_unknown_history_or_profile_is_a_404_that_names_it() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(json!({})).await;
    assert_eq!(entries(&api.past(id, "Contacts").await).len(), 0);
    api.get(&api.profile_path(&format!("/{id}/History/Moods"))).await.refuses(404, &["Moods"]);
    api.get(&api.profile_path("/999/History/Contacts")).await.refuses(404, &["999"]);
    api.remove(id).await;
    api.get(&api.profile_path(&format!("/{id}/History/Contacts"))).await.refuses(404, &[&id.to_string()]);
}

#[tokio::test]
async fn a_read_shows_the_former_consents_unless_it_is_asked_not_to() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = changed(&world, &api).await;
    let read = api.read(id).await;
    assert_eq!(read.as_object().unwrap().keys().next_back().unwrap(), "ConsentHistory");
    let former = &read["ConsentHistory"][0];
    assert_eq!((&former["Place"], &former["ModifiedDate"]), (&Value::Null, &json!(iso(world.now()))));
    assert_eq!(
        (&former["Consent"]["ConsentType"], &former["Consent"]["ConsentStatus"]),
        (&json!("Marketing"), &json!(1))
    );
    assert_eq!(read["Consents"].as_array().unwrap().len(), 1, "the present ones stand by themselves");
    let without = api.get(&api.profile_path(&format!("/{id}?includeConsentHistory=false"))).await.is(200).json();
    assert_eq!(without.get("ConsentHistory"), None);
    assert_eq!(api.read(api.create(json!({})).await).await["ConsentHistory"], json!([]));
    api.update(id, read).await;
    let token = api.export("Everyone", json!({})).await;
    assert_eq!(api.rows(token).await[0].get("ConsentHistory"), None);
}
