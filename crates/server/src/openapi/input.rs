//! Schemas that stand in bodies and in answers, told apart. A caller may send only the members that are known (where the struct says
//! so); a reader must expect new ones. And some members take more forms than they are given in.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

const SCHEMAS: &str = "#/components/schemas/";

/// Gives every schema that stands in both a twin for bodies, and leaves answers open for new members.
pub(super) fn separate(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for (_, _, operation) in super::operations(document) {
        reach(&operation["requestBody"], true, &schemas, &mut sent);
        reach(&operation["responses"], false, &schemas, &mut answered);
    }
    let both: BTreeSet<_> = sent.intersection(&answered).cloned().collect();
    let mut all = Map::new();
    for (name, mut schema) in schemas {
        if both.contains(&name) {
            let mut twin = schema.clone();
            rename(&mut twin, &both);
            words(&mut twin);
            ignored(&mut twin);
            all.insert(format!("{name}Input"), twin);
        }
        if sent.contains(&name) && !both.contains(&name) {
            rename(&mut schema, &both);
        }
        if answered.contains(&name)
            && let Some(schema) = schema.as_object_mut()
        {
            schema.shift_remove("additionalProperties");
        }
        all.insert(name, schema);
    }
    all.sort_keys();
    for (path, method, operation) in super::operations(document) {
        let Some(body) = operation.get_mut("requestBody") else { continue };
        rename(body, &both);
        let named = ["Segment", "Users", "UserGroups", "SourceGroups"].map(|kind| format!("}}/{kind}"));
        if method == "put" && named.iter().any(|kind| path.contains(kind)) {
            let member = if path.contains("/Users/") { "UserId" } else { "Name" };
            named_by_address(body, member, &mut all);
        }
    }
    document["components"]["schemas"] = all.into();
}

/// What a PUT makes has the name of its address: the body may leave it out.
fn named_by_address(body: &mut Value, member: &str, schemas: &mut Map<String, Value>) {
    let Some(Value::String(to)) = body.pointer_mut("/content/application~1json/schema/$ref") else { return };
    let name = to.trim_start_matches(SCHEMAS).to_owned();
    let Some(mut schema) = schemas.get(&name).cloned() else { return };
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|required| required != member);
    }
    schema["properties"][member]["type"] = json!(["string", "null"]);
    to.push_str("Named");
    schemas.insert(format!("{name}Named"), schema);
}

/// The names of all schemas that a value leads to.
fn reach(value: &Value, in_body: bool, schemas: &Map<String, Value>, found: &mut BTreeSet<String>) {
    match value {
        // what is read-only is ignored in a body
        Value::Object(object) if in_body && object.get("readOnly") == Some(&Value::Bool(true)) => {}
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(SCHEMAS))
                && found.insert(name.to_owned())
                && let Some(schema) = schemas.get(name)
            {
                reach(schema, in_body, schemas, found);
            }
            object.values().for_each(|value| reach(value, in_body, schemas, found));
        }
        Value::Array(array) => array.iter().for_each(|value| reach(value, in_body, schemas, found)),
        _ => {}
    }
}

/// Lets references to schemas that have a twin lead to it.
fn rename(value: &mut Value, both: &BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                let name = value.as_str().and_then(|to| to.strip_prefix(SCHEMAS)).filter(|_| key == "$ref");
                match name.filter(|name| both.contains(*name)).map(str::to_owned) {
                    Some(name) => *value = format!("{SCHEMAS}{name}Input").into(),
                    None => rename(value, both),
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(|value| rename(value, both)),
        _ => {}
    }
}

/// Whatever stands in a read-only member of a body is passed over.
fn ignored(schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    let members = members.into_iter().flatten().map(|(_, member)| member);
    for member in members.filter(|member| member["readOnly"] == true) {
        *member = match member.get("description") {
            Some(description) => json!({"description": description, "readOnly": true}),
            None => json!({"readOnly": true}),
        };
    }
}

/// Numbers that input also takes as words, in any letter case (profile.md).
fn words(schema: &mut Value) {
    for (member, words) in [
        ("PreferenceType", &["OptIn", "OptOut"][..]),
        ("ConsentStatus", &["Granted", "Denied", "Revoked", "NotSet"][..]),
    ] {
        let Some(number) =
            schema.get_mut("properties").and_then(|p| p.get_mut(member)).filter(|m| m["type"] == "integer")
        else {
            continue;
        };
        let description = number["description"].take();
        let letters = |c: char| match c.is_ascii_alphabetic() {
            true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
            false => c.to_string(),
        };
        let any_case: Vec<String> = words.iter().map(|word| word.chars().map(letters).collect()).collect();
        let word = json!({"type": "string", "pattern": format!("^(?:{})$", any_case.join("|")), "examples": words});
        *number = json!({"description": description, "oneOf": [{"type": "integer", "minimum": 1, "maximum": words.len()}, word]});
    }
}
