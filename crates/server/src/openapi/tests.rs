//! The document is the committed one, complete, and true to the profiles that are really written.

use std::collections::BTreeSet;

use sayso_model::{profile::Profile, render};
use serde_json::{Value, json};

fn document() -> Value {
    crate::openapi()
}

#[test]
fn openapi_is_the_committed_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let generated = serde_json::to_string_pretty(&crate::openapi()).unwrap() + "\n";
    if std::env::var_os("SAYSO_UPDATE").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/openapi.json is not what the code gives; run SAYSO_UPDATE=1 cargo test -p sayso-server openapi and look at the difference"
    );
}

/// Every call: path, method and description.
fn calls(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    items.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, call)| (path.as_str(), method.as_str(), call))
    })
}

/// What a value says, or what it refers to.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(to) => document.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to} leads nowhere")),
        None => value,
    }
}

#[test]
fn every_call_of_an_account_needs_a_token_or_a_signature_and_tells_its_errors() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let of_account: Vec<_> = calls(&document).filter(|(path, ..)| path.starts_with("/Profiles/v4/")).collect();
    assert!(of_account.len() >= 15);
    for (path, method, call) in of_account {
        assert_eq!(call["security"], json!([{"oauth": ["ClientId/UserId"]}, {"signed": []}]), "{method} {path}");
        assert!(call["operationId"].is_string() && call["summary"].is_string(), "{method} {path}");
        for status in ["400", "401", "403", "404", "406", "500", "503"] {
            let error = resolved(&document, &call["responses"][status]);
            let message = error["content"]["application/json"]["example"]["Message"].as_str();
            assert!(message.is_some_and(|m| !m.is_empty()), "{method} {path} {status}: {error}");
        }
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let named = call["parameters"].as_array().unwrap().iter().any(|p| p["name"] == name && p["in"] == "path");
            assert!(named, "{method} {path} doesn't describe {name}");
        }
    }
}

#[test]
fn every_answer_of_every_call_has_its_headers_and_every_error_an_example() {
    let document = document();
    for (path, method, call) in calls(&document) {
        for (status, answer) in call["responses"].as_object().unwrap() {
            let answer = resolved(&document, answer);
            let has = |name: &str| resolved(&document, &answer["headers"][name])["required"] == true;
            assert!(has("X-Correlation-Id"), "{method} {path} {status}");
            for (of, name) in [
                ("201", "Location"),
                ("304", "ETag"),
                ("401", "WWW-Authenticate"),
                ("429", "Retry-After"),
                ("503", "Retry-After"),
            ] {
                assert!(of != status || has(name), "{method} {path} {status} has no {name}");
            }
            assert!(answer["description"].as_str().is_some_and(|d| !d.is_empty()), "{method} {path} {status}");
            let is_error = status.starts_with(['4', '5']) && path.starts_with("/Profiles");
            assert!(
                !is_error || !answer["content"]["application/json"]["example"].is_null(),
                "{method} {path} {status}"
            );
        }
    }
}

#[test]
fn every_parameter_is_described_with_an_example() {
    let document = document();
    for (path, method, call) in calls(&document) {
        for parameter in call["parameters"].as_array().into_iter().flatten() {
            let said = parameter["description"].as_str().is_some_and(|d| !d.is_empty());
            assert!(said && !parameter["example"].is_null(), "{method} {path}: {parameter}");
            assert!(parameter["schema"]["type"].is_string(), "{method} {path}: {parameter}");
        }
    }
}

#[test]
fn unknown_members_are_excluded_from_bodies_and_expected_in_answers() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["UserProfilePreferenceInput"]["additionalProperties"], false);
    assert_eq!(schemas["EmailPreferenceInput"]["additionalProperties"], false);
    assert_eq!(schemas["UserProfilePreference"].get("additionalProperties"), None);
    let create = &document["paths"]["/Profiles/v4/{clientId}/Profile"]["post"];
    assert_eq!(
        create["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/UserProfilePreferenceInput"
    );
    let emails = &schemas["UserProfilePreferenceInput"]["properties"]["Emails"]["items"]["$ref"];
    assert_eq!(*emails, "#/components/schemas/EmailPreferenceInput");
}

#[test]
fn every_reference_leads_to_a_schema() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to} leads nowhere");
                }
                object.values().for_each(|v| walk(v, document));
            }
            Value::Array(array) => array.iter().for_each(|v| walk(v, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

/// One of everything that a profile can hold.
fn full_profile() -> Profile {
    let day = "2026-11-24T10:00:00.000Z";
    let edited = json!({"CreateDate": day, "CreateUserId": "a", "CreateSourceId": null, "LastModifiedDate": day, "LastModifiedUserId": "a", "LastModifiedSourceId": null});
    let consent = json!({"ConsentType": "Marketing", "ConsentVersion": "1", "Locale": "en_US", "ConsentStatus": 1, "ConsentDate": day, "ExpirationDate": null, "Expired": false, "Edited": edited});
    let preference = json!({"ProgramId": "NEWS", "ChannelId": "Email", "Consents": [{"ConsentType": "Marketing", "ConsentVersion": "1", "Locale": "en_US", "ConsentStatus": 1}],
        "MatchType": "Expressed", "ReasonCode": null, "ExpirationDate": "", "PreferenceStatus": "Active", "LastModifiedDate": day, "UserId": "a", "SourceId": null,
        "FilterId": "NEWS-EMAIL", "PreferenceType": 1, "FrequencyId": null, "PreferenceAttributes": [{"Key": "k", "Value": null}], "CustomerDate": day});
    let profile = json!({
        "ProfileId": 7, "IsActive": true, "Edited": edited, "RegistrationConfirmed": false, "CustomerType": null, "PreserveConsents": true, "PreservePreferences": true,
        "CustomerName": {"Prefix": null, "FirstName": "Ada", "MiddleName": null, "LastName": null, "Suffix": null}, "DefaultLocale": null,
        "Consents": [consent], "ProfilePreferences": [preference],
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "1", "IsActive": true, "Edited": edited}],
        "Addresses": [{"AddressPreferences": [preference], "AddressType": "Home", "IsDefault": true, "Address1": "a", "Address2": null, "City": "b", "StateProvince": "GA", "PostalCode": "1",
            "CountryCode_Alpha2": "US", "CountryCode_Alpha3": "USA", "CountryCode_Numeric": "840", "Country": null, "IsActive": true, "Edited": edited, "Consents": [consent]}],
        "PhoneNumbers": [{"PhoneNumberPreferences": [preference], "PhoneType": "Home", "PhoneNumber": "1", "PhoneNumberNumeric": "1", "IsMobile": true, "IsDefault": true, "IsActive": true, "Edited": edited, "Consents": [consent]}],
        "Emails": [{"EmailPreferences": [preference], "EmailAddressType": "Home", "EmailAddress": "a@example.org", "IsDefault": true, "IsActive": true, "Edited": edited, "Consents": [consent]}],
        "Groups": [{"GroupType": "Household", "GroupName": "Smith", "IsPrimary": true}], "ProfileTags": [{"Name": "vip"}], "CustomFields": [{"Name": "Age", "Value": "21"}],
    });
    serde_json::from_value(profile).unwrap()
}

#[test]
fn the_profile_of_the_document_has_exactly_the_members_that_are_rendered() {
    fn compare(schema: &Value, rendered: &Value, document: &Value, path: &str) {
        if let Some(to) = schema["$ref"].as_str() {
            return compare(document.pointer(to.trim_start_matches('#')).unwrap(), rendered, document, path);
        }
        if let Some(of) = schema["oneOf"].as_array() {
            return compare(of.iter().find(|s| s["type"] != "null").unwrap(), rendered, document, path);
        }
        match rendered {
            Value::Object(object) => {
                let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
                assert_eq!(described, object.keys().collect(), "{path}");
                for (name, value) in object {
                    compare(&schema["properties"][name], value, document, &format!("{path}.{name}"));
                }
            }
            Value::Array(array) => {
                assert!(!array.is_empty(), "{path} needs an element in this test");
                array.iter().for_each(|value| compare(&schema["items"], value, document, path));
            }
            _ => {}
        }
    }
    let mut rendered: Value = serde_json::from_slice(&render::render(&full_profile()).json).unwrap();
    // What reading adds.
    let place = json!({"EmailAddressType": "", "EmailAddress": "", "PhoneType": "", "PhoneNumberNumeric": "", "AddressType": "",
        "Address1": "", "Address2": "", "City": "", "StateProvince": "", "PostalCode": ""});
    rendered["ConsentHistory"] =
        json!([{"Place": place, "Consent": rendered["Consents"][0], "ModifiedDate": "2026-11-24T10:00:00.000Z"}]);
    let document = document();
    compare(&document["components"]["schemas"]["UserProfilePreference"], &rendered, &document, "");
}
