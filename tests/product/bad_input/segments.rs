//! Bodies about segments, their groups and their permissions.

use super::{
    profiles::deep,
    written::{Row, Watched},
};
use crate::configuration::path;

type Line = (&'static str, String, u16, &'static [&'static str]);

fn rows(lines: Vec<Line>) -> Vec<Row<'static>> {
    lines.into_iter().map(|(what, body, status, words)| (what, body.into_bytes(), status, words)).collect()
}

#[tokio::test]
async fn malformed_segments_are_refused_with_their_problem_and_nothing_is_saved() {
    let watched = Watched::start().await;
    let before = watched.written().await;
    let saved = rows([segments(), criteria(r#""Name":"New","#)].concat());
    watched.refuses(&watched.admin, "POST", &path("/Segments"), &saved).await;
    // There the address has the name, and what the body says of it must be the same.
    let of_the_name = ["no name", "name null", "empty name", "name too long", "NUL in the name", "name taken"];
    let changed: Vec<Row> = saved.iter().filter(|row| !of_the_name.contains(&row.0)).cloned().collect();
    watched.refuses(&watched.admin, "PUT", &path("/Segments/New"), &changed).await;
    watched.refuses(&watched.admin, "POST", &path("/Segments/Preview"), &rows(criteria(""))).await;
    let other = (
        "another name than the address",
        br#"{"Name":"Stale"}"#.to_vec(),
        400,
        &["Name: \"Stale\"", "\"New\""] as &[&str],
    );
    watched.refuses(&watched.admin, "PUT", &path("/Segments/New"), &[other]).await;
    watched.refuses(&watched.admin, "POST", &path("/SegmentGroups"), &rows(groups())).await;
    watched.refuses(&watched.admin, "PUT", &path("/Segments/A/Permissions"), &rows(permissions())).await;
    watched.nothing_was_written_since(&before).await;
}

fn segments() -> Vec<Line> {
    let named = |name: &str| format!(r#"{{"Name":{name}}}"#);
    let with = |more: &str| format!(r#"{{"Name":"New",{more}}}"#);
    vec![
        ("empty", String::new(), 400, &["nothing was sent", "JSON"]),
        ("not JSON", "hello".into(), 400, &["can't be read as JSON", "expected value"]),
        ("half", "{".into(), 400, &["what was sent can't be read as JSON", "EOF"]),
        ("something behind", named("\"New\"") + "x", 400, &["can't be read as JSON", "trailing characters"]),
        ("list", "[]".into(), 400, &["sequence", "expected an object"]),
        ("null", "null".into(), 400, &["null", "expected an object"]),
        ("no name", "{}".into(), 400, &["missing field `Name`"]),
        ("name as number", named("5"), 400, &["Name", "`5`", "expected a string"]),
        ("name null", named("null"), 400, &["Name", "null", "expected a string"]),
        ("empty name", named("\"\""), 400, &["Name", "blank", "1 to 100"]),
        ("name too long", named(&format!("\"{}\"", "x".repeat(300))), 400, &["Name", "300 characters", "at most 100"]),
        ("NUL in the name", named("\"a\\u0000b\""), 400, &["Name: \"a\\0b\"", "control character"]),
        ("name taken", named("\"EVERYONE\""), 409, &["\"EVERYONE\"", "is the name of another"]),
        ("unknown member", with("\"Nope\":1"), 400, &["unknown field `Nope`", "`Criteria`"]),
        (
            "profiles in words",
            with("\"Profiles\":\"Some\""),
            400,
            &["Profiles: \"Some\"", "Active, Inactive, Deleted, All"],
        ),
        ("profiles as number", with("\"Profiles\":1"), 400, &["Profiles: 1", "Active, Inactive, Deleted, All"]),
        ("output as number", with("\"Output\":5"), 400, &["Output", "`5`", "expected an object"]),
        ("output as a list", with("\"Output\":[true,true]"), 400, &["Output", "sequence", "expected an object"]),
        (
            "output in words",
            with("\"Output\":{\"Preferences\":\"no\"}"),
            400,
            &["Output.Preferences", "\"no\"", "expected a boolean"],
        ),
        ("unknown output", with("\"Output\":{\"Nope\":true}"), 400, &["unknown field `Nope`", "`CustomFields`"]),
        ("permissions within", with("\"Permissions\":[]"), 400, &["unknown field `Permissions`"]),
    ]
}

/// Definitions, with other members before them.
fn criteria(other: &str) -> Vec<Line> {
    let with = |criteria: &str| format!(r#"{{{other}"Criteria":{criteria}}}"#);
    vec![
        ("number", with("5"), 400, &["Criteria: expected an object, got the number 5"]),
        ("list", with("[]"), 400, &["Criteria: expected an object, got an array"]),
        ("string", with("\"a\""), 400, &["Criteria: expected an object, got the text \"a\""]),
        ("nothing", with("{}"), 400, &["Criteria: the row is empty", "All, Any, Not"]),
        ("twice", with(r#"{"Tag":"a"},"Criteria":{"Tag":"b"}"#), 400, &["duplicate field `Criteria`"]),
        (
            "member twice",
            with(r#"{"Preference":"NEWS-EMAIL","Type":"OptOut","Type":"OptIn"}"#),
            400,
            &["Criteria: duplicate field `Type`"],
        ),
        ("number in a list", with(r#"{"All":[5]}"#), 400, &["Criteria.All[0]: expected an object, got the number 5"]),
        ("object for a list", with(r#"{"All":{}}"#), 400, &["Criteria.All: expected an array of rows, got an object"]),
        ("list for an object", with(r#"{"Not":[]}"#), 400, &["Criteria.Not: expected an object, got an array"]),
        ("about nothing known", with(r#"{"Nope":1}"#), 400, &["Criteria.Nope", "All, Any, Not"]),
        ("about two things", with(r#"{"Tag":"a","All":[]}"#), 400, &["Criteria.All: a row is about one thing", "Tag"]),
        ("tag as number", with(r#"{"Tag":5}"#), 400, &["Criteria.Tag: expected the name of a tag, got the number 5"]),
        ("empty tag", with(r#"{"Tag":""}"#), 400, &["Criteria.Tag: the text is empty"]),
        ("no operator", with(r#"{"Field":"Address.City"}"#), 400, &["Criteria: no operator is given", "StartsWith"]),
        ("unknown operator", with(r#"{"Field":"Address.City","Like":"x"}"#), 400, &["Criteria.Like", "StartsWith"]),
        (
            "unknown field",
            with(r#"{"Field":"Address.Nope","Is":"GA"}"#),
            400,
            &["Criteria.Field: \"Address.Nope\"", "Address.City"],
        ),
        (
            "number for a text",
            with(r#"{"Field":"Address.City","Is":5}"#),
            400,
            &["Criteria.Is: expected text, got the number 5"],
        ),
        ("no value", with(r#"{"Field":"Address.City","In":[]}"#), 400, &["Criteria.In: the array is empty"]),
        ("unknown filter", with(r#"{"Preference":"NOPE"}"#), 400, &["Criteria.Preference: \"NOPE\"", "NEWS-EMAIL"]),
        (
            "unknown choice",
            with(r#"{"Preference":"NEWS-EMAIL","Type":"Maybe"}"#),
            400,
            &["Criteria.Type: \"Maybe\"", "OptIn, OptOut"],
        ),
        ("unknown consent", with(r#"{"Consent":"Nope"}"#), 400, &["Criteria.Consent: \"Nope\"", "Marketing, Terms"]),
        (
            "unknown custom field",
            with(r#"{"CustomField":"Nope","Is":"x"}"#),
            400,
            &["Criteria.CustomField: \"Nope\"", "Age, Note, Colour"],
        ),
        (
            "text for a number",
            with(r#"{"CustomField":"Age","Is":"x"}"#),
            400,
            &["Criteria.Is: expected a number, got the text \"x\""],
        ),
        (
            "huge",
            with(r#"{"CustomField":"Age","Is":1e400}"#),
            400,
            &["Criteria.Is: can't be read as JSON", "number out of range"],
        ),
        (
            "far within",
            with(r#"{"All":[{"Tag":"a"},{"Any":[{"Tag":"b","Exists":"yes"}]}]}"#),
            400,
            &["Criteria.All[1].Any[0].Exists", "\"yes\""],
        ),
        ("deep", with(&deep("{\"Not\":", "}")), 400, &["can't be read as JSON", "recursion limit"]),
    ]
}

fn groups() -> Vec<Line> {
    let with = |members: &str| format!(r#"{{"Name":"New","Members":{members}}}"#);
    vec![
        ("no members", r#"{"Name":"New"}"#.into(), 400, &["missing field `Members`"]),
        ("members as number", with("5"), 400, &["Members", "`5`", "expected a sequence"]),
        ("empty", with("[]"), 400, &["Members: is empty", "at least one"]),
        ("member as string", with("[\"A\"]"), 400, &["Members[0]", "\"A\"", "expected an object"]),
        ("unknown segment", with(r#"[{"Segment":"Nope"}]"#), 400, &["Members[0].Segment: \"Nope\""]),
        (
            "unknown operator",
            with(r#"[{"Segment":"A"},{"Segment":"B","Operator":"XOR"}]"#),
            400,
            &["Members[1].Operator: \"XOR\"", "AND, OR, EXCEPT"],
        ),
        (
            "living and deleted",
            with(r#"[{"Segment":"A"},{"Segment":"Deleted"}]"#),
            400,
            &["Members[1].Segment", "A and Deleted"],
        ),
        (
            "output as a list",
            r#"{"Name":"New","Members":[{"Segment":"A"}],"Output":[true]}"#.into(),
            400,
            &["Output", "expected an object"],
        ),
    ]
}

fn permissions() -> Vec<Line> {
    vec![
        ("empty", String::new(), 400, &["nothing was sent", "JSON"]),
        ("object", "{}".into(), 400, &["map", "expected a sequence"]),
        ("number", "[5]".into(), 400, &["[0]", "`5`", "expected an object"]),
        ("unknown group", r#"[{"UserGroup":"Nobody"}]"#.into(), 400, &["[0].UserGroup: \"Nobody\"", "Exporters"]),
        (
            "unknown right",
            r#"[{"UserGroup":"Exporters","CanFly":true}]"#.into(),
            400,
            &["unknown field `CanFly`", "`CanExecute`"],
        ),
        (
            "right in words",
            r#"[{"UserGroup":"Exporters","CanExecute":"yes"}]"#.into(),
            400,
            &["[0].CanExecute", "\"yes\"", "expected a boolean"],
        ),
    ]
}
