//! What a row holds: members and their order, output settings, deleted profiles, segment groups.

use serde_json::{Value, json};

use crate::harness::*;

/// A profile that has every part.
fn full() -> Value {
    json!({
        "CustomerType": "business",
        "CustomerName": {"Prefix": "Dr", "FirstName": "Zoë", "LastName": "Núñez"},
        "Consents": [{"ConsentType": "Terms", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": "Granted", "ConsentDate": "2026-01-02T03:04:05.678Z"}],
        "ProfilePreferences": [{"FilterId": "NEWS-SOLICIT", "PreferenceType": "OptOut", "CustomerDate": "2026-01-02"}],
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-1"}],
        "Addresses": [{"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201"}],
        "PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "+1 (404) 555-0100", "IsMobile": true,
            "PhoneNumberPreferences": [{"FilterId": "NEWS-TEXT", "PreferenceType": 1}]}],
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": "zoe@example.com", "IsDefault": true,
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1, "CustomerDate": "2026-06-15T07:00:00"}],
            "Consents": [{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1}]}],
        "Groups": [{"GroupType": "Household", "GroupName": "Núñez", "IsPrimary": true}],
        "ProfileTags": [{"Name": "a"}],
        "CustomFields": [{"Name": "Age", "Value": "42"}],
    })
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn one_row(api: &Api, segment: &str) -> Value {
    let token = api.export(segment, json!({})).await;
    api.rows(token).await.remove(0)
}

#[tokio::test]
async fn a_row_has_every_member_in_its_order_with_nulls_and_empty_lists() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(json!({})).await;
    let row = one_row(&api, "Everyone").await;
    let edited = json!({"CreateDate": START, "CreateUserId": "Nightly", "CreateSourceId": "Batch",
        "LastModifiedDate": START, "LastModifiedUserId": "Nightly", "LastModifiedSourceId": "Batch"});
    let want = json!({
        "ProfileId": id, "IsActive": true, "Edited": edited, "RegistrationConfirmed": false, "CustomerType": "Consumer",
        "PreserveConsents": true, "PreservePreferences": true,
        "CustomerName": {"Prefix": null, "FirstName": null, "MiddleName": null, "LastName": null, "Suffix": null},
        "DefaultLocale": "en_US", "Consents": [], "ProfilePreferences": [], "AlternateIds": [], "Addresses": [],
        "PhoneNumbers": [], "Emails": [], "Groups": [], "ProfileTags": [], "CustomFields": [],
    });
    assert_eq!(serde_json::to_string(&row).unwrap(), serde_json::to_string(&want).unwrap());
}

#[tokio::test]
async fn a_full_row_has_the_members_of_every_part_in_their_order() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(full()).await;
    let row = one_row(&api, "Everyone").await;
    let email = &row["Emails"][0];
    let names = ["EmailPreferences", "EmailAddressType", "EmailAddress", "IsDefault", "IsActive", "Edited", "Consents"];
    assert_eq!(keys(email), names);
    let preference = &email["EmailPreferences"][0];
    let names = [
        "ProgramId",
        "ChannelId",
        "Consents",
        "MatchType",
        "ReasonCode",
        "ExpirationDate",
        "PreferenceStatus",
        "LastModifiedDate",
        "UserId",
        "SourceId",
        "FilterId",
        "PreferenceType",
        "FrequencyId",
        "PreferenceAttributes",
        "CustomerDate",
    ];
    assert_eq!(keys(preference), names);
    assert_eq!(preference["CustomerDate"], "2026-06-15T11:00:00.000Z", "without a zone US Eastern");
    assert_eq!(preference["ExpirationDate"], "2026-06-25T11:00:00.000Z");
    assert_eq!(
        row["ProfilePreferences"][0]["CustomerDate"], "2026-01-03T04:59:59.000Z",
        "an opt-out's date alone is its last second"
    );
    assert_eq!(row["ProfilePreferences"][0]["ExpirationDate"], "");
    let phone = &row["PhoneNumbers"][0];
    assert_eq!(phone["PhoneNumberNumeric"], "14045550100");
    let names = [
        "PhoneNumberPreferences",
        "PhoneType",
        "PhoneNumber",
        "PhoneNumberNumeric",
        "IsMobile",
        "IsDefault",
        "IsActive",
        "Edited",
        "Consents",
    ];
    assert_eq!(keys(phone), names);
    let names = [
        "AddressPreferences",
        "AddressType",
        "IsDefault",
        "Address1",
        "Address2",
        "City",
        "StateProvince",
        "PostalCode",
        "CountryCode_Alpha2",
        "CountryCode_Alpha3",
        "CountryCode_Numeric",
        "Country",
        "IsActive",
        "Edited",
        "Consents",
    ];
    assert_eq!(keys(&row["Addresses"][0]), names);
    let names = [
        "ConsentType",
        "ConsentVersion",
        "Locale",
        "ConsentStatus",
        "ConsentDate",
        "ExpirationDate",
        "Expired",
        "Edited",
    ];
    assert_eq!(keys(&row["Consents"][0]), names);
    assert_eq!(row["Consents"][0]["ConsentDate"], "2026-01-02T03:04:05.678Z");
    assert_eq!(keys(&row["AlternateIds"][0]), ["AlternateIdType", "AlternateId", "IsActive", "Edited"]);
    assert_eq!(row["CustomerType"], "Business", "as the account spells it");
}

/// The row with these members taken out, at every depth.
fn without(row: &Value, names: &[&str]) -> Value {
    match row {
        Value::Object(map) => {
            let kept = map.iter().filter(|(k, _)| !names.contains(&k.as_str()));
            Value::Object(kept.map(|(k, v)| (k.clone(), without(v, names))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|v| without(v, names)).collect()),
        other => other.clone(),
    }
}

#[tokio::test]
async fn output_settings_leave_parts_out_altogether() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    let whole = one_row(&api, "Everyone").await;
    let preferences = ["ProfilePreferences", "EmailPreferences", "PhoneNumberPreferences", "AddressPreferences"];
    let all = [preferences.as_slice(), &["Consents", "CustomFields"]].concat();
    for (segment, names) in [
        ("Without preferences", preferences.as_slice()),
        ("Without consents", &["Consents"]),
        ("Without custom fields", &["CustomFields"]),
        ("Bare", all.as_slice()),
    ] {
        let token = api.export(segment, json!({})).await;
        let row = api.rows(token).await.remove(0);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(text, serde_json::to_string(&without(&whole, names)).unwrap(), "{segment}");
        assert_eq!(api.status(token).await.json()["ByteCount"], text.len(), "{segment}");
    }
    let read = api.get(&api.profile_path(&format!("/{id}?includeConsentHistory=false"))).await.is(200).json();
    assert_eq!(read, whole, "the Data API reads the same");
}

#[tokio::test]
async fn archived_preferences_appear_only_where_they_are_asked_for() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(full()).await;
    // What is no longer a mobile phone takes no texts: their preferences are archived.
    api.update(id, json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "14045550100", "IsMobile": false}]}))
        .await;
    let plain = one_row(&api, "Everyone").await;
    assert_eq!(plain["PhoneNumbers"].as_array().unwrap().len(), 1, "matched by its digits");
    assert_eq!(plain["PhoneNumbers"][0]["PhoneNumberPreferences"], json!([]));
    let archived = one_row(&api, "With archived").await;
    let preference = &archived["PhoneNumbers"][0]["PhoneNumberPreferences"][0];
    assert_eq!((&preference["FilterId"], &preference["PreferenceStatus"]), (&json!("NEWS-TEXT"), &json!("Archived")));
}

#[tokio::test]
async fn implied_preferences_appear_only_where_the_account_and_the_segment_ask_for_them() {
    let world = World::start().await;
    let api = world.nightly().await;
    let silent = api.create(json!({})).await;
    world.apply("DefaultLocale = \"en_US\"", "DefaultLocale = \"en_US\"\nImpliedPreferences = true");
    world.apply("ID = \"NEWS-SOLICIT\", ChannelID", "ID = \"NEWS-SOLICIT\", DefaultPreference = \"OptOut\", ChannelID");
    world.apply("Output = { Archived = true }", "Output = { Implied = true }");
    let spoken = api.create(json!({"ProfilePreferences": [{"FilterId": "NEWS-SOLICIT", "PreferenceType": 1}]})).await;
    assert_eq!(one_row(&api, "Everyone").await["ProfilePreferences"], json!([]));
    let token = api.export("With archived", json!({})).await;
    let rows = api.rows(token).await;
    assert_eq!(ids(&rows), [silent, spoken]);
    let said = |row: &Value| {
        let all = row["ProfilePreferences"].as_array().unwrap();
        assert_eq!(all.len(), 1);
        (all[0]["MatchType"].as_str().unwrap().to_string(), all[0]["PreferenceType"].as_u64().unwrap())
    };
    assert_eq!(said(&rows[0]), ("Implied".to_string(), 2));
    assert_eq!(said(&rows[1]), ("Expressed".to_string(), 1));
}

#[tokio::test]
async fn a_deleted_profile_is_its_id_date_and_reason_and_nothing_else() {
    let world = World::start().await;
    let api = world.nightly().await;
    let (with, without) = (api.create(full()).await, api.create(person("Bob", &[])).await);
    world.advance(1_500);
    api.delete(&api.profile_path(&format!("/{with}?reasonCode=asked%20to%20go"))).await.is(204);
    api.remove(without).await;
    let token = api.export("Deleted", json!({})).await;
    let page = String::from_utf8(api.page(token, "keepAlive=true").await.body).unwrap();
    let when = iso(world.now());
    let rows = format!(
        r#"[{{"ProfileId":{with},"DeletedDate":"{when}","ReasonCode":"asked to go"}},{{"ProfileId":{without},"DeletedDate":"{when}","ReasonCode":null}}]"#
    );
    assert!(page.contains(&rows), "{page}");
    assert_eq!(api.ids("Everybody", json!({})).await, [] as [u64; 0]);
}

#[tokio::test]
async fn over_deleted_profiles_last_date_time_compares_the_deleted_date() {
    let world = World::start().await;
    let api = world.nightly().await;
    let (a, b) = (api.create(person("Ann", &[])).await, api.create(person("Bob", &[])).await);
    world.advance(60_000);
    api.remove(a).await;
    world.advance(60_000);
    api.remove(b).await;
    assert_eq!(api.ids("Deleted", json!({"LastDateTime": iso(world.now())})).await, [b]);
    assert_eq!(api.ids("Deleted", json!({"LastDateTime": iso(world.now() - 60_000)})).await, [a, b]);
}

#[tokio::test]
async fn groups_fold_left_to_right() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut made = std::collections::BTreeMap::new();
    for tags in ["", "a", "b", "c", "ab", "ac", "bc", "abc"] {
        let list: Vec<String> = tags.chars().map(String::from).collect();
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        made.insert(tags, api.create(person(&format!("t{tags}"), &list)).await);
    }
    let expect = |names: &[&str]| {
        let mut ids: Vec<u64> = names.iter().map(|n| made[n]).collect();
        ids.sort();
        ids
    };
    // (A or B) and C; AND first would give a, ab, ac, abc, bc.
    assert_eq!(api.group_ids("A or B and C").await, expect(&["ac", "bc", "abc"]));
    // (A except B) or C; OR first would give a.
    assert_eq!(api.group_ids("A except B or C").await, expect(&["a", "ac", "c", "bc", "abc"]));
    // (A or C) except B; EXCEPT first would give a, ab, ac, abc, c.
    assert_eq!(api.group_ids("A or C except B").await, expect(&["a", "c", "ac"]));
}

#[tokio::test]
async fn a_group_has_output_settings_of_its_own() {
    let world = World::start().await;
    let api = world.nightly().await;
    api.create(full()).await;
    let token = api.initiate_group("A or C except B").await;
    api.complete(token).await;
    let row = api.rows(token).await.remove(0);
    assert!(row.get("ProfilePreferences").is_none() && row.get("Consents").is_some());
}

#[tokio::test]
async fn the_longest_value_of_every_field_is_written_found_again_and_exported() {
    let world = World::start().await;
    let api = world.nightly().await;
    let wide = |n: usize| "𝒳".repeat(n);
    let email = format!("{}@{}", wide(127), wide(128));
    let phone = format!("1{}", wide(31));
    let profile = json!({
        "CustomerName": {"Prefix": wide(20), "FirstName": wide(100), "MiddleName": wide(100), "LastName": wide(100), "Suffix": wide(20)},
        "DefaultLocale": wide(15),
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": wide(256)}],
        "Addresses": [{"AddressType": "Home", "Address1": wide(125), "Address2": wide(125), "City": wide(50),
            "StateProvince": wide(50), "PostalCode": wide(15)}],
        "PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": phone}],
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": email,
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1,
                "PreferenceAttributes": [{"Key": wide(100), "Value": wide(4000)}]}]}],
        "Groups": [{"GroupType": "Household", "GroupName": wide(100)}],
        "ProfileTags": [{"Name": wide(100)}],
        "CustomFields": [{"Name": "Note", "Value": wide(4000)}],
    });
    let id = api.create(profile.clone()).await;
    for body in [
        json!({"MatchCriteria": "AlternateId", "MatchType": "CRM", "Values": [wide(256)]}),
        json!({"MatchCriteria": "EmailAddress", "Values": [email]}),
        json!({"MatchCriteria": "PhoneNumber", "Values": [phone]}),
    ] {
        let token = api.export("Everyone", body.clone()).await;
        let rows = api.rows(token).await;
        assert_eq!(ids(&rows), [id], "{body}");
        for (path, value) in [
            ("/CustomerName/LastName", wide(100)),
            ("/DefaultLocale", wide(15)),
            ("/AlternateIds/0/AlternateId", wide(256)),
            ("/Addresses/0/Address1", wide(125)),
            ("/Addresses/0/StateProvince", wide(50)),
            ("/PhoneNumbers/0/PhoneNumber", phone.clone()),
            ("/Emails/0/EmailAddress", email.clone()),
            ("/Emails/0/EmailPreferences/0/PreferenceAttributes/0/Value", wide(4000)),
            ("/Groups/0/GroupName", wide(100)),
            ("/ProfileTags/0/Name", wide(100)),
            ("/CustomFields/0/Value", wide(4000)),
        ] {
            assert_eq!(rows[0].pointer(path).unwrap(), &json!(value), "{path}");
        }
    }
    let at = api.profile_path(&format!("/AlternateId?alternateIdType=CRM&alternateId={}", encoded(&wide(256))));
    assert_eq!(api.get(&at).await.is(200).json()["ProfileId"], id);
    for (path, value) in [
        ("/CustomerName/LastName", wide(101)),
        ("/AlternateIds/0/AlternateId", wide(257)),
        ("/Emails/0/EmailAddress", format!("x{email}")),
        ("/Addresses/0/City", wide(51)),
        ("/CustomFields/0/Value", wide(4001)),
        ("/ProfileTags/0/Name", wide(101)),
    ] {
        let mut longer = profile.clone();
        *longer.pointer_mut(path).unwrap() = json!(value);
        let last = path.rsplit('/').next().unwrap();
        api.post(&api.profile_path(""), &longer).await.refuses(400, &[last]);
    }
    assert_eq!(api.ids("Everybody", json!({})).await, [id], "a refused one leaves nothing");
}
