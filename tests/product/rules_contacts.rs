//! Emails, phone numbers and addresses.

use serde_json::{Value, json};

use crate::harness::{rules::*, *};

fn defaults(list: &Value) -> Vec<bool> {
    list.as_array().unwrap().iter().map(|contact| contact["IsDefault"] == true).collect()
}

#[tokio::test]
async fn naming_a_new_default_clears_the_old_one() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let email = |n: u8, default: bool| json!({"EmailAddressType": "Home", "EmailAddress": format!("a{n}@example.com"), "IsDefault": default});
    let phone = |n: u8, default: bool| json!({"PhoneType": "Home", "PhoneNumber": format!("404 555 010{n}"), "IsDefault": default});
    let address = |n: u8, default: bool| {
        json!({"AddressType": "Home", "Address1": format!("{n} Oak St"), "City": "Macon",
        "StateProvince": "GA", "PostalCode": "31201", "IsDefault": default})
    };
    let first = json!({"Emails": [email(1, true)], "PhoneNumbers": [phone(1, true)], "Addresses": [address(1, true)]});
    let id = api.create(first).await;
    api.update(
        id,
        json!({"Emails": [email(2, true)], "PhoneNumbers": [phone(2, true)], "Addresses": [address(2, true)]}),
    )
    .await;
    let now = api.read(id).await;
    for list in ["Emails", "PhoneNumbers", "Addresses"] {
        assert_eq!(defaults(&now[list]), [false, true], "{list}");
    }
    api.post(&api.at(id), &json!({"Emails": [email(1, true), email(2, true)]}))
        .await
        .refuses(400, &["Emails[1].IsDefault"]);
    assert_eq!(defaults(&api.read(id).await["Emails"]), [false, true]);
}

#[tokio::test]
async fn a_phone_is_kept_as_given_with_its_digits_beside_it_and_found_by_them() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let id = api.create(json!({"PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": "+1 (404) 555-0100"}]})).await;
    let phone = api.read(id).await["PhoneNumbers"][0].clone();
    assert_eq!(
        (&phone["PhoneNumber"], &phone["PhoneNumberNumeric"]),
        (&json!("+1 (404) 555-0100"), &json!("14045550100"))
    );
    api.update(
        id,
        json!({"PhoneNumbers": [{"PhoneType": "home", "PhoneNumber": "1.404.555.0100", "IsDefault": true}]}),
    )
    .await;
    let phones = api.read(id).await["PhoneNumbers"].clone();
    assert_eq!(phones.as_array().unwrap().len(), 1);
    assert_eq!((&phones[0]["PhoneNumber"], &phones[0]["IsDefault"]), (&json!("1.404.555.0100"), &json!(true)));
}

#[tokio::test]
async fn text_preferences_need_a_mobile_phone_and_are_archived_when_it_is_none_any_more() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let phone = |mobile: bool, preferences: Value| {
        json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "404 555 0100",
        "IsMobile": mobile, "PhoneNumberPreferences": preferences}]})
    };
    let words = ["PhoneNumbers[0].PhoneNumberPreferences[0].FilterId", "IsMobile"];
    api.post(&api.profile_path(""), &phone(false, json!([says("NEWS-TEXT", 1)]))).await.refuses(400, &words);
    let id = api.create(phone(true, json!([says("NEWS-TEXT", 1), says("PROMO-PHONE", 1)]))).await;
    api.update(id, phone(false, json!([]))).await;
    let one = |filter: &str| vec![(filter.to_owned(), 1)];
    assert_eq!(said(&api.read(id).await["PhoneNumbers"][0]["PhoneNumberPreferences"]), one("PROMO-PHONE"));
    let archived = &api.with_archived(id).await["PhoneNumbers"][0]["PhoneNumberPreferences"];
    assert_eq!((said(archived).len(), &archived[1]["PreferenceStatus"]), (2, &json!("Archived")));
}

#[tokio::test]
async fn a_contact_is_found_by_its_natural_key_without_regard_to_case() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let address = json!({"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201"});
    let id = api.create(json!({"Emails": [mail("Ann@Example.com", json!([]))], "Addresses": [address]})).await;
    let upper = json!({"AddressType": "HOME", "Address1": "1 OAK ST", "City": "MACON", "StateProvince": "ga", "PostalCode": "31201", "IsDefault": true});
    api.update(id, json!({"Emails": [mail("ann@EXAMPLE.com", json!([]))], "Addresses": [upper]})).await;
    let now = api.read(id).await;
    assert_eq!((now["Emails"].as_array().unwrap().len(), now["Addresses"].as_array().unwrap().len()), (1, 1));
    api.update(id, json!({"Emails": [{"EmailAddressType": "Work", "EmailAddress": "ann@example.com"}]})).await;
    assert_eq!(api.read(id).await["Emails"].as_array().unwrap().len(), 2, "another type is another contact");
}

#[tokio::test]
async fn a_country_code_brings_the_others_and_the_countrys_name() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    for code in [("CountryCode_Alpha2", "us"), ("CountryCode_Alpha3", "USA"), ("CountryCode_Numeric", "840")] {
        let mut address = json!({"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201"});
        address[code.0] = code.1.into();
        let row = api.read(api.create(json!({"Addresses": [address]})).await).await;
        let address = &row["Addresses"][0];
        assert_eq!((&address["CountryCode_Alpha3"], &address["CountryCode_Numeric"]), (&json!("USA"), &json!("840")));
        assert!(address["Country"].as_str().unwrap().starts_with("United States"), "{address}");
    }
}

#[tokio::test]
async fn a_contact_that_breaks_its_limits_is_400_naming_the_path() {
    let world = World::with_rules().await;
    let api = world.nightly().await;
    let address = |more: Value| {
        json!({"Addresses": [with(json!({"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon",
        "StateProvince": "GA", "PostalCode": "31201"}), more)]})
    };
    let email = |text: String| json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": text}]});
    let phone = |text: String| json!({"PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": text}]});
    for (path, body) in [
        ("Addresses[0].Address1", address(json!({"Address1": "x".repeat(126)}))),
        ("Addresses[0].Address1", address(json!({"Address1": null}))),
        ("Addresses[0].Address2", address(json!({"Address2": "x".repeat(126)}))),
        ("Addresses[0].City", address(json!({"City": " "}))),
        ("Addresses[0].StateProvince", address(json!({"StateProvince": "G"}))),
        ("Addresses[0].StateProvince", address(json!({"StateProvince": "x".repeat(51)}))),
        ("Addresses[0].PostalCode", address(json!({"PostalCode": "x".repeat(16)}))),
        ("Addresses[0].CountryCode_Alpha2", address(json!({"CountryCode_Alpha2": "USA"}))),
        ("Emails[0].EmailAddress", email("ann".into())),
        ("Emails[0].EmailAddress", email(format!("{}@example.com", "x".repeat(245)))),
        ("PhoneNumbers[0].PhoneNumber", phone("none".into())),
        ("PhoneNumbers[0].PhoneNumber", phone("1".repeat(33))),
        ("PhoneNumbers[0].PhoneType", json!({"PhoneNumbers": [{"PhoneNumber": "1"}]})),
    ] {
        api.post(&api.profile_path(""), &body).await.refuses(400, &[path]);
    }
}
