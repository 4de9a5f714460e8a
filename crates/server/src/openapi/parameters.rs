//! Parameters that several calls have: what they are, described once.

use serde_json::{Value, json};

/// 2^53 − 1, the largest integer that every reader of JSON keeps exactly.
const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// What a parameter is: its description, its schema, an example.
fn known(name: &str, get: bool) -> Option<(&'static str, Value, Value)> {
    let text = |most: u64| json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": super::patterns::named("{text}")});
    let integer = |most: u64| json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": most});
    let flag = |default: bool| json!({"type": "boolean", "default": default});
    // what nobody can have is found nowhere
    let sought = json!({"type": "string", "minLength": 1});
    let any = json!({"type": "string"});
    // what isn't an ETag is none that is there
    let tag = json!({"type": "string"});
    Some(match name {
        "clientId" => {
            ("The account, in any letter case", json!({"type": "string", "minLength": 1}), json!("ACME_CORP"))
        }
        "profileId" => ("The profile", integer(LARGEST_EXACT), json!(1042)),
        "accessToken" => ("The token of Initiate", integer(LARGEST_EXACT), json!(5_121_984_601_220_483_u64)),
        "alternateId" => ("The id, in any letter case", text(256), json!("C-1001")),
        "alternateIdType" => ("Its type, in any letter case", text(100), json!("CRM")),
        "filterId" => ("The filter, in any letter case", text(50), json!("NEWS-EMAIL")),
        "consentType" => ("The type of the consent, in any letter case", text(100), json!("Marketing")),
        "segmentName" => ("The segment, in any letter case", text(256), json!("Georgia newsletter")),
        "segmentGroupName" => ("The segment group, in any letter case", text(256), json!("Georgia reachable")),
        "oauthClientId" => (
            "The OAuth client",
            json!({"type": "string", "minLength": 1, "maxLength": 100}),
            json!("rXb2c9TgWm4LqKzP0sYvD7hJ1nEaUf8o3iRtGk5xQwZyBdCl"),
        ),
        "certificateId" => (
            "The certificate: the thumbprint of its key",
            json!({"type": "string", "minLength": 1, "maxLength": 100}),
            json!("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        ),
        "emailAddress" => ("An email address, in any letter case", sought, json!("ada@example.org")),
        "lastName" => ("The last name, in any letter case", sought, json!("Smith")),
        "operator" => (
            "And: all must be so; Or: one is enough; in any letter case",
            json!({"type": "string", "pattern": "^(?:[Aa][Nn][Dd]|[Oo][Rr])$", "default": "And"}),
            json!("And"),
        ),
        "emailType" => ("Its type; any when left out", any.clone(), json!("Home")),
        "phoneNumber" => ("A phone number; its digits count", sought, json!("+1 404 555 0123")),
        "phoneType" => ("Its type; any when left out", any.clone(), json!("Home")),
        "addressType" => ("The type of the address; any when left out", any.clone(), json!("Home")),
        "groupType" => ("The type of the group", text(100), json!("Household")),
        "groupName" => ("The name of the group", text(100), json!("Smith")),
        "reasonCode" => ("Why", json!({"type": "string", "maxLength": 256}), json!("right to erasure")),
        "implied" => ("false leaves implied preferences out", flag(true), json!(true)),
        "includeConsentHistory" => ("false leaves former consents out", flag(true), json!(true)),
        "includeInactive" => ("true finds deactivated profiles too", flag(false), json!(false)),
        "keepAlive" => ("true: the last block does not end the token", flag(false), json!(false)),
        "keepFiles" => ("true: the files stay for the operator for some days more", flag(false), json!(false)),
        "Id" => ("This one alone", integer(LARGEST_EXACT), json!(1)),
        "locale" => (
            "Localised fields of this locale alone; of the account's default where there are none",
            any,
            json!("en_US"),
        ),
        "If-Match" => ("ETags: 412 unless what is there has one of them (RFC 9110, 13.1.1)", tag, json!("*")),
        "If-None-Match" if get => {
            ("ETags: 304 when what is there has one of them still", tag, json!("\"18f3a-5c0ffee\""))
        }
        "If-None-Match" => ("`*`: 412 when there is one already", tag, json!("*")),
        "Idempotency-Key" => (
            "The same key from the same user and route within 24 h answers the first call's token",
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": super::patterns::named("{key}")}),
            json!("nightly-2026-11-24"),
        ),
        _ => return None,
    })
}

/// Completes what an operation says of its parameters, and adds those of its path that it doesn't name.
pub(super) fn describe(operation: &mut Value, path: &str, method: &str) {
    let mut parameters = match operation["parameters"].take() {
        Value::Array(parameters) => parameters,
        _ => Vec::new(),
    };
    let named: Vec<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
    for name in named.iter().rev().filter(|name| known(name, true).is_some()) {
        if !parameters.iter().any(|p| p["in"] == "path" && p["name"] == **name) {
            parameters.insert(0, json!({"name": name, "in": "path", "required": true}));
        }
    }
    for parameter in &mut parameters {
        complete(parameter, method == "get");
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    } else if let Some(operation) = operation.as_object_mut() {
        operation.shift_remove("parameters");
    }
}

fn complete(parameter: &mut Value, get: bool) {
    // a parameter is left out, never null
    if let Some(types) = parameter.pointer_mut("/schema/type").and_then(Value::as_array_mut) {
        types.retain(|t| t != "null");
        if let [one] = &types[..] {
            parameter["schema"]["type"] = one.clone();
        }
    }
    let Some((description, schema, example)) = parameter["name"].as_str().and_then(|name| known(name, get)) else {
        return;
    };
    if parameter["description"].as_str().unwrap_or_default().is_empty() {
        parameter["description"] = description.into();
    }
    // a bare type is what the macro makes of `String`, `u64` or `bool`
    let bare = parameter["schema"]
        .as_object()
        .is_none_or(|schema| schema.keys().all(|key| ["type", "format", "minimum"].contains(&key.as_str())));
    if bare && parameter["schema"] != schema {
        parameter["schema"] = schema;
        parameter["example"] = example;
    } else if parameter.get("example").is_none() {
        parameter["example"] = example;
    }
}
