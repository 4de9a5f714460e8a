//! Each kind: listing, making, reading, changing.

use serde_json::{Value, json};

use super::{TYPES, make, of, patch, path};
use crate::harness::*;

#[tokio::test]
async fn types_of_all_six_kinds_are_made_listed_read_and_changed() {
    let world = World::start().await;
    let admin = world.admin().await;
    for (all, one) in TYPES {
        let sent = json!({"TypeName": "Fresh", "LocalizedFields": [{"Locale": "en_US", "Name": "Fresh", "Description": null}]});
        let answer = admin.post(&path(&format!("/{all}")), &sent).await.is(201);
        let made = answer.json();
        let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["TypeName", "LocalizedFields", "IsDefault", "IsActive", "TypeId", "Edited"]);
        assert_eq!((&made["IsDefault"], &made["IsActive"]), (&json!(false), &json!(true)));
        let location = answer.header("location").unwrap().to_owned();
        assert_eq!(location, path(&format!("/{one}/{}", made["TypeId"])));
        let read = admin.get(&location).await.is(200);
        assert_eq!(read.json(), made);
        assert_eq!(read.header("etag"), answer.header("etag"));
        let list = admin.get(&path(&format!("/{all}"))).await.is(200).json();
        assert_eq!(*of(&list, all, "TypeName", "Fresh"), made);
        let narrowed = admin.get(&path(&format!("/{all}?Id={}", made["TypeId"]))).await.is(200).json();
        assert_eq!(narrowed, json!({ all: [made] }));
        world.advance(1_000);
        let off = json!([{"op": "replace", "path": "/IsActive", "value": false}]);
        let off = patch(&admin, &format!("/{one}/{}", made["TypeId"]), off).await.is(200).json();
        assert_eq!((&off["IsActive"], &off["TypeId"]), (&json!(false), &made["TypeId"]));
        assert_eq!(off["Edited"]["LastModifiedDate"], iso(world.now()));
        assert_eq!(off["Edited"]["CreateDate"], made["Edited"]["CreateDate"]);
    }
}

#[tokio::test]
async fn one_that_is_not_there_is_a_404_that_names_it() {
    let world = World::start().await;
    let admin = world.admin().await;
    let nothing = json!([]);
    for (all, one) in TYPES {
        admin.get(&path(&format!("/{all}?Id=77"))).await.refuses(404, &["type", "77"]);
        admin.get(&path(&format!("/{all}?Id="))).await.refuses(404, &["type"]);
        admin.get(&path(&format!("/{one}/Home"))).await.refuses(404, &["Home"]);
        patch(&admin, &format!("/{one}/77"), nothing.clone()).await.refuses(404, &["77"]);
    }
    for rest in ["/Picklist/77", "/ConsentTypes/77", "/ProgramGroups/NOPE", "/Programs/NOPE", "/Filters/NOPE"] {
        admin.get(&path(rest)).await.refuses(404, &[]);
    }
    // a number of another kind of field
    let age = of(&admin.get(&path("/CustomFields")).await.json(), "CustomFields", "Name", "Age")["Id"].clone();
    admin.get(&path(&format!("/CustomField/Numeric/{age}"))).await.is(200);
    admin.get(&path(&format!("/CustomField/Text/{age}"))).await.refuses(404, &["text field"]);
}

#[tokio::test]
async fn custom_fields_of_four_kinds_have_their_own_members() {
    let world = World::start().await;
    let admin = world.admin().await;
    for (kind, sent, members) in [
        (
            "Text",
            json!({"Name": "Plate", "MinLength": 2, "MaxLength": 8, "RegularExpression": "[A-Z]+"}),
            json!({"MinLength": 2, "MaxLength": 8, "RegularExpression": "[A-Z]+"}),
        ),
        (
            "Numeric",
            json!({"Name": "Height", "Max": 2.5, "DecimalPlaces": 2}),
            json!({"Min": null, "Max": 2.5, "DecimalPlaces": 2}),
        ),
        ("DateTime", json!({"Name": "Since"}), json!({})),
        (
            "SelectList",
            json!({"Name": "Paint", "Picklist": "Colours", "Multiple": true}),
            json!({"Picklist": "Colours", "Multiple": true}),
        ),
    ] {
        let made = make(&admin, &format!("/CustomField/{kind}"), sent).await;
        for (member, value) in members.as_object().unwrap() {
            assert_eq!(made[member], *value, "{kind} {member}");
        }
        assert_eq!(
            (&made["FieldType"], &made["UpdateRule"], &made["IsActive"]),
            (&json!(kind), &json!("Always"), &json!(true))
        );
        let one = format!("/CustomField/{kind}/{}", made["Id"]);
        let rule = json!([{"op": "replace", "path": "/UpdateRule", "value": "Never"}]);
        assert_eq!(patch(&admin, &one, rule).await.is(200).json()["UpdateRule"], "Never");
        let read = admin.get(&path(&one)).await.is(200).json();
        let of_kind = admin.get(&path(&format!("/CustomField/{kind}"))).await.is(200).json();
        assert_eq!(*of(&of_kind, "CustomFields", "Name", made["Name"].as_str().unwrap()), read);
        let all = admin.get(&path("/CustomFields")).await.is(200).json();
        assert_eq!(*of(&all, "CustomFields", "Name", made["Name"].as_str().unwrap()), read);
    }
    let text = admin.get(&path("/CustomField/Text")).await.json();
    assert!(text["CustomFields"].as_array().unwrap().iter().all(|f| f["FieldType"] == "Text"), "{text}");
    // one name space for all four
    admin.post(&path("/CustomField/Text"), &json!({"Name": "HEIGHT"})).await.refuses(409, &["HEIGHT"]);
}

#[tokio::test]
async fn a_field_that_could_hold_nothing_is_refused_with_its_member() {
    let world = World::start().await;
    let admin = world.admin().await;
    for (kind, sent, words) in [
        ("Text", json!({"Name": "X", "MinLength": 5, "MaxLength": 4}), ["MinLength: ", "MaxLength"]),
        ("Text", json!({"Name": "X", "RegularExpression": "[a"}), ["RegularExpression: ", "no regular expression"]),
        ("Numeric", json!({"Name": "X", "Min": 2, "Max": 1}), ["Min: ", "Max"]),
        ("SelectList", json!({"Name": "X", "Picklist": "Nope"}), ["Picklist: ", "Colours"]),
        ("SelectList", json!({"Name": "X"}), ["Picklist", "missing"]),
        ("DateTime", json!({"Name": "X", "MinLength": 1}), ["MinLength", "unknown"]),
        ("Text", json!({"Name": "x".repeat(95)}), ["Name: ", "94"]),
    ] {
        let refused = admin.post(&path(&format!("/CustomField/{kind}")), &sent).await.refuses(400, &words);
        assert!(!refused.message().contains("CustomFields["), "{}", refused.message());
    }
}

#[tokio::test]
async fn picklists_are_made_and_changed() {
    let world = World::start().await;
    let admin = world.admin().await;
    let made = make(&admin, "/Picklist", json!({"Name": "Sizes", "Values": ["S", "M"]})).await;
    let one = format!("/Picklist/{}", made["Id"]);
    let longer = patch(&admin, &one, json!([{"op": "add", "path": "/Values/-", "value": "L"}])).await.is(200).json();
    assert_eq!(longer["Values"], json!(["S", "M", "L"]));
    let list = admin.get(&path("/Picklist")).await.is(200).json();
    assert_eq!(*of(&list, "Picklist", "Name", "Sizes"), longer);
    patch(&admin, &one, json!([{"op": "add", "path": "/Values/-", "value": "s"}])).await.refuses(400, &["Values[3]"]);
}

#[tokio::test]
async fn consent_types_carry_their_versions() {
    let world = World::start().await;
    let admin = world.admin().await;
    let sent = json!({"TypeName": "Sms", "Channel": "Text", "Versions": [
        {"ConsentVersion": "1", "ExpirationInDays": 7, "LocalizedFields": [{"Locale": "en_US", "ConsentLanguage": "Yes."}, {"Locale": "de_DE"}]}]});
    let made = make(&admin, "/ConsentTypes", sent).await;
    assert_eq!(
        made["Versions"],
        json!([{"ConsentVersion": "1", "ExpirationInDays": 7, "IsActive": true, "IsAssociatedWithProfiles": false, "LocalizedFields": [
            {"Locale": "en_US", "Name": null, "Description": null, "ConsentLanguage": "Yes."},
            {"Locale": "de_DE", "Name": null, "Description": null, "ConsentLanguage": null}]}])
    );
    let one = format!("/ConsentTypes/{}", made["TypeId"]);
    let second = json!({"ConsentVersion": "2", "LocalizedFields": [{"Locale": "en_US"}]});
    let two = patch(&admin, &one, json!([{"op": "add", "path": "/Versions/-", "value": second}])).await.is(200).json();
    assert_eq!(two["Versions"].as_array().unwrap().len(), 2);
    let none = json!([{"op": "replace", "path": "/Versions/1/LocalizedFields", "value": []}]);
    patch(&admin, &one, none).await.refuses(400, &["Versions[1].LocalizedFields", "at least one locale"]);
    let list = admin.get(&path("/ConsentTypes?locale=de_DE")).await.is(200).json();
    let localised = of(&list, "ConsentTypes", "TypeName", "Sms");
    assert_eq!(localised["Versions"][0]["LocalizedFields"].as_array().unwrap().len(), 1);
    assert_eq!(localised["Versions"][0]["LocalizedFields"][0]["Locale"], "de_DE");
    assert_eq!(localised["Versions"][1]["LocalizedFields"][0]["Locale"], "en_US", "the account's default");
}

#[tokio::test]
async fn update_rules_and_consent_status_are_the_words_that_other_members_take() {
    let world = World::start().await;
    let admin = world.admin().await;
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|c| c["Name"].as_str().unwrap().to_owned()).collect()
    };
    let rules = admin.get(&path("/UpdateRules")).await.is(200).json();
    assert_eq!(names(&rules["UpdateRules"]), ["Always", "IfCurrentBlank", "IfNewNotBlank", "Never"]);
    let states = admin.get(&path("/ConsentStatus")).await.is(200).json();
    assert_eq!(names(&states["ConsentStatus"]), ["Granted", "Denied", "Revoked", "NotSet"]);
    assert_eq!(states["ConsentStatus"][0]["Id"], 1);
}

#[tokio::test]
async fn locale_leaves_the_fields_of_one_locale() {
    let world = World::start().await;
    let admin = world.admin().await;
    let fields = json!([{"Locale": "en_US", "Name": "Holiday"}, {"Locale": "de_DE", "Name": "Ferien"}]);
    make(&admin, "/AddressTypes", json!({"TypeName": "Holiday", "LocalizedFields": fields})).await;
    for (wanted, name) in [("de_de", "Ferien"), ("fr_FR", "Holiday")] {
        let list = admin.get(&path(&format!("/AddressTypes?locale={wanted}"))).await.is(200).json();
        let shown = of(&list, "AddressTypes", "TypeName", "Holiday")["LocalizedFields"].clone();
        assert_eq!(shown.as_array().unwrap().len(), 1);
        assert_eq!(shown[0]["Name"], name);
    }
}
