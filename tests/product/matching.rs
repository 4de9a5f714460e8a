//! MatchCriteria, MatchType and Values.

use serde_json::{Value, json};

use crate::harness::*;

fn matching(criteria: &str, kind: Option<&str>, values: Value) -> Value {
    json!({"MatchCriteria": criteria, "MatchType": kind, "Values": values})
}

/// Three people with everything to be found by.
async fn people(api: &Api) -> [u64; 3] {
    let mut made = [0; 3];
    for (i, id) in made.iter_mut().enumerate() {
        let person = json!({
            "CustomerType": if i == 2 { "Business" } else { "Consumer" },
            "AlternateIds": [
                {"AlternateIdType": "CRM", "AlternateId": format!("Cust-{i}")},
                {"AlternateIdType": "Loyalty", "AlternateId": format!("Cust-{}", (i + 1) % 3)},
            ],
            "Emails": [
                {"EmailAddressType": "Home", "EmailAddress": format!("Home{i}@Example.com")},
                {"EmailAddressType": "Work", "EmailAddress": format!("work{i}@example.com")},
            ],
            "PhoneNumbers": [{"PhoneType": if i == 0 { "Mobile" } else { "Home" }, "PhoneNumber": format!("(404) 555-010{i}")}],
            "ProfileTags": if i == 1 { json!([{"Name": "a"}]) } else { json!([]) },
        });
        *id = api.create(person).await;
    }
    made
}

#[tokio::test]
async fn by_profile_id_as_number_or_string() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, b, c] = people(&api).await;
    assert_eq!(api.ids("Everyone", matching("ProfileId", None, json!([c, a.to_string(), 999_999]))).await, [a, c]);
    assert_eq!(
        api.ids("Everyone", matching("ProfileId", Some("consumer"), json!([a, b, c]))).await,
        [a, b],
        "in a customer type"
    );
}

#[tokio::test]
async fn by_alternate_id_within_its_type() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, _, c] = people(&api).await;
    assert_eq!(api.ids("Everyone", matching("AlternateId", Some("CRM"), json!(["CUST-0", "nobody"]))).await, [a]);
    assert_eq!(api.ids("Everyone", matching("AlternateId", Some("loyalty"), json!(["cust-0"]))).await, [c]);
}

#[tokio::test]
async fn a_number_of_more_digits_than_a_machine_holds_matches_exactly() {
    let world = World::start().await;
    let api = world.nightly().await;
    let with = |id: &str| json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": id}]});
    let sim = api.create(with("89014103211118510720")).await;
    // What the number reads as once it went through a 64-bit float.
    api.create(with("89014103211118510000")).await;
    let body = r#"{"MatchCriteria": "AlternateId", "MatchType": "CRM", "Values": [89014103211118510720]}"#;
    let token = token_of(&api.post_text(&api.segment_path("Everyone"), body).await);
    api.complete(token).await;
    assert_eq!(ids(&api.rows(token).await), [sim]);
}

#[tokio::test]
async fn by_email_address_without_regard_to_case() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, b, _] = people(&api).await;
    assert_eq!(
        api.ids("Everyone", matching("EmailAddress", None, json!(["HOME0@example.COM", "work1@example.com"]))).await,
        [a, b]
    );
    assert_eq!(
        api.ids("Everyone", matching("EmailAddress", Some("Home"), json!(["home0@example.com", "work1@example.com"])))
            .await,
        [a]
    );
}

#[tokio::test]
async fn by_phone_number_by_its_digits() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, b, _] = people(&api).await;
    assert_eq!(api.ids("Everyone", matching("PhoneNumber", None, json!(["404.555.0100", "4045550101"]))).await, [a, b]);
    assert_eq!(
        api.ids("Everyone", matching("PhoneNumber", Some("Mobile"), json!(["4045550100", 4045550101u64]))).await,
        [a]
    );
}

#[tokio::test]
async fn the_name_matches_in_any_letter_case_and_an_unknown_one_is_400() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, ..] = people(&api).await;
    assert_eq!(api.ids("Everyone", matching("PROFILEID", None, json!([a]))).await, [a]);
    let path = api.segment_path("Everyone");
    api.post(&path, &matching("Name", None, json!(["x"])))
        .await
        .refuses(400, &["MatchCriteria", "Name", "AlternateId"]);
}

#[tokio::test]
async fn alternate_id_without_a_match_type_is_400() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.post(&api.segment_path("Everyone"), &matching("AlternateId", None, json!(["x"])))
        .await
        .refuses(400, &["MatchType"]);
}

#[tokio::test]
async fn a_match_type_that_the_account_does_not_have_is_404() {
    let world = World::start().await;
    let api = world.nightly().await;
    for criteria in ["ProfileId", "AlternateId", "EmailAddress", "PhoneNumber"] {
        api.post(&api.segment_path("Everyone"), &matching(criteria, Some("Fax"), json!(["1"])))
            .await
            .refuses(404, &["Fax"]);
    }
}

#[tokio::test]
async fn a_match_type_goes_with_match_criteria() {
    let world = World::start().await;
    let api = world.nightly().await;
    people(&api).await;
    let path = api.segment_path("Everyone");
    // Both names are known to the account, and still everybody isn't meant.
    for body in [json!({"MatchType": "CRM"}), json!({"MatchType": "Home", "MatchCriteria": null, "Values": null})] {
        api.post(&path, &body).await.refuses(400, &["MatchType", "needs MatchCriteria", "AlternateId"]);
    }
    for blank in [json!(null), json!(""), json!(" ")] {
        api.post(&path, &json!({"MatchType": blank})).await.is(200);
        let sent = |criteria: &str| json!({"MatchCriteria": criteria, "MatchType": blank, "Values": ["1"]});
        for criteria in ["ProfileId", "EmailAddress", "PhoneNumber"] {
            api.post(&path, &sent(criteria)).await.is(200);
        }
        api.post(&path, &sent("AlternateId")).await.refuses(400, &["MatchType", "is required with AlternateId"]);
    }
}

#[tokio::test]
async fn values_go_with_match_criteria_and_are_not_empty() {
    let world = World::start().await;
    let api = world.nightly().await;
    let path = api.segment_path("Everyone");
    api.post(&path, &json!({"Values": ["x"]})).await.refuses(400, &["Values", "MatchCriteria"]);
    api.post(&path, &json!({"MatchCriteria": "ProfileId"})).await.refuses(400, &["Values"]);
    api.post(&path, &matching("ProfileId", None, json!([]))).await.refuses(400, &["Values"]);
    for bad in [json!("x"), json!([null]), json!([{}]), json!([["x"]]), json!([true])] {
        api.post(&path, &matching("EmailAddress", None, bad)).await.refuses(400, &["Values"]);
    }
}

#[tokio::test]
async fn a_hundred_thousand_values_are_taken_and_one_more_is_400() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, ..] = people(&api).await;
    let mut values: Vec<String> = (0..99_999).map(|i| format!("nobody{i}@example.com")).collect();
    values.push("home0@example.com".into());
    assert_eq!(api.ids("Everyone", matching("EmailAddress", None, json!(values))).await, [a]);
    values.push("one-more@example.com".into());
    api.post(&api.segment_path("Everyone"), &matching("EmailAddress", None, json!(values)))
        .await
        .refuses(400, &["100000"]);
}

#[tokio::test]
async fn the_match_is_anded_with_the_segment_and_with_last_date_time() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, b, c] = people(&api).await;
    assert_eq!(api.ids("A", matching("ProfileId", None, json!([a, b, c]))).await, [b]);
    world.advance(60_000);
    api.update(c, json!({"RegistrationConfirmed": true})).await;
    let mut body = matching("ProfileId", None, json!([a, c]));
    body["LastDateTime"] = json!(iso(world.now()));
    assert_eq!(api.ids("Everyone", body).await, [c]);
}

#[tokio::test]
async fn over_deleted_profiles_only_the_profile_id_matches() {
    let world = World::start().await;
    let api = world.nightly().await;
    let [a, b, _] = people(&api).await;
    api.remove(a).await;
    api.remove(b).await;
    assert_eq!(api.ids("Deleted", matching("ProfileId", None, json!([b, 77]))).await, [b]);
    let path = api.segment_path("Deleted");
    api.post(&path, &matching("EmailAddress", None, json!(["home0@example.com"])))
        .await
        .refuses(400, &["MatchCriteria"]);
}
