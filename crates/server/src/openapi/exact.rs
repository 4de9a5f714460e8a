//! Schemas that need words of JSON Schema which a derived one can't say.

use serde_json::{Value, json};

/// Makes them exact.
pub(super) fn complete(schemas: &mut Value) {
    schemas.as_object_mut().into_iter().flatten().for_each(|(_, schema)| read_only_lists(schema));
    if let Some(initiate) = schemas.get_mut("InitiateForm") {
        what_goes_together(initiate);
    }
    if let Some(import) = schemas.get_mut("ImportForm") {
        import_goes_together(import);
    }
    if let Some(selector) = schemas.get_mut("PreferenceSelector") {
        at_least_one(selector);
    }
    if let Some(picklist) = schemas.get_mut("Picklist") {
        let value = json!({"type": "string", "minLength": 1, "maxLength": 4000, "pattern": "{name}"});
        picklist["properties"]["Values"]["items"] = value;
        picklist["properties"]["Values"]["uniqueItems"] = true.into();
    }
    if let Some(filter) = schemas.get_mut("ConfiguredFilter") {
        let frequencies = &mut filter["properties"]["Frequencies"];
        frequencies["contains"] = json!({"required": ["IsDefault"], "properties": {"IsDefault": {"const": true}}});
        frequencies["minContains"] = 0.into();
        frequencies["maxContains"] = 1.into();
    }
    for kind in ["Text", "Numeric", "DateTime", "SelectList"] {
        if let Some(field_type) = schemas.pointer_mut(&format!("/Custom{kind}Field/properties/FieldType")) {
            field_type["enum"] = json!([kind]);
        }
    }
    if let Some(field) = schemas.get_mut("AnyCustomField").and_then(Value::as_object_mut)
        && let Some(kinds) = field.shift_remove("oneOf")
    {
        // readers must expect new members, so one may look like another but for its FieldType
        field.insert("anyOf".to_owned(), kinds);
    }
    if let Some(patch) = schemas.get_mut("JsonPatch") {
        *patch = json_patch();
    }
}

/// An import matches by nothing, or by an alternate id type that it names; one that deletes refreshes nothing (docs/import.md, Initiate).
fn import_goes_together(form: &mut Value) {
    let absent = |name: &str| json!({"properties": {name: {"type": "null"}}});
    let there = |name: &str| json!({"required": [name], "properties": {name: {"type": "string", "minLength": 1}}});
    form["anyOf"] = json!([
        {"allOf": [absent("MatchCriteria"), absent("MatchValue")]},
        {"allOf": [there("MatchValue"), {"required": ["MatchCriteria"], "properties": {"MatchCriteria": {"const": "AlternateIdType"}}}]},
    ]);
}

/// A selector without members would mean everything.
fn at_least_one(selector: &mut Value) {
    let members = selector["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
    let there =
        members.map(|name| json!({"required": [name], "properties": {name.as_str(): {"not": {"type": "null"}}}}));
    selector["anyOf"] = there.collect();
}

/// A list that is read-only: the macro says so of its elements.
fn read_only_lists(schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, member) in members.into_iter().flatten() {
        let Some(items) = member.get_mut("items").and_then(Value::as_object_mut) else { continue };
        if let Some(read_only) = items.shift_remove("readOnly") {
            member["readOnly"] = read_only;
        }
    }
}

/// Initiate: no criteria without values, neither values nor a type without criteria, an alternate id never without its type (export.md).
fn what_goes_together(initiate: &mut Value) {
    initiate["properties"]["Values"]["items"] = json!({"type": ["string", "integer"]});
    // of a size that every machine type holds
    let ids = json!({"type": "array", "items": {"oneOf": [
        {"type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1},
        {"type": "string", "pattern": "^[0-9]{1,15}$"},
    ]}});
    let absent = json!({"type": "null"});
    let there = json!({"type": "array"});
    let criteria = |pattern: &str| json!({"type": "string", "pattern": pattern});
    initiate["anyOf"] = json!([
        {"properties": {"MatchCriteria": absent, "MatchType": {"enum": [null, ""]}, "Values": absent}},
        {"required": ["MatchCriteria", "Values"], "properties": {"MatchCriteria": criteria("{profile-id}"), "Values": ids}},
        {"required": ["MatchCriteria", "Values"], "properties": {"MatchCriteria": criteria("{email-or-phone}"), "Values": there}},
        {
            "required": ["MatchCriteria", "MatchType", "Values"],
            "properties": {
                "MatchCriteria": criteria("{alternate-id}"),
                "MatchType": {"type": "string", "pattern": "{text}"},
                "Values": there,
            },
        },
    ]);
}

fn json_patch() -> Value {
    let path = json!({
        "type": "string", "pattern": "^(/([^~/]|~[01])*)*$",
        "description": "A JSON Pointer (RFC 6901) into the document as GET gives it",
    });
    let operation = |words: Value, required: Value| json!({"type": "object", "required": required, "properties": {"op": {"enum": words}, "path": path}});
    json!({
        "type": "array",
        "description": "Operations of RFC 6902 in their order: all succeed, or nothing changes. `move` and `copy` are not taken.",
        "maxItems": 1000,
        "items": {"oneOf": [
            operation(json!(["add", "replace", "test"]), json!(["op", "path", "value"])),
            operation(json!(["remove"]), json!(["op", "path"])),
        ]},
        "example": [
            {"op": "test", "path": "/IsActive", "value": true},
            {"op": "replace", "path": "/IsActive", "value": false},
        ],
    })
}
