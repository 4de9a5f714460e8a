use super::*;

fn field(name: &str, value: impl Into<Value>) -> Value {
    json!({ "CustomFields": [{ "Name": name, "Value": value.into() }] })
}

fn kept_as(name: &str, value: &str) -> String {
    made(field(name, value)).profile.custom_fields.remove(0).value.unwrap()
}

fn taken(name: &str, values: &[&str]) {
    for value in values {
        assert_eq!(kept_as(name, value), *value);
    }
}

fn not_taken(name: &str, values: &[&str]) {
    for value in values {
        refused(field(name, *value), Why::Invalid, "CustomFields[0].Value");
    }
}

#[test]
fn text_has_the_length_and_form_that_the_field_asks_for() {
    taken("Nick", &["Bo", "Annie", "😀😀😀😀😀"]);
    not_taken("Nick", &["B", "Bonnie"]);
    taken("Zip", &["31201"]);
    not_taken("Zip", &["3120", "312012", "31201 ", "x31201"]);
}

#[test]
fn numbers_are_within_bounds_and_decimals() {
    taken("Age", &["0", "150", "+21", "21.5", "007", "-0"]);
    not_taken(
        "Age",
        &["-1", "150.1", "21.55", "old", "1e1", "1,5", ".5", "5.", "", "NaN", "inf", "0x1", "٣", "1 "]
            .map(|v| if v.is_empty() { "-" } else { v }),
    );
}

#[test]
fn dates_are_kept_as_given() {
    taken("Born", &["1980-02-29", "1980-02-29T10:00:00", "1980-02-29T10:00:00.5+01:00"]);
    not_taken("Born", &["1981-02-29", "29.02.1980"]);
}

#[test]
fn choices_are_those_of_the_picklist_in_its_spelling() {
    assert_eq!(kept_as("Color", "RED"), "Red");
    assert_eq!(kept_as("Colors", "green::red"), "Green::Red");
    assert_eq!(kept_as("Colors", "dark::blue"), "Dark::Blue");
    refused(field("Color", "Red::Green"), Why::Unknown, "CustomFields[0].Value");
    refused(field("Colors", "Red::"), Why::Unknown, "CustomFields[0].Value");
    refused(field("Colors", "Red::red"), Why::Invalid, "CustomFields[0].Value");
}

#[test]
fn a_blank_value_clears_the_field() {
    let kept = made(field("Nick", "Annie"));
    for blank in [json!(null), json!(""), json!(" ")] {
        let Changed { kept: after, former, .. } = changed(&kept, field("nick", blank));
        assert_eq!(after.profile.custom_fields, []);
        assert_eq!(former[0].value, json!({ "Name": "Nick", "Value": "Annie" }));
        assert_eq!(former[0].kind, HistoryKind::CustomFields);
    }
    assert_eq!(made(field("Nick", json!(null))).profile.custom_fields, []);
}

#[test]
fn the_update_rule_decides_silently_whether_a_new_value_is_taken() {
    let value = |name: &str, old: Option<&str>, new: Option<&str>| {
        let kept = made(field(name, old));
        let Changed { kept: after, former, .. } = changed(&kept, field(name, new));
        assert_eq!(former.is_empty(), after.profile.custom_fields == kept.profile.custom_fields || old.is_none());
        after.profile.custom_fields.first().and_then(|f| f.value.clone())
    };
    let some = |s: &str| Some(s.to_owned());
    // Always, IfCurrentBlank, IfNewNotBlank, Never
    for (name, blank_to_b, a_to_b, a_to_blank) in [
        ("Note", some("b"), some("b"), None),
        ("First", some("b"), some("a"), some("a")),
        ("Last", some("b"), some("b"), some("a")),
        ("Fixed", None, some("a"), some("a")),
    ] {
        assert_eq!(value(name, None, Some("b")), blank_to_b, "{name}");
        assert_eq!(value(name, Some("a"), Some("b")), a_to_b, "{name}");
        assert_eq!(value(name, Some("a"), None), a_to_blank, "{name}");
    }
}

#[test]
fn a_field_that_is_switched_off_takes_no_new_value() {
    refused(field("Off", "x"), Why::Unknown, "CustomFields[0].Name");
    let mut kept = made(field("Note", "x"));
    kept.profile.custom_fields[0].name = "Off".into();
    changed(&kept, field("Off", "x"));
    assert_eq!(changed(&kept, field("Off", json!(null))).kept.profile.custom_fields, []);
}

#[test]
fn clearing_several_fields_at_once_leaves_the_others() {
    let all = |values: [Value; 3]| {
        let [a, b, c] = values;
        json!({ "CustomFields": [{ "Name": "Note", "Value": a }, { "Name": "Nick", "Value": b }, { "Name": "Age", "Value": c }] })
    };
    let kept = made(all([json!("x"), json!("Bo"), json!("1")]));
    let after = changed(&kept, all([json!(null), json!("Bo"), json!(null)])).kept;
    assert_eq!(after.profile.custom_fields, [kept.profile.custom_fields[1].clone()]);
}
