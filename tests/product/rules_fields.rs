//! Custom fields: their kinds and their update rules.

use serde_json::{Value, json};

use crate::harness::*;

fn field(name: &str, value: impl Into<Value>) -> Value {
    json!({"CustomFields": [{"Name": name, "Value": value.into()}]})
}

async fn takes(api: &Api, name: &str, good: &[&str], bad: &[&str]) {
    for value in good {
        let row = api.read(api.create(field(name, *value)).await).await;
        assert_eq!(row["CustomFields"], field(name, *value)["CustomFields"], "always strings, as given");
    }
    for value in bad {
        api.post(&api.profile_path(""), &field(name, *value)).await.refuses(400, &["CustomFields[0].Value"]);
    }
}

#[tokio::test]
async fn a_text_field_has_its_lengths_and_matches_its_regular_expression_from_end_to_end() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    takes(&api, "Code", &["ABC", "AB123"], &["AB", "ABC123", "abc", "AB1C", "xABC", "ÄBC"]).await;
}

#[tokio::test]
async fn a_numeric_field_has_its_bounds_and_decimal_places() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let bad = ["-10.01", "99.51", "1.234", "ten", "1e1", "1,5", "0x10", "NaN", "inf", "1.", ".5", "--1"];
    takes(&api, "Price", &["-10", "99.5", "0.25", "7", "+1.5", "007"], &bad).await;
    takes(&api, "Age", &["0", "150"], &["-1", "151", "1.5"]).await;
}

#[tokio::test]
async fn a_date_field_takes_dates() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    takes(
        &api,
        "Born",
        &["1990-02-28", "1990-02-28T10:00:00", "1990-02-28T10:00:00Z"],
        &["1990-02-29", "28.02.1990", "soon"],
    )
    .await;
}

#[tokio::test]
async fn a_select_list_takes_the_values_of_its_picklist_one_or_several() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let kept = async |name: &str, value: &str| {
        api.read(api.create(field(name, value)).await).await["CustomFields"][0]["Value"].as_str().unwrap().to_owned()
    };
    assert_eq!(kept("Shade", "RED").await, "red", "as the account spells it");
    assert_eq!(kept("Colour", "green::Red").await, "green::red");
    for (name, value, word) in
        [("Shade", "blue", "blue"), ("Shade", "red::green", "red::green"), ("Colour", "red::blue", "blue")]
    {
        api.post(&api.profile_path(""), &field(name, value)).await.refuses(404, &["CustomFields[0].Value", word]);
    }
    api.post(&api.profile_path(""), &field("Colour", "red::red")).await.refuses(400, &["CustomFields[0].Value"]);
}

#[tokio::test]
async fn a_field_that_is_not_configured_is_404_and_a_value_that_is_no_text_400() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    api.post(&api.profile_path(""), &field("Moon", "1")).await.refuses(404, &["CustomFields[0].Name", "Moon"]);
    api.post(&api.profile_path(""), &field("Age", 5)).await.refuses(400, &["CustomFields[0].Value"]);
    api.post(&api.profile_path(""), &field("Note", "x".repeat(4001)))
        .await
        .refuses(400, &["CustomFields[0].Value", "4000"]);
    api.post(&api.profile_path(""), &json!({"CustomFields": [{"Value": "1"}]}))
        .await
        .refuses(400, &["CustomFields[0].Name"]);
    let twice = json!({"CustomFields": [{"Name": "Age", "Value": "1"}, {"Name": "AGE", "Value": "2"}]});
    api.post(&api.profile_path(""), &twice).await.refuses(400, &["CustomFields[1]"]);
}

#[tokio::test]
async fn the_update_rule_decides_whether_a_new_value_takes_the_place_of_the_one_there() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    // The rule, and what becomes of: a value then another; a value then a blank; none then a value.
    for (name, another, blank, first) in [
        ("Note", Some("new"), None, Some("new")),
        ("First", Some("old"), Some("old"), Some("new")),
        ("Lasting", Some("new"), Some("old"), Some("new")),
        ("Fixed", Some("old"), Some("old"), None),
    ] {
        for (before, sent, after) in [(Some("old"), "new", another), (Some("old"), " ", blank), (None, "new", first)] {
            let id = api.create(before.map_or(json!({}), |value| field(name, value))).await;
            api.update(id, field(name, sent)).await;
            let want = after.map_or(json!([]), |value| field(name, value)["CustomFields"].clone());
            assert_eq!(api.read(id).await["CustomFields"], want, "{name}: {before:?}, then {sent:?}");
            api.put(&api.at(id), &json!({})).await.is(200);
            let left = api.read(id).await["CustomFields"].clone();
            let stays = !["Note"].contains(&name);
            assert_eq!(left, if stays { want } else { json!([]) }, "{name}: a replaced profile leaves it blank");
        }
    }
}
