//! What a record changes: refresh flags, prior consents, what rules decline.

use super::*;
use crate::harness::rules::{consent, mail, says, with};

/// Somebody with one of everything.
fn full() -> Value {
    json!({
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}, {"AlternateIdType": "Loyalty", "AlternateId": "L-1"}],
        "Emails": [mail("ann@example.com", json!([says("NEWS-EMAIL", 1)])), mail("old@example.com", json!([says("NEWS-EMAIL", 2)]))],
        "PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": "4045550100"}],
        "Groups": [{"GroupType": "Household", "GroupName": "Smith"}],
        "ProfileTags": [{"Name": "vip"}],
        "CustomFields": [{"Name": "Note", "Value": "a"}, {"Name": "Fixed", "Value": "b"}],
    })
}

#[tokio::test]
async fn each_refresh_flag_removes_what_the_record_does_not_have_of_its_kind_alone() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    let lists = ["AlternateIds", "Emails", "PhoneNumbers", "Groups", "ProfileTags", "CustomFields"];
    let mut next = 0;
    for (flag, left) in [
        ("none", [2, 2, 1, 1, 1, 2]),
        ("RefreshAlternateIds", [1, 2, 1, 1, 1, 2]),
        ("RefreshContacts", [2, 1, 0, 1, 1, 2]),
        ("RefreshCustomFields", [2, 2, 1, 1, 1, 1]),
        ("RefreshGroups", [2, 2, 1, 0, 1, 2]),
        ("RefreshTags", [2, 2, 1, 1, 0, 2]),
    ] {
        next += 1;
        let text = full().to_string().replace("C-1", &format!("C-{next}")).replace("L-1", &format!("L-{next}"));
        let id = api.create(serde_json::from_str(&text).unwrap()).await;
        let crm = json!([{"AlternateIdType": "CRM", "AlternateId": format!("C-{next}")}]);
        let record = json!({"AlternateIds": crm, "Emails": [mail("ANN@example.com", json!([]))]});
        let options = by_crm(if flag == "none" { json!({}) } else { json!({flag: true}) });
        let (_, status) = api.import(options, json!([record])).await;
        let after = api.read(id).await;
        let seen = lists.map(|list| after[list].as_array().unwrap().len());
        assert_eq!(seen, left, "{flag}: {lists:?}");
        let declined = u64::from(flag == "RefreshCustomFields");
        assert_eq!(counts(&status), [1, 1, 0, 1, 0, 0, declined], "{flag}: Fixed can't be cleared");
        let preferences = after["Emails"][0]["EmailPreferences"].as_array().unwrap();
        assert_eq!(preferences.len(), 1, "{flag}: what hangs on a contact that is named stays");
    }
    world.check();
}

#[tokio::test]
async fn preferences_of_a_contact_that_a_refresh_removes_come_back_with_it_or_are_archived() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    for (crm, preserves, back) in [("C-1", true, 1), ("C-2", false, 0)] {
        let mut ann = known("Ann", crm);
        ann["PreservePreferences"] = preserves.into();
        ann["Emails"] = json!([mail("ann@example.com", json!([says("NEWS-EMAIL", 1)]))]);
        let id = api.create(ann).await;
        let only = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": crm}]});
        api.import(by_crm(json!({"RefreshContacts": true})), json!([only])).await;
        assert!(api.read(id).await["Emails"].as_array().unwrap().is_empty());
        api.update(id, json!({"Emails": [mail("ann@example.com", json!([]))]})).await;
        let returned = api.read(id).await["Emails"][0]["EmailPreferences"].as_array().unwrap().len();
        assert_eq!(returned, back, "PreservePreferences {preserves}");
    }
}

#[tokio::test]
async fn a_preference_tied_to_a_prior_consent_version_is_an_exception_unless_it_is_allowed() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    let version = |v: &str| with(consent("Calls", 1), json!({"ConsentVersion": v}));
    let mut ann = known("Ann", "C-1");
    ann["Consents"] = json!([version("v2")]);
    let id = api.create(ann).await;
    let tied = with(says("PROMO-EMAIL", 1), json!({"Consents": [version("v1")]}));
    let mut record = known("Ann", "C-1");
    record["Emails"] = json!([mail("ann@example.com", json!([tied]))]);
    let (token, status) = api.import(by_crm(json!({})), json!([record])).await;
    assert_eq!(counts(&status), [1, 1, 0, 1, 0, 1, 0]);
    let refused = api.not_in(token).await.remove(0);
    assert_eq!(refused.1, "Emails[0].EmailPreferences[0].Consents[0].ConsentVersion");
    assert!(refused.2.contains("AllowPriorConsents"));
    let of = async || api.read(id).await["Emails"][0]["EmailPreferences"].as_array().unwrap().len();
    assert_eq!(of().await, 0);
    let (_, status) = api.import(by_crm(json!({"AllowPriorConsents": true})), json!([record])).await;
    assert_eq!(counts(&status), [1, 1, 0, 1, 0, 0, 0]);
    assert_eq!(of().await, 1);
    record["Emails"] = json!([mail("ann@example.com", json!([says("PROMO-EMAIL", 2)]))]);
    record["Consents"] = json!([with(version("v1"), json!({"ConsentStatus": 3}))]);
    let (_, status) = api.import(by_crm(json!({})), json!([record])).await;
    assert_eq!(counts(&status), [1, 1, 0, 1, 0, 0, 0], "a withdrawal is taken whatever text it names");
    let after = api.read(id).await;
    assert_eq!(after["Consents"][0]["ConsentStatus"], 3);
    assert_eq!(after["Emails"][0]["EmailPreferences"][0]["PreferenceType"], 2);
}

#[tokio::test]
async fn a_change_that_an_update_rule_declines_is_not_honored_and_the_rest_of_the_record_is_in() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    let mut ann = known("Ann", "C-1");
    ann["CustomFields"] = json!([{"Name": "First", "Value": "a"}, {"Name": "Fixed", "Value": "b"}]);
    let id = api.create(ann.clone()).await;
    let mut changed = known("Anna", "C-1");
    changed["CustomFields"] =
        json!([{"Name": "First", "Value": "c"}, {"Name": "Fixed", "Value": "d"}, {"Name": "Note", "Value": "e"}]);
    let (token, status) = api.import(by_crm(json!({})), json!([changed, ann])).await;
    assert_eq!(counts(&status), [2, 2, 0, 2, 0, 0, 1], "one record, however many of its changes");
    assert!(api.not_in(token).await.is_empty());
    let after = api.read(id).await;
    let values: Vec<&str> =
        after["CustomFields"].as_array().unwrap().iter().map(|f| f["Value"].as_str().unwrap()).collect();
    assert_eq!(values, ["a", "b", "e"]);
}

#[tokio::test]
async fn an_opt_in_may_need_a_consent_that_an_earlier_record_of_the_import_gives() {
    let world = World::with_rules().await;
    let api = world.admin().await;
    let mut first = known("Ann", "C-1");
    first["Consents"] = json!([consent("Calls", 1)]);
    let mut second = known("Ann", "C-1");
    second["Emails"] = json!([mail("ann@example.com", json!([says("PROMO-EMAIL", 1)]))]);
    let mut without = known("Ben", "C-2");
    without["Emails"] = json!([mail("ben@example.com", json!([says("PROMO-EMAIL", 1)]))]);
    let (token, status) = api.import(by_crm(json!({})), json!([first, second, without])).await;
    assert_eq!(counts(&status), [3, 3, 0, 3, 0, 1, 0]);
    assert_eq!(api.not_in(token).await[0].0, 3);
    assert_eq!(api.read(1).await["Emails"][0]["EmailPreferences"].as_array().unwrap().len(), 1);
}
